//! Every operation on one image, as a value.

use super::tables::{self, ChannelTables, Table};
use super::{Affine, Colour, Rect, Sampling, Scratch};
use crate::ImageSize;

/// An operation on one image in place, with all its parameters. What each does is said at the function of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Op {
    /// Nothing.
    #[default]
    Identity,
    /// See [`tables::brightness`].
    Brightness {
        /// What values are multiplied by.
        factor: f64,
    },
    /// See [`tables::contrast`]; about the image's own [`grey_mean`](super::grey_mean).
    Contrast {
        /// What distances from the mean are multiplied by.
        factor: f64,
    },
    /// See [`tables::invert`].
    Invert,
    /// See [`tables::solarize`].
    Solarize {
        /// The first value that is inverted.
        threshold: f64,
    },
    /// See [`tables::posterize`].
    Posterize {
        /// Bits that stay.
        bits: u32,
    },
    /// See [`tables::autocontrast`]; each channel for itself.
    AutoContrast,
    /// See [`tables::equalize`]; each channel for itself.
    Equalize,
    /// See [`saturation`](super::saturation).
    Saturation {
        /// What distances from grey are multiplied by.
        factor: f64,
    },
    /// See [`hue`](super::hue).
    Hue {
        /// Turns of the circle of hues.
        turn: f64,
    },
    /// See [`grayscale`](super::grayscale).
    Grayscale,
    /// See [`sharpness`](super::sharpness).
    Sharpness {
        /// What distances from the softened image are multiplied by.
        factor: f64,
    },
    /// See [`gaussian_blur`](super::gaussian_blur).
    GaussianBlur {
        /// Pixels to each side.
        radius: usize,
        /// Standard deviation, in pixels.
        sigma: f64,
    },
    /// See [`warp`](super::warp).
    Affine {
        /// Where each pixel's colour comes from.
        map: Affine,
        /// How a place between pixels gets its colour.
        sampling: Sampling,
        /// What is outside the image.
        fill: Colour,
    },
    /// See [`mirror_horizontal`](super::mirror_horizontal).
    MirrorHorizontal,
    /// See [`mirror_vertical`](super::mirror_vertical).
    MirrorVertical,
    /// See [`fill`](super::fill).
    Fill {
        /// Where.
        rect: Rect,
        /// With what.
        colour: Colour,
    },
    /// See [`fill_noise`](super::fill_noise).
    FillNoise {
        /// Where.
        rect: Rect,
        /// Where the random numbers start.
        seed: u64,
    },
    /// [`fill`](super::fill) with the image's own [`mean_colour`](super::mean_colour).
    FillMean {
        /// Where.
        rect: Rect,
    },
}

impl Op {
    /// Does it. The image must have [`size.bytes()`](ImageSize::bytes) bytes.
    pub fn apply(&self, image: &mut [u8], size: ImageSize, scratch: &mut Scratch) {
        if image.is_empty() {
            return;
        }
        if let Some(table) = self.as_table() {
            return tables::apply_table(image, &table);
        }
        match *self {
            Self::Contrast { factor } => {
                let table = tables::contrast(factor, super::grey_mean(image, size));
                tables::apply_table(image, &table);
            }
            Self::AutoContrast | Self::Equalize => {
                let tables = self.tables_of(image, size);
                tables::apply_tables(image, size.channels, &tables);
            }
            Self::Saturation { factor } => super::saturation(image, size, factor),
            Self::Hue { turn } => super::hue(image, size, turn),
            Self::Grayscale => super::grayscale(image, size),
            Self::Sharpness { factor } => super::sharpness(image, size, factor, scratch),
            Self::GaussianBlur { radius, sigma } => super::gaussian_blur(image, size, radius, sigma, scratch),
            Self::Affine { ref map, sampling, fill } => super::warp(image, size, map, sampling, fill, scratch),
            Self::MirrorHorizontal => super::mirror_horizontal(image, size),
            Self::MirrorVertical => super::mirror_vertical(image, size),
            Self::Fill { rect, colour } => super::fill(image, size, rect, colour),
            Self::FillNoise { rect, seed } => super::fill_noise(image, size, rect, seed),
            Self::FillMean { rect } => super::fill(image, size, rect, super::mean_colour(image, size)),
            // The rest are tables.
            Self::Identity
            | Self::Brightness { .. }
            | Self::Invert
            | Self::Solarize { .. }
            | Self::Posterize { .. } => {}
        }
    }

    /// The table that it is, the same for every image and channel, if it is one.
    pub fn as_table(&self) -> Option<Table> {
        match *self {
            Self::Brightness { factor } => Some(tables::brightness(factor)),
            Self::Invert => Some(tables::invert()),
            Self::Solarize { threshold } => Some(tables::solarize(threshold)),
            Self::Posterize { bits } => Some(tables::posterize(bits)),
            _ => None,
        }
    }

    /// The tables that it is for this image, a table for each channel, if it is that: [`Op::as_table`], and what
    /// depends on the image's mean or on how often values occur.
    pub fn as_tables(&self, image: &[u8], size: ImageSize) -> Option<ChannelTables> {
        match *self {
            Self::Contrast { .. } | Self::AutoContrast | Self::Equalize => Some(self.tables_of(image, size)),
            _ => self.as_table().map(|table| [table; 4]),
        }
    }

    fn tables_of(&self, image: &[u8], size: ImageSize) -> ChannelTables {
        let of_counts = |table: fn(&[u32; 256]) -> Table| tables::histogram(image, size.channels).each_ref().map(table);
        match *self {
            Self::Contrast { factor } => [tables::contrast(factor, super::grey_mean(image, size)); 4],
            Self::AutoContrast => of_counts(tables::autocontrast),
            Self::Equalize => of_counts(tables::equalize),
            _ => [self.as_table().unwrap_or_else(tables::identity); 4],
        }
    }

    /// Whether it looks at colour, and so does nothing to images of fewer than three channels.
    pub fn needs_rgb(&self) -> bool {
        matches!(self, Self::Saturation { .. } | Self::Hue { .. } | Self::Grayscale)
    }
}
