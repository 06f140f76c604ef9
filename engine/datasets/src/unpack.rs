//! Taking the downloaded archive apart.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::cifar;
use super::error::DataError;
use super::fetch::Archive;

/// Room in the archive for what comes beside the six files: the names of the classes, a page, headers.
const EXTRAS: u64 = 1 << 20;

/// Unpacks the six files of `part` into the cache folder, all or none, and returns their folder.
///
/// Only files of the expected names are taken, written under names of our own, so no path in the archive matters; what
/// is unpacked is bounded by the sizes expected. `report` hears how many bytes of the archive are through, and says
/// whether to stop.
pub(super) fn unpack(
    archive: &Archive,
    part: &Path,
    cache: &Path,
    report: &mut dyn FnMut(u64) -> bool,
) -> Result<PathBuf, DataError> {
    let unwritten = |why, path: &Path| DataError::writing(why, archive.bytes_needed(), cache, path);
    // Under the download's lock, so a folder of this name is what a run left that was killed while unpacking.
    let new = cache.join(format!("{}.new", cifar::FOLDER));
    remove(&new).map_err(|why| unwritten(why, &new))?;
    std::fs::create_dir(&new).map_err(|why| unwritten(why, &new))?;
    let unpacked = Unpack { archive, part, cache, new: &new }.run(report);
    let folder = cache.join(cifar::FOLDER);
    let placed = unpacked.and_then(|()| {
        // What is in the way is an incomplete folder, or the download would not have begun.
        remove(&folder).map_err(|why| unwritten(why, &folder))?;
        std::fs::rename(&new, &folder).map_err(|why| unwritten(why, &folder))
    });
    if placed.is_err() {
        // The error at hand says more than one about the clearing up.
        let _ = remove(&new);
    }
    placed.map(|()| folder)
}

struct Unpack<'a> {
    archive: &'a Archive,
    part: &'a Path,
    cache: &'a Path,
    new: &'a Path,
}

impl Unpack<'_> {
    fn run(&self, report: &mut dyn FnMut(u64) -> bool) -> Result<(), DataError> {
        let unreadable = |why| DataError::Unreadable { what: "the archive", why, path: self.part.to_path_buf() };
        let through = Cell::new(0);
        let packed = Counted { inner: File::open(self.part).map_err(unreadable)?, through: &through };
        let most = self.archive.file_bytes.saturating_mul(cifar::FILES.len() as u64).saturating_add(EXTRAS);
        let plain = GzDecoder::new(BufReader::with_capacity(1 << 16, packed)).take(most);
        let mut tar = tar::Archive::new(plain);
        let mut taken = [false; cifar::FILES.len()];
        // Raw: no extension headers, which could carry names of any length; the names we look for need none.
        for entry in tar.entries().map_err(|why| self.damaged(&why))?.raw(true) {
            let mut entry = entry.map_err(|why| self.damaged(&why))?;
            let Some(which) = expected(&entry.path_bytes()) else { continue };
            if !entry.header().entry_type().is_file() {
                return Err(self.bad(format!("{} in it is not a plain file", cifar::FILES[which])));
            }
            if std::mem::replace(&mut taken[which], true) {
                return Err(self.bad(format!("{} is in it twice", cifar::FILES[which])));
            }
            self.take(&mut entry, cifar::FILES[which], &mut || report(through.get()))?;
        }
        match taken.iter().position(|taken| !taken) {
            Some(which) => Err(self.bad(format!("{}/{} is not in it", cifar::FOLDER, cifar::FILES[which]))),
            None => Ok(()),
        }
    }

    /// Copies one file out of the archive.
    fn take(
        &self,
        entry: &mut tar::Entry<'_, impl Read>,
        name: &str,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<(), DataError> {
        let size = entry.size();
        if size > self.archive.file_bytes {
            return Err(
                self.bad(format!("{name} in it has {size} bytes, expected {} at most", self.archive.file_bytes))
            );
        }
        let path = self.new.join(name);
        let unwritten = |why| DataError::writing(why, self.archive.bytes_needed(), self.cache, &path);
        let mut file = File::create_new(&path).map_err(unwritten)?;
        let mut buffer = vec![0; 1 << 16];
        let mut left = size;
        while left > 0 {
            let count = match entry.read(&mut buffer) {
                Ok(0) => return Err(self.bad(format!("it ends within {name}"))),
                Ok(count) => count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Err(self.damaged(&why)),
            };
            file.write_all(&buffer[..count]).map_err(unwritten)?;
            left = left.saturating_sub(count as u64);
            if stop() {
                let kept = std::fs::metadata(self.part).map_or(0, |part| part.len());
                return Err(DataError::Cancelled { kept });
            }
        }
        // On the disk before the folder gets its name: after a power cut it must not hold empty files.
        file.sync_all().map_err(unwritten)
    }

    fn damaged(&self, why: &io::Error) -> DataError {
        self.bad(why.to_string())
    }

    fn bad(&self, why: String) -> DataError {
        DataError::BadArchive { why, path: self.part.to_path_buf() }
    }
}

/// Which of the six files a name in the archive stands for, if any.
fn expected(name: &[u8]) -> Option<usize> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let name = name.strip_prefix(cifar::FOLDER.as_bytes())?.strip_prefix(b"/")?;
    cifar::FILES.iter().position(|file| file.as_bytes() == name)
}

/// Removes a folder with its content, or whatever else has the name.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// A reader that counts.
struct Counted<'a, R> {
    inner: R,
    through: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.through.set(self.through.get() + count as u64);
        Ok(count)
    }
}
