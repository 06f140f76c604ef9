//! What `mixup` and `cutmix` have in common: each row and the one before it become one, and their labels too.

use pixels::Rect;
use pixels::ops::{blend, paste};

use super::images::{image_size, uint8_image};
use super::kernel::{Map, OperatorError, Site};
use super::labels::{class_of, mixable_label};
use super::registry::{PortSchemas, Signature, Write, WriteMode};
use crate::batch::{Draws, Field, ImageSize, Rows, Schema};
use crate::params::Faults;
use crate::random::{Rng, beta};

/// What a mixing operator reads and writes.
pub(super) fn signature(inputs: &PortSchemas, image: &str, label: Option<&str>) -> Result<Signature, Faults> {
    let mut faults = Faults::default();
    let image = faults.keep(uint8_image(inputs, image)).map(|(field, _)| field.clone());
    let label = label.and_then(|label| {
        faults.keep(mixable_label(inputs, "label", label).map_err(|mut faults| {
            if inputs.first().is_some_and(|schema| schema.field(label).is_none()) {
                let alone = || "write \"label\": null to mix images alone".to_owned();
                faults.0.iter_mut().for_each(|fault| fault.hint = Some(alone()));
            }
            faults
        }))
    });
    faults.end()?;
    // Replaced, not updated: each row is read once more by the next one.
    let label = label.map(|(field, classes)| Field::soft_label(&field.name, classes));
    let writes: Vec<Write> =
        image.into_iter().chain(label).map(|field| Write { field, mode: WriteMode::Replace }).collect();
    let reads = writes.iter().map(|w| w.field.name.clone()).collect();
    Ok(Signature { reads, writes, random: true, whole_batch: true, on_gpu: true, ..Signature::default() })
}

/// What is drawn for a row.
#[derive(Clone, Copy)]
pub(super) enum Mixed {
    /// This weight of the row's own image, the rest of the other one.
    Blend(f64),
    /// This part of the other one.
    Paste(Rect),
}

impl Mixed {
    fn carry_out(self, image: &mut [u8], other: &[u8], size: ImageSize) {
        match self {
            Self::Blend(weight) => blend(image, other, weight),
            Self::Paste(area) => paste(image, size, other, area),
        }
    }
}

/// How two images become one.
pub(super) trait Mix: Send + Sync {
    /// Draws what is done to an image of this size, so that about `lambda` of it stays, and the share that does: the
    /// weight of its label.
    fn draw(&self, size: ImageSize, lambda: f64, rng: &mut Rng) -> (Mixed, f64);
}

/// Mixes each row with the one before it, the first with the last.
pub(super) struct Mixing<M> {
    pub image: String,
    pub size: ImageSize,
    pub label: Option<Label>,
    pub alpha: f64,
    pub probability: f64,
    /// Whether all rows of a batch have the choices of its first one.
    pub same: bool,
    pub how: M,
}

/// The label that is mixed.
pub(super) struct Label {
    pub name: String,
    pub classes: usize,
    /// Whether it is soft already.
    pub soft: bool,
}

impl Label {
    /// As the signature found it.
    pub(super) fn of(schema: &Schema, name: &str) -> Self {
        let field = schema.field(name).expect("the signature found the label");
        let classes = field.classes.expect("the signature found its classes");
        Self { name: name.to_owned(), classes, soft: field.is_soft_label() }
    }

    /// Mixes each row's label with that of the row before it; `shares` are those of the rows' own.
    fn mix(&self, rows: &mut Rows<'_>, shares: &[f64]) -> Result<(), OperatorError> {
        let classes = self.classes;
        let share = |row: usize| (shares[row] as f32, 1.0 - shares[row] as f32);
        if self.soft {
            let (from, to) = rows.replace::<f32, f32>(&self.name);
            for (row, to) in to.chunks_exact_mut(classes.max(1)).enumerate() {
                let ((own, rest), other) = (share(row), before(row, shares.len()));
                for (class, to) in to.iter_mut().enumerate() {
                    *to = own * from[row * classes + class] + rest * from[other * classes + class];
                }
            }
            return Ok(());
        }
        let (from, to) = rows.replace::<i64, f32>(&self.name);
        to.fill(0.0);
        for row in 0..shares.len() {
            let ((own, rest), other) = (share(row), before(row, shares.len()));
            // Added: where both are of one class it has the whole, which FFCV's MixupToOneHot overwrites with the rest.
            to[row * classes + class_of(from[row], classes, row)?] += own;
            to[row * classes + class_of(from[other], classes, other)?] += rest;
        }
        Ok(())
    }
}

/// The row that a row is mixed with.
fn before(row: usize, rows: usize) -> usize {
    if row == 0 { rows - 1 } else { row - 1 }
}

impl<M: Mix> Map for Mixing<M> {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let (draws, bytes, count) = (rows.draws(), self.size.bytes(), rows.len());
        let mut shares = vec![1.0; count];
        let (from, to) = rows.replace::<u8, u8>(&self.image);
        to.copy_from_slice(from);
        for (row, (image, share)) in to.chunks_exact_mut(bytes.max(1)).zip(&mut shares).enumerate() {
            if let Some((mixed, own)) = self.draw(draws, row) {
                mixed.carry_out(image, &from[before(row, count) * bytes..][..bytes], self.size);
                *share = own;
            }
        }
        match &self.label {
            Some(label) => label.mix(rows, &shares),
            None => Ok(()),
        }
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        let (draws, samples) = (rows.draws(), rows.samples());
        let mixed = |row: usize| {
            let (_, share) = self.draw(draws, row)?;
            let sample = samples[before(row, samples.len())];
            Some(vec![format!("{:.1} % of sample {sample}", 100.0 * (1.0 - share))])
        };
        (0..samples.len()).map(mixed).map(Option::unwrap_or_default).collect()
    }
}

impl<M: Mix> Mixing<M> {
    /// At a kernel's site; `drawn` is `alpha`, `p` and `same_lambda`.
    pub(super) fn new(site: &Site<'_>, image: &str, label: Option<&str>, drawn: (f64, f64, bool), how: M) -> Self {
        let size = image_size(site.input, image);
        let label = label.map(|name| Label::of(site.input, name));
        let (alpha, probability, same) = drawn;
        Self { image: image.to_owned(), size, label, alpha, probability, same, how }
    }

    /// What is drawn for a row, and the share of its own label; none if it is not mixed.
    pub(super) fn draw(&self, draws: Draws<'_>, row: usize) -> Option<(Mixed, f64)> {
        let mut rng = draws.row(if self.same { 0 } else { row });
        (rng.unit() < self.probability).then(|| {
            let lambda = beta(&mut rng, self.alpha);
            self.how.draw(self.size, lambda, &mut rng)
        })
    }
}
