//! GPT-2 for generation, as [`crate::gpt2`] defines it: prompts are read once, then every step continues some rows by
//! a token each. Whole texts are read for their losses.

use std::ops::Range;
use std::sync::Arc;

use super::attention::{Group, Kv, cached};
use super::kernels::each_row;
use super::packed::{Converted, Packed, Then};
use super::rows::Norm;
use super::team::with_team;
use super::{Precision, Table, get, linear, norm, sized, values, with_values};
use crate::gpt2::Config;
use crate::ops::{Gelu, Layout};
use crate::stop::Stop;
use crate::weights::{Scope, Tensors};
use crate::{Error, Result};

/// Rows whose logits are computed together for a loss: all of a text would be (T, V), hundreds of megabytes.
const LOGIT_ROWS: usize = 32;

/// The packed model.
pub struct Gpt2 {
    config: Config,
    precision: Precision,
    /// The vocabulary projection, (C, V): tied to the embedding.
    wte: Packed,
    /// The embedding, if `wte` has lost too many bits for it.
    lookup: Option<Table>,
    wpe: Vec<f32>, // (n_positions, C)
    h: Vec<Block>,
    ln_f: Norm,
    stop: Stop,
}

struct Block {
    ln_1: Norm,
    c_attn: Packed,
    c_proj: Packed,
    ln_2: Norm,
    mlp_fc: Packed,
    mlp_proj: Packed,
}

/// Keys and values of a sequence, one per block.
#[derive(Clone)]
pub struct Cache {
    blocks: Vec<Kv>,
    len: usize,
}

/// A row of a step: what it shares with others, and what it has of its own.
pub struct Row {
    pub prompt: Arc<Cache>,
    pub own: Cache,
}

/// Buffers of a forward pass; they grow to the largest batch and are reused.
#[derive(Default)]
pub struct Buffers {
    x: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    y: Vec<f32>,
    inner: Vec<f32>,
    logits: Vec<f32>,
    converted: Converted,
}

impl Gpt2 {
    /// Packs the tensors of a checkpoint, as [`Config::parameters`] loads them.
    ///
    /// # Errors
    /// Names a tensor that is missing or has the wrong shape.
    pub fn new(config: &Config, tensors: &Tensors, precision: Precision) -> Result<Self> {
        config.check()?;
        let (c, eps) = (config.n_embd, config.layer_norm_epsilon);
        let f = config.inner();
        let root = Scope::from(tensors).pp("transformer");
        let conv = |scope: &Scope, k, n| linear(scope, (k, n), Layout::InOut, precision);
        let block = |i: usize| -> Result<Block> {
            let scope = root.pp("h").pp(i);
            Ok(Block {
                ln_1: norm(&scope.pp("ln_1"), c, eps)?,
                c_attn: conv(&scope.pp("attn.c_attn"), c, 3 * c)?,
                c_proj: conv(&scope.pp("attn.c_proj"), c, c)?,
                ln_2: norm(&scope.pp("ln_2"), c, eps)?,
                mlp_fc: conv(&scope.pp("mlp.c_fc"), c, f)?,
                mlp_proj: conv(&scope.pp("mlp.c_proj"), f, c)?,
            })
        };
        let (v, positions) = (config.vocab_size, config.n_positions);
        let wte = get(&root.pp("wte"), "weight", &[v, c])?;
        Ok(Self {
            wte: with_values(&wte, |wte| {
                Packed::new(wte, (c, v), Layout::OutIn, &[], precision)
            })?,
            lookup: match precision {
                Precision::F32 | Precision::Bf16 => None,
                Precision::Int8 => Some(Table::new(&wte, precision)?),
            },
            wpe: values(&get(&root.pp("wpe"), "weight", &[positions, c])?)?,
            h: (0..config.n_layer).map(block).collect::<Result<_>>()?,
            ln_f: norm(&root.pp("ln_f"), c, eps)?,
            config: config.clone(),
            precision,
            stop: Stop::default(),
        })
    }

