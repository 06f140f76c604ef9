//! Layers that are set from data before the training: `whitening_conv2d`, `standardize`.

use tch::{Kind, TchError, Tensor};

use super::build::Layer;
use super::forward::forward;

/// Samples that go through a layer at a time.
const CHUNK: i64 = 1000;

/// How many samples these layers want to see.
pub(super) fn samples(layers: &[Layer]) -> usize {
    let of = |layer: &Layer| match layer {
        Layer::WhiteningConv2d { images, .. } => *images,
        Layer::Standardize { samples, .. } => *samples,
        Layer::Sequential(inner) => samples(inner),
        Layer::Residual { layers, shortcut } => samples(layers).max(samples(shortcut)),
        _ => 0,
    };
    layers.iter().map(of).max().unwrap_or(0)
}

/// Sets them, each from the samples as they arrive at it.
pub(super) fn set(layers: &[Layer], samples: &Tensor) -> Result<(), TchError> {
    let mut x = samples.shallow_clone();
    for (index, layer) in layers.iter().enumerate() {
        if self::samples(&layers[index..]) == 0 {
            return Ok(());
        }
        set_one(layer, &x)?;
        let chunks: Vec<Tensor> =
            x.f_split(CHUNK, 0)?.into_iter().map(|x| forward(layer, x, false)).collect::<Result<_, _>>()?;
        x = Tensor::f_cat(&chunks, 0)?;
    }
    Ok(())
}

fn set_one(layer: &Layer, x: &Tensor) -> Result<(), TchError> {
    let first = |count: usize| x.f_narrow(0, 0, x.size()[0].min(count as i64))?.f_to_kind(Kind::Float);
    match layer {
        Layer::WhiteningConv2d { weight, images, eps, .. } => {
            let filters = whitening(&first(*images)?, weight.size()[2], *eps)?;
            weight.shallow_clone().f_copy_(&filters).map(drop)
        }
        Layer::Standardize { mean, std, samples, eps } => {
            let x = first(*samples)?;
            let others: Vec<i64> = (0..x.dim() as i64).filter(|axis| *axis != 1).collect();
            mean.shallow_clone().f_copy_(&x.f_mean_dim(&others[..], false, Kind::Float)?)?;
            let deviation = x.f_std_dim(&others[..], false, false)?.f_clamp_min(*eps)?;
            std.shallow_clone().f_copy_(&deviation).map(drop)
        }
        Layer::Sequential(inner) => set(inner, x),
        Layer::Residual { layers, shortcut } => {
            set(layers, x)?;
            set(shortcut, x)
        }
        _ => Ok(()),
    }
}

/// Filters [2 · channels · side², channels, side, side] that make the numbers of a patch of `images` [n, channels, height,
/// width] independent: the eigenvectors of their covariance about 0, each over √(eigenvalue + eps), and their negatives.
fn whitening(images: &Tensor, side: i64, eps: f64) -> Result<Tensor, TchError> {
    let channels = images.size()[1];
    let patch = channels * side * side;
    let mut sum = Tensor::f_zeros([patch, patch], (Kind::Double, images.device()))?;
    let mut count = 0;
    for chunk in images.f_split(CHUNK, 0)? {
        // [n, c, h, w, side, side] → a patch a row, in the order of a filter's weights.
        let windows = chunk.f_unfold(2, side, 1)?.f_unfold(3, side, 1)?.f_permute([0, 2, 3, 1, 4, 5])?;
        let patches = windows.f_reshape([-1, patch])?;
        count += patches.size()[0];
        let _ = sum.f_add_(&patches.f_tr()?.f_matmul(&patches)?.f_to_kind(Kind::Double)?)?;
    }
    let (values, vectors) = sum.f_div_scalar(count as f64)?.f_linalg_eigh("U")?;
    let filters = vectors.f_div(&values.f_add_scalar(eps)?.f_sqrt()?)?.f_tr()?;
    let filters = filters.f_reshape([patch, channels, side, side])?.f_to_kind(Kind::Float)?;
    Tensor::f_cat(&[filters.shallow_clone(), filters.f_neg()?], 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whitened_patches_are_independent() {
        crate::torch::init();
        tch::manual_seed(3);
        // Neighbours that are alike: noise, smoothed.
        let noise = Tensor::randn([64, 3, 17, 17], (Kind::Float, tch::Device::Cpu));
        let images = noise.avg_pool2d([2, 2], [1, 1], [0, 0], false, true, None);
        let filters = whitening(&images, 2, 0.0).expect("filters");
        assert_eq!(filters.size(), [24, 3, 2, 2]);
        let none: Option<&Tensor> = None;
        let out = images.conv2d(&filters.narrow(0, 0, 12), none, [1, 1], [0, 0], [1, 1], 1);
        let rows = out.permute([0, 2, 3, 1]).reshape([-1, 12]);
        let covariance = rows.tr().matmul(&rows) / rows.size()[0] as f64;
        let off = (covariance - Tensor::eye(12, (Kind::Float, tch::Device::Cpu))).abs().max().double_value(&[]);
        assert!(off < 1e-3, "the covariance differs from that of independent numbers by {off}");
        let negatives = (filters.narrow(0, 0, 12) + filters.narrow(0, 12, 12)).abs().max().double_value(&[]);
        assert_eq!(negatives, 0.0);
    }

    #[test]
    fn standardized_features_have_mean_0_and_deviation_1() {
        crate::torch::init();
        let x = Tensor::from_slice(&[1.0_f32, 10.0, 3.0, 10.0, 5.0, 10.0]).view([3, 2]);
        let zeros = || Tensor::zeros([2], (Kind::Float, tch::Device::Cpu));
        let layers = [Layer::Standardize { mean: zeros(), std: zeros(), samples: 100, eps: 0.5 }];
        set(&layers, &x).expect("set");
        let out = Vec::<f32>::try_from(forward(&layers[0], x, false).expect("out").flatten(0, -1)).expect("numbers");
        let deviation = (8.0_f32 / 3.0).sqrt();
        let expected = [-2.0 / deviation, 0.0, 0.0, 0.0, 2.0 / deviation, 0.0];
        assert!(out.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{out:?}");
    }
}
