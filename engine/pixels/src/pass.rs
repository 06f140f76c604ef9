//! Several steps over an image in one pass: the source is read once, the result is written once.
//!
//! Moves, fills and tables add up, see [`Composition`]. Only a step that computes pixels ([`Step::Adjust`]) needs the image
//! as it is then: what was collected is carried out, and collecting starts again from there.

use crate::composition::Composition;
use crate::ops::Scratch;
use crate::picture::ImageSize;
use crate::simd::{Level, Lines, Moved, fill_lines, move_pixels};
use crate::step::Step;
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
    composed: Composition,
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
        Self { level, composed: Composition::default(), images: Default::default(), scratch: Scratch::default() }
    }
}

/// The steps over one image, collected.
pub struct Pass<'a> {
    memory: &'a mut PassMemory,
    source: Pixels<'a>,
    /// Which image in between is the source, if it is one.
    held: Option<usize>,
}

impl<'a> Pass<'a> {
    /// Over this image.
    ///
    /// # Panics
    ///
    /// If the image's bytes do not fit its size.
    pub fn new(source: Pixels<'a>, memory: &'a mut PassMemory) -> Self {
        assert_eq!(source.bytes.len(), source.size.bytes(), "an image of {}", source.size);
        memory.composed.start(source.size);
        Self { memory, source, held: None }
    }

    /// The size of the image after the steps so far.
    pub fn size(&self) -> ImageSize {
        self.memory.composed.size()
    }

    /// Adds a step.
    pub fn push(&mut self, step: &Step<'_>) {
        if self.memory.composed.push(step) {
            return;
        }
        // From here on.
        let held = self.render();
        let size = self.size();
        let memory = &mut *self.memory;
        let image = &mut memory.images[held][..size.bytes()];
        match step {
            Step::Op(op) => op.apply(image, size, &mut memory.scratch),
            Step::Adjust(adjust) => adjust.adjust(image, size),
            _ => {
                let taken = memory.composed.push(step);
                assert!(taken, "a move of a whole image is one that can be added to nothing");
            }
        }
    }

    /// Carries out what was collected, into an image in between, which becomes the source.
    fn render(&mut self) -> usize {
        let target = self.held.map_or(0, |held| 1 - held);
        let untouched = self.held.is_some() && self.is_plain();
        if untouched {
            return 1 - target;
        }
        let size = self.size();
        let mut image = std::mem::take(&mut self.memory.images[target]);
        if image.len() < size.bytes() {
            image.resize(size.bytes(), 0);
        }
        self.draw(&mut image[..size.bytes()]);
        self.memory.images[target] = image;
        self.held = Some(target);
        self.source = Pixels { bytes: &[], size, planar: false };
        self.memory.composed.start(size);
        target
    }

    /// Whether the result is the source.
    fn is_plain(&self) -> bool {
        !self.source.planar && self.memory.composed.is_plain(self.source.size)
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
                        Some(held) => &self.memory.images[held][..self.size().bytes()],
                        None => self.source.bytes,
                    };
                    return table.apply_past(level, from, to, past);
                }
                let held = self.render();
                table.apply_past(level, &self.memory.images[held][..self.size().bytes()], to, past);
            }
        }
    }

    /// Moves, tables, fills.
    fn draw(&self, to: &mut [u8]) {
        let (composed, size) = (&self.memory.composed, self.size());
        assert_eq!(to.len(), size.bytes(), "an image of {size}");
        let source = match self.held {
            Some(held) => Pixels { bytes: &self.memory.images[held][..self.source.size.bytes()], ..self.source },
            None => self.source,
        };
        self.draw_moved(source, to);
        if let Some(levels) = composed.levels() {
            levels.apply(to, size.channels);
        }
        let channels = size.channels;
        let stride = size.width * channels;
        for (area, colour) in composed.fills() {
            let lines = Lines { start: area.top * stride + area.left * channels, stride, count: area.height };
            fill_lines(self.memory.level, to, lines, area.width * channels, colour);
        }
    }

    /// The pixels that come from inside. The others are filled afterwards.
    fn draw_moved(&self, source: Pixels<'_>, to: &mut [u8]) {
        let channels = source.size.channels;
        let pixel = if source.planar { 1 } else { channels };
        let (line, to_line) = (source.size.width * pixel, self.size().width * channels);
        let mut top = 0;
        for rows in self.memory.composed.rows().runs() {
            let out_top = top;
            top += rows.len();
            let Some(first) = rows.from() else { continue };
            let mut left = 0;
            for run in self.memory.composed.columns().runs() {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::axis::Axis;
    use crate::ops::{Op, Rect};
    use crate::step::{Adjust, Levels};

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
