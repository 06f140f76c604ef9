//! Three planes into pixels, and pixels in reverse.

use super::Level;

/// Pixels of a block.
#[cfg(target_arch = "x86_64")]
const BLOCK: usize = 32;

/// `out[3·i + c] = planes[c][i]`, with `backwards` `planes[c][n − 1 − i]`. The planes are `n` long, `out` 3·n.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn interleave(level: Level, planes: [&[u8]; 3], out: &mut [u8], backwards: bool) {
    let n = planes[0].len();
    assert!(planes.iter().all(|p| p.len() == n) && out.len() == 3 * n, "three planes and their pixels");
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 {
        // SAFETY: this level means that the processor has these instructions.
        return unsafe { avx512::interleave(planes, out, backwards) };
    }
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx2 {
        // SAFETY: as above.
        return unsafe { avx2::interleave(planes, out, backwards) };
    }
    let _ = level;
    plain_interleave(planes, out, backwards);
}

fn plain_interleave([r, g, b]: [&[u8]; 3], out: &mut [u8], backwards: bool) {
    let pixels = out.as_chunks_mut::<3>().0;
    let values = r.iter().zip(g).zip(b);
    if backwards {
        pixels.iter_mut().rev().zip(values).for_each(|(pixel, ((r, g), b))| *pixel = [*r, *g, *b]);
    } else {
        pixels.iter_mut().zip(values).for_each(|(pixel, ((r, g), b))| *pixel = [*r, *g, *b]);
    }
}

