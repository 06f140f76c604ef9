//! Passes over rows of pixels with AVX2: `resize::passes` says what they do.

use super::Level;
use crate::resize::passes::{self, BEHIND};

/// Does the passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes(pub Level);

impl Passes {
    /// Whether there are instructions for it.
    fn vectors(self) -> bool {
        cfg!(target_arch = "x86_64") && self.0 >= Level::Avx2
    }

    /// `passes::pairs_across`; `row` and `out` have `BEHIND` more than their pixels.
    pub fn pairs_across(self, row: &[u8], first: &[i32], weights: &[[i16; 2]], channels: usize, out: &mut [i16]) {
        let length = first.len() * channels;
        let pixels = (row.len() - BEHIND) / channels;
        assert!(out.len() >= length + BEHIND && weights.len() == first.len(), "each output pixel has its place");
        // Without leaving early, which the processor does many at a time.
        let within = first.iter().fold(true, |all, &first| all & ((first as u32) < pixels as u32));
        assert!(within && pixels < 1 << 31, "each tap is within the row");
        #[cfg(target_arch = "x86_64")]
        if self.vectors() && matches!(channels, 3 | 4) {
            // SAFETY: the processor has AVX2; lengths and places are as asked for, as checked above.
            return unsafe { x86::pairs_across(row, first, weights, channels, out) };
        }
        passes::pairs_across(row, first, weights, channels, &mut out[..length]);
    }

    /// `passes::pairs_down`.
    pub fn pairs_down(self, upper: &[i16], lower: &[i16], weights: [i16; 2], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if self.vectors() {
            let done = out.len() / 32 * 32;
            assert!(upper.len() >= out.len() && lower.len() >= out.len(), "each byte has two values");
            // SAFETY: the processor has AVX2; `done` values are there.
            unsafe { x86::pairs_down(upper, lower, weights, &mut out[..done]) };
            return passes::pairs_down(&upper[done..], &lower[done..], weights, &mut out[done..]);
        }
        passes::pairs_down(upper, lower, weights, out);
    }

    /// `passes::taps_across`; `row` and `out` have `BEHIND` more than their pixels.
    pub fn taps_across(
        self,
        row: &[u8],
        first: &[usize],
        (weights, count, bits): (&[i16], usize, u32),
        channels: usize,
        out: &mut [u8],
    ) {
        let length = first.len() * channels;
        assert!(out.len() >= length + BEHIND && weights.len() == first.len() * count, "each output pixel has weights");
        assert!(count.is_multiple_of(4), "weights come by four");
        #[cfg(target_arch = "x86_64")]
        if self.vectors() && matches!(channels, 3 | 4) {
            let pixels = (row.len() - BEHIND) / channels;
            assert!(first.iter().fold(true, |all, &first| all & (first < pixels)), "each tap is within the row");
            // SAFETY: the processor has AVX2; lengths and places are as asked for, as checked above.
            return unsafe { x86::taps_across(row, first, (weights, count, bits), channels, out) };
        }
        let row = &row[..row.len() - BEHIND];
        passes::taps_across(row, first, (weights, count, bits), channels, &mut out[..length]);
    }

    /// `passes::taps_down` from the rows' beginning.
    pub fn taps_down(self, rows: &[u8], stride: usize, weights: &[i16], bits: u32, out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if self.vectors() {
            let done = out.len() / 16 * 16;
            assert!(weights.len().is_multiple_of(2), "weights come by four");
            assert!(rows.len() >= (weights.len() - 1) * stride + out.len(), "each weight has a row");
            // SAFETY: the processor has AVX2; the rows' values are there.
            unsafe { x86::taps_down(rows, stride, weights, bits, &mut out[..done]) };
            return passes::taps_down(rows, stride, done, weights, bits, &mut out[done..]);
        }
        passes::taps_down(rows, stride, 0, weights, bits, out);
    }

