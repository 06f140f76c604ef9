//! What operators do with images of any size: decode a part, resize it.

use std::cell::RefCell;
use std::sync::Arc;

use pixels::{Decoder, Filter, Rect, Resize, Step};

use super::image_op::{Draw, ImageMap, ImageOp};
use super::images::mismatch;
use super::kernel::{Map, OperatorError, Site};
use super::registry::{PortSchemas, Signature, Write, WriteMode};
use super::words;
use crate::batch::{DType, Field, ImageSize, Item, Layout, Rows};
use crate::params::{Fault, Faults, choice};

choice! {
    /// How a pixel is made of the pixels around its place.
    pub enum ResizeFilter {
        /// The mean of the area that it covers: OpenCV's INTER_AREA, and FFCV's.
        Area = "area",
        /// By distance, of the two nearest along each axis.
        Bilinear = "bilinear",
        /// A cubic over four along each axis.
        Bicubic = "bicubic",
        /// Lanczos with three lobes.
        Lanczos = "lanczos",
    }
}

impl From<ResizeFilter> for Filter {
    fn from(filter: ResizeFilter) -> Self {
        match filter {
            ResizeFilter::Area => Self::Area,
            ResizeFilter::Bilinear => Self::Bilinear,
            ResizeFilter::Bicubic => Self::Bicubic,
            ResizeFilter::Lanczos => Self::Lanczos,
        }
    }
}

thread_local! {
    /// A worker's decoder, which keeps its memory.
    static DECODER: RefCell<Decoder> = RefCell::new(Decoder::new());
}

pub(super) fn with_decoder<T>(work: impl FnOnce(&mut Decoder) -> T) -> T {
    DECODER.with_borrow_mut(work)
}

/// The images that an operator takes: of any size, or pixels of one size.
#[derive(Clone, Copy, Debug)]
pub(super) enum Images {
    Any,
    Of(ImageSize),
}

impl Images {
    /// Of the field that a node works on.
    pub(super) fn of(field: &Field) -> Option<Self> {
        match (field.layout, field.image_size()) {
            (Layout::Picture, _) => Some(Self::Any),
            (Layout::Hwc, Some(size)) if field.dtype == DType::Uint8 => Some(Self::Of(size)),
            _ => None,
        }
    }
}

/// The field of a node, with what its images are, and the channels afterwards: those of images of one size, else those
/// that the parameter says (3 if none).
pub(super) fn images<'a>(
    inputs: &'a PortSchemas,
    name: &str,
    channels: Option<usize>,
) -> Result<(&'a Field, Images, usize), Faults> {
    let field = inputs.field("field", name)?;
    let Some(images) = Images::of(field) else {
        let expected = "an image of any size, or uint8 [height, width, channels]";
        return Err(mismatch(expected, field, "put this node before those that change type or layout").into());
    };
    let fault = |expected: &str, given: usize| {
        Faults::from(Fault::new("/channels", "wrong number of channels").expected(expected).given(given.to_string()))
    };
    match (images, channels) {
        (Images::Of(size), Some(given)) if given != size.channels => {
            Err(fault(&format!("{}, as the images have", size.channels), given))
        }
        (Images::Of(size), _) => Ok((field, images, size.channels)),
        (Images::Any, Some(given)) if given != 1 && given != 3 => Err(fault("1 for grey or 3 for colour", given)),
        (Images::Any, channels) => Ok((field, images, channels.unwrap_or(3))),
    }
}

/// The signature of a node that makes images of one size of a field.
pub(super) fn sized(name: &str, size: ImageSize, random: bool) -> Signature {
    Signature {
        reads: vec![name.to_owned()],
        writes: vec![Write { field: Field::image(name, size), mode: WriteMode::Replace }],
        random,
        ..Signature::default()
    }
}

/// The size of an image, from its header if it is encoded.
pub(super) fn size_of(item: &Item) -> Result<ImageSize, pixels::PixelError> {
    match item.size {
        Some(size) => Ok(size),
        None => pixels::probe(&item.bytes).map(|info| info.size),
    }
}

/// Chooses the part of an image that is resized.
pub(super) trait Choose: Send + Sync {
    /// The part, of an image of this size. It must lie inside.
    fn choose(&self, size: ImageSize, draw: &mut Draw) -> Rect;
}

/// Resizes a part of each image.
pub(super) struct Resized {
    pub field: String,
    pub images: Images,
    pub to: ImageSize,
    pub resize: Resize,
    pub choose: Arc<dyn Choose>,
}

