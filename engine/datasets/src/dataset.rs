//! What all formats have in common: rows of named values that can be read in any order.

use std::borrow::Cow;

use pixels::{ImageSize, Picture};

use super::error::DataError;

/// Type of an array's elements, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// A byte, 0 or 1.
    Bool,
    /// 8-bit unsigned integer.
    Uint8,
    /// 8-bit signed integer.
    Int8,
    /// 16-bit unsigned integer.
    Uint16,
    /// 16-bit signed integer.
    Int16,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// IEEE half precision.
    Float16,
    /// IEEE single precision.
    Float32,
    /// IEEE double precision.
    Float64,
}

impl ElementType {
    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => 1,
            Self::Uint16 | Self::Int16 | Self::Float16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
        }
    }
}

/// What a field holds in every row.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// A whole number, 64 bits. With the names of the classes, in the order of the numbers, where it is a label that
    /// the format names.
    Int {
        /// Empty where the format has none.
        classes: Vec<String>,
    },
    /// A number, 64 bits.
    Float,
    /// An image of bytes. With a size if every row has raw pixels of that size; without, any row may have any size,
    /// encoded or raw.
    Image {
        /// Size of all rows.
        size: Option<ImageSize>,
    },
    /// Bytes, any number of them.
    Bytes,
    /// JSON text, UTF-8.
    Json,
    /// An array of the same shape in every row, in row-major order.
    Array {
        /// Type of its elements.
        element: ElementType,
        /// Shape; empty for a single element.
        shape: Vec<usize>,
    },
}

/// A field of every row.
#[derive(Clone, Debug, PartialEq)]
pub struct DataField {
    /// Name, unique in a set.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
}

/// A row's value of a field. Which variant it is follows from the field's kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Of [`FieldKind::Int`].
    Int(i64),
    /// Of [`FieldKind::Float`].
    Float(f64),
    /// Of [`FieldKind::Image`]: an encoded file (no size) or pixels.
    Image {
        /// The file or the pixels.
        bytes: Cow<'a, [u8]>,
        /// Size of pixels.
        size: Option<ImageSize>,
    },
    /// Of [`FieldKind::Bytes`], [`FieldKind::Json`] and [`FieldKind::Array`] (little-endian).
    Bytes(Cow<'a, [u8]>),
}

impl Value<'_> {
    /// An image's bytes and size.
    pub fn picture(&self) -> Option<Picture<'_>> {
        match self {
            Self::Image { bytes, size } => Some(Picture { bytes, size: *size }),
            _ => None,
        }
    }
}

/// A set of samples that can be read in any order, by many threads at once.
pub trait Dataset: Send + Sync {
    /// How many rows there are.
    fn rows(&self) -> u64;

    /// The fields, in order.
    fn fields(&self) -> &[DataField];

    /// Fields that are in the files but cannot be read, each with the reason, for people.
    fn unreadable_fields(&self) -> Vec<String> {
        Vec::new()
    }

    /// The value of a field in a row; `row` and `field` are in range. Offsets in files are checked, pixels are not
    /// decoded.
    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError>;

    /// Where a row lies, for messages: `train/cat/12.jpg`, `shard-003.tar, 000127`, `train.beton, row 17`.
    fn place(&self, row: u64) -> String;

    /// How many neighbouring rows lie together on the disk, so that reading one brings the others near: what a
    /// quasi-random order keeps together. At least 1.
    fn rows_per_page(&self) -> u64 {
        1024
    }

    /// Asks the system to bring a row near, since it is read soon. May do nothing.
    fn prefetch(&self, row: u64) {
        let _ = row;
    }
}
