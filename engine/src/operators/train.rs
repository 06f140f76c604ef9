//! `train`: the model and its recipe.

use super::images::mismatch;
use super::kernel::{Kernel, OperatorError, Site};
use super::recipe_warnings::recipe_warnings;
use super::registry::{Inputs, Operator, OperatorParams, Port, PortSchemas, Role, Signature, missing_field};
use super::to_device::DeviceChoice;
use crate::batch::{DType, Field, Layout, Schema};
use crate::layers::{LayerFault, LayerSpec, RowShape, check, parameters};
use crate::params::{Fault, Faults, object, params, plural};
use crate::train::{
    Constant, CrossEntropy, LossSpec, OptimizerSpec, ParameterGroup, Precision, ScheduleSpec, TestTimeAugmentation,
    WeightAverage,
};

params! {
    /// Trains a model on the batches of `train`, and evaluates it on those of `test`.
    ///
    /// The model is a list of layers, a TorchScript file, or the program's own. It reads `image`, in torch's order and of
    /// a floating-point type, and `label`: the class, or for each class its share, as `one_hot`, `mixup` and `cutmix`
    /// write it; with `mean_squared_error`, numbers.
    pub struct Train {
        /// The model, layer by layer.
        layers: Vec<LayerSpec> = Vec::new(),
        /// The model as a TorchScript file, in place of layers: what torch.jit.script made and saved. It is trained from
        /// the weights that are in it.
        torchscript: Option<String> = None,
        /// Whether the program that runs the graph gives the model, in place of layers.
        own_model: bool = false,
        /// How the weights follow the gradient.
        optimizer: OptimizerSpec,
        /// Factor of the learning rate over the training.
        schedule: ScheduleSpec = ScheduleSpec::Constant(Constant {}),
        /// Weights that are trained otherwise, or not at all.
        parameter_groups: Vec<ParameterGroup> = Vec::new(),
        /// What is minimised.
        loss: LossSpec = LossSpec::CrossEntropy(CrossEntropy::default()),
        /// How often the training images are gone through.
        epochs: u64 = 1 => 1..=1_000_000,
        /// Batches that an update of the weights is made of: the mean of their gradients.
        accumulate: u64 = 1 => 1..=1_000_000,
        /// Greatest norm of all gradients together; they are scaled down to it.
        clip_gradient_norm: Option<f64> = None => 1e-12..=1e12,
        /// Greatest absolute value of each gradient.
        clip_gradient_value: Option<f64> = None => 1e-12..=1e12,
        /// A running mean of the weights, which is evaluated in their place.
        weight_average: Option<WeightAverage> = None,
        /// Arithmetic of the model.
        precision: Precision = Precision::Auto,
        /// Where the model is: `auto` (the first CUDA device where there is one, else the CPU), `cpu` or `cuda:N`.
        device: DeviceChoice = DeviceChoice::Auto,
        /// Whether filters lie channels last, which convolutions are fastest with.
        channels_last: bool = true,
        /// The field that the model reads.
        input_field: String = IMAGE.to_owned(),
        /// The field that it is to predict.
        target_field: String = LABEL.to_owned(),
        /// How the model is evaluated.
        evaluation: Evaluation = Evaluation::default(),
    }
}

params! {
    /// How a model is evaluated on the test images.
    pub struct Evaluation: Default {
        /// Epochs between two evaluations; the last epoch is always evaluated.
        every: u64 = 1 => 1..=1_000_000,
        /// What is averaged.
        test_time_augmentation: TestTimeAugmentation = TestTimeAugmentation::None,
    }
}

object!(Evaluation);

impl OperatorParams for Train {
    fn operator_name(&self) -> &'static str {
        TrainOperator::NAME
    }
}

/// See [`Train`].
pub struct TrainOperator;

/// The field that a model reads unless the graph says otherwise.
pub const IMAGE: &str = "image";
/// The field that it is to predict unless the graph says otherwise.
pub const LABEL: &str = "label";

