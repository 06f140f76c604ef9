//! Colours with AVX2.

use super::Level;
use crate::jpeg::color;

/// The plain loops of `jpeg::color`, compiled for what the processor has.
macro_rules! compiled {
    ($($name:ident($($argument:ident: $kind:ty),*);)*) => {
        $(
            pub(crate) fn $name(self, $($argument: $kind),*) {
                #[cfg(target_arch = "x86_64")]
                {
                    #[target_feature(enable = "avx2")]
                    fn with_avx2($($argument: $kind),*) {
                        color::$name($($argument),*);
                    }
                    if self.0 >= Level::Avx2 {
                        // SAFETY: `Level::best` has asked the processor for AVX2.
                        return unsafe { with_avx2($($argument),*) };
                    }
                }
                color::$name($($argument),*);
            }
        )*
    };
}

/// Makes rows of samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows(pub Level);

impl Rows {
    compiled! {
        blend(near: &[u8], far: &[u8], out: &mut [u16]);
        widen(near: &[u8], out: &mut [u16]);
        spread(sums: &[u16], rounding: [u16; 2], shift: u32, out: &mut [u8]);
        between(near: &[u8], far: &[u8], rounding: u16, out: &mut [u8]);
        repeat(near: &[u8], out: &mut [u8]);
    }
}

/// `jpeg::color::convert`.
pub(crate) fn convert(level: Level, y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    let pixels = out.len() / 3;
    assert!(y.len() >= pixels && cb.len() >= pixels && cr.len() >= pixels, "each pixel has its samples");
    #[cfg(target_arch = "x86_64")]
    if level >= Level::Avx2 && pixels >= 32 {
        // SAFETY: `Level::best` has asked the processor for AVX2; `pixels` of each are there, as checked above.
        return unsafe { x86::convert(y.as_ptr(), cb.as_ptr(), cr.as_ptr(), out.as_mut_ptr(), pixels) };
    }
    let _ = level;
    color::convert(y, cb, cr, out);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// (k c + 2^15) >> 16 = (((2 k c) >> 16) + 1) >> 1, with k below 2^15: what is above is added as c.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn part(c: __m256i, k: i16) -> __m256i {
        let product = _mm256_mulhi_epi16(_mm256_add_epi16(c, c), _mm256_set1_epi16(k));
        _mm256_srai_epi16::<1>(_mm256_add_epi16(product, _mm256_set1_epi16(1)))
    }

    /// Of sixteen values of a channel, which each of the three times sixteen bytes of output takes.
    const MASKS: [[[i8; 16]; 3]; 3] = {
        let mut masks = [[[-1; 16]; 3]; 3];
        let mut byte = 0;
        while byte < 48 {
            masks[byte / 16][byte % 3][byte % 16] = (byte / 3) as i8;
            byte += 1;
        }
        masks
    };

    #[target_feature(enable = "avx2")]
    #[inline]
    fn mask(mask: &[i8; 16]) -> __m256i {
        // SAFETY: sixteen bytes are there.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(mask.as_ptr().cast()) })
    }

    /// Red, green and blue of sixteen pixels, as words.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sixteen(y: __m256i, cb: __m256i, cr: __m256i) -> [__m256i; 3] {
        let middle = _mm256_set1_epi16(128);
        let (cb, cr) = (_mm256_sub_epi16(cb, middle), _mm256_sub_epi16(cr, middle));
        let red = _mm256_add_epi16(y, _mm256_add_epi16(cr, part(cr, 26_345)));
        let blue = _mm256_add_epi16(y, _mm256_add_epi16(_mm256_add_epi16(cb, cb), part(cb, -14_942)));
        // -46802 = 18734 - 65536.
        let factors = _mm256_set1_epi32((-22_554i16 as u16 as i32) | 18_734 << 16);
        let round = _mm256_set1_epi32(1 << 15);
        let low = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpacklo_epi16(cb, cr), factors), round);
        let high = _mm256_add_epi32(_mm256_madd_epi16(_mm256_unpackhi_epi16(cb, cr), factors), round);
        let sums = _mm256_packs_epi32(_mm256_srai_epi32::<16>(low), _mm256_srai_epi32::<16>(high));
        let green = _mm256_add_epi16(y, _mm256_sub_epi16(sums, cr));
        [red, green, blue]
    }

    /// # Safety
    ///
    /// `pixels` is at least 32, and so many samples of each, and three times as many bytes of `out`, are there.
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn convert(y: *const u8, cb: *const u8, cr: *const u8, out: *mut u8, pixels: usize) {
        let mut masks = [[_mm256_setzero_si256(); 3]; 3];
        for (masks, bytes) in masks.iter_mut().zip(&MASKS) {
            *masks = [mask(&bytes[0]), mask(&bytes[1]), mask(&bytes[2])];
        }
        let zero = _mm256_setzero_si256();
        let mut at = 0;
        while at < pixels {
            // The last 32 may have been done in part.
            at = at.min(pixels - 32);
            // SAFETY: 32 samples from `at` on are there.
            let (y, cb, cr) = unsafe {
                let y = _mm256_loadu_si256(y.add(at).cast());
                (y, _mm256_loadu_si256(cb.add(at).cast()), _mm256_loadu_si256(cr.add(at).cast()))
            };
            let low =
                sixteen(_mm256_unpacklo_epi8(y, zero), _mm256_unpacklo_epi8(cb, zero), _mm256_unpacklo_epi8(cr, zero));
            let high =
                sixteen(_mm256_unpackhi_epi8(y, zero), _mm256_unpackhi_epi8(cb, zero), _mm256_unpackhi_epi8(cr, zero));
            let colours = [
                _mm256_packus_epi16(low[0], high[0]),
                _mm256_packus_epi16(low[1], high[1]),
                _mm256_packus_epi16(low[2], high[2]),
            ];
            for (part, mask) in masks.iter().enumerate() {
                let red = _mm256_shuffle_epi8(colours[0], mask[0]);
                let green = _mm256_shuffle_epi8(colours[1], mask[1]);
                let blue = _mm256_shuffle_epi8(colours[2], mask[2]);
                let bytes = _mm256_or_si256(_mm256_or_si256(red, green), blue);
                // SAFETY: bytes 16 `part` to 16 `part` + 15 of 48 for the first sixteen pixels, and as many 48 further.
                unsafe {
                    let to = out.add(3 * at + 16 * part);
                    _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(bytes));
                    _mm_storeu_si128(to.add(48).cast(), _mm256_extracti128_si256::<1>(bytes));
                }
            }
            at += 32;
        }
    }
}
