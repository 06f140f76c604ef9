//! The GPU's versions of operators are torch operations, so that they run on the CPU too: there they must give the
//! same bits as the CPU's kernels.

use std::sync::Arc;

use engine::execute::{BatchRange, Executor as _, Inline, Pipeline};
use engine::operators::{Registry, Site};
use engine::plan::PlanOptions;
use engine::torch::DeviceBatch;
use serde_json::{Value, json};

use crate::harness::{plan, resources, within};

/// Runs `nodes` after a source by the CPU's kernels, then by the device's, and compares every field.
fn same_on_both(nodes: &[Value]) {
    engine::torch::init();
    let mut all = serde_json::Map::new();
    all.insert("n0".into(), json!({ "op": "shapes", "batch_size": 6 }));
    for (index, node) in nodes.iter().enumerate() {
        let mut node = node.clone();
        node["input"] = format!("n{index}").into();
        all.insert(format!("n{}", index + 1), node);
    }
    let plan = plan(&json!({ "name": "both", "nodes": all }), &PlanOptions::default());
    let batch = |outlet: usize| {
        let pipeline = Arc::new(Pipeline::new(&plan, outlet, &resources()).unwrap());
        let mut batches = Inline::default().start(&pipeline, BatchRange::epochs(0..1));
        DeviceBatch::of(&Arc::new(batches.next().unwrap().unwrap())).unwrap()
    };
    let by_kernels = batch(nodes.len());
    // The source's own output: the CPU's pipeline of a plan whose only node it is.
    let source =
        crate::harness::plan(&json!({ "name": "source", "nodes": { "n0": all["n0"] } }), &PlanOptions::default());
    let pipeline = Arc::new(Pipeline::new(&source, 0, &resources()).unwrap());
    let mut batches = Inline::default().start(&pipeline, BatchRange::epochs(0..1));
    let mut on_device = DeviceBatch::of(&Arc::new(batches.next().unwrap().unwrap())).unwrap();
    for node in &plan.nodes[1..] {
        let operator = Registry::builtin().find(node.operator.name()).unwrap();
        let resources = resources();
        let site = Site { input: &node.input, source: None, resources: &resources };
        let kernel = operator.device_kernel(&node.params, &site).unwrap().expect("a version for the GPU");
        kernel.apply(&mut on_device).unwrap();
    }
    for (field, tensor) in &by_kernels.columns {
        let other = on_device.tensor(&field.name).unwrap();
        assert_eq!(on_device.field(&field.name).unwrap(), field);
        assert_eq!((tensor.kind(), tensor.size()), (other.kind(), other.size()), "{field}");
        assert!(tensor.equal(other), "{field}");
        assert_eq!(tensor.stride(), other.stride(), "{field}: another order in memory");
    }
}

#[test]
fn operators_give_the_same_bits_on_both() {
    within(60, || {
        for dtype in ["float32", "float16", "bfloat16"] {
            let normalize =
                json!({ "op": "normalize", "mean": [125.307, 122.961, 113.8575], "std": [51.5], "dtype": dtype });
            for channels_last in [true, false] {
                let turn = json!({ "op": "to_torch_image", "channels_last": channels_last });
                same_on_both(&[turn.clone(), normalize.clone()]);
                same_on_both(&[normalize.clone(), turn.clone()]);
                same_on_both(&[turn, json!({ "op": "convert", "dtype": dtype })]);
            }
        }
        same_on_both(&[json!({ "op": "convert", "field": "label", "dtype": "float32" })]);
    });
}
