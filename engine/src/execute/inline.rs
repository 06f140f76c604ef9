//! The reference: one thread, one node after the other over whole batches, every field in memory of its own.
//!
//! Nothing is shared with the other executor but the kernels: no fusing, no chunks, no reuse of memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::chunk::run_kernel;
use super::error::RunError;
use super::pipeline::Pipeline;
use super::stop::StopToken;
use super::{BatchRange, Batches, Executor};
use crate::batch::{Batch, BatchId, Draws, Field, Memory, RowShape, Rows, Slot};
use crate::operators::{Kernel, WriteMode};

/// The reference executor.
#[derive(Clone, Debug, Default)]
pub struct Inline {
    /// Ends the batches when set.
    pub stop: StopToken,
}

impl Executor for Inline {
    fn stop_token(&self) -> &StopToken {
        &self.stop
    }

    fn start(&self, pipeline: &Arc<Pipeline>, range: BatchRange) -> Box<dyn Batches> {
        Box::new(InlineBatches {
            pipeline: Arc::clone(pipeline),
            range,
            next: 0,
            stop: self.stop.clone(),
            failed: false,
        })
    }
}

struct InlineBatches {
    pipeline: Arc<Pipeline>,
    range: BatchRange,
    next: u64,
    stop: StopToken,
    failed: bool,
}

impl Batches for InlineBatches {
    fn next(&mut self) -> Result<Option<Batch>, RunError> {
        let per_epoch = self.pipeline.batches_per_epoch();
        if self.failed || self.next == self.range.len(per_epoch) || self.stop.stopped() {
            return Ok(None);
        }
        let id = self.range.at(self.next, per_epoch);
        self.next += 1;
        let batch = make(&self.pipeline, id);
        self.failed = batch.is_err();
        batch.map(Some)
    }

    fn waited(&self) -> Duration {
        Duration::ZERO
    }
}

/// One batch, by itself.
fn make(pipeline: &Pipeline, id: BatchId) -> Result<Batch, RunError> {
    let mut slot = Slot { id, ..Slot::default() };
    pipeline.name_rows(&mut slot);
    loop {
        match fill(pipeline, &mut slot) {
            Ok(fields) => return Ok(Batch::new(slot, fields.into(), None)),
            Err(error) => pipeline.mend(error, &mut slot)?,
        }
    }
}

/// Each field as each node wrote it.
pub(super) type Columns = HashMap<(usize, String), (RowShape, Memory)>;

/// Makes the rows that a slot names; the fields that come out.
fn fill(pipeline: &Pipeline, slot: &mut Slot) -> Result<Vec<(Field, usize)>, RunError> {
    let mut columns = columns(pipeline, slot, |_, _| {})?;
    slot.buffers.clear();
    let end = &pipeline.plan().nodes[pipeline.end()];
    let mut fields = Vec::new();
    for (field, _) in pipeline.outputs().iter() {
        let column = end.output.column(&field.name).expect("what comes out leaves the last node");
        let (_, memory) =
            columns.remove(&(column.writer, field.name.clone())).expect("each field that comes out was written, once");
        fields.push((field.clone(), slot.buffers.len()));
        slot.buffers.push(memory);
    }
    Ok(fields)
}

/// Makes the rows that a slot names: all that any node on the way writes. `done` is told of each node, with the rows that
/// its kernel has worked on.
pub(super) fn columns(
    pipeline: &Pipeline,
    slot: &Slot,
    mut done: impl FnMut(usize, &Rows<'_>),
) -> Result<Columns, RunError> {
    let plan = pipeline.plan();
    let rows = slot.samples.len();
    let mut columns = Columns::new();
    for member in pipeline.program.stages.iter().flat_map(|s| &s.members) {
        let node = &plan.nodes[member.node];
        let arriving = |name: &str| {
            let column = node.input.column(name)?;
            let (shape, memory) = columns.get(&(column.writer, name.to_owned()))?;
            Some(memory.rows(*shape, rows))
        };
        let mut outputs: Vec<(&str, RowShape, Memory)> = Vec::new();
        for write in &node.signature.writes {
            let shape = RowShape::of(&write.field);
            let mut memory = shape.memory(rows);
            if matches!(write.mode, WriteMode::Update | WriteMode::View)
                && let Some(old) = arriving(&write.field.name)
            {
                memory.rows_mut(shape, rows).copy_from(old);
            }
            outputs.push((&write.field.name, shape, memory));
        }
        let kernel = pipeline.kernel(member.node);
        if !matches!(kernel, Kernel::View) {
            let draws = Draws::new(pipeline.node_key(member.node), slot.id.epoch, &slot.identities);
            let reads = node.signature.reads.iter();
            let reads = reads.filter_map(|name| Some((name.as_str(), arriving(name)?))).collect();
            let writes = outputs.iter_mut().map(|(name, shape, memory)| (*name, memory.rows_mut(*shape, rows)));
            let mut seen = Rows::new(&slot.samples, draws, reads, writes.collect());
            run_kernel(kernel, &mut seen).map_err(|failure| failure.into_error(&node.name, 0))?;
            done(member.node, &seen);
        }
        let aliases: Vec<(&String, RowShape, Memory)> = node
            .signature
            .aliases
            .iter()
            .filter_map(|alias| {
                let shape = RowShape::of(node.input.field(&alias.from)?);
                let mut memory = shape.memory(rows);
                memory.rows_mut(shape, rows).copy_from(arriving(&alias.from)?);
                Some((&alias.to, shape, memory))
            })
            .collect();
        for (name, shape, memory) in aliases {
            columns.insert((member.node, name.clone()), (shape, memory));
        }
        for (name, shape, memory) in outputs {
            columns.insert((member.node, name.to_owned()), (shape, memory));
        }
    }
    Ok(columns)
}
