//! `cutout`: covers a square of each image.

use pixels::ops::places;
use pixels::{Rect, Step};

use super::super::image_op::{Draw, ImageOp};
use super::super::images::{per_channel, spread};
use super::Augment;
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, choice, params};

choice! {
    /// Where the square of [`Cutout`] may be.
    pub enum CutoutCentre {
        /// Where the square lies inside the image as a whole, as FFCV's.
        Inside = "inside",
        /// On any pixel, so that the image's edge cuts some squares, as in the paper.
        Anywhere = "anywhere",
    }
}

params! {
    /// Covers a random square of each image with `fill`.
    ///
    /// As FFCV's Cutout: the square lies inside the image as a whole, and every place is as likely. With `"centre":
    /// "anywhere"` as in the paper, by DeVries and Taylor, 2017: its centre is anywhere and the image's edge cuts it.
    pub struct Cutout {
        /// Side of the square, in pixels.
        crop_size: usize => 0..=65_536,
        /// Colour of the square, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Where the square's centre may be.
        centre: CutoutCentre = CutoutCentre::Inside,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for Cutout {
    fn composes(&self) -> bool {
        true
    }

    fn check(&self, size: ImageSize) -> Result<(), Faults> {
        let side = size.height.min(size.width);
        let mut faults = Faults::default();
        faults.keep(per_channel("fill", self.fill.len(), size));
        if self.centre == CutoutCentre::Inside && self.crop_size > side {
            let fault = Fault::new("/crop_size", "the square is larger than the image");
            faults.0.push(fault.expected(format!("at most {side}")).given(self.crop_size.to_string()));
        }
        faults.end()
    }

    fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
        Box::new(Cut { side: self.crop_size, centre: self.centre, fill: spread(&self.fill, size.channels) })
    }
}

struct Cut {
    side: usize,
    centre: CutoutCentre,
    fill: Vec<u8>,
}

impl ImageOp for Cut {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        let area = match self.centre {
            CutoutCentre::Inside => {
                let mut start = |len: usize| draw.rng.below((len - self.side + 1) as u64) as usize;
                let (top, left) = (start(size.height), start(size.width));
                Rect { top, left, height: self.side, width: self.side }
            }
            CutoutCentre::Anywhere => places::cutout_centred(size, self.side, &mut || draw.rng.unit()),
        };
        push(&Step::Fill { area, colour: &self.fill });
    }
}
