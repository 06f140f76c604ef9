//! Decoding a scan: which blocks are needed, and the loop over all.

use super::bits::{Bits, ScanData};
use super::header::{Component, Header, ZIGZAG};
use super::huffman::{END, Table, read};
use super::transform::Transform;
use crate::PixelError;
use std::ops::Range;

/// Blocks of the largest MCU (T.81, B.2.3).
const LARGEST_MCU: usize = 10;

/// A component's part in a scan, and its samples.
#[derive(Debug)]
pub(crate) struct Part {
    /// Blocks of an MCU: across, down.
    pub h: usize,
    pub v: usize,
    /// Which of the decoder's tables.
    pub dc: usize,
    pub ac: usize,
    /// Blocks whose samples are wanted; empty for none.
    pub columns: Range<usize>,
    pub rows: Range<usize>,
    /// Quantisation steps, in the block's order.
    steps: [i16; 64],
    /// Samples of a block: across, down. Eight, or fewer of a picture that is decoded smaller.
    pub size: [usize; 2],
    /// Samples of the wanted blocks, row after row.
    pub plane: Vec<u8>,
    /// Samples from a row to the next.
    pub stride: usize,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            h: 1,
            v: 1,
            dc: 0,
            ac: 0,
            columns: 0..0,
            rows: 0..0,
            steps: [0; 64],
            size: [8; 2],
            plane: Vec::new(),
            stride: 0,
        }
    }
}

impl Part {
    /// Makes ready for a component of which `columns` and `rows` of blocks are wanted, of `size` samples each.
    pub fn prepare(
        &mut self,
        component: &Component,
        quant: &[u16; 64],
        size: [usize; 2],
        columns: Range<usize>,
        rows: Range<usize>,
    ) {
        (self.h, self.v) = (component.h, component.v);
        for (&value, place) in quant.iter().zip(ZIGZAG) {
            // Steps above 15 bits are beyond any file of 8 bits a sample; they wrap the same way everywhere.
            self.steps[usize::from(place)] = value as i16;
        }
        // A little behind each row, for instructions that read or write more than is needed.
        self.stride = (columns.len() * size[0] + 32).next_multiple_of(32);
        let bytes = self.stride * rows.len() * size[1];
        // Old samples need no clearing: each wanted block is written, or decoding fails.
        if self.plane.len() < bytes {
            self.plane.resize(bytes, 0);
        }
        (self.columns, self.rows, self.size) = (columns, rows, size);
    }
}

/// A block of an MCU.
#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    part: usize,
    x: usize,
    y: usize,
}

/// What the loop over all blocks goes by.
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    /// MCUs of the picture: across, down.
    pub across: usize,
    pub down: usize,
    /// MCU rows to decode, from the first on.
    pub until: usize,
    /// MCUs between restart markers; zero for none.
    restart: usize,
    units: [Unit; LARGEST_MCU],
    count: usize,
    parts: usize,
}

impl Scan {
    /// For a sequential file with one scan; none if its MCU is larger than allowed.
    pub fn new(header: &Header<'_>) -> Option<Self> {
        let components = &header.components[..header.count];
        let (mut units, mut count) = ([Unit::default(); LARGEST_MCU], 0);
        for (part, component) in components.iter().enumerate() {
            for y in 0..component.v {
                for x in 0..component.h {
                    *units.get_mut(count)? = Unit { part, x, y };
                    count += 1;
                }
            }
        }
        let h = components.iter().map(|c| c.h).max()?;
        let v = components.iter().map(|c| c.v).max()?;
        let (across, down) = (header.width.div_ceil(8 * h), header.height.div_ceil(8 * v));
        Some(Self { across, down, until: down, restart: header.restart, units, count, parts: header.count })
    }

    /// Whether `data` can be a picture of this size at all: each block has at least two bits.
    pub fn plausible(&self, data: &ScanData) -> Result<(), PixelError> {
        let mcus = self.across * self.down;
        if mcus * self.count > data.len() * 4 {
            return Err(PixelError::new(format!(
                "the JPEG is damaged or cut off: {} bytes of data cannot be {mcus} blocks of its size",
                data.len()
            )));
        }
        let intervals = if self.restart == 0 { 1 } else { mcus.div_ceil(self.restart) };
        if data.complete && data.intervals() != intervals {
            return Err(PixelError::new(format!(
                "the JPEG has {} restart intervals, and its header says {intervals}",
                data.intervals()
            )));
        }
        Ok(())
    }
}

/// Where decoding found something wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    what: &'static str,
    mcu: usize,
}

impl Fault {
    pub fn error(self, scan: &Scan) -> PixelError {
        let (row, column) = (self.mcu / scan.across, self.mcu % scan.across);
        PixelError::new(format!(
            "the JPEG {} (row {row} of {}, column {column} of {} of its blocks)",
            self.what, scan.down, scan.across
        ))
    }
}

/// How to read a block: `huffman::read`, for some instructions.
pub(crate) trait Reader: Copy {
    fn read<const VALUES: bool>(
        self,
        bits: &mut Bits<'_>,
        dc: &Table,
        ac: &Table,
        level: &mut i32,
        block: &mut [i16; 256],
    ) -> Option<usize>;
}

