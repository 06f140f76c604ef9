//! First pass: the device of each node.

use serde_json::Value;

use super::{Decision, Machine, Pass, Place, PlanError, PlanOptions};
use crate::graph::{Graph, Node};
use crate::operators::{DeviceChoice, OnError, Role};
use crate::params::{grouped, plural};

/// A device for each node. A node runs where its rows are; a transfer moves them; a model is where it says, or where
/// its rows are.
pub(super) fn place(
    graph: &Graph,
    machine: &Machine,
    options: &PlanOptions,
    decisions: &mut Vec<Decision>,
) -> Result<Vec<Place>, PlanError> {
    let nodes = graph.nodes();
    let mut places: Vec<Place> = Vec::with_capacity(nodes.len());
    let mut first_input = vec![None; nodes.len()];
    for (from, to, _) in graph.edges() {
        first_input[to].get_or_insert(from);
    }
    for (index, node) in nodes.iter().enumerate() {
        let before = first_input[index].map_or(Place::Cpu, |from: usize| places[from]);
        let mut decide = |text: String| decisions.push(Decision { pass: Pass::Place, nodes: vec![index], text });
        let place = match node.operator.role() {
            Role::Source => Place::Cpu,
            Role::Map if before == Place::Cpu || node.signature.on_gpu => before,
            Role::Map => {
                return Err(PlanError {
                    node: node.name.clone(),
                    message: format!("`{}` runs on the CPU only, and its rows are on {before}", node.operator.name()),
                    expected: "rows on the CPU".into(),
                    given: format!("rows on {before}"),
                    hint: "put this node before the `to_device` node".into(),
                });
            }
            Role::Transfer => {
                let to = resolve(node, machine, options)?;
                if to == before {
                    let why = match (to, machine.cuda_devices) {
                        (Place::Cpu, 0) => "there is no CUDA device, and the rows are on the CPU already",
                        _ => "the rows are there already",
                    };
                    decide(format!("{} to {to} moves nothing: {why}", node.name));
                } else if to == Place::Cpu {
                    return Err(PlanError {
                        node: node.name.clone(),
                        message: "moves the batch back to the CPU, which is not possible yet".into(),
                        expected: "one way, from the CPU to a GPU".into(),
                        given: format!("from {before} to {to}"),
                        hint: "put what runs on the CPU before the first `to_device`".into(),
                    });
                } else if is_resident(&node.params) {
                    let rows = check_resident(nodes.as_slice(), &first_input, index)?;
                    let bytes: usize = node.output.fields().map(|f| f.about_bytes()).sum();
                    decide(format!(
                        "{} puts all {} on {to} at the start, about {} MB: batches are gathered there",
                        node.name,
                        plural(rows, "sample"),
                        grouped((rows as f64 * bytes as f64 / 1e6).ceil())
                    ));
                } else {
                    decide(format!("{} moves the batch from {before} to {to}", node.name));
                }
                to
            }
            Role::Model => {
                let to = resolve(node, machine, options)?;
                decide(match to {
                    Place::Cpu if machine.cuda_devices == 0 => {
                        format!("{} is on the CPU: there is no CUDA device", node.name)
                    }
                    _ => format!("{} is on {to}", node.name),
                });
                if before != to {
                    let reason = format!(
                        "a transfer is inserted before {}: its rows are on {before}, the model on {to}",
                        node.name
                    );
                    decide(reason);
                }
                to
            }
        };
        places.push(place);
    }
    Ok(places)
}

/// Whether a transfer keeps all samples on its device.
pub(super) fn is_resident(params: &serde_json::Map<String, Value>) -> bool {
    params.get("resident").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether what arrives at a transfer is the same in each epoch; how many samples there are.
fn check_resident(nodes: &[&Node], first_input: &[Option<usize>], transfer: usize) -> Result<u64, PlanError> {
    let name = &nodes[transfer].name;
    let refuse = |expected: &str, given: String, hint: &str| PlanError {
        node: name.clone(),
        message: "`resident` cannot keep these samples on the device".into(),
        expected: expected.into(),
        given,
        hint: hint.into(),
    };
    let mut at = transfer;
    while let Some(before) = first_input[at] {
        let Node { name, operator, signature, .. } = nodes[before];
        if signature.random || signature.whole_batch {
            let given = format!("`{name}`, which is `{}`", operator.name());
            let hint = "put `to_device` before it, so that it runs on the GPU, or leave `resident` out";
            return Err(refuse("nodes before it that do the same in each epoch", given, hint));
        }
        at = before;
    }
    let source = nodes[at].signature.source.as_ref().expect("what has no input is a source");
    if source.on_error != OnError::Fail {
        let given = format!("\"on_error\": \"{}\" of `{}`", source.on_error.word(), nodes[at].name);
        let hint = "pack the data without the samples that cannot be read, or leave `resident` out";
        return Err(refuse("samples that can all be read", given, hint));
    }
    Ok(source.rows)
}

/// The device that a node's parameter `device` means here.
fn resolve(node: &Node, machine: &Machine, options: &PlanOptions) -> Result<Place, PlanError> {
    let written = node.params.get("device").and_then(Value::as_str).and_then(|s| s.parse().ok());
    let choice = match written.unwrap_or(DeviceChoice::Auto) {
        DeviceChoice::Auto => options.device.unwrap_or(DeviceChoice::Auto),
        fixed => fixed,
    };
    match choice {
        _ if options.cpu_only => Ok(Place::Cpu),
        DeviceChoice::Cpu => Ok(Place::Cpu),
        DeviceChoice::Auto if machine.cuda_devices == 0 => Ok(Place::Cpu),
        DeviceChoice::Auto => Ok(Place::Cuda(0)),
        DeviceChoice::Cuda(index) if index < machine.cuda_devices => Ok(Place::Cuda(index)),
        DeviceChoice::Cuda(index) => Err(PlanError {
            node: node.name.clone(),
            message: format!("there is no device cuda:{index} on this machine"),
            expected: match machine.cuda_devices {
                0 => "cpu or auto: no CUDA device was found".into(),
                n => format!("cpu, auto, or cuda:0 to cuda:{}", n - 1),
            },
            given: format!("cuda:{index}"),
            hint: "`auto` takes the first CUDA device where there is one, else the CPU".into(),
        }),
    }
}
