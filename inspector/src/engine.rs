//! The engine as a program: what it would run, and a run that is started from the window.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use telemetry::{FromViewer, RunDescription, ToViewer, registry};

use crate::source::{Event, Kind, Source};

/// Lines of the engine's messages that are kept, to say why it ended.
const KEEP_LINES: usize = 40;
/// More than a plan ever has.
const MAX_PLAN_BYTES: u64 = 64 << 20;

/// The engine's program: `$ENGINE`, the one beside this program, or the one on the path.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("ENGINE").filter(|name| !name.is_empty()) {
        return named.into();
    }
    let beside = std::env::current_exe().ok().map(|path| path.with_file_name("engine"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| "engine".into())
}

fn why(program: &Path, error: &std::io::Error) -> String {
    format!(
        "cannot start the engine ({}): {error}; build it with `cargo build --release`, or name it in $ENGINE",
        program.display()
    )
}

/// The plan of a graph that is not run: a source that says what would be run, and then no more.
pub struct Planned {
    name: String,
    plan: Receiver<Result<RunDescription, String>>,
}

impl Planned {
    /// Asks the engine for its plan of a graph. `wake` is called when it has answered.
    pub fn ask(graph: &Path, wake: impl Fn() + Send + 'static) -> Self {
        let (sender, plan) = sync_channel(1);
        let path = graph.to_owned();
        let ask = move || {
            sender.send(plan_of(&path)).ok();
            wake();
        };
        // Without a thread there is no answer, which is said as such.
        std::thread::Builder::new().name("plan".into()).spawn(ask).ok();
        Self { name: graph.display().to_string(), plan }
    }
}

impl Source for Planned {
    fn poll(&mut self) -> Option<Event> {
        match self.plan.try_recv() {
            Ok(Ok(description)) => Some(Event::Message(ToViewer::Run(Box::new(description)))),
            Ok(Err(why)) => Some(Event::Refused(why)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => None,
        }
    }

    fn send(&mut self, _: FromViewer) {}

    fn address(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> Kind {
        Kind::Plan
    }
}

fn plan_of(graph: &Path) -> Result<RunDescription, String> {
    let program = program();
    let mut command = Command::new(&program);
    command.arg("plan").arg(graph).args(["--format", "inspector"]).stdin(Stdio::null());
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| why(&program, &error))?;
    let messages = Tail::of(&mut child);
    let mut text = String::new();
    if let Some(out) = child.stdout.take() {
        out.take(MAX_PLAN_BYTES).read_to_string(&mut text).map_err(|error| error.to_string())?;
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(messages.text());
    }
    serde_json::from_str(&text).map_err(|error| {
        format!("the engine's plan could not be read: {error}; use engine and inspector from one release")
    })
}

/// A run that was started from the window.
pub struct Launched {
    child: Child,
    messages: Tail,
}

/// How a run that was started stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Launch {
    /// It is not served yet.
    Starting,
    /// It is served at this address.
    Serving(String),
    /// It ended before it was served, with these words.
    Failed(String),
}

impl Launched {
    /// Starts a run of a graph that is served and takes commands; further arguments are those of `engine run`.
    pub fn start(graph: &Path, arguments: &str) -> Result<Self, String> {
        let program = program();
        let mut command = Command::new(&program);
        command.arg("run").arg(graph).args(["--inspect", "127.0.0.1:0", "--inspect-control"]);
        command.args(arguments.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // The run goes on when the window is closed, and Ctrl-C in the window's terminal is not for it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| why(&program, &error))?;
        let messages = Tail::of(&mut child);
        Ok(Self { child, messages })
    }

    /// How it stands.
    pub fn poll(&mut self) -> Launch {
        let pid = self.child.id();
        if let Some(running) = registry::running().into_iter().find(|running| running.pid == pid) {
            return Launch::Serving(running.address);
        }
        match self.child.try_wait() {
            Ok(None) => Launch::Starting,
            Ok(Some(_)) => Launch::Failed(self.messages.text()),
            Err(error) => Launch::Failed(error.to_string()),
        }
    }
}

/// The last lines that a program says on standard error.
#[derive(Clone)]
struct Tail(Arc<Mutex<Vec<String>>>, Arc<Mutex<Option<std::thread::JoinHandle<()>>>>);

impl Tail {
    fn of(child: &mut Child) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&lines);
        let read = child.stderr.take().and_then(|errors| {
            let read = move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    let mut lines = into.lock().unwrap_or_else(PoisonError::into_inner);
                    if lines.len() == KEEP_LINES {
                        lines.remove(0);
                    }
                    lines.push(line);
                }
            };
            std::thread::Builder::new().name("messages".into()).spawn(read).ok()
        });
        Self(lines, Arc::new(Mutex::new(read)))
    }

    /// What it has said; of a program that has ended, all of it.
    fn text(&self) -> String {
        if let Some(reading) = self.1.lock().unwrap_or_else(PoisonError::into_inner).take() {
            reading.join().ok();
        }
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() { "the engine ended without a word".to_owned() } else { lines.join("\n") }
    }
}
