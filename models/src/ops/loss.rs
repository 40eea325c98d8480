//! Cross-entropy, over a vocabulary and over classes.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::{exp, vectorized};
use super::{Mat, is_fused, matmul, slice, sum_dtype, tensor};

/// Summed cross-entropy, in nats, of predicting `targets (N)` from hidden rows `h (N, C)` through the tied embedding `w
/// (V, C)`: a scalar.
///
/// The logits, the largest tensor of a training step, are never in memory as a whole: a few rows at a time are computed
/// along with their gradients, while the logits are still in the cache (the idea of Liger-Kernel's fused linear
/// cross-entropy, arXiv:2410.10989). With `with_grad` false only the loss is computed.
///
/// # Errors
/// If shapes do not match or a target is outside the vocabulary.
pub fn vocabulary_loss(h: &Tensor, w: &Tensor, targets: &[u32], with_grad: bool) -> Result<Tensor> {
    let (n, _) = h.dims2()?;
    let v = w.dim(0)?;
    if let Some(bad) = targets.iter().find(|&&t| t as usize >= v) {
        candle_core::bail!("target {bad} is outside the vocabulary of {v}");
    }
    if n != targets.len() {
        candle_core::bail!("loss: {n} rows, {} targets", targets.len());
    }
    if !is_fused(h) {
        return vocabulary_loss_ref(h, w, targets);
    }
    let op = VocabularyLoss {
        targets: targets.to_vec(),
        with_grad,
        grads: Mutex::new(None),
    };
    h.contiguous()?.apply_op2(w, op)
}

/// Reference of [`vocabulary_loss`].
pub fn vocabulary_loss_ref(h: &Tensor, w: &Tensor, targets: &[u32]) -> Result<Tensor> {
    class_loss(&h.matmul(&w.t()?)?, targets, None).map(|(sum, _)| sum)
}

/// Summed cross-entropy of `logits (N, K)` and the sum of the weights: their quotient is torch's weighted mean.
/// `weights` has one factor per class; without it each example counts 1.
pub fn class_loss(
    logits: &Tensor,
    targets: &[u32],
    weights: Option<&[f64]>,
) -> Result<(Tensor, f64)> {
    let picked = log_p(logits, targets)?;
    let Some(weights) = weights else {
        return Ok((picked.sum_all()?.neg()?, targets.len() as f64));
    };
    let each: Vec<f64> = targets
        .iter()
        .map(|&t| weights.get(t as usize).copied().unwrap_or(1.0))
        .collect();
    let factors: Vec<f32> = each.iter().map(|w| *w as f32).collect();
    let factors = Tensor::from_vec(factors, targets.len(), logits.device())?;
    let factors = factors.to_dtype(picked.dtype())?;
    Ok(((picked * factors)?.sum_all()?.neg()?, each.iter().sum()))
}

/// Cross-entropy, in nats, of each of the `targets (N)`, predicted as in [`vocabulary_loss`]: one read for all of them.
/// No gradient.
///
/// # Errors
/// If a target is outside the vocabulary, or memory runs out.
pub fn vocabulary_losses(h: &Tensor, w: &Tensor, targets: &[u32]) -> Result<Vec<f32>> {
    let mut losses = Vec::with_capacity(targets.len().div_ceil(LOGIT_ROWS));
    for (i, targets) in targets.chunks(LOGIT_ROWS).enumerate() {
        let h = h.narrow(0, i * LOGIT_ROWS, targets.len())?;
        losses.push(log_p(&h.matmul(&w.t()?)?, targets)?.neg()?);
    }
    match losses.is_empty() {
        true => Ok(Vec::new()),
        false => Tensor::cat(&losses, 0)?.to_dtype(DType::F32)?.to_vec1(),
    }
}

/// Rows of logits at a time: 206 MB at V = 50,257, and as much again for each step of their log-softmax.
const LOGIT_ROWS: usize = 1_024;

/// The log-probability of each target `(N)` under `logits (N, K)`.
fn log_p(logits: &Tensor, targets: &[u32]) -> Result<Tensor> {
    let logits = logits.to_dtype(sum_dtype(logits.dtype()))?;
    let top = logits.max_keepdim(D::Minus1)?.detach();
    let shifted = logits.broadcast_sub(&top)?;
    let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let log_p = shifted.broadcast_sub(&log_sum)?;
    let index = Tensor::from_slice(targets, (targets.len(), 1), logits.device())?;
    log_p.gather(&index, D::Minus1)?.squeeze(D::Minus1)
}

struct VocabularyLoss {
    targets: Vec<u32>,
    with_grad: bool,
    /// Of `h` and of `w`, for a gradient of 1.
    grads: Mutex<Option<(Vec<f32>, Vec<f32>)>>,
}

/// Rows per block: at V = 50,257 their logits take 26 MB.
const ROWS: usize = 128;

vectorized! {
    /// Cross-entropy of one row of logits; with `grad` the row becomes softmax - one-hot.
    fn row_loss(logits: &mut [f32], target: usize, grad: bool) -> f64 {
        let mut top = [f32::NEG_INFINITY; 16];
        for chunk in logits.chunks(16) {
            for (top, x) in top.iter_mut().zip(chunk) {
                *top = if *x > *top { *x } else { *top };
            }
        }
        let top = top.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let picked = logits[target];
        let mut sums = [0f32; 16];
        for chunk in logits.chunks_mut(16) {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *x = exp(*x - top);
                *sum += *x;
            }
        }
        let sum = sums.iter().map(|x| *x as f64).sum::<f64>();
        if grad {
            let scale = (1.0 / sum) as f32;
            logits.iter_mut().for_each(|x| *x *= scale);
            logits[target] -= 1.0;
        }
        sum.ln() + (top - picked) as f64
    }
}

