//! Sweeps: one model trained with several values of its settings, to find the best. Each trial is an ordinary run on the
//! same split, one after the other: the median rule compares a trial with all before it, so their order is part of the
//! result. The table of trials keeps each result, also when its run is deleted.

use std::collections::BTreeSet;

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::{EachName, LaterSteps, Named};
use repartee_datasets::Partition;
use repartee_models::rng::Stream;
use repartee_models::train::Outcome;
use repartee_store::Store;
use repartee_store::items::ItemKind;
use repartee_store::jobs::{JobState, Want};
use repartee_store::runs::Run;
use repartee_store::sweeps::{self, NewSweep, NewTrial, Trial, TrialResult};
use repartee_terms::{JobStatus, TrialOutcome};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::evaluation::compared::headline;
use crate::evaluation::evaluate::Evaluate;
use crate::training::Train;
use crate::training::run_config::{FieldType, ModelKind, RunConfig, SETTINGS, Setting};

/// Trials of a sweep, at most: more are a typing error.
const MOST_TRIALS: usize = 1000;
/// Trials that are trained completely before the first one can be pruned, unless the sweep sets another number.
pub const PRUNE_AFTER: usize = 4;
/// Samples of the random settings, unless the sweep sets another number.
pub const TRIALS: usize = 8;
/// Significant digits of a sampled number after the first: the table shows the exact value.
const DIGITS: usize = 2;
/// Samples in a row that were there before, after which the ranges are taken to have no other values.
const REPEATS: usize = 100;

/// The swept settings of a configuration, with their values as typed, in order.
type Settings = Vec<(String, String)>;

/// A setting with the values that it takes in a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SweptValues {
    /// Key in the run config.
    pub setting: String,
    /// As typed.
    pub values: Vec<String>,
}

/// A setting whose values are sampled between two numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SampledRange {
    /// Key in the run config.
    pub setting: String,
    /// As typed, and so is `high`.
    pub low: String,
    pub high: String,
    /// Whether its logarithm is uniform.
    pub log: bool,
}

/// Trains a model with several values of its settings. A job: `sweep`. Its trials are jobs of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The settings that all trials share. Its name is that of the sweep; its seed also samples.
    pub config: RunConfig,
    /// Each combination of these values is a configuration.
    #[serde(default)]
    pub grid: Vec<SweptValues>,
    #[serde(default)]
    pub random: Vec<SampledRange>,
    /// Samples of `random` for each combination of `grid`.
    #[serde(default)]
    pub trials: usize,
    /// Each configuration is trained with each of these.
    pub seeds: Vec<u64>,
    /// Whether a trial ends early if its validation loss is worse than the median of earlier trials at the same step.
    #[serde(default)]
    pub prune: bool,
    /// Trials that are trained completely before the first one can be pruned.
    #[serde(default)]
    pub prune_after: usize,
}

/// A sweep with its results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SweepInfo {
    pub name: String,
    /// generator, realism or upvotes.
    pub kind: ModelKind,
    pub job: String,
    /// None: its job is gone.
    pub state: Option<JobStatus>,
    /// Name of `value`: "perplexity", "AUC". None: no trial is evaluated yet.
    pub metric: Option<String>,
    /// In the order in which they are trained: all configurations with the first seed, then with the next.
    pub trials: Vec<TrialInfo>,
    pub configurations: Vec<ConfigurationInfo>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A trial of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TrialInfo {
    /// From 1.
    pub n: u64,
    /// The swept settings with their values.
    pub settings: Vec<(String, String)>,
    pub seed: u64,
    /// None: it has not begun, or was deleted.
    pub run: Option<String>,
    /// None: it has not ended.
    pub outcome: Option<TrialOutcome>,
    /// State of its training; none: it has not begun, or has ended.
    pub state: Option<JobStatus>,
    /// Lowest validation loss.
    pub loss: Option<f64>,
    /// The step with that loss.
    pub step: Option<u64>,
    /// The metric of its best checkpoint on the validation set; none for a pruned one.
    pub value: Option<f64>,
}

/// The trials of a sweep that differ only in their seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConfigurationInfo {
    /// The swept settings with their values.
    pub settings: Vec<(String, String)>,
    /// Number of trials.
    pub trials: usize,
    /// How many of these ended without being pruned; the means are of them.
    pub complete: usize,
    /// Lowest validation loss.
    pub loss: Option<Spread>,
    /// The metric on the validation set.
    pub value: Option<Spread>,
    /// Whether its mean loss is the lowest of the configurations whose trials are all complete.
    pub best: bool,
}

