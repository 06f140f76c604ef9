use std::any::Any;
use std::panic::{catch_unwind, resume_unwind};

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::WgpuTestRenderer;
use inspector::{Event, InspectorApp, Memory};
use telemetry::ToViewer;

use crate::made_up::{CUTOUT, images, latencies, messages};

/// The renderer, or none where this machine has no graphics driver, not even one in software.
fn renderer() -> Option<WgpuTestRenderer> {
    catch_unwind(WgpuTestRenderer::new).map_err(no_adapter).ok()
}

/// Passes any other panic on.
fn no_adapter(panic: Box<dyn Any + Send>) {
    let said = panic.downcast_ref::<String>().is_some_and(|message| message.contains("dapter"));
    if !said {
        resume_unwind(panic);
    }
}

#[test]
fn the_window_looks_as_recorded() {
    let Some(renderer) = renderer() else {
        println!(
            "skipped: no graphics adapter; on Debian, `apt-get install mesa-vulkan-drivers` gives one in software"
        );
        return;
    };
    let source = Memory::default();
    let given = source.clone();
    let mut window = Harness::builder()
        .with_size([1600.0, 900.0])
        .with_render_cursor(false)
        .renderer(renderer)
        .build_eframe(|creation| InspectorApp::new(&creation.egui_ctx, Box::new(given)));
    let mut all = messages(620);
    all.push(ToViewer::Latencies(latencies()));
    all.into_iter().for_each(|message| source.push(Event::Message(message)));
    window.run_steps(4);
    window.get_by_label("cutout").click();
    window.run_steps(2);
    source.push(Event::Message(ToViewer::Images(Box::new(images(CUTOUT)))));
    window.run_steps(2);
    window.snapshot("inspector");
}
