//! Samples that cannot be read: what becomes of their rows, and how many there may be.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::error::RunError;
use crate::batch::Slot;
use crate::operators::{OnError, Source, SourceShape};

/// Bad samples that an error lists at most; each was told when it was found.
const LISTED: usize = 20;

/// How many bad samples are told one by one.
const TOLD: usize = 20;

/// The bad samples of a pipeline so far.
pub(super) struct Failures {
    policy: OnError,
    max: u64,
    rows: u64,
    /// What was wrong with each.
    seen: Mutex<BTreeMap<u64, String>>,
}

/// What to tell the user.
pub(super) struct Told {
    /// A sentence, the first time that the sample fails.
    pub first_time: Option<String>,
}

impl Failures {
    pub(super) fn new(shape: &SourceShape) -> Self {
        Self { policy: shape.on_error, max: shape.max_failures, rows: shape.rows, seen: Mutex::default() }
    }

    /// What was wrong with each bad sample.
    pub(super) fn seen(&self) -> BTreeMap<u64, String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the failed row out of a slot, or puts another sample in its place: then the batch is made anew. The same
    /// rows in every run: what replaces a sample is the next one that can be read, whoever fails first.
    pub(super) fn mend(&self, error: RunError, slot: &mut Slot, source: &dyn Source) -> Result<Told, RunError> {
        let Some(row) = error.row.filter(|row| *row < slot.samples.len()) else { return Err(error) };
        let sample = slot.samples[row];
        let place = source.place(sample);
        if self.policy == OnError::Fail {
            let named = error.message.contains(&place);
            let message = if named { error.message } else { format!("{}: {place}", error.message) };
            let message =
                format!("{message}\n  hint  \"on_error\": \"skip\" or \"replace\" at the source goes on without it");
            return Err(RunError { message, ..error });
        }
        let node = error.node.clone();
        let first_time = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let new = seen.insert(sample, error.message.clone()).is_none();
            if seen.len() as u64 > self.max.min(self.rows.saturating_sub(1)) {
                let listed =
                    seen.iter().take(LISTED).map(|(sample, why)| format!("\n  {}: {why}", source.place(*sample)));
                let more = seen.len().saturating_sub(LISTED);
                let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
                let message = format!(
                    "{} cannot be read, and `max_failures` allows {}:{}{more}",
                    match seen.len() {
                        1 => "1 sample".to_owned(),
                        many => format!("{many} samples"),
                    },
                    self.max,
                    listed.collect::<String>()
                );
                return Err(RunError { node, message, row: None });
            }
            (new && seen.len() <= TOLD + 1).then(|| {
                let what = if self.policy == OnError::Skip { "is left out" } else { "is replaced by the next one" };
                // Some errors name the place themselves.
                let reason = error.message.strip_suffix(&format!(": {place}")).unwrap_or(&error.message);
                match seen.len() {
                    0..=TOLD => format!("{place} {what}: {reason}"),
                    _ => "more samples cannot be read, which are not listed any more".to_owned(),
                }
            })
        };
        match self.policy {
            OnError::Skip => {
                slot.samples.remove(row);
                slot.identities.remove(row);
                if slot.samples.is_empty() {
                    let message =
                        "no sample of a batch can be read; with \"on_error\": \"replace\" others take their places"
                            .to_owned();
                    return Err(RunError { node, message, row: None });
                }
            }
            OnError::Replace | OnError::Fail => {
                slot.samples[row] = (sample + 1) % self.rows;
            }
        }
        Ok(Told { first_time })
    }
}
