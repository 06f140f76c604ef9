//! Layers with their weights, from their specifications.

use tch::nn::{Init as Draw, Path};
use tch::{TchError, Tensor};

use crate::layers::{self, Approximate, Init, LayerSpec, RowShape};

/// A layer with its weights.
#[expect(clippy::enum_variant_names, reason = "layer_norm is called so everywhere")]
pub(super) enum Layer {
    Conv2d { weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64, groups: i64 },
    WhiteningConv2d { weight: Tensor, bias: Option<Tensor>, images: usize, eps: f64 },
    Standardize { mean: Tensor, std: Tensor, samples: usize, eps: f64 },
    BatchNorm2d { weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: f64, eps: f64 },
    GroupNorm { weight: Tensor, bias: Tensor, groups: i64, eps: f64 },
    LayerNorm { weight: Tensor, bias: Tensor, eps: f64 },
    Relu,
    LeakyRelu(f64),
    Gelu(&'static str),
    Silu,
    Tanh,
    Sigmoid,
    MaxPool2d { kernel: i64, stride: i64, padding: i64 },
    AvgPool2d { kernel: i64, stride: i64, padding: i64 },
    AdaptiveMaxPool2d(i64),
    AdaptiveAvgPool2d(i64),
    Flatten,
    Linear { weight: Tensor, bias: Option<Tensor> },
    Scale(f64),
    Dropout(f64),
    Residual { layers: Vec<Layer>, shortcut: Vec<Layer> },
    Sequential(Vec<Layer>),
}

/// Layers for rows of a shape, their weights below the path; and the shape after them.
pub(super) fn build_all(
    path: &Path<'_>,
    specs: &[LayerSpec],
    input: RowShape,
) -> Result<(Vec<Layer>, RowShape), TchError> {
    let mut shape = input;
    let mut built = Vec::with_capacity(specs.len());
    for (index, spec) in specs.iter().enumerate() {
        let after = layers::infer(std::slice::from_ref(spec), shape.clone());
        let after = after
            .map_err(|e| TchError::Torch(format!("layer {}: expected {}, given {}", e.layer, e.expected, e.given)))?;
        built.push(build(&(path / index), spec, &shape, &after)?);
        shape = after;
    }
    Ok((built, shape))
}

fn build(path: &Path<'_>, spec: &LayerSpec, input: &RowShape, after: &RowShape) -> Result<Layer, TchError> {
    let channels = input.0.first().copied().unwrap_or_default() as i64;
    let shape: Vec<i64> = input.0.iter().map(|n| *n as i64).collect();
    let affine = |shape: &[i64]| Ok::<_, TchError>((path.f_ones("weight", shape)?, path.f_zeros("bias", shape)?));
    Ok(match spec {
        LayerSpec::Conv2d(conv) => {
            let (out, side, inner) = (conv.out_channels as i64, conv.kernel_size as i64, channels / conv.groups as i64);
            let weight = weight(path, &[out, inner, side, side], conv.init)?;
            let bias = if conv.bias { Some(bias(path, out, inner * side * side, conv.init)?) } else { None };
            let (stride, padding) = (conv.stride as i64, conv.padding as i64);
            Layer::Conv2d { weight, bias, stride, padding, groups: conv.groups as i64 }
        }
        LayerSpec::WhiteningConv2d(conv) => {
            let (out, side) = (after.0[0] as i64, conv.kernel_size as i64);
            Layer::WhiteningConv2d {
                weight: path.f_zeros_no_train("weight", &[out, channels, side, side])?,
                bias: if conv.bias { Some(path.f_zeros("bias", &[out])?) } else { None },
                images: conv.images,
                eps: conv.eps,
            }
        }
        LayerSpec::Standardize(layer) => Layer::Standardize {
            mean: path.f_zeros_no_train("mean", &[channels])?,
            std: path.f_ones_no_train("std", &[channels])?,
            samples: layer.samples,
            eps: layer.eps,
        },
        LayerSpec::BatchNorm2d(norm) => {
            let (weight, bias) = affine(&[channels])?;
            let keep = |tensor: &Tensor, trained: bool| {
                let _ = tensor.set_requires_grad(trained);
            };
            keep(&weight, norm.scale);
            keep(&bias, norm.bias);
            let mean = path.f_zeros_no_train("running_mean", &[channels])?;
            let variance = path.f_ones_no_train("running_var", &[channels])?;
            Layer::BatchNorm2d { weight, bias, mean, variance, momentum: norm.momentum, eps: norm.eps }
        }
        LayerSpec::GroupNorm(norm) => {
            let (weight, bias) = affine(&[channels])?;
            Layer::GroupNorm { weight, bias, groups: norm.groups as i64, eps: norm.eps }
        }
        LayerSpec::LayerNorm(norm) => {
            let (weight, bias) = affine(&shape)?;
            Layer::LayerNorm { weight, bias, eps: norm.eps }
        }
        LayerSpec::Relu(_) => Layer::Relu,
        LayerSpec::LeakyRelu(relu) => Layer::LeakyRelu(relu.slope),
        LayerSpec::Gelu(gelu) => Layer::Gelu(match gelu.approximate {
            Approximate::None => "none",
            Approximate::Tanh => "tanh",
        }),
        LayerSpec::Silu(_) => Layer::Silu,
        LayerSpec::Tanh(_) => Layer::Tanh,
        LayerSpec::Sigmoid(_) => Layer::Sigmoid,
        LayerSpec::MaxPool2d(pool) => Layer::MaxPool2d {
            kernel: pool.kernel_size as i64,
            stride: pool.stride.unwrap_or(pool.kernel_size) as i64,
            padding: pool.padding as i64,
        },
        LayerSpec::AvgPool2d(pool) => Layer::AvgPool2d {
            kernel: pool.kernel_size as i64,
            stride: pool.stride.unwrap_or(pool.kernel_size) as i64,
            padding: pool.padding as i64,
        },
        LayerSpec::AdaptiveMaxPool2d(pool) => Layer::AdaptiveMaxPool2d(pool.output_size as i64),
        LayerSpec::AdaptiveAvgPool2d(pool) => Layer::AdaptiveAvgPool2d(pool.output_size as i64),
        LayerSpec::Flatten(_) => Layer::Flatten,
        LayerSpec::Linear(linear) => {
            let out = linear.out_features as i64;
            Layer::Linear {
                weight: weight(path, &[out, channels], linear.init)?,
                bias: if linear.bias { Some(bias(path, out, channels, linear.init)?) } else { None },
            }
        }
        LayerSpec::Scale(scale) => Layer::Scale(scale.factor),
        LayerSpec::Dropout(dropout) => Layer::Dropout(dropout.prob),
        LayerSpec::Residual(inner) => Layer::Residual {
            layers: build_all(path, &inner.layers, input.clone())?.0,
            shortcut: build_all(&(path / "shortcut"), &inner.shortcut, input.clone())?.0,
        },
        LayerSpec::Sequential(inner) => Layer::Sequential(build_all(path, &inner.layers, input.clone())?.0),
    })
}

/// The trained weight of a layer: `shape` is outputs × inputs × the rest.
fn weight(path: &Path<'_>, shape: &[i64], init: Init) -> Result<Tensor, TchError> {
    let window: i64 = shape[2..].iter().product();
    let (entering, left) = ((shape[1] * window) as f64, (shape[0] * window) as f64);
    let bound = 1.0 / entering.sqrt();
    let kaiming = Draw::Uniform { lo: -bound, up: bound };
    let draw = match init {
        Init::KaimingUniform | Init::Dirac | Init::UnitStd => kaiming,
        Init::KaimingNormal => Draw::Randn { mean: 0.0, stdev: (2.0 / entering).sqrt() },
        Init::XavierUniform => {
            let bound = (6.0 / (entering + left)).sqrt();
            Draw::Uniform { lo: -bound, up: bound }
        }
        Init::Zeros => Draw::Const(0.0),
    };
    let mut weight = path.f_var("weight", shape, draw)?;
    tch::no_grad(|| match init {
        Init::Dirac => {
            let count = shape[0].min(shape[1]);
            let (y, x) = (shape[2] / 2, shape[3] / 2);
            let mut first = weight.f_narrow(0, 0, count)?;
            let _ = first.f_zero_()?;
            let mut middle = first.f_select(3, x)?.f_select(2, y)?.f_diagonal(0, 0, 1)?;
            middle.f_fill_(1.0).map(drop)
        }
        Init::UnitStd => {
            let scale = weight.f_std(true)?.f_reciprocal()?;
            weight.f_mul_(&scale).map(drop)
        }
        _ => Ok(()),
    })?;
    Ok(weight)
}

fn bias(path: &Path<'_>, out: i64, entering: i64, init: Init) -> Result<Tensor, TchError> {
    let bound = 1.0 / (entering as f64).sqrt();
    match init {
        Init::Zeros => path.f_zeros("bias", &[out]),
        _ => path.f_var("bias", &[out], Draw::Uniform { lo: -bound, up: bound }),
    }
}
