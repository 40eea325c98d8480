//! AdamW, and clipping by the global norm.
//!
//! Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2, in the form of
//! `torch.optim.AdamW`. On the CPU a step is one pass over parameter, gradient and both moments, in
//! place; elsewhere, and as the twin in the test, it is written in tensor operations. candle's own
//! optimizer makes 15 temporaries for each tensor and is 40 times slower.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Storage, Tensor, Var};
use rayon::prelude::*;

use crate::{Error, Result};

/// Elements that one thread takes at a time; 4 arrays of 64 KiB stay in its cache. Sums are combined
/// in the order of these chunks, so they do not depend on the number of threads.
const CHUNK: usize = 16 * 1024;

/// What AdamW is set to. The learning rate comes with each step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
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

/// The numbers of one step, worked out once for all tensors.
#[derive(Debug, Clone, Copy)]
struct Step {
    beta1: f32,
    beta2: f32,
    eps: f32,
    /// 1 - learning rate * weight decay.
    keep: f32,
    /// Learning rate / (1 - beta1^t).
    rate: f32,
    /// 1 / sqrt(1 - beta2^t).
    root: f32,
    /// What gradients are multiplied by: clipping, averaging.
    scale: f32,
}

/// First and second moment of one parameter.
enum Moments {
    /// In memory, updated in place.
    Host { m: Vec<f32>, v: Vec<f32> },
    /// Tensors on another device.
    Device { m: Tensor, v: Tensor },
}

struct Parameter {
    name: String,
    var: Var,
    decays: bool,
    moments: Moments,
}

/// The optimizer: parameters in the order of their names, with their moments.
pub struct AdamW {
    parameters: Vec<Parameter>,
    config: AdamWConfig,
    steps: u64,
}

/// Gradients by parameter name; what [`AdamW::step`] takes.
pub type Gradients = BTreeMap<String, Tensor>;

impl AdamW {
    /// An optimizer over named parameters, all moments zero.
    ///
    /// # Errors
    /// When the device is out of memory.
    pub fn new<'a>(
        vars: impl IntoIterator<Item = (&'a String, &'a Var)>,
        config: AdamWConfig,
    ) -> Result<Self> {
        let mut parameters = Vec::new();
        for (name, var) in vars {
            let moments = if var.device().is_cpu() && var.dtype() == DType::F32 {
                let n = var.elem_count();
                Moments::Host {
                    m: vec![0.0; n],
                    v: vec![0.0; n],
                }
            } else {
                Moments::Device {
                    m: var.zeros_like()?,
                    v: var.zeros_like()?,
                }
            };
            parameters.push(Parameter {
                name: name.clone(),
                var: var.clone(),
                decays: var.rank() >= 2,
                moments,
            });
        }
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            parameters,
            config,
            steps: 0,
        })
    }

    /// Steps taken, over all resumptions.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// How many parameters (numbers, not tensors) are decayed, and how many are not.
    pub fn group_sizes(&self) -> (usize, usize) {
        let count = |decays| {
            self.parameters
                .iter()
                .filter(|p| p.decays == decays)
                .map(|p| p.var.elem_count())
                .sum()
        };
        (count(true), count(false))
    }

    /// One step with gradients times `scale`. A parameter without a gradient stays as it is.
    ///
    /// # Errors
    /// When a gradient has another shape than its parameter.
    pub fn step(&mut self, gradients: &Gradients, lr: f64, scale: f64) -> Result<()> {
        self.steps += 1;
        let t = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let c = &self.config;
        for parameter in &mut self.parameters {
            let Some(gradient) = gradients.get(&parameter.name) else {
                continue;
            };
            let step = Step {
                beta1: c.beta1 as f32,
                beta2: c.beta2 as f32,
                eps: c.eps as f32,
                keep: if parameter.decays {
                    (1.0 - lr * c.weight_decay) as f32
                } else {
                    1.0
                },
                rate: (lr / (1.0 - c.beta1.powi(t))) as f32,
                root: (1.0 / (1.0 - c.beta2.powi(t)).sqrt()) as f32,
                scale: scale as f32,
            };
            match &mut parameter.moments {
                Moments::Host { m, v } => {
                    let fused = Fused {
                        step,
                        m: Mutex::new(m),
                        v: Mutex::new(v),
                    };
                    parameter.var.inplace_op2(&gradient.contiguous()?, &fused)?;
                }
                Moments::Device { m, v } => {
                    let (p, new_m, new_v) =
                        composed(parameter.var.as_tensor(), gradient, m, v, step)?;
                    parameter.var.set(&p)?;
                    (*m, *v) = (new_m, new_v);
                }
            }
        }
        Ok(())
    }

    /// The moments as named tensors, `m.NAME` and `v.NAME`, for a checkpoint; one at a time, because
    /// together they are twice the size of the model.
    pub fn moments(&self) -> impl Iterator<Item = Result<(String, Tensor)>> + '_ {
        self.parameters.iter().flat_map(|p| {
            let tensor = |first: bool| -> Result<Tensor> {
                Ok(match (&p.moments, first) {
                    (Moments::Host { m, .. }, true) => {
                        Tensor::from_slice(m, p.var.shape(), p.var.device())?
                    }
                    (Moments::Host { v, .. }, false) => {
                        Tensor::from_slice(v, p.var.shape(), p.var.device())?
                    }
                    (Moments::Device { m, .. }, true) => m.clone(),
                    (Moments::Device { v, .. }, false) => v.clone(),
                })
            };
            [(true, "m"), (false, "v")].map(|(first, prefix)| {
                tensor(first).map(|tensor| (format!("{prefix}.{}", p.name), tensor))
            })
        })
    }

    /// Takes moments and step count back from a checkpoint; `moment` gives the tensor of a name.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn restore(
        &mut self,
        steps: u64,
        mut moment: impl FnMut(&str) -> Result<Tensor>,
    ) -> Result<()> {
        for p in &mut self.parameters {
            let mut read = |prefix: &str| -> Result<Tensor> {
                let name = format!("{prefix}.{}", p.name);
                let tensor = moment(&name)?;
                if tensor.dims() != p.var.dims() {
                    return Err(Error::Invalid(format!(
                        "{name}: the checkpoint has {:?}, the model {:?}",
                        tensor.dims(),
                        p.var.dims()
                    )));
                }
                Ok(tensor.to_device(p.var.device())?)
            };
            let (first, second) = (read("m")?, read("v")?);
            match &mut p.moments {
                Moments::Host { m, v } => {
                    *m = first.flatten_all()?.to_vec1()?;
                    *v = second.flatten_all()?.to_vec1()?;
                }
                Moments::Device { m, v } => (*m, *v) = (first, second),
            }
        }
        self.steps = steps;
        Ok(())
    }
}

