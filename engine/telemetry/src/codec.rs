//! Messages as bytes: a greeting with a version, then frames of a length and a postcard body.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};

use crate::{OLDEST, VERSION};

const MAGIC: [u8; 6] = *b"engine";
/// No honest message is larger, and no larger one is believed.
const MAX_FRAME_BYTES: u32 = 64 << 20;

/// Why nothing could be received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The other side closed the connection between two messages.
    #[error("the connection was closed")]
    Closed,
    /// The network failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Somebody else answers there, or a file is of another kind.
    #[error("the other side is not an engine or an inspector")]
    Stranger,
    /// The other side, or who wrote the recording, is of another version.
    #[error(
        "the other side speaks version {theirs} of the telemetry, this side versions {OLDEST} to {VERSION}; use both from one release"
    )]
    Version {
        /// The other side's version.
        theirs: u16,
    },
    /// A message claims an impossible length.
    #[error("a message of {0} bytes was announced, more than any message has")]
    TooLong(u32),
    /// A message does not decode.
    #[error("a message could not be read: {0}")]
    Malformed(postcard::Error),
}

/// Says who speaks, and in which version.
pub fn write_greeting(to: &mut impl Write) -> io::Result<()> {
    let mut greeting = MAGIC.to_vec();
    greeting.extend(VERSION.to_le_bytes());
    to.write_all(&greeting)
}

/// Reads an engine's greeting, or a recording's: one that is older is understood, too.
pub fn read_greeting(from: &mut impl Read) -> Result<(), ReceiveError> {
    match read_version(from)? {
        OLDEST..=VERSION => Ok(()),
        theirs => Err(ReceiveError::Version { theirs }),
    }
}

/// Reads a viewer's greeting: any version, since a viewer that does not understand this engine will say so.
pub fn read_viewer_greeting(from: &mut impl Read) -> Result<(), ReceiveError> {
    read_version(from).map(drop)
}

fn read_version(from: &mut impl Read) -> Result<u16, ReceiveError> {
    let mut greeting = [0; 8];
    from.read_exact(&mut greeting).map_err(closed)?;
    if greeting[..6] != MAGIC {
        return Err(ReceiveError::Stranger);
    }
    Ok(u16::from_le_bytes([greeting[6], greeting[7]]))
}

/// A message as a frame.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    let body = postcard::to_stdvec(message).expect("messages are plain data, and a Vec takes all of it");
    let length = u32::try_from(body.len()).expect("messages are far smaller than 4 GiB");
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend(length.to_le_bytes());
    frame.extend(body);
    frame
}

/// Writes one message.
pub fn write_message(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message))
}

/// Reads one message. The frame's buffer grows with what arrives, not with what was announced.
pub fn read_message<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, ReceiveError> {
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(closed)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME_BYTES {
        return Err(ReceiveError::TooLong(length));
    }
    let mut body = Vec::new();
    from.take(length.into()).read_to_end(&mut body)?;
    if body.len() < length as usize {
        return Err(ReceiveError::Closed);
    }
    postcard::from_bytes(&body).map_err(ReceiveError::Malformed)
}

fn closed(error: io::Error) -> ReceiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ReceiveError::Closed,
        _ => error.into(),
    }
}
