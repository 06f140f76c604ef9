//! Which arithmetic a model computes in.

use tch::{Device, Kind, Tensor};

use super::recipe::Precision;
use crate::plan::{Machine, Place};
use crate::torch::{Autocast, TorchError};

/// Arithmetic of the matrix products and convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// Single precision.
    Float32,
    /// bfloat16, weights and sums in float32.
    Bfloat16,
    /// float16 with a scaled loss, weights and sums in float32.
    Float16,
}

impl Arithmetic {
    /// What a precision means for a model on a device.
    pub fn resolve(precision: Precision, place: Place, machine: &Machine) -> Result<Self, String> {
        match (precision, place) {
            (Precision::Float32, _) => Ok(Self::Float32),
            (Precision::Bfloat16, _) => Ok(Self::Bfloat16),
            (Precision::Float16 | Precision::Auto, Place::Cuda(_)) => Ok(Self::Float16),
            (Precision::Auto, Place::Cpu) if machine.bfloat16 => Ok(Self::Bfloat16),
            (Precision::Auto, Place::Cpu) => Ok(Self::Float32),
            (Precision::Float16, Place::Cpu) => {
                Err("precision float16 needs a GPU; `auto` takes what is fastest here".into())
            }
        }
    }

    /// Word for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
            Self::Float16 => "float16",
        }
    }

    /// Computes in this arithmetic.
    pub fn run<T>(self, device: Device, body: impl FnOnce() -> Result<T, TorchError>) -> Result<T, TorchError> {
        let kind = match self {
            Self::Float32 => return body(),
            Self::Bfloat16 => Kind::BFloat16,
            Self::Float16 => Kind::Half,
        };
        let _autocast = Autocast::enter(device, kind)?;
        body()
    }
}

/// Keeps small gradients of float16 above zero: the loss is scaled up, the gradients down again, and a step whose
/// gradients overflow is left out. The factors are those of torch.amp.GradScaler.
pub(super) struct LossScale {
    scale: f64,
    good_steps: u32,
}

const GROW_AFTER: u32 = 2000;

impl LossScale {
    /// None but for float16.
    pub(super) fn of(arithmetic: Arithmetic) -> Option<Self> {
        (arithmetic == Arithmetic::Float16).then_some(Self { scale: 65_536.0, good_steps: 0 })
    }

    /// Scale, and the steps since it last changed.
    pub(super) fn state(&self) -> (f64, u32) {
        (self.scale, self.good_steps)
    }

    /// Goes on from a state.
    pub(super) fn restore(&mut self, (scale, good_steps): (f64, u32)) {
        *self = Self { scale, good_steps };
    }

    pub(super) fn scale(&self, loss: &Tensor) -> Result<Tensor, TorchError> {
        Ok(loss.f_mul_scalar(self.scale)?)
    }

    /// Scales gradients down. Whether they can be used.
    pub(super) fn unscale(&mut self, gradients: &mut [Tensor]) -> Result<bool, TorchError> {
        let mut sums = Vec::with_capacity(gradients.len());
        for gradient in gradients.iter_mut() {
            *gradient = gradient.f_mul_scalar(1.0 / self.scale)?;
            sums.push(gradient.f_sum(Kind::Float)?);
        }
        // One number read back for all gradients: each reading waits for the device.
        let sum = Tensor::f_stack(&sums, 0)?.f_sum(Kind::Float)?.f_double_value(&[])?;
        if !sum.is_finite() {
            self.scale *= 0.5;
            self.good_steps = 0;
            return Ok(false);
        }
        self.good_steps += 1;
        if self.good_steps == GROW_AFTER {
            self.scale *= 2.0;
            self.good_steps = 0;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine { cores: 2, cuda_devices: 0, bfloat16: true };

    #[test]
    fn auto_is_the_fastest_that_the_device_has() {
        let resolve = |precision, place, machine| Arithmetic::resolve(precision, place, machine);
        assert_eq!(resolve(Precision::Auto, Place::Cpu, &MACHINE), Ok(Arithmetic::Bfloat16));
        let old = Machine { bfloat16: false, ..MACHINE };
        assert_eq!(resolve(Precision::Auto, Place::Cpu, &old), Ok(Arithmetic::Float32));
        assert_eq!(resolve(Precision::Auto, Place::Cuda(0), &MACHINE), Ok(Arithmetic::Float16));
        assert!(resolve(Precision::Float16, Place::Cpu, &MACHINE).is_err());
    }

    #[test]
    fn an_overflow_halves_the_scale_and_leaves_the_step_out() {
        crate::torch::init();
        let mut scale = LossScale::of(Arithmetic::Float16).expect("float16 is scaled");
        let mut good = [Tensor::from_slice(&[65_536.0_f32, 0.0])];
        assert!(scale.unscale(&mut good).expect("finite"));
        assert_eq!(good[0].double_value(&[0]), 1.0);
        assert!(!scale.unscale(&mut [Tensor::from_slice(&[f32::INFINITY])]).expect("infinite"));
        assert_eq!(scale.scale, 32_768.0);
    }
}
