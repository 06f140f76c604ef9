//! Sizes and places of the format: header, cells of a row, pages. All numbers are little-endian.

/// The only version there is; FFCV refuses any other.
pub(super) const VERSION: u16 = 2;
/// Version, number of fields, page size, number of rows, where the allocation table starts.
pub(super) const HEADER_BYTES: usize = 24;
/// A record of the allocation table: row, where the region starts in the file, its length.
pub(super) const RECORD_BYTES: usize = 24;
/// FFCV writes no smaller pages.
pub(super) const SMALLEST_PAGE: u32 = 2 << 20;

/// Type of a field in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A 64-bit float in the row.
    Float,
    /// A 64-bit signed integer in the row.
    Int,
    /// Raw pixels or a JPEG, as each row says.
    RgbImage,
    /// Bytes, any number.
    Bytes,
    /// An array of numpy, one shape for all rows.
    Ndarray,
    /// JSON text and a zero byte.
    Json,
    /// The same as an array on the disk; a tensor of torch to the Python that wrote it.
    TorchTensor,
}

impl FieldType {
    /// Of a type number; 255 is a field of the user's own, which has no type here.
    pub(super) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Float,
            1 => Self::Int,
            2 => Self::RgbImage,
            3 => Self::Bytes,
            4 => Self::Ndarray,
            5 => Self::Json,
            6 => Self::TorchTensor,
            _ => return None,
        })
    }

    /// The type number.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Float => 0,
            Self::Int => 1,
            Self::RgbImage => 2,
            Self::Bytes => 3,
            Self::Ndarray => 4,
            Self::Json => 5,
            Self::TorchTensor => 6,
        }
    }

    /// `float`, `int`, `rgb_image`, `bytes`, `ndarray`, `json` or `torch_tensor`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::RgbImage => "rgb_image",
            Self::Bytes => "bytes",
            Self::Ndarray => "ndarray",
            Self::Json => "json",
            Self::TorchTensor => "torch_tensor",
        }
    }

    /// Whether its data lies in the pages rather than in the row.
    pub const fn has_region(self) -> bool {
        !matches!(self, Self::Float | Self::Int)
    }

    /// Whether its rows all have one length, that of the array.
    pub(super) const fn is_array(self) -> bool {
        matches!(self, Self::Ndarray | Self::TorchTensor)
    }

    /// Bytes of its cell, and the alignment. An image's cell is its mode (u8), width and height (u16) and pointer
    /// (u64), that of bytes and JSON a pointer and a length (u64), both packed.
    const fn cell(self) -> (usize, usize) {
        match self {
            Self::Float | Self::Int | Self::Ndarray | Self::TorchTensor => (8, 8),
            Self::RgbImage => (13, 1),
            Self::Bytes | Self::Json => (16, 1),
        }
    }
}

/// Where the cells of a row start, and the bytes of a row.
pub(super) fn row_layout(types: impl IntoIterator<Item = FieldType>) -> (Vec<usize>, usize) {
    let (mut end, mut widest) = (0_usize, 1);
    let offsets = types
        .into_iter()
        .map(|kind| {
            let (bytes, align) = kind.cell();
            let start = end.next_multiple_of(align);
            end = start + bytes;
            widest = widest.max(align);
            start
        })
        .collect();
    (offsets, end.next_multiple_of(widest))
}

/// The number at this place; all of its bytes are there.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// The number at this place; all of its bytes are there.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The number at this place; all of its bytes are there.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

#[cfg(test)]
mod tests {
    use super::FieldType::{Bytes, Float, Int, Json, Ndarray, RgbImage, TorchTensor};
    use super::*;

    #[test]
    fn rows_are_laid_out_as_ffcv_does() {
        let cases: [(&[FieldType], &[usize], usize); 6] = [
            (&[RgbImage, Int], &[0, 16], 24),
            (&[RgbImage], &[0], 13),
            (&[Int, RgbImage], &[0, 8], 24),
            (&[RgbImage, RgbImage, Int], &[0, 13, 32], 40),
            (&[Bytes, Float, RgbImage, Json, Ndarray, Int], &[0, 16, 24, 37, 56, 64], 72),
            (&[Bytes, Float, RgbImage, Json, Ndarray, Int, TorchTensor], &[0, 16, 24, 37, 56, 64, 72], 80),
        ];
        for (types, offsets, bytes) in cases {
            assert_eq!(row_layout(types.iter().copied()), (offsets.to_vec(), bytes));
        }
    }

    #[test]
    fn types_have_their_numbers() {
        for number in 0..=6 {
            assert_eq!(FieldType::of(number).unwrap().number(), number);
        }
        assert_eq!(FieldType::of(7), None);
        assert_eq!(FieldType::of(255), None);
    }
}
