//! What `engine sample` writes and says of the rows that were rebuilt.

use std::path::{Path, PathBuf};

use engine::batch::{DType, Field, Layout};
use engine::execute::{Pipeline, Rebuilt};
use serde_json::{Value, json};

use super::sample::{Kind, SampleArgs};
use super::sample_sheet::{Arrangement, Cell, alone, sheet};
use super::sample_values::{Array, arrays, each, save_json, save_npy, save_npz};
use super::sample_view::{Mapping, Picture, is_image, pictures};
use super::{Failure, screen};

/// What was rebuilt, and what of it is shown.
pub(super) struct Work<'a> {
    pub(super) args: &'a SampleArgs,
    pub(super) pipeline: &'a Pipeline,
    pub(super) rebuilt: &'a Rebuilt,
    /// The node that was asked for.
    pub(super) node: usize,
    /// All nodes that lead to it.
    pub(super) nodes: Vec<usize>,
    /// Those that are shown.
    pub(super) shown: Vec<usize>,
}

/// A node's values were shown, of this type, in this way.
pub(super) type View = (usize, DType, Mapping);

impl Work<'_> {
    fn name(&self, node: usize) -> &str {
        &self.pipeline.plan().nodes[node].name
    }

    /// Whether one sample is shown, and not a batch.
    fn single(&self) -> bool {
        self.args.index.is_some()
    }

    /// The image to show at a node.
    fn image(&self, node: usize) -> Option<&Field> {
        self.rebuilt.fields(node).find(|field| match &self.args.field {
            Some(name) => field.name == *name && is_image(field),
            None => is_image(field),
        })
    }

    /// A picture, if there is an image to show; else values.
    pub(super) fn kind(&self, kind: Option<Kind>, notes: &mut Vec<String>) -> Result<Kind, Failure> {
        let fields = || {
            let fields: Vec<String> = self.rebuilt.fields(self.node).map(ToString::to_string).collect();
            fields.join("; ")
        };
        let name = self.name(self.node);
        if let Some(field) = &self.args.field
            && !self.shown.iter().any(|node| self.rebuilt.fields(*node).any(|f| f.name == *field))
        {
            let message = format!("--field {field}: no such field leaves `{name}`\n  expected  one of {}", fields());
            return Err(Failure::Usage(message));
        }
        let image = self.shown.iter().any(|node| self.image(*node).is_some());
        match kind {
            None if image => Ok(Kind::Png),
            Some(Kind::Png) if !image => {
                let what = match &self.args.field {
                    Some(field) => format!("--field {field}: this is no image"),
                    None => format!("no image leaves `{name}`, but {}", fields()),
                };
                Err(Failure::Usage(format!("{what}\n  hint      --values writes values")))
            }
            None => {
                notes.push(match &self.args.field {
                    Some(field) => format!("`{field}` is no image, so that values are written"),
                    None => format!("no image leaves `{name}`, so that values are written"),
                });
                Ok(Kind::Npz)
            }
            Some(kind) => Ok(kind),
        }
    }

    /// `cifar-epoch3-sample1234-cutout.png`
    pub(super) fn file_name(&self, kind: Kind) -> PathBuf {
        let (plan, id) = (self.pipeline.plan(), self.rebuilt.id());
        let which = match self.args.index {
            Some(sample) => format!("sample{sample}"),
            None => format!("batch{}", id.index + 1),
        };
        let node = if self.args.all_nodes { "nodes" } else { self.name(self.node) };
        let graph = plan.graph.replace(' ', "-");
        format!("{graph}-epoch{}-{which}-{node}.{}", id.epoch + 1, kind.extension()).into()
    }

    /// What is known of the rows.
    pub(super) fn about(&self) -> Value {
        let (plan, id) = (self.pipeline.plan(), self.rebuilt.id());
        let node = |node: &usize| {
            let fields = self
                .rebuilt
                .fields(*node)
                .map(|f| json!({ "name": f.name, "dtype": f.dtype.word(), "shape": f.shape, "layout": layout(f) }));
            let words = (0..self.rebuilt.samples().len()).map(|row| self.rebuilt.words(*node, row));
            json!({
                "node": self.name(*node),
                "op": plan.nodes[*node].operator.name(),
                "random": plan.nodes[*node].signature.random,
                "fields": fields.collect::<Vec<_>>(),
                "words": words.collect::<Vec<_>>(),
            })
        };
        let rows = 0..self.rebuilt.samples().len();
        json!({
            "graph": plan.graph,
            "seed": plan.seed,
            "epoch": id.epoch + 1,
            "batch": id.index + 1,
            "node": self.name(self.node),
            "source": self.name(self.pipeline.source()),
            "samples": self.rebuilt.samples(),
            "labels": rows.map(|row| self.label(self.node, row)).collect::<Vec<_>>(),
            "nodes": self.nodes.iter().map(node).collect::<Vec<_>>(),
        })
    }

    /// A row's label at a node, in words: the class, or of a soft label the greatest shares.
    fn label(&self, node: usize, row: usize) -> Option<String> {
        let field = self.rebuilt.fields(node).find(|f| f.is_class() || f.is_soft_label())?;
        let bytes = self.rebuilt.column(node, &field.name)?.1.bytes()?;
        let bytes = &bytes[row * field.row_bytes()..(row + 1) * field.row_bytes()];
        let classes = &self.pipeline.shape().classes;
        let class = |class: i64| {
            let name = usize::try_from(class).ok().and_then(|class| classes.get(class));
            name.cloned().unwrap_or_else(|| format!("class {class}"))
        };
        if field.is_class() {
            return Some(class(each(bytes, i64::from_le_bytes)[0]));
        }
        let mut shares: Vec<(usize, f32)> =
            each(bytes, f32::from_le_bytes).into_iter().enumerate().filter(|(_, s)| *s > 0.0005).collect();
        shares.sort_by(|a, b| b.1.total_cmp(&a.1));
        let word = |(number, share): &(usize, f32)| format!("{} {:.1} %", class(*number as i64), 100.0 * share);
        Some(shares.iter().take(3).map(word).collect::<Vec<_>>().join(", "))
    }

    /// What a node did to a row, in words.
    fn words(&self, node: usize, row: usize) -> Vec<String> {
        match self.rebuilt.words(node, row) {
            [] if self.pipeline.plan().nodes[node].signature.random => vec!["left as it was".into()],
            words => words.to_vec(),
        }
    }

    fn pictures(&self, node: usize) -> Result<Option<(Vec<Picture>, View)>, Failure> {
        let Some(field) = self.image(node) else { return Ok(None) };
        let Some((field, values)) = self.rebuilt.column(node, &field.name) else { return Ok(None) };
        let (pictures, mapping) = pictures(self.pipeline.plan(), node, field, values)
            .map_err(|e| Failure::Failed(format!("node `{}`: {e}", self.name(node))))?;
        Ok(Some((pictures, (node, field.dtype, mapping))))
    }

    /// Draws what is shown; says how values became colours.
    pub(super) fn draw(&self, path: &Path) -> Result<Vec<View>, Failure> {
        let scale = |picture: &Picture, side: usize| match self.args.scale {
            Some(scale) => usize::from(scale),
            None => (side / picture.side().max(1)).max(1),
        };
        // An explicit scale is a scale of the image as it is.
        let fitted = |picture: Picture| if self.args.scale.is_some() { picture } else { picture.at_most(256) };
        let (plan, id) = (self.pipeline.plan(), self.rebuilt.id());
        let of_run = format!("{}, seed {}", plan.graph, plan.seed);
        if self.args.all_nodes {
            let (mut cells, mut views) = (Vec::new(), Vec::new());
            for &node in &self.shown {
                let (picture, view) = match self.pictures(node)? {
                    Some((pictures, view)) => (pictures.into_iter().next(), Some(view)),
                    None => (None, None),
                };
                let op = plan.nodes[node].operator.name();
                let mut facts = if op == self.name(node) { Vec::new() } else { vec![format!("({op})")] };
                if let (Some(picture), Some((_, dtype, mapping))) = (&picture, &view) {
                    let what = if *mapping == Mapping::Decoded { "encoded" } else { dtype.word() };
                    facts.push(format!("{what}, {} × {}", picture.height, picture.width));
                }
                let picture = picture.map(fitted);
                views.extend(view);
                cells.push(Cell { picture, name: self.name(node).to_owned(), words: self.words(node, 0), facts });
            }
            let largest = cells.iter().filter_map(|cell| cell.picture.as_ref()).max_by_key(|picture| picture.side());
            let scale = largest.map_or(1, |picture| scale(picture, 160));
            let label = self.label(self.node, 0).map(|label| format!(" ({label})")).unwrap_or_default();
            let (sample, number) = (self.rebuilt.samples()[0], id.words());
            let heading = format!("sample {sample}{label}, {number}: {of_run}");
            let columns = cells.len().div_ceil(cells.len().div_ceil(8).max(1));
            sheet(&heading, &cells, Arrangement { columns, scale, least_width: 160 })?.save(path)?;
            return Ok(views);
        }
        let Some((mut pictures, view)) = self.pictures(self.node)? else { unreachable!("`kind` found an image") };
        if self.single() {
            let picture = pictures.remove(0);
            alone(&picture, scale(&picture, 256))?.save(path)?;
            return Ok(vec![view]);
        }
        let cell = |(row, picture): (usize, Picture)| Cell {
            picture: Some(fitted(picture)),
            name: self.rebuilt.samples()[row].to_string(),
            words: Vec::new(),
            facts: self.label(self.node, row).into_iter().flat_map(|label| caption(&label)).collect(),
        };
        let cells: Vec<Cell> = pictures.into_iter().enumerate().map(cell).collect();
        let largest = cells.iter().filter_map(|cell| cell.picture.as_ref()).max_by_key(|picture| picture.side());
        let scale = largest.map_or(1, |picture| scale(picture, 128));
        let heading = format!("after {}, {}: {of_run}", self.name(self.node), id.words());
        // About as wide as high, captions included.
        let columns = (cells.len() as f64 * 1.25).sqrt().ceil() as usize;
        sheet(&heading, &cells, Arrangement { columns, scale, least_width: 128 })?.save(path)?;
        Ok(vec![view])
    }

    /// Writes the exact values of what is shown.
    pub(super) fn write(&self, kind: Kind, path: &Path, about: Value) -> Result<(), Failure> {
        let wanted = |field: &&Field| self.args.field.as_ref().is_none_or(|name| field.name == *name);
        let mut all = Vec::new();
        for &node in &self.shown {
            let prefix = if self.args.all_nodes { format!("{}.", self.name(node)) } else { String::new() };
            for field in self.rebuilt.fields(node).filter(wanted) {
                if let Some((field, values)) = self.rebuilt.column(node, &field.name) {
                    all.extend(arrays(&format!("{prefix}{}", field.name), field, values, self.single()));
                }
            }
        }
        match kind {
            Kind::Json => save_json(path, about, &all),
            Kind::Npz => {
                if all.iter().all(|array| array.name != "samples") {
                    all.push(Array::whole_numbers("samples", self.rebuilt.samples()));
                }
                save_npz(path, &all)
            }
            Kind::Npy | Kind::Png => {
                let image = self.image(self.node).map(|field| field.name.clone());
                let name = self.args.field.clone().or(image).or_else(|| match &all[..] {
                    [one] => Some(one.name.clone()),
                    _ => None,
                });
                match name.and_then(|name| all.iter().find(|array| array.name == name)) {
                    Some(array) => save_npy(path, array),
                    None => Err(Failure::Usage(format!(
                        "-o {}: a .npy holds one array; name it with --field, or write .npz or .json",
                        path.display()
                    ))),
                }
            }
        }
    }

    /// What people are told.
    pub(super) fn tell(&self, path: &Path, views: &[String], notes: &[String]) {
        let id = self.rebuilt.id();
        let what = match self.single() {
            true => {
                let label = self.label(self.node, 0).map(|label| format!(" ({label})")).unwrap_or_default();
                format!("sample {}{label}", self.rebuilt.samples()[0])
            }
            false => screen::plural(self.rebuilt.samples().len() as u64, "sample"),
        };
        let after = if self.args.all_nodes { "every node up to " } else { "" };
        let seed = self.pipeline.plan().seed;
        screen::out(format!(
            "{}: {what}, {}, seed {seed}, after {after}{}",
            path.display(),
            id.words(),
            self.name(self.node)
        ));
        if self.single() {
            let told = self.nodes.iter().map(|node| (self.name(*node), self.words(*node, 0).join("; ")));
            let told: Vec<_> = told.filter(|(_, words)| !words.is_empty()).collect();
            let width = told.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
            for (name, words) in told {
                screen::out(format!("  {name:<width$}  {words}"));
            }
        }
        for line in views {
            screen::out(format!("  {line}"));
        }
        for note in notes {
            screen::note(&format!("note: {note}"));
        }
    }
}

fn layout(field: &Field) -> &'static str {
    match field.layout {
        Layout::Plain => "plain",
        Layout::Hwc => "hwc",
        Layout::Chw => "chw",
        Layout::ChannelsLast => "channels_last",
        Layout::Picture => "picture",
        Layout::Blob => "blob",
    }
}

/// A label as lines: each share on its own, its number and its sign together.
fn caption(label: &str) -> Vec<String> {
    label.split(", ").map(|share| share.replace(" %", "\u{a0}%")).collect()
}
