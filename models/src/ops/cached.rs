//! Attention of new tokens over the cached keys and values of earlier ones: one step of generation.

use candle_core::{CpuStorage, CustomOp3, D, DType, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention::softmax;
use super::simd::vectorized;
use super::slice;

/// Attention of `T` new tokens, packed as `qkv (B, T, 3C)`, over `k` and `v (B, capacity, C)`, which hold the earlier
/// tokens and the new ones, `len` in all: `(B, T, C)`. A token sees earlier ones and itself. No gradient.
pub fn attention_cached(
    qkv: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    len: usize,
) -> Result<Tensor> {
    let ((b, t, c3), (bk, room, c)) = (qkv.dims3()?, k.dims3()?);
    if heads == 0 || c % heads != 0 || c3 != 3 * c || bk != b || k.dims() != v.dims() {
        candle_core::bail!(
            "attention: qkv {:?}, k {:?}, {heads} heads",
            qkv.dims(),
            k.dims()
        );
    }
    if len < t || len > room {
        candle_core::bail!("attention: {len} tokens, {t} of them new, room for {room}");
    }
    if !qkv.device().is_cpu() {
        return attention_cached_ref(qkv, k, v, heads, len);
    }
    qkv.contiguous()?
        .apply_op3_no_bwd(&k.contiguous()?, &v.contiguous()?, &Cached { heads, len })
}

/// Reference of [`attention_cached`], for any device.
pub fn attention_cached_ref(
    qkv: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    len: usize,
) -> Result<Tensor> {
    let (b, t, c3) = qkv.dims3()?;
    let (c, d) = (c3 / 3, c3 / 3 / heads);
    let split = |x: Tensor, t: usize| {
        x.reshape((b, t, heads, d))?.transpose(1, 2)?.contiguous() // (B, H, T, D)
    };
    let q = split(qkv.narrow(D::Minus1, 0, c)?.contiguous()?, t)?;
    let k = split(k.narrow(1, 0, len)?.contiguous()?, len)?;
    let v = split(v.narrow(1, 0, len)?.contiguous()?, len)?;
    let mask = candle_transformers::utils::build_additive_causal_mask(
        t,
        len - t,
        None,
        qkv.device(),
        DType::F32,
    )?;
    let scores = (q.matmul(&k.t()?)? / (d as f64).sqrt())?; // (B, H, T, len)
    let p = candle_nn::ops::softmax(&scores.broadcast_add(&mask)?, D::Minus1)?;
    p.matmul(&v)?.transpose(1, 2)?.reshape((b, t, c))
}

struct Cached {
    heads: usize,
    len: usize,
}

vectorized! {
    /// One query over `scores.len()` keys; keys and values are `c` apart.
    fn attend(q: &[f32], k: &[f32], v: &[f32], c: usize, scores: &mut [f32], y: &mut [f32]) {
        const LANES: usize = 16;
        let d = q.len();
        let whole = d / LANES * LANES;
        let scale = 1.0 / (d as f32).sqrt();
        for (j, score) in scores.iter_mut().enumerate() {
            let k = &k[j * c..][..d];
            let mut lanes = [0f32; LANES];
            for i in (0..whole).step_by(LANES) {
                let (q, k) = (&q[i..i + LANES], &k[i..i + LANES]);
                for l in 0..LANES {
                    lanes[l] += q[l] * k[l];
                }
            }
            let mut sum = lanes.iter().sum::<f32>();
            for i in whole..d {
                sum += q[i] * k[i];
            }
            *score = sum * scale;
        }
        let seen = scores.len();
        softmax(scores, seen);
        y.fill(0.0);
        for (j, p) in scores.iter().enumerate() {
            let v = &v[j * c..][..d];
            y.iter_mut().zip(v).for_each(|(y, v)| *y += p * v);
        }
    }
}

impl CustomOp3 for Cached {
    fn name(&self) -> &'static str {
        "attention-cached"
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        lq: &Layout,
        k: &CpuStorage,
        lk: &Layout,
        v: &CpuStorage,
        lv: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((b, t, _), (_, room, c)) = (lq.shape().dims3()?, lk.shape().dims3()?);
        let (qkv, k, v) = (slice(qkv, lq)?, slice(k, lk)?, slice(v, lv)?);
        let (heads, width) = (self.heads, c / self.heads);
        let mut y = vec![0.; b * t * c];
        y.par_chunks_mut(width.max(1))
            .with_min_len(4)
            .enumerate()
            .for_each_init(Vec::new, |scores, (n, y)| {
                let (token, h) = (n / heads, n % heads); // token: b * T + t
                let seen = self.len - t + token % t + 1;
                let start = token / t * room * c + h * width;
                scores.clear();
                scores.resize(seen, 0.0);
                let q = &qkv[token * 3 * c + h * width..][..width];
                attend(q, &k[start..], &v[start..], c, scores, y);
            });
        Ok((CpuStorage::F32(y), (b, t, c).into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{close, random};
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn equals_its_reference() {
        for seed in 0..32 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (b, t, before) = (rng.usize(1..4), rng.usize(1..6), rng.usize(..40));
            let (spare, heads, d) = (rng.usize(..5), rng.usize(1..4), rng.usize(1..40));
            let mut s = Stream::new(seed, "cached");
            let (c, len) = (heads * d, before + t);
            let qkv = random(&mut s, &[b, t, 3 * c]).as_detached_tensor();
            let [k, v] = [0, 1].map(|_| random(&mut s, &[b, len + spare, c]).as_detached_tensor());
            close(
                &attention_cached(&qkv, &k, &v, heads, len).unwrap(),
                &attention_cached_ref(&qkv, &k, &v, heads, len).unwrap(),
                "cached attention",
            );
        }
    }

    #[test]
    fn more_tokens_than_capacity_are_refused() {
        let zeros = |shape: [usize; 3]| {
            Tensor::zeros(&shape, DType::F32, &candle_core::Device::Cpu).unwrap()
        };
        let (qkv, k) = (zeros([1, 1, 12]), zeros([1, 4, 4]));
        let e = attention_cached(&qkv, &k, &k, 2, 5).unwrap_err();
        assert!(e.to_string().contains("room for 4"));
    }
}
