//! Runs on the disk: a folder each, with the graph as run, its plan and options, metrics, checkpoints and the end.
//!
//! [`RunFolder`] is the folder, [`Checkpoints`] a [`Keeper`](crate::train::Keeper) that writes into it, [`Recorder`] an
//! [`Observer`](crate::train::Observer) that does; [`RunRecord`] reads what is there, of runs that go on, too.

mod checkpoints;
mod clock;
mod command;
mod files;
mod folder;
mod record;
mod recorder;
mod tensorboard;

pub use checkpoints::{Checkpoints, Policy};
pub use clock::now;
pub use command::RunCommand;
pub use folder::{COMMAND, Ending, FolderError, GRAPH, Laid, METRICS, PLAN, RunFolder, SUMMARY, end, is_run};
pub use record::{RunRecord, RunState, list};
pub use recorder::{Recorder, event};
pub use tensorboard::EventFile;
