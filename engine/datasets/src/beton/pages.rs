//! Pages: data laid one region behind the other, each sample in one page.

use super::target::Target;
use crate::DataError;

/// The page being filled. It is written whole once the next sample does not fit, its rest zero.
pub(super) struct Pages {
    bytes: Vec<u8>,
    /// Where the page starts in the file.
    start: u64,
    /// Bytes filled; `None` before the first region.
    filled: Option<usize>,
}

impl Pages {
    /// Pages from the first multiple of their size on that is behind the rows.
    pub(super) fn new(page_bytes: u32, rows_end: u64) -> Self {
        let start = rows_end.next_multiple_of(u64::from(page_bytes));
        Self { bytes: vec![0; page_bytes as usize], start, filled: None }
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Where a sample's bytes go that lie together; they are at least one and fit a page. Writes the page before, if
    /// they need a new one.
    pub(super) fn take(&mut self, bytes: usize, target: &mut Target) -> Result<(u64, &mut [u8]), DataError> {
        let mut from = self.filled.unwrap_or(0);
        if bytes > self.bytes.len() - from {
            target.put(self.start, &self.bytes)?;
            self.start += self.bytes.len() as u64;
            self.bytes.fill(0);
            from = 0;
        }
        self.filled = Some(from + bytes);
        Ok((self.start + from as u64, &mut self.bytes[from..from + bytes]))
    }

    /// Writes the last page; gives where the data ends, which without any is where the rows do.
    pub(super) fn finish(self, rows_end: u64, target: &mut Target) -> Result<u64, DataError> {
        if self.filled.is_none() {
            return Ok(rows_end);
        }
        target.put(self.start, &self.bytes)?;
        Ok(self.start + self.bytes.len() as u64)
    }
}
