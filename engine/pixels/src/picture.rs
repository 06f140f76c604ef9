//! What an image is.

use std::fmt;

/// Height, width and channels of an image, whatever its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageSize {
    /// Rows of pixels.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Values of a pixel.
    pub channels: usize,
}

impl ImageSize {
    /// Bytes of an image with a byte a value.
    pub const fn bytes(self) -> usize {
        self.height * self.width * self.channels
    }
}

impl fmt::Display for ImageSize {
    /// `375 × 500 × 3`: height, width, channels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} × {}", self.height, self.width, self.channels)
    }
}

/// An image of any size, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picture<'a> {
    /// An encoded file (JPEG, PNG, WebP), or pixels.
    pub bytes: &'a [u8],
    /// The size of what are pixels; none for an encoded file.
    pub size: Option<ImageSize>,
}

/// What is wrong with an image, as the end of a sentence: "the JPEG is cut off: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PixelError(pub String);

impl PixelError {
    /// From a sentence without a full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
