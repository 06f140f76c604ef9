//! Training as a whole, on a network that takes seconds.

use std::sync::Arc;

use engine::execute::{Executor, Inline, StopToken, Threaded};
use engine::plan::{Machine, Plan, PlanOptions, StageKind};
use engine::train::{EpochReport, Observer, Session, StepReport, Summary, TrainOptions};
use serde_json::{Value, json};

use crate::harness::{MACHINE, plan, plan_for, resources, within};

/// A small network on the built-in images.
fn small() -> Value {
    let source = |split, batch, order| json!({ "op": "shapes", "split": split, "batch_size": batch, "order": order });
    let to_torch = |input| json!({ "op": "to_torch_image", "input": input });
    let normalize = |input| json!({ "op": "normalize", "mean": [120], "std": [60], "input": input });
    json!({
        "name": "small",
        "nodes": {
            "train": source("train", 64, "random"),
            "flip": { "op": "random_horizontal_flip", "input": "train" },
            "turn": to_torch("flip"),
            "normalize": normalize("turn"),
            "test": source("test", 1000, "sequential"),
            "test_turn": to_torch("test"),
            "test_normalize": normalize("test_turn"),
            "model": {
                "op": "train",
                "input": { "train": "normalize", "test": "test_normalize" },
                "precision": "float32",
                "epochs": 1,
                "optimizer": { "type": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": true },
                "schedule": { "type": "piecewise_linear", "points": [[0, 0.2], [0.1, 1], [1, 0]] },
                "evaluation": { "test_time_augmentation": "mirror" },
                "layers": [
                    { "layer": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1 },
                    { "layer": "batch_norm2d" },
                    { "layer": "relu" },
                    { "layer": "max_pool2d", "kernel_size": 2 },
                    { "layer": "conv2d", "out_channels": 32, "kernel_size": 3, "bias": false },
                    { "layer": "batch_norm2d" },
                    { "layer": "gelu" },
                    { "layer": "residual", "layers": [
                        { "layer": "conv2d", "out_channels": 32, "kernel_size": 3, "padding": 1 },
                        { "layer": "relu" }
                    ] },
                    { "layer": "adaptive_max_pool2d", "output_size": 2 },
                    { "layer": "flatten" },
                    { "layer": "linear", "out_features": 10 }
                ]
            }
        }
    })
}

/// What an observer was told.
#[derive(Default)]
pub struct Record {
    pub steps: Vec<StepReport>,
    pub epochs: Vec<EpochReport>,
}

impl Observer for Record {
    fn step(&mut self, step: &StepReport) {
        self.steps.push(*step);
    }
    fn epoch(&mut self, epoch: &EpochReport) {
        self.epochs.push(*epoch);
    }
}

fn session(plan: &Arc<Plan>, options: &TrainOptions) -> Session {
    Session::new(plan, &MACHINE, &resources(), options).unwrap()
}

/// All weights and statistics, by name.
pub fn weights(session: &Session) -> Vec<(String, Vec<f32>)> {
    let flat = |t: &tch::Tensor| Vec::<f32>::try_from(t.flatten(0, -1)).unwrap();
    session.network().named().iter().map(|(name, tensor)| (name.clone(), flat(tensor))).collect()
}

fn run(session: &mut Session, executor: &dyn Executor) -> (Summary, Record) {
    let mut record = Record::default();
    let summary = session.run(executor, None, &mut (), &mut record).unwrap();
    (summary, record)
}

/// The random generator of torch, which draws the weights, belongs to the process.
pub static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn the_loss_falls_and_every_step_is_told() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let plan = plan(&small(), &PlanOptions::default());
        let executor = Threaded::new(2, StopToken::new(), None).unwrap();
        let mut session = session(&plan, &TrainOptions { steps: Some(150), ..TrainOptions::default() });
        let (summary, record) = run(&mut session, &executor);
        assert_eq!((summary.steps, record.steps.len(), summary.epochs), (150, 150, 0));
        assert_eq!(record.steps.iter().map(|s| s.step).collect::<Vec<_>>(), (1..=150).collect::<Vec<_>>());
        let mean = |steps: &[StepReport]| steps.iter().map(|s| s.loss).sum::<f64>() / steps.len() as f64;
        let (first, last) = (mean(&record.steps[..10]), mean(&record.steps[140..]));
        assert!((2.2..2.6).contains(&first), "ten classes by guessing have a loss of ln 10 = 2.3, not {first}");
        assert!(last < first - 0.3, "{first} → {last}");
    });
}

