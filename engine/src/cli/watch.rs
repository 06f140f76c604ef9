//! Who watches a run: viewers over a socket, a recording.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use clap::Args;
use engine::execute::StopToken;
use engine::operators::Resources;
use engine::plan::{Plan, describe_run};
use engine::train::{Checkpoint, EpochReport, Keeper, Moment, Observer, Position, RunStart, StepReport};
use telemetry::registry::Entry;
use telemetry::{
    Allowed, ControlDescription, DEFAULT_ADDRESS, Ended, Hub, Level, Recorder, ServeError, Server, make_token,
};

use super::{Failure, screen};

/// Any free port, for an inspector that is told which.
const ANY_PORT: &str = "127.0.0.1:0";

/// How a run can be watched.
#[derive(Args)]
#[command(next_help_heading = "Watching")]
pub(crate) struct WatchArgs {
    /// Serve the run to `inspector`.
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = DEFAULT_ADDRESS, value_parser = address)]
    inspect: Option<String>,

    /// Let viewers pause and stop the run, ask for checkpoints, and change queues and workers.
    #[arg(long)]
    inspect_control: bool,

    /// Show the run to those only who know this word, a random one unless given; else $ENGINE_INSPECT_TOKEN. An address
    /// that other machines can reach needs one.
    #[arg(long, value_name = "TOKEN", num_args = 0..=1, default_missing_value = "")]
    inspect_token: Option<String>,

    /// Start `inspector` beside the run.
    #[arg(long)]
    gui: bool,

    /// Record the run to a file, to be opened with `inspector FILE`.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// An address, and not the graph that should have stood before `--inspect`.
fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT, such as 127.0.0.1:7007; the graph comes before --inspect".into()),
    }
}

/// Where warnings about samples go, once there is a hub: the data is opened before.
#[derive(Clone, Default)]
pub(crate) struct Warnings(Arc<OnceLock<Arc<Hub>>>);

impl Warnings {
    /// Resources whose warnings are events, too.
    pub(crate) fn tell(&self, resources: Resources) -> Resources {
        let (hub, before) = (Arc::clone(&self.0), resources.warnings());
        resources.with_warnings(move |text| {
            if let Some(hub) = hub.get() {
                hub.event(Level::Warning, text.clone());
            }
            before(text);
        })
    }
}

/// Everybody who watches a run.
#[derive(Default)]
pub(crate) struct Watch {
    hub: Option<Arc<Hub>>,
    server: Option<Server>,
    recorder: Option<Recorder>,
    /// Makes the run known on this machine.
    entry: Option<Entry>,
}

impl WatchArgs {
    /// Whether the run can be served and recorded: before the data, which may have to be downloaded.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Failure> {
        if self.inspect.is_none() && !self.gui && self.inspect_control {
            return Err(Failure::Usage("--inspect-control is for a run that is served: add --inspect or --gui".into()));
        }
        if let Some(path) = self.record.as_ref().filter(|path| path.exists()) {
            let path = path.display();
            return Err(Failure::Failed(format!("{path} is there already; a recording is not overwritten")));
        }
        if let Some(address) = &self.inspect {
            self.serve(address, &Arc::new(Hub::new(describe_run(plan, 0, 0, None), plan.row_bytes(), 1)))?;
        }
        Ok(())
    }

    /// Begins: before the first step.
    pub(crate) fn start(
        &self,
        plan: &Plan,
        start: &RunStart,
        stop: &StopToken,
        checkpoints: bool,
        warnings: &Warnings,
    ) -> Result<Watch, Failure> {
        let address = match &self.inspect {
            Some(address) => Some(address.as_str()),
            None => self.gui.then_some(ANY_PORT),
        };
        if address.is_none() && self.record.is_none() {
            return Ok(Watch::default());
        }
        let mut description = describe_run(plan, start.epochs, start.steps_per_epoch, start.warning.clone());
        description.started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_secs());
        // The workers, and the training loop.
        let mut hub = Hub::new(description, plan.row_bytes(), plan.workers + 1);
        if self.inspect_control {
            let stop = stop.clone();
            let prefetch = plan.queues.iter().map(|queue| queue.depth as u32).max().unwrap_or(1);
            let description = ControlDescription { checkpoints, workers: plan.workers as u32, prefetch };
            hub = hub.allow(Allowed { stop: Box::new(move || stop.stop()), description });
        }
        let hub = Arc::new(hub);
        warnings.0.set(Arc::clone(&hub)).ok();
        let recorder = self.record(&hub)?;
        let Some(address) = address else {
            return Ok(Watch { hub: Some(hub), recorder, ..Watch::default() });
        };
        let (server, token) = self.serve(address, &hub)?;
        let address = server.address().to_string();
        // Known before it is told, so that who hears of it finds it.
        let entry = Entry::new(&address, &start.graph);
        let with_token = token.as_ref().map(|token| format!(" --token {token}")).unwrap_or_default();
        screen::note(&format!("inspect with: inspector {address}{with_token}"));
        if self.gui {
            show(&address, token.as_deref());
        }
        Ok(Watch { hub: Some(hub), server: Some(server), recorder, entry })
    }

    fn record(&self, hub: &Arc<Hub>) -> Result<Option<Recorder>, Failure> {
        let Some(path) = &self.record else { return Ok(None) };
        Recorder::start(path, Arc::clone(hub)).map(Some).map_err(|error| {
            let hint = match error.kind() {
                std::io::ErrorKind::AlreadyExists => "; name another file, a recording is not overwritten",
                _ => "",
            };
            Failure::Failed(format!("cannot record to {}: {error}{hint}", path.display()))
        })
    }

    /// The server, and the token that viewers must know.
    fn serve(&self, address: &str, hub: &Arc<Hub>) -> Result<(Server, Option<String>), Failure> {
        let from_environment = || std::env::var("ENGINE_INSPECT_TOKEN").ok().filter(|token| !token.is_empty());
        let token = match &self.inspect_token {
            Some(token) if token.is_empty() => Some(make_token()),
            Some(token) => Some(token.clone()),
            None => from_environment(),
        };
        match Server::start(address, token.as_deref(), Arc::clone(hub)) {
            Ok(server) => Ok((server, token)),
            Err(error @ ServeError::NotLoopback(_)) => Err(Failure::Usage(error.to_string())),
            Err(error @ ServeError::Address { .. }) => Err(Failure::Failed(error.to_string())),
        }
    }
}

