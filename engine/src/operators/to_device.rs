//! `to_device`: where the GPU's part of a graph begins.

use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Operator, OperatorParams, PortSchemas, Role, Signature};
use crate::params::{Faults, Kind, ParamType, params};

params! {
    /// Moves the batch to a device. The nodes after it run there.
    ///
    /// As FFCV's ToDevice. Where the batch is on that device already it does nothing, and the plan says so.
    pub struct ToDevice: Default {
        /// `auto`: the first CUDA device where there is one, else the CPU. Or `cpu`, or `cuda:N`.
        device: DeviceChoice = DeviceChoice::Auto,
        /// Whether all samples are put on the device once, at the start, and batches are gathered there: for data that
        /// fits into its memory. What comes before must be the same in each epoch. On the CPU nothing changes.
        resident: bool = false,
    }
}

/// A device by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device where there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// A CUDA device by number.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|n| n.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("expected auto, cpu, cuda or cuda:N, given `{text}`")),
        }
    }
}

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl ParamType for DeviceChoice {
    fn kind() -> Kind {
        Kind::Pattern {
            pattern: "^(auto|cpu|cuda(:[0-9]{1,3})?)$",
            words: "\"auto\", \"cpu\", \"cuda\" or \"cuda:N\"",
            near: &["auto", "cpu", "cuda"],
            fits: |s| s.parse::<Self>().is_ok(),
        }
    }
    fn from_json(value: &serde_json::Value) -> Option<Self> {
        value.as_str()?.parse().ok()
    }
    fn to_json(&self) -> serde_json::Value {
        self.to_string().into()
    }
}

impl OperatorParams for ToDevice {
    fn operator_name(&self) -> &'static str {
        ToDeviceOperator::NAME
    }
}

/// See [`ToDevice`].
pub struct ToDeviceOperator;

impl Operator for ToDeviceOperator {
    type Params = ToDevice;
    const NAME: &'static str = "to_device";
    const ROLE: Role = Role::Transfer;

    fn signature(&self, _: &ToDevice, _: &PortSchemas) -> Result<Signature, Faults> {
        Ok(Signature { on_gpu: true, ..Signature::default() })
    }

    fn kernel(&self, _: &ToDevice, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::View)
    }
}
