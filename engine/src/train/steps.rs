//! The training loop: steps of an epoch.

use std::time::Instant;

use tch::{Device, TchError, Tensor};
use telemetry::Part;

use super::checkpoint::Position;
use super::finite;
use super::loss::{Loss, loss};
use super::progress::{Progress, StepClock};
use super::report::{Keeper, Moment, Observer, StepReport};
use super::run::Session;
use super::schedule::When;
use crate::batch::{Batch, BatchId};
use crate::execute::{Batches, RunError};
use crate::operators::Train;
use crate::random::Key;
use crate::torch::TorchError;

/// A step whose loss is still on the device.
struct Unread {
    done: Done,
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
        let mut last = Instant::now();
        progress.resume();
        // The loss is read a step late, so that a GPU need not be waited for.
        let mut unread: Option<Unread> = None;
        while self.position.batch < per_epoch && self.position.step < steps {
            if progress.gate() {
                last = Instant::now();
            }
            let asked = Instant::now();
            let mut clock = progress.clock(BatchId { epoch: self.position.epoch, index: self.position.batch });
            let Some(batch) = batches.next()? else { break };
            let waited = asked.elapsed();
            clock.lap(Part::Wait);
            progress.show(&self.train, self.node, &batch);
            let learning_rate = self.optimizer.rate(&self.when());
            let images = batch.rows() as u64;
            let done = self.step(batch, &mut clock)?;
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
            if let Some(before) = unread.replace(Unread { done, step, learning_rate }) {
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
        let number = |tensor: &Tensor| tensor.f_double_value(&[]).map_err(|e| RunError::new(TorchError::from(e)));
        let loss = number(&step.done.loss)?;
        let gradient_norm = step.done.gradient_norm.as_ref().map(number).transpose()?;
        finite::check_loss(self, loss, step.step, None)?;
        self.position.epoch_loss += loss;
        let report = StepReport {
            epoch: self.position.epoch + 1,
            step: step.step,
            loss,
            learning_rate: step.learning_rate,
            gradient_norm,
            images_per_second: progress.images_per_second,
        };
        progress.step(&report, self.steps());
        observer.step(&report);
        Ok(())
    }

    /// How far the training is.
    pub(super) fn when(&self) -> When {
        self.when_at(&self.position)
    }

    /// How far a training is that has come to a position.
    pub(super) fn when_at(&self, position: &Position) -> When {
        When {
            step: position.step,
            steps_per_epoch: self.train.batches_per_epoch(),
            // The schedule is that of the whole training, even if it is stopped before.
            epochs: self.epochs,
            graph_epochs: self.params.epochs,
        }
    }

    /// Forward, backward, and the update where one is due. What is to be read of it is left on the device.
    fn step(&mut self, batch: Batch, clock: &mut StepClock<'_>) -> Result<Done, RunError> {
        let (x, y) = self.feed.tensors(batch, &self.params.input_field, &self.params.target_field)?;
        let name = &self.plan.nodes[self.node].name;
        // Torch's generator, which dropout draws from, is a function of the step like every other choice.
        let seed = Key::of_seed(self.plan.seed).name(name).number(self.position.step).rng().bits();
        tch::manual_seed((seed >> 1) as i64);
        let name = name.clone();
        let fail = |e: TorchError| RunError::at(&name, e.0);
        let (Loss { minimised, mean }, due) = self.forward(&x, &y).map_err(fail)?;
        if self.device == Device::Cpu {
            // Before the update, which would spoil every weight. On a GPU it is read later, as a part of the report.
            let read = mean.f_double_value(&[]).map_err(|e| fail(e.into()))?;
            finite::check_loss(self, read, self.position.step + 1, Some(&x))?;
        }
        clock.lap(Part::Forward);
        let gradient_norm = self.backward(minimised, &due, clock).map_err(fail)?;
        clock.lap(Part::Update);
        Ok(Done { loss: mean, gradient_norm })
    }

    /// The loss of a batch, and what becomes of its gradients.
    fn forward(&mut self, x: &Tensor, y: &Tensor) -> Result<(Loss, Due), TorchError> {
        let accumulate = self.params.accumulate;
        let (batch, last) = (self.position.batch, self.train.batches_per_epoch() - 1);
        // The rates are those of the first batch that an update is made of.
        let when = When { step: self.position.step - batch % accumulate, ..self.when() };
        let weights = self.optimizer.active(&when);
        let outputs = self.arithmetic.run(self.device, || self.network.forward(x, true))?;
        let update = (batch + 1).is_multiple_of(accumulate) || batch == last;
        Ok((loss(&self.params.loss, &outputs, y)?, Due { weights, when, update }))
    }

    /// Gradients, and the update if one is due; the gradients' norm, if it was needed.
    fn backward(
        &mut self,
        mut minimised: Tensor,
        due: &Due,
        clock: &mut StepClock<'_>,
    ) -> Result<Option<Tensor>, TorchError> {
        let accumulate = self.params.accumulate;
        if accumulate > 1 {
            minimised = minimised.f_mul_scalar(1.0 / accumulate as f64)?;
        }
        if let Some(scale) = &self.loss_scale {
            minimised = scale.scale(&minimised)?;
        }
        let mut gradients = Tensor::f_run_backward(&[minimised], &due.weights, false, false)?;
        clock.lap(Part::Backward);
        if accumulate > 1 {
            gradients = sum(std::mem::take(&mut self.gradients), gradients)?;
        }
        if !due.update {
            self.gradients = gradients;
            return Ok(None);
        }
        if let Some(scale) = &mut self.loss_scale
            && !scale.unscale(&mut gradients)?
        {
            return Ok(None);
        }
        let norm = clip(&self.params, &mut gradients)?;
        self.position.updates += 1;
        self.optimizer.step(gradients, &due.when, self.position.updates)?;
        if let Some(average) = &mut self.average {
            let epoch = self.position.step as f64 / self.train.batches_per_epoch() as f64;
            average.update(&self.network, epoch)?;
        }
        Ok(norm)
    }
}

/// What becomes of the gradients of a batch.
struct Due {
    /// What they are of.
    weights: Vec<Tensor>,
    /// Where the schedules are.
    when: When,
    /// Whether the weights are updated now, or the gradients wait for those of other batches.
    update: bool,
}

/// What a step leaves to be read, on the device.
struct Done {
    /// Mean over the samples.
    loss: Tensor,
    /// Norm of all gradients before they were clipped, if they are.
    gradient_norm: Option<Tensor>,
}

fn sum(before: Vec<Tensor>, gradients: Vec<Tensor>) -> Result<Vec<Tensor>, TchError> {
    if before.is_empty() {
        return Ok(gradients);
    }
    before.into_iter().zip(gradients).map(|(mut sum, gradient)| sum.f_add_(&gradient)).collect()
}

/// Clips gradients as the recipe says; their norm before, if it was needed. As torch.nn.utils.clip_grad_norm_ and
/// clip_grad_value_.
fn clip(params: &Train, gradients: &mut [Tensor]) -> Result<Option<Tensor>, TchError> {
    if let Some(most) = params.clip_gradient_value {
        for gradient in gradients.iter_mut() {
            let _ = gradient.f_clamp_(-most, most)?;
        }
    }
    let Some(most) = params.clip_gradient_norm else { return Ok(None) };
    let norms = gradients.iter().map(Tensor::f_norm).collect::<Result<Vec<_>, _>>()?;
    let norm = Tensor::f_stack(&norms, 0)?.f_norm()?;
    let factor = norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(most)?.f_clamp_max(1.0)?;
    for gradient in gradients.iter_mut() {
        let _ = gradient.f_mul_(&factor)?;
    }
    Ok(Some(norm))
}
