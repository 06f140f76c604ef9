//! Trained models, through the real program: tested, asked about images, written for others. And linear regression.

use std::fs;
use std::path::{Path, PathBuf};

use engine::data::{ElementType, npy};
use engine::execute::Inline;
use engine::plan::PlanOptions;
use engine::random::Key;
use engine::torch::Script;
use engine::train::{Checkpoint, EpochReport, Observer, Session, TrainOptions};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

use crate::cli::{engine, ran};
use crate::harness::{MACHINE, plan, resources, root, within};
use crate::training::ONE_AT_A_TIME;

/// A run of `small.json` with a running mean of the weights, and its folder.
fn trained(home: &TempDir) -> PathBuf {
    let mut graph: Value = serde_json::from_str(include_str!("small.json")).unwrap();
    graph["nodes"]["model"]["weight_average"] = json!({ "decay": 0.5 });
    graph["nodes"]["model"]["evaluation"] = json!({ "test_time_augmentation": "mirror" });
    fs::write(home.path().join("small.json"), graph.to_string()).unwrap();
    said(home, &["run", "small.json", "--epochs", "2", "--precision", "float32", "--run-dir", "runs/one"], 0);
    home.path().join("runs/one")
}

fn said(home: &TempDir, args: &[&str], expected: i32) -> (String, String) {
    let mut command = engine(home.path());
    let (code, out, err) = ran(command.current_dir(home.path()).args(args));
    assert_eq!(code, expected, "{args:?}: {err}");
    (out, err)
}

fn last_epoch(run: &Path) -> Value {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut events = text.lines().rev().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.find(|event| event["event"] == "epoch").unwrap()
}

fn close(a: &Value, b: &Value) -> bool {
    (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-6
}

#[test]
fn a_run_is_tested_as_it_was_while_it_trained() {
    let home = TempDir::new().unwrap();
    let run = trained(&home);
    let epoch = last_epoch(&run);
    let (out, _) = said(&home, &["eval", "one", "--checkpoint", "last", "--json"], 0);
    let found: Value = serde_json::from_str(&out).unwrap();
    assert!(
        close(&found["accuracy"], &epoch["test_accuracy"]) && close(&found["loss"], &epoch["test_loss"]),
        "{found}"
    );
    assert!(close(&found["top5"], &epoch["test_top5"]), "{found}");
    assert_eq!(
        (&found["samples"], &found["step"], &found["weights"]),
        (&json!(10000), &json!(20), &json!("running mean"))
    );
    let shares: Vec<f64> = found["per_class"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
    let mean = shares.iter().sum::<f64>() / 10.0;
    // The built-in images have as many of each class.
    assert!((mean - found["accuracy"].as_f64().unwrap()).abs() < 1e-6, "{shares:?}");

    // The graph, or another one of the same model, with the checkpoint of a run.
    let checkpoint = run.join("step-00000020.safetensors");
    let checkpoint = checkpoint.to_str().unwrap();
    let args = ["eval", "small.json", "--checkpoint", checkpoint, "--json", "--precision", "float32"];
    let other: Value = serde_json::from_str(&said(&home, &args, 0).0).unwrap();
    assert_eq!((&other["accuracy"], &other["confusion"]), (&found["accuracy"], &found["confusion"]));
    let (text, _) = said(&home, &["eval", "one", "--no-tta"], 0);
    assert!(text.contains("10,000 test samples, float32, no test-time augmentation"), "{text}");
    assert!(text.contains("taken for") && text.lines().count() > 10, "{text}");

    let (_, err) = said(&home, &["eval", "small.json"], 2);
    assert!(err.contains("a graph with --checkpoint FILE"), "{err}");
    let wider = fs::read_to_string(home.path().join("small.json")).unwrap();
    fs::write(home.path().join("wider.json"), wider.replace("\"out_channels\":8", "\"out_channels\":9")).unwrap();
    let (_, err) = said(&home, &["eval", "wider.json", "--checkpoint", checkpoint], 1);
    assert!(err.contains("has no `0.bias` of this shape") && err.contains("the same model"), "{err}");
}

#[test]
fn what_is_exported_and_what_predicts_agree() {
    let home = TempDir::new().unwrap();
    let run = trained(&home);
    for (name, scale) in [("a.png", "1"), ("b.png", "2")] {
        let args =
            ["sample", "small.json", "--epoch", "1", "--index", "5", "--node", "test", "--scale", scale, "-o", name];
        said(&home, &args, 0);
    }
    let args = ["--no-tta", "--inputs", "inputs.npy", "--logits", "logits.npy"];
    let (text, _) = said(&home, &[&["predict", "one", "a.png", "b.png", "--top", "3"], &args[..]].concat(), 0);
    assert!(text.contains("b.png (resized from 64 × 64 to 32 × 32)") && text.lines().count() == 8, "{text}");
    let (out, _) = said(&home, &["predict", "one", "a.png", "--json"], 0);
    let found: Value = serde_json::from_str(&out).unwrap();
    let likely = found["predictions"].as_array().unwrap();
    assert_eq!((likely.len(), found["outputs"].as_array().unwrap().len()), (5, 10));
    assert!(likely[0]["probability"].as_f64() >= likely[1]["probability"].as_f64() && likely[0]["name"].is_string());

    let (text, _) = said(&home, &["export", "one", "--checkpoint", "last"], 0);
    assert!(text.contains("float32 [n, 3, 32, 32]: (value − mean) / std of values 0 to 255, mean 120"), "{text}");
    assert!(text.contains("the running mean of the weights") && text.contains("logits [n, 10]: 0 "), "{text}");
    engine::torch::init();
    let array = |name: &str| Tensor::read_npy(home.path().join(name)).unwrap();
    let (inputs, logits) = (array("inputs.npy"), array("logits.npy"));
    assert_eq!((inputs.size(), logits.size()), (vec![2, 3, 32, 32], vec![2, 10]));
    // The same image, in the sizes that it was resized between.
    let sample = ["sample", "small.json", "--epoch", "1", "--index", "5", "--node", "test_normalize", "-o", "x.npy"];
    said(&home, &sample, 0);
    assert!(array("x.npy").equal(&inputs.select(0, 0)), "it goes through the graph's nodes");
    let model = Script::load(&home.path().join("model.pt"), Device::Cpu).unwrap();
    let difference = (model.forward(&inputs, false).unwrap() - logits).abs().max().double_value(&[]);
    assert!(difference < 1e-5, "logits differ by {difference}");

    let exported = Tensor::read_safetensors(home.path().join("model.safetensors")).unwrap();
    let last = run.join("step-00000020.safetensors");
    let kept = Checkpoint::read(&last).unwrap();
    for (name, tensor) in &exported {
        let mean = kept.tensors.iter().find(|(known, _)| *known == format!("average.{name}")).expect("a running mean");
        assert!(mean.1.equal(tensor), "{name}");
    }
    // A checkpoint alone says which graph it is of.
    fs::copy(&last, home.path().join("alone.safetensors")).unwrap();
    said(&home, &["export", "alone.safetensors", "-o", "out.pt"], 0);
    let again = Tensor::read_safetensors(home.path().join("out.safetensors")).unwrap();
    assert_eq!(again.len(), exported.len());
    let (_, err) = said(&home, &["predict", "one", "small.json"], 1);
    assert!(err.contains("neither JPEG, PNG nor WebP") && err.contains("small.json"), "{err}");
    let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("unfinished")), "{left:?}");
}

