//! GPT-2: the language model that generates replies.
//!
//! Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Names, layouts and numerics are those of
//! `openai-community/gpt2*` as transformers computes them (modeling_gpt2.py): pre-norm blocks, `(in, out)` matrices,
//! tanh GELU, tied embeddings.
//!
//! Not supported, and refused by [`Config::check`]: cross-attention, unscaled attention, and activations other than
//! `gelu_new`.

use std::collections::BTreeMap;

use candle_core::{D, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::ops::{self, Attention, Gelu, Layout};
use crate::rng::Stream;
use crate::weights::{self, Init, Scope, Spec, Tensors};
use crate::{Error, Result};

/// `config.json` of a GPT-2. Fields that this crate does not use are preserved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// V.
    pub vocab_size: usize,
    /// Maximum sequence length in tokens.
    pub n_positions: usize,
    /// C.
    pub n_embd: usize,
    pub n_layer: usize,
    /// H.
    pub n_head: usize,
    /// Width of the MLP; 4C if absent.
    #[serde(default)]
    pub n_inner: Option<usize>,
    /// Added to the variance in LayerNorm.
    #[serde(default = "eps")]
    pub layer_norm_epsilon: f64,
    /// Dropout after each projection back into the residual stream.
    #[serde(default = "tenth")]
    pub resid_pdrop: f64,
    /// Dropout of the embeddings.
    #[serde(default = "tenth")]
    pub embd_pdrop: f64,
    /// Dropout of the attention probabilities.
    #[serde(default = "tenth")]
    pub attn_pdrop: f64,
    /// Standard deviation of the initial weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    /// Token that ends a text.
    #[serde(default = "end")]
    pub eos_token_id: Option<u32>,
    /// Everything else in the file.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

fn eps() -> f64 {
    1e-5
}
fn tenth() -> f64 {
    0.1
}
fn range() -> f64 {
    0.02
}
fn end() -> Option<u32> {
    Some(50256)
}

impl Config {
    /// A configuration of the given size; the rest as in the published models.
    pub fn new(
        vocab_size: usize,
        n_positions: usize,
        c: usize,
        layers: usize,
        heads: usize,
    ) -> Self {
        let rest = serde_json::json!({
            "model_type": "gpt2",
            "architectures": ["GPT2LMHeadModel"],
            "activation_function": "gelu_new",
        });
        Self {
            vocab_size,
            n_positions,
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

    /// Refuses what this file does not implement.
    ///
    /// # Errors
    /// [`Error::Config`], naming the field.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::Config(why));
        let field = |name: &str| self.rest.get(name).cloned().unwrap_or_default();
        if let Some(kind) = field("model_type").as_str().filter(|k| *k != "gpt2") {
            return refuse(format!("model_type is '{kind}', expected 'gpt2'"));
        }
        if self.n_head == 0 || !self.n_embd.is_multiple_of(self.n_head) {
            return refuse(format!(
                "n_embd {} is not a multiple of n_head {}",
                self.n_embd, self.n_head
            ));
        }
        weights::check_sizes(&[
            ("vocab_size", self.vocab_size, 1 << 23),
            ("n_positions", self.n_positions, 1 << 21),
            ("n_embd", self.n_embd, 1 << 17),
            ("n_layer", self.n_layer, 1_000),
            ("n_inner", self.n_inner.unwrap_or(0), 1 << 19),
        ])?;
        if self.vocab_size == 0 || self.n_positions == 0 || self.n_layer == 0 {
            return refuse("vocab_size, n_positions and n_layer must be above 0".into());
        }
        if let Some(act) = field("activation_function").as_str()
            && !["gelu_new", "gelu_pytorch_tanh"].contains(&act)
        {
            return refuse(format!(
                "activation_function '{act}' is not supported, only gelu_new"
            ));
        }
        for (name, supported) in [
            ("add_cross_attention", false),
            ("scale_attn_by_inverse_layer_idx", false),
            ("scale_attn_weights", true),
            ("tie_word_embeddings", true),
        ] {
            if field(name).as_bool().is_some_and(|b| b != supported) {
                return refuse(format!("{name} = {} is not supported", !supported));
            }
        }
        Ok(())
    }

    fn inner(&self) -> usize {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }

    /// Every parameter, in the order of the computation. As in transformers, the initial projections back into the
    /// residual stream are scaled down by the square root of their number.
    pub fn specs(&self) -> Vec<Spec> {
        let (c, f, std) = (self.n_embd, self.inner(), self.initializer_range);
        let mut specs = Vec::new();
        let mut add = |name: String, shape: &[usize], init| {
            let shape = shape.to_vec();
            specs.push(Spec { name, shape, init });
        };
        add(
            "transformer.wte.weight".into(),
            &[self.vocab_size, c],
            Init::Normal(std),
        );
        add(
            "transformer.wpe.weight".into(),
            &[self.n_positions, c],
            Init::Normal(std),
        );
        let residual = Init::Normal(std / (2.0 * self.n_layer as f64).sqrt());
        for i in 0..self.n_layer {
            let name = |part: &str| format!("transformer.h.{i}.{part}");
            for ln in ["ln_1", "ln_2"] {
                add(name(&format!("{ln}.weight")), &[c], Init::Const(1.0));
                add(name(&format!("{ln}.bias")), &[c], Init::Const(0.0));
            }
            for (part, n_in, n_out, init) in [
                ("attn.c_attn", c, 3 * c, Init::Normal(std)),
                ("attn.c_proj", c, c, residual),
                ("mlp.c_fc", c, f, Init::Normal(std)),
                ("mlp.c_proj", f, c, residual),
            ] {
                add(name(&format!("{part}.weight")), &[n_in, n_out], init);
                add(name(&format!("{part}.bias")), &[n_out], Init::Const(0.0));
            }
        }
        add("transformer.ln_f.weight".into(), &[c], Init::Const(1.0));
        add("transformer.ln_f.bias".into(), &[c], Init::Const(0.0));
        specs
    }
}

/// Selects the tensors of a checkpoint that this configuration needs, before any of them is read.
///
/// # Errors
/// If the configuration needs a tensor that the files do not list.
pub fn plan(listed: Vec<weights::Listed>, config: &Config) -> Result<weights::Plan> {
    config.check()?;
    let listed: BTreeMap<String, weights::Listed> = listed
        .into_iter()
        .map(|one| {
            let name = weights::canonical_name(&one.name, "transformer.", &["lm_head."]);
            (name, one)
        })
        .collect();
    weights::check_layers(&listed, "transformer.h.", "n_layer", config.n_layer)?;
    // tied to wte; files that have it repeat it
    let tied = |name: &str| name == "lm_head.weight";
    weights::plan(listed, &config.specs(), &[], tied)
}

/// Turns a checkpoint's tensors into those of this configuration, on `device` in float32.
///
/// # Errors
/// Names a tensor that is missing or has the wrong shape.
pub fn load_into(
    found: Tensors,
    config: &Config,
    device: &Device,
) -> Result<(Tensors, weights::LoadReport)> {
    config.check()?;
    let mut found = weights::canonical_names(found, "transformer.", &["lm_head."]);
    // Tied to wte; files that have it repeat it.
    found.remove("lm_head.weight");
    weights::check_layers(&found, "transformer.h.", "n_layer", config.n_layer)?;
    // The causal mask as a buffer, in older files.
    found.retain(|name, _| !name.ends_with(".attn.bias") && !name.ends_with(".attn.masked_bias"));
    weights::load_into(found, &config.specs(), &[], 0, device)
}

/// The model. On tracked tensors it can be trained; on detached ones it builds no graph.
pub struct Gpt2 {
    config: Config,
    wte: Tensor, // (V, C)
    wpe: Tensor, // (n_positions, C)
    h: Vec<Block>,
    ln_f: Norm,
}

struct Block {
    ln_1: Norm,
    c_attn: Conv1D,
    c_proj: Conv1D,
    ln_2: Norm,
    mlp_fc: Conv1D,
    mlp_proj: Conv1D,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl Norm {
    fn load(scope: &Scope, c: usize, eps: f64) -> Result<Self> {
        let (weight, bias) = (scope.get("weight", &[c])?, scope.get("bias", &[c])?);
        Ok(Self { weight, bias, eps })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

struct Conv1D {
    weight: Tensor, // (in, out)
    bias: Tensor,
}

impl Conv1D {
    fn load(scope: &Scope, n_in: usize, n_out: usize) -> Result<Self> {
        let (weight, bias) = (
            scope.get("weight", &[n_in, n_out])?,
            scope.get("bias", &[n_out])?,
        );
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(x, &self.weight, Some(&self.bias), Layout::InOut)
    }
}

/// Keys and values of the tokens seen so far, one pair per block.
pub struct Cache {
    /// `(B, capacity, C)` each; the first `len` rows are filled.
    blocks: Vec<Option<(Tensor, Tensor)>>,
    len: usize,
}

impl Cache {
    /// Tokens seen so far.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A cache with only these rows of this one: one prompt for many candidates, or the candidates that have not ended.
    ///
    /// # Errors
    /// If a row does not exist.
    pub fn rows(&self, rows: &[u32]) -> Result<Self> {
        let pick = |(k, v): &(Tensor, Tensor)| -> Result<(Tensor, Tensor)> {
            let rows = Tensor::new(rows, k.device())?;
            Ok((k.index_select(&rows, 0)?, v.index_select(&rows, 0)?))
        };
        let blocks = self.blocks.iter().map(|b| b.as_ref().map(pick).transpose());
        Ok(Self {
            blocks: blocks.collect::<Result<_>>()?,
            len: self.len,
        })
    }

    /// Appends the keys and values of `qkv (B, T, 3C)` to those of block `i`. Capacity grows by doubling, so that a
    /// token costs only its own copy.
    fn append(&mut self, i: usize, qkv: &Tensor) -> Result<(Tensor, Tensor)> {
        let (b, t, c3) = qkv.dims3()?;
        let (c, len) = (c3 / 3, self.len + t);
        let grown = |old: Option<&Tensor>| -> Result<Tensor> {
            let room = len.max(2 * self.len);
            let new = Tensor::zeros((b, room, c), qkv.dtype(), qkv.device())?;
            if let Some(old) = old {
                new.slice_set(&old.narrow(1, 0, self.len)?.contiguous()?, 1, 0)?;
            }
            Ok(new)
        };
        let (k, v) = match self.blocks[i].take() {
            Some((k, v)) if k.dim(1)? >= len => (k, v),
            Some((k, v)) => (grown(Some(&k))?, grown(Some(&v))?),
            None => (grown(None)?, grown(None)?),
        };
        for (part, all) in [(1, &k), (2, &v)] {
            let new = qkv.narrow(D::Minus1, part * c, c)?.contiguous()?;
            all.slice_set(&new, 1, self.len)?;
        }
        self.blocks[i] = Some((k.clone(), v.clone()));
        Ok((k, v))
    }
}

impl Gpt2 {
    /// Builds the model on tensors from [`load_into`] or [`weights::init`].
    ///
    /// # Errors
    /// Names a tensor that is missing or has the wrong shape.
    pub fn new(config: &Config, tensors: &Tensors) -> Result<Self> {
        config.check()?;
        let (c, f, eps) = (config.n_embd, config.inner(), config.layer_norm_epsilon);
        let root = Scope::root(tensors).pp("transformer");
        let block = |i: usize| -> Result<Block> {
            let scope = root.pp("h").pp(i);
            let (attn, mlp) = (scope.pp("attn"), scope.pp("mlp"));
            Ok(Block {
                ln_1: Norm::load(&scope.pp("ln_1"), c, eps)?,
                c_attn: Conv1D::load(&attn.pp("c_attn"), c, 3 * c)?,
                c_proj: Conv1D::load(&attn.pp("c_proj"), c, c)?,
                ln_2: Norm::load(&scope.pp("ln_2"), c, eps)?,
                mlp_fc: Conv1D::load(&mlp.pp("c_fc"), c, f)?,
                mlp_proj: Conv1D::load(&mlp.pp("c_proj"), f, c)?,
            })
        };
        Ok(Self {
            config: config.clone(),
            wte: root.pp("wte").get("weight", &[config.vocab_size, c])?,
            wpe: root.pp("wpe").get("weight", &[config.n_positions, c])?,
            h: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            ln_f: Norm::load(&root.pp("ln_f"), c, eps)?,
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn device(&self) -> &Device {
        self.wte.device()
    }

    /// `ids (B, T)`, u32, from position `from` on: `(B, T, C)`.
    fn embed(&self, ids: &Tensor, from: usize, rng: Option<&mut Stream>) -> Result<Tensor> {
        let (b, t) = ids.dims2()?;
        if from + t > self.config.n_positions {
            return Err(Error::Input(format!(
                "{} tokens are more than the model's {} positions",
                from + t,
                self.config.n_positions
            )));
        }
        let tokens = self.wte.index_select(&ids.flatten_all()?, 0)?;
        let tokens = tokens.reshape((b, t, self.config.n_embd))?;
        let x = tokens.broadcast_add(&self.wpe.narrow(0, from, t)?)?; // (B, T, C)
        Ok(ops::dropout(&x, self.config.embd_pdrop, rng)?)
    }

    /// The residual stream after the embedding, after each block, and after the last norm: transformers'
    /// `hidden_states`, each `(B, T, C)`, the last one normalized.
    ///
    /// # Errors
    /// If the sequence is too long or an id is outside the vocabulary.
    pub fn hidden_states(&self, ids: &Tensor) -> Result<Vec<Tensor>> {
        let mut states = vec![self.embed(ids, 0, None)?];
        for block in &self.h {
            let next = self.block(block, &states[states.len() - 1], &mut None)?;
            states.push(next);
        }
        if let Some(last) = states.last_mut() {
            *last = self.ln_f.forward(last)?;
        }
        Ok(states)
    }

    /// The normalized state of every position, `(B, T, C)`. With a stream, dropout is active.
    ///
    /// # Errors
    /// As [`Gpt2::hidden_states`].
    pub fn hidden(&self, ids: &Tensor, mut rng: Option<&mut Stream>) -> Result<Tensor> {
        let mut x = self.embed(ids, 0, rng.as_deref_mut())?;
        for block in &self.h {
            x = self.block(block, &x, &mut rng)?;
        }
        Ok(self.ln_f.forward(&x)?)
    }

    fn block(&self, block: &Block, x: &Tensor, rng: &mut Option<&mut Stream>) -> Result<Tensor> {
        let how = Attention {
            heads: self.config.n_head,
            causal: true,
            lengths: vec![],
        };
        let p = self.config.resid_pdrop;
        let qkv = block.c_attn.forward(&block.ln_1.forward(x)?)?; // (B, T, 3C)
        let y = ops::attention(&qkv, &how, self.config.attn_pdrop, rng.as_deref_mut())?;
        let y = ops::dropout(&block.c_proj.forward(&y)?, p, rng.as_deref_mut())?;
        let x = (x + y)?;
        let y = block.mlp_fc.forward(&block.ln_2.forward(&x)?)?; // (B, T, 4C)
        let y = block.mlp_proj.forward(&ops::gelu(&y, Gelu::Tanh)?)?;
        Ok((x + ops::dropout(&y, p, rng.as_deref_mut())?)?)
    }

    /// Logits of hidden rows: `(.., C)` to `(.., V)`.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(hidden, &self.wte, None, Layout::OutIn)?)
    }

    /// Summed cross-entropy in nats over the counted tokens, and their number. Position `t` predicts `ids[t + 1]`,
    /// which counts if `counts (B, T)` says so at `t + 1`; only those rows are projected to the vocabulary.
    ///
    /// # Errors
    /// As [`Gpt2::hidden`].
    pub fn loss(
        &self,
        ids: &[Vec<u32>],
        counts: &[Vec<bool>],
        rng: Option<&mut Stream>,
        with_grad: bool,
    ) -> Result<(Tensor, usize)> {
        let (rows, targets) = self.counted(ids, counts)?;
        let hidden = self.hidden(&batch(ids, self.device())?, rng)?;
        let loss =
            ops::vocabulary_loss(&self.pick(&hidden, &rows)?, &self.wte, &targets, with_grad)?;
        Ok((loss, targets.len()))
    }

    /// Cross-entropy in nats of each row of a batch, with its number of counted tokens; no gradient.
    ///
    /// # Errors
    /// As [`Gpt2::loss`].
    pub fn losses(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<Vec<(f64, usize)>> {
        let hidden = self.hidden(&batch(ids, self.device())?, None)?;
        let t = hidden.dim(1)?;
        let mut losses = Vec::with_capacity(ids.len());
        for (b, (ids, counts)) in ids.iter().zip(counts).enumerate() {
            let (mut rows, targets) =
                self.counted(std::slice::from_ref(ids), std::slice::from_ref(counts))?;
            rows.iter_mut().for_each(|row| *row += (b * t) as u32);
            let loss = match targets.is_empty() {
                true => 0.0,
                false => {
                    ops::vocabulary_loss(&self.pick(&hidden, &rows)?, &self.wte, &targets, false)?
                        .to_scalar::<f32>()? as f64
                }
            };
            losses.push((loss, targets.len()));
        }
        Ok(losses)
    }

    /// Flat positions `(b, t)` of the states that predict a counted token, and those tokens.
    fn counted(&self, ids: &[Vec<u32>], counts: &[Vec<bool>]) -> Result<(Vec<u32>, Vec<u32>)> {
        let t = ids.iter().map(Vec::len).max().unwrap_or(0);
        let v = self.config.vocab_size;
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (b, (ids, counts)) in ids.iter().zip(counts).enumerate() {
            if let Some(id) = ids.iter().find(|id| **id as usize >= v) {
                return Err(Error::Tokenizer(format!(
                    "token {id} is outside the model's vocabulary of {v}; tokenizer and model do not belong together"
                )));
            }
            for i in (1..ids.len()).filter(|i| counts[*i]) {
                rows.push((b * t + i - 1) as u32);
                targets.push(ids[i]);
            }
        }
        Ok((rows, targets))
    }

    /// Rows of the flattened `(B, T, C)` states: `(N, C)`.
    fn pick(&self, hidden: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let rows = Tensor::new(rows, hidden.device())?;
        let flat = hidden.reshape(((), self.config.n_embd))?;
        Ok(flat.index_select(&rows, 0)?)
    }

    pub fn cache(&self) -> Cache {
        Cache {
            blocks: vec![None; self.h.len()],
            len: 0,
        }
    }

    /// Continues a batch with `ids (B, T)` after the tokens in the cache: the logits of the last position, `(B, V)`.
    /// For models built on detached tensors.
    ///
    /// # Errors
    /// If there are no positions left.
    pub fn continue_cached(&self, ids: &Tensor, cache: &mut Cache) -> Result<Tensor> {
        let (_, t) = ids.dims2()?;
        let how = Attention {
            heads: self.config.n_head,
            causal: true,
            lengths: vec![],
        };
        let mut x = self.embed(ids, cache.len, None)?;
        for (i, block) in self.h.iter().enumerate() {
            let qkv = block.c_attn.forward(&block.ln_1.forward(&x)?)?; // (B, T, 3C)
            let (k, v) = cache.append(i, &qkv)?;
            let y = match cache.len {
                0 => ops::attention(&qkv, &how, 0.0, None)?,
                past => ops::attention_cached(&qkv, &k, &v, how.heads, past + t)?,
            };
            x = (&x + block.c_proj.forward(&y)?)?;
            let y = block.mlp_fc.forward(&block.ln_2.forward(&x)?)?;
            x = (&x + block.mlp_proj.forward(&ops::gelu(&y, Gelu::Tanh)?)?)?;
        }
        cache.len += t;
        let last = self.ln_f.forward(&x.narrow(1, t - 1, 1)?.contiguous()?)?; // (B, 1, C)
        Ok(self.logits(&last)?.squeeze(1)?)
    }
}

/// Pads rows at their ends to the longest: `(B, T)`, u32. The padding value does not matter: no earlier token sees it,
/// and padding is never counted.
pub fn batch(rows: &[Vec<u32>], device: &Device) -> Result<Tensor> {
    let t = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut ids = Vec::with_capacity(rows.len() * t);
    for row in rows {
        ids.extend_from_slice(row);
        ids.resize(ids.len() + t - row.len(), 0);
    }
    Ok(Tensor::from_vec(ids, (rows.len(), t), device)?)
}
