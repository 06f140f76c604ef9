//! The training loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use telemetry::{CurvePoint, EpochResult, Hub, Training, Wait};

use super::evaluate::Evaluator;
use super::feed::Feed;
use super::network::Network;
use super::optimizer::Optimizer;
use super::precision::{Arithmetic, LossScale};
use super::rate::Rate;
use super::recipe::{LossSpec, Precision};
use super::report::{EpochReport, Observer, RunStart, StepReport, Summary};
use crate::batch::Batch;
use crate::execute::{BatchRange, Batches, Executor, Pipeline, RunError, batch_pictures};
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
    plan: Arc<Plan>,
    node: usize,
    params: Train,
    train: Arc<Pipeline>,
    feed: Feed,
    test: Option<Evaluator>,
    network: Network,
    optimizer: Optimizer,
    loss_scale: Option<LossScale>,
    arithmetic: Arithmetic,
    device: Device,
    epochs: u64,
    /// Where to stop, if before the end.
    step_limit: Option<u64>,
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
            optimizer: Optimizer::new(&params.optimizer, network.trainable()),
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

    /// The model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Steps that will be done.
    fn steps(&self) -> u64 {
        let all = self.epochs * self.train.batches_per_epoch();
        self.step_limit.map_or(all, |limit| all.min(limit))
    }

    /// Trains to the end, or until the executor is stopped. The model and the optimiser keep their state.
    pub fn run(
        &mut self,
        executor: &dyn Executor,
        hub: Option<&Hub>,
        observer: &mut dyn Observer,
    ) -> Result<Summary, RunError> {
        let stop = executor.stop_token();
        observer.start(&self.start());
        let mut batches = executor.start(&self.train, BatchRange::epochs(0..self.epochs));
        let mut progress = Progress::new(hub, self.plan.stage_of(self.node), self.plan.workers);
        let mut summary = Summary {
            epochs: 0,
            steps: 0,
            train_loss: None,
            test_accuracy: None,
            images_per_second: 0.0,
            seconds: 0.0,
            data_wait: 0.0,
            stopped: false,
            warning: self.warning(),
        };
        let start = Instant::now();
        for epoch in 0..self.epochs {
            let trained = self.epoch(epoch, &mut *batches, &mut progress, observer)?;
            summary.train_loss = trained.mean_loss().or(summary.train_loss);
            summary.steps = progress.steps;
            if trained.steps < self.train.batches_per_epoch() {
                break;
            }
            summary.epochs += 1;
            let due = summary.epochs.is_multiple_of(self.params.evaluation.every) || summary.epochs == self.epochs;
            let evaluation = Instant::now();
            let accuracy = if due { self.evaluate(executor, &mut progress, observer)? } else { None };
            summary.test_accuracy = accuracy.or(summary.test_accuracy);
            let report = EpochReport {
                epoch: epoch + 1,
                step: progress.steps,
                train_loss: trained.mean_loss().unwrap_or(f64::NAN),
                test_accuracy: accuracy,
                images_per_second: trained.images as f64 / trained.time.as_secs_f64().max(1e-9),
                seconds: trained.time.as_secs_f64(),
                evaluation_seconds: evaluation.elapsed().as_secs_f64(),
            };
            progress.epoch(&report);
            observer.epoch(&report);
            if progress.steps == self.steps() || stop.stopped() {
                break;
            }
        }
        summary.seconds = start.elapsed().as_secs_f64();
        summary.stopped = stop.stopped();
        let training = progress.training_time.as_secs_f64();
        summary.images_per_second = progress.images as f64 / training.max(1e-9);
        summary.data_wait = batches.waited().as_secs_f64() / training.max(1e-9);
        Ok(summary)
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

    /// Trains an epoch; it is cut short when the run is stopped.
    fn epoch(
        &mut self,
        epoch: u64,
        batches: &mut dyn Batches,
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Trained, RunError> {
        let (per_epoch, steps) = (self.train.batches_per_epoch(), self.steps());
        // The schedule is that of the whole training, even if it is stopped before.
        let all = self.epochs * per_epoch;
        let mut trained = Trained::default();
        let start = Instant::now();
        progress.resume();
        // The loss is read a step late, so that a GPU need not be waited for.
        let mut unread: Option<Unread> = None;
        while trained.steps < per_epoch && progress.steps < steps {
            let asked = Instant::now();
            let Some(batch) = batches.next()? else { break };
            let waited = asked.elapsed();
            progress.show(&self.train, self.node, &batch);
            let rate =
                self.optimizer.base_rate() * self.params.schedule.factor(progress.steps, all, self.params.epochs);
            let images = batch.rows() as u64;
            let loss = self.step(batch, rate)?;
            progress.worked(images, waited, asked.elapsed() - waited);
            trained.steps += 1;
            trained.images += images;
            let last = unread.replace(Unread { loss, epoch: epoch + 1, step: progress.steps, learning_rate: rate });
            if let Some(last) = last {
                self.read(last, &mut trained, progress, observer)?;
            }
        }
        if let Some(last) = unread {
            self.read(last, &mut trained, progress, observer)?;
        }
        trained.time = start.elapsed();
        progress.training_time += trained.time;
        Ok(trained)
    }

    /// Reads a step's loss, and says so.
    fn read(
        &self,
        step: Unread,
        trained: &mut Trained,
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let loss = step.loss.f_double_value(&[]).map_err(|e| RunError::new(TorchError::from(e)))?;
        trained.loss += loss;
        trained.read += 1;
        let report = StepReport {
            epoch: step.epoch,
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
        let run = || -> Result<(Tensor, Vec<Tensor>), TorchError> {
            let logits = self.arithmetic.run(self.device, || self.network.forward(&x, true))?;
            let loss = self.loss(&logits.f_to_kind(Kind::Float)?, &y)?;
            let minimised = match &self.loss_scale {
                Some(scale) => scale.scale(&loss)?,
                None => loss.shallow_clone(),
            };
            let gradients = Tensor::f_run_backward(&[minimised], self.optimizer.weights(), false, false)?;
            Ok((loss.f_detach()?, gradients))
        };
        let name = &self.plan.nodes[self.node].name;
        let (loss, mut gradients) = run().map_err(|e| RunError::at(name, e))?;
        let fail = |e: TorchError| RunError { node: Some(self.plan.nodes[self.node].name.clone()), message: e.0 };
        let usable = match &mut self.loss_scale {
            Some(scale) => scale.unscale(&mut gradients).map_err(fail)?,
            None => true,
        };
        if usable {
            self.optimizer.step(gradients, rate).map_err(fail)?;
        }
        Ok(loss)
    }

    fn loss(&self, logits: &Tensor, y: &Tensor) -> Result<Tensor, TorchError> {
        let LossSpec::CrossEntropy(loss) = &self.params.loss;
        let none: Option<&Tensor> = None;
        // -100: torch's label for "not counted", which no label is.
        Ok(logits.f_cross_entropy_loss(y, none, tch::Reduction::Mean, -100, loss.label_smoothing)?)
    }
}

/// A step whose loss is still on the device.
struct Unread {
    loss: Tensor,
    epoch: u64,
    step: u64,
    learning_rate: f64,
}

/// What an epoch did.
#[derive(Default)]
struct Trained {
    steps: u64,
    images: u64,
    loss: f64,
    read: u64,
    time: Duration,
}

impl Trained {
    fn mean_loss(&self) -> Option<f64> {
        (self.read > 0).then(|| self.loss / self.read as f64)
    }
}

/// How far a run is, and who is told.
struct Progress<'a> {
    hub: Option<&'a Hub>,
    stage: usize,
    /// The training loop's own number among those who write counters.
    writer: usize,
    steps: u64,
    images: u64,
    images_per_second: f64,
    training_time: Duration,
    rate: Rate,
    now: Training,
}

impl<'a> Progress<'a> {
    fn new(hub: Option<&'a Hub>, stage: usize, writer: usize) -> Self {
        Self {
            hub,
            stage,
            writer,
            steps: 0,
            images: 0,
            images_per_second: 0.0,
            training_time: Duration::ZERO,
            rate: Rate::new(),
            now: Training::default(),
        }
    }

    /// Training goes on after a pause that does not count.
    fn resume(&mut self) {
        self.rate = Rate::new();
    }

    fn worked(&mut self, images: u64, waited: Duration, busy: Duration) {
        self.steps += 1;
        self.images += images;
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

    /// Shows a batch to a viewer who looks at the model.
    fn show(&self, pipeline: &Pipeline, node: usize, batch: &Batch) {
        if let Some(hub) = self.hub.filter(|hub| hub.any_wanted() && hub.wanted(node)) {
            hub.offer(batch_pictures(pipeline, node, batch));
        }
    }

    fn step(&mut self, report: &StepReport, steps: u64) {
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

    fn evaluating(&mut self, evaluating: bool) {
        self.now.evaluating = evaluating;
        if let Some(hub) = self.hub {
            hub.training(self.now);
        }
    }

    fn epoch(&self, report: &EpochReport) {
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
