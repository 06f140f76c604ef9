//! JPEG: a decoder made for parts of photographs.
//!
//! Baseline and extended sequential files with Huffman codes, 8 bits, gray or three colours, in one scan: nearly all
//! photographs of training sets. All others are `foreign`'s. Blocks outside of the wanted region are read without
//! their values, or left out where restart markers allow; nothing below it is read.
//!
//! Samples, upsampling and colours are libjpeg's to the bit (`islow`, "fancy"), unless the picture is made smaller.

pub(crate) mod bits;
pub(crate) mod color;
pub(crate) mod header;
pub(crate) mod huffman;
pub(crate) mod scan;
pub(crate) mod transform;

use crate::ops::Rect;
use crate::simd::{self, Level, Rows};
use crate::{ImageSize, PixelError};
use bits::ScanData;
use header::{Codes, Colour, Component, Header};
use huffman::{Kind, Table};
use scan::{Part, Scan};

/// Huffman tables that are kept for the next file: most files of a set have the same four.
const KEPT_TABLES: usize = 16;

/// How to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// In pixels of the whole picture.
    pub region: Rect,
    /// By which power of two, at most 3, the picture is made smaller in the transform. What is decoded is then
    /// `reduced`.
    pub shift: u32,
    /// One value a pixel, the brightness; otherwise three.
    pub gray: bool,
    /// Whether to read to the file's end, and to look at everything.
    pub verify: bool,
}

/// Decodes, and keeps what can be used again.
pub(crate) struct Jpeg {
    level: Level,
    data: ScanData,
    tables: Vec<Table>,
    parts: [Part; 3],
    picture: Option<Decoded>,
    sums: Vec<u16>,
    chroma: [Vec<u8>; 2],
}

/// What is decoded of a region when it is made smaller: all samples of its blocks, in pixels of the smaller picture.
/// Beyond the picture's right and lower ends, blocks have samples, too.
pub(crate) fn reduced(region: Rect, shift: u32) -> Rect {
    let size = 8 >> shift;
    let span = |start: usize, length: usize| (start / 8 * size, ((start + length).div_ceil(8) - start / 8) * size);
    let ((top, height), (left, width)) = (span(region.top, region.height), span(region.left, region.width));
    Rect { top, left, height, width }
}

/// What `parts` hold.
#[derive(Clone, Copy, Debug)]
struct Decoded {
    size: ImageSize,
    /// In pixels as they are decoded.
    region: Rect,
    colour: Colour,
    /// By how much chroma is smaller: across, down.
    smaller: [usize; 2],
}

impl Jpeg {
    pub fn new(level: Level) -> Self {
        Self {
            level,
            data: ScanData::default(),
            tables: Vec::new(),
            parts: Default::default(),
            picture: None,
            sums: Vec::new(),
            chroma: Default::default(),
        }
    }

    /// Whether this decoder knows such files.
    pub fn knows(header: &Header<'_>) -> bool {
        let [luma, cb, cr, _] = &header.components;
        let sampling = |c: &Component| (c.h, c.v);
        let one = header.sequential && header.one_scan && header.bits == 8;
        one && match header.colour {
            Colour::Gray => true,
            Colour::Rgb => [luma, cb, cr].iter().all(|c| sampling(c) == (1, 1)),
            Colour::YCbCr => [cb, cr].iter().all(|c| sampling(c) == (1, 1)) && luma.h <= 2 && luma.v <= 2,
            Colour::Four => false,
        }
    }

    /// Decodes the region's samples; `row` then makes pixels of them.
    pub fn decode(&mut self, file: &[u8], header: &Header<'_>, wish: Wish) -> Result<(), PixelError> {
        self.picture = None;
        let mut header = header.clone();
        if header.count == 1 {
            // T.81, A.2.2: a component alone has blocks in plain order, whatever its sampling.
            (header.components[0].h, header.components[0].v) = (1, 1);
        }
        let mut scan = Scan::new(&header).ok_or_else(|| PixelError::new("the JPEG has too many blocks together"))?;
        self.data.fill(file, header.data)?;
        scan.plausible(&self.data)?;
        if self.tables.len() > KEPT_TABLES - 6 {
            self.tables.clear();
        }
        let smaller = [header.components[0].h, header.components[0].v];
        let region = if wish.shift == 0 { wish.region } else { reduced(wish.region, wish.shift) };
        let used = if wish.gray { 1 } else { header.count };
        for i in 0..header.count {
            let component = header.components[i];
            let quant = header.quant[component.quant]
                .as_ref()
                .ok_or_else(|| PixelError::new("the JPEG lacks a quantisation table"))?;
            let [across, down] = if i == 0 { [1, 1] } else { smaller };
            let (columns, rows, size) = if wish.shift == 0 {
                let columns = wanted(wish.region.left, wish.region.width, header.width, across);
                (columns, wanted(wish.region.top, wish.region.height, header.height, down), [8, 8])
            } else {
                // Chroma that is smaller already is made smaller by less, and needs no upsampling.
                let size = [across, down].map(|smaller| (8 >> wish.shift) * smaller);
                let blocks = |start: usize, length: usize, size: usize| start / size..(start + length).div_ceil(size);
                (blocks(region.left, region.width, size[0]), blocks(region.top, region.height, size[1]), size)
            };
            let (columns, rows) = if i < used { (columns, rows) } else { (0..0, 0..0) };
            self.parts[i].prepare(&component, quant, size, columns, rows);
            self.parts[i].dc = self.table(Kind::Dc, header.dc[component.dc])?;
            self.parts[i].ac = self.table(Kind::Ac, header.ac[component.ac])?;
        }
        let last = self.parts[..used].iter().map(|part| part.rows.end.div_ceil(part.v)).max().unwrap_or(0);
        // Without the marker at the end, only decoding tells whether something is missing.
        let all = wish.verify || !self.data.complete;
        scan.until = if all { scan.down } else { last };
        simd::decode(self.level, &scan, &self.data, &self.tables, &mut self.parts[..header.count], all)
            .map_err(|fault| fault.error(&scan))?;
        let size = ImageSize { height: header.height, width: header.width, channels: used };
        let smaller = if wish.shift == 0 { smaller } else { [1, 1] };
        self.picture = Some(Decoded { size, region, colour: header.colour, smaller });
        Ok(())
    }

