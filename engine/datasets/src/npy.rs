//! Arrays in NumPy's `.npy` files, a field each, whose first dimension is the rows.
//!
//! | array                                  | field                           |
//! |----------------------------------------|---------------------------------|
//! | uint8 `[N, H, W, C]`, C being 1, 3, 4  | image of H × W × C              |
//! | whole numbers `[N]`, of any width      | whole number                    |
//! | floats `[N]`, of any width             | float                           |
//! | all others, `[N, …]`                   | array of the shape after the N  |
//!
//! Either byte order is read; values are little-endian. Files are mapped, or read from a server.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use half::f16;
use pixels::ImageSize;

use super::dataset::{DataField, Dataset, ElementType, FieldKind, Value};
use super::error::DataError;
use super::npy_header::{self, LONGEST};
use super::remote::{RemoteOptions, open_with};
use super::storage::Storage;

/// Several arrays of as many rows.
pub struct NpyArrays {
    arrays: Vec<Array>,
    fields: Vec<DataField>,
    rows: u64,
}

struct Array {
    file: Box<dyn Storage>,
    start: u64,
    /// Of one row.
    bytes: u64,
    number: Number,
    big_endian: bool,
}

/// The type of an array's elements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Number {
    Known(ElementType),
    /// Whole numbers of a row each may have these types too.
    Uint32,
    Uint64,
}

impl Number {
    const fn bytes(self) -> usize {
        match self {
            Self::Known(element) => element.bytes(),
            Self::Uint32 => 4,
            Self::Uint64 => 8,
        }
    }
}

impl NpyArrays {
    /// Opens arrays: each field's name, and the path or address of its file.
    ///
    /// # Errors
    ///
    /// As [`NpyArrays::open_with`].
    pub fn open(files: &[(String, String)]) -> Result<Self, DataError> {
        Self::open_with(files, &RemoteOptions::default())
    }

    /// Opens arrays.
    ///
    /// # Errors
    ///
    /// Those of [`open`](super::remote::open), and [`DataError::Format`] for a file that is no `.npy`, damaged or cut
    /// off; for Fortran order, Python objects, named columns and types that no field has; for arrays of different
    /// numbers of rows; and for a name given twice.
    pub fn open_with(files: &[(String, String)], options: &RemoteOptions) -> Result<Self, DataError> {
        let mut set = Self { arrays: Vec::new(), fields: Vec::new(), rows: 0 };
        for (name, address) in files {
            let file = open_with(address, options)?;
            let wrong = |message: String| DataError::Format { message, path: file.path().to_path_buf() };
            if set.fields.iter().any(|field| field.name == *name) {
                return Err(wrong(format!("the name {name:?} is given twice")));
            }
            let start = file.read(0..file.len().min(LONGEST as u64 + 12))?;
            let header = npy_header::parse(&start).map_err(wrong)?;
            drop(start);
            let (rows, array, kind) = describe(&header, file.len()).map_err(wrong)?;
            match set.fields.first() {
                Some(first) if rows != set.rows => {
                    let (first, others) = (&first.name, set.rows);
                    return Err(wrong(format!("{name} has {rows} rows, {first} has {others}: they must agree")));
                }
                _ => set.rows = rows,
            }
            let (number, big_endian, bytes) = array;
            set.fields.push(DataField { name: name.clone(), kind });
            set.arrays.push(Array { file, start: header.start, bytes, number, big_endian });
        }
        if set.fields.is_empty() {
            let message = "no array is named; expected one per field, such as image and label".to_owned();
            return Err(DataError::Address { message, address: String::new() });
        }
        Ok(set)
    }
}

type Layout = (Number, bool, u64);

/// Rows, layout and kind of an array, in a file of so many bytes.
fn describe(header: &npy_header::Header, size: u64) -> Result<(u64, Layout, FieldKind), String> {
    if header.fortran_order && header.shape.len() > 1 {
        return Err(
            "the array is in Fortran order, its rows lie scattered; save it with np.ascontiguousarray".to_owned()
        );
    }
    let (number, big_endian) = number(&header.descr)?;
    let Some((rows, shape)) = header.shape.split_first() else {
        return Err("the array is a single number; expected a first dimension of rows".to_owned());
    };
    let bytes = shape.iter().try_fold(number.bytes() as u64, |bytes, dimension| bytes.checked_mul(*dimension));
    let whole = bytes.and_then(|bytes| bytes.checked_mul(*rows)?.checked_add(header.start));
    let (Some(bytes), Some(whole)) = (bytes, whole) else { return Err("its shape is too large".to_owned()) };
    if whole > size {
        return Err(format!("the file is cut off: it has {size} bytes, expected {whole}"));
    }
    if bytes == 0 && *rows > 0 {
        return Err("its rows have no elements".to_owned());
    }
    let shape: Option<Vec<usize>> = shape.iter().map(|dimension| usize::try_from(*dimension).ok()).collect();
    let shape = shape.ok_or("its shape is too large")?;
    use ElementType::{Bool, Float16, Float32, Float64, Uint8};
    let kind = match (number, &shape[..]) {
        (Number::Known(Uint8), [height, width, channels @ (1 | 3 | 4)]) => {
            FieldKind::Image { size: Some(ImageSize { height: *height, width: *width, channels: *channels }) }
        }
        (Number::Known(Float16 | Float32 | Float64), []) => FieldKind::Float,
        (Number::Known(element @ Bool), []) => FieldKind::Array { element, shape },
        (_, []) => FieldKind::Int { classes: Vec::new() },
        (Number::Known(element), _) => FieldKind::Array { element, shape },
        (Number::Uint32 | Number::Uint64, _) => {
            return Err("no field has elements of uint32 or uint64; save it as int32 or int64".to_owned());
        }
    };
    Ok((*rows, (number, big_endian, bytes), kind))
}

