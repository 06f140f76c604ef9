//! The folder of a run: made, taken by one process at a time, laid out, ended.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::command::RunCommand;
use super::files::write_whole;
use super::{checkpoints::Checkpoints, clock};
use crate::graph::GraphSpec;
use crate::train::{CheckpointError, Summary};

/// The graph as run.
pub const GRAPH: &str = "graph.json";
/// What `engine plan` says of it.
pub const PLAN: &str = "plan.txt";
/// The options.
pub const COMMAND: &str = "command.json";
/// The events, one a line.
pub const METRICS: &str = "metrics.jsonl";
/// How it ended.
pub const SUMMARY: &str = "summary.json";
/// Locked while the run goes on, by the system, which forgets that when the process ends in any way.
const LOCK: &str = ".lock";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made, written or looked into.
    #[error("cannot use the run's folder: {source}: {}", path.display())]
    Io {
        /// The system's reason.
        source: io::Error,
        /// The folder.
        path: PathBuf,
    },
    /// It holds a run already.
    #[error("the folder holds a run already\n  hint      go on with it by `engine resume {path}`, or name another folder", path = .0.display())]
    Taken(PathBuf),
    /// Another process writes to it.
    #[error("this run is going on at the moment, in another process: {}", .0.display())]
    Busy(PathBuf),
    /// It holds no run.
    #[error("this is not the folder of a run, it has no {COMMAND}: {}", .0.display())]
    NoRun(PathBuf),
    /// A file of it is not what was written.
    #[error("{}: {why}", path.display())]
    File {
        /// What is wrong.
        why: String,
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint of this name is not there.
    #[error("there is no checkpoint `{name}`\n  expected  a file, or of {} one of: {}", folder.display(), if names.is_empty() { "nothing".into() } else { names.join(", ") })]
    NoSuch {
        /// As given.
        name: String,
        /// Those that are there, the latest first.
        names: Vec<String>,
        /// The folder.
        folder: PathBuf,
    },
    /// A checkpoint cannot be read.
    #[error("{error}{}", good.as_ref().map(|(name, folder)| format!("\n  hint      the last good one is `{name}`; go on from it by `engine resume {} --checkpoint {name}`", folder.display())).unwrap_or_default())]
    Damaged {
        /// Why.
        error: CheckpointError,
        /// The newest that is whole, and its folder.
        good: Option<(String, PathBuf)>,
    },
}

/// A run's folder that this process has taken.
pub struct RunFolder {
    path: PathBuf,
    _lock: File,
}

/// What is written at a run's start.
#[derive(Clone)]
pub struct Laid {
    folder: PathBuf,
    files: Vec<(&'static str, String)>,
}

impl Laid {
    /// Writes the files.
    pub(super) fn write(&self) -> io::Result<()> {
        self.files
            .iter()
            .try_for_each(|(name, text)| write_whole(&self.folder.join(name), |file| file.write_all(text.as_bytes())))
    }
}

impl RunFolder {
    /// Makes a folder for a new run, with the folders it is in, and takes it. It may be there, but hold no run.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        std::fs::create_dir_all(path).map_err(|source| FolderError::Io { source, path: path.to_path_buf() })?;
        let folder = Self::take(path)?;
        if is_run(path) || !Checkpoints::all(path).is_empty() {
            return Err(FolderError::Taken(path.to_path_buf()));
        }
        Ok(folder)
    }

    /// Makes and takes `<runs>/<graph>-<now>`.
    pub fn create_in(runs: &Path, graph: &str) -> Result<Self, FolderError> {
        let fail = |source, path: &Path| FolderError::Io { source, path: path.to_path_buf() };
        std::fs::create_dir_all(runs).map_err(|e| fail(e, runs))?;
        let name = format!("{graph}-{}", clock::now_in_a_name());
        let mut path = runs.join(&name);
        // More than one may start in a second.
        for number in 2..1000 {
            match std::fs::create_dir(&path) {
                Ok(()) => return Self::take(&path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    path = runs.join(format!("{name}-{number}"));
                }
                Err(error) => return Err(fail(error, &path)),
            }
        }
        Err(fail(io::ErrorKind::AlreadyExists.into(), &path))
    }

