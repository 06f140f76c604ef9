//! What a machine can do at most, measured, to hold a pipeline against: copying memory, decoding images.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use pixels::Decoder;

use super::error::RunError;
use super::pipeline::Pipeline;
use crate::batch::{Draws, Item, RowShape, Rows, Values};
use crate::operators::Kernel;
use crate::random::Key;

/// Bytes that a copy reads from, for each worker: more than caches hold.
const COPIED: usize = 128 << 20;

/// A rate that no pipeline of this kind can be above, or hardly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Bytes copied a second, all workers together: each is read and written once.
    Copy {
        /// Bytes a second.
        bytes: f64,
        /// Bytes of a row that the pipeline reads and writes.
        row_bytes: usize,
    },
    /// Images decoded in full a second, all workers together, and nothing done with them.
    Decode {
        /// Images a second.
        images: f64,
    },
}

impl Limit {
    /// Rows a second at the limit.
    pub fn rows(self) -> f64 {
        match self {
            // A copied byte is a byte read and a byte written.
            Self::Copy { bytes, row_bytes } => 2.0 * bytes / row_bytes.max(1) as f64,
            Self::Decode { images } => images,
        }
    }

    /// Measures it for a pipeline of which a batch has these samples and so many bytes.
    pub fn measure(
        pipeline: &Pipeline,
        (samples, bytes): (&[u64], usize),
        workers: usize,
        time: Duration,
    ) -> Result<Self, RunError> {
        let encoded = encoded(pipeline, samples)?;
        if encoded.is_empty() {
            let out = bytes / samples.len().max(1);
            return Ok(Self::Copy { bytes: copies(workers, time), row_bytes: source_bytes(pipeline) + out });
        }
        Ok(Self::Decode { images: decodings(&encoded, workers, time) })
    }
}

/// Bytes of a row that the source reads.
fn source_bytes(pipeline: &Pipeline) -> usize {
    let writes = pipeline.plan().nodes[pipeline.source()].signature.writes.iter();
    writes.map(|write| write.field.row_bytes()).sum()
}

/// The encoded images of some samples, as the source reads them.
fn encoded(pipeline: &Pipeline, samples: &[u64]) -> Result<Vec<Item>, RunError> {
    let node = pipeline.source();
    let name = &pipeline.plan().nodes[node].name;
    let Kernel::Source(source) = pipeline.kernel(node) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let pictures = pipeline.plan().nodes[node].signature.writes.iter().filter(|write| write.field.is_ragged());
    for write in pictures {
        let (shape, rows) = (RowShape::Item, samples.len());
        let mut memory = shape.memory(rows);
        let draws = Draws::new(Key::of_seed(0), 0, samples);
        let outputs = vec![(write.field.name.as_str(), memory.rows_mut(shape, rows))];
        let read = source.read(&mut Rows::new(samples, draws, Vec::new(), outputs));
        read.map_err(|e| RunError::at(name, e))?;
        if let Values::Items(items) = memory.rows(shape, rows) {
            found.extend(items.iter().filter(|i| i.size.is_none() && pixels::probe(&i.bytes).is_ok()).cloned());
        }
    }
    Ok(found)
}

/// Runs `work` on so many threads until the time is over; what it counts, a second.
fn together(workers: usize, time: Duration, work: impl Fn(&dyn Fn() -> bool) -> u64 + Sync) -> f64 {
    let count = AtomicU64::new(0);
    let start = Instant::now();
    let go_on = || start.elapsed() < time;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| count.fetch_add(work(&go_on), Relaxed));
        }
    });
    count.into_inner() as f64 / start.elapsed().as_secs_f64()
}

/// Bytes copied a second from memory to memory.
fn copies(workers: usize, time: Duration) -> f64 {
    together(workers, time, |go_on| {
        let (from, mut to) = (vec![1_u8; COPIED], vec![2_u8; COPIED]);
        let start = Instant::now();
        let mut copied = 0;
        while copied == 0 || go_on() {
            to.copy_from_slice(std::hint::black_box(&from));
            std::hint::black_box(&mut to);
            copied += COPIED as u64;
        }
        // The time that the memory took to be there is not the copies'.
        let spent = start.elapsed().as_secs_f64();
        (copied as f64 / spent * time.as_secs_f64().max(spent)) as u64
    })
}

/// Images decoded a second.
fn decodings(items: &[Item], workers: usize, time: Duration) -> f64 {
    together(workers, time, |go_on| {
        let (mut decoder, mut pixels) = (Decoder::new(), Vec::new());
        let mut done = 0;
        for item in items.iter().cycle() {
            // A damaged one counts too: it takes its time.
            let _ = std::hint::black_box(decoder.full(item.picture(), 3, &mut pixels));
            done += 1;
            if !go_on() {
                break;
            }
        }
        done
    })
}
