//! What augmentations do to pixels, once their random numbers are drawn.
//!
//! Images are height × width × channels bytes, interleaved, of one to four channels; of a fifth channel, colours and
//! tables say what they say of the first, and so on. Operations that look at colour say what they do to images that are
//! not red, green, blue; all others treat every channel alike, a transparency too. All sizes are allowed, and an image
//! without pixels stays as it is.
//!
//! Every function gives the same bytes on every machine: integers, or single multiplications and additions of IEEE
//! numbers in the order written, and the few transcendental functions are [our own](elementary).
//!
//! A byte made from a real number is cut off towards zero after clamping, as FFCV and torchvision do, unless a
//! function says that it rounds.

mod affine;
mod blur;
mod colour;
pub mod elementary;
mod hue;
mod mirror;
mod mix;
mod op;
pub mod places;
mod policy;
mod rect;
mod sharpness;
pub mod tables;
mod warp;

pub use affine::Affine;
pub use blur::gaussian_blur;
pub use colour::{grayscale, grey_into, grey_mean, saturation};
pub use hue::hue;
pub use mirror::{mirror_horizontal, mirror_vertical};
pub use mix::{blend, blend_pattern, blend_weight, paste};
pub use op::Op;
pub use policy::{Adjustment, Policy};
pub use rect::{Rect, fill, fill_noise, mean_colour};
pub use sharpness::sharpness;
pub use warp::{Sampling, warp};

/// A colour: one value for each channel; an image of fewer channels ignores the rest.
pub type Colour = [u8; 4];

/// Buffers that operations use again from image to image. Empty at first; they grow to what the largest image needs.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The image as it was, for operations that read around a pixel.
    image: Vec<u8>,
    /// One line between two passes.
    line: Vec<u16>,
    /// Half of a symmetric filter, the middle first.
    weights: Vec<u16>,
    /// Where the lines to both sides of a line start.
    rows: Vec<[usize; 2]>,
}

impl Scratch {
    /// A copy of the image, to read from while the image is written over.
    fn copy(&mut self, image: &[u8]) -> &[u8] {
        self.image.clear();
        self.image.extend_from_slice(image);
        &self.image
    }
}

/// Clamps to 0..=255 and drops the fraction; what is no number becomes 0.
#[inline]
fn to_byte(value: f32) -> u8 {
    value as u8
}
