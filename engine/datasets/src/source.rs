//! Any source, by what its path says.

use std::path::Path;

use super::beton::Beton;
use super::cifar::{CifarRecords, Split, find_dir};
use super::cifar100::{self, Cifar100Records};
use super::concatenated::Concatenated;
use super::dataset::Dataset;
use super::error::DataError;
use super::folder::ImageFolder;
use super::npy::NpyArrays;
use super::parquet_images::ParquetImages;
use super::paths::{expand, is_remote};
use super::remote::{RemoteOptions, open_with};
use super::tar_shards::TarShards;

/// How samples are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// FFCV's `.beton`.
    Beton,
    /// CIFAR-10's binary version, in a folder.
    Cifar10,
    /// CIFAR-100's binary version, in a folder.
    Cifar100,
    /// A folder per class.
    Folder,
    /// NumPy's `.npy`, a field each.
    Npy,
    /// Parquet, as the Hugging Face hub has images.
    Parquet,
    /// Tar shards, by WebDataset's convention.
    Tar,
}

impl Format {
    /// The format's name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beton => ".beton",
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Folder => "image folder",
            Self::Npy => ".npy",
            Self::Parquet => "Parquet",
            Self::Tar => "tar shards",
        }
    }
}

/// How a source is opened.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// What it is; guessed by default.
    pub format: Option<Format>,
    /// Of a CIFAR set.
    pub split: Split,
    /// Of tar shards and `.beton` files: the fields to read. All by default; then every sample of tar shards must have
    /// them, and arrays of a type that cannot be read are left out.
    pub fields: Option<Vec<String>>,
    /// For what is on a server.
    pub remote: RemoteOptions,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self { format: None, split: Split::Train, fields: None, remote: RemoteOptions::default() }
    }
}

/// Guesses what an address (one that [`expand`] gave) has, by its extension; a local folder by what is in it. Nothing
/// is read of files.
///
/// # Errors
///
/// [`DataError::Address`] for an extension of no format here, and [`DataError::Unreadable`] for a folder that cannot be
/// listed.
pub fn guess(address: &str) -> Result<Format, DataError> {
    let remote = is_remote(address);
    if !remote && Path::new(address).is_dir() {
        return guess_folder(Path::new(address));
    }
    // What follows a question mark is no part of the name on a server.
    let name = if remote { address.split(['?', '#']).next().unwrap_or_default() } else { address };
    let lower = name.to_ascii_lowercase();
    let known =
        [(".beton", Format::Beton), (".npy", Format::Npy), (".parquet", Format::Parquet), (".tar", Format::Tar)];
    if let Some((_, format)) = known.iter().find(|(extension, _)| lower.ends_with(extension)) {
        return Ok(*format);
    }
    let hint = if lower.ends_with(".tar.gz") || lower.ends_with(".tgz") || lower.ends_with(".tar.zst") {
        "; a compressed tar would have to be read from its beginning for every sample: unpack it"
    } else if lower.ends_with(".npz") || lower.ends_with(".zip") {
        "; unpack it"
    } else {
        ""
    };
    let formats = "expected .beton, .tar, .parquet, .npy, or a folder";
    Err(DataError::Address {
        message: format!("the name does not say what the file is: {formats}{hint}"),
        address: address.to_owned(),
    })
}

fn guess_folder(folder: &Path) -> Result<Format, DataError> {
    let has = |name: &str| folder.join(name).exists();
    if find_dir(folder).is_ok() || has("data_batch_1.bin") {
        return Ok(Format::Cifar10);
    }
    if has("train.bin") || has("test.bin") || has(cifar100::FOLDER) {
        return Ok(Format::Cifar100);
    }
    for (extension, format) in [("tar", Format::Tar), ("parquet", Format::Parquet), ("npy", Format::Npy)] {
        if !files_in(folder, extension)?.is_empty() {
            return Ok(format);
        }
    }
    Ok(Format::Folder)
}

