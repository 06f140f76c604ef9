//! How well a model does on images that it was not trained on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor, no_grad};

use super::feed::Feed;
use super::network::Network;
use super::precision::Arithmetic;
use super::recipe::TestTimeAugmentation;
use crate::execute::{BatchRange, Executor, Pipeline, RunError};
use crate::torch::TorchError;

/// What an evaluation needs beside the model.
pub(super) struct Evaluator {
    pub pipeline: Arc<Pipeline>,
    pub feed: Feed,
    pub augmentation: TestTimeAugmentation,
    pub arithmetic: Arithmetic,
    pub device: Device,
}

/// A batch of an evaluation.
pub(super) struct EvaluatedBatch {
    /// Batches done.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    pub images: usize,
    pub waited: Duration,
    pub busy: Duration,
}

impl Evaluator {
    /// Share of the images that are classified right; none if it was stopped. `done` is told after each batch.
    pub(super) fn accuracy(
        &self,
        network: &Network,
        executor: &dyn Executor,
        (image, label): (&str, &str),
        mut done: impl FnMut(&EvaluatedBatch),
    ) -> Result<Option<f64>, RunError> {
        // Every evaluation sees the same batches: those of epoch 0.
        let mut batches = executor.start(&self.pipeline, BatchRange::epochs(0..1));
        let all = self.pipeline.batches_per_epoch();
        let (mut right, mut rows, mut count) = (0.0, 0, 0);
        loop {
            let asked = Instant::now();
            let Some(batch) = batches.next()? else { break };
            let waited = asked.elapsed();
            let images = batch.rows();
            rows += images;
            let (x, y) = self.feed.tensors(batch, image, label)?;
            right += self.right(network, &x, &y).map_err(RunError::new)?;
            count += 1;
            done(&EvaluatedBatch { done: count, of: all, images, waited, busy: asked.elapsed() - waited });
        }
        Ok((count == all && rows > 0).then(|| right / rows as f64))
    }

    /// How many of a batch are classified right.
    fn right(&self, network: &Network, x: &Tensor, y: &Tensor) -> Result<f64, TorchError> {
        no_grad(|| {
            let logits = |x: &Tensor| -> Result<Tensor, TorchError> {
                let out = self.arithmetic.run(self.device, || network.forward(x, false))?;
                Ok(out.f_to_kind(Kind::Float)?)
            };
            let mean = match self.augmentation {
                TestTimeAugmentation::None => logits(x)?,
                // The width is the last axis: left becomes right.
                TestTimeAugmentation::Mirror => logits(x)?.f_add(&logits(&x.f_flip([-1])?)?)?.f_mul_scalar(0.5)?,
            };
            // Of a soft label the class with the greatest share counts.
            let hits = mean.f_argmax(1, false)?.f_eq_tensor(&classes(y)?)?;
            Ok(hits.f_sum(Kind::Int64)?.f_double_value(&[])?)
        })
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
}
