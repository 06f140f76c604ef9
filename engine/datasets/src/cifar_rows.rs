//! Both CIFAR sets as rows of fields: `image`, 32 × 32 × 3, pixel after pixel, and `label`; CIFAR-100 has
//! `coarse_label` too.

use std::borrow::Cow;
use std::sync::LazyLock;

use pixels::ImageSize;

use super::cifar::{self, CifarRecords, PIXEL_BYTES};
use super::cifar100::{self, Cifar100Records};
use super::dataset::{DataField, Dataset, FieldKind, Value};
use super::error::DataError;

const SIZE: ImageSize = ImageSize { height: 32, width: 32, channels: 3 };

static FIELDS: LazyLock<[DataField; 2]> = LazyLock::new(|| [image(), label("label", &cifar::CLASSES)]);

static FIELDS_OF_100: LazyLock<[DataField; 3]> =
    LazyLock::new(|| [image(), label("label", &cifar100::CLASSES), label("coarse_label", &cifar100::COARSE_CLASSES)]);

fn image() -> DataField {
    DataField { name: "image".to_owned(), kind: FieldKind::Image { size: Some(SIZE) } }
}

fn label(name: &str, classes: &[&str]) -> DataField {
    let classes = classes.iter().map(|class| (*class).to_owned()).collect();
    DataField { name: name.to_owned(), kind: FieldKind::Int { classes } }
}

/// Planes, red first, as pixels.
fn interleaved(planes: &[u8; PIXEL_BYTES]) -> Value<'static> {
    let (red, rest) = planes.split_at(32 * 32);
    let (green, blue) = rest.split_at(32 * 32);
    let pixels = red.iter().zip(green).zip(blue).flat_map(|((red, green), blue)| [*red, *green, *blue]);
    Value::Image { bytes: Cow::Owned(pixels.collect()), size: Some(SIZE) }
}

impl Dataset for CifarRecords {
    fn rows(&self) -> u64 {
        self.len() as u64
    }

    fn fields(&self) -> &[DataField] {
        &*FIELDS
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let record = self.record(row as usize)?;
        Ok(if field == 0 { interleaved(record.planes) } else { Value::Int(i64::from(record.label)) })
    }

    fn place(&self, row: u64) -> String {
        Self::place(self, row as usize)
    }
}

impl Dataset for Cifar100Records {
    fn rows(&self) -> u64 {
        self.len() as u64
    }

    fn fields(&self) -> &[DataField] {
        &*FIELDS_OF_100
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let record = self.record(row as usize)?;
        Ok(match field {
            0 => interleaved(record.planes),
            1 => Value::Int(i64::from(record.fine)),
            _ => Value::Int(i64::from(record.coarse)),
        })
    }

    fn place(&self, row: u64) -> String {
        Self::place(self, row as usize)
    }
}