    /// `passes::cells_across`; `row` and `out` have `BEHIND` more than their pixels.
    pub fn cells_across(self, row: &[u8], first: &[usize], weights: &[f32], channels: usize, out: &mut [f32]) {
        let length = first.len() * channels;
        #[cfg(target_arch = "x86_64")]
        if self.vectors() && matches!(channels, 3 | 4) {
            assert!(out.len() >= length + BEHIND, "the row has room behind it");
            assert!(weights.len().is_multiple_of(first.len()), "each output pixel has as many weights");
            let pixels = (row.len() - BEHIND) / channels;
            // What is read behind the row has a weight of zero; no more than one pixel is.
            let most = pixels + 1 - weights.len() / first.len();
            assert!(first.iter().fold(true, |all, &first| all & (first <= most)), "each tap is within the row");
            // SAFETY: the processor has AVX2; lengths and places are as asked for, as checked above.
            return unsafe { x86::cells_across(row, first, weights, channels, out) };
        }
        passes::cells_across(row, first, weights, channels, &mut out[..length]);
    }

    /// `passes::cells_down`.
    pub fn cells_down(self, row: &[f32], weight: f32, sums: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if self.vectors() {
            // SAFETY: the processor has AVX2.
            return unsafe { x86::cells_down(row, weight, sums) };
        }
        passes::cells_down(row, weight, sums);
    }

    /// `passes::cells_done`.
    pub fn cells_done(self, sums: &[f32], out: &mut [u8]) {
        #[cfg(target_arch = "x86_64")]
        if self.vectors() {
            let done = out.len() / 16 * 16;
            assert!(sums.len() >= done, "each byte has its sum");
            // SAFETY: the processor has AVX2; `done` sums are there.
            unsafe { x86::cells_done(sums, &mut out[..done]) };
            return passes::cells_done(&sums[done..], &mut out[done..]);
        }
        passes::cells_done(sums, out);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::passes;
    use std::arch::x86_64::*;

    /// Bytes of two pixels, of three or four channels, to words: each channel's two side by side.
    const fn interleaved(channels: usize, from: usize) -> [i8; 16] {
        let mut mask = [-1; 16];
        let mut c = 0;
        while c < 4 {
            mask[4 * c] = (from + c) as i8;
            mask[4 * c + 2] = (from + c + channels) as i8;
            c += 1;
        }
        mask
    }

    /// The same for both halves; `further` is by how much the upper half's pixels lie further.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn pixels(channels: usize, further: usize) -> __m256i {
        let (low, high) = (interleaved(channels, 0), interleaved(channels, further));
        // SAFETY: sixteen bytes each.
        unsafe { _mm256_set_m128i(_mm_loadu_si128(high.as_ptr().cast()), _mm_loadu_si128(low.as_ptr().cast())) }
    }

