//! The real program, watched: recordings, traces, plans for the inspector, commands over a socket.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;
use telemetry::{Client, Command, Ended, FromViewer, Part, Recording, RunDescription, Snapshot, ToViewer};
use tempfile::TempDir;

use crate::cli::{engine, ran};
use crate::harness::within;
use crate::inspect::wait_for;

/// A test that fails leaves nothing running.
struct KilledAtTheEnd(Child);

impl Drop for KilledAtTheEnd {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A graph that trains in no time, with a test operator that takes some.
fn graph(folder: &TempDir, delay_us: u64) -> std::path::PathBuf {
    let mut graph: Value = serde_json::from_str(include_str!("small.json")).unwrap();
    graph["nodes"]["train"]["batch_size"] = 100.into();
    graph["nodes"]["fault"]["delay_us"] = delay_us.into();
    let path = folder.path().join("small.json");
    fs::write(&path, graph.to_string()).unwrap();
    path
}

#[test]
fn a_run_is_recorded_and_its_recording_makes_a_trace() {
    within(120, || {
        let home = TempDir::new().unwrap();
        let (graph, recording) = (graph(&home, 100), home.path().join("run.rec"));
        let run = || {
            ran(engine(home.path())
                .arg("run")
                .arg(&graph)
                .args(["--no-run-dir", "--epochs", "2", "--record"])
                .arg(&recording))
        };
        let (code, _, err) = run();
        assert_eq!(code, 0, "{err}");
        assert!(err.contains("recorded: inspector "), "{err}");
        let (code, _, err) = run();
        assert!(code == 1 && err.contains("a recording is not overwritten"), "{code}: {err}");

        let read = Recording::read(&recording).unwrap();
        assert_eq!(read.cut_off, None);
        let messages = || read.messages.iter().map(|(_, message)| message);
        let (mut steps, mut epochs, mut parts, mut images) = (0, 0, Vec::new(), Vec::new());
        let mut events = String::new();
        for message in messages() {
            match message {
                ToViewer::Snapshot(s) => (steps, epochs) = (steps + s.curve.len(), epochs + s.epochs.len()),
                ToViewer::Spans(spans) => parts.extend(spans.iter().map(|s| s.part)),
                ToViewer::Images(i) => images.push(i.node),
                ToViewer::Events(e) => e.iter().for_each(|e| events += &format!("{}\n", e.text)),
                _ => {}
            }
        }
        assert_eq!((steps, epochs), (200, 2));
        for part in [Part::Chunk, Part::Wait, Part::Forward, Part::Backward, Part::Update, Part::Evaluation] {
            assert!(parts.contains(&part), "{part:?}");
        }
        images.sort_unstable();
        assert_eq!(images, (0..8).collect::<Vec<u32>>(), "each node's once: it was no minute");
        assert!(events.contains("training begins on cpu") && events.contains("epoch 2: train loss"), "{events}");
        let Some(ToViewer::Ended(Ended::Finished)) = messages().next_back() else { panic!("it has an end") };
        let last = messages().rev().find_map(|m| match m {
            ToViewer::Snapshot(s) => Some(s.model),
            _ => None,
        });
        let times = last.unwrap();
        assert!(times.forward_ns > 0 && times.backward_ns > 0 && times.update_ns > 0 && times.evaluation_ns > 0);

        let (code, out, err) = ran(engine(home.path()).arg("trace").arg(&recording));
        assert_eq!(code, 0, "{err}");
        let trace: Value = serde_json::from_str(&out).unwrap();
        let names: Vec<&str> =
            trace["traceEvents"].as_array().unwrap().iter().filter_map(|e| e["name"].as_str()).collect();
        assert!(names.len() > 600 && names.contains(&"backward") && names.contains(&"train … normalize"), "{names:?}");

        let bytes = fs::read(&recording).unwrap();
        fs::write(&recording, &bytes[..bytes.len() / 2]).unwrap();
        let (code, _, err) = ran(engine(home.path()).arg("trace").arg(&recording));
        assert!(code == 0 && err.contains("ends early"), "{code}: {err}");
        let (code, _, err) = ran(engine(home.path()).arg("trace").arg(&graph));
        assert!(code == 1 && err.contains("not written by --record"), "{code}: {err}");
    });
}

#[test]
fn a_plan_is_told_to_the_inspector() {
    let home = TempDir::new().unwrap();
    let (code, out, err) = ran(engine(home.path()).arg("plan").arg(graph(&home, 0)).args(["--format", "inspector"]));
    assert_eq!(code, 0, "{err}");
    let plan: RunDescription = serde_json::from_str(&out).unwrap();
    assert_eq!((plan.graph.as_str(), plan.nodes.len(), plan.epochs), ("small", 8, 0));
    let into_model = plan.edges.iter().find(|e| e.port.as_deref() == Some("train")).unwrap();
    assert_eq!(into_model.row_bytes, 3 * 32 * 32 * 4 + 8);
}

#[test]
fn a_run_is_paused_stepped_kept_and_stopped_from_outside() {
    within(120, || {
        let home = TempDir::new().unwrap();
        let graph = graph(&home, 0);
        let mut command = engine(home.path());
        command.arg("run").arg(&graph).args(["--epochs", "100000", "--quiet", "--inspect", "127.0.0.1:0"]);
        command.args(["--inspect-control", "--workers", "2", "--run-dir"]).arg(home.path().join("run"));
        let child =
            command.env("XDG_RUNTIME_DIR", home.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut child = KilledAtTheEnd(child);
        let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
        let address =
            lines.by_ref().find_map(|line| line.unwrap().strip_prefix("inspect with: inspector ").map(str::to_owned));
        let address = address.unwrap();
        let known = home.path().join("engine/running").join(child.0.id().to_string());
        assert!(fs::read_to_string(&known).unwrap().starts_with(&address), "an inspector finds it");
        let mut client = Client::connect(&address, None, || {}).unwrap();
        let ask = |client: &mut Client, command| client.send(&FromViewer::Command(command)).unwrap();
        let snapshot = |client: &mut Client, fits: &dyn Fn(&Snapshot) -> bool| {
            wait_for(client, |m| match m {
                ToViewer::Snapshot(s) if fits(&s) => Some(s),
                _ => None,
            })
        };
        let step = |s: &Snapshot| s.training.map_or(0, |t| t.step);
        snapshot(&mut client, &|s| step(s) > 5);
        ask(&mut client, Command::Pause);
        snapshot(&mut client, &|s| s.paused);
        // The batch that was under way, and a while in which nothing happens.
        std::thread::sleep(Duration::from_millis(500));
        while client.poll().unwrap().is_some() {}
        let paused = snapshot(&mut client, &|_| true);
        std::thread::sleep(Duration::from_millis(500));
        while client.poll().unwrap().is_some() {}
        assert_eq!(step(&snapshot(&mut client, &|_| true)), step(&paused));
        ask(&mut client, Command::OneBatch);
        let one = snapshot(&mut client, &|s| step(s) > step(&paused));
        assert_eq!(step(&one), step(&paused) + 1);

        ask(&mut client, Command::Prefetch(1));
        ask(&mut client, Command::Workers(1));
        snapshot(&mut client, &|s| s.settings.prefetch == 1 && s.settings.workers == 1);
        ask(&mut client, Command::Checkpoint);
        ask(&mut client, Command::Resume);
        wait_for(&mut client, |m| match m {
            ToViewer::Events(events) => events.iter().any(|e| e.text.contains("a checkpoint was kept")).then_some(()),
            _ => None,
        });
        let later = snapshot(&mut client, &|s| step(s) > step(&one) + 20);
        assert!(later.queues.iter().all(|queued| *queued <= 4), "{:?}", later.queues);
        snapshot(&mut client, &|s| step(s) > step(&later) + 20 && s.queues.iter().all(|queued| *queued <= 1));
        ask(&mut client, Command::Prefetch(6));
        snapshot(&mut client, &|s| s.queues.iter().any(|queued| *queued > 4));
        ask(&mut client, Command::Stop);
        let ended = wait_for(&mut client, |m| match m {
            ToViewer::Ended(ended) => Some(ended),
            _ => None,
        });
        assert_eq!(ended, Ended::Stopped);
        assert_eq!(child.0.wait().unwrap().code(), Some(130));
        assert!(!known.exists());
    });
}

#[test]
fn what_does_not_go_together_is_said() {
    let home = TempDir::new().unwrap();
    let graph = graph(&home, 0);
    let run = |args: &[&str]| {
        ran(engine(home.path()).arg("run").arg(&graph).args(["--no-run-dir", "--steps", "1"]).args(args))
    };
    let (code, _, err) = run(&["--inspect-control"]);
    assert!(code == 2 && err.contains("add --inspect or --gui"), "{code}: {err}");
    let (code, _, err) = run(&["--inspect", "0.0.0.0:0"]);
    assert!(code == 2 && err.contains("--inspect-token"), "{code}: {err}");
    let (code, _, err) = run(&["--inspect", "0.0.0.0:0", "--inspect-token"]);
    assert!(code == 0 && err.contains(" --token "), "{code}: {err}");
}
