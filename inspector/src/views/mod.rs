//! What is drawn, one panel a file. A view reads a [`Run`](crate::Run) and changes only its own state and the selection.

pub mod card;
pub mod controls;
pub mod graph;
pub mod latency;
pub mod log;
pub mod node;
pub mod paint;
pub mod pictures;
pub mod replay;
pub mod sample;
pub mod start;
pub mod status;
pub mod system;
pub mod timeline;
pub mod training;
pub mod what_if;
pub mod zoom;
