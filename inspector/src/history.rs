//! From counters to rates: who works, who waits, who bounds the run.

use std::collections::VecDeque;

use telemetry::{NodeCounters, Place, Role, RunDescription, Snapshot};

/// Rates are over at least this long, so that they can be read: as long as the engine's own rate of the training is.
const WINDOW_NS: u64 = 10_000_000_000;
/// A rate over less than this would be a guess: snapshots come ten times a second.
const LEAST_NS: u64 = 500_000_000;
/// Snapshots are kept this long: long enough for two batches of a slow model.
const KEEP_NS: u64 = 60_000_000_000;
/// A stage without rows for at least this long is idle; longer where it is known to be slower.
const IDLE_NS: u64 = 2_000_000_000;
/// A gap this many times as long as the others was a break (a chain that is used once an epoch), not slowness.
const BREAK: u64 = 4;
/// Distance of the points of a spark line.
const SPARK_NS: u64 = 500_000_000;
/// Points of a spark line: one minute.
pub const SPARK_POINTS: usize = 120;

/// What a stage is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activity {
    /// It has not finished a row yet.
    #[default]
    Waiting,
    /// Too little has been seen yet to know its rate.
    Measuring,
    /// Rows pass.
    Active,
    /// Rows have passed, and none do now.
    Idle,
}

/// Shares of time, 0 to 1; what is missing to 1 was spent in neither way (in other stages, mostly).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shares {
    /// Computing; of all workers where the stage may use them all.
    pub busy: f64,
    /// Waiting for input.
    pub starved: f64,
    /// Waiting for room in the output queue.
    pub blocked: f64,
}

impl Shares {
    /// Where busy and waiting workers overlap, the sum can pass 1; the proportions are what matters then.
    fn new(busy: f64, starved: f64, blocked: f64) -> Self {
        let scale = 1.0 / (busy + starved + blocked).max(1.0);
        Self { busy: busy * scale, starved: starved * scale, blocked: blocked * scale }
    }
}

/// A node, over the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeRate {
    /// What its stage is doing.
    pub activity: Activity,
    /// Rows a second; 0 unless active.
    pub rows: f64,
    /// Bytes written a second; 0 unless active.
    pub bytes: f64,
    /// Where its time went. Starved and blocked are those of its stage.
    pub shares: Shares,
}

/// A stage, over the last seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageRate {
    /// What it is doing.
    pub activity: Activity,
    /// Worker seconds that a row takes.
    pub busy_per_row: f64,
    /// Rows a second it could do if it never waited: all workers for a stage of data work, one for another.
    pub capacity: f64,
}

/// The stage that bounds the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bottleneck {
    /// Index of the stage.
    pub stage: usize,
    /// Index of its slowest node.
    pub node: usize,
    /// Rows a second it can do.
    pub capacity: f64,
    /// Rows a second that the rest could do, if anything else is active.
    pub rest: Option<f64>,
    /// Whether it is the model, and so the rest the data pipeline, or the other way round.
    pub is_model: bool,
}

/// What of a stage matters here.
struct Stage {
    nodes: Vec<usize>,
    /// Workers that can be in it at a time.
    parallel: f64,
    is_model: bool,
    /// Whether it takes its workers from the pool that all data stages share.
    pooled: bool,
}

struct Sample {
    elapsed_ns: u64,
    nodes: Vec<NodeCounters>,
}

/// The last minute of a run.
pub struct History {
    stages: Vec<Stage>,
    workers: f64,
    samples: VecDeque<Sample>,
    nodes: Vec<NodeRate>,
    rates: Vec<StageRate>,
    /// Images a second of the training, as the engine says it: so that there is one number for it.
    training: Option<f64>,
    sparks: Vec<VecDeque<f32>>,
    next_spark_ns: u64,
}

impl History {
    /// An empty one.
    pub fn new(run: &RunDescription) -> Self {
        let workers = f64::from(run.workers.max(1));
        let stage = |stage: &telemetry::StageDescription| {
            let nodes: Vec<usize> = stage.nodes.iter().map(|&n| n as usize).collect();
            let is_model = nodes.iter().any(|&n| run.nodes[n].role == Role::Model);
            let pooled = !is_model && stage.place == Place::Cpu;
            Stage { nodes, parallel: if pooled { workers } else { 1.0 }, is_model, pooled }
        };
        Self {
            stages: run.stages.iter().map(stage).collect(),
            workers,
            samples: VecDeque::new(),
            nodes: vec![NodeRate::default(); run.nodes.len()],
            rates: vec![StageRate::default(); run.stages.len()],
            training: None,
            sparks: vec![VecDeque::new(); run.nodes.len()],
            next_spark_ns: 0,
        }
    }

