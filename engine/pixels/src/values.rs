//! Tables from bytes to numbers, a table a channel: normalisation, conversion.

use crate::simd::{Formulas, Level, scale};

/// Two products and sums that give a table's values to the bit, for all values of a channel:
/// `(t · high + high_offset) + (t · low + low_offset)` with `t = v − centre`.
///
/// The first part has so few digits that it is exact, so that only the last addition rounds, as it does for a value
/// that is computed in double precision and rounded once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Formula {
    /// The value whose result is nearest to 0, where results have the finest steps.
    pub(crate) centre: f32,
    pub(crate) high: f32,
    pub(crate) high_offset: f32,
    pub(crate) low: f32,
    pub(crate) low_offset: f32,
}

impl Formula {
    #[inline]
    pub(crate) fn at(self, value: u8) -> f32 {
        let t = f32::from(value) - self.centre;
        (t * self.high + self.high_offset) + (t * self.low + self.low_offset)
    }

    /// The formula of a table whose values, in double precision, lie on a line; none if no formula gives every one.
    fn of(table: &[f32; 256], values: &[f64; 256]) -> Option<Self> {
        let (start, end) = (values[0], values[255]);
        let slope = (end - start) / 255.0;
        let largest = start.abs().max(end.abs());
        if !largest.is_finite() || slope == 0.0 {
            return None;
        }
        // Sums have 24 bits: the grid is so coarse that all of them are exact. Another point of it leaves other rests to
        // be rounded: among a few, one fits.
        let centre = (-start / slope).round().clamp(0.0, 255.0);
        let offset = start + centre * slope;
        let top = largest.log2().floor() as i32 + 1;
        let mut tries = (0..100).map(|i| (i / 25, f64::from(i % 5 - 2), f64::from(i / 5 % 5 - 2)));
        tries.find_map(|(coarser, up, offset_up)| {
            let grid = f64::from(top - 23 + coarser).exp2();
            let round = |x: f64, up: f64| ((x / grid).round() + up) * grid;
            let (high, high_offset) = (round(slope, up), round(offset, offset_up));
            let formula = Self {
                centre: centre as f32,
                high: high as f32,
                high_offset: high_offset as f32,
                low: (slope - high) as f32,
                low_offset: (offset - high_offset) as f32,
            };
            let equal = |v: u8| formula.at(v).to_bits() == table[usize::from(v)].to_bits();
            (0..=255).all(equal).then_some(formula)
        })
    }
}

/// What each of the 256 values of each channel becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueTable {
    /// Single precision.
    Float32 {
        /// By channel, then value.
        tables: Vec<[f32; 256]>,
        /// Of all channels, if each has one: faster than looking up, and the same.
        formulas: Option<Box<Formulas>>,
    },
    /// Any type of two bytes: half precision, bfloat16.
    Bits16(Vec<[u16; 256]>),
}

impl ValueTable {
    /// Single precision, from values computed in double precision, by channel.
    pub fn float32(values: &[[f64; 256]]) -> Self {
        let tables: Vec<[f32; 256]> = values.iter().map(|channel| channel.map(|v| v as f32)).collect();
        let formulas = tables.iter().zip(values).map(|(table, values)| Formula::of(table, values));
        Self::Float32 {
            formulas: formulas.collect::<Option<Vec<_>>>().map(|each| Box::new(Formulas::new(each))),
            tables,
        }
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        match self {
            Self::Float32 { tables, .. } => tables.len(),
            Self::Bits16(tables) => tables.len(),
        }
    }

    /// Bytes of a result.
    pub fn element_bytes(&self) -> usize {
        match self {
            Self::Float32 { .. } => 4,
            Self::Bits16(_) => 2,
        }
    }

    /// Looks up every value of pixels, the channels of each together. `to` has [`element_bytes`](Self::element_bytes)
    /// for each byte of `from`, aligned to it.
    pub fn apply(&self, level: Level, from: &[u8], to: &mut [u8]) {
        self.apply_past(level, from, to, false);
    }

