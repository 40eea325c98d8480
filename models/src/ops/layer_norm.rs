//! Layer normalization (Ba, Kiros, Hinton 2016, arXiv:1607.06450).

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::vectorized;
use super::{is_fused, rows_per_task, slice, sum_dtype, sum_rows, tensor, with_slice};

/// `x (.., C)` normalized to mean 0 and variance 1 along `C`, times `w (C)`, plus `b (C)`.
pub fn layer_norm(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    if !is_fused(x) {
        return layer_norm_ref(x, w, b, eps);
    }
    let op = LayerNorm {
        eps: eps as f32,
        stats: OnceLock::new(),
    };
    x.contiguous()?.apply_op3(w, b, op)
}

/// Reference of [`layer_norm`]. Half precision is normalized in float32, in which an epsilon of 1e-12 is not 0.
pub fn layer_norm_ref(x: &Tensor, w: &Tensor, b: &Tensor, eps: f64) -> Result<Tensor> {
    let dtype = x.dtype();
    let x = x.to_dtype(sum_dtype(dtype))?;
    let x = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = x.sqr()?.mean_keepdim(D::Minus1)?;
    x.broadcast_div(&(variance + eps)?.sqrt()?)?
        .to_dtype(dtype)?
        .broadcast_mul(w)?
        .broadcast_add(b)
}

struct LayerNorm {
    eps: f32,
    /// Mean and 1/standard deviation of each row.
    stats: OnceLock<Vec<(f32, f32)>>,
}

/// Sums in eight lanes: vector code, and the same order on every machine.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(usize, f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    let whole = values.len() / LANES * LANES;
    for (c, chunk) in values[..whole].chunks_exact(LANES).enumerate() {
        for l in 0..LANES {
            lanes[l] += f(c * LANES + l, chunk[l]);
        }
    }
    let mut total = lanes.iter().sum();
    for (i, x) in values.iter().enumerate().skip(whole) {
        total += f(i, *x);
    }
    total
}

vectorized! {
    fn forward_rows(x: &[f32], w: &[f32], b: &[f32], eps: f32, y: &mut [f32], stats: &mut [(f32, f32)]) {
        let n = w.len() as f32;
        for ((x, y), stat) in x.chunks_exact(w.len()).zip(y.chunks_exact_mut(w.len())).zip(stats) {
            let mean = sum(x, |_, x| x) / n;
            let variance = sum(x, |_, x| (x - mean) * (x - mean)) / n;
            let rstd = 1.0 / (variance + eps).sqrt();
            for i in 0..w.len() {
                y[i] = (x[i] - mean) * rstd * w[i] + b[i];
            }
            *stat = (mean, rstd);
        }
    }
}

vectorized! {
    /// `dx`, and `dy · x̂` in `dw`, whose rows are summed later.
    fn backward_rows(
        x: &[f32], w: &[f32], dy: &[f32], stats: &[(f32, f32)], dx: &mut [f32], dw: &mut [f32],
    ) {
        let c = w.len();
        let n = c as f32;
        for (r, &(mean, rstd)) in stats.iter().enumerate() {
            let row = r * c..(r + 1) * c;
            let (x, dy) = (&x[row.clone()], &dy[row.clone()]);
            let (dx, dw) = (&mut dx[row.clone()], &mut dw[row]);
            let a = sum(dy, |i, d| d * w[i]) / n;
            let b = sum(dy, |i, d| d * w[i] * (x[i] - mean) * rstd) / n;
            for i in 0..c {
                let hat = (x[i] - mean) * rstd;
                dx[i] = rstd * (dy[i] * w[i] - a - hat * b);
                dw[i] = dy[i] * hat;
            }
        }
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
        b: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w, b) = (slice(x, lx)?, slice(w, lw)?, slice(b, lb)?);
        let c = w.len();
        if c == 0 || x.len() % c != 0 || b.len() != c {
            candle_core::bail!(
                "layer-norm: x {:?}, w {:?}, b {:?}",
                lx.dims(),
                lw.dims(),
                lb.dims()
            );
        }
        let mut y = vec![0.; x.len()];
        let mut stats = vec![(0., 0.); x.len() / c];
        let rows = rows_per_task(c);
        (
            x.par_chunks(rows * c),
            y.par_chunks_mut(rows * c),
            stats.par_chunks_mut(rows),
        )
            .into_par_iter()
            .for_each(|(x, y, stats)| forward_rows(x, w, b, self.eps, y, stats));
        self.stats.set(stats).ok();
        Ok((CpuStorage::F32(y), lx.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _b: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(stats) = self.stats.get() else {
            candle_core::bail!("layer-norm: backward before forward");
        };
        let (shape, x, w) = (x.shape(), x, w);
        with_slice(x, |x| {
            with_slice(w, |w| {
                with_slice(dy, |dy| {
                    let c = w.len();
                    let (mut dx, mut dw) = (vec![0.; x.len()], vec![0.; x.len()]);
                    let rows = rows_per_task(c);
                    (
                        x.par_chunks(rows * c),
                        dy.par_chunks(rows * c),
                        stats.par_chunks(rows),
                        dx.par_chunks_mut(rows * c),
                        dw.par_chunks_mut(rows * c),
                    )
                        .into_par_iter()
                        .for_each(|(x, dy, stats, dx, dw)| backward_rows(x, w, dy, stats, dx, dw));
                    Ok((
                        Some(tensor(dx, shape)?),
                        Some(tensor(sum_rows(&dw, c), c)?),
                        Some(tensor(sum_rows(dy, c), c)?),
                    ))
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{random, twins};
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn equals_its_reference() {
        let mut s = Stream::new(1, "layer norm");
        for shape in [[1, 1, 4], [2, 3, 33], [3, 70, 64], [1, 5, 768]] {
            let c = [shape[2]];
            let inputs = [
                random(&mut s, &shape),
                random(&mut s, &c),
                random(&mut s, &c),
            ];
            twins(
                &inputs,
                |i| layer_norm(&i[0], &i[1], &i[2], 1e-5),
                |i| layer_norm_ref(&i[0], &i[1], &i[2], 1e-5),
            );
        }
    }
}
