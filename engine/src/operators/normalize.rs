//! `normalize`: (value − mean) / std.

use half::{bf16, f16};
use pixels::ValueTable;
use pixels::simd::Level;
use tch::Tensor;

use super::images::{any_image, image_size, mismatch, per_channel, spread};
use super::kernel::{DeviceMap, Kernel, Map, OperatorError, Part, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{DType, Draws, Field, ImageSize, Layout, Rows};
use crate::params::{Fault, Faults, choice, params};
use crate::torch::{DeviceBatch, TorchError};

params! {
    /// Makes each channel (value − mean) / std, in another element type.
    ///
    /// As FFCV's NormalizeImage: each of the 256 values of a channel is computed once in double precision and rounded
    /// to the type, so that every device and every worker gets the same bits. Values are in units of 0 to 255.
    pub struct Normalize {
        /// Subtracted, one value a channel or one for all.
        mean: Vec<f64> => -1e6..=1e6,
        /// Divides, one value a channel or one for all.
        std: Vec<f64> => 1e-6..=1e6,
        /// Type afterwards.
        dtype: FloatType = FloatType::Float32,
        /// Field to work on: an image of uint8.
        field: String = "image".to_owned(),
    }
}

choice! {
    /// An element type with fractions.
    pub enum FloatType {
        /// IEEE single precision.
        Float32 = "float32",
        /// IEEE half precision.
        Float16 = "float16",
        /// The upper half of a float32.
        Bfloat16 = "bfloat16",
    }
}

impl From<FloatType> for DType {
    fn from(dtype: FloatType) -> Self {
        match dtype {
            FloatType::Float32 => Self::Float32,
            FloatType::Float16 => Self::Float16,
            FloatType::Bfloat16 => Self::Bfloat16,
        }
    }
}

impl OperatorParams for Normalize {
    fn operator_name(&self) -> &'static str {
        NormalizeOperator::NAME
    }
}

/// See [`Normalize`].
pub struct NormalizeOperator;

impl Operator for NormalizeOperator {
    type Params = Normalize;
    const NAME: &'static str = "normalize";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &Normalize, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = any_image(inputs, &params.field)?;
        if field.dtype != DType::Uint8 {
            let hint = "put this node before `convert`; it converts too (`dtype`)";
            return Err(mismatch("an image of uint8", field, hint).into());
        }
        let mut faults = Faults::default();
        faults.keep(per_channel("mean", params.mean.len(), size));
        faults.keep(per_channel("std", params.std.len(), size));
        faults.end()?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write {
                field: Field { dtype: params.dtype.into(), ..field.clone() },
                mode: WriteMode::Replace,
            }],
            on_gpu: true,
            ..Signature::default()
        })
    }

    fn warnings(&self, params: &Normalize, _: &PortSchemas) -> Vec<Fault> {
        // 0 and 1 are the same thing in either: nothing is subtracted, nothing divided.
        let below = |values: &[f64], neutral: f64| {
            values.iter().all(|v| (0.0..=1.0).contains(v)) && values.iter().any(|v| *v != neutral)
        };
        let (mean, std) = (below(&params.mean, 0.0), below(&params.std, 1.0));
        let (key, what) = match (mean, std) {
            (false, false) => return Vec::new(),
            (true, true) => ("mean", "`mean` and `std` seem to be"),
            (true, false) => ("mean", "`mean` seems to be"),
            (false, true) => ("std", "`std` seems to be"),
        };
        let both = |mean_factor: f64, std_factor: f64| {
            let list = |values: &[f64], factor: f64| {
                let rounded = values.iter().map(|v| ((v * factor * 1e4).round() / 1e4).to_string());
                rounded.collect::<Vec<_>>().join(", ")
            };
            format!("\"mean\": [{}], \"std\": [{}]", list(&params.mean, mean_factor), list(&params.std, std_factor))
        };
        let times = |small: bool| if small { 255.0 } else { 1.0 };
        let fault = Fault::new(format!("/{key}"), format!("{what} in units of 0 to 1"));
        let fault = fault.expected("units of 0 to 255, as the image's values").given(both(1.0, 1.0));
        vec![fault.hint(format!("times 255: {}", both(times(mean), times(std))))]
    }

    fn kernel(&self, params: &Normalize, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        let layout = site.input.field(&params.field).expect("the signature found it").layout;
        let table = value_table(params, size.channels);
        Ok(Kernel::Map(Box::new(Lookup { field: params.field.clone(), size, planar: layout == Layout::Chw, table })))
    }

    fn device_kernel(&self, params: &Normalize, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        let ImageSize { channels, .. } = image_size(site.input, &params.field);
        let values = values(params, channels);
        // The very table of the CPU: torch would round twice, by way of float32.
        let table = match params.dtype {
            FloatType::Float32 => Tensor::f_from_slice(&table(&values, |v| v as f32).concat()),
            FloatType::Float16 => Tensor::f_from_slice(&table(&values, f16::from_f64_const).concat()),
            FloatType::Bfloat16 => {
                // tch takes a slice of bf16 for one of f16.
                let table = table(&values, bf16::from_f64_const).concat();
                Tensor::f_from_data_size(bytemuck::cast_slice(&table), &[table.len() as i64], tch::Kind::BFloat16)
            }
        };
        let table = table.map_err(TorchError::from)?;
        Ok(Some(Box::new(DeviceLookup { params: params.clone(), channels, table })))
    }
}