/// Mean and spread over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
pub struct Spread {
    pub mean: f64,
    /// Sample standard deviation; none with one value.
    pub sd: Option<f64>,
}

impl Spread {
    /// `None` without values.
    fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        match values.len() {
            0 => None,
            1 => Some(Self { mean, sd: None }),
            _ => Some(Self {
                mean,
                sd: Some((squares / (n - 1.0)).sqrt()),
            }),
        }
    }
}

/// A setting by its key or its flag.
fn setting(name: &str) -> Result<&'static Setting> {
    let (name, key) = (name.trim(), name.trim().replace('-', "_"));
    let found = SETTINGS
        .iter()
        .find(|one| one.name == key || (!name.is_empty() && one.row.alias == name));
    found.ok_or_else(|| {
        let names: Vec<&str> = SETTINGS.iter().map(|one| one.name).collect();
        Error::usage(format!(
            "a run has no setting {name:?}; it has: {}",
            names.join(", ")
        ))
    })
}

/// Refuses a setting that all trials share.
fn check_swept(name: &str) -> Result<()> {
    let why = match name {
        "kind" => "a sweep trains models of one kind",
        "name" => "each trial has a name of its own",
        "split" => "all trials are trained on the same split, so that they compare",
        "seed" => "the seeds of a sweep are a setting of their own",
        _ => return Ok(()),
    };
    Err(Error::usage(format!("{name} cannot be swept: {why}")))
}

/// "SETTING=REST".
fn setting_and<'a>(text: &'a str, form: &str) -> Result<(&'static str, &'a str)> {
    let (name, rest) = text
        .split_once('=')
        .ok_or_else(|| Error::usage(format!("expected {form}, not {text:?}")))?;
    let name = setting(name)?.name;
    check_swept(name)?;
    Ok((name, rest))
}

impl SweptValues {
    /// From "SETTING=VALUE,VALUE".
    ///
    /// # Errors
    /// [`Code::Usage`] if it has another form, or there is no such setting.
    pub fn parse(text: &str) -> Result<Self> {
        let (setting, values) = setting_and(text, "SETTING=VALUE,VALUE")?;
        let values = values.split(',').map(|value| value.trim().to_owned());
        Ok(Self {
            setting: setting.to_owned(),
            values: values.collect(),
        })
    }
}

impl SampledRange {
    /// From "SETTING=LOW..HIGH" or "SETTING=LOW..HIGH:log".
    ///
    /// # Errors
    /// [`Code::Usage`] if it has another form, or there is no such setting.
    pub fn parse(text: &str) -> Result<Self> {
        const FORM: &str = "SETTING=LOW..HIGH or SETTING=LOW..HIGH:log";
        let (setting, range) = setting_and(text, FORM)?;
        let (range, log) = match range.strip_suffix(":log") {
            Some(range) => (range, true),
            None => (range, false),
        };
        let (low, high) = range
            .split_once("..")
            .ok_or_else(|| Error::usage(format!("expected {FORM}, not {text:?}")))?;
        Ok(Self {
            setting: setting.to_owned(),
            low: low.trim().to_owned(),
            high: high.trim().to_owned(),
            log,
        })
    }

    /// Both ends as numbers.
    fn ends(&self) -> Result<(f64, f64)> {
        let name = &self.setting;
        if !setting(name)?.is_number() {
            return Err(Error::usage(format!(
                "{name} is not a number, so it cannot be sampled from a range; list its values instead"
            )));
        }
        let number = |text: &str| {
            let parsed: Option<f64> = text.parse().ok().filter(|x: &f64| x.is_finite());
            parsed.ok_or_else(|| Error::usage(format!("{name} takes a number, not {text:?}")))
        };
        let (low, high) = (number(&self.low)?, number(&self.high)?);
        if low >= high {
            return Err(Error::usage(format!(
                "the range of {name} must go from low to high, not from {low} to {high}"
            )));
        }
        if self.log && low <= 0.0 {
            return Err(Error::usage(format!(
                "a logarithmic range of {name} must begin above 0, not at {low}"
            )));
        }
        Ok((low, high))
    }

    /// The value at `u`, which is uniform in [0, 1).
    fn sample(&self, u: f64) -> Result<String> {
        let (low, high) = self.ends()?;
        let is_whole = setting(&self.setting)?.kind() == FieldType::Integer;
        let sampled = match (self.log, is_whole) {
            (true, _) => (low.ln() + u * (high.ln() - low.ln())).exp(),
            (false, false) => low + u * (high - low),
            // each whole number is as likely as the others
            (false, true) => (low + u * (high - low + 1.0)).floor(),
        };
        if is_whole {
            return Ok((sampled.round().clamp(low, high) as u64).to_string());
        }
        let rounded: f64 = format!("{sampled:.DIGITS$e}").parse().unwrap_or(sampled);
        Ok(match rounded {
            x if x <= low => self.low.clone(),
            x if x >= high => self.high.clone(),
            x => format!("{x:?}"),
        })
    }
}

