//! Where each panel is.

use eframe::egui::{self, Button, CentralPanel, Panel, RichText, TextEdit, ThemePreference, Ui};
use telemetry::FromViewer;

use super::actions::Export;
use super::{Connection, InspectorApp, Tab};
use crate::run::Tense;
use crate::theme;
use crate::views;
use crate::views::training::TrainingAction;

/// Windows whose sides differ by less than this share what the user has made of the panels.
const DIVISION_STEP: f32 = 80.0;

/// What was chosen in the menus.
#[derive(Default)]
struct Menu {
    export: Option<Export>,
    leave: bool,
}

impl InspectorApp {
    pub(super) fn draw(&mut self, ui: &mut Ui) {
        let size = ui.available_size();
        let Some(source) = &self.source else {
            return self.draw_start(ui);
        };
        let address = source.address().to_owned();
        Panel::top("status").show(ui, |ui| self.draw_header(ui, &address));
        if self.run.is_none() {
            CentralPanel::default().show(ui, |ui| views::status::empty_ui(ui, &self.connection, &address));
            return;
        }
        if let Some(warning) = self.run.as_ref().and_then(|run| run.description.warning.as_ref()) {
            views::status::warning_ui(ui, warning);
        }
        if let Some(replay) = self.source.as_mut().and_then(|source| source.replay()) {
            Panel::bottom("replay").show(ui, |ui| views::replay::replay_ui(ui, replay));
        }
        let Some(run) = &self.run else { return };
        // First, since its keys are not for the graph.
        let pinned = run.images.as_ref().and_then(|images| {
            let can_pin = run.tense == Tense::Now && run.trains_on(images.node as usize);
            let sample = views::zoom::zoom_ui(ui, images, &mut self.views.textures, can_pin)?;
            Some((sample, images.epoch))
        });
        let mut selected = self.selected;
        // A window of another size has its own division: sizes of before would leave no room for the rest.
        let division = |side: f32| (side / DIVISION_STEP) as u32;
        Panel::top(egui::Id::unique(("graph", division(size.y))))
            .resizable(true)
            .default_size((size.y * theme::GRAPH_SHARE).max(theme::GRAPH_MIN))
            .size_range(theme::GRAPH_MIN..=(size.y - theme::GRAPH_MIN).max(theme::GRAPH_MIN))
            .show(ui, |ui| views::graph::graph_ui(ui, run, &mut self.views.graph, &mut selected));
        Panel::left(egui::Id::unique(("node", division(size.x))))
            .resizable(true)
            .default_size(size.x * theme::NODE_SHARE)
            .size_range(size.x * 0.25..=size.x * 0.75)
            .show(ui, |ui| {
                // A panel is as large as its content, unless told otherwise.
                ui.set_min_size(ui.available_size());
                views::node::node_ui(ui, run, selected, &mut self.views.textures);
            });
        CentralPanel::default().show(ui, |ui| self.draw_tabs(ui));
        self.select(selected);
        if let Some((sample, epoch)) = pinned {
            let request = self.views.sample.pin(sample, epoch);
            self.send(request);
            self.show(Tab::Sample);
        }
    }

    fn draw_start(&mut self, ui: &mut Ui) {
        let chosen = CentralPanel::default()
            .show(ui, |ui| views::start::start_ui(ui, &mut self.views.start, &self.recent))
            .inner;
        if let Some(target) = chosen {
            self.open(ui.ctx(), &target);
        }
    }

