//! Writing, one row after the other.

use std::borrow::Cow;
use std::path::Path;

use super::array::ArrayType;
use super::descriptor::{DESCRIPTOR_BYTES, Descriptor};
use super::jpeg;
use super::layout::{FieldType, HEADER_BYTES, SMALLEST_PAGE, VERSION, row_layout};
use super::pages::Pages;
use super::part::Part;
use super::target::{Sealed, Target};
use crate::{DataError, DataField, FieldKind, Value};

/// Bytes of rows gathered before they are written.
const ROWS_AT_ONCE: usize = 1 << 20;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// Bytes of a page: a power of two from 2 MiB to 2 GiB. All that a sample has in the pages must fit one.
    pub page_bytes: u32,
    /// Whether a file that is there already is replaced, once the new one is whole.
    pub replace: bool,
}

impl Default for WriteOptions {
    /// Pages of 8 MiB, as FFCV; nothing is replaced.
    fn default() -> Self {
        Self { page_bytes: 8 << 20, replace: false }
    }
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes a `.beton` file that FFCV's loader reads as well, row after row.
///
/// The file has a temporary name beside its own until [`finish`](Self::finish) has brought all of it to the disk. A
/// writer that is dropped before leaves nothing.
///
/// The same rows give the same bytes, and for fields with at most one region a row those that FFCV writes with one
/// worker. Empty bytes get a region of one zero byte, for FFCV reads the neighbour of an empty one wrong; their length
/// is 0 in the row. (Where *all* rows of a field are empty, FFCV's decoder copies that byte past its buffer of none:
/// leave such a field out.)
///
/// Needs the memory of one page, and 24 bytes a region for the allocation table.
pub struct Writer {
    target: Target,
    columns: Vec<Column>,
    row_bytes: usize,
    /// Rows announced, and rows written.
    rows: u64,
    done: u64,
    /// Where the rows end.
    rows_end: u64,
    /// Rows not yet written, and where they go.
    pending: Vec<u8>,
    pending_at: u64,
    pages: Pages,
    table: Vec<u8>,
}

struct Column {
    name: String,
    /// What values must be; `None` where rows are copied from another file as they are.
    field: Option<(FieldKind, usize)>,
    cell: usize,
}

impl Writer {
    /// Starts a file of so many rows with these fields.
    ///
    /// Images are stored as they come: raw pixels (with a size) of three channels, or a JPEG file (without). A field
    /// with a size takes raw pixels of that size only. Classes of integers are not stored, the format has no place for
    /// them. An array without dimensions is stored as one of shape 1, since FFCV cannot read the former.
    ///
    /// # Errors
    ///
    /// [`DataError::Format`] for what the format cannot hold: names that are empty, not ASCII, over 16 bytes or twice
    /// the same, arrays without elements, page sizes that FFCV refuses. [`DataError::Exists`],
    /// [`DataError::WrongKind`], [`DataError::NotWritten`] and [`DataError::DiskFull`] for the file.
    pub fn create(path: &Path, fields: &[DataField], rows: u64, options: WriteOptions) -> Result<Self, DataError> {
        let bad = |message| DataError::Format { message, path: path.to_path_buf() };
        let descriptors: Result<Vec<_>, _> = fields.iter().map(Descriptor::of).collect();
        let descriptors = descriptors.map_err(bad)?;
        for (index, field) in fields.iter().enumerate() {
            if fields[..index].iter().any(|other| other.name == field.name) {
                return Err(bad(format!("two fields are called {}: give one of them another name", field.name)));
            }
        }
        let mut writer = Self::like(path, &descriptors, rows, options)?;
        for ((column, descriptor), field) in writer.columns.iter_mut().zip(&descriptors).zip(fields) {
            let array = descriptor.kind.is_array().then(|| ArrayType::parse(&descriptor.arguments));
            let bytes = array.transpose().map_err(|why| bad(format!("the field {}: {why}", field.name)))?;
            column.field = Some((field.kind.clone(), bytes.map_or(0, |array| array.bytes)));
        }
        Ok(writer)
    }

