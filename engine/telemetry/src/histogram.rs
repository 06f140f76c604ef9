//! How long things took: counts in buckets whose width grows with the time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Buckets of an octave (a doubling): a bucket is 1/8 of its octave wide, so that a time is known to 12.5 % at worst.
const STEPS: u32 = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// The first bucket's end, as a power of two: what took less than 1.024 µs is all the same.
const FIRST_BITS: u32 = 10;
/// 256 buckets, to 2³² · 1.024 µs, an hour and more.
pub const BUCKETS: usize = 256;

/// A histogram of times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Buckets that are not empty, in ascending order, each with its count.
    pub counts: Vec<(u8, u64)>,
}

impl Histogram {
    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// The time that this share (0 to 1) of all stays below, in seconds, by proportion within a bucket; none without
    /// any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.count();
        if all == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * all as f64;
        let mut below = 0.0;
        for &(bucket, count) in &self.counts {
            let count = count as f64;
            if below + count >= wanted && count > 0.0 {
                let (start, end) = bounds(bucket);
                return Some(start + (end - start) * ((wanted - below) / count).clamp(0.0, 1.0));
            }
            below += count;
        }
        self.counts.last().map(|(bucket, _)| bounds(*bucket).1)
    }

    /// The times counted since an earlier state of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bucket: u8| earlier.counts.iter().find(|(b, _)| *b == bucket).map_or(0, |(_, n)| *n);
        let grown = self.counts.iter().map(|(bucket, n)| (*bucket, n.saturating_sub(before(*bucket))));
        Self { counts: grown.filter(|(_, n)| *n > 0).collect() }
    }
}

/// The times of a bucket, in seconds: from, and up to.
pub fn bounds(bucket: u8) -> (f64, f64) {
    let edge = |index: u32| {
        let octave = (index / STEPS + FIRST_BITS) as i32;
        (1.0 + f64::from(index % STEPS) / f64::from(STEPS)) * 2_f64.powi(octave) / 1e9
    };
    match u32::from(bucket) {
        0 => (0.0, edge(1)),
        index => (edge(index), edge(index + 1)),
    }
}

/// One writer's counts of a stage; anybody may read.
pub(crate) struct Counts(Box<[AtomicU64; BUCKETS]>);

impl Default for Counts {
    fn default() -> Self {
        Self(Box::new([const { AtomicU64::new(0) }; BUCKETS]))
    }
}

impl Counts {
    /// Counts a time. To be called by one thread.
    pub(crate) fn add(&self, time: Duration) {
        let counter = &self.0[bucket(time.as_nanos() as u64)];
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
    }

    pub(crate) fn sum<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Histogram {
        let of = |bucket: usize| all.clone().map(|counts| counts.0[bucket].load(Relaxed)).sum::<u64>();
        Histogram { counts: (0..BUCKETS).map(|b| (b as u8, of(b))).filter(|(_, n)| *n > 0).collect() }
    }
}

fn bucket(ns: u64) -> usize {
    let octave = u64::BITS - 1 - (ns | 1).leading_zeros();
    if octave < FIRST_BITS {
        return 0;
    }
    // The bits below the highest one.
    let step = (ns >> (octave - STEP_BITS)) as u32 & (STEPS - 1);
    (((octave - FIRST_BITS) * STEPS + step) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_its_bucket() {
        for ns in (0..62).flat_map(|bits| [1_u64 << bits, (1 << bits) + (1 << bits) / 3]) {
            let bucket = bucket(ns) as u8;
            let (start, end) = bounds(bucket);
            let seconds = ns as f64 / 1e9;
            assert!(start <= seconds, "{ns}: {start}");
            assert!(seconds < end || bucket == 255, "{ns}: {end}");
        }
    }

    #[test]
    fn buckets_follow_each_other() {
        assert!((0..255).all(|b| (bounds(b).1 - bounds(b + 1).0).abs() < 1e-15));
    }

    #[test]
    fn quantiles_are_within_a_bucket() {
        let counts = Counts::default();
        (1..=1000).for_each(|us| counts.add(Duration::from_micros(us)));
        let histogram = Counts::sum([&counts].into_iter());
        assert_eq!(histogram.count(), 1000);
        for share in [0.1, 0.5, 0.9, 0.99] {
            let found = histogram.quantile(share).expect("there are times");
            assert!((found / (share * 1e-3) - 1.0).abs() < 0.13, "{share}: {found}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_came_since_is_the_difference() {
        let counts = Counts::default();
        counts.add(Duration::from_micros(5));
        let earlier = Counts::sum([&counts].into_iter());
        counts.add(Duration::from_micros(5));
        counts.add(Duration::from_millis(5));
        let since = Counts::sum([&counts].into_iter()).since(&earlier);
        assert_eq!(since.counts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 1]);
    }
}
