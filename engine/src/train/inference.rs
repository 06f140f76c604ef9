//! A trained model, to be tested, asked, and written for others.

use std::sync::Arc;

use serde_json::{Value, json};
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::{AVERAGE, Checkpoint, Position};
use super::evaluate::Evaluator;
use super::metrics::Metrics;
use super::network::Network;
use super::precision::Arithmetic;
use super::recipe::{LossSpec, Precision, TestTimeAugmentation};
use super::run::{ModelPlace, build_network};
use crate::execute::{BatchRange, Executor, Pipeline, RunError};
use crate::operators::{Normalize, Resources, Source, Train, model_shape};
use crate::params::ParamSet as _;
use crate::plan::{Machine, Plan};
use crate::torch::TorchError;

/// How a trained model is used otherwise than the graph says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InferenceOptions {
    /// Arithmetic.
    pub precision: Option<Precision>,
    /// Whether each image is looked at as it is, and in no other way.
    pub no_augmentation: bool,
}

/// The model of a graph with the weights of a checkpoint: their running mean, where there is one.
pub struct Inference {
    plan: Arc<Plan>,
    params: Train,
    network: Network,
    device: Device,
    arithmetic: Arithmetic,
    position: Position,
    averaged: bool,
}

/// What a model makes of samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Numbers that it puts out for a sample: logits of the classes, or whatever it was trained to predict.
    pub outputs: usize,
    /// These of all samples, sample by sample.
    pub values: Vec<f32>,
    /// Shape of what it was given for a sample.
    pub input_shape: Vec<usize>,
    /// What it was given, in torch's order, sample by sample; where that was asked for.
    pub inputs: Vec<f32>,
}

impl Predictions {
    /// The outputs of each sample.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.outputs.max(1))
    }
}

