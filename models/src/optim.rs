//! AdamW over named parameters, and clipping by the global norm.
//!
//! Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2, in the form of
//! `torch.optim.AdamW`. The arithmetic of a step is [`crate::ops::AdamStep`]; this file decides which parameters are
//! decayed, in which order, and what a checkpoint keeps.

use std::collections::BTreeMap;

use candle_core::{CpuStorage, DType, Storage, Tensor, Var};
use rayon::prelude::*;

use crate::ops::{AdamStep, Moments};
use crate::weights::Vars;
use crate::{Error, Result};

/// Elements per thread at a time. Sums are combined in the order of these chunks, so they do not depend on the number
/// of threads.
const CHUNK: usize = 16 * 1024;

/// Settings of AdamW. The learning rate comes with each step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
    /// Decoupled weight decay, on tensors of two or more dimensions only: biases and LayerNorm
    /// parameters are not decayed.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    /// The defaults of `torch.optim.AdamW`.
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

struct Parameter {
    name: String,
    var: Var,
    moments: Moments,
}

/// The optimizer: parameters in the order of their names, with their moments.
pub struct AdamW {
    parameters: Vec<Parameter>,
    config: AdamWConfig,
    steps: usize,
}

/// Gradients by parameter name; what [`AdamW::step`] takes.
pub type Gradients = BTreeMap<String, Tensor>;

/// Whether a parameter is decayed: matrices are, biases and norms are not.
fn decays(var: &Var) -> bool {
    var.rank() >= 2
}

impl AdamW {
    /// An optimizer over named parameters, all moments zero.
    pub fn new(vars: &Vars, config: AdamWConfig) -> Result<Self> {
        let parameter = |(name, var): (&String, &Var)| -> Result<Parameter> {
            Ok(Parameter {
                name: name.clone(),
                var: var.clone(),
                moments: Moments::zeros(var)?,
            })
        };
        Ok(Self {
            parameters: vars.iter().map(parameter).collect::<Result<_>>()?,
            config,
            steps: 0,
        })
    }

    /// Steps taken, including those before resumptions.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// How many parameters (elements, not tensors) are decayed, and how many are not.
    pub fn group_sizes(&self) -> (usize, usize) {
        let count = |decayed| {
            let group = self.parameters.iter().filter(|p| decays(&p.var) == decayed);
            group.map(|p| p.var.elem_count()).sum()
        };
        (count(true), count(false))
    }

    /// One step with gradients times `scale`. A parameter without a gradient is unchanged.
    ///
    /// # Errors
    /// If a gradient's shape differs from its parameter's.
    pub fn step(&mut self, gradients: &Gradients, lr: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let c = &self.config;
        let mut step = AdamStep {
            lr,
            beta1: c.beta1,
            beta2: c.beta2,
            eps: c.eps,
            weight_decay: 0.0,
            step: self.steps,
            grad_scale: scale,
        };
        for parameter in &mut self.parameters {
            if let Some(gradient) = gradients.get(&parameter.name) {
                step.weight_decay = if decays(&parameter.var) {
                    c.weight_decay
                } else {
                    0.0
                };
                parameter.moments.update(&parameter.var, gradient, &step)?;
            }
        }
        Ok(())
    }

