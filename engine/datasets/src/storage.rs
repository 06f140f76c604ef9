//! Bytes that can be read anywhere, wherever they are.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use super::error::DataError;
use super::mapped::MappedFile;

/// A file, or an object on a server, that can be read anywhere, by many threads at once.
pub trait Storage: Send + Sync {
    /// How many bytes it has.
    fn len(&self) -> u64;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These bytes; an error if they are not all there.
    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError>;

    /// Path or address, for messages.
    fn path(&self) -> &Path;

    /// Asks for bytes that are read soon. May do nothing.
    fn prefetch(&self, range: Range<u64>) {
        let _ = range;
    }
}

impl Storage for MappedFile {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
        let within = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        let bytes = within.and_then(|(start, end)| self.get(start..end));
        bytes.map(Cow::Borrowed).ok_or_else(|| DataError::Format {
            message: format!("bytes {} to {} lie beyond the file's {}", range.start, range.end, Storage::len(self)),
            path: MappedFile::path(self).to_path_buf(),
        })
    }

    fn path(&self) -> &Path {
        MappedFile::path(self)
    }
}
