//! Several steps over an image in one pass: the source is read once, the result is written once.
//!
//! Moves add up to one: where each row and each column comes from. Fills are rectangles painted over the result, moved
//! along by later moves. Tables add up to one table, which also changes the colours painted before. Only a step that
//! computes pixels ([`Step::Adjust`]) needs the image as it is then: what was collected is carried out, and collecting
//! starts again from there.

use crate::axis::Axis;
use crate::ops::{Op, Rect, Scratch};
use crate::picture::ImageSize;
use crate::simd::{Level, Lines, Moved, fill_lines, move_pixels};
use crate::step::{Levels, Step};
use crate::values::ValueTable;

/// An image to read, wherever it lies.
#[derive(Clone, Copy, Debug)]
pub struct Pixels<'a> {
    /// Its values.
    pub bytes: &'a [u8],
    /// Its size.
    pub size: ImageSize,
    /// Whether the planes of its channels follow each other, in place of the channels of each pixel.
    pub planar: bool,
}

/// Where and as what an image is written.
pub enum Target<'a> {
    /// Bytes, the channels of each pixel together.
    Bytes(&'a mut [u8]),
    /// Numbers from a table.
    Values {
        /// The table.
        table: &'a ValueTable,
        /// As bytes, aligned to the table's type.
        to: &'a mut [u8],
        /// Whether they may go past the caches: see [`ValueTable::apply_past`].
        past: bool,
    },
}

/// Memory of a worker for passes, reused from image to image.
pub struct PassMemory {
    level: Level,
    fills: Vec<(Rect, usize)>,
    moved: Vec<(Rect, usize)>,
    /// Colours of the fills, one after the other.
    colours: Vec<u8>,
    /// Images in between.
    images: [Vec<u8>; 2],
    scratch: Scratch,
}

impl Default for PassMemory {
    fn default() -> Self {
        Self::with_level(Level::best())
    }
}

impl PassMemory {
    /// With these instructions.
    pub fn with_level(level: Level) -> Self {
        Self {
            level,
            fills: Vec::new(),
            moved: Vec::new(),
            colours: Vec::new(),
            images: Default::default(),
            scratch: Scratch::default(),
        }
    }
}

/// The steps over one image, collected.
pub struct Pass<'a> {
    memory: &'a mut PassMemory,
    source: Pixels<'a>,
    /// Which image in between is the source, if it is one.
    held: Option<usize>,
    size: ImageSize,
    rows: Axis,
    columns: Axis,
    levels: Option<Levels>,
}

impl<'a> Pass<'a> {
    /// Over this image.
    ///
    /// # Panics
    ///
    /// If the image's bytes do not fit its size.
    pub fn new(source: Pixels<'a>, memory: &'a mut PassMemory) -> Self {
        assert_eq!(source.bytes.len(), source.size.bytes(), "an image of {}", source.size);
        memory.fills.clear();
        memory.colours.clear();
        let size = source.size;
        let (rows, columns) = (Axis::identity(size.height), Axis::identity(size.width));
        Self { memory, source, held: None, size, rows, columns, levels: None }
    }

    /// The size of the image after the steps so far.
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Adds a step.
    pub fn push(&mut self, step: &Step<'_>) {
        match step {
            Step::Keep => {}
            Step::Move { rows, columns, outside } => self.push_move(rows, columns, outside),
            Step::Fill { area, colour } => {
                let colour = self.colour(colour);
                self.memory.fills.push((*area, colour));
            }
            Step::Levels(levels) => self.push_levels(levels),
            Step::Op(op) => match op.as_table() {
                Some(table) => self.push_levels(&Levels(vec![table])),
                None if *op == Op::Identity => {}
                None => {
                    let held = self.render();
                    let memory = &mut *self.memory;
                    op.apply(&mut memory.images[held][..self.size.bytes()], self.size, &mut memory.scratch);
                }
            },
            Step::Adjust(adjust) => {
                let held = self.render();
                adjust.adjust(&mut self.memory.images[held][..self.size.bytes()], self.size);
            }
        }
    }

