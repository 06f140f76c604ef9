//! Whether a file is what it should be: everything in it is read.

use std::ops::{ControlFlow, Range};

use pixels::ImageSize;

use super::OnProgress;
use super::layout::FieldType;
use super::part::Part;
use super::read::{Beton, Column};
use super::table::{self, Record};
use crate::ordered::in_order;
use crate::{DataError, Dataset};

/// Rows that a thread checks at a time.
const ROWS: u64 = 64;

/// Bad rows listed at most; a file damaged throughout has millions.
const LISTED: usize = 1000;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Rows looked at: all.
    pub rows: u64,
    /// Encoded images that were decoded, the bad ones included.
    pub decoded: u64,
    /// How many things are wrong with rows, those listed and those not.
    pub bad_count: u64,
    /// The first of them, in the order of rows: 1000 at most.
    pub bad: Vec<BadRow>,
    /// What is wrong with the allocation table, each a sentence: rows may read well nevertheless, but not in FFCV.
    pub faults: Vec<String>,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Its number, from 0.
    pub row: u64,
    /// The field's name.
    pub field: String,
    /// What is wrong, in words.
    pub why: String,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.bad_count == 0 && self.faults.is_empty()
    }
}

/// Reads every row and the allocation table, on `workers` threads: every offset and length, and that each sample lies
/// in one page, as FFCV needs. `decode` is called with every encoded image and gives its size, or what is wrong with
/// it in words; the size must be that of the row. All fields are looked at, whichever are selected.
///
/// # Errors
///
/// [`DataError::Cancelled`], and what keeps the file from being read at all: what is wrong *in* the file is no error
/// but the result. Needs 24 bytes a region.
pub fn verify(
    file: &Beton,
    workers: usize,
    decode: &(dyn Fn(&[u8]) -> Result<ImageSize, String> + Sync),
    progress: OnProgress<'_>,
) -> Result<Verified, DataError> {
    let found = Verified { faults: table_faults(file)?, ..Verified::default() };
    let all = file.rows();
    check_all(all, workers, found, progress, &|rows| {
        let (mut bad, mut decoded) = (Vec::new(), 0);
        for row in rows {
            check_row(file, row, decode, &mut decoded, &mut bad)?;
        }
        Ok((decoded, bad))
    })
}

/// Images decoded in some rows, and what is wrong with the rows.
type Checked = Result<(u64, Vec<BadRow>), DataError>;

/// Checks rows 0 to `all` on `workers` threads, and adds what is found, in their order.
pub(crate) fn check_all(
    all: u64,
    workers: usize,
    mut found: Verified,
    progress: OnProgress<'_>,
    check: &(dyn Fn(Range<u64>) -> Checked + Sync),
) -> Result<Verified, DataError> {
    let piece = |piece: u64| {
        let rows = piece * ROWS..all.min(piece * ROWS + ROWS);
        check(rows.clone()).map(|(decoded, bad)| (rows.end - rows.start, decoded, bad))
    };
    let end = in_order(all.div_ceil(ROWS), workers, &piece, |piece| {
        let (rows, decoded, bad) = match piece {
            Ok(piece) => piece,
            Err(error) => return ControlFlow::Break(error),
        };
        found.rows += rows;
        found.decoded += decoded;
        found.bad_count += bad.len() as u64;
        found.bad.extend(bad.into_iter().take(LISTED - found.bad.len()));
        if progress(found.rows, all) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(DataError::Cancelled { kept: 0 })
        }
    });
    match end {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(found),
    }
}

fn check_row(
    file: &Beton,
    row: u64,
    decode: &(dyn Fn(&[u8]) -> Result<ImageSize, String> + Sync),
    decoded: &mut u64,
    bad: &mut Vec<BadRow>,
) -> Result<(), DataError> {
    let cells = file.rows.row(row)?;
    let mut page = None;
    for column in &file.columns {
        let mut wrong = |why: String| bad.push(BadRow { row, field: column.name.clone(), why });
        match check_value(file, row, column, decode, decoded) {
            Ok(()) => {}
            Err(DataError::Sample { message, .. }) => {
                wrong(message);
                continue;
            }
            Err(other) => return Err(other),
        }
        if !column.kind().has_region() {
            continue;
        }
        let region = file.region(row, column, &cells[column.cell..])?;
        if region.is_empty() {
            continue;
        }
        match file.recorded(row, column, region.start) {
            Ok(bytes) if bytes == region.end - region.start => {}
            Ok(bytes) => wrong(format!(
                "the allocation table gives it {bytes} bytes, the row {}: FFCV reads as many as the former",
                region.end - region.start
            )),
            Err(DataError::Sample { .. }) => {
                wrong("the allocation table does not have it: FFCV cannot read it".to_owned());
            }
            Err(other) => return Err(other),
        }
        let own = region.start / u64::from(file.rows.page_bytes);
        if *page.get_or_insert(own) != own {
            wrong("it lies in another page than the row's other fields: FFCV may read it wrong".to_owned());
        }
    }
    Ok(())
}

