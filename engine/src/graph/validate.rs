//! From what was written to what can run. Every problem is found, not the first; what follows from a problem is not
//! one of its own.

use std::collections::{BTreeSet, HashMap};

use petgraph::algo::{has_path_connecting, tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::problem::Problem;
use super::spec::{GraphSpec, InputSpec, NodeSpec};
use super::{Graph, Node};
use crate::batch::Schema;
use crate::operators::{AnyOperator, Inputs, PortSchemas, Registry, Role, WriteMode};
use crate::params::{check, near_miss};

pub(super) fn validate(spec: &GraphSpec, registry: &Registry) -> Result<Graph, Vec<Problem>> {
    let mut problems = Vec::new();
    let operators = find_operators(spec, registry, &mut problems);
    let edges = find_edges(spec, &operators, &mut problems);
    find_cycles(&edges, &mut problems);
    // Schemas follow edges, so that a graph with wrong edges has none to check.
    let sound: BTreeSet<&str> =
        spec.nodes.keys().map(String::as_str).filter(|n| !names_problem(&problems, n)).collect();
    let graph = match toposort(&edges, None) {
        Ok(order) => derive(spec, &operators, &edges, &order, &sound, &mut problems),
        Err(_) => None,
    };
    check_model(spec, &operators, &mut problems);
    match graph {
        Some(graph) if problems.is_empty() => Ok(graph),
        _ => Err(problems),
    }
}

fn names_problem(problems: &[Problem], name: &str) -> bool {
    problems.iter().any(|p| p.node.as_deref() == Some(name))
}

type Operators<'a> = HashMap<&'a str, &'static dyn AnyOperator>;
type Edges<'a> = DiGraph<&'a str, Option<&'a str>>;

/// Looks up each node's operator and checks its parameters.
fn find_operators<'a>(spec: &'a GraphSpec, registry: &Registry, problems: &mut Vec<Problem>) -> Operators<'a> {
    let mut found = Operators::new();
    for (name, node) in &spec.nodes {
        let Some(operator) = registry.find(&node.op) else {
            problems.push(unknown_operator(name, &node.op, registry));
            continue;
        };
        found.insert(name, operator);
        let mut faults = Vec::new();
        check(operator.params(), &["op", "input"], &node.params, &format!("/nodes/{name}"), &mut faults);
        problems.extend(faults.into_iter().map(|fault| Problem::from_fault(Some(name), fault)));
    }
    found
}

fn unknown_operator(name: &str, op: &str, registry: &Registry) -> Problem {
    let near = near_miss(op, registry.names());
    let message = match near {
        Some(near) => format!("unknown operator `{op}`; did you mean `{near}`?"),
        None => format!("unknown operator `{op}`"),
    };
    let known: Vec<&str> = registry.names().collect();
    Problem::new(Some(name), format!("/nodes/{name}/op"), message).expected(format!("one of {}", known.join(", ")))
}

/// Follows each input to the node it names.
fn find_edges<'a>(spec: &'a GraphSpec, operators: &Operators<'a>, problems: &mut Vec<Problem>) -> Edges<'a> {
    let mut edges = Edges::new();
    let indices: HashMap<&str, NodeIndex> = spec.nodes.keys().map(|n| (n.as_str(), edges.add_node(n))).collect();
    for (name, node) in &spec.nodes {
        if let Some(operator) = operators.get(name.as_str()) {
            check_inputs(name, node, *operator, problems);
        }
        let mut seen = BTreeSet::new();
        for (port, path, from) in node.input.iter().flat_map(InputSpec::each) {
            let path = format!("/nodes/{name}{path}");
            match indices.get(from) {
                Some(&index) if port.is_some() || seen.insert(from) => {
                    edges.add_edge(index, indices[name.as_str()], port);
                }
                Some(_) => problems.push(Problem::new(Some(name), path, format!("`{from}` is named twice as input"))),
                None => {
                    let near = near_miss(from, indices.keys().copied().filter(|n| n != name));
                    let message = match near {
                        Some(near) => format!("there is no node `{from}` to read from; did you mean `{near}`?"),
                        None => format!("there is no node `{from}` to read from"),
                    };
                    let others: Vec<&str> = spec.nodes.keys().map(String::as_str).filter(|n| n != name).collect();
                    problems.push(
                        Problem::new(Some(name), path, message).expected(format!("one of {}", others.join(", "))),
                    );
                }
            }
        }
    }
    edges
}

