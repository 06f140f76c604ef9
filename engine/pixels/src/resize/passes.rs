//! Passes over rows of pixels, plain: the definition of what `simd::resize` does.

/// Rows have at least so many bytes behind their pixels that may be read: for instructions that read more.
pub(crate) const BEHIND: usize = 32;

/// Two taps along a row, for `channels` values a pixel: values of 15 bits, the upper ones of 19.
#[inline(always)]
pub(crate) fn pairs_across(row: &[u8], first: &[i32], weights: &[[i16; 2]], channels: usize, out: &mut [i16]) {
    for ((out, &first), &[a, b]) in out.chunks_exact_mut(channels).zip(first).zip(weights) {
        let pixels = &row[first as usize * channels..][..2 * channels];
        for (c, out) in out.iter_mut().enumerate() {
            let sum = i32::from(pixels[c]) * i32::from(a) + i32::from(pixels[c + channels]) * i32::from(b);
            *out = (sum >> 4) as i16;
        }
    }
}

/// Two rows of such values to one of bytes.
#[inline(always)]
pub(crate) fn pairs_down(upper: &[i16], lower: &[i16], [a, b]: [i16; 2], out: &mut [u8]) {
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        let high = |value: i16, weight: i16| (i32::from(value) * i32::from(weight)) >> 16;
        *out = ((high(upper, a) + high(lower, b) + 2) >> 2).clamp(0, 255) as u8;
    }
}

/// `count` taps along a row. `weights` has `count` for each output pixel, with `bits` behind the point.
#[inline(always)]
pub(crate) fn taps_across(
    row: &[u8],
    first: &[usize],
    (weights, count, bits): (&[i16], usize, u32),
    channels: usize,
    out: &mut [u8],
) {
    for ((out, &first), weights) in out.chunks_exact_mut(channels).zip(first).zip(weights.chunks_exact(count)) {
        for (c, out) in out.iter_mut().enumerate() {
            let mut sum = 1i32 << bits >> 1;
            for (j, &weight) in weights.iter().enumerate() {
                // Weights behind the row's end are zero, and nothing need be there.
                let value = row.get((first + j) * channels + c).copied().unwrap_or(0);
                sum += i32::from(value) * i32::from(weight);
            }
            *out = (sum >> bits).clamp(0, 255) as u8;
        }
    }
}

/// Rows times weights, from byte `from` of each on. Rows lie `stride` apart.
#[inline(always)]
pub(crate) fn taps_down(rows: &[u8], stride: usize, from: usize, weights: &[i16], bits: u32, out: &mut [u8]) {
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = 1i32 << bits >> 1;
        for (j, &weight) in weights.iter().enumerate() {
            if weight != 0 {
                sum += i32::from(rows[j * stride + from + i]) * i32::from(weight);
            }
        }
        *out = (sum >> bits).clamp(0, 255) as u8;
    }
}

/// Fractions of pixels along a row. `weights` has as many for each output pixel.
#[inline(always)]
pub(crate) fn cells_across(row: &[u8], first: &[usize], weights: &[f32], channels: usize, out: &mut [f32]) {
    let count = weights.len() / first.len();
    for ((out, &first), weights) in out.chunks_exact_mut(channels).zip(first).zip(weights.chunks_exact(count)) {
        out.fill(0.0);
        for (pixel, &weight) in row[first * channels..].chunks_exact(channels).zip(weights) {
            for (out, &value) in out.iter_mut().zip(pixel) {
                *out += f32::from(value) * weight;
            }
        }
    }
}

/// Adds a row's values times a weight.
#[inline(always)]
pub(crate) fn cells_down(row: &[f32], weight: f32, sums: &mut [f32]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum += value * weight;
    }
}

/// To the nearest byte, halves to even.
#[inline(always)]
pub(crate) fn cells_done(sums: &[f32], out: &mut [u8]) {
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = sum.round_ties_even() as u8;
    }
}
