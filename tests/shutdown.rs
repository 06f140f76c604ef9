//! However a pipeline ends, it ends soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::data::Where;
use engine::execute::{BatchRange, Batches, Executor as _, Pipeline, StopToken, Threaded};
use engine::operators::Resources;
use engine::plan::PlanOptions;
use serde_json::{Value, json};

use crate::harness::{plan, resources, within};

fn faulty(fault: &Value) -> Arc<Pipeline> {
    let mut node = json!({ "op": "fault_for_tests", "input": "images" });
    node.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    let graph = json!({ "name": "faulty", "nodes": { "images": { "op": "shapes", "batch_size": 100 }, "bad": node } });
    let plan = plan(&graph, &PlanOptions::default());
    Arc::new(Pipeline::new(&plan, 1, &resources()).unwrap())
}

fn start(pipeline: &Arc<Pipeline>, stop: &StopToken) -> Box<dyn Batches> {
    Threaded::new(2, stop.clone(), None).unwrap().start(pipeline, BatchRange::epochs(0..1000))
}

#[test]
fn a_panic_names_its_node_and_ends_the_run() {
    within(10, || {
        let mut batches = start(&faulty(&json!({ "panic_at": 1234 })), &StopToken::new());
        let error = loop {
            if let Err(error) = batches.next() {
                break error;
            }
        };
        let text = error.to_string();
        assert_eq!(
            text,
            "node `bad`: the operator panicked, which is a defect of it: panicked on purpose, at sample 1234"
        );
        assert!(batches.next().is_err(), "there are no batches after an error");
    });
}

#[test]
fn an_error_names_its_node_and_is_told_once() {
    within(10, || {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let executor = Threaded::new(2, StopToken::new(), None).unwrap();
        let executor = executor.on_error(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let mut batches = executor.start(&faulty(&json!({ "error_at": 0 })), BatchRange::epochs(0..1000));
        let error = loop {
            if let Err(error) = batches.next() {
                break error;
            }
        };
        assert_eq!(error.to_string(), "node `bad`: failed on purpose, at sample 0");
        drop(batches);
        assert_eq!(told.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn dropping_a_stream_early_ends_its_work() {
    let pipeline = faulty(&json!({ "delay_us": 100 }));
    within(10, move || {
        for _ in 0..20 {
            let mut batches = start(&pipeline, &StopToken::new());
            batches.next().unwrap();
        }
    });
}

#[test]
fn a_stop_ends_a_consumer_that_waits() {
    within(10, || {
        let stop = StopToken::new();
        let mut batches = start(&faulty(&json!({ "delay_us": 50_000 })), &stop);
        let later = stop.clone();
        std::thread::Builder::new()
            .name("stopper".into())
            .spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                later.stop();
            })
            .unwrap();
        assert!(batches.next().unwrap().is_none());
    });
}

/// Somebody who keeps every batch gets more memory, not a hang, and no batch changes under them.
#[test]
fn batches_that_are_kept_stay_what_they_are() {
    within(10, || {
        let pipeline = faulty(&json!({}));
        let mut batches = start(&pipeline, &StopToken::new());
        let kept: Vec<_> = (0..30).map(|_| batches.next().unwrap().unwrap()).collect();
        for (index, batch) in kept.iter().enumerate() {
            assert_eq!(batch.samples()[0], index as u64 * 100);
            let (_, labels) = batch.column("label").unwrap();
            assert_eq!(labels.len(), 800);
        }
        let mut again = start(&pipeline, &StopToken::new());
        for batch in &kept {
            let fresh = again.next().unwrap().unwrap();
            assert!(fresh.column("image").unwrap().1 == batch.column("image").unwrap().1);
        }
    });
}

#[test]
fn a_slow_consumer_holds_up_the_workers_and_loses_nothing() {
    within(20, || {
        let mut batches = start(&faulty(&json!({})), &StopToken::new());
        for index in 0..10 {
            std::thread::sleep(Duration::from_millis(20));
            let batch = batches.next().unwrap().unwrap();
            assert_eq!(batch.id().index, index);
        }
    });
}

/// What a graph promises, files may not hold.
#[test]
fn files_that_do_not_fill_a_batch_are_an_error_in_words() {
    let folder = tempfile::TempDir::new().unwrap();
    let files = (1..=5).map(|n| format!("data_batch_{n}.bin")).chain(["test_batch.bin".to_owned()]);
    for file in files {
        std::fs::write(folder.path().join(file), [0; 3073 * 20]).unwrap();
    }
    let data_dir = Some(folder.path().to_path_buf());
    let resources = Resources::new(Where { data_dir, ..Where::default() });
    let graph = json!({ "name": "tiny", "nodes": { "images": { "op": "cifar10", "drop_last": true } } });
    let error = Pipeline::new(&plan(&graph, &PlanOptions::default()), 0, &resources).err().unwrap();
    let expected = "node `images`: 100 samples do not fill a batch of 512, and `drop_last` leaves out what does not";
    assert_eq!(error.to_string(), expected);
}
