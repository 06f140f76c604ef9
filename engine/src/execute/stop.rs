//! Stopping a run from anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A flag that many hold: whoever sets it, all see it. Nothing is interrupted; work ends at its next good place.
#[derive(Clone, Debug, Default)]
pub struct StopToken(Arc<AtomicBool>);

impl StopToken {
    /// Not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it.
    pub fn stop(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it is set.
    pub fn stopped(&self) -> bool {
        self.0.load(Relaxed)
    }
}
