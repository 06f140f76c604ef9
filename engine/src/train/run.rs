//! A training: from a plan to a trained model, in pieces if need be.

use std::sync::Arc;
use std::time::Instant;

use tch::Device;
use telemetry::Hub;

use super::checkpoint::{Checkpoint, OPTIMIZER, Position};
use super::evaluate::Evaluator;
use super::feed::Feed;
use super::finite;
use super::identity::Identity;
use super::network::Network;
use super::optimizer::Optimizer;
use super::precision::{Arithmetic, LossScale};
use super::progress::Progress;
use super::recipe::Precision;
use super::report::{EpochReport, Keeper, Moment, Observer, RunStart, Summary};
use crate::batch::BatchId;
use crate::execute::{BatchRange, Executor, Pipeline, RunError};
use crate::graph::differences_in_words;
use crate::layers::RowShape;
use crate::operators::{IMAGE, LABEL, Resources, Train};
use crate::params::ParamSet as _;
use crate::plan::{Machine, Plan};
use crate::torch::{self, TorchError};

/// What the user wants otherwise than the graph says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainOptions {
    /// Epochs; the schedule is stretched to fit.
    pub epochs: Option<u64>,
    /// Steps after which to stop; the schedule is not changed.
    pub steps: Option<u64>,
    /// Arithmetic.
    pub precision: Option<Precision>,
}

/// A run that is ready to start: data opened, model built.
pub struct Session {
    pub(super) plan: Arc<Plan>,
    pub(super) node: usize,
    pub(super) params: Train,
    pub(super) train: Arc<Pipeline>,
    pub(super) feed: Feed,
    test: Option<Evaluator>,
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    pub(super) loss_scale: Option<LossScale>,
    pub(super) arithmetic: Arithmetic,
    pub(super) device: Device,
    pub(super) epochs: u64,
    /// Where to stop, if before the end.
    step_limit: Option<u64>,
    pub(super) position: Position,
}

impl Session {
    /// Opens the data and builds the model of a plan.
    pub fn new(
        plan: &Arc<Plan>,
        machine: &Machine,
        resources: &Resources,
        options: &TrainOptions,
    ) -> Result<Self, RunError> {
        let Some(node) = plan.model() else {
            return Err(RunError::new("the graph has no model to train; `engine bench` runs its data pipeline"));
        };
        let name = &plan.nodes[node].name;
        let params = Train::from_json(&plan.nodes[node].params).expect("the graph was validated");
        let place = plan.nodes[node].place;
        let device = torch::device(place);
        let precision = options.precision.unwrap_or(params.precision);
        let arithmetic = Arithmetic::resolve(precision, place, machine).map_err(|e| RunError::at(name, e))?;
        let pipeline = |outlet: usize| Pipeline::new(plan, outlet, resources).map(Arc::new);
        let from = plan.outlet("train").expect("validation asked for training data");
        let train = pipeline(from)?;
        let test = match plan.outlet("test") {
            None => None,
            Some(outlet) => {
                let pipeline = pipeline(outlet)?;
                let augmentation = params.evaluation.test_time_augmentation;
                let feed = Feed::new(&pipeline, device, resources)?;
                Some(Evaluator { pipeline, feed, augmentation, arithmetic, device })
            }
        };
        let image = plan.nodes[from].output.field(IMAGE).expect("validation found the image");
        // The seed of the weights; torch takes 63 bits.
        tch::manual_seed((plan.seed & i64::MAX as u64) as i64);
        let shape = RowShape(image.shape.clone());
        let built = Network::new(&params.layers, shape, device, params.channels_last);
        let network = built.map_err(|e| RunError::at(name, e))?;
        Ok(Self {
            feed: Feed::new(&train, device, resources)?,
            optimizer: Optimizer::new(&params.optimizer, network.trainable().into_iter().map(|(_, t)| t).collect()),
            position: Position::default(),
            loss_scale: LossScale::of(arithmetic),
            epochs: options.epochs.unwrap_or(params.epochs),
            step_limit: options.steps,
            plan: Arc::clone(plan),
            node,
            params,
            train,
            test,
            network,
            arithmetic,
            device,
        })
    }

