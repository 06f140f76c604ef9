//! `random_translate`: shifts images by a few pixels.

use super::images::{image_size, per_channel, spread, uint8_image};
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{ImageSize, Rows};
use crate::params::{Faults, params};

params! {
    /// Shifts each image by up to `padding` pixels in each direction; what comes in is `fill`.
    ///
    /// As FFCV's RandomTranslate: the two shifts are independent, and each of the 2·padding + 1 values from −padding
    /// to padding is as likely.
    pub struct RandomTranslate {
        /// Greatest shift, in pixels.
        padding: usize => 0..=4096,
        /// Colour of the pixels that come in, one value a channel or one for all.
        fill: Vec<u8> = vec![0] => 0..=255,
        /// Field to work on: uint8, height × width × channels.
        field: String = "image".to_owned(),
    }
}

impl OperatorParams for RandomTranslate {
    fn operator_name(&self) -> &'static str {
        RandomTranslateOperator::NAME
    }
}

/// See [`RandomTranslate`].
pub struct RandomTranslateOperator;

impl Operator for RandomTranslateOperator {
    type Params = RandomTranslate;
    const NAME: &'static str = "random_translate";
    const ROLE: Role = Role::Map;

    fn signature(&self, params: &RandomTranslate, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let (field, size) = uint8_image(inputs, &params.field)?;
        per_channel("fill", params.fill.len(), size)?;
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: field.clone(), mode: WriteMode::Update }],
            random: true,
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &RandomTranslate, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let size = image_size(site.input, &params.field);
        let fill_line = spread(&params.fill, size.channels).repeat(size.width);
        Ok(Kernel::Map(Box::new(Translate { field: params.field.clone(), padding: params.padding, size, fill_line })))
    }
}

struct Translate {
    field: String,
    padding: usize,
    size: ImageSize,
    /// A whole line of the fill colour.
    fill_line: Vec<u8>,
}

impl Map for Translate {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let draws = rows.draws();
        let ImageSize { height, width, channels } = self.size;
        let images = rows.write::<u8>(&self.field).chunks_exact_mut(height * width * channels);
        let choices = 2 * self.padding as u64 + 1;
        for (row, image) in images.enumerate() {
            let mut rng = draws.row(row);
            // Origin of the window in the padded image, as FFCV draws it: first down, then right.
            let (y, x) = (rng.below(choices) as usize, rng.below(choices) as usize);
            shift(
                image,
                self.size,
                y as isize - self.padding as isize,
                x as isize - self.padding as isize,
                &self.fill_line,
            );
        }
        Ok(())
    }
}

/// Pixel (y, x) becomes what pixel (y + down, x + right) was, or the fill colour.
fn shift(image: &mut [u8], size: ImageSize, down: isize, right: isize, fill_line: &[u8]) {
    let line = size.width * size.channels;
    let (keep_lines, keep) =
        (size.height.saturating_sub(down.unsigned_abs()), size.width.saturating_sub(right.unsigned_abs()));
    let keep = keep * size.channels;
    let (from_x, to_x) = if right >= 0 { (line - keep, 0) } else { (0, line - keep) };
    let mut move_line = |y: usize| {
        let from = (y as isize + down) as usize * line + from_x;
        image.copy_within(from..from + keep, y * line + to_x);
        let target = &mut image[y * line..(y + 1) * line];
        target[..to_x].copy_from_slice(&fill_line[..to_x]);
        target[to_x + keep..].copy_from_slice(&fill_line[to_x + keep..]);
    };
    // In place: a line is read before it is written over.
    let kept = if down >= 0 { 0..keep_lines } else { size.height - keep_lines..size.height };
    if down >= 0 {
        kept.clone().for_each(&mut move_line)
    } else {
        kept.clone().rev().for_each(&mut move_line)
    }
    for y in (0..kept.start).chain(kept.end..size.height) {
        image[y * line..(y + 1) * line].copy_from_slice(fill_line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shift_equals_its_definition() {
        let size = ImageSize { height: 4, width: 3, channels: 2 };
        let image: Vec<u8> = (1..=24).collect();
        for down in -6_isize..=6 {
            for right in -6_isize..=6 {
                let mut shifted = image.clone();
                shift(&mut shifted, size, down, right, &[100, 200].repeat(3));
                for y in 0..4_isize {
                    for x in 0..3_isize {
                        let (sy, sx) = (y + down, x + right);
                        let inside = (0..4).contains(&sy) && (0..3).contains(&sx);
                        let at = |y: isize, x: isize| ((y * 3 + x) * 2) as usize;
                        let expected = if inside { &image[at(sy, sx)..][..2] } else { &[100, 200] };
                        assert_eq!(&shifted[at(y, x)..][..2], expected, "shift {down}, {right} at {y}, {x}");
                    }
                }
            }
        }
    }
}
