//! Which pixels an output pixel is made of, and how much of each: along one axis.

use super::Filter;
use super::span::Span;

/// OpenCV's weights for bilinear: of 11 bits.
pub(crate) const LINEAR_ONE: f32 = 2048.0;

/// Two taps for each output pixel.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// The first tap's place, which may be one before the first: clamp it, and the one after, to the span's ends.
    pub first: Vec<i32>,
    pub weights: Vec<[i16; 2]>,
}

impl Pairs {
    /// As OpenCV's INTER_LINEAR; as its INTER_AREA where an axis grows if `area`. `inside` moves a pair that stands
    /// over an end inside, as OpenCV does along rows.
    ///
    /// Where there are fewer samples than pixels, places are those of the pixels all the same.
    pub fn fill(&mut self, span: Span, to: usize, area: bool, inside: bool, reverse: bool) {
        let (from, (low, high)) = (span.length, span.ends());
        let (low, high) = (low as i32, high as i32);
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
                let place = (span.place((i as f64 + 0.5) * scale) - 0.5) as f32;
                first = place.floor() as i32;
                part = place - place.floor();
            }
            if inside {
                if first < low {
                    (first, part) = (low, 0.0);
                }
                if first >= high {
                    (first, part) = (high, 0.0);
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
    /// Taps of an output pixel: a multiple of `by`.
    pub count: usize,
    pub weights: Vec<i16>,
    /// Bits of the weights behind the point.
    pub bits: u32,
    exact: Vec<f64>,
    folded: Vec<f64>,
}

impl Taps {
    /// As torch's and Pillow's `antialias`: the filter is widened by how much the axis shrinks; beyond the ends is
    /// nothing. Without `antialias`, the filter keeps its width, and the ends are repeated.
    ///
    /// Where there are fewer samples than pixels, the weights are those of the pixels all the same, as they apply to
    /// the pixels that the samples stand for.
    pub fn fill(&mut self, span: Span, to: usize, (filter, antialias): (Filter, bool), by: usize, reverse: bool) {
        let from = span.length;
        let scale = from as f64 / to as f64;
        let wide = if antialias || filter == Filter::Area { scale.max(1.0) } else { 1.0 };
        let support = filter.support() * wide;
        let most = (support.ceil() as usize * 2 + 1).min(from);
        self.first.clear();
        self.exact.clear();
        self.exact.resize(to * most, 0.0);
        for (i, row) in self.exact.chunks_exact_mut(most).enumerate() {
            let i = if reverse { to - 1 - i } else { i };
            let center = scale * (i as f64 + 0.5);
            if filter == Filter::Area {
                // What of each pixel is covered.
                let (start, end) = (i as f64 * scale, (i + 1) as f64 * scale);
                let first = (start as usize).min(from - 1);
                for (weight, place) in row.iter_mut().zip(first..from) {
                    *weight = (end.min(place as f64 + 1.0) - start.max(place as f64)).max(0.0) / scale;
                }
                self.first.push(first);
                continue;
            }
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
            for weight in row.iter_mut() {
                if total != 0.0 {
                    *weight /= total;
                }
            }
            self.first.push(first);
        }
        if span.shift == 0 {
            return self.round(to, most, by);
        }
        // A part of a block at each end.
        let wide = (most.div_ceil(8) + 1) * (8 >> span.shift);
        self.folded.clear();
        self.folded.resize(to * wide, 0.0);
        let rows = self.exact.chunks_exact(most).zip(self.folded.chunks_exact_mut(wide));
        for (first, (exact, folded)) in self.first.iter_mut().zip(rows) {
            *first = span.fold(*first, exact, folded);
        }
        std::mem::swap(&mut self.exact, &mut self.folded);
        self.round(to, wide, by);
    }

    /// Rounds `exact`, of which each output pixel has `most`.
    fn round(&mut self, to: usize, most: usize, by: usize) {
        let (mut largest, mut used) = (0.0f64, 1);
        for row in self.exact.chunks_exact(most) {
            for (j, &weight) in row.iter().enumerate() {
                largest = largest.max(weight);
                if weight != 0.0 {
                    used = used.max(j + 1);
                }
            }
        }
        // As many bits as the largest weight leaves of 15.
        self.bits = 0;
        while self.bits < 22 && ((0.5 + largest * f64::from(1u32 << (self.bits + 1))) as i32) < 1 << 15 {
            self.bits += 1;
        }
        let one = f64::from(1u32 << self.bits);
        self.count = used.next_multiple_of(by);
        self.weights.clear();
        self.weights.resize(to * self.count, 0);
        for (weights, exact) in self.weights.chunks_exact_mut(self.count).zip(self.exact.chunks_exact(most)) {
            for (weight, &exact) in weights.iter_mut().zip(exact) {
                *weight = (exact * one + 0.5f64.copysign(exact)) as i16;
            }
        }
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
    /// The first tap's place.
    pub first: Vec<usize>,
    /// Taps of an output pixel; behind the last that it needs, weights are zero.
    pub count: usize,
    pub weights: Vec<f32>,
}

impl Cells {
    /// With all weights 1 if `whole`: for an axis that shrinks by a whole number.
    pub fn fill(&mut self, from: usize, to: usize, whole: bool, reverse: bool) {
        let scale = 1.0 / (to as f64 / from as f64);
        self.count = if whole { from / to } else { scale.ceil() as usize + 1 };
        self.first.clear();
        self.weights.clear();
        self.weights.resize(to * self.count, 0.0);
        for (i, weights) in self.weights.chunks_exact_mut(self.count).enumerate() {
            let i = if reverse { to - 1 - i } else { i };
            if whole {
                self.first.push(i * self.count);
                weights.fill(1.0);
                continue;
            }
            let (start, end) = (i as f64 * scale, i as f64 * scale + scale);
            let cell = scale.min(from as f64 - start);
            let last = (end.floor() as usize).min(from - 1);
            let first = (start.ceil() as usize).min(last);
            // A thousandth of a pixel is none.
            let before = usize::from(first as f64 - start > 1e-3);
            if before == 1 {
                weights[0] = ((first as f64 - start) / cell) as f32;
            }
            weights[before..before + last - first].fill((1.0 / cell) as f32);
            if end - last as f64 > 1e-3 {
                weights[before + last - first] = ((end - last as f64).min(1.0).min(cell) / cell) as f32;
            }
            self.first.push(first - before);
        }
    }
}
