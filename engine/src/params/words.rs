//! How messages quote what users wrote.

use std::borrow::Cow;

use serde_json::Value;

/// Characters of a user's word that a message shows.
const SHOWN: usize = 60;
/// Names that a list shows.
const LISTED: usize = 12;

/// A text, cut if it is long.
pub fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHOWN) {
        Some(_) => Cow::Owned(format!("{}…", text.chars().take(SHOWN - 3).collect::<String>())),
        None => Cow::Borrowed(text),
    }
}

/// A user's word in backquotes, cut if it is long.
pub fn quoted(word: &str) -> String {
    format!("`{}`", cut(word))
}

/// A value, cut if it is long.
pub(crate) fn show(value: &Value) -> String {
    cut(&value.to_string()).into_owned()
}

/// `a, b, c`; of many, the first few and how many more there are. The number is given, since counting all of them for
/// each of many messages takes long.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, count: usize) -> String {
    let mut text = String::new();
    for name in names.into_iter().take(LISTED) {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&cut(name));
    }
    match count.saturating_sub(LISTED) {
        0 => text,
        more => format!("{text} … and {} more", grouped(more as f64)),
    }
}

/// `a, b or c`.
pub fn either(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
        [] => "nothing".into(),
    }
}

/// A number of things: 1 row, 2 rows, 1,000 batches.
pub fn plural(number: u64, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with("tch") || noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", grouped(number as f64))
}

/// A number with a comma after each three digits.
pub fn grouped(number: f64) -> String {
    let text = number.to_string();
    if number.fract() != 0.0 || number.abs() < 1000.0 {
        return text;
    }
    let digits = text.trim_start_matches('-');
    let mut parts: Vec<&str> = Vec::new();
    let mut end = digits.len();
    while end > 3 {
        parts.push(&digits[end - 3..end]);
        end -= 3;
    }
    parts.push(&digits[..end]);
    parts.reverse();
    format!("{}{}", if number < 0.0 { "-" } else { "" }, parts.join(","))
}

/// A path, and a key below it, as in a JSON Pointer: a `/` in a key is no step.
pub fn child(path: &str, key: &str) -> String {
    format!("{path}/{}", escaped(key))
}

/// A key as a step of a path.
pub(crate) fn escaped(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { Cow::Owned(key.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(key) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_as_people_do() {
        let counted =
            [(0, "row"), (1, "class"), (2, "class"), (1000, "batch"), (3, "epoch")].map(|(n, noun)| plural(n, noun));
        assert_eq!(counted, ["0 rows", "1 class", "2 classes", "1,000 batches", "3 epochs"]);
    }

    #[test]
    fn numbers_and_lists_are_for_people() {
        assert_eq!(grouped(1_000_000.0), "1,000,000");
        assert_eq!(grouped(-65_536.0), "-65,536");
        assert_eq!((grouped(255.0), grouped(0.5)), ("255".into(), "0.5".into()));
        let names: Vec<String> = (0..4000).map(|n| format!("n{n}")).collect();
        let text = listed(names.iter().map(String::as_str), names.len());
        assert!(text.starts_with("n0, n1, ") && text.ends_with("n11 … and 3,988 more"), "{text}");
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"ä".repeat(100)).chars().count(), SHOWN - 2);
        assert_eq!(cut(&"ä".repeat(SHOWN)).chars().count(), SHOWN);
    }

    #[test]
    fn a_slash_in_a_key_is_no_step() {
        assert_eq!(child("/nodes", "a/b~"), "/nodes/a~1b~0");
    }
}
