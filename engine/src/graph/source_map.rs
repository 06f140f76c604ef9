//! Where each value of a JSON text stands, for messages.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::problem::Problem;
use crate::params::{child, escaped, quoted};

/// The text of a graph file, in which places are looked up when there is something to say about them.
#[derive(Debug, Default)]
pub struct SourceMap {
    text: String,
}

/// A part of an object or of a list.
enum Part<'a> {
    /// Its key, and where that opens.
    Key(Cow<'a, str>, usize),
    Index(usize),
}

/// Goes once through a text that is known to be valid JSON.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        let mut cursor = Self { text, at: 0 };
        cursor.space();
        cursor
    }

    /// The byte here; 0, which JSON never has, at the end.
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or_default()
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Steps over a string and gives what stands between its quotes, escapes and all.
    fn string(&mut self) -> &'a str {
        let start = self.at + 1;
        self.at = start;
        while !matches!(self.peek(), b'"' | 0) {
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        text
    }

    fn key(&mut self) -> Cow<'a, str> {
        let raw = self.string();
        if !raw.contains('\\') {
            return Cow::Borrowed(raw);
        }
        serde_json::from_str(&format!("\"{raw}\"")).map_or(Cow::Borrowed(raw), Cow::Owned)
    }

    /// Calls `each` for each part of the value here, which must step over it; steps over the value.
    fn parts(&mut self, each: &mut dyn FnMut(&mut Self, Part<'a>)) {
        let close = match self.peek() {
            b'{' => b'}',
            b'[' => b']',
            b'"' => {
                self.string();
                return;
            }
            _ => {
                while !matches!(self.peek(), b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | 0) {
                    self.at += 1;
                }
                return;
            }
        };
        self.at += 1;
        for index in 0.. {
            self.space();
            if self.peek() == b',' {
                self.at += 1;
                self.space();
            }
            if self.peek() == close || self.peek() == 0 {
                break;
            }
            let part = if close == b'}' {
                let at = self.at;
                let key = self.key();
                self.space();
                self.at += 1; // The colon.
                self.space();
                Part::Key(key, at)
            } else {
                Part::Index(index)
            };
            each(self, part);
        }
        self.at += 1;
    }

    fn skip(&mut self) {
        self.parts(&mut |cursor, _| cursor.skip());
    }
}

/// Where those keys and values open that were asked for.
#[derive(Default)]
struct Found<'a> {
    wanted: HashSet<&'a str>,
    values: HashMap<String, usize>,
    keys: HashMap<String, usize>,
}

impl Found<'_> {
    fn walk(&mut self, cursor: &mut Cursor<'_>, path: &mut String) {
        if !self.wanted.contains(path.as_str()) {
            return cursor.skip();
        }
        self.values.insert(path.clone(), cursor.at);
        let length = path.len();
        cursor.parts(&mut |cursor, part| {
            path.push('/');
            match &part {
                Part::Key(key, _) => path.push_str(&escaped(key)),
                Part::Index(index) => path.push_str(&index.to_string()),
            }
            if let Part::Key(_, at) = part
                && self.wanted.contains(path.as_str())
            {
                self.keys.insert(path.clone(), at);
            }
            self.walk(cursor, path);
            path.truncate(length);
        });
    }

    /// Where a path opens, or the nearest part of it that the text has.
    fn find(&self, path: &str, at_key: bool) -> Option<usize> {
        let value = || self.values.get(path);
        let offset = if at_key { self.keys.get(path).or_else(value) } else { value() };
        match (offset, path.rsplit_once('/')) {
            (Some(&offset), _) => Some(offset),
            (None, Some((parent, _))) => self.find(parent, true),
            (None, None) => None,
        }
    }
}

impl SourceMap {
    /// Of a text that is valid JSON.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Keys that come twice in an object: a JSON reader would silently take the last.
    pub fn repeated_keys(&self) -> Vec<Problem> {
        let lines = Lines::new(&self.text);
        let mut problems = Vec::new();
        repeated(&mut Cursor::new(&self.text), "", &lines, &mut problems);
        problems
    }

    /// Says of each problem where it stands.
    pub fn locate(&self, problems: &mut [Problem]) {
        let paths: Vec<(String, bool)> = problems.iter().map(|p| (p.path.clone(), p.at_key)).collect();
        let mut found = Found::default();
        for (path, _) in &paths {
            // Each part of a path, from the whole to the top, until one was there before.
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).rev();
            ends.map(|end| &path[..end]).take_while(|part| found.wanted.insert(part)).for_each(drop);
        }
        found.walk(&mut Cursor::new(&self.text), &mut String::new());
        let lines = Lines::new(&self.text);
        for (problem, (path, at_key)) in problems.iter_mut().zip(&paths) {
            let offset = || found.find(path, *at_key);
            problem.position = problem.position.or_else(|| Some(lines.position(offset()?)));
        }
    }
}