impl Sweep {
    /// The configurations, each once: each combination of the grid, with each sample of the ranges.
    fn configurations(&self) -> Result<Vec<Settings>> {
        let mut all: Vec<Settings> = vec![Vec::new()];
        for axis in &self.grid {
            let mut more = Vec::with_capacity(all.len() * axis.values.len());
            for before in &all {
                for value in &axis.values {
                    let mut settings = before.clone();
                    settings.push((axis.setting.clone(), value.clone()));
                    more.push(settings);
                }
            }
            all = more;
        }
        if self.random.is_empty() {
            return Ok(all);
        }
        let mut stream = Stream::new(self.config.seed, "sweep");
        let mut sampled = Vec::with_capacity(all.len() * self.trials);
        for before in &all {
            let mut samples: Vec<Settings> = Vec::with_capacity(self.trials);
            let mut repeats = 0;
            while samples.len() < self.trials && repeats < REPEATS {
                let mut settings = before.clone();
                for range in &self.random {
                    let value = range.sample(stream.next_f64())?;
                    settings.push((range.setting.clone(), value));
                }
                // trained again with the same seed, it would give the same bits, and count as another seed
                if samples.contains(&settings) {
                    repeats += 1;
                } else {
                    repeats = 0;
                    samples.push(settings);
                }
            }
            sampled.append(&mut samples);
        }
        Ok(sampled)
    }

    /// Refuses what cannot be swept, before any combination is made.
    fn check_axes(&self) -> Result<()> {
        let grid = self.grid.iter().map(|axis| &axis.setting);
        let random = self.random.iter().map(|range| &range.setting);
        let mut seen = BTreeSet::new();
        for name in grid.chain(random) {
            check_swept(setting(name)?.name)?;
            if !seen.insert(name) {
                return Err(Error::usage(format!("{name} is swept twice")));
            }
        }
        for axis in &self.grid {
            let values: BTreeSet<&String> = axis.values.iter().collect();
            if values.is_empty() || values.len() < axis.values.len() {
                return Err(Error::usage(format!(
                    "the values of {} must differ, and there must be at least one",
                    axis.setting
                )));
            }
        }
        for range in &self.random {
            range.ends()?;
            for end in [&range.low, &range.high] {
                self.config_of(&[(range.setting.clone(), end.clone())], 1, "")?;
            }
        }
        if !self.random.is_empty() && self.trials == 0 {
            return Err(Error::usage(
                "the number of samples of the random settings must be at least 1",
            ));
        }
        let seeds: BTreeSet<&u64> = self.seeds.iter().collect();
        if seeds.is_empty() || seeds.len() < self.seeds.len() {
            return Err(Error::usage(
                "the seeds must differ, and there must be at least one",
            ));
        }
        if self.prune && self.prune_after == 0 {
            return Err(Error::usage(
                "at least one trial must be trained completely before another can be pruned",
            ));
        }
        let samples = if self.random.is_empty() {
            1
        } else {
            self.trials
        };
        let factors = self.grid.iter().map(|axis| axis.values.len());
        let number = factors
            .chain([samples, self.seeds.len()])
            .try_fold(1_usize, usize::checked_mul);
        match number {
            Some(1) => Err(Error::usage(
                "a sweep needs more than one trial: give a setting with several values, a range, or several seeds",
            )),
            Some(2..=MOST_TRIALS) => Ok(()),
            _ => Err(Error::usage(format!(
                "a sweep has at most {MOST_TRIALS} trials; name fewer values, samples or seeds"
            ))),
        }
    }

    /// All trials, in their order.
    fn plan(&self) -> Result<Vec<NewTrial>> {
        self.check_axes()?;
        let configurations = self.configurations()?;
        let mut trials = Vec::with_capacity(configurations.len() * self.seeds.len());
        for seed in &self.seeds {
            for settings in &configurations {
                self.config_of(settings, *seed, "")?;
                trials.push(NewTrial {
                    settings: to_json(settings)?,
                    seed: *seed,
                });
            }
        }
        Ok(trials)
    }

    /// The run config of a trial.
    fn config_of(&self, settings: &[(String, String)], seed: u64, name: &str) -> Result<RunConfig> {
        let mut config = self.config.clone();
        for (setting, value) in settings {
            config.set(setting, value)?;
        }
        config.seed = seed;
        name.clone_into(&mut config.name);
        config.check()?;
        Ok(config)
    }

