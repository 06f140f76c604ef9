//! Samples in tar shards, by WebDataset's convention (<https://github.com/webdataset/webdataset>).
//!
//! Files whose paths agree up to the first dot of the base name are one sample; the rest of the name is a field:
//!
//! ```text
//! a/000123.jpg    image            a/000123.cls       label, digits
//! a/000123.json   json             a/000123.seg.png   seg.png, an image too
//! a/000123.txt    txt, bytes       a/000123.index     index, digits
//! ```
//!
//! Unlike WebDataset, which streams, any sample is read at any time: the headers are walked once, at opening, several
//! shards at a time. On a server that means that the shards are read through once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use super::dataset::{DataField, Dataset, FieldKind, Value};
use super::error::DataError;
use super::paths::is_remote;
use super::remote::{BLOCK_BYTES, RemoteOptions, open_with};
use super::storage::Storage;
use super::tar_headers::Members;

/// Extensions of whole images: the field `image`.
const IMAGES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Extensions of whole numbers, written in digits. `cls` is the field `label`, the others keep their names.
const NUMBERS: [&str; 7] = ["cls", "cls2", "class", "count", "id", "index", "inx"];

/// Longest number that is read as one.
const MOST_DIGITS: usize = 64;

/// Samples in tar shards, in the order of the shards and, within one, of their first files.
///
/// Every sample must have the same fields. Files without a dot in their base name, hidden ones and links are passed
/// over. Where samples have two images each (`.jpg` and `.png`), each is a field by its extension instead of `image`.
pub struct TarShards {
    shards: Vec<Shard>,
    /// The row after each shard's last.
    shard_ends: Vec<u64>,
    fields: Vec<DataField>,
    rows_per_page: u64,
}

struct Shard {
    tar: Box<dyn Storage>,
    /// Where the files lie, sample by sample, field by field: first byte and size.
    files: Vec<(u64, u64)>,
    /// The samples' names, one after another, and where each ends.
    keys: String,
    key_ends: Vec<u64>,
}

/// A shard before it is known which fields the set has.
struct Indexed {
    tar: Box<dyn Storage>,
    extensions: Vec<String>,
    keys: String,
    key_ends: Vec<u64>,
    /// Sample, extension (a number among `extensions`), first byte, size.
    files: Vec<(u32, u16, u64, u64)>,
}

impl TarShards {
    /// Opens shards, local or on servers (see [`expand`](super::paths::expand)), with all their fields.
    ///
    /// # Errors
    ///
    /// As [`TarShards::open_with`].
    pub fn open(addresses: &[String]) -> Result<Self, DataError> {
        Self::open_with(addresses, None, &RemoteOptions::default())
    }

    /// Opens shards. With `wanted`, only the fields of these names are read, and samples may lack any others.
    ///
    /// # Errors
    ///
    /// Those of [`open`](super::remote::open); [`DataError::Format`] for a shard that is no tar, damaged, cut off or
    /// compressed, for shards without samples, and for a wanted field that is nowhere; [`DataError::Sample`] for a
    /// sample that lacks a field or has one twice.
    pub fn open_with(
        addresses: &[String],
        wanted: Option<&[String]>,
        options: &RemoteOptions,
    ) -> Result<Self, DataError> {
        let indexed = index_all(addresses, options)?;
        let names = field_names(&indexed)?;
        let mut fields: Vec<&str> = names.values().map(String::as_str).collect();
        fields.sort_by_key(|name| (rank(name), *name));
        fields.dedup();
        if let Some(wanted) = wanted {
            if let Some(missing) = wanted.iter().find(|wanted| !fields.contains(&wanted.as_str())) {
                return Err(nowhere(addresses, format!("no sample has {missing:?}; there are {}", fields.join(", "))));
            }
            fields = wanted.iter().map(String::as_str).collect();
        }
        if fields.is_empty() {
            let expected = "expected files such as 000123.jpg and 000123.cls";
            return Err(nowhere(addresses, format!("no samples: {expected}")));
        }
        let mut set = Self { shards: Vec::new(), shard_ends: Vec::new(), fields: Vec::new(), rows_per_page: 1 };
        for shard in indexed {
            let shard = Shard::of(shard, &names, &fields)?;
            let before = set.rows();
            set.shard_ends.push(before + shard.key_ends.len() as u64);
            set.shards.push(shard);
        }
        set.fields = fields.iter().map(|name| DataField { name: (*name).to_owned(), kind: kind(name) }).collect();
        let bytes: u64 = set.shards.iter().flat_map(|shard| &shard.files).map(|(_, size)| size).sum();
        set.rows_per_page = (BLOCK_BYTES / (bytes / set.rows().max(1)).max(1)).clamp(1, 1024);
        Ok(set)
    }

