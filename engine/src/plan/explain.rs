//! A plan in words: as text, as JSON, as a graph for Graphviz, and as what the inspector draws.

use std::fmt;

use serde_json::{Value, json};

use super::{Decision, Pass, Place, Plan, StageKind};
use crate::batch::Field;
use crate::operators::Role;
use crate::params::plural;

fn fields(fields: &[Field]) -> String {
    fields.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Place => "place",
            Self::Fuse => "fuse",
            Self::Size => "size",
        })
    }
}

impl StageKind {
    fn word(self) -> &'static str {
        match self {
            Self::Cpu => "map",
            Self::Device => "device",
            Self::Model => "model",
        }
    }
}

impl fmt::Display for Plan {
    /// Stages, queues and reasons as text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {}, seed {}", self.graph, self.seed)?;
        writeln!(f, "\nsources")?;
        let sources = || self.nodes.iter().filter_map(|node| Some((&node.name, node.signature.source.as_ref()?)));
        let width = sources().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, shape) in sources() {
            writeln!(f, "  {name:<width$}  {}", shape.words())?;
        }
        writeln!(f, "\nstages")?;
        for (index, stage) in self.stages.iter().enumerate() {
            let names: Vec<&str> = stage.nodes.iter().map(|&n| self.nodes[n].name.as_str()).collect();
            write!(f, "  {index}  {:<6} {}", stage.place.to_string(), names.join(" + "))?;
            match stage.kind {
                StageKind::Cpu => writeln!(f, "   ({} a chunk)", plural(stage.rows_per_chunk as u64, "row"))?,
                StageKind::Device => writeln!(f, "   (whole batches)")?,
                StageKind::Model => writeln!(f, "   (trains)")?,
            }
            if !stage.outputs.is_empty() {
                writeln!(f, "            → {}", fields(&stage.outputs))?;
            }
        }
        if !self.queues.is_empty() {
            writeln!(f, "\nqueues")?;
        }
        for queue in &self.queues {
            let port = queue.port.as_ref().map(|p| format!(".{p}")).unwrap_or_default();
            let megabytes = queue.batch_bytes as f64 / 1e6;
            writeln!(f, "  {} → {}{port}   depth {}, {megabytes:.1} MB a batch", queue.from, queue.to, queue.depth)?;
        }
        writeln!(f, "\nwhy")?;
        for decision in &self.decisions {
            writeln!(f, "  {:<5}  {}", decision.pass.to_string(), decision.text)?;
        }
        Ok(())
    }
}

impl Plan {
    /// As JSON, for programs. `version` rises when a key changes its meaning.
    pub fn to_json(&self) -> Value {
        let name = |n: &usize| self.nodes[*n].name.as_str();
        let decision = |d: &Decision| {
            let nodes: Vec<&str> = d.nodes.iter().map(name).collect();
            json!({ "pass": d.pass.to_string(), "nodes": nodes, "text": d.text })
        };
        let show = |f: &Field| json!({ "name": f.name, "dtype": f.dtype.word(), "shape": f.shape });
        let sources = self.nodes.iter().filter_map(|n| {
            let shape = n.signature.source.as_ref()?;
            let (size, batches) = (shape.batch_size, shape.batches());
            Some(json!({ "node": n.name, "samples": shape.samples(), "batch_size": size, "batches": batches }))
        });
        let stages = self.stages.iter().map(|s| {
            json!({
                "nodes": s.nodes.iter().map(name).collect::<Vec<_>>(),
                "kind": s.kind.word(),
                "device": s.place.to_string(),
                "rows_per_chunk": s.rows_per_chunk,
                "outputs": s.outputs.iter().map(show).collect::<Vec<_>>(),
            })
        });
        let queues = self.queues.iter().map(
            |q| json!({ "from": q.from, "to": q.to, "port": q.port, "depth": q.depth, "batch_bytes": q.batch_bytes }),
        );
        json!({
            "version": 1,
            "graph": self.graph,
            "seed": self.seed,
            "workers": self.workers,
            "sources": sources.collect::<Vec<_>>(),
            "stages": stages.collect::<Vec<_>>(),
            "queues": queues.collect::<Vec<_>>(),
            "decisions": self.decisions.iter().map(decision).collect::<Vec<_>>(),
        })
    }

