//! Serves a [`Hub`] to any number of viewers.
//!
//! Each viewer has a thread that writes and one that reads. Snapshots are made by the writing thread when it is their
//! time, so that a viewer that does not keep up costs the run nothing: it just gets fewer, and is told how many.

use std::io::{self, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::codec::{self, ReceiveError};
use crate::feed::Feed;
use crate::hub::lock;
use crate::token::same_token;
use crate::{Ended, FromViewer, Hub, Level, ToViewer};

/// Where a run is served unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7007";

/// How often a server looks whether somebody came, or whether it is to end.
const ACCEPT_EVERY: Duration = Duration::from_millis(20);
/// Ten snapshots a second: as fast as an eye follows a number.
const TICK: Duration = Duration::from_millis(100);
/// Images at most twice a second.
const IMAGE_TICKS: u64 = 5;
/// What changes slowly once a second.
const SLOW_TICKS: u64 = 10;
/// A viewer that takes nothing for this long is let go.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_VIEWERS: usize = 32;
/// Answers that may wait for a viewer.
const MAX_ANSWERS: usize = 64;
/// Epochs of a sample that are shown at a time.
const MAX_EPOCHS: u32 = 16;
/// No node: what a viewer watches that watches nothing.
const NOTHING: u32 = u32::MAX;

/// Why a run cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address does not parse or resolve, or is taken.
    #[error("cannot serve the inspector on {address}: {source}")]
    Address {
        /// As given.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Anybody on the network could watch.
    #[error(
        "cannot serve the inspector on {0}: others could reach it, and so it needs a token (--inspect-token TOKEN); or serve 127.0.0.1, and forward the port with `ssh -L`"
    )]
    NotLoopback(SocketAddr),
}

/// A server; ends when dropped, after its viewers were told how the run ended.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Serves on an address of this machine; port 0 takes a free one. With a token, who does not know it is let go; an
    /// address that other machines can reach needs one.
    pub fn start(address: &str, token: Option<&str>, hub: Arc<Hub>) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Address { address: address.to_owned(), source };
        let resolved: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        if let Some(open) = resolved.iter().find(|a| !a.ip().is_loopback() && token.is_none_or(str::is_empty)) {
            return Err(ServeError::NotLoopback(*open));
        }
        let listener = TcpListener::bind(&resolved[..]).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (hub_stop, name) = (Arc::clone(&stop), "telemetry server".to_owned());
        let token: Option<Arc<str>> = token.map(Into::into);
        let accept = move || accept(&listener, &hub, token.as_ref(), &hub_stop);
        let thread = std::thread::Builder::new().name(name).spawn(accept).map_err(failed)?;
        Ok(Self { address, stop, threads: vec![thread] })
    }

    /// The address that is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

fn accept(listener: &TcpListener, hub: &Arc<Hub>, token: Option<&Arc<str>>, stop: &Arc<AtomicBool>) {
    let mut viewers: Vec<JoinHandle<()>> = Vec::new();
    while !stop.load(Relaxed) {
        // No error of one connection ends the server: too many open files, say, may pass.
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(ACCEPT_EVERY);
            continue;
        };
        viewers.retain(|v| !v.is_finished());
        if viewers.len() == MAX_VIEWERS {
            continue;
        }
        let (hub, token, stop) = (Arc::clone(hub), token.cloned(), Arc::clone(stop));
        // A viewer that goes away is no event; an error here is its connection's end.
        let serve = move || drop(serve(&stream, &hub, token.as_deref(), &stop));
        viewers.extend(std::thread::Builder::new().name("telemetry viewer".into()).spawn(serve));
    }
    for viewer in viewers {
        viewer.join().ok();
    }
}

/// What a viewer has asked for.
struct Asked {
    watched: AtomicU32,
    trace: AtomicBool,
    /// Answers that are on their way.
    answers: Mutex<Vec<ToViewer>>,
}

