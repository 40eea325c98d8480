//! What is done to single rows between two products: normalization, GELU, softmax, and conversion.
//!
//! Sums run in 16 lanes in a fixed order, so that a row's result depends on the row alone.

use super::kernels::{COLS, each_row};
use crate::ops::Gelu;
use crate::ops::simd::{exp, normal, tanh, vectorized};

const LANES: usize = 16;

/// Rows that one thread takes at once: some microseconds of work.
pub const ROWS_AT_ONCE: usize = 2;

/// The sum of `f(i)`.
#[inline(always)]
fn sum(n: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = n / LANES * LANES;
    for i in (0..whole).step_by(LANES) {
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane += f(i + l);
        }
    }
    let mut total = lanes.iter().sum();
    for i in whole..n {
        total += f(i);
    }
    total
}

/// Gain and offset of a LayerNorm (Ba, Kiros, Hinton 2016).
pub struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub eps: f32,
}

impl Norm {
    /// Normalizes each row of `x (rows, C)` into `y`.
    pub fn rows(&self, x: &[f32], y: &mut [f32]) {
        let c = self.weight.len();
        each_row(x.len() / c, ROWS_AT_ONCE, (y, c), |row, y| {
            normalize(&x[row * c..][..c], &self.weight, &self.bias, self.eps, y);
        });
    }

    /// Normalizes each row in place.
    pub fn rows_in_place(&self, x: &mut [f32], spare: &mut Vec<f32>) {
        spare.clear();
        spare.extend_from_slice(x);
        self.rows(spare, x);
    }
}

vectorized! {
    fn normalize(x: &[f32], w: &[f32], b: &[f32], eps: f32, y: &mut [f32]) {
        let c = w.len();
        for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
            let mean = sum(c, |i| x[i]) / c as f32;
            let variance = sum(c, |i| (x[i] - mean) * (x[i] - mean)) / c as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            for i in 0..c {
                y[i] = (x[i] - mean) * scale * w[i] + b[i];
            }
        }
    }
}

vectorized! {
    pub fn write_into(sums: &[f32; COLS], bias: &[f32], y: &mut [f32]) {
        for ((y, sum), bias) in y.iter_mut().zip(sums).zip(bias) {
            *y = sum + bias;
        }
    }
}

vectorized! {
    pub fn add_into(sums: &[f32; COLS], bias: &[f32], y: &mut [f32]) {
        for ((y, sum), bias) in y.iter_mut().zip(sums).zip(bias) {
            *y += sum + bias;
        }
    }
}

/// sqrt(2/π) and the cubic coefficient of the tanh form (Hendrycks and Gimpel 2016).
const ROOT: f32 = 0.797_884_6;
const CUBE: f32 = 0.044_715;

vectorized! {
    pub fn gelu_into(sums: &[f32; COLS], bias: &[f32], form: Gelu, y: &mut [f32]) {
        let mut all = [0f32; COLS];
        for i in 0..COLS {
            let x = sums[i] + bias[i];
            all[i] = x;
        }
        match form {
            Gelu::Tanh => for x in &mut all {
                *x = 0.5 * *x * (1.0 + tanh(ROOT * (*x + CUBE * *x * *x * *x)));
            },
            Gelu::Erf => for x in &mut all {
                *x *= normal(*x).0;
            },
        }
        y.copy_from_slice(&all[..y.len()]);
    }
}

vectorized! {
    /// Turns scores into probabilities: those of the first `early` and of `late` from `late_at` on, divided by `1 / scale`;
    /// all others become 0.
    pub fn softmax(scores: &mut [f32], early: usize, late_at: usize, late: usize, scale: f32) {
        let mut most = f32::NEG_INFINITY;
        for s in scores[..early].iter().chain(&scores[late_at..late_at + late]) {
            most = if *s > most { *s } else { most };
        }
        for s in &mut scores[..early] {
            *s = exp((*s - most) * scale);
        }
        scores[early..late_at].fill(0.0);
        for s in &mut scores[late_at..late_at + late] {
            *s = exp((*s - most) * scale);
        }
        scores[late_at + late..].fill(0.0);
        let total = 1.0 / sum(scores.len(), |i| scores[i]);
        for s in scores.iter_mut() {
            *s *= total;
        }
    }
}

vectorized! {
    /// The nearest bf16 values, ties to even; NaN stays NaN.
    pub fn to_bf16(x: &[f32], half: &mut [u16]) {
        for (half, x) in half.iter_mut().zip(x) {
            let bits = x.to_bits();
            let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
            let nan = (bits >> 16) as u16 | 0x40;
            *half = if x.is_nan() { nan } else { rounded };
        }
    }
}

vectorized! {
    /// `y = x * channels`; the mean and the maximum of its magnitudes.
    pub fn balance(x: &[f32], channels: &[f32], y: &mut [f32]) -> (f32, f32) {
        for i in 0..x.len() {
            y[i] = x[i] * channels[i];
        }
        let mean = sum(y.len(), |i| y[i].abs()) / y.len().max(1) as f32;
        let mut most = [0f32; LANES];
        for chunk in y.chunks(LANES) {
            for (most, y) in most.iter_mut().zip(chunk) {
                *most = if y.abs() > *most { y.abs() } else { *most };
            }
        }
        (mean, most.iter().fold(0.0, |a, b| if *b > a { *b } else { a }))
    }
}

vectorized! {
    /// Rounds the values up to `limit` to steps of the returned size, stored with an offset of 128. In `x`, only the
    /// others stay.
    pub fn quantize(x: &mut [f32], limit: f32, q: &mut [u8]) -> f32 {
        let mut most = [0f32; LANES];
        for chunk in x.chunks(LANES) {
            for (most, x) in most.iter_mut().zip(chunk) {
                let size = x.abs();
                *most = if size > *most && size <= limit { size } else { *most };
            }
        }
        let most = most.iter().fold(0f32, |a, b| if *b > a { *b } else { a });
        let step = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        // Adding 1.5·2^23 rounds to the nearest integer and leaves it in the low bits.
        const ROUND: f32 = 12_582_912.0;
        for (x, q) in x.iter_mut().zip(q) {
            let inside = x.abs() <= limit;
            let value = if inside { *x } else { 0.0 };
            *q = ((value * inverse + ROUND).to_bits() as u8).wrapping_add(128);
            *x = if inside { 0.0 } else { *x };
        }
        if limit.is_finite() { step } else { f32::NAN }
    }
}

vectorized! {
    /// Sums of int8 products as numbers, with the outliers of the row added; `panel` has four values of k side by side.
    pub fn dequantize(
        ints: &[i32; COLS],
        offsets: &[i32],
        scales: &[f32],
        step: f32,
        outliers: &[(u32, f32)],
        panel: &[i8],
        out: &mut [f32; COLS],
    ) {
        for c in 0..COLS {
            out[c] = (ints[c] - offsets[c]) as f32 * step;
        }
        for &(i, x) in outliers {
            let group = &panel[i as usize / 4 * 4 * COLS..][..4 * COLS];
            let up = 24 - 8 * (i % 4);
            for (out, four) in out.iter_mut().zip(group.as_chunks::<4>().0) {
                let four = u32::from_le_bytes(four.map(|q| q as u8));
                *out += ((four << up) as i32 >> 24) as f32 * x;
            }
        }
        for c in 0..COLS {
            out[c] *= scales[c];
        }
    }
}
