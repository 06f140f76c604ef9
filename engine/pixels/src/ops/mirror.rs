//! Mirror images.

use crate::ImageSize;

/// Swaps left and right.
pub fn mirror_horizontal(image: &mut [u8], size: ImageSize) {
    let line = size.width * size.channels;
    if line == 0 {
        return;
    }
    for line in image.chunks_exact_mut(line) {
        match size.channels {
            1 => line.reverse(),
            3 => line.as_chunks_mut::<3>().0.reverse(),
            4 => line.as_chunks_mut::<4>().0.reverse(),
            channels => {
                // All values reversed, then those of each pixel put right again.
                line.reverse();
                line.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
            }
        }
    }
}

/// Swaps top and bottom.
pub fn mirror_vertical(image: &mut [u8], size: ImageSize) {
    let line = size.width * size.channels;
    if line == 0 {
        return;
    }
    let (top, bottom) = image.split_at_mut(size.height / 2 * line);
    for (above, below) in top.chunks_exact_mut(line).zip(bottom.chunks_exact_mut(line).rev()) {
        above.swap_with_slice(below);
    }
}