impl Inference {
    /// Builds the model of a plan, and sets its weights. The graph may be another one than the checkpoint's, if the
    /// model is the same.
    pub fn new(
        plan: &Arc<Plan>,
        machine: &Machine,
        checkpoint: &Checkpoint,
        options: InferenceOptions,
    ) -> Result<Self, RunError> {
        let node = plan.model().ok_or_else(|| RunError::new("the graph has no model"))?;
        let mut params = Train::from_json(&plan.nodes[node].params).expect("the graph was validated");
        if options.no_augmentation {
            params.evaluation.test_time_augmentation = TestTimeAugmentation::None;
        }
        let ModelPlace { device, arithmetic } = ModelPlace::of(plan, node, &params, machine, options.precision)?;
        let network = build_network(plan, node, &params, device)?;
        let find = |name: &str| checkpoint.tensors.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor);
        network.set(|name| find(&format!("{AVERAGE}{name}")).or_else(|| find(name)))?;
        let averaged = checkpoint.tensors.iter().any(|(name, _)| name.starts_with(AVERAGE));
        Ok(Self {
            plan: Arc::clone(plan),
            params,
            network,
            device,
            arithmetic,
            position: checkpoint.position.clone(),
            averaged,
        })
    }

    /// The model.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The field that it reads.
    pub fn input_field(&self) -> &str {
        &self.params.input_field
    }

    /// What it computes in.
    pub fn arithmetic(&self) -> Arithmetic {
        self.arithmetic
    }

    /// What is averaged.
    pub fn augmentation(&self) -> TestTimeAugmentation {
        self.params.evaluation.test_time_augmentation
    }

    /// Whether it predicts classes, and puts out their logits.
    pub fn predicts_classes(&self) -> bool {
        matches!(self.params.loss, LossSpec::CrossEntropy(_))
    }

    /// The node whose rows it reads when it is tested; of a graph without a test, when it is trained.
    fn outlet(&self) -> usize {
        self.plan.outlet("test").or_else(|| self.plan.outlet("train")).expect("validation asked for training data")
    }

    /// Names of the classes, in the order of the labels; none where nobody named them.
    pub fn classes(&self) -> &[String] {
        &self.plan.source_of(self.outlet()).classes
    }

    fn evaluator(&self, pipeline: Pipeline, resources: &Resources) -> Result<Evaluator, RunError> {
        Evaluator::new(Arc::new(pipeline), resources, &self.params, self.device, self.arithmetic)
    }

    /// Tests it on the graph's test samples; nothing if that was stopped. With the results comes what the user must know
    /// about the data. `done` is told after each batch how many are, and of how many.
    pub fn test(
        &self,
        executor: &dyn Executor,
        resources: &Resources,
        mut done: impl FnMut(u64, u64),
    ) -> Result<Option<(Metrics, Option<String>)>, RunError> {
        let Some(outlet) = self.plan.outlet("test") else {
            return Err(RunError::new(
                "the graph has nothing to test the model on\n  expected  an input `test` of the model's node",
            ));
        };
        let evaluator = self.evaluator(Pipeline::new(&self.plan, outlet, resources)?, resources)?;
        let metrics = evaluator.evaluate(&self.network, executor, |batch| done(batch.done, batch.of))?;
        Ok(metrics.map(|metrics| (metrics, evaluator.pipeline.warning())))
    }

    /// What it makes of the samples of `given`, which take the place of those of the graph's test source and go through
    /// the graph's nodes as they would. `keep_inputs`: whether what the model is given is wanted too.
    pub fn predict(
        &self,
        executor: &dyn Executor,
        resources: &Resources,
        given: Box<dyn Source>,
        keep_inputs: bool,
    ) -> Result<Predictions, RunError> {
        let evaluator = self.evaluator(Pipeline::over(&self.plan, self.outlet(), resources, given)?, resources)?;
        let mut batches = executor.start(&evaluator.pipeline, BatchRange::epochs(0..1));
        let mut found = Predictions::default();
        while let Some(batch) = batches.next()? {
            let (x, _) = evaluator.feed.tensors(batch, &self.params.input_field, &self.params.target_field)?;
            no_grad(|| -> Result<(), TorchError> {
                let outputs = evaluator.outputs(&self.network, &x)?;
                found.outputs = outputs.size().get(1).map_or(1, |n| *n as usize);
                found.values.extend(numbers(&outputs)?);
                if keep_inputs {
                    found.input_shape = x.size()[1..].iter().map(|n| *n as usize).collect();
                    found.inputs.extend(numbers(&x)?);
                }
                Ok(())
            })
            .map_err(RunError::new)?;
        }
        Ok(found)
    }

    /// What others must know to use the model, as JSON: where its weights are from, the shape and type of what it takes,
    /// how images are normalised for it, and what it puts out.
    pub fn about(&self) -> Value {
        let outlet = self.outlet();
        let input = self.plan.nodes[outlet].output.field(&self.params.input_field);
        let shape = input.map(model_shape).unwrap_or_default();
        let normalize = self.normalize(outlet);
        json!({
            "engine": env!("CARGO_PKG_VERSION"),
            "graph": self.plan.graph,
            "epoch": self.position.epoch,
            "step": self.position.step,
            "test_accuracy": self.position.test_accuracy,
            "weights": if self.averaged { "running mean" } else { "as trained" },
            "parameters": self.network.parameters(),
            "input": {
                "field": self.params.input_field,
                "dtype": "float32",
                "shape": shape,
                "mean": normalize.as_ref().map(|n| &n.mean),
                "std": normalize.as_ref().map(|n| &n.std),
            },
            "output": if self.predicts_classes() { "logits" } else { "values" },
            "classes": self.classes(),
            "layers": self.params.to_json().get("layers").filter(|_| !self.params.layers.is_empty()),
        })
    }

    /// How the model's input is normalised on its way to `outlet`.
    fn normalize(&self, outlet: usize) -> Option<Normalize> {
        let mut node = Some(outlet);
        while let Some(index) = node {
            let found = &self.plan.nodes[index];
            if found.operator.name() == "normalize" {
                let params = Normalize::from_json(&found.params)?;
                return (params.field == self.params.input_field).then_some(params);
            }
            node = self.plan.producers(index).map(|(from, _)| from).next();
        }
        None
    }
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, TorchError> {
    let flat = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_flatten(0, -1)?;
    Ok(Vec::<f32>::try_from(flat)?)
}
