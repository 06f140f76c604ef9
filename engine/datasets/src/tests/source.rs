use std::path::Path;

use super::archives::write_set;
use super::tars::{file, tar};
use crate::source::guess;
use crate::{ElementType, Format, SourceOptions, Split, npy, open_dataset};

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn image(root: &Path, name: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"image").unwrap();
}

#[test]
fn the_name_says_what_it_is() {
    for (address, format) in [
        ("a/b.beton", Format::Beton),
        ("b.TAR", Format::Tar),
        ("s3://b/c.parquet", Format::Parquet),
        ("https://h/c.npy?x=.tar", Format::Npy),
    ] {
        assert_eq!(guess(address).unwrap(), format, "{address}");
    }
    let error = guess("a.tar.gz").unwrap_err().to_string();
    assert!(error.starts_with("the name does not say what the file is: expected .beton, .tar"), "{error}");
    assert!(error.contains("unpack it") && error.ends_with(": a.tar.gz"), "{error}");
    assert!(guess("photo.jpg").is_err());
}

#[test]
fn a_folder_is_what_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    image(at, "x/cat/1.jpg");
    image(at, "y/cat/2.jpg");
    let open = |names: &[&str], options: &SourceOptions| {
        let paths: Vec<String> = names.iter().map(|name| text(&at.join(name))).collect();
        open_dataset(&paths, options)
    };
    let rows = |names: &[&str]| open(names, &SourceOptions::default()).map(|set| set.rows()).unwrap();
    assert_eq!(rows(&["x"]), 1);
    assert_eq!(rows(&["{x,y}"]), 2);

    write_set(&at.join("cifar"), 3);
    assert_eq!(rows(&["cifar"]), 15);
    let test = SourceOptions { split: Split::Test, ..SourceOptions::default() };
    assert_eq!(open(&["cifar"], &test).unwrap().rows(), 3);

    std::fs::create_dir(at.join("shards")).unwrap();
    std::fs::write(at.join("shards/1.tar"), tar(&[file("1.jpg", b"")])).unwrap();
    std::fs::write(at.join("shards/0.tar"), tar(&[file("0.jpg", b""), file("3.jpg", b"")])).unwrap();
    assert_eq!(rows(&["shards"]), 3);
    assert_eq!(rows(&["shards/*.tar"]), 3);

    std::fs::create_dir(at.join("arrays")).unwrap();
    for name in ["label", "image"] {
        npy::write(&at.join("arrays").join(format!("{name}.npy")), ElementType::Uint8, &[4], &[0; 4]).unwrap();
    }
    let arrays = open(&["arrays"], &SourceOptions::default()).unwrap();
    assert_eq!(arrays.fields().iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["image", "label"]);

    let mixed = open(&["shards/0.tar", "arrays/label.npy"], &SourceOptions::default()).err().unwrap().to_string();
    assert!(mixed.starts_with("files of several formats are not one set: .npy, after tar shards: "), "{mixed}");
    assert!(open(&["gone"], &SourceOptions::default()).is_err());
}
