//! Columns of a batch as tensors.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use super::{TorchError, last_error, scalar_type};
use crate::batch::{Batch, DType, Field, Layout};

unsafe extern "C" {
    fn engine_from_owned(
        data: *mut c_void,
        sizes: *const i64,
        strides: *const i64,
        dims: c_int,
        dtype: c_int,
        context: *mut c_void,
        release: extern "C" fn(*mut c_void),
    ) -> *mut C_tensor;
}

/// torch's name of an element type.
pub fn kind(dtype: DType) -> Kind {
    match dtype {
        DType::Uint8 => Kind::Uint8,
        DType::Int64 => Kind::Int64,
        DType::Float16 => Kind::Half,
        DType::Bfloat16 => Kind::BFloat16,
        DType::Float32 => Kind::Float,
    }
}

/// Shape and strides of a column of `rows` rows. Channels-last images are a permuted view of their memory.
fn geometry(field: &Field, rows: usize) -> (Vec<i64>, Vec<i64>) {
    let sizes: Vec<i64> = std::iter::once(rows).chain(field.shape.iter().copied()).map(|n| n as i64).collect();
    let mut strides = vec![1; sizes.len()];
    for axis in (0..sizes.len() - 1).rev() {
        strides[axis] = strides[axis + 1] * sizes[axis + 1];
    }
    if let (Layout::ChannelsLast, &[_, c, h, w]) = (field.layout, &sizes[..]) {
        strides = vec![c * h * w, 1, w * c, c];
    }
    (sizes, strides)
}

/// A column as a tensor over the batch's own memory: nothing is copied, and the batch lives until the last tensor over
/// it has gone. The tensor must not be written to.
pub fn tensor_of_column(batch: &Arc<Batch>, name: &str) -> Result<Tensor, TorchError> {
    extern "C" fn release(context: *mut c_void) {
        // SAFETY: the context is what into_raw gave below, and torch calls this once.
        drop(unsafe { Arc::from_raw(context.cast::<Batch>()) });
    }
    let Some((field, bytes)) = batch.column(name) else {
        return Err(TorchError(format!("the batch has no field `{name}`")));
    };
    let (sizes, strides) = geometry(field, batch.rows());
    let context = Arc::into_raw(Arc::clone(batch)).cast_mut().cast::<c_void>();
    let data = bytes.as_ptr().cast_mut().cast::<c_void>();
    let (dims, dtype) = (sizes.len() as c_int, scalar_type(kind(field.dtype)));
    // SAFETY: sizes and strides describe exactly the column's bytes, which the batch in `context` keeps alive and
    // which nobody writes while it lives; torch calls `release` once, when the storage goes.
    unsafe {
        let tensor = engine_from_owned(data, sizes.as_ptr(), strides.as_ptr(), dims, dtype, context, release);
        if tensor.is_null() {
            release(context);
            return Err(last_error());
        }
        Ok(Tensor::from_ptr(tensor))
    }
}

/// A batch as tensors on a device, for the stages that run there.
pub struct DeviceBatch {
    /// Fields and tensors of `rows` rows each.
    pub columns: Vec<(Field, Tensor)>,
}

impl DeviceBatch {
    /// A batch's columns, where they are.
    pub fn of(batch: &Arc<Batch>) -> Result<Self, TorchError> {
        let names: Vec<String> = batch.fields().map(|f| f.name.clone()).collect();
        let columns = names.iter().map(|name| {
            let field = batch.fields().find(|f| f.name == *name).expect("the name is one of its fields").clone();
            Ok((field, tensor_of_column(batch, name)?))
        });
        Ok(Self { columns: columns.collect::<Result<_, TorchError>>()? })
    }

    /// Moves every column.
    pub fn to_device(&mut self, device: Device) -> Result<(), TorchError> {
        for (_, tensor) in &mut self.columns {
            *tensor = tensor.f_to_device_(device, tensor.kind(), true, false)?;
        }
        Ok(())
    }

    /// A column.
    pub fn tensor(&self, name: &str) -> Result<&Tensor, TorchError> {
        let found = self.columns.iter().find(|(field, _)| field.name == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| TorchError(format!("the batch has no field `{name}`")))
    }

    /// A column's field.
    pub fn field(&self, name: &str) -> Result<&Field, TorchError> {
        let found = self.columns.iter().find(|(field, _)| field.name == name);
        found.map(|(field, _)| field).ok_or_else(|| TorchError(format!("the batch has no field `{name}`")))
    }

    /// Replaces a column.
    pub fn set(&mut self, field: Field, tensor: Tensor) {
        match self.columns.iter_mut().find(|(f, _)| f.name == field.name) {
            Some(column) => *column = (field, tensor),
            None => self.columns.push((field, tensor)),
        }
    }
}
