//! Images a second, over the last steps.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How far back "now" goes: long enough to be calm, short enough to show a change.
const WINDOW: Duration = Duration::from_secs(10);

/// A moving average.
pub(super) struct Rate {
    /// When each step ended, and its images.
    steps: VecDeque<(Instant, u64)>,
}

impl Rate {
    /// Starts counting now.
    pub(super) fn new() -> Self {
        Self { steps: VecDeque::from([(Instant::now(), 0)]) }
    }

    /// A step has ended. The rate over the last seconds, or over the last step if that took longer.
    pub(super) fn step(&mut self, images: u64) -> f64 {
        let now = Instant::now();
        self.steps.push_back((now, images));
        while self.steps.len() > 2 && now.duration_since(self.steps[1].0) > WINDOW {
            self.steps.pop_front();
        }
        let time = now.duration_since(self.steps[0].0).as_secs_f64();
        let images: u64 = self.steps.iter().skip(1).map(|(_, n)| n).sum();
        images as f64 / time.max(1e-9)
    }
}
