//! Bytes into float32 by a formula.

use super::Level;
use crate::values::Formula;

/// Values of a block: whole pixels of 1, 2, 3, 4 and 6 channels, whole vectors of up to 16 values.
const BLOCK: usize = 48;

/// The formulas of the channels of a pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Formulas {
    each: Vec<Formula>,
    /// For the values of a block.
    centre: [f32; BLOCK],
    high: [f32; BLOCK],
    high_offset: [f32; BLOCK],
    low: [f32; BLOCK],
    low_offset: [f32; BLOCK],
}

impl Formulas {
    /// One for each channel.
    pub(crate) fn new(each: Vec<Formula>) -> Self {
        let of = |part: fn(&Formula) -> f32| -> [f32; BLOCK] { std::array::from_fn(|i| part(&each[i % each.len()])) };
        Self {
            centre: of(|f| f.centre),
            high: of(|f| f.high),
            high_offset: of(|f| f.high_offset),
            low: of(|f| f.low),
            low_offset: of(|f| f.low_offset),
            each,
        }
    }

    /// Of one channel.
    pub(crate) fn channel(&self, channel: usize) -> Formula {
        self.each[channel]
    }
}

/// Each value of `from` by the formula of its channel; the channels of a pixel follow each other.
///
/// Products and sums are rounded one by one, never fused, so that all instructions give the same bits.
///
/// # Panics
///
/// If the lengths differ.
pub fn scale(level: Level, from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "a result for each value");
    #[cfg(target_arch = "x86_64")]
    match level {
        // SAFETY: this level means that the processor has these instructions.
        Level::Avx512 => return unsafe { scale_avx512(from, formulas, to) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { scale_avx2(from, formulas, to) },
        Level::Plain => {}
    }
    let _ = level;
    blocks(from, formulas, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn scale_avx512(from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    blocks(from, formulas, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_avx2(from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    blocks(from, formulas, to);
}

/// In blocks of fixed size, which the compiler turns into the vector instructions of whoever calls.
#[inline(always)]
fn blocks(from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    let channels = formulas.each.len();
    if !BLOCK.is_multiple_of(channels) {
        for (index, (from, to)) in from.iter().zip(to).enumerate() {
            *to = formulas.each[index % channels].at(*from);
        }
        return;
    }
    let Formulas { centre, high, high_offset, low, low_offset, .. } = formulas;
    let (from_blocks, from_rest) = from.as_chunks::<BLOCK>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<BLOCK>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        for i in 0..BLOCK {
            let t = f32::from(from[i]) - centre[i];
            to[i] = (t * high[i] + high_offset[i]) + (t * low[i] + low_offset[i]);
        }
    }
    for (index, (from, to)) in from_rest.iter().zip(to_rest).enumerate() {
        *to = formulas.each[index % channels].at(*from);
    }
}
