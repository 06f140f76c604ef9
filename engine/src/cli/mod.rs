//! One file a subcommand; what they share is here and in [`common`] and [`screen`].

mod bench;
mod common;
mod data_files;
mod eval;
mod export;
mod info;
mod info_text;
mod lettering;
mod merge;
mod operators;
mod pack;
mod pack_images;
mod plan;
mod predict;
mod progress;
mod resume;
mod run;
mod runs;
mod runs_text;
mod sample;
mod sample_output;
mod sample_sheet;
mod sample_values;
mod sample_view;
mod schema;
mod screen;
mod split;
mod trace;
mod trained;
mod training;
mod validate;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a command ends without success.
pub(crate) enum Failure {
    /// The graph, or how the command was called: exit code 2.
    Usage(String),
    /// Everything else: exit code 1.
    Failed(String),
    /// Ctrl-C: exit code 130, as shells have it.
    Interrupted,
}

/// Trains models on data pipelines that are graphs, and shows where the time goes.
#[derive(Parser)]
#[command(name = "engine", version, max_term_width = 110, after_help = EXAMPLES, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  engine run graphs/cifar.json                     train ResNet-9 on CIFAR-10
  engine run graphs/cifar.json --epochs 3 --inspect   ... shorter, to watch with `inspector`
  engine resume runs/cifar-20260801-140322         go on with a run
  engine runs                                      which runs there are, and how they did
  engine eval cifar-20260801-140322                accuracy of a trained model, class by class
  engine predict cifar-20260801-140322 cat.jpg     what it takes an image for
  engine export cifar-20260801-140322              the model for Python: TorchScript, safetensors
  engine plan graphs/cifar.json                    what runs where, and why
  engine bench graphs/cifar.json                   the data pipeline alone
  engine sample graphs/cifar.json --epoch 3 --index 1234 --all-nodes   what became of a sample
  engine operators cutout                          what an operator does
  engine pack photos/train train.beton             images of any format in one file, to read fast
  engine info train.beton --verify                 what a data file holds, and whether it is whole

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.";

#[derive(Subcommand)]
enum Command {
    /// Train the model of a graph.
    Run(run::RunArgs),
    /// Go on with a run that was stopped, cut off, or is to train longer.
    Resume(resume::ResumeArgs),
    /// List runs, or compare two.
    Runs(runs::RunsArgs),
    /// Test a trained model: accuracy, loss, which class is taken for which.
    Eval(eval::EvalArgs),
    /// Ask a trained model about images.
    Predict(predict::PredictArgs),
    /// Write a trained model as TorchScript and safetensors, for Python.
    Export(export::ExportArgs),
    /// Check graphs: every problem, with its line.
    Validate(validate::ValidateArgs),
    /// Show stages, devices and queues of a graph, and the reason of each decision.
    Plan(plan::PlanArgs),
    /// List the operators, or explain some of them.
    Operators(operators::OperatorsArgs),
    /// Print the JSON Schema of graph files, for editors.
    Schema(schema::SchemaArgs),
    /// Time the data pipeline of a graph, without its model.
    Bench(bench::BenchArgs),
    /// Rebuild a sample or a batch of a run as it left a node, from the graph and the seed alone.
    Sample(sample::SampleArgs),
    /// Write a data set of any format into one .beton file.
    Pack(pack::PackArgs),
    /// Show what data files hold, and check them.
    Info(info::InfoArgs),
    /// Put .beton files together.
    Merge(merge::MergeArgs),
    /// Cut a .beton file into shards.
    Split(split::SplitArgs),
    /// Write what a recording says of who did what when as a trace for Perfetto.
    Trace(trace::TraceArgs),
}

/// Reads the arguments, runs the command, and says why it failed.
pub(crate) fn main() -> ExitCode {
    quiet_workers();
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Resume(args) => resume::resume(args),
        Command::Runs(args) => runs::runs(args),
        Command::Eval(args) => eval::eval(args),
        Command::Predict(args) => predict::predict(args),
        Command::Export(args) => export::export(args),
        Command::Validate(args) => validate::validate(args),
        Command::Plan(args) => plan::plan(args),
        Command::Operators(args) => operators::operators(args),
        Command::Schema(args) => schema::schema(args),
        Command::Bench(args) => bench::bench(args),
        Command::Sample(args) => sample::sample(args),
        Command::Pack(args) => pack::pack(args),
        Command::Info(args) => info::info(args),
        Command::Merge(args) => merge::merge(args),
        Command::Split(args) => split::split(args),
        Command::Trace(args) => trace::trace(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            screen::error(&message);
            ExitCode::from(2)
        }
        Err(Failure::Failed(message)) => {
            screen::error(&message);
            ExitCode::from(1)
        }
        Err(Failure::Interrupted) => ExitCode::from(130),
    }
}

/// A worker's panic becomes an error with its node's name, so that the standard message is one too many.
fn quiet_workers() {
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        if !name.starts_with("worker-") {
            standard(info);
        }
    }));
}
