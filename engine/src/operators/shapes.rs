//! `shapes`: built-in images that need no file.

use super::cifar10::{IMAGE_BYTES, image_source, official_rows};
use super::kernel::{Kernel, OperatorError, Site, Source};
use super::registry::{Inputs, Operator, OperatorParams, PortSchemas, Role, Signature, SourceShape};
use super::source::Order;
use crate::batch::Rows;
use crate::data::{Split, drawn};
use crate::params::{Faults, params};

/// Seed of the built-in images. Part of what they are: another one is another set.
const SEED: u64 = 0;

params! {
    /// Built-in images of ten shapes, drawn by the engine: nothing to download.
    ///
    /// Writes `image`, uint8 [32, 32, 3] (height, width, channels), and `label`, int64, 0 to 9, as CIFAR-10 does.
    /// Position, size, angle, colours, clutter and noise are random, so that no linear model can tell the shapes apart.
    pub struct Shapes: Default {
        /// Which images: 50,000 to train on, or 10,000 to test with.
        split: Split = Split::Train,
        /// Images of a batch.
        batch_size: usize = 512 => 1..=65_536,
        /// Order of the images in an epoch.
        order: Order = Order::Sequential,
        /// Whether the last batch of an epoch is left out if it is not full.
        drop_last: bool = false,
    }
}

impl OperatorParams for Shapes {
    fn operator_name(&self) -> &'static str {
        ShapesOperator::NAME
    }
}

/// See [`Shapes`].
pub struct ShapesOperator;

impl Operator for ShapesOperator {
    type Params = Shapes;
    const NAME: &'static str = "shapes";
    const ROLE: Role = Role::Source;
    const INPUTS: Inputs = Inputs::None;

    fn signature(&self, params: &Shapes, _: &PortSchemas) -> Result<Signature, Faults> {
        Ok(image_source(SourceShape {
            rows: official_rows(params.split),
            batch_size: params.batch_size,
            drop_last: params.drop_last,
            order: params.order,
            classes: drawn::CLASSES.to_vec(),
        }))
    }

    fn kernel(&self, params: &Shapes, _: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Source(Box::new(DrawnSource::new(params.split))))
    }
}

/// Draws each image when it is read.
pub(super) struct DrawnSource {
    split: Split,
    warning: Option<String>,
}

impl DrawnSource {
    pub(super) fn new(split: Split) -> Self {
        Self { split, warning: None }
    }

    /// It stands in for data that is not there.
    pub(super) fn standing_in(self, warning: String) -> Self {
        Self { warning: Some(warning), ..self }
    }
}

impl Source for DrawnSource {
    fn rows(&self) -> u64 {
        official_rows(self.split)
    }

    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        let (images, labels) = rows.write_two::<u8, i64>("image", "label");
        for ((image, label), &sample) in images.as_chunks_mut::<IMAGE_BYTES>().0.iter_mut().zip(labels).zip(samples) {
            *label = drawn::draw(SEED, self.split, sample, image).into();
        }
        Ok(())
    }

    fn warning(&self) -> Option<String> {
        self.warning.clone()
    }
}
