//! `center_crop` and `random_crop`: parts of images, their pixels as they are.

use std::sync::Arc;

use pixels::{Axis, Step};

use super::device_steps::{DeviceSteps, DeviceTogether};
use super::group::Group;
use super::image_op::{Draw, ImageOp, ZeroOutside};
use super::images::{image_size, per_channel, spread};
use super::kernel::{DeviceMap, Kernel, OperatorError, Site};
use super::picture_masks::{self, Geometry, with_masks};
use super::pictures::{Fits, Images, cropped, images, masks, sized};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, Sides, choice, params};

params! {
    /// Cuts out the middle of each image.
    ///
    /// As torchvision's CenterCrop: an image that is smaller is put into the middle of `fill`. (FFCV's decoder of that
    /// name resizes as well: see `center_resized_crop`.)
    pub struct CenterCrop {
        /// Size afterwards: one number for a square, or [height, width].
        size: Sides => 1.0..=65_535.0,
        /// Colour around an image that is smaller, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Channels afterwards: 3 for colour, 1 for grey. Of pixels: those that they have.
        channels: Option<usize> = None => 1.0..=4.0,
        /// Field to work on: an image of any size, or uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Fields of masks that are cut in the same way; what comes from outside of them is 0.
        also: Vec<String> = Vec::new(),
    }
}

choice! {
    /// What lies beyond the edges of an image.
    pub enum PaddingMode {
        /// The colour `fill`.
        Constant = "constant",
        /// The image's mirror image, the outermost pixels not repeated.
        Reflect = "reflect",
    }
}

params! {
    /// Cuts out a random part of each image.
    ///
    /// As torchvision's RandomCrop: the image is padded first, and every place of the part is as likely.
    pub struct RandomCrop {
        /// Size afterwards: one number for a square, or [height, width].
        size: Sides => 1.0..=65_535.0,
        /// Pixels added to each side first.
        padding: usize = 0 => 0..=4096,
        /// Whether an image that is too small even so is padded to the size.
        pad_if_needed: bool = false,
        /// What is added.
        padding_mode: PaddingMode = PaddingMode::Constant,
        /// Colour that is added with `constant`, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Channels afterwards: 3 for colour, 1 for grey. Of pixels: those that they have.
        channels: Option<usize> = None => 1.0..=4.0,
        /// Field to work on: an image of any size, or uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Fields of masks that are cut in the same way; what comes from outside of them is 0.
        also: Vec<String> = Vec::new(),
    }
}

impl OperatorParams for CenterCrop {
    fn operator_name(&self) -> &'static str {
        CenterCropOperator::NAME
    }
}

impl OperatorParams for RandomCrop {
    fn operator_name(&self) -> &'static str {
        RandomCropOperator::NAME
    }
}

/// See [`CenterCrop`].
pub struct CenterCropOperator;

/// See [`RandomCrop`].
pub struct RandomCropOperator;

/// The images at a kernel's site, and their size afterwards.
fn at(site: &Site<'_>, field: &str, sides: Sides, channels: Option<usize>) -> (Images, ImageSize) {
    let field = site.input.field(field).expect("the signature found it");
    let images = Images::of(field).expect("the signature found images");
    let own = match images {
        Images::Of(size) => size.channels,
        Images::Any => channels.unwrap_or(3),
    };
    let [height, width] = sides.both();
    (images, ImageSize { height, width, channels: own })
}

/// Whether a crop can be made on a GPU: of images and masks that have one size.
fn on_gpu(field: &str, also: &[String], inputs: &PortSchemas) -> bool {
    let of_one_size = |name: &str| {
        inputs.first().and_then(|schema| schema.field(name)).is_some_and(|field| field.image_size().is_some())
    };
    of_one_size(field) && also.iter().all(|name| of_one_size(name))
}

