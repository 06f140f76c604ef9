//! Tables against their formulas.

use crate::{after, picture, size, sizes};
use pixels::ops::tables::{self, Table};
use pixels::ops::{Op, grey_mean};

fn each(table: &Table, formula: impl Fn(f64) -> f64) {
    for (v, &level) in table.iter().enumerate() {
        let exact = formula(v as f64).clamp(0.0, 255.0);
        // A quotient or product that is whole in theory may be a little less in practice.
        let (low, high) = ((exact - 1e-4).max(0.0) as u8, (exact + 1e-4) as u8);
        assert!((low..=high).contains(&level), "{v} becomes {level}, not {exact}");
    }
}

#[test]
fn they_are_their_formulas() {
    for factor in [0.0, 0.25, 0.7, 1.0, 1.3, 2.0, 300.0] {
        each(&tables::brightness(factor), |v| factor * v);
        for mean in [0.0, 77.3, 255.0] {
            each(&tables::contrast(factor, mean), |v| factor * v + (1.0 - factor) * f64::from(mean));
        }
    }
    each(&tables::invert(), |v| 255.0 - v);
    for threshold in [-1.0, 0.0, 110.5, 128.0, 255.0, 256.0] {
        each(&tables::solarize(threshold), |v| if v >= threshold { 255.0 - v } else { v });
    }
    for bits in 0..=8 {
        let step = f64::from(1 << (8 - bits));
        each(&tables::posterize(bits), |v| (v / step).floor() * step);
    }
}

#[test]
fn numbers_that_change_nothing_change_nothing() {
    let same = tables::identity();
    assert_eq!(tables::brightness(1.0), same);
    assert_eq!(tables::contrast(1.0, 99.9), same);
    assert_eq!(tables::solarize(256.0), same);
    assert_eq!(tables::posterize(8), same);
    assert_eq!(tables::posterize(u32::MAX), same);
    assert_eq!(tables::solarize(f64::NAN), same);
    for one_value in [0, 7, 255] {
        let mut counts = [0; 256];
        counts[one_value] = 900;
        assert_eq!(tables::autocontrast(&counts), same);
        assert_eq!(tables::equalize(&counts), same);
    }
    assert_eq!(tables::autocontrast(&[0; 256]), same);
    assert_eq!(tables::equalize(&[0; 256]), same);
}

#[test]
fn autocontrast_reaches_both_ends() {
    let mut counts = [0; 256];
    (counts[10], counts[60], counts[110]) = (1, 1, 1);
    let table = tables::autocontrast(&counts);
    assert_eq!((table[10], table[60], table[110]), (0, 127, 255));
}

#[test]
fn equalize_is_torchvisions() {
    // 255 pixels of 50, 510 of 100 and 20 of 200: a step is ⌊765/255⌋ = 3 pixels.
    let mut counts = [0; 256];
    (counts[50], counts[100], counts[200]) = (255, 510, 20);
    let table = tables::equalize(&counts);
    assert_eq!((table[50], table[51], table[100], table[101], table[200]), (0, 85, 85, 255, 255));
}

#[test]
fn each_channel_is_counted_and_looked_up_for_itself() {
    for size in sizes() {
        let image = picture(size);
        let counts = tables::histogram(&image, size.channels);
        assert_eq!(counts.iter().flatten().sum::<u32>() as usize, size.bytes());
        for op in [Op::AutoContrast, Op::Equalize] {
            let whole = after(&image, |image, scratch| op.apply(image, size, scratch));
            for c in 0..size.channels.min(4) {
                let alone = |image: &[u8]| -> Vec<u8> {
                    image.chunks(size.channels).flat_map(|pixel| pixel.iter().skip(c).step_by(4).copied()).collect()
                };
                let grey = crate::size(1, alone(&image).len(), 1);
                let expected = after(&alone(&image), |image, scratch| op.apply(image, grey, scratch));
                assert_eq!(alone(&whole), expected, "{op:?} of channel {c}, {size}");
            }
        }
    }
}

#[test]
fn contrast_goes_by_the_mean_grey() {
    let image = [255, 255, 255, 0, 0, 0, 255, 0, 0, 10, 10, 10];
    // Greys cut off: 254, 0, 76, 9.
    assert_eq!(grey_mean(&image, size(2, 2, 3)), 84.75);
    assert_eq!(grey_mean(&image, size(3, 4, 1)), (255.0 * 4.0 + 30.0) / 12.0);
    assert_eq!(grey_mean(&[255, 0, 0, 99], size(1, 1, 4)), 76.0);
    let flat = after(&image, |image, scratch| Op::Contrast { factor: 0.0 }.apply(image, size(2, 2, 3), scratch));
    assert_eq!(flat, [84; 12]);
}
