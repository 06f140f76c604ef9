//! Ends a training whose numbers are not finite, and says where that began.

use tch::{Kind, Tensor, no_grad};

use super::build::Layer;
use super::forward::forward;
use super::network::Network;
use super::run::Session;
use crate::execute::RunError;
use crate::layers::LayerSpec;
use crate::params::ParamType as _;
use crate::torch::TorchError;

const HINT: &str = "lower the learning rate, or look at the data; what was kept before this step is as it was";

/// An error if the loss of a step is not finite: with the step's images, and the weights that it began with, it names
/// the first layer whose weights or output are not.
pub(super) fn check_loss(session: &Session, loss: f64, step: u64, images: Option<&Tensor>) -> Result<(), RunError> {
    if loss.is_finite() {
        return Ok(());
    }
    let found = match images {
        Some(images) => first_of_layers(session, images),
        None => first_of_weights(&session.network).map(|name| match name {
            Some(name) => format!("the weight `{name}` is not finite"),
            None => "all weights are finite".to_owned(),
        }),
    };
    let found = found.unwrap_or_else(|error| format!("where that began cannot be found: {error}"));
    let what = if loss.is_nan() { "is not a number (NaN)" } else { "is infinite" };
    let text =
        format!("the loss of step {step} {what}\n  expected  finite numbers\n  given     {found}\n  hint      {HINT}");
    Err(RunError::at(&session.plan.nodes[session.node].name, text))
}

/// An error, in words, if a weight or a running statistic is not finite.
pub(super) fn check_weights(network: &Network, step: u64) -> Result<(), String> {
    match first_of_weights(network) {
        Ok(None) => Ok(()),
        Ok(Some(name)) => Err(format!(
            "the weights after step {step} are not finite, and no checkpoint is made of them\n  expected  finite \
             numbers\n  given     the weight `{name}` is not finite\n  hint      {HINT}"
        )),
        Err(error) => Err(error.0),
    }
}

fn is_finite(tensor: &Tensor) -> Result<bool, TorchError> {
    Ok(tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? != 0)
}

fn first_of_weights(network: &Network) -> Result<Option<String>, TorchError> {
    for (name, tensor) in network.named() {
        if !is_finite(&tensor)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Runs the model layer by layer.
fn first_of_layers(session: &Session, images: &Tensor) -> Result<String, TorchError> {
    if !is_finite(images)? {
        return Ok("the images that the model was given are not finite".to_owned());
    }
    let mut weights = Vec::new();
    for (name, tensor) in session.network.named() {
        if !is_finite(&tensor)? {
            weights.push(name);
        }
    }
    let Some(layers) = session.network.layers() else {
        // Not ours to look into.
        return Ok(match weights.first() {
            Some(name) => format!("the weight `{name}` is not finite"),
            None => "all weights are finite".to_owned(),
        });
    };
    let walk = Walk { session, weights };
    match no_grad(|| walk.all(layers, &session.params.layers, "", images.shallow_clone()))? {
        Found::At(found) => Ok(found),
        Found::Nowhere(logits) => Ok(format!(
            "the output of every layer is finite, up to ±{:.3e}: the loss itself overflows",
            greatest(&logits)?
        )),
    }
}

fn greatest(tensor: &Tensor) -> Result<f64, TorchError> {
    Ok(tensor.f_abs()?.f_max()?.f_double_value(&[])?)
}

enum Found {
    /// The layer, in words.
    At(String),
    /// The output, which is finite.
    Nowhere(Tensor),
}

struct Walk<'a> {
    session: &'a Session,
    /// Names of weights that are not finite.
    weights: Vec<String>,
}

impl Walk<'_> {
    /// `path`: what the names of the weights begin with.
    fn all(&self, layers: &[Layer], specs: &[LayerSpec], path: &str, mut x: Tensor) -> Result<Found, TorchError> {
        for (index, (layer, spec)) in layers.iter().zip(specs).enumerate() {
            match self.one(layer, spec, &format!("{path}{index}"), x)? {
                Found::Nowhere(output) => x = output,
                found @ Found::At(_) => return Ok(found),
            }
        }
        Ok(Found::Nowhere(x))
    }

    fn one(&self, layer: &Layer, spec: &LayerSpec, path: &str, x: Tensor) -> Result<Found, TorchError> {
        let output = match (layer, spec) {
            (Layer::Sequential(inner), LayerSpec::Sequential(spec)) => {
                return self.all(inner, &spec.layers, &format!("{path}."), x);
            }
            (Layer::Residual { layers, shortcut }, LayerSpec::Residual(spec)) => {
                let changed = match self.all(layers, &spec.layers, &format!("{path}."), x.shallow_clone())? {
                    Found::Nowhere(changed) => changed,
                    found @ Found::At(_) => return Ok(found),
                };
                match self.all(shortcut, &spec.shortcut, &format!("{path}.shortcut."), x.shallow_clone())? {
                    Found::Nowhere(around) => around.f_add(&changed)?,
                    found @ Found::At(_) => return Ok(found),
                }
            }
            _ => {
                if let Some(weight) = self.weights.iter().find(|name| within(name, path)) {
                    let layer = named(path, spec);
                    return Ok(Found::At(format!(
                        "the first layer that is not finite is {layer}: its weight `{weight}`"
                    )));
                }
                let run = || Ok(forward(layer, x.shallow_clone(), true)?);
                self.session.arithmetic.run(self.session.device, run)?
            }
        };
        if is_finite(&output)? {
            return Ok(Found::Nowhere(output));
        }
        let given = greatest(&x.f_to_kind(Kind::Double)?)?;
        let layer = named(path, spec);
        Ok(Found::At(format!(
            "the first layer whose output is not finite is {layer}; it was given numbers up to ±{given:.3e}"
        )))
    }
}

/// Whether a weight is the layer's own.
fn within(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
}

/// As weights are named, with its type: `3.0 (conv2d)`.
fn named(path: &str, spec: &LayerSpec) -> String {
    format!("{path} ({})", spec.to_json()["layer"].as_str().unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::layers::{Flatten, Linear, Relu, Residual, RowShape};

    #[test]
    fn a_weight_that_is_not_finite_is_named() {
        crate::torch::init();
        let linear = || Linear::new(4);
        let residual = Residual::new(vec![Relu {}.into(), linear().into()]);
        let specs = [Flatten {}.into(), linear().into(), residual.into()];
        let network = Network::new(&specs, RowShape(vec![1, 2, 2]), Device::Cpu, false).unwrap();
        assert_eq!(check_weights(&network, 3), Ok(()));
        let (name, mut bias) = network.named().into_iter().find(|(name, _)| name == "2.1.bias").unwrap();
        let _ = no_grad(|| bias.f_fill_(f64::INFINITY)).unwrap();
        let error = check_weights(&network, 3).unwrap_err();
        assert!(
            error.starts_with("the weights after step 3 are not finite") && error.contains("`2.1.bias`"),
            "{error}"
        );
        assert!(within(&name, "2.1") && !within("2.10.bias", "2.1") && !within("12.1.bias", "2.1"));
    }
}