    /// The moments as named tensors, `m.NAME` and `v.NAME`, for a checkpoint. They share the
    /// optimizer's memory.
    pub fn moments(&self) -> impl Iterator<Item = (String, Tensor)> + '_ {
        self.parameters.iter().flat_map(|p| {
            [
                (format!("m.{}", p.name), p.moments.m.as_detached_tensor()),
                (format!("v.{}", p.name), p.moments.v.as_detached_tensor()),
            ]
        })
    }

    /// Restores moments and step count from a checkpoint; `moment` gives the tensor of a name.
    ///
    /// # Errors
    /// If one is missing or has another shape.
    pub fn restore(
        &mut self,
        steps: usize,
        mut moment: impl FnMut(&str) -> Result<Tensor>,
    ) -> Result<()> {
        for p in &mut self.parameters {
            for (prefix, var) in [("m", &p.moments.m), ("v", &p.moments.v)] {
                let name = format!("{prefix}.{}", p.name);
                let tensor = moment(&name)?;
                if tensor.dims() != var.dims() {
                    return Err(Error::Misshapen {
                        name,
                        file: tensor.dims().to_vec(),
                        config: var.dims().to_vec(),
                    });
                }
                var.set(&tensor.to_device(var.device())?)?;
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// The Euclidean norm of all gradients together. Sums are computed in f64 over fixed chunks and combined in order, so
/// that the same gradients give the same bits with any number of threads.
fn global_norm(gradients: &Gradients) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.values() {
        sum += squares(gradient)?;
    }
    Ok(sum.sqrt())
}

/// What the host reads of a step: the loss of each micro-batch (scalars), and the norm of all gradients together.
pub fn losses_and_norm(losses: &[Tensor], gradients: &Gradients) -> Result<(Vec<f64>, f64)> {
    if !gradients
        .values()
        .all(|gradient| gradient.device().is_cpu())
    {
        return read_at_once(losses, gradients);
    }
    let read = |loss: &Tensor| -> Result<f64> {
        Ok(f64::from(loss.to_dtype(DType::F32)?.to_scalar::<f32>()?))
    };
    let losses = losses.iter().map(read).collect::<Result<_>>()?;
    Ok((losses, global_norm(gradients)?))
}

/// [`losses_and_norm`] in one transfer: each waits for all that the device has still to compute.
fn read_at_once(losses: &[Tensor], gradients: &Gradients) -> Result<(Vec<f64>, f64)> {
    let squares = |gradient: &Tensor| gradient.to_dtype(DType::F32)?.sqr()?.sum_all();
    let squares: Vec<Tensor> = gradients
        .values()
        .map(squares)
        .collect::<candle_core::Result<_>>()?;
    let mut values: Vec<Tensor> = losses
        .iter()
        .map(|loss| loss.to_dtype(DType::F32))
        .collect::<candle_core::Result<_>>()?;
    values.push(Tensor::stack(&squares, 0)?.sum_all()?);
    let values = Tensor::stack(&values, 0)?.to_vec1::<f32>()?;
    let mut values: Vec<f64> = values.into_iter().map(f64::from).collect();
    let norm = values.pop().map_or(0.0, f64::sqrt);
    Ok((values, norm))
}

fn squares(tensor: &Tensor) -> Result<f64> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    if let (Storage::Cpu(CpuStorage::F32(data)), Some((from, to))) =
        (&*storage, layout.contiguous_offsets())
    {
        let sums: Vec<f64> = data[from..to]
            .par_chunks(CHUNK)
            .map(|chunk| {
                let mut lanes = [0f64; 8];
                for eight in chunk.chunks(8) {
                    for (lane, x) in lanes.iter_mut().zip(eight) {
                        *lane += f64::from(*x) * f64::from(*x);
                    }
                }
                lanes.iter().sum()
            })
            .collect();
        return Ok(sums.iter().sum());
    }
    drop(storage);
    Ok(f64::from(
        tensor
            .to_dtype(DType::F32)?
            .sqr()?
            .sum_all()?
            .to_scalar::<f32>()?,
    ))
}

/// The factor that scales gradients of norm `norm` to a norm of at most `max`. As `torch.nn.utils.clip_grad_norm_`:
/// `min(1, max / (norm + 1e-6))`; 0 for `max` turns clipping off.
pub fn clip_scale(norm: f64, max: f64) -> f64 {
    if max > 0.0 {
        (max / (norm + 1e-6)).min(1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use candle_core::Device;

    use super::*;

    fn var(data: &[f32]) -> Var {
        Var::from_tensor(&Tensor::from_slice(data, (1, data.len()), &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn biases_and_norms_are_not_decayed() {
        let b = Var::from_tensor(&Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap()).unwrap();
        let w = var(&[1.0]);
        let vars = Vars::from([("b".to_owned(), b.clone()), ("w".to_owned(), w.clone())]);
        let mut optimizer = AdamW::new(&vars, AdamWConfig::default()).unwrap();
        assert_eq!(optimizer.group_sizes(), (1, 2));
        let zeros =
            [("b", &b), ("w", &w)].map(|(name, v)| (name.to_owned(), v.zeros_like().unwrap()));
        optimizer.step(&Gradients::from(zeros), 0.1, 1.0).unwrap();
        assert_eq!(b.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        assert_eq!(w.to_vec2::<f32>().unwrap(), [[0.999]]);
    }

    #[test]
    fn moments_round_trip() {
        let vars = Vars::from([("w".to_owned(), var(&[1.0, -2.0]))]);
        let gradient = Tensor::new(&[[0.3f32, 0.7]], &Device::Cpu).unwrap();
        let gradients = Gradients::from([("w".to_owned(), gradient)]);
        let mut a = AdamW::new(&vars, AdamWConfig::default()).unwrap();
        a.step(&gradients, 0.1, 1.0).unwrap();
        let saved: BTreeMap<_, _> = a.moments().map(|(n, t)| (n, t.copy().unwrap())).collect();
        let copy = Vars::from([(
            "w".to_owned(),
            Var::from_tensor(&vars["w"].copy().unwrap()).unwrap(),
        )]);
        let mut b = AdamW::new(&copy, AdamWConfig::default()).unwrap();
        b.restore(a.steps(), |name| Ok(saved[name].clone()))
            .unwrap();
        a.step(&gradients, 0.1, 1.0).unwrap();
        b.step(&gradients, 0.1, 1.0).unwrap();
        assert_eq!(
            vars["w"].to_vec2::<f32>().unwrap(),
            copy["w"].to_vec2::<f32>().unwrap()
        );
        assert!(
            b.restore(1, |_| Ok(Tensor::new(&[1f32], &Device::Cpu)?))
                .is_err()
        );
    }

    #[test]
    fn clipping_matches_torch() {
        assert_eq!(clip_scale(0.5, 1.0), 1.0);
        assert!((clip_scale(4.0, 1.0) - 0.25).abs() < 1e-6);
        assert_eq!(clip_scale(4.0, 0.0), 1.0);
    }

    /// What a GPU computes, on the CPU.
    #[test]
    fn reading_at_once_equals_reading_one_by_one() {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let gradients = Gradients::from([
            ("a".to_owned(), tensor(&[0.5, -2.0, 3.0])),
            ("b".to_owned(), tensor(&[4.0])),
        ]);
        let losses = [1.5f32, 0.25].map(|loss| Tensor::new(loss, &Device::Cpu).unwrap());
        let (want, norm) = losses_and_norm(&losses, &gradients).unwrap();
        assert_eq!(want, [1.5, 0.25]);
        assert!((norm - 29.25f64.sqrt()).abs() < 1e-6, "{norm}");
        let (got, at_once) = read_at_once(&losses, &gradients).unwrap();
        assert_eq!(got, want);
        assert!((at_once - norm).abs() < 1e-6, "{at_once} {norm}");
        let broken = [Tensor::new(f32::NAN, &Device::Cpu).unwrap()];
        assert!(read_at_once(&broken, &gradients).unwrap().0[0].is_nan());
    }

    #[test]
    fn the_norm_is_the_root_of_the_sum_of_squares() {
        let mut rng = fastrand::Rng::with_seed(1);
        for length in [1, 2, 1_000, 4_095, 4_096, 4_097, 39_999] {
            let data: Vec<f32> = (0..length).map(|_| 4.0 * rng.f32() - 2.0).collect();
            let tensor = Tensor::from_slice(&data, data.len(), &Device::Cpu).unwrap();
            let norm = global_norm(&Gradients::from([("g".to_owned(), tensor)])).unwrap();
            let plain = data
                .iter()
                .map(|x| f64::from(*x).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(
                (norm - plain).abs() <= 1e-9 * plain.max(1.0),
                "{length}: {norm} {plain}"
            );
        }
    }
}
