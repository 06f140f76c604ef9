//! Images in a folder per class, as torchvision's `ImageFolder` reads them.
//!
//! ```text
//! train/cat/1.jpg
//! train/cat/more/2.PNG
//! train/dog/3.webp
//! ```
//!
//! The classes are the names of the folders in the root, sorted; a class has all images in its folder and below it.
//! The order is torchvision's too: class by class, folder by folder, both sorted by their names' bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::dataset::{DataField, Dataset, FieldKind, Value};
use super::error::DataError;

/// What a file's name ends in, in any case, for it to be an image.
pub const EXTENSIONS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Folders within folders that are followed.
const DEEPEST: usize = 64;

/// Images in a folder per class. Fields: `image`, the file as it is, and `label`.
///
/// Hidden files and folders (`.ipynb_checkpoints`) are passed over, and so is what is no image by its name. Links are
/// followed, but not back into a folder that they are in. A file is opened when its row is read and closed at once;
/// of a million of them, the index holds the names (some 40 MB).
#[derive(Debug)]
pub struct ImageFolder {
    root: PathBuf,
    fields: [DataField; 2],
    /// The files' paths below the root, one after another.
    names: String,
    /// Where each of them ends.
    ends: Vec<u64>,
    /// The row after each class's last.
    class_ends: Vec<u64>,
}

impl ImageFolder {
    /// Lists the folders; no image is read.
    ///
    /// # Errors
    ///
    /// [`DataError::Missing`] and [`DataError::WrongKind`] for a root that is no folder, [`DataError::Unreadable`] for
    /// a folder that cannot be listed and a link that leads nowhere, and [`DataError::Format`] for a root without
    /// folders, classes without images, and names that are no UTF-8.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: root.to_path_buf() };
        let kind = std::fs::metadata(root).map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => DataError::Missing {
                what: "the folder of images".to_owned(),
                hint: "check the path".to_owned(),
                path: root.to_path_buf(),
            },
            _ => unreadable(why),
        })?;
        if !kind.is_dir() {
            let expected = "a folder that has a folder of images per class";
            return Err(DataError::WrongKind { expected, found: "a file", path: root.to_path_buf() });
        }
        let listing = Listing::of(root)?;
        let mut set = Self {
            root: root.to_path_buf(),
            fields: [
                DataField { name: "image".to_owned(), kind: FieldKind::Image { size: None } },
                DataField { name: "label".to_owned(), kind: FieldKind::Int { classes: listing.folders.clone() } },
            ],
            names: String::new(),
            ends: Vec::new(),
            class_ends: Vec::new(),
        };
        if listing.folders.is_empty() {
            let here = if listing.files.is_empty() { "it has no folders" } else { "it has images, but no folders" };
            return Err(set.wrong(format!("expected a folder per class with its images in it; {here}")));
        }
        let real = std::fs::canonicalize(root).map_err(unreadable)?;
        let mut empty = Vec::new();
        for class in &listing.folders {
            let before = set.ends.len();
            set.add_class(class, &real)?;
            if set.ends.len() == before {
                empty.push(class.as_str());
            }
            set.class_ends.push(set.ends.len() as u64);
        }
        if let [first, ..] = empty[..] {
            let more = if empty.len() > 1 { format!(" and {} more", empty.len() - 1) } else { String::new() };
            return Err(set.wrong(format!(
                "the class {first:?}{more} has no images ({}) in its folder; fill or remove it",
                EXTENSIONS.join(", ")
            )));
        }
        set.names.shrink_to_fit();
        set.ends.shrink_to_fit();
        Ok(set)
    }

    /// Adds the images of a class, folder by folder in the order of their paths.
    fn add_class(&mut self, class: &str, real_root: &Path) -> Result<(), DataError> {
        // The folders still to list, each with the real paths of those it is in.
        let mut waiting = vec![(class.to_owned(), vec![real_root.to_path_buf()])];
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        while let Some((below, above)) = waiting.pop() {
            let path = self.root.join(&below);
            let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: path.clone() };
            let real = std::fs::canonicalize(&path).map_err(unreadable)?;
            if above.contains(&real) || above.len() > DEEPEST {
                continue;
            }
            let listing = Listing::of(&path)?;
            for folder in listing.folders {
                let above = above.iter().cloned().chain([real.clone()]).collect();
                waiting.push((format!("{below}/{folder}"), above));
            }
            found.push((below, listing.files));
        }
        found.sort_unstable();
        for (below, files) in found {
            for file in files {
                self.names.push_str(&below);
                self.names.push('/');
                self.names.push_str(&file);
                self.ends.push(self.names.len() as u64);
            }
        }
        Ok(())
    }

    /// A row's path below the root.
    fn name(&self, row: u64) -> &str {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.names[start as usize..self.ends[row] as usize]
    }

    /// The names of the classes; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        match &self.fields[1].kind {
            FieldKind::Int { classes } => classes,
            _ => &[],
        }
    }

    fn wrong(&self, message: String) -> DataError {
        DataError::Format { message, path: self.root.clone() }
    }
}

impl Dataset for ImageFolder {
    fn rows(&self) -> u64 {
        self.ends.len() as u64
    }

    fn fields(&self) -> &[DataField] {
        &self.fields
    }

    fn value(&self, row: u64, field: usize) -> Result<Value<'_>, DataError> {
        if field == 1 {
            return Ok(Value::Int(self.class_ends.partition_point(|end| *end <= row) as i64));
        }
        let path = self.root.join(self.name(row));
        let read = || {
            let mut file = File::open(&path)?;
            let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|why| DataError::Unreadable { what: "the image", why, path: path.clone() })?;
        Ok(Value::Image { bytes: Cow::Owned(bytes), size: None })
    }

    fn place(&self, row: u64) -> String {
        self.root.join(self.name(row)).display().to_string()
    }

    /// Files lie anywhere.
    fn rows_per_page(&self) -> u64 {
        1
    }
}

/// What is in a folder, by the name: folders and images, both sorted, without the hidden ones.
struct Listing {
    folders: Vec<String>,
    files: Vec<String>,
}

impl Listing {
    fn of(folder: &Path) -> Result<Self, DataError> {
        let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: folder.to_path_buf() };
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let mut kind = entry.file_type().map_err(unreadable)?;
            let name = entry.file_name();
            let bytes = name.as_encoded_bytes();
            let image = EXTENSIONS.iter().any(|known| has_extension(bytes, known));
            if bytes.starts_with(b".") || !(image || kind.is_dir() || kind.is_symlink()) {
                continue;
            }
            if kind.is_symlink() {
                kind = match std::fs::metadata(entry.path()) {
                    Ok(target) => target.file_type(),
                    // What a link is for is told by its name alone, once it leads nowhere: an image that cannot be read.
                    Err(_) => kind,
                };
            }
            let wanted = kind.is_dir() || ((kind.is_file() || kind.is_symlink()) && image);
            if !wanted {
                continue;
            }
            let name = name.into_string().map_err(|_| DataError::Format {
                message: "the name is no UTF-8; rename it".to_owned(),
                path: entry.path(),
            })?;
            if kind.is_dir() { folders.push(name) } else { files.push(name) }
        }
        folders.sort_unstable();
        files.sort_unstable();
        Ok(Self { folders, files })
    }
}

fn has_extension(name: &[u8], extension: &str) -> bool {
    let Some(before) = name.len().checked_sub(extension.len() + 1) else { return false };
    name[before] == b'.' && name[before + 1..].eq_ignore_ascii_case(extension.as_bytes())
}
