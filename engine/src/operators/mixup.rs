//! `mixup`: blends each image with another one, and their labels.

use pixels::ops::blend_weight;

use super::device_mixing::DeviceMixing;
use super::group::Group;
use super::kernel::{DeviceMap, Kernel, OperatorError, Site};
use super::mixing::{Mix, Mixed, Mixing, signature};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::ImageSize;
use crate::params::{Faults, params};
use crate::random::Rng;

params! {
    /// Blends each image with the one before it in the batch, and their labels likewise.
    ///
    /// Image i becomes λ·image i + (1 − λ)·image i−1, the first with the last; λ is drawn from Beta(alpha, alpha). The
    /// label becomes soft: float32, for each class its share; a label that is soft already is mixed as it is. As FFCV's
    /// ImageMixup and LabelMixup in one, and as torchvision's MixUp on images of bytes. (Zhang and others, 2017.)
    pub struct Mixup: Default {
        /// Both parameters of the beta distribution: at 1 every λ is as likely, below it those near 0 and 1 are
        /// likelier, above it those near 1/2.
        alpha: f64 = 1.0 => 0.001..=1_000.0,
        /// Probability that an image is mixed; with `same_lambda`, that a batch is.
        p: f64 = 1.0 => 0.0..=1.0,
        /// Whether all images of a batch have one λ.
        same_lambda: bool = false,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Label: int64 of known classes, or soft; null for images alone.
        label: Option<String> = Some("label".to_owned()),
    }
}

impl OperatorParams for Mixup {
    fn operator_name(&self) -> &'static str {
        MixupOperator::NAME
    }
}

/// See [`Mixup`].
pub struct MixupOperator;

impl Operator for MixupOperator {
    type Params = Mixup;
    const NAME: &'static str = "mixup";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &Mixup, inputs: &PortSchemas) -> Result<Signature, Faults> {
        signature(inputs, &params.field, params.label.as_deref())
    }

    fn kernel(&self, params: &Mixup, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Map(Box::new(mixing(params, site))))
    }

    fn device_kernel(&self, params: &Mixup, site: &Site<'_>) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        Ok(Some(Box::new(DeviceMixing(mixing(params, site)))))
    }
}

fn mixing(Mixup { alpha, p, same_lambda, field, label }: &Mixup, site: &Site<'_>) -> Mixing<Blend> {
    Mixing::new(site, field, label.as_deref(), (*alpha, *p, *same_lambda), Blend)
}

struct Blend;

impl Mix for Blend {
    fn draw(&self, _: ImageSize, lambda: f64, _: &mut Rng) -> (Mixed, f64) {
        // What bytes are blended with, so that the label says what the pixels do.
        let own = f64::from(blend_weight(lambda)) / 32_768.0;
        (Mixed::Blend(own), own)
    }
}
