//! The window and the command line; everything else is in the library, where tests reach it without a window.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use eframe::egui;
use inspector::{InspectorApp, Recent, Tab, Target};

/// Shows a running engine: its graph with live rates, the images at each node, the loss.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  inspector                     what runs on this machine, and what was looked at before
  inspector 127.0.0.1:7007      watch a run that was started with `engine run GRAPH --inspect`
  inspector run.rec             look at a recording: `engine run GRAPH --record run.rec`
  inspector graphs/cifar.json   what would be run, and a button that runs it

To watch a run on another machine, forward its port first:
  ssh -L 7007:127.0.0.1:7007 HOST"
)]
struct Arguments {
    /// Address of a run, a recording, or a graph file.
    #[arg(value_name = "WHAT")]
    target: Option<String>,

    /// Select this node at the start.
    #[arg(long, value_name = "NODE")]
    select: Option<String>,

    /// Show this panel at the start: training, sample, timeline, whatif, system or log.
    #[arg(long, value_name = "PANEL", value_parser = panel)]
    panel: Option<Tab>,

    /// Write a picture of the window to this PNG file, and end.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,

    /// Seconds to look on before the picture is taken.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, requires = "picture")]
    after: f64,

    /// The word that the run was started with (`--inspect-token`); else $ENGINE_INSPECT_TOKEN.
    #[arg(long)]
    token: Option<String>,
}

fn panel(word: &str) -> Result<Tab, String> {
    let short = |tab: &Tab| tab.name().to_lowercase().replace(' ', "");
    let found = Tab::ALL.into_iter().find(|tab| short(tab) == word);
    found.ok_or_else(|| format!("expected one of {}", Tab::ALL.map(|tab| short(&tab)).join(", ")))
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
    let arguments = Arguments::parse();
    let token = arguments.token.or_else(|| std::env::var("ENGINE_INSPECT_TOKEN").ok()).filter(|t| !t.is_empty());
    let title = arguments.target.as_ref().map_or("inspector".to_owned(), |target| format!("inspector: {target}"));
    let viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_inner_size([1600.0, 900.0])
        .with_min_inner_size([960.0, 600.0]);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(
        "inspector",
        options,
        Box::new(|creation| {
            let mut app = InspectorApp::start_page(&creation.egui_ctx, Recent::load()).with_token(token);
            if let Some(target) = arguments.target {
                app.open(&creation.egui_ctx, &Target::of(&target));
            }
            if let Some(tab) = arguments.panel {
                app.show(tab);
            }
            app.select_named(arguments.select);
            if let Some(file) = arguments.picture {
                app.picture_and_end(&creation.egui_ctx, file, arguments.after);
            }
            Ok(Box::new(app))
        }),
    )
}