    /// The place of a table among `tables`.
    fn table(&mut self, kind: Kind, codes: Option<Codes<'_>>) -> Result<usize, PixelError> {
        let codes = codes.ok_or_else(|| PixelError::new("the JPEG lacks a Huffman table"))?;
        if let Some(place) = self.tables.iter().position(|table| table.is(kind, codes)) {
            return Ok(place);
        }
        self.tables.push(Table::new(kind, codes)?);
        Ok(self.tables.len() - 1)
    }

    /// Pixels of row `row` of what was decoded (from its top on): width × 1 or 3 values.
    pub fn row(&mut self, row: usize, out: &mut [u8]) {
        let picture = self.picture.expect("`decode` has succeeded before");
        let (top, left, width) = (picture.region.top + row, picture.region.left, picture.region.width);
        let luma = samples(&self.parts[0], top, left, width);
        if picture.size.channels == 1 {
            out.copy_from_slice(luma);
            return;
        }
        let [across, down] = picture.smaller;
        let [first, second] = &mut self.chroma;
        for (part, out) in self.parts[1..3].iter().zip([&mut *first, &mut *second]) {
            upsample(Rows(self.level), part, &picture, top, &mut self.sums, out);
        }
        // Where the row begins in what was upsampled.
        let skip = if across == 2 { left % 2 } else { 0 };
        let (cb, cr) = if [across, down] == [1, 1] {
            (samples(&self.parts[1], top, left, width), samples(&self.parts[2], top, left, width))
        } else {
            (&first[skip..], &second[skip..])
        };
        if picture.colour == Colour::Rgb {
            for (((out, &red), &green), &blue) in out.chunks_exact_mut(3).zip(luma).zip(cb).zip(cr) {
                out.copy_from_slice(&[red, green, blue]);
            }
        } else {
            simd::convert(self.level, luma, cb, cr, out);
        }
    }
}

/// Blocks that hold the samples for `length` pixels from `start` on, with a neighbour on each side where chroma is
/// smaller.
fn wanted(start: usize, length: usize, whole: usize, smaller: usize) -> std::ops::Range<usize> {
    let (mut first, mut last) = (start / smaller, (start + length - 1) / smaller);
    if smaller > 1 {
        first = first.saturating_sub(1);
        last = (last + 1).min(whole.div_ceil(smaller) - 1);
    }
    first / 8..last / 8 + 1
}

/// `count` samples of row `y` from `x` on, both of the whole component.
fn samples(part: &Part, y: usize, x: usize, count: usize) -> &[u8] {
    let (y, x) = (y - part.rows.start * part.size[1], x - part.columns.start * part.size[0]);
    &part.plane[y * part.stride + x..][..count]
}

/// Chroma for the region's pixels of row `top`, from the first even column on. Leaves `out` alone where nothing is
/// smaller.
fn upsample(rows: Rows, part: &Part, picture: &Decoded, top: usize, sums: &mut Vec<u16>, out: &mut Vec<u8>) {
    let [across, down] = picture.smaller;
    let (height, width) = (picture.size.height.div_ceil(down), picture.size.width.div_ceil(across));
    let near = top / down;
    // The row on the other side of the pixel's centre; at the edge, the same.
    let far = match (down, top % 2) {
        (1, _) => near,
        (_, 0) => near.saturating_sub(1),
        _ => (near + 1).min(height - 1),
    };
    let (left, last) = (picture.region.left / across, (picture.region.left + picture.region.width - 1) / across);
    let count = last - left + 1;
    out.resize(across * count, 0);
    match [across, down] {
        [1, 1] => {}
        [1, _] => {
            let rounding = if top.is_multiple_of(2) { 1 } else { 2 };
            rows.between(samples(part, near, left, count), samples(part, far, left, count), rounding, out);
        }
        // libjpeg does not interpolate what is so narrow.
        _ if width <= 2 => rows.repeat(samples(part, near, left, count), out),
        _ => {
            // One more on each side, if there is one.
            let (before, after) = (usize::from(left > 0), usize::from(last + 1 < width));
            sums.resize(count + 2, 0);
            let (from, many) = (left - before, count + before + after);
            let place = 1 - before;
            let (near, far) = (samples(part, near, from, many), samples(part, far, from, many));
            let (rounding, shift) = if down == 2 {
                rows.blend(near, far, &mut sums[place..place + many]);
                ([8, 7], 4)
            } else {
                rows.widen(near, &mut sums[place..place + many]);
                ([1, 2], 2)
            };
            if before == 0 {
                sums[0] = sums[1];
            }
            if after == 0 {
                sums[count + 1] = sums[count];
            }
            rows.spread(sums, rounding, shift, out);
        }
    }
}
