//! How a run looks on the screen.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use engine::data::{Phase, Progress};
use engine::runs::event;
use engine::train::{EpochReport, Observer, RunStart, StepReport, Summary};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::screen;

/// Where no bar can be drawn, a line this often says that the run goes on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// The bar on the screen, for lines of other threads than its own.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn show(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// A line of any thread, that the bar does not overwrite: something that went wrong and is mended.
pub(crate) fn warning_line(text: &str) {
    match &*SHOWN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(|| screen::warning_line(text)),
        None => screen::warning_line(text),
    }
}

/// Shows a download.
pub(crate) fn download(quiet: bool) -> Box<dyn FnMut(Progress) + Send> {
    let mut bar: Option<(Phase, ProgressBar)> = None;
    Box::new(move |progress| {
        if quiet || progress.total == 0 {
            return;
        }
        if bar.as_ref().is_none_or(|(phase, _)| *phase != progress.phase) {
            if let Some((_, old)) = bar.take() {
                old.finish_and_clear();
            }
            let doing = match progress.phase {
                Phase::Waiting => "waiting for another download",
                Phase::Downloading => "downloading CIFAR-10",
                Phase::Checking => "checking",
                Phase::Unpacking => "unpacking",
            };
            let style = "{msg} {wide_bar:.cyan/dim} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
            let style = ProgressStyle::with_template(style).expect("the template is constant");
            let new = ProgressBar::new(progress.total).with_style(style).with_message(doing);
            bar = Some((progress.phase, new));
        }
        if let Some((_, bar)) = &bar {
            bar.set_position(progress.done);
            if progress.done == progress.total {
                bar.finish_and_clear();
            }
        }
    })
}

/// Shows a run to people: a bar on a terminal, and a line an epoch.
pub(crate) struct Screen {
    bar: ProgressBar,
    quiet: bool,
    last_line: Instant,
    steps_per_epoch: u64,
    steps: u64,
    built_in: bool,
}

impl Screen {
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        show(Some(bar.clone()));
        Self { bar, quiet, last_line: Instant::now(), steps_per_epoch: 1, steps: 1, built_in: false }
    }

    /// A line that the bar does not overwrite.
    fn line(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| screen::note(text));
        }
    }

    /// Removes the bar.
    pub(crate) fn clear(&self) {
        show(None);
        self.bar.finish_and_clear();
    }
}

/// Accuracy is never called CIFAR-10's where built-in images stood in.
fn accuracy_words(built_in: bool) -> &'static str {
    if built_in { "accuracy on BUILT-IN images" } else { "test accuracy" }
}

/// How the model did: its accuracy, or the loss of one that predicts no classes. None if it was not evaluated.
fn tested(accuracy: Option<f64>, loss: Option<f64>, built_in: bool) -> Option<String> {
    match accuracy {
        Some(accuracy) => Some(format!("{} {:.2} %", accuracy_words(built_in), accuracy * 100.0)),
        None => loss.map(|loss| format!("test loss {loss:.5}")),
    }
}

impl Observer for Screen {
    fn start(&mut self, start: &RunStart) {
        self.built_in = start.warning.is_some();
        (self.steps, self.steps_per_epoch) = (start.steps, start.steps_per_epoch);
        let text = format!(
            "{}: {} on {}, {}; {} of {}",
            start.graph,
            screen::plural(start.parameters, "parameter"),
            start.device,
            start.arithmetic.word(),
            screen::plural(start.epochs, "epoch"),
            screen::plural(start.steps_per_epoch, "step")
        );
        self.line(&text);
        let style = "epoch {msg} {wide_bar:.cyan/dim} {pos}/{len}, {prefix}, {eta} left";
        self.bar.set_style(ProgressStyle::with_template(style).expect("the template is constant"));
        self.bar.set_length(start.steps);
        // The time left follows from the steps of this run.
        self.bar.set_position(start.done);
        self.bar.reset_eta();
        self.bar.set_message(format!("1/{}", start.epochs));
        self.bar.set_prefix("first step");
        self.bar.enable_steady_tick(Duration::from_secs(1));
    }

    fn step(&mut self, step: &StepReport) {
        let numbers = format!(
            "{} img/s, loss {:.3}, lr {:.4}",
            screen::count(step.images_per_second.round() as u64),
            step.loss,
            step.learning_rate
        );
        self.bar.set_position(step.step);
        self.bar.set_message(format!("{}/{}", step.epoch, self.steps.div_ceil(self.steps_per_epoch)));
        self.bar.set_prefix(numbers.clone());
        if !std::io::stderr().is_terminal() && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            self.line(&format!("step {}/{}: {numbers}", step.step, self.steps));
        }
    }

    fn evaluation(&mut self, done: u64, of: u64) {
        self.bar.set_prefix(format!("evaluating, batch {done} of {of}"));
    }

    fn warning(&mut self, text: &str) {
        self.bar.suspend(|| screen::warning(text));
    }

    fn epoch(&mut self, epoch: &EpochReport) {
        self.last_line = Instant::now();
        let tested = tested(epoch.test_accuracy, epoch.test_loss, self.built_in);
        let tested = tested.map_or_else(String::new, |words| words + ", ");
        let evaluation = match epoch.test_loss {
            Some(_) => format!(", evaluation {:.1} s", epoch.evaluation_seconds),
            None => String::new(),
        };
        self.line(&format!(
            "epoch {:>3}: train loss {:.4}, {tested}{:.1} s ({} img/s){evaluation}",
            epoch.epoch,
            epoch.train_loss,
            epoch.seconds,
            screen::count(epoch.images_per_second.round() as u64)
        ));
    }
}

