//! What a run's folder says about the run, while it goes on and afterwards.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::command::RunCommand;
use super::folder::{self, FolderError, GRAPH, METRICS, SUMMARY};
use super::{clock, is_run};

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It goes on now.
    Running,
    /// It came to its end.
    Finished,
    /// The user stopped it.
    Stopped,
    /// It ended with an error.
    Failed,
    /// Its process ended without a word: killed, or the machine went down.
    CutOff,
}

impl RunState {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::CutOff => "cut off",
        }
    }
}

/// What a run's folder says about the run.
#[derive(Clone, Debug, Serialize)]
pub struct RunRecord {
    /// Name of the folder.
    pub name: String,
    /// The folder.
    pub path: PathBuf,
    /// What became of it.
    pub state: RunState,
    /// Why it failed.
    pub error: Option<String>,
    /// Epochs finished.
    pub epoch: u64,
    /// Epochs to train.
    pub epochs: Option<u64>,
    /// Steps done.
    pub step: u64,
    /// Steps to do.
    pub steps: Option<u64>,
    /// The last evaluation.
    pub test_accuracy: Option<f64>,
    /// Whether built-in images stood in for the data.
    pub built_in: bool,
    /// Loss of the last epoch that was finished, or of the last step before there is one.
    pub train_loss: Option<f64>,
    /// Over the last part of the run.
    pub images_per_second: Option<f64>,
    /// Seconds that it ran, pauses not counted.
    pub seconds: f64,
    /// When it was started.
    pub started: String,
    /// The events of its epochs.
    pub epoch_events: Vec<Value>,
    /// The options.
    pub command: RunCommand,
    /// The graph as run.
    pub graph: Value,
}

impl RunRecord {
    /// Reads a folder. Of damaged metrics what can be read is taken.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let command = folder::command(folder)?;
        let json =
            |name: &str| -> Option<Value> { serde_json::from_slice(&std::fs::read(folder.join(name)).ok()?).ok() };
        let end = json(SUMMARY);
        let state = match end.as_ref().and_then(|end| end["state"].as_str()) {
            _ if folder::is_going_on(folder) => RunState::Running,
            Some("finished") => RunState::Finished,
            Some("stopped") => RunState::Stopped,
            Some(_) => RunState::Failed,
            None => RunState::CutOff,
        };
        let name = folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let mut record = Self {
            name: name.unwrap_or_else(|| folder.display().to_string()),
            path: folder.to_path_buf(),
            state,
            error: end.as_ref().and_then(|end| Some(end["error"].as_str()?.to_owned())),
            epoch: 0,
            epochs: None,
            step: 0,
            steps: None,
            test_accuracy: None,
            built_in: false,
            train_loss: None,
            images_per_second: None,
            seconds: 0.0,
            started: command.started.clone(),
            epoch_events: Vec::new(),
            command,
            graph: json(GRAPH).unwrap_or_default(),
        };
        record.read_metrics(&folder.join(METRICS));
        Ok(record)
    }

    /// Name of the graph.
    pub fn graph_name(&self) -> &str {
        self.graph["name"].as_str().unwrap_or_default()
    }

    /// When it was started, for a table.
    pub fn started_short(&self) -> String {
        clock::short(&self.started)
    }

    fn read_metrics(&mut self, path: &Path) {
        let Ok(file) = File::open(path) else { return };
        // Of the steps only the last one is of interest; the file may have a million.
        let mut last_step = None;
        let mut part: Option<(f64, f64)> = None;
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            if line.starts_with(b"{\"event\":\"step\"") {
                last_step = Some(line);
                continue;
            }
            let Ok(event) = serde_json::from_slice::<Value>(&line) else { continue };
            self.take_step(last_step.take(), &mut part);
            self.take(event, &mut part);
        }
        self.take_step(last_step, &mut part);
        self.seconds += part.map_or(0.0, |(from, to)| to - from);
    }

    fn take_step(&mut self, line: Option<Vec<u8>>, part: &mut Option<(f64, f64)>) {
        if let Some(event) = line.and_then(|line| serde_json::from_slice(&line).ok()) {
            self.take(event, part);
        }
    }

    /// `part`: from when to when the process that wrote the event is known to have run.
    fn take(&mut self, event: Value, part: &mut Option<(f64, f64)>) {
        let time = event["time"].as_f64();
        let number = |key: &str| event[key].as_f64();
        match event["event"].as_str() {
            Some("start") => {
                self.seconds += part.take().map_or(0.0, |(from, to)| to - from);
                *part = time.map(|time| (time, time));
                (self.epochs, self.steps) = (event["epochs"].as_u64(), event["steps"].as_u64());
                self.built_in = event["warning"].is_string();
                return;
            }
            Some("step") => {
                self.step = event["step"].as_u64().unwrap_or(self.step);
                self.images_per_second = number("images_per_second");
                if self.epoch == 0 {
                    self.train_loss = number("train_loss");
                }
            }
            Some("epoch") => {
                self.epoch = event["epoch"].as_u64().unwrap_or(self.epoch);
                self.train_loss = number("train_loss");
                self.images_per_second = number("images_per_second");
                self.test_accuracy = number("test_accuracy").or(self.test_accuracy);
                self.epoch_events.push(event.clone());
            }
            Some("summary") => self.images_per_second = number("images_per_second"),
            _ => {}
        }
        if let (Some((_, to)), Some(time)) = (part, time) {
            *to = time;
        }
    }
}

/// The runs of a folder of runs, newest first, and those that cannot be read; none where there is no such folder.
pub fn list(runs: &Path) -> Result<(Vec<RunRecord>, Vec<FolderError>), FolderError> {
    let fail = |source| FolderError::Io { source, path: runs.to_path_buf() };
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    match std::fs::read_dir(runs) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        entries => {
            for entry in entries.map_err(fail)? {
                let path = entry.map_err(fail)?.path();
                if is_run(&path) {
                    match RunRecord::read(&path) {
                        Ok(record) => found.push(record),
                        Err(fault) => faults.push(fault),
                    }
                }
            }
        }
    }
    found.sort_by(|a, b| (&b.started, &b.name).cmp(&(&a.started, &a.name)));
    Ok((found, faults))
}