    /// Takes in a snapshot. One that does not fit the run, or is older than the last, is left out.
    pub fn push(&mut self, snapshot: &Snapshot) {
        let now = snapshot.elapsed_ns;
        if snapshot.nodes.len() != self.nodes.len() || self.samples.back().is_some_and(|s| s.elapsed_ns >= now) {
            return;
        }
        self.samples.push_back(Sample { elapsed_ns: now, nodes: snapshot.nodes.clone() });
        while self.samples.len() > 2 && self.samples[0].elapsed_ns + KEEP_NS < now {
            self.samples.pop_front();
        }
        let training = snapshot.training.filter(|t| !t.evaluating && t.images_per_second > 0.0);
        self.training = training.map(|t| t.images_per_second);
        for index in 0..self.stages.len() {
            self.measure(index);
        }
        if now >= self.next_spark_ns {
            self.next_spark_ns = now + SPARK_NS;
            for (spark, rate) in self.sparks.iter_mut().zip(&self.nodes) {
                if spark.len() == SPARK_POINTS {
                    spark.pop_front();
                }
                spark.push_back(rate.rows as f32);
            }
        }
    }

    /// A node's rates now.
    pub fn node(&self, node: usize) -> NodeRate {
        self.nodes[node]
    }

    /// A stage's rates now.
    pub fn stage(&self, stage: usize) -> StageRate {
        self.rates[stage]
    }

    /// Rows a second of a node over the last minute, oldest first.
    pub fn spark(&self, node: usize) -> impl ExactSizeIterator<Item = f32> + Clone + '_ {
        self.sparks[node].iter().copied()
    }

    /// Rows a second that the workers could make together, all stages of the data pipeline that are active, and the
    /// seconds that a worker needs for a row of each node of them.
    pub fn pool(&self) -> Option<(f64, Vec<(usize, f64)>)> {
        let mut nodes = Vec::new();
        for (stage, rate) in self.stages.iter().zip(&self.rates) {
            if stage.pooled && rate.activity == Activity::Active && rate.busy_per_row.is_finite() {
                let busy: f64 = stage.nodes.iter().map(|&n| self.nodes[n].shares.busy).sum();
                let share = |n: usize| if busy > 0.0 { self.nodes[n].shares.busy / busy } else { 0.0 };
                nodes.extend(stage.nodes.iter().map(|&n| (n, rate.busy_per_row * share(n))));
            }
        }
        let seconds: f64 = nodes.iter().map(|(_, seconds)| seconds).sum();
        (seconds > 0.0).then(|| (self.workers / seconds, nodes))
    }

    /// Rows a second that the model could take, if it is active.
    pub fn model(&self) -> Option<f64> {
        let mut all = self.stages.iter().zip(&self.rates);
        let (_, rate) = all.find(|(s, r)| s.is_model && r.activity == Activity::Active)?;
        rate.capacity.is_finite().then_some(rate.capacity)
    }

    /// Who bounds the run, once two or more snapshots say so.
    ///
    /// Data stages share the workers, so that together they can deliver no more than the workers have time for; the
    /// model and stages on a device have a thread of their own. The least of these bounds the run.
    pub fn bottleneck(&self) -> Option<Bottleneck> {
        let active = |pick: fn(&Stage) -> bool| {
            let all = self.stages.iter().zip(&self.rates).enumerate();
            all.filter(move |(_, (stage, rate))| {
                pick(stage) && rate.activity == Activity::Active && rate.capacity.is_finite()
            })
            .map(|(index, (_, rate))| (index, rate))
        };
        let slowest = |pick| active(pick).min_by(|a, b| a.1.capacity.total_cmp(&b.1.capacity));
        let pool_seconds: f64 = active(|s| s.pooled).map(|(_, rate)| rate.busy_per_row).sum();
        let pool = slowest(|s| s.pooled).map(|(index, _)| (index, self.workers / pool_seconds));
        let own = slowest(|s| !s.pooled && !s.is_model).map(|(index, rate)| (index, rate.capacity));
        let model = slowest(|s| s.is_model).map(|(index, rate)| (index, rate.capacity));
        let data = [pool, own].into_iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1));
        let is_model = match (data, model) {
            (Some(data), Some(model)) => model.1 <= data.1,
            (_, model) => model.is_some(),
        };
        let (bounds, rest) = if is_model { (model, data) } else { (data, model) };
        let (stage, capacity) = bounds?;
        let node = self.slowest_node(stage)?;
        Some(Bottleneck { stage, node, capacity, rest: rest.map(|r| r.1), is_model })
    }

    fn slowest_node(&self, stage: usize) -> Option<usize> {
        let busy = |&n: &usize| self.nodes[n].shares.busy;
        self.stages[stage].nodes.iter().copied().max_by(|a, b| busy(a).total_cmp(&busy(b)))
    }

    fn measure(&mut self, index: usize) {
        let stage = &self.stages[index];
        let Some(&last) = stage.nodes.last() else {
            return;
        };
        let window = window(&self.samples, last);
        let (start, end) = (&self.samples[window.start], &self.samples[window.end]);
        let seconds = (end.elapsed_ns - start.elapsed_ns) as f64 / 1e9;
        let grown = |node: usize, of: fn(&NodeCounters) -> u64| {
            of(&end.nodes[node]).saturating_sub(of(&start.nodes[node])) as f64
        };
        let active = window.activity == Activity::Active && seconds > 0.0;
        let a_second = |grown: f64| if active { grown / seconds } else { 0.0 };
        let share = |ns: f64| {
            if seconds > 0.0 { ns / 1e9 / seconds } else { 0.0 }
        };
        for &node in &stage.nodes {
            let rows = match self.training {
                Some(rate) if stage.is_model && active => rate,
                _ => a_second(grown(node, |c| c.rows)),
            };
            self.nodes[node] = NodeRate {
                activity: window.activity,
                rows,
                bytes: a_second(grown(node, |c| c.bytes)),
                shares: Shares::new(
                    share(grown(node, |c| c.busy_ns)) / stage.parallel,
                    share(grown(node, |c| c.starved_ns)),
                    share(grown(node, |c| c.blocked_ns)),
                ),
            };
        }
        let busy: f64 = stage.nodes.iter().map(|&n| grown(n, |c| c.busy_ns)).sum::<f64>() / 1e9;
        let busy_per_row = busy / grown(last, |c| c.rows);
        self.rates[index] =
            StageRate { activity: window.activity, busy_per_row, capacity: stage.parallel / busy_per_row };
    }
}

