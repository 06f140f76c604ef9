//! Turning the hue.

use super::to_byte;
use crate::ImageSize;

/// Pixels worked on at a time: a few vector registers.
const BLOCK: usize = 16;

/// Turns the hue of each pixel by `turn`, in turns: a third makes red green, green blue, and blue red.
///
/// As torchvision's `adjust_hue` (there −0.5..=0.5; here whole turns don't count): in the hexagonal model of hue,
/// saturation and value, of which a turn of hue keeps the largest and the smallest channel. With c their difference and
/// h the hue in sixths of a turn, 0..6, a channel becomes largest − c·clamp(min(k, 4 − k), 0, 1), where k is h + 5 for
/// red, h + 3 for green, h + 1 for blue, less 6 from 6 on; that is scaled by 255.999/255 and cut off, which is how
/// torchvision turns floats to bytes. A turn of 0 changes nothing. (Pillow's hue has 256 steps and is coarser.)
///
/// Needs red, green, blue: images of fewer channels stay as they are, and so does a fourth channel.
pub fn hue(image: &mut [u8], size: ImageSize, turn: f64) {
    let shift = (turn.rem_euclid(1.0) * 6.0) as f32;
    match size.channels {
        0..=2 => {}
        3 => turn_pixels(image.as_chunks_mut::<3>().0, shift),
        4 => turn_pixels(image.as_chunks_mut::<4>().0, shift),
        channels => {
            for colour in image.chunks_exact_mut(channels).filter_map(|pixel| pixel.first_chunk_mut::<3>()) {
                turn_pixels(std::slice::from_mut(colour), shift);
            }
        }
    }
}

/// Turns pixels by `shift` sixths of a turn.
fn turn_pixels<const C: usize>(pixels: &mut [[u8; C]], shift: f32) {
    for pixels in pixels.chunks_mut(BLOCK) {
        // Channel by channel, so that vector instructions take many pixels at once.
        let mut channels = [[0.0; BLOCK]; 3];
        for (at, pixel) in pixels.iter().enumerate() {
            for (channel, &v) in channels.iter_mut().zip(pixel) {
                channel[at] = f32::from(v);
            }
        }
        let [red, green, blue] = &mut channels;
        for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
            [*r, *g, *b] = turn_colour([*r, *g, *b], shift);
        }
        for (at, pixel) in pixels.iter_mut().enumerate() {
            for (channel, v) in channels.iter().zip(pixel) {
                *v = to_byte(channel[at]);
            }
        }
    }
}

/// Without branches: which way colours take is as good as random.
#[inline(always)]
fn turn_colour([r, g, b]: [f32; 3], shift: f32) -> [f32; 3] {
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    let smaller = |a: f32, b: f32| if a < b { a } else { b };
    let (largest, smallest) = (larger(larger(r, g), b), smaller(smaller(r, g), b));
    let range = largest - smallest;
    let (red, green) = (largest == r, largest == g);
    let first = if red {
        g
    } else if green {
        b
    } else {
        r
    };
    let second = if red {
        b
    } else if green {
        r
    } else {
        g
    };
    let start = if red {
        0.0
    } else if green {
        2.0
    } else {
        4.0
    };
    // A grey has no hue; any will do.
    let h = (first - second) / larger(range, 1.0) + start + shift;
    // From −1..11 into 0..6; the first step may round to 6 itself.
    let h = h + if h < 0.0 { 6.0 } else { 0.0 };
    let h = h - if h >= 6.0 { 6.0 } else { 0.0 };
    [5.0, 3.0, 1.0].map(|own| {
        let k = h + own;
        let k = k - if k >= 6.0 { 6.0 } else { 0.0 };
        let away = larger(smaller(smaller(k, 4.0 - k), 1.0), 0.0);
        (largest - range * away) * (255.999 / 255.0)
    })
}
