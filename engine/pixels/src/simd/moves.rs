//! Blocks of pixels from one image to another: as they are or mirrored, from planes or pixels.

use super::{Level, Lines, interleave, mirror_pixels};

/// What moves where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved {
    /// Parts of the source's lines; of each plane, if it has planes.
    pub from: Lines,
    /// Whether the lines are gone through from the first part up.
    pub upwards: bool,
    /// Parts of the target's lines.
    pub to: Lines,
    /// Pixels of a part.
    pub pixels: usize,
    /// Whether the pixels of a part come in reverse.
    pub backwards: bool,
}

/// Moves pixels of `channels` values from an image, in planes or not, to one that is not.
///
/// # Panics
///
/// If a part lies outside of its image.
pub(crate) fn move_pixels(level: Level, from: &[u8], planar: bool, channels: usize, moved: Moved, to: &mut [u8]) {
    let Moved { from: lines, upwards, to: out, pixels, backwards } = moved;
    if pixels == 0 || out.count == 0 {
        return;
    }
    let planes = if planar { channels } else { 1 };
    let plane = from.len() / planes;
    let part = if planar { pixels } else { pixels * channels };
    let up = (lines.count - 1) * lines.stride;
    let inside = if upwards { up <= lines.start && lines.start + part <= plane } else { lines.end(part) <= plane };
    assert!(inside && out.end(pixels * channels) <= to.len(), "parts of two images");
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 && (channels == 3 || !(planar || backwards)) {
        // SAFETY: this level means that the processor has these instructions; all parts lie inside, as just seen.
        return unsafe {
            match (planar, backwards) {
                (true, _) => avx512::interleave(from.as_ptr(), plane, moved, to.as_mut_ptr()),
                (false, true) => avx512::mirror(from.as_ptr(), moved, to.as_mut_ptr()),
                (false, false) => avx512::copy(from.as_ptr(), part, moved, to.as_mut_ptr()),
            }
        };
    }
    for line in 0..out.count {
        let step = line * lines.stride;
        let start = if upwards { lines.start - step } else { lines.start + step };
        let target = &mut to[out.start + line * out.stride..][..pixels * channels];
        if planar && channels == 3 {
            let planes = std::array::from_fn(|c| &from[c * plane + start..][..pixels]);
            interleave(level, planes, target, backwards);
        } else if planar {
            for (index, pixel) in target.chunks_exact_mut(channels).enumerate() {
                let place = start + if backwards { pixels - 1 - index } else { index };
                pixel.iter_mut().enumerate().for_each(|(c, value)| *value = from[c * plane + place]);
            }
        } else if backwards {
            mirror_pixels(level, &from[start..][..part], channels, target);
        } else {
            target.copy_from_slice(&from[start..][..part]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::Moved;
    use crate::simd::interleave::avx512::{BACKWARDS, FORWARDS, MIRRORED, low};

    const BLOCK: usize = 32;

    /// The start of each part of both images.
    #[inline]
    fn starts(moved: Moved) -> impl Iterator<Item = (usize, usize)> {
        let Moved { from, upwards, to, .. } = moved;
        (0..to.count).map(move |line| {
            let step = line * from.stride;
            let source = if upwards { from.start - step } else { from.start + step };
            (source, to.start + line * to.stride)
        })
    }

    /// The entries of a table that the bytes of a part need: its first 64, and its last 32.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn load_table(table: &[u8; 128], bytes: usize) -> (__m512i, __m512i) {
        let last = &table[bytes.saturating_sub(32)..][..32];
        // SAFETY: 64 and 32 bytes of an array.
        unsafe {
            let first = _mm512_loadu_si512(table.as_ptr().cast());
            (first, _mm512_castsi256_si512(_mm256_loadu_si256(last.as_ptr().cast())))
        }
    }

    /// # Safety
    ///
    /// The parts lie inside of the images: of each of three planes of `plane` bytes, and of the target's pixels.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) unsafe fn interleave(from: *const u8, plane: usize, moved: Moved, to: *mut u8) {
        let (n, backwards) = (moved.pixels, moved.backwards);
        let table = if backwards { &BACKWARDS } else { &FORWARDS };
        let mut done = 0;
        while done < n {
            let count = (n - done).min(BLOCK);
            let places = load_table(table, 3 * count);
            let start = if backwards { n - done - count } else { done };
            // A part of a block is loaded to the end where the table looks for it.
            let shift = if backwards { BLOCK - count } else { 0 };
            let mask = (low(count) as u32) << shift;
            for (source, target) in starts(moved) {
                // SAFETY: the masks have a bit for each byte of the parts, which lie inside; others are neither read
                // nor written.
                unsafe {
                    let load = |channel: usize| {
                        let part = from.add(channel * plane + source + start);
                        match count {
                            BLOCK => _mm256_loadu_si256(part.cast()),
                            _ => _mm256_maskz_loadu_epi8(mask, part.wrapping_sub(shift).cast()),
                        }
                    };
                    let red_green = _mm512_inserti64x4(_mm512_castsi256_si512(load(0)), load(1), 1);
                    let blue = _mm512_castsi256_si512(load(2));
                    store(red_green, places, blue, to.add(target + 3 * done), 3 * count);
                }
            }
            done += count;
        }
    }

    /// # Safety
    ///
    /// The parts, of pixels of three values, lie inside of the images.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) unsafe fn mirror(from: *const u8, moved: Moved, to: *mut u8) {
        let n = moved.pixels;
        let mut done = 0;
        while done < n {
            let count = (n - done).min(BLOCK);
            let places = load_table(&MIRRORED, 3 * count);
            let shift = 3 * (BLOCK - count);
            let bits = (u128::MAX >> (128 - 3 * count)) << shift;
            for (source, target) in starts(moved) {
                // SAFETY: as in `interleave`.
                unsafe {
                    let start = from.add(source + 3 * (n - done - count)).wrapping_sub(shift);
                    let (a, b) = match count {
                        BLOCK => (
                            _mm512_loadu_si512(start.cast()),
                            _mm512_castsi256_si512(_mm256_loadu_si256(start.add(64).cast())),
                        ),
                        _ => (
                            _mm512_maskz_loadu_epi8(bits as u64, start.cast()),
                            _mm512_maskz_loadu_epi8((bits >> 64) as u64, start.wrapping_add(64).cast()),
                        ),
                    };
                    store(a, places, b, to.add(target + 3 * done), 3 * count);
                }
            }
            done += count;
        }
    }

    /// # Safety
    ///
    /// The parts, of `bytes` bytes, lie inside of the images.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub(super) unsafe fn copy(from: *const u8, bytes: usize, moved: Moved, to: *mut u8) {
        for (source, target) in starts(moved) {
            // SAFETY: as in `interleave`; a part of 64 bytes or more ends with 64 of its own.
            unsafe {
                let (from, to) = (from.add(source), to.add(target));
                if bytes < 64 {
                    let mask = low(bytes);
                    _mm512_mask_storeu_epi8(to.cast(), mask, _mm512_maskz_loadu_epi8(mask, from.cast()));
                    continue;
                }
                let last = _mm512_loadu_si512(from.add(bytes - 64).cast());
                for done in (0..bytes - 63).step_by(64) {
                    _mm512_storeu_si512(to.add(done).cast(), _mm512_loadu_si512(from.add(done).cast()));
                }
                _mm512_storeu_si512(to.add(bytes - 64).cast(), last);
            }
        }
    }

    /// Looks up `bytes` bytes, at most 96, in two vectors.
    ///
    /// # Safety
    ///
    /// They may be written there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    unsafe fn store(a: __m512i, places: (__m512i, __m512i), b: __m512i, to: *mut u8, bytes: usize) {
        let first = _mm512_permutex2var_epi8(a, places.0, b);
        // SAFETY: the first bytes, all of them or 64, and the last 32 of more than that.
        unsafe {
            if bytes < 64 {
                return _mm512_mask_storeu_epi8(to.cast(), low(bytes), first);
            }
            _mm512_storeu_si512(to.cast(), first);
            let last = _mm512_castsi512_si256(_mm512_permutex2var_epi8(a, places.1, b));
            _mm256_storeu_si256(to.add(bytes - 32).cast(), last);
        }
    }
}
