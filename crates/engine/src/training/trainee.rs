//! What differs between training a generator and a classifier. Everything else is one code path.

use repartee_core::error::{Error, Result};
use repartee_models::batch::LossMask;
use repartee_models::bert::{self, Bert, Rows};
use repartee_models::gpt2::{self, Gpt2};
use repartee_models::rng::Stream;
use repartee_models::text::{Example, Files, GeneratorText, PairIds};
use repartee_models::train::MicroBatch;
use repartee_models::weights::{LoadReport, Tensors};
use repartee_models::{Device, Tensor, cost, evaluate, generate, ops};
use repartee_store::bases::Base;

use crate::data::examples::Labeled;
use crate::training::model::{bert_config, classifier_text, generator_text, gpt2_config};
use crate::training::run_config::{ClassWeights, RunConfig};

/// Tokens of a sample that is generated during training.
const SAMPLE_TOKENS: usize = 48;

/// Number of trainable parameters of a generator, and what else its cost depends on.
pub(crate) fn generator_size(c: &gpt2::Config) -> Result<(usize, cost::Shape)> {
    let shape = cost::Shape {
        layers: c.n_layer,
        width: c.n_embd,
        heads: c.n_head,
        embeddings: (c.vocab_size + c.n_positions) * c.n_embd,
        vocabulary: Some(c.vocab_size),
    };
    Ok((c.parameters()?.count(), shape))
}

/// Number of trainable parameters of a classifier with `classes` classes, and what else its cost depends on.
pub(crate) fn classifier_size(c: &bert::Config, classes: usize) -> Result<(usize, cost::Shape)> {
    let shape = cost::Shape {
        layers: c.num_hidden_layers,
        width: c.hidden_size,
        heads: c.num_attention_heads,
        embeddings: (c.vocab_size + c.max_position_embeddings + c.type_vocab_size) * c.hidden_size,
        vocabulary: None,
    };
    Ok((c.parameters(classes)?.count(), shape))
}

/// A model to be trained: its configuration, and its examples as token ids.
pub(super) trait Trainee: Sized {
    type Model;
    type Batch;

    /// Encodes the examples for the model of this base.
    fn new(
        config: &RunConfig,
        base: &Base,
        files: &Files,
        train: &[Labeled],
        val: &[Labeled],
    ) -> Result<Self>;

    /// Number of tokens per training example.
    fn lengths(&self) -> Vec<usize>;

    /// Training examples per class; empty for a generator.
    fn class_counts(&self) -> &[usize] {
        &[]
    }

    /// Class weights in the loss; `None`: all 1.
    fn class_weights(&self) -> Option<&[f64]> {
        None
    }

    /// Number of trainable parameters, and what else its cost depends on.
    fn size(&self) -> Result<(usize, cost::Shape)>;

    /// The tensors of a base or checkpoint as those of this model.
    fn load(
        &self,
        found: Tensors,
        device: &Device,
    ) -> repartee_models::Result<(Tensors, LoadReport)>;

    /// The model on these weights.
    fn model(&self, weights: &Tensors) -> repartee_models::Result<Self::Model>;

    /// A micro-batch of these training examples.
    fn batch(&self, examples: &[usize]) -> MicroBatch<Self::Batch>;

    /// The sum of the losses of a batch; the stream is for dropout.
    fn loss(
        &self,
        model: &Self::Model,
        batch: &Self::Batch,
        stream: &mut Stream,
    ) -> repartee_models::Result<Tensor>;

    /// Mean loss of the validation set; `None` without one.
    fn validate(&self, model: &Self::Model) -> repartee_models::Result<Option<f64>>;

    /// Replies to a few comments of the validation set, by pair; none from a classifier.
    fn samples(&self, _model: &Self::Model) -> Result<Vec<(i64, String)>> {
        Ok(Vec::new())
    }
}

/// The texts of the examples.
fn texts(examples: &[Labeled]) -> Vec<(&str, &str)> {
    examples
        .iter()
        .map(|e| (e.comment.as_str(), e.reply.as_str()))
        .collect()
}

/// GPT-2 that learns to reply.
pub(super) struct Generator {
    /// With the dropout of the run.
    model: gpt2::Config,
    train: Vec<Example>,
    val: Vec<Example>,
    text: GeneratorText,
    /// Comments to generate samples for, by pair.
    comments: Vec<(i64, String)>,
    loss: LossMask,
    batch_size: usize,
    seed: u64,
}

