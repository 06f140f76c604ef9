//! What is wrong with a graph, in words for the person who wrote it.

use std::fmt;

use super::source_map::SourceMap;
use crate::params::{Fault, quoted};

/// One thing that is wrong with a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Node it belongs to.
    pub node: Option<String>,
    /// Where in the graph: keys and indices from its top, each after a `/`.
    pub path: String,
    /// Whether the key at the end of the path is meant, rather than its value.
    pub at_key: bool,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What was given.
    pub given: Option<String>,
    /// What was probably meant, or can be done.
    pub hint: Option<String>,
    /// Line and column, from 1, where the graph came from text.
    pub position: Option<(usize, usize)>,
}

impl Problem {
    /// A problem with a message alone.
    pub fn new(node: Option<&str>, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            node: node.map(str::to_owned),
            path: path.into(),
            at_key: false,
            message: message.into(),
            expected: None,
            given: None,
            hint: None,
            position: None,
        }
    }

    /// A fault in the JSON of a node, or of the graph itself.
    pub fn from_fault(node: Option<&str>, fault: Fault) -> Self {
        Self {
            node: node.map(str::to_owned),
            path: fault.path,
            at_key: fault.at_key,
            message: fault.message,
            expected: fault.expected,
            given: fault.given,
            hint: fault.hint,
            position: None,
        }
    }

    /// Adds what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Adds what was given.
    #[must_use]
    pub fn given(mut self, given: impl Into<String>) -> Self {
        self.given = Some(given.into());
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Means the key at the end of the path.
    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    /// In words: what, what was expected and given, a hint, and where, in the file `origin`.
    pub fn told<'a>(&'a self, origin: &'a str) -> impl fmt::Display + 'a {
        Told { problem: self, origin }
    }
}

/// Finds where each problem stands in the text, and orders them so.
pub(super) fn in_order(problems: &mut Vec<Problem>, map: Option<&SourceMap>) {
    if let Some(map) = map {
        map.locate(problems);
        problems.sort_by_key(|p| p.position);
    }
    problems.dedup();
}

/// Every problem of a graph. Shown one after the other, in the order of the file, paths last.
#[derive(Debug, thiserror::Error)]
pub struct GraphError {
    /// File, or `graph` where there is none.
    pub origin: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl GraphError {
    /// Collects problems: finds where each stands in the text, and orders them so.
    pub(crate) fn new(origin: &str, mut problems: Vec<Problem>, map: Option<&SourceMap>) -> Self {
        in_order(&mut problems, map);
        Self { origin: origin.to_owned(), problems }
    }
}

/// A text on its way to a terminal: what would act there, or turn the reading direction, is spelled out.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let acts = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let mut rest = self.0;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| acts(*c)) {
            f.write_str(&rest[..at])?;
            write!(f, "{}", c.escape_default())?;
            rest = &rest[at + c.len_utf8()..];
        }
        f.write_str(rest)
    }
}

struct Told<'a> {
    problem: &'a Problem,
    origin: &'a str,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, origin } = self;
        if let Some(node) = &problem.node {
            write!(f, "node {}: ", Plain(&quoted(node)))?;
        }
        write!(f, "{}", Plain(&problem.message))?;
        let lines = [("expected", &problem.expected), ("given", &problem.given), ("hint", &problem.hint)];
        for (label, text) in lines {
            if let Some(text) = text {
                write!(f, "\n  {label:<9} {}", Plain(text))?;
            }
        }
        write!(f, "\n  at        {}", Plain(origin))?;
        match problem.position {
            Some((line, column)) => write!(f, ":{line}:{column}"),
            None if problem.path.is_empty() => Ok(()),
            None => write!(f, " {}", Plain(&problem.path)),
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{}", if index > 0 { "\n\n" } else { "" }, problem.told(&self.origin))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        let problem = Problem::new(Some("\u{1b}[2J"), "/nodes/\u{1b}", "a bell: \u{7}, ä, \u{202e}");
        let text = GraphError { origin: "here".into(), problems: vec![problem] }.to_string();
        assert_eq!(text, "node `\\u{1b}[2J`: a bell: \\u{7}, ä, \\u{202e}\n  at        here /nodes/\\u{1b}");
    }
}
