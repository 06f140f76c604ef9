//! What a parameter may be.

use serde_json::Value;

use super::words::{either, grouped};

/// A parameter: a key of a JSON object.
pub struct Param {
    /// Key.
    pub name: &'static str,
    /// What it does.
    pub docs: &'static str,
    /// What it may be.
    pub kind: fn() -> Kind,
    /// Value where none is given; none if one must be.
    pub default: Option<fn() -> Value>,
    /// Least and greatest value of a number, or of each number of a list.
    pub bounds: Option<(f64, f64)>,
}

/// A value of a choice, with what it means.
pub struct Word {
    /// As written in JSON.
    pub name: &'static str,
    /// What it means.
    pub docs: &'static str,
}

/// One of several objects, told apart by the value of a key.
pub struct Variant {
    /// Value of the key.
    pub name: &'static str,
    /// What it is.
    pub docs: &'static str,
    /// Its other keys.
    pub params: &'static [Param],
}

/// What a value may be.
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Least value of the type.
        min: i64,
        /// Greatest value of the type.
        max: i64,
    },
    /// Any finite number.
    Number,
    /// Any text.
    Text,
    /// A text of some form.
    Pattern {
        /// As a regular expression, for the schema.
        pattern: &'static str,
        /// In words, after "expected".
        words: &'static str,
        /// Texts of the form that a near miss may have meant.
        near: &'static [&'static str],
        /// Whether a text has the form.
        fits: fn(&str) -> bool,
    },
    /// One of some words.
    Choice(&'static [Word]),
    /// A list.
    List(Box<Kind>),
    /// A list of this length.
    Array(Box<Kind>, usize),
    /// This, or a list of it, of this length if it has one.
    OneOrList(Box<Kind>, Option<usize>),
    /// `null`, or this.
    Optional(Box<Kind>),
    /// One thing or the other, which JSON tells apart: a number or a list, say.
    Either(Box<Kind>, Box<Kind>),
    /// An object whose `tag` says which one.
    Tagged {
        /// The key.
        tag: &'static str,
        /// Name of the whole for schemas and messages, such as `layer`.
        what: &'static str,
        /// What there is. A function, since layers hold layers.
        variants: fn() -> Vec<Variant>,
    },
    /// An object with these keys.
    Object(&'static [Param]),
}

impl Kind {
    /// In words, after "expected".
    pub fn words(&self, bounds: Option<(f64, f64)>) -> String {
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer { min, max } => range("a whole number", bounds.unwrap_or((*min as f64, *max as f64))),
            Self::Number => bounds.map_or_else(|| "a number".into(), |bounds| range("a number", bounds)),
            Self::Text => "a text".into(),
            Self::Pattern { words, .. } => (*words).to_owned(),
            Self::Choice(values) => either(&values.iter().map(|v| format!("\"{}\"", v.name)).collect::<Vec<_>>()),
            Self::List(of) => format!("a list, each {}", of.words(bounds)),
            Self::Array(of, len) => format!("a list of {len}, each {}", of.words(bounds)),
            Self::OneOrList(of, None) => format!("{}, or a list of that", of.words(bounds)),
            Self::OneOrList(of, Some(len)) => format!("{}, or a list of {len}", of.words(bounds)),
            Self::Optional(of) => format!("{}, or null", of.words(bounds)),
            Self::Either(one, other) => format!("{}, or {}", one.words(bounds), other.words(bounds)),
            Self::Tagged { tag, .. } => format!("an object with the key \"{tag}\""),
            Self::Object(_) => "an object".into(),
        }
    }
}

/// A number between bounds, in words. A bound that only the type has goes without saying.
fn range(noun: &str, (min, max): (f64, f64)) -> String {
    const HUGE: f64 = (1_u64 << 53) as f64;
    match (min > -HUGE, max < HUGE) {
        (true, true) => format!("{noun} from {} to {}", grouped(min), grouped(max)),
        (true, false) => format!("{noun} of at least {}", grouped(min)),
        (false, true) => format!("{noun} of at most {}", grouped(max)),
        (false, false) => noun.to_owned(),
    }
}
