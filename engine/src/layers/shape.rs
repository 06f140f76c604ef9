//! The shape that arrives at each layer, and whether it fits.

use std::fmt;

use super::{Conv2d, LayerSpec, MaxPool2d};

/// Shape of a row between two layers: channels × height × width, or a number of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowShape(pub Vec<usize>);

impl fmt::Display for RowShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [c, h, w] => write!(f, "an image of {c} channels, {h} × {w} pixels"),
            [n] => write!(f, "{n} features"),
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
    /// What it needs.
    pub expected: String,
    /// What arrives.
    pub given: String,
    /// What can be done.
    pub hint: Option<String>,
}

/// Largest size of a row between layers, in numbers; more is a mistake, and could overflow.
const MAX_ELEMENTS: usize = 1 << 40;

/// Shape after all layers.
pub fn infer(layers: &[LayerSpec], input: RowShape) -> Result<RowShape, LayerFault> {
    infer_at(layers, input, "")
}

fn infer_at(layers: &[LayerSpec], input: RowShape, path: &str) -> Result<RowShape, LayerFault> {
    layers.iter().enumerate().try_fold(input, |shape, (index, layer)| after(layer, shape, &format!("{path}/{index}")))
}

fn after(layer: &LayerSpec, input: RowShape, path: &str) -> Result<RowShape, LayerFault> {
    let fault = |key: &str, expected: String, hint: Option<&str>| LayerFault {
        path: format!("{path}{key}"),
        layer: layer.word(),
        expected,
        given: input.to_string(),
        hint: hint.map(str::to_owned),
    };
    let image = || match input.0[..] {
        [c, h, w] => Ok((c, h, w)),
        _ => Err(fault("", "an image of channels × height × width".into(), None)),
    };
    let agrees = |given: Option<usize>, key: &str, actual: usize, noun: &str| match given {
        Some(wanted) if wanted != actual => {
            Err(fault(key, format!("{wanted} {noun}"), Some("leave it out, or mend the layer before")))
        }
        _ => Ok(()),
    };
    let shape = match layer {
        LayerSpec::Conv2d(conv) => {
            let (c, h, w) = image()?;
            agrees(conv.in_channels, "/in_channels", c, "channels")?;
            let side = |n| conv_side(n, conv).ok_or_else(|| too_small(&fault, conv.kernel_size, conv.padding));
            vec![conv.out_channels, side(h)?, side(w)?]
        }
        LayerSpec::MaxPool2d(pool) => {
            let (c, h, w) = image()?;
            if pool.padding * 2 > pool.kernel_size {
                let expected = format!("at most half of kernel_size {}", pool.kernel_size);
                return Err(LayerFault { given: pool.padding.to_string(), ..fault("/padding", expected, None) });
            }
            let side = |n| pool_side(n, pool).ok_or_else(|| too_small(&fault, pool.kernel_size, pool.padding));
            vec![c, side(h)?, side(w)?]
        }
        LayerSpec::AdaptiveMaxPool2d(p) => image().map(|(c, ..)| vec![c, p.output_size, p.output_size])?,
        LayerSpec::AdaptiveAvgPool2d(p) => image().map(|(c, ..)| vec![c, p.output_size, p.output_size])?,
        LayerSpec::BatchNorm2d(norm) => {
            let (c, ..) = image()?;
            agrees(norm.num_features, "/num_features", c, "channels")?;
            input.0.clone()
        }
        LayerSpec::Linear(linear) => {
            let [n] = input.0[..] else {
                let expected = "a row of features".into();
                return Err(fault("", expected, Some("put a flatten layer before it")));
            };
            agrees(linear.in_features, "/in_features", n, "features")?;
            vec![linear.out_features]
        }
        LayerSpec::Flatten(_) => vec![input.0.iter().product()],
        LayerSpec::Relu(_) | LayerSpec::Gelu(_) | LayerSpec::Scale(_) | LayerSpec::Dropout(_) => input.0.clone(),
        LayerSpec::Sequential(s) => infer_at(&s.layers, input.clone(), &format!("{path}/layers"))?.0,
        LayerSpec::Residual(r) => {
            let inner = infer_at(&r.layers, input.clone(), &format!("{path}/layers"))?;
            if inner != input {
                let expected = format!("layers that keep {input}");
                return Err(LayerFault {
                    given: format!("layers that make it {inner}"),
                    ..fault("/layers", expected, None)
                });
            }
            inner.0
        }
    };
    if shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n)).is_none_or(|all| all > MAX_ELEMENTS) {
        return Err(fault("", format!("a result of at most {MAX_ELEMENTS} numbers a sample"), None));
    }
    Ok(RowShape(shape))
}

fn too_small(fault: &dyn Fn(&str, String, Option<&str>) -> LayerFault, kernel: usize, padding: usize) -> LayerFault {
    fault("", format!("at least {kernel} × {kernel} pixels with a padding of {padding}"), None)
}

fn conv_side(n: usize, conv: &Conv2d) -> Option<usize> {
    Some((n + 2 * conv.padding).checked_sub(conv.kernel_size)? / conv.stride + 1)
}

fn pool_side(n: usize, pool: &MaxPool2d) -> Option<usize> {
    let stride = pool.stride.unwrap_or(pool.kernel_size);
    Some((n + 2 * pool.padding).checked_sub(pool.kernel_size)? / stride + 1)
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
    }
}
