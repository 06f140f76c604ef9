//! Models of others' and models for others: TorchScript files and closures are trained, and what is exported computes the
//! same.

use std::path::Path;
use std::sync::Arc;

use engine::execute::Inline;
use engine::layers::{LayerSpec, RowShape};
use engine::params::{Kind as ParamKind, ParamType as _};
use engine::plan::{Plan, PlanOptions};
use engine::torch::{Extra, Script, save_script};
use engine::train::{ABOUT, Checkpoint, Network, Observer, OwnModel, Precision, Session, StepReport, TrainOptions};
use serde_json::{Value, json};
use tch::nn::{self, Module as _, ModuleT as _};
use tch::{Device, Kind, Tensor};

use crate::harness::{MACHINE, plan, resources, within};
use crate::training::ONE_AT_A_TIME;

const NO_EXTRA: Extra<'_> = Extra { name: "note", text: "" };

/// Every kind of layer, with its parameters away from their defaults.
fn every_layer() -> Vec<LayerSpec> {
    let layers = json!([
        { "layer": "standardize" },
        { "layer": "whitening_conv2d", "kernel_size": 2, "eps": 1e-3 },
        { "layer": "gelu" },
        { "layer": "conv2d", "out_channels": 16, "kernel_size": 3, "padding": 1, "groups": 8 },
        { "layer": "batch_norm2d", "eps": 1e-12, "momentum": 0.4, "scale": false },
        { "layer": "leaky_relu", "slope": 0.1 },
        { "layer": "conv2d", "out_channels": 12, "kernel_size": 3, "stride": 2, "bias": false },
        { "layer": "group_norm", "groups": 3, "eps": 1e-3 },
        { "layer": "residual", "layers": [
            { "layer": "conv2d", "out_channels": 8, "kernel_size": 3, "padding": 1, "init": "dirac" },
            { "layer": "batch_norm2d" },
            { "layer": "residual", "layers": [
                { "layer": "silu" },
                { "layer": "conv2d", "out_channels": 8, "kernel_size": 1 }
            ] },
            { "layer": "tanh" }
        ], "shortcut": [
            { "layer": "conv2d", "out_channels": 8, "kernel_size": 1, "bias": false },
            { "layer": "batch_norm2d", "bias": false }
        ] },
        { "layer": "max_pool2d", "kernel_size": 3, "stride": 1, "padding": 1 },
        { "layer": "layer_norm", "eps": 1e-4 },
        { "layer": "sequential", "layers": [
            { "layer": "gelu", "approximate": "tanh" },
            { "layer": "conv2d", "out_channels": 6, "kernel_size": 2 }
        ] },
        { "layer": "avg_pool2d", "kernel_size": 2, "stride": 2, "padding": 1 },
        { "layer": "adaptive_max_pool2d", "output_size": 3 },
        { "layer": "adaptive_avg_pool2d", "output_size": 2 },
        { "layer": "relu" },
        { "layer": "flatten" },
        { "layer": "dropout", "prob": 0.3 },
        { "layer": "linear", "out_features": 16, "init": "kaiming_normal" },
        { "layer": "sigmoid" },
        { "layer": "linear", "out_features": 5, "bias": false },
        { "layer": "scale", "factor": -0.125 }
    ]);
    let layers = Vec::<LayerSpec>::from_json(&layers).expect("valid layers");
    let mut kinds: Vec<&str> = Vec::new();
    fn collect(layers: &[LayerSpec], kinds: &mut Vec<&str>) {
        for layer in layers {
            kinds.push(layer.word());
            match layer {
                LayerSpec::Residual(own) => {
                    collect(&own.layers, kinds);
                    collect(&own.shortcut, kinds);
                }
                LayerSpec::Sequential(own) => collect(&own.layers, kinds),
                _ => {}
            }
        }
    }
    collect(&layers, &mut kinds);
    let ParamKind::Tagged { variants, .. } = LayerSpec::kind() else { panic!("layers are told apart by their kind") };
    for kind in variants() {
        assert!(kinds.contains(&kind.name), "the test has no {}", kind.name);
    }
    layers
}

