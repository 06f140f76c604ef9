//! Vector instructions, chosen when the program runs.
//!
//! Each operation has a plain version, which is its definition, and versions for what a processor may have; all give
//! the same bytes. This folder is the only one of the crate with `unsafe` code: calls of functions that need an
//! instruction set, after asking the processor for it, and loads and stores whose bounds are checked beside them.
#![allow(unsafe_code, reason = "instructions that only some processors have cannot be called safely")]

mod color;
mod entropy;
mod fill;
mod interleave;
mod lines;
mod moves;
mod resize;
mod scale;
mod transform;

pub(crate) use color::{Rows, convert};
pub(crate) use entropy::decode;
pub(crate) use fill::fill_lines;
pub use interleave::{interleave, mirror_pixels};
pub(crate) use lines::Lines;
pub use lines::{prefetch, settle};
pub(crate) use moves::{Moved, move_pixels};
pub(crate) use resize::Passes;
pub use scale::Formulas;
pub(crate) use scale::scale;
pub(crate) use transform::{transform, transform_four};

/// The instructions to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor has.
    Plain,
    /// AVX2.
    Avx2,
    /// AVX-512 with byte permutations (VBMI).
    Avx512,
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Self {
        // Miri runs Rust, not a processor's instructions.
        if cfg!(miri) {
            return Self::Plain;
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Plain
    }

    /// All that this processor has, for tests.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Plain, Self::Avx2, Self::Avx512].into_iter().filter(|level| *level <= Self::best())
    }
}
