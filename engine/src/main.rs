//! The command line: the only place that prints and exits.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything calls torch.
    engine::torch::init();
    cli::main()
}
