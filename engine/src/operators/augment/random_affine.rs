//! Turned, moved, scaled and sheared images: `random_rotation`, `random_affine`.

use pixels::Op;
use pixels::ops::{Affine, Sampling};

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::always;
use super::ranges::{NumberOrRange, ascending, check_colour, colour, list};
use crate::batch::ImageSize;
use crate::params::{Either, Fault, Faults, choice, params};

choice! {
    /// How a place between pixels gets its colour.
    pub enum Interpolation {
        /// That of the pixel it lies in.
        Nearest = "nearest",
        /// The mean of the four pixels around it, weighted by nearness.
        Bilinear = "bilinear",
    }
}

impl Interpolation {
    /// To pixels.
    pub(super) const fn sampling(self) -> Sampling {
        match self {
            Self::Nearest => Sampling::Nearest,
            Self::Bilinear => Sampling::Bilinear,
        }
    }
}

params! {
    /// Turns each image about its middle by a random angle.
    ///
    /// As torchvision's RandomRotation: anticlockwise, every angle as likely, and the image keeps its size; there is no
    /// `expand` and no `center`.
    pub struct RandomRotation {
        /// Range of the angle, in degrees: a number d for −d to d, or `[least, greatest]`.
        degrees: NumberOrRange => -360..=360,
        /// How a place between pixels gets its colour.
        interpolation: Interpolation = Interpolation::Nearest,
        /// Colour of what comes in from outside, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are turned along, such as masks: images of the same height and width. Their pixels are
        /// not mixed, and what comes into them is 0.
        also: Vec<String> = Vec::new(),
    }
}

impl Augment for RandomRotation {
    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(self.degrees.check("degrees"));
        faults.keep(check_colour("fill", &self.fill, size));
        faults.end()
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        let (degrees, sampling, fill) = (self.degrees.around_zero(), self.interpolation.sampling(), colour(&self.fill));
        always(move |rng| Op::Affine { map: Affine::rotation(rng.within(degrees)), sampling, fill })
    }

    fn mask_op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Self { interpolation: Interpolation::Nearest, fill: vec![0], ..self.clone() }.op(size)
    }
}

params! {
    /// Turns, moves, scales and shears each image at random, about its middle.
    ///
    /// As torchvision's RandomAffine: clockwise (unlike `random_rotation`, as there), sheared, scaled, then moved by
    /// whole pixels; every value of each range is as likely. There is no `center`.
    pub struct RandomAffine {
        /// Range of the angle, in degrees: a number d for −d to d, or `[least, greatest]`.
        degrees: NumberOrRange => -360..=360,
        /// Greatest shift, as a share of the image's width and of its height.
        translate: [f64; 2] = [0.0, 0.0] => 0.0..=1.0,
        /// Least and greatest factor of the size.
        scale: [f64; 2] = [1.0, 1.0] => 0.01..=100.0,
        /// Range of the shear, in degrees: a number d for −d to d sideways, `[least, greatest]` sideways, or four
        /// numbers: `[least, greatest]` sideways, then up and down.
        shear: Either<f64, Vec<f64>> = Either::One(0.0) => -89..=89,
        /// How a place between pixels gets its colour.
        interpolation: Interpolation = Interpolation::Nearest,
        /// Colour of what comes in from outside, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are moved along, such as masks: images of the same height and width. Their pixels are
        /// not mixed, and what comes into them is 0.
        also: Vec<String> = Vec::new(),
    }
}

impl RandomAffine {
    /// Ranges of the two shears; a list of another length is the error.
    fn shears(&self) -> Result<[NumberOrRange; 2], &[f64]> {
        match &self.shear {
            Either::One(most) => Ok([(*most).into(), 0.0.into()]),
            Either::Other(list) => match list[..] {
                [low, high] => Ok([[low, high].into(), 0.0.into()]),
                [low, high, lowest, highest] => Ok([[low, high].into(), [lowest, highest].into()]),
                _ => Err(list),
            },
        }
    }
}

impl Augment for RandomAffine {
    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(self.degrees.check("degrees"));
        faults.keep(ascending("scale", self.scale));
        faults.keep(check_colour("fill", &self.fill, size));
        match self.shears() {
            Ok(shears) => shears.iter().for_each(|shear| {
                faults.keep(shear.check("shear"));
            }),
            Err(values) => {
                let fault = Fault::new("/shear", "wrong number of values in `shear`");
                let fault = fault.expected("a number, a list of 2 or a list of 4");
                faults.0.push(fault.given(list(values)));
            }
        }
        faults.end()
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        let (sampling, fill) = (self.interpolation.sampling(), colour(&self.fill));
        let (degrees, scale) = (self.degrees.around_zero(), self.scale.into());
        let most = [self.translate[0] * size.width as f64, self.translate[1] * size.height as f64];
        let shears = self.shears().expect("the length of the list was checked").map(|shear| shear.around_zero());
        always(move |rng| {
            // In torchvision's order.
            let degrees = rng.within(degrees);
            let [right, down] = most.map(|most| rng.within((-most, most)).round_ties_even());
            let scale = rng.within(scale);
            let [sideways, upwards] = shears.map(|shear| rng.within(shear));
            Op::Affine { map: Affine::of_angles(degrees, (right, down), scale, (sideways, upwards)), sampling, fill }
        })
    }

    fn mask_op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Self { interpolation: Interpolation::Nearest, fill: vec![0], ..self.clone() }.op(size)
    }
}
