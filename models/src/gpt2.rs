//! GPT-2: the language model that generates replies.
//!
//! Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Names, layouts and numerics are those of
//! `openai-community/gpt2*` as transformers computes them (modeling_gpt2.py): pre-norm blocks, `(in, out)` matrices,
//! tanh GELU, tied embeddings.
//!
//! Errors name what does not match: a field of the configuration that is not supported ([`Config::check`]), a tensor
//! that is missing or has another shape, a text that is too long, a token outside the vocabulary.

use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::layers::{Embedding, LayerNorm, Linear};
use crate::ops::{self, BlockCache, Cache, Gelu, Layout};
use crate::rng::Stream;
use crate::weights::{self, Names, Parameters, Scope, range, tenth, whole, whole_or_null};
use crate::{Error, Result, batch};

/// `config.json`, with the names of transformers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    #[serde(deserialize_with = "whole")]
    pub vocab_size: usize, // V
    #[serde(deserialize_with = "whole")]
    pub n_positions: usize, // the largest T
    #[serde(deserialize_with = "whole")]
    pub n_embd: usize, // C
    #[serde(deserialize_with = "whole")]
    pub n_layer: usize,
    #[serde(deserialize_with = "whole")]
    pub n_head: usize, // H
    /// Width of the MLP; 4C if absent.
    #[serde(default, deserialize_with = "whole_or_null")]
    pub n_inner: Option<usize>,
    #[serde(default = "eps")]
    pub layer_norm_epsilon: f64,
    /// Dropout after each projection back into the residual stream.
    #[serde(default = "tenth")]
    pub resid_pdrop: f64,
    #[serde(default = "tenth")]
    pub embd_pdrop: f64,
    #[serde(default = "tenth")]
    pub attn_pdrop: f64,
    /// Standard deviation of the initial weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    #[serde(default = "end", deserialize_with = "whole_or_null")]
    pub eos_token_id: Option<u32>,
    /// Everything else in the file.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn eps() -> f64 {
    1e-5
}
fn end() -> Option<u32> {
    Some(50256)
}