    /// What will be done.
    pub fn start(&self) -> RunStart {
        RunStart {
            graph: self.plan.graph.clone(),
            epochs: self.epochs,
            steps_per_epoch: self.train.batches_per_epoch(),
            steps: self.steps(),
            done: self.position.step,
            parameters: self.network.parameters(),
            device: self.plan.nodes[self.node].place.to_string(),
            arithmetic: self.arithmetic,
            warning: self.warning(),
        }
    }

    /// What the user must know about the data.
    pub fn warning(&self) -> Option<String> {
        self.train.warning().or_else(|| self.test.as_ref()?.pipeline.warning())
    }

    /// What it was made from.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// How far it is.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Steps that will be done.
    pub(super) fn steps(&self) -> u64 {
        let all = self.epochs * self.train.batches_per_epoch();
        self.step_limit.map_or(all, |limit| all.min(limit))
    }

    /// What a checkpoint must agree with: everything that the weights depend on.
    pub fn identity(&self) -> Identity {
        Identity::new(&self.plan, self.epochs, self.arithmetic, self.warning().is_some())
    }

    /// Whether there is nothing left to do.
    pub fn finished(&self) -> bool {
        self.position.epoch >= self.epochs || self.position.step >= self.steps()
    }

    /// A copy of the state now, which is between two steps.
    pub fn checkpoint(&self) -> Result<Checkpoint, TorchError> {
        let mut tensors = self.network.named();
        for ((name, _), momentum) in self.network.trainable().iter().zip(self.optimizer.momenta()) {
            tensors.extend(momentum.as_ref().map(|m| (format!("{OPTIMIZER}{name}"), m.shallow_clone())));
        }
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, tensor) in &mut tensors {
            // In the order of the shape, whatever the order in memory: that is what a file holds.
            *tensor = tensor.f_detach_copy()?.f_contiguous()?;
        }
        let loss_scale = self.loss_scale.as_ref().map(LossScale::state);
        let position = Position { loss_scale, ..self.position.clone() };
        Ok(Checkpoint { position, identity: self.identity(), tensors })
    }

    /// Goes on from a state. It must be of the same graph, seed, epochs and precision; with `any_epochs`, the schedule
    /// may be stretched to another number of epochs.
    pub fn restore(&mut self, checkpoint: &Checkpoint, any_epochs: bool) -> Result<(), RunError> {
        let differences = checkpoint.identity.differences(&self.identity(), any_epochs);
        if !differences.is_empty() {
            let words = differences_in_words(&differences);
            return Err(RunError::new(format!("the checkpoint belongs to another training:{words}")));
        }
        let find = |name: &str| checkpoint.tensors.iter().find(|(n, _)| n == name).map(|(_, tensor)| tensor);
        let fail = |error: tch::TchError| RunError::new(TorchError::from(error));
        for (name, mut tensor) in self.network.named() {
            let saved = find(&name).filter(|saved| saved.size() == tensor.size());
            let saved = saved.ok_or_else(|| RunError::new(format!("the checkpoint has no `{name}` of this shape")))?;
            tch::no_grad(|| tensor.f_copy_(saved)).map_err(fail)?;
        }
        for (index, (name, weight)) in self.network.trainable().into_iter().enumerate() {
            let saved = find(&format!("{OPTIMIZER}{name}")).filter(|saved| saved.size() == weight.size());
            let momentum = match saved {
                // In the weight's own order in memory.
                Some(saved) => {
                    let mut momentum = tch::no_grad(|| weight.f_zeros_like()).map_err(fail)?;
                    momentum.f_copy_(saved).map_err(fail)?;
                    Some(momentum)
                }
                None => None,
            };
            self.optimizer.set_momentum(index, momentum);
        }
        self.position = checkpoint.position.clone();
        if let (Some(scale), Some(saved)) = (&mut self.loss_scale, self.position.loss_scale) {
            scale.restore(saved);
        }
        Ok(())
    }

    /// Trains to the end, or until the executor is stopped, and can be called again to go on. `keeper` is asked after
    /// each step, after each epoch and when the run is stopped, whether it wants the state.
    pub fn run(
        &mut self,
        executor: &dyn Executor,
        hub: Option<&Hub>,
        keeper: &mut dyn Keeper,
        observer: &mut dyn Observer,
    ) -> Result<Summary, RunError> {
        let stop = executor.stop_token();
        observer.start(&self.start());
        let before = self.position.clone();
        let start = Instant::now();
        let first = BatchId { epoch: before.epoch, index: before.batch };
        let mut batches = executor.start(&self.train, BatchRange { start: first, end_epoch: self.epochs });
        let mut progress = Progress::new(hub, self.plan.stage_of(self.node), self.plan.workers);
        while self.position.epoch < self.epochs && self.position.step < self.steps() {
            self.epoch(&mut *batches, &mut progress, keeper, observer)?;
            if self.position.batch < self.train.batches_per_epoch() {
                break;
            }
            self.finish_epoch(executor, &mut progress, observer)?;
            if stop.stopped() {
                break;
            }
            self.offer(keeper, Moment::Epoch, observer)?;
        }
        self.offer(keeper, Moment::End, observer)?;
        let position = &self.position;
        let training = (position.training_seconds - before.training_seconds).max(1e-9);
        Ok(Summary {
            epochs: position.epoch,
            steps: position.step,
            train_loss: mean(position.epoch_loss, position.batch).or(position.train_loss),
            test_accuracy: position.test_accuracy,
            images_per_second: (position.images - before.images) as f64 / training,
            seconds: start.elapsed().as_secs_f64(),
            data_wait: batches.waited().as_secs_f64() / training,
            stopped: stop.stopped(),
            warning: self.warning(),
        })
    }

    /// Gives the state to whoever keeps it, if it is wanted. That it could not be kept is no reason to lose the rest;
    /// weights that are not finite are not kept, and end the training.
    pub(super) fn offer(
        &self,
        keeper: &mut dyn Keeper,
        moment: Moment,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        if keeper.wants(&self.position, moment) {
            finite::check_weights(&self.network, self.position.step)
                .map_err(|e| RunError::at(&self.plan.nodes[self.node].name, e))?;
            let kept = self.checkpoint().map_err(|e| e.0).and_then(|checkpoint| keeper.keep(&checkpoint));
            if let Err(error) = kept {
                observer.warning(&error);
            }
        }
        Ok(())
    }

    /// Evaluates after the last step of an epoch, and reports it. An evaluation that is stopped is done again when the
    /// training goes on.
    fn finish_epoch(
        &mut self,
        executor: &dyn Executor,
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let epoch = self.position.epoch + 1;
        let due = epoch.is_multiple_of(self.params.evaluation.every) || epoch == self.epochs;
        let start = Instant::now();
        let accuracy = if due { self.evaluate(executor, progress, observer)? } else { None };
        if due && self.test.is_some() && accuracy.is_none() {
            return Ok(());
        }
        let position = &mut self.position;
        let report = EpochReport {
            epoch,
            step: position.step,
            train_loss: mean(position.epoch_loss, position.batch).unwrap_or(f64::NAN),
            test_accuracy: accuracy,
            images_per_second: position.epoch_images as f64 / position.epoch_seconds.max(1e-9),
            seconds: position.epoch_seconds,
            evaluation_seconds: start.elapsed().as_secs_f64(),
        };
        *position = Position {
            epoch,
            batch: 0,
            epoch_loss: 0.0,
            epoch_images: 0,
            epoch_seconds: 0.0,
            train_loss: Some(report.train_loss),
            test_accuracy: accuracy.or(position.test_accuracy),
            ..position.clone()
        };
        progress.epoch(&report);
        observer.epoch(&report);
        Ok(())
    }

    fn evaluate(
        &self,
        executor: &dyn Executor,
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<f64>, RunError> {
        let Some(evaluator) = &self.test else { return Ok(None) };
        progress.evaluating(true);
        let accuracy = evaluator.accuracy(&self.network, executor, (IMAGE, LABEL), |batch| {
            progress.count(batch.images, batch.waited, batch.busy);
            observer.evaluation(batch.done, batch.of);
        });
        progress.evaluating(false);
        accuracy
    }
}

fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}
