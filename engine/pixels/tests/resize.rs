//! Resizing against plain arithmetic in f64, with all instructions, of all channels.

mod reference;

use pixels::simd::Level;
use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize, ResizeScratch, resize};
use proptest::prelude::*;
use reference::picture;

/// Weights of the pixels of an axis, for one output pixel.
fn weights(from: usize, to: usize, i: usize, filter: Filter, antialias: bool, grows: bool) -> Vec<f64> {
    let scale = from as f64 / to as f64;
    let mut out = vec![0.0; from];
    let last = from as i64 - 1;
    let center = (i as f64 + 0.5) * scale;
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x) };
    let cubic = |x: f64, a: f64| match x.abs() {
        x if x < 1.0 => (a + 2.0) * x * x * x - (a + 3.0) * x * x + 1.0,
        x if x < 2.0 => a * x * x * x - 5.0 * a * x * x + 8.0 * a * x - 4.0 * a,
        _ => 0.0,
    };
    let triangle = |x: f64| (1.0 - x.abs()).max(0.0);
    match filter {
        Filter::Area if grows => {
            // Where it is a whole number, it depends on how it is computed: as OpenCV does.
            let inverse = to as f64 / from as f64;
            let first = (i as f64 * (1.0 / inverse)).floor();
            let part = f64::from(((i as f64 + 1.0) - (first + 1.0) * inverse) as f32);
            let part = if part <= 0.0 { 0.0 } else { part - part.floor() };
            out[first as usize] += 1.0 - part;
            out[(first as usize + 1).min(from - 1)] += part;
        }
        Filter::Area => {
            for (x, out) in out.iter_mut().enumerate() {
                let (start, end) = (i as f64 * scale, (i + 1) as f64 * scale);
                *out = (end.min(x as f64 + 1.0) - start.max(x as f64)).max(0.0) / scale;
            }
        }
        _ => {
            let wide = if antialias { scale.max(1.0) } else { 1.0 };
            let reach = 4.0 * wide;
            for x in (center - reach) as i64 - 1..(center + reach) as i64 + 2 {
                if antialias && !(0..=last).contains(&x) {
                    continue;
                }
                let d = (x as f64 + 0.5 - center) / wide;
                out[x.clamp(0, last) as usize] += match filter {
                    Filter::Bilinear => triangle(d),
                    Filter::Bicubic => cubic(d, if antialias { -0.5 } else { -0.75 }),
                    _ if d.abs() < 3.0 => sinc(d) * sinc(d / 3.0),
                    _ => 0.0,
                };
            }
            let total: f64 = out.iter().sum();
            out.iter_mut().for_each(|w| *w /= total);
        }
    }
    out
}

/// The pixels of the definition, unrounded.
fn plain(from: &[u8], size: ImageSize, to: ImageSize, filter: Filter, antialias: bool) -> Vec<f64> {
    let grows = to.height > size.height || to.width > size.width;
    let c = size.channels;
    let across: Vec<_> = (0..to.width).map(|x| weights(size.width, to.width, x, filter, antialias, grows)).collect();
    let mut rows = vec![0.0; size.height * to.width * c];
    for (y, row) in rows.chunks_exact_mut(to.width * c).enumerate() {
        for (i, value) in row.iter_mut().enumerate() {
            let pixels = (0..size.width).map(|x| f64::from(from[(y * size.width + x) * c + i % c]));
            *value = pixels.zip(&across[i / c]).map(|(v, w)| v * w).sum();
            if filter != Filter::Area {
                // What the bytes between the passes cannot hold.
                *value = value.clamp(0.0, 255.0);
            }
        }
    }
    let mut out = Vec::new();
    for y in 0..to.height {
        let down = weights(size.height, to.height, y, filter, antialias, grows);
        for i in 0..to.width * c {
            out.push((0..size.height).map(|y| rows[y * to.width * c + i] * down[y]).sum::<f64>().clamp(0.0, 255.0));
        }
    }
    out
}

