//! BERT for sequence classification: the two classifiers of replies.
//!
//! Devlin et al. 2019, arXiv:1810.04805. Names and numerics are those of transformers' `BertForSequenceClassification`:
//! post-norm blocks, pooler over the first token, a linear head. A plain `BertModel` checkpoint gets a fresh pooler and
//! head.

use std::collections::BTreeMap;

use candle_core::{Device, IndexOp, Tensor};
use candle_transformers::models::bert::HiddenAct;
use serde::{Deserialize, Serialize};

use crate::ops::{self, Attention, Gelu, Layout};
use crate::rng::Stream;
use crate::weights::{self, Init, Scope, Spec, Tensors};
use crate::{Error, Result};

/// `config.json` of a BERT. Fields that this crate does not use are preserved.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    /// V.
    pub vocab_size: usize,
    /// C.
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    /// H.
    pub num_attention_heads: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Maximum sequence length in tokens.
    pub max_position_embeddings: usize,
    /// Number of segment types: 2.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// `gelu` (erf), `gelu_new` or `gelu_pytorch_tanh`; relu is refused.
    #[serde(default = "act")]
    pub hidden_act: String,
    /// Dropout after embeddings and projections.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f64,
    /// Dropout of the attention probabilities.
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f64,
    /// Dropout before the head; `hidden_dropout_prob` when absent.
    #[serde(default)]
    pub classifier_dropout: Option<f64>,
    /// Standard deviation of the initial weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    /// Added to the variance in LayerNorm.
    #[serde(default = "eps")]
    pub layer_norm_eps: f64,
    /// Padding.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Everything else in the file.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

fn two() -> usize {
    2
}
fn act() -> String {
    "gelu".into()
}
fn tenth() -> f64 {
    0.1
}
fn range() -> f64 {
    0.02
}
fn eps() -> f64 {
    1e-12
}

impl Config {
    /// A configuration of the given size; the rest as in `bert-base-uncased`.
    pub fn new(vocab_size: usize, positions: usize, c: usize, layers: usize, heads: usize) -> Self {
        let rest = serde_json::json!({
            "model_type": "bert",
            "architectures": ["BertForSequenceClassification"],
        });
        Self {
            vocab_size,
            hidden_size: c,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * c,
            max_position_embeddings: positions,
            type_vocab_size: 2,
            hidden_act: act(),
            hidden_dropout_prob: tenth(),
            attention_probs_dropout_prob: tenth(),
            classifier_dropout: None,
            initializer_range: range(),
            layer_norm_eps: eps(),
            pad_token_id: 0,
            rest: rest.as_object().cloned().unwrap_or_default(),
        }
    }

