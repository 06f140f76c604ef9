//! How long a stage's chunks take: percentiles and a histogram.

use eframe::egui::{CornerRadius, Rect, Sense, Ui, WidgetInfo, accesskit, pos2, vec2};
use telemetry::{Histogram, bucket_bounds};

use super::paint::weak_ui;
use crate::numbers::{count, duration, percent};
use crate::theme::Palette;

const HEIGHT: f32 = 46.0;

/// Percentiles in words, and the histogram below.
pub fn latency_ui(ui: &mut Ui, histogram: &Histogram, what: &str) {
    let quantile = |share: f64| histogram.quantile(share).map_or_else(|| "none".to_owned(), duration);
    weak_ui(ui, format!("{} {what}", count(histogram.count())));
    ui.label(format!("half within {}, 90 % within {}", quantile(0.5), quantile(0.9)));
    ui.label(format!("99 % within {}, all within {}", quantile(0.99), quantile(1.0)));
    bars_ui(ui, histogram, what);
}

fn bars_ui(ui: &mut Ui, histogram: &Histogram, what: &str) {
    let palette = Palette::of(ui);
    let (Some(first), Some(last)) = (histogram.counts.first(), histogram.counts.last()) else { return };
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, HEIGHT), Sense::hover());
    // A few empty buckets beside, so that a single one is not a block.
    let (first, last) = (first.0.saturating_sub(2), last.0.saturating_add(2));
    let width = area.width() / f32::from(last - first + 1);
    let most = histogram.counts.iter().map(|(_, n)| *n).max().unwrap_or(1).max(1);
    let place = |bucket: u8| area.left() + width * f32::from(bucket - first);
    let painter = ui.painter();
    painter.hline(area.x_range(), area.bottom(), (1.0, palette.track));
    for &(bucket, n) in &histogram.counts {
        let height = (area.height() - 2.0) * (n as f64 / most as f64) as f32;
        // What is rare is seen, too.
        let bar = Rect::from_min_max(
            pos2(place(bucket), area.bottom() - height.max(1.5)),
            pos2(place(bucket) + (width - 0.5).max(0.5), area.bottom()),
        );
        painter.rect_filled(bar, CornerRadius::ZERO, palette.busy);
    }
    response.widget_info(|| WidgetInfo::labeled(accesskit::Role::Image, true, format!("histogram of {what}")));
    let Some(mouse) = response.hover_pos() else { return };
    let bucket = (first as f32 + (mouse.x - area.left()) / width).clamp(0.0, 255.0) as u8;
    let n = histogram.counts.iter().find(|(b, _)| *b == bucket).map_or(0, |(_, n)| *n);
    let (from, to) = bucket_bounds(bucket);
    let share = n as f64 / histogram.count().max(1) as f64;
    response.on_hover_text(format!("{} to {}: {} ({})", duration(from), duration(to), count(n), percent(share)));
}
