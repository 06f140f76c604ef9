//! The first page: what can be looked at.

use std::time::Duration;

use eframe::egui::{Align, Button, Key, Label, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};
use telemetry::registry::{Running, running};

use super::paint::weak_ui;
use crate::target::{Recent, Target};
use crate::theme::Palette;

/// How often running engines are looked for, in seconds.
const LOOK: f64 = 1.0;
const WIDTH: f64 = 640.0;

/// What the page remembers.
#[derive(Default)]
pub struct StartView {
    text: String,
    running: Vec<Running>,
    looked: Option<f64>,
    /// Why the last thing could not be opened.
    pub trouble: Option<String>,
}

/// The page; what was chosen.
pub fn start_ui(ui: &mut Ui, state: &mut StartView, recent: &Recent) -> Option<Target> {
    let now = ui.input(|i| i.time);
    if state.looked.is_none_or(|then| now - then >= LOOK) {
        state.looked = Some(now);
        state.running = running();
    }
    ui.ctx().request_repaint_after(Duration::from_secs_f64(LOOK));
    let mut chosen = None;
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        ui.with_layout(Layout::top_down(Align::Center), |ui| {
            ui.add_space((ui.available_height() * 0.08).max(8.0));
            ui.allocate_ui(vec2(WIDTH as f32, 0.0), |ui| {
                ui.with_layout(Layout::top_down(Align::Min), |ui| {
                    ui.set_width(WIDTH as f32);
                    ui.heading("What do you want to look at?");
                    ui.add_space(10.0);
                    running_ui(ui, &state.running, &mut chosen);
                    ui.add_space(12.0);
                    open_ui(ui, state, &mut chosen);
                    ui.add_space(12.0);
                    recent_ui(ui, recent, &mut chosen);
                });
            });
        });
    });
    chosen
}

fn running_ui(ui: &mut Ui, running: &[Running], chosen: &mut Option<Target>) {
    ui.label(RichText::new("Running on this machine").strong());
    if running.is_empty() {
        weak_ui(ui, "None now. A run that is started like this appears here by itself:");
        ui.monospace("engine run graphs/cifar.json --inspect");
    }
    for run in running {
        ui.horizontal(|ui| {
            if ui.button(format!("Watch {}", run.graph)).clicked() {
                *chosen = Some(Target::Address(run.address.clone()));
            }
            weak_ui(ui, format!("{}, process {}", run.address, run.pid));
        });
    }
}

fn open_ui(ui: &mut Ui, state: &mut StartView, chosen: &mut Option<Target>) {
    ui.label(RichText::new("Open").strong());
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut state.text)
            .desired_width(480.0)
            .hint_text("an address, a recording (run.rec) or a graph (graphs/cifar.json)");
        let field = ui.add(field);
        field.widget_info(|| {
            eframe::egui::WidgetInfo::labeled(
                eframe::egui::accesskit::Role::TextInput,
                true,
                "address, recording or graph",
            )
        });
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let given = !state.text.trim().is_empty();
        if (ui.add_enabled(given, Button::new("Open")).clicked() || entered) && given {
            *chosen = Some(Target::of(state.text.trim()));
        }
    });
    if let Some(trouble) = &state.trouble {
        let color = Palette::of(ui).trouble;
        ui.add(Label::new(RichText::new(trouble).color(color)).wrap());
    }
    weak_ui(ui, "Files can also be dropped on the window.");
}

fn recent_ui(ui: &mut Ui, recent: &Recent, chosen: &mut Option<Target>) {
    ui.label(RichText::new("Recent").strong());
    if recent.targets.is_empty() {
        weak_ui(ui, "What you look at is remembered here");
    }
    for target in &recent.targets {
        ui.horizontal(|ui| {
            if ui.add(Button::new(target.text()).truncate()).clicked() {
                *chosen = Some(target.clone());
            }
            weak_ui(ui, target.kind());
        });
    }
}
