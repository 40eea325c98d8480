//! Layers that both models consist of. Each declares its parameters in its constructor, and nowhere else.

use candle_core::Tensor;

use crate::Result;
use crate::ops::{self, Layout};
use crate::weights::{Init, Scope};

/// A table with one row per token, position or segment.
pub struct Embedding {
    pub weight: Tensor, // (n, C)
}

impl Embedding {
    pub fn new(p: &Scope, n: usize, c: usize, std: f64) -> Result<Self> {
        let weight = p.get("weight", &[n, c], Init::Normal(std))?;
        Ok(Self { weight })
    }

    /// `ids (B, T)` to `(B, T, C)`.
    pub fn forward(&self, ids: &Tensor) -> candle_core::Result<Tensor> {
        let (b, t) = ids.dims2()?;
        let rows = self.weight.index_select(&ids.flatten_all()?, 0)?;
        rows.reshape((b, t, ()))
    }
}

pub struct LayerNorm {
    weight: Tensor, // (C)
    bias: Tensor,   // (C)
    eps: f64,
}

impl LayerNorm {
    pub fn new(p: &Scope, c: usize, eps: f64) -> Result<Self> {
        let weight = p.get("weight", &[c], Init::Const(1.0))?;
        let bias = p.get("bias", &[c], Init::Const(0.0))?;
        Ok(Self { weight, bias, eps })
    }

    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

/// `x (.., in)` times the matrix, plus the bias: `(.., out)`.
pub struct Linear {
    weight: Tensor, // (in, out) or (out, in)
    bias: Tensor,   // (out)
    layout: Layout,
}

impl Linear {
    /// torch's Linear has the layout `(out, in)`, GPT-2's Conv1D `(in, out)`.
    pub fn new(p: &Scope, sizes: (usize, usize), layout: Layout, std: f64) -> Result<Self> {
        let (n_in, n_out) = sizes;
        let shape = match layout {
            Layout::InOut => [n_in, n_out],
            Layout::OutIn => [n_out, n_in],
        };
        Ok(Self {
            weight: p.get("weight", &shape, Init::Normal(std))?,
            bias: p.get("bias", &[n_out], Init::Const(0.0))?,
            layout,
        })
    }

    /// Layers `(out, in)` with the same input as one, for a larger matrix product.
    pub fn packed(layers: [&Self; 3]) -> Result<Self> {
        Ok(Self {
            weight: Tensor::cat(&layers.map(|l| &l.weight), 0)?,
            bias: Tensor::cat(&layers.map(|l| &l.bias), 0)?,
            layout: Layout::OutIn,
        })
    }

    pub fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(x, &self.weight, Some(&self.bias), self.layout)
    }
}
