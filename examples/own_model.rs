//! Trains a model that the program builds itself, with tch's own layers, on the built-in images: the graph says where
//! the data comes from and how the weights follow the gradient, the program what the model computes.
//!
//! ```text
//! cargo run --release -p engine --example own_model
//! ```

use std::error::Error;
use std::sync::Arc;

use engine::data::Split;
use engine::data::Where;
use engine::execute::{StopToken, Threaded};
use engine::graph::GraphBuilder;
use engine::operators::{FloatType, Normalize, Order, Registry, Resources, Shapes, ToTorchImage, Train};
use engine::plan::{Plan, PlanOptions};
use engine::train::{AdamW, EpochReport, Observer, OwnModel, Session, TrainOptions};
use tch::nn::{self, Module as _, ModuleT as _};

fn main() -> Result<(), Box<dyn Error>> {
    let machine = engine::torch::probe();
    let mut graph = GraphBuilder::new("own_model");
    let mut images = |name: &str, split, order| {
        let source = graph.source(name, Shapes { split, order, batch_size: 500, ..Shapes::default() });
        let (mean, std, field) = (vec![120.0], vec![60.0], "image".to_owned());
        let normalize = Normalize { mean, std, dtype: FloatType::Float32, field };
        let normalized = graph.node(&format!("{name}_normalize"), normalize, &source);
        graph.node(&format!("{name}_turn"), ToTorchImage::default(), &normalized)
    };
    let train = images("train", Split::Train, Order::Random);
    let test = images("test", Split::Test, Order::Sequential);
    let recipe = Train { own_model: true, epochs: 2, ..Train::new(AdamW { lr: 2e-3, ..AdamW::default() }.into()) };
    graph.node("model", recipe, [("train", &train), ("test", &test)]);
    let graph = graph.build(&Registry::builtin())?;

    let plan = Arc::new(Plan::new(&graph, &machine, &PlanOptions::default())?);
    let resources = Resources::new(Where::default());
    let workers = Threaded::new(plan.workers, StopToken::new(), None)?;
    let mut session = Session::with_model(&plan, &machine, &resources, &TrainOptions::default(), model)?;
    session.run(&workers, None, &mut (), &mut Print)?;

    // Its weights, for whoever builds the same model: names are those of the paths below.
    session.network().write_safetensors("own_model.safetensors".as_ref())?;
    println!("own_model.safetensors: {} tensors", session.network().named().len());
    Ok(())
}

/// A small network. Whatever is made below `path` is trained, kept in checkpoints, and found again when a run goes on;
/// patterns of parameter groups are matched with its names, such as `stem.weight`.
fn model(path: &nn::Path<'_>) -> OwnModel {
    let halve = nn::ConvConfig { stride: 2, padding: 1, bias: false, ..Default::default() };
    let stem = nn::conv2d(path / "stem", 3, 16, 3, halve);
    let norm = nn::batch_norm2d(path / "norm", 16, Default::default());
    let body = nn::conv2d(path / "body", 16, 32, 3, halve);
    let body_norm = nn::batch_norm2d(path / "body_norm", 32, Default::default());
    let head = nn::linear(path / "head", 32, 10, Default::default());
    Box::new(move |images, training| {
        let x = stem.forward(images).apply_t(&norm, training).relu();
        let x = body.forward(&x).apply_t(&body_norm, training).relu();
        head.forward_t(&x.adaptive_max_pool2d([1, 1]).0.flatten(1, -1), training)
    })
}

/// Prints each epoch.
struct Print;

impl Observer for Print {
    fn epoch(&mut self, epoch: &EpochReport) {
        let accuracy = epoch.test_accuracy.unwrap_or_default() * 100.0;
        println!("epoch {}: loss {:.3}, accuracy {accuracy:.1} %", epoch.epoch, epoch.train_loss);
    }
}
