//! Made-up archives of a few records.

use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use tar::{Builder, EntryType, Header};

use crate::cifar::{FILES, FOLDER, RECORD_BYTES};
use crate::fetch::Archive;

/// `count` records with labels 0, 1, …, 9, 0, … and pixels that hardly compress.
pub(super) fn records(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes = Vec::with_capacity(count * RECORD_BYTES);
    for record in 0..count {
        bytes.push((record % 10) as u8);
        bytes.extend((1..RECORD_BYTES).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }));
    }
    bytes
}

/// Writes a whole set of `count` records a file into a folder.
pub(super) fn write_set(dir: &Path, count: usize) {
    std::fs::create_dir_all(dir).unwrap();
    for name in FILES {
        std::fs::write(dir.join(name), records(count)).unwrap();
    }
}

pub(super) struct Tarball(Builder<GzEncoder<Vec<u8>>>);

impl Tarball {
    pub(super) fn new() -> Self {
        Self(Builder::new(GzEncoder::new(Vec::new(), Compression::fast())))
    }

    /// The six files of two records, between other things, as in the official archive.
    pub(super) fn complete() -> Self {
        let mut tarball = Self::new().file(&format!("{FOLDER}/batches.meta.txt"), b"airplane\n");
        for name in FILES {
            tarball = tarball.file(&format!("{FOLDER}/{name}"), &records(2));
        }
        tarball.file(&format!("{FOLDER}/readme.html"), b"<html>")
    }

    pub(super) fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(name, EntryType::Regular, bytes.len() as u64, bytes)
    }

    /// An entry with whatever header, the name as it is.
    pub(super) fn entry(mut self, name: &str, kind: EntryType, size: u64, bytes: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap().finish().unwrap()
    }
}

/// The description of an archive, with little patience.
pub(super) fn describe(bytes: &[u8], url: String) -> Archive {
    Archive {
        url,
        md5: Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
        bytes: bytes.len() as u64,
        file_bytes: 2 * RECORD_BYTES as u64,
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
    }
}
