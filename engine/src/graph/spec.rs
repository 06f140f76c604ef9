//! A graph as it is written: the serde mirror of the JSON, and the text it came from. No operator is known here.

use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::problem::{GraphError, Problem};
use super::source_map::SourceMap;
use crate::params::{ParamSet as _, check, near_miss, params};

/// A graph as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// Where an editor finds the JSON Schema; not used otherwise.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Name, for messages and folders.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seed of every random choice.
    #[serde(default)]
    pub seed: u64,
    /// Nodes by name, in the order written.
    pub nodes: IndexMap<String, NodeSpec>,
}

/// A node as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Operator.
    pub op: String,
    /// Where its rows come from; none for a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputSpec>,
    /// The operator's parameters.
    #[serde(flatten)]
    pub params: Map<String, Value>,
}

/// Where a node's rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum InputSpec {
    /// One node.
    One(String),
    /// Several nodes whose fields are put together, row by row.
    Several(Vec<String>),
    /// One node for each of the operator's inputs.
    Ports(IndexMap<String, String>),
}

impl InputSpec {
    /// Each input: its port if it has one, its path below the node, and the node it names.
    pub fn each(&self) -> Vec<(Option<&str>, String, &str)> {
        match self {
            Self::One(name) => vec![(None, "/input".into(), name)],
            Self::Several(names) => {
                names.iter().enumerate().map(|(i, name)| (None, format!("/input/{i}"), name.as_str())).collect()
            }
            Self::Ports(ports) => {
                ports.iter().map(|(p, name)| (Some(p.as_str()), format!("/input/{p}"), name.as_str())).collect()
            }
        }
    }
}

params! {
    /// A graph file.
    pub struct TopLevel {
        /// Where an editor finds the JSON Schema; not used otherwise.
        schema: Option<String> = None,
        /// Name, for messages and folders.
        name: String,
        /// What it is for.
        description: Option<String> = None,
        /// Seed of every random choice: with the same seed, the same batches and the same weights.
        seed: u64 = 0,
    }
}

/// A graph file: what it says, and where it says it.
#[derive(Debug)]
pub struct GraphFile {
    /// The file, for messages.
    pub origin: String,
    /// What it says.
    pub spec: GraphSpec,
    pub(super) map: SourceMap,
}

/// Largest graph file that is read; a graph of ten thousand nodes is a tenth of it.
const MAX_BYTES: u64 = 16 << 20;

impl GraphFile {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, GraphError> {
        let origin = path.display().to_string();
        let fail = |message: String, hint: &str| {
            let problem = Problem::new(None, "", message).hint(hint);
            GraphError { origin: origin.clone(), problems: vec![problem] }
        };
        let size = std::fs::metadata(path).map(|m| m.len());
        match size {
            Ok(size) if size > MAX_BYTES => {
                return Err(fail(format!("the file has {size} bytes, too many for a graph"), "is it a graph file?"));
            }
            _ => {}
        }
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &origin),
            Err(error) => Err(fail(
                format!("cannot read the graph file: {error}"),
                "give the path of a graph, such as graphs/cifar.json",
            )),
        }
    }

    /// Reads a text; `origin` names it in messages.
    pub fn parse(text: &str, origin: &str) -> Result<Self, GraphError> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let mut problem = Problem::new(None, "", format!("this is not JSON: {}", without_position(&error)));
            problem.position = Some((error.line(), error.column().max(1)));
            GraphError { origin: origin.to_owned(), problems: vec![problem] }
        })?;
        let (map, mut problems) = SourceMap::read(text);
        check_form(&value, &mut problems);
        if problems.is_empty() {
            match serde_json::from_value(value) {
                Ok(spec) => return Ok(Self { origin: origin.to_owned(), spec, map }),
                // The form was checked: this is for what the check forgot.
                Err(error) => problems.push(Problem::new(None, "", error.to_string())),
            }
        }
        Err(GraphError::new(origin, problems, Some(&map)))
    }
}

