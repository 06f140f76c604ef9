//! The JPEG decoder against a plain one, parts against the whole, and files that are not whole.

mod reference;

use pixels::simd::Level;
use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize, probe};
use proptest::prelude::*;
use reference::{SAMPLINGS, decode, file};

const PLAIN: Resize = Resize { filter: Filter::Bilinear, antialias: false, dct_scaling: false };

fn encoded(bytes: &[u8]) -> Picture<'_> {
    Picture { bytes, size: None }
}

/// A small JPEG of any kind that the decoder knows.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let size = (1usize..70, 1usize..90, prop_oneof![1 => Just(1usize), 4 => Just(3)]);
    (size, any::<u64>(), 20u8..=100, 0..4usize, prop_oneof![Just(0u16), 1u16..9]).prop_map(
        |(size, seed, quality, sampling, restart)| file(size, seed >> 32, quality, SAMPLINGS[sampling], restart),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn decodes_as_the_plain_one(file in files()) {
        let (height, width, channels, expected) = decode(&file);
        for level in Level::all() {
            let mut out = Vec::new();
            let size = Decoder::with_level(level).full(encoded(&file), channels, &mut out).unwrap();
            prop_assert_eq!(size, ImageSize { height, width, channels });
            prop_assert!(out == expected, "{:?} differs", level);
        }
        prop_assert_eq!(probe(&file).unwrap().size, ImageSize { height, width, channels });
    }

    #[test]
    fn a_part_is_a_part_of_the_whole(file in files(), place in any::<[u16; 4]>(), gray: bool) {
        let channels = if gray { 1 } else { 3 };
        let (mut decoder, mut whole) = (Decoder::new(), Vec::new());
        let size = decoder.full(encoded(&file), channels, &mut whole).unwrap();
        let span = |a: u16, b: u16, whole: usize| {
            let start = usize::from(a) % whole;
            (start, 1 + usize::from(b) % (whole - start))
        };
        let ((top, height), (left, width)) =
            (span(place[0], place[1], size.height), span(place[2], place[3], size.width));
        let target = ImageSize { height, width, channels };
        for level in Level::all() {
            let mut out = vec![0; target.bytes()];
            let region = Rect { top, left, height, width };
            Decoder::with_level(level).region(encoded(&file), region, PLAIN, false, target, &mut out).unwrap();
            for (y, row) in out.chunks_exact(width * channels).enumerate() {
                let expected = &whole[((top + y) * size.width + left) * channels..][..width * channels];
                prop_assert!(row == expected, "row {} of {:?} with {:?}", y, region, level);
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error(file in files(), cut in any::<prop::sample::Index>()) {
        // Without the marker at the end, all pixels may still be there.
        let cut = cut.index(file.len() - 4);
        let mut out = Vec::new();
        prop_assert!(Decoder::new().full(encoded(&file[..cut]), 3, &mut out).is_err());
        prop_assert!(out.is_empty());
    }

    #[test]
    fn damage_is_no_panic(file in files(), changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..6)) {
        let mut file = file;
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        let results: Vec<_> = Level::all().map(|level| {
            let (mut decoder, mut out) = (Decoder::with_level(level), Vec::new());
            let result = decoder.full(encoded(&file), 3, &mut out);
            if let Ok(size) = result {
                let target = ImageSize { height: 20, width: 30, channels: 3 };
                let region = Rect { top: size.height / 2, left: 0, height: size.height.div_ceil(2), width: size.width };
                let mut part = vec![0; target.bytes()];
                decoder.region(encoded(&file), region, PLAIN, true, target, &mut part).unwrap();
            }
            (result, out)
        }).collect();
        // Whatever comes out, it is the same with all instructions.
        prop_assert!(results.iter().all(|result| *result == results[0]));
        let _ = Decoder::new().verify(&file);
    }
}

#[test]
fn sizes_around_a_block() {
    for size in (1..=18).chain([31, 32, 33]) {
        for sampling in SAMPLINGS {
            let file = file((size, 19 - size.min(18), 3), 5, 90, sampling, 0);
            let mut out = Vec::new();
            Decoder::new().full(encoded(&file), 3, &mut out).unwrap();
            assert!(out == decode(&file).3, "{size} {sampling:?}");
        }
    }
}

#[test]
fn says_what_is_wrong() {
    let good = file((40, 50, 3), 1, 90, SAMPLINGS[3], 2);
    let scan = good.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let mark = scan + good[scan..].windows(2).position(|w| w == [0xff, 0xd1]).unwrap();
    let frame = good.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let with = |place: usize, value: u8| {
        let mut file = good.clone();
        file[place] = value;
        file
    };
    let error = |file: &[u8]| Decoder::new().full(encoded(file), 3, &mut Vec::new()).unwrap_err().0;
    assert_eq!(error(&with(mark + 1, 0xd5)), "the JPEG has the restart marker FFD5 where FFD1 must be");
    assert_eq!(error(&with(mark + 1, 0xc0)), "the JPEG has the marker FFC0 inside of its data");
    assert_eq!(error(&good[..30]), "the JPEG is cut off in its header");
    assert_eq!(error(b""), "the image is empty");
    assert_eq!(error(b"GIF89a"), "the image is neither JPEG, PNG nor WebP");
    assert_eq!(
        error(&with(frame + 6, 24)).split(" (").next(),
        Some("the JPEG has 6 restart intervals, and its header says 4")
    );
    // A size that its data cannot be takes no memory.
    let mut huge = with(frame + 5, 0x1f);
    (huge[frame + 7], huge[frame + 8]) = (0x1f, 0xff);
    assert!(error(&huge).contains("bytes of data cannot be"), "{}", error(&huge));
    huge[frame + 5] = 0xff;
    huge[frame + 7] = 0xff;
    assert!(error(&huge).contains("are decoded"), "{}", error(&huge));
    assert!(Decoder::new().verify(&good).is_ok());
}

#[test]
fn what_lies_below_a_part_is_not_read() {
    let good = file((64, 64, 3), 2, 90, SAMPLINGS[0], 0);
    let mut bad = good.clone();
    let end = bad.len() - 12;
    bad[end..end + 8].fill(0x55);
    let target = ImageSize { height: 8, width: 64, channels: 3 };
    let region = Rect { top: 0, left: 0, height: 8, width: 64 };
    let mut outs = [vec![0; target.bytes()], vec![0; target.bytes()]];
    for (file, out) in [&good, &bad].into_iter().zip(&mut outs) {
        Decoder::new().region(encoded(file), region, PLAIN, false, target, out).unwrap();
    }
    assert_eq!(outs[0], outs[1]);
}
