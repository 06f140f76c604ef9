//! Memory of a column.

use bytemuck::{Pod, Zeroable};
use pixels::{ImageSize, Picture};

use super::schema::Field;

/// A cache line, so that rows start where vector instructions like it.
#[repr(C, align(64))]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Line([u8; 64]);

/// Bytes on the heap, aligned to 64, zero at first. Allocated once and reused.
#[derive(Default)]
pub struct Buffer {
    lines: Vec<Line>,
    len: usize,
}

impl Buffer {
    /// `len` bytes of zero.
    pub fn zeroed(len: usize) -> Self {
        Self { lines: vec![Line::zeroed(); len.div_ceil(size_of::<Line>())], len }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }

    /// Makes it hold at least `len` bytes; what they hold is left open.
    pub fn reserve(&mut self, len: usize) {
        if self.len < len {
            *self = Self::zeroed(len);
        }
    }
}

/// A row of a field whose rows have any number of bytes: an image of any size, encoded or not; text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The bytes. Their memory is kept from batch to batch.
    pub bytes: Vec<u8>,
    /// Of pixels: their size. None for an encoded image, and for what is no image.
    pub size: Option<ImageSize>,
}

impl Item {
    /// Takes over these bytes.
    pub fn set(&mut self, bytes: &[u8], size: Option<ImageSize>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.size = size;
    }

    /// As an image.
    pub fn picture(&self) -> Picture<'_> {
        Picture { bytes: &self.bytes, size: self.size }
    }
}

/// What a row of a column takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowShape {
    /// So many bytes.
    Bytes(usize),
    /// An [`Item`].
    Item,
}

impl RowShape {
    /// Of a field.
    pub fn of(field: &Field) -> Self {
        if field.is_ragged() { Self::Item } else { Self::Bytes(field.row_bytes()) }
    }

    /// Memory of so many rows.
    pub fn memory(self, rows: usize) -> Memory {
        match self {
            Self::Bytes(bytes) => Memory::Bytes(Buffer::zeroed(rows * bytes)),
            Self::Item => Memory::Items(vec![Item::default(); rows]),
        }
    }
}

/// Memory of a column.
pub enum Memory {
    /// Rows of the same number of bytes.
    Bytes(Buffer),
    /// Rows of any number of bytes.
    Items(Vec<Item>),
}

impl Memory {
    /// Makes it hold at least `rows` rows; what they hold is left open.
    pub fn reserve(&mut self, shape: RowShape, rows: usize) {
        match (&mut *self, shape) {
            (Self::Bytes(buffer), RowShape::Bytes(bytes)) => buffer.reserve(rows * bytes),
            (Self::Items(items), RowShape::Item) if items.len() >= rows => {}
            (Self::Items(items), RowShape::Item) => items.resize_with(rows, Item::default),
            _ => *self = shape.memory(rows),
        }
    }

    /// The first rows.
    pub fn rows(&self, shape: RowShape, rows: usize) -> Values<'_> {
        match (self, shape) {
            (Self::Bytes(buffer), RowShape::Bytes(bytes)) => Values::Bytes(&buffer.bytes()[..rows * bytes]),
            (Self::Items(items), _) => Values::Items(&items[..rows]),
            (Self::Bytes(_), RowShape::Item) => unreachable!("memory has the shape that it was made with"),
        }
    }

    /// The first rows.
    pub fn rows_mut(&mut self, shape: RowShape, rows: usize) -> ValuesMut<'_> {
        match (self, shape) {
            (Self::Bytes(buffer), RowShape::Bytes(bytes)) => ValuesMut::Bytes(&mut buffer.bytes_mut()[..rows * bytes]),
            (Self::Items(items), _) => ValuesMut::Items(&mut items[..rows]),
            (Self::Bytes(_), RowShape::Item) => unreachable!("memory has the shape that it was made with"),
        }
    }
}

/// Some rows of a column.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// One after the other.
    Bytes(&'a [u8]),
    /// Each by itself.
    Items(&'a [Item]),
}

impl<'a> Values<'a> {
    /// Nothing.
    pub const NONE: Self = Self::Bytes(&[]);

    /// Rows of the same number of bytes; none if they are not.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Items(_) => None,
        }
    }
}

/// Some rows of a column, to write.
pub enum ValuesMut<'a> {
    /// One after the other.
    Bytes(&'a mut [u8]),
    /// Each by itself.
    Items(&'a mut [Item]),
}

impl ValuesMut<'_> {
    /// To read.
    pub fn shared(&self) -> Values<'_> {
        match self {
            Self::Bytes(bytes) => Values::Bytes(bytes),
            Self::Items(items) => Values::Items(items),
        }
    }

    /// For somebody else, for a while.
    pub fn again(&mut self) -> ValuesMut<'_> {
        match self {
            Self::Bytes(bytes) => ValuesMut::Bytes(bytes),
            Self::Items(items) => ValuesMut::Items(items),
        }
    }

    /// Takes over the rows of another column of the same shape.
    pub fn copy_from(&mut self, from: Values<'_>) {
        match (self, from) {
            (Self::Bytes(to), Values::Bytes(from)) => to.copy_from_slice(from),
            (Self::Items(to), Values::Items(from)) => {
                to.iter_mut().zip(from).for_each(|(to, from)| to.set(&from.bytes, from.size));
            }
            _ => unreachable!("a copy has the shape of its original"),
        }
    }
}
