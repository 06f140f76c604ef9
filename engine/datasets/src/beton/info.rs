//! A file in figures.

use std::path::{Path, PathBuf};

use super::array;
use super::layout::{FieldType, RECORD_BYTES, u16_at};
use super::read::{Beton, Column, JPEG};
use crate::{DataError, Dataset};

/// A file in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// The file, or its address.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of a page.
    pub page_bytes: u32,
    /// Pages.
    pub pages: u64,
    /// Bytes of the table of rows.
    pub row_table_bytes: u64,
    /// Regions in the allocation table.
    pub regions: u64,
    /// All fields, those that cannot be read too.
    pub fields: Vec<FieldInfo>,
}

/// A field in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: FieldType,
    /// Of an array: the numpy code of its elements, such as `<f4`.
    pub elements: Option<String>,
    /// Of an array: its shape.
    pub shape: Option<Vec<usize>>,
    /// Why it cannot be read, if so.
    pub unreadable: Option<String>,
    /// Bytes in the pages, of the good rows; of numbers, the 8 bytes in each row.
    pub bytes: u64,
    /// Bytes of a row's data.
    pub sizes: Option<Spread>,
    /// Rows whose data is not within the file.
    pub bad: u64,
    /// Of images.
    pub images: Option<ImageCounts>,
}

/// Images in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImageCounts {
    /// Rows with raw pixels.
    pub raw: u64,
    /// Rows with a JPEG.
    pub jpeg: u64,
    /// Widths in pixels.
    pub width: Option<Spread>,
    /// Heights in pixels.
    pub height: Option<Spread>,
}

/// Least, mean and greatest of some figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Least.
    pub min: u64,
    /// Mean.
    pub mean: f64,
    /// Greatest.
    pub max: u64,
}

/// A file in figures: reads its header, its rows, and, if it has JPEGs, the allocation table; not its data.
///
/// # Errors
///
/// Those of [`Beton::open`].
pub fn info(path: &Path) -> Result<Info, DataError> {
    Beton::open(path)?.info()
}

impl Beton {
    /// The file in figures, as [`info`] gives them; all fields, whichever are selected.
    ///
    /// # Errors
    ///
    /// Those of the storage.
    pub fn info(&self) -> Result<Info, DataError> {
        let mut tallies: Vec<Tally> = self.columns.iter().map(|_| Tally::default()).collect();
        let mut failed = None;
        self.rows.scan(|row, bytes| {
            for (column, tally) in self.columns.iter().zip(&mut tallies) {
                failed = tally.add(self, row, column, &bytes[column.cell..]).err();
                if failed.is_some() {
                    return false;
                }
            }
            true
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Info {
            path: self.path().to_path_buf(),
            bytes: self.rows.storage().len(),
            rows: self.rows(),
            page_bytes: self.rows.page_bytes,
            pages: self.rows.pages(),
            row_table_bytes: self.rows.count * self.rows.row_bytes as u64,
            regions: (self.rows.table.end - self.rows.table.start) / RECORD_BYTES as u64,
            fields: self.columns.iter().zip(tallies).map(|(column, tally)| tally.field(column)).collect(),
        })
    }
}

#[derive(Default)]
struct Tally {
    sizes: Sum,
    width: Sum,
    height: Sum,
    bad: u64,
    raw: u64,
    jpeg: u64,
}

impl Tally {
    fn add(&mut self, file: &Beton, row: u64, column: &Column, cell: &[u8]) -> Result<(), DataError> {
        if !column.kind().has_region() {
            self.sizes.add(8);
            return Ok(());
        }
        match file.region(row, column, cell) {
            Ok(region) => self.sizes.add(region.end - region.start),
            Err(DataError::Sample { .. }) => {
                self.bad += 1;
                return Ok(());
            }
            Err(other) => return Err(other),
        }
        if column.kind() == FieldType::RgbImage {
            let mode = if cell[0] == JPEG { &mut self.jpeg } else { &mut self.raw };
            *mode += 1;
            self.width.add(u64::from(u16_at(cell, 1)));
            self.height.add(u64::from(u16_at(cell, 3)));
        }
        Ok(())
    }

    fn field(self, column: &Column) -> FieldInfo {
        let kind = column.kind();
        let described = kind.is_array().then(|| array::describe(&column.descriptor.arguments));
        let (elements, shape) = described.unzip();
        FieldInfo {
            name: column.name.clone(),
            kind,
            elements,
            shape,
            unreadable: column.array.as_ref().and_then(|array| array.as_ref().err().cloned()),
            bytes: self.sizes.sum,
            sizes: self.sizes.spread(),
            bad: self.bad,
            images: (kind == FieldType::RgbImage).then(|| ImageCounts {
                raw: self.raw,
                jpeg: self.jpeg,
                width: self.width.spread(),
                height: self.height.spread(),
            }),
        }
    }
}

#[derive(Default)]
struct Sum {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Sum {
    fn add(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        // Regions may overlap in a hostile file, so that they sum up to more than it has.
        self.sum = self.sum.saturating_add(value);
        self.count += 1;
    }

    fn spread(&self) -> Option<Spread> {
        let mean = self.sum as f64 / self.count as f64;
        (self.count > 0).then_some(Spread { min: self.min, mean, max: self.max })
    }
}
