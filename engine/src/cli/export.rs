//! `engine export`

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::trained::{TrainedArgs, fixed};
use super::training::failed;
use super::{Failure, screen};

#[derive(Args)]
#[command(after_help = "Examples:
  engine export runs/cifar-20260801-140322                      the best checkpoint, to model.pt and model.safetensors
  engine export cifar-20260801-140322 -o out/cifar.pt           and out/cifar.safetensors
  engine export runs/a --checkpoint last
  engine export graphs/cifar.json --checkpoint best.safetensors

In Python, torch.jit.load(\"model.pt\") is the model; its state has the names of torch's nn.Sequential, and so has the
safetensors file. examples/use_model.py shows both.

Exit codes: 0 done, 1 failed, 2 wrong usage or wrong graph.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    trained: TrainedArgs,

    /// The TorchScript file; model.pt unless given.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// The safetensors file; beside the TorchScript file, with its name, unless given.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Print what the model takes and gives as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn export(args: ExportArgs) -> Result<(), Failure> {
    let given = args.safetensors.clone();
    let script = args.output.clone().or(given.map(|path| path.with_extension("pt"))).unwrap_or("model.pt".into());
    let weights = args.safetensors.clone().unwrap_or_else(|| script.with_extension("safetensors"));
    if script == weights {
        return Err(Failure::Usage(format!("both files would have the name {}", script.display())));
    }
    let (script_place, weights_place) = (fixed(&script), fixed(&weights));
    let found = args.trained.find()?;
    let model = found.model(false)?;
    let about = model.about();
    let text = serde_json::to_string_pretty(&about).map_err(failed)? + "\n";
    whole(&script_place, |path| model.network().write_torchscript(path, &text))?;
    whole(&weights_place, |path| model.network().write_safetensors(path))?;
    if args.json {
        screen::out(format!("{about:#}"));
        return Ok(());
    }
    let count = screen::count(about["parameters"].as_u64().unwrap_or_default());
    let averaged = if about["weights"] == "running mean" { "; the running mean of the weights" } else { "" };
    screen::out(format!("{}: TorchScript, {count} parameters, {}{averaged}", script.display(), found.words()));
    screen::out(format!("{}: the same weights as safetensors", weights.display()));
    screen::out(format!("  input   {}", input_words(&about["input"])));
    screen::out(format!("  output  {}", output_words(&about)));
    Ok(())
}

/// Writes a file so that it has its name when it is whole.
fn whole(path: &Path, write: impl FnOnce(&Path) -> Result<(), engine::torch::TorchError>) -> Result<(), Failure> {
    let fail = |error: &dyn std::fmt::Display| Failure::Failed(format!("cannot write: {error}: {}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("."));
    let partial = tempfile::Builder::new().prefix(".export-").suffix(".unfinished").tempfile_in(folder);
    let partial = partial.map_err(|e| fail(&e))?.into_temp_path();
    write(&partial).map_err(|e| fail(&e))?;
    // A temporary file is its owner's alone; what is exported is as any other file.
    let kept = partial.keep().map_err(|e| fail(&e))?;
    std::fs::rename(&kept, path).map_err(|e| fail(&e))
}

fn list(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

fn input_words(input: &Value) -> String {
    let words = format!("float32 [n, {}]", list(&input["shape"]));
    if input["mean"].is_null() {
        return words;
    }
    format!(
        "{words}: (value − mean) / std of values 0 to 255, mean {}, std {}",
        list(&input["mean"]),
        list(&input["std"])
    )
}

fn output_words(about: &Value) -> String {
    if about["output"] != "logits" {
        return "the predicted values".into();
    }
    let classes: Vec<&str> = about["classes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    const SHOWN: usize = 20;
    match classes.len() {
        0 => "a logit for each class".into(),
        all => {
            let named = classes.iter().take(SHOWN).enumerate().map(|(index, name)| format!("{index} {name}"));
            let more = if all > SHOWN { ", …" } else { "" };
            format!("logits [n, {all}]: {}{more}", named.collect::<Vec<_>>().join(", "))
        }
    }
}
