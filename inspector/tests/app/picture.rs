use std::any::Any;
use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use egui_kittest::wgpu::WgpuTestRenderer;
use inspector::{Event, InspectorApp, Memory, Replay, Source, Tab};
use telemetry::ToViewer;

use crate::Window;
use crate::made_up::{CUTOUT, images, latencies, messages};

/// A window that is really painted, or none where this machine has no graphics driver, not even one in software.
fn painted(source: Box<dyn Source>) -> Option<Window> {
    let renderer = catch_unwind(WgpuTestRenderer::new).map_err(no_adapter).ok();
    let Some(renderer) = renderer else {
        println!(
            "skipped: no graphics adapter; on Debian, `apt-get install mesa-vulkan-drivers` gives one in software"
        );
        return None;
    };
    let window = Harness::builder()
        .with_size([1600.0, 900.0])
        .with_render_cursor(false)
        .renderer(renderer)
        .build_eframe(|creation| InspectorApp::new(&creation.egui_ctx, source));
    Some(window)
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
    let source = Memory::default();
    let Some(mut window) = painted(Box::new(source.clone())) else { return };
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

/// A recording of a real run, in both themes.
#[test]
fn a_recording_looks_as_it_did() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/version_2.rec");
    let recording = telemetry::Recording::read(&path).expect("it is readable");
    // Not its path, which is another one on each machine.
    let Some(mut window) = painted(Box::new(Replay::new("slow.rec".into(), recording))) else { return };
    window.run_steps(3);
    window.get_by_label("cut").click();
    window.run_steps(2);
    for (tab, name, theme) in [
        (Tab::Timeline, "time_line", eframe::egui::Theme::Dark),
        (Tab::WhatIf, "what_if_light", eframe::egui::Theme::Light),
        (Tab::System, "system_light", eframe::egui::Theme::Light),
    ] {
        window.ctx.set_theme(theme);
        window.get_by_label(tab.name()).click();
        window.run_steps(3);
        window.hover_at(eframe::egui::pos2(2.0, 898.0));
        window.run_steps(2);
        window.snapshot(name);
    }
}
