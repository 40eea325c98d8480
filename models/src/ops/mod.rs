//! The operations that dominate training: fused on the CPU, composed elsewhere.
//!
//! candle composes LayerNorm, GELU, attention and the loss from small operations, each with a buffer of its own and a
//! backward pass that is often single-threaded; its fused ones have no backward pass at all and drop gradients
//! silently. So each operation here exists twice: `x` picks the fused CPU kernel; `x_ref` is a few lines of tensor
//! operations for CUDA and Metal and for other types than float32, and the tests compare the two, forward and every
//! gradient. All return an error if shapes do not match or memory runs out.
//!
//! A composed operation reads nothing back from the device: what it makes on the host are the positions, lengths,
//! targets and random keys that come with a batch.

mod adamw;
mod attention;
mod cached;
mod dropout;
mod few_rows;
mod gelu;
mod layer_norm;
mod linear;
mod loss;
pub(crate) mod simd;

pub use adamw::{AdamStep, Moments};
pub use attention::{Attention, attention, attention_ref};
pub use cached::{BlockCache, Cache, attention_cached, attention_cached_ref};
pub use dropout::dropout;
pub use gelu::{Gelu, gelu, gelu_ref};
pub use layer_norm::{layer_norm, layer_norm_ref};
pub use linear::{Layout, linear, linear_ref};
pub use loss::{class_loss, vocabulary_loss, vocabulary_loss_ref, vocabulary_losses};

use candle_core::{CpuStorage, DType, Result, Storage, Tensor, bail};
use gemm::Parallelism;

/// Whether the fused kernels take a tensor: they compute in float32 on the CPU. All others are composed.
fn is_fused(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// The type in which the composed operations add up: half precision is too coarse for the sums of softmax,
/// normalization and losses.
fn sum_dtype(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        dtype => dtype,
    }
}

/// A float32 slice of a contiguous CPU tensor.
fn slice<'a>(storage: &'a CpuStorage, layout: &candle_core::Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((from, to))) => Ok(&values[from..to]),
        (CpuStorage::F32(_), None) => bail!("a fused operation needs contiguous input"),
        _ => bail!("a fused operation needs float32 input"),
    }
}

/// Calls `f` with the float32 values of a CPU tensor, copied only when it is not contiguous.
fn with_slice<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(slice(storage, layout)?),
        _ => bail!("a fused operation runs on the CPU only"),
    }
}

/// A CPU tensor of these values.
fn tensor(values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &candle_core::Device::Cpu)
}

/// A matrix in memory: where it starts and how far apart its rows and columns are.
#[derive(Clone, Copy)]
struct Mat<'a> {
    values: &'a [f32],
    row: usize,
    col: usize,
}

impl<'a> Mat<'a> {
    /// Rows one after another, `width` apart.
    fn rows(values: &'a [f32], width: usize) -> Self {
        Self {
            values,
            row: width,
            col: 1,
        }
    }

    fn transposed(self) -> Self {
        Self {
            row: self.col,
            col: self.row,
            ..self
        }
    }

    /// Panics unless an `(m, n)` matrix fits inside: this makes the pointers below safe.
    fn check(&self, m: usize, n: usize) {
        let last = (m.max(1) - 1) * self.row + (n.max(1) - 1) * self.col;
        assert!(
            m * n == 0 || last < self.values.len(),
            "matrix out of bounds"
        );
    }
}

/// `out (m, n) = keep * out + scale * a (m, k) · b (k, n)`; The rows of `out` are `row` apart. `keep` is 0 or 1, and
/// with 0 the old contents are not read.
#[allow(clippy::too_many_arguments)] // a matrix product has this many
fn matmul(
    (m, n, k): (usize, usize, usize),
    out: &mut [f32],
    row: usize,
    keep: bool,
    scale: f32,
    a: Mat,
    b: Mat,
    parallel: bool,
) {
    assert!(
        m * n == 0 || (m - 1) * row + n <= out.len(),
        "matrix out of bounds"
    );
    // SAFETY: `out` holds the matrix (checked above) and is borrowed exclusively.
    unsafe {
        matmul_at(
            (m, n, k),
            out.as_mut_ptr(),
            row,
            keep,
            scale,
            a,
            b,
            parallel,
        )
    }
}