impl Config {
    /// A configuration of the given size; the rest as in the published models.
    pub fn new(vocab_size: usize, positions: usize, c: usize, layers: usize, heads: usize) -> Self {
        let rest = json!({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new"});
        Self {
            vocab_size,
            n_positions: positions,
            n_embd: c,
            n_layer: layers,
            n_head: heads,
            n_inner: None,
            layer_norm_epsilon: eps(),
            resid_pdrop: tenth(),
            embd_pdrop: tenth(),
            attn_pdrop: tenth(),
            initializer_range: range(),
            eos_token_id: Some(vocab_size.saturating_sub(1) as u32),
            rest: rest.as_object().cloned().unwrap_or_default(),
        }
    }

    /// The four published sizes: `gpt2` (124M), `gpt2-medium`, `gpt2-large`, `gpt2-xl` (1.5B).
    pub fn named(name: &str) -> Option<Self> {
        let (c, layers, heads) = match name {
            "gpt2" => (768, 12, 12),
            "gpt2-medium" => (1024, 24, 16),
            "gpt2-large" => (1280, 36, 20),
            "gpt2-xl" => (1600, 48, 25),
            _ => return None,
        };
        Some(Self::new(50257, 1024, c, layers, heads))
    }

    /// Refuses what this file does not implement, and numbers that no model has.
    pub fn check(&self) -> Result<()> {
        let only = |field, values: &[&str]| weights::check_field(&self.rest, field, values);
        only("model_type", &["gpt2"])?;
        only("activation_function", &["gelu_new", "gelu_pytorch_tanh"])?;
        only("add_cross_attention", &["false"])?;
        only("scale_attn_by_inverse_layer_idx", &["false"])?;
        only("scale_attn_weights", &["true"])?;
        only("tie_word_embeddings", &["true"])?;
        weights::check_heads(("n_embd", self.n_embd), ("n_head", self.n_head))?;
        weights::check_dropouts(&[
            ("resid_pdrop", self.resid_pdrop),
            ("embd_pdrop", self.embd_pdrop),
            ("attn_pdrop", self.attn_pdrop),
        ])?;
        weights::check_epsilon("layer_norm_epsilon", self.layer_norm_epsilon)?;
        weights::check_spread("initializer_range", self.initializer_range)?;
        weights::check_ranges(&[
            ("vocab_size", self.vocab_size, 1..=1 << 23),
            ("n_positions", self.n_positions, 1..=1 << 21),
            ("n_embd", self.n_embd, 1..=1 << 17),
            ("n_layer", self.n_layer, 1..=1_000),
            ("n_inner", self.inner(), 1..=1 << 19),
        ])
    }

    /// Width of the MLP.
    pub(crate) fn inner(&self) -> usize {
        self.n_inner.unwrap_or(self.n_embd.saturating_mul(4))
    }

    /// Every parameter, in the order of the computation.
    pub fn parameters(&self) -> Result<Parameters> {
        let names = Names {
            prefix: "transformer.",
            blocks: "transformer.h.",
            layers: ("n_layer", self.n_layer),
            heads: &[],
            // tied to wte; files that have it repeat it
            ignored: &["lm_head.weight"],
        };
        Parameters::record(names, |p| Gpt2::new(self, p))
    }
}

/// The model. On tracked tensors it can be trained; on detached ones it builds no graph.
pub struct Gpt2 {
    pub config: Config,
    wte: Embedding,
    wpe: Embedding,
    h: Vec<Block>,
    ln_f: LayerNorm,
}

struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

struct Attention {
    c_attn: Linear,
    c_proj: Linear,
}

struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
}

impl Block {
    fn build(config: &Config, p: &Scope) -> Result<Self> {
        let (c, f, std) = (config.n_embd, config.inner(), config.initializer_range);
        // As in transformers, the initial projections back into the residual stream are scaled down by the square root
        // of their number.
        let residual = std / (2.0 * config.n_layer as f64).sqrt();
        let norm = |name| LayerNorm::new(&p.pp(name), c, config.layer_norm_epsilon);
        let conv = |name, sizes, std| Linear::new(&p.pp(name), sizes, Layout::InOut, std);
        Ok(Self {
            ln_1: norm("ln_1")?,
            attn: Attention {
                c_attn: conv("attn.c_attn", (c, 3 * c), std)?,
                c_proj: conv("attn.c_proj", (c, c), residual)?,
            },
            ln_2: norm("ln_2")?,
            mlp: Mlp {
                c_fc: conv("mlp.c_fc", (c, f), std)?,
                c_proj: conv("mlp.c_proj", (f, c), residual)?,
            },
        })
    }

    /// `x (B, T, C)` to the same. With a cache, `x` comes after the tokens in it and is added to them.
    fn forward(
        &self,
        x: &Tensor,
        config: &Config,
        how: &ops::Attention,
        cache: Option<&mut BlockCache>,
        mut rng: Option<&mut Stream>,
    ) -> Result<Tensor> {
        let p = config.resid_pdrop;
        let qkv = self.attn.c_attn.forward(&self.ln_1.forward(x)?)?; // (B, T, 3C)
        let y = match cache {
            Some(cache) => cache.attention(&qkv, how.heads)?,
            None => ops::attention(&qkv, how, config.attn_pdrop, rng.as_deref_mut())?,
        };
        let y = self.attn.c_proj.forward(&y)?; // (B, T, C)
        let x = (x + ops::dropout(&y, p, rng.as_deref_mut())?)?;
        let y = self.mlp.c_fc.forward(&self.ln_2.forward(&x)?)?; // (B, T, 4C)
        let y = self.mlp.c_proj.forward(&ops::gelu(&y, Gelu::Tanh)?)?;
        Ok((x + ops::dropout(&y, p, rng)?)?)
    }
}

impl Gpt2 {
    /// Builds the model on tensors that [`Parameters`] loaded or initialized.
    pub fn new<'a>(config: &Config, p: impl Into<Scope<'a>>) -> Result<Self> {
        config.check()?;
        let (p, c) = (p.into().pp("transformer"), config.n_embd);
        let std = config.initializer_range;
        let wte = Embedding::new(&p.pp("wte"), config.vocab_size, c, std)?;
        let wpe = Embedding::new(&p.pp("wpe"), config.n_positions, c, std)?;
        let h = (0..config.n_layer).map(|i| Block::build(config, &p.pp("h").pp(i)));
        Ok(Self {
            h: h.collect::<Result<_>>()?,
            ln_f: LayerNorm::new(&p.pp("ln_f"), c, config.layer_norm_epsilon)?,
            wte,
            wpe,
            config: config.clone(),
        })
    }

