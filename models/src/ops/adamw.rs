//! AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101), in place, as PyTorch computes it.

use std::sync::Mutex;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use super::simd::vectorized;
use super::{TASK, is_fused, slice};

/// The settings of one step for one parameter.
#[derive(Debug, Clone, Copy)]
pub struct AdamStep {
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Step, from 1: corrects the moments' bias.
    pub step: usize,
    /// Factor on the gradient: clipping and averaging.
    pub grad_scale: f64,
}

impl AdamStep {
    /// Step size, and 1/root of the second bias correction.
    fn corrections(&self) -> (f64, f64) {
        let bias1 = 1.0 - self.beta1.powi(self.step as i32);
        let bias2 = 1.0 - self.beta2.powi(self.step as i32);
        (self.lr / bias1, 1.0 / bias2.sqrt())
    }
}

/// Running means of a parameter's gradient and its square.
#[derive(Debug, Clone)]
pub struct Moments {
    /// First moment, in the parameter's shape.
    pub m: Var,
    /// Second moment.
    pub v: Var,
}

impl Moments {
    /// Zeros for a parameter.
    pub fn zeros(var: &Var) -> Result<Self> {
        let zeros = || Var::zeros(var.shape(), var.dtype(), var.device());
        Ok(Self {
            m: zeros()?,
            v: zeros()?,
        })
    }

    /// Moves `var` one step along its gradient, in place.
    pub fn update(&mut self, var: &Var, grad: &Tensor, step: &AdamStep) -> Result<()> {
        if !is_fused(var) {
            return self.update_ref(var, grad, step);
        }
        // candle lends one tensor at a time mutably; the fused kernel gets all three by swapping the moments out first
        // and the parameter last.
        let (m, v) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
        self.m.inplace_op2(grad, &Swap(&m))?;
        self.v.inplace_op2(grad, &Swap(&v))?;
        let done = var.inplace_op2(&grad.contiguous()?, &Fused { step, m: &m, v: &v });
        self.m.inplace_op2(grad, &Swap(&m))?;
        self.v.inplace_op2(grad, &Swap(&v))?;
        done
    }

    /// Reference of [`Moments::update`], for any device. It reads nothing back: the step enters as factors.
    pub fn update_ref(&mut self, var: &Var, grad: &Tensor, step: &AdamStep) -> Result<()> {
        let g = (grad * step.grad_scale)?;
        let m = ((self.m.as_detached_tensor() * step.beta1)? + (&g * (1.0 - step.beta1))?)?;
        let v = ((self.v.as_detached_tensor() * step.beta2)? + (g.sqr()? * (1.0 - step.beta2))?)?;
        let (size, root) = step.corrections();
        let denominator = ((v.sqrt()? * root)? + step.eps)?;
        let decayed = (var.as_detached_tensor() * (1.0 - step.lr * step.weight_decay))?;
        var.set(&(decayed - (m.div(&denominator)? * size)?)?)?;
        self.m.set(&m)?;
        self.v.set(&v)
    }
}

/// Swaps a tensor's values with those in the slot.
struct Swap<'a>(&'a Mutex<Vec<f32>>);

impl InplaceOp2 for Swap<'_> {
    fn name(&self) -> &'static str {
        "swap"
    }

    fn cpu_fwd(&self, s: &mut CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<()> {
        match (s, self.0.lock()) {
            (CpuStorage::F32(values), Ok(mut slot)) => std::mem::swap(values, &mut *slot),
            _ => bail!("adamw: moments are not float32"),
        }
        Ok(())
    }
}

struct Fused<'a> {
    step: &'a AdamStep,
    m: &'a Mutex<Vec<f32>>,
    v: &'a Mutex<Vec<f32>>,
}