/// Starts an inspector. It stays when the run is over, and Ctrl-C is not for it. A run that nobody sees is still a run.
fn show(address: &str, token: Option<&str>) {
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name("inspector")).filter(|path| path.exists());
    let program = beside.unwrap_or_else(|| "inspector".into());
    let mut command = Command::new(program);
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).process_group(0);
    if let Some(token) = token {
        command.env("ENGINE_INSPECT_TOKEN", token);
    }
    if let Err(error) = command.spawn() {
        screen::warning_line(&format!(
            "cannot start `inspector`: {error}; build it with `cargo build --release -p inspector`"
        ));
    }
}

impl Watch {
    /// What is measured, if anybody watches.
    pub(crate) fn hub(&self) -> Option<&Arc<Hub>> {
        self.hub.as_ref()
    }

    /// The run is over; those who watch are told how.
    pub(crate) fn end(self, ended: Ended) {
        let Self { hub, server, recorder, entry } = self;
        drop(entry);
        if let Some(hub) = hub {
            hub.end(ended);
        }
        drop(server);
        if let Some(recorder) = recorder {
            let path = recorder.path().display().to_string();
            match recorder.finish() {
                Ok(()) => screen::note(&format!("recorded: inspector {path}")),
                Err(error) => screen::warning_line(&format!("the recording {path} is not whole: {error}")),
            }
        }
    }
}

/// An observer whose viewers are told what happened, too.
pub(crate) struct Told<'a> {
    pub(crate) inner: &'a mut dyn Observer,
    pub(crate) hub: Option<Arc<Hub>>,
}

impl Told<'_> {
    fn event(&self, level: Level, text: String) {
        if let Some(hub) = &self.hub {
            hub.event(level, text);
        }
    }
}

impl Observer for Told<'_> {
    fn start(&mut self, start: &RunStart) {
        let steps = start.steps - start.done.min(start.steps);
        let text = format!("training begins on {}: {}", start.device, screen::plural(steps, "step"));
        self.event(Level::Note, text);
        self.inner.start(start);
    }

    fn step(&mut self, report: &StepReport) {
        self.inner.step(report);
    }

    fn evaluation(&mut self, done: u64, of: u64) {
        self.inner.evaluation(done, of);
    }

    fn epoch(&mut self, report: &EpochReport) {
        let accuracy = report.test_accuracy.map(|a| format!(", test accuracy {:.2} %", a * 100.0)).unwrap_or_default();
        let time = screen::duration(report.seconds);
        self.event(
            Level::Note,
            format!("epoch {}: train loss {:.4}{accuracy}, {time}", report.epoch, report.train_loss),
        );
        self.inner.epoch(report);
    }

    fn warning(&mut self, text: &str) {
        self.event(Level::Warning, text.to_owned());
        self.inner.warning(text);
    }
}

/// A keeper that keeps a checkpoint when a viewer asks for one, too.
pub(crate) struct Asked<'a> {
    pub(crate) inner: &'a mut dyn Keeper,
    pub(crate) hub: Option<Arc<Hub>>,
}

impl Keeper for Asked<'_> {
    fn wants(&self, position: &Position, moment: Moment) -> bool {
        let asked = moment == Moment::Step && self.hub.as_ref().is_some_and(|hub| hub.controls().checkpoint_wanted());
        asked || self.inner.wants(position, moment)
    }

    fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        self.inner.keep(checkpoint)?;
        if let Some(hub) = &self.hub {
            hub.event(Level::Note, format!("a checkpoint was kept after step {}", checkpoint.position.step));
        }
        Ok(())
    }
}