    /// Starts a file with the fields of another.
    pub(super) fn like(
        path: &Path,
        descriptors: &[Descriptor],
        rows: u64,
        options: WriteOptions,
    ) -> Result<Self, DataError> {
        let bad = |message| DataError::Format { message, path: path.to_path_buf() };
        let page_bytes = options.page_bytes;
        if !page_bytes.is_power_of_two() || page_bytes < SMALLEST_PAGE {
            return Err(bad(format!("a page of {page_bytes} bytes: expected a power of two from {SMALLEST_PAGE} on")));
        }
        let Some(fields) = u16::try_from(descriptors.len()).ok().filter(|&fields| fields > 0) else {
            return Err(bad(format!("{} fields, expected 1 to {}", descriptors.len(), u16::MAX)));
        };
        let (cells, row_bytes) = row_layout(descriptors.iter().map(|descriptor| descriptor.kind));
        let rows_start = (HEADER_BYTES + descriptors.len() * DESCRIPTOR_BYTES) as u64;
        let rows_end = rows.checked_mul(row_bytes as u64).and_then(|bytes| bytes.checked_add(rows_start));
        // Files have signed offsets.
        let rows_end = rows_end.filter(|&end| end < 1 << 62);
        let rows_end = rows_end.ok_or_else(|| bad(format!("{rows} rows are more than any file can hold")))?;
        let mut target = Target::create(path, options.replace)?;
        // With the place of the allocation table zero: FFCV, too, sees that the file is not finished.
        let mut head = header(fields, page_bytes, rows, 0);
        head.extend(descriptors.iter().flat_map(Descriptor::bytes));
        target.put(0, &head)?;
        let columns = descriptors.iter().zip(cells);
        let columns = columns.map(|(descriptor, cell)| Column { name: descriptor.name(), field: None, cell });
        Ok(Self {
            target,
            columns: columns.collect(),
            row_bytes,
            rows,
            done: 0,
            rows_end,
            pending: Vec::new(),
            pending_at: rows_start,
            pages: Pages::new(page_bytes, rows_end),
            table: Vec::new(),
        })
    }

