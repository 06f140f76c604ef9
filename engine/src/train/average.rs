//! A running mean of a model's weights.

use tch::{Kind, TchError, Tensor, no_grad};

use super::network::Network;
use super::recipe::WeightAverage;
use crate::torch::TorchError;

/// The mean, by name: of the weights, and of running statistics.
pub(super) struct Average {
    params: WeightAverage,
    mean: Vec<(String, Tensor)>,
    updates: u64,
}

impl Average {
    /// Starts with the weights as they are.
    pub(super) fn new(params: &WeightAverage, network: &Network) -> Result<Self, TorchError> {
        let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach_copy()?));
        let mean = network.named().into_iter().map(copy).collect::<Result<_, TchError>>()?;
        Ok(Self { params: params.clone(), mean, updates: 0 })
    }

    /// Takes in the weights after an update of them, `epoch` epochs into the training.
    pub(super) fn update(&mut self, network: &Network, epoch: f64) -> Result<(), TorchError> {
        let begun = epoch >= self.params.from_epoch;
        let n = self.updates as f64;
        let kept = if begun { self.params.decay.min((1.0 + n) / (10.0 + n)) } else { 0.0 };
        self.updates += u64::from(begun);
        for ((_, mean), (_, now)) in self.mean.iter_mut().zip(network.named()) {
            no_grad(|| match mean.kind() {
                Kind::Float | Kind::Double if kept > 0.0 => mean.f_lerp_(&now, 1.0 - kept).map(drop),
                _ => mean.f_copy_(&now),
            })?;
        }
        Ok(())
    }

    /// Puts the mean where the weights are, and the weights where the mean was; a second time, back.
    pub(super) fn swap(&mut self, network: &Network) -> Result<(), TorchError> {
        for ((_, mean), (_, mut now)) in self.mean.iter_mut().zip(network.named()) {
            no_grad(|| {
                let copy = now.f_detach_copy()?;
                now.f_copy_(mean)?;
                mean.f_copy_(&copy)
            })?;
        }
        Ok(())
    }

    /// The mean, by name, and how many updates it is of.
    pub(super) fn state(&self) -> (&[(String, Tensor)], u64) {
        (&self.mean, self.updates)
    }

    /// Goes on from a saved one.
    pub(super) fn restore<'a>(
        &mut self,
        updates: u64,
        find: impl Fn(&str) -> Option<&'a Tensor>,
    ) -> Result<(), TorchError> {
        self.updates = updates;
        for (name, mean) in &mut self.mean {
            if let Some(saved) = find(name) {
                no_grad(|| mean.f_copy_(saved))?;
            }
        }
        Ok(())
    }
}
