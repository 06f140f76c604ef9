//! How weights follow the gradient.

use tch::{Kind, TchError, Tensor, no_grad};

use super::recipe::{Muon, OptimizerSpec, ParameterGroup, Sgd};
use super::schedule::{ScheduleSpec, When};
use crate::torch::TorchError;

/// The optimisers of a model's weights, with their state.
pub struct Optimizer {
    groups: Vec<Group>,
    weights: Vec<Weight>,
}

/// Weights that are trained alike.
struct Group {
    optimizer: OptimizerSpec,
    schedule: ScheduleSpec,
}

/// A weight that is trained.
struct Weight {
    name: String,
    tensor: Tensor,
    group: usize,
    state: State,
    /// Whether it is trained still: not once its rate is 0 for good.
    active: bool,
}

/// What an optimiser remembers of a weight. None before the first step, as in torch.
#[derive(Default)]
struct State {
    /// The last update, or the running mean of the gradient.
    first: Option<Tensor>,
    /// The running mean of the gradient's square.
    second: Option<Tensor>,
}

/// A weight to train: the name it is saved under, the path that patterns are matched with, and itself.
pub struct Trained {
    /// Such as `0.weight`.
    pub name: String,
    /// Such as `0.conv2d.weight`.
    pub path: String,
    /// The weight.
    pub tensor: Tensor,
}

impl Optimizer {
    /// For these weights. Those of a frozen group are told not to require gradients, and left out.
    pub fn new(
        optimizer: &OptimizerSpec,
        schedule: &ScheduleSpec,
        groups: &[ParameterGroup],
        weights: Vec<Trained>,
    ) -> Self {
        let rest = Group { optimizer: optimizer.clone(), schedule: schedule.clone() };
        let own = groups.iter().map(|group| Group {
            optimizer: group.optimizer.as_ref().unwrap_or(optimizer).clone().with(group.lr, group.weight_decay),
            schedule: group.schedule.as_ref().unwrap_or(schedule).clone(),
        });
        let mut trained = Vec::with_capacity(weights.len());
        for Trained { name, path, tensor } in weights {
            let group = groups.iter().position(|group| group.fits(&path));
            if group.is_some_and(|group| groups[group].frozen) {
                let _ = tensor.set_requires_grad(false);
                continue;
            }
            let group = group.map_or(0, |group| group + 1);
            trained.push(Weight { name, tensor, group, state: State::default(), active: true });
        }
        Self { groups: std::iter::once(rest).chain(own).collect(), weights: trained }
    }

    /// Learning rate of the weights that belong to no group.
    pub fn rate(&self, when: &When) -> f64 {
        self.groups[0].optimizer.lr() * self.groups[0].schedule.factor(when)
    }

    /// Weights whose rate has come to 0 for good are not computed from here on. Returns those that are, in the order in
    /// which [`Optimizer::step`] wants their gradients.
    pub fn active(&mut self, when: &When) -> Vec<Tensor> {
        for weight in &mut self.weights {
            if weight.active && self.groups[weight.group].schedule.over(when) {
                weight.active = false;
                let _ = weight.tensor.set_requires_grad(false);
            }
        }
        self.weights.iter().filter(|weight| weight.active).map(|weight| weight.tensor.shallow_clone()).collect()
    }

    /// Names and values of all that the optimisers remember.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut all = Vec::new();
        for weight in &self.weights {
            let name = &weight.name;
            all.extend(weight.state.first.as_ref().map(|t| (name.clone(), t.shallow_clone())));
            all.extend(weight.state.second.as_ref().map(|t| (format!("second.{name}"), t.shallow_clone())));
        }
        all
    }

    /// Puts back what the optimisers remembered; `find` gives what was saved under a name.
    pub fn restore<'a>(&mut self, find: impl Fn(&str) -> Option<&'a Tensor>) -> Result<(), TorchError> {
        for weight in &mut self.weights {
            let restored = |name: &str| -> Result<Option<Tensor>, TchError> {
                let Some(saved) = find(name).filter(|saved| saved.size() == weight.tensor.size()) else {
                    return Ok(None);
                };
                // In the weight's own order in memory.
                let mut state = no_grad(|| weight.tensor.f_zeros_like())?;
                state.f_copy_(saved)?;
                Ok(Some(state))
            };
            let (first, second) = (restored(&weight.name)?, restored(&format!("second.{}", weight.name))?);
            weight.state = State { first, second };
        }
        Ok(())
    }

    /// One update along `gradients`, one for each active weight, which are used up. `update` counts them from 1.
    pub fn step(&mut self, gradients: Vec<Tensor>, when: &When, update: u64) -> Result<(), TorchError> {
        let rates: Vec<f64> = self.groups.iter().map(|g| g.optimizer.lr() * g.schedule.factor(when)).collect();
        let active = self.weights.iter_mut().filter(|weight| weight.active);
        for (weight, gradient) in active.zip(gradients) {
            let rate = rates[weight.group];
            let (w, state) = (&mut weight.tensor, &mut weight.state);
            no_grad(|| match &self.groups[weight.group].optimizer {
                OptimizerSpec::Sgd(params) => sgd(params, rate, w, state, gradient),
                OptimizerSpec::Adam(p) => {
                    let gradient = decayed(gradient, w, p.weight_decay)?;
                    adam(p.betas, p.eps, rate, update, w, state, &gradient)
                }
                OptimizerSpec::AdamW(p) => {
                    let _ = w.f_mul_scalar_(1.0 - rate * p.weight_decay)?;
                    adam(p.betas, p.eps, rate, update, w, state, &gradient)
                }
                OptimizerSpec::Muon(params) => muon(params, rate, w, state, gradient),
            })?;
        }
        Ok(())
    }
}