    pub fn device(&self) -> &Device {
        self.wte.weight.device()
    }

    /// The normalized state of every position of `ids (B, T)`, u32: `(B, T, C)`. With a cache, `ids` comes after the
    /// tokens in it; with a stream, dropout is active. `each` gets the residual stream after the embedding and after
    /// each block.
    fn forward(
        &self,
        ids: &Tensor,
        mut cache: Option<&mut Cache>,
        mut rng: Option<&mut Stream>,
        mut each: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        let (past, t) = (cache.as_ref().map_or(0, |c| c.len()), ids.dim(1)?);
        let (len, limit) = (past + t, self.config.n_positions);
        if len > limit {
            let text = format!("{len} tokens are more than the model's {limit} positions");
            return Err(Error::Input(text));
        }
        let positions = self.wpe.weight.narrow(0, past, t)?;
        let x = self.wte.forward(ids)?.broadcast_add(&positions)?;
        let mut x = ops::dropout(&x, self.config.embd_pdrop, rng.as_deref_mut())?; // (B, T, C)
        each(&x);
        let how = ops::Attention::causal(self.config.n_head); // one for all blocks, which share its masks
        for (i, block) in self.h.iter().enumerate() {
            let cache = cache.as_deref_mut().and_then(|c| c.block(i));
            x = block.forward(&x, &self.config, &how, cache, rng.as_deref_mut())?;
            each(&x);
        }
        Ok(self.ln_f.forward(&x)?)
    }

    /// transformers' `hidden_states`: after the embedding, after each block but the last, and after the last norm.
    pub fn hidden_states(&self, ids: &Tensor) -> Result<Vec<Tensor>> {
        let mut states = Vec::new();
        let last = self.forward(ids, None, None, |x| states.push(x.clone()))?;
        states.pop();
        states.push(last);
        Ok(states)
    }

    /// The normalized state of every position, `(B, T, C)`. With a stream, dropout is active.
    pub fn hidden(&self, ids: &Tensor, rng: Option<&mut Stream>) -> Result<Tensor> {
        self.forward(ids, None, rng, |_| ())
    }