    /// Passes end with [`Error::Interrupted`] when this says so.
    pub fn set_stop(&mut self, stop: Stop) {
        self.stop = stop;
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// An empty cache for `tokens` more tokens.
    pub fn cache(&self, tokens: usize) -> Cache {
        let (heads, c) = (self.config.n_head, self.config.n_embd);
        Cache {
            blocks: vec![Kv::new(self.precision, heads, c / heads, tokens); self.h.len()],
            len: 0,
        }
    }

    /// The embedding of `token` at `position`.
    fn embed(&self, token: u32, position: usize, x: &mut [f32]) -> Result<()> {
        let (c, v) = (self.config.n_embd, self.config.vocab_size);
        if token as usize >= v {
            return Err(Error::Tokenizer(format!(
                "token {token} is outside the model's vocabulary of {v}; tokenizer and model do not belong together"
            )));
        }
        if position >= self.config.n_positions {
            return Err(Error::Input(format!(
                "{} tokens are more than the model's {} positions",
                position + 1,
                self.config.n_positions
            )));
        }
        match &self.lookup {
            None => self.wte.column(token as usize, x),
            Some(table) => {
                x.fill(0.0);
                table.add(token as usize, x);
            }
        }
        x.iter_mut()
            .zip(&self.wpe[position * c..][..c])
            .for_each(|(x, p)| *x += p);
        Ok(())
    }

    /// Reads a prompt: its keys and values, and the logits (V) of its last position.
    ///
    /// # Errors
    /// If it is empty or too long, or has a token outside the vocabulary; [`Error::Interrupted`].
    pub fn read<'a>(&self, prompt: &[u32], b: &'a mut Buffers) -> Result<(Cache, &'a [f32])> {
        with_team(|| self.read_here(prompt, b))
    }

