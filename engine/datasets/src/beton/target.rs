//! A file that appears under its name whole or not at all.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use crate::DataError;

/// A file being written, under a temporary name in its folder. Dropped, it is removed.
pub(super) struct Target {
    file: NamedTempFile,
    /// Where it goes.
    path: PathBuf,
    replace: bool,
    written: u64,
}

/// A whole file on the disk, still under its temporary name. Dropped, it is removed.
pub(super) struct Sealed {
    file: TempPath,
    path: PathBuf,
    replace: bool,
    bytes: u64,
}

impl Target {
    /// Refuses at once what [`Sealed::publish`] would refuse in the end.
    pub(super) fn create(path: &Path, replace: bool) -> Result<Self, DataError> {
        let not_written = |why| DataError::NotWritten { why, path: path.to_path_buf() };
        if path.is_dir() {
            let found = "a folder";
            return Err(DataError::WrongKind { expected: "the name of a file", found, path: path.to_path_buf() });
        }
        if !replace && path.symlink_metadata().is_ok() {
            return Err(DataError::Exists { path: path.to_path_buf() });
        }
        let Some(name) = path.file_name() else {
            return Err(not_written(io::Error::new(io::ErrorKind::InvalidInput, "this is no file name")));
        };
        let mut builder = tempfile::Builder::new();
        let mut prefix = OsString::from(".");
        prefix.push(name);
        prefix.push(".");
        builder.prefix(&prefix).suffix(".unfinished");
        // As any new file, not for its owner alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // tempfile's own errors repeat the temporary path.
        let file = builder.tempfile_in(folder(path)).map_err(|why| not_written(plain(&why)))?;
        Ok(Self { file, path: path.to_path_buf(), replace, written: 0 })
    }

    /// Writes bytes at a place of the file; places never written are zero.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<(), DataError> {
        let file = self.file.as_file_mut();
        let done = file.seek(SeekFrom::Start(at)).and_then(|_| file.write_all(bytes));
        done.map_err(|why| self.failed(why))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Brings all of it to the disk.
    pub(super) fn seal(self) -> Result<Sealed, DataError> {
        let length = self.file.as_file().sync_all().and_then(|()| self.file.as_file().metadata());
        let bytes = length.map_err(|why| self.failed(why))?.len();
        Ok(Sealed { file: self.file.into_temp_path(), path: self.path, replace: self.replace, bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, why: io::Error) -> DataError {
        let path = self.path.clone();
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DataError::DiskFull { written: self.written, path }
            }
            _ => DataError::NotWritten { why, path },
        }
    }
}

impl Sealed {
    /// Gives it its name, for good; gives its size.
    pub(super) fn publish(self) -> Result<u64, DataError> {
        let Self { file, path, replace, bytes } = self;
        let moved = if replace { file.persist(&path) } else { file.persist_noclobber(&path) };
        moved.map_err(|failed| match failed.error.kind() {
            io::ErrorKind::AlreadyExists => DataError::Exists { path: path.clone() },
            _ => DataError::NotWritten { why: plain(&failed.error), path: path.clone() },
        })?;
        // The name is on the disk once the folder is. Some file systems cannot sync a folder; the file is whole there.
        if let Ok(folder) = File::open(folder(&path)) {
            let _ = folder.sync_all();
        }
        Ok(bytes)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The system's reason alone.
fn plain(why: &io::Error) -> io::Error {
    why.raw_os_error().map_or_else(|| why.kind().into(), io::Error::from_raw_os_error)
}
