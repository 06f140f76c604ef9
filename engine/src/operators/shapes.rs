//! `shapes`: built-in images that need no file.

use super::cifar10::{IMAGE_BYTES, image_source, official_rows};
use super::kernel::{Kernel, OperatorError, Site, Source};
use super::registry::{Inputs, Operator, OperatorParams, PortSchemas, Role, Signature};
use super::source::source_params;
use crate::batch::Rows;
use crate::data::{Split, drawn};
use crate::params::Faults;

/// Seed of the built-in images. Part of what they are: another one is another set.
const SEED: u64 = 0;

source_params! {
    /// Built-in images of ten shapes, drawn by the engine: nothing to download.
    ///
    /// Writes `image`, uint8 [32, 32, 3] (height, width, channels), and `label`, int64, 0 to 9, as CIFAR-10 does.
    /// Position, size, angle, colours, clutter and noise are random, so that no linear model can tell the shapes apart.
    pub struct Shapes: Default {
        /// Which images: 50,000 to train on, or 10,000 to test with.
        split: Split = Split::Train,
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
        let classes = drawn::CLASSES.map(str::to_owned).to_vec();
        Ok(image_source(params.common().shape(official_rows(params.split), classes)?))
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

    fn class(&self, sample: u64) -> i64 {
        drawn::draw(SEED, self.split, sample, &mut [0; IMAGE_BYTES]).into()
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
        let mut labels = vec![0; samples.len()];
        if rows.wants("image") {
            let images = rows.write::<u8>("image").as_chunks_mut::<IMAGE_BYTES>().0.iter_mut();
            for ((image, label), &sample) in images.zip(&mut labels).zip(samples) {
                *label = drawn::draw(SEED, self.split, sample, image).into();
            }
        } else {
            labels.iter_mut().zip(samples).for_each(|(label, sample)| *label = self.class(*sample));
        }
        if rows.wants("label") {
            rows.write::<i64>("label").copy_from_slice(&labels);
        }
        Ok(())
    }

    fn label(&self, sample: u64) -> Result<Option<i64>, OperatorError> {
        Ok(Some(self.class(sample)))
    }

    fn warning(&self) -> Option<String> {
        self.warning.clone()
    }
}
