//! From batches to what the model takes: tensors on its device.

use std::sync::Arc;

use tch::{Device, Tensor};

use super::resident::Resident;
use crate::batch::Batch;
use crate::execute::{Pipeline, RunError};
use crate::operators::{DeviceMap, Resources};
use crate::torch::{self, DeviceBatch};

/// The GPU's part of a pipeline, and the way to it.
pub(super) struct Feed {
    pipeline: Arc<Pipeline>,
    /// Nodes on the GPU, in order, with their devices.
    kernels: Vec<(usize, Device, Box<dyn DeviceMap>)>,
    device: Device,
    /// All samples, if they are on the device.
    resident: Option<Resident>,
}

impl Feed {
    /// Feeds a model on `device`.
    pub(super) fn new(pipeline: &Arc<Pipeline>, device: Device, resources: &Resources) -> Result<Self, RunError> {
        let plan = pipeline.plan();
        let kernels = pipeline.device_kernels(resources)?;
        Ok(Self {
            kernels: kernels.into_iter().map(|(n, k)| (n, torch::device(plan.nodes[n].place), k)).collect(),
            device,
            resident: Resident::of(pipeline, device, resources)?,
            pipeline: Arc::clone(pipeline),
        })
    }

    /// Images and labels of a batch. On the CPU they are the batch's own memory, which goes back when they go.
    pub(super) fn tensors(&self, batch: Batch, image: &str, label: &str) -> Result<(Tensor, Tensor), RunError> {
        let batch = Arc::new(batch);
        let mut tensors = match &self.resident {
            Some(resident) => resident.gather(batch.samples()),
            None => DeviceBatch::of(&batch),
        }
        .map_err(RunError::new)?;
        for (node, device, kernel) in &self.kernels {
            let fail = |error: String| RunError::at(&self.pipeline.plan().nodes[*node].name, error);
            tensors.to_device(*device).map_err(|e| fail(e.0))?;
            kernel.apply(&mut tensors, self.pipeline.draws(*node, &batch)).map_err(|e| fail(e.message))?;
        }
        drop(batch);
        tensors.to_device(self.device).map_err(RunError::new)?;
        let take = |name: &str| tensors.tensor(name).map(Tensor::shallow_clone).map_err(RunError::new);
        Ok((take(image)?, take(label)?))
    }
}
