//! `engine resume`

use std::path::PathBuf;

use clap::Args;
use engine::graph::{Graph, GraphFile};
use engine::operators::Registry;
use engine::runs::{Checkpoints, GRAPH, RunFolder, is_run};

use super::common::{DataArgs, PlanOptionArgs};
use super::training::{CheckpointArgs, Place, RUNS, ShowArgs, Training, failed};
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine resume runs/cifar-20260801-140322
  engine resume runs/cifar-20260801-140322 --checkpoint best
  engine resume runs/cifar-20260801-140322 --epochs 30   trains longer: the schedule is stretched

The graph and all options are those that the run was started with, unless given here. The graph's paths are relative
to the folder that it was started in.

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.")]
pub(crate) struct ResumeArgs {
    /// Folder of the run, or its name in runs/.
    run: PathBuf,

    /// Go on from this checkpoint instead of the latest: a file, or its name in the run's folder, such as `best`.
    #[arg(long, value_name = "NAME")]
    checkpoint: Option<String>,

    /// Epochs to train in all, if other than before; the schedule is stretched to fit.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    epochs: Option<u64>,

    /// Stop after so many steps, counted from the start of the training.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,

    #[command(flatten)]
    options: PlanOptionArgs,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// A run by its folder, or by its name among the runs of this place.
pub(crate) fn find(run: &std::path::Path) -> PathBuf {
    let named = PathBuf::from(RUNS).join(run);
    if !is_run(run) && is_run(&named) { named } else { run.to_path_buf() }
}

pub(crate) fn resume(args: ResumeArgs) -> Result<(), Failure> {
    let path = find(&args.run);
    // The working directory may change below.
    let path = std::path::absolute(&path).unwrap_or(path);
    let (folder, mut command) = RunFolder::open(&path)?;
    let checkpoint = match &args.checkpoint {
        Some(name) => Some(Checkpoints::named(&path, name)?),
        None => Checkpoints::latest(&path)?,
    };
    if args.epochs.is_some() {
        // It trains on, then, whatever it was to stop at before.
        command.steps = None;
    }
    command.epochs = args.epochs.or(command.epochs);
    command.steps = args.steps.or(command.steps);
    command.set_plan_options(&args.options.over(command.plan_options()));
    command.data = args.data.folder().or(command.data);
    command.stand_in = args.data.stand_in().unwrap_or(command.stand_in);
    command.checkpoints = args.checkpoints.over(command.checkpoints);
    if command.directory.is_dir() {
        std::env::set_current_dir(&command.directory).map_err(failed)?;
    } else {
        let was = command.directory.display();
        screen::warning_line(&format!(
            "the folder that the run was started in is gone; paths are relative to this one: {was}"
        ));
    }
    let file = GraphFile::read(&path.join(GRAPH)).map_err(failed)?;
    let graph = Graph::validate_file(&file, &Registry::builtin()).map_err(failed)?;
    let place = Place::GoOn { folder, checkpoint: checkpoint.map(Box::new), any_epochs: args.epochs.is_some() };
    Training { spec: file.spec, graph, command, place, show: args.show }.run()
}
