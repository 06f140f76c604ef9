//! What several modules need.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use engine::batch::BatchId;
use engine::data::{Archive, Fallback, Where};
use engine::execute::{BatchRange, Executor, Pipeline, StopToken, Threaded};
use engine::graph::{Graph, GraphFile};
use engine::operators::{Registry, Resources};
use engine::plan::{Machine, Plan, PlanOptions};

/// A machine that plans are made for, whatever the one that tests run on.
pub const MACHINE: Machine = Machine { cores: 2, cuda_devices: 0, bfloat16: true };

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Ends the test with a failure if the body takes longer.
pub fn within<T: Send + 'static>(seconds: u64, body: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = sync_channel(1);
    let thread = std::thread::Builder::new().name("limited".into()).spawn(move || sender.send(body())).unwrap();
    match receiver.recv_timeout(Duration::from_secs(seconds)) {
        Ok(value) => value,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("still running after {seconds} s"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it ended without a value, so it panicked"))
        }
    }
}

/// Resources that never touch the network.
pub fn resources() -> Resources {
    Resources::new(Where {
        data_dir: Some(PathBuf::from("/nonexistent")),
        env_dir: None,
        cache_dir: None,
        fallback: Fallback::Never,
        archive: Archive::default(),
    })
}

/// A valid graph from JSON.
pub fn graph(json: &serde_json::Value) -> Graph {
    graph_of(json, &Registry::builtin())
}

fn graph_of(json: &serde_json::Value, registry: &Registry) -> Graph {
    let file = GraphFile::parse(&json.to_string(), "test").unwrap_or_else(|e| panic!("{e}"));
    Graph::validate_file(&file, registry).unwrap_or_else(|e| panic!("{e}"))
}

/// A plan from JSON.
pub fn plan(json: &serde_json::Value, options: &PlanOptions) -> Arc<Plan> {
    plan_of(json, &Registry::builtin(), options)
}

/// A plan from JSON for another machine.
pub fn plan_for(json: &serde_json::Value, machine: &Machine) -> Arc<Plan> {
    Arc::new(Plan::new(&graph(json), machine, &PlanOptions::default()).unwrap_or_else(|e| panic!("{e}")))
}

/// A plan from JSON, with operators of the test's own.
pub fn plan_of(json: &serde_json::Value, registry: &Registry, options: &PlanOptions) -> Arc<Plan> {
    Arc::new(Plan::new(&graph_of(json, registry), &MACHINE, options).unwrap_or_else(|e| panic!("{e}")))
}

/// A batch's samples and the bytes of its fields.
pub type Bytes = (BatchId, Vec<u64>, Vec<(String, Vec<u8>)>);

/// The first batches of each outlet.
pub fn batches(plan: &Arc<Plan>, executor: &dyn Executor, range: BatchRange, count: usize) -> Vec<Bytes> {
    let mut all = Vec::new();
    for (outlet, _) in plan.outlets() {
        let pipeline = Arc::new(Pipeline::new(plan, outlet, &resources()).unwrap());
        let mut stream = executor.start(&pipeline, range);
        for _ in 0..count {
            let Some(batch) = stream.next().unwrap() else { break };
            let columns = batch.fields().map(|f| (f.to_string(), batch.column(&f.name).unwrap().1.to_vec()));
            all.push((batch.id(), batch.samples().to_vec(), columns.collect()));
        }
    }
    all
}

/// The parallel executor.
pub fn threaded(workers: usize) -> Threaded {
    Threaded::new(workers, StopToken::new(), None).unwrap()
}
