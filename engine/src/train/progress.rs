//! How far a run is, and who is told.

use std::time::{Duration, Instant};

use telemetry::{CurvePoint, EpochResult, Hub, Part, Training, Wait};

use super::evaluate::EvaluatedBatch;
use super::rate::Rate;
use super::report::{EpochReport, StepReport};
use crate::batch::{Batch, BatchId};
use crate::execute::{Pipeline, StopToken, batch_pictures};

/// How far a run is, and who is told.
pub(super) struct Progress<'a> {
    hub: Option<&'a Hub>,
    stop: StopToken,
    stage: usize,
    /// The training loop's own number among those who write counters.
    writer: usize,
    pub(super) images_per_second: f64,
    rate: Rate,
    now: Training,
}

impl<'a> Progress<'a> {
    pub(super) fn new(hub: Option<&'a Hub>, stop: StopToken, stage: usize, writer: usize) -> Self {
        Self { hub, stop, stage, writer, images_per_second: 0.0, rate: Rate::new(), now: Training::default() }
    }

    /// Waits while a viewer has paused the run; whether it did.
    pub(super) fn gate(&mut self) -> bool {
        let Some(hub) = self.hub.filter(|hub| hub.controls().paused()) else { return false };
        hub.controls().gate(|| self.stop.stopped());
        self.resume();
        true
    }

    /// A clock for the parts of a step on this batch.
    pub(super) fn clock(&self, batch: BatchId) -> StepClock<'a> {
        StepClock { hub: self.hub, stage: self.stage, lane: self.writer, batch, last: Instant::now() }
    }

    /// Training goes on after a pause that does not count.
    pub(super) fn resume(&mut self) {
        self.rate = Rate::new();
    }

    pub(super) fn worked(&mut self, images: u64, waited: Duration, busy: Duration) {
        self.images_per_second = self.rate.step(images);
        self.count(images as usize, waited, busy);
    }

    /// Counts a batch that the model was given, in training or in evaluation.
    fn count(&self, images: usize, waited: Duration, busy: Duration) {
        if let Some(hub) = self.hub {
            hub.rows(self.stage, self.writer, images, busy);
            hub.batch(self.stage, self.writer);
            hub.wait(self.stage, Wait::Starved, waited);
        }
    }

    /// Counts a batch of an evaluation, and waits while a viewer has paused the run.
    pub(super) fn evaluated(&self, batch: &EvaluatedBatch) {
        self.count(batch.images, batch.waited, batch.busy);
        let Some(hub) = self.hub else { return };
        hub.model_part(Part::Evaluation, batch.busy);
        if hub.tracing() {
            let number = (u64::from(self.now.epoch).saturating_sub(1), batch.done - 1);
            let now = Instant::now();
            let start = now.checked_sub(batch.busy).unwrap_or(now);
            hub.span(self.writer, self.stage, Part::Evaluation, number, start, batch.busy);
        }
        hub.controls().gate(|| self.stop.stopped());
    }

    /// Shows a batch to a viewer who looks at the model.
    pub(super) fn show(&self, pipeline: &Pipeline, node: usize, batch: &Batch) {
        if let Some(hub) = self.hub.filter(|hub| hub.any_wanted() && hub.wanted(node)) {
            hub.offer(batch_pictures(pipeline, node, batch));
        }
    }

    pub(super) fn step(&mut self, report: &StepReport, steps: u64) {
        let Some(hub) = self.hub else { return };
        self.now = Training {
            epoch: report.epoch as u32,
            step: report.step,
            steps,
            loss: report.loss as f32,
            learning_rate: report.learning_rate,
            images_per_second: report.images_per_second,
            evaluating: false,
        };
        let point = CurvePoint {
            step: report.step,
            loss: report.loss as f32,
            learning_rate: report.learning_rate,
            images_per_second: report.images_per_second as f32,
        };
        hub.step(self.now, point);
    }

    pub(super) fn evaluating(&mut self, evaluating: bool) {
        self.now.evaluating = evaluating;
        if let Some(hub) = self.hub {
            hub.training(self.now);
        }
    }

    pub(super) fn epoch(&self, report: &EpochReport) {
        if let Some(hub) = self.hub {
            hub.epoch(EpochResult {
                epoch: report.epoch as u32,
                step: report.step,
                train_loss: report.train_loss as f32,
                test_accuracy: report.test_accuracy.map(|a| a as f32),
                seconds: report.seconds,
            });
        }
    }
}

/// Tells the time that each part of a step took. Without a viewer it does nothing.
pub(super) struct StepClock<'a> {
    hub: Option<&'a Hub>,
    stage: usize,
    lane: usize,
    batch: BatchId,
    last: Instant,
}

impl StepClock<'_> {
    /// What was done since the last call, or since the clock was made.
    pub(super) fn lap(&mut self, part: Part) {
        let Some(hub) = self.hub else { return };
        let now = Instant::now();
        let (start, time) = (self.last, now.duration_since(self.last));
        self.last = now;
        hub.model_part(part, time);
        if hub.tracing() {
            hub.span(self.lane, self.stage, part, (self.batch.epoch, self.batch.index), start, time);
        }
    }
}
