//! Resizing: a part of an image to a size.
//!
//! What is done is what training code has used before, so that numbers carry over: bilinear is OpenCV's INTER_LINEAR,
//! area its INTER_AREA (and so FFCV's), and all that is antialiased is torch's for bytes (torchvision), which is
//! Pillow's with weights of 15 bits. Fixed-point arithmetic (area: f32, in OpenCV's order), along rows first.

pub(crate) mod passes;
mod span;
mod weights;

use crate::ops::Rect;
use crate::simd::{Level, Passes};
use crate::{ImageSize, PixelError};
use passes::BEHIND;
pub(crate) use span::Span;
use weights::{Cells, Pairs, Taps};

/// How an output pixel is made of the pixels around its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The mean of the area that it covers; bilinear along both axes if one grows. `antialias` changes nothing.
    Area,
    /// The two nearest along each axis, or a triangle if antialiased.
    Bilinear,
    /// Four along each axis, by a cubic with a = −0.75; a = −0.5, and wider, if antialiased.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

/// How to resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resize {
    /// How an output pixel is made.
    pub filter: Filter,
    /// Whether the filter is widened by how much the image shrinks. Without, pixels are left out from a factor of two
    /// on, which is faster.
    pub antialias: bool,
    /// Whether a JPEG's region that is at least 2, 4 or 8 times as large as the target along both axes is decoded at
    /// 1/2, 1/4 or 1/8 of its size, which is faster: 1.3 to 1.5 times for 2000 × 1500, antialiased bilinear to 224.
    /// Only the sequential JPEGs that the crate's own decoder knows; others, and other formats, are decoded in full.
    ///
    /// What a block's cosine transform says finer than that is left out; places and weights stay those of the full
    /// size. The bytes differ from those without by 0.4 to 1.5 on average for antialiased bilinear (`examples/reduced`
    /// measures it), by up to 2.4 for area. Bilinear without `antialias` differs by more, 1 to 9 where there is much
    /// detail: it interpolates in the smaller image, so that less is left out.
    pub dct_scaling: bool,
}

/// Memory for resizing, used again.
#[derive(Debug)]
pub struct Scratch {
    passes: Passes,
    row: Vec<u8>,
    pairs: [Pairs; 2],
    taps: [Taps; 2],
    cells: [Cells; 2],
    words: [Vec<i16>; 2],
    bytes: Vec<u8>,
    floats: [Vec<f32>; 2],
}

impl Default for Scratch {
    fn default() -> Self {
        Self::with_level(Level::best())
    }
}

impl Scratch {
    /// With the instructions of a level that this processor has.
    pub(crate) fn with_level(level: Level) -> Self {
        Self {
            passes: Passes(level),
            row: Vec::new(),
            pairs: Default::default(),
            taps: Default::default(),
            cells: Default::default(),
            words: Default::default(),
            bytes: Vec::new(),
            floats: Default::default(),
        }
    }
}

