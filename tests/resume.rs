//! A training that was interrupted and goes on is the same training, to the last bit.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::execute::{StopToken, Threaded};
use engine::plan::PlanOptions;
use engine::runs::{Checkpoints, is_run};
use engine::train::{Checkpoint, Session, TrainOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{MACHINE, plan, resources, root, within};

fn graph() -> Value {
    let mut graph: Value = serde_json::from_str(include_str!("small.json")).unwrap();
    graph["nodes"]["train"]["order"] = "random".into();
    graph["nodes"]["model"]["optimizer"]["momentum"] = 0.9.into();
    let layers = graph["nodes"]["model"]["layers"].as_array_mut().unwrap();
    layers.insert(1, serde_json::json!({ "layer": "batch_norm2d" }));
    layers.insert(4, serde_json::json!({ "layer": "dropout", "prob": 0.2 }));
    graph
}

fn session(steps: u64) -> Session {
    let options = TrainOptions { epochs: Some(3), steps: Some(steps), ..TrainOptions::default() };
    Session::new(&plan(&graph(), &PlanOptions::default()), &MACHINE, &resources(), &options).unwrap()
}

fn run(session: &mut Session) {
    let executor = Threaded::new(2, StopToken::new(), None).unwrap();
    session.run(&executor, None, &mut (), &mut ()).unwrap();
}

fn same(a: &Checkpoint, b: &Checkpoint) {
    assert_eq!(a.tensors.len(), b.tensors.len());
    for ((name, tensor), (other_name, other)) in a.tensors.iter().zip(&b.tensors) {
        assert_eq!(name, other_name);
        assert!(tensor.equal(other), "{name} differs");
    }
    let (a, b) = (&a.position, &b.position);
    assert_eq!((a.epoch, a.batch, a.step, a.images), (b.epoch, b.batch, b.step, b.images));
    assert_eq!((a.epoch_loss, a.train_loss, a.test_accuracy), (b.epoch_loss, b.train_loss, b.test_accuracy));
}

#[test]
fn in_the_middle_of_an_epoch_or_at_its_end() {
    engine::torch::init();
    within(120, || {
        let _guard = crate::training::ONE_AT_A_TIME.lock();
        let folder = TempDir::new().unwrap();
        let mut whole = session(25);
        run(&mut whole);
        for cut in [1, 7, 10, 20, 24] {
            let mut first = session(cut);
            run(&mut first);
            let path = folder.path().join("cut.safetensors");
            first.checkpoint().unwrap().write(&path).unwrap();
            let mut second = session(25);
            second.restore(&Checkpoint::read(&path).unwrap(), false).unwrap();
            run(&mut second);
            same(&whole.checkpoint().unwrap(), &second.checkpoint().unwrap());
        }
    });
}

#[test]
fn another_training_is_refused() {
    engine::torch::init();
    let _guard = crate::training::ONE_AT_A_TIME.lock();
    let checkpoint = session(5).checkpoint().unwrap();
    let options = TrainOptions { epochs: Some(4), ..TrainOptions::default() };
    let mut other = Session::new(&plan(&graph(), &PlanOptions::default()), &MACHINE, &resources(), &options).unwrap();
    let error = other.restore(&checkpoint, false).unwrap_err().to_string();
    assert_eq!(error, "the checkpoint belongs to another training:\n  epochs: was 3, is 4");
    other.restore(&checkpoint, true).unwrap();
    let mut changed = graph();
    changed["seed"] = 1.into();
    changed["nodes"]["model"]["optimizer"]["lr"] = 0.1.into();
    let options = TrainOptions { epochs: Some(3), ..TrainOptions::default() };
    let mut other = Session::new(&plan(&changed, &PlanOptions::default()), &MACHINE, &resources(), &options).unwrap();
    let error = other.restore(&checkpoint, false).unwrap_err().to_string();
    assert!(error.ends_with(":\n  model.optimizer.lr: was 0.05, is 0.1\n  seed: was 0, is 1"), "{error}");
}

/// The engine on the graph, in a folder.
fn engine(graph: &Path, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
    command.current_dir(root()).env_remove("ENGINE_DATA").args(["run", "--quiet", "--epochs", "3"]);
    command.arg(graph).arg("--run-dir").arg(folder).args(more).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn latest(folder: &Path) -> Option<Checkpoint> {
    Checkpoints::latest(folder).ok().flatten()
}

fn finished(child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Twenty times at moments that nobody chose, with nothing lost but the steps since the last checkpoint.
#[test]
fn killed_again_and_again_it_ends_with_the_same_weights() {
    within(240, || {
        let home = TempDir::new().unwrap();
        let graph_file = home.path().join("graph.json");
        fs::write(&graph_file, graph().to_string()).unwrap();
        let whole = home.path().join("whole");
        finished(engine(&graph_file, &whole, &[]).spawn().unwrap());
        let cut = home.path().join("cut");
        let (mut kills, mut last_step) = (0, 0);
        for attempt in 0_u64.. {
            let more: &[&str] = match is_run(&cut) {
                true => &["--resume"],
                false => &["--checkpoint-every", "2"],
            };
            let mut child = engine(&graph_file, &cut, more).spawn().unwrap();
            // From before the first step to some way into the next ones.
            std::thread::sleep(Duration::from_millis(300 + attempt * 37 % 400));
            if kills < 20 && child.try_wait().unwrap().is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
                let step = latest(&cut).map_or(0, |c| c.position.step);
                assert!(step >= last_step, "the checkpoint of step {last_step} was lost");
                last_step = step;
                continue;
            }
            finished(child);
            break;
        }
        same(&latest(&whole).unwrap(), &latest(&cut).unwrap());
    });
}

#[test]
fn a_damaged_checkpoint_is_refused_with_the_name_of_the_last_good_one() {
    engine::torch::init();
    let _guard = crate::training::ONE_AT_A_TIME.lock();
    let folder = TempDir::new().unwrap();
    let checkpoint = session(1).checkpoint().unwrap();
    let file = |name: &str| folder.path().join(name);
    for name in ["best.safetensors", "step-00000010.safetensors", "step-00000020.safetensors"] {
        checkpoint.write(&file(name)).unwrap();
    }
    let damage = |name: &str| {
        let bytes = fs::read(file(name)).unwrap();
        fs::write(file(name), &bytes[..bytes.len() - 9]).unwrap();
        Checkpoints::latest(folder.path()).err().unwrap().to_string()
    };
    let error = damage("step-00000020.safetensors");
    assert!(error.contains("step-00000020.safetensors\n"), "{error}");
    assert!(error.contains("the last good one is `step-00000010`") && error.contains("engine resume"), "{error}");
    for name in ["10", "step-00000010", "step-00000010.safetensors", "best"] {
        Checkpoints::named(folder.path(), name).unwrap();
    }
    let error = damage("step-00000010.safetensors");
    assert!(error.contains("the last good one is `best`"), "{error}");
    let error = damage("best.safetensors");
    assert!(!error.contains("the last good one"), "{error}");
    let error = Checkpoints::named(folder.path(), "30").err().unwrap().to_string();
    assert!(error.contains("no checkpoint `30`") && error.contains("step-00000020, step-00000010, best"), "{error}");
}
