//! From batches to what the model takes: tensors on its device.

use std::sync::Arc;

use tch::{Device, Tensor};

use crate::batch::Batch;
use crate::execute::{Pipeline, RunError};
use crate::operators::{DeviceMap, Resources};
use crate::torch::{self, DeviceBatch};

/// The GPU's part of a pipeline, and the way to it.
pub(super) struct Feed {
    /// Nodes on the GPU, in order, with their devices.
    kernels: Vec<(usize, Device, Box<dyn DeviceMap>)>,
    device: Device,
    names: Vec<String>,
}

impl Feed {
    /// Feeds a model on `device`.
    pub(super) fn new(pipeline: &Pipeline, device: Device, resources: &Resources) -> Result<Self, RunError> {
        let plan = pipeline.plan();
        let kernels = pipeline.device_kernels(resources)?;
        Ok(Self {
            kernels: kernels.into_iter().map(|(n, k)| (n, torch::device(plan.nodes[n].place), k)).collect(),
            device,
            names: plan.nodes.iter().map(|n| n.name.clone()).collect(),
        })
    }

    /// Images and labels of a batch. On the CPU they are the batch's own memory, which goes back when they go.
    pub(super) fn tensors(&self, batch: Batch, image: &str, label: &str) -> Result<(Tensor, Tensor), RunError> {
        let batch = Arc::new(batch);
        let mut tensors = DeviceBatch::of(&batch).map_err(RunError::new)?;
        drop(batch);
        for (node, device, kernel) in &self.kernels {
            tensors.to_device(*device).map_err(|e| RunError::at(&self.names[*node], e))?;
            kernel.apply(&mut tensors).map_err(|e| RunError::at(&self.names[*node], e))?;
        }
        tensors.to_device(self.device).map_err(RunError::new)?;
        let take = |name: &str| tensors.tensor(name).map(Tensor::shallow_clone).map_err(RunError::new);
        Ok((take(image)?, take(label)?))
    }
}
