//! The scan's data as bits.

use crate::PixelError;

/// Zero bytes behind the data: more than the blocks of an MCU and a window can take, so that the end needs to be looked
/// for only once an MCU.
const PADDING: usize = 3072;
/// Bytes that are there while a block is read: more than its 64 codes and values of up to 27 bits.
const WINDOW: usize = 512;
/// Bytes before the data, and at the beginning of a window.
const BEFORE: usize = 16;

/// A scan's data without stuffed bytes and markers.
///
/// A 00 stands behind each FF of the data in the file, and markers between restart intervals. Both are taken out in
/// one pass ahead of decoding, which costs a hundredth of it and leaves the decoder's innermost loop without a case.
#[derive(Debug, Default)]
pub(crate) struct ScanData {
    bytes: Vec<u8>,
    /// Where the restart intervals end in `bytes`.
    ends: Vec<usize>,
    /// Whether the marker EOI was there.
    pub complete: bool,
}

impl ScanData {
    /// Takes the data that begins at `at`. Restart markers must be in order, and the next other marker the end's.
    pub fn fill(&mut self, file: &[u8], at: usize) -> Result<(), PixelError> {
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; BEFORE]);
        self.ends.clear();
        self.complete = false;
        let mut rest = file.get(at..).unwrap_or_default();
        self.bytes.reserve(BEFORE + rest.len() + PADDING);
        loop {
            let Some(mark) = memchr::memchr(0xff, rest) else {
                self.bytes.extend_from_slice(rest);
                break;
            };
            match rest.get(mark + 1) {
                Some(0x00) => {
                    self.bytes.extend_from_slice(&rest[..=mark]);
                    rest = &rest[mark + 2..];
                }
                // A fill byte; the next FF counts.
                Some(0xff) => {
                    self.bytes.extend_from_slice(&rest[..mark]);
                    rest = &rest[mark + 1..];
                }
                Some(0xd9) => {
                    self.bytes.extend_from_slice(&rest[..mark]);
                    self.complete = true;
                    break;
                }
                Some(&marker @ 0xd0..=0xd7) => {
                    self.bytes.extend_from_slice(&rest[..mark]);
                    let expected = 0xd0 + (self.ends.len() % 8) as u8;
                    if marker != expected {
                        return Err(PixelError::new(format!(
                            "the JPEG has the restart marker FF{marker:02X} where FF{expected:02X} must be"
                        )));
                    }
                    self.ends.push(self.bytes.len());
                    rest = &rest[mark + 2..];
                }
                Some(marker) => {
                    return Err(PixelError::new(format!("the JPEG has the marker FF{marker:02X} inside of its data")));
                }
                None => {
                    self.bytes.extend_from_slice(&rest[..mark]);
                    break;
                }
            }
        }
        self.ends.push(self.bytes.len());
        self.bytes.extend_from_slice(&[0; PADDING]);
        Ok(())
    }

    /// Bytes without padding.
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(BEFORE + PADDING)
    }

    /// How many restart intervals there are.
    pub fn intervals(&self) -> usize {
        self.ends.len()
    }

    /// Reads an interval. Behind its end, the reader gives other bits; `Bits::over` says so.
    pub fn interval(&self, index: usize) -> Bits<'_> {
        let start = if index == 0 { BEFORE } else { self.ends[index - 1] };
        Bits { data: &self.bytes, at: start, end: self.ends[index], buffer: 0, have: 0 }
    }
}

/// Reads bits, highest first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to take.
    at: usize,
    end: usize,
    /// The next bits, from the highest on.
    buffer: u64,
    /// How many bits of `buffer` are accounted for; those below are right, too, or zero.
    have: u32,
}

impl<'a> Bits<'a> {
    /// For the bits of a block; none far behind the end.
    #[inline(always)]
    pub fn window(&self) -> Option<Window<'a>> {
        // From a little before, to go back to.
        let bytes = self.data.get(self.at - BEFORE..)?.first_chunk()?;
        Some(Window { bytes, at: BEFORE, buffer: self.buffer, have: self.have })
    }

    /// Goes on where a window is.
    #[inline(always)]
    pub fn resume(&mut self, window: &Window<'_>) {
        self.at = self.at + window.at - BEFORE;
        (self.buffer, self.have) = (window.buffer, window.have);
    }

    /// Bits read beyond the interval's end.
    #[inline(always)]
    pub fn over(&self) -> bool {
        self.at * 8 - self.have as usize > self.end * 8
    }

    /// Whole bytes of the interval which were not read.
    pub fn left(&self) -> usize {
        (self.end * 8).saturating_sub(self.at * 8 - self.have as usize) / 8
    }
}

/// The bits of a block.
pub(crate) struct Window<'a> {
    bytes: &'a [u8; WINDOW],
    at: usize,
    /// The next bits, from the highest on.
    pub buffer: u64,
    have: u32,
}

impl Window<'_> {
    /// Makes at least 56 bits present, without a branch that depends on the data.
    #[inline(always)]
    pub fn refill(&mut self) {
        // A block never takes half of the window; this says so without a branch.
        let at = self.at & (WINDOW / 2 - 1);
        let next: [u8; 8] = std::array::from_fn(|i| self.bytes[at + i]);
        self.buffer |= u64::from_be_bytes(next) >> self.have;
        self.at += ((63 - self.have) >> 3) as usize;
        self.have |= 56;
    }

    /// Drops as many bits as the lowest byte of `entry` says: up to 56, of those that are present.
    #[inline(always)]
    pub fn drop(&mut self, entry: u64) {
        self.buffer <<= entry & 63;
        self.have = self.have.wrapping_sub(u32::from(entry as u8));
    }

    /// Takes `bits` back, up to 16, which were dropped.
    #[cold]
    pub fn back(&mut self, bits: u32) {
        let place = self.at * 8 - self.have as usize - bits as usize;
        let at = (place / 8) & (WINDOW / 2 - 1);
        let next: [u8; 8] = std::array::from_fn(|i| self.bytes[at + i]);
        self.buffer = u64::from_be_bytes(next) << (place % 8);
        self.have = 56 - (place % 8) as u32;
        self.at = at + 7;
    }
}
