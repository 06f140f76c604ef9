//! From a graph to a plan: place, fuse, size. Each is a pass of its own, and each says why.
//!
//! No threads, no clock, no files, no torch: a plan follows from the graph, the machine and the options alone.

mod explain;
mod fuse;
mod place;
mod size;

use std::fmt;

use serde_json::{Map, Value};

pub use explain::describe_run;

use crate::batch::{Field, Schema};
use crate::graph::Graph;
use crate::operators::{AnyOperator, DeviceChoice, Role, Signature, SourceShape};

/// Where a stage runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The processor.
    Cpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// What a machine has, as far as plans depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// CUDA devices.
    pub cuda_devices: usize,
    /// Whether the processor computes in bfloat16.
    pub bfloat16: bool,
}

/// What the user wants otherwise than planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Threads of the data pipeline.
    pub workers: Option<usize>,
    /// Device of every node that says `auto`.
    pub device: Option<DeviceChoice>,
    /// Rows of a chunk.
    pub rows_per_chunk: Option<usize>,
    /// Batches that may wait for the model.
    pub prefetch_depth: Option<usize>,
    /// Whether every node is a stage of its own.
    pub unfused: bool,
    /// Whether every node is on the CPU, also those that name a GPU.
    pub cpu_only: bool,
}

/// A node, as the plan runs it.
pub struct PlanNode {
    /// Name.
    pub name: String,
    /// What it does.
    pub operator: &'static dyn AnyOperator,
    /// Parameters, defaults spelled out.
    pub params: Map<String, Value>,
    /// What it reads and writes.
    pub signature: Signature,
    /// Fields that arrive, of the first input.
    pub input: Schema,
    /// Fields that leave.
    pub output: Schema,
    /// The source of its rows.
    pub source: usize,
    /// Where it runs.
    pub place: Place,
}

/// What a stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageKind {
    /// Works on chunks of rows, on the pool of workers.
    Cpu,
    /// Moves batches to a device and works on them there, in the order of the batches.
    Device,
    /// Trains.
    Model,
}

/// One node, or a fused chain of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// Indices of its nodes, in order.
    pub nodes: Vec<usize>,
    /// What it does.
    pub kind: StageKind,
    /// Where it runs.
    pub place: Place,
    /// Fields that it hands on: those that somebody still reads.
    pub outputs: Vec<Field>,
    /// Rows that a worker handles at a time; 0 for whole batches.
    pub rows_per_chunk: usize,
    /// Where batches leave the data pipeline: how many finished ones may wait. 0 elsewhere: between two stages of the
    /// data pipeline a batch stays in its slot, and there is no queue.
    pub prefetch_depth: usize,
}

/// A bounded edge between the data pipeline and a stage that takes its batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    /// Stage that writes.
    pub from: usize,
    /// Stage that reads.
    pub to: usize,
    /// The reader's input, where it has several.
    pub port: Option<String>,
    /// Prefetch depth: batches that fit.
    pub depth: usize,
    /// Bytes of a batch.
    pub batch_bytes: usize,
    /// What flows.
    pub fields: Vec<Field>,
}

/// Which pass decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Devices.
    Place,
    /// Stages.
    Fuse,
    /// Workers, chunks, queues.
    Size,
}

/// Something decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who decided.
    pub pass: Pass,
    /// Nodes that it is about; none for the whole run.
    pub nodes: Vec<usize>,
    /// A sentence, with its reason.
    pub text: String,
}

/// Stages, queues and the reasons. Immutable; nodes and stages in topological order.
pub struct Plan {
    /// Name of the graph.
    pub graph: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// Nodes in topological order.
    pub nodes: Vec<PlanNode>,
    /// Edges between nodes: from, to, port.
    pub edges: Vec<(usize, usize, Option<String>)>,
    /// Indices of the edges that end at each node.
    incoming: Vec<Vec<usize>>,
    /// Indices of the edges that start at each node.
    outgoing: Vec<Vec<usize>>,
    /// Stage of each node.
    stage_of: Vec<usize>,
    /// Stages in topological order.
    pub stages: Vec<Stage>,
    /// Queues between stages.
    pub queues: Vec<Queue>,
    /// Threads of the data pipeline.
    pub workers: usize,
    /// What was decided, and why.
    pub decisions: Vec<Decision>,
}

