//! Serves a [`Hub`] to any number of viewers.
//!
//! Each viewer has a thread that writes and one that reads. Snapshots are made by the writing thread when it is their
//! time, so that a viewer that does not keep up costs the run nothing: it just gets fewer, and is told how many.

use std::io::{self, BufReader, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::codec;
use crate::{FromViewer, Hub, ToViewer};

/// Where a run is served unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:7007";

/// How often a server looks whether somebody came, or whether it is to end.
const ACCEPT_EVERY: Duration = Duration::from_millis(20);
/// Ten snapshots a second: as fast as an eye follows a number.
const TICK: Duration = Duration::from_millis(100);
/// Images at most twice a second.
const IMAGE_TICKS: u64 = 5;
/// A viewer that takes nothing for this long is let go.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_VIEWERS: usize = 32;
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
        "cannot serve the inspector on {0}: only addresses of this machine (127.0.0.1, [::1]) are served; to watch from elsewhere, forward the port with `ssh -L`"
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
    /// Serves on an address of this machine; port 0 takes a free one.
    pub fn start(address: &str, hub: Arc<Hub>) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Address { address: address.to_owned(), source };
        let resolved: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        if let Some(open) = resolved.iter().find(|a| !a.ip().is_loopback()) {
            return Err(ServeError::NotLoopback(*open));
        }
        let listener = TcpListener::bind(&resolved[..]).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (hub_stop, name) = (Arc::clone(&stop), "telemetry server".to_owned());
        let accept = move || accept(&listener, &hub, &hub_stop);
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

fn accept(listener: &TcpListener, hub: &Arc<Hub>, stop: &Arc<AtomicBool>) {
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
        let (hub, stop) = (Arc::clone(hub), Arc::clone(stop));
        // A viewer that goes away is no event; an error here is its connection's end.
        let serve = move || drop(serve(&stream, &hub, &stop));
        viewers.extend(std::thread::Builder::new().name("telemetry viewer".into()).spawn(serve));
    }
    for viewer in viewers {
        viewer.join().ok();
    }
}

/// One viewer, until it or the run ends.
fn serve(stream: &TcpStream, hub: &Hub, stop: &AtomicBool) -> Result<(), codec::ReceiveError> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    codec::write_greeting(&mut &*stream)?;
    codec::read_greeting(&mut &*stream)?;
    stream.set_read_timeout(None)?;
    let watched = AtomicU32::new(NOTHING);
    let reader = Mutex::new(BufReader::new(stream.try_clone()?));
    std::thread::scope(|scope| {
        std::thread::Builder::new().name("telemetry requests".into()).spawn_scoped(scope, || {
            let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
            while let Ok(FromViewer::Watch(node)) = codec::read_message(&mut *reader) {
                watched.store(node.unwrap_or(NOTHING), Relaxed);
            }
            stream.shutdown(Shutdown::Both).ok();
        })?;
        let sent = send(stream, hub, stop, &watched);
        stream.shutdown(Shutdown::Both).ok();
        Ok(sent?)
    })
}

/// Writes snapshots and images at their time.
fn send(mut stream: &TcpStream, hub: &Hub, stop: &AtomicBool, watched: &AtomicU32) -> io::Result<()> {
    let mut put = |message: &ToViewer| stream.write_all(&codec::encode(message));
    put(&ToViewer::Run(Box::new(hub.run().clone())))?;
    let start = Instant::now();
    let (mut tick, mut curve, mut seen) = (0, 0, 0);
    loop {
        // Read before the snapshot, so that the last snapshot holds everything.
        let ended = hub.ended();
        let last = ended.is_some() || stop.load(Relaxed);
        let snapshot = hub.snapshot(curve);
        curve += snapshot.curve.len();
        put(&ToViewer::Snapshot(Box::new(snapshot)))?;
        let node = watched.load(Relaxed);
        if node != NOTHING {
            if let Some((number, images)) = hub.images(node, seen) {
                seen = number;
                put(&ToViewer::Images(Box::new((*images).clone())))?;
            }
            if tick % IMAGE_TICKS == 0 {
                hub.want(node);
            }
        }
        if last {
            let ended = ended.unwrap_or(crate::Ended::Stopped);
            return put(&ToViewer::Ended(ended));
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
