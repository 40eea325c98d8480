//! Multi-head scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762).
//!
//! Queries, keys and values come packed, as one projection gives them, and heads are read in place by their strides:
//! nothing is transposed, masked or copied. Rows are processed in blocks, so that causal attention multiplies only what
//! it may see. Only the probabilities are kept between forward and backward.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::dropout::Mask;
use super::simd::{exp, vectorized};
use super::{Mat, Shared, is_fused, matmul_at, slice, sum_dtype, tensor, with_slice};
use crate::rng::Stream;

/// How the rows of a batch attend.
#[derive(Debug, Clone, Default)]
pub struct Attention {
    /// Number of heads, H.
    pub heads: usize,
    /// Each position sees only itself and earlier ones.
    pub causal: bool,
    /// Tokens of each row that are not padding; padding is at the end. Padding is not attended to, and its own result
    /// is zero. Empty: there is no padding.
    pub lengths: Vec<usize>,
    /// What the composed path adds to scores and multiplies results with: made on the device by the first block of a
    /// model that uses these settings, and used by the others.
    masks: OnceLock<Masks>,
}

impl Attention {
    /// Causal, without padding.
    pub fn causal(heads: usize) -> Self {
        Self {
            heads,
            causal: true,
            ..Self::default()
        }
    }

    /// Both ways, over rows that have these numbers of tokens before their padding.
    pub fn padded(heads: usize, lengths: Vec<usize>) -> Self {
        Self {
            heads,
            lengths,
            ..Self::default()
        }
    }

    /// The masks for `t` tokens in a row.
    fn masks(&self, t: usize, dtype: DType, device: &Device) -> Result<Masks> {
        let fits = |masks: &&Masks| {
            let hidden = masks.hidden.as_ref();
            let is_there =
                hidden.is_none_or(|x| x.dtype() == dtype && x.device().same_device(device));
            masks.t == t && is_there
        };
        if let Some(masks) = self.masks.get().filter(fits) {
            return Ok(masks.clone());
        }
        let masks = Masks::new(self, t, dtype, device)?;
        self.masks.set(masks.clone()).ok(); // those that were set first stay
        Ok(masks)
    }
}

/// Large enough that softmax gives 0, and no infinity, whose product with 0 is not a number.
const HIDDEN: f64 = -1e30;

#[derive(Debug, Clone)]
struct Masks {
    t: usize,
    /// 0 where a query sees a key and [`HIDDEN`] elsewhere: a shape that broadcasts to (B, H, T, T); none if all is
    /// seen.
    hidden: Option<Tensor>,
    /// 1 for tokens and 0 for padding, (B, T, 1); none without padding.
    tokens: Option<Tensor>,
}

impl Masks {
    /// Compares positions on the device; only the positions and the lengths come from the host.
    fn new(how: &Attention, t: usize, dtype: DType, device: &Device) -> Result<Self> {
        let positions = Tensor::arange(0u32, t as u32, device)?;
        let keys = positions.reshape((1, 1, 1, t))?;
        let as_hidden = |hidden: Tensor| hidden.to_dtype(dtype)? * HIDDEN;
        let mut hidden = match how.causal {
            true => Some(as_hidden(
                keys.broadcast_gt(&positions.reshape((1, 1, t, 1))?)?,
            )?), // (1, 1, T, T)
            false => None,
        };
        if how.lengths.is_empty() {
            return Ok(Self {
                t,
                hidden,
                tokens: None,
            });
        }
        let lengths: Vec<u32> = how.lengths.iter().map(|&len| len as u32).collect();
        let (b, lengths) = (lengths.len(), Tensor::new(lengths, device)?);
        let padding = as_hidden(keys.broadcast_ge(&lengths.reshape((b, 1, 1, 1))?)?)?; // (B, 1, 1, T)
        hidden = Some(match hidden {
            Some(later) => padding.broadcast_minimum(&later)?, // (B, 1, T, T)
            None => padding,
        });
        let is_token = positions
            .reshape((1, t, 1))?
            .broadcast_lt(&lengths.reshape((b, 1, 1))?)?;
        Ok(Self {
            t,
            hidden,
            tokens: Some(is_token.to_dtype(dtype)?), // (B, T, 1)
        })
    }
}

/// Attention over `qkv (B, T, 3C)`: `(B, T, C)`. With a stream, attention probabilities are dropped with probability
/// `p`.
pub fn attention(
    qkv: &Tensor,
    how: &Attention,
    p: f64,
    stream: Option<&mut Stream>,
) -> Result<Tensor> {
    let mask = stream
        .filter(|_| p > 0.0)
        .map(|s| Mask::new(p, s.next_u64()));
    let (b, t, c3) = qkv.dims3()?;
    let wrong_lengths = !how.lengths.is_empty()
        && (how.lengths.len() != b || how.lengths.iter().any(|&len| len > t));
    if how.heads == 0 || c3 % (3 * how.heads) != 0 || wrong_lengths {
        candle_core::bail!(
            "attention: qkv {:?}, {} heads, lengths {:?}",
            qkv.dims(),
            how.heads,
            how.lengths
        );
    }
    if !is_fused(qkv) {
        return composed(qkv, how, mask);
    }
    let op = Fused {
        how: how.clone(),
        mask,
        probabilities: OnceLock::new(),
    };
    qkv.contiguous()?.apply_op1(op)
}

