//! Which pixels an output pixel is made of, and how much of each: along one axis.

use super::Filter;

/// OpenCV's weights for bilinear: of 11 bits.
pub(crate) const LINEAR_ONE: f32 = 2048.0;

/// Two taps for each output pixel.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// The first tap's place, which may be −1: clamp it, and the one after, to the axis.
    pub first: Vec<i32>,
    pub weights: Vec<[i16; 2]>,
}

impl Pairs {
    /// As OpenCV's INTER_LINEAR; as its INTER_AREA where an axis grows if `area`. `inside` moves a pair that stands
    /// over an end inside, as OpenCV does along rows.
    pub fn fill(&mut self, from: usize, to: usize, area: bool, inside: bool, reverse: bool) {
        self.first.clear();
        self.weights.clear();
        // By way of its inverse, as OpenCV does: places that are whole numbers depend on the last bit.
        let inverse = to as f64 / from as f64;
        let scale = 1.0 / inverse;
        for i in 0..to {
            let i = if reverse { to - 1 - i } else { i };
            let (mut first, mut part);
            if area {
                let place = (i as f64 * scale).floor();
                first = place as i32;
                part = ((i + 1) as f64 - (place + 1.0) * inverse) as f32;
                part = if part <= 0.0 { 0.0 } else { part - part.floor() };
            } else {
                let place = ((i as f64 + 0.5) * scale - 0.5) as f32;
                first = place.floor() as i32;
                part = place - place.floor();
            }
            if inside {
                if first < 0 {
                    (first, part) = (0, 0.0);
                }
                if first >= from as i32 - 1 {
                    (first, part) = (from as i32 - 1, 0.0);
                }
            }
            self.first.push(first);
            let round = |value: f32| (value * LINEAR_ONE).round_ties_even() as i16;
            self.weights.push([round(1.0 - part), round(part)]);
        }
    }
}

/// Any number of taps, the same for each output pixel; the last may be zero.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    pub first: Vec<usize>,
    /// Taps of an output pixel: a multiple of four.
    pub count: usize,
    pub weights: Vec<i16>,
    /// Bits of the weights behind the point.
    pub bits: u32,
    exact: Vec<f64>,
}

impl Taps {
    /// As torch's and Pillow's `antialias`: the filter is widened by how much the axis shrinks; beyond the ends is
    /// nothing. Without `antialias`, the filter keeps its width, and the ends are repeated.
    pub fn fill(&mut self, from: usize, to: usize, filter: Filter, antialias: bool, reverse: bool) {
        let scale = from as f64 / to as f64;
        let wide = if antialias { scale.max(1.0) } else { 1.0 };
        let support = filter.support() * wide;
        self.count = (support.ceil() as usize * 2 + 1).min(from).next_multiple_of(4);
        self.first.clear();
        self.exact.clear();
        self.exact.resize(to * self.count, 0.0);
        let mut largest = 0.0f64;
        for (i, row) in self.exact.chunks_exact_mut(self.count).enumerate() {
            let i = if reverse { to - 1 - i } else { i };
            let center = scale * (i as f64 + 0.5);
            let (start, end) = ((center - support + 0.5).floor(), (center + support + 0.5).floor());
            let first = (start.max(0.0) as usize).min(from - 1);
            let mut total = 0.0;
            if antialias {
                for (j, weight) in row.iter_mut().enumerate().take((end as usize).min(from) - first) {
                    *weight = filter.weight(((j + first) as f64 - center + 0.5) / wide, antialias);
                    total += *weight;
                }
            } else {
                for place in start as i64..end as i64 {
                    let weight = filter.weight(place as f64 - center + 0.5, antialias);
                    row[(place.clamp(0, from as i64 - 1) as usize).saturating_sub(first)] += weight;
                    total += weight;
                }
            }
            for weight in row {
                if total != 0.0 {
                    *weight /= total;
                }
                largest = largest.max(*weight);
            }
            self.first.push(first);
        }
        // As many bits as the largest weight leaves of 15.
        self.bits = 0;
        while self.bits < 22 && ((0.5 + largest * f64::from(1u32 << (self.bits + 1))) as i32) < 1 << 15 {
            self.bits += 1;
        }
        let one = f64::from(1u32 << self.bits);
        self.weights.clear();
        self.weights.extend(self.exact.iter().map(|&w| (w * one + 0.5f64.copysign(w)) as i16));
    }
}

impl Filter {
    /// How far it reaches from its centre, in pixels.
    fn support(self) -> f64 {
        match self {
            Self::Area => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64, antialias: bool) -> f64 {
        let x = x.abs();
        match self {
            Self::Area => f64::from(u8::from(x <= 0.5)),
            Self::Bilinear => (1.0 - x).max(0.0),
            Self::Bicubic => {
                // Pillow's and torch's antialiased one, and OpenCV's and torch's other.
                let a = if antialias { -0.5 } else { -0.75 };
                if x < 1.0 {
                    ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * a
                } else {
                    0.0
                }
            }
            Self::Lanczos if x < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

/// Fractions of pixels that each output pixel covers, as OpenCV's INTER_AREA where an axis shrinks.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    /// For each output pixel, the first tap's place in the axis, and its weights' in `weights`.
    pub spans: Vec<(usize, std::ops::Range<usize>)>,
    pub weights: Vec<f32>,
}

impl Cells {
    pub fn fill(&mut self, from: usize, to: usize, reverse: bool) {
        self.spans.clear();
        self.weights.clear();
        let scale = 1.0 / (to as f64 / from as f64);
        for i in 0..to {
            let i = if reverse { to - 1 - i } else { i };
            let (start, end) = (i as f64 * scale, i as f64 * scale + scale);
            let cell = scale.min(from as f64 - start);
            let last = (end.floor() as usize).min(from - 1);
            let first = (start.ceil() as usize).min(last);
            let begin = self.weights.len();
            let mut place = first;
            // A thousandth of a pixel is none.
            if first as f64 - start > 1e-3 {
                place = first - 1;
                self.weights.push(((first as f64 - start) / cell) as f32);
            }
            self.weights.extend(std::iter::repeat_n((1.0 / cell) as f32, last - first));
            if end - last as f64 > 1e-3 {
                self.weights.push(((end - last as f64).min(1.0).min(cell) / cell) as f32);
            }
            self.spans.push((place, begin..self.weights.len()));
        }
    }
}
