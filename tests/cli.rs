//! The real program.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::root;

/// The engine, in a world of its own: no data, no cache, no server.
pub fn engine(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command.current_dir(root()).env_remove("ENGINE_DATA").env("XDG_CACHE_HOME", home).env("HOME", home);
    // Nothing listens there, so that a download fails at once.
    command.env("ENGINE_CIFAR10_URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz");
    command
}

pub fn ran(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// A graph that trains in seconds, as a file.
fn small_graph(folder: &Path, fault: &Value) -> PathBuf {
    let text = include_str!("small.json");
    let mut graph: Value = serde_json::from_str(text).unwrap();
    if let Some(fault) = fault.as_object() {
        graph["nodes"]["fault"].as_object_mut().unwrap().extend(fault.clone());
    }
    let path = folder.join("small.json");
    fs::write(&path, graph.to_string()).unwrap();
    path
}

#[test]
fn a_short_run_with_events() {
    let home = TempDir::new().unwrap();
    let graph = small_graph(home.path(), &Value::Null);
    let (code, out, err) =
        ran(engine(home.path()).arg("run").arg(&graph).args(["--json", "--epochs", "1", "--no-run-dir"]));
    assert_eq!(code, 0, "{err}");
    let events: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).collect::<Vec<_>>();
    assert_eq!((of("start").len(), of("step").len(), of("epoch").len(), of("summary").len()), (1, 10, 1, 1));
    for event in of("epoch").into_iter().chain(of("summary")) {
        for key in ["epoch", "step", "train_loss", "test_accuracy", "images_per_second", "seconds"] {
            assert!(event[key].is_number(), "{key} in {event}");
        }
    }
}

#[test]
fn without_network_the_stand_in_is_never_called_cifar10() {
    let home = TempDir::new().unwrap();
    let mut command = engine(home.path());
    let (code, _, err) =
        ran(command.args(["run", "graphs/cifar.json", "--no-run-dir", "--steps", "1", "--set", "train.batch_size=8"]));
    assert_eq!(code, 0, "{err}");
    assert_eq!(err.matches("this is NOT CIFAR-10").count(), 2, "at the start and at the end: {err}");
}

#[test]
fn without_network_and_without_fallback_it_is_an_error() {
    let home = TempDir::new().unwrap();
    let (code, _, err) =
        ran(engine(home.path()).args(["run", "graphs/cifar.json", "--data-fallback", "never", "--no-run-dir"]));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("error: node `train`:") && err.contains("--data"), "{err}");
}

/// Each is one sentence with the file's name, and exit code 1.
#[test]
fn bad_data_is_an_error_in_a_sentence() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("data");
    let write = |bytes: &[u8]| {
        fs::create_dir_all(&folder).unwrap();
        for file in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
            fs::write(folder.join(format!("{file}.bin")), [0; 3073 * 20]).unwrap();
        }
        fs::write(folder.join("data_batch_3.bin"), bytes).unwrap();
    };
    let run = || {
        let mut command = engine(home.path());
        command.args(["run", "graphs/cifar.json", "--no-run-dir", "--steps", "1", "--set", "train.batch_size=50"]);
        let (code, _, err) = ran(command.args(["--set", "train.order=sequential", "--data"]).arg(&folder));
        assert_eq!(code, 1, "{err}");
        err
    };
    let mut label = vec![0; 3073 * 20];
    label[3073 * 4] = 200;
    let cases: [(&[u8], &str); 3] = [(&[0; 5000], "data_batch_3.bin"), (&[], "empty"), (&label, "label 200")];
    for (bytes, expected) in cases {
        write(bytes);
        let err = run();
        assert!(err.contains("error: node `train`: ") && err.contains(expected), "{expected}: {err}");
        assert!(!err.contains("panicked"), "{err}");
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(run().contains("data"), "a folder that is not there");
}

#[test]
fn a_wrong_graph_and_wrong_usage_have_exit_code_2() {
    let home = TempDir::new().unwrap();
    let code = |args: &[&str]| ran(engine(home.path()).args(args));
    for args in [
        &["run"][..],
        &["run", "nowhere.json"],
        &["run", "graphs/cifar.json", "--epochs", "0"],
        &["run", "graphs/cifar.json", "--set", "trian.batch_size=8"],
        &["run", "graphs/cifar.json", "--set", "train.batch_sise=8"],
        &["run", "graphs/cifar.json", "--device", "cuda:7"],
        &["plan", "graphs/cifar.json", "--format", "svg"],
        &["validate", "README.md"],
        &["operators", "cut_out"],
        &["nothing"],
    ] {
        let (code, _, err) = code(args);
        assert_eq!(code, 2, "{args:?}: {err}");
        assert!(err.starts_with("error: "), "{args:?}: {err}");
    }
    let (_, _, err) = code(&["run", "graphs/cifar.json", "--set", "trian.batch_size=8"]);
    assert!(err.contains("did you mean `train`?"), "{err}");
}

