//! All augmentations, each once.

use super::super::group::Group;
use super::super::image_op::ImageOp;
use super::super::registry::{AnyOperator, OperatorParams};
use super::{
    AlternatingFlip, Augment, ColorJitter, Cutout, GaussianBlur, Grayscale, ImageOperator, ImageParams, RandAugment,
    RandomAdjustSharpness, RandomAffine, RandomApply, RandomAutocontrast, RandomBrightness, RandomChoice,
    RandomContrast, RandomEqualize, RandomErasing, RandomGrayscale, RandomHorizontalFlip, RandomInvert, RandomOrder,
    RandomPosterize, RandomRotation, RandomSaturation, RandomSolarize, RandomTranslate, RandomVerticalFlip,
    TrivialAugmentWide, check,
};
use crate::batch::ImageSize;
use crate::params::{Faults, tagged};

/// From one list: the operators, and what may stand in the `ops` of a combinator. `(also)` marks parameters that have
/// a list `also` of masks.
macro_rules! augmentations {
    ($($group:ident { $($word:literal => $variant:ident $(($also:ident))?,)* })*) => {
        tagged! {
            /// An augmentation as a part of another one.
            pub enum Augmentation ("operation", tag "op") {
                $($($word => $variant,)*)*
            }
        }

        $($(
            impl ImageParams for $variant {
                const NAME: &'static str = $word;
                const GROUP: Group = Group::$group;

                fn field(&self) -> &str {
                    &self.field
                }

                $(fn also(&self) -> &[String] {
                    &self.$also
                })?
            }

            impl OperatorParams for $variant {
                fn operator_name(&self) -> &'static str {
                    $word
                }
            }
        )*)*

        impl Augmentation {
            /// What is wrong with it for images of that size. A fault's path starts at it.
            pub(super) fn check(&self, size: ImageSize) -> Result<(), Faults> {
                match self { $($(Self::$variant(params) => check(params, size, "/op"),)*)* }
            }

            /// See [`Augment::composes`].
            pub(super) fn composes(&self) -> bool {
                match self { $($(Self::$variant(params) => params.composes(),)*)* }
            }

            /// See [`Augment::op`].
            pub(super) fn op(&self, size: ImageSize) -> Box<dyn ImageOp> {
                match self { $($(Self::$variant(params) => params.op(size),)*)* }
            }
        }

        /// The operators, in the order in which they are listed.
        pub const AUGMENTATIONS: &[&dyn AnyOperator] = &[$($(&ImageOperator::<$variant>::NEW,)*)*];
    };
}

augmentations! {
    Geometry {
        "random_horizontal_flip" => RandomHorizontalFlip (also),
        "random_vertical_flip" => RandomVerticalFlip (also),
        "alternating_flip" => AlternatingFlip (also),
        "random_translate" => RandomTranslate (also),
        "random_rotation" => RandomRotation (also),
        "random_affine" => RandomAffine (also),
        "cutout" => Cutout,
        "random_erasing" => RandomErasing,
    }
    Colour {
        "random_brightness" => RandomBrightness,
        "random_contrast" => RandomContrast,
        "random_saturation" => RandomSaturation,
        "color_jitter" => ColorJitter,
        "grayscale" => Grayscale,
        "random_grayscale" => RandomGrayscale,
        "random_invert" => RandomInvert,
        "random_solarize" => RandomSolarize,
        "random_posterize" => RandomPosterize,
        "random_autocontrast" => RandomAutocontrast,
        "random_equalize" => RandomEqualize,
        "random_adjust_sharpness" => RandomAdjustSharpness,
        "gaussian_blur" => GaussianBlur,
    }
    Policies {
        "rand_augment" => RandAugment,
        "trivial_augment_wide" => TrivialAugmentWide,
    }
    Combinators {
        "random_apply" => RandomApply,
        "random_choice" => RandomChoice,
        "random_order" => RandomOrder,
    }
}
