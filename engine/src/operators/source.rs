//! What all sources have in common: batches, order, subsets, what to do about samples that cannot be read.

use std::fmt;
use std::sync::Arc;

use crate::data::Dataset;
use crate::params::{Fault, Faults, choice, grouped, plural};

choice! {
    /// Order of the samples in an epoch.
    pub enum Order {
        /// As they are stored.
        Sequential = "sequential",
        /// Shuffled, anew in each epoch: any order is as likely, and it is never stored.
        Random = "random",
        /// Shuffled in pages of neighbours: pages in random order, samples in random order within a window of pages. For
        /// data that is read from a disk or a server and does not fit into memory.
        QuasiRandom = "quasi_random",
        /// Drawn with replacement: each class is as likely, then each sample of the class.
        ClassBalanced = "class_balanced",
        /// Drawn with replacement, each sample as likely as its weight says.
        Weighted = "weighted",
    }
}

choice! {
    /// What to do about a sample that cannot be read or decoded.
    pub enum OnError {
        /// End the run.
        Fail = "fail",
        /// Leave the sample out: its batch has a row less.
        Skip = "skip",
        /// Take the next sample that can be read in its place.
        Replace = "replace",
    }
}

/// Declares the parameters of a source: its own, then those that all sources have, and `common()`, which gives the
/// latter.
macro_rules! source_params {
    (
        $(#[doc = $docs:literal])*
        pub struct $name:ident $(: $default:ident)? { $($body:tt)* }
    ) => {
        $crate::params::params! {
            $(#[doc = $docs])*
            pub struct $name $(: $default)? {
                $($body)*
                /// Samples of a batch.
                batch_size: usize = 512 => 1..=65_536,
                /// Order of the samples in an epoch.
                order: $crate::operators::Order = $crate::operators::Order::Sequential,
                /// Whether the last batch of an epoch is left out if it is not full.
                drop_last: bool = false,
                /// File with the numbers of the samples to use, counted from 0: a `.npy` of whole numbers, or text, one
                /// a line. The order `sequential` keeps theirs.
                indices: Option<String> = None,
                /// File with a weight for each sample, for the order `weighted`: a `.npy`, or text, one a line.
                weights: Option<String> = None,
                /// This part of so many: [part, parts], parts counted from 0. Together they go through all samples once
                /// an epoch, and each has as many.
                shard: Option<[u64; 2]> = None,
                /// What to do about a sample that cannot be read or decoded.
                on_error: $crate::operators::OnError = $crate::operators::OnError::Fail,
                /// How many different samples may be skipped or replaced before the run ends: a number from 1 on, or a
                /// share of all samples below 1.
                max_failures: f64 = 0.01 => 0.0..=1e15,
            }
        }

        impl $name {
            /// What all sources have.
            pub(crate) fn common(&self) -> $crate::operators::source::Common<'_> {
                $crate::operators::source::Common {
                    batch_size: self.batch_size,
                    order: self.order,
                    drop_last: self.drop_last,
                    indices: self.indices.as_deref(),
                    weights: self.weights.as_deref(),
                    shard: self.shard,
                    on_error: self.on_error,
                    max_failures: self.max_failures,
                }
            }
        }
    };
}
pub(crate) use source_params;

/// The parameters that all sources have.
pub(crate) struct Common<'a> {
    pub batch_size: usize,
    pub order: Order,
    pub drop_last: bool,
    pub indices: Option<&'a str>,
    pub weights: Option<&'a str>,
    pub shard: Option<[u64; 2]>,
    pub on_error: OnError,
    pub max_failures: f64,
}

/// Data that was opened for its schema, and is used by the run.
#[derive(Clone)]
pub struct Opened(pub Arc<dyn Dataset>);

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {:?}", self.0.rows(), self.0.fields())
    }
}