    fn read_here<'a>(&self, prompt: &[u32], b: &'a mut Buffers) -> Result<(Cache, &'a [f32])> {
        let (c, t) = (self.config.n_embd, prompt.len());
        if t == 0 {
            return Err(Error::Input("the prompt has no tokens".to_owned()));
        }
        let mut cache = self.cache(t);
        for ((position, token), x) in (0..)
            .zip(prompt)
            .zip(sized(&mut b.x, t * c).chunks_exact_mut(c))
        {
            self.embed(*token, position, x)?;
        }
        let mut rows = t;
        for (i, block) in self.h.iter().enumerate() {
            self.stop.check()?;
            block.qkv(rows, b);
            self.stop.check()?;
            let kv = &mut cache.blocks[i];
            kv.write(0, &b.qkv[..t * 3 * c]);
            let from = match i + 1 == self.h.len() {
                // what follows needs the last row only
                true => t - 1,
                false => 0,
            };
            b.x.copy_within(from * c..t * c, 0);
            rows = t - from;
            let group = Group {
                rows: 0..rows,
                prompt: (kv, t),
                own: Vec::new(),
                from,
            };
            let y = sized(&mut b.y, rows * c);
            let heads = self.config.n_head;
            cached(&b.qkv[from * 3 * c..t * 3 * c], 3 * c, &[group], heads, y);
            block.rest(rows, b, &self.stop)?;
        }
        cache.len = t;
        Ok((cache, self.logits(0..rows, b)))
    }

    /// Continues each row by one token: the logits, V per row. Rows that share a prompt must be neighbors.
    ///
    /// # Errors
    /// If a row is at the model's last position or its cache is full, or a token is outside the vocabulary;
    /// [`Error::Interrupted`]: the rows are as before.
    pub fn step<'a>(
        &self,
        tokens: &[u32],
        rows: &mut [&mut Row],
        b: &'a mut Buffers,
    ) -> Result<&'a [f32]> {
        with_team(|| self.step_here(tokens, rows, b))
    }

    fn step_here<'a>(
        &self,
        tokens: &[u32],
        rows: &mut [&mut Row],
        b: &'a mut Buffers,
    ) -> Result<&'a [f32]> {
        let c = self.config.n_embd;
        for ((token, row), x) in tokens
            .iter()
            .zip(rows.iter())
            .zip(sized(&mut b.x, rows.len() * c).chunks_exact_mut(c))
        {
            self.embed(*token, row.prompt.len + row.own.len, x)?;
        }
        for (i, block) in self.h.iter().enumerate() {
            self.stop.check()?;
            block.qkv(rows.len(), b);
            self.stop.check()?;
            let qkv = &b.qkv[..rows.len() * 3 * c];
            each_row(rows.len(), 1, (&mut *rows, 1), |r, row| {
                let own = &mut row[0].own;
                own.blocks[i].write(own.len, &qkv[r * 3 * c..][..3 * c]);
            });
            let groups = groups(rows, i);
            let y = sized(&mut b.y, rows.len() * c);
            cached(qkv, 3 * c, &groups, self.config.n_head, y);
            block.rest(rows.len(), b, &self.stop)?;
        }
        rows.iter_mut().for_each(|row| row.own.len += 1);
        Ok(self.logits(0..rows.len(), b))
    }

    /// Cross-entropy in nats of each text, summed over its counted tokens, with their number, as
    /// [`crate::gpt2::Gpt2::losses`]: position `t` predicts `ids[t + 1]`, which counts if `counts` says so at `t + 1`.
    /// The texts lie one after another without padding, and only rows that predict a counted token are projected to
    /// the vocabulary.
    ///
    /// # Errors
    /// If a text is empty or too long, has a token outside the vocabulary, or other lengths than its counts.
    pub fn losses(
        &self,
        ids: &[Vec<u32>],
        counts: &[Vec<bool>],
        b: &mut Buffers,
    ) -> Result<Vec<(f64, usize)>> {
        with_team(|| self.losses_here(ids, counts, b))
    }

    fn losses_here(
        &self,
        ids: &[Vec<u32>],
        counts: &[Vec<bool>],
        b: &mut Buffers,
    ) -> Result<Vec<(f64, usize)>> {
        let texts = self.read_texts(ids, counts, b)?;
        // the row, the token that it predicts, and the text of both
        let mut predicted: Vec<(usize, u32, usize)> = Vec::new();
        for (text, rows) in texts.iter().enumerate() {
            let next = rows.clone().zip(&ids[text][1..]).zip(&counts[text][1..]);
            let counted = next.filter(|(_, counts)| **counts);
            predicted.extend(counted.map(|((row, id), _)| (row, *id, text)));
        }
        let (c, v) = (self.config.n_embd, self.config.vocab_size);
        for (to, (row, ..)) in predicted.iter().enumerate() {
            // rows ascend, so none is overwritten before it is copied
            b.x.copy_within(row * c..(row + 1) * c, to * c);
        }
        let mut losses = vec![(0.0, 0); ids.len()];
        let mut from = 0;
        for some in predicted.chunks(LOGIT_ROWS) {
            let logits = self.logits(from..from + some.len(), b); // (rows, V)
            from += some.len();
            let mut nlls = [0.0; LOGIT_ROWS];
            each_row(some.len(), 1, (&mut nlls, 1), |row, out| {
                out[0] = nll(&logits[row * v..][..v], some[row].1);
            });
            for ((.., text), nll) in some.iter().zip(nlls) {
                losses[*text].0 += nll;
                losses[*text].1 += 1;
            }
        }
        Ok(losses)
    }

    /// Reads texts one after another: `b.x (N, C)` before the last norm, and the rows of each text.
    fn read_texts(
        &self,
        ids: &[Vec<u32>],
        counts: &[Vec<bool>],
        b: &mut Buffers,
    ) -> Result<Vec<Range<usize>>> {
        let (c, heads) = (self.config.n_embd, self.config.n_head);
        let mut texts: Vec<Range<usize>> = Vec::with_capacity(ids.len());
        let mut n = 0;
        for (ids, counts) in ids.iter().zip(counts) {
            if ids.is_empty() || ids.len() != counts.len() {
                return Err(Error::Input(format!(
                    "a text of {} tokens, {} of them marked as counted or not",
                    ids.len(),
                    counts.len()
                )));
            }
            texts.push(n..n + ids.len());
            n += ids.len();
        }
        let mut all = sized(&mut b.x, n * c).chunks_exact_mut(c);
        for ids in ids {
            for ((position, token), x) in (0..).zip(ids).zip(&mut all) {
                self.embed(*token, position, x)?;
            }
        }
        // keys and values of each text, of one block after the other
        let mut kvs: Vec<Kv> = texts
            .iter()
            .map(|rows| Kv::new(self.precision, heads, c / heads, rows.len()))
            .collect();
        for block in &self.h {
            self.stop.check()?;
            block.qkv(n, b);
            self.stop.check()?;
            for (kv, rows) in kvs.iter_mut().zip(&texts) {
                kv.write(0, &b.qkv[rows.start * 3 * c..rows.end * 3 * c]);
            }
            let groups: Vec<Group> = kvs
                .iter()
                .zip(&texts)
                .map(|(kv, rows)| Group {
                    rows: rows.clone(),
                    prompt: (kv, rows.len()),
                    own: Vec::new(),
                    from: 0,
                })
                .collect();
            let y = sized(&mut b.y, n * c);
            cached(&b.qkv[..n * 3 * c], 3 * c, &groups, heads, y);
            block.rest(n, b, &self.stop)?;
        }
        Ok(texts)
    }

    /// Logits (rows, V) of some rows of `x`.
    fn logits<'a>(&self, rows: Range<usize>, b: &'a mut Buffers) -> &'a [f32] {
        let (c, v) = (self.config.n_embd, self.config.vocab_size);
        let normed = sized(&mut b.normed, rows.len() * c);
        self.ln_f.rows(&b.x[rows.start * c..rows.end * c], normed);
        let logits = sized(&mut b.logits, rows.len() * v);
        self.wte
            .product(normed, Then::Write, logits, &mut b.converted);
        logits
    }
}

