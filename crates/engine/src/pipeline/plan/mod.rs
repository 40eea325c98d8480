//! Which steps there are, in which state, and with which settings.

mod fit;
mod steps;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::JobInfo;
use repartee_store::bases::Base;
use repartee_store::items::ItemKind;
use repartee_store::splits::Split;
use repartee_terms::{BaseKind, JobStatus, PrecisionChoice};

use super::cost::Costs;
use super::work::Work;
use super::{PipelineOptions, PipelinePreset, PipelineSetting, PipelineStep, PipelineStepState};
use crate::Engine;
use crate::data::import::SourceInfo;
use crate::generation::fakes::FakesInfo;
use crate::training::RunInfo;
use crate::training::model::check_device;
use crate::training::run_config::ModelKind;

/// The steps, in order, each with its title.
const STEPS: [(&str, &str); 12] = [
    ("pairs", "Build pairs"),
    ("split", "Create the split"),
    ("audit", "Audit the split"),
    ("generator-base", "Base of the generator"),
    ("classifier-base", "Base of the classifiers"),
    ("generator", "Train the generator"),
    ("fakes", "Generate fakes"),
    ("realism", "Train the realism model"),
    ("upvotes", "Train the upvotes model"),
    ("evaluate-generator", "Evaluate the generator"),
    ("evaluate-realism", "Evaluate the realism model"),
    ("evaluate-upvotes", "Evaluate the upvotes model"),
];

/// What the names of the quick preset begin with: its models are no result.
const QUICK: &str = "quick-";

/// A step and its job.
pub(super) struct Planned {
    pub info: PipelineStep,
    /// None: it is done or left out.
    pub work: Option<Work>,
    /// Settings that `options` changed.
    pub changed: Vec<String>,
    /// Its job has begun, so nothing can be changed any more.
    has_begun: bool,
}

impl Planned {
    /// Whether other steps need what it makes, so that its failure blocks the queue.
    pub fn is_needed(&self) -> bool {
        !matches!(self.work, Some(Work::Evaluate(_)))
    }
}

pub(super) struct Plan {
    pub steps: Vec<Planned>,
    pub warnings: Vec<String>,
    pub refused: Option<Error>,
}

/// A changed setting.
struct Change {
    step: String,
    setting: String,
    value: String,
}

