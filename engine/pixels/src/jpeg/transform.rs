//! The inverse cosine transform: from a block's coefficients to its samples.
//!
//! The accurate integer one of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11
//! multiplications", 1989) at the precision that libjpeg's default (`islow`) has: constants of 13 bits, columns first
//! with two bits kept, then rows. So a file decodes to libjpeg's very samples. Written as products of matrices, whose
//! sums are the same integers.

use crate::simd::{self, Level};

/// Bits of the constants.
const BITS: u32 = 13;
/// Bits kept between the two passes.
const KEPT: u32 = 2;

/// The even half's rotation: coefficients 2 and 6 for the outer and inner sums.
pub(crate) const EVEN: [[i16; 2]; 2] = [[10703, 4433], [4433, -10704]];
/// The odd half: coefficients 1, 3, 5, 7 for each of four differences.
pub(crate) const ODD: [[i16; 4]; 4] =
    [[11363, 9633, 6437, 2260], [9633, -2259, -11362, -6436], [6437, -11362, 2261, 9633], [2260, -6436, 9633, -11363]];

/// A way to do it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transform {
    level: Level,
}

impl Transform {
    pub fn new(level: Level) -> Self {
        Self { level }
    }

    /// Writes the 8 × 8 samples of a block (the first 64 values times `steps`) to rows that are `stride` apart.
    #[inline(always)]
    pub fn block(self, block: &[i16; 256], steps: &[i16; 64], out: &mut [u8], stride: usize) {
        if !simd::transform(self.level, block, steps, out, stride) {
            plain(block, steps, out, stride);
        }
    }

    /// Writes fewer samples of a block, `size` across and down: 8, 4 or 2 each, not 8 both.
    #[inline(always)]
    pub fn reduced(self, block: &[i16; 256], steps: &[i16; 64], size: [usize; 2], out: &mut [u8], stride: usize) {
        if size != [4, 4] || !simd::transform_four(self.level, block, steps, out, stride) {
            reduced(block, steps, size, out, stride);
        }
    }

    /// As `block` or `reduced`, where all but the first coefficient are zero; or one sample for all.
    #[inline(always)]
    pub fn flat(self, first: i16, [wide, high]: [usize; 2], out: &mut [u8], stride: usize) {
        let kept = pack(i32::from(first) << KEPT);
        let sample = sample((i32::from(kept) + (1 << (KEPT + 2))) >> (KEPT + 3));
        if wide == 8 {
            for row in out.chunks_mut(stride).take(high) {
                row[..8].fill(sample);
            }
            return;
        }
        for row in out.chunks_mut(stride).take(high) {
            row[..wide].fill(sample);
        }
    }
}

/// To 16 bits, the nearest where it does not fit.
fn pack(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// From around zero to a byte.
fn sample(value: i32) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

/// Eight values from eight coefficients, times 2^13. Sums wrap: for coefficients that no valid file has.
fn line(c: [i16; 8]) -> [i32; 8] {
    let c = c.map(i32::from);
    let product = |a: i16, b: i32| i32::from(a) * b;
    let pair = |k: &[i16; 2], a: i32, b: i32| product(k[0], a).wrapping_add(product(k[1], b));
    let (sum, difference) = ((c[0] + c[4]) << BITS, (c[0] - c[4]) << BITS);
    let (outer, inner) = (pair(&EVEN[0], c[2], c[6]), pair(&EVEN[1], c[2], c[6]));
    let even = [
        sum.wrapping_add(outer),
        difference.wrapping_add(inner),
        difference.wrapping_sub(inner),
        sum.wrapping_sub(outer),
    ];
    let mut out = [0; 8];
    for i in 0..4 {
        let [a, b, d, e] = ODD[i];
        let odd = pair(&[a, b], c[1], c[3]).wrapping_add(pair(&[d, e], c[5], c[7]));
        out[i] = even[i].wrapping_add(odd);
        out[7 - i] = even[i].wrapping_sub(odd);
    }
    out
}

/// One, two or four values from as many coefficients, the lowest, or eight from all: the values whose cosine transform
/// has these coefficients, as large as those of `line`.
fn short(size: usize, c: [i16; 8]) -> [i32; 8] {
    let wide = c.map(i32::from);
    let product = |k: [i16; 2]| i32::from(k[0]) * wide[1] + i32::from(k[1]) * wide[3];
    let mut out = [0; 8];
    match size {
        8 => return line(c),
        4 => {
            let (sum, difference) = ((wide[0] + wide[2]) << BITS, (wide[0] - wide[2]) << BITS);
            // The eight's even half is the four's odd one.
            let (outer, inner) = (product(EVEN[0]), product(EVEN[1]));
            out[..4].copy_from_slice(&[sum + outer, difference + inner, difference - inner, sum - outer]);
        }
        2 => out[..2].copy_from_slice(&[(wide[0] + wide[1]) << BITS, (wide[0] - wide[1]) << BITS]),
        _ => out[0] = wide[0] << BITS,
    }
    out
}

/// The definition of fewer samples than a block has: the block's low coefficients, transformed at that size. What the
/// high ones say is finer than the samples.
pub(crate) fn reduced(block: &[i16; 256], steps: &[i16; 64], [wide, high]: [usize; 2], out: &mut [u8], stride: usize) {
    let mut kept = [0i16; 64];
    for column in 0..wide {
        let values =
            short(high, std::array::from_fn(|row| block[8 * row + column].wrapping_mul(steps[8 * row + column])));
        for (row, value) in values.into_iter().enumerate().take(high) {
            kept[8 * row + column] = pack(value.wrapping_add(1 << (BITS - KEPT - 1)) >> (BITS - KEPT));
        }
    }
    for (row, out) in out.chunks_mut(stride).take(high).enumerate() {
        let values = short(wide, std::array::from_fn(|column| kept[8 * row + column]));
        for (value, out) in values.into_iter().zip(&mut out[..wide]) {
            *out = sample(i32::from(pack(value.wrapping_add(1 << (BITS + KEPT + 2)) >> (BITS + KEPT + 3))));
        }
    }
}

/// The definition.
pub(crate) fn plain(block: &[i16; 256], steps: &[i16; 64], out: &mut [u8], stride: usize) {
    let mut kept = [0i16; 64];
    for column in 0..8 {
        let values = line(std::array::from_fn(|row| block[8 * row + column].wrapping_mul(steps[8 * row + column])));
        for (row, value) in values.into_iter().enumerate() {
            kept[8 * row + column] = pack(value.wrapping_add(1 << (BITS - KEPT - 1)) >> (BITS - KEPT));
        }
    }
    for (row, out) in out.chunks_mut(stride).take(8).enumerate() {
        let values = line(std::array::from_fn(|column| kept[8 * row + column]));
        for (value, out) in values.into_iter().zip(&mut *out) {
            *out = sample(i32::from(pack(value.wrapping_add(1 << (BITS + KEPT + 2)) >> (BITS + KEPT + 3))));
        }
    }
}
