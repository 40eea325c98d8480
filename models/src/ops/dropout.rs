//! Dropout (Srivastava et al. 2014) whose mask is a function of a key and a position, so that a step can be replayed.
//!
//! On the CPU nothing is stored between forward and backward: the mask is a hash in vector registers, computed again.
//! Other devices make the mask with tensor operations, [`Mask::on_device`].

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::vectorized;
use super::{TASK, is_fused, slice, tensor, with_slice};
use crate::rng::Stream;

/// `x` with each element kept with probability `1 - p` and divided by it. Without a stream, or with `p = 0`, this is
/// `x`: there is no other switch between training and inference.
pub fn dropout(x: &Tensor, p: f64, stream: Option<&mut Stream>) -> Result<Tensor> {
    let Some(stream) = stream.filter(|_| p > 0.0) else {
        return Ok(x.clone());
    };
    let mask = Mask::new(p, stream.next_u64());
    if is_fused(x) {
        return x.contiguous()?.apply_op1(Dropout(mask));
    }
    x * mask.factors(x.shape(), x.dtype(), x.device())?
}

/// Which elements are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    p: f64,
    key: u64,
}

/// The largest prime below 2^16: a product of two residues fits 32 bits, with two more residues added to it.
const PRIME: u32 = 65_521;

/// Columns of the matrix in which [`Mask::on_device`] numbers the elements: 2 x 2,048 numbers for them, and 2 for each
/// row, are few beside the elements.
const COLUMNS: usize = 2_048;

impl Mask {
    pub(super) fn new(p: f64, key: u64) -> Self {
        Self { p, key }
    }

    /// Factor of the elements that are kept.
    fn scale(self) -> f64 {
        1.0 / (1.0 - self.p)
    }

    /// Multiplies the elements from position `from` on by 0 or the scale.
    pub(super) fn apply(self, values: &mut [f32], from: usize) {
        let key = [self.key as u32, (self.key >> 32) as u32];
        let threshold = (self.p * 2f64.powi(32)) as u32; // of the hash; below: dropped
        mask_slice(values, from as u32, key, threshold, self.scale() as f32);
    }

    /// 0 or the scale for each element of a tensor: those of [`Mask::apply`] on the CPU, those of [`Mask::on_device`]
    /// elsewhere.
    pub(super) fn factors(self, shape: &Shape, dtype: DType, device: &Device) -> Result<Tensor> {
        if !device.is_cpu() {
            return self.on_device(shape, dtype, device);
        }
        let mut factors = vec![1.; shape.elem_count()];
        self.apply(&mut factors, 0);
        tensor(factors, shape.clone())?.to_dtype(dtype)
    }

