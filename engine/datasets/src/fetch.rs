//! The download of CIFAR-10 into a cache folder.
//!
//! The archive grows in a `.part` file, from where a later try goes on if this one breaks off; it is checked against
//! its md5, taken apart beside its place and renamed into it, so that the folder is there whole or not at all. A file
//! lock keeps two runs that start together from working on the same files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use md5::{Digest, Md5};

use super::cifar::{self, find_dir};
use super::error::DataError;
use super::transfer::{Answer, News, Request};
use super::unpack::unpack;

/// How many times a download that got somewhere before it broke off goes on in the same call.
const RESUMPTIONS: u32 = 5;

/// How long a cancelled call takes to notice.
const TICK: Duration = Duration::from_millis(50);

/// An archive of CIFAR-10's binary version, and how patient to be with its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Where it is.
    pub url: String,
    /// Its md5 in hexadecimal.
    pub md5: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The most that one of the six unpacked files may have, in bytes.
    pub file_bytes: u64,
    /// How long finding the host, and connecting to it, may take each.
    pub connect_timeout: Duration,
    /// How long the server may send nothing.
    pub stall_timeout: Duration,
}

impl Default for Archive {
    /// The official one, <https://www.cs.toronto.edu/~kriz/cifar.html>: 162 MiB.
    fn default() -> Self {
        Self {
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz".to_owned(),
            md5: "c32a1d4ab5d03f1284b67883e8d87530".to_owned(),
            bytes: 170_052_171,
            file_bytes: 10_000 * cifar::RECORD_BYTES as u64,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

impl Archive {
    /// The most that the cache folder has to hold at a time, in bytes: the archive and the unpacked files.
    pub fn bytes_needed(&self) -> u64 {
        self.file_bytes.saturating_mul(cifar::FILES.len() as u64).saturating_add(self.bytes)
    }
}

/// What a download is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Waiting for another run that downloads to the same folder.
    Waiting,
    /// Loading the archive.
    Downloading,
    /// Comparing its md5.
    Checking,
    /// Unpacking it.
    Unpacking,
}

/// How far a download has come; sent a few times a second at least, often thousands of times in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes of the archive this phase is through with, those of an earlier try included.
    pub done: u64,
    /// Bytes of the archive; 0 while waiting.
    pub total: u64,
}

/// Downloads the archive into the folder `cache`, made if need be, and returns the folder of unpacked files in it. If
/// that is there already, or another run puts it there meanwhile, nothing is downloaded.
///
/// `cancelled` is asked several times a second; once it says yes, the call returns with what it has kept on the disk.
///
/// # Errors
///
/// [`DataError::Network`], [`DataError::WrongSize`], [`DataError::WrongHash`], [`DataError::BadArchive`],
/// [`DataError::NoRoom`], [`DataError::Unwritable`] and [`DataError::Cancelled`].
pub fn fetch(
    archive: &Archive,
    cache: &Path,
    progress: &mut dyn FnMut(Progress),
    cancelled: &dyn Fn() -> bool,
) -> Result<PathBuf, DataError> {
    let mut fetch = Fetch { archive, cache, part: cache.join("cifar-10-binary.tar.gz.part"), progress, cancelled };
    std::fs::create_dir_all(cache).map_err(|why| fetch.unwritten(why, cache))?;
    // Held to the end of this function; the file stays, since removing it would let a third run lock another one.
    let _lock = fetch.lock()?;
    let folder = cache.join(cifar::FOLDER);
    if find_dir(&folder).is_ok_and(|found| found == folder) {
        return Ok(folder);
    }
    fetch.download()?;
    fetch.check()?;
    let total = archive.bytes;
    let folder = unpack(archive, &fetch.part, cache, &mut |done| {
        (fetch.progress)(Progress { phase: Phase::Unpacking, done, total });
        (fetch.cancelled)()
    })?;
    // All that matters is there; a part that stays only takes up room.
    let _ = std::fs::remove_file(&fetch.part);
    Ok(folder)
}

struct Fetch<'a> {
    archive: &'a Archive,
    cache: &'a Path,
    part: PathBuf,
    progress: &'a mut dyn FnMut(Progress),
    cancelled: &'a dyn Fn() -> bool,
}

/// How one request ended that did not fail for good.
enum Ended {
    /// The server closed in good order.
    Whole,
    /// The connection broke, or never came about.
    Broken(String),
    /// The server does not go on from where the part ends.
    StartOver,
}

