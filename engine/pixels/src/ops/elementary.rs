//! Elementary functions that give the same bits on every machine.
//!
//! Those of the standard library are whatever the platform's C library has, and differ in their last bit. Here are
//! series of plain multiplications, additions and divisions in double precision, good to about 10⁻¹⁵.

use std::f64::consts::{LN_2, PI, SQRT_2};

/// e to the power of `x`; beyond ±700 as at ±700.
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let halvings = (x / LN_2).round();
    let rest = x - halvings * LN_2;
    let series = (1..=16).rev().fold(1.0, |sum, n| 1.0 + rest / f64::from(n) * sum);
    // A power of two, from its bits: |halvings| is at most 1010.
    series * f64::from_bits(((halvings as i64 + 1023) as u64) << 52)
}

/// The natural logarithm. Numbers below the smallest normal one, and what is no number, count as that one.
pub fn ln(x: f64) -> f64 {
    let bits = x.clamp(f64::MIN_POSITIVE, f64::MAX).max(f64::MIN_POSITIVE).to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..=12).rev().fold(0.0, |sum, n| 1.0 / f64::from(2 * n + 1) + t * t * sum);
    exponent as f64 * LN_2 + 2.0 * t * series
}

/// Sine and cosine of an angle in degrees; exact at multiples of 90.
pub fn sin_cos(degrees: f64) -> (f64, f64) {
    let turn = degrees % 360.0;
    let quarter = (turn / 90.0).round();
    let x = (turn - quarter * 90.0) * (PI / 180.0);
    let square = x * x;
    let series = |first: i32| {
        (1..=9).rev().fold(1.0, |sum, n| 1.0 - square / f64::from((2 * n + first - 1) * (2 * n + first)) * sum)
    };
    let (sin, cos) = (x * series(1), series(0));
    match (quarter as i64).rem_euclid(4) {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_the_standard_library() {
        for n in -2000..=2000 {
            let x = f64::from(n) * 0.173;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "exp {x}");
            let positive = x.exp();
            assert!((ln(positive) - positive.ln()).abs() < 1e-13 * (1.0 + x.abs()), "ln {positive}");
            let (sin, cos) = sin_cos(x);
            let radians = x.to_radians();
            assert!((sin - radians.sin()).abs() < 1e-14 && (cos - radians.cos()).abs() < 1e-14, "{x} degrees");
        }
    }

    #[test]
    fn right_angles_are_exact_and_odd_arguments_harmless() {
        assert_eq!(sin_cos(90.0), (1.0, 0.0));
        assert_eq!(sin_cos(-90.0), (-1.0, 0.0));
        assert_eq!(sin_cos(540.0), (0.0, -1.0));
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(ln(1.0), 0.0);
        assert!(exp(f64::INFINITY).is_finite() && exp(f64::NEG_INFINITY) > 0.0);
        assert!(ln(0.0).is_finite() && ln(f64::NAN).is_finite());
    }
}