fn decayed(gradient: Tensor, weight: &Tensor, decay: f64) -> Result<Tensor, TchError> {
    if decay == 0.0 { Ok(gradient) } else { gradient.f_add(&weight.f_mul_scalar(decay)?) }
}

/// momentum · last + gradient, kept as the last one.
fn with_momentum(momentum: f64, state: &mut State, gradient: &Tensor) -> Result<Tensor, TchError> {
    let last = match state.first.take() {
        Some(mut last) => last.f_mul_scalar_(momentum)?.f_add_(gradient)?,
        None => gradient.f_mul_scalar(1.0)?,
    };
    state.first = Some(last.shallow_clone());
    Ok(last)
}

/// torch.optim.SGD, in place.
fn sgd(params: &Sgd, rate: f64, weight: &mut Tensor, state: &mut State, gradient: Tensor) -> Result<(), TchError> {
    let mut gradient = decayed(gradient, weight, params.weight_decay)?;
    if params.momentum != 0.0 {
        let last = with_momentum(params.momentum, state, &gradient)?;
        gradient = match params.nesterov {
            true => gradient.f_add(&last.f_mul_scalar(params.momentum)?)?,
            false => last,
        };
    }
    // Not in place of the gradient: it may be the momentum.
    weight.f_sub_(&gradient.f_mul_scalar(rate)?).map(drop)
}

/// torch.optim.Adam, in place.
fn adam(
    [beta1, beta2]: [f64; 2],
    eps: f64,
    rate: f64,
    update: u64,
    weight: &mut Tensor,
    state: &mut State,
    gradient: &Tensor,
) -> Result<(), TchError> {
    let mut take = |slot: fn(&mut State) -> &mut Option<Tensor>| match slot(state).take() {
        Some(mean) => Ok(mean),
        None => gradient.f_zeros_like(),
    };
    let (mut mean, mut square) = (take(|s| &mut s.first)?, take(|s| &mut s.second)?);
    let _ = mean.f_lerp_(gradient, 1.0 - beta1)?;
    let _ = square.f_mul_scalar_(beta2)?.f_addcmul_(&(gradient * (1.0 - beta2)), gradient)?;
    let updates = update.max(1) as f64;
    let (correct1, correct2) = (1.0 - beta1.powf(updates), 1.0 - beta2.powf(updates));
    let root = square.f_sqrt()?.f_mul_scalar(1.0 / correct2.sqrt())?.f_add_scalar(eps)?;
    let _ = weight.f_sub_(&mean.f_div(&root)?.f_mul_scalar(rate / correct1)?)?;
    *state = State { first: Some(mean), second: Some(square) };
    Ok(())
}

/// Keller Jordan's Muon, in place.
fn muon(params: &Muon, rate: f64, weight: &mut Tensor, state: &mut State, gradient: Tensor) -> Result<(), TchError> {
    let last = with_momentum(params.momentum, state, &gradient)?;
    let direction = match params.nesterov {
        true => gradient.f_add(&last.f_mul_scalar(params.momentum)?)?,
        false => last,
    };
    let rows = direction.size()[0];
    let update = orthogonal(&direction.f_reshape([rows, -1])?, params.steps)?.f_view_as(&direction)?;
    if params.weight_decay != 0.0 {
        let _ = weight.f_mul_scalar_(1.0 - rate * params.weight_decay)?;
    }
    if params.renormalize {
        let scale = weight.f_norm()?.f_reciprocal()?.f_mul_scalar((rows as f64).sqrt())?;
        let _ = weight.f_mul_(&scale)?;
    }
    weight.f_sub_(&update.f_to_kind(weight.kind())?.f_mul_scalar(rate)?).map(drop)
}

