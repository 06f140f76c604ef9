//! What operators on labels ask of the field they are given.

use super::images::mismatch;
use super::kernel::OperatorError;
use super::registry::PortSchemas;
use crate::batch::{DType, Field};
use crate::params::{Fault, Faults, plural};

/// The field as a class of each sample, one whole number, of known classes or not; `key` is the parameter that names
/// it.
pub fn class_label<'a>(inputs: &'a PortSchemas, key: &str, name: &str) -> Result<&'a Field, Faults> {
    let field = inputs.field(key, name)?;
    if field.dtype == DType::Int64 && field.shape.is_empty() && !field.is_ragged() {
        return Ok(field);
    }
    let hint = match field.is_soft_label() {
        true => "put this node before the one that makes soft labels".to_owned(),
        false => format!("name a label with `{key}`"),
    };
    Err(unfit("a label: int64, one number a sample", field, key, &hint))
}

/// The field as a label to mix, and its classes: the class of each sample, or for each class its share.
pub fn mixable_label<'a>(inputs: &'a PortSchemas, key: &str, name: &str) -> Result<(&'a Field, usize), Faults> {
    let field = inputs.field(key, name)?;
    match field.classes {
        Some(classes) if field.is_class() || field.is_soft_label() => Ok((field, classes)),
        _ => {
            let expected = "a label of known classes: int64, one number a sample, or float32 [classes]";
            let hint = match field.dtype == DType::Int64 && field.shape.is_empty() {
                true => "put a `one_hot` node with \"num_classes\" before this one".to_owned(),
                false if field.classes.is_some() => {
                    "leave the label as the source writes it, or as `one_hot` makes it".to_owned()
                }
                false => format!("name a label with `{key}`"),
            };
            Err(unfit(expected, field, key, &hint))
        }
    }
}

fn unfit(expected: &str, field: &Field, key: &str, hint: &str) -> Faults {
    Fault { path: format!("/{key}"), ..mismatch(expected, field, hint) }.into()
}

/// A label of a row as an index, or the error that there is no such class.
pub fn class_of(label: i64, classes: usize, row: usize) -> Result<usize, OperatorError> {
    let class = usize::try_from(label).ok().filter(|class| *class < classes);
    class.ok_or_else(|| {
        OperatorError::at_row(row, format!("label {label}, of {} counted from 0", plural(classes as u64, "class")))
    })
}
