//! Merging, splitting, checking, summing up.

use std::path::{Path, PathBuf};

use pixels::ImageSize;

use super::by_hand::{Cell, File, array};
use super::peculiar::every_type;
use super::{jpeg, message, open, row};
use crate::beton::{Beton, FieldType, Spread, WriteOptions, info, merge, split, verify};
use crate::{DataError, Dataset};

const SMALL: WriteOptions = WriteOptions { page_bytes: 2 << 20, replace: false };

fn write(folder: &Path, name: &str, file: &File) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, file.bytes()).unwrap();
    path
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a decoder")]
fn decode(_: &[u8]) -> Result<ImageSize, String> {
    Ok(ImageSize { height: 7, width: 9, channels: 3 })
}

#[test]
fn shards_merge_to_what_was_split() {
    let folder = tempfile::tempdir().unwrap();
    let source = write(folder.path(), "source", &every_type());
    let name = |shard: u64| folder.path().join(format!("shard-{shard}"));
    let mut calls = Vec::new();
    let written = split(&source, 7, &name, SMALL, &mut |done, all| {
        calls.push((done, all));
        true
    });
    let rows: Vec<u64> = written.unwrap().iter().map(|written| written.rows).collect();
    assert_eq!(rows, [17, 17, 17, 17, 17, 17, 18]);
    assert_eq!((calls[0], calls[6]), ((17, 120), (120, 120)));
    let shards: Vec<PathBuf> = (0..7).map(name).collect();
    let shards: Vec<&Path> = shards.iter().map(PathBuf::as_path).collect();
    let merged = folder.path().join("merged");
    let written = merge(&shards, &merged, SMALL, &mut |_, _| true).unwrap();
    assert_eq!((written.rows, written.bytes), (120, std::fs::metadata(&merged).unwrap().len()));
    let (source, merged) = (Beton::open(&source).unwrap(), Beton::open(&merged).unwrap());
    assert_eq!(merged.fields(), source.fields());
    assert_eq!(merged.left_out(), source.left_out());
    for index in 0..120 {
        assert_eq!(row(&merged, index), row(&source, index));
        // The arrays of complex numbers, too.
        let complex = |file: &Beton| format!("{:?}", file.part(index, &file.columns[6]).unwrap());
        assert_eq!(complex(&merged), complex(&source));
    }
    assert!(verify(&merged, 2, &decode, &mut |_, _| true).unwrap().is_sound());
}

#[test]
fn what_differs_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = |kind: u8, name: &'static str, shape: &[u64]| File {
        page_bytes: 4096,
        workers: 1,
        chunk: 1,
        fields: vec![(kind, name, if kind == 4 { array(shape, "<f4") } else { vec![] })],
        rows: vec![vec![if kind == 4 { Cell::Array(vec![0; 8]) } else { Cell::Int(0) }]],
    };
    let first = write(folder.path(), "first", &file(4, "x", &[2]));
    let out = folder.path().join("out");
    let cases = [
        (file(4, "x", &[2, 1]), "the field x is ndarray of <f4, shape [2] and ndarray of <f4, shape [2, 1]"),
        (file(1, "x", &[]), "the field x is ndarray of <f4, shape [2] and int"),
        (file(4, "y", &[2]), "the field x and in its place y"),
        (every_type(), "1 fields and 8"),
    ];
    for (other, difference) in cases {
        let other = write(folder.path(), "other", &other);
        let text = message(merge(&[&first, &other], &out, SMALL, &mut |_, _| true));
        assert!(text.starts_with(&format!("the files have different fields: {difference} (first in ")), "{text}");
        assert!(text.ends_with(&format!(": {}", other.display())), "{text}");
    }
    assert!(message(merge(&[], &out, SMALL, &mut |_, _| true)).starts_with("there is nothing to merge"));
    assert!(!out.exists());
}

