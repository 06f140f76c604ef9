//! Where samples come from: one module a format.
//!
//! Every format is a [`Dataset`]: rows of named values, read in any order. [`source`] opens any of them by its path:
//! [`folder`] (a folder per class), [`tar_shards`] (WebDataset's), [`parquet_images`] (the Hugging Face hub's), [`npy`],
//! [`cifar`] and [`cifar100`]. [`mod@paths`] says which files a path stands for, and [`remote`] reads those that are on
//! servers as [`mapped`] does those that are here: both are a [`Storage`].
//!
//! [`drawn`] is a built-in set of CIFAR-10's shape that needs no file at all, and [`mod@locate`] decides which of the
//! two a run gets. [`fetch`] downloads CIFAR-10, by way of `transfer`, one HTTP request, and `unpack`, which takes the
//! archive apart.
//!
//! Nothing here prints: progress goes through a callback, and every failure is a [`DataError`].

pub mod beton;
mod bounded_cache;
pub mod cifar;
pub mod cifar100;
mod cifar_rows;
pub mod concatenated;
mod connector;
mod dataset;
pub mod drawn;
mod error;
pub mod fetch;
pub mod folder;
pub mod locate;
pub mod mapped;
pub mod npy;
mod npy_header;
pub mod numbers;
mod ordered;
mod parquet_codec;
mod parquet_file;
pub mod parquet_images;
mod parquet_pages;
mod parquet_schema;
pub mod paths;
pub mod remote;
mod requests;
pub mod source;
mod storage;
mod tar_headers;
pub mod tar_shards;
mod transfer;
mod unpack;
mod verify;

pub use cifar::{CifarRecords, Record, Split};
pub use cifar100::Cifar100Records;
pub use concatenated::Concatenated;
pub use dataset::{DataField, Dataset, ElementType, FieldKind, Value};
pub use error::DataError;
pub use fetch::{Archive, Phase, Progress};
pub use folder::ImageFolder;
pub use locate::{Fallback, Found, Where, locate};
pub use mapped::MappedFile;
pub use npy::NpyArrays;
pub use parquet_images::ParquetImages;
pub use paths::expand;
pub use remote::{Remote, open};
pub use source::{Format, SourceOptions, open_dataset};
pub use storage::Storage;
pub use tar_shards::TarShards;
pub use verify::verify;

#[cfg(test)]
mod tests;
