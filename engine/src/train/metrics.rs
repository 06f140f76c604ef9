//! How well a model does: counted over the batches of an evaluation.

use serde::Serialize;
use tch::{Kind, Tensor};

use super::loss::loss;
use super::recipe::{CrossEntropy, LossSpec};
use crate::torch::TorchError;

/// Classes up to which it is counted which is taken for which.
const MOST_CLASSES: i64 = 1000;

/// Results over test samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// How many.
    pub samples: u64,
    /// Mean loss, labels not smoothed.
    pub loss: f64,
    /// Share that is classified right; none if the model predicts no classes.
    pub accuracy: Option<f64>,
    /// Share whose class is among the five most likely; none where there are no more than five.
    pub top5: Option<f64>,
    /// Which class is taken for which; none for more than a thousand classes.
    pub confusion: Option<Confusion>,
}

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// How many classes.
    pub classes: usize,
    /// By class of the label, then by the class that was predicted.
    pub counts: Vec<u64>,
}

/// Counts while an evaluation runs.
pub(super) struct Tally {
    spec: LossSpec,
    samples: u64,
    loss: f64,
    right: f64,
    among_five: Option<f64>,
    confusion: Option<Tensor>,
}

impl Tally {
    /// Nothing yet.
    pub(super) fn new(spec: &LossSpec) -> Self {
        let spec = match spec {
            LossSpec::CrossEntropy(_) => CrossEntropy::default().into(),
            other => other.clone(),
        };
        Self { spec, samples: 0, loss: 0.0, right: 0.0, among_five: None, confusion: None }
    }

    /// Outputs of the model and what they should be.
    pub(super) fn add(&mut self, outputs: &Tensor, targets: &Tensor) -> Result<(), TorchError> {
        let rows = outputs.size()[0];
        self.samples += rows as u64;
        self.loss += loss(&self.spec, outputs, targets)?.mean.f_double_value(&[])? * rows as f64;
        if !matches!(self.spec, LossSpec::CrossEntropy(_)) {
            return Ok(());
        }
        let (labels, predicted) = (classes(targets)?, outputs.f_argmax(1, false)?);
        self.right += predicted.f_eq_tensor(&labels)?.f_sum(Kind::Int64)?.f_double_value(&[])?;
        let count = outputs.size()[1];
        if count > 5 {
            let (_, five) = outputs.f_topk(5, 1, true, false)?;
            let hits = five.f_eq_tensor(&labels.f_unsqueeze(1)?)?.f_sum(Kind::Int64)?.f_double_value(&[])?;
            self.among_five = Some(self.among_five.unwrap_or(0.0) + hits);
        }
        if count <= MOST_CLASSES {
            let pairs = labels.f_mul_scalar(count)?.f_add(&predicted)?;
            let counts = pairs.f_bincount(None::<Tensor>, count * count)?;
            self.confusion = Some(match self.confusion.take() {
                Some(before) => before.f_add(&counts)?,
                None => counts,
            });
        }
        Ok(())
    }

    /// The results, if there were any samples.
    pub(super) fn finish(self) -> Result<Option<Metrics>, TorchError> {
        if self.samples == 0 {
            return Ok(None);
        }
        let share = |count: f64| count / self.samples as f64;
        let confusion = self.confusion.map(|counts| -> Result<Confusion, TorchError> {
            let counts: Vec<u64> = Vec::<i64>::try_from(counts)?.into_iter().map(|n| n as u64).collect();
            Ok(Confusion { classes: counts.len().isqrt(), counts })
        });
        Ok(Some(Metrics {
            samples: self.samples,
            loss: share(self.loss),
            accuracy: matches!(self.spec, LossSpec::CrossEntropy(_)).then(|| share(self.right)),
            top5: self.among_five.map(share),
            confusion: confusion.transpose()?,
        }))
    }
}

/// The class of each label: itself, or of soft labels the one with the greatest share.
fn classes(labels: &Tensor) -> Result<Tensor, TorchError> {
    Ok(if labels.dim() == 2 { labels.f_argmax(1, false)? } else { labels.shallow_clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soft_label_is_the_class_with_the_greatest_share() {
        let soft = Tensor::from_slice(&[0.2_f32, 0.5, 0.3, 0.9, 0.1, 0.0]).view([2, 3]);
        let hard = Tensor::from_slice(&[1_i64, 0]);
        for labels in [soft, hard] {
            assert_eq!(Vec::<i64>::try_from(classes(&labels).unwrap()).unwrap(), [1, 0]);
        }
    }

    #[test]
    fn six_samples_of_six_classes() {
        let logits = Tensor::eye(6, (Kind::Float, tch::Device::Cpu)) * 4.0;
        // The third and the fourth are taken for each other; the last two are the last in their rows or right.
        let labels = Tensor::from_slice(&[0_i64, 1, 3, 2, 4, 5]);
        let mut tally = Tally::new(&CrossEntropy { label_smoothing: 0.5, ..CrossEntropy::default() }.into());
        tally.add(&logits.narrow(0, 0, 4), &labels.narrow(0, 0, 4)).unwrap();
        tally.add(&logits.narrow(0, 4, 2), &labels.narrow(0, 4, 2)).unwrap();
        let metrics = tally.finish().unwrap().unwrap();
        assert_eq!((metrics.samples, metrics.accuracy), (6, Some(4.0 / 6.0)));
        assert!(metrics.top5.unwrap() >= 4.0 / 6.0);
        let lse = (5.0 + 4.0_f64.exp()).ln();
        assert!((metrics.loss - (4.0 * (lse - 4.0) + 2.0 * lse) / 6.0).abs() < 1e-6, "{}", metrics.loss);
        let confusion = metrics.confusion.unwrap();
        assert_eq!((confusion.classes, confusion.counts.iter().sum::<u64>()), (6, 6));
        assert_eq!((confusion.counts[3 * 6 + 2], confusion.counts[2 * 6 + 3], confusion.counts[0]), (1, 1, 1));
    }
}
