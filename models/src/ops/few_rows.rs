//! Matrix products with few rows: the steps of generation, where each weight is used a handful of times.
//!
//! Such a product is memory-bound, and a kernel for large matrices packs the weights first: it reads, writes and reads
//! them again. Here each weight is read once, in memory order. Every row is summed in a fixed order of its own, so its
//! result does not depend on the number of rows or threads.

use rayon::prelude::*;

use super::simd::vectorized;

/// Up to this many rows, these kernels are faster than a packed product (measured on 768 x 2304 and 50257 x 768
/// weights, two cores).
pub(super) const FEW: usize = 24;

/// Maximum number of columns per task: the partial sums of all rows stay in the first-level cache.
const COLUMNS: usize = 384;

/// Adds `x (m, k) · w (k, n)` to `y (m, n)`.
pub(super) fn add_in_out(x: &[f32], w: &[f32], y: &mut [f32], (m, n, k): (usize, usize, usize)) {
    let columns = (n / (2 * rayon::current_num_threads())).clamp(64, COLUMNS);
    let blocks: Vec<Vec<f32>> = (0..n)
        .into_par_iter()
        .step_by(columns)
        .map(|from| {
            let width = columns.min(n - from);
            let mut block = vec![0.; m * width];
            block_in_out(x, &w[from..], n, &mut block, (m, width, k));
            block
        })
        .collect();
    for (i, block) in blocks.iter().enumerate() {
        let (from, width) = (i * columns, block.len() / m);
        for (row, sums) in block.chunks_exact(width).enumerate() {
            let y = &mut y[row * n + from..][..width];
            y.iter_mut().zip(sums).for_each(|(y, sum)| *y += sum);
        }
    }
}

vectorized! {
    /// Columns of the product: `w` begins at the first of them and has rows `stride` apart.
    fn block_in_out(x: &[f32], w: &[f32], stride: usize, y: &mut [f32], shape: (usize, usize, usize)) {
        let (m, width, k) = shape;
        let fours = k / 4 * 4;
        for i in (0..fours).step_by(4) {
            let w0 = &w[i * stride..][..width];
            let w1 = &w[(i + 1) * stride..][..width];
            let w2 = &w[(i + 2) * stride..][..width];
            let w3 = &w[(i + 3) * stride..][..width];
            for r in 0..m {
                let x = &x[r * k + i..][..4];
                let (x0, x1, x2, x3) = (x[0], x[1], x[2], x[3]);
                let y = &mut y[r * width..][..width];
                for j in 0..width {
                    y[j] += (x0 * w0[j] + x1 * w1[j]) + (x2 * w2[j] + x3 * w3[j]);
                }
            }
        }
        for i in fours..k {
            let w = &w[i * stride..][..width];
            for r in 0..m {
                let x = x[r * k + i];
                let y = &mut y[r * width..][..width];
                y.iter_mut().zip(w).for_each(|(y, w)| *y += x * w);
            }
        }
    }
}

/// Adds `x (m, k) · w (n, k)ᵀ` to `y (m, n)`.
pub(super) fn add_out_in(x: &[f32], w: &[f32], y: &mut [f32], (m, n, k): (usize, usize, usize)) {
    const OUTS: usize = 64;
    let blocks: Vec<Vec<f32>> = w
        .par_chunks(OUTS * k.max(1))
        .map(|w| {
            let mut block = vec![0.; w.len() / k * m];
            block_out_in(x, w, &mut block, m, k);
            block
        })
        .collect();
    for (i, block) in blocks.iter().enumerate() {
        for (j, sums) in block.chunks_exact(m).enumerate() {
            for (row, sum) in sums.iter().enumerate() {
                y[row * n + i * OUTS + j] += sum;
            }
        }
    }
}

const LANES: usize = 16;

/// `w` times each of `R` rows, 16 partial sums per row.
#[inline(always)]
fn dots<const R: usize>(x: &[f32], w: &[f32], sums: &mut [f32]) {
    let k = w.len();
    let whole = k / LANES * LANES;
    let mut lanes = [[0f32; LANES]; R];
    for i in (0..whole).step_by(LANES) {
        let w = &w[i..i + LANES];
        for (r, lanes) in lanes.iter_mut().enumerate() {
            let x = &x[r * k + i..][..LANES];
            for l in 0..LANES {
                lanes[l] += x[l] * w[l];
            }
        }
    }
    for (r, lanes) in lanes.iter().enumerate() {
        let mut sum = lanes.iter().sum::<f32>();
        for i in whole..k {
            sum += x[r * k + i] * w[i];
        }
        sums[r] = sum;
    }
}

vectorized! {
    /// Products of rows of `w (.., k)` with all rows of `x (m, k)`: `y (.., m)`.
    fn block_out_in(x: &[f32], w: &[f32], y: &mut [f32], m: usize, k: usize) {
        for (w, y) in w.chunks_exact(k).zip(y.chunks_exact_mut(m)) {
            let fours = m / 4 * 4;
            for r in (0..fours).step_by(4) {
                dots::<4>(&x[r * k..], w, &mut y[r..]);
            }
            for r in fours..m {
                dots::<1>(&x[r * k..], w, &mut y[r..]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mat, matmul};
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn equals_the_packed_product() {
        for seed in 0..48 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (m, n, k) = (rng.usize(1..=FEW), rng.usize(1..500), rng.usize(1..130));
            let mut stream = Stream::new(seed, "few rows");
            let mut normal = |n: usize| {
                (0..n)
                    .map(|_| stream.next_normal() as f32)
                    .collect::<Vec<_>>()
            };
            let (x, w, bias) = (normal(m * k), normal(k * n), normal(m * n));
            for transposed in [false, true] {
                let (mut fast, mut slow) = (bias.clone(), bias.clone());
                let b = match transposed {
                    false => Mat::rows(&w, n),
                    true => Mat::rows(&w, k).transposed(),
                };
                matmul(
                    (m, n, k),
                    &mut slow,
                    n,
                    true,
                    1.0,
                    Mat::rows(&x, k),
                    b,
                    false,
                );
                match transposed {
                    false => add_in_out(&x, &w, &mut fast, (m, n, k)),
                    true => add_out_in(&x, &w, &mut fast, (m, n, k)),
                }
                for (a, b) in fast.iter().zip(&slow) {
                    assert!(
                        (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                        "seed {seed}, {m} x {n} x {k}: {a} {b}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_the_others() {
        let (n, k) = (300, 70);
        let mut stream = Stream::new(1, "few rows");
        let mut normal = |n: usize| {
            (0..n)
                .map(|_| stream.next_normal() as f32)
                .collect::<Vec<_>>()
        };
        let (x, w) = (normal(7 * k), normal(k * n));
        for add in [add_in_out, add_out_in] {
            let (mut one, mut seven) = (vec![0.; n], vec![0.; 7 * n]);
            add(&x[6 * k..], &w, &mut one, (1, n, k));
            add(&x, &w, &mut seven, (7, n, k));
            assert_eq!(one, seven[6 * n..]);
        }
    }
}