    fn draw_header(&mut self, ui: &mut Ui, address: &str) {
        ui.add_space(3.0);
        let mut asked = None;
        let mut asked_menu = Menu::default();
        egui::Sides::new().shrink_left().wrap().show(
            ui,
            |ui| views::status::status_ui(ui, &self.connection, address, self.run.as_ref()),
            |ui| asked_menu = self.menu(ui),
        );
        if let Some(export) = asked_menu.export {
            self.export(ui, export);
        }
        if asked_menu.leave {
            return self.leave();
        }
        if self.connection == Connection::Planned && self.run.is_some() {
            self.draw_launch(ui);
        }
        if let Some(run) = &self.run {
            let now = ui.input(|i| i.time);
            let message = self.message.as_ref().filter(|(_, until)| now < *until).map(|(text, _)| text.as_str());
            let live = self.connection == Connection::Live;
            views::status::sentence_ui(ui, run, message, |ui| {
                if live {
                    asked = views::controls::controls_ui(ui, run);
                }
            });
        }
        if let Some(command) = asked {
            self.send(FromViewer::Command(command));
        }
        ui.add_space(3.0);
    }

    /// The button that starts the planned run.
    fn draw_launch(&mut self, ui: &mut Ui) {
        ui.horizontal(|ui| {
            let starting = self.launched.is_some();
            let word = if starting { "Starting…" } else { "Run" };
            let hint = "Starts `engine run` with this graph, and watches it";
            let clicked =
                ui.add_enabled(!starting, Button::new(RichText::new(word).strong())).on_hover_text(hint).clicked();
            ui.label("engine run … with");
            let hint = "more arguments, such as --epochs 3 --data DIR";
            let field = ui.add(TextEdit::singleline(&mut self.arguments).desired_width(420.0).hint_text(hint));
            field.widget_info(|| egui::WidgetInfo::labeled(egui::accesskit::Role::TextInput, true, "more arguments"));
            if clicked {
                self.launch(ui.ctx());
            }
        });
    }

    fn menu(&self, ui: &mut Ui) -> Menu {
        let mut theme = ui.ctx().options(|options| options.theme_preference);
        let mut asked = Menu::default();
        ui.menu_button("View", |ui| {
            let themes = [
                (ThemePreference::System, "as the system"),
                (ThemePreference::Dark, "dark"),
                (ThemePreference::Light, "light"),
            ];
            for (choice, name) in themes {
                if ui.radio_value(&mut theme, choice, name).clicked() {
                    ui.ctx().set_theme(theme);
                }
            }
            ui.separator();
            if ui.button("Start page").clicked() {
                asked.leave = true;
                ui.close();
            }
        });
        if self.run.is_some() {
            ui.menu_button("Export", |ui| {
                for choice in Export::ALL {
                    if ui.button(choice.name()).clicked() {
                        asked.export = Some(choice);
                        ui.close();
                    }
                }
            });
        }
        asked
    }

    fn draw_tabs(&mut self, ui: &mut Ui) {
        let mut tab = self.tab;
        ui.horizontal_wrapped(|ui| {
            for choice in Tab::ALL {
                ui.selectable_value(&mut tab, choice, choice.name());
            }
        });
        ui.separator();
        self.show(tab);
        let Some(run) = &self.run else { return };
        let views = &mut self.views;
        match tab {
            Tab::Training => {
                let action = views::training::training_ui(ui, run, &mut views.training, &self.recent);
                match action {
                    Some(TrainingAction::SaveCurve) => self.export(ui, Export::Curve),
                    Some(TrainingAction::SaveEpochs) => self.export(ui, Export::Epochs),
                    Some(TrainingAction::Compare(path)) => self.compare(ui.ctx(), &path),
                    None => {}
                }
            }
            Tab::Sample => {
                if let Some(request) = views::sample::sample_ui(ui, run, &mut views.sample) {
                    self.send(request);
                }
            }
            Tab::Timeline => {
                if views::timeline::timeline_ui(ui, run, &mut views.timeline) {
                    self.export(ui, Export::Trace);
                }
            }
            Tab::WhatIf => {
                if let Some(command) = views::what_if::what_if_ui(ui, run, &mut views.what_if)
                    && run.tense == Tense::Now
                {
                    self.send(FromViewer::Command(command));
                }
            }
            Tab::System => views::system::system_ui(ui, run),
            Tab::Log => views::log::log_ui(ui, run, &mut views.log),
        }
    }
}
