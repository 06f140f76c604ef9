//! Fields that are cut and resized along with an image: masks, which have a class a pixel.

use std::sync::Arc;

use pixels::{Decoder, Rect};

use super::image_op::{Draw, ImageOp, ZeroOutside};
use super::images::mismatch;
use super::kernel::{Kernel, Map, OperatorError};
use super::pictures::{Choose, Images, size_of, with_decoder};
use super::registry::{PortSchemas, Signature, Write, WriteMode};
use crate::batch::{Field, ImageSize, Rows};
use crate::params::{Fault, Faults};

/// Adds the fields of `also` to the signature of a node that makes images of one size of `field`.
pub(super) fn with_masks(
    mut signature: Signature,
    field: &str,
    also: &[String],
    inputs: &PortSchemas,
) -> Result<Signature, Faults> {
    let to = signature.writes[0].field.image_size();
    let own = inputs.field("field", field)?.image_size();
    let mut faults = Faults::default();
    for (index, name) in also.iter().enumerate() {
        let key = format!("also/{index}");
        if name == field || also[..index].contains(name) {
            let fault = Fault::new(format!("/{key}"), format!("field `{name}` is named twice"));
            faults.0.push(fault.expected("fields other than `field`, each once"));
            continue;
        }
        let Some(mask) = faults.keep(inputs.field(&key, name)) else { continue };
        let (Some(images), Some(to)) = (Images::of(mask), to) else {
            let hint = "masks are images, of the same sizes as the images of `field`";
            let fault = mismatch("an image of any size, or uint8 [height, width, channels]", mask, hint);
            faults.0.push(Fault { path: format!("/{key}"), ..fault });
            continue;
        };
        let channels = match (images, own) {
            (Images::Of(size), Some(own)) if (size.height, size.width) != (own.height, own.width) => {
                let expected = format!("an image of {} × {} pixels", own.height, own.width);
                let fault = mismatch(&expected, mask, "a mask has the size of its image");
                faults.0.push(Fault { path: format!("/{key}"), ..fault });
                continue;
            }
            (Images::Of(size), _) => size.channels,
            (Images::Any, _) => 1,
        };
        signature.reads.push(name.clone());
        let field = Field::image(name, ImageSize { channels, ..to });
        signature.writes.push(Write { field, mode: WriteMode::Replace });
    }
    faults.end()?;
    Ok(signature)
}

/// What a node does to an image and its masks.
#[derive(Clone)]
pub(super) enum Geometry {
    /// A part is resized: of masks, the nearest pixels.
    Part(Arc<dyn Choose>),
    /// Whole pixels move: what comes from outside of a mask is 0.
    Moves(Arc<dyn ImageOp>),
}

/// A kernel for an image, with masks that get the same.
pub(super) fn kernel(
    image: Box<dyn Map>,
    field: &str,
    also: &[(String, Images)],
    to: ImageSize,
    geometry: Geometry,
) -> Kernel {
    if also.is_empty() {
        return Kernel::Map(image);
    }
    Kernel::Map(Box::new(WithMasks { image, field: field.to_owned(), masks: also.to_vec(), to, geometry }))
}

struct WithMasks {
    image: Box<dyn Map>,
    field: String,
    masks: Vec<(String, Images)>,
    to: ImageSize,
    geometry: Geometry,
}

impl Map for WithMasks {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        self.image.apply(rows)?;
        let sizes = self.sizes(rows)?;
        with_decoder(|decoder| self.masks.iter().try_for_each(|mask| self.mask(rows, mask, &sizes, decoder)))
    }

    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        self.image.words(rows)
    }
}

impl WithMasks {
    /// The size of each image before; none where all have one.
    fn sizes(&self, rows: &Rows<'_>) -> Result<Option<Vec<ImageSize>>, OperatorError> {
        let Some(items) = rows.maybe_items(&self.field) else { return Ok(None) };
        let sizes =
            items.iter().enumerate().map(|(row, item)| size_of(item).map_err(|e| OperatorError::at_row(row, e.0)));
        sizes.collect::<Result<_, _>>().map(Some)
    }

    fn mask(
        &self,
        rows: &mut Rows<'_>,
        (name, images): &(String, Images),
        sizes: &Option<Vec<ImageSize>>,
        decoder: &mut Decoder,
    ) -> Result<(), OperatorError> {
        let mut decoded = Vec::new();
        for row in 0..rows.len() {
            let (size, bytes) = match images {
                Images::Of(size) => (*size, &rows.read::<u8>(name)[row * size.bytes()..(row + 1) * size.bytes()]),
                Images::Any => {
                    let item = &rows.items(name)[row];
                    let size = decoder.full(item.picture(), 1, &mut decoded);
                    (size.map_err(|e| OperatorError::at_row(row, format!("`{name}`: {e}")))?, &decoded[..])
                }
            };
            if let Some(image) = sizes.as_ref().map(|sizes| sizes[row])
                && (image.height, image.width) != (size.height, size.width)
            {
                let message = format!(
                    "`{name}` is of {} × {} pixels, and its image of {} × {}",
                    size.height, size.width, image.height, image.width
                );
                return Err(OperatorError::at_row(row, message));
            }
            let to = ImageSize { channels: size.channels, ..self.to };
            let mut draw = Draw::of(rows, row);
            let out = &mut rows.write::<u8>(name)[row * to.bytes()..(row + 1) * to.bytes()];
            match &self.geometry {
                Geometry::Part(choose) => nearest(bytes, size, choose.choose(size, &mut draw), to, out),
                Geometry::Moves(op) => {
                    ZeroOutside(Arc::clone(op)).draw(size, &mut draw, &mut |step| step.carry_out(bytes, size, out));
                }
            }
        }
        Ok(())
    }
}

/// Each pixel of the part's resized image is the one that its middle falls into.
fn nearest(from: &[u8], size: ImageSize, part: Rect, to: ImageSize, out: &mut [u8]) {
    let place = |i: usize, len: usize, all: usize| ((2 * i + 1) * len / (2 * all)).min(len - 1);
    let channels = size.channels;
    for (y, line) in out.chunks_exact_mut(to.width * channels).enumerate() {
        let row = (part.top + place(y, part.height, to.height)) * size.width + part.left;
        for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
            let start = (row + place(x, part.width, to.width)) * channels;
            pixel.copy_from_slice(&from[start..start + channels]);
        }
    }
}
