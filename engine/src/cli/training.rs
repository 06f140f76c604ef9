//! What `engine run` and `engine resume` have in common: a training, with its folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use clap::Args;
use engine::execute::{RunError, StopToken, Threaded};
use engine::graph::{Graph, GraphSpec};
use engine::plan::Plan;
use engine::runs::{Checkpoints, Ending, Policy, Recorder, RunCommand, RunFolder, end, now};
use engine::train::{Checkpoint, Keeper, Observer, Session, Summary};
use telemetry::{Ended, Hub};

use super::common::{DataArgs, stop_at_ctrl_c};
use super::watch::{Asked, Told, Warnings, WatchArgs};
use super::{Failure, progress, screen};

/// Where runs have their folders unless told otherwise.
pub(crate) const RUNS: &str = "runs";

/// Which checkpoints are kept.
#[derive(Args)]
pub(crate) struct CheckpointArgs {
    /// Keep a checkpoint every so many steps, beside those of each epoch and of the end.
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,

    /// Keep a checkpoint every so many minutes.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    checkpoint_minutes: Option<f64>,

    /// How many of the latest checkpoints stay, beside the best one; 2 unless given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let fine = |minutes: &f64| (0.0..=1e6).contains(minutes) && *minutes > 0.0;
    text.parse().ok().filter(fine).ok_or_else(|| "expected a number of minutes greater than 0, such as 10".into())
}

impl CheckpointArgs {
    /// What was given here, and else what was given before.
    pub(crate) fn over(&self, before: Policy) -> Policy {
        Policy {
            every: self.checkpoint_every.or(before.every),
            minutes: self.checkpoint_minutes.or(before.minutes),
            keep: self.keep.map_or(before.keep, |keep| keep as usize),
        }
    }
}

/// What is shown of a run.
#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Print warnings, errors and the summary only.
    #[arg(long, short)]
    quiet: bool,

    /// Print one JSON object a line and event on standard output.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    watch: WatchArgs,
}

/// Where a run is kept.
pub(crate) enum Place {
    /// Not at all.
    Nowhere,
    /// In a new folder: this one, or one with the graph's name and the time.
    New(Option<PathBuf>),
    /// In the folder that it was started in.
    GoOn {
        folder: RunFolder,
        /// Where to go on from; none if it was cut off before there was one.
        checkpoint: Option<Box<Checkpoint>>,
        /// Whether the schedule may be stretched to another number of epochs.
        any_epochs: bool,
    },
}

/// A training to be run.
pub(crate) struct Training {
    pub(crate) spec: GraphSpec,
    pub(crate) graph: Graph,
    pub(crate) command: RunCommand,
    pub(crate) place: Place,
    pub(crate) show: ShowArgs,
}

/// When a worker fails, the training step that is under way may still take seconds; the process does not wait for it
/// longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Failed(error.to_string())
}

