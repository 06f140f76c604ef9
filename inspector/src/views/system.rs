//! What machine and process are at: cores, memory, threads, graphics cards, over time.

use eframe::egui::{Align, CornerRadius, Grid, Layout, Rect, RichText, ScrollArea, Sense, Ui, vec2};
use egui_plot::{HoverPosition, Line, Plot, PlotPoint, PlotPoints};
use telemetry::Load;

use super::paint::{swatch_ui, weak_ui};
use crate::Run;
use crate::numbers::{bytes, clock, percent};
use crate::theme::Palette;

const HEIGHT: f32 = 96.0;

/// The panel.
pub fn system_ui(ui: &mut Ui, run: &Run) {
    let Some(last) = run.loads.last() else {
        ui.label(RichText::new("System").strong());
        weak_ui(ui, "What the machine is at comes with a run, once a second");
        return;
    };
    ScrollArea::vertical().id_salt("system").auto_shrink(false).show(ui, |ui| {
        processor_ui(ui, run, last);
        ui.add_space(4.0);
        memory_ui(ui, run, last);
        for gpu in 0..last.gpus.len() {
            ui.add_space(4.0);
            gpu_ui(ui, run, gpu);
        }
        slots_ui(ui, run, last);
    });
}

/// Between each two loads, a value a second.
fn rates(loads: &[Load], of: impl Fn(&Load) -> u64) -> Vec<PlotPoint> {
    let rate = |pair: &[Load]| {
        let seconds = (pair[1].elapsed_ns as f64 - pair[0].elapsed_ns as f64) / 1e9;
        let grown = of(&pair[1]).saturating_sub(of(&pair[0])) as f64 / 1e9;
        (seconds > 0.0).then(|| PlotPoint::new(pair[1].elapsed_ns as f64 / 1e9, grown / seconds))
    };
    loads.windows(2).filter_map(rate).collect()
}

fn threads(load: &Load, name: &str) -> u64 {
    load.threads.iter().find(|(n, ..)| n == name).map_or(0, |(_, _, ns)| *ns)
}

fn processor_ui(ui: &mut Ui, run: &Run, last: &Load) {
    let palette = Palette::of(ui);
    let process = rates(&run.loads, |load| load.process_cpu_ns);
    let now = process.last().map_or(0.0, |p| p.y);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Processor").strong());
        ui.label(format!("{now:.2} of {} cores are at work for this run", last.cores.len()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| cores_ui(ui, run));
    });
    let names: Vec<&str> = last.threads.iter().map(|(name, ..)| name.as_str()).collect();
    plot("cores", |value| format!("{value:.2} cores")).include_y(last.cores.len() as f64).show(ui, |plot| {
        plot.line(Line::new("all", PlotPoints::Owned(process)).color(palette.strong).width(1.6));
        for (index, name) in names.iter().enumerate() {
            let line = rates(&run.loads, |load| threads(load, name));
            let color = palette.series[index % palette.series.len()];
            plot.line(Line::new(*name, PlotPoints::Owned(line)).color(color).width(1.4));
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        swatch_ui(ui, palette.strong, "all of the run");
        for (index, (name, count, _)) in last.threads.iter().enumerate() {
            ui.add_space(6.0);
            let words = if *count == 1 { name.clone() } else { format!("{name} ({count} threads)") };
            swatch_ui(ui, palette.series[index % palette.series.len()], &words);
        }
    });
}

/// A bar for each core: how busy it is, for anybody.
fn cores_ui(ui: &mut Ui, run: &Run) {
    let palette = Palette::of(ui);
    let [.., before, last] = &run.loads[..] else { return };
    let busy: Vec<f64> = last
        .cores
        .iter()
        .zip(&before.cores)
        .map(|(now, then)| {
            let all = now.1.saturating_sub(then.1) as f64;
            if all > 0.0 { (now.0.saturating_sub(then.0) as f64 / all).min(1.0) } else { 0.0 }
        })
        .collect();
    let width = (160.0 / busy.len().max(1) as f32).clamp(2.0, 14.0);
    let (area, response) = ui.allocate_exact_size(vec2(width * busy.len() as f32, 16.0), Sense::hover());
    for (index, share) in busy.iter().enumerate() {
        let left = area.left() + width * index as f32;
        let bar = Rect::from_x_y_ranges(left..=left + width - 1.0, area.y_range());
        ui.painter().rect_filled(bar, CornerRadius::ZERO, palette.track);
        let full = bar.with_min_y(bar.bottom() - bar.height() * *share as f32);
        ui.painter().rect_filled(full, CornerRadius::ZERO, palette.busy);
    }
    let mean = busy.iter().sum::<f64>() / busy.len().max(1) as f64;
    response.on_hover_text(format!("cores of the machine, by anybody: {} busy", percent(mean)));
}

