//! Two images in one.

use super::{Rect, to_byte};
use crate::ImageSize;

/// `weight`·image + (1 − `weight`)·other, for mixup, with `weight` in 0..=1 rounded to a 32768th.
///
/// Cut off as FFCV's ImageMixup is, but in whole numbers: where both images have the same value it stays, which in
/// floats it may not.
pub fn blend(image: &mut [u8], other: &[u8], weight: f64) {
    let own = blend_weight(weight);
    let rest = 32768 - own;
    for (v, &other) in image.iter_mut().zip(other) {
        // Factors of 16 bits: every vector instruction set multiplies those.
        let sum = u32::from(u16::from(*v)) * u32::from(own) + u32::from(u16::from(other)) * u32::from(rest);
        *v = (sum >> 15) as u8;
    }
}

/// The whole number that [`blend`] multiplies with: so many 32768ths.
pub fn blend_weight(weight: f64) -> u16 {
    (weight.clamp(0.0, 1.0) * 32768.0).round() as u16
}

/// v·(1 − alpha) + pattern·alpha, clamped to `clamp` and cut off, value by value: FFCV's Poison, which puts a faint
/// pattern (in 0..=255) on chosen images.
pub fn blend_pattern(image: &mut [u8], pattern: &[f32], alpha: &[f32], clamp: (u8, u8)) {
    let (low, high) = (f32::from(clamp.0), f32::from(clamp.1));
    for ((v, &pattern), &alpha) in image.iter_mut().zip(pattern).zip(alpha) {
        *v = to_byte((f32::from(*v) * (1.0 - alpha) + pattern * alpha).min(high).max(low));
    }
}

/// Copies a rectangle of another image of the same size to the same place, for CutMix.
pub fn paste(image: &mut [u8], size: ImageSize, other: &[u8], rect: Rect) {
    for line in rect.lines(size) {
        image[line.clone()].copy_from_slice(&other[line]);
    }
}
