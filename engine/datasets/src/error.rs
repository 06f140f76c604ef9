//! What can go wrong on the way to the images, in the user's words: what was expected, what was found, what to do
//! about it, and the path last.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A failure to find, fetch or read the data.
///
/// The text is complete, causes included, so [`source`](std::error::Error::source) is always `None`.
#[derive(Debug, Error)]
pub enum DataError {
    /// There is nothing at the path.
    #[error("{what} is missing; {hint}: {}", path.display())]
    Missing {
        /// What was looked for, to start a sentence with.
        what: String,
        /// What to do about it.
        hint: String,
        /// Where it was looked for.
        path: PathBuf,
    },

    /// The path is there but of another kind, such as a folder in place of a file.
    #[error("expected {expected}, found {found}: {}", path.display())]
    WrongKind {
        /// The kind needed.
        expected: &'static str,
        /// The kind there.
        found: &'static str,
        /// Where.
        path: PathBuf,
    },

    /// The system would not let it be read.
    #[error("cannot read {what}: {why}{}: {}", hint_for(why), path.display())]
    Unreadable {
        /// What was read.
        what: &'static str,
        /// The system's reason.
        why: io::Error,
        /// Where.
        path: PathBuf,
    },

    /// The folder holds neither the CIFAR-10 files nor the folder they come in.
    #[error(
        "no CIFAR-10 in this folder; expected data_batch_1.bin to data_batch_5.bin and test_batch.bin in it, or a \
         folder cifar-10-batches-bin that holds them{hint}: {}",
        path.display()
    )]
    NotCifar {
        /// What the folder holds instead, if that is plain, with a leading separator.
        hint: &'static str,
        /// The folder.
        path: PathBuf,
    },

    /// A CIFAR-10 file without a byte in it.
    #[error(
        "the file is empty, expected records of 3,073 bytes (a label and 3,072 pixel bytes); delete it and \
         download it again: {}",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },

    /// A CIFAR-10 file that ends within a record.
    #[error(
        "the file is cut off: it has {size} bytes, {whole} whole records of 3,073 bytes and {} bytes of another; \
         delete it and download it again (an official file has 30,730,000 bytes): {}",
        size % 3073,
        path.display()
    )]
    Truncated {
        /// Its size in bytes.
        size: u64,
        /// How many whole records it has.
        whole: u64,
        /// The file.
        path: PathBuf,
    },

    /// A record whose label is no class.
    #[error(
        "record {record} (counted from 0) has label {given}, expected 0 to 9; the file is damaged or not CIFAR-10, \
         delete it and download it again: {}",
        path.display()
    )]
    Label {
        /// The record's number within its file, from 0.
        record: usize,
        /// The label there.
        given: u8,
        /// The file.
        path: PathBuf,
    },

    /// A record past the end of the set.
    #[error("there is no record {given}: the {split} records are 0 to {}: {}", len - 1, path.display())]
    NoSuchRecord {
        /// The number asked for.
        given: usize,
        /// How many there are, at least 1.
        len: usize,
        /// `train` or `test`.
        split: &'static str,
        /// The folder.
        path: PathBuf,
    },

    /// The server could not be reached, did not answer, or broke off: the network's fault, or its absence.
    #[error(
        "could not download {url}: {why}{}; a folder that holds CIFAR-10 may be named instead (--data DIR or \
         $ENGINE_DATA)",
        kept_note(*kept)
    )]
    Network {
        /// What was asked for.
        url: String,
        /// What happened, in words.
        why: String,
        /// Bytes of it kept on the disk, from where the next try goes on.
        kept: u64,
    },

    /// The server sent another number of bytes than the archive has.
    #[error(
        "{url} is not the expected archive: it has {given} bytes, expected {expected}; a proxy or a sign-in page may \
         have answered in its place, or the file there has changed"
    )]
    WrongSize {
        /// What was downloaded.
        url: String,
        /// How many bytes the server gave or announced.
        given: u64,
        /// How many bytes the archive has.
        expected: u64,
    },

    /// The downloaded bytes are others than expected.
    #[error(
        "the downloaded archive has md5 {given}, expected {expected}; it was damaged on the way or has changed, and is \
         deleted: start again to download it anew: {}",
        path.display()
    )]
    WrongHash {
        /// The md5 of what came, in hexadecimal.
        given: String,
        /// The md5 it should have.
        expected: String,
        /// Where it lay.
        path: PathBuf,
    },

    /// The archive has the right hash but not the right content.
    #[error("cannot unpack the archive: {why}: {}", path.display())]
    BadArchive {
        /// What is wrong with it.
        why: String,
        /// The archive.
        path: PathBuf,
    },

    /// The disk, or the user's share of it, is full.
    #[error(
        "no room left on the disk: {} MiB are needed in all, for the archive and its unpacked files; free some, or \
         have the data elsewhere: {}",
        needed.div_ceil(1 << 20),
        path.display()
    )]
    NoRoom {
        /// Bytes needed in the folder at most, the archive and the unpacked files together.
        needed: u64,
        /// The cache folder.
        path: PathBuf,
    },

    /// The cache folder cannot be made or written to.
    #[error("cannot write to the cache folder: {why}{}: {}", hint_for(why), path.display())]
    Unwritable {
        /// The system's reason.
        why: io::Error,
        /// The file or folder it was about.
        path: PathBuf,
    },

    /// The system names no cache folder (no home folder, most likely).
    #[error(
        "there is no cache folder to download to: neither XDG_CACHE_HOME nor HOME is set; set one of them, or name a \
         folder that holds CIFAR-10"
    )]
    NoCacheFolder,

    /// The disk, or the user's share of it, filled up while a data set was written.
    #[error(
        "no room left on the disk after {} MiB of the file; free some, or write it elsewhere (what was written is \
         removed again): {}",
        written >> 20,
        path.display()
    )]
    DiskFull {
        /// Bytes of the file written before.
        written: u64,
        /// The file.
        path: PathBuf,
    },

    /// A data set cannot be written there.
    #[error("cannot write the file: {why}{}: {}", hint_for(why), path.display())]
    NotWritten {
        /// The system's reason.
        why: io::Error,
        /// The file.
        path: PathBuf,
    },

    /// What should be written is there already.
    #[error("there is something of that name already; name another file, or ask for it to be replaced: {}", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// The text that says where the data is cannot be understood, or nothing is there.
    #[error("{message}: {address}")]
    Address {
        /// What was expected, what was found, and what can be done.
        message: String,
        /// The text, as it was given.
        address: String,
    },

    /// A server that could not be reached, did not answer, would not give the object, or gave something else.
    #[error("{message}: {address}")]
    Remote {
        /// What happened, and what can be done.
        message: String,
        /// The address.
        address: String,
    },

    /// A file that is not what its format says.
    #[error("{message}: {}", path.display())]
    Format {
        /// What was expected, what was found, and what can be done.
        message: String,
        /// The file, or the address.
        path: PathBuf,
    },

    /// A row that cannot be read. The others may be fine.
    #[error("{message}: {place}")]
    Sample {
        /// What is wrong with it.
        message: String,
        /// Where it lies, as [`Dataset::place`](super::Dataset::place) says it.
        place: String,
    },

    /// The caller asked to stop.
    #[error("stopped before the data was there{}", kept_note(*kept))]
    Cancelled {
        /// Bytes of the archive kept on the disk, from where the next try goes on.
        kept: u64,
    },
}

