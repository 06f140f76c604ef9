//! What a training recipe is made of, as data: loss, optimiser, schedule, precision, evaluation.

use crate::params::{choice, params, tagged};

tagged! {
    /// What is minimised.
    pub enum LossSpec ("loss", tag "type") {
        "cross_entropy" => CrossEntropy,
    }
}

params! {
    /// Cross entropy of the softmax of the model's output with the label, mean over the batch.
    pub struct CrossEntropy: Default {
        /// Share of the target that is spread evenly over all classes.
        label_smoothing: f64 = 0.0 => 0.0..=1.0,
    }
}

tagged! {
    /// How weights follow the gradient.
    pub enum OptimizerSpec ("optimizer", tag "type") {
        "sgd" => Sgd,
    }
}

params! {
    /// Stochastic gradient descent, as torch.optim.SGD.
    pub struct Sgd {
        /// Learning rate where the schedule says 1.
        lr: f64 => 0.0..=1e6,
        /// Share of the last update that is kept.
        momentum: f64 = 0.0 => 0.0..=1.0,
        /// Share of the weight added to its gradient.
        weight_decay: f64 = 0.0 => 0.0..=1e6,
        /// Whether the gradient is taken where the momentum leads.
        nesterov: bool = false,
    }
}

tagged! {
    /// Factor of the learning rate over the training.
    pub enum ScheduleSpec ("schedule", tag "type") {
        "constant" => Constant,
        "piecewise_linear" => PiecewiseLinear,
    }
}

params! {
    /// The same learning rate throughout.
    pub struct Constant: Default {}
}

params! {
    /// Straight lines between points, at every step. Before the first point and after the last one it is level.
    pub struct PiecewiseLinear {
        /// Points `[epoch, factor]`, epochs ascending. Where a run has fewer or more epochs than the graph says, they
        /// are stretched to fit.
        points: Vec<[f64; 2]>,
    }
}

choice! {
    /// Arithmetic of the model.
    pub enum Precision {
        /// float16 on a GPU, bfloat16 on a processor that computes in it, else float32.
        Auto = "auto",
        /// Single precision throughout.
        Float32 = "float32",
        /// Matrix products and convolutions in bfloat16, weights and sums in float32.
        Bfloat16 = "bfloat16",
        /// Matrix products and convolutions in float16 with a scaled loss, weights and sums in float32; on a GPU.
        Float16 = "float16",
    }
}

choice! {
    /// What is averaged at evaluation.
    pub enum TestTimeAugmentation {
        /// The image as it is.
        None = "none",
        /// The mean of the logits of the image and of its mirror image, left to right.
        Mirror = "mirror",
    }
}

impl ScheduleSpec {
    /// Factor of the learning rate at a step, counted from 0, of a training of `steps`. `graph_epochs` is the length
    /// that the points are written for.
    pub fn factor(&self, step: u64, steps: u64, graph_epochs: u64) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            Self::PiecewiseLinear(schedule) => {
                let epoch = step as f64 / steps.max(1) as f64 * graph_epochs as f64;
                interpolate(&schedule.points, epoch)
            }
        }
    }
}

fn interpolate(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|p| p[0] <= x);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some([x0, y0]), Some([x1, y1])) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some([_, y]), None) | (None, Some(&[_, y])) => y,
        (None, None) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangle_of_the_tutorial() {
        let points = vec![[0.0, 0.0], [5.0, 1.0], [24.0, 0.0]];
        let triangle = ScheduleSpec::from(PiecewiseLinear { points });
        let steps = 97 * 24;
        assert_eq!(triangle.factor(0, steps, 24), 0.0);
        assert!((triangle.factor(97, steps, 24) - 0.2).abs() < 1e-12);
        assert!((triangle.factor(97 * 5, steps, 24) - 1.0).abs() < 1e-12);
        assert!(triangle.factor(steps - 1, steps, 24) < 0.001);
        // Three epochs in place of 24: the same triangle, eight times as steep.
        assert!((triangle.factor(97, 97 * 3, 24) - (24.0 - 8.0) / 19.0).abs() < 1e-12);
    }
}
