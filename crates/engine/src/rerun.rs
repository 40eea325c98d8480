//! Reruns: a finished training is repeated with what the project holds, and compared with the first one, bit by bit.
//!
//! The same seed gives the same bits only with the same device, threads, version and processor, so these are compared,
//! too: a difference under the same conditions is a fault, one under others is expected.

use std::collections::{BTreeMap, BTreeSet};

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Stop};
use repartee_core::kind::{EachName, LaterSteps, Named};
use repartee_core::shell;
use repartee_datasets::Partition;
use repartee_store::blobs::Hash;
use repartee_store::items::ItemKind;
use repartee_store::jobs::Want;
use repartee_store::marks::Marked;
use repartee_store::runs::Run;
use repartee_terms::{JobStatus, ModelKind, PrecisionChoice, Role};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::data::import::SourceInfo;
use crate::evaluation::evaluate::{Evaluate, EvaluationInfo};
use crate::training::model::check_device;
use crate::training::run_config::RunConfig;
use crate::training::run_now::{config_now, facts_now};
use crate::training::{RunFacts, Train};

/// The losses that are compared step by step, as they are stored and as they are called.
const LOSSES: [(&str, &str); 2] = [("loss", "training loss"), ("val_loss", "validation loss")];

/// Repeats a training that ended by itself, with the same settings, split, base, fakes and seed, and compares the two.
/// A job: `rerun`. Its steps are jobs of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Rerun {
    pub run: String,
    /// Name of the new run; empty: that of the run and "-rerun".
    #[serde(default)]
    pub name: String,
}

/// A run and its rerun, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Reran {
    /// The run that was repeated.
    pub run: String,
    /// The new run.
    pub rerun: String,
    /// Whether all weights and all recorded losses are equal, bit by bit.
    pub identical: bool,
    /// Whether both were trained under the same conditions, as far as these are recorded.
    pub same_conditions: bool,
    /// The result in words.
    pub verdict: String,
    pub conditions: Vec<RerunCondition>,
    /// The checkpoints that both have.
    pub weights: Vec<RerunWeights>,
    pub losses: Vec<RerunLosses>,
    /// Figures of the same evaluations of both; empty if the two are identical, or the run was not evaluated.
    pub metrics: Vec<RerunMetric>,
}

/// What the bits of a training depend on, besides its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RerunCondition {
    /// device, threads, version, processor, examples or texts.
    pub name: String,
    /// Of the run; empty: not recorded.
    pub first: String,
    /// Of the rerun.
    pub second: String,
    /// Whether it is known to be the same.
    pub same: bool,
}

/// The weights of a checkpoint, compared by their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RerunWeights {
    pub checkpoint: Role,
    pub tensors: u64,
    /// Those that are not equal in both.
    pub different: u64,
}

/// A loss by step, compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RerunLosses {
    /// training loss or validation loss.
    pub name: String,
    /// Steps for which both have it.
    pub steps: u64,
    /// The first step at which they differ, or which only one has; none: they are equal.
    pub first: Option<u64>,
    /// Largest difference at a step that both have.
    pub largest: Option<f64>,
    /// The step of the largest difference.
    pub at: Option<u64>,
}

/// A figure of two evaluations with the same settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RerunMetric {
    pub partition: Partition,
    /// Display name.
    pub name: String,
    /// Of the run; none if undefined.
    pub first: Option<f64>,
    /// Of the rerun.
    pub second: Option<f64>,
}

impl Rerun {
    /// The name of the new run.
    fn new_name(&self) -> String {
        match self.name.as_str() {
            "" => default_name(&self.run),
            name => name.to_owned(),
        }
    }
}

/// The name of a rerun, unless it is given another.
pub fn default_name(run: &str) -> String {
    format!("{run}-rerun")
}