impl Trainee for Generator {
    type Model = Gpt2;
    /// Token ids, and which of them count in the loss.
    type Batch = (Vec<Vec<u32>>, Vec<Vec<bool>>);

    fn new(
        config: &RunConfig,
        base: &Base,
        files: &Files,
        train: &[Labeled],
        val: &[Labeled],
    ) -> Result<Self> {
        let mut model = gpt2_config(base)?;
        if config.dropout >= 0.0 {
            (model.embd_pdrop, model.attn_pdrop, model.resid_pdrop) =
                (config.dropout, config.dropout, config.dropout);
        }
        let text = generator_text(files, &model, config.max_tokens)?;
        let comments = val
            .iter()
            .filter_map(|e| Some((e.pair_id?, e.comment.clone())))
            .take(config.samples)
            .collect();
        Ok(Self {
            model,
            train: text.examples(&texts(train))?,
            val: text.examples(&texts(val))?,
            text,
            comments,
            loss: config.loss,
            batch_size: config.batch_size,
            seed: config.seed,
        })
    }

    fn lengths(&self) -> Vec<usize> {
        self.train.iter().map(|e| e.ids.len()).collect()
    }

    fn size(&self) -> Result<(usize, cost::Shape)> {
        generator_size(&self.model)
    }

    fn load(
        &self,
        found: Tensors,
        device: &Device,
    ) -> repartee_models::Result<(Tensors, LoadReport)> {
        self.model.parameters()?.load_into(found, self.seed, device)
    }

    fn model(&self, weights: &Tensors) -> repartee_models::Result<Gpt2> {
        Gpt2::new(&self.model, weights)
    }

    fn batch(&self, examples: &[usize]) -> MicroBatch<Self::Batch> {
        let examples: Vec<&Example> = examples.iter().map(|&i| &self.train[i]).collect();
        let ids: Vec<Vec<u32>> = examples.iter().map(|e| e.ids.clone()).collect();
        let counts: Vec<Vec<bool>> = examples.iter().map(|e| self.loss.of(e)).collect();
        let weight = counts.iter().flatten().filter(|c| **c).count();
        let tokens = ids.iter().map(Vec::len).sum();
        MicroBatch {
            batch: (ids, counts),
            weight: weight as f64,
            tokens,
        }
    }

    fn loss(
        &self,
        model: &Gpt2,
        (ids, counts): &Self::Batch,
        stream: &mut Stream,
    ) -> repartee_models::Result<Tensor> {
        Ok(model.loss(ids, counts, Some(stream), true)?.0)
    }

    fn validate(&self, model: &Gpt2) -> repartee_models::Result<Option<f64>> {
        let val: Vec<&Example> = self.val.iter().collect();
        evaluate::mean_loss(model, &val, LossMask::Reply, self.batch_size)
    }

    fn samples(&self, model: &Gpt2) -> Result<Vec<(i64, String)>> {
        let positions = model.config.n_positions;
        let sampling = generate::SamplingParams {
            max_new_tokens: SAMPLE_TOKENS.min(positions / 2),
            seed: self.seed,
            ..generate::SamplingParams::default()
        };
        let mut tasks = Vec::with_capacity(self.comments.len());
        for (key, (_, comment)) in (0..).zip(&self.comments) {
            tasks.push(generate::Task {
                key,
                prompt: self.text.prompt(comment, sampling.max_new_tokens)?.ids,
            });
        }
        let end = self.text.end;
        let written = generate::generate(model, &tasks, 1, end, &sampling, &mut generate::go_on)?;
        let mut out = Vec::with_capacity(self.comments.len());
        for ((pair, _), completions) in self.comments.iter().zip(written) {
            for completion in completions {
                out.push((*pair, self.text.decode(&completion.ids)?));
            }
        }
        Ok(out)
    }
}

/// BERT that learns to tell the classes of replies apart.
pub(super) struct Classifier {
    /// With the dropout of the run.
    model: bert::Config,
    classes: usize,
    train: Vec<(PairIds, u32)>,
    val: Vec<(PairIds, u32)>,
    counts: Vec<usize>,
    weights: Option<Vec<f64>>,
    batch_size: usize,
    seed: u64,
}

