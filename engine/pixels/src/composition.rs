//! Steps that add up: where each pixel of the result comes from, what is painted over it, what its values become.

use crate::axis::Axis;
use crate::ops::{Op, Rect};
use crate::picture::ImageSize;
use crate::step::{Levels, Step};

/// Moves, fills and tables, as one of each.
///
/// Moves add up to one: where each row and each column comes from. Fills are rectangles painted over the result, moved
/// along by later moves. Tables add up to one table, which also changes the colours painted before.
pub struct Composition {
    size: ImageSize,
    rows: Axis,
    columns: Axis,
    levels: Option<Levels>,
    /// Each with the place of its colour in `colours`.
    fills: Vec<(Rect, usize)>,
    colours: Vec<u8>,
    moved: Vec<(Rect, usize)>,
}

impl Default for Composition {
    fn default() -> Self {
        Self::new(ImageSize { height: 0, width: 0, channels: 0 })
    }
}

impl Composition {
    /// Of no steps, over an image of this size.
    pub fn new(size: ImageSize) -> Self {
        let (rows, columns) = (Axis::identity(size.height), Axis::identity(size.width));
        Self { size, rows, columns, levels: None, fills: Vec::new(), colours: Vec::new(), moved: Vec::new() }
    }

    /// Of no steps again; memory is kept.
    pub fn start(&mut self, size: ImageSize) {
        self.size = size;
        (self.rows, self.columns) = (Axis::identity(size.height), Axis::identity(size.width));
        self.levels = None;
        self.fills.clear();
        self.colours.clear();
    }

    /// The size of the image after the steps so far.
    pub fn size(&self) -> ImageSize {
        self.size
    }

    /// Where the rows of the result come from.
    pub fn rows(&self) -> &Axis {
        &self.rows
    }

    /// Where the columns of the result come from.
    pub fn columns(&self) -> &Axis {
        &self.columns
    }

    /// What values become that are not painted over; none if they stay.
    pub fn levels(&self) -> Option<&Levels> {
        self.levels.as_ref()
    }

    /// What is painted over the result, in this order: rectangles, each with its colour, a value a channel. They cover
    /// all that comes from outside.
    pub fn fills(&self) -> impl Iterator<Item = (Rect, &[u8])> {
        self.fills.iter().map(|(area, colour)| (*area, &self.colours[*colour..*colour + self.size.channels]))
    }

    /// Whether every pixel is where it was in an image of that size, but for what is painted over.
    pub fn stays(&self, before: ImageSize) -> bool {
        self.rows == Axis::identity(before.height) && self.columns == Axis::identity(before.width)
    }

    /// Whether the result is the image itself.
    pub fn is_plain(&self, before: ImageSize) -> bool {
        self.levels.is_none() && self.fills.is_empty() && self.stays(before)
    }

    /// Adds a step. False, and nothing is changed, if it computes pixels, or if the moves get too many pieces.
    #[must_use]
    pub fn push(&mut self, step: &Step<'_>) -> bool {
        match step {
            Step::Keep => true,
            Step::Move { rows, columns, outside } => self.push_move(rows, columns, outside),
            Step::Fill { area, colour } => {
                let colour = self.colour(colour);
                self.fills.push((*area, colour));
                true
            }
            Step::Levels(levels) => {
                self.push_levels(levels);
                true
            }
            Step::Op(op) => match op.as_table() {
                Some(table) => {
                    self.push_levels(&Levels(vec![table]));
                    true
                }
                None => *op == Op::Identity,
            },
            Step::Adjust(_) => false,
        }
    }

    fn colour(&mut self, colour: &[u8]) -> usize {
        let start = self.colours.len();
        self.colours.extend_from_slice(colour);
        start
    }

    fn push_move(&mut self, rows: &Axis, columns: &Axis, outside: &[u8]) -> bool {
        let (Some(all_rows), Some(all_columns)) = (rows.of(&self.rows), columns.of(&self.columns)) else {
            return false;
        };
        self.moved.clear();
        for &(area, colour) in &self.fills {
            for (top, height) in images_of(rows, area.top, area.height) {
                for (left, width) in images_of(columns, area.left, area.width) {
                    self.moved.push((Rect { top, left, height, width }, colour));
                }
            }
        }
        std::mem::swap(&mut self.fills, &mut self.moved);
        (self.rows, self.columns) = (all_rows, all_columns);
        self.size = ImageSize { height: rows.len(), width: columns.len(), ..self.size };
        let mut bands = None;
        for (top, height) in outside_of(rows) {
            let colour = *bands.get_or_insert_with(|| self.colour(outside));
            self.fills.push((Rect { top, left: 0, height, width: self.size.width }, colour));
        }
        for (left, width) in outside_of(columns) {
            let colour = *bands.get_or_insert_with(|| self.colour(outside));
            self.fills.push((Rect { top: 0, left, height: self.size.height, width }, colour));
        }
        true
    }

    fn push_levels(&mut self, levels: &Levels) {
        levels.apply(&mut self.colours, self.size.channels);
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
