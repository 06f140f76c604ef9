//! `random_translate`: shifts images by a few pixels.

use pixels::Step;

use super::super::image_op::{Draw, ImageOp};
use super::super::images::{per_channel, spread};
use super::Augment;
use super::drawn::shift;
use crate::batch::ImageSize;
use crate::params::{Faults, params};

params! {
    /// Shifts each image by up to `padding` pixels in each direction; what comes in is `fill`.
    ///
    /// As FFCV's RandomTranslate: the two shifts are independent, and each of the 2·padding + 1 values from −padding
    /// to padding is as likely.
    pub struct RandomTranslate {
        /// Greatest shift, in pixels.
        padding: usize => 0..=4096,
        /// Colour of the pixels that come in, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
        /// Other fields that are shifted along, such as masks: images of the same height and width. What comes into
        /// them is 0.
        also: Vec<String> = Vec::new(),
    }
}

impl Augment for RandomTranslate {
    fn composes(&self) -> bool {
        true
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        per_channel("fill", self.fill.len(), size)
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Box::new(Translate { padding: self.padding, fill: spread(&self.fill, size.channels) })
    }

    fn mask_op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Box::new(Translate { padding: self.padding, fill: vec![0; size.channels] })
    }
}

struct Translate {
    padding: usize,
    fill: Vec<u8>,
}

impl ImageOp for Translate {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let choices = 2 * self.padding as u64 + 1;
        // Origin of the window in the padded image, as FFCV draws it: first down, then right.
        let mut origin = || draw.rng.below(choices) as isize - self.padding as isize;
        let (down, right) = (origin(), origin());
        push(&shift(size, down, right, &self.fill));
    }
}
