//! Shows a running engine: its graph with live rates, the images at each node, the loss.
//!
//! [`InspectorApp`] is the whole window's content, fed by a [`Source`]: a [`Live`] connection, a [`Replay`] of a
//! recording, the [`Planned`] graph, or a [`Memory`] in tests. Messages end up in a [`Run`]; the views draw it and
//! change nothing of it.
//!
//! To add a panel: its file in `views/`, and a [`Tab`] or a line in [`InspectorApp`]'s `ui`.

mod app;
mod engine;
mod export;
pub mod history;
pub mod layout;
pub mod numbers;
mod replay;
mod run;
mod source;
mod target;
pub mod theme;
mod views;

pub use app::{Connection, InspectorApp, Tab};
pub use engine::Planned;
pub use export::graph_svg;
pub use replay::Replay;
pub use run::{Run, Tense};
pub use source::{Event, Kind, Live, Memory, Source};
pub use target::{Recent, Target};
