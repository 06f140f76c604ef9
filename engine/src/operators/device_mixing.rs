//! `mixup` and `cutmix` on a GPU, with the bytes and shares of the CPU's.

use pixels::Rect;
use tch::{Device, Kind, TchError, Tensor};

use super::kernel::{DeviceMap, OperatorError};
use super::mixing::{Label, Mix, Mixed, Mixing};
use crate::batch::{Draws, Field};
use crate::torch::{DeviceBatch, TorchError};

/// [`Mixing`] over images and labels that lie on a device.
pub(super) struct DeviceMixing<M>(pub Mixing<M>);

impl<M: Mix> DeviceMap for DeviceMixing<M> {
    fn apply(&self, batch: &mut DeviceBatch, draws: Draws<'_>) -> Result<(), OperatorError> {
        let mixing = &self.0;
        let drawn: Vec<_> = (0..draws.rows()).map(|row| mixing.draw(draws, row)).collect();
        let field = batch.field(&mixing.image)?.clone();
        let image = images(batch.tensor(&mixing.image)?, &drawn).map_err(TorchError::from)?;
        batch.set(field, image);
        let Some(label) = &mixing.label else { return Ok(()) };
        let shares: Vec<f32> = drawn.iter().map(|drawn| drawn.map_or(1.0, |(_, share)| share as f32)).collect();
        let mixed = labels(label, batch.tensor(&label.name)?, &shares).map_err(TorchError::from)?;
        batch.set(Field::soft_label(&label.name, label.classes), mixed);
        Ok(())
    }
}

/// Each row with the one before it, the first with the last.
fn images(image: &Tensor, drawn: &[Option<(Mixed, f64)>]) -> Result<Tensor, TchError> {
    let (device, count) = (image.device(), drawn.len() as i64);
    let size = image.size();
    let other = image.f_roll([1], [0])?;
    let mut rectangles: Vec<i64> = Vec::with_capacity(4 * drawn.len());
    let mut weights: Vec<i32> = Vec::with_capacity(drawn.len());
    for drawn in drawn {
        let area = match drawn {
            Some((Mixed::Paste(area), _)) => *area,
            _ => Rect { top: 0, left: 0, height: 0, width: 0 },
        };
        rectangles.extend([area.top, area.top + area.height, area.left, area.left + area.width].map(|n| n as i64));
        weights.push(match drawn {
            Some((Mixed::Blend(weight), _)) => i32::from(pixels::ops::blend_weight(*weight)),
            _ => 1 << 15,
        });
    }
    let mut mixed = image.shallow_clone();
    if weights.iter().any(|weight| *weight != 1 << 15) {
        let own = sent(Tensor::f_from_slice(&weights)?, device)?.f_view([count, 1, 1, 1])?;
        let rest = own.f_neg()?.f_add_scalar(1 << 15)?;
        let sum = image.f_to_kind(Kind::Int)?.f_mul(&own)?.f_add(&other.f_to_kind(Kind::Int)?.f_mul(&rest)?)?;
        mixed = sum.f_bitwise_right_shift_tensor_scalar(15)?.f_to_kind(Kind::Uint8)?;
    }
    if rectangles.iter().any(|edge| *edge != 0) {
        let edges = sent(Tensor::f_from_slice(&rectangles)?, device)?.f_view([count, 4, 1])?;
        let edge = |n: i64| edges.f_narrow(1, n, 1);
        let down = Tensor::f_arange(size[1], (Kind::Int64, device))?.f_view([1, size[1], 1])?;
        let right = Tensor::f_arange(size[2], (Kind::Int64, device))?.f_view([1, 1, size[2]])?;
        let rows = down.f_ge_tensor(&edge(0)?)?.f_logical_and(&down.f_lt_tensor(&edge(1)?)?)?;
        let columns = right.f_ge_tensor(&edge(2)?)?.f_logical_and(&right.f_lt_tensor(&edge(3)?)?)?;
        mixed = other.f_where_self(&rows.f_logical_and(&columns)?.f_unsqueeze(-1)?, &mixed)?;
    }
    Ok(mixed)
}

fn labels(label: &Label, tensor: &Tensor, shares: &[f32]) -> Result<Tensor, TchError> {
    let device = tensor.device();
    let (count, classes) = (shares.len() as i64, label.classes as i64);
    let soft = if label.soft {
        tensor.shallow_clone()
    } else {
        let classes = Tensor::f_arange(classes, (Kind::Int64, device))?;
        tensor.f_view([count, 1])?.f_eq_tensor(&classes)?.f_to_kind(Kind::Float)?
    };
    let rest: Vec<f32> = shares.iter().map(|share| 1.0 - share).collect();
    let column = |values: &[f32]| sent(Tensor::f_from_slice(values)?, device)?.f_view([count, 1]);
    // Two products and a sum, each rounded by itself, as on the CPU.
    soft.f_mul(&column(shares)?)?.f_add(&soft.f_roll([1], [0])?.f_mul(&column(&rest)?)?)
}

fn sent(tensor: Tensor, device: Device) -> Result<Tensor, TchError> {
    if device == Device::Cpu { Ok(tensor) } else { tensor.f_to_device_(device, tensor.kind(), true, false) }
}