impl Map for Resized {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let size = self.to;
        let draws: Vec<Draw> = (0..rows.len()).map(|row| Draw::of(rows, row)).collect();
        let one = |decoder: &mut Decoder, row: usize, picture: pixels::Picture<'_>, from: ImageSize, out: &mut [u8]| {
            let region = self.choose.choose(from, &mut draws[row].clone());
            let done = decoder.region(picture, region, self.resize, false, size, out);
            done.map_err(|e| OperatorError::at_row(row, e.0))
        };
        with_decoder(|decoder| match self.images {
            Images::Of(from) => {
                let (images, out) = rows.replace::<u8, u8>(&self.field);
                let pairs = images.chunks_exact(from.bytes()).zip(out.chunks_exact_mut(size.bytes()));
                pairs.enumerate().try_for_each(|(row, (bytes, out))| {
                    one(decoder, row, pixels::Picture { bytes, size: Some(from) }, from, out)
                })
            }
            Images::Any => {
                let (items, out) = rows.replace_items::<u8>(&self.field);
                items.iter().zip(out.chunks_exact_mut(size.bytes())).enumerate().try_for_each(|(row, (item, out))| {
                    let from = size_of(item).map_err(|e| OperatorError::at_row(row, e.0))?;
                    one(decoder, row, item.picture(), from, out)
                })
            }
        })
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        let part = |row: usize| {
            let size = size_before(self.images, rows, &self.field, row)?;
            Some(words::of_part(self.choose.choose(size, &mut Draw::of(rows, row)), size))
        };
        (0..rows.len()).map(|row| part(row).into_iter().collect()).collect()
    }
}

/// The size of a row's image; none if it has none, for which the row has failed before.
fn size_before(images: Images, rows: &Rows<'_>, field: &str, row: usize) -> Option<ImageSize> {
    match images {
        Images::Of(size) => Some(size),
        Images::Any => size_of(&rows.items(field)[row]).ok(),
    }
}

/// Cuts images to one size by moving whole pixels: `op` pushes one [`Step::Move`].
/// `fits` says what is wrong with the size of an image of any size, if anything is.
pub(super) fn cropped(
    field: &str,
    images: Images,
    to: ImageSize,
    op: Arc<dyn ImageOp>,
    fits: Arc<dyn Fits>,
) -> Box<dyn Map> {
    match images {
        Images::Of(size) => Box::new(ImageMap::replacing(field, size, to, op)),
        Images::Any => Box::new(Cropped { field: field.to_owned(), to, op, fits }),
    }
}

/// Whether images of a size can be worked on.
pub(super) trait Fits: Send + Sync {
    /// What is wrong, in a sentence.
    fn fits(&self, size: ImageSize) -> Result<(), String>;
}

/// What the fields of `also` are at a kernel's site.
pub(super) fn masks(site: &Site<'_>, also: &[String]) -> Vec<(String, Images)> {
    let images = |name: &String| site.input.field(name).and_then(Images::of).expect("the signature found images");
    also.iter().map(|name| (name.clone(), images(name))).collect()
}

/// Cuts images of any size: only the part that is needed is decoded.
struct Cropped {
    field: String,
    to: ImageSize,
    op: Arc<dyn ImageOp>,
    fits: Arc<dyn Fits>,
}

impl Map for Cropped {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        const AS_IT_IS: Resize = Resize { filter: Filter::Bilinear, antialias: false, dct_scaling: false };
        let draws: Vec<Draw> = (0..rows.len()).map(|row| Draw::of(rows, row)).collect();
        let (items, out) = rows.replace_items::<u8>(&self.field);
        let mut part = Vec::new();
        with_decoder(|decoder| {
            for (row, (item, out)) in items.iter().zip(out.chunks_exact_mut(self.to.bytes())).enumerate() {
                let failed = |e: pixels::PixelError| OperatorError::at_row(row, e.0);
                let size = ImageSize { channels: self.to.channels, ..size_of(item).map_err(failed)? };
                self.fits.fits(size).map_err(|message| OperatorError::at_row(row, message))?;
                let mut result = Ok(());
                self.op.draw(size, &mut draws[row].clone(), &mut |step| {
                    let Step::Move { rows, columns, outside } = step else { return };
                    let (down, across) = (rows.bounds(), columns.bounds());
                    let area = Rect { top: down.start, left: across.start, height: down.len(), width: across.len() };
                    let cut = ImageSize { height: area.height, width: area.width, ..size };
                    part.clear();
                    part.resize(cut.bytes(), 0);
                    if !part.is_empty() {
                        result = decoder.region(item.picture(), area, AS_IT_IS, false, cut, &mut part);
                    }
                    let (rows, columns) = (rows.without(area.top), columns.without(area.left));
                    Step::Move { rows, columns, outside }.carry_out(&part, cut, out);
                });
                result.map_err(failed)?;
            }
            Ok(())
        })
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        let cut = |row: usize| {
            let size = size_before(Images::Any, rows, &self.field, row)?;
            Some(words::of_draw(&*self.op, ImageSize { channels: self.to.channels, ..size }, Draw::of(rows, row)))
        };
        (0..rows.len()).map(|row| cut(row).unwrap_or_default()).collect()
    }
}
