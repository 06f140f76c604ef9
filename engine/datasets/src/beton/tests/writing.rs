//! What cannot be written, and what is left when writing fails.

use std::borrow::Cow;
use std::path::Path;

use pixels::ImageSize;

use super::by_hand::{self, Cell, File};
use super::{jpeg, message, row};
use crate::beton::{Beton, WriteOptions, Writer, write, write_some};
use crate::{DataError, DataField, Dataset, ElementType, FieldKind, Value};

const SMALL: WriteOptions = WriteOptions { page_bytes: 2 << 20, replace: false };

fn field(name: &str, kind: FieldKind) -> DataField {
    DataField { name: name.to_owned(), kind }
}

fn bytes(bytes: &[u8]) -> Value<'_> {
    Value::Bytes(Cow::Borrowed(bytes))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_file_is_that_of_ffcv_with_one_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let image = |index: u8| vec![index; 500 * 500 * 3];
    let size = ImageSize { height: 500, width: 500, channels: 3 };
    let fields =
        [field("image", FieldKind::Image { size: Some(size) }), field("label", FieldKind::Int { classes: vec![] })];
    let mut writer = Writer::create(&path, &fields, 7, SMALL).unwrap();
    for index in 0..7 {
        let pixels = image(index);
        let image = Value::Image { bytes: Cow::Borrowed(&pixels), size: Some(size) };
        writer.append(&[image, Value::Int(index.into())]).unwrap();
    }
    writer.finish().unwrap();
    let by_hand = File {
        page_bytes: 2 << 20,
        workers: 1,
        chunk: 100,
        fields: vec![(2, "image", vec![]), (1, "label", vec![])],
        rows: (0..7).map(|index| vec![Cell::Image(1, 500, 500, image(index)), Cell::Int(index.into())]).collect(),
    };
    assert!(std::fs::read(&path).unwrap() == by_hand.bytes());
    assert_eq!(names(folder.path()), ["set.beton"]);
}

#[test]
fn empty_bytes_get_a_region_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let fields = [field("one", FieldKind::Bytes), field("two", FieldKind::Bytes)];
    let mut writer = Writer::create(&path, &fields, 2, SMALL).unwrap();
    writer.append(&[bytes(b""), bytes(b"ab")]).unwrap();
    writer.append(&[bytes(b"c"), bytes(b"")]).unwrap();
    writer.finish().unwrap();
    let file = Beton::open(&path).unwrap();
    assert_eq!(row(&file, 0), [bytes(b""), bytes(b"ab")]);
    assert_eq!(row(&file, 1), [bytes(b"c"), bytes(b"")]);
    let stored = std::fs::read(&path).unwrap();
    assert_eq!(stored[2 << 20..][..6], *b"\0abc\0\0");
    let table = stored.len() - 4 * 24;
    let lengths: Vec<u8> = stored[table..].chunks(24).map(|record| record[16]).collect();
    assert_eq!(lengths, [1, 2, 1, 1]);
}

#[test]
fn rows_that_cannot_be_made_are_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let fields = [field("data", FieldKind::Bytes), field("number", FieldKind::Int { classes: vec![] })];
    let options = WriteOptions { replace: true, ..SMALL };
    // So many rows that those left out would take pages.
    let rows = 200_000;
    let all = |keep: &(dyn Fn(u64) -> bool + Sync), workers| {
        let writer = Writer::create(&path, &fields, rows, options).unwrap();
        let make = |row: u64| Ok(keep(row).then(|| vec![bytes(b"abc"), Value::Int(row as i64)]));
        write_some(writer, rows, workers, &make, &mut |_, _| true)
    };
    let third = |row: u64| row.is_multiple_of(3);
    assert_eq!(all(&third, 1).unwrap().rows, 66_667);
    let one = std::fs::read(&path).unwrap();
    all(&third, 3).unwrap();
    assert!(one == std::fs::read(&path).unwrap());
    let file = Beton::open(&path).unwrap();
    assert_eq!((file.rows(), row(&file, 100)), (66_667, vec![bytes(b"abc"), Value::Int(300)]));
    assert!(crate::beton::verify(&file, 2, &|_| Err(String::new()), &mut |_, _| true).unwrap().is_sound());
    let read = crate::verify(&file, 2, &|_| Err(String::new()), &mut |_, _| true).unwrap();
    assert_eq!((read.rows, read.is_sound()), (66_667, true));
    std::fs::remove_file(&path).unwrap();
    assert!(message(all(&|_| false, 2)).starts_with("0 rows were written, 200000 were announced"));
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn an_array_of_no_dimensions_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let scalar = FieldKind::Array { element: ElementType::Float32, shape: vec![] };
    let mut writer = Writer::create(&path, &[field("x", scalar)], 1, SMALL).unwrap();
    writer.append(&[bytes(&[1, 2, 3, 4])]).unwrap();
    writer.finish().unwrap();
    let file = Beton::open(&path).unwrap();
    assert_eq!(file.fields()[0].kind, FieldKind::Array { element: ElementType::Float32, shape: vec![1] });
    // The block is that of the description.
    let stored = std::fs::read(&path).unwrap();
    let block = by_hand::array(&[1], "<f4");
    assert_eq!(stored[24 + 17..][..block.len()], block);
}

