//! `engine bench`

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use engine::execute::{BatchRange, Executor as _, Limit, Pipeline, StopToken, Threaded};
use serde_json::json;

use super::common::{DataArgs, GraphArgs, PlanOptionArgs, stop_at_ctrl_c};
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine bench graphs/cifar.json
  engine bench graphs/cifar.json --workers 1 --json")]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    options: PlanOptionArgs,
    #[command(flatten)]
    data: DataArgs,

    /// Which batches: the model's input of this name (`train` unless given); without a model, the node of this name.
    #[arg(long, value_name = "INPUT")]
    input: Option<String>,

    /// How long to measure.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,

    /// Do not measure what the machine can do at most: copying memory, or decoding.
    #[arg(long)]
    no_limit: bool,

    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn bench(args: BenchArgs) -> Result<(), Failure> {
    if !(args.seconds > 0.0 && args.seconds <= 86_400.0) {
        return Err(Failure::Usage(format!("--seconds {}: expected more than 0 and at most 86400", args.seconds)));
    }
    let failed = |error: &dyn std::fmt::Display| Failure::Failed(error.to_string());
    let graph = args.graph.load()?;
    let plan = args.options.plan(&graph, &engine::torch::probe())?;
    let outlets = plan.outlets();
    let names: Vec<&str> = outlets.iter().map(|(node, port)| port.unwrap_or(&plan.nodes[*node].name)).collect();
    // Unless told otherwise what is trained on, or the only one there is.
    let wanted = args.input.as_deref().unwrap_or(if names.contains(&"train") { "train" } else { names[0] });
    let Some(outlet) = plan.outlet(wanted) else {
        return Err(Failure::Usage(format!("--input {wanted}: expected one of {}", names.join(", "))));
    };
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping at the next batch")?;
    let resources = args.data.resources(&stop, args.json, false);
    let start = Instant::now();
    let pipeline = Arc::new(Pipeline::new(&plan, outlet, &resources).map_err(|e| failed(&e))?);
    if let Some(warning) = pipeline.warning() {
        screen::warning(&warning);
    }
    let executor = Threaded::new(plan.workers, stop.clone(), None).map_err(|e| failed(&e))?;
    let mut batches = executor.start(&pipeline, BatchRange::epochs(0..u64::MAX / pipeline.batches_per_epoch() / 2));
    let mut next = || batches.next().map_err(|e| failed(&e));
    let first = next()?.map(|batch| (batch.samples().to_vec(), batch.bytes()));
    let first_batch = start.elapsed();
    let (mut rows, mut bytes) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs_f64(args.seconds) {
        let Some(batch) = next()? else { break };
        rows += batch.rows() as u64;
        bytes += batch.bytes() as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    // In the same run, and when nothing else runs.
    drop(batches);
    let time = Duration::from_secs_f64((args.seconds / 5.0).clamp(0.2, 1.0));
    let limit = match &first {
        Some((samples, bytes)) if !args.no_limit && !stop.stopped() => {
            Some(Limit::measure(&pipeline, (samples, *bytes), plan.workers, time).map_err(|e| failed(&e))?)
        }
        _ => None,
    };
    let rate = |n: u64| n as f64 / seconds;
    if args.json {
        let result = json!({
            "images_per_second": rate(rows),
            "bytes_per_second": rate(bytes),
            "workers": plan.workers,
            "first_batch_seconds": first_batch.as_secs_f64(),
            "images": rows,
            "seconds": seconds,
            "limit": limit.map(|limit| json!({
                "kind": match limit { Limit::Copy { .. } => "memory_copy", Limit::Decode { .. } => "decoding" },
                "bytes_per_second": match limit { Limit::Copy { bytes, .. } => Some(bytes), Limit::Decode { .. } => None },
                "images_per_second": limit.rows(),
                "share": rate(rows) / limit.rows(),
            })),
            "warning": pipeline.warning(),
        });
        screen::out(result);
    } else {
        screen::out(format!(
            "{} images/s, {:.2} GB/s out, {}; first batch after {:.1} ms",
            screen::count(rate(rows) as u64),
            rate(bytes) / 1e9,
            screen::plural(plan.workers as u64, "worker"),
            first_batch.as_secs_f64() * 1e3
        ));
        if let Some(limit) = limit {
            let share = 100.0 * rate(rows) / limit.rows();
            let most = screen::count(limit.rows() as u64);
            screen::out(match limit {
                Limit::Copy { bytes, row_bytes } => format!(
                    "{share:.0} % of what copying memory allows: {:.1} GB/s copied, {} bytes read and written an image, \
                     {most} images/s",
                    bytes / 1e9,
                    screen::count(row_bytes as u64)
                ),
                Limit::Decode { .. } => {
                    format!("{share:.0} % of decoding the images in full, and no more: {most} images/s")
                }
            });
        }
    }
    if stop.stopped() { Err(Failure::Interrupted) } else { Ok(()) }
}
