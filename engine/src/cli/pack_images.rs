//! What `engine pack` does with each image.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use clap::ValueEnum;
use engine::data::Value;
use pixels::{
    Decoder, Filter, Format, ImageSize, JpegOptions, Picture, PixelError, Rect, ResizeScratch, encode_jpeg, probe,
    resize,
};

use super::screen;

/// How images are stored.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageMode {
    /// Pixels: the fastest to read, the largest.
    Raw,
    /// JPEG files of --quality.
    Jpg,
    /// JPEG where the pixels have more than --smart-threshold bytes, else pixels, as FFCV's `smart`.
    Smart,
    /// JPEG files as they are, byte for byte; PNG and WebP as pixels.
    Keep,
}

/// Converts images, on any number of threads, and counts what it did.
pub(crate) struct Images {
    pub(crate) mode: ImageMode,
    pub(crate) smart_threshold: u64,
    pub(crate) max_side: Option<usize>,
    pub(crate) quality: u8,
    pub(crate) counts: Counts,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) raw: AtomicU64,
    pub(crate) jpeg: AtomicU64,
    gray: AtomicU64,
    alpha: AtomicU64,
    cmyk: AtomicU64,
    deep: AtomicU64,
}

/// What a thread keeps from one image to the next.
#[derive(Default)]
struct Memory {
    decoder: Decoder,
    scratch: ResizeScratch,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

impl Images {
    /// An image as it is stored. Every encoded one is decoded, if only to see that it is whole.
    pub(crate) fn pack<'a>(&self, bytes: Cow<'a, [u8]>, size: Option<ImageSize>) -> Result<Value<'a>, PixelError> {
        MEMORY.with_borrow_mut(|memory| self.pack_with(memory, bytes, size))
    }

    fn pack_with<'a>(
        &self,
        Memory { decoder, scratch }: &mut Memory,
        bytes: Cow<'a, [u8]>,
        stored: Option<ImageSize>,
    ) -> Result<Value<'a>, PixelError> {
        let (size, bits, jpeg) = match stored {
            Some(size) => (size, 8, false),
            None => {
                let info = probe(&bytes)?;
                (info.size, info.bits, info.format == Format::Jpeg)
            }
        };
        let to = smaller(size, self.max_side);
        let plain = matches!(size.channels, 1 | 3) && bits == 8;
        if self.mode == ImageMode::Keep && jpeg && to.is_none() && plain {
            decoder.verify(&bytes)?;
            self.counts.jpeg.fetch_add(1, Relaxed);
            return Ok(Value::Image { bytes, size: None });
        }
        let shape = to.unwrap_or(ImageSize { channels: 3, ..size });
        let encode = match self.mode {
            ImageMode::Raw => false,
            ImageMode::Jpg => true,
            ImageMode::Smart => shape.bytes() as u64 > self.smart_threshold,
            // What has to be changed stays a JPEG if it was one.
            ImageMode::Keep => jpeg,
        };
        if stored == Some(shape) && !encode {
            self.counts.raw.fetch_add(1, Relaxed);
            return Ok(Value::Image { bytes, size: stored });
        }
        let mut pixels = Vec::new();
        let full = decoder.full(Picture { bytes: &bytes, size: stored }, 3, &mut pixels)?;
        self.counts.converted(size.channels, bits, jpeg);
        if let Some(to) = to {
            let mut small = vec![0; to.bytes()];
            resize(&pixels, full, Rect::whole(full), to, Filter::Area, false, false, scratch, &mut small)?;
            pixels = small;
        }
        if encode {
            let mut file = Vec::with_capacity(pixels.len() / 4);
            encode_jpeg(&pixels, shape, JpegOptions { quality: self.quality, ..JpegOptions::default() }, &mut file)?;
            self.counts.jpeg.fetch_add(1, Relaxed);
            return Ok(Value::Image { bytes: file.into(), size: None });
        }
        self.counts.raw.fetch_add(1, Relaxed);
        Ok(Value::Image { bytes: pixels.into(), size: Some(shape) })
    }
}

