//! The selected node: what it is, how it fares, what it does to images.

use eframe::egui::{CentralPanel, Frame, Label, Margin, Panel, RichText, ScrollArea, Sense, Ui, vec2};
use serde_json::Value;
use telemetry::{ModelTimes, NodeDescription, Role};

use super::card::shares_text;
use super::latency::latency_ui;
use super::paint::{share_bar, swatch_ui, weak_ui};
use super::pictures::{Textures, batch_ui, pictures_ui};
use crate::history::Activity;
use crate::numbers::{bytes, compact, count, grouped, percent};
use crate::run::place_name;
use crate::theme::{FACTS_WIDTH, Palette};
use crate::{Run, Tense};

/// A parameter's value is cut after this many letters; all of it is in its hover text.
const MAX_VALUE: usize = 160;

/// The node panel.
pub fn node_ui(ui: &mut Ui, run: &Run, selected: Option<usize>, textures: &mut Textures) {
    let Some(node) = selected else {
        ui.add_space(8.0);
        ui.heading("No node selected");
        ui.label(
            "Click a node in the graph to see its parameters, where its time goes, and the images before and after it.",
        );
        return;
    };
    let width = FACTS_WIDTH.min(ui.available_width() * 0.48);
    Panel::left("facts").frame(Frame::new()).default_size(width).resizable(true).show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        ScrollArea::vertical().id_salt(("facts", node)).auto_shrink(false).show(ui, |ui| facts_ui(ui, run, node));
    });
    let frame = Frame::new().inner_margin(Margin { left: 8, ..Margin::ZERO });
    CentralPanel::no_frame().frame(frame).show(ui, |ui| images_ui(ui, run, textures));
}

fn facts_ui(ui: &mut Ui, run: &Run, node: usize) {
    let palette = Palette::of(ui);
    let description = &run.description.nodes[node];
    ui.add_space(4.0);
    ui.heading(&description.name);
    ui.add(Label::new(format!("{}, {}", description.operator, role_text(description.role))).wrap());
    if run.history.bottleneck().is_some_and(|b| b.node == node) {
        ui.label(RichText::new("the bottleneck of the run").color(palette.bottleneck).strong());
    }
    counters_ui(ui, run, node);
    parameters_ui(ui, description);
    title_ui(ui, "Output");
    if description.output.is_empty() {
        weak_ui(ui, "none");
    }
    for field in &description.output {
        ui.add(Label::new(field).wrap());
    }
    stage_ui(ui, run, node);
}

fn title_ui(ui: &mut Ui, text: &str) {
    ui.add_space(6.0);
    ui.label(RichText::new(text).strong().color(Palette::of(ui).weak));
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Source => "a source",
        Role::Map => "works on rows",
        Role::Transfer => "moves batches between devices",
        Role::Model => "trains the model",
    }
}

fn counters_ui(ui: &mut Ui, run: &Run, node: usize) {
    let palette = Palette::of(ui);
    let rate = run.history.node(node);
    title_ui(ui, if run.tense == Tense::Past { "At the last" } else { "Now" });
    let mut speed = run.rate_text(node, grouped);
    if run.tense == Tense::Now && rate.activity == Activity::Active && rate.bytes > 0.0 {
        speed += &format!(", {}/s", bytes(rate.bytes));
    }
    ui.label(speed);
    if run.tense == Tense::Plan {
        return;
    }
    ui.label(shares_text(rate));
    let (bar, _) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, 8.0), Sense::hover());
    share_bar(ui.painter(), bar, rate.shares, palette);
    let capacity = run.history.stage(run.stage_of(node)).capacity;
    if rate.activity == Activity::Active && capacity.is_finite() {
        ui.label(format!("its stage could do {} rows/s", grouped(capacity)));
    }
    if let Some(counters) = run.latest.nodes.get(node) {
        let text = format!("so far {} batches, {} rows", count(counters.batches), compact(counters.rows as f64));
        weak_ui(ui, text);
    }
    if run.description.nodes[node].role == Role::Model {
        parts_ui(ui, &run.latest.model);
    }
    let stage = &run.description.stages[run.stage_of(node)];
    if let Some(histogram) = run.latencies.get(run.stage_of(node)).filter(|h| h.count() > 0) {
        let what = match (run.description.nodes[node].role, stage.nodes.len()) {
            (Role::Model, _) => "batches".to_owned(),
            (_, 1) => format!("chunks of {} rows", stage.rows_per_chunk),
            _ => format!("chunks of {} rows, through the whole stage", stage.rows_per_chunk),
        };
        title_ui(ui, "How long it takes");
        latency_ui(ui, histogram, &what);
    }
}

