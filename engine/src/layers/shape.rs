//! The shape that arrives at each layer, and whether it fits.

use std::fmt;

use super::{AvgPool2d, Init, LayerSpec, MaxPool2d};
use crate::params::{grouped, plural};

/// Shape of a row between two layers: channels × height × width, or a number of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShape(pub Vec<usize>);

impl fmt::Display for RowShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [c, h, w] => {
                let [c, h, w] = [c, h, w].map(|n| grouped(*n as f64));
                write!(f, "an image of {c} channels, {h} × {w} pixels")
            }
            [n] => f.write_str(&plural(*n as u64, "feature")),
            other => write!(f, "shape {other:?}"),
        }
    }
}

/// A layer that does not fit what arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerFault {
    /// Keys and indices from the list of layers to the key at fault, such as `/2/layers/0`.
    pub path: String,
    /// Name of the layer's kind.
    pub layer: &'static str,
    /// What is wrong with it, after its name.
    pub problem: &'static str,
    /// What it needs.
    pub expected: String,
    /// What arrives.
    pub given: String,
    /// What can be done.
    pub hint: Option<String>,
}

impl LayerFault {
    /// Its place in the list of layers, counted from 0; in a list of a layer's own, after that one's place: `2.1`.
    pub fn place(&self) -> String {
        let steps = self.path.split('/').filter(|step| step.parse::<usize>().is_ok());
        steps.collect::<Vec<_>>().join(".")
    }
}

/// Largest size of a row between layers and of a layer's weights, in numbers; more is a mistake, and could overflow.
const MAX_ELEMENTS: usize = 1 << 40;

/// Shape after all layers, or the first fault.
pub fn infer(layers: &[LayerSpec], input: RowShape) -> Result<RowShape, Box<LayerFault>> {
    check(layers, input).map_err(|mut faults| Box::new(faults.swap_remove(0)))
}

/// Shape after all layers, or every fault up to a layer whose result nobody knows: at least one.
pub fn check(layers: &[LayerSpec], input: RowShape) -> Result<RowShape, Vec<LayerFault>> {
    let mut faults = Vec::new();
    match all(layers, input, "", &mut faults) {
        Some(shape) if faults.is_empty() => Ok(shape),
        _ => Err(faults),
    }
}

fn all(layers: &[LayerSpec], input: RowShape, path: &str, faults: &mut Vec<LayerFault>) -> Option<RowShape> {
    let mut layers = layers.iter().enumerate();
    layers.try_fold(input, |shape, (index, layer)| after(layer, &shape, &format!("{path}/{index}"), faults))
}

