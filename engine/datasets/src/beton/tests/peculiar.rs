//! Files as FFCV writes them: several workers, modes row by row, names cut, regions shared or empty.

use std::borrow::Cow;

use pixels::ImageSize;

use super::by_hand::{Cell, File, array};
use super::{jpeg, message, open, open_fetched, row};
use crate::beton::verify;
use crate::{DataField, Dataset, ElementType, FieldKind, Value};

fn size(width: u16, height: u16) -> ImageSize {
    ImageSize { height: height.into(), width: width.into(), channels: 3 }
}

fn raw(width: u16, height: u16, seed: u8) -> Cell {
    let bytes = usize::from(width) * usize::from(height) * 3;
    Cell::Image(1, width, height, (0..bytes).map(|index| (index as u8).wrapping_mul(31) ^ seed).collect())
}

/// Every type, images raw and encoded, three workers.
pub(super) fn every_type() -> File {
    let rows = (0..120_u8).map(|index| {
        let image = if index % 3 == 0 {
            Cell::Image(0, 9, 7, jpeg(9, 7, &vec![index | 1; usize::from(index) * 5]))
        } else {
            raw(1 + u16::from(index % 7), 1 + u16::from(index % 5), index)
        };
        vec![
            Cell::Float(f64::from(index) / 3.0),
            image,
            Cell::Sized(vec![index; 1 + usize::from(index) * 3]),
            Cell::Int(-i64::from(index)),
            Cell::Array([f32::from(index), -1.5].iter().flat_map(|number| number.to_be_bytes()).collect()),
            Cell::Sized(format!("{{\"row\": {index}}}\0").into_bytes()),
            Cell::Array(vec![index; 16]),
            Cell::Array(vec![index % 2, 1, 0]),
        ]
    });
    File {
        page_bytes: 4096,
        workers: 3,
        chunk: 7,
        fields: vec![
            (0, "float", vec![]),
            (2, "image", vec![]),
            (3, "bytes", vec![]),
            (1, "int", vec![]),
            (4, "big", array(&[2], ">f4")),
            (5, "json", vec![]),
            (4, "complex", array(&[2], "<c8")),
            (6, "a_name_longer_than_16", array(&[3, 1], "|b1")),
        ],
        rows: rows.collect(),
    }
}

#[test]
fn every_type_is_read_from_every_storage() {
    let file = every_type();
    let bytes = file.bytes();
    for beton in [open(&bytes).unwrap(), open_fetched(&bytes).unwrap()] {
        assert_eq!(beton.rows(), 120);
        let kinds: Vec<_> = beton.fields().iter().map(|field| (field.name.as_str(), field.kind.clone())).collect();
        let array = |element, shape: &[usize]| FieldKind::Array { element, shape: shape.to_vec() };
        assert_eq!(
            kinds,
            [
                ("float", FieldKind::Float),
                ("image", FieldKind::Image { size: None }),
                ("bytes", FieldKind::Bytes),
                ("int", FieldKind::Int { classes: vec![] }),
                ("big", array(ElementType::Float32, &[2])),
                ("json", FieldKind::Json),
                ("a_name_longer_th", array(ElementType::Bool, &[3, 1])),
            ]
        );
        for (index, cells) in (0..).zip(&file.rows) {
            let values = row(&beton, index);
            beton.prefetch(index);
            for (value, cell) in values.iter().zip(cells.iter().take(6).chain(&cells[7..])) {
                match (value, cell) {
                    (Value::Float(value), Cell::Float(stored)) => assert_eq!(value, stored),
                    (Value::Int(value), Cell::Int(stored)) => assert_eq!(value, stored),
                    (Value::Image { bytes, size: None }, Cell::Image(0, _, _, stored)) => assert_eq!(**bytes, *stored),
                    (Value::Image { bytes, size: Some(given) }, Cell::Image(1, width, height, stored)) => {
                        assert_eq!((&**bytes, *given), (&stored[..], size(*width, *height)));
                    }
                    (Value::Bytes(bytes), Cell::Sized(stored)) => {
                        let text = stored.strip_suffix(&[0]).filter(|text| text.starts_with(b"{"));
                        assert_eq!(**bytes, *text.unwrap_or(stored));
                    }
                    (Value::Bytes(bytes), Cell::Array(stored)) if stored.len() == 8 => {
                        let swapped: Vec<u8> = stored.chunks(4).flat_map(|four| four.iter().rev()).copied().collect();
                        assert_eq!(**bytes, swapped);
                    }
                    (Value::Bytes(bytes), Cell::Array(stored)) => assert_eq!(**bytes, *stored),
                    other => panic!("{other:?}"),
                }
            }
        }
        let found = verify(&beton, 2, &|_| Ok(size(9, 7)), &mut |_, _| true).unwrap();
        assert!(found.is_sound(), "{found:?}");
        assert_eq!((found.rows, found.decoded), (120, 40));
    }
}

