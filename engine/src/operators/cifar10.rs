//! `cifar10`: the images of CIFAR-10.

use pixels::Pixels;

use super::kernel::{Kernel, OperatorError, Site, Source};
use super::registry::{Inputs, Operator, OperatorParams, PortSchemas, Role, Signature, Write, WriteMode};
use super::shapes::DrawnSource;
use super::source::SourceShape;
use super::source::source_params;
use crate::batch::{Field, ImageSize, Rows};
use crate::data::{CifarRecords, Found, Split, cifar};
use crate::params::{Faults, Kind, ParamType, Word};

source_params! {
    /// Images of CIFAR-10 with their labels.
    ///
    /// Writes `image`, uint8 [32, 32, 3] (height, width, channels), and `label`, int64, 0 to 9. The files are those of
    /// the official binary version, memory-mapped. They are taken from `--data DIR`, else from $ENGINE_DATA, else from
    /// the user's cache folder, where the official archive is downloaded if need be. Without a network the built-in
    /// images of the operator `shapes` stand in, with a warning, unless `--data-fallback never`.
    pub struct Cifar10: Default {
        /// Which images: 50,000 to train on, or 10,000 to test with.
        split: Split = Split::Train,
    }
}

impl ParamType for Split {
    fn kind() -> Kind {
        Kind::Choice(&[
            Word { name: "train", docs: "The images to train on." },
            Word { name: "test", docs: "The images to test with." },
        ])
    }
    fn from_json(value: &serde_json::Value) -> Option<Self> {
        match value.as_str()? {
            "train" => Some(Self::Train),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Train => "train".into(),
            Self::Test => "test".into(),
        }
    }
}

impl OperatorParams for Cifar10 {
    fn operator_name(&self) -> &'static str {
        Cifar10Operator::NAME
    }
}

/// See [`Cifar10`].
pub struct Cifar10Operator;

/// Height, width and channels of an image.
pub(super) const SIZE: ImageSize = ImageSize { height: 32, width: 32, channels: 3 };
const PLANE: usize = SIZE.height * SIZE.width;
/// Bytes of an image.
pub(super) const IMAGE_BYTES: usize = PLANE * SIZE.channels;

/// How many images a split officially has.
pub(super) fn official_rows(split: Split) -> u64 {
    match split {
        Split::Train => 50_000,
        Split::Test => 10_000,
    }
}

/// The signature of a source of labelled images of this size.
pub(super) fn image_source(shape: SourceShape) -> Signature {
    let create = |field| Write { field, mode: WriteMode::Create };
    Signature {
        writes: vec![create(Field::image("image", SIZE)), create(Field::label("label", shape.classes.len()))],
        source: Some(shape),
        ..Signature::default()
    }
}

impl Operator for Cifar10Operator {
    type Params = Cifar10;
    const NAME: &'static str = "cifar10";
    const ROLE: Role = Role::Source;
    const INPUTS: Inputs = Inputs::None;

    fn signature(&self, params: &Cifar10, _: &PortSchemas) -> Result<Signature, Faults> {
        let classes = cifar::CLASSES.map(str::to_owned).to_vec();
        Ok(image_source(params.common().shape(official_rows(params.split), classes)?))
    }

    fn kernel(&self, params: &Cifar10, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        Ok(Kernel::Source(match site.resources.cifar10()? {
            Found::Folder(folder) => {
                let records = CifarRecords::open(&folder, params.split)?;
                Box::new(CifarSource { records })
            }
            Found::Drawn { reason } => {
                let source = DrawnSource::new(params.split);
                Box::new(source.standing_in(format!(
                    "this is NOT CIFAR-10: built-in drawn images stand in for it, since {reason}"
                )))
            }
        }))
    }
}

struct CifarSource {
    records: CifarRecords,
}

impl Source for CifarSource {
    fn rows(&self) -> u64 {
        self.records.len() as u64
    }

    fn read(&self, rows: &mut Rows<'_>) -> Result<(), OperatorError> {
        let samples = rows.samples();
        if rows.wants("image") {
            for (image, &sample) in rows.write::<u8>("image").chunks_exact_mut(IMAGE_BYTES).zip(samples) {
                interleave(self.records.record(sample as usize)?.planes, image);
            }
        }
        if rows.wants("label") {
            for (label, &sample) in rows.write::<i64>("label").iter_mut().zip(samples) {
                *label = self.records.record(sample as usize)?.label.into();
            }
        }
        Ok(())
    }

    fn label(&self, sample: u64) -> Result<Option<i64>, OperatorError> {
        Ok(Some(self.records.record(sample as usize)?.label.into()))
    }

    fn lends(&self) -> Option<&str> {
        Some("image")
    }

    fn lend(&self, sample: u64) -> Result<Pixels<'_>, OperatorError> {
        // The label is checked where labels are read.
        match self.records.planes(sample as usize) {
            Some(planes) => Ok(Pixels { bytes: planes, size: SIZE, planar: true }),
            None => Ok(Pixels { bytes: self.records.record(sample as usize)?.planes, size: SIZE, planar: true }),
        }
    }

    fn prefetch(&self, sample: u64) {
        if let Some(planes) = self.records.planes(sample as usize) {
            pixels::simd::prefetch(planes);
        }
    }
}

/// Three planes, one after the other, become pixels of three values.
fn interleave(planes: &[u8; IMAGE_BYTES], image: &mut [u8]) {
    let (red, rest) = planes.split_at(PLANE);
    let (green, blue) = rest.split_at(PLANE);
    for (pixel, ((r, g), b)) in image.chunks_exact_mut(3).zip(red.iter().zip(green).zip(blue)) {
        pixel.copy_from_slice(&[*r, *g, *b]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let mut planes = [0; IMAGE_BYTES];
        (planes[5], planes[PLANE + 5], planes[2 * PLANE + 5]) = (1, 2, 3);
        let mut image = [9; IMAGE_BYTES];
        interleave(&planes, &mut image);
        assert_eq!(&image[15..18], &[1, 2, 3]);
        assert_eq!(image.iter().map(|&b| u32::from(b)).sum::<u32>(), 6);
    }
}
