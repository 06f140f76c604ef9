//! RandAugment's and TrivialAugment's strengths: numbers that torchvision 0.26 gives.

use crate::size;
use pixels::ops::{Adjustment, Affine, Op, Policy, Sampling};

#[test]
fn strengths_are_torchvisions() {
    let image = size(224, 320, 3);
    let strength = |policy: Policy, adjustment, number| policy.strength(adjustment, number, 31, image);
    for (adjustment, rand, wide) in [
        (Adjustment::Identity, 0.0, 0.0),
        (Adjustment::ShearX, 0.09, 0.297),
        (Adjustment::ShearY, 0.09, 0.297),
        (Adjustment::TranslateX, 43.50453, 9.6),
        (Adjustment::TranslateY, 30.45317, 9.6),
        (Adjustment::Rotate, 9.0, 40.5),
        (Adjustment::Brightness, 0.27, 0.297),
        (Adjustment::Color, 0.27, 0.297),
        (Adjustment::Contrast, 0.27, 0.297),
        (Adjustment::Sharpness, 0.27, 0.297),
        (Adjustment::Posterize, 7.0, 6.0),
        (Adjustment::Solarize, 178.5, 178.5),
        (Adjustment::AutoContrast, 0.0, 0.0),
        (Adjustment::Equalize, 0.0, 0.0),
    ] {
        let (ours_rand, ours_wide) =
            (strength(Policy::RandAugment, adjustment, 9), strength(Policy::TrivialAugmentWide, adjustment, 9));
        assert!((ours_rand - rand).abs() < 1e-4, "{adjustment:?}: {ours_rand}");
        assert!((ours_wide - wide).abs() < 1e-4, "{adjustment:?}: {ours_wide}");
    }
    let bits = |policy: Policy| -> Vec<u32> {
        (0..31).step_by(5).map(|number| strength(policy, Adjustment::Posterize, number) as u32).collect()
    };
    assert_eq!(bits(Policy::RandAugment), [8, 7, 7, 6, 5, 5, 4]);
    assert_eq!(bits(Policy::TrivialAugmentWide), [8, 7, 6, 5, 4, 3, 2]);
    assert_eq!(Policy::RandAugment.strength(Adjustment::Rotate, 0, 1, image), 0.0);
}

#[test]
fn strengths_become_operations() {
    let image = size(20, 30, 3);
    let op = |adjustment: Adjustment, strength| adjustment.op(strength, image, Sampling::Nearest, [0; 4]);
    let map = |map| Op::Affine { map, sampling: Sampling::Nearest, fill: [0; 4] };
    assert_eq!(op(Adjustment::TranslateX, -7.9), map(Affine::translation(-7.0, 0.0)));
    assert_eq!(op(Adjustment::TranslateY, 7.9), map(Affine::translation(0.0, 7.0)));
    assert_eq!(op(Adjustment::Rotate, 90.0), map(Affine::rotation(90.0)));
    assert_eq!(op(Adjustment::ShearX, 0.5), map(Affine([1.0, 0.5, 5.0, 0.0, 1.0, 0.0])));
    assert_eq!(op(Adjustment::ShearY, 0.5), map(Affine([1.0, 0.0, 0.0, 0.5, 1.0, 7.5])));
    assert_eq!(op(Adjustment::Color, -0.25), Op::Saturation { factor: 0.75 });
    assert_eq!(op(Adjustment::Posterize, 3.0), Op::Posterize { bits: 3 });
    let unsigned = Policy::ADJUSTMENTS.iter().filter(|adjustment| !adjustment.is_signed()).count();
    assert_eq!(unsigned, 5);
}
