//! What can be asked of a run: pause, go on, one batch, checkpoint, stop.

use eframe::egui::{Button, Ui, vec2};
use telemetry::Command;

use super::paint::weak_ui;
use crate::Run;

/// The buttons, in a line from right to left; what was asked for.
pub fn controls_ui(ui: &mut Ui, run: &Run) -> Option<Command> {
    let Some(control) = run.description.control else {
        weak_ui(ui, "look only").on_hover_text(
            "This run takes no commands. Start it with --inspect-control to pause and stop it from here.",
        );
        return None;
    };
    let (mut asked, mut stop) = (None, false);
    let paused = run.latest.paused;
    let mut button = |ui: &mut Ui, enabled: bool, text: &str, hint: &str, command: Command| {
        let response = ui
            .add_enabled(enabled, Button::new(text).min_size(vec2(74.0, 0.0)))
            .on_hover_text(hint)
            .on_disabled_hover_text(hint);
        if response.clicked() {
            asked = Some(command);
        }
    };
    // From the right end to the left, so that no button moves when a word beside it changes.
    ui.menu_button("Stop…", |ui| {
        ui.label("The run ends at the next batch, as by Ctrl-C.");
        if ui.button("Stop the run").clicked() {
            stop = true;
            ui.close();
        }
    });
    let hint = match control.checkpoints {
        true => "Keep a checkpoint after the step that is under way",
        false => "This run keeps no checkpoints: start it with --run-dir DIR",
    };
    button(ui, control.checkpoints, "Checkpoint", hint, Command::Checkpoint);
    button(ui, paused, "One batch", "Do one step and wait again; while the run is paused", Command::OneBatch);
    match paused {
        true => button(ui, true, "Resume", "Go on", Command::Resume),
        false => button(ui, true, "Pause", "Wait before the next batch", Command::Pause),
    }
    if stop { Some(Command::Stop) } else { asked }
}
