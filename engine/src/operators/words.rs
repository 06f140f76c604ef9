//! What was done to an image, in words: from the steps that were drawn, so that words and pixels cannot disagree.

use pixels::ops::Affine;
use pixels::{Axis, Op, Rect, Step};

use super::image_op::{Draw, ImageOp};
use crate::batch::ImageSize;

/// What an operation draws for an image of this size, a few words for each step that changes it.
pub(super) fn of_draw(op: &dyn ImageOp, mut size: ImageSize, mut draw: Draw) -> Vec<String> {
    let mut words = Vec::new();
    op.draw(size, &mut draw, &mut |step| {
        words.extend(of_step(step, size));
        size = step.size_after(size);
    });
    words
}

/// A part that is cut out of an image and resized.
pub(super) fn of_part(part: Rect, size: ImageSize) -> String {
    if part == Rect::whole(size) {
        return format!("all of {} × {}", size.height, size.width);
    }
    format!("{} of {} × {}", of_rect(part), size.height, size.width)
}

/// Nothing for a step that changes nothing.
fn of_step(step: &Step<'_>, size: ImageSize) -> Option<String> {
    match step {
        Step::Keep => None,
        Step::Move { rows, columns, .. } => of_move(rows, columns, size),
        Step::Fill { area, .. } => of_filled(*area, "filled"),
        Step::Levels(_) => Some("values by a table".into()),
        Step::Op(op) => of_op(op),
        Step::Adjust(_) => Some("changed".into()),
    }
}

fn of_rect(Rect { top, left, height, width }: Rect) -> String {
    format!("{height} × {width} from row {top}, column {left}")
}

fn of_filled(area: Rect, how: &str) -> Option<String> {
    (area.height > 0 && area.width > 0).then(|| format!("{} {how}", of_rect(area)))
}

fn of_move(rows: &Axis, columns: &Axis, size: ImageSize) -> Option<String> {
    let mirrored = |axis: &Axis, len: usize| *axis == Axis::mirrored(len) && len > 1;
    match (mirrored(rows, size.height), mirrored(columns, size.width)) {
        (true, true) => return Some("turned by 180°".into()),
        (true, false) if *columns == Axis::identity(size.width) => return Some("turned upside down".into()),
        (false, true) if *rows == Axis::identity(size.height) => return Some("flipped".into()),
        _ => {}
    }
    let (Some(top), Some(left)) = (origin(rows), origin(columns)) else {
        return Some("moved out of sight".into());
    };
    if (rows.len(), columns.len()) != (size.height, size.width) {
        let (height, width) = (rows.len(), columns.len());
        return Some(format!("{height} × {width} from row {top}, column {left} of {} × {}", size.height, size.width));
    }
    // The window moves one way, the image in it the other way.
    of_shift(-left, -top)
}

/// The place of the image that the first place of an axis would come from; none if all of it comes from outside.
fn origin(axis: &Axis) -> Option<isize> {
    let mut start = 0;
    let mut longest = None;
    for run in axis.runs() {
        if let Some(from) = run.from().filter(|_| !run.backwards()) {
            let found = (run.len(), from as isize - start as isize);
            longest = longest.max(Some(found));
        }
        start += run.len();
    }
    longest.map(|(_, origin)| origin)
}

/// `shifted by (-1, 2)`: right, then down.
fn of_shift(right: isize, down: isize) -> Option<String> {
    ((right, down) != (0, 0)).then(|| format!("shifted by ({right}, {down})"))
}

fn of_op(op: &Op) -> Option<String> {
    Some(match *op {
        Op::Identity => return None,
        Op::Brightness { factor } => format!("brightness × {factor:.2}"),
        Op::Contrast { factor } => format!("contrast × {factor:.2}"),
        Op::Invert => "inverted".into(),
        Op::Solarize { threshold } => format!("solarized from {threshold:.0}"),
        Op::Posterize { bits } => format!("{bits} bits a value"),
        Op::AutoContrast => "contrast stretched".into(),
        Op::Equalize => "equalized".into(),
        Op::Saturation { factor } => format!("saturation × {factor:.2}"),
        Op::Hue { turn } => format!("hues turned by {:.0}°", turn * 360.0),
        Op::Grayscale => "made grey".into(),
        Op::Sharpness { factor } => format!("sharpness × {factor:.2}"),
        Op::GaussianBlur { sigma, .. } => format!("blurred, sigma {sigma:.2}"),
        Op::Affine { map, .. } => return of_affine(&map),
        Op::MirrorHorizontal => "flipped".into(),
        Op::MirrorVertical => "turned upside down".into(),
        Op::Fill { rect, .. } => return of_filled(rect, "filled"),
        Op::FillNoise { rect, .. } => return of_filled(rect, "of noise"),
        Op::FillMean { rect } => return of_filled(rect, "filled with the mean"),
    })
}