impl Change {
    fn of(typed: &str) -> Result<Self> {
        let parts = typed.split_once('=').and_then(|(key, value)| {
            let (step, setting) = key.trim().split_once('.')?;
            Some((step, setting, value))
        });
        let Some((step, setting, value)) = parts else {
            return Err(Error::usage(format!(
                "{typed:?} is not STEP.SETTING=VALUE, such as generator.epochs=2"
            )));
        };
        if !STEPS.iter().any(|(known, _)| *known == step) {
            let known: Vec<&str> = STEPS.iter().map(|(known, _)| *known).collect();
            return Err(Error::usage(format!(
                "the pipeline has no step {step:?}; it has {}",
                known.join(", ")
            )));
        }
        Ok(Self {
            step: step.to_owned(),
            setting: setting.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// What there is of a step.
enum Found {
    /// The item exists: its name, and what it is.
    Done(String, String),
    /// The job of this number in `coming`.
    Coming(usize),
    Nothing,
}

struct Planner<'a> {
    engine: &'a Engine,
    options: &'a PipelineOptions,
    changes: Vec<Change>,
    /// Jobs that have not ended, oldest first.
    coming: Vec<(JobInfo, Work)>,
    sources: Vec<SourceInfo>,
    splits: Vec<Split>,
    bases: Vec<Base>,
    runs: Vec<RunInfo>,
    /// Runs of sweeps: which of them is good is for the user to say.
    trials: Vec<String>,
    fakes: Vec<FakesInfo>,
    /// Of everything that exists or will be made by a job.
    taken: Vec<(ItemKind, String)>,
    /// The name of the split, and the split if it exists.
    split: (String, Option<Split>),
    steps: Vec<Planned>,
    warnings: Vec<String>,
}

/// Plans the pipeline.
pub(super) fn plan(engine: &Engine, options: &PipelineOptions) -> Result<Plan> {
    check_device(&options.device, PrecisionChoice::Auto)?;
    if let Some(hours) = options
        .hours
        .filter(|hours| hours.is_nan() || *hours <= 0.0)
    {
        return Err(Error::usage(format!(
            "the time limit is {hours} hours; it must be above 0"
        )));
    }
    let mut planner = Planner::new(engine, options)?;
    let data = planner.data()?;
    let (generator_base, generator) = planner.base(BaseKind::Gpt2, &data)?;
    let (classifier_base, classifier) = planner.base(BaseKind::Bert, &data)?;
    planner.warn_of_small_bases();
    let refused = planner.refusal(&generator_base)?;
    let mut costs = Costs {
        data,
        generator,
        classifier,
        fakes: [0; 3],
    };
    let writer = planner.train(ModelKind::Generator, &generator_base, None)?;
    let fakes = planner.fakes(&writer, &mut costs)?;
    let judge = planner.train(ModelKind::Realism, &classifier_base, Some(&fakes))?;
    let votes = match planner.has_scores()? {
        true => Some(planner.train(ModelKind::Upvotes, &classifier_base, None)?),
        false => None,
    };
    if votes.is_none() {
        planner.skip(ModelKind::Upvotes.as_str());
    }
    planner.evaluate(ModelKind::Generator, &writer)?;
    planner.evaluate(ModelKind::Realism, &judge)?;
    match &votes {
        Some(votes) => planner.evaluate(ModelKind::Upvotes, votes)?,
        None => planner.skip("evaluate-upvotes"),
    }
    planner.fit_memory(&costs);
    planner.fit_time(&costs);
    planner.finish(&costs)?;
    Ok(Plan {
        steps: planner.steps,
        warnings: planner.warnings,
        refused,
    })
}

impl<'a> Planner<'a> {
    fn new(engine: &'a Engine, options: &'a PipelineOptions) -> Result<Self> {
        let changes = options.set.iter().map(|typed| Change::of(typed));
        let mut jobs = engine.jobs()?;
        jobs.reverse();
        let live = |job: &JobInfo| match job.state {
            JobStatus::Done | JobStatus::Stopped | JobStatus::Cancelled => false,
            JobStatus::Failed => job.place.is_some(),
            _ => true,
        };
        let coming: Vec<(JobInfo, Work)> = jobs
            .into_iter()
            .filter(live)
            .filter_map(|job| Work::of(&job).map(|work| (job, work)))
            .collect();
        let trials = engine.sweeps()?.into_iter().flat_map(|sweep| sweep.trials);
        let mut planner = Self {
            engine,
            options,
            changes: changes.collect::<Result<_>>()?,
            sources: engine.sources()?,
            splits: engine.store.splits()?,
            bases: engine.store.bases()?,
            runs: engine.runs()?,
            trials: trials.filter_map(|trial| trial.run).collect(),
            fakes: engine.fake_sets()?,
            taken: coming.iter().filter_map(|(_, work)| work.makes()).collect(),
            coming,
            split: (String::new(), None),
            steps: Vec::new(),
            warnings: Vec::new(),
        };
        let splits = planner
            .splits
            .iter()
            .map(|one| (ItemKind::Split, &one.name));
        let bases = planner.bases.iter().map(|one| (ItemKind::Base, &one.name));
        let runs = planner.runs.iter().map(|one| (ItemKind::Run, &one.name));
        let fakes = planner.fakes.iter().map(|one| (ItemKind::Fakes, &one.name));
        let there: Vec<(ItemKind, String)> = splits
            .chain(bases)
            .chain(runs)
            .chain(fakes)
            .map(|(kind, name)| (kind, name.clone()))
            .collect();
        planner.taken.extend(there);
        Ok(planner)
    }

    /// The chosen name of what a step makes.
    fn chosen(&mut self, step: &str) -> Option<String> {
        let is_name = |change: &Change| change.step == step && change.setting == "name";
        let at = self.changes.iter().position(is_name)?;
        Some(self.changes.remove(at).value)
    }

    /// The chosen name of a new item, or one that is not taken.
    fn new_name(
        &self,
        kind: ItemKind,
        step: &str,
        chosen: Option<String>,
        stem: &str,
    ) -> Result<String> {
        let is_taken = |name: &str| {
            let mut taken = self.taken.iter();
            taken.any(|(of, taken)| *of == kind && taken == name)
        };
        match chosen {
            Some(name) if is_taken(&name) => Err(Error::new(
                Code::Exists,
                format!(
                    "{step}.name: there is already a {} {name:?}, and it is not complete, or was made from something \
                     else than this plan has; choose another name",
                    kind.noun()
                ),
            )),
            Some(name) => {
                repartee_core::names::check(kind, &name)?;
                Ok(name)
            }
            None => Ok((1..)
                .map(|n| match n {
                    1 => stem.to_owned(),
                    n => format!("{stem}-{n}"),
                })
                .find(|name| !is_taken(name))
                .unwrap_or_default()),
        }
    }

    /// A name for what this preset makes.
    fn stem(&self, name: &str) -> String {
        match self.options.preset {
            PipelinePreset::Quick => format!("{QUICK}{name}"),
            PipelinePreset::Standard | PipelinePreset::Full => name.to_owned(),
        }
    }

    /// Whether an item of this name may be used: the chosen one, or any but trials and those of a quick check.
    fn may_use(&self, name: &str, chosen: Option<&String>) -> bool {
        let is_quick = self.options.preset == PipelinePreset::Quick;
        match chosen {
            Some(chosen) => chosen == name,
            None => {
                (is_quick || !name.starts_with(QUICK)) && !self.trials.iter().any(|run| run == name)
            }
        }
    }

    fn coming(&self, is_it: impl Fn(&Work) -> bool) -> Option<usize> {
        self.coming.iter().position(|(_, work)| is_it(work))
    }

    fn push(&mut self, step: &str, state: PipelineStepState, what: String) -> &mut Planned {
        let title = STEPS.iter().find(|(known, _)| *known == step);
        self.steps.push(Planned {
            info: PipelineStep {
                step: step.to_owned(),
                title: title.map_or("", |(_, title)| *title).to_owned(),
                name: String::new(),
                what,
                state,
                job: None,
                seconds: 0.0,
                memory: None,
                settings: Vec::new(),
            },
            work: None,
            changed: Vec::new(),
            has_begun: false,
        });
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// Adds a step: what there is of it, or the job that `new` gives.
    fn add(
        &mut self,
        step: &str,
        found: Found,
        new: impl FnOnce(&Self) -> Result<Work>,
    ) -> Result<()> {
        let changes = self.changes.extract_if(.., |change| change.step == step);
        let changes: Vec<Change> = changes.collect();
        let (state, job, mut work) = match found {
            Found::Done(name, what) => {
                if let Some(change) = changes.first() {
                    return Err(Error::usage(format!(
                        "{step}.{} changes nothing any more: the step is done ({what}). To do it again, choose another \
                         name for what it makes, as {step}.name=NAME, or use its own command",
                        change.setting
                    )));
                }
                let info = &mut self.push(step, PipelineStepState::Done, what).info;
                if !name.is_empty() {
                    let value = name.clone();
                    let name = "name".to_owned();
                    info.settings.push(PipelineSetting { name, value });
                }
                info.name = name;
                return Ok(());
            }
            Found::Coming(at) => {
                let (job, work) = self.coming[at].clone();
                (PipelineStepState::Queued, Some(job), work)
            }
            Found::Nothing => (PipelineStepState::Planned, None, new(self)?),
        };
        if let (Some(job), Some(change)) = (&job, changes.first())
            && job.state != JobStatus::Queued
        {
            return Err(Error::usage(format!(
                "{step}.{} cannot be changed any more: job {} is {}",
                change.setting,
                job.id,
                job.state.as_str()
            )));
        }
        for change in &changes {
            work.set(&change.setting, &change.value)
                .map_err(|error| Error::new(error.code, format!("{step}: {}", error.message)))?;
        }
        self.taken.extend(work.makes());
        let begun = |job: &JobInfo| job.state != JobStatus::Queued;
        let planned = self.push(step, state, String::new());
        planned.has_begun = job.as_ref().is_some_and(begun);
        planned.info.name = work.makes().map(|(_, name)| name).unwrap_or_default();
        planned.info.job = job.map(|job| job.id);
        planned.changed = changes.into_iter().map(|change| change.setting).collect();
        planned.work = Some(work);
        Ok(())
    }

    /// Leaves a step out; why is in the warnings.
    fn skip(&mut self, step: &str) {
        self.push(step, PipelineStepState::Skipped, String::new());
    }
}

/// Whether a base was made from scratch.
fn is_small(base: &Base) -> bool {
    base.origin.starts_with("from scratch")
}
