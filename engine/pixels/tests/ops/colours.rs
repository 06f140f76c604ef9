//! Saturation, hue and grey against their formulas.

use crate::{after, picture, size, sizes};
use pixels::ops::{grayscale, grey_into, hue, saturation};

fn grey(pixel: &[u8]) -> u8 {
    let part = |weight: f32, v: u8| weight * f32::from(v);
    (part(0.2989, pixel[0]) + part(0.587, pixel[1]) + part(0.114, pixel[2])) as u8
}

#[test]
fn saturation_and_grayscale_are_their_formulas() {
    for size in sizes() {
        let image = picture(size);
        let by_pixel = |of: &dyn Fn(&[u8], u8) -> u8| -> Vec<u8> {
            let colours = |pixel: &[u8]| -> Vec<u8> {
                let mut out = pixel.to_vec();
                if pixel.len() >= 3 {
                    out[..3].iter_mut().for_each(|v| *v = of(pixel, *v));
                }
                out
            };
            image.chunks(size.channels).flat_map(colours).collect()
        };
        for factor in [0.0, 0.4, 1.0, 1.7] {
            let (own, other) = (factor as f32, (1.0 - factor) as f32);
            let mixed = |pixel: &[u8], v: u8| (own * f32::from(v) + other * f32::from(grey(pixel))) as u8;
            assert_eq!(after(&image, |image, _| saturation(image, size, factor)), by_pixel(&mixed), "{factor}, {size}");
        }
        assert_eq!(after(&image, |image, _| grayscale(image, size)), by_pixel(&|pixel, _| grey(pixel)), "{size}");
        let mut one = vec![0; size.height * size.width];
        grey_into(&image, size, &mut one);
        let expected = |pixel: &[u8]| if size.channels < 3 { pixel[0] } else { grey(pixel) };
        assert_eq!(one, image.chunks(size.channels).map(expected).collect::<Vec<u8>>());
    }
}

/// All colours with this red.
fn colours(red: u8) -> Vec<u8> {
    (0..=255).flat_map(|green| (0..=255).flat_map(move |blue| [red, green, blue])).collect()
}

#[test]
fn a_whole_turn_of_hue_changes_no_colour() {
    let size = size(256, 256, 3);
    for red in 0..=255 {
        let all = colours(red);
        assert_eq!(after(&all, |image, _| hue(image, size, 0.0)), all, "red {red}");
    }
    let all = colours(200);
    assert_eq!(after(&all, |image, _| hue(image, size, -3.0)), all);
}

#[test]
fn a_third_of_a_turn_swaps_channels() {
    let turned = |turn| after(&[200, 30, 30, 30, 200, 30, 5, 5, 5], |image, _| hue(image, size(1, 3, 3), turn));
    assert_eq!(turned(1.0 / 3.0), [30, 200, 30, 30, 30, 200, 5, 5, 5]);
    assert_eq!(turned(-1.0 / 3.0), [30, 30, 200, 200, 30, 30, 5, 5, 5]);
}

/// Hue, saturation, value and back, step by step in double precision.
fn turned(pixel: &[u8], turn: f64) -> [f64; 3] {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(|v| f64::from(v) / 255.0);
    let (value, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = value - least;
    if range == 0.0 {
        return [r, g, b].map(|v| v * 255.999);
    }
    let sixths = if value == r {
        (g - b) / range
    } else if value == g {
        2.0 + (b - r) / range
    } else {
        4.0 + (r - g) / range
    };
    let hue = (sixths + 6.0 * turn).rem_euclid(6.0);
    let saturation = range / value;
    // How far each channel is from the value, by its distance from its own hue.
    [5.0, 3.0, 1.0].map(|n| {
        let k: f64 = (n + hue).rem_euclid(6.0);
        (value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0)) * 255.999
    })
}

#[test]
fn hue_is_its_formula() {
    for red in [0, 1, 77, 128, 254, 255] {
        let all = colours(red);
        for turn in [-0.5, -0.17, 0.01, 0.3, 0.5] {
            let out = after(&all, |image, _| hue(image, size(256, 256, 3), turn));
            for (before, out) in all.chunks(3).zip(out.chunks(3)) {
                for (exact, &out) in turned(before, turn).into_iter().zip(out) {
                    // Single precision: a ten-thousandth of a level.
                    let (low, high) = ((exact - 1e-3).max(0.0) as u8, (exact + 1e-3) as u8);
                    assert!((low..=high).contains(&out), "{before:?} by {turn}: {out}, not {exact}");
                }
            }
        }
    }
}
