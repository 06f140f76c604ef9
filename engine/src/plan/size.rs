//! Third pass: workers, rows of a chunk, prefetch depth.

use super::{Machine, Pass, Place, Plan, PlanOptions, Queue, StageKind};

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
        None => format!("one for each of the {} cores", machine.cores),
    };
    let shares = plan.model().is_some_and(|m| plan.nodes[m].place == Place::Cpu);
    let sharing = if shares {
        "; the model computes on the same cores, and the workers sleep while the queue is full"
    } else {
        ""
    };
    plan.decide(Pass::Size, Vec::new(), format!("{} workers: {why}{sharing}", plan.workers));
}

fn size_chunk(plan: &mut Plan, index: usize, options: &PlanOptions) {
    let nodes = plan.stages[index].nodes.clone();
    // What the rows of a chunk occupy while they go through the stage: each field that is made anew, once.
    let mut row_bytes: usize = 0;
    for &node in &nodes {
        let made = plan.nodes[node].signature.writes.iter();
        let made =
            made.filter(|w| !matches!(w.mode, crate::operators::WriteMode::Update | crate::operators::WriteMode::View));
        row_bytes += made.map(|w| w.field.row_bytes()).sum::<usize>();
    }
    let row_bytes = row_bytes.max(1);
    let batch = plan.source_of(nodes[0]).batch_size;
    let (rows, why) = match options.rows_per_chunk {
        Some(rows) => (rows.clamp(1, batch), "as asked".to_owned()),
        None => {
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
    plan.decide(Pass::Size, nodes, format!("{rows} rows a chunk: {why}"));
}

fn size_queues(plan: &mut Plan, options: &PlanOptions) {
    for (from, to, port) in plan.edges.clone() {
        let (from_stage, to_stage) = (plan.stage_of(from), plan.stage_of(to));
        if from_stage == to_stage {
            continue;
        }
        let fields = plan.stages[from_stage].outputs.clone();
        let rows = plan.source_of(from).batch_size;
        let batch_bytes = rows * fields.iter().map(crate::batch::Field::row_bytes).sum::<usize>();
        let fits = (QUEUE_BYTES / batch_bytes.max(1)).max(1);
        let (depth, why) = match options.prefetch_depth {
            Some(depth) => (depth.max(1), "as asked".to_owned()),
            None if fits < PREFETCH_DEPTH => (fits, format!("{} MiB are all that a queue may take", QUEUE_BYTES >> 20)),
            None => (PREFETCH_DEPTH, "enough to even out the steps".to_owned()),
        };
        let (writer, reader) = (&plan.nodes[from].name, &plan.nodes[to].name);
        let text = format!(
            "{depth} batches may wait between {writer} and {reader}, {:.1} MB each: {why}",
            batch_bytes as f64 / 1e6
        );
        plan.decide(Pass::Size, vec![from, to], text);
        plan.queues.push(Queue { from: from_stage, to: to_stage, port, depth, batch_bytes, fields });
    }
}
