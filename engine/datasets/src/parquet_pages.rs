//! Single pages of a Parquet file: where they are, and what is in them.

use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::parquet_codec::decompress;
use super::parquet_file::{Fault, Source, guarded};
use super::storage::Storage;

/// Values of a page that are believed: a few bytes can claim to be billions of equal ones, and of texts each takes 32
/// bytes. Writers begin a new page, or a new row group, long before.
const MOST_VALUES: u64 = 1 << 22;

/// The pages of a column in a row group.
#[derive(Debug, Default)]
pub(super) struct PageIndex {
    /// First byte of each data page, and the row after its last, counted in the group.
    pages: Vec<(u64, u64)>,
    dictionary: Option<u64>,
    /// The byte after the last page.
    end: u64,
}

impl PageIndex {
    /// Walks the headers of the pages; their bytes are not read.
    pub(super) fn of(file: &Arc<dyn Storage>, chunk: &ColumnChunkMetaData, rows: u64) -> Result<Self, Fault> {
        guarded(|| {
            let source = Source::of(file);
            let mut pages = SerializedPageReader::new(Arc::clone(&source), chunk, rows as usize, None)?;
            let (start, size) = chunk.byte_range();
            let mut index = Self { end: start + size, ..Self::default() };
            let mut row = 0;
            while let Some(page) = pages.peek_next_page()? {
                let at = source.last();
                if page.is_dict {
                    index.dictionary = Some(at);
                } else {
                    // In a column without lists every row has one value or one null.
                    let values = page.num_levels.or(page.num_rows).unwrap_or(0) as u64;
                    if values > MOST_VALUES {
                        return Err(Fault::File(format!("a page claims {values} values, more than {MOST_VALUES}")));
                    }
                    row += values;
                    index.pages.push((at, row));
                }
                pages.skip_next_page()?;
            }
            if row != rows {
                let why = format!("a column has {row} values in a row group of {rows} rows");
                return Err(Fault::File(format!("the Parquet file is damaged: {why}")));
            }
            Ok(index)
        })
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    /// The page of a row, and the row in it.
    pub(super) fn find(&self, row: u64) -> (usize, usize) {
        let page = self.pages.partition_point(|(_, end)| *end <= row);
        let before = if page == 0 { 0 } else { self.pages[page - 1].1 };
        (page, (row - before) as usize)
    }

    /// Where a page lies in the file.
    pub(super) fn bytes(&self, page: usize) -> std::ops::Range<u64> {
        self.range(self.pages[page].0)
    }

    fn range(&self, start: u64) -> std::ops::Range<u64> {
        let next = self.pages.iter().map(|(at, _)| *at).chain(self.dictionary).filter(|at| *at > start).min();
        start..next.unwrap_or(self.end)
    }

    /// The dictionary, decompressed, if there is one.
    pub(super) fn dictionary(
        &self,
        file: &Arc<dyn Storage>,
        chunk: &ColumnChunkMetaData,
    ) -> Result<Option<Page>, Fault> {
        self.dictionary.map(|at| read_page(file, chunk, self.range(at))).transpose()
    }

    /// A data page, decompressed.
    pub(super) fn page(
        &self,
        file: &Arc<dyn Storage>,
        chunk: &ColumnChunkMetaData,
        page: usize,
    ) -> Result<Page, Fault> {
        read_page(file, chunk, self.bytes(page))
    }
}

fn read_page(file: &Arc<dyn Storage>, chunk: &ColumnChunkMetaData, at: std::ops::Range<u64>) -> Result<Page, Fault> {
    guarded(|| {
        // A column of that page alone.
        let alone = chunk
            .clone()
            .into_builder()
            .set_dictionary_page_offset(None)
            .set_data_page_offset(at.start.cast_signed())
            .set_total_compressed_size((at.end - at.start).cast_signed())
            // The page as it is: it is decompressed below, within limits.
            .set_compression(Compression::UNCOMPRESSED)
            .build()?;
        let mut pages = SerializedPageReader::new(Source::of(file), &alone, 0, None)?;
        let page = pages.get_next_page()?;
        let page = page.ok_or_else(|| Fault::File("the Parquet file is damaged: a page is gone".to_owned()))?;
        decompress(chunk.compression(), page)
    })
}

/// Whether a data page's values are numbers of a dictionary's.
pub(super) fn needs_dictionary(page: &Page) -> bool {
    matches!(page.encoding(), Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY)
}

/// The values of a page, a row each.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) of: ValuesOf,
    /// The number of each row's value; `None` for a null. Empty if there are no nulls.
    present: Vec<Option<u32>>,
}

