//! BERT for scoring, as [`crate::bert`] defines it: pairs lie one after another without padding, attention stays inside
//! each pair, and the last layer computes only the rows that are read.

use std::sync::{Mutex, PoisonError};

use super::attention::within;
use super::packed::{Converted, Packed, Then};
use super::rows::Norm;
use super::team::with_team;
use super::{Precision, Table, get, linear, norm, sized, values};
use crate::bert::{Config, Rows};
use crate::ops::{Gelu, Layout};
use crate::stop::Stop;
use crate::weights::{Scope, Tensors};
use crate::{Error, Result};

/// The packed model.
pub struct Bert {
    config: Config,
    precision: Precision,
    gelu: Gelu,
    words: Table, // (V, C)
    positions: Vec<f32>,
    types: Vec<f32>,
    norm: Norm,
    layer: Vec<Block>,
    pooler: Packed,
    classifier: Packed,
    buffers: Mutex<Buffers>,
    stop: Stop,
}

struct Block {
    /// Query, key and value in one product.
    qkv: Packed,
    attention_output: Packed,
    attention_norm: Norm,
    intermediate: Packed,
    output: Packed,
    output_norm: Norm,
}

/// Buffers of a forward pass; they grow to the largest batch and are reused.
#[derive(Default)]
struct Buffers {
    x: Vec<f32>,
    spare: Vec<f32>,
    qkv: Vec<f32>,
    y: Vec<f32>,
    inner: Vec<f32>,
    converted: Converted,
}

impl Bert {
    /// Packs the tensors of a checkpoint, as [`Config::parameters`] loads them.
    ///
    /// # Errors
    /// Names a tensor that is missing or has the wrong shape.
    pub fn new(
        config: &Config,
        classes: usize,
        tensors: &Tensors,
        precision: Precision,
    ) -> Result<Self> {
        config.check()?;
        let (c, f, eps) = (
            config.hidden_size,
            config.intermediate_size,
            config.layer_norm_eps,
        );
        let root = Scope::from(tensors);
        let (bert, embeddings) = (root.pp("bert"), root.pp("bert.embeddings"));
        let dense = |scope: &Scope, k, n| linear(scope, (k, n), Layout::OutIn, precision);
        let layer_norm = |scope: &Scope| norm(&scope.pp("LayerNorm"), c, eps);
        let block = |i: usize| -> Result<Block> {
            let scope = bert.pp("encoder.layer").pp(i);
            let (mut weight, mut bias) = (Vec::new(), Vec::new());
            for part in ["query", "key", "value"] {
                let part = scope.pp("attention.self").pp(part);
                weight.extend(values(&get(&part, "weight", &[c, c])?)?);
                bias.extend(values(&get(&part, "bias", &[c])?)?);
            }
            Ok(Block {
                qkv: Packed::new(&weight, (c, 3 * c), Layout::OutIn, &bias, precision),
                attention_output: dense(&scope.pp("attention.output.dense"), c, c)?,
                attention_norm: layer_norm(&scope.pp("attention.output"))?,
                intermediate: dense(&scope.pp("intermediate.dense"), c, f)?,
                output: dense(&scope.pp("output.dense"), f, c)?,
                output_norm: layer_norm(&scope.pp("output"))?,
            })
        };
        let table = |name: &str, rows: usize| get(&embeddings.pp(name), "weight", &[rows, c]);
        let (longest, types) = (config.max_position_embeddings, config.type_vocab_size);
        let f32 = Precision::F32;
        Ok(Self {
            precision,
            gelu: config.gelu()?,
            words: Table::new(&table("word_embeddings", config.vocab_size)?, precision)?,
            positions: values(&table("position_embeddings", longest)?)?,
            types: values(&table("token_type_embeddings", types)?)?,
            norm: layer_norm(&embeddings)?,
            layer: (0..config.num_hidden_layers)
                .map(block)
                .collect::<Result<_>>()?,
            pooler: linear(&bert.pp("pooler.dense"), (c, c), Layout::OutIn, f32)?,
            classifier: linear(&root.pp("classifier"), (c, classes), Layout::OutIn, f32)?,
            config: config.clone(),
            buffers: Mutex::default(),
            stop: Stop::default(),
        })
    }

