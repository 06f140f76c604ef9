//! Who did what when: a row for each worker and for the training, a bar for each chunk and each part of a step.

use eframe::egui::{
    self, Align, Align2, Color32, ComboBox, CornerRadius, Rect, RichText, Sense, Stroke, Ui, WidgetInfo, accesskit,
    pos2, vec2,
};
use telemetry::{Part, Span, lane_name, span_name};

use super::paint::{line, name_choice, swatch_ui, weak_ui};
use crate::numbers::duration;
use crate::theme::Palette;
use crate::{Run, Tense};

/// Seconds that can be shown.
const WINDOWS: [f64; 6] = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// Width of the names.
const NAMES: f32 = 70.0;
const ROW: f32 = 26.0;
const GAP: f32 = 5.0;

/// What the time line remembers.
pub struct TimelineView {
    seconds: f64,
    /// The end that is shown, where the user has stopped it.
    held: Option<u64>,
}

impl Default for TimelineView {
    fn default() -> Self {
        Self { seconds: WINDOWS[3], held: None }
    }
}

/// The panel; whether the trace is to be saved.
pub fn timeline_ui(ui: &mut Ui, run: &Run, state: &mut TimelineView) -> bool {
    let mut save = false;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Time line").strong());
        let combo =
            ComboBox::from_id_salt("seconds").width(70.0).selected_text(seconds(state.seconds)).show_ui(ui, |ui| {
                for choice in WINDOWS {
                    ui.selectable_value(&mut state.seconds, choice, seconds(choice));
                }
            });
        name_choice(&combo.response, "seconds that are shown");
        let mut held = state.held.is_some();
        if ui
            .checkbox(&mut held, "hold")
            .on_hover_text("Keep this moment in sight; drag to move, scroll to zoom")
            .changed()
        {
            state.held = held.then(|| newest(run));
        }
        save = ui
            .add_enabled(!run.spans.is_empty(), egui::Button::new("Save trace"))
            .on_hover_text("For https://ui.perfetto.dev or chrome://tracing")
            .clicked();
    });
    if run.spans.is_empty() {
        weak_ui(
            ui,
            match run.tense {
                Tense::Now => "The first bars come with the next chunks of rows",
                Tense::Past => "Nobody looked at the time line while the run went on; a recording always has it",
                Tense::Plan => "Bars come when the graph is run",
            },
        );
        return save;
    }
    legend_ui(ui, run);
    bars_ui(ui, run, state);
    save
}

fn seconds(value: f64) -> String {
    format!("{value} s")
}

fn newest(run: &Run) -> u64 {
    run.spans.iter().map(|s| s.start_ns.saturating_add(s.length_ns)).max().unwrap_or(0)
}

fn color(palette: &Palette, run: &Run, span: &Span) -> Color32 {
    match span.part {
        Part::Wait => palette.starved,
        Part::Forward => palette.series[0],
        Part::Backward => palette.series[1],
        Part::Update => palette.series[3],
        Part::Evaluation => palette.series[4],
        // The stages of the data pipeline, apart from the model's parts.
        Part::Chunk => [palette.series[2], palette.series[5], palette.series[6], palette.queue]
            [usize::from(span.stage) % run.description.stages.len().clamp(1, 4)],
    }
}

/// Black or white, whichever is further from a colour.
fn readable_on(ground: Color32) -> Color32 {
    let light = 0.299 * f32::from(ground.r()) + 0.587 * f32::from(ground.g()) + 0.114 * f32::from(ground.b());
    if light > 130.0 { Color32::from_gray(16) } else { Color32::from_gray(250) }
}

fn legend_ui(ui: &mut Ui, run: &Run) {
    let palette = Palette::of(ui);
    let mut seen: Vec<(String, Color32)> = Vec::new();
    for span in run.spans.iter().rev().take(4000) {
        let name = span_name(&run.description, span);
        if !seen.iter().any(|(n, _)| *n == name) {
            seen.push((name, color(palette, run, span)));
        }
    }
    seen.sort_by(|a, b| a.0.cmp(&b.0));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        for (name, color) in seen {
            swatch_ui(ui, color, &name);
            ui.add_space(6.0);
        }
    });
}

