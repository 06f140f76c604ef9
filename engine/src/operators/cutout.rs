//! `cutout`: covers a square of each image.

use super::images::{image_size, per_channel, spread, uint8_image};
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{ImageSize, Rows};
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
        let fill_line = spread(&params.fill, size.channels).repeat(params.crop_size);
        Ok(Kernel::Map(Box::new(Cut { field: params.field.clone(), side: params.crop_size, size, fill_line })))
    }
}

struct Cut {
    field: String,
    side: usize,
    size: ImageSize,
    /// One line of the square.
    fill_line: Vec<u8>,
}

impl Map for Cut {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let draws = rows.draws();
        let ImageSize { height, width, channels } = self.size;
        let images = rows.write::<u8>(&self.field).chunks_exact_mut(height * width * channels);
        for (row, image) in images.enumerate() {
            let mut rng = draws.row(row);
            let y = rng.below((height - self.side + 1) as u64) as usize;
            let x = rng.below((width - self.side + 1) as u64) as usize;
            for line in image.chunks_exact_mut(width * channels).skip(y).take(self.side) {
                line[x * channels..(x + self.side) * channels].copy_from_slice(&self.fill_line);
            }
        }
        Ok(())
    }
}
