//! Batch normalisation and activation in one pass, and the way back.

use crate::dispatch;
use crate::number::{from_bits, gelu, gelu_slope, to_bits};

/// What is done to a normalised number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// max(z, 0).
    Relu,
    /// z · Φ(z).
    Gelu,
}

/// What a channel's numbers are normalised with: z = x · factor + summand, where factor = scale / deviation.
#[derive(Clone, Copy, Debug)]
pub struct Normed<'a> {
    /// By channel.
    pub factor: &'a [f32],
    /// By channel.
    pub summand: &'a [f32],
    /// Mean of each channel.
    pub mean: &'a [f32],
    /// What follows.
    pub activation: Activation,
}

/// Sums over rows, by channel, of the gradient g at z.
pub struct GradientSums<'a> {
    /// Of g: the gradient of the normalisation's summand.
    pub plain: &'a mut [f32],
    /// Of g · (x − mean).
    pub centred: &'a mut [f32],
}

/// Rows that are summed in float32 before they go into a sum of sums: the error stays that of so many.
const BLOCK: usize = 128;

dispatch! {
    /// Adds the rows of `x`, less `shift`, and their squares, to two sums by channel.
    pub fn sums(x: &[u16], shift: &[f32], sum: &mut [f32], squares: &mut [f32]) => sums_in
}

#[inline(always)]
fn sums_in(x: &[u16], shift: &[f32], sum: &mut [f32], squares: &mut [f32]) {
    let channels = shift.len();
    let (mut part, mut part_squares) = (vec![0.0; channels], vec![0.0; channels]);
    for block in x.chunks(BLOCK * channels) {
        part.fill(0.0);
        part_squares.fill(0.0);
        for row in block.chunks_exact(channels) {
            for (((x, shift), sum), square) in row.iter().zip(shift).zip(&mut part).zip(&mut part_squares) {
                let x = from_bits(*x) - shift;
                *sum += x;
                *square = x.mul_add(x, *square);
            }
        }
        for (sum, part) in sum.iter_mut().zip(&part) {
            *sum += part;
        }
        for (sum, part) in squares.iter_mut().zip(&part_squares) {
            *sum += part;
        }
    }
}

dispatch! {
    /// The activation of the normalised rows of `x`, to `y`.
    pub fn normalize(x: &[u16], normed: &Normed<'_>, y: &mut [u16]) => normalize_in
}

#[inline(always)]
fn normalize_in(x: &[u16], normed: &Normed<'_>, y: &mut [u16]) {
    match normed.activation {
        Activation::None => each(x, normed, y, |z| z),
        Activation::Relu => each(x, normed, y, |z| z.max(0.0)),
        Activation::Gelu => each(x, normed, y, gelu),
    }
}

#[inline(always)]
fn each(x: &[u16], normed: &Normed<'_>, y: &mut [u16], activation: impl Fn(f32) -> f32) {
    let channels = normed.factor.len();
    let summand = &normed.summand[..channels];
    for (x, y) in x.chunks_exact(channels).zip(y.chunks_exact_mut(channels)) {
        for (((x, y), factor), summand) in x.iter().zip(y).zip(normed.factor).zip(summand) {
            *y = to_bits(activation(from_bits(*x).mul_add(*factor, *summand)));
        }
    }
}

dispatch! {
    /// Adds rows to the sums of the gradient at z, from the gradient `dy` after the activation.
    pub fn gradient_sums(x: &[u16], dy: &[u16], normed: &Normed<'_>, sums: &mut GradientSums<'_>) => gradient_sums_in
}

#[inline(always)]
fn gradient_sums_in(x: &[u16], dy: &[u16], normed: &Normed<'_>, sums: &mut GradientSums<'_>) {
    match normed.activation {
        Activation::None => add_up(x, dy, normed, sums, |_| 1.0),
        Activation::Relu => add_up(x, dy, normed, sums, relu_slope),
        Activation::Gelu => add_up(x, dy, normed, sums, gelu_slope),
    }
}

#[inline(always)]
fn relu_slope(z: f32) -> f32 {
    if z > 0.0 { 1.0 } else { 0.0 }
}

#[inline(always)]
fn add_up(x: &[u16], dy: &[u16], normed: &Normed<'_>, sums: &mut GradientSums<'_>, slope: impl Fn(f32) -> f32) {
    let channels = normed.factor.len();
    let (mut plain, mut centred) = (vec![0.0_f32; channels], vec![0.0_f32; channels]);
    let (factor, summand, mean) = (normed.factor, &normed.summand[..channels], &normed.mean[..channels]);
    for (x, dy) in x.chunks(BLOCK * channels).zip(dy.chunks(BLOCK * channels)) {
        plain.fill(0.0);
        centred.fill(0.0);
        for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
            let (plain, centred) = (&mut plain[..channels], &mut centred[..channels]);
            for c in 0..channels {
                let number = from_bits(x[c]);
                let g = from_bits(dy[c]) * slope(number.mul_add(factor[c], summand[c]));
                plain[c] += g;
                centred[c] = g.mul_add(number - mean[c], centred[c]);
            }
        }
        for (sum, part) in sums.plain.iter_mut().zip(&plain) {
            *sum += part;
        }
        for (sum, part) in sums.centred.iter_mut().zip(&centred) {
            *sum += part;
        }
    }
}

