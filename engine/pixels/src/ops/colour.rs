//! Grey, and colour against grey.

use super::to_byte;
use crate::ImageSize;

/// The grey of a colour: 0.2989 R + 0.587 G + 0.114 B, cut off, as FFCV and torchvision; white becomes 254.
///
/// (Pillow's weights add up to one, and it rounds.)
#[inline]
fn grey([r, g, b]: [u8; 3]) -> u8 {
    to_byte(0.2989 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b))
}

/// The red, green and blue of each pixel. None where there are fewer than three channels; others come along unseen.
fn colours(image: &mut [u8], size: ImageSize) -> impl Iterator<Item = &mut [u8; 3]> {
    let channels = size.channels.max(1);
    image.chunks_exact_mut(channels).filter_map(|pixel| pixel.first_chunk_mut::<3>())
}

/// The mean of the greys of all pixels, for [`contrast`](super::tables::contrast). With fewer than three channels,
/// the mean of all values; 0 for an image without pixels.
pub fn grey_mean(image: &[u8], size: ImageSize) -> f32 {
    let (sum, count) = match size.channels {
        0..=2 => (image.iter().map(|&v| u64::from(v)).sum::<u64>(), image.len()),
        3 => {
            let pixels = image.as_chunks::<3>().0;
            (pixels.iter().map(|&colour| u64::from(grey(colour))).sum(), pixels.len())
        }
        channels => {
            let pixels = image.chunks_exact(channels);
            let count = pixels.len();
            (pixels.filter_map(|pixel| pixel.first_chunk()).map(|&colour| u64::from(grey(colour))).sum(), count)
        }
    };
    (sum as f64 / count.max(1) as f64) as f32
}

/// `factor`·v + (1 − `factor`)·grey of the pixel: 0 is grey, 1 changes nothing, above 1 more colourful.
///
/// As FFCV's RandomSaturation, torchvision's `adjust_saturation` and RandAugment's Color. Needs red, green, blue:
/// images of fewer channels stay as they are, and so does a fourth channel.
pub fn saturation(image: &mut [u8], size: ImageSize, factor: f64) {
    let (own, other) = (factor as f32, (1.0 - factor) as f32);
    // The products from tables, which is faster than to turn bytes into floats.
    let own: [f32; 256] = std::array::from_fn(|v| own * v as f32);
    let mix = |colour: &mut [u8; 3]| {
        let part = other * f32::from(grey(*colour));
        *colour = colour.map(|v| to_byte(own[usize::from(v)] + part));
    };
    match size.channels {
        3 => image.as_chunks_mut::<3>().0.iter_mut().for_each(mix),
        _ => colours(image, size).for_each(mix),
    }
}

/// Replaces each colour by its grey, in all three channels: torchvision's `rgb_to_grayscale` with three channels out.
/// Images of fewer than three channels stay as they are, and so does a fourth channel.
pub fn grayscale(image: &mut [u8], size: ImageSize) {
    match size.channels {
        3 => image.as_chunks_mut::<3>().0.iter_mut().for_each(|colour| *colour = [grey(*colour); 3]),
        _ => colours(image, size).for_each(|colour| *colour = [grey(*colour); 3]),
    }
}

/// Writes the grey of each pixel to `out`, a byte a pixel: torchvision's `rgb_to_grayscale` with one channel out. With
/// fewer than three channels, the first of them.
pub fn grey_into(image: &[u8], size: ImageSize, out: &mut [u8]) {
    for (pixel, out) in image.chunks_exact(size.channels.max(1)).zip(out) {
        *out = pixel.first_chunk().map_or(pixel[0], |&colour| grey(colour));
    }
}
