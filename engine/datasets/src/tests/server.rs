//! A web server on loopback that misbehaves as told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) path: String,
    /// The first byte asked for, if the client sent a range.
    pub(super) from: Option<usize>,
    /// The byte after the last one asked for, if the range has an end.
    pub(super) to: Option<usize>,
}

/// What the server does about it.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: &'static str,
    pub(super) headers: Vec<String>,
    pub(super) body: Vec<u8>,
    /// Whether to say how long the body is.
    pub(super) length: bool,
    /// How many bytes of the body to send before hanging up; all by default.
    pub(super) cut: usize,
    /// Whether to fall silent before the end instead of hanging up.
    pub(super) stall: bool,
}

impl Reply {
    pub(super) fn new(status: &'static str, body: &[u8]) -> Self {
        Self { status, headers: Vec::new(), body: body.to_vec(), length: true, cut: usize::MAX, stall: false }
    }

    /// A well-behaved answer, ranges included.
    pub(super) fn serve(body: &[u8], asked: &Asked) -> Self {
        match asked.from {
            None => Self::new("200 OK", body),
            Some(from) if from >= body.len() => Self::new("416 Range Not Satisfiable", b""),
            Some(from) => {
                let to = asked.to.unwrap_or(body.len()).min(body.len());
                let range = format!("Content-Range: bytes {from}-{}/{}", to - 1, body.len());
                Self::new("206 Partial Content", &body[from..to]).header(&range)
            }
        }
    }

    pub(super) fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    pub(super) fn cut(mut self, after: usize) -> Self {
        self.cut = after;
        self
    }

    pub(super) fn stall(mut self, after: usize) -> Self {
        self.stall = true;
        self.cut(after)
    }

    pub(super) fn without_length(mut self) -> Self {
        self.length = false;
        self
    }
}

pub(super) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a server that answers its n-th request (from 0) as `answer` says.
    pub(super) fn start(answer: impl Fn(usize, &Asked) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = Builder::new()
            .name("test server".to_owned())
            .spawn(move || {
                for (count, stream) in listener.incoming().enumerate() {
                    if stopped.load(Ordering::SeqCst) {
                        return;
                    }
                    let stream = stream.unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    // A client that hung up is no failure of the server's.
                    let _ = serve(stream, |request| {
                        log.lock().unwrap().push(request.clone());
                        answer(count, request)
                    });
                }
            })
            .unwrap();
        Self { address, asked, stop, thread: Some(thread) }
    }

    pub(super) fn host(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/archive.tar.gz", self.address)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            // A panic of the server's would be a second one here, which hides the first.
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, answer: impl FnOnce(&Asked) -> Reply) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut asked = Asked { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), from: None, to: None };
    for line in lines.by_ref() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            let (from, last) = range.split_once('-').unwrap_or_default();
            asked.from = from.parse().ok();
            asked.to = last.parse::<usize>().ok().map(|last| last + 1);
        }
    }
    let reply = answer(&asked);
    write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n", reply.status)?;
    for header in &reply.headers {
        write!(stream, "{header}\r\n")?;
    }
    if reply.length {
        write!(stream, "Content-Length: {}\r\n", reply.body.len())?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(&reply.body[..reply.cut.min(reply.body.len())])?;
    if reply.stall {
        // Until the client gives up.
        let _ = stream.read(&mut [0]);
    }
    Ok(())
}