/// Opens a source, whatever it is: one path or several, as [`expand`] understands them.
///
/// Several files are one set: tars and Parquet files are shards, `.npy` files are fields named as the files are, and
/// all others are read one after the other. A folder of shards or of arrays stands for all of them.
///
/// # Errors
///
/// Those of [`expand`], [`guess`] and of the format's `open`, and [`DataError::Address`] for files of several formats.
pub fn open_dataset<T: AsRef<str>>(texts: &[T], options: &SourceOptions) -> Result<Box<dyn Dataset>, DataError> {
    let addresses = expand(texts)?;
    let format = match options.format {
        Some(format) => format,
        None => same_format(&addresses)?,
    };
    let split = options.split;
    Ok(match format {
        Format::Tar => {
            let shards = files_of(addresses, "tar")?;
            Box::new(TarShards::open_with(&shards, options.fields.as_deref(), &options.remote)?)
        }
        Format::Parquet => Box::new(ParquetImages::open_with(&files_of(addresses, "parquet")?, &options.remote)?),
        Format::Npy => {
            let named = files_of(addresses, "npy")?.into_iter().map(|address| (stem(&address), address));
            Box::new(NpyArrays::open_with(&named.collect::<Vec<_>>(), &options.remote)?)
        }
        Format::Folder => one_after_another(&addresses, |path| Ok(Box::new(ImageFolder::open(Path::new(path))?)))?,
        Format::Cifar10 => {
            one_after_another(&addresses, |path| Ok(Box::new(CifarRecords::open(&find_dir(Path::new(path))?, split)?)))?
        }
        Format::Cifar100 => {
            one_after_another(&addresses, |path| Ok(Box::new(Cifar100Records::open(Path::new(path), split)?)))?
        }
        Format::Beton => one_after_another(&addresses, |address| open_beton(address, options))?,
    })
}

fn open_beton(address: &str, options: &SourceOptions) -> Result<Box<dyn Dataset>, DataError> {
    let file = match is_remote(address) {
        true => Beton::over(open_with(address, &options.remote)?)?,
        false => Beton::open(Path::new(address))?.with_names_beside(),
    };
    Ok(Box::new(match &options.fields {
        Some(wanted) => file.select(&wanted.iter().map(String::as_str).collect::<Vec<_>>())?,
        None => file,
    }))
}

fn same_format(addresses: &[String]) -> Result<Format, DataError> {
    let mut format = None;
    for address in addresses {
        let this = guess(address)?;
        if let Some(first) = format.replace(this).filter(|first| *first != this) {
            let message = format!("files of several formats are not one set: {}, after {}", this.name(), first.name());
            return Err(DataError::Address { message, address: address.clone() });
        }
    }
    format.ok_or_else(|| DataError::Address { message: "no path is given".to_owned(), address: String::new() })
}

fn one_after_another(
    addresses: &[String],
    open: impl Fn(&str) -> Result<Box<dyn Dataset>, DataError>,
) -> Result<Box<dyn Dataset>, DataError> {
    if let [one] = addresses {
        return open(one);
    }
    let sets = addresses.iter().map(|address| open(address)).collect::<Result<_, _>>()?;
    Ok(Box::new(Concatenated::new(sets)?))
}

/// Files, with those of that extension in place of a folder.
fn files_of(addresses: Vec<String>, extension: &str) -> Result<Vec<String>, DataError> {
    let mut files = Vec::with_capacity(addresses.len());
    for address in addresses {
        if is_remote(&address) || !Path::new(&address).is_dir() {
            files.push(address);
            continue;
        }
        let mut found = files_in(Path::new(&address), extension)?;
        if found.is_empty() {
            let message = format!("there is no .{extension} in this folder");
            return Err(DataError::Address { message, address });
        }
        files.append(&mut found);
    }
    Ok(files)
}

/// The files of an extension in a folder, sorted, without hidden ones.
fn files_in(folder: &Path, extension: &str) -> Result<Vec<String>, DataError> {
    let unreadable = |why| DataError::Unreadable { what: "the folder", why, path: folder.to_path_buf() };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let wanted = path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
        if let Some(path) = path.to_str().filter(|_| wanted && !hidden) {
            files.push(path.to_owned());
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A file's name without folders and extension.
fn stem(address: &str) -> String {
    let name = if is_remote(address) { address.split(['?', '#']).next().unwrap_or_default() } else { address };
    let base = name.rsplit('/').next().unwrap_or_default();
    base.rsplit_once('.').map_or(base, |(stem, _)| stem).to_owned()
}
