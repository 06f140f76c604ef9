//! Training: the model, its recipe, the loop, the evaluation.

mod checkpoint;
mod evaluate;
mod feed;
mod finite;
mod identity;
mod network;
mod optimizer;
mod precision;
mod progress;
mod rate;
mod recipe;
mod report;
mod run;
mod steps;

pub use checkpoint::{Checkpoint, CheckpointError, Position};
pub use identity::Identity;
pub use network::Network;
pub use optimizer::Optimizer;
pub use precision::Arithmetic;
pub use recipe::TestTimeAugmentation;
pub use recipe::{Constant, CrossEntropy, LossSpec, OptimizerSpec, PiecewiseLinear, Precision, ScheduleSpec, Sgd};
pub use report::{EpochReport, Keeper, Moment, Observer, RunStart, StepReport, Summary};
pub use run::{Session, TrainOptions};