/// One pass in place over parameter and moments. The moments are lent through the operation, because
/// candle gives it only one mutable tensor.
struct Fused<'a> {
    step: Step,
    m: Mutex<&'a mut Vec<f32>>,
    v: Mutex<&'a mut Vec<f32>>,
}

impl InplaceOp2 for Fused<'_> {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn cpu_fwd(
        &self,
        parameter: &mut CpuStorage,
        parameter_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        if parameter_layout.shape() != gradient_layout.shape() {
            candle_core::bail!(
                "adamw: parameter {:?}, gradient {:?}",
                parameter_layout.shape(),
                gradient_layout.shape()
            );
        }
        let (Some((from, to)), Some((g_from, g_to))) = (
            parameter_layout.contiguous_offsets(),
            gradient_layout.contiguous_offsets(),
        ) else {
            candle_core::bail!("adamw: parameter and gradient must be contiguous");
        };
        let CpuStorage::F32(parameter) = parameter else {
            candle_core::bail!("adamw: the parameter is not f32")
        };
        let mut m = self.m.lock().unwrap_or_else(PoisonError::into_inner);
        let mut v = self.v.lock().unwrap_or_else(PoisonError::into_inner);
        let Step {
            beta1,
            beta2,
            eps,
            keep,
            rate,
            root,
            scale,
        } = self.step;
        parameter[from..to]
            .par_chunks_mut(CHUNK)
            .zip(gradient.as_slice::<f32>()?[g_from..g_to].par_chunks(CHUNK))
            .zip(m.par_chunks_mut(CHUNK))
            .zip(v.par_chunks_mut(CHUNK))
            .for_each(|(((p, g), m), v)| {
                for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                    let g = g * scale;
                    *m += (1.0 - beta1) * (g - *m);
                    *v = beta2 * *v + (1.0 - beta2) * g * g;
                    *p = *p * keep - rate * *m / (v.sqrt() * root + eps);
                }
            });
        Ok(())
    }
}

/// The same in tensor operations: new parameter and moments.
fn composed(
    p: &Tensor,
    g: &Tensor,
    m: &Tensor,
    v: &Tensor,
    step: Step,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Step {
        beta1,
        beta2,
        eps,
        keep,
        rate,
        root,
        scale,
    } = step;
    let (p, g) = (p.detach(), (g.detach() * f64::from(scale))?);
    let m = ((m * f64::from(beta1))? + (&g * f64::from(1.0 - beta1))?)?;
    let v = ((v * f64::from(beta2))? + (g.sqr()? * f64::from(1.0 - beta2))?)?;
    let direction = (&m / ((v.sqrt()? * f64::from(root))? + f64::from(eps))?)?;
    let p = ((p * f64::from(keep))? - (direction * f64::from(rate))?)?;
    Ok((p, m, v))
}

