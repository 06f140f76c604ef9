//! `engine plan`

use clap::{Args, ValueEnum};

use super::common::{GraphArgs, PlanOptionArgs};
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine plan graphs/cifar.json
  engine plan graphs/cifar.json --format dot | dot -Tsvg > plan.svg")]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    graph: GraphArgs,
    #[command(flatten)]
    options: PlanOptionArgs,

    /// How to show it.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Graphviz.
    Dot,
}

pub(crate) fn plan(args: PlanArgs) -> Result<(), Failure> {
    let graph = args.graph.load()?;
    screen::graph_warnings(&graph);
    let plan = args.options.plan(&graph, &engine::torch::probe())?;
    match args.format {
        Format::Text => screen::out(plan.to_string().trim_end()),
        Format::Json => {
            let mut json = plan.to_json();
            let texts = graph.warnings.iter().map(|problem| problem.told(&graph.origin).to_string());
            json["warnings"] = texts.collect();
            screen::out(format!("{json:#}"));
        }
        Format::Dot => screen::out(plan.to_dot().trim_end()),
    }
    Ok(())
}
