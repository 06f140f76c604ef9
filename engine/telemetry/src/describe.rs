//! A graph and the plan that runs it, as a viewer draws them.

use serde::{Deserialize, Serialize};

/// Where a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The processor.
    Cpu,
    /// The CUDA device of this number.
    Cuda(u32),
}

/// What a node is, as far as a viewer draws it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Reads samples.
    Source,
    /// Works on rows.
    Map,
    /// Moves columns between devices.
    Transfer,
    /// Trains.
    Model,
}

/// A graph and the plan that runs it. Never changes during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDescription {
    /// Name of the graph.
    pub graph: String,
    /// The run's seed.
    pub seed: u64,
    /// Epochs that will be trained; 0 where nothing trains (a benchmark, a plan).
    pub epochs: u32,
    /// Training steps of an epoch.
    pub steps_per_epoch: u32,
    /// Threads of the data pipeline.
    pub workers: u32,
    /// When the run began, in seconds since 1970; 0 where nothing runs.
    pub started: u64,
    /// A warning about the whole run that must stay in sight, such as training on the built-in images.
    pub warning: Option<String>,
    /// What a viewer may ask of the run; none if it may only look.
    pub control: Option<ControlDescription>,
    /// Nodes in topological order. Other messages name a node by its index here.
    pub nodes: Vec<NodeDescription>,
    /// Stages in topological order.
    pub stages: Vec<StageDescription>,
    /// Edges of the graph, between nodes.
    pub edges: Vec<EdgeDescription>,
}

/// What a viewer may ask of a run that takes commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlDescription {
    /// Whether it keeps checkpoints.
    pub checkpoints: bool,
    /// Workers at most.
    pub workers: u32,
    /// Batches that may wait for the model, as planned.
    pub prefetch: u32,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Name in the graph file.
    pub name: String,
    /// Operator.
    pub operator: String,
    /// Its role.
    pub role: Role,
    /// Parameters, defaults filled in, as compact JSON.
    pub params: String,
    /// Fields after the node, such as `image uint8 [32, 32, 3]`.
    pub output: Vec<String>,
    /// Index of its stage in [`RunDescription::stages`].
    pub stage: u32,
}

/// Nodes that run as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDescription {
    /// Indices of the nodes, in order; more than one means fused.
    pub nodes: Vec<u32>,
    /// Where it runs.
    pub place: Place,
    /// Rows that one worker handles at a time; 0 for the whole batch.
    pub rows_per_chunk: u32,
    /// Why the planner decided so, one sentence each.
    pub reasons: Vec<String>,
}

/// An edge of the graph. Between two stages it is a queue, inside a stage it is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeDescription {
    /// Node that writes.
    pub from: u32,
    /// Node that reads.
    pub to: u32,
    /// The reader's input (`train`, `test`) where it has several.
    pub port: Option<String>,
    /// Batches that fit the queue; 0 inside a stage.
    pub capacity: u32,
    /// What flows, such as `image float32 [3, 32, 32], label int64 []`.
    pub fields: String,
    /// Bytes of a row of it.
    pub row_bytes: u64,
}