/// The 256 results of each channel.
fn values(params: &Normalize, channels: usize) -> Vec<[f64; 256]> {
    let (mean, std) = (spread(&params.mean, channels), spread(&params.std, channels));
    mean.iter().zip(std).map(|(mean, std)| std::array::from_fn(|v| (v as f64 - mean) / std)).collect()
}

/// Rounded to a type. The constant functions of `half` round once, on every processor; its others go by way of float32
/// where the processor converts that.
fn table<T: Copy>(values: &[[f64; 256]], round: impl Fn(f64) -> T) -> Vec<[T; 256]> {
    values.iter().map(|channel| channel.map(&round)).collect()
}

/// The table of a node.
fn value_table(params: &Normalize, channels: usize) -> ValueTable {
    let values = values(params, channels);
    match params.dtype {
        FloatType::Float32 => ValueTable::float32(&values),
        FloatType::Float16 => ValueTable::Bits16(table(&values, |v| f16::from_f64_const(v).to_bits())),
        FloatType::Bfloat16 => ValueTable::Bits16(table(&values, |v| bf16::from_f64_const(v).to_bits())),
    }
}

/// Looks up every value of images of bytes.
pub(super) struct Lookup {
    pub field: String,
    pub size: ImageSize,
    /// Whether the values of a channel lie together, in place of the channels of a pixel.
    pub planar: bool,
    pub table: ValueTable,
}

impl Map for Lookup {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let level = Level::best();
        let (from, to) = rows.replace::<u8, u8>(&self.field);
        if !self.planar {
            self.table.apply(level, from, to);
            return Ok(());
        }
        let plane = self.size.height * self.size.width;
        let planes = from.chunks_exact(plane).zip(to.chunks_exact_mut(plane * self.table.element_bytes()));
        for (index, (from, to)) in planes.enumerate() {
            self.table.apply_plane(level, index % self.size.channels, from, to);
        }
        Ok(())
    }

    fn part(&self) -> Part<'_> {
        match self.planar {
            true => Part::Whole,
            false => Part::Values { field: &self.field, size: self.size, table: &self.table },
        }
    }
}

struct DeviceLookup {
    params: Normalize,
    channels: usize,
    /// The results of all channels, one after the other.
    table: Tensor,
}

impl DeviceMap for DeviceLookup {
    fn apply(&self, batch: &mut DeviceBatch, _: Draws<'_>) -> Result<(), OperatorError> {
        let field = batch.field(&self.params.field)?.clone();
        let image = batch.tensor(&self.params.field)?;
        let device = image.device();
        let run = || -> Result<Tensor, tch::TchError> {
            let starts = Tensor::f_arange(self.channels as i64, (tch::Kind::Int, device))?.f_mul_scalar(256)?;
            // In the order of the memory: what is looked up comes out in the order of its places.
            let (pixels, starts) = match field.layout {
                Layout::ChannelsLast => (image.f_permute([0, 2, 3, 1])?, starts),
                Layout::Chw => (image.shallow_clone(), starts.f_view([self.channels as i64, 1, 1])?),
                _ => (image.shallow_clone(), starts),
            };
            let places = pixels.f_to_kind(tch::Kind::Int)?.f_add(&starts)?.f_to_kind(tch::Kind::Int64)?;
            let normalized = self.table.f_to_device(device)?.f_take(&places)?;
            match field.layout {
                Layout::ChannelsLast => normalized.f_permute([0, 3, 1, 2]),
                _ => Ok(normalized),
            }
        };
        let normalized = run().map_err(TorchError::from)?;
        batch.set(Field { dtype: self.params.dtype.into(), ..field }, normalized);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_rounded_once_from_double_precision() {
        let params =
            Normalize { mean: vec![125.307], std: vec![51.5865], dtype: FloatType::Float32, field: "image".into() };
        let table = table(&values(&params, 1), |v| v as f32);
        assert_eq!(table[0][200], ((200.0 - 125.307) / 51.5865) as f32);
        assert_eq!(table[0][0], (-125.307 / 51.5865) as f32);
    }
}
