//! BERT for sequence classification: the two classifiers of replies.
//!
//! Devlin et al. 2019, arXiv:1810.04805. Names and numerics are those of transformers' `BertForSequenceClassification`:
//! post-norm blocks, pooler over the first token, a linear head. A plain `BertModel` checkpoint gets a fresh pooler and
//! head. Errors name what does not match, as in [`crate::gpt2`].

use candle_core::{Device, IndexOp, Tensor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::layers::{Embedding, LayerNorm, Linear};
use crate::ops::{self, Attention, Gelu, Layout};
use crate::rng::Stream;
use crate::weights::{self, Names, Parameters, Scope, range, tenth, whole};
use crate::{Error, Result, batch};

pub use crate::batch::Rows;

/// `config.json`, with the names of transformers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Config {
    #[serde(deserialize_with = "whole")]
    pub vocab_size: usize, // V
    #[serde(deserialize_with = "whole")]
    pub hidden_size: usize, // C
    #[serde(deserialize_with = "whole")]
    pub num_hidden_layers: usize,
    #[serde(deserialize_with = "whole")]
    pub num_attention_heads: usize, // H
    #[serde(deserialize_with = "whole")]
    pub intermediate_size: usize,
    #[serde(deserialize_with = "whole")]
    pub max_position_embeddings: usize, // the largest T
    #[serde(default = "two", deserialize_with = "whole")]
    pub type_vocab_size: usize,
    /// `gelu` (erf), `gelu_new` or `gelu_pytorch_tanh`.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Dropout after embeddings and projections.
    #[serde(default = "tenth")]
    pub hidden_dropout_prob: f64,
    #[serde(default = "tenth")]
    pub attention_probs_dropout_prob: f64,
    /// Dropout before the head; `hidden_dropout_prob` if absent.
    pub classifier_dropout: Option<f64>,
    /// Standard deviation of the initial weights.
    #[serde(default = "range")]
    pub initializer_range: f64,
    #[serde(default = "eps")]
    pub layer_norm_eps: f64,
    #[serde(default, deserialize_with = "whole")]
    pub pad_token_id: u32,
    /// Everything else in the file.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn two() -> usize {
    2
}
fn gelu() -> String {
    "gelu".into()
}
fn eps() -> f64 {
    1e-12
}

