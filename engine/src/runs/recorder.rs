//! Writes down what a run tells: as JSON lines, and for TensorBoard.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use super::clock;
use super::files::write_whole;
use super::folder::{FolderError, METRICS};
use super::tensorboard::EventFile;
use crate::train::{EpochReport, Observer, Position, RunStart, StepReport, Summary};

/// How often it is looked whether the files are still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A report as an event: an object whose first key says what it is. What is no number in JSON is null.
pub fn event(kind: &str, report: &impl Serialize) -> Value {
    let mut event = serde_json::Map::new();
    event.insert("event".to_owned(), kind.into());
    if let Ok(Value::Object(report)) = serde_json::to_value(report) {
        event.extend(report);
    }
    Value::Object(event)
}

/// Writes the events of a run into its folder, and passes them on. What cannot be written is told once, as a warning; the
/// run goes on.
pub struct Recorder<'a> {
    shown: &'a mut dyn Observer,
    folder: PathBuf,
    files: Option<Files>,
    looked: Instant,
    told: bool,
}

struct Files {
    metrics: File,
    /// Bytes of whole lines.
    length: u64,
    board: EventFile,
}

impl Files {
    fn open(folder: &Path, purge_after: Option<u64>) -> io::Result<Self> {
        let metrics = File::options().create(true).append(true).open(folder.join(METRICS))?;
        Ok(Self { length: metrics.metadata()?.len(), metrics, board: EventFile::create(folder, purge_after)? })
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        match self.metrics.write_all(text.as_bytes()) {
            Ok(()) => self.length += text.len() as u64,
            // A part of a line would spoil the next one.
            Err(error) => {
                self.metrics.set_len(self.length).ok();
                return Err(error);
            }
        }
        Ok(())
    }
}

impl<'a> Recorder<'a> {
    /// Into the folder of a run that starts, or goes on from a position: then what was written of later steps goes.
    pub fn new(folder: &Path, from: Option<&Position>, shown: &'a mut dyn Observer) -> Result<Self, FolderError> {
        Self::open(folder, from, shown).map_err(|source| FolderError::Io { source, path: folder.to_path_buf() })
    }

    fn open(folder: &Path, from: Option<&Position>, shown: &'a mut dyn Observer) -> io::Result<Self> {
        if let Some(position) = from {
            cut_back(&folder.join(METRICS), position)?;
        }
        let files = Some(Files::open(folder, from.map(|position| position.step))?);
        Ok(Self { shown, folder: folder.to_path_buf(), files, looked: Instant::now(), told: false })
    }

    /// Writes how the run ended.
    pub fn summary(&mut self, summary: &Summary) {
        self.write("summary", None, summary);
    }

    fn write(&mut self, kind: &str, step: Option<u64>, report: &impl Serialize) {
        let (now, mut event) = (clock::unix(), event(kind, report));
        event["time"] = now.into();
        if kind != "step" || self.looked.elapsed() > LOOK_EVERY {
            self.looked = Instant::now();
            if !self.folder.join(METRICS).exists() {
                // Deleted files can be written to, and nobody would see it. The folder itself is for others to make.
                self.files = None;
            }
        }
        let mut write = || {
            let files = match &mut self.files {
                Some(files) => files,
                none => none.insert(Files::open(&self.folder, None)?),
            };
            files.line(&format!("{event}\n"))?;
            match step {
                Some(step) => files.board.scalars(now, step, &scalars(kind, &event)),
                None => Ok(()),
            }
        };
        if let Err(error) = write()
            && !self.told
        {
            self.told = true;
            self.shown.warning(&format!("cannot write the run's metrics: {error}: {}", self.folder.display()));
        }
    }
}

impl Observer for Recorder<'_> {
    fn start(&mut self, start: &RunStart) {
        self.shown.start(start);
        self.write("start", None, start);
    }
    fn step(&mut self, step: &StepReport) {
        self.shown.step(step);
        self.write("step", Some(step.step), step);
    }
    fn evaluation(&mut self, done: u64, of: u64) {
        self.shown.evaluation(done, of);
    }
    fn epoch(&mut self, epoch: &EpochReport) {
        self.shown.epoch(epoch);
        self.write("epoch", Some(epoch.step), epoch);
    }
    fn warning(&mut self, text: &str) {
        self.shown.warning(text);
        self.write("warning", None, &serde_json::json!({ "text": text }));
    }
}

