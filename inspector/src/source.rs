//! Where messages come from: a live engine, or memory. (A recording is in [`replay`](crate::replay).)

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use telemetry::codec::ReceiveError;
use telemetry::{Client, FromViewer, ToViewer};

use crate::replay::Replay;

/// Pause between two attempts to connect.
const RECONNECT: Duration = Duration::from_secs(1);
/// Events that may wait for a frame; while no frame is drawn the engine drops snapshots instead of us hoarding them.
const BACKLOG: usize = 64;

/// What a source reports.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Nobody answers; it will be tried again.
    Unreachable,
    /// Somebody answers who cannot be talked to (another program, another version), with the reason.
    Refused(String),
    /// An engine answered.
    Connected,
    /// The engine said something.
    Message(ToViewer),
    /// The connection has gone; it will be tried again.
    Gone,
}

/// What a source is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A run that goes on, or may come.
    #[default]
    Live,
    /// A run that was recorded.
    Recording,
    /// A graph that is not run.
    Plan,
}

/// Gives events and takes requests, without ever blocking.
pub trait Source {
    /// The next event, if one has come.
    fn poll(&mut self) -> Option<Event>;
    /// Tells the engine something; lost while there is no connection.
    fn send(&mut self, message: FromViewer);
    /// Name of the other side, for the user.
    fn address(&self) -> &str;
    /// The recording, if it is one.
    fn replay(&mut self) -> Option<&mut Replay> {
        None
    }
    /// What it is.
    fn kind(&self) -> Kind {
        Kind::Live
    }
    /// How long events may be handled before a frame is drawn.
    fn patience(&self) -> Duration {
        Duration::from_millis(4)
    }
}

/// A connection that is kept up, on a thread of its own.
pub struct Live {
    address: String,
    events: Receiver<Event>,
    nudges: Sender<Nudge>,
}

/// What wakes the thread of a [`Live`].
enum Nudge {
    Arrived,
    Send(FromViewer),
    Quit,
}

/// The window has gone, and the thread with it.
struct Closed;

impl Live {
    /// Connects to `address` and keeps trying. `wake` is called on the thread after each event, to repaint.
    pub fn start(address: String, token: Option<String>, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let (event_sender, events) = sync_channel(BACKLOG);
        #[expect(clippy::disallowed_methods, reason = "a frame must not wait; the client's own backlog bounds it")]
        let (nudges, inbox) = channel();
        let keeper = Keeper {
            address: address.clone(),
            token,
            events: event_sender,
            inbox,
            nudges: nudges.clone(),
            wake: Box::new(wake),
        };
        std::thread::Builder::new().name("connection".into()).spawn(move || drop(keeper.keep()))?;
        Ok(Self { address, events, nudges })
    }
}

impl Source for Live {
    fn poll(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    fn send(&mut self, message: FromViewer) {
        self.nudges.send(Nudge::Send(message)).ok();
    }

    fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.nudges.send(Nudge::Quit).ok();
    }
}

/// The thread's side of a [`Live`].
struct Keeper {
    address: String,
    token: Option<String>,
    events: SyncSender<Event>,
    inbox: Receiver<Nudge>,
    nudges: Sender<Nudge>,
    wake: Box<dyn Fn() + Send>,
}

impl Keeper {
    fn keep(&self) -> Result<(), Closed> {
        loop {
            let nudges = self.nudges.clone();
            match Client::connect(&self.address, self.token.as_deref(), move || drop(nudges.send(Nudge::Arrived))) {
                Ok(client) => {
                    self.tell(Event::Connected)?;
                    self.talk(client)?;
                    self.tell(Event::Gone)?;
                }
                Err(error @ (ReceiveError::Stranger | ReceiveError::Version { .. })) => {
                    self.tell(Event::Refused(error.to_string()))?;
                }
                Err(_) => self.tell(Event::Unreachable)?,
            }
            self.pause()?;
        }
    }

    /// Passes messages on until the connection ends.
    fn talk(&self, mut client: Client) -> Result<(), Closed> {
        loop {
            match self.inbox.recv() {
                Ok(Nudge::Arrived) => loop {
                    match client.poll() {
                        Ok(Some(message)) => self.tell(Event::Message(message))?,
                        Ok(None) => break,
                        Err(_) => return Ok(()),
                    }
                },
                // A failed write shows up as a failed read as well.
                Ok(Nudge::Send(message)) => drop(client.send(&message)),
                Ok(Nudge::Quit) | Err(_) => return Err(Closed),
            }
        }
    }

    fn tell(&self, event: Event) -> Result<(), Closed> {
        self.events.send(event).map_err(|_| Closed)?;
        (self.wake)();
        Ok(())
    }

    /// Waits before the next attempt. Requests are dropped: after a reconnect the app repeats those that still hold.
    fn pause(&self) -> Result<(), Closed> {
        let until = Instant::now() + RECONNECT;
        loop {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Nudge::Quit) | Err(RecvTimeoutError::Disconnected) => return Err(Closed),
                Ok(Nudge::Arrived | Nudge::Send(_)) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(()),
            }
        }
    }
}

/// A source that tests fill by hand; clones share their content.
#[derive(Clone, Default)]
pub struct Memory {
    kind: Kind,
    events: Rc<RefCell<VecDeque<Event>>>,
    sent: Rc<RefCell<Vec<FromViewer>>>,
}

impl Memory {
    /// One that says to be of this kind.
    pub fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Appends an event.
    pub fn push(&self, event: Event) {
        self.events.borrow_mut().push_back(event);
    }

    /// Everything that was sent so far, in order.
    pub fn sent(&self) -> Vec<FromViewer> {
        self.sent.borrow().clone()
    }
}

impl Source for Memory {
    fn poll(&mut self) -> Option<Event> {
        self.events.borrow_mut().pop_front()
    }

    fn send(&mut self, message: FromViewer) {
        self.sent.borrow_mut().push(message);
    }

    fn address(&self) -> &str {
        "memory"
    }

    fn kind(&self) -> Kind {
        self.kind
    }
}
