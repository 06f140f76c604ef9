//! `train`: the model and its recipe.

use super::kernel::{Kernel, OperatorError, Site};
use super::lookup::mismatch;
use super::registry::{Inputs, Operator, OperatorParams, Port, PortSchemas, Role, Signature, missing_field};
use super::to_device::DeviceChoice;
use crate::batch::{Field, Layout, Schema};
use crate::layers::{LayerSpec, RowShape, infer};
use crate::params::{Fault, Kind, ParamSet as _, ParamType, params};
use crate::train::{Constant, CrossEntropy, LossSpec, OptimizerSpec, Precision, ScheduleSpec, TestTimeAugmentation};

params! {
    /// Trains a model on the batches of `train`, and evaluates it on those of `test`.
    ///
    /// The model is a list of layers. It reads `image`, in torch's order and of a floating-point type, and `label`.
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
        /// Whether weights and images lie channels last, which convolutions are fastest with.
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

    fn signature(&self, params: &Train, inputs: &PortSchemas) -> Result<Signature, Fault> {
        check_schedule(&params.schedule)?;
        for port in ["train", "test"] {
            if let Some(schema) = inputs.port(port) {
                check_port(params, port, schema)?;
            }
        }
        Ok(Signature { reads: vec![IMAGE.into(), LABEL.into()], random: true, on_gpu: true, ..Signature::default() })
    }

    fn kernel(&self, _: &Train, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Model)
    }
}

fn check_port(params: &Train, port: &str, schema: &Schema) -> Result<(), Fault> {
    let at = |fault: Fault| Fault { path: format!("/input/{port}"), ..fault };
    let field = |name| schema.field(name).ok_or_else(|| at(missing_field(Some(schema), "input", name)));
    let (image, label) = (field(IMAGE)?, field(LABEL)?);
    if !image.dtype.is_float() {
        let expected = "an image of a floating-point type";
        return Err(at(mismatch(expected, image, "put a `normalize` or a `convert` node before the model")));
    }
    if image.layout == Layout::Hwc {
        let expected = "an image [channels, height, width]";
        return Err(at(mismatch(expected, image, "put a `to_torch_image` node before the model")));
    }
    let Some(classes) = label.classes else {
        return Err(at(mismatch(
            "a label: int64, one number a sample, of known classes",
            label,
            "it comes from the source",
        )));
    };
    check_layers(params, image, classes)
}

fn check_layers(params: &Train, image: &Field, classes: usize) -> Result<(), Fault> {
    let fault = |path: String, message: String, expected: String, given: String, hint: Option<String>| Fault {
        path: format!("/layers{path}"),
        at_key: false,
        message,
        expected: Some(expected),
        given: Some(given),
        hint,
    };
    let output = infer(&params.layers, RowShape(image.shape.clone())).map_err(|e| {
        let message = format!("layer `{}` does not fit what arrives there", e.layer);
        fault(e.path, message, e.expected, e.given, e.hint)
    })?;
    match output.0[..] {
        [n] if n == classes => Ok(()),
        _ => Err(fault(
            String::new(),
            "the model's output does not fit the labels".into(),
            format!("{classes} features, one for each class"),
            output.to_string(),
            Some(format!("let the last layer be linear, with \"out_features\": {classes}")),
        )),
    }
}

fn check_schedule(schedule: &ScheduleSpec) -> Result<(), Fault> {
    let ScheduleSpec::PiecewiseLinear(schedule) = schedule else { return Ok(()) };
    let fault = |path: String, expected: &str| Fault {
        path: format!("/schedule/points{path}"),
        at_key: false,
        message: "the schedule's points are in no order".into(),
        expected: Some(expected.into()),
        given: None,
        hint: None,
    };
    if schedule.points.is_empty() {
        return Err(Fault {
            message: "the schedule has no points".into(),
            ..fault(String::new(), "at least one point [epoch, factor]")
        });
    }
    match schedule.points.windows(2).position(|pair| pair[0][0] >= pair[1][0]) {
        Some(index) => Err(fault(format!("/{}", index + 1), "epochs that ascend from point to point")),
        None => Ok(()),
    }
}
