//! What the steps of the pipeline take: estimates before anything is made. Pairs are counted, or guessed from the number
//! of comments; lengths are those of a sample of pairs.

use repartee_core::error::Result;
use repartee_models::cost;
use repartee_store::Store;
use repartee_store::pairs::PairQuery;
use repartee_terms::BaseKind;

use super::work::Work;
use crate::bases::base::ModelConfig;
use crate::evaluation::evaluate::Evaluate;
use crate::generation::fakes::MakeFakes;
use crate::training::prepare::{self, Lengths};
use crate::training::run_config::{ModelKind, RunConfig};
use crate::training::trainee::{classifier_size, generator_size};

/// Pairs whose lengths are taken.
const SAMPLE: usize = 1_000;
/// Of English text, by the tokenizers of GPT-2 (about 4) and of small vocabularies (about 3).
const CHARS_PER_TOKEN: f64 = 3.5;
/// Length of a text in tokens as long as there are no pairs.
const TOKENS: f64 = 40.0;
/// What the template adds to a pair.
const EXTRA_TOKENS: f64 = 4.0;
/// Pairs to a comment as long as the pairs are not built.
pub(super) const PAIRS_PER_COMMENT: f64 = 0.5;
/// Seconds per comment or pair of a step that reads all of them: joining and indexing take 11 microseconds (README.md),
/// comparing texts more.
const ROW_S: f64 = 3e-5;
/// Seconds that a step takes in any case: loading a model, training a tokenizer.
const LEAST_S: f64 = 2.0;
/// Time of a generated token in that of a trained one: GPT-2 124M in f32 on two cores with AVX-512, 186 tokens/s by
/// `repartee bench train`, and 455 by `repartee bench generate`, in turn.
const GENERATED: f64 = 186.0 / 455.0;
/// Share of a forward pass in a training step.
const FORWARD: f64 = 1.0 / 3.0;
/// Bytes of a key or value, in bf16.
const CACHED: usize = 2;
/// Rows of logits that are in memory at once, as in [`cost::peak_bytes`].
const LOGITS: usize = 128;

/// A base, as far as the cost of what is made with it depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub parameters: usize,
    pub shape: cost::Shape,
    /// Maximum input length in tokens.
    pub positions: usize,
}

impl Model {
    pub fn of(config: &ModelConfig) -> Result<Self> {
        let ((parameters, shape), positions) = match config {
            ModelConfig::Gpt2(c) => (generator_size(c)?, c.n_positions),
            ModelConfig::Bert(c) => (classifier_size(c, 2)?, c.max_position_embeddings),
        };
        Ok(Self {
            parameters,
            shape,
            positions,
        })
    }
}

/// What is known of the data.
#[derive(Debug, Clone)]
pub(super) struct Data {
    /// Comments in the project.
    pub comments: f64,
    /// Pairs of the training, validation and test set.
    pub pairs: [usize; 3],
    /// Lengths of comment and reply in tokens, of a sample.
    texts: Vec<[f64; 2]>,
    /// Floating-point operations per second of this machine.
    flops: f64,
}

impl Data {
    pub fn read(store: &Store, comments: f64) -> Result<Self> {
        let wanted = PairQuery {
            excluded: Some(false),
            ..PairQuery::default()
        };
        let tokens = |text: &str| text.chars().count() as f64 / CHARS_PER_TOKEN + 1.0;
        let sample = store.pairs(&wanted, None, SAMPLE)?.into_iter();
        let mut texts: Vec<[f64; 2]> = sample
            .map(|pair| [tokens(&pair.comment), tokens(&pair.reply)])
            .collect();
        if texts.is_empty() {
            texts.push([TOKENS; 2]);
        }
        Ok(Self {
            comments,
            pairs: [0; 3],
            texts,
            flops: prepare::speed(store),
        })
    }

    fn mean(&self, length: impl Fn(&[f64; 2]) -> f64) -> f64 {
        self.texts.iter().map(length).sum::<f64>() / self.texts.len() as f64
    }

    /// Mean length of an example of at most `longest` tokens.
    pub fn example(&self, longest: usize) -> f64 {
        self.mean(|[comment, reply]| (comment + reply + EXTRA_TOKENS).min(longest as f64))
    }

    /// The cost of a training on so many examples of the training and the validation set.
    pub fn train(&self, config: &RunConfig, model: &Model, examples: [usize; 2]) -> cost::Estimate {
        let longest = config.max_tokens.min(model.positions);
        let lengths = Lengths {
            longest,
            mean: self.example(longest),
        };
        let train = limited(examples[0], config.limit).max(1);
        let plan = prepare::plan(config, train.div_ceil(config.batch_size.max(1)));
        let size = (model.parameters, model.shape);
        let val = limited(examples[1], config.validate_limit);
        prepare::estimate(size, lengths, val, config, &plan, self.flops)
    }

