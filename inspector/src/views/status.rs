//! The lines on top: how the connection stands, how far the training is, who bounds the run.

use eframe::egui::{self, Align, Color32, Frame, Layout, Margin, RichText, Sense, Ui, vec2};
use telemetry::Ended;

use super::paint::weak_ui;
use crate::history::Bottleneck;
use crate::numbers::{about, count, grouped};
use crate::theme::Palette;
use crate::{Connection, Run, Tense};

/// The connection and the progress.
pub fn status_ui(ui: &mut Ui, connection: &Connection, address: &str, run: Option<&Run>) {
    let palette = Palette::of(ui);
    let (text, color) = connection_text(connection, address, run.is_some(), palette);
    let (dot, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().circle_filled(dot.center(), 4.5, color);
    ui.label(RichText::new(text).color(color));
    let Some(run) = run else { return };
    ui.separator();
    ui.label(RichText::new(&run.description.graph).strong());
    if run.latest.paused && run.tense == Tense::Now {
        ui.label(RichText::new("paused").strong().color(palette.offline));
    }
    progress_ui(ui, run, *connection == Connection::Live);
}

fn progress_ui(ui: &mut Ui, run: &Run, live: bool) {
    let Some(training) = run.latest.training else {
        return;
    };
    ui.separator();
    ui.label(format!("epoch {} of {}", training.epoch, run.description.epochs));
    ui.separator();
    ui.label(format!("step {} of {}", count(training.step), count(training.steps)));
    ui.separator();
    let rate = format!("{} img/s", grouped(training.images_per_second));
    let rate = if run.tense == Tense::Now { rate } else { format!("was {rate}") };
    ui.label(RichText::new(rate).strong())
        .on_hover_text("Over the last ten seconds of training, as the engine says it");
    if run.tense != Tense::Now {
        return;
    }
    if training.evaluating {
        weak_ui(ui, "evaluating now");
    } else if let Some(left) = run.seconds_left().filter(|left| *left >= 1.0 && live) {
        weak_ui(ui, format!("about {} left", about(left))).on_hover_text("At this rate, without evaluations");
    }
}

/// Who bounds the run, in a sentence; and what was said last. `beside` is drawn at the right end of the line.
pub fn sentence_ui(ui: &mut Ui, run: &Run, message: Option<&str>, beside: impl FnOnce(&mut Ui)) {
    let palette = Palette::of(ui);
    let line = egui::Sides::new().shrink_left().wrap();
    line.show(ui, |ui| words_ui(ui, run, message, palette), beside);
}

fn words_ui(ui: &mut Ui, run: &Run, message: Option<&str>, palette: &Palette) {
    let sentence = match run.history.bottleneck() {
        Some(bottleneck) => RichText::new(bottleneck_sentence(run, bottleneck)).color(palette.bottleneck),
        None => RichText::new(no_bottleneck(run)).color(palette.weak),
    };
    ui.label(sentence);
    if run.lost > 0 {
        ui.separator();
        let text = format!("{} snapshots skipped", count(run.lost));
        weak_ui(ui, text).on_hover_text(
            "This window, or the machine, was too slow for them. The numbers are right nevertheless: they are counted by the engine.",
        );
    }
    if let Some(message) = message {
        ui.separator();
        ui.label(RichText::new(message).color(palette.live));
    }
}

fn no_bottleneck(run: &Run) -> &'static str {
    match run.tense {
        Tense::Plan => "This is what would be run. Click a node to see why it is planned as it is.",
        Tense::Past => "Nothing was active at the last",
        Tense::Now if run.latest.paused => "Paused by a viewer: nothing is active",
        Tense::Now => "What bounds the run is known after a few batches",
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
        match connection {
            Connection::Refused(reason) => {
                ui.heading("This cannot be shown");
                ui.set_max_width(900.0);
                ui.label(RichText::new(reason).color(palette.trouble));
            }
            Connection::Planned => {
                ui.heading("The engine is planning");
                weak_ui(ui, address);
            }
            _ => {
                ui.heading("No run to show yet");
                ui.label("Start one in another terminal, and it appears here by itself:");
                ui.add_space(6.0);
                ui.monospace("engine run graphs/cifar.json --inspect");
                ui.add_space(6.0);
                weak_ui(
                    ui,
                    format!(
                        "Looking for it on {address}. A run that serves another address is shown by `inspector ADDR`."
                    ),
                );
            }
        }
    });
}

fn connection_text(connection: &Connection, address: &str, has_run: bool, palette: &Palette) -> (String, Color32) {
    match connection {
        Connection::Connecting if has_run => (format!("reconnecting to {address}"), palette.offline),
        Connection::Connecting => {
            (format!("connecting to {address}, is `engine run … --inspect` running?"), palette.offline)
        }
        Connection::Live => ("live".to_owned(), palette.live),
        Connection::Recorded(None) => (format!("recording {}", file_name(address)), palette.queue),
        Connection::Recorded(Some(ended)) => {
            (format!("recording {}: {}", file_name(address), ended_text(ended)), palette.queue)
        }
        Connection::Planned => (format!("plan of {}", file_name(address)), palette.queue),
        Connection::Ended(ended) => {
            let color = match ended {
                Ended::Finished => palette.live,
                Ended::Stopped => palette.offline,
                Ended::Failed(_) => palette.trouble,
            };
            (ended_text(ended), color)
        }
        Connection::Gone => ("the engine has gone; reconnecting".to_owned(), palette.offline),
        Connection::Refused(reason) => (format!("{}: {}", file_name(address), first_line(reason)), palette.trouble),
    }
}

fn ended_text(ended: &Ended) -> String {
    match ended {
        Ended::Finished => "the run has finished".to_owned(),
        Ended::Stopped => "the run has ended: it was stopped".to_owned(),
        Ended::Failed(reason) => format!("the run has ended: {reason}"),
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// Who bounds the run, and what the rest could do. The rate is the run's own, where it has one, so that there is one
/// number for it.
pub fn bottleneck_sentence(run: &Run, bottleneck: Bottleneck) -> String {
    let stage = &run.description.stages[bottleneck.stage];
    let mut name = run.name(bottleneck.node).to_owned();
    if stage.nodes.len() > 1 {
        name += &format!(" (fused with {} others)", stage.nodes.len() - 1).replace("1 others", "1 other");
    }
    let evaluating = run.latest.training.is_some_and(|t| t.evaluating);
    let what = if evaluating { "evaluation" } else { "run" };
    let now = run.tense == Tense::Now;
    let bounds = if now { "bounds" } else { "bounded" };
    let rate = run.training_rate().unwrap_or(bottleneck.capacity);
    let bound = format!("{name} {bounds} the {what} at {} img/s", grouped(rate));
    let have = if now { "" } else { " have" };
    match bottleneck.rest.map(grouped) {
        Some(rest) if bottleneck.is_model => {
            let deliver = if now { "deliver" } else { "delivered" };
            format!("{bound}; the data pipeline could{have} {deliver} {rest}")
        }
        Some(rest) => {
            let take = if now { "take" } else { "taken" };
            format!("{bound}; the model could{have} {take} {rest}")
        }
        None => bound,
    }
}
