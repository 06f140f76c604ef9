//! What every operation made of one image when it was written. A change here changes every run that uses it: other
//! machines and other instructions must give the same.

use crate::properties::every_op;
use crate::{after, hash, picture, size};
use pixels::ImageSize;

/// Without black and white, so that there is contrast to be gained.
fn dull(size: ImageSize) -> Vec<u8> {
    picture(size).into_iter().map(|v| v / 2 + 20).collect()
}

#[test]
fn every_operation_gives_what_it_gave() {
    let (rgb, grey) = (size(33, 47, 3), size(33, 47, 1));
    let found: Vec<String> = every_op()
        .iter()
        .map(|op| {
            let [rgb, grey] = [rgb, grey]
                .map(|size| hash(&after(&dull(size), |image, scratch| op.apply(image, size, scratch))) as u32);
            let name = format!("{op:?}");
            format!("{} {rgb:08x} {grey:08x}", name.split(' ').next().unwrap_or_default())
        })
        .collect();
    let expected: Vec<&str> = EXPECTED.trim().lines().map(str::trim).collect();
    assert_eq!(found, expected, "\n{}", found.join("\n"));
}

const EXPECTED: &str = "
    Identity 60761ff3 a7251eb3
    Brightness 2c7886a5 d1e00f6c
    Contrast 4cca8558 39e15f1e
    Invert 86297312 4607bd2c
    Solarize 793fc8cb f32fbf63
    Posterize 669e3aaf 8fbcaf67
    AutoContrast 14904d74 f08e68fd
    Equalize 885e8758 3cde4106
    Saturation bacf7c73 a7251eb3
    Hue ff291b75 a7251eb3
    Grayscale 36c8e39d a7251eb3
    Sharpness 094eaa79 3c6e65b3
    GaussianBlur c53120b5 b8161a65
    Affine 19bf9dc7 994021f1
    Affine 56f2585f 0b452b0d
    MirrorHorizontal 3e640deb 3a1376cb
    MirrorVertical 38020557 b7074de3
    Fill a246c277 5ade371e
    FillNoise f1977cf4 24664047
    FillMean 9b0cc3e3 db866e9a
";
