//! Whether all of a set can be read.

use pixels::ImageSize;

use super::beton::verify::check_all;
use super::beton::{BadRow, OnProgress, Verified};
use super::dataset::{Dataset, FieldKind, Value};
use super::error::DataError;

/// Reads every value of every row, on `workers` threads. `decode` is called with every encoded image and gives its size,
/// or what is wrong with it in words.
///
/// For a `.beton` file [`beton::verify()`](super::beton::verify()) looks at more: what FFCV needs, too.
///
/// # Errors
///
/// [`DataError::Cancelled`], and what keeps the set from being read at all, such as a server that is gone: what is wrong
/// *in* the data is no error but the result.
pub fn verify(
    data: &dyn Dataset,
    workers: usize,
    decode: &(dyn Fn(&[u8]) -> Result<ImageSize, String> + Sync),
    progress: OnProgress<'_>,
) -> Result<Verified, DataError> {
    check_all(data.rows(), workers, Verified::default(), progress, &|rows| {
        let (mut bad, mut decoded) = (Vec::new(), 0);
        for row in rows {
            for (index, field) in data.fields().iter().enumerate() {
                let why = match data.value(row, index) {
                    Ok(value) => check_value(&value, &field.kind, decode, &mut decoded),
                    Err(error) if error.is_of_one_row() => Err(error.to_string()),
                    Err(error) => return Err(error),
                };
                bad.extend(why.err().map(|why| BadRow { row, field: field.name.clone(), why }));
            }
        }
        Ok((decoded, bad))
    })
}

fn check_value(
    value: &Value<'_>,
    kind: &FieldKind,
    decode: &(dyn Fn(&[u8]) -> Result<ImageSize, String> + Sync),
    decoded: &mut u64,
) -> Result<(), String> {
    match (value, kind) {
        (Value::Image { bytes, size: None }, _) => {
            *decoded += 1;
            decode(bytes).map(|_| ())
        }
        (Value::Image { bytes, size: Some(size) }, _) if bytes.len() != size.bytes() => {
            Err(format!("the image has {} bytes, expected the {} of {size}", bytes.len(), size.bytes()))
        }
        (Value::Int(label), FieldKind::Int { classes }) if !classes.is_empty() => match usize::try_from(*label) {
            Ok(label) if label < classes.len() => Ok(()),
            _ => Err(format!("the label {label} is no class, expected 0 to {}", classes.len() - 1)),
        },
        _ => Ok(()),
    }
}
