//! All that is known about one run.

use eframe::egui::{Vec2, vec2};
use telemetry::{CurvePoint, EdgeDescription, NodeImages, Place, RunDescription, Snapshot};

use crate::history::History;
use crate::layout::{Layout, Request, RequestEdge, layout};
use crate::theme::graph::{GAUGE, PORT};

/// More points than any screen has; beyond it, every second one is dropped.
const MAX_CURVE: usize = 60_000;

/// A run as its messages describe it.
pub struct Run {
    /// The graph and its plan.
    pub description: RunDescription,
    /// Where it is drawn.
    pub layout: Layout,
    /// Rates.
    pub history: History,
    /// The last snapshot, without its part of the curve.
    pub latest: Snapshot,
    /// The loss curve.
    pub curve: Vec<CurvePoint>,
    /// Steps between two points kept.
    curve_stride: u64,
    /// The last images of the selected node.
    pub images: Option<NodeImages>,
    /// Snapshots that were not sent since we were too slow.
    pub lost: u64,
}

impl Run {
    /// A run of which nothing is known yet but its graph. The error says what is wrong with the description.
    pub fn new(description: RunDescription) -> Result<Self, String> {
        check(&description)?;
        Ok(Self {
            layout: layout(&request(&description)),
            history: History::new(&description),
            latest: Snapshot::default(),
            curve: Vec::new(),
            curve_stride: 1,
            images: None,
            lost: 0,
            description,
        })
    }

    /// Takes in a snapshot.
    pub fn push(&mut self, mut snapshot: Snapshot) {
        for point in snapshot.curve.drain(..) {
            if point.step % self.curve_stride == 0 {
                self.curve.push(point);
            }
        }
        while self.curve.len() > MAX_CURVE {
            self.curve_stride *= 2;
            let stride = self.curve_stride;
            self.curve.retain(|point| point.step % stride == 0);
        }
        self.history.push(&snapshot);
        self.latest = snapshot;
    }

    /// Index of the node of that name.
    pub fn node_named(&self, name: &str) -> Option<usize> {
        self.description.nodes.iter().position(|n| n.name == name)
    }

    /// Index of a node's stage.
    pub fn stage_of(&self, node: usize) -> usize {
        self.description.nodes[node].stage as usize
    }

    /// Name of a node.
    pub fn name(&self, node: usize) -> &str {
        &self.description.nodes[node].name
    }

    /// Batches that wait on an edge.
    pub fn queued(&self, edge: usize) -> u32 {
        self.latest.queues.get(edge).copied().unwrap_or(0)
    }
}

/// A place as people call it.
pub fn place_name(place: Place) -> String {
    match place {
        Place::Cpu => "CPU".to_owned(),
        Place::Cuda(index) => format!("CUDA {index}"),
    }
}

/// Room that an edge needs for what is drawn on it.
pub fn edge_label_size(edge: &EdgeDescription) -> Vec2 {
    let port = edge.port.as_ref().map_or(Vec2::ZERO, |port| vec2(port.len() as f32 * 7.0, PORT));
    let gauge = if edge.capacity > 0 { GAUGE } else { Vec2::ZERO };
    vec2(port.x.max(gauge.x), port.y + gauge.y)
}

fn request(description: &RunDescription) -> Request {
    let edge = |edge: &EdgeDescription| RequestEdge {
        from: edge.from as usize,
        to: edge.to as usize,
        label: edge_label_size(edge),
    };
    Request {
        nodes: description.nodes.len(),
        stages: description.stages.iter().map(|s| s.nodes.iter().map(|&n| n as usize).collect()).collect(),
        edges: description.edges.iter().map(edge).collect(),
    }
}

/// Everything behind this indexes without a check.
fn check(description: &RunDescription) -> Result<(), String> {
    let nodes = description.nodes.len();
    let mut seen = vec![0; nodes];
    for (index, stage) in description.stages.iter().enumerate() {
        for &node in &stage.nodes {
            let known = description.nodes.get(node as usize).filter(|n| n.stage as usize == index);
            let known = known.ok_or_else(|| format!("stage {index} and node {node} do not fit each other"))?;
            seen[node as usize] += 1;
            if seen[node as usize] > 1 {
                return Err(format!("node `{}` is in its stage twice", known.name));
            }
        }
    }
    if let Some(node) = seen.iter().position(|&times| times == 0) {
        return Err(format!("node `{}` is in no stage", description.nodes[node].name));
    }
    match description.edges.iter().find(|e| e.from as usize >= nodes || e.to as usize >= nodes) {
        Some(edge) => Err(format!("an edge joins nodes {} and {} of {nodes}", edge.from, edge.to)),
        None => Ok(()),
    }
}
