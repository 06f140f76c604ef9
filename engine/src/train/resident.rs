//! A data set that lies on the device as a whole.

use std::sync::Arc;

use tch::{Device, TchError, Tensor, no_grad};

use crate::batch::{Field, Layout};
use crate::execute::{BatchRange, Executor as _, Pipeline, RunError, StopToken, Threaded};
use crate::operators::Resources;
use crate::torch::{DeviceBatch, TorchError};

/// All samples of a source, as they are before the first node on the device.
pub(super) struct Resident {
    /// Each with all rows, in the order of its memory.
    columns: Vec<(Field, Tensor)>,
    device: Device,
}

impl Resident {
    /// Puts the samples of a pipeline on the device, if its plan says so.
    pub(super) fn of(pipeline: &Pipeline, device: Device, resources: &Resources) -> Result<Option<Self>, RunError> {
        if !pipeline.is_resident() {
            return Ok(None);
        }
        let whole = Arc::new(pipeline.whole(resources)?);
        let rows = whole.shape().rows as i64;
        let executor = Threaded::new(pipeline.plan().workers, StopToken::default(), None)?;
        let mut batches = executor.start(&whole, BatchRange::epochs(0..1));
        let (mut columns, mut done) = (Vec::new(), 0);
        while let Some(batch) = batches.next()? {
            let count = batch.rows() as i64;
            let part = DeviceBatch::of(&Arc::new(batch)).map_err(RunError::new)?;
            let kept = no_grad(|| keep(&mut columns, part, device, done, rows));
            kept.map_err(|e| RunError::new(TorchError::from(e)))?;
            done += count;
        }
        Ok(Some(Self { columns, device }))
    }

    /// A batch of these samples.
    pub(super) fn gather(&self, samples: &[u64]) -> Result<DeviceBatch, TorchError> {
        let samples: Vec<i64> = samples.iter().map(|sample| *sample as i64).collect();
        let samples = Tensor::f_from_slice(&samples)?.f_to_device_(self.device, tch::Kind::Int64, true, false)?;
        let columns = self.columns.iter().map(|(field, tensor)| {
            let rows = tensor.f_index_select(0, &samples)?;
            Ok((field.clone(), as_seen(field, &rows)?))
        });
        Ok(DeviceBatch { columns: columns.collect::<Result<_, TchError>>()? })
    }
}

/// Writes the rows of a batch behind those before.
fn keep(
    columns: &mut Vec<(Field, Tensor)>,
    part: DeviceBatch,
    device: Device,
    done: i64,
    rows: i64,
) -> Result<(), TchError> {
    if columns.is_empty() {
        for (field, tensor) in &part.columns {
            let mut size = in_memory(field, tensor)?.size();
            size[0] = rows;
            columns.push((field.clone(), Tensor::f_empty(size, (tensor.kind(), device))?));
        }
    }
    for ((field, tensor), (_, all)) in part.columns.iter().zip(columns) {
        let tensor = in_memory(field, tensor)?;
        all.f_narrow(0, done, tensor.size()[0])?.f_copy_(&tensor)?;
    }
    Ok(())
}

/// A column with its axes in the order of its memory.
fn in_memory(field: &Field, tensor: &Tensor) -> Result<Tensor, TchError> {
    match field.layout {
        Layout::ChannelsLast => tensor.f_permute([0, 2, 3, 1]),
        _ => Ok(tensor.shallow_clone()),
    }
}

/// The same the other way.
fn as_seen(field: &Field, tensor: &Tensor) -> Result<Tensor, TchError> {
    match field.layout {
        Layout::ChannelsLast => tensor.f_permute([0, 3, 1, 2]),
        _ => Ok(tensor.shallow_clone()),
    }
}
