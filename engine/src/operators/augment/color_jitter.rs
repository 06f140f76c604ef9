//! `color_jitter`: brightness, contrast, saturation and hue in random order.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::drawn;
use super::ranges::NumberOrRange;
use crate::batch::ImageSize;
use crate::params::{Faults, params};

params! {
    /// Changes brightness, contrast, saturation and hue of each image at random, in random order.
    ///
    /// As torchvision's ColorJitter: every value of each range is as likely, the order of the four is drawn for each
    /// image, and what has the range 0 is left out. Saturation and hue need three channels; a fourth stays as it is.
    pub struct ColorJitter: Default {
        /// Range of the factor of the brightness: a number d for max(0, 1 − d) to 1 + d, or `[least, greatest]`.
        brightness: NumberOrRange = NumberOrRange::One(0.0) => 0.0..=100.0,
        /// Range of the factor of the contrast, likewise.
        contrast: NumberOrRange = NumberOrRange::One(0.0) => 0.0..=100.0,
        /// Range of the factor of the saturation, likewise.
        saturation: NumberOrRange = NumberOrRange::One(0.0) => 0.0..=100.0,
        /// Range of the turn of the hue, 1 for a whole turn: a number d for −d to d, or `[least, greatest]`.
        hue: NumberOrRange = NumberOrRange::One(0.0) => -0.5..=0.5,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl ColorJitter {
    /// The four ranges in the order of the parameters; none for what changes nothing.
    fn ranges(&self) -> [Option<(f64, f64)>; 4] {
        let unless = |neutral: f64, range: (f64, f64)| (range != (neutral, neutral)).then_some(range);
        [
            unless(1.0, self.brightness.around_one()),
            unless(1.0, self.contrast.around_one()),
            unless(1.0, self.saturation.around_one()),
            unless(0.0, self.hue.around_zero()),
        ]
    }
}

impl Augment for ColorJitter {
    fn needs_colour(&self) -> bool {
        let [_, _, saturation, hue] = self.ranges();
        saturation.is_some() || hue.is_some()
    }

    fn check(&self, _: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.keep(self.brightness.check("brightness"));
        faults.keep(self.contrast.check("contrast"));
        faults.keep(self.saturation.check("saturation"));
        faults.keep(self.hue.check("hue"));
        faults.end()
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        let ranges = self.ranges();
        drawn(move |draw, push| {
            let mut order = [0, 1, 2, 3];
            draw.rng.shuffle(&mut order);
            // The values in a fixed order, as in torchvision.
            let values = ranges.map(|range| range.map(|range| draw.rng.within(range)));
            for which in order {
                let Some(value) = values[which] else { continue };
                push(match which {
                    0 => Op::Brightness { factor: value },
                    1 => Op::Contrast { factor: value },
                    2 => Op::Saturation { factor: value },
                    _ => Op::Hue { turn: value },
                });
            }
        })
    }
}
