//! Runs as people read them: a table, one run, two side by side.

use std::collections::BTreeMap;

use engine::graph::Difference;
use engine::params::cut;
use engine::runs::{RunRecord, RunState};
use serde_json::Value;

use super::screen;

const NONE: &str = "–";
/// Differences that are shown; `--json` has them all.
const SHOWN: usize = 40;

/// Rows of cells as lines; numbers stand at the right of their columns.
fn aligned(rows: &[Vec<String>], left: &[usize]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = widths[column];
            if left.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn of(done: u64, all: Option<u64>) -> String {
    all.map_or_else(|| done.to_string(), |all| format!("{done}/{all}"))
}

/// Accuracy is never called that of a data set for which built-in images stood in.
fn accuracy(run: &RunRecord) -> String {
    let mark = if run.built_in { "*" } else { "" };
    run.test_accuracy.map_or_else(|| NONE.into(), |accuracy| format!("{:.2} %{mark}", accuracy * 100.0))
}

fn loss(number: Option<f64>) -> String {
    match number {
        Some(number) if number.abs() < 1e4 => format!("{number:.4}"),
        Some(number) => format!("{number:.2e}"),
        None => NONE.into(),
    }
}

fn rate(run: &RunRecord) -> String {
    run.images_per_second.map_or_else(|| NONE.into(), |rate| screen::count(rate.round() as u64))
}

fn footnote(runs: &[&RunRecord]) -> &'static str {
    if runs.iter().any(|run| run.built_in) { "\n* on built-in images, which stood in for the data set" } else { "" }
}

/// A table of runs.
pub(crate) fn table(runs: &[RunRecord]) -> String {
    let heads = ["name", "state", "epochs", "steps", "accuracy", "loss", "img/s", "time", "started"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(runs.iter().map(|run| {
        vec![
            run.name.clone(),
            run.state.word().to_owned(),
            of(run.epoch, run.epochs),
            of(run.step, run.steps),
            accuracy(run),
            loss(run.train_loss),
            rate(run),
            screen::duration(run.seconds),
            run.started_short(),
        ]
    }));
    aligned(&rows, &[0, 1, 8]) + footnote(&runs.iter().collect::<Vec<_>>())
}

/// One run.
pub(crate) fn one(run: &RunRecord) -> String {
    let mut text = format!("{}: {}", run.path.display(), run.state.word());
    if let Some(error) = &run.error {
        text.push_str(&format!(": {error}"));
    }
    text.push_str(&format!("\n\n{}", table(std::slice::from_ref(run))));
    let mut options = serde_json::to_value(&run.command).unwrap_or_default();
    if let Value::Object(options) = &mut options {
        options.retain(|_, value| !value.is_null() && *value != Value::Array(Vec::new()));
        let rows: Vec<_> = options.iter().map(|(key, value)| vec![format!("  {key}"), word(value)]).collect();
        text.push_str(&format!("\n\noptions\n{}", aligned(&rows, &[0, 1])));
    }
    let epochs = epochs(&[run]);
    if !epochs.is_empty() {
        text.push_str(&format!("\n\n{epochs}"));
    }
    if matches!(run.state, RunState::Stopped | RunState::CutOff) {
        text.push_str(&format!("\n\ngo on with: engine resume {}", run.path.display()));
    }
    text
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Two runs side by side.
pub(crate) fn comparison(a: &RunRecord, b: &RunRecord, graph: &[Difference], options: &[Difference]) -> String {
    let runs = [a, b];
    let row = |head: &str, cell: &dyn Fn(&RunRecord) -> String| vec![head.to_owned(), cell(a), cell(b)];
    let rows = [
        row("", &|run| run.name.clone()),
        row("state", &|run| run.state.word().to_owned()),
        row("epochs", &|run| of(run.epoch, run.epochs)),
        row("steps", &|run| of(run.step, run.steps)),
        row("accuracy", &accuracy),
        row("loss", &|run| loss(run.train_loss)),
        row("img/s", &rate),
        row("time", &|run| screen::duration(run.seconds)),
        row("started", &RunRecord::started_short),
    ];
    let mut text = aligned(&rows, &[0]) + footnote(&runs);
    for (what, found) in [("graph", graph), ("options", options)] {
        text.push_str(&format!("\n\n{what}: {}", if found.is_empty() { "the same" } else { "they differ" }));
        let cell = |value: &Option<Value>| match value {
            None | Some(Value::Null) => NONE.to_owned(),
            Some(value) => cut(&word(value)).into_owned(),
        };
        let row = |d: &Difference| vec![format!("  {}", d.path), cell(&d.was), cell(&d.is)];
        let shown: Vec<_> = found.iter().take(SHOWN).map(row).collect();
        if !shown.is_empty() {
            text.push_str(&format!("\n{}", aligned(&shown, &[0])));
        }
        if found.len() > SHOWN {
            text.push_str(&format!("\n  … and {} more", found.len() - SHOWN));
        }
    }
    let epochs = epochs(&runs);
    if !epochs.is_empty() {
        text.push_str(&format!("\n\n{epochs}"));
    }
    text
}

/// Accuracy and loss of each epoch, of each run.
fn epochs(runs: &[&RunRecord]) -> String {
    let mut rows: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for event in &run.epoch_events {
            let Some(epoch) = event["epoch"].as_u64() else { continue };
            let cells = rows.entry(epoch).or_insert_with(|| vec![NONE.to_owned(); 2 * runs.len()]);
            let accuracy = event["test_accuracy"].as_f64();
            cells[2 * index] = accuracy.map_or_else(|| NONE.into(), |accuracy| format!("{:.2} %", accuracy * 100.0));
            cells[2 * index + 1] = loss(event["train_loss"].as_f64());
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let heads = std::iter::once("epoch").chain(runs.iter().flat_map(|_| ["accuracy", "loss"])).map(str::to_owned);
    let mut lines = vec![heads.collect::<Vec<_>>()];
    lines.extend(rows.into_iter().map(|(epoch, cells)| std::iter::once(epoch.to_string()).chain(cells).collect()));
    aligned(&lines, &[])
}
