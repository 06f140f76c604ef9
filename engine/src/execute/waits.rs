//! Why stages have nothing to do.

use std::time::Instant;

use telemetry::{Hub, Wait};

/// Adds up, for each stage of a pipeline, the time in which none of its chunks is being worked on.
///
/// Between two changes the state is constant: that time belongs to the state before the change. A stage without work is
/// blocked while all slots are full, and starved while the batch that it waits for is in another stage.
pub(super) struct StageClock {
    last: Instant,
    /// Batches in each stage of the pipeline.
    active: Vec<usize>,
}

/// What the pipeline as a whole is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    /// At least one batch is being made.
    Running,
    /// No slot is free.
    Full,
    /// There is nothing more to make.
    Over,
}

impl StageClock {
    pub(super) fn new(stages: usize) -> Self {
        Self { last: Instant::now(), active: vec![0; stages] }
    }

    /// The state is about to change. `stages` are the plan's numbers of the pipeline's stages.
    pub(super) fn change(&mut self, hub: &Hub, stages: impl Iterator<Item = usize>, activity: Activity) {
        let now = Instant::now();
        let time = now.duration_since(self.last);
        self.last = now;
        for (stage, active) in stages.zip(&self.active) {
            match activity {
                _ if *active > 0 => {}
                Activity::Running => hub.wait(stage, Wait::Starved, time),
                Activity::Full => hub.wait(stage, Wait::Blocked, time),
                Activity::Over => {}
            }
        }
    }

    pub(super) fn enter(&mut self, stage: usize) {
        self.active[stage] += 1;
    }

    pub(super) fn leave(&mut self, stage: usize) {
        self.active[stage] -= 1;
    }
}