impl Plan {
    /// Plans a graph for a machine.
    pub fn new(graph: &Graph, machine: &Machine, options: &PlanOptions) -> Result<Self, PlanError> {
        let mut decisions = Vec::new();
        let places = place::place(graph, machine, options, &mut decisions)?;
        let nodes = graph.nodes().into_iter().zip(places).map(|(node, place)| PlanNode {
            name: node.name.clone(),
            operator: node.operator,
            params: node.params.clone(),
            signature: node.signature.clone(),
            input: node.inputs.first().map(|(_, schema)| schema.clone()).unwrap_or_default(),
            output: node.output.clone(),
            source: node.source,
            place,
        });
        let nodes: Vec<PlanNode> = nodes.collect();
        let edges: Vec<_> = graph.edges().into_iter().map(|(f, t, p)| (f, t, p.map(str::to_owned))).collect();
        let (mut incoming, mut outgoing) = (vec![Vec::new(); nodes.len()], vec![Vec::new(); nodes.len()]);
        for (index, (from, to, _)) in edges.iter().enumerate() {
            incoming[*to].push(index);
            outgoing[*from].push(index);
        }
        let mut plan = Self {
            graph: graph.name.clone(),
            seed: graph.seed,
            nodes,
            edges,
            incoming,
            outgoing,
            stage_of: Vec::new(),
            stages: Vec::new(),
            queues: Vec::new(),
            workers: 1,
            decisions,
        };
        fuse::fuse(&mut plan, options);
        size::size(&mut plan, machine, options);
        Ok(plan)
    }

    /// The stage of a node.
    pub fn stage_of(&self, node: usize) -> usize {
        self.stage_of[node]
    }

    /// Nodes that a node reads from, with ports.
    pub fn producers(&self, node: usize) -> impl Iterator<Item = (usize, Option<&str>)> {
        self.incoming[node].iter().map(|&e| (self.edges[e].0, self.edges[e].2.as_deref()))
    }

    /// Nodes that read from a node.
    pub fn consumers(&self, node: usize) -> impl Iterator<Item = usize> {
        self.outgoing[node].iter().map(|&e| self.edges[e].1)
    }

    /// The model's node; none in a graph of data alone.
    pub fn model(&self) -> Option<usize> {
        self.nodes.iter().position(|n| n.operator.role() == Role::Model)
    }

    /// Where batches come out of the data pipeline: the nodes that the model reads from, by port, or those that nobody
    /// reads from.
    pub fn outlets(&self) -> Vec<(usize, Option<&str>)> {
        match self.model() {
            Some(model) => self.producers(model).collect(),
            None => (0..self.nodes.len()).filter(|&n| self.consumers(n).next().is_none()).map(|n| (n, None)).collect(),
        }
    }

    /// The outlet of a name: the model's input, or in a graph without a model a node that nobody reads from.
    pub fn outlet(&self, name: &str) -> Option<usize> {
        let named = |(node, port): &(usize, Option<&str>)| port.unwrap_or(&self.nodes[*node].name) == name;
        self.outlets().into_iter().find(named).map(|(node, _)| node)
    }

    /// Rows that a node's source makes.
    pub fn source_of(&self, node: usize) -> &SourceShape {
        let source = &self.nodes[self.nodes[node].source].signature.source;
        source.as_ref().expect("a node's source is a source")
    }

    /// Whether a node is a transfer that keeps all samples on its device.
    pub fn is_resident(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        node.operator.role() == Role::Transfer && node.place != Place::Cpu && place::is_resident(&node.params)
    }

    /// Bytes that each node writes for a row.
    pub fn row_bytes(&self) -> Vec<u64> {
        let written = |n: &PlanNode| n.signature.writes.iter().map(|w| w.field.row_bytes() as u64).sum();
        self.nodes.iter().map(written).collect()
    }

    fn decide(&mut self, pass: Pass, nodes: Vec<usize>, text: impl Into<String>) {
        self.decisions.push(Decision { pass, nodes, text: text.into() });
    }
}

/// A graph that cannot run on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node `{node}`: {message}\n  expected  {expected}\n  given     {given}\n  hint      {hint}")]
pub struct PlanError {
    /// The node.
    pub node: String,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: String,
    /// What was given.
    pub given: String,
    /// What can be done.
    pub hint: String,
}
