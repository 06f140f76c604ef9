//! One sample through every node, over the epochs: what the model sees of it, and how that comes about.

use std::collections::BTreeMap;

use eframe::egui::{
    Button, ColorImage, Context, DragValue, Grid, Image, Label, RichText, ScrollArea, TextureHandle, TextureOptions,
    Ui, vec2,
};
use telemetry::{FromViewer, SampleSeen};

use super::paint::weak_ui;
use crate::theme::{Palette, small};
use crate::{Run, Tense};

/// Epochs that are shown at a time.
const EPOCHS: u32 = 4;
/// A picture may not be larger than a texture may be.
const MAX_SIDE: u32 = 2048;
/// Side of a picture, in points, about.
const SIDE: f32 = 96.0;

/// What the panel remembers.
#[derive(Default)]
pub struct SampleView {
    /// The sample that is pinned.
    pinned: Option<u64>,
    /// What is in the field.
    number: u64,
    /// The first epoch that is shown, from 0.
    epoch: u32,
    seen: BTreeMap<u32, Seen>,
}

/// A sample in one epoch, ready to be drawn.
struct Seen {
    of: SampleSeen,
    /// By node of [`SampleSeen::nodes`].
    pictures: Vec<Option<TextureHandle>>,
}

impl SampleView {
    /// Pins a sample, from an epoch on.
    pub fn pin(&mut self, sample: u64, epoch: u32) -> FromViewer {
        if self.pinned != Some(sample) {
            self.seen.clear();
        }
        (self.pinned, self.number, self.epoch) = (Some(sample), sample, epoch);
        FromViewer::Sample(sample, epoch, EPOCHS)
    }

    /// What is to be asked of an engine that has come back.
    pub fn again(&self) -> Option<FromViewer> {
        self.pinned.map(|sample| FromViewer::Sample(sample, self.epoch, EPOCHS))
    }

    /// An answer.
    pub fn set(&mut self, context: &Context, seen: SampleSeen) {
        if self.pinned != Some(seen.sample) {
            return;
        }
        let texture = |node: &telemetry::NodeSeen| {
            let picture = node.picture.as_ref()?;
            let (width, height) = (picture.width, picture.height);
            let fits = |side: u32| (1..=MAX_SIDE).contains(&side);
            if !fits(width) || !fits(height) {
                return None;
            }
            let size = [width as usize, height as usize];
            let rgb = picture.rgb.get(..size[0] * size[1] * 3)?;
            let name = format!("sample {} epoch {} node {}", seen.sample, seen.epoch, node.node);
            Some(context.load_texture(name, ColorImage::from_rgb(size, rgb), TextureOptions::NEAREST))
        };
        let pictures = seen.nodes.iter().map(texture).collect();
        self.seen.insert(seen.epoch, Seen { of: seen, pictures });
    }
}

/// The panel; what is to be asked of the engine.
pub fn sample_ui(ui: &mut Ui, run: &Run, state: &mut SampleView) -> Option<FromViewer> {
    let mut request = None;
    let live = run.tense == Tense::Now && run.description.started > 0;
    ui.horizontal(|ui| {
        ui.label(RichText::new("Sample").strong());
        let field = ui.add(DragValue::new(&mut state.number).speed(0.2));
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(eframe::egui::Key::Enter));
        field.widget_info(|| {
            eframe::egui::WidgetInfo::labeled(eframe::egui::accesskit::Role::SpinButton, true, "number of the sample")
        });
        if ui.add_enabled(live, Button::new("Look")).clicked() || (entered && live) {
            let epoch = run.latest.training.map_or(0, |t| t.epoch.saturating_sub(1));
            request = Some(state.pin(state.number, epoch));
        }
        if let Some(sample) = state.pinned {
            let back = ui.add_enabled(live && state.epoch > 0, Button::new("earlier epochs"));
            let on = ui.add_enabled(live, Button::new("later epochs"));
            if back.clicked() {
                request = Some(state.pin(sample, state.epoch.saturating_sub(EPOCHS)));
            } else if on.clicked() {
                request = Some(state.pin(sample, state.epoch.saturating_add(EPOCHS)));
            }
        }
    });
    let Some(sample) = state.pinned else {
        ui.add(
            Label::new(
                "Any sample of the training data can be seen as it leaves each node, in any epoch: past ones and ones \
                 that are still to come, since every random choice follows from the seed. Give its number, or click a \
                 picture of a node and pin it.",
            )
            .wrap(),
        );
        if !live {
            weak_ui(ui, "This needs a run that goes on; `engine sample` does it without one");
        }
        return request;
    };
    let shown = state.epoch..state.epoch.saturating_add(EPOCHS);
    let seen: Vec<&Seen> = state.seen.range(shown).map(|(_, seen)| seen).collect();
    let Some(first) = seen.first() else {
        weak_ui(ui, format!("Sample {sample} is being made anew"));
        return request;
    };
    if !first.of.label.is_empty() {
        weak_ui(ui, format!("sample {sample}, {}", first.of.label));
    }
    ScrollArea::both().id_salt("sample").auto_shrink(false).show(ui, |ui| grid_ui(ui, run, &seen));
    request
}

fn grid_ui(ui: &mut Ui, run: &Run, seen: &[&Seen]) {
    let palette = Palette::of(ui);
    Grid::new("sample").spacing([8.0, 8.0]).show(ui, |ui| {
        ui.label("");
        for node in seen.iter().find(|s| s.of.trouble.is_none()).iter().flat_map(|s| &s.of.nodes) {
            if let Some(description) = run.description.nodes.get(node.node as usize) {
                ui.label(RichText::new(&description.name).strong());
            }
        }
        ui.end_row();
        for seen in seen {
            ui.vertical(|ui| {
                ui.set_width(64.0);
                weak_ui(ui, format!("epoch {}", seen.of.epoch + 1));
                if seen.of.trouble.is_none() {
                    weak_ui(ui, format!("batch {}", seen.of.batch + 1));
                }
            });
            if let Some(trouble) = &seen.of.trouble {
                ui.label(RichText::new(trouble).color(palette.offline));
            }
            for (node, picture) in seen.of.nodes.iter().zip(&seen.pictures) {
                ui.vertical(|ui| {
                    ui.set_width(SIDE);
                    ui.spacing_mut().item_spacing.y = 1.0;
                    match picture {
                        Some(picture) => {
                            let name = run.description.nodes.get(node.node as usize).map_or("", |n| n.name.as_str());
                            let text = format!("epoch {} after {name}", seen.of.epoch + 1);
                            ui.add(Image::new(picture).fit_to_exact_size(vec2(SIDE, SIDE)).alt_text(text));
                        }
                        None => drop(weak_ui(ui, "no image")),
                    }
                    if !node.words.is_empty() {
                        ui.add(Label::new(RichText::new(&node.words).font(small())).wrap());
                    }
                });
            }
            ui.end_row();
        }
    });
}