/// The type that a text such as `<f4` stands for, and whether its first byte is the largest.
fn number(descr: &str) -> Result<(Number, bool), String> {
    let (big_endian, name) = match descr.as_bytes() {
        [b'>', ..] => (true, &descr[1..]),
        [b'<' | b'|' | b'=', ..] => (false, &descr[1..]),
        _ => (false, descr),
    };
    use ElementType::{Bool, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Uint8, Uint16};
    let number = match name {
        "b1" | "?" => Number::Known(Bool),
        "u1" => Number::Known(Uint8),
        "i1" => Number::Known(Int8),
        "u2" => Number::Known(Uint16),
        "i2" => Number::Known(Int16),
        "i4" => Number::Known(Int32),
        "i8" => Number::Known(Int64),
        "f2" => Number::Known(Float16),
        "f4" => Number::Known(Float32),
        "f8" => Number::Known(Float64),
        "u4" => Number::Uint32,
        "u8" => Number::Uint64,
        "O" => return Err("the array is of Python objects, which are not read; save numbers".to_owned()),
        _ => return Err(format!("no field has elements of type {descr}; expected numbers, such as u1, i8 or f4")),
    };
    Ok((number, big_endian))
}

impl Dataset for NpyArrays {
    fn rows(&self) -> u64 {
        self.rows
    }

    fn fields(&self) -> &[DataField] {
        &self.fields
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let array = &self.arrays[field];
        let start = array.start + row * array.bytes;
        let mut bytes = array.file.read(start..start + array.bytes)?;
        if array.big_endian && array.number.bytes() > 1 {
            bytes.to_mut().chunks_exact_mut(array.number.bytes()).for_each(<[u8]>::reverse);
        }
        Ok(match &self.fields[field].kind {
            FieldKind::Int { .. } => Value::Int(whole(array.number, &bytes).ok_or_else(|| DataError::Sample {
                message: format!("{} is larger than 64 bits with a sign hold", self.fields[field].name),
                place: self.place(row),
            })?),
            FieldKind::Float => Value::Float(match *bytes {
                [a, b] => f64::from(f16::from_le_bytes([a, b])),
                [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
                _ => f64::from_bits(padded(&bytes, 0)),
            }),
            FieldKind::Image { size } => Value::Image { bytes, size: *size },
            _ => Value::Bytes(bytes),
        })
    }

    fn place(&self, row: u64) -> String {
        let path = self.arrays.first().map(|array| array.file.path().display().to_string());
        format!("{}, row {row}", path.unwrap_or_default())
    }

    fn prefetch(&self, row: u64) {
        for array in &self.arrays {
            let start = array.start + row * array.bytes;
            array.file.prefetch(start..start + array.bytes);
        }
    }
}

/// A whole number of any width as one of 64 bits.
fn whole(number: Number, bytes: &[u8]) -> Option<i64> {
    let signed = matches!(number, Number::Known(ElementType::Int8 | ElementType::Int16 | ElementType::Int32));
    let negative = bytes.last().is_some_and(|top| top & 0x80 != 0);
    let number_64 = padded(bytes, if signed && negative { 0xff } else { 0 });
    if number == Number::Uint64 { i64::try_from(number_64).ok() } else { Some(number_64.cast_signed()) }
}

/// Up to eight bytes, little-endian, and so often `top`.
fn padded(bytes: &[u8], top: u8) -> u64 {
    let mut all = [top; 8];
    let count = bytes.len().min(8);
    all[..count].copy_from_slice(&bytes[..count]);
    u64::from_le_bytes(all)
}

/// Writes an array: `elements` in row-major order, little-endian, as many bytes as `shape` needs. A file that is there
/// is replaced.
///
/// # Errors
///
/// [`DataError::Format`] for another number of bytes, and [`DataError::Unwritable`].
pub fn write(path: &Path, element: ElementType, shape: &[usize], elements: &[u8]) -> Result<(), DataError> {
    let bytes = shape.iter().try_fold(element.bytes(), |bytes, dimension| bytes.checked_mul(*dimension));
    if bytes != Some(elements.len()) {
        return Err(DataError::Format {
            message: format!("an array of shape {shape:?} was given {} bytes, which are not its own", elements.len()),
            path: path.to_path_buf(),
        });
    }
    let unwritable = |why: io::Error| DataError::Unwritable { why, path: path.to_path_buf() };
    let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
    file.write_all(&head(element, shape)).map_err(unwritable)?;
    file.write_all(elements).map_err(unwritable)?;
    file.flush().map_err(unwritable)
}

/// The header, version 1.0, padded so that the elements begin at a multiple of 64 bytes.
fn head(element: ElementType, shape: &[usize]) -> Vec<u8> {
    let descr = match element {
        ElementType::Bool => "|b1",
        ElementType::Uint8 => "|u1",
        ElementType::Int8 => "|i1",
        ElementType::Uint16 => "<u2",
        ElementType::Int16 => "<i2",
        ElementType::Int32 => "<i4",
        ElementType::Int64 => "<i8",
        ElementType::Float16 => "<f2",
        ElementType::Float32 => "<f4",
        ElementType::Float64 => "<f8",
    };
    let shape: String = shape.iter().map(|dimension| format!("{dimension}, ")).collect();
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}), }}", shape.trim_end());
    let padding = 63 - (10 + text.len()) % 64;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    // At most 32 dimensions of 20 digits are far from the 65,535 bytes that the length can say.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, text.as_bytes()].concat()
}
