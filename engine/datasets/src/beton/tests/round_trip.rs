//! Written and read again: the same values, whatever the fields, the rows and the number of threads.

use std::borrow::Cow;

use pixels::ImageSize;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{jpeg, row};
use crate::beton::{Beton, WriteOptions, Writer, verify, write};
use crate::{DataField, Dataset, ElementType, FieldKind, Value};

fn kind() -> impl Strategy<Value = FieldKind> {
    let element = prop::sample::select(vec![
        ElementType::Bool,
        ElementType::Uint8,
        ElementType::Int8,
        ElementType::Uint16,
        ElementType::Int16,
        ElementType::Int32,
        ElementType::Int64,
        ElementType::Float16,
        ElementType::Float32,
        ElementType::Float64,
    ]);
    let side = 1..12_usize;
    prop_oneof![
        Just(FieldKind::Int { classes: vec![] }),
        Just(FieldKind::Float),
        Just(FieldKind::Bytes),
        Just(FieldKind::Json),
        Just(FieldKind::Image { size: None }),
        (side.clone(), side)
            .prop_map(|(height, width)| { FieldKind::Image { size: Some(ImageSize { height, width, channels: 3 }) } }),
        (element, vec(1..4_usize, 1..5)).prop_map(|(element, shape)| FieldKind::Array { element, shape }),
    ]
}

/// Bytes in plenty, from few.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    (0..length as u64).map(|index| ((seed ^ index).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// The value that a seed stands for.
fn value(kind: &FieldKind, seed: u64) -> Value<'static> {
    let owned = |bytes| Value::Bytes(Cow::Owned(bytes));
    let small = 1 + seed as usize % 40;
    match kind {
        FieldKind::Int { .. } => Value::Int(seed.cast_signed()),
        // NaN equals nothing.
        FieldKind::Float => Value::Float(seed as f64 / 7.0),
        FieldKind::Bytes => owned(bytes(seed, seed as usize % 2000)),
        FieldKind::Json => owned(format!("[{seed}, \"ü\"]").into_bytes()),
        FieldKind::Array { element, shape } => {
            let length = element.bytes() * shape.iter().product::<usize>();
            let bool = *element == ElementType::Bool;
            owned(bytes(seed, length).iter().map(|byte| if bool { byte & 1 } else { *byte }).collect())
        }
        FieldKind::Image { size: None } if seed.is_multiple_of(2) => {
            let file = jpeg(small as u16, 3, &bytes(seed, small * 9));
            Value::Image { bytes: Cow::Owned(file), size: None }
        }
        FieldKind::Image { size } => {
            let size = size.unwrap_or(ImageSize { height: small, width: 5, channels: 3 });
            Value::Image { bytes: Cow::Owned(bytes(seed, size.bytes())), size: Some(size) }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_written_is_read(kinds in vec(kind(), 1..7), seeds in vec(any::<u64>(), 1..90), workers in 1..4_usize) {
        let named = kinds.iter().enumerate();
        let fields: Vec<DataField> = named
            .map(|(index, kind)| DataField { name: format!("field {index}"), kind: kind.clone() })
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.beton");
        let options = WriteOptions { page_bytes: 2 << 20, replace: false };
        let rows = seeds.len() as u64;
        let values = |row: u64| kinds.iter().map(|kind| value(kind, seeds[row as usize])).collect::<Vec<_>>();
        let writer = Writer::create(&path, &fields, rows, options).unwrap();
        let written = write(writer, rows, workers, &|row| Ok(values(row)), &mut |_, _| true).unwrap();
        prop_assert_eq!((written.rows, written.bytes), (rows, std::fs::metadata(&path).unwrap().len()));

        let file = Beton::open(&path).unwrap();
        for (field, declared) in file.fields().iter().zip(&fields) {
            prop_assert_eq!(&field.name, &declared.name);
            match (&field.kind, &declared.kind) {
                // All rows happen to have one size.
                (FieldKind::Image { size: Some(_) }, FieldKind::Image { size: None }) => {}
                (found, kind) => prop_assert_eq!(found, kind),
            }
        }
        for index in 0..rows {
            prop_assert_eq!(row(&file, index), values(index));
        }
        let size = |file: &[u8]| Ok(ImageSize { height: 3, width: usize::from(file[10]), channels: 3 });
        let found = verify(&file, 1, &size, &mut |_, _| true).unwrap();
        prop_assert!(found.is_sound(), "{:?}", found);

        // One row after the other, on this thread: the same bytes.
        let again = folder.path().join("again.beton");
        let mut writer = Writer::create(&again, &fields, rows, options).unwrap();
        for index in 0..rows {
            writer.append(&values(index)).unwrap();
        }
        writer.finish().unwrap();
        prop_assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
    }
}
