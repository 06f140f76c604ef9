//! Graphs: as written, and as validated. No threads and no torch.

mod builder;
mod cycles;
mod derive;
mod differences;
mod file;
mod form;
mod inputs;
mod json_error;
mod problem;
mod source_map;
mod spec;
mod validate;
mod warnings;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;
use serde_json::{Map, Value};

pub use builder::{GraphBuilder, IntoInput, NodeRef};
pub use differences::{Difference, differences, differences_in_words};
pub use file::GraphFile;
pub use problem::{GraphError, Problem};
pub use spec::{GRAPH_NAME_PATTERN, GraphSpec, InputSpec, NodeSpec, TopLevel};

use crate::batch::Schema;
use crate::operators::{AnyOperator, Registry, Signature};

/// A node of a valid graph.
pub struct Node {
    /// Name.
    pub name: String,
    /// What it does.
    pub operator: &'static dyn AnyOperator,
    /// Parameters, defaults spelled out.
    pub params: Map<String, Value>,
    /// What it reads and writes.
    pub signature: Signature,
    /// Fields that arrive, by port; one without a name for most operators, none for a source.
    pub inputs: Vec<(Option<String>, Schema)>,
    /// Fields that leave.
    pub output: Schema,
    /// The source that its rows come from; for a model, that of its first input.
    pub source: usize,
}

/// A valid graph: acyclic, every field there before it is read, every type and shape fitting.
pub struct Graph {
    /// Name.
    pub name: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Where it comes from, for messages: the file, or its name.
    pub origin: String,
    /// What is allowed and yet is hardly meant, in the order of the file.
    pub warnings: Vec<Problem>,
    /// Added in topological order, so that a node's index is its place in it. An edge's weight is its port.
    dag: DiGraph<Node, Option<String>>,
}

impl Graph {
    /// Validates a graph that was built or changed in memory.
    pub fn validate(spec: &GraphSpec, registry: &Registry) -> Result<Self, GraphError> {
        validate::validate(spec, registry, Vec::new(), &spec.name, None)
    }

    /// Validates a graph file. Every problem is reported with its line and column.
    pub fn validate_file(file: &GraphFile, registry: &Registry) -> Result<Self, GraphError> {
        validate::validate(&file.spec, registry, file.problems.clone(), &file.origin, Some(&file.map))
    }

    /// Nodes in topological order.
    pub fn nodes(&self) -> Vec<&Node> {
        self.dag.node_weights().collect()
    }

    /// Index of a node.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.dag.node_weights().position(|n| n.name == name)
    }

    /// Edges: from, to, port.
    pub fn edges(&self) -> Vec<(usize, usize, Option<&str>)> {
        let mut edges: Vec<_> = self
            .dag
            .edge_indices()
            .filter_map(|e| {
                let (from, to) = self.dag.edge_endpoints(e)?;
                Some((from.index(), to.index(), self.dag[e].as_deref()))
            })
            .collect();
        edges.sort_unstable();
        edges
    }

    /// Nodes that read from this one.
    pub fn consumers(&self, node: usize) -> Vec<usize> {
        let mut all: Vec<usize> =
            self.dag.neighbors_directed(NodeIndex::new(node), Direction::Outgoing).map(NodeIndex::index).collect();
        all.sort_unstable();
        all
    }

    /// Nodes that this one reads from, with ports.
    pub fn producers(&self, node: usize) -> Vec<(usize, Option<&str>)> {
        let incoming = self.dag.edges_directed(NodeIndex::new(node), Direction::Incoming);
        let mut all: Vec<_> = incoming.map(|edge| (edge.source().index(), edge.weight().as_deref())).collect();
        all.sort_unstable();
        all
    }
}
