//! What happened: events, warnings, samples that could not be read.

use eframe::egui::{Grid, Label, RichText, ScrollArea, Ui};
use telemetry::Level;

use super::paint::weak_ui;
use crate::Run;
use crate::numbers::{clock, count};
use crate::theme::Palette;

/// Lines that are drawn; older ones are in the run's own output.
const MAX_LINES: usize = 500;

/// What the log remembers.
#[derive(Default)]
pub struct LogView {
    warnings_only: bool,
}

/// The log, newest first.
pub fn log_ui(ui: &mut Ui, run: &Run, state: &mut LogView) {
    let palette = Palette::of(ui);
    let warnings = run.events.iter().filter(|event| event.level != Level::Note).count();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Log").strong());
        weak_ui(ui, format!("{} events, {} warnings", count(run.events.len() as u64), count(warnings as u64)));
        ui.checkbox(&mut state.warnings_only, "warnings only");
    });
    if run.events.is_empty() {
        weak_ui(
            ui,
            "Nothing has happened yet. Epochs, checkpoints, samples that cannot be read and commands appear here.",
        );
        return;
    }
    ScrollArea::vertical().id_salt("log").auto_shrink(false).show(ui, |ui| {
        Grid::new("log").num_columns(3).spacing([12.0, 4.0]).striped(true).show(ui, |ui| {
            let wanted = run.events.iter().rev().filter(|e| !state.warnings_only || e.level != Level::Note);
            for event in wanted.take(MAX_LINES) {
                weak_ui(ui, clock(event.elapsed_ns as f64 / 1e9));
                let (word, color) = match event.level {
                    Level::Note => ("note", palette.weak),
                    Level::Warning => ("warning", palette.offline),
                    Level::Error => ("error", palette.trouble),
                };
                ui.label(RichText::new(word).color(color));
                ui.add(Label::new(&event.text).wrap());
                ui.end_row();
            }
        });
    });
}