/// A JSON error says its position itself, which messages show elsewhere.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Everything about the form of a graph that can be said without knowing operators.
fn check_form(value: &Value, problems: &mut Vec<Problem>) {
    let Some(top) = value.as_object() else {
        let problem = Problem::new(None, "", "a graph is a JSON object with the keys `name` and `nodes`");
        problems.push(problem.given(crate::params::show(value)));
        return;
    };
    let mut faults = Vec::new();
    check(TopLevel::PARAMS, &["$schema", "nodes"], top, "", &mut faults);
    faults.retain(|f| f.path != "/schema");
    problems.extend(faults.into_iter().map(|fault| Problem::from_fault(None, fault)));
    match top.get("nodes") {
        Some(Value::Object(nodes)) if nodes.is_empty() => {
            problems.push(Problem::new(None, "/nodes", "the graph has no nodes"));
        }
        Some(Value::Object(nodes)) => nodes.iter().for_each(|(name, node)| check_node_form(name, node, problems)),
        Some(other) => problems.push(
            Problem::new(None, "/nodes", "wrong value for `nodes`")
                .expected("an object: each node's parameters under its name")
                .given(crate::params::show(other)),
        ),
        None => problems.push(
            Problem::new(None, "", "missing key `nodes`").expected("an object: each node's parameters under its name"),
        ),
    }
}

fn check_node_form(name: &str, node: &Value, problems: &mut Vec<Problem>) {
    let path = format!("/nodes/{name}");
    let new = |path: String, message: &str| Problem::new(Some(name), path, message);
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fine) {
        let problem = new(path.clone(), "this cannot be a node's name").at_key();
        problems.push(problem.expected("up to 64 letters, digits, `_` and `-`").given(format!("{name:?}")));
    }
    let Some(node) = node.as_object() else {
        let problem = new(path, "a node is an object with the key `op`");
        problems.push(problem.given(crate::params::show(node)));
        return;
    };
    match node.get("op") {
        Some(Value::String(_)) => {}
        Some(other) => {
            let problem = new(format!("{path}/op"), "wrong value for `op`");
            problems.push(problem.expected("the name of an operator").given(crate::params::show(other)));
        }
        None => {
            let near = near_miss("op", node.keys().map(String::as_str))
                .or_else(|| ["operator", "type", "kind"].into_iter().find(|k| node.contains_key(*k)));
            let problem = new(path.clone(), "missing key `op`").at_key().expected("the name of an operator");
            problems.push(match near {
                Some(near) => problem.hint(format!("is `{near}` meant to be `op`?")),
                None => problem.hint("`engine operators` lists them"),
            });
        }
    }
    let fits = match node.get("input") {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(list)) => list.iter().all(Value::is_string),
        Some(Value::Object(ports)) => ports.values().all(Value::is_string),
        Some(_) => false,
    };
    if let (false, Some(input)) = (fits, node.get("input")) {
        problems.push(
            new(format!("{path}/input"), "wrong value for `input`")
                .expected("a node's name, a list of names, or an object from the operator's inputs to names")
                .given(crate::params::show(input)),
        );
    }
}

impl GraphSpec {
    /// Changes one parameter, as `--set node.key=value` does; deeper keys and list indices follow after more dots.
    /// `seed`, `name` and `description` stand alone.
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), String> {
        let parts: Vec<&str> = path.split('.').collect();
        let (first, rest) = (parts[0], &parts[1..]);
        if rest.is_empty() && ["seed", "name", "description"].contains(&first) {
            let mut whole = serde_json::to_value(&*self).map_err(|e| e.to_string())?;
            whole[first] = value;
            *self = serde_json::from_value(whole).map_err(|e| format!("`{path}`: {e}"))?;
            return Ok(());
        }
        let names: Vec<String> = self.nodes.keys().cloned().collect();
        let Some(node) = self.nodes.get_mut(first) else {
            let near = near_miss(first, names.iter().map(String::as_str));
            let hint =
                near.map_or_else(|| format!("the nodes are {}", names.join(", ")), |n| format!("did you mean `{n}`?"));
            return Err(format!("`{path}`: the graph has no node `{first}`; {hint}"));
        };
        let Some((&key, deeper)) = rest.split_first() else {
            return Err(format!("`{path}`: give a node and a key, such as {first}.batch_size"));
        };
        if ["op", "input"].contains(&key) {
            return Err(format!("`{path}`: `{key}` cannot be changed from here; edit the graph file"));
        }
        let mut place = node.params.entry(key).or_insert(Value::Null);
        for part in deeper {
            place = match place {
                Value::Array(list) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|i| list.get_mut(i))
                    .ok_or_else(|| format!("`{path}`: `{part}` is no index of that list"))?,
                Value::Object(map) => map.entry(*part).or_insert(Value::Null),
                other => {
                    *other = Value::Object(Map::new());
                    other.as_object_mut().expect("it was just made one").entry(*part).or_insert(Value::Null)
                }
            };
        }
        *place = value;
        Ok(())
    }
}
