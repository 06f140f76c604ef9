//! Layers of a model as data: what a graph file says, and the shapes that follow from it. Without torch, so that a
//! graph is checked where torch is not; [`crate::train`] builds them.

mod shape;

pub use shape::{LayerFault, RowShape, check, infer};

use crate::params::{params, tagged};

tagged! {
    /// A layer of a model.
    pub enum LayerSpec ("layer", tag "layer") {
        "conv2d" => Conv2d,
        "batch_norm2d" => BatchNorm2d,
        "relu" => Relu,
        "gelu" => Gelu,
        "max_pool2d" => MaxPool2d,
        "adaptive_max_pool2d" => AdaptiveMaxPool2d,
        "adaptive_avg_pool2d" => AdaptiveAvgPool2d,
        "flatten" => Flatten,
        "linear" => Linear,
        "scale" => Scale,
        "dropout" => Dropout,
        "residual" => Residual,
        "sequential" => Sequential,
    }
}

params! {
    /// Convolution with square filters, as torch.nn.Conv2d, with its initialisation (Kaiming uniform, a = √5).
    pub struct Conv2d {
        /// Filters: channels after the layer.
        out_channels: usize => 1..=1_048_576,
        /// Height and width of a filter.
        kernel_size: usize => 1..=1024,
        /// Pixels between two applications.
        stride: usize = 1 => 1..=1024,
        /// Rows and columns of zeros added on each side.
        padding: usize = 0 => 0..=1024,
        /// Whether each filter adds a trained number.
        bias: bool = true,
        /// Channels before the layer; known from the layer before, and checked if given.
        in_channels: Option<usize> = None => 1..=1_048_576,
    }
}

params! {
    /// Batch normalisation over the channels of an image, as torch.nn.BatchNorm2d.
    pub struct BatchNorm2d: Default {
        /// Added to the variance.
        eps: f64 = 1e-5 => 0.0..=1.0,
        /// Weight of a batch in the running mean and variance.
        momentum: f64 = 0.1 => 0.0..=1.0,
        /// Channels; known from the layer before, and checked if given.
        num_features: Option<usize> = None => 1..=1_048_576,
    }
}

params! {
    /// max(x, 0).
    pub struct Relu: Default {}
}

params! {
    /// x · Φ(x), exactly (by the error function).
    pub struct Gelu: Default {}
}

params! {
    /// Greatest value of each window.
    pub struct MaxPool2d {
        /// Height and width of a window.
        kernel_size: usize => 1..=1024,
        /// Pixels between two windows; the window's size if not given.
        stride: Option<usize> = None => 1..=1024,
        /// Rows and columns added on each side, at most half a window.
        padding: usize = 0 => 0..=512,
    }
}

params! {
    /// Greatest value of each of `output_size` × `output_size` windows that cover the image.
    pub struct AdaptiveMaxPool2d: Default {
        /// Height and width after the layer.
        output_size: usize = 1 => 1..=1024,
    }
}

params! {
    /// Mean of each of `output_size` × `output_size` windows that cover the image.
    pub struct AdaptiveAvgPool2d: Default {
        /// Height and width after the layer.
        output_size: usize = 1 => 1..=1024,
    }
}

params! {
    /// All numbers of a sample in a row.
    pub struct Flatten: Default {}
}

params! {
    /// Matrix product, as torch.nn.Linear, with its initialisation.
    pub struct Linear {
        /// Numbers after the layer.
        out_features: usize => 1..=16_777_216,
        /// Whether each output adds a trained number.
        bias: bool = true,
        /// Numbers before the layer; known from the layer before, and checked if given.
        in_features: Option<usize> = None => 1..=16_777_216,
    }
}

params! {
    /// Product with a constant.
    pub struct Scale {
        /// The constant.
        factor: f64,
    }
}

params! {
    /// In training, sets numbers to zero at random and scales the others up. Which ones depends on torch's own
    /// generator, seeded with the run's seed.
    pub struct Dropout: Default {
        /// Share of the numbers that become zero.
        prob: f64 = 0.5 => 0.0..=1.0,
    }
}

params! {
    /// x + layers(x).
    pub struct Residual {
        /// Layers that keep the shape.
        layers: Vec<LayerSpec>,
    }
}

params! {
    /// Layers one after the other, as one.
    pub struct Sequential {
        /// The layers.
        layers: Vec<LayerSpec>,
    }
}
