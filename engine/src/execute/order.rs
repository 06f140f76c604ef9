//! Which samples a batch has.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::RunError;
use crate::operators::{Order, Source, SourceShape};
use crate::random::{Key, Permutation};

/// Pages of a window of the quasi-random order: few enough that their data stays in memory, enough to mix.
const WINDOW_PAGES: u64 = 64;

/// The order of the samples: any position of any epoch by itself, so that a run can start anywhere.
pub(super) struct Sampler {
    /// Samples that are used.
    used: u64,
    indices: Option<Arc<[u64]>>,
    shard: [u64; 2],
    order: Drawn,
}

enum Drawn {
    Sequential,
    Random,
    /// In pages of so many neighbours.
    QuasiRandom(u64),
    /// Positions of each class.
    Balanced(Vec<Vec<u64>>),
    /// Weights of the positions, each added to those before.
    Weighted(Vec<f64>),
}

impl Sampler {
    /// The order that a source's shape asks for.
    pub(super) fn new(shape: &SourceShape, source: &dyn Source) -> Result<Self, RunError> {
        let used = shape.indices.as_ref().map_or(shape.rows, |indices| indices.len() as u64);
        let sample = |position: u64| shape.indices.as_ref().map_or(position, |indices| indices[position as usize]);
        if let Some(beyond) = shape.indices.iter().flat_map(|i| i.iter()).find(|sample| **sample >= shape.rows) {
            return Err(RunError::new(format!("`indices` names sample {beyond}, and there are {}", shape.rows)));
        }
        let order = match shape.order {
            Order::Sequential => Drawn::Sequential,
            Order::Random => Drawn::Random,
            Order::QuasiRandom => Drawn::QuasiRandom(source.rows_per_page().clamp(1, used.max(1))),
            Order::ClassBalanced => {
                let mut classes: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
                for position in 0..used {
                    let label = source.label(sample(position)).map_err(RunError::new)?;
                    let Some(label) = label else {
                        return Err(RunError::new("the order `class_balanced` needs labels, and the source has none"));
                    };
                    classes.entry(label).or_default().push(position);
                }
                Drawn::Balanced(classes.into_values().collect())
            }
            Order::Weighted => {
                let weights = shape.weights.as_deref().unwrap_or_default();
                let mut sum = 0.0;
                let sums = (0..used).map(|position| {
                    sum += weights.get(sample(position) as usize).copied().unwrap_or_default();
                    sum
                });
                let sums: Vec<f64> = sums.collect();
                if sum <= 0.0 {
                    return Err(RunError::new("the weights of the samples that are used are all 0"));
                }
                Drawn::Weighted(sums)
            }
        };
        Ok(Self { used, indices: shape.indices.clone(), shard: shape.shard, order })
    }

    /// The samples of these positions of an epoch (its key given), and what tells the rows apart for random choices.
    pub(super) fn fill(
        &self,
        epoch: Key,
        positions: std::ops::Range<u64>,
        samples: &mut Vec<u64>,
        identities: &mut Vec<u64>,
    ) {
        self.fill_part(self.shard[0], epoch, positions, samples, identities);
    }

    /// The same for another part of the epoch.
    pub(super) fn fill_part(
        &self,
        part: u64,
        epoch: Key,
        positions: std::ops::Range<u64>,
        samples: &mut Vec<u64>,
        identities: &mut Vec<u64>,
    ) {
        samples.clear();
        identities.clear();
        let parts = self.shard[1];
        // Parts take turns, and the last turn may begin anew.
        let places = positions.map(|position| (position * parts + part) % self.used);
        match &self.order {
            Drawn::Sequential => samples.extend(places),
            Drawn::Random => {
                let order = Permutation::new(self.used, epoch.name("order"));
                samples.extend(places.map(|place| order.at(place)));
            }
            Drawn::QuasiRandom(page) => {
                let order = Pages::new(self.used, *page, epoch);
                samples.extend(places.map(|place| order.at(place)));
            }
            Drawn::Balanced(classes) => {
                let key = epoch.name("order");
                for place in places {
                    let mut rng = key.number(place).rng();
                    let class = &classes[rng.below(classes.len() as u64) as usize];
                    samples.push(class[rng.below(class.len() as u64) as usize]);
                    identities.push(place);
                }
            }
            Drawn::Weighted(sums) => {
                let key = epoch.name("order");
                let sum = sums[sums.len() - 1];
                for place in places {
                    let at = key.number(place).rng().unit() * sum;
                    samples.push(sums.partition_point(|s| *s <= at) as u64);
                    identities.push(place);
                }
            }
        }
        if let Some(indices) = &self.indices {
            samples.iter_mut().for_each(|sample| *sample = indices[*sample as usize]);
        }
        if identities.is_empty() {
            identities.extend_from_slice(samples);
        } else {
            // A sample that comes twice in an epoch is augmented anew each time.
            let both = identities.iter_mut().zip(samples.iter());
            both.for_each(|(place, sample)| *place = Key::of_seed(*sample).number(*place).rng().bits());
        }
    }
}

