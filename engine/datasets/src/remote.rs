//! Files on servers, read like those on the disk: over http, https and S3's protocol.
//!
//! Objects are read in blocks of [`BLOCK_BYTES`], which are kept in memory, [`KEPT_BYTES`] of them for all objects
//! together. A read that needs several blocks, and [`prefetch`](Storage::prefetch), fetch them at the same time.
//!
//! For `s3://` the environment says where the server is and who asks, under the names that `object_store` reads and
//! that other tools read too: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
//! `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP=true` for a server without TLS, `AWS_SKIP_SIGNATURE=true` for public buckets.
//! On a cloud machine with a role no key is needed. Proxies are those of `HTTPS_PROXY` and its kin; addresses on this
//! machine itself go past them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore};

use super::bounded_cache::BoundedCache;
use super::error::DataError;
use super::mapped::MappedFile;
use super::paths::is_remote;
use super::requests::{Failure, RUNTIME, get, head, store};
use super::storage::Storage;

/// Bytes fetched at a time.
pub const BLOCK_BYTES: u64 = 4 << 20;

/// Bytes of blocks kept in memory, for all objects together.
pub const KEPT_BYTES: u64 = 256 << 20;

/// Fetches in the background at most; what is asked for beyond them is fetched when it is read.
pub(super) const PREFETCHES: usize = 16;

/// Blocks by object and number.
static BLOCKS: LazyLock<BoundedCache<(u64, u64), Bytes, String>> = LazyLock::new(|| BoundedCache::new(KEPT_BYTES));

/// How many [`Running`] there are.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// A prefetch that runs or waits.
struct Running;

impl Running {
    /// One more, if there may be.
    fn another() -> Option<Self> {
        let before = RUNNING.fetch_add(1, Ordering::Relaxed);
        let running = Self;
        (before < PREFETCHES).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next bytes.
    pub stall: Duration,
    /// For a whole block.
    pub whole: Duration,
    /// How often a failed request is sent again, where another try may help: no connection, a broken one, silence, a
    /// status of 5xx, 429 or 408.
    pub retries: usize,
    /// Wait before the first of these; it doubles from one to the next, with some randomness.
    pub first_wait: Duration,
    /// No further try after this time.
    pub give_up: Duration,
}

impl Default for Patience {
    /// Ten seconds for a connection, twenty for silence, two minutes for a block, five more tries within a minute.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            whole: Duration::from_secs(120),
            retries: 5,
            first_wait: Duration::from_millis(200),
            give_up: Duration::from_secs(60),
        }
    }
}

/// How objects are opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RemoteOptions {
    /// How long a server is waited for.
    pub patience: Patience,
    /// Settings for S3 that come before the environment's, by the names used there (`AWS_ENDPOINT_URL`).
    pub settings: Vec<(String, String)>,
}

/// Opens a local file, which is mapped, or an object on a server.
///
/// # Errors
///
/// Those of [`MappedFile::open`] and [`Remote::open`].
///
/// # Panics
///
/// As [`Remote::open`].
pub fn open(address: &str) -> Result<Box<dyn Storage>, DataError> {
    open_with(address, &RemoteOptions::default())
}

/// [`open`], with options for what is on a server.
///
/// # Errors
///
/// As [`open`].
///
/// # Panics
///
/// As [`Remote::open`].
pub fn open_with(address: &str, options: &RemoteOptions) -> Result<Box<dyn Storage>, DataError> {
    if is_remote(address) {
        return Ok(Box::new(Remote::open(address, options)?));
    }
    Ok(Box::new(MappedFile::open(Path::new(address.strip_prefix("file://").unwrap_or(address)))?))
}

/// An object on a server.
///
/// It must not change while it is open: its size, its ETag and its time are those of the first answer, or a read
/// fails. Reads block until the bytes are there, for minutes at most (see [`Patience`]).
pub struct Remote {
    object: Arc<Object>,
    /// The address without its query, which may hold a signature.
    shown: PathBuf,
}

struct Object {
    store: Box<dyn ObjectStore>,
    key: Key,
    /// Unlike all others that this process opened.
    number: u64,
    meta: ObjectMeta,
}