fn memory_ui(ui: &mut Ui, run: &Run, last: &Load) {
    let palette = Palette::of(ui);
    let used = last.memory_bytes.saturating_sub(last.available_bytes);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new("Memory").strong());
        let process = bytes(last.process_bytes as f64);
        let (used, all) = (bytes(used as f64), bytes(last.memory_bytes as f64));
        ui.label(format!("{process} by this run; {used} of {all} by all"));
    });
    let line = |of: fn(&Load) -> u64| {
        let point = |load: &Load| PlotPoint::new(load.elapsed_ns as f64 / 1e9, of(load) as f64);
        PlotPoints::Owned(run.loads.iter().map(point).collect())
    };
    plot("memory", bytes).include_y(0.0).show(ui, |plot| {
        plot.line(Line::new("this run", line(|l| l.process_bytes)).color(palette.series[0]).width(1.8));
        let batches = line(|l| l.slot_bytes.iter().fold(0, |sum, b| sum.saturating_add(*b)));
        plot.line(Line::new("batches in flight", batches).color(palette.series[1]).width(1.8));
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        swatch_ui(ui, palette.series[0], "this run");
        ui.add_space(6.0);
        swatch_ui(ui, palette.series[1], "batches in flight");
    });
}

fn gpu_ui(ui: &mut Ui, run: &Run, index: usize) {
    let palette = Palette::of(ui);
    let Some(gpu) = run.loads.last().and_then(|load| load.gpus.get(index)) else { return };
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&gpu.name).strong());
        let (used, all) = (bytes(gpu.used_bytes as f64), bytes(gpu.memory_bytes as f64));
        ui.label(format!("{} busy, {used} of {all}", percent(gpu.busy.into())));
    });
    let point =
        |load: &Load| load.gpus.get(index).map(|gpu| PlotPoint::new(load.elapsed_ns as f64 / 1e9, f64::from(gpu.busy)));
    let busy: Vec<PlotPoint> = run.loads.iter().filter_map(point).collect();
    plot(&format!("gpu {index}"), percent).include_y(1.0).show(ui, |plot| {
        plot.line(Line::new("busy", PlotPoints::Owned(busy)).color(palette.gpu).width(1.8));
    });
}

/// Memory of the batches of each queue.
fn slots_ui(ui: &mut Ui, run: &Run, last: &Load) {
    let stages = run.description.stages.iter().zip(&last.slot_bytes).filter(|(_, bytes)| **bytes > 0);
    ui.add_space(4.0);
    Grid::new("slots").num_columns(2).spacing([14.0, 3.0]).show(ui, |ui| {
        for (stage, size) in stages {
            let name = stage.nodes.last().map_or("", |n| run.name(*n as usize));
            weak_ui(ui, format!("batches after {name}"));
            ui.label(bytes(*size as f64));
            ui.end_row();
        }
    });
}

fn plot<'a>(name: &str, value: impl Fn(f64) -> String + Copy + 'a) -> Plot<'a> {
    Plot::new(name.to_owned())
        .height(HEIGHT)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_zoom(false)
        .allow_boxed_zoom(false)
        .include_y(0.0)
        .y_axis_min_width(52.0)
        .grid_spacing(18.0..=220.0)
        .x_axis_formatter(|mark, _| clock(mark.value))
        .y_axis_formatter(move |mark, _| value(mark.value))
        .label_formatter(move |hover| match hover {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}\n{}: {}", clock(position.x), value(position.y)))
            }
            HoverPosition::Elsewhere { .. } => None,
        })
}
