//! What is drawn, one panel a file. A view reads a [`Run`](crate::Run) and changes only its own state and the selection.

pub mod card;
pub mod graph;
pub mod node;
pub mod paint;
pub mod pictures;
pub mod status;
pub mod training;
