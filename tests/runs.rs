//! The folder of a run, through the real program: what it holds, going on from it, lists and comparisons, and faults.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use engine::runs::{Checkpoints, RunRecord, RunState};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{engine, ran};
use crate::harness::within;

/// A folder with the graph `small.json`, changed.
fn home(change: impl FnOnce(&mut Value)) -> TempDir {
    let home = TempDir::new().unwrap();
    let mut graph: Value = serde_json::from_str(include_str!("small.json")).unwrap();
    graph["nodes"]["train"]["order"] = "random".into();
    change(&mut graph["nodes"]);
    fs::write(home.path().join("small.json"), graph.to_string()).unwrap();
    home
}

/// The engine in that folder.
fn command(home: &TempDir, args: &[&str]) -> Command {
    let mut command = engine(home.path());
    command.current_dir(home.path()).args(args);
    command
}

/// Runs it, and gives both outputs.
fn engine_in(home: &TempDir, args: &[&str], expected: i32) -> (String, String) {
    let (code, out, err) = ran(&mut command(home, args));
    assert_eq!(code, expected, "{args:?}: {err}");
    (out, err)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn metrics(run: &Path) -> Vec<Value> {
    lines(&fs::read_to_string(run.join("metrics.jsonl")).unwrap())
}

/// Steps and losses.
fn curve(run: &Path) -> Vec<(u64, f64)> {
    let steps = metrics(run).into_iter().filter(|event| event["event"] == "step");
    steps.map(|event| (event["step"].as_u64().unwrap(), event["train_loss"].as_f64().unwrap())).collect()
}

/// The only run in `runs`.
fn only_run(home: &TempDir) -> PathBuf {
    let runs: Vec<_> = fs::read_dir(home.path().join("runs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1, "{runs:?}");
    runs[0].clone()
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

fn same_weights(a: &Path, b: &Path) {
    let read = |run: &Path| Checkpoints::latest(run).unwrap().unwrap();
    let (a, b) = (read(a), read(b));
    assert_eq!((a.position.step, a.tensors.len()), (b.position.step, b.tensors.len()));
    assert!(a.tensors.iter().zip(&b.tensors).all(|(a, b)| a.0 == b.0 && a.1.equal(&b.1)));
}

/// Starts it, and waits for an event.
fn started(home: &TempDir, args: &[&str], until: impl Fn(&Value) -> bool) -> Child {
    let mut child = command(home, args).arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(out.by_ref().any(|line| until(&serde_json::from_str(&line.unwrap()).unwrap())), "it ended before");
    // Nobody would read it from here on, and it must not end for that.
    std::thread::Builder::new().name("reader".into()).spawn(move || out.count()).unwrap();
    child
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// How it ended, and what it said.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn is_step(event: &Value, step: u64) -> bool {
    event["event"] == "step" && event["step"] == step
}

#[test]
fn a_folder_holds_all_that_a_run_was() {
    let home = home(|_| {});
    let set = ["--set", "model.optimizer.lr=0.02", "--seed", "7"];
    let (out, _) = engine_in(&home, &[&["run", "small.json", "--json", "--epochs", "2"][..], &set].concat(), 0);
    let run = only_run(&home);
    let name = run.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("small-20") && name.len() == "small-20260801-140322".len(), "{name}");
    let graph: Value = serde_json::from_slice(&fs::read(run.join("graph.json")).unwrap()).unwrap();
    assert_eq!((&graph["seed"], &graph["nodes"]["model"]["optimizer"]["lr"]), (&json!(7), &json!(0.02)));
    engine_in(&home, &["validate", run.join("graph.json").to_str().unwrap()], 0);
    assert!(fs::read_to_string(run.join("plan.txt")).unwrap().contains("normalize"));
    let mut written = metrics(&run);
    for event in &mut written {
        assert!(event.as_object_mut().unwrap().remove("time").unwrap().as_f64().unwrap() > 1e9);
    }
    let mut told = lines(&out);
    // That the graph is evaluated on what it is trained on is about the graph, not of the run.
    told.retain(|event| event["event"] != "warning");
    assert_eq!(written, told, "the events of --json");
    let summary: Value = serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
    assert_eq!((&summary["state"], &summary["step"]), (&json!("finished"), &json!(20)));
    let files = names(&run);
    assert!(files.iter().any(|name| name.starts_with("events.out.tfevents.")), "{files:?}");
    let kept: Vec<_> = files.iter().filter(|name| name.ends_with(".safetensors")).collect();
    assert_eq!(kept, ["best.safetensors", "step-00000010.safetensors", "step-00000020.safetensors"]);
}

#[test]
fn checkpoints_by_minutes_and_how_many_stay() {
    let home = home(|_| {});
    let run = home.path().join("a");
    let often = ["--checkpoint-minutes", "0.00000001", "--keep", "3"];
    engine_in(&home, &[&["run", "small.json", "--run-dir", "a", "--steps", "7"][..], &often].concat(), 0);
    let kept: Vec<_> = names(&run).into_iter().filter(|name| name.starts_with("step-")).collect();
    assert_eq!(kept, ["step-00000005.safetensors", "step-00000006.safetensors", "step-00000007.safetensors"]);
    let (_, err) = engine_in(&home, &["run", "small.json", "--run-dir", "a"], 1);
    assert!(err.contains("the folder holds a run already\n  hint      go on with it by `engine resume a`"), "{err}");
}

/// One set of curves, and one that a run which was never stopped has, too.
#[test]
fn killed_and_resumed_the_curves_are_one() {
    within(120, || {
        let home = home(|nodes| nodes["fault"]["delay_us"] = 300.into());
        engine_in(&home, &["run", "small.json", "--epochs", "3", "--run-dir", "whole"], 0);
        let options = ["--epochs", "3", "--checkpoint-every", "4"];
        let mut child = started(&home, &[&["run", "small.json"][..], &options].concat(), |event| is_step(event, 15));
        let run = only_run(&home);
        assert_eq!(RunRecord::read(&run).unwrap().state, RunState::Running);
        let (_, err) = engine_in(&home, &["resume", run.to_str().unwrap()], 1);
        assert!(err.contains("this run is going on at the moment"), "{err}");
        child.kill().unwrap();
        child.wait().unwrap();
        let record = RunRecord::read(&run).unwrap();
        assert_eq!((record.state, record.epochs, record.steps), (RunState::CutOff, Some(3), Some(30)));
        assert!(record.step >= 15 && record.epoch >= 1, "{record:?}");
        // From elsewhere, with nothing but the folder.
        let (code, _, err) = ran(engine(home.path()).arg("resume").arg(&run));
        assert_eq!(code, 0, "{err}");
        assert!(err.starts_with("going on after "), "{err}");
        let whole = home.path().join("whole");
        same_weights(&whole, &run);
        let curve = curve(&run);
        assert_eq!(curve.iter().map(|(step, _)| *step).collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
        assert_eq!(curve, self::curve(&whole));
        let record = RunRecord::read(&run).unwrap();
        assert_eq!((record.state, record.epoch_events.len()), (RunState::Finished, 3));
        assert_eq!(names(&run).iter().filter(|name| name.starts_with("events.out")).count(), 2);
    });
}

#[test]
fn a_refused_resume_says_what_differs() {
    let home = home(|_| {});
    engine_in(&home, &["run", "small.json", "--steps", "3", "--epochs", "2"], 0);
    let resume = ["run", "small.json", "--resume", "--steps", "5"];
    let other = ["--seed", "3", "--epochs", "4", "--set", "model.optimizer.lr=0.5"];
    let (_, err) = engine_in(&home, &[&resume[..], &other].concat(), 1);
    let expected = "the checkpoint belongs to another training:
  model.optimizer.lr: was 0.05, is 0.5
  seed: was 0, is 3
  epochs: was 2, is 4
  hint      `engine resume runs/small-";
    assert!(err.contains(expected), "{err}");
    assert_eq!(RunRecord::read(&only_run(&home)).unwrap().state, RunState::Finished, "nothing was changed");
    let (_, err) = engine_in(&home, &resume, 0);
    assert!(err.contains("going on after 3 steps"), "what is not given is as it was: {err}");
    assert_eq!(curve(&only_run(&home)).len(), 5);
    let (_, err) = engine_in(&home, &["run", "small.json", "--resume", "--set", "name=other"], 1);
    assert!(err.contains("there is no run of `other` in runs/"), "{err}");
}

#[test]
fn a_finished_run_says_so_and_trains_longer_if_asked() {
    let home = home(|_| {});
    engine_in(&home, &["run", "small.json", "--run-dir", "runs/a"], 0);
    let before = fs::read(home.path().join("runs/a/metrics.jsonl")).unwrap();
    let (_, err) = engine_in(&home, &["resume", "a"], 0);
    assert!(err.starts_with("the run is finished: 1 of 1 epoch, 10 steps; test accuracy "), "{err}");
    assert!(err.contains("`engine resume runs/a --epochs N` trains longer") && !err.contains("img/s"), "{err}");
    assert_eq!(fs::read(home.path().join("runs/a/metrics.jsonl")).unwrap(), before);
    let (_, err) = engine_in(&home, &["resume", "a", "--epochs", "3"], 0);
    assert!(err.contains("learning rates are those of 3 epochs, not of 1"), "{err}");
    let run = home.path().join("runs/a");
    assert_eq!(curve(&run).len(), 30);
    // Back to an earlier one: what came after it goes, the best stays.
    let (_, err) = engine_in(&home, &["resume", "a", "--checkpoint", "step-00000020", "--steps", "21"], 0);
    assert!(err.contains("removed, since the run goes on from step 20: ") && err.contains("step-00000030"), "{err}");
    assert_eq!(curve(&run).len(), 21);
    let kept: Vec<_> = names(&run).into_iter().filter(|name| name.ends_with(".safetensors")).collect();
    assert_eq!(kept, ["best.safetensors", "step-00000020.safetensors", "step-00000021.safetensors"]);
}

#[test]
fn runs_are_listed_and_compared() {
    let home = home(|_| {});
    let (_, err) = engine_in(&home, &["runs"], 0);
    assert_eq!(err, "there are no runs in runs\n");
    engine_in(&home, &["run", "small.json", "--run-dir", "runs/a", "--epochs", "2", "--precision", "float32"], 0);
    let set = ["--set", "model.optimizer.momentum=0.5", "--precision", "bfloat16"];
    engine_in(&home, &[&["run", "small.json", "--run-dir", "runs/b"][..], &set].concat(), 0);
    fs::create_dir(home.path().join("runs/none")).unwrap();
    let (out, _) = engine_in(&home, &["runs", "--json"], 0);
    let runs = lines(&out);
    let of = |key: &str| runs.iter().map(|run| run[key].clone()).collect::<Vec<_>>();
    let mut named = of("name");
    named.sort_by_key(|name| name.to_string());
    assert_eq!(named, ["a", "b"]);
    assert_eq!(of("state"), ["finished", "finished"]);
    let (out, _) = engine_in(&home, &["runs"], 0);
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(out.lines().any(|line| line.starts_with("a     finished     2/2  20/20")), "{out}");
    let (out, _) = engine_in(&home, &["runs", "a", "runs/b"], 0);
    let differs = |key: &str, a: &str, b: &str| {
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(out.lines().any(|line| words(line) == [key, a, b]), "{key}: {out}");
    };
    differs("model.optimizer.momentum", "–", "0.5");
    differs("precision", "float32", "bfloat16");
    differs("epochs", "2", "–");
    differs("epochs", "2/2", "1/1");
    let last: Vec<_> = out.lines().last().unwrap().split_whitespace().collect();
    assert!(last[0] == "2" && last[last.len() - 2..] == ["–", "–"], "the second epoch of the first alone: {out}");
    let (out, _) = engine_in(&home, &["runs", "a", "b", "--json"], 0);
    assert_eq!(lines(&out)[0]["graph"], json!([{ "key": "model.optimizer.momentum", "values": [null, 0.5] }]));
    let (_, err) = engine_in(&home, &["runs", "nowhere"], 2);
    assert!(err.contains("no such folder of runs"), "{err}");
}

/// By the limit of a file's size, which the system enforces as it does a disk's. The signal that comes with it is
/// ignored, as by a shell's `trap`.
#[test]
fn on_a_full_disk_the_last_checkpoint_stays_and_the_run_goes_on() {
    let home = home(|_| {});
    engine_in(&home, &["run", "small.json", "--epochs", "3", "--run-dir", "whole"], 0);
    engine_in(&home, &["run", "small.json", "--epochs", "3", "--run-dir", "a", "--steps", "10"], 0);
    let run = home.path().join("a");
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.current_dir(home.path()).args(["-c", limited, env!("CARGO_BIN_EXE_engine"), "resume", "a", "--steps", "30"]);
    let (code, _, err) = ran(&mut shell);
    assert_eq!(code, 1, "{err}");
    assert!(err.matches("cannot write the checkpoint: ").count() >= 2 && err.contains("File too large"), "{err}");
    assert!(err.contains("the training goes on") && err.contains("epoch   3"), "{err}");
    let expected =
        "error: the end of the run could not be kept\n  expected  a checkpoint of step 30\n  given     the last on";
    assert!(err.contains(expected) && err.contains("is that of step 10: a"), "{err}");
    let files = names(&run);
    assert!(!files.iter().any(|name| name.ends_with(".partial")), "{files:?}");
    assert_eq!(Checkpoints::latest(&run).unwrap().unwrap().position.step, 10);
    engine_in(&home, &["resume", "a", "--steps", "30"], 0);
    same_weights(&home.path().join("whole"), &run);
}

#[test]
fn a_folder_that_vanishes_is_made_anew() {
    within(120, || {
        let home = home(|nodes| nodes["fault"]["delay_us"] = 100.into());
        let args = ["run", "small.json", "--epochs", "3", "--run-dir", "deep/a"];
        let child = started(&home, &args, |event| is_step(event, 12));
        let run = home.path().join("deep/a");
        // All at once: while files were removed one by one, the run would write new ones.
        fs::rename(&run, home.path().join("away")).unwrap();
        let (code, err) = ended(child);
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("cannot write the run's metrics: No such file"), "{err}");
        let record = RunRecord::read(&run).unwrap();
        assert_eq!((record.state, record.step), (RunState::Finished, 30));
        let (_, err) = engine_in(&home, &["resume", "deep/a"], 0);
        assert!(err.contains("the run is finished"), "{err}");

        let child = started(&home, &["run", "small.json", "--run-dir", "gone/a"], |event| is_step(event, 5));
        fs::rename(home.path().join("gone"), home.path().join("away too")).unwrap();
        let (code, err) = ended(child);
        assert_eq!(code, Some(1), "what it was in may be a disk that is gone: {err}");
        assert!(err.contains("the run's folder has vanished, and cannot be made anew"), "{err}");
        assert!(err.contains("error: the end of the run could not be kept"), "{err}");
        assert!(!home.path().join("gone").exists());
    });
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_with_step_and_layer() {
    let home = home(|nodes| {
        let layers = nodes["model"]["layers"].as_array_mut().unwrap();
        let scale = json!({ "layer": "scale", "factor": 1e30 });
        layers.insert(2, json!({ "layer": "sequential", "layers": [{ "layer": "gelu" }, scale] }));
        layers.insert(3, json!({ "layer": "scale", "factor": 1e-30 }));
    });
    let lr = ["--checkpoint-every", "1", "--set", "model.optimizer.lr=0.05"];
    engine_in(&home, &[&["run", "small.json", "--run-dir", "fine"][..], &lr].concat(), 0);
    // The first step is fine; its update is far too large.
    let lr = ["--checkpoint-every", "1", "--set", "model.optimizer.lr=1e6", "--set", "model.precision=float32"];
    let (_, err) = engine_in(&home, &[&["run", "small.json", "--run-dir", "a", "--epochs", "9"][..], &lr].concat(), 1);
    let first = err.split("error: node `model`: the loss of step ").nth(1).unwrap_or_else(|| panic!("{err}"));
    let step: u64 = first.split(' ').next().unwrap().parse().unwrap();
    assert!(first.contains("is not a number (NaN)") || first.contains("is infinite"), "{err}");
    assert!(first.contains("the first layer whose output is not finite is 2.1 (scale); it was given"), "{err}");
    let run = home.path().join("a");
    assert!(err.contains(&format!("the last checkpoint is that of step {}: a", step - 1)), "{err}");
    assert_eq!(Checkpoints::latest(&run).unwrap().unwrap().position.step, step - 1);
    let record = RunRecord::read(&run).unwrap();
    assert_eq!(record.state, RunState::Failed);
    assert!(record.error.unwrap().contains("2.1 (scale)"));
    let (out, _) = engine_in(&home, &["runs", "a"], 0);
    assert!(out.starts_with("a: failed: node `model`: the loss of step"), "{out}");
}

/// The loss is finite, and its gradient is too, but not what is made of the weights.
#[test]
fn weights_that_are_not_finite_are_not_kept() {
    let home = home(|nodes| {
        let linear = json!({ "layer": "linear", "out_features": 10 });
        let scale = json!({ "layer": "scale", "factor": 1e35 });
        nodes["model"]["layers"] = json!([{ "layer": "flatten" }, linear, scale]);
        nodes["model"]["optimizer"]["lr"] = 1e6.into();
        nodes["model"]["precision"] = "float32".into();
    });
    let (_, err) = engine_in(&home, &["run", "small.json", "--run-dir", "a", "--checkpoint-every", "1"], 1);
    let expected = "error: node `model`: the weights after step 1 are not finite, and no checkpoint is made of them";
    assert!(err.contains(expected) && err.contains("kept      there is no checkpoint: a"), "{err}");
    let (_, err) = engine_in(&home, &["run", "small.json", "--run-dir", "b"], 1);
    assert!(err.contains("the loss of step 2 is not a number (NaN)"), "{err}");
    assert!(err.contains("the first layer that is not finite is 1 (linear): its weight `1."), "{err}");
}

#[cfg(unix)]
#[test]
fn sigterm_is_as_ctrl_c_and_the_second_ctrl_c_ends_at_once() {
    within(180, || {
        let home = home(|nodes| nodes["fault"]["delay_us"] = 100.into());
        let args = ["run", "small.json", "--run-dir", "a", "--epochs", "1000"];
        let child = started(&home, &args, |event| is_step(event, 3));
        signal(&child, "-TERM");
        let (code, err) = ended(child);
        assert_eq!(code, Some(130), "{err}");
        assert!(err.contains("go on with: engine resume a"), "{err}");
        let run = home.path().join("a");
        let record = RunRecord::read(&run).unwrap();
        assert_eq!(record.state, RunState::Stopped);
        assert_eq!(Checkpoints::latest(&run).unwrap().unwrap().position.step, record.step);

        // Steps of many seconds, so that the first Ctrl-C cannot end it.
        let home = self::home(|nodes| {
            nodes["train"]["batch_size"] = 400.into();
            let conv =
                |channels: u64| json!({ "layer": "conv2d", "out_channels": channels, "kernel_size": 9, "padding": 4 });
            let pool = json!({ "layer": "adaptive_avg_pool2d" });
            let linear = json!({ "layer": "linear", "out_features": 10 });
            nodes["model"]["layers"] = json!([conv(64), conv(128), pool, { "layer": "flatten" }, linear]);
        });
        let mut child = started(&home, &["run", "small.json", "--run-dir", "a"], |event| event["event"] == "start");
        let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, "-INT");
        assert!(err.by_ref().any(|line| line.unwrap().contains("stopping at the next batch (again: at once)")));
        let start = Instant::now();
        signal(&child, "-INT");
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert_eq!(RunRecord::read(&home.path().join("a")).unwrap().state, RunState::CutOff);
        // It has no checkpoint, and begins anew.
        let set = ["--set", "model.layers.0.kernel_size=7"];
        let (_, err) = engine_in(&home, &[&["run", "small.json", "--run-dir", "a", "--resume"][..], &set].concat(), 1);
        assert!(err.contains("another graph:\n  model.layers.0.kernel_size: was 9, is 7\n  hint "), "{err}");
    });
}

#[test]
fn an_address_that_cannot_be_served_is_told_before_the_data_is_looked_for() {
    let home = home(|_| {});
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = engine(home.path());
    command.args(["run", "graphs/cifar.json", "--data", "/nonexistent", "--no-run-dir", "--inspect", &address]);
    let (code, _, err) = ran(&mut command);
    assert_eq!(code, 1, "{err}");
    assert!(err.starts_with(&format!("error: cannot serve the inspector on {address}")), "{err}");
}
