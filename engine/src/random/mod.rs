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
    fn bounded_numbers_are_even() {
        let mut counts = [0_u32; 5];
        for sample in 0..50_000 {
            counts[Key::of_seed(1).number(sample).rng().below(5) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (9_600..10_400).contains(&c)), "{counts:?}");
    }
}
