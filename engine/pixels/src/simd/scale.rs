//! Bytes into float32 by a formula.

use super::Level;
use crate::values::Formula;

/// Values of a block: whole pixels of 1, 2, 3, 4 and 6 channels, whole vectors of up to 16 values.
const BLOCK: usize = 48;

/// Each value of `from` by the formula of its channel, of `formulas.len()` channels that alternate.
///
/// Products and sums are rounded one by one, never fused, so that all instructions give the same bits.
///
/// # Panics
///
/// If the lengths differ.
pub fn scale(level: Level, from: &[u8], formulas: &[Formula], to: &mut [f32]) {
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
fn scale_avx512(from: &[u8], formulas: &[Formula], to: &mut [f32]) {
    blocks(from, formulas, to);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn scale_avx2(from: &[u8], formulas: &[Formula], to: &mut [f32]) {
    blocks(from, formulas, to);
}

/// In blocks of fixed size, which the compiler turns into the vector instructions of whoever calls.
#[inline(always)]
fn blocks(from: &[u8], formulas: &[Formula], to: &mut [f32]) {
    let channels = formulas.len();
    if !BLOCK.is_multiple_of(channels) {
        for (index, (from, to)) in from.iter().zip(to).enumerate() {
            *to = formulas[index % channels].at(*from);
        }
        return;
    }
    let each = |of: fn(&Formula) -> f32| -> [f32; BLOCK] { std::array::from_fn(|i| of(&formulas[i % channels])) };
    let centre = each(|f| f.centre);
    let (high, high_offset) = (each(|f| f.high), each(|f| f.high_offset));
    let (low, low_offset) = (each(|f| f.low), each(|f| f.low_offset));
    let (from_blocks, from_rest) = from.as_chunks::<BLOCK>();
    let (to_blocks, to_rest) = to.as_chunks_mut::<BLOCK>();
    for (from, to) in from_blocks.iter().zip(to_blocks) {
        for i in 0..BLOCK {
            let t = f32::from(from[i]) - centre[i];
            to[i] = (t * high[i] + high_offset[i]) + (t * low[i] + low_offset[i]);
        }
    }
    for (index, (from, to)) in from_rest.iter().zip(to_rest).enumerate() {
        *to = formulas[index % channels].at(*from);
    }
}
