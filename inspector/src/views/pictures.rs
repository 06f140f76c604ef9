//! A node's images: the same samples before and after it.

use eframe::egui::text::LayoutJob;
use eframe::egui::{
    Align, ColorImage, Context, Grid, Image, RichText, Sense, TextureHandle, TextureOptions, Ui, Vec2, vec2,
};
use telemetry::{NodeImages, Pictures};

use super::paint::weak_ui;
use crate::numbers::count;
use crate::theme::{Palette, small};

/// More pictures than this are not shown.
const MAX_PICTURES: usize = 64;
/// A picture may not be larger than a texture may be.
const MAX_SIDE: u32 = 2048;
/// Width of the words left of the pictures.
const WORDS: f32 = 42.0;
const GAP: f32 = 6.0;
/// Lines for what was drawn: more is in the picture's hover text.
const DRAWN_LINES: usize = 2;
/// Height of a line below a sample.
const CAPTION_LINE: f32 = 14.0;

/// The images as the renderer wants them.
#[derive(Default)]
pub struct Textures {
    before: Vec<TextureHandle>,
    after: Vec<TextureHandle>,
    /// The sample that is looked at closely.
    pub close: Option<usize>,
    /// Whether the images stay as they are.
    pub hold: bool,
}

impl Textures {
    /// Shows these images from now on.
    pub fn set(&mut self, context: &Context, images: &NodeImages) {
        upload(context, "before", images.before.as_ref(), &mut self.before);
        upload(context, "after", images.after.as_ref(), &mut self.after);
    }

    /// A sample's textures, before and after.
    pub fn of(&self, index: usize) -> [Option<&TextureHandle>; 2] {
        [self.before.get(index), self.after.get(index)]
    }

    /// Shows none.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn upload(context: &Context, name: &str, pictures: Option<&Pictures>, textures: &mut Vec<TextureHandle>) {
    let images = pictures.map(split).unwrap_or_default();
    textures.truncate(images.len());
    for (index, image) in images.into_iter().enumerate() {
        match textures.get_mut(index) {
            Some(texture) => texture.set(image, TextureOptions::NEAREST),
            None => textures.push(context.load_texture(format!("{name} {index}"), image, TextureOptions::NEAREST)),
        }
    }
}

/// The pictures one by one; bytes that make no whole picture are left out.
fn split(pictures: &Pictures) -> Vec<ColorImage> {
    let (width, height) = (pictures.width, pictures.height);
    if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
        return Vec::new();
    }
    let size = [width as usize, height as usize];
    let chunks = pictures.rgb.chunks_exact(size[0] * size[1] * 3).take(MAX_PICTURES);
    chunks.map(|rgb| ColorImage::from_rgb(size, rgb)).collect()
}

/// Which batch the images are of.
pub fn batch_ui(ui: &mut Ui, images: &NodeImages) {
    let mut text = format!("epoch {}, batch {}", images.epoch + 1, count(u64::from(images.batch) + 1));
    let scaled = images.after.as_ref().or(images.before.as_ref()).and_then(|p| p.scaled);
    if let Some((scale, offset)) = scaled {
        text += &format!("; black is {offset:.2}, white is {:.2}", scale * 255.0 + offset);
    }
    weak_ui(ui, text);
}

/// The images, each sample a column with before above after.
pub fn pictures_ui(ui: &mut Ui, images: &NodeImages, textures: &mut Textures) {
    if let Some(clicked) = grid_ui(ui, images, textures) {
        textures.close = Some(clicked);
    }
}

/// Returns the sample that was clicked.
fn grid_ui(ui: &mut Ui, images: &NodeImages, textures: &Textures) -> Option<usize> {
    let mut clicked = None;
    let rows = [("before", &textures.before), ("after", &textures.after)];
    let rows: Vec<_> = rows.into_iter().filter(|(_, pictures)| !pictures.is_empty()).collect();
    let samples = rows.iter().map(|(_, pictures)| pictures.len()).max().unwrap_or(0);
    let Some(size) = rows.iter().map(|(_, pictures)| pictures[0].size_vec2()).reduce(Vec2::max) else {
        weak_ui(ui, "This node's rows have no images");
        return None;
    };
    let drawn = images.drawn.iter().any(|words| !words.is_empty());
    let (area, rows_below) = (ui.available_size(), rows.len());
    // The words are worth a size, but not that samples are out of sight.
    let with_words = cell_size(size, area, samples, rows_below, caption_height(drawn)).filter(|_| drawn);
    let without = || cell_size(size, area, samples, rows_below, caption_height(false));
    let caption = caption_height(with_words.is_some());
    let cell = with_words.or_else(without).unwrap_or_else(|| least(size));
    let columns = balanced(samples, columns(cell.x, ui.available_width()));
    ui.spacing_mut().item_spacing.y = 4.0;
    for first in (0..samples).step_by(columns) {
        let block = first..(first + columns).min(samples);
        Grid::new(("pictures", first)).spacing([GAP, 3.0]).min_col_width(WORDS).show(ui, |ui| {
            for (word, pictures) in &rows {
                weak_ui(ui, *word);
                for index in block.clone() {
                    if picture_ui(ui, images, word, pictures.get(index), index, cell) {
                        clicked = Some(index);
                    }
                }
                ui.end_row();
            }
            ui.label("");
            for index in block.clone() {
                caption_ui(ui, images, index, vec2(cell.x, caption));
            }
            ui.end_row();
        });
    }
    clicked
}

