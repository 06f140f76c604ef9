//! `copy_field`: a field once more, under another name.

use super::group::Group;
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Alias, Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::params::{Fault, Faults, params};

params! {
    /// Adds a field that has the values of another one: a second view of each sample.
    ///
    /// Nothing is copied until one of both is changed in place. Two chains of augmentations after it, each with its
    /// `field`, make two views of one image, as contrastive learning wants them (FFCV has no such operator).
    pub struct CopyField {
        /// Field to copy.
        from: String,
        /// Name of the copy, which no field has.
        to: String,
    }
}

impl OperatorParams for CopyField {
    fn operator_name(&self) -> &'static str {
        CopyFieldOperator::NAME
    }
}

/// See [`CopyField`].
pub struct CopyFieldOperator;

impl Operator for CopyFieldOperator {
    type Params = CopyField;
    const NAME: &'static str = "copy_field";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &CopyField, inputs: &PortSchemas) -> Result<Signature, Faults> {
        Ok(Signature { aliases: vec![alias(inputs, &params.from, &params.to)?], ..Signature::default() })
    }

    fn kernel(&self, _: &CopyField, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::View)
    }
}

/// Another name for a field that arrives, if none has it.
pub(super) fn alias(inputs: &PortSchemas, from: &str, to: &str) -> Result<Alias, Faults> {
    let mut faults = Faults::default();
    faults.keep(inputs.field("from", from));
    let there = inputs.first().and_then(|schema| schema.field(to));
    if let Some(there) = there {
        let fault = Fault::new("/to", format!("there is a field `{to}` already")).field(to);
        let fault = fault.expected("a name that no field has").given(there.to_string());
        faults.0.push(match from == to {
            true => fault,
            false => fault.hint(format!("if it is not needed, drop it before, with \"fields\": [\"{to}\"]")),
        });
    }
    if to.is_empty() {
        faults.0.push(Fault::new("/to", "a field has no name").expected("at least one character"));
    }
    faults.end()?;
    Ok(Alias { from: from.to_owned(), to: to.to_owned() })
}