    /// Stores the sweep of a job, with its trials.
    fn begin(&self, store: &Store, job: &str) -> Result<sweeps::Sweep> {
        let trials = self.plan()?;
        let mut name = self.config.name.clone();
        if name.is_empty() {
            let taken: Vec<String> = store.sweeps()?.into_iter().map(|one| one.name).collect();
            let numbered = (1..)
                .map(|n| format!("sweep-{n}"))
                .find(|name| !taken.contains(name));
            name = numbered.unwrap_or_default();
        }
        let names: BTreeSet<String> = (1..=trials.len() as u64)
            .map(|n| run_name(&name, n))
            .collect();
        for run in &names {
            repartee_core::names::check(ItemKind::Run, run)?;
        }
        let taken = store
            .runs()?
            .into_iter()
            .find(|run| names.contains(&run.name));
        if let Some(run) = taken {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "there is already a run {:?}, which is the name of a trial; choose another name for the sweep",
                    run.name
                ),
            ));
        }
        let new = NewSweep {
            name: name.clone(),
            kind: self.config.kind,
            job_id: job.to_owned(),
            trials,
        };
        store.sweep_insert(&new, now_ms())?;
        Ok(store.sweep_named(&name)?)
    }

    /// The runs that a trial is compared with: those of all trials before it.
    fn against(&self, before: &[Trial]) -> Vec<i64> {
        if !self.prune || before.len() < self.prune_after {
            return Vec::new();
        }
        let runs = before
            .iter()
            .filter_map(|trial| trial.result.as_ref()?.run_id);
        runs.collect()
    }

    /// Trains a trial, and evaluates its best checkpoint on the validation set unless it was pruned.
    fn trial(
        &self,
        ctx: &Ctx,
        sweep: &sweeps::Sweep,
        trial: &Trial,
        prune_against: Vec<i64>,
    ) -> Result<TrialResult, Stop> {
        let settings: Settings = from_json(&trial.settings)?;
        let config = self.config_of(&settings, trial.seed, &run_name(&sweep.name, trial.n))?;
        let step = step_name(trial.n);
        ctx.say(format!("{step}: {}", described(&settings, trial.seed)));
        let train = Train {
            prune_against,
            ..Train::new(&config)?
        };
        let trained = match ctx.step(&step, &train) {
            // a learning rate may be too high: that is a result, too
            Err(Stop::Failed(error)) if error.code == Code::Model => {
                ctx.say(format!("{step} failed: {}", error.message));
                None
            }
            trained => Some(trained?),
        };
        let run = run_of_step(ctx.project, ctx.job(), &step)?;
        let Some(trained) = trained else {
            return Ok(TrialResult {
                outcome: TrialOutcome::Failed,
                run_id: run.map(|run| run.id),
                best: None,
                metric: None,
            });
        };
        let outcome = match trained.outcome {
            Outcome::Finished => TrialOutcome::Finished,
            Outcome::EarlyStop => TrialOutcome::EarlyStop,
            Outcome::Pruned => TrialOutcome::Pruned,
            Outcome::Stopped | Outcome::Paused | Outcome::Cancelled => TrialOutcome::Stopped,
        };
        let best = trained
            .best_loss
            .map(|loss| (loss, trained.best_step as u64));
        let metric = match &run {
            Some(run) if best.is_some() && outcome != TrialOutcome::Pruned => {
                let evaluate = Evaluate {
                    run: run.name.clone(),
                    partition: Partition::Val,
                    limit: config.validate_limit,
                    device: config.device,
                    ..Evaluate::default()
                };
                let evaluated = ctx.step(&format!("evaluation of {step}"), &evaluate)?;
                headline(&evaluated.compared).and_then(|one| Some((one.name.clone(), one.value?)))
            }
            _ => None,
        };
        Ok(TrialResult {
            outcome,
            run_id: run.map(|run| run.id),
            best,
            metric,
        })
    }
}

/// The name of a trial's run.
fn run_name(sweep: &str, n: u64) -> String {
    format!("{sweep}-{n}")
}

/// The name of a trial as a step of the sweep's job.
fn step_name(n: u64) -> String {
    format!("trial {n}")
}

/// "learning_rate 1e-4, seed 1".
fn described(settings: &[(String, String)], seed: u64) -> String {
    let settings = settings
        .iter()
        .map(|(name, value)| format!("{name} {value}, "));
    format!("{}seed {seed}", settings.collect::<String>())
}

