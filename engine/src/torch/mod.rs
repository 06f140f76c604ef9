//! Everything unsafe or C++ about libtorch: the only module, with the mapped files, that contains unsafe code.
//!
//! [`init`] comes first in a process: it tells the allocator to keep its blocks, and loads the CUDA half of libtorch
//! where there is a driver, which must happen before any other call of torch.
#![expect(unsafe_code, reason = "the border to C and C++; every block has its SAFETY line")]

mod cuda;
pub mod fused;
mod script;
mod tensors;

use std::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub use script::{Extra, Script, ScriptTensor, save_script};
use tch::{Device, Kind};
pub use tensors::{DeviceBatch, kind, tensor_of_column};

use crate::plan::{Machine, Place};

unsafe extern "C" {
    fn engine_last_error() -> *const c_char;
    fn engine_autocast_enter(device: c_int, dtype: c_int, was_enabled: *mut c_int, was_dtype: *mut c_int) -> c_int;
    fn engine_autocast_exit(device: c_int, was_enabled: c_int, was_dtype: c_int) -> c_int;
    fn engine_cpu_has_bf16() -> c_int;
}

/// An error of libtorch, without its C++ stack.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct TorchError(pub String);

impl From<tch::TchError> for TorchError {
    fn from(error: tch::TchError) -> Self {
        let text = error.to_string();
        Self(text.split("\nException raised from").next().unwrap_or_default().trim().to_owned())
    }
}

fn last_error() -> TorchError {
    // SAFETY: the pointer is to a thread-local C string that lives until this thread's next shim call.
    TorchError(unsafe { CStr::from_ptr(engine_last_error()) }.to_string_lossy().into_owned())
}

/// What was found about CUDA when the process started.
static CUDA: OnceLock<Result<(), String>> = OnceLock::new();

/// Prepares the process for torch. The first call counts, and must come before any other use of torch.
pub fn init() {
    CUDA.get_or_init(|| {
        keep_freed_memory();
        cuda::load()
    });
}

/// Lets glibc keep large blocks instead of returning them to the system. Every layer's result is such a block, and a
/// fresh one costs a page fault for each 4 KiB: without this a training step takes about a fifth longer.
fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes plain numbers; glibc allows it at any time, and it only tunes later allocations.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// What this machine has. Asked once and passed on, so that plans can be made for other machines too.
pub fn probe() -> Machine {
    init();
    let cuda_devices = if tch::Cuda::is_available() { tch::Cuda::device_count().max(0) as usize } else { 0 };
    Machine {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        cuda_devices,
        // SAFETY: reads a flag of the processor.
        bfloat16: unsafe { engine_cpu_has_bf16() } == 1,
    }
}

/// Why there is no CUDA device, in a sentence; none if there is one.
pub fn why_no_cuda() -> Option<String> {
    init();
    match CUDA.get() {
        Some(Err(reason)) => Some(reason.clone()),
        _ if tch::Cuda::is_available() => None,
        _ => Some("the driver found no device".into()),
    }
}

/// Ends the process at once, even while libtorch computes on other threads: its exit handlers would wait for them, or
/// be surprised by them.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: ends the process; nothing of it runs afterwards.
    unsafe { libc::_exit(code) }
}

/// Whether the CPU stands in for every GPU.
static IMAGINED: AtomicBool = AtomicBool::new(false);

/// From here on the CPU stands in for every GPU of a plan: for tests of what else runs on a GPU alone. It holds for the
/// whole process.
pub fn imagine_gpus() {
    IMAGINED.store(true, Relaxed);
}

/// Whether the CPU stands in for GPUs: see [`imagine_gpus`].
pub fn gpus_are_imagined() -> bool {
    IMAGINED.load(Relaxed)
}

/// torch's name of a place.
pub fn device(place: Place) -> Device {
    match place {
        Place::Cuda(_) if gpus_are_imagined() => Device::Cpu,
        Place::Cpu => Device::Cpu,
        Place::Cuda(index) => Device::Cuda(index),
    }
}

/// torch's number of an element type.
fn scalar_type(kind: Kind) -> c_int {
    match kind {
        Kind::Uint8 => 0,
        Kind::Int64 => 4,
        Kind::Half => 5,
        Kind::Float => 6,
        Kind::BFloat16 => 15,
        other => unreachable!("no field has elements of {other:?}"),
    }
}

/// While it lives, this thread's matrix products and convolutions run in another element type.
pub struct Autocast {
    device: c_int,
    was_enabled: c_int,
    was_dtype: c_int,
    /// Autocast belongs to a thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Autocast {
    /// Starts it.
    pub fn enter(device: Device, kind: Kind) -> Result<Self, TorchError> {
        let device = match device {
            Device::Cuda(_) => 1,
            _ => 0,
        };
        let (mut was_enabled, mut was_dtype) = (0, 0);
        // SAFETY: both pointers are to live integers.
        match unsafe { engine_autocast_enter(device, scalar_type(kind), &raw mut was_enabled, &raw mut was_dtype) } {
            0 => Ok(Self { device, was_enabled, was_dtype, _not_send: std::marker::PhantomData }),
            _ => Err(last_error()),
        }
    }
}

impl Drop for Autocast {
    fn drop(&mut self) {
        // SAFETY: plain numbers, from the matching call. It fails only for a device type that enter refused.
        unsafe { engine_autocast_exit(self.device, self.was_enabled, self.was_dtype) };
    }
}
