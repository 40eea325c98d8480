//! The inference path for CPUs: weights packed once per precision, products by register-blocked kernels, activations in
//! reused buffers. Generation and scoring use it; training, GPUs and the tests' reference are the readable models in
//! [`crate::gpt2`] and [`crate::bert`], which it must equal.
//!
//! | file | what |
//! |---|---|
//! | `team` | threads that stay awake through a forward pass |
//! | `kernels` | products of a block of rows and a panel of columns; parts of matrices for threads |
//! | `packed` | weights in panels, per precision; whole products |
//! | `rows` | normalization, GELU, softmax, rounding: what happens to single rows |
//! | `attention` | attention over keys and values in panels; the KV cache |
//! | [`gpt2`], [`bert`] | the models |
//! | [`generate`] | batches that rows join and leave |
//!
//! A row's result depends on that row alone: every sum has a fixed order, whatever the batch and the threads. Different
//! processors may round differently.
//!
//! Precisions, with the largest difference of logits relative to their root mean square that the tests allow: f32 1e-4
//! (absolute), bf16 and int8 a few percent. At both, keys, values and attention's probabilities are bf16; normalization
//! and the classifier's head are computed in f32 at every precision.

pub mod bert;
pub mod generate;
pub mod gpt2;

mod attention;
#[cfg(test)]
mod check;
mod kernels;
mod packed;
mod rows;
mod team;

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
pub use repartee_terms::Precision;

use crate::Result;
use crate::ops::Layout;
use crate::weights::{Init, Scope};
use packed::{Packed, bf16, widen};
use rows::Norm;

/// The instructions that products use on this processor, by precision: "f32 avx512, bf16 avx2, int8 avx512".
pub fn instructions() -> String {
    let levels = kernels::levels();
    let one = |precision: Precision| {
        let level = match precision {
            Precision::F32 => levels.f32,
            Precision::Bf16 => levels.bf16,
            Precision::Int8 => levels.int8,
        };
        format!("{} {}", precision.as_str(), level.as_str())
    };
    let all: Vec<String> = Precision::ALL.iter().copied().map(one).collect();
    all.join(", ")
}

/// Calls `f` with the values of a tensor.
fn with_values<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let tensor = tensor
        .to_dtype(DType::F32)?
        .to_device(&Device::Cpu)?
        .contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((from, to))) => Ok(f(&values[from..to])),
        _ => Err(candle_core::Error::Msg("float32 on the CPU expected".to_owned()).into()),
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    with_values(tensor, <[f32]>::to_vec)
}

/// A parameter as the readable model declares it. A packed model is made from all of them, so none is initialized here.
fn get(scope: &Scope, name: &str, shape: &[usize]) -> Result<Tensor> {
    scope.get(name, shape, Init::Const(0.0))
}

fn norm(scope: &Scope, c: usize, eps: f64) -> Result<Norm> {
    Ok(Norm {
        weight: values(&get(scope, "weight", &[c])?)?,
        bias: values(&get(scope, "bias", &[c])?)?,
        eps: eps as f32,
    })
}

/// The layer `weight` and `bias` of a scope, `k` to `n`.
fn linear(
    scope: &Scope,
    (k, n): (usize, usize),
    layout: Layout,
    precision: Precision,
) -> Result<Packed> {
    let shape = match layout {
        Layout::InOut => [k, n],
        Layout::OutIn => [n, k],
    };
    let bias = values(&get(scope, "bias", &[n])?)?;
    with_values(&get(scope, "weight", &shape)?, |weight| {
        Packed::new(weight, (k, n), layout, &bias, precision)
    })
}

/// Rows of an embedding.
enum Table {
    F32(Vec<f32>),
    Bf16(Vec<u16>),
}

impl Table {
    /// The precision of the products, but at least bf16: looking up costs nothing.
    fn new(tensor: &Tensor, precision: Precision) -> Result<Self> {
        match precision {
            Precision::F32 => Ok(Self::F32(values(tensor)?)),
            Precision::Bf16 | Precision::Int8 => with_values(tensor, |values| {
                Self::Bf16(values.iter().map(|x| bf16(*x)).collect())
            }),
        }
    }

    /// Adds row `row` to `out`.
    fn add(&self, row: usize, out: &mut [f32]) {
        let part = row * out.len()..(row + 1) * out.len();
        match self {
            Self::F32(values) => out
                .iter_mut()
                .zip(&values[part])
                .for_each(|(out, x)| *out += x),
            Self::Bf16(values) => out
                .iter_mut()
                .zip(&values[part])
                .for_each(|(out, x)| *out += widen(*x)),
        }
    }
}

/// The first `len` values of a buffer that only grows.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}
