//! What an operator declares, and the table of all operators.

use serde_json::{Map, Value};

use super::group::Group;
use super::kernel::{DeviceMap, Kernel, OperatorError, Site};
use super::source::SourceShape;
use crate::batch::{Field, Schema};
use crate::params::{Fault, Faults, Param, ParamSet, listed, quoted};

/// What a node is for the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads samples.
    Source,
    /// Works on rows, each by itself.
    Map,
    /// Moves a batch to a device.
    Transfer,
    /// Trains.
    Model,
}

/// A named input of an operator.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    /// Name, as in a graph file.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub docs: &'static str,
}

/// What an operator reads from.
#[derive(Clone, Copy, Debug)]
pub enum Inputs {
    /// Nothing: a source.
    None,
    /// The rows of one node, or of several put side by side.
    Rows,
    /// A node for each of these.
    Ports(&'static [Port]),
}

/// The fields that arrive at a node.
#[derive(Clone, Debug, Default)]
pub struct PortSchemas(Vec<(Option<String>, Schema)>);

impl PortSchemas {
    /// By port; one without a name for an operator without ports.
    pub fn new(ports: Vec<(Option<String>, Schema)>) -> Self {
        Self(ports)
    }

    /// Of the first input.
    pub fn first(&self) -> Option<&Schema> {
        self.0.first().map(|(_, schema)| schema)
    }

    /// Of a named input.
    pub fn port(&self, name: &str) -> Option<&Schema> {
        self.0.iter().find(|(port, _)| port.as_deref() == Some(name)).map(|(_, schema)| schema)
    }

    /// A field of the first input, or the fault that it is not there. `key` is the parameter that names it.
    pub fn field(&self, key: &str, name: &str) -> Result<&Field, Faults> {
        self.first().and_then(|s| s.field(name)).ok_or_else(|| missing_field(self.first(), key, name).into())
    }

    pub(crate) fn into_ports(self) -> Vec<(Option<String>, Schema)> {
        self.0
    }
}

/// The fault that nobody writes a field which is read.
pub(super) fn missing_field(schema: Option<&Schema>, key: &str, name: &str) -> Fault {
    let names: Vec<&str> = schema.into_iter().flat_map(Schema::fields).map(|f| f.name.as_str()).collect();
    let near = crate::params::near_miss(name, names.iter().copied());
    let message = match near {
        Some(near) => format!("reads field {}, which nobody writes; did you mean `{near}`?", quoted(name)),
        None => format!("reads field {}, which nobody writes", quoted(name)),
    };
    Fault::new(format!("/{key}"), message)
        .expected(format!("one of the fields that arrive: {}", listed(names.iter().copied(), names.len())))
}

/// How an operator writes a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// A new field.
    Create,
    /// In place: the same type and shape.
    Update,
    /// Anew, from the old rows.
    Replace,
    /// Not at all: the same bytes under another type, shape or layout.
    View,
}

/// A field that an operator writes.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The field afterwards.
    pub field: Field,
    /// How.
    pub mode: WriteMode,
}

/// A new name for a column that arrives: the same bytes, which nobody copies.
///
/// The other name stays what it is, unless the signature drops it: then the field was renamed. If it stays, both are
/// columns of their own from here on; whoever updates one in place gets a copy of it, made when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The field that arrives.
    pub from: String,
    /// The field that leaves. No field of this name arrives.
    pub to: String,
}

/// What a node reads and writes, from its parameters and what arrives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// Fields it reads.
    pub reads: Vec<String>,
    /// Fields it writes.
    pub writes: Vec<Write>,
    /// Fields that leave under a new name, as they arrive.
    pub aliases: Vec<Alias>,
    /// Fields that arrive and do not leave.
    pub drops: Vec<String>,
    /// Whether it draws random numbers.
    pub random: bool,
    /// Whether it can run on a GPU.
    pub on_gpu: bool,
    /// Whether it needs all rows of a batch at once.
    pub whole_batch: bool,
    /// The rows it makes, if it is a source.
    pub source: Option<SourceShape>,
}

/// A kind of node. Implement this; [`AnyOperator`] follows.
pub trait Operator: Send + Sync + 'static {
    /// Its parameters.
    type Params: ParamSet;
    /// Name in graph files.
    const NAME: &'static str;
    /// What it is for the plan.
    const ROLE: Role;
    /// What it reads from.
    const INPUTS: Inputs = Inputs::Rows;

    /// The group it is listed in.
    const GROUP: Group = Group::of_role(Self::ROLE);

    /// Whether it is there for tests, and offered to nobody.
    const FOR_TESTS: bool = false;

    /// What a node of this kind reads and writes. A fault's path starts at the node.
    fn signature(&self, params: &Self::Params, inputs: &PortSchemas) -> Result<Signature, Faults>;

    /// What is allowed and yet is hardly meant, for parameters and inputs without a fault. Paths start at the node.
    fn warnings(&self, params: &Self::Params, inputs: &PortSchemas) -> Vec<Fault> {
        let _ = (params, inputs);
        Vec::new()
    }

    /// What works. Called once for a run, or once for each of the node's uses.
    fn kernel(&self, params: &Self::Params, site: &Site<'_>) -> Result<Kernel, OperatorError>;

    /// What works on a GPU, if the signature says that it can.
    fn device_kernel(
        &self,
        params: &Self::Params,
        site: &Site<'_>,
    ) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        let _ = (params, site);
        Ok(None)
    }
}

