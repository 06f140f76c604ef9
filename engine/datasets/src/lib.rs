//! Where samples come from: one module a format.
//!
//! Every format is a [`Dataset`]: rows of named values, read in any order. [`cifar`] reads the binary version of CIFAR-10 through [`mapped`] files, [`drawn`] is
//! the built-in set of the same shape that needs no file at all, and [`mod@locate`] decides which of the two a run
//! gets. [`fetch`] downloads CIFAR-10, by way of `transfer`, one HTTP request, and `unpack`, which takes the archive
//! apart.
//!
//! Nothing here prints: progress goes through a callback, and every failure is a [`DataError`].

mod bounded_cache;
pub mod cifar;
mod connector;
mod dataset;
pub mod drawn;
mod error;
pub mod fetch;
pub mod locate;
pub mod mapped;
pub mod paths;
pub mod remote;
mod storage;
mod transfer;
mod unpack;

pub use cifar::{CifarRecords, Record, Split};
pub use dataset::{DataField, Dataset, ElementType, FieldKind, Value};
pub use error::DataError;
pub use fetch::{Archive, Phase, Progress};
pub use locate::{Fallback, Found, Where, locate};
pub use mapped::MappedFile;
pub use paths::expand;
pub use remote::{Remote, open};
pub use storage::Storage;

#[cfg(test)]
mod tests;
