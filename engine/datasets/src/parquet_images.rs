//! Images in Parquet files, as the Hugging Face hub lays them out.
//!
//! A column `image` (or `img`, which is called `image` too) is a struct of `bytes`, an encoded file, and `path`, which
//! is not read. `label` is a whole number; its class names are in the file's metadata under `huggingface`. Other plain
//! columns are fields by their names: whole numbers and truth values, floats, strings and bytes, JSON.
//!
//! Rows are read in any order, data page by data page: the pages used last stay decoded in memory, [`KEPT_BYTES`] of
//! them for a set.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use parquet::column::page::Page;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::bounded_cache::BoundedCache;
use super::dataset::{DataField, Dataset, FieldKind, Value};
use super::error::DataError;
use super::parquet_file::{Fault, metadata};
use super::parquet_pages::{PageIndex, Values, ValuesOf, needs_dictionary};
use super::parquet_schema::Columns;
use super::paths::is_remote;
use super::remote::{BLOCK_BYTES, RemoteOptions, open_with};
use super::storage::Storage;

/// Bytes of decoded pages that a set keeps in memory.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Parquet files, read as one.
pub struct ParquetImages {
    files: Vec<Part>,
    /// File and row group, in order.
    groups: Vec<(u32, u32)>,
    /// The row after each group's last.
    group_ends: Vec<u64>,
    fields: Vec<DataField>,
    skipped: Vec<String>,
    rows_per_page: u64,
    pages: BoundedCache<Key, Kept, Fault>,
}

struct Part {
    file: Arc<dyn Storage>,
    metadata: ParquetMetaData,
    /// The column of each field.
    leaves: Vec<usize>,
    /// The set's first row in it.
    first: u64,
}

/// Row group among all, column, and what of it.
type Key = (u32, u32, Piece);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Piece {
    Index,
    Dictionary,
    Page(u32),
}

#[derive(Clone)]
enum Kept {
    Index(Arc<PageIndex>),
    Dictionary(Option<Page>),
    Values(Arc<Values>),
}

impl ParquetImages {
    /// Opens files, local or on servers (see [`expand`](super::paths::expand)). Their metadata is read, and the page
    /// headers of one row group.
    ///
    /// # Errors
    ///
    /// As [`ParquetImages::open_with`].
    pub fn open(addresses: &[String]) -> Result<Self, DataError> {
        Self::open_with(addresses, &RemoteOptions::default())
    }

    /// Opens files.
    ///
    /// # Errors
    ///
    /// Those of [`open`](super::remote::open), and [`DataError::Format`] for a file that is no Parquet, damaged, cut
    /// off or encrypted, that has no column that can be read, or other columns than the first.
    pub fn open_with(addresses: &[String], options: &RemoteOptions) -> Result<Self, DataError> {
        let mut set = Self {
            files: Vec::new(),
            groups: Vec::new(),
            group_ends: Vec::new(),
            fields: Vec::new(),
            skipped: Vec::new(),
            rows_per_page: 1,
            pages: BoundedCache::new(KEPT_BYTES),
        };
        for address in addresses {
            let file: Arc<dyn Storage> = open_with(address, options)?.into();
            set.add(file)?;
        }
        if set.fields.is_empty() {
            let message = "no Parquet file is named".to_owned();
            return Err(DataError::Format { message, path: PathBuf::new() });
        }
        set.rows_per_page = set.near(addresses.iter().any(|address| is_remote(address)))?;
        Ok(set)
    }

