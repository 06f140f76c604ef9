//! Checks JSON against declared parameters, and finds every fault.

use serde_json::{Map, Value};

use super::{Kind, Param, near_miss};

/// Something wrong in JSON, before anybody knows what node it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where: keys and indices from the object that was checked, each after a `/`.
    pub path: String,
    /// Whether the key at the end of the path is meant, rather than its value.
    pub at_key: bool,
    /// What is wrong, in a sentence without an end.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What was given.
    pub given: Option<String>,
    /// What was probably meant, or can be done.
    pub hint: Option<String>,
}

/// Finds every fault in an object's keys, of which those in `others` are somebody else's.
pub fn check(params: &[Param], others: &[&str], map: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    for (key, value) in map {
        if others.contains(&key.as_str()) {
            continue;
        }
        let path = format!("{path}/{key}");
        match params.iter().find(|p| p.name == key) {
            Some(param) => check_value(&(param.kind)(), param.bounds, value, &path, faults),
            None => faults.push(unknown_key(params, others, key, path)),
        }
    }
    for param in params.iter().filter(|p| p.default.is_none() && !map.contains_key(p.name)) {
        faults.push(Fault {
            path: path.to_owned(),
            at_key: true,
            message: format!("missing parameter `{}`", param.name),
            expected: Some((param.kind)().words(param.bounds)),
            given: None,
            hint: Some(format!("it is: {}", super::clean_docs(param.docs).replace('\n', " "))),
        });
    }
}

fn unknown_key(params: &[Param], others: &[&str], key: &str, path: String) -> Fault {
    let known: Vec<&str> = params.iter().map(|p| p.name).chain(others.iter().copied()).collect();
    let near = near_miss(key, known.iter().copied());
    Fault {
        path,
        at_key: true,
        message: match near {
            Some(near) => format!("unknown key `{key}`; did you mean `{near}`?"),
            None => format!("unknown key `{key}`"),
        },
        expected: Some(format!("one of {}", known.join(", "))),
        given: None,
        hint: None,
    }
}

/// A value, shortened for a message.
pub(crate) fn show(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 {
        return format!("{}…", text.chars().take(57).collect::<String>());
    }
    text
}

fn check_value(kind: &Kind, bounds: Option<(f64, f64)>, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let whole = || value.as_f64().filter(|n| n.fract() == 0.0);
    let within = |n: f64, (min, max): (f64, f64)| n >= min && n <= max;
    let fits = match kind {
        Kind::Bool => value.is_boolean(),
        Kind::Integer { min, max } => {
            whole().is_some_and(|n| within(n, (*min as f64, *max as f64)) && bounds.is_none_or(|b| within(n, b)))
        }
        Kind::Number => value.as_f64().is_some_and(|n| n.is_finite() && bounds.is_none_or(|b| within(n, b))),
        Kind::Text => value.is_string(),
        Kind::Pattern { fits, .. } => value.as_str().is_some_and(fits),
        Kind::Choice(values) => value.as_str().is_some_and(|s| values.iter().any(|v| v.name == s)),
        Kind::List(of) | Kind::Array(of, _) => match value.as_array() {
            Some(items) if !matches!(kind, Kind::Array(_, len) if items.len() != *len) => {
                for (index, item) in items.iter().enumerate() {
                    check_value(of, bounds, item, &format!("{path}/{index}"), faults);
                }
                return;
            }
            _ => false,
        },
        Kind::Optional(_) if value.is_null() => true,
        Kind::Optional(of) => return check_value(of, bounds, value, path, faults),
        Kind::Object(params) => match value.as_object() {
            Some(map) => return check(params, &[], map, path, faults),
            None => false,
        },
        Kind::Tagged { tag, what, variants } => match value.as_object() {
            Some(map) => return check_tagged(tag, what, &variants(), map, path, faults),
            None => false,
        },
    };
    if !fits {
        let key = path.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap_or_default();
        let hint = match (kind, value.as_str()) {
            (Kind::Choice(values), Some(word)) => near_miss(word, values.iter().map(|v| v.name)),
            _ => None,
        };
        faults.push(Fault {
            path: path.to_owned(),
            at_key: false,
            message: format!("wrong value for `{key}`"),
            expected: Some(kind.words(bounds)),
            given: Some(show(value)),
            hint: hint.map(|near| format!("did you mean \"{near}\"?")),
        });
    }
}

fn check_tagged(
    tag: &str,
    what: &str,
    variants: &[super::Variant],
    map: &Map<String, Value>,
    path: &str,
    faults: &mut Vec<Fault>,
) {
    let names: Vec<&str> = variants.iter().map(|v| v.name).collect();
    let word = map.get(tag).and_then(Value::as_str);
    if let Some(variant) = variants.iter().find(|v| Some(v.name) == word) {
        return check(variant.params, &[tag], map, path, faults);
    }
    let near = word.and_then(|word| near_miss(word, names.iter().copied()));
    faults.push(Fault {
        path: if map.contains_key(tag) { format!("{path}/{tag}") } else { path.to_owned() },
        at_key: false,
        message: match (map.get(tag), near) {
            (None, _) => format!("missing key `{tag}`"),
            (Some(given), Some(near)) => format!("unknown {what} {}; did you mean \"{near}\"?", show(given)),
            (Some(given), None) => format!("unknown {what} {}", show(given)),
        },
        expected: Some(format!("one of {}", names.join(", "))),
        given: map.get(tag).map(show),
        hint: None,
    });
}