    /// # Safety
    ///
    /// Eight bytes can be read from each pixel of `first` in `row`, and each output pixel has room for four values.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn pairs_across(
        row: &[u8],
        first: &[i32],
        weights: &[[i16; 2]],
        channels: usize,
        out: &mut [i16],
    ) {
        let mask = pixels(channels, 0);
        let (row, out) = (row.as_ptr(), out.as_mut_ptr());
        let mut i = 0;
        while i < first.len() {
            // An odd last one is done twice.
            let j = (i + 1).min(first.len() - 1);
            // SAFETY: the caller has checked the places; eight bytes behind each can be read, four words written, of
            // which the next pixel's overwrites one where there are three channels.
            unsafe {
                let a = _mm_loadl_epi64(row.add(first[i] as usize * channels).cast());
                let b = _mm_loadl_epi64(row.add(first[j] as usize * channels).cast());
                let values = _mm256_shuffle_epi8(_mm256_set_m128i(b, a), mask);
                let [p, q] = [weights[i], weights[j]].map(|[a, b]| i32::from(a as u16) | i32::from(b) << 16);
                let factors = _mm256_set_m128i(_mm_set1_epi32(q), _mm_set1_epi32(p));
                let sums = _mm256_srai_epi32::<4>(_mm256_madd_epi16(values, factors));
                let words = _mm256_packs_epi32(sums, sums);
                _mm_storel_epi64(out.add(i * channels).cast(), _mm256_castsi256_si128(words));
                _mm_storel_epi64(out.add(j * channels).cast(), _mm256_extracti128_si256::<1>(words));
            }
            i += 2;
        }
    }

    /// # Safety
    ///
    /// `out` is a multiple of 32 long, and `upper` and `lower` are as long.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn pairs_down(upper: &[i16], lower: &[i16], [a, b]: [i16; 2], out: &mut [u8]) {
        let (a, b, two) = (_mm256_set1_epi16(a), _mm256_set1_epi16(b), _mm256_set1_epi16(2));
        for at in (0..out.len()).step_by(32) {
            // SAFETY: 32 values from `at` on are there.
            unsafe {
                let mut words = [_mm256_setzero_si256(); 2];
                for (i, words) in words.iter_mut().enumerate() {
                    let upper = _mm256_loadu_si256(upper.as_ptr().add(at + 16 * i).cast());
                    let lower = _mm256_loadu_si256(lower.as_ptr().add(at + 16 * i).cast());
                    let sum = _mm256_add_epi16(_mm256_mulhi_epi16(upper, a), _mm256_mulhi_epi16(lower, b));
                    *words = _mm256_srai_epi16::<2>(_mm256_add_epi16(sum, two));
                }
                let bytes = _mm256_permute4x64_epi64::<0b1101_1000>(_mm256_packus_epi16(words[0], words[1]));
                _mm256_storeu_si256(out.as_mut_ptr().add(at).cast(), bytes);
            }
        }
    }

    /// # Safety
    ///
    /// `count` is a multiple of four; from each pixel of `first` on, whatever weights are not zero, can be read, and
    /// 16 bytes more; each output pixel has room for four bytes.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn taps_across(
        row: &[u8],
        first: &[usize],
        (weights, count, bits): (&[i16], usize, u32),
        channels: usize,
        out: &mut [u8],
    ) {
        let mask = pixels(channels, 2 * channels);
        // Of four weights, the first two for the lower half, the others for the upper.
        let spread = _mm256_setr_epi8(
            0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7,
        );
        let round = _mm256_set1_epi32(1i32 << bits >> 1);
        let shift = _mm_cvtsi32_si128(bits as i32);
        // What can be read at all: behind it, weights are zero.
        let last = row.len() - 16;
        let (row, weights, out) = (row.as_ptr(), weights.as_ptr(), out.as_mut_ptr());
        let mut i = 0;
        while i < first.len() {
            // An odd last one is done twice.
            let j = (i + 1).min(first.len() - 1);
            let mut sums = [_mm256_setzero_si256(); 2];
            for tap in (0..count).step_by(4) {
                for (sums, i) in sums.iter_mut().zip([i, j]) {
                    let place = ((first[i] + tap) * channels).min(last);
                    // SAFETY: sixteen bytes from `last` on are there, and four weights.
                    unsafe {
                        let values = _mm256_broadcastsi128_si256(_mm_loadu_si128(row.add(place).cast()));
                        let factors = _mm256_set1_epi64x(weights.add(i * count + tap).cast::<i64>().read_unaligned());
                        let factors = _mm256_shuffle_epi8(factors, spread);
                        let products = _mm256_madd_epi16(_mm256_shuffle_epi8(values, mask), factors);
                        *sums = _mm256_add_epi32(*sums, products);
                    }
                }
            }
            let low = _mm256_permute2x128_si256::<0x20>(sums[0], sums[1]);
            let sum = _mm256_add_epi32(low, _mm256_permute2x128_si256::<0x31>(sums[0], sums[1]));
            let sum = _mm256_sra_epi32(_mm256_add_epi32(sum, round), shift);
            let words = _mm256_packs_epi32(sum, sum);
            let bytes = _mm256_packus_epi16(words, words);
            // SAFETY: the row has room behind its last pixel.
            unsafe {
                out.add(i * channels).cast::<i32>().write_unaligned(_mm256_extract_epi32::<0>(bytes));
                out.add(j * channels).cast::<i32>().write_unaligned(_mm256_extract_epi32::<4>(bytes));
            }
            i += 2;
        }
    }

    /// # Safety
    ///
    /// `out` is a multiple of 16 long; there are so many bytes of a row for each of an even number of weights.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn taps_down(rows: &[u8], stride: usize, weights: &[i16], bits: u32, out: &mut [u8]) {
        let round = _mm256_set1_epi32(1i32 << bits >> 1);
        let shift = _mm_cvtsi32_si128(bits as i32);
        for at in (0..out.len()).step_by(16) {
            let (mut low, mut high) = (round, round);
            for (j, pair) in weights.chunks_exact(2).enumerate() {
                let factors = _mm256_set1_epi32(i32::from(pair[0] as u16) | i32::from(pair[1]) << 16);
                // SAFETY: sixteen bytes of two rows from `at` on are there.
                unsafe {
                    let place = rows.as_ptr().add(2 * j * stride + at);
                    let a = _mm256_cvtepu8_epi16(_mm_loadu_si128(place.cast()));
                    let b = _mm256_cvtepu8_epi16(_mm_loadu_si128(place.add(stride).cast()));
                    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), factors));
                    high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), factors));
                }
            }
            let words = _mm256_packs_epi32(_mm256_sra_epi32(low, shift), _mm256_sra_epi32(high, shift));
            let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            // SAFETY: sixteen bytes from `at` on are there.
            unsafe { _mm_storeu_si128(out.as_mut_ptr().add(at).cast(), bytes) };
        }
    }

    /// # Safety
    ///
    /// From each pixel of `first` on, as many as it has weights can be read, and four bytes more; each output pixel has
    /// room for four values.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn cells_across(row: &[u8], first: &[usize], weights: &[f32], channels: usize, out: &mut [f32]) {
        let count = weights.len() / first.len();
        let (row, weights, out) = (row.as_ptr(), weights.as_ptr(), out.as_mut_ptr());
        let mut i = 0;
        while i < first.len() {
            // An odd last one is done twice.
            let j = (i + 1).min(first.len() - 1);
            let mut sums = _mm256_setzero_ps();
            for tap in 0..count {
                // SAFETY: the caller has checked the places; each output pixel has `count` weights.
                unsafe {
                    let a = row.add((first[i] + tap) * channels).cast::<i32>().read_unaligned();
                    let b = row.add((first[j] + tap) * channels).cast::<i32>().read_unaligned();
                    let bytes = _mm_insert_epi32::<1>(_mm_cvtsi32_si128(a), b);
                    let values = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
                    let (p, q) = (*weights.add(i * count + tap), *weights.add(j * count + tap));
                    let factors = _mm256_set_m128(_mm_set1_ps(q), _mm_set1_ps(p));
                    sums = _mm256_add_ps(sums, _mm256_mul_ps(values, factors));
                }
            }
            // SAFETY: the row has room behind its last pixel; the first's fourth value is overwritten by the second's.
            unsafe {
                _mm_storeu_ps(out.add(i * channels), _mm256_castps256_ps128(sums));
                _mm_storeu_ps(out.add(j * channels), _mm256_extractf128_ps::<1>(sums));
            }
            i += 2;
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn cells_down(row: &[f32], weight: f32, sums: &mut [f32]) {
        passes::cells_down(row, weight, sums);
    }

    /// # Safety
    ///
    /// `out` is a multiple of 16 long, and `sums` at least as long.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn cells_done(sums: &[f32], out: &mut [u8]) {
        for at in (0..out.len()).step_by(16) {
            // SAFETY: sixteen values from `at` on are there. Conversion rounds to even, as no one changes that here.
            unsafe {
                let from = sums.as_ptr().add(at);
                let low = _mm256_cvtps_epi32(_mm256_loadu_ps(from));
                let high = _mm256_cvtps_epi32(_mm256_loadu_ps(from.add(8)));
                let words = _mm256_permute4x64_epi64::<0b1101_1000>(_mm256_packs_epi32(low, high));
                let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
                _mm_storeu_si128(out.as_mut_ptr().add(at).cast(), bytes);
            }
        }
    }
}