    fn add(&mut self, file: Arc<dyn Storage>) -> Result<(), DataError> {
        let wrong = |message: String| DataError::Format { message, path: file.path().to_path_buf() };
        let metadata = metadata(&file).map_err(|fault| fault.into_error(file.as_ref()))?;
        let columns = Columns::of(metadata.file_metadata());
        if columns.fields.is_empty() {
            let skipped = if columns.skipped.is_empty() { "none".to_owned() } else { columns.skipped.join(", ") };
            return Err(wrong(format!("no column can be read; expected image and label, found {skipped}")));
        }
        let leaves = if self.files.is_empty() {
            self.fields = columns.fields;
            self.skipped = columns.skipped;
            columns.leaves
        } else {
            self.same_columns(&columns).map_err(wrong)?
        };
        let first = self.rows();
        let part = u32::try_from(self.files.len()).map_err(|_| wrong("too many files".to_owned()))?;
        for (group, rows) in metadata.row_groups().iter().enumerate().map(|(at, group)| (at, group.num_rows())) {
            let end = self.rows().checked_add(rows.cast_unsigned());
            self.group_ends.push(end.ok_or_else(|| wrong("the row groups have too many rows".to_owned()))?);
            self.groups.push((part, group as u32));
        }
        self.files.push(Part { file, metadata, leaves, first });
        Ok(())
    }

    /// The columns of this set's fields in another file, which must have the same ones.
    fn same_columns(&self, columns: &Columns) -> Result<Vec<usize>, String> {
        let first = self.files.first().map(|part| part.file.path().display().to_string()).unwrap_or_default();
        let wanted = |field: &DataField| {
            let place = columns.fields.iter().position(|other| other.name == field.name);
            let place = place.ok_or_else(|| format!("the file has no column {:?}, which {first} has", field.name))?;
            if columns.fields[place].kind == field.kind {
                return Ok(columns.leaves[place]);
            }
            Err(format!("its column {:?} has another type or other class names than in {first}", field.name))
        };
        let leaves = self.fields.iter().map(wanted).collect::<Result<_, _>>()?;
        match columns.fields.iter().find(|field| !self.fields.iter().any(|other| other.name == field.name)) {
            Some(more) => Err(format!("the file has a column {:?}, which {first} has not", more.name)),
            None => Ok(leaves),
        }
    }

    /// Columns that are not read, with the reason: `boxes.list.element (a list)`.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Rows of a data page of the largest column; of a block, if it comes from a server.
    fn near(&self, remote: bool) -> Result<u64, DataError> {
        let Some(group) = (0..self.groups.len()).find(|group| self.metadata(*group).0.num_rows() > 0) else {
            return Ok(1);
        };
        let (metadata, part) = self.metadata(group);
        let size = |field: usize| metadata.column(part.leaves[field]).compressed_size();
        let largest = (0..self.fields.len()).max_by_key(|field| size(*field)).unwrap_or(0);
        let rows = metadata.num_rows().cast_unsigned();
        let index = self.index(group, largest).map_err(|fault| fault.into_error(part.file.as_ref()))?;
        let in_page = rows / (index.len() as u64).max(1);
        let in_block = BLOCK_BYTES / (size(largest).cast_unsigned() / rows).max(1);
        let near = if remote { in_page.max(in_block.min(rows)) } else { in_page };
        Ok(near.clamp(1, 1024))
    }

    fn metadata(&self, group: usize) -> (&parquet::file::metadata::RowGroupMetaData, &Part) {
        let (part, group) = self.groups[group];
        let part = &self.files[part as usize];
        (part.metadata.row_group(group as usize), part)
    }

    fn chunk(&self, group: usize, field: usize) -> (&ColumnChunkMetaData, &Part, Key) {
        let (metadata, part) = self.metadata(group);
        let leaf = part.leaves[field];
        (metadata.column(leaf), part, (group as u32, leaf as u32, Piece::Index))
    }

    fn index(&self, group: usize, field: usize) -> Result<Arc<PageIndex>, Fault> {
        let (chunk, part, key) = self.chunk(group, field);
        let rows = self.metadata(group).0.num_rows().cast_unsigned();
        let kept = self.pages.get(&key, || {
            let index = PageIndex::of(&part.file, chunk, rows)?;
            let size = index.len() as u64 * 16 + 64;
            Ok((Kept::Index(Arc::new(index)), size))
        })?;
        match kept {
            Kept::Index(index) => Ok(index),
            _ => Err(Fault::File("an index is something else".to_owned())),
        }
    }