impl Config {
    /// A configuration of the given size; the rest as in `bert-base-uncased`.
    pub fn new(vocab_size: usize, positions: usize, c: usize, layers: usize, heads: usize) -> Self {
        let rest =
            json!({"model_type": "bert", "architectures": ["BertForSequenceClassification"]});
        Self {
            vocab_size,
            hidden_size: c,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * c,
            max_position_embeddings: positions,
            type_vocab_size: two(),
            hidden_act: gelu(),
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
        named.map_or(2, Map::len)
    }

    /// Names the classes, as transformers reads them.
    pub fn set_labels(&mut self, names: &[&str]) {
        let (mut id2label, mut label2id) = (Map::new(), Map::new());
        for (i, name) in names.iter().enumerate() {
            id2label.insert(i.to_string(), json!(name));
            label2id.insert(name.to_string(), json!(i));
        }
        self.rest.insert("id2label".into(), id2label.into());
        self.rest.insert("label2id".into(), label2id.into());
        let architectures = json!(["BertForSequenceClassification"]);
        self.rest.insert("architectures".into(), architectures);
    }

    /// Refuses what this file does not implement, and numbers that no model has.
    pub fn check(&self) -> Result<()> {
        let (c, heads, v) = (self.hidden_size, self.num_attention_heads, self.vocab_size);
        let (positions, pad) = (self.max_position_embeddings, self.pad_token_id as usize);
        weights::check_field(&self.rest, "model_type", &["bert"])?;
        weights::check_field(&self.rest, "position_embedding_type", &["absolute"])?;
        weights::check_heads(("hidden_size", c), ("num_attention_heads", heads))?;
        let head = self.classifier_dropout.unwrap_or(self.hidden_dropout_prob);
        weights::check_dropouts(&[
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
            ("classifier_dropout", head),
        ])?;
        weights::check_epsilon("layer_norm_eps", self.layer_norm_eps)?;
        weights::check_spread("initializer_range", self.initializer_range)?;
        weights::check_ranges(&[
            ("vocab_size", v, 1..=1 << 23),
            ("max_position_embeddings", positions, 1..=1 << 21),
            ("hidden_size", c, 1..=1 << 17),
            ("num_hidden_layers", self.num_hidden_layers, 0..=1_000),
            ("intermediate_size", self.intermediate_size, 1..=1 << 19),
            ("type_vocab_size", self.type_vocab_size, 1..=1 << 10),
            ("pad_token_id", pad, 0..=v.saturating_sub(1)),
            ("id2label", self.labels(), 0..=1_000),
        ])?;
        self.gelu().map(|_| ())
    }

    pub(crate) fn gelu(&self) -> Result<Gelu> {
        self.hidden_act.parse().map_err(Error::Config)
    }

    /// Every parameter of a classifier with `classes` classes, in the order of the computation. A missing pooler or
    /// head, or a head with another number of classes, is initialized.
    pub fn parameters(&self, classes: usize) -> Result<Parameters> {
        let names = Names {
            prefix: "bert.",
            blocks: "bert.encoder.layer.",
            layers: ("num_hidden_layers", self.num_hidden_layers),
            heads: &["classifier.", "bert.pooler."],
            // the heads of pretraining
            ignored: &["cls."],
        };
        Parameters::record(names, |p| Bert::new(self, classes, p))
    }
}

/// The model. On tracked tensors it can be trained; on detached ones it builds no graph.
pub struct Bert {
    pub config: Config,
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    layer_norm: LayerNorm, // of the embeddings
    layer: Vec<Layer>,
    pooler: Linear,
    classifier: Linear,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Output,
    intermediate: Linear,
    output: Output,
}

/// The end of attention and of the MLP.
struct Output {
    dense: Linear,
    layer_norm: LayerNorm,
}

impl Output {
    fn forward(&self, y: &Tensor, x: &Tensor, p: f64, rng: Option<&mut Stream>) -> Result<Tensor> {
        let y = ops::dropout(&self.dense.forward(y)?, p, rng)?; // (B, T, C)
        Ok(self.layer_norm.forward(&(x + y)?)?)
    }
}

impl Layer {
    /// `x (B, T, C)` to the same.
    fn forward(
        &self,
        x: &Tensor,
        config: &Config,
        how: &Attention,
        mut rng: Option<&mut Stream>,
    ) -> Result<Tensor> {
        let p = config.hidden_dropout_prob;
        // One projection for all three, in the packed layout that attention reads.
        let packed = Linear::packed([&self.query, &self.key, &self.value])?;
        let qkv = packed.forward(x)?; // (B, T, 3C)
        let p_attention = config.attention_probs_dropout_prob;
        let y = ops::attention(&qkv, how, p_attention, rng.as_deref_mut())?;
        let attention = &self.attention_output;
        let x = attention.forward(&y, x, p, rng.as_deref_mut())?;
        let y = ops::gelu(&self.intermediate.forward(&x)?, config.gelu()?)?; // (B, T, F)
        self.output.forward(&y, &x, p, rng)
    }
}

impl Bert {
    /// Builds the model on tensors that [`Parameters`] loaded or initialized.
    pub fn new<'a>(config: &Config, classes: usize, p: impl Into<Scope<'a>>) -> Result<Self> {
        config.check()?;
        let (root, c, std) = (p.into(), config.hidden_size, config.initializer_range);
        let (bert, emb) = (root.pp("bert"), root.pp("bert.embeddings"));
        let table = |name, n| Embedding::new(&emb.pp(name), n, c, std);
        let norm = |p: &Scope| LayerNorm::new(&p.pp("LayerNorm"), c, config.layer_norm_eps);
        let linear = |p: &Scope, name, sizes| Linear::new(&p.pp(name), sizes, Layout::OutIn, std);
        let output = |p: Scope, n_in| -> Result<Output> {
            let (dense, layer_norm) = (linear(&p, "dense", (n_in, c))?, norm(&p)?);
            Ok(Output { dense, layer_norm })
        };
        let layer = |i| -> Result<Layer> {
            let p = bert.pp("encoder.layer").pp(i);
            Ok(Layer {
                query: linear(&p, "attention.self.query", (c, c))?,
                key: linear(&p, "attention.self.key", (c, c))?,
                value: linear(&p, "attention.self.value", (c, c))?,
                attention_output: output(p.pp("attention.output"), c)?,
                intermediate: linear(&p, "intermediate.dense", (c, config.intermediate_size))?,
                output: output(p.pp("output"), config.intermediate_size)?,
            })
        };
        let layers = (0..config.num_hidden_layers).map(layer);
        Ok(Self {
            word_embeddings: table("word_embeddings", config.vocab_size)?,
            position_embeddings: table("position_embeddings", config.max_position_embeddings)?,
            token_type_embeddings: table("token_type_embeddings", config.type_vocab_size)?,
            layer_norm: norm(&emb)?,
            layer: layers.collect::<Result<_>>()?,
            pooler: linear(&bert, "pooler.dense", (c, c))?,
            classifier: linear(&root, "classifier", (c, classes))?,
            config: config.clone(),
        })
    }