    /// Takes the folder of a run to go on with, and reads what it was started with.
    pub fn open(path: &Path) -> Result<(Self, RunCommand), FolderError> {
        let command = command(path)?;
        Ok((Self::take(path)?, command))
    }

    fn take(path: &Path) -> Result<Self, FolderError> {
        let lock = lock(path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => FolderError::Busy(path.to_path_buf()),
            _ => FolderError::Io { source: error, path: path.to_path_buf() },
        })?;
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes what the run is started with. An earlier end is none any more.
    pub fn lay(&self, graph: &GraphSpec, plan: &str, command: &RunCommand) -> Result<Laid, FolderError> {
        // Its place was relative to the graph file.
        let graph = GraphSpec { schema: None, ..graph.clone() };
        let json = |value: serde_json::Result<String>| value.map(|text| text + "\n").map_err(io::Error::from);
        let lay = || -> io::Result<Laid> {
            let files = vec![
                (GRAPH, json(serde_json::to_string_pretty(&graph))?),
                (PLAN, plan.to_owned()),
                (COMMAND, json(serde_json::to_string_pretty(command))?),
            ];
            let laid = Laid { folder: self.path.clone(), files };
            laid.write()?;
            match std::fs::remove_file(self.path.join(SUMMARY)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(laid),
            }
        };
        lay().map_err(|source| FolderError::Io { source, path: self.path.clone() })
    }

    /// Removes a folder in which nothing was laid.
    pub fn give_up(self) {
        if !is_run(&self.path) {
            std::fs::remove_file(self.path.join(LOCK)).ok();
            std::fs::remove_dir(&self.path).ok();
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// By itself.
    Finished(&'a Summary),
    /// By the user.
    Stopped(&'a Summary),
    /// With an error.
    Failed(&'a str),
}

/// Writes how a run ended.
pub fn end(folder: &Path, ending: Ending<'_>) -> Result<(), FolderError> {
    let (state, error, summary) = match ending {
        Ending::Finished(summary) => ("finished", None, Some(summary)),
        Ending::Stopped(summary) => ("stopped", None, Some(summary)),
        Ending::Failed(error) => ("failed", Some(error), None),
    };
    let mut end = json!({ "state": state, "ended": clock::now() });
    if let Some(error) = error {
        end["error"] = error.into();
    }
    let mut write = || {
        if let (Value::Object(end), Value::Object(summary)) = (&mut end, serde_json::to_value(summary)?) {
            end.extend(summary);
        }
        write_whole(&folder.join(SUMMARY), |file| writeln!(file, "{end:#}"))
    };
    write().map_err(|source: io::Error| FolderError::Io { source, path: folder.to_path_buf() })
}

/// Whether a folder holds a run.
pub fn is_run(folder: &Path) -> bool {
    folder.join(COMMAND).is_file()
}

/// Whether a process writes to a run's folder now.
pub(super) fn is_going_on(folder: &Path) -> bool {
    File::open(folder.join(LOCK)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The options that a run was started with.
pub(super) fn command(folder: &Path) -> Result<RunCommand, FolderError> {
    if !is_run(folder) {
        return Err(FolderError::NoRun(folder.to_path_buf()));
    }
    let path = folder.join(COMMAND);
    let read = std::fs::read(&path).map_err(|source| FolderError::Io { source, path: path.clone() })?;
    serde_json::from_slice(&read).map_err(|error| FolderError::File { why: error.to_string(), path })
}

/// Takes a folder, until the file is closed.
pub(super) fn lock(folder: &Path) -> io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Somebody may only be looking whether it is taken.
            Err(TryLockError::WouldBlock) if start.elapsed() < Duration::from_millis(300) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            // Some file systems of networks have no locks.
            Err(TryLockError::Error(error))
                if error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(libc::ENOLCK) =>
            {
                return Ok(file);
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
