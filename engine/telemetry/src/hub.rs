//! The engine's side of the telemetry: counters that workers write and anybody may read.
//!
//! Each worker writes counters of its own, on cache lines of their own, with plain relaxed stores; a reader adds them
//! up. Nothing is ever reset, so that any number of viewers can take differences.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::control::{Allowed, Controls};
use crate::gpus::Gpus;
use crate::histogram::Counts;
use crate::trace::Lane;
use crate::{
    CurvePoint, Ended, EpochResult, Event, Histogram, Level, Load, ModelTimes, NodeCounters, NodeImages, Part,
    RunDescription, SampleSeen, Snapshot, Span, Training, load,
};

/// Events that are kept; a run that warns of every sample must not fill the memory.
const KEEP_EVENTS: usize = 4096;

/// Why a stage had nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its input was missing.
    Starved,
    /// Its output queue was full.
    Blocked,
}

/// One worker's counters of one stage. Two cache lines apart, since processors fetch lines in pairs.
#[repr(align(128))]
#[derive(Default)]
struct WorkerCounters {
    batches: AtomicU64,
    rows: AtomicU64,
    busy_ns: AtomicU64,
    times: Counts,
}

/// One worker's sampled clocks, one a node.
#[repr(align(128))]
struct WorkerClocks(Box<[AtomicU64]>);

#[derive(Default)]
struct StageWaits {
    starved_ns: AtomicU64,
    blocked_ns: AtomicU64,
}

#[derive(Default)]
struct Progress {
    training: Option<Training>,
    epochs: Vec<EpochResult>,
    curve: Vec<CurvePoint>,
    ended: Option<Ended>,
    /// Events, and how many older ones are forgotten.
    events: VecDeque<Event>,
    forgotten: usize,
}

/// Where the model's time goes, by part.
#[derive(Default)]
struct ModelClocks {
    forward: AtomicU64,
    backward: AtomicU64,
    update: AtomicU64,
    evaluation: AtomicU64,
}

type SeeSample = Box<dyn Fn(u64, u32) -> SampleSeen + Send + Sync>;

#[derive(Default)]
struct Gallery {
    /// Latest images of each node, with a number that grows.
    latest: HashMap<u32, (u64, Arc<NodeImages>)>,
    offered: u64,
}

/// Everything measured about one run. Shared by its workers, its training loop and its viewers.
pub struct Hub {
    run: RunDescription,
    start: Instant,
    row_bytes: Vec<u64>,
    /// By stage, then worker.
    stages: Vec<Box<[WorkerCounters]>>,
    waits: Vec<StageWaits>,
    /// By worker.
    clocks: Vec<WorkerClocks>,
    queues: Vec<AtomicU32>,
    /// Memory of the batches of each stage.
    slot_bytes: Vec<AtomicU64>,
    model: ModelClocks,
    /// By worker, the training loop last; how many viewers look at them.
    lanes: Vec<Lane>,
    tracing: AtomicUsize,
    controls: Controls,
    /// Looked at from the first question on.
    gpus: OnceLock<Gpus>,
    /// Makes a sample anew, as it was in an epoch.
    samples: OnceLock<SeeSample>,
    progress: Mutex<Progress>,
    /// Nodes of which a viewer wants images of the next batch; `any_wanted` spares the hot path the search.
    wanted: Vec<AtomicBool>,
    any_wanted: AtomicBool,
    gallery: Mutex<Gallery>,
}