    /// The published sizes: `bert-base` (110M) and `bert-large` (340M).
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "bert-base" => Some(Self::new(30522, 512, 768, 12, 12)),
            "bert-large" => Some(Self::new(30522, 512, 1024, 24, 16)),
            _ => None,
        }
    }

    /// The number of classes in the file's `id2label`; transformers' default is 2.
    pub fn labels(&self) -> usize {
        let named = self.rest.get("id2label").and_then(|v| v.as_object());
        named.map_or(2, serde_json::Map::len)
    }

    /// Names the classes, as transformers reads them.
    pub fn set_labels(&mut self, names: &[&str]) {
        let by_id: serde_json::Map<_, _> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (i.to_string(), (*n).into()))
            .collect();
        let by_name: serde_json::Map<_, _> = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.to_string(), i.into()))
            .collect();
        self.rest.insert("id2label".into(), by_id.into());
        self.rest.insert("label2id".into(), by_name.into());
        self.rest.insert(
            "architectures".into(),
            vec!["BertForSequenceClassification"].into(),
        );
    }

    /// Refuses what this file does not implement.
    ///
    /// # Errors
    /// [`Error::Config`], naming the field.
    pub fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::Config(why));
        let field = |name: &str| {
            self.rest
                .get(name)
                .and_then(|v| v.as_str())
                .map(String::from)
        };
        if let Some(kind) = field("model_type").filter(|k| k != "bert") {
            return refuse(format!("model_type is '{kind}', expected 'bert'"));
        }
        if self.num_attention_heads == 0
            || !self.hidden_size.is_multiple_of(self.num_attention_heads)
        {
            return refuse(format!(
                "hidden_size {} is not a multiple of num_attention_heads {}",
                self.hidden_size, self.num_attention_heads
            ));
        }
        weights::check_sizes(&[
            ("vocab_size", self.vocab_size, 1 << 23),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                1 << 21,
            ),
            ("hidden_size", self.hidden_size, 1 << 17),
            ("num_hidden_layers", self.num_hidden_layers, 1_000),
            ("intermediate_size", self.intermediate_size, 1 << 19),
            ("type_vocab_size", self.type_vocab_size, 1 << 10),
            ("id2label", self.labels(), 1_000),
        ])?;
        if self.pad_token_id as usize >= self.vocab_size {
            return refuse(format!(
                "pad_token_id {} is not in a vocabulary of {}",
                self.pad_token_id, self.vocab_size
            ));
        }
        if let Some(kind) = field("position_embedding_type").filter(|k| k != "absolute") {
            return refuse(format!("position_embedding_type '{kind}' is not supported"));
        }
        self.gelu().map(|_| ())
    }

    fn gelu(&self) -> Result<Gelu> {
        let act: HiddenAct = serde_json::from_value(self.hidden_act.clone().into()).or(
            match self.hidden_act.as_str() {
                "gelu_new" | "gelu_pytorch_tanh" => Ok(HiddenAct::GeluApproximate),
                other => Err(Error::Config(format!(
                    "hidden_act '{other}' is not supported"
                ))),
            },
        )?;
        match act {
            HiddenAct::Gelu => Ok(Gelu::Erf),
            HiddenAct::GeluApproximate => Ok(Gelu::Tanh),
            HiddenAct::Relu => Err(Error::Config("hidden_act 'relu' is not supported".into())),
        }
    }

    /// Every parameter of a classifier with `classes` classes.
    pub fn specs(&self, classes: usize) -> Vec<Spec> {
        let (c, f, std) = (
            self.hidden_size,
            self.intermediate_size,
            self.initializer_range,
        );
        let mut specs = Vec::new();
        let mut add = |name: &str, shape: &[usize], init| {
            let (name, shape) = (name.to_string(), shape.to_vec());
            specs.push(Spec { name, shape, init });
        };
        let matrix = Init::Normal(std);
        let emb = "bert.embeddings";
        add(
            &format!("{emb}.word_embeddings.weight"),
            &[self.vocab_size, c],
            matrix,
        );
        let positions = [self.max_position_embeddings, c];
        add(
            &format!("{emb}.position_embeddings.weight"),
            &positions,
            matrix,
        );
        add(
            &format!("{emb}.token_type_embeddings.weight"),
            &[self.type_vocab_size, c],
            matrix,
        );
        let norm = |add: &mut dyn FnMut(&str, &[usize], Init), name: &str| {
            add(&format!("{name}.LayerNorm.weight"), &[c], Init::Const(1.0));
            add(&format!("{name}.LayerNorm.bias"), &[c], Init::Const(0.0));
        };
        norm(&mut add, emb);
        for i in 0..self.num_hidden_layers {
            let block = format!("bert.encoder.layer.{i}");
            for (part, n_in, n_out) in [
                ("attention.self.query", c, c),
                ("attention.self.key", c, c),
                ("attention.self.value", c, c),
                ("attention.output.dense", c, c),
                ("intermediate.dense", c, f),
                ("output.dense", f, c),
            ] {
                add(&format!("{block}.{part}.weight"), &[n_out, n_in], matrix);
                add(&format!("{block}.{part}.bias"), &[n_out], Init::Const(0.0));
            }
            norm(&mut add, &format!("{block}.attention.output"));
            norm(&mut add, &format!("{block}.output"));
        }
        add("bert.pooler.dense.weight", &[c, c], matrix);
        add("bert.pooler.dense.bias", &[c], Init::Const(0.0));
        add("classifier.weight", &[classes, c], matrix);
        add("classifier.bias", &[classes], Init::Const(0.0));
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
            let name = weights::canonical_name(&one.name, "bert.", &["classifier.", "cls."]);
            (name, one)
        })
        .collect();
    let layers = config.num_hidden_layers;
    weights::check_layers(&listed, "bert.encoder.layer.", "num_hidden_layers", layers)?;
    let specs = config.specs(config.labels());
    weights::plan(listed, &specs, &HEADS, |name| name.starts_with("cls."))
}

/// What a checkpoint may lack: each run initializes its own.
const HEADS: [&str; 2] = ["classifier.", "bert.pooler."];

