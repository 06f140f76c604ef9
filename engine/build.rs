//! Builds the C++ half of `src/torch/`, and lets the engine's programs find libtorch.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for file in ["shim.cpp", "script.cpp", "fused.cpp", "guarded.h"] {
        println!("cargo:rerun-if-changed=src/torch/{file}");
    }
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    // torch-sys has `links = "tch"`, and says where it found libtorch to those who depend on it directly.
    let lib = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from).expect("torch-sys says where libtorch is");
    let include = lib.parent().expect("libtorch's lib folder lies in libtorch").join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        // The warnings would be those of libtorch's headers.
        .warnings(false)
        .opt_level(1)
        // at::parallel_for is a template of OpenMP's; without this it runs on one core, and says nothing.
        .flag("-fopenmp")
        .define("_GLIBCXX_USE_CXX11_ABI", "1")
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .file("src/torch/shim.cpp")
        .file("src/torch/script.cpp")
        .file("src/torch/fused.cpp")
        .compile("engine_shim");
    println!("cargo:rustc-link-search=native={}", lib.display());
    println!("cargo:rustc-link-lib=torch_cpu");
    println!("cargo:rustc-link-lib=c10");
    // libtorch's own, whose threads are those that it computes with.
    println!("cargo:rustc-link-lib=dylib:+verbatim=libgomp.so.1");
    // The real folder, not one of links to it: libtorch looks beside itself for what it loads later. And DT_RPATH
    // rather than DT_RUNPATH, so that what is loaded later finds libtorch too.
    let real = lib.join("libtorch_cpu.so").canonicalize().expect("libtorch_cpu.so exists: torch-sys linked it");
    let folder = real.parent().expect("a file lies in a folder");
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", folder.display());
}
