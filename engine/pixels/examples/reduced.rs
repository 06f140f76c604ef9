//! What `dct_scaling` saves and what it changes: `cargo run --release -p pixels --example reduced -- FOLDER`.
//!
//! FOLDER holds JPEGs, in folders or not; they are read ahead. Printed are milliseconds of processor time for an image
//! without and with it, the best of several passes in turn, and by how much the pixels differ, of 255.

use pixels::{Decoder, Filter, ImageSize, Picture, Rect, Resize, ops::places, probe};
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

/// The difference of two images: its mean without sign, the root of its mean square, and the largest; and with sign.
#[derive(Default)]
struct Difference {
    count: f64,
    sum: f64,
    squares: f64,
    signed: f64,
    most: u8,
}

impl Difference {
    fn add(&mut self, a: &[u8], b: &[u8]) {
        for (&a, &b) in a.iter().zip(b) {
            let off = f64::from(a) - f64::from(b);
            self.count += 1.0;
            self.sum += off.abs();
            self.squares += off * off;
            self.signed += off;
            self.most = self.most.max(a.abs_diff(b));
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
    let rounds = (200 / files.len()).max(1);
    let ratio = (3.0 / 4.0, 4.0 / 3.0);
    let crops: Vec<Rect> = (0..rounds)
        .flat_map(|_| &sizes)
        .map(|&size| places::random_resized_crop(size, (0.08, 1.0), ratio, &mut draw))
        .collect();
    let wholes: Vec<Rect> = sizes.iter().map(|&size| Rect::whole(size)).collect();

    println!(
        "{:14}  {:22}  {:>6}  {:>7}  {:>7}  {:>6}  {:>6}  {:>6}  {:>4}  {:>6}",
        "what", "filter", "scaled", "ms", "scaled", "faster", "mean", "rms", "max", "signed"
    );
    let mut decoder = Decoder::new();
    let start = Instant::now();
    for (what, regions, side) in
        [("crop to 224", &crops, 224), ("crop to 112", &crops, 112), ("whole to 224", &wholes, 224)]
    {
        let target = ImageSize { height: side, width: side, channels: 3 };
        let reduces = |region: &Rect| region.height >= 2 * side && region.width >= 2 * side;
        let share = regions.iter().filter(|region| reduces(region)).count() as f64 / regions.len() as f64;
        for (name, filter, antialias) in [
            ("bilinear", Filter::Bilinear, false),
            ("antialiased bilinear", Filter::Bilinear, true),
            ("area", Filter::Area, false),
            ("antialiased bicubic", Filter::Bicubic, true),
        ] {
            let (mut best, mut difference) = ([f64::INFINITY; 2], Difference::default());
            let mut outs = [vec![0; target.bytes()], vec![0; target.bytes()]];
            for pass in 0..4 {
                for (i, dct_scaling) in [false, true].into_iter().enumerate() {
                    let before = seconds(start);
                    for (region, file) in regions.iter().zip(files.iter().cycle()) {
                        let (picture, resize) =
                            (Picture { bytes: file, size: None }, Resize { filter, antialias, dct_scaling });
                        decoder.region(picture, *region, resize, false, target, &mut outs[i])?;
                    }
                    best[i] = best[i].min((seconds(start) - before) / regions.len() as f64);
                }
                if pass == 0 {
                    for (region, file) in regions.iter().zip(files.iter().cycle()).filter(|(region, _)| reduces(region))
                    {
                        for (dct_scaling, out) in [false, true].into_iter().zip(&mut outs) {
                            let (picture, resize) =
                                (Picture { bytes: file, size: None }, Resize { filter, antialias, dct_scaling });
                            decoder.region(picture, *region, resize, false, target, out)?;
                        }
                        difference.add(&outs[1], &outs[0]);
                    }
                }
            }
            let Difference { count, sum, squares, signed, most } = difference;
            println!(
                "{what:14}  {name:22}  {:5.0}%  {:7.4}  {:7.4}  {:5.2}×  {:6.2}  {:6.2}  {most:4}  {:6.2}",
                share * 100.0,
                best[0] * 1e3,
                best[1] * 1e3,
                best[0] / best[1],
                sum / count,
                (squares / count).sqrt(),
                signed / count
            );
        }
    }
    Ok(())
}
