//! Every colour and size.
//!
//! The colours are those of Okabe and Ito, which the colour-blind can tell apart, darker on light ground. None of them
//! carries a meaning alone: a word, a number or a place says the same.

use eframe::egui::{self, Color32, Context, FontId, Theme, Ui, Vec2, vec2};

/// The colours of one theme.
pub struct Palette {
    /// Time spent computing.
    pub busy: Color32,
    /// Time spent waiting for input.
    pub starved: Color32,
    /// Time spent waiting for room.
    pub blocked: Color32,
    /// What bounds the run: line and word.
    pub bottleneck: Color32,
    /// Ground of the node that bounds the run.
    pub bottleneck_card: Color32,
    /// Text on [`Palette::bottleneck`].
    pub on_bottleneck: Color32,
    /// Ground of everything.
    pub ground: Color32,
    /// Ground of a node.
    pub card: Color32,
    /// Line around a node.
    pub card_line: Color32,
    /// Ground of a bar that is not full.
    pub track: Color32,
    /// Line around the selected node.
    pub selected: Color32,
    /// Ground of a fused stage.
    pub frame: Color32,
    /// Line around a fused stage.
    pub frame_line: Color32,
    /// Edges.
    pub edge: Color32,
    /// What waits in a queue.
    pub queue: Color32,
    /// The word for a GPU.
    pub gpu: Color32,
    /// Spark lines.
    pub spark: Color32,
    /// Text that is read.
    pub strong: Color32,
    /// Text that explains.
    pub weak: Color32,
    /// Connected.
    pub live: Color32,
    /// Not connected.
    pub offline: Color32,
    /// An error.
    pub trouble: Color32,
    /// Ground of the banner with a warning.
    pub warning: Color32,
    /// Text on [`Palette::warning`].
    pub on_warning: Color32,
    /// The loss.
    pub loss: Color32,
    /// The loss of single steps, behind the smoothed one.
    pub loss_raw: Color32,
    /// The learning rate.
    pub learning_rate: Color32,
    /// Things that have to be told apart, and whose names stand beside them.
    pub series: [Color32; 7],
}

const DARK: Palette = Palette {
    busy: Color32::from_rgb(0x2f, 0xc4, 0x97),
    starved: Color32::from_rgb(0x3d, 0x7e, 0xb0),
    blocked: Color32::from_rgb(0xcc, 0x79, 0xa7),
    bottleneck: Color32::from_rgb(0xf0, 0xa8, 0x1e),
    bottleneck_card: Color32::from_rgb(0x3a, 0x2e, 0x17),
    on_bottleneck: Color32::from_rgb(0x20, 0x16, 0x00),
    ground: Color32::from_rgb(0x1b, 0x1b, 0x1b),
    card: Color32::from_rgb(0x2a, 0x2b, 0x2f),
    card_line: Color32::from_rgb(0x5c, 0x5e, 0x66),
    track: Color32::from_rgb(0x44, 0x46, 0x4d),
    selected: Color32::from_rgb(0xff, 0xff, 0xff),
    frame: Color32::from_rgb(0x20, 0x21, 0x25),
    frame_line: Color32::from_rgb(0x6d, 0x70, 0x7a),
    edge: Color32::from_rgb(0x80, 0x83, 0x8d),
    queue: Color32::from_rgb(0x56, 0xb4, 0xe9),
    gpu: Color32::from_rgb(0x8f, 0xd1, 0x4f),
    spark: Color32::from_rgb(0xa9, 0xac, 0xb8),
    strong: Color32::from_rgb(0xf0, 0xf0, 0xf2),
    weak: Color32::from_rgb(0xa6, 0xa9, 0xb3),
    live: Color32::from_rgb(0x2f, 0xc4, 0x97),
    offline: Color32::from_rgb(0xf0, 0xa8, 0x1e),
    trouble: Color32::from_rgb(0xff, 0x7f, 0x50),
    warning: Color32::from_rgb(0x5a, 0x43, 0x0a),
    on_warning: Color32::from_rgb(0xff, 0xe4, 0xa8),
    loss: Color32::from_rgb(0x56, 0xb4, 0xe9),
    loss_raw: Color32::from_rgb(0x31, 0x55, 0x6c),
    learning_rate: Color32::from_rgb(0xcc, 0x79, 0xa7),
    series: [
        Color32::from_rgb(0x56, 0xb4, 0xe9),
        Color32::from_rgb(0xf0, 0xa8, 0x1e),
        Color32::from_rgb(0x2f, 0xc4, 0x97),
        Color32::from_rgb(0xcc, 0x79, 0xa7),
        Color32::from_rgb(0xf0, 0xe4, 0x42),
        Color32::from_rgb(0xe8, 0x74, 0x3b),
        Color32::from_rgb(0x7f, 0x8f, 0xd8),
    ],
};