/// Not the data pipeline alone: the weights themselves, to the last bit.
#[test]
fn the_same_seed_gives_the_same_weights_for_any_executor() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let trained = |executor: &dyn Executor, chunk: Option<usize>, seed: u64| {
            let mut graph = small();
            graph["seed"] = seed.into();
            let plan = plan(&graph, &PlanOptions { rows_per_chunk: chunk, ..PlanOptions::default() });
            let mut session = session(&plan, &TrainOptions { steps: Some(5), ..TrainOptions::default() });
            run(&mut session, executor);
            weights(&session)
        };
        let threaded = |workers| Threaded::new(workers, StopToken::new(), None).unwrap();
        let reference = trained(&Inline::default(), None, 7);
        assert_eq!(reference, trained(&threaded(1), None, 7));
        assert_eq!(reference, trained(&threaded(3), Some(5), 7));
        assert_ne!(reference, trained(&threaded(1), None, 8));
    });
}

/// The GPU's versions of augmentations, and samples that stay there, in a whole training: the CPU stands in for the GPU, and
/// the weights are to the last bit those of a training whose data were made by the CPU's kernels.
#[test]
fn a_gpu_that_the_cpu_stands_in_for_trains_the_same_weights() {
    engine::torch::init();
    engine::torch::imagine_gpus();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let trained = |gpus: usize, resident: bool| {
            let mut graph = small();
            let nodes = &mut graph["nodes"];
            nodes["to_gpu"] = json!({ "op": "to_device", "input": "train", "resident": resident });
            nodes["flip"]["input"] = "to_gpu".into();
            nodes["crop"] =
                json!({ "op": "random_crop", "size": 32, "padding": 2, "padding_mode": "reflect", "input": "flip" });
            nodes["cutout"] = json!({ "op": "cutout", "crop_size": 8, "fill": [125], "input": "crop" });
            nodes["turn"]["input"] = "cutout".into();
            nodes["test_to_gpu"] = json!({ "op": "to_device", "input": "test", "resident": resident });
            nodes["test_turn"]["input"] = "test_to_gpu".into();
            let machine = Machine { cuda_devices: gpus, ..MACHINE };
            let plan = plan_for(&graph, &machine);
            let stages: Vec<StageKind> = plan.stages.iter().map(|stage| stage.kind).collect();
            assert_eq!(stages.contains(&StageKind::Device), gpus > 0);
            let options = TrainOptions { steps: Some(5), ..TrainOptions::default() };
            let mut session = Session::new(&plan, &machine, &resources(), &options).unwrap();
            run(&mut session, &Threaded::new(2, StopToken::new(), None).unwrap());
            weights(&session)
        };
        let reference = trained(0, false);
        assert_eq!(reference, trained(0, true), "without a GPU `resident` changes nothing");
        assert_eq!(reference, trained(1, false));
        assert_eq!(reference, trained(1, true));
    });
}