/// A permutation that keeps neighbours near: pages in random order, and within a window of some pages, samples in
/// random order.
struct Pages {
    used: u64,
    page: u64,
    /// Whole pages; the rest of the samples is a page of its own, which keeps its place at the end.
    pages: Permutation,
    whole: u64,
    key: Key,
}

impl Pages {
    fn new(used: u64, page: u64, epoch: Key) -> Self {
        let whole = used / page;
        let key = epoch.name("order");
        Self { used, page, pages: Permutation::new(whole.max(1), key.name("pages")), whole, key }
    }

    fn at(&self, place: u64) -> u64 {
        let window = WINDOW_PAGES * self.page;
        let (number, start) = (place / window, place / window * window);
        let len = window.min(self.used - start);
        let within = Permutation::new(len, self.key.number(number)).at(place - start) + start;
        let (page, offset) = (within / self.page, within % self.page);
        if page < self.whole { self.pages.at(page) * self.page + offset } else { within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Rows;
    use crate::operators::{OnError, OperatorError};

    struct Labelled;

    impl Source for Labelled {
        fn rows(&self) -> u64 {
            1000
        }
        fn read(&self, _: &mut Rows<'_>) -> Result<(), OperatorError> {
            Ok(())
        }
        /// Nine in ten are of class 0.
        fn label(&self, sample: u64) -> Result<Option<i64>, OperatorError> {
            Ok(Some(i64::from(sample.is_multiple_of(10))))
        }
        fn rows_per_page(&self) -> u64 {
            7
        }
    }

    fn shape(order: Order) -> SourceShape {
        SourceShape {
            rows: 1000,
            batch_size: 10,
            drop_last: false,
            order,
            indices: None,
            weights: None,
            shard: [0, 1],
            on_error: OnError::Fail,
            max_failures: 0,
            classes: Vec::new(),
            data: None,
        }
    }

    fn epoch(shape: &SourceShape, seed: u64) -> (Vec<u64>, Vec<u64>) {
        let (mut samples, mut identities) = (Vec::new(), Vec::new());
        let sampler = Sampler::new(shape, &Labelled).unwrap();
        sampler.fill(Key::of_seed(seed), 0..shape.samples(), &mut samples, &mut identities);
        (samples, identities)
    }

    #[test]
    fn a_shuffled_epoch_has_every_sample_once() {
        for order in [Order::Random, Order::QuasiRandom] {
            let (mut samples, identities) = epoch(&shape(order), 3);
            assert_eq!(samples, identities);
            assert_ne!(samples, epoch(&shape(order), 4).0);
            samples.sort_unstable();
            assert_eq!(samples, (0..1000).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_quasi_random_window_has_few_pages() {
        let (samples, _) = epoch(&shape(Order::QuasiRandom), 0);
        let pages: std::collections::BTreeSet<u64> = samples[..448].iter().map(|s| s / 7).collect();
        assert!(pages.len() <= 64, "{} pages in the first window", pages.len());
        assert!(samples.windows(2).filter(|p| p[0] + 1 == p[1]).count() < 30, "neighbours are parted");
    }

    #[test]
    fn parts_share_an_epoch() {
        let parts = (0..3).map(|part| epoch(&SourceShape { shard: [part, 3], ..shape(Order::Random) }, 1).0);
        let parts: Vec<Vec<u64>> = parts.collect();
        assert!(parts.iter().all(|p| p.len() == 334));
        let mut all = parts.concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1000);
    }

    #[test]
    fn classes_are_balanced_and_repeats_are_told_apart() {
        let (samples, identities) = epoch(&shape(Order::ClassBalanced), 1);
        let rare = samples.iter().filter(|s| **s % 10 == 0).count();
        assert!((400..600).contains(&rare), "{rare} of 1000 are of the rare class");
        let distinct: std::collections::BTreeSet<u64> = identities.into_iter().collect();
        assert_eq!(distinct.len(), 1000);
    }

    #[test]
    fn weights_weigh_and_indices_choose() {
        let weights: Vec<f64> = (0..1000).map(|i| if i < 10 { 50.0 } else { f64::from(i < 510) }).collect();
        let (samples, _) = epoch(&SourceShape { weights: Some(weights.into()), ..shape(Order::Weighted) }, 1);
        let few = samples.iter().filter(|s| **s < 10).count();
        assert!((420..580).contains(&few) && samples.iter().all(|s| *s < 510), "{few}");
        let indices: Arc<[u64]> = vec![5, 900, 3].into();
        let (samples, _) = epoch(&SourceShape { indices: Some(indices), ..shape(Order::Sequential) }, 1);
        assert_eq!(samples, [5, 900, 3]);
    }
}
