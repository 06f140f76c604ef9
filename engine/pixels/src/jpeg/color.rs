//! From planes of samples to rows of pixels: chroma made wider, and YCbCr made RGB.
//!
//! To libjpeg's very bits: "fancy" (triangle) upsampling, and conversion with constants of 16 bits.

/// Sums of samples of two rows, three parts of the nearer.
#[inline(always)]
pub(crate) fn blend(near: &[u8], far: &[u8], out: &mut [u16]) {
    for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
        *out = 3 * u16::from(near) + u16::from(far);
    }
}

/// A row's samples as sums.
#[inline(always)]
pub(crate) fn widen(near: &[u8], out: &mut [u16]) {
    for (out, &near) in out.iter_mut().zip(near) {
        *out = u16::from(near);
    }
}

/// Two samples from each sum but the first and the last, three parts of it and one of the neighbour on its side.
/// `rounding` is for even and odd samples. `out` has 2 (sums - 2) samples.
#[inline(always)]
pub(crate) fn spread(sums: &[u16], rounding: [u16; 2], shift: u32, out: &mut [u8]) {
    let count = out.len() / 2;
    let (left, middle, right) = (&sums[..count], &sums[1..=count], &sums[2..count + 2]);
    for (((out, &left), &middle), &right) in out.chunks_exact_mut(2).zip(left).zip(middle).zip(right) {
        let even = (3 * middle + left + rounding[0]) >> shift;
        let odd = (3 * middle + right + rounding[1]) >> shift;
        out.copy_from_slice(&(even | odd << 8).to_le_bytes());
    }
}

/// A row between two, three parts of the nearer.
#[inline(always)]
pub(crate) fn between(near: &[u8], far: &[u8], rounding: u16, out: &mut [u8]) {
    for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
        *out = ((3 * u16::from(near) + u16::from(far) + rounding) >> 2) as u8;
    }
}

/// Each sample `times` times.
#[inline(always)]
pub(crate) fn repeat(near: &[u8], out: &mut [u8]) {
    for (out, &near) in out.chunks_exact_mut(2).zip(near) {
        out.fill(near);
    }
}

/// Pixels RGB from samples.
#[inline(always)]
pub(crate) fn convert(y: &[u8], cb: &[u8], cr: &[u8], out: &mut [u8]) {
    for (((out, &y), &cb), &cr) in out.chunks_exact_mut(3).zip(y).zip(cb).zip(cr) {
        let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
        // 1.402, 0.34414, 0.71414 and 1.772 times 2^16.
        let red = y + ((91_881 * cr + 32_768) >> 16);
        let green = y + ((-22_554 * cb - 46_802 * cr + 32_768) >> 16);
        let blue = y + ((116_130 * cb + 32_768) >> 16);
        out.copy_from_slice(&[red, green, blue].map(|value| value.clamp(0, 255) as u8));
    }
}
