//! The argument block of arrays: shape and element type.
//!
//! 32 dimensions of 8 bytes, those not needed 0; the length of a text, 8 bytes; the text, which is the JSON of numpy's
//! description of the type: `[["", "<f4"]]`.

use std::borrow::Cow;

use super::descriptor::ARGUMENT_BYTES;
use super::layout::u64_at;
use crate::ElementType;

const DIMENSIONS: usize = 32;
const TEXT: usize = DIMENSIONS * 8 + 8;

/// What the rows of an array field hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ArrayType {
    pub(super) element: ElementType,
    pub(super) big_endian: bool,
    pub(super) shape: Vec<usize>,
    /// Bytes of a row, which do not overflow.
    pub(super) bytes: usize,
}

impl ArrayType {
    /// Of an argument block; else what is wrong, after which comes what the type is.
    pub(super) fn parse(arguments: &[u8; ARGUMENT_BYTES]) -> Result<Self, String> {
        let code = code(arguments)?;
        let (big_endian, element) = element(&code).ok_or_else(|| {
            format!(
                "its elements are of the numpy type {code}, which is none of those supported (bool, uint8, uint16, \
                 int8 to int64, float16 to float64): leave the field out, or write the file again with another type"
            )
        })?;
        let shape = shape(arguments)?;
        let bytes = shape.iter().try_fold(element.bytes(), |bytes, &extent| bytes.checked_mul(extent));
        let bytes = bytes.filter(|&bytes| isize::try_from(bytes).is_ok());
        let bytes =
            bytes.ok_or_else(|| format!("its shape {shape:?} is larger than any memory: the file is damaged"))?;
        Ok(Self { element, big_endian, shape, bytes })
    }

    /// A row's bytes in little-endian order; an error for a bool that is neither 0 nor 1.
    pub(super) fn decode<'a>(&self, bytes: Cow<'a, [u8]>) -> Result<Cow<'a, [u8]>, String> {
        if self.element == ElementType::Bool
            && let Some(other) = bytes.iter().find(|&&byte| byte > 1)
        {
            return Err(format!("a bool is {other}, expected 0 or 1"));
        }
        let width = self.element.bytes();
        if !self.big_endian || width == 1 {
            return Ok(bytes);
        }
        let mut swapped = bytes.into_owned();
        swapped.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        Ok(Cow::Owned(swapped))
    }
}

/// Shape and type code as they stand in the file, for people; whatever is there, however odd.
pub(super) fn describe(arguments: &[u8; ARGUMENT_BYTES]) -> (String, Vec<usize>) {
    (code(arguments).unwrap_or_else(|_| "unknown".to_owned()), shape(arguments).unwrap_or_default())
}

/// The block for an array; else what is wrong. A single element without dimensions becomes an array of one, since FFCV
/// fails on the former.
pub(super) fn arguments(element: ElementType, shape: &[usize]) -> Result<Box<[u8; ARGUMENT_BYTES]>, String> {
    let shape = if shape.is_empty() { &[1] } else { shape };
    if shape.len() > DIMENSIONS {
        return Err(format!("its shape has {} dimensions, the format has room for {DIMENSIONS}", shape.len()));
    }
    if shape.contains(&0) {
        return Err(format!("its shape {shape:?} has no element, expected at least one: leave the field out"));
    }
    let mut block = Box::new([0; ARGUMENT_BYTES]);
    for (place, extent) in block.chunks_exact_mut(8).zip(shape) {
        place.copy_from_slice(&(*extent as u64).to_le_bytes());
    }
    let text = format!(r#"[["", "{}"]]"#, code_of(element));
    block[TEXT - 8..TEXT].copy_from_slice(&(text.len() as u64).to_le_bytes());
    block[TEXT..TEXT + text.len()].copy_from_slice(text.as_bytes());
    Ok(block)
}

fn shape(arguments: &[u8; ARGUMENT_BYTES]) -> Result<Vec<usize>, String> {
    let extents = (0..DIMENSIONS).map(|index| u64_at(arguments, index * 8));
    let shape: Result<Vec<usize>, _> = extents.map(usize::try_from).collect();
    let mut shape = shape.map_err(|_| "its shape is larger than any memory: the file is damaged".to_owned())?;
    while shape.last() == Some(&0) {
        shape.pop();
    }
    Ok(shape)
}

/// The numpy code of the elements, such as `<f4`.
fn code(arguments: &[u8; ARGUMENT_BYTES]) -> Result<String, String> {
    let length = u64_at(arguments, TEXT - 8);
    let text = usize::try_from(length).ok().and_then(|length| arguments[TEXT..].get(..length));
    let Some(text) = text else {
        return Err(format!(
            "the text of its element type has {length} bytes, the format has room for {}: the file is damaged",
            ARGUMENT_BYTES - TEXT
        ));
    };
    let said = || String::from_utf8_lossy(text).escape_debug().to_string();
    let parsed: serde_json::Value = serde_json::from_slice(text).map_err(|_| {
        format!(r#"its element type reads {}, expected such as [["", "<f4"]]: the file is damaged"#, said())
    })?;
    match parsed.as_array().map(Vec::as_slice) {
        Some([serde_json::Value::Array(entry)]) if entry.len() == 2 => {
            entry[1].as_str().map(str::to_owned).ok_or_else(|| structured(&said()))
        }
        _ => Err(structured(&said())),
    }
}

fn structured(text: &str) -> String {
    format!("its elements are of the structured type {text}, expected a plain number such as <f4: leave the field out")
}

/// Whether big-endian, and which element.
fn element(code: &str) -> Option<(bool, ElementType)> {
    let (order, rest) = code.split_at_checked(1)?;
    let element = match rest {
        "b1" => ElementType::Bool,
        "u1" => ElementType::Uint8,
        "i1" => ElementType::Int8,
        "u2" => ElementType::Uint16,
        "i2" => ElementType::Int16,
        "i4" => ElementType::Int32,
        "i8" => ElementType::Int64,
        "f2" => ElementType::Float16,
        "f4" => ElementType::Float32,
        "f8" => ElementType::Float64,
        _ => return None,
    };
    match order {
        "<" => Some((false, element)),
        ">" => Some((true, element)),
        "|" if element.bytes() == 1 => Some((false, element)),
        _ => None,
    }
}

const fn code_of(element: ElementType) -> &'static str {
    match element {
        ElementType::Bool => "|b1",
        ElementType::Uint8 => "|u1",
        ElementType::Int8 => "|i1",
        ElementType::Uint16 => "<u2",
        ElementType::Int16 => "<i2",
        ElementType::Int32 => "<i4",
        ElementType::Int64 => "<i8",
        ElementType::Float16 => "<f2",
        ElementType::Float32 => "<f4",
        ElementType::Float64 => "<f8",
    }
}
