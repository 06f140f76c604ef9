//! Turning the hue.

use crate::ImageSize;

/// Where the largest and the smallest channel are in each sixth of the circle of hues, from red over yellow; the third
/// channel lies between them.
const LARGEST: [usize; 6] = [0, 1, 1, 2, 2, 0];
const SMALLEST: [usize; 6] = [2, 2, 0, 0, 1, 1];

/// Turns the hue of each pixel by `turn`, in turns: a third makes red green, green blue, and blue red.
///
/// As torchvision's `adjust_hue` (there −0.5..=0.5; here whole turns don't count): in the hexagonal model of hue,
/// saturation and value, of which a turn of hue keeps the largest and the smallest channel. With c their difference, the
/// hue is a number h in 0..6, and the channel between them becomes smallest + c·t, where t rises from 0 to 1 and falls
/// to 0 as h goes from one even number to the next; that sum is scaled by 255.999/255 and cut off, which is how
/// torchvision turns floats to bytes. A turn of 0 changes nothing. (Pillow's hue has 256 steps and is coarser.)
///
/// Needs red, green, blue: images of fewer channels stay as they are, and so does a fourth channel.
pub fn hue(image: &mut [u8], size: ImageSize, turn: f64) {
    let shift = (turn.rem_euclid(1.0) * 6.0) as f32;
    // A division a pixel would be the slowest part.
    let inverses: [f32; 256] = std::array::from_fn(|c| 1.0 / (c as f32).max(1.0));
    match size.channels {
        3 => image.as_chunks_mut::<3>().0.iter_mut().for_each(|colour| turn_colour(colour, shift, &inverses)),
        channels => image
            .chunks_exact_mut(channels.max(1))
            .filter_map(|pixel| pixel.first_chunk_mut())
            .for_each(|colour| turn_colour(colour, shift, &inverses)),
    }
}

/// Turns one colour by `shift` sixths of a turn.
#[inline]
fn turn_colour(colour: &mut [u8; 3], shift: f32, inverses: &[f32; 256]) {
    let [r, g, b] = *colour;
    let (largest, smallest) = (r.max(g).max(b), r.min(g).min(b));
    let range = largest - smallest;
    if range == 0 {
        return;
    }
    let (start, up, down) = if largest == r {
        (0.0, g, b)
    } else if largest == g {
        (2.0, b, r)
    } else {
        (4.0, r, g)
    };
    let mut h = (f32::from(up) - f32::from(down)) * inverses[usize::from(range)] + start + shift;
    // From −1..11 into 0..6; the first step may round to 6 itself.
    if h < 0.0 {
        h += 6.0;
    }
    if h >= 6.0 {
        h -= 6.0;
    }
    let sixth = h as usize;
    let within = h - sixth as f32;
    let t = if sixth.is_multiple_of(2) { within } else { 1.0 - within };
    let between = (f32::from(smallest) + f32::from(range) * t) * (255.999 / 255.0);
    *colour = [between as u8; 3];
    // Below 6 unless the turn was no number; the remainder spares a check.
    colour[LARGEST[sixth % 6]] = largest;
    colour[SMALLEST[sixth % 6]] = smallest;
}