/// All numbers of an event but those that say when it was, as `kind/key`.
fn scalars(kind: &str, event: &Value) -> Vec<(String, f64)> {
    fn collect(tag: &str, value: &Value, found: &mut Vec<(String, f64)>) {
        match value {
            Value::Number(number) => found.extend(number.as_f64().map(|number| (tag.to_owned(), number))),
            Value::Object(map) => map.iter().for_each(|(key, value)| collect(&format!("{tag}/{key}"), value, found)),
            // A list is no curve.
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (key, value) in event.as_object().into_iter().flatten() {
        if !["epoch", "step", "time"].contains(&key.as_str()) {
            collect(&format!("{kind}/{key}"), value, &mut found);
        }
    }
    found
}

/// Removes what was written after a position, and what was written half.
fn cut_back(path: &Path, position: &Position) -> io::Result<()> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => BufReader::new(file?),
    };
    write_whole(path, |kept| {
        for line in file.split(b'\n') {
            let line = line?;
            if serde_json::from_slice(&line).is_ok_and(|event| is_before(&event, position)) {
                kept.write_all(&line)?;
                kept.write_all(b"\n")?;
            }
        }
        Ok(())
    })
}

fn is_before(event: &Value, position: &Position) -> bool {
    let at_most = |key: &str, most: u64| event[key].as_u64().is_none_or(|number| number <= most);
    match event["event"].as_str() {
        // Its epoch is the one that it is a part of.
        Some("step") => at_most("step", position.step),
        Some("epoch" | "summary") => at_most("step", position.step) && at_most("epoch", position.epoch),
        Some("start") => at_most("done", position.step),
        _ => event.is_object(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_after_the_checkpoint_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(METRICS);
        let line = |event: &str, epoch: u64, step: u64| json!({ "event": event, "epoch": epoch, "step": step });
        let (start, later) = (json!({ "event": "start", "done": 0 }), json!({ "event": "start", "done": 12 }));
        let lines = [
            start.clone(),
            line("step", 1, 10),
            line("epoch", 1, 10),
            line("step", 2, 11),
            line("summary", 1, 11),
            later,
            line("step", 2, 12),
        ];
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text + "{\"event\":\"st").unwrap();
        cut_back(&path, &Position { epoch: 0, step: 10, ..Position::default() }).unwrap();
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, format!("{start}\n{}\n", lines[1]), "the epoch was not finished at that position");
    }

    #[test]
    fn a_full_disk_is_told_once_and_leaves_whole_lines() {
        #[derive(Default)]
        struct Told(Vec<String>);
        impl Observer for Told {
            fn warning(&mut self, text: &str) {
                self.0.push(text.to_owned());
            }
        }
        let (folder, mut told) = (tempfile::tempdir().unwrap(), Told::default());
        let mut recorder = Recorder::new(folder.path(), None, &mut told).unwrap();
        let full = File::options().append(true).open("/dev/full").unwrap();
        let disk = std::mem::replace(&mut recorder.files.as_mut().unwrap().metrics, full);
        let step = StepReport {
            epoch: 1,
            step: 1,
            loss: f64::NAN,
            learning_rate: 0.1,
            gradient_norm: None,
            images_per_second: 9.0,
        };
        recorder.step(&step);
        recorder.step(&step);
        recorder.files.as_mut().unwrap().metrics = disk;
        recorder.step(&step);
        assert_eq!(told.0.len(), 1, "{:?}", told.0);
        assert!(told.0[0].starts_with("cannot write the run's metrics: No space left"), "{:?}", told.0);
        let text = std::fs::read_to_string(folder.path().join(METRICS)).unwrap();
        assert_eq!(text.lines().count(), 1);
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&event["step"], &event["train_loss"]), (&json!(1), &Value::Null));
    }

    #[test]
    fn every_number_of_a_report_is_a_curve() {
        let event = json!({ "event": "epoch", "epoch": 1, "step": 10, "loss": 2.5, "top": { "5": 0.9 }, "m": [1, 2] });
        assert_eq!(scalars("epoch", &event), [("epoch/loss".to_owned(), 2.5), ("epoch/top/5".to_owned(), 0.9)]);
    }
}
