//! The readers of data files: whatever the bytes are, reading them ends, in values or in an error.
//!
//! This file is compiled twice: for the fuzz targets, and for `datasets`' own test of the seeds.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use datasets::beton::{self, Beton};
use datasets::{
    Cifar100Records, CifarRecords, DataError, Dataset, FieldKind, NpyArrays, ParquetImages, Split, Storage, TarShards,
    Value,
};
use pixels::{Decoder, ImageSize};

/// Rows that are read at most. A few bytes can stand for billions.
const MOST_ROWS: u64 = 3000;

/// Encoded bytes that are decoded at most: images have a target of their own.
const MOST_ENCODED: usize = 1 << 16;

/// `.beton`: from memory, as fetched, and mapped, which must all say the same.
pub fn beton(bytes: &[u8]) {
    let mapped = TempFile::new("beton", bytes);
    let over = |fetched| Beton::over(Box::new(Memory { bytes: bytes.to_vec(), fetched }));
    let (fetched, mapped) = match (over(false), over(true), Beton::open(&mapped.0)) {
        (Ok(memory), Ok(fetched), Ok(mapped)) => {
            for (row, field) in cells(&memory) {
                let said = say(memory.value(row, field));
                assert_eq!(say(fetched.value(row, field)), said, "fetched, row {row}, field {field}");
                assert_eq!(say(mapped.value(row, field)), said, "mapped, row {row}, field {field}");
            }
            (fetched, mapped)
        }
        (memory, fetched, mapped) => {
            assert!(memory.is_err() && fetched.is_err() && mapped.is_err(), "one opens, another does not");
            return;
        }
    };
    for file in [fetched, mapped] {
        read_all(&file);
        let _ = file.info();
        if file.rows() <= MOST_ROWS {
            let mut work = 0;
            let _ = beton::verify(&file, 1, &decode, &mut |_, _| {
                work += 1;
                work < 100
            });
        }
    }
}

/// Tar shards.
pub fn tar(bytes: &[u8]) {
    let file = TempFile::new("tar", bytes);
    if let Ok(set) = TarShards::open(&[file.text()]) {
        read_all(&set);
    }
}

/// Parquet.
pub fn parquet(bytes: &[u8]) {
    let file = TempFile::new("parquet", bytes);
    if let Ok(set) = ParquetImages::open(&[file.text()]) {
        read_all(&set);
    }
}

/// NumPy's arrays.
pub fn npy(bytes: &[u8]) {
    let file = TempFile::new("npy", bytes);
    if let Ok(set) = NpyArrays::open(&[("x".to_owned(), file.text())]) {
        read_all(&set);
    }
    let _ = datasets::numbers::whole_numbers(&file.0);
    let _ = datasets::numbers::numbers(&file.0);
}

/// CIFAR-10 and CIFAR-100.
pub fn cifar(bytes: &[u8]) {
    let folder = TempFolder::new("cifar");
    // The test split is one file, whichever of both sets it is.
    for name in ["test_batch.bin", "test.bin"] {
        fs::write(folder.0.join(name), bytes).expect("there is room for a temporary file");
    }
    if let Ok(set) = CifarRecords::open(&folder.0, Split::Test) {
        read_all(&set);
        let _ = (set.planes(set.len() - 1), set.record(set.len()));
    }
    if let Ok(set) = Cifar100Records::open(&folder.0, Split::Test) {
        read_all(&set);
        let _ = set.record(set.len());
    }
}