impl CustomOp2 for VocabularyLoss {
    fn name(&self) -> &'static str {
        "vocabulary-loss"
    }

    fn cpu_fwd(
        &self,
        h: &CpuStorage,
        lh: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((n, c), (v, cw)) = (lh.shape().dims2()?, lw.shape().dims2()?);
        if c != cw {
            candle_core::bail!("loss: h {:?}, w {:?}", lh.dims(), lw.dims());
        }
        let (h, w) = (slice(h, lh)?, slice(w, lw)?);
        let mut logits = vec![0.; n.min(ROWS) * v];
        let mut grads = self.with_grad.then(|| (vec![0.; n * c], vec![0.; v * c]));
        let mut total = 0f64;
        for from in (0..n).step_by(ROWS) {
            let rows = ROWS.min(n - from);
            let hs = Mat::rows(&h[from * c..], c);
            let logits = &mut logits[..rows * v];
            matmul(
                (rows, v, c),
                logits,
                v,
                false,
                1.0,
                hs,
                Mat::rows(w, c).transposed(),
                true,
            );
            let losses: Vec<f64> = logits
                .par_chunks_mut(v)
                .zip(&self.targets[from..from + rows])
                .map(|(row, &target)| row_loss(row, target as usize, self.with_grad))
                .collect();
            total += losses.iter().sum::<f64>();
            if let Some((dh, dw)) = &mut grads {
                let g = Mat::rows(logits, v);
                let dh = &mut dh[from * c..];
                matmul((rows, c, v), dh, c, false, 1.0, g, Mat::rows(w, c), true);
                matmul((v, c, rows), dw, c, from > 0, 1.0, g.transposed(), hs, true);
            }
        }
        if let Ok(mut slot) = self.grads.lock() {
            *slot = grads;
        }
        Ok((CpuStorage::F32(vec![total as f32]), ().into()))
    }

    fn bwd(
        &self,
        h: &Tensor,
        w: &Tensor,
        _loss: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grads = self.grads.lock().ok().and_then(|mut slot| slot.take());
        let Some((mut dh, mut dw)) = grads else {
            candle_core::bail!("vocabulary-loss: no gradients kept, or taken twice");
        };
        let d = d.to_scalar::<f32>()?;
        for grad in [&mut dh, &mut dw] {
            grad.par_chunks_mut(super::TASK)
                .for_each(|g| g.iter_mut().for_each(|x| *x *= d));
        }
        Ok((Some(tensor(dh, h.shape())?), Some(tensor(dw, w.shape())?)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{random, twins};
    use super::*;
    use crate::rng::Stream;
    use candle_core::Device;

    #[test]
    fn equals_its_reference() {
        let mut s = Stream::new(1, "loss");
        for (n, c, v) in [(1, 4, 3), (5, 8, 50), (300, 16, 97)] {
            let inputs = [random(&mut s, &[n, c]), random(&mut s, &[v, c])];
            let targets: Vec<u32> = (0..n).map(|_| s.below(v) as u32).collect();
            twins(
                &inputs,
                |i| vocabulary_loss(&i[0], &i[1], &targets, true),
                |i| vocabulary_loss_ref(&i[0], &i[1], &targets),
            );
        }
    }

    /// Also across the border of a chunk.
    #[test]
    fn single_losses_add_up_to_the_loss() {
        let mut s = Stream::new(2, "loss");
        let n = LOGIT_ROWS + 7;
        let (h, w) = (random(&mut s, &[n, 4]), random(&mut s, &[11, 4]));
        let targets: Vec<u32> = (0..n).map(|_| s.below(11) as u32).collect();
        let each = vocabulary_losses(&h, &w, &targets).unwrap();
        assert_eq!(each.len(), n);
        for i in [0, LOGIT_ROWS - 1, LOGIT_ROWS, n - 1] {
            let row = h.narrow(0, i, 1).unwrap();
            let one = vocabulary_loss(&row, &w, &targets[i..=i], false).unwrap();
            let one = one.to_scalar::<f32>().unwrap();
            assert!((one - each[i]).abs() < 1e-4, "{i}: {one} {}", each[i]);
        }
        assert!(vocabulary_losses(&h, &w, &[]).unwrap().is_empty());
    }

    #[test]
    fn weighted_mean_matches_torch() {
        // torch 2.15: nn.functional.cross_entropy(tensor([[1., 2.], [0., 0.], [3., -1.]]),
        // tensor([0, 1, 1]), weight=tensor([1., 3.])) = 2.2067
        let logits = Tensor::new(&[[1f32, 2.], [0., 0.], [3., -1.]], &Device::Cpu).unwrap();
        let (sum, count) = class_loss(&logits, &[0, 1, 1], Some(&[1.0, 3.0])).unwrap();
        let mean = sum.to_scalar::<f32>().unwrap() as f64 / count;
        assert!((mean - 2.2067).abs() < 5e-5, "{mean}");
    }

    #[test]
    fn a_target_outside_the_vocabulary_is_refused() {
        let t = |n, c| Tensor::zeros((n, c), DType::F32, &Device::Cpu).unwrap();
        let e = vocabulary_loss(&t(1, 4), &t(3, 4), &[3], true).unwrap_err();
        assert!(
            e.to_string()
                .contains("target 3 is outside the vocabulary of 3")
        );
    }
}
