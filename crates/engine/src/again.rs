//! Models trained on deleted content: lists them, and retrains them without it. A run is retrained together with
//! everything marked that it was made from, in order: base, generator, fakes, classifier. Deleted texts are in no
//! example any more, so the same split can be used.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Stop, from_json};
use repartee_core::kind::{EachName, LaterSteps, Named};
use repartee_store::bases::Base;
use repartee_store::fakes::FakeSet;
use repartee_store::items::ItemKind;
use repartee_store::jobs::Want;
use repartee_store::marks::Marked;
use repartee_store::runs::{ModelKind, Run};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::bases::base::{BaseNew, ModelConfig};
use crate::generation::fakes::{FakesConfig, MakeFakes};
use crate::training::run_config::RunConfig;
use crate::training::{RunFacts, Train, Trained};

/// A step of retraining a run without deleted content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AgainStep {
    /// base, run or fakes.
    pub kind: String,
    pub old: String,
    pub new: String,
}

/// Retrains a run without content deleted since, with everything marked that it was made from. A job: `train-again`.
/// Its steps are jobs of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct TrainAgain {
    pub run: String,
}

/// The result of retraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TrainedAgain {
    /// In order.
    pub steps: Vec<AgainStep>,
    /// The run that replaces the one that was asked for.
    pub trained: Trained,
}

/// A step with all that it needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Step {
    Base(BaseNew),
    Run(Box<RunConfig>),
    Fakes(Box<MakeFakes>),
}

/// The retraining plan: what is made, in order, each once.
struct Plan<'a> {
    engine: &'a Engine,
    steps: Vec<(AgainStep, Step)>,
}

impl Plan<'_> {
    fn done(&self, kind: &str, old: &str) -> Option<String> {
        let found = self
            .steps
            .iter()
            .find(|(s, _)| s.kind == kind && s.old == old);
        found.map(|(step, _)| step.new.clone())
    }

    /// An unused name of this kind.
    fn free(&self, kind: &str, old: &str, taken: &[String]) -> String {
        let stem = match old.rsplit_once("-again") {
            Some((stem, rest)) if rest.is_empty() || rest.starts_with('-') => stem,
            _ => old,
        };
        let planned = |name: &String| {
            self.steps
                .iter()
                .any(|(s, _)| s.kind == kind && &s.new == name)
        };
        (1..)
            .map(|n| match n {
                1 => format!("{stem}-again"),
                n => format!("{stem}-again-{n}"),
            })
            .find(|name| !taken.contains(name) && !planned(name))
            .unwrap_or_default()
    }

    fn push(&mut self, kind: &str, old: &str, new: &str, step: Step) {
        let step_info = AgainStep {
            kind: kind.to_owned(),
            old: old.to_owned(),
            new: new.to_owned(),
        };
        self.steps.push((step_info, step));
    }

    /// The base itself if it is not marked, else its replacement.
    fn base(&mut self, base: &Base) -> Result<String> {
        let store = &self.engine.store;
        if !store.is_marked(Marked::Base, base.id)? {
            return Ok(base.name.clone());
        }
        if let Some(new) = self.done("base", &base.name) {
            return Ok(new);
        }
        let taken: Vec<String> = store.bases()?.into_iter().map(|base| base.name).collect();
        let new = self.free("base", &base.name, &taken);
        let mut job = self.engine.base_made_by(base)?;
        job.name.clone_from(&new);
        self.push("base", &base.name, &new, Step::Base(job));
        Ok(new)
    }

    /// The set itself if neither it nor its generator is marked, else its replacement.
    fn fakes(&mut self, set: &FakeSet) -> Result<String> {
        let store = &self.engine.store;
        if !store.is_marked(Marked::Fakes, set.id)? {
            return Ok(set.name.clone());
        }
        if let Some(new) = self.done("fakes", &set.name) {
            return Ok(new);
        }
        let checkpoint = store.checkpoint_by_id(set.checkpoint_id)?;
        let writer = store.run(&checkpoint.run)?;
        let generator = match store.is_marked(Marked::Run, writer.id)? {
            true => self.run(&writer)?,
            false => writer.name,
        };
        let config: FakesConfig = from_json(&set.config)?;
        let taken: Vec<String> = store.fake_sets()?.into_iter().map(|set| set.name).collect();
        let new = self.free("fakes", &set.name, &taken);
        let job = MakeFakes {
            name: new.clone(),
            generator,
            replies: config.replies,
            comments: config.comments,
            sampling: config.sampling,
            precision: config.precision.into(),
            ..MakeFakes::default()
        };
        self.push("fakes", &set.name, &new, Step::Fakes(Box::new(job)));
        Ok(new)
    }

    /// The replacement of a run.
    fn run(&mut self, run: &Run) -> Result<String> {
        let store = &self.engine.store;
        if let Some(new) = self.done("run", &run.name) {
            return Ok(new);
        }
        let mut config: RunConfig = from_json(&run.config)?;
        let base = store.base_by_id(run.base_id)?;
        let split = store
            .split_by_id(run.split_id)?
            .ok_or_else(|| Error::new(Code::Damaged, "the run's split is gone"))?;
        config.base = self.base(&base)?;
        config.split = split.name;
        if run.kind == ModelKind::Realism {
            let facts: RunFacts = from_json(&run.facts)?;
            let name = facts.fakes.unwrap_or_else(|| config.fakes.clone());
            config.fakes = self.fakes(&store.fake_set(&name)?)?;
        }
        let taken: Vec<String> = store.runs()?.into_iter().map(|run| run.name).collect();
        let new = self.free("run", &run.name, &taken);
        config.name.clone_from(&new);
        self.push("run", &run.name, &new, Step::Run(Box::new(config)));
        Ok(new)
    }
}