/// The run that a step of a job trains.
fn run_of_step(project: &Project, job: &str, step: &str) -> Result<Option<Run>> {
    match project.step_of(job, step)? {
        Some(id) => Ok(project.store.run_of_job(&id)?),
        None => Ok(None),
    }
}

/// The items that the values of a setting name.
fn items_of(name: &str) -> Option<ItemKind> {
    match setting(name).ok()?.kind() {
        FieldType::Base => Some(ItemKind::Base),
        FieldType::Fakes => Some(ItemKind::Fakes),
        _ => None,
    }
}

impl Job for Sweep {
    const KIND: &'static str = "sweep";
    const ON_INTERRUPT: Want = Want::Pause;
    const QUEUED: bool = true;
    const LATER_STEPS: LaterSteps = LaterSteps::Named;
    type Outcome = SweepInfo;

    fn names(&mut self, each: EachName) {
        for (kind, name) in self.config.names() {
            // that of the sweep names no run
            if kind != ItemKind::Run {
                each(Named::used(kind, name));
            }
        }
        for axis in &mut self.grid {
            if let Some(kind) = items_of(&axis.setting) {
                for name in &mut axis.values {
                    each(Named::used(kind, name));
                }
            }
        }
    }

    fn is_named(&mut self) -> bool {
        !self.config.name.is_empty()
    }

    fn subject(&self) -> String {
        let config = &self.config;
        format!("{} {}", config.kind.as_str(), config.name)
            .trim_end()
            .to_owned()
    }

    fn check(&self, project: &Project) -> Result<()> {
        self.plan()?;
        // what a training checks beyond its settings depends on these alone
        let mut checked = BTreeSet::new();
        for settings in self.configurations()? {
            let config = self.config_of(&settings, self.config.seed, "")?;
            let of = [&config.base, &config.fakes, &config.device].map(String::clone);
            if checked.insert(of) {
                Train::new(&config)?.check(project)?;
            }
        }
        Ok(())
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        let name = &self.config.name;
        match project.store.sweeps()?.iter().any(|one| one.name == *name) {
            true => Err(Error::new(
                Code::Exists,
                format!("there is already a sweep {name:?}; choose another name"),
            )),
            false => Ok(()),
        }
    }

    fn run(&self, ctx: &Ctx) -> Result<SweepInfo, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        let sweep = match store.sweep_of_job(ctx.job())? {
            Some(sweep) => sweep,
            None => {
                let sweep = self.begin(store, ctx.job())?;
                let trials = store.trials(sweep.id)?.len();
                ctx.say(format!("sweep {}: {trials} trials", sweep.name));
                sweep
            }
        };
        let mut trials = store.trials(sweep.id)?;
        for at in 0..trials.len() {
            ctx.go_on()?;
            let (before, rest) = trials.split_at(at);
            let Some(trial) = rest.first().filter(|trial| trial.result.is_none()) else {
                continue;
            };
            let total = trials.len() as u64;
            ctx.tick(
                Progress::new(
                    format!("sweep {}", sweep.name),
                    at as u64,
                    Some(total),
                    "trials",
                )
                .uneven(),
            );
            let result = self.trial(ctx, &sweep, trial, self.against(before))?;
            store.trial_end(sweep.id, trial.n, &result)?;
            trials[at].result = Some(result);
        }
        let failed = |trial: &Trial| {
            let result = trial.result.as_ref();
            result.is_some_and(|result| result.outcome == TrialOutcome::Failed)
        };
        if trials.iter().all(failed) {
            return Err(Error::new(
                Code::Negative,
                "every trial of the sweep failed; the log of its job says why",
            )
            .into());
        }
        Ok(SweepInfo {
            // as soon as this is its outcome
            state: Some(JobStatus::Done),
            ..engine.sweep_info(sweep, &store.runs()?)?
        })
    }
}

impl Engine {
    /// Stores a sweep whose trials other machines will train, and returns its job and those of the trials that have no
    /// result yet. Once they are merged, resuming the sweep's job evaluates them, and trains here what has failed.
    ///
    /// # Errors
    /// Those of starting it; [`Code::Usage`] for a sweep that prunes.
    pub fn sweep_elsewhere(&self, sweep: &Sweep) -> Result<(String, Vec<String>)> {
        if sweep.prune {
            return Err(Error::usage(
                "a trial is pruned by comparing it with the trials before it, and in a bundle or an array none is before \
                 another; omit --prune",
            ));
        }
        let job = self.job_elsewhere(sweep)?;
        let stored = match self.store.sweep_of_job(&job)? {
            Some(stored) => stored,
            None => sweep.begin(&self.store, &job)?,
        };
        let mut jobs = Vec::new();
        for trial in self.store.trials(stored.id)? {
            let step = step_name(trial.n);
            let before = match self.step_of(&job, &step)? {
                Some(id) => self.store.job(&id)?,
                None => None,
            };
            match before {
                _ if trial.result.is_some() => continue,
                Some(row) if row.state == JobState::Done => continue,
                Some(row) if row.state != JobState::Cancelled => {
                    jobs.push(row.id);
                    continue;
                }
                _ => {}
            }
            let settings: Settings = from_json(&trial.settings)?;
            let config =
                sweep.config_of(&settings, trial.seed, &run_name(&stored.name, trial.n))?;
            let id = self.job_elsewhere(&Train::new(&config)?)?;
            self.set_step(&job, &step, &id)?;
            jobs.push(id);
        }
        Ok((job, jobs))
    }

