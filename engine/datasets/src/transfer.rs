//! One HTTP request on a thread of its own, so that whoever waits for it can stop waiting at any time.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use ureq::http::{Response, Uri, header};
use ureq::{Agent, Body, Timeout};

use super::fetch::Archive;

/// Bytes read at a time, and pieces that may wait for the disk: 2 MiB at most are under way.
const PIECE_BYTES: usize = 1 << 17;
const PIECES: usize = 16;

/// A running request. Dropped, it closes its connection, and its thread ends within the connect timeout.
pub(super) struct Request {
    agent: Agent,
    news: Receiver<News>,
}

/// What has come in.
pub(super) enum News {
    /// Nothing yet.
    Nothing,
    /// The head of the answer; comes once, before any bytes.
    Answer(Answer),
    /// The next bytes of the body; only if the status is a success.
    Bytes(Vec<u8>),
    /// The end, good or, with the reason in words, bad. Nothing comes after it.
    Ended(Result<(), String>),
}

/// The head of an answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The standard name of the status, such as `Not Found`.
    pub(super) reason: &'static str,
    /// Bytes of the body, if the server says.
    pub(super) length: Option<u64>,
    /// Of a partial answer: its first byte's position, and the size of the whole if known.
    pub(super) range: Option<(u64, Option<u64>)>,
}

impl Request {
    /// Asks for the archive, from byte `from` on.
    pub(super) fn start(archive: &Archive, from: u64) -> io::Result<Self> {
        let agent = agent(archive);
        // Bounded: a slow disk must slow the download down, not fill the memory.
        let (sender, news) = sync_channel(PIECES);
        let (worker, archive) = (agent.clone(), archive.clone());
        thread::Builder::new().name("download".to_owned()).spawn(move || {
            // If nobody listens any more, there is nobody to tell.
            let _ = sender.send(News::Ended(run(&worker, &archive, from, &sender)));
        })?;
        Ok(Self { agent, news })
    }

    /// What comes in within `wait`.
    pub(super) fn next(&self, wait: Duration) -> News {
        match self.news.recv_timeout(wait) {
            Ok(news) => news,
            Err(RecvTimeoutError::Timeout) => News::Nothing,
            Err(RecvTimeoutError::Disconnected) => News::Ended(Err("its thread ended unexpectedly".to_owned())),
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.agent.clone().shutdown();
    }
}

fn agent(archive: &Archive) -> Agent {
    let config = Agent::config_builder()
        .timeout_resolve(Some(archive.connect_timeout))
        .timeout_connect(Some(archive.connect_timeout))
        .timeout_recv_response(Some(archive.stall_timeout))
        .timeout_per_read(Some(archive.stall_timeout))
        .timeout_per_write(Some(archive.stall_timeout))
        // A status is for the caller to judge: 416 is no failure.
        .http_status_as_error(false);
    let on_loopback = archive.url.parse::<Uri>().is_ok_and(|url| matches!(url.host(), Some("127.0.0.1" | "localhost")));
    // A proxy out of the environment is for the world outside.
    let config = if on_loopback { config.proxy(None) } else { config };
    config.build().new_agent()
}

/// Runs the request to its end; the error is the reason in words.
fn run(agent: &Agent, archive: &Archive, from: u64, news: &SyncSender<News>) -> Result<(), String> {
    let in_words = |error| in_words(error, archive);
    // Any other encoding would have other bytes than the hash is of.
    let mut request = agent.get(&archive.url).header(header::ACCEPT_ENCODING, "identity");
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
    }
    let response = request.call().map_err(in_words)?;
    let status = response.status();
    let answer = Answer {
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or_default(),
        length: response.body().content_length(),
        range: content_range(&response),
    };
    if news.send(News::Answer(answer)).is_err() || !status.is_success() {
        return Ok(());
    }
    let mut body = response.into_body().into_reader();
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        match body.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                piece.truncate(count);
                if news.send(News::Bytes(piece)).is_err() {
                    return Ok(());
                }
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(in_words(why.into())),
        }
    }
}

/// The start and the size of the whole out of `Content-Range: bytes START-END/WHOLE`, where WHOLE may be `*`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let value = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, whole) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, whole.trim().parse().ok()))
}

fn in_words(error: ureq::Error, archive: &Archive) -> String {
    match error {
        ureq::Error::HostNotFound => "its host is not to be found; is there a network?".to_owned(),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            format!("no connection within {:?}; is there a network?", archive.connect_timeout)
        }
        ureq::Error::Timeout(_) => format!("the server sent nothing for {:?}", archive.stall_timeout),
        ureq::Error::Io(why) if why.kind() == io::ErrorKind::UnexpectedEof => "the connection broke off".to_owned(),
        ureq::Error::Io(why) => why.to_string(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => "this is no valid address".to_owned(),
        other => other.to_string(),
    }
}
