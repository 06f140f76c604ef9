//! Values of fields as files that other programs read: `.npy`, `.npz`, JSON.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use engine::batch::{DType, Field, Layout, Values};
use half::{bf16, f16};
use serde_json::{Map, Value, json};

use super::Failure;

/// Values of a field under a name: numbers in the order of their shape.
pub(crate) struct Array {
    pub(crate) name: String,
    dtype: DType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
    /// Whether the bytes are a text.
    text: bool,
}

/// A field's rows: one array with the rows along its first axis, or without that axis if `single`. Rows of any number
/// of bytes are an array each, encoded images as their file's bytes.
pub(crate) fn arrays(name: &str, field: &Field, values: Values<'_>, single: bool) -> Vec<Array> {
    match values {
        Values::Items(items) => {
            let named = |row: usize| if single { name.to_owned() } else { format!("{name}.{row}") };
            let array = |(row, item): (usize, &engine::batch::Item)| Array {
                name: named(row),
                dtype: DType::Uint8,
                shape: match item.size {
                    Some(size) => vec![size.height, size.width, size.channels],
                    None => vec![item.bytes.len()],
                },
                bytes: item.bytes.clone(),
                text: field.layout == Layout::Blob && std::str::from_utf8(&item.bytes).is_ok(),
            };
            items.iter().enumerate().map(array).collect()
        }
        Values::Bytes(bytes) => {
            let rows = if field.row_bytes() == 0 { 0 } else { bytes.len() / field.row_bytes() };
            let rows = (!single).then_some(rows);
            let shape = rows.into_iter().chain(field.shape.iter().copied()).collect();
            let bytes = in_order_of_shape(field, bytes);
            // NumPy has no bfloat16; float32 holds all of its values.
            let (dtype, bytes) = match field.dtype {
                DType::Bfloat16 => {
                    let values = each(&bytes, bf16::from_le_bytes);
                    (DType::Float32, values.iter().flat_map(|v| v.to_f32().to_le_bytes()).collect())
                }
                other => (other, bytes),
            };
            vec![Array { name: name.to_owned(), dtype, shape, bytes, text: false }]
        }
    }
}

/// Elements of any bytes, which need not lie where elements of their type do.
pub(crate) fn each<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|bytes| element(*bytes)).collect()
}

/// The memory of `channels_last` is in another order than its shape.
fn in_order_of_shape(field: &Field, bytes: &[u8]) -> Vec<u8> {
    let (Layout::ChannelsLast, Some(size)) = (field.layout, field.image_size()) else { return bytes.to_vec() };
    let (each, plane) = (field.dtype.bytes(), size.height * size.width);
    let mut ordered = Vec::with_capacity(bytes.len());
    for row in bytes.chunks_exact(field.row_bytes().max(1)) {
        for channel in 0..size.channels {
            for pixel in 0..plane {
                let start = (pixel * size.channels + channel) * each;
                ordered.extend_from_slice(&row[start..start + each]);
            }
        }
    }
    ordered
}

impl Array {
    /// Whole numbers.
    pub(crate) fn whole_numbers(name: &str, values: &[u64]) -> Self {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self { name: name.to_owned(), dtype: DType::Int64, shape: vec![values.len()], bytes, text: false }
    }

    /// As a `.npy` file, format version 1.0.
    fn npy(&self) -> Vec<u8> {
        let descr = match self.dtype {
            DType::Uint8 => "|u1",
            DType::Int64 => "<i8",
            DType::Float16 => "<f2",
            DType::Bfloat16 | DType::Float32 => "<f4",
        };
        let sides: String = self.shape.iter().map(|side| format!("{side},")).collect();
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sides}), }}");
        // Magic, version, length: 10 bytes; the data starts at a multiple of 64.
        let padding = (64 - (10 + header.len() + 1) % 64) % 64;
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend_from_slice(&(header.len() as u16).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(&self.bytes);
        file
    }

    /// Shape, type and values, the last axis fastest. What is no number in JSON is null.
    fn json(&self) -> Value {
        if self.text {
            return Value::String(String::from_utf8_lossy(&self.bytes).into_owned());
        }
        let values: Vec<Value> = match self.dtype {
            DType::Uint8 => self.bytes.iter().map(|v| json!(v)).collect(),
            DType::Int64 => each(&self.bytes, i64::from_le_bytes).into_iter().map(Value::from).collect(),
            DType::Float16 => {
                each(&self.bytes, |v| f16::from_le_bytes(v).to_f64()).into_iter().map(Value::from).collect()
            }
            DType::Bfloat16 | DType::Float32 => {
                each(&self.bytes, |v| f64::from(f32::from_le_bytes(v))).into_iter().map(Value::from).collect()
            }
        };
        json!({ "dtype": self.dtype.word(), "shape": self.shape, "values": values })
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("cannot write the values: {error}: {}", path.display()))
}

/// Writes one array as `.npy`.
pub(crate) fn save_npy(path: &Path, array: &Array) -> Result<(), Failure> {
    std::fs::write(path, array.npy()).map_err(|e| failed(path, e))
}

/// Writes arrays as `.npz`, without compression.
pub(crate) fn save_npz(path: &Path, arrays: &[Array]) -> Result<(), Failure> {
    let file = File::create(path).map_err(|e| failed(path, e))?;
    let mut archive = zip::ZipWriter::new(BufWriter::new(file));
    let options = zip::write::FileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for array in arrays {
        archive
            .start_file(format!("{}.npy", array.name), options.large_file(array.bytes.len() > 1 << 30))
            .map_err(|e| failed(path, e))?;
        archive.write_all(&array.npy()).map_err(|e| failed(path, e))?;
    }
    let mut file = archive.finish().map_err(|e| failed(path, e))?;
    file.flush().map_err(|e| failed(path, e))
}

/// Writes arrays as JSON, beside what is known of them.
pub(crate) fn save_json(path: &Path, mut about: Value, arrays: &[Array]) -> Result<(), Failure> {
    let fields: Map<String, Value> = arrays.iter().map(|array| (array.name.clone(), array.json())).collect();
    about["fields"] = Value::Object(fields);
    std::fs::write(path, format!("{about}\n")).map_err(|e| failed(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_last_is_written_in_the_order_of_its_shape() {
        let field = Field { layout: Layout::ChannelsLast, ..Field::plain("image", DType::Uint8, &[2, 1, 3]) };
        let array = &arrays("image", &field, Values::Bytes(&[0, 10, 1, 11, 2, 12]), true)[0];
        assert_eq!((&array.shape[..], &array.bytes[..]), (&[2, 1, 3][..], &[0, 1, 2, 10, 11, 12][..]));
        let npy = array.npy();
        assert_eq!(npy.len() % 64, 6);
        assert!(
            npy.starts_with(b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (2,1,3,), }")
        );
    }

    #[test]
    fn bfloat16_is_written_as_the_same_values_in_float32() {
        let field = Field::plain("x", DType::Bfloat16, &[]);
        let bytes: Vec<u8> = [1.5, -0.25].iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        let array = &arrays("x", &field, Values::Bytes(&bytes), false)[0];
        assert_eq!(array.json(), json!({ "dtype": "float32", "shape": [2], "values": [1.5, -0.25] }));
    }
}
