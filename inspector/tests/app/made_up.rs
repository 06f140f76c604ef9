//! A run that never was: CIFAR-like training on two CPU workers, and pictures drawn by arithmetic.

use telemetry::{
    ControlDescription, CurvePoint, EdgeDescription, EpochResult, Event, Histogram, Level, Load, ModelTimes,
    NodeCounters, NodeDescription, NodeImages, Part, Pictures, Place, Role, RunDescription, Settings, Snapshot, Span,
    StageDescription, ToViewer, Training,
};

pub const TRAIN: u32 = 0;
pub const CUTOUT: u32 = 3;
pub const MODEL: u32 = 6;

const BATCH: u64 = 512;
const STEPS_PER_EPOCH: u64 = 97;
const EPOCHS: u32 = 24;
/// Images a second of the made-up model.
const SPEED: u64 = 188;
const CLASSES: [&str; 4] = ["circle", "square", "stripes", "cross"];
/// Pictures at a node.
const SAMPLES: u64 = 8;
const SIDE: u32 = 32;

/// train, flip, translate, cutout and to_torch fused; normalize and the model alone; and a shorter chain for the test.
pub fn description() -> RunDescription {
    let node = |name: &str, operator: &str, role, params: &str, output: &str, stage| NodeDescription {
        name: name.into(),
        operator: operator.into(),
        role,
        params: params.into(),
        output: if output.is_empty() { vec![] } else { vec![output.into(), "label int64 []".into()] },
        stage,
    };
    let stage = |nodes: &[u32], rows_per_chunk, reasons: &[&str]| StageDescription {
        nodes: nodes.to_vec(),
        place: Place::Cpu,
        rows_per_chunk,
        reasons: reasons.iter().map(|r| (*r).to_owned()).collect(),
    };
    let edge = |from, to, port: Option<&str>, capacity| EdgeDescription {
        from,
        to,
        port: port.map(Into::into),
        capacity,
        fields: "image uint8 [32, 32, 3], label int64 []".into(),
        row_bytes: 3_080,
    };
    let (u8s, f32s) = ("image uint8 [32, 32, 3]", "image float32 [3, 32, 32]");
    let cutout = r#"{"crop_size":8,"fill":[125,122,113]}"#;
    let normalize = r#"{"mean":[125.3,123.0,113.9],"std":[63.0,62.1,66.7],"dtype":"float32"}"#;
    let model = r#"{"epochs":24,"optimizer":{"type":"sgd","lr":0.5,"momentum":0.9,"weight_decay":0.0005},"schedule":{"type":"triangular","peak":5},"loss":{"type":"cross_entropy","label_smoothing":0.1},"precision":"auto"}"#;
    RunDescription {
        graph: "cifar".into(),
        seed: 0,
        epochs: EPOCHS,
        steps_per_epoch: STEPS_PER_EPOCH as u32,
        workers: 2,
        started: 1_764_000_000,
        warning: None,
        control: Some(ControlDescription { checkpoints: true, workers: 2, prefetch: 4 }),
        nodes: vec![
            node(
                "train",
                "cifar10",
                Role::Source,
                r#"{"split":"train","batch_size":512,"order":"random","drop_last":true}"#,
                u8s,
                0,
            ),
            node("flip", "random_horizontal_flip", Role::Map, r#"{"probability":0.5}"#, u8s, 0),
            node("translate", "random_translate", Role::Map, r#"{"padding":2,"fill":0}"#, u8s, 0),
            node("cutout", "cutout", Role::Map, cutout, u8s, 0),
            node("to_torch", "to_torch_image", Role::Map, r#"{"channels_last":true}"#, u8s, 1),
            node("normalize", "normalize", Role::Map, normalize, f32s, 1),
            node("model", "train", Role::Model, model, "", 2),
            node("test", "cifar10", Role::Source, r#"{"split":"test","batch_size":512}"#, u8s, 3),
            node("to_torch_test", "to_torch_image", Role::Map, r#"{"channels_last":true}"#, u8s, 4),
            node("normalize_test", "normalize", Role::Map, normalize, f32s, 4),
        ],
        stages: vec![
            stage(
                &[0, 1, 2, 3],
                64,
                &[
                    "flip, translate and cutout work on rows, on one device, with one reader each",
                    "64 rows of 3 kB fit the cache",
                ],
            ),
            stage(&[4, 5], 0, &["the device is the CPU, so that the move copies nothing"]),
            stage(&[6], 0, &["the model trains on whole batches"]),
            stage(&[7], 64, &[]),
            stage(&[8, 9], 0, &[]),
        ],
        edges: vec![
            edge(0, 1, None, 0),
            edge(1, 2, None, 0),
            edge(2, 3, None, 0),
            edge(3, 4, None, 4),
            edge(4, 5, None, 0),
            edge(5, 6, Some("train"), 2),
            edge(7, 8, None, 4),
            edge(8, 9, None, 0),
            edge(9, 6, Some("test"), 2),
        ],
    }
}

/// The counters after that many steps, and the curve since `from` steps.
pub fn snapshot(step: u64, from: u64) -> Snapshot {
    let elapsed_ns = elapsed_ns(step);
    // Data is a few batches ahead; the test chain has been used once an epoch.
    let ahead = (step + 6) * BATCH;
    let epoch = step / STEPS_PER_EPOCH;
    let counters = |rows: u64, row_bytes: u64, busy_ns_per_row: u64, starved: f64, blocked: f64| NodeCounters {
        batches: rows / BATCH,
        rows,
        bytes: rows * row_bytes,
        busy_ns: rows * busy_ns_per_row,
        starved_ns: (elapsed_ns as f64 * starved) as u64,
        blocked_ns: (elapsed_ns as f64 * blocked) as u64,
    };
    let test = epoch * 10_000;
    Snapshot {
        elapsed_ns,
        nodes: vec![
            counters(ahead, 3_080, 90, 0.0, 0.99),
            counters(ahead, 3_080, 260, 0.0, 0.99),
            counters(ahead, 3_080, 410, 0.0, 0.99),
            counters(ahead, 3_080, 130, 0.0, 0.99),
            counters(ahead - 3 * BATCH, 3_080, 20, 0.01, 0.98),
            counters(ahead - 3 * BATCH, 12_296, 900, 0.01, 0.98),
            NodeCounters { busy_ns: elapsed_ns - elapsed_ns / 200, ..counters(step * BATCH, 0, 0, 0.005, 0.0) },
            counters(test, 3_080, 90, 0.0, 0.0),
            counters(test, 3_080, 20, 0.0, 0.0),
            counters(test, 12_296, 900, 0.0, 0.0),
        ],
        queues: vec![0, 0, 0, 4, 0, 2, 4, 0, 2],
        training: Some(Training {
            epoch: epoch as u32 + 1,
            step,
            steps: u64::from(EPOCHS) * STEPS_PER_EPOCH,
            loss: loss(step),
            learning_rate: learning_rate(step),
            images_per_second: SPEED as f64,
            evaluating: false,
        }),
        model: ModelTimes {
            forward_ns: elapsed_ns * 3 / 10,
            backward_ns: elapsed_ns * 6 / 10,
            update_ns: elapsed_ns / 20,
            evaluation_ns: elapsed_ns / 25,
        },
        paused: false,
        settings: Settings { workers: 2, prefetch: 0 },
        epochs: (from / STEPS_PER_EPOCH + 1..=epoch).map(epoch_result).collect(),
        curve: (from + 1..=step)
            .map(|step| CurvePoint {
                step,
                loss: loss(step),
                learning_rate: learning_rate(step),
                images_per_second: SPEED as f32,
            })
            .collect(),
    }
}

/// Steps take about as long as each other.
fn elapsed_ns(step: u64) -> u64 {
    let sway = 100e6 * (step as f64 / 3.0).sin() + 60e6 * (step as f64 / 1.3).cos();
    2_600_000_000 + step * BATCH * 1_000_000_000 / SPEED - (200e6 - sway) as u64
}

fn epoch_result(epoch: u64) -> EpochResult {
    let step = epoch * STEPS_PER_EPOCH;
    EpochResult {
        epoch: epoch as u32,
        step,
        train_loss: loss(step) + 0.05,
        test_accuracy: Some(0.94 - 0.5 * (-(epoch as f32) / 3.0).exp()),
        seconds: 264.2 + (epoch % 3) as f64,
    }
}

fn loss(step: u64) -> f32 {
    let noise = ((step * 2_654_435_761) % 1_000) as f32 / 1_000.0 * 0.24 - 0.12;
    0.62 + (1.0 + noise) * 1.7 * (-(step as f32) / 320.0).exp() + noise * 0.4
}

fn learning_rate(step: u64) -> f64 {
    let (peak, end) = (5 * STEPS_PER_EPOCH, u64::from(EPOCHS) * STEPS_PER_EPOCH);
    let share = if step < peak { step as f64 / peak as f64 } else { (end - step) as f64 / (end - peak) as f64 };
    0.5 * share
}

/// What an engine says up to the given step.
pub fn messages(steps: u64) -> Vec<ToViewer> {
    let mut messages = vec![ToViewer::Run(Box::new(description()))];
    messages.extend((0..=steps).map(|step| ToViewer::Snapshot(Box::new(snapshot(step, step.saturating_sub(1))))));
    messages
}

/// Images before and after a node: grey squares are cut out by `cutout`, nothing changes elsewhere.
pub fn images(node: u32) -> NodeImages {
    let pictures = |after: bool| Pictures {
        width: SIDE,
        height: SIDE,
        rgb: (0..SAMPLES).flat_map(|sample| picture(sample, after && node == CUTOUT)).collect(),
        scaled: None,
    };
    NodeImages {
        node,
        epoch: 5,
        batch: 61,
        samples: (0..SAMPLES).map(|sample| sample * 6151 % 50_000).collect(),
        labels: (0..SAMPLES).map(|sample| (sample % 4) as i64).collect(),
        classes: CLASSES.map(String::from).to_vec(),
        drawn: if node == CUTOUT { (0..SAMPLES).map(drawn).collect() } else { Vec::new() },
        before: (node != TRAIN).then(|| pictures(false)),
        after: (node != MODEL).then(|| pictures(true)),
    }
}

/// What the square of a sample is, in words.
fn drawn(sample: u64) -> String {
    let [x, y] = corner(sample);
    format!("8 × 8 from row {y}, column {x} filled")
}

fn corner(sample: u64) -> [u64; 2] {
    [(sample * 7 + 3) % 24, (sample * 11 + 5) % 24]
}

/// How long chunks of each stage took.
pub fn latencies() -> Vec<Histogram> {
    let stage = |middle: u8| Histogram {
        counts: (0..9).map(|i| (middle - 4 + i, 1 + 40 * u64::from(4 - i.abs_diff(4)))).collect(),
    };
    vec![stage(50), stage(60), stage(170), stage(50), stage(60)]
}

/// What the machine was at, once a second for so long.
pub fn loads(seconds: u64) -> Vec<Load> {
    let second = |n: u64| Load {
        elapsed_ns: n * 1_000_000_000,
        process_cpu_ns: n * 1_900_000_000,
        process_bytes: 640_000_000 + n * 100_000,
        threads: vec![
            ("training".into(), 3, n * 1_700_000_000),
            ("workers".into(), 2, n * 180_000_000),
            ("telemetry".into(), 4, n * 3_000_000),
        ],
        cores: vec![(n * 950_000_000, n * 1_000_000_000), (n * 900_000_000, n * 1_000_000_000)],
        memory_bytes: 16_000_000_000,
        available_bytes: 9_000_000_000,
        slot_bytes: vec![0, 31_500_000, 0, 0, 61_000_000],
        gpus: Vec::new(),
    };
    (1..=seconds).map(second).collect()
}

/// What happened.
pub fn events() -> Vec<Event> {
    let event =
        |seconds: u64, level, text: &str| Event { elapsed_ns: seconds * 1_000_000_000, level, text: text.into() };
    vec![
        event(0, Level::Note, "training begins on cpu: 2,328 steps"),
        event(95, Level::Warning, "train: sample 4711 cannot be read, and is left out"),
        event(264, Level::Note, "epoch 1: train loss 2.0512, test accuracy 58.17 %, 4 min 24 s"),
    ]
}

/// Who did what in the seconds before a time.
pub fn spans(end_ns: u64) -> Vec<Span> {
    let step = 2_700_000_000;
    let mut spans = Vec::new();
    for n in 0..4 {
        let start = end_ns - (4 - n) * step;
        let mut push = |lane, stage, part, offset: u64, length_ns| {
            spans.push(Span { lane, stage, part, epoch: 2, batch: n as u32, start_ns: start + offset, length_ns });
        };
        push(2, 2, Part::Wait, 0, 3_000_000);
        push(2, 2, Part::Forward, 3_000_000, 800_000_000);
        push(2, 2, Part::Backward, 803_000_000, 1_700_000_000);
        push(2, 2, Part::Update, 2_503_000_000, 190_000_000);
        for chunk in 0..4 {
            push(chunk % 2, 0, Part::Chunk, 300_000_000 + u64::from(chunk / 2) * 40_000_000, 38_000_000);
            push(chunk % 2, 1, Part::Chunk, 380_000_000 + u64::from(chunk / 2) * 30_000_000, 25_000_000);
        }
    }
    spans
}

/// One of four shapes, in a colour that depends on the sample.
fn picture(sample: u64, cut: bool) -> Vec<u8> {
    let corner = corner(sample);
    let mut rgb = Vec::new();
    for y in 0..u64::from(SIDE) {
        for x in 0..u64::from(SIDE) {
            let (dx, dy) = (x as i64 - 16, y as i64 - 16);
            let inside = match sample % 4 {
                0 => dx * dx + dy * dy < 120,
                1 => dx.abs() < 10 && dy.abs() < 10,
                2 => (x + y) % 8 < 4,
                _ => dx.abs() < 4 || dy.abs() < 4,
            };
            let hidden = cut
                && (0..8).contains(&(x as i64 - corner[0] as i64))
                && (0..8).contains(&(y as i64 - corner[1] as i64));
            rgb.extend(match (hidden, inside) {
                (true, _) => [125, 122, 113],
                (_, true) => [220, 90 + (sample * 20) as u8, 40 + (sample * 25) as u8],
                (_, false) => [30, 70, 100],
            });
        }
    }
    rgb
}
