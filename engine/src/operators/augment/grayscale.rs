//! Images without colour: `grayscale`, `random_grayscale`.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::{always, sometimes};
use crate::batch::ImageSize;
use crate::params::params;

params! {
    /// Replaces each colour by its grey, in all three channels.
    ///
    /// As torchvision's Grayscale with three channels out, which is not its default: the image keeps its shape. Needs
    /// three channels; a fourth stays as it is.
    pub struct Grayscale: Default {
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for Grayscale {
    const RANDOM: bool = false;

    fn needs_colour(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        always(|_| Op::Grayscale)
    }
}

params! {
    /// Replaces each colour by its grey, in all three channels, with probability `p`.
    ///
    /// As torchvision's RandomGrayscale. Needs three channels; a fourth stays as it is.
    pub struct RandomGrayscale: Default {
        /// Probability that an image is changed.
        p: f64 = 0.1 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for RandomGrayscale {
    fn needs_colour(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        sometimes(self.p, |_| Op::Grayscale)
    }
}
