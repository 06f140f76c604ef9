//! `random_resized_crop` and `center_resized_crop`: parts of images, resized.

use std::sync::Arc;

use pixels::{Rect, Resize, ops::places};

use super::group::Group;
use super::image_op::Draw;
use super::kernel::{Kernel, OperatorError, Site};
use super::picture_masks::{self, Geometry, with_masks};
use super::pictures::{Choose, Images, ResizeFilter, Resized, images, masks, sized};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, Sides, params};

params! {
    /// Cuts out a random part of each image and resizes it.
    ///
    /// As torchvision's RandomResizedCrop, and FFCV's decoder of that name: a part of `scale` of the image's area, of an
    /// aspect ratio between those of `ratio`, evenly spread on a logarithmic scale; up to ten tries, else the middle. Of
    /// an encoded image only the part is decoded.
    pub struct RandomResizedCrop {
        /// Size afterwards: one number for a square, or [height, width].
        size: Sides => 1.0..=65_535.0,
        /// Least and greatest share of the image's area.
        scale: [f64; 2] = [0.08, 1.0] => 1e-6..=1.0,
        /// Least and greatest width as a multiple of the height.
        ratio: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0] => 0.001..=1000.0,
        /// How a pixel is made of the pixels around its place.
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// Whether the filter is widened by how much the part shrinks, as torchvision does it. Without, pixels are left
        /// out from a factor of two on, as in OpenCV, which is faster.
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

params! {
    /// Cuts out a square from the middle of each image and resizes it.
    ///
    /// As FFCV's CenterCropRGBImageDecoder: the square's side is `ratio` times the image's shorter side.
    pub struct CenterResizedCrop {
        /// Size afterwards: one number for a square, or [height, width].
        size: Sides => 1.0..=65_535.0,
        /// Side of the square as a share of the shorter side.
        ratio: f64 = 224.0 / 256.0 => 0.001..=1.0,
        /// How a pixel is made of the pixels around its place.
        filter: ResizeFilter = ResizeFilter::Bilinear,
        /// Whether the filter is widened by how much the part shrinks, as torchvision does it. Without, pixels are left
        /// out from a factor of two on, as in OpenCV, which is faster.
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

/// An operator that resizes a part of each image.
macro_rules! resized_crop {
    ($params:ident, $operator:ident, $name:literal, random: $random:literal, check: $check:expr) => {
        impl OperatorParams for $params {
            fn operator_name(&self) -> &'static str {
                $name
            }
        }

        #[doc = concat!("See [`", stringify!($params), "`].")]
        pub struct $operator;

        impl Operator for $operator {
            type Params = $params;
            const NAME: &'static str = $name;
            const ROLE: Role = Role::Map;
            const GROUP: Group = Group::Sizes;

            fn signature(&self, params: &$params, inputs: &PortSchemas) -> Result<Signature, Faults> {
                let (_, _, channels) = images(inputs, &params.field, params.channels)?;
                let check: fn(&$params) -> Result<(), Faults> = $check;
                check(params)?;
                let [height, width] = params.size.both();
                let signature = sized(&params.field, ImageSize { height, width, channels }, $random);
                with_masks(signature, &params.field, &params.also, inputs)
            }

            fn kernel(&self, params: &$params, site: &Site<'_>) -> Result<Kernel, OperatorError> {
                let field = site.input.field(&params.field).expect("the signature found it");
                let images = Images::of(field).expect("the signature found images");
                let channels = match images {
                    Images::Of(size) => size.channels,
                    Images::Any => params.channels.unwrap_or(3),
                };
                let [height, width] = params.size.both();
                let to = ImageSize { height, width, channels };
                let choose: Arc<dyn Choose> = Arc::new(params.clone());
                let image = Box::new(Resized {
                    field: params.field.clone(),
                    images,
                    to,
                    resize: Resize {
                        filter: params.filter.into(),
                        antialias: params.antialias,
                        dct_scaling: params.dct_scaling,
                    },
                    choose: Arc::clone(&choose),
                });
                let masks = masks(site, &params.also);
                Ok(picture_masks::kernel(image, &params.field, &masks, to, Geometry::Part(choose)))
            }
        }
    };
}

resized_crop!(
    RandomResizedCrop,
    RandomResizedCropOperator,
    "random_resized_crop",
    random: true,
    check: |params| {
        for (key, [least, most]) in [("scale", params.scale), ("ratio", params.ratio)] {
            if least > most {
                let fault = Fault::new(format!("/{key}"), format!("the least `{key}` is above the greatest"));
                return Err(fault.expected("[least, greatest]").given(format!("[{least}, {most}]")).into());
            }
        }
        Ok(())
    }
);
resized_crop!(
    CenterResizedCrop,
    CenterResizedCropOperator,
    "center_resized_crop",
    random: false,
    check: |_| Ok(())
);

impl Choose for RandomResizedCrop {
    fn choose(&self, size: ImageSize, draw: &mut Draw) -> Rect {
        let ([least, most], [narrow, wide]) = (self.scale, self.ratio);
        places::random_resized_crop(size, (least, most), (narrow, wide), &mut || draw.rng.unit())
    }
}

impl Choose for CenterResizedCrop {
    fn choose(&self, size: ImageSize, _: &mut Draw) -> Rect {
        places::center_crop_ratio(size, self.ratio)
    }
}
