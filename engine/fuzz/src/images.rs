//! The image decoder: whatever the bytes are, decoding ends, in pixels or in an error, and with all instructions in the
//! same.
//!
//! This file is compiled twice: for the fuzz targets, and for `pixels`' own test of the seeds.

use pixels::simd::Level;
use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize, probe};

/// Pixels that are decoded in all ways at most, so that an input takes milliseconds.
const MOST_PIXELS: usize = 1 << 22;

/// A JPEG.
pub fn jpeg(bytes: &[u8]) {
    // All of them begin so; the fuzzer need not find out.
    let bytes = &[&[0xff, 0xd8], bytes.strip_prefix(&[0xff, 0xd8]).unwrap_or(bytes)].concat();
    decode_all(bytes);
}

/// A PNG or a WebP.
pub fn image(bytes: &[u8]) {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        decode_all(bytes);
    }
}

/// Decodes in all ways. The region and the sizes come from the bytes, since the fuzzer knows nothing else.
fn decode_all(bytes: &[u8]) {
    let probed = probe(bytes);
    if let Ok(info) = probed
        && info.size.height * info.size.width > MOST_PIXELS
    {
        // What few bytes say to be large must be refused before memory is taken.
        let _ = Decoder::new().verify(bytes);
        return;
    }
    let picture = Picture { bytes, size: None };
    let mut plain = Decoder::with_level(Level::Plain);
    let mut best = Decoder::new();
    let verified = best.verify(bytes);
    assert_eq!(plain.verify(bytes), verified);
    assert!(verified.is_err() || verified == probed, "verified and probed differ");
    for channels in [1, 3] {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let size = plain.full(picture, channels, &mut one);
        assert_eq!(best.full(picture, channels, &mut other), size);
        assert_eq!(one, other, "the levels differ");
        let Ok(size) = size else { continue };
        assert_eq!(one.len(), size.bytes());
        region(bytes, size, &one, &mut plain, &mut best);
    }
}

/// A part of an image that decodes as a whole must decode too, the same with all instructions; and as it is in the
/// whole, where it is not resized.
fn region(bytes: &[u8], size: ImageSize, whole: &[u8], plain: &mut Decoder, best: &mut Decoder) {
    let picture = Picture { bytes, size: None };
    let draw = |place: usize, below: usize| {
        let at = bytes.len().saturating_sub(2 + 2 * place);
        let word = u16::from_be_bytes([bytes[at], bytes.get(at + 1).copied().unwrap_or(0)]);
        usize::from(word) * 257 % below
    };
    let (top, left) = (draw(1, size.height), draw(2, size.width));
    let (height, width) = (1 + draw(3, size.height - top), 1 + draw(4, size.width - left));
    let rect = Rect { top, left, height, width };
    let mirror = draw(5, 2) == 1;
    let filter = [Filter::Area, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos][draw(6, 4)];
    let resize = Resize { filter, antialias: draw(7, 2) == 1, dct_scaling: draw(8, 2) == 1 };
    for (height, width) in [(height, width), (1 + draw(8, 40), 1 + draw(9, 40))] {
        let target = ImageSize { height, width, channels: size.channels };
        let (mut one, mut other) = (vec![0; target.bytes()], vec![1; target.bytes()]);
        let done = plain.region(picture, rect, resize, mirror, target, &mut one);
        assert_eq!(best.region(picture, rect, resize, mirror, target, &mut other), done);
        assert_eq!(done, Ok(()), "the whole decodes, a part does not");
        assert_eq!(one, other, "the levels differ");
        if (height, width) == (rect.height, rect.width) && !mirror {
            let rows = whole.chunks_exact(size.width * size.channels).skip(top);
            let row = left * size.channels..(left + width) * size.channels;
            for (got, want) in one.chunks_exact(width * size.channels).zip(rows) {
                assert_eq!(got, &want[row.clone()], "a part is not what it is in the whole");
            }
        }
    }
}