#[test]
fn what_the_format_cannot_hold_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let int = || FieldKind::Int { classes: vec![] };
    let array = |shape: Vec<usize>| FieldKind::Array { element: ElementType::Bool, shape };
    let refused = |fields: &[DataField], rows, options, start: &str| {
        let text = message(Writer::create(&path, fields, rows, options).map(|_| ()));
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with(&format!(": {}", path.display())), "{text}");
    };
    refused(&[], 1, SMALL, "0 fields, expected 1 to 65535");
    refused(&[field("seventeen letters", int())], 1, SMALL, "the field name \"seventeen letters\" has 17 bytes");
    refused(&[field("", int())], 1, SMALL, "the field name \"\" has 0 bytes, expected 1 to 16");
    refused(&[field("ü", int())], 1, SMALL, "the field name \"ü\" has 2 bytes");
    refused(&[field("a", int()), field("a", int())], 1, SMALL, "two fields are called a");
    refused(
        &[field("a", array(vec![3, 0]))],
        1,
        SMALL,
        "the field a cannot be written: its shape [3, 0] has no element",
    );
    refused(&[field("a", array(vec![1; 33]))], 1, SMALL, "the field a cannot be written: its shape has 33 dimensions");
    refused(&[field("a", array(vec![1 << 40; 2]))], 1, SMALL, "the field a: its shape");
    refused(&[field("a", int())], u64::MAX, SMALL, "18446744073709551615 rows are more than any file can hold");
    let page = |page_bytes| WriteOptions { page_bytes, replace: false };
    refused(&[field("a", int())], 1, page(1 << 20), "a page of 1048576 bytes");
    refused(&[field("a", int())], 1, page(3 << 20), "a page of 3145728 bytes");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_bad_row_is_named_and_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let size = ImageSize { height: 2, width: 1, channels: 3 };
    let array = FieldKind::Array { element: ElementType::Int16, shape: vec![2] };
    let fields = [
        field("fixed", FieldKind::Image { size: Some(size) }),
        field("image", FieldKind::Image { size: None }),
        field("array", array),
        field("json", FieldKind::Json),
        field("bytes", FieldKind::Bytes),
    ];
    let image = |bytes: Vec<u8>, size| Value::Image { bytes: Cow::Owned(bytes), size };
    let good = || {
        let encoded = image(jpeg(3, 3, b""), None);
        vec![image(vec![0; 6], Some(size)), encoded, bytes(&[0; 4]), bytes(b"{}"), bytes(b"")]
    };
    let mut writer = Writer::create(&path, &fields, 2, SMALL).unwrap();
    writer.append(&good()).unwrap();
    let flat = ImageSize { height: 2, width: 0, channels: 3 };
    let grey = ImageSize { height: 2, width: 1, channels: 1 };
    let wide = ImageSize { height: 1, width: 65_536, channels: 3 };
    let big = vec![1; 2 << 20];
    let cases = [
        (0, image(vec![0; 3], Some(grey)), "the field fixed: expected a raw image of"),
        (0, image(jpeg(1, 2, b""), None), "the field fixed: expected a raw image of"),
        (0, image(vec![0; 5], Some(size)), "the field fixed: the image has 5 bytes, expected the 6 of"),
        (1, image(vec![], Some(flat)), "the field image: expected sides of 1 to 65,535 pixels"),
        (1, image(vec![0; 2], Some(grey)), "the field image: expected sides of 1 to 65,535 pixels and 3 channels"),
        (1, image(vec![0; 196_608], Some(wide)), "the field image: expected sides of"),
        (1, image(b"\x89PNG".to_vec(), None), "the field image: expected a JPEG file, found another"),
        (1, Value::Int(3), "the field image: expected an image, found int"),
        (2, bytes(&[0; 3]), "the field array: the array has 3 bytes, expected 4"),
        (3, bytes(b"{}\0"), "the field json: expected JSON text"),
        (3, bytes(b"\xff"), "the field json: expected JSON text"),
        (4, bytes(&big), "it has 2097177 bytes of data, expected at most the 2097152 of a page"),
    ];
    for (index, value, start) in cases {
        let mut values = good();
        values[index] = value;
        let text = message(writer.append(&values));
        let start = format!("the row cannot be written: {start}");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.ends_with(&format!(": {}, row 1", path.display())), "{text}");
    }
    assert!(message(writer.append(&good()[..3])).contains("it has 3 values, expected 5"));
    writer.append(&good()).unwrap();
    assert!(message(writer.append(&good())).contains("the file was announced with 2 rows"));
    assert_eq!(writer.finish().unwrap().rows, 2);
    assert_eq!(row(&Beton::open(&path).unwrap(), 1), good());
}

