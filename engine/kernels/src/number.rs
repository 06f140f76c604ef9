//! bfloat16, and the functions of it that activations need.

/// The number with these bits.
#[inline(always)]
pub fn from_bits(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The bits of the nearest bfloat16, ties to even.
#[inline(always)]
pub fn to_bits(number: f32) -> u16 {
    let bits = number.to_bits();
    // A number that is none stays so: its rounded bits keep at least the highest of the fraction.
    (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// eˣ for x ≤ 0, to 2 in the last place; 0 from −87 on.
#[inline(always)]
fn exp_of_negative(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    let clamped = x.max(-87.0);
    // x = n ln 2 + r: the addition leaves n in the low bits.
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = n.mul_add(-0.693_145_75, clamped);
    let r = n.mul_add(-1.428_606_8e-6, r);
    let p = 1.388_888_9e-3_f32.mul_add(r, 8.333_334e-3);
    let p = p.mul_add(r, 4.166_666_6e-2);
    let p = p.mul_add(r, 0.166_666_67);
    let p = p.mul_add(r, 0.5);
    let p = p.mul_add(r, 1.0);
    let p = p.mul_add(r, 1.0);
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23);
    p * power
}

/// Φ(z), the share of a normal distribution below z, and e^(−z²/2). The error is below 1e-6 (Abramowitz and Stegun,
/// 7.1.26).
#[inline(always)]
fn normal(z: f32) -> (f32, f32) {
    let bell = exp_of_negative(-0.5 * z * z);
    let x = z.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / x.mul_add(0.327_591_1, 1.0);
    let p = 1.061_405_4_f32.mul_add(t, -1.453_152_1);
    let p = p.mul_add(t, 1.421_413_7);
    let p = p.mul_add(t, -0.284_496_74);
    let p = p.mul_add(t, 0.254_829_6);
    let tail = 0.5 * p * t * bell;
    (if z < 0.0 { tail } else { 1.0 - tail }, bell)
}

/// z · Φ(z).
#[inline(always)]
pub(crate) fn gelu(z: f32) -> f32 {
    z * normal(z).0
}

/// Its slope, Φ(z) + z φ(z).
#[inline(always)]
pub(crate) fn gelu_slope(z: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3;
    let (below, bell) = normal(z);
    (z * DENSITY).mul_add(bell, below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_to_the_nearest_and_even() {
        assert_eq!(to_bits(1.0), 0x3f80);
        assert_eq!(to_bits(f32::from_bits(0x3f80_8000)), 0x3f80);
        assert_eq!(to_bits(f32::from_bits(0x3f81_8000)), 0x3f82);
        assert_eq!(to_bits(f32::from_bits(0x3f80_8001)), 0x3f81);
        assert!(from_bits(to_bits(f32::NAN)).is_nan());
        assert_eq!(from_bits(to_bits(f32::NEG_INFINITY)), f32::NEG_INFINITY);
        for bits in 0..=u16::MAX {
            let number = from_bits(bits);
            assert!(number.is_nan() || to_bits(number) == bits);
        }
    }

    #[test]
    fn the_activation_is_within_a_millionth() {
        // Figures of Python's math.erf.
        for (z, expected, slope) in [
            (-3.0, -0.004_049_694, -0.011_945_647),
            (-1.0, -0.158_655_25, -0.083_315_47),
            (-0.1, -0.046_017_22, 0.420_476_9),
            (0.0, 0.0, 0.5),
            (0.5, 0.345_731_23, 0.867_495_1),
            (2.0, 1.954_499_7, 1.085_231_8),
            (9.0, 9.0, 1.0),
            (-40.0, 0.0, 0.0),
        ] {
            assert!((gelu(z) - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{z}: {}", gelu(z));
            assert!((gelu_slope(z) - slope).abs() < 2e-6, "{z}: {}", gelu_slope(z));
        }
    }
}
