//! The greatest of windows of 2 × 2 pixels.

use crate::dispatch;
use crate::number::from_bits;

/// Images of `height` × `width` × `channels`, one after the other; odd rows and columns at the end belong to no window.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
}

impl Images {
    /// Numbers of an image.
    pub fn numbers(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Numbers of an image's result.
    pub fn pooled(&self) -> usize {
        self.height / 2 * (self.width / 2) * self.channels
    }
}

dispatch! {
    /// The greatest number of each window of the images `x`, to `y`, and which of the four it is, to `places`: of equal
    /// ones the first.
    pub fn max_pool(x: &[u16], images: &Images, y: &mut [u16], places: &mut [u8]) => max_pool_in
}

#[inline(always)]
fn max_pool_in(x: &[u16], images: &Images, y: &mut [u16], places: &mut [u8]) {
    let (channels, line) = (images.channels, images.width * images.channels);
    let pooled_line = images.width / 2 * channels;
    let of_images = x.chunks_exact(images.numbers());
    let results = y.chunks_exact_mut(images.pooled()).zip(places.chunks_exact_mut(images.pooled()));
    for (x, (y, places)) in of_images.zip(results) {
        let lines = y.chunks_exact_mut(pooled_line).zip(places.chunks_exact_mut(pooled_line));
        for (pair, (y, places)) in x.chunks_exact(2 * line).zip(lines) {
            let (above, below) = pair.split_at(line);
            let pixels = y.chunks_exact_mut(channels).zip(places.chunks_exact_mut(channels));
            let windows = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
            for ((above, below), (y, places)) in windows.zip(pixels) {
                let ((a, b), (c, d)) = (above.split_at(channels), below.split_at(channels));
                let (b, c, d) = (&b[..channels], &c[..channels], &d[..channels]);
                for channel in 0..channels {
                    let (mut best, mut place) = (a[channel], 0_u8);
                    for (other, number) in [(b[channel], 1), (c[channel], 2), (d[channel], 3)] {
                        // One that is no number wins, as in torch.
                        let wins = from_bits(other) > from_bits(best) || from_bits(other).is_nan();
                        best = if wins { other } else { best };
                        place = if wins { number } else { place };
                    }
                    (y[channel], places[channel]) = (best, place);
                }
            }
        }
    }
}

dispatch! {
    /// The gradient at the images, from that after the pool: all of a window's goes to the number that was greatest.
    pub fn max_pool_backward(dy: &[u16], places: &[u8], images: &Images, dx: &mut [u16]) => max_pool_backward_in
}

#[inline(always)]
fn max_pool_backward_in(dy: &[u16], places: &[u8], images: &Images, dx: &mut [u16]) {
    let (channels, line) = (images.channels, images.width * images.channels);
    let pooled_line = images.width / 2 * channels;
    let results = dx.chunks_exact_mut(images.numbers());
    let given = dy.chunks_exact(images.pooled()).zip(places.chunks_exact(images.pooled()));
    for (dx, (dy, places)) in results.zip(given) {
        let lines = dy.chunks_exact(pooled_line).zip(places.chunks_exact(pooled_line));
        let (whole, rest) = dx.split_at_mut(images.height / 2 * 2 * line);
        rest.fill(0);
        for (pair, (dy, places)) in whole.chunks_exact_mut(2 * line).zip(lines) {
            let (above, below) = pair.split_at_mut(line);
            let used = images.width / 2 * 2 * channels;
            above[used..].fill(0);
            below[used..].fill(0);
            let windows = above.chunks_exact_mut(2 * channels).zip(below.chunks_exact_mut(2 * channels));
            let pixels = dy.chunks_exact(channels).zip(places.chunks_exact(channels));
            for ((above, below), (dy, places)) in windows.zip(pixels) {
                let ((a, b), (c, d)) = (above.split_at_mut(channels), below.split_at_mut(channels));
                for (number, dx) in [(0_u8, a), (1, b), (2, c), (3, d)] {
                    for ((dx, dy), place) in dx.iter_mut().zip(dy).zip(places) {
                        *dx = if *place == number { *dy } else { 0 };
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::to_bits;

    #[test]
    fn windows_of_an_odd_image() {
        let images = Images { height: 3, width: 5, channels: 1 };
        let x: Vec<u16> =
            [1., 5., 2., 2., 9., 3., -1., 2., 1., 9., 8., 8., 8., 8., 8.].iter().map(|n| to_bits(*n)).collect();
        let (mut y, mut places) = (vec![0; 2], vec![0; 2]);
        max_pool(&x, &images, &mut y, &mut places);
        assert_eq!((y.clone(), places.clone()), (vec![to_bits(5.0), to_bits(2.0)], vec![1, 0]));
        let mut dx = vec![7; 15];
        max_pool_backward(&y, &places, &images, &mut dx);
        let mut expected = vec![0; 15];
        (expected[1], expected[2]) = (y[0], y[1]);
        assert_eq!(dx, expected);
        let none = [f32::NAN, 1.0, 2.0, 3.0].map(to_bits);
        max_pool(&none, &Images { height: 2, width: 2, channels: 1 }, &mut y[..1], &mut places[..1]);
        assert!(from_bits(y[0]).is_nan(), "a number that is none is not lost");
    }
}
