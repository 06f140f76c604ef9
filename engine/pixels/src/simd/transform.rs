//! The inverse cosine transform of a block with AVX2.

use super::Level;

/// `jpeg::transform::plain` for a `level` that has it; false otherwise.
#[inline(always)]
pub(crate) fn transform(level: Level, block: &[i16; 256], steps: &[i16; 64], out: &mut [u8], stride: usize) -> bool {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 {
        assert!(out.len() >= 7 * stride + 8, "a block has eight rows of eight samples");
        // SAFETY: `Level::best` has asked the processor for AVX2, and no other level is above `Plain`; the rows written
        // end within `out`, as checked above.
        unsafe { x86::transform(block, steps, out.as_mut_ptr(), stride) };
        return true;
    }
    let _ = (level, block, steps, out, stride);
    false
}

/// `jpeg::transform::reduced` to 4 × 4 samples for a `level` that has it; false otherwise.
#[inline(always)]
pub(crate) fn transform_four(
    level: Level,
    block: &[i16; 256],
    steps: &[i16; 64],
    out: &mut [u8],
    stride: usize,
) -> bool {
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 {
        assert!(out.len() >= 3 * stride + 4, "there are four rows of four samples");
        // SAFETY: `Level::best` has asked the processor for AVX2, and no other level is above `Plain`; the rows written
        // end within `out`, as checked above.
        unsafe { x86::transform_four(block, steps, out.as_mut_ptr(), stride) };
        return true;
    }
    let _ = (level, block, steps, out, stride);
    false
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::jpeg::transform::{EVEN, ODD};
    use std::arch::x86_64::*;

    /// Two constants as a factor for pairs.
    const fn pair(a: i16, b: i16) -> i32 {
        (a as u16 as i32) | (b as i32) << 16
    }

    /// Even and odd halves of eight lines to their values: sums and differences, shifted.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn finish<const SHIFT: i32>(even: [__m256i; 4], odd: [__m256i; 4]) -> [__m256i; 8] {
        let round = _mm256_set1_epi32(1 << (SHIFT - 1));
        let mut out = [_mm256_setzero_si256(); 8];
        for i in 0..4 {
            let even = _mm256_add_epi32(even[i], round);
            out[i] = _mm256_srai_epi32::<SHIFT>(_mm256_add_epi32(even, odd[i]));
            out[7 - i] = _mm256_srai_epi32::<SHIFT>(_mm256_sub_epi32(even, odd[i]));
        }
        out
    }

    /// The odd half from coefficients (1, 3) and (5, 7).
    #[target_feature(enable = "avx2")]
    #[inline]
    fn odd(c13: __m256i, c57: __m256i) -> [__m256i; 4] {
        let mut out = [_mm256_setzero_si256(); 4];
        for (out, k) in out.iter_mut().zip(ODD) {
            let first = _mm256_madd_epi16(c13, _mm256_set1_epi32(pair(k[0], k[1])));
            let second = _mm256_madd_epi16(c57, _mm256_set1_epi32(pair(k[2], k[3])));
            *out = _mm256_add_epi32(first, second);
        }
        out
    }

    /// Rows `a` and `b` of a block, value beside value.
    ///
    /// # Safety
    ///
    /// `a` and `b` are below 8.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn rows(block: &[i16; 256], steps: &[i16; 64], a: usize, b: usize) -> __m256i {
        // SAFETY: a row has eight values, block and steps eight rows, and loads need no alignment.
        let row = |row| unsafe {
            let values = _mm_loadu_si128(block.as_ptr().add(8 * row).cast());
            _mm_mullo_epi16(values, _mm_loadu_si128(steps.as_ptr().add(8 * row).cast()))
        };
        let (a, b) = (row(a), row(b));
        _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b))
    }

    /// # Safety
    ///
    /// Eight bytes may be written at `out` and at the seven places each `stride` further.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) unsafe fn transform(block: &[i16; 256], steps: &[i16; 64], out: *mut u8, stride: usize) {
        const ONE: i16 = 1 << 13;
        // Columns.
        // SAFETY: all rows are below 8.
        let [c04, c26, c13, c57] = unsafe {
            [rows(block, steps, 0, 4), rows(block, steps, 2, 6), rows(block, steps, 1, 3), rows(block, steps, 5, 7)]
        };
        let sum = _mm256_madd_epi16(c04, _mm256_set1_epi32(pair(ONE, ONE)));
        let difference = _mm256_madd_epi16(c04, _mm256_set1_epi32(pair(ONE, -ONE)));
        let outer = _mm256_madd_epi16(c26, _mm256_set1_epi32(pair(EVEN[0][0], EVEN[0][1])));
        let inner = _mm256_madd_epi16(c26, _mm256_set1_epi32(pair(EVEN[1][0], EVEN[1][1])));
        let even = [
            _mm256_add_epi32(sum, outer),
            _mm256_add_epi32(difference, inner),
            _mm256_sub_epi32(difference, inner),
            _mm256_sub_epi32(sum, outer),
        ];
        let o = finish::<11>(even, odd(c13, c57));
        // Each half-register now holds four columns of two rows. Even columns before odd ones, so that a pair is a lane:
        // (0, 2), (1, 3) and (4, 6), (5, 7).
        let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
        let two = |a, b| _mm256_castsi256_ps(_mm256_shuffle_epi8(_mm256_packs_epi32(a, b), order));
        let (r01, r23, r45, r67) = (two(o[0], o[1]), two(o[2], o[3]), two(o[4], o[5]), two(o[6], o[7]));
        let even_top = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(r01, r23));
        let even_low = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(r45, r67));
        let odd_top = _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(r01, r23));
        let odd_low = _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(r45, r67));
        let c02 = _mm256_permute2x128_si256::<0x20>(even_top, even_low);
        let c46 = _mm256_permute2x128_si256::<0x31>(even_top, even_low);
        let c13 = _mm256_permute2x128_si256::<0x20>(odd_top, odd_low);
        let c57 = _mm256_permute2x128_si256::<0x31>(odd_top, odd_low);
        // Rows: lane r is row r. Pairs differ from the first pass's, sums do not.
        let both = |k02: i32, k46: i32| {
            let first = _mm256_madd_epi16(c02, _mm256_set1_epi32(k02));
            _mm256_add_epi32(first, _mm256_madd_epi16(c46, _mm256_set1_epi32(k46)))
        };
        let [[a, b], [c, d]] = EVEN;
        let even = [
            both(pair(ONE, a), pair(ONE, b)),
            both(pair(ONE, c), pair(-ONE, d)),
            both(pair(ONE, -c), pair(-ONE, -d)),
            both(pair(ONE, -a), pair(ONE, -b)),
        ];
        let o = finish::<18>(even, odd(c13, c57));
        let left = _mm256_packs_epi16(_mm256_packs_epi32(o[0], o[1]), _mm256_packs_epi32(o[2], o[3]));
        let right = _mm256_packs_epi16(_mm256_packs_epi32(o[4], o[5]), _mm256_packs_epi32(o[6], o[7]));
        // Four columns of four rows in each half: turned, then halves of rows joined.
        let turn = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
        let center = _mm256_set1_epi8(-128);
        let left = _mm256_xor_si256(_mm256_shuffle_epi8(left, turn), center);
        let right = _mm256_xor_si256(_mm256_shuffle_epi8(right, turn), center);
        let (first, second) = (_mm256_unpacklo_epi32(left, right), _mm256_unpackhi_epi32(left, right));
        let pairs = [
            _mm256_castsi256_si128(first),
            _mm256_castsi256_si128(second),
            _mm256_extracti128_si256::<1>(first),
            _mm256_extracti128_si256::<1>(second),
        ];
        for (i, pair) in pairs.into_iter().enumerate() {
            // SAFETY: rows 2 i and 2 i + 1 of the eight that may be written.
            unsafe {
                _mm_storel_epi64(out.add(2 * i * stride).cast(), pair);
                _mm_storeh_pd(out.add((2 * i + 1) * stride).cast(), _mm_castsi128_pd(pair));
            }
        }
    }

    /// Four values from coefficients (0, 2) and (1, 3), side by side.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn four<const SHIFT: i32>(c02: __m128i, c13: __m128i) -> [__m128i; 4] {
        const ONE: i16 = 1 << 13;
        let round = _mm_set1_epi32(1 << (SHIFT - 1));
        let sum = _mm_add_epi32(_mm_madd_epi16(c02, _mm_set1_epi32(pair(ONE, ONE))), round);
        let difference = _mm_add_epi32(_mm_madd_epi16(c02, _mm_set1_epi32(pair(ONE, -ONE))), round);
        let outer = _mm_madd_epi16(c13, _mm_set1_epi32(pair(EVEN[0][0], EVEN[0][1])));
        let inner = _mm_madd_epi16(c13, _mm_set1_epi32(pair(EVEN[1][0], EVEN[1][1])));
        [
            _mm_srai_epi32::<SHIFT>(_mm_add_epi32(sum, outer)),
            _mm_srai_epi32::<SHIFT>(_mm_add_epi32(difference, inner)),
            _mm_srai_epi32::<SHIFT>(_mm_sub_epi32(difference, inner)),
            _mm_srai_epi32::<SHIFT>(_mm_sub_epi32(sum, outer)),
        ]
    }

    /// # Safety
    ///
    /// Four bytes may be written at `out` and at the three places each `stride` further.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) unsafe fn transform_four(block: &[i16; 256], steps: &[i16; 64], out: *mut u8, stride: usize) {
        // SAFETY: rows below 4 of a block and of steps, which have eight; loads need no alignment.
        let row = |row: usize| unsafe {
            let values = _mm_loadl_epi64(block.as_ptr().add(8 * row).cast());
            _mm_mullo_epi16(values, _mm_loadl_epi64(steps.as_ptr().add(8 * row).cast()))
        };
        // Columns: a lane is a column.
        let o = four::<11>(_mm_unpacklo_epi16(row(0), row(2)), _mm_unpacklo_epi16(row(1), row(3)));
        // Of each row columns 0 and 2 side by side, then 1 and 3.
        let order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
        let two = |a, b| _mm_castsi128_ps(_mm_shuffle_epi8(_mm_packs_epi32(a, b), order));
        let (top, low) = (two(o[0], o[1]), two(o[2], o[3]));
        let c02 = _mm_castps_si128(_mm_shuffle_ps::<0x88>(top, low));
        let c13 = _mm_castps_si128(_mm_shuffle_ps::<0xdd>(top, low));
        // Rows: a lane is a row.
        let o = four::<18>(c02, c13);
        let bytes = _mm_packs_epi16(_mm_packs_epi32(o[0], o[1]), _mm_packs_epi32(o[2], o[3]));
        let turn = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        let bytes = _mm_xor_si128(_mm_shuffle_epi8(bytes, turn), _mm_set1_epi8(-128));
        // SAFETY: four rows of four bytes may be written, wherever they lie.
        unsafe {
            out.cast::<i32>().write_unaligned(_mm_extract_epi32::<0>(bytes));
            out.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(bytes));
            out.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(bytes));
            out.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(bytes));
        }
    }
}