/// -ln p(target) in nats, by a row of logits. The exponentials are f32, their sum is f64.
fn nll(logits: &[f32], target: u32) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|x| f64::from((x - most).exp())).sum();
    sum.ln() - f64::from(logits[target as usize] - most)
}

/// The rows of a step by the prompt they share, in block `i`.
fn groups<'a>(rows: &'a [&mut Row], i: usize) -> Vec<Group<'a>> {
    let mut start = 0;
    rows.chunk_by(|a, b| Arc::ptr_eq(&a.prompt, &b.prompt))
        .map(|some| {
            let group = Group {
                rows: start..start + some.len(),
                prompt: (&some[0].prompt.blocks[i], some[0].prompt.len),
                own: some
                    .iter()
                    .map(|row| (&row.own.blocks[i], row.own.len + 1))
                    .collect(),
                from: 0,
            };
            start += some.len();
            group
        })
        .collect()
}

impl Block {
    /// `qkv (rows, 3C)` of the rows in `x`.
    fn qkv(&self, rows: usize, b: &mut Buffers) {
        let c = self.c_proj.outputs();
        let normed = sized(&mut b.normed, rows * c);
        self.ln_1.rows(&b.x[..rows * c], normed);
        let qkv = sized(&mut b.qkv, rows * 3 * c);
        self.c_attn
            .product(normed, Then::Write, qkv, &mut b.converted);
    }

    /// Everything after attention, whose result is in `y`: adds to `x`.
    fn rest(&self, rows: usize, b: &mut Buffers, stop: &Stop) -> Result<()> {
        stop.check()?;
        let (c, f) = (self.c_proj.outputs(), self.mlp_fc.outputs());
        let x = &mut b.x[..rows * c];
        self.c_proj
            .product(&b.y[..rows * c], Then::Add, x, &mut b.converted);
        let normed = sized(&mut b.normed, rows * c);
        self.ln_2.rows(x, normed);
        let inner = sized(&mut b.inner, rows * f);
        stop.check()?;
        self.mlp_fc
            .product(normed, Then::Gelu(Gelu::Tanh), inner, &mut b.converted);
        stop.check()?;
        self.mlp_proj.product(inner, Then::Add, x, &mut b.converted);
        Ok(())
    }
}

