//! Encoded images to pixels.

use crate::foreign::{self, Foreign};
use crate::jpeg::{self, Jpeg, Wish};
use crate::ops::Rect;
use crate::resize::{self, Resize, Scratch, Span};
use crate::simd::Level;
use crate::{ImageSize, Picture, PixelError};

/// Pixels of the longest side.
pub(crate) const LARGEST: usize = 65_535;
/// Pixels of the largest image.
const MOST_PIXELS: usize = 1 << 28;

impl Rect {
    /// Whether it is a part of an image, and not empty.
    pub(crate) fn check(self, size: ImageSize) -> Result<(), PixelError> {
        let fits = |start: usize, length: usize, whole: usize| {
            length != 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if fits(self.top, self.height, size.height) && fits(self.left, self.width, size.width) {
            return Ok(());
        }
        Err(PixelError::new(format!(
            "the part of {} × {} pixels at row {}, column {} is not in the image of {} × {}",
            self.height, self.width, self.top, self.left, size.height, size.width
        )))
    }
}

/// How an image is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG, all kinds.
    Jpeg,
    /// PNG; of an animated one the first picture.
    Png,
    /// WebP, with and without loss; of an animated one the first picture.
    WebP,
}

/// What an encoded image's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Info {
    /// How it is stored.
    pub format: Format,
    /// Its size. Channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha, or CMYK in a JPEG; of a palette, those of its
    /// colours.
    pub size: ImageSize,
    /// Bits of a value.
    pub bits: u8,
}

/// Reads an encoded image's header, and nothing else of it.
///
/// # Errors
///
/// If it is none of the formats, damaged, or larger than 65,535 pixels a side or 2^28 pixels in all.
pub fn probe(bytes: &[u8]) -> Result<Info, PixelError> {
    let info = match format(bytes)? {
        Format::Jpeg => {
            let header = jpeg::header::read(bytes, true)?;
            let size = ImageSize { height: header.height, width: header.width, channels: header.count };
            Info { format: Format::Jpeg, size, bits: header.bits }
        }
        Format::Png => foreign::png_info(bytes)?,
        Format::WebP => foreign::webp_info(bytes)?,
    };
    limit(info.size)?;
    Ok(info)
}

/// By an image's first bytes.
fn format(bytes: &[u8]) -> Result<Format, PixelError> {
    if bytes.starts_with(&[0xff, 0xd8]) {
        return Ok(Format::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::WebP);
    }
    Err(PixelError::new(if bytes.is_empty() {
        "the image is empty"
    } else {
        "the image is neither JPEG, PNG nor WebP"
    }))
}

/// Whether an image is small enough to be one.
fn limit(size: ImageSize) -> Result<(), PixelError> {
    let pixels = size.height.checked_mul(size.width);
    let sides = 1..=LARGEST;
    if sides.contains(&size.height) && sides.contains(&size.width) && pixels.is_some_and(|p| p <= MOST_PIXELS) {
        return Ok(());
    }
    Err(PixelError::new(format!(
        "the image is of {} × {} pixels: at most {LARGEST} a side and {MOST_PIXELS} in all are decoded",
        size.height, size.width
    )))
}

