//! `engine sample`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use engine::batch::BatchId;
use engine::execute::{Pipeline, Rebuilt, StopToken};
use engine::graph::Graph;
use engine::plan::{Machine, Plan, PlanOptions};
use serde_json::{Value, json};

use super::common::{DataArgs, GraphArgs, stop_at_ctrl_c};
use super::sample_output::Work;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine sample graphs/cifar.json --epoch 3 --index 1234 --node cutout -o out.png
  engine sample graphs/cifar.json --epoch 3 --index 1234 --all-nodes     a strip through every node
  engine sample graphs/cifar.json --epoch 3 --batch 5 --node cutout      a contact sheet
  engine sample graphs/cifar.json --index 1234 --values -o sample.npz    the exact values

Epochs and batches count from 1, as `run` prints them; samples from 0, as they lie in the source. With the --set and
--seed of a run, the sample is what that run was given, bit for bit. Nodes on a GPU are computed on the CPU, with the
same result.

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.")]
pub(crate) struct SampleArgs {
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    data: DataArgs,

    /// Epoch, from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(super) epoch: u64,

    /// Index of the sample in its source, from 0.
    #[arg(long)]
    pub(super) index: Option<u64>,

    /// Batch of the epoch, from 1: all of it, or with --index the sample in it.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) batch: Option<u64>,

    /// After which node; unless given, the last one before the model.
    #[arg(long)]
    pub(super) node: Option<String>,

    /// The sample after every node on its way to that one.
    #[arg(long)]
    pub(super) all_nodes: bool,

    /// File to write: .png for a picture; .npy, .npz or .json for the exact values. Unless given, one named after what
    /// it shows.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// The exact values of all fields, not a picture.
    #[arg(long)]
    pub(super) values: bool,

    /// Field to show, or to write as .npy; the first image unless given.
    #[arg(long)]
    pub(super) field: Option<String>,

    /// Pixels of the picture for each pixel of the image, along each side; as many as make it readable unless given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) scale: Option<u16>,

    /// Print what is known of the samples as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

/// What a file is to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Png,
    Npy,
    Npz,
    Json,
}

impl Kind {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Npy => "npy",
            Self::Npz => "npz",
            Self::Json => "json",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        [Self::Png, Self::Npy, Self::Npz, Self::Json].into_iter().find(|kind| kind.extension() == extension)
    }
}

pub(crate) fn sample(args: SampleArgs) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let kind = kind(&args)?;
    match (args.index, args.batch) {
        (None, None) => return Err(Failure::Usage("which one? --index N is a sample, --batch N a batch".into())),
        (None, _) if args.all_nodes => {
            return Err(Failure::Usage("--all-nodes shows one sample: say which, with --index".into()));
        }
        _ => {}
    }
    let graph = args.graph.load()?;
    let plan = plan(&graph)?;
    let node = find_node(&plan, args.node.as_deref())?;
    let mut notes = Vec::new();
    let epoch = epoch(&plan, node, args.epoch, &mut notes);
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping")?;
    let resources = args.data.resources(&stop, args.json, false);
    let pipeline = Pipeline::new(&plan, node, &resources).map(Arc::new).map_err(|e| failed(&e))?;
    if let Some(warning) = pipeline.warning() {
        screen::warning(&warning);
    }
    let batch = args.batch.map(|batch| batch - 1);
    if let Some(batch) = batch.filter(|batch| *batch >= pipeline.batches_per_epoch()) {
        let most = pipeline.batches_per_epoch();
        return Err(Failure::Usage(format!("--batch {}: batches of an epoch count from 1 to {most}", batch + 1)));
    }
    let rebuilt = match (args.index, batch) {
        (Some(sample), batch) => {
            let places = Rebuilt::places(&pipeline, epoch, sample, batch);
            let places = places.map_err(|e| Failure::Usage(e.to_string()))?;
            let (id, row) = places[0];
            notes.extend(repeated(&places, sample, batch.is_some()));
            Rebuilt::row(&pipeline, id, row)
        }
        (None, index) => Rebuilt::batch(&pipeline, BatchId { epoch, index: index.unwrap_or_default() }),
    };
    let rebuilt = rebuilt.map_err(|e| failed(&e))?;
    let nodes: Vec<usize> = pipeline.nodes().collect();
    let shown = if args.all_nodes { nodes.clone() } else { vec![node] };
    let work = Work { args: &args, pipeline: &pipeline, rebuilt: &rebuilt, node, nodes, shown };
    let kind = work.kind(kind, &mut notes)?;
    let path = args.output.clone().unwrap_or_else(|| work.file_name(kind));
    let mut about = work.about();
    let views = match kind {
        Kind::Png => work.draw(&path)?,
        _ => {
            work.write(kind, &path, about.clone())?;
            Vec::new()
        }
    };
    let words = views.iter().filter_map(|(node, dtype, mapping)| {
        let words = mapping.words(*dtype)?;
        Some(if args.all_nodes { format!("{}: {words}", plan.nodes[*node].name) } else { words })
    });
    let words: Vec<String> = words.collect();
    if args.json {
        about["file"] = json!(path);
        about["notes"] = json!(notes);
        about["warning"] = json!(pipeline.warning());
        let views = views.iter().map(|(node, _, mapping)| {
            let mut view = mapping.json();
            view["at"] = json!(plan.nodes[*node].name);
            view
        });
        about["view"] = views.collect();
        screen::out(about);
    } else {
        work.tell(&path, &words, &notes);
    }
    Ok(())
}

