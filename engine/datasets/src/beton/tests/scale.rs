//! How long two million rows take, and how much memory. Not run by itself:
//! `cargo test --release -p datasets beton::tests::scale -- --ignored --nocapture --test-threads 1`.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::jpeg;
use crate::beton::Beton;
use crate::{Dataset, Value};

const ROWS: u64 = 2_000_000;

/// A file of an image and a label; every row points to one of as many regions, the table is sorted or not.
fn file(path: &Path, mode: u8, sorted: bool) {
    let region = jpeg(2, 2, b"");
    let first = 24 + 2 * 1041;
    let page = 8 << 20;
    let data = (first + ROWS * 24).next_multiple_of(page);
    let table = (data + ROWS * region.len() as u64).next_multiple_of(page);
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
    let mut descriptors = [0; 2 * 1041];
    descriptors[0] = 2;
    descriptors[1] = b'i';
    descriptors[1041] = 1;
    descriptors[1042] = b'l';
    out.write_all(&[2, 0, 2, 0, 0, 0, 128, 0]).unwrap();
    out.write_all(&ROWS.to_le_bytes()).unwrap();
    out.write_all(&table.to_le_bytes()).unwrap();
    out.write_all(&descriptors).unwrap();
    let start = |row: u64| data + row * region.len() as u64;
    for row in 0..ROWS {
        out.write_all(&[mode, 2, 0, 2, 0]).unwrap();
        out.write_all(&start(row).to_le_bytes()).unwrap();
        out.write_all(&[0; 3]).unwrap();
        out.write_all(&row.to_le_bytes()).unwrap();
    }
    out.write_all(&vec![0; (data - first - ROWS * 24) as usize]).unwrap();
    for _ in 0..ROWS {
        out.write_all(&region).unwrap();
    }
    out.write_all(&vec![0; (table - data - ROWS * region.len() as u64) as usize]).unwrap();
    for index in 0..ROWS {
        // As several workers leave it: by turns, from both ends.
        let row = if sorted || index % 2 == 0 { index } else { ROWS - index };
        for number in [row, start(row), region.len() as u64] {
            out.write_all(&number.to_le_bytes()).unwrap();
        }
    }
    out.flush().unwrap();
}

/// Memory of this process in MB: all that is resident, and what of it is no file's.
fn memory() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    (line("VmRSS:").unwrap_or(0) / 1000, line("RssAnon:").unwrap_or(0) / 1000)
}

#[test]
#[ignore = "times and memory of this machine, which no bound fits: `make measure` prints them"]
fn two_million_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.beton");
    for (name, mode, sorted) in [("raw", 1, true), ("JPEG, sorted table", 0, true), ("JPEG, unsorted table", 0, false)]
    {
        file(&path, mode, sorted);
        let before = memory();
        let start = Instant::now();
        let beton = Beton::open(&path).unwrap();
        let opened = start.elapsed();
        let start = Instant::now();
        assert!(beton.value(ROWS / 3, 0).is_ok());
        let first = start.elapsed();
        let after = memory();
        let reads = 1_000_000;
        // The best of some passes: the first reads the file, others are disturbed.
        let time = |name: &str, stride: u64, field: usize| {
            let pass = |_| {
                let start = Instant::now();
                let mut row = 1;
                for _ in 0..reads {
                    row = (row + stride) % ROWS;
                    if let Ok(Value::Image { bytes, .. }) = black_box(&beton).value(row, field) {
                        black_box(bytes.as_ptr());
                    }
                }
                start.elapsed().as_nanos() as f64 / f64::from(reads)
            };
            println!("  {name}: {:.1} ns", (0..5).map(pass).fold(f64::INFINITY, f64::min));
        };
        println!("{name}: opened in {opened:?}, first value after {first:?} more");
        println!(
            "  resident {} MB more, {} MB of it not the file",
            after.0 - before.0,
            after.1.saturating_sub(before.1)
        );
        time("image, rows in order", 1, 0);
        time("image, rows at random", 1_234_577, 0);
        time("label, rows in order", 1, 1);
        let start = Instant::now();
        black_box(beton.info().unwrap());
        println!("  info: {:?}", start.elapsed());
        println!("  resident in the end {:?} MB", memory());
    }
}