    /// Seconds of training on a token of an example of this length.
    fn token_s(&self, model: &Model, length: f64) -> f64 {
        let flops = cost::flops(model.parameters, &model.shape, 1, length as usize, 1.0);
        flops / (self.flops * cost::STEP_EFFICIENCY)
    }

    /// Seconds to generate so many replies.
    fn generate_s(&self, fakes: &MakeFakes, model: &Model, replies: usize) -> f64 {
        let most = fakes.sampling.max_new_tokens as f64;
        let prompt = self.mean(|[comment, _]| comment + EXTRA_TOKENS);
        let reply = self.mean(|[_, reply]| reply.min(most));
        let token_s = self.token_s(model, prompt + reply);
        replies as f64 * token_s * (reply * GENERATED + prompt * FORWARD)
    }
}

/// The first `limit` of `n`; 0: all.
fn limited(n: usize, limit: usize) -> usize {
    match limit {
        0 => n,
        limit => n.min(limit),
    }
}

/// Everything that the cost of a step depends on.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    pub data: Data,
    pub generator: Model,
    pub classifier: Model,
    /// Fakes of the training, validation and test set.
    pub fakes: [usize; 3],
}

impl Costs {
    pub fn model(&self, kind: ModelKind) -> &Model {
        match kind.base_kind() {
            BaseKind::Gpt2 => &self.generator,
            BaseKind::Bert => &self.classifier,
        }
    }

    /// Examples of a kind of model in each partition, at most: a realism model sees as many real replies as fakes.
    pub fn examples(&self, kind: ModelKind) -> [usize; 3] {
        match kind {
            ModelKind::Realism => self.fakes.map(|fakes| 2 * fakes),
            ModelKind::Generator | ModelKind::Upvotes => self.data.pairs,
        }
    }

    /// The fakes that a job makes in each partition, at most.
    pub fn made(&self, fakes: &MakeFakes) -> [usize; 3] {
        let mut made = self.data.pairs;
        for (made, most) in made.iter_mut().zip(fakes.comments) {
            *made = limited(*made, most) * fakes.replies;
        }
        made
    }

    pub fn train(&self, config: &RunConfig) -> cost::Estimate {
        let [train, val, _] = self.examples(config.kind);
        self.data
            .train(config, self.model(config.kind), [train, val])
    }

    fn fakes(&self, fakes: &MakeFakes) -> (f64, usize) {
        let model = &self.generator;
        let made: usize = self.made(fakes).iter().sum();
        let seconds = self.data.generate_s(fakes, model, made);
        let shape = &model.shape;
        let cached = 2 * shape.layers * shape.width * model.positions * CACHED;
        let logits = 4 * shape.vocabulary.unwrap_or(0);
        let bytes = 4 * model.parameters + fakes.batch * (cached + logits);
        (seconds, bytes)
    }

    fn evaluate(&self, evaluate: &Evaluate, kind: ModelKind) -> (f64, usize) {
        let model = self.model(kind);
        let longest = RunConfig::of(kind).max_tokens.min(model.positions);
        let length = self.data.example(longest);
        let examples = limited(
            self.examples(kind)[evaluate.partition as usize],
            evaluate.limit,
        );
        let seconds = examples as f64 * length * FORWARD * self.data.token_s(model, length);
        let (shape, rows) = (&model.shape, evaluate.batch * longest);
        let block = rows * 20 * shape.width + evaluate.batch * shape.heads * longest * longest;
        let logits = shape.vocabulary.map_or(0, |v| v * LOGITS);
        (seconds, 4 * (model.parameters + block + logits))
    }

    /// Estimated seconds and peak memory in bytes of a step; no memory: little. `kind` is that of the evaluated run.
    pub fn of(&self, work: &Work, kind: ModelKind) -> (f64, Option<u64>) {
        let pairs: usize = self.data.pairs.iter().sum();
        let (seconds, bytes) = match work {
            Work::Pairs(_) => (self.data.comments * ROW_S, None),
            Work::Split(_) | Work::Audit(_) | Work::Base(_) => (pairs as f64 * ROW_S, None),
            Work::Train(train) => {
                let estimate = self.train(&train.config);
                (estimate.seconds, Some(estimate.bytes))
            }
            Work::Fakes(fakes) => {
                let (seconds, bytes) = self.fakes(fakes);
                (seconds, Some(bytes))
            }
            Work::Evaluate(evaluate) => {
                let (seconds, bytes) = self.evaluate(evaluate, kind);
                (seconds, Some(bytes))
            }
        };
        (LEAST_S + seconds, bytes.map(|bytes| bytes as u64))
    }
}