impl Operator for TrainOperator {
    type Params = Train;
    const NAME: &'static str = "train";
    const ROLE: Role = Role::Model;
    const INPUTS: Inputs = Inputs::Ports(&[
        Port { name: "train", required: true, docs: "batches to train on" },
        Port { name: "test", required: false, docs: "batches to evaluate on" },
        Port { name: "init", required: false, docs: "batches that layers set from data see, in place of `train`" },
    ]);

    fn signature(&self, params: &Train, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let mut faults = Faults::default();
        faults.keep(check_model(params));
        faults.keep(check_schedule("/schedule", &params.schedule));
        // Most models see the same shape at both inputs, whose layers are checked once.
        let mut seen: Vec<(Vec<usize>, Option<usize>)> = Vec::new();
        for port in ["train", "test", "init"] {
            let Some(schema) = inputs.port(port) else { continue };
            let input = faults.keep(check_input(port, params, schema));
            let outputs = if port == "init" { None } else { faults.keep(check_target(port, params, schema)) };
            let Some(shape) = input.or_else(|| schema.field(&params.input_field).map(model_shape)) else { continue };
            if port == "train" {
                faults.keep(check_groups(params, &shape));
                faults.keep(check_augmentation(params, &shape));
            }
            let case = (shape.clone(), outputs);
            if params.layers.is_empty() || seen.contains(&case) {
                continue;
            }
            let place = if seen.is_empty() { String::new() } else { format!("input `{port}`: ") };
            let layers = check_layers(&place, params, shape, outputs).err().unwrap_or_default();
            // Both inputs may find the same fault of a layer, in other words.
            let new = |fault: &Fault| faults.0.iter().all(|known| known.path != fault.path);
            let new: Vec<Fault> = layers.0.into_iter().filter(new).collect();
            faults.0.extend(new);
            seen.push(case);
        }
        faults.end()?;
        let reads = vec![params.input_field.clone(), params.target_field.clone()];
        Ok(Signature { reads, random: true, on_gpu: true, ..Signature::default() })
    }

    fn warnings(&self, params: &Train, _: &PortSchemas) -> Vec<Fault> {
        recipe_warnings(params)
    }

    fn kernel(&self, _: &Train, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Model)
    }
}

/// A fault of what arrives at an input.
fn at(port: &str, fault: Fault) -> Faults {
    let message = format!("input `{port}`: {}", fault.message);
    Fault { path: format!("/input/{port}"), message, ..fault }.into()
}

fn field<'a>(port: &str, schema: &'a Schema, name: &str) -> Result<&'a Field, Faults> {
    schema.field(name).ok_or_else(|| at(port, missing_field(Some(schema), "input", name)))
}

/// Shape of what a model reads: of an image channels × height × width, whichever way it lies.
pub fn model_shape(field: &Field) -> Vec<usize> {
    let image = field.image_size().map(|size| vec![size.channels, size.height, size.width]);
    image.unwrap_or_else(|| field.shape.clone())
}

/// Exactly one model.
fn check_model(params: &Train) -> Result<(), Faults> {
    let given = [!params.layers.is_empty(), params.torchscript.is_some(), params.own_model];
    match given.iter().filter(|given| **given).count() {
        1 => Ok(()),
        0 => {
            let fault = Fault::new("/layers", "the model has no layers");
            Err(fault.expected("at least one, the last with an output for each class").into())
        }
        _ => {
            let fault = Fault::new("/torchscript", "the node has several models");
            Err(fault.expected("one of `layers`, `torchscript` and `own_model`").into())
        }
    }
}

/// Shape of what the model reads, in torch's order.
fn check_input(port: &str, params: &Train, schema: &Schema) -> Result<Vec<usize>, Faults> {
    let input = field(port, schema, &params.input_field)?;
    let wanted = match input.dtype {
        DType::Float16 | DType::Bfloat16 | DType::Float32 => None,
        DType::Uint8 => Some("`normalize` or a `convert`"),
        DType::Int64 => Some("`convert`"),
    };
    let (expected, hint) = match (wanted, input.layout == Layout::Hwc) {
        (None, false) => return Ok(model_shape(input)),
        (Some(node), false) => ("an image of a floating-point type", format!("put a {node} node before the model")),
        (None, true) => ("an image [channels, height, width]", "put a `to_torch_image` node before the model".into()),
        (Some(node), true) => (
            "an image [channels, height, width] of a floating-point type",
            format!("put a `to_torch_image` and a {node} node before the model"),
        ),
    };
    Err(at(port, mismatch(expected, input, &hint)))
}

