//! How the training goes: the loss, the learning rate, the epochs.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use eframe::egui::{
    Align, Button, CentralPanel, Checkbox, Color32, ComboBox, Frame, Grid, Label, Layout, Margin, Panel, RichText,
    ScrollArea, TextEdit, Ui,
};
use egui_plot::{AxisHints, HoverPosition, Line, Plot, PlotPoint, PlotPoints};
use telemetry::{CurvePoint, EpochResult, Recording, RecordingError, ToViewer};

use super::paint::{name_choice, swatch_ui, weak_ui};
use crate::target::{Recent, Target};
use crate::theme::{EPOCHS_WIDTH, LEARNING_RATE_HEIGHT, Palette};
use crate::{Run, Tense};

/// Points of a line; a plot has no more pixels.
const MAX_POINTS: usize = 1_500;
/// Steps over which the loss is smoothed, as a share of those there are, and at most.
const SMOOTHING: (usize, usize) = (40, 200);

/// Distance of the numbers below a plot at which they begin to show, and are shown in full.
const X_LABELS: RangeInclusive<f32> = 30.0..=45.0;

/// What the training panel remembers.
pub struct TrainingView {
    log: bool,
    smooth: bool,
    lower: Lower,
    /// Other runs, drawn behind this one.
    pub overlays: Vec<Overlay>,
    /// What the user types in to compare with.
    other: String,
}

impl Default for TrainingView {
    fn default() -> Self {
        Self { log: false, smooth: true, lower: Lower::LearningRate, overlays: Vec::new(), other: String::new() }
    }
}

/// What the lower plot shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lower {
    LearningRate,
    Speed,
    Accuracy,
}

impl Lower {
    fn name(self) -> &'static str {
        match self {
            Self::LearningRate => "Learning rate",
            Self::Speed => "Images a second",
            Self::Accuracy => "Test accuracy",
        }
    }
}

/// Another run, to compare with.
pub struct Overlay {
    /// What it is called.
    pub name: String,
    /// Its curve.
    pub curve: Vec<CurvePoint>,
    /// Its epochs.
    pub epochs: Vec<EpochResult>,
}

impl Overlay {
    /// That of a recording.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let recording = Recording::read(path)?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut overlay = Self { name, curve: Vec::new(), epochs: Vec::new() };
        for (_, message) in recording.messages {
            if let ToViewer::Snapshot(mut snapshot) = message {
                overlay.curve.append(&mut snapshot.curve);
                overlay.epochs.append(&mut snapshot.epochs);
            }
        }
        Ok(overlay)
    }
}

/// What the user wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrainingAction {
    /// The curve as CSV.
    SaveCurve,
    /// The table of epochs as CSV.
    SaveEpochs,
    /// The curve of a recording behind this one.
    Compare(PathBuf),
}

/// The training panel.
pub fn training_ui(ui: &mut Ui, run: &Run, state: &mut TrainingView, recent: &Recent) -> Option<TrainingAction> {
    if run.description.epochs == 0 {
        ui.add_space(8.0);
        ui.heading(if run.tense == Tense::Plan { "Not run yet" } else { "Nothing is trained" });
        ui.label(match run.tense {
            Tense::Plan => "The loss appears here when the graph is run.",
            _ => "This run measures the data pipeline alone. `engine run` trains, and its loss appears here.",
        });
        return None;
    }
    let width = EPOCHS_WIDTH.min(ui.available_width() * 0.42);
    let frame = Frame::new().inner_margin(Margin { left: 8, ..Margin::ZERO });
    let mut action = None;
    Panel::right("epochs").frame(frame).default_size(width).resizable(true).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        epochs_ui(ui, &run.epochs, &mut action);
    });
    let frame = Frame::new().inner_margin(Margin { right: 8, ..Margin::ZERO });
    CentralPanel::no_frame().frame(frame).show(ui, |ui| curves_ui(ui, run, state, recent, &mut action));
    action
}

fn curves_ui(ui: &mut Ui, run: &Run, state: &mut TrainingView, recent: &Recent, action: &mut Option<TrainingAction>) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Training loss").strong());
        if let Some(training) = run.latest.training.filter(|t| t.step > 0) {
            ui.label(RichText::new(format!("{:.3}", training.loss)).strong().color(palette.loss));
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(Checkbox::new(&mut state.smooth, "smooth"));
            ui.add(Checkbox::new(&mut state.log, "log scale"));
            if ui.add_enabled(!run.curve.is_empty(), Button::new("CSV").small()).clicked() {
                *action = Some(TrainingAction::SaveCurve);
            }
            ui.menu_button("Compare…", |ui| compare_ui(ui, state, recent, action));
        });
    });
    overlays_ui(ui, state);
    if run.curve.is_empty() {
        weak_ui(ui, "The curve begins with the first step");
        return;
    }
    let height = (ui.available_height() - LEARNING_RATE_HEIGHT - 34.0).max(60.0);
    loss_ui(ui, run, state, height);
    lower_ui(ui, run, state);
}

