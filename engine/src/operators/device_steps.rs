//! Drawn steps on a GPU: what an [`ImageMap`](super::image_op::ImageMap) does to images that lie there.
//!
//! The steps are drawn on the CPU, from the same numbers, and composed; what goes to the GPU is where each row and
//! column comes from, the rectangles, and the tables. Whole pixels move, so that the bytes are those of the CPU.

use pixels::{Composition, Levels, Rect};
use tch::{Device, Kind, TchError, Tensor};

use super::image_op::{Draw, ImageOp};
use super::kernel::{DeviceMap, OperatorError};
use crate::batch::{Draws, Field, ImageSize};
use crate::torch::{DeviceBatch, TorchError};

/// An [`ImageOp`] over a field of images that lie on a device. Its steps must be moves, fills and tables.
pub(super) struct DeviceSteps {
    pub field: String,
    /// Size before.
    pub size: ImageSize,
    pub op: Box<dyn ImageOp>,
}

/// Several, one after the other, all drawing from the same numbers: an image and its masks.
pub(super) struct DeviceTogether(pub Vec<DeviceSteps>);

impl DeviceMap for DeviceTogether {
    fn apply(&self, batch: &mut DeviceBatch, draws: Draws<'_>) -> Result<(), OperatorError> {
        self.0.iter().try_for_each(|steps| steps.apply(batch, draws))
    }
}

impl DeviceMap for DeviceSteps {
    fn apply(&self, batch: &mut DeviceBatch, draws: Draws<'_>) -> Result<(), OperatorError> {
        let field = batch.field(&self.field)?.clone();
        let mut image = batch.tensor(&self.field)?.shallow_clone();
        let mut size = self.size;
        for round in self.rounds(draws)? {
            let after = round[0].size();
            image = carry_out(&image, size, &round).map_err(TorchError::from)?;
            size = after;
        }
        batch.set(Field::image(&field.name, size), image);
        Ok(())
    }
}

impl DeviceSteps {
    /// What is done to each row. One round, unless moves get so many pieces that they cannot be added up.
    fn rounds(&self, draws: Draws<'_>) -> Result<Vec<Vec<Composition>>, OperatorError> {
        let mut rounds: Vec<Vec<Composition>> = Vec::new();
        for row in 0..draws.rows() {
            let mut draw = Draw { rng: draws.row(row), first_epoch: draws.first_epoch(row), epoch: draws.epoch() };
            let mut own = vec![Composition::new(self.size)];
            let mut computes = false;
            self.op.draw(self.size, &mut draw, &mut |step| {
                let last = own.last_mut().expect("there is one from the start");
                if !last.push(step) {
                    let mut next = Composition::new(last.size());
                    computes |= !next.push(step);
                    own.push(next);
                }
            });
            if computes {
                return Err(OperatorError::new("this draw computes pixels, which only the CPU's version does"));
            }
            for (round, composition) in own.into_iter().enumerate() {
                if rounds.len() == round {
                    rounds.push((0..row).map(|_| Composition::new(composition.size())).collect());
                }
                rounds[round].push(composition);
            }
            for round in &mut rounds {
                if round.len() == row {
                    let size = round[0].size();
                    round.push(Composition::new(size));
                }
            }
        }
        Ok(rounds)
    }
}

/// Numbers on a device.
pub(super) fn sent<T: tch::kind::Element>(values: &[T], device: Device) -> Result<Tensor, TchError> {
    let tensor = Tensor::f_from_slice(values)?;
    if device == Device::Cpu { Ok(tensor) } else { tensor.f_to_device_(device, tensor.kind(), true, false) }
}

/// Top, bottom, left and right of a rectangle; the latter two of what is no longer in it. Of none, nothing is in it.
pub(super) fn edges(area: Option<Rect>) -> [i64; 4] {
    area.map_or([0; 4], |area| [area.top, area.top + area.height, area.left, area.left + area.width].map(|n| n as i64))
}

