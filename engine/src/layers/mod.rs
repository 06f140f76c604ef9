//! Layers of a model as data: what a graph file says, and the shapes that follow from it. Without torch, so that a
//! graph is checked where torch is not; [`crate::train`] builds them.

mod parameters;
mod shape;

pub use parameters::{Parameter, parameters};
pub use shape::{LayerFault, RowShape, check, infer};

use crate::params::{choice, params, tagged};

tagged! {
    /// A layer of a model.
    pub enum LayerSpec ("layer", tag "layer") {
        "conv2d" => Conv2d,
        "whitening_conv2d" => WhiteningConv2d,
        "standardize" => Standardize,
        "batch_norm2d" => BatchNorm2d,
        "group_norm" => GroupNorm,
        "layer_norm" => LayerNorm,
        "relu" => Relu,
        "leaky_relu" => LeakyRelu,
        "gelu" => Gelu,
        "silu" => Silu,
        "tanh" => Tanh,
        "sigmoid" => Sigmoid,
        "max_pool2d" => MaxPool2d,
        "avg_pool2d" => AvgPool2d,
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

choice! {
    /// What the weights of a layer are at the start. Biases are drawn within 1/√n, n the numbers that enter a sum, as
    /// torch's are, or 0 with `zeros`.
    pub enum Init {
        /// Uniform within 1/√n: what torch gives its layers (Kaiming, a = √5).
        KaimingUniform = "kaiming_uniform",
        /// Normal of variance 2/n, which keeps the size of what passes through a relu (He et al., 2015).
        KaimingNormal = "kaiming_normal",
        /// Uniform within √(6/(n + m)), m the outputs that a number enters (Glorot and Bengio, 2010).
        XavierUniform = "xavier_uniform",
        /// `kaiming_uniform`, but the first filters, one for each input channel, pass that channel on as it is.
        Dirac = "dirac",
        /// `kaiming_uniform`, divided by its standard deviation.
        UnitStd = "unit_std",
        /// All 0.
        Zeros = "zeros",
    }
}

params! {
    /// Convolution with square filters, as torch.nn.Conv2d.
    pub struct Conv2d {
        /// Filters: channels after the layer.
        out_channels: usize => 1..=1_048_576,
        /// Height and width of a filter.
        kernel_size: usize => 1..=1024,
        /// Pixels between two applications.
        stride: usize = 1 => 1..=1024,
        /// Rows and columns of zeros added on each side.
        padding: usize = 0 => 0..=1024,
        /// Groups that the channels are cut into; filters see those of their own group.
        groups: usize = 1 => 1..=1_048_576,
        /// Whether each filter adds a trained number.
        bias: bool = true,
        /// The filters at the start.
        init: Init = Init::KaimingUniform,
        /// Channels before the layer; known from the layer before, and checked if given.
        in_channels: Option<usize> = None => 1..=1_048_576,
    }
}

params! {
    /// Convolution that makes the pixels of a patch independent of each other, as the first layer of Keller Jordan's
    /// airbench94.
    ///
    /// Its filters are the eigenvectors of the covariance of the patches of the first training images, each divided by
    /// √(eigenvalue + eps), and their negatives: 2 · channels · kernel_size² of them, which are not trained. The images
    /// are those of the model's input `init`, or of `train` where there is none.
    pub struct WhiteningConv2d: Default {
        /// Height and width of a patch.
        kernel_size: usize = 2 => 1..=16,
        /// Images that the covariance is taken of.
        images: usize = 5000 => 1..=10_000_000,
        /// Added to the eigenvalues.
        eps: f64 = 5e-4 => 0.0..=1e6,
        /// Whether each filter adds a trained number, 0 at the start.
        bias: bool = true,
    }
}

params! {
    /// (x − mean) / standard deviation, of each channel or feature over the first training samples. Neither is trained.
    ///
    /// The samples are those of the model's input `init`, or of `train` where there is none.
    pub struct Standardize: Default {
        /// Samples that the mean and the deviation are taken of.
        samples: usize = 10_000 => 2..=1_000_000_000,
        /// Least deviation; features that vary less are divided by it.
        eps: f64 = 1e-6 => 0.0..=1e6,
    }
}

params! {
    /// Batch normalisation over the channels of an image, as torch.nn.BatchNorm2d.
    pub struct BatchNorm2d: Default {
        /// Added to the variance.
        eps: f64 = 1e-5 => 0.0..=1.0,
        /// Weight of a batch in the running mean and variance.
        momentum: f64 = 0.1 => 0.0..=1.0,
        /// Whether each channel has a trained factor.
        scale: bool = true,
        /// Whether each channel has a trained summand.
        bias: bool = true,
        /// Channels; known from the layer before, and checked if given.
        num_features: Option<usize> = None => 1..=1_048_576,
    }
}

params! {
    /// Normalisation of each sample over groups of its channels, as torch.nn.GroupNorm.
    pub struct GroupNorm {
        /// Groups that the channels are cut into.
        groups: usize => 1..=1_048_576,
        /// Added to the variance.
        eps: f64 = 1e-5 => 0.0..=1.0,
    }
}

params! {
    /// Normalisation of each sample over all its numbers, as torch.nn.LayerNorm of their shape.
    pub struct LayerNorm: Default {
        /// Added to the variance.
        eps: f64 = 1e-5 => 0.0..=1.0,
    }
}

params! {
    /// max(x, 0).
    pub struct Relu: Default {}
}

params! {
    /// x where it is positive, else x · slope.
    pub struct LeakyRelu: Default {
        /// The slope.
        slope: f64 = 0.01 => 0.0..=1.0,
    }
}

choice! {
    /// How a gelu is computed.
    pub enum Approximate {
        /// By the error function.
        None = "none",
        /// By Hendrycks and Gimpel's hyperbolic tangent.
        Tanh = "tanh",
    }
}

params! {
    /// x · Φ(x), as torch.nn.GELU.
    pub struct Gelu: Default {
        /// Whether exactly or by a hyperbolic tangent.
        approximate: Approximate = Approximate::None,
    }
}

params! {
    /// x · σ(x).
    pub struct Silu: Default {}
}

params! {
    /// Hyperbolic tangent.
    pub struct Tanh: Default {}
}

params! {
    /// σ(x) = 1 / (1 + e⁻ˣ).
    pub struct Sigmoid: Default {}
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
    /// Mean of each window; rows and columns that padding added count as 0.
    pub struct AvgPool2d {
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
    /// Matrix product, as torch.nn.Linear.
    pub struct Linear {
        /// Numbers after the layer.
        out_features: usize => 1..=16_777_216,
        /// Whether each output adds a trained number.
        bias: bool = true,
        /// The weights at the start.
        init: Init = Init::KaimingUniform,
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
    /// shortcut(x) + layers(x); without a shortcut, x + layers(x).
    pub struct Residual {
        /// Layers that keep the shape, or make of it what the shortcut makes of it.
        layers: Vec<LayerSpec>,
        /// Layers that bring x to the shape of the others' result, such as a convolution of 1 × 1 pixels.
        shortcut: Vec<LayerSpec> = Vec::new(),
    }
}

params! {
    /// Layers one after the other, as one.
    pub struct Sequential {
        /// The layers.
        layers: Vec<LayerSpec>,
    }
}
