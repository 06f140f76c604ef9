//! How well a model does on samples that it was not trained on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor, no_grad};

use super::feed::Feed;
use super::metrics::{Metrics, Tally};
use super::network::Network;
use super::precision::Arithmetic;
use super::recipe::{LossSpec, TestTimeAugmentation};
use crate::execute::{BatchRange, Executor, Pipeline, RunError};
use crate::operators::{Resources, Train};
use crate::torch::TorchError;

/// What an evaluation needs beside the model.
pub(super) struct Evaluator {
    pub pipeline: Arc<Pipeline>,
    pub feed: Feed,
    pub input_field: String,
    pub target_field: String,
    pub loss: LossSpec,
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
    /// Evaluates on the batches of a pipeline as a graph's model says.
    pub(super) fn new(
        pipeline: Arc<Pipeline>,
        resources: &Resources,
        params: &Train,
        device: Device,
        arithmetic: Arithmetic,
    ) -> Result<Self, RunError> {
        Ok(Self {
            feed: Feed::new(&pipeline, device, resources)?,
            pipeline,
            input_field: params.input_field.clone(),
            target_field: params.target_field.clone(),
            loss: params.loss.clone(),
            augmentation: params.evaluation.test_time_augmentation,
            arithmetic,
            device,
        })
    }

    /// Results over all test samples; none if it was stopped. `done` is told after each batch.
    pub(super) fn evaluate(
        &self,
        network: &Network,
        executor: &dyn Executor,
        mut done: impl FnMut(&EvaluatedBatch),
    ) -> Result<Option<Metrics>, RunError> {
        // Every evaluation sees the same batches: those of epoch 0.
        let mut batches = executor.start(&self.pipeline, BatchRange::epochs(0..1));
        let all = self.pipeline.batches_per_epoch();
        let mut tally = Tally::new(&self.loss);
        let mut count = 0;
        loop {
            let asked = Instant::now();
            let Some(batch) = batches.next()? else { break };
            let waited = asked.elapsed();
            let images = batch.rows();
            let (x, y) = self.feed.tensors(batch, &self.input_field, &self.target_field)?;
            let added = no_grad(|| tally.add(&self.outputs(network, &x)?, &y));
            added.map_err(RunError::new)?;
            count += 1;
            done(&EvaluatedBatch { done: count, of: all, images, waited, busy: asked.elapsed() - waited });
        }
        if count < all { Ok(None) } else { tally.finish().map_err(RunError::new) }
    }

    /// What the model makes of a batch, with the test-time augmentation, in float32.
    pub(super) fn outputs(&self, network: &Network, x: &Tensor) -> Result<Tensor, TorchError> {
        let plain = |x: &Tensor| -> Result<Tensor, TorchError> {
            let out = self.arithmetic.run(self.device, || network.forward(x, false))?;
            Ok(out.f_to_kind(Kind::Float)?)
        };
        // The width is the last axis: left becomes right.
        let mirror = |x: &Tensor| -> Result<Tensor, TorchError> {
            Ok(plain(x)?.f_add(&plain(&x.f_flip([-1])?)?)?.f_mul_scalar(0.5)?)
        };
        match self.augmentation {
            TestTimeAugmentation::None => plain(x),
            TestTimeAugmentation::Mirror => mirror(x),
            TestTimeAugmentation::MirrorTranslate => {
                let (height, width) = (x.size()[2], x.size()[3]);
                let padded = x.f_reflection_pad2d([1, 1, 1, 1])?;
                let shifted = |by: i64| padded.f_narrow(2, by, height)?.f_narrow(3, by, width);
                let shifts = mirror(&shifted(0)?)?.f_add(&mirror(&shifted(2)?)?)?;
                Ok(mirror(x)?.f_mul_scalar(0.5)?.f_add(&shifts.f_mul_scalar(0.25)?)?)
            }
        }
    }
}
