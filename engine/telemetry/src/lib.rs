//! What a running engine says and an inspector hears.
//!
//! Plain data, without torch and without petgraph, so that an inspector builds and runs where neither is:
//!
//! - [`ToViewer`], [`FromViewer`]: the messages; names once (a [`RunDescription`]), ids after.
//! - [`codec`]: messages as bytes, versioned, safe against hostile ones.
//! - [`Client`]: the viewer's side.
//! - [`Hub`], [`Server`]: the engine's side; training never waits for either.

mod client;
pub mod codec;
mod hub;
mod message;
mod server;

pub use client::Client;
pub use hub::{Hub, Wait};
pub use message::*;
pub use server::{DEFAULT_ADDRESS, ServeError, Server};