/// Whether a node has the inputs that its operator takes.
fn check_inputs(name: &str, node: &NodeSpec, operator: &dyn AnyOperator, problems: &mut Vec<Problem>) {
    let path = format!("/nodes/{name}");
    let (op, at) = (operator.name(), format!("{path}/input"));
    match (operator.inputs(), &node.input) {
        (Inputs::None, None) | (Inputs::Rows, Some(InputSpec::One(_))) => {}
        (Inputs::None, Some(_)) => {
            let problem = Problem::new(Some(name), at, format!("`{op}` is a source and takes no input")).at_key();
            problems.push(problem.hint("remove `input`"));
        }
        (Inputs::Rows, Some(InputSpec::Several(names))) if !names.is_empty() => {}
        // `inputs` is an unknown key, and said to be one.
        (Inputs::Rows, None) if node.params.keys().any(|key| near_miss(key, ["input"]).is_some()) => {}
        (Inputs::Rows, None | Some(InputSpec::Several(_))) => {
            let problem =
                Problem::new(Some(name), path, format!("missing input: `{op}` works on the rows of another node"));
            problems.push(problem.at_key().hint("add \"input\" with the name of a node"));
        }
        (Inputs::Rows, Some(InputSpec::Ports(_))) => {
            let problem = Problem::new(Some(name), at, format!("`{op}` has one input without a name"));
            problems.push(problem.expected("a node's name, or a list of names"));
        }
        (Inputs::Ports(ports), input) => {
            let given = match input {
                Some(InputSpec::Ports(given)) => given.keys().map(String::as_str).collect(),
                None => Vec::new(),
                Some(_) => {
                    let names: Vec<String> = ports.iter().map(|p| format!("\"{}\"", p.name)).collect();
                    let problem = Problem::new(Some(name), at, format!("the inputs of `{op}` have names"));
                    problems.push(problem.expected(format!("an object with {}", names.join(" and "))));
                    return;
                }
            };
            for port in ports.iter().filter(|p| p.required && !given.contains(&p.name)) {
                let at = if input.is_some() { &at } else { &path };
                let problem =
                    Problem::new(Some(name), at, format!("missing input `{}`: {}", port.name, port.docs)).at_key();
                problems
                    .push(problem.hint(format!("add \"input\": {{ \"{}\": … }} with the name of a node", port.name)));
            }
            for unknown in given.iter().filter(|g| ports.iter().all(|p| p.name != **g)) {
                let names: Vec<&str> = ports.iter().map(|p| p.name).collect();
                let problem =
                    Problem::new(Some(name), format!("{at}/{unknown}"), format!("`{op}` has no input `{unknown}`"));
                problems.push(problem.at_key().expected(names.join(" or ")));
            }
        }
    }
}

/// Names each cycle whole.
fn find_cycles(edges: &Edges<'_>, problems: &mut Vec<Problem>) {
    for component in tarjan_scc(edges) {
        let first = component.iter().copied().min();
        let Some(start) = first else { continue };
        let cyclic = component.len() > 1 || edges.contains_edge(start, start);
        if !cyclic {
            continue;
        }
        // Within a strongly connected component every node has a successor in it, so that a walk must close.
        let mut walk = vec![start];
        let closed = loop {
            let last = walk[walk.len() - 1];
            let next = edges.neighbors(last).filter(|n| component.contains(n)).min().unwrap_or(start);
            if let Some(at) = walk.iter().position(|&n| n == next) {
                break at;
            }
            walk.push(next);
        };
        let mut names: Vec<&str> = walk[closed..].iter().map(|&n| edges[n]).collect();
        names.push(names[0]);
        let node = names[0];
        let problem =
            Problem::new(Some(node), format!("/nodes/{node}/input"), format!("a cycle: {}", names.join(" → ")));
        problems.push(problem.hint("let one of them read from another node"));
    }
}

