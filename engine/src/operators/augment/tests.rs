//! Table tests over all augmentations: what they look like, that composing changes nothing, how often they act.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use pixels::{Pass, PassMemory, Pixels, Step, Target};
use serde_json::{Value, json};

use super::super::image_op::{Draw, ImageOp};
use super::*;
use crate::params::ParamType as _;
use crate::random::Key;

const SQUARE: ImageSize = ImageSize { height: 32, width: 32, channels: 3 };
pub(super) const OBLONG: ImageSize = ImageSize { height: 17, width: 23, channels: 3 };

/// Every augmentation, most of them so that they always act.
fn examples() -> Vec<Value> {
    let all = json!([
        { "op": "random_horizontal_flip", "flip_prob": 1 },
        { "op": "random_vertical_flip", "flip_prob": 1 },
        { "op": "alternating_flip" },
        { "op": "random_translate", "padding": 4, "fill": [200, 30, 90] },
        { "op": "random_rotation", "degrees": 30, "fill": [90] },
        { "op": "random_rotation", "degrees": [80, 100], "interpolation": "bilinear" },
        { "op": "random_affine", "degrees": 0, "translate": [0.3, 0.1], "fill": [0, 90, 0] },
        { "op": "random_affine", "degrees": 20, "scale": [0.7, 1.3], "shear": 20, "interpolation": "bilinear" },
        { "op": "random_affine", "degrees": 0, "shear": [0, 0, -30, 30] },
        { "op": "cutout", "crop_size": 8, "fill": [125, 122, 113] },
        { "op": "cutout", "crop_size": 14, "centre": "anywhere" },
        { "op": "random_erasing", "p": 1 },
        { "op": "random_erasing", "p": 1, "value": "mean" },
        { "op": "random_erasing", "p": 1, "value": "random", "scale": [0.2, 0.4] },
        { "op": "random_brightness", "magnitude": 0.8, "p": 1 },
        { "op": "random_contrast", "magnitude": 0.8, "p": 1 },
        { "op": "random_saturation", "magnitude": 1, "p": 1 },
        { "op": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1 },
        { "op": "color_jitter", "hue": 0.5 },
        { "op": "grayscale" },
        { "op": "random_grayscale", "p": 0.5 },
        { "op": "random_invert", "p": 1 },
        { "op": "random_solarize", "threshold": 128, "p": 1 },
        { "op": "random_posterize", "bits": 2, "p": 1 },
        { "op": "random_autocontrast", "p": 1 },
        { "op": "random_equalize", "p": 1 },
        { "op": "random_adjust_sharpness", "sharpness_factor": 4, "p": 1 },
        { "op": "random_adjust_sharpness", "sharpness_factor": 0, "p": 1 },
        { "op": "gaussian_blur", "kernel_size": 9 },
        { "op": "gaussian_blur", "kernel_size": 5, "sigma": 1 },
        { "op": "rand_augment" },
        { "op": "rand_augment", "num_ops": 3, "magnitude": 20, "interpolation": "bilinear", "fill": [9, 99, 199] },
        { "op": "trivial_augment_wide" },
        { "op": "random_apply", "p": 0.8, "ops": [
            { "op": "gaussian_blur", "kernel_size": 3 }, { "op": "cutout", "crop_size": 8 },
        ] },
        { "op": "random_choice", "p": [1, 2, 1], "ops": [
            { "op": "random_invert", "p": 1 },
            { "op": "random_translate", "padding": 9 },
            { "op": "random_order", "ops": [{ "op": "grayscale" }, { "op": "random_rotation", "degrees": 90 }] },
        ] },
        { "op": "random_order", "ops": [
            { "op": "random_rotation", "degrees": 45 },
            { "op": "cutout", "crop_size": 10 },
            { "op": "alternating_flip" },
        ] },
    ]);
    all.as_array().unwrap().clone()
}

fn augmentation(json: &Value) -> Augmentation {
    Augmentation::from_json(json).unwrap_or_else(|| panic!("{json}"))
}

fn op(json: &Value, size: ImageSize) -> Box<dyn ImageOp> {
    let augmentation = augmentation(json);
    assert_eq!(augmentation.check(size), Ok(()), "{json}");
    augmentation.op(size)
}