/// Resizes `region` of the pixels `from` (`size`) to `out` (`to`, of as many channels), mirrored left to right if
/// `mirror`.
///
/// # Errors
///
/// If a size does not fit its slice, the region the image, or if one is empty.
#[expect(clippy::too_many_arguments, reason = "an image, a part of it, and where it goes")]
pub fn resize(
    from: &[u8],
    size: ImageSize,
    region: Rect,
    to: ImageSize,
    filter: Filter,
    antialias: bool,
    mirror: bool,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<(), PixelError> {
    region.check(size)?;
    if from.len() != size.bytes() {
        return Err(PixelError::new(format!("an image of {size} has {} bytes, not {}", size.bytes(), from.len())));
    }
    let stride = size.width * size.channels;
    let source = |row: usize, out: &mut [u8]| {
        out.copy_from_slice(&from[(region.top + row) * stride + region.left * size.channels..][..out.len()]);
    };
    let spans = [Span::whole(region.height), Span::whole(region.width)];
    rows(spans, size.channels, source, to, (filter, antialias), mirror, scratch, out)
}

/// Resizes an image, its axes down and across, of which `source` gives a row at a time: rows in ascending order, some
/// perhaps not at all.
#[expect(clippy::too_many_arguments, reason = "an image and where it goes")]
pub(crate) fn rows(
    spans: [Span; 2],
    channels: usize,
    mut source: impl FnMut(usize, &mut [u8]),
    to: ImageSize,
    (filter, antialias): (Filter, bool),
    mirror: bool,
    scratch: &mut Scratch,
    out: &mut [u8],
) -> Result<(), PixelError> {
    let size = ImageSize { height: spans[0].length, width: spans[1].length, channels };
    if to.channels != size.channels || !(1..=4).contains(&to.channels) {
        return Err(PixelError::new(format!("{} channels cannot be resized to {}", size.channels, to.channels)));
    }
    if to.height == 0 || to.width == 0 || to.height > crate::decode::LARGEST || to.width > crate::decode::LARGEST {
        return Err(PixelError::new(format!("the target's size is {to}")));
    }
    if out.len() != to.bytes() {
        return Err(PixelError::new(format!("an image of {to} has {} bytes, not {}", to.bytes(), out.len())));
    }
    let pixels = spans[1].samples() * size.channels;
    scratch.row.resize(pixels + BEHIND, 0);
    let mut source = |row: usize, out: &mut [u8]| source(row, &mut out[..pixels]);
    let reduced = spans.iter().any(|span| span.shift != 0);
    if (to.height, to.width) == (size.height, size.width) && !mirror && !reduced {
        // Every filter leaves an image of this size as it is.
        for (row, out) in out.chunks_exact_mut(pixels).enumerate() {
            source(row, out);
        }
        return Ok(());
    }
    let shrinks = size.height >= to.height && size.width >= to.width;
    match (filter, antialias) {
        (Filter::Area, _) if shrinks && !reduced => area(size, source, to, mirror, scratch, out),
        (Filter::Area, _) if !reduced => pairs(spans, source, to, true, mirror, scratch, out),
        (Filter::Bilinear, false) => pairs(spans, source, to, false, mirror, scratch, out),
        _ => taps(spans, source, to, (filter, antialias), mirror, scratch, out),
    }
    Ok(())
}

/// Two taps along each axis.
fn pairs(
    spans: [Span; 2],
    mut source: impl FnMut(usize, &mut [u8]),
    to: ImageSize,
    area: bool,
    mirror: bool,
    scratch: &mut Scratch,
    out: &mut [u8],
) {
    let Scratch { passes, row, pairs: [down, across], words: [upper, lower], .. } = scratch;
    down.fill(spans[0], to.height, area, area, false);
    across.fill(spans[1], to.width, area, true, mirror);
    let length = to.width * to.channels;
    for words in [&mut *upper, &mut *lower] {
        words.resize(length + BEHIND, 0);
    }
    // Which rows `upper` and `lower` are: growing images use each several times.
    let mut held = [usize::MAX; 2];
    let mut make = |place: usize, words: &mut [i16]| {
        source(place, row);
        passes.pairs_across(row, &across.first, &across.weights, to.channels, words);
    };
    let (top, last) = spans[0].ends();
    for ((out, &first), &weights) in out.chunks_exact_mut(length).zip(&down.first).zip(&down.weights) {
        let wanted = [first, first + 1].map(|place| place.clamp(top as i32, last as i32) as usize);
        if held[0] != wanted[0] {
            if held[1] == wanted[0] {
                std::mem::swap(upper, lower);
                held.swap(0, 1);
            } else {
                make(wanted[0], upper);
                held[0] = wanted[0];
            }
        }
        // At the lower end, both are the same row; a weight of nothing needs none.
        if wanted[1] == wanted[0] || weights[1] == 0 {
            passes.pairs_down(upper, upper, weights, out);
            continue;
        }
        if held[1] != wanted[1] {
            make(wanted[1], lower);
            held[1] = wanted[1];
        }
        passes.pairs_down(upper, lower, weights, out);
    }
}

/// A filter along each axis.
fn taps(
    spans: [Span; 2],
    mut source: impl FnMut(usize, &mut [u8]),
    to: ImageSize,
    filter: (Filter, bool),
    mirror: bool,
    scratch: &mut Scratch,
    out: &mut [u8],
) {
    let Scratch { passes, row, taps: [down, across], bytes, .. } = scratch;
    down.fill(spans[0], to.height, filter, 2, false);
    across.fill(spans[1], to.width, filter, 4, mirror);
    let (length, height) = (to.width * to.channels, spans[0].samples());
    let stride = length + BEHIND;
    // All rows at once: each goes into several output rows. Rows behind the image are read by taps of weight zero.
    bytes.resize((height + down.count) * stride, 0);
    for (place, out) in bytes.chunks_exact_mut(stride).enumerate().take(height) {
        source(place, row);
        let weights = (&across.weights[..], across.count, across.bits);
        passes.taps_across(row, &across.first, weights, to.channels, out);
    }
    let rows = down.first.iter().zip(down.weights.chunks_exact(down.count));
    for (out, (&first, weights)) in out.chunks_exact_mut(length).zip(rows) {
        passes.taps_down(&bytes[first * stride..], stride, weights, down.bits, out);
    }
}

/// The mean of what each output pixel covers.
fn area(
    size: ImageSize,
    mut source: impl FnMut(usize, &mut [u8]),
    to: ImageSize,
    mirror: bool,
    scratch: &mut Scratch,
    out: &mut [u8],
) {
    let Scratch { passes, row, cells: [down, across], floats: [across_sums, sums], .. } = scratch;
    let length = to.width * to.channels;
    sums.resize(length + BEHIND, 0.0);
    across_sums.resize(length + BEHIND, 0.0);
    let whole = size.height.is_multiple_of(to.height) && size.width.is_multiple_of(to.width);
    // Whole pixels: their sum is exact, and rounded once.
    down.fill(size.height, to.height, whole, false);
    across.fill(size.width, to.width, whole, mirror);
    let (rows, columns) = (size.height / to.height, size.width / to.width);
    let mut held = usize::MAX;
    let rows_of = down.first.iter().zip(down.weights.chunks_exact(down.count));
    for (out, (&first, weights)) in out.chunks_exact_mut(length).zip(rows_of) {
        sums.fill(0.0);
        for (place, &weight) in (first..).zip(weights) {
            if weight == 0.0 {
                break;
            }
            // A row that two output rows share is the last of one and the first of the other.
            if held != place {
                source(place, row);
                passes.cells_across(row, &across.first, &across.weights, to.channels, across_sums);
                held = place;
            }
            passes.cells_down(across_sums, weight, sums);
        }
        if whole && (rows, columns) == (2, 2) {
            // OpenCV rounds halves up here.
            for (out, &sum) in out.iter_mut().zip(&*sums) {
                *out = ((sum as u32 + 2) / 4) as u8;
            }
            continue;
        }
        if whole {
            sums.iter_mut().for_each(|sum| *sum *= 1.0 / (rows * columns) as f32);
        }
        passes.cells_done(sums, out);
    }
}
