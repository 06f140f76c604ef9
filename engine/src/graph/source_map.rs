//! Where each value of a JSON text stands, for messages.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::problem::Problem;

/// Byte offsets of keys and values, by path.
#[derive(Debug, Default)]
pub struct SourceMap {
    values: HashMap<String, usize>,
    keys: HashMap<String, usize>,
    line_starts: Vec<usize>,
}

/// One level of a JSON text: its parts as text, which tells where they stand.
enum Parts<'a> {
    Object(Vec<(String, &'a RawValue)>),
    List(Vec<&'a RawValue>),
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = map.next_entry()? {
            parts.push(part);
        }
        Ok(Parts::Object(parts))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::new();
        while let Some(part) = list.next_element()? {
            parts.push(part);
        }
        Ok(Parts::List(parts))
    }
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartsVisitor)
    }
}

impl SourceMap {
    /// Reads a text that is valid JSON. A key that comes twice in an object is a problem: a JSON reader would silently
    /// take the last.
    pub fn read(text: &str) -> (Self, Vec<Problem>) {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut map = Self { line_starts, ..Self::default() };
        let mut problems = Vec::new();
        map.walk(text, text.trim_start(), String::new(), &mut problems);
        (map, problems)
    }

    fn walk(&mut self, text: &str, value: &str, path: String, problems: &mut Vec<Problem>) {
        // `value` is a part of `text`, so that the distance of their addresses is its offset.
        let offset = value.as_ptr() as usize - text.as_ptr() as usize;
        self.values.insert(path.clone(), offset);
        if !value.starts_with(['{', '[']) {
            return;
        }
        let Ok(parts) = serde_json::from_str::<Parts<'_>>(value) else { return };
        match parts {
            Parts::List(parts) => {
                for (index, part) in parts.into_iter().enumerate() {
                    self.walk(text, part.get(), format!("{path}/{index}"), problems);
                }
            }
            Parts::Object(parts) => {
                for (key, part) in parts {
                    let path = format!("{path}/{key}");
                    let value_at = part.get().as_ptr() as usize - text.as_ptr() as usize;
                    let key_at = key_before(text, value_at);
                    if self.keys.insert(path.clone(), key_at).is_some() {
                        let node = path.strip_prefix("/nodes/").and_then(|p| p.split('/').next());
                        let mut problem = Problem::new(node, path.clone(), format!("the key `{key}` comes twice"));
                        problem.position = Some(self.line_column(key_at));
                        problems.push(problem.hint("keep one of them"));
                        continue;
                    }
                    self.walk(text, part.get(), path, problems);
                }
            }
        }
    }

    /// Line and column of a path, or of the nearest part of it that the text has.
    pub fn find(&self, path: &str, at_key: bool) -> Option<(usize, usize)> {
        let key = || self.keys.get(path);
        let offset = if at_key { key().or_else(|| self.values.get(path)) } else { self.values.get(path) };
        match (offset, path.rsplit_once('/')) {
            (Some(&offset), _) => Some(self.line_column(offset)),
            (None, Some((parent, _))) => self.find(parent, true),
            (None, None) => None,
        }
    }

    fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= offset);
        (line, offset - self.line_starts[line - 1] + 1)
    }
}

/// Where the key of the value at an offset opens. Between them stand a colon and white space; in a key, quotes are
/// escaped.
fn key_before(text: &str, value_at: usize) -> usize {
    let before = text[..value_at].trim_end().strip_suffix(':').unwrap_or_default().trim_end();
    let bytes = before.as_bytes();
    let mut at = bytes.len().saturating_sub(1);
    while at > 0 {
        at -= 1;
        let escapes = bytes[..at].iter().rev().take_while(|&&b| b == b'\\').count();
        if bytes[at] == b'"' && escapes % 2 == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_keys_and_values() {
        let text = "{\n  \"a\": [1, {\"b \\\" c\" : true}],\n  \"d\": null\n}";
        let (map, problems) = SourceMap::read(text);
        assert!(problems.is_empty());
        assert_eq!(map.find("/a", true), Some((2, 3)));
        assert_eq!(map.find("/a/0", false), Some((2, 9)));
        assert_eq!(map.find("/a/1/b \" c", true), Some((2, 13)));
        assert_eq!(map.find("/a/1/b \" c", false), Some((2, 24)));
        assert_eq!(map.find("/d/nothing/here", false), Some((3, 3)));
    }

    #[test]
    fn a_key_that_comes_twice_is_found() {
        let (_, problems) = SourceMap::read("{\"nodes\": {\"a\": 1,\n \"a\": 2}}");
        assert_eq!(problems[0].position, Some((2, 2)));
        assert_eq!(problems[0].node.as_deref(), Some("a"));
    }
}
