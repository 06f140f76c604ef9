//! `select_fields`: keeps some fields.

use super::group::Group;
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::batch::Schema;
use crate::params::{Fault, Faults, params};

params! {
    /// Keeps these fields and drops all others.
    ///
    /// What nobody reads any more is not made in the first place, with or without this node: it says what leaves the
    /// graph, and what goes on from where several inputs are put side by side.
    pub struct SelectFields {
        /// Fields to keep.
        fields: Vec<String>,
    }
}

impl OperatorParams for SelectFields {
    fn operator_name(&self) -> &'static str {
        SelectFieldsOperator::NAME
    }
}

/// See [`SelectFields`].
pub struct SelectFieldsOperator;

impl Operator for SelectFieldsOperator {
    type Params = SelectFields;
    const NAME: &'static str = "select_fields";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &SelectFields, inputs: &PortSchemas) -> Result<Signature, Faults> {
        arriving(inputs, &params.fields)?;
        if params.fields.is_empty() {
            return Err(nothing_left("/fields", "at least one field to keep").into());
        }
        let all = inputs.first().into_iter().flat_map(Schema::fields);
        let drops = all.map(|f| &f.name).filter(|name| !params.fields.contains(name)).cloned().collect();
        Ok(Signature { drops, ..Signature::default() })
    }

    fn kernel(&self, _: &SelectFields, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::View)
    }
}

/// Each of these arrives, or the faults that they do not.
pub(super) fn arriving(inputs: &PortSchemas, fields: &[String]) -> Result<(), Faults> {
    let mut faults = Faults::default();
    for (index, name) in fields.iter().enumerate() {
        faults.keep(inputs.field(&format!("fields/{index}"), name));
    }
    faults.end()
}

/// The fault that a batch would have no fields.
pub(super) fn nothing_left(path: &str, expected: &str) -> Fault {
    Fault::new(path, "no field is left").expected(expected)
}
