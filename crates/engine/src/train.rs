//! Training a generator, a realism or an upvotes model: a job that can be paused, and that, resumed after its process
//! was killed, gives the same bits as if it never had been.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use repartee_datasets::Partition;
use repartee_models::batch::{BatchSampler, LossMask};
use repartee_models::bert::{self, Bert, Rows};
use repartee_models::gpt2::{self, Gpt2};
use repartee_models::optim::AdamWConfig;
use repartee_models::rng::Stream;
use repartee_models::text::{Example, Files, GeneratorText, PairIds};
use repartee_models::train::{self, Event, Flow, MicroBatch, Outcome, Plan, Resume, State};
use repartee_models::weights::{self, Tensors, Vars};
use repartee_models::{Device, Tensor, cost, device_name, evaluate, generate, ops};
use repartee_store::Store;
use repartee_store::bases::Base;
use repartee_store::fakes::FakeSet;
use repartee_store::jobs::{JobRow, Want};
use repartee_store::marks::Marked;
use repartee_store::runs::{
    Checkpoint, Metric, ModelKind, NewCheckpoint, NewRun, Role, Run, RunSample,
};
use repartee_store::splits::Split;
use repartee_store::usable::Discarded;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::{Code, Error, Result};
use crate::examples::{self, Labelled};
use crate::fakes::{DELETED, pair_label};
use crate::format::{bytes, count, seconds};
use crate::items::{ItemKind, Label, config_now, facts_now};
use crate::job::{Ctx, Job, JobInfo, Progress, Stop, from_json, now_ms, to_json};
use crate::model::{
    bert_config, checkpoint_of, classifier_text, generator_text, gpt2_config, open_device,
};
use crate::run_config::{ClassWeights, RunConfig, RunKind};
use crate::study::may_train;
use crate::unreadable::{Listed, good};
use crate::{Engine, bundle};

/// Metrics are written to the project at least this often.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The most work that a killed process loses, unless the run sets a number of steps between saves: saving takes three
/// times the model's size on disk.
const SAVE_EVERY: Duration = Duration::from_secs(180);
/// Tokens of a sample that is generated during training.
const SAMPLE_TOKENS: usize = 48;
/// Default number of validations in a run.
const VALIDATIONS: usize = 10;

/// Trains a model. A job: `train`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The settings, as the TOML of [`RunConfig`]; stored verbatim with the run.
    pub config: String,
}

impl Train {
    /// A training with these settings.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub fn new(config: &RunConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config: config.to_toml()?,
        })
    }
}

/// The result of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Trained {
    pub run: String,
    /// generator, realism or upvotes.
    pub kind: RunKind,
    /// Whether it did all steps or stopped early.
    pub outcome: Outcome,
    /// Optimizer steps done.
    pub steps: usize,
    /// Lowest validation loss in nats; none without a validation set.
    pub best_loss: Option<f64>,
    /// The step with the best validation loss.
    pub best_step: usize,
    /// Without padding.
    pub tokens: u64,
}

/// What is known of a run before it starts; stored with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunFacts {
    pub base: String,
    pub split: String,
    /// The set of fakes, for a realism model.
    pub fakes: Option<String>,
    /// cpu, cuda or metal.
    pub device: String,
    pub threads: usize,
    /// Trainable parameters.
    pub parameters: usize,
    pub train_examples: usize,
    pub val_examples: usize,
    /// Training examples per class; empty for a generator.
    pub classes: Vec<usize>,
    /// Class weights in the loss; empty: 1.
    pub class_weights: Vec<f64>,
    /// Total optimizer steps.
    pub steps: usize,
    /// The share of positions that is padding.
    pub padding: f64,
    /// In bytes.
    pub estimated_bytes: usize,
    pub estimated_seconds: f64,
    pub version: String,
}

/// A run in a list or by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunInfo {
    pub name: String,
    /// generator, realism or upvotes.
    pub kind: RunKind,
    /// queued, running, lost (interrupted), paused, done, stopped, failed, `cancelled`; empty if its job is gone.
    pub state: String,
    /// Whether it has a complete checkpoint.
    pub usable: bool,
    pub job: Option<String>,
    pub config: String,
    pub facts: Option<RunFacts>,
    /// Optimizer steps done, according to the stored metrics.
    pub step: u64,
    pub loss: Option<f64>,
    /// Lowest validation loss.
    pub best_loss: Option<f64>,
    /// Samples generated during training: step, comment, reply.
    pub samples: Vec<(u64, String, String)>,
    #[serde(default)]
    pub label: Label,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Trained on a text deleted since, or with something that was.
    #[serde(default)]
    pub deleted_content: bool,
}

/// A checkpoint in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CheckpointInfo {
    pub run: String,
    /// generator, realism or upvotes.
    pub kind: RunKind,
    pub base: String,
    /// The split it was trained on.
    pub split: String,
    /// best, last, or kept (replaced, but something was made with it).
    pub role: String,
    /// Optimizer steps done.
    pub step: u64,
    /// Size of its weights; some may be shared with other checkpoints.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Difference {
    pub setting: String,
    /// Its value in each run, in the requested order.
    pub values: Vec<String>,
}

/// The examples of a run as token ids; one per run
#[allow(clippy::large_enum_variant)]
enum Data {
    Generator {
        train: Vec<Example>,
        val: Vec<Example>,
        text: GeneratorText,
        comments: Vec<(i64, String)>,
    },
    Classifier {
        train: Vec<(PairIds, u32)>,
        val: Vec<(PairIds, u32)>,
        weights: Option<Vec<f64>>,
    },
}

/// The model's configuration, with the dropout of the run.
enum Shape {
    Gpt2(gpt2::Config),
    Bert(bert::Config),
}

