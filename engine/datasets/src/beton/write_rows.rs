//! Writing with several threads.

use std::ops::ControlFlow;

use super::OnProgress;
use super::write::{Writer, Written};
use crate::ordered::in_order;
use crate::{DataError, Value};

/// Rows that a thread makes at a time: little enough to stay in memory, enough to hide the handing over.
const ROWS: u64 = 16;

/// Fills a file and finishes it: `make` gives the values of each of `rows` rows, on `workers` threads at once, in any
/// order; the rows are stored in theirs, so that the file is the same for any number of threads. What is expensive,
/// such as encoding, belongs into `make`. This thread writes, and calls `progress`.
///
/// # Errors
///
/// The error of the first row that fails, those of [`Writer::append`] and [`Writer::finish`], and
/// [`DataError::Cancelled`]. Nothing is left of the file then.
pub fn write<'a>(
    writer: Writer,
    rows: u64,
    workers: usize,
    make: &(dyn Fn(u64) -> Result<Vec<Value<'a>>, DataError> + Sync),
    progress: OnProgress<'_>,
) -> Result<Written, DataError> {
    fill(writer, rows, workers, &|row| make(row).map(Some), progress)?.finish()
}

/// As [`write()`], but for rows that `make` gives `None` for: the file does not have them.
///
/// # Errors
///
/// Those of [`write()`], but for rows that are missing.
pub fn write_some<'a>(
    writer: Writer,
    rows: u64,
    workers: usize,
    make: &(dyn Fn(u64) -> Result<Option<Vec<Value<'a>>>, DataError> + Sync),
    progress: OnProgress<'_>,
) -> Result<Written, DataError> {
    fill(writer, rows, workers, make, progress)?.finish_short()
}

fn fill<'a>(
    mut writer: Writer,
    rows: u64,
    workers: usize,
    make: &(dyn Fn(u64) -> Result<Option<Vec<Value<'a>>>, DataError> + Sync),
    progress: OnProgress<'_>,
) -> Result<Writer, DataError> {
    let make_piece = |piece: u64| {
        let from = piece * ROWS;
        (from..rows.min(from + ROWS)).map(make).collect::<Result<Vec<_>, _>>()
    };
    let mut done = 0;
    let end = in_order(rows.div_ceil(ROWS), workers, &make_piece, |piece| {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return ControlFlow::Break(error),
        };
        for row in piece.iter().flatten() {
            if let Err(error) = writer.append(row) {
                return ControlFlow::Break(error);
            }
        }
        done += piece.len() as u64;
        if progress(done, rows) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(DataError::Cancelled { kept: 0 })
        }
    });
    match end {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(writer),
    }
}
