//! Everything about a run that is decided before its first step.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::now_ms;
use repartee_core::study::Purpose;
use repartee_datasets::Partition;
use repartee_models::batch::{BatchSampler, LossMask};
use repartee_models::optim::AdamWConfig;
use repartee_models::train::Plan;
use repartee_models::{Device, Fallback, Opened, cost, device_name};
use repartee_store::Store;
use repartee_store::bases::Base;
use repartee_store::fakes::FakeSet;
use repartee_store::splits::Split;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::trainee::{Classifier, Generator, Trainee};
use crate::Engine;
use crate::bases::bundle;
use crate::bases::permission::may_train;
use crate::data::examples::{self, Labeled};
use crate::training::model::open_device;
use crate::training::run_config::{ModelKind, RunConfig};

/// Default number of validations in a run.
const VALIDATIONS: usize = 10;

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
    pub estimated_bytes: usize,
    pub estimated_seconds: f64,
    pub version: String,
    /// Name of the processor, and the instructions that products use on it; empty: a run of an earlier version.
    #[serde(default)]
    pub processor: String,
}

/// Everything that is decided before the first step.
pub(super) struct Prepared<T> {
    pub config: RunConfig,
    pub base: Base,
    pub split: Split,
    pub fakes: Option<FakeSet>,
    pub device: Device,
    /// Why the device is no GPU, where `auto` was asked for.
    pub fallback: Option<Fallback>,
    pub trainee: T,
    pub sampler: BatchSampler,
    pub plan: Plan,
    pub facts: RunFacts,
    /// The pairs of the training and the validation set.
    pub seen: [(Partition, Vec<i64>); 2],
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
        .filter(|base| base.kind == kind)
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
            "the fakes {:?} were made on another split than {:?}: test data would leak",
            set.name, split.name
        )));
    }
    Ok(set)
}