/// Everything that is decided before the first step.
struct Prepared {
    config: RunConfig,
    base: Base,
    split: Split,
    fakes: Option<FakeSet>,
    device: Device,
    shape: Shape,
    data: Data,
    sampler: BatchSampler,
    plan: Plan,
    facts: RunFacts,
    /// The pairs of the training and the validation set.
    seen: [(Partition, Vec<i64>); 2],
}

fn model_kind(kind: RunKind) -> ModelKind {
    match kind {
        RunKind::Generator => ModelKind::Generator,
        RunKind::Realism => ModelKind::Realism,
        RunKind::Upvotes => ModelKind::Upvotes,
    }
}

/// The run kind of a stored model kind.
pub(crate) fn run_kind(kind: ModelKind) -> RunKind {
    match kind {
        ModelKind::Generator => RunKind::Generator,
        ModelKind::Realism => RunKind::Realism,
        ModelKind::Upvotes => RunKind::Upvotes,
    }
}

/// The only one of these names, or an error that lists them.
/// `words`: one, several, and the commands that make one.
fn only<T>(
    [one, several, made_by]: [&str; 3],
    key: &str,
    mut all: Vec<T>,
    name: impl Fn(&T) -> &str,
) -> Result<T> {
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err(Error::new(
            Code::NotFound,
            format!("there is no {one} yet; {made_by} makes one"),
        )),
        n => {
            let names: Vec<&str> = all.iter().map(name).collect();
            Err(Error::usage(format!(
                "there are {n} {several} ({}); name one of them with --{key}, or as {key} in the config",
                names.join(", ")
            )))
        }
    }
}

pub(crate) fn base_of(store: &Store, config: &RunConfig) -> Result<Base> {
    if !config.base.is_empty() {
        return Ok(store.base(&config.base)?);
    }
    let kind = config.kind.base_kind();
    let fitting = store
        .bases()?
        .into_iter()
        .filter(|base| base.kind.as_str() == kind)
        .collect();
    let (one, several) = (format!("{kind} base"), format!("{kind} bases"));
    let made_by = format!("`repartee base add` or `repartee base new NAME --kind {kind}`");
    only([&one, &several, &made_by], "base", fitting, |base| {
        &base.name
    })
}

pub(crate) fn fakes_of(store: &Store, config: &RunConfig, split: &Split) -> Result<FakeSet> {
    if config.fakes.is_empty() {
        let of_split = store
            .fake_sets()?
            .into_iter()
            .filter(|set| set.split_id == split.id)
            .collect();
        let words = [
            "set of fakes of this split",
            "sets of fakes of this split",
            "`repartee fakes make`",
        ];
        return only(words, "fakes", of_split, |set| &set.name);
    }
    let set = store.fake_set(&config.fakes)?;
    if set.split_id != split.id {
        return Err(Error::usage(format!(
            "the fakes {:?} were made on another split than {:?}: their partitions would leak",
            set.name, split.name
        )));
    }
    Ok(set)
}

/// Refuses an empty training set, with what to do.
fn not_empty(examples: &[Labelled], config: &RunConfig, split: &Split) -> Result<()> {
    if examples.is_empty() {
        let what = match config.kind {
            RunKind::Generator => "pairs",
            RunKind::Realism => "fakes with real replies to compare them with",
            RunKind::Upvotes => "replies with a known score",
        };
        return Err(Error::new(
            Code::NotFound,
            format!(
                "the training set of split {:?} has no {what}: there is nothing to train on",
                split.name
            ),
        ));
    }
    Ok(())
}

fn counts(labels: impl Iterator<Item = u32>, classes: usize) -> Vec<usize> {
    let mut counts = vec![0; classes];
    labels.for_each(|label| counts[label as usize] += 1);
    counts
}