/// Derives each node's fields from those of its inputs, in topological order.
fn derive(
    spec: &GraphSpec,
    operators: &Operators<'_>,
    edges: &Edges<'_>,
    order: &[NodeIndex],
    sound: &BTreeSet<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Graph> {
    // Ties in topological order are broken by the order of the file, for people who read plans.
    let order = stable_order(edges, order);
    let place: HashMap<&str, usize> = order.iter().enumerate().map(|(i, &n)| (edges[n], i)).collect();
    let mut dag: DiGraph<Node, Option<String>> = DiGraph::new();
    let mut done: HashMap<usize, (Schema, usize)> = HashMap::new();
    for &index in &order {
        let name = edges[index];
        let (node, own) = (&spec.nodes[name], place[name]);
        let (Some(operator), true) = (operators.get(name), sound.contains(name)) else { continue };
        let Some(inputs) = arriving(name, node, edges, &place, &done, problems) else { continue };
        let signature = match operator.signature(&node.params, &inputs.schemas) {
            Ok(signature) => signature,
            Err(mut fault) => {
                fault.path = format!("/nodes/{name}{}", fault.path);
                problems.push(Problem::from_fault(Some(name), fault));
                continue;
            }
        };
        let mut output = inputs.schemas.first().cloned().unwrap_or_default();
        for write in &signature.writes {
            debug_assert_eq!(output.field(&write.field.name).is_none(), write.mode == WriteMode::Create, "{name}");
            output.set(write.field.clone(), own);
        }
        let source = inputs.source.unwrap_or(own);
        done.insert(own, (output.clone(), source));
        dag.add_node(Node {
            name: name.to_owned(),
            operator: *operator,
            params: operator.complete(&node.params),
            signature,
            inputs: inputs.schemas.into_ports(),
            output,
            source,
        });
    }
    if dag.node_count() < spec.nodes.len() {
        return None;
    }
    for edge in edges.edge_indices() {
        let (from, to) = edges.edge_endpoints(edge)?;
        let at = |n: NodeIndex| NodeIndex::new(place[edges[n]]);
        dag.add_edge(at(from), at(to), edges[edge].map(str::to_owned));
    }
    Some(Graph { name: spec.name.clone(), seed: spec.seed, dag })
}

fn stable_order(edges: &Edges<'_>, order: &[NodeIndex]) -> Vec<NodeIndex> {
    let mut waiting: HashMap<NodeIndex, usize> =
        order.iter().map(|&n| (n, edges.edges_directed(n, petgraph::Direction::Incoming).count())).collect();
    let mut ready: BTreeSet<NodeIndex> = waiting.iter().filter(|(_, w)| **w == 0).map(|(&n, _)| n).collect();
    let mut sorted = Vec::with_capacity(order.len());
    while let Some(node) = ready.pop_first() {
        sorted.push(node);
        for next in edges.neighbors(node) {
            let left = waiting.entry(next).or_insert(1);
            *left -= 1;
            if *left == 0 {
                ready.insert(next);
            }
        }
    }
    sorted
}

struct Arriving {
    schemas: PortSchemas,
    source: Option<usize>,
}

/// The fields that arrive at a node; none if an input has a problem of its own.
fn arriving(
    name: &str,
    node: &NodeSpec,
    edges: &Edges<'_>,
    place: &HashMap<&str, usize>,
    done: &HashMap<usize, (Schema, usize)>,
    problems: &mut Vec<Problem>,
) -> Option<Arriving> {
    let mut ports: Vec<(Option<String>, Schema)> = Vec::new();
    let mut sources: Vec<(usize, &str)> = Vec::new();
    for (port, path, from) in node.input.iter().flat_map(InputSpec::each) {
        let (schema, source) = done.get(place.get(from)?)?;
        if port.is_none()
            && let Some((_, merged)) = ports.first_mut()
        {
            if let Some((_, first)) = sources.iter().find(|(s, _)| s != source) {
                let problem = Problem::new(
                    Some(name),
                    format!("/nodes/{name}{path}"),
                    format!("`{from}` and `{first}` have different rows"),
                );
                problems.push(
                    problem
                        .expected("inputs that come from one source")
                        .hint("rows of two sources cannot be put side by side"),
                );
                return None;
            }
            let at = format!("/nodes/{name}/input");
            if !merge(name, &at, merged, schema, edges, place, problems) {
                return None;
            }
        } else {
            ports.push((port.map(str::to_owned), schema.clone()));
        }
        sources.push((*source, from));
    }
    Some(Arriving { schemas: PortSchemas::new(ports), source: sources.first().map(|(s, _)| *s) })
}

/// Puts the fields of two inputs together. Where both have a field, the one written later along the edges counts; if
/// neither writer comes after the other, nobody can say which one is meant.
fn merge(
    name: &str,
    at: &str,
    into: &mut Schema,
    other: &Schema,
    edges: &Edges<'_>,
    place: &HashMap<&str, usize>,
    problems: &mut Vec<Problem>,
) -> bool {
    let by_place: HashMap<usize, NodeIndex> = edges.node_indices().map(|n| (place[edges[n]], n)).collect();
    let before = |a: usize, b: usize| has_path_connecting(edges, by_place[&a], by_place[&b], None);
    for column in other.columns() {
        let field = &column.field.name;
        match into.column(field).map(|c| c.writer) {
            Some(ours) if ours == column.writer || before(column.writer, ours) => {}
            Some(ours) if !before(ours, column.writer) => {
                let (a, b) = (edges[by_place[&ours]], edges[by_place[&column.writer]]);
                let message = format!(
                    "two writers of field `{field}`: `{a}` and `{b}` both write it, and neither comes after the other"
                );
                problems.push(
                    Problem::new(Some(name), at, message).hint("let one read from the other, or write another field"),
                );
                return false;
            }
            _ => into.set(column.field.clone(), column.writer),
        }
    }
    true
}

/// At most one model, which trains on something.
fn check_model(spec: &GraphSpec, operators: &Operators<'_>, problems: &mut Vec<Problem>) {
    let models: Vec<&str> = spec
        .nodes
        .keys()
        .map(String::as_str)
        .filter(|n| operators.get(n).is_some_and(|o| o.role() == Role::Model))
        .collect();
    if let [first, others @ ..] = &models[..] {
        for other in others {
            let message = format!("a second model: `{first}` trains already");
            problems.push(
                Problem::new(Some(other), format!("/nodes/{other}/op"), message).hint("put it into a graph of its own"),
            );
        }
    }
}