fn bars_ui(ui: &mut Ui, run: &Run, state: &mut TimelineView) {
    let palette = Palette::of(ui);
    let mut lanes: Vec<u16> = run.spans.iter().map(|s| s.lane).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let height = (ROW + GAP) * lanes.len() as f32 + 18.0;
    let (area, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), height.min(ui.available_height())), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Image, true, "time line of workers and training"));
    let bars = area.with_min_x(area.left() + NAMES);
    let ns = state.seconds * 1e9;
    if response.dragged() && response.drag_delta().x != 0.0 {
        let end = state.held.unwrap_or_else(|| newest(run)) as f64;
        state.held = Some((end - f64::from(response.drag_delta().x / bars.width()) * ns).max(0.0) as u64);
    }
    if response.hovered() {
        let scroll = ui.input(|i| i.smooth_scroll_delta().y);
        if scroll != 0.0 {
            let limits = (WINDOWS[0] / 50.0, WINDOWS[WINDOWS.len() - 1] * 2.0);
            state.seconds = (state.seconds * f64::from((-scroll / 200.0).exp())).clamp(limits.0, limits.1);
        }
    }
    let end = state.held.unwrap_or_else(|| newest(run)) as f64;
    let start = end - ns;
    let place = |time: f64| bars.left() + ((time - start) / ns) as f32 * bars.width();
    let top = |lane: u16| {
        let row = lanes.binary_search(&lane).unwrap_or(0);
        area.top() + (ROW + GAP) * row as f32
    };
    let painter = ui.painter().with_clip_rect(area);
    for &lane in &lanes {
        let at = pos2(area.left(), top(lane) + 5.0);
        let name = lane_name(&run.description, lane);
        line(&painter, at, Align::Min, &name, egui::FontId::proportional(12.5), palette.weak, NAMES - 6.0);
        let row = Rect::from_min_max(pos2(bars.left(), top(lane)), pos2(bars.right(), top(lane) + ROW));
        painter.rect_filled(row, CornerRadius::same(2), palette.track.gamma_multiply(0.5));
    }
    let painter = ui.painter().with_clip_rect(bars);
    let mouse = response.hover_pos();
    let mut hit: Option<&Span> = None;
    // Where each lane was painted last: bars narrower than a pixel are painted once a pixel.
    let mut painted: Vec<f32> = vec![f32::MIN; lanes.len()];
    for span in &run.spans {
        let (from, to) = (span.start_ns as f64, span.start_ns.saturating_add(span.length_ns) as f64);
        if to < start || from > end {
            continue;
        }
        let (left, right) = (place(from), place(to).max(place(from) + 1.0));
        let row = lanes.binary_search(&span.lane).unwrap_or(0);
        if right <= painted[row] + 0.5 {
            continue;
        }
        painted[row] = right;
        let bar = Rect::from_min_max(pos2(left, top(span.lane)), pos2(right, top(span.lane) + ROW));
        painter.rect_filled(bar, CornerRadius::ZERO, color(palette, run, span));
        // A gap between neighbours of one colour.
        if bar.width() > 4.0 {
            painter.vline(bar.left(), bar.y_range(), Stroke::new(1.0, palette.ground));
        }
        if bar.width() > 44.0 {
            let name = span_name(&run.description, span);
            let at = pos2(bar.left().max(bars.left()) + 4.0, bar.top() + 6.0);
            line(
                &painter,
                at,
                Align::Min,
                &name,
                crate::theme::small(),
                readable_on(color(palette, run, span)),
                bar.width() - 8.0,
            );
        }
        if mouse.is_some_and(|m| bar.contains(m)) {
            hit = Some(span);
        }
    }
    let at = pos2(bars.right(), area.bottom());
    let words = format!("{:.2} s", end / 1e9);
    painter.text(at, Align2::RIGHT_BOTTOM, words, crate::theme::small(), palette.weak);
    let words = format!("{:.2} s", start.max(0.0) / 1e9);
    painter.text(pos2(bars.left(), area.bottom()), Align2::LEFT_BOTTOM, words, crate::theme::small(), palette.weak);
    if let Some(span) = hit {
        response.on_hover_ui_at_pointer(|ui| {
            ui.strong(span_name(&run.description, span));
            ui.label(format!("{}: {}", lane_name(&run.description, span.lane), duration(span.length_ns as f64 / 1e9)));
            weak_ui(ui, format!("epoch {}, batch {}", u64::from(span.epoch) + 1, u64::from(span.batch) + 1));
        });
    }
}