/// Shape after a layer. If it is known in spite of a fault, the layers after it can be checked.
fn after(layer: &LayerSpec, input: &RowShape, path: &str, faults: &mut Vec<LayerFault>) -> Option<RowShape> {
    let word = layer.word();
    let fault = |key: &str, expected: String, hint: Option<&str>| LayerFault {
        path: format!("{path}{key}"),
        layer: word,
        problem: "does not fit what arrives there",
        expected,
        given: input.to_string(),
        hint: hint.map(str::to_owned),
    };
    let wants_image = matches!(
        layer,
        LayerSpec::Conv2d(_)
            | LayerSpec::WhiteningConv2d(_)
            | LayerSpec::BatchNorm2d(_)
            | LayerSpec::GroupNorm(_)
            | LayerSpec::MaxPool2d(_)
            | LayerSpec::AvgPool2d(_)
            | LayerSpec::AdaptiveMaxPool2d(_)
            | LayerSpec::AdaptiveAvgPool2d(_)
    );
    let (channels, height, width) = match input.0[..] {
        [channels, height, width] => (channels, height, width),
        _ if wants_image => {
            let hint = Some("put it before the flatten layer");
            faults.push(fault("", "an image of channels × height × width".into(), hint));
            return None;
        }
        _ => (0, 0, 0),
    };
    let mut agrees = |given: Option<usize>, key: &str, actual: usize, noun: &str| {
        if let Some(wanted) = given.filter(|wanted| *wanted != actual) {
            let hint = format!("leave `{key}` out: it follows from the layer before");
            faults.push(fault(&format!("/{key}"), format!("{} {noun}", grouped(wanted as f64)), Some(&hint)));
        }
    };
    let (mut shape, mut weights) = (input.0.clone(), Some(0));
    match layer {
        LayerSpec::Conv2d(conv) => {
            agrees(conv.in_channels, "in_channels", channels, "channels");
            let sides = side(height, conv.kernel_size, conv.padding, conv.stride).zip(side(
                width,
                conv.kernel_size,
                conv.padding,
                conv.stride,
            ));
            let Some((height, width)) = sides else {
                faults.push(too_small(&fault, conv.kernel_size, conv.padding));
                return None;
            };
            shape = vec![conv.out_channels, height, width];
            let divides = |n: usize| n.is_multiple_of(conv.groups);
            if !divides(channels) || !divides(conv.out_channels) {
                let expected = format!("channels before and after it that {} groups share evenly", conv.groups);
                let given = format!("{channels} before and {} after", conv.out_channels);
                let problem = "cannot cut its channels into groups";
                faults.push(LayerFault { problem, given, ..fault("/groups", expected, None) });
            }
            weights = product(&[channels / conv.groups, conv.out_channels, conv.kernel_size, conv.kernel_size]);
        }
        LayerSpec::WhiteningConv2d(conv) => {
            let sides = side(height, conv.kernel_size, 0, 1).zip(side(width, conv.kernel_size, 0, 1));
            let Some((height, width)) = sides else {
                faults.push(too_small(&fault, conv.kernel_size, 0));
                return None;
            };
            const MOST: usize = 4096;
            let patch = product(&[channels, conv.kernel_size, conv.kernel_size]).unwrap_or(usize::MAX);
            if patch > MOST {
                let expected = format!("patches of at most {MOST} numbers");
                let fault = fault("/kernel_size", expected, Some("put it first, where there are few channels"));
                let problem = "has too large patches to whiten";
                faults.push(LayerFault { problem, given: grouped(patch as f64), ..fault });
                return None;
            }
            shape = vec![2 * patch, height, width];
            weights = product(&[2 * patch, patch]);
        }
        LayerSpec::MaxPool2d(MaxPool2d { kernel_size, stride, padding })
        | LayerSpec::AvgPool2d(AvgPool2d { kernel_size, stride, padding }) => {
            let (kernel, padding) = (*kernel_size, *padding);
            if padding * 2 > kernel {
                let fault = fault("/padding", format!("at most half of kernel_size {kernel}"), None);
                let problem = "has too much padding";
                faults.push(LayerFault { problem, given: padding.to_string(), ..fault });
                return None;
            }
            let stride = stride.unwrap_or(kernel);
            let sides = side(height, kernel, padding, stride).zip(side(width, kernel, padding, stride));
            let Some((height, width)) = sides else {
                faults.push(too_small(&fault, kernel, padding));
                return None;
            };
            shape = vec![channels, height, width];
        }
        LayerSpec::GroupNorm(norm) => {
            if !channels.is_multiple_of(norm.groups) {
                let expected = format!("channels that {} groups share evenly", norm.groups);
                let problem = "cannot cut the channels into groups";
                faults.push(LayerFault { problem, ..fault("/groups", expected, None) });
            }
        }
        LayerSpec::AdaptiveMaxPool2d(pool) => shape = vec![channels, pool.output_size, pool.output_size],
        LayerSpec::AdaptiveAvgPool2d(pool) => shape = vec![channels, pool.output_size, pool.output_size],
        LayerSpec::BatchNorm2d(norm) => agrees(norm.num_features, "num_features", channels, "channels"),
        LayerSpec::Linear(linear) => {
            if let [features] = input.0[..] {
                agrees(linear.in_features, "in_features", features, "features");
                weights = product(&[features, linear.out_features]);
            } else {
                faults.push(fault("", "a row of features".into(), Some("put a flatten layer before it")));
            }
            if linear.init == Init::Dirac {
                let expected = "an init for matrices".to_owned();
                let problem = "has an init for filters";
                faults.push(LayerFault { problem, given: "dirac".into(), ..fault("/init", expected, None) });
            }
            shape = vec![linear.out_features];
        }
        LayerSpec::Flatten(_) => shape = vec![product(&input.0).unwrap_or(usize::MAX)],
        LayerSpec::Relu(_)
        | LayerSpec::LeakyRelu(_)
        | LayerSpec::Gelu(_)
        | LayerSpec::Silu(_)
        | LayerSpec::Tanh(_)
        | LayerSpec::Sigmoid(_)
        | LayerSpec::Scale(_)
        | LayerSpec::Dropout(_)
        | LayerSpec::LayerNorm(_)
        | LayerSpec::Standardize(_) => {}
        LayerSpec::Sequential(own) => shape = all(&own.layers, input.clone(), &format!("{path}/layers"), faults)?.0,
        LayerSpec::Residual(own) => {
            let inner = all(&own.layers, input.clone(), &format!("{path}/layers"), faults)?;
            if own.shortcut.is_empty() && inner != *input {
                let hint = Some("or add a `shortcut` of layers that make the same of it");
                let fault = fault("/layers", format!("layers that keep {input}"), hint);
                let given = format!("layers that make it {inner}");
                faults.push(LayerFault { problem: "must keep the shape", given, ..fault });
            } else if !own.shortcut.is_empty() {
                let around = all(&own.shortcut, input.clone(), &format!("{path}/shortcut"), faults)?;
                if around != inner {
                    let fault = fault("/shortcut", format!("layers that make it {inner}, as the others do"), None);
                    let given = format!("layers that make it {around}");
                    faults.push(LayerFault { problem: "has a shortcut of another shape", given, ..fault });
                }
                shape = inner.0;
            }
        }
    }
    let most = grouped(MAX_ELEMENTS as f64);
    let shape = RowShape(shape);
    if product(&shape.0).is_none_or(|all| all > MAX_ELEMENTS) {
        let fault = fault("", format!("at most {most} numbers a sample"), None);
        faults.push(LayerFault { problem: "has too large a result", given: shape.to_string(), ..fault });
        return None;
    }
    if weights.is_none_or(|all| all > MAX_ELEMENTS) {
        let fault = fault("", format!("at most {most} weights"), None);
        let given = format!("weights from {input} to {shape}");
        faults.push(LayerFault { problem: "has too many weights", given, ..fault });
    }
    Some(shape)
}

fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1_usize, |all, &n| all.checked_mul(n))
}

fn too_small(fault: &dyn Fn(&str, String, Option<&str>) -> LayerFault, kernel: usize, padding: usize) -> LayerFault {
    let expected = format!("at least {kernel} × {kernel} pixels with a padding of {padding}");
    fault("", expected, Some("more padding, or less pooling before it"))
}

/// Places that a window has along a side.
fn side(n: usize, kernel: usize, padding: usize, stride: usize) -> Option<usize> {
    Some((n + 2 * padding).checked_sub(kernel)? / stride + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::params::ParamType as _;

    fn layers(json: serde_json::Value) -> Vec<LayerSpec> {
        Vec::from_json(&json).expect("valid layers")
    }

    #[test]
    fn shapes_follow_torch() {
        let net = layers(json!([
            { "layer": "conv2d", "out_channels": 8, "kernel_size": 5, "stride": 2, "padding": 2 },
            { "layer": "residual", "layers": [{ "layer": "relu" }] },
            { "layer": "max_pool2d", "kernel_size": 2 },
            { "layer": "flatten" },
            { "layer": "linear", "out_features": 10 }
        ]));
        assert_eq!(infer(&net[..1], RowShape(vec![3, 32, 32])), Ok(RowShape(vec![8, 16, 16])));
        assert_eq!(infer(&net[..4], RowShape(vec![3, 32, 32])), Ok(RowShape(vec![512])));
        assert_eq!(infer(&net, RowShape(vec![3, 32, 32])), Ok(RowShape(vec![10])));
    }

    #[test]
    fn a_nested_fault_has_its_path() {
        let net = layers(json!([{ "layer": "residual", "layers": [
            { "layer": "relu" },
            { "layer": "conv2d", "out_channels": 4, "kernel_size": 3 }
        ] }]));
        let fault = infer(&net, RowShape(vec![4, 8, 8])).expect_err("the image shrinks");
        assert_eq!(fault.path, "/0/layers");
        assert_eq!(fault.given, "layers that make it an image of 4 channels, 6 × 6 pixels");
        let fault = infer(&net, RowShape(vec![4, 2, 2])).expect_err("the image is smaller than the filter");
        assert_eq!((fault.path.as_str(), fault.layer), ("/0/layers/1", "conv2d"));
        assert_eq!(fault.place(), "0.1");
    }

    #[test]
    fn a_size_that_disagrees_does_not_hide_the_next_one() {
        let net = layers(json!([
            { "layer": "flatten" },
            { "layer": "linear", "in_features": 3, "out_features": 8 },
            { "layer": "linear", "in_features": 9, "out_features": 2 }
        ]));
        let faults = check(&net, RowShape(vec![1, 2, 2])).expect_err("both disagree");
        let paths: Vec<&str> = faults.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["/1/in_features", "/2/in_features"]);
    }

    #[test]
    fn weights_are_limited() {
        let net = layers(json!([
            { "layer": "flatten" },
            { "layer": "linear", "out_features": 16_777_216 },
            { "layer": "linear", "out_features": 16_777_216 }
        ]));
        let fault = infer(&net, RowShape(vec![3, 32, 32])).expect_err("2⁴⁸ weights");
        assert_eq!((fault.path.as_str(), fault.problem), ("/2", "has too many weights"));
    }
}