    /// Logits of hidden rows: `(.., C)` to `(.., V)`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(hidden, &self.wte.weight, None, Layout::OutIn)?)
    }

    /// Continues a batch with `ids (B, T)` after the tokens in the cache: the logits of the last position, `(B, V)`.
    /// For models built on detached tensors.
    pub fn continue_cached(&self, ids: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let hidden = self.forward(ids, Some(cache), None, |_| ())?;
        let last = hidden.narrow(1, hidden.dim(1)? - 1, 1)?.contiguous()?; // (B, 1, C)
        Ok(self.logits(&last)?.squeeze(1)?)
    }

    /// Summed cross-entropy in nats over the counted tokens, and their number. Position `t` predicts `ids[t + 1]`,
    /// which counts if `counts (B, T)` says so at `t + 1`; only those rows are projected to the vocabulary.
    pub fn loss(
        &self,
        ids: &[Vec<u32>],
        counts: &[Vec<bool>],
        rng: Option<&mut Stream>,
        with_grad: bool,
    ) -> Result<(Tensor, usize)> {
        batch::check_ids(ids, self.config.vocab_size)?;
        let targets = batch::targets(ids, counts).concat();
        let hidden = self.hidden(&batch::padded(ids, 0, self.device())?, rng)?;
        Ok((self.loss_at(&hidden, &targets, with_grad)?, targets.len()))
    }

    /// Cross-entropy in nats of each row of a batch, with its number of counted tokens; no gradient.
    pub fn losses(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<Vec<(f64, usize)>> {
        batch::check_ids(ids, self.config.vocab_size)?;
        let hidden = self.hidden(&batch::padded(ids, 0, self.device())?, None)?;
        if !self.device().is_cpu() {
            return self.losses_in_one_read(&hidden, &batch::targets(ids, counts));
        }
        let of_row = |targets: &Vec<(u32, u32)>| match targets.len() {
            0 => Ok((0.0, 0)),
            n => Ok((
                self.loss_at(&hidden, targets, false)?.to_scalar::<f32>()? as f64,
                n,
            )),
        };
        batch::targets(ids, counts).iter().map(of_row).collect()
    }

    /// The losses of a batch's rows, read from the device together: each read waits for it.
    fn losses_in_one_read(
        &self,
        hidden: &Tensor,
        targets: &[Vec<(u32, u32)>],
    ) -> Result<Vec<(f64, usize)>> {
        if targets.iter().all(Vec::is_empty) {
            return Ok(vec![(0.0, 0); targets.len()]); // a GPU refuses to compute nothing
        }
        let (picked, tokens) = self.picked(hidden, &targets.concat())?;
        let each = ops::vocabulary_losses(&picked, &self.wte.weight, &tokens)?;
        let mut each = each.into_iter().map(f64::from);
        let of_row = |targets: &Vec<(u32, u32)>| {
            let n = targets.len();
            (each.by_ref().take(n).sum::<f64>(), n)
        };
        Ok(targets.iter().map(of_row).collect())
    }

    /// Summed cross-entropy of the `targets`, each with the flat position `(b, t)` of the state that predicts it.
    fn loss_at(&self, hidden: &Tensor, targets: &[(u32, u32)], grad: bool) -> Result<Tensor> {
        let (picked, targets) = self.picked(hidden, targets)?;
        let wte = &self.wte.weight;
        Ok(ops::vocabulary_loss(&picked, wte, &targets, grad)?)
    }

    /// The states that predict the `targets`, (N, C), and the targets' tokens.
    fn picked(&self, hidden: &Tensor, targets: &[(u32, u32)]) -> Result<(Tensor, Vec<u32>)> {
        let (rows, targets): (Vec<u32>, Vec<u32>) = targets.iter().copied().unzip();
        let rows = Tensor::new(rows.as_slice(), hidden.device())?;
        let hidden = hidden.reshape(((), self.config.n_embd))?;
        Ok((hidden.index_select(&rows, 0)?, targets))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::DType;

    use super::*;
    use crate::generate::{SamplingParams, Task, generate, go_on};

    #[test]
    fn numbers_of_a_config_that_no_model_has_are_refused_with_their_range() {
        let json = serde_json::to_value(Config::new(50, 32, 16, 2, 2)).unwrap();
        let with = |field: &str, value: Value| {
            let mut json = json.clone();
            json[field] = value;
            serde_json::from_value::<Config>(json)
        };
        let checked = |field: &str, value: f64| with(field, json!(value)).unwrap().check();
        for (field, wrong, right, range) in [
            (
                "layer_norm_epsilon",
                [0.0, -1.0, 1e9],
                1e-12,
                "1e-20 and 0.1",
            ),
            ("resid_pdrop", [-1.0, 2.0, 1.0], 0.0, "0.0 and 0.9"),
            ("embd_pdrop", [-1.0, 2.0, 1.0], 0.9, "0.0 and 0.9"),
            ("attn_pdrop", [-1.0, 2.0, 1.0], 0.0, "0.0 and 0.9"),
            ("initializer_range", [-0.02, 1e9, 1.5], 0.02, "0.0 and 1.0"),
        ] {
            checked(field, right).unwrap();
            for value in wrong {
                let error = checked(field, value).unwrap_err().to_string();
                let said = format!("{field} is {value:?}; it must be between {range}");
                assert!(error.contains(&said), "{error}");
            }
        }
        // a whole number may be written with a point
        for field in [
            "vocab_size",
            "n_positions",
            "n_embd",
            "n_layer",
            "n_head",
            "n_inner",
        ] {
            let config = with(field, json!(4.0)).unwrap();
            assert_eq!(serde_json::to_value(config).unwrap()[field], json!(4));
            for wrong in [json!(4.5), json!(-4), json!(-4.0), json!(1e30), json!("4")] {
                assert!(with(field, wrong.clone()).is_err(), "{field} {wrong}");
            }
        }
        assert_eq!(
            with("eos_token_id", json!(7.0)).unwrap().eos_token_id,
            Some(7)
        );
        assert_eq!(
            with("eos_token_id", Value::Null).unwrap().eos_token_id,
            None
        );
        assert_eq!(with("n_inner", Value::Null).unwrap().n_inner, None);
        let mut json = json.clone();
        json.as_object_mut().unwrap().remove("n_inner");
        assert_eq!(
            serde_json::from_value::<Config>(json).unwrap().n_inner,
            None
        );
    }

    /// Half precision: logits, and generation through the cache.
    #[test]
    fn half_precision_is_near_float32() {
        let config = Config::new(50, 32, 16, 2, 2);
        let tensors = config.parameters().unwrap().init(1, &Device::Cpu).unwrap();
        let ids = Tensor::new(&[[3u32, 1, 4, 1, 5, 9]], &Device::Cpu).unwrap();
        let logits = |model: &Gpt2| {
            let hidden = model.hidden(&ids, None).unwrap();
            model.logits(&hidden).unwrap().to_dtype(DType::F32).unwrap()
        };
        let exact = logits(&Gpt2::new(&config, &tensors).unwrap());
        let size = exact.sqr().unwrap().mean_all().unwrap();
        let size = size.to_scalar::<f32>().unwrap().sqrt();
        for (dtype, tolerance) in [(DType::BF16, 0.1), (DType::F16, 0.02)] {
            let model = Gpt2::new(&config, &weights::cast(&tensors, dtype).unwrap()).unwrap();
            let gap = (logits(&model) - &exact).unwrap().abs().unwrap();
            let gap = gap.max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(gap < tolerance * size, "{dtype:?}: off by {gap} of {size}");

            let prompts = [vec![7, 8, 9], vec![10, 11]];
            let tasks: Vec<Task> = (0..)
                .zip(prompts)
                .map(|(key, prompt)| Task { key, prompt })
                .collect();
            let sampling = SamplingParams {
                max_new_tokens: 6,
                ..SamplingParams::default()
            };
            let replies = generate(&model, &tasks, 2, u32::MAX, &sampling, &mut go_on).unwrap();
            assert!(replies.iter().flatten().all(|reply| reply.ids.len() == 6));
        }
    }

    /// A batch with a row of which nothing counts.
    #[test]
    fn losses_in_one_read_equal_those_of_single_rows() {
        let config = Config::new(50, 32, 16, 2, 2);
        let tensors = config.parameters().unwrap().init(1, &Device::Cpu).unwrap();
        let model = Gpt2::new(&config, &tensors).unwrap();
        let ids: Vec<Vec<u32>> = vec![(0..9).collect(), vec![3, 4], (20..31).collect()];
        let counts: Vec<Vec<bool>> = ids
            .iter()
            .map(|row| vec![row.len() > 2; row.len()])
            .collect();
        let want = model.losses(&ids, &counts).unwrap();
        let batch = batch::padded(&ids, 0, &Device::Cpu).unwrap();
        let hidden = model.hidden(&batch, None).unwrap();
        let targets = batch::targets(&ids, &counts);
        let got = model.losses_in_one_read(&hidden, &targets).unwrap();
        assert_eq!(got.iter().map(|x| x.1).collect::<Vec<_>>(), [8, 0, 10]);
        for ((a, n), (b, m)) in got.iter().zip(&want) {
            assert!((a - b).abs() < 1e-3 && n == m, "{a} {b}");
        }
    }
}
