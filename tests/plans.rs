//! Plans are text snapshots: every decision with its reason.

use std::time::Instant;

use engine::graph::{Graph, GraphFile};
use engine::operators::Registry;
use engine::plan::{Machine, Plan, PlanOptions};
use serde_json::json;

use crate::harness::{MACHINE, graph, plan, root};

fn cifar() -> Graph {
    let file = GraphFile::read(&root().join("graphs/cifar.json")).unwrap();
    Graph::validate_file(&file, &Registry::builtin()).unwrap()
}

fn planned(graph: &Graph, machine: &Machine, options: &PlanOptions) -> String {
    Plan::new(graph, machine, options).unwrap().to_string()
}

#[test]
fn cifar_on_two_cores() {
    insta::assert_snapshot!(planned(&cifar(), &MACHINE, &PlanOptions::default()));
}

#[test]
fn cifar_with_a_gpu() {
    let machine = Machine { cores: 16, cuda_devices: 1, bfloat16: true };
    insta::assert_snapshot!(planned(&cifar(), &machine, &PlanOptions::default()));
}

#[test]
fn cifar_as_the_user_wants_it() {
    let options = PlanOptions {
        workers: Some(1),
        rows_per_chunk: Some(64),
        prefetch_depth: Some(2),
        unfused: true,
        ..PlanOptions::default()
    };
    insta::assert_snapshot!(planned(&cifar(), &MACHINE, &options));
}

#[test]
fn samples_that_stay_on_the_gpu() {
    let machine = Machine { cores: 16, cuda_devices: 1, bfloat16: true };
    let resident = |on_error: &str, first: &str| {
        graph(&json!({
            "name": "resident",
            "nodes": {
                "images": { "op": "shapes", "batch_size": 64, "order": "random", "on_error": on_error },
                "first": { "op": first, "input": "images" },
                "to_gpu": { "op": "to_device", "input": "first", "resident": true },
                "flip": { "op": "random_horizontal_flip", "input": "to_gpu" },
            }
        }))
    };
    insta::assert_snapshot!(planned(&resident("fail", "grayscale"), &machine, &PlanOptions::default()));
    let refused = |graph| Plan::new(&graph, &machine, &PlanOptions::default()).err().unwrap().to_string();
    insta::assert_snapshot!(refused(resident("fail", "random_vertical_flip")));
    insta::assert_snapshot!(refused(resident("skip", "grayscale")));
}

#[test]
fn a_fork_and_a_join() {
    let graph = graph(&json!({
        "name": "forked",
        "nodes": {
            "images": { "op": "shapes", "batch_size": 8 },
            "flip": { "op": "random_horizontal_flip", "input": "images" },
            "labels": { "op": "convert", "field": "label", "dtype": "float32", "input": "images" },
            "both": { "op": "cutout", "crop_size": 4, "input": ["flip", "labels"] }
        }
    }));
    insta::assert_snapshot!(planned(&graph, &MACHINE, &PlanOptions::default()));
}

#[test]
fn a_batch_is_mixed_as_a_whole() {
    let graph = graph(&json!({
        "name": "mixed",
        "nodes": {
            "images": { "op": "shapes", "batch_size": 512, "order": "random" },
            "flip": { "op": "random_horizontal_flip", "input": "images" },
            "mixup": { "op": "mixup", "input": "flip" },
            "view": { "op": "copy_field", "from": "image", "to": "second", "input": "mixup" },
            "cut": { "op": "cutout", "crop_size": 8, "field": "second", "input": "view" },
            "normalize": { "op": "normalize", "mean": [120], "std": [60], "input": "cut" }
        }
    }));
    insta::assert_snapshot!(planned(&graph, &MACHINE, &PlanOptions::default()));
}

#[test]
fn as_json_and_as_dot() {
    let plan = plan(
        &json!({
            "name": "small",
            "nodes": {
                "images": { "op": "shapes", "batch_size": 8 },
                "flip": { "op": "random_horizontal_flip", "input": "images" }
            }
        }),
        &PlanOptions::default(),
    );
    insta::assert_snapshot!("small_json", format!("{:#}", plan.to_json()));
    insta::assert_snapshot!("small_dot", plan.to_dot());
}

#[test]
fn a_device_that_is_not_there_is_an_error_in_words() {
    let graph = graph(&json!({
        "name": "far",
        "nodes": {
            "images": { "op": "shapes" },
            "away": { "op": "to_device", "device": "cuda:3", "input": "images" }
        }
    }));
    let error = Plan::new(&graph, &MACHINE, &PlanOptions::default()).err().unwrap();
    insta::assert_snapshot!(error);
}

/// Ten thousand nodes in a row: a quadratic pass would take minutes.
#[test]
fn a_long_chain_is_planned_in_time() {
    let mut nodes = serde_json::Map::new();
    nodes.insert("n0".into(), json!({ "op": "shapes" }));
    for index in 1..10_000 {
        let node = json!({ "op": "random_horizontal_flip", "input": format!("n{}", index - 1) });
        nodes.insert(format!("n{index}"), node);
    }
    let start = Instant::now();
    let plan = plan(&json!({ "name": "long", "nodes": nodes }), &PlanOptions::default());
    assert_eq!(plan.stages.len(), 1);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
