//! Where everything in a graph lies: a pure function from sizes to positions.
//!
//! Stages are laid out, not nodes: a fused stage is a row of nodes in one frame, so that nothing else can come to lie
//! in it. Only [`layout`] knows who computes the layers (dagre: network simplex ranks, crossing reduction,
//! Brandes-Köpf coordinates).

use dagre::layout::types::LabelPos;
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, RankDir, graph};
use eframe::egui::{Pos2, Rect, Vec2, pos2, vec2};

use crate::theme::graph::{FRAME_HEADER, FRAME_PADDING, NODE, NODE_GAP, RANK_GAP, STAGE_GAP};

/// What is to be laid out.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Number of nodes.
    pub nodes: usize,
    /// The nodes of each stage, in order; each node is in one stage.
    pub stages: Vec<Vec<usize>>,
    /// The edges.
    pub edges: Vec<RequestEdge>,
}

/// An edge to be laid out.
#[derive(Clone, Copy, Debug)]
pub struct RequestEdge {
    /// Node that it leaves.
    pub from: usize,
    /// Node that it enters.
    pub to: usize,
    /// Room to keep for what is drawn on it; none inside a stage.
    pub label: Vec2,
}

/// Where things lie, in points at zoom 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// One rectangle a node.
    pub nodes: Vec<Rect>,
    /// One a stage, with room for its header.
    pub stages: Vec<Rect>,
    /// One route an edge.
    pub edges: Vec<Route>,
    /// Around everything.
    pub bounds: Rect,
}

/// Where an edge runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// From the writer's right side to the reader's left side.
    pub points: Vec<Pos2>,
    /// Middle of what is drawn on it.
    pub label: Pos2,
}

/// Lays a graph out from left to right.
pub fn layout(request: &Request) -> Layout {
    let stage_of = stage_of(request);
    let mut layers =
        graph::Graph::with_options(graph::GraphOptions { directed: true, multigraph: true, compound: false });
    for (index, stage) in request.stages.iter().enumerate() {
        let size = stage_size(stage.len());
        let label = NodeLabel { width: size.x.into(), height: size.y.into(), ..Default::default() };
        layers.set_node(index.to_string(), Some(label));
    }
    let outer = |edge: &RequestEdge| {
        let (from, to) = (stage_of[edge.from], stage_of[edge.to]);
        (from != to).then(|| (from.to_string(), to.to_string()))
    };
    for (index, edge) in request.edges.iter().enumerate() {
        let Some((from, to)) = outer(edge) else {
            continue;
        };
        let label = EdgeLabel {
            width: edge.label.x.into(),
            height: edge.label.y.into(),
            labelpos: LabelPos::Center,
            ..Default::default()
        };
        layers.set_edge(from, to, Some(label), Some(&index.to_string()));
    }
    dagre::layout(
        &mut layers,
        Some(LayoutOptions {
            rankdir: RankDir::LR,
            nodesep: STAGE_GAP.into(),
            edgesep: (STAGE_GAP / 2.0).into(),
            ranksep: RANK_GAP.into(),
            ..Default::default()
        }),
    );
    let place = |index: usize, stage: &Vec<usize>| {
        let label = layers.node(&index.to_string()).expect("every stage was added");
        Rect::from_center_size(at(label.x, label.y), stage_size(stage.len()))
    };
    let stages: Vec<Rect> = request.stages.iter().enumerate().map(|(i, s)| place(i, s)).collect();
    let nodes = place_nodes(request, &stages);
    // A header makes a stage's middle lie above that of its nodes.
    let lower = vec2(0.0, (FRAME_HEADER - FRAME_PADDING) / 2.0);
    let mut edges: Vec<Route> = request
        .edges
        .iter()
        .enumerate()
        .map(|(index, edge)| {
            let (start, end) = (nodes[edge.from].right_center(), nodes[edge.to].left_center());
            let Some((from, to)) = outer(edge) else {
                return Route { points: vec![start, end], label: start.lerp(end, 0.5) };
            };
            let laid = layers.edge(&from, &to, Some(&index.to_string())).expect("every edge was added");
            let bends = laid.points.len().saturating_sub(1).max(1);
            let bends = laid.points.get(1..bends).unwrap_or_default();
            let mut points = vec![start];
            points.extend(bends.iter().map(|p| pos2(p.x as f32, p.y as f32) + lower));
            points.push(end);
            Route { points, label: at(laid.x, laid.y) + lower }
        })
        .collect();
    spread_entries(request, &nodes, &mut edges);
    let bounds = stages.iter().fold(Rect::NOTHING, |bounds, stage| bounds.union(*stage));
    let bounds =
        edges.iter().flat_map(|e| &e.points).fold(bounds, |bounds, point| bounds.union(Rect::from_pos(*point)));
    Layout { nodes, stages, edges, bounds }
}

