//! `drop_fields`: takes out some fields.

use super::group::Group;
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use super::select_fields::{arriving, nothing_left};
use crate::batch::Schema;
use crate::params::{Faults, params};

params! {
    /// Drops these fields and keeps all others.
    pub struct DropFields {
        /// Fields to drop.
        fields: Vec<String>,
    }
}

impl OperatorParams for DropFields {
    fn operator_name(&self) -> &'static str {
        DropFieldsOperator::NAME
    }
}

/// See [`DropFields`].
pub struct DropFieldsOperator;

impl Operator for DropFieldsOperator {
    type Params = DropFields;
    const NAME: &'static str = "drop_fields";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &DropFields, inputs: &PortSchemas) -> Result<Signature, Faults> {
        arriving(inputs, &params.fields)?;
        if inputs.first().into_iter().flat_map(Schema::fields).all(|f| params.fields.contains(&f.name)) {
            return Err(nothing_left("/fields", "some of the fields that arrive, not all").into());
        }
        Ok(Signature { drops: params.fields.clone(), ..Signature::default() })
    }

    fn kernel(&self, _: &DropFields, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::View)
    }
}
