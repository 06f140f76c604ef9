//! What a training recipe is made of, as data: loss, optimiser, schedule, precision, evaluation.

use super::schedule::ScheduleSpec;
use crate::params::{Texts, choice, object, params, tagged};

tagged! {
    /// What is minimised.
    pub enum LossSpec ("loss", tag "type") {
        "cross_entropy" => CrossEntropy,
        "mean_squared_error" => MeanSquaredError,
    }
}

choice! {
    /// How the losses of a batch's samples become one number. What is reported is always the mean.
    pub enum Reduction {
        /// Their mean.
        Mean = "mean",
        /// Their sum: gradients grow with the batch.
        Sum = "sum",
    }
}

params! {
    /// Cross entropy of the softmax of the model's output with the label.
    pub struct CrossEntropy: Default {
        /// Share of the target that is spread evenly over all classes.
        label_smoothing: f64 = 0.0 => 0.0..=1.0,
        /// Mean or sum over the batch.
        reduction: Reduction = Reduction::Mean,
    }
}

params! {
    /// Square of the difference between the model's output and the target, mean over the numbers of a sample.
    pub struct MeanSquaredError: Default {
        /// Mean or sum over the batch.
        reduction: Reduction = Reduction::Mean,
    }
}

tagged! {
    /// How weights follow the gradient.
    pub enum OptimizerSpec ("optimizer", tag "type") {
        "sgd" => Sgd,
        "adam" => Adam,
        "adamw" => AdamW,
        "muon" => Muon,
    }
}

params! {
    /// Stochastic gradient descent, as torch.optim.SGD.
    pub struct Sgd {
        /// Learning rate where the schedule says 1.
        lr: f64 => 0.0..=1e6,
        /// Share of the last update that is kept.
        momentum: f64 = 0.0 => 0.0..=1.0,
        /// Share of the weight added to its gradient.
        weight_decay: f64 = 0.0 => 0.0..=1e6,
        /// Whether the gradient is taken where the momentum leads.
        nesterov: bool = false,
    }
}

params! {
    /// Adam, as torch.optim.Adam (Kingma and Ba, 2015).
    pub struct Adam: Default {
        /// Learning rate where the schedule says 1.
        lr: f64 = 1e-3 => 0.0..=1e6,
        /// Shares of the running means of the gradient and of its square that are kept.
        betas: [f64; 2] = [0.9, 0.999] => 0.0..=1.0,
        /// Added to the root of the mean square.
        eps: f64 = 1e-8 => 0.0..=1.0,
        /// Share of the weight added to its gradient.
        weight_decay: f64 = 0.0 => 0.0..=1e6,
    }
}

params! {
    /// Adam whose weight decay is not scaled by the gradients, as torch.optim.AdamW (Loshchilov and Hutter, 2019).
    pub struct AdamW: Default {
        /// Learning rate where the schedule says 1.
        lr: f64 = 1e-3 => 0.0..=1e6,
        /// Shares of the running means of the gradient and of its square that are kept.
        betas: [f64; 2] = [0.9, 0.999] => 0.0..=1.0,
        /// Added to the root of the mean square.
        eps: f64 = 1e-8 => 0.0..=1.0,
        /// Share of the weight, times the learning rate, taken from it.
        weight_decay: f64 = 1e-2 => 0.0..=1e6,
    }
}

params! {
    /// Momentum made orthogonal by Newton–Schulz steps (Keller Jordan's Muon), for matrices and filters.
    ///
    /// A filter bank is a matrix with a row a filter. The steps are x ← a x + (b x xᵀ + c (x xᵀ)²) x with a = 3.4445,
    /// b = −4.7750, c = 2.0315, in bfloat16.
    pub struct Muon {
        /// Learning rate where the schedule says 1.
        lr: f64 => 0.0..=1e6,
        /// Share of the last update that is kept.
        momentum: f64 = 0.95 => 0.0..=1.0,
        /// Whether the gradient is added to what the momentum makes of it.
        nesterov: bool = true,
        /// Newton–Schulz steps.
        steps: u64 = 5 => 1..=100,
        /// Share of the weight, times the learning rate, taken from it.
        weight_decay: f64 = 0.0 => 0.0..=1e6,
        /// Whether the weights are scaled to the norm √rows before each update, as airbench94 does.
        renormalize: bool = false,
    }
}