    /// The decoded page of a row, and the row in it.
    fn values(&self, group: usize, row: u64, field: usize) -> Result<(Arc<Values>, usize), Fault> {
        let (chunk, part, (group_key, leaf, _)) = self.chunk(group, field);
        let index = self.index(group, field)?;
        let (number, row) = index.find(row);
        let kept = self.pages.get(&(group_key, leaf, Piece::Page(number as u32)), || {
            let page = index.page(&part.file, chunk, number)?;
            let dictionary = if needs_dictionary(&page) {
                let kept = self.pages.get(&(group_key, leaf, Piece::Dictionary), || {
                    let dictionary = index.dictionary(&part.file, chunk)?;
                    let size = dictionary.as_ref().map_or(0, |page| page.buffer().len()) as u64;
                    Ok((Kept::Dictionary(dictionary), size))
                })?;
                match kept {
                    Kept::Dictionary(dictionary) => dictionary,
                    _ => None,
                }
            } else {
                None
            };
            let values = Values::of(chunk, dictionary, page)?;
            let size = values.size();
            Ok((Kept::Values(Arc::new(values)), size))
        })?;
        match kept {
            Kept::Values(values) => Ok((values, row)),
            _ => Err(Fault::File("a page is something else".to_owned())),
        }
    }

    /// The group of a row, and the row in it.
    fn find(&self, row: u64) -> (usize, u64) {
        let group = self.group_ends.partition_point(|end| *end <= row);
        (group, row - if group == 0 { 0 } else { self.group_ends[group - 1] })
    }
}

impl Dataset for ParquetImages {
    fn rows(&self) -> u64 {
        self.group_ends.last().copied().unwrap_or(0)
    }

    fn fields(&self) -> &[DataField] {
        &self.fields
    }

    fn unreadable_fields(&self) -> Vec<String> {
        self.skipped.clone()
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let (group, within) = self.find(row);
        let file = self.metadata(group).1.file.as_ref();
        let (values, place) = self.values(group, within, field).map_err(|fault| fault.into_error(file))?;
        let name = &self.fields[field].name;
        let Some(value) = values.find(place) else {
            let hint = match self.fields[field].kind {
                FieldKind::Image { .. } => {
                    "; if its path names a file elsewhere, write the file's bytes into the column"
                }
                _ => "",
            };
            return Err(DataError::Sample { message: format!("{name} is null{hint}"), place: self.place(row) });
        };
        Ok(match &values.of {
            ValuesOf::Ints(values) => Value::Int(values[value]),
            ValuesOf::Floats(values) => Value::Float(values[value]),
            ValuesOf::Bytes(values) => {
                let bytes = Cow::Owned(values[value].data().to_vec());
                match self.fields[field].kind {
                    FieldKind::Image { .. } => Value::Image { bytes, size: None },
                    _ => Value::Bytes(bytes),
                }
            }
        })
    }

    fn place(&self, row: u64) -> String {
        let (_, part) = self.metadata(self.find(row).0);
        format!("{}, row {}", part.file.path().display(), row - part.first)
    }

    fn rows_per_page(&self) -> u64 {
        self.rows_per_page
    }

    fn prefetch(&self, row: u64) {
        let (group, within) = self.find(row);
        for field in 0..self.fields.len() {
            let (chunk, part, key) = self.chunk(group, field);
            // To ask for the right page its headers would have to be there; the first ones come with the first row.
            let range = match self.pages.has(&key).then(|| self.index(group, field)) {
                Some(Ok(index)) => index.bytes(index.find(within).0),
                _ => {
                    let (start, size) = chunk.byte_range();
                    start..start + size.min(BLOCK_BYTES)
                }
            };
            part.file.prefetch(range);
        }
    }
}