    /// The shard that has a row, and the row in it.
    fn find(&self, row: u64) -> (&Shard, usize) {
        let shard = self.shard_ends.partition_point(|end| *end <= row);
        let before = if shard == 0 { 0 } else { self.shard_ends[shard - 1] };
        (&self.shards[shard], (row - before) as usize)
    }
}

impl Dataset for TarShards {
    fn rows(&self) -> u64 {
        self.shard_ends.last().copied().unwrap_or(0)
    }

    fn fields(&self) -> &[DataField] {
        &self.fields
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        let (shard, sample) = self.find(row);
        let (start, size) = shard.files[sample * self.fields.len() + field];
        let bytes = shard.tar.read(start..start + size)?;
        match self.fields[field].kind {
            FieldKind::Image { .. } => Ok(Value::Image { bytes, size: None }),
            FieldKind::Int { .. } => {
                let text = std::str::from_utf8(&bytes[..bytes.len().min(MOST_DIGITS)]).unwrap_or_default().trim();
                text.parse().map(Value::Int).map_err(|_| DataError::Sample {
                    message: format!("{} is no whole number: {text:?}", self.fields[field].name),
                    place: self.place(row),
                })
            }
            _ => Ok(Value::Bytes(bytes)),
        }
    }

    fn place(&self, row: u64) -> String {
        let (shard, sample) = self.find(row);
        shard.place(sample)
    }

    /// As many as lie together in a few megabytes.
    fn rows_per_page(&self) -> u64 {
        self.rows_per_page
    }

    fn prefetch(&self, row: u64) {
        let (shard, sample) = self.find(row);
        for (start, size) in &shard.files[sample * self.fields.len()..(sample + 1) * self.fields.len()] {
            shard.tar.prefetch(*start..start + size);
        }
    }
}

impl Shard {
    /// Puts the files in the order of the fields, and finds those that are missing or there twice.
    fn of(indexed: Indexed, names: &HashMap<String, String>, fields: &[&str]) -> Result<Self, DataError> {
        // No file begins at byte 0, there is a header before.
        const NONE: (u64, u64) = (0, 0);
        let samples = indexed.key_ends.len();
        let places: Vec<Option<usize>> = indexed
            .extensions
            .iter()
            .map(|extension| fields.iter().position(|field| names.get(extension).is_some_and(|name| name == field)))
            .collect();
        let files = vec![NONE; samples * fields.len()];
        let mut shard = Self { tar: indexed.tar, files, keys: indexed.keys, key_ends: indexed.key_ends };
        for (sample, extension, start, size) in indexed.files {
            let Some(field) = places[usize::from(extension)] else { continue };
            let file = &mut shard.files[sample as usize * fields.len() + field];
            if *file != NONE {
                let message = format!("the sample has {} twice", fields[field]);
                return Err(DataError::Sample { message, place: shard.place(sample as usize) });
            }
            *file = (start, size);
        }
        if let Some(missing) = shard.files.iter().position(|file| *file == NONE) {
            let (sample, field) = (missing / fields.len(), fields[missing % fields.len()]);
            let message =
                format!("the sample has no {field:?}, which others have; add it, or name the fields to be read");
            return Err(DataError::Sample { message, place: shard.place(sample) });
        }
        Ok(shard)
    }

    fn place(&self, sample: usize) -> String {
        place(self.tar.as_ref(), key(&self.keys, &self.key_ends, sample))
    }
}

fn place(tar: &dyn Storage, key: &str) -> String {
    format!("{}, {key}", tar.path().display())
}

fn key<'a>(keys: &'a str, ends: &[u64], sample: usize) -> &'a str {
    let start = if sample == 0 { 0 } else { ends[sample - 1] };
    &keys[start as usize..ends[sample] as usize]
}