impl PartialEq for Opened {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The rows of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceShape {
    /// How many samples the data has.
    pub rows: u64,
    /// Rows of a batch.
    pub batch_size: usize,
    /// Whether the last batch of an epoch is left out if it is not full.
    pub drop_last: bool,
    /// Order of the samples.
    pub order: Order,
    /// The samples to use; none for all.
    pub indices: Option<Arc<[u64]>>,
    /// Weight of each sample of the data, for the order `weighted`.
    pub weights: Option<Arc<[f64]>>,
    /// Which part, of how many.
    pub shard: [u64; 2],
    /// What to do about a sample that cannot be read.
    pub on_error: OnError,
    /// How many different samples may be skipped or replaced.
    pub max_failures: u64,
    /// Name of each class, in the order of the labels.
    pub classes: Vec<String>,
    /// What was opened for the schema.
    pub data: Option<Opened>,
}

impl SourceShape {
    /// Samples of an epoch, of this part.
    pub fn samples(&self) -> u64 {
        let used = self.indices.as_ref().map_or(self.rows, |indices| indices.len() as u64);
        let parts = self.shard[1].max(1);
        if self.drop_last { used / parts } else { used.div_ceil(parts) }
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> u64 {
        let size = self.batch_size.max(1) as u64;
        if self.drop_last { self.samples() / size } else { self.samples().div_ceil(size) }
    }

    /// `50,000 samples, 97 batches of 512 an epoch, 336 samples left out`
    pub fn words(&self) -> String {
        let (samples, batches, size) = (self.samples(), self.batches(), self.batch_size as u64);
        let left = if self.drop_last { samples.saturating_sub(batches * size) } else { 0 };
        let left = if left > 0 { format!(", {} left out", plural(left, "sample")) } else { String::new() };
        let (batches, size) = (plural(batches, "batch"), grouped(size as f64));
        format!("{}, {batches} of {size} an epoch{left}", plural(samples, "sample"))
    }
}

impl Common<'_> {
    /// The shape of a source of so many rows.
    pub(crate) fn shape(&self, rows: u64, classes: Vec<String>) -> Result<SourceShape, Faults> {
        let mut faults = Faults::default();
        let indices = self.indices.and_then(|path| faults.keep(read_indices(path, rows)));
        let weights = self.weights.and_then(|path| faults.keep(read_weights(path, rows)));
        if self.order == Order::Weighted && self.weights.is_none() {
            let fault = Fault::new("/order", "the order `weighted` needs `weights`");
            faults.0.push(fault.hint("add \"weights\" with a file that has a weight for each sample"));
        }
        if self.order != Order::Weighted && self.weights.is_some() {
            let fault = Fault::new("/weights", "`weights` without the order `weighted`");
            faults.0.push(fault.hint("write \"order\": \"weighted\""));
        }
        let shard = self.shard.unwrap_or([0, 1]);
        if shard[1] == 0 || shard[0] >= shard[1] {
            let fault = Fault::new("/shard", "there is no such part").expected("[part, parts], part below parts");
            faults.0.push(fault.given(format!("[{}, {}]", shard[0], shard[1])).hint("parts are counted from 0"));
        }
        faults.end()?;
        let max_failures = if self.max_failures < 1.0 { self.max_failures * rows as f64 } else { self.max_failures };
        Ok(SourceShape {
            rows,
            batch_size: self.batch_size,
            drop_last: self.drop_last,
            order: self.order,
            indices,
            weights,
            shard,
            on_error: self.on_error,
            max_failures: max_failures as u64,
            classes,
            data: None,
        })
    }
}

fn read_indices(path: &str, rows: u64) -> Result<Arc<[u64]>, Faults> {
    let fault = |message: String| Faults::from(Fault::new("/indices", message));
    let numbers = crate::data::numbers::whole_numbers(path.as_ref()).map_err(|e| fault(e.to_string()))?;
    let beyond = numbers.iter().enumerate().find(|(_, n)| !u64::try_from(**n).is_ok_and(|n| n < rows));
    match beyond {
        _ if numbers.is_empty() => Err(fault(format!("the file has no numbers: {path}"))),
        Some((place, given)) => {
            let fault = Fault::new("/indices", format!("number {} of the file is no sample: {path}", place + 1));
            Err(fault.expected(format!("0 to {}", rows.saturating_sub(1))).given(given.to_string()).into())
        }
        None => Ok(numbers.into_iter().map(|n| n as u64).collect()),
    }
}

fn read_weights(path: &str, rows: u64) -> Result<Arc<[f64]>, Faults> {
    let fault = |message: String| Faults::from(Fault::new("/weights", message));
    let numbers = crate::data::numbers::numbers(path.as_ref()).map_err(|e| fault(e.to_string()))?;
    if numbers.len() as u64 != rows {
        let fault = Fault::new("/weights", format!("wrong number of weights: {path}"));
        return Err(fault.expected(format!("{rows}, one for each sample")).given(numbers.len().to_string()).into());
    }
    let unfit = numbers.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0));
    match unfit {
        Some((row, given)) => {
            let fault = Fault::new("/weights", format!("the weight of sample {row} does not fit: {path}"));
            Err(fault.expected("a number of at least 0").given(given.to_string()).into())
        }
        None if numbers.iter().sum::<f64>() > 0.0 => Ok(numbers.into()),
        None => Err(fault(format!("all weights are 0: {path}"))),
    }
}
