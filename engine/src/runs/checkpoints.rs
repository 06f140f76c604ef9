//! The checkpoints of a run: when they are made, which ones stay, which one to go on from.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::folder::{FolderError, Laid};
use crate::train::{Checkpoint, CheckpointError, Keeper, Moment, Position};

const BEST: &str = "best";
const EXTENSION: &str = "safetensors";

/// When checkpoints are made beside those of each epoch and of the end, and how many stay beside the best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Steps between two.
    #[serde(rename = "checkpoint_every")]
    pub every: Option<u64>,
    /// Minutes between two.
    #[serde(rename = "checkpoint_minutes")]
    pub minutes: Option<f64>,
    /// How many of the latest stay.
    pub keep: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self { every: None, minutes: None, keep: 2 }
    }
}

/// Keeps the latest checkpoints of a run and the best one.
pub struct Checkpoints {
    folder: PathBuf,
    policy: Policy,
    best: Option<f64>,
    /// Step of the last one on the disk, and when that was.
    last: Option<u64>,
    last_time: Instant,
    /// What lies beside them, to be laid again where the folder has vanished.
    laid: Option<Laid>,
    relocked: Option<File>,
}

impl Checkpoints {
    /// Of a folder, which may hold some already.
    pub fn new(folder: &Path, policy: Policy) -> Self {
        let best = Checkpoint::read(&folder.join(BEST).with_extension(EXTENSION)).ok();
        let best = best.and_then(|best| best.position.test_accuracy);
        let (folder, last_time) = (folder.to_path_buf(), Instant::now());
        Self { folder, policy, best, last: None, last_time, laid: None, relocked: None }
    }

    /// With what lies beside them, to be laid again where the folder has vanished.
    #[must_use]
    pub fn beside(mut self, laid: Laid) -> Self {
        self.laid = Some(laid);
        self
    }

    /// Goes on from a checkpoint. Those of later steps, whole or not, are removed: they belong to a training that is
    /// given up. Their paths are told.
    pub fn go_on_from(&mut self, step: u64) -> Vec<PathBuf> {
        let later = of_steps(&self.folder).unwrap_or_default().into_iter().filter(|(of, _)| *of > step);
        let mut removed: Vec<PathBuf> = later.map(|(_, path)| path).collect();
        removed.retain(|path| std::fs::remove_file(path).is_ok());
        self.last = Some(step);
        removed
    }

    /// The step of the last one that is on the disk.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// The latest one of a folder; none if there is none. A damaged one is an error with the name of the last good one.
    pub fn latest(folder: &Path) -> Result<Option<Checkpoint>, FolderError> {
        let fail = |source| FolderError::Io { source, path: folder.to_path_buf() };
        let steps = of_steps(folder).map_err(fail)?;
        let Some((_, latest)) = steps.last() else { return Ok(None) };
        Checkpoint::read(latest).map(Some).map_err(|error| Self::damaged(folder, latest, error))
    }

    /// The one of a name: a path, or a file of the folder with or without its ending, or its step.
    pub fn named(folder: &Path, name: &str) -> Result<Checkpoint, FolderError> {
        let in_folder = |name: String| folder.join(name);
        let candidates = [
            PathBuf::from(name),
            in_folder(name.to_owned()),
            in_folder(format!("{name}.{EXTENSION}")),
            in_folder(name.parse().map(file_name).unwrap_or_default()),
        ];
        let Some(path) = candidates.iter().find(|path| path.is_file()) else {
            let mut names: Vec<String> = Self::all(folder).iter().filter_map(|path| stem(path)).collect();
            names.reverse();
            return Err(FolderError::NoSuch { name: name.to_owned(), names, folder: folder.to_path_buf() });
        };
        Checkpoint::read(path).map_err(|error| Self::damaged(folder, path, error))
    }

    /// Checkpoint files of a folder, the best first, then from the oldest to the latest.
    pub fn all(folder: &Path) -> Vec<PathBuf> {
        let best = folder.join(BEST).with_extension(EXTENSION);
        let best = best.is_file().then_some(best);
        best.into_iter().chain(of_steps(folder).unwrap_or_default().into_iter().map(|(_, path)| path)).collect()
    }

    /// The latest of a folder that is whole; the best one too, which may be all that is left.
    pub fn last_good(folder: &Path) -> Option<PathBuf> {
        let whole = |path: &PathBuf| Checkpoint::read(path).is_ok();
        Self::all(folder).into_iter().rev().find(whole)
    }

    fn damaged(folder: &Path, path: &Path, error: CheckpointError) -> FolderError {
        let good = Self::last_good(folder).filter(|good| good != path);
        let good = good.and_then(|good| Some((stem(&good)?, folder.to_path_buf())));
        FolderError::Damaged { error, good }
    }

    fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.lay_again()?;
        let step = checkpoint.position.step;
        let words =
            |e: CheckpointError| format!("{e}\n  the training goes on, and the next checkpoint is tried as well");
        checkpoint.write(&self.folder.join(file_name(step))).map_err(words)?;
        (self.last, self.last_time) = (Some(step), Instant::now());
        if checkpoint.position.batch == 0
            && let Some(accuracy) = checkpoint.position.test_accuracy
            && self.best.is_none_or(|best| accuracy > best)
        {
            checkpoint.write(&self.folder.join(BEST).with_extension(EXTENSION)).map_err(words)?;
            self.best = Some(accuracy);
        }
        // Only now that the new one is on the disk. One that stays does no harm.
        let all = of_steps(&self.folder).unwrap_or_default();
        for (_, old) in &all[..all.len().saturating_sub(self.policy.keep)] {
            std::fs::remove_file(old).ok();
        }
        Ok(())
    }

    /// Where the folder has vanished it is made anew, but not what it was in: that may be a disk that is gone.
    fn lay_again(&mut self) -> Result<(), String> {
        let Some(laid) = self.laid.as_ref().filter(|_| !self.folder.is_dir()) else { return Ok(()) };
        let lay = || std::fs::create_dir(&self.folder).and_then(|()| laid.write());
        lay().map_err(|e| {
            let place = self.folder.display();
            format!("the run's folder has vanished, and cannot be made anew: {e}: {place}\n  the training goes on")
        })?;
        self.relocked = super::folder::lock(&self.folder).ok();
        (self.best, self.last) = (None, None);
        Ok(())
    }
}

fn file_name(step: u64) -> String {
    format!("step-{step:08}.{EXTENSION}")
}

fn stem(path: &Path) -> Option<String> {
    Some(path.file_stem()?.to_str()?.to_owned())
}

/// Checkpoints by their steps, oldest first.
fn of_steps(folder: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let step = name.strip_prefix("step-").and_then(|n| n.strip_suffix(".safetensors")).and_then(|n| n.parse().ok());
        found.extend(step.map(|step| (step, path.clone())));
    }
    found.sort();
    Ok(found)
}

impl Keeper for Checkpoints {
    fn wants(&self, position: &Position, moment: Moment) -> bool {
        let long_ago = |minutes| self.last_time.elapsed() >= Duration::from_secs_f64(60.0 * minutes);
        match moment {
            Moment::Step => {
                self.policy.every.is_some_and(|every| position.step.is_multiple_of(every))
                    || self.policy.minutes.is_some_and(long_ago)
            }
            Moment::Epoch => true,
            // Not if nothing has happened since the last one.
            Moment::End => self.last != Some(position.step) && position.step > 0,
        }
    }

    fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.write(checkpoint)
    }
}
