//! The graph: stages, nodes, queues; moved and zoomed with the mouse.
//!
//! It does not use `egui::Scene`: that scales text after it was rasterised, and tells accessibility tools the wrong
//! places. [`View`] lays everything out at its final size instead.

use eframe::egui::epaint::CubicBezierShape;
use eframe::egui::{
    self, Align, Align2, Color32, CornerRadius, FontId, Key, Painter, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui,
    Vec2, WidgetInfo, accesskit, pos2, vec2,
};
use telemetry::{EdgeDescription, Place};

use super::card::card_ui;
use super::paint::{line, swatch_ui, weak_ui};
use crate::numbers::bytes;
use crate::run::{edge_label_size, place_name};
use crate::theme::Palette;
use crate::theme::graph::{FIT_ZOOM, GAUGE, LEGEND, PORT, ZOOM};
use crate::{Run, Tense};

/// From the layout's points to the screen's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Points of the screen for one of the layout.
    pub zoom: f32,
    origin: Pos2,
}

impl View {
    fn fit(bounds: Rect, into: Rect) -> Self {
        let zoom = (into.width() / bounds.width()).min(into.height() / bounds.height()).clamp(ZOOM.0, FIT_ZOOM);
        Self { zoom, origin: into.center() - bounds.center().to_vec2() * zoom }
    }

    /// A position on the screen.
    pub fn pos(&self, pos: Pos2) -> Pos2 {
        self.origin + pos.to_vec2() * self.zoom
    }

    /// A rectangle on the screen.
    pub fn rect(&self, rect: Rect) -> Rect {
        Rect::from_min_max(self.pos(rect.min), self.pos(rect.max))
    }

    /// A font; rounded to half points, so that zooming does not fill the glyph atlas.
    pub fn font(&self, size: f32) -> FontId {
        FontId::proportional((size * self.zoom * 2.0).round().max(2.0) / 2.0)
    }
}

/// What the graph panel remembers.
#[derive(Default)]
pub struct GraphView {
    view: Option<View>,
    /// The panel's area that the view was fitted to; none once the user has moved it.
    fitted: Option<Rect>,
}

impl GraphView {
    fn update(&mut self, ui: &Ui, area: &egui::Response, bounds: Rect) -> View {
        let room = area.rect.shrink2(vec2(12.0, 8.0)).with_max_y(area.rect.bottom() - LEGEND);
        let resized = self.fitted.is_some_and(|fitted| fitted != area.rect);
        let mut view = match self.view {
            Some(view) if !resized && !area.double_clicked() => view,
            _ => {
                self.fitted = Some(area.rect);
                View::fit(bounds, room)
            }
        };
        if area.dragged() && area.drag_delta() != Vec2::ZERO {
            view.origin += area.drag_delta();
            self.fitted = None;
        }
        if let Some(mouse) = area.hover_pos() {
            let by = ui.input(|i| i.zoom_delta() * (i.smooth_scroll_delta().y / 200.0).exp());
            if by != 1.0 {
                let by = (view.zoom * by).clamp(ZOOM.0, ZOOM.1) / view.zoom;
                view = View { zoom: view.zoom * by, origin: mouse + (view.origin - mouse) * by };
                self.fitted = None;
            }
        }
        self.view = Some(view);
        view
    }
}

/// The graph panel.
pub fn graph_ui(ui: &mut Ui, run: &Run, state: &mut GraphView, selected: &mut Option<usize>) {
    let area = ui.allocate_response(ui.available_size(), Sense::click_and_drag());
    if !run.layout.bounds.is_positive() {
        return;
    }
    let view = state.update(ui, &area, run.layout.bounds);
    let ui = &mut ui.new_child(egui::UiBuilder::new().max_rect(area.rect));
    ui.set_clip_rect(area.rect);
    for stage in 0..run.description.stages.len() {
        stage_ui(ui, run, view, stage);
    }
    for edge in 0..run.description.edges.len() {
        edge_ui(ui, run, view, edge);
    }
    for node in 0..run.description.nodes.len() {
        if card_ui(ui, run, view, node, *selected == Some(node)).clicked() {
            *selected = Some(node);
        }
    }
    legend_ui(ui, area.rect);
    keys(ui, run, state, area.rect, selected);
}