/// Reference of [`attention`], without dropout.
pub fn attention_ref(qkv: &Tensor, how: &Attention) -> Result<Tensor> {
    composed(qkv, how, None)
}

fn composed(qkv: &Tensor, how: &Attention, mask: Option<Mask>) -> Result<Tensor> {
    let (b, t, c3) = qkv.dims3()?;
    let (c, h) = (c3 / 3, how.heads);
    let head = |i: usize| -> Result<Tensor> {
        let part = qkv.narrow(D::Minus1, i * c, c)?;
        part.reshape((b, t, h, c / h))?
            .transpose(1, 2)?
            .contiguous() // (B, H, T, D)
    };
    let (q, k, v) = (head(0)?, head(1)?, head(2)?);
    let scores = (q.matmul(&k.t()?)? / ((c / h) as f64).sqrt())?; // (B, H, T, T)
    let masks = how.masks(t, sum_dtype(qkv.dtype()), qkv.device())?;
    let mut p = softmax_ref(&scores, masks.hidden.as_ref())?;
    if let Some(mask) = mask {
        p = (&p * mask.factors(p.shape(), p.dtype(), p.device())?)?;
    }
    let y = p.matmul(&v)?.transpose(1, 2)?.reshape((b, t, c))?;
    match masks.tokens {
        Some(tokens) => y.broadcast_mul(&tokens.to_dtype(y.dtype())?),
        None => Ok(y),
    }
}

/// Softmax of scores plus the mask, which is of type [`sum_dtype`], in the type of the scores.
pub(super) fn softmax_ref(scores: &Tensor, hidden: Option<&Tensor>) -> Result<Tensor> {
    let mut wide = scores.to_dtype(sum_dtype(scores.dtype()))?;
    if let Some(hidden) = hidden {
        wide = wide.broadcast_add(hidden)?;
    }
    candle_nn::ops::softmax(&wide, D::Minus1)?.to_dtype(scores.dtype())
}

/// The mask of `t` queries after the earlier ones of `len` keys: (1, 1, T, len).
pub(super) fn hidden_after(len: usize, t: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let keys = Tensor::arange(0u32, len as u32, device)?.reshape((1, 1, 1, len))?;
    let queries = Tensor::arange((len - t) as u32, len as u32, device)?.reshape((1, 1, t, 1))?;
    keys.broadcast_gt(&queries)?.to_dtype(sum_dtype(dtype))? * HIDDEN
}

struct Fused {
    how: Attention,
    mask: Option<Mask>,
    probabilities: OnceLock<Vec<f32>>, // (B, H, T, T), before dropout
}

/// Rows per block: small enough that causal blocks waste little, large enough for a matrix product.
const BLOCK: usize = 64;

/// One head of one row of the batch.
#[derive(Clone, Copy)]
struct Head {
    t: usize,
    /// Tokens that are not padding.
    len: usize,
    c: usize,
    /// D
    width: usize,
    /// Offset of its queries in `qkv`.
    qkv: usize,
    /// Offset of its result in `y`.
    y: usize,
    /// Position of its first probability in (B, H, T, T).
    first: usize,
    causal: bool,
}

impl Head {
    /// The blocks of rows, each with the number of keys it sees.
    fn blocks(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.len).step_by(BLOCK).map(move |from| {
            let to = (from + BLOCK).min(self.len);
            (from, to - from, if self.causal { to } else { self.len })
        })
    }

    /// Queries (0), keys (1) or values (2) from row `from` on.
    fn part(self, qkv: &[f32], part: usize, from: usize) -> Mat<'_> {
        Mat::rows(
            &qkv[self.qkv + part * self.c + from * 3 * self.c..],
            3 * self.c,
        )
    }

    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }
}

impl Fused {
    fn head(&self, n: usize, t: usize, c: usize) -> Head {
        let (row, h) = (n / self.how.heads, n % self.how.heads);
        let width = c / self.how.heads;
        Head {
            t,
            len: self.how.lengths.get(row).copied().unwrap_or(t),
            c,
            width,
            qkv: row * t * 3 * c + h * width,
            y: row * t * c + h * width,
            first: n * t * t,
            causal: self.how.causal,
        }
    }

