//! One chunk of rows through all members of a stage.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use telemetry::Hub;

use super::error::RunError;
use super::images;
use super::pipeline::Pipeline;
use super::program::{Member, StageProgram};
use crate::batch::{BatchId, Draws, Rows};
use crate::operators::Kernel;

/// The rows of a buffer that belong to a chunk.
pub(super) enum Cell<'a> {
    /// Written by an earlier stage.
    Shared(&'a [u8]),
    /// This stage's own.
    Own(&'a mut [u8]),
}

impl Cell<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Takes a buffer to write to it; the place is empty until it is put back.
fn take<'a>(cells: &mut [Cell<'a>], index: usize) -> &'a mut [u8] {
    match std::mem::replace(&mut cells[index], Cell::Shared(&[])) {
        Cell::Own(bytes) => bytes,
        Cell::Shared(_) => unreachable!("a member writes only to buffers of its own stage"),
    }
}

/// A chunk of rows.
pub(super) struct Chunk<'a> {
    pub id: BatchId,
    /// Index in the source of each row's sample.
    pub samples: &'a [u64],
    /// Whether it is the first of its batch: the one that viewers are shown.
    pub first: bool,
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
    hub: Option<&Hub>,
) -> Result<(), RunError> {
    let watched = hub.filter(|hub| chunk.first && hub.any_wanted());
    let mut clock = chunk.clocked.then(Instant::now);
    for member in &program.members {
        let before = watched.filter(|hub| hub.wanted(member.node));
        let before = before.map(|_| images::capture(member.image_before.as_ref(), cells, chunk.samples.len()));
        apply(pipeline, member, chunk, cells)?;
        if let (Some(before), Some(hub)) = (before, watched) {
            let after = images::capture(member.image_after.as_ref(), cells, chunk.samples.len());
            hub.offer(images::around(pipeline, member, chunk, before, after, cells));
        }
        if let (Some(clock), Some(hub)) = (&mut clock, hub) {
            let now = Instant::now();
            hub.node_clock(member.node, chunk.worker, now.duration_since(*clock));
            *clock = now;
        }
    }
    Ok(())
}

fn apply(pipeline: &Pipeline, member: &Member, chunk: &Chunk<'_>, cells: &mut [Cell<'_>]) -> Result<(), RunError> {
    for &(from, to) in &member.copies {
        let bytes = take(cells, to);
        bytes.copy_from_slice(cells[from].bytes());
        cells[to] = Cell::Own(bytes);
    }
    let kernel = pipeline.kernel(member.node);
    if matches!(kernel, Kernel::View | Kernel::Model) {
        return Ok(());
    }
    let mut taken: Vec<&mut [u8]> = member.outputs.iter().map(|(_, b)| take(cells, *b)).collect();
    let result = {
        let inputs = member.inputs.iter().map(|(name, b)| (name.as_str(), cells[*b].bytes())).collect();
        let outputs = member.outputs.iter().zip(&mut taken).map(|((name, _), bytes)| (name.as_str(), &mut **bytes));
        let draws = Draws::new(pipeline.key(member.node, chunk.id.epoch), chunk.samples);
        run_kernel(kernel, &mut Rows::new(draws, inputs, outputs.collect()))
    };
    for ((_, buffer), bytes) in member.outputs.iter().zip(taken) {
        cells[*buffer] = Cell::Own(bytes);
    }
    result.map_err(|error| match error {
        Failure::Error(error) => RunError::at(pipeline.name(member.node), error),
        Failure::Panic(payload) => RunError::panic(pipeline.name(member.node), &*payload),
    })
}

/// What a kernel can do wrong.
pub(super) enum Failure {
    Error(crate::operators::OperatorError),
    Panic(Box<dyn std::any::Any + Send>),
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