fn stage_of(request: &Request) -> Vec<usize> {
    let mut stage_of = vec![0; request.nodes];
    for (index, stage) in request.stages.iter().enumerate() {
        for &node in stage {
            stage_of[node] = index;
        }
    }
    stage_of
}

fn stage_size(nodes: usize) -> Vec2 {
    let nodes = nodes.max(1) as f32;
    let width = NODE.x * nodes + NODE_GAP * (nodes - 1.0);
    vec2(width + 2.0 * FRAME_PADDING, FRAME_HEADER + NODE.y + FRAME_PADDING)
}

fn place_nodes(request: &Request, stages: &[Rect]) -> Vec<Rect> {
    let mut nodes = vec![Rect::ZERO; request.nodes];
    for (stage, rect) in request.stages.iter().zip(stages) {
        for (place, &node) in stage.iter().enumerate() {
            let x = FRAME_PADDING + place as f32 * (NODE.x + NODE_GAP);
            nodes[node] = Rect::from_min_size(rect.min + vec2(x, FRAME_HEADER), NODE);
        }
    }
    nodes
}

/// Several edges into one node enter below each other, in the order in which they come, so that they can be told apart.
fn spread_entries(request: &Request, nodes: &[Rect], edges: &mut [Route]) {
    for (node, rect) in nodes.iter().enumerate() {
        let mut entering: Vec<usize> = (0..edges.len()).filter(|&e| request.edges[e].to == node).collect();
        let height = |e: &usize| edges[*e].label.y;
        entering.sort_by(|a, b| height(a).total_cmp(&height(b)));
        let step = rect.height() / (entering.len() + 1) as f32;
        for (place, &edge) in entering.iter().enumerate() {
            if let Some(end) = edges[edge].points.last_mut() {
                end.y = rect.top() + step * (place + 1) as f32;
            }
        }
    }
}

fn at(x: Option<f64>, y: Option<f64>) -> Pos2 {
    pos2(x.unwrap_or(0.0) as f32, y.unwrap_or(0.0) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: usize, to: usize, queue: bool) -> RequestEdge {
        RequestEdge { from, to, label: if queue { vec2(60.0, 30.0) } else { Vec2::ZERO } }
    }

    /// Two chains into one model, the upper one fused: 0-1-2, 3 and 4, 5 into 6, and a second edge from 3 to 6.
    fn request() -> Request {
        Request {
            nodes: 7,
            stages: vec![vec![0, 1, 2], vec![3], vec![4], vec![5], vec![6]],
            edges: vec![
                edge(0, 1, false),
                edge(1, 2, false),
                edge(2, 3, true),
                edge(3, 6, true),
                edge(4, 5, true),
                edge(5, 6, true),
                edge(3, 6, true),
            ],
        }
    }

    #[test]
    fn nothing_overlaps() {
        let layout = layout(&request());
        for (i, a) in layout.nodes.iter().enumerate() {
            for b in &layout.nodes[i + 1..] {
                assert!(!a.expand(4.0).intersects(*b), "{a:?} {b:?}");
            }
        }
        for (i, a) in layout.stages.iter().enumerate() {
            for b in &layout.stages[i + 1..] {
                assert!(!a.expand(4.0).intersects(*b), "{a:?} {b:?}");
            }
            for route in &layout.edges[2..] {
                assert!(!a.contains(route.label), "{a:?} {route:?}");
            }
        }
    }

    #[test]
    fn nodes_lie_in_the_frame_of_their_stage_and_in_the_bounds() {
        let (request, layout) = (request(), layout(&request()));
        for (stage, frame) in request.stages.iter().zip(&layout.stages) {
            assert!(stage.iter().all(|&n| frame.contains_rect(layout.nodes[n])));
            assert!(layout.bounds.contains_rect(*frame));
        }
    }

    #[test]
    fn edges_run_from_left_to_right() {
        let (request, layout) = (request(), layout(&request()));
        for (edge, route) in request.edges.iter().zip(&layout.edges) {
            assert!(layout.nodes[edge.from].right() < layout.nodes[edge.to].left());
            assert!(route.points.windows(2).all(|w| w[0].x <= w[1].x + 0.5), "{route:?}");
            assert!(layout.nodes[edge.to].left() - route.points[route.points.len() - 1].x < 0.5);
        }
    }

    #[test]
    fn edges_into_one_node_enter_apart() {
        let layout = layout(&request());
        let mut ends: Vec<f32> =
            [3, 5, 6].map(|e: usize| layout.edges[e].points[layout.edges[e].points.len() - 1].y).to_vec();
        ends.sort_by(f32::total_cmp);
        assert!(ends.windows(2).all(|w| w[1] - w[0] > 8.0), "{ends:?}");
    }

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(layout(&request()), layout(&request()));
    }

    #[test]
    fn a_lone_node_is_a_graph() {
        let layout = layout(&Request { nodes: 1, stages: vec![vec![0]], edges: Vec::new() });
        assert!(layout.bounds.is_positive());
    }
}