    fn forward(&self, head: Head, qkv: &[f32], p: &mut [f32], y: Shared) {
        let mut dropped = Vec::new();
        for (from, rows, keys) in head.blocks() {
            let p = &mut p[from * head.t..(from + rows - 1) * head.t + keys];
            let (q, k, v) = (
                head.part(qkv, 0, from),
                head.part(qkv, 1, 0),
                head.part(qkv, 2, 0),
            );
            let shape = (rows, keys, head.width);
            super::matmul(
                shape,
                p,
                head.t,
                false,
                head.scale(),
                q,
                k.transposed(),
                false,
            );
            for i in 0..rows {
                let row = &mut p[i * head.t..i * head.t + keys];
                softmax(row, if head.causal { from + i + 1 } else { keys });
            }
            let seen = self.dropped(head, from, rows, keys, p, &mut dropped);
            // SAFETY: the tasks' results are in different rows of the batch or different columns.
            unsafe {
                let out = y.at(head.y + from * head.c);
                matmul_at(
                    (rows, head.width, keys),
                    out,
                    head.c,
                    false,
                    1.0,
                    seen,
                    v,
                    false,
                );
            }
        }
    }

    /// The probabilities after dropout; copied only when there is dropout.
    fn dropped<'a>(
        &self,
        head: Head,
        from: usize,
        rows: usize,
        keys: usize,
        p: &'a [f32],
        room: &'a mut Vec<f32>,
    ) -> Mat<'a> {
        let Some(mask) = self.mask else {
            return Mat::rows(p, head.t);
        };
        room.clear();
        for i in 0..rows {
            room.extend_from_slice(&p[i * head.t..i * head.t + keys]);
            mask.apply(&mut room[i * keys..], head.first + (from + i) * head.t);
        }
        Mat::rows(room, keys)
    }

    fn backward(&self, head: Head, qkv: &[f32], p: &[f32], dy: &[f32], dqkv: Shared) {
        let (mut dropped, mut ds) = (Vec::new(), Vec::new());
        for (from, rows, keys) in head.blocks() {
            let p = &p[from * head.t..(from + rows - 1) * head.t + keys];
            let dy = Mat::rows(&dy[head.y + from * head.c..], head.c);
            let (q, k, v) = (
                head.part(qkv, 0, from),
                head.part(qkv, 1, 0),
                head.part(qkv, 2, 0),
            );
            ds.clear();
            ds.resize(rows * keys, 0.0);
            super::matmul(
                (rows, keys, head.width),
                &mut ds,
                keys,
                false,
                1.0,
                dy,
                v.transposed(),
                false,
            );
            for i in 0..rows {
                let ds = &mut ds[i * keys..(i + 1) * keys];
                if let Some(mask) = self.mask {
                    mask.apply(ds, head.first + (from + i) * head.t);
                }
                softmax_backward(&p[i * head.t..i * head.t + keys], ds);
            }
            let seen = self
                .dropped(head, from, rows, keys, p, &mut dropped)
                .transposed();
            let (ds, d, row) = (Mat::rows(&ds, keys), head.width, 3 * head.c);
            // SAFETY: as in `forward`; the blocks of one head are processed one after another.
            unsafe {
                let (dq, dk) = (dqkv.at(head.qkv + from * row), dqkv.at(head.qkv + head.c));
                let dv = dqkv.at(head.qkv + 2 * head.c);
                matmul_at((keys, d, rows), dv, row, true, 1.0, seen, dy, false);
                matmul_at((rows, d, keys), dq, row, false, head.scale(), ds, k, false);
                matmul_at(
                    (keys, d, rows),
                    dk,
                    row,
                    true,
                    head.scale(),
                    ds.transposed(),
                    q,
                    false,
                );
            }
        }
    }
}

vectorized! {
    /// Softmax of the first `seen` scores; the others become 0.
    pub(super) fn softmax(scores: &mut [f32], seen: usize) {
        let (scores, rest) = scores.split_at_mut(seen);
        rest.fill(0.0);
        let mut top = [f32::NEG_INFINITY; 16];
        for chunk in scores.chunks(16) {
            for (top, x) in top.iter_mut().zip(chunk) {
                *top = if *x > *top { *x } else { *top };
            }
        }
        let top = top.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let mut sums = [0f32; 16];
        for chunk in scores.chunks_mut(16) {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *x = exp(*x - top);
                *sum += *x;
            }
        }
        let scale = 1.0 / sums.iter().sum::<f32>();
        scores.iter_mut().for_each(|x| *x *= scale);
    }
}

vectorized! {
    /// `dp` becomes `p ∘ (dp - Σ dp ∘ p)`.
    fn softmax_backward(p: &[f32], dp: &mut [f32]) {
        let mut sums = [0f32; 16];
        for (p, dp) in p.chunks(16).zip(dp.chunks(16)) {
            for ((sum, p), dp) in sums.iter_mut().zip(p).zip(dp) {
                *sum += p * dp;
            }
        }
        let dot = sums.iter().sum::<f32>();
        for (p, dp) in p.iter().zip(dp) {
            *dp = p * (*dp - dot);
        }
    }
}

