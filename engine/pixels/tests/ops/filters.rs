//! Sharpness and blur against plain sums over neighbourhoods.

use crate::{after, at, drawn, picture, sizes};
use pixels::ops::{gaussian_blur, sharpness};

#[test]
fn sharpness_is_its_formula() {
    for size in sizes() {
        let image = picture(size);
        for factor in [0.0, 0.5, 1.0, 1.9, 5.0] {
            let expected = drawn(size, |y, x, c| {
                let v = at(&image, size, y, x, c);
                if y == 0 || x == 0 || y + 1 >= size.height || x + 1 >= size.width {
                    return v;
                }
                let near = (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| (y, x)));
                let sum: u32 = near.map(|(y, x)| u32::from(at(&image, size, y, x, c))).sum::<u32>() + 4 * u32::from(v);
                let soft = (f64::from(sum) / 13.0).round() as f32;
                (f32::from(v) + (1.0 - factor) as f32 * (soft - f32::from(v))) as u8
            });
            let out = after(&image, |image, scratch| sharpness(image, size, factor, scratch));
            assert_eq!(out, expected, "{factor}, {size}");
        }
    }
}

fn reflect(mut place: isize, length: usize) -> usize {
    let last = length as isize - 1;
    if last == 0 {
        return 0;
    }
    while !(0..=last).contains(&place) {
        place = if place < 0 { -place } else { 2 * last - place };
    }
    place as usize
}

#[test]
fn blur_is_its_formula() {
    for size in sizes() {
        let image = picture(size);
        for (radius, sigma) in [(1, 0.5), (2, 0.3), (3, 1.1), (11, 2.0), (6, 40.0)] {
            let bell: Vec<f64> =
                (-radius..=radius).map(|x: i32| (-0.5 * (f64::from(x) / sigma).powi(2)).exp()).collect();
            let whole: f64 = bell.iter().sum();
            let out = after(&image, |image, scratch| gaussian_blur(image, size, radius as usize, sigma, scratch));
            let mut out = out.into_iter();
            drawn(size, |y, x, c| {
                let mut sum = 0.0;
                for (down, a) in (-radius as isize..).zip(&bell) {
                    for (right, b) in (-radius as isize..).zip(&bell) {
                        let (y, x) = (reflect(y as isize + down, size.height), reflect(x as isize + right, size.width));
                        sum += a * b * f64::from(at(&image, size, y, x, c));
                    }
                }
                let (exact, out) = (sum / whole / whole, out.next().unwrap());
                assert!((f64::from(out) - exact).abs() < 0.53, "{radius}, {sigma}, {size}: {out}, not {exact}");
                0
            });
        }
    }
}

#[test]
fn one_colour_stays_one_colour() {
    for size in sizes() {
        for v in [0, 1, 128, 255] {
            let image = vec![v; size.bytes()];
            for (radius, sigma) in [(0, 1.0), (1, 0.4), (5, 3.0), (11, 1e9), (40_000, 2.0)] {
                let out = after(&image, |image, scratch| gaussian_blur(image, size, radius, sigma, scratch));
                assert_eq!(out, image, "{radius}, {sigma}, {size}");
            }
            assert_eq!(after(&image, |image, scratch| sharpness(image, size, 1.7, scratch)), image);
        }
    }
}
