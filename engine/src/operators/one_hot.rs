//! `one_hot`: a label as a number for each class.

use super::group::Group;
use super::kernel::{Kernel, Map, OperatorError, Site};
use super::labels::{class_label, class_of};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use crate::batch::{Field, Rows};
use crate::params::{Fault, Faults, params};

params! {
    /// Makes a label soft: float32, for each class its share.
    ///
    /// Without smoothing the label's class has 1 and all others 0, as of torch.nn.functional.one_hot. With smoothing s
    /// each class has s/classes, and the label's 1 − s more, as torch's cross entropy smooths.
    pub struct OneHot: Default {
        /// Number of the classes; null: as many as the label is known to have.
        num_classes: Option<usize> = None => 1..=1_048_576,
        /// Share that is spread evenly over all classes.
        label_smoothing: f64 = 0.0 => 0.0..=1.0,
        /// Field to work on: int64, one number a sample.
        field: String = "label".to_owned(),
    }
}

impl OperatorParams for OneHot {
    fn operator_name(&self) -> &'static str {
        OneHotOperator::NAME
    }
}

/// See [`OneHot`].
pub struct OneHotOperator;

impl Operator for OneHotOperator {
    type Params = OneHot;
    const NAME: &'static str = "one_hot";
    const ROLE: Role = Role::Map;
    const GROUP: Group = Group::Batches;

    fn signature(&self, params: &OneHot, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let field = class_label(inputs, "field", &params.field)?;
        let classes = match (params.num_classes, field.classes) {
            (Some(given), Some(known)) if given < known => {
                let fault = Fault::new("/num_classes", "the label has more classes");
                return Err(fault.expected(format!("at least {known}")).given(given.to_string()).into());
            }
            (Some(classes), _) | (None, Some(classes)) => classes,
            (None, None) => {
                let message = format!("the number of classes of field `{}` is not known", field.name);
                let fault = Fault::new("/num_classes", message).expected("\"num_classes\"");
                return Err(fault.given(field.to_string()).field(&field.name).into());
            }
        };
        Ok(Signature {
            reads: vec![params.field.clone()],
            writes: vec![Write { field: Field::soft_label(&params.field, classes), mode: WriteMode::Replace }],
            ..Signature::default()
        })
    }

    fn kernel(&self, params: &OneHot, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        let known = site.input.field(&params.field).and_then(|field| field.classes);
        let classes = params.num_classes.or(known).expect("the signature found the number of classes");
        let rest = params.label_smoothing / classes as f64;
        let (own, rest) = ((1.0 - params.label_smoothing + rest) as f32, rest as f32);
        Ok(Kernel::Map(Box::new(Spread { field: params.field.clone(), classes, own, rest })))
    }
}

struct Spread {
    field: String,
    classes: usize,
    /// What the label's class gets.
    own: f32,
    /// What all others get.
    rest: f32,
}

impl Map for Spread {
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let (labels, shares) = rows.replace::<i64, f32>(&self.field);
        shares.fill(self.rest);
        for (row, (label, shares)) in labels.iter().zip(shares.chunks_exact_mut(self.classes)).enumerate() {
            shares[class_of(*label, self.classes, row)?] = self.own;
        }
        Ok(())
    }
}