#[test]
fn what_cannot_be_read_is_left_out_until_asked_for() {
    let bytes = every_type().bytes();
    let beton = open(&bytes).unwrap();
    let [left] = beton.left_out() else { panic!() };
    assert_eq!(left.name, "complex");
    let picked = open(&bytes).unwrap().select(&["int", "float"]).unwrap();
    assert_eq!(row(&picked, 5), [Value::Int(-5), Value::Float(5.0 / 3.0)]);
    let text = message(open(&bytes).unwrap().select(&["complex"]).map(|_| ()));
    assert!(text.starts_with("the field complex cannot be read: its elements are of the numpy type <c8"), "{text}");
    let text = message(open(&bytes).unwrap().select(&["label"]).map(|_| ()));
    let names = "float, image, bytes, int, big, json, complex, a_name_longer_th";
    assert_eq!(text, format!("there is no field label; the file has {names}: memory.beton"));
}

#[test]
fn raw_images_of_one_size_have_it_in_the_field_and_are_not_copied() {
    let mut file = File {
        page_bytes: 4096,
        workers: 2,
        chunk: 3,
        fields: vec![(2, "image", vec![]), (1, "label", vec![])],
        rows: (0..50).map(|index| vec![raw(8, 4, index), Cell::Int(index.into())]).collect(),
    };
    let bytes = file.bytes();
    let beton = open(&bytes).unwrap();
    assert_eq!(
        beton.fields()[0],
        DataField { name: "image".into(), kind: FieldKind::Image { size: Some(size(8, 4)) } }
    );
    assert!(matches!(beton.value(3, 0).unwrap(), Value::Image { bytes: Cow::Borrowed(_), .. }));
    assert_eq!(beton.place(3), "memory.beton, row 3");
    // 50 rows on two pages.
    assert_eq!(beton.rows_per_page(), 25);
    assert!(open_fetched(&bytes).unwrap().fields()[0].kind == FieldKind::Image { size: Some(size(8, 4)) });
    file.rows[49][0] = raw(4, 8, 0);
    assert_eq!(open(&file.bytes()).unwrap().fields()[0].kind, FieldKind::Image { size: None });
    file.rows[49][0] = Cell::Image(0, 8, 4, jpeg(8, 4, b""));
    assert_eq!(open(&file.bytes()).unwrap().fields()[0].kind, FieldKind::Image { size: None });
}

#[test]
fn names_cut_to_the_same_are_told_apart() {
    let cells = [10, 20, 30, 40].map(Cell::Int).to_vec();
    let file = File {
        page_bytes: 4096,
        workers: 1,
        chunk: 100,
        fields: vec![
            (1, "sixteen_letters_a", vec![]),
            (1, "sixteen_letters_b", vec![]),
            (1, "", vec![]),
            (1, "sixteen_letters_c", vec![]),
        ],
        rows: vec![cells],
    };
    let beton = open(&file.bytes()).unwrap();
    let names: Vec<&str> = beton.fields().iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["sixteen_letters_", "sixteen_letters__2", "field_2", "sixteen_letters__3"]);
    assert_eq!(row(&beton, 0), [10, 20, 30, 40].map(Value::Int));
}

#[test]
fn empty_regions_are_empty_and_their_neighbours_whole() {
    let bytes = |index: u8| Cell::Sized(vec![index; usize::from(index % 3)]);
    let image = |index: u8| Cell::Image(0, 5, 5, jpeg(5, 5, &[index; 9]));
    let file = File {
        page_bytes: 4096,
        workers: 2,
        chunk: 1,
        fields: vec![(3, "bytes", vec![]), (2, "image", vec![])],
        rows: (0..20).map(|index| vec![bytes(index), image(index)]).collect(),
    };
    let written = file.bytes();
    let beton = open(&written).unwrap();
    for index in 0..20_u8 {
        let [Value::Bytes(bytes), Value::Image { bytes: image, .. }] = &row(&beton, index.into())[..] else { panic!() };
        assert_eq!((bytes.len(), image.len()), (usize::from(index % 3), 12 + 9));
    }
    let found = verify(&beton, 1, &|_| Ok(size(5, 5)), &mut |_, _| true).unwrap();
    assert_eq!((found.bad_count, found.faults.len()), (0, 1), "{found:?}");
    assert!(found.faults[0].starts_with("7 regions of the allocation table are empty"), "{found:?}");
}

#[test]
fn numbers_alone_have_no_pages() {
    let file = File {
        page_bytes: 8 << 20,
        workers: 1,
        chunk: 100,
        fields: vec![(1, "int", vec![]), (0, "float", vec![])],
        rows: vec![vec![Cell::Int(3), Cell::Float(0.5)]; 4],
    };
    let bytes = file.bytes();
    assert_eq!(bytes.len(), 24 + 2 * 1041 + 4 * 16);
    let beton = open(&bytes).unwrap();
    assert_eq!(row(&beton, 3), [Value::Int(3), Value::Float(0.5)]);
    assert_eq!(beton.info().unwrap().pages, 0);
    assert_eq!(beton.rows_per_page(), 1024);
}