/// A stage's header, and its frame where it holds more than one node.
fn stage_ui(ui: &mut Ui, run: &Run, view: View, index: usize) {
    let palette = Palette::of(ui);
    let stage = &run.description.stages[index];
    let rect = view.rect(run.layout.stages[index]);
    let fused = stage.nodes.len() > 1;
    let bounds = run.history.bottleneck().is_some_and(|b| b.stage == index);
    if fused {
        let color = if bounds { palette.bottleneck } else { palette.frame_line };
        let radius = CornerRadius::same((8.0 * view.zoom) as u8);
        ui.painter().rect(rect, radius, palette.frame, Stroke::new(1.0, color), StrokeKind::Inside);
    }
    let place = place_name(stage.place);
    let text = if fused { format!("fused stage on {place}") } else { place };
    let top = rect.left_top() + vec2(9.0, 5.0) * view.zoom;
    let room = rect.width() - 18.0 * view.zoom;
    // A GPU is marked: most of a graph is not on it.
    let color = if stage.place == Place::Cpu { palette.weak } else { palette.gpu };
    let text = line(ui.painter(), top, Align::Min, &text, view.font(11.0), color, room);
    if !stage.reasons.is_empty() {
        ui.interact(text, ui.scope_id().with(("stage", index)), Sense::hover()).on_hover_text(stage.reasons.join("\n"));
    }
}

fn edge_ui(ui: &mut Ui, run: &Run, view: View, index: usize) {
    let palette = Palette::of(ui);
    let edge = &run.description.edges[index];
    let route = &run.layout.edges[index];
    let path: Vec<Pos2> = route.points.iter().map(|p| view.pos(*p)).collect();
    wire(ui.painter(), &path, view.zoom, palette.edge);
    let label = Rect::from_center_size(route.label, edge_label_size(edge));
    if let Some(port) = &edge.port {
        let top = view.pos(label.center_top());
        let font = view.font(11.0);
        let room = Rect::from_center_size(
            view.pos(label.center_top() + vec2(0.0, PORT / 2.0)),
            vec2(label.width(), PORT) * view.zoom,
        );
        // Behind the word, so that the wire does not strike it through.
        ui.painter().rect_filled(room, CornerRadius::same(2), ui.visuals().panel_fill);
        ui.painter().text(top, Align2::CENTER_TOP, port, font, palette.weak);
    }
    if edge.capacity == 0 {
        inside_ui(ui, run, index, &path);
    } else {
        let gauge = Rect::from_min_max(label.max - vec2((label.width() + GAUGE.x) / 2.0, GAUGE.y), label.max);
        let gauge = view.rect(Rect::from_min_size(gauge.min, GAUGE));
        gauge_ui(ui, run, view, index, gauge);
    }
}

/// An edge inside a stage has no queue; what flows is told where the mouse is over it.
fn inside_ui(ui: &mut Ui, run: &Run, index: usize, path: &[Pos2]) {
    let (Some(start), Some(end)) = (path.first(), path.last()) else { return };
    let edge = &run.description.edges[index];
    let response =
        ui.interact(Rect::from_two_pos(*start, *end).expand(6.0), ui.scope_id().with(("edge", index)), Sense::hover());
    response.on_hover_ui(|ui| {
        ui.label(format!("from {} to {}, in one pass", run.name(edge.from as usize), run.name(edge.to as usize)));
        flow_ui(ui, run, index);
    });
}

fn wire(painter: &Painter, path: &[Pos2], zoom: f32, color: Color32) {
    let stroke = Stroke::new((1.6 * zoom).max(1.0), color);
    for pair in path.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let bend = vec2((to.x - from.x) * 0.5, 0.0);
        let curve = [from, from + bend, to - bend, to];
        painter.add(CubicBezierShape::from_points_stroke(curve, false, Color32::TRANSPARENT, stroke));
    }
    if let Some(&tip) = path.last() {
        let wing = vec2(-8.0, 4.0) * zoom;
        let head = vec![tip, tip + wing, tip + vec2(wing.x, -wing.y)];
        painter.add(Shape::convex_polygon(head, color, Stroke::NONE));
    }
}

/// How full a queue is, `3/4` and a bar, and what flows through it.
fn gauge_ui(ui: &mut Ui, run: &Run, view: View, index: usize, rect: Rect) {
    let palette = Palette::of(ui);
    let edge = &run.description.edges[index];
    let (queued, capacity) = (run.queued(index), run.capacity(index));
    let painter = ui.painter();
    let ring = Stroke::new(1.0, palette.card_line);
    painter.rect(rect, CornerRadius::same(4), palette.card, ring, StrokeKind::Inside);
    let at = rect.center_top() + vec2(0.0, 2.0 * view.zoom);
    painter.text(at, Align2::CENTER_TOP, format!("{queued}/{capacity}"), view.font(11.0), palette.strong);
    let bar = Rect::from_min_max(
        rect.min + vec2(6.0, 17.0) * view.zoom,
        pos2(rect.right() - 6.0 * view.zoom, rect.top() + 21.0 * view.zoom),
    );
    painter.rect_filled(bar, CornerRadius::same(1), palette.track);
    let full = bar.width() * (queued as f32 / capacity as f32).min(1.0);
    painter.rect_filled(Rect::from_min_size(bar.min, vec2(full, bar.height())), CornerRadius::same(1), palette.queue);
    let flow = run.flow(index);
    let flows = run.tense == Tense::Now && flow > 0.0;
    let words = if flows { format!("{}/s", bytes(flow)) } else { dtype(&edge.fields).to_owned() };
    let at = pos2(rect.center().x, rect.top() + 24.0 * view.zoom);
    line(painter, at, Align::Center, &words, view.font(9.5), palette.weak, rect.width() - 4.0);
    let response = ui.interact(rect, ui.scope_id().with(("queue", index)), Sense::hover());
    let name = queue_name(run, edge);
    response
        .widget_info(|| WidgetInfo::labeled(accesskit::Role::Meter, true, format!("{name}: {queued} of {capacity}")));
    response.on_hover_ui(|ui| {
        ui.label(format!("{name}: {queued} of {capacity} batches wait"));
        flow_ui(ui, run, index);
    });
}