impl Job for Rerun {
    const KIND: &'static str = "rerun";
    const ON_INTERRUPT: Want = Want::Pause;
    const QUEUED: bool = true;
    const LATER_STEPS: LaterSteps = LaterSteps::Named;
    type Outcome = Reran;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Run, &mut self.run));
        each(Named::made(ItemKind::Run, &mut self.name));
    }

    fn subject(&self) -> String {
        self.run.clone()
    }

    fn check(&self, _project: &Project) -> Result<()> {
        repartee_core::names::check(ItemKind::Run, &self.new_name())
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        let config = project.engine().repeated(self)?;
        if project
            .store
            .runs()?
            .iter()
            .any(|run| run.name == config.name)
        {
            return Err(Error::new(
                Code::Exists,
                format!(
                    "there is already a run {:?}; choose another name for the rerun",
                    config.name
                ),
            ));
        }
        Train::new(&config)?.check(project)
    }

    fn run(&self, ctx: &Ctx) -> Result<Reran, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        let config = engine.repeated(self)?;
        let trained = ctx.step("training", &Train::new(&config)?)?;
        let (run, rerun) = (store.run(&self.run)?, store.run(&trained.run)?);
        let mut reran = engine.compared_with_rerun(&run, &rerun)?;
        if !reran.identical {
            for evaluation in engine.repeatable_evaluations(&run)? {
                reran.metrics.extend(metrics(ctx, &evaluation, &rerun)?);
            }
        }
        reran.verdict = verdict(&reran);
        Ok(reran)
    }
}

impl Engine {
    /// The settings that repeat a run.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such run; [`Code::Usage`] if it has not ended by itself, or what it was trained
    /// on is gone.
    fn repeated(&self, job: &Rerun) -> Result<RunConfig> {
        let run = self.store.run(&job.run)?;
        if self.store.is_marked(Marked::Run, run.id)? {
            return Err(Error::usage(format!(
                "run {:?} was trained on texts that have been deleted since, or made with something that was, so the \
                 same training cannot be repeated; `{}` retrains it without them",
                run.name,
                shell::command(["train", "again", &run.name, "--without-deleted"])
            )));
        }
        let cannot = |why: &str| {
            Err(Error::usage(format!(
                "run {:?} cannot be repeated: {why}",
                run.name
            )))
        };
        match self.run_show(&run.name)?.state {
            None | Some(JobStatus::Done) => {}
            Some(JobStatus::Stopped) => {
                return cannot(
                    "it was ended early, by request or by its sweep, which no setting repeats",
                );
            }
            Some(state) => {
                return cannot(&format!(
                    "its training is not done ({state}); `repartee job list` shows it"
                ));
            }
        }
        let has = |role| -> Result<bool> { Ok(self.store.checkpoint(run.id, role)?.is_some()) };
        if !has(Role::Best)? && !has(Role::Last)? {
            return cannot("it has no weights any more to compare with");
        }
        let facts = facts_now(&run);
        let mut config = config_now(&run)?;
        config.name = job.new_name();
        config.base.clone_from(&run.base);
        config.split.clone_from(&run.split);
        if run.kind == ModelKind::Realism {
            let recorded = facts.as_ref().and_then(|facts| facts.fakes.clone());
            let Some(fakes) = run.fakes.clone().or(recorded) else {
                return cannot("the set of fakes that it was trained on is not on record");
            };
            if self.store.fake_set(&fakes).is_err() {
                return cannot(&format!(
                    "the set of fakes {fakes:?} that it was trained on was deleted"
                ));
            }
            config.fakes = fakes;
        }
        // `auto` may have become another device since
        if let Some(facts) = facts
            && check_device(&facts.device, PrecisionChoice::Auto).is_ok()
        {
            config.device = facts.device;
        }
        Ok(config)
    }