/// With what every processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

impl Reader for Plain {
    fn read<const VALUES: bool>(
        self,
        bits: &mut Bits<'_>,
        dc: &Table,
        ac: &Table,
        level: &mut i32,
        block: &mut [i16; 256],
    ) -> Option<usize> {
        read::<VALUES>(bits, dc, ac, level, block)
    }
}

/// Decodes what `parts` want. Blocks that nobody wants are read, and their intervals left out where restart markers
/// allow it, unless `all`.
#[inline(always)]
pub(crate) fn decode(
    scan: &Scan,
    data: &ScanData,
    tables: &[Table],
    parts: &mut [Part],
    reader: impl Reader,
    transform: Transform,
    all: bool,
) -> Result<(), Fault> {
    let total = scan.across * scan.until;
    let step = if scan.restart == 0 { scan.across * scan.down } else { scan.restart };
    for (interval, first) in (0..total).step_by(step).enumerate() {
        if interval >= data.intervals() {
            return Err(Fault { what: "is cut off", mcu: first });
        }
        let mcus = first..(first + step).min(total);
        if !all && scan.restart != 0 && !wanted(scan, parts, &mcus) {
            continue;
        }
        let mut bits = data.interval(interval);
        let whole = mcus.end == (first + step).min(scan.across * scan.down);
        decode_interval(scan, &mut bits, tables, parts, reader, transform, mcus)?;
        if all && whole && bits.left() > 1 {
            return Err(Fault { what: "has data left over", mcu: first });
        }
    }
    Ok(())
}

/// Whether any block of some MCUs is wanted.
fn wanted(scan: &Scan, parts: &[Part], mcus: &Range<usize>) -> bool {
    let (top, bottom) = (mcus.start / scan.across, (mcus.end - 1) / scan.across);
    // Several rows: all columns; one row: these.
    let columns =
        if top == bottom { mcus.start % scan.across..(mcus.end - 1) % scan.across + 1 } else { 0..scan.across };
    parts.iter().any(|part| {
        let (rows, cells) = (top * part.v..(bottom + 1) * part.v, columns.start * part.h..columns.end * part.h);
        rows.start < part.rows.end
            && part.rows.start < rows.end
            && cells.start < part.columns.end
            && part.columns.start < cells.end
    })
}

#[inline(always)]
fn decode_interval(
    scan: &Scan,
    bits: &mut Bits<'_>,
    tables: &[Table],
    parts: &mut [Part],
    reader: impl Reader,
    transform: Transform,
    mcus: Range<usize>,
) -> Result<(), Fault> {
    let mut levels = [0i32; 4];
    let mut blocks = [[0i16; 256]; LARGEST_MCU];
    let (mut row, mut column) = (mcus.start / scan.across, mcus.start % scan.across);
    debug_assert!(scan.parts <= parts.len(), "each component has a part");
    for mcu in mcus {
        let mut kinds = [0u8; LARGEST_MCU];
        for ((unit, block), kind) in scan.units[..scan.count].iter().zip(&mut blocks).zip(&mut kinds) {
            let part = &parts[unit.part];
            let (dc, ac, level) = (&tables[part.dc], &tables[part.ac], &mut levels[unit.part]);
            let wanted =
                part.columns.contains(&(column * part.h + unit.x)) && part.rows.contains(&(row * part.v + unit.y));
            let end = if wanted && part.size == [1, 1] {
                // The mean alone, which is there without the other values.
                *kind = 1;
                reader.read::<false>(bits, dc, ac, level, block)
            } else if wanted {
                block[..64].fill(0);
                let end = reader.read::<true>(bits, dc, ac, level, block);
                // An end of block at the first place: nothing but the mean.
                *kind = if end == Some(END) { 1 } else { 2 };
                end
            } else {
                reader.read::<false>(bits, dc, ac, level, block)
            };
            if end.is_none() {
                return Err(Fault { what: "has bits that are no code", mcu });
            }
            if !(-2048..2048).contains(level) {
                return Err(Fault { what: "has a brightness out of range", mcu });
            }
        }
        if bits.over() {
            return Err(Fault { what: "is cut off", mcu });
        }
        // Only now: the coefficients have left the processor's store buffers.
        for ((unit, block), kind) in scan.units[..scan.count].iter().zip(&blocks).zip(&kinds) {
            if *kind == 0 {
                continue;
            }
            let part = &mut parts[unit.part];
            let (x, y) = (column * part.h + unit.x - part.columns.start, row * part.v + unit.y - part.rows.start);
            let [wide, high] = part.size;
            let out = &mut part.plane[y * high * part.stride + x * wide..];
            if *kind == 1 {
                transform.flat(block[0].wrapping_mul(part.steps[0]), part.size, out, part.stride);
            } else if part.size == [8, 8] {
                transform.block(block, &part.steps, out, part.stride);
            } else {
                transform.reduced(block, &part.steps, part.size, out, part.stride);
            }
        }
        column += 1;
        if column == scan.across {
            (column, row) = (0, row + 1);
        }
    }
    Ok(())
}
