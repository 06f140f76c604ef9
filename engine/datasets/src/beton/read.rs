//! Reading.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use pixels::ImageSize;

use super::array::{self, ArrayType};
use super::descriptor::{Descriptor, names};
use super::layout::{FieldType, u16_at, u64_at};
use super::part::Part;
use super::rows::{Rows, Source};
use super::scan::fixed_sizes;
use super::table::Table;
use crate::{DataError, DataField, Dataset, FieldKind, MappedFile, Storage, Value};

/// Mode of an image: a JPEG file.
pub(super) const JPEG: u8 = 0;
/// Mode of an image: pixels, row after row, red first.
pub(super) const RAW: u8 = 1;

/// A `.beton` file, read where it lies.
///
/// Raw pixels, JPEG files, bytes and little-endian arrays of a mapped file are handed out without a copy. JSON ends
/// before its first zero byte, arrays come in little-endian order whatever order they have in the file. An image field
/// has a size if every row has raw pixels of that size.
///
/// Names that FFCV cut to the same 16 bytes are told apart: the second `NAME` is `NAME_2`. (FFCV itself reads such a
/// file wrong.) A zero-length region is empty, wherever its row says it lies; regions that overlap are read as they
/// are.
///
/// Nothing is kept in memory but the fields, and, if a JPEG is read of a file whose allocation table is not sorted,
/// 16 bytes a region. Over storage that has to be fetched, rows are kept once they were needed.
pub struct Beton {
    pub(super) rows: Rows,
    pub(super) columns: Vec<Column>,
    fields: Vec<DataField>,
    /// For each of `fields`, its column.
    picked: Vec<usize>,
    left_out: Vec<LeftOut>,
    /// Made when the first length of a JPEG is looked up.
    table: OnceLock<Table>,
    building: Mutex<()>,
}

/// A field that is in the file but not among [`Beton`]'s [fields](Dataset::fields).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why, as the end of a sentence that starts with the field's name.
    pub why: String,
}

/// A field of the file.
pub(super) struct Column {
    pub(super) name: String,
    pub(super) descriptor: Descriptor,
    /// Where its cell starts in a row.
    pub(super) cell: usize,
    /// Of an array; else why it cannot be read. `None` for other types.
    pub(super) array: Option<Result<ArrayType, String>>,
}

impl Column {
    pub(super) const fn kind(&self) -> FieldType {
        self.descriptor.kind
    }
}

