//! The window and the command line; everything else is in the library, where tests reach it without a window.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use eframe::egui;
use inspector::{InspectorApp, Live};

/// Shows a running engine: its graph with live rates, the images at each node, the loss.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  inspector                     watch the run on this machine
  inspector 127.0.0.1:7008      watch one that serves another port

Start the run with `engine run GRAPH --inspect`.
To watch a run on another machine, forward its port first:
  ssh -L 7007:127.0.0.1:7007 HOST"
)]
struct Arguments {
    /// Address of the run.
    #[arg(value_name = "ADDR", default_value = telemetry::DEFAULT_ADDRESS)]
    address: String,
}

fn main() -> ExitCode {
    match window() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let desktop = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
            let why = match desktop {
                true => error.to_string(),
                false => "the inspector needs a desktop: neither DISPLAY nor WAYLAND_DISPLAY is set".to_owned(),
            };
            writeln!(std::io::stderr(), "error: {why}").ok();
            ExitCode::FAILURE
        }
    }
}

fn window() -> eframe::Result {
    let address = Arguments::parse().address;
    let viewport = egui::ViewportBuilder::default()
        .with_title(format!("inspector: {address}"))
        .with_inner_size([1600.0, 900.0])
        .with_min_inner_size([960.0, 600.0]);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "inspector",
        options,
        Box::new(|creation| {
            let context = creation.egui_ctx.clone();
            let live = Live::start(address, move || context.request_repaint())?;
            Ok(Box::new(InspectorApp::new(&creation.egui_ctx, Box::new(live))))
        }),
    )
}