    /// The factors, computed on the device.
    ///
    /// candle can reseed a GPU's own generator, but that creates a new one, whose first numbers cost more than a step;
    /// and its state would depend on what ran before. The hash of the CPU needs xor and shifts, which candle's tensors
    /// do not have. All of its devices add, multiply, divide and compare u32 exactly, and that is enough for a keyed
    /// function of the position: with the elements numbered row by row in a matrix, element (i, j) is dropped if
    /// `(r_i c_j + s_i + d_j) mod PRIME` is below a threshold. `r`, `s`, `c` and `d` come from the seeded stream of the
    /// key, and are all that goes from the host to the device: about as many numbers as the matrix has rows and
    /// columns. Any two elements, and any three, are independent (the construction of Carter and Wegman 1979); the four
    /// corners of a rectangle are nearly so, thanks to the product. The mask is the same on every device, depends on
    /// the key alone, and so on seed, step and layer: a resumed run repeats it.
    fn on_device(self, shape: &Shape, dtype: DType, device: &Device) -> Result<Tensor> {
        let n = shape.elem_count();
        let columns = n.clamp(1, COLUMNS);
        let rows = n.div_ceil(columns);
        let mut stream = Stream::new(self.key, "dropout mask");
        let mut keys = Vec::with_capacity(2 * (rows + columns) + 2);
        // without 0 as a factor, whose row or column would lack its product
        keys.extend((0..rows + columns).map(|_| 1 + stream.below(PRIME as usize - 1) as u32));
        keys.extend((0..rows + columns).map(|_| stream.below(PRIME as usize) as u32));
        keys.extend([PRIME, (self.p * f64::from(PRIME)).round() as u32]);
        let keys = Tensor::new(keys, device)?;
        let row = |from| keys.narrow(0, from, rows)?.reshape((rows, 1));
        let column = |from| keys.narrow(0, from, columns)?.reshape((1, columns));
        let one = |from| keys.narrow(0, from, 1)?.reshape((1, 1));
        let (r, c) = (row(0)?, column(rows)?);
        let (s, d) = (row(rows + columns)?, column(2 * rows + columns)?);
        let (prime, threshold) = (one(2 * (rows + columns))?, one(2 * (rows + columns) + 1)?);
        let x = r.broadcast_mul(&c)?.broadcast_add(&s)?.broadcast_add(&d)?; // (rows, columns)
        let multiple = x.broadcast_div(&prime)?.broadcast_mul(&prime)?; // integer division
        let kept = (x - multiple)?.broadcast_ge(&threshold)?;
        let kept = kept.flatten_all()?.narrow(0, 0, n)?.reshape(shape)?;
        kept.to_dtype(dtype)? * self.scale()
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
    use candle_core::Var;

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let x = Var::ones(100_000, DType::F32, &Device::Cpu).unwrap();
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

    /// What a GPU computes, on the CPU: integer arithmetic is exact everywhere.
    fn on_device(p: f64, stream: &mut Stream, shape: &[usize]) -> Vec<f32> {
        let mask = Mask::new(p, stream.next_u64());
        let shape = Shape::from(shape);
        let factors = mask.on_device(&shape, DType::F32, &Device::Cpu).unwrap();
        assert_eq!(factors.dims(), shape.dims());
        factors.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Dropped elements as a share of all.
    fn share(dropped: impl Iterator<Item = bool>) -> f64 {
        let (mut some, mut all) = (0usize, 0usize);
        for is_dropped in dropped {
            some += usize::from(is_dropped);
            all += 1;
        }
        some as f64 / all as f64
    }

    #[test]
    fn masks_of_a_device_drop_the_share_and_keep_the_mean() {
        for (p, shape) in [
            (0.1, vec![40, 5_001]),
            (0.5, vec![3, 2, 70, 500]),
            (0.9, vec![200_000]),
        ] {
            let factors = on_device(p, &mut Stream::new(1, "dropout"), &shape);
            let scale = (1.0 / (1.0 - p)) as f32;
            assert!(
                factors
                    .iter()
                    .all(|f| *f == 0.0 || (f - scale).abs() < 1e-6)
            );
            let dropped = share(factors.iter().map(|f| *f == 0.0));
            assert!((dropped - p).abs() < 0.01, "{p}: {dropped}");
            let mean = factors.iter().map(|f| f64::from(*f)).sum::<f64>() / factors.len() as f64;
            assert!(
                (mean - 1.0).abs() < 0.011 * f64::from(scale),
                "{p}: mean {mean}"
            );
        }
    }

    #[test]
    fn masks_of_a_device_repeat_by_seed_and_step_and_differ_by_layer() {
        let step = |seed, step| Stream::at(seed, "dropout 0", step);
        let of = |stream: &mut Stream| on_device(0.5, stream, &[100, 300]);
        let first = of(&mut step(7, 3));
        assert_eq!(first, of(&mut step(7, 3)));
        for (what, other) in [
            ("seed", of(&mut step(8, 3))),
            ("step", of(&mut step(7, 4))),
            ("layer", {
                let mut stream = step(7, 3);
                of(&mut stream);
                of(&mut stream)
            }),
        ] {
            let both = share(
                first
                    .iter()
                    .zip(&other)
                    .map(|(a, b)| *a == 0.0 && *b == 0.0),
            );
            assert!((both - 0.25).abs() < 0.02, "another {what}: {both}");
        }
    }

    #[test]
    fn neighbors_in_the_mask_of_a_device_are_independent() {
        let (rows, columns) = (98, COLUMNS);
        let factors = on_device(0.5, &mut Stream::new(2, "dropout"), &[rows, columns]);
        let is_dropped = |i: usize, j: usize| factors[i * columns + j] == 0.0;
        let places = || (1..rows).flat_map(|i| (1..columns).map(move |j| (i, j)));
        let in_row = share(places().map(|(i, j)| is_dropped(i, j) && is_dropped(i, j - 1)));
        let in_column = share(places().map(|(i, j)| is_dropped(i, j) && is_dropped(i - 1, j)));
        let corners = share(places().map(|(i, j)| {
            let above = is_dropped(i - 1, j) ^ is_dropped(i - 1, j - 1);
            above ^ is_dropped(i, j) ^ is_dropped(i, j - 1)
        }));
        assert!((in_row - 0.25).abs() < 0.01, "{in_row}");
        assert!((in_column - 0.25).abs() < 0.01, "{in_column}");
        assert!((corners - 0.5).abs() < 0.02, "{corners}");
    }

    /// The composed path, here in float64: value and gradient go through the same factors.
    #[test]
    fn composed_dropout_masks_value_and_gradient() {
        let x = Var::ones(1_000, DType::F64, &Device::Cpu).unwrap();
        let y = dropout(&x, 0.3, Some(&mut Stream::new(1, "dropout"))).unwrap();
        let values = y.to_vec1::<f64>().unwrap();
        assert!(values.contains(&0.0));
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(grads.get(&x).unwrap().to_vec1::<f64>().unwrap(), values);
        let fused = dropout(
            &x.to_dtype(DType::F32).unwrap(),
            0.3,
            Some(&mut Stream::new(1, "dropout")),
        );
        let fused = fused.unwrap().to_vec1::<f32>().unwrap();
        let same = values.iter().zip(&fused).all(|(a, b)| *a as f32 == *b);
        assert!(same, "on the CPU both drop the same elements");
    }

    #[test]
    fn without_a_stream_nothing_is_dropped() {
        let x = Tensor::ones(10, DType::F32, &Device::Cpu).unwrap();
        let y = dropout(&x, 0.5, None).unwrap();
        assert_eq!(x.to_vec1::<f32>().unwrap(), y.to_vec1::<f32>().unwrap());
    }
}