impl Beton {
    /// Opens a file on this machine. Reads its header and, for the sizes of images, its rows (not its data): 2,000,000
    /// rows take some hundredths of a second.
    ///
    /// Fields that cannot be read are left out, see [`left_out`](Self::left_out).
    ///
    /// # Errors
    ///
    /// Those of [`MappedFile::open`], and [`DataError::Format`] for what is no whole `.beton` file of version 2, and
    /// for one with a field of the user's own type (255): where it ends in a row only its Python class knows, so no
    /// other field can be found either.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Self::new(Source::Mapped(MappedFile::open(path)?))
    }

    /// Opens a file over any storage. One that has to be fetched is asked for the rows in pieces of 1 MiB, until it is
    /// known whether its images have one size.
    ///
    /// # Errors
    ///
    /// Those of the storage, and [`DataError::Format`] as for [`open`](Self::open).
    pub fn over(storage: Box<dyn Storage>) -> Result<Self, DataError> {
        Self::new(Source::Other(storage))
    }

    fn new(source: Source) -> Result<Self, DataError> {
        let (rows, descriptors, cells) = Rows::open(source)?;
        let names = names(&descriptors);
        let columns: Vec<Column> = names
            .into_iter()
            .zip(descriptors)
            .zip(cells)
            .map(|((name, descriptor), cell)| {
                let array = descriptor.kind.is_array().then(|| ArrayType::parse(&descriptor.arguments));
                Column { name, descriptor, cell, array }
            })
            .collect();
        let images = columns.iter().filter(|column| column.kind() == FieldType::RgbImage);
        let sizes = fixed_sizes(&rows, &images.map(|column| column.cell).collect::<Vec<_>>())?;
        let mut sizes = sizes.into_iter();
        let (mut fields, mut picked, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (index, column) in columns.iter().enumerate() {
            let kind = match (column.kind(), &column.array) {
                (FieldType::RgbImage, _) => FieldKind::Image { size: sizes.next().flatten() },
                (FieldType::Float, _) => FieldKind::Float,
                (FieldType::Int, _) => FieldKind::Int { classes: Vec::new() },
                (FieldType::Json, _) => FieldKind::Json,
                (_, Some(Ok(array))) => FieldKind::Array { element: array.element, shape: array.shape.clone() },
                (_, Some(Err(why))) => {
                    left_out.push(LeftOut { name: column.name.clone(), why: why.clone() });
                    continue;
                }
                (FieldType::Bytes | FieldType::Ndarray | FieldType::TorchTensor, None) => FieldKind::Bytes,
            };
            fields.push(DataField { name: column.name.clone(), kind });
            picked.push(index);
        }
        Ok(Self { rows, columns, fields, picked, left_out, table: OnceLock::new(), building: Mutex::new(()) })
    }

    /// With the names of classes that stand in files beside it, a name a line: `train.classes.txt` for the field `label`
    /// of `train.beton`, `train.FIELD.classes.txt` for another. The file itself has no place for them.
    #[must_use]
    pub fn with_names_beside(mut self) -> Self {
        let path = self.path().to_path_buf();
        for field in &mut self.fields {
            let FieldKind::Int { classes } = &mut field.kind else { continue };
            let Ok(text) = std::fs::read_to_string(classes_beside(&path, &field.name)) else { continue };
            *classes = text.lines().map(str::to_owned).collect();
        }
        self
    }

    /// The same file with these fields only, in this order.
    ///
    /// # Errors
    ///
    /// [`DataError::Format`] for a field that is not in the file, or that cannot be read: the message names it, its
    /// type and what there is.
    pub fn select(mut self, names: &[&str]) -> Result<Self, DataError> {
        let mut chosen = Vec::with_capacity(names.len());
        for &name in names {
            if let Some(left) = self.left_out.iter().find(|left| left.name == name) {
                return Err(self.bad(format!("the field {name} cannot be read: {}", left.why)));
            }
            let Some(index) = self.fields.iter().position(|field| field.name == name) else {
                let there: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
                return Err(self.bad(format!("there is no field {name}; the file has {}", there.join(", "))));
            };
            chosen.push((self.fields[index].clone(), self.picked[index]));
        }
        (self.fields, self.picked) = chosen.into_iter().unzip();
        Ok(self)
    }

    /// The fields that are in the file but cannot be read, such as arrays of complex numbers.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Where the file was opened.
    pub fn path(&self) -> &Path {
        self.rows.storage().path()
    }

    /// Bytes of a page; all that a row has in the pages lies in one of them.
    pub fn page_bytes(&self) -> u32 {
        self.rows.page_bytes
    }

    /// What a row holds of a column, as it is stored.
    pub(super) fn part(&self, row: u64, column: &Column) -> Result<Part<'_>, DataError> {
        let bytes = self.rows.row(row)?;
        let cell = &bytes[column.cell..];
        match column.kind() {
            FieldType::Int => return Ok(Part::Int(u64_at(cell, 0).cast_signed())),
            FieldType::Float => return Ok(Part::Float(f64::from_bits(u64_at(cell, 0)))),
            _ => {}
        }
        let region = self.rows.bytes(self.region(row, column, cell)?)?;
        Ok(match column.kind() {
            FieldType::RgbImage => {
                let (width, height) = (u16_at(cell, 1), u16_at(cell, 3));
                Part::Image { jpeg: cell[0] == JPEG, width, height, bytes: region }
            }
            FieldType::Bytes | FieldType::Json => Part::Bytes(region),
            _ => Part::Array(region),
        })
    }

    /// Numbers and raw pixels of a mapped file: what is read millions of times a second. `None` for all else, and for
    /// what is wrong, which [`value_of`](Self::value_of) puts into words.
    fn at_once(&self, row: u64, column: &Column) -> Option<Value<'_>> {
        let (file, start) = self.rows.mapped(row)?;
        let cell = file.get(start..start + self.rows.row_bytes)?.get(column.cell..)?;
        match column.kind() {
            FieldType::Int => Some(Value::Int(u64_at(cell, 0).cast_signed())),
            FieldType::Float => Some(Value::Float(f64::from_bits(u64_at(cell, 0)))),
            FieldType::RgbImage if cell[0] == RAW => {
                let size = ImageSize {
                    height: usize::from(u16_at(cell, 3)),
                    width: usize::from(u16_at(cell, 1)),
                    channels: 3,
                };
                let at = u64_at(cell, 5);
                let end = at.checked_add(size.bytes() as u64)?;
                // An empty range is no image either.
                if at < self.rows.data.start || end > self.rows.data.end || at == end {
                    return None;
                }
                let bytes = Cow::Borrowed(file.get(at as usize..end as usize)?);
                Some(Value::Image { bytes, size: Some(size) })
            }
            _ => None,
        }
    }

    /// The value of a column in a row.
    pub(super) fn value_of(&self, row: u64, column: &Column) -> Result<Value<'_>, DataError> {
        Ok(match self.part(row, column)? {
            Part::Int(value) => Value::Int(value),
            Part::Float(value) => Value::Float(value),
            Part::Image { jpeg: true, bytes, .. } => Value::Image { bytes, size: None },
            Part::Image { width, height, bytes, .. } => {
                let size = ImageSize { height: usize::from(height), width: usize::from(width), channels: 3 };
                Value::Image { bytes, size: Some(size) }
            }
            Part::Bytes(bytes) if column.kind() == FieldType::Json => {
                let bytes = until_zero(bytes);
                if std::str::from_utf8(&bytes).is_err() {
                    return Err(self.fault(row, column, "the JSON is not UTF-8 text".to_owned()));
                }
                Value::Bytes(bytes)
            }
            Part::Bytes(bytes) => Value::Bytes(bytes),
            Part::Array(bytes) => match &column.array {
                Some(Ok(array)) => Value::Bytes(array.decode(bytes).map_err(|why| self.fault(row, column, why))?),
                _ => return Err(self.fault(row, column, array::describe(&column.descriptor.arguments).0)),
            },
        })
    }

    /// Where the data of a cell lies, within the file's data.
    pub(super) fn region(&self, row: u64, column: &Column, cell: &[u8]) -> Result<Range<u64>, DataError> {
        let (start, bytes) = match column.kind() {
            FieldType::Int | FieldType::Float => (0, 0),
            FieldType::RgbImage => {
                let start = u64_at(cell, 5);
                let (width, height) = (u16_at(cell, 1), u16_at(cell, 3));
                match cell[0] {
                    // At most 65,535² · 3.
                    RAW if width > 0 && height > 0 => (start, u64::from(width) * u64::from(height) * 3),
                    RAW => return Err(self.fault(row, column, format!("an image of {width} × {height} pixels"))),
                    JPEG => match self.recorded(row, column, start)? {
                        0 => return Err(self.fault(row, column, "a JPEG of no bytes".to_owned())),
                        bytes => (start, bytes),
                    },
                    mode => {
                        return Err(self.fault(row, column, format!("the image has mode {mode}, expected 0 or 1")));
                    }
                }
            }
            FieldType::Bytes | FieldType::Json => (u64_at(cell, 0), u64_at(cell, 8)),
            FieldType::Ndarray | FieldType::TorchTensor => {
                let start = u64_at(cell, 0);
                match &column.array {
                    Some(Ok(array)) => (start, array.bytes as u64),
                    _ => (start, self.recorded(row, column, start)?),
                }
            }
        };
        if bytes == 0 {
            // FFCV lets an empty region start anywhere.
            return Ok(self.rows.data.start..self.rows.data.start);
        }
        match start.checked_add(bytes) {
            Some(end) if start >= self.rows.data.start && end <= self.rows.data.end => Ok(start..end),
            _ => Err(self.fault(
                row,
                column,
                format!(
                    "{bytes} bytes from byte {start} on lie outside the file's data, bytes {} to {}",
                    self.rows.data.start, self.rows.data.end
                ),
            )),
        }
    }

    /// The length of the region that starts there, as the allocation table has it.
    pub(super) fn recorded(&self, row: u64, column: &Column, start: u64) -> Result<u64, DataError> {
        self.table()?.length(&self.rows, start)?.ok_or_else(|| {
            self.fault(
                row,
                column,
                format!("its length is nowhere: the allocation table has no region that starts at byte {start}"),
            )
        })
    }

    fn table(&self) -> Result<&Table, DataError> {
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        // One thread builds it, the others wait. A failure is not kept: a server may answer the next time.
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = self.table.get() {
            return Ok(table);
        }
        let table = Table::build(&self.rows)?;
        Ok(self.table.get_or_init(|| table))
    }

    /// The error of a row.
    pub(super) fn fault(&self, row: u64, column: &Column, why: String) -> DataError {
        let message = format!("the field {} is damaged: {why}", column.name);
        DataError::Sample { message, place: self.place(row) }
    }

    pub(super) fn bad(&self, message: String) -> DataError {
        DataError::Format { message, path: self.path().to_path_buf() }
    }
}

