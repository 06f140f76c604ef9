//! What viewers may ask of a run: who may, and what came of it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Command, ControlDescription, Settings};

/// How often somebody who waits looks whether the run is over.
const LOOK: Duration = Duration::from_millis(50);
/// Batches that may wait, at most: memory has an end.
const MAX_PREFETCH: u32 = 64;

/// A run that takes commands.
pub struct Allowed {
    /// Ends the run at the next batch.
    pub stop: Box<dyn Fn() + Send + Sync>,
    /// What can be asked.
    pub description: ControlDescription,
}

/// The state that commands change. Training loop and executor look at it; without commands that costs a relaxed load.
pub struct Controls {
    allowed: Option<Allowed>,
    /// As planned.
    workers: u32,
    paused: AtomicBool,
    /// Steps that may be done although the run is paused.
    steps: Mutex<u32>,
    resumed: Condvar,
    checkpoint: AtomicBool,
    prefetch: AtomicU32,
    limit: AtomicU32,
    working: Mutex<u32>,
    freed: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Controls {
    pub(crate) fn new(workers: u32) -> Self {
        Self {
            allowed: None,
            workers,
            paused: AtomicBool::new(false),
            steps: Mutex::new(0),
            resumed: Condvar::new(),
            checkpoint: AtomicBool::new(false),
            prefetch: AtomicU32::new(0),
            limit: AtomicU32::new(workers),
            working: Mutex::new(0),
            freed: Condvar::new(),
        }
    }

    pub(crate) fn allow(&mut self, allowed: Allowed) {
        self.allowed = Some(allowed);
    }

    /// Does what a viewer asks. The sentence says what was done, or why it is not.
    pub fn apply(&self, command: Command) -> Result<String, String> {
        let Some(allowed) = &self.allowed else {
            return Err("this run takes no commands; start it with --inspect-control to allow them".into());
        };
        match command {
            Command::Pause => {
                *lock(&self.steps) = 0;
                self.paused.store(true, Relaxed);
                Ok("paused by a viewer".into())
            }
            Command::Resume => {
                self.paused.store(false, Relaxed);
                drop(lock(&self.steps));
                self.resumed.notify_all();
                Ok("resumed by a viewer".into())
            }
            Command::OneBatch if !self.paused() => Err("the run is not paused".into()),
            Command::OneBatch => {
                *lock(&self.steps) += 1;
                self.resumed.notify_all();
                Ok("one batch, asked for by a viewer".into())
            }
            Command::Checkpoint if !allowed.description.checkpoints => {
                Err("this run keeps no checkpoints; start it with --run-dir DIR".into())
            }
            Command::Checkpoint => {
                self.checkpoint.store(true, Relaxed);
                Ok("a checkpoint after the step that is under way, asked for by a viewer".into())
            }
            Command::Stop => {
                (allowed.stop)();
                Ok("stopped by a viewer".into())
            }
            Command::Prefetch(depth) => {
                let depth = depth.clamp(1, MAX_PREFETCH);
                self.prefetch.store(depth, Relaxed);
                Ok(format!("{depth} batches may wait for the model, set by a viewer"))
            }
            Command::Workers(workers) => {
                let workers = workers.clamp(1, allowed.description.workers.max(1));
                self.limit.store(workers, Relaxed);
                drop(lock(&self.working));
                self.freed.notify_all();
                Ok(format!("{workers} workers may work at a time, set by a viewer"))
            }
        }
    }

    /// Whether the run waits.
    pub fn paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    /// What is set now.
    pub fn settings(&self) -> Settings {
        Settings { workers: self.limit.load(Relaxed), prefetch: self.prefetch.load(Relaxed) }
    }

    /// Batches that may wait for the model, if a viewer has said so.
    pub fn prefetch(&self) -> Option<usize> {
        let depth = self.prefetch.load(Relaxed);
        (depth > 0).then_some(depth as usize)
    }

    /// Whether a viewer has asked for a checkpoint; that is answered by asking.
    pub fn checkpoint_wanted(&self) -> bool {
        self.checkpoint.load(Relaxed) && self.checkpoint.swap(false, Relaxed)
    }

    /// Waits while the run is paused. To be called before each step, with a function that says whether the run is over.
    /// Returns how long it waited.
    pub fn gate(&self, over: impl Fn() -> bool) -> Duration {
        if !self.paused() {
            return Duration::ZERO;
        }
        let start = Instant::now();
        let mut steps = lock(&self.steps);
        while self.paused() && !over() {
            if *steps > 0 {
                *steps -= 1;
                break;
            }
            steps = self.resumed.wait_timeout(steps, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        start.elapsed()
    }

    /// Waits until this worker may work, if a viewer has limited how many may. It may until the permit is dropped, and
    /// must not ask again meanwhile.
    pub fn permit(&self) -> Permit<'_> {
        if self.limit.load(Relaxed) >= self.workers {
            return Permit(None);
        }
        let mut working = lock(&self.working);
        loop {
            let limit = self.limit.load(Relaxed);
            if limit >= self.workers || *working < limit {
                *working += 1;
                return Permit(Some(self));
            }
            working = self.freed.wait_timeout(working, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A worker may work while it holds this.
pub struct Permit<'a>(Option<&'a Controls>);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(controls) = self.0 {
            *lock(&controls.working) -= 1;
            controls.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn controls(workers: u32) -> (Arc<Controls>, Arc<AtomicBool>) {
        let mut controls = Controls::new(workers);
        let stopped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopped);
        let stop = Box::new(move || flag.store(true, Relaxed));
        controls.allow(Allowed { stop, description: ControlDescription { checkpoints: false, workers, prefetch: 4 } });
        (Arc::new(controls), stopped)
    }

    #[test]
    fn a_run_that_takes_no_commands_says_how_it_would() {
        let error = Controls::new(2).apply(Command::Pause).expect_err("not allowed");
        assert!(error.contains("--inspect-control"), "{error}");
    }

    #[test]
    fn a_pause_lets_single_steps_through_and_ends() {
        let (controls, stopped) = controls(2);
        assert!(controls.apply(Command::OneBatch).is_err(), "it is not paused");
        controls.apply(Command::Pause).expect("allowed");
        let gates = Arc::clone(&controls);
        let wait = move || [gates.gate(|| false), gates.gate(|| false)];
        let waiting = std::thread::Builder::new().name("waiting".into()).spawn(wait).expect("a thread");
        std::thread::sleep(Duration::from_millis(30));
        controls.apply(Command::OneBatch).expect("it is paused");
        std::thread::sleep(Duration::from_millis(30));
        assert!(!waiting.is_finished());
        controls.apply(Command::Resume).expect("allowed");
        let waited = waiting.join().expect("it ends");
        assert!(waited.iter().all(|w| *w >= Duration::from_millis(20)), "{waited:?}");
        assert_eq!(controls.gate(|| false), Duration::ZERO);

        controls.apply(Command::Pause).expect("allowed");
        controls.apply(Command::Stop).expect("allowed");
        controls.gate(|| stopped.load(Relaxed));
    }

    #[test]
    fn no_more_workers_work_than_may() {
        let (controls, _) = controls(4);
        controls.apply(Command::Workers(1)).expect("allowed");
        let most = Arc::new(Mutex::new((0, 0)));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let _permit = controls.permit();
                        {
                            let mut most = lock(&most);
                            most.0 += 1;
                            most.1 = most.1.max(most.0);
                        }
                        std::thread::yield_now();
                        lock(&most).0 -= 1;
                    }
                });
            }
        });
        assert_eq!(lock(&most).1, 1);
        assert!(controls.apply(Command::Workers(0)).expect("it is mended").starts_with("1 worker"));
    }
}
