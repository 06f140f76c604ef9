//! Which image fields have raw pixels of one size in every row.

use pixels::ImageSize;

use super::layout::u16_at;
use super::read::{JPEG, RAW};
use super::rows::Rows;
use crate::DataError;

/// The size of all rows of each of these cells, `None` where rows differ, are encoded or have no pixels.
///
/// One pass over the rows, 24 bytes each in the usual file, which ends as soon as no field is left to find out about.
pub(super) fn fixed_sizes(rows: &Rows, cells: &[usize]) -> Result<Vec<Option<ImageSize>>, DataError> {
    let mut left: Vec<(usize, usize, Option<[u8; 5]>)> =
        cells.iter().enumerate().map(|(index, &cell)| (index, cell, None)).collect();
    if !left.is_empty() {
        rows.scan(|_, row| {
            left.retain_mut(|(_, cell, first)| {
                // Mode, width and height.
                let head = &row[*cell..*cell + 5];
                match first {
                    Some(first) => first == head,
                    None => {
                        *first = head.first_chunk().copied();
                        head[0] == RAW && u16_at(head, 1) > 0 && u16_at(head, 3) > 0
                    }
                }
            });
            !left.is_empty()
        })?;
    }
    let mut sizes = vec![None; cells.len()];
    for (index, _, first) in left {
        sizes[index] = first.map(|head| ImageSize {
            height: usize::from(u16_at(&head, 3)),
            width: usize::from(u16_at(&head, 1)),
            channels: 3,
        });
    }
    Ok(sizes)
}

const _: () = assert!(JPEG == 0 && RAW == 1, "the modes of FFCV");
