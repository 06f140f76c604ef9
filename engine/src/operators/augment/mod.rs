//! Augmentations: operators that change an image of bytes and leave its size.
//!
//! One is its parameters, what they must fulfil, and an [`ImageOp`] that draws what to do. `list.rs` names them all;
//! being a node and being a part of `random_apply` and the like follow from that.

mod color_jitter;
mod combinators;
mod cutout;
mod drawn;
mod flips;
mod gaussian_blur;
mod grayscale;
mod list;
#[cfg(test)]
mod mask_tests;
mod policies;
mod random_adjust;
mod random_affine;
mod random_erasing;
mod random_tables;
mod random_translate;
mod ranges;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

pub use color_jitter::ColorJitter;
pub use combinators::{RandomApply, RandomChoice, RandomOrder};
pub use cutout::{Cutout, CutoutCentre};
pub use flips::{AlternatingFlip, RandomHorizontalFlip, RandomVerticalFlip};
pub use gaussian_blur::GaussianBlur;
pub use grayscale::{Grayscale, RandomGrayscale};
pub use list::{AUGMENTATIONS, Augmentation};
pub use policies::{RandAugment, TrivialAugmentWide};
pub use random_adjust::{RandomAdjustSharpness, RandomBrightness, RandomContrast, RandomSaturation};
pub use random_affine::{Interpolation, RandomAffine, RandomRotation};
pub use random_erasing::{ErasedBy, RandomErasing};
pub use random_tables::{RandomAutocontrast, RandomEqualize, RandomInvert, RandomPosterize, RandomSolarize};
pub use random_translate::RandomTranslate;

use super::device_steps::{DeviceSteps, DeviceTogether};
use super::group::Group;
use super::image_op::{ImageMap, ImageOp};
use super::images::{image_size, mismatch, uint8_image, uint8_image_at};
use super::kernel::{DeviceMap, Kernel, Map, OperatorError, Site};
use super::registry::{Operator, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{Field, ImageSize, Rows};
use crate::params::{Fault, Faults, ParamSet, quoted};

/// What the list of [`AUGMENTATIONS`] says of their parameters.
pub trait ImageParams: ParamSet + Send + Sync + 'static {
    /// Name in graph files.
    const NAME: &'static str;
    /// The group it is listed in.
    const GROUP: Group;
    /// The field of the images.
    fn field(&self) -> &str;
    /// Fields that are moved along with the images, such as masks.
    fn also(&self) -> &[String] {
        &[]
    }
}

/// An augmentation: what its parameters mean.
pub trait Augment: ImageParams {
    /// Whether it draws random numbers.
    const RANDOM: bool = true;

    /// Whether it looks at colour, and so makes no sense for images of fewer than three channels.
    fn needs_colour(&self) -> bool {
        false
    }

    /// What is wrong with the parameters for images of that size, beyond what their declaration says. A fault's path
    /// starts at the parameters.
    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let _ = size;
        Ok(())
    }

    /// Whether all that it does is moving whole pixels, filling rectangles and looking up values: then it can be done on
    /// a GPU too.
    fn composes(&self) -> bool {
        false
    }

    /// What it does to images of that size; the parameters were checked.
    fn op(&self, size: ImageSize) -> Box<dyn ImageOp>;

    /// What it does to a mask of that size: from the same random numbers the same moves, and pixels stay what they are.
    /// For augmentations that have a parameter `also`.
    fn mask_op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        self.op(size)
    }
}

/// What is wrong with an augmentation for images of that size. Where it stands for itself, `here` is `/field`, since a
/// node of the same kind fits other images; in a list it is `/op`.
fn check<P: Augment>(params: &P, size: ImageSize, here: &str) -> Result<(), Faults> {
    let mut faults = Faults::default();
    faults.keep(params.check(size));
    if params.needs_colour() && size.channels < 3 {
        let fault = Fault::new(here, "this needs red, green and blue");
        let fault = fault.expected("an image of 3 channels or more").given(format!("an image of {size}"));
        faults.0.push(fault.hint("leave it out, or name an image in colour with `field`"));
    }
    faults.end()
}

/// The operator of an augmentation.
pub struct ImageOperator<P>(PhantomData<fn() -> P>);

impl<P> ImageOperator<P> {
    /// For a list of operators.
    pub const NEW: Self = Self(PhantomData);
}

impl<P: Augment> Operator for ImageOperator<P> {
    type Params = P;
    const NAME: &'static str = P::NAME;
    const ROLE: Role = Role::Map;
    const GROUP: Group = P::GROUP;

    fn signature(&self, params: &P, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = uint8_image(inputs, params.field())?;
        let mut faults = Faults::default();
        faults.keep(check(params, size, "/field"));
        let masks = (0..params.also().len()).filter_map(|index| faults.keep(mask(params, index, size, inputs)));
        let fields: Vec<&Field> = [field].into_iter().chain(masks).collect();
        faults.end()?;
        Ok(Signature {
            reads: fields.iter().map(|f| f.name.clone()).collect(),
            writes: fields.iter().map(|&f| Write { field: f.clone(), mode: WriteMode::Update }).collect(),
            random: P::RANDOM,
            on_gpu: params.composes(),
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &P, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let map = |name: &str, op: &dyn Fn(ImageSize) -> Box<dyn ImageOp>| {
            let size = image_size(site.input, name);
            ImageMap::in_place(name, size, op(size))
        };
        let image = map(params.field(), &|size| params.op(size));
        if params.also().is_empty() {
            return Ok(Kernel::Map(Box::new(image)));
        }
        let masks = params.also().iter().map(|name| map(name, &|size| params.mask_op(size)));
        Ok(Kernel::Map(Box::new(Together([image].into_iter().chain(masks).collect()))))
    }

    fn device_kernel(&self, params: &P, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        if !params.composes() {
            return Ok(None);
        }
        let steps = |name: &str, op: &dyn Fn(ImageSize) -> Box<dyn ImageOp>| {
            let size = image_size(site.input, name);
            DeviceSteps { field: name.to_owned(), size, op: op(size) }
        };
        let image = steps(params.field(), &|size| params.op(size));
        let masks = params.also().iter().map(|name| steps(name, &|size| params.mask_op(size)));
        Ok(Some(Box::new(DeviceTogether([image].into_iter().chain(masks).collect()))))
    }
}

/// The field at a place of `also`, or what is wrong with it.
fn mask<'a>(
    params: &impl Augment,
    index: usize,
    size: ImageSize,
    inputs: &'a PortSchemas,
) -> Result<&'a Field, Faults> {
    let key = format!("also/{index}");
    let name = &params.also()[index];
    if name == params.field() || params.also()[..index].contains(name) {
        let fault = Fault::new(format!("/{key}"), format!("field {} is named twice", quoted(name)));
        return Err(fault.expected("fields other than `field`, each once").given(quoted(name)).into());
    }
    let (field, own) = uint8_image_at(inputs, &key, name)?;
    if (own.height, own.width) != (size.height, size.width) {
        let hint = format!("a mask has a value for each pixel of `{}`", params.field());
        let expected = format!("an image of {} × {} pixels", size.height, size.width);
        return Err(Fault { path: format!("/{key}"), ..mismatch(&expected, field, &hint) }.into());
    }
    Ok(field)
}

/// Images, and masks that are moved along: the rows of each draw from the same numbers, and what is drawn depends on
/// height and width alone.
struct Together(Vec<ImageMap>);

impl Map for Together {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        self.0.iter().try_for_each(|map| map.apply(rows))
    }

    /// Those of the image: its masks are moved along.
    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        self.0[0].words(rows)
    }
}
