use telemetry::{NodeDescription, StageDescription};

use super::*;

/// `read → work` fused on two workers, then a model.
fn run() -> RunDescription {
    let node = |name: &str, role, stage| NodeDescription {
        name: name.into(),
        operator: name.into(),
        role,
        params: "{}".into(),
        output: Vec::new(),
        stage,
    };
    let stage = |nodes: &[u32]| StageDescription {
        nodes: nodes.to_vec(),
        place: Place::Cpu,
        rows_per_chunk: 64,
        reasons: Vec::new(),
    };
    RunDescription {
        graph: "test".into(),
        seed: 0,
        epochs: 1,
        steps_per_epoch: 10,
        workers: 2,
        started: 0,
        warning: None,
        control: None,
        nodes: vec![node("read", Role::Source, 0), node("work", Role::Map, 0), node("model", Role::Model, 1)],
        stages: vec![stage(&[0, 1]), stage(&[2])],
        edges: Vec::new(),
    }
}

/// Rows and busy milliseconds of each node, at a time in milliseconds.
fn snapshot(at_ms: u64, nodes: [(u64, u64); 3]) -> Snapshot {
    let counters = |(rows, busy_ms): (u64, u64)| NodeCounters {
        rows,
        batches: rows / 100,
        bytes: rows * 10,
        busy_ns: busy_ms * 1_000_000,
        ..Default::default()
    };
    Snapshot { elapsed_ns: at_ms * 1_000_000, nodes: nodes.map(counters).to_vec(), ..Default::default() }
}

fn close(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= expected.abs() * 1e-9
}

#[test]
fn two_snapshots_make_a_rate() {
    let mut history = History::new(&run());
    history.push(&snapshot(500, [(0, 0); 3]));
    assert_eq!(history.node(1).activity, Activity::Waiting);
    history.push(&snapshot(1_000, [(100, 100); 3]));
    assert_eq!(history.node(1).activity, Activity::Measuring);
    history.push(&snapshot(3_000, [(500, 600), (500, 1_600), (500, 1_100)]));
    let work = history.node(1);
    assert_eq!(work.activity, Activity::Active);
    assert!(close(work.rows, 200.0) && close(work.bytes, 2_000.0), "{work:?}");
    // 1.5 s of two workers' 4 s, and 1 s of the model's 2 s.
    assert!(close(work.shares.busy, 0.375), "{work:?}");
    assert!(close(history.node(2).shares.busy, 0.5));
    // 400 rows took 2 worker seconds, and there are two workers.
    assert!(close(history.stage(0).capacity, 400.0), "{:?}", history.stage(0));
}

#[test]
fn waiting_is_shown_as_such() {
    let mut history = History::new(&run());
    history.push(&snapshot(500, [(0, 0); 3]));
    history.push(&snapshot(1_000, [(100, 0); 3]));
    let mut later = snapshot(3_000, [(200, 0), (200, 0), (200, 100)]);
    later.nodes[2].starved_ns = 1_500_000_000;
    later.nodes[1].blocked_ns = 500_000_000;
    history.push(&later);
    assert!(close(history.node(2).shares.starved, 0.75));
    assert!(close(history.node(1).shares.blocked, 0.25));
}

#[test]
fn shares_never_pass_one() {
    let shares = Shares::new(1.5, 0.5, 0.0);
    assert!(close(shares.busy, 0.75) && close(shares.starved, 0.25));
}

#[test]
fn the_stage_with_the_least_capacity_bounds_the_run() {
    let mut history = History::new(&run());
    history.push(&snapshot(500, [(0, 0); 3]));
    history.push(&snapshot(1_000, [(100, 0); 3]));
    assert_eq!(history.bottleneck(), None);
    history.push(&snapshot(3_000, [(300, 20), (300, 80), (300, 2_000)]));
    let model = history.bottleneck().expect("two rates");
    assert!(model.is_model && model.node == 2 && close(model.capacity, 100.0), "{model:?}");
    assert!(close(model.rest.expect("the data"), 4_000.0), "{model:?}");

    history.push(&snapshot(13_000, [(1_300, 200), (1_300, 19_500), (1_300, 3_000)]));
    let data = history.bottleneck().expect("two rates");
    assert!(!data.is_model && data.stage == 0 && data.node == 1, "{data:?}");
}

#[test]
fn a_slow_batch_is_not_idleness_and_its_rate_does_not_flicker() {
    let mut history = History::new(&run());
    for tick in 0..=300_u64 {
        let batches = tick / 30; // one of 100 rows every three seconds
        history.push(&snapshot(tick * 100, [(batches * 100, 0), (batches * 100, 0), (batches * 100, batches * 2_900)]));
        if batches >= 2 {
            let model = history.node(2);
            assert_eq!(model.activity, Activity::Active, "tick {tick}");
            assert!((model.rows - 100.0 / 3.0).abs() < 0.1, "tick {tick}: {model:?}");
        }
    }
}

#[test]
fn a_chain_that_is_used_once_an_epoch_goes_idle_and_comes_back_at_full_rate() {
    let mut history = History::new(&run());
    let mut rows = 0;
    for tick in 0..400_u64 {
        if !(20..=300).contains(&tick) {
            rows += 100;
        }
        history.push(&snapshot(tick * 100, [(rows, 0), (rows, 0), (rows, 0)]));
        match tick {
            60..=300 => assert_eq!(history.node(0).activity, Activity::Idle, "tick {tick}"),
            307.. => assert!(close(history.node(0).rows, 1_000.0), "tick {tick}: {:?}", history.node(0)),
            _ => {}
        }
    }
}

#[test]
fn a_snapshot_that_does_not_fit_is_left_out() {
    let mut history = History::new(&run());
    history.push(&Snapshot { elapsed_ns: 1, ..Default::default() });
    history.push(&snapshot(1_000, [(5, 0); 3]));
    history.push(&snapshot(900, [(1, 0); 3]));
    assert_eq!(history.samples.len(), 1);
    assert_eq!(history.node(0).activity, Activity::Measuring);
}

#[test]
fn the_history_stays_small() {
    let mut history = History::new(&run());
    for tick in 0..2_000 {
        history.push(&snapshot(tick * 100, [(tick, 0); 3]));
    }
    assert!(history.samples.len() <= 602);
    assert_eq!(history.spark(0).len(), SPARK_POINTS);
}
