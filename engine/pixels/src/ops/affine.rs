//! Straight-line maps of the plane: turned, moved, scaled, sheared images.

use super::elementary::sin_cos;
use crate::ImageSize;

/// From each place of the new image to the place of the old one whose colour it gets.
///
/// Places are in pixels, rightwards and downwards, from the middle of the image, so that one map serves every size. The
/// six numbers are a, b, c, d, e, f of x' = a·x + b·y + c, y' = d·x + e·y + f.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// Changes nothing.
    pub const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    /// Turns the image about its middle, anticlockwise as seen, in degrees: torchvision's and Pillow's `rotate`.
    pub fn rotation(degrees: f64) -> Self {
        let (sin, cos) = sin_cos(degrees);
        Self([cos, -sin, 0.0, sin, cos, 0.0])
    }

    /// Moves the image right and down, in pixels.
    pub const fn translation(right: f64, down: f64) -> Self {
        Self([1.0, 0.0, -right, 0.0, 1.0, -down])
    }

    /// Makes the image `factor` times as large, about its middle.
    pub fn scaling(factor: f64) -> Self {
        Self([1.0 / factor, 0.0, 0.0, 0.0, 1.0 / factor, 0.0])
    }

    /// Moves each line left by `factor` times its distance below the middle: RandAugment's ShearX once it is
    /// [about the top left corner](Self::about_top_left).
    pub const fn shear_x(factor: f64) -> Self {
        Self([1.0, factor, 0.0, 0.0, 1.0, 0.0])
    }

    /// Moves each column up by `factor` times its distance right of the middle: RandAugment's ShearY once it is
    /// [about the top left corner](Self::about_top_left).
    pub const fn shear_y(factor: f64) -> Self {
        Self([1.0, 0.0, 0.0, factor, 1.0, 0.0])
    }

    /// Torchvision's `affine`: turned *clockwise* by `degrees`, scaled, sheared by two angles in degrees (x, y; not
    /// ±90), about the middle, then moved by (right, down) pixels.
    pub fn of_angles(degrees: f64, (right, down): (f64, f64), scale: f64, (shear_x, shear_y): (f64, f64)) -> Self {
        let ((sin, cos), (_, cos_y)) = (sin_cos(degrees - shear_y), sin_cos(shear_y));
        let (sin_x, cos_x) = sin_cos(shear_x);
        let (whole_sin, whole_cos) = sin_cos(degrees);
        let tan_x = sin_x / cos_x;
        // Forth: turned and sheared. Its determinant is 1, so that back needs no division but that by the scale.
        let (a, b) = (cos / cos_y, -cos * tan_x / cos_y - whole_sin);
        let (c, d) = (sin / cos_y, -sin * tan_x / cos_y + whole_cos);
        let [a, b, c, d] = [d, -b, -c, a].map(|number| number / scale);
        Self([a, b, -(a * right + b * down), c, d, -(c * right + d * down)])
    }

    /// This map about another fixed point than the middle: (x, y), in pixels from the middle.
    #[must_use]
    pub fn about(self, x: f64, y: f64) -> Self {
        let Self([a, b, c, d, e, f]) = self;
        Self([a, b, c + x - (a * x + b * y), d, e, f + y - (d * x + e * y)])
    }

    /// This map about the top left corner of an image of that size.
    #[must_use]
    pub fn about_top_left(self, size: ImageSize) -> Self {
        self.about(-0.5 * size.width as f64, -0.5 * size.height as f64)
    }

    /// This map of the image, then `next` of what came out of it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        // Back from the last image to the first: `next` is undone first.
        let (Self([a, b, c, d, e, f]), Self(n)) = (self, next);
        let column = |x: f64, y: f64| (a * x + b * y, d * x + e * y);
        let ((a, d), (b, e), (x, y)) = (column(n[0], n[3]), column(n[1], n[4]), column(n[2], n[5]));
        Self([a, b, x + c, d, e, y + f])
    }

    /// How far the image moves (right, down) if it only moves, and by whole pixels.
    pub fn as_shift(&self) -> Option<(isize, isize)> {
        let [a, b, c, d, e, f] = self.0;
        let whole = |v: f64| v.fract() == 0.0 && v.abs() < 1e9;
        let moves = [a, b, d, e] == [1.0, 0.0, 0.0, 1.0] && whole(c) && whole(f);
        moves.then_some((-c as isize, -f as isize))
    }
}