/// The first field's type.
fn dtype(fields: &str) -> &str {
    fields.split_ascii_whitespace().nth(1).unwrap_or_default()
}

/// What flows on an edge.
fn flow_ui(ui: &mut Ui, run: &Run, index: usize) {
    let edge = &run.description.edges[index];
    for field in edge.fields.split("], ") {
        let end = if field.contains('[') && !field.ends_with(']') { "]" } else { "" };
        ui.label(format!("{field}{end}"));
    }
    let mut words = format!("{} a row", bytes(edge.row_bytes as f64));
    if run.tense == Tense::Now {
        words += &format!(", {}/s", bytes(run.flow(index)));
    }
    weak_ui(ui, words);
}

fn queue_name(run: &Run, edge: &EdgeDescription) -> String {
    format!("queue from {} to {}", run.name(edge.from as usize), run.name(edge.to as usize))
}

fn legend_ui(ui: &mut Ui, area: Rect) {
    let palette = Palette::of(ui);
    let row = area.with_min_y(area.bottom() - LEGEND + 2.0).shrink2(vec2(6.0, 0.0));
    let ui = &mut ui.new_child(egui::UiBuilder::new().max_rect(row).layout(egui::Layout::left_to_right(Align::Center)));
    ui.spacing_mut().item_spacing.x = 5.0;
    let parts = [
        (palette.busy, "busy"),
        (palette.starved, "starved: waits for input"),
        (palette.blocked, "blocked: waits for room"),
        (palette.bottleneck, "bottleneck"),
        (palette.queue, "batches in a queue"),
    ];
    for (color, text) in parts {
        swatch_ui(ui, color, text);
        ui.add_space(8.0);
    }
    ui.with_layout(egui::Layout::right_to_left(Align::Center), |ui| {
        let text = "click a node to look into it; drag to move, scroll to zoom, F to fit";
        ui.label(egui::RichText::new(text).font(crate::theme::small()).color(palette.weak));
    });
}

/// Arrow keys go along the edges, or to the nearest node above or below; Escape selects nothing. F fits, + and - zoom.
fn keys(ui: &Ui, run: &Run, state: &mut GraphView, area: Rect, selected: &mut Option<usize>) {
    if ui.memory(|memory| memory.focused().is_some()) {
        return;
    }
    let pressed = |key| ui.input(|i| i.modifiers.is_none() && i.key_pressed(key));
    if pressed(Key::F) {
        state.view = None;
    }
    if let Some(view) = &mut state.view {
        let by = if pressed(Key::Plus) || pressed(Key::Equals) {
            1.25
        } else if pressed(Key::Minus) {
            0.8
        } else {
            1.0
        };
        if by != 1.0 {
            let zoom = (view.zoom * by).clamp(ZOOM.0, ZOOM.1);
            let middle = area.center();
            *view = View { zoom, origin: middle + (view.origin - middle) * (zoom / view.zoom) };
            state.fitted = None;
        }
    }
    if pressed(Key::Escape) {
        *selected = None;
        return;
    }
    let Some(from) = selected.or_else(|| (!run.layout.nodes.is_empty()).then_some(0)) else {
        return;
    };
    let edges = &run.description.edges;
    let nodes = &run.layout.nodes;
    let vertical = |sign: f32| {
        let way = |n: usize| (nodes[n].center() - nodes[from].center()) * vec2(1.0, sign);
        let beyond = (0..nodes.len()).filter(|&n| way(n).y > nodes[from].height() / 2.0);
        beyond.min_by(|&a, &b| way(a).length().total_cmp(&way(b).length()))
    };
    let next = if pressed(Key::ArrowRight) {
        edges.iter().find(|e| e.from as usize == from).map(|e| e.to as usize)
    } else if pressed(Key::ArrowLeft) {
        edges.iter().find(|e| e.to as usize == from).map(|e| e.from as usize)
    } else if pressed(Key::ArrowDown) {
        vertical(1.0)
    } else if pressed(Key::ArrowUp) {
        vertical(-1.0)
    } else {
        return;
    };
    *selected = if selected.is_none() { Some(from) } else { next.or(*selected) };
}
