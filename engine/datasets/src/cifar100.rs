//! CIFAR-100 in its official binary layout (Krizhevsky, "Learning multiple layers of features from tiny images", 2009;
//! <https://www.cs.toronto.edu/~kriz/cifar.html>).
//!
//! `train.bin` and `test.bin` are rows of records of 3,074 bytes: the coarse label, 0 to 19, the fine label, 0 to 99,
//! then the pixels, channel × height × width = 3 × 32 × 32, red first.

use std::path::Path;

use super::cifar::{PIXEL_BYTES, Split};
use super::error::DataError;
use super::mapped::MappedFile;

/// Bytes of a record: both labels and the pixels.
pub const RECORD_BYTES: usize = 2 + PIXEL_BYTES;

/// The folder inside the official archive.
pub const FOLDER: &str = "cifar-100-binary";

/// The names of the hundred classes; a fine label is an index into them.
#[rustfmt::skip]
pub const CLASSES: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor",
    "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
];

/// The names of the twenty groups of five classes; a coarse label is an index into them.
#[rustfmt::skip]
pub const COARSE_CLASSES: [&str; 20] = [
    "aquatic_mammals", "fish", "flowers", "food_containers", "fruit_and_vegetables",
    "household_electrical_devices", "household_furniture", "insects", "large_carnivores",
    "large_man-made_outdoor_things", "large_natural_outdoor_scenes", "large_omnivores_and_herbivores",
    "medium_mammals", "non-insect_invertebrates", "people", "reptiles", "small_mammals", "trees",
    "vehicles_1", "vehicles_2",
];

/// The records of one split.
#[derive(Debug)]
pub struct Cifar100Records {
    file: MappedFile,
}

/// One labelled image, inside the mapped file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The group of classes, 0 to 19.
    pub coarse: u8,
    /// The class, 0 to 99.
    pub fine: u8,
    /// The pixels, channel × height × width = 3 × 32 × 32, red first.
    pub planes: &'a [u8; PIXEL_BYTES],
}

impl Cifar100Records {
    /// Opens the file of a split, in `root` or in `cifar-100-binary` inside it. Only its size is looked at; it may have
    /// any whole number of records, at least one.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`], [`DataError::WrongKind`] and [`DataError::Unreadable`]; [`DataError::Format`] for a file
    /// that is empty or ends within a record.
    pub fn open(root: &Path, split: Split) -> Result<Self, DataError> {
        let name = format!("{}.bin", split.name());
        let inner = root.join(FOLDER).join(&name);
        let path = if inner.exists() { inner } else { root.join(&name) };
        let file = MappedFile::open(&path).map_err(|error| match error {
            DataError::Missing { path, .. } => DataError::Missing {
                what: format!("the CIFAR-100 file {name}"),
                hint: format!("expected a folder that holds the binary version, or {FOLDER} in it"),
                path,
            },
            other => other,
        })?;
        let wrong = |message: String| DataError::Format { message, path: path.clone() };
        if file.is_empty() {
            return Err(wrong(
                "the file is empty, expected records of 3,074 bytes (two labels and 3,072 pixel bytes)".into(),
            ));
        }
        let (whole, more) = (file.len() / RECORD_BYTES, file.len() % RECORD_BYTES);
        if more != 0 {
            return Err(wrong(format!(
                "the file is cut off, or not CIFAR-100: {whole} whole records of 3,074 bytes and {more} bytes of another"
            )));
        }
        Ok(Self { file })
    }

    /// How many records there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "it never is: an empty file is an error at opening")]
    pub fn len(&self) -> usize {
        self.file.len() / RECORD_BYTES
    }

    /// Record `index`, from 0.
    ///
    /// # Errors
    ///
    /// [`DataError::Sample`] past the end, and for a label that is no class.
    pub fn record(&self, index: usize) -> Result<Record<'_>, DataError> {
        let wrong = |message: String| DataError::Sample { message, place: self.place(index) };
        let (records, _) = self.file.as_chunks::<RECORD_BYTES>();
        let Some([coarse, fine, planes @ ..]) = records.get(index) else {
            return Err(wrong(format!("there is no such record: they are 0 to {}", self.len() - 1)));
        };
        if usize::from(*coarse) >= COARSE_CLASSES.len() || usize::from(*fine) >= CLASSES.len() {
            return Err(wrong(format!(
                "the coarse label is {coarse}, expected 0 to 19, and the fine one {fine}, expected 0 to 99; the file is \
                 damaged or not CIFAR-100"
            )));
        }
        Ok(Record { coarse: *coarse, fine: *fine, planes })
    }

    pub(super) fn place(&self, index: usize) -> String {
        format!("{}, record {index}", MappedFile::path(&self.file).display())
    }
}
