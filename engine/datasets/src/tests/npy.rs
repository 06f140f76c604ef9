use std::path::Path;

use pixels::ImageSize;
use proptest::prelude::*;

use crate::npy::{self, NpyArrays};
use crate::{Dataset, ElementType, FieldKind, Value};

fn named(folder: &Path, names: &[&str]) -> Vec<(String, String)> {
    let path = |name: &str| folder.join(format!("{name}.npy")).to_str().unwrap().to_owned();
    names.iter().map(|name| ((*name).to_owned(), path(name))).collect()
}

fn write(folder: &Path, name: &str, element: ElementType, shape: &[usize], bytes: &[u8]) {
    npy::write(&folder.join(format!("{name}.npy")), element, shape, bytes).unwrap();
}

/// A file whose header is as given.
fn raw(folder: &Path, name: &str, header: &str, elements: &[u8]) {
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let bytes = [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), elements].concat();
    std::fs::write(folder.join(format!("{name}.npy")), bytes).unwrap();
}

#[test]
fn arrays_are_fields_by_type_and_shape() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let pixels: Vec<u8> = (0..2 * 4 * 5 * 3).collect();
    write(at, "image", ElementType::Uint8, &[2, 4, 5, 3], &pixels);
    write(at, "label", ElementType::Int16, &[2], &[0xfe, 0xff, 3, 0]);
    write(at, "weight", ElementType::Float32, &[2], &[0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
    write(at, "box", ElementType::Int32, &[2, 2], &(0..16).collect::<Vec<u8>>());
    write(at, "gray", ElementType::Uint8, &[2, 2, 2], &(0..8).collect::<Vec<u8>>());
    let set = NpyArrays::open(&named(at, &["image", "label", "weight", "box", "gray"])).unwrap();
    assert_eq!(set.rows(), 2);
    let size = ImageSize { height: 4, width: 5, channels: 3 };
    let kinds: Vec<FieldKind> = set.fields().iter().map(|field| field.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            FieldKind::Image { size: Some(size) },
            FieldKind::Int { classes: Vec::new() },
            FieldKind::Float,
            FieldKind::Array { element: ElementType::Int32, shape: vec![2] },
            FieldKind::Array { element: ElementType::Uint8, shape: vec![2, 2] },
        ]
    );
    let row: Vec<Value<'_>> = (0..5).map(|field| set.value(1, field).unwrap()).collect();
    assert_eq!(
        row,
        [
            Value::Image { bytes: pixels[60..].into(), size: Some(size) },
            Value::Int(3),
            Value::Float(2.0),
            Value::Bytes((8..16).collect()),
            Value::Bytes((4..8).collect()),
        ]
    );
    assert_eq!(set.value(0, 1).unwrap(), Value::Int(-2));
    assert!(set.place(1).ends_with("image.npy, row 1"));
}

#[test]
fn numbers_of_all_widths_and_orders() {
    let folder = tempfile::tempdir().unwrap();
    for (descr, bytes, expected) in [
        ("|i1", &[0xff_u8][..], Value::Int(-1)),
        ("|u1", &[0xff], Value::Int(255)),
        (">i2", &[0xff, 0xfe], Value::Int(-2)),
        ("<u2", &[0xfe, 0xff], Value::Int(65534)),
        (">i4", &[0, 0, 1, 0], Value::Int(256)),
        (">u4", &[0xff, 0xff, 0xff, 0xff], Value::Int(4_294_967_295)),
        ("<i8", &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Value::Int(-3)),
        (">u8", &[0, 0, 0, 0, 0, 0, 0, 9], Value::Int(9)),
        ("<f2", &[0, 0x3c], Value::Float(1.0)),
        (">f4", &[0x3f, 0x80, 0, 0], Value::Float(1.0)),
        (">f8", &[0xbf, 0xf0, 0, 0, 0, 0, 0, 0], Value::Float(-1.0)),
        ("|b1", &[1], Value::Bytes((&[1]).into())),
    ] {
        raw(folder.path(), "x", &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}"), bytes);
        let set = NpyArrays::open(&named(folder.path(), &["x"])).unwrap();
        assert_eq!(set.value(0, 0).unwrap(), expected, "{descr}");
    }
    let header = "{'descr': '>u2', 'fortran_order': False, 'shape': (2, 2)}";
    raw(folder.path(), "x", header, &[0, 1, 0, 2, 0, 3, 0, 4]);
    let set = NpyArrays::open(&named(folder.path(), &["x"])).unwrap();
    assert_eq!(set.value(1, 0).unwrap(), Value::Bytes((&[3, 0, 4, 0]).into()));
    let header = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}";
    raw(folder.path(), "x", header, &[0xff; 8]);
    let set = NpyArrays::open(&named(folder.path(), &["x"])).unwrap();
    assert!(set.value(0, 0).unwrap_err().to_string().starts_with("x is larger than 64 bits"));
}

#[test]
fn what_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let path = at.join("x.npy");
    for (header, expected) in [
        ("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}", "the array is in Fortran order, its rows lie"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", "the array is of Python objects"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", "no field has elements of type <c8; expected"),
        ("{'descr': '<u4', 'fortran_order': False, 'shape': (2, 2)}", "no field has elements of uint32"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': ()}", "the array is a single number"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 0)}", "its rows have no elements"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (99,)}", "the file is cut off: it has "),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 3)}", "its shape is too large"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4611686018427387904)}", "its shape is too large"),
    ] {
        raw(at, "x", header, &[0; 16]);
        let error = NpyArrays::open(&named(at, &["x"])).err().unwrap().to_string();
        assert!(error.starts_with(expected) && error.ends_with(path.to_str().unwrap()), "{error}");
    }
    write(at, "two", ElementType::Uint8, &[2], &[0; 2]);
    write(at, "three", ElementType::Uint8, &[3], &[0; 3]);
    let error = NpyArrays::open(&named(at, &["two", "three"])).err().unwrap().to_string();
    assert!(error.starts_with("three has 3 rows, two has 2: they must agree: "), "{error}");
    let error = NpyArrays::open(&named(at, &["two", "two"])).err().unwrap().to_string();
    assert!(error.starts_with("the name \"two\" is given twice: "), "{error}");
    assert!(NpyArrays::open(&[]).is_err());
    let error = npy::write(&path, ElementType::Int32, &[2, 2], &[0; 4]).unwrap_err().to_string();
    assert!(error.starts_with("an array of shape [2, 2] was given 4 bytes, which are not its own: "), "{error}");
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "hundreds of cases: hours")]
    fn mutated_arrays_never_panic(changes in proptest::collection::vec((0..160_usize, any::<u8>()), 1..5), cut in 0..160_usize) {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "x", ElementType::Int16, &[4, 2, 2], &[7; 32]);
        let path = folder.path().join("x.npy");
        let mut bytes = std::fs::read(&path).unwrap();
        prop_assert_eq!(bytes.len(), 160);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(160 - cut % 40 * (cut % 2));
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(set) = NpyArrays::open(&named(folder.path(), &["x"])) {
            for row in 0..set.rows() {
                let _ = set.value(row, 0);
            }
        }
    }
}