fn random(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn state(script: &Script) -> Vec<(String, Tensor)> {
    let mut all: Vec<_> = script.tensors().unwrap().into_iter().map(|t| (t.name, t.tensor)).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// In evaluation and in training, to the bit: outputs, gradients and running statistics.
#[test]
fn what_is_exported_computes_what_the_network_computes() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        tch::manual_seed(5);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pt");
        let network = Network::new(&every_layer(), RowShape(vec![3, 12, 12]), Device::Cpu, true).unwrap();
        network.start_from(&random(&[64, 3, 12, 12])).unwrap();
        // Running statistics that are not those of the start.
        let _ = network.forward(&random(&[16, 3, 12, 12]), true).unwrap();
        network.write_torchscript(&path, "{\"a\": 1}").unwrap();
        let script = Script::load(&path, Device::Cpu).unwrap();
        let (own, theirs) = (network.named(), state(&script));
        assert_eq!(own.len(), theirs.len());
        for ((name, tensor), (other_name, other)) in own.iter().zip(&theirs) {
            assert!(name == other_name && tensor.equal(other), "{name}, {other_name}");
        }
        assert!(own.iter().any(|(name, _)| name == "8.shortcut.0.weight"));
        assert!(own.iter().any(|(name, _)| name == "8.2.1.bias"));
        let trained: Vec<String> =
            script.tensors().unwrap().into_iter().filter(|t| t.parameter).map(|t| t.name).collect();
        let mut expected: Vec<String> = network.trainable().into_iter().map(|(name, _)| name).collect();
        expected.sort_by_key(|name| trained.iter().position(|known| known == name));
        assert_eq!(trained, expected, "its parameters are those that are trained");

        let x = random(&[9, 3, 12, 12]);
        let logits = |training: bool| {
            // Dropout draws from torch's generator.
            tch::manual_seed(11);
            let own = network.forward(&x, training).unwrap();
            tch::manual_seed(11);
            (own, script.forward(&x, training).unwrap())
        };
        let (own, theirs) = logits(false);
        assert_eq!(own.size(), [9, 5]);
        let difference = (&own - &theirs).abs().max().double_value(&[]);
        assert!(difference <= 1e-6, "logits differ by {difference}");
        let (own, theirs) = logits(true);
        let difference = (&own - &theirs).abs().max().double_value(&[]);
        assert!(difference <= 1e-6, "in training, logits differ by {difference}");
        own.square().sum(Kind::Float).backward();
        theirs.square().sum(Kind::Float).backward();
        for ((name, own), (_, theirs)) in network.named().iter().zip(&state(&script)) {
            assert!(own.allclose(theirs, 1e-5, 1e-6, false), "{name} after a pass in training");
            let (own, theirs) = (own.grad(), theirs.grad());
            assert_eq!(own.defined(), theirs.defined(), "{name}");
            assert!(!own.defined() || own.allclose(&theirs, 1e-4, 1e-5, false), "the gradient of {name}");
        }

        let weights = folder.path().join("model.safetensors");
        network.write_safetensors(&weights).unwrap();
        let read = Tensor::read_safetensors(&weights).unwrap();
        for (name, tensor) in network.named() {
            let found = read.iter().find(|(known, _)| *known == name).expect("its name");
            assert!(found.1.equal(&tensor), "{name}");
        }
    });
}

