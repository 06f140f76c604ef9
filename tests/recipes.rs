//! Recipes on networks that take seconds: groups of weights, optimisers, means of weights, layers set from data.

use std::sync::Arc;

use engine::execute::{Inline, StopToken, Threaded};
use engine::plan::{Plan, PlanOptions};
use engine::train::{Checkpoint, Keeper, Moment, Position, Session, StepReport, TrainOptions};
use serde_json::{Value, json};

use crate::harness::{MACHINE, plan, resources, within};
use crate::training::{ONE_AT_A_TIME, Record, weights};

/// The built-in images, a convolution and a linear layer.
fn graph(model: &Value) -> Value {
    let source =
        |batch: u64, order: &str| json!({ "op": "shapes", "split": "test", "batch_size": batch, "order": order });
    let normalize = |input: &str| json!({ "op": "normalize", "mean": [120], "std": [60], "input": input });
    let turn = |input: &str| json!({ "op": "to_torch_image", "input": input });
    let mut graph = json!({
        "name": "recipe",
        "nodes": {
            "train": source(200, "random"),
            "turn": turn("train"),
            "normalize": normalize("turn"),
            "test": source(1000, "sequential"),
            "test_turn": turn("test"),
            "test_normalize": normalize("test_turn"),
            "model": {
                "op": "train",
                "input": { "train": "normalize", "test": "test_normalize" },
                "precision": "float32",
                "epochs": 1,
                "optimizer": { "type": "sgd", "lr": 0.05, "momentum": 0.9 },
                "layers": [
                    { "layer": "conv2d", "out_channels": 8, "kernel_size": 3, "stride": 2 },
                    { "layer": "batch_norm2d" },
                    { "layer": "gelu" },
                    { "layer": "max_pool2d", "kernel_size": 3 },
                    { "layer": "flatten" },
                    { "layer": "linear", "out_features": 10 }
                ]
            }
        }
    });
    for (key, value) in model.as_object().unwrap() {
        graph["nodes"]["model"][key] = value.clone();
    }
    graph
}

fn planned(graph: &Value) -> Arc<Plan> {
    plan(graph, &PlanOptions::default())
}

fn session(plan: &Arc<Plan>, steps: Option<u64>) -> Session {
    Session::new(plan, &MACHINE, &resources(), &TrainOptions { steps, ..TrainOptions::default() }).unwrap()
}

fn train(session: &mut Session, keeper: &mut dyn Keeper) -> Record {
    let mut told = Record::default();
    session.run(&Inline::default(), None, keeper, &mut told).unwrap();
    told
}

fn weight(session: &Session, name: &str) -> Vec<f32> {
    weights(session).into_iter().find(|(n, _)| n == name).unwrap().1
}

/// Keeps what is offered after some step.
struct At(u64, Option<Checkpoint>);

impl Keeper for At {
    fn wants(&self, position: &Position, moment: Moment) -> bool {
        moment == Moment::Step && position.step == self.0
    }
    fn keep(&mut self, checkpoint: &Checkpoint) -> Result<(), String> {
        let tensors = checkpoint.tensors.iter().map(|(n, t)| (n.clone(), t.copy())).collect();
        let (position, identity) = (checkpoint.position.clone(), checkpoint.identity.clone());
        self.1 = Some(Checkpoint { position, identity, tensors });
        Ok(())
    }
}

/// Every recipe learns, and goes on from the middle of anything to the same weights.
#[test]
fn every_recipe_learns_and_goes_on_exactly() {
    engine::torch::init();
    within(300, || {
        let _guard = ONE_AT_A_TIME.lock();
        let filters = json!([{ "parameters": "*.conv2d.weight", "optimizer": { "type": "muon", "lr": 0.05 } }]);
        let recipes = [
            json!({ "optimizer": { "type": "adam", "lr": 0.005 }, "schedule": { "type": "cosine", "warmup_epochs": 0.1 } }),
            json!({ "optimizer": { "type": "adamw", "lr": 0.005 }, "weight_average": { "decay": 0.9 } }),
            json!({ "parameter_groups": filters, "schedule": { "type": "one_cycle" } }),
            json!({ "accumulate": 4, "clip_gradient_norm": 5.0, "weight_average": { "from_epoch": 0.2 } }),
        ];
        for recipe in recipes {
            let plan = planned(&graph(&recipe));
            let mut whole = session(&plan, Some(40));
            // In the middle of four batches, for the last recipe.
            let mut kept = At(18, None);
            let told = train(&mut whole, &mut kept);
            let mean = |steps: &[StepReport]| steps.iter().map(|s| s.loss).sum::<f64>() / steps.len() as f64;
            let (first, last) = (mean(&told.steps[..5]), mean(&told.steps[35..]));
            assert!(last < first - 0.05, "{recipe}: {first} → {last}");
            let mut resumed = session(&plan, Some(40));
            resumed.restore(&kept.1.unwrap(), false).unwrap();
            train(&mut resumed, &mut ());
            assert_eq!(weights(&resumed), weights(&whole), "{recipe}");
            let states = [&resumed, &whole].map(|s| s.checkpoint().unwrap());
            for ((name, a), (other, b)) in states[0].tensors.iter().zip(&states[1].tensors) {
                assert!(name == other && a.equal(b), "{recipe}: {name} and {other}");
            }
        }
    });
}

