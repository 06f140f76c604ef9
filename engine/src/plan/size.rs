//! Third pass: workers, rows of a chunk, prefetch depth.

use super::{Machine, Pass, Place, Plan, PlanOptions, Queue, StageKind};
use crate::batch::Field;
use crate::operators::WriteMode;
use crate::params::plural;

/// A chunk of rows and what is made of it should stay in a core's own cache: half of the 512 KiB to 2 MiB that cores
/// have today.
const CHUNK_BYTES: usize = 256 << 10;
/// Batches ahead of the model: one being filled, one being taken, and two to even out the steps.
const PREFETCH_DEPTH: usize = 4;
/// What all batches of a queue may take.
const QUEUE_BYTES: usize = 256 << 20;

pub(super) fn size(plan: &mut Plan, machine: &Machine, options: &PlanOptions) {
    size_workers(plan, machine, options);
    for index in 0..plan.stages.len() {
        if plan.stages[index].kind == StageKind::Cpu {
            size_chunk(plan, index, options);
        }
    }
    size_queues(plan, options);
}

fn size_workers(plan: &mut Plan, machine: &Machine, options: &PlanOptions) {
    plan.workers = options.workers.unwrap_or(machine.cores).max(1);
    let why = match options.workers {
        Some(_) => "as asked".to_owned(),
        None if machine.cores == 1 => "there is one core".to_owned(),
        None => format!("one for each of the {} cores", machine.cores),
    };
    let shares = plan.model().is_some_and(|m| plan.nodes[m].place == Place::Cpu);
    let sharing = if shares {
        "; the model computes on the same cores, and the workers sleep while the queue is full"
    } else {
        ""
    };
    plan.decide(Pass::Size, Vec::new(), format!("{}: {why}{sharing}", plural(plan.workers as u64, "worker")));
}

fn size_chunk(plan: &mut Plan, index: usize, options: &PlanOptions) {
    let nodes = plan.stages[index].nodes.clone();
    // What the rows of a chunk occupy while they go through the stage: each field that is made anew, once.
    let mut row_bytes: usize = 0;
    for &node in &nodes {
        let made = plan.nodes[node].signature.writes.iter();
        let made = made.filter(|w| !matches!(w.mode, WriteMode::Update | WriteMode::View));
        row_bytes += made.map(|w| w.field.about_bytes()).sum::<usize>();
    }
    let row_bytes = row_bytes.max(1);
    let batch = plan.source_of(nodes[0]).batch_size;
    let whole = nodes.iter().any(|&n| plan.nodes[n].signature.whole_batch);
    let (rows, why) = match options.rows_per_chunk {
        Some(rows) if !whole => (rows.clamp(1, batch), "as asked".to_owned()),
        _ if whole => (batch, format!("{} works on whole batches", plan.nodes[nodes[0]].name)),
        _ => {
            let fits = (CHUNK_BYTES / row_bytes).clamp(1, batch);
            let shared = batch.div_ceil(plan.workers);
            if shared < fits {
                (shared, format!("so that each of the {} workers has a part of a batch of {batch}", plan.workers))
            } else {
                (
                    fits,
                    format!(
                        "a row takes {row_bytes} bytes on its way, and {} KiB stay in the cache",
                        CHUNK_BYTES >> 10
                    ),
                )
            }
        }
    };
    plan.stages[index].rows_per_chunk = rows;
    let (first, last) = (&plan.nodes[nodes[0]].name, &plan.nodes[nodes[nodes.len() - 1]].name);
    let stage = if first == last { first.clone() } else { format!("{first} … {last}") };
    plan.decide(Pass::Size, nodes, format!("{stage}: {} a chunk, {why}", plural(rows as u64, "row")));
}

/// Where batches leave the CPU, some may wait.
fn size_queues(plan: &mut Plan, options: &PlanOptions) {
    for index in 0..plan.stages.len() {
        let last = plan.stages[index].nodes[plan.stages[index].nodes.len() - 1];
        let leaves = plan.consumers(last).all(|next| kind(plan, next) != StageKind::Cpu);
        if plan.stages[index].kind != StageKind::Cpu || !leaves {
            continue;
        }
        let fields = plan.stages[index].outputs.clone();
        let batch_bytes = plan.source_of(last).batch_size * fields.iter().map(Field::about_bytes).sum::<usize>();
        let fits = (QUEUE_BYTES / batch_bytes.max(1)).max(1);
        let (depth, why) = match options.prefetch_depth {
            Some(depth) => (depth.max(1), "as asked".to_owned()),
            None if fits < PREFETCH_DEPTH => (fits, format!("{} MiB are all that a queue may take", QUEUE_BYTES >> 20)),
            None => (PREFETCH_DEPTH, "enough to even out the steps".to_owned()),
        };
        plan.stages[index].prefetch_depth = depth;
        let name = &plan.nodes[last].name;
        let megabytes = batch_bytes as f64 / 1e6;
        plan.decide(
            Pass::Size,
            vec![last],
            format!("{} may wait after {name}, {megabytes:.1} MB each: {why}", plural(depth as u64, "batch")),
        );
        for (_, to, port) in plan.edges.iter().filter(|(from, ..)| *from == last).cloned().collect::<Vec<_>>() {
            let to = plan.stage_of(to);
            plan.queues.push(Queue { from: index, to, port, depth, batch_bytes, fields: fields.clone() });
        }
    }
}

fn kind(plan: &Plan, node: usize) -> StageKind {
    plan.stages[plan.stage_of(node)].kind
}
