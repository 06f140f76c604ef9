//! What a parameter may be.

use serde_json::Value;

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
        /// Whether a text has the form.
        fits: fn(&str) -> bool,
    },
    /// One of some words.
    Choice(&'static [Word]),
    /// A list.
    List(Box<Kind>),
    /// A list of this length.
    Array(Box<Kind>, usize),
    /// `null`, or this.
    Optional(Box<Kind>),
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
        let number = |noun: &str| match bounds {
            Some((min, max)) if max.is_finite() => format!("{noun} from {min} to {max}"),
            Some((min, _)) => format!("{noun} of at least {min}"),
            None => noun.to_owned(),
        };
        match self {
            Self::Bool => "true or false".into(),
            Self::Integer { min: 0, .. } if bounds.is_none() => "a whole number of at least 0".into(),
            Self::Integer { .. } => number("a whole number"),
            Self::Number => number("a number"),
            Self::Text => "a text".into(),
            Self::Pattern { words, .. } => (*words).to_owned(),
            Self::Choice(values) => {
                let names: Vec<String> = values.iter().map(|v| format!("\"{}\"", v.name)).collect();
                match &names[..] {
                    [one] => one.clone(),
                    [all @ .., last] => format!("{} or {last}", all.join(", ")),
                    [] => "nothing".into(),
                }
            }
            Self::List(of) => format!("a list, each {}", of.words(bounds)),
            Self::Array(of, len) => format!("a list of {len}, each {}", of.words(bounds)),
            Self::Optional(of) => format!("{}, or null", of.words(bounds)),
            Self::Tagged { tag, what, .. } => format!("{what}: an object with the key \"{tag}\""),
            Self::Object(_) => "an object".into(),
        }
    }
}