impl Prepared {
    fn new(store: &Store, config: RunConfig) -> Result<Self> {
        config.check()?;
        let base = base_of(store, &config)?;
        let split = store.split(&config.split)?;
        let fakes = match config.kind {
            RunKind::Realism => Some(fakes_of(store, &config, &split)?),
            _ => None,
        };
        let device = open_device(&config.device)?;
        let read = |partition: Partition, limit: usize| match (&fakes, config.kind) {
            (Some(fakes), _) => examples::realism(
                store,
                &split,
                fakes,
                partition,
                config.real_share,
                limit,
                config.seed,
            ),
            (None, RunKind::Upvotes) => {
                examples::upvotes(store, &split, partition, limit, config.seed)
            }
            (None, _) => examples::pairs(store, &split, partition, limit, config.seed),
        };
        let (train, val) = (
            read(Partition::Train, config.limit)?,
            read(Partition::Val, config.validate_limit)?,
        );
        not_empty(&train, &config, &split)?;
        let pairs_of = |examples: &[Labelled]| -> Result<Vec<i64>> {
            let of_fakes: Vec<i64> = examples.iter().filter_map(|e| e.fake_id).collect();
            let mut pairs: Vec<i64> = examples.iter().filter_map(|e| e.pair_id).collect();
            pairs.extend(store.pairs_of_fakes(&of_fakes)?);
            Ok(pairs)
        };
        let seen = [
            (Partition::Train, pairs_of(&train)?),
            (Partition::Val, pairs_of(&val)?),
        ];
        let files = bundle::files(store, base.bundle_id)?;
        let (shape, data) = match config.kind {
            RunKind::Generator => generator_data(&config, &base, &files, &train, &val)?,
            RunKind::Realism | RunKind::Upvotes => {
                classifier_data(&config, &base, &files, &train, &val)?
            }
        };
        let sampler = BatchSampler::new(data.lengths(), config.batch_size, config.seed)?;
        let plan = plan(&config, &sampler);
        let classes = match config.kind {
            RunKind::Generator => Vec::new(),
            kind => counts(train.iter().map(|e| e.label), kind.classes()),
        };
        let speed = speed(store);
        let estimate = shape.estimate(&data.lengths(), val.len(), &config, &plan, speed);
        let facts = RunFacts {
            base: base.name.clone(),
            split: split.name.clone(),
            fakes: fakes.as_ref().map(|set| set.name.clone()),
            device: device_name(&device).to_owned(),
            threads: threads(),
            parameters: estimate.parameters,
            train_examples: train.len(),
            val_examples: val.len(),
            classes,
            class_weights: data.class_weights().unwrap_or_default().to_vec(),
            steps: plan.steps,
            padding: sampler.padding(),
            estimated_bytes: estimate.bytes,
            estimated_seconds: estimate.seconds,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(Self {
            config,
            base,
            split,
            fakes,
            device,
            shape,
            data,
            sampler,
            plan,
            facts,
            seen,
        })
    }
}

/// Threads for matrix products: as the process was started, else all cores.
pub(crate) fn threads() -> usize {
    let set = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .filter(|n| *n > 0);
    set.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// A measured speed of this machine, and how it was measured.
#[derive(Debug, Serialize, Deserialize)]
struct Speed {
    boot: String,
    threads: usize,
    at_ms: i64,
    flops: f64,
}

/// How long a measured speed is valid.
const SPEED_HOLDS_MS: i64 = 86_400_000;

/// Operations per second of this machine with these threads. It is measured once a day and stored in the project, so
/// that the estimate of a run and what the run itself shows are the same, although two processes compute them.
fn speed(store: &Store) -> f64 {
    const KEY: &str = "speed";
    let (boot, threads, at_ms) = (crate::owner::since_boot(), threads(), now_ms());
    let holds = |known: &Speed| {
        known.boot == boot
            && known.threads == threads
            && (0..SPEED_HOLDS_MS).contains(&(at_ms - known.at_ms))
            && known.flops.is_finite()
            && known.flops > 0.0
    };
    if let Ok(Some(known)) = store.setting::<Speed>(KEY)
        && holds(&known)
    {
        return known.flops;
    }
    let found = Speed {
        boot: boot.to_owned(),
        threads,
        at_ms,
        flops: cost::measured_flops(),
    };
    // measured again if it could not be stored
    let _ = store.set_setting(KEY, &found);
    found.flops
}

/// The run's resolved settings.
fn plan(config: &RunConfig, sampler: &BatchSampler) -> Plan {
    let per_epoch = sampler.per_epoch() as f64 / config.accumulate as f64;
    let steps = match config.steps {
        0 => ((per_epoch * config.epochs).ceil() as usize).max(1),
        steps => steps,
    };
    let tenth = steps.div_ceil(VALIDATIONS);
    let validate_every = if config.validate_every == 0 {
        tenth
    } else {
        config.validate_every
    };
    Plan {
        steps,
        warmup: (config.warmup * steps as f64).round() as usize,
        learning_rate: config.learning_rate,
        decay: config.decay,
        optimizer: AdamWConfig {
            weight_decay: config.weight_decay,
            ..AdamWConfig::default()
        },
        clip_norm: config.clip_norm,
        accumulate: config.accumulate,
        seed: config.seed,
        validate_every,
        save_every: config.save_every,
        patience: config.patience,
    }
}

fn generator_data(
    config: &RunConfig,
    base: &Base,
    files: &Files,
    train: &[Labelled],
    val: &[Labelled],
) -> Result<(Shape, Data)> {
    let mut shape = gpt2_config(base)?;
    if config.dropout >= 0.0 {
        (shape.embd_pdrop, shape.attn_pdrop, shape.resid_pdrop) =
            (config.dropout, config.dropout, config.dropout);
    }
    let text = generator_text(files, &shape, config.max_tokens)?;
    let encode = |examples: &[Labelled]| {
        let pairs: Vec<(&str, &str)> = examples
            .iter()
            .map(|e| (e.comment.as_str(), e.reply.as_str()))
            .collect();
        text.examples(&pairs)
    };
    let (train, encoded) = (encode(train)?, encode(val)?);
    let comments = val
        .iter()
        .filter_map(|e| Some((e.pair_id?, e.comment.clone())))
        .take(config.samples)
        .collect();
    Ok((
        Shape::Gpt2(shape),
        Data::Generator {
            train,
            val: encoded,
            text,
            comments,
        },
    ))
}

fn classifier_data(
    config: &RunConfig,
    base: &Base,
    files: &Files,
    train: &[Labelled],
    val: &[Labelled],
) -> Result<(Shape, Data)> {
    let mut shape = bert_config(base)?;
    if config.dropout >= 0.0 {
        shape.hidden_dropout_prob = config.dropout;
        shape.attention_probs_dropout_prob = config.dropout;
        shape.classifier_dropout = None;
    }
    let text = classifier_text(files, &shape, config.max_tokens)?;
    let encode = |examples: &[Labelled]| -> Result<Vec<(PairIds, u32)>> {
        let pairs: Vec<(&str, &str)> = examples
            .iter()
            .map(|e| (e.comment.as_str(), e.reply.as_str()))
            .collect();
        Ok(text
            .pairs(&pairs)?
            .into_iter()
            .zip(examples.iter().map(|e| e.label))
            .collect())
    };
    let classes = config.kind.classes();
    let seen = counts(train.iter().map(|e| e.label), classes);
    if seen.iter().filter(|n| **n > 0).count() < 2 {
        return Err(Error::usage(format!(
            "the examples are all of one class ({seen:?} of classes 0 to {}): there is nothing to \
             distinguish",
            classes - 1
        )));
    }
    let weights = match config.class_weights {
        ClassWeights::None => None,
        // as scikit-learn's compute_class_weight("balanced"); a class without examples has none
        ClassWeights::Balanced => Some(
            seen.iter()
                .map(|n| train.len() as f64 / (classes as f64 * (*n).max(1) as f64))
                .collect::<Vec<f64>>(),
        ),
    };
    Ok((
        Shape::Bert(shape),
        Data::Classifier {
            train: encode(train)?,
            val: encode(val)?,
            weights,
        },
    ))
}

impl Data {
    /// Number of tokens per training example.
    fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Generator { train, .. } => train.iter().map(|e| e.ids.len()).collect(),
            Self::Classifier { train, .. } => {
                train.iter().map(|(pair, _)| pair.ids.len()).collect()
            }
        }
    }

