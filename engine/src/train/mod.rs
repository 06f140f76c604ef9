//! Training: the model, its recipe, the loop, the evaluation.

mod average;
mod build;
mod checkpoint;
mod data_layers;
mod evaluate;
mod export;
mod feed;
mod finite;
mod forward;
mod identity;
mod inference;
mod loss;
mod metrics;
mod network;
mod optimizer;
mod precision;
mod progress;
mod rate;
mod recipe;
mod report;
mod resident;
mod run;
mod schedule;
mod steps;

pub use checkpoint::{Checkpoint, CheckpointError, Position};
pub use export::ABOUT;
pub use identity::Identity;
pub use inference::{Inference, InferenceOptions, Predictions};
pub use metrics::{Confusion, Metrics};
pub use network::{Network, OwnModel};
pub use optimizer::{Optimizer, Trained};
pub use precision::Arithmetic;
pub(crate) use recipe::fits;
pub use recipe::{
    Adam, AdamW, CrossEntropy, LossSpec, MeanSquaredError, Muon, OptimizerSpec, ParameterGroup, Precision, Reduction,
    Sgd, TestTimeAugmentation, WeightAverage,
};
pub use report::{EpochReport, Keeper, Moment, Observer, RunStart, StepReport, Summary};
pub use run::{Session, TrainOptions};
pub use schedule::{
    Anneal, Constant, Cosine, MultiStep, OneCycle, Per, PiecewiseLinear, ScheduleSpec, StepDecay, When,
};
