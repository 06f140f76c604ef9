//! What a row holds of a field, as it is stored: what readers take values from, and what writers store.

use std::borrow::Cow;

/// What a row holds of a field, as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part<'a> {
    Int(i64),
    Float(f64),
    Image {
        /// A JPEG file, else pixels.
        jpeg: bool,
        width: u16,
        height: u16,
        bytes: Cow<'a, [u8]>,
    },
    /// Bytes, and JSON with its zero byte.
    Bytes(Cow<'a, [u8]>),
    /// An array's bytes, in the order of bytes that its field has.
    Array(Cow<'a, [u8]>),
}

impl Part<'_> {
    /// Its bytes in a page; `None` for what lies in the row alone.
    pub(super) fn region(&self) -> Option<&[u8]> {
        match self {
            Self::Int(_) | Self::Float(_) => None,
            Self::Image { bytes, .. } | Self::Bytes(bytes) | Self::Array(bytes) => Some(bytes),
        }
    }

    /// Writes its cell; `at` is where its region starts.
    pub(super) fn write_cell(&self, cell: &mut [u8], at: u64) {
        match self {
            Self::Int(value) => cell[..8].copy_from_slice(&value.to_le_bytes()),
            Self::Float(value) => cell[..8].copy_from_slice(&value.to_le_bytes()),
            Self::Image { jpeg, width, height, .. } => {
                cell[0] = u8::from(!jpeg);
                cell[1..3].copy_from_slice(&width.to_le_bytes());
                cell[3..5].copy_from_slice(&height.to_le_bytes());
                cell[5..13].copy_from_slice(&at.to_le_bytes());
            }
            Self::Bytes(bytes) => {
                cell[..8].copy_from_slice(&at.to_le_bytes());
                cell[8..16].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
            }
            Self::Array(_) => cell[..8].copy_from_slice(&at.to_le_bytes()),
        }
    }
}