/// A crop of images and masks that lie on a device.
fn on_device(site: &Site<'_>, field: &str, also: &[String], op: &Arc<impl ImageOp + 'static>) -> Box<dyn DeviceMap> {
    let steps = |name: &str, op: Box<dyn ImageOp>| DeviceSteps {
        field: name.to_owned(),
        size: image_size(site.input, name),
        op,
    };
    let image = steps(field, Box::new(Arc::clone(op)));
    let masks = also.iter().map(|name| steps(name, Box::new(ZeroOutside(Arc::clone(op) as Arc<dyn ImageOp>))));
    Box::new(DeviceTogether([image].into_iter().chain(masks).collect()))
}

/// The kernel of a crop.
fn crop(
    site: &Site<'_>,
    field: &str,
    also: &[String],
    images: Images,
    to: ImageSize,
    op: Arc<impl ImageOp + Fits + 'static>,
) -> Kernel {
    let (fits, op): (Arc<dyn Fits>, Arc<dyn ImageOp>) = (op.clone(), op);
    let image = cropped(field, images, to, Arc::clone(&op), fits);
    picture_masks::kernel(image, field, &masks(site, also), to, Geometry::Moves(op))
}

impl Operator for CenterCropOperator {
    type Params = CenterCrop;
    const NAME: &'static str = "center_crop";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Sizes;

    fn signature(&self, params: &CenterCrop, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (_, _, channels) = images(inputs, &params.field, params.channels)?;
        let [height, width] = params.size.both();
        let size = ImageSize { height, width, channels };
        per_channel("fill", params.fill.len(), size)?;
        let signature =
            Signature { on_gpu: on_gpu(&params.field, &params.also, inputs), ..sized(&params.field, size, false) };
        with_masks(signature, &params.field, &params.also, inputs)
    }

    fn kernel(&self, params: &CenterCrop, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let (images, to) = at(site, &params.field, params.size, params.channels);
        let op = Arc::new(Center { to, fill: spread(&params.fill, to.channels) });
        Ok(crop(site, &params.field, &params.also, images, to, op))
    }

    fn device_kernel(&self, params: &CenterCrop, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        let (_, to) = at(site, &params.field, params.size, params.channels);
        let op = Arc::new(Center { to, fill: spread(&params.fill, to.channels) });
        Ok(Some(on_device(site, &params.field, &params.also, &op)))
    }
}

struct Center {
    to: ImageSize,
    fill: Vec<u8>,
}

impl ImageOp for Center {
    fn draw(&self, size: ImageSize, _: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        push(&Step::Move {
            rows: Axis::window(size.height, middle(size.height, self.to.height), self.to.height),
            columns: Axis::window(size.width, middle(size.width, self.to.width), self.to.width),
            outside: &self.fill,
        });
    }
}

/// Where the middle part starts, as torchvision has it: half of the difference, to the even number if it is odd; of an
/// image that is too small, half of what lacks is added before it.
fn middle(size: usize, part: usize) -> isize {
    if part > size {
        return -(((part - size) / 2) as isize);
    }
    let difference = size - part;
    let half = difference / 2;
    (if difference.is_multiple_of(2) || half.is_multiple_of(2) { half } else { half + 1 }) as isize
}

impl Operator for RandomCropOperator {
    type Params = RandomCrop;
    const NAME: &'static str = "random_crop";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Sizes;

