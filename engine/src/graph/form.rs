//! What can be said about a graph file without knowing operators.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::spec::{GraphSpec, InputSpec, NodeSpec, TopLevel};
use crate::params::{ParamSet as _, ParamType as _, check, child, near_miss, quoted, show};

const NODES: &str = "an object: each node's parameters under its name";

/// A graph, as far as it can be understood; nothing if it is none at all.
pub(super) fn read_form(value: Value, problems: &mut Vec<Problem>) -> Option<GraphSpec> {
    let Value::Object(mut top) = value else {
        let problem = Problem::new(None, "", "a graph is a JSON object with the keys `name` and `nodes`");
        problems.push(problem.given(show(&value)));
        return None;
    };
    let mut faults = Vec::new();
    check(TopLevel::PARAMS, &["$schema", "nodes"], &top, "", &mut faults);
    for fault in faults {
        // What is wrong counts as not given.
        if !fault.at_key {
            top.remove(fault.path.trim_start_matches('/'));
        }
        problems.push(Problem::from_fault(None, fault));
    }
    if let Some(other) = top.get("$schema").filter(|schema| !schema.is_string()) {
        let problem = Problem::new(None, "/$schema", "wrong value for `$schema`");
        problems.push(problem.expected("a text: where an editor finds the JSON Schema").given(show(other)));
    }
    let nodes = match top.remove("nodes") {
        Some(Value::Object(nodes)) => nodes,
        Some(other) => {
            let problem = Problem::new(None, "/nodes", "wrong value for `nodes`");
            problems.push(problem.expected(NODES).given(show(&other)));
            return None;
        }
        None => {
            problems.push(Problem::new(None, "", "missing key `nodes`").expected(NODES));
            return None;
        }
    };
    let text = |key: &str| top.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(GraphSpec {
        schema: text("$schema"),
        name: text("name").unwrap_or_else(|| "unnamed".into()),
        description: text("description"),
        seed: top.get("seed").and_then(u64::from_json).unwrap_or_default(),
        nodes: nodes.into_iter().map(|(name, node)| read_node(name, node, problems)).collect(),
    })
}

/// A node; one without an operator where none can be understood, so that others find it all the same.
fn read_node(name: String, node: Value, problems: &mut Vec<Problem>) -> (String, NodeSpec) {
    let path = child("/nodes", &name);
    let new = |path: &str, message: &str| Problem::new(Some(&name), path, message);
    let mut params = match node {
        Value::Object(params) => params,
        other => {
            let problem = new(&path, NODE_IS_OBJECT).given(show(&other));
            problems.push(problem);
            let op = other.as_str().unwrap_or_default().to_owned();
            return (name, NodeSpec { op, input: None, params: Map::new() });
        }
    };
    let op = match params.shift_remove("op") {
        Some(Value::String(op)) => op,
        Some(other) => {
            let problem = new(&child(&path, "op"), "wrong value for `op`").expected("the name of an operator");
            problems.push(problem.given(show(&other)));
            String::new()
        }
        None => {
            let near = near_miss("op", params.keys().map(String::as_str))
                .or_else(|| ["operator", "type", "kind"].into_iter().find(|key| params.contains_key(*key)));
            let problem = new(&path, "missing key `op`").at_key().expected("the name of an operator");
            problems.push(match near {
                Some(near) => problem.hint(format!("is {} meant to be `op`?", quoted(near))),
                None => problem.hint("`engine operators` lists them"),
            });
            String::new()
        }
    };
    let input = params.shift_remove("input").and_then(|input| {
        let read = read_input(&input);
        if read.is_none() {
            let problem = new(&child(&path, "input"), "wrong value for `input`").given(show(&input));
            problems.push(
                problem.expected("a node's name, a list of names, or an object from the operator's inputs to names"),
            );
        }
        read
    });
    (name, NodeSpec { op, input, params })
}

/// What is wrong with a node that is a text, a number, a list.
pub(super) const NODE_IS_OBJECT: &str = "a node is an object with the key `op`";

fn read_input(input: &Value) -> Option<InputSpec> {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    match input {
        Value::String(name) => Some(InputSpec::One(name.clone())),
        Value::Array(names) => names.iter().map(name).collect::<Option<Vec<_>>>().map(InputSpec::Several),
        Value::Object(ports) => {
            let ports: Option<IndexMap<_, _>> =
                ports.iter().map(|(p, value)| Some((p.clone(), name(value)?))).collect();
            ports.map(InputSpec::Ports)
        }
        _ => None,
    }
}
