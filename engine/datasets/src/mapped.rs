//! Files as slices of memory.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

#[cfg(not(miri))]
use memmap2::Mmap;

use super::error::DataError;

/// Miri maps no files: there, they are read, so that everything over them can be run.
#[cfg(miri)]
type Mmap = Vec<u8>;

/// A file mapped into memory, read-only: its pages are read when first touched, shared with every other process that
/// maps it, and dropped by the system when memory is short.
///
/// The length is the one at opening; bytes appended later are not seen.
///
/// # Risk
///
/// A file that somebody else cuts short while it is mapped faults (`SIGBUS`) where the lost part is touched, which no
/// error value can report; one written to in place changes under the reader. Data files are written once and replaced
/// by renaming, never changed in place; the download in [`fetch`](super::fetch) does so, and so should others.
#[derive(Debug)]
pub struct MappedFile {
    /// `None` for an empty file, since a mapping has at least one byte.
    bytes: Option<Mmap>,
    path: PathBuf,
}

impl MappedFile {
    /// Maps the whole of a file. It takes microseconds, whatever the size.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`], [`DataError::WrongKind`] for anything but a regular file, and [`DataError::Unreadable`]
    /// for what the system refuses.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let unreadable = |why| DataError::Unreadable { what: "the file", why, path: path.to_path_buf() };
        // Looked at before it is opened: opening a named pipe would wait for a writer.
        let kind = std::fs::metadata(path).map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => DataError::Missing {
                what: "the file".to_owned(),
                hint: "check the path".to_owned(),
                path: path.to_path_buf(),
            },
            _ => unreadable(why),
        })?;
        if !kind.is_file() {
            let found = if kind.is_dir() { "a folder" } else { "something else (a device, a pipe or a socket)" };
            return Err(DataError::WrongKind { expected: "a file", found, path: path.to_path_buf() });
        }
        let file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let bytes = if size == 0 { None } else { Some(map(&file).map_err(unreadable)?) };
        Ok(Self { bytes, path: path.to_path_buf() })
    }

    /// Where the file was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(&[])
    }
}

impl AsRef<[u8]> for MappedFile {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(miri)]
fn map(mut file: &File) -> io::Result<Mmap> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes).map(|_| bytes)
}

#[cfg(not(miri))]
#[expect(unsafe_code, reason = "a mapping is only as steady as its file, which the compiler cannot check")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is private to this process's reading and is never written through. What remains is that
    // another process changes or cuts the file meanwhile: the type's documentation states that risk, nothing here
    // relies on two reads of a byte giving the same value, and a cut file ends the process rather than corrupting it.
    unsafe { Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some");
        std::fs::write(&path, b"some bytes").unwrap();
        let file = MappedFile::open(&path).unwrap();
        assert_eq!(&*file, b"some bytes");
        assert_eq!(file.path(), path);
    }

    #[test]
    fn an_empty_file_is_an_empty_slice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none");
        std::fs::write(&path, b"").unwrap();
        assert!(MappedFile::open(&path).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_file_is_an_error_with_the_path_last() {
        let folder = tempfile::tempdir().unwrap();
        let error = MappedFile::open(folder.path()).unwrap_err().to_string();
        assert_eq!(error, format!("expected a file, found a folder: {}", folder.path().display()));
        let gone = folder.path().join("gone");
        let error = MappedFile::open(&gone).unwrap_err().to_string();
        assert_eq!(error, format!("the file is missing; check the path: {}", gone.display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_opened() {
        let error = MappedFile::open(Path::new("/dev/null")).unwrap_err();
        assert!(matches!(error, DataError::WrongKind { .. }), "{error}");
    }
}