/// Which pixels lie in the rectangle of their row, rows × height × width × 1; `edges` has those of each row.
pub(super) fn inside(edges: &Tensor, rows: i64, height: i64, width: i64) -> Result<Tensor, TchError> {
    let edges = edges.f_view([rows, 4, 1, 1])?;
    let edge = |n: i64| edges.f_narrow(1, n, 1)?.f_squeeze_dim(1);
    let down = Tensor::f_arange(height, (Kind::Int64, edges.device()))?.f_view([1, height, 1])?;
    let right = Tensor::f_arange(width, (Kind::Int64, edges.device()))?.f_view([1, 1, width])?;
    let lines = down.f_ge_tensor(&edge(0)?)?.f_logical_and(&down.f_lt_tensor(&edge(1)?)?)?;
    let columns = right.f_ge_tensor(&edge(2)?)?.f_logical_and(&right.f_lt_tensor(&edge(3)?)?)?;
    lines.f_logical_and(&columns)?.f_unsqueeze(-1)
}

/// Rows × height × width × channels, each row by its composition.
fn carry_out(image: &Tensor, before: ImageSize, rows: &[Composition]) -> Result<Tensor, TchError> {
    if rows.iter().all(|row| row.is_plain(before)) {
        return Ok(image.shallow_clone());
    }
    let (device, count, after) = (image.device(), rows.len() as i64, rows[0].size());
    let [height, width, channels] = [after.height, after.width, after.channels].map(|n| n as i64);
    let mut places: Vec<i64> = Vec::new();
    let moves = rows.iter().any(|row| !row.stays(before));
    if moves {
        rows.iter().for_each(|row| places.extend(sources(row.rows())));
        rows.iter().for_each(|row| places.extend(sources(row.columns())));
    }
    let fills = rows.iter().map(|row| row.fills().count()).max().unwrap_or(0);
    let (rectangles, mut bytes) = (places.len() as i64, Vec::new());
    for index in 0..fills {
        for row in rows {
            let fill = row.fills().nth(index);
            places.extend(edges(fill.map(|(area, _)| area)));
            match fill {
                Some((_, colour)) => bytes.extend_from_slice(colour),
                None => bytes.extend(std::iter::repeat_n(0, after.channels)),
            }
        }
    }
    let tables = bytes.len() as i64;
    let changes = rows.iter().any(|row| row.levels().is_some());
    if changes {
        rows.iter().for_each(|row| push_tables(&mut bytes, row.levels(), after.channels));
    }
    let (places, bytes) = (sent(&places, device)?, sent(&bytes, device)?);

    let mut image = image.shallow_clone();
    if moves {
        let from_rows = places.f_narrow(0, 0, count * height)?.f_view([count, height, 1])?;
        let from_columns = places.f_narrow(0, count * height, count * width)?.f_view([count, 1, width])?;
        let (old_height, old_width) = (before.height as i64, before.width as i64);
        let images = Tensor::f_arange(count, (Kind::Int64, device))?.f_mul_scalar(old_height * old_width)?;
        let from = from_rows.f_mul_scalar(old_width)?.f_add(&from_columns)?.f_add(&images.f_view([count, 1, 1])?)?;
        let pixels = image.f_reshape([count * old_height * old_width, channels])?;
        image = pixels.f_index_select(0, &from.f_view([-1])?)?.f_view([count, height, width, channels])?;
    }
    if changes {
        let table_of = |n: i64| Tensor::f_arange(n, (Kind::Int64, device))?.f_mul_scalar(256);
        let starts = table_of(count * channels)?.f_view([count, 1, 1, channels])?;
        let tables = bytes.f_narrow(0, tables, count * channels * 256)?;
        image = tables.f_take(&image.f_to_kind(Kind::Int64)?.f_add(&starts)?)?;
    }
    for index in 0..fills as i64 {
        let edges = places.f_narrow(0, rectangles + index * count * 4, count * 4)?;
        let covered = inside(&edges, count, height, width)?;
        let colours = bytes.f_narrow(0, index * count * channels, count * channels)?;
        image = colours.f_view([count, 1, 1, channels])?.f_where_self(&covered, &image)?;
    }
    Ok(image)
}

/// The place that each place of an axis comes from; 0 for those from outside, which are painted over.
fn sources(axis: &pixels::Axis) -> impl Iterator<Item = i64> {
    axis.runs().iter().flat_map(|run| {
        let (from, step) = (run.from(), if run.backwards() { -1 } else { 1 });
        (0..run.len() as i64).map(move |index| from.map_or(0, |from| from as i64 + step * index))
    })
}

fn push_tables(to: &mut Vec<u8>, levels: Option<&Levels>, channels: usize) {
    for channel in 0..channels {
        match levels {
            Some(levels) => to.extend_from_slice(levels.channel(channel)),
            None => to.extend(0..=255),
        }
    }
}