    fn class_weights(&self) -> Option<&[f64]> {
        match self {
            Self::Generator { .. } => None,
            Self::Classifier { weights, .. } => weights.as_deref(),
        }
    }
}

impl Shape {
    /// The cost of a run on examples of these `lengths`, with its validations on `val` examples.
    fn estimate(
        &self,
        lengths: &[usize],
        val: usize,
        config: &RunConfig,
        plan: &Plan,
        speed: f64,
    ) -> cost::Estimate {
        let (parameters, shape) = match self {
            Self::Gpt2(c) => (
                cost::parameters(&c.specs()),
                cost::Shape {
                    layers: c.n_layer,
                    width: c.n_embd,
                    heads: c.n_head,
                    embeddings: (c.vocab_size + c.n_positions) * c.n_embd,
                    vocabulary: Some(c.vocab_size),
                },
            ),
            Self::Bert(c) => (
                cost::parameters(&c.specs(config.kind.classes())),
                cost::Shape {
                    layers: c.num_hidden_layers,
                    width: c.hidden_size,
                    heads: c.num_attention_heads,
                    embeddings: (c.vocab_size + c.max_position_embeddings + c.type_vocab_size)
                        * c.hidden_size,
                    vocabulary: None,
                },
            ),
        };
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mean = lengths.iter().sum::<usize>() as f64 / lengths.len().max(1) as f64;
        let tokens = (mean * (plan.steps * plan.accumulate * config.batch_size) as f64) as usize;
        // replies are about half of the tokens
        let counted = if config.loss == LossMask::All {
            1.0
        } else {
            0.5
        };
        // validation only runs forward, a third of a step's cost
        let validated = plan.steps.div_ceil(plan.validate_every) * val;
        let passed = tokens + (validated as f64 * mean / 3.0) as usize;
        let flops = cost::flops(parameters, &shape, passed, mean as usize, counted);
        cost::Estimate {
            parameters,
            bytes: cost::peak_bytes(parameters, &shape, config.batch_size, longest),
            steps: plan.steps,
            tokens,
            seconds: flops / (speed * cost::STEP_EFFICIENCY),
        }
    }
}

impl Job for Train {
    const KIND: &'static str = "train";
    const ON_INTERRUPT: Want = Want::Pause;
    type Outcome = Trained;

    fn check(&self, engine: &Engine) -> Result<()> {
        let config = RunConfig::from_toml(&self.config)?;
        if !config.fakes.is_empty() && config.kind != RunKind::Realism {
            return Err(Error::usage(format!(
                "fakes are for a realism model, and this is a run of kind {}; omit the set of fakes",
                config.kind.as_str()
            )));
        }
        let wrong =
            engine.store.bases()?.into_iter().find(|base| {
                base.name == config.base && base.kind.as_str() != config.kind.base_kind()
            });
        match wrong {
            Some(base) => Err(Error::usage(format!(
                "base {:?} is of kind {}, and a run of kind {} starts from a base of kind {}",
                base.name,
                base.kind.as_str(),
                config.kind.as_str(),
                config.kind.base_kind()
            ))),
            None => Ok(()),
        }
    }

    fn run(&self, ctx: &Ctx) -> Result<Trained, Stop> {
        let store = &ctx.engine.store;
        let config = RunConfig::from_toml(&self.config)?;
        let before = if ctx.resumed() {
            store.run_of_job(ctx.job())?
        } else {
            None
        };
        if before.is_none()
            && !config.name.is_empty()
            && store.runs()?.iter().any(|run| run.name == config.name)
        {
            let taken = format!(
                "there is already a run {:?}; choose another name",
                config.name
            );
            return Err(Error::new(Code::Exists, taken).into());
        }
        ctx.tick(Progress::new("reading examples", 0, None, "examples"));
        let split = store.split(&config.split)?;
        let fakes = match config.kind {
            RunKind::Realism => Some(fakes_of(store, &config, &split)?),
            RunKind::Generator | RunKind::Upvotes => None,
        };
        may_train(
            ctx.engine,
            &base_of(store, &config)?,
            &split,
            fakes.as_ref(),
        )?;
        if let Some(mark) = ctx.engine.study_mark()? {
            ctx.say(mark);
        }
        let prepared = Prepared::new(store, config)?;
        ctx.go_on()?;
        let run = match before {
            Some(run) => run,
            None => insert_run(store, &prepared, &self.config, ctx.job())?,
        };
        ctx.say(introduction(&run, &prepared));
        learn(ctx, run, prepared)
    }
}