/// [`matmul`] into memory that several threads share.
///
/// # Safety
/// The `(m, n)` matrix at `out` must be writable, and no other thread may access its elements at the same time; what
/// lies between its rows may be in use elsewhere.
#[allow(clippy::too_many_arguments)]
unsafe fn matmul_at(
    (m, n, k): (usize, usize, usize),
    out: *mut f32,
    row: usize,
    keep: bool,
    scale: f32,
    a: Mat,
    b: Mat,
    parallel: bool,
) {
    a.check(m, k);
    b.check(k, n);
    let parallelism = match parallel {
        true => Parallelism::Rayon(rayon::current_num_threads()),
        false => Parallelism::None,
    };
    // SAFETY: the inputs are inside their slices (checked); the caller guarantees `out`.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            row as isize,
            keep,
            a.values.as_ptr(),
            a.col as isize,
            a.row as isize,
            b.values.as_ptr(),
            b.col as isize,
            b.row as isize,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// `c = a · a`, `n` by `n`, with all threads: the measure of a machine's speed.
pub(crate) fn square_matmul(n: usize, a: &[f32], c: &mut [f32]) {
    matmul(
        (n, n, n),
        c,
        n,
        false,
        1.0,
        Mat::rows(a, n),
        Mat::rows(a, n),
        true,
    );
}

/// A pointer that parallel tasks share, each writing its own elements.
#[derive(Clone, Copy)]
struct Shared(*mut f32);
// SAFETY: it is only an address; each use argues its own safety.
unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    /// The address `offset` elements on.
    fn at(self, offset: usize) -> *mut f32 {
        self.0.wrapping_add(offset)
    }
}

/// Minimum number of elements per parallel task, so that starting it costs less than it saves.
const TASK: usize = 16 * 1024;

/// Rows of `width` per parallel task.
fn rows_per_task(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Adds up the rows of a `(rows, width)` matrix, in an order that does not depend on the number of
/// threads.
fn sum_rows(values: &[f32], width: usize) -> Vec<f32> {
    use rayon::prelude::*;
    let rows = values.len() / width.max(1);
    let mut sums = vec![0f32; width];
    let columns = (TASK * 4 / rows.max(1)).max(16);
    sums.par_chunks_mut(columns)
        .enumerate()
        .for_each(|(i, sums)| {
            let from = i * columns;
            for row in values.chunks_exact(width) {
                for (sum, x) in sums.iter_mut().zip(&row[from..]) {
                    *sum += x;
                }
            }
        });
    sums
}

#[cfg(test)]
pub(crate) mod check {
    //! Compares a fused operation with its reference.
    #![allow(clippy::unwrap_used)]
    use candle_core::{Device, Result, Tensor, Var};

    use crate::rng::Stream;

    pub fn random(stream: &mut Stream, shape: &[usize]) -> Var {
        let n = shape.iter().product();
        let values: Vec<f32> = (0..n).map(|_| stream.next_normal() as f32).collect();
        Var::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    pub fn largest(t: &Tensor) -> f32 {
        let values = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.iter().fold(0f32, |m, x| m.max(x.abs()))
    }

    pub fn close(a: &Tensor, b: &Tensor, what: &str) {
        assert_eq!(a.dims(), b.dims(), "{what}");
        let off = largest(&(a - b).unwrap());
        let scale = largest(b).max(1e-3);
        assert!(off <= 1e-4 * scale, "{what}: off by {off}, largest {scale}");
    }

    /// Forward and every gradient of `fused` equal those of `slow`, for a random gradient of the result.
    pub fn twins(
        inputs: &[Var],
        fused: impl Fn(&[Tensor]) -> Result<Tensor>,
        slow: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) {
        let tensors: Vec<_> = inputs.iter().map(|v| v.as_tensor().clone()).collect();
        let (a, b) = (fused(&tensors).unwrap(), slow(&tensors).unwrap());
        close(&a, &b, "forward");
        let weight = random(&mut Stream::new(9, "gradient"), a.dims());
        let grads = |y: &Tensor| {
            (y * weight.as_detached_tensor())
                .unwrap()
                .sum_all()
                .unwrap()
                .backward()
                .unwrap()
        };
        let (ga, gb) = (grads(&a), grads(&b));
        for (i, input) in inputs.iter().enumerate() {
            let (a, b) = (ga.get(input).unwrap(), gb.get(input).unwrap());
            close(a, b, &format!("gradient {i}"));
        }
    }
}
