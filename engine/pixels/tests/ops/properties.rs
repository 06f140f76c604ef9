//! What holds for every operation, image and number.

use crate::{after, picture, size, sizes};
use pixels::ops::{Affine, Op, Rect, Sampling, Scratch, tables};
use proptest::prelude::*;

/// An operation of every kind.
pub fn every_op() -> Vec<Op> {
    let rect = Rect { top: 2, left: 1, height: 5, width: 9 };
    let affine = |map, sampling| Op::Affine { map, sampling, fill: [9, 99, 199, 50] };
    vec![
        Op::Identity,
        Op::Brightness { factor: 1.3 },
        Op::Contrast { factor: 0.6 },
        Op::Invert,
        Op::Solarize { threshold: 128.0 },
        Op::Posterize { bits: 3 },
        Op::AutoContrast,
        Op::Equalize,
        Op::Saturation { factor: 1.6 },
        Op::Hue { turn: 0.1 },
        Op::Grayscale,
        Op::Sharpness { factor: 1.9 },
        Op::GaussianBlur { radius: 4, sigma: 1.2 },
        affine(Affine::rotation(25.0), Sampling::Nearest),
        affine(Affine::of_angles(-70.0, (2.0, 1.0), 0.8, (5.0, 9.0)), Sampling::Bilinear),
        Op::MirrorHorizontal,
        Op::MirrorVertical,
        Op::Fill { rect, colour: [1, 2, 3, 4] },
        Op::FillNoise { rect, seed: 77 },
        Op::FillMean { rect },
    ]
}

#[test]
fn identities_change_nothing() {
    let (nowhere, fill) = (Rect::default(), [0; 4]);
    let affine = |map, sampling| Op::Affine { map, sampling, fill };
    let ops = [
        Op::Identity,
        Op::Brightness { factor: 1.0 },
        Op::Contrast { factor: 1.0 },
        Op::Solarize { threshold: 256.0 },
        Op::Posterize { bits: 8 },
        Op::Saturation { factor: 1.0 },
        Op::Hue { turn: 0.0 },
        Op::Hue { turn: -2.0 },
        Op::Sharpness { factor: 1.0 },
        Op::GaussianBlur { radius: 0, sigma: 3.0 },
        Op::GaussianBlur { radius: 3, sigma: 0.0 },
        Op::GaussianBlur { radius: 3, sigma: 0.01 },
        affine(Affine::IDENTITY, Sampling::Nearest),
        affine(Affine::IDENTITY, Sampling::Bilinear),
        affine(Affine::rotation(0.0), Sampling::Bilinear),
        affine(Affine::rotation(360.0), Sampling::Nearest),
        Op::Fill { rect: nowhere, colour: fill },
        Op::FillNoise { rect: nowhere, seed: 1 },
        Op::FillMean { rect: nowhere },
    ];
    for size in sizes() {
        let image = picture(size);
        for op in &ops {
            assert_eq!(after(&image, |image, scratch| op.apply(image, size, scratch)), image, "{op:?}, {size}");
        }
    }
}

#[test]
fn tables_are_what_operations_do() {
    for size in sizes() {
        let image = picture(size);
        for op in every_op() {
            let expected = after(&image, |image, scratch| op.apply(image, size, scratch));
            if let Some(channels) = op.as_tables(&image, size) {
                let looked_up = after(&image, |image, _| tables::apply_tables(image, size.channels, &channels));
                assert_eq!(looked_up, expected, "{op:?}, {size}");
            }
            if let Some(table) = op.as_table() {
                assert_eq!(after(&image, |image, _| tables::apply_table(image, &table)), expected, "{op:?}, {size}");
            }
        }
    }
}

#[test]
fn used_buffers_are_as_good_as_new() {
    let mut used = Scratch::default();
    for size in sizes().into_iter().rev().chain(sizes()) {
        let image = picture(size);
        for op in every_op() {
            let expected = after(&image, |image, scratch| op.apply(image, size, scratch));
            assert_eq!(after(&image, |image, _| op.apply(image, size, &mut used)), expected, "{op:?}, {size}");
        }
    }
}

#[test]
fn colour_leaves_other_channels_alone() {
    for size in sizes() {
        let image = picture(size);
        for op in every_op().into_iter().filter(Op::needs_rgb) {
            let out = after(&image, |image, scratch| op.apply(image, size, scratch));
            for (before, after) in image.chunks(size.channels).zip(out.chunks(size.channels)) {
                let first = if size.channels < 3 { 0 } else { 3 };
                assert_eq!(before[first..], after[first..], "{op:?}, {size}");
            }
        }
    }
}

/// Any number, the odd ones often.
fn number() -> impl Strategy<Value = f64> {
    let odd = prop::sample::select(vec![0.0, -0.0, 1.0, 255.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e-300]);
    prop_oneof![odd, -3.0..3.0_f64, -400.0..400.0_f64, any::<f64>()]
}

proptest! {
    #[test]
    fn no_number_and_no_image_is_too_odd(
        (height, width, channels) in (0_usize..20, 0_usize..20, 0_usize..6),
        (a, b, c) in (number(), number(), number()),
        (radius, bits) in (0_usize..40, any::<u32>()),
        rect in any::<[usize; 4]>(),
    ) {
        let size = size(height, width, channels);
        let rect = Rect { top: rect[0] % 30, left: rect[1] % 30, height: rect[2], width: rect[3] };
        let samplings = [Sampling::Nearest, Sampling::Bilinear];
        let affine = |map| samplings.map(|sampling| Op::Affine { map, sampling, fill: [7; 4] });
        let mut ops = vec![
            Op::Brightness { factor: a },
            Op::Contrast { factor: a },
            Op::Solarize { threshold: a },
            Op::Posterize { bits },
            Op::AutoContrast,
            Op::Equalize,
            Op::Saturation { factor: a },
            Op::Hue { turn: a },
            Op::Grayscale,
            Op::Sharpness { factor: a },
            Op::GaussianBlur { radius, sigma: a },
            Op::MirrorHorizontal,
            Op::MirrorVertical,
            Op::Fill { rect, colour: [3; 4] },
            Op::FillNoise { rect, seed: 3 },
            Op::FillMean { rect },
        ];
        ops.extend(affine(Affine([a, b, c, c, a, b])));
        ops.extend(affine(Affine::of_angles(a, (b, c), b, (c, a)).about_top_left(size)));
        ops.extend(affine(Affine::rotation(a).then(Affine::shear_x(b)).then(Affine::scaling(c))));
        let (mut image, mut scratch) = (picture(size), Scratch::default());
        for op in ops {
            op.apply(&mut image, size, &mut scratch);
            prop_assert_eq!(image.len(), size.bytes());
        }
    }
}