    fn colour(&mut self, colour: &[u8]) -> usize {
        let start = self.memory.colours.len();
        self.memory.colours.extend_from_slice(colour);
        start
    }

    fn push_move(&mut self, rows: &Axis, columns: &Axis, outside: &[u8]) {
        let (Some(all_rows), Some(all_columns)) = (rows.of(&self.rows), columns.of(&self.columns)) else {
            // Too many pieces: from here on.
            self.render();
            return self.push_move(rows, columns, outside);
        };
        let memory = &mut *self.memory;
        memory.moved.clear();
        for &(area, colour) in &memory.fills {
            for (top, height) in images_of(rows, area.top, area.height) {
                for (left, width) in images_of(columns, area.left, area.width) {
                    memory.moved.push((Rect { top, left, height, width }, colour));
                }
            }
        }
        std::mem::swap(&mut memory.fills, &mut memory.moved);
        (self.rows, self.columns) = (all_rows, all_columns);
        self.size = ImageSize { height: rows.len(), width: columns.len(), ..self.size };
        let mut bands = None;
        for (top, height) in outside_of(rows) {
            let colour = *bands.get_or_insert_with(|| self.colour(outside));
            self.memory.fills.push((Rect { top, left: 0, height, width: self.size.width }, colour));
        }
        for (left, width) in outside_of(columns) {
            let colour = *bands.get_or_insert_with(|| self.colour(outside));
            self.memory.fills.push((Rect { top: 0, left, height: self.size.height, width }, colour));
        }
    }

    fn push_levels(&mut self, levels: &Levels) {
        levels.apply(&mut self.memory.colours, self.size.channels);
        self.levels = Some(match self.levels.take() {
            None => levels.clone(),
            Some(mut before) => {
                let tables = before.0.len().max(levels.0.len());
                let both = |channel| before.channel(channel).map(|v| levels.channel(channel)[usize::from(v)]);
                before = Levels((0..tables).map(both).collect());
                before
            }
        });
    }

    /// Carries out what was collected, into an image in between, which becomes the source.
    fn render(&mut self) -> usize {
        let target = self.held.map_or(0, |held| 1 - held);
        let untouched = self.held.is_some() && self.is_plain();
        if untouched {
            return 1 - target;
        }
        let mut image = std::mem::take(&mut self.memory.images[target]);
        if image.len() < self.size.bytes() {
            image.resize(self.size.bytes(), 0);
        }
        self.draw(&mut image[..self.size.bytes()]);
        self.memory.images[target] = image;
        self.held = Some(target);
        self.source = Pixels { bytes: &[], size: self.size, planar: false };
        (self.rows, self.columns) = (Axis::identity(self.size.height), Axis::identity(self.size.width));
        self.levels = None;
        self.memory.fills.clear();
        self.memory.colours.clear();
        target
    }

    /// Whether the result is the source.
    fn is_plain(&self) -> bool {
        !self.source.planar
            && self.levels.is_none()
            && self.memory.fills.is_empty()
            && self.rows == Axis::identity(self.source.size.height)
            && self.columns == Axis::identity(self.source.size.width)
    }

    /// Writes the result.
    ///
    /// # Panics
    ///
    /// If the target is not of the result's size.
    pub fn finish(mut self, target: Target<'_>) {
        match target {
            Target::Bytes(to) => self.draw(to),
            Target::Values { table, to, past } => {
                let level = self.memory.level;
                if self.is_plain() {
                    let from = match self.held {
                        Some(held) => &self.memory.images[held][..self.size.bytes()],
                        None => self.source.bytes,
                    };
                    return table.apply_past(level, from, to, past);
                }
                let held = self.render();
                table.apply_past(level, &self.memory.images[held][..self.size.bytes()], to, past);
            }
        }
    }

