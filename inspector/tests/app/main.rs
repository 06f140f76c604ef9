//! The inspector without a window: found and clicked through accessibility labels, fed from memory.
//!
//! - `made_up`: a run, its snapshots and its images, all made up.
//! - `behaviour`: what is shown when, and what is asked of the engine.
//! - `live`: a connection to a real telemetry server.
//! - `picture`: the whole window, compared with a picture.
//!
//! After a wanted change of looks: `UPDATE_SNAPSHOTS=1 cargo test -p inspector picture`.

mod behaviour;
mod live;
mod made_up;
mod picture;

use egui_kittest::Harness;
use inspector::{InspectorApp, Memory};

type Window = Harness<'static, InspectorApp>;

/// A window of the usual size, and the source that feeds it.
fn window() -> (Window, Memory) {
    window_of(1600.0, 900.0)
}

fn window_of(width: f32, height: f32) -> (Window, Memory) {
    let source = Memory::default();
    let given = source.clone();
    let mut window = Harness::builder()
        .with_size([width, height])
        .build_eframe(|creation| InspectorApp::new(&creation.egui_ctx, Box::new(given)));
    window.run_steps(1);
    (window, source)
}
