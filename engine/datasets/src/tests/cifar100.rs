use std::path::Path;

use super::archives::write_set;
use crate::cifar100::{CLASSES, COARSE_CLASSES, FOLDER, RECORD_BYTES};
use crate::{Cifar100Records, CifarRecords, Dataset, FieldKind, Split, Value};

/// Records with these labels, whose pixels are 1 in the red plane, 2 in the green, 3 in the blue.
fn records(labels: &[(u8, u8)]) -> Vec<u8> {
    let planes = [[1; 1024], [2; 1024], [3; 1024]].concat();
    labels.iter().flat_map(|(coarse, fine)| [&[*coarse, *fine][..], &planes].concat()).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[test]
fn records_have_both_labels() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join(FOLDER), "train.bin", &records(&[(19, 99), (0, 1)]));
    write(&folder.path().join(FOLDER), "test.bin", &records(&[(5, 50)]));
    let train = Cifar100Records::open(folder.path(), Split::Train).unwrap();
    assert_eq!((train.len(), train.record(0).unwrap().coarse, train.record(0).unwrap().fine), (2, 19, 99));
    assert_eq!(Cifar100Records::open(&folder.path().join(FOLDER), Split::Test).unwrap().len(), 1);
    assert_eq!((train.value(1, 1).unwrap(), train.value(1, 2).unwrap()), (Value::Int(1), Value::Int(0)));
    let FieldKind::Int { classes } = &train.fields()[1].kind else { panic!() };
    assert_eq!(classes[..], CLASSES);
    let Value::Image { bytes, size } = train.value(0, 0).unwrap() else { panic!() };
    assert_eq!(size.unwrap().bytes(), bytes.len());
    assert!(bytes.chunks(3).all(|pixel| pixel == [1, 2, 3]));
}

#[test]
fn names_are_the_published_ones() {
    assert!(CLASSES.is_sorted() && COARSE_CLASSES.is_sorted());
    assert_eq!((CLASSES[0], CLASSES[99], CLASSES[50]), ("apple", "worm", "mouse"));
    assert_eq!(COARSE_CLASSES[0], "aquatic_mammals");
}

#[test]
fn broken_files_are_errors_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Cifar100Records::open(folder.path(), Split::Train).unwrap_err().to_string();
    assert!(open().starts_with("the CIFAR-100 file train.bin is missing; expected a folder that holds"));
    write(folder.path(), "train.bin", b"");
    assert!(open().starts_with("the file is empty, expected records of 3,074 bytes"));
    write(folder.path(), "train.bin", &records(&[(0, 0)])[..RECORD_BYTES - 1]);
    assert!(open().starts_with("the file is cut off, or not CIFAR-100: 0 whole records of 3,074 bytes and 3073 bytes"));
    write(folder.path(), "train.bin", &records(&[(0, 0), (20, 0), (0, 100)]));
    let set = Cifar100Records::open(folder.path(), Split::Train).unwrap();
    let text = set.value(1, 0).unwrap_err().to_string();
    assert!(
        text.starts_with("the coarse label is 20, expected 0 to 19") && text.ends_with("train.bin, record 1"),
        "{text}"
    );
    assert!(set.record(2).is_err() && set.record(3).is_err() && set.record(usize::MAX).is_err());
}

#[test]
fn cifar_10_is_a_set_of_rows_too() {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path(), 3);
    let set = CifarRecords::open(folder.path(), Split::Train).unwrap();
    assert_eq!(set.rows(), 15);
    assert_eq!(set.value(4, 1).unwrap(), Value::Int(1));
    let planes = set.record(4).unwrap().planes;
    let Value::Image { bytes, .. } = set.value(4, 0).unwrap() else { panic!() };
    assert_eq!(bytes[3 * 77..3 * 77 + 3], [planes[77], planes[1024 + 77], planes[2048 + 77]]);
    assert!(Dataset::place(&set, 4).ends_with("data_batch_2.bin, record 1"));
}
