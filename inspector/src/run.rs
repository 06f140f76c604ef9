//! All that is known about one run.

use std::collections::VecDeque;

use eframe::egui::{Vec2, vec2};
use telemetry::{
    CurvePoint, EdgeDescription, EpochResult, Event, Histogram, Load, NodeImages, Place, Role, RunDescription,
    Snapshot, Span,
};

use crate::history::{Activity, History};
use crate::layout::{Layout, Request, RequestEdge, layout};
use crate::theme::graph::{GAUGE, PORT};

/// More points than any screen has; beyond it, every second one is dropped.
const MAX_CURVE: usize = 60_000;
/// Loads that are kept; with one a second, twenty minutes. Beyond it, every second one is dropped.
const MAX_LOADS: usize = 1_200;
/// Events that are kept.
const MAX_EVENTS: usize = 10_000;
/// Spans are kept for this long, and at most so many.
const SPANS_NS: u64 = 60_000_000_000;
const MAX_SPANS: usize = 60_000;

/// Of when the numbers of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// They come.
    Now,
    /// They were the last ones.
    Past,
    /// Nothing was run.
    Plan,
}

/// A run as its messages describe it.
pub struct Run {
    /// The graph and its plan.
    pub description: RunDescription,
    /// Where it is drawn.
    pub layout: Layout,
    /// Rates.
    pub history: History,
    /// Of when its numbers are.
    pub tense: Tense,
    /// The last snapshot, without what is new in it.
    pub latest: Snapshot,
    /// The loss curve.
    pub curve: Vec<CurvePoint>,
    /// Finished epochs, oldest first.
    pub epochs: Vec<EpochResult>,
    /// How long chunks took, one entry a stage; empty until it is known.
    pub latencies: Vec<Histogram>,
    /// What machine and process were at, oldest first.
    pub loads: Vec<Load>,
    /// What happened, oldest first.
    pub events: VecDeque<Event>,
    /// Who did what when, lately.
    pub spans: VecDeque<Span>,
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
            tense: Tense::Now,
            latest: Snapshot::default(),
            curve: Vec::new(),
            epochs: Vec::new(),
            latencies: Vec::new(),
            loads: Vec::new(),
            events: VecDeque::new(),
            spans: VecDeque::new(),
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
        self.epochs.append(&mut snapshot.epochs);
        self.history.push(&snapshot);
        self.latest = snapshot;
    }

    /// Takes in what the machine is at.
    pub fn push_load(&mut self, load: Load) {
        self.loads.push(load);
        if self.loads.len() > MAX_LOADS {
            let mut index = 0;
            self.loads.retain(|_| {
                index += 1;
                index % 2 == 0
            });
        }
    }

    /// Takes in what happened.
    pub fn push_events(&mut self, events: Vec<Event>) {
        self.events.extend(events);
        while self.events.len() > MAX_EVENTS {
            self.events.pop_front();
        }
    }

    /// Takes in who did what when. Spans of stages that are not there are left out.
    pub fn push_spans(&mut self, spans: Vec<Span>) {
        let stages = self.description.stages.len();
        self.spans.extend(spans.into_iter().filter(|span| usize::from(span.stage) < stages));
        let newest = self.latest.elapsed_ns;
        while self.spans.len() > MAX_SPANS
            || self.spans.front().is_some_and(|s| s.start_ns.saturating_add(SPANS_NS) < newest)
        {
            self.spans.pop_front();
        }
    }

    /// The rate of the training, images a second, as the engine's own progress line says it; none while nothing is
    /// trained.
    pub fn training_rate(&self) -> Option<f64> {
        let training = self.latest.training.filter(|t| !t.evaluating && t.images_per_second > 0.0);
        training.map(|t| t.images_per_second)
    }

    /// Seconds until the last step, at the rate of now.
    pub fn seconds_left(&self) -> Option<f64> {
        let training = self.latest.training?;
        let batch = match self.curve.last() {
            Some(_) => self.rows_per_step()?,
            None => return None,
        };
        let left = training.steps.saturating_sub(training.step) as f64;
        (training.images_per_second > 0.0).then(|| left * batch / training.images_per_second)
    }

    /// Rows of a training batch, from what the chain that feeds the model has done.
    fn rows_per_step(&self) -> Option<f64> {
        let edges = &self.description.edges;
        let edge = edges.iter().find(|e| e.port.as_deref() == Some("train")).or(edges.last())?;
        let counters = self.latest.nodes.get(edge.from as usize)?;
        (counters.batches > 0).then(|| counters.rows as f64 / counters.batches as f64)
    }

    /// Whether what leaves a node is trained on: it leads to the model's `train`, or is the model.
    pub fn trains_on(&self, node: usize) -> bool {
        let edges = &self.description.edges;
        let mut reached = vec![node];
        let mut next = 0;
        while let Some(&at) = reached.get(next) {
            next += 1;
            for edge in edges.iter().filter(|e| e.from as usize == at && e.port.as_deref() != Some("test")) {
                if !reached.contains(&(edge.to as usize)) {
                    reached.push(edge.to as usize);
                }
            }
        }
        reached.iter().any(|&n| self.description.nodes[n].role == Role::Model)
    }

    /// What a node's rows are passing at, in words.
    pub fn rate_text(&self, node: usize, number: impl Fn(f64) -> String) -> String {
        let rate = self.history.node(node);
        match (self.tense, rate.activity) {
            (Tense::Plan, _) => "not run".to_owned(),
            (Tense::Now, Activity::Active) => format!("{} rows/s", number(rate.rows)),
            (Tense::Past, Activity::Active) => format!("was {} rows/s", number(rate.rows)),
            (Tense::Now, Activity::Idle) => "idle".to_owned(),
            (Tense::Now, Activity::Measuring) => "measuring".to_owned(),
            (Tense::Now, Activity::Waiting) => "no rows yet".to_owned(),
            (Tense::Past, Activity::Waiting) => "had no rows".to_owned(),
            (Tense::Past, Activity::Idle | Activity::Measuring) => "was idle".to_owned(),
        }
    }

    /// Batches that may wait on an edge now.
    pub fn capacity(&self, edge: usize) -> u32 {
        let planned = self.description.edges[edge].capacity;
        match self.latest.settings.prefetch {
            set if set > 0 && planned > 0 => set,
            _ => planned,
        }
    }

    /// Bytes a second over an edge.
    pub fn flow(&self, edge: usize) -> f64 {
        let edge = &self.description.edges[edge];
        self.history.node(edge.from as usize).rows * edge.row_bytes as f64
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