    /// All sweeps with their results, oldest first.
    pub fn sweeps(&self) -> Result<Vec<SweepInfo>> {
        let sweeps = self.store.sweeps()?.into_iter();
        let runs = self.store.runs()?;
        sweeps.map(|sweep| self.sweep_info(sweep, &runs)).collect()
    }

    /// A sweep with its results.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn sweep_show(&self, name: &str) -> Result<SweepInfo> {
        let sweep = self.store.sweep_named(name)?;
        self.sweep_info(sweep, &self.store.runs()?)
    }

    fn sweep_info(&self, sweep: sweeps::Sweep, runs: &[Run]) -> Result<SweepInfo> {
        let trials = self.store.trials(sweep.id)?;
        let metric = metric_of(&trials);
        let trials: Vec<TrialInfo> = (trials.into_iter())
            .map(|trial| self.trial_info(&sweep, trial, metric.as_deref(), runs))
            .collect::<Result<_>>()?;
        Ok(SweepInfo {
            kind: sweep.kind,
            state: self.job(&sweep.job_id).map(|job| job.state).ok(),
            metric,
            configurations: configurations(&trials),
            trials,
            job: sweep.job_id,
            created_ms: sweep.created_ms,
            name: sweep.name,
        })
    }

    fn trial_info(
        &self,
        sweep: &sweeps::Sweep,
        trial: Trial,
        metric: Option<&str>,
        runs: &[Run],
    ) -> Result<TrialInfo> {
        let step = match &trial.result {
            Some(_) => None,
            None => self.step_of(&sweep.job_id, &step_name(trial.n))?,
        };
        let (result, step_job) = (trial.result.as_ref(), step.as_deref());
        let by_id = |id: i64| runs.iter().find(|run| run.id == id);
        let by_job = |id: &str| runs.iter().find(|run| run.job_id.as_deref() == Some(id));
        let run = match result {
            Some(result) => result.run_id.and_then(by_id),
            None => step_job.and_then(by_job),
        };
        let best = result.and_then(|result| result.best);
        Ok(TrialInfo {
            n: trial.n,
            // what cannot be read must not hide the result; `repartee check` names it
            settings: serde_json::from_str(&trial.settings).unwrap_or_default(),
            seed: trial.seed,
            run: run.map(|run| run.name.clone()),
            outcome: result.map(|result| result.outcome),
            state: step_job.and_then(|id| self.job(id).map(|job| job.state).ok()),
            loss: best.map(|(loss, _)| loss),
            step: best.map(|(_, step)| step),
            value: result.and_then(|result| value_by(metric, result)),
        })
    }
}

/// The metric of a sweep: that of the first trial that was evaluated.
fn metric_of(trials: &[Trial]) -> Option<String> {
    let mut known = trials.iter().filter_map(|trial| trial.result.as_ref());
    known.find_map(|result| result.metric.as_ref().map(|(name, _)| name.clone()))
}

/// The value of a trial by a metric; `None` if it has another one, because this one was undefined for it.
fn value_by(metric: Option<&str>, result: &TrialResult) -> Option<f64> {
    let (name, value) = result.metric.as_ref()?;
    (metric == Some(name.as_str())).then_some(*value)
}