    /// Moves, tables, fills.
    fn draw(&self, to: &mut [u8]) {
        assert_eq!(to.len(), self.size.bytes(), "an image of {}", self.size);
        let source = match self.held {
            Some(held) => Pixels { bytes: &self.memory.images[held][..self.source.size.bytes()], ..self.source },
            None => self.source,
        };
        self.draw_moved(source, to);
        if let Some(levels) = &self.levels {
            levels.apply(to, self.size.channels);
        }
        let channels = self.size.channels;
        let stride = self.size.width * channels;
        for &(area, colour) in &self.memory.fills {
            let lines = Lines { start: area.top * stride + area.left * channels, stride, count: area.height };
            let colour = &self.memory.colours[colour..colour + channels];
            fill_lines(self.memory.level, to, lines, area.width * channels, colour);
        }
    }

    /// The pixels that come from inside. The others are filled afterwards.
    fn draw_moved(&self, source: Pixels<'_>, to: &mut [u8]) {
        let channels = source.size.channels;
        let pixel = if source.planar { 1 } else { channels };
        let (line, to_line) = (source.size.width * pixel, self.size.width * channels);
        let mut top = 0;
        for rows in self.rows.runs() {
            let out_top = top;
            top += rows.len();
            let Some(first) = rows.from() else { continue };
            let mut left = 0;
            for run in self.columns.runs() {
                let out_left = left;
                left += run.len();
                let Some(columns) = run.source() else { continue };
                let from = Lines { start: first * line + columns.start * pixel, stride: line, count: rows.len() };
                let out = out_top * to_line + out_left * channels;
                let out = Lines { start: out, stride: to_line, count: rows.len() };
                let moved =
                    Moved { from, upwards: rows.backwards(), to: out, pixels: run.len(), backwards: run.backwards() };
                move_pixels(self.memory.level, source.bytes, source.planar, channels, moved, to);
            }
        }
    }
}

/// Where places `from` to `from + len` of the axis before are after a move: pieces of start and length.
fn images_of(axis: &Axis, from: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    axis.runs().iter().filter_map(move |run| {
        let own = start;
        start += run.len();
        let source = run.source()?;
        let (first, end) = (source.start.max(from), source.end.min(from + len));
        (first < end).then(|| {
            let skip = if run.backwards() { source.end - end } else { first - source.start };
            (own + skip, end - first)
        })
    })
}