impl Remote {
    /// Opens an object, and fetches its first block.
    ///
    /// # Errors
    ///
    /// [`DataError::Remote`] for a server that cannot be reached or does not answer, for what is not there or not
    /// allowed, and for a server that only gives whole objects.
    ///
    /// # Panics
    ///
    /// On a thread that runs async tasks (of tokio's): it would block them, as would reads.
    pub fn open(address: &str, options: &RemoteOptions) -> Result<Self, DataError> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let shown = without_query(address);
        let failed = |message: String| DataError::Remote { message, address: shown.clone() };
        let (store, key) = store(address, options).map_err(failed)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (meta, first) = match get(store.as_ref(), &key, 0..BLOCK_BYTES) {
            Ok((meta, bytes)) => (meta, Some(bytes)),
            // There is no first byte to ask for in an empty object.
            Err(Failure { status: Some(416), .. }) => (head(store.as_ref(), &key).map_err(failed)?, None),
            Err(Failure { why, .. }) => return Err(failed(why)),
        };
        let object = Object { store, key, number, meta };
        match first {
            Some(bytes) => {
                object.check(&bytes, &object.blocks_range(0)).map_err(failed)?;
                let kept = BLOCKS.get(&(number, 0), || {
                    let size = bytes.len() as u64;
                    Ok((bytes, size))
                });
                kept.map_err(failed)?;
            }
            None if object.meta.size != 0 => return Err(failed("the server refuses to give a part of it".to_owned())),
            None => {}
        }
        Ok(Self { object: Arc::new(object), shown: PathBuf::from(shown) })
    }
}

impl Storage for Remote {
    fn len(&self) -> u64 {
        self.object.meta.size
    }

    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
        let size = self.len();
        let too_far = || DataError::Format {
            message: format!("bytes {} to {} lie beyond the object's {size}", range.start, range.end),
            path: self.shown.clone(),
        };
        if range.start > range.end || range.end > size {
            return Err(too_far());
        }
        let count = usize::try_from(range.end - range.start).map_err(|_| too_far())?;
        if count == 0 {
            return Ok(Cow::Borrowed(&[]));
        }
        let blocks = blocks_of(&range);
        if blocks.end - blocks.start > 1 {
            self.prefetch(blocks.start.saturating_add(1) * BLOCK_BYTES..range.end);
        }
        let mut bytes = Vec::with_capacity(count);
        for block in blocks {
            let of = self.object.blocks_range(block);
            let all = self
                .object
                .block(block)
                .map_err(|why| DataError::Remote { message: why, address: self.shown.display().to_string() })?;
            let (from, to) = (range.start.max(of.start) - of.start, range.end.min(of.end) - of.start);
            bytes.extend_from_slice(&all[from as usize..to as usize]);
        }
        Ok(Cow::Owned(bytes))
    }

    fn path(&self) -> &Path {
        &self.shown
    }

    fn prefetch(&self, range: Range<u64>) {
        let Ok(runtime) = RUNTIME.as_ref() else { return };
        let range = range.start..range.end.min(self.len());
        if range.is_empty() {
            return;
        }
        for block in blocks_of(&range).filter(|block| !BLOCKS.has(&(self.object.number, *block))) {
            let Some(running) = Running::another() else { return };
            let object = Arc::clone(&self.object);
            runtime.spawn_blocking(move || {
                // Whoever reads it tries again, and says what is wrong.
                let _ = object.block(block);
                drop(running);
            });
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        BLOCKS.forget(|(number, _)| *number == self.number);
    }
}

impl Object {
    fn blocks_range(&self, block: u64) -> Range<u64> {
        let start = block * BLOCK_BYTES;
        start..self.meta.size.min(start + BLOCK_BYTES)
    }

    fn block(&self, block: u64) -> Result<Bytes, String> {
        BLOCKS.get(&(self.number, block), || {
            let range = self.blocks_range(block);
            let changed = "the object changed while it was read; start again when it is complete";
            let (meta, bytes) = get(self.store.as_ref(), &self.key, range.clone()).map_err(|failure| {
                // It has become shorter.
                if failure.status == Some(416) { changed.to_owned() } else { failure.why }
            })?;
            let same_tag = meta.e_tag == self.meta.e_tag;
            if meta.size != self.meta.size || !same_tag || meta.last_modified != self.meta.last_modified {
                return Err(changed.to_owned());
            }
            self.check(&bytes, &range)?;
            let size = bytes.len() as u64;
            Ok((bytes, size))
        })
    }

    fn check(&self, bytes: &Bytes, range: &Range<u64>) -> Result<(), String> {
        let (sent, asked) = (bytes.len() as u64, range.end - range.start);
        if sent == asked { Ok(()) } else { Err(format!("the server sent {sent} bytes, expected {asked}")) }
    }
}

fn blocks_of(range: &Range<u64>) -> Range<u64> {
    range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES)
}

/// The address without its query, which may hold a signature.
fn without_query(address: &str) -> String {
    match address.split_once('?') {
        Some((before, _)) if !address.starts_with("s3://") => format!("{before}?…"),
        _ => address.to_owned(),
    }
}
