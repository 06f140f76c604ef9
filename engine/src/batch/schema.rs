//! What the rows of a batch are made of.

use std::fmt;

pub use pixels::ImageSize;

use crate::params::choice;

choice! {
    /// Type of a field's elements.
    pub enum DType {
        /// 8-bit unsigned integer.
        Uint8 = "uint8",
        /// 64-bit signed integer.
        Int64 = "int64",
        /// IEEE half precision.
        Float16 = "float16",
        /// The upper half of a float32.
        Bfloat16 = "bfloat16",
        /// IEEE single precision.
        Float32 = "float32",
    }
}

impl DType {
    /// Bytes of an element.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Uint8 => 1,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Float32 => 4,
            Self::Int64 => 8,
        }
    }

    /// Whether it holds fractions.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float16 | Self::Bfloat16 | Self::Float32)
    }
}

/// What the axes of a field's shape mean, and how they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// No image: numbers in the order of their shape.
    Plain,
    /// An image of shape height × width × channels, in that order in memory.
    Hwc,
    /// An image of shape channels × height × width, in that order in memory.
    Chw,
    /// An image of any size, or one that is still encoded: rows have any number of bytes, and no shape.
    Picture,
    /// Text, JSON or bytes that are no image: rows have any number of bytes, and no shape.
    Blob,
    /// An image of shape channels × height × width whose memory is in the order height × width × channels: torch's
    /// `channels_last`.
    ChannelsLast,
}

/// Named data of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, unique in a schema.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Shape of one row.
    pub shape: Vec<usize>,
    /// Meaning of the axes.
    pub layout: Layout,
    /// For labels: the values are `0..classes`.
    pub classes: Option<usize>,
}

impl Field {
    /// A field of plain numbers.
    pub fn plain(name: impl Into<String>, dtype: DType, shape: &[usize]) -> Self {
        Self { name: name.into(), dtype, shape: shape.to_vec(), layout: Layout::Plain, classes: None }
    }

    /// A field of class labels, 64-bit integers in `0..classes`.
    pub fn label(name: impl Into<String>, classes: usize) -> Self {
        Self { classes: Some(classes), ..Self::plain(name, DType::Int64, &[]) }
    }

    /// A field of 8-bit images, height × width × channels.
    pub fn image(name: impl Into<String>, size: ImageSize) -> Self {
        let shape = [size.height, size.width, size.channels];
        Self { layout: Layout::Hwc, ..Self::plain(name, DType::Uint8, &shape) }
    }

    /// A field of images of any size, or still encoded.
    pub fn picture(name: impl Into<String>) -> Self {
        Self { layout: Layout::Picture, ..Self::plain(name, DType::Uint8, &[]) }
    }

    /// A field of bytes that are no image, any number of them.
    pub fn blob(name: impl Into<String>) -> Self {
        Self { layout: Layout::Blob, ..Self::plain(name, DType::Uint8, &[]) }
    }

    /// A field of soft labels: for each class its share, as float32.
    pub fn soft_label(name: impl Into<String>, classes: usize) -> Self {
        Self { classes: Some(classes), ..Self::plain(name, DType::Float32, &[classes]) }
    }

    /// Whether its rows are class labels: one 64-bit integer each, of known classes.
    pub fn is_class(&self) -> bool {
        self.classes.is_some() && self.dtype == DType::Int64 && self.shape.is_empty()
    }

    /// Whether its rows are soft labels: for each of the known classes its share, as float32.
    pub fn is_soft_label(&self) -> bool {
        self.dtype == DType::Float32 && self.classes.is_some_and(|classes| self.shape == [classes])
    }

    /// Whether its rows have any number of bytes.
    pub fn is_ragged(&self) -> bool {
        matches!(self.layout, Layout::Picture | Layout::Blob)
    }

    /// Elements of one row.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of one row; of a ragged field, 0.
    pub fn row_bytes(&self) -> usize {
        if self.is_ragged() { 0 } else { self.elements() * self.dtype.bytes() }
    }

    /// About how many bytes a row takes in memory: of a ragged field a guess.
    pub fn about_bytes(&self) -> usize {
        const PICTURE: usize = 100 << 10;
        const BLOB: usize = 1 << 10;
        match self.layout {
            Layout::Picture => PICTURE,
            Layout::Blob => BLOB,
            _ => self.row_bytes(),
        }
    }

    /// Size of an image; none if it is none.
    pub fn image_size(&self) -> Option<ImageSize> {
        let &[a, b, c] = &self.shape[..] else { return None };
        match self.layout {
            Layout::Plain | Layout::Picture | Layout::Blob => None,
            Layout::Hwc => Some(ImageSize { height: a, width: b, channels: c }),
            Layout::Chw | Layout::ChannelsLast => Some(ImageSize { channels: a, height: b, width: c }),
        }
    }
}

impl fmt::Display for Field {
    /// `image uint8 [32, 32, 3]`; a layout that the shape does not show is added.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout {
            Layout::Picture => return write!(f, "{} image of any size", self.name),
            Layout::Blob => return write!(f, "{} bytes", self.name),
            _ => write!(f, "{} {} {:?}", self.name, self.dtype, self.shape)?,
        }
        if self.layout == Layout::ChannelsLast { f.write_str(" channels_last") } else { Ok(()) }
    }
}

/// The fields on an edge of the graph, each with the node that wrote it last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    columns: Vec<Column>,
}

/// A field and its writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The field.
    pub field: Field,
    /// Index of the node that wrote it last, in the graph's topological order.
    pub writer: usize,
}

impl Schema {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.column(name).map(|c| &c.field)
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.field.name == name)
    }

    /// All columns, in the order in which they appeared.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// All fields, in the order in which they appeared.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.columns.iter().map(|c| &c.field)
    }

    /// Adds a field, or replaces the one of that name.
    pub fn set(&mut self, field: Field, writer: usize) {
        match self.columns.iter_mut().find(|c| c.field.name == field.name) {
            Some(column) => *column = Column { field, writer },
            None => self.columns.push(Column { field, writer }),
        }
    }

    /// Takes these fields out.
    pub fn remove(&mut self, names: &[String]) {
        self.columns.retain(|c| !names.contains(&c.field.name));
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.fields().enumerate() {
            write!(f, "{}{field}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