/// The Euclidean norm of all gradients together. Sums are made in f64 over fixed chunks and combined in
/// order, so that the same gradients give the same bits on any number of threads.
///
/// # Errors
/// When a tensor cannot be read.
pub fn global_norm(gradients: &Gradients) -> Result<f64> {
    let mut sum = 0.0;
    for gradient in gradients.values() {
        sum += squares(gradient)?;
    }
    Ok(sum.sqrt())
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

/// What gradients of norm `norm` are multiplied by so that their norm is at most `max`. As
/// `torch.nn.utils.clip_grad_norm_`: `min(1, max / (norm + 1e-6))`; 0 for `max` turns clipping off.
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
    use proptest::prelude::*;

    use super::*;

    fn var(data: &[f32]) -> Var {
        Var::from_tensor(&Tensor::from_slice(data, (1, data.len()), &Device::Cpu).unwrap()).unwrap()
    }

    /// Three steps on one number, written out from the paper's algorithm 2.
    #[test]
    fn three_steps_by_hand() {
        let (lr, wd, b1, b2, eps) = (0.1f64, 0.5f64, 0.9f64, 0.999f64, 1e-8f64);
        let w = var(&[2.0]);
        let vars = BTreeMap::from([("w".to_owned(), w.clone())]);
        let mut optimizer = AdamW::new(
            &vars,
            AdamWConfig {
                weight_decay: wd,
                ..AdamWConfig::default()
            },
        )
        .unwrap();
        let (mut x, mut m, mut v) = (2.0f64, 0.0f64, 0.0f64);
        for (t, g) in [(1, 0.5f64), (2, -1.5), (3, 4.0)] {
            let gradient = Tensor::new(&[[g as f32 * 2.0]], &Device::Cpu).unwrap();
            optimizer
                .step(&Gradients::from([("w".to_owned(), gradient)]), lr, 0.5)
                .unwrap();
            x -= lr * wd * x;
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            x -= lr * (m / (1.0 - b1.powi(t))) / ((v / (1.0 - b2.powi(t))).sqrt() + eps);
            let got = w.to_vec2::<f32>().unwrap()[0][0];
            assert!((f64::from(got) - x).abs() < 1e-5, "step {t}: {got} for {x}");
        }
    }

    #[test]
    fn vectors_are_not_decayed() {
        let b = Var::from_tensor(&Tensor::new(&[1f32, 2.0], &Device::Cpu).unwrap()).unwrap();
        let vars = BTreeMap::from([("b".to_owned(), b.clone()), ("w".to_owned(), var(&[1.0]))]);
        let mut optimizer = AdamW::new(&vars, AdamWConfig::default()).unwrap();
        assert_eq!(optimizer.group_sizes(), (1, 2));
        optimizer
            .step(
                &Gradients::from([("b".to_owned(), b.zeros_like().unwrap())]),
                0.1,
                1.0,
            )
            .unwrap();
        assert_eq!(b.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
    }

    #[test]
    fn moments_go_out_and_come_back() {
        let vars = BTreeMap::from([("w".to_owned(), var(&[1.0, -2.0]))]);
        let gradients = Gradients::from([(
            "w".to_owned(),
            Tensor::new(&[[0.3f32, 0.7]], &Device::Cpu).unwrap(),
        )]);
        let mut a = AdamW::new(&vars, AdamWConfig::default()).unwrap();
        a.step(&gradients, 0.1, 1.0).unwrap();
        let saved: BTreeMap<_, _> = a.moments().map(Result::unwrap).collect();
        let copy = BTreeMap::from([(
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
    fn clipping_is_torchs() {
        assert_eq!(clip_scale(0.5, 1.0), 1.0);
        assert!((clip_scale(4.0, 1.0) - 0.25).abs() < 1e-6);
        assert_eq!(clip_scale(4.0, 0.0), 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn fused_and_composed_agree(n in 1usize..40_000, seed in 0u32..1000, scale in 0.1f32..2.0) {
            let data = |salt: u32| -> Vec<f32> {
                (0..n as u32).map(|i| ((i * 31 + seed * 17 + salt) % 1009) as f32 / 504.5 - 1.0).collect()
            };
            let step = Step { beta1: 0.9, beta2: 0.999, eps: 1e-8, keep: 0.99, rate: 0.01, root: 3.0, scale };
            let tensor = |data: &[f32]| Tensor::from_slice(data, n, &Device::Cpu).unwrap();
            let (p, g, mut m) = (data(1), data(2), data(3));
            let mut v: Vec<f32> = data(4).iter().map(|x| x * x).collect();
            let want = composed(&tensor(&p), &tensor(&g), &tensor(&m), &tensor(&v), step).unwrap();
            let var = Var::from_tensor(&tensor(&p)).unwrap();
            let fused = Fused { step, m: Mutex::new(&mut m), v: Mutex::new(&mut v) };
            var.inplace_op2(&tensor(&g), &fused).unwrap();
            drop(fused);
            let close = |got: &[f32], want: &Tensor| {
                let want = want.to_vec1::<f32>().unwrap();
                got.iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0))
            };
            prop_assert!(close(&var.to_vec1::<f32>().unwrap(), &want.0));
            prop_assert!(close(&m, &want.1));
            prop_assert!(close(&v, &want.2));
            let norm = global_norm(&Gradients::from([("g".to_owned(), tensor(&g))])).unwrap();
            let plain = g.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            prop_assert!((norm - plain).abs() <= 1e-9 * plain.max(1.0));
        }
    }
}
