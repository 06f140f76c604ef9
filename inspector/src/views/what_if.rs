//! What the run would do if something were otherwise, from what was measured; checked where the run takes commands.

use eframe::egui::{Button, Grid, RichText, ScrollArea, Slider, Ui};
use telemetry::Command;

use super::paint::weak_ui;
use crate::numbers::{duration, grouped, percent};
use crate::theme::Palette;
use crate::{Run, Tense};

/// After a change, the rate is measured after so long: the engine's own rate is over ten seconds.
const SETTLE_NS: u64 = 15_000_000_000;

/// What the panel remembers.
#[derive(Default)]
pub struct WhatIfView {
    workers: Option<u32>,
    check: Option<Check>,
}

/// A prediction that is tried.
struct Check {
    what: String,
    predicted: f64,
    /// When the change was made.
    since_ns: u64,
    reached: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// Workers that may work.
    pub workers: f64,
    /// Cores of the machine, as far as is known.
    pub cores: f64,
    /// Seconds that a worker needs for a row, by node.
    pub nodes: Vec<(usize, f64)>,
    /// Rows a second that the model takes, if there is one.
    pub model: Option<f64>,
}

impl Costs {
    /// Of a run as it is now; none while nothing is known.
    pub fn of(run: &Run) -> Option<Self> {
        let (_, nodes) = run.history.pool()?;
        let settings = run.latest.settings;
        let workers = if settings.workers > 0 { settings.workers } else { run.description.workers };
        let cores = run.loads.last().map_or(0, |load| load.cores.len()) as f64;
        // It can take at least what it takes.
        let model = run.history.model().map(|model| model.max(run.training_rate().unwrap_or(0.0)));
        Some(Self { workers: workers.into(), cores, nodes, model })
    }

    fn seconds(&self) -> f64 {
        self.nodes.iter().map(|(_, seconds)| seconds).sum()
    }

    /// Rows a second of the data pipeline with so many workers; more workers than cores help nobody.
    fn data(&self, workers: f64, seconds: f64) -> f64 {
        let at_work = if self.cores > 0.0 { workers.min(self.cores) } else { workers };
        if seconds > 0.0 { at_work / seconds } else { f64::INFINITY }
    }

    /// Rows a second of the run: that of the slower side.
    fn run(&self, data: f64) -> f64 {
        self.model.map_or(data, |model| model.min(data))
    }

    /// With another number of workers.
    pub fn with_workers(&self, workers: f64) -> f64 {
        self.run(self.data(workers, self.seconds()))
    }

    /// Without a node, or with it where it costs no worker's time.
    pub fn without(&self, node: usize) -> f64 {
        let seconds = self.nodes.iter().filter(|(n, _)| *n != node).map(|(_, seconds)| seconds).sum();
        self.run(self.data(self.workers, seconds))
    }

    /// As it is.
    pub fn now(&self) -> f64 {
        self.with_workers(self.workers)
    }
}

/// The panel; what was asked of the run.
pub fn what_if_ui(ui: &mut Ui, run: &Run, state: &mut WhatIfView) -> Option<Command> {
    ui.label(RichText::new("What if").strong());
    let Some(costs) = Costs::of(run) else {
        weak_ui(
            ui,
            match run.tense {
                Tense::Now => "This needs rates: they come with the first batches of a running data pipeline",
                Tense::Past => "The run had no rates at its end",
                Tense::Plan => "Estimates come when the graph is run",
            },
        );
        return None;
    };
    let mut asked = None;
    ScrollArea::vertical().id_salt("what if").auto_shrink(false).show(ui, |ui| {
        now_ui(ui, run, &costs);
        ui.add_space(6.0);
        asked = workers_ui(ui, run, state, &costs);
        ui.add_space(6.0);
        nodes_ui(ui, run, &costs);
        weak_ui(
            ui,
            "Estimates: the slower of the model and the data pipeline bounds the run, workers share the cores evenly. A \
             model on the CPU also gains what the pipeline no longer takes, which is not counted here.",
        );
    });
    asked
}

fn now_ui(ui: &mut Ui, run: &Run, costs: &Costs) {
    let when = if run.tense == Tense::Now { "Now" } else { "At the last" };
    let data = grouped(costs.data(costs.workers, costs.seconds()));
    ui.label(match costs.model {
        Some(model) => {
            format!("{when}: the data pipeline could deliver {data} img/s, the model could take {}.", grouped(model))
        }
        None => format!("{when}: the data pipeline could deliver {data} img/s."),
    });
}

