//! Parameters of operators, layers and recipes: declared once, as a Rust struct with documented, typed, defaulted
//! fields. From the declaration come the checks of a graph file, the builder's types, the JSON Schema and the
//! documentation in the terminal.

mod check;
mod declare;
mod fault;
mod kind;
mod near;
mod types;
mod words;

pub use check::check;
pub(crate) use check::check_param;
pub use declare::params;
pub(crate) use declare::{choice, object, tagged};
pub use fault::{Fault, Faults};
pub use kind::{Kind, Param, Variant, Word};
pub use near::near_miss;
pub use types::{Either, ParamType, Sides, Texts};
pub(crate) use words::{child, escaped, grouped, listed, quoted, show};
pub use words::{cut, plural};

pub use serde_json as json;
use serde_json::{Map, Value};

/// A struct of parameters, as [`params!`](crate::params!) declares them.
pub trait ParamSet: Sized {
    /// What they belong to, in words: the first line is a summary.
    const DOCS: &'static str;
    /// The parameters.
    const PARAMS: &'static [Param];

    /// Reads checked JSON; `None` where the check would have failed.
    fn from_json(map: &Map<String, Value>) -> Option<Self>;

    /// As JSON, defaults spelled out.
    fn to_json(&self) -> Map<String, Value>;
}

/// The parameters that an operator has as a part of another one, in a list. A node's `field`, and what is declared
/// after it, belong to the node as a whole.
pub fn nested(params: &'static [Param]) -> &'static [Param] {
    let own = params.iter().position(|p| p.name == "field").unwrap_or(params.len());
    &params[..own]
}

/// Documentation as rustdoc keeps it, without the space that opens each line.
pub fn clean_docs(docs: &str) -> String {
    let lines: Vec<&str> = docs.lines().map(|l| l.strip_prefix(' ').unwrap_or(l)).collect();
    lines.join("\n").trim().to_owned()
}