/// Pieces of an axis that come from outside: start and length.
fn outside_of(axis: &Axis) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    axis.runs().iter().filter_map(move |run| {
        let own = start;
        start += run.len();
        run.from().is_none().then_some((own, run.len()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::step::Adjust;

    struct Blur;

    impl Adjust for Blur {
        fn adjust(&self, image: &mut [u8], _: ImageSize) {
            for i in 1..image.len() {
                image[i] = image[i] / 2 + image[i - 1] / 2;
            }
        }
    }

    /// A step for any size of image, as numbers.
    #[derive(Clone, Debug)]
    enum Draft {
        Mirror,
        Flip,
        Window(isize, isize, usize, usize),
        Reflect(isize, isize),
        Fill(usize, usize, usize, usize),
        Levels(u8, bool),
        Adjust,
        Op(u8),
    }

    fn draft() -> impl Strategy<Value = Draft> {
        prop_oneof![
            Just(Draft::Mirror),
            Just(Draft::Flip),
            (-9_isize..9, -9_isize..9, 1_usize..12, 1_usize..40).prop_map(|(y, x, h, w)| Draft::Window(y, x, h, w)),
            (-9_isize..9, -9_isize..9).prop_map(|(y, x)| Draft::Reflect(y, x)),
            (0_usize..12, 0_usize..40, 0_usize..9, 0_usize..9).prop_map(|(y, x, h, w)| Draft::Fill(y, x, h, w)),
            (any::<u8>(), any::<bool>()).prop_map(|(k, one)| Draft::Levels(k, one)),
            Just(Draft::Adjust),
            any::<u8>().prop_map(Draft::Op),
        ]
    }

    fn step<'a>(draft: &Draft, size: ImageSize, colour: &'a [u8]) -> Step<'a> {
        let ImageSize { height, width, channels } = size;
        let moved = |rows, columns| Step::Move { rows, columns, outside: colour };
        let least = |by: isize, len: usize| by.clamp(1 - len as isize, len as isize - 1);
        match *draft {
            Draft::Mirror => moved(Axis::identity(height), Axis::mirrored(width)),
            Draft::Flip => moved(Axis::mirrored(height), Axis::identity(width)),
            Draft::Window(y, x, h, w) => moved(Axis::window(height, y, h), Axis::window(width, x, w)),
            Draft::Reflect(y, x) => {
                moved(Axis::reflected(height, least(y, height), height), Axis::reflected(width, least(x, width), width))
            }
            Draft::Fill(top, left, height, width) => {
                Step::Fill { area: Rect { top, left, height, width }.clipped(size), colour }
            }
            Draft::Levels(k, one) => Step::Levels(Levels(
                (0..if one { 1 } else { channels })
                    .map(|c| std::array::from_fn(|v| (v as u8).wrapping_mul(k | 1).wrapping_add(c as u8)))
                    .collect(),
            )),
            Draft::Adjust => Step::Adjust(&Blur),
            Draft::Op(k) => Step::Op(match k % 4 {
                0 => Op::Solarize { threshold: f64::from(k) },
                1 => Op::Posterize { bits: u32::from(k % 8) },
                2 => Op::Identity,
                _ => Op::Contrast { factor: f64::from(k) / 100.0 },
            }),
        }
    }

    proptest! {
        #[test]
        fn a_pass_is_its_steps_one_after_the_other(
            (height, width, channels) in (1_usize..12, 1_usize..40, 1_usize..=4),
            drafts in prop::collection::vec(draft(), 0..8),
            planar: bool,
            seed: u8,
        ) {
            let size = ImageSize { height, width, channels };
            let image: Vec<u8> = (0..size.bytes()).map(|i| (i * 37) as u8 ^ seed).collect();
            let colours: Vec<Vec<u8>> = (0..drafts.len()).map(|i| (0..channels).map(|c| (40 * i + c) as u8).collect()).collect();
            let mut planes = vec![0; image.len()];
            for (i, value) in image.iter().enumerate() {
                planes[i % channels * height * width + i / channels] = *value;
            }
            let source = Pixels { bytes: if planar { &planes } else { &image }, size, planar };
            let (mut expected, mut expected_size) = (image.clone(), size);
            for (draft, colour) in drafts.iter().zip(&colours) {
                let step = step(draft, expected_size, colour);
                let after = step.size_after(expected_size);
                let mut to = vec![0; after.bytes()];
                step.carry_out(&expected, expected_size, &mut to);
                (expected, expected_size) = (to, after);
            }
            let line: [f64; 256] = std::array::from_fn(|v| v as f64 / 3.0 - 20.0);
            let table = ValueTable::float32(&vec![line; channels]);
            for level in Level::all() {
                let mut memory = PassMemory::with_level(level);
                for values in [false, true] {
                    let mut pass = Pass::new(source, &mut memory);
                    for (draft, colour) in drafts.iter().zip(&colours) {
                        pass.push(&step(draft, pass.size(), colour));
                    }
                    prop_assert_eq!(pass.size(), expected_size);
                    if values {
                        let mut to = vec![0.0_f32; expected.len()];
                        pass.finish(Target::Values { table: &table, to: bytemuck::cast_slice_mut(&mut to), past: seed % 2 == 0 });
                        let wanted: Vec<f32> = expected.iter().map(|v| line[usize::from(*v)] as f32).collect();
                        prop_assert_eq!(&to, &wanted);
                    } else {
                        let mut to = vec![0; expected.len()];
                        pass.finish(Target::Bytes(&mut to));
                        prop_assert_eq!(&to, &expected, "{:?}", level);
                    }
                }
            }
        }
    }
}
