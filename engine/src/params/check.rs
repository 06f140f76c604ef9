//! Checks JSON against declared parameters, and finds every fault.

use serde_json::{Map, Value};

use super::words::{child, either, grouped, listed, quoted, show};
use super::{Fault, Kind, Param, Variant, near_miss};

/// Finds every fault in an object's keys, of which those in `others` are somebody else's.
pub fn check(params: &[Param], others: &[&str], map: &Map<String, Value>, path: &str, faults: &mut Vec<Fault>) {
    for (key, value) in map {
        if others.contains(&key.as_str()) {
            continue;
        }
        let path = child(path, key);
        match params.iter().find(|p| p.name == key) {
            Some(param) => check_param(param, value, &path, faults),
            None => faults.push(unknown_key(params, others, map, key, path)),
        }
    }
    for param in params.iter().filter(|p| p.default.is_none() && !map.contains_key(p.name)) {
        let fault = Fault::new(path, format!("missing key `{}`", param.name)).at_key();
        faults.push(fault.expected((param.kind)().words(param.bounds)).hint(summary(param.docs)));
    }
}

/// Finds every fault in the value of one parameter.
pub(crate) fn check_param(param: &Param, value: &Value, path: &str, faults: &mut Vec<Fault>) {
    check_value(&(param.kind)(), param.bounds, value, path, faults);
}

/// The first sentence, without its full stop.
fn summary(docs: &str) -> String {
    let docs = super::clean_docs(docs).replace('\n', " ");
    let first = docs.split(". ").next().unwrap_or_default();
    first.trim_end_matches('.').to_owned()
}

fn unknown_key(params: &[Param], others: &[&str], map: &Map<String, Value>, key: &str, path: String) -> Fault {
    let known: Vec<&str> = params.iter().map(|p| p.name).chain(others.iter().copied()).collect();
    // What is there already was not meant, unless nothing else can have been.
    let absent = known.iter().copied().filter(|k| !map.contains_key(*k));
    let near = near_miss(key, absent).or_else(|| near_miss(key, known.iter().copied()));
    let message = match near {
        Some(near) => format!("unknown key {}; did you mean `{near}`?", quoted(key)),
        None => format!("unknown key {}", quoted(key)),
    };
    Fault::new(path, message).at_key().expected(format!("one of {}", known.join(", ")))
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
        Kind::OneOrList(of, len) => match value.as_array() {
            Some(items) if !items.is_empty() && len.is_none_or(|len| items.len() == len) => {
                for (index, item) in items.iter().enumerate() {
                    check_value(of, bounds, item, &format!("{path}/{index}"), faults);
                }
                return;
            }
            Some(_) => false,
            None => {
                let mut own = Vec::new();
                check_value(of, bounds, value, path, &mut own);
                own.is_empty()
            }
        },
        Kind::Optional(_) if value.is_null() => true,
        Kind::Optional(of) => return check_value(of, bounds, value, path, faults),
        Kind::Either(one, other) => {
            let faults_of = |kind: &Kind| {
                let mut faults = Vec::new();
                check_value(kind, bounds, value, path, &mut faults);
                faults
            };
            let (one, other) = (faults_of(one), faults_of(other));
            if one.is_empty() || other.is_empty() {
                return;
            }
            // What is wrong inside of a list says more than that a list is not a number.
            if let Some(inside) = [one, other].into_iter().find(|found| found.iter().any(|f| f.path != path)) {
                return faults.extend(inside);
            }
            false
        }
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
        let fault = Fault::new(path, format!("wrong value for `{}`", place(path)));
        let fault = fault.expected(expected(kind, bounds, value)).given(show(value));
        faults.push(fault.maybe_hint(hint(kind, bounds, value)));
    }
}

/// `fill[2]` for `/nodes/cutout/fill/2`.
fn place(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let key = parts.iter().rposition(|part| part.parse::<usize>().is_err()).unwrap_or_default();
    let indices: String = parts[key + 1..].iter().map(|index| format!("[{index}]")).collect();
    format!("{}{indices}", parts[key])
}

/// What was expected. The greatest value of a type goes without saying, unless the value is beyond it.
fn expected(kind: &Kind, bounds: Option<(f64, f64)>, value: &Value) -> String {
    match kind {
        Kind::Integer { max, .. } if bounds.is_none() && value.as_f64().is_some_and(|n| n > *max as f64) => {
            format!("a whole number of at most {}", grouped(*max as f64))
        }
        _ => kind.words(bounds),
    }
}

