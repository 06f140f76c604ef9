//! `gaussian_blur`: blurs images.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::always;
use super::ranges::NumberOrRange;
use crate::batch::ImageSize;
use crate::params::{Fault, Faults, params};

params! {
    /// Blurs each image with a Gaussian filter of random width.
    ///
    /// As torchvision's GaussianBlur, with square filters: every standard deviation of the range is as likely, and
    /// beyond its edge the image is reflected. torchvision refuses images smaller than half of the filter.
    pub struct GaussianBlur {
        /// Height and width of the filter in pixels, an odd number.
        kernel_size: usize => 1..=255,
        /// Standard deviation in pixels: a number, or `[least, greatest]`.
        sigma: NumberOrRange = NumberOrRange::Other([0.1, 2.0]) => 0.01..=1000.0,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl Augment for GaussianBlur {
    fn check(&self, _: ImageSize) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let size = self.kernel_size;
        if size.is_multiple_of(2) {
            let fault = Fault::new("/kernel_size", "the filter has no middle");
            let fault = fault.expected("an odd number").given(size.to_string());
            faults.0.push(fault.hint(format!("write {} or {}", size - 1, size + 1)));
        }
        faults.keep(self.sigma.check("sigma"));
        faults.end()
    }

    fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
        let (radius, sigma) = (self.kernel_size / 2, self.sigma.exact());
        always(move |rng| Op::GaussianBlur { radius, sigma: rng.within(sigma) })
    }
}
