//! Augmentations against slow definitions, on images of every shape, and against what they gave before.

mod colours;
mod filters;
mod maps;
mod pictures;
mod places;
mod policies;
mod properties;
mod rects;
mod speed;
mod tables;

use pixels::ImageSize;
use pixels::ops::Scratch;

const fn size(height: usize, width: usize, channels: usize) -> ImageSize {
    ImageSize { height, width, channels }
}

/// Small, thin, odd, and larger than a block of any kind.
fn sizes() -> Vec<ImageSize> {
    let sides = [(1, 1), (1, 7), (9, 1), (2, 2), (2, 5), (3, 3), (5, 4), (16, 17), (23, 40)];
    sides.into_iter().flat_map(|(height, width)| (1..=5).map(move |channels| size(height, width, channels))).collect()
}

/// An image that is smooth in one part, noisy in another, black and white in the last.
fn picture(size: ImageSize) -> Vec<u8> {
    let mut state = 12345_u32;
    let mut image = Vec::with_capacity(size.bytes());
    for y in 0..size.height {
        for x in 0..size.width {
            for c in 0..size.channels {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state >> 24;
                image.push(match (x + 2 * y) % 24 {
                    0..12 => ((x * 9 + y * (5 + c) + 40 * c) % 256) as u8,
                    12..20 => noise as u8,
                    _ => ((noise & 1) * 255) as u8,
                });
            }
        }
    }
    image
}

/// What becomes of a copy of the image.
fn after(image: &[u8], change: impl FnOnce(&mut [u8], &mut Scratch)) -> Vec<u8> {
    let mut image = image.to_vec();
    change(&mut image, &mut Scratch::default());
    image
}

/// The value of an image at a place.
fn at(image: &[u8], size: ImageSize, y: usize, x: usize, c: usize) -> u8 {
    image[(y * size.width + x) * size.channels + c]
}

/// An image from the value at each place.
fn drawn(size: ImageSize, mut value: impl FnMut(usize, usize, usize) -> u8) -> Vec<u8> {
    let mut image = Vec::with_capacity(size.bytes());
    for y in 0..size.height {
        for x in 0..size.width {
            image.extend((0..size.channels).map(|c| value(y, x, c)));
        }
    }
    image
}

/// FNV-1a: enough to see a change.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
