//! What the weights of a training depend on: a checkpoint fits a training that has the same.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::precision::Arithmetic;
use crate::graph::{Difference, GraphSpec, InputSpec, NodeSpec, differences};
use crate::plan::Plan;

/// What the weights of a training depend on: nodes with all their parameters, seed, epochs, precision, and whether
/// built-in images stand in for the data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity(Value);

impl Identity {
    pub(super) fn new(plan: &Plan, epochs: u64, arithmetic: Arithmetic, stand_in: bool) -> Self {
        let node = |index: usize| {
            let node = &plan.nodes[index];
            let mut map = Map::new();
            map.insert("op".into(), node.operator.name().into());
            let inputs = plan.producers(index).map(|(from, port)| (port, plan.nodes[from].name.as_str()));
            let inputs: Vec<Value> =
                inputs.map(|(port, name)| port.map_or_else(|| name.into(), |port| json!({ port: name }))).collect();
            map.insert("input".into(), inputs.into());
            map.extend(node.params.clone());
            (node.name.clone(), Value::Object(map))
        };
        let nodes: Map<String, Value> = (0..plan.nodes.len()).map(node).collect();
        let data = if stand_in { "built-in images, for want of the data set" } else { "as the graph says" };
        Self(json!({
            "nodes": nodes,
            "seed": plan.seed,
            "epochs": epochs,
            "precision": arithmetic.word(),
            "data": data,
        }))
    }

    /// In what another training differs. `epochs` is left out if it may: only the schedule depends on it.
    pub fn differences(&self, other: &Self, any_epochs: bool) -> Vec<Difference> {
        let mut found = differences(&self.0, &other.0);
        found.retain(|difference| !(any_epochs && difference.path == "epochs"));
        found
    }

    /// The graph that was trained, as far as its weights depend on it, under a name.
    pub fn graph(&self, name: &str) -> GraphSpec {
        let input = |value: &Value| -> Option<InputSpec> {
            let list = value.as_array()?;
            let ports = list.iter().filter_map(Value::as_object).flatten();
            let ports: IndexMap<String, String> =
                ports.filter_map(|(port, node)| Some((port.clone(), node.as_str()?.to_owned()))).collect();
            let mut names: Vec<String> = list.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect();
            match (names.len(), ports.is_empty()) {
                (0, true) => None,
                (0, false) => Some(InputSpec::Ports(ports)),
                (1, _) => Some(InputSpec::One(names.remove(0))),
                _ => Some(InputSpec::Several(names)),
            }
        };
        let node = |node: &Value| {
            let mut params = node.as_object().cloned().unwrap_or_default();
            let op = params.remove("op").and_then(|op| Some(op.as_str()?.to_owned())).unwrap_or_default();
            let input = params.remove("input").as_ref().and_then(input);
            NodeSpec { op, input, params }
        };
        let nodes = self.0["nodes"].as_object().into_iter().flatten();
        GraphSpec {
            name: name.to_owned(),
            seed: self.0["seed"].as_u64().unwrap_or_default(),
            nodes: nodes.map(|(name, value)| (name.clone(), node(value))).collect(),
            ..GraphSpec::default()
        }
    }

    /// The epochs of its schedule.
    pub fn epochs(&self) -> u64 {
        self.0["epochs"].as_u64().unwrap_or_default()
    }
}