/// Turns a checkpoint's tensors into those of a classifier with `classes` classes, on `device` in float32. A missing
/// pooler or head, or a head with another number of classes, is initialized from `seed`.
///
/// # Errors
/// Names a tensor of the encoder that is missing or has the wrong shape.
pub fn load_into(
    found: Tensors,
    config: &Config,
    classes: usize,
    seed: u64,
    device: &Device,
) -> Result<(Tensors, weights::LoadReport)> {
    config.check()?;
    let mut found = weights::canonical_names(found, "bert.", &["classifier.", "cls."]);
    let layers = config.num_hidden_layers;
    weights::check_layers(&found, "bert.encoder.layer.", "num_hidden_layers", layers)?;
    // Buffers of older files, and the heads of pretraining.
    found.retain(|name, _| !name.ends_with(".position_ids") && !name.starts_with("cls."));
    weights::load_into(found, &config.specs(classes), &HEADS, seed, device)
}

/// One batch of encoded pairs; rows may differ in length.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// Token ids of each row, without padding.
    pub ids: Vec<Vec<u32>>,
    /// Segment of each token: 0 comment, 1 reply.
    pub types: Vec<Vec<u32>>,
}

/// The model. On tracked tensors it can be trained; on detached ones it builds no graph.
pub struct Bert {
    config: Config,
    gelu: Gelu,
    words: Tensor,     // (V, C)
    positions: Tensor, // (max positions, C)
    types: Tensor,     // (2, C)
    norm: Norm,
    layer: Vec<Block>,
    pooler: Linear,
    classifier: Linear,
}

struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    attention_norm: Norm,
    intermediate: Linear,
    output: Linear,
    output_norm: Norm,
}

