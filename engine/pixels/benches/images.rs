//! How fast images are augmented, decoded and resized on one core, beside copying the same bytes.
//!
//! ```text
//! cargo bench -p pixels
//! ```

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use pixels::{
    Axis, Decoder, Filter, ImageSize, JpegOptions, Op, Pass, PassMemory, Picture, Pixels, Rect, Resize, Scratch, Step,
    Target, ValueTable, encode_jpeg,
};

fn main() {
    divan::main();
}

const SMALL: ImageSize = ImageSize { height: 32, width: 32, channels: 3 };
const LARGE: ImageSize = ImageSize { height: 224, width: 224, channels: 3 };
/// As many small images as do not fit into caches.
const IMAGES: usize = 50_000;

/// Numbers that look random, always the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}

fn bytes(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(len as u64);
    (0..len).map(|_| numbers.below(256) as u8).collect()
}

/// Copies images from places all over the memory: what no augmentation can be faster than.
#[divan::bench(sample_size = 2000)]
fn copy_small_images(bencher: Bencher<'_, '_>) {
    let (images, mut to, mut numbers) = (bytes(IMAGES * SMALL.bytes()), vec![0; SMALL.bytes()], Numbers(1));
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(SMALL.bytes())).bench_local(|| {
        let start = numbers.below(IMAGES) * SMALL.bytes();
        to.copy_from_slice(&images[start..start + SMALL.bytes()]);
        black_box(&mut to);
    });
}

/// Mirror, shift by up to two pixels, cover 8 × 8 pixels: one pass over each image, out of planes.
fn augment(memory: &mut PassMemory, numbers: &mut Numbers, images: &[u8], target: Target<'_>) {
    let start = numbers.below(IMAGES) * SMALL.bytes();
    let source = Pixels { bytes: &images[start..start + SMALL.bytes()], size: SMALL, planar: true };
    let fill = [125, 122, 113];
    let mut pass = Pass::new(source, memory);
    if numbers.below(2) == 0 {
        pass.push(&Step::Move { rows: Axis::identity(32), columns: Axis::mirrored(32), outside: &fill });
    }
    let (down, right) = (numbers.below(5) as isize - 2, numbers.below(5) as isize - 2);
    pass.push(&Step::Move { rows: Axis::window(32, down, 32), columns: Axis::window(32, right, 32), outside: &fill });
    let area = Rect { top: numbers.below(25), left: numbers.below(25), height: 8, width: 8 };
    pass.push(&Step::Fill { area, colour: &fill });
    pass.finish(target);
}

#[divan::bench(sample_size = 2000)]
fn augment_small_images_to_uint8(bencher: Bencher<'_, '_>) {
    let (images, mut to) = (bytes(IMAGES * SMALL.bytes()), vec![0; SMALL.bytes()]);
    let (mut numbers, mut memory) = (Numbers(1), PassMemory::default());
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(SMALL.bytes())).bench_local(|| {
        augment(&mut memory, &mut numbers, &images, Target::Bytes(&mut to));
        black_box(&mut to);
    });
}

fn normalization() -> ValueTable {
    let line = |mean: f64, std: f64| -> [f64; 256] { std::array::from_fn(|v| (v as f64 - mean) / std) };
    ValueTable::float32(&[line(125.307, 51.5865), line(122.961, 50.847), line(113.8575, 51.255)])
}

#[divan::bench(sample_size = 2000)]
fn augment_small_images_to_float32(bencher: Bencher<'_, '_>) {
    let (images, mut to) = (bytes(IMAGES * SMALL.bytes()), vec![0.0_f32; SMALL.bytes()]);
    let (mut numbers, mut memory, table) = (Numbers(1), PassMemory::default(), normalization());
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(5 * SMALL.bytes())).bench_local(|| {
        let to: &mut [u8] = bytemuck::cast_slice_mut(&mut to);
        augment(&mut memory, &mut numbers, &images, Target::Values { table: &table, to, past: false });
        black_box(to);
    });
}

#[divan::bench(args = [
    Op::Invert, Op::Contrast { factor: 1.3 }, Op::Saturation { factor: 0.5 }, Op::Hue { turn: 0.1 }, Op::Equalize,
    Op::Sharpness { factor: 1.5 }, Op::GaussianBlur { radius: 4, sigma: 1.5 },
])]
fn operation_on_224(bencher: Bencher<'_, '_>, op: &Op) {
    let (mut image, mut scratch) = (bytes(LARGE.bytes()), Scratch::default());
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| op.apply(black_box(&mut image), LARGE, &mut scratch));
}

/// A picture of shapes and shades, 500 × 375, as a JPEG.
fn jpeg() -> Vec<u8> {
    let size = ImageSize { height: 375, width: 500, channels: 3 };
    let mut numbers = Numbers(7);
    let pixel = |y: usize, x: usize| {
        let wave = 80.0 * ((x as f32 * 0.11).sin() + (y as f32 * 0.07).cos());
        let noise = numbers.below(24) as f32;
        let edge = if (x / 40 + y / 30).is_multiple_of(2) { 60.0 } else { 0.0 };
        [(120.0 + wave + noise) as u8, (100.0 + edge + noise) as u8, (90.0 - wave / 2.0 + noise) as u8]
    };
    let places = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (y, x)));
    let mut pixel = pixel;
    let pixels: Vec<u8> = places.flat_map(|(y, x)| pixel(y, x)).collect();
    let mut out = Vec::new();
    encode_jpeg(&pixels, size, JpegOptions::default(), &mut out).expect("the size fits");
    out
}

#[divan::bench]
fn decode_jpeg_of_500_by_375(bencher: Bencher<'_, '_>) {
    let (jpeg, mut decoder, mut out) = (jpeg(), Decoder::new(), Vec::new());
    bencher.counter(ItemsCount::new(1_usize)).counter(BytesCount::new(jpeg.len())).bench_local(|| {
        decoder.full(black_box(Picture { bytes: &jpeg, size: None }), 3, &mut out).expect("it is whole")
    });
}

/// A part of 250 × 200 pixels to 224 × 224.
#[divan::bench(args = [(Filter::Bilinear, false), (Filter::Bilinear, true), (Filter::Area, false)])]
fn decode_and_resize_part(bencher: Bencher<'_, '_>, (filter, antialias): (Filter, bool)) {
    let (jpeg, mut decoder, mut out) = (jpeg(), Decoder::new(), vec![0; LARGE.bytes()]);
    let part = Rect { top: 90, left: 120, height: 200, width: 250 };
    let resize = Resize { filter, antialias, dct_scaling: false };
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let picture = black_box(Picture { bytes: &jpeg, size: None });
        decoder.region(picture, part, resize, false, LARGE, &mut out).expect("it is whole");
        black_box(&mut out);
    });
}