fn insert_run(store: &Store, prepared: &Prepared, toml: &str, job: &str) -> Result<Run> {
    let kind = prepared.config.kind;
    let mut name = prepared.config.name.clone();
    if name.is_empty() {
        let taken: Vec<String> = store.runs()?.into_iter().map(|run| run.name).collect();
        let numbered = (1..)
            .map(|n| format!("{}-{n}", kind.as_str()))
            .find(|name| !taken.contains(name));
        name = numbered.unwrap_or_default();
    }
    crate::names::check(ItemKind::Run, &name)?;
    let new = NewRun {
        name: name.clone(),
        kind: model_kind(kind),
        base_id: prepared.base.id,
        split_id: prepared.split.id,
        fake_set_id: prepared.fakes.as_ref().map(|set| set.id),
        config: toml.to_owned(),
        job_id: Some(job.to_owned()),
        facts: to_json(&prepared.facts)?,
    };
    let id = store.run_insert(&new, now_ms())?;
    for (partition, pairs) in &prepared.seen {
        let fakes = prepared.fakes.as_ref().map(|set| set.id);
        store.run_saw(id, *partition, pairs, fakes)?;
    }
    Ok(store.run(&name)?)
}

/// What was chosen for unset settings, and the estimate.
fn introduction(run: &Run, prepared: &Prepared) -> String {
    let facts = &prepared.facts;
    let mut text = format!(
        "run {}: base {}, split {}, {} training and {} validation examples, {} parameters, {} steps, about {} and {} on {} with {} threads",
        run.name,
        facts.base,
        facts.split,
        count(facts.train_examples as u64),
        count(facts.val_examples as u64),
        count(facts.parameters as u64),
        count(facts.steps as u64),
        bytes(facts.estimated_bytes as u64),
        seconds(facts.estimated_seconds),
        facts.device,
        facts.threads,
    );
    if let Some(fakes) = prepared.fakes.as_ref() {
        text.push_str(&format!(", fakes of the set {}", fakes.name));
    }
    if !facts.classes.is_empty() {
        let classes: Vec<String> = facts.classes.iter().map(|n| count(*n as u64)).collect();
        text.push_str(&format!(", examples of each class: {}", classes.join(", ")));
    }
    text
}

/// A run in training: the target of the loop's callback.
struct Session<'a> {
    ctx: &'a Ctx<'a>,
    run: Run,
    vars: &'a Vars,
    files: Files,
    steps: usize,
    waiting: Vec<Metric>,
    written: Instant,
    saved: Instant,
    /// The loop is asked to save after this long.
    save_after: Duration,
    /// Why the callback stopped the loop, if it did.
    stopped: Option<Stop>,
    last: Option<State>,
}

impl Session<'_> {
    fn write_metrics(&mut self) -> Result<()> {
        self.ctx
            .engine
            .store
            .metrics_add(self.run.id, &self.waiting)?;
        self.waiting.clear();
        self.written = Instant::now();
        Ok(())
    }

    fn note(&mut self, step: usize, figures: &[(&str, f64)]) {
        self.waiting
            .extend(figures.iter().map(|(name, value)| Metric {
                name: (*name).to_owned(),
                step: step as u64,
                value: Some(*value),
            }));
    }

    fn save(
        &mut self,
        role: train::Role,
        state: &State,
        optimizer: Option<&repartee_models::optim::AdamW>,
    ) -> Result<()> {
        self.write_metrics()?;
        let store = &self.ctx.engine.store;
        let weights = bundle::put(store, &weights::view(self.vars, false), &self.files, |_| {
            Ok::<(), Error>(())
        })?;
        let moments = match optimizer {
            Some(optimizer) => {
                let tensors: Tensors = optimizer.moments().collect();
                Some(bundle::put(store, &tensors, &Files::new(), |_| {
                    Ok::<(), Error>(())
                })?)
            }
            None => None,
        };
        let new = NewCheckpoint {
            run_id: self.run.id,
            role: match role {
                train::Role::Best => Role::Best,
                train::Role::Last => Role::Last,
            },
            step: state.step as u64,
            weights: &weights,
            optimizer: moments.as_deref(),
            state: &to_json(state)?,
        };
        store.checkpoint_save(&new, now_ms())?;
        if role == train::Role::Last {
            self.saved = Instant::now();
        }
        self.last = Some(state.clone());
        Ok(())
    }

    fn hear(
        &mut self,
        event: &Event<'_>,
        sample: &mut dyn FnMut() -> Result<Vec<(i64, String)>>,
    ) -> Result<Flow, Stop> {
        match event {
            Event::Begun { decayed, undecayed } => {
                self.ctx.say(format!(
                    "every parameter has a gradient; {decayed} parameters are decayed, {undecayed} not"
                ));
            }
            Event::Step {
                step,
                loss,
                lr,
                grad_norm,
                tokens,
                seconds,
            } => {
                let pace = *tokens as f64 / seconds.max(1e-9);
                let figures = [
                    ("loss", *loss),
                    ("lr", *lr),
                    ("grad_norm", *grad_norm),
                    ("tokens_per_s", pace),
                ];
                self.note(*step, &figures);
                if self.written.elapsed() >= WRITE_EVERY {
                    self.write_metrics()?;
                }
                let progress = Progress::new(
                    format!("training {}", self.run.name),
                    *step as u64,
                    Some(self.steps as u64),
                    "steps",
                );
                self.ctx
                    .tick(progress.note(format!("loss {loss:.4}, {pace:.0} tokens/s")));
                match self.ctx.go_on() {
                    Ok(()) if self.saved.elapsed() >= self.save_after => return Ok(Flow::Save),
                    Ok(()) => {}
                    Err(Stop::Pause) => return Ok(Flow::Pause),
                    Err(Stop::Finish) => return Ok(Flow::Finish),
                    Err(Stop::Cancel) => return Ok(Flow::Cancel),
                    Err(failed) => return Err(failed),
                }
            }
            Event::Validated { step, loss, best } => {
                self.note(*step, &[("val_loss", *loss)]);
                self.write_metrics()?;
                let mark = if *best { ", the best so far" } else { "" };
                self.ctx
                    .say(format!("step {step}: validation loss {loss:.4}{mark}"));
                let mut kept = 0;
                for (n, (pair, text)) in (0..).zip(sample()?) {
                    let sample = RunSample {
                        step: *step as u64,
                        n,
                        pair_id: Some(pair),
                        comment: String::new(),
                        text,
                    };
                    // a log contains no text: samples are read with the run
                    match self.ctx.engine.store.run_sample_add(self.run.id, &sample)? {
                        true => kept += 1,
                        false => self
                            .ctx
                            .say(format!("step {step}: {}: {DELETED}", pair_label(pair))),
                    }
                }
                if kept > 0 {
                    let show = crate::shell::command(["run", "show", &self.run.name]);
                    self.ctx
                        .say(format!("step {step}: {kept} samples; `{show}` prints them"));
                }
            }
            Event::Save {
                role,
                state,
                optimizer,
            } => self.save(*role, state, *optimizer)?,
        }
        Ok(Flow::Go)
    }
}

