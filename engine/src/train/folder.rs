//! A folder that keeps the checkpoints of a run.

use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, CheckpointError, Position};
use super::report::{Keeper, Moment};

/// How many of the latest checkpoints stay, beside the best.
const KEEP: usize = 2;
const BEST: &str = "best.safetensors";

/// Keeps the latest checkpoints and the best one: after every epoch, when the run is stopped, and every so many steps.
pub struct RunFolder {
    folder: PathBuf,
    every: Option<u64>,
    best: Option<f64>,
    last: Option<u64>,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or looked into.
    #[error("cannot use the run's folder: {source}: {}", path.display())]
    Io {
        /// The system's reason.
        source: std::io::Error,
        /// The folder.
        path: PathBuf,
    },
    /// It holds checkpoints already.
    #[error("the folder holds a run already: go on with it by --resume, or name another: {}", .0.display())]
    Taken(PathBuf),
    /// There is nothing to go on from.
    #[error("the folder holds no checkpoint to go on from: {}", .0.display())]
    Empty(PathBuf),
    /// The latest checkpoint cannot be read.
    #[error("{error}{}", good.as_ref().map(|g| format!("\n  hint      the last good one is {}; remove what is newer", g.display())).unwrap_or_default())]
    Damaged {
        /// Why.
        error: CheckpointError,
        /// The newest that is whole.
        good: Option<PathBuf>,
    },
}

impl RunFolder {
    /// A folder for a new run; made if need be. `every`: steps between two checkpoints within an epoch.
    pub fn create(folder: &Path, every: Option<u64>) -> Result<Self, FolderError> {
        let fail = |source| FolderError::Io { source, path: folder.to_path_buf() };
        std::fs::create_dir_all(folder).map_err(fail)?;
        if !checkpoints(folder).map_err(fail)?.is_empty() {
            return Err(FolderError::Taken(folder.to_path_buf()));
        }
        Ok(Self { folder: folder.to_path_buf(), every, best: None, last: None })
    }

    /// The folder of a run to go on with, and its latest checkpoint.
    pub fn resume(folder: &Path, every: Option<u64>) -> Result<(Self, Checkpoint), FolderError> {
        let fail = |source| FolderError::Io { source, path: folder.to_path_buf() };
        let all = checkpoints(folder).map_err(fail)?;
        let Some((step, latest)) = all.last() else { return Err(FolderError::Empty(folder.to_path_buf())) };
        let checkpoint = Checkpoint::read(latest).map_err(|error| {
            let older = all.iter().rev().skip(1).map(|(_, path)| path.clone());
            FolderError::Damaged { error, good: older.into_iter().find(|path| Checkpoint::read(path).is_ok()) }
        })?;
        let best = Checkpoint::read(&folder.join(BEST)).ok().and_then(|best| best.position.test_accuracy);
        Ok((Self { folder: folder.to_path_buf(), every, best, last: Some(*step) }, checkpoint))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let step = checkpoint.position.step;
        checkpoint.write(&self.folder.join(format!("step-{step:08}.safetensors")))?;
        self.last = Some(step);
        if checkpoint.position.batch == 0
            && let Some(accuracy) = checkpoint.position.test_accuracy
            && self.best.is_none_or(|best| accuracy > best)
        {
            checkpoint.write(&self.folder.join(BEST))?;
            self.best = Some(accuracy);
        }
        // Only now that the new one is on the disk. One that stays does no harm.
        let all = checkpoints(&self.folder).unwrap_or_default();
        for (_, old) in &all[..all.len().saturating_sub(KEEP)] {
            std::fs::remove_file(old).ok();
        }
        Ok(())
    }
}

/// Checkpoints by their steps, oldest first.
fn checkpoints(folder: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
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

impl Keeper for RunFolder {
    fn wants(&self, position: &Position, moment: Moment) -> bool {
        match moment {
            Moment::Step => self.every.is_some_and(|every| position.step.is_multiple_of(every)),
            Moment::Epoch => true,
            // Not if nothing has happened since the last one.
            Moment::Stop => self.last != Some(position.step) && position.step > 0,
        }
    }

    fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.write(checkpoint).map_err(|e| e.to_string())
    }
}
