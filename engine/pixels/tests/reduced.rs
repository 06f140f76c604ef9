//! JPEGs that are decoded smaller before they are resized, against the same without.

mod reference;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pixels::simd::Level;
use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize};
use proptest::prelude::*;
use reference::{SAMPLINGS, file};

/// A picture as photographs are: slopes, waves of several lengths, soft edges.
fn scene(height: usize, width: usize, seed: u32) -> Vec<u8> {
    let phase = f64::from(seed % 100);
    let mut out = Vec::with_capacity(height * width * 3);
    for y in 0..height {
        for x in 0..width {
            let (x, y) = (x as f64, y as f64);
            let waves = 40.0 * (x / 31.0 + phase).sin() + 25.0 * (y / 17.0 - x / 40.0).cos() + 6.0 * (x / 3.0).sin();
            let edge = 50.0 * ((x + 0.7 * y - 150.0 - phase) / 4.0).tanh();
            for c in [1.0, 0.6, -0.5] {
                out.push((128.0 + waves * c + edge * (1.5 - c) / 2.0) as u8);
            }
        }
    }
    out
}

fn encoded(height: usize, width: usize, seed: u32, sampling: SamplingFactor) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&scene(height, width, seed), width as u16, height as u16, ColorType::Rgb).expect("a valid size");
    out
}

fn resized(level: Level, file: &[u8], region: Rect, resize: Resize, mirror: bool, to: ImageSize) -> Vec<u8> {
    let mut out = vec![0; to.bytes()];
    let picture = Picture { bytes: file, size: None };
    Decoder::with_level(level)
        .region(picture, region, resize, mirror, to, &mut out)
        .expect("a whole file and a part of it");
    out
}

/// Mean and greatest difference.
fn difference(a: &[u8], b: &[u8]) -> (f64, u8) {
    let off = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (off().map(f64::from).sum::<f64>() / a.len() as f64, off().max().unwrap_or(0))
}

/// All filters, with the mean difference that is allowed in the scenes above.
const KINDS: [(Filter, bool, f64); 6] = [
    (Filter::Bilinear, false, 3.0),
    (Filter::Bilinear, true, 1.0),
    (Filter::Area, false, 1.2),
    (Filter::Area, true, 1.2),
    (Filter::Bicubic, true, 1.2),
    (Filter::Lanczos, true, 1.2),
];

#[test]
fn differs_little() {
    let to = |side| ImageSize { height: side, width: side, channels: 3 };
    for sampling in SAMPLINGS {
        let file = encoded(301, 413, 7, sampling);
        // Nothing but the first is a whole number of blocks; factors 2, 4 and 8.
        for (region, side) in [
            (Rect { top: 0, left: 0, height: 256, width: 256 }, 64),
            (Rect { top: 3, left: 13, height: 298, width: 307 }, 101),
            (Rect { top: 3, left: 13, height: 298, width: 307 }, 149),
            (Rect { top: 30, left: 77, height: 270, width: 331 }, 57),
            (Rect { top: 0, left: 0, height: 301, width: 413 }, 33),
        ] {
            for (filter, antialias, allowed) in KINDS {
                for mirror in [false, true] {
                    let one = |dct_scaling| {
                        let resize = Resize { filter, antialias, dct_scaling };
                        resized(Level::best(), &file, region, resize, mirror, to(side))
                    };
                    let (mean, most) = difference(&one(true), &one(false));
                    let what = format!("{filter:?} {antialias} of {region:?} to {side}, {sampling:?}, {mirror}");
                    assert!(mean <= allowed, "{what}: {mean} on average, {most} at most");
                }
            }
        }
    }
}

#[test]
fn what_is_less_than_twice_as_large_is_the_same() {
    let file = encoded(120, 150, 3, SAMPLINGS[3]);
    for (height, width) in [(61, 20), (20, 76), (120, 150)] {
        let to = ImageSize { height, width, channels: 3 };
        let region = Rect { top: 0, left: 0, height: 120, width: 150 };
        let one = |dct_scaling| {
            let resize = Resize { filter: Filter::Bilinear, antialias: true, dct_scaling };
            resized(Level::best(), &file, region, resize, false, to)
        };
        assert!(one(true) == one(false), "{height} × {width}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn all_instructions_give_the_same(
        (height, width, channels) in (2usize..90, 2usize..120, prop_oneof![1 => Just(1usize), 4 => Just(3)]),
        (seed, quality, sampling) in (any::<u32>(), 20u8..=100, 0..4usize),
        restart in prop_oneof![Just(0u16), 1u16..9],
        place in any::<[u16; 4]>(),
        (to_height, to_width) in (1usize..20, 1usize..20),
        kind in 0..KINDS.len(),
        (gray, mirror) in any::<(bool, bool)>(),
    ) {
        let file = file((height, width, channels), u64::from(seed), quality, SAMPLINGS[sampling], restart);
        let span = |a: u16, b: u16, whole: usize| {
            let start = usize::from(a) % whole;
            (start, 1 + usize::from(b) % (whole - start))
        };
        let ((top, height), (left, width)) = (span(place[0], place[1], height), span(place[2], place[3], width));
        let region = Rect { top, left, height, width };
        let (filter, antialias, _) = KINDS[kind];
        let to = ImageSize { height: to_height, width: to_width, channels: if gray { 1 } else { 3 } };
        let resize = Resize { filter, antialias, dct_scaling: true };
        let outs: Vec<_> = Level::all().map(|level| resized(level, &file, region, resize, mirror, to)).collect();
        prop_assert!(outs.iter().all(|out| *out == outs[0]));
    }

    #[test]
    fn damage_is_no_panic(
        (seed, sampling) in (any::<u32>(), 0..4usize),
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6),
    ) {
        let mut file = file((70, 90, 3), u64::from(seed), 90, SAMPLINGS[sampling], 0);
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        let to = ImageSize { height: 9, width: 11, channels: 3 };
        let resize = Resize { filter: Filter::Area, antialias: false, dct_scaling: true };
        let results: Vec<_> = Level::all().map(|level| {
            let mut out = vec![0; to.bytes()];
            let picture = Picture { bytes: &file, size: None };
            let region = Rect { top: 5, left: 7, height: 60, width: 80 };
            (Decoder::with_level(level).region(picture, region, resize, false, to, &mut out), out)
        }).collect();
        prop_assert!(results.iter().all(|result| *result == results[0]));
    }
}
