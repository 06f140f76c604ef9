//! One node of the graph.

use eframe::egui::{
    Align, CornerRadius, Rect, Response, Sense, Stroke, StrokeKind, Ui, WidgetInfo, accesskit, pos2, vec2,
};

use super::graph::View;
use super::paint::{line, share_bar, spark, weak_ui};
use crate::history::{Activity, NodeRate, SPARK_POINTS};
use crate::numbers::{compact, percent};
use crate::theme::Palette;
use crate::{Run, Tense};

/// A node's card. The response says whether it was clicked.
pub fn card_ui(ui: &mut Ui, run: &Run, view: View, node: usize, selected: bool) -> Response {
    let palette = Palette::of(ui);
    let description = &run.description.nodes[node];
    let unit = run.layout.nodes[node];
    let rect = view.rect(unit);
    let rate = run.history.node(node);
    let bounds = run.history.bottleneck().is_some_and(|b| b.node == node);

    let response = ui.interact(rect, ui.scope_id().with(("node", node)), Sense::click());
    response.widget_info(|| WidgetInfo::selected(accesskit::Role::Button, true, selected, &description.name));

    let (width, color) = match (selected, bounds, response.hovered() || response.has_focus()) {
        (true, ..) => (2.5, palette.selected),
        (_, true, _) => (2.0, palette.bottleneck),
        (.., true) => (1.5, palette.weak),
        _ => (1.0, palette.card_line),
    };
    let ground = if bounds { palette.bottleneck_card } else { palette.card };
    let radius = CornerRadius::same((6.0 * view.zoom) as u8);
    let painter = ui.painter();
    painter.rect(rect, radius, ground, Stroke::new(width, color), StrokeKind::Middle);

    let (left, right) = (10.0, unit.width() - 10.0);
    let at = |x: f32, y: f32| view.pos(unit.min + vec2(x, y));
    let area = |top: f32, bottom: f32| Rect::from_min_max(at(left, top), at(right, bottom));
    let room = (right - left) * view.zoom;
    line(painter, at(left, 6.0), Align::Min, &description.name, view.font(14.5), palette.strong, room);
    line(painter, at(left, 25.0), Align::Min, &description.operator, view.font(11.0), palette.weak, room);
    let text = run.rate_text(node, compact);
    let now = run.tense == Tense::Now && rate.activity == Activity::Active;
    let strength = if now { palette.strong } else { palette.weak };
    line(painter, at(left, 42.0), Align::Min, &text, view.font(13.0), strength, room);
    share_bar(painter, area(62.0, 70.0), rate.shares, palette);
    spark(painter, area(76.0, 96.0), run.history.spark(node), SPARK_POINTS, palette.spark);
    if bounds {
        tag(ui, rect, view, palette);
    }
    response.on_hover_ui(|ui| hover_ui(ui, run, node))
}

/// The word on the bottleneck's upper edge.
fn tag(ui: &Ui, card: Rect, view: View, palette: &Palette) {
    let size = vec2(76.0, 16.0) * view.zoom;
    let rect = Rect::from_min_size(pos2(card.right() - size.x - 8.0 * view.zoom, card.top() - size.y * 0.62), size);
    let painter = ui.painter();
    painter.rect_filled(rect, CornerRadius::same((8.0 * view.zoom) as u8), palette.bottleneck);
    let (font, color) = (view.font(11.0), palette.on_bottleneck);
    painter.text(rect.center(), eframe::egui::Align2::CENTER_CENTER, "bottleneck", font, color);
}

fn hover_ui(ui: &mut Ui, run: &Run, node: usize) {
    ui.strong(run.name(node));
    ui.label(run.rate_text(node, compact));
    if run.tense != Tense::Plan {
        ui.label(shares_text(run.history.node(node)));
        weak_ui(ui, "The line shows rows/s over the last minute");
    }
}

/// `busy 98 %, starved 2 %, blocked 0 %`.
pub fn shares_text(rate: NodeRate) -> String {
    let shares = rate.shares;
    let [busy, starved, blocked] = [shares.busy, shares.starved, shares.blocked].map(percent);
    format!("busy {busy}, starved {starved}, blocked {blocked}")
}
