//! Several files as one.

use std::path::Path;

use super::descriptor::Descriptor;
use super::read::Beton;
use super::write::{WriteOptions, Writer, Written};
use super::{OnProgress, array};
use crate::{DataError, Dataset};

/// Rows between two calls of the progress.
const ROWS_AT_ONCE: u64 = 256;

/// Writes the rows of all inputs, in order, into one file. Everything is copied as it is stored, encoded images and
/// arrays of types that [`Beton`] cannot read included. The fields must be the same: names, types and shapes, in the
/// same order. Pages must hold the largest sample; [`WriteOptions::page_bytes`] says how large they are.
///
/// # Errors
///
/// [`DataError::Format`] if there is no input or fields differ (it says where), those of [`Beton::open`], of reading a
/// row and of writing one, and [`DataError::Cancelled`].
pub fn merge(
    inputs: &[&Path],
    out: &Path,
    options: WriteOptions,
    progress: OnProgress<'_>,
) -> Result<Written, DataError> {
    let inputs: Result<Vec<Beton>, _> = inputs.iter().map(|path| Beton::open(path)).collect();
    let inputs = inputs?;
    let Some(first) = inputs.first() else {
        return Err(DataError::Format {
            message: "there is nothing to merge: name the files".to_owned(),
            path: out.to_path_buf(),
        });
    };
    for other in &inputs[1..] {
        if let Some(difference) = difference(first, other) {
            return Err(other.bad(format!(
                "the files have different fields: {difference} (first in {}, second in the file named last)",
                first.path().display()
            )));
        }
    }
    let rows = inputs.iter().map(Dataset::rows).sum();
    let mut writer = Writer::like(out, &descriptors(first), rows, options)?;
    let mut done = 0;
    for input in &inputs {
        copy(input, 0..input.rows(), &mut writer, &mut |count| {
            done += count;
            progress(done, rows)
        })?;
    }
    writer.finish()
}

/// Copies rows as they are stored; `went_on` is told how many, and says whether to go on.
pub(super) fn copy(
    input: &Beton,
    rows: std::ops::Range<u64>,
    writer: &mut Writer,
    went_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), DataError> {
    let mut told = rows.start;
    for row in rows.clone() {
        let parts: Result<Vec<_>, _> = input.columns.iter().map(|column| input.part(row, column)).collect();
        writer.append_parts(&parts?)?;
        if (row + 1 - told == ROWS_AT_ONCE || row + 1 == rows.end)
            && !went_on(row + 1 - std::mem::replace(&mut told, row + 1))
        {
            return Err(DataError::Cancelled { kept: 0 });
        }
    }
    Ok(())
}

pub(super) fn descriptors(input: &Beton) -> Vec<Descriptor> {
    input.columns.iter().map(|column| column.descriptor.clone()).collect()
}

/// The first difference of the fields, in words.
fn difference(one: &Beton, two: &Beton) -> Option<String> {
    let (first, second) = (&one.columns, &two.columns);
    if first.len() != second.len() {
        return Some(format!("{} fields and {}", first.len(), second.len()));
    }
    let (one, two) = first.iter().zip(second).find(|(one, two)| one.descriptor != two.descriptor)?;
    if one.name != two.name {
        return Some(format!("the field {} and in its place {}", one.name, two.name));
    }
    let say = |descriptor: &Descriptor| {
        let name = descriptor.kind.name();
        if descriptor.kind.is_array() {
            let (code, shape) = array::describe(&descriptor.arguments);
            format!("{name} of {code}, shape {shape:?}")
        } else {
            name.to_owned()
        }
    };
    Some(format!("the field {} is {} and {}", one.name, say(&one.descriptor), say(&two.descriptor)))
}
