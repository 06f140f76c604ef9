//! The fields on each edge, from the sources on.

use std::collections::{HashMap, HashSet};

use petgraph::graph::{DiGraph, NodeIndex};

use super::problem::Problem;
use super::spec::{GraphSpec, InputSpec, NodeSpec};
use super::validate::{Edges, Operators};
use super::{Graph, Node};
use crate::batch::{Field, Schema};
use crate::operators::{PortSchemas, SourceShape, WriteMode};
use crate::params::{Fault, child, grouped, plural, quoted};

/// Derives each node's fields from those of its inputs, in topological order; a graph, if every node has them.
pub(super) fn derive(
    spec: &GraphSpec,
    operators: &Operators<'_>,
    edges: &Edges<'_>,
    order: &[NodeIndex],
    unsound: &HashSet<String>,
    problems: &mut Vec<Problem>,
) -> Option<Graph> {
    let mut places = vec![usize::MAX; edges.node_count()];
    for (place, node) in order.iter().enumerate() {
        places[node.index()] = place;
    }
    let flow =
        Flow { edges, order, place: order.iter().enumerate().map(|(place, &n)| (edges[n], place)).collect(), places };
    let mut dag: DiGraph<Node, Option<String>> = DiGraph::new();
    let mut done: HashMap<usize, (Schema, usize)> = HashMap::new();
    for (own, &index) in order.iter().enumerate() {
        let name = edges[index];
        let node = &spec.nodes[name];
        let (Some(operator), false) = (operators.get(name), unsound.contains(name)) else { continue };
        let path = child("/nodes", name);
        let Some(inputs) = flow.arriving(name, &path, node, &done, problems) else { continue };
        let signature = match operator.signature(&node.params, &inputs.schemas) {
            Ok(signature) => signature,
            Err(faults) => {
                let located = |fault| Problem::from_fault(Some(name), flow.locate(&path, node, &inputs.schemas, fault));
                problems.extend(faults.0.into_iter().map(located));
                continue;
            }
        };
        if let Some(fault) = signature.source.as_ref().and_then(never_full) {
            problems.push(Problem::from_fault(Some(name), Fault { path: format!("{path}{}", fault.path), ..fault }));
            continue;
        }
        let mut output = inputs.schemas.first().cloned().unwrap_or_default();
        for write in &signature.writes {
            debug_assert_eq!(output.field(&write.field.name).is_none(), write.mode == WriteMode::Create, "{name}");
            output.set(write.field.clone(), own);
        }
        for alias in &signature.aliases {
            debug_assert!(output.field(&alias.to).is_none(), "{name}");
            let arriving = inputs.schemas.first().and_then(|schema| schema.field(&alias.from));
            output.set(Field { name: alias.to.clone(), ..arriving.expect("an alias is of what arrives").clone() }, own);
        }
        output.remove(&signature.drops);
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
        let at = |n: NodeIndex| NodeIndex::new(flow.places[n.index()]);
        dag.add_edge(at(from), at(to), edges[edge].map(str::to_owned));
    }
    Some(Graph { name: spec.name.clone(), seed: spec.seed, origin: String::new(), warnings: Vec::new(), dag })
}

/// A source that never has a batch.
fn never_full(shape: &SourceShape) -> Option<Fault> {
    if shape.batches() > 0 {
        return None;
    }
    let rows = grouped(shape.samples() as f64);
    let (are, samples) = (if shape.samples() == 1 { "is" } else { "are" }, plural(shape.samples(), "sample"));
    let part = if shape.shard[1] > 1 { " in a part" } else { "" };
    let fault = Fault::new("/batch_size", format!("no batch is ever full: there {are} {samples}{part}"));
    Some(fault.expected(format!("at most {rows} with drop_last")).given(shape.batch_size.to_string()))
}

struct Arriving {
    schemas: PortSchemas,
    source: Option<usize>,
}

/// Which node comes where in the order.
struct Flow<'a> {
    edges: &'a Edges<'a>,
    order: &'a [NodeIndex],
    place: HashMap<&'a str, usize>,
    /// By index; the greatest number for a node that is on a cycle or after one.
    places: Vec<usize>,
}

