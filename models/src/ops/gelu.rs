//! The Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::simd::{normal, tanh, vectorized};
use super::{TASK, is_fused, slice, tensor, with_slice};

/// Which of the two common forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gelu {
    /// `x Φ(x)`: BERT's.
    Erf,
    /// The tanh approximation: GPT-2's `gelu_new`.
    Tanh,
}

/// By the names in transformers (`ACT2FN` in activations.py).
impl std::str::FromStr for Gelu {
    type Err = String;

    fn from_str(name: &str) -> std::result::Result<Self, String> {
        match name {
            "gelu" => Ok(Self::Erf),
            "gelu_new" | "gelu_pytorch_tanh" => Ok(Self::Tanh),
            _ => Err(format!(
                "the activation '{name}' is not supported, only gelu, gelu_new and gelu_pytorch_tanh"
            )),
        }
    }
}

/// GELU of each element.
pub fn gelu(x: &Tensor, form: Gelu) -> Result<Tensor> {
    if !is_fused(x) {
        return gelu_ref(x, form);
    }
    x.contiguous()?.apply_op1(form)
}

/// Reference of [`gelu`].
pub fn gelu_ref(x: &Tensor, form: Gelu) -> Result<Tensor> {
    let inner = match form {
        Gelu::Erf => (x * std::f64::consts::FRAC_1_SQRT_2)?.erf()?,
        Gelu::Tanh => {
            let cubed = ((x * x)? * x)?;
            ((x + (cubed * CUBE as f64)?)? * ROOT as f64)?.tanh()?
        }
    };
    (x * 0.5)? * (inner + 1.0)?
}

/// sqrt(2/π) and the cubic coefficient of the tanh form.
const ROOT: f32 = 0.797_884_6;
const CUBE: f32 = 0.044_715;

vectorized! {
    fn forward_tanh(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = 0.5 * x * (1.0 + tanh(ROOT * (x + CUBE * x * x * x)));
        }
    }
}
vectorized! {
    fn backward_tanh(x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
            let t = tanh(ROOT * (x + CUBE * x * x * x));
            let slope = ROOT * (1.0 + 3.0 * CUBE * x * x);
            *dx = dy * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope);
        }
    }
}
vectorized! {
    fn forward_erf(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * normal(x).0;
        }
    }
}
vectorized! {
    fn backward_erf(x: &[f32], dy: &[f32], dx: &mut [f32]) {
        for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
            let (cdf, pdf) = normal(x);
            *dx = dy * (cdf + x * pdf);
        }
    }
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, layout)?;
        let mut y = vec![0.; x.len()];
        (x.par_chunks(TASK), y.par_chunks_mut(TASK))
            .into_par_iter()
            .for_each(|(x, y)| match self {
                Self::Erf => forward_erf(x, y),
                Self::Tanh => forward_tanh(x, y),
            });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let shape = x.shape();
        with_slice(x, |x| {
            with_slice(dy, |dy| {
                let mut dx = vec![0.; x.len()];
                (
                    x.par_chunks(TASK),
                    dy.par_chunks(TASK),
                    dx.par_chunks_mut(TASK),
                )
                    .into_par_iter()
                    .for_each(|(x, dy, dx)| match self {
                        Self::Erf => backward_erf(x, dy, dx),
                        Self::Tanh => backward_tanh(x, dy, dx),
                    });
                Ok(Some(tensor(dx, shape)?))
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
        let mut s = Stream::new(1, "gelu");
        for form in [Gelu::Erf, Gelu::Tanh] {
            for shape in [[1, 1], [3, 50], [700, 64]] {
                let x = [random(&mut s, &shape)];
                twins(
                    &x,
                    |i| gelu(&(&i[0] * 3.0)?, form),
                    |i| gelu_ref(&(&i[0] * 3.0)?, form),
                );
            }
        }
    }
}
