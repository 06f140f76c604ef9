//! A recording as a source: its messages at their time, forwards and backwards.

use std::path::Path;
use std::time::{Duration, Instant};

use telemetry::{FromViewer, Recording, RecordingError, ToViewer};

use crate::source::{Event, Kind, Source};

/// Speeds that can be chosen.
pub const SPEEDS: [f64; 5] = [1.0, 4.0, 16.0, 64.0, 256.0];

/// A recording that is looked at.
pub struct Replay {
    name: String,
    recording: Recording,
    /// The next message.
    next: usize,
    /// Messages up to this time are shown.
    now: Duration,
    /// Since when it plays.
    playing: Option<Instant>,
    /// Seconds of the recording in a second.
    pub speed: f64,
    /// The node of which images are wanted.
    watched: Option<u32>,
    /// Its last images before now, to be told once.
    images: Option<usize>,
}

impl Replay {
    /// Opens a recording, at its end: there is most to see.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        Ok(Self::new(path.display().to_string(), Recording::read(path)?))
    }

    /// Looks at a recording.
    pub fn new(name: String, recording: Recording) -> Self {
        let now = recording.length();
        Self { name, recording, next: 0, now, playing: None, speed: SPEEDS[1], watched: None, images: None }
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.recording.length()
    }

    /// The time that is shown.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Whether it plays.
    pub fn playing(&self) -> bool {
        self.playing.is_some()
    }

    /// What is wrong with its end, if it was cut off.
    pub fn cut_off(&self) -> Option<&str> {
        self.recording.cut_off.as_deref()
    }

    /// Plays, from the start if it is at its end, or waits.
    pub fn toggle(&mut self) {
        if self.playing.take().is_some() {
            return;
        }
        if self.now >= self.length() {
            self.seek(Duration::ZERO);
        }
        self.playing = Some(Instant::now());
    }

    /// Shows this time.
    pub fn seek(&mut self, time: Duration) {
        let time = time.min(self.length());
        if time < self.now {
            // The first message begins the run anew.
            self.next = 0;
        }
        self.now = time;
        self.playing = self.playing.map(|_| Instant::now());
        self.images = self.last_images();
    }

    /// Moves on with the clock.
    fn advance(&mut self) {
        let Some(since) = &mut self.playing else { return };
        let now = Instant::now();
        self.now += now.duration_since(*since).mul_f64(self.speed);
        *since = now;
        if self.now >= self.length() {
            self.now = self.length();
            self.playing = None;
        }
    }

    /// The last images of the watched node before now.
    fn last_images(&self) -> Option<usize> {
        let node = self.watched?;
        let messages = self.recording.messages.iter().enumerate().take_while(|(_, (time, _))| *time <= self.now);
        let images = messages.filter(|(_, (_, m))| matches!(m, ToViewer::Images(images) if images.node == node));
        images.last().map(|(index, _)| index)
    }
}

impl Source for Replay {
    fn poll(&mut self) -> Option<Event> {
        self.advance();
        while let Some((time, message)) = self.recording.messages.get(self.next)
            && *time <= self.now
        {
            self.next += 1;
            // Images are told once all the rest is.
            if !matches!(message, ToViewer::Images(_)) {
                return Some(Event::Message(message.clone()));
            }
            if matches!(message, ToViewer::Images(images) if Some(images.node) == self.watched) {
                self.images = Some(self.next - 1);
            }
        }
        let images = self.images.take()?;
        Some(Event::Message(self.recording.messages[images].1.clone()))
    }

    fn send(&mut self, message: FromViewer) {
        if let FromViewer::Watch(node) = message {
            self.watched = node;
            self.images = self.last_images();
        }
    }

    fn address(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> Kind {
        Kind::Recording
    }

    fn replay(&mut self) -> Option<&mut Replay> {
        Some(self)
    }

    /// Going back means to tell all from the start; that should look like one moment.
    fn patience(&self) -> Duration {
        Duration::from_millis(200)
    }
}
