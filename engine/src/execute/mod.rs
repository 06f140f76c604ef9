//! Runs the data pipeline of a plan: batches, in order, from a given one on.
//!
//! Two executors over one plan: [`Inline`], the reference, one thread and one node after the other; [`Threaded`], fused
//! stages over chunks of rows on a pool of workers, with several batches in flight. They give the same bits, whatever
//! the number of workers and the size of the chunks.

mod chunk;
mod error;
mod failures;
mod images;
mod inline;
mod limits;
mod order;
mod passes;
mod pipeline;
mod program;
mod rebuild;
mod seen;
mod stop;
mod threaded;
mod waits;

use std::sync::Arc;
use std::time::Duration;

pub use error::RunError;
pub use images::{batch_pictures, sample_labels};
pub use inline::Inline;
pub use limits::Limit;
pub use pipeline::{DeviceKernel, Pipeline};
pub use rebuild::Rebuilt;
pub use seen::sample_seen;
pub use stop::StopToken;
pub use threaded::Threaded;

use crate::batch::{Batch, BatchId};

/// Batches in order, from one to another, over the ends of epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchRange {
    /// The first.
    pub start: BatchId,
    /// Epoch of the first that is not among them.
    pub end_epoch: u64,
}

impl BatchRange {
    /// All batches of some epochs.
    pub fn epochs(epochs: std::ops::Range<u64>) -> Self {
        Self { start: BatchId { epoch: epochs.start, index: 0 }, end_epoch: epochs.end }
    }

    /// How many they are, with so many batches an epoch.
    pub fn len(&self, per_epoch: u64) -> u64 {
        (self.end_epoch.saturating_sub(self.start.epoch) * per_epoch).saturating_sub(self.start.index)
    }

    /// The one of a sequence number, from 0.
    fn at(&self, sequence: u64, per_epoch: u64) -> BatchId {
        let number = self.start.index + sequence;
        BatchId { epoch: self.start.epoch + number / per_epoch, index: number % per_epoch }
    }
}

/// Something that runs pipelines.
pub trait Executor {
    /// Starts a pipeline. Work may begin at once, before the first batch is asked for.
    fn start(&self, pipeline: &Arc<Pipeline>, range: BatchRange) -> Box<dyn Batches>;

    /// Ends what was started, and what will be.
    fn stop_token(&self) -> &StopToken;
}

/// A running pipeline. Dropping it stops it.
pub trait Batches {
    /// The next batch; none after the last, or when the run was stopped. After an error there are no more.
    fn next(&mut self) -> Result<Option<Batch>, RunError>;

    /// How long the caller of [`Batches::next`] has waited in all.
    fn waited(&self) -> Duration;
}