/// Between which two samples to measure.
#[derive(Debug, PartialEq)]
struct Window {
    start: usize,
    end: usize,
    activity: Activity,
}

/// A window that starts and ends where rows were finished, so that it holds whole batches: with one batch every three
/// seconds, a fixed window would show now nothing and now double.
fn window(samples: &VecDeque<Sample>, node: usize) -> Window {
    let newest = samples.len() - 1;
    let at = |i: usize| samples[i].elapsed_ns;
    let rows = |i: usize| samples[i].nodes[node].rows;
    let resting = |activity| {
        let start = (0..newest).rev().find(|&i| at(newest) - at(i) >= WINDOW_NS).unwrap_or(0);
        Window { start, end: newest, activity }
    };
    let mut changes = (1..=newest).rev().filter(|&i| rows(i) > rows(i - 1));
    let Some(end) = changes.next() else {
        return resting(match rows(newest) {
            0 => Activity::Waiting,
            // Who has just begun to watch cannot know yet.
            _ if at(newest) - at(0) < 2 * IDLE_NS => Activity::Measuring,
            _ => Activity::Idle,
        });
    };
    let (mut start, mut longest_gap) = (end, 0);
    for change in changes {
        let gap = at(start) - at(change);
        if start != end && gap > (BREAK * longest_gap).max(IDLE_NS / 2) {
            break;
        }
        (start, longest_gap) = (change, longest_gap.max(gap));
        if at(end) - at(start) >= WINDOW_NS {
            break;
        }
    }
    if at(newest) - at(end) > (2 * longest_gap).max(IDLE_NS) && start != end {
        return resting(Activity::Idle);
    }
    // With one batch, it is not known when the one before was finished.
    if at(end) - at(start) < LEAST_NS {
        return resting(Activity::Measuring);
    }
    Window { start, end, activity: Activity::Active }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