/// The trials by their settings, in the order of the first of each.
fn configurations(trials: &[TrialInfo]) -> Vec<ConfigurationInfo> {
    let mut all: Vec<ConfigurationInfo> = Vec::new();
    for trial in trials {
        if all.iter().any(|one| one.settings == trial.settings) {
            continue;
        }
        let same = trials
            .iter()
            .filter(|other| other.settings == trial.settings);
        let same: Vec<&TrialInfo> = same.collect();
        let is_complete = |trial: &TrialInfo| {
            let ended = trial.outcome;
            ended.is_some_and(|it| !matches!(it, TrialOutcome::Pruned | TrialOutcome::Failed))
        };
        let complete: Vec<&TrialInfo> = same.iter().copied().filter(|t| is_complete(t)).collect();
        let of = |figure: fn(&TrialInfo) -> Option<f64>| {
            let values: Vec<f64> = complete.iter().filter_map(|trial| figure(trial)).collect();
            Spread::of(&values)
        };
        all.push(ConfigurationInfo {
            settings: trial.settings.clone(),
            trials: same.len(),
            complete: complete.len(),
            loss: of(|trial| trial.loss),
            value: of(|trial| trial.value),
            best: false,
        });
    }
    let complete = all.iter_mut().filter(|one| one.complete == one.trials);
    let mean = |one: &ConfigurationInfo| one.loss.map_or(f64::INFINITY, |loss| loss.mean);
    let best = complete.min_by(|a, b| mean(a).total_cmp(&mean(b)));
    if let Some(best) = best.filter(|best| best.loss.is_some()) {
        best.best = true;
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn sweep(grid: &[&str], random: &[&str], seeds: &[u64]) -> Sweep {
        Sweep {
            config: RunConfig::of(ModelKind::Generator),
            grid: grid
                .iter()
                .map(|text| SweptValues::parse(text).unwrap())
                .collect(),
            random: random
                .iter()
                .map(|text| SampledRange::parse(text).unwrap())
                .collect(),
            trials: 5,
            seeds: seeds.to_vec(),
            prune: false,
            prune_after: PRUNE_AFTER,
        }
    }

    fn planned(sweep: &Sweep) -> Vec<(Settings, u64)> {
        let trials = sweep.plan().unwrap().into_iter();
        trials
            .map(|trial| (from_json(&trial.settings).unwrap(), trial.seed))
            .collect()
    }

    #[test]
    fn grid_is_every_combination_with_the_first_seed_then_the_next() {
        let sweep = sweep(&["lr=1e-4,3e-4", "batch-size=4,8"], &[], &[7, 2]);
        let pair = |rate: &str, batch: &str| {
            let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            vec![of("learning_rate", rate), of("batch_size", batch)]
        };
        let four = [
            pair("1e-4", "4"),
            pair("1e-4", "8"),
            pair("3e-4", "4"),
            pair("3e-4", "8"),
        ];
        let want: Vec<(Settings, u64)> = [7, 2]
            .into_iter()
            .flat_map(|seed| four.iter().map(move |settings| (settings.clone(), seed)))
            .collect();
        assert_eq!(planned(&sweep), want);
        let config = sweep.config_of(&want[7].0, 2, "a-8").unwrap();
        assert_eq!((config.learning_rate, config.batch_size), (3e-4, 8));
        assert_eq!((config.seed, config.name.as_str()), (2, "a-8"));
    }

    #[test]
    fn samples_are_within_their_range_and_of_the_seed() {
        let random = [
            "learning_rate=1e-5..1e-3:log",
            "warmup=0..0.5",
            "accumulate=1..3",
        ];
        let mut sweep = sweep(&["loss=reply,all"], &random, &[1]);
        sweep.trials = 100;
        let trials = planned(&sweep);
        assert_eq!(trials.len(), 200);
        assert_eq!(planned(&sweep), trials);
        let (mut low, mut whole) = (0, BTreeSet::new());
        for (settings, _) in &trials {
            let config = sweep.config_of(settings, 1, "").unwrap();
            assert!(
                (1e-5..=1e-3).contains(&config.learning_rate),
                "{settings:?}"
            );
            assert!((0.0..=0.5).contains(&config.warmup), "{settings:?}");
            low += usize::from(config.learning_rate < 1e-4);
            whole.insert(config.accumulate);
            // three significant digits: the value is what the table shows
            assert!(settings[1].1.len() < 9, "{settings:?}");
        }
        assert!(
            (70..130).contains(&low),
            "{low} of 200 are below the middle"
        );
        assert_eq!(whole, BTreeSet::from([1, 2, 3]));
        sweep.config.seed = 2;
        assert_ne!(planned(&sweep), trials);
    }

    #[test]
    fn configurations_of_a_small_range_are_sampled_once() {
        let mut sweep = sweep(&["loss=reply,all"], &["accumulate=1..3"], &[1, 2]);
        sweep.trials = 20;
        let trials = planned(&sweep);
        let distinct: BTreeSet<_> = trials.iter().collect();
        // two values of the grid, three of the range, two seeds
        assert_eq!((trials.len(), distinct.len()), (12, 12));
    }

    #[test]
    fn what_cannot_be_swept_is_refused() {
        let grid = |text: &str| SweptValues::parse(text).unwrap_err().message;
        assert!(grid("speed=1,2").contains("no setting \"speed\""));
        assert!(grid("learning_rate").contains("SETTING=VALUE"));
        assert!(grid("split=a,b").contains("the same split"));
        assert!(grid("seed=1,2").contains("seed cannot be swept"));
        let range = |text: &str| SampledRange::parse(text).unwrap_err().message;
        assert!(range("lr=1e-4").contains("LOW..HIGH"));
        for (grid, random, seeds, expected) in [
            ("lr=1e-4", "", vec![1], "more than one trial"),
            ("lr=1e-4,1e-4", "", vec![1], "must differ"),
            (
                "lr=1e-4,2e-4;learning-rate=1e-3",
                "",
                vec![1],
                "swept twice",
            ),
            ("lr=1e-4,20", "", vec![1], "learning_rate must be between"),
            ("lr=1e-4,much", "", vec![1], "takes a number"),
            ("fakes=a,b", "", vec![1], "realism"),
            ("", "lr=1e-3..1e-4", vec![1], "from low to high"),
            ("", "lr=1e-4..20", vec![1], "learning_rate must be between"),
            ("", "warmup=0..1:log", vec![1], "above 0"),
            ("", "loss=1..2", vec![1], "is not a number"),
            ("lr=1e-4,2e-4", "", vec![1, 1], "the seeds must differ"),
            ("lr=1e-4,2e-4", "", vec![], "the seeds must differ"),
        ] {
            let list = |text: &'static str| -> Vec<&str> {
                text.split(';').filter(|one| !one.is_empty()).collect()
            };
            let refused = sweep(&list(grid), &list(random), &seeds).plan();
            let error = refused.unwrap_err().message;
            assert!(error.contains(expected), "{grid:?} {random:?}: {error}");
        }
        let many: Vec<u64> = (0..501).collect();
        let error = sweep(&["lr=1e-4,2e-4"], &[], &many)
            .plan()
            .unwrap_err()
            .message;
        assert!(error.contains("at most 1000"), "{error}");
    }

    #[test]
    fn values_are_by_one_metric() {
        let trial = |n, metric: Option<(&str, f64)>| Trial {
            n,
            settings: String::new(),
            seed: n,
            result: Some(TrialResult {
                outcome: TrialOutcome::Finished,
                run_id: None,
                best: None,
                metric: metric.map(|(name, value)| (name.to_owned(), value)),
            }),
        };
        // the third had one class only, so that its AUC was undefined
        let trials = [
            trial(1, None),
            trial(2, Some(("AUC", 0.8))),
            trial(3, Some(("accuracy", 0.9))),
            trial(4, Some(("AUC", 0.7))),
        ];
        let metric = metric_of(&trials);
        assert_eq!(metric.as_deref(), Some("AUC"));
        let results = trials.iter().filter_map(|trial| trial.result.as_ref());
        let values: Vec<Option<f64>> = results
            .map(|result| value_by(metric.as_deref(), result))
            .collect();
        assert_eq!(values, [None, Some(0.8), None, Some(0.7)]);
        assert_eq!(metric_of(&trials[..1]), None);
    }

    #[test]
    fn best_configuration_has_the_lowest_mean_of_those_that_are_complete() {
        use TrialOutcome::{EarlyStop, Finished, Pruned};
        let trial = |n, value: &str, outcome, loss| TrialInfo {
            n,
            settings: vec![("steps".to_owned(), value.to_owned())],
            seed: n,
            run: None,
            outcome: Some(outcome),
            state: None,
            loss: Some(loss),
            step: Some(1),
            value: None,
        };
        let trials = [
            trial(1, "1", Finished, 3.0),
            trial(2, "2", Finished, 1.0),
            trial(3, "3", EarlyStop, 2.0),
            trial(4, "1", Finished, 3.5),
            trial(5, "2", Pruned, 9.0),
            trial(6, "3", Finished, 4.0),
        ];
        let all = configurations(&trials);
        let means: Vec<_> = all
            .iter()
            .map(|one| one.loss.map(|loss| loss.mean))
            .collect();
        assert_eq!(means, [Some(3.25), Some(1.0), Some(3.0)]);
        let best: Vec<bool> = all.iter().map(|one| one.best).collect();
        assert_eq!(best, [false, false, true]);
        assert_eq!((all[1].complete, all[1].trials), (1, 2));
        assert_eq!(all[1].loss.unwrap().sd, None);
        let sd = all[2].loss.unwrap().sd.unwrap();
        assert!((sd - 2.0_f64.sqrt()).abs() < 1e-12, "{sd}");
        assert_eq!(Spread::of(&[]), None);
    }
}
