//! Operations chosen from a set, as papers say: `rand_augment`, `trivial_augment_wide`.

use pixels::Op;
use pixels::ops::{Colour, Policy, Sampling};

use super::super::image_op::ImageOp;
use super::drawn::drawn;
use super::ranges::{check_colour, colour};
use super::{Augment, Interpolation};
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, params};
use crate::random::Rng;

params! {
    /// Changes each image by `num_ops` random operations of the same strength.
    ///
    /// As torchvision's RandAugment (Cubuk et al., 2020), operations and strengths included. Each of the fourteen is as
    /// likely, and may come twice: nothing, shears, translations, rotation, brightness, colour, contrast, sharpness,
    /// posterize, solarize, autocontrast, equalize. On images of fewer than three channels, colour changes nothing.
    pub struct RandAugment: Default {
        /// Operations for each image.
        num_ops: usize = 2 => 0..=100,
        /// Number of the strength, from 0.
        magnitude: usize = 9 => 0..=999,
        /// How many strengths there are.
        num_magnitude_bins: usize = 31 => 2..=1000,
        /// How a place between pixels gets its colour where the image is turned or sheared.
        interpolation: Interpolation = Interpolation::Nearest,
        /// Colour of what comes in from outside, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandAugment {
    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(check_colour("fill", &self.fill, size));
        if self.magnitude >= self.num_magnitude_bins {
            let fault = Fault::new("/magnitude", "there is no strength of that number");
            let fault = fault.expected(format!("a whole number below {}", self.num_magnitude_bins));
            let fault = fault.given(self.magnitude.to_string());
            faults.0.push(fault.hint("`num_magnitude_bins` says how many strengths there are"));
        }
        faults.end()
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        let Self { num_ops, magnitude, .. } = *self;
        let set = Set {
            policy: Policy::RandAugment,
            strengths: self.num_magnitude_bins,
            sampling: self.interpolation.sampling(),
            fill: colour(&self.fill),
        };
        drawn(move |draw, push| (0..num_ops).for_each(|_| push(set.draw(size, &mut draw.rng, |_| magnitude))))
    }
}

params! {
    /// Changes each image by one random operation of random strength.
    ///
    /// As torchvision's TrivialAugmentWide (Müller and Hutter, 2021), with the fourteen operations of `rand_augment` in
    /// wider ranges. On images of fewer than three channels, colour changes nothing.
    pub struct TrivialAugmentWide: Default {
        /// How many strengths there are, each as likely.
        num_magnitude_bins: usize = 31 => 2..=1000,
        /// How a place between pixels gets its colour where the image is turned or sheared.
        interpolation: Interpolation = Interpolation::Nearest,
        /// Colour of what comes in from outside, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for TrivialAugmentWide {
    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        check_colour("fill", &self.fill, size)
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        let strengths = self.num_magnitude_bins;
        let set = Set {
            policy: Policy::TrivialAugmentWide,
            strengths,
            sampling: self.interpolation.sampling(),
            fill: colour(&self.fill),
        };
        drawn(move |draw, push| push(set.draw(size, &mut draw.rng, |rng| rng.below(strengths as u64) as usize)))
    }
}

/// What a policy chooses from.
struct Set {
    policy: Policy,
    strengths: usize,
    sampling: Sampling,
    fill: Colour,
}

impl Set {
    /// One operation, of the strength with a number that may be drawn.
    fn draw(&self, size: ImageSize, rng: &mut Rng, number: impl Fn(&mut Rng) -> usize) -> Op {
        let adjustment = Policy::ADJUSTMENTS[rng.below(Policy::ADJUSTMENTS.len() as u64) as usize];
        let strength = self.policy.strength(adjustment, number(rng), self.strengths, size);
        let negative = adjustment.is_signed() && rng.chance(0.5);
        adjustment.op(if negative { -strength } else { strength }, size, self.sampling, self.fill)
    }
}
