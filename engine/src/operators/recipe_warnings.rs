//! What a recipe says and hardly means.

use serde_json::{Map, Value};

use crate::params::Fault;

/// Of the parameters of a `train` node, defaults spelled out.
pub(super) fn recipe_warnings(params: &Map<String, Value>) -> Vec<Fault> {
    let mut warnings = Vec::new();
    let is = |object: &Value, kind: &str| object["type"] == kind;
    let (schedule, optimizer) = (&params["schedule"], &params["optimizer"]);
    if is(schedule, "piecewise_linear")
        && let Some(points) = schedule["points"].as_array().filter(|points| points.len() > 1)
        && let (Some(last), Some(factor)) = (points[points.len() - 1][0].as_f64(), points[points.len() - 1][1].as_f64())
        && let Some(epochs) = params["epochs"].as_f64().filter(|epochs| *epochs != last)
    {
        let message = match last < epochs {
            true if factor == 0.0 => "after its last point the schedule is 0, and nothing is learned any more",
            true => "the schedule ends before the training, and stays where it is",
            false => "the schedule's last point is after the end of the training, and is never reached",
        };
        let fault = Fault::new(format!("/schedule/points/{}/0", points.len() - 1), message);
        warnings.push(fault.expected(format!("{epochs}, the epochs of the training")).given(last.to_string()));
    }
    if optimizer["nesterov"] == true && optimizer["momentum"] == 0.0 {
        let fault = Fault::new("/optimizer/nesterov", "without momentum `nesterov` changes nothing");
        warnings.push(fault.hint("write \"momentum\": 0.9, or leave `nesterov` out"));
    }
    warnings
}
