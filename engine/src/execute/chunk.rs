//! One chunk of rows through all members of a stage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use pixels::PassMemory;
use telemetry::Hub;

use super::error::RunError;
use super::images;
use super::passes::{self, Unit};
use super::pipeline::Pipeline;
use super::program::{Member, StageProgram};
use crate::batch::{BatchId, Draws, Memory, Rows, Values, ValuesMut};
use crate::operators::Kernel;

/// The rows of a buffer that belong to a chunk.
pub(super) enum Cell<'a> {
    /// Written by an earlier stage.
    Shared(Values<'a>),
    /// This stage's own.
    Own(ValuesMut<'a>),
}

impl Cell<'_> {
    /// Holds the place of a buffer that is in use.
    pub(super) const EMPTY: Self = Self::Shared(Values::NONE);

    pub(super) fn values(&self) -> Values<'_> {
        match self {
            Self::Shared(values) => *values,
            Self::Own(values) => values.shared(),
        }
    }

    /// Rows of one size; nothing if they are not.
    pub(super) fn bytes(&self) -> &[u8] {
        self.values().bytes().unwrap_or_default()
    }
}

/// Takes a buffer to write to it; the place is empty until it is put back.
fn take<'a>(cells: &mut [Cell<'a>], index: usize) -> ValuesMut<'a> {
    match std::mem::replace(&mut cells[index], Cell::EMPTY) {
        Cell::Own(values) => values,
        Cell::Shared(_) => unreachable!("a member writes only to buffers of its own stage"),
    }
}

/// Memory of a chunk at work, for as long as it takes.
#[derive(Default)]
pub(super) struct Scratch {
    pub buffers: Vec<Memory>,
    pub pass: PassMemory,
}

/// A chunk of rows.
pub(super) struct Chunk<'a> {
    pub id: BatchId,
    /// Index in the source of each row's sample.
    pub samples: &'a [u64],
    /// What tells the rows apart for random choices.
    pub identities: &'a [u64],
    /// Index of its first row in the batch.
    pub start: usize,
    /// Whether clocks run between the members.
    pub clocked: bool,
    /// Who works on it.
    pub worker: usize,
}

/// Runs all members over a chunk. `cells` are the slot's buffers, then the scratch buffers.
pub(super) fn run(
    pipeline: &Pipeline,
    program: &StageProgram,
    chunk: &Chunk<'_>,
    cells: &mut [Cell<'_>],
    memory: &mut PassMemory,
    hub: Option<&Hub>,
) -> Result<(), RunError> {
    // Viewers are shown the first chunk of a batch. What they want may be of another pipeline.
    let wanted = |hub: &&Hub| hub.any_wanted() && program.members.iter().any(|member| hub.wanted(member.node));
    let watched = hub.filter(|_| chunk.start == 0).filter(wanted);
    if let Some(hub) = hub.filter(|_| watched.is_some() || chunk.clocked) {
        return run_each(pipeline, program, chunk, cells, hub, watched.is_some());
    }
    for unit in &program.units {
        match unit {
            Unit::Member(index) => apply(pipeline, &program.members[*index], chunk, cells, None, None)?,
            Unit::Rest(index, lent) => apply(pipeline, &program.members[*index], chunk, cells, Some(lent), None)?,
            Unit::Pass(unit) => passes::run(pipeline, unit, chunk, cells, memory)
                .map_err(|(node, failure)| failure.into_error(pipeline.name(node), chunk.start))?,
        }
    }
    Ok(())
}

/// Runs the members one by one, to look between them.
fn run_each(
    pipeline: &Pipeline,
    program: &StageProgram,
    chunk: &Chunk<'_>,
    cells: &mut [Cell<'_>],
    hub: &Hub,
    watched: bool,
) -> Result<(), RunError> {
    let mut clock = chunk.clocked.then(Instant::now);
    for member in &program.members {
        let before = (watched && hub.wanted(member.node))
            .then(|| images::capture(member.image_before.as_ref(), cells, chunk.samples.len()));
        let mut words = Vec::new();
        apply(pipeline, member, chunk, cells, None, before.is_some().then_some(&mut words))?;
        if let Some(before) = before {
            let after = images::capture(member.image_after.as_ref(), cells, chunk.samples.len());
            hub.offer(images::around(pipeline, member, chunk, before, after, cells, words));
        }
        if let Some(clock) = &mut clock {
            let now = Instant::now();
            hub.node_clock(member.node, chunk.worker, now.duration_since(*clock));
            *clock = now;
        }
    }
    Ok(())
}

/// Runs a member; a source without the field that it lends. `words` is told what was drawn for each row.
fn apply(
    pipeline: &Pipeline,
    member: &Member,
    chunk: &Chunk<'_>,
    cells: &mut [Cell<'_>],
    lent: Option<&str>,
    words: Option<&mut Vec<Vec<String>>>,
) -> Result<(), RunError> {
    for &(from, to) in &member.copies {
        let mut values = take(cells, to);
        values.copy_from(cells[from].values());
        cells[to] = Cell::Own(values);
    }
    let kernel = pipeline.kernel(member.node);
    if matches!(kernel, Kernel::View | Kernel::Model) {
        return Ok(());
    }
    let written = || member.outputs.iter().filter(|(name, _)| Some(name.as_str()) != lent);
    let mut taken: Vec<ValuesMut<'_>> = written().map(|(_, b)| take(cells, *b)).collect();
    let result = {
        let inputs = member.inputs.iter().map(|(name, b)| (name.as_str(), cells[*b].values())).collect();
        let outputs = written().zip(&mut taken).map(|((name, _), values)| (name.as_str(), values.again()));
        let draws = Draws::new(pipeline.node_key(member.node), chunk.id.epoch, chunk.identities);
        let mut rows = Rows::new(chunk.samples, draws, inputs, outputs.collect());
        let result = run_kernel(kernel, &mut rows);
        if let (Some(words), Kernel::Map(map), true) = (words, kernel, result.is_ok()) {
            *words = map.words(&rows);
        }
        result
    };
    for ((_, buffer), values) in written().zip(taken) {
        cells[*buffer] = Cell::Own(values);
    }
    result.map_err(|failure| failure.into_error(pipeline.name(member.node), chunk.start))
}

/// What a kernel can do wrong.
pub(super) enum Failure {
    Error(crate::operators::OperatorError),
    Panic(Box<dyn std::any::Any + Send>),
}

impl Failure {
    /// With the node's name. `start` is the batch's row that the kernel's rows began with.
    pub(super) fn into_error(self, node: &str, start: usize) -> RunError {
        match self {
            Self::Error(error) => {
                let row = error.row.map(|row| start + row);
                RunError { row, ..RunError::at(node, error) }
            }
            Self::Panic(payload) => RunError::panic(node, &*payload),
        }
    }
}

/// Runs a kernel that reads or maps rows. A panic is caught: the batch is given up, and nobody sees its half-written
/// rows.
pub(super) fn run_kernel(kernel: &Kernel, rows: &mut Rows<'_>) -> Result<(), Failure> {
    let run = AssertUnwindSafe(|| match kernel {
        Kernel::Source(source) => source.read(rows),
        Kernel::Map(map) => map.apply(rows),
        Kernel::View | Kernel::Model => Ok(()),
    });
    match catch_unwind(run) {
        Ok(result) => result.map_err(Failure::Error),
        Err(payload) => Err(Failure::Panic(payload)),
    }
}
