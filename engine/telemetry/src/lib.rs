//! What a running engine says and an inspector hears.
//!
//! Plain data, without torch and without petgraph, so that an inspector builds and runs where neither is:
//!
//! - [`ToViewer`], [`FromViewer`]: the messages; names once (a [`RunDescription`]), ids after.
//! - [`codec`]: messages as bytes, versioned, safe against hostile ones.
//! - [`Client`]: the viewer's side.
//! - [`Hub`], [`Server`]: the engine's side; training never waits for either.
//! - [`Recorder`] writes the same messages to a file, [`Recording`] reads them.
//! - [`registry`]: running engines of this machine.

mod client;
pub mod codec;
mod control;
mod describe;
mod feed;
mod gpus;
mod histogram;
mod hub;
mod load;
mod message;
mod record;
pub mod registry;
mod server;
mod token;
mod trace;

pub use client::Client;
pub use control::{Allowed, Controls, Permit};
pub use describe::*;
pub use histogram::{Histogram, bounds as bucket_bounds};
pub use hub::{Hub, Wait};
pub use load::{GpuLoad, Load};
pub use message::*;
pub use record::{Recorder, Recording, RecordingError};
pub use server::{DEFAULT_ADDRESS, ServeError, Server};
pub use token::{make_token, same_token};
pub use trace::{Part, Span, lane_name, span_name, write_chrome};

#[cfg(test)]
mod tests;
