//! Values of a field as a picture for people.

use engine::batch::{DType, Field, Layout, Values};
use engine::plan::Plan;
use half::{bf16, f16};
use pixels::{Decoder, Filter, ImageSize, Picture as Encoded, Rect, Resize};
use serde_json::{Value, json};

use super::sample_values::each;

/// A picture in red, green and blue.
#[derive(Clone)]
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
}

/// How values became bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mapping {
    /// They are bytes.
    Bytes,
    /// The image was still encoded.
    Decoded,
    /// What a node made of bytes is undone: value × std + mean.
    Undone { node: String, mean: Vec<f64>, std: Vec<f64> },
    /// From the least to the greatest value, of all that are shown.
    Stretched { least: f64, most: f64 },
}

impl Mapping {
    /// In words; nothing where there is nothing to say.
    pub(crate) fn words(&self, dtype: DType) -> Option<String> {
        match self {
            Self::Bytes => None,
            Self::Decoded => Some("decoded for view".into()),
            Self::Undone { node, .. } => Some(format!("{dtype} shown as before `{node}`: value × std + mean")),
            Self::Stretched { least, most } => {
                Some(format!("{dtype} shown from {least:.4} (black) to {most:.4} (white)"))
            }
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Bytes => json!({ "mapping": "bytes" }),
            Self::Decoded => json!({ "mapping": "decoded" }),
            Self::Undone { node, mean, std } => json!({ "mapping": "undone", "node": node, "mean": mean, "std": std }),
            Self::Stretched { least, most } => json!({ "mapping": "stretched", "least": least, "most": most }),
        }
    }
}

/// Whether a field can be shown.
pub(crate) fn is_image(field: &Field) -> bool {
    field.layout == Layout::Picture || field.image_size().is_some_and(|size| size.bytes() > 0)
}

/// All rows of a field that [`is_image`], and how their values became bytes.
pub(crate) fn pictures(
    plan: &Plan,
    node: usize,
    field: &Field,
    values: Values<'_>,
) -> Result<(Vec<Picture>, Mapping), String> {
    match values {
        Values::Items(items) => {
            let mut decoder = Decoder::new();
            let decoded = items.iter().map(|item| {
                let mut rgb = Vec::new();
                let size = decoder.full(item.picture(), 3, &mut rgb).map_err(|e| e.to_string())?;
                Ok(Picture { width: size.width, height: size.height, rgb })
            });
            let encoded = items.iter().any(|item| item.size.is_none());
            Ok((decoded.collect::<Result<_, String>>()?, if encoded { Mapping::Decoded } else { Mapping::Bytes }))
        }
        Values::Bytes(bytes) => {
            let size = field.image_size().ok_or("the field is no image")?;
            let numbers = numbers(field.dtype, bytes);
            let mapping = mapping(plan, node, field, &numbers);
            let byte = |value: f64, channel: usize| match &mapping {
                Mapping::Undone { mean, std, .. } => value * of(std, channel) + of(mean, channel),
                Mapping::Stretched { least, most } => (value - least) / (most - least).max(f64::MIN_POSITIVE) * 255.0,
                Mapping::Bytes | Mapping::Decoded => value,
            };
            let rows = numbers.chunks_exact(field.elements());
            Ok((rows.map(|row| picture(row, size, field.layout, &byte)).collect(), mapping))
        }
    }
}

fn of(values: &[f64], channel: usize) -> f64 {
    values.get(channel).or(values.first()).copied().unwrap_or_default()
}

/// One channel is grey, and so are two; of more than three the first three are shown.
fn picture(values: &[f64], size: ImageSize, layout: Layout, byte: &dyn Fn(f64, usize) -> f64) -> Picture {
    let ImageSize { height, width, channels } = size;
    let mut rgb = Vec::with_capacity(height * width * 3);
    for pixel in 0..height * width {
        for channel in if channels < 3 { [0; 3] } else { [0, 1, 2] } {
            let value = match layout {
                Layout::Chw => values[channel * height * width + pixel],
                _ => values[pixel * channels + channel],
            };
            // A cast ends at 0 and 255, and makes 0 of what is no number.
            rgb.push(byte(value, channel).round() as u8);
        }
    }
    Picture { width, height, rgb }
}

/// Every type's values are exact in double precision, but for whole numbers that no image has.
fn numbers(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    match dtype {
        DType::Uint8 => each(bytes, |[v]| f64::from(v)),
        DType::Int64 => each(bytes, |v| i64::from_le_bytes(v) as f64),
        DType::Float32 => each(bytes, |v| f64::from(f32::from_le_bytes(v))),
        DType::Float16 => each(bytes, |v| f16::from_le_bytes(v).to_f64()),
        DType::Bfloat16 => each(bytes, |v| bf16::from_le_bytes(v).to_f64()),
    }
}

/// What made the values of bytes is known where only layout and type have changed since.
fn mapping(plan: &Plan, node: usize, field: &Field, numbers: &[f64]) -> Mapping {
    if field.dtype == DType::Uint8 {
        return Mapping::Bytes;
    }
    let mut name = field.name.clone();
    let mut schema = &plan.nodes[node].output;
    while let Some(column) = schema.column(&name) {
        let writer = &plan.nodes[column.writer];
        let list = |key: &str| -> Vec<f64> {
            writer.params.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        if let Some(alias) = writer.signature.aliases.iter().find(|alias| alias.to == name) {
            name.clone_from(&alias.from);
        }
        let before = writer.input.field(&name).map(|field| field.dtype);
        match writer.operator.name() {
            "normalize" => return Mapping::Undone { node: writer.name.clone(), mean: list("mean"), std: list("std") },
            "convert" if before == Some(DType::Uint8) => return Mapping::Bytes,
            "convert" | "to_torch_image" | "rename_field" | "copy_field" => schema = &writer.input,
            _ => break,
        }
    }
    let finite = numbers.iter().copied().filter(|v| v.is_finite());
    let (least, most) = finite.fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
    if least > most { Mapping::Stretched { least: 0.0, most: 1.0 } } else { Mapping::Stretched { least, most } }
}

impl Picture {
    /// Its longer side.
    pub(crate) fn side(&self) -> usize {
        self.width.max(self.height)
    }

    /// Made smaller, if its longer side has more pixels than that.
    pub(crate) fn at_most(self, side: usize) -> Self {
        if self.side() <= side {
            return self;
        }
        let shrunk = |len: usize| (len * side).div_ceil(self.side()).max(1);
        let size = |height, width| ImageSize { height, width, channels: 3 };
        let (from, to) = (size(self.height, self.width), size(shrunk(self.height), shrunk(self.width)));
        let mut rgb = vec![0; to.bytes()];
        let how = Resize { filter: Filter::Area, antialias: true, dct_scaling: false };
        let whole = Encoded { bytes: &self.rgb, size: Some(from) };
        match Decoder::new().region(whole, Rect::whole(from), how, false, to, &mut rgb) {
            Ok(()) => Self { width: to.width, height: to.height, rgb },
            // Nothing is decoded, and the part is the whole.
            Err(_) => self,
        }
    }
}
