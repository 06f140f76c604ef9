//! `train`: the model and its recipe.

use super::images::mismatch;
use super::kernel::{Kernel, OperatorError, Site};
use super::recipe_warnings::recipe_warnings;
use super::registry::{Inputs, Operator, OperatorParams, Port, PortSchemas, Role, Signature, missing_field};
use super::to_device::DeviceChoice;
use crate::batch::{DType, Field, Layout, Schema};
use crate::layers::{LayerFault, LayerSpec, RowShape, check};
use crate::params::{Fault, Faults, Kind, ParamSet as _, ParamType, params, plural};
use crate::train::{Constant, CrossEntropy, LossSpec, OptimizerSpec, Precision, ScheduleSpec, TestTimeAugmentation};

params! {
    /// Trains a model on the batches of `train`, and evaluates it on those of `test`.
    ///
    /// The model is a list of layers. It reads `image`, in torch's order and of a floating-point type, and `label`: the
    /// class, or for each class its share, as `one_hot`, `mixup` and `cutmix` write it.
    pub struct Train {
        /// The model, layer by layer.
        layers: Vec<LayerSpec>,
        /// How the weights follow the gradient.
        optimizer: OptimizerSpec,
        /// Factor of the learning rate over the training.
        schedule: ScheduleSpec = ScheduleSpec::Constant(Constant {}),
        /// What is minimised.
        loss: LossSpec = LossSpec::CrossEntropy(CrossEntropy::default()),
        /// How often the training images are gone through.
        epochs: u64 = 1 => 1..=1_000_000,
        /// Arithmetic of the model.
        precision: Precision = Precision::Auto,
        /// Where the model is: `auto` (the first CUDA device where there is one, else the CPU), `cpu` or `cuda:N`.
        device: DeviceChoice = DeviceChoice::Auto,
        /// Whether filters lie channels last, which convolutions are fastest with.
        channels_last: bool = true,
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

impl ParamType for Evaluation {
    fn kind() -> Kind {
        Kind::Object(Self::PARAMS)
    }
    fn from_json(value: &serde_json::Value) -> Option<Self> {
        <Self as crate::params::ParamSet>::from_json(value.as_object()?)
    }
    fn to_json(&self) -> serde_json::Value {
        <Self as crate::params::ParamSet>::to_json(self).into()
    }
}

impl OperatorParams for Train {
    fn operator_name(&self) -> &'static str {
        TrainOperator::NAME
    }
}

/// See [`Train`].
pub struct TrainOperator;

/// The field that the model reads.
pub const IMAGE: &str = "image";
/// The field that the model is to predict.
pub const LABEL: &str = "label";

impl Operator for TrainOperator {
    type Params = Train;
    const NAME: &'static str = "train";
    const ROLE: Role = Role::Model;
    const INPUTS: Inputs = Inputs::Ports(&[
        Port { name: "train", required: true, docs: "batches to train on" },
        Port { name: "test", required: false, docs: "batches to evaluate on" },
    ]);

    fn signature(&self, params: &Train, inputs: &PortSchemas) -> Result<Signature, Faults> {
        let mut faults = Faults::default();
        faults.keep(check_schedule(&params.schedule));
        // Most models see the same shape at both inputs, whose layers are checked once.
        let mut seen: Vec<(Vec<usize>, Option<usize>)> = Vec::new();
        for port in ["train", "test"] {
            let Some(schema) = inputs.port(port) else { continue };
            let image = faults.keep(check_image(port, schema));
            let classes = faults.keep(check_label(port, schema));
            let Some(shape) = image.or_else(|| schema.field(IMAGE).and_then(torch_shape)) else { continue };
            let case = (shape.clone(), classes);
            if !seen.contains(&case) {
                let place = if seen.is_empty() { String::new() } else { format!("input `{port}`: ") };
                let layers = check_layers(&place, params, shape, classes).err().unwrap_or_default();
                // Both inputs may find the same fault of a layer, in other words.
                let new = |fault: &Fault| faults.0.iter().all(|known| known.path != fault.path);
                let new: Vec<Fault> = layers.0.into_iter().filter(new).collect();
                faults.0.extend(new);
                seen.push(case);
            }
        }
        faults.end()?;
        Ok(Signature { reads: vec![IMAGE.into(), LABEL.into()], random: true, on_gpu: true, ..Signature::default() })
    }

    fn warnings(&self, params: &Train, _: &PortSchemas) -> Vec<Fault> {
        recipe_warnings(&params.to_json())
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

/// Channels × height × width, whichever way an image lies.
fn torch_shape(image: &Field) -> Option<Vec<usize>> {
    image.image_size().map(|size| vec![size.channels, size.height, size.width])
}

/// Shape of the images, in torch's order.
fn check_image(port: &str, schema: &Schema) -> Result<Vec<usize>, Faults> {
    let image = field(port, schema, IMAGE)?;
    let wanted = match image.dtype {
        DType::Float16 | DType::Bfloat16 | DType::Float32 => None,
        DType::Uint8 => Some("`normalize` or a `convert`"),
        DType::Int64 => Some("`convert`"),
    };
    let (expected, hint) = match (wanted, image.layout == Layout::Hwc) {
        (None, false) => return Ok(torch_shape(image).unwrap_or_else(|| image.shape.clone())),
        (Some(node), false) => ("an image of a floating-point type", format!("put a {node} node before the model")),
        (None, true) => ("an image [channels, height, width]", "put a `to_torch_image` node before the model".into()),
        (Some(node), true) => (
            "an image [channels, height, width] of a floating-point type",
            format!("put a `to_torch_image` and a {node} node before the model"),
        ),
    };
    Err(at(port, mismatch(expected, image, &hint)))
}

/// Number of the classes.
fn check_label(port: &str, schema: &Schema) -> Result<usize, Faults> {
    let label = field(port, schema, LABEL)?;
    match label.classes {
        Some(classes) if label.is_class() || label.is_soft_label() => Ok(classes),
        _ => {
            let expected = "a label of known classes: int64, one number a sample, or float32 [classes]";
            let hint = match label.dtype == DType::Int64 && label.shape.is_empty() {
                true => "put a `one_hot` node with \"num_classes\" before the model",
                false => "leave the label as the source writes it, or as `one_hot` makes it",
            };
            Err(at(port, mismatch(expected, label, hint)))
        }
    }
}

fn check_layers(place: &str, params: &Train, shape: Vec<usize>, classes: Option<usize>) -> Result<(), Faults> {
    if params.layers.is_empty() {
        let fault = Fault::new("/layers", "the model has no layers");
        return Err(fault.expected("at least one, the last with an output for each class").into());
    }
    let output = check(&params.layers, RowShape(shape)).map_err(|faults| {
        let one = |e: LayerFault| {
            let message = format!("{place}layer {}, `{}`, {}", e.place(), e.layer, e.problem);
            Fault::new(format!("/layers{}", e.path), message).expected(e.expected).given(e.given).maybe_hint(e.hint)
        };
        Faults(faults.into_iter().map(one).collect())
    })?;
    let Some(classes) = classes.filter(|classes| output.0 != [*classes]) else { return Ok(()) };
    let (path, hint) = match output_key("/layers", &params.layers) {
        Some(path) if output.0.len() == 1 => (path, format!("write \"out_features\": {classes}")),
        _ => {
            let hint = format!("let the last layer be linear, with \"out_features\": {classes}");
            (format!("/layers/{}", params.layers.len() - 1), hint)
        }
    };
    let fault = Fault::new(path, format!("{place}the model's output does not fit the labels")).hint(hint);
    Err(fault
        .expected(format!("{}, one for each class", plural(classes as u64, "feature")))
        .given(output.to_string())
        .into())
}

/// Where the number of outputs is written, if it is a linear layer that makes them.
fn output_key(path: &str, layers: &[LayerSpec]) -> Option<String> {
    let keeps = |layer: &LayerSpec| {
        matches!(layer, LayerSpec::Relu(_) | LayerSpec::Gelu(_) | LayerSpec::Scale(_) | LayerSpec::Dropout(_))
    };
    let last = layers.iter().rposition(|layer| !keeps(layer))?;
    match &layers[last] {
        LayerSpec::Linear(_) => Some(format!("{path}/{last}/out_features")),
        LayerSpec::Sequential(own) => output_key(&format!("{path}/{last}/layers"), &own.layers),
        _ => None,
    }
}

fn check_schedule(schedule: &ScheduleSpec) -> Result<(), Faults> {
    let ScheduleSpec::PiecewiseLinear(schedule) = schedule else { return Ok(()) };
    let path = "/schedule/points";
    if schedule.points.is_empty() {
        return Err(Fault::new(path, "the schedule has no points")
            .expected("at least one point [epoch, factor]")
            .into());
    }
    match schedule.points.windows(2).position(|pair| pair[0][0] >= pair[1][0]) {
        Some(index) => {
            let (before, after) = (schedule.points[index][0], schedule.points[index + 1][0]);
            let fault = Fault::new(format!("{path}/{}/0", index + 1), "the schedule's epochs do not ascend");
            Err(fault.expected(format!("an epoch after {before}")).given(format!("{after} after {before}")).into())
        }
        None => Ok(()),
    }
}
