//! `random_horizontal_flip`: mirrors images left to right.

use pixels::{Axis, Step};

use super::image_op::{Draw, ImageMap, ImageOp};
use super::images::{image_size, uint8_image};
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::ImageSize;
use crate::params::{Faults, params};

params! {
    /// Mirrors each image left to right with probability `flip_prob`.
    ///
    /// As FFCV's RandomHorizontalFlip and torchvision's, with a choice of its own for each image.
    pub struct RandomHorizontalFlip: Default {
        /// Probability that an image is mirrored.
        flip_prob: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for RandomHorizontalFlip {
    fn operator_name(&self) -> &'static str {
        RandomHorizontalFlipOperator::NAME
    }
}

/// See [`RandomHorizontalFlip`].
pub struct RandomHorizontalFlipOperator;

impl Operator for RandomHorizontalFlipOperator {
    type Params = RandomHorizontalFlip;
    const NAME: &'static str = "random_horizontal_flip";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &RandomHorizontalFlip, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, _) = uint8_image(inputs, &params.field)?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            random: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &RandomHorizontalFlip, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        Ok(Kernel::Map(Box::new(ImageMap::in_place(&params.field, size, params.clone()))))
    }
}

impl ImageOp for RandomHorizontalFlip {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        if draw.rng.unit() < self.flip_prob {
            push(&mirror(size));
        }
    }
}

/// Left becomes right.
pub(super) fn mirror(size: ImageSize) -> Step<'static> {
    Step::Move { rows: Axis::identity(size.height), columns: Axis::mirrored(size.width), outside: &[] }
}
