//! In what two graphs differ, key by key.

use std::fmt;

use serde_json::{Map, Value};

use crate::params::show;

/// A key that two JSON objects have different values of.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// As `--set` takes it: `node.key`, deeper keys and indices after more dots.
    pub path: String,
    /// The value of the first; none if it has none.
    pub was: Option<Value>,
    /// The value of the second; none if it has none.
    pub is: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<Value>| value.as_ref().map_or_else(|| "not there".into(), show);
        write!(f, "{}: was {}, is {}", self.path, word(&self.was), word(&self.is))
    }
}

/// All differences of two graphs, or of what is written like them, in the order of the first. Paths begin with the name
/// of the node.
pub fn differences(was: &Value, is: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(was), Some(is), &mut found);
    for difference in &mut found {
        if let Some(path) = difference.path.strip_prefix("nodes.") {
            difference.path = path.to_owned();
        }
    }
    found
}

/// Differences in words, one a line and indented; of many, the first.
pub fn differences_in_words(differences: &[Difference]) -> String {
    const SHOWN: usize = 12;
    let mut text: String = differences.iter().take(SHOWN).map(|difference| format!("\n  {difference}")).collect();
    if differences.len() > SHOWN {
        text.push_str(&format!("\n  … and {} more", differences.len() - SHOWN));
    }
    text
}

fn compare(path: &str, was: Option<&Value>, is: Option<&Value>, found: &mut Vec<Difference>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (was, is) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in keys(a, b) {
                compare(&below(key), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.iter().chain(b).any(Value::is_object) => {
            for index in 0..a.len().max(b.len()) {
                compare(&below(&index.to_string()), a.get(index), b.get(index), found);
            }
        }
        // 1 and 1.0 are the same number.
        (Some(Value::Number(a)), Some(Value::Number(b))) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => found.push(Difference { path: path.to_owned(), was: a.cloned(), is: b.cloned() }),
    }
}

/// The keys of both, those of the first in its order.
fn keys<'a>(a: &'a Map<String, Value>, b: &'a Map<String, Value>) -> impl Iterator<Item = &'a String> {
    a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_difference_has_its_path() {
        let was = json!({ "seed": 0, "nodes": {
            "a": { "op": "x", "size": 8, "fill": [1, 2], "part": { "lr": 1 } },
            "model": { "layers": [{ "layer": "relu" }, { "layer": "linear", "out_features": 10 }] } } });
        let is = json!({ "seed": 1, "nodes": {
            "a": { "op": "x", "size": 8.0, "fill": [1, 3], "part": { "lr": 2, "momentum": 0.9 } },
            "model": { "layers": [{ "layer": "gelu" }] } } });
        let words: Vec<String> = differences(&was, &is).iter().map(ToString::to_string).collect();
        let expected = [
            "seed: was 0, is 1",
            "a.fill: was [1,2], is [1,3]",
            "a.part.lr: was 1, is 2",
            "a.part.momentum: was not there, is 0.9",
            "model.layers.0.layer: was \"relu\", is \"gelu\"",
            "model.layers.1: was {\"layer\":\"linear\",\"out_features\":10}, is not there",
        ];
        assert_eq!(words, expected);
        assert_eq!(differences(&was, &was), []);
    }
}
