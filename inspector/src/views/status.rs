//! The line on top: how the connection stands, how far the training is, who bounds the run.

use eframe::egui::{self, Align, Color32, Frame, Layout, Margin, RichText, Sense, Ui, vec2};
use telemetry::Ended;

use super::paint::weak_ui;
use crate::history::Bottleneck;
use crate::numbers::{count, grouped};
use crate::theme::Palette;
use crate::{Connection, Run};

/// The status line.
pub fn status_ui(ui: &mut Ui, connection: &Connection, address: &str, run: Option<&Run>) {
    let palette = Palette::of(ui);
    ui.add_space(3.0);
    ui.horizontal_wrapped(|ui| {
        let (text, color) = connection_text(connection, address, run.is_some(), palette);
        let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
        ui.painter().circle_filled(dot.center(), 4.5, color);
        ui.label(RichText::new(text).color(color));
        let Some(run) = run else { return };
        ui.separator();
        ui.label(RichText::new(&run.description.graph).strong());
        progress_ui(ui, run);
        // Who bounds a run that is over helps nobody decide anything, but is still worth reading.
        if let Some(bottleneck) = run.history.bottleneck() {
            ui.separator();
            ui.label(RichText::new(bottleneck_sentence(run, bottleneck)).color(palette.bottleneck));
        }
        if run.lost > 0 {
            ui.separator();
            let text = format!("{} snapshots skipped", count(run.lost));
            ui.label(RichText::new(text).color(palette.weak))
                .on_hover_text("This window was too slow for them. The numbers are right nevertheless: they are counted by the engine.");
        }
    });
    ui.add_space(3.0);
}

fn progress_ui(ui: &mut Ui, run: &Run) {
    let Some(training) = run.latest.training else {
        return;
    };
    ui.separator();
    ui.label(format!("epoch {} of {}", training.epoch, run.description.epochs));
    ui.separator();
    ui.label(format!("step {} of {}", count(training.step), count(training.steps)));
    ui.separator();
    ui.label(RichText::new(format!("{} img/s", grouped(training.images_per_second))).strong());
    if training.evaluating {
        weak_ui(ui, "evaluating now");
    }
}

/// The run's warning: always in sight, since it changes what every number here means.
pub fn warning_ui(ui: &mut Ui, warning: &str) {
    let palette = Palette::of(ui);
    let frame = Frame::new().fill(palette.warning).inner_margin(Margin::symmetric(8, 5));
    egui::Panel::top("warning").frame(frame).show(ui, |ui| {
        ui.label(RichText::new(format!("Warning: {warning}")).color(palette.on_warning).strong());
    });
}

/// What is shown while there is no run.
pub fn empty_ui(ui: &mut Ui, connection: &Connection, address: &str) {
    let palette = Palette::of(ui);
    ui.with_layout(Layout::top_down(Align::Center), |ui| {
        ui.add_space((ui.available_height() * 0.3).max(10.0));
        if let Connection::Refused(reason) = connection {
            ui.heading("This engine cannot be shown");
            ui.label(RichText::new(reason).color(palette.trouble));
            return;
        }
        ui.heading("No run to show yet");
        ui.label("Start one in another terminal, and it appears here by itself:");
        ui.add_space(6.0);
        ui.monospace("engine run graphs/cifar.json --inspect");
        ui.add_space(6.0);
        weak_ui(
            ui,
            format!("Looking for it on {address}. A run that serves another address is shown by `inspector ADDR`."),
        );
    });
}

fn connection_text(connection: &Connection, address: &str, has_run: bool, palette: &Palette) -> (String, Color32) {
    match connection {
        Connection::Connecting if has_run => (format!("reconnecting to {address}"), palette.offline),
        Connection::Connecting => {
            (format!("connecting to {address}, is `engine run … --inspect` running?"), palette.offline)
        }
        Connection::Live => ("live".to_owned(), palette.live),
        Connection::Ended(Ended::Finished) => ("the run has ended: all epochs were trained".to_owned(), palette.live),
        Connection::Ended(Ended::Stopped) => ("the run has ended: it was stopped".to_owned(), palette.offline),
        Connection::Ended(Ended::Failed(reason)) => (format!("the run has ended: {reason}"), palette.trouble),
        Connection::Gone => ("the engine has gone; reconnecting".to_owned(), palette.offline),
        Connection::Refused(reason) => (format!("{address}: {reason}"), palette.trouble),
    }
}

/// Who bounds the run, and what the rest could do.
pub fn bottleneck_sentence(run: &Run, bottleneck: Bottleneck) -> String {
    let stage = &run.description.stages[bottleneck.stage];
    let mut name = run.name(bottleneck.node).to_owned();
    if stage.nodes.len() > 1 {
        name += &format!(" (fused with {} others)", stage.nodes.len() - 1).replace("1 others", "1 other");
    }
    let evaluating = run.latest.training.is_some_and(|t| t.evaluating);
    let what = if evaluating { "evaluation" } else { "run" };
    let bound = format!("{name} bounds the {what} at {} img/s", grouped(bottleneck.capacity));
    match bottleneck.rest.map(grouped) {
        Some(rest) if bottleneck.is_model => {
            format!("{bound}; the data pipeline could deliver {rest}")
        }
        Some(rest) => format!("{bound}; the model could take {rest}"),
        None => bound,
    }
}