    /// Passes end with [`Error::Interrupted`] when this says so. Frees the buffers of earlier passes.
    pub fn set_stop(&mut self, stop: Stop) {
        self.stop = stop;
        self.buffers = Mutex::default();
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    pub fn classes(&self) -> usize {
        self.classifier.outputs()
    }

    /// Logits of each pair, (B, K) row by row.
    ///
    /// # Errors
    /// If a pair is empty, too long, or has an id outside the vocabulary; [`Error::Interrupted`].
    pub fn logits(&self, rows: &Rows) -> Result<Vec<f32>> {
        // nothing in them outlasts a call, so those of a call that panicked are as good
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let b = &mut *buffers;
        with_team(|| self.logits_here(rows, b))
    }

    fn logits_here(&self, rows: &Rows, b: &mut Buffers) -> Result<Vec<f32>> {
        let mut starts = vec![0];
        for ids in &rows.ids {
            starts.push(starts[starts.len() - 1] + ids.len());
        }
        self.embed(rows, starts[starts.len() - 1], b)?;
        if self.layer.is_empty() {
            self.firsts(&starts, b);
        }
        for (i, block) in self.layer.iter().enumerate() {
            self.block(block, &starts, i + 1 == self.layer.len(), b)?;
        }
        let c = self.config.hidden_size;
        let pooled = sized(&mut b.y, rows.ids.len() * c);
        let firsts = &b.x[..rows.ids.len() * c];
        self.pooler
            .product(firsts, Then::Write, pooled, &mut b.converted);
        pooled.iter_mut().for_each(|x| *x = x.tanh());
        let mut logits = vec![0.0; rows.ids.len() * self.classes()];
        self.classifier
            .product(pooled, Then::Write, &mut logits, &mut b.converted);
        Ok(logits)
    }

    /// `x (N, C)` of all tokens.
    fn embed(&self, rows: &Rows, tokens: usize, b: &mut Buffers) -> Result<()> {
        let (c, v) = (self.config.hidden_size, self.config.vocab_size);
        let (limit, kinds) = (
            self.config.max_position_embeddings,
            self.config.type_vocab_size,
        );
        let mut all = sized(&mut b.x, tokens * c).chunks_exact_mut(c);
        for (ids, types) in rows.ids.iter().zip(&rows.types) {
            if ids.is_empty() || ids.len() > limit || types.len() != ids.len() {
                return Err(Error::Input(format!(
                    "a sequence of {} tokens with {} types; the model takes 1 to {limit}",
                    ids.len(),
                    types.len()
                )));
            }
            for (at, (&id, &kind)) in ids.iter().zip(types).enumerate() {
                if id as usize >= v || kind as usize >= kinds {
                    return Err(Error::Tokenizer(format!(
                        "token {id} of type {kind} is outside the model's vocabulary of {v} and {kinds} types; \
                         tokenizer and model do not belong together"
                    )));
                }
                let Some(x) = all.next() else { break };
                let position = &self.positions[at * c..][..c];
                let kind = &self.types[kind as usize * c..][..c];
                for ((x, position), kind) in x.iter_mut().zip(position).zip(kind) {
                    *x = position + kind;
                }
                self.words.add(id as usize, x);
            }
        }
        let x = &mut b.x[..tokens * c];
        self.norm.rows_in_place(x, &mut b.spare);
        Ok(())
    }

    /// Keeps the first row of each pair.
    fn firsts(&self, starts: &[usize], b: &mut Buffers) {
        let c = self.config.hidden_size;
        for (i, start) in starts[..starts.len() - 1].iter().enumerate() {
            b.x.copy_within(start * c..(start + 1) * c, i * c);
        }
    }

    /// One layer; the last one only for the first row of each pair.
    fn block(&self, block: &Block, starts: &[usize], last: bool, b: &mut Buffers) -> Result<()> {
        self.stop.check()?;
        let (c, f) = (self.config.hidden_size, self.config.intermediate_size);
        let (tokens, pairs) = (starts[starts.len() - 1], starts.len() - 1);
        let qkv = sized(&mut b.qkv, tokens * 3 * c);
        block
            .qkv
            .product(&b.x[..tokens * c], Then::Write, qkv, &mut b.converted);
        let rows = if last { pairs } else { tokens };
        let y = sized(&mut b.y, rows * c);
        self.stop.check()?;
        within(
            self.precision,
            qkv,
            starts,
            self.config.num_attention_heads,
            last,
            y,
        );
        if last {
            self.firsts(starts, b);
        }
        self.stop.check()?;
        let x = &mut b.x[..rows * c];
        block
            .attention_output
            .product(&b.y[..rows * c], Then::Add, x, &mut b.converted);
        block.attention_norm.rows_in_place(x, &mut b.spare);
        let inner = sized(&mut b.inner, rows * f);
        self.stop.check()?;
        block
            .intermediate
            .product(x, Then::Gelu(self.gelu), inner, &mut b.converted);
        self.stop.check()?;
        block.output.product(inner, Then::Add, x, &mut b.converted);
        block.output_norm.rows_in_place(x, &mut b.spare);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::{Device, Tensor};

    use super::super::check::{assert_near, gap};
    use super::*;
    use crate::bert;
    use crate::rng::Stream;

    fn tensors(config: &Config, classes: usize) -> Tensors {
        let mut stream = Stream::new(6, "biases");
        let tensors = config
            .parameters(classes)
            .unwrap()
            .init(5, &Device::Cpu)
            .unwrap();
        let shift = |(name, t): (String, Tensor)| {
            let n = t.elem_count();
            let noise: Vec<f32> = (0..n).map(|_| 0.1 * stream.next_normal() as f32).collect();
            let t = match name.ends_with("bias") {
                true => (&t + Tensor::from_vec(noise, t.shape(), &Device::Cpu).unwrap()).unwrap(),
                false => t,
            };
            (name, t)
        };
        tensors.into_iter().map(shift).collect()
    }

    /// Pairs of these lengths.
    fn pairs(config: &Config, lengths: &[usize]) -> Rows {
        let mut stream = Stream::new(3, "pairs");
        let mut ids = |n: &usize| {
            (0..*n)
                .map(|_| stream.below(config.vocab_size) as u32)
                .collect()
        };
        Rows {
            ids: lengths.iter().map(&mut ids).collect(),
            types: lengths
                .iter()
                .map(|n| (0..*n).map(|t| u32::from(t > n / 3)).collect())
                .collect(),
        }
    }

    fn readable(config: &Config, classes: usize, tensors: &Tensors, rows: &Rows) -> Vec<f32> {
        let model = bert::Bert::new(config, classes, tensors).unwrap();
        let logits = model.logits(rows, None).unwrap();
        logits.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn f32_equals_the_readable_model() {
        for (c, layers, heads, act) in [
            (16, 1, 2, "gelu"),
            (96, 3, 3, "gelu_new"),
            (132, 2, 4, "gelu"),
        ] {
            let mut config = Config::new(301, 90, c, layers, heads);
            (config.hidden_act, config.initializer_range) = (act.to_owned(), 0.2);
            let tensors = tensors(&config, 4);
            let rows = pairs(&config, &[7, 90, 1, 33, 64]);
            let model = Bert::new(&config, 4, &tensors, Precision::F32).unwrap();
            let got = model.logits(&rows).unwrap();
            let off = gap(&got, &readable(&config, 4, &tensors, &rows));
            assert!(off < 1e-4, "C {c}: off by {off}");
            let none = model.logits(&Rows::default());
            assert_eq!(none.unwrap(), Vec::<f32>::new());
        }
    }

    /// The layers of BERT-base: f32 within 1e-4, and what the other precisions cost.
    #[test]
    fn precisions_are_close_on_the_layers_of_bert_base() {
        let mut config = Config::named("bert-base").unwrap();
        config.vocab_size = 3000;
        let tensors = tensors(&config, 2);
        let rows = pairs(&config, &[9, 40, 22]);
        let want = readable(&config, 2, &tensors, &rows);
        for (precision, most) in [
            (Precision::F32, 1e-4),
            (Precision::Bf16, 0.05),
            (Precision::Int8, 0.1),
        ] {
            let model = Bert::new(&config, 2, &tensors, precision).unwrap();
            let got = model.logits(&rows).unwrap();
            assert_near(precision, &got, &want, most);
        }
    }

    #[test]
    fn pairs_do_not_depend_on_the_batch() {
        let mut config = Config::new(200, 80, 64, 2, 4);
        config.initializer_range = 0.2;
        let tensors = tensors(&config, 2);
        let rows = pairs(&config, &[30, 80, 5, 41]);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let model = Bert::new(&config, 2, &tensors, precision).unwrap();
            let all = model.logits(&rows).unwrap();
            for i in 0..rows.ids.len() {
                let one = Rows {
                    ids: vec![rows.ids[i].clone()],
                    types: vec![rows.types[i].clone()],
                };
                assert_eq!(model.logits(&one).unwrap(), all[2 * i..][..2]);
            }
        }
    }

    #[test]
    fn a_pass_ends_between_two_products() {
        use std::sync::atomic::Ordering;

        let config = Config::new(30, 8, 16, 3, 2);
        let mut model = Bert::new(&config, 2, &tensors(&config, 2), Precision::F32).unwrap();
        let rows = pairs(&config, &[3, 8]);
        let whole = model.logits(&rows).unwrap();
        // before qkv, attention, its output, and both products after it, in each of the three layers
        let checks = 5 * 3;
        for n in 1..=checks {
            let (stop, asked) = crate::stop::at(n);
            model.set_stop(stop);
            let ended = model.logits(&rows).err().unwrap();
            assert!(matches!(ended, Error::Interrupted), "{ended}");
            assert_eq!(
                asked.load(Ordering::Relaxed),
                n,
                "it does nothing afterwards"
            );
        }
        let (stop, asked) = crate::stop::at(checks + 1);
        model.set_stop(stop);
        assert_eq!(model.logits(&rows).unwrap(), whole);
        assert_eq!(asked.load(Ordering::Relaxed), checks);
    }

    #[test]
    fn input_that_the_model_cannot_take_is_refused() {
        let config = Config::new(30, 8, 16, 1, 2);
        let model = Bert::new(&config, 2, &tensors(&config, 2), Precision::F32).unwrap();
        let why = |ids: &[u32], kind: u32| {
            let rows = Rows {
                ids: vec![ids.to_vec()],
                types: vec![vec![kind; ids.len()]],
            };
            let refused = model.logits(&rows);
            refused.err().unwrap().to_string()
        };
        assert!(why(&[3, 30], 0).contains("outside the model's vocabulary of 30"));
        assert!(why(&[3], 2).contains("2 types"));
        assert!(why(&[1; 9], 0).contains("takes 1 to 8"));
        assert!(why(&[], 0).contains("0 tokens"));
    }
}
