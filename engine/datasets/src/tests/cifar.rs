use std::path::Path;

use super::archives::{records, write_set};
use crate::cifar::{CifarRecords, FILES, FOLDER, RECORD_BYTES, Split, find_dir};

fn text<T: std::fmt::Debug>(result: Result<T, crate::DataError>) -> String {
    result.unwrap_err().to_string()
}

/// A set of three records a file, the folder to keep, and its path.
fn set() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_set(folder.path(), 3);
    folder
}

#[test]
fn records_follow_the_files() {
    let folder = set();
    std::fs::write(folder.path().join("data_batch_2.bin"), records(5)).unwrap();
    let train = CifarRecords::open(folder.path(), Split::Train).unwrap();
    assert_eq!(train.len(), 3 + 5 + 3 + 3 + 3);
    let labels: Vec<u8> = (0..train.len()).map(|index| train.record(index).unwrap().label).collect();
    assert_eq!(labels, [0, 1, 2, 0, 1, 2, 3, 4, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    // The fifth record of the second file.
    assert_eq!(train.record(7).unwrap().planes[..], records(5)[4 * RECORD_BYTES + 1..]);
    assert_eq!(CifarRecords::open(folder.path(), Split::Test).unwrap().len(), 3);
}

#[test]
fn past_the_end_is_an_error() {
    let folder = set();
    let test = CifarRecords::open(folder.path(), Split::Test).unwrap();
    let path = folder.path().display();
    assert_eq!(text(test.record(3)), format!("there is no record 3: the test records are 0 to 2: {path}"));
    assert!(test.record(usize::MAX).is_err());
}

#[test]
fn a_label_that_is_no_class_names_its_record() {
    let folder = set();
    let path = folder.path().join("data_batch_2.bin");
    let mut bytes = records(3);
    bytes[RECORD_BYTES] = 10;
    std::fs::write(&path, bytes).unwrap();
    let train = CifarRecords::open(folder.path(), Split::Train).unwrap();
    assert!(train.record(3).is_ok());
    assert_eq!(
        text(train.record(4)),
        format!(
            "record 1 (counted from 0) has label 10, expected 0 to 9; the file is damaged or not CIFAR-10, delete it \
             and download it again: {}",
            path.display()
        )
    );
}

#[test]
fn broken_files_are_errors_in_words() {
    let folder = set();
    let path = folder.path().join("data_batch_3.bin");
    let open = || text(CifarRecords::open(folder.path(), Split::Train));

    std::fs::write(&path, &records(3)[..2 * RECORD_BYTES + 7]).unwrap();
    assert_eq!(
        open(),
        format!(
            "the file is cut off: it has 6153 bytes, 2 whole records of 3,073 bytes and 7 bytes of another; delete it \
             and download it again (an official file has 30,730,000 bytes): {}",
            path.display()
        )
    );
    std::fs::write(&path, b"").unwrap();
    assert!(open().starts_with("the file is empty, expected records of 3,073 bytes"));

    std::fs::remove_file(&path).unwrap();
    let error = open();
    assert!(error.starts_with("the CIFAR-10 file data_batch_3.bin is missing; "), "{error}");
    assert!(error.ends_with(&path.display().to_string()), "{error}");
    assert_eq!(text(find_dir(folder.path())), error);

    std::fs::create_dir(&path).unwrap();
    assert_eq!(open(), format!("expected a file, found a folder: {}", path.display()));
}

#[test]
fn the_folder_may_be_the_one_or_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join(FOLDER);
    write_set(&inner, 1);
    assert_eq!(find_dir(folder.path()).unwrap(), inner);
    assert_eq!(find_dir(&inner).unwrap(), inner);
    // A set right in the folder comes first.
    write_set(folder.path(), 1);
    assert_eq!(find_dir(folder.path()).unwrap(), folder.path());
}

#[test]
fn what_is_no_data_folder_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let error = text(find_dir(path));
    assert!(error.starts_with("no CIFAR-10 in this folder; expected data_batch_1.bin"), "{error}");
    assert!(error.ends_with(&format!("holds them: {}", path.display())), "{error}");

    std::fs::write(path.join("data_batch_1"), b"").unwrap();
    assert!(text(find_dir(path)).contains("; this is the Python version"));

    let file = path.join("data_batch_1");
    let expected = format!("expected a folder that holds CIFAR-10, found a file: {}", file.display());
    assert_eq!(text(find_dir(&file)), expected);
    assert!(text(find_dir(&path.join("gone"))).starts_with("the folder for the data is missing; expected a folder"));
}

#[cfg(unix)]
#[test]
fn a_forbidden_folder_is_not_a_missing_one() {
    use std::os::unix::fs::PermissionsExt;

    let folder = set();
    let allow = |mode| std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    // The super-user may read it all the same, and then there is nothing to see.
    if std::fs::read_dir(folder.path()).is_err() {
        let error = text(find_dir(folder.path()));
        assert!(error.starts_with("cannot read the folder: ") && error.contains("; check its owner"), "{error}");
        let error = text(CifarRecords::open(folder.path(), Split::Test));
        assert!(error.starts_with("cannot read the file: "), "{error}");
    }
    allow(0o700);
}

#[test]
fn whatever_the_bytes_nothing_panics() {
    let folder = tempfile::tempdir().unwrap();
    let mut state = 9_u64;
    for _ in 0..50 {
        for name in FILES {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let size = (state >> 33) as usize % 3 * RECORD_BYTES + (state >> 40) as usize % 2;
            std::fs::write(Path::new(folder.path()).join(name), vec![(state >> 50) as u8; size]).unwrap();
        }
        if let Ok(records) = CifarRecords::open(folder.path(), Split::Train) {
            for index in 0..records.len() + 2 {
                let _ = records.record(index);
            }
        }
    }
}
