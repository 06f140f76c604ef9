//! A random order that needs no memory and can start anywhere.

use super::Key;

const ROUNDS: u64 = 6;

/// A permutation of `0..len`, computed position by position.
///
/// A Feistel network over the smallest even number of bits that holds `len`, with cycle walking: a value outside the
/// range is encrypted again until it falls inside, which takes at most four tries on average. (Black, Rogaway: Ciphers
/// with arbitrary finite domains, 2002.)
#[derive(Clone, Debug)]
pub struct Permutation {
    len: u64,
    half_bits: u32,
    keys: [Key; ROUNDS as usize],
}

impl Permutation {
    /// The permutation of `0..len` that belongs to a key.
    pub fn new(len: u64, key: Key) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|round| key.number(round as u64)) }
    }

    /// Where position `position` goes. `position` must be less than the length.
    pub fn at(&self, position: u64) -> u64 {
        assert!(position < self.len, "position {position} in a permutation of {}", self.len);
        let mut value = position;
        loop {
            value = self.encrypt(value);
            if value < self.len {
                return value;
            }
        }
    }

    fn encrypt(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            // One draw of the round's key and the half block; its high bits are as good as any.
            let round = key.number(right).0 >> (u64::BITS - self.half_bits);
            (left, right) = (right, (left ^ round) & mask);
        }
        (left << self.half_bits) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_once() {
        for len in [1, 2, 3, 4, 5, 64, 65, 1000, 50_000] {
            let permutation = Permutation::new(len, Key::of_seed(len));
            let mut seen = vec![false; len as usize];
            for position in 0..len {
                assert!(!std::mem::replace(&mut seen[permutation.at(position) as usize], true));
            }
        }
    }

    #[test]
    fn epochs_differ_and_neighbours_part() {
        let of = |epoch| Permutation::new(50_000, Key::of_seed(0).number(epoch));
        let (a, b) = (of(0), of(1));
        let same = (0..50_000).filter(|&p| a.at(p) == b.at(p)).count();
        assert!(same < 10, "{same} of 50000 positions are the same in two epochs");
        let close = (0..49_999).filter(|&p| a.at(p).abs_diff(a.at(p + 1)) < 10).count();
        assert!(close < 50, "{close} of 49999 neighbours are still neighbours; 20 would be expected");
    }
}