/// A graph on the built-in images, with a model of its own.
fn graph(model: (&str, Value)) -> Value {
    let source = |split, order| json!({ "op": "shapes", "split": split, "batch_size": 100, "order": order });
    let mut graph = json!({
        "name": "own",
        "nodes": {
            "train": source("train", "random"),
            "turn": { "op": "to_torch_image", "input": "train" },
            "normalize": { "op": "normalize", "mean": [120], "std": [60], "input": "turn" },
            "test": source("test", "sequential"),
            "test_turn": { "op": "to_torch_image", "input": "test" },
            "test_normalize": { "op": "normalize", "mean": [120], "std": [60], "input": "test_turn" },
            "model": {
                "op": "train",
                "input": { "train": "normalize", "test": "test_normalize" },
                "precision": "float32",
                "epochs": 1,
                "optimizer": { "type": "sgd", "lr": 0.05, "momentum": 0.9 },
                "parameter_groups": [{ "parameters": "*bias", "lr": 0.02 }]
            }
        }
    });
    graph["nodes"]["model"][model.0] = model.1;
    graph
}

/// A convolution with batch normalisation and a linear layer, as somebody else's program might have written it.
fn somebody_elses(path: &Path) {
    tch::manual_seed(1);
    let tensors = [
        ("stem.filters", random(&[16, 3, 5, 5]) * 0.1, true),
        ("stem.norm.scale", Tensor::ones([16], (Kind::Float, Device::Cpu)), true),
        ("stem.norm.shift", Tensor::zeros([16], (Kind::Float, Device::Cpu)), true),
        ("stem.norm.mean", Tensor::zeros([16], (Kind::Float, Device::Cpu)), false),
        ("stem.norm.var", Tensor::ones([16], (Kind::Float, Device::Cpu)), false),
        ("head", random(&[10, 16 * 16]) * 0.05, true),
        ("head_bias", Tensor::zeros([10], (Kind::Float, Device::Cpu)), true),
    ];
    let tensors = tensors.map(|(name, tensor, trained)| (name.to_owned(), tensor.set_requires_grad(trained), trained));
    let source = "
def forward(self, x: Tensor) -> Tensor:
    x = torch.conv2d(x, self.stem.filters, None, [2, 2], [2, 2], [1, 1], 1)
    norm = self.stem.norm
    x = torch.batch_norm(x, norm.scale, norm.shift, norm.mean, norm.var, self.training, 0.1, 1e-5, True)
    x = torch.flatten(torch.max_pool2d(torch.relu(x), [4, 4]), 1)
    return torch.linear(x, self.head, self.head_bias)
";
    save_script(source, &tensors, NO_EXTRA, path).unwrap();
}

#[derive(Default)]
struct Losses(Vec<f64>);

impl Observer for Losses {
    fn step(&mut self, step: &StepReport) {
        self.0.push(step.loss);
    }
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Trains to a step, with another session from the middle on, and once without a stop; gives the losses and the end.
fn uninterrupted_and_resumed(open: impl Fn(u64) -> Session) -> (Vec<f64>, Checkpoint) {
    let run = |session: &mut Session| {
        let mut losses = Losses::default();
        session.run(&Inline::default(), None, &mut (), &mut losses).unwrap();
        losses.0
    };
    let mut whole = open(60);
    let losses = run(&mut whole);
    let mut first = open(25);
    run(&mut first);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half.safetensors");
    first.checkpoint().unwrap().write(&path).unwrap();
    let mut second = open(60);
    second.restore(&Checkpoint::read(&path).unwrap(), false).unwrap();
    assert_eq!(run(&mut second), losses[25..]);
    let (whole, resumed) = (whole.checkpoint().unwrap(), second.checkpoint().unwrap());
    assert_eq!(whole.tensors.len(), resumed.tensors.len());
    for ((name, tensor), (_, other)) in whole.tensors.iter().zip(&resumed.tensors) {
        assert!(tensor.equal(other), "{name}");
    }
    (losses, whole)
}

fn options(steps: u64) -> TrainOptions {
    TrainOptions { steps: Some(steps), ..TrainOptions::default() }
}

#[test]
fn a_torchscript_model_trains_and_resumes() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.pt");
        somebody_elses(&path);
        let plan = plan(&graph(("torchscript", json!(path))), &PlanOptions::default());
        let open = |steps| Session::new(&plan, &MACHINE, &resources(), &options(steps)).unwrap();
        let (losses, end) = uninterrupted_and_resumed(open);
        assert!(mean(&losses[50..]) < mean(&losses[..5]) - 0.3, "{losses:?}");
        let statistics = end.tensors.iter().find(|(name, _)| name == "stem.norm.mean").expect("running statistics");
        assert!(statistics.1.abs().max().double_value(&[]) > 0.01, "they have moved");
        assert!(end.tensors.iter().any(|(name, _)| name == "optimizer.stem.filters"));
        assert!(end.tensors.iter().all(|(name, _)| name != "optimizer.stem.norm.var"));

