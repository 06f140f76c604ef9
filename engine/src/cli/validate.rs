//! `engine validate`

use std::path::PathBuf;

use clap::Args;
use engine::graph::{Graph, GraphFile};
use engine::operators::{Registry, Role};

use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Example:\n  engine validate graphs/*.json")]
pub(crate) struct ValidateArgs {
    /// Graph files.
    #[arg(required = true)]
    graphs: Vec<PathBuf>,
}

pub(crate) fn validate(args: ValidateArgs) -> Result<(), Failure> {
    let registry = Registry::builtin();
    let mut errors = Vec::new();
    for path in &args.graphs {
        match GraphFile::read(path).and_then(|file| Graph::validate_file(&file, &registry)) {
            Ok(graph) => screen::out(format!("{}: valid, {}", path.display(), describe(&graph))),
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Failure::Usage(errors.join("\n\n"))) }
}

fn describe(graph: &Graph) -> String {
    let nodes = graph.nodes();
    let of = |role| nodes.iter().filter(|n| n.operator.role() == role).map(|n| n.name.as_str()).collect::<Vec<_>>();
    let model = match of(Role::Model)[..] {
        [model] => format!("model {model}"),
        _ => "no model".into(),
    };
    let sources = of(Role::Source);
    let noun = if sources.len() == 1 { "source" } else { "sources" };
    format!("{}: {noun} {}, {model}", screen::plural(nodes.len() as u64, "node"), sources.join(", "))
}