impl Cache {
    /// Forgets its tokens; the memory is used again.
    pub fn clear(&mut self, tokens: usize) {
        self.blocks.iter_mut().for_each(|kv| kv.reset(tokens));
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::{Device, Tensor};

    use super::super::check::{self, assert_near, gap, rms};
    use super::*;
    use crate::rng::Stream;
    use crate::{batch, gpt2};

    fn tensors(config: &Config) -> Tensors {
        let mut stream = Stream::new(6, "biases");
        let tensors = config.parameters().unwrap().init(5, &Device::Cpu).unwrap();
        let shift = |(name, t): (String, Tensor)| {
            // biases that are not zero
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

    fn ids(config: &Config, n: usize, seed: u64) -> Vec<u32> {
        let mut stream = Stream::new(seed, "ids");
        (0..n)
            .map(|_| stream.below(config.vocab_size) as u32)
            .collect()
    }

    /// Logits (T, V) of the readable model.
    fn readable(config: &Config, tensors: &Tensors, ids: &[u32]) -> Vec<f32> {
        let model = gpt2::Gpt2::new(config, tensors).unwrap();
        let ids = batch::padded(&[ids.to_vec()], 0, &Device::Cpu).unwrap();
        let logits = model.logits(&model.hidden(&ids, None).unwrap()).unwrap();
        logits.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Logits of the positions from `prompt - 1` on: the prompt read at once, the others step by step.
    fn packed(model: &Gpt2, ids: &[u32], prompt: usize) -> Vec<f32> {
        let mut b = Buffers::default();
        let (cache, first) = model.read(&ids[..prompt], &mut b).unwrap();
        let mut logits = first.to_vec();
        let mut row = Row {
            prompt: Arc::new(cache),
            own: model.cache(ids.len() - prompt),
        };
        for token in &ids[prompt..] {
            let rows = &mut [&mut row];
            logits.extend_from_slice(model.step(&[*token], rows, &mut b).unwrap());
        }
        logits
    }

    #[test]
    fn f32_equals_the_readable_model() {
        for (c, layers, heads, inner) in
            [(16, 2, 2, None), (96, 3, 3, Some(100)), (132, 1, 4, None)]
        {
            let mut config = Config::new(301, 90, c, layers, heads);
            config.n_inner = inner;
            config.initializer_range = 0.2;
            let (tensors, ids) = (tensors(&config), ids(&config, 90, 1));
            let model = Gpt2::new(&config, &tensors, Precision::F32).unwrap();
            let want = readable(&config, &tensors, &ids);
            for prompt in [1, 2, 31, 32, 33, 64, 90] {
                let off = gap(&packed(&model, &ids, prompt), &want[(prompt - 1) * 301..]);
                assert!(off < 1e-4, "C {c}, prompt {prompt}: off by {off}");
            }
        }
    }

    /// Texts of one token and of several blocks of rows together: f32 within 1e-4 per token, and the other precisions
    /// within a few percent of their logits, which are about 2.
    #[test]
    fn losses_equal_those_of_the_readable_model() {
        let mut config = Config::new(301, 90, 96, 3, 3);
        config.initializer_range = 0.2;
        let tensors = tensors(&config);
        let texts: Vec<Vec<u32>> = [1, 2, 33, 90, 64, 7]
            .into_iter()
            .map(|n| ids(&config, n, n as u64))
            .collect();
        // as of a reply after a prompt; nothing counts in one text
        let counts: Vec<Vec<bool>> = texts
            .iter()
            .map(|text| {
                (0..text.len())
                    .map(|at| at > 4 || text.len() == 2)
                    .collect()
            })
            .collect();
        let want = gpt2::Gpt2::new(&config, &tensors)
            .unwrap()
            .losses(&texts, &counts)
            .unwrap();
        let counted: Vec<usize> = want.iter().map(|(_, n)| *n).collect();
        assert_eq!(counted, [0, 1, 28, 85, 59, 2]);
        for (precision, most) in [
            (Precision::F32, 1e-4),
            (Precision::Bf16, 0.15),
            (Precision::Int8, 0.3),
        ] {
            let model = Gpt2::new(&config, &tensors, precision).unwrap();
            let mut b = Buffers::default();
            let got = model.losses(&texts, &counts, &mut b).unwrap();
            for ((got, n), (want, m)) in got.iter().zip(&want) {
                let off = (got - want).abs() / (*m).max(1) as f64;
                assert!(
                    n == m && off < most,
                    "{precision:?}: {got} for {want} of {m}"
                );
            }
            // neither the other texts nor what the buffers held before matters
            let alone: Vec<(f64, usize)> = texts
                .iter()
                .zip(&counts)
                .map(|(text, counts)| {
                    let (text, counts) = (vec![text.clone()], vec![counts.clone()]);
                    model.losses(&text, &counts, &mut b).unwrap()[0]
                })
                .collect();
            assert!(alone == got, "{precision:?}");
        }
        let model = Gpt2::new(&config, &tensors, Precision::F32).unwrap();
        let why = |ids: Vec<u32>, counts: Vec<bool>| {
            let losses = model.losses(&[ids], &[counts], &mut Buffers::default());
            losses.err().unwrap().to_string()
        };
        assert!(why(vec![], vec![]).contains("0 tokens"));
        assert!(why(vec![1; 3], vec![true; 2]).contains("3 tokens"));
        assert!(why(vec![1; 91], vec![true; 91]).contains("90 positions"));
        assert!(why(vec![301], vec![true]).contains("vocabulary of 301"));
    }

    /// The blocks of the 124M model with 4,000 tokens: f32 within 1e-4, and what the other precisions cost.
    #[test]
    fn precisions_are_close_on_the_blocks_of_the_124m_model() {
        let mut config = Config::named("gpt2").unwrap();
        config.vocab_size = 4000;
        let (tensors, ids) = (tensors(&config), ids(&config, 24, 2));
        let want = readable(&config, &tensors, &ids);
        for (precision, most) in [
            (Precision::F32, 1e-4),
            (Precision::Bf16, 0.05),
            (Precision::Int8, 0.1),
        ] {
            let model = Gpt2::new(&config, &tensors, precision).unwrap();
            assert_near(
                precision,
                &packed(&model, &ids, 14),
                &want[13 * 4000..],
                most,
            );
        }
    }

    /// A row's logits do not depend on the batch, the order or the number of threads.
    #[test]
    fn rows_of_a_step_do_not_depend_on_each_other() {
        let mut config = Config::new(200, 80, 64, 2, 4);
        config.initializer_range = 0.2;
        let tensors = tensors(&config);
        for precision in [Precision::F32, Precision::Bf16, Precision::Int8] {
            let model = Gpt2::new(&config, &tensors, precision).unwrap();
            let texts: Vec<Vec<u32>> = (0..5).map(|n| ids(&config, 20 + 9 * n, n as u64)).collect();
            let alone: Vec<Vec<f32>> = texts
                .iter()
                .map(|text| packed(&model, text, text.len() - 2)[200..].to_vec())
                .collect();
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                let together = pool.build().unwrap().install(|| {
                    let mut b = Buffers::default();
                    let mut rows: Vec<Row> = texts
                        .iter()
                        .map(|text| {
                            let (cache, _) = model.read(&text[..text.len() - 2], &mut b).unwrap();
                            Row {
                                prompt: Arc::new(cache),
                                own: model.cache(2),
                            }
                        })
                        .collect();
                    let mut rows: Vec<&mut Row> = rows.iter_mut().collect();
                    let mut logits = vec![Vec::new(); texts.len()];
                    for back in [2, 1] {
                        let tokens: Vec<u32> = texts.iter().map(|t| t[t.len() - back]).collect();
                        let step = model.step(&tokens, &mut rows, &mut b).unwrap();
                        for (all, logits) in logits.iter_mut().zip(step.chunks(200)) {
                            all.extend_from_slice(logits);
                        }
                    }
                    logits
                });
                assert!(together == alone, "{precision:?}, {threads} threads");
            }
        }
    }

    /// Quantizes weights per column and activations per row, and nothing else.
    fn naive_int8(x: &[f32], w: &[f32], k: usize, n: usize) -> Vec<f32> {
        let steps = |values: &mut dyn Iterator<Item = f32>| {
            values.fold(0f32, |most, x| most.max(x.abs())) / 127.0
        };
        let columns: Vec<f32> = (0..n)
            .map(|c| steps(&mut (0..k).map(|i| w[i * n + c])))
            .collect();
        let q: Vec<f32> = (0..k * n)
            .map(|j| (w[j] / columns[j % n]).round())
            .collect();
        let mut y = Vec::new();
        for x in x.chunks(k) {
            let step = steps(&mut x.iter().copied());
            let mut sums = vec![0.0; n];
            for (i, x) in x.iter().enumerate() {
                let x = (x / step).round();
                sums.iter_mut()
                    .zip(&q[i * n..])
                    .for_each(|(sum, q)| *sum += x * q);
            }
            y.extend(
                sums.iter()
                    .zip(&columns)
                    .map(|(sum, column)| sum * step * column),
            );
        }
        y
    }

    fn exact(x: &[f32], w: &[f32], k: usize, n: usize) -> Vec<f32> {
        check::matmul(x, w, (x.len() / k, k, n))
    }

    /// The model once more, as plain loops around `product`: logits (T, V).
    fn slow(
        config: &Config,
        tensors: &Tensors,
        ids: &[u32],
        product: fn(&[f32], &[f32], usize, usize) -> Vec<f32>,
    ) -> Vec<f32> {
        let get = |name: &str| values(&tensors[&format!("transformer.{name}")]).unwrap();
        let (c, v, f) = (config.n_embd, config.vocab_size, 4 * config.n_embd);
        let add = |a: &mut Vec<f32>, b: &[f32]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        let linear = |x: &[f32], name: &str, k: usize, n: usize| {
            let mut y = product(x, &get(&format!("{name}.weight")), k, n);
            let bias = get(&format!("{name}.bias"));
            y.iter_mut()
                .zip(bias.iter().cycle())
                .for_each(|(y, b)| *y += b);
            y
        };
        let norm = |x: &[f32], name: &str| {
            let norm = Norm {
                weight: get(&format!("{name}.weight")),
                bias: get(&format!("{name}.bias")),
                eps: config.layer_norm_epsilon as f32,
            };
            let mut y = vec![0.0; x.len()];
            norm.rows(x, &mut y);
            y
        };
        let (wte, wpe) = (get("wte.weight"), get("wpe.weight"));
        let mut x = Vec::new();
        for (t, id) in ids.iter().enumerate() {
            let token = &wte[*id as usize * c..][..c];
            x.extend(token.iter().zip(&wpe[t * c..]).map(|(a, b)| a + b));
        }
        for i in 0..config.n_layer {
            let name = |part: &str| format!("h.{i}.{part}");
            let qkv = linear(&norm(&x, &name("ln_1")), &name("attn.c_attn"), c, 3 * c);
            let mut y = vec![0.0; x.len()];
            let (heads, d) = (config.n_head, c / config.n_head);
            for (t, y) in y.chunks_mut(c).enumerate() {
                let seen = &qkv[..(t + 1) * 3 * c];
                for h in 0..heads {
                    let q = &seen[t * 3 * c + h * d..][..d];
                    y[h * d..][..d].copy_from_slice(&check::attention(q, seen, c, h, d));
                }
            }
            add(&mut x, &linear(&y, &name("attn.c_proj"), c, c));
            let mut inner = linear(&norm(&x, &name("ln_2")), &name("mlp.c_fc"), c, f);
            for x in &mut inner {
                let cubed = *x * *x * *x;
                *x = 0.5 * *x * (1.0 + (0.797_884_6 * (*x + 0.044_715 * cubed)).tanh());
            }
            add(&mut x, &linear(&inner, &name("mlp.c_proj"), f, c));
        }
        let turned: Vec<f32> = (0..c * v).map(|j| wte[j % v * c + j / v]).collect();
        product(&norm(&x, "ln_f"), &turned, c, v)
    }

    /// Mean Kullback-Leibler divergence of the token distributions of `b` from those of `a`, in nats.
    fn divergence(a: &[f32], b: &[f32], v: usize) -> f64 {
        let log_p = |row: &[f32]| {
            let most = row.iter().copied().fold(f32::MIN, f32::max);
            let sum: f64 = row.iter().map(|x| f64::from(x - most).exp()).sum();
            row.iter()
                .map(|x| f64::from(x - most) - sum.ln())
                .collect::<Vec<f64>>()
        };
        let rows = a.chunks(v).zip(b.chunks(v));
        let one = |(a, b): (&[f32], &[f32])| {
            let (p, q) = (log_p(a), log_p(b));
            p.iter()
                .zip(&q)
                .map(|(p, q)| p.exp() * (p - q))
                .sum::<f64>()
        };
        rows.map(one).sum::<f64>() / (a.len() / v) as f64
    }

    /// Channels of the residual stream and of the values that are 50 times as large as the others at every position, as
    /// the published models have them; the weights that read them are as much smaller.
    fn planted(config: &Config) -> Tensors {
        let c = config.n_embd;
        let outlier = |channel: usize| channel % 61 == 7;
        let outliers = (0..c).filter(|i| outlier(*i)).count() as f32;
        // what LayerNorm divides by, given to its weight: the other channels keep their size
        let size = ((2500.0 * outliers + c as f32) / c as f32).sqrt();
        let change = |(name, t): (String, Tensor)| {
            let mut all = values(&t).unwrap();
            let n = t.elem_count() / t.dims()[0];
            let part = name.splitn(4, '.').last().unwrap_or_default();
            for (at, x) in all.iter_mut().enumerate() {
                let (row, column) = (at / n, at % n);
                if name.ends_with("wpe.weight") && outlier(column) {
                    *x += 50.0;
                } else if name.ends_with("wte.weight") || name.ends_with("wpe.weight") {
                    *x *= 4.0;
                } else if name.ends_with("ln_f.weight") && outlier(at) {
                    *x *= 0.02 * size;
                } else if name.contains("ln_") && name.ends_with("weight") {
                    *x *= size;
                }
                let reads = [
                    "attn.c_attn.weight",
                    "mlp.c_fc.weight",
                    "attn.c_proj.weight",
                ];
                if reads.contains(&part) && outlier(row) {
                    *x *= 0.02;
                }
                let value = match part {
                    "attn.c_attn.weight" => column,
                    "attn.c_attn.bias" => at,
                    _ => 0,
                };
                if value >= 2 * c && outlier(value - 2 * c) {
                    *x *= 50.0;
                }
            }
            (
                name,
                Tensor::from_vec(all, t.shape(), &Device::Cpu).unwrap(),
            )
        };
        tensors(config).into_iter().map(change).collect()
    }

    #[test]
    fn int8_holds_on_outlier_channels_where_the_naive_one_fails() {
        let mut config = Config::new(400, 48, 256, 4, 4);
        config.initializer_range = 0.06;
        let (tensors, ids) = (planted(&config), ids(&config, 48, 3));
        let want = slow(&config, &tensors, &ids, exact);
        assert!(gap(&readable(&config, &tensors, &ids), &want) < 1e-3);
        let naive = divergence(&want, &slow(&config, &tensors, &ids, naive_int8), 400);
        let model = Gpt2::new(&config, &tensors, Precision::Int8).unwrap();
        let ours = divergence(&want, &packed(&model, &ids, 1), 400);
        eprintln!(
            "mean KL to f32: naive int8 {naive:.4}, int8 {ours:.4}, logits {:.2}",
            rms(&want)
        );
        assert!(naive > 0.01, "{naive}");
        assert!(ours <= 0.01, "{ours}");
    }

    /// Every pass asks before each of its products, and ends at the first that is not wanted any more.
    #[test]
    fn a_pass_ends_between_two_products() {
        use std::sync::atomic::Ordering;

        let config = Config::new(30, 16, 16, 3, 2);
        let mut model = Gpt2::new(&config, &tensors(&config), Precision::F32).unwrap();
        let (whole, mut b) = (packed(&model, &[1, 2, 3, 4], 3), Buffers::default());
        // before qkv, attention, the projection, and both products of the MLP, in each of the three blocks
        let checks = 5 * 3;
        for n in 1..=checks {
            let (stop, asked) = crate::stop::at(n);
            model.set_stop(stop);
            let ended = model.read(&[1, 2, 3], &mut b).err().unwrap();
            assert!(matches!(ended, Error::Interrupted), "{ended}");
            assert_eq!(
                asked.load(Ordering::Relaxed),
                n,
                "it does nothing afterwards"
            );
            let text = model.losses(&[vec![1, 2, 3]], &[vec![true; 3]], &mut b);
            assert!(matches!(text, Err(Error::Interrupted)));
        }
        model.set_stop(Stop::default());
        let (cache, _) = model.read(&[1, 2, 3], &mut b).unwrap();
        let mut row = Row {
            prompt: Arc::new(cache),
            own: model.cache(2),
        };
        for n in 1..=checks {
            let (stop, asked) = crate::stop::at(n);
            model.set_stop(stop);
            let ended = model.step(&[4], &mut [&mut row], &mut b).err().unwrap();
            assert!(matches!(ended, Error::Interrupted), "{ended}");
            assert_eq!(asked.load(Ordering::Relaxed), n);
        }
        // a step that was interrupted leaves its rows as they were
        let (stop, asked) = crate::stop::at(checks + 1);
        model.set_stop(stop);
        let step = model.step(&[4], &mut [&mut row], &mut b).unwrap();
        assert_eq!(step, &whole[30..]);
        assert_eq!(asked.load(Ordering::Relaxed), checks);
    }

    #[test]
    fn input_that_the_model_cannot_take_is_refused() {
        let config = Config::new(30, 8, 16, 1, 2);
        let tensors = tensors(&config);
        let model = Gpt2::new(&config, &tensors, Precision::F32).unwrap();
        let mut b = Buffers::default();
        let mut why = |ids: &[u32]| model.read(ids, &mut b).err().unwrap().to_string();
        assert!(why(&[3, 30]).contains("outside the model's vocabulary of 30"));
        assert!(why(&[1; 9]).contains("8 positions"));
        assert!(why(&[]).contains("no tokens"));
        let mut lacking = tensors.clone();
        lacking.remove("transformer.h.0.mlp.c_fc.bias");
        let error = Gpt2::new(&config, &lacking, Precision::Bf16).err().unwrap();
        assert!(error.to_string().contains("transformer.h.0.mlp.c_fc.bias"));
    }
}
