//! What is allowed and yet is hardly meant: found where everything else is right.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::problem::Problem;
use super::spec::GraphSpec;
use super::{Graph, Node};
use crate::operators::{PortSchemas, Role};
use crate::params::{child, quoted};

/// The model's input to train on, and that to evaluate on.
const TRAIN: &str = "train";
const TEST: &str = "test";

/// Parameters that say how samples are gone through, not which ones there are.
const HOW: [&str; 6] = ["batch_size", "order", "drop_last", "weights", "on_error", "max_failures"];

/// All warnings of a valid graph.
pub(super) fn find_warnings(graph: &Graph, spec: &GraphSpec) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let nodes = graph.nodes();
    for node in &nodes {
        own_warnings(node, spec, &mut warnings);
    }
    let model = nodes.iter().position(|node| node.operator.role() == Role::Model);
    if let Some(model) = model {
        leads_nowhere(graph, &nodes, model, &mut warnings);
        evaluation(graph, &nodes, model, spec, &mut warnings);
    }
    warnings
}

/// Those of a node by itself.
fn own_warnings(node: &Node, spec: &GraphSpec, warnings: &mut Vec<Problem>) {
    let written = &spec.nodes[&node.name].params;
    let path = child("/nodes", &node.name);
    for mut fault in node.operator.warnings(&node.params, &PortSchemas::new(node.inputs.clone())) {
        // A default stands nowhere: then the node is meant.
        let given = fault.path.split('/').nth(1).is_some_and(|key| written.contains_key(key));
        fault.path = if given { format!("{path}{}", fault.path) } else { path.clone() };
        warnings.push(Problem::from_fault(Some(&node.name), fault));
    }
}

/// All nodes that a node's input of this name depends on.
fn ancestors(graph: &Graph, model: usize, port: Option<&str>) -> BTreeSet<usize> {
    let wanted = graph.producers(model).into_iter().filter(|(_, own)| port.is_none() || *own == port);
    let mut open: Vec<usize> = wanted.map(|(node, _)| node).collect();
    let mut found = BTreeSet::new();
    while let Some(node) = open.pop() {
        if found.insert(node) {
            open.extend(graph.producers(node).into_iter().map(|(from, _)| from));
        }
    }
    found
}

fn at(node: &Node, key: &str, message: impl Into<String>) -> Problem {
    let path = child("/nodes", &node.name);
    Problem::new(Some(&node.name), if key.is_empty() { path } else { child(&path, key) }, message)
}

/// A node whose rows nobody reads, in a graph that trains.
fn leads_nowhere(graph: &Graph, nodes: &[&Node], model: usize, warnings: &mut Vec<Problem>) {
    for (index, node) in nodes.iter().enumerate() {
        if index != model && graph.consumers(index).is_empty() {
            let problem = at(node, "", "this leads to no input of the model, so that it does not run").at_key();
            warnings.push(problem.hint("let a node read from it, or leave it out"));
        }
    }
}

/// What makes an evaluation say something else than how well the model does on new images.
fn evaluation(graph: &Graph, nodes: &[&Node], model: usize, spec: &GraphSpec, warnings: &mut Vec<Problem>) {
    let (trained, tested) = (ancestors(graph, model, Some(TRAIN)), ancestors(graph, model, Some(TEST)));
    for &index in &tested {
        let node = nodes[index];
        if node.signature.random {
            let message = format!("this is random, and leads to the evaluation (input `{TEST}` of the model)");
            let shared = if trained.contains(&index) { "give the evaluation nodes of its own" } else { "leave it out" };
            warnings.push(at(node, "op", message).hint(shared));
        }
    }
    let source = |found: &BTreeSet<usize>| found.first().map(|index| nodes[nodes[*index].source]);
    let (Some(train), Some(test)) = (source(&trained), source(&tested)) else { return };
    let written = &spec.nodes[&test.name].params;
    if train.name == test.name || same_samples(train, test) {
        let with = quoted(&train.name);
        let message = match train.name == test.name {
            true => format!("the model is evaluated on the images that it is trained on: {with} leads to both inputs"),
            false => format!("the model is evaluated on the images that it is trained on: {with} reads the same"),
        };
        let key = ["split", "path"].into_iter().find(|key| written.contains_key(*key)).unwrap_or("op");
        warnings.push(at(test, key, message).hint("read other images, or choose some with `indices`"));
    } else if test.params.get("split").is_some_and(|split| split == "train") && is_null(test, "indices") {
        let message = "the model is evaluated on images that are meant to train on";
        let key = if written.contains_key("split") { "split" } else { "op" };
        warnings.push(at(test, key, message).hint("write \"split\": \"test\", or choose images with `indices`"));
    }
}

fn is_null(node: &Node, key: &str) -> bool {
    node.params.get(key).is_none_or(Value::is_null)
}

/// Whether two sources read the same samples, in whatever order.
fn same_samples(one: &Node, other: &Node) -> bool {
    let which = |node: &Node| -> Map<String, Value> {
        node.params
            .iter()
            .filter(|(key, _)| !HOW.contains(&key.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    one.operator.name() == other.operator.name() && which(one) == which(other)
}