/// The nearest matrix with orthogonal rows (or columns, if they are fewer), about: Newton–Schulz steps in bfloat16.
fn orthogonal(matrix: &Tensor, steps: u64) -> Result<Tensor, TchError> {
    let (rows, columns) = matrix.size2()?;
    let x = matrix.f_to_kind(Kind::BFloat16)?;
    // In torch's norm of bfloat16, as the published code.
    let mut x = x.f_div(&x.f_norm()?.f_add_scalar(1e-7)?)?;
    if rows > columns {
        x = x.f_tr()?;
    }
    for _ in 0..steps {
        let a = x.f_matmul(&x.f_tr()?)?;
        let b = a.f_mul_scalar(-4.7750)?.f_add(&a.f_matmul(&a)?.f_mul_scalar(2.0315)?)?;
        x = x.f_mul_scalar(3.4445)?.f_add(&b.f_matmul(&x)?)?;
    }
    if rows > columns { x.f_tr()?.f_contiguous() } else { Ok(x) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::recipe::{Adam, AdamW};
    use crate::train::schedule::Constant;

    const NESTEROV: [f64; 2] = [0.32185967344099997, -0.6437193468819999];
    const ADAM: [f64; 2] = [0.7015862744735559, -1.7006233927969525];
    const ADAMW: [f64; 2] = [0.6751012231892006, -1.6443686843220089];
    const WHEN: When = When { step: 0, steps_per_epoch: 10, epochs: 1, graph_epochs: 1 };

    /// Three steps from [1, −2] with the weight itself for a gradient.
    fn three_steps(spec: OptimizerSpec) -> Vec<f64> {
        crate::torch::init();
        let tensor = Tensor::from_slice(&[1.0_f64, -2.0]).set_requires_grad(true);
        let trained = Trained { name: "w".into(), path: "0.linear.w".into(), tensor: tensor.shallow_clone() };
        let mut optimizer = Optimizer::new(&spec, &Constant::default().into(), &[], vec![trained]);
        for update in 1..=3 {
            let gradient = tensor.detach().copy();
            optimizer.step(vec![gradient], &WHEN, update).expect("a step");
        }
        Vec::try_from(tensor).expect("two numbers")
    }

    fn near(given: &[f64], expected: [f64; 2]) {
        assert!(given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{given:?} for {expected:?}");
    }

    #[test]
    fn three_steps_of_sgd_are_those_of_torch() {
        // By hand: v ← 0.9 v + g + 0.01 w; w ← w − 0.1 v, with g = w.
        let (mut w, mut v) = ([1.0_f64, -2.0], [0.0_f64; 2]);
        for _ in 0..3 {
            for (w, v) in w.iter_mut().zip(&mut v) {
                *v = 0.9 * *v + *w + 0.01 * *w;
                *w -= 0.1 * *v;
            }
        }
        near(&three_steps(Sgd { momentum: 0.9, weight_decay: 0.01, ..Sgd::new(0.1) }.into()), w);
    }

    /// Figures of torch 2.11 in float64.
    #[test]
    fn three_steps_of_the_others_are_those_of_torch() {
        let nesterov = Sgd { momentum: 0.9, weight_decay: 0.01, nesterov: true, ..Sgd::new(0.1) };
        near(&three_steps(nesterov.into()), NESTEROV);
        near(&three_steps(Adam { lr: 0.1, weight_decay: 0.01, ..Adam::default() }.into()), ADAM);
        near(&three_steps(AdamW { lr: 0.1, weight_decay: 0.1, ..AdamW::default() }.into()), ADAMW);
    }

    #[test]
    fn newton_schulz_makes_singular_values_about_one() {
        crate::torch::init();
        tch::manual_seed(1);
        for shape in [[8, 30], [30, 8]] {
            let matrix = Tensor::randn(shape, (Kind::Float, tch::Device::Cpu));
            let result = orthogonal(&matrix, 5).expect("steps").to_kind(Kind::Float);
            assert_eq!(result.size(), shape);
            let (_, values, _) = result.svd(true, true);
            let values = Vec::<f32>::try_from(values).expect("numbers");
            assert!(values.iter().all(|v| (0.6..1.3).contains(v)), "{values:?}");
        }
    }

    #[test]
    fn a_weight_whose_rate_is_over_is_not_computed() {
        crate::torch::init();
        let trained = |path: &str| Trained {
            name: path.into(),
            path: path.into(),
            tensor: Tensor::from_slice(&[1.0_f32]).set_requires_grad(true),
        };
        let mut over = ParameterGroup::new("*.bias".into());
        let points = vec![[0.0, 1.0], [0.5, 0.0]];
        over.schedule = Some(crate::train::PiecewiseLinear::new(points).into());
        let mut frozen = ParameterGroup::new("1.*".into());
        frozen.frozen = true;
        let weights = vec![trained("0.conv2d.weight"), trained("0.conv2d.bias"), trained("1.conv2d.weight")];
        let third = weights[2].tensor.shallow_clone();
        let mut optimizer =
            Optimizer::new(&Sgd::new(0.1).into(), &Constant::default().into(), &[over, frozen], weights);
        assert!(!third.requires_grad());
        assert_eq!(optimizer.active(&WHEN).len(), 2);
        assert_eq!(optimizer.active(&When { step: 5, ..WHEN }).len(), 1);
    }
}
