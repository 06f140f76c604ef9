//! CIFAR-10 in its official binary layout (Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
//! <https://www.cs.toronto.edu/~kriz/cifar.html>).
//!
//! `data_batch_1.bin` to `data_batch_5.bin` make up the train split and `test_batch.bin` the test split. Each is a row
//! of records of 3,073 bytes: a label, 0 to 9, then the pixels, channel × height × width = 3 × 32 × 32, red first.

use std::io;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::mapped::MappedFile;

/// The names of the ten classes; a label is an index into them.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Pixel bytes of an image: channel × height × width = 3 × 32 × 32.
pub const PIXEL_BYTES: usize = 3 * 32 * 32;

/// Bytes of a record: the label and the pixels.
pub const RECORD_BYTES: usize = 1 + PIXEL_BYTES;

/// The folder inside the official archive.
pub const FOLDER: &str = "cifar-10-batches-bin";

/// The files of both splits, train first.
pub(super) const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];

/// Which part of a set: the one learnt from, or the one held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// The part learnt from.
    Train,
    /// The part held back, to see what was learnt.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }

    fn files(self) -> &'static [&'static str] {
        let (train, test) = FILES.split_at(5);
        match self {
            Self::Train => train,
            Self::Test => test,
        }
    }
}

/// The records of one split, in the order of the files.
#[derive(Debug)]
pub struct CifarRecords {
    files: Vec<MappedFile>,
    len: usize,
    split: Split,
    dir: PathBuf,
}

/// One labelled image, inside the mapped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The class, 0 to 9.
    pub label: u8,
    /// The pixels, channel × height × width = 3 × 32 × 32, red first.
    pub planes: &'a [u8; PIXEL_BYTES],
}

impl CifarRecords {
    /// Opens the files of a split. `dir` is the folder that holds them, see [`find_dir`].
    ///
    /// Only the sizes are looked at, no page is read: labels are checked where records are taken. A file may have any
    /// whole number of records, at least one.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`], [`DataError::WrongKind`], [`DataError::Unreadable`], [`DataError::Empty`] and
    /// [`DataError::Truncated`], each with the file it is about.
    pub fn open(dir: &Path, split: Split) -> Result<Self, DataError> {
        let mut files = Vec::with_capacity(split.files().len());
        let mut len = 0;
        for name in split.files() {
            let path = dir.join(name);
            let file = MappedFile::open(&path).map_err(|error| match error {
                DataError::Missing { path, .. } => missing(name, path),
                other => other,
            })?;
            if file.is_empty() {
                return Err(DataError::Empty { path });
            }
            if file.len() % RECORD_BYTES != 0 {
                let whole = (file.len() / RECORD_BYTES) as u64;
                return Err(DataError::Truncated { size: file.len() as u64, whole, path });
            }
            len += file.len() / RECORD_BYTES;
            files.push(file);
        }
        Ok(Self { files, len, split, dir: dir.to_path_buf() })
    }

    /// How many records there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is: an empty file is an error at opening")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The planes of record `index`, from 0, without a look at them or at its label; none past the end.
    pub fn planes(&self, index: usize) -> Option<&[u8; PIXEL_BYTES]> {
        let mut record = index;
        for file in &self.files {
            let (records, _) = file.as_chunks::<RECORD_BYTES>();
            if let Some([_, planes @ ..]) = records.get(record) {
                return Some(planes);
            }
            record -= records.len();
        }
        None
    }

    /// Record `index`, from 0.
    ///
    /// # Errors
    ///
    /// [`DataError::NoSuchRecord`] past the end, and [`DataError::Label`] for a label that is no class.
    pub fn record(&self, index: usize) -> Result<Record<'_>, DataError> {
        let mut record = index;
        for file in &self.files {
            let (records, _) = file.as_chunks::<RECORD_BYTES>();
            let Some(bytes) = records.get(record) else {
                record -= records.len();
                continue;
            };
            let [label, planes @ ..] = bytes;
            if usize::from(*label) >= CLASSES.len() {
                return Err(DataError::Label { record, given: *label, path: file.path().to_path_buf() });
            }
            return Ok(Record { label: *label, planes });
        }
        Err(DataError::NoSuchRecord { given: index, len: self.len, split: self.split.name(), path: self.dir.clone() })
    }

    /// Where a record lies, for messages.
    pub(super) fn place(&self, index: usize) -> String {
        let mut record = index;
        for file in &self.files {
            let records = file.len() / RECORD_BYTES;
            if record < records {
                return format!("{}, record {record}", file.path().display());
            }
            record -= records;
        }
        format!("{}, record {index}", self.dir.display())
    }
}

/// The folder that holds the files: `root` itself, or `cifar-10-batches-bin` inside it.
///
/// A folder counts once any of the six files is in it; a set with one missing is reported as such rather than passed
/// over.
///
/// # Errors
///
/// [`DataError::Missing`] for no such folder or a file missing from the set, [`DataError::WrongKind`] for a file in
/// place of a folder, [`DataError::Unreadable`], and [`DataError::NotCifar`] for a folder without the data.
pub fn find_dir(root: &Path) -> Result<PathBuf, DataError> {
    let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: root.to_path_buf() };
    let kind = std::fs::metadata(root).map_err(|why| match why.kind() {
        io::ErrorKind::NotFound => DataError::Missing {
            what: "the folder for the data".to_owned(),
            hint: format!("expected a folder that holds CIFAR-10, or {FOLDER} in it"),
            path: root.to_path_buf(),
        },
        _ => unreadable(why),
    })?;
    if !kind.is_dir() {
        let expected = "a folder that holds CIFAR-10";
        return Err(DataError::WrongKind { expected, found: "a file", path: root.to_path_buf() });
    }
    // Without the right to list it, or to look into it, every file would seem to be missing.
    std::fs::read_dir(root).map_err(unreadable)?;
    for dir in [root.to_path_buf(), root.join(FOLDER)] {
        let mut gone = None;
        let mut any = false;
        for name in FILES {
            let path = dir.join(name);
            match std::fs::metadata(&path) {
                Ok(_) => any = true,
                Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    gone = gone.or(Some((name, path)));
                }
                Err(why) => return Err(DataError::Unreadable { what: "the file", why, path }),
            }
        }
        match (any, gone) {
            (true, None) => return Ok(dir),
            (true, Some((name, path))) => return Err(missing(name, path)),
            (false, _) => {}
        }
    }
    Err(DataError::NotCifar { hint: lookalike(root), path: root.to_path_buf() })
}

fn missing(name: &str, path: PathBuf) -> DataError {
    DataError::Missing {
        what: format!("the CIFAR-10 file {name}"),
        hint: "the binary version has six files, data_batch_1.bin to data_batch_5.bin and test_batch.bin: unpack the \
               archive again"
            .to_owned(),
        path,
    }
}

/// A word about what people have instead of the binary version.
fn lookalike(root: &Path) -> &'static str {
    let has = |name: &str| root.join(name).exists();
    if has("cifar-10-binary.tar.gz") {
        "; cifar-10-binary.tar.gz is there, unpack it (tar xzf)"
    } else if has("cifar-10-batches-py") || has("data_batch_1") || has("cifar-10-python.tar.gz") {
        "; this is the Python version, the binary version is needed (cifar-10-binary.tar.gz)"
    } else if has("cifar-100-binary") || has("train.bin") {
        "; this looks like CIFAR-100"
    } else {
        ""
    }
}
