//! What each layer computes.

use kernels::Activation;
use tch::{TchError, Tensor};

use super::build::Layer;
use crate::torch::TorchError;
use crate::torch::fused::{Norm, fits, max_pool, norm_activation};

/// All layers, one after the other; some of them two at a time.
pub(super) fn forward_all(layers: &[Layer], input: Tensor, training: bool) -> Result<Tensor, TchError> {
    let (mut layers, mut x) = (layers, input);
    while let [layer, rest @ ..] = layers {
        layers = rest;
        x = match (layer, rest.first()) {
            (Layer::BatchNorm2d { .. }, Some(Layer::Relu)) if fits(&x) => {
                layers = &rest[1..];
                normalized(layer, &x, training, Activation::Relu)?
            }
            (Layer::BatchNorm2d { .. }, Some(Layer::Gelu("none"))) if fits(&x) => {
                layers = &rest[1..];
                normalized(layer, &x, training, Activation::Gelu)?
            }
            _ => forward(layer, x, training)?,
        };
    }
    Ok(x)
}

fn normalized(layer: &Layer, x: &Tensor, training: bool, activation: Activation) -> Result<Tensor, TchError> {
    let Layer::BatchNorm2d { weight, bias, mean, variance, momentum, eps } = layer else {
        unreachable!("only batch normalisations are joined with what follows");
    };
    let norm = Norm { weight, bias, mean, variance, momentum: *momentum, eps: *eps };
    norm_activation(x, &norm, training, activation).map_err(as_torch)
}

fn as_torch(error: TorchError) -> TchError {
    TchError::Torch(error.0)
}

/// One layer.
pub(super) fn forward(layer: &Layer, x: Tensor, training: bool) -> Result<Tensor, TchError> {
    match layer {
        Layer::Conv2d { weight, bias, stride, padding, groups } => {
            x.f_conv2d(weight, bias.as_ref(), [*stride, *stride], [*padding, *padding], [1, 1], *groups)
        }
        Layer::WhiteningConv2d { weight, bias, .. } => x.f_conv2d(weight, bias.as_ref(), [1, 1], [0, 0], [1, 1], 1),
        Layer::Standardize { mean, std, .. } => {
            let per_channel = |values: &Tensor| {
                let mut shape = vec![1; x.dim()];
                shape[1] = -1;
                values.f_reshape(shape)
            };
            x.f_sub(&per_channel(mean)?)?.f_div(&per_channel(std)?)
        }
        Layer::BatchNorm2d { .. } if fits(&x) => normalized(layer, &x, training, Activation::None),
        Layer::BatchNorm2d { weight, bias, mean, variance, momentum, eps } => {
            x.f_batch_norm(Some(weight), Some(bias), Some(mean), Some(variance), training, *momentum, *eps, true)
        }
        Layer::GroupNorm { weight, bias, groups, eps } => x.f_group_norm(*groups, Some(weight), Some(bias), *eps, true),
        Layer::LayerNorm { weight, bias, eps } => x.f_layer_norm(weight.size(), Some(weight), Some(bias), *eps, true),
        Layer::Relu => x.f_relu(),
        Layer::LeakyRelu(slope) => x.f_where_self(&x.f_ge(0.0)?, &x.f_mul_scalar(*slope)?),
        Layer::Gelu(approximate) => x.f_gelu(approximate),
        Layer::Silu => x.f_silu(),
        Layer::Tanh => x.f_tanh(),
        Layer::Sigmoid => x.f_sigmoid(),
        Layer::MaxPool2d { kernel: 2, stride: 2, padding: 0 } if fits(&x) => max_pool(&x).map_err(as_torch),
        Layer::MaxPool2d { kernel, stride, padding } => {
            x.f_max_pool2d([*kernel, *kernel], [*stride, *stride], [*padding, *padding], [1, 1], false)
        }
        Layer::AvgPool2d { kernel, stride, padding } => {
            x.f_avg_pool2d([*kernel, *kernel], [*stride, *stride], [*padding, *padding], false, true, None)
        }
        Layer::AdaptiveMaxPool2d(size) => Ok(x.f_adaptive_max_pool2d([*size, *size])?.0),
        Layer::AdaptiveAvgPool2d(size) => x.f_adaptive_avg_pool2d([*size, *size]),
        Layer::Flatten => x.f_flatten(1, -1),
        Layer::Linear { weight, bias } => x.f_linear(weight, bias.as_ref()),
        Layer::Scale(factor) => x.f_mul_scalar(*factor),
        Layer::Dropout(prob) => x.f_dropout(*prob, training),
        Layer::Residual { layers, shortcut } => {
            let changed = forward_all(layers, x.shallow_clone(), training)?;
            forward_all(shortcut, x, training)?.f_add(&changed)
        }
        Layer::Sequential(inner) => forward_all(inner, x, training),
    }
}
