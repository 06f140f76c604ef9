//! Gaussian blur.

use super::{Scratch, elementary};
use crate::ImageSize;

/// Values worked on at a time: their sums fill four vector registers.
const BLOCK: usize = 16;
/// The largest radius in use, in pixels.
const MAX_RADIUS: usize = 1 << 15;

/// Blurs with a Gaussian filter of 2·`radius` + 1 pixels and standard deviation `sigma`, in pixels, in both directions.
///
/// As torchvision's `gaussian_blur` with that (odd) kernel size: samples of the bell curve, scaled to a sum of one, and
/// beyond the edge the image is reflected without repeating the outermost pixel (as often as a small image needs;
/// torchvision refuses a radius as large as the image). Weights are whole 65536ths, columns are summed to 128ths, and
/// the end is rounded half up: within one of torchvision. (Pillow's is an approximation by box filters.) A `sigma` that
/// is not positive changes nothing; a radius above 32768 counts as that.
pub fn gaussian_blur(image: &mut [u8], size: ImageSize, radius: usize, sigma: f64, scratch: &mut Scratch) {
    let (height, width, step, line) = (size.height, size.width, size.channels, size.width * size.channels);
    weigh(&mut scratch.weights, radius, sigma);
    let radius = scratch.weights.len() - 1;
    if radius == 0 || image.is_empty() {
        return;
    }
    scratch.copy(image);
    let Scratch { image: source, line: padded, weights, rows } = scratch;
    padded.clear();
    padded.resize(line + 2 * radius * step, 0);
    for (y, out) in image.chunks_exact_mut(line).enumerate() {
        let y = y as isize;
        rows.clear();
        rows.extend((0..=radius as isize).map(|far| [y - far, y + far].map(|row| reflect(row, height) * line)));
        let above_and_below = |far: usize| rows[far].map(|row| &source[row..][..line]);
        // Into 128ths: the sum of two of them still fits 16 bits.
        let middle = &mut padded[radius * step..][..line];
        filter(weights, above_and_below, middle, |sum| ((sum + (1 << 8)) >> 9) as u16);
        for far in 1..=radius as isize {
            for (from, to) in [(-far, -far), (width as isize - 1 + far, width as isize - 1 + far)] {
                let from = reflect(from, width) + radius;
                let to = (to + radius as isize) as usize;
                padded.copy_within(from * step..(from + 1) * step, to * step);
            }
        }
        let left_and_right = |far: usize| [radius - far, radius + far].map(|first| &padded[first * step..][..line]);
        filter(weights, left_and_right, out, |sum| ((sum + (1 << 22)) >> 23) as u8);
    }
}

/// A line of weighted sums over pairs of lines, the same distance to both sides.
#[inline]
fn filter<'a, T, Out>(
    weights: &[u16],
    pair: impl Fn(usize) -> [&'a [T]; 2],
    out: &mut [Out],
    finish: impl Fn(u32) -> Out,
) where
    T: Copy + Into<u16> + 'a,
{
    let line = out.len();
    if line < BLOCK {
        for (x, out) in out.iter_mut().enumerate() {
            let [sum] = sums(weights, &pair, x);
            *out = finish(sum);
        }
        return;
    }
    // The last block ends with the line, over the end of the one before: its sums are made twice, to the same values.
    for start in (0..line / BLOCK).map(|block| block * BLOCK).chain([line - BLOCK]) {
        let sums: [u32; BLOCK] = sums(weights, &pair, start);
        for (out, sum) in out[start..].iter_mut().zip(sums) {
            *out = finish(sum);
        }
    }
}

/// `N` weighted sums, from place `start` of the line on.
#[inline]
fn sums<'a, T, const N: usize>(weights: &[u16], pair: impl Fn(usize) -> [&'a [T]; 2], start: usize) -> [u32; N]
where
    T: Copy + Into<u16> + 'a,
{
    let mut sums = [0; N];
    for (far, &weight) in weights.iter().enumerate() {
        let [before, after] = pair(far).map(|line| &line[start..][..N]);
        for ((sum, &before), &after) in sums.iter_mut().zip(before).zip(after) {
            // 16 bits times 16 bits, which every vector instruction set has.
            *sum += u32::from(before.into() + after.into()) * u32::from(weight);
        }
    }
    sums
}

/// Weights of the middle (once for each of its two sides) and of each distance, in 65536ths; they sum to a half.
/// Distances that weigh nothing are left out.
fn weigh(weights: &mut Vec<u16>, radius: usize, sigma: f64) {
    weights.clear();
    // Nor is what is no number.
    if sigma.is_nan() || sigma <= 0.0 {
        weights.push(1 << 15);
        return;
    }
    // Beyond 6 sigma the curve is below any weight.
    let radius = radius.min(MAX_RADIUS).min((6.0 * sigma).ceil() as usize);
    let curve = |far: usize| {
        let sigmas = far as f64 / sigma;
        elementary::exp(-0.5 * sigmas * sigmas) * if far == 0 { 0.5 } else { 1.0 }
    };
    let whole: f64 = (0..=radius).rev().map(curve).sum();
    // Rounds where the sum stands, not each weight, from the outside in: so the weights sum to a half exactly.
    let (mut sum, mut given) = (0.0, 0);
    for far in (0..=radius).rev() {
        sum += curve(far);
        let due = if far == 0 { 1 << 15 } else { (sum / whole * f64::from(1 << 15)).round() as u16 };
        if due > 0 {
            weights.push(due - given);
        }
        given = due;
    }
    weights.reverse();
}

/// Where a place is found in a line of `length` pixels that is mirrored at its ends.
fn reflect(place: isize, length: usize) -> usize {
    let period = (2 * (length as isize - 1)).max(1);
    let within = place.rem_euclid(period);
    if within < length as isize { within as usize } else { (period - within) as usize }
}

#[cfg(test)]
mod tests {
    use super::{reflect, weigh};

    #[test]
    fn places_beyond_the_edge_are_mirrored() {
        let places: Vec<usize> = (-5..9).map(|place| reflect(place, 4)).collect();
        assert_eq!(places, [1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!((reflect(-3, 1), reflect(7, 1)), (0, 0));
    }

    #[test]
    fn weights_sum_to_a_half_and_fall() {
        let mut weights = Vec::new();
        for radius in [0, 1, 2, 11, 300, 40_000] {
            for sigma in [f64::NAN, -1.0, 0.0, 1e-300, 0.1, 0.8, 2.0, 5.0, 1e4, 1e300] {
                weigh(&mut weights, radius, sigma);
                assert_eq!(weights.iter().map(|&w| u32::from(w)).sum::<u32>(), 1 << 15, "{radius}, {sigma}");
                assert!(weights[1..].windows(2).all(|pair| pair[0] + 1 >= pair[1]), "{radius}, {sigma}: {weights:?}");
            }
        }
    }
}
