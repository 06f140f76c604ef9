//! Rectangles of an image, and what they are filled with.

use super::Colour;
use crate::ImageSize;

/// A rectangle of pixels. What of it lies outside an image is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Its first line.
    pub top: usize,
    /// Its first column.
    pub left: usize,
    /// Lines.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Rect {
    /// The whole image.
    pub const fn whole(size: ImageSize) -> Self {
        Self { top: 0, left: 0, height: size.height, width: size.width }
    }

    /// The part that lies inside the image.
    #[must_use]
    pub fn clipped(self, size: ImageSize) -> Self {
        let (top, left) = (self.top.min(size.height), self.left.min(size.width));
        Self { top, left, height: self.height.min(size.height - top), width: self.width.min(size.width - left) }
    }

    /// Where its lines are in an image's bytes, from top to bottom.
    pub(super) fn lines(self, size: ImageSize) -> impl Iterator<Item = std::ops::Range<usize>> {
        let Self { top, left, height, width } = self.clipped(size);
        (top..top + height).map(move |y| {
            let start = (y * size.width + left) * size.channels;
            start..start + width * size.channels
        })
    }
}

/// Fills a rectangle with one colour.
pub fn fill(image: &mut [u8], size: ImageSize, rect: Rect, colour: Colour) {
    let mut lines = rect.lines(size);
    let Some(first) = lines.next() else { return };
    for pixel in image[first.clone()].chunks_exact_mut(size.channels.max(1)) {
        for (channel, v) in pixel.iter_mut().enumerate() {
            *v = colour[channel % 4];
        }
    }
    for line in lines {
        image.copy_within(first.clone(), line.start);
    }
}

/// Fills a rectangle with random bytes, all as likely, independent for each pixel and channel.
///
/// The bytes are those of SplitMix64's numbers from `seed` on, each from its lowest byte up; every line of the
/// rectangle starts with a new number. (The random fill of torchvision's and timm's RandomErasing is a standard normal
/// number on top of normalised images, which bytes cannot hold.)
pub fn fill_noise(image: &mut [u8], size: ImageSize, rect: Rect, seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    for line in rect.lines(size) {
        for bytes in image[line].chunks_mut(8) {
            bytes.copy_from_slice(&next()[..bytes.len()]);
        }
    }
}

/// The mean colour of an image, rounded half up: what to [`fill`] with for a hole that doesn't change it.
pub fn mean_colour(image: &[u8], size: ImageSize) -> Colour {
    let mut sums = [0_u64; 4];
    for pixel in image.chunks_exact(size.channels.max(1)) {
        for (sum, &v) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(v);
        }
    }
    let pixels = (size.height * size.width).max(1) as u64;
    sums.map(|sum| ((2 * sum + pixels) / (2 * pixels)) as u8)
}
