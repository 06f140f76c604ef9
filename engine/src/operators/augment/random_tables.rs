//! Every value through a table, with a probability: `random_invert`, `random_solarize`, `random_posterize`,
//! `random_autocontrast`, `random_equalize`.

use pixels::Op;

use super::super::image_op::ImageOp;
use super::Augment;
use super::drawn::sometimes;
use crate::batch::ImageSize;
use crate::params::params;

/// A struct of parameters: those given, `p` and `field`; and its operation, which draws nothing but whether.
macro_rules! random_table {
    (
        $(#[doc = $docs:literal])*
        $name:ident $(: $default:ident)? {
            $($(#[doc = $param_docs:literal])* $param:ident: $type:ty => $bounds:expr,)*
        } => $op:expr
    ) => {
        params! {
            $(#[doc = $docs])*
            pub struct $name $(: $default)? {
                $($(#[doc = $param_docs])* $param: $type => $bounds,)*
                /// Probability that an image is changed.
                p: f64 = 0.5 => 0.0..=1.0,
                /// Field to work on: uint8, height × width × channels.
                field: String = "image".to_owned(),
            }
        }

        impl Augment for $name {
            fn composes(&self) -> bool {
                let op: fn(&Self) -> Op = $op;
                op(self).as_table().is_some()
            }

            fn op(&self, _: ImageSize) -> Box<dyn ImageOp> {
                let op: fn(&Self) -> Op = $op;
                let op = op(self);
                sometimes(self.p, move |_| op)
            }
        }
    };
}

random_table! {
    /// Makes each image its negative with probability `p`.
    ///
    /// As torchvision's RandomInvert: 255 − v in every channel.
    RandomInvert: Default {} => |_| Op::Invert
}

random_table! {
    /// Inverts the values of each image from `threshold` on, with probability `p`.
    ///
    /// As torchvision's RandomSolarize; FFCV's Solarization of version 1.1 has a threshold of 128 where none is given.
    RandomSolarize {
        /// The first value that is inverted: 0 inverts all, 256 none.
        threshold: f64 => 0.0..=256.0,
    } => |params| Op::Solarize { threshold: params.threshold }
}

random_table! {
    /// Keeps the upper `bits` bits of each value, with probability `p`.
    ///
    /// As torchvision's RandomPosterize.
    RandomPosterize {
        /// Bits that stay: 8 changes nothing, 0 is black.
        bits: u32 => 0..=8,
    } => |params| Op::Posterize { bits: params.bits }
}

random_table! {
    /// Stretches the values of each channel over 0 to 255, with probability `p`.
    ///
    /// As torchvision's RandomAutocontrast: the least value of a channel becomes 0, the greatest 255.
    RandomAutocontrast: Default {} => |_| Op::AutoContrast
}

random_table! {
    /// Makes all values of each channel about as frequent, with probability `p`.
    ///
    /// As torchvision's RandomEqualize.
    RandomEqualize: Default {} => |_| Op::Equalize
}