#[test]
fn a_writer_that_ends_early_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let fields = [field("a", FieldKind::Bytes)];
    let start = || Writer::create(&path, &fields, 100, SMALL).unwrap();
    let mut writer = start();
    writer.append(&[bytes(b"1")]).unwrap();
    assert_eq!(names(folder.path()).len(), 1);
    drop(writer);
    assert!(message(start().finish()).starts_with("0 rows were written, 100 were announced"));
    let stopped = write(start(), 100, 2, &|_| Ok(vec![bytes(b"1")]), &mut |done, _| done < 40);
    assert!(matches!(stopped, Err(DataError::Cancelled { .. })));
    for workers in [1, 3] {
        let make = |row: u64| {
            if row >= 70 {
                Err(DataError::Sample { message: format!("bad {row}"), place: String::new() })
            } else {
                Ok(vec![bytes(b"1")])
            }
        };
        assert_eq!(message(write(start(), 100, workers, &make, &mut |_, _| true)), "bad 70: ");
    }
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_file_is_replaced_only_if_asked_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    std::fs::write(&path, b"precious").unwrap();
    let fields = [field("a", FieldKind::Float)];
    let refused = Writer::create(&path, &fields, 1, SMALL);
    assert!(matches!(refused, Err(DataError::Exists { .. })));
    let replace = WriteOptions { replace: true, ..SMALL };
    drop(Writer::create(&path, &fields, 1, replace).unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let mut writer = Writer::create(&path, &fields, 1, replace).unwrap();
    writer.append(&[Value::Float(1.5)]).unwrap();
    writer.finish().unwrap();
    assert_eq!(row(&Beton::open(&path).unwrap(), 0), [Value::Float(1.5)]);
    // Come up meanwhile.
    let other = folder.path().join("other.beton");
    let mut writer = Writer::create(&other, &fields, 1, SMALL).unwrap();
    writer.append(&[Value::Float(1.5)]).unwrap();
    std::fs::write(&other, b"precious").unwrap();
    assert!(matches!(writer.finish(), Err(DataError::Exists { .. })));
    assert_eq!(std::fs::read(&other).unwrap(), b"precious");
    assert!(matches!(Writer::create(folder.path(), &fields, 1, replace), Err(DataError::WrongKind { .. })));
    let nowhere = folder.path().join("none/set.beton");
    assert!(message(Writer::create(&nowhere, &fields, 1, replace).map(|_| ())).starts_with("cannot write the file: "));
    assert_eq!(names(folder.path()).len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_is_as_readable_as_any_other() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.beton");
    let other = folder.path().join("other");
    std::fs::write(&other, b"").unwrap();
    let mut writer = Writer::create(&path, &[field("a", FieldKind::Float)], 1, SMALL).unwrap();
    writer.append(&[Value::Float(1.5)]).unwrap();
    writer.finish().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&path), mode(&other));
}