/// Recordings to choose from.
fn compare_ui(ui: &mut Ui, state: &mut TrainingView, recent: &Recent, action: &mut Option<TrainingAction>) {
    ui.set_min_width(360.0);
    weak_ui(ui, "Draw the curve of a recording behind this one");
    for target in &recent.targets {
        if let Target::Recording(path) = target
            && ui.add(Button::new(target.text()).truncate()).clicked()
        {
            *action = Some(TrainingAction::Compare(path.clone()));
            ui.close();
        }
    }
    ui.horizontal(|ui| {
        ui.add(TextEdit::singleline(&mut state.other).hint_text("run.rec, or drop the file on the window"));
        if ui.add_enabled(!state.other.trim().is_empty(), Button::new("Add")).clicked() {
            *action = Some(TrainingAction::Compare(state.other.trim().into()));
            ui.close();
        }
    });
}

/// The runs that are compared with; a click takes one away.
fn overlays_ui(ui: &mut Ui, state: &mut TrainingView) {
    if state.overlays.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    let mut gone = None;
    ui.horizontal_wrapped(|ui| {
        swatch_ui(ui, palette.loss, "this run");
        for (index, overlay) in state.overlays.iter().enumerate() {
            swatch_ui(ui, overlay_color(palette, index), &overlay.name);
            if ui.small_button("remove").clicked() {
                gone = Some(index);
            }
        }
    });
    if let Some(index) = gone {
        state.overlays.remove(index);
    }
}

fn overlay_color(palette: &Palette, index: usize) -> Color32 {
    palette.series[1 + index % (palette.series.len() - 1)]
}

fn lower_ui(ui: &mut Ui, run: &Run, state: &mut TrainingView) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        let combo =
            ComboBox::from_id_salt("lower").width(140.0).selected_text(RichText::new(state.lower.name()).strong());
        let combo = combo.show_ui(ui, |ui| {
            for lower in [Lower::LearningRate, Lower::Speed, Lower::Accuracy] {
                ui.selectable_value(&mut state.lower, lower, lower.name());
            }
        });
        name_choice(&combo.response, "what the lower plot shows");
        let value = match state.lower {
            Lower::LearningRate => run.latest.training.map(|t| format!("{:.4}", t.learning_rate)),
            Lower::Speed => run.latest.training.map(|t| format!("{:.0} img/s", t.images_per_second)),
            Lower::Accuracy => run.epochs.last().and_then(|e| e.test_accuracy).map(accuracy_text),
        };
        if let Some(value) = value {
            ui.label(RichText::new(value).strong().color(palette.learning_rate));
        }
    });
    let lower = state.lower;
    let value = move |value: f64| match lower {
        Lower::LearningRate => format!("{value:.4}"),
        Lower::Speed => format!("{value:.0} img/s"),
        Lower::Accuracy => accuracy_text(value as f32),
    };
    let line = |curve: &[CurvePoint], epochs: &[EpochResult]| match lower {
        Lower::LearningRate => points(curve, |p| p.learning_rate),
        Lower::Speed => points(curve, |p| p.images_per_second.into()),
        Lower::Accuracy => {
            let point = |e: &EpochResult| Some(PlotPoint::new(e.step as f64, f64::from(e.test_accuracy?)));
            PlotPoints::Owned(epochs.iter().filter_map(point).collect())
        }
    };
    let name = lower.name().to_lowercase();
    plot("learning rate", LEARNING_RATE_HEIGHT, value).include_y(0.0).show(ui, |plot| {
        for (index, other) in state.overlays.iter().enumerate() {
            let points = line(&other.curve, &other.epochs);
            plot.line(Line::new(&other.name, points).color(overlay_color(palette, index)).width(1.4));
        }
        let points = line(&run.curve, &run.epochs);
        plot.line(Line::new(name, points).color(palette.learning_rate).width(1.8));
    });
}

fn accuracy_text(accuracy: f32) -> String {
    format!("{:.2} %", accuracy * 100.0)
}

fn loss_ui(ui: &mut Ui, run: &Run, state: &TrainingView, height: f32) {
    let palette = Palette::of(ui);
    let log = state.log;
    let scale = move |loss: f64| if log { loss.max(1e-6).log10() } else { loss };
    let real = move |value: f64| if log { 10_f64.powf(value) } else { value };
    let raw = points(&run.curve, |p| scale(p.loss.into()));
    let smooth = state.smooth.then(|| {
        let smoothed = smoothed(&run.curve);
        points(&smoothed, |p| scale(p.loss.into()))
    });
    let mut plot = plot("loss", height, move |value| format!("{:.3}", real(value)));
    if !log {
        plot = plot.include_y(0.0);
    }
    plot.y_axis_formatter(move |mark, _| short(real(mark.value))).show(ui, |plot| {
        for (index, other) in state.overlays.iter().enumerate() {
            let curve = if state.smooth { smoothed(&other.curve) } else { other.curve.clone() };
            let line = Line::new(&other.name, points(&curve, |p| scale(p.loss.into())));
            plot.line(line.color(overlay_color(palette, index)).width(1.6));
        }
        let color = if smooth.is_some() { palette.loss_raw } else { palette.loss };
        plot.line(Line::new("loss of a step", raw).color(color).width(1.0));
        if let Some(smooth) = smooth {
            plot.line(Line::new("loss, smoothed", smooth).color(palette.loss).width(2.0));
        }
    });
}