    /// Adds the next row: a value for each field, in the fields' order. A row that fails is not added.
    ///
    /// # Errors
    ///
    /// [`DataError::Sample`] for a value that its field, the format or a page cannot hold, and for a row too many;
    /// [`DataError::DiskFull`] and [`DataError::NotWritten`].
    pub fn append(&mut self, values: &[Value<'_>]) -> Result<(), DataError> {
        if values.len() != self.columns.len() {
            let why = format!("it has {} values, expected {}, one for each field", values.len(), self.columns.len());
            return Err(self.fault(&why));
        }
        let mut parts = Vec::with_capacity(values.len());
        for (value, column) in values.iter().zip(&self.columns) {
            let part = part(value, column);
            parts.push(part.map_err(|why| self.fault(&format!("the field {}: {why}", column.name)))?);
        }
        self.append_parts(&parts)
    }

    /// Adds the next row, as stored.
    pub(super) fn append_parts(&mut self, parts: &[Part<'_>]) -> Result<(), DataError> {
        if self.done == self.rows {
            return Err(self.fault(&format!("the file was announced with {} rows", self.rows)));
        }
        let bytes = parts.iter().filter_map(Part::region).map(region_bytes).sum::<usize>();
        if bytes > self.pages.page_bytes() {
            let page = self.pages.page_bytes();
            return Err(self.fault(&format!(
                "it has {bytes} bytes of data, expected at most the {page} of a page: write with larger pages, or make \
                 its images smaller"
            )));
        }
        if self.pending.len() >= ROWS_AT_ONCE {
            self.write_pending()?;
        }
        let mut at = self.rows_end;
        if bytes > 0 {
            let (start, mut rest) = self.pages.take(bytes, &mut self.target)?;
            at = start;
            for region in parts.iter().filter_map(Part::region) {
                let (place, others) = rest.split_at_mut(region_bytes(region));
                place[..region.len()].copy_from_slice(region);
                rest = others;
            }
        }
        let row = self.pending.len();
        self.pending.resize(row + self.row_bytes, 0);
        for (part, column) in parts.iter().zip(&self.columns) {
            part.write_cell(&mut self.pending[row + column.cell..], at);
            if let Some(region) = part.region() {
                let bytes = region_bytes(region) as u64;
                self.table.extend([self.done, at, bytes].iter().flat_map(|number| number.to_le_bytes()));
                at += bytes;
            }
        }
        self.done += 1;
        Ok(())
    }

    /// Writes the rest, brings all of it to the disk and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`DataError::Format`] if rows are missing, [`DataError::Exists`] if a file of that name has come up meanwhile,
    /// [`DataError::DiskFull`] and [`DataError::NotWritten`].
    pub fn finish(self) -> Result<Written, DataError> {
        let rows = self.done;
        Ok(Written { rows, bytes: self.seal()?.publish()? })
    }

    /// As [`finish`](Self::finish), if there are fewer rows than were announced, since some could not be made: the file
    /// has those that were written. Its data starts where it would have with all of them, which no reader minds.
    ///
    /// # Errors
    ///
    /// Those of [`finish`](Self::finish), but for missing rows: only none at all is an error.
    pub fn finish_short(mut self) -> Result<Written, DataError> {
        if self.done == 0 {
            // `seal` says so.
            return self.finish();
        }
        self.rows_end -= (self.rows - self.done) * self.row_bytes as u64;
        self.rows = self.done;
        self.finish()
    }

    /// Brings all of it to the disk, without giving it its name.
    pub(super) fn seal(mut self) -> Result<Sealed, DataError> {
        if self.done != self.rows {
            return Err(DataError::Format {
                message: format!("{} rows were written, {} were announced: the file is dropped", self.done, self.rows),
                path: self.target.path().to_path_buf(),
            });
        }
        self.write_pending()?;
        let page_bytes = self.pages.page_bytes() as u32;
        let table = self.pages.finish(self.rows_end, &mut self.target)?;
        self.target.put(table, &self.table)?;
        // `create` took no more fields than fit.
        self.target.put(0, &header(self.columns.len() as u16, page_bytes, self.rows, table))?;
        self.target.seal()
    }

    fn write_pending(&mut self) -> Result<(), DataError> {
        self.target.put(self.pending_at, &self.pending)?;
        self.pending_at += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn fault(&self, why: &str) -> DataError {
        let place = format!("{}, row {}", self.target.path().display(), self.done);
        DataError::Sample { message: format!("the row cannot be written: {why}"), place }
    }
}

fn header(fields: u16, page_bytes: u32, rows: u64, table: u64) -> Vec<u8> {
    [&VERSION.to_le_bytes()[..], &fields.to_le_bytes(), &page_bytes.to_le_bytes(), &rows.to_le_bytes()]
        .into_iter()
        .chain([&table.to_le_bytes()[..]])
        .collect::<Vec<_>>()
        .concat()
}

/// Bytes that a region takes in a page.
fn region_bytes(region: &[u8]) -> usize {
    region.len().max(1)
}

/// What is stored for a value; else what is wrong with it.
fn part<'a>(value: &'a Value<'_>, column: &Column) -> Result<Part<'a>, String> {
    let (kind, array_bytes) = column.field.as_ref().expect("a writer for values knows the kinds of its fields");
    match (kind, value) {
        (FieldKind::Int { .. }, Value::Int(value)) => Ok(Part::Int(*value)),
        (FieldKind::Float, Value::Float(value)) => Ok(Part::Float(*value)),
        (FieldKind::Bytes, Value::Bytes(bytes)) => Ok(Part::Bytes(Cow::Borrowed(bytes))),
        (FieldKind::Json, Value::Bytes(text)) => {
            if text.contains(&0) || std::str::from_utf8(text).is_err() {
                return Err("expected JSON text, UTF-8 and without zero bytes".to_owned());
            }
            Ok(Part::Bytes(Cow::Owned([text, &[0][..]].concat())))
        }
        (FieldKind::Array { .. }, Value::Bytes(bytes)) if bytes.len() != *array_bytes => {
            Err(format!("the array has {} bytes, expected {array_bytes}", bytes.len()))
        }
        (FieldKind::Array { .. }, Value::Bytes(bytes)) => Ok(Part::Array(Cow::Borrowed(bytes))),
        (FieldKind::Image { size: Some(fixed) }, Value::Image { size, .. }) if size.as_ref() != Some(fixed) => {
            let found = size.map_or_else(|| "an encoded one".to_owned(), |size| format!("{size:?}"));
            Err(format!("expected a raw image of {fixed:?}, as the field says, found {found}"))
        }
        (FieldKind::Image { .. }, Value::Image { bytes, size: Some(size) }) => {
            let side = |side: usize| u16::try_from(side).ok().filter(|&side| side > 0);
            let (Some(width), Some(height), 3) = (side(size.width), side(size.height), size.channels) else {
                return Err(format!("expected sides of 1 to 65,535 pixels and 3 channels, found {size:?}"));
            };
            if bytes.len() != size.bytes() {
                return Err(format!("the image has {} bytes, expected the {} of {size:?}", bytes.len(), size.bytes()));
            }
            Ok(Part::Image { jpeg: false, width, height, bytes: Cow::Borrowed(bytes) })
        }
        (FieldKind::Image { .. }, Value::Image { bytes, size: None }) => {
            let (width, height) =
                jpeg::size(bytes).ok_or("expected a JPEG file, found another: decode it to pixels")?;
            Ok(Part::Image { jpeg: true, width, height, bytes: Cow::Borrowed(bytes) })
        }
        _ => Err(format!("expected {}, found {}", kind_name(kind), value_name(value))),
    }
}

fn kind_name(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Int { .. } => FieldType::Int.name(),
        FieldKind::Float => FieldType::Float.name(),
        FieldKind::Image { .. } => "an image",
        FieldKind::Bytes => FieldType::Bytes.name(),
        FieldKind::Json => FieldType::Json.name(),
        FieldKind::Array { .. } => "the bytes of an array",
    }
}

const fn value_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Image { .. } => "an image",
        Value::Bytes(_) => "bytes",
    }
}
