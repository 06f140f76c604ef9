//! Descriptors of fields: type, name, and a block of arguments that only arrays use.

use std::collections::HashMap;

use super::array;
use super::layout::FieldType;
use crate::{DataField, FieldKind};

pub(super) const DESCRIPTOR_BYTES: usize = 1 + NAME_BYTES + ARGUMENT_BYTES;
pub(super) const ARGUMENT_BYTES: usize = 1024;
const NAME_BYTES: usize = 16;

/// A field as it stands in the file.
#[derive(Clone, PartialEq)]
pub(super) struct Descriptor {
    pub(super) kind: FieldType,
    name: [u8; NAME_BYTES],
    pub(super) arguments: Box<[u8; ARGUMENT_BYTES]>,
}

impl Descriptor {
    /// Of all its bytes; else what is wrong.
    pub(super) fn parse(bytes: &[u8; DESCRIPTOR_BYTES]) -> Result<Self, String> {
        let (&[number, ref name @ ..], arguments) = split(bytes);
        let kind = FieldType::of(number).ok_or_else(|| {
            let name = text(name);
            if number == 255 {
                format!(
                    "the field {name} has a type of its own, whose place in a row only the Python class that wrote it \
                     knows, so no row can be read; write the file again with the types of FFCV (bytes or json, \
                     mostly)"
                )
            } else {
                format!("the field {name} has type {number}, expected 0 to 6: the file is damaged, or not a .beton")
            }
        })?;
        Ok(Self { kind, name: *name, arguments: Box::new(*arguments) })
    }

    /// For a field to be written; else what is wrong.
    pub(super) fn of(field: &DataField) -> Result<Self, String> {
        let none = || Ok(Box::new([0; ARGUMENT_BYTES]));
        let (kind, arguments) = match &field.kind {
            FieldKind::Int { .. } => (FieldType::Int, none()),
            FieldKind::Float => (FieldType::Float, none()),
            FieldKind::Image { .. } => (FieldType::RgbImage, none()),
            FieldKind::Bytes => (FieldType::Bytes, none()),
            FieldKind::Json => (FieldType::Json, none()),
            FieldKind::Array { element, shape } => (FieldType::Ndarray, array::arguments(*element, shape)),
        };
        let said = &field.name;
        if said.is_empty()
            || said.len() > NAME_BYTES
            || !said.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        {
            return Err(format!(
                "the field name {said:?} has {} bytes, expected 1 to {NAME_BYTES} plain ASCII characters, the room that \
                 the format has: give it another name",
                said.len()
            ));
        }
        let arguments = arguments.map_err(|why| format!("the field {said} cannot be written: {why}"))?;
        let mut name = [0; NAME_BYTES];
        name[..said.len()].copy_from_slice(said.as_bytes());
        Ok(Self { kind, name, arguments })
    }

    /// Its name, up to the first zero byte; FFCV has cut it to 16 bytes.
    pub(super) fn name(&self) -> String {
        text(&self.name)
    }

    /// All its bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [&[self.kind.number()], &self.name[..], &self.arguments[..]].concat()
    }
}

/// The names of all fields, made unique: of those of one name the second is `NAME_2`, since FFCV cuts names to 16
/// bytes and may so have made them equal. One without a name is `field_` and its number, from 0.
pub(super) fn names(descriptors: &[Descriptor]) -> Vec<String> {
    // The next number to try for a name, so that thousands of one name take no longer than thousands of names.
    let mut next: HashMap<String, usize> = HashMap::new();
    let mut names = Vec::with_capacity(descriptors.len());
    for (index, descriptor) in descriptors.iter().enumerate() {
        let own = descriptor.name();
        let own = if own.is_empty() { format!("field_{index}") } else { own };
        let mut free = own.clone();
        while let Some(number) = next.get_mut(&free) {
            *number += 1;
            free = format!("{own}_{number}");
            if next.contains_key(&free) {
                // Taken by a field that is called so itself: the next number of ours.
                free.clone_from(&own);
            }
        }
        next.insert(free.clone(), 1);
        names.push(free);
    }
    names
}

fn split(bytes: &[u8; DESCRIPTOR_BYTES]) -> (&[u8; 1 + NAME_BYTES], &[u8; ARGUMENT_BYTES]) {
    let halves = bytes.split_first_chunk().zip(bytes.last_chunk());
    let ((head, _), arguments) = halves.expect("the two halves make up a descriptor");
    (head, arguments)
}

fn text(name: &[u8; NAME_BYTES]) -> String {
    let end = name.iter().position(|&byte| byte == 0).unwrap_or(NAME_BYTES);
    String::from_utf8_lossy(&name[..end]).into_owned()
}
