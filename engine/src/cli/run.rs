//! `engine run`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use engine::graph::{differences, differences_in_words};
use engine::params::ParamType as _;
use engine::runs::{Checkpoints, FolderError, RunCommand, RunFolder, RunRecord, list, now};
use engine::train::Precision;

use super::Failure;
use super::common::{DataArgs, GraphArgs, PlanOptionArgs};
use super::training::{CheckpointArgs, Place, RUNS, ShowArgs, Training, failed};

#[derive(Args)]
#[command(after_help = "Examples:
  engine run graphs/cifar.json
  engine run graphs/cifar.json --epochs 3 --data ~/data
  engine run graphs/cifar.json --set model.optimizer.lr=0.4 --seed 1
  engine run graphs/cifar.json --resume             goes on with the latest run of this graph
  engine run graphs/cifar.json --run-dir runs/lr04 --checkpoint-minutes 10
  engine run graphs/cifar.json --inspect            and `inspector` beside it
  engine run graphs/cifar.json --gui --inspect-control   both, and the window has buttons
  engine run graphs/cifar.json --record run.rec     to be looked at later: inspector run.rec
  engine run graphs/cifar.json --json > run.jsonl   for scripts

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    options: PlanOptionArgs,
    #[command(flatten)]
    data: DataArgs,

    /// Epochs to train; the schedule is stretched to fit.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    epochs: Option<u64>,

    /// Stop after so many steps; the schedule is not changed.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,

    /// Arithmetic of the model, otherwise than the graph says.
    #[arg(long, value_enum)]
    precision: Option<PrecisionArg>,

    /// Folder for the run's metrics and checkpoints; runs/<graph>-<time> unless given.
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,

    /// Keep nothing on the disk.
    #[arg(long, conflicts_with_all = ["run_dir", "resume", "checkpoint_every", "checkpoint_minutes", "keep"])]
    no_run_dir: bool,

    /// Go on with the run in the folder of --run-dir, or with the latest run of this graph.
    #[arg(long)]
    resume: bool,

    /// Go on from this checkpoint instead of the latest: a file, or its name in the run's folder, such as `best`.
    #[arg(long, value_name = "NAME", requires = "resume")]
    checkpoint: Option<String>,

    #[command(flatten)]
    checkpoints: CheckpointArgs,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// What is fastest on the device.
    Auto,
    /// Single precision.
    Float32,
    /// bfloat16, weights in float32.
    Bfloat16,
    /// float16 with a scaled loss, weights in float32; on a GPU.
    Float16,
}

impl From<PrecisionArg> for Precision {
    fn from(arg: PrecisionArg) -> Self {
        match arg {
            PrecisionArg::Auto => Self::Auto,
            PrecisionArg::Float32 => Self::Float32,
            PrecisionArg::Bfloat16 => Self::Bfloat16,
            PrecisionArg::Float16 => Self::Float16,
        }
    }
}

pub(crate) fn run(args: RunArgs) -> Result<(), Failure> {
    let (spec, graph) = args.graph.load_with_spec()?;
    let (place, before) = if args.no_run_dir {
        (Place::Nowhere, None)
    } else if args.resume {
        let path = match &args.run_dir {
            Some(path) => path.clone(),
            None => latest_of(&graph.name)?.path,
        };
        let (folder, before) = RunFolder::open(&path).map_err(failed)?;
        let checkpoint = match &args.checkpoint {
            Some(name) => Some(Checkpoints::named(&path, name).map_err(failed)?),
            None => Checkpoints::latest(&path).map_err(failed)?,
        };
        if checkpoint.is_none() {
            same_graph(&RunRecord::read(&path).map_err(failed)?, &spec)?;
        }
        (Place::GoOn { folder, checkpoint: checkpoint.map(Box::new), any_epochs: false }, Some(before))
    } else {
        (Place::New(args.run_dir.clone()), None)
    };
    let mut command = before.unwrap_or_else(|| RunCommand {
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        graph_file: args.graph.graph.clone(),
        directory: std::env::current_dir().unwrap_or_default(),
        started: now(),
        stand_in: true,
        ..RunCommand::default()
    });
    command.set_plan_options(&args.options.over(command.plan_options()));
    command.epochs = args.epochs.or(command.epochs);
    command.steps = args.steps.or(command.steps);
    let precision = args.precision.and_then(|arg| Some(Precision::from(arg).to_json().as_str()?.to_owned()));
    command.precision = precision.or(command.precision);
    command.data = args.data.folder().or(command.data);
    command.stand_in = args.data.stand_in().unwrap_or(command.stand_in);
    command.checkpoints = args.checkpoints.over(command.checkpoints);
    Training { spec, graph, command, place, show: args.show }.run()
}

fn latest_of(graph: &str) -> Result<RunRecord, Failure> {
    let (runs, _) = list(RUNS.as_ref()).map_err(failed)?;
    runs.into_iter().find(|run| run.graph_name() == graph).ok_or_else(|| {
        Failure::Failed(format!(
            "there is no run of `{graph}` in {RUNS}/ to go on with\n  hint      name its folder by --run-dir, or start \
             one without --resume"
        ))
    })
}

/// A run that has no checkpoint yet starts anew, but as the same.
fn same_graph(run: &RunRecord, spec: &engine::graph::GraphSpec) -> Result<(), Failure> {
    let given = serde_json::to_value(spec).map_err(|e| Failure::Failed(e.to_string()))?;
    let mut found = differences(&run.graph, &given);
    found.retain(|difference| !["$schema", "name", "description"].contains(&difference.path.as_str()));
    if found.is_empty() {
        return Ok(());
    }
    let (words, path) = (differences_in_words(&found), run.path.display());
    Err(Failure::Failed(format!(
        "the run was started with another graph:{words}\n  hint      `engine resume {path}` goes on with the graph as it was"
    )))
}

impl From<FolderError> for Failure {
    fn from(error: FolderError) -> Self {
        failed(error)
    }
}