    /// As [`apply`](Self::apply). With `past` results may go past the caches to the memory, which is faster if nobody
    /// reads them soon; [`settle`](crate::simd::settle) must follow before another thread reads them.
    pub fn apply_past(&self, level: Level, from: &[u8], to: &mut [u8], past: bool) {
        match self {
            Self::Float32 { tables, formulas } => {
                let to = bytemuck::cast_slice_mut(to);
                match formulas {
                    Some(formulas) => scale(level, from, formulas, to, past),
                    None => look_up(tables, from, to),
                }
            }
            Self::Bits16(tables) => look_up(tables, from, bytemuck::cast_slice_mut(to)),
        }
    }

    /// Looks up every value of one channel.
    pub fn apply_plane(&self, level: Level, channel: usize, from: &[u8], to: &mut [u8]) {
        match self {
            Self::Float32 { tables, formulas } => {
                let to = bytemuck::cast_slice_mut(to);
                match formulas {
                    Some(formulas) => scale(level, from, &Formulas::new(vec![formulas.channel(channel)]), to, false),
                    None => look_up(&tables[channel..=channel], from, to),
                }
            }
            Self::Bits16(tables) => look_up(&tables[channel..=channel], from, bytemuck::cast_slice_mut(to)),
        }
    }
}

fn look_up<T: Copy>(tables: &[[T; 256]], from: &[u8], to: &mut [T]) {
    match tables {
        [table] => from.iter().zip(to).for_each(|(from, to)| *to = table[usize::from(*from)]),
        // The usual case, without an inner loop.
        [red, green, blue] => {
            for (from, to) in from.as_chunks::<3>().0.iter().zip(to.as_chunks_mut::<3>().0) {
                *to = [red[usize::from(from[0])], green[usize::from(from[1])], blue[usize::from(from[2])]];
            }
        }
        tables => {
            for (from, to) in from.chunks_exact(tables.len()).zip(to.chunks_exact_mut(tables.len())) {
                for ((from, to), table) in from.iter().zip(to).zip(tables) {
                    *to = table[usize::from(*from)];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "thousands of tables: minutes")]
    fn nearly_every_normalisation_has_a_formula() {
        let mut found = 0;
        let all = 3000;
        for i in 0..all {
            let (mean, std) = (f64::from(i) * 0.085, 20.0 + f64::from(i * 7 % 501) * 0.217);
            let line: [f64; 256] = std::array::from_fn(|v| (v as f64 - mean) / std);
            let table = line.map(|v| v as f32);
            if let Some(formula) = Formula::of(&table, &line) {
                found += 1;
                (0..=255_u8).for_each(|v| assert_eq!(formula.at(v), table[usize::from(v)]));
            }
        }
        // The others are looked up, with the same result.
        assert!(found >= all - all / 200, "{found} of {all}");
    }

    #[test]
    fn every_level_gives_the_tables_values() {
        let line = |mean: f64, std: f64| -> [f64; 256] { std::array::from_fn(|v| (v as f64 - mean) / std) };
        let three = ValueTable::float32(&[line(125.307, 51.5865), line(122.961, 50.847), line(113.8575, 51.255)]);
        let one = ValueTable::float32(&[line(0.0, 1.0)]);
        for table in [three, one] {
            let ValueTable::Float32 { tables, formulas } = &table else { unreachable!() };
            assert!(formulas.is_some());
            for len in [0, 3, 48, 96, 99, 768, 771] {
                let from: Vec<u8> = (0..len).map(|i| (i * 5 % 256) as u8).collect();
                let mut expected = vec![0.0; len];
                look_up(tables, &from, &mut expected);
                for level in Level::all() {
                    let mut to = vec![0.0_f32; len];
                    table.apply(level, &from, bytemuck::cast_slice_mut(&mut to));
                    assert_eq!(to, expected, "{level:?}");
                    // As it may lie, and at a multiple of 64.
                    for skip in 0..17 {
                        let mut to = vec![0.0_f32; len + 17];
                        table.apply_past(level, &from, bytemuck::cast_slice_mut(&mut to[skip..skip + len]), true);
                        crate::simd::settle();
                        assert_eq!(to[skip..skip + len], expected, "{level:?}");
                    }
                }
            }
        }
    }
}