/// Decodes images one after another: one for each thread. It keeps its memory, which grows to what the largest image
/// needs.
///
/// Pixels come out as one channel (gray) or three (RGB), whatever is stored: gray is repeated, alpha is dropped as
/// Pillow's `convert("RGB")` does, a palette is looked up, of 16 bits the upper 8 are kept, colour becomes gray as in
/// Pillow (a JPEG's brightness is taken as it is stored). CMYK in a JPEG is taken as Adobe's, inverted. Orientation in
/// EXIF is ignored, as in torchvision and FFCV; so are colour profiles.
///
/// Sequential JPEGs (all but progressive, CMYK, lossless and arithmetic ones) decode to libjpeg-turbo's very pixels.
pub struct Decoder {
    jpeg: Jpeg,
    foreign: Foreign,
    scratch: Scratch,
    row: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

/// An image whose rows can be asked for.
enum Open<'a> {
    /// Pixels: all of them, and their size.
    Pixels(&'a [u8], ImageSize),
    /// The decoder's own, of the region; one channel or three.
    Jpeg(&'a mut Jpeg, ImageSize),
}

impl Decoder {
    /// With the best instructions of this processor.
    pub fn new() -> Self {
        Self::with_level(Level::best())
    }

    /// With the instructions of a level, at most those of this processor: the same bytes, for tests and measurements.
    pub fn with_level(level: Level) -> Self {
        let level = level.min(Level::best());
        Self {
            jpeg: Jpeg::new(level),
            foreign: Foreign::default(),
            scratch: Scratch::with_level(level),
            row: Vec::new(),
        }
    }

    /// Decodes all of an image to `out`, whose length becomes the size's.
    ///
    /// # Errors
    ///
    /// If the image is damaged, even at its end, or too large; or for `channels` other than 1 and 3.
    pub fn full(&mut self, picture: Picture<'_>, channels: usize, out: &mut Vec<u8>) -> Result<ImageSize, PixelError> {
        out.clear();
        let Self { jpeg, foreign, row, .. } = self;
        let (open, size) = open(jpeg, foreign, picture, None, channels, 0, true)?;
        let size = ImageSize { channels, ..size };
        // Only now: what is damaged has taken no memory.
        out.resize(size.bytes(), 0);
        let mut read = reader(open, Rect::whole(size), channels, row);
        for (place, row) in out.chunks_exact_mut(size.width * channels).enumerate() {
            read(place, row);
        }
        Ok(size)
    }

    /// Decodes a part of an image, resizes it to `target` (of one channel or three), mirrors it left to right if
    /// `mirror`, and writes it to `out`, which has `target`'s length.
    ///
    /// Of a sequential JPEG only what the region needs is decoded, and no data below it is looked at, unless the marker
    /// at its end is missing. `verify` looks at all.
    ///
    /// # Errors
    ///
    /// If the image is damaged in what is read of it, or too large, or a size does not fit.
    pub fn region(
        &mut self,
        picture: Picture<'_>,
        region: Rect,
        resize: Resize,
        mirror: bool,
        target: ImageSize,
        out: &mut [u8],
    ) -> Result<(), PixelError> {
        let Self { jpeg, foreign, row, scratch } = self;
        let channels = target.channels;
        let shift = if resize.dct_scaling { shift(region, target) } else { 0 };
        let (open, size) = open(jpeg, foreign, picture, Some(region), channels, shift, false)?;
        region.check(size)?;
        let kind = (resize.filter, resize.antialias);
        if shift != 0 && matches!(open, Open::Jpeg(..)) {
            let spans =
                [Span::reduced(region.top, region.height, shift), Span::reduced(region.left, region.width, shift)];
            let read = reader(open, jpeg::reduced(region, shift), channels, row);
            return resize::rows(spans, channels, read, target, kind, mirror, scratch, out);
        }
        let spans = [Span::whole(region.height), Span::whole(region.width)];
        let read = reader(open, region, channels, row);
        resize::rows(spans, channels, read, target, kind, mirror, scratch, out)
    }

    /// Decodes all of an encoded image, keeps nothing, and says whether it is whole.
    ///
    /// # Errors
    ///
    /// If anything of it is damaged or missing, or if there is data left over.
    pub fn verify(&mut self, bytes: &[u8]) -> Result<Info, PixelError> {
        let info = probe(bytes)?;
        let Self { jpeg, foreign, .. } = self;
        open(jpeg, foreign, Picture { bytes, size: None }, None, 3, 0, true)?;
        Ok(info)
    }
}

/// By which power of two a region can be made smaller before it is resized: it stays as large as the target.
fn shift(region: Rect, target: ImageSize) -> u32 {
    let fits = |shift: &u32| region.height >> shift >= target.height && region.width >> shift >= target.width;
    (1..=3).rev().find(fits).unwrap_or(0)
}

/// Decodes what is needed for `region` (none: all), a JPEG smaller by a power of two if its decoder can. Gives the image's own size; of a JPEG's, channels are those that its
/// rows have.
fn open<'a>(
    jpeg: &'a mut Jpeg,
    foreign: &'a mut Foreign,
    picture: Picture<'a>,
    region: Option<Rect>,
    channels: usize,
    shift: u32,
    verify: bool,
) -> Result<(Open<'a>, ImageSize), PixelError> {
    if let Some(size) = picture.size {
        limit(size)?;
        if picture.bytes.len() != size.bytes() {
            let (expected, given) = (size.bytes(), picture.bytes.len());
            return Err(PixelError::new(format!("an image of {size} has {expected} bytes, not {given}")));
        }
        if channels != size.channels && !(matches!(channels, 1 | 3) && (1..=4).contains(&size.channels)) {
            return Err(PixelError::new(format!("{} channels cannot become {channels}", size.channels)));
        }
        return Ok((Open::Pixels(picture.bytes, size), size));
    }
    if !matches!(channels, 1 | 3) {
        return Err(PixelError::new(format!("encoded images decode to 1 or 3 channels, not {channels}")));
    }
    let format = format(picture.bytes)?;
    if format == Format::Jpeg {
        let header = jpeg::header::read(picture.bytes, false)?;
        let size = ImageSize { height: header.height, width: header.width, channels: header.count };
        limit(size)?;
        if Jpeg::knows(&header) {
            let region = region.unwrap_or(Rect::whole(size));
            region.check(size)?;
            let gray = header.count == 1 || (channels == 1 && header.colour != jpeg::header::Colour::Rgb);
            jpeg.decode(picture.bytes, &header, Wish { region, shift, gray, verify })?;
            let size = ImageSize { channels: if gray { 1 } else { 3 }, ..size };
            return Ok((Open::Jpeg(jpeg, size), size));
        }
    }
    let info = probe(picture.bytes)?;
    // Before memory is taken: deflate makes a thousandth at best, and each of a JPEG's blocks has a bit.
    let least = match format {
        Format::Jpeg => info.size.height * info.size.width / 512,
        // A pixel has a bit at least, where a palette says its colours.
        Format::Png => info.size.height * info.size.width / 8 / 1100,
        // One colour takes no byte at all, whatever the size; beyond 2^24 pixels nobody has such an image.
        Format::WebP => (info.size.height * info.size.width).saturating_sub(1 << 24) / 1024,
    };
    if picture.bytes.len() < least {
        let (height, width) = (info.size.height, info.size.width);
        let bytes = picture.bytes.len();
        return Err(PixelError::new(format!(
            "the image is cut off or made up: {bytes} bytes are too few for {height} × {width} pixels"
        )));
    }
    let size = foreign.decode(picture.bytes, format)?;
    Ok((Open::Pixels(&foreign.pixels, size), size))
}

/// Gives rows of a region (of a JPEG, as it was decoded), from its top on, with `channels` values a pixel.
fn reader<'a>(
    open: Open<'a>,
    region: Rect,
    channels: usize,
    scratch: &'a mut Vec<u8>,
) -> impl FnMut(usize, &mut [u8]) + 'a {
    let mut open = open;
    move |row, out| match &mut open {
        Open::Pixels(pixels, size) => {
            let start = ((region.top + row) * size.width + region.left) * size.channels;
            recolour(&pixels[start..][..region.width * size.channels], size.channels, out, channels);
        }
        Open::Jpeg(jpeg, size) if size.channels == channels => jpeg.row(row, out),
        Open::Jpeg(jpeg, size) => {
            scratch.resize(region.width * size.channels, 0);
            jpeg.row(row, scratch);
            recolour(scratch, size.channels, out, channels);
        }
    }
}

/// Pixels of `has` channels as pixels of `gets`, which is `has`, 1 or 3.
fn recolour(from: &[u8], has: usize, to: &mut [u8], gets: usize) {
    let pixels = from.chunks_exact(has).zip(to.chunks_exact_mut(gets));
    match (has, gets) {
        _ if has == gets => to.copy_from_slice(from),
        (1 | 2, _) => pixels.for_each(|(from, to)| to.fill(from[0])),
        (_, 3) => pixels.for_each(|(from, to)| to.copy_from_slice(&from[..3])),
        // Pillow's: ITU-R 601-2 in 16 bits.
        _ => pixels.for_each(|(from, to)| {
            let [red, green, blue] = [from[0], from[1], from[2]].map(u32::from);
            to[0] = ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8;
        }),
    }
}
