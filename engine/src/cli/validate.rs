//! `engine validate`

use std::path::{Path, PathBuf};

use clap::Args;
use engine::graph::{Graph, GraphError, GraphFile, Problem};
use engine::operators::{Registry, Role};
use serde_json::{Value, json};

use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine validate graphs/*.json
  engine validate --strict graphs/*.json          warnings are errors
  engine validate --json graphs/cifar.json        one JSON object a line and graph

Exit codes: 0 valid, 2 not valid.")]
pub(crate) struct ValidateArgs {
    /// Graph files.
    #[arg(required = true)]
    graphs: Vec<PathBuf>,

    /// Take what is allowed and yet is hardly meant for an error.
    #[arg(long)]
    strict: bool,

    /// Print one JSON object a line and graph.
    #[arg(long)]
    json: bool,
}

pub(crate) fn validate(args: ValidateArgs) -> Result<(), Failure> {
    let registry = Registry::builtin();
    let mut errors = Vec::new();
    for path in &args.graphs {
        let result = GraphFile::read(path).and_then(|file| Graph::validate_file(&file, &registry));
        let result = result.and_then(|graph| match args.strict && !graph.warnings.is_empty() {
            true => Err(GraphError { origin: graph.origin, problems: graph.warnings }),
            false => Ok(graph),
        });
        if args.json {
            screen::out(as_json(path, &result));
        }
        match result {
            Ok(graph) if !args.json => {
                screen::out(format!("{}: valid, {}", path.display(), describe(&graph)));
                screen::graph_warnings(&graph);
            }
            Ok(_) => {}
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::Usage(errors.join("\n\n"))) }
}

fn describe(graph: &Graph) -> String {
    let nodes = graph.nodes();
    let of = |role| nodes.iter().filter(move |n| n.operator.role() == role);
    let model = match of(Role::Model).next() {
        Some(model) => format!("model {}", model.name),
        None => "no model".into(),
    };
    let sources: Vec<String> = of(Role::Source)
        .map(|node| match &node.signature.source {
            Some(shape) => format!("{} ({})", node.name, shape.words()),
            None => node.name.clone(),
        })
        .collect();
    let noun = if sources.len() == 1 { "source" } else { "sources" };
    format!("{}: {noun} {}, {model}", screen::plural(nodes.len() as u64, "node"), sources.join(", "))
}

fn as_json(path: &Path, result: &Result<Graph, GraphError>) -> Value {
    let mut object = json!({ "file": path, "valid": result.is_ok(), "errors": [], "warnings": [] });
    match result {
        Ok(graph) => {
            let nodes = graph.nodes();
            object["warnings"] = graph.warnings.iter().map(|problem| problem_json(problem, &graph.origin)).collect();
            object["nodes"] = json!(nodes.len());
            let sources = nodes.iter().filter_map(|node| {
                let shape = node.signature.source.as_ref()?;
                let (samples, batches) = (shape.samples(), shape.batches());
                Some(json!({
                    "node": node.name, "samples": samples, "batch_size": shape.batch_size, "batches": batches,
                }))
            });
            object["sources"] = sources.collect();
        }
        Err(error) => {
            object["errors"] = error.problems.iter().map(|problem| problem_json(problem, &error.origin)).collect();
        }
    }
    object
}

fn problem_json(problem: &Problem, origin: &str) -> Value {
    json!({
        "node": problem.node,
        "path": problem.path,
        "message": problem.message,
        "expected": problem.expected,
        "given": problem.given,
        "hint": problem.hint,
        "line": problem.position.map(|(line, _)| line),
        "column": problem.position.map(|(_, column)| column),
        "text": problem.told(origin).to_string(),
    })
}
