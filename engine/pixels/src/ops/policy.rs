//! The operations that RandAugment and TrivialAugment choose from, and how strong each is.

use super::{Affine, Colour, Op, Sampling};
use crate::ImageSize;

/// A kind of operation, whose strength a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Adjustment {
    /// Nothing.
    Identity,
    /// Lines pushed sideways, the more so the lower.
    ShearX,
    /// Columns pushed up or down, the more so the further right.
    ShearY,
    /// Moved sideways by whole pixels.
    TranslateX,
    /// Moved up or down by whole pixels.
    TranslateY,
    /// Turned about the middle.
    Rotate,
    /// See [`brightness`](super::tables::brightness).
    Brightness,
    /// See [`saturation`](super::saturation).
    Color,
    /// See [`contrast`](super::tables::contrast).
    Contrast,
    /// See [`sharpness`](super::sharpness).
    Sharpness,
    /// See [`posterize`](super::tables::posterize).
    Posterize,
    /// See [`solarize`](super::tables::solarize).
    Solarize,
    /// See [`autocontrast`](super::tables::autocontrast).
    AutoContrast,
    /// See [`equalize`](super::tables::equalize).
    Equalize,
}

/// A rule of how strong operations are.
///
/// Both policies know strengths by number, from 0 to one below the number of strengths (31 unless told otherwise).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// RandAugment (Cubuk et al., 2020), with torchvision's operations and ranges: there, two operations an image, of
    /// strength number 9.
    RandAugment,
    /// TrivialAugment (Müller and Hutter, 2021), the wide ranges, as torchvision's TrivialAugmentWide: one operation an
    /// image, of any strength.
    TrivialAugmentWide,
}

impl Policy {
    /// The operations it chooses from, each as likely, in torchvision's order.
    pub const ADJUSTMENTS: [Adjustment; 14] = [
        Adjustment::Identity,
        Adjustment::ShearX,
        Adjustment::ShearY,
        Adjustment::TranslateX,
        Adjustment::TranslateY,
        Adjustment::Rotate,
        Adjustment::Brightness,
        Adjustment::Color,
        Adjustment::Contrast,
        Adjustment::Sharpness,
        Adjustment::Posterize,
        Adjustment::Solarize,
        Adjustment::AutoContrast,
        Adjustment::Equalize,
    ];

    /// The strength of number `number` of `numbers`, without a sign, in the operation's unit: pixels, degrees, a
    /// shear's factor, the distance of a colour's factor from 1, bits, a threshold; 0 for operations that have none.
    ///
    /// Torchvision's, in double precision: its single precision makes the wide translation by 16 pixels (number 15 of
    /// 31) 15.999999, and so 15.
    pub fn strength(self, adjustment: Adjustment, number: usize, numbers: usize, size: ImageSize) -> f64 {
        let part = |most: f64| most * number as f64 / numbers.saturating_sub(1).max(1) as f64;
        let wide = self == Self::TrivialAugmentWide;
        let pixels = |length: usize| part(if wide { 32.0 } else { 150.0 / 331.0 * length as f64 });
        match adjustment {
            Adjustment::Identity | Adjustment::AutoContrast | Adjustment::Equalize => 0.0,
            Adjustment::ShearX | Adjustment::ShearY => part(if wide { 0.99 } else { 0.3 }),
            Adjustment::TranslateX => pixels(size.width),
            Adjustment::TranslateY => pixels(size.height),
            Adjustment::Rotate => part(if wide { 135.0 } else { 30.0 }),
            Adjustment::Brightness | Adjustment::Color | Adjustment::Contrast | Adjustment::Sharpness => {
                part(if wide { 0.99 } else { 0.9 })
            }
            Adjustment::Posterize => (8.0 - part(if wide { 6.0 } else { 4.0 })).round_ties_even(),
            Adjustment::Solarize => 255.0 - part(255.0),
        }
    }
}

impl Adjustment {
    /// Whether it has a direction, so that either sign of its strength is as likely.
    pub fn is_signed(self) -> bool {
        !matches!(self, Self::Identity | Self::Posterize | Self::Solarize | Self::AutoContrast | Self::Equalize)
    }

    /// The operation on an image of that size, its [strength](Policy::strength) given a sign where it
    /// [has one](Self::is_signed). What shows beyond the image's edge is `fill`.
    ///
    /// Translations are cut off to whole pixels, shears keep the top left corner, as in torchvision.
    pub fn op(self, strength: f64, size: ImageSize, sampling: Sampling, fill: Colour) -> Op {
        let affine = |map| Op::Affine { map, sampling, fill };
        let factor = 1.0 + strength;
        match self {
            Self::Identity => Op::Identity,
            Self::ShearX => affine(Affine::shear_x(strength).about_top_left(size)),
            Self::ShearY => affine(Affine::shear_y(strength).about_top_left(size)),
            Self::TranslateX => affine(Affine::translation(strength.trunc(), 0.0)),
            Self::TranslateY => affine(Affine::translation(0.0, strength.trunc())),
            Self::Rotate => affine(Affine::rotation(strength)),
            Self::Brightness => Op::Brightness { factor },
            Self::Color => Op::Saturation { factor },
            Self::Contrast => Op::Contrast { factor },
            Self::Sharpness => Op::Sharpness { factor },
            Self::Posterize => Op::Posterize { bits: strength as u32 },
            Self::Solarize => Op::Solarize { threshold: strength },
            Self::AutoContrast => Op::AutoContrast,
            Self::Equalize => Op::Equalize,
        }
    }
}
