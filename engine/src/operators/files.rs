//! Sources of files: `beton`, `image_folder`, `webdataset`, `parquet`, `npy`, `cifar100`.

use std::sync::Arc;

use super::dataset;
use super::kernel::{Kernel, OperatorError, Site};
use super::registry::{Inputs, Operator, OperatorParams, PortSchemas, Role, Signature};
use super::source::source_params;
use crate::data::{Cifar100Records, Format, SourceOptions, Split};
use crate::params::{Fault, Faults, Texts};

/// A source of files: its parameters name them.
macro_rules! file_source {
    (
        $(#[doc = $docs:literal])*
        $params:ident, $operator:ident, $name:literal, $format:expr
    ) => {
        source_params! {
            $(#[doc = $docs])*
            pub struct $params {
                /// Path, address (`http://`, `https://`, `s3://`) or several of them, read as one. `*` and `?` stand
                /// for any characters of local names, `{000..009}` for each number of a range.
                path: Texts,
                /// Fields to read; all if none are named.
                fields: Option<Vec<String>> = None,
                /// Number of classes of `label`; if not given, those that the data names, or one more than the greatest
                /// label.
                classes: Option<usize> = None => 1.0..=1e9,
            }
        }

        impl OperatorParams for $params {
            fn operator_name(&self) -> &'static str {
                $name
            }
        }

        #[doc = concat!("See [`", stringify!($params), "`].")]
        pub struct $operator;

        impl Operator for $operator {
            type Params = $params;
            const NAME: &'static str = $name;
            const ROLE: Role = Role::Source;
            const INPUTS: Inputs = Inputs::None;

            fn signature(&self, params: &$params, _: &PortSchemas) -> Result<Signature, Faults> {
                let options = SourceOptions { format: Some($format), ..SourceOptions::default() };
                let fields = params.fields.as_deref();
                dataset::signature(&params.path.0, &options, fields, params.classes, &params.common())
            }

            fn kernel(&self, params: &$params, site: &Site<'_>) -> Result<Kernel, OperatorError> {
                dataset::kernel(site, params.classes)
            }
        }
    };
}

file_source! {
    /// Samples of `.beton` files, FFCV's format.
    ///
    /// Writes the file's fields: int as int64, float as float32, raw images of one size as uint8 [height, width, 3],
    /// others as images of any size, ndarray and torch_tensor by their type, bytes and json as bytes. The file is
    /// memory-mapped: nothing is read before it is needed, and raw images are read where they lie.
    Beton, BetonOperator, "beton", Format::Beton
}

file_source! {
    /// Images of a folder with a folder for each class.
    ///
    /// As torchvision's ImageFolder: the classes are the names of the folders, sorted; the images, JPEG, PNG or WebP,
    /// are found below them at any depth. Writes `image`, of any size, still encoded, and `label`, int64.
    ImageFolder, ImageFolderOperator, "image_folder", Format::Folder
}

file_source! {
    /// Samples of tar files, as WebDataset lays them out.
    ///
    /// Files whose paths agree up to the first dot of the name are one sample, and what follows is the field: `jpg`,
    /// `jpeg`, `png` and `webp` become `image`, of any size, still encoded; `cls` becomes `label`, int64; others are
    /// bytes under their own name. The tars' headers are read once; then samples are read in any order, without a
    /// buffer to shuffle in.
    Webdataset, WebdatasetOperator, "webdataset", Format::Tar
}

file_source! {
    /// Rows of Parquet files, as the Hugging Face hub lays out sets of images.
    ///
    /// A column `image` (or `img`) of `bytes` and `path` becomes `image`, of any size, still encoded; whole numbers
    /// become int64, fractions float32, texts bytes. Names of the classes are taken from the file's metadata. Read whole
    /// row groups together with `"order": "quasi_random"`: a page is unpacked for every sample otherwise.
    Parquet, ParquetOperator, "parquet", Format::Parquet
}

file_source! {
    /// Arrays of NumPy's `.npy` files, a row a sample.
    ///
    /// Each file is a field, named as the file is (`image.npy` is `image`); all have as many rows. uint8 of rows ×
    /// height × width × channels (1, 3 or 4) are images, a whole number a row is int64, a fraction float32, others arrays.
    Npy, NpyOperator, "npy", Format::Npy
}

source_params! {
    /// Images of CIFAR-100 with their labels.
    ///
    /// Writes `image`, uint8 [32, 32, 3], `label`, int64, of 100 classes, and `coarse_label`, int64, of 20. The files are
    /// those of the official binary version.
    pub struct Cifar100 {
        /// Folder with `train.bin` and `test.bin`, or with the folder `cifar-100-binary`.
        path: String,
        /// Which images: 50,000 to train on, or 10,000 to test with.
        split: Split = Split::Train,
    }
}

impl OperatorParams for Cifar100 {
    fn operator_name(&self) -> &'static str {
        Cifar100Operator::NAME
    }
}

/// See [`Cifar100`].
pub struct Cifar100Operator;

impl Operator for Cifar100Operator {
    type Params = Cifar100;
    const NAME: &'static str = "cifar100";
    const ROLE: Role = Role::Source;
    const INPUTS: Inputs = Inputs::None;

    fn signature(&self, params: &Cifar100, _: &PortSchemas) -> Result<Signature, Faults> {
        let data = Cifar100Records::open(params.path.as_ref(), params.split);
        let data = data.map_err(|e| Fault::new("/path", e.to_string()))?;
        dataset::signature_of(Arc::new(data), None, None, &params.common())
    }

    fn kernel(&self, _: &Cifar100, site: &Site<'_>) -> Result<Kernel, OperatorError> {
        dataset::kernel(site, None)
    }
}
