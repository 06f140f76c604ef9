//! TorchScript modules: models of others to train, and ours for others to use.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::NonNull;

use tch::{Device, Tensor};
use torch_sys::C_tensor;

use super::{TorchError, last_error};

/// A module of libtorch.
enum CModule {}

unsafe extern "C" {
    fn engine_script_load(path: *const c_char, device_type: c_int, device_index: c_int) -> *mut CModule;
    fn engine_script_free(module: *mut CModule);
    fn engine_script_tensors(
        module: *const CModule,
        context: *mut c_void,
        each: extern "C" fn(*mut c_void, *const c_char, c_int, *mut C_tensor),
    ) -> c_int;
    fn engine_script_forward(module: *mut CModule, input: *const C_tensor, training: c_int) -> *mut C_tensor;
    fn engine_script_save(
        source: *const c_char,
        names: *const *const c_char,
        tensors: *const *const C_tensor,
        trained: *const c_int,
        count: c_int,
        extra_name: *const c_char,
        extra: *const c_char,
        path: *const c_char,
    ) -> c_int;
    fn engine_script_store(
        module: *mut CModule,
        extra_name: *const c_char,
        extra: *const c_char,
        path: *const c_char,
    ) -> c_int;
}

/// A TorchScript module.
pub struct Script(NonNull<CModule>);

// SAFETY: the module has one owner, and nothing in it belongs to a thread.
unsafe impl Send for Script {}

/// A parameter or buffer of a module.
pub struct ScriptTensor {
    /// Its name, with dots.
    pub name: String,
    /// Whether it is a parameter.
    pub parameter: bool,
    /// Itself: what is written to it is written to the module.
    pub tensor: Tensor,
}

fn c_text(text: &[u8]) -> Result<CString, TorchError> {
    CString::new(text).map_err(|_| TorchError("a text with a zero byte in it".into()))
}

impl Script {
    /// Loads a module onto a device.
    pub fn load(path: &Path, device: Device) -> Result<Self, TorchError> {
        let text = c_text(path.as_os_str().as_bytes())?;
        let (kind, index) = match device {
            Device::Cuda(index) => (1, index as c_int),
            _ => (0, 0),
        };
        // SAFETY: the path is a C string that lives through the call.
        NonNull::new(unsafe { engine_script_load(text.as_ptr(), kind, index) }).map(Self).ok_or_else(last_error)
    }

    /// Its parameters and buffers.
    pub fn tensors(&self) -> Result<Vec<ScriptTensor>, TorchError> {
        extern "C" fn each(context: *mut c_void, name: *const c_char, parameter: c_int, tensor: *mut C_tensor) {
            // SAFETY: the context is the vector below, the name a C string for the time of the call, and the tensor ours.
            unsafe {
                let found = &mut *context.cast::<Vec<ScriptTensor>>();
                let name = CStr::from_ptr(name).to_string_lossy().into_owned();
                found.push(ScriptTensor { name, parameter: parameter != 0, tensor: Tensor::from_ptr(tensor) });
            }
        }
        let mut found: Vec<ScriptTensor> = Vec::new();
        // SAFETY: the module is alive, and `each` gets the vector that it expects, during the call only.
        match unsafe { engine_script_tensors(self.0.as_ptr(), (&raw mut found).cast(), each) } {
            0 => Ok(found),
            _ => Err(last_error()),
        }
    }

    /// Saves it as it is, in evaluation.
    pub fn save(&self, extra: Extra<'_>, path: &Path) -> Result<(), TorchError> {
        let path = c_text(path.as_os_str().as_bytes())?;
        let (name, text) = (c_text(extra.name.as_bytes())?, c_text(extra.text.as_bytes())?);
        // SAFETY: the module is alive, and so are the texts, through the call.
        match unsafe { engine_script_store(self.0.as_ptr(), name.as_ptr(), text.as_ptr(), path.as_ptr()) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    }

    /// Its `forward` of one tensor; in training or not.
    pub fn forward(&self, input: &Tensor, training: bool) -> Result<Tensor, TorchError> {
        // SAFETY: module and tensor are alive; the result, if there is one, is ours. The module is not used by two threads
        // at once: it is Send, not Sync.
        unsafe {
            let result = engine_script_forward(self.0.as_ptr(), input.as_ptr(), c_int::from(training));
            if result.is_null() { Err(last_error()) } else { Ok(Tensor::from_ptr(result)) }
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody uses it any more.
        unsafe { engine_script_free(self.0.as_ptr()) };
    }
}

/// A text that lies in a module's file beside the module, by name: torch's extra files.
#[derive(Clone, Copy, Debug)]
pub struct Extra<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Saves a module of these tensors whose methods have this source, in evaluation. A tensor has a name, with dots for
/// those of submodules (`0.weight`), a value, and whether it is a parameter rather than a buffer.
pub fn save_script(
    source: &str,
    tensors: &[(String, Tensor, bool)],
    extra: Extra<'_>,
    path: &Path,
) -> Result<(), TorchError> {
    let (source, path) = (c_text(source.as_bytes())?, c_text(path.as_os_str().as_bytes())?);
    let (extra_name, extra) = (c_text(extra.name.as_bytes())?, c_text(extra.text.as_bytes())?);
    let names: Vec<CString> = tensors.iter().map(|(n, _, _)| c_text(n.as_bytes())).collect::<Result<_, _>>()?;
    let name_pointers: Vec<*const c_char> = names.iter().map(|n| n.as_ptr()).collect();
    let pointers: Vec<*const C_tensor> = tensors.iter().map(|(_, t, _)| t.as_ptr()).collect();
    let trained: Vec<c_int> = tensors.iter().map(|(_, _, trained)| c_int::from(*trained)).collect();
    // SAFETY: the three arrays have `count` elements, and all that they point to lives through the call.
    let result = unsafe {
        engine_script_save(
            source.as_ptr(),
            name_pointers.as_ptr(),
            pointers.as_ptr(),
            trained.as_ptr(),
            tensors.len() as c_int,
            extra_name.as_ptr(),
            extra.as_ptr(),
            path.as_ptr(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}
