//! What is shown, as files: the curve as CSV, the graph as SVG, the window as PNG, spans as a trace.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use eframe::egui::{Color32, ColorImage, Pos2, Rect};
use telemetry::write_chrome;

use crate::Run;
use crate::numbers::compact;
use crate::theme::Palette;

/// Names that are tried before giving up.
const MAX_NAMES: u32 = 10_000;

/// A new file in a folder: nothing that is there is overwritten.
fn create(folder: &Path, graph: &str, what: &str, extension: &str) -> io::Result<(PathBuf, File)> {
    let stem: String =
        graph.chars().map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' }).collect();
    for number in 1..MAX_NAMES {
        let path = folder.join(format!("{stem}-{what}-{number}.{extension}"));
        match File::create_new(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many files of that name already"))
}

/// Steps, losses, learning rates, images a second.
pub fn save_curve(run: &Run, folder: &Path) -> io::Result<PathBuf> {
    let (path, file) = create(folder, &run.description.graph, "training", "csv")?;
    let mut file = BufWriter::new(file);
    writeln!(file, "step,loss,learning_rate,images_per_second")?;
    for point in &run.curve {
        writeln!(file, "{},{},{},{}", point.step, point.loss, point.learning_rate, point.images_per_second)?;
    }
    file.flush()?;
    Ok(path)
}

/// Epochs, losses, accuracies, times.
pub fn save_epochs(run: &Run, folder: &Path) -> io::Result<PathBuf> {
    let (path, file) = create(folder, &run.description.graph, "epochs", "csv")?;
    let mut file = BufWriter::new(file);
    writeln!(file, "epoch,step,train_loss,test_accuracy,seconds")?;
    for epoch in &run.epochs {
        let accuracy = epoch.test_accuracy.map(|a| a.to_string()).unwrap_or_default();
        writeln!(file, "{},{},{},{accuracy},{}", epoch.epoch, epoch.step, epoch.train_loss, epoch.seconds)?;
    }
    file.flush()?;
    Ok(path)
}

/// Spans as a Chrome trace.
pub fn save_trace(run: &Run, folder: &Path) -> io::Result<PathBuf> {
    let (path, file) = create(folder, &run.description.graph, "trace", "json")?;
    let spans: Vec<_> = run.spans.iter().copied().collect();
    let mut file = BufWriter::new(file);
    write_chrome(&mut file, &run.description, &spans)?;
    file.flush()?;
    Ok(path)
}

/// A picture.
pub fn save_picture(image: &ColorImage, graph: &str, folder: &Path) -> io::Result<PathBuf> {
    let (path, file) = create(folder, graph, "inspector", "png")?;
    write_picture(image, file)?;
    Ok(path)
}

/// A picture as PNG.
pub fn write_picture(image: &ColorImage, file: File) -> io::Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(file), image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let rgb: Vec<u8> = image.pixels.iter().flat_map(|c| [c.r(), c.g(), c.b()]).collect();
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&rgb).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)
}

/// The graph with its numbers of now.
pub fn save_graph(run: &Run, palette: &Palette, folder: &Path) -> io::Result<PathBuf> {
    let (path, mut file) = create(folder, &run.description.graph, "graph", "svg")?;
    file.write_all(graph_svg(run, palette).as_bytes())?;
    Ok(path)
}

/// The graph as it is laid out, as SVG.
pub fn graph_svg(run: &Run, palette: &Palette) -> String {
    let bounds = run.layout.bounds.expand(16.0);
    let mut svg = Svg(String::new());
    let (x, y, w, h) = (bounds.left(), bounds.top(), bounds.width(), bounds.height());
    writeln!(
        svg.0,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{x:.1} {y:.1} {w:.1} {h:.1}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" font-family=\"Ubuntu, sans-serif\">"
    )
    .ok();
    svg.rect(bounds, 0.0, palette.ground, palette.ground);
    for (stage, rect) in run.description.stages.iter().zip(&run.layout.stages) {
        let place = crate::run::place_name(stage.place);
        if stage.nodes.len() > 1 {
            svg.rect(*rect, 8.0, palette.frame, palette.frame_line);
            svg.text(rect.left_top() + eframe::egui::vec2(9.0, 16.0), 11.0, palette.weak, &format!("fused on {place}"));
        } else {
            svg.text(rect.left_top() + eframe::egui::vec2(9.0, 16.0), 11.0, palette.weak, &place);
        }
    }
    for (index, route) in run.layout.edges.iter().enumerate() {
        svg.path(&route.points, palette.edge);
        let edge = &run.description.edges[index];
        let mut words: Vec<String> = edge.port.iter().cloned().collect();
        if edge.capacity > 0 {
            words.push(format!("{}/{}", run.queued(index), run.capacity(index)));
        }
        svg.text(route.label - eframe::egui::vec2(14.0, -4.0), 11.0, palette.weak, &words.join(" "));
    }
    let bound = run.history.bottleneck();
    for (index, rect) in run.layout.nodes.iter().enumerate() {
        let (node, rate) = (&run.description.nodes[index], run.history.node(index));
        let bounds = bound.is_some_and(|b| b.node == index);
        let (ground, line) = match bounds {
            true => (palette.bottleneck_card, palette.bottleneck),
            false => (palette.card, palette.card_line),
        };
        svg.rect(*rect, 6.0, ground, line);
        let at = |y: f32| rect.left_top() + eframe::egui::vec2(10.0, y);
        svg.text(at(20.0), 14.5, palette.strong, &node.name);
        svg.text(at(36.0), 11.0, palette.weak, &node.operator);
        let rows = run.rate_text(index, compact);
        svg.text(at(54.0), 13.0, palette.strong, &rows);
        let bar = Rect::from_min_max(at(62.0), rect.right_top() + eframe::egui::vec2(-10.0, 70.0));
        svg.rect(bar, 2.0, palette.track, palette.track);
        let shares = rate.shares;
        let parts = [(shares.busy, palette.busy), (shares.starved, palette.starved), (shares.blocked, palette.blocked)];
        let mut left = bar.left();
        for (share, color) in parts {
            let width = bar.width() * share as f32;
            if width > 0.3 {
                svg.rect(bar.with_min_x(left).with_max_x(left + width), 2.0, color, color);
            }
            left += width;
        }
        if bounds {
            svg.text(at(92.0), 11.0, palette.bottleneck, "bottleneck");
        }
    }
    svg.0 += "</svg>\n";
    svg.0
}

/// Writing to a text never fails.
struct Svg(String);

impl Svg {
    fn rect(&mut self, rect: Rect, radius: f32, ground: Color32, line: Color32) {
        let (x, y, w, h) = (rect.left(), rect.top(), rect.width().max(0.0), rect.height());
        writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius}\" fill=\"{}\" stroke=\"{}\"/>",
            hex(ground),
            hex(line)
        )
        .ok();
    }

    fn text(&mut self, at: Pos2, size: f32, color: Color32, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let (x, y, color) = (at.x, at.y, hex(color));
        writeln!(self.0, "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{color}\">{text}</text>").ok();
    }

    fn path(&mut self, points: &[Pos2], color: Color32) {
        let Some(first) = points.first() else { return };
        let mut path = format!("M{:.1} {:.1}", first.x, first.y);
        for pair in points.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let bend = (to.x - from.x) * 0.5;
            write!(path, " C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", from.x + bend, from.y, to.x - bend, to.y, to.x, to.y)
                .ok();
        }
        writeln!(self.0, "<path d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"/>", hex(color)).ok();
    }
}

fn hex(color: Color32) -> String {
    format!("#{:02x}{:02x}{:02x}", color.r(), color.g(), color.b())
}
