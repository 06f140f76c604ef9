//! `cutout`: covers a square of each image.

use pixels::{Rect, Step};

use super::image_op::{Draw, ImageMap, ImageOp};
use super::images::{image_size, per_channel, spread, uint8_image};
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, params};

params! {
    /// Covers a random square of each image with `fill`.
    ///
    /// As FFCV's Cutout: the square lies inside the image as a whole, and every place is as likely. (In the paper, by
    /// DeVries and Taylor, 2017, its centre is anywhere and the image's edge cuts it.)
    pub struct Cutout {
        /// Side of the square, in pixels.
        crop_size: usize => 0..=65_536,
        /// Colour of the square, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for Cutout {
    fn operator_name(&self) -> &'static str {
        CutoutOperator::NAME
    }
}

/// See [`Cutout`].
pub struct CutoutOperator;

impl Operator for CutoutOperator {
    type Params = Cutout;
    const NAME: &'static str = "cutout";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &Cutout, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = uint8_image(inputs, &params.field)?;
        let side = size.height.min(size.width);
        let mut faults = Faults::default();
        faults.keep(per_channel("fill", params.fill.len(), size));
        if params.crop_size > side {
            let fault = Fault::new("/crop_size", "the square is larger than the image");
            faults.0.push(fault.expected(format!("at most {side}")).given(params.crop_size.to_string()));
        }
        faults.end()?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            random: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &Cutout, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        let op = Cut { side: params.crop_size, fill: spread(&params.fill, size.channels) };
        Ok(Kernel::Map(Box::new(ImageMap::in_place(&params.field, size, op))))
    }
}

struct Cut {
    side: usize,
    fill: Vec<u8>,
}

impl ImageOp for Cut {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let mut start = |len: usize| draw.rng.below((len - self.side + 1) as u64) as usize;
        let (top, left) = (start(size.height), start(size.width));
        push(&Step::Fill { area: Rect { top, left, height: self.side, width: self.side }, colour: &self.fill });
    }
}