impl Job for TrainAgain {
    const KIND: &'static str = "train-again";
    const ON_INTERRUPT: Want = Want::Pause;
    const LATER_STEPS: LaterSteps = LaterSteps::Named;
    type Outcome = TrainedAgain;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Run, &mut self.run));
    }

    fn subject(&self) -> String {
        self.run.clone()
    }

    fn run(&self, ctx: &Ctx) -> Result<TrainedAgain, Stop> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        // planned once, so that a resumed job uses the same names
        let key = format!("plan of {}", ctx.job());
        let plan: Vec<(AgainStep, Step)> = match store.setting(&key)? {
            Some(plan) => plan,
            None => {
                let plan = engine.plan_again(&self.run)?;
                store.set_setting(&key, &plan)?;
                plan
            }
        };
        let mut trained = None;
        for (step, job) in &plan {
            ctx.go_on()?;
            let what = format!("{} {}", step.kind, step.new);
            ctx.say(format!(
                "{} {} is made again as {}",
                step.kind, step.old, step.new
            ));
            match job {
                Step::Base(job) => _ = ctx.step(&what, job)?,
                Step::Fakes(job) => _ = ctx.step(&what, &**job)?,
                Step::Run(config) => trained = Some(ctx.step(&what, &Train::new(config)?)?),
            }
        }
        Ok(TrainedAgain {
            steps: plan.into_iter().map(|(step, _)| step).collect(),
            trained: trained.ok_or_else(|| Error::internal("nothing was trained again"))?,
        })
    }
}

impl Engine {
    /// The steps that retraining a run without deleted content would take, in order; makes nothing.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it was not trained on any.
    pub fn train_again_plan(&self, run: &str) -> Result<Vec<AgainStep>> {
        let plan = self.plan_again(run)?;
        Ok(plan.into_iter().map(|(step, _)| step).collect())
    }

    fn plan_again(&self, run: &str) -> Result<Vec<(AgainStep, Step)>> {
        let run = self.store.run(run)?;
        if !self.store.is_marked(Marked::Run, run.id)? {
            return Err(Error::usage(format!(
                "run {:?} was not trained on deleted content; there is nothing to leave out",
                run.name
            )));
        }
        let mut plan = Plan {
            engine: self,
            steps: Vec::new(),
        };
        plan.run(&run)?;
        Ok(plan.steps)
    }

    /// The parameters of a base made from scratch: those of its job, else as far as the base tells.
    fn base_made_by(&self, base: &Base) -> Result<BaseNew> {
        for row in self.store.jobs()?.iter().rev() {
            if row.kind == BaseNew::KIND
                && let Ok(job) = from_json::<BaseNew>(&row.params)
                && job.name == base.name
            {
                return Ok(job);
            }
        }
        if !base.origin.starts_with("from scratch") {
            return Err(Error::usage(format!(
                "base {:?} came from outside and was trained on deleted content there; add another base, and train \
                 the run on it",
                base.name
            )));
        }
        let config = ModelConfig::read(&base.config)?;
        let (layers, width, context, vocab) = config.sizes();
        let heads = match &config {
            ModelConfig::Gpt2(c) => c.n_head,
            ModelConfig::Bert(c) => c.num_attention_heads,
        };
        let after = |mark: &str| {
            base.origin
                .split_once(mark)
                .map(|(_, rest)| rest.to_owned())
        };
        let seed = after("seed ")
            .and_then(|rest| rest.split(',').next()?.trim().parse().ok())
            .unwrap_or(1);
        Ok(BaseNew {
            name: base.name.clone(),
            kind: base.kind,
            layers,
            width,
            heads,
            context,
            vocab,
            tokenizer: None,
            // earlier versions wrote "side" instead of "set"
            split: after("training set of split ").or_else(|| after(" side of split ")),
            seed,
        })
    }
}
