//! How weights follow the gradient.

use tch::{TchError, Tensor, no_grad};

use super::recipe::{OptimizerSpec, Sgd};
use crate::torch::TorchError;

/// An optimiser, with its state.
pub struct Optimizer {
    params: Sgd,
    weights: Vec<Tensor>,
    /// The last updates; none before the first step, as in torch.
    momenta: Vec<Option<Tensor>>,
}

impl Optimizer {
    /// For these weights.
    pub fn new(spec: &OptimizerSpec, weights: Vec<Tensor>) -> Self {
        let OptimizerSpec::Sgd(params) = spec;
        Self { params: params.clone(), momenta: weights.iter().map(|_| None).collect(), weights }
    }

    /// Learning rate where the schedule says 1.
    pub fn base_rate(&self) -> f64 {
        self.params.lr
    }

    /// The last update of each weight; none before the first step.
    pub fn momenta(&self) -> &[Option<Tensor>] {
        &self.momenta
    }

    /// Puts back the last update of a weight.
    pub fn set_momentum(&mut self, index: usize, momentum: Option<Tensor>) {
        self.momenta[index] = momentum;
    }

    /// The weights, in the order of the gradients.
    pub fn weights(&self) -> &[Tensor] {
        &self.weights
    }

    /// One step along `gradients`, one for each weight. They are used up.
    pub fn step(&mut self, gradients: Vec<Tensor>, rate: f64) -> Result<(), TorchError> {
        let params = &self.params;
        for ((weight, momentum), gradient) in self.weights.iter_mut().zip(&mut self.momenta).zip(gradients) {
            no_grad(|| update(params, rate, weight, momentum, gradient))?;
        }
        Ok(())
    }
}

/// torch.optim.SGD, in place.
fn update(
    params: &Sgd,
    rate: f64,
    weight: &mut Tensor,
    momentum: &mut Option<Tensor>,
    mut gradient: Tensor,
) -> Result<(), TchError> {
    if params.weight_decay != 0.0 {
        gradient = gradient.f_add(&weight.f_mul_scalar(params.weight_decay)?)?;
    }
    if params.momentum != 0.0 {
        let last = match momentum.take() {
            Some(mut last) => last.f_mul_scalar_(params.momentum)?.f_add_(&gradient)?,
            None => gradient.f_mul_scalar(1.0)?,
        };
        gradient = match params.nesterov {
            true => gradient.f_add(&last.f_mul_scalar(params.momentum)?)?,
            false => last.shallow_clone(),
        };
        *momentum = Some(last);
    }
    // Not in place of the gradient: it may be the momentum.
    weight.f_sub_(&gradient.f_mul_scalar(rate)?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_steps_are_those_of_torch() {
        crate::torch::init();
        let weight = Tensor::from_slice(&[1.0_f64, -2.0]).set_requires_grad(true);
        let spec = OptimizerSpec::from(Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: false });
        let mut optimizer = Optimizer::new(&spec, vec![weight.shallow_clone()]);
        // By hand: v ← 0.9 v + g + 0.01 w; w ← w − 0.1 v, with g = w.
        let (mut w, mut v) = ([1.0_f64, -2.0], [0.0_f64; 2]);
        for _ in 0..3 {
            let gradient = weight.detach().copy();
            optimizer.step(vec![gradient], 0.1).expect("a step");
            for (w, v) in w.iter_mut().zip(&mut v) {
                *v = 0.9 * *v + *w + 0.01 * *w;
                *w -= 0.1 * *v;
            }
        }
        let stepped = Vec::<f64>::try_from(weight).expect("two numbers");
        assert!((stepped[0] - w[0]).abs() < 1e-12 && (stepped[1] - w[1]).abs() < 1e-12, "{stepped:?} {w:?}");
    }
}