impl Training {
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        // Of a run that goes on it was said at its start.
        if !matches!(self.place, Place::GoOn { .. }) {
            progress::graph_warnings(&self.graph, self.show.json);
        }
        let machine = engine::torch::probe();
        let plan = Plan::new(&self.graph, &machine, &self.command.plan_options());
        let plan = plan.map(Arc::new).map_err(|e| Failure::Usage(e.to_string()))?;
        if plan.model().is_none() {
            return Err(Failure::Usage(
                "the graph has no model to train; `engine bench` runs its data pipeline".into(),
            ));
        }
        // Before the data, which may have to be downloaded: whether it can be served, and kept.
        self.show.watch.check(&plan)?;
        let going_on = matches!(self.place, Place::GoOn { .. });
        let (folder, checkpoint, any_epochs) = match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Nowhere => (None, None, false),
            Place::New(None) => (Some(RunFolder::create_in(RUNS.as_ref(), &plan.graph)?), None, false),
            Place::New(Some(path)) => (Some(RunFolder::create(&path)?), None, false),
            Place::GoOn { folder, checkpoint, any_epochs } => {
                if checkpoint.is_none() {
                    screen::note("there is no checkpoint yet: the run starts from the beginning");
                }
                (Some(folder), checkpoint, any_epochs)
            }
        };
        let stop = StopToken::new();
        stop_at_ctrl_c(&stop, "stopping at the next batch")?;
        let data = DataArgs::remembered(self.command.data.clone(), self.command.stand_in);
        let warnings = Warnings::default();
        let resources = data.resources(&stop, self.show.quiet || self.show.json, self.show.json);
        let resources = warnings.tell(resources);
        let mut session = match Session::new(&plan, &machine, &resources, &self.command.train_options()) {
            Ok(session) => session,
            Err(error) => {
                if let Some(folder) = folder {
                    folder.give_up();
                    // Nothing but an empty one can be removed so.
                    std::fs::remove_dir(RUNS).ok();
                }
                return Err(if stop.stopped() { Failure::Interrupted } else { failed(error) });
            }
        };
        if let (Some(folder), Some(checkpoint)) = (&folder, &checkpoint) {
            let hint = format!("`engine resume {}` goes on with all as it was", folder.path().display());
            session.restore(checkpoint, any_epochs).map_err(|e| failed(format!("{e}\n  hint      {hint}")))?;
            if session.finished() {
                return finished_already(&session, folder.path(), self.show.json);
            }
            let (was, is) = (checkpoint.identity.epochs(), session.start().epochs);
            if was != is {
                screen::note(&format!("from here on, learning rates are those of {is} epochs, not of {was}"));
            }
        }
        if going_on {
            self.command.resumed.push((now(), session.position().step));
        }
        let mut kept = None;
        if let Some(folder) = &folder {
            let laid = folder.lay(&self.spec, &plan.to_string(), &self.command)?;
            let mut checkpoints = Checkpoints::new(folder.path(), self.command.checkpoints).beside(laid);
            let from = session.position().step;
            for path in checkpoints.go_on_from(from) {
                screen::note(&format!("removed, since the run goes on from step {from}: {}", path.display()));
            }
            if !self.show.quiet {
                let words = if checkpoint.is_some() {
                    format!("going on after {}", screen::plural(from, "step"))
                } else {
                    "kept".to_owned()
                };
                screen::note(&format!("{words} in {}", shown(folder.path())));
            }
            kept = Some(checkpoints);
        }
        self.train(&mut session, &stop, folder.as_ref(), kept, &warnings)
    }

    fn train(
        &self,
        session: &mut Session,
        stop: &StopToken,
        folder: Option<&RunFolder>,
        mut kept: Option<Checkpoints>,
        warnings: &Warnings,
    ) -> Result<(), Failure> {
        let (start, plan) = (session.start(), Arc::clone(session.plan()));
        if let Some(warning) = &start.warning {
            screen::warning(warning);
        }
        let watch = self.show.watch.start(&plan, &start, stop, kept.is_some(), warnings)?;
        let hub = watch.hub().cloned();
        let executor = Threaded::new(plan.workers, stop.clone(), hub.clone()).map_err(failed)?;
        let told = Arc::new(AtomicBool::new(false));
        let path = folder.map(|folder| folder.path().to_path_buf());
        let executor = executor.on_error(fail_soon(hub.clone(), path.clone(), Arc::clone(&told)));
        let mut screen_observer = progress::Screen::new(self.show.quiet || self.show.json);
        let shown: &mut dyn Observer = if self.show.json { &mut progress::Events } else { &mut screen_observer };
        let keeper: &mut dyn Keeper = match &mut kept {
            Some(checkpoints) => checkpoints,
            None => &mut (),
        };
        let keeper = &mut Asked { inner: keeper, hub: hub.clone() };
        let shown = &mut Told { inner: shown, hub: hub.clone() };
        let result = match &path {
            Some(path) => {
                let from = session.position().clone();
                let goes_on = !self.command.resumed.is_empty();
                let mut recorder = Recorder::new(path, goes_on.then_some(&from), shown)?;
                let result = session.run(&executor, hub.as_deref(), keeper, &mut recorder);
                if let Ok(summary) = &result {
                    recorder.summary(summary);
                }
                result
            }
            None => session.run(&executor, hub.as_deref(), keeper, shown),
        };
        // From here on this thread says what went wrong.
        if told.swap(true, Relaxed) {
            std::thread::park();
        }
        screen_observer.clear();
        watch.end(match &result {
            Ok(summary) if summary.stopped => Ended::Stopped,
            Ok(_) => Ended::Finished,
            Err(error) => Ended::Failed(error.to_string()),
        });
        let result = result.map_err(|error| error.to_string());
        if let Some(path) = &path {
            note_end(path, &result);
        }
        self.say_end(result, path.as_deref(), kept.as_ref().and_then(Checkpoints::last))
    }

    /// `last`: the step of the last checkpoint on the disk.
    fn say_end(
        &self,
        result: Result<Summary, String>,
        folder: Option<&Path>,
        last: Option<u64>,
    ) -> Result<(), Failure> {
        let summary = match (result, folder) {
            (Ok(summary), _) => summary,
            (Err(error), Some(folder)) => {
                let kept = match last.filter(|step| *step > 0) {
                    Some(step) => format!("the last checkpoint is that of step {step}"),
                    None => "there is no checkpoint".to_owned(),
                };
                return Err(Failure::Failed(format!("{error}\n  kept      {kept}: {}", shown(folder))));
            }
            (Err(error), None) => return Err(Failure::Failed(error)),
        };
        match self.show.json {
            true => progress::summary_event(&summary),
            false => progress::summary(&summary),
        }
        if let Some(folder) = folder {
            if last != Some(summary.steps) {
                let kept =
                    last.filter(|step| *step > 0).map_or("none".to_owned(), |step| format!("that of step {step}"));
                return Err(Failure::Failed(format!(
                    "the end of the run could not be kept\n  expected  a checkpoint of step {}\n  given     the last on the \
                     disk is {kept}: {}",
                    summary.steps,
                    shown(folder)
                )));
            }
            if summary.stopped && !self.show.quiet {
                screen::note(&format!("go on with: engine resume {}", shown(folder)));
            }
        }
        if summary.stopped { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// A path as short as it can be named from here.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

fn note_end(folder: &Path, result: &Result<Summary, String>) {
    let ending = match result {
        Ok(summary) if summary.stopped => Ending::Stopped(summary),
        Ok(summary) => Ending::Finished(summary),
        Err(error) => Ending::Failed(error),
    };
    if let Err(error) = end(folder, ending) {
        screen::warning_line(&format!("how the run ended could not be written down: {error}"));
    }
}

/// A finished run that is to go on: no failure, and nothing changes.
fn finished_already(session: &Session, folder: &Path, json: bool) -> Result<(), Failure> {
    let (start, position) = (session.start(), session.position());
    if json {
        screen::out(serde_json::json!({
            "event": "finished",
            "epoch": position.epoch,
            "step": position.step,
            "train_loss": position.train_loss,
            "test_accuracy": position.test_accuracy,
        }));
    }
    let accuracy = position.test_accuracy.map_or_else(String::new, |a| format!("; test accuracy {:.2} %", a * 100.0));
    let limit = if position.epoch < start.epochs { "--steps N or --epochs N" } else { "--epochs N" };
    screen::note(&format!(
        "the run is finished: {} of {}, {}{accuracy}\n  hint      `engine resume {} {limit}` trains longer",
        position.epoch,
        screen::plural(start.epochs, "epoch"),
        screen::plural(position.step, "step"),
        shown(folder)
    ));
    Ok(())
}

/// Ends the process soon after a worker's error, if the training loop does not come back to hear of it.
fn fail_soon(
    hub: Option<Arc<Hub>>,
    folder: Option<PathBuf>,
    told: Arc<AtomicBool>,
) -> impl Fn(&RunError) + Send + Sync + 'static {
    move |error: &RunError| {
        let (error, hub, folder, told) = (error.to_string(), hub.clone(), folder.clone(), Arc::clone(&told));
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
            if let Some(folder) = &folder {
                note_end(folder, &Err(error.clone()));
            }
            screen::note("");
            screen::error(&error);
            // Not `exit`: that would wait for torch's threads, which are in the middle of a step.
            engine::torch::exit_now(1);
        };
        std::thread::Builder::new().name("last words".into()).spawn(last_words).ok();
    }
}
