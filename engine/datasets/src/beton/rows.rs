//! The file as rows: where its parts lie, and the rows' bytes, read where they lie.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

use super::descriptor::{DESCRIPTOR_BYTES, Descriptor};
use super::layout::{HEADER_BYTES, RECORD_BYTES, VERSION, row_layout, u16_at, u32_at, u64_at};
use crate::{DataError, MappedFile, Storage};

/// Bytes of rows read at once from what has to be fetched.
const CHUNK_BYTES: usize = 1 << 20;

/// The parts of a file, all of them within it.
pub(super) struct Rows {
    source: Source,
    pub(super) page_bytes: u32,
    pub(super) count: u64,
    /// Where the rows start.
    first: u64,
    pub(super) row_bytes: usize,
    /// Between the rows and the allocation table.
    pub(super) data: Range<u64>,
    /// Whole records.
    pub(super) table: Range<u64>,
    /// `None` where reading hands out the storage's own memory. Else the rows fetched so far: fetching each by itself
    /// would be a request a row.
    fetched: Option<Box<[Chunk]>>,
}

/// Where the bytes come from. A mapped file has a variant of its own since a row's pixels are found in it in less time
/// than a call through a table takes.
pub(super) enum Source {
    Mapped(MappedFile),
    Other(Box<dyn Storage>),
}

/// Rows that were fetched, or are not yet.
type Chunk = OnceLock<Box<[u8]>>;

impl Rows {
    /// Reads the header and the descriptors; gives also the places of the cells in a row.
    pub(super) fn open(source: Source) -> Result<(Self, Vec<Descriptor>, Vec<usize>), DataError> {
        let storage = source.storage();
        let bad = |message: String| DataError::Format { message, path: storage.path().to_path_buf() };
        let length = storage.len();
        if length < HEADER_BYTES as u64 {
            return Err(bad(format!(
                "this is no .beton file: it has {length} bytes, expected a header of {HEADER_BYTES} at least"
            )));
        }
        let header = read(storage, 0..HEADER_BYTES as u64)?;
        let version = u16_at(&header, 0);
        if version != VERSION {
            return Err(bad(format!(
                "this is no .beton file of version {VERSION}, the only one there is: its first two bytes say {version}; \
                 check the path"
            )));
        }
        let fields = u16_at(&header, 2);
        let (page_bytes, count, table) = (u32_at(&header, 4), u64_at(&header, 8), u64_at(&header, 16));
        if table == 0 {
            return Err(bad("the file was never finished: its writer stopped before it wrote the allocation table; \
                            write the file again"
                .to_owned()));
        }
        if fields == 0 {
            return Err(bad("the file has no fields, expected at least one: it is damaged; write it again".to_owned()));
        }
        if !page_bytes.is_power_of_two() {
            return Err(bad(format!(
                "the header says pages of {page_bytes} bytes, expected a power of two: the file is damaged; write it \
                 again"
            )));
        }
        let cut = |what: &str, end: Option<u64>| {
            let end = end.map_or_else(|| "far beyond any file".to_owned(), |end| format!("at byte {end}"));
            bad(format!(
                "the file is cut off or damaged: it has {length} bytes, and {what} ends {end}; copy or write it again"
            ))
        };
        let first = HEADER_BYTES as u64 + u64::from(fields) * DESCRIPTOR_BYTES as u64;
        if first > length {
            return Err(cut(&format!("the description of its {fields} fields"), Some(first)));
        }
        let descriptors = read(storage, HEADER_BYTES as u64..first)?;
        let (descriptors, _) = descriptors.as_chunks::<DESCRIPTOR_BYTES>();
        let descriptors: Result<Vec<_>, _> = descriptors.iter().map(Descriptor::parse).collect();
        let descriptors = descriptors.map_err(bad)?;
        let (offsets, row_bytes) = row_layout(descriptors.iter().map(|descriptor| descriptor.kind));
        let end = count.checked_mul(row_bytes as u64).and_then(|bytes| bytes.checked_add(first));
        let end =
            end.filter(|&end| end <= length).ok_or_else(|| cut(&format!("the table of its {count} rows"), end))?;
        if table > length {
            return Err(cut("its data", Some(table)));
        }
        if table < end {
            return Err(bad(format!(
                "the header places the allocation table at byte {table}, expected behind the rows, which end at {end}: \
                 the file is damaged; write it again"
            )));
        }
        let odd = (length - table) % RECORD_BYTES as u64;
        if odd != 0 {
            return Err(bad(format!(
                "the file is cut off or damaged: its allocation table has {} bytes, expected whole records of \
                 {RECORD_BYTES}; copy or write it again",
                length - table
            )));
        }
        let mut rows =
            Self { page_bytes, count, first, row_bytes, data: end..table, table: table..length, fetched: None, source };
        // A reader that hands out its own memory does so from the first byte on.
        if matches!(rows.storage().read(0..HEADER_BYTES as u64)?, Cow::Owned(_)) {
            let chunks = count.div_ceil(rows.chunk_rows());
            rows.fetched = Some((0..chunks).map(|_| Chunk::new()).collect());
        }
        Ok((rows, descriptors, offsets))
    }

