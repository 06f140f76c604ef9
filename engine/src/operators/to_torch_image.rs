//! `to_torch_image`: images as torch's layers take them.

use super::images::{any_image, image_size, mismatch};
use super::kernel::{DeviceMap, Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{Draws, Field, ImageSize, Layout, Rows};
use crate::params::{Faults, params};
use crate::torch::{DeviceBatch, TorchError};

params! {
    /// From height × width × channels to channels × height × width, the order of torch's layers.
    ///
    /// As FFCV's ToTorchImage. With `channels_last` it is a view: the memory stays as it is, in the layout that
    /// convolutions are fastest with. Without, the values are moved.
    pub struct ToTorchImage: Default {
        /// Whether the memory keeps its order.
        channels_last: bool = true,
        /// Field to work on.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for ToTorchImage {
    fn operator_name(&self) -> &'static str {
        ToTorchImageOperator::NAME
    }
}

/// See [`ToTorchImage`].
pub struct ToTorchImageOperator;

/// The field after the node.
fn turned(field: &Field, size: ImageSize, channels_last: bool) -> Field {
    let layout = if channels_last { Layout::ChannelsLast } else { Layout::Chw };
    Field { shape: vec![size.channels, size.height, size.width], layout, ..field.clone() }
}

impl Operator for ToTorchImageOperator {
    type Params = ToTorchImage;
    const NAME: &'static str = "to_torch_image";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &ToTorchImage, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = any_image(inputs, &params.field)?;
        if field.layout != Layout::Hwc {
            let hint = "it is in torch's order already: remove this node";
            return Err(mismatch("an image [height, width, channels]", field, hint).into());
        }
        let mode = if params.channels_last { WriteMode::View } else { WriteMode::Replace };
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: turned(field, size, params.channels_last), mode }],
            on_gpu: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &ToTorchImage, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        if params.channels_last {
            return Ok(Kernel::View);
        }
        let size = image_size(site.input, &params.field);
        let field = site.input.field(&params.field).expect("the signature found it");
        let element = field.dtype.bytes();
        Ok(Kernel::Map(Box::new(Turn { field: params.field.clone(), size, element })))
    }

    fn device_kernel(&self, params: &ToTorchImage, _: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        Ok(Some(Box::new(DeviceTurn(params.clone()))))
    }
}

struct Turn {
    field: String,
    size: ImageSize,
    /// Bytes of a value; which type they are does not matter.
    element: usize,
}

impl Map for Turn {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let ImageSize { height, width, channels } = self.size;
        let (from, to) = rows.replace::<u8, u8>(&self.field);
        let (plane, e) = (height * width, self.element);
        for (from, to) in from.chunks_exact(plane * channels * e).zip(to.chunks_exact_mut(plane * channels * e)) {
            for (index, value) in from.chunks_exact(e).enumerate() {
                let place = (index % channels * plane + index / channels) * e;
                to[place..place + e].copy_from_slice(value);
            }
        }
        Ok(())
    }
}

struct DeviceTurn(ToTorchImage);

impl DeviceMap for DeviceTurn {
    fn apply(&self, batch: &mut DeviceBatch, _: Draws<'_>) -> Result<(), OperatorError> {
        let field = batch.field(&self.0.field)?.clone();
        let size = field.image_size().ok_or_else(|| TorchError(format!("field `{}` is no image", field.name)))?;
        let turned_tensor = batch.tensor(&self.0.field)?.f_permute([0, 3, 1, 2]).map_err(TorchError::from)?;
        let tensor = if self.0.channels_last {
            turned_tensor
        } else {
            turned_tensor.f_contiguous().map_err(TorchError::from)?
        };
        batch.set(turned(&field, size, self.0.channels_last), tensor);
        Ok(())
    }
}
