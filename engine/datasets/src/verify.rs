//! Whether all of a set can be read.

use std::ops::ControlFlow;

use pixels::ImageSize;

use super::beton::verify::{LISTED, ROWS};
use super::beton::{BadRow, OnProgress, Verified};
use super::dataset::{Dataset, FieldKind, Value};
use super::error::DataError;
use super::ordered::in_order;

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
    let all = data.rows();
    let mut found = Verified::default();
    let check = |piece: u64| {
        let (mut bad, mut decoded) = (Vec::new(), 0);
        let rows = piece * ROWS..all.min(piece * ROWS + ROWS);
        for row in rows.clone() {
            for (index, field) in data.fields().iter().enumerate() {
                let why = match data.value(row, index) {
                    Ok(value) => check_value(&value, &field.kind, decode, &mut decoded),
                    Err(error) if error.is_of_one_row() => Err(error.to_string()),
                    Err(error) => return Err(error),
                };
                bad.extend(why.err().map(|why| BadRow { row, field: field.name.clone(), why }));
            }
        }
        Ok((rows.end - rows.start, decoded, bad))
    };
    let end = in_order(all.div_ceil(ROWS), workers, &check, |piece| {
        let (rows, decoded, bad) = match piece {
            Ok(piece) => piece,
            Err(error) => return ControlFlow::Break(error),
        };
        found.rows += rows;
        found.decoded += decoded;
        found.bad_count += bad.len() as u64;
        found.bad.extend(bad.into_iter().take(LISTED - found.bad.len()));
        if progress(found.rows, all) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(DataError::Cancelled { kept: 0 })
        }
    });
    match end {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(found),
    }
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
