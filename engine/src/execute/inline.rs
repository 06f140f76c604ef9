//! The reference: one thread, one node after the other over whole batches, every field in memory of its own.
//!
//! Nothing is shared with the other executor but the kernels: no fusing, no chunks, no reuse of memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::chunk::{Failure, run_kernel};
use super::error::RunError;
use super::pipeline::Pipeline;
use super::stop::StopToken;
use super::{BatchRange, Batches, Executor};
use crate::batch::{Batch, BatchId, Buffer, Draws, Rows, Slot};
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
    let plan = pipeline.plan();
    let mut samples = Vec::new();
    pipeline.samples(id, &mut samples);
    let rows = samples.len();
    // Each field as each node wrote it.
    let mut columns: HashMap<(usize, String), Vec<u8>> = HashMap::new();
    for member in pipeline.program.stages.iter().flat_map(|s| &s.members) {
        let node = &plan.nodes[member.node];
        let arriving = |columns: &HashMap<(usize, String), Vec<u8>>, name: &str| {
            let column = node.input.column(name)?;
            columns.get(&(column.writer, name.to_owned())).cloned()
        };
        let mut inputs: Vec<(&str, Vec<u8>)> = Vec::new();
        let mut outputs: Vec<(&str, Buffer)> = Vec::new();
        for name in &node.signature.reads {
            inputs.extend(arriving(&columns, name).map(|bytes| (name.as_str(), bytes)));
        }
        for write in &node.signature.writes {
            let mut buffer = Buffer::zeroed(rows * write.field.row_bytes());
            if matches!(write.mode, WriteMode::Update | WriteMode::View)
                && let Some(old) = arriving(&columns, &write.field.name)
            {
                buffer.bytes_mut().copy_from_slice(&old);
            }
            outputs.push((&write.field.name, buffer));
        }
        let kernel = pipeline.kernel(member.node);
        if !matches!(kernel, Kernel::View) {
            let draws = Draws::new(pipeline.key(member.node, id.epoch), &samples);
            let aligned: Vec<(&str, Buffer)> =
                inputs.into_iter().map(|(name, bytes)| (name, aligned(&bytes))).collect();
            let reads = aligned.iter().map(|(name, buffer)| (*name, buffer.bytes())).collect();
            let writes = outputs.iter_mut().map(|(name, buffer)| (*name, buffer.bytes_mut())).collect();
            run_kernel(kernel, &mut Rows::new(draws, reads, writes)).map_err(|failure| match failure {
                Failure::Error(error) => RunError::at(&node.name, error),
                Failure::Panic(payload) => RunError::panic(&node.name, &*payload),
            })?;
        }
        for (name, buffer) in outputs {
            columns.insert((member.node, name.to_owned()), buffer.bytes().to_vec());
        }
    }
    let mut slot = Slot { id, samples, buffers: Vec::new() };
    let end = &plan.nodes[pipeline.end()];
    let mut fields = Vec::new();
    for (field, _) in pipeline.outputs().iter() {
        let column = end.output.column(&field.name).expect("what comes out leaves the last node");
        let bytes = &columns[&(column.writer, field.name.clone())];
        fields.push((field.clone(), slot.buffers.len()));
        slot.buffers.push(aligned(bytes));
    }
    Ok(Batch::new(slot, fields.into(), None))
}

fn aligned(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::zeroed(bytes.len());
    buffer.bytes_mut().copy_from_slice(bytes);
    buffer
}
