//! One file as several.

use std::path::{Path, PathBuf};

use super::OnProgress;
use super::merge::{copy, descriptors};
use super::read::Beton;
use super::write::{WriteOptions, Writer, Written};
use crate::{DataError, Dataset};

/// Writes the rows into `shards` files, in order, as evenly as whole rows can be; `name` gives the file of each, from
/// 0. Everything is copied as it is stored. The files get their names when all are whole.
///
/// # Errors
///
/// [`DataError::Format`] for no shards or more than there are rows, those of [`Beton::open`], of reading a row and of
/// writing one, and [`DataError::Cancelled`].
pub fn split(
    input: &Path,
    shards: u64,
    name: &dyn Fn(u64) -> PathBuf,
    options: WriteOptions,
    progress: OnProgress<'_>,
) -> Result<Vec<Written>, DataError> {
    let input = Beton::open(input)?;
    let rows = input.rows();
    if shards == 0 || shards > rows {
        return Err(input.bad(format!("{shards} shards of {rows} rows: expected 1 to {rows}, so that each has a row")));
    }
    let names: Vec<PathBuf> = (0..shards).map(name).collect();
    let mut sorted: Vec<&PathBuf> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        let message = "two shards have this name: give each its own".to_owned();
        return Err(DataError::Format { message, path: twice[0].clone() });
    }
    // No overflow: rows are far fewer than 2^64, and shards no more than rows.
    let from = |shard: u64| (u128::from(rows) * u128::from(shard) / u128::from(shards)) as u64;
    let descriptors = descriptors(&input);
    let mut sealed = Vec::new();
    for (shard, path) in (0..).zip(&names) {
        let range = from(shard)..from(shard + 1);
        let count = range.end - range.start;
        let mut writer = Writer::like(path, &descriptors, count, options)?;
        let mut done = range.start;
        copy(&input, range, &mut writer, &mut |count| {
            done += count;
            progress(done, rows)
        })?;
        sealed.push((count, writer.seal()?));
    }
    sealed.into_iter().map(|(rows, sealed)| Ok(Written { rows, bytes: sealed.publish()? })).collect()
}
