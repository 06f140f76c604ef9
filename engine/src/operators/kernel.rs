//! What works: the kernels that operators make.

use std::sync::{Arc, Mutex, PoisonError};

use pixels::{Pixels, ValueTable};

use super::image_op::ImageOp;
use super::source::SourceShape;
use crate::batch::{Draws, ImageSize, Rows, Schema};
use crate::data::{DataError, Found, Progress, Where, locate};
use crate::params::Faults;
use crate::torch::{DeviceBatch, TorchError};

/// Why a kernel could not be made, or could not do its work. Whoever catches it adds the node's name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct OperatorError {
    /// A sentence: what was expected, what was found.
    pub message: String,
    /// The row it is about, of those that the kernel was given, if it is about one: then the source's `on_error` says
    /// what becomes of the row.
    pub row: Option<usize>,
}

impl OperatorError {
    /// From a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), row: None }
    }

    /// From faults that were looked for before, and are found only now: a file has changed.
    pub(super) fn of_faults(faults: Faults) -> Self {
        Self::new(faults.0.into_iter().map(|fault| fault.message).collect::<Vec<_>>().join("; "))
    }

    /// About one row.
    pub fn at_row(row: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), row: Some(row) }
    }
}

impl From<DataError> for OperatorError {
    fn from(error: DataError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<TorchError> for OperatorError {
    fn from(error: TorchError) -> Self {
        Self::new(error.0)
    }
}

/// Where a kernel will work.
pub struct Site<'a> {
    /// What arrives at the node; empty for a source.
    pub input: &'a Schema,
    /// What the signature of a source said.
    pub source: Option<&'a SourceShape>,
    /// Where data comes from.
    pub resources: &'a Resources,
}

/// The effect on rows is the variant: that is what decides whether a node can be fused.
pub enum Kernel {
    /// Makes rows.
    Source(Box<dyn Source>),
    /// Works on any range of rows by itself.
    Map(Box<dyn Map>),
    /// Does nothing: its fields are the same bytes.
    View,
    /// Trains; the training loop does it.
    Model,
}

/// Makes rows of samples.
pub trait Source: Send + Sync {
    /// How many samples there are.
    fn rows(&self) -> u64;

    /// Writes the rows of these samples ([`Rows::samples`]) into those of the fields that the signature creates which
    /// are wanted ([`Rows::wants`]).
    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError>;

    /// What the user must know about the data, throughout the run.
    fn warning(&self) -> Option<String> {
        None
    }

    /// The label of a sample, for orders that depend on it; none if there are no labels.
    fn label(&self, sample: u64) -> Result<Option<i64>, OperatorError> {
        let _ = sample;
        Ok(None)
    }

    /// The field whose images [`lend`](Self::lend) gives without a copy.
    fn lends(&self) -> Option<&str> {
        None
    }

    /// The image of a sample where it lies: the same pixels as [`read`](Self::read) writes.
    fn lend(&self, sample: u64) -> Result<Pixels<'_>, OperatorError> {
        let _ = sample;
        Err(OperatorError::new("this source lends nothing"))
    }

    /// A sample is read soon.
    fn prefetch(&self, sample: u64) {
        let _ = sample;
    }

    /// How many neighbours lie together where they are stored.
    fn rows_per_page(&self) -> u64 {
        1024
    }

    /// Where a sample lies, for messages.
    fn place(&self, sample: u64) -> String {
        format!("sample {sample}")
    }
}

/// Works on rows, each by itself: any chunking gives the same result. Unless the signature says
/// [`whole_batch`](super::Signature::whole_batch): then it is always given all rows of a batch.
pub trait Map: Send + Sync {
    /// Works on these rows.
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError>;

    /// What it is to a pass over several nodes.
    fn part(&self) -> Part<'_> {
        Part::Whole
    }

    /// What [`apply`](Self::apply) did to each of these rows, in a few words for each thing: what was drawn for it, not
    /// what is the same for all. For people who look at a sample; nothing for what says all of it by its name.
    fn words(&self, rows: &Rows<'_>) -> Vec<Vec<String>> {
        vec![Vec::new(); rows.len()]
    }
}

/// What a map is to a pass over several nodes. The result is that of [`Map::apply`], to the bit.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    /// Not a part of one.
    Whole,
    /// Steps over an image of bytes.
    Image {
        /// The field.
        field: &'a str,
        /// Its size before.
        size: ImageSize,
        /// The steps.
        op: &'a dyn ImageOp,
    },
    /// Every value from a table.
    Values {
        /// The field, an image of bytes with the channels of each pixel together.
        field: &'a str,
        /// Its size.
        size: ImageSize,
        /// The table.
        table: &'a ValueTable,
    },
}

/// Works on a whole batch on a GPU, with the same result as the operator's [`Map`].
pub trait DeviceMap: Send {
    /// Works on a batch; `draws` are the random numbers of the node for its rows.
    fn apply(&self, batch: &mut DeviceBatch, draws: Draws<'_>) -> Result<(), OperatorError>;
}

/// Called while data is fetched.
type Report = Box<dyn FnMut(Progress) + Send>;
/// Whether to stop fetching.
type Cancelled = Box<dyn Fn() -> bool + Send>;

/// Tells the user of something, in a sentence.
pub type Warn = Arc<dyn Fn(String) + Send + Sync>;

/// What kernels share: where data comes from, found once.
pub struct Resources {
    place: Where,
    found: Mutex<Option<Found>>,
    report: Mutex<Report>,
    cancelled: Mutex<Cancelled>,
    warn: Warn,
}

impl Resources {
    /// Data from there.
    pub fn new(place: Where) -> Self {
        Self {
            place,
            found: Mutex::new(None),
            report: Mutex::new(Box::new(|_| {})),
            cancelled: Mutex::new(Box::new(|| false)),
            warn: Arc::new(|_| {}),
        }
    }

    /// Tells how a download goes, and stops it when asked.
    #[must_use]
    pub fn with_progress(self, report: Report, cancelled: Cancelled) -> Self {
        Self { report: Mutex::new(report), cancelled: Mutex::new(cancelled), ..self }
    }

    /// Tells of samples that are left out or replaced.
    #[must_use]
    pub fn with_warnings(self, warn: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { warn: Arc::new(warn), ..self }
    }

    /// Who is told.
    pub fn warnings(&self) -> Warn {
        Arc::clone(&self.warn)
    }

    /// Where CIFAR-10 is. The first call looks, and downloads if need be.
    pub fn cifar10(&self) -> Result<Found, DataError> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*found {
            return Ok(found.clone());
        }
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let cancelled = self.cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(found.insert(locate(&self.place, &mut **report, &**cancelled)?).clone())
    }
}