fn draw(sample: u64, epoch: u64) -> Draw {
    let key = Key::of_seed(1).name("table");
    Draw { rng: key.number(epoch).number(sample).rng(), first_epoch: key.number(0).number(sample).rng(), epoch }
}

/// A picture in which up, down, left, right and every colour can be told apart.
pub(super) fn picture(size: ImageSize) -> Vec<u8> {
    let mut image = Vec::with_capacity(size.bytes());
    for row in 0..size.height {
        for column in 0..size.width {
            let (y, x) = (row as f64 / size.height as f64, column as f64 / size.width as f64);
            let disc = (y - 0.3).powi(2) + (x - 0.72).powi(2) < 0.03;
            let letter = (0.15..0.3).contains(&x) && (0.2..0.85).contains(&y)
                || (0.15..0.55).contains(&x) && ((0.2..0.32).contains(&y) || (0.48..0.6).contains(&y));
            let colour = match (disc, letter) {
                (true, _) => [240.0, 200.0, 20.0],
                (_, true) => [200.0, 30.0, 40.0],
                _ => [60.0 + 90.0 * x, 90.0 + 100.0 * y, 210.0 - 120.0 * y],
            };
            let grain = (row * 7 + column * 13) % 5 * 3;
            image.extend((0..size.channels).map(|c| colour[c % 3] as u8 + grain as u8));
        }
    }
    image
}

/// One step after the other.
fn alone(op: &dyn ImageOp, image: &mut Vec<u8>, size: ImageSize, mut draw: Draw) {
    op.draw(size, &mut draw, &mut |step| {
        assert_eq!(step.size_after(size), size);
        let mut to = vec![0; image.len()];
        step.carry_out(image, size, &mut to);
        *image = to;
    });
}

#[test]
fn every_augmentation_is_in_the_table() {
    let examples = examples();
    let shown: BTreeSet<&str> = examples.iter().filter_map(|e| e["op"].as_str()).collect();
    let all: BTreeSet<&str> = AUGMENTATIONS.iter().map(|o| o.name()).collect();
    assert_eq!(shown, all);
    for example in &examples {
        let json = augmentation(example).to_json();
        assert_eq!(augmentation(&json).to_json(), json);
        assert!(json.get("field").is_none() && json.get("also").is_none(), "{json}");
    }
}

/// Where the list of parameters is cut for an augmentation in a list, nothing of its own is lost.
#[test]
fn the_fields_come_last() {
    for operator in AUGMENTATIONS {
        let names: Vec<&str> = operator.params().iter().map(|p| p.name).collect();
        let cut = names.iter().position(|n| *n == "field").unwrap();
        assert!(matches!(names[cut..], ["field"] | ["field", "also"]), "{}: {names:?}", operator.name());
    }
}