/// Whether it was clicked.
fn picture_ui(
    ui: &mut Ui,
    images: &NodeImages,
    word: &str,
    picture: Option<&TextureHandle>,
    index: usize,
    cell: Vec2,
) -> bool {
    let Some(picture) = picture else {
        ui.allocate_space(cell);
        return false;
    };
    let text = format!("{word}: {}", describe(images, index));
    let image = Image::new(picture).fit_to_exact_size(cell).maintain_aspect_ratio(true).alt_text(&text);
    let response = ui.add(image.sense(Sense::click()));
    let clicked = response.clicked();
    response.on_hover_text(format!("{text}\nclick to look at its pixels"));
    clicked
}

fn caption_ui(ui: &mut Ui, images: &NodeImages, index: usize, size: Vec2) {
    let palette = Palette::of(ui);
    ui.allocate_ui(size, |ui| {
        ui.set_max_width(size.x);
        ui.with_layout(eframe::egui::Layout::top_down(Align::Min), |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let line = |text: String| RichText::new(text).font(small());
            if let Some(label) = label(images, index) {
                ui.add(eframe::egui::Label::new(line(label)).truncate());
            }
            if let Some(sample) = images.samples.get(index) {
                ui.add(eframe::egui::Label::new(line(format!("#{sample}")).color(palette.weak)).truncate());
            }
            let drawn = images.drawn.get(index).filter(|words| !words.is_empty());
            if let Some(drawn) = drawn.filter(|_| size.y > caption_height(false)) {
                let mut job = LayoutJob::simple(drawn.clone(), small(), palette.strong, size.x);
                job.wrap.max_rows = DRAWN_LINES;
                ui.label(job).on_hover_text(drawn);
            }
        });
    });
}

fn label(images: &NodeImages, index: usize) -> Option<String> {
    let label = *images.labels.get(index)?;
    let class = usize::try_from(label).ok().and_then(|label| images.classes.get(label));
    Some(class.cloned().unwrap_or_else(|| format!("label {label}")))
}

/// A sample in words, such as `sample 12, cat (label 3): flipped`.
pub fn describe(images: &NodeImages, index: usize) -> String {
    let drawn = images.drawn.get(index).filter(|words| !words.is_empty());
    let drawn = drawn.map(|words| format!(": {words}")).unwrap_or_default();
    let sample = images.samples.get(index).map_or_else(|| "sample".to_owned(), |s| format!("sample {s}"));
    match (label(images, index), images.labels.get(index)) {
        (Some(name), Some(label)) if !images.classes.is_empty() => {
            format!("{sample}, {name} (label {label}){drawn}")
        }
        (Some(name), _) => format!("{sample}, {name}{drawn}"),
        _ => sample + &drawn,
    }
}

/// Below a sample are its label and its number, and what was drawn for it where there is room for the words.
fn caption_height(drawn: bool) -> f32 {
    CAPTION_LINE * (2 + if drawn { DRAWN_LINES } else { 0 }) as f32
}

fn columns(cell_width: f32, width: f32) -> usize {
    (((width - WORDS) / (cell_width + GAP)).floor() as usize).max(1)
}

/// As many columns as make the last block as long as the others, about.
fn balanced(samples: usize, columns: usize) -> usize {
    samples.div_ceil(samples.div_ceil(columns).max(1)).max(1)
}

/// The largest size at which all samples can be seen at once. Small pictures grow by whole factors, so that each of
/// their pixels is as large as the others.
fn cell_size(picture: Vec2, area: Vec2, samples: usize, rows: usize, caption: f32) -> Option<Vec2> {
    let fits = |scale: &f32| {
        let cell = picture * *scale;
        let blocks = samples.div_ceil(columns(cell.x, area.x)) as f32;
        WORDS + cell.x <= area.x && blocks * (rows as f32 * (cell.y + 3.0) + caption + 4.0) <= area.y
    };
    scales(picture).into_iter().find(fits).map(|scale| picture * scale)
}

/// Where not all can be seen at once, they are as small as they may be.
fn least(picture: Vec2) -> Vec2 {
    picture * scales(picture).last().copied().unwrap_or(1.0)
}

fn scales(picture: Vec2) -> Vec<f32> {
    if picture.x <= 48.0 {
        return (2..=5).rev().map(|scale| scale as f32).collect();
    }
    [160.0, 128.0, 112.0, 96.0, 80.0, 64.0].iter().map(|width| width / picture.x).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_are_cut_short_or_claim_nonsense_are_left_out() {
        let pictures = |width, height, bytes: usize| Pictures { width, height, rgb: vec![0; bytes], scaled: None };
        assert_eq!(split(&pictures(2, 2, 24)).len(), 2);
        assert_eq!(split(&pictures(2, 2, 23)).len(), 1);
        assert_eq!(split(&pictures(0, 2, 24)).len(), 0);
        assert_eq!(split(&pictures(u32::MAX, u32::MAX, 24)).len(), 0);
        assert_eq!(split(&pictures(1, 1, 3_000)).len(), MAX_PICTURES);
    }

    #[test]
    fn blocks_are_about_equally_long() {
        assert_eq!([(8, 7), (8, 8), (9, 4), (1, 7), (0, 3)].map(|(n, columns)| balanced(n, columns)), [4, 8, 3, 1, 1]);
    }

    #[test]
    fn pictures_are_as_large_as_there_is_room() {
        let picture = vec2(32.0, 32.0);
        assert_eq!(cell_size(picture, vec2(900.0, 500.0), 8, 2, 30.0), Some(vec2(96.0, 96.0)));
        assert_eq!(cell_size(picture, vec2(200.0, 100.0), 64, 2, 30.0), None);
        assert_eq!(least(picture), vec2(64.0, 64.0));
    }
}
