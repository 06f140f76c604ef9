//! Builds a graph in Rust, plans it, runs its data pipeline for a few batches, and trains its model for a few steps.
//!
//! The graph is that of `graphs/cifar.json`, but its network has an eighth of the channels, so that it ends in seconds.
//! Without a folder of CIFAR-10 the built-in images of `Shapes` take its place.
//!
//! ```text
//! cargo run --release -p engine --example build_pipeline [-- FOLDER]
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use engine::data::{Split, Where};
use engine::execute::{BatchRange, Executor as _, Pipeline, StopToken, Threaded};
use engine::graph::{Graph, GraphBuilder, GraphError, NodeRef};
use engine::layers::{
    AdaptiveMaxPool2d, BatchNorm2d, Conv2d, Flatten, LayerSpec, Linear, MaxPool2d, Relu, Residual, Scale,
};
use engine::operators::{
    Cifar10, Cutout, Evaluation, FloatType, Normalize, Order, RandomHorizontalFlip, RandomTranslate, Registry,
    Resources, Shapes, ToDevice, ToTorchImage, Train,
};
use engine::plan::{Plan, PlanOptions};
use engine::train::{
    CrossEntropy, Observer, PiecewiseLinear, RunStart, Session, Sgd, StepReport, TestTimeAugmentation, TrainOptions,
};

const STEPS: u64 = 30;

fn main() -> Result<(), Box<dyn Error>> {
    // Looks for devices, which must come before any other use of torch.
    let machine = engine::torch::probe();
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let graph = cifar(folder.is_some())?;
    let plan = Arc::new(Plan::new(&graph, &machine, &PlanOptions::default())?);
    print!("{plan}");

    let resources = Resources::new(Where { data_dir: folder, ..Where::default() });
    let workers = Threaded::new(plan.workers, StopToken::new(), None)?;
    run_data(&plan, &resources, &workers)?;

    let options = TrainOptions { steps: Some(STEPS), ..TrainOptions::default() };
    let mut session = Session::new(&plan, &machine, &resources, &options)?;
    let summary = session.run(&workers, None, &mut (), &mut Print)?;
    println!("{} steps at {:.0} images/s", summary.steps, summary.images_per_second);
    Ok(())
}

/// The graph of `graphs/cifar.json`, on CIFAR-10 or on the built-in images.
fn cifar(with_data: bool) -> Result<Graph, GraphError> {
    let mean_colour = vec![125, 122, 113];
    let mut graph = GraphBuilder::new("cifar");
    let mut source = |name: &str, split, batch_size, order, drop_last| match with_data {
        true => graph.source(name, Cifar10 { split, batch_size, order, drop_last, ..Cifar10::default() }),
        false => graph.source(name, Shapes { split, batch_size, order, drop_last, ..Shapes::default() }),
    };
    let train = source("train", Split::Train, 512, Order::Random, true);
    let test = source("test", Split::Test, 1000, Order::Sequential, false);

    let flip = graph.node("flip", RandomHorizontalFlip::default(), &train);
    let shift = RandomTranslate { fill: mean_colour.clone(), ..RandomTranslate::new(2) };
    let translate = graph.node("translate", shift, &flip);
    let square = Cutout { fill: mean_colour, ..Cutout::new(8) };
    let cutout = graph.node("cutout", square, &translate);
    let train = to_tensors(&mut graph, "", &cutout);

    let test = to_tensors(&mut graph, "test_", &test);

    graph.node("model", recipe(), [("train", &train), ("test", &test)]);
    graph.build(&Registry::builtin())
}

/// The nodes that both inputs of the model have in common: to its device, in its layout, normalised.
fn to_tensors(graph: &mut GraphBuilder, prefix: &str, input: &NodeRef) -> NodeRef {
    let moved = graph.node(&format!("{prefix}to_gpu"), ToDevice::default(), input);
    let turned = graph.node(&format!("{prefix}to_torch"), ToTorchImage::default(), moved);
    let normalize = Normalize {
        mean: vec![125.307, 122.961, 113.8575],
        std: vec![51.5865, 50.847, 51.255],
        dtype: FloatType::Float32,
        field: "image".into(),
    };
    graph.node(&format!("{prefix}normalize"), normalize, turned)
}

/// Model and recipe.
fn recipe() -> Train {
    Train {
        layers: resnet9(8),
        schedule: PiecewiseLinear::new(vec![[0.0, 0.0], [5.0, 1.0], [24.0, 0.0]]).into(),
        loss: CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() }.into(),
        epochs: 24,
        evaluation: Evaluation { test_time_augmentation: TestTimeAugmentation::Mirror, ..Evaluation::default() },
        ..Train::new(Sgd { momentum: 0.9, weight_decay: 5e-4, ..Sgd::new(0.5) }.into())
    }
}

/// ResNet-9 with `width` channels after its first layer; the file has 64.
fn resnet9(width: usize) -> Vec<LayerSpec> {
    [
        conv(width, 3, 1, 1),
        conv(2 * width, 5, 2, 2),
        residual(2 * width),
        conv(4 * width, 3, 1, 1),
        vec![MaxPool2d { kernel_size: 2, stride: None, padding: 0 }.into()],
        residual(4 * width),
        conv(2 * width, 3, 1, 0),
        vec![
            AdaptiveMaxPool2d::default().into(),
            Flatten {}.into(),
            Linear { bias: false, ..Linear::new(10) }.into(),
            Scale { factor: 0.2 }.into(),
        ],
    ]
    .concat()
}

/// Convolution, batch normalisation, ReLU.
fn conv(out_channels: usize, kernel_size: usize, stride: usize, padding: usize) -> Vec<LayerSpec> {
    let conv = Conv2d { stride, padding, bias: false, ..Conv2d::new(out_channels, kernel_size) };
    vec![conv.into(), BatchNorm2d::default().into(), Relu {}.into()]
}

/// Two convolutions around which the input is added to their result.
fn residual(channels: usize) -> Vec<LayerSpec> {
    vec![Residual::new([conv(channels, 3, 1, 1), conv(channels, 3, 1, 1)].concat()).into()]
}

/// Takes a few batches of what the model would be trained on.
fn run_data(plan: &Arc<Plan>, resources: &Resources, workers: &Threaded) -> Result<(), Box<dyn Error>> {
    let outlet = plan.outlet("train").ok_or("the model has no training data")?;
    let pipeline = Arc::new(Pipeline::new(plan, outlet, resources)?);
    let mut batches = workers.start(&pipeline, BatchRange::epochs(0..1));
    println!("\nbatches");
    for _ in 0..3 {
        let Some(batch) = batches.next()? else { break };
        println!("  {}: {} rows, samples {:?} …", batch.id().words(), batch.rows(), &batch.samples()[..4]);
        for field in batch.fields() {
            println!("    {field}");
        }
    }
    Ok(())
}

/// Prints every tenth step.
struct Print;

impl Observer for Print {
    fn start(&mut self, start: &RunStart) {
        println!("\ntraining: {} parameters on {}, {}", start.parameters, start.device, start.arithmetic.word());
    }

    fn step(&mut self, step: &StepReport) {
        if step.step.is_multiple_of(10) {
            println!("  step {}: loss {:.3}, learning rate {:.4}", step.step, step.loss, step.learning_rate);
        }
    }
}
