//! A graph as it is written: the mirror of the JSON, which [`super::form`] reads. No operator is known here.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::params::{ParamSet as _, ParamType as _, check_param, child, cut, listed, near_miss, params, quoted};

/// A graph as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GraphSpec {
    /// Where an editor finds the JSON Schema; not used otherwise.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Name, for messages.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Nodes by name, in the order written.
    pub nodes: IndexMap<String, NodeSpec>,
}

/// A node as written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NodeSpec {
    /// Operator.
    pub op: String,
    /// Where its rows come from; none for a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<InputSpec>,
    /// The operator's parameters.
    #[serde(flatten)]
    pub params: Map<String, Value>,
}

/// Where a node's rows come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
                ports.iter().map(|(p, name)| (Some(p.as_str()), child("/input", p), name.as_str())).collect()
            }
        }
    }
}

params! {
    /// A graph file.
    pub struct TopLevel {
        /// Name, for messages.
        name: String,
        /// What it is for.
        description: Option<String> = None,
        /// Seed of every random choice: with the same seed, the same batches and the same weights.
        seed: u64 = 0,
    }
}

impl GraphSpec {
    /// Changes one parameter, as `--set node.key=value` does; deeper keys and list indices follow after more dots.
    /// `seed`, `name` and `description` stand alone.
    pub fn set(&mut self, path: &str, value: Value) -> Result<(), String> {
        let parts: Vec<&str> = path.split('.').collect();
        let (first, rest) = (parts[0], &parts[1..]);
        if rest.is_empty() && ["seed", "name", "description"].contains(&first) {
            return self.set_top(first, &value);
        }
        if !self.nodes.contains_key(first) {
            let names = || self.nodes.keys().map(String::as_str);
            let hint = match near_miss(first, names()) {
                Some(near) => format!("did you mean {}?", quoted(near)),
                None => format!("the nodes are {}", listed(names(), self.nodes.len())),
            };
            return Err(format!("`{path}`: the graph has no node `{first}`; {hint}"));
        }
        let node = &mut self.nodes[first];
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

    fn set_top(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let mut faults = Vec::new();
        for param in TopLevel::PARAMS.iter().filter(|param| param.name == key) {
            check_param(param, value, key, &mut faults);
        }
        if let Some(fault) = faults.first() {
            let expected = fault.expected.as_deref().unwrap_or_default();
            return Err(format!("`{key}`: expected {expected}, given {}", cut(&value.to_string())));
        }
        match key {
            "seed" => self.seed = u64::from_json(value).unwrap_or_default(),
            "name" => self.name = String::from_json(value).unwrap_or_default(),
            _ => self.description = String::from_json(value),
        }
        Ok(())
    }
}

/// What a graph may be called, as a regular expression.
pub const GRAPH_NAME_PATTERN: &str = "^(?=.*[\\p{L}\\p{N}])[\\p{L}\\p{N} _.-]{1,64}$";

/// Whether a graph may be called so: folders are, too.
pub(super) fn is_graph_name(name: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '-');
    name.chars().count() <= 64 && name.chars().all(fine) && name.chars().any(char::is_alphanumeric)
}

/// Whether a node may be called so.
pub(super) fn is_node_name(name: &str) -> bool {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= 64 && name.chars().all(fine)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_top_is_set_as_the_file_is_read() {
        let mut spec = GraphSpec::default();
        assert_eq!(spec.set("seed", json!(1e3)), Ok(()));
        assert_eq!(spec.seed, 1000);
        assert_eq!(
            spec.set("seed", json!(-1)),
            Err("`seed`: expected a whole number of at least 0, given -1".to_owned())
        );
        assert_eq!(spec.set("description", Value::Null), Ok(()));
    }

    #[test]
    fn names_are_safe_for_folders() {
        assert!(is_graph_name("Größe 2.1") && is_graph_name("cifar"));
        for bad in ["", "..", "a/b", "a\\b", "a\nb", " "] {
            assert!(!is_graph_name(bad), "{bad:?}");
        }
    }
}
