//! What operators on images ask of the field they are given.

use super::registry::PortSchemas;
use crate::batch::{DType, Field, ImageSize, Layout, Schema};
use crate::params::Fault;

/// The field as an image of bytes, height × width × channels.
pub(super) fn uint8_image<'a>(inputs: &'a PortSchemas, name: &str) -> Result<(&'a Field, ImageSize), Fault> {
    let field = inputs.field("field", name)?;
    let hint = if field.layout == Layout::ChannelsLast || field.layout == Layout::Chw {
        "put this node before `to_torch_image`"
    } else if field.dtype.is_float() {
        "put this node before `normalize` and `convert`"
    } else {
        "name an image with `field`"
    };
    match (field.dtype, field.layout, field.image_size()) {
        (DType::Uint8, Layout::Hwc, Some(size)) => Ok((field, size)),
        _ => Err(mismatch("an image: uint8 [height, width, channels]", field, hint)),
    }
}

/// The field as an image of any type and layout.
pub(super) fn any_image<'a>(inputs: &'a PortSchemas, name: &str) -> Result<(&'a Field, ImageSize), Fault> {
    let field = inputs.field("field", name)?;
    match field.image_size() {
        Some(size) => Ok((field, size)),
        None => Err(mismatch("an image", field, "name an image with `field`")),
    }
}

/// The fault that a field of the wrong type or shape arrives.
pub(super) fn mismatch(expected: &str, field: &Field, hint: &str) -> Fault {
    Fault {
        path: "/input".into(),
        at_key: false,
        message: format!("field `{}` does not fit", field.name),
        expected: Some(expected.to_owned()),
        given: Some(field.to_string()),
        hint: Some(hint.to_owned()),
    }
}

/// A list with one value a channel, or the fault that it has another length.
pub(super) fn per_channel(key: &str, len: usize, size: ImageSize) -> Result<(), Fault> {
    if len == size.channels || len == 1 {
        return Ok(());
    }
    Err(Fault {
        path: format!("/{key}"),
        at_key: false,
        message: format!("wrong number of values in `{key}`"),
        expected: Some(format!("one for each of the image's {} channels, or one for all", size.channels)),
        given: Some(len.to_string()),
        hint: None,
    })
}

/// One value a channel, from one for all or one for each.
pub(super) fn spread<T: Copy>(values: &[T], channels: usize) -> Vec<T> {
    if values.len() == 1 { vec![values[0]; channels] } else { values.to_vec() }
}

/// Size of a field that the signature found to be an image.
pub(super) fn image_size(schema: &Schema, name: &str) -> ImageSize {
    let size = schema.field(name).and_then(Field::image_size);
    size.expect("the signature found an image of that name")
}