/// Shows how far an evaluation is, in batches: a bar on a terminal.
pub(crate) fn evaluation(quiet: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    let style = "evaluating {wide_bar:.cyan/dim} {human_pos} of {human_len} batches, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is constant"));
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    show(Some(bar.clone()));
    bar
}

/// Takes a bar away.
pub(crate) fn end(bar: &ProgressBar) {
    show(None);
    bar.finish_and_clear();
}

/// Shows work on the rows of a data set: a bar on a terminal, else a line now and then.
pub(crate) struct RowsBar {
    bar: ProgressBar,
    doing: &'static str,
    /// What a row is called in rates.
    noun: &'static str,
    quiet: bool,
    start: Instant,
    last_line: Instant,
}

impl RowsBar {
    pub(crate) fn new(doing: &'static str, noun: &'static str, quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
        let style = "{msg} {wide_bar:.cyan/dim} {human_pos} of {human_len} rows, {prefix}{eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is constant"));
        bar.set_message(doing);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let now = Instant::now();
        show(Some(bar.clone()));
        Self { bar, doing, noun, quiet, start: now, last_line: now }
    }

    /// So many rows of all are done; `bytes` were written, if it is known.
    pub(crate) fn step(&mut self, done: u64, all: u64, bytes: Option<u64>) {
        let rate = done as f64 / self.start.elapsed().as_secs_f64().max(1e-3);
        let written = bytes.map_or_else(String::new, |bytes| format!("{}, ", screen::bytes(bytes)));
        let numbers = format!("{} {}/s, {written}", screen::count(rate as u64), self.noun);
        self.bar.set_length(all);
        self.bar.set_position(done);
        if !self.quiet && !std::io::stderr().is_terminal() && self.last_line.elapsed() > LINE_EVERY {
            self.last_line = Instant::now();
            let rows = format!("{} of {} rows", screen::count(done), screen::count(all));
            screen::note(&format!("{}: {rows}, {}", self.doing, numbers.trim_end_matches(", ")));
        }
        self.bar.set_prefix(numbers);
    }

    /// Removes the bar; gives the time since it was made.
    pub(crate) fn end(self) -> f64 {
        show(None);
        self.bar.finish_and_clear();
        self.start.elapsed().as_secs_f64()
    }
}

/// The last lines of a run.
pub(crate) fn summary(summary: &Summary) {
    let how = if summary.stopped { "stopped" } else { "done" };
    let tested = tested(summary.test_accuracy, summary.test_loss, summary.warning.is_some());
    let tested = tested.unwrap_or_else(|| "not evaluated".to_owned());
    screen::note(&format!(
        "{how}: {}, {} in {}; {tested}; {} img/s; the model waited for data {:.2} % of the time",
        screen::plural(summary.epochs, "epoch"),
        screen::plural(summary.steps, "step"),
        screen::duration(summary.seconds),
        screen::count(summary.images_per_second.round() as u64),
        summary.data_wait * 100.0
    ));
    if let Some(warning) = &summary.warning {
        screen::warning(warning);
    }
}

/// Tells a run to programs: one JSON object a line.
pub(crate) struct Events;

/// What is allowed in a graph and yet is hardly meant: in lines, and with `json` as events too.
pub(crate) fn graph_warnings(graph: &engine::graph::Graph, json: bool) {
    let texts = graph.warnings.iter().map(|problem| problem.told(&graph.origin).to_string());
    texts.filter(|_| json).for_each(|text| warning_event(&text));
    screen::graph_warnings(graph);
}

/// Something went wrong that does not end the run.
pub(crate) fn warning_event(text: &str) {
    screen::out(json!({ "event": "warning", "text": text }));
}

impl Observer for Events {
    fn start(&mut self, start: &RunStart) {
        screen::out(event("start", start));
    }

    fn step(&mut self, step: &StepReport) {
        screen::out(event("step", step));
    }

    fn warning(&mut self, text: &str) {
        warning_event(text);
        screen::warning(text);
    }

    fn epoch(&mut self, epoch: &EpochReport) {
        screen::out(event("epoch", epoch));
    }
}

/// The last event of a run.
pub(crate) fn summary_event(summary: &Summary) {
    screen::out(event("summary", summary));
}
