//! `mixup` and `cutmix` on a GPU, with the bytes and shares of the CPU's.

use pixels::ops::blend_weight;
use tch::{Kind, TchError, Tensor};

use super::device_steps::{edges, inside, sent};
use super::kernel::{DeviceMap, OperatorError};
use super::mixing::{Label, Mix, Mixed, Mixing};
use crate::batch::{Draws, Field};
use crate::torch::{DeviceBatch, TorchError};

/// The weight of an image that stays as it is.
const WHOLE: i32 = 1 << 15;

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
    let (mut rectangles, mut weights) = (Vec::new(), Vec::new());
    for drawn in drawn {
        let (area, weight) = match drawn {
            Some((Mixed::Paste(area), _)) => (Some(*area), WHOLE),
            Some((Mixed::Blend(weight), _)) => (None, i32::from(blend_weight(*weight))),
            None => (None, WHOLE),
        };
        rectangles.extend(edges(area));
        weights.push(weight);
    }
    let mut mixed = image.shallow_clone();
    if weights.iter().any(|weight| *weight != WHOLE) {
        let own = sent(&weights, device)?.f_view([count, 1, 1, 1])?;
        let rest = own.f_neg()?.f_add_scalar(i64::from(WHOLE))?;
        let sum = image.f_to_kind(Kind::Int)?.f_mul(&own)?.f_add(&other.f_to_kind(Kind::Int)?.f_mul(&rest)?)?;
        mixed = sum.f_bitwise_right_shift_tensor_scalar(15)?.f_to_kind(Kind::Uint8)?;
    }
    if rectangles.iter().any(|edge| *edge != 0) {
        let covered = inside(&sent(&rectangles, device)?, count, size[1], size[2])?;
        mixed = other.f_where_self(&covered, &mixed)?;
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
    let column = |values: &[f32]| sent(values, device)?.f_view([count, 1]);
    // Two products and a sum, each rounded by itself, as on the CPU.
    soft.f_mul(&column(shares)?)?.f_add(&soft.f_roll([1], [0])?.f_mul(&column(&rest)?)?)
}
