//! `engine run`

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use clap::{Args, ValueEnum};
use engine::execute::{RunError, StopToken, Threaded};
use engine::plan::{Plan, describe_run};
use engine::train::{Checkpoint, Keeper, Observer, Precision, RunFolder, RunStart, Session, TrainOptions};
use telemetry::{DEFAULT_ADDRESS, Ended, Hub, ServeError, Server};

use super::common::{DataArgs, GraphArgs, PlanOptionArgs, stop_at_ctrl_c};
use super::{Failure, progress, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine run graphs/cifar.json
  engine run graphs/cifar.json --epochs 3 --data ~/data
  engine run graphs/cifar.json --set model.optimizer.lr=0.4 --seed 1
  engine run graphs/cifar.json --run-dir runs/1     keeps checkpoints, at Ctrl-C too
  engine run graphs/cifar.json --run-dir runs/1 --resume   goes on
  engine run graphs/cifar.json --inspect            and `inspector` beside it
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

    /// Folder for the run's checkpoints: after every epoch, and when it is stopped.
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,

    /// Keep a checkpoint every so many steps, too.
    #[arg(long, value_name = "STEPS", requires = "run_dir", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,

    /// Go on from the latest checkpoint in the run's folder.
    #[arg(long, requires = "run_dir")]
    resume: bool,

    /// Serve the run to `inspector`, on an address of this machine.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS, value_parser = address)]
    inspect: Option<String>,

    /// Print warnings, errors and the summary only.
    #[arg(long, short)]
    quiet: bool,

    /// Print one JSON object a line and event on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionArg {
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

/// An address, and not the graph that should have stood before `--inspect`.
fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT, such as 127.0.0.1:7007; the graph comes before --inspect".into()),
    }
}

/// When a worker fails, the training step that is under way may still take seconds; the process does not wait for it
/// longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(args: RunArgs) -> Result<(), Failure> {
    let graph = args.graph.load()?;
    progress::graph_warnings(&graph, args.json);
    let machine = engine::torch::probe();
    let plan = args.options.plan(&graph, &machine)?;
    if plan.model().is_none() {
        return Err(Failure::Usage("the graph has no model to train; `engine bench` runs its data pipeline".into()));
    }
    // Before the data, which may have to be downloaded.
    let folder = open_folder(&args)?;
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping at the next batch")?;
    let resources = args.data.resources(&stop, args.quiet || args.json, args.json);
    let options = TrainOptions { epochs: args.epochs, steps: args.steps, precision: args.precision.map(Into::into) };
    let mut session = match Session::new(&plan, &machine, &resources, &options) {
        Ok(session) => session,
        Err(_) if stop.stopped() => return Err(Failure::Interrupted),
        Err(error) => return Err(Failure::Failed(error.to_string())),
    };
    let mut folder = match folder {
        Some((folder, checkpoint)) => {
            if let Some(checkpoint) = checkpoint {
                session.restore(&checkpoint).map_err(|e| Failure::Failed(e.to_string()))?;
                screen::note(&format!("going on after {}", screen::plural(checkpoint.position.step, "step")));
            }
            Some(folder)
        }
        None => None,
    };
    let start = session.start();
    if let Some(warning) = &start.warning {
        screen::warning(warning);
    }
    let (hub, server) = match &args.inspect {
        Some(address) => serve(&plan, &start, address)?,
        None => (None, None),
    };
    let executor =
        Threaded::new(plan.workers, stop.clone(), hub.clone()).map_err(|e| Failure::Failed(e.to_string()))?;
    let told = Arc::new(AtomicBool::new(false));
    let executor = executor.on_error(fail_soon(hub.clone(), Arc::clone(&told)));
    let mut screen_observer = progress::Screen::new(args.quiet || args.json);
    let observer: &mut dyn Observer = if args.json { &mut progress::Events } else { &mut screen_observer };
    let result = {
        let keeper: &mut dyn Keeper = match &mut folder {
            Some(folder) => folder,
            None => &mut (),
        };
        session.run(&executor, hub.as_deref(), keeper, observer)
    };
    // From here on this thread says what went wrong.
    if told.swap(true, Relaxed) {
        std::thread::park();
    }
    screen_observer.clear();
    if let Some(hub) = &hub {
        hub.end(match &result {
            Ok(summary) if summary.stopped => Ended::Stopped,
            Ok(_) => Ended::Finished,
            Err(error) => Ended::Failed(error.to_string()),
        });
    }
    drop(server);
    let summary = result.map_err(|e| Failure::Failed(e.to_string()))?;
    match args.json {
        true => progress::summary_event(&summary),
        false => progress::summary(&summary),
    }
    if summary.stopped { Err(Failure::Interrupted) } else { Ok(()) }
}

/// The run's folder, if it has one, and the state to go on from, if it does.
fn open_folder(args: &RunArgs) -> Result<Option<(RunFolder, Option<Checkpoint>)>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let Some(path) = &args.run_dir else { return Ok(None) };
    if args.resume {
        let (folder, checkpoint) = RunFolder::resume(path, args.checkpoint_every).map_err(|e| failed(&e))?;
        return Ok(Some((folder, Some(checkpoint))));
    }
    RunFolder::create(path, args.checkpoint_every).map(|folder| Some((folder, None))).map_err(|e| failed(&e))
}

fn serve(plan: &Plan, start: &RunStart, address: &str) -> Result<(Option<Arc<Hub>>, Option<Server>), Failure> {
    let description = describe_run(plan, start.epochs, start.steps_per_epoch, start.warning.clone());
    // The workers, and the training loop.
    let hub = Arc::new(Hub::new(description, plan.row_bytes(), plan.workers + 1));
    let server = Server::start(address, Arc::clone(&hub)).map_err(|e| match e {
        ServeError::NotLoopback(_) => Failure::Usage(e.to_string()),
        ServeError::Address { .. } => Failure::Failed(e.to_string()),
    })?;
    screen::note(&format!("inspect with: inspector {}", server.address()));
    Ok((Some(hub), Some(server)))
}

/// Ends the process soon after a worker's error, if the training loop does not come back to hear of it.
fn fail_soon(hub: Option<Arc<Hub>>, told: Arc<AtomicBool>) -> impl Fn(&RunError) + Send + Sync + 'static {
    move |error: &RunError| {
        let (error, hub, told) = (error.to_string(), hub.clone(), Arc::clone(&told));
        let last_words = move || {
            std::thread::sleep(PATIENCE);
            if told.swap(true, Relaxed) {
                return;
            }
            if let Some(hub) = &hub {
                hub.end(Ended::Failed(error.clone()));
                // Time for the viewers to be told.
                std::thread::sleep(Duration::from_millis(250));
            }
            screen::note("");
            screen::error(&error);
            // Not `exit`: that would wait for torch's threads, which are in the middle of a step.
            engine::torch::exit_now(1);
        };
        std::thread::Builder::new().name("last words".into()).spawn(last_words).ok();
    }
}
