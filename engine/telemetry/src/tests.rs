//! Messages there and back, recordings whole, cut off and hostile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::codec::{self, ReceiveError};
use crate::*;

fn description() -> RunDescription {
    let node = |name: &str, role| NodeDescription {
        name: name.into(),
        operator: "shapes".into(),
        role,
        params: "{}".into(),
        output: vec!["image uint8 [32, 32, 3]".into()],
        stage: 0,
    };
    RunDescription {
        graph: "small".into(),
        seed: 7,
        epochs: 2,
        steps_per_epoch: 10,
        workers: 1,
        started: 1_700_000_000,
        warning: None,
        control: None,
        nodes: vec![node("images", Role::Source)],
        stages: vec![StageDescription {
            nodes: vec![0],
            place: Place::Cpu,
            rows_per_chunk: 64,
            reasons: vec!["it is alone".into()],
        }],
        edges: Vec::new(),
    }
}

fn hub() -> Arc<Hub> {
    let stop = Box::new(|| {});
    let description_of = ControlDescription { checkpoints: false, workers: 1, prefetch: 4 };
    Arc::new(Hub::new(description(), vec![3072], 2).allow(Allowed { stop, description: description_of }))
}

fn wait_for<T>(client: &mut Client, mut pick: impl FnMut(ToViewer) -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        match client.poll().expect("the connection holds") {
            Some(message) => {
                if let Some(picked) = pick(message) {
                    return picked;
                }
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
        assert!(start.elapsed() < Duration::from_secs(20), "the message never came");
    }
}

#[test]
fn every_message_comes_back_as_it_was() {
    let images = NodeImages {
        node: 1,
        epoch: 2,
        batch: 3,
        samples: vec![4],
        labels: vec![-5],
        classes: vec!["six".into()],
        drawn: vec!["flipped".into()],
        before: None,
        after: Some(Pictures { width: 1, height: 1, rgb: vec![7, 8, 9], scaled: Some((0.5, -1.0)) }),
    };
    let span = Span { lane: 1, stage: 2, part: Part::Backward, epoch: 3, batch: 4, start_ns: u64::MAX, length_ns: 6 };
    let hub = hub();
    hub.rows(0, 0, 64, Duration::from_millis(3));
    let messages = [
        ToViewer::Run(Box::new(description())),
        ToViewer::Snapshot(Box::new(hub.snapshot(0, 0))),
        ToViewer::Images(Box::new(images)),
        ToViewer::Lost(9),
        ToViewer::Ended(Ended::Failed("no space".into())),
        ToViewer::Latencies(hub.latencies()),
        ToViewer::Load(Box::new(hub.load())),
        ToViewer::Events(vec![Event { elapsed_ns: 1, level: Level::Warning, text: "sample 3".into() }]),
        ToViewer::Spans(vec![span]),
        ToViewer::Declined("no".into()),
        ToViewer::Sample(Box::new(SampleSeen {
            sample: 7,
            epoch: 1,
            batch: 2,
            label: "cat".into(),
            nodes: vec![NodeSeen { node: 1, picture: None, words: "flipped".into() }],
            trouble: None,
        })),
    ];
    for message in messages {
        let read: ToViewer = codec::read_message(&mut &codec::encode(&message)[..]).expect("it is whole");
        assert_eq!(read, message);
    }
    let requests = [
        FromViewer::Watch(Some(3)),
        FromViewer::Token("t".into()),
        FromViewer::Trace(true),
        FromViewer::Command(Command::Prefetch(8)),
        FromViewer::Sample(7, 0, 4),
    ];
    for request in requests {
        let read: FromViewer = codec::read_message(&mut &codec::encode(&request)[..]).expect("it is whole");
        assert_eq!(read, request);
    }
}

#[test]
fn a_recording_holds_the_run_up_to_where_it_was_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.rec");
    let hub = hub();
    let recorder = Recorder::start(&path, Arc::clone(&hub)).expect("a new file");
    assert!(Recorder::start(&path, Arc::clone(&hub)).is_err(), "a recording is not overwritten");
    hub.rows(0, 0, 64, Duration::from_millis(3));
    hub.event(Level::Warning, "sample 3 cannot be read");
    let point = CurvePoint { step: 1, loss: 2.3, learning_rate: 0.1, images_per_second: 64.0 };
    hub.step(Training { step: 1, steps: 20, ..Training::default() }, point);
    hub.end(Ended::Finished);
    recorder.finish().expect("it was written");

    let recording = Recording::read(&path).expect("it is whole");
    assert_eq!(recording.cut_off, None);
    assert_eq!(recording.messages[0].1, ToViewer::Run(Box::new(description_of(&hub))));
    let messages = || recording.messages.iter().map(|(_, message)| message);
    let curve = messages().filter_map(|m| match m {
        ToViewer::Snapshot(s) => Some(s.curve.clone()),
        _ => None,
    });
    assert_eq!(curve.flatten().collect::<Vec<_>>(), [point]);
    assert!(messages().any(|m| matches!(m, ToViewer::Events(e) if e.iter().any(|e| e.text.contains("sample 3")))));
    assert_eq!(messages().next_back(), Some(&ToViewer::Ended(Ended::Finished)));

    let bytes = std::fs::read(&path).expect("a file");
    let whole = recording.messages.len();
    for length in (8..bytes.len()).step_by(7) {
        match Recording::from(&bytes[..length]) {
            Ok(part) => assert!(part.messages.len() < whole && part.cut_off.is_some()),
            Err(error) => assert!(length < 400 && matches!(error, ReceiveError::Closed), "{length}: {error}"),
        }
    }
}

