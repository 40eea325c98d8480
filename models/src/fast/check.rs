//! What the tests of this folder share.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::Precision;
use super::kernels::Level;
use crate::rng::Stream;

/// Standard normal values.
pub fn random(stream: &mut Stream, n: usize) -> Vec<f32> {
    (0..n).map(|_| stream.next_normal() as f32).collect()
}

/// Root mean square.
pub fn rms(x: &[f32]) -> f32 {
    let squares: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
    (squares / x.len().max(1) as f64).sqrt() as f32
}

/// The largest difference; both must be finite.
pub fn gap(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |most, (a, b)| {
        assert!(a.is_finite() && b.is_finite(), "{a} {b}");
        f32::max(most, (a - b).abs())
    })
}

/// Prints how far logits in a precision are off, and checks it: the largest difference for f32, relative to the size of
/// the logits for the others.
pub fn assert_near(precision: Precision, got: &[f32], want: &[f32], most: f32) {
    let off = gap(got, want);
    let relative = off / rms(want);
    eprintln!(
        "{}: largest difference of logits {off:.1e}, {relative:.1e} of their size",
        precision.as_str()
    );
    let measured = if precision == Precision::F32 {
        off
    } else {
        relative
    };
    assert!(measured < most, "{precision:?}: off by {measured}");
}

/// Every level up to the best of this processor.
pub fn up_to(best: Level) -> Vec<Level> {
    [Level::Portable, Level::Avx2, Level::Avx512]
        .into_iter()
        .filter(|level| *level <= best)
        .collect()
}

/// `x (m, k) · w (k, n)`, the obvious loop in f64.
pub fn matmul(x: &[f32], w: &[f32], (m, k, n): (usize, usize, usize)) -> Vec<f32> {
    let mut y = Vec::with_capacity(m * n);
    for r in 0..m {
        for c in 0..n {
            let terms = (0..k).map(|i| f64::from(x[r * k + i]) * f64::from(w[i * n + c]));
            y.push(terms.sum::<f64>() as f32);
        }
    }
    y
}

/// Attention of one query of head `h` over the keys and values of `qkv (T, 3C)`, the obvious loop.
pub fn attention(q: &[f32], qkv: &[f32], c: usize, h: usize, d: usize) -> Vec<f32> {
    let part = |t: usize, p: usize| &qkv[t * 3 * c + p * c + h * d..][..d];
    let tokens = qkv.len() / (3 * c);
    let scores: Vec<f64> = (0..tokens)
        .map(|t| {
            let dot = q.iter().zip(part(t, 1)).map(|(q, k)| f64::from(q * k));
            (dot.sum::<f64>() / (d as f64).sqrt()).exp()
        })
        .collect();
    let all: f64 = scores.iter().sum();
    (0..d)
        .map(|i| {
            let terms = scores.iter().enumerate();
            let sum: f64 = terms.map(|(t, p)| p * f64::from(part(t, 2)[i])).sum();
            (sum / all) as f32
        })
        .collect()
}
