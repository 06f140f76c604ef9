//! Cycles, and the order of nodes where there are none.

use std::collections::{BTreeSet, HashMap, HashSet};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;

use super::problem::Problem;
use super::spec::{GraphSpec, InputSpec};
use super::validate::Edges;
use crate::params::{child, cut, grouped, quoted};

/// Nodes of a cycle that are named before the last one.
const SHOWN: usize = 8;

/// Names each cycle whole.
pub(super) fn find_cycles(spec: &GraphSpec, edges: &Edges<'_>, problems: &mut Vec<Problem>) {
    // Not Tarjan's algorithm: petgraph's calls itself as often as the graph is deep.
    for component in kosaraju_scc(edges) {
        let Some(start) = component.iter().copied().min() else { continue };
        if component.len() == 1 && !edges.contains_edge(start, start) {
            continue;
        }
        let cycle = one_cycle(edges, &component, start);
        let names: Vec<&str> = cycle.iter().map(|&node| edges[node]).collect();
        let (first, last) = (names[0], names[names.len() - 1]);
        // The input of the first node that names the last one.
        let inputs = spec.nodes.get(first).and_then(|node| node.input.as_ref());
        let path = inputs.into_iter().flat_map(InputSpec::each).find(|(_, _, from)| *from == last);
        let path = format!("{}{}", child("/nodes", first), path.map_or("/input".to_owned(), |(_, path, _)| path));
        let problem = match names.len() {
            1 => Problem::new(Some(first), path, format!("{} reads from itself", quoted(first)))
                .hint("let it read from another node"),
            _ => Problem::new(Some(first), path, words(&names)).hint("let one of them read from another node"),
        };
        problems.push(problem);
    }
}

/// Nodes each of which reads from the one before, and the first from the last.
fn one_cycle(edges: &Edges<'_>, component: &[NodeIndex], start: NodeIndex) -> Vec<NodeIndex> {
    // Within a strongly connected component every node has a reader in it, so that a walk must close.
    let members: HashSet<NodeIndex> = component.iter().copied().collect();
    let mut walk = vec![start];
    let mut places = HashMap::from([(start, 0)]);
    let closed = loop {
        let last = walk[walk.len() - 1];
        let next = edges.neighbors(last).filter(|node| members.contains(node)).min().unwrap_or(start);
        if let Some(&place) = places.get(&next) {
            break place;
        }
        places.insert(next, walk.len());
        walk.push(next);
    };
    let mut cycle = walk.split_off(closed);
    let first = (0..cycle.len()).min_by_key(|&place| cycle[place]).unwrap_or_default();
    cycle.rotate_left(first);
    cycle
}

fn words(names: &[&str]) -> String {
    let arrows = |names: &[&str]| names.iter().map(|name| cut(name)).collect::<Vec<_>>().join(" → ");
    let (first, last) = (cut(names[0]), cut(names[names.len() - 1]));
    if names.len() <= SHOWN + 2 {
        return format!("a cycle: {} → {first}, each reads from the one before", arrows(names));
    }
    let count = grouped(names.len() as f64);
    format!(
        "a cycle of {count} nodes: {} → … → {last} → {first}, each reads from the one before",
        arrows(&names[..SHOWN])
    )
}

/// A topological order in which ties are broken by the order of the file, for people who read plans. Nodes on a cycle,
/// and those that read from one, are left out.
pub(super) fn stable_order(edges: &Edges<'_>) -> Vec<NodeIndex> {
    let mut waiting: Vec<usize> =
        edges.node_indices().map(|n| edges.edges_directed(n, Direction::Incoming).count()).collect();
    let mut ready: BTreeSet<NodeIndex> = edges.node_indices().filter(|n| waiting[n.index()] == 0).collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while let Some(node) = ready.pop_first() {
        sorted.push(node);
        for next in edges.neighbors(node) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.insert(next);
            }
        }
    }
    sorted
}