/// Trains from the base, or from the run's last save.
fn learn(ctx: &Ctx, run: Run, prepared: Prepared) -> Result<Trained, Stop> {
    let store = &ctx.engine.store;
    let from: Option<Checkpoint> = if ctx.resumed() {
        store.checkpoint(run.id, Role::Last)?
    } else {
        None
    };
    let bundle_id = from
        .as_ref()
        .map_or(prepared.base.bundle_id, |checkpoint| checkpoint.bundle_id);
    let (found, files) = bundle::get(store, bundle_id)?;
    let Prepared {
        config,
        device,
        shape,
        data,
        mut sampler,
        plan,
        ..
    } = prepared;
    let (tensors, report) = match &shape {
        Shape::Gpt2(c) => gpt2::load_into(found, c, &device)?,
        Shape::Bert(c) => bert::load_into(found, c, config.kind.classes(), config.seed, &device)?,
    };
    if from.is_none() && !report.fresh.is_empty() {
        ctx.say(format!("initialized: {}", report.fresh.join(", ")));
    }
    let vars = weights::trainable(&tensors)?;
    drop(tensors);
    let moments = match from.as_ref().and_then(|checkpoint| checkpoint.optimizer_id) {
        Some(id) => bundle::get(store, id)?.0,
        None => Tensors::new(),
    };
    let mut moment = |name: &str| {
        let found = moments.get(name).cloned();
        found.ok_or_else(|| repartee_models::Error::MissingTensor(name.to_owned()))
    };
    let state: Option<State> = from
        .as_ref()
        .map(|checkpoint| from_json(&checkpoint.state))
        .transpose()?;
    // without a save to resume from, everything starts over
    store.metrics_cut(run.id, state.as_ref().map_or(0, |state| state.step as u64))?;
    if let Some(state) = &state {
        ctx.say(format!("resuming after step {}", state.step));
    }
    let resume = state.clone().map(|state| Resume {
        state,
        moment: &mut moment,
    });

    let session = Session {
        ctx,
        run,
        vars: &vars,
        files,
        steps: plan.steps,
        waiting: Vec::new(),
        written: Instant::now(),
        saved: Instant::now(),
        save_after: if plan.save_every == 0 {
            SAVE_EVERY
        } else {
            Duration::MAX
        },
        stopped: None,
        last: state,
    };
    let (session, outcome) = match (&shape, &data) {
        (
            Shape::Gpt2(shape),
            Data::Generator {
                train,
                val,
                text,
                comments,
            },
        ) => {
            let model = Gpt2::new(shape, &weights::view(&vars, true))?;
            let frozen = Gpt2::new(shape, &weights::view(&vars, false))?;
            let val: Vec<&Example> = val.iter().collect();
            let mut batch = |n: usize| {
                let examples: Vec<&Example> = sampler.batch(n).iter().map(|&i| &train[i]).collect();
                let ids: Vec<Vec<u32>> = examples.iter().map(|e| e.ids.clone()).collect();
                let counts: Vec<Vec<bool>> = examples.iter().map(|e| config.loss.of(e)).collect();
                let weight = counts.iter().flatten().filter(|c| **c).count();
                let tokens = ids.iter().map(Vec::len).sum();
                Ok(MicroBatch {
                    batch: (ids, counts),
                    weight: weight as f64,
                    tokens,
                })
            };
            type Batch = (Vec<Vec<u32>>, Vec<Vec<bool>>);
            let mut loss =
                |(ids, counts): &Batch, stream: &mut Stream| -> repartee_models::Result<Tensor> {
                    Ok(model.loss(ids, counts, Some(stream), true)?.0)
                };
            let mut validate =
                || evaluate::mean_loss(&frozen, &val, LossMask::Reply, config.batch_size);
            let mut sample = || samples(&frozen, text, comments, config.seed);
            go(
                &vars,
                &plan,
                resume,
                &mut batch,
                &mut loss,
                &mut validate,
                &mut sample,
                session,
            )
        }
        (
            Shape::Bert(shape),
            Data::Classifier {
                train,
                val,
                weights,
            },
        ) => {
            let classes = config.kind.classes();
            let model = Bert::new(shape, classes, &weights::view(&vars, true))?;
            let frozen = Bert::new(shape, classes, &weights::view(&vars, false))?;
            let (val, labels): (Vec<&PairIds>, Vec<u32>) =
                val.iter().map(|(pair, label)| (pair, *label)).unzip();
            let weights = weights.as_deref();
            let mut batch = |n: usize| {
                let examples: Vec<&(PairIds, u32)> =
                    sampler.batch(n).iter().map(|&i| &train[i]).collect();
                let pairs: Vec<&PairIds> = examples.iter().map(|(pair, _)| pair).collect();
                let labels: Vec<u32> = examples.iter().map(|(_, label)| *label).collect();
                let weight = labels
                    .iter()
                    .map(|l| weights.map_or(1.0, |w| w[*l as usize]))
                    .sum();
                let tokens = pairs.iter().map(|p| p.ids.len()).sum();
                Ok(MicroBatch {
                    batch: (evaluate::rows(&pairs), labels),
                    weight,
                    tokens,
                })
            };
            let mut loss = |(rows, labels): &(Rows, Vec<u32>),
                            stream: &mut Stream|
             -> repartee_models::Result<Tensor> {
                Ok(ops::class_loss(&model.logits(rows, Some(stream))?, labels, weights)?.0)
            };
            let mut validate =
                || evaluate::mean_class_loss(&frozen, &val, &labels, weights, config.batch_size);
            go(
                &vars,
                &plan,
                resume,
                &mut batch,
                &mut loss,
                &mut validate,
                &mut || Ok(Vec::new()),
                session,
            )
        }
        _ => return Err(Error::internal("examples of another kind than the model").into()),
    };
    let mut session = session;
    session.write_metrics()?;
    if let Some(stopped) = session.stopped {
        return Err(stopped);
    }
    match outcome? {
        Outcome::Paused => Err(Stop::Pause),
        Outcome::Cancelled => {
            if ctx.is_discarded() {
                let done = store.run_discard(session.run.id)?;
                ctx.say(discarded_words(&session.run.name, done));
            }
            Err(Stop::Cancel)
        }
        outcome => {
            let state = session
                .last
                .ok_or_else(|| Error::internal("a run ended without a save"))?;
            if outcome == Outcome::Stopped {
                ctx.say(format!(
                    "stopped at step {} of {}",
                    state.step, session.steps
                ));
            }
            Ok(trained(&session.run, outcome, &state))
        }
    }
}