#[derive(Default)]
struct Epochs(Vec<EpochReport>);

impl Observer for Epochs {
    fn epoch(&mut self, epoch: &EpochReport) {
        self.0.push(*epoch);
    }
}

/// `graphs/linear_regression.json` on data as `examples/linear_data.py` makes it, but less of it.
#[test]
fn linear_regression_finds_the_weights() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        const FEATURES: usize = 8;
        let folder = TempDir::new().unwrap();
        let mut graph: Value =
            serde_json::from_str(&fs::read_to_string(root().join("graphs/linear_regression.json")).unwrap()).unwrap();
        let scale = |feature: usize| 10f64.powi(feature as i32 % 5 - 2);
        let weight = |feature: usize| (feature as f64 + 1.0) / 14.3 / scale(feature);
        let mut rng = Key::of_seed(3).rng();
        // Uniform numbers of variance 1.
        let mut draw = || (rng.unit() - 0.5) * 12f64.sqrt();
        for (split, rows) in [("train", 100_000), ("test", 5000)] {
            let (mut features, mut targets) = (Vec::<u8>::new(), Vec::<u8>::new());
            for _ in 0..rows {
                let mut target = 0.5 + 0.1 * draw();
                for feature in 0..FEATURES {
                    let value = (scale(feature) * (2.0 + draw())) as f32;
                    target += weight(feature) * f64::from(value);
                    features.extend(value.to_le_bytes());
                }
                targets.extend((target as f32).to_le_bytes());
            }
            let of = |name: &str| folder.path().join(split).join(format!("{name}.npy"));
            fs::create_dir(folder.path().join(split)).unwrap();
            npy::write(&of("features"), ElementType::Float32, &[rows, FEATURES], &features).unwrap();
            npy::write(&of("target"), ElementType::Float32, &[rows], &targets).unwrap();
            graph["nodes"][split]["path"] = json!([of("features"), of("target")]);
            graph["nodes"][split]["batch_size"] = 100.into();
        }
        let plan = plan(&graph, &PlanOptions::default());
        let mut session = Session::new(&plan, &MACHINE, &resources(), &TrainOptions::default()).unwrap();
        let mut epochs = Epochs::default();
        session.run(&Inline::default(), None, &mut (), &mut epochs).unwrap();
        let loss = epochs.0[0].test_loss.unwrap();
        // The variance of the noise, which no model is below but by chance.
        assert!((0.009..0.0112).contains(&loss), "test loss {loss}");
        assert_eq!((epochs.0[0].test_accuracy, epochs.0[0].test_top5), (None, None));
        let named = session.network().named();
        let of =
            |name: &str| named.iter().find(|(known, _)| known == name).unwrap().1.flatten(0, -1).to_kind(Kind::Double);
        let weights = Vec::<f64>::try_from(of("1.weight") / of("0.std")).unwrap();
        for (feature, found) in weights.iter().enumerate() {
            let share = found / weight(feature);
            assert!((0.9..1.1).contains(&share), "feature {feature}: {found} for {}", weight(feature));
        }
    });
}