impl Dataset for Beton {
    fn rows(&self) -> u64 {
        self.rows.count
    }

    fn fields(&self) -> &[DataField] {
        &self.fields
    }

    fn unreadable_fields(&self) -> Vec<String> {
        self.left_out.iter().map(|left| format!("{}: {}", left.name, left.why)).collect()
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let column = &self.columns[self.picked[field]];
        match self.at_once(row, column) {
            Some(value) => Ok(value),
            None => self.value_of(row, column),
        }
    }

    fn place(&self, row: u64) -> String {
        format!("{}, row {row}", self.path().display())
    }

    fn rows_per_page(&self) -> u64 {
        let pages = self.rows.pages();
        // Numbers alone lie together in the rows.
        if self.columns.iter().any(|column| column.kind().has_region()) && pages > 0 {
            (self.rows.count / pages).max(1)
        } else {
            1024
        }
    }

    fn prefetch(&self, row: u64) {
        let Ok(bytes) = self.rows.row(row) else { return };
        for &index in &self.picked {
            let column = &self.columns[index];
            // What is wrong with a row is said when it is read.
            if let Ok(range) = self.region(row, column, &bytes[column.cell..])
                && !range.is_empty()
            {
                self.rows.storage().prefetch(range);
            }
        }
    }
}

fn until_zero(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    }
}

/// Where the names of a field's classes stand, beside a `.beton` file: `train.classes.txt` for `label`,
/// `train.FIELD.classes.txt` for others.
pub fn classes_beside(beton: &Path, field: &str) -> PathBuf {
    beton.with_extension(if field == "label" { "classes.txt".to_owned() } else { format!("{field}.classes.txt") })
}
