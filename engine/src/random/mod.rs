//! Every random choice, as a pure function of the run's seed, the epoch, the sample and the node.
//!
//! Nothing here has a state that outlives a sample, and nothing depends on threads, batches or the order of work: any
//! choice can be made again, alone, at any time.

mod beta;
mod permutation;

pub use beta::beta;
pub use permutation::Permutation;

/// An odd constant close to 2⁶⁴ divided by the golden ratio: steps by it visit all of the 64-bit space evenly.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014): a bijection
/// in which every input bit flips every output bit with probability one half.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A key from which others are derived: by run seed, then node, then epoch, then sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of a run.
    pub const fn of_seed(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(GOLDEN)))
    }

    /// The key of a number within this key.
    #[must_use]
    pub const fn number(self, number: u64) -> Self {
        Self(mix(self.0 ^ mix(number.wrapping_add(GOLDEN))))
    }

    /// The key of a name within this key.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        // The length is part of the key, so that no name is another's prefix.
        let start = self.number(name.len() as u64);
        name.bytes().fold(start, |key, byte| key.number(byte.into()))
    }

    /// The numbers that belong to this key.
    pub const fn rng(self) -> Rng {
        Rng(self.0)
    }
}

/// SplitMix64: random numbers from a key. Good for the few numbers that a sample needs, and free to make.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0..end`, each equally likely to within 2⁻⁶⁴·`end`; 0 if `end` is 0.
    #[inline]
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product (Lemire: Fast random integer generation in an interval, 2019), without his
        // rejection: the bias is far below what any training could notice, and every draw costs the same.
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number in `0.0..1.0`, of 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// True with this probability: never for 0, always for 1.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number in `low..high`, all as likely; `low` if they are the same.
    #[inline]
    pub fn within(&mut self, (low, high): (f64, f64)) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Puts things into a random order, each as likely.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Other numbers, which follow from those that would come next and from `part`: for the parts of something that
    /// draws, so that what one of them draws does not shift the others.
    #[must_use]
    pub const fn split(&self, part: u64) -> Self {
        Key(self.0).number(part).rng()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_depends_on_each_part_of_its_key() {
        let base = Key::of_seed(0).name("flip").number(0).number(7).rng().bits();
        assert_eq!(base, Key::of_seed(0).name("flip").number(0).number(7).rng().bits());
        assert_ne!(base, Key::of_seed(1).name("flip").number(0).number(7).rng().bits());
        assert_ne!(base, Key::of_seed(0).name("flop").number(0).number(7).rng().bits());
        assert_ne!(base, Key::of_seed(0).name("flip").number(1).number(7).rng().bits());
        assert_ne!(base, Key::of_seed(0).name("flip").number(0).number(8).rng().bits());
    }

    #[test]
    fn the_numbers_stay_what_they_are() {
        // A change here changes every run: these are what version 0.1 drew.
        let mut rng = Key::of_seed(42).name("cutout").number(3).number(1234).rng();
        assert_eq!([rng.below(25), rng.below(25), rng.below(25)], [14, 8, 20]);
    }

    #[test]
    fn parts_draw_for_themselves() {
        let rng = Key::of_seed(5).rng();
        let first = |part: u64| rng.split(part).bits();
        assert_eq!(first(3), first(3));
        let mut all: Vec<u64> = (0..1000).map(first).collect();
        all.push(rng.clone().bits());
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1001, "two parts draw the same");
        let mut later = rng.clone();
        later.bits();
        assert_ne!(later.split(3).bits(), first(3), "another place of the stream, other parts");
        // Neither which part nor which stream shows in the numbers.
        let mean = |numbers: &mut dyn Iterator<Item = f64>| numbers.sum::<f64>() / 10_000.0;
        assert!((mean(&mut (0..10_000).map(|part| rng.split(part).unit())) - 0.5).abs() < 0.01);
        let streams = &mut (0..10_000).map(|key| Key::of_seed(key).rng().split(1).unit());
        assert!((mean(streams) - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_chance_is_what_it_says() {
        let mut rng = Key::of_seed(2).rng();
        assert!((0..1000).all(|_| !rng.chance(0.0) && rng.chance(1.0)));
        let count = (0..50_000).filter(|_| rng.chance(0.3)).count();
        assert!((14_500..15_500).contains(&count), "{count}");
        assert!((0..1000).all(|_| (-2.0..3.0).contains(&rng.within((-2.0, 3.0)))));
        assert_eq!(rng.within((4.0, 4.0)), 4.0);
    }

    #[test]
    fn any_order_is_as_likely() {
        let mut rng = Key::of_seed(3).rng();
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            rng.shuffle(&mut order);
            *counts.entry(order).or_insert(0) += 1;
        }
        assert!(counts.len() == 24 && counts.values().all(|c| (850..1150).contains(c)), "{counts:?}");
    }

    #[test]
    fn bounded_numbers_are_even() {
        let mut counts = [0_u32; 5];
        for sample in 0..50_000 {
            counts[Key::of_seed(1).number(sample).rng().below(5) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
    }
}
