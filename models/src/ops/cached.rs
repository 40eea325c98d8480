//! The keys and values of earlier tokens, and the attention of new tokens over them: one step of generation.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::attention::{Attention, attention, hidden_after, softmax, softmax_ref};
use super::simd::vectorized;
use super::{is_fused, slice};

/// Keys and values of the tokens seen so far, for each block of a model.
pub struct Cache(Vec<BlockCache>);

/// Those of one block: `(B, capacity, C)` each, of which the first `len` rows are filled.
#[derive(Default)]
pub struct BlockCache {
    k: Option<Tensor>,
    v: Option<Tensor>,
    len: usize,
}

impl Cache {
    /// An empty cache for a model with this number of blocks.
    pub fn new(blocks: usize) -> Self {
        Self((0..blocks).map(|_| BlockCache::default()).collect())
    }

    /// Tokens seen so far.
    pub fn len(&self) -> usize {
        self.0.first().map_or(0, |block| block.len)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part of block `i`, if the model has that many.
    pub fn block(&mut self, i: usize) -> Option<&mut BlockCache> {
        self.0.get_mut(i)
    }

    /// A cache with only these rows of this one: one prompt for many candidates, or the candidates that have not ended.
    pub fn rows(&self, rows: &[u32]) -> Result<Self> {
        let Some(filled) = self.0.iter().find_map(|block| block.k.as_ref()) else {
            return Ok(Self::new(self.0.len()));
        };
        let index = Tensor::new(rows, filled.device())?;
        let pick = |x: &Tensor| x.index_select(&index, 0);
        let blocks = self.0.iter().map(|block| {
            Ok(BlockCache {
                k: block.k.as_ref().map(pick).transpose()?,
                v: block.v.as_ref().map(pick).transpose()?,
                len: block.len,
            })
        });
        Ok(Self(blocks.collect::<Result<_>>()?))
    }
}

impl BlockCache {
    /// Causal attention of the new tokens in `qkv (B, T, 3C)` over those in the cache and each other, which adds them to
    /// the cache: `(B, T, C)`. No gradient.
    pub fn attention(&mut self, qkv: &Tensor, heads: usize) -> Result<Tensor> {
        let past = self.len;
        let (k, v) = self.append(qkv)?;
        match past {
            0 => attention(qkv, &Attention::causal(heads), 0.0, None),
            _ => attention_cached(qkv, &k, &v, heads, self.len),
        }
    }

    /// Capacity grows by doubling, so that a token costs only its own copy.
    fn append(&mut self, qkv: &Tensor) -> Result<(Tensor, Tensor)> {
        let (b, t, c3) = qkv.dims3()?;
        let (c, past, len) = (c3 / 3, self.len, self.len + t);
        let append = |old: Option<Tensor>, part: usize| -> Result<Tensor> {
            let all = match old {
                Some(old) if old.dim(1)? >= len => old,
                old => {
                    let shape = (b, len.max(2 * past), c);
                    let all = Tensor::zeros(shape, qkv.dtype(), qkv.device())?;
                    if let Some(old) = old {
                        all.slice_set(&old.narrow(1, 0, past)?.contiguous()?, 1, 0)?;
                    }
                    all
                }
            };
            let new = qkv.narrow(D::Minus1, part * c, c)?.contiguous()?;
            all.slice_set(&new, 1, past)?;
            Ok(all)
        };
        let (k, v) = (append(self.k.take(), 1)?, append(self.v.take(), 2)?);
        (self.k, self.v, self.len) = (Some(k.clone()), Some(v.clone()), len);
        Ok((k, v))
    }
}

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
    if !is_fused(qkv) {
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
    // Heads are split before the filled part is cut out, so that the cache is copied once.
    let split = |x: &Tensor, rows: usize, filled: usize| {
        x.reshape((b, rows, heads, d))?
            .narrow(1, 0, filled)?
            .transpose(1, 2)?
            .contiguous() // (B, H, T, D)
    };
    let q = split(&qkv.narrow(D::Minus1, 0, c)?.contiguous()?, t, t)?;
    let (k, v) = (split(k, k.dim(1)?, len)?, split(v, v.dim(1)?, len)?);
    // a single new token sees all
    let hidden = match t {
        1 => None,
        _ => Some(hidden_after(len, t, qkv.dtype(), qkv.device())?),
    };
    let scores = (q.matmul(&k.t()?)? / (d as f64).sqrt())?; // (B, H, T, len)
    let p = softmax_ref(&scores, hidden.as_ref())?;
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
    use candle_core::DType;

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

    /// In one piece, in pieces, and as rows of another cache: all attend as without a cache.
    #[test]
    fn cache_in_pieces_equals_attention_over_all_tokens() {
        let (b, t, heads, c) = (3, 23, 2, 12);
        let qkv = random(&mut Stream::new(1, "cache"), &[b, t, 3 * c]).as_detached_tensor();
        let want = attention(&qkv, &Attention::causal(heads), 0.0, None).unwrap();
        for pieces in [vec![23], vec![5, 1, 1, 9, 7], vec![1; 23]] {
            let (mut cache, mut from, mut got) = (Cache::new(1), 0, Vec::new());
            for n in pieces {
                let piece = qkv.narrow(1, from, n).unwrap();
                let block = cache.block(0).unwrap();
                got.push(block.attention(&piece, heads).unwrap());
                from += n;
                assert_eq!(cache.len(), from);
            }
            close(&Tensor::cat(&got, 1).unwrap(), &want, "pieces");
        }
        let rows = |x: Tensor| {
            let rows = Tensor::new(&[2u32, 0, 2], x.device()).unwrap();
            x.contiguous().unwrap().index_select(&rows, 0).unwrap()
        };
        let mut cache = Cache::new(1);
        let first = qkv.narrow(1, 0, 20).unwrap();
        cache.block(0).unwrap().attention(&first, heads).unwrap();
        let mut cache = cache.rows(&[2, 0, 2]).unwrap();
        let rest = rows(qkv.narrow(1, 20, 3).unwrap());
        let got = cache.block(0).unwrap().attention(&rest, heads).unwrap();
        close(&got, &rows(want.narrow(1, 20, 3).unwrap()), "rows");
        assert!(cache.block(1).is_none() && Cache::new(1).is_empty());
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
