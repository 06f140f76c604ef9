//! `rename_field`: another name for a field.

use super::copy_field::alias;
use super::group::Group;
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::params::{Faults, params};

params! {
    /// Gives a field another name. Nothing is copied.
    pub struct RenameField {
        /// Name before.
        from: String,
        /// Name afterwards, which no field has.
        to: String,
    }
}

impl OperatorParams for RenameField {
    fn operator_name(&self) -> &'static str {
        RenameFieldOperator::NAME
    }
}

/// See [`RenameField`].
pub struct RenameFieldOperator;

impl Operator for RenameFieldOperator {
    type Params = RenameField;
    const NAME: &'static str = "rename_field";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &RenameField, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let alias = alias(inputs, &params.from, &params.to)?;
        Ok(Signature { drops: vec![alias.from.clone()], aliases: vec![alias], ..Signature::default() })
    }

    fn kernel(&self, _: &RenameField, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::View)
    }
}
