//! A training: from a plan to a trained model, in pieces if need be.

use std::sync::Arc;
use std::time::Instant;

use tch::{Device, Tensor, nn};
use telemetry::Hub;

use super::average::Average;
use super::checkpoint::{AVERAGE, Checkpoint, GRADIENT, OPTIMIZER, Position};
use super::evaluate::Evaluator;
use super::feed::Feed;
use super::finite;
use super::identity::Identity;
use super::metrics::Metrics;
use super::network::{Network, OwnModel};
use super::optimizer::Optimizer;
use super::precision::{Arithmetic, LossScale};
use super::progress::Progress;
use super::recipe::Precision;
use super::report::{EpochReport, Keeper, Moment, Observer, RunStart, Summary};
use crate::batch::BatchId;
use crate::execute::{BatchRange, Executor, Pipeline, RunError, sample_seen};
use crate::graph::differences_in_words;
use crate::layers::RowShape;
use crate::operators::{Resources, Train, model_shape};
use crate::params::ParamSet as _;
use crate::plan::{Machine, Plan, PlanNode};
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
    /// What layers that are set from data see, if it is not what is trained on.
    init: Option<(Arc<Pipeline>, Feed)>,
    pub(super) network: Network,
    pub(super) optimizer: Optimizer,
    pub(super) average: Option<Average>,
    /// Sums of gradients that wait for those of other batches.
    pub(super) gradients: Vec<Tensor>,
    metrics: Option<Metrics>,
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
        Self::open(plan, machine, resources, options, None)
    }

    /// Opens the data for a model that the program builds: for a graph whose model says `own_model`. The weights are made
    /// below the path that `build` is given.
    pub fn with_model(
        plan: &Arc<Plan>,
        machine: &Machine,
        resources: &Resources,
        options: &TrainOptions,
        build: impl FnOnce(&nn::Path<'_>) -> OwnModel + 'static,
    ) -> Result<Self, RunError> {
        Self::open(plan, machine, resources, options, Some(Box::new(build)))
    }

    fn open(
        plan: &Arc<Plan>,
        machine: &Machine,
        resources: &Resources,
        options: &TrainOptions,
        own: Option<Build>,
    ) -> Result<Self, RunError> {
        let Some(node) = plan.model() else {
            return Err(RunError::new("the graph has no model to train; `engine bench` runs its data pipeline"));
        };
        let params = Train::from_json(&plan.nodes[node].params).expect("the graph was validated");
        let ModelPlace { device, arithmetic } = ModelPlace::of(plan, node, &params, machine, options.precision)?;
        let name = &plan.nodes[node].name;
        let pipeline = |outlet: usize| Pipeline::new(plan, outlet, resources).map(Arc::new);
        let train = pipeline(plan.outlet("train").expect("validation asked for training data"))?;
        let test = match plan.outlet("test") {
            None => None,
            Some(outlet) => Some(Evaluator::new(pipeline(outlet)?, resources, &params, device, arithmetic)?),
        };
        // The seed of the weights; torch takes 63 bits.
        tch::manual_seed((plan.seed & i64::MAX as u64) as i64);
        let network = match own {
            Some(build) => Network::own(build, device, params.channels_last).map_err(|e| RunError::at(name, e))?,
            None => build_network(plan, node, &params, device)?,
        };
        let init = match plan.outlet("init").filter(|_| network.samples_to_start() > 0) {
            None => None,
            Some(outlet) => {
                let pipeline = pipeline(outlet)?;
                let feed = Feed::new(&pipeline, device, resources)?;
                Some((pipeline, feed))
            }
        };
        let average = params.weight_average.as_ref().map(|a| Average::new(a, &network)).transpose();
        let weights = network.weights();
        Ok(Self {
            feed: Feed::new(&train, device, resources)?,
            optimizer: Optimizer::new(&params.optimizer, &params.schedule, &params.parameter_groups, weights),
            average: average.map_err(|e| RunError::at(name, e))?,
            gradients: Vec::new(),
            metrics: None,
            init,
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
        let prefixed = |prefix: &str, all: Vec<(String, Tensor)>| {
            all.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect::<Vec<_>>()
        };
        tensors.extend(prefixed(OPTIMIZER, self.optimizer.state()));
        let waiting = self.gradients.iter().enumerate().map(|(n, t)| (n.to_string(), t.shallow_clone())).collect();
        tensors.extend(prefixed(GRADIENT, waiting));
        let (mean, averaged) = self.average.as_ref().map(Average::state).unwrap_or_default();
        tensors.extend(prefixed(AVERAGE, mean.iter().map(|(n, t)| (n.clone(), t.shallow_clone())).collect()));
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, tensor) in &mut tensors {
            // In the order of the shape, whatever the order in memory: that is what a file holds.
            *tensor = tensor.f_detach_copy()?.f_contiguous()?;
        }
        let loss_scale = self.loss_scale.as_ref().map(LossScale::state);
        let position = Position { loss_scale, averaged, ..self.position.clone() };
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
        self.network.set(find)?;
        let torch_fail = |error: TorchError| RunError::new(error);
        self.optimizer.restore(|name| find(&format!("{OPTIMIZER}{name}"))).map_err(torch_fail)?;
        if let Some(average) = &mut self.average {
            let find = |name: &str| find(&format!("{AVERAGE}{name}"));
            average.restore(checkpoint.position.averaged, find).map_err(torch_fail)?;
        }
        self.gradients.clear();
        let waiting = (0..).map_while(|n: usize| find(&format!("{GRADIENT}{n}")));
        for (saved, weight) in waiting.zip(self.optimizer.active(&self.when_at(&checkpoint.position))) {
            let mut gradient = tch::no_grad(|| weight.f_zeros_like()).map_err(fail)?;
            gradient.f_copy_(saved).map_err(fail)?;
            self.gradients.push(gradient);
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
        if self.position == Position::default() {
            self.start_from_data(executor)?;
        }
        let before = self.position.clone();
        let start = Instant::now();
        let first = BatchId { epoch: before.epoch, index: before.batch };
        let mut batches = executor.start(&self.train, BatchRange { start: first, end_epoch: self.epochs });
        if let Some(hub) = hub {
            let train = Arc::clone(&self.train);
            hub.see_samples(move |sample, epoch| sample_seen(&train, sample, epoch));
        }
        let mut progress = Progress::new(hub, stop.clone(), self.plan.stage_of(self.node), self.plan.workers);
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
            test_loss: position.test_loss,
            images_per_second: (position.images - before.images) as f64 / training,
            seconds: start.elapsed().as_secs_f64(),
            data_wait: batches.waited().as_secs_f64() / training,
            stopped: stop.stopped(),
            warning: self.warning(),
        })
    }

    /// Sets the layers that are set from data.
    fn start_from_data(&mut self, executor: &dyn Executor) -> Result<(), RunError> {
        let wanted = self.network.samples_to_start();
        if wanted == 0 {
            return Ok(());
        }
        let (pipeline, feed) = self.init.as_ref().map_or((&self.train, &self.feed), |(p, f)| (p, f));
        let mut batches = executor.start(pipeline, BatchRange::epochs(0..1));
        let (mut samples, mut rows) = (Vec::new(), 0);
        while rows < wanted
            && let Some(batch) = batches.next()?
        {
            rows += batch.rows();
            // A copy: the batch's own memory is waited for.
            let (x, _) = feed.tensors(batch, &self.params.input_field, &self.params.target_field)?;
            samples.push(x.f_detach_copy().map_err(|e| RunError::new(TorchError::from(e)))?);
        }
        if samples.is_empty() {
            return Ok(());
        }
        let set = Tensor::f_cat(&samples, 0).map_err(TorchError::from).and_then(|x| self.network.start_from(&x));
        set.map_err(|e| RunError::at(&self.plan.nodes[self.node].name, e))?;
        if let Some(params) = &self.params.weight_average {
            self.average = Some(Average::new(params, &self.network).map_err(RunError::new)?);
        }
        Ok(())
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
        let metrics = if due { self.evaluate(executor, progress, observer)? } else { None };
        if due && self.test.is_some() && metrics.is_none() {
            return Ok(());
        }
        let position = &mut self.position;
        let of = |read: fn(&Metrics) -> Option<f64>| metrics.as_ref().and_then(read);
        let (accuracy, test_loss) = (of(|m| m.accuracy), of(|m| Some(m.loss)));
        let report = EpochReport {
            epoch,
            step: position.step,
            train_loss: mean(position.epoch_loss, position.batch).unwrap_or(f64::NAN),
            test_accuracy: accuracy,
            test_top5: of(|m| m.top5),
            test_loss,
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
            test_loss: test_loss.or(position.test_loss),
            ..position.clone()
        };
        self.metrics = metrics.or(self.metrics.take());
        progress.epoch(&report);
        observer.epoch(&report);
        Ok(())
    }

    fn evaluate(
        &mut self,
        executor: &dyn Executor,
        progress: &mut Progress<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Option<Metrics>, RunError> {
        let Some(evaluator) = &self.test else { return Ok(None) };
        let swapped = |average: &mut Option<Average>, network: &Network| match average {
            Some(average) => average.swap(network).map_err(RunError::new),
            None => Ok(()),
        };
        progress.evaluating(true);
        swapped(&mut self.average, &self.network)?;
        let metrics = evaluator.evaluate(&self.network, executor, |batch| {
            progress.evaluated(batch);
            observer.evaluation(batch.done, batch.of);
        });
        swapped(&mut self.average, &self.network)?;
        progress.evaluating(false);
        metrics
    }

    /// The results of the last evaluation of this process.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }
}

/// Where a model is, and what it computes in.
pub(super) struct ModelPlace {
    pub device: Device,
    pub arithmetic: Arithmetic,
}

impl ModelPlace {
    /// Of the model of a plan.
    pub(super) fn of(
        plan: &Plan,
        node: usize,
        params: &Train,
        machine: &Machine,
        precision: Option<Precision>,
    ) -> Result<Self, RunError> {
        let PlanNode { name, place, .. } = &plan.nodes[node];
        let arithmetic = Arithmetic::resolve(precision.unwrap_or(params.precision), *place, machine);
        Ok(Self { device: torch::device(*place), arithmetic: arithmetic.map_err(|e| RunError::at(name, e))? })
    }
}

/// The model that a graph describes, its weights as at the start.
pub(super) fn build_network(plan: &Plan, node: usize, params: &Train, device: Device) -> Result<Network, RunError> {
    let name = &plan.nodes[node].name;
    let built = match &params.torchscript {
        Some(file) => Network::script(file.as_ref(), device, params.channels_last),
        None if params.own_model => {
            let message = "the program that runs this graph gives its model: \"own_model\" is for Session::with_model";
            return Err(RunError::at(name, message));
        }
        None => {
            let from = plan.outlet("train").expect("validation asked for training data");
            let input = plan.nodes[from].output.field(&params.input_field).expect("validation found the model's input");
            Network::new(&params.layers, RowShape(model_shape(input)), device, params.channels_last)
        }
    };
    built.map_err(|e| RunError::at(name, e))
}

/// Builds a model of the program's own.
type Build = Box<dyn FnOnce(&nn::Path<'_>) -> OwnModel>;

fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}
