//! What `engine eval`, `engine predict` and `engine export` have in common: which trained model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use engine::graph::{Graph, GraphFile, GraphSpec};
use engine::operators::Registry;
use engine::plan::{Machine, Plan, PlanOptions};
use engine::runs::{Checkpoints, GRAPH, RunRecord, is_run};
use engine::train::{Checkpoint, Inference, InferenceOptions};

use super::common::DataArgs;
use super::resume::find;
use super::run::PrecisionArg;
use super::training::failed;
use super::{Failure, screen};

const EXTENSION: &str = "safetensors";

/// Which trained model.
#[derive(Args)]
pub(crate) struct TrainedArgs {
    /// A run, by its folder or its name in runs/; a checkpoint file; or with --checkpoint a graph.
    #[arg(value_name = "RUN")]
    model: PathBuf,

    /// The checkpoint: `best`, `last`, a step, or a file; of a run the best unless given, or the last if none is.
    #[arg(long, value_name = "NAME")]
    checkpoint: Option<String>,

    /// Arithmetic of the model, otherwise than it was trained with.
    #[arg(long, value_enum)]
    precision: Option<PrecisionArg>,

    #[command(flatten)]
    data: DataArgs,
}

/// A trained model, found.
pub(crate) struct Found {
    pub(crate) plan: Arc<Plan>,
    pub(crate) machine: Machine,
    pub(crate) data: DataArgs,
    checkpoint: Checkpoint,
    precision: Option<engine::train::Precision>,
}

/// Graph, checkpoint and options, before the graph is looked at.
struct Parts {
    file: GraphFile,
    checkpoint: Checkpoint,
    options: PlanOptions,
    data: DataArgs,
    precision: Option<engine::train::Precision>,
}

impl TrainedArgs {
    /// Finds it. The working directory becomes the one that a run was started in, which its paths are relative to.
    pub(crate) fn find(self) -> Result<Found, Failure> {
        let precision = self.precision.map(Into::into);
        let parts = self.parts()?;
        let graph = Graph::validate_file(&parts.file, &Registry::builtin());
        let graph = graph.map_err(|e| Failure::Usage(e.to_string()))?;
        let machine = engine::torch::probe();
        let plan = Plan::new(&graph, &machine, &parts.options).map_err(|e| Failure::Usage(e.to_string()))?;
        let precision = precision.or(parts.precision);
        Ok(Found { plan: Arc::new(plan), machine, data: parts.data, checkpoint: parts.checkpoint, precision })
    }

    fn parts(self) -> Result<Parts, Failure> {
        let path = find(&self.model);
        let is_checkpoint = path.is_file() && path.extension().is_some_and(|e| e == EXTENSION);
        if is_run(&path) {
            return self.of_run(&path);
        }
        if is_checkpoint {
            let folder = path.parent().filter(|folder| is_run(folder)).map(Path::to_path_buf);
            let named = Self { checkpoint: Some(path.display().to_string()), ..self };
            return match folder {
                Some(folder) => named.of_run(&folder),
                None => named.of_checkpoint(&path),
            };
        }
        let Some(name) = &self.checkpoint else {
            let message = if path.is_dir() { "this is not the folder of a run" } else { "which weights?" };
            return Err(Failure::Usage(format!(
                "{message}\n  expected  a run, a checkpoint, or a graph with --checkpoint FILE\n  given     {}",
                path.display()
            )));
        };
        let checkpoint = Checkpoint::read(name.as_ref()).map_err(failed)?;
        let file = GraphFile::read(&path).map_err(|e| Failure::Usage(e.to_string()))?;
        Ok(Parts { file, checkpoint, options: PlanOptions::default(), data: self.data, precision: None })
    }

    fn of_run(self, folder: &Path) -> Result<Parts, Failure> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let command = RunRecord::read(&folder)?.command;
        let best = folder.join("best").with_extension(EXTENSION);
        let none = || {
            let message = "the run has no checkpoint yet";
            Failure::Failed(format!("{message}: {}", folder.display()))
        };
        let checkpoint = match self.checkpoint.as_deref() {
            None if best.is_file() => Checkpoints::named(&folder, "best")?,
            None | Some("last") => Checkpoints::latest(&folder)?.ok_or_else(none)?,
            Some(name) => Checkpoints::named(&folder, name)?,
        };
        let data = DataArgs::remembered(
            self.data.folder().or(command.data.clone()),
            self.data.stand_in().unwrap_or(command.stand_in),
        );
        if command.directory.is_dir() {
            std::env::set_current_dir(&command.directory).map_err(failed)?;
        } else {
            screen::warning_line(&format!(
                "the folder that the run was started in is gone; paths are relative to this one: {}",
                command.directory.display()
            ));
        }
        let file = GraphFile::read(&folder.join(GRAPH)).map_err(failed)?;
        let precision = command.train_options().precision;
        Ok(Parts { file, checkpoint, options: command.plan_options(), data, precision })
    }

    /// A checkpoint alone says which graph it is of.
    fn of_checkpoint(self, path: &Path) -> Result<Parts, Failure> {
        let checkpoint = Checkpoint::read(path).map_err(failed)?;
        let name = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy().into_owned());
        let spec: GraphSpec = checkpoint.identity.graph(&name);
        let text = serde_json::to_string_pretty(&spec).map_err(failed)?;
        let file = GraphFile::parse(&text, &format!("the graph of {}", path.display()));
        let file = file.map_err(|e| Failure::Failed(e.to_string()))?;
        Ok(Parts { file, checkpoint, options: PlanOptions::default(), data: self.data, precision: None })
    }
}

impl Found {
    /// The model, with its weights.
    pub(crate) fn model(&self, no_augmentation: bool) -> Result<Inference, Failure> {
        let options = InferenceOptions { precision: self.precision, no_augmentation };
        Inference::new(&self.plan, &self.machine, &self.checkpoint, options).map_err(|e| {
            let hint = "the checkpoint must be of a graph with the same model, layer by layer";
            Failure::Failed(format!("{e}\n  hint      {hint}"))
        })
    }

    /// `epoch 24, step 2328`
    pub(crate) fn words(&self) -> String {
        let position = &self.checkpoint.position;
        let after = if position.batch == 0 {
            format!("epoch {}", position.epoch)
        } else {
            format!("epoch {}, batch {}", position.epoch + 1, position.batch)
        };
        format!("{} after {after}, step {}", self.plan.graph, screen::count(position.step))
    }
}

/// A path that stays the same when the working directory changes.
pub(crate) fn fixed(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// The name of a class, or its number.
pub(crate) fn class_name(classes: &[String], index: usize) -> String {
    classes.get(index).cloned().unwrap_or_else(|| index.to_string())
}