/// What comes out never changes: runs depend on it. `INSTA_UPDATE=always` writes the table anew.
#[test]
fn pictures_stay_what_they_are() {
    let mut table = String::new();
    for example in examples() {
        writeln!(table, "{example}").unwrap();
        for size in [SQUARE, OBLONG] {
            let op = op(&example, size);
            let hashes = [(0, 0), (1, 0), (2, 1)].map(|(sample, epoch)| {
                let mut image = picture(size);
                alone(&*op, &mut image, size, draw(sample, epoch));
                image.iter().fold(0xcbf2_9ce4_8422_2325_u64, |h, v| (h ^ u64::from(*v)).wrapping_mul(0x100_0000_01b3))
            });
            let line: Vec<String> = hashes.iter().map(|hash| format!("{hash:016x}")).collect();
            writeln!(table, "  {size}: {}", line.join(" ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn every_pair_in_one_pass_equals_one_after_the_other() {
    let examples = examples();
    let mut memory = PassMemory::default();
    for size in [SQUARE, OBLONG] {
        let ops: Vec<_> = examples.iter().map(|e| op(e, size)).collect();
        let source = picture(size);
        for (first, one) in ops.iter().enumerate() {
            for (second, other) in ops.iter().enumerate() {
                let at = (first * ops.len() + second) as u64;
                let draws = [draw(2 * at, at % 3), draw(2 * at + 1, at % 3)];
                let mut expected = source.clone();
                let mut pass = Pass::new(Pixels { bytes: &source, size, planar: false }, &mut memory);
                for (op, draw) in [one, other].into_iter().zip(draws) {
                    alone(&**op, &mut expected, size, draw.clone());
                    op.draw(size, &mut draw.clone(), &mut |step| pass.push(step));
                }
                let mut together = vec![0; size.bytes()];
                pass.finish(Target::Bytes(&mut together));
                assert!(together == expected, "{} then {}, {size}", examples[first], examples[second]);
            }
        }
    }
}

/// All sizes and numbers of channels, or an error that says what is wrong.
#[test]
fn odd_images_are_changed_or_refused() {
    for (height, width, channels) in [(1, 1, 3), (2, 9, 1), (14, 14, 2), (15, 16, 4), (14, 15, 5)] {
        let size = ImageSize { height, width, channels };
        for example in examples() {
            let augmentation = augmentation(&example);
            match augmentation.check(size) {
                Ok(()) => {
                    (0..20).for_each(|i| alone(&*augmentation.op(size), &mut picture(size), size, draw(i, i % 2)))
                }
                Err(Faults(faults)) => assert!(faults.iter().all(|f| f.expected.is_some() && f.given.is_some())),
            }
        }
    }
}

#[test]
fn grey_images_have_no_colours_to_change() {
    let grey = ImageSize { channels: 1, ..SQUARE };
    let refused = |json: Value| augmentation(&json).check(grey).err().map(|Faults(faults)| faults[0].clone());
    let fault = refused(json!({ "op": "random_apply", "ops": [{ "op": "color_jitter", "hue": 0.1 }] })).unwrap();
    assert_eq!(fault.path, "/ops/0/op");
    assert_eq!(fault.message, "operation 0, `color_jitter`: this needs red, green and blue");
    assert_eq!(fault.given.as_deref(), Some("an image of 32 × 32 × 1"));
    assert!(refused(json!({ "op": "color_jitter", "brightness": 0.1 })).is_none());
    assert!(refused(json!({ "op": "grayscale" })).is_some() && refused(json!({ "op": "rand_augment" })).is_none());
}

/// How many of so many draws do anything.
fn acting(op: &dyn ImageOp, size: ImageSize, draws: u64) -> usize {
    let acts = |sample: &u64| {
        let mut acted = false;
        op.draw(size, &mut draw(*sample, 0), &mut |_| acted = true);
        acted
    };
    (0..draws).filter(acts).count()
}

#[test]
fn probabilities_are_what_they_say() {
    for mut example in examples() {
        let key = ["p", "flip_prob"].into_iter().find(|key| example[*key].is_number());
        let Some(key) = key else { continue };
        for (p, expected) in [(0.0, 0..=0), (0.3, 1100..=1300), (1.0, 3980..=4000)] {
            example[key] = json!(p);
            let count = acting(&*op(&example, SQUARE), SQUARE, 4000);
            assert!(expected.contains(&count), "{example}: {count} of 4000");
        }
    }
}

#[test]
fn alternating_flips_alternate() {
    let op = op(&json!({ "op": "alternating_flip" }), SQUARE);
    let flips = |sample: u64, epoch: u64| {
        let mut flips = false;
        op.draw(SQUARE, &mut draw(sample, epoch), &mut |_| flips = true);
        flips
    };
    let first = (0..2000).filter(|sample| flips(*sample, 0)).count();
    assert!((900..1100).contains(&first), "{first} of 2000 in the first epoch");
    for sample in 0..200 {
        let epochs = [0, 1, 2, 3, 4].map(|epoch| flips(sample, epoch));
        assert!(epochs.windows(2).all(|pair| pair[0] != pair[1]), "sample {sample}: {epochs:?}");
    }
}

/// How often each result comes out of an image whose pixels all differ.
fn counts(example: &Value, size: ImageSize, draws: u64) -> Vec<usize> {
    let op = op(example, size);
    let mut counts = std::collections::BTreeMap::new();
    for sample in 0..draws {
        let mut image: Vec<u8> = (1..=size.bytes() as u8).collect();
        alone(&*op, &mut image, size, draw(sample, 0));
        *counts.entry(image).or_insert(0) += 1;
    }
    counts.into_values().collect()
}

#[test]
fn choices_are_even() {
    let size = ImageSize { height: 5, width: 5, channels: 1 };
    let even = |example: Value, results: usize| {
        let counts = counts(&example, size, 900 * results as u64);
        assert_eq!(counts.len(), results, "{example}");
        assert!(counts.iter().all(|c| (770..1030).contains(c)), "{example}: {counts:?}");
    };
    even(json!({ "op": "random_translate", "padding": 1 }), 9);
    even(json!({ "op": "cutout", "crop_size": 3 }), 9);
    even(json!({ "op": "cutout", "crop_size": 1, "centre": "anywhere" }), 25);
    let (mirror, darken) = (
        json!({ "op": "random_horizontal_flip", "flip_prob": 1 }),
        json!({ "op": "random_solarize", "threshold": 10, "p": 1 }),
    );
    even(json!({ "op": "random_choice", "ops": [mirror, darken] }), 2);
    // Mirrored, turned and sheared: another image in each order.
    let ops = json!([
        { "op": "random_horizontal_flip", "flip_prob": 1 },
        { "op": "random_rotation", "degrees": [30, 30] },
        { "op": "random_affine", "degrees": 0, "shear": [30, 30] },
    ]);
    even(json!({ "op": "random_order", "ops": ops }), 6);
    let weighted = counts(&json!({ "op": "random_choice", "p": [3, 0, 1], "ops": ops }), size, 4000);
    assert!(weighted.len() == 2 && weighted.iter().any(|c| (2900..3100).contains(c)), "{weighted:?}");
}

/// An operation draws the same, whatever others stand beside it.
#[test]
fn nested_operations_do_not_shift_each_other() {
    let cutout = json!({ "op": "cutout", "crop_size": 8 });
    let area = |ops: Value, sample: u64| {
        let mut areas = Vec::new();
        let op = op(&json!({ "op": "random_apply", "p": 1, "ops": ops }), SQUARE);
        op.draw(SQUARE, &mut draw(sample, 0), &mut |step| {
            if let Step::Fill { area, .. } = step {
                areas.push(*area);
            }
        });
        areas
    };
    for sample in 0..20 {
        let one = area(json!([cutout]), sample);
        let others = json!([{ "op": "color_jitter", "hue": 0.1 }, cutout, { "op": "random_invert" }]);
        assert_eq!(area(others, sample), one);
        let two = area(json!([cutout, cutout]), sample);
        assert!(two[0] == one[0] && two[1] != two[0], "two of a name draw differently: {two:?}");
    }
}

/// A picture of all: a row for each example, the image as it is first. `make sheets`.
#[test]
#[ignore = "a picture that somebody must look at: `make sheets` draws it"]
fn contact_sheet() {
    const SIZE: ImageSize = ImageSize { height: 64, width: 64, channels: 3 };
    const COLUMNS: usize = 10;
    let path = std::env::var_os("CONTACT_SHEET").expect("CONTACT_SHEET names the file to write");
    let examples = examples();
    let (line, gap) = (SIZE.width * 3, 4);
    let width = COLUMNS * (SIZE.width + gap);
    let mut sheet = format!("P6 {width} {} 255\n", examples.len() * (SIZE.height + gap)).into_bytes();
    for example in &examples {
        let op = op(example, SIZE);
        let mut images = vec![picture(SIZE); COLUMNS];
        for (sample, image) in images.iter_mut().enumerate().skip(1) {
            alone(&*op, image, SIZE, draw(sample as u64 / 2, sample as u64 % 2));
        }
        for row in 0..SIZE.height {
            for image in &images {
                sheet.extend(&image[row * line..(row + 1) * line]);
                sheet.extend(vec![255; gap * 3]);
            }
        }
        sheet.extend(vec![255; gap * width * 3]);
    }
    std::fs::write(path, sheet).unwrap();
}
