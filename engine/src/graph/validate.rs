//! From what was written to what can run. Every problem is found, not the first; what follows from a problem is not
//! one of its own.

use std::collections::{HashMap, HashSet};

use petgraph::graph::DiGraph;

use super::Graph;
use super::cycles::{find_cycles, stable_order};
use super::derive::derive;
use super::form::NODE_IS_OBJECT;
use super::inputs::find_edges;
use super::problem::{GraphError, Problem, in_order};
use super::source_map::SourceMap;
use super::spec::{GraphSpec, is_graph_name, is_node_name};
use super::warnings::find_warnings;
use crate::operators::{AnyOperator, Registry, Role};
use crate::params::{check, child, cut, near_miss, quoted};

pub(super) type Operators<'a> = HashMap<&'a str, &'static dyn AnyOperator>;
pub(super) type Edges<'a> = DiGraph<&'a str, Option<&'a str>>;

/// Problems after which nobody is asked any more what was meant: that takes longer than all the rest.
const MOST_NEAR_MISSES: usize = 100;

/// Validates; `form` is what is wrong with the graph as a text, which is `origin` for messages.
pub(super) fn validate(
    spec: &GraphSpec,
    registry: &Registry,
    form: Vec<Problem>,
    origin: &str,
    map: Option<&SourceMap>,
) -> Result<Graph, GraphError> {
    let told: HashSet<String> = form.iter().map(|problem| problem.path.clone()).collect();
    let mut problems = form;
    hint_at_operators(spec, registry, &mut problems);
    check_names(spec, &mut problems);
    let operators = find_operators(spec, registry, &told, &mut problems);
    let edges = find_edges(spec, &operators, &told, &mut problems);
    find_cycles(spec, &edges, &mut problems);
    // Schemas follow edges, so that a node with a problem, and those that read from it, have none to check.
    let unsound: HashSet<String> = problems.iter().filter_map(|problem| problem.node.clone()).collect();
    let graph = derive(spec, &operators, &edges, &stable_order(&edges), &unsound, &mut problems);
    check_model(spec, &operators, &mut problems);
    match graph {
        Some(graph) if problems.is_empty() => {
            let mut warnings = find_warnings(&graph, spec);
            in_order(&mut warnings, map);
            Ok(Graph { origin: origin.to_owned(), warnings, ..graph })
        }
        _ => Err(GraphError::new(origin, problems, map)),
    }
}

/// What was probably meant, where it is worth asking.
pub(super) fn near<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    problems: &[Problem],
) -> Option<&'a str> {
    if problems.len() < MOST_NEAR_MISSES { near_miss(word, candidates) } else { None }
}

/// A node that is the name of an operator was nearly right.
fn hint_at_operators(spec: &GraphSpec, registry: &Registry, problems: &mut [Problem]) {
    for problem in problems.iter_mut().filter(|problem| problem.message == NODE_IS_OBJECT) {
        let node = problem.node.as_deref().and_then(|name| spec.nodes.get(name));
        if let Some(operator) = node.and_then(|node| registry.find(&node.op)) {
            problem.hint = Some(format!("write {{ \"op\": \"{}\" }}", operator.name()));
        }
    }
}

fn check_names(spec: &GraphSpec, problems: &mut Vec<Problem>) {
    if !is_graph_name(&spec.name) {
        let problem = Problem::new(None, "/name", "wrong value for `name`").given(format!("\"{}\"", cut(&spec.name)));
        problems.push(problem.expected("up to 64 letters, digits, spaces, `_`, `-` and `.`"));
    }
    if spec.nodes.is_empty() {
        problems.push(Problem::new(None, "/nodes", "the graph has no nodes"));
    }
    for name in spec.nodes.keys().filter(|name| !is_node_name(name)) {
        let problem = Problem::new(Some(name), child("/nodes", name), "this cannot be a node's name").at_key();
        problems.push(problem.expected("up to 64 letters, digits, `_` and `-`"));
    }
}

/// Looks up each node's operator and checks its parameters.
fn find_operators<'a>(
    spec: &'a GraphSpec,
    registry: &Registry,
    told: &HashSet<String>,
    problems: &mut Vec<Problem>,
) -> Operators<'a> {
    let mut found = Operators::new();
    for (name, node) in &spec.nodes {
        let path = child("/nodes", name);
        let op = child(&path, "op");
        if told.contains(&path) || told.contains(&op) {
            continue;
        }
        let Some(operator) = registry.find(&node.op) else {
            let message = match near(&node.op, registry.offered(), problems) {
                Some(near) => format!("unknown operator {}; did you mean `{near}`?", quoted(&node.op)),
                None => format!("unknown operator {}", quoted(&node.op)),
            };
            let problem = Problem::new(Some(name), op, message);
            problems.push(problem.expected("one of those that `engine operators` lists"));
            continue;
        };
        found.insert(name, operator);
        let mut faults = Vec::new();
        check(operator.params(), &["op", "input"], &node.params, &path, &mut faults);
        problems.extend(faults.into_iter().map(|fault| Problem::from_fault(Some(name), fault)));
    }
    found
}

/// At most one model.
fn check_model(spec: &GraphSpec, operators: &Operators<'_>, problems: &mut Vec<Problem>) {
    let is_model = |name: &&str| operators.get(name).is_some_and(|o| o.role() == Role::Model);
    let models: Vec<&str> = spec.nodes.keys().map(String::as_str).filter(is_model).collect();
    if let [first, others @ ..] = &models[..] {
        for other in others {
            let message = format!("a graph has one model, and {} is it", quoted(first));
            let problem = Problem::new(Some(other), format!("{}/op", child("/nodes", other)), message);
            problems.push(problem.hint("put it into a graph of its own"));
        }
    }
}
