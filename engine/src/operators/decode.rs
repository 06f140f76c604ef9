//! `decode`: encoded images, all of one size, as pixels.

use super::group::Group;
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::pictures::{Images, images, sized, with_decoder};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::{ImageSize, Rows};
use crate::params::{Faults, Sides, params};

params! {
    /// Decodes images that all have one size.
    ///
    /// JPEG, PNG and WebP; as FFCV's SimpleRGBImageDecoder, but for the check that each is whole: a cut-off JPEG is an
    /// error, also if half of it could be decoded. For images of other sizes use `resize`, `center_crop`,
    /// `random_crop` or `random_resized_crop`, which decode what they need.
    pub struct Decode {
        /// Size that all images have: one number for a square, or [height, width].
        size: Sides => 1.0..=65_535.0,
        /// Channels afterwards: 3 for colour, 1 for grey.
        channels: Option<usize> = None => 1.0..=4.0,
        /// Field to work on: an image of any size.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for Decode {
    fn operator_name(&self) -> &'static str {
        DecodeOperator::NAME
    }
}

/// See [`Decode`].
pub struct DecodeOperator;

impl Operator for DecodeOperator {
    type Params = Decode;
    const NAME: &'static str = "decode";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Sizes;

    fn signature(&self, params: &Decode, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, images, channels) = images(inputs, &params.field, params.channels)?;
        if let Images::Of(_) = images {
            let hint = "its images are pixels already: remove this node";
            return Err(super::images::mismatch("an image of any size", field, hint).into());
        }
        let [height, width] = params.size.both();
        Ok(sized(&params.field, ImageSize { height, width, channels }, false))
    }

    fn kernel(&self, params: &Decode, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        let [height, width] = params.size.both();
        let size = ImageSize { height, width, channels: params.channels.unwrap_or(3) };
        Ok(Kernel::Map(Box::new(Full { field: params.field.clone(), size })))
    }
}

struct Full {
    field: String,
    size: ImageSize,
}

impl Map for Full {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let size = self.size;
        let (items, out) = rows.replace_items::<u8>(&self.field);
        let mut pixels = Vec::new();
        with_decoder(|decoder| {
            for (row, (item, out)) in items.iter().zip(out.chunks_exact_mut(size.bytes())).enumerate() {
                let found = decoder.full(item.picture(), size.channels, &mut pixels);
                let found = found.map_err(|e| OperatorError::at_row(row, e.0))?;
                if found != size {
                    let message = format!(
                        "the image is of {} × {} pixels, and `size` says {} × {}; for images of any size use `resize` \
                         or a crop",
                        found.height, found.width, size.height, size.width
                    );
                    return Err(OperatorError::at_row(row, message));
                }
                out.copy_from_slice(&pixels);
            }
            Ok(())
        })
    }
}
