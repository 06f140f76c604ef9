//! How long every operation takes: `make measure`.

use crate::properties::every_op;
use crate::{picture, size};
use pixels::ops::Scratch;
use std::time::Instant;

#[test]
#[ignore = "times, which say nothing true unless optimised and alone: `make measure` prints them"]
fn times() {
    for size in [size(224, 224, 3), size(32, 32, 3)] {
        for op in every_op() {
            let (mut image, mut scratch) = (picture(size), Scratch::default());
            let repeats = 10_000_000 / size.bytes();
            let start = Instant::now();
            for _ in 0..repeats {
                op.apply(&mut image, size, &mut scratch);
            }
            println!("{size}: {:8.1} µs {op:?}", start.elapsed().as_secs_f64() * 1e6 / repeats as f64);
        }
    }
}
