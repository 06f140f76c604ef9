//! Small things that several views paint.

use eframe::egui::text::{LayoutJob, TextFormat, TextWrapping};
use eframe::egui::{
    Align, Color32, CornerRadius, FontId, Mesh, Painter, Pos2, Rect, Response, RichText, Sense, Shape, Stroke, Ui,
    WidgetInfo, accesskit, pos2, vec2,
};

use crate::history::Shares;
use crate::theme::{Palette, small};

/// Paints a line of text whose top edge is at `top`, cut with … where it does not fit. Returns where it is.
pub fn line(
    painter: &Painter,
    top: Pos2,
    align: Align,
    text: &str,
    font: FontId,
    color: Color32,
    max_width: f32,
) -> Rect {
    let mut job = LayoutJob::single_section(text.to_owned(), TextFormat::simple(font, color));
    job.wrap = TextWrapping::truncate_at_width(max_width);
    job.halign = align;
    let galley = painter.layout_job(job);
    let rect = galley.rect.translate(top.to_vec2());
    painter.galley(top, galley, color);
    rect
}

/// Paints a bar of the shares of time.
pub fn share_bar(painter: &Painter, bar: Rect, shares: Shares, palette: &Palette) {
    let radius = CornerRadius::same(2);
    painter.rect_filled(bar, radius, palette.track);
    let mut left = bar.left();
    let parts = [(shares.busy, palette.busy), (shares.starved, palette.starved), (shares.blocked, palette.blocked)];
    for (share, color) in parts {
        let right = (left + bar.width() * share as f32).min(bar.right());
        if right - left > 0.3 {
            painter.rect_filled(Rect::from_x_y_ranges(left..=right, bar.y_range()), radius, color);
        }
        left = right;
    }
}

/// Paints a spark line: newest at the right edge, from 0 at the bottom to its maximum near the top. `of` is the number
/// of values that fill the width.
pub fn spark(
    painter: &Painter,
    area: Rect,
    values: impl ExactSizeIterator<Item = f32> + Clone,
    of: usize,
    color: Color32,
) {
    painter.hline(area.x_range(), area.bottom(), Stroke::new(1.0, color.gamma_multiply(0.4)));
    let max = values.clone().fold(0.0, f32::max);
    if max <= 0.0 || values.len() < 2 {
        return;
    }
    let step = area.width() / (of - 1) as f32;
    let start = area.right() - step * (values.len() - 1) as f32;
    let mut ground = Mesh::default();
    let mut line = Vec::with_capacity(values.len());
    for (i, value) in values.enumerate() {
        let point = pos2(start + i as f32 * step, area.bottom() - value / max * (area.height() - 1.0));
        let next = 2 * i as u32;
        ground.colored_vertex(point, color.gamma_multiply(0.25));
        ground.colored_vertex(pos2(point.x, area.bottom()), color.gamma_multiply(0.25));
        if i > 0 {
            ground.add_triangle(next - 2, next - 1, next);
            ground.add_triangle(next - 1, next, next + 1);
        }
        line.push(point);
    }
    painter.add(ground);
    painter.add(Shape::line(line, Stroke::new(1.2, color)));
}

/// A coloured square with its meaning.
pub fn swatch_ui(ui: &mut Ui, color: Color32, text: &str) {
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), Sense::hover());
    ui.painter().rect_filled(rect, CornerRadius::same(2), color);
    ui.label(RichText::new(text).font(small()).color(palette.weak));
}

/// Says what a list of choices is, for those who do not see it.
pub fn name_choice(response: &Response, name: &str) {
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::ComboBox, true, name));
}

/// Explaining text.
pub fn weak_ui(ui: &mut Ui, text: impl Into<String>) -> Response {
    let palette = Palette::of(ui);
    ui.label(RichText::new(text).color(palette.weak))
}
