//! Elementary functions that the compiler turns into vector instructions.
//!
//! libm's `expf` and `tanhf` are scalar calls; the ones here are branch-free polynomials, accurate to a few units in
//! the last place over the range of activations, so that a loop over a slice becomes AVX-512, AVX2 or NEON code.
//! [`vectorized!`] compiles a function once for each x86 level and picks at run time; one binary serves every laptop.

/// Defines `fn name(args)` whose body is compiled for AVX-512, AVX2 and the baseline.
macro_rules! vectorized {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                let level = $crate::ops::simd::level();
                // SAFETY: the processor has the instructions; `level` checked.
                if level == 2 { return unsafe { avx512($($arg),*) }; }
                if level == 1 { return unsafe { avx2($($arg),*) }; }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use vectorized;

/// 2: AVX-512, 1: AVX2 with FMA, 0: neither.
#[cfg(target_arch = "x86_64")]
pub(crate) fn level() -> u8 {
    use std::sync::OnceLock;
    static LEVEL: OnceLock<u8> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        u8::from(avx2) + u8::from(avx2 && avx512)
    })
}

/// e^x, relative error below 2e-7; 0 below -87.3, and clamped at 88; NaN of NaN.
///
/// Cephes' scheme: x = n ln 2 + r, a polynomial in r, then n goes into the exponent bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-87.3, 88.0);
    // 1.5·2^23: adding it rounds to the nearest integer, which is then in the lowest bits
    const ROUND: f32 = 12_582_912.0;
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4_f32;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    // the exponent's bits; what is above them is shifted out
    let scale = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if x < -87.3 { 0.0 } else { y * scale }
}

/// e^x for x in -708..=709, relative error below 2e-15.
///
/// As [`exp`], with ln 2 in two parts (their bits are fdlibm's: the first has so few that its product with n is exact)
/// and Taylor's polynomial: its first missing term is (ln 2 / 2)^13 / 13! = 2e-16.
#[inline(always)]
pub(crate) fn exp64(x: f64) -> f64 {
    const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
    const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
    // 1.5·2^52: adding it rounds to the nearest integer, which is then in the lowest bits
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let p = 1.0 / 479_001_600.0; // 1/12!
    let p = p * r + 1.0 / 39_916_800.0;
    let p = p * r + 1.0 / 3_628_800.0;
    let p = p * r + 1.0 / 362_880.0;
    let p = p * r + 1.0 / 40_320.0;
    let p = p * r + 1.0 / 5_040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    // the exponent's bits; what is above them is shifted out
    let scale = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    y * scale
}

/// tanh(x) = 1 - 2 / (e^2x + 1); absolute error below 2e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The standard normal's cumulative distribution function and density at x.
///
/// Φ through erfc by Abramowitz and Stegun 7.1.26, absolute error below 2e-7.
#[inline(always)]
pub(crate) fn normal(x: f32) -> (f32, f32) {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let p = 1.061_405_4_f32;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let e = exp(-z * z);
    let tail = 0.5 * p * t * e; // 1 - Φ(|x|)
    let cdf = if x < 0.0 { tail } else { 1.0 - tail };
    (cdf, 0.398_942_3 * e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_equal_libm() {
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
        for i in -100_000..100_000 {
            let x = i as f32 * 1e-3;
            let e = (x as f64).clamp(-87.3, 88.0).exp();
            assert!(
                (exp(x) as f64 - e).abs() <= 3e-7 * e + 1e-37,
                "exp({x}) = {}, libm {e}",
                exp(x)
            );
            assert!(
                (tanh(x) as f64 - (x as f64).tanh()).abs() < 3e-7,
                "tanh({x})"
            );
        }
    }

    #[test]
    fn double_exp_equals_libm() {
        for i in -7_080_000..=0 {
            let x = f64::from(i) * 1e-4;
            let e = x.exp();
            assert!((exp64(x) - e).abs() <= 2e-15 * e, "exp({x}) = {}", exp64(x));
        }
        assert_eq!(exp64(0.0), 1.0);
        assert!((exp64(709.0) / 709f64.exp() - 1.0).abs() < 2e-15);
    }

    #[test]
    fn normal_distribution_matches_tables() {
        // scipy.stats.norm.cdf
        for (x, cdf) in [
            (-3.0, 0.001_349_898_03),
            (-1.0, 0.158_655_253_93),
            (0.0, 0.5),
            (0.5, 0.691_462_461_27),
            (2.0, 0.977_249_868_05),
        ] {
            assert!((normal(x).0 as f64 - cdf).abs() < 3e-7, "cdf({x})");
            let pdf = (-0.5 * (x as f64).powi(2)).exp() / std::f64::consts::TAU.sqrt();
            assert!((normal(x).1 as f64 - pdf).abs() < 3e-7, "pdf({x})");
        }
    }
}
