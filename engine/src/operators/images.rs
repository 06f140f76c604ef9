//! What operators on images ask of the field they are given.

use super::registry::PortSchemas;
use crate::batch::{DType, Field, ImageSize, Layout, Schema};
use crate::params::{Fault, Faults};

const ONE_SIZE: &str = "put a node before this one that gives all images one size, such as `random_resized_crop`";

/// The field as an image of bytes, height × width × channels; `name` is what the parameter `field` says.
pub fn uint8_image<'a>(inputs: &'a PortSchemas, name: &str) -> Result<(&'a Field, ImageSize), Faults> {
    uint8_image_at(inputs, "field", name)
}

/// The same for another parameter than `field`.
pub fn uint8_image_at<'a>(inputs: &'a PortSchemas, key: &str, name: &str) -> Result<(&'a Field, ImageSize), Faults> {
    let field = inputs.field(key, name)?;
    let size = field.image_size();
    let turned = matches!(field.layout, Layout::ChannelsLast | Layout::Chw);
    let converted = match field.dtype {
        DType::Uint8 => None,
        DType::Int64 => Some("`convert`"),
        DType::Float16 | DType::Bfloat16 | DType::Float32 => Some("`normalize` and `convert`"),
    };
    let hint = match (size, turned, converted) {
        _ if field.layout == Layout::Picture => ONE_SIZE.to_owned(),
        (Some(size), false, None) => return Ok((field, size)),
        (None, ..) => format!("name an image with `{}`", key.split('/').next().unwrap_or(key)),
        (_, true, None) => "put this node before `to_torch_image`".to_owned(),
        (_, false, Some(converted)) => format!("put this node before {converted}"),
        (_, true, Some(converted)) => format!("put this node before `to_torch_image`, and before {converted}"),
    };
    let fault = mismatch("an image: uint8 [height, width, channels]", field, &hint);
    Err(Fault { path: format!("/{key}"), ..fault }.into())
}

/// The field as an image of any type and layout.
pub fn any_image<'a>(inputs: &'a PortSchemas, name: &str) -> Result<(&'a Field, ImageSize), Faults> {
    let field = inputs.field("field", name)?;
    match field.image_size() {
        Some(size) => Ok((field, size)),
        None if field.layout == Layout::Picture => Err(mismatch("an image of one size", field, ONE_SIZE).into()),
        None => Err(mismatch("an image", field, "name an image with `field`").into()),
    }
}

/// The fault that a field of the wrong type or shape arrives. It is shown at the parameter `field` where that is given,
/// else at the node's input.
pub fn mismatch(expected: &str, field: &Field, hint: &str) -> Fault {
    let fault = Fault::new("/field", format!("field `{}` does not fit", field.name)).field(&field.name);
    fault.expected(expected).given(field.to_string()).hint(hint)
}

/// A list with one value a channel or one for all, or the fault that it has another length; `key` is the parameter.
pub fn per_channel(key: &str, len: usize, size: ImageSize) -> Result<(), Faults> {
    if len == size.channels || len == 1 {
        return Ok(());
    }
    let expected = format!("one for each of the image's {} channels, or one for all", size.channels);
    let fault = Fault::new(format!("/{key}"), format!("wrong number of values in `{key}`"));
    Err(fault.expected(expected).given(len.to_string()).into())
}

/// One value a channel, from one for all or one for each.
pub fn spread<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    if values.len() == 1 { vec![values[0]; channels] } else { values.to_vec() }
}

/// Size of a field that the signature found to be an image.
pub fn image_size(schema: &Schema, name: &str) -> ImageSize {
    let size = schema.field(name).and_then(Field::image_size);
    size.expect("the signature found an image of that name")
}