/// Where the model's time goes.
fn parts_ui(ui: &mut Ui, times: &ModelTimes) {
    let parts = [
        ("forward", times.forward_ns),
        ("backward", times.backward_ns),
        ("update", times.update_ns),
        ("evaluation", times.evaluation_ns),
    ];
    let all: u64 = parts.iter().map(|(_, ns)| *ns).fold(0, u64::saturating_add);
    if all == 0 {
        return;
    }
    title_ui(ui, "Its parts");
    let palette = Palette::of(ui);
    let (bar, _) = ui.allocate_exact_size(vec2(ui.available_width() - 8.0, 8.0), Sense::hover());
    let mut left = bar.left();
    for (index, (_, ns)) in parts.iter().enumerate() {
        let right = left + bar.width() * (*ns as f64 / all as f64) as f32;
        ui.painter().rect_filled(bar.with_min_x(left).with_max_x(right), 0.0, palette.series[index]);
        left = right;
    }
    for (index, (name, ns)) in parts.iter().enumerate().filter(|(_, (_, ns))| *ns > 0) {
        let share = percent(*ns as f64 / all as f64);
        ui.horizontal(|ui| swatch_ui(ui, palette.series[index], &format!("{name} {share}")));
    }
}

fn parameters_ui(ui: &mut Ui, description: &NodeDescription) {
    title_ui(ui, "Parameters");
    match serde_json::from_str(&description.params) {
        Ok(Value::Object(params)) if params.is_empty() => drop(weak_ui(ui, "none")),
        Ok(Value::Object(params)) => {
            for (name, value) in &params {
                ui.horizontal_wrapped(|ui| {
                    weak_ui(ui, name);
                    value_ui(ui, value);
                });
            }
        }
        // Whatever it is, the user can read it better than nothing.
        _ => drop(ui.add(Label::new(&description.params).wrap())),
    }
}

fn value_ui(ui: &mut Ui, value: &Value) {
    let text = match value {
        Value::String(text) => text.clone(),
        other => spaced(other),
    };
    let cut: String = text.chars().take(MAX_VALUE).collect();
    if cut.len() < text.len() {
        let pretty = serde_json::to_string_pretty(value).unwrap_or(text);
        ui.add(Label::new(cut + "…").wrap()).on_hover_ui(|ui| {
            ui.monospace(pretty);
        });
    } else {
        ui.add(Label::new(text).wrap());
    }
}

/// Compact JSON with spaces after commas, so that it can be wrapped.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Value::Object(values) => {
            let pairs: Vec<String> = values.iter().map(|(name, value)| format!("{name}: {}", spaced(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn stage_ui(ui: &mut Ui, run: &Run, node: usize) {
    let stage = &run.description.stages[run.stage_of(node)];
    title_ui(ui, "Stage");
    let place = place_name(stage.place);
    let text = if stage.nodes.len() > 1 {
        let names: Vec<&str> = stage.nodes.iter().map(|&n| run.name(n as usize)).collect();
        format!("fused on {place}: {}", names.join(", "))
    } else {
        format!("alone on {place}")
    };
    ui.add(Label::new(text).wrap());
    if stage.rows_per_chunk > 0 {
        ui.label(format!("{} rows at a time for each worker", stage.rows_per_chunk));
    }
    for reason in &stage.reasons {
        ui.add(Label::new(reason).wrap());
    }
}

fn images_ui(ui: &mut Ui, run: &Run, textures: &mut Textures) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Images").strong());
        if let Some(images) = &run.images {
            batch_ui(ui, images);
            if run.tense == Tense::Now {
                ui.checkbox(&mut textures.hold, "hold").on_hover_text("Keep these images in sight");
            }
        }
    });
    match &run.images {
        Some(images) => {
            ScrollArea::vertical()
                .id_salt("images")
                .auto_shrink(false)
                .show(ui, |ui| pictures_ui(ui, images, textures));
        }
        None => {
            let words = match run.tense {
                Tense::Plan => "Images come when the graph is run",
                Tense::Past => "There are none of this node",
                Tense::Now if run.latest.paused => "waiting for the next batch; the run is paused",
                Tense::Now => "waiting for the next batch",
            };
            weak_ui(ui, words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_can_be_read_and_wrapped() {
        let value = serde_json::from_str(r#"[1,2.5,{"a":"b","c":[true]}]"#).expect("it is JSON");
        assert_eq!(spaced(&value), "[1, 2.5, {a: b, c: [true]}]");
    }
}