fn plot<'a>(name: &'a str, height: f32, value: impl Fn(f64) -> String + 'a) -> Plot<'a> {
    Plot::new(name)
        .height(height)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .include_x(0.0)
        .grid_spacing(14.0..=220.0)
        .custom_x_axes(vec![AxisHints::new_x().label_spacing(X_LABELS)])
        .y_axis_min_width(34.0)
        .label_formatter(move |hover| match hover {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}\nstep {:.0}: {}", position.x, value(position.y)))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
}

/// A tick's number without idle zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The curve as a line of few enough points: each the mean of its neighbours.
fn points(curve: &[CurvePoint], value: impl Fn(&CurvePoint) -> f64) -> PlotPoints<'static> {
    let chunk = curve.len().div_ceil(MAX_POINTS).max(1);
    let mean = |points: &[CurvePoint]| {
        let n = points.len() as f64;
        let x: f64 = points.iter().map(|p| p.step as f64).sum();
        let y: f64 = points.iter().map(&value).sum();
        PlotPoint::new(x / n, y / n)
    };
    PlotPoints::Owned(curve.chunks(chunk).map(mean).filter(|p| p.y.is_finite()).collect())
}

/// The curve with an exponential mean of its loss. A loss that is no number leaves the mean as it was.
fn smoothed(curve: &[CurvePoint]) -> Vec<CurvePoint> {
    let over = (curve.len() / SMOOTHING.0).clamp(1, SMOOTHING.1) as f32;
    let weight = 2.0 / (over + 1.0);
    let mut mean: Option<f32> = None;
    let smooth = |point: &CurvePoint| {
        if point.loss.is_finite() {
            mean = Some(mean.map_or(point.loss, |mean| mean + (point.loss - mean) * weight));
        }
        CurvePoint { loss: mean.unwrap_or(point.loss), ..*point }
    };
    curve.iter().map(smooth).collect()
}

fn epochs_ui(ui: &mut Ui, epochs: &[EpochResult], action: &mut Option<TrainingAction>) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Epochs").strong());
        if !epochs.is_empty() && ui.add(Button::new("CSV").small()).on_hover_text("Save the table").clicked() {
            *action = Some(TrainingAction::SaveEpochs);
        }
    });
    let Some(last) = epochs.last() else {
        ui.add(Label::new("The first row comes with the end of the first epoch").wrap());
        return;
    };
    if let Some(accuracy) = last.test_accuracy {
        ui.label(RichText::new(accuracy_text(accuracy)).size(26.0).strong().color(palette.live));
        weak_ui(ui, format!("test accuracy after epoch {}", last.epoch));
    }
    ui.add_space(4.0);
    ScrollArea::vertical().id_salt("epochs").auto_shrink(false).show(ui, |ui| {
        Grid::new("epochs").striped(true).num_columns(4).spacing([12.0, 3.0]).show(ui, |ui| {
            for title in ["epoch", "accuracy", "loss", "time"] {
                weak_ui(ui, title);
            }
            ui.end_row();
            for epoch in epochs.iter().rev() {
                epoch_row_ui(ui, epoch);
            }
        });
    });
}

fn epoch_row_ui(ui: &mut Ui, epoch: &EpochResult) {
    ui.label(epoch.epoch.to_string());
    ui.label(epoch.test_accuracy.map_or_else(|| "none".to_owned(), accuracy_text));
    ui.label(format!("{:.3}", epoch.train_loss));
    ui.label(if epoch.seconds < 100.0 { format!("{:.1} s", epoch.seconds) } else { format!("{:.0} s", epoch.seconds) });
    ui.end_row();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(losses: &[f32]) -> Vec<CurvePoint> {
        let point = |(i, &loss): (usize, &f32)| CurvePoint {
            step: i as u64 + 1,
            loss,
            learning_rate: 0.1,
            images_per_second: 0.0,
        };
        losses.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_long_curve_is_thinned_to_its_means() {
        let curve = curve(&vec![2.0; 10 * MAX_POINTS]);
        let points = points(&curve, |p| p.loss.into());
        assert_eq!(points.points().len(), MAX_POINTS);
        assert!(points.points().iter().all(|p| p.y == 2.0));
    }

    #[test]
    fn a_loss_that_is_no_number_does_not_spoil_the_rest() {
        let smoothed = smoothed(&curve(&[2.0, f32::NAN, 2.0]));
        assert!(smoothed.iter().all(|p| p.loss == 2.0));
    }

    #[test]
    fn ticks_have_no_idle_zeros() {
        assert_eq!([0.5, 2.0, 0.125].map(short), ["0.5", "2", "0.125"]);
    }
}