params! {
    /// Weights that are trained otherwise than the rest.
    pub struct ParameterGroup {
        /// Which ones: patterns of their paths, such as `*.conv2d.weight`, `*.bias` or `0.*`, where `*` stands for
        /// anything. A weight belongs to the first group that it fits.
        parameters: Texts,
        /// How they follow the gradient, if not as the rest.
        optimizer: Option<OptimizerSpec> = None,
        /// Another learning rate.
        lr: Option<f64> = None => 0.0..=1e6,
        /// Another weight decay.
        weight_decay: Option<f64> = None => 0.0..=1e6,
        /// Factor of their learning rate, if not as the rest. Once it is 0 for good, their gradients are not computed.
        schedule: Option<ScheduleSpec> = None,
        /// Whether they stay as they are.
        frozen: bool = false,
    }
}

params! {
    /// A running mean of the weights, which is evaluated and exported in their place.
    pub struct WeightAverage: Default {
        /// Share of the mean that is kept at each update; less in the first ones, (1 + n) / (10 + n).
        decay: f64 = 0.999 => 0.0..=1.0,
        /// Epochs after which it begins; until then it is the weights themselves.
        from_epoch: f64 = 0.0 => 0.0..=1e6,
    }
}

object!(ParameterGroup, WeightAverage);

choice! {
    /// Arithmetic of the model.
    pub enum Precision {
        /// float16 on a GPU, bfloat16 on a processor that computes in it, else float32.
        Auto = "auto",
        /// Single precision throughout.
        Float32 = "float32",
        /// Matrix products and convolutions in bfloat16, weights and sums in float32.
        Bfloat16 = "bfloat16",
        /// Matrix products and convolutions in float16 with a scaled loss, weights and sums in float32; on a GPU.
        Float16 = "float16",
    }
}

choice! {
    /// What is averaged at evaluation.
    pub enum TestTimeAugmentation {
        /// The image as it is.
        None = "none",
        /// The mean of the logits of the image and of its mirror image, left to right.
        Mirror = "mirror",
        /// Half of `mirror`, and a quarter each of `mirror` of the image shifted by one pixel right and down, and left
        /// and up, with the border reflected: as airbench94.
        MirrorTranslate = "mirror_translate",
    }
}

impl OptimizerSpec {
    /// Learning rate where the schedule says 1.
    pub fn lr(&self) -> f64 {
        match self {
            Self::Sgd(params) => params.lr,
            Self::Adam(params) => params.lr,
            Self::AdamW(params) => params.lr,
            Self::Muon(params) => params.lr,
        }
    }

    /// The same with another learning rate or weight decay.
    pub fn with(mut self, lr: Option<f64>, weight_decay: Option<f64>) -> Self {
        let (own_lr, own_decay) = match &mut self {
            Self::Sgd(params) => (&mut params.lr, &mut params.weight_decay),
            Self::Adam(params) => (&mut params.lr, &mut params.weight_decay),
            Self::AdamW(params) => (&mut params.lr, &mut params.weight_decay),
            Self::Muon(params) => (&mut params.lr, &mut params.weight_decay),
        };
        *own_lr = lr.unwrap_or(*own_lr);
        *own_decay = weight_decay.unwrap_or(*own_decay);
        self
    }
}

impl ParameterGroup {
    /// Whether a path fits one of the patterns.
    pub fn fits(&self, path: &str) -> bool {
        self.parameters.0.iter().any(|pattern| fits(pattern, path))
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        // The first place is as good as any: what follows has more room.
        let Some(at) = text.find(piece) else { return false };
        text = &text[at + piece.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("*.bias", "0.conv2d.bias", true),
            ("*.bias", "0.conv2d.weight", false),
            ("0.*", "0.conv2d.weight", true),
            ("0.*", "10.conv2d.weight", false),
            ("*.conv2d.*", "6.residual.0.conv2d.weight", true),
            ("*conv2d*weight", "6.residual.0.conv2d.weight", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("0.linear.weight", "0.linear.weight", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} and {text}");
        }
    }
}