/// An operator whose parameters are JSON: what the table holds.
pub trait AnyOperator: Send + Sync {
    /// Name in graph files.
    fn name(&self) -> &'static str;
    /// What it is for the plan.
    fn role(&self) -> Role;
    /// What it reads from.
    fn inputs(&self) -> Inputs;
    /// The group it is listed in.
    fn group(&self) -> Group;
    /// Whether it is there for tests.
    fn for_tests(&self) -> bool;
    /// Documentation, the first line a summary.
    fn docs(&self) -> &'static str;
    /// Parameters.
    fn params(&self) -> &'static [Param];
    /// Parameters with the defaults spelled out; they must have been checked.
    fn complete(&self, params: &Map<String, Value>) -> Map<String, Value>;
    /// See [`Operator::signature`].
    fn signature(&self, params: &Map<String, Value>, inputs: &PortSchemas) -> Result<Signature, Faults>;
    /// See [`Operator::warnings`].
    fn warnings(&self, params: &Map<String, Value>, inputs: &PortSchemas) -> Vec<Fault>;
    /// See [`Operator::kernel`].
    fn kernel(&self, params: &Map<String, Value>, site: &Site<'_>) -> Result<Kernel, OperatorError>;
    /// See [`Operator::device_kernel`].
    fn device_kernel(
        &self,
        params: &Map<String, Value>,
        site: &Site<'_>,
    ) -> Result<Option<Box<dyn DeviceMap>>, OperatorError>;
}

const CHECKED: &str = "the parameters were checked against the operator's declaration";

impl<T: Operator> AnyOperator for T {
    fn name(&self) -> &'static str {
        T::NAME
    }
    fn role(&self) -> Role {
        T::ROLE
    }
    fn inputs(&self) -> Inputs {
        T::INPUTS
    }
    fn group(&self) -> Group {
        T::GROUP
    }
    fn for_tests(&self) -> bool {
        T::FOR_TESTS
    }
    fn docs(&self) -> &'static str {
        T::Params::DOCS
    }
    fn params(&self) -> &'static [Param] {
        T::Params::PARAMS
    }
    fn complete(&self, params: &Map<String, Value>) -> Map<String, Value> {
        T::Params::from_json(params).expect(CHECKED).to_json()
    }
    fn signature(&self, params: &Map<String, Value>, inputs: &PortSchemas) -> Result<Signature, Faults> {
        Operator::signature(self, &T::Params::from_json(params).expect(CHECKED), inputs)
    }
    fn warnings(&self, params: &Map<String, Value>, inputs: &PortSchemas) -> Vec<Fault> {
        Operator::warnings(self, &T::Params::from_json(params).expect(CHECKED), inputs)
    }
    fn kernel(&self, params: &Map<String, Value>, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        Operator::kernel(self, &T::Params::from_json(params).expect(CHECKED), site)
    }
    fn device_kernel(
        &self,
        params: &Map<String, Value>,
        site: &Site<'_>,
    ) -> Result<Option<Box<dyn DeviceMap>>, OperatorError> {
        Operator::device_kernel(self, &T::Params::from_json(params).expect(CHECKED), site)
    }
}

/// Parameters that belong to an operator, for the builder.
pub trait OperatorParams: ParamSet {
    /// Name of the operator.
    fn operator_name(&self) -> &'static str;
}

/// The operators that graphs may use.
pub struct Registry {
    operators: Vec<&'static dyn AnyOperator>,
}

impl Registry {
    /// Those that come with the engine.
    pub fn builtin() -> Self {
        Self { operators: super::OPERATORS.to_vec() }
    }

    /// Adds one of the user's own. One of the same name is replaced.
    pub fn register(&mut self, operator: &'static dyn AnyOperator) -> &mut Self {
        self.operators.retain(|o| o.name() != operator.name());
        self.operators.push(operator);
        self
    }

    /// The operator of a name.
    pub fn find(&self, name: &str) -> Option<&'static dyn AnyOperator> {
        self.operators.iter().copied().find(|o| o.name() == name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.operators.iter().map(|o| o.name())
    }

    /// Names of those that are offered to users: all but those for tests.
    pub fn offered(&self) -> impl Iterator<Item = &'static str> {
        self.operators.iter().filter(|o| !o.for_tests()).map(|o| o.name())
    }

    /// All operators.
    pub fn operators(&self) -> &[&'static dyn AnyOperator] {
        &self.operators
    }
}
