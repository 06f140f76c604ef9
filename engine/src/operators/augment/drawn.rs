//! Image operations from a closure that draws, and the step that composes best for each operation.

use pixels::{Axis, Op, Step};

use super::super::image_op::{Draw, ImageOp};
use crate::batch::ImageSize;
use crate::random::Rng;

/// Draws operations, and gives them to the last argument in order.
struct Drawn<F>(F);

impl<F: Fn(&mut Draw, &mut dyn FnMut(Op)) + Send + Sync> ImageOp for Drawn<F> {
    fn draw(&self, size: ImageSize, draw: &mut Draw, push: &mut dyn FnMut(&Step<'_>)) {
        (self.0)(draw, &mut |op| push_op(&op, size, push));
    }
}

/// What draws any number of operations.
pub(super) fn drawn(draw: impl Fn(&mut Draw, &mut dyn FnMut(Op)) + Send + Sync + 'static) -> Box<dyn ImageOp> {
    Box::new(Drawn(draw))
}

/// One operation for each image.
pub(super) fn always(op: impl Fn(&mut Rng) -> Op + Send + Sync + 'static) -> Box<dyn ImageOp> {
    drawn(move |draw, push| push(op(&mut draw.rng)))
}

/// One operation for each image with that probability: whether, is drawn first.
pub(super) fn sometimes(p: f64, op: impl Fn(&mut Rng) -> Op + Send + Sync + 'static) -> Box<dyn ImageOp> {
    drawn(move |draw, push| {
        if draw.rng.chance(p) {
            push(op(&mut draw.rng));
        }
    })
}

/// Gives an operation as a step: as a move or a fill where it is one, since those take no pass of their own.
fn push_op(op: &Op, size: ImageSize, push: &mut dyn FnMut(&Step<'_>)) {
    let (rows, columns) = (Axis::identity(size.height), Axis::identity(size.width));
    match *op {
        Op::MirrorHorizontal => push(&Step::Move { rows, columns: Axis::mirrored(size.width), outside: &[] }),
        Op::MirrorVertical => push(&Step::Move { rows: Axis::mirrored(size.height), columns, outside: &[] }),
        Op::Fill { rect, colour } => {
            push(&Step::Fill { area: rect.clipped(size), colour: &each_channel(colour, size.channels) });
        }
        Op::Affine { map, fill, .. } => match map.as_shift() {
            Some((right, down)) => push(&shift(size, -down, -right, &each_channel(fill, size.channels))),
            None => push(&Step::Op(*op)),
        },
        Op::Identity => {}
        _ => push(&Step::Op(*op)),
    }
}

/// A value for each channel; the fifth is the first again, as in [`pixels::ops`].
fn each_channel(colour: pixels::ops::Colour, channels: usize) -> Vec<u8> {
    (0..channels).map(|channel| colour[channel % 4]).collect()
}

/// Pixel (y, x) becomes what pixel (y + down, x + right) was, or the fill colour.
pub(super) fn shift(size: ImageSize, down: isize, right: isize, fill: &[u8]) -> Step<'_> {
    Step::Move {
        rows: Axis::window(size.height, down, size.height),
        columns: Axis::window(size.width, right, size.width),
        outside: fill,
    }
}

#[cfg(test)]
mod tests {
    use pixels::ops::{Affine, Sampling};
    use pixels::{Rect, Scratch};

    use super::*;

    #[test]
    fn every_shift_equals_its_definition() {
        let size = ImageSize { height: 4, width: 3, channels: 2 };
        let image: Vec<u8> = (1..=24).collect();
        for down in -6_isize..=6 {
            for right in -6_isize..=6 {
                let mut shifted = image.clone();
                shift(size, down, right, &[100, 200]).carry_out(&image, size, &mut shifted);
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

    /// Moves and fills are the operations they stand for, to the bit.
    #[test]
    fn steps_do_what_their_operations_do() {
        let fill = [9, 99, 199, 250];
        let rect = Rect { top: 1, left: 2, height: 9, width: 2 };
        let mut ops = vec![Op::MirrorHorizontal, Op::MirrorVertical, Op::Fill { rect, colour: fill }];
        for (right, down) in [(0.0, 0.0), (2.0, -1.0), (-3.0, 4.0), (40.0, 1.0)] {
            for sampling in [Sampling::Nearest, Sampling::Bilinear] {
                ops.push(Op::Affine { map: Affine::translation(right, down), sampling, fill });
            }
        }
        for channels in [1, 3, 4, 5] {
            let size = ImageSize { height: 5, width: 6, channels };
            let image: Vec<u8> = (0..size.bytes()).map(|i| (i * 83 % 251) as u8).collect();
            for op in &ops {
                let (mut by_op, mut by_step) = (image.clone(), image.clone());
                op.apply(&mut by_op, size, &mut Scratch::default());
                push_op(op, size, &mut |step| {
                    assert!(!matches!(step, Step::Op(_)), "{op:?}");
                    step.carry_out(&image, size, &mut by_step);
                });
                assert_eq!(by_op, by_step, "{op:?}, {channels} channels");
            }
        }
    }
}