    /// A row's bytes, all of them; the row is in range.
    pub(super) fn row(&self, row: u64) -> Result<Cow<'_, [u8]>, DataError> {
        let Some(fetched) = &self.fetched else { return self.bytes(self.range(row, row + 1)) };
        let per_chunk = self.chunk_rows();
        let chunk = self.chunk(&fetched[(row / per_chunk) as usize], row / per_chunk)?;
        let start = (row % per_chunk) as usize * self.row_bytes;
        Ok(Cow::Borrowed(&chunk[start..start + self.row_bytes]))
    }

    /// Calls with each row's number and bytes, until told to stop by `false`.
    pub(super) fn scan(&self, mut each: impl FnMut(u64, &[u8]) -> bool) -> Result<(), DataError> {
        let per_chunk = self.chunk_rows();
        for index in 0..self.count.div_ceil(per_chunk) {
            let first = index * per_chunk;
            let bytes = match &self.fetched {
                None => self.bytes(self.range(first, (first + per_chunk).min(self.count)))?,
                Some(fetched) => Cow::Borrowed(self.chunk(&fetched[index as usize], index)?),
            };
            for (row, bytes) in (first..).zip(bytes.chunks_exact(self.row_bytes)) {
                if !each(row, bytes) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Bytes of the file, exactly these.
    pub(super) fn bytes(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
        read(self.storage(), range)
    }

    /// How many pages there are.
    pub(super) fn pages(&self) -> u64 {
        let page = u64::from(self.page_bytes);
        self.data.end.div_ceil(page).saturating_sub(self.data.start.div_ceil(page))
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        self.source.storage()
    }

    /// The mapped file, and where a row starts in it; `None` for other storage.
    pub(super) fn mapped(&self, row: u64) -> Option<(&[u8], usize)> {
        // As in `range`; a mapped file is no longer than a `usize`.
        let Source::Mapped(file) = &self.source else { return None };
        Some((file, (self.first + row * self.row_bytes as u64) as usize))
    }

    fn range(&self, from: u64, to: u64) -> Range<u64> {
        // No overflow: the rows end within the file.
        self.first + from * self.row_bytes as u64..self.first + to * self.row_bytes as u64
    }

    fn chunk_rows(&self) -> u64 {
        (CHUNK_BYTES / self.row_bytes).max(1) as u64
    }

    fn chunk<'a>(&'a self, place: &'a Chunk, index: u64) -> Result<&'a [u8], DataError> {
        if let Some(bytes) = place.get() {
            return Ok(bytes);
        }
        let first = index * self.chunk_rows();
        let bytes = self.bytes(self.range(first, (first + self.chunk_rows()).min(self.count)))?;
        // Two threads may fetch the same; either's bytes will do.
        Ok(place.get_or_init(|| bytes.into_owned().into_boxed_slice()))
    }
}

impl Source {
    fn storage(&self) -> &dyn Storage {
        match self {
            Self::Mapped(file) => file,
            Self::Other(storage) => &**storage,
        }
    }
}

/// Exactly these bytes.
fn read(storage: &dyn Storage, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
    let wanted = range.end - range.start;
    let bytes = storage.read(range)?;
    if bytes.len() as u64 != wanted {
        return Err(DataError::Format {
            message: format!("{wanted} bytes were asked for, {} came: the file changed while it was read", bytes.len()),
            path: storage.path().to_path_buf(),
        });
    }
    Ok(bytes)
}
