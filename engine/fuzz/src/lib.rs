//! What each fuzz target does with its input. The crates' own tests include these modules too, and feed them the seeds.

#[cfg(feature = "graph")]
pub mod graphs;
pub mod images;
pub mod readers;
