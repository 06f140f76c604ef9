//! How fast images are decoded and resized, on one core: `cargo run --release -p pixels --example rates -- FOLDER`.
//!
//! FOLDER holds JPEGs, in folders or not; they are read ahead. Printed are milliseconds of processor time for an image,
//! the best of several passes in turn, and how they compare with the limits of this decoder: entropy decoding, which no
//! part can do without (but of files with restart markers, of which it leaves out most here), and memory (a copy of the
//! decoded pixels).

use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize, probe};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Seconds of processor time of this thread, or of time where the system does not tell.
fn seconds(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let used = told.and_then(|told| told.split(' ').next().and_then(|used| used.parse::<f64>().ok()));
    used.map_or_else(|| start.elapsed().as_secs_f64(), |nanoseconds| nanoseconds * 1e-9)
}

fn jpegs(folder: &Path, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            jpegs(&path, out)?;
        } else if path.extension().is_some_and(|e| e == "jpg" || e == "jpeg" || e == "JPEG") {
            out.push(path);
        }
    }
    Ok(())
}

/// Random resized crops (torchvision's and FFCV's): 8 to 100 % of the area, sides 3:4 to 4:3.
fn crop(size: ImageSize, draw: &mut impl FnMut() -> f64) -> Rect {
    let (height, width) = (size.height as f64, size.width as f64);
    loop {
        let area = height * width * (0.08 + 0.92 * draw());
        let ratio = (0.75f64.ln() + draw() * (16.0f64 / 9.0).ln()).exp();
        let (w, h) = ((area * ratio).sqrt().round(), (area / ratio).sqrt().round());
        if w <= width && h <= height {
            let (top, left) = (draw() * (height - h + 1.0), draw() * (width - w + 1.0));
            return Rect { top: top as usize, left: left as usize, height: h as usize, width: w as usize };
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("say which folder holds the JPEGs")?;
    let mut paths = Vec::new();
    jpegs(Path::new(&folder), &mut paths)?;
    paths.sort();
    let files = paths.iter().map(std::fs::read).collect::<Result<Vec<_>, _>>()?;
    let sizes = files.iter().map(|file| Ok(probe(file)?.size)).collect::<Result<Vec<_>, pixels::PixelError>>()?;
    if files.is_empty() {
        return Err("there are no JPEGs in the folder".into());
    }
    let bytes = files.iter().map(Vec::len).sum::<usize>() / files.len();
    println!("{} images of {bytes} bytes on average", files.len());

    let mut state = 1u64;
    let mut draw = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    // Several crops of each image.
    let rounds = (1000 / files.len()).max(1);
    let jobs: Vec<_> = (0..rounds)
        .flat_map(|_| files.iter().zip(&sizes))
        .map(|(file, size)| (Picture { bytes: file, size: None }, *size, crop(*size, &mut draw)))
        .collect();

    let (mut decoder, mut out, mut copy) = (Decoder::new(), Vec::new(), Vec::new());
    let target = ImageSize { height: 224, width: 224, channels: 3 };
    let resized = |filter, antialias| Some(Resize { filter, antialias, dct_scaling: false });
    let rows = [
        ("memory: a copy of the pixels", 'm', None),
        ("entropy decoding only", 'e', None),
        ("full", 'f', None),
        ("crop", 'c', None),
        ("crop, bilinear to 224", 'r', resized(Filter::Bilinear, false)),
        ("crop, area to 224", 'r', resized(Filter::Area, false)),
        ("crop, antialiased bilinear to 224", 'r', resized(Filter::Bilinear, true)),
        ("crop, antialiased bicubic to 224", 'r', resized(Filter::Bicubic, true)),
    ];
    let mut best = [f64::INFINITY; 8];
    let start = Instant::now();
    for _ in 0..5 {
        for ((_, kind, resize), best) in rows.iter().zip(&mut best) {
            let before = seconds(start);
            for &(picture, size, region) in &jobs {
                match kind {
                    'm' => {
                        out.resize(size.bytes(), 0);
                        copy.clear();
                        copy.extend_from_slice(&out);
                    }
                    // One pixel in the last corner: all blocks are read, one is decoded.
                    'e' => {
                        let last = Rect { top: size.height - 1, left: size.width - 1, height: 1, width: 1 };
                        let one = ImageSize { height: 1, width: 1, channels: 1 };
                        let plain = Resize { filter: Filter::Bilinear, antialias: false, dct_scaling: false };
                        decoder.region(picture, last, plain, false, one, &mut [0])?;
                    }
                    'f' => drop(decoder.full(picture, 3, &mut out)?),
                    'c' => {
                        let whole = ImageSize { height: region.height, width: region.width, channels: 3 };
                        out.resize(whole.bytes(), 0);
                        let plain = Resize { filter: Filter::Bilinear, antialias: false, dct_scaling: false };
                        decoder.region(picture, region, plain, false, whole, &mut out)?;
                    }
                    _ => {
                        out.resize(target.bytes(), 0);
                        let resize = resize.ok_or("a row without a filter")?;
                        decoder.region(picture, region, resize, false, target, &mut out)?;
                    }
                }
            }
            *best = best.min((seconds(start) - before) / jobs.len() as f64);
        }
    }
    println!("{:34}  {:>8}  {:>8}  {:>13}", "", "ms", "images/s", "of entropy's");
    for ((name, ..), seconds) in rows.iter().zip(best) {
        println!("{name:34}  {:8.4}  {:8.0}  {:12.2}×", seconds * 1e3, 1.0 / seconds, seconds / best[1]);
    }
    Ok(())
}