    /// As a graph in Graphviz's language: fused stages as boxes around their nodes.
    pub fn to_dot(&self) -> String {
        let mut lines = vec![
            format!("digraph {} {{", quoted(&self.graph)),
            "  rankdir=LR;".into(),
            "  node [shape=box, style=rounded, fontname=\"sans-serif\"];".into(),
        ];
        for (index, stage) in self.stages.iter().enumerate() {
            lines.push(format!("  subgraph cluster_{index} {{"));
            lines.push(format!("    label={};", quoted(&format!("stage {index}, {}", stage.place))));
            lines.push("    style=rounded;".into());
            for &node in &stage.nodes {
                let label = format!("{}\n{}", self.nodes[node].name, self.nodes[node].operator.name());
                lines.push(format!("    n{node} [label={}];", quoted(&label)));
            }
            lines.push("  }".into());
        }
        for (from, to, port) in &self.edges {
            let stages = (self.stage_of(*from), self.stage_of(*to));
            let queue = self.queues.iter().find(|q| (q.from, q.to) == stages && q.port == *port);
            let label = match queue {
                Some(q) => format!("{}depth {}", port.as_ref().map(|p| format!("{p}, ")).unwrap_or_default(), q.depth),
                None => String::new(),
            };
            lines.push(format!("  n{from} -> n{to} [label={}];", quoted(&label)));
        }
        lines.push("}\n".into());
        lines.join("\n")
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// A plan as the inspector draws it. `epochs` and `steps_per_epoch` are 0 where nothing trains.
pub fn describe_run(
    plan: &Plan,
    epochs: u64,
    steps_per_epoch: u64,
    warning: Option<String>,
) -> telemetry::RunDescription {
    let place = |place: Place| match place {
        Place::Cpu => telemetry::Place::Cpu,
        Place::Cuda(index) => telemetry::Place::Cuda(index as u32),
    };
    let nodes = plan.nodes.iter().enumerate().map(|(index, node)| telemetry::NodeDescription {
        name: node.name.clone(),
        operator: node.operator.name().to_owned(),
        role: match node.operator.role() {
            Role::Source => telemetry::Role::Source,
            Role::Map => telemetry::Role::Map,
            Role::Transfer => telemetry::Role::Transfer,
            Role::Model => telemetry::Role::Model,
        },
        params: Value::Object(node.params.clone()).to_string(),
        output: match node.operator.role() {
            Role::Model => Vec::new(),
            _ => node.output.fields().map(ToString::to_string).collect(),
        },
        stage: plan.stage_of(index) as u32,
    });
    let stages = plan.stages.iter().map(|stage| {
        let about = plan.decisions.iter().filter(|d| d.nodes.iter().any(|n| stage.nodes.contains(n)));
        telemetry::StageDescription {
            nodes: stage.nodes.iter().map(|&n| n as u32).collect(),
            place: place(stage.place),
            rows_per_chunk: stage.rows_per_chunk as u32,
            reasons: about.map(|d| d.text.clone()).collect(),
        }
    });
    let edges = plan.edges.iter().map(|(from, to, port)| {
        let stages = (plan.stage_of(*from), plan.stage_of(*to));
        let queue = plan.queues.iter().find(|q| (q.from, q.to) == stages && q.port == *port);
        let inside: Vec<Field> = plan.nodes[*from].output.fields().cloned().collect();
        telemetry::EdgeDescription {
            from: *from as u32,
            to: *to as u32,
            port: port.clone(),
            capacity: queue.map_or(0, |q| q.depth as u32),
            fields: fields(queue.map_or(&inside, |q| &q.fields)),
            row_bytes: queue.map_or(&inside, |q| &q.fields).iter().map(|f| f.about_bytes() as u64).sum(),
        }
    });
    telemetry::RunDescription {
        graph: plan.graph.clone(),
        seed: plan.seed,
        epochs: epochs as u32,
        steps_per_epoch: steps_per_epoch as u32,
        workers: plan.workers as u32,
        // Who runs it knows.
        started: 0,
        warning,
        control: None,
        nodes: nodes.collect(),
        stages: stages.collect(),
        edges: edges.collect(),
    }
}
