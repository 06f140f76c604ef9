//! What a training run tells those who watch it. As JSON the reports are the events of `engine run --json` and of a
//! run's metrics.

use serde::{Serialize, Serializer};

use super::checkpoint::{Checkpoint, Position};
use super::precision::Arithmetic;

/// Before the first step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunStart {
    /// Name of the graph.
    pub graph: String,
    /// Epochs to train.
    pub epochs: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Steps to train in all.
    pub steps: u64,
    /// Steps done before, by a run that this one goes on with.
    pub done: u64,
    /// Numbers that are trained.
    pub parameters: u64,
    /// Where the model is.
    pub device: String,
    /// What it computes in.
    #[serde(rename = "precision", serialize_with = "word")]
    pub arithmetic: Arithmetic,
    /// What the user must know about the data.
    pub warning: Option<String>,
}

/// After a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// Epoch, from 1.
    pub epoch: u64,
    /// Steps done, over all epochs.
    pub step: u64,
    /// Mean loss of the batch.
    #[serde(rename = "train_loss")]
    pub loss: f64,
    /// Learning rate of the step, of the weights that belong to no group.
    pub learning_rate: f64,
    /// Norm of all gradients before they were clipped, if their norm is clipped and this step updated the weights.
    pub gradient_norm: Option<f64>,
    /// Images a second over the last steps.
    pub images_per_second: f64,
}

/// After an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochReport {
    /// Epoch, from 1.
    pub epoch: u64,
    /// Steps done, over all epochs.
    pub step: u64,
    /// Mean loss of its steps.
    pub train_loss: f64,
    /// Share of the test images classified right; none if it was not evaluated, or predicts no classes.
    pub test_accuracy: Option<f64>,
    /// Share of the test images whose class is among the five most likely; none where there are no more than five.
    pub test_top5: Option<f64>,
    /// Mean loss of the test samples, labels not smoothed; none if it was not evaluated.
    pub test_loss: Option<f64>,
    /// Training images a second, evaluation not counted.
    pub images_per_second: f64,
    /// Seconds of training, evaluation not counted.
    pub seconds: f64,
    /// Seconds of evaluation.
    pub evaluation_seconds: f64,
}

/// After the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Epochs finished.
    #[serde(rename = "epoch")]
    pub epochs: u64,
    /// Steps done.
    #[serde(rename = "step")]
    pub steps: u64,
    /// Mean loss of the last epoch, finished or not.
    pub train_loss: Option<f64>,
    /// The last evaluation: share of the test images classified right.
    pub test_accuracy: Option<f64>,
    /// The last evaluation: mean loss of the test samples.
    pub test_loss: Option<f64>,
    /// Training images a second over the whole run, evaluation not counted.
    pub images_per_second: f64,
    /// Seconds from the first step's start to the end, evaluation included.
    pub seconds: f64,
    /// Share of the training time in which the model waited for data.
    pub data_wait: f64,
    /// Whether the user stopped it.
    pub stopped: bool,
    /// What the user must know about the data.
    pub warning: Option<String>,
}

/// Is told how a run goes. Every method does nothing unless it is written.
pub trait Observer {
    /// Before the first step.
    fn start(&mut self, _: &RunStart) {}
    /// After each step.
    fn step(&mut self, _: &StepReport) {}
    /// After a batch of the evaluation: how many of how many.
    fn evaluation(&mut self, _done: u64, _of: u64) {}
    /// After each epoch.
    fn epoch(&mut self, _: &EpochReport) {}
    /// Something went wrong that does not end the run.
    fn warning(&mut self, _: &str) {}
}

fn word<S: Serializer>(arithmetic: &Arithmetic, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(arithmetic.word())
}

/// Nobody watches.
impl Observer for () {}

/// When a state is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After a step.
    Step,
    /// After an epoch and its evaluation.
    Epoch,
    /// When the run ends: finished, stopped, or at its last step.
    End,
}

/// Keeps the state of a training, or does not.
pub trait Keeper {
    /// Whether the state at this moment is wanted.
    fn wants(&self, position: &Position, moment: Moment) -> bool;
    /// Keeps it; an error is reported, and the training goes on.
    fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), String>;
}

/// Nothing is kept.
impl Keeper for () {
    fn wants(&self, _: &Position, _: Moment) -> bool {
        false
    }
    fn keep(&mut self, _: &Checkpoint) -> Result<(), String> {
        Ok(())
    }
}
