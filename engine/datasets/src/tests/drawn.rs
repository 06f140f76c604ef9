use crate::cifar::Split;
use crate::drawn::{CLASSES, IMAGE_BYTES, draw, label, len};

/// FNV-1a, which has no need of a crate.
fn hash(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Holds the images still: another hash here means that every result on the drawn set has to be measured anew.
#[test]
fn the_images_are_the_same_on_every_machine() {
    let mut image = [0; IMAGE_BYTES];
    let mut sum = 0xcbf2_9ce4_8422_2325;
    for seed in [0, 1, u64::MAX] {
        for split in [Split::Train, Split::Test] {
            for index in (0..200).chain([49_999, u64::MAX]) {
                let label = draw(seed, split, index, &mut image);
                sum = hash(hash(sum, &[label]), &image);
            }
        }
    }
    assert_eq!(format!("{sum:016x}"), "a57a3b17f2356e27");
}

#[test]
fn classes_are_balanced() {
    for split in [Split::Train, Split::Test] {
        let mut counts = [0; CLASSES.len()];
        for index in 0..len(split) {
            counts[usize::from(label(7, split, index))] += 1;
        }
        assert_eq!(counts, [len(split) / 10; CLASSES.len()]);
    }
}

#[test]
fn labels_do_not_follow_the_index() {
    let at = |index: u64| (0..100_u64).map(|block| label(0, Split::Train, 10 * block + index)).collect::<Vec<_>>();
    for index in 0..10 {
        let labels = at(index);
        let most = (0..10).map(|class| labels.iter().filter(|label| **label == class).count()).max();
        assert!(most < Some(25), "{labels:?}");
    }
}

#[test]
fn a_seed_a_split_and_an_index_make_an_image() {
    let image = |seed, split, index| {
        let mut image = [0; IMAGE_BYTES];
        let drawn = draw(seed, split, index, &mut image);
        assert_eq!(drawn, label(seed, split, index));
        image
    };
    let one = image(0, Split::Train, 0);
    assert_eq!(one, image(0, Split::Train, 0));
    for other in [image(1, Split::Train, 0), image(0, Split::Test, 0), image(0, Split::Train, 1)] {
        assert_ne!(one, other);
    }
}

/// A linear model sees means; if those of the classes are alike, it sees next to nothing.
#[test]
fn no_class_has_a_brightness_of_its_own() {
    let mut sums = [0_u64; CLASSES.len()];
    let mut image = [0; IMAGE_BYTES];
    let images = 5_000;
    for index in 0..images {
        let label = draw(3, Split::Train, index, &mut image);
        sums[usize::from(label)] += image.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    }
    for (class, sum) in CLASSES.iter().zip(sums) {
        let mean = sum as f64 / (images / 10 * IMAGE_BYTES as u64) as f64;
        assert!((120.0..136.0).contains(&mean), "{class}: {mean}");
    }
}