/// One viewer, until it or the run ends.
fn serve(stream: &TcpStream, hub: &Hub, token: Option<&str>, stop: &AtomicBool) -> Result<(), ReceiveError> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    codec::write_greeting(&mut &*stream)?;
    codec::read_viewer_greeting(&mut &*stream)?;
    if let Some(token) = token {
        let known =
            matches!(codec::read_message(&mut stream.take(4096))?, FromViewer::Token(said) if same_token(&said, token));
        if !known {
            let why = "the token is not that of the run".to_owned();
            return Ok(codec::write_message(&mut &*stream, &ToViewer::Declined(why))?);
        }
    }
    stream.set_read_timeout(None)?;
    let asked = Asked { watched: AtomicU32::new(NOTHING), trace: AtomicBool::new(false), answers: Mutex::default() };
    let reader = Mutex::new(BufReader::new(stream.try_clone()?));
    std::thread::scope(|scope| {
        std::thread::Builder::new().name("telemetry requests".into()).spawn_scoped(scope, || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(request) = codec::read_message(&mut *reader) {
                hear(request, hub, &asked);
            }
            stream.shutdown(Shutdown::Both).ok();
        })?;
        let sent = send(stream, hub, stop, &asked);
        stream.shutdown(Shutdown::Both).ok();
        Ok(sent?)
    })
}

fn hear(request: FromViewer, hub: &Hub, asked: &Asked) {
    match request {
        FromViewer::Watch(node) => asked.watched.store(node.unwrap_or(NOTHING), Relaxed),
        FromViewer::Trace(on) => asked.trace.store(on, Relaxed),
        FromViewer::Command(command) => match hub.controls().apply(command) {
            Ok(done) => hub.event(Level::Note, done),
            Err(why) => lock(&asked.answers).push(ToViewer::Declined(why)),
        },
        FromViewer::Sample(sample, epoch, epochs) => {
            for epoch in epoch..epoch.saturating_add(epochs.min(MAX_EPOCHS)) {
                let answer = match hub.sample(sample, epoch) {
                    Some(seen) => ToViewer::Sample(Box::new(seen)),
                    None => ToViewer::Declined("samples can be seen once the training has begun".into()),
                };
                let mut answers = lock(&asked.answers);
                // Who asks for more than it takes gets no more.
                if answers.len() < MAX_ANSWERS {
                    answers.push(answer);
                }
            }
        }
        // It was asked for before, or is not asked for.
        FromViewer::Token(_) => {}
    }
}

/// Writes snapshots and images at their time.
fn send(mut stream: &TcpStream, hub: &Hub, stop: &AtomicBool, asked: &Asked) -> io::Result<()> {
    let mut feed = Feed::new(hub);
    let mut put = |message: &ToViewer| stream.write_all(&codec::encode(message));
    put(&feed.run())?;
    let start = Instant::now();
    let (mut tick, mut before) = (0, NOTHING);
    loop {
        // Read before the snapshot, so that the last snapshot holds everything.
        let ended = hub.ended();
        let last = ended.is_some() || stop.load(Relaxed);
        put(&feed.snapshot())?;
        feed.trace(asked.trace.load(Relaxed));
        for message in [feed.events(), feed.spans()].iter().flatten() {
            put(message)?;
        }
        if tick % SLOW_TICKS == 0 || last {
            feed.slow().iter().try_for_each(&mut put)?;
        }
        let answers = std::mem::take(&mut *lock(&asked.answers));
        answers.iter().try_for_each(&mut put)?;
        let node = asked.watched.load(Relaxed);
        if node != NOTHING {
            if node != before {
                feed.forget_images(node);
            }
            if let Some(images) = feed.images(node) {
                put(&images)?;
            }
            if tick % IMAGE_TICKS == 0 {
                hub.want(node);
            }
        }
        before = node;
        if last {
            return put(&ToViewer::Ended(ended.unwrap_or(Ended::Stopped)));
        }
        tick += 1;
        let now = (start.elapsed().as_nanos() / TICK.as_nanos()) as u64;
        if now > tick {
            put(&ToViewer::Lost(now - tick))?;
            tick = now;
        }
        std::thread::sleep((TICK * (tick as u32 + 1)).saturating_sub(start.elapsed()));
    }
}