/// Four batches of 200 with their gradients put together are one of 800, but for batch normalisation.
#[test]
fn accumulated_batches_are_a_large_one() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let layers = json!([{ "layer": "max_pool2d", "kernel_size": 8 }, { "layer": "flatten" },
            { "layer": "linear", "out_features": 10 }]);
        let trained = |batch: u64, accumulate: u64| {
            let mut graph = graph(&json!({ "layers": layers, "accumulate": accumulate }));
            graph["nodes"]["train"]["batch_size"] = batch.into();
            let mut session = session(&planned(&graph), Some(12 * accumulate));
            train(&mut session, &mut ());
            weight(&session, "2.weight")
        };
        let (large, small) = (trained(800, 1), trained(200, 4));
        let off = large.iter().zip(&small).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "weights differ by {off}");
    });
}

#[test]
fn frozen_weights_stay_and_finished_ones_stop() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        // Five steps of 50: until then the bias is trained.
        let groups = json!([
            { "parameters": ["*.batch_norm2d.*"], "frozen": true },
            { "parameters": "*.conv2d.bias", "schedule": { "type": "piecewise_linear", "points": [[0, 1], [0.1, 0]] } }
        ]);
        let plan = planned(&graph(&json!({ "parameter_groups": groups })));
        let run = |steps| {
            let mut session = session(&plan, Some(steps));
            train(&mut session, &mut ());
            session
        };
        let (start, five, ten) = (session(&plan, None), run(5), run(10));
        assert_eq!(weight(&start, "1.weight"), weight(&ten, "1.weight"));
        assert_ne!(weight(&start, "0.bias"), weight(&five, "0.bias"));
        assert_eq!(weight(&five, "0.bias"), weight(&ten, "0.bias"));
        assert_ne!(weight(&five, "0.weight"), weight(&ten, "0.weight"));
    });
}

/// From the input `init`, and else from the training images; the same for any number of workers.
#[test]
fn layers_are_set_from_data() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let layers = json!([
            { "layer": "whitening_conv2d", "images": 300 },
            { "layer": "standardize", "samples": 250 },
            { "layer": "adaptive_avg_pool2d" },
            { "layer": "flatten" },
            { "layer": "linear", "out_features": 10 }
        ]);
        let mut graph = graph(&json!({ "layers": layers }));
        let from_train = planned(&graph);
        graph["nodes"]["first"] = json!({ "op": "shapes", "split": "test", "batch_size": 500 });
        graph["nodes"]["first_turn"] = json!({ "op": "to_torch_image", "input": "first" });
        graph["nodes"]["first_normalize"] =
            json!({ "op": "normalize", "mean": [120], "std": [60], "input": "first_turn" });
        graph["nodes"]["model"]["input"]["init"] = "first_normalize".into();
        let from_init = planned(&graph);
        let filters = |plan: &Arc<Plan>, workers: usize| {
            let mut session = session(plan, Some(1));
            assert!(weight(&session, "0.weight").iter().all(|w| *w == 0.0), "not before the run");
            let threaded = Threaded::new(workers, StopToken::new(), None).unwrap();
            session.run(&threaded, None, &mut (), &mut ()).unwrap();
            assert!(weight(&session, "1.std").iter().all(|std| *std > 0.01), "{:?}", weight(&session, "1.std"));
            weight(&session, "0.weight")
        };
        let (one, three) = (filters(&from_init, 1), filters(&from_init, 3));
        assert_eq!(one, three);
        assert_eq!(one.len(), 24 * 12);
        assert_ne!(one, filters(&from_train, 1), "other images, other filters");
    });
}

/// The mean of the weights is what is evaluated; the weights themselves go on.
#[test]
fn the_mean_of_the_weights_is_evaluated() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let trained = |average: Value| {
            let mut session = session(&planned(&graph(&json!({ "weight_average": average }))), None);
            let told = train(&mut session, &mut ());
            (weights(&session), told.epochs[0])
        };
        let (plain, report) = trained(Value::Null);
        let (averaged, mean) = trained(json!({ "decay": 0.99 }));
        let (late, same) = trained(json!({ "from_epoch": 5 }));
        assert_eq!(plain, averaged);
        assert_eq!(plain, late);
        assert_ne!(report.test_loss, mean.test_loss);
        assert_eq!((report.test_loss, report.test_accuracy), (same.test_loss, same.test_accuracy));
        assert!(mean.test_top5 >= mean.test_accuracy && mean.test_loss < Some(2.3), "{mean:?}");
    });
}
