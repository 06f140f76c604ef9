//! CUDA at run time: one program for machines with a GPU and without.

use std::path::PathBuf;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};

/// Loads the CUDA half of libtorch where there is a driver. libtorch remembers at its first call whether CUDA is there,
/// so that this must come before.
pub(super) fn load() -> Result<(), String> {
    open("libcuda.so.1".into(), RTLD_NOW | RTLD_LOCAL).map_err(|_| "no NVIDIA driver on this machine".to_owned())?;
    let folder = torch_folder().ok_or("libtorch is linked into the program, so that its CUDA half has no place")?;
    open(folder.join("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL).map_err(|error| {
        format!("an NVIDIA driver is here, but libtorch's CUDA half is not: `make libtorch-cuda` fetches it ({error})")
    })
}

/// Folder of the libtorch that this process runs on, links resolved.
fn torch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    Some(PathBuf::from(&line[line.find('/')?..]).parent()?.to_path_buf())
}

fn open(path: PathBuf, flags: i32) -> Result<(), String> {
    // SAFETY: the initialisers of NVIDIA's driver and of libtorch run, as they would in a program linked to them.
    let library = unsafe { Library::open(Some(&path), flags) }.map_err(|error| error.to_string())?;
    // It stays for the life of the process: libtorch keeps pointers into it.
    std::mem::forget(library);
    Ok(())
}