fn trained(run: &Run, outcome: Outcome, state: &State) -> Trained {
    Trained {
        run: run.name.clone(),
        kind: run_kind(run.kind),
        outcome,
        steps: state.step,
        best_loss: state.best,
        best_step: state.best_step,
        tokens: state.tokens,
    }
}

fn discarded_words(run: &str, done: Discarded) -> String {
    match done.kept {
        0 => format!("run {run}: its weights are removed"),
        n => format!(
            "run {run}: its weights are removed, except for {n} checkpoints that something was made or \
             evaluated with"
        ),
    }
}

/// Runs the loop with the session as its callback, and returns the session.
#[allow(clippy::too_many_arguments)] // the loop's own, and the two that the callback needs
fn go<'a, B>(
    vars: &Vars,
    plan: &Plan,
    resume: Option<Resume<'_>>,
    batch: &mut dyn FnMut(usize) -> repartee_models::Result<MicroBatch<B>>,
    loss: &mut dyn FnMut(&B, &mut Stream) -> repartee_models::Result<Tensor>,
    validate: &mut dyn FnMut() -> repartee_models::Result<Option<f64>>,
    sample: &mut dyn FnMut() -> Result<Vec<(i64, String)>>,
    mut session: Session<'a>,
) -> (Session<'a>, repartee_models::Result<Outcome>) {
    let mut on_event = |event: Event<'_>| {
        session.hear(&event, sample).map_err(|stop| {
            session.stopped = Some(stop);
            // the loop ends; the session's own reason is reported
            repartee_models::Error::Input("the run could not be stored".to_owned())
        })
    };
    let outcome = train::train(vars, plan, resume, batch, loss, validate, &mut on_event);
    (session, outcome)
}

/// Replies to a few comments of the validation set, as the generator answers them now.
fn samples(
    model: &Gpt2,
    text: &GeneratorText,
    comments: &[(i64, String)],
    seed: u64,
) -> Result<Vec<(i64, String)>> {
    let room = model.config().n_positions;
    let sampling = generate::SamplingParams {
        max_new_tokens: SAMPLE_TOKENS.min(room / 2),
        seed,
        ..generate::SamplingParams::default()
    };
    let mut tasks = Vec::with_capacity(comments.len());
    for (key, (_, comment)) in (0..).zip(comments) {
        tasks.push(generate::Task {
            key,
            prompt: text.prompt(comment, sampling.max_new_tokens)?.ids,
        });
    }
    let written = generate::generate(model, &tasks, 1, text.end, &sampling, &mut generate::go_on)?;
    let mut out = Vec::with_capacity(comments.len());
    for ((pair, _), completions) in comments.iter().zip(written) {
        for completion in completions {
            out.push((*pair, text.decode(&completion.ids)?));
        }
    }
    Ok(out)
}

/// The state of a run, by its job.
fn run_state(job: JobInfo) -> String {
    let outcome = |job: &JobInfo| job.outcome.as_ref().and_then(|o| o.get("outcome")).cloned();
    match outcome(&job) == serde_json::to_value(Outcome::Stopped).ok() && job.state == "done" {
        true => "stopped".to_owned(),
        false => job.state,
    }
}

impl Engine {
    /// The estimate of a run: parameters, memory, steps, tokens and time, at the current speed of this machine. Reads
    /// the examples, trains nothing.
    ///
    /// # Errors
    /// Those of the run itself before its first step.
    pub fn train_estimate(&self, config: &RunConfig) -> Result<RunFacts> {
        Ok(Prepared::new(&self.store, config.clone())?.facts)
    }

    /// All runs, oldest first, without their samples.
    pub fn runs(&self) -> Result<Vec<RunInfo>> {
        good(self.runs_read()?)
    }

    pub(crate) fn runs_read(&self) -> Result<Listed<RunInfo>> {
        let usable = self.store.usable_runs()?;
        let runs = self.store.runs()?.into_iter();
        Ok(runs
            .map(|run| (run.id, self.run_info(run, &usable, false)))
            .collect())
    }

