//! Sharpening and softening.

use super::{Scratch, to_byte};
use crate::ImageSize;

/// v + (1 − `factor`)·(soft − v), cut off: 0 is soft, 1 changes nothing, above 1 sharper.
///
/// Soft is the mean of the 3 × 3 neighbourhood in which the middle counts five times, rounded to a whole number. As
/// torchvision's `adjust_sharpness` and Pillow's Sharpness: the outermost pixels stay as they are, and so does an image
/// less than three pixels high or wide.
pub fn sharpness(image: &mut [u8], size: ImageSize, factor: f64, scratch: &mut Scratch) {
    let (step, line) = (size.channels, size.width * size.channels);
    if size.width < 3 || size.height < 3 || step == 0 {
        return;
    }
    scratch.copy(image);
    let Scratch { image: source, line: columns, .. } = scratch;
    let part = (1.0 - factor) as f32;
    for y in 1..size.height - 1 {
        let [above, middle, below] = [y - 1, y, y + 1].map(|y| &source[y * line..][..line]);
        columns.clear();
        columns.extend(
            above.iter().zip(middle).zip(below).map(|((&a, &m), &b)| u16::from(a) + u16::from(m) + u16::from(b)),
        );
        let inner = line - 2 * step;
        let out = &mut image[y * line + step..][..inner];
        let (left, centre, right) = (&columns[..inner], &columns[step..][..inner], &columns[2 * step..][..inner]);
        let middle = &middle[step..][..inner];
        for ((((out, &l), &c), &r), &v) in out.iter_mut().zip(left).zip(centre).zip(right).zip(middle) {
            let sum = l + c + r + 4 * u16::from(v);
            // ⌊(sum + 6) / 13⌋: 5042/65536 is little enough above a 13th for every sum there is, 3315 at most.
            let soft = (u32::from(sum + 6) * 5042) >> 16;
            let v = f32::from(v);
            *out = to_byte(v + part * (soft as i32 as f32 - v));
        }
    }
}
