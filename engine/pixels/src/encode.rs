//! Pixels to JPEG, for writing data sets.

use crate::{ImageSize, PixelError};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

/// How to write a JPEG: sequential, one scan, 8 bits, the standard Huffman tables, chroma of half the width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JpegOptions {
    /// From 1 to 100, as libjpeg's.
    pub quality: u8,
    /// 16 × 16 blocks of pixels (8 × 8 in gray) between two restart markers; 0 for none. With markers, decoding a
    /// region leaves out what is beside it. A marker takes about five bytes.
    pub restart: u16,
}

impl Default for JpegOptions {
    /// Quality 90, no restart markers.
    fn default() -> Self {
        Self { quality: 90, restart: 0 }
    }
}

/// Writes pixels of 1 (gray) or 3 (RGB) channels as a JPEG at the end of `out`.
///
/// # Errors
///
/// If the size does not fit the pixels or a JPEG, or for a quality out of range.
pub fn encode_jpeg(pixels: &[u8], size: ImageSize, options: JpegOptions, out: &mut Vec<u8>) -> Result<(), PixelError> {
    if pixels.len() != size.bytes() {
        return Err(PixelError::new(format!("an image of {size} has {} bytes, not {}", size.bytes(), pixels.len())));
    }
    if !(1..=100).contains(&options.quality) {
        return Err(PixelError::new(format!("a JPEG's quality is from 1 to 100, not {}", options.quality)));
    }
    let sides = (u16::try_from(size.height), u16::try_from(size.width));
    let (Ok(height @ 1..), Ok(width @ 1..)) = sides else {
        return Err(PixelError::new(format!("a JPEG has up to 65535 pixels a side; this image is {size}")));
    };
    let colours = match size.channels {
        1 => ColorType::Luma,
        3 => ColorType::Rgb,
        other => return Err(PixelError::new(format!("a JPEG has 1 channel or 3, not {other}"))),
    };
    let mut encoder = Encoder::new(out, options.quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    // As libjpeg. Else one pixel's chroma of four is taken: small images get coloured fringes.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_restart_interval(options.restart);
    encoder
        .encode(pixels, width, height, colours)
        .map_err(|e| PixelError::new(format!("the JPEG cannot be written: {e}")))
}