fn repeated(cursor: &mut Cursor<'_>, path: &str, lines: &Lines<'_>, problems: &mut Vec<Problem>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    cursor.parts(&mut |cursor, part| {
        let path = match part {
            // A list of ten thousand numbers has ten thousand paths that nobody needs.
            Part::Index(_) if !matches!(cursor.peek(), b'{' | b'[') => return cursor.skip(),
            Part::Index(index) => format!("{path}/{index}"),
            Part::Key(key, at) => {
                let path_of_key = child(path, &key);
                match seen.get(key.as_ref()) {
                    Some(&first) => problems.push(twice(path, &key, &path_of_key, lines, first, at)),
                    None => drop(seen.insert(key.into_owned(), at)),
                }
                path_of_key
            }
        };
        repeated(cursor, &path, lines, problems);
    });
}

fn twice(parent: &str, key: &str, path: &str, lines: &Lines<'_>, first: usize, at: usize) -> Problem {
    let first = lines.position(first).0;
    let mut problem = if parent == "/nodes" {
        let problem = Problem::new(Some(key), path, format!("two nodes are named {}", quoted(key)));
        problem.hint(format!("the first is on line {first}; give one of them another name"))
    } else {
        let node = path.strip_prefix("/nodes/").and_then(|below| below.split('/').next());
        let node = node.map(|name| name.replace("~1", "/").replace("~0", "~"));
        let problem = Problem::new(node.as_deref(), path, format!("the key {} comes twice", quoted(key)));
        problem.hint(format!("the first is on line {first}; keep one of them"))
    };
    problem.at_key = true;
    problem.position = Some(lines.position(at));
    problem
}

/// Lines and columns of a text.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// Characters before each block of bytes: a file may be one long line with a problem in each of its nodes.
    blocks: Vec<usize>,
}

const BLOCK: usize = 1024;

fn characters(bytes: &[u8]) -> usize {
    // The bytes that open a character.
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count()
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut blocks = vec![0];
        for block in text.as_bytes().chunks(BLOCK) {
            blocks.push(blocks[blocks.len() - 1] + characters(block));
        }
        Self { text, starts, blocks }
    }

    /// Where a line begins, counted from 1.
    pub(super) fn start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }

    /// Line and column, from 1, of a byte. Columns are characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= offset);
        (line, self.before(offset) - self.before(self.starts[line - 1]) + 1)
    }

    /// Characters before a byte.
    fn before(&self, offset: usize) -> usize {
        let block = offset / BLOCK;
        self.blocks[block] + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, path: &str, at_key: bool) -> Option<(usize, usize)> {
        let mut problem = Problem::new(None, path, "");
        problem.at_key = at_key;
        SourceMap::new(text).locate(std::slice::from_mut(&mut problem));
        problem.position
    }

    #[test]
    fn finds_keys_and_values() {
        let text = "{\n  \"a\": [1, {\"b \\\" c\" : true}, \"ü\", [[]]],\n  \"d\": null\n}";
        assert_eq!(find(text, "/a", true), Some((2, 3)));
        assert_eq!(find(text, "/a/0", false), Some((2, 9)));
        assert_eq!(find(text, "/a/1/b \" c", true), Some((2, 13)));
        assert_eq!(find(text, "/a/1/b \" c", false), Some((2, 24)));
        assert_eq!(find(text, "/a/3/0", false), Some((2, 37)));
        assert_eq!(find(text, "/d/nothing/here", false), Some((3, 3)));
        assert_eq!(find(text, "", false), Some((1, 1)));
    }

    #[test]
    fn columns_are_characters_in_long_lines_too() {
        let text = format!("\n{}x", "ä".repeat(3000));
        assert_eq!(Lines::new(&text).position(text.len() - 1), (2, 3001));
        assert_eq!(Lines::new("").position(7), (1, 1));
    }

    #[test]
    fn a_slash_in_a_key_is_no_step() {
        let text = "{\"a/b\": 1, \"a\": {\"b\": 2}}";
        assert_eq!(find(text, "/a~1b", false), Some((1, 9)));
        assert_eq!(find(text, "/a/b", false), Some((1, 23)));
    }

    #[test]
    fn a_key_that_comes_twice_is_found() {
        let problems = SourceMap::new("{\"nodes\": {\"a\": 1,\n \"a\": [{\"b\": 1, \"b\": 2}]}}").repeated_keys();
        assert_eq!(problems[0].position, Some((2, 2)));
        assert_eq!(problems[0].message, "two nodes are named `a`");
        assert_eq!(problems[1].node.as_deref(), Some("a"));
        assert_eq!(problems[1].path, "/nodes/a/0/b");
    }
}