struct Norm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl Norm {
    fn load(scope: &Scope, config: &Config) -> Result<Self> {
        let (scope, c) = (scope.pp("LayerNorm"), config.hidden_size);
        Ok(Self {
            weight: scope.get("weight", &[c])?,
            bias: scope.get("bias", &[c])?,
            eps: config.layer_norm_eps,
        })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

struct Linear {
    weight: Tensor, // (out, in)
    bias: Tensor,
}

impl Linear {
    fn load(scope: &Scope, n_in: usize, n_out: usize) -> Result<Self> {
        let (weight, bias) = (
            scope.get("weight", &[n_out, n_in])?,
            scope.get("bias", &[n_out])?,
        );
        Ok(Self { weight, bias })
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(x, &self.weight, Some(&self.bias), Layout::OutIn)
    }
}

impl Bert {
    /// Builds the model on tensors from [`load_into`] or [`weights::init`].
    ///
    /// # Errors
    /// Names a tensor that is missing or has the wrong shape.
    pub fn new(config: &Config, classes: usize, tensors: &Tensors) -> Result<Self> {
        config.check()?;
        let (c, f) = (config.hidden_size, config.intermediate_size);
        let root = Scope::root(tensors);
        let (bert, emb) = (root.pp("bert"), root.pp("bert.embeddings"));
        let block = |i: usize| -> Result<Block> {
            let scope = bert.pp("encoder.layer").pp(i);
            let attention = scope.pp("attention.self");
            Ok(Block {
                query: Linear::load(&attention.pp("query"), c, c)?,
                key: Linear::load(&attention.pp("key"), c, c)?,
                value: Linear::load(&attention.pp("value"), c, c)?,
                attention_output: Linear::load(&scope.pp("attention.output.dense"), c, c)?,
                attention_norm: Norm::load(&scope.pp("attention.output"), config)?,
                intermediate: Linear::load(&scope.pp("intermediate.dense"), c, f)?,
                output: Linear::load(&scope.pp("output.dense"), f, c)?,
                output_norm: Norm::load(&scope.pp("output"), config)?,
            })
        };
        let positions = [config.max_position_embeddings, c];
        Ok(Self {
            gelu: config.gelu()?,
            words: emb
                .pp("word_embeddings")
                .get("weight", &[config.vocab_size, c])?,
            positions: emb.pp("position_embeddings").get("weight", &positions)?,
            types: emb
                .pp("token_type_embeddings")
                .get("weight", &[config.type_vocab_size, c])?,
            norm: Norm::load(&emb, config)?,
            layer: (0..config.num_hidden_layers)
                .map(block)
                .collect::<Result<_>>()?,
            pooler: Linear::load(&bert.pp("pooler.dense"), c, c)?,
            classifier: Linear::load(&root.pp("classifier"), c, classes)?,
            config: config.clone(),
        })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn device(&self) -> &Device {
        self.words.device()
    }

    fn embed(&self, rows: &Rows, rng: Option<&mut Stream>) -> Result<Tensor> {
        let (v, limit) = (self.config.vocab_size, self.config.max_position_embeddings);
        let (b, t) = (
            rows.ids.len(),
            rows.ids.iter().map(Vec::len).max().unwrap_or(0),
        );
        if t == 0 || t > limit {
            return Err(Error::Input(format!(
                "a sequence of {t} tokens; the model takes 1 to {limit}"
            )));
        }
        if let Some(id) = rows.ids.iter().flatten().find(|id| **id as usize >= v) {
            return Err(Error::Tokenizer(format!(
                "token {id} is outside the model's vocabulary of {v}; tokenizer and model do not belong together"
            )));
        }
        let padded = |rows: &[Vec<u32>], pad: u32| -> Result<Tensor> {
            let mut flat = Vec::with_capacity(b * t);
            for row in rows {
                flat.extend_from_slice(row);
                flat.resize(flat.len() + t - row.len(), pad);
            }
            Ok(Tensor::from_vec(flat, b * t, self.device())?)
        };
        let words = self
            .words
            .index_select(&padded(&rows.ids, self.config.pad_token_id)?, 0)?;
        let types = self.types.index_select(&padded(&rows.types, 0)?, 0)?;
        let x = (words + types)?.reshape((b, t, self.config.hidden_size))?;
        let x = x.broadcast_add(&self.positions.narrow(0, 0, t)?)?; // (B, T, C)
        Ok(ops::dropout(
            &self.norm.forward(&x)?,
            self.config.hidden_dropout_prob,
            rng,
        )?)
    }

    fn attention(&self, rows: &Rows) -> Attention {
        Attention {
            heads: self.config.num_attention_heads,
            causal: false,
            lengths: rows.ids.iter().map(Vec::len).collect(),
        }
    }

    fn block(
        &self,
        block: &Block,
        x: &Tensor,
        how: &Attention,
        rng: &mut Option<&mut Stream>,
    ) -> Result<Tensor> {
        let p = self.config.hidden_dropout_prob;
        // One projection for all three: a larger matrix product, in the packed layout that attention reads.
        let weight = Tensor::cat(
            &[&block.query.weight, &block.key.weight, &block.value.weight],
            0,
        )?;
        let bias = Tensor::cat(&[&block.query.bias, &block.key.bias, &block.value.bias], 0)?;
        let qkv = ops::linear(x, &weight, Some(&bias), Layout::OutIn)?; // (B, T, 3C)
        let y = ops::attention(
            &qkv,
            how,
            self.config.attention_probs_dropout_prob,
            rng.as_deref_mut(),
        )?;
        let y = ops::dropout(&block.attention_output.forward(&y)?, p, rng.as_deref_mut())?;
        let x = block.attention_norm.forward(&(x + y)?)?;
        let y = ops::gelu(&block.intermediate.forward(&x)?, self.gelu)?; // (B, T, F)
        let y = ops::dropout(&block.output.forward(&y)?, p, rng.as_deref_mut())?;
        Ok(block.output_norm.forward(&(x + y)?)?)
    }

    /// The states after the embedding and after each block, each `(B, T, C)`: transformers' `hidden_states`. Padding
    /// positions hold no useful values.
    ///
    /// # Errors
    /// If a row is empty, too long, or has an id outside the vocabulary.
    pub fn hidden_states(&self, rows: &Rows) -> Result<Vec<Tensor>> {
        let how = self.attention(rows);
        let mut states = vec![self.embed(rows, None)?];
        for block in &self.layer {
            let next = self.block(block, &states[states.len() - 1], &how, &mut None)?;
            states.push(next);
        }
        Ok(states)
    }

    /// Logits of each row, `(B, K)`. With a stream, dropout is active.
    ///
    /// # Errors
    /// As [`Bert::hidden_states`].
    pub fn logits(&self, rows: &Rows, mut rng: Option<&mut Stream>) -> Result<Tensor> {
        let how = self.attention(rows);
        let mut x = self.embed(rows, rng.as_deref_mut())?;
        for block in &self.layer {
            x = self.block(block, &x, &how, &mut rng)?;
        }
        let first = x.i((.., 0))?.contiguous()?; // (B, C)
        let pooled = self.pooler.forward(&first)?.tanh()?;
        let p = self
            .config
            .classifier_dropout
            .unwrap_or(self.config.hidden_dropout_prob);
        Ok(self.classifier.forward(&ops::dropout(&pooled, p, rng)?)?)
    }
}
