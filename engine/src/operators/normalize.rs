//! `normalize`: (value − mean) / std.

use half::{bf16, f16};
use tch::Tensor;

use super::images::{any_image, image_size, mismatch, per_channel, spread};
use super::kernel::{DeviceMap, Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{DType, Field, ImageSize, Layout, Rows};
use crate::params::{Faults, choice, params};
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

    fn kernel(&self, params: &Normalize, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        let layout = site.input.field(&params.field).expect("the signature found it").layout;
        let planes = (layout == Layout::Chw).then_some(size.height * size.width);
        let (name, values) = (params.field.clone(), values(params, size.channels));
        Ok(Kernel::Map(match params.dtype {
            FloatType::Float32 => Box::new(Lookup { name, planes, table: table(&values, |v| v as f32) }),
            FloatType::Float16 => Box::new(Lookup { name, planes, table: table(&values, f16::from_f64_const) }),
            FloatType::Bfloat16 => Box::new(Lookup { name, planes, table: table(&values, bf16::from_f64_const) }),
        }))
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
fn values(params: &Normalize, channels: usize) -> Vec<Vec<f64>> {
    let (mean, std) = (spread(&params.mean, channels), spread(&params.std, channels));
    mean.iter().zip(std).map(|(mean, std)| (0..256).map(|v| (f64::from(v) - mean) / std).collect()).collect()
}

/// Rounded to a type. The constant functions of `half` round once, on every processor; its others go by way of float32
/// where the processor converts that.
fn table<T: Copy>(values: &[Vec<f64>], round: impl Fn(f64) -> T) -> Vec<[T; 256]> {
    values.iter().map(|channel| std::array::from_fn(|v| round(channel[v]))).collect()
}

struct Lookup<T> {
    name: String,
    /// Values of a channel that lie together; none where the channels of a pixel do.
    planes: Option<usize>,
    /// By channel, then value.
    table: Vec<[T; 256]>,
}

impl<T: bytemuck::Pod + Send + Sync> Map for Lookup<T> {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let (from, to) = rows.replace::<u8, T>(&self.name);
        match (self.planes, &self.table[..]) {
            (Some(plane), table) => {
                let planes = from.chunks_exact(plane).zip(to.chunks_exact_mut(plane));
                for ((from, to), table) in planes.zip(table.iter().cycle()) {
                    from.iter().zip(to).for_each(|(from, to)| *to = table[*from as usize]);
                }
            }
            // The usual case, without an inner loop.
            (None, [red, green, blue]) => {
                for (from, to) in from.as_chunks::<3>().0.iter().zip(to.as_chunks_mut::<3>().0) {
                    *to = [red[from[0] as usize], green[from[1] as usize], blue[from[2] as usize]];
                }
            }
            (None, table) => {
                for (from, to) in from.chunks_exact(table.len()).zip(to.chunks_exact_mut(table.len())) {
                    for ((from, to), table) in from.iter().zip(to).zip(table) {
                        *to = table[*from as usize];
                    }
                }
            }
        }
        Ok(())
    }
}

struct DeviceLookup {
    params: Normalize,
    channels: usize,
    /// The results of all channels, one after the other.
    table: Tensor,
}

impl DeviceMap for DeviceLookup {
    fn apply(&self, batch: &mut DeviceBatch) -> Result<(), OperatorError> {
        let field = batch.field(&self.params.field)?.clone();
        let image = batch.tensor(&self.params.field)?;
        let device = image.device();
        let run = || -> Result<Tensor, tch::TchError> {
            let starts = Tensor::f_arange(self.channels as i64, (tch::Kind::Int, device))?.f_mul_scalar(256)?;
            // In the order of the memory: what is looked up comes out in the order of its places.
            let (pixels, starts) = match field.layout {
                Layout::ChannelsLast => (image.f_permute([0, 2, 3, 1])?, starts),
                Layout::Chw => (image.shallow_clone(), starts.f_view([self.channels as i64, 1, 1])?),
                Layout::Hwc | Layout::Plain => (image.shallow_clone(), starts),
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