impl Fetch<'_> {
    fn lock(&mut self) -> Result<File, DataError> {
        let path = self.cache.join("cifar-10.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|why| self.unwritten(why, &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                // Some network file systems have no locks. Two runs at once are rare, so go on without.
                Err(TryLockError::Error(why)) if why.kind() == io::ErrorKind::Unsupported => return Ok(file),
                Err(TryLockError::Error(why)) => return Err(self.unwritten(why, &path)),
                Err(TryLockError::WouldBlock) => {
                    (self.progress)(Progress { phase: Phase::Waiting, done: 0, total: 0 });
                    if (self.cancelled)() {
                        return Err(self.stopped());
                    }
                    std::thread::sleep(TICK);
                }
            }
        }
    }

    /// Makes the part as long as the archive, going on after breaks.
    fn download(&mut self) -> Result<(), DataError> {
        let mut resumptions = 0;
        let mut from_start = false;
        loop {
            let mut have = self.kept();
            if have > self.archive.bytes || from_start {
                // Of another archive, or not resumable.
                self.discard()?;
                have = 0;
            }
            if have == self.archive.bytes {
                return Ok(());
            }
            let why = match self.transfer(have)? {
                Ended::StartOver if have > 0 => {
                    from_start = true;
                    continue;
                }
                Ended::StartOver => "the server would not send it from its start".to_owned(),
                Ended::Whole => "the server ended it early".to_owned(),
                Ended::Broken(why) => why,
            };
            from_start = false;
            let now = self.kept();
            if now == self.archive.bytes {
                return Ok(());
            }
            if now <= have || resumptions == RESUMPTIONS {
                return Err(DataError::Network { url: self.archive.url.clone(), why, kept: now });
            }
            resumptions += 1;
        }
    }

    /// One request for the bytes from `have` on, written to the part as they come.
    fn transfer(&mut self, have: u64) -> Result<Ended, DataError> {
        let total = self.archive.bytes;
        let request = match Request::start(self.archive, have) {
            Ok(request) => request,
            Err(why) => return Ok(Ended::Broken(format!("no thread could be started for it: {why}"))),
        };
        let mut part = None;
        let mut done = have;
        (self.progress)(Progress { phase: Phase::Downloading, done, total });
        loop {
            // A request that is dropped unfinished closes its connection.
            if (self.cancelled)() {
                return Err(self.stopped());
            }
            match request.next(TICK) {
                // Said again, so that who shows it can tell that it lives.
                News::Nothing => (self.progress)(Progress { phase: Phase::Downloading, done, total }),
                News::Answer(Answer { status: 200, length, .. }) => {
                    self.expect_size(length)?;
                    done = 0;
                    part = Some(self.open_part(false)?);
                }
                News::Answer(Answer { status: 206, range: Some((start, whole)), .. }) if start == have => {
                    self.expect_size(whole)?;
                    part = Some(self.open_part(true)?);
                }
                News::Answer(Answer { status: 206 | 416, .. }) => return Ok(Ended::StartOver),
                News::Answer(Answer { status, reason, .. }) => {
                    return Ok(Ended::Broken(format!("the server answered {status} {reason}").trim_end().to_owned()));
                }
                News::Bytes(bytes) => {
                    done += bytes.len() as u64;
                    // Checked as it grows: an endless answer must not fill the disk.
                    self.expect_size((done > total).then_some(done))?;
                    if let Some(part) = &mut part {
                        part.write_all(&bytes).map_err(|why| self.unwritten(why, &self.part))?;
                    }
                    (self.progress)(Progress { phase: Phase::Downloading, done, total });
                }
                News::Ended(Ok(())) => return Ok(Ended::Whole),
                News::Ended(Err(why)) => return Ok(Ended::Broken(why)),
            }
        }
    }

    /// Compares the md5, and deletes the part if it is another.
    fn check(&mut self) -> Result<(), DataError> {
        let unreadable = |why| DataError::Unreadable { what: "the archive", why, path: self.part.clone() };
        let mut file = File::open(&self.part).map_err(unreadable)?;
        let mut md5 = Md5::new();
        let mut buffer = vec![0; 1 << 18];
        let mut done = 0;
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
                Err(why) => return Err(unreadable(why)),
            };
            md5.update(&buffer[..count]);
            done += count as u64;
            (self.progress)(Progress { phase: Phase::Checking, done, total: self.archive.bytes });
            if (self.cancelled)() {
                return Err(self.stopped());
            }
        }
        let given: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if given.eq_ignore_ascii_case(&self.archive.md5) {
            return Ok(());
        }
        self.discard()?;
        Err(DataError::WrongHash { given, expected: self.archive.md5.clone(), path: self.part.clone() })
    }

    /// Fails for a size that is known and wrong. The part is of no use then.
    fn expect_size(&self, given: Option<u64>) -> Result<(), DataError> {
        match given {
            Some(given) if given != self.archive.bytes => {
                self.discard()?;
                let (url, expected) = (self.archive.url.clone(), self.archive.bytes);
                Err(DataError::WrongSize { url, given, expected })
            }
            _ => Ok(()),
        }
    }

    fn open_part(&self, resume: bool) -> Result<File, DataError> {
        OpenOptions::new()
            .create(true)
            .write(true)
            .append(resume)
            .truncate(!resume)
            .open(&self.part)
            .map_err(|why| self.unwritten(why, &self.part))
    }

    /// How many bytes the part has.
    fn kept(&self) -> u64 {
        std::fs::metadata(&self.part).map_or(0, |part| part.len())
    }

    fn discard(&self) -> Result<(), DataError> {
        match std::fs::remove_file(&self.part) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(self.unwritten(why, &self.part)),
            _ => Ok(()),
        }
    }

    fn stopped(&self) -> DataError {
        DataError::Cancelled { kept: self.kept() }
    }

    fn unwritten(&self, why: io::Error, path: &Path) -> DataError {
        DataError::writing(why, self.archive.bytes_needed(), self.cache, path)
    }
}
