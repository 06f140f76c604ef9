//! The viewer's side of a connection.

use std::io::{self, BufReader};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use crate::codec::{self, ReceiveError};
use crate::{FromViewer, ToViewer};

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Messages that may wait in the viewer; then the socket fills, and then the engine drops.
const BACKLOG: usize = 64;

/// A connection to a running engine. A thread of its own reads, so that polling never blocks a frame.
pub struct Client {
    stream: TcpStream,
    messages: Receiver<Result<ToViewer, ReceiveError>>,
}

impl Client {
    /// Connects, exchanges versions, and says the token that the run asks for, if it does.
    ///
    /// `wake` is called on the reading thread after each message, to repaint.
    pub fn connect(address: &str, token: Option<&str>, wake: impl Fn() + Send + 'static) -> Result<Self, ReceiveError> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no such address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Self::over(stream, token, wake),
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    fn over(stream: TcpStream, token: Option<&str>, wake: impl Fn() + Send + 'static) -> Result<Self, ReceiveError> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        codec::write_greeting(&mut &stream)?;
        codec::read_greeting(&mut &stream)?;
        stream.set_read_timeout(None)?;
        if let Some(token) = token {
            codec::write_message(&mut &stream, &FromViewer::Token(token.to_owned()))?;
        }
        let (sender, messages) = sync_channel(BACKLOG);
        let mut reader = BufReader::new(stream.try_clone()?);
        std::thread::Builder::new().name("telemetry client".into()).spawn(move || {
            loop {
                let message = codec::read_message(&mut reader);
                let last = message.is_err();
                if sender.send(message).is_err() || last {
                    return wake();
                }
                wake();
            }
        })?;
        Ok(Self { stream, messages })
    }

    /// The next message if one has come; `Err` once, when the connection has gone.
    pub fn poll(&mut self) -> Result<Option<ToViewer>, ReceiveError> {
        match self.messages.try_recv() {
            Ok(message) => message.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(ReceiveError::Closed),
        }
    }

    /// Tells the engine something.
    pub fn send(&mut self, message: &FromViewer) -> Result<(), ReceiveError> {
        Ok(codec::write_message(&mut &self.stream, message)?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Wakes the reading thread, which then ends.
        self.stream.shutdown(Shutdown::Both).ok();
    }
}