/// What the arguments say about the file's kind; none if they leave it open.
fn kind(args: &SampleArgs) -> Result<Option<Kind>, Failure> {
    let Some(path) = &args.output else { return Ok(args.values.then_some(Kind::Npz)) };
    match Kind::of(path) {
        None => Err(Failure::Usage(format!(
            "-o {}: expected a name that ends in .png, .npy, .npz or .json",
            path.display()
        ))),
        Some(Kind::Png) if args.values => Err(Failure::Usage(format!(
            "-o {}: a PNG holds a picture; --values are written as .npy, .npz or .json",
            path.display()
        ))),
        Some(Kind::Npy) if args.all_nodes => {
            Err(Failure::Usage(format!("-o {}: a .npy holds one array; --all-nodes fit .npz or .json", path.display())))
        }
        kind => Ok(kind),
    }
}

/// What to say of a sample that an epoch, or one batch of it, has more than once.
fn repeated(places: &[(BatchId, usize)], sample: u64, in_batch: bool) -> Option<String> {
    let [(first, _), others @ ..] = places else { return None };
    let (number, times) = (first.index + 1, places.len());
    let mut elsewhere: Vec<u64> = others.iter().map(|(id, _)| id.index + 1).filter(|other| *other != number).collect();
    elsewhere.dedup();
    match elsewhere[..] {
        _ if others.is_empty() => None,
        [next, ..] if !in_batch => Some(format!(
            "epoch {} has sample {sample} {times} times: this is the first, in batch {number}; the next is in batch {next} \
             (--batch)",
            first.epoch + 1
        )),
        _ => Some(format!("batch {number} has sample {sample} {times} times: this is the first")),
    }
}

/// A plan with all nodes on the CPU.
fn plan(graph: &Graph) -> Result<Arc<Plan>, Failure> {
    let machine = Machine { cores: 1, cuda_devices: 0, bfloat16: false };
    let options = PlanOptions { cpu_only: true, ..PlanOptions::default() };
    Plan::new(graph, &machine, &options).map(Arc::new).map_err(|e| Failure::Usage(e.to_string()))
}

/// The nodes that a run runs: those that lead to an outlet, of these ports if they are given.
fn on_the_way(plan: &Plan, port: Option<&str>) -> BTreeSet<usize> {
    let outlets = plan.outlets();
    let mut found: BTreeSet<usize> =
        outlets.iter().filter(|(_, own)| port.is_none() || *own == port).map(|(node, _)| *node).collect();
    for node in (0..plan.nodes.len()).rev() {
        if found.contains(&node) {
            found.extend(plan.producers(node).map(|(from, _)| from));
        }
    }
    found
}

/// The node that is asked for; else the last one before the model, or the first that nobody reads from.
fn find_node(plan: &Plan, name: Option<&str>) -> Result<usize, Failure> {
    let Some(name) = name else { return Ok(plan.outlet("train").unwrap_or(plan.outlets()[0].0)) };
    let run = on_the_way(plan, None);
    let names = || run.iter().map(|node| plan.nodes[*node].name.as_str());
    let wrong = |what: String| {
        let expected: Vec<&str> = names().collect();
        Failure::Usage(format!("--node {name}: {what}\n  expected  one of {}", expected.join(", ")))
    };
    let Some(node) = plan.nodes.iter().position(|node| node.name == name) else {
        let near = engine::params::near_miss(name, names());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(wrong(format!("the graph has no such node{near}")));
    };
    match run.contains(&node) {
        true => Ok(node),
        false if plan.model() == Some(node) => Err(wrong("this is the model, which makes no samples".into())),
        false => Err(wrong("this leads to no input of the model, so that no run runs it".into())),
    }
}

/// The epoch from 0 that the rows come from, and what is to be said about it.
fn epoch(plan: &Plan, node: usize, asked: u64, notes: &mut Vec<String>) -> u64 {
    let Some(model) = plan.model() else { return asked - 1 };
    if !on_the_way(plan, Some("train")).contains(&node) && asked != 1 {
        notes.push(format!(
            "`{}` leads to the evaluation, which sees the batches of epoch 1 whenever it runs: so epoch 1 is shown",
            plan.nodes[node].name
        ));
        return 0;
    }
    let epochs = plan.nodes[model].params.get("epochs").and_then(Value::as_u64);
    if let Some(epochs) = epochs.filter(|epochs| asked > *epochs) {
        notes.push(format!("the graph trains {}; a run of more would see this", screen::plural(epochs, "epoch")));
    }
    asked - 1
}