impl Flow<'_> {
    fn name(&self, place: usize) -> &str {
        self.edges[self.order[place]]
    }

    /// A fault of a node's signature, where it stands in the graph and with the writer of the field it is about.
    fn locate(&self, path: &str, node: &NodeSpec, inputs: &PortSchemas, mut fault: Fault) -> Fault {
        let port = fault.path.strip_prefix("/input/");
        let schema = port.and_then(|port| inputs.port(port)).or_else(|| inputs.first());
        let column = fault.field.as_deref().and_then(|field| schema?.column(field));
        if let (Some(column), Some(given)) = (column, &mut fault.given) {
            given.push_str(&format!(", written by {}", quoted(self.name(column.writer))));
        }
        // A default that does not fit comes from what arrives.
        let given = fault.path.split('/').nth(1).is_some_and(|key| key == "input" || node.params.contains_key(key));
        let below = if given || node.input.is_none() { fault.path.as_str() } else { "/input" };
        fault.path = format!("{path}{below}");
        fault
    }

    /// The fields that arrive at a node; none if an input has a problem of its own.
    fn arriving(
        &self,
        name: &str,
        path: &str,
        node: &NodeSpec,
        done: &HashMap<usize, (Schema, usize)>,
        problems: &mut Vec<Problem>,
    ) -> Option<Arriving> {
        let mut ports: Vec<(Option<String>, Schema)> = Vec::new();
        let mut sources: Vec<(usize, &str)> = Vec::new();
        for (port, below, from) in node.input.iter().flat_map(InputSpec::each) {
            let at = || format!("{path}{below}");
            let (schema, source) = done.get(self.place.get(from)?)?;
            if port.is_none()
                && let Some((_, merged)) = ports.first_mut()
            {
                if let Some((_, first)) = sources.first().filter(|(first, _)| first != source) {
                    let message = format!("{} and {} have different rows", quoted(first), quoted(from));
                    let problem = Problem::new(Some(name), at(), message);
                    problems.push(problem.hint("rows of two sources cannot be put side by side"));
                    return None;
                }
                if let Err(message) = self.merge(merged, schema) {
                    let problem = Problem::new(Some(name), at(), message);
                    problems.push(problem.hint("let one read from the other, or write another field"));
                    return None;
                }
            } else {
                ports.push((port.map(str::to_owned), schema.clone()));
            }
            sources.push((*source, from));
        }
        Some(Arriving { schemas: PortSchemas::new(ports), source: sources.first().map(|(s, _)| *s) })
    }

    /// Puts the fields of two inputs together. Where both have a field, the one written later along the edges counts;
    /// if neither writer comes after the other, nobody can say which one is meant.
    fn merge(&self, into: &mut Schema, other: &Schema) -> Result<(), String> {
        for column in other.columns() {
            let (field, theirs) = (&column.field.name, column.writer);
            match into.column(field).map(|c| c.writer) {
                Some(ours) if ours == theirs || self.reaches(theirs, ours) => {}
                Some(ours) if !self.reaches(ours, theirs) => {
                    let (a, b) = (quoted(self.name(ours)), quoted(self.name(theirs)));
                    return Err(format!(
                        "{a} and {b} both write field {}, and neither comes after the other",
                        quoted(field)
                    ));
                }
                _ => into.set(column.field.clone(), theirs),
            }
        }
        Ok(())
    }

    /// Whether a node reads from another one, directly or not; both by their places.
    fn reaches(&self, from: usize, to: usize) -> bool {
        // Edges lead to later places alone, so that what lies beyond need not be looked at.
        if from > to {
            return false;
        }
        let mut seen = HashSet::new();
        let mut open = vec![from];
        while let Some(place) = open.pop() {
            if place == to {
                return true;
            }
            let readers = self.edges.neighbors(self.order[place]).map(|n| self.places[n.index()]);
            open.extend(readers.filter(|&reader| reader <= to && seen.insert(reader)));
        }
        false
    }
}