#[test]
fn a_split_that_fails_leaves_no_shard() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = every_type();
    let source = write(folder.path(), "source", &file);
    let name = |shard: u64| folder.path().join(format!("shard-{shard}"));
    let stopped = split(&source, 4, &name, SMALL, &mut |done, _| done < 100);
    assert!(matches!(stopped, Err(DataError::Cancelled { .. })));
    for shards in [0, 121] {
        let text = message(split(&source, shards, &name, SMALL, &mut |_, _| true));
        assert!(text.starts_with(&format!("{shards} shards of 120 rows: expected 1 to 120")), "{text}");
    }
    let same = split(&source, 2, &|_| folder.path().join("same"), SMALL, &mut |_, _| true);
    assert!(message(same).starts_with("two shards have this name"));
    file.rows[110][1] = Cell::Image(5, 3, 3, vec![0; 9]);
    let source = write(folder.path(), "source", &file);
    let text = message(split(&source, 4, &name, SMALL, &mut |_, _| true));
    assert!(text.ends_with("source, row 110"), "{text}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn every_bad_row_is_listed() {
    let mut file = every_type();
    file.rows[3][1] = Cell::Image(0, 9, 8, jpeg(9, 8, b""));
    file.rows[5][7] = Cell::Array(vec![0, 1, 2]);
    file.rows[7][5] = Cell::Sized(b"\xff\0".to_vec());
    let decode = |file: &[u8]| if file.len() > 500 { Err("it is cut off".to_owned()) } else { decode(file) };
    for workers in [1, 3] {
        let found = verify(&open(&file.bytes()).unwrap(), workers, &decode, &mut |_, _| true).unwrap();
        let bad: Vec<_> = found.bad.iter().map(|bad| (bad.row, bad.field.as_str(), bad.why.as_str())).collect();
        let image = "the field image is damaged: ";
        let cut = format!("{image}it is cut off");
        let size = format!("{image}the JPEG has 9 × 7 pixels, the row says 9 × 8");
        let mut expected = vec![
            (3, "image", size.as_str()),
            (5, "a_name_longer_th", "the field a_name_longer_th is damaged: a bool is 2, expected 0 or 1"),
            (7, "json", "the field json is damaged: the JSON is not UTF-8 text"),
        ];
        expected.extend((99..120).step_by(3).map(|row| (row, "image", cut.as_str())));
        assert_eq!(bad, expected);
        assert_eq!((found.bad_count, found.rows, found.decoded), (10, 120, 40));
        assert_eq!(found.faults, [""; 0]);
    }
    let stopped = verify(&open(&file.bytes()).unwrap(), 2, &decode, &mut |done, _| done < 64);
    assert!(matches!(stopped, Err(DataError::Cancelled { .. })));
}

#[test]
fn faults_of_the_table_are_sentences() {
    let sound = every_type().bytes();
    let table = u64::from_le_bytes(sound[16..24].try_into().unwrap()) as usize;
    let start_of = |record: usize| table + record * 24 + 8;
    let number = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = sound.clone();
        change(&mut bytes);
        verify(&open(&bytes).unwrap(), 1, &decode, &mut |_, _| true).unwrap()
    };
    let found = fault(&|bytes| bytes.truncate(bytes.len() - 24));
    assert_eq!(found.bad_count, 1);
    assert!(
        found.faults[0].starts_with("the allocation table has 719 regions, expected 720: one for each"),
        "{found:?}"
    );
    let found = fault(&|bytes| bytes[table] = 200);
    assert!(found.faults[0].starts_with("1 regions of the allocation table belong to rows that do not exist"));
    let found = fault(&|bytes| bytes[start_of(0)..start_of(0) + 8].copy_from_slice(&[255; 8]));
    assert!(found.faults[0].starts_with("1 regions of the allocation table lie outside the file's data"));
    let found = fault(&|bytes| {
        let longer = number(bytes, start_of(0) + 8) + 1;
        bytes[start_of(0) + 8..start_of(0) + 16].copy_from_slice(&longer.to_le_bytes());
    });
    assert!(found.faults[0].starts_with("1 regions of the allocation table overlap the one before"), "{found:?}");
    assert_eq!(found.bad_count, 1);
}

#[test]
fn a_file_in_figures() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "file", &every_type());
    let found = info(&path).unwrap();
    assert_eq!((found.rows, found.page_bytes, found.row_table_bytes, found.regions), (120, 4096, 120 * 88, 720));
    assert_eq!(found.bytes, std::fs::metadata(&path).unwrap().len());
    let images = found.fields[1].images.unwrap();
    assert_eq!((images.raw, images.jpeg), (80, 40));
    assert_eq!(images.width.map(|width| (width.min, width.max)), Some((1, 9)));
    let [_, _, bytes, int, big, _, complex, bool] = &found.fields[..] else { panic!() };
    let sizes = Spread { min: 1, mean: 179.5, max: 358 };
    assert_eq!((bytes.kind, bytes.sizes, bytes.bytes), (FieldType::Bytes, Some(sizes), 179 * 120 + 60));
    assert_eq!((int.kind, int.bytes), (FieldType::Int, 960));
    assert_eq!((big.elements.as_deref(), big.shape.as_deref(), big.bytes), (Some(">f4"), Some(&[2][..]), 960));
    assert_eq!((bool.kind.name(), bool.shape.as_deref()), ("torch_tensor", Some(&[3, 1][..])));
    assert!(complex.unreadable.is_some());
    assert_eq!(complex.bytes, 16 * 120);
}
