//! `engine predict`

use std::path::{Path, PathBuf};

use clap::Args;
use engine::data::ElementType;
use engine::execute::{StopToken, Threaded};
use engine::operators::{GivenImages, Resized};
use engine::train::Predictions;
use serde_json::{Value, json};

use super::common::stop_at_ctrl_c;
use super::trained::{TrainedArgs, class_name, fixed};
use super::training::failed;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine predict runs/cifar-20260801-140322 cat.jpg dog.png
  engine predict cifar-20260801-140322 photos/*.jpg --top 1 --json
  engine predict runs/a x.png --precision float32 --no-tta --inputs inputs.npy --logits logits.npy
                                                 to compare with the exported model: examples/use_model.py

The images go through the nodes that the graph's test images go through. Where those have one size, other images are
resized to it first, and that is said.

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph, 130 interrupted.")]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    trained: TrainedArgs,

    /// Image files: JPEG, PNG, WebP.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// How many of the most likely classes are told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,

    /// Look at each image as it is: no test-time augmentation.
    #[arg(long)]
    no_tta: bool,

    /// Write the model's outputs to this file: float32 [images, outputs].
    #[arg(long, value_name = "FILE.npy")]
    logits: Option<PathBuf>,

    /// Write what the model was given to this file: float32 [images, channels, height, width].
    #[arg(long, value_name = "FILE.npy")]
    inputs: Option<PathBuf>,

    /// Print one JSON object an image and line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn predict(args: PredictArgs) -> Result<(), Failure> {
    let images: Vec<PathBuf> = args.images.iter().map(|path| fixed(path)).collect();
    let [logits, inputs] = [&args.logits, &args.inputs].map(|path| path.as_deref().map(fixed));
    let found = args.trained.find()?;
    let model = found.model(args.no_tta)?;
    let outlet = found.plan.outlet("test").or_else(|| found.plan.outlet("train"));
    let source = &found.plan.nodes[found.plan.nodes[outlet.expect("the graph has a model")].source];
    let fields: Vec<_> = source.signature.writes.iter().map(|write| write.field.clone()).collect();
    let given = GivenImages::open(&images, &fields, model.input_field())
        .map_err(|e| Failure::Failed(format!("node `{}`: {e}", source.name)))?;
    let resized = given.resized();
    let stop = StopToken::new();
    stop_at_ctrl_c(&stop, "stopping")?;
    let resources = found.data.resources(&stop, args.json, false);
    let executor = Threaded::new(found.plan.workers, stop.clone(), None).map_err(failed)?;
    let predictions = model.predict(&executor, &resources, Box::new(given), inputs.is_some()).map_err(failed)?;
    if stop.stopped() {
        return Err(Failure::Interrupted);
    }
    if let Some(path) = &logits {
        save(path, &[images.len(), predictions.outputs], &predictions.values)?;
    }
    if let Some(path) = &inputs {
        save(path, &[&[images.len()], &predictions.input_shape[..]].concat(), &predictions.inputs)?;
    }
    let classes = if model.predicts_classes() { Some(model.classes()) } else { None };
    tell(&args.images, &resized, &predictions, classes, args.top as usize, args.json);
    Ok(())
}

fn save(path: &Path, shape: &[usize], values: &[f32]) -> Result<(), Failure> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    engine::data::npy::write(path, ElementType::Float32, shape, &bytes).map_err(failed)
}

/// `classes`: their names, if classes are predicted.
fn tell(
    images: &[PathBuf],
    resized: &[Resized],
    predictions: &Predictions,
    classes: Option<&[String]>,
    top: usize,
    json: bool,
) {
    for (index, (path, outputs)) in images.iter().zip(predictions.rows()).enumerate() {
        let resized = resized.iter().find(|resized| resized.index == index);
        let likely = classes.map(|_| most_likely(outputs, top));
        if json {
            let mut object = json!({ "image": path, "outputs": outputs });
            if let (Some(likely), Some(classes)) = (&likely, classes) {
                let one = |(class, share): &(usize, f64)| json!({ "class": class, "name": classes.get(*class), "probability": share });
                object["predictions"] = likely.iter().map(one).collect();
            }
            object["resized_from"] = resized.map_or(Value::Null, |r| json!([r.from.height, r.from.width]));
            screen::out(object);
            continue;
        }
        let note = resized.map_or_else(String::new, |r| {
            format!(" (resized from {} × {} to {} × {})", r.from.width, r.from.height, r.to.width, r.to.height)
        });
        screen::out(format!("{}{note}", path.display()));
        match (&likely, classes) {
            (Some(likely), Some(classes)) => {
                for (class, share) in likely {
                    screen::out(format!("  {:>8}  {}", format!("{:.2} %", share * 100.0), class_name(classes, *class)));
                }
            }
            _ => screen::out(format!("  {outputs:?}")),
        }
    }
}

/// The classes of the greatest logits, with their probabilities, the likeliest first.
fn most_likely(logits: &[f32], top: usize) -> Vec<(usize, f64)> {
    let greatest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f64> = logits.iter().map(|logit| f64::from(logit - greatest).exp()).collect();
    let sum: f64 = shares.iter().sum();
    let mut all: Vec<(usize, f64)> = shares.iter().map(|share| share / sum).enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(top);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first_whatever_the_logits() {
        assert_eq!(most_likely(&[1000.0, 0.0, 1000.0], 2), [(0, 0.5), (2, 0.5)]);
        let shares = most_likely(&[0.0, 3f32.ln()], 5);
        assert!(shares[0].0 == 1 && (shares[0].1 - 0.75).abs() < 1e-6 && shares.len() == 2, "{shares:?}");
    }
}
