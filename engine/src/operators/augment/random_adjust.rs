//! One adjustment with a probability: `random_brightness`, `random_contrast`, `random_saturation`,
//! `random_adjust_sharpness`.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::sometimes;
use super::ranges::NumberOrRange;
use crate::batch::ImageSize;
use crate::params::params;

/// FFCV's: with that probability an operation by a random factor around 1.
fn by_factor(p: f64, magnitude: f64, op: impl Fn(f64) -> Op + Send + Sync + 'static) -> Box<dyn ImageOp> {
    let factors = NumberOrRange::One(magnitude).around_one();
    sometimes(p, move |rng| op(rng.within(factors)))
}

params! {
    /// Multiplies each image by a random factor with probability `p`.
    ///
    /// As FFCV's RandomBrightness: every factor from max(0, 1 − magnitude) to 1 + magnitude is as likely, and values
    /// are cut off to 0 to 255 and to whole numbers.
    pub struct RandomBrightness {
        /// Greatest distance of the factor from 1.
        magnitude: f64 => 0.0..=100.0,
        /// Probability that an image is changed.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomBrightness {
    fn composes(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        by_factor(self.p, self.magnitude, |factor| Op::Brightness { factor })
    }
}

params! {
    /// Multiplies the distance of each image from its mean grey by a random factor with probability `p`.
    ///
    /// As FFCV's RandomContrast: every factor from max(0, 1 − magnitude) to 1 + magnitude is as likely.
    pub struct RandomContrast {
        /// Greatest distance of the factor from 1.
        magnitude: f64 => 0.0..=100.0,
        /// Probability that an image is changed.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomContrast {
    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        by_factor(self.p, self.magnitude, |factor| Op::Contrast { factor })
    }
}

params! {
    /// Multiplies the distance of each pixel from its grey by a random factor with probability `p`.
    ///
    /// As FFCV's RandomSaturation: every factor from max(0, 1 − magnitude) to 1 + magnitude is as likely. Needs three
    /// channels; a fourth stays as it is.
    pub struct RandomSaturation {
        /// Greatest distance of the factor from 1.
        magnitude: f64 => 0.0..=100.0,
        /// Probability that an image is changed.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomSaturation {
    fn needs_colour(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        by_factor(self.p, self.magnitude, |factor| Op::Saturation { factor })
    }
}

params! {
    /// Sharpens or softens each image by a factor with probability `p`.
    ///
    /// As torchvision's RandomAdjustSharpness: the distance of each pixel from the softened image is multiplied by the
    /// factor, and the outermost pixels stay as they are.
    pub struct RandomAdjustSharpness {
        /// Factor: 0 softens, 1 changes nothing, 2 sharpens.
        sharpness_factor: f64 => 0.0..=100.0,
        /// Probability that an image is changed.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomAdjustSharpness {
    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        let factor = self.sharpness_factor;
        sometimes(self.p, move |_| Op::Sharpness { factor })
    }
}
