//! A dataflow graph engine for training pipelines.
//!
//! ```text
//! graphs/x.json ─┐
//! GraphBuilder ──┴→ GraphSpec → validate → Graph → place → fuse → size → Plan → Executor → batches → training
//! ```
//!
//! Each arrow is a function of its own:
//!
//! 1. [`graph::GraphFile`] reads a graph, [`graph::GraphBuilder`] builds one; [`graph::Graph`] is a valid one.
//! 2. [`plan::Plan`] says what runs where, in which stages, with which queues, and why.
//! 3. [`execute::Pipeline`] makes the kernels of a plan; [`execute::Threaded`] and [`execute::Inline`] run them.
//! 4. [`train::Session`] trains the model on the batches.
//!
//! Operators, which all of these share, are in [`operators`]; [`batch`] is what flows.

pub use datasets as data;

pub mod batch;
pub mod execute;
pub mod graph;
pub mod layers;
pub mod operators;
pub mod params;
pub mod plan;
pub mod random;
pub mod runs;
pub mod torch;
pub mod train;
