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
    let on_cpu = Arc::new(Pipeline::new(&plan, nodes.len(), &resources()).unwrap());
    let mut batches = Inline::default().start(&on_cpu, BatchRange::epochs(0..1));
    let by_kernels = DeviceBatch::of(&Arc::new(batches.next().unwrap().unwrap())).unwrap();
    // The source's own output: the CPU's pipeline of a plan whose only node it is.
    let source =
        crate::harness::plan(&json!({ "name": "source", "nodes": { "n0": all["n0"] } }), &PlanOptions::default());
    let pipeline = Arc::new(Pipeline::new(&source, 0, &resources()).unwrap());
    let mut batches = Inline::default().start(&pipeline, BatchRange::epochs(0..1));
    let batch = Arc::new(batches.next().unwrap().unwrap());
    let mut on_device = DeviceBatch::of(&batch).unwrap();
    for (index, node) in plan.nodes.iter().enumerate().skip(1) {
        assert!(node.signature.on_gpu, "{}", node.name);
        let operator = Registry::builtin().find(node.operator.name()).unwrap();
        let resources = resources();
        let site = Site { input: &node.input, source: None, resources: &resources };
        let kernel = operator.device_kernel(&node.params, &site).unwrap().expect("a version for the GPU");
        kernel.apply(&mut on_device, on_cpu.draws(index, &batch)).unwrap();
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

#[test]
fn augmentations_give_the_same_bits_on_both() {
    within(60, || {
        for node in [
            json!({ "op": "random_horizontal_flip" }),
            json!({ "op": "random_vertical_flip", "flip_prob": 0.7 }),
            json!({ "op": "alternating_flip" }),
            json!({ "op": "random_translate", "padding": 4, "fill": [200, 30, 90] }),
            json!({ "op": "cutout", "crop_size": 8, "fill": [125, 122, 113] }),
            json!({ "op": "cutout", "crop_size": 14, "centre": "anywhere" }),
            json!({ "op": "random_erasing", "p": 0.8 }),
            json!({ "op": "random_brightness", "magnitude": 0.8 }),
            json!({ "op": "random_invert" }),
            json!({ "op": "random_solarize", "threshold": 128 }),
            json!({ "op": "random_posterize", "bits": 2 }),
            json!({ "op": "random_crop", "size": 32, "padding": 2, "padding_mode": "reflect" }),
            json!({ "op": "random_crop", "size": [20, 28], "padding": 3, "fill": [9] }),
            json!({ "op": "center_crop", "size": [40, 24], "fill": [1, 2, 3] }),
            json!({ "op": "random_choice", "ops": [{ "op": "random_invert", "p": 1 }, { "op": "cutout", "crop_size": 9 }] }),
            json!({ "op": "mixup" }),
            json!({ "op": "mixup", "alpha": 0.4, "p": 0.5, "label": null }),
            json!({ "op": "cutmix" }),
            json!({ "op": "cutmix", "p": 0.6, "same_lambda": true }),
        ] {
            same_on_both(&[node]);
        }
        same_on_both(&[
            json!({ "op": "random_crop", "size": 32, "padding": 2, "padding_mode": "reflect" }),
            json!({ "op": "random_order", "ops": [
                { "op": "random_translate", "padding": 9 }, { "op": "alternating_flip" }, { "op": "cutout", "crop_size": 9 },
            ] }),
            json!({ "op": "mixup" }),
            json!({ "op": "cutmix" }),
            json!({ "op": "to_torch_image" }),
            json!({ "op": "normalize", "mean": [120], "std": [60], "dtype": "float32" }),
        ]);
        // More moves than add up to one.
        let moves: Vec<Value> =
            (0..9).map(|_| json!({ "op": "random_translate", "padding": 9, "fill": [7] })).collect();
        same_on_both(&[json!({ "op": "random_apply", "p": 0.9, "ops": moves })]);
    });
}
