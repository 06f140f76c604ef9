//! Mirror images: `random_horizontal_flip`, `random_vertical_flip`, `alternating_flip`.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::{drawn, sometimes};
use crate::batch::ImageSize;
use crate::params::params;

params! {
    /// Mirrors each image left to right with probability `flip_prob`.
    ///
    /// As FFCV's RandomHorizontalFlip and torchvision's, with a choice of its own for each image.
    pub struct RandomHorizontalFlip: Default {
        /// Probability that an image is mirrored.
        flip_prob: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are mirrored along, such as masks: images of the same height and width.
        also: Vec<String> = Vec::new(),
    }
}

impl Augment for RandomHorizontalFlip {
    fn composes(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        sometimes(self.flip_prob, |_| Op::MirrorHorizontal)
    }
}

params! {
    /// Turns each image upside down, as in a mirror, with probability `flip_prob`.
    ///
    /// As torchvision's RandomVerticalFlip (its `p`) and FFCV's of version 1.1, with a choice of its own for each image.
    pub struct RandomVerticalFlip: Default {
        /// Probability that an image is mirrored.
        flip_prob: f64 = 0.5 => 0.0..=1.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are mirrored along, such as masks: images of the same height and width.
        also: Vec<String> = Vec::new(),
    }
}

impl Augment for RandomVerticalFlip {
    fn composes(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        sometimes(self.flip_prob, |_| Op::MirrorVertical)
    }
}

params! {
    /// Mirrors each image left to right in every other epoch.
    ///
    /// Half of the images, chosen at random, are mirrored in the first epoch, the other half in the second, the first
    /// half again in the third, and so on: in each two epochs an image is seen both ways. As airbench (Jordan, 2024),
    /// which chooses by a hash of the image's index.
    pub struct AlternatingFlip: Default {
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are mirrored along, such as masks: images of the same height and width.
        also: Vec<String> = Vec::new(),
    }
}

impl Augment for AlternatingFlip {
    fn composes(&self) -> bool {
        true
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        drawn(|draw, push| {
            if draw.first_epoch.chance(0.5) != (draw.epoch % 2 == 1) {
                push(Op::MirrorHorizontal);
            }
        })
    }
}
