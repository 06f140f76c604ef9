//! What a model computes between its convolutions, in bfloat16 with channels last, on the CPU.
//!
//! libtorch runs batch normalisation, activation and pooling one after the other, each over the whole of a batch, and
//! keeps what it needs for the way back as tensors of their own. Here normalisation and activation are one pass, the way
//! back computes again what it needs, and a pool remembers one byte a window.
//!
//! Plain functions over slices, of some rows of a batch each, so that callers can share a batch among threads. A row is
//! the channels of one pixel. Numbers are the bits of bfloat16; sums are float32. Results do not depend on the
//! processor: [`available`] says whether it is fast enough to be worth it.

mod number;
mod pool;
mod rows;

pub use number::{from_bits, to_bits};
pub use pool::{Images, max_pool, max_pool_backward};
pub use rows::{Activation, GradientSums, Normed, backward, gradient_sums, normalize, sums};

/// Whether the processor has the instructions that these functions are written for.
pub fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("fma")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Runs a function in the instructions of [`available`] where the processor has them, and in plain ones elsewhere.
macro_rules! dispatch {
    ($(#[doc = $docs:literal])* pub fn $name:ident($($arg:ident : $type:ty),* $(,)?) => $body:ident) => {
        $(#[doc = $docs])*
        pub fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
                fn wide($($arg: $type),*) {
                    $body($($arg),*)
                }
                if $crate::available() {
                    #[allow(unsafe_code, reason = "instructions that only some processors have")]
                    // SAFETY: the processor has them, as was just asked.
                    return unsafe { wide($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}
use dispatch;
