//! A batch, or one sample, as it was in a run: made anew from the graph and the seed alone, and kept as it leaves each
//! node.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::RunError;
use super::inline::{Columns, columns};
use super::pipeline::Pipeline;
use crate::batch::{BatchId, Field, Slot, Values};
use crate::operators::Kernel;

/// Rows of a run, as they leave each node that leads to the pipeline's end.
///
/// Every random choice is a function of seed, node, epoch and sample, so that nothing of the run is needed; and kernels
/// give the same bytes on every device, so that the CPU stands for a GPU. The reference executor makes the rows.
pub struct Rebuilt {
    pipeline: Arc<Pipeline>,
    slot: Slot,
    columns: Columns,
    words: HashMap<usize, Vec<Vec<String>>>,
    /// The first row that is shown, and how many are.
    start: usize,
    rows: usize,
}

impl Rebuilt {
    /// All rows of a batch.
    ///
    /// # Errors
    ///
    /// If the epoch has no such batch, or a sample cannot be read and the source's `on_error` says `fail`.
    pub fn batch(pipeline: &Arc<Pipeline>, id: BatchId) -> Result<Self, RunError> {
        let batches = pipeline.batches_per_epoch();
        if id.index >= batches {
            let source = pipeline.name(pipeline.source());
            let message = format!("there is no batch {}: an epoch has {batches}, from 1 on", id.index + 1);
            return Err(RunError::at(source, message));
        }
        let mut slot = Slot { id, ..Slot::default() };
        pipeline.name_rows(&mut slot);
        let (columns, words) = made(pipeline, &mut slot)?;
        let rows = slot.samples.len();
        Ok(Self { pipeline: Arc::clone(pipeline), slot, columns, words, start: 0, rows })
    }

    /// One row of a batch, as [`Pipeline::find`] gives them. Alone, unless a node needs all rows of the batch. The
    /// sample is another one than that of the batch's order where that cannot be read and `on_error` says `replace`.
    ///
    /// # Errors
    ///
    /// If the sample cannot be read, and is not replaced.
    pub fn row(pipeline: &Arc<Pipeline>, id: BatchId, row: usize) -> Result<Self, RunError> {
        let mut slot = Slot { id, ..Slot::default() };
        pipeline.name_rows(&mut slot);
        let (sample, identity) = (slot.samples[row], slot.identities[row]);
        let whole = pipeline.nodes().any(|node| pipeline.plan().nodes[node].signature.whole_batch);
        if !whole {
            slot.samples = vec![sample];
            slot.identities = vec![identity];
        }
        let (columns, words) = made(pipeline, &mut slot).map_err(|error| match error.row {
            Some(_) if pipeline.skips() && !whole => {
                let message = format!("a run leaves sample {sample} out, since it cannot be read: {}", error.message);
                RunError { message, ..error }
            }
            _ => error,
        })?;
        // Rows before this one may have been left out.
        let Some(start) = slot.identities.iter().position(|i| *i == identity) else {
            let why = pipeline.failures().remove(&sample).unwrap_or_default();
            let message = format!("a run leaves sample {sample} out, since it cannot be read: {why}");
            return Err(RunError::at(pipeline.name(pipeline.source()), message));
        };
        Ok(Self { pipeline: Arc::clone(pipeline), slot, columns, words, start, rows: 1 })
    }

    /// Where a sample is in an epoch, from 0, or in one batch of it: each batch with the row in it, at least one.
    ///
    /// # Errors
    ///
    /// A sentence that says why the epoch does not have the sample: there is none of that number, `drop_last`, another
    /// part of a `shard`, an order that draws with replacement.
    pub fn places(
        pipeline: &Pipeline,
        epoch: u64,
        sample: u64,
        batch: Option<u64>,
    ) -> Result<Vec<(BatchId, usize)>, RunError> {
        let source = pipeline.name(pipeline.source());
        let all = pipeline.find(epoch, sample);
        if all.is_empty() {
            return Err(RunError::at(source, pipeline.why_absent(epoch, sample)));
        }
        let of_batch: Vec<_> = all.iter().copied().filter(|(id, _)| batch.is_none_or(|b| id.index == b)).collect();
        if of_batch.is_empty() {
            let mut others: Vec<String> = all.iter().map(|(id, _)| (id.index + 1).to_string()).collect();
            others.dedup();
            let batch = batch.unwrap_or_default() + 1;
            let message = format!(
                "batch {batch} of epoch {} does not have sample {sample}: it is in batch {}",
                epoch + 1,
                others.join(", ")
            );
            return Err(RunError::at(source, message));
        }
        Ok(of_batch)
    }

    /// The batch.
    pub fn id(&self) -> BatchId {
        self.slot.id
    }

    /// Index in the source of each row's sample.
    pub fn samples(&self) -> &[u64] {
        &self.slot.samples[self.start..self.start + self.rows]
    }

    /// Fields as they leave a node, in order.
    pub fn fields(&self, node: usize) -> impl Iterator<Item = &Field> {
        self.pipeline.plan().nodes[node].output.fields()
    }

    /// The rows of a field as it leaves a node; none if the node has no such field, or does not lead to the pipeline's
    /// end.
    pub fn column(&self, node: usize, field: &str) -> Option<(&Field, Values<'_>)> {
        let column = self.pipeline.plan().nodes[node].output.column(field)?;
        let (shape, memory) = self.columns.get(&(column.writer, field.to_owned()))?;
        let (end, row) = (self.start + self.rows, column.field.row_bytes());
        let values = match memory.rows(*shape, end) {
            Values::Bytes(bytes) => Values::Bytes(&bytes[self.start * row..]),
            Values::Items(items) => Values::Items(&items[self.start..]),
        };
        Some((&column.field, values))
    }

    /// What a node drew for a row, in words; nothing if it left the row as it was, or always does the same.
    pub fn words(&self, node: usize, row: usize) -> &[String] {
        let words = self.words.get(&node).and_then(|rows| rows.get(self.start + row));
        words.map(Vec::as_slice).unwrap_or_default()
    }
}

/// What a slot's rows become, without those that cannot be read.
#[expect(clippy::type_complexity, reason = "what `Rebuilt` is made of")]
fn made(pipeline: &Pipeline, slot: &mut Slot) -> Result<(Columns, HashMap<usize, Vec<Vec<String>>>), RunError> {
    loop {
        let mut words = HashMap::new();
        let made = columns(pipeline, slot, |node, rows| {
            if let Kernel::Map(map) = pipeline.kernel(node) {
                words.insert(node, map.words(rows));
            }
        });
        match made {
            Ok(columns) => return Ok((columns, words)),
            // What alone is left out leaves nothing: the caller says what that means.
            Err(error) if pipeline.skips() && slot.samples.len() == 1 => return Err(error),
            Err(error) => pipeline.mend(error, slot)?,
        }
    }
}