    fn signature(&self, params: &RandomCrop, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (_, images, channels) = images(inputs, &params.field, params.channels)?;
        let [height, width] = params.size.both();
        let size = ImageSize { height, width, channels };
        let mut faults = Faults::default();
        faults.keep(per_channel("fill", params.fill.len(), size));
        if let Images::Of(own) = images {
            let padded = [own.height, own.width].map(|side| side + 2 * params.padding);
            if (height > padded[0] || width > padded[1]) && !params.pad_if_needed {
                let fault = Fault::new("/size", "the part is larger than the padded image");
                let fault = fault.expected(format!("at most [{}, {}]", padded[0], padded[1]));
                let given = fault.given(format!("[{height}, {width}]"));
                faults.0.push(given.hint("add padding, or \"pad_if_needed\": true"));
            }
            let reach = |side: usize, part: usize| params.padding.max(part.saturating_sub(side)) < side;
            if params.padding_mode == PaddingMode::Reflect && !(reach(own.height, height) && reach(own.width, width)) {
                let fault = Fault::new("/padding", "a mirror image reaches no further than the image itself");
                let least = own.height.min(own.width).saturating_sub(1);
                faults.0.push(fault.expected(format!("at most {least}")).given(params.padding.to_string()));
            }
        }
        faults.end()?;
        let signature =
            Signature { on_gpu: on_gpu(&params.field, &params.also, inputs), ..sized(&params.field, size, true) };
        with_masks(signature, &params.field, &params.also, inputs)
    }

    fn kernel(&self, params: &RandomCrop, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let (images, to) = at(site, &params.field, params.size, params.channels);
        let op = Arc::new(Anywhere { params: params.clone(), to, fill: spread(&params.fill, to.channels) });
        Ok(crop(site, &params.field, &params.also, images, to, op))
    }

    fn device_kernel(&self, params: &RandomCrop, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        let (_, to) = at(site, &params.field, params.size, params.channels);
        let op = Arc::new(Anywhere { params: params.clone(), to, fill: spread(&params.fill, to.channels) });
        Ok(Some(on_device(site, &params.field, &params.also, &op)))
    }
}

impl Fits for Center {
    fn fits(&self, _: ImageSize) -> Result<(), String> {
        Ok(())
    }
}

impl Fits for Anywhere {
    fn fits(&self, size: ImageSize) -> Result<(), String> {
        let RandomCrop { padding, pad_if_needed, padding_mode, .. } = self.params;
        let lacks = |side: usize, part: usize| part.saturating_sub(side + 2 * padding);
        let lacking = [lacks(size.height, self.to.height), lacks(size.width, self.to.width)];
        if lacking != [0, 0] && !pad_if_needed {
            return Err(format!(
                "the image of {} × {} pixels is smaller than the part of {} × {}, padding included; \"pad_if_needed\": \
                 true pads it",
                size.height, size.width, self.to.height, self.to.width
            ));
        }
        let reach = padding + lacking[0].max(lacking[1]);
        if padding_mode == PaddingMode::Reflect && reach >= size.height.min(size.width) {
            return Err(format!(
                "the image of {} × {} pixels is too small to be padded by {reach} of its own mirror image",
                size.height, size.width
            ));
        }
        Ok(())
    }
}

struct Anywhere {
    params: RandomCrop,
    to: ImageSize,
    fill: Vec<u8>,
}

impl ImageOp for Anywhere {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        // Down first, then right.
        let mut axis = |side: usize, part: usize| {
            let mut padding = self.params.padding;
            if side + 2 * padding < part {
                // torchvision pads both sides by all that lacks.
                padding += part - side - 2 * padding;
            }
            let places = (side + 2 * padding - part) as u64 + 1;
            let origin = draw.rng.below(places) as isize - padding as isize;
            match self.params.padding_mode {
                PaddingMode::Constant => Axis::window(side, origin, part),
                PaddingMode::Reflect => Axis::reflected(side, origin, part),
            }
        };
        let rows = axis(size.height, self.to.height);
        let columns = axis(size.width, self.to.width);
        push(&Step::Move { rows, columns, outside: &self.fill });
    }
}

#[cfg(test)]
mod tests {
    use super::middle;

    #[test]
    fn the_middle_is_torchvisions() {
        // round(3 / 2) and round(5 / 2) are 2 in Python.
        let found: Vec<isize> = [(5, 5), (8, 5), (10, 5), (9, 5), (3, 5)].map(|(a, b)| middle(a, b)).to_vec();
        assert_eq!(found, [0, 2, 2, 2, -1]);
    }
}
