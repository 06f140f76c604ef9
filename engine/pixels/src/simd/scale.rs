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
///
/// With `past` the results go past the caches to the memory, which is faster if nobody reads them soon; then
/// [`settle`](super::settle) must follow before anybody else reads them.
pub fn scale(level: Level, from: &[u8], formulas: &Formulas, to: &mut [f32], past: bool) {
    assert_eq!(from.len(), to.len(), "a result for each value");
    #[cfg(target_arch = "x86_64")]
    match level {
        Level::Avx512 if past && to.as_ptr().cast::<u8>().align_offset(64) == 0 => {
            // SAFETY: this level means that the processor has these instructions; the results lie at a multiple of 64.
            return unsafe { scale_past_caches(from, formulas, to) };
        }
        // SAFETY: this level means that the processor has these instructions.
        Level::Avx512 => return unsafe { scale_avx512(from, formulas, to) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { scale_avx2(from, formulas, to) },
        Level::Plain => {}
    }
    let _ = (level, past);
    blocks(from, formulas, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
fn scale_avx512(from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    blocks(from, formulas, to);
}

/// The same, with stores that go past the caches.
///
/// # Safety
///
/// `to` lies at a multiple of 64.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
unsafe fn scale_past_caches(from: &[u8], formulas: &Formulas, to: &mut [f32]) {
    use std::arch::x86_64::*;
    if !BLOCK.is_multiple_of(formulas.each.len()) {
        return blocks(from, formulas, to);
    }
    let whole = from.len() / BLOCK * BLOCK;
    // SAFETY: each vector of a block lies in the formulas, the values or the results, and the latter at a multiple of
    // 64, as 16 values have 64 bytes.
    unsafe {
        let load = |part: &[f32; BLOCK]| -> [__m512; 3] {
            std::array::from_fn(|vector| _mm512_loadu_ps(part.as_ptr().add(16 * vector)))
        };
        let Formulas { centre, high, high_offset, low, low_offset, .. } = formulas;
        let (centre, high, high_offset) = (load(centre), load(high), load(high_offset));
        let (low, low_offset) = (load(low), load(low_offset));
        for start in (0..whole).step_by(BLOCK) {
            for vector in 0..3 {
                let values = _mm_loadu_si128(from.as_ptr().add(start + 16 * vector).cast());
                let t = _mm512_sub_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(values)), centre[vector]);
                let upper = _mm512_add_ps(_mm512_mul_ps(t, high[vector]), high_offset[vector]);
                let lower = _mm512_add_ps(_mm512_mul_ps(t, low[vector]), low_offset[vector]);
                _mm512_stream_ps(to.as_mut_ptr().add(start + 16 * vector), _mm512_add_ps(upper, lower));
            }
        }
    }
    blocks(&from[whole..], formulas, &mut to[whole..]);
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
