//! The messages between an engine and its viewers: plain data, names once and ids after.

use serde::{Deserialize, Serialize};

use crate::{Histogram, Load, RunDescription, Span};

/// Version of the messages; the first thing that both sides say, and the first thing in a recording.
///
/// What a version holds stays readable: a type in a message never changes. Something new is a variant at the end of
/// [`ToViewer`] or [`FromViewer`], and raises this number.
pub const VERSION: u16 = 2;

/// The oldest version that is still read. (Version 1 had no recordings.)
pub const OLDEST: u16 = 2;

/// What an engine sends, and what a recording holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToViewer {
    /// The graph and its plan: first message of a connection.
    Run(Box<RunDescription>),
    /// Counters, several times a second.
    Snapshot(Box<Snapshot>),
    /// Sample images around a node.
    Images(Box<NodeImages>),
    /// This viewer lagged: that many messages since the last one were not sent to it.
    Lost(u64),
    /// The run has ended; the connection closes after it.
    Ended(Ended),
    /// How long chunks of rows took, one entry a stage, since the start of the run; once a second.
    Latencies(Vec<Histogram>),
    /// What the machine and the process are at; once a second.
    Load(Box<Load>),
    /// What happened since the last ones, oldest first.
    Events(Vec<Event>),
    /// Who did what when; only while the viewer asks for it.
    Spans(Vec<Span>),
    /// What was asked is not done, and why. After a wrong token the connection closes.
    Declined(String),
    /// A sample that was asked for, in one epoch.
    Sample(Box<SampleSeen>),
}

/// What a viewer sends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromViewer {
    /// Send images before and after this node (an index into [`RunDescription::nodes`]), or none any more.
    Watch(Option<u32>),
    /// The token that the run was started with: the first message, where the run has one.
    Token(String),
    /// Send spans, or none any more.
    Trace(bool),
    /// Do this, if the run takes commands.
    Command(Command),
    /// Show this sample as it leaves each node, in so many epochs from this one on (from 0).
    Sample(u64, u32, u32),
}

/// What a viewer can ask of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Wait before the next step.
    Pause,
    /// Go on.
    Resume,
    /// Do one step and wait again.
    OneBatch,
    /// Keep a checkpoint after the step that is under way.
    Checkpoint,
    /// End the run at the next batch, as Ctrl-C does.
    Stop,
    /// This many batches may wait for the model.
    Prefetch(u32),
    /// This many workers may work at a time.
    Workers(u32),
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
    /// Where the model's time goes.
    pub model: ModelTimes,
    /// Whether a viewer has paused the run.
    pub paused: bool,
    /// Workers that may work at a time, and batches that may wait for the model, as they are now.
    pub settings: Settings,
    /// Finished epochs that are new since this viewer's last snapshot.
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

/// Where the model's time went, since the start of the run. On a GPU, which works on while the program goes ahead, these
/// are the times in which the work was handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelTimes {
    /// From the images to the loss.
    pub forward_ns: u64,
    /// From the loss to the gradients.
    pub backward_ns: u64,
    /// From the gradients to the new weights.
    pub update_ns: u64,
    /// Evaluation.
    pub evaluation_ns: u64,
}

/// What can be changed while the run goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Workers that may work at a time.
    pub workers: u32,
    /// Batches that may wait for the model; 0 for as many as each queue was planned for.
    pub prefetch: u32,
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
    /// Images a second over the last steps.
    pub images_per_second: f32,
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
    /// What was drawn for each sample, in words, such as `flipped`; empty where nothing was.
    pub drawn: Vec<String>,
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

/// One sample of the training data, as it leaves each node in one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleSeen {
    /// Its index in its source.
    pub sample: u64,
    /// Epoch, from 0.
    pub epoch: u32,
    /// Index of its batch in the epoch.
    pub batch: u32,
    /// Its label in words; empty where it has none.
    pub label: String,
    /// It after each node, from the source on.
    pub nodes: Vec<NodeSeen>,
    /// Why there is nothing to see.
    pub trouble: Option<String>,
}

/// A sample after a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// Index of the node.
    pub node: u32,
    /// Its picture, one; none where it is no image.
    pub picture: Option<Pictures>,
    /// What the node drew for it, in words.
    pub words: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Time since the start of the run.
    pub elapsed_ns: u64,
    /// How much it matters.
    pub level: Level,
    /// What, in a sentence.
    pub text: String,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    /// Good to know.
    Note,
    /// Something was wrong, and the run goes on.
    Warning,
    /// The run ended by it.
    Error,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ended {
    /// All that was asked for was trained.
    Finished,
    /// The user stopped it.
    Stopped,
    /// An error ended it.
    Failed(String),
}
