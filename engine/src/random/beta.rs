//! Numbers of a symmetric beta distribution: the shares of two images in one.

use pixels::ops::elementary::{exp, ln};

use super::Rng;

/// ln 4.
const LN_4: f64 = 2.0 * std::f64::consts::LN_2;

/// A number of the distribution Beta(`alpha`, `alpha`), in `0.0..=1.0`: its mean is 1/2, its variance
/// 1/(4·(2·`alpha` + 1)). `alpha` is at least 0.001 and at most 1000.
///
/// Up to 1 by Jöhnk's method (1964), above by Cheng's BB (Generating beta variates with nonintegral shape parameters,
/// 1978); each is exact, and draws pairs of numbers until one is accepted. Logarithms and powers are our own, so that
/// the number is the same on every machine.
pub fn beta(rng: &mut Rng, alpha: f64) -> f64 {
    if alpha <= 1.0 { johnk(rng, alpha) } else { cheng(rng, alpha) }
}

fn johnk(rng: &mut Rng, alpha: f64) -> f64 {
    loop {
        // Logarithms of the powers: the powers themselves are too small for any number where alpha is.
        let (x, y) = (ln(rng.unit()) / alpha, ln(rng.unit()) / alpha);
        if exp(x) + exp(y) <= 1.0 {
            return 1.0 / (1.0 + exp(y - x));
        }
    }
}

fn cheng(rng: &mut Rng, alpha: f64) -> f64 {
    let root = alpha.sqrt();
    loop {
        let (u, v) = (rng.unit(), rng.unit());
        // (ln u/(1 − u))/√α: what the logistic distribution proposes.
        let odds = (ln(u) - ln(1.0 - u)) / root;
        let w = alpha * exp(odds);
        let bound = (alpha + root) * odds - LN_4;
        if bound + 2.0 * alpha * ln(2.0 * alpha / (alpha + w)) >= ln(u) + ln(u) + ln(v) {
            return w / (alpha + w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::*;

    /// Mean, variance, and the share below a quarter, against the distribution's own.
    #[test]
    fn moments_are_those_of_the_distribution() {
        // The share below 1/4: of the arcsine law (1/2) 1/3, of the uniform (1) 1/4, of the others by polynomials.
        let quarters = [(0.5, 1.0 / 3.0), (1.0, 0.25), (2.0, 0.156_25), (5.0, 0.048_927_3)];
        for (alpha, quarter) in quarters {
            let mut numbers = 0.0;
            let (mut sum, mut squares, mut below) = (0.0, 0.0, 0.0);
            for sample in 0..40_000 {
                let x = beta(&mut Key::of_seed(3).number(sample).rng(), alpha);
                assert!((0.0..=1.0).contains(&x));
                numbers += 1.0;
                sum += x;
                squares += (x - 0.5) * (x - 0.5);
                below += f64::from(u8::from(x < 0.25));
            }
            let variance = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((sum / numbers - 0.5).abs() < 0.006, "mean of {alpha}: {}", sum / numbers);
            assert!((squares / numbers / variance - 1.0).abs() < 0.02, "variance of {alpha}: {}", squares / numbers);
            assert!((below / numbers - quarter).abs() < 0.008, "below a quarter of {alpha}: {}", below / numbers);
        }
    }

    #[test]
    fn the_ends_of_the_range_end() {
        for alpha in [0.001, 0.01, 0.2, 1000.0] {
            let numbers: Vec<f64> = (0..2_000).map(|n| beta(&mut Key::of_seed(n).rng(), alpha)).collect();
            let mean = numbers.iter().sum::<f64>() / 2_000.0;
            assert!((mean - 0.5).abs() < 0.05, "{alpha}: {mean}");
            let middle = numbers.iter().filter(|x| (0.4..0.6).contains(*x)).count();
            assert!(if alpha < 0.1 { middle < 60 } else { alpha < 1.0 || middle == 2_000 }, "{alpha}: {middle}");
        }
    }

    #[test]
    fn the_numbers_stay_what_they_are() {
        let drawn = [0.2, 1.0, 4.0].map(|alpha| beta(&mut Key::of_seed(42).name("mixup").rng(), alpha).to_bits());
        assert_eq!(drawn, [4_606_031_491_364_551_685, 4_604_415_186_066_749_159, 4_604_082_504_715_279_558]);
    }
}
