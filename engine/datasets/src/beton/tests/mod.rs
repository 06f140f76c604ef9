//! Files written, read, and broken. `by_hand` writes them from the description of the format, without the code that is
//! tested.

mod by_hand;
mod hostile;
mod peculiar;
mod round_trip;
mod scale;
mod tools;
mod writing;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use super::Beton;
use crate::{DataError, Dataset, Storage, Value};

/// A file in memory, that is handed out as it is or fetched, as from a server.
struct Memory {
    bytes: Vec<u8>,
    fetched: bool,
}

impl Storage for Memory {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, DataError> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let bytes = &self.bytes[range];
        Ok(if self.fetched { Cow::Owned(bytes.to_vec()) } else { Cow::Borrowed(bytes) })
    }

    fn path(&self) -> &Path {
        Path::new("memory.beton")
    }
}

fn open(bytes: &[u8]) -> Result<Beton, DataError> {
    Beton::over(Box::new(Memory { bytes: bytes.to_vec(), fetched: false }))
}

fn open_fetched(bytes: &[u8]) -> Result<Beton, DataError> {
    Beton::over(Box::new(Memory { bytes: bytes.to_vec(), fetched: true }))
}

/// All values of a row.
fn row(file: &Beton, row: u64) -> Vec<Value<'_>> {
    (0..file.fields().len()).map(|field| file.value(row, field).unwrap()).collect()
}

fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
    result.unwrap_err().to_string()
}

/// The start of a JPEG file, which is all that is looked at, and some bytes more.
fn jpeg(width: u16, height: u16, more: &[u8]) -> Vec<u8> {
    let ([h0, h1], [w0, w1]) = (height.to_be_bytes(), width.to_be_bytes());
    [&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, h0, h1, w0, w1, 3], more].concat()
}