fn filters() -> impl Strategy<Value = (Filter, bool)> {
    let filter = prop_oneof![Just(Filter::Area), Just(Filter::Bilinear), Just(Filter::Bicubic), Just(Filter::Lanczos)];
    (filter, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn is_what_its_definition_says(
        (height, width, channels) in (1usize..50, 1usize..60, 1usize..=4),
        (to_height, to_width) in (1usize..70, 1usize..70),
        (filter, antialias) in filters(),
        mirror: bool,
        seed: u16,
    ) {
        let size = ImageSize { height, width, channels };
        let to = ImageSize { height: to_height, width: to_width, channels };
        let from = picture(height, width, channels, u64::from(seed));
        let expected = plain(&from, size, to, filter, antialias);
        let mut out = vec![0; to.bytes()];
        let whole = Rect::whole(size);
        resize(&from, size, whole, to, filter, antialias, mirror, &mut ResizeScratch::default(), &mut out).unwrap();
        // Two roundings: of what stands between the passes, which weights below zero make larger, and at the end.
        let most = match filter { Filter::Area | Filter::Bilinear => 1.1, _ => 1.6 };
        for (i, value) in out.iter().enumerate() {
            let (y, x, c) = (i / channels / to_width, i / channels % to_width, i % channels);
            let x = if mirror { to_width - 1 - x } else { x };
            let expected = expected[(y * to_width + x) * channels + c];
            prop_assert!((f64::from(*value) - expected).abs() <= most, "{value} for {expected} at {y} {x} {c}");
        }
    }

    #[test]
    fn all_instructions_give_the_same(
        (height, width, channels) in (1usize..60, 1usize..80, prop_oneof![Just(1usize), Just(3)]),
        (to_height, to_width) in (1usize..90, 1usize..90),
        (filter, antialias) in filters(),
        mirror: bool,
    ) {
        let size = ImageSize { height, width, channels };
        let to = ImageSize { height: to_height, width: to_width, channels };
        let from = picture(height, width, channels, 3);
        let kind = Resize { filter, antialias, dct_scaling: false };
        let outs: Vec<_> = Level::all().map(|level| {
            let mut out = vec![0; to.bytes()];
            let picture = Picture { bytes: &from, size: Some(size) };
            Decoder::with_level(level).region(picture, Rect::whole(size), kind, mirror, to, &mut out).unwrap();
            out
        }).collect();
        prop_assert!(outs.iter().all(|out| *out == outs[0]));
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let size = ImageSize { height: 4, width: 5, channels: 3 };
    let pixels = vec![7; size.bytes()];
    let mut out = vec![0; 12];
    let to = ImageSize { height: 2, width: 2, channels: 3 };
    let mut scratch = ResizeScratch::default();
    let mut go = |region: Rect, to: ImageSize, out: &mut [u8]| {
        resize(&pixels, size, region, to, Filter::Bilinear, false, false, &mut scratch, out).map_err(|e| e.0)
    };
    let whole = Rect::whole(size);
    assert_eq!(go(whole, to, &mut out), Ok(()));
    assert_eq!(out, [7; 12]);
    assert_eq!(go(whole, to, &mut out[..11]).unwrap_err(), "an image of 2 × 2 × 3 has 12 bytes, not 11");
    assert_eq!(
        go(Rect { left: 3, width: 3, ..whole }, to, &mut out).unwrap_err(),
        "the part of 4 × 3 pixels at row 0, column 3 is not in the image of 4 × 5"
    );
    assert!(go(Rect { left: usize::MAX, width: 2, ..whole }, to, &mut out).is_err());
    assert!(go(Rect { height: 0, ..whole }, to, &mut out).is_err());
    assert_eq!(go(whole, ImageSize { width: 0, ..to }, &mut []).unwrap_err(), "the target's size is 2 × 0 × 3");
}