/// Training examples per class.
///
/// # Errors
/// If they are all of one class.
fn class_counts(train: &[Labeled], classes: usize) -> Result<Vec<usize>> {
    let mut counts = vec![0; classes];
    train.iter().for_each(|e| counts[e.label as usize] += 1);
    if counts.iter().filter(|n| **n > 0).count() < 2 {
        return Err(Error::usage(format!(
            "the examples are all of one class ({counts:?} of classes 0 to {}): there is nothing to \
             distinguish",
            classes - 1
        )));
    }
    Ok(counts)
}

impl Trainee for Classifier {
    type Model = Bert;
    /// Pairs, and their classes.
    type Batch = (Rows, Vec<u32>);

    fn new(
        config: &RunConfig,
        base: &Base,
        files: &Files,
        train: &[Labeled],
        val: &[Labeled],
    ) -> Result<Self> {
        let mut model = bert_config(base)?;
        if config.dropout >= 0.0 {
            model.hidden_dropout_prob = config.dropout;
            model.attention_probs_dropout_prob = config.dropout;
            model.classifier_dropout = None;
        }
        let text = classifier_text(files, &model, config.max_tokens)?;
        let encode = |examples: &[Labeled]| -> Result<Vec<(PairIds, u32)>> {
            let pairs = text.pairs(&texts(examples))?.into_iter();
            Ok(pairs.zip(examples.iter().map(|e| e.label)).collect())
        };
        let classes = config.kind.classes();
        let counts = class_counts(train, classes)?;
        let weights = match config.class_weights {
            ClassWeights::None => None,
            // as scikit-learn's compute_class_weight("balanced"); a class without examples has none
            ClassWeights::Balanced => Some(
                counts
                    .iter()
                    .map(|n| train.len() as f64 / (classes as f64 * (*n).max(1) as f64))
                    .collect::<Vec<f64>>(),
            ),
        };
        Ok(Self {
            train: encode(train)?,
            val: encode(val)?,
            model,
            classes,
            counts,
            weights,
            batch_size: config.batch_size,
            seed: config.seed,
        })
    }

    fn lengths(&self) -> Vec<usize> {
        self.train.iter().map(|(pair, _)| pair.ids.len()).collect()
    }

    fn class_counts(&self) -> &[usize] {
        &self.counts
    }

    fn class_weights(&self) -> Option<&[f64]> {
        self.weights.as_deref()
    }

    fn size(&self) -> Result<(usize, cost::Shape)> {
        classifier_size(&self.model, self.classes)
    }

    fn load(
        &self,
        found: Tensors,
        device: &Device,
    ) -> repartee_models::Result<(Tensors, LoadReport)> {
        let parameters = self.model.parameters(self.classes)?;
        parameters.load_into(found, self.seed, device)
    }

    fn model(&self, weights: &Tensors) -> repartee_models::Result<Bert> {
        Bert::new(&self.model, self.classes, weights)
    }

    fn batch(&self, examples: &[usize]) -> MicroBatch<Self::Batch> {
        let examples: Vec<&(PairIds, u32)> = examples.iter().map(|&i| &self.train[i]).collect();
        let pairs: Vec<&PairIds> = examples.iter().map(|(pair, _)| pair).collect();
        let labels: Vec<u32> = examples.iter().map(|(_, label)| *label).collect();
        let weights = self.class_weights();
        let weight = labels
            .iter()
            .map(|l| weights.map_or(1.0, |w| w[*l as usize]))
            .sum();
        let tokens = pairs.iter().map(|p| p.ids.len()).sum();
        MicroBatch {
            batch: (evaluate::rows(&pairs), labels),
            weight,
            tokens,
        }
    }

    fn loss(
        &self,
        model: &Bert,
        (rows, labels): &Self::Batch,
        stream: &mut Stream,
    ) -> repartee_models::Result<Tensor> {
        let logits = model.logits(rows, Some(stream))?;
        Ok(ops::class_loss(&logits, labels, self.class_weights())?.0)
    }

    fn validate(&self, model: &Bert) -> repartee_models::Result<Option<f64>> {
        let (val, labels): (Vec<&PairIds>, Vec<u32>) =
            self.val.iter().map(|(pair, label)| (pair, *label)).unzip();
        evaluate::mean_class_loss(model, &val, &labels, self.class_weights(), self.batch_size)
    }
}