/// Numbers that the model must put out for a sample.
fn check_target(port: &str, params: &Train, schema: &Schema) -> Result<usize, Faults> {
    let target = field(port, schema, &params.target_field)?;
    if let LossSpec::MeanSquaredError(_) = params.loss {
        if target.dtype == DType::Float32 && target.layout == Layout::Plain {
            return Ok(target.elements());
        }
        let hint = "put a `convert` node before the model, or take cross_entropy for labels";
        return Err(at(port, mismatch("numbers of float32", target, hint)));
    }
    match target.classes {
        Some(classes) if target.is_class() || target.is_soft_label() => Ok(classes),
        _ => {
            let expected = "a label of known classes: int64, one number a sample, or float32 [classes]";
            let hint = match target.dtype == DType::Int64 && target.shape.is_empty() {
                true => "put a `one_hot` node with \"num_classes\" before the model",
                false => "leave the label as the source writes it, or as `one_hot` makes it",
            };
            Err(at(port, mismatch(expected, target, hint)))
        }
    }
}

fn check_layers(place: &str, params: &Train, shape: Vec<usize>, outputs: Option<usize>) -> Result<(), Faults> {
    let output = check(&params.layers, RowShape(shape)).map_err(|faults| {
        let one = |e: LayerFault| {
            let message = format!("{place}layer {}, `{}`, {}", e.place(), e.layer, e.problem);
            Fault::new(format!("/layers{}", e.path), message).expected(e.expected).given(e.given).maybe_hint(e.hint)
        };
        Faults(faults.into_iter().map(one).collect())
    })?;
    let Some(outputs) = outputs.filter(|outputs| output.0 != [*outputs]) else { return Ok(()) };
    let (path, hint) = match output_key("/layers", &params.layers) {
        Some(path) if output.0.len() == 1 => (path, format!("write \"out_features\": {outputs}")),
        _ => {
            let hint = format!("let the last layer be linear, with \"out_features\": {outputs}");
            (format!("/layers/{}", params.layers.len() - 1), hint)
        }
    };
    let (message, expected) = match params.loss {
        LossSpec::CrossEntropy(_) => {
            let features = plural(outputs as u64, "feature");
            ("the model's output does not fit the labels", format!("{features}, one for each class"))
        }
        LossSpec::MeanSquaredError(_) => {
            let features = plural(outputs as u64, "feature");
            ("the model's output does not fit the targets", format!("{features}, as many as the targets have"))
        }
    };
    Err(Fault::new(path, format!("{place}{message}")).hint(hint).expected(expected).given(output.to_string()).into())
}

/// Where the number of outputs is written, if it is a linear layer that makes them.
fn output_key(path: &str, layers: &[LayerSpec]) -> Option<String> {
    let keeps = |layer: &LayerSpec| {
        matches!(
            layer,
            LayerSpec::Relu(_)
                | LayerSpec::LeakyRelu(_)
                | LayerSpec::Gelu(_)
                | LayerSpec::Silu(_)
                | LayerSpec::Tanh(_)
                | LayerSpec::Sigmoid(_)
                | LayerSpec::Scale(_)
                | LayerSpec::Dropout(_)
        )
    };
    let last = layers.iter().rposition(|layer| !keeps(layer))?;
    match &layers[last] {
        LayerSpec::Linear(_) => Some(format!("{path}/{last}/out_features")),
        LayerSpec::Sequential(own) => output_key(&format!("{path}/{last}/layers"), &own.layers),
        _ => None,
    }
}

