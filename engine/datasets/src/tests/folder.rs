use std::path::Path;

use crate::{Dataset, FieldKind, ImageFolder, Value};

fn write(root: &Path, name: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, name).unwrap();
}

fn error(root: &Path) -> String {
    ImageFolder::open(root).unwrap_err().to_string()
}

fn places(set: &ImageFolder, root: &Path) -> Vec<String> {
    let place = |row| set.place(row).strip_prefix(&format!("{}/", root.display())).unwrap().to_owned();
    (0..set.rows()).map(place).collect()
}

#[test]
fn classes_and_order_are_torchvisions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in [
        "dog/9.jpg",
        "dog/10.JPEG",
        "dog/a/1.png",
        "dog/a-b/1.png",
        "dog/a/c/1.WebP",
        "cat/x.jpg",
        "cat/notes.txt",
        "cat/.hidden.jpg",
        "dog/.ipynb_checkpoints/9.jpg",
        ".git/1.jpg",
        "here.jpg",
        "Zebra/1.jpg",
    ] {
        write(root, name);
    }
    let set = ImageFolder::open(root).unwrap();
    assert_eq!(set.classes(), ["Zebra", "cat", "dog"]);
    assert_eq!(set.fields()[0].kind, FieldKind::Image { size: None });
    // As Python sorts the folders' paths: a hyphen comes before a slash.
    let expected =
        ["Zebra/1.jpg", "cat/x.jpg", "dog/10.JPEG", "dog/9.jpg", "dog/a/1.png", "dog/a-b/1.png", "dog/a/c/1.WebP"];
    assert_eq!(places(&set, root), expected);
    for (row, name) in expected.iter().enumerate() {
        let image = Value::Image { bytes: name.as_bytes().into(), size: None };
        assert_eq!(set.value(row as u64, 0).unwrap(), image);
        let class = set.classes().iter().position(|class| name.starts_with(class.as_str())).unwrap();
        assert_eq!(set.value(row as u64, 1).unwrap(), Value::Int(class as i64));
    }
}

#[test]
fn what_is_no_image_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let shown = root.display();
    assert_eq!(error(root), format!("expected a folder per class with its images in it; it has no folders: {shown}"));
    write(root, "1.jpg");
    assert!(error(root).contains("it has images, but no folders"));
    write(root, "cat/1.jpg");
    write(root, "cow/1.bmp");
    std::fs::create_dir(root.join("dog")).unwrap();
    let expected = "the class \"cow\" and 1 more has no images (jpg, jpeg, png, webp) in its folder; fill or remove it";
    assert_eq!(error(root), format!("{expected}: {shown}"));
    assert!(
        error(&root.join("1.jpg")).starts_with("expected a folder that has a folder of images per class, found a file")
    );
    assert!(error(&root.join("gone")).starts_with("the folder of images is missing; check the path: "));
}

#[test]
fn a_file_that_is_gone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "cat/1.jpg");
    let set = ImageFolder::open(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("cat/1.jpg")).unwrap();
    let error = set.value(0, 0).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the image: ") && error.ends_with("cat/1.jpg"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let (root, elsewhere) = (folder.path().join("root"), folder.path().join("elsewhere"));
    write(&elsewhere, "deep/1.jpg");
    write(&root, "cat/2.jpg");
    symlink(&elsewhere, root.join("dog")).unwrap();
    symlink(elsewhere.join("deep/1.jpg"), root.join("cat/1.jpg")).unwrap();
    symlink("../..", elsewhere.join("deep/up")).unwrap();
    symlink("gone", root.join("cat/nothing")).unwrap();
    symlink(&root, root.join("cat/again")).unwrap();
    let set = ImageFolder::open(&root).unwrap();
    let places = places(&set, &root);
    assert_eq!(places[..3], ["cat/1.jpg", "cat/2.jpg", "dog/deep/1.jpg"]);
    assert!(places.len() < 10, "{places:?}");

    symlink("gone", root.join("cat/3.jpg")).unwrap();
    // A row that cannot be read, among others that can: what becomes of it is for who reads it to say.
    let set = ImageFolder::open(&root).unwrap();
    let error = set.value(2, 0).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the image: ") && error.ends_with("cat/3.jpg"), "{error}");
    assert!(set.value(1, 0).is_ok() && set.value(3, 0).is_ok());
}
