//! The job that trains.

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::{EachName, Named};
use repartee_models::train::{self, Event, Outcome, Resume, State};
use repartee_models::weights::{self, Tensors};
use repartee_store::Store;
use repartee_store::jobs::JobRow;
use repartee_store::jobs::Want;
use repartee_store::runs::{Checkpoint, NewRun, Role, Run};
use repartee_store::usable::Discarded;
use repartee_terms::PrecisionChoice;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::prepare::{Prepared, base_of, fakes_of};
use super::prune::MedianRule;
use super::session::Session;
use super::trainee::{Classifier, Generator, Trainee};
use crate::ToEngine;
use crate::bases::bundle;
use crate::bases::permission::may_train;
use crate::items::ItemKind;
use crate::training::model::{bert_config, check_device, gpt2_config, log_fallback};
use crate::training::run_config::{ModelKind, RunConfig};
use repartee_core::format::{bytes, count, counted, seconds};

/// Trains a model. A job: `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Stored with the run.
    pub config: RunConfig,
    /// Ids of the runs that it is compared with at each validation: it ends early if its loss is worse than their
    /// median. Only a sweep sets it. One that is deleted no longer counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(skip)]
    pub prune_against: Vec<i64>,
}

impl Train {
    /// A training with these settings.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub fn new(config: &RunConfig) -> Result<Self> {
        config.check()?;
        Ok(Self {
            config: config.clone(),
            prune_against: Vec::new(),
        })
    }
}

/// The result of training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Trained {
    pub run: String,
    /// generator, realism or upvotes.
    pub kind: ModelKind,
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

impl Job for Train {
    const KIND: &'static str = "train";
    const ON_INTERRUPT: Want = Want::Pause;
    const QUEUED: bool = true;
    const FINISHES: bool = true;
    type Outcome = Trained;

    fn names(&mut self, each: EachName) {
        for (kind, name) in self.config.names() {
            let makes = kind == ItemKind::Run;
            each(Named { kind, makes, name });
        }
    }

    fn subject(&self) -> String {
        let config = &self.config;
        format!("{} {}", config.kind.as_str(), config.name)
            .trim_end()
            .to_owned()
    }

    fn so_far(project: &Project, row: &JobRow) -> Result<Trained> {
        project.engine().trained_so_far(row)
    }

    fn discard(project: &Project, job: &str) -> Result<()> {
        if let Some(run) = project.store.run_of_job(job)? {
            project.store.run_discard(run.id)?;
        }
        Ok(())
    }

    fn check(&self, project: &Project) -> Result<()> {
        let config = &self.config;
        config.check()?;
        check_device(&config.device, PrecisionChoice::Auto)?;
        if !config.fakes.is_empty() && config.kind != ModelKind::Realism {
            return Err(Error::usage(format!(
                "fakes are for a realism model, and this is a run of kind {}; omit the set of fakes",
                config.kind.as_str()
            )));
        }
        let wrong = project
            .store
            .bases()?
            .into_iter()
            .find(|base| base.name == config.base && base.kind != config.kind.base_kind());
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
        let store = &ctx.project.store;
        let config = &self.config;
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
            ModelKind::Realism => Some(fakes_of(store, config, &split)?),
            ModelKind::Generator | ModelKind::Upvotes => None,
        };
        may_train(
            &ctx.engine(),
            &base_of(store, config)?,
            &split,
            fakes.as_ref(),
        )?;
        if let Some(mark) = ctx.engine().study_mark()? {
            ctx.say(mark);
        }
        match config.kind {
            ModelKind::Generator => self.train::<Generator>(ctx, before),
            ModelKind::Realism | ModelKind::Upvotes => self.train::<Classifier>(ctx, before),
        }
    }
}

impl Train {
    /// Prepares the run, stores it if it is new, and trains.
    fn train<T: Trainee>(&self, ctx: &Ctx, before: Option<Run>) -> Result<Trained, Stop> {
        let store = &ctx.project.store;
        let mut config = self.config.clone();
        let base = base_of(store, &config)?;
        let positions = match config.kind {
            ModelKind::Generator => gpt2_config(&base)?.n_positions,
            ModelKind::Realism | ModelKind::Upvotes => bert_config(&base)?.max_position_embeddings,
        };
        if config.max_tokens > positions {
            ctx.say(format!(
                "the maximum sequence length is {positions} tokens, the context of base {:?}, instead of {}",
                base.name, config.max_tokens
            ));
            config.max_tokens = positions; // stored as it is used
        }
        let prepared = Prepared::<T>::new(store, config)?;
        ctx.go_on()?;
        let run = match before {
            Some(run) => run,
            None => insert_run(store, &prepared, ctx.job())?,
        };
        log_fallback(ctx, prepared.fallback.as_ref());
        ctx.say(introduction(&run, &prepared));
        let rule = MedianRule::against(store, &self.prune_against)?;
        learn(ctx, run, prepared, rule)
    }
}

