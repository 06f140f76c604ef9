//! `poison`: puts a mark on chosen samples' images.

use pixels::ops::blend_pattern;

use super::chosen::chosen;
use super::group::Group;
use super::images::{image_size, per_channel, spread, uint8_image};
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{ImageSize, Rows};
use crate::params::{Fault, Faults, Kind, ParamSet, ParamType, params};

params! {
    /// Blends a rectangle of one colour into the images of chosen samples: the mark of a backdoor attack.
    ///
    /// Each value v of the rectangle becomes v·(1 − alpha) + colour·alpha, its fraction cut off; all other samples stay
    /// as they are. As FFCV's Poison with a mask that has one colour in a rectangle, and the same alpha in it.
    pub struct Poison {
        /// The rectangle: where it is, how large, and its colour.
        pattern: Pattern,
        /// Weight of the colour: at 1 it covers what is below.
        alpha: f64 = 1.0 => 0.0..=1.0,
        /// Numbers of the samples in their source, counted from 0.
        samples: Vec<u64> = Vec::new(),
        /// File with the numbers of the samples, or of more of them: a `.npy` of whole numbers, or text, one a line.
        indices: Option<String> = None,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

params! {
    /// A rectangle of one colour, inside the image.
    pub struct Pattern {
        /// Its first line, counted from 0.
        top: usize = 0 => 0..=65_535,
        /// Its first column, counted from 0.
        left: usize = 0 => 0..=65_535,
        /// Its lines.
        height: usize => 1..=65_536,
        /// Its columns.
        width: usize => 1..=65_536,
        /// Its colour, one value a channel or one for all.
        colour: Vec<u8> = vec![255] => 0..=255,
    }
}

impl ParamType for Pattern {
    fn kind() -> Kind {
        Kind::Object(Self::PARAMS)
    }
    fn from_json(value: &serde_json::Value) -> Option<Self> {
        <Self as ParamSet>::from_json(value.as_object()?)
    }
    fn to_json(&self) -> serde_json::Value {
        <Self as ParamSet>::to_json(self).into()
    }
}

impl OperatorParams for Poison {
    fn operator_name(&self) -> &'static str {
        PoisonOperator::NAME
    }
}

/// See [`Poison`].
pub struct PoisonOperator;

impl Operator for PoisonOperator {
    type Params = Poison;
    const NAME: &'static str = "poison";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &Poison, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = uint8_image(inputs, &params.field)?;
        let mut faults = Faults::default();
        faults.keep(per_channel("colour", params.pattern.colour.len(), size).map_err(|mut faults| {
            faults.0.iter_mut().for_each(|fault| fault.path.insert_str(0, "/pattern"));
            faults
        }));
        faults.keep(inside(&params.pattern, size));
        faults.keep(chosen(&params.samples, params.indices.as_deref()));
        faults.end()?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &Poison, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let samples = chosen(&params.samples, params.indices.as_deref()).map_err(OperatorError::of_faults)?;
        let size = image_size(site.input, &params.field);
        let pattern = params.pattern.clone();
        let colour: Vec<f32> = spread(&pattern.colour, size.channels).into_iter().map(f32::from).collect();
        let line = colour.repeat(pattern.width);
        let alpha = vec![params.alpha as f32; line.len()];
        Ok(Kernel::Map(Box::new(Mark { field: params.field.clone(), size, samples, pattern, line, alpha })))
    }
}

fn inside(pattern: &Pattern, size: ImageSize) -> Result<(), Fault> {
    let sides =
        [("height", pattern.top, pattern.height, size.height), ("width", pattern.left, pattern.width, size.width)];
    match sides.into_iter().find(|(_, start, length, side)| start + length > *side) {
        Some((key, start, length, side)) => {
            let fault = Fault::new(format!("/pattern/{key}"), "the rectangle does not lie in the image");
            let place = if key == "height" { "top" } else { "left" };
            let expected = format!("`{place}` and `{key}` of together at most {side}");
            Err(fault.expected(expected).given(format!("{start} and {length}")))
        }
        None => Ok(()),
    }
}

struct Mark {
    field: String,
    size: ImageSize,
    /// In order.
    samples: Vec<u64>,
    pattern: Pattern,
    /// A line of the rectangle, and the weight of each of its values.
    line: Vec<f32>,
    alpha: Vec<f32>,
}

impl Map for Mark {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        let images = rows.write::<u8>(&self.field).chunks_exact_mut(self.size.bytes().max(1));
        for (image, _) in images.zip(samples).filter(|(_, sample)| self.samples.binary_search(sample).is_ok()) {
            for y in self.pattern.top..self.pattern.top + self.pattern.height {
                let start = (y * self.size.width + self.pattern.left) * self.size.channels;
                blend_pattern(&mut image[start..][..self.line.len()], &self.line, &self.alpha, (0, 255));
            }
        }
        Ok(())
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        let marked = |sample: &u64| self.samples.binary_search(sample).is_ok();
        rows.samples().iter().map(|sample| marked(sample).then(|| "marked".to_owned()).into_iter().collect()).collect()
    }
}
