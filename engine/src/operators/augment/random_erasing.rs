//! `random_erasing`: covers a rectangle of some images.

use pixels::Op;
use pixels::ops::places;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::drawn;
use super::ranges::{ascending, check_colour, colour};
use crate::batch::ImageSize;
use crate::params::{Either, Fault, Faults, choice, params};

choice! {
    /// What [`RandomErasing`] covers with, if it is not a colour.
    pub enum ErasedBy {
        /// The mean colour of the image as it is then.
        Mean = "mean",
        /// Noise: a random byte for each pixel and channel, all as likely.
        Random = "random",
    }
}

params! {
    /// Covers a random rectangle of each image with probability `p`.
    ///
    /// As torchvision's RandomErasing (Zhong et al., 2020), places and shapes included: ten tries to find a rectangle
    /// smaller than the image, else it stays as it is. On bytes, before `normalize`, where torchvision's is on floats:
    /// its `value` 0 on normalised images is the mean colour here, and its random numbers are normal ones.
    pub struct RandomErasing: Default {
        /// Probability that an image is changed.
        p: f64 = 0.5 => 0.0..=1.0,
        /// Least and greatest share of the image's area.
        scale: [f64; 2] = [0.02, 0.33] => 0.0..=1.0,
        /// Least and greatest ratio of height to width, on a logarithmic scale.
        ratio: [f64; 2] = [0.3, 3.3] => 0.001..=1000.0,
        /// What it is covered with: a colour, one value a channel or one for all, or one of these words.
        value: Either<Vec<u8>, ErasedBy> = Either::One(vec![0]) => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomErasing {
    fn composes(&self) -> bool {
        matches!(self.value, Either::One(_))
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(ascending("scale", self.scale));
        faults.keep(ascending("ratio", self.ratio));
        match &self.value {
            Either::One(values) => {
                faults.keep(check_colour("value", values, size));
            }
            Either::Other(ErasedBy::Mean) if size.channels > 4 => {
                let fault = Fault::new("/value", "the mean colour is known for up to 4 channels");
                faults.0.push(fault.expected("a colour or \"random\"").given("\"mean\""));
            }
            Either::Other(_) => {}
        }
        faults.end()
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        let Self { p, scale, ratio, .. } = *self;
        let by = match &self.value {
            Either::One(values) => Either::One(colour(values)),
            Either::Other(by) => Either::Other(*by),
        };
        drawn(move |draw, push| {
            if !draw.rng.chance(p) {
                return;
            }
            let rect = places::random_erasing(size, scale.into(), ratio.into(), &mut || draw.rng.unit());
            let Some(rect) = rect else { return };
            push(match by {
                Either::One(colour) => Op::Fill { rect, colour },
                Either::Other(ErasedBy::Mean) => Op::FillMean { rect },
                Either::Other(ErasedBy::Random) => Op::FillNoise { rect, seed: draw.rng.bits() },
            });
        })
    }
}
