//! `convert`: another element type.

use half::{bf16, f16};
use pixels::ValueTable;

use super::images::mismatch;
use super::kernel::{DeviceMap, Kernel, Map, OperatorError, Site};
use super::normalize::Lookup;
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{DType, Draws, Field, Layout, Rows};
use crate::params::{Faults, params};
use crate::torch::{DeviceBatch, TorchError, kind};

params! {
    /// Converts a field to another element type, value by value.
    ///
    /// As FFCV's Convert. To a type with fewer digits it rounds to the nearest (ties to even); to an integer it cuts
    /// the fraction, and values beyond the type's range become its nearest value.
    pub struct Convert {
        /// Type afterwards.
        dtype: DType,
        /// Field to work on.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for Convert {
    fn operator_name(&self) -> &'static str {
        ConvertOperator::NAME
    }
}

/// See [`Convert`].
pub struct ConvertOperator;

impl Operator for ConvertOperator {
    type Params = Convert;
    const NAME: &'static str = "convert";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &Convert, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let field = inputs.field("field", &params.field)?;
        if field.is_ragged() {
            let hint = "put this node after one that gives all images one size";
            return Err(mismatch("numbers", field, hint).into());
        }
        let mode = if field.dtype == params.dtype { WriteMode::View } else { WriteMode::Replace };
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: Field { dtype: params.dtype, ..field.clone() }, mode }],
            on_gpu: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &Convert, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let field = site.input.field(&params.field).expect("the signature found it");
        if field.dtype == params.dtype {
            return Ok(Kernel::View);
        }
        let image = field.image_size().filter(|_| field.layout != Layout::Chw && field.dtype == DType::Uint8);
        Ok(Kernel::Map(match (image, byte_table(params.dtype)) {
            (Some(size), Some(table)) => {
                // The same for all channels: as one, whatever their number.
                Box::new(Lookup { field: params.field.clone(), size, planar: false, table })
            }
            _ => Box::new(Conversion { field: params.field.clone(), from: field.dtype, to: params.dtype }),
        }))
    }

    fn device_kernel(&self, params: &Convert, _: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        Ok(Some(Box::new(DeviceConversion(params.clone()))))
    }
}

/// What each byte becomes, as a type with fractions.
fn byte_table(dtype: DType) -> Option<ValueTable> {
    let values: [f64; 256] = std::array::from_fn(|v| v as f64);
    match dtype {
        DType::Float32 => Some(ValueTable::float32(&[values])),
        DType::Float16 => Some(ValueTable::Bits16(vec![values.map(|v| f16::from_f64_const(v).to_bits())])),
        DType::Bfloat16 => Some(ValueTable::Bits16(vec![values.map(|v| bf16::from_f64_const(v).to_bits())])),
        DType::Uint8 | DType::Int64 => None,
    }
}

/// A type that fields have, by way of f64, which holds all their values but the largest integers.
trait Element: bytemuck::Pod {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

macro_rules! element {
    ($($type:ty: $to:expr, $from:expr;)*) => {$(
        impl Element for $type {
            fn to_f64(self) -> f64 {
                $to(self)
            }
            fn from_f64(value: f64) -> Self {
                $from(value)
            }
        }
    )*};
}

element! {
    u8: f64::from, |v| v as u8;
    i64: |v| v as f64, |v| v as i64;
    // These round once, on every processor.
    f16: f64::from, f16::from_f64_const;
    bf16: f64::from, bf16::from_f64_const;
    f32: f64::from, |v| v as f32;
}

struct Conversion {
    field: String,
    from: DType,
    to: DType,
}

impl Conversion {
    fn pair<I: Element, O: Element>(&self, rows: &mut Rows<'_>) {
        let (from, to) = rows.replace::<I, O>(&self.field);
        for (from, to) in from.iter().zip(to) {
            *to = O::from_f64(from.to_f64());
        }
    }

    fn from<I: Element>(&self, rows: &mut Rows<'_>) {
        match self.to {
            DType::Uint8 => self.pair::<I, u8>(rows),
            DType::Int64 => self.pair::<I, i64>(rows),
            DType::Float16 => self.pair::<I, f16>(rows),
            DType::Bfloat16 => self.pair::<I, bf16>(rows),
            DType::Float32 => self.pair::<I, f32>(rows),
        }
    }
}

impl Map for Conversion {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        match self.from {
            DType::Uint8 => self.from::<u8>(rows),
            DType::Int64 => self.from::<i64>(rows),
            DType::Float16 => self.from::<f16>(rows),
            DType::Bfloat16 => self.from::<bf16>(rows),
            DType::Float32 => self.from::<f32>(rows),
        }
        Ok(())
    }
}

struct DeviceConversion(Convert);

impl DeviceMap for DeviceConversion {
    fn apply(&self, batch: &mut DeviceBatch, _: Draws<'_>) -> Result<(), OperatorError> {
        let field = Field { dtype: self.0.dtype, ..batch.field(&self.0.field)?.clone() };
        let tensor = batch.tensor(&self.0.field)?.f_to_kind(kind(self.0.dtype)).map_err(TorchError::from)?;
        batch.set(field, tensor);
        Ok(())
    }
}
