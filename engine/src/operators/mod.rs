//! Operators: what a node can be. One file each, and one line in the list of [`OPERATORS`], or of [`AUGMENTATIONS`].
//!
//! An operator says what it reads and writes (its [`Signature`], from its parameters and what arrives) and makes a
//! [`Kernel`], which works. The graph's checks, the plan, the schema and the documentation all come from the former.

mod augment;
mod chosen;
mod cifar10;
mod convert;
mod copy_field;
mod crops;
mod cutmix;
mod dataset;
mod decode;
mod device_mixing;
mod device_steps;
mod docs;
mod drop_fields;
mod fault;
mod files;
mod given_images;
mod group;
mod image_op;
pub mod images;
mod kernel;
mod labels;
mod mixing;
mod mixup;
mod normalize;
mod one_hot;
mod picture_masks;
mod pictures;
mod poison;
mod recipe_warnings;
mod registry;
mod rename_field;
mod replace_label;
mod resize;
mod resized_crops;
mod select_fields;
mod shapes;
mod source;
mod to_device;
mod to_torch_image;
mod train;
mod words;

pub use augment::{
    AUGMENTATIONS, AlternatingFlip, Augment, Augmentation, ColorJitter, Cutout, CutoutCentre, ErasedBy, GaussianBlur,
    Grayscale, ImageOperator, ImageParams, Interpolation, RandAugment, RandomAdjustSharpness, RandomAffine,
    RandomApply, RandomAutocontrast, RandomBrightness, RandomChoice, RandomContrast, RandomEqualize, RandomErasing,
    RandomGrayscale, RandomHorizontalFlip, RandomInvert, RandomOrder, RandomPosterize, RandomRotation,
    RandomSaturation, RandomSolarize, RandomTranslate, RandomVerticalFlip, TrivialAugmentWide,
};
pub use cifar10::Cifar10;
pub use convert::Convert;
pub use copy_field::CopyField;
pub use crops::{CenterCrop, PaddingMode, RandomCrop};
pub use cutmix::Cutmix;
pub use decode::Decode;
pub use docs::{describe, json_schema};
pub use drop_fields::DropFields;
pub use fault::FaultForTests;
pub use files::{Beton, Cifar100, ImageFolder, Npy, Parquet, Webdataset};
pub use given_images::{GivenImages, Resized};
pub use group::Group;
pub(crate) use image_op::pixels_of;
pub use image_op::{Draw, ImageOp};
pub use kernel::{DeviceMap, Kernel, Map, OperatorError, Part, Resources, Site, Source, Warn};
pub use mixup::Mixup;
pub use normalize::{FloatType, Normalize};
pub use one_hot::OneHot;
pub use pictures::ResizeFilter;
pub use poison::{Pattern, Poison};
pub use registry::{Alias, AnyOperator, Inputs, Operator, OperatorParams, Port, PortSchemas, Registry, Role};
pub use registry::{Signature, Write, WriteMode};
pub use rename_field::RenameField;
pub use replace_label::ReplaceLabel;
pub use resize::Resize;
pub use resized_crops::{CenterResizedCrop, RandomResizedCrop};
pub use select_fields::SelectFields;
pub use shapes::Shapes;
pub use source::{OnError, Opened, Order, SourceShape};
pub use to_device::{DeviceChoice, ToDevice};
pub use to_torch_image::ToTorchImage;
pub use train::{Evaluation, IMAGE, LABEL, Train, model_shape};

/// Every operator that comes with the engine.
pub static OPERATORS: &[&dyn AnyOperator] = &joined::<{ OTHERS.len() + AUGMENTATIONS.len() }>(OTHERS, AUGMENTATIONS);

/// Those that are no augmentations.
const OTHERS: &[&dyn AnyOperator] = &[
    &cifar10::Cifar10Operator,
    &files::Cifar100Operator,
    &files::BetonOperator,
    &files::ImageFolderOperator,
    &files::WebdatasetOperator,
    &files::ParquetOperator,
    &files::NpyOperator,
    &shapes::ShapesOperator,
    &decode::DecodeOperator,
    &resize::ResizeOperator,
    &crops::CenterCropOperator,
    &resized_crops::CenterResizedCropOperator,
    &crops::RandomCropOperator,
    &resized_crops::RandomResizedCropOperator,
    &to_device::ToDeviceOperator,
    &to_torch_image::ToTorchImageOperator,
    &convert::ConvertOperator,
    &normalize::NormalizeOperator,
    &mixup::MixupOperator,
    &cutmix::CutmixOperator,
    &one_hot::OneHotOperator,
    &poison::PoisonOperator,
    &replace_label::ReplaceLabelOperator,
    &select_fields::SelectFieldsOperator,
    &drop_fields::DropFieldsOperator,
    &rename_field::RenameFieldOperator,
    &copy_field::CopyFieldOperator,
    &train::TrainOperator,
    &fault::FaultOperator,
];

/// Two lists as one, the first of which is not empty.
const fn joined<const N: usize>(
    one: &[&'static dyn AnyOperator],
    other: &[&'static dyn AnyOperator],
) -> [&'static dyn AnyOperator; N] {
    let mut all = [one[0]; N];
    let mut index = 0;
    while index < N {
        all[index] = if index < one.len() { one[index] } else { other[index - one.len()] };
        index += 1;
    }
    all
}
