//! Rectangles of one colour.

use super::{Level, Lines};

/// Fills `bytes` bytes of each line with a colour, a value a channel; a part starts and ends with a whole pixel.
///
/// # Panics
///
/// If a part lies outside of the image.
pub(crate) fn fill_lines(level: Level, image: &mut [u8], lines: Lines, bytes: usize, colour: &[u8]) {
    if bytes == 0 || lines.count == 0 {
        return;
    }
    assert!(lines.end(bytes) <= image.len(), "parts of an image");
    #[cfg(target_arch = "x86_64")]
    if level == Level::Avx512 && matches!(colour.len(), 1 | 3 | 4) {
        // SAFETY: this level means that the processor has these instructions.
        return unsafe { fill_avx512(image, lines, bytes, colour) };
    }
    let _ = level;
    for line in 0..lines.count {
        let part = &mut image[lines.start + line * lines.stride..][..bytes];
        match colour {
            [all] => part.fill(*all),
            [r, g, b] => part.as_chunks_mut::<3>().0.fill([*r, *g, *b]),
            colour => part.chunks_exact_mut(colour.len()).for_each(|pixel| pixel.copy_from_slice(colour)),
        }
    }
}

/// Three vectors of pixels of three values: for each byte, which value it is.
#[cfg(target_arch = "x86_64")]
static THREES: [[u8; 64]; 3] = {
    let mut places = [[0; 64]; 3];
    let mut i = 0;
    while i < 192 {
        places[i / 64][i % 64] = (i % 3) as u8;
        i += 1;
    }
    places
};

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
fn fill_avx512(image: &mut [u8], lines: Lines, bytes: usize, colour: &[u8]) {
    use std::arch::x86_64::*;
    let patterns = match *colour {
        [all] => [_mm512_set1_epi8(all as i8); 3],
        [a, b, c, d] => [_mm512_set1_epi32(i32::from_le_bytes([a, b, c, d])); 3],
        [r, g, b] => {
            let values = _mm512_set1_epi32(i32::from_le_bytes([r, g, b, 0]));
            // SAFETY: 64 bytes of a table each.
            THREES
                .each_ref()
                .map(|places| unsafe { _mm512_permutexvar_epi8(_mm512_loadu_si512(places.as_ptr().cast()), values) })
        }
        _ => unreachable!("the caller has looked"),
    };
    let rest = bytes % 64;
    let mask = (1_u64 << rest) - 1;
    for line in 0..lines.count {
        let part = &mut image[lines.start + line * lines.stride..][..bytes];
        for (vector, block) in part.chunks_exact_mut(64).enumerate() {
            // SAFETY: a block has 64 bytes.
            unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), patterns[vector % 3]) };
        }
        if rest > 0 {
            let end = part[bytes - rest..].as_mut_ptr();
            // SAFETY: the mask has a bit for each byte from there to the end of the part.
            unsafe { _mm512_mask_storeu_epi8(end.cast(), mask, patterns[bytes / 64 % 3]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_instructions_fill_the_same_bytes() {
        for channels in 1..=5 {
            let colour: Vec<u8> = (0..channels).map(|c| 10 + c as u8).collect();
            for pixels in 0..60 {
                let bytes = pixels * channels;
                let lines = Lines { start: 7, stride: 310, count: 3 };
                let mut expected = vec![0; 1000];
                for line in 0..3 {
                    for i in 0..bytes {
                        expected[7 + line * 310 + i] = colour[i % channels];
                    }
                }
                for level in Level::all() {
                    let mut image = vec![0; 1000];
                    fill_lines(level, &mut image, lines, bytes, &colour);
                    assert!(image == expected, "{level:?}, {pixels} pixels of {channels}");
                }
            }
        }
    }
}