/// The pixels of a line in reverse; each has `channels` values, which keep their order.
///
/// # Panics
///
/// If the lengths differ.
pub fn mirror_pixels(level: Level, from: &[u8], channels: usize, out: &mut [u8]) {
    assert_eq!(from.len(), out.len(), "a line and its mirror image");
    #[cfg(target_arch = "x86_64")]
    if channels == 3 && from.len().is_multiple_of(3) {
        match level {
            // SAFETY: this level means that the processor has these instructions.
            Level::Avx512 => return unsafe { avx512::mirror(from, out) },
            // SAFETY: as above.
            Level::Avx2 => return unsafe { avx2::mirror(from, out) },
            Level::Plain => {}
        }
    }
    let _ = level;
    match channels {
        1 => out.iter_mut().rev().zip(from).for_each(|(out, from)| *out = *from),
        3 => {
            let pairs = out.as_chunks_mut::<3>().0.iter_mut().rev().zip(from.as_chunks::<3>().0);
            pairs.for_each(|(out, from)| *out = *from);
        }
        _ => {
            let pairs = out.chunks_exact_mut(channels).rev().zip(from.chunks_exact(channels));
            pairs.for_each(|(out, from)| out.copy_from_slice(from));
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx512 {
    use std::arch::x86_64::*;

    use super::BLOCK;

    /// For each of the 96 bytes of a block's pixels: its place in the 96 bytes of the block's planes (red from 0, green
    /// from 32, blue from 64).
    pub(in crate::simd) static FORWARDS: [u8; 128] = places(false);
    pub(in crate::simd) static BACKWARDS: [u8; 128] = places(true);
    /// For each of the 96 bytes of a reversed block: its place in the block.
    pub(in crate::simd) static MIRRORED: [u8; 128] = mirrored();

    const fn places(backwards: bool) -> [u8; 128] {
        let mut places = [0; 128];
        let mut i = 0;
        while i < 3 * BLOCK {
            let pixel = i / 3;
            let from = if backwards { BLOCK - 1 - pixel } else { pixel };
            places[i] = ((i % 3) * 32 + from) as u8;
            i += 1;
        }
        places
    }

    const fn mirrored() -> [u8; 128] {
        let mut places = [0; 128];
        let mut i = 0;
        while i < 3 * BLOCK {
            places[i] = (3 * (BLOCK - 1 - i / 3) + i % 3) as u8;
            i += 1;
        }
        places
    }

    /// The lowest `n` bits, of 64.
    #[inline]
    pub(in crate::simd) fn low(n: usize) -> u64 {
        if n >= 64 { u64::MAX } else { (1 << n) - 1 }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn interleave(planes: [&[u8]; 3], out: &mut [u8], backwards: bool) {
        let n = planes[0].len();
        let places = if backwards { &BACKWARDS } else { &FORWARDS };
        // SAFETY: both halves of an array of 128 bytes.
        let (lower, upper) =
            unsafe { (_mm512_loadu_si512(places.as_ptr().cast()), _mm512_loadu_si512(places.as_ptr().add(64).cast())) };
        let mut done = 0;
        while done < n {
            let count = (n - done).min(BLOCK);
            // The block's pixels end at its last byte when they are reversed, so that the table fits part of a block:
            // the planes are loaded to the upper end.
            let mask = low(count) as u32;
            let start = if backwards { n - done - count } else { done };
            let load = |plane: &[u8]| {
                let part = &plane[start..start + count];
                if count == BLOCK {
                    // SAFETY: `part` has 32 bytes.
                    return unsafe { _mm256_loadu_si256(part.as_ptr().cast()) };
                }
                let shift = if backwards { BLOCK - count } else { 0 };
                // SAFETY: the mask has a bit for each byte of `part`, and others are not read; the address may lie
                // before it only by bytes that are masked out.
                unsafe { _mm256_maskz_loadu_epi8(mask << shift, part.as_ptr().wrapping_sub(shift).cast()) }
            };
            let (r, g, b) = (load(planes[0]), load(planes[1]), load(planes[2]));
            let red_green = _mm512_inserti64x4(_mm512_castsi256_si512(r), g, 1);
            let blue = _mm512_castsi256_si512(b);
            let first = _mm512_permutex2var_epi8(red_green, lower, blue);
            let second = _mm512_permutex2var_epi8(red_green, upper, blue);
            store(first, second, &mut out[3 * done..3 * (done + count)]);
            done += count;
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn mirror(from: &[u8], out: &mut [u8]) {
        let n = from.len() / 3;
        // SAFETY: both halves of an array of 128 bytes.
        let (lower, upper) = unsafe {
            (_mm512_loadu_si512(MIRRORED.as_ptr().cast()), _mm512_loadu_si512(MIRRORED.as_ptr().add(64).cast()))
        };
        let mut done = 0;
        while done < n {
            let count = (n - done).min(BLOCK);
            let part = &from[3 * (n - done - count)..3 * (n - done)];
            // To the upper end of the 96 bytes, as above.
            let shift = 3 * (BLOCK - count);
            let start = part.as_ptr().wrapping_sub(shift);
            let bits = u128::MAX >> (128 - 3 * BLOCK) << shift & (u128::MAX >> (128 - 3 * BLOCK));
            // SAFETY: the masks have a bit for each byte of `part`, and no other is read.
            let (a, b) = unsafe {
                (
                    _mm512_maskz_loadu_epi8(bits as u64, start.cast()),
                    _mm512_maskz_loadu_epi8((bits >> 64) as u64, start.wrapping_add(64).cast()),
                )
            };
            let first = _mm512_permutex2var_epi8(a, lower, b);
            let second = _mm512_permutex2var_epi8(a, upper, b);
            store(first, second, &mut out[3 * done..3 * (done + count)]);
            done += count;
        }
    }

    /// The first bytes of 128 into up to 96.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    #[inline]
    fn store(first: __m512i, second: __m512i, part: &mut [u8]) {
        debug_assert!(part.len() <= 96);
        if part.len() == 96 {
            // SAFETY: `part` has 96 bytes: 64 and 32.
            unsafe {
                _mm512_storeu_si512(part.as_mut_ptr().cast(), first);
                _mm256_storeu_si256(part.as_mut_ptr().add(64).cast(), _mm512_castsi512_si256(second));
            }
        } else {
            let rest = part.len().saturating_sub(64);
            // SAFETY: the masks have a bit for each byte of `part`, and no other is written.
            unsafe {
                _mm512_mask_storeu_epi8(part.as_mut_ptr().cast(), low(part.len()), first);
                _mm512_mask_storeu_epi8(part.as_mut_ptr().wrapping_add(64).cast(), low(rest), second);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    /// 16 pixels: for each of three blocks of 16 bytes and each plane, the plane's byte at each place, or none.
    static FORWARDS: [[[u8; 16]; 3]; 3] = places(false);
    static BACKWARDS: [[[u8; 16]; 3]; 3] = places(true);

    const fn places(backwards: bool) -> [[[u8; 16]; 3]; 3] {
        let mut places = [[[0x80; 16]; 3]; 3];
        let mut i = 0;
        while i < 48 {
            let pixel = if backwards { 15 - i / 3 } else { i / 3 };
            places[i / 16][i % 3][i % 16] = pixel as u8;
            i += 1;
        }
        places
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn interleave(planes: [&[u8]; 3], out: &mut [u8], backwards: bool) {
        let n = planes[0].len();
        let table = if backwards { &BACKWARDS } else { &FORWARDS };
        let whole = n / 16 * 16;
        for done in (0..whole).step_by(16) {
            let start = if backwards { n - done - 16 } else { done };
            // SAFETY: each range has 16 bytes.
            let values = planes.map(|plane| unsafe { _mm_loadu_si128(plane[start..start + 16].as_ptr().cast()) });
            for (block, places) in out[3 * done..3 * done + 48].as_chunks_mut::<16>().0.iter_mut().zip(table) {
                let mut bytes = _mm_setzero_si128();
                for (values, places) in values.iter().zip(places) {
                    // SAFETY: 16 bytes of a table.
                    let places = unsafe { _mm_loadu_si128(places.as_ptr().cast()) };
                    bytes = _mm_or_si128(bytes, _mm_shuffle_epi8(*values, places));
                }
                // SAFETY: `block` has 16 bytes.
                unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), bytes) };
            }
        }
        let rest = if backwards { 0..n - whole } else { whole..n };
        super::plain_interleave(planes.map(|p| &p[rest.clone()]), &mut out[3 * whole..], backwards);
    }

    /// Five pixels in reverse; the byte before them stays in front.
    static MIRRORED: [u8; 16] = [12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2, 0x80];

    #[target_feature(enable = "avx2")]
    pub(super) fn mirror(from: &[u8], out: &mut [u8]) {
        // SAFETY: 16 bytes of a table.
        let places = unsafe { _mm_loadu_si128(MIRRORED.as_ptr().cast()) };
        let len = from.len();
        let mut done = 0;
        // 16 bytes are read and written for 15, so that one more must follow on both sides.
        while len - done >= 16 {
            let start = len - done - 15;
            // One byte more than the five pixels, before them, where there is no other behind.
            let (source, shifted) = if start + 16 <= len { (start, false) } else { (start - 1, true) };
            // SAFETY: 16 bytes from `source` on lie within the slice.
            let mut bytes = unsafe { _mm_loadu_si128(from[source..source + 16].as_ptr().cast()) };
            if shifted {
                bytes = _mm_srli_si128(bytes, 1);
            }
            let reversed = _mm_shuffle_epi8(bytes, places);
            // SAFETY: 16 bytes from `done` on lie within the slice; the last of them is written again afterwards.
            unsafe { _mm_storeu_si128(out[done..done + 16].as_mut_ptr().cast(), reversed) };
            done += 15;
        }
        let pairs =
            out[done..].as_chunks_mut::<3>().0.iter_mut().zip(from[..len - done].as_chunks::<3>().0.iter().rev());
        pairs.for_each(|(out, from)| *out = *from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_instructions_give_the_same_bytes() {
        let bytes: Vec<u8> = (0..3000_u32).map(|i| (i * 7 + i / 251) as u8).collect();
        for n in 0..140 {
            let planes = [&bytes[1..1 + n], &bytes[1001..1001 + n], &bytes[2001..2001 + n]];
            for backwards in [false, true] {
                let mut expected = vec![0; 3 * n];
                for (i, pixel) in expected.chunks_exact_mut(3).enumerate() {
                    let from = if backwards { n - 1 - i } else { i };
                    pixel.copy_from_slice(&planes.map(|p| p[from]));
                }
                for level in Level::all() {
                    let mut out = vec![255; 3 * n + 1];
                    interleave(level, planes, &mut out[..3 * n], backwards);
                    assert_eq!(out[..3 * n], expected, "{level:?}, {n} pixels, backwards: {backwards}");
                    assert_eq!(out[3 * n], 255);
                }
            }
            for channels in 1..=4 {
                let from = &bytes[5..5 + channels * n];
                let expected: Vec<u8> = from.chunks_exact(channels).rev().flatten().copied().collect();
                for level in Level::all() {
                    let mut out = vec![255; channels * n + 1];
                    mirror_pixels(level, from, channels, &mut out[..channels * n]);
                    assert_eq!(out[..channels * n], expected, "{level:?}, {n} pixels of {channels}");
                    assert_eq!(out[channels * n], 255);
                }
            }
        }
    }
}
