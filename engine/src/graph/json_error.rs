//! What is wrong with a text that is not JSON, in the words of somebody who wrote it by hand.

use serde_json::error::Category;

use super::problem::Problem;
use super::source_map::Lines;

/// The problem behind an error of the JSON reader.
pub(super) fn explain(text: &str, error: &serde_json::Error) -> Problem {
    let lines = Lines::new(text);
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    if text.trim().is_empty() {
        let mut problem = Problem::new(None, "", "the file is empty");
        problem.position = Some((1, 1));
        return problem.hint("a graph is a JSON object with the keys `name` and `nodes`");
    }
    if error.classify() == Category::Eof {
        let problem = match message.rsplit(' ').next() {
            Some("list") => "the file ends in the middle of a list",
            Some("object") => "the file ends in the middle of an object",
            Some("string") => "the file ends in the middle of a text",
            _ => "the file ends where a value should be",
        };
        let last = text.trim_end().char_indices().last().map_or(0, |(at, _)| at);
        let mut problem = Problem::new(None, "", problem);
        problem.position = Some(lines.position(last));
        return match open_bracket(text) {
            Some((at, kind)) => problem.hint(format!("the {kind} on line {} is not closed", lines.position(at).0)),
            None => problem,
        };
    }
    // The reader's column is that of a byte, and 0 where it stands at a line's end.
    let at = lines.start(error.line()) + error.column().saturating_sub(1);
    let (problem, hint) = words(text.as_bytes(), at, message);
    let mut problem = Problem::new(None, "", problem);
    problem.position = Some(lines.position(at));
    match hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

fn words(text: &[u8], at: usize, message: &str) -> (String, Option<String>) {
    let here = text.get(at..).unwrap_or_default();
    let not_json = |what: &str, hint: Option<&str>| (format!("this is not JSON: {what}"), hint.map(str::to_owned));
    if here.starts_with(b"//") || here.starts_with(b"/*") || here.starts_with(b"#") {
        return not_json("a comment", Some("JSON has no comments; use `description`"));
    }
    if here.starts_with(b"'") {
        return not_json("a single quote", Some("write texts and keys in double quotes"));
    }
    let word = word_around(text, at);
    match word.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str() {
        "nan" | "inf" | "infinity" => {
            return not_json(&format!("`{word}` is no number"), Some("write a finite number"));
        }
        lower @ ("true" | "false" | "null") if word != lower => {
            return not_json(&format!("`{word}`"), Some(&format!("write {lower}")));
        }
        "none" if word != "none" => return not_json(&format!("`{word}`"), Some("write null")),
        _ => {}
    }
    match message {
        "recursion limit exceeded" => ("the file is nested deeper than 127 levels".into(), None),
        "trailing comma" => not_json("a comma before the end of a list or an object", Some("remove the comma")),
        "trailing characters" => not_json("something stands after the end of the graph", None),
        "key must be a string" => not_json("a key must be a text", Some("write keys in double quotes")),
        "expected value" | "expected ident" => not_json("a value should stand here", None),
        "expected `:`" => not_json("a colon is missing before this", None),
        "expected `,` or `]`" | "expected `,` or `}`" => not_json("a comma is missing before this", None),
        "invalid escape" => not_json("an unknown escape in a text", Some("write a backslash twice")),
        "number out of range" => not_json("a number too large", None),
        text if text.starts_with("control character") => {
            not_json("a line break or another control character in a text", Some("write a line break as \\n"))
        }
        text => not_json(text, None),
    }
}

/// The letters and signs around a place.
fn word_around(text: &[u8], at: usize) -> &str {
    let part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'+');
    let at = at.min(text.len());
    let start = at - text[..at].iter().rev().take_while(|byte| part(byte)).count();
    let end = at + text[at..].iter().take_while(|byte| part(byte)).count();
    std::str::from_utf8(&text[start..end]).unwrap_or_default()
}

/// The innermost object or list that is open at the end.
fn open_bracket(text: &str) -> Option<(usize, &'static str)> {
    let mut open = Vec::new();
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' => open.push((at, "object that opens")),
            b'[' => open.push((at, "list that opens")),
            b'}' | b']' => drop(open.pop()),
            _ => {}
        }
    }
    open.pop()
}
