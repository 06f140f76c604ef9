//! `random_horizontal_flip`: mirrors images left to right.

use super::images::uint8_image;
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{ImageSize, Rows};
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
        let size = super::images::image_size(site.input, &params.field);
        Ok(Kernel::Map(Box::new(Flip { params: params.clone(), size })))
    }
}

struct Flip {
    params: RandomHorizontalFlip,
    size: ImageSize,
}

impl Map for Flip {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let draws = rows.draws();
        let ImageSize { height, width, channels } = self.size;
        let images = rows.write::<u8>(&self.params.field).chunks_exact_mut(height * width * channels);
        for (row, image) in images.enumerate() {
            if draws.row(row).unit() < self.params.flip_prob {
                image.chunks_exact_mut(width * channels).for_each(|line| mirror(line, channels));
            }
        }
        Ok(())
    }
}

/// Reverses the pixels of a line.
fn mirror(line: &mut [u8], channels: usize) {
    if let (pixels, []) = line.as_chunks_mut::<3>()
        && channels == 3
    {
        return pixels.reverse();
    }
    // All values reversed, then those of each pixel put right again.
    line.reverse();
    line.chunks_exact_mut(channels).for_each(<[u8]>::reverse);
}

#[cfg(test)]
mod tests {
    use super::mirror;

    #[test]
    fn pixels_are_reversed_and_their_channels_are_not() {
        let mut rgb = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        mirror(&mut rgb, 3);
        assert_eq!(rgb, [7, 8, 9, 4, 5, 6, 1, 2, 3]);
        let mut two = [1, 2, 3, 4, 5, 6];
        mirror(&mut two, 2);
        assert_eq!(two, [5, 6, 3, 4, 1, 2]);
    }
}