#[derive(Debug)]
pub(super) enum ValuesOf {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bytes(Vec<ByteArray>),
}

impl Values {
    /// Decodes a page.
    pub(super) fn of(chunk: &ColumnChunkMetaData, dictionary: Option<Page>, page: Page) -> Result<Self, Fault> {
        guarded(|| {
            let column = chunk.column_descr_ptr();
            let unsigned = matches!(column.converted_type(), ConvertedType::UINT_32 | ConvertedType::UINT_64);
            let count = page.num_values() as usize;
            let highest = column.max_def_level();
            let reader = get_column_reader(Arc::clone(&column), Box::new(Given { dictionary, page: Some(page) }));
            let (of, levels) = match reader {
                ColumnReader::BoolColumnReader(reader) => ints(read(reader, count)?, |value| Some(i64::from(value)))?,
                ColumnReader::Int32ColumnReader(reader) => ints(read(reader, count)?, |value: i32| {
                    Some(if unsigned { i64::from(value.cast_unsigned()) } else { i64::from(value) })
                })?,
                ColumnReader::Int64ColumnReader(reader) => {
                    ints(read(reader, count)?, |value: i64| (!unsigned || value >= 0).then_some(value))?
                }
                ColumnReader::FloatColumnReader(reader) => floats(read(reader, count)?),
                ColumnReader::DoubleColumnReader(reader) => floats(read(reader, count)?),
                ColumnReader::ByteArrayColumnReader(reader) => {
                    let (values, levels) = read(reader, count)?;
                    (ValuesOf::Bytes(values), levels)
                }
                _ => return Err(Fault::File("the column's type is not read".to_owned())),
            };
            let mut next = 0;
            let mut present: Vec<Option<u32>> = Vec::new();
            if levels.iter().any(|level| *level != highest) {
                present.extend(levels.iter().map(|level| {
                    let there = *level == highest;
                    next += u32::from(there);
                    there.then(|| next - 1)
                }));
            }
            let rows = if highest == 0 { of.len() } else { levels.len() };
            let values = if present.is_empty() { rows } else { next as usize };
            if rows != count || values != of.len() {
                return Err(Fault::File(format!(
                    "the Parquet file is damaged: a page has {} values, expected {count}",
                    of.len()
                )));
            }
            Ok(Self { of, present })
        })
    }

    /// The number of a row's value; `None` for a null.
    pub(super) fn find(&self, row: usize) -> Option<usize> {
        if self.present.is_empty() { Some(row) } else { self.present[row].map(|value| value as usize) }
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> u64 {
        let values: usize = match &self.of {
            ValuesOf::Ints(values) => values.len() * 8,
            ValuesOf::Floats(values) => values.len() * 8,
            ValuesOf::Bytes(values) => values.iter().map(|value| value.len() + size_of::<ByteArray>()).sum(),
        };
        (values + self.present.len() * 8) as u64
    }
}

impl ValuesOf {
    fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }
}

fn read<T: DataType>(mut reader: ColumnReaderImpl<T>, count: usize) -> ParquetResult<(Vec<T::T>, Vec<i16>)> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut rows = 0;
    while rows < count {
        let (more, ..) = reader.read_records(count - rows, Some(&mut levels), None, &mut values)?;
        if more == 0 {
            break;
        }
        rows += more;
    }
    Ok((values, levels))
}

fn ints<T>(
    (values, levels): (Vec<T>, Vec<i16>),
    convert: impl Fn(T) -> Option<i64>,
) -> Result<(ValuesOf, Vec<i16>), Fault> {
    let values: Option<Vec<i64>> = values.into_iter().map(convert).collect();
    let values = values.ok_or_else(|| Fault::File("a number is larger than 64 bits with a sign hold".to_owned()))?;
    Ok((ValuesOf::Ints(values), levels))
}

fn floats<T: Into<f64>>((values, levels): (Vec<T>, Vec<i16>)) -> (ValuesOf, Vec<i16>) {
    (ValuesOf::Floats(values.into_iter().map(Into::into).collect()), levels)
}

/// A dictionary and a page that are there already.
struct Given {
    dictionary: Option<Page>,
    page: Option<Page>,
}

impl Iterator for Given {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.dictionary.take().or_else(|| self.page.take()).map(Ok)
    }
}

impl PageReader for Given {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        self.next().transpose()
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        let metadata = |page: &Page| PageMetadata {
            num_rows: None,
            num_levels: Some(page.num_values() as usize),
            is_dict: page.is_dictionary_page(),
        };
        Ok(self.dictionary.as_ref().or(self.page.as_ref()).map(metadata))
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.next();
        Ok(())
    }
}
