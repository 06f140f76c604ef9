//! A run on disk: the messages that a viewer would get, readable up to where it was cut off.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::codec::{self, ReceiveError};
use crate::feed::Feed;
use crate::hub::lock;
use crate::{Ended, Hub, Level, ToViewer};

/// How often a recorder looks whether it is to do something.
const TICK: Duration = Duration::from_millis(100);
/// Ticks between two snapshots: a recording is looked at by hours, not by frames.
const SNAPSHOT_TICKS: u64 = 5;
/// Ticks between two messages of what changes slowly.
const SLOW_TICKS: u64 = 20;
/// Ticks between two images of a node, and between two questions for them.
const IMAGE_TICKS: u64 = 300;
const WANT_TICKS: u64 = 10;
/// Images of a sample are kept of this many samples, within so many bytes a node.
const MAX_SAMPLES: usize = 12;
const MAX_IMAGE_BYTES: usize = 512 << 10;

/// Writes a run to a file, until it is dropped.
pub struct Recorder {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    failed: Arc<Mutex<Option<io::Error>>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins. The file must not be there yet: a recording is never lost to another one.
    pub fn start(path: &Path, hub: Arc<Hub>) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create_new(path)?);
        codec::write_greeting(&mut file)?;
        let stop = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(Mutex::new(None));
        let (until, report) = (Arc::clone(&stop), Arc::clone(&failed));
        let thread = std::thread::Builder::new().name("telemetry record".into()).spawn(move || {
            if let Err(error) = record(file, &hub, &until) {
                hub.event(Level::Warning, format!("the recording ends here: {error}"));
                *lock(&report) = Some(error);
            }
        })?;
        Ok(Self { path: path.to_owned(), stop, failed, thread: Some(thread) })
    }

    /// Where it is written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends it, and says if it could not be written to its end.
    pub fn finish(mut self) -> io::Result<()> {
        self.end();
        lock(&self.failed).take().map_or(Ok(()), Err)
    }

    fn end(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}

fn record(mut file: BufWriter<File>, hub: &Hub, stop: &AtomicBool) -> io::Result<()> {
    let mut feed = Feed::new(hub);
    codec::write_message(&mut file, &feed.run())?;
    feed.trace(true);
    let start = Instant::now();
    // When each node's images were written: a viewer may ask for more than a recording needs.
    let mut shown: Vec<Option<u64>> = vec![None; hub.run().nodes.len()];
    for tick in 0.. {
        // Read before the snapshot, so that the last snapshot holds everything.
        let ended = hub.ended();
        let last = ended.is_some() || stop.load(Relaxed);
        let due = |ticks: u64| tick % ticks == 0 || last;
        let mut put = |message: &ToViewer| codec::write_message(&mut file, message);
        if due(SNAPSHOT_TICKS) {
            put(&feed.snapshot())?;
        }
        if let Some(events) = feed.events() {
            put(&events)?;
        }
        if due(SNAPSHOT_TICKS)
            && let Some(spans) = feed.spans()
        {
            put(&spans)?;
        }
        if due(SLOW_TICKS) {
            feed.slow().iter().try_for_each(&mut put)?;
        }
        for (node, shown) in shown.iter_mut().enumerate() {
            let wanted = shown.is_none_or(|then| tick - then >= IMAGE_TICKS);
            if wanted && let Some(mut images) = feed.images(node as u32) {
                shorten(&mut images);
                put(&images)?;
                *shown = Some(tick);
            } else if wanted && tick % WANT_TICKS == 0 && !last {
                hub.want(node as u32);
            }
        }
        if last {
            put(&ToViewer::Ended(ended.unwrap_or(Ended::Stopped)))?;
            return file.flush();
        }
        // What is written is on the disk's way, should the process be killed.
        file.flush()?;
        std::thread::sleep((TICK * (tick as u32 + 1)).saturating_sub(start.elapsed()));
    }
    Ok(())
}

/// Keeps the first samples.
fn shorten(message: &mut ToViewer) {
    let ToViewer::Images(images) = message else { return };
    let bytes = |pictures: &crate::Pictures| pictures.width as usize * pictures.height as usize * 3;
    let pictures = [&images.before, &images.after].into_iter().flatten();
    let each = pictures.map(bytes).sum::<usize>().max(1);
    let keep = (MAX_IMAGE_BYTES / each).clamp(1, MAX_SAMPLES);
    images.samples.truncate(keep);
    images.labels.truncate(keep);
    images.drawn.truncate(keep);
    for pictures in [&mut images.before, &mut images.after].into_iter().flatten() {
        pictures.rgb.truncate(keep * bytes(pictures));
    }
}

/// Why a recording cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The system says no.
    #[error("cannot read the recording {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is another kind of file, another version, or damaged.
    #[error("{path} is no recording that can be read: {why}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

/// A recording, read whole.
pub struct Recording {
    /// Its messages, each with the time since the start of the run at which it was written. The first one is the run.
    pub messages: Vec<(Duration, ToViewer)>,
    /// What is wrong with its end, if it was cut off: the process was killed, or the disk was full.
    pub cut_off: Option<String>,
}

impl Recording {
    /// Reads a file. What comes after a message that cannot be read is left out, with a word in
    /// [`cut_off`](Self::cut_off).
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        Self::from(BufReader::new(file)).map_err(|error| match error {
            ReceiveError::Io(source) => failed(source),
            ReceiveError::Stranger | ReceiveError::Closed => {
                RecordingError::Content { path: path.to_owned(), why: "it was not written by --record".into() }
            }
            ReceiveError::Version { theirs } => RecordingError::Content {
                path: path.to_owned(),
                why: format!(
                    "it is of version {theirs}, and versions {} to {} are understood",
                    crate::OLDEST,
                    crate::VERSION
                ),
            },
            other => RecordingError::Content { path: path.to_owned(), why: other.to_string() },
        })
    }

    /// Reads bytes. An error only where nothing of it makes sense.
    pub fn from(mut bytes: impl Read) -> Result<Self, ReceiveError> {
        codec::read_greeting(&mut bytes)?;
        let first = codec::read_message::<ToViewer>(&mut bytes)?;
        if !matches!(first, ToViewer::Run(_)) {
            return Err(ReceiveError::Stranger);
        }
        let mut messages = vec![(Duration::ZERO, first)];
        let mut now = Duration::ZERO;
        let cut_off = loop {
            match codec::read_message::<ToViewer>(&mut bytes) {
                Ok(message) => {
                    if let ToViewer::Snapshot(snapshot) = &message {
                        now = now.max(Duration::from_nanos(snapshot.elapsed_ns));
                    }
                    let ended = matches!(message, ToViewer::Ended(_));
                    messages.push((now, message));
                    if ended {
                        break None;
                    }
                }
                Err(ReceiveError::Closed) => break Some("the run was killed, or the recording is not whole".into()),
                Err(error) => break Some(error.to_string()),
            }
        };
        Ok(Self { messages, cut_off })
    }

    /// How long the recorded run is.
    pub fn length(&self) -> Duration {
        self.messages.last().map_or(Duration::ZERO, |(time, _)| *time)
    }
}
