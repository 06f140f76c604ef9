//! Operations that look at one value at a time, as tables of what each value becomes.
//!
//! Tables compose: `second[first[v]]` is one table for both, and one pass over the pixels.

use super::to_byte;

/// What each of the 256 values becomes.
pub type Table = [u8; 256];

/// A table for each channel; the fifth channel uses the first again, and so on.
pub type ChannelTables = [Table; 4];

/// The table that changes nothing.
pub fn identity() -> Table {
    table(|v| v)
}

/// `factor` times each value: 0 is black, 1 changes nothing. As FFCV's RandomBrightness and torchvision's
/// `adjust_brightness`.
pub fn brightness(factor: f64) -> Table {
    let factor = factor as f32;
    table(|v| to_byte(factor * f32::from(v)))
}

/// `factor`·v + (1 − `factor`)·`mean`: 0 is one grey, 1 changes nothing. With the image's
/// [`grey_mean`](super::grey_mean) as FFCV's RandomContrast and torchvision's `adjust_contrast`; Pillow rounds the
/// mean to a whole number first.
pub fn contrast(factor: f64, mean: f32) -> Table {
    let (own, constant) = (factor as f32, (1.0 - factor) as f32 * mean);
    table(|v| to_byte(own * f32::from(v) + constant))
}

/// The negative: 255 − v.
pub fn invert() -> Table {
    table(|v| 255 - v)
}

/// The negative of values from `threshold` on: 0 inverts all, above 255 nothing. As torchvision and Pillow.
pub fn solarize(threshold: f64) -> Table {
    table(|v| if f64::from(v) >= threshold { 255 - v } else { v })
}

/// Keeps the upper `bits` bits: 8 (and more) changes nothing, 0 is black. As torchvision and Pillow.
pub fn posterize(bits: u32) -> Table {
    let mask = (0xff00_u32 >> bits.min(8)) as u8;
    table(|v| v & mask)
}

/// Stretches the values that occur over 0..=255: ⌊255·(v − least) / (greatest − least)⌋; a single value stays.
///
/// Torchvision's and Pillow's, in whole numbers: theirs, in floats, can be one less where the quotient is whole.
pub fn autocontrast(counts: &[u32; 256]) -> Table {
    let least = counts.iter().position(|&count| count > 0).unwrap_or(0);
    let greatest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
    if least >= greatest {
        return identity();
    }
    table(|v| (255 * usize::from(v).saturating_sub(least) / (greatest - least)).min(255) as u8)
}

/// Makes all values about as frequent. As torchvision and Pillow: with `step` a 255th of the pixels that don't have
/// the greatest value, v becomes (half a step + pixels below v) / `step`, all whole numbers; an image too small or too
/// even for that stays.
pub fn equalize(counts: &[u32; 256]) -> Table {
    let greatest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
    let step = counts[..greatest].iter().map(|&count| u64::from(count)).sum::<u64>() / 255;
    if step == 0 {
        return identity();
    }
    let mut below = step / 2;
    std::array::from_fn(|v| {
        let level = (below / step).min(255) as u8;
        below += u64::from(counts[v]);
        level
    })
}

/// How often each value occurs in each channel; the fifth channel is counted with the first, and so on.
pub fn histogram(image: &[u8], channels: usize) -> [[u32; 256]; 4] {
    let mut counts = [[0; 256]; 4];
    if channels == 3 {
        let [red, green, blue, _] = &mut counts;
        for &[r, g, b] in image.as_chunks::<3>().0 {
            red[usize::from(r)] += 1;
            green[usize::from(g)] += 1;
            blue[usize::from(b)] += 1;
        }
    } else {
        for pixel in image.chunks_exact(channels.max(1)) {
            for (channel, &v) in pixel.iter().enumerate() {
                counts[channel % 4][usize::from(v)] += 1;
            }
        }
    }
    counts
}

/// Looks up every value in one table.
pub fn apply_table(image: &mut [u8], table: &Table) {
    for v in image {
        *v = table[usize::from(*v)];
    }
}

/// Looks up every value in the table of its channel.
pub fn apply_tables(image: &mut [u8], channels: usize, tables: &ChannelTables) {
    if channels == 3 {
        let [red, green, blue, _] = tables;
        for [r, g, b] in image.as_chunks_mut::<3>().0 {
            (*r, *g, *b) = (red[usize::from(*r)], green[usize::from(*g)], blue[usize::from(*b)]);
        }
        return;
    }
    for pixel in image.chunks_exact_mut(channels.max(1)) {
        for (channel, v) in pixel.iter_mut().enumerate() {
            *v = tables[channel % 4][usize::from(*v)];
        }
    }
}

fn table(mut of: impl FnMut(u8) -> u8) -> Table {
    std::array::from_fn(|v| of(v as u8))
}
