//! Dropout (Srivastava et al. 2014) whose mask is a function of a key and a position: nothing is
//! stored between forward and backward, and a step can be replayed.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::vectorized;
use super::{TASK, slice, tensor, with_slice};
use crate::rng::Stream;

/// `x` with each element kept with probability `1 - p` and divided by it. Without a stream, or with `p = 0`, this is
/// `x`: there is no other switch between training and inference.
pub fn dropout(x: &Tensor, p: f64, stream: Option<&mut Stream>) -> Result<Tensor> {
    let Some(stream) = stream.filter(|_| p > 0.0) else {
        return Ok(x.clone());
    };
    let mask = Mask::new(p, stream.next_u64());
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op1(Dropout(mask));
    }
    // Made on the CPU, so that every device drops the same elements.
    let mut factors = vec![1.; x.elem_count()];
    mask.apply(&mut factors, 0);
    x * Tensor::from_vec(factors, x.shape(), x.device())?
}

/// Which elements are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    key: [u32; 2],
    /// Elements whose hash is below are dropped.
    threshold: u32,
    /// Factor of the elements that are kept.
    scale: f32,
}

impl Mask {
    pub(super) fn new(p: f64, key: u64) -> Self {
        Self {
            key: [key as u32, (key >> 32) as u32],
            threshold: (p * 2f64.powi(32)) as u32,
            scale: (1.0 / (1.0 - p)) as f32,
        }
    }

    /// Multiplies the elements from position `from` on by 0 or the scale.
    pub(super) fn apply(&self, values: &mut [f32], from: usize) {
        mask_slice(values, from as u32, self.key, self.threshold, self.scale);
    }
}

vectorized! {
    /// The hash is `lowbias32` (C. Wellons, "Prospecting for hash functions", 2018), keyed before and
    /// between its rounds; 32-bit products are what vector units have.
    fn mask_slice(values: &mut [f32], from: u32, key: [u32; 2], threshold: u32, scale: f32) {
        for (i, value) in values.iter_mut().enumerate() {
            let mut h = (from.wrapping_add(i as u32)).wrapping_mul(0x9e37_79b9) ^ key[0];
            h = (h ^ (h >> 16)).wrapping_mul(0x7feb_352d) ^ key[1];
            h = (h ^ (h >> 15)).wrapping_mul(0x846c_a68b);
            h ^= h >> 16;
            *value *= if h < threshold { 0.0 } else { scale };
        }
    }
}

struct Dropout(Mask);

impl Dropout {
    fn masked(&self, values: &[f32]) -> Vec<f32> {
        let mut out = values.to_vec();
        out.par_chunks_mut(TASK)
            .enumerate()
            .for_each(|(i, out)| self.0.apply(out, i * TASK));
        out
    }
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = self.masked(slice(x, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = with_slice(dy, |dy| tensor(self.masked(dy), dy.len()))?;
        Ok(Some(dx.reshape(dy.shape())?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let x = Var::ones(100_000, candle_core::DType::F32, &Device::Cpu).unwrap();
        let y = dropout(&x, 0.1, Some(&mut Stream::new(1, "dropout"))).unwrap();
        let values = y.to_vec1::<f32>().unwrap();
        let dropped = values.iter().filter(|v| **v == 0.0).count() as f64 / 1e5;
        assert!((dropped - 0.1).abs() < 0.005, "{dropped}");
        let mean = values.iter().sum::<f32>() / 1e5;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        // the gradient passed through the same mask
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(grads.get(&x).unwrap().to_vec1::<f32>().unwrap(), values);
    }

    #[test]
    fn without_a_stream_nothing_is_dropped() {
        let x = Tensor::ones(10, candle_core::DType::F32, &Device::Cpu).unwrap();
        let y = dropout(&x, 0.5, None).unwrap();
        assert_eq!(x.to_vec1::<f32>().unwrap(), y.to_vec1::<f32>().unwrap());
    }
}
