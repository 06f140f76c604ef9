//! Factor of the learning rate over a training.

use std::f64::consts::PI;

use crate::params::{choice, params, tagged};

tagged! {
    /// Factor of the learning rate over the training.
    pub enum ScheduleSpec ("schedule", tag "type") {
        "constant" => Constant,
        "piecewise_linear" => PiecewiseLinear,
        "cosine" => Cosine,
        "step" => StepDecay,
        "multi_step" => MultiStep,
        "one_cycle" => OneCycle,
    }
}

choice! {
    /// When the factor changes.
    pub enum Per {
        /// At every step.
        Step = "step",
        /// At the start of every epoch.
        Epoch = "epoch",
    }
}

choice! {
    /// How a factor goes from one value to another.
    pub enum Anneal {
        /// Along half a cosine.
        Cosine = "cosine",
        /// Along a line.
        Linear = "linear",
    }
}

params! {
    /// The same learning rate throughout.
    pub struct Constant: Default {}
}

params! {
    /// Straight lines between points. Before the first point and after the last one it is level.
    pub struct PiecewiseLinear {
        /// Points `[epoch, factor]`, epochs ascending. Where a run has fewer or more epochs than the graph says, they
        /// are stretched to fit.
        points: Vec<[f64; 2]> => 0.0..=1e6,
        /// When it changes.
        per: Per = Per::Step,
    }
}

params! {
    /// From 1 down along half a cosine (Loshchilov and Hutter, 2017), after a warm-up along a line.
    pub struct Cosine: Default {
        /// Epochs in which the factor rises from 0 to 1.
        warmup_epochs: f64 = 0.0 => 0.0..=1e6,
        /// The factor at the end.
        final_factor: f64 = 0.0 => 0.0..=1.0,
        /// When it changes.
        per: Per = Per::Step,
    }
}

params! {
    /// Multiplied by `gamma` every so many epochs, as torch's StepLR.
    pub struct StepDecay {
        /// Epochs between two changes.
        every: f64 => 1e-3..=1e6,
        /// What it is multiplied by.
        gamma: f64 = 0.1 => 0.0..=1.0,
    }
}

params! {
    /// Multiplied by `gamma` at some epochs, as torch's MultiStepLR.
    pub struct MultiStep {
        /// Epochs after which it changes, ascending.
        milestones: Vec<f64> => 0.0..=1e6,
        /// What it is multiplied by.
        gamma: f64 = 0.1 => 0.0..=1.0,
    }
}

params! {
    /// Up to 1 and down to almost nothing, at every step, as torch's OneCycleLR (Smith and Topin, 2018). The momentum
    /// stays.
    pub struct OneCycle: Default {
        /// Share of the training in which it rises.
        pct_start: f64 = 0.3 => 0.0..=1.0,
        /// 1 / the factor at the start.
        div_factor: f64 = 25.0 => 1.0..=1e9,
        /// The factor at the start / the factor at the end.
        final_div_factor: f64 = 1e4 => 1.0..=1e12,
        /// How it goes.
        anneal: Anneal = Anneal::Cosine,
    }
}

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    /// Steps done.
    pub step: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the whole training, even if it is stopped before.
    pub epochs: u64,
    /// Epochs that the schedule is written for.
    pub graph_epochs: u64,
}

impl When {
    /// Share of the training that is done, from 0 to 1.
    fn share(&self, per: Per) -> f64 {
        let steps_per_epoch = self.steps_per_epoch.max(1);
        let done = match per {
            Per::Step => self.step as f64 / steps_per_epoch as f64,
            Per::Epoch => (self.step / steps_per_epoch) as f64,
        };
        done / self.epochs.max(1) as f64
    }

    /// Epochs done, of those that the schedule is written for.
    fn epoch(&self, per: Per) -> f64 {
        self.share(per) * self.graph_epochs as f64
    }
}

impl ScheduleSpec {
    /// Factor of the learning rate of the step that comes next.
    pub fn factor(&self, when: &When) -> f64 {
        match self {
            Self::Constant(_) => 1.0,
            Self::PiecewiseLinear(schedule) => interpolate(&schedule.points, when.epoch(schedule.per)),
            Self::Cosine(schedule) => {
                let (share, end) = (when.share(schedule.per), schedule.final_factor);
                let warm = schedule.warmup_epochs / when.graph_epochs.max(1) as f64;
                match share < warm {
                    true => share / warm,
                    false => end + (1.0 - end) * (1.0 + ((share - warm) / (1.0 - warm).max(1e-12) * PI).cos()) / 2.0,
                }
            }
            Self::StepDecay(schedule) => schedule.gamma.powf((when.epoch(Per::Step) / schedule.every + 1e-9).floor()),
            Self::MultiStep(schedule) => {
                let epoch = when.epoch(Per::Step) + 1e-9;
                schedule.gamma.powi(schedule.milestones.iter().filter(|m| **m <= epoch).count() as i32)
            }
            Self::OneCycle(schedule) => one_cycle(schedule, when),
        }
    }

