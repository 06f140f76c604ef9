//! Training: the model, its recipe, the loop, the evaluation.

mod evaluate;
mod feed;
mod network;
mod optimizer;
mod precision;
mod rate;
mod recipe;
mod report;
mod run;

pub use network::Network;
pub use optimizer::Optimizer;
pub use precision::Arithmetic;
pub use recipe::TestTimeAugmentation;
pub use recipe::{Constant, CrossEntropy, LossSpec, OptimizerSpec, PiecewiseLinear, Precision, ScheduleSpec, Sgd};
pub use report::{EpochReport, Observer, RunStart, StepReport, Summary};
pub use run::{Session, TrainOptions};