fn workers_ui(ui: &mut Ui, run: &Run, state: &mut WhatIfView, costs: &Costs) -> Option<Command> {
    let palette = Palette::of(ui);
    let mut workers = state.workers.unwrap_or(costs.workers as u32);
    let most = (run.description.workers * 4).max(costs.cores as u32).max(2);
    let mut asked = None;
    let predicted = costs.with_workers(workers.into());
    ui.horizontal(|ui| {
        ui.label("With");
        if ui.add(Slider::new(&mut workers, 1..=most).text("workers")).changed() {
            state.workers = Some(workers);
        }
    });
    ui.label(RichText::new(format!("the run would do {} img/s", grouped(predicted))).color(palette.live));
    let Some(control) = run.description.control.filter(|_| run.tense == Tense::Now) else {
        weak_ui(ui, "Start the run with --inspect-control to try it from here");
        return None;
    };
    ui.horizontal(|ui| {
        let able = workers <= control.workers;
        let hint = format!("This run has {} workers; more need a new one, with --workers", control.workers);
        if ui.add_enabled(able, Button::new("Try it")).on_disabled_hover_text(hint).clicked() {
            asked = Some(Command::Workers(workers));
            let what = format!("{workers} workers");
            state.check = Some(Check { what, predicted, since_ns: run.latest.elapsed_ns, reached: None });
        }
        let mut prefetch = match run.latest.settings.prefetch {
            0 => control.prefetch,
            set => set,
        };
        let slider = Slider::new(&mut prefetch, 1..=32).text("batches may wait");
        if ui.add(slider).on_hover_text("Prefetch depth: more even out hiccups, and take memory").changed() {
            asked = Some(Command::Prefetch(prefetch));
        }
    });
    if let Some(check) = &mut state.check {
        check_ui(ui, run, check);
    }
    asked
}

fn check_ui(ui: &mut Ui, run: &Run, check: &mut Check) {
    let now = run.latest.elapsed_ns;
    if check.reached.is_none() && now >= check.since_ns.saturating_add(SETTLE_NS) {
        check.reached = run.training_rate();
    }
    match check.reached {
        Some(reached) => {
            let error = (check.predicted - reached).abs() / reached.max(1e-9);
            ui.label(format!(
                "{}: predicted {} img/s, reached {}: {} off",
                check.what,
                grouped(check.predicted),
                grouped(reached),
                percent(error)
            ));
        }
        None => {
            let left = (check.since_ns + SETTLE_NS).saturating_sub(now) as f64 / 1e9;
            weak_ui(ui, format!("{}: measuring, {left:.0} s", check.what));
        }
    }
}

fn nodes_ui(ui: &mut Ui, run: &Run, costs: &Costs) {
    let palette = Palette::of(ui);
    let all = costs.seconds();
    Grid::new("costs").num_columns(4).spacing([14.0, 3.0]).striped(true).show(ui, |ui| {
        for title in ["node", "a row takes", "share", "without it, or free of the CPU"] {
            weak_ui(ui, title);
        }
        ui.end_row();
        let mut nodes = costs.nodes.clone();
        nodes.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (node, seconds) in nodes {
            ui.label(run.name(node));
            ui.label(duration(seconds));
            ui.label(percent(seconds / all.max(1e-12)));
            let (without, now) = (costs.without(node), costs.now());
            let gain = without / now - 1.0;
            let words = if !without.is_finite() {
                "no data work would be left".to_owned()
            } else if gain < 0.005 {
                format!("{} img/s, the same", grouped(without))
            } else if gain < 1.0 {
                format!("{} img/s, {} more", grouped(without), percent(gain))
            } else {
                format!("{} img/s, {:.1} times as many", grouped(without), gain + 1.0)
            };
            let color = if gain < 0.005 { palette.weak } else { palette.strong };
            ui.label(RichText::new(words).color(color));
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(model: Option<f64>) -> Costs {
        Costs { workers: 2.0, cores: 4.0, nodes: vec![(0, 0.001), (1, 0.003)], model }
    }

    #[test]
    fn the_slower_side_bounds_the_run() {
        assert_eq!(costs(None).now(), 500.0);
        assert_eq!(costs(Some(100.0)).now(), 100.0);
        assert_eq!(costs(Some(100.0)).with_workers(1.0), 100.0);
        assert_eq!(costs(Some(300.0)).with_workers(1.0), 250.0);
    }

    #[test]
    fn cores_are_the_limit_of_workers() {
        assert_eq!(costs(None).with_workers(4.0), 1000.0);
        assert_eq!(costs(None).with_workers(16.0), 1000.0);
    }

    #[test]
    fn without_the_dearest_node_it_is_faster() {
        assert_eq!(costs(None).without(1), 2000.0);
        assert_eq!(costs(None).without(7), 500.0);
    }
}
