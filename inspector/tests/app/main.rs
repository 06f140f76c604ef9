//! The inspector without a window: found and clicked through accessibility labels, fed from memory.
//!
//! - `made_up`: a run, its snapshots and its images, all made up.
//! - `behaviour`: what is shown when, and what is asked of the engine.
//! - `panels`: what the panels show and ask for.
//! - `replay`: a recording of a real run, which is kept: what is of version 2 must stay readable.
//! - `start`: the start page, and a graph that is not run.
//! - `frames`: how long a frame takes.
//! - `live`: a connection to a real telemetry server.
//! - `picture`: the whole window, compared with a picture.
//!
//! After a wanted change of looks: `UPDATE_SNAPSHOTS=1 cargo test -p inspector picture`.

mod behaviour;
mod frames;
mod live;
mod made_up;
mod panels;
mod picture;
mod replay;
mod start;

use egui_kittest::Harness;
use inspector::{InspectorApp, Memory, Source};

type Window = Harness<'static, InspectorApp>;

/// A window of the usual size, and the source that feeds it.
fn window() -> (Window, Memory) {
    window_of(1600.0, 900.0)
}

fn window_of(width: f32, height: f32) -> (Window, Memory) {
    let source = Memory::default();
    (window_on(width, height, Box::new(source.clone())), source)
}

fn window_on(width: f32, height: f32, source: Box<dyn Source>) -> Window {
    let mut window = Harness::builder()
        .with_size([width, height])
        .build_eframe(|creation| InspectorApp::new(&creation.egui_ctx, source));
    window.run_steps(1);
    window
}
