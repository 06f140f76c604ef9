//! A Parquet file over any storage: what the parquet crate reads through, the file's metadata, errors.

use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};

use super::error::DataError;
use super::storage::Storage;

/// What went wrong, shared by all threads that waited for the same page.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The file is not what it should be.
    File(String),
    /// The server's fault: message and address.
    Server(String, String),
}

impl Fault {
    pub(super) fn into_error(self, file: &dyn Storage) -> DataError {
        match self {
            Self::File(message) => DataError::Format { message, path: file.path().to_path_buf() },
            Self::Server(message, address) => DataError::Remote { message, address },
        }
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(cause) => match cause.downcast::<DataError>().map(|cause| *cause) {
                Ok(DataError::Remote { message, address }) => Self::Server(message, address),
                Ok(other) => Self::File(format!("the Parquet file is damaged: {other}")),
                Err(other) => Self::File(format!("the Parquet file cannot be read: {other}")),
            },
            other => {
                let text = other.to_string();
                let text = text.strip_prefix("Parquet error: ").unwrap_or(&text).to_owned();
                if text.to_ascii_lowercase().contains("encrypt") {
                    Self::File(format!(
                        "the Parquet file is encrypted, which is not read; write it in the clear: {text}"
                    ))
                } else {
                    Self::File(format!("the Parquet file is damaged: {text}"))
                }
            }
        }
    }
}

/// Storage as the parquet crate reads it. Remembers where the last read began, which is where a page's header is.
pub(super) struct Source {
    file: Arc<dyn Storage>,
    last: AtomicU64,
}

impl Source {
    pub(super) fn of(file: &Arc<dyn Storage>) -> Arc<Self> {
        Arc::new(Self { file: Arc::clone(file), last: AtomicU64::new(0) })
    }

    /// Where the last read began.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Source {
    type T = BufReader<ReadOn>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        self.last.store(start, Ordering::Relaxed);
        Ok(BufReader::with_capacity(1 << 10, ReadOn { file: Arc::clone(&self.file), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.saturating_add(length as u64);
        let bytes = self.file.read(start..end).map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Bytes::from(bytes.into_owned()))
    }
}

/// Reads on from a place.
pub(super) struct ReadOn {
    file: Arc<dyn Storage>,
    at: u64,
}

impl Read for ReadOn {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let end = self.file.len().min(self.at.saturating_add(into.len() as u64));
        if end <= self.at {
            return Ok(0);
        }
        let bytes = self.file.read(self.at..end).map_err(io::Error::other)?;
        into[..bytes.len()].copy_from_slice(&bytes);
        self.at = end;
        Ok(bytes.len())
    }
}

/// The file's metadata, with every offset in it checked.
pub(super) fn metadata(file: &Arc<dyn Storage>) -> Result<ParquetMetaData, Fault> {
    guarded(|| {
        let start =
            if file.len() >= 12 { file.read(file.len() - 4..file.len()).map_err(external)? } else { (&[]).into() };
        match start.as_ref() {
            b"PAR1" => {}
            b"PARE" => {
                let why = "the Parquet file is encrypted, which is not read; write it in the clear";
                return Err(Fault::File(why.to_owned()));
            }
            _ => {
                return Err(Fault::File(
                    "this is no Parquet file, or it is cut off: it doesn't end in PAR1".to_owned(),
                ));
            }
        }
        let metadata = ParquetMetaDataReader::new().parse_and_finish(Source::of(file).as_ref())?;
        for group in metadata.row_groups() {
            let damaged = |what: &str| Fault::File(format!("the Parquet file is damaged: {what}"));
            if group.num_rows() < 0 {
                return Err(damaged("a row group has a negative number of rows"));
            }
            for column in group.columns() {
                let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
                let range = u64::try_from(start).ok().zip(u64::try_from(column.compressed_size()).ok());
                if range.and_then(|(start, size)| start.checked_add(size)).is_none_or(|end| end > file.len()) {
                    return Err(damaged("a column lies beyond its end"));
                }
            }
        }
        Ok(metadata)
    })
}

/// Runs what decodes. The crate takes some damage for a broken promise of its caller's and panics; here that is an
/// error like any other, since a file may hold anything.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(Fault::File("the Parquet file is damaged: it cannot be decoded".to_owned())))
}

fn external(error: DataError) -> Fault {
    ParquetError::External(Box::new(error)).into()
}
