//! Turning the hue.

use crate::ImageSize;

/// For each sixth of the circle of hues, from red over yellow, what red, green and blue are: 0 the largest of the three,
/// 8 the one between, 16 the smallest. (Bits to shift by.)
const RANKS: [[u32; 3]; 8] = {
    let [red, magenta] = [[0, 8, 16], [0, 16, 8]];
    // The last two are never used: with them, a masked number needs no check.
    [red, [8, 0, 16], [16, 0, 8], [16, 8, 0], [8, 16, 0], magenta, red, red]
};

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

/// Turns one colour by `shift` sixths of a turn. Without branches: which way colours take is as good as random.
#[inline]
fn turn_colour(colour: &mut [u8; 3], shift: f32, inverses: &[f32; 256]) {
    let [r, g, b] = colour.map(i32::from);
    let (largest, smallest) = (r.max(g).max(b), r.min(g).min(b));
    let range = largest - smallest;
    let (red, green) = (largest == r, largest == g);
    let up = if red {
        g
    } else if green {
        b
    } else {
        r
    };
    let down = if red {
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
    let h = (up - down) as f32 * inverses[range as u8 as usize] + start + shift;
    // From −1..11 into 0..6; the first step may round to 6 itself.
    let h = h + if h < 0.0 { 6.0 } else { 0.0 };
    let h = h - if h >= 6.0 { 6.0 } else { 0.0 };
    let sixth = h as i32;
    let within = h - sixth as f32;
    let t = if sixth & 1 == 0 { within } else { 1.0 - within };
    let between = (smallest as f32 + range as f32 * t) * (255.999 / 255.0);
    let ranked = largest as u32 | (between as i32 as u32) << 8 | (smallest as u32) << 16;
    *colour = RANKS[(sixth & 7) as usize].map(|shift| (ranked >> shift) as u8);
}
