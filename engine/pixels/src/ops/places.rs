//! Where augmentations cut, crop and erase, from random numbers.
//!
//! A source of random numbers gives numbers in `0.0..1.0`, all as likely; they are taken in the order that each
//! function tells, so that the same numbers give the same rectangle anywhere.

use super::Rect;
use super::elementary::{exp, ln};
use crate::ImageSize;

/// Tries that RandomErasing and RandomResizedCrop make before they give up.
const TRIES: usize = 10;

/// A random whole number in `0..end` from one random number; 0 if `end` is 0.
fn below(end: usize, uniform: &mut dyn FnMut() -> f64) -> usize {
    ((uniform() * end as f64) as usize).min(end.saturating_sub(1))
}

/// A random number in `low..high` from one random number.
fn within((low, high): (f64, f64), uniform: &mut dyn FnMut() -> f64) -> f64 {
    low + (high - low) * uniform()
}

/// A square wholly inside the image, every place as likely: FFCV's Cutout. A side longer than the image's counts as
/// that. Draws the top, then the left edge.
pub fn cutout_inside(size: ImageSize, side: usize, uniform: &mut dyn FnMut() -> f64) -> Rect {
    let side = side.min(size.height).min(size.width);
    let top = below(size.height - side + 1, uniform);
    let left = below(size.width - side + 1, uniform);
    Rect { top, left, height: side, width: side }
}

/// A square around any pixel, cut off at the image's edge: Cutout as in the paper (DeVries and Taylor, 2017). An odd
/// side is what it says, where the authors' code takes one less. Draws the centre's line, then its column.
pub fn cutout_centred(size: ImageSize, side: usize, uniform: &mut dyn FnMut() -> f64) -> Rect {
    let (y, x) = (below(size.height, uniform), below(size.width, uniform));
    around((y, x), (side / 2, side - side / 2), (side / 2, side - side / 2), size)
}

/// From so many lines and columns before a place to so many from it on, inside the image.
fn around((y, x): (usize, usize), lines: (usize, usize), columns: (usize, usize), size: ImageSize) -> Rect {
    let (top, left) = (y.saturating_sub(lines.0), x.saturating_sub(columns.0));
    let bottom = y.saturating_add(lines.1).min(size.height);
    let right = x.saturating_add(columns.1).min(size.width);
    Rect { top, left, height: bottom.saturating_sub(top), width: right.saturating_sub(left) }
}

/// Height and width of a rectangle whose area is a random part of the image's, and whose ratio of `first` to second
/// side is random on a logarithmic scale. Draws the part, then the ratio.
fn sides(size: ImageSize, scale: (f64, f64), ratio: (f64, f64), uniform: &mut dyn FnMut() -> f64) -> (f64, f64) {
    let area = (size.height * size.width) as f64 * within(scale, uniform);
    let aspect = exp(within((ln(ratio.0), ln(ratio.1)), uniform));
    // Square roots are exact to the last bit everywhere; Python rounds halves to even.
    ((area * aspect).sqrt().round_ties_even(), (area / aspect).sqrt().round_ties_even())
}

/// The rectangle of torchvision's RandomErasing: `scale` is the range of its part of the image's area, `ratio` that of
/// its height to its width. None if ten tries find no rectangle smaller than the image in both directions: then the
/// image stays as it is. Each try draws area and ratio; the last then the top and the left edge.
pub fn random_erasing(
    size: ImageSize,
    scale: (f64, f64),
    ratio: (f64, f64),
    uniform: &mut dyn FnMut() -> f64,
) -> Option<Rect> {
    for _ in 0..TRIES {
        let (height, width) = sides(size, scale, ratio, uniform);
        if height < size.height as f64 && width < size.width as f64 {
            let (height, width) = (height as usize, width as usize);
            let top = below(size.height - height + 1, uniform);
            let left = below(size.width - width + 1, uniform);
            return Some(Rect { top, left, height, width });
        }
    }
    None
}

/// The rectangle of CutMix that gets the other image, and the part of the image that stays its own: the weight of its
/// label. As torchvision and the paper (Yun et al., 2019): around any pixel, with 1 − `lambda` of the image's area but
/// for what the edge cuts off. Draws the centre's column, then its line.
pub fn cutmix(size: ImageSize, lambda: f64, uniform: &mut dyn FnMut() -> f64) -> (Rect, f64) {
    let x = below(size.width, uniform);
    let y = below(size.height, uniform);
    let part = 0.5 * (1.0 - lambda.clamp(0.0, 1.0)).sqrt();
    let (lines, columns) = ((part * size.height as f64) as usize, (part * size.width as f64) as usize);
    let rect = around((y, x), (lines, lines), (columns, columns), size);
    let area = (size.height * size.width).max(1) as f64;
    (rect, 1.0 - (rect.height * rect.width) as f64 / area)
}

/// The crop of FFCV's and torchvision's RandomResizedCrop: `scale` is the range of its part of the image's area,
/// `ratio` that of its width to its height. After ten tries without a rectangle that fits, the largest one in the
/// middle whose ratio is in range. Each try draws area and ratio; the last then the top and the left edge.
pub fn random_resized_crop(
    size: ImageSize,
    scale: (f64, f64),
    ratio: (f64, f64),
    uniform: &mut dyn FnMut() -> f64,
) -> Rect {
    for _ in 0..TRIES {
        let (width, height) = sides(size, scale, ratio, uniform);
        if (1.0..=size.width as f64).contains(&width) && (1.0..=size.height as f64).contains(&height) {
            let (height, width) = (height as usize, width as usize);
            let top = below(size.height - height + 1, uniform);
            let left = below(size.width - width + 1, uniform);
            return Rect { top, left, height, width };
        }
    }
    let (height, width) = (size.height as f64, size.width as f64);
    let own = width / height;
    let (height, width) = if own < ratio.0 {
        ((width / ratio.0).round_ties_even() as usize, size.width)
    } else if own > ratio.1 {
        (size.height, (height * ratio.1).round_ties_even() as usize)
    } else {
        (size.height, size.width)
    };
    // At least a pixel of an image that has one, whatever the ratios are.
    let (height, width) = (height.clamp(size.height.min(1), size.height), width.clamp(size.width.min(1), size.width));
    Rect { top: (size.height - height) / 2, left: (size.width - width) / 2, height, width }
}

/// A rectangle in the middle, as torchvision's `center_crop`: an odd rest is divided so that the upper or left part is
/// even. What is larger than the image counts as the image (torchvision pads).
pub fn center_crop(size: ImageSize, height: usize, width: usize) -> Rect {
    let (height, width) = (height.min(size.height), width.min(size.width));
    let half = |rest: usize| (rest as f64 / 2.0).round_ties_even() as usize;
    Rect { top: half(size.height - height), left: half(size.width - width), height, width }
}

/// A square in the middle with `ratio` of the shorter side, as FFCV's CenterCropRGBImageDecoder crops before it
/// resizes.
pub fn center_crop_ratio(size: ImageSize, ratio: f64) -> Rect {
    let shorter = size.height.min(size.width);
    let side = ((ratio * shorter as f64) as usize).min(shorter);
    Rect { top: (size.height - side) / 2, left: (size.width - side) / 2, height: side, width: side }
}
