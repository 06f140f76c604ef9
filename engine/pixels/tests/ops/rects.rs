//! Rectangles filled and pasted, and two images mixed.

use crate::{after, at, drawn, picture, size, sizes};
use pixels::ImageSize;
use pixels::ops::{Rect, blend, blend_pattern, fill, fill_noise, mean_colour, paste};

const fn rect(top: usize, left: usize, height: usize, width: usize) -> Rect {
    Rect { top, left, height, width }
}

fn rects() -> [Rect; 7] {
    [
        rect(0, 0, 0, 0),
        rect(0, 0, 1, 1),
        rect(1, 2, 3, 2),
        rect(0, 3, 100, 1),
        rect(7, 0, 2, usize::MAX),
        rect(usize::MAX, usize::MAX, usize::MAX, usize::MAX),
        rect(0, 0, 1000, 1000),
    ]
}

fn inside(rect: Rect, size: ImageSize, y: usize, x: usize) -> bool {
    let Rect { top, left, height, width } = rect.clipped(size);
    (top..top + height).contains(&y) && (left..left + width).contains(&x)
}

#[test]
fn only_the_rectangle_changes() {
    for size in sizes() {
        let (image, other) = (picture(size), picture(size).into_iter().map(|v| !v).collect::<Vec<u8>>());
        for rect in rects() {
            let colour = [1, 2, 3, 4];
            let filled = after(&image, |image, _| fill(image, size, rect, colour));
            let pasted = after(&image, |image, _| paste(image, size, &other, rect));
            let noisy = after(&image, |image, _| fill_noise(image, size, rect, 5));
            let or = |y, x, c, v| if inside(rect, size, y, x) { v } else { at(&image, size, y, x, c) };
            assert_eq!(filled, drawn(size, |y, x, c| or(y, x, c, colour[c % 4])));
            assert_eq!(pasted, drawn(size, |y, x, c| or(y, x, c, at(&other, size, y, x, c))));
            assert_eq!(noisy, drawn(size, |y, x, c| or(y, x, c, at(&noisy, size, y, x, c))));
        }
    }
}

#[test]
fn noise_is_splitmix_and_even() {
    let mut image = [0; 20];
    fill_noise(&mut image, size(2, 10, 1), rect(0, 0, 2, 10), 0);
    // The first numbers from seed 0, from their lowest byte up; the second line starts with the third.
    assert_eq!(image[..8], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    assert_eq!(image[8..10], 0x6e78_9e6a_a1b9_65f4_u64.to_le_bytes()[..2]);
    assert_eq!(image[10..18], 0x06c4_5d18_8009_454f_u64.to_le_bytes());
    let square = size(256, 256, 1);
    let mut image = vec![0; square.bytes()];
    fill_noise(&mut image, square, Rect::whole(square), 9);
    let mut counts = [0; 256];
    image.iter().for_each(|&v| counts[usize::from(v)] += 1);
    assert!(counts.iter().all(|count| (170..350).contains(count)), "{counts:?}");
}

#[test]
fn the_mean_colour_is_rounded() {
    assert_eq!(mean_colour(&[1, 2, 3, 2, 3, 3], size(1, 2, 3)), [2, 3, 3, 0]);
    assert_eq!(mean_colour(&[255; 40], size(2, 5, 4)), [255; 4]);
    assert_eq!(mean_colour(&[], size(0, 5, 4)), [0; 4]);
}

#[test]
fn blend_is_its_formula() {
    let all: Vec<(u8, u8)> = (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))).collect();
    let (first, second): (Vec<u8>, Vec<u8>) = all.into_iter().unzip();
    for weight in [0.0, 0.25, 0.3, 0.5, 0.77, 1.0] {
        let mixed = after(&first, |image, _| blend(image, &second, weight));
        for ((&a, &b), &mixed) in first.iter().zip(&second).zip(&mixed) {
            let exact = weight * f64::from(a) + (1.0 - weight) * f64::from(b);
            // The weight is rounded to a 32768th: up to 255/65536 of a level.
            let (low, high) = ((exact - 0.004).max(0.0) as u8, (exact + 0.004) as u8);
            assert!((low..=high).contains(&mixed), "{weight}: {a} and {b} make {mixed}");
            assert!(a != b || mixed == a);
        }
    }
}

#[test]
fn a_pattern_shows_by_its_alpha() {
    let mut image = [100, 100, 100, 100, 100];
    blend_pattern(&mut image, &[0.0, 255.0, 200.0, 900.0, -900.0], &[0.0, 1.0, 0.25, 1.0, 1.0], (0, 255));
    assert_eq!(image, [100, 255, 125, 255, 0]);
    blend_pattern(&mut image, &[0.0; 5], &[0.0; 5], (110, 200));
    assert_eq!(image, [110, 200, 125, 200, 110]);
}