dispatch! {
    /// The gradient at x: factor · g − (x − mean) · `by_x` − `plain`, by channel.
    pub fn backward(
        x: &[u16],
        dy: &[u16],
        normed: &Normed<'_>,
        by_x: &[f32],
        plain: &[f32],
        dx: &mut [u16],
    ) => backward_in
}

#[inline(always)]
fn backward_in(x: &[u16], dy: &[u16], normed: &Normed<'_>, by_x: &[f32], plain: &[f32], dx: &mut [u16]) {
    match normed.activation {
        Activation::None => back(x, dy, normed, by_x, plain, dx, |_| 1.0),
        Activation::Relu => back(x, dy, normed, by_x, plain, dx, relu_slope),
        Activation::Gelu => back(x, dy, normed, by_x, plain, dx, gelu_slope),
    }
}

#[inline(always)]
fn back(
    x: &[u16],
    dy: &[u16],
    normed: &Normed<'_>,
    by_x: &[f32],
    plain: &[f32],
    dx: &mut [u16],
    slope: impl Fn(f32) -> f32,
) {
    let channels = normed.factor.len();
    let (factor, summand, mean) = (normed.factor, &normed.summand[..channels], &normed.mean[..channels]);
    let (by_x, plain) = (&by_x[..channels], &plain[..channels]);
    let rows = x.chunks_exact(channels).zip(dy.chunks_exact(channels)).zip(dx.chunks_exact_mut(channels));
    for ((x, dy), dx) in rows {
        for c in 0..channels {
            let number = from_bits(x[c]);
            let g = from_bits(dy[c]) * slope(number.mul_add(factor[c], summand[c]));
            let rest = (number - mean[c]).mul_add(by_x[c], plain[c]);
            dx[c] = to_bits(g.mul_add(factor[c], -rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three channels, seven rows.
    fn numbers(seed: u32, count: usize) -> Vec<u16> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            to_bits((state >> 8) as f32 / 4_194_304.0 - 2.0)
        };
        (0..count).map(|_| next()).collect()
    }

    /// The whole in float64, from the definition: the loss is Σ y · dy, its slope by finite differences.
    #[test]
    fn the_gradient_is_the_slope() {
        let (channels, rows) = (3, 7);
        let (x, dy) = (numbers(1, channels * rows), numbers(2, channels * rows));
        for activation in [Activation::None, Activation::Relu, Activation::Gelu] {
            let (scale, bias) = ([1.5, 0.5, -1.0], [0.1, -0.2, 0.3]);
            let forward = |x: &[f64]| -> f64 {
                let mut loss = 0.0;
                for c in 0..channels {
                    let column: Vec<f64> = x.iter().skip(c).step_by(channels).copied().collect();
                    let mean = column.iter().sum::<f64>() / rows as f64;
                    let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64;
                    for (row, x) in column.iter().enumerate() {
                        let z = (x - mean) / variance.sqrt() * scale[c] + bias[c];
                        let y = match activation {
                            Activation::None => z,
                            Activation::Relu => z.max(0.0),
                            Activation::Gelu => f64::from(gelu(z as f32)),
                        };
                        loss += y * f64::from(from_bits(dy[row * channels + c]));
                    }
                }
                loss
            };
            let exact: Vec<f64> = x.iter().map(|x| f64::from(from_bits(*x))).collect();
            // As a caller does it.
            let (mut sum, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
            let shift = vec![0.25; channels];
            sums(&x, &shift, &mut sum, &mut squares);
            let n = rows as f32;
            let mean: Vec<f32> = sum.iter().zip(&shift).map(|(s, k)| s / n + k).collect();
            let inverse: Vec<f32> = (0..channels).map(|c| (squares[c] / n - (sum[c] / n).powi(2)).powf(-0.5)).collect();
            let factor: Vec<f32> = (0..channels).map(|c| scale[c] as f32 * inverse[c]).collect();
            let summand: Vec<f32> = (0..channels).map(|c| bias[c] as f32 - mean[c] * factor[c]).collect();
            let normed = Normed { factor: &factor, summand: &summand, mean: &mean, activation };
            let (mut plain, mut centred) = (vec![0.0; channels], vec![0.0; channels]);
            gradient_sums(&x, &dy, &normed, &mut GradientSums { plain: &mut plain, centred: &mut centred });
            let by_x: Vec<f32> = (0..channels).map(|c| factor[c] * inverse[c].powi(2) * centred[c] / n).collect();
            let rest: Vec<f32> = (0..channels).map(|c| factor[c] * plain[c] / n).collect();
            let mut dx = vec![0; x.len()];
            backward(&x, &dy, &normed, &by_x, &rest, &mut dx);
            for at in 0..x.len() {
                let moved = |by: f64| {
                    let mut x = exact.clone();
                    x[at] += by;
                    forward(&x)
                };
                let slope = (moved(1e-3) - moved(-1e-3)) / 2e-3;
                let given = f64::from(from_bits(dx[at]));
                assert!((given - slope).abs() < 0.02 * (1.0 + slope.abs()), "{activation:?} {at}: {given} for {slope}");
            }
            let mut y = vec![0; x.len()];
            normalize(&x, &normed, &mut y);
            let total: f64 = y.iter().zip(&dy).map(|(y, dy)| f64::from(from_bits(*y) * from_bits(*dy))).sum();
            assert!((total - forward(&exact)).abs() < 0.05, "{total} for {}", forward(&exact));
        }
    }

    #[test]
    fn plain_and_wide_instructions_agree() {
        let channels = 37;
        let (x, dy) = (numbers(3, channels * 300), numbers(4, channels * 300));
        let constants = |seed| -> Vec<f32> { numbers(seed, channels).into_iter().map(from_bits).collect() };
        let (factor, summand, mean) = (constants(5), constants(6), constants(7));
        for activation in [Activation::Relu, Activation::Gelu] {
            let normed = Normed { factor: &factor, summand: &summand, mean: &mean, activation };
            let (mut a, mut b) = (vec![0; x.len()], vec![0; x.len()]);
            normalize(&x, &normed, &mut a);
            normalize_in(&x, &normed, &mut b);
            assert_eq!(a, b);
            backward(&x, &dy, &normed, &mean, &summand, &mut a);
            backward_in(&x, &dy, &normed, &mean, &summand, &mut b);
            assert_eq!(a, b);
        }
    }
}
