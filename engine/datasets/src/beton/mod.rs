//! `.beton`, the dataset file of FFCV (Leclerc et al., "FFCV: Accelerating training by removing data bottlenecks",
//! 2023; <https://github.com/libffcv/ffcv>), version 2: read, written, merged, split, checked.
//!
//! A file is a header, the descriptors of the fields, a table of rows, pages of data, and a table of the regions in
//! them. Numbers lie in the rows; images, bytes, JSON and arrays lie in the pages, and rows point to them. There is
//! no checksum and no signature but the version, so everything is checked against the file's size before it is used.
//!
//! [`Beton`] reads, over any [`Storage`](super::Storage); [`Writer`] writes what FFCV's own loader reads too, and
//! [`write()`] does so with several threads, whose number never shows in the file. [`merge`] and [`split()`] copy rows as
//! they are, encoded images included. [`verify()`] reads all there is and lists what is wrong; [`info`] sums a file up.

mod array;
mod descriptor;
mod info;
mod jpeg;
mod layout;
mod merge;
mod pages;
mod part;
mod read;
mod rows;
mod scan;
mod split;
mod table;
mod target;
pub(crate) mod verify;
mod write;
mod write_rows;

pub use info::{FieldInfo, ImageCounts, Info, Spread, info};
pub use layout::FieldType;
pub use merge::merge;
pub use read::{Beton, LeftOut, classes_beside};
pub use split::split;
pub use verify::{BadRow, Verified, verify};
pub use write::{WriteOptions, Writer, Written};
pub use write_rows::{write, write_some};

/// What [`write()`], [`merge`], [`split()`] and [`verify()`] call now and then, with the rows done and all rows:
/// `false` stops the work, which then ends in [`DataError::Cancelled`](super::DataError::Cancelled).
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

#[cfg(test)]
mod tests;
