//! The fuzz targets' seeds, through the functions that are fuzzed: valid files of every format, and those that once
//! broke a reader.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/readers.rs"]
mod readers;

/// Calls with each seed of a target; how many there were.
fn each(target: &str, read: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    seeds.map(|seed| read(&fs::read(seed.expect("a folder can be listed").path()).expect("a seed can be read"))).count()
}

#[test]
fn beton() {
    assert!(each("beton", readers::beton) >= 3);
}

#[test]
fn tar() {
    assert!(each("tar", readers::tar) >= 3);
}

#[test]
#[cfg_attr(miri, ignore = "Zstandard is C, which Miri does not run")]
fn parquet() {
    assert!(each("parquet", readers::parquet) >= 6);
}

#[test]
fn npy() {
    assert!(each("npy", readers::npy) >= 5);
}

#[test]
fn cifar() {
    assert!(each("cifar", readers::cifar) >= 2);
}
