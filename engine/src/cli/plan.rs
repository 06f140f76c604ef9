//! `engine plan`

use clap::{Args, ValueEnum};
use engine::plan::describe_run;

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
    /// For `inspector GRAPH`.
    #[value(hide = true)]
    Inspector,
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
        Format::Inspector => {
            let description = serde_json::to_string(&describe_run(&plan, 0, 0, None));
            screen::out(description.map_err(|e| Failure::Failed(e.to_string()))?);
        }
    }
    Ok(())
}
