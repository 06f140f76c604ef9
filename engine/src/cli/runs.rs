//! `engine runs`

use std::path::{Path, PathBuf};

use clap::Args;
use engine::graph::differences;
use engine::runs::{RunRecord, is_run, list};
use serde_json::{Value, json};

use super::resume::find;
use super::training::{RUNS, failed};
use super::{Failure, runs_text, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine runs                       the runs in runs/, newest first
  engine runs ~/experiments         those of another folder
  engine runs runs/a                one run: its options and epochs
  engine runs runs/a runs/b         two runs: in what they differ, and how they did

Names of folders in runs/ do without `runs/`.")]
pub(crate) struct RunsArgs {
    /// A folder of runs, a run, or two runs to compare.
    #[arg(num_args = 0..=2, value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// Print one JSON object a run and line; of two runs one object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn runs(args: RunsArgs) -> Result<(), Failure> {
    match &args.folders[..] {
        [a, b] => {
            let (a, b) = (read(a)?, read(b)?);
            let graph = differences(&a.graph, &b.graph);
            let options = differences(&options(&a)?, &options(&b)?);
            if args.json {
                let all = |found: &[engine::graph::Difference]| -> Value {
                    found.iter().map(|d| json!({ "key": d.path, "values": [d.was, d.is] })).collect()
                };
                screen::out(
                    json!({ "runs": [value(&a)?, value(&b)?], "graph": all(&graph), "options": all(&options) }),
                );
            } else {
                screen::out(runs_text::comparison(&a, &b, &graph, &options));
            }
        }
        [one] if is_run(&find(one)) => {
            let run = read(one)?;
            if args.json { screen::out(value(&run)?) } else { screen::out(runs_text::one(&run)) }
        }
        folders => {
            let folder = folders.first().map_or(Path::new(RUNS), PathBuf::as_path);
            if !folders.is_empty() && !folder.is_dir() {
                return Err(Failure::Usage(format!(
                    "there is no such folder of runs, and no such run: {}",
                    folder.display()
                )));
            }
            let (runs, faults) = list(folder)?;
            for fault in faults {
                screen::warning_line(&fault.to_string());
            }
            if args.json {
                for run in &runs {
                    screen::out(value(run)?);
                }
            } else if runs.is_empty() {
                screen::note(&format!("there are no runs in {}", folder.display()));
            } else {
                screen::out(runs_text::table(&runs));
            }
        }
    }
    Ok(())
}

fn read(folder: &Path) -> Result<RunRecord, Failure> {
    Ok(RunRecord::read(&find(folder))?)
}

fn value(run: &RunRecord) -> Result<Value, Failure> {
    serde_json::to_value(run).map_err(failed)
}

/// The options that make a difference to what a run does.
fn options(run: &RunRecord) -> Result<Value, Failure> {
    let mut options = serde_json::to_value(&run.command).map_err(failed)?;
    if let Value::Object(map) = &mut options {
        for key in ["started", "resumed", "directory", "graph_file"] {
            map.remove(key);
        }
    }
    Ok(options)
}
