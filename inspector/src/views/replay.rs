//! The time line of a recording: play, wait, go to any time.

use std::time::Duration;

use eframe::egui::{self, ComboBox, Key, Slider, Ui, vec2};

use super::paint::{name_choice, weak_ui};
use crate::numbers::clock;
use crate::replay::{Replay, SPEEDS};

/// The bar below everything.
pub fn replay_ui(ui: &mut Ui, replay: &mut Replay) {
    ui.add_space(3.0);
    ui.horizontal(|ui| {
        let space = ui.memory(|m| m.focused().is_none()) && ui.input(|i| i.key_pressed(Key::Space));
        let word = if replay.playing() { "Wait" } else { "Play" };
        if ui.add_sized(vec2(52.0, 20.0), egui::Button::new(word)).clicked() || space {
            replay.toggle();
        }
        let mut speed = replay.speed;
        let combo =
            ComboBox::from_id_salt("speed").width(64.0).selected_text(format!("× {speed:.0}")).show_ui(ui, |ui| {
                for choice in SPEEDS {
                    ui.selectable_value(&mut speed, choice, format!("× {choice:.0}"));
                }
            });
        name_choice(&combo.response, "speed");
        replay.speed = speed;
        let (now, length) = (replay.now().as_secs_f64(), replay.length().as_secs_f64());
        let words = format!("{} of {}", clock(now), clock(length));
        let note = replay.cut_off().map(|why| format!("It ends early: {why}"));
        let room = if note.is_some() { 200.0 } else { 120.0 };
        ui.spacing_mut().slider_width = (ui.available_width() - room).max(120.0);
        let mut shown = now;
        let slider = Slider::new(&mut shown, 0.0..=length.max(0.001)).show_value(false);
        if ui.add(slider).on_hover_text("Go to a time of the run").changed() {
            replay.seek(Duration::from_secs_f64(shown));
        }
        ui.label(words);
        if let Some(note) = note {
            weak_ui(ui, "cut off").on_hover_text(note);
        }
    });
    if replay.playing() {
        ui.ctx().request_repaint_after(Duration::from_millis(33));
    }
    ui.add_space(3.0);
}