/// Indexes all shards, several at a time. The first shard's error is the one that is told.
fn index_all(addresses: &[String], options: &RemoteOptions) -> Result<Vec<Indexed>, DataError> {
    // A processor walks through mapped headers; a server is waited for.
    let remote = addresses.iter().any(|address| is_remote(address));
    let threads = if remote { 8 } else { thread::available_parallelism().map_or(1, usize::from) };
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Indexed, DataError>>>> = addresses.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(address), Some(result)) = (addresses.get(index), results.get(index)) else { return };
            let indexed = open_with(address, options).and_then(Indexed::of);
            if indexed.is_err() {
                // Those before it are being read already, those after it need not be.
                next.store(addresses.len(), Ordering::Relaxed);
            }
            if let Ok(mut result) = result.lock() {
                *result = Some(indexed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(addresses.len()) {
            // One thread fewer is no failure.
            let _ = Builder::new().name("tar index".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
    results.into_iter().filter_map(|result| result.into_inner().ok().flatten()).collect()
}

impl Indexed {
    fn of(tar: Box<dyn Storage>) -> Result<Self, DataError> {
        let mut indexed =
            Self { tar, extensions: Vec::new(), keys: String::new(), key_ends: Vec::new(), files: Vec::new() };
        let mut samples: HashMap<String, u32> = HashMap::new();
        let too_many = |tar: &dyn Storage, what: &str| DataError::Format {
            message: format!("the shard has too many {what}; use several shards"),
            path: tar.path().to_path_buf(),
        };
        for member in Members::of(indexed.tar.as_ref()) {
            let member = member?;
            if member.size < BLOCK_BYTES {
                let end = member.start + member.size;
                indexed.tar.prefetch(end..end.saturating_add(BLOCK_BYTES));
            }
            let Some((sample, extension)) = split(&member.name) else { continue };
            let number = match samples.get(sample) {
                Some(number) => *number,
                None => {
                    let number = u32::try_from(samples.len());
                    let number = number.map_err(|_| too_many(indexed.tar.as_ref(), "samples"))?;
                    samples.insert(sample.to_owned(), number);
                    indexed.keys.push_str(sample);
                    indexed.key_ends.push(indexed.keys.len() as u64);
                    number
                }
            };
            let extension = extension.to_ascii_lowercase();
            let place = match indexed.extensions.iter().position(|known| *known == extension) {
                Some(place) => place,
                None => {
                    indexed.extensions.push(extension);
                    indexed.extensions.len() - 1
                }
            };
            // Each new one is compared with all others: many of them are no samples anyway.
            let place = u16::try_from(place).ok().filter(|place| *place < 256);
            let place = place.ok_or_else(|| too_many(indexed.tar.as_ref(), "different extensions"))?;
            indexed.files.push((number, place, member.start, member.size));
        }
        Ok(indexed)
    }
}

/// A path as sample and extension, at the first dot of its base name.
fn split(path: &str) -> Option<(&str, &str)> {
    let base = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = base + path[base..].find('.')?;
    (dot > base && dot + 1 < path.len()).then(|| (&path[..dot], &path[dot + 1..]))
}

/// The field of every extension.
fn field_names(shards: &[Indexed]) -> Result<HashMap<String, String>, DataError> {
    // Whether a sample has two whole images, which can't both be `image`.
    let mut several = false;
    let mut names = HashMap::new();
    for shard in shards {
        let image: Vec<bool> = shard.extensions.iter().map(|known| IMAGES.contains(&known.as_str())).collect();
        let mut seen = vec![None; shard.key_ends.len()];
        for (sample, extension, ..) in shard.files.iter().filter(|(_, extension, ..)| image[usize::from(*extension)]) {
            let other = seen[*sample as usize].replace(*extension);
            several |= other.is_some_and(|other| other != *extension);
        }
        for extension in &shard.extensions {
            names.entry(extension.clone()).or_insert_with(|| match extension.as_str() {
                "cls" => "label".to_owned(),
                "jsn" => "json".to_owned(),
                _ => extension.clone(),
            });
        }
    }
    for (extension, name) in &mut names {
        if IMAGES.contains(&extension.as_str()) && !several {
            *name = "image".to_owned();
        }
    }
    Ok(names)
}

fn kind(name: &str) -> FieldKind {
    let last = name.rsplit('.').next().unwrap_or_default();
    if name == "image" || IMAGES.contains(&last) {
        FieldKind::Image { size: None }
    } else if name == "label" || NUMBERS.contains(&name) {
        FieldKind::Int { classes: Vec::new() }
    } else if last == "json" {
        FieldKind::Json
    } else {
        FieldKind::Bytes
    }
}

/// The order of fields: the image, the label, the others by name.
fn rank(name: &str) -> u8 {
    match name {
        "image" => 0,
        "label" => 2,
        _ if matches!(kind(name), FieldKind::Image { .. }) => 1,
        _ => 3,
    }
}

fn nowhere(addresses: &[String], message: String) -> DataError {
    DataError::Format { message, path: addresses.first().map(Into::into).unwrap_or_default() }
}