/// The data behind these locks is valid after any panic, so that a poisoned lock is as good as another.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counter has one writer, so that no locked instruction is needed.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Hub {
    /// Counters for a run.
    ///
    /// `row_bytes`: bytes that each node writes for a row. `workers`: how many threads may write, each under a number
    /// of its own from 0.
    pub fn new(run: RunDescription, row_bytes: Vec<u64>, workers: usize) -> Self {
        assert_eq!(row_bytes.len(), run.nodes.len(), "one size for each node");
        let nodes = run.nodes.len();
        let per_worker = || (0..workers).map(|_| WorkerCounters::default()).collect();
        Self {
            start: Instant::now(),
            stages: run.stages.iter().map(|_| per_worker()).collect(),
            waits: run.stages.iter().map(|_| StageWaits::default()).collect(),
            clocks: (0..workers).map(|_| WorkerClocks((0..nodes).map(|_| AtomicU64::new(0)).collect())).collect(),
            queues: run.edges.iter().map(|_| AtomicU32::new(0)).collect(),
            slot_bytes: run.stages.iter().map(|_| AtomicU64::new(0)).collect(),
            model: ModelClocks::default(),
            lanes: (0..workers).map(|_| Lane::default()).collect(),
            tracing: AtomicUsize::new(0),
            controls: Controls::new(run.workers),
            gpus: OnceLock::new(),
            samples: OnceLock::new(),
            progress: Mutex::default(),
            wanted: (0..nodes).map(|_| AtomicBool::new(false)).collect(),
            any_wanted: AtomicBool::new(false),
            gallery: Mutex::default(),
            row_bytes,
            run,
        }
    }

    /// Lets viewers ask for things.
    #[must_use]
    pub fn allow(mut self, allowed: Allowed) -> Self {
        self.run.control = Some(allowed.description);
        self.controls.allow(allowed);
        self
    }

    /// What viewers have asked for.
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// How a sample (its index, an epoch from 0) can be seen. Called on a viewer's thread; only the first one counts.
    pub fn see_samples(&self, see: impl Fn(u64, u32) -> SampleSeen + Send + Sync + 'static) {
        self.samples.set(Box::new(see)).ok();
    }

    /// A sample in an epoch; none where none can be seen.
    pub(crate) fn sample(&self, sample: u64, epoch: u32) -> Option<SampleSeen> {
        self.samples.get().map(|see| see(sample, epoch))
    }

    /// Time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The run's graph and plan.
    pub fn run(&self) -> &RunDescription {
        &self.run
    }

    /// A worker finished rows of a stage.
    pub fn rows(&self, stage: usize, worker: usize, rows: usize, busy: Duration) {
        let counters = &self.stages[stage][worker];
        add(&counters.rows, rows as u64);
        add(&counters.busy_ns, busy.as_nanos() as u64);
        counters.times.add(busy);
    }

    /// Whether a viewer wants spans: one relaxed load, for the hot path.
    pub fn tracing(&self) -> bool {
        self.tracing.load(Relaxed) > 0
    }

    /// One viewer more, or less, wants spans.
    pub(crate) fn trace(&self, on: bool) {
        if on {
            self.tracing.fetch_add(1, Relaxed);
        } else {
            self.tracing.fetch_sub(1, Relaxed);
        }
    }

    /// Something took a while: `lane` did a `part` of a stage's work on a batch (epoch and index, from 0).
    pub fn span(&self, lane: usize, stage: usize, part: Part, batch: (u64, u64), start: Instant, length: Duration) {
        if let Some(kept) = self.lanes.get(lane).filter(|_| self.tracing()) {
            kept.push(Span {
                lane: lane as u16,
                stage: stage as u16,
                part,
                epoch: batch.0 as u32,
                batch: batch.1 as u32,
                start_ns: start.saturating_duration_since(self.start).as_nanos() as u64,
                length_ns: length.as_nanos() as u64,
            });
        }
    }

    /// The model spent this long in one part of its work. To be called by the training loop alone.
    pub fn model_part(&self, part: Part, time: Duration) {
        let clock = match part {
            Part::Forward => &self.model.forward,
            Part::Backward => &self.model.backward,
            Part::Update => &self.model.update,
            Part::Evaluation => &self.model.evaluation,
            Part::Chunk | Part::Wait => return,
        };
        add(clock, time.as_nanos() as u64);
    }

    /// The batches of a stage take this much memory now.
    pub fn slots(&self, stage: usize, bytes: u64) {
        self.slot_bytes[stage].store(bytes, Relaxed);
    }

    /// Something happened.
    pub fn event(&self, level: Level, text: impl Into<String>) {
        let event = Event { elapsed_ns: self.elapsed().as_nanos() as u64, level, text: text.into() };
        let mut progress = lock(&self.progress);
        if progress.events.len() == KEEP_EVENTS {
            progress.events.pop_front();
            progress.forgotten += 1;
        }
        progress.events.push_back(event);
    }

    /// A worker finished the last rows of a batch in a stage.
    pub fn batch(&self, stage: usize, worker: usize) {
        add(&self.stages[stage][worker].batches, 1);
    }

    /// A sampled clock: a worker spent this long in one node of a fused stage. Only the ratios between the nodes of
    /// a stage are used.
    pub fn node_clock(&self, node: usize, worker: usize, busy: Duration) {
        add(&self.clocks[worker].0[node], busy.as_nanos() as u64);
    }

    /// A stage had nothing to do. To be called by one thread at a time for a stage.
    pub fn wait(&self, stage: usize, wait: Wait, time: Duration) {
        let waits = &self.waits[stage];
        let counter = match wait {
            Wait::Starved => &waits.starved_ns,
            Wait::Blocked => &waits.blocked_ns,
        };
        add(counter, time.as_nanos() as u64);
    }

    /// Batches that wait in an edge's queue now.
    pub fn queue(&self, edge: usize, batches: usize) {
        self.queues[edge].store(batches as u32, Relaxed);
    }

    /// State of the training has changed.
    pub fn training(&self, training: Training) {
        lock(&self.progress).training = Some(training);
    }

    /// A training step was done.
    pub fn step(&self, training: Training, point: CurvePoint) {
        let mut progress = lock(&self.progress);
        progress.training = Some(training);
        progress.curve.push(point);
    }

    /// An epoch was finished.
    pub fn epoch(&self, result: EpochResult) {
        lock(&self.progress).epochs.push(result);
    }

    /// The run has ended; only the first call counts.
    pub fn end(&self, ended: Ended) {
        let (level, text) = match &ended {
            Ended::Finished => (Level::Note, "the run has finished".to_owned()),
            Ended::Stopped => (Level::Note, "the run was stopped".to_owned()),
            Ended::Failed(error) => (Level::Error, error.clone()),
        };
        if self.ended().is_none() {
            self.event(level, text);
        }
        lock(&self.progress).ended.get_or_insert(ended);
    }

    /// How the run ended; none while it goes on.
    pub fn ended(&self) -> Option<Ended> {
        lock(&self.progress).ended.clone()
    }

    /// Whether a viewer waits for images of any node: one relaxed load, for the hot path.
    pub fn any_wanted(&self) -> bool {
        self.any_wanted.load(Relaxed)
    }

    /// Whether a viewer waits for images of this node. The caller answers with [`Hub::offer`].
    pub fn wanted(&self, node: usize) -> bool {
        self.wanted[node].load(Relaxed)
    }

    /// Images of a node, for those who want them.
    pub fn offer(&self, images: NodeImages) {
        let Some(wanted) = self.wanted.get(images.node as usize) else { return };
        wanted.store(false, Relaxed);
        self.any_wanted.store(self.wanted.iter().any(|w| w.load(Relaxed)), Relaxed);
        let mut gallery = lock(&self.gallery);
        gallery.offered += 1;
        let number = gallery.offered;
        gallery.latest.insert(images.node, (number, Arc::new(images)));
    }

    /// Asks for images of a node's next batch; a node that is not there is ignored.
    pub fn want(&self, node: u32) {
        if let Some(wanted) = self.wanted.get(node as usize) {
            wanted.store(true, Relaxed);
            self.any_wanted.store(true, Relaxed);
        }
    }

    /// The latest images of a node, unless they are those of the number given; with their number.
    pub fn images(&self, node: u32, seen: u64) -> Option<(u64, Arc<NodeImages>)> {
        lock(&self.gallery).latest.get(&node).filter(|(number, _)| *number != seen).cloned()
    }

    /// All counters now, with what is new since so many epochs and points of the curve.
    pub fn snapshot(&self, epochs_from: usize, curve_from: usize) -> Snapshot {
        let mut nodes = vec![NodeCounters::default(); self.run.nodes.len()];
        for (index, stage) in self.run.stages.iter().enumerate() {
            self.read_stage(index, &stage.nodes, &mut nodes);
        }
        let progress = lock(&self.progress);
        Snapshot {
            elapsed_ns: self.elapsed().as_nanos() as u64,
            nodes,
            queues: self.queues.iter().map(|q| q.load(Relaxed)).collect(),
            training: progress.training,
            model: ModelTimes {
                forward_ns: self.model.forward.load(Relaxed),
                backward_ns: self.model.backward.load(Relaxed),
                update_ns: self.model.update.load(Relaxed),
                evaluation_ns: self.model.evaluation.load(Relaxed),
            },
            paused: self.controls.paused(),
            settings: self.controls.settings(),
            epochs: progress.epochs.get(epochs_from..).unwrap_or_default().to_vec(),
            curve: progress.curve.get(curve_from..).unwrap_or_default().to_vec(),
        }
    }

    /// How long chunks of rows took, one entry a stage.
    pub fn latencies(&self) -> Vec<Histogram> {
        self.stages.iter().map(|workers| Counts::sum(workers.iter().map(|w| &w.times))).collect()
    }

    /// What the machine and this process are at.
    pub fn load(&self) -> Load {
        Load {
            elapsed_ns: self.elapsed().as_nanos() as u64,
            slot_bytes: self.slot_bytes.iter().map(|bytes| bytes.load(Relaxed)).collect(),
            gpus: self.gpus.get_or_init(Gpus::start).read(),
            ..load::read()
        }
    }

    /// Events from number `seen` on, which is moved on.
    pub fn events(&self, seen: &mut usize) -> Vec<Event> {
        let progress = lock(&self.progress);
        let skip = seen.saturating_sub(progress.forgotten);
        *seen = progress.forgotten + progress.events.len();
        progress.events.iter().skip(skip).cloned().collect()
    }

    /// Spans from these numbers on, one a lane, which are moved on.
    pub(crate) fn spans(&self, seen: &mut [u64]) -> Vec<Span> {
        let mut spans = Vec::new();
        for (lane, seen) in self.lanes.iter().zip(seen) {
            lane.take(seen, &mut spans);
        }
        spans
    }

    /// The number of each lane's next span.
    pub(crate) fn next_spans(&self) -> Vec<u64> {
        self.lanes.iter().map(Lane::next).collect()
    }

    fn read_stage(&self, index: usize, members: &[u32], nodes: &mut [NodeCounters]) {
        let sum = |of: fn(&WorkerCounters) -> &AtomicU64| self.stages[index].iter().map(|w| of(w).load(Relaxed)).sum();
        let rows: u64 = sum(|w| &w.rows);
        let busy_ns: u64 = sum(|w| &w.busy_ns);
        let clock = |node: u32| self.clocks.iter().map(|c| c.0[node as usize].load(Relaxed)).sum::<u64>();
        let clocked: u64 = members.iter().map(|&n| clock(n)).sum();
        for &node in members {
            let share = match clocked {
                0 => 1.0 / members.len() as f64,
                all => clock(node) as f64 / all as f64,
            };
            nodes[node as usize] = NodeCounters {
                batches: sum(|w| &w.batches),
                rows,
                bytes: rows * self.row_bytes[node as usize],
                busy_ns: (busy_ns as f64 * share) as u64,
                starved_ns: self.waits[index].starved_ns.load(Relaxed),
                blocked_ns: self.waits[index].blocked_ns.load(Relaxed),
            };
        }
    }
}
