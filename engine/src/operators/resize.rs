//! `resize`: images to another size.

use std::sync::Arc;

use pixels::{Rect, Resize as Resizing};

use super::group::Group;
use super::image_op::Draw;
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::picture_masks::{self, Geometry, with_masks};
use super::pictures::{Choose, Images, ResizeFilter, Resized, images, masks, size_of, sized, with_decoder};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{Field, ImageSize, Rows};
use crate::params::{Fault, Faults, Sides, params};

params! {
    /// Resizes images.
    ///
    /// As torchvision's Resize: to [height, width], or with one number so that the shorter side gets it and the other
    /// follows. Images of any size stay so in the latter case: put `center_crop` or `random_crop` after it. Encoded
    /// images are decoded.
    pub struct Resize {
        /// [height, width], or the length of the shorter side.
        size: Sides => 1.0..=65_535.0,
        /// How a pixel is made of the pixels around its place.
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// Whether the filter is widened by how much the image shrinks, as torchvision and Pillow do it. Without, pixels
        /// are left out from a factor of two on, as in OpenCV, which is faster.
        antialias: bool = true,
        /// Whether a JPEG at least twice as large as the target along both axes is decoded at 1/2, 1/4 or 1/8 of its
        /// size before it is resized. Other pixels come out, 0.4 to 2.5 of 255 away on average where the filter is
        /// antialiased or an area, in 0.55 to 0.8 of the time for images of 2000 × 1500. Progressive JPEGs and other
        /// formats are decoded in full.
        dct_scaling: bool = false,
        /// Channels afterwards: 3 for colour, 1 for grey. Of pixels: those that they have.
        channels: Option<usize> = None => 1.0..=4.0,
        /// Field to work on: an image of any size, or uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Fields of masks that are cut and resized in the same way, to the nearest pixels.
        also: Vec<String> = Vec::new(),
    }
}

impl OperatorParams for Resize {
    fn operator_name(&self) -> &'static str {
        ResizeOperator::NAME
    }
}

/// See [`Resize`].
pub struct ResizeOperator;

impl Resize {
    fn how(&self) -> Resizing {
        Resizing { filter: self.filter.into(), antialias: self.antialias, dct_scaling: self.dct_scaling }
    }

    /// The size afterwards, of an image of this size.
    fn target(&self, size: ImageSize) -> ImageSize {
        let [height, width] = match self.size {
            Sides::Both(sides) => sides,
            // The longer side is cut to a whole number, as torchvision does it.
            Sides::One(side) if size.height <= size.width => [side, (side * size.width / size.height.max(1)).max(1)],
            Sides::One(side) => [(side * size.height / size.width.max(1)).max(1), side],
        };
        ImageSize { height, width, ..size }
    }
}

impl Operator for ResizeOperator {
    type Params = Resize;
    const NAME: &'static str = "resize";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Sizes;

    fn signature(&self, params: &Resize, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (_, images, channels) = images(inputs, &params.field, params.channels)?;
        let name = &params.field;
        let size = match (images, params.size) {
            (Images::Of(size), _) => params.target(size),
            (Images::Any, Sides::Both([height, width])) => ImageSize { height, width, channels },
            (Images::Any, Sides::One(_)) if !params.also.is_empty() => {
                let fault = Fault::new("/also", "masks of any size are resized to [height, width] alone");
                return Err(fault.expected("`size` as [height, width]").into());
            }
            (Images::Any, Sides::One(_)) => {
                return Ok(Signature {
                    reads: vec![name.clone()],
                    writes: vec![Write { field: Field::picture(name), mode: WriteMode::Replace }],
                    ..Signature::default()
                });
            }
        };
        with_masks(sized(name, size, false), name, &params.also, inputs)
    }

    fn kernel(&self, params: &Resize, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let field = site.input.field(&params.field).expect("the signature found it");
        let images = Images::of(field).expect("the signature found images");
        let channels = params.channels.unwrap_or(3);
        let to = match (images, params.size) {
            (Images::Of(size), _) => params.target(size),
            (Images::Any, Sides::Both([height, width])) => ImageSize { height, width, channels },
            (Images::Any, Sides::One(_)) => {
                return Ok(Kernel::Map(Box::new(Shrunk { params: params.clone(), channels })));
            }
        };
        let (field, resize, choose): (_, _, Arc<dyn Choose>) = (params.field.clone(), params.how(), Arc::new(Whole));
        let image = Box::new(Resized { field, images, to, resize, choose: Arc::clone(&choose) });
        let masks = masks(site, &params.also);
        Ok(picture_masks::kernel(image, &params.field, &masks, to, Geometry::Part(choose)))
    }
}

/// All of an image.
struct Whole;

impl Choose for Whole {
    fn choose(&self, size: ImageSize, _: &mut Draw) -> Rect {
        Rect::whole(size)
    }
}

/// To a length of the shorter side.
struct Shrunk {
    params: Resize,
    channels: usize,
}

impl Map for Shrunk {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let items = rows.items(&self.params.field);
        with_decoder(|decoder| {
            for (row, (item, out)) in items.iter().zip(rows.items_mut(&self.params.field)).enumerate() {
                let failed = |e: pixels::PixelError| OperatorError::at_row(row, e.0);
                let size = ImageSize { channels: self.channels, ..size_of(item).map_err(failed)? };
                let to = self.params.target(size);
                out.bytes.resize(to.bytes(), 0);
                out.size = Some(to);
                let (region, how) = (Rect::whole(size), self.params.how());
                decoder.region(item.picture(), region, how, false, to, &mut out.bytes).map_err(failed)?;
            }
            Ok(())
        })
    }
}
