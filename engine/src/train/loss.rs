//! What is minimised.

use tch::{Kind, Reduction as TorchReduction, Tensor};

use super::recipe::{CrossEntropy, LossSpec, MeanSquaredError, Reduction};
use crate::torch::TorchError;

/// The loss of a batch: as it is minimised, and the mean over the samples, as it is reported.
pub(super) struct Loss {
    pub minimised: Tensor,
    pub mean: Tensor,
}

/// Compares a model's outputs with the targets.
pub(super) fn loss(spec: &LossSpec, outputs: &Tensor, targets: &Tensor) -> Result<Loss, TorchError> {
    let outputs = outputs.f_to_kind(Kind::Float)?;
    let (mean, reduction) = match spec {
        LossSpec::CrossEntropy(CrossEntropy { label_smoothing, reduction }) => {
            (cross_entropy(&outputs, targets, *label_smoothing)?, *reduction)
        }
        LossSpec::MeanSquaredError(MeanSquaredError { reduction }) => {
            let targets = targets.f_to_kind(Kind::Float)?.f_reshape(outputs.size())?;
            (outputs.f_mse_loss(&targets, TorchReduction::Mean)?, *reduction)
        }
    };
    let minimised = match reduction {
        Reduction::Mean => mean.shallow_clone(),
        Reduction::Sum => mean.f_mul_scalar(outputs.size()[0] as f64)?,
    };
    Ok(Loss { minimised, mean: mean.f_detach()? })
}

/// The cross entropy of rows of logits with their labels, mean over the rows. Labels are classes, or as many shares a
/// row as there are classes: torch tells them apart by their shape, and smooths both towards equal shares.
fn cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor, TorchError> {
    let none: Option<&Tensor> = None;
    // -100: torch's label for "not counted", which no label is.
    Ok(logits.f_cross_entropy_loss(labels, none, TorchReduction::Mean, -100, smoothing)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_soft_labels_is_that_of_the_formula() {
        let logits = [[2.0_f32, -1.0, 0.5], [0.0, 0.25, -3.0]];
        let shares = [[0.7_f32, 0.3, 0.0], [0.0, 0.5, 0.5]];
        let rows = |values: [[f32; 3]; 2]| Tensor::from_slice(values.as_flattened()).view([2, 3]);
        for smoothing in [0.0, 0.1] {
            let mut expected = 0.0;
            for (logits, shares) in logits.iter().zip(&shares) {
                let sum = logits.iter().map(|v| f64::from(*v).exp()).sum::<f64>();
                for (logit, share) in logits.iter().zip(shares) {
                    let share = f64::from(*share) * (1.0 - smoothing) + smoothing / 3.0;
                    expected -= share * (f64::from(*logit) - sum.ln()) / 2.0;
                }
            }
            let loss = cross_entropy(&rows(logits), &rows(shares), smoothing).unwrap().double_value(&[]);
            assert!((loss - expected).abs() < 1e-6, "{loss} for {expected}, smoothed by {smoothing}");
            let classes = Tensor::from_slice(&[2_i64, 0]);
            let one_hot = rows([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
            let of = |labels: &Tensor| cross_entropy(&rows(logits), labels, smoothing).unwrap().double_value(&[]);
            assert!((of(&classes) - of(&one_hot)).abs() < 1e-6, "{} and {}", of(&classes), of(&one_hot));
        }
    }
}
