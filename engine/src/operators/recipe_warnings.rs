//! What a recipe says and hardly means.

use super::Train;
use crate::params::Fault;
use crate::train::{OptimizerSpec, ScheduleSpec};

/// Of a `train` node.
pub(super) fn recipe_warnings(params: &Train) -> Vec<Fault> {
    let mut warnings = Vec::new();
    let epochs = params.epochs as f64;
    if let ScheduleSpec::PiecewiseLinear(schedule) = &params.schedule
        && let [_, .., [last, factor]] = schedule.points[..]
        && last != epochs
    {
        let message = match last < epochs {
            true if factor == 0.0 => "after its last point the schedule is 0, and nothing is learned any more",
            true => "the schedule ends before the training, and stays where it is",
            false => "the schedule's last point is after the end of the training, and is never reached",
        };
        let fault = Fault::new(format!("/schedule/points/{}/0", schedule.points.len() - 1), message);
        warnings.push(fault.expected(format!("{epochs}, the epochs of the training")).given(last.to_string()));
    }
    if let OptimizerSpec::Sgd(sgd) = &params.optimizer
        && sgd.nesterov
        && sgd.momentum == 0.0
    {
        let fault = Fault::new("/optimizer/nesterov", "without momentum `nesterov` changes nothing");
        warnings.push(fault.hint("write \"momentum\": 0.9, or leave `nesterov` out"));
    }
    warnings
}