impl DataError {
    /// Whether lack of network is to blame, so that a built-in set may stand in.
    pub fn is_network(&self) -> bool {
        matches!(self, Self::Network { .. })
    }

    /// Whether it may be about a row alone, so that the others can be read: false for a server that does not answer.
    pub fn is_of_one_row(&self) -> bool {
        matches!(
            self,
            Self::Sample { .. }
                | Self::Unreadable { .. }
                | Self::Format { .. }
                | Self::Label { .. }
                | Self::Missing { .. }
                | Self::WrongKind { .. }
        )
    }

    /// The error for a failed write below the cache folder: a full disk has a sentence of its own.
    pub(super) fn writing(why: io::Error, needed: u64, folder: &Path, path: &Path) -> Self {
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::NoRoom { needed, path: folder.to_path_buf() }
            }
            _ => Self::Unwritable { why, path: path.to_path_buf() },
        }
    }
}

/// Advice for the reasons that have an obvious one.
fn hint_for(why: &io::Error) -> &'static str {
    match why.kind() {
        io::ErrorKind::PermissionDenied => "; check its owner and permissions (ls -ld)",
        io::ErrorKind::ReadOnlyFilesystem => "; the file system is mounted read-only, name another folder",
        _ => "",
    }
}

fn kept_note(kept: u64) -> String {
    if kept == 0 { String::new() } else { format!(" ({kept} bytes are kept, the next download goes on from there)") }
}
