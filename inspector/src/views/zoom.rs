//! One sample closely: its pixels before and after the node, with their values.

use eframe::egui::{
    Image, Key, Modifiers, Rect, RichText, Sense, Stroke, StrokeKind, TextureHandle, Ui, Window, pos2, vec2,
};
use telemetry::{NodeImages, Pictures};

use super::paint::weak_ui;
use super::pictures::{Textures, describe};
use crate::theme::Palette;

/// Side of a picture, in points, about.
const SIDE: f32 = 384.0;

/// The window of the sample that is looked at closely, if one is; a sample that is to be seen through every node.
pub fn zoom_ui(ui: &mut Ui, images: &NodeImages, textures: &mut Textures, can_pin: bool) -> Option<u64> {
    let index = textures.close?;
    let (mut open, mut pinned) = (true, None);
    Window::new(describe(images, index)).id(ui.scope_id().with("zoom")).open(&mut open).resizable(false).show(
        ui.ctx(),
        |ui| {
            let pictures = [("before", images.before.as_ref()), ("after", images.after.as_ref())];
            ui.horizontal(|ui| {
                for ((word, pictures), texture) in pictures.into_iter().zip(textures.of(index)) {
                    if let (Some(pictures), Some(texture)) = (pictures, texture) {
                        ui.vertical(|ui| side_ui(ui, word, pictures, texture, index));
                    }
                }
            });
            weak_ui(ui, "Move the mouse over a pixel to see its values; arrow keys go to the next sample");
            if can_pin
                && let Some(sample) = images.samples.get(index)
                && ui.button("Through every node").on_hover_text("Pins this sample in the panel `Sample`").clicked()
            {
                pinned = Some(*sample);
            }
        },
    );
    let last = images.samples.len().saturating_sub(1);
    let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    if !open || pressed(Key::Escape) || pinned.is_some() {
        textures.close = None;
    } else if pressed(Key::ArrowRight) {
        textures.close = Some((index + 1).min(last));
    } else if pressed(Key::ArrowLeft) {
        textures.close = Some(index.saturating_sub(1));
    }
    pinned
}

fn side_ui(ui: &mut Ui, word: &str, pictures: &Pictures, texture: &TextureHandle, index: usize) {
    let palette = Palette::of(ui);
    let (width, height) = (pictures.width as f32, pictures.height as f32);
    // Small pictures grow by whole factors.
    let scale = match SIDE / width.max(height) {
        scale if scale >= 2.0 => scale.floor(),
        scale => scale,
    };
    ui.label(RichText::new(format!("{word}, {} × {}", pictures.height, pictures.width)).strong());
    let (area, response) = ui.allocate_exact_size(vec2(width, height) * scale, Sense::hover());
    Image::new(texture).paint_at(ui, area);
    let pixel = response.hover_pos().map(|mouse| (mouse - area.min) / scale);
    let pixel = pixel.map(|at| (at.x.clamp(0.0, width - 1.0) as usize, at.y.clamp(0.0, height - 1.0) as usize));
    let Some((x, y)) = pixel else {
        weak_ui(ui, " ");
        return;
    };
    let corner = area.min + vec2(x as f32, y as f32) * scale;
    let ring = Rect::from_min_max(corner, pos2(corner.x + scale.max(3.0), corner.y + scale.max(3.0)));
    ui.painter().rect_stroke(ring, 0.0, Stroke::new(1.5, palette.selected), StrokeKind::Outside);
    ui.label(pixel_text(pictures, index, x, y));
}

/// `column 3, row 7: 125, 122, 113`.
fn pixel_text(pictures: &Pictures, index: usize, x: usize, y: usize) -> String {
    let (width, height) = (pictures.width as usize, pictures.height as usize);
    let at = ((index * height + y) * width + x) * 3;
    let Some(rgb) = pictures.rgb.get(at..at + 3) else { return String::new() };
    let values = rgb.iter().map(|byte| match pictures.scaled {
        Some((scale, offset)) => format!("{:.3}", scale * f32::from(*byte) + offset),
        None => byte.to_string(),
    });
    format!("column {x}, row {y}: {}", values.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_the_field() {
        let pictures = Pictures { width: 2, height: 1, rgb: (0..12).collect(), scaled: None };
        assert_eq!(pixel_text(&pictures, 1, 1, 0), "column 1, row 0: 9, 10, 11");
        let scaled = Pictures { scaled: Some((0.5, -1.0)), ..pictures };
        assert_eq!(pixel_text(&scaled, 0, 0, 0), "column 0, row 0: -1.000, -0.500, 0.000");
        assert_eq!(pixel_text(&scaled, 9, 0, 0), "");
    }
}
