//! Who did what when, for a while: kept only while somebody looks.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::RunDescription;

/// Spans of a worker that are kept for viewers that are late.
const KEEP: usize = 4096;
/// Spans that are sent at a time.
const AT_A_TIME: usize = 4096;

/// Something that took a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Who: the number of a worker, and after the last one the training loop.
    pub lane: u16,
    /// Index of the stage.
    pub stage: u16,
    /// What of it.
    pub part: Part,
    /// Epoch of the batch, from 0.
    pub epoch: u32,
    /// Index of the batch in its epoch.
    pub batch: u32,
    /// When it began, since the start of the run.
    pub start_ns: u64,
    /// How long it took.
    pub length_ns: u64,
}

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// A chunk of rows.
    Chunk,
    /// The model waited for a batch.
    Wait,
    /// The model's forward pass.
    Forward,
    /// Its backward pass.
    Backward,
    /// The new weights.
    Update,
    /// A batch of the evaluation.
    Evaluation,
}

impl Part {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::Wait => "waits for data",
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Update => "update",
            Self::Evaluation => "evaluation",
        }
    }
}

/// The last spans of one lane, numbered from 0.
#[derive(Default)]
pub(crate) struct Lane(Mutex<(u64, VecDeque<Span>)>);

impl Lane {
    pub(crate) fn push(&self, span: Span) {
        let mut lane = super::hub::lock(&self.0);
        if lane.1.len() == KEEP {
            lane.1.pop_front();
            lane.0 += 1;
        }
        lane.1.push_back(span);
    }

    /// Those from number `seen` on, which is moved on.
    pub(crate) fn take(&self, seen: &mut u64, into: &mut Vec<Span>) {
        let lane = super::hub::lock(&self.0);
        let skip = seen.saturating_sub(lane.0) as usize;
        let room = AT_A_TIME.saturating_sub(into.len());
        let before = into.len();
        into.extend(lane.1.iter().skip(skip).take(room));
        *seen = lane.0.max(*seen) + (into.len() - before) as u64;
    }

    /// The number of the next one.
    pub(crate) fn next(&self) -> u64 {
        let lane = super::hub::lock(&self.0);
        lane.0 + lane.1.len() as u64
    }
}

/// What a lane is called.
pub fn lane_name(run: &RunDescription, lane: u16) -> String {
    if u32::from(lane) >= run.workers { "training".to_owned() } else { format!("worker {lane}") }
}

/// What a span is called: its stage's nodes, or what of the model.
pub fn span_name(run: &RunDescription, span: &Span) -> String {
    let stage = run.stages.get(usize::from(span.stage));
    let name = |node: &u32| run.nodes.get(*node as usize).map(|node| node.name.as_str());
    let names: Vec<&str> = stage.iter().flat_map(|stage| stage.nodes.iter().filter_map(name)).collect();
    match (span.part, &names[..]) {
        (Part::Chunk, [only]) => (*only).to_owned(),
        (Part::Chunk, [first, .., last]) => format!("{first} … {last}"),
        (part, _) => part.word().to_owned(),
    }
}

/// Writes spans as a Chrome trace, which <https://ui.perfetto.dev> and `chrome://tracing` open.
pub fn write_chrome(mut to: impl Write, run: &RunDescription, spans: &[Span]) -> io::Result<()> {
    write!(to, "{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")?;
    let process =
        json!({ "ph": "M", "pid": 1, "name": "process_name", "args": { "name": format!("engine: {}", run.graph) } });
    write!(to, "\n{process}")?;
    let mut lanes: Vec<u16> = spans.iter().map(|span| span.lane).collect();
    lanes.sort_unstable();
    lanes.dedup();
    for lane in lanes {
        let name = json!({ "name": lane_name(run, lane) });
        write!(to, ",\n{}", json!({ "ph": "M", "pid": 1, "tid": lane, "name": "thread_name", "args": name }))?;
    }
    for span in spans {
        let event = json!({
            "ph": "X", "pid": 1, "tid": span.lane,
            "name": span_name(run, span),
            "cat": span.part.word(),
            "ts": span.start_ns as f64 / 1e3,
            "dur": span.length_ns as f64 / 1e3,
            "args": { "epoch": u64::from(span.epoch) + 1, "batch": u64::from(span.batch) + 1 },
        });
        write!(to, ",\n{event}")?;
    }
    writeln!(to, "\n]}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start_ns: u64) -> Span {
        Span { lane: 0, stage: 0, part: Part::Chunk, epoch: 0, batch: 0, start_ns, length_ns: 5 }
    }

    #[test]
    fn a_late_reader_gets_the_last_ones() {
        let lane = Lane::default();
        let (mut seen, mut got) = (0, Vec::new());
        lane.push(span(0));
        lane.take(&mut seen, &mut got);
        assert_eq!((seen, got.len()), (1, 1));
        (1..=2 * KEEP as u64).for_each(|n| lane.push(span(n)));
        got.clear();
        lane.take(&mut seen, &mut got);
        assert_eq!(got.len(), KEEP);
        assert_eq!(got[KEEP - 1].start_ns, 2 * KEEP as u64);
        assert_eq!(seen, lane.next());
        got.clear();
        lane.take(&mut seen, &mut got);
        assert_eq!(got, []);
    }
}
