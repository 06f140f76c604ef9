//! A model as torch runs it, from its layers.

use tch::nn::{Init, Path, VarStore};
use tch::{Device, TchError, Tensor};

use crate::layers::{self, LayerSpec, RowShape};
use crate::torch::TorchError;

/// A model and its weights.
pub struct Network {
    store: VarStore,
    pub(super) layers: Vec<Layer>,
}

/// A layer with its weights.
pub(super) enum Layer {
    Conv2d { weight: Tensor, bias: Option<Tensor>, stride: i64, padding: i64 },
    BatchNorm2d { weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, momentum: f64, eps: f64 },
    Relu,
    Gelu,
    MaxPool2d { kernel: i64, stride: i64, padding: i64 },
    AdaptiveMaxPool2d(i64),
    AdaptiveAvgPool2d(i64),
    Flatten,
    Linear { weight: Tensor, bias: Option<Tensor> },
    Scale(f64),
    Dropout(f64),
    Residual(Vec<Layer>),
    Sequential(Vec<Layer>),
}

impl Network {
    /// Builds a model for rows of this shape; its weights are drawn from torch's generator, which the caller has
    /// seeded. The layers must fit, as validation has made sure.
    pub fn new(specs: &[LayerSpec], input: RowShape, device: Device, channels_last: bool) -> Result<Self, TorchError> {
        let store = VarStore::new(device);
        let (layers, _) = build_all(&store.root(), specs, input)?;
        if channels_last {
            for (_, mut tensor) in store.variables().into_iter().filter(|(_, t)| t.dim() == 4) {
                // The order of the memory changes, not the weight.
                let turned = tch::no_grad(|| tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2]))?;
                tch::no_grad(|| tensor.f_set_data(&turned))?;
            }
        }
        Ok(Self { store, layers })
    }

    /// The weights that are trained, by name.
    pub fn trainable(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        named.retain(|(_, tensor)| tensor.requires_grad());
        // By name: the store's own order is that of a hash table.
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named
    }

    /// All weights and running statistics, by name.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let mut named: Vec<(String, Tensor)> = self.store.variables().into_iter().collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        named
    }

    /// How many numbers are trained.
    pub fn parameters(&self) -> u64 {
        self.trainable().iter().map(|(_, t)| t.numel() as u64).sum()
    }

    /// Runs the model; in training, batch normalisation uses the batch, and dropout drops.
    pub fn forward(&self, input: &Tensor, training: bool) -> Result<Tensor, TorchError> {
        Ok(forward_all(&self.layers, input.shallow_clone(), training)?)
    }
}

fn build_all(path: &Path<'_>, specs: &[LayerSpec], input: RowShape) -> Result<(Vec<Layer>, RowShape), TchError> {
    let mut shape = input;
    let mut built = Vec::with_capacity(specs.len());
    for (index, spec) in specs.iter().enumerate() {
        let after = layers::infer(std::slice::from_ref(spec), shape.clone());
        let after = after
            .map_err(|e| TchError::Torch(format!("layer {}: expected {}, given {}", e.layer, e.expected, e.given)))?;
        built.push(build(&(path / index), spec, &shape)?);
        shape = after;
    }
    Ok((built, shape))
}

fn build(path: &Path<'_>, spec: &LayerSpec, input: &RowShape) -> Result<Layer, TchError> {
    let channels = input.0.first().copied().unwrap_or_default() as i64;
    // torch's initialisation of Conv2d and Linear: uniform within 1/√(numbers that enter a sum), of weight and bias.
    let uniform = |name: &str, shape: &[i64], entering: i64| {
        let bound = 1.0 / (entering as f64).sqrt();
        path.f_var(name, shape, Init::Uniform { lo: -bound, up: bound })
    };
    Ok(match spec {
        LayerSpec::Conv2d(conv) => {
            let (out, kernel) = (conv.out_channels as i64, conv.kernel_size as i64);
            let entering = channels * kernel * kernel;
            Layer::Conv2d {
                weight: uniform("weight", &[out, channels, kernel, kernel], entering)?,
                bias: if conv.bias { Some(uniform("bias", &[out], entering)?) } else { None },
                stride: conv.stride as i64,
                padding: conv.padding as i64,
            }
        }
        LayerSpec::BatchNorm2d(norm) => Layer::BatchNorm2d {
            weight: path.f_ones("weight", &[channels])?,
            bias: path.f_zeros("bias", &[channels])?,
            mean: path.f_zeros_no_train("running_mean", &[channels])?,
            variance: path.f_ones_no_train("running_var", &[channels])?,
            momentum: norm.momentum,
            eps: norm.eps,
        },
        LayerSpec::Relu(_) => Layer::Relu,
        LayerSpec::Gelu(_) => Layer::Gelu,
        LayerSpec::MaxPool2d(pool) => Layer::MaxPool2d {
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
                weight: uniform("weight", &[out, channels], channels)?,
                bias: if linear.bias { Some(uniform("bias", &[out], channels)?) } else { None },
            }
        }
        LayerSpec::Scale(scale) => Layer::Scale(scale.factor),
        LayerSpec::Dropout(dropout) => Layer::Dropout(dropout.prob),
        LayerSpec::Residual(inner) => Layer::Residual(build_all(path, &inner.layers, input.clone())?.0),
        LayerSpec::Sequential(inner) => Layer::Sequential(build_all(path, &inner.layers, input.clone())?.0),
    })
}

fn forward_all(layers: &[Layer], input: Tensor, training: bool) -> Result<Tensor, TchError> {
    layers.iter().try_fold(input, |x, layer| forward(layer, x, training))
}

pub(super) fn forward(layer: &Layer, x: Tensor, training: bool) -> Result<Tensor, TchError> {
    match layer {
        Layer::Conv2d { weight, bias, stride, padding } => {
            x.f_conv2d(weight, bias.as_ref(), [*stride, *stride], [*padding, *padding], [1, 1], 1)
        }
        Layer::BatchNorm2d { weight, bias, mean, variance, momentum, eps } => {
            x.f_batch_norm(Some(weight), Some(bias), Some(mean), Some(variance), training, *momentum, *eps, true)
        }
        Layer::Relu => x.f_relu(),
        Layer::Gelu => x.f_gelu("none"),
        Layer::MaxPool2d { kernel, stride, padding } => {
            x.f_max_pool2d([*kernel, *kernel], [*stride, *stride], [*padding, *padding], [1, 1], false)
        }
        Layer::AdaptiveMaxPool2d(size) => Ok(x.f_adaptive_max_pool2d([*size, *size])?.0),
        Layer::AdaptiveAvgPool2d(size) => x.f_adaptive_avg_pool2d([*size, *size]),
        Layer::Flatten => x.f_flatten(1, -1),
        Layer::Linear { weight, bias } => x.f_linear(weight, bias.as_ref()),
        Layer::Scale(factor) => x.f_mul_scalar(*factor),
        Layer::Dropout(prob) => x.f_dropout(*prob, training),
        Layer::Residual(inner) => {
            let changed = forward_all(inner, x.shallow_clone(), training)?;
            x.f_add(&changed)
        }
        Layer::Sequential(inner) => forward_all(inner, x, training),
    }
}
