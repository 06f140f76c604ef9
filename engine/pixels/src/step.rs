//! What an augmentation does to one image, as a value: drawn first, carried out alone or together with others.

use crate::axis::{Axis, Run};
use crate::ops::{Op, Rect, Scratch};
use crate::picture::ImageSize;
use crate::simd::{Level, mirror_pixels};

/// A byte for each of the 256 bytes, for each channel or one for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(pub Vec<[u8; 256]>);

impl Levels {
    /// The table of a channel.
    pub fn channel(&self, channel: usize) -> &[u8; 256] {
        &self.0[if self.0.len() == 1 { 0 } else { channel }]
    }

    /// Looks up every value of pixels.
    pub fn apply(&self, pixels: &mut [u8], channels: usize) {
        match &self.0[..] {
            [table] => pixels.iter_mut().for_each(|v| *v = table[usize::from(*v)]),
            [red, green, blue] if channels == 3 => {
                for pixel in pixels.as_chunks_mut::<3>().0 {
                    *pixel = [red[usize::from(pixel[0])], green[usize::from(pixel[1])], blue[usize::from(pixel[2])]];
                }
            }
            _ => {
                for pixel in pixels.chunks_exact_mut(channels) {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        *value = self.channel(channel)[usize::from(*value)];
                    }
                }
            }
        }
    }
}

/// An operation on an image of bytes that is neither a move, a fill nor a table.
pub trait Adjust {
    /// Carries it out, in place.
    fn adjust(&self, image: &mut [u8], size: ImageSize);
}

/// What an augmentation does to one image.
pub enum Step<'a> {
    /// Nothing.
    Keep,
    /// Whole pixels come from other places; the image may get another size.
    Move {
        /// Where rows come from.
        rows: Axis,
        /// Where columns come from.
        columns: Axis,
        /// Colour of what comes from outside, a value a channel.
        outside: &'a [u8],
    },
    /// A rectangle gets a colour, a value a channel. It lies in the image.
    Fill {
        /// Which pixels.
        area: Rect,
        /// Their colour.
        colour: &'a [u8],
    },
    /// Every value becomes another one.
    Levels(Levels),
    /// One of the operations that this crate has. It leaves the size as it is; a table among them is composed as one.
    Op(Op),
    /// Something else.
    Adjust(&'a dyn Adjust),
}

impl Step<'_> {
    /// The size of an image afterwards.
    pub fn size_after(&self, size: ImageSize) -> ImageSize {
        match self {
            Self::Move { rows, columns, .. } => ImageSize { height: rows.len(), width: columns.len(), ..size },
            _ => size,
        }
    }

    /// Carries it out alone: from an image to one of the size afterwards. This is the definition that passes over
    /// several steps are held against.
    pub fn carry_out(&self, from: &[u8], size: ImageSize, to: &mut [u8]) {
        match self {
            Self::Keep => to.copy_from_slice(from),
            Self::Move { rows, columns, outside } => {
                let line = size.width * size.channels;
                let source = |row: usize| &from[row * line..(row + 1) * line];
                move_lines(rows, columns, size.channels, to, source, outside);
            }
            Self::Fill { area, colour } => {
                to.copy_from_slice(from);
                fill(to, size, *area, colour);
            }
            Self::Levels(levels) => {
                to.copy_from_slice(from);
                levels.apply(to, size.channels);
            }
            Self::Op(op) => {
                to.copy_from_slice(from);
                op.apply(to, size, &mut Scratch::default());
            }
            Self::Adjust(adjust) => {
                to.copy_from_slice(from);
                adjust.adjust(to, size);
            }
        }
    }
}

/// A rectangle of an image in one colour.
fn fill(image: &mut [u8], size: ImageSize, area: Rect, colour: &[u8]) {
    let (line, from, to) = (size.width * size.channels, area.left * size.channels, area.width * size.channels);
    if to == 0 {
        return;
    }
    for row in image.chunks_exact_mut(line).skip(area.top).take(area.height) {
        fill_line(&mut row[from..from + to], colour);
    }
}

fn fill_line(line: &mut [u8], colour: &[u8]) {
    match colour {
        [all] => line.fill(*all),
        [r, g, b] => line.as_chunks_mut::<3>().0.fill([*r, *g, *b]),
        colour => line.chunks_exact_mut(colour.len()).for_each(|pixel| pixel.copy_from_slice(colour)),
    }
}

fn move_lines<'s>(
    rows: &Axis,
    columns: &Axis,
    channels: usize,
    to: &mut [u8],
    source: impl Fn(usize) -> &'s [u8],
    outside: &[u8],
) {
    let line = columns.len() * channels;
    if line == 0 {
        return;
    }
    let mut lines = to.chunks_exact_mut(line);
    for run in rows.runs() {
        for (index, line) in lines.by_ref().take(run.len()).enumerate() {
            match run.from() {
                Some(from) => {
                    let row = source(if run.backwards() { from - index } else { from + index });
                    move_pixels(columns.runs(), channels, row, line, outside);
                }
                None => fill_line(line, outside),
            }
        }
    }
}

fn move_pixels(columns: &[Run], channels: usize, from: &[u8], to: &mut [u8], outside: &[u8]) {
    let mut done = 0;
    for run in columns {
        let part = &mut to[done..done + run.len() * channels];
        match run.source() {
            None => fill_line(part, outside),
            Some(source) => {
                let source = &from[source.start * channels..source.end * channels];
                if run.backwards() {
                    mirror_pixels(Level::Plain, source, channels, part);
                } else {
                    part.copy_from_slice(source);
                }
            }
        }
        done += run.len() * channels;
    }
}
