//! Arguments that several subcommands have.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use engine::data::{Archive, Fallback, Where};
use engine::execute::StopToken;
use engine::graph::{Graph, GraphFile, GraphSpec};
use engine::operators::{DeviceChoice, Registry, Resources};
use engine::plan::{Machine, Plan, PlanOptions};
use serde_json::Value;

use super::{Failure, progress, screen};

/// Which graph, and what is changed in it.
#[derive(Args)]
pub(crate) struct GraphArgs {
    /// Graph file.
    pub(crate) graph: PathBuf,

    /// Change a parameter, such as `--set train.batch_size=256` or `--set model.optimizer.lr=0.4`.
    #[arg(long, value_name = "NODE.KEY=VALUE")]
    set: Vec<String>,

    /// Seed of every random choice.
    #[arg(long)]
    seed: Option<u64>,
}

impl GraphArgs {
    /// Reads, changes and validates.
    pub(crate) fn load(&self) -> Result<Graph, Failure> {
        self.load_with_spec().map(|(_, graph)| graph)
    }

    /// The same, with the graph as it is written, changes included.
    pub(crate) fn load_with_spec(&self) -> Result<(GraphSpec, Graph), Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        let mut file = GraphFile::read(&self.graph).map_err(|e| wrong(&e))?;
        for change in &self.set {
            let Some((path, value)) = change.split_once('=') else {
                return Err(Failure::Usage(format!(
                    "--set {change}: expected NODE.KEY=VALUE, such as train.batch_size=256"
                )));
            };
            // What is not JSON is a word: --set train.order=random.
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            file.spec.set(path, value).map_err(|e| Failure::Usage(format!("--set {e}")))?;
        }
        if let Some(seed) = self.seed {
            file.spec.seed = seed;
        }
        let graph = Graph::validate_file(&file, &Registry::builtin()).map_err(|e| match &self.set[..] {
            [] => wrong(&e),
            changes => Failure::Usage(format!("{e}\n\nThe graph was changed by --set {}.", changes.join(" --set "))),
        })?;
        Ok((file.spec, graph))
    }
}

/// How the plan is to be.
#[derive(Args)]
pub(crate) struct PlanOptionArgs {
    /// Device of the nodes that say `auto`: auto, cpu, cuda or cuda:N.
    #[arg(long)]
    device: Option<DeviceChoice>,

    /// Threads of the data pipeline; one for each core unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Rows that a worker handles at a time; as many as stay in the cache unless given.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    chunk: Option<u32>,

    /// Batches that may wait for the model; 4 unless given, fewer if they are large.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    prefetch: Option<u16>,

    /// Make every node a stage of its own, to compare.
    #[arg(long)]
    unfused: bool,
}

impl PlanOptionArgs {
    /// Plans a graph for this machine.
    pub(crate) fn plan(&self, graph: &Graph, machine: &Machine) -> Result<Arc<Plan>, Failure> {
        let options = self.over(PlanOptions::default());
        Plan::new(graph, machine, &options).map(Arc::new).map_err(|e| Failure::Usage(e.to_string()))
    }

    /// What was given here, and else what was given before.
    pub(crate) fn over(&self, before: PlanOptions) -> PlanOptions {
        PlanOptions {
            workers: self.workers.map(usize::from).or(before.workers),
            device: self.device.or(before.device),
            rows_per_chunk: self.chunk.map(|n| n as usize).or(before.rows_per_chunk),
            prefetch_depth: self.prefetch.map(usize::from).or(before.prefetch_depth),
            unfused: self.unfused || before.unfused,
            ..before
        }
    }
}

/// What to do without CIFAR-10.
#[derive(Clone, Copy, ValueEnum)]
enum FallbackArg {
    /// Take built-in images, with a warning.
    Auto,
    /// Fail.
    Never,
}

/// Where data comes from.
#[derive(Args)]
pub(crate) struct DataArgs {
    /// Folder of the data set; else $ENGINE_DATA, else the cache folder, where it is downloaded.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// What to do where the data set is not there and cannot be downloaded; auto unless given.
    #[arg(long, value_enum, value_name = "WHEN")]
    data_fallback: Option<FallbackArg>,
}

impl DataArgs {
    /// As a run remembers it.
    pub(crate) fn remembered(data: Option<PathBuf>, stand_in: bool) -> Self {
        let fallback = if stand_in { FallbackArg::Auto } else { FallbackArg::Never };
        Self { data, data_fallback: Some(fallback) }
    }

    /// The folder that was given, or that the environment names.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        let environment = || std::env::var_os("ENGINE_DATA").filter(|dir| !dir.is_empty()).map(PathBuf::from);
        let folder = self.data.clone().or_else(environment)?;
        Some(std::path::absolute(&folder).unwrap_or(folder))
    }

    /// Whether built-in images may stand in; none if nothing was said.
    pub(crate) fn stand_in(&self) -> Option<bool> {
        self.data_fallback.map(|fallback| matches!(fallback, FallbackArg::Auto))
    }

    /// Resources that show a download's progress and stop it when asked, and tell of bad samples: in a line, and with
    /// `json` as an event too.
    pub(crate) fn resources(&self, stop: &StopToken, quiet: bool, json: bool) -> Resources {
        let mut archive = Archive::default();
        // For mirrors.
        if let Some(url) = std::env::var("ENGINE_CIFAR10_URL").ok().filter(|url| !url.is_empty()) {
            archive.url = url;
        }
        let place = Where {
            data_dir: self.data.clone(),
            env_dir: std::env::var_os("ENGINE_DATA").map(PathBuf::from),
            cache_dir: None,
            fallback: if self.stand_in().unwrap_or(true) { Fallback::Auto } else { Fallback::Never },
            archive,
        };
        let stop = stop.clone();
        let warn = move |text: String| {
            if json {
                progress::warning_event(&text);
            }
            progress::warning_line(&text);
        };
        Resources::new(place)
            .with_progress(progress::download(quiet), Box::new(move || stop.stopped()))
            .with_warnings(warn)
    }
}

/// Sets the token at Ctrl-C and SIGTERM, and says what is stopping. The second time, the process ends at once.
pub(crate) fn stop_at_ctrl_c(stop: &StopToken, stopping: &'static str) -> Result<(), Failure> {
    let stop = stop.clone();
    let handler = move || {
        if stop.stopped() {
            engine::torch::exit_now(130);
        }
        stop.stop();
        screen::note(&format!("{stopping} (again: at once)"));
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::Failed(format!("cannot watch for Ctrl-C: {e}")))
}