fn check_value(
    file: &Beton,
    row: u64,
    column: &Column,
    decode: &(dyn Fn(&[u8]) -> Result<ImageSize, String> + Sync),
    decoded: &mut u64,
) -> Result<(), DataError> {
    let part = file.part(row, column)?;
    match (&part, column.kind()) {
        (Part::Image { jpeg: true, width, height, bytes }, _) => {
            *decoded += 1;
            let size = decode(bytes).map_err(|why| file.fault(row, column, why))?;
            if (size.width, size.height) != (usize::from(*width), usize::from(*height)) {
                let why =
                    format!("the JPEG has {} × {} pixels, the row says {width} × {height}", size.width, size.height);
                return Err(file.fault(row, column, why));
            }
        }
        // Arrays of types that cannot be read are bytes.
        (_, FieldType::Ndarray | FieldType::TorchTensor) if !matches!(column.array, Some(Ok(_))) => {}
        _ => {
            file.value_of(row, column)?;
        }
    }
    Ok(())
}

/// One sentence for each kind of fault, with how often and an example.
fn table_faults(file: &Beton) -> Result<Vec<String>, DataError> {
    let rows = &file.rows;
    let page = u64::from(rows.page_bytes);
    let records = (rows.table.end - rows.table.start) / super::layout::RECORD_BYTES as u64;
    let mut sorted: Vec<Record> = Vec::with_capacity(records as usize);
    table::scan(rows, |record| sorted.push(record))?;
    sorted.sort_unstable_by_key(|record| (record.start, record.bytes));
    let mut kinds = Kinds::default();
    let mut reached: Option<(u64, u64)> = None;
    for record in &sorted {
        let end = record.start.checked_add(record.bytes).filter(|&end| end <= rows.data.end);
        if record.row >= rows.count {
            kinds.add("belong to rows that do not exist", record);
        }
        if record.bytes == 0 {
            kinds.add("are empty: FFCV reads their neighbours wrong", record);
            continue;
        }
        let Some(end) = end.filter(|_| record.start >= rows.data.start) else {
            kinds.add("lie outside the file's data", record);
            continue;
        };
        if record.start / page != (end - 1) / page {
            kinds.add("reach from one page into the next: FFCV reads them wrong", record);
        }
        // The same region for two rows is shared, not damaged.
        if let Some((start, until)) = reached
            && record.start < until
            && (record.start, end) != (start, until)
        {
            kinds.add("overlap the one before", record);
        }
        if reached.is_none_or(|(_, until)| end > until) {
            reached = Some((record.start, end));
        }
    }
    let mut faults = kinds.sentences();
    let fields = file.columns.iter().filter(|column| column.kind().has_region()).count() as u64;
    let expected = rows.count.saturating_mul(fields);
    if records != expected {
        faults.push(format!(
            "the allocation table has {records} regions, expected {expected}: one for each of {} rows and {fields} \
             fields that have data in the pages",
            rows.count
        ));
    }
    Ok(faults)
}

#[derive(Default)]
struct Kinds(Vec<(&'static str, u64, Record)>);

impl Kinds {
    fn add(&mut self, kind: &'static str, record: &Record) {
        match self.0.iter_mut().find(|(known, ..)| *known == kind) {
            Some((_, count, _)) => *count += 1,
            None => self.0.push((kind, 1, *record)),
        }
    }

    fn sentences(&self) -> Vec<String> {
        let sentence = |(kind, count, first): &(&str, u64, Record)| {
            format!(
                "{count} regions of the allocation table {kind} (the first: byte {}, {} bytes, row {})",
                first.start, first.bytes, first.row
            )
        };
        self.0.iter().map(sentence).collect()
    }
}