impl CustomOp1 for Fused {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, qkv: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (b, t, c3) = layout.shape().dims3()?;
        let (c, qkv) = (c3 / 3, slice(qkv, layout)?);
        let mut y = vec![0.; b * t * c];
        let mut p = vec![0.; b * self.how.heads * t * t];
        let shared = Shared(y.as_mut_ptr());
        p.par_chunks_mut((t * t).max(1))
            .enumerate()
            .for_each(|(n, p)| self.forward(self.head(n, t, c), qkv, p, shared));
        self.probabilities.set(p).ok();
        Ok((CpuStorage::F32(y), (b, t, c).into()))
    }

    fn bwd(&self, qkv: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let Some(p) = self.probabilities.get() else {
            candle_core::bail!("attention: backward before forward");
        };
        let (b, t, c3) = qkv.dims3()?;
        with_slice(qkv, |qkv| {
            with_slice(dy, |dy| {
                let mut dqkv = vec![0.; b * t * c3];
                let shared = Shared(dqkv.as_mut_ptr());
                p.par_chunks((t * t).max(1))
                    .enumerate()
                    .for_each(|(n, p)| self.backward(self.head(n, t, c3 / 3), qkv, p, dy, shared));
                Ok(Some(tensor(dqkv, (b, t, c3))?))
            })
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{close, random, twins};
    use super::*;

    #[test]
    fn equals_its_reference() {
        let mut s = Stream::new(1, "attention");
        for (b, t, heads, d) in [(1, 1, 1, 4), (2, 5, 2, 3), (3, 70, 2, 16), (2, 130, 3, 8)] {
            for causal in [true, false] {
                for lengths in [vec![], (0..b).map(|i| t - i.min(t - 1)).collect()] {
                    let how = Attention {
                        heads,
                        causal,
                        lengths,
                        ..Attention::default()
                    };
                    let qkv = [random(&mut s, &[b, t, 3 * heads * d])];
                    twins(
                        &qkv,
                        |i| attention(&i[0], &how, 0.0, None),
                        |i| attention_ref(&i[0], &how),
                    );
                }
            }
        }
    }

    #[test]
    fn dropout_equals_the_composed_mask() {
        let mut s = Stream::new(2, "attention");
        let how = Attention::causal(2);
        let qkv = [random(&mut s, &[2, 70, 24])];
        let mask = || Mask::new(0.3, Stream::new(5, "dropout").next_u64());
        twins(
            &qkv,
            |i| attention(&i[0], &how, 0.3, Some(&mut Stream::new(5, "dropout"))),
            |i| composed(&i[0], &how, Some(mask())),
        );
    }

    /// The masks of one call are used by the next, unless that has other rows.
    #[test]
    fn masks_are_made_again_for_other_rows_only() {
        let mut s = Stream::new(4, "attention");
        let how = Attention::causal(2);
        for t in [5, 9, 5] {
            let qkv = random(&mut s, &[2, t, 12]);
            let expected = attention_ref(&qkv, &Attention::causal(2)).unwrap();
            close(&attention_ref(&qkv, &how).unwrap(), &expected, "kept masks");
        }
        assert_eq!(how.masks.get().map(|masks| masks.t), Some(5));
    }

    #[test]
    fn half_precision_is_near_float32() {
        let mut s = Stream::new(5, "attention");
        let how = Attention {
            causal: true,
            ..Attention::padded(2, vec![9, 4])
        };
        let qkv = random(&mut s, &[2, 9, 24]);
        let exact = attention(&qkv, &how, 0.0, None).unwrap();
        for (dtype, tolerance) in [(DType::BF16, 0.1), (DType::F16, 0.02)] {
            let half = attention(&qkv.to_dtype(dtype).unwrap(), &how, 0.0, None).unwrap();
            assert_eq!(half.dtype(), dtype);
            let gap = (half.to_dtype(DType::F32).unwrap() - &exact).unwrap();
            let gap = super::super::check::largest(&gap);
            assert!(gap < tolerance, "{dtype:?}: off by {gap}");
        }
    }

    #[test]
    fn thread_count_does_not_change_a_bit() {
        let mut s = Stream::new(3, "attention");
        let how = Attention::causal(4);
        let qkv = random(&mut s, &[2, 90, 48]);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                attention(&qkv, &how, 0.0, None)
                    .unwrap()
                    .flatten_all()
                    .unwrap()
            })
        };
        assert_eq!(
            run(1).to_vec1::<f32>().unwrap(),
            run(3).to_vec1::<f32>().unwrap()
        );
        close(&run(1), &run(2), "threads");
    }
}