        // In bfloat16 as in float32: what a processor that computes in it does unless told otherwise.
        let bfloat16 = TrainOptions { precision: Some(Precision::Bfloat16), ..options(30) };
        let mut session = Session::new(&plan, &MACHINE, &resources(), &bfloat16).unwrap();
        let mut rough = Losses::default();
        session.run(&Inline::default(), None, &mut (), &mut rough).unwrap();
        let (rough, fine) = (mean(&rough.0[20..]), mean(&losses[20..30]));
        assert!((rough - fine).abs() < 0.1, "{rough} in bfloat16, {fine} in float32");

        // What was trained goes out again as the same module, with its new weights.
        let session = {
            let mut session = open(60);
            session.restore(&end, false).unwrap();
            session
        };
        let out = folder.path().join("trained.pt");
        session.network().write_torchscript(&out, "{}").unwrap();
        let x = random(&[4, 3, 32, 32]);
        let again = Script::load(&out, Device::Cpu).unwrap();
        assert!(again.forward(&x, false).unwrap().equal(&session.network().forward(&x, false).unwrap()));
        assert_eq!(ABOUT, "model.json");
    });
}

/// A small network with batch normalisation, whose statistics tch keeps in the store.
fn own_model(path: &nn::Path<'_>) -> OwnModel {
    let normal = |stdev| nn::Init::Randn { mean: 0.0, stdev };
    let conv = nn::ConvConfig { stride: 2, padding: 2, bias: false, ws_init: normal(0.1), ..Default::default() };
    let conv = nn::conv2d(path / "conv", 3, 16, 5, conv);
    let norm = nn::BatchNormConfig { ws_init: nn::Init::Const(1.0), ..Default::default() };
    let norm = nn::batch_norm2d(path / "norm", 16, norm);
    let head = nn::LinearConfig { ws_init: normal(0.05), ..Default::default() };
    let head = nn::linear(path / "head", 16 * 16, 10, head);
    Box::new(move |x, training| {
        let x = conv.forward(x).apply_t(&norm, training).relu().max_pool2d_default(4);
        head.forward_t(&x.flatten(1, -1), training)
    })
}

#[test]
fn a_closure_trains_and_resumes() {
    engine::torch::init();
    within(120, || {
        let _guard = ONE_AT_A_TIME.lock();
        let plan: Arc<Plan> = plan(&graph(("own_model", json!(true))), &PlanOptions::default());
        let open = |steps| Session::with_model(&plan, &MACHINE, &resources(), &options(steps), own_model).unwrap();
        let (losses, end) = uninterrupted_and_resumed(open);
        assert!(mean(&losses[50..]) < mean(&losses[..5]) - 0.3, "{losses:?}");
        let names: Vec<&str> = end.tensors.iter().map(|(name, _)| name.as_str()).collect();
        for expected in ["conv.weight", "norm.running_mean", "head.bias", "optimizer.head.weight"] {
            assert!(names.contains(&expected), "{expected} in {names:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        let session = open(1);
        session.network().write_safetensors(&folder.path().join("own.safetensors")).unwrap();
        let error = session.network().write_torchscript(&folder.path().join("own.pt"), "{}").unwrap_err();
        assert!(error.0.contains("the program's own model"), "{error}");
        // Without its program the graph says what is missing.
        let error = Session::new(&plan, &MACHINE, &resources(), &options(1)).err().expect("no model").to_string();
        assert!(error.contains("Session::with_model"), "{error}");
    });
}