/// One-hot labels are the labels: the same losses and the same accuracy, to rounding. Mixed ones train too.
#[test]
fn soft_labels_train_and_are_evaluated() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let trained = |mixing: Option<Value>| {
            let mut graph = small();
            for split in ["train", "test"] {
                graph["nodes"][split] = json!({ "op": "shapes", "split": "test", "batch_size": 500 });
            }
            let pool = json!({ "layer": "max_pool2d", "kernel_size": 4 });
            let linear = json!({ "layer": "linear", "out_features": 10 });
            graph["nodes"]["model"]["layers"] = json!([pool, { "layer": "flatten" }, linear]);
            graph["nodes"]["model"]["loss"] = json!({ "type": "cross_entropy", "label_smoothing": 0.1 });
            if let Some(mut mixing) = mixing {
                mixing["input"] = "flip".into();
                graph["nodes"]["mixing"] = mixing;
                graph["nodes"]["turn"]["input"] = "mixing".into();
                graph["nodes"]["soft"] = json!({ "op": "one_hot", "input": "test" });
                graph["nodes"]["test_turn"]["input"] = "soft".into();
            }
            let plan = plan(&graph, &PlanOptions::default());
            let executor = Threaded::new(2, StopToken::new(), None).unwrap();
            let (_, record) = run(&mut session(&plan, &TrainOptions::default()), &executor);
            (record.steps.iter().map(|s| s.loss).collect::<Vec<_>>(), record.epochs[0].test_accuracy.unwrap())
        };
        let (losses, accuracy) = trained(None);
        let (soft_losses, soft_accuracy) = trained(Some(json!({ "op": "one_hot" })));
        assert_eq!(losses.len(), 20);
        assert!(losses.iter().zip(&soft_losses).all(|(a, b)| (a - b).abs() < 1e-3), "{losses:?} {soft_losses:?}");
        assert!((accuracy - soft_accuracy).abs() < 0.005, "{accuracy} {soft_accuracy}");
        let (mixed, _) = trained(Some(json!({ "op": "cutmix", "p": 0.5 })));
        assert!(mixed[19] < mixed[0] && (mixed[0] - losses[0]).abs() > 1e-6, "{mixed:?}");
    });
}

#[test]
fn an_epoch_is_evaluated_and_a_stop_ends_it() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let mut graph = small();
        graph["nodes"]["train"]["split"] = "test".into();
        graph["nodes"]["train"]["batch_size"] = 500.into();
        let plan = plan(&graph, &PlanOptions::default());
        let executor = Threaded::new(2, StopToken::new(), None).unwrap();
        let mut session = session(&plan, &TrainOptions { epochs: Some(2), ..TrainOptions::default() });
        let (summary, record) = run(&mut session, &executor);
        assert_eq!((summary.epochs, summary.steps, record.epochs.len()), (2, 40, 2));
        assert_eq!(summary.test_accuracy, record.epochs[1].test_accuracy);
        assert!(summary.test_accuracy.unwrap() > 0.1, "{summary:?}");
        let stop = StopToken::new();
        stop.stop();
        let executor = Threaded::new(2, stop.clone(), None).unwrap();
        let stopped = session.run(&executor, None, &mut (), &mut ()).unwrap();
        assert!(stopped.stopped && stopped.steps == 40, "{stopped:?}");
    });
}

#[test]
fn a_panic_in_the_data_ends_training_with_its_name() {
    engine::torch::init();
    within(60, || {
        let _guard = ONE_AT_A_TIME.lock();
        let mut graph = small();
        graph["nodes"]["bad"] = json!({ "op": "fault_for_tests", "panic_at": 17, "input": "flip" });
        graph["nodes"]["turn"]["input"] = "bad".into();
        let plan = plan(&graph, &PlanOptions::default());
        let executor = Threaded::new(2, StopToken::new(), None).unwrap();
        let mut session = session(&plan, &TrainOptions::default());
        let error = session.run(&executor, None, &mut (), &mut ()).unwrap_err();
        assert!(error.to_string().starts_with("node `bad`: the operator panicked"), "{error}");
    });
}

#[test]
fn float16_on_a_processor_is_an_error_in_words() {
    engine::torch::init();
    let plan = plan(&small(), &PlanOptions::default());
    let options = TrainOptions { precision: Some(engine::train::Precision::Float16), ..TrainOptions::default() };
    let error = Session::new(&plan, &MACHINE, &resources(), &options).err().unwrap();
    assert_eq!(error.to_string(), "node `model`: precision float16 needs a GPU; `auto` takes what is fastest here");
}