fn description_of(hub: &Hub) -> RunDescription {
    hub.run().clone()
}

#[test]
fn files_of_other_kinds_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "just some notes").expect("a file");
    let error = Recording::read(&path).err().expect("it is none").to_string();
    assert!(error.contains("not written by --record"), "{error}");
    std::fs::write(&path, b"engine\x09\x00").expect("a file");
    let error = Recording::read(&path).err().expect("it is of the future").to_string();
    assert!(error.contains("version 9"), "{error}");
}

proptest! {
    #[test]
    fn hostile_messages_get_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut frame = (bytes.len() as u32).to_le_bytes().to_vec();
        frame.extend(&bytes);
        codec::read_message::<ToViewer>(&mut &frame[..]).ok();
        codec::read_message::<FromViewer>(&mut &frame[..]).ok();
        codec::read_message::<ToViewer>(&mut &bytes[..]).ok();
        Recording::from(&bytes[..]).ok();
    }

    #[test]
    fn a_damaged_recording_is_read_or_refused(at in 8_usize..200, byte in any::<u8>()) {
        let mut bytes = Vec::new();
        codec::write_greeting(&mut bytes).expect("memory takes it");
        let hub = hub();
        for message in [ToViewer::Run(Box::new(description())), ToViewer::Snapshot(Box::new(hub.snapshot(0, 0)))] {
            bytes.extend(codec::encode(&message));
        }
        let at = at.min(bytes.len() - 1);
        bytes[at] = byte;
        Recording::from(&bytes[..]).ok();
    }
}

#[test]
fn a_viewer_from_elsewhere_needs_the_token() {
    assert!(matches!(Server::start("0.0.0.0:0", None, hub()), Err(ServeError::NotLoopback(_))));
    let token = make_token();
    let server = Server::start("0.0.0.0:0", Some(&token), hub()).expect("with a token");
    let address = format!("127.0.0.1:{}", server.address().port());
    let mut client = Client::connect(&address, Some(&token), || {}).expect("somebody answers");
    wait_for(&mut client, |m| matches!(m, ToViewer::Run(_)).then_some(()));
    for wrong in [Some("guess"), Some("")] {
        let mut client = Client::connect(&address, wrong, || {}).expect("somebody answers");
        let why = wait_for(&mut client, |m| match m {
            ToViewer::Declined(why) => Some(why),
            other => panic!("{other:?}"),
        });
        assert!(why.contains("token"), "{why}");
    }
}

#[test]
fn commands_are_events_and_what_cannot_be_done_is_declined() {
    let hub = hub();
    let server = Server::start("127.0.0.1:0", None, Arc::clone(&hub)).expect("a free port");
    let mut client = Client::connect(&server.address().to_string(), None, || {}).expect("it answers");
    client.send(&FromViewer::Command(Command::Pause)).expect("it holds");
    wait_for(&mut client, |m| match m {
        ToViewer::Events(events) => events.iter().any(|e| e.text.contains("paused")).then_some(()),
        _ => None,
    });
    wait_for(&mut client, |m| matches!(m, ToViewer::Snapshot(s) if s.paused).then_some(()));
    client.send(&FromViewer::Command(Command::Checkpoint)).expect("it holds");
    let why = wait_for(&mut client, |m| match m {
        ToViewer::Declined(why) => Some(why),
        _ => None,
    });
    assert!(why.contains("--run-dir"), "{why}");
}

#[test]
fn spans_come_while_they_are_wanted() {
    let hub = hub();
    let server = Server::start("127.0.0.1:0", None, Arc::clone(&hub)).expect("a free port");
    let span = |hub: &Hub| hub.span(0, 0, Part::Chunk, (0, 0), Instant::now(), Duration::from_micros(5));
    span(&hub);
    let mut client = Client::connect(&server.address().to_string(), None, || {}).expect("it answers");
    client.send(&FromViewer::Trace(true)).expect("it holds");
    let start = Instant::now();
    while !hub.tracing() {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    span(&hub);
    let spans = wait_for(&mut client, |m| match m {
        ToViewer::Spans(spans) => Some(spans),
        _ => None,
    });
    assert_eq!(spans.len(), 1, "the one before was not asked for");
    let mut trace = Vec::new();
    write_chrome(&mut trace, hub.run(), &spans).expect("memory takes it");
    let trace: serde_json::Value = serde_json::from_slice(&trace).expect("it is JSON");
    assert_eq!(trace["traceEvents"].as_array().map(Vec::len), Some(3), "{trace}");
    drop(client);
    while hub.tracing() {
        assert!(start.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(20));
    }
}