/// The map says where pixels come from; people say where the image goes.
fn of_affine(map: &Affine) -> Option<String> {
    let [a, b, c, d, e, f] = map.0;
    let determinant = a * e - b * d;
    if determinant.abs() < 1e-12 {
        return Some("flattened to a line".into());
    }
    let (right, down) = ((b * f - e * c) / determinant, (d * c - a * f) / determinant);
    // The image's map is a turn after a shear along its lines after a scaling.
    let [m, n, p, q] = [e, -b, -d, a].map(|v| v / determinant);
    let (degrees, wide) = ((-p).atan2(m).to_degrees(), m.hypot(p));
    let (high, along) = ((m * q - n * p) / wide, (m * n + p * q) / wide);
    // As torchvision counts: what is below moves left.
    let shear = -(along / high.abs()).atan().to_degrees();
    let mut words = Vec::new();
    if degrees.abs() >= 0.05 {
        let side = if degrees > 0.0 { "left" } else { "right" };
        words.push(format!("turned {side} by {:.1}°", degrees.abs()));
    }
    if shear.abs() >= 0.05 {
        words.push(format!("sheared by {shear:.1}°"));
    }
    if (wide - high).abs() >= 0.005 {
        words.push(format!("width × {wide:.2}, height × {high:.2}"));
    } else if (wide - 1.0).abs() >= 0.005 {
        words.push(format!("size × {wide:.2}"));
    }
    if right.hypot(down) >= 0.05 {
        words.push(format!("shifted by ({right:.1}, {down:.1})"));
    }
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { height: 32, width: 32, channels: 3 };

    fn said(step: &Step<'_>) -> String {
        of_step(step, SIZE).unwrap_or_default()
    }

    fn window(down: isize, right: isize, len: usize) -> String {
        let (rows, columns) = (Axis::window(32, down, len), Axis::window(32, right, len));
        said(&Step::Move { rows, columns, outside: &[0] })
    }

    #[test]
    fn moves_say_where_the_image_goes() {
        let (same, mirrored) = (Axis::identity(32), Axis::mirrored(32));
        assert_eq!(said(&Step::Move { rows: same, columns: mirrored, outside: &[] }), "flipped");
        assert_eq!(said(&Step::Move { rows: mirrored, columns: same, outside: &[] }), "turned upside down");
        assert_eq!(said(&Step::Move { rows: same, columns: same, outside: &[] }), "");
        assert_eq!(window(-2, 1, 32), "shifted by (-1, 2)");
        assert_eq!(window(0, 0, 32), "");
        assert_eq!(window(40, 0, 32), "moved out of sight");
        assert_eq!(window(-2, 5, 24), "24 × 24 from row -2, column 5 of 32 × 32");
        let reflected = Step::Move { rows: Axis::reflected(32, -3, 32), columns: same, outside: &[] };
        assert_eq!(said(&reflected), "shifted by (0, 3)");
    }

    #[test]
    fn maps_say_where_the_image_goes() {
        let said = |map: Affine| of_affine(&map).unwrap_or_default();
        assert_eq!(said(Affine::IDENTITY), "");
        assert_eq!(said(Affine::rotation(12.5)), "turned left by 12.5°");
        assert_eq!(said(Affine::translation(3.5, -2.0)), "shifted by (3.5, -2.0)");
        assert_eq!(said(Affine::scaling(1.5)), "size × 1.50");
        assert_eq!(
            said(Affine::rotation(-90.0).then(Affine::translation(1.0, 2.0))),
            "turned right by 90.0°, shifted by (1.0, 2.0)"
        );
        assert_eq!(said(Affine::shear_x(0.25)), "sheared by 14.0°");
        assert_eq!(said(Affine([0.5, 0.0, 0.0, 0.0, 0.8, 0.0])), "width × 2.00, height × 1.25");
        let all = Affine::of_angles(12.0, (3.0, -2.0), 1.2, (10.0, 0.0));
        assert_eq!(said(all), "turned right by 12.0°, sheared by 10.0°, size × 1.20, shifted by (3.0, -2.0)");
    }

    #[test]
    fn fills_say_where() {
        let area = Rect { top: 3, left: 12, height: 8, width: 8 };
        assert_eq!(said(&Step::Fill { area, colour: &[0] }), "8 × 8 from row 3, column 12 filled");
        assert_eq!(said(&Step::Fill { area: Rect { height: 0, ..area }, colour: &[0] }), "");
        assert_eq!(of_part(area, SIZE), "8 × 8 from row 3, column 12 of 32 × 32");
        assert_eq!(of_part(Rect::whole(SIZE), SIZE), "all of 32 × 32");
    }
}
