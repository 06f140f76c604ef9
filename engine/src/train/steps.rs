//! The training loop: steps of an epoch.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::finite;
use super::progress::Progress;
use super::recipe::LossSpec;
use super::report::{Keeper, Moment, Observer, StepReport};
use super::run::Session;
use crate::batch::Batch;
use crate::execute::{Batches, RunError};
use crate::operators::{IMAGE, LABEL};
use crate::random::Key;
use crate::torch::TorchError;

/// A step whose loss is still on the device.
struct Unread {
    loss: Tensor,
    step: u64,
    learning_rate: f64,
}

impl Session {
    /// Trains what is left of an epoch; it is cut short when the run is stopped.
    pub(super) fn epoch(
        &mut self,
        batches: &mut dyn Batches,
        progress: &mut Progress<'_>,
        keeper: &mut dyn Keeper,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let (per_epoch, steps) = (self.train.batches_per_epoch(), self.steps());
        // The schedule is that of the whole training, even if it is stopped before.
        let all = self.epochs * per_epoch;
        let mut last = Instant::now();
        progress.resume();
        // The loss is read a step late, so that a GPU need not be waited for.
        let mut unread: Option<Unread> = None;
        while self.position.batch < per_epoch && self.position.step < steps {
            let asked = Instant::now();
            let Some(batch) = batches.next()? else { break };
            let waited = asked.elapsed();
            progress.show(&self.train, self.node, &batch);
            let factor = self.params.schedule.factor(self.position.step, all, self.params.epochs);
            let learning_rate = self.optimizer.base_rate() * factor;
            let images = batch.rows() as u64;
            let loss = self.step(batch, learning_rate)?;
            progress.worked(images, waited, asked.elapsed() - waited);
            let now = Instant::now();
            let seconds = now.duration_since(last).as_secs_f64();
            last = now;
            let position = &mut self.position;
            position.batch += 1;
            position.step += 1;
            position.images += images;
            position.epoch_images += images;
            position.training_seconds += seconds;
            position.epoch_seconds += seconds;
            let step = position.step;
            if let Some(before) = unread.replace(Unread { loss, step, learning_rate }) {
                self.read(before, progress, observer)?;
            }
            if keeper.wants(&self.position, Moment::Step) {
                // The position holds the losses that were read.
                if let Some(before) = unread.take() {
                    self.read(before, progress, observer)?;
                }
                self.offer(keeper, Moment::Step, observer)?;
            }
        }
        match unread {
            Some(before) => self.read(before, progress, observer),
            None => Ok(()),
        }
    }

    /// Reads a step's loss, and says so.
    fn read(&mut self, step: Unread, progress: &mut Progress<'_>, observer: &mut dyn Observer) -> Result<(), RunError> {
        let loss = step.loss.f_double_value(&[]).map_err(|e| RunError::new(TorchError::from(e)))?;
        finite::check_loss(self, loss, step.step, None)?;
        self.position.epoch_loss += loss;
        let report = StepReport {
            epoch: self.position.epoch + 1,
            step: step.step,
            loss,
            learning_rate: step.learning_rate,
            images_per_second: progress.images_per_second,
        };
        progress.step(&report, self.steps());
        observer.step(&report);
        Ok(())
    }

    /// Forward, backward, update. The loss is left on the device.
    fn step(&mut self, batch: Batch, rate: f64) -> Result<Tensor, RunError> {
        let (x, y) = self.feed.tensors(batch, IMAGE, LABEL)?;
        let name = &self.plan.nodes[self.node].name;
        // Torch's generator, which dropout draws from, is a function of the step like every other choice.
        let seed = Key::of_seed(self.plan.seed).name(name).number(self.position.step).rng().bits();
        tch::manual_seed((seed >> 1) as i64);
        let run = || -> Result<(Tensor, Vec<Tensor>), TorchError> {
            let logits = self.arithmetic.run(self.device, || self.network.forward(&x, true))?;
            let LossSpec::CrossEntropy(loss) = &self.params.loss;
            let loss = cross_entropy(&logits.f_to_kind(Kind::Float)?, &y, loss.label_smoothing)?;
            let minimised = match &self.loss_scale {
                Some(scale) => scale.scale(&loss)?,
                None => loss.shallow_clone(),
            };
            let gradients = Tensor::f_run_backward(&[minimised], self.optimizer.weights(), false, false)?;
            Ok((loss.f_detach()?, gradients))
        };
        let fail = |e: TorchError| RunError::at(name, e.0);
        let (loss, mut gradients) = run().map_err(fail)?;
        if self.device == Device::Cpu {
            // Before the update, which would spoil every weight. On a GPU it is read later, as a part of the report.
            let read = loss.f_double_value(&[]).map_err(|e| fail(e.into()))?;
            finite::check_loss(self, read, self.position.step + 1, Some(&x))?;
        }
        let usable = match &mut self.loss_scale {
            Some(scale) => scale.unscale(&mut gradients).map_err(fail)?,
            None => true,
        };
        if usable {
            self.optimizer.step(gradients, rate).map_err(fail)?;
        }
        Ok(loss)
    }
}

/// The cross entropy of rows of logits with their labels, mean over the rows. Labels are classes, or as many shares a
/// row as there are classes: torch tells them apart by their shape, and smooths both towards equal shares.
fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor, TorchError> {
    let none: Option<&Tensor> = None;
    // -100: torch's label for "not counted", which no label is.
    Ok(logits.f_cross_entropy_loss(labels, none, tch::Reduction::Mean, -100, smoothing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_soft_labels_is_that_of_the_formula() {
        let logits = [[2.0_f32, -1.0, 0.5], [0.0, 0.25, -3.0]];
        let shares = [[0.7_f32, 0.3, 0.0], [0.0, 0.5, 0.5]];
        let rows = |values: [[f32; 3]; 2]| Tensor::from_slice(values.as_flattened()).view([2, 3]);
        for smoothing in [0.0, 0.1] {
            let mut expected = 0.0;
            for (logits, shares) in logits.iter().zip(&shares) {
                let sum = logits.iter().map(|v| f64::from(*v).exp()).sum::<f64>();
                for (logit, share) in logits.iter().zip(shares) {
                    let share = f64::from(*share) * (1.0 - smoothing) + smoothing / 3.0;
                    expected -= share * (f64::from(*logit) - sum.ln()) / 2.0;
                }
            }
            let loss = cross_entropy(&rows(logits), &rows(shares), smoothing).unwrap().double_value(&[]);
            assert!((loss - expected).abs() < 1e-6, "{loss} for {expected}, smoothed by {smoothing}");
            let classes = Tensor::from_slice(&[2_i64, 0]);
            let one_hot = rows([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
            let of = |labels: &Tensor| cross_entropy(&rows(logits), labels, smoothing).unwrap().double_value(&[]);
            assert!((of(&classes) - of(&one_hot)).abs() < 1e-6, "{} and {}", of(&classes), of(&one_hot));
        }
    }
}