/// Reads what there is, in order and once more near the end, as a loader and as `engine data verify` do.
fn read_all(set: &dyn Dataset) {
    assert!(set.rows_per_page() > 0);
    let _ = set.unreadable_fields();
    let sizes: Vec<_> = set.fields().iter().map(|field| &field.kind).collect();
    for (row, field) in cells(set) {
        if field == 0 {
            set.prefetch(row);
            let _ = set.place(row);
        }
        let Ok(value) = set.value(row, field) else { continue };
        match (&value, sizes[field]) {
            (Value::Int(_), FieldKind::Int { .. })
            | (Value::Float(_), FieldKind::Float)
            | (Value::Bytes(_), FieldKind::Bytes | FieldKind::Json) => {}
            (Value::Image { bytes, size: Some(size) }, FieldKind::Image { size: wanted }) => {
                assert_eq!(bytes.len(), size.bytes());
                assert!(wanted.is_none_or(|wanted| wanted == *size));
            }
            (Value::Image { size: None, .. }, FieldKind::Image { size: None }) => {}
            (Value::Bytes(bytes), FieldKind::Array { element, shape }) => {
                assert_eq!(bytes.len(), element.bytes() * shape.iter().product::<usize>());
            }
            (_, kind) => panic!("a value that is not of its field's kind, {kind:?}"),
        }
    }
    if set.rows() <= MOST_ROWS {
        let _ = datasets::verify(set, 1, &decode, &mut |done, _| done < MOST_ROWS);
    }
}

/// The first rows and the last one, with every field.
fn cells(set: &dyn Dataset) -> impl Iterator<Item = (u64, usize)> {
    let (rows, fields) = (set.rows(), set.fields().len());
    let last = (rows > MOST_ROWS).then(|| rows - 1);
    (0..rows.min(MOST_ROWS)).chain(last).flat_map(move |row| (0..fields).map(move |field| (row, field)))
}

/// A value in words; an error without the file's name.
fn say(value: Result<Value<'_>, DataError>) -> Result<String, String> {
    match value {
        // NaN equals nothing.
        Ok(Value::Float(value)) => Ok(format!("{:x}", value.to_bits())),
        Ok(Value::Int(value)) => Ok(value.to_string()),
        Ok(Value::Image { bytes, size }) => Ok(format!("{size:?} {} {}", bytes.len(), sum(&bytes))),
        Ok(Value::Bytes(bytes)) => Ok(format!("{} {}", bytes.len(), sum(&bytes))),
        Err(DataError::Sample { message, .. } | DataError::Format { message, .. }) => Err(message),
        Err(other) => Err(other.to_string()),
    }
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

/// As `engine data verify` decodes.
fn decode(bytes: &[u8]) -> Result<ImageSize, String> {
    if bytes.len() > MOST_ENCODED {
        return Err("not decoded".to_owned());
    }
    Decoder::new().verify(bytes).map(|info| info.size).map_err(|error| error.0)
}

/// A file in memory, that is handed out as it is or fetched, as from a server.
struct Memory {
    bytes: Vec<u8>,
    fetched: bool,
}

impl Storage for Memory {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
        // A reader that asks for what is not there has not checked: real storage says so, this one finds it out.
        let range = usize::try_from(range.start).expect("the start is checked")
            ..usize::try_from(range.end).expect("the end is checked");
        let bytes = self.bytes.get(range).expect("what is read has been checked against the length");
        Ok(if self.fetched { Cow::Owned(bytes.to_vec()) } else { Cow::Borrowed(bytes) })
    }

    fn path(&self) -> &Path {
        Path::new("memory")
    }
}

/// A file that is gone when this is dropped. In memory where the system has a folder for that.
struct TempFile(PathBuf);

impl TempFile {
    fn new(extension: &str, bytes: &[u8]) -> Self {
        let path = place(extension).with_extension(extension);
        fs::write(&path, bytes).expect("there is room for a temporary file");
        Self(path)
    }

    fn text(&self) -> String {
        self.0.to_str().expect("the name is ours").to_owned()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct TempFolder(PathBuf);

impl TempFolder {
    fn new(name: &str) -> Self {
        let path = place(name);
        fs::create_dir_all(&path).expect("there is room for a temporary folder");
        Self(path)
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Named after the process: fuzzers run side by side.
fn place(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    #[expect(
        clippy::disallowed_methods,
        reason = "a million files a run: `tempfile` would look for a new name for each"
    )]
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    folder.join(format!("engine-fuzz-{}-{name}", std::process::id()))
}
