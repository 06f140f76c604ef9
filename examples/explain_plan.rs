//! Validates a graph file and says how it would be run, and why: on this machine, and on one with 16 cores and a GPU.
//!
//! A plan follows from the graph, the machine and the options alone, so that it can be made for a machine that is not
//! there. Nothing is run, and no data is opened.
//!
//! ```text
//! cargo run --release -p engine --example explain_plan
//! cargo run --release -p engine --example explain_plan -- my_graph.json
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use engine::graph::{Graph, GraphFile};
use engine::operators::Registry;
use engine::plan::{Machine, Plan, PlanOptions};

fn main() -> ExitCode {
    let path = std::env::args_os().nth(1).map_or_else(default_graph, PathBuf::from);
    match explain(&path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A graph's error is every problem that it has, with its line and column.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's own, wherever the example is started.
fn default_graph() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../graphs/cifar.json")
}

fn explain(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = GraphFile::read(path)?;
    let graph = Graph::validate_file(&file, &Registry::builtin())?;

    // The whole plan as text: `engine plan` prints the same.
    let plan = Plan::new(&graph, &engine::torch::probe(), &PlanOptions::default())?;
    print!("{plan}");

    // The same decisions, by node.
    println!("\nwhy, node by node");
    for (index, node) in plan.nodes.iter().enumerate() {
        println!("  {} ({}), in stage {}", node.name, node.operator.name(), plan.stage_of(index));
        for decision in plan.decisions.iter().filter(|d| d.nodes.contains(&index)) {
            println!("    {}: {}", decision.pass, decision.text);
        }
    }

    let other = Machine { cores: 16, cuda_devices: 1, bfloat16: true };
    let plan = Plan::new(&graph, &other, &PlanOptions::default())?;
    println!("\nwith 16 cores and a GPU: {} workers", plan.workers);
    for (index, stage) in plan.stages.iter().enumerate() {
        let names: Vec<&str> = stage.nodes.iter().map(|&node| plan.nodes[node].name.as_str()).collect();
        println!("  stage {index} on {}: {}", stage.place, names.join(", "));
    }
    Ok(())
}
