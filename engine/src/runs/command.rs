//! With what options a run was started: all that going on needs beside the graph.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoints::Policy;
use crate::params::ParamType as _;
use crate::plan::PlanOptions;
use crate::train::{Precision, TrainOptions};

/// With what options a run was started, as `command.json` holds it. What was not given is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunCommand {
    /// Version of the engine.
    pub engine: String,
    /// The graph file.
    pub graph_file: PathBuf,
    /// Folder that the graph's paths are relative to.
    pub directory: PathBuf,
    /// When it was started.
    pub started: String,
    /// When it went on, and from which step.
    pub resumed: Vec<(String, u64)>,
    /// Epochs, otherwise than the graph says.
    pub epochs: Option<u64>,
    /// Steps after which to stop.
    pub steps: Option<u64>,
    /// Precision, otherwise than the graph says.
    pub precision: Option<String>,
    /// Folder of the data set.
    pub data: Option<PathBuf>,
    /// Whether built-in images may stand in for a data set that is not there.
    pub stand_in: bool,
    /// Device of the nodes that say `auto`.
    pub device: Option<String>,
    /// Threads of the data pipeline.
    pub workers: Option<usize>,
    /// Rows of a chunk.
    pub chunk: Option<usize>,
    /// Batches that may wait for the model.
    pub prefetch: Option<usize>,
    /// Whether every node is a stage of its own.
    pub unfused: bool,
    /// Which checkpoints are kept.
    #[serde(flatten)]
    pub checkpoints: Policy,
}

impl RunCommand {
    /// The options of the plan.
    pub fn plan_options(&self) -> PlanOptions {
        PlanOptions {
            workers: self.workers,
            device: self.device.as_deref().and_then(|word| word.parse().ok()),
            rows_per_chunk: self.chunk,
            prefetch_depth: self.prefetch,
            unfused: self.unfused,
            ..PlanOptions::default()
        }
    }

    /// Remembers the options of the plan.
    pub fn set_plan_options(&mut self, options: &PlanOptions) {
        self.workers = options.workers;
        self.device = options.device.map(|device| device.to_string());
        self.chunk = options.rows_per_chunk;
        self.prefetch = options.prefetch_depth;
        self.unfused = options.unfused;
    }

    /// The options of the training.
    pub fn train_options(&self) -> TrainOptions {
        let word = self.precision.clone().map(Value::String);
        let precision = word.as_ref().and_then(Precision::from_json);
        TrainOptions { epochs: self.epochs, steps: self.steps, precision }
    }
}
