//! What the layers of a model hold: its weights and statistics, by name and shape.

use super::{LayerSpec, RowShape, infer};

/// A tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Places of the layers that it belongs to, and its name there, as torch names those of nn.Sequential: `2.0.weight`.
    pub name: String,
    /// The same with the kinds of the layers, which patterns are matched with: `2.residual.0.conv2d.weight`.
    pub path: String,
    /// Its shape, in torch's order.
    pub shape: Vec<usize>,
    /// Whether it is trained; running statistics and what is set from data are not.
    pub trained: bool,
}

/// Everything that the layers hold, for rows of a shape, in the order of the layers. Layers that do not fit what arrives
/// end the list.
pub fn parameters(layers: &[LayerSpec], input: &RowShape) -> Vec<Parameter> {
    let mut found = Vec::new();
    collect(layers, input.clone(), "", "", &mut found);
    found
}

fn collect(layers: &[LayerSpec], mut input: RowShape, name: &str, path: &str, found: &mut Vec<Parameter>) {
    for (index, layer) in layers.iter().enumerate() {
        let Ok(after) = infer(std::slice::from_ref(layer), input.clone()) else { return };
        let (name, path) = (format!("{name}{index}."), format!("{path}{index}.{}.", layer.word()));
        let mut hold = |own: &str, shape: &[usize], trained: bool| {
            let (name, path) = (format!("{name}{own}"), format!("{path}{own}"));
            found.push(Parameter { name, path, shape: shape.to_vec(), trained });
        };
        let channels = input.0.first().copied().unwrap_or_default();
        match layer {
            LayerSpec::Conv2d(conv) => {
                let side = conv.kernel_size;
                hold("weight", &[conv.out_channels, channels / conv.groups, side, side], true);
                if conv.bias {
                    hold("bias", &[conv.out_channels], true);
                }
            }
            LayerSpec::WhiteningConv2d(conv) => {
                let side = conv.kernel_size;
                hold("weight", &[after.0[0], channels, side, side], false);
                if conv.bias {
                    hold("bias", &[after.0[0]], true);
                }
            }
            LayerSpec::Standardize(_) => {
                hold("mean", &[channels], false);
                hold("std", &[channels], false);
            }
            LayerSpec::BatchNorm2d(norm) => {
                hold("weight", &[channels], norm.scale);
                hold("bias", &[channels], norm.bias);
                hold("running_mean", &[channels], false);
                hold("running_var", &[channels], false);
            }
            LayerSpec::GroupNorm(_) => {
                hold("weight", &[channels], true);
                hold("bias", &[channels], true);
            }
            LayerSpec::LayerNorm(_) => {
                hold("weight", &input.0, true);
                hold("bias", &input.0, true);
            }
            LayerSpec::Linear(linear) => {
                hold("weight", &[linear.out_features, channels], true);
                if linear.bias {
                    hold("bias", &[linear.out_features], true);
                }
            }
            LayerSpec::Residual(own) => {
                collect(&own.layers, input.clone(), &name, &path, found);
                let (name, path) = (format!("{name}shortcut."), format!("{path}shortcut."));
                collect(&own.shortcut, input.clone(), &name, &path, found);
            }
            LayerSpec::Sequential(own) => collect(&own.layers, input.clone(), &name, &path, found),
            LayerSpec::Relu(_)
            | LayerSpec::LeakyRelu(_)
            | LayerSpec::Gelu(_)
            | LayerSpec::Silu(_)
            | LayerSpec::Tanh(_)
            | LayerSpec::Sigmoid(_)
            | LayerSpec::MaxPool2d(_)
            | LayerSpec::AvgPool2d(_)
            | LayerSpec::AdaptiveMaxPool2d(_)
            | LayerSpec::AdaptiveAvgPool2d(_)
            | LayerSpec::Flatten(_)
            | LayerSpec::Scale(_)
            | LayerSpec::Dropout(_) => {}
        }
        input = after;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::params::ParamType as _;

    #[test]
    fn names_are_those_of_torch_and_paths_say_the_kinds() {
        let layers = Vec::from_json(&json!([
            { "layer": "whitening_conv2d" },
            { "layer": "residual", "layers": [
                { "layer": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "groups": 4, "bias": false }
            ], "shortcut": [{ "layer": "conv2d", "out_channels": 8, "kernel_size": 1 }] },
            { "layer": "batch_norm2d", "scale": false },
            { "layer": "adaptive_avg_pool2d" },
            { "layer": "flatten" },
            { "layer": "linear", "out_features": 2 }
        ]));
        let found = parameters(&layers.expect("valid layers"), &RowShape(vec![3, 8, 8]));
        let trained: Vec<(&str, &[usize])> =
            found.iter().filter(|p| p.trained).map(|p| (p.path.as_str(), &p.shape[..])).collect();
        let expected: [(&str, &[usize]); 7] = [
            ("0.whitening_conv2d.bias", &[24]),
            ("1.residual.0.conv2d.weight", &[8, 6, 3, 3]),
            ("1.residual.shortcut.0.conv2d.weight", &[8, 24, 1, 1]),
            ("1.residual.shortcut.0.conv2d.bias", &[8]),
            ("2.batch_norm2d.bias", &[8]),
            ("5.linear.weight", &[2, 8]),
            ("5.linear.bias", &[2]),
        ];
        assert_eq!(trained, expected);
        assert_eq!(found[3].name, "1.shortcut.0.weight");
        assert!(found.iter().any(|p| p.name == "2.running_var" && !p.trained));
    }
}
