//! Where each node reads from.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use petgraph::graph::NodeIndex;

use super::problem::Problem;
use super::spec::{GraphSpec, InputSpec, NodeSpec};
use super::validate::{Edges, Operators, near};
use crate::operators::{AnyOperator, Inputs, Port, Role};
use crate::params::{child, cut, listed, near_miss, quoted};

/// Follows each input to the node it names.
pub(super) fn find_edges<'a>(
    spec: &'a GraphSpec,
    operators: &Operators<'a>,
    told: &HashSet<String>,
    problems: &mut Vec<Problem>,
) -> Edges<'a> {
    let mut edges = Edges::new();
    let indices: HashMap<&str, NodeIndex> = spec.nodes.keys().map(|n| (n.as_str(), edges.add_node(n))).collect();
    let trains = |name: &str| operators.get(name).is_some_and(|o| o.role() == Role::Model);
    // What can be read from.
    let names: Vec<&str> = spec.nodes.keys().map(String::as_str).filter(|name| !trains(name)).collect();
    for (name, node) in &spec.nodes {
        let node_path = child("/nodes", name);
        let input = format!("{node_path}/input");
        let operator = operators.get(name.as_str()).filter(|_| !told.contains(&input));
        if let Some(operator) = operator {
            check_inputs(name, &node_path, node, *operator, problems);
        }
        // A source reads from nowhere, and was told so.
        if operator.is_some_and(|operator| matches!(operator.inputs(), Inputs::None)) {
            continue;
        }
        let mut seen = HashSet::new();
        for (port, path, from) in node.input.iter().flat_map(InputSpec::each) {
            let path = format!("{node_path}{path}");
            match indices.get(from) {
                Some(_) if trains(from) => {
                    let message = format!("{} trains, and hands no rows on", quoted(from));
                    problems.push(Problem::new(Some(name), path, message).hint("read from the node before it"));
                }
                Some(&index) if port.is_some() || seen.insert(from) => {
                    edges.add_edge(index, indices[name.as_str()], port);
                }
                Some(_) => {
                    let message = format!("{} is named twice as input", quoted(from));
                    problems.push(Problem::new(Some(name), path, message).hint("name it once"));
                }
                None => {
                    let others = || names.iter().copied().filter(|other| other != name);
                    let message = match near(from, others(), problems) {
                        Some(near) => {
                            format!("there is no node {} to read from; did you mean {}?", quoted(from), quoted(near))
                        }
                        None => format!("there is no node {} to read from", quoted(from)),
                    };
                    let problem = Problem::new(Some(name), path, message);
                    problems.push(match others().next() {
                        Some(_) => {
                            let count = names.len() - usize::from(!trains(name));
                            problem.expected(format!("one of {}", listed(others(), count)))
                        }
                        None => problem.hint("a graph begins with a source, which has no input"),
                    });
                }
            }
        }
    }
    edges
}

/// Whether a node has the inputs that its operator takes.
fn check_inputs(name: &str, path: &str, node: &NodeSpec, operator: &dyn AnyOperator, problems: &mut Vec<Problem>) {
    let (op, at) = (operator.name(), format!("{path}/input"));
    // `inputs` is an unknown key, and said to be one.
    let misspelt = || node.params.keys().any(|key| near_miss(key, ["input"]).is_some());
    let new = |path: &str, message: String| Problem::new(Some(name), path, message);
    match (operator.inputs(), &node.input) {
        (Inputs::None, None) | (Inputs::Rows, Some(InputSpec::One(_))) => {}
        (Inputs::None, Some(_)) => {
            problems.push(new(&at, format!("`{op}` is a source and takes no input")).at_key().hint("remove `input`"));
        }
        (Inputs::Rows, Some(InputSpec::Several(names))) if names.is_empty() => {
            problems.push(new(&at, "`input` names no node".into()).expected("at least one name"));
        }
        (Inputs::Rows, Some(InputSpec::Several(_))) => {}
        (Inputs::Rows | Inputs::Ports(_), None) if misspelt() => {}
        (Inputs::Rows, None) => {
            let problem = new(path, format!("missing input: `{op}` works on the rows of another node")).at_key();
            problems.push(problem.hint("add \"input\" with the name of a node"));
        }
        (Inputs::Rows, Some(InputSpec::Ports(ports))) => {
            let problem = new(&at, format!("`{op}` has one input without a name"));
            let problem = problem.expected("a node's name, or a list of names");
            problems.push(match ports.values().next() {
                Some(first) if ports.len() == 1 => problem.hint(format!("write \"input\": \"{}\"", cut(first))),
                _ => problem,
            });
        }
        (Inputs::Ports(ports), Some(InputSpec::One(_) | InputSpec::Several(_))) => {
            let all: Vec<String> = ports.iter().map(|port| format!("\"{}\": …", port.name)).collect();
            let optional: Vec<String> =
                ports.iter().filter(|port| !port.required).map(|port| format!("\"{}\"", port.name)).collect();
            let expected = match &optional[..] {
                [] => format!("{{ {} }}", all.join(", ")),
                some => format!("{{ {} }}, of which {} may be left out", all.join(", "), some.join(", ")),
            };
            let problem = new(&at, format!("the inputs of `{op}` have names")).expected(expected);
            problems.push(match (&node.input, ports.iter().find(|port| port.required)) {
                (Some(InputSpec::One(from)), Some(port)) => {
                    problem.hint(format!("write \"input\": {{ \"{}\": \"{}\" }}", port.name, cut(from)))
                }
                _ => problem,
            });
        }
        (Inputs::Ports(ports), None) => check_ports(name, path, op, ports, None, problems),
        (Inputs::Ports(ports), Some(InputSpec::Ports(given))) => {
            check_ports(name, path, op, ports, Some(given), problems);
        }
    }
}

/// Whether the named inputs are there, and no others. A name that is nearly right is one problem, not two.
fn check_ports(
    name: &str,
    path: &str,
    op: &str,
    ports: &[Port],
    given: Option<&IndexMap<String, String>>,
    problems: &mut Vec<Problem>,
) {
    let at = format!("{path}/input");
    let is_given = |port: &Port| given.is_some_and(|given| given.contains_key(port.name));
    let mut meant: Vec<&str> = Vec::new();
    for unknown in given.into_iter().flat_map(IndexMap::keys).filter(|g| ports.iter().all(|p| p.name != **g)) {
        let absent = ports.iter().filter(|port| !is_given(port) && !meant.contains(&port.name)).map(|port| port.name);
        let message = match near(unknown, absent, problems) {
            Some(near) => {
                meant.push(near);
                format!("`{op}` has no input {}; did you mean `{near}`?", quoted(unknown))
            }
            None => format!("`{op}` has no input {}", quoted(unknown)),
        };
        let names: Vec<&str> = ports.iter().map(|port| port.name).collect();
        let problem = Problem::new(Some(name), child(&at, unknown), message).at_key();
        problems.push(problem.expected(names.join(" or ")));
    }
    for port in ports.iter().filter(|port| port.required && !is_given(port) && !meant.contains(&port.name)) {
        let message = format!("missing input `{}`: {}", port.name, port.docs);
        let (at, hint) = match given {
            Some(_) => (at.as_str(), format!("add \"{}\": … to it, with the name of a node", port.name)),
            None => (path, format!("add \"input\": {{ \"{}\": … }} with the name of a node", port.name)),
        };
        problems.push(Problem::new(Some(name), at, message).at_key().hint(hint));
    }
}
