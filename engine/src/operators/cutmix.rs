//! `cutmix`: puts a rectangle of another image on each image, and mixes their labels.

use pixels::ops::places;

use super::device_mixing::DeviceMixing;
use super::group::Group;
use super::kernel::{DeviceMap, Kernel, OperatorError, Site};
use super::mixing::{Mix, Mixed, Mixing, signature};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::ImageSize;
use crate::params::{Faults, params};
use crate::random::Rng;

params! {
    /// Puts a rectangle of another image on each image, and mixes their labels.
    ///
    /// The other image is the one before it in the batch, and of the first the last. The rectangle's centre is
    /// anywhere, and its area 1 − λ of the image's but for what the image's edge cuts off; λ is drawn from
    /// Beta(alpha, alpha). The label becomes soft: float32, for each class its share of the pixels; a label that is
    /// soft already is mixed as it is. As torchvision's CutMix. (Yun and others, 2019.)
    pub struct Cutmix: Default {
        /// Both parameters of the beta distribution: at 1 every λ is as likely, below it those near 0 and 1 are
        /// likelier, above it those near 1/2.
        alpha: f64 = 1.0 => 0.001..=1_000.0,
        /// Probability that an image is mixed; with `same_lambda`, that a batch is.
        p: f64 = 1.0 => 0.0..=1.0,
        /// Whether all images of a batch have one λ and one rectangle.
        same_lambda: bool = false,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Label: int64 of known classes, or soft; null for images alone.
        label: Option<String> = Some("label".to_owned()),
    }
}

impl OperatorParams for Cutmix {
    fn operator_name(&self) -> &'static str {
        CutmixOperator::NAME
    }
}

/// See [`Cutmix`].
pub struct CutmixOperator;

impl Operator for CutmixOperator {
    type Params = Cutmix;
    const NAME: &'static str = "cutmix";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &Cutmix, inputs: &PortSchemas) -> Result<Signature, Faults> {
        signature(inputs, &params.field, params.label.as_deref())
    }

    fn kernel(&self, params: &Cutmix, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Map(Box::new(mixing(params, site))))
    }

    fn device_kernel(&self, params: &Cutmix, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        Ok(Some(Box::new(DeviceMixing(mixing(params, site)))))
    }
}

fn mixing(Cutmix { alpha, p, same_lambda, field, label }: &Cutmix, site: &Site<'_>) -> Mixing<Paste> {
    Mixing::new(site, field, label.as_deref(), (*alpha, *p, *same_lambda), Paste)
}

struct Paste;

impl Mix for Paste {
    fn draw(&self, size: ImageSize, lambda: f64, rng: &mut Rng) -> (Mixed, f64) {
        let (area, own) = places::cutmix(size, lambda, &mut || rng.unit());
        (Mixed::Paste(area), own)
    }
}
