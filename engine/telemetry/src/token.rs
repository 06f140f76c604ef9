//! The word that who watches from another machine must know.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::Read as _;

/// A new one: 128 random bits in hexadecimal.
pub fn make_token() -> String {
    let mut bytes = [0_u8; 16];
    let from_system = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    if from_system.is_err() {
        // The standard library seeds its hash tables from the system's random numbers.
        for half in bytes.chunks_exact_mut(8) {
            half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
        }
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether two tokens are the same, in a time that does not tell how many of their letters are.
pub fn same_token(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_are_compared_whole() {
        let (a, b) = (make_token(), make_token());
        assert!(a.len() == 32 && a != b);
        assert!(same_token(&a, &a) && !same_token(&a, &b) && !same_token(&a, &a[1..]) && !same_token("", &a));
    }
}
