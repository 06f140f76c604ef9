//! `replace_label`: gives chosen samples another label.

use super::chosen::chosen;
use super::group::Group;
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::labels::class_label;
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::Rows;
use crate::params::{Fault, Faults, params};

params! {
    /// Gives chosen samples the label `new_label`.
    ///
    /// As FFCV's ReplaceLabel. Together with `poison`, which marks the samples' images, it makes the data of a backdoor
    /// attack.
    pub struct ReplaceLabel {
        /// Label afterwards.
        new_label: i64,
        /// Numbers of the samples in their source, counted from 0.
        samples: Vec<u64> = Vec::new(),
        /// File with the numbers of the samples, or of more of them: a `.npy` of whole numbers, or text, one a line.
        indices: Option<String> = None,
        /// Field to work on: int64, one number a sample.
        field: String = "label".to_owned(),
    }
}

impl OperatorParams for ReplaceLabel {
    fn operator_name(&self) -> &'static str {
        ReplaceLabelOperator::NAME
    }
}

/// See [`ReplaceLabel`].
pub struct ReplaceLabelOperator;

impl Operator for ReplaceLabelOperator {
    type Params = ReplaceLabel;
    const NAME: &'static str = "replace_label";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &ReplaceLabel, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let mut faults = Faults::default();
        let field = faults.keep(class_label(inputs, "field", &params.field));
        faults.keep(chosen(&params.samples, params.indices.as_deref()));
        if let Some(classes) = field.and_then(|field| field.classes)
            && !usize::try_from(params.new_label).is_ok_and(|label| label < classes)
        {
            let fault = Fault::new("/new_label", "there is no such class");
            let fault = fault.expected(format!("0 to {}", classes.saturating_sub(1)));
            faults.0.push(fault.given(params.new_label.to_string()));
        }
        faults.end()?;
        let update = |field: &crate::batch::Field| Write { field: field.clone(), mode: WriteMode::Update };
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: field.map(update).into_iter().collect(),
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &ReplaceLabel, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        let samples = chosen(&params.samples, params.indices.as_deref()).map_err(OperatorError::of_faults)?;
        Ok(Kernel::Map(Box::new(Replace { field: params.field.clone(), samples, label: params.new_label })))
    }
}

struct Replace {
    field: String,
    /// In order.
    samples: Vec<u64>,
    label: i64,
}

impl Map for Replace {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        for (label, sample) in rows.write::<i64>(&self.field).iter_mut().zip(samples) {
            if self.samples.binary_search(sample).is_ok() {
                *label = self.label;
            }
        }
        Ok(())
    }
}