    /// The result so far of a training that is not running, by its last save.
    ///
    /// # Errors
    /// [`Code::Usage`] if it has not saved anything yet.
    pub(crate) fn trained_so_far(&self, job: &JobRow) -> Result<Trained> {
        let run = self.store.run_of_job(&job.id)?;
        let saved = match &run {
            Some(run) => self.store.checkpoint(run.id, Role::Last)?,
            None => None,
        };
        let (Some(run), Some(saved)) = (run, saved) else {
            return Err(Error::usage(format!(
                "job {} has not saved anything that could be kept; `repartee job resume {}` resumes it, \
                 `repartee job stop --discard {}` ends it",
                job.id, job.id, job.id
            )));
        };
        // metrics of steps after the save belong to lost weights
        self.store.metrics_cut(run.id, saved.step)?;
        Ok(trained(&run, Outcome::Stopped, &from_json(&saved.state)?))
    }

    /// A run with all details.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn run_show(&self, name: &str) -> Result<RunInfo> {
        self.run_info(self.store.run(name)?, &self.store.usable_runs()?, true)
    }

    /// One of a run's metrics (loss, val_loss, lr, grad_norm, tokens_per_s) by step.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names of the existing runs.
    pub fn run_figure(&self, run: &str, figure: &str) -> Result<Vec<(u64, Option<f64>)>> {
        Ok(self.store.metric(self.store.run(run)?.id, figure)?)
    }

    /// Settings in which runs differ, chosen ones and derived ones (base, split, examples).
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn run_differences(&self, runs: &[String]) -> Result<Vec<Difference>> {
        let mut tables = Vec::with_capacity(runs.len());
        for name in runs {
            let run = self.store.run(name)?;
            let config = serde_json::to_value(RunConfig::from_toml(&config_now(&run))?);
            let facts = serde_json::to_value(facts_now(&run));
            let (Ok(serde_json::Value::Object(mut table)), Ok(serde_json::Value::Object(facts))) =
                (config, facts)
            else {
                return Err(Error::internal("a run's settings are no table"));
            };
            table.extend(facts); // names that were unset are known by now
            tables.push(table);
        }
        let mut settings: Vec<&String> = tables.iter().flat_map(|table| table.keys()).collect();
        settings.sort();
        settings.dedup();
        let word = |value: Option<&serde_json::Value>| match value {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let row = |setting: &String| Difference {
            setting: setting.clone(),
            values: tables
                .iter()
                .map(|table| word(table.get(setting)))
                .collect(),
        };
        let differs = |row: &Difference| row.values.windows(2).any(|pair| pair[0] != pair[1]);
        let always = ["name", "estimated_seconds", "estimated_bytes", "version"];
        let rows = settings
            .into_iter()
            .filter(|s| !always.contains(&s.as_str()));
        Ok(rows.map(row).filter(differs).collect())
    }

    /// All checkpoints, by run and age.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointInfo>> {
        let (bases, splits) = (self.store.bases()?, self.store.splits()?);
        let mut infos = Vec::new();
        for checkpoint in self.store.checkpoints()? {
            let base = bases.iter().find(|base| base.id == checkpoint.base_id);
            let split = splits.iter().find(|split| split.id == checkpoint.split_id);
            infos.push(CheckpointInfo {
                kind: run_kind(checkpoint.kind),
                base: base.map(|base| base.name.clone()).unwrap_or_default(),
                split: split.map(|split| split.name.clone()).unwrap_or_default(),
                role: checkpoint.role.as_str().to_owned(),
                step: checkpoint.step,
                bytes: self
                    .store
                    .bundle(checkpoint.bundle_id)?
                    .iter()
                    .map(|part| part.bytes)
                    .sum(),
                created_ms: checkpoint.created_ms,
                run: checkpoint.run,
            });
        }
        Ok(infos)
    }

    /// The hash of every tensor of a run's checkpoint, by name: equal hashes are equal bits.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the run or the checkpoint does not exist.
    pub fn checkpoint_hashes(
        &self,
        run: &str,
        checkpoint: Option<&str>,
    ) -> Result<Vec<(String, String)>> {
        let checkpoint = checkpoint_of(&self.store, &self.store.run(run)?, checkpoint)?;
        let parts = self.store.bundle(checkpoint.bundle_id)?;
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(parts
            .into_iter()
            .map(|part| (part.name, hex(part.hash)))
            .collect())
    }

    fn run_info(&self, run: Run, usable: &BTreeMap<i64, u64>, samples: bool) -> Result<RunInfo> {
        let losses = self.store.metric(run.id, "loss")?;
        let valid = self.store.metric(run.id, "val_loss")?;
        let samples = if samples {
            self.store.run_samples(run.id)?
        } else {
            Vec::new()
        };
        let state = match &run.job_id {
            Some(job) => self.job(job).map(run_state).unwrap_or_default(),
            None => String::new(),
        };
        Ok(RunInfo {
            kind: run_kind(run.kind),
            state,
            facts: facts_now(&run),
            usable: usable.contains_key(&run.id),
            step: losses.last().map_or(0, |(step, _)| *step),
            loss: losses.last().and_then(|(_, loss)| *loss),
            best_loss: valid
                .iter()
                .filter_map(|(_, loss)| *loss)
                .min_by(f64::total_cmp),
            samples: samples
                .into_iter()
                .filter(|s| !s.text.is_empty()) // its comment was deleted
                .map(|s| (s.step, s.comment, s.text))
                .collect(),
            config: config_now(&run),
            label: self.store.label(ItemKind::Run, run.id)?,
            name: run.name,
            job: run.job_id,
            created_ms: run.created_ms,
            deleted_content: self.store.is_marked(Marked::Run, run.id)?,
        })
    }
}