/// Every group has weights, of a kind that its optimiser can train.
fn check_groups(params: &Train, input: &[usize]) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let known = parameters(&params.layers, &RowShape(input.to_vec()));
    let trained: Vec<_> = known.iter().filter(|p| p.trained).collect();
    let muon = |spec: Option<&OptimizerSpec>| matches!(spec.unwrap_or(&params.optimizer), OptimizerSpec::Muon(_));
    let flat = |path: &str| Fault::new(path, "muon is for matrices and filters");
    for (index, group) in params.parameter_groups.iter().enumerate() {
        let path = format!("/parameter_groups/{index}");
        if let Some(schedule) = &group.schedule {
            faults.keep(check_schedule(&format!("{path}/schedule"), schedule));
        }
        // What a TorchScript file holds is not known before it is loaded.
        if params.layers.is_empty() {
            continue;
        }
        for (place, pattern) in group.parameters.0.iter().enumerate() {
            if trained.iter().all(|p| !crate::train::fits(pattern, &p.path)) {
                let at = if group.parameters.0.len() == 1 { String::new() } else { format!("/{place}") };
                let names: Vec<&str> = trained.iter().map(|p| p.path.as_str()).collect();
                let fault = Fault::new(format!("{path}/parameters{at}"), "the pattern fits no weight of the model");
                let few = names.iter().take(6).copied().collect::<Vec<_>>().join(", ");
                let more = if names.len() > 6 { ", …" } else { "" };
                faults.0.push(fault.expected(format!("one that fits some of {few}{more}")).given(pattern.as_str()));
            }
        }
    }
    for weight in trained {
        let group = params.parameter_groups.iter().position(|group| group.fits(&weight.path));
        let spec = group.and_then(|index| params.parameter_groups[index].optimizer.as_ref());
        let frozen = group.is_some_and(|index| params.parameter_groups[index].frozen);
        if weight.shape.len() < 2 && muon(spec) && !frozen {
            let path = group.map_or("/optimizer".into(), |index| format!("/parameter_groups/{index}/parameters"));
            let hint = "name the filters and matrices alone in a group, such as \"*.conv2d.weight\"";
            let given = format!("{} of shape {:?}", weight.path, weight.shape);
            faults.0.push(flat(&path).expected("weights of two or more axes").given(given).hint(hint));
            break;
        }
    }
    faults.end()
}

/// Images alone can be mirrored.
fn check_augmentation(params: &Train, shape: &[usize]) -> Result<(), Faults> {
    let augmentation = params.evaluation.test_time_augmentation;
    let least = if augmentation == TestTimeAugmentation::MirrorTranslate { 2 } else { 1 };
    let fits = matches!(shape, [_, height, width] if *height >= least && *width >= least);
    if augmentation == TestTimeAugmentation::None || fits {
        return Ok(());
    }
    let fault = Fault::new("/evaluation/test_time_augmentation", "only images can be mirrored");
    Err(fault.expected("\"none\"").given(format!("\"{augmentation}\" of {}", RowShape(shape.to_vec()))).into())
}

fn check_schedule(at: &str, schedule: &ScheduleSpec) -> Result<(), Faults> {
    let numbers: Vec<f64> = match schedule {
        ScheduleSpec::PiecewiseLinear(schedule) if schedule.points.is_empty() => {
            let fault = Fault::new(format!("{at}/points"), "the schedule has no points");
            return Err(fault.expected("at least one point [epoch, factor]").into());
        }
        ScheduleSpec::PiecewiseLinear(schedule) => schedule.points.iter().map(|point| point[0]).collect(),
        ScheduleSpec::MultiStep(schedule) => schedule.milestones.clone(),
        _ => return Ok(()),
    };
    let Some(index) = numbers.windows(2).position(|pair| pair[0] >= pair[1]) else { return Ok(()) };
    let (before, after) = (numbers[index], numbers[index + 1]);
    let path = match schedule {
        ScheduleSpec::MultiStep(_) => format!("{at}/milestones/{}", index + 1),
        _ => format!("{at}/points/{}/0", index + 1),
    };
    let fault = Fault::new(path, "the schedule's epochs do not ascend");
    Err(fault.expected(format!("an epoch after {before}")).given(format!("{after} after {before}")).into())
}