const LIGHT: Palette = Palette {
    busy: Color32::from_rgb(0x00, 0x9e, 0x73),
    starved: Color32::from_rgb(0x7f, 0xb8, 0xe0),
    blocked: Color32::from_rgb(0xb3, 0x4d, 0x86),
    bottleneck: Color32::from_rgb(0xc7, 0x6a, 0x00),
    bottleneck_card: Color32::from_rgb(0xff, 0xf1, 0xd9),
    on_bottleneck: Color32::from_rgb(0xff, 0xff, 0xff),
    ground: Color32::from_rgb(0xf8, 0xf8, 0xf8),
    card: Color32::from_rgb(0xff, 0xff, 0xff),
    card_line: Color32::from_rgb(0x9a, 0x9d, 0xa6),
    track: Color32::from_rgb(0xdc, 0xde, 0xe3),
    selected: Color32::from_rgb(0x10, 0x10, 0x14),
    frame: Color32::from_rgb(0xee, 0xef, 0xf3),
    frame_line: Color32::from_rgb(0x86, 0x8a, 0x96),
    edge: Color32::from_rgb(0x80, 0x83, 0x8d),
    queue: Color32::from_rgb(0x00, 0x72, 0xb2),
    gpu: Color32::from_rgb(0x3d, 0x78, 0x00),
    spark: Color32::from_rgb(0x6c, 0x70, 0x7c),
    strong: Color32::from_rgb(0x18, 0x18, 0x1c),
    weak: Color32::from_rgb(0x5a, 0x5d, 0x68),
    live: Color32::from_rgb(0x00, 0x7d, 0x5b),
    offline: Color32::from_rgb(0xa8, 0x5a, 0x00),
    trouble: Color32::from_rgb(0xb0, 0x3a, 0x00),
    warning: Color32::from_rgb(0xff, 0xe9, 0xb8),
    on_warning: Color32::from_rgb(0x4d, 0x37, 0x00),
    loss: Color32::from_rgb(0x00, 0x72, 0xb2),
    loss_raw: Color32::from_rgb(0xb5, 0xd4, 0xe8),
    learning_rate: Color32::from_rgb(0xb3, 0x4d, 0x86),
    series: [
        Color32::from_rgb(0x00, 0x72, 0xb2),
        Color32::from_rgb(0xc7, 0x6a, 0x00),
        Color32::from_rgb(0x00, 0x8a, 0x64),
        Color32::from_rgb(0xb3, 0x4d, 0x86),
        Color32::from_rgb(0x8a, 0x7d, 0x00),
        Color32::from_rgb(0xb0, 0x3a, 0x00),
        Color32::from_rgb(0x4b, 0x57, 0xa8),
    ],
};

impl Palette {
    /// The colours on dark ground.
    pub fn dark() -> &'static Self {
        &DARK
    }

    /// The colours on light ground.
    pub fn light() -> &'static Self {
        &LIGHT
    }

    /// The colours of the theme in use.
    pub fn of(ui: &Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }
}

/// Follows the system's theme, dark where it has none.
pub fn apply(context: &Context) {
    context.options_mut(|options| {
        options.theme_preference = egui::ThemePreference::System;
        options.fallback_theme = Theme::Dark;
    });
    context.style_mut_of(Theme::Dark, |style| style.visuals.override_text_color = Some(DARK.strong));
    context.style_mut_of(Theme::Light, |style| style.visuals.override_text_color = Some(LIGHT.strong));
    context.all_styles_mut(|style| style.spacing.item_spacing = vec2(8.0, 4.0));
}

/// Sizes of the graph, in points at zoom 1.
pub mod graph {
    use super::{Vec2, vec2};

    /// A node.
    pub const NODE: Vec2 = vec2(150.0, 104.0);
    /// Between two nodes of a fused stage.
    pub const NODE_GAP: f32 = 26.0;
    /// Between the nodes of a stage and its frame.
    pub const FRAME_PADDING: f32 = 8.0;
    /// Above the nodes of a stage, for its name.
    pub const FRAME_HEADER: f32 = 22.0;
    /// Between two stages above each other.
    pub const STAGE_GAP: f32 = 14.0;
    /// Between a stage and what is drawn on its edges.
    pub const RANK_GAP: f32 = 12.0;
    /// A queue's gauge.
    pub const GAUGE: Vec2 = vec2(62.0, 40.0);
    /// Height of a port's name above a gauge.
    pub const PORT: f32 = 14.0;
    /// Smallest and largest zoom.
    pub const ZOOM: (f32, f32) = (0.2, 3.0);
    /// Largest zoom at which a small graph is fitted: larger text says no more.
    pub const FIT_ZOOM: f32 = 1.25;
    /// Room for the legend, in points of the screen.
    pub const LEGEND: f32 = 22.0;
}

/// Share of the window's height that the graph takes, and its least height.
pub const GRAPH_SHARE: f32 = 0.35;
/// Least height of the graph.
pub const GRAPH_MIN: f32 = 180.0;
/// Share of the window's width that the node panel takes.
pub const NODE_SHARE: f32 = 0.57;
/// Width of the facts beside a node's images.
pub const FACTS_WIDTH: f32 = 260.0;
/// Width of the table of epochs.
pub const EPOCHS_WIDTH: f32 = 225.0;
/// Height of the learning rate's plot.
pub const LEARNING_RATE_HEIGHT: f32 = 84.0;

/// Text of explanations.
pub fn small() -> FontId {
    FontId::proportional(11.5)
}