    /// Whether the factor is 0 now and stays so.
    pub fn over(&self, when: &When) -> bool {
        match self {
            Self::PiecewiseLinear(schedule) => {
                let epoch = when.epoch(schedule.per);
                let rest = schedule.points.iter().filter(|point| point[0] > epoch);
                self.factor(when) == 0.0 && rest.map(|point| point[1]).all(|factor| factor == 0.0)
            }
            _ => false,
        }
    }
}

fn interpolate(points: &[[f64; 2]], x: f64) -> f64 {
    let after = points.partition_point(|p| p[0] <= x);
    match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
        (Some([x0, y0]), Some([x1, y1])) => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
        (Some([_, y]), None) | (None, Some(&[_, y])) => y,
        (None, None) => 1.0,
    }
}

/// Torch's: the peak is at step `pct_start` · steps − 1, the end at the last step.
fn one_cycle(schedule: &OneCycle, when: &When) -> f64 {
    let all = (when.steps_per_epoch * when.epochs) as f64;
    let (step, last) = (when.step as f64, (all - 1.0).max(1.0));
    let peak = (schedule.pct_start * all - 1.0).max(0.0);
    let start = 1.0 / schedule.div_factor;
    let end = start / schedule.final_div_factor;
    let (from, to, share) = match step <= peak && peak > 0.0 {
        true => (start, 1.0, step / peak),
        false => (1.0, end, ((step - peak) / (last - peak).max(1e-12)).min(1.0)),
    };
    match schedule.anneal {
        Anneal::Linear => from + (to - from) * share,
        Anneal::Cosine => to + (from - to) * (1.0 + (share * PI).cos()) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: u64, epochs: u64) -> When {
        When { step, steps_per_epoch: 97, epochs, graph_epochs: 24 }
    }

    #[test]
    fn the_triangle_of_the_tutorial() {
        let triangle = ScheduleSpec::from(PiecewiseLinear::new(vec![[0.0, 0.0], [5.0, 1.0], [24.0, 0.0]]));
        assert_eq!(triangle.factor(&at(0, 24)), 0.0);
        assert!((triangle.factor(&at(97, 24)) - 0.2).abs() < 1e-12);
        assert!((triangle.factor(&at(97 * 5, 24)) - 1.0).abs() < 1e-12);
        assert!(triangle.factor(&at(97 * 24 - 1, 24)) < 0.001);
        // Three epochs in place of 24: the same triangle, eight times as steep.
        assert!((triangle.factor(&at(97, 3)) - (24.0 - 8.0) / 19.0).abs() < 1e-12);
        let by_epoch = PiecewiseLinear { per: Per::Epoch, ..PiecewiseLinear::new(vec![[0.0, 0.0], [5.0, 1.0]]) };
        assert!((ScheduleSpec::from(by_epoch).factor(&at(97 * 2 + 96, 24)) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn a_rate_that_has_come_to_nothing_is_over() {
        let ends = ScheduleSpec::from(PiecewiseLinear::new(vec![[0.0, 1.0], [3.0, 0.0]]));
        assert!(!ends.over(&at(97 * 3 - 1, 24)) && ends.over(&at(97 * 3, 24)) && ends.over(&at(97 * 9, 24)));
        let starts = ScheduleSpec::from(PiecewiseLinear::new(vec![[0.0, 0.0], [5.0, 1.0], [24.0, 0.0]]));
        assert!(!starts.over(&at(0, 24)), "it rises later");
    }

    /// Figures of torch 2.11: CosineAnnealingLR, StepLR, MultiStepLR and OneCycleLR with a rate of 1.
    #[test]
    fn the_others_are_those_of_torch() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} for {b}");
        let cosine = ScheduleSpec::from(Cosine { final_factor: 0.1, ..Cosine::default() });
        near(cosine.factor(&at(97 * 6, 24)), 0.1 + 0.9 * (1.0 + (0.25 * PI).cos()) / 2.0);
        let warm = ScheduleSpec::from(Cosine { warmup_epochs: 4.0, ..Cosine::default() });
        near(warm.factor(&at(97, 24)), 0.25);
        near(warm.factor(&at(97 * 14, 24)), 0.5);
        let step = ScheduleSpec::from(StepDecay::new(8.0));
        near(step.factor(&at(97 * 8 - 1, 24)), 1.0);
        near(step.factor(&at(97 * 16, 24)), 0.01);
        let multi = ScheduleSpec::from(MultiStep { gamma: 0.5, ..MultiStep::new(vec![2.0, 3.0]) });
        near(multi.factor(&at(97 * 2, 24)), 0.5);
        near(multi.factor(&at(97 * 9, 24)), 0.25);
        let cycle = ScheduleSpec::from(OneCycle::default());
        let when = |step| When { step, steps_per_epoch: 10, epochs: 1, graph_epochs: 1 };
        // OneCycleLR(max_lr=1, total_steps=10)
        let torch = [0.04, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893, 0.38874197806371075];
        for (step, expected) in torch.into_iter().enumerate() {
            near(cycle.factor(&when(step as u64)), expected);
        }
        near(cycle.factor(&when(9)), 4e-6);
    }
}