/// Refuses an empty training set, with what to do.
fn not_empty(examples: &[Labeled], config: &RunConfig, split: &Split) -> Result<()> {
    if examples.is_empty() {
        let what = match config.kind {
            ModelKind::Generator => "pairs",
            ModelKind::Realism => "fakes with real replies to compare them with",
            ModelKind::Upvotes => "replies with a known score",
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

impl<T: Trainee> Prepared<T> {
    pub fn new(store: &Store, config: RunConfig) -> Result<Self> {
        config.check()?;
        let base = base_of(store, &config)?;
        let split = store.split(&config.split)?;
        let fakes = match config.kind {
            ModelKind::Realism => Some(fakes_of(store, &config, &split)?),
            _ => None,
        };
        let Opened { device, fallback } = open_device(&config.device)?;
        let read = |partition, limit| {
            examples_of(store, &config, &split, fakes.as_ref(), partition, limit)
        };
        let (train, val) = (
            read(Partition::Train, config.limit)?,
            read(Partition::Val, config.validate_limit)?,
        );
        not_empty(&train, &config, &split)?;
        let seen = [
            (Partition::Train, pairs_of(store, &train)?),
            (Partition::Val, pairs_of(store, &val)?),
        ];
        let files = bundle::files(store, base.bundle_id)?;
        let trainee = T::new(&config, &base, &files, &train, &val)?;
        let lengths = trainee.lengths();
        let sampler = BatchSampler::new(lengths.clone(), config.batch_size, config.seed)?;
        let plan = plan(&config, sampler.per_epoch());
        let estimate = estimate(
            trainee.size()?,
            Lengths::of(&lengths),
            val.len(),
            &config,
            &plan,
            speed(store),
        );
        let facts = RunFacts {
            base: base.name.clone(),
            split: split.name.clone(),
            fakes: fakes.as_ref().map(|set| set.name.clone()),
            device: device_name(&device).to_owned(),
            threads: threads(),
            parameters: estimate.parameters,
            train_examples: train.len(),
            val_examples: val.len(),
            classes: trainee.class_counts().to_vec(),
            class_weights: trainee.class_weights().unwrap_or_default().to_vec(),
            steps: plan.steps,
            padding: sampler.padding(),
            estimated_bytes: estimate.bytes,
            estimated_seconds: estimate.seconds,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            processor: processor(),
        };
        Ok(Self {
            config,
            base,
            split,
            fakes,
            device,
            fallback,
            trainee,
            sampler,
            plan,
            facts,
            seen,
        })
    }
}

/// The examples of a partition for this kind of run: at most `limit` (0: all).
fn examples_of(
    store: &Store,
    config: &RunConfig,
    split: &Split,
    fakes: Option<&FakeSet>,
    partition: Partition,
    limit: usize,
) -> Result<Vec<Labeled>> {
    match (fakes, config.kind) {
        (Some(fakes), _) => examples::realism(
            store,
            split,
            fakes,
            partition,
            config.real_share,
            limit,
            config.seed,
        ),
        (None, ModelKind::Upvotes) => {
            examples::upvotes(store, split, partition, limit, config.seed)
        }
        (None, _) => examples::pairs(store, split, partition, limit, config.seed),
    }
}

/// The pairs that these examples show, also those whose comment a fake answers.
fn pairs_of(store: &Store, examples: &[Labeled]) -> Result<Vec<i64>> {
    let of_fakes: Vec<i64> = examples.iter().filter_map(|e| e.fake_id).collect();
    let mut pairs: Vec<i64> = examples.iter().filter_map(|e| e.pair_id).collect();
    pairs.extend(store.pairs_of_fakes(&of_fakes)?);
    Ok(pairs)
}

/// Threads for matrix products: as the process was started, else all cores.
pub(crate) fn threads() -> usize {
    let set = std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .filter(|n| *n > 0);
    set.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// The processor by its name, as far as the system tells it, with the instructions that products use on it: the bits of
/// a sum depend on them.
fn processor() -> String {
    let name = match cfg!(windows) {
        true => std::env::var("PROCESSOR_IDENTIFIER").ok(),
        false => std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|info| model_name(&info)),
    };
    let unknown = || format!("{} on {}", std::env::consts::ARCH, std::env::consts::OS);
    format!(
        "{} ({})",
        name.unwrap_or_else(unknown),
        repartee_models::fast::instructions()
    )
}

/// The name of the first processor in Linux's /proc/cpuinfo.
fn model_name(info: &str) -> Option<String> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
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
pub(crate) fn speed(store: &Store) -> f64 {
    const KEY: &str = "speed";
    let (boot, threads, at_ms) = (repartee_core::owner::since_boot(), threads(), now_ms());
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

/// The run's resolved settings, with so many micro-batches in an epoch.
pub(crate) fn plan(config: &RunConfig, batches: usize) -> Plan {
    let per_epoch = batches as f64 / config.accumulate as f64;
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

/// The lengths of examples in tokens, as far as the cost of a run depends on them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    pub longest: usize,
    pub mean: f64,
}

impl Lengths {
    fn of(lengths: &[usize]) -> Self {
        Self {
            longest: lengths.iter().copied().max().unwrap_or(0),
            mean: lengths.iter().sum::<usize>() as f64 / lengths.len().max(1) as f64,
        }
    }
}

/// The cost of a run on examples of these `lengths`, with its validations on `val` examples.
pub(crate) fn estimate(
    (parameters, shape): (usize, cost::Shape),
    Lengths { longest, mean }: Lengths,
    val: usize,
    config: &RunConfig,
    plan: &Plan,
    speed: f64,
) -> cost::Estimate {
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

impl Engine {
    /// Why a training with these settings is refused; none: it isn't.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the settings name something that does not exist.
    pub fn train_refusal(&self, config: &RunConfig) -> Result<Option<Error>> {
        let standing = self.study_standing()?;
        // only a base without any other Reddit content in the project could still be refused
        if !standing.strict
            || (standing.is_needed() && standing.refusal(Purpose::Training).is_none())
        {
            return Ok(None);
        }
        let base = match base_of(&self.store, config) {
            Err(_) if !standing.is_needed() => return Ok(None),
            base => base?,
        };
        if !standing.is_needed() && !self.base_learned_from_reddit(&standing, &base)? {
            return Ok(None);
        }
        let split = self.store.split(&config.split)?;
        let fakes = match config.kind {
            ModelKind::Realism => Some(fakes_of(&self.store, config, &split)?),
            _ => None,
        };
        Ok(may_train(self, &base, &split, fakes.as_ref()).err())
    }

    /// The estimate of a run: parameters, memory, steps, tokens and time, at the current speed of this machine. Reads
    /// the examples, trains nothing.
    ///
    /// # Errors
    /// Those of the run itself before its first step.
    pub fn train_estimate(&self, config: &RunConfig) -> Result<RunFacts> {
        let (store, config) = (&self.store, config.clone());
        Ok(match config.kind {
            ModelKind::Generator => Prepared::<Generator>::new(store, config)?.facts,
            ModelKind::Realism | ModelKind::Upvotes => {
                Prepared::<Classifier>::new(store, config)?.facts
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_is_named_as_the_system_names_it() {
        let info = "processor\t: 0\nmodel name\t: Some CPU @ 2.0GHz\nmodel name\t: other\n";
        assert_eq!(model_name(info).as_deref(), Some("Some CPU @ 2.0GHz"));
        for none in ["", "model name\t:\n", "CPU part\t: 0xd0c\n"] {
            assert_eq!(model_name(none), None, "{none:?}");
        }
    }
}
