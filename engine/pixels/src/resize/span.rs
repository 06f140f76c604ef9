//! A part of an axis, of which there may be fewer samples than pixels.

/// A part of an axis of an image, and the samples that there are of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Pixels of the part, in the image's own size.
    pub length: usize,
    /// Pixels that the samples begin before the part.
    pub before: usize,
    /// Eight pixels have 8 >> `shift` samples, the first eight from the samples' beginning on; 0 for all of them.
    pub shift: u32,
}

impl Span {
    /// `length` pixels, and no others.
    pub fn whole(length: usize) -> Self {
        Self { length, before: 0, shift: 0 }
    }

    /// From pixel `start` on, of which a cosine transform of blocks made samples.
    pub fn reduced(start: usize, length: usize, shift: u32) -> Self {
        Self { length, before: start % 8, shift }
    }

    /// How many samples there are.
    pub fn samples(self) -> usize {
        match self.shift {
            0 => self.length,
            shift => (self.before + self.length).div_ceil(8) * (8 >> shift),
        }
    }

    /// A place among the part's pixels as one among the samples.
    pub fn place(self, pixel: f64) -> f64 {
        if self.shift == 0 { pixel } else { (self.before as f64 + pixel) / f64::from(1u32 << self.shift) }
    }

    /// The samples that the part's first and last pixel lie in.
    pub fn ends(self) -> (usize, usize) {
        (self.before >> self.shift, (self.before + self.length - 1) >> self.shift)
    }
}

/// cos(i π / 16).
const COSINES: [f64; 9] = [
    1.0,
    0.980_785_280_403_230_4,
    0.923_879_532_511_286_7,
    0.831_469_612_302_545_2,
    std::f64::consts::FRAC_1_SQRT_2,
    0.555_570_233_019_602_2,
    0.382_683_432_365_089_8,
    0.195_090_322_016_128_27,
    0.0,
];

/// cos(i π / 16) of any `i`.
const fn cosine(i: usize) -> f64 {
    match i % 32 {
        i @ 0..=8 => COSINES[i],
        i @ 9..=16 => -COSINES[16 - i],
        i @ 17..=24 => -COSINES[i - 16],
        i => COSINES[32 - i],
    }
}

/// A block's eight pixels as sums of its samples, where there are 8 >> `SHIFT`: the pixels that these samples' cosine
/// transform, with nothing above it, is that of.
const fn pixels<const SHIFT: usize>() -> [[f64; 4]; 8] {
    let size = 8 >> SHIFT;
    let mut out = [[0.0; 4]; 8];
    let mut pixel = 0;
    while pixel < 8 {
        let mut sample = 0;
        while sample < size {
            let (mut sum, mut k) = (1.0, 1);
            while k < size {
                sum += 2.0 * cosine((2 * pixel + 1) * k) * cosine(((2 * sample + 1) * k) << SHIFT);
                k += 1;
            }
            out[pixel][sample] = sum / size as f64;
            sample += 1;
        }
        pixel += 1;
    }
    out
}

/// By shift less one.
static PIXELS: [[[f64; 4]; 8]; 3] = [pixels::<1>(), pixels::<2>(), pixels::<3>()];

impl Span {
    /// Weights of samples, from the one that is given on, for those of pixels from `first` on: the same sum where the
    /// samples tell all that the pixels do. `out` is large enough and zero.
    pub fn fold(self, first: usize, weights: &[f64], out: &mut [f64]) -> usize {
        let size = 8 >> self.shift;
        let table = &PIXELS[self.shift as usize - 1];
        let block = (self.before + first) / 8;
        for (place, &weight) in (self.before + first..).zip(weights) {
            if weight != 0.0 {
                let samples = &mut out[(place / 8 - block) * size..][..size];
                for (out, part) in samples.iter_mut().zip(table[place % 8]) {
                    *out += weight * part;
                }
            }
        }
        block * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_what_the_transform_says() {
        for (shift, table) in PIXELS.iter().enumerate() {
            let size = 8 >> (shift + 1);
            // A wave that the samples can tell: pixels and samples of it are known.
            for k in 0..size {
                let wave = |place: usize, of: usize| {
                    ((2 * place + 1) as f64 * k as f64 * std::f64::consts::PI / (2 * of) as f64).cos()
                };
                for (pixel, parts) in table.iter().enumerate() {
                    let sum: f64 = (0..size).map(|sample| wave(sample, size) * parts[sample]).sum();
                    assert!((sum - wave(pixel, 8)).abs() < 1e-12, "wave {k} at {pixel} of {size} samples");
                }
            }
        }
    }
}
