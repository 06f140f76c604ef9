//! What other crates decode: PNG, WebP, and the JPEGs that `jpeg` does not know.

use crate::decode::{Format, Info};
use crate::{ImageSize, PixelError};
use std::io::Cursor;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// The last decoded image.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    pub pixels: Vec<u8>,
}

impl Foreign {
    /// Decodes all of an image whose size `decode::limit` has passed.
    pub fn decode(&mut self, bytes: &[u8], format: Format) -> Result<ImageSize, PixelError> {
        match format {
            Format::Jpeg => self.jpeg(bytes),
            Format::Png => self.png(bytes),
            Format::WebP => self.webp(bytes),
        }
    }

    fn jpeg(&mut self, bytes: &[u8]) -> Result<ImageSize, PixelError> {
        let damaged = |e| PixelError::new(format!("the JPEG cannot be decoded: {e:?}"));
        let options = DecoderOptions::default().set_strict_mode(true).set_max_width(65_535).set_max_height(65_535);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(damaged)?;
        let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
        let (space, channels) = if gray { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
        decoder.set_options(options.jpeg_set_out_colorspace(space));
        let (width, height) =
            decoder.dimensions().ok_or_else(|| PixelError::new("the JPEG cannot be decoded: it has no size"))?;
        let size = ImageSize { height, width, channels };
        self.pixels.resize(size.bytes(), 0);
        decoder.decode_into(&mut self.pixels).map_err(damaged)?;
        Ok(size)
    }

    fn png(&mut self, bytes: &[u8]) -> Result<ImageSize, PixelError> {
        let damaged = |e| PixelError::new(format!("the PNG cannot be decoded: {e}"));
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let mut reader = decoder.read_info().map_err(damaged)?;
        let (height, width) = (reader.info().height as usize, reader.info().width as usize);
        let channels = reader.output_color_type().0.samples();
        let size = ImageSize { height, width, channels };
        if reader.output_buffer_size() != Some(size.bytes()) {
            return Err(PixelError::new("the PNG cannot be decoded: its rows have an odd size"));
        }
        self.pixels.resize(size.bytes(), 0);
        reader.next_frame(&mut self.pixels).map_err(damaged)?;
        // To the end, which may be missing.
        reader.finish().map_err(damaged)?;
        Ok(size)
    }

    fn webp(&mut self, bytes: &[u8]) -> Result<ImageSize, PixelError> {
        let damaged = |e| PixelError::new(format!("the WebP cannot be decoded: {e}"));
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        let channels = if decoder.has_alpha() { 4 } else { 3 };
        let size = ImageSize { height: height as usize, width: width as usize, channels };
        self.pixels.resize(size.bytes(), 0);
        decoder.read_image(&mut self.pixels).map_err(damaged)?;
        Ok(size)
    }
}

/// From a PNG's chunks before its data.
pub(crate) fn png_info(bytes: &[u8]) -> Result<Info, PixelError> {
    let damaged = || PixelError::new("the PNG's header is damaged or cut off");
    let word = |at: usize| {
        let word: Option<&[u8; 4]> = bytes.get(at..).and_then(|rest| rest.first_chunk());
        word.map(|word| u32::from_be_bytes(*word) as usize).ok_or_else(damaged)
    };
    if bytes.get(12..16) != Some(b"IHDR") || word(8)? != 13 {
        return Err(damaged());
    }
    let (width, height) = (word(16)?, word(20)?);
    let (bits, colour) = (*bytes.get(24).ok_or_else(damaged)?, *bytes.get(25).ok_or_else(damaged)?);
    let plain = match colour {
        0 => 1,
        2 | 3 => 3,
        4 => 2,
        6 => 4,
        _ => return Err(damaged()),
    };
    // A transparent colour makes an alpha channel of it.
    let (mut at, mut alpha) = (8 + 8 + 13 + 4, 0);
    loop {
        let kind = bytes.get(at + 4..at + 8).ok_or_else(damaged)?;
        match kind {
            b"IDAT" => break,
            b"tRNS" if matches!(colour, 0 | 2 | 3) => alpha = 1,
            _ => {}
        }
        at = word(at)?.checked_add(at + 12).ok_or_else(damaged)?;
    }
    let size = ImageSize { height, width, channels: plain + alpha };
    // A palette's colours have eight bits, whatever its places have.
    Ok(Info { format: Format::Png, size, bits: if colour == 3 { 8 } else { bits } })
}

/// From a WebP's header.
pub(crate) fn webp_info(bytes: &[u8]) -> Result<Info, PixelError> {
    let decoder = image_webp::WebPDecoder::new(Cursor::new(bytes))
        .map_err(|e| PixelError::new(format!("the WebP's header cannot be read: {e}")))?;
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let size = ImageSize { height: height as usize, width: width as usize, channels };
    Ok(Info { format: Format::WebP, size, bits: 8 })
}
