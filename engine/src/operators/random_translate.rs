//! `random_translate`: shifts images by a few pixels.

use pixels::{Axis, Step};

use super::image_op::{Draw, ImageMap, ImageOp};
use super::images::{image_size, per_channel, spread, uint8_image};
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::ImageSize;
use crate::params::{Faults, params};

params! {
    /// Shifts each image by up to `padding` pixels in each direction; what comes in is `fill`.
    ///
    /// As FFCV's RandomTranslate: the two shifts are independent, and each of the 2·padding + 1 values from −padding
    /// to padding is as likely.
    pub struct RandomTranslate {
        /// Greatest shift, in pixels.
        padding: usize => 0..=4096,
        /// Colour of the pixels that come in, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for RandomTranslate {
    fn operator_name(&self) -> &'static str {
        RandomTranslateOperator::NAME
    }
}

/// See [`RandomTranslate`].
pub struct RandomTranslateOperator;

impl Operator for RandomTranslateOperator {
    type Params = RandomTranslate;
    const NAME: &'static str = "random_translate";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &RandomTranslate, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = uint8_image(inputs, &params.field)?;
        per_channel("fill", params.fill.len(), size)?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            random: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &RandomTranslate, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        let op = Translate { padding: params.padding, fill: spread(&params.fill, size.channels) };
        Ok(Kernel::Map(Box::new(ImageMap::in_place(&params.field, size, op))))
    }
}

struct Translate {
    padding: usize,
    fill: Vec<u8>,
}

impl ImageOp for Translate {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let choices = 2 * self.padding as u64 + 1;
        // Origin of the window in the padded image, as FFCV draws it: first down, then right.
        let mut origin = || draw.rng.below(choices) as isize - self.padding as isize;
        let (down, right) = (origin(), origin());
        push(&shift(size, down, right, &self.fill));
    }
}

/// Pixel (y, x) becomes what pixel (y + down, x + right) was, or the fill colour.
fn shift(size: ImageSize, down: isize, right: isize, fill: &[u8]) -> Step<'_> {
    Step::Move {
        rows: Axis::window(size.height, down, size.height),
        columns: Axis::window(size.width, right, size.width),
        outside: fill,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shift_equals_its_definition() {
        let size = ImageSize { height: 4, width: 3, channels: 2 };
        let image: Vec<u8> = (1..=24).collect();
        for down in -6_isize..=6 {
            for right in -6_isize..=6 {
                let mut shifted = image.clone();
                shift(size, down, right, &[100, 200]).carry_out(&image, size, &mut shifted);
                for y in 0..4_isize {
                    for x in 0..3_isize {
                        let (sy, sx) = (y + down, x + right);
                        let inside = (0..4).contains(&sy) && (0..3).contains(&sx);
                        let at = |y: isize, x: isize| ((y * 3 + x) * 2) as usize;
                        let expected = if inside { &image[at(sy, sx)..][..2] } else { &[100, 200] };
                        assert_eq!(&shifted[at(y, x)..][..2], expected, "shift {down}, {right} at {y}, {x}");
                    }
                }
            }
        }
    }
}