    /// A run and its rerun, without their evaluations.
    fn compared_with_rerun(&self, run: &Run, rerun: &Run) -> Result<Reran> {
        let weights = self.weights_compared(run, rerun)?;
        let losses = LOSSES
            .iter()
            .map(|(figure, name)| {
                let of = |run: &Run| self.store.metric(run.id, figure);
                Ok(losses_compared(name, &of(run)?, &of(rerun)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let conditions = self.conditions(run, rerun)?;
        let equal = weights.iter().all(|one| one.different == 0)
            && losses.iter().all(|one| one.first.is_none());
        Ok(Reran {
            run: run.name.clone(),
            rerun: rerun.name.clone(),
            identical: equal && !weights.is_empty(),
            same_conditions: conditions.iter().all(|one| one.same),
            verdict: String::new(),
            conditions,
            weights,
            losses,
            metrics: Vec::new(),
        })
    }

    fn weights_compared(&self, run: &Run, rerun: &Run) -> Result<Vec<RerunWeights>> {
        let tensors = |run: &Run, role| -> Result<Option<BTreeMap<String, Hash>>> {
            let Some(checkpoint) = self.store.checkpoint(run.id, role)? else {
                return Ok(None);
            };
            let parts = self.store.bundle(checkpoint.bundle_id)?.into_iter();
            // a part without a type is a file of the tokenizer
            let tensors = parts.filter(|part| part.dtype.is_some());
            Ok(Some(tensors.map(|part| (part.name, part.hash)).collect()))
        };
        let mut found = Vec::new();
        for role in [Role::Best, Role::Last] {
            let (Some(first), Some(second)) = (tensors(run, role)?, tensors(rerun, role)?) else {
                continue;
            };
            let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            let differs = |name: &&&String| first.get(**name) != second.get(**name);
            found.push(RerunWeights {
                checkpoint: role,
                tensors: names.len() as u64,
                different: names.iter().filter(differs).count() as u64,
            });
        }
        Ok(found)
    }

    /// What the bits of the two depend on.
    fn conditions(&self, run: &Run, rerun: &Run) -> Result<Vec<RerunCondition>> {
        let (first, second) = (facts_now(run), facts_now(rerun));
        let both = |name: &str, of: &dyn Fn(&RunFacts) -> String| {
            condition(
                name,
                first.as_ref().map(of).unwrap_or_default(),
                second.as_ref().map(of).unwrap_or_default(),
            )
        };
        let mut all = vec![
            both("device", &|facts| facts.device.clone()),
            both("threads", &|facts| facts.threads.to_string()),
            both("version", &|facts| facts.version.clone()),
            both("processor", &|facts| facts.processor.clone()),
            both("examples", &|facts| {
                format!(
                    "{} training, {} validation",
                    facts.train_examples, facts.val_examples
                )
            }),
        ];
        let replaces =
            |source: &SourceInfo| source.created_ms > run.created_ms && source.counts.newer > 0;
        let replaced = self.sources()?.iter().any(replaces);
        let now = match replaced {
            true => "an import since has replaced some",
            false => "as imported",
        };
        all.push(condition("texts", "as imported".to_owned(), now.to_owned()));
        Ok(all)
    }

    /// The latest evaluation of a run on each partition that its rerun can repeat.
    fn repeatable_evaluations(&self, run: &Run) -> Result<Vec<EvaluationInfo>> {
        let of_run = self.evaluations()?.into_iter();
        let mut last: BTreeMap<Partition, EvaluationInfo> = BTreeMap::new();
        for one in of_run.filter(|one| one.run == run.name) {
            // of one that was replaced, the rerun has no counterpart; of one that lost texts, not the same examples
            if one.config.checkpoint != Role::Kept && !one.deleted_content {
                last.insert(one.partition, one);
            }
        }
        Ok(last.into_values().collect())
    }
}

/// A condition of both; what is not recorded is not known to be the same.
fn condition(name: &str, first: String, second: String) -> RerunCondition {
    RerunCondition {
        name: name.to_owned(),
        same: first == second && !first.is_empty(),
        first,
        second,
    }
}

/// Evaluates a rerun as its run was evaluated, and compares the figures.
fn metrics(ctx: &Ctx, evaluation: &EvaluationInfo, rerun: &Run) -> Result<Vec<RerunMetric>, Stop> {
    let config = &evaluation.config;
    let usual = Evaluate::default();
    let device = match check_device(&config.device, config.precision.into()) {
        Ok(()) => config.device.clone(),
        Err(_) => usual.device,
    };
    let evaluate = Evaluate {
        run: rerun.name.clone(),
        checkpoint: Some(config.checkpoint.as_str().to_owned()),
        partition: evaluation.partition,
        fakes: evaluation.fakes.clone(),
        limit: config.limit,
        batch: config.batch,
        threshold: config.threshold.unwrap_or(usual.threshold),
        seed: config.seed,
        device,
        precision: config.precision.into(),
    };
    let step = format!("evaluation {}", evaluation.id);
    let repeated = match ctx.step(&step, &evaluate) {
        Ok(repeated) => repeated,
        // the comparison of the trainings is complete without it
        Err(Stop::Failed(error)) => {
            ctx.say(format!(
                "evaluation {} could not be repeated: {}",
                evaluation.id, error.message
            ));
            return Ok(Vec::new());
        }
        Err(stop) => return Err(stop),
    };
    let of_rerun = |figure: &str| {
        let mut all = repeated.compared.iter();
        all.find(|one| one.figure == figure)
            .and_then(|one| one.value)
    };
    let figures = evaluation.compared.iter().map(|one| RerunMetric {
        partition: evaluation.partition,
        name: one.name.clone(),
        first: one.value,
        second: of_rerun(&one.figure),
    });
    Ok(figures.collect())
}

/// Compares a loss at every step; equal means equal bits.
fn losses_compared(
    name: &str,
    first: &[(u64, Option<f64>)],
    second: &[(u64, Option<f64>)],
) -> RerunLosses {
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    let (first, second): (BTreeMap<u64, _>, BTreeMap<u64, _>) = (
        first.iter().copied().collect(),
        second.iter().copied().collect(),
    );
    let mut found = RerunLosses {
        name: name.to_owned(),
        steps: 0,
        first: None,
        largest: None,
        at: None,
    };
    let steps: BTreeSet<u64> = first.keys().chain(second.keys()).copied().collect();
    for step in steps {
        let both = (first.get(&step), second.get(&step));
        found.steps += u64::from(matches!(both, (Some(_), Some(_))));
        if both.0.map(|value| bits(*value)) == both.1.map(|value| bits(*value)) {
            continue;
        }
        found.first = found.first.or(Some(step));
        if let (Some(Some(a)), Some(Some(b))) = both {
            let difference = (a - b).abs();
            if found.largest.is_none_or(|largest| difference > largest) {
                (found.largest, found.at) = (Some(difference), Some(step));
            }
        }
    }
    found
}

/// The result in words: whether the two are the same, from which step on not, and what that is worth.
fn verdict(of: &Reran) -> String {
    let mut text = match of.identical {
        true => format!(
            "bit-identical: {} has the weights and the recorded losses of {}",
            of.rerun, of.run
        ),
        false => format!("not bit-identical: {}", differences(of).join("; ")),
    };
    let others = of.conditions.iter().filter(|one| !one.same);
    let others: Vec<String> = others.map(words).collect();
    match (others.as_slice(), of.identical) {
        ([], true) => {}
        ([], false) => {
            text.push_str(", although device, threads, version and processor are the same");
        }
        (others, _) => text.push_str(&format!(
            ". The same bits are promised only under the same conditions, and not all are: {}",
            others.join("; ")
        )),
    }
    text
}

/// Each thing in which the two differ.
fn differences(of: &Reran) -> Vec<String> {
    let mut all = Vec::new();
    for losses in &of.losses {
        let Some(first) = losses.first else { continue };
        let mut text = format!("the {} differs from step {first} on", losses.name);
        if let (Some(largest), Some(at)) = (losses.largest, losses.at) {
            text.push_str(&format!(", largest difference {largest:.3e} at step {at}"));
        }
        all.push(text);
    }
    for weights in of.weights.iter().filter(|one| one.different > 0) {
        all.push(format!(
            "{} of {} tensors of the {} checkpoint differ",
            weights.different, weights.tensors, weights.checkpoint
        ));
    }
    if of.weights.is_empty() {
        all.push("the two have no checkpoint in common".to_owned());
    }
    all
}

/// "threads 2 and 4".
fn words(condition: &RerunCondition) -> String {
    let shown = |value: &String| match value.as_str() {
        "" => "not recorded".to_owned(),
        value => value.to_owned(),
    };
    format!(
        "{} {} and {}",
        condition.name,
        shown(&condition.first),
        shown(&condition.second)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reran(threads: [&str; 2], second: &[(u64, Option<f64>)], different: u64) -> Reran {
        let first = [(1, Some(2.0)), (2, Some(1.5)), (3, Some(1.25))];
        let losses = losses_compared("training loss", &first, second);
        let [a, b] = threads.map(str::to_owned);
        let conditions = vec![condition("threads", a, b)];
        let mut of = Reran {
            run: "a".to_owned(),
            rerun: "a-rerun".to_owned(),
            identical: different == 0 && losses.first.is_none(),
            same_conditions: conditions.iter().all(|one| one.same),
            verdict: String::new(),
            conditions,
            weights: vec![RerunWeights {
                checkpoint: Role::Last,
                tensors: 30,
                different,
            }],
            losses: vec![losses],
            metrics: Vec::new(),
        };
        of.verdict = verdict(&of);
        of
    }

    #[test]
    fn losses_are_compared_bit_by_bit_with_the_first_and_the_largest_difference() {
        let first = [(1, Some(2.0)), (2, Some(1.5)), (3, None), (4, Some(1.0))];
        let same = losses_compared("training loss", &first, &first);
        assert_eq!((same.steps, same.first, same.largest), (4, None, None));
        let next = f64::from_bits(1.5_f64.to_bits() + 1);
        let second = [(1, Some(2.0)), (2, Some(next)), (3, None), (4, Some(1.25))];
        let other = losses_compared("training loss", &first, &second);
        assert_eq!((other.steps, other.first), (4, Some(2)));
        assert_eq!((other.largest, other.at), (Some(0.25), Some(4)));
        // a step that only one has is a difference without a size
        let short = losses_compared("training loss", &first, &first[..2]);
        assert_eq!((short.steps, short.first), (2, Some(3)));
        assert_eq!((short.largest, short.at), (None, None));
    }

    #[test]
    fn verdict_says_where_they_differ_and_under_which_conditions() {
        let equal = [(1, Some(2.0)), (2, Some(1.5)), (3, Some(1.25))];
        let same = reran(["2", "2"], &equal, 0);
        assert_eq!(
            same.verdict,
            "bit-identical: a-rerun has the weights and the recorded losses of a"
        );
        let other = [(1, Some(2.0)), (2, Some(1.5)), (3, Some(1.5))];
        let faulty = reran(["2", "2"], &other, 7);
        assert!(faulty.same_conditions && !faulty.identical);
        assert_eq!(
            faulty.verdict,
            "not bit-identical: the training loss differs from step 3 on, largest difference 2.500e-1 at step 3; 7 of \
             30 tensors of the last checkpoint differ, although device, threads, version and processor are the same"
        );
        let expected = reran(["2", "4"], &other, 7);
        assert!(!expected.same_conditions);
        assert!(expected.verdict.ends_with(
            ". The same bits are promised only under the same conditions, and not all are: threads 2 and 4"
        ));
        let unknown = reran(["", "4"], &equal, 0);
        assert!(unknown.identical && !unknown.same_conditions);
        assert!(
            unknown.verdict.ends_with("threads not recorded and 4"),
            "{}",
            unknown.verdict
        );
    }

    #[test]
    fn rerun_is_named_after_its_run() {
        let mut job = Rerun {
            run: "writer".to_owned(),
            name: String::new(),
        };
        assert_eq!(job.new_name(), "writer-rerun");
        job.name = "second".to_owned();
        assert_eq!(job.new_name(), "second");
    }
}