#[test]
fn a_panicking_worker_ends_the_run_within_two_seconds() {
    let home = TempDir::new().unwrap();
    let graph = small_graph(home.path(), &serde_json::json!({ "panic_at": 9_999 }));
    let start = Instant::now();
    let (code, _, err) = ran(engine(home.path()).arg("run").arg(graph).args(["--epochs", "50", "--no-run-dir"]));
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("error: node `fault`: the operator panicked"), "{err}");
    assert!(!err.contains("thread '"), "the standard message is one too many: {err}");
    // Starting up and the steps up to that sample take most of it.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_at_the_next_batch() {
    let home = TempDir::new().unwrap();
    let graph = small_graph(home.path(), &Value::Null);
    let mut command = engine(home.path());
    command.arg("run").arg(graph).args(["--json", "--epochs", "10000", "--no-run-dir"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It runs when the first step is told.
    lines.by_ref().find(|l| l.as_ref().unwrap().contains("\"step\"")).unwrap().unwrap();
    let start = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let summary: Value = serde_json::from_str(rest.last().unwrap()).unwrap();
    assert_eq!((&summary["event"], &summary["stopped"]), (&"summary".into(), &true.into()));
}

#[test]
fn bench_reports_as_asked() {
    let home = TempDir::new().unwrap();
    let graph = small_graph(home.path(), &Value::Null);
    let mut command = engine(home.path());
    command.arg("bench").arg(graph).args(["--seconds", "0.3", "--workers", "1", "--json"]);
    let (code, out, err) = ran(&mut command);
    assert_eq!(code, 0, "{err}");
    let result: Value = serde_json::from_str(&out).unwrap();
    for key in ["images_per_second", "bytes_per_second", "first_batch_seconds"] {
        assert!(result[key].as_f64().unwrap() > 0.0, "{key} in {result}");
    }
    assert_eq!(result["workers"], 1);
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let home = TempDir::new().unwrap();
    let mut command = engine(home.path());
    let mut child = command.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

/// What is hardly meant is told, and changes no exit code unless it is asked for.
#[test]
fn warnings_are_told_and_change_nothing() {
    let home = TempDir::new().unwrap();
    let path = "graphs/warned/nesterov_without_momentum.json";
    let told = "warning: node `model`: without momentum `nesterov` changes nothing\n";
    let (code, out, err) = ran(engine(home.path()).args(["validate", path, "graphs/cifar.json"]));
    assert_eq!((code, err.lines().count()), (0, 3), "{err}");
    assert!(err.starts_with(told), "{err}");
    let sources = "sources train (50,000 samples, 97 batches of 512 an epoch, 336 samples left out), test (10,000 samples, 10 \
                   batches of 1,000 an epoch), model model";
    assert!(out.lines().nth(1).unwrap().ends_with(sources), "{out}");
    let (code, out, err) = ran(engine(home.path()).args(["validate", "--strict", path]));
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.starts_with(&told.replace("warning", "error")), "{err}");
    let (code, out, err) = ran(engine(home.path()).args(["validate", "--json", path]));
    assert_eq!((code, err.as_str()), (0, ""));
    let graph: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&graph["valid"], graph["warnings"].as_array().unwrap().len()), (&Value::Bool(true), 1));
    assert_eq!((&graph["warnings"][0]["line"], &graph["sources"][0]["batches"]), (&11.into(), &98.into()));
    let (code, out, err) = ran(engine(home.path()).args(["validate", "--json", "graphs/invalid/nan.json"]));
    assert_eq!(code, 2);
    assert!(err.starts_with("error: "), "{err}");
    let graph: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&graph["valid"], graph["errors"].as_array().unwrap().len()), (&Value::Bool(false), 1));
    let (code, out, err) = ran(engine(home.path()).args(["plan", "--format", "json", path]));
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, plan["warnings"].as_array().unwrap().len()), (0, 1));
    assert!(err.starts_with(told), "{err}");
    let (code, out, err) = ran(engine(home.path()).args(["run", "--json", "--steps", "1", "--no-run-dir", path]));
    let event: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((code, &event["event"]), (0, &Value::from("warning")), "{err}");
    assert!(err.contains(told), "{err}");
}
