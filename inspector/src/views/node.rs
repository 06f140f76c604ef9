//! The selected node: what it is, how it fares, what it does to images.

use eframe::egui::{CentralPanel, Frame, Label, Margin, Panel, RichText, ScrollArea, Sense, Ui, vec2};
use serde_json::Value;
use telemetry::{NodeDescription, Role};

use super::card::shares_text;
use super::paint::{share_bar, weak_ui};
use super::pictures::{Textures, batch_ui, pictures_ui};
use crate::Run;
use crate::history::Activity;
use crate::numbers::{bytes, compact, count, grouped};
use crate::run::place_name;
use crate::theme::{FACTS_WIDTH, Palette};

/// A parameter's value is cut after this many letters; all of it is in its hover text.
const MAX_VALUE: usize = 160;

/// The node panel.
pub fn node_ui(ui: &mut Ui, run: &Run, selected: Option<usize>, textures: &Textures) {
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
    title_ui(ui, "Now");
    let speed = match rate.activity {
        Activity::Active if rate.bytes > 0.0 => {
            format!("{} rows/s, {}/s", grouped(rate.rows), bytes(rate.bytes))
        }
        Activity::Active => format!("{} rows/s", grouped(rate.rows)),
        Activity::Idle => "idle: no rows pass now".to_owned(),
        Activity::Measuring => "measuring".to_owned(),
        Activity::Waiting => "no rows yet".to_owned(),
    };
    ui.label(speed);
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
}

fn parameters_ui(ui: &mut Ui, description: &NodeDescription) {
    title_ui(ui, "Parameters");
    match serde_json::from_str(&description.params) {
        Ok(Value::Object(params)) if params.is_empty() => weak_ui(ui, "none"),
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

fn images_ui(ui: &mut Ui, run: &Run, textures: &Textures) {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Images").strong());
        if let Some(images) = &run.images {
            batch_ui(ui, images);
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
            ui.horizontal(|ui| {
                ui.spinner();
                ui.label("waiting for the next batch");
            });
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
