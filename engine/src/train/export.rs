//! A trained model for others: TorchScript that says what the layers compute, and safetensors.

use std::path::Path;

use tch::{Device, Tensor};

use super::build::Layer;
use super::network::{Body, Network};
use crate::torch::{Extra, TorchError, save_script};

/// Name of the text that lies beside the module in its file.
pub const ABOUT: &str = "model.json";

impl Network {
    /// Writes the model as TorchScript: a module on the CPU whose `forward` takes a batch and gives the outputs, in
    /// float32, with `about` as the extra file [`ABOUT`]. Its state has the names of torch's nn.Sequential. It is in
    /// evaluation; in training, batch normalisation and dropout train.
    ///
    /// # Errors
    ///
    /// If the file cannot be written, and for a model of the program's own, whose computation is not known.
    pub fn write_torchscript(&self, path: &Path, about: &str) -> Result<(), TorchError> {
        let extra = Extra { name: ABOUT, text: about };
        match self.body() {
            Body::Layers(layers) => {
                let trained = self.trainable();
                let mut tensors = Vec::new();
                for (name, tensor) in self.portable()? {
                    let parameter = trained.iter().any(|(known, _)| *known == name);
                    tensors.push((name, tensor.set_requires_grad(parameter), parameter));
                }
                save_script(&source(layers), &tensors, extra, path)
            }
            Body::Script(module) => module.save(extra, path),
            Body::Own(_) => Err(TorchError(
                "the program's own model cannot be written as TorchScript: what it computes is known to the program \
                 alone; its weights can, as safetensors"
                    .into(),
            )),
        }
    }

    /// Writes weights and statistics as safetensors, under the names of torch's nn.Sequential: `0.weight`.
    pub fn write_safetensors(&self, path: &Path) -> Result<(), TorchError> {
        Ok(Tensor::write_safetensors(&self.portable()?, path)?)
    }

    /// Copies of all tensors, on the CPU, in the order of their shape.
    fn portable(&self) -> Result<Vec<(String, Tensor)>, TorchError> {
        let copy = |(name, tensor): (String, Tensor)| {
            Ok((name, tensor.f_detach_copy()?.f_to_device(Device::Cpu)?.f_contiguous()?))
        };
        self.named().into_iter().map(copy).collect()
    }
}

/// The source of `forward`, in TorchScript: line by line what [`super::forward`] computes.
fn source(layers: &[Layer]) -> String {
    let mut lines = vec!["def forward(self, x: Tensor) -> Tensor:".to_owned()];
    write_all(layers, "self", "x", &mut lines);
    lines.push("return x".into());
    lines.join("\n    ") + "\n"
}

/// `owner`: the module whose submodules these layers are. `x`: the variable that they change.
fn write_all(layers: &[Layer], owner: &str, x: &str, lines: &mut Vec<String>) {
    for (index, layer) in layers.iter().enumerate() {
        write(layer, &format!("getattr({owner}, \"{index}\")"), x, lines);
    }
}

fn write(layer: &Layer, own: &str, x: &str, lines: &mut Vec<String>) {
    let bias = |bias: &Option<Tensor>| if bias.is_some() { format!("{own}.bias") } else { "None".into() };
    let call = |function: &str, rest: String| format!("torch.{function}({x}{rest})");
    let value = match layer {
        Layer::Conv2d { bias: b, stride: s, padding: p, groups, .. } => {
            call("conv2d", format!(", {own}.weight, {}, [{s}, {s}], [{p}, {p}], [1, 1], {groups}", bias(b)))
        }
        Layer::WhiteningConv2d { bias: b, .. } => {
            call("conv2d", format!(", {own}.weight, {}, [1, 1], [0, 0], [1, 1], 1", bias(b)))
        }
        Layer::Standardize { .. } => {
            let shape = format!("[1, -1] + [1] * ({x}.dim() - 2)");
            format!("({x} - torch.reshape({own}.mean, {shape})) / torch.reshape({own}.std, {shape})")
        }
        Layer::BatchNorm2d { momentum, eps, .. } => {
            let statistics = format!("{own}.weight, {own}.bias, {own}.running_mean, {own}.running_var");
            call("batch_norm", format!(", {statistics}, self.training, {momentum:?}, {eps:?}, True"))
        }
        Layer::GroupNorm { groups, eps, .. } => {
            call("group_norm", format!(", {groups}, {own}.weight, {own}.bias, {eps:?}, True"))
        }
        Layer::LayerNorm { weight, eps, .. } => {
            call("layer_norm", format!(", {:?}, {own}.weight, {own}.bias, {eps:?}, True", weight.size()))
        }
        Layer::Relu => call("relu", String::new()),
        Layer::LeakyRelu(slope) => format!("torch.where({x} >= 0.0, {x}, {x} * {slope:?})"),
        Layer::Gelu(approximate) => call("gelu", format!(", approximate=\"{approximate}\"")),
        Layer::Silu => call("silu", String::new()),
        Layer::Tanh => call("tanh", String::new()),
        Layer::Sigmoid => call("sigmoid", String::new()),
        Layer::MaxPool2d { kernel: k, stride: s, padding: p } => {
            call("max_pool2d", format!(", [{k}, {k}], [{s}, {s}], [{p}, {p}], [1, 1], False"))
        }
        Layer::AvgPool2d { kernel: k, stride: s, padding: p } => {
            call("avg_pool2d", format!(", [{k}, {k}], [{s}, {s}], [{p}, {p}], False, True, None"))
        }
        Layer::AdaptiveMaxPool2d(size) => call("adaptive_max_pool2d", format!(", [{size}, {size}]")) + "[0]",
        Layer::AdaptiveAvgPool2d(size) => call("adaptive_avg_pool2d", format!(", [{size}, {size}]")),
        Layer::Flatten => call("flatten", ", 1, -1".into()),
        Layer::Linear { bias: b, .. } => call("linear", format!(", {own}.weight, {}", bias(b))),
        Layer::Scale(factor) => format!("{x} * {factor:?}"),
        Layer::Dropout(prob) => call("dropout", format!(", {prob:?}, self.training")),
        Layer::Residual { layers, shortcut } => {
            // A name for each depth of residuals within residuals, and for each of the two ways.
            let changed = format!("{x}_changed");
            lines.push(format!("{changed} = {x}"));
            write_all(layers, own, &changed, lines);
            write_all(shortcut, &format!("getattr({own}, \"shortcut\")"), x, lines);
            format!("{x} + {changed}")
        }
        Layer::Sequential(inner) => return write_all(inner, own, x, lines),
    };
    lines.push(format!("{x} = {value}"));
}
