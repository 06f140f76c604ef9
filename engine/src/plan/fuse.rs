//! Second pass: which nodes run as one.

use std::collections::BTreeSet;

use super::{Pass, Place, Plan, PlanOptions, Stage, StageKind};
use crate::batch::Field;
use crate::operators::{Role, WriteMode};

/// Makes stages. A node joins the stage of the node before it if both work on the CPU row by row, and nobody else reads
/// what is between them: then a chunk of rows goes through all of them while it is in the cache.
pub(super) fn fuse(plan: &mut Plan, options: &PlanOptions) {
    for node in 0..plan.nodes.len() {
        match joins(plan, node, options) {
            Ok(stage) => {
                plan.stages[stage].nodes.push(node);
                plan.stage_of.push(stage);
            }
            Err(reason) => {
                if let Some(reason) = reason {
                    plan.decide(Pass::Fuse, vec![node], reason);
                }
                let kind = kind_of(plan, node);
                let place = plan.nodes[node].place;
                plan.stage_of.push(plan.stages.len());
                plan.stages.push(Stage {
                    nodes: vec![node],
                    kind,
                    place,
                    outputs: Vec::new(),
                    rows_per_chunk: 0,
                    prefetch_depth: 0,
                });
            }
        }
    }
    decide_unread(plan);
    let read_later = read_later(plan);
    for index in 0..plan.stages.len() {
        let nodes = plan.stages[index].nodes.clone();
        let last = nodes[nodes.len() - 1];
        plan.stages[index].outputs = outputs(plan, last, &read_later[last]);
        if nodes.len() > 1 {
            let names: Vec<&str> = nodes.iter().map(|&n| plan.nodes[n].name.as_str()).collect();
            let why = match plan.stages[index].kind {
                StageKind::Cpu => {
                    "all work row by row on the CPU, and each has one consumer: one pass over a chunk that stays in the cache"
                }
                StageKind::Device | StageKind::Model => "all work on whole batches on one device",
            };
            let text = format!("{} are fused: {why}", names.join(", "));
            plan.decide(Pass::Fuse, nodes, text);
        }
    }
}

fn kind_of(plan: &Plan, node: usize) -> StageKind {
    match (plan.nodes[node].operator.role(), plan.nodes[node].place) {
        (Role::Model, _) => StageKind::Model,
        (_, Place::Cpu) => StageKind::Cpu,
        (_, Place::Cuda(_)) => StageKind::Device,
    }
}

/// The stage that a node joins, or why it does not; a reason that goes without saying is none.
fn joins(plan: &Plan, node: usize, options: &PlanOptions) -> Result<usize, Option<String>> {
    let name = &plan.nodes[node].name;
    let producers: Vec<usize> = plan.producers(node).map(|(from, _)| from).collect();
    let kind = kind_of(plan, node);
    let before = match producers[..] {
        [] => return Err(None),
        _ if kind == StageKind::Model => {
            return Err(Some(format!("{name} is a stage of its own: it trains on whole batches")));
        }
        [before] => before,
        _ => return Err(Some(format!("{name} starts a stage: it has {} inputs", producers.len()))),
    };
    let stage = plan.stage_of(before);
    if options.unfused {
        return Err(Some(format!("{name} is a stage of its own: fusing is switched off")));
    }
    if plan.stages[stage].kind != kind || plan.stages[stage].place != plan.nodes[node].place {
        return Err(Some(format!(
            "{name} starts a stage: it is on {}, its rows come from {}",
            plan.nodes[node].place, plan.stages[stage].place
        )));
    }
    if let Some(whole) = [node, before].into_iter().find(|&n| plan.nodes[n].signature.whole_batch) {
        let whole = if whole == node { "it" } else { &plan.nodes[whole].name };
        return Err(Some(format!("{name} starts a stage: {whole} needs all rows of a batch at once")));
    }
    let consumers = plan.consumers(before).count();
    if consumers > 1 {
        let text = format!("{name} starts a stage: {} has {consumers} consumers", plan.nodes[before].name);
        return Err(Some(text));
    }
    Ok(stage)
}

/// Says which nodes are left out of a training since nothing of theirs reaches the model.
fn decide_unread(plan: &mut Plan) {
    let Some(model) = plan.model() else { return };
    let mut reaches = vec![false; plan.nodes.len()];
    reaches[model] = true;
    for node in (0..plan.nodes.len()).rev() {
        reaches[node] |= plan.consumers(node).any(|next| reaches[next]);
        if !reaches[node] {
            let text = format!("{} leads to no input of the model: it does not run", plan.nodes[node].name);
            plan.decide(Pass::Fuse, vec![node], text);
        }
    }
}

/// The fields that leave a node and are still read.
fn outputs(plan: &Plan, node: usize, read_later: &BTreeSet<String>) -> Vec<Field> {
    plan.nodes[node].output.fields().filter(|f| read_later.contains(&f.name)).cloned().collect()
}

/// The fields that somebody reads after each node, from the last node to the first.
fn read_later(plan: &Plan) -> Vec<BTreeSet<String>> {
    let trains = plan.model().is_some();
    let mut read: Vec<BTreeSet<String>> = vec![BTreeSet::new(); plan.nodes.len()];
    for node in (0..plan.nodes.len()).rev() {
        let mut fields = BTreeSet::new();
        for next in plan.consumers(node) {
            let signature = &plan.nodes[next].signature;
            let created = |name: &String| {
                signature.writes.iter().any(|w| w.field.name == *name && w.mode == WriteMode::Create)
                    || signature.aliases.iter().any(|a| a.to == *name)
            };
            fields.extend(read[next].iter().filter(|name| !created(name)).cloned());
            // What is read under a new name is read under the old one before.
            let renamed = signature.aliases.iter().filter(|a| read[next].contains(&a.to));
            fields.extend(renamed.map(|a| a.from.clone()));
            fields.extend(signature.reads.iter().cloned());
        }
        // What leaves a graph without a model is for whoever takes the batches.
        if !trains && plan.consumers(node).next().is_none() {
            fields.extend(plan.nodes[node].output.fields().map(|f| f.name.clone()));
        }
        read[node] = fields;
    }
    read
}