/// A name for a run: its kind and the first number that is free. `taken`: names that no run has yet.
pub(crate) fn free_run_name(
    store: &Store,
    kind: ModelKind,
    mut taken: Vec<String>,
) -> Result<String> {
    taken.extend(store.runs()?.into_iter().map(|run| run.name));
    let numbered = (1..)
        .map(|n| format!("{}-{n}", kind.as_str()))
        .find(|name| !taken.contains(name));
    Ok(numbered.unwrap_or_default())
}

fn insert_run<T>(store: &Store, prepared: &Prepared<T>, job: &str) -> Result<Run> {
    let kind = prepared.config.kind;
    let mut name = prepared.config.name.clone();
    if name.is_empty() {
        name = free_run_name(store, kind, Vec::new())?;
    }
    repartee_core::names::check(ItemKind::Run, &name)?;
    let new = NewRun {
        name: name.clone(),
        kind,
        base_id: prepared.base.id,
        split_id: prepared.split.id,
        fake_set_id: prepared.fakes.as_ref().map(|set| set.id),
        config: to_json(&prepared.config)?,
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
fn introduction<T>(run: &Run, prepared: &Prepared<T>) -> String {
    let facts = &prepared.facts;
    let mut text = format!(
        "run {}: base {}, split {}, {} and {}, {} parameters, {}, about {} and {} on {} with {}",
        run.name,
        facts.base,
        facts.split,
        counted(
            facts.train_examples,
            "training example",
            "training examples"
        ),
        counted(
            facts.val_examples,
            "validation example",
            "validation examples"
        ),
        count(facts.parameters as u64),
        counted(facts.steps, "step", "steps"),
        bytes(facts.estimated_bytes as u64),
        seconds(facts.estimated_seconds),
        facts.device,
        counted(facts.threads, "thread", "threads"),
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
/// Trains from the base, or from the run's last save.
fn learn<T: Trainee>(
    ctx: &Ctx,
    run: Run,
    prepared: Prepared<T>,
    rule: MedianRule,
) -> Result<Trained, Stop> {
    let store = &ctx.project.store;
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
        device,
        trainee,
        mut sampler,
        plan,
        ..
    } = prepared;
    let (tensors, report) = trainee.load(found, &device)?;
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
    let best = best_state(store, run.id)?;
    match (&state, &best) {
        (Some(state), _) => ctx.say(format!("resuming after step {}", state.step)),
        (None, Some(best)) => ctx.say(format!(
            "nothing to resume from was saved, so the training starts over; its best checkpoint, of step {}, is \
             kept until there is a better one",
            best.step
        )),
        (None, None) => {}
    }
    let resume = state.clone().map(|state| Resume {
        state,
        moment: &mut moment,
    });
    let model = trainee.model(&weights::view(&vars, true))?;
    let frozen = trainee.model(&weights::view(&vars, false))?;
    let mut session = Session::new(ctx, run, &vars, files, &plan, [state, best]);
    session.rule = rule;
    let outcome = match session.was_pruned()? {
        true => Ok(Outcome::Pruned),
        false => train::train(
            &vars,
            &plan,
            resume,
            &mut |n| Ok(trainee.batch(sampler.batch(n))),
            &mut |batch, stream| trainee.loss(&model, batch, stream),
            &mut || trainee.validate(&frozen),
            &mut |event: Event<'_>| session.on_event(&event, &|| trainee.samples(&frozen)),
        ),
    };
    session.write_metrics()?;
    result(ctx, session, outcome?)
}

/// What a run that ended is to its job.
fn result(ctx: &Ctx, session: Session<'_>, outcome: Outcome) -> Result<Trained, Stop> {
    match outcome {
        Outcome::Paused => Err(Stop::Pause),
        Outcome::Cancelled => {
            if ctx.is_discarded() {
                let done = ctx.project.store.run_discard(session.run.id)?;
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
            let best = session.best.as_ref();
            Ok(trained(&session.run, outcome, &state, best))
        }
    }
}

/// The state with which a run's best checkpoint was saved.
pub(super) fn best_state(store: &Store, run_id: i64) -> Result<Option<State>> {
    let best = store.checkpoint(run_id, Role::Best)?;
    best.map(|best| from_json(&best.state)).transpose()
}

/// What a run ended with: its last state, and its best checkpoint.
pub(super) fn trained(run: &Run, outcome: Outcome, state: &State, best: Option<&State>) -> Trained {
    let best = best.unwrap_or(state);
    Trained {
        run: run.name.clone(),
        kind: run.kind,
        outcome,
        steps: state.step,
        best_loss: best.best,
        best_step: best.best_step,
        tokens: state.tokens,
    }
}

fn discarded_words(run: &str, done: Discarded) -> String {
    match done.kept {
        0 => format!("run {run}: its weights are removed"),
        n => format!(
            "run {run}: its weights are removed, except for {} that something was made or evaluated with",
            counted(n, "checkpoint", "checkpoints")
        ),
    }
}
