//! The messages between an engine and its viewers: plain data, names once and ids after.

use serde::{Deserialize, Serialize};

/// Version of the messages; the first thing that both sides say. A change of any type in this file raises it.
pub const VERSION: u16 = 1;

/// What an engine sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToViewer {
    /// The graph and its plan: first message of a connection.
    Run(Box<RunDescription>),
    /// Counters, several times a second.
    Snapshot(Box<Snapshot>),
    /// Sample images around the watched node.
    Images(Box<NodeImages>),
    /// This viewer lagged: that many messages since the last one were not sent to it.
    Lost(u64),
    /// The run has ended; the connection closes after it.
    Ended(Ended),
}

/// What a viewer sends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromViewer {
    /// Send images before and after this node (an index into [`RunDescription::nodes`]), or none any more.
    Watch(Option<u32>),
}

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
    /// Epochs that will be trained; 0 where nothing trains (a benchmark).
    pub epochs: u32,
    /// Training steps of an epoch.
    pub steps_per_epoch: u32,
    /// Threads of the data pipeline.
    pub workers: u32,
    /// A warning about the whole run that must stay in sight, such as training on the built-in images.
    pub warning: Option<String>,
    /// Nodes in topological order. Other messages name a node by its index here.
    pub nodes: Vec<NodeDescription>,
    /// Stages in topological order.
    pub stages: Vec<StageDescription>,
    /// Edges of the graph, between nodes.
    pub edges: Vec<EdgeDescription>,
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
}

/// Counters since the start of the run. A viewer subtracts two of them; a lost one costs nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Time since the start of the run.
    pub elapsed_ns: u64,
    /// One entry a node, in the order of [`RunDescription::nodes`].
    pub nodes: Vec<NodeCounters>,
    /// Batches waiting now, one entry an edge, in the order of [`RunDescription::edges`]; 0 inside a stage.
    pub queues: Vec<u32>,
    /// State of the training; none while nothing was trained yet, and in a benchmark.
    pub training: Option<Training>,
    /// Finished epochs, oldest first, from the first.
    pub epochs: Vec<EpochResult>,
    /// Points of the loss curve that are new since this viewer's last snapshot.
    pub curve: Vec<CurvePoint>,
}

/// Counters of a node, summed over the workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeCounters {
    /// Batches finished.
    pub batches: u64,
    /// Rows finished.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Worker time spent computing, over all workers, so that it can grow by more than a second a second. Within a
    /// fused stage it is divided by sampled clocks.
    pub busy_ns: u64,
    /// Time in which the node's stage had nothing to do since its input was missing.
    pub starved_ns: u64,
    /// Time in which the node's stage had nothing to do since its output queue was full.
    pub blocked_ns: u64,
}

/// State of the training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Epoch now, from 1.
    pub epoch: u32,
    /// Steps done over all epochs.
    pub step: u64,
    /// Steps that there will be.
    pub steps: u64,
    /// Loss of the last step, mean over the batch.
    pub loss: f32,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Training images a second over the last steps, as the progress line shows it.
    pub images_per_second: f64,
    /// Whether the model is being evaluated now.
    pub evaluating: bool,
}

/// A finished epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochResult {
    /// From 1.
    pub epoch: u32,
    /// Steps done at its end, over all epochs.
    pub step: u64,
    /// Mean training loss.
    pub train_loss: f32,
    /// Share of the test images classified right, 0 to 1; none without test data.
    pub test_accuracy: Option<f32>,
    /// Time of the epoch's training, evaluation not counted.
    pub seconds: f64,
}

/// A point of the loss curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Step, from 1.
    pub step: u64,
    /// Its loss.
    pub loss: f32,
    /// Its learning rate.
    pub learning_rate: f64,
}

/// The same samples before and after a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeImages {
    /// Index of the node.
    pub node: u32,
    /// Epoch of the batch, from 0, as the random choices count it.
    pub epoch: u32,
    /// Index of the batch in its epoch.
    pub batch: u32,
    /// Index of each sample in its source.
    pub samples: Vec<u64>,
    /// Label of each sample where there is one.
    pub labels: Vec<i64>,
    /// Name of each class, in the order of the labels; empty where the source has none.
    pub classes: Vec<String>,
    /// Before; none at a source.
    pub before: Option<Pictures>,
    /// After; none at a model.
    pub after: Option<Pictures>,
}

/// Equal-sized RGB pictures, ready to be shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pictures {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue bytes, row by row, picture after picture.
    pub rgb: Vec<u8>,
    /// Shown value to real value: `real = scale · byte + offset`; none where the bytes are the values.
    pub scaled: Option<(f32, f32)>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ended {
    /// All epochs were trained.
    Finished,
    /// The user stopped it.
    Stopped,
    /// An error ended it.
    Failed(String),
}