    pub fn device(&self) -> &Device {
        self.word_embeddings.weight.device()
    }

    /// The states of every position after the last block, `(B, T, C)`. With a stream, dropout is active. `each` gets
    /// those after the embedding and after each block.
    fn forward(
        &self,
        rows: &Rows,
        mut rng: Option<&mut Stream>,
        mut each: impl FnMut(&Tensor),
    ) -> Result<Tensor> {
        let config = &self.config;
        let lengths = rows.ids.iter().map(Vec::len).collect();
        let how = Attention::padded(config.num_attention_heads, lengths); // one for all layers, which share its masks
        let t = how.lengths.iter().copied().max().unwrap_or(0);
        let limit = config.max_position_embeddings;
        if t == 0 || t > limit {
            let text = format!("a sequence of {t} tokens; the model takes 1 to {limit}");
            return Err(Error::Input(text));
        }
        batch::check_ids(&rows.ids, config.vocab_size)?;
        let ids = batch::padded(&rows.ids, config.pad_token_id, self.device())?;
        let words = self.word_embeddings.forward(&ids)?;
        let types = batch::padded(&rows.types, 0, self.device())?;
        let types = self.token_type_embeddings.forward(&types)?;
        let positions = self.position_embeddings.weight.narrow(0, 0, t)?;
        let x = (words + types)?.broadcast_add(&positions)?;
        let x = self.layer_norm.forward(&x)?;
        let mut x = ops::dropout(&x, config.hidden_dropout_prob, rng.as_deref_mut())?; // (B, T, C)
        each(&x);
        for layer in &self.layer {
            x = layer.forward(&x, config, &how, rng.as_deref_mut())?;
            each(&x);
        }
        Ok(x)
    }

    /// transformers' `hidden_states`: after the embedding and after each block, each `(B, T, C)`. Padding positions hold
    /// no useful values.
    pub fn hidden_states(&self, rows: &Rows) -> Result<Vec<Tensor>> {
        let mut states = Vec::new();
        self.forward(rows, None, |x| states.push(x.clone()))?;
        Ok(states)
    }

    /// Logits of each row, `(B, K)`. With a stream, dropout is active.
    pub fn logits(&self, rows: &Rows, mut rng: Option<&mut Stream>) -> Result<Tensor> {
        let x = self.forward(rows, rng.as_deref_mut(), |_| ())?;
        let first = x.i((.., 0))?.contiguous()?; // (B, C)
        let pooled = self.pooler.forward(&first)?.tanh()?;
        let p = self.config.classifier_dropout;
        let p = p.unwrap_or(self.config.hidden_dropout_prob);
        Ok(self.classifier.forward(&ops::dropout(&pooled, p, rng)?)?)
    }
}
