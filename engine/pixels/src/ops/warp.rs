//! Images through a map of the plane.

use super::{Affine, Colour, Scratch};
use crate::ImageSize;

/// How a place between pixels gets its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sampling {
    /// That of the pixel it lies in.
    #[default]
    Nearest,
    /// The mean of the four pixels around it, weighted by nearness.
    Bilinear,
}

/// Gives each pixel the colour at the place that `map` sends its middle to; outside the image that is `fill`.
///
/// As torchvision's `affine` and `rotate` (same size out) with a constant fill, and as Pillow's `transform`. A place
/// exactly between pixels goes right and down, as in Pillow; in torchvision it goes where rounding of floats happens to
/// send it. Bilinear sampling mixes with `fill` over the edge, by weight; torchvision does the same without a fill,
/// with one it weighs the edge's pixels twice, and Pillow does not mix there. Weights are whole 2048ths, and the mean
/// is rounded half up. Places are counted in 2⁻³² pixels. The map's factors are held within ±4096 and its shifts within
/// ±2²⁴ pixels; what is no number counts as 0.
pub fn warp(image: &mut [u8], size: ImageSize, map: &Affine, sampling: Sampling, fill: Colour, scratch: &mut Scratch) {
    if image.is_empty() {
        return;
    }
    let source = scratch.copy(image);
    let grid = Grid::new(map, size);
    match size.channels {
        1 => grid.draw::<1>(image, source, 0, sampling, [fill[0]]),
        3 => grid.draw::<3>(image, source, 0, sampling, [fill[0], fill[1], fill[2]]),
        4 => grid.draw::<4>(image, source, 0, sampling, fill),
        channels => (0..channels).for_each(|c| grid.draw::<1>(image, source, c, sampling, [fill[c % 4]])),
    }
}

/// Bits of a pixel that places are counted in.
const BITS: u32 = 32;
const HALF: i64 = 1 << (BITS - 1);
/// Bits of a bilinear weight.
const WEIGHT_BITS: u32 = 11;

/// The map in whole numbers, from the corner of the image instead of its middle.
struct Grid {
    size: ImageSize,
    /// How far half a step to the right and half a step down move the place (x, y).
    right: [i64; 2],
    down: [i64; 2],
    /// Where the middle of the image is found.
    middle: [i64; 2],
}

impl Grid {
    fn new(&Affine([a, b, c, d, e, f]): &Affine, size: ImageSize) -> Self {
        let fixed = |number: f64, limit: f64, one: i64| (number.clamp(-limit, limit) * one as f64).round() as i64;
        // Places are odd numbers of half pixels from the middle; so nothing is lost for odd sizes.
        let half_step = |number| fixed(number, 4096.0, HALF);
        let shift = |number, length: usize| fixed(number, f64::from(1 << 24), 1 << BITS) + length as i64 * HALF;
        Self {
            size,
            right: [half_step(a), half_step(d)],
            down: [half_step(b), half_step(e)],
            middle: [shift(c, size.width), shift(f, size.height)],
        }
    }

    /// Where the middle of the first pixel of line `y` is found.
    fn start(&self, y: usize) -> [i64; 2] {
        let (x, y) = (1 - self.size.width as i64, 2 * y as i64 + 1 - self.size.height as i64);
        [0, 1].map(|axis| {
            // Wraps only for images of more than 2¹⁷ pixels a side under the largest factors.
            let moved = self.right[axis].wrapping_mul(x).wrapping_add(self.down[axis].wrapping_mul(y));
            self.middle[axis].wrapping_add(moved)
        })
    }

    /// Fills `C` channels from `channel` on.
    fn draw<const C: usize>(&self, image: &mut [u8], source: &[u8], channel: usize, sampling: Sampling, fill: [u8; C]) {
        let source = Source { bytes: &source[channel..], size: self.size, fill };
        let ImageSize { width, channels, .. } = self.size;
        let step = self.right.map(|half| half.wrapping_mul(2));
        for (y, line) in image.chunks_exact_mut(width * channels).enumerate() {
            let [mut x, mut y] = self.start(y);
            for pixel in line.chunks_exact_mut(channels) {
                let colour = match sampling {
                    Sampling::Nearest => source.pixel(x >> BITS, y >> BITS),
                    Sampling::Bilinear => source.between(x.wrapping_sub(HALF), y.wrapping_sub(HALF)),
                };
                pixel[channel..][..C].copy_from_slice(&colour);
                x = x.wrapping_add(step[0]);
                y = y.wrapping_add(step[1]);
            }
        }
    }
}

/// `C` channels of the image as it was, in an endless plane of `fill`.
struct Source<'a, const C: usize> {
    /// From the first of the channels on.
    bytes: &'a [u8],
    size: ImageSize,
    fill: [u8; C],
}

impl<const C: usize> Source<'_, C> {
    #[inline(always)]
    fn pixel(&self, x: i64, y: i64) -> [u8; C] {
        // As unsigned numbers, negative ones are large.
        if (x as u64) < self.size.width as u64 && (y as u64) < self.size.height as u64 {
            let at = (y as usize * self.size.width + x as usize) * self.size.channels;
            self.bytes[at..].first_chunk().copied().unwrap_or(self.fill)
        } else {
            self.fill
        }
    }

    /// The mean at a place counted from the middle of the first pixel.
    #[inline(always)]
    fn between(&self, x: i64, y: i64) -> [u8; C] {
        let (left, top) = (x >> BITS, y >> BITS);
        if left < -1 || top < -1 || left >= self.size.width as i64 || top >= self.size.height as i64 {
            return self.fill;
        }
        let weight = |place: i64| ((place as u32) >> (BITS - WEIGHT_BITS)) as i32;
        let (right, bottom) = (weight(x), weight(y));
        let [above, below] = [top, top + 1].map(|y| {
            let [from, to] = self.pair(left, y).map(|pixel| pixel.map(i32::from));
            std::array::from_fn::<i32, C, _>(|c| (from[c] << WEIGHT_BITS) + (to[c] - from[c]) * right)
        });
        std::array::from_fn(|c| {
            let sum = (above[c] << WEIGHT_BITS) + (below[c] - above[c]) * bottom;
            ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
        })
    }

    /// A pixel and the one to its right.
    #[inline(always)]
    fn pair(&self, x: i64, y: i64) -> [[u8; C]; 2] {
        let ImageSize { height, width, channels } = self.size;
        if channels == C && (x as u64) < (width as u64).saturating_sub(1) && (y as u64) < height as u64 {
            let at = (y as usize * width + x as usize) * C;
            if let [left, right, ..] = self.bytes[at..].as_chunks::<C>().0 {
                return [*left, *right];
            }
        }
        [self.pixel(x, y), self.pixel(x + 1, y)]
    }
}
