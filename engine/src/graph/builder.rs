//! The graph file's twin in Rust.

use indexmap::IndexMap;

use super::{Graph, GraphError, GraphSpec, InputSpec, NodeSpec};
use crate::graph::problem::Problem;
use crate::graph::validate::validate;
use crate::operators::{OperatorParams, Registry};
use crate::params::{child, quoted};

/// Builds a graph node by node, from the same parameters as a graph file, into the same validation.
///
/// ```
/// use engine::graph::GraphBuilder;
/// use engine::operators::{Cifar10, RandomHorizontalFlip, Registry};
///
/// let mut builder = GraphBuilder::new("flipped");
/// let train = builder.source("train", Cifar10 { batch_size: 256, ..Cifar10::default() });
/// builder.node("flip", RandomHorizontalFlip::default(), train);
/// let graph = builder.build(&Registry::builtin())?;
/// assert_eq!(graph.nodes().len(), 2);
/// # Ok::<(), engine::graph::GraphError>(())
/// ```
pub struct GraphBuilder {
    spec: GraphSpec,
    problems: Vec<Problem>,
}

/// A node that others can name as their input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRef(String);

/// Inputs of a node, for [`GraphBuilder::node`].
pub trait IntoInput {
    /// As the graph file would say it.
    fn into_input(self) -> InputSpec;
}

impl IntoInput for NodeRef {
    fn into_input(self) -> InputSpec {
        InputSpec::One(self.0)
    }
}

impl IntoInput for &NodeRef {
    fn into_input(self) -> InputSpec {
        InputSpec::One(self.0.clone())
    }
}

impl<const N: usize> IntoInput for [&NodeRef; N] {
    fn into_input(self) -> InputSpec {
        InputSpec::Several(self.into_iter().map(|r| r.0.clone()).collect())
    }
}

impl<const N: usize> IntoInput for [(&str, &NodeRef); N] {
    fn into_input(self) -> InputSpec {
        InputSpec::Ports(self.into_iter().map(|(port, r)| (port.to_owned(), r.0.clone())).collect::<IndexMap<_, _>>())
    }
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Self {
        Self { spec: GraphSpec { name: name.into(), ..GraphSpec::default() }, problems: Vec::new() }
    }

    /// Seed of every random choice; 0 unless set.
    pub fn seed(&mut self, seed: u64) -> &mut Self {
        self.spec.seed = seed;
        self
    }

    /// Adds a node without inputs.
    pub fn source(&mut self, name: &str, params: impl OperatorParams) -> NodeRef {
        self.add(name, &params, None)
    }

    /// Adds a node. Its input is a node, several nodes (`[&a, &b]`), or one for each of the operator's inputs
    /// (`[("train", &a), ("test", &b)]`).
    pub fn node(&mut self, name: &str, params: impl OperatorParams, input: impl IntoInput) -> NodeRef {
        self.add(name, &params, Some(input.into_input()))
    }

    fn add(&mut self, name: &str, params: &impl OperatorParams, input: Option<InputSpec>) -> NodeRef {
        let node = NodeSpec { op: params.operator_name().to_owned(), input, params: params.to_json() };
        if self.spec.nodes.insert(name.to_owned(), node).is_some() {
            let problem =
                Problem::new(Some(name), child("/nodes", name), format!("two nodes are named {}", quoted(name)));
            self.problems.push(problem.hint("give one of them another name"));
        }
        NodeRef(name.to_owned())
    }

    /// The graph as a graph file would say it.
    pub fn spec(&self) -> &GraphSpec {
        &self.spec
    }

    /// Validates. Every problem is reported, not the first.
    pub fn build(self, registry: &Registry) -> Result<Graph, GraphError> {
        validate(&self.spec, registry, self.problems, &self.spec.name, None)
    }
}