vectorized! {
    fn update(p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], step: &AdamStep) {
        let (size, root) = step.corrections();
        let (size, root, eps) = (size as f32, root as f32, step.eps as f32);
        let (b1, b2, scale) = (step.beta1 as f32, step.beta2 as f32, step.grad_scale as f32);
        // 1 - 0.999 in float32 would be off by 4e-5.
        let (c1, c2) = ((1.0 - step.beta1) as f32, (1.0 - step.beta2) as f32);
        let keep = (1.0 - step.lr * step.weight_decay) as f32;
        let n = p.len();
        let (g, m, v) = (&g[..n], &mut m[..n], &mut v[..n]);
        for i in 0..n {
            let g = g[i] * scale;
            m[i] = b1 * m[i] + c1 * g;
            v[i] = b2 * v[i] + c2 * g * g;
            p[i] = p[i] * keep - size * m[i] / (v[i].sqrt() * root + eps);
        }
    }
}

impl InplaceOp2 for Fused<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(&self, p: &mut CpuStorage, lp: &Layout, g: &CpuStorage, lg: &Layout) -> Result<()> {
        let g = slice(g, lg)?;
        let (CpuStorage::F32(p), Some((from, to))) = (p, lp.contiguous_offsets()) else {
            bail!("adamw: the parameter is not contiguous float32");
        };
        let (Ok(mut m), Ok(mut v)) = (self.m.lock(), self.v.lock()) else {
            bail!("adamw: moments in use");
        };
        let p = &mut p[from..to];
        if p.len() != g.len() || m.len() != g.len() || v.len() != g.len() {
            bail!(
                "adamw: parameter of {}, gradient of {} numbers",
                p.len(),
                g.len()
            );
        }
        (
            p.par_chunks_mut(TASK),
            g.par_chunks(TASK),
            m.par_chunks_mut(TASK),
            v.par_chunks_mut(TASK),
        )
            .into_par_iter()
            .for_each(|(p, g, m, v)| update(p, g, m, v, self.step));
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::check::{close, random};
    use super::*;
    use crate::rng::Stream;
    use candle_core::Device;

    fn step(n: usize) -> AdamStep {
        AdamStep {
            lr: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            step: n,
            grad_scale: 1.0,
        }
    }

    #[test]
    fn three_steps_match_hand_computed_values() {
        // p = 1, gradients 0.5, -0.25, 1: computed with the paper's algorithm 2 in float64.
        let var = Var::new(&[1f32], &Device::Cpu).unwrap();
        let mut moments = Moments::zeros(&var).unwrap();
        let (mut p, mut m, mut v) = (1f64, 0f64, 0f64);
        for (i, g) in [0.5f64, -0.25, 1.0].into_iter().enumerate() {
            let t = i as i32 + 1;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (hat_m, hat_v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            p = p - 0.1 * 0.01 * p - 0.1 * hat_m / (hat_v.sqrt() + 1e-8);
            let grad = Tensor::new(&[g as f32], &Device::Cpu).unwrap();
            moments.update(&var, &grad, &step(t as usize)).unwrap();
            let got = var.to_vec1::<f32>().unwrap()[0] as f64;
            assert!((got - p).abs() < 1e-6, "step {t}: {got}, by hand {p}");
        }
    }

    #[test]
    fn equals_its_reference() {
        let mut s = Stream::new(1, "adamw");
        let a = random(&mut s, &[40_000]);
        let b = Var::from_tensor(&a.copy().unwrap()).unwrap();
        let (mut ma, mut mb) = (Moments::zeros(&a).unwrap(), Moments::zeros(&b).unwrap());
        for n in 1..5 {
            let grad = random(&mut s, &[40_000]).as_detached_tensor();
            let step = AdamStep {
                grad_scale: 0.5,
                ..step(n)
            };
            ma.update(&a, &grad, &step).unwrap();
            mb.update_ref(&b, &grad, &step).unwrap();
        }
        close(&a, &b, "parameter");
        close(&ma.m, &mb.m, "first moment");
        close(&ma.v, &mb.v, "second moment");
    }
}
