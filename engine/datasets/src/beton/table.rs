//! The allocation table: a record for every region, with the row it belongs to, where it starts and its length.
//!
//! It is the only place that has the length of a JPEG. FFCV writes it in the order in which its workers ended, so it
//! is sorted by place if there was one worker, and in no order else.

use std::borrow::Cow;

use super::layout::{RECORD_BYTES, u64_at};
use super::rows::Rows;
use crate::DataError;

/// Records read at once from what has to be fetched: 1.5 MiB.
const CHUNK_RECORDS: u64 = 1 << 16;

/// A region, as the table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) row: u64,
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// How a region's length is found.
pub(super) enum Table {
    /// The table is sorted, and lies in memory: it is searched where it lies.
    InPlace,
    /// Start and length of each region, sorted, no start twice: 16 bytes each.
    Sorted(Box<[(u64, u64)]>),
}

impl Table {
    /// Looks at the whole table. 48 MB for two million regions: some milliseconds if it is sorted.
    pub(super) fn build(rows: &Rows) -> Result<Self, DataError> {
        if let Cow::Borrowed(bytes) = rows.bytes(rows.table.clone())?
            && bytes.chunks_exact(RECORD_BYTES).map(start).is_sorted_by(|a, b| a < b)
        {
            return Ok(Self::InPlace);
        }
        let records = (rows.table.end - rows.table.start) / RECORD_BYTES as u64;
        // The file has 24 bytes for each, so this is less than the file.
        let mut sorted = Vec::with_capacity(records as usize);
        scan(rows, |record| sorted.push((record.start, record.bytes)))?;
        sorted.sort_unstable();
        // An empty region has the start of the one behind it: of one start the longest counts.
        sorted.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = next.1;
            }
            same
        });
        Ok(Self::Sorted(sorted.into_boxed_slice()))
    }

    /// The length of the region that starts there, if there is one.
    pub(super) fn length(&self, rows: &Rows, at: u64) -> Result<Option<u64>, DataError> {
        match self {
            Self::InPlace => {
                let bytes = rows.bytes(rows.table.clone())?;
                let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
                let found = records.binary_search_by_key(&at, |record| start(record)).ok();
                Ok(found.map(|index| u64_at(&records[index], 16)))
            }
            Self::Sorted(sorted) => {
                let found = sorted.binary_search_by_key(&at, |&(start, _)| start).ok();
                Ok(found.map(|index| sorted[index].1))
            }
        }
    }
}

/// Calls with every record, in the table's order.
pub(super) fn scan(rows: &Rows, mut each: impl FnMut(Record)) -> Result<(), DataError> {
    let step = CHUNK_RECORDS * RECORD_BYTES as u64;
    let mut at = rows.table.start;
    while at < rows.table.end {
        let end = rows.table.end.min(at + step);
        let bytes = rows.bytes(at..end)?;
        for record in bytes.chunks_exact(RECORD_BYTES) {
            each(Record { row: u64_at(record, 0), start: start(record), bytes: u64_at(record, 16) });
        }
        at = end;
    }
    Ok(())
}

fn start(record: &[u8]) -> u64 {
    u64_at(record, 8)
}