/// What was probably meant by a value of the wrong kind.
fn hint(kind: &Kind, bounds: Option<(f64, f64)>, value: &Value) -> Option<String> {
    let fits = |kind: &Kind, value: &Value| {
        let mut faults = Vec::new();
        check_value(kind, bounds, value, "", &mut faults);
        faults.is_empty()
    };
    match (kind, value) {
        (Kind::Bool | Kind::Integer { .. } | Kind::Number, Value::String(text)) => {
            let meant: Value = serde_json::from_str(text.trim()).ok()?;
            fits(kind, &meant).then(|| format!("write {meant}, without quotes"))
        }
        (Kind::Text | Kind::Pattern { .. } | Kind::Choice(_), Value::Number(number)) => {
            let meant = Value::String(number.to_string());
            fits(kind, &meant).then(|| format!("write {meant}, with quotes"))
        }
        (Kind::Choice(values), Value::String(word)) => did_you_mean(word, values.iter().map(|v| v.name)),
        (Kind::Pattern { near, .. }, Value::String(word)) => did_you_mean(word, near.iter().copied()),
        (Kind::OneOrList(of, _), value) if !value.is_array() => hint(of, bounds, value),
        (Kind::Either(one, other), value) => hint(one, bounds, value).or_else(|| hint(other, bounds, value)),
        (Kind::List(_), Value::Array(_)) => None,
        (Kind::List(of), Value::String(_)) if matches!(**of, Kind::Tagged { .. }) => {
            let one = hint(of, bounds, value)?;
            Some(one.replacen("write ", "write [", 1) + "]")
        }
        (Kind::List(of), value) => {
            let meant = match value {
                Value::String(text) if !fits(of, value) => serde_json::from_str(text).ok()?,
                _ => value.clone(),
            };
            match fits(of, &meant) {
                true if meant.is_object() => Some("put it into a list, even if it is the only one".into()),
                true => Some(format!("write [{meant}]")),
                false => None,
            }
        }
        (Kind::Tagged { tag, variants, .. }, Value::String(word)) => {
            let variants = variants();
            let names = || variants.iter().map(|v| v.name);
            let meant = names().find(|name| name == word).or_else(|| near_miss(word, names()))?;
            Some(format!("write {{ \"{tag}\": \"{meant}\" }}"))
        }
        _ => None,
    }
}

fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    near_miss(word, candidates).map(|near| format!("did you mean \"{near}\"?"))
}

/// What a node has and an operator in a list has not.
const NODE_KEYS: [&str; 3] = ["input", "field", "also"];

fn check_tagged(
    tag: &str,
    what: &str,
    variants: &[Variant],
    map: &Map<String, Value>,
    path: &str,
    faults: &mut Vec<Fault>,
) {
    let names: Vec<&str> = variants.iter().map(|v| v.name).collect();
    let Some(given) = map.get(tag) else {
        // A word that names a variant, or a key that is nearly the right one, was meant to be it.
        let names_one = |value: &Value| value.as_str().is_some_and(|word| names.contains(&word));
        let meant = map.iter().find(|(_, value)| names_one(value)).map(|(key, _)| key.as_str());
        let meant = meant.or_else(|| near_miss(tag, map.keys().map(String::as_str)));
        let expected = match names.len() {
            0..=3 => format!("\"{tag}\": {}", one_of(&names)),
            _ => format!("\"{tag}\" with {}", one_of(&names)),
        };
        let fault = Fault::new(path, format!("missing key `{tag}`")).expected(expected);
        faults.push(fault.maybe_hint(meant.map(|key| format!("is {} meant to be `{tag}`?", quoted(key)))));
        return;
    };
    if let Some(variant) = variants.iter().find(|v| Some(v.name) == given.as_str()) {
        let of_node = |key: &&&str| map.contains_key(**key) && variant.params.iter().all(|p| p.name != **key);
        let misplaced: Vec<&str> = NODE_KEYS.iter().filter(|key| tag == "op" && of_node(key)).copied().collect();
        for key in &misplaced {
            let fault = Fault::new(child(path, key), format!("an {what} has no `{key}`")).at_key();
            faults.push(fault.hint(format!("the node's `{key}` holds for all that is in it")));
        }
        return check(variant.params, &[&[tag][..], &misplaced].concat(), map, path, faults);
    }
    let message = match given.as_str().and_then(|word| near_miss(word, names.iter().copied())) {
        Some(near) => format!("unknown {what} {}; did you mean \"{near}\"?", show(given)),
        None => format!("unknown {what} {}", show(given)),
    };
    faults.push(Fault::new(child(path, tag), message).expected(one_of(&names)));
}

fn one_of(names: &[&str]) -> String {
    match names.len() {
        0..=3 => either(&names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>()),
        4..=20 => format!("one of {}", names.join(", ")),
        _ => format!("one of {}", listed(names.iter().copied(), names.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_are_as_in_a_program() {
        assert_eq!(place("/nodes/cutout/fill/2"), "fill[2]");
        assert_eq!(place("/nodes/model/schedule/points/1/0"), "points[1][0]");
        assert_eq!(place("/seed"), "seed");
    }
}
