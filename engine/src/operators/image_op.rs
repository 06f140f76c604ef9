//! Operators that change images by drawn steps.

use std::sync::Arc;

use pixels::{Pixels, Step};

use super::kernel::{Map, OperatorError, Part};
use super::words;
use crate::batch::{ImageSize, Rows};
use crate::random::Rng;

/// What a step is drawn from.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Random numbers of the sample in this epoch.
    pub rng: Rng,
    /// Random numbers of the sample that are the same in every epoch.
    pub first_epoch: Rng,
    /// Epoch, from 0.
    pub epoch: u64,
}

impl Draw {
    /// For a row.
    pub(super) fn of(rows: &Rows<'_>, row: usize) -> Self {
        let draws = rows.draws();
        Self { rng: draws.row(row), first_epoch: draws.first_epoch(row), epoch: draws.epoch() }
    }

    /// For a part of an operation: numbers of its own, see [`Rng::split`].
    #[must_use]
    pub fn split(&self, part: u64) -> Self {
        Self { rng: self.rng.split(part), first_epoch: self.first_epoch.split(part), epoch: self.epoch }
    }
}

/// Decides what to do to an image, from random numbers and its size, never from its pixels.
///
/// Nothing is done to pixels here: steps are values, carried out one by one or several together in one pass, with the
/// same result.
pub trait ImageOp: Send + Sync {
    /// Draws the steps for one image, which has this size, and gives them to `push` in order. The size afterwards must
    /// be the same for every draw.
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>));
}

impl<T: ImageOp + ?Sized> ImageOp for Arc<T> {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        (**self).draw(size, draw, push);
    }
}

/// An operation of moves as it is for a mask: what comes from outside is 0.
pub(super) struct ZeroOutside(pub Arc<dyn ImageOp>);

impl ImageOp for ZeroOutside {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let outside = vec![0; size.channels];
        self.0.draw(size, draw, &mut |step| {
            if let Step::Move { rows, columns, .. } = step {
                push(&Step::Move { rows: *rows, columns: *columns, outside: &outside });
            }
        });
    }
}

/// An [`ImageOp`] over a field.
pub(super) struct ImageMap {
    pub field: String,
    /// Size before.
    pub size: ImageSize,
    /// Size afterwards. If it is another one, or the signature says so, the field is replaced.
    pub after: ImageSize,
    /// Whether the field is updated in place.
    pub in_place: bool,
    pub op: Box<dyn ImageOp>,
}

impl ImageMap {
    /// An operation that leaves the size as it is, in place.
    pub(super) fn in_place(field: &str, size: ImageSize, op: Box<dyn ImageOp>) -> Self {
        Self { field: field.to_owned(), size, after: size, in_place: true, op }
    }

    /// An operation that makes another image, maybe of another size.
    pub(super) fn replacing(field: &str, size: ImageSize, after: ImageSize, op: impl ImageOp + 'static) -> Self {
        Self { field: field.to_owned(), size, after, in_place: false, op: Box::new(op) }
    }
}

impl Map for ImageMap {
    /// One step after the other, each over the whole image: what passes are held against.
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let (before, after) = (self.size.bytes(), self.after.bytes());
        let (mut image, mut next) = (Vec::new(), Vec::new());
        for row in 0..rows.len() {
            image.clear();
            image.extend_from_slice(if self.in_place {
                &rows.write::<u8>(&self.field)[row * before..(row + 1) * before]
            } else {
                &rows.read::<u8>(&self.field)[row * before..(row + 1) * before]
            });
            let mut size = self.size;
            let mut draw = Draw::of(rows, row);
            self.op.draw(size, &mut draw, &mut |step| {
                let to = step.size_after(size);
                next.resize(to.bytes(), 0);
                step.carry_out(&image, size, &mut next);
                std::mem::swap(&mut image, &mut next);
                size = to;
            });
            assert_eq!(size, self.after, "the signature says another size than the operator draws");
            rows.write::<u8>(&self.field)[row * after..(row + 1) * after].copy_from_slice(&image);
        }
        Ok(())
    }

    fn part(&self) -> Part<'_> {
        Part::Image { field: &self.field, size: self.size, op: &*self.op }
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        (0..rows.len()).map(|row| words::of_draw(&*self.op, self.size, Draw::of(rows, row))).collect()
    }
}

/// Pixels of a row of a column.
pub(crate) fn pixels_of(bytes: &[u8], size: ImageSize, row: usize) -> Pixels<'_> {
    Pixels { bytes: &bytes[row * size.bytes()..(row + 1) * size.bytes()], size, planar: false }
}
