//! Graph files: reading them, and what is said about their form.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use super::form::read_form;
use super::json_error::explain;
use super::problem::{GraphError, Problem};
use super::source_map::{Lines, SourceMap};
use super::spec::GraphSpec;
use crate::params::grouped;

/// A graph file: what it says, and where it says it.
#[derive(Debug)]
pub struct GraphFile {
    /// The file, for messages.
    pub origin: String,
    /// What it says, as far as that can be understood; [`super::Graph::validate_file`] tells what cannot be.
    pub spec: GraphSpec,
    /// What is wrong with its form.
    pub(super) problems: Vec<Problem>,
    pub(super) map: SourceMap,
}

/// Largest graph file that is read; a graph of ten thousand nodes is a tenth of it.
const MAX_BYTES: u64 = 16 << 20;

impl GraphFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let origin = path.display().to_string();
        let fail = |problem: Problem| GraphError { origin: origin.clone(), problems: vec![problem] };
        let mut bytes = Vec::new();
        // Some files have no end, and no size that tells.
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            let why = match error.kind() {
                ErrorKind::NotFound => "there is no such file".into(),
                ErrorKind::IsADirectory => "it is a folder".into(),
                ErrorKind::PermissionDenied => "its permissions forbid it".into(),
                _ => error.to_string(),
            };
            let problem = Problem::new(None, "", format!("cannot read the graph file: {why}"));
            return Err(fail(problem.hint("give the path of a graph, such as graphs/cifar.json")));
        }
        if bytes.len() as u64 > MAX_BYTES {
            let most = grouped(MAX_BYTES as f64);
            let problem = Problem::new(None, "", format!("the file has more than {most} bytes, too many for a graph"));
            return Err(fail(problem.hint("is it a graph file?")));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(&text, &origin),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.as_bytes();
                let mut problem = Problem::new(None, "", "the file is not text in UTF-8");
                let text = String::from_utf8_lossy(&bytes[..valid]);
                problem.position = Some(Lines::new(&text).position(valid));
                let wide = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
                Err(fail(if wide { problem.hint("it seems to be in UTF-16: save it as UTF-8") } else { problem }))
            }
        }
    }

    /// Reads a text; `origin` names it in messages. What is wrong with the form of a node or of a key is told by
    /// [`super::Graph::validate_file`], together with all the rest.
    pub fn parse(text: &str, origin: &str) -> Result<Self, GraphError> {
        // Some editors mark UTF-8 so.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let value: Value = serde_json::from_str(text)
            .map_err(|error| GraphError { origin: origin.to_owned(), problems: vec![explain(text, &error)] })?;
        let map = SourceMap::new(text);
        let mut problems = map.repeated_keys();
        match read_form(value, &mut problems) {
            Some(spec) => Ok(Self { origin: origin.to_owned(), spec, problems, map }),
            None => Err(GraphError::new(origin, problems, Some(&map))),
        }
    }
}

impl<'de> Deserialize<'de> for GraphSpec {
    /// From any serde format. Unknown keys and a wrong form are errors; a node's own keys are its operator's, and
    /// checked by [`super::Graph::validate`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut problems = Vec::new();
        let spec = read_form(Value::deserialize(deserializer)?, &mut problems);
        match (problems.first(), spec) {
            (None, Some(spec)) => Ok(spec),
            (Some(problem), _) => Err(D::Error::custom(&problem.message)),
            (None, None) => Err(D::Error::custom("this is no graph")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_survives_serde_and_refuses_unknown_keys() {
        let text = r#"{"name": "a", "seed": 7, "nodes": {"b": {"op": "shapes", "batch_size": 3}}}"#;
        let spec: GraphSpec = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_value::<GraphSpec>(serde_json::to_value(&spec).unwrap()).unwrap(), spec);
        let error = serde_json::from_str::<GraphSpec>(&text.replace("seed", "sed")).unwrap_err().to_string();
        assert!(error.contains("unknown key `sed`; did you mean `seed`?"), "{error}");
    }
}
