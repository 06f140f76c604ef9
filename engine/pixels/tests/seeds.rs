//! The fuzz targets' seeds, through the functions that are fuzzed: valid images, and those that once broke the decoder.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/src/images.rs"]
mod images;

/// Calls with each seed of a target; how many there were.
fn each(target: &str, read: fn(&[u8])) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    seeds.map(|seed| read(&fs::read(seed.expect("a folder can be listed").path()).expect("a seed can be read"))).count()
}

#[test]
fn jpeg() {
    assert!(each("jpeg", images::jpeg) >= 4);
}

#[test]
fn png_and_webp() {
    assert!(each("image", images::image) >= 7);
}
