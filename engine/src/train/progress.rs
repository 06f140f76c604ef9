//! How far a run is, and who is told.

use std::time::Duration;

use telemetry::{CurvePoint, EpochResult, Hub, Training, Wait};

use super::rate::Rate;
use super::report::{EpochReport, StepReport};
use crate::batch::Batch;
use crate::execute::{Pipeline, batch_pictures};

/// How far a run is, and who is told.
pub(super) struct Progress<'a> {
    hub: Option<&'a Hub>,
    stage: usize,
    /// The training loop's own number among those who write counters.
    writer: usize,
    pub(super) images_per_second: f64,
    rate: Rate,
    now: Training,
}

impl<'a> Progress<'a> {
    pub(super) fn new(hub: Option<&'a Hub>, stage: usize, writer: usize) -> Self {
        Self { hub, stage, writer, images_per_second: 0.0, rate: Rate::new(), now: Training::default() }
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
    pub(super) fn count(&self, images: usize, waited: Duration, busy: Duration) {
        if let Some(hub) = self.hub {
            hub.rows(self.stage, self.writer, images, busy);
            hub.batch(self.stage, self.writer);
            hub.wait(self.stage, Wait::Starved, waited);
        }
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
        let point = CurvePoint { step: report.step, loss: report.loss as f32, learning_rate: report.learning_rate };
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