/// The size to which an image is made smaller, if it is: the longer side as given, the other rounded down, as FFCV does.
fn smaller(size: ImageSize, max_side: Option<usize>) -> Option<ImageSize> {
    let longer = size.height.max(size.width);
    let most = max_side.filter(|most| *most < longer)?;
    let scaled = |side: usize| (side * most / longer).max(1);
    Some(ImageSize { height: scaled(size.height), width: scaled(size.width), channels: 3 })
}

impl Counts {
    fn converted(&self, channels: usize, bits: u8, jpeg: bool) {
        let kind = match channels {
            1 => Some(&self.gray),
            4 if jpeg => Some(&self.cmyk),
            2 | 4 => Some(&self.alpha),
            _ => None,
        };
        kind.into_iter().chain((bits > 8).then_some(&self.deep)).for_each(|count| {
            count.fetch_add(1, Relaxed);
        });
    }

    /// What became of images that were not RGB, in a sentence; `None` if all were.
    pub(crate) fn not_rgb(&self) -> Option<String> {
        let kinds = [
            (&self.gray, "gray (the value repeated)"),
            (&self.alpha, "with transparency (dropped)"),
            (&self.cmyk, "CMYK (converted)"),
            (&self.deep, "of 16 bits (the upper 8 kept)"),
        ];
        let said = kinds.iter().map(|(count, what)| (count.load(Relaxed), what)).filter(|(count, _)| *count > 0);
        let said: Vec<String> = said.map(|(count, what)| format!("{} {what}", screen::count(count))).collect();
        (!said.is_empty()).then(|| format!("images that were not RGB are stored as RGB: {}", said.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(mode: ImageMode, max_side: Option<usize>) -> Images {
        Images { mode, smart_threshold: 300, max_side, quality: 90, counts: Counts::default() }
    }

    fn of(height: usize, width: usize, channels: usize) -> ImageSize {
        ImageSize { height, width, channels }
    }

    fn packed(images: &Images, bytes: &[u8], size: Option<ImageSize>) -> (Vec<u8>, Option<ImageSize>) {
        match images.pack(Cow::Borrowed(bytes), size).unwrap() {
            Value::Image { bytes, size } => (bytes.into_owned(), size),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_longer_side_is_as_said() {
        assert_eq!(smaller(of(375, 500, 1), Some(256)), Some(of(192, 256, 3)));
        assert_eq!(smaller(of(999, 7, 3), Some(100)), Some(of(100, 1, 3)));
        assert_eq!(smaller(of(100, 50, 3), Some(100)), None);
        assert_eq!(smaller(of(100, 50, 3), None), None);
    }

    #[test]
    fn smart_stores_small_ones_as_pixels() {
        let images = images(ImageMode::Smart, None);
        let small = vec![7; 300];
        assert_eq!(packed(&images, &small, Some(of(10, 10, 3))), (small, Some(of(10, 10, 3))));
        let (file, size) = packed(&images, &[7; 330], Some(of(10, 11, 3)));
        assert_eq!((probe(&file).unwrap().size, size), (of(10, 11, 3), None));
        let (pixels, size) = packed(&images, &[9; 100], Some(of(10, 10, 1)));
        assert_eq!((pixels, size), (vec![9; 300], Some(of(10, 10, 3))));
        assert!(images.counts.not_rgb().unwrap().ends_with("1 gray (the value repeated)"));
    }

    #[test]
    fn kept_files_are_the_same_bytes_unless_made_smaller() {
        let mut file = Vec::new();
        encode_jpeg(&[50; 20 * 10], of(20, 10, 1), JpegOptions::default(), &mut file).unwrap();
        assert_eq!(packed(&images(ImageMode::Keep, None), &file, None), (file.clone(), None));
        let (small, size) = packed(&images(ImageMode::Keep, Some(10)), &file, None);
        assert_eq!((probe(&small).unwrap().size, size), (of(10, 5, 3), None));
        let (pixels, size) = packed(&images(ImageMode::Raw, Some(10)), &file, None);
        assert_eq!((pixels.len(), size), (150, Some(of(10, 5, 3))));
        file.truncate(file.len() - 9);
        assert!(images(ImageMode::Keep, None).pack(Cow::Borrowed(&file), None).is_err());
    }
}
