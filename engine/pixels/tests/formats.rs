//! Formats that other crates decode, conversions, and writing.

mod reference;

use pixels::{Decoder, Format, ImageSize, Info, JpegOptions, Picture, encode_jpeg, probe};
use reference::{SAMPLINGS, file, picture};

fn full(bytes: &[u8], channels: usize) -> Result<(ImageSize, Vec<u8>), String> {
    let mut out = Vec::new();
    Decoder::new().full(Picture { bytes, size: None }, channels, &mut out).map(|size| (size, out)).map_err(|e| e.0)
}

fn png(data: &[u8], (height, width): (u32, u32), colour: png::ColorType, depth: png::BitDepth) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette(vec![1, 2, 3, 40, 50, 60, 250, 251, 252, 9, 9, 9]);
        encoder.set_trns(vec![255, 0]);
    }
    encoder.write_header().expect("a valid header").write_image_data(data).expect("as much data");
    out
}

#[test]
fn png_of_all_kinds() {
    use png::{BitDepth::*, ColorType::*};
    let gray = [0, 255, 20, 30, 40, 50];
    let cases: [(Vec<u8>, _, _, usize, u8, Vec<u8>); 6] = [
        (gray.to_vec(), Grayscale, Eight, 1, 8, gray.iter().flat_map(|&v| [v; 3]).collect()),
        (
            gray.iter().flat_map(|&v| [v, 77]).collect(),
            GrayscaleAlpha,
            Eight,
            2,
            8,
            gray.iter().flat_map(|&v| [v; 3]).collect(),
        ),
        (
            gray.iter().flat_map(|&v| [v, 200]).collect(),
            Grayscale,
            Sixteen,
            1,
            16,
            gray.iter().flat_map(|&v| [v; 3]).collect(),
        ),
        (
            gray.iter().flat_map(|&v| [v, 9, v]).collect(),
            Rgb,
            Eight,
            3,
            8,
            gray.iter().flat_map(|&v| [v, 9, v]).collect(),
        ),
        (
            gray.iter().flat_map(|&v| [v, 9, v, 0]).collect(),
            Rgba,
            Eight,
            4,
            8,
            gray.iter().flat_map(|&v| [v, 9, v]).collect(),
        ),
        (
            vec![0b0001_1000, 0b1101_0000],
            Indexed,
            Two,
            4,
            8,
            vec![1, 2, 3, 40, 50, 60, 250, 251, 252, 9, 9, 9, 40, 50, 60, 40, 50, 60],
        ),
    ];
    for (data, colour, depth, channels, bits, expected) in cases {
        let file = png(&data, (2, 3), colour, depth);
        let size = ImageSize { height: 2, width: 3, channels };
        assert_eq!(probe(&file), Ok(Info { format: Format::Png, size, bits }), "{colour:?}");
        let (size, out) = full(&file, 3).unwrap();
        assert_eq!(size, ImageSize { channels: 3, ..size });
        if colour == Indexed {
            assert_eq!(out[..9], expected[..9]);
            continue;
        }
        assert_eq!(out, expected, "{colour:?}");
        for cut in 0..file.len() {
            assert!(full(&file[..cut], 3).is_err(), "{colour:?} cut at {cut}");
        }
    }
}

#[test]
fn webp_and_gray() {
    let pixels = picture(20, 30, 4, 1);
    let mut file = Vec::new();
    image_webp::WebPEncoder::new(&mut file).encode(&pixels, 30, 20, image_webp::ColorType::Rgba8).unwrap();
    let size = ImageSize { height: 20, width: 30, channels: 4 };
    assert_eq!(probe(&file), Ok(Info { format: Format::WebP, size, bits: 8 }));
    let rgb: Vec<u8> = pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    assert_eq!(full(&file, 3).unwrap().1, rgb);
    let (_, gray) = full(&file, 1).unwrap();
    for (gray, rgb) in gray.iter().zip(rgb.chunks_exact(3)) {
        let exact = 0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2]);
        assert!((f64::from(*gray) - exact).abs() <= 0.51);
    }
    assert!(full(&file[..file.len() / 2], 3).is_err());
    assert!(full(&file, 2).is_err());
}

#[test]
fn progressive_is_as_sequential() {
    let (pixels, mut file) = (picture(45, 50, 3, 3), Vec::new());
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(SAMPLINGS[0]);
    encoder.set_progressive(true);
    encoder.encode(&pixels, 50, 45, jpeg_encoder::ColorType::Rgb).unwrap();
    let (size, out) = full(&file, 3).unwrap();
    let (_, expected) = full(&reference::file((45, 50, 3), 3, 90, SAMPLINGS[0], 0), 3).unwrap();
    assert_eq!(size, ImageSize { height: 45, width: 50, channels: 3 });
    let worst = out.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    // The other decoder's arithmetic is not libjpeg's.
    assert!(worst <= Some(3), "{worst:?}");
}

#[test]
fn what_is_written_is_read() {
    for channels in [1, 3] {
        let size = ImageSize { height: 60, width: 70, channels };
        let pixels: Vec<u8> = (0..size.bytes()).map(|i| (i / channels % 70 + i / channels / 70) as u8).collect();
        for restart in [0, 3] {
            let mut file = b"before".to_vec();
            encode_jpeg(&pixels, size, JpegOptions { restart, ..JpegOptions::default() }, &mut file).unwrap();
            assert!(file.starts_with(b"before"));
            let (got, out) = full(&file[6..], channels).unwrap();
            assert_eq!(got, size);
            assert!(out.iter().zip(&pixels).all(|(a, b)| a.abs_diff(*b) <= 4));
            Decoder::new().verify(&file[6..]).unwrap();
        }
    }
    let size = ImageSize { height: 1, width: 1, channels: 3 };
    assert!(encode_jpeg(&[0; 3], size, JpegOptions { quality: 0, restart: 0 }, &mut Vec::new()).is_err());
    assert!(encode_jpeg(&[0; 2], size, JpegOptions::default(), &mut Vec::new()).is_err());
    let wide = ImageSize { width: 65_536, ..size };
    assert!(encode_jpeg(&vec![0; wide.bytes()], wide, JpegOptions::default(), &mut Vec::new()).is_err());
}

#[test]
fn gray_and_colour_of_a_jpeg() {
    let file = file((20, 30, 1), 3, 90, SAMPLINGS[0], 0);
    let (_, gray) = full(&file, 1).unwrap();
    let (_, rgb) = full(&file, 3).unwrap();
    assert!(rgb.chunks_exact(3).zip(&gray).all(|(rgb, gray)| rgb == [*gray; 3]));
}

#[test]
fn few_bytes_take_little_memory() {
    // A WebP without loss of 16,383 × 16,383 pixels, which would be 800 MB.
    let sides: u32 = 16_382 | 16_382 << 14;
    let data = [&[0x2f][..], &sides.to_le_bytes(), &[0; 11]].concat();
    let chunk = [b"WEBPVP8L".as_slice(), &16_u32.to_le_bytes(), &data].concat();
    let file = [b"RIFF".as_slice(), &(chunk.len() as u32).to_le_bytes(), &chunk].concat();
    assert_eq!(probe(&file).unwrap().size.height, 16_383);
    let error = full(&file, 3).unwrap_err();
    assert_eq!(error, "the image is cut off or made up: 36 bytes are too few for 16383 × 16383 pixels");
    assert_eq!(Decoder::new().verify(&file).unwrap_err().0, error);
}
