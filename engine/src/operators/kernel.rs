//! What works: the kernels that operators make.

use std::sync::{Mutex, PoisonError};

use crate::batch::{Rows, Schema};
use crate::data::{DataError, Found, Progress, Where, locate};
use crate::torch::{DeviceBatch, TorchError};

/// Why a kernel could not be made, or could not do its work. Whoever catches it adds the node's name.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct OperatorError {
    /// A sentence: what was expected, what was found.
    pub message: String,
}

impl OperatorError {
    /// From a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
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

    /// Writes the rows of these samples ([`Rows::samples`]) into the fields that the signature creates.
    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError>;

    /// What the user must know about the data, throughout the run.
    fn warning(&self) -> Option<String> {
        None
    }
}

/// Works on rows, each by itself: any chunking gives the same result.
pub trait Map: Send + Sync {
    /// Works on these rows.
    fn apply(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError>;
}

/// Works on a whole batch on a GPU, with the same result as the operator's [`Map`].
pub trait DeviceMap: Send {
    /// Works on a batch.
    fn apply(&self, batch: &mut DeviceBatch) -> Result<(), OperatorError>;
}

/// Called while data is fetched.
type Report = Box<dyn FnMut(Progress) + Send>;
/// Whether to stop fetching.
type Cancelled = Box<dyn Fn() -> bool + Send>;

/// What kernels share: where data comes from, found once.
pub struct Resources {
    place: Where,
    found: Mutex<Option<Found>>,
    report: Mutex<Report>,
    cancelled: Mutex<Cancelled>,
}

impl Resources {
    /// Data from there.
    pub fn new(place: Where) -> Self {
        Self {
            place,
            found: Mutex::new(None),
            report: Mutex::new(Box::new(|_| {})),
            cancelled: Mutex::new(Box::new(|| false)),
        }
    }

    /// Tells how a download goes, and stops it when asked.
    #[must_use]
    pub fn with_progress(self, report: Report, cancelled: Cancelled) -> Self {
        Self { report: Mutex::new(report), cancelled: Mutex::new(cancelled), ..self }
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
