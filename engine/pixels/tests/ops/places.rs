//! Rectangles from random numbers.

use crate::size;
use pixels::ImageSize;
use pixels::ops::Rect;
use pixels::ops::places::*;
use proptest::prelude::*;

/// These numbers one after the other, then zeros.
fn numbers(numbers: &[f64]) -> impl FnMut() -> f64 {
    let mut numbers = numbers.iter().copied();
    move || numbers.next().unwrap_or(0.0)
}

const fn rect(top: usize, left: usize, height: usize, width: usize) -> Rect {
    Rect { top, left, height, width }
}

#[test]
fn cutouts_are_ffcvs_and_the_papers() {
    let image = size(32, 40, 3);
    assert_eq!(cutout_inside(image, 8, &mut numbers(&[0.0, 0.0])), rect(0, 0, 8, 8));
    assert_eq!(cutout_inside(image, 8, &mut numbers(&[0.9999, 0.9999])), rect(24, 32, 8, 8));
    assert_eq!(cutout_inside(image, 99, &mut numbers(&[0.9, 0.9])), rect(0, 8, 32, 32));
    assert_eq!(cutout_centred(image, 8, &mut numbers(&[0.0, 0.5])), rect(0, 16, 4, 8));
    assert_eq!(cutout_centred(image, 8, &mut numbers(&[0.9999, 0.0])), rect(27, 0, 5, 4));
    assert_eq!(cutout_centred(image, 5, &mut numbers(&[0.5, 0.5])), rect(14, 18, 5, 5));
}

#[test]
fn erasing_has_area_and_ratio() {
    let image = size(100, 100, 3);
    // A fifth of 10000 with ratio 1: 44.7 pixels a side.
    let found = random_erasing(image, (0.2, 0.2), (1.0, 1.0), &mut numbers(&[0.3, 0.3, 0.5, 0.0]));
    assert_eq!(found, Some(rect(28, 0, 45, 45)));
    // Twice as high as wide.
    let found = random_erasing(image, (0.02, 0.02), (2.0, 2.0), &mut numbers(&[]));
    assert_eq!(found, Some(rect(0, 0, 20, 10)));
    assert_eq!(random_erasing(image, (1.0, 1.0), (1.0, 1.0), &mut numbers(&[])), None);
}

#[test]
fn cutmix_keeps_about_lambda() {
    let image = size(100, 200, 3);
    // Half of each side of the square root of 1/4: 25 lines, 50 columns to each side of (50, 100).
    assert_eq!(cutmix(image, 0.75, &mut numbers(&[0.5, 0.5])), (rect(25, 50, 50, 100), 0.75));
    assert_eq!(cutmix(image, 0.75, &mut numbers(&[0.0, 0.5])), (rect(25, 0, 50, 50), 0.875));
    assert_eq!(cutmix(image, 1.0, &mut numbers(&[0.5, 0.5])).1, 1.0);
    assert_eq!(cutmix(image, 0.0, &mut numbers(&[0.5, 0.5])), (rect(0, 0, 100, 200), 0.0));
}

#[test]
fn resized_crops_fall_back_to_the_middle() {
    let ratios = (3.0 / 4.0, 4.0 / 3.0);
    let crop = |size, scale| random_resized_crop(size, scale, ratios, &mut numbers(&[]));
    // A quarter of the area at ratio 3/4: 43 wide, 58 high.
    assert_eq!(crop(size(100, 100, 3), (0.25, 0.25)), rect(0, 0, 58, 43));
    assert_eq!(crop(size(100, 1000, 3), (1.0, 1.0)), rect(0, 433, 100, 133));
    assert_eq!(crop(size(1000, 100, 3), (1.0, 1.0)), rect(433, 0, 133, 100));
    assert_eq!(crop(size(100, 110, 3), (4.0, 4.0)), rect(0, 0, 100, 110));
}

#[test]
fn central_crops_round_as_their_peers() {
    assert_eq!(center_crop(size(7, 9, 3), 4, 4), rect(2, 2, 4, 4));
    assert_eq!(center_crop(size(5, 9, 3), 4, 100), rect(0, 0, 4, 9));
    assert_eq!(center_crop_ratio(size(375, 500, 3), 224.0 / 256.0), rect(23, 86, 328, 328));
}

fn inside(rect: Rect, size: ImageSize) -> bool {
    rect.top + rect.height <= size.height && rect.left + rect.width <= size.width
}

proptest! {
    #[test]
    fn all_lie_inside(
        (height, width) in (0_usize..300, 0_usize..300),
        side in 0_usize..400,
        scale in (0.0..2.0, 0.0..2.0),
        ratio in (0.0..9.0, 0.0..9.0),
        drawn in prop::collection::vec(0.0..1.0, 30),
    ) {
        let image = size(height, width, 3);
        let mut source = numbers(&drawn);
        prop_assert!(inside(cutout_inside(image, side, &mut source), image));
        prop_assert!(inside(cutout_centred(image, side, &mut source), image));
        if let Some(hole) = random_erasing(image, scale, ratio, &mut numbers(&drawn)) {
            prop_assert!(inside(hole, image));
        }
        let (hole, kept) = cutmix(image, scale.0, &mut numbers(&drawn));
        prop_assert!(inside(hole, image) && (0.0..=1.0).contains(&kept));
        let crop = random_resized_crop(image, scale, ratio, &mut numbers(&drawn));
        prop_assert!(inside(crop, image));
        prop_assert!(height * width == 0 || crop.height * crop.width > 0);
        prop_assert!(inside(center_crop(image, side, side), image));
        prop_assert!(inside(center_crop_ratio(image, scale.0), image));
    }
}
