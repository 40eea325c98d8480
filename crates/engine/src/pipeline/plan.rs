//! Which steps there are, in which state, and with which settings.

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::{bytes, count, counted};
use repartee_core::job::{Job, JobInfo, from_json};
use repartee_core::study::Purpose;
use repartee_datasets::Partition;
use repartee_store::bases::Base;
use repartee_store::items::ItemKind;
use repartee_store::pairs::PairQuery;
use repartee_store::splits::Split;
use repartee_terms::{BaseKind, JobStatus, PrecisionChoice};

use super::cost::{Costs, Data, Model, PAIRS_PER_COMMENT};
use super::work::Work;
use super::{PipelineOptions, PipelinePreset, PipelineStep, PipelineStepState};
use crate::Engine;
use crate::bases::base::{BaseNew, ModelConfig};
use crate::bases::permission::{may_train, may_train_tokenizer};
use crate::data::import::{Import, SourceInfo};
use crate::data::pairs::BuildPairs;
use crate::data::splits::{Audit, AuditSplit, MakeSplit};
use crate::doctor;
use crate::evaluation::evaluate::Evaluate;
use crate::generation::fakes::{FakesInfo, MakeFakes};
use crate::training::model::check_device;
use crate::training::run_config::{ModelKind, RunConfig, from_scratch};
use crate::training::{RunInfo, Train};

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

const MAIN: &str = "main";
/// What the names of the quick preset begin with: its models are no result.
const QUICK: &str = "quick-";
/// With fewer, the plan warns.
const FEW_PAIRS: u64 = 1_000;
/// A smaller share of the training set in one class is warned of.
const RARE: f64 = 0.1;
/// The fewest steps to which a training is shortened.
const LEAST_STEPS: usize = 100;
/// Part of the time limit in which a base from scratch has to be trained.
const OF_A_BASE: f64 = 0.25;
/// Layers, hidden size, attention heads and vocabulary of bases from scratch, the largest first.
const SIZES: [[usize; 4]; 3] = [[8, 512, 8, 8000], [6, 256, 4, 4000], [4, 128, 4, 4000]];

/// A step and its job.
pub(super) struct Planned {
    pub info: PipelineStep,
    /// None: it is done or left out.
    pub work: Option<Work>,
    /// Settings that `options` changed.
    pub changed: Vec<String>,
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
    /// The job of this number in [`Planner::coming`].
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
        let mut planner = Self {
            engine,
            options,
            changes: changes.collect::<Result<_>>()?,
            sources: engine.sources()?,
            splits: engine.store.splits()?,
            bases: engine.store.bases()?,
            runs: engine.runs()?,
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

    /// Whether an item of this name may be used: the chosen one, or any but those of a quick check.
    fn may_use(&self, name: &str, chosen: Option<&String>) -> bool {
        match chosen {
            Some(chosen) => chosen == name,
            None => self.options.preset == PipelinePreset::Quick || !name.starts_with(QUICK),
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
                self.push(step, PipelineStepState::Done, what).info.name = name;
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
        let planned = self.push(step, state, String::new());
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

    /// Whether text was imported after the pairs were built.
    fn has_newer_text(&self) -> Result<bool> {
        let jobs = self.engine.jobs()?;
        let last = |kind: &str| {
            let done = jobs
                .iter()
                .filter(|job| job.kind == kind && job.state == JobStatus::Done);
            done.filter_map(|job| job.ended_ms).max()
        };
        Ok(last(Import::KIND) > last(BuildPairs::KIND))
    }

    /// Pairs, split and audit.
    fn data(&mut self) -> Result<Data> {
        let store = &self.engine.store;
        let comments: u64 = self.sources.iter().map(|source| source.counts.new).sum();
        let mut data = Data::read(store, comments as f64)?;
        let pairs = store.pair_count(&PairQuery {
            excluded: Some(false),
            ..PairQuery::default()
        })?;
        let chosen = self.chosen("split");
        let existing = match &chosen {
            Some(name) => self.splits.iter().find(|split| split.name == *name),
            None => {
                let main = self.splits.iter().find(|split| split.name == MAIN);
                main.or(self.splits.last())
            }
        };
        let existing = existing.cloned();
        let newer = self.has_newer_text()?;
        if newer && let Some(split) = &existing {
            self.warnings.push(format!(
                "Text was imported after the pairs were built. It is not in split {}, which is locked; another split \
                 takes it in, as split.name=NAME",
                split.name
            ));
        }
        let is_built = pairs > 0 && (existing.is_some() || !newer);
        let found = match self.coming(|work| matches!(work, Work::Pairs(_))) {
            Some(at) => Found::Coming(at),
            None if is_built => Found::Done(String::new(), counted(pairs, "pair", "pairs")),
            None => Found::Nothing,
        };
        self.add("pairs", found, |_| Ok(Work::Pairs(BuildPairs::default())))?;
        self.split(existing, chosen, &mut data, is_built.then_some(pairs))?;
        self.audit()?;
        Ok(data)
    }

    /// The split. `pairs`: none if they are not built.
    fn split(
        &mut self,
        existing: Option<Split>,
        chosen: Option<String>,
        data: &mut Data,
        pairs: Option<u64>,
    ) -> Result<()> {
        let named = |work: &Work| match work {
            Work::Split(split) => chosen.as_ref().is_none_or(|name| *name == split.name),
            _ => false,
        };
        let coming = self.coming(named);
        let found = match (&existing, coming) {
            (Some(split), _) => {
                let counts = self.engine.store.split_counts(split.id)?;
                data.pairs = counts.map(|partition| partition.pairs as usize);
                let [train, val, test] = data.pairs.map(count);
                let what = format!(
                    "split {}: {train} training, {val} validation and {test} test pairs, locked",
                    split.name
                );
                Found::Done(split.name.clone(), what)
            }
            (None, Some(at)) => Found::Coming(at),
            (None, None) => Found::Nothing,
        };
        self.add("split", found, |planner| {
            let name = planner.new_name(ItemKind::Split, "split", chosen.clone(), MAIN)?;
            Ok(Work::Split(MakeSplit {
                name,
                ..MakeSplit::default()
            }))
        })?;
        let last = self.steps.last();
        let name = last.map(|step| step.info.name.clone()).unwrap_or_default();
        let shares = match last.and_then(|step| step.work.as_ref()) {
            Some(Work::Split(split)) => split.shares.parts().map_err(Error::usage)?,
            _ => [0.0; 3],
        };
        if existing.is_none() {
            let all = pairs.map_or(data.comments * PAIRS_PER_COMMENT, |pairs| pairs as f64);
            data.pairs = shares.map(|share| (share * all) as usize);
        }
        match pairs {
            Some(pairs) if pairs < FEW_PAIRS => self.warnings.push(format!(
                "There are only {}: the models will learn little, and the intervals of their metrics will be wide",
                counted(pairs, "pair", "pairs")
            )),
            Some(_) => {}
            None => self.warnings.push(
                "The pairs are not built yet, so time and memory are rough guesses from the number of comments"
                    .to_owned(),
            ),
        }
        self.split = (name, existing);
        Ok(())
    }

    fn audit(&mut self) -> Result<()> {
        let name = self.split.0.clone();
        let stored = self
            .split
            .1
            .as_ref()
            .and_then(|split| split.audit.as_deref());
        let audit: Option<Audit> = stored.map(from_json).transpose()?;
        let coming = self.coming(|work| matches!(work, Work::Audit(audit) if audit.name == name));
        let found = match (audit, coming) {
            (Some(audit), _) => {
                let what = match audit.clean {
                    true => "no text is in two sets",
                    false => "texts are in two sets",
                };
                if !audit.clean {
                    self.warnings.push(format!(
                        "The audit of split {name} found texts in two sets, so its metrics are too good; see \
                         `repartee split show {name}`"
                    ));
                }
                Found::Done(String::new(), what.to_owned())
            }
            (None, Some(at)) => Found::Coming(at),
            (None, None) => Found::Nothing,
        };
        self.add("audit", found, |_| Ok(Work::Audit(AuditSplit { name })))
    }

    /// Whether a run is complete, and was trained on this split.
    fn is_result(&self, run: &RunInfo) -> bool {
        let on_split = |run: &RunInfo| {
            let facts = run.facts.as_ref();
            facts.is_some_and(|facts| facts.split == self.split.0)
        };
        let ended = matches!(run.state, Some(JobStatus::Done | JobStatus::Stopped));
        self.split.1.is_some() && run.usable && ended && on_split(run)
    }

    /// The base of the generator or of the classifiers: its name and its size.
    fn base(&mut self, kind: BaseKind, data: &Data) -> Result<(String, Model)> {
        let (step, stem) = match kind {
            BaseKind::Gpt2 => ("generator-base", "small-gpt2"),
            BaseKind::Bert => ("classifier-base", "small-bert"),
        };
        let chosen = self.chosen(step);
        let existing = match &chosen {
            Some(name) => self.bases.iter().find(|base| base.name == *name),
            None => self.usual_base(kind),
        };
        let existing = existing.cloned();
        if let Some(base) = existing.as_ref().filter(|base| base.kind != kind) {
            return Err(Error::usage(format!(
                "{step}.name: base {:?} is of kind {}; this step needs one of kind {kind}",
                base.name, base.kind
            )));
        }
        let coming = self.coming(|work| match work {
            Work::Base(base) => {
                base.kind == kind && chosen.as_ref().is_none_or(|name| *name == base.name)
            }
            _ => false,
        });
        let read = |base: &Base| Model::of(&ModelConfig::read(&base.config)?);
        let existing = match &existing {
            Some(base) => Some((base, read(base)?)),
            None => None,
        };
        let found = match (&existing, coming) {
            (Some((base, model)), _) => {
                let parameters = count(model.parameters as u64);
                let what = format!(
                    "base {}: {parameters} parameters, {}",
                    base.name, base.origin
                );
                Found::Done(base.name.clone(), what)
            }
            (None, Some(at)) => Found::Coming(at),
            (None, None) => Found::Nothing,
        };
        self.add(step, found, |planner| {
            let name = planner.new_name(ItemKind::Base, step, chosen.clone(), stem)?;
            planner.small_base(kind, name, data).map(Work::Base)
        })?;
        let last = self.steps.last();
        let name = last.map(|step| step.info.name.clone()).unwrap_or_default();
        match (existing, last.and_then(|step| step.work.as_ref())) {
            (Some((_, model)), _) => Ok((name, model)),
            (None, Some(Work::Base(new))) => Ok((name, Model::of(&new.config(new.vocab))?)),
            _ => Err(Error::internal("a base is neither there nor planned")),
        }
    }

    /// The base that is used if none is chosen: that of a finished run, else the newest pretrained one, else one from
    /// scratch, best with a tokenizer that has only seen the training set of this split.
    fn usual_base(&self, kind: BaseKind) -> Option<&Base> {
        let of_runs = self
            .runs
            .iter()
            .rfind(|run| {
                run.kind.base_kind() == kind && self.is_result(run) && self.may_use(&run.name, None)
            })
            .and_then(|run| run.facts.as_ref());
        if let Some(facts) = of_runs
            && let Some(base) = self.bases.iter().find(|base| base.name == facts.base)
        {
            return Some(base);
        }
        let own = format!("training set of split {}", self.split.0);
        let rank = |base: &&Base| match is_small(base) {
            false => 2,
            true => u8::from(base.origin.ends_with(&own)),
        };
        let of_kind = self.bases.iter().filter(|base| base.kind == kind);
        // of equal ones the last
        of_kind.max_by_key(rank)
    }

    /// The largest base from scratch that the data and the time allow: no more parameters than tokens in an epoch, since
    /// it would memorize them.
    fn small_base(&self, kind: BaseKind, name: String, data: &Data) -> Result<BaseNew> {
        let (model, context) = match kind {
            BaseKind::Gpt2 => (ModelKind::Generator, 256),
            BaseKind::Bert => (ModelKind::Upvotes, 128),
        };
        let config = from_scratch(model);
        let tokens = data.pairs[0] as f64 * data.example(config.max_tokens);
        let limit = self.options.hours.or(self.options.preset.hours());
        let mut new = BaseNew {
            name,
            kind,
            context,
            split: Some(self.split.0.clone()),
            ..BaseNew::default()
        };
        for [layers, width, heads, vocab] in SIZES {
            (new.layers, new.width, new.heads, new.vocab) = (layers, width, heads, vocab);
            let model = Model::of(&new.config(vocab))?;
            let takes = data.train(&config, &model, [data.pairs[0], data.pairs[1]]);
            let in_time = limit.is_none_or(|hours| takes.seconds < OF_A_BASE * hours * 3600.0);
            if in_time && model.parameters as f64 <= tokens {
                break;
            }
        }
        Ok(new)
    }

    /// Whether the base of a step is from scratch, or will be.
    fn is_small_base(&self, step: &str) -> bool {
        let step = self.steps.iter().find(|planned| planned.info.step == step);
        step.is_some_and(|step| {
            let name = &step.info.name;
            let mut there = self.bases.iter();
            step.work.is_some() || there.any(|base| base.name == *name && is_small(base))
        })
    }

    fn warn_of_small_bases(&mut self) {
        let small: Vec<&str> = [("generator-base", "GPT-2"), ("classifier-base", "BERT")]
            .into_iter()
            .filter(|(step, _)| self.is_small_base(step))
            .map(|(_, kind)| kind)
            .collect();
        if !small.is_empty() {
            self.warnings.push(format!(
                "No pretrained {} is used: small models from scratch know nothing but your pairs, and are worse than \
                 fine-tuned ones. Add a pretrained base first for good results; `repartee base add NAME --from \
                 FOLDER-OR-HUB-ID` does it",
                small.join(" or ")
            ));
        }
    }

    /// Why nothing can be queued: there is no text, or no permission to train on it.
    fn refusal(&self, base: &str) -> Result<Option<Error>> {
        let imports = |job: &JobInfo| {
            job.kind == Import::KIND
                && matches!(
                    job.state,
                    JobStatus::Queued | JobStatus::Waiting | JobStatus::Running
                )
        };
        let has_text = self.sources.iter().any(|source| source.counts.new > 0);
        if !has_text && self.splits.is_empty() && !self.engine.jobs()?.iter().any(imports) {
            return Ok(Some(Error::new(
                Code::NotFound,
                "nothing is imported yet, so there is nothing to train on; `repartee import FILE ...` imports comments \
                 and replies",
            )));
        }
        let is_built = self.steps.first().is_some_and(|step| step.work.is_none());
        let base = self.bases.iter().find(|one| one.name == base);
        let refused = match (&self.split.1, base) {
            (Some(split), Some(base)) => may_train(self.engine, base, split, None).err(),
            (split, _) if is_built => {
                let split = split.as_ref().map(|split| split.id);
                may_train_tokenizer(self.engine, split).err()
            }
            _ => self
                .engine
                .study_standing()?
                .refusal(Purpose::Training)
                .map(|why| {
                    Error::new(
                        Code::Permission,
                        format!("{why}, and this project is strict"),
                    )
                    .with("see `repartee study`")
                }),
        };
        Ok(refused)
    }

    /// A training; returns the name of its run.
    fn train(&mut self, kind: ModelKind, base: &str, fakes: Option<&str>) -> Result<String> {
        let step = kind.as_str();
        let chosen = self.chosen(step);
        let done = self.runs.iter().rfind(|run| {
            let of = run.facts.as_ref().and_then(|facts| facts.fakes.as_deref());
            run.kind == kind
                && of == fakes
                && self.is_result(run)
                && self.may_use(&run.name, chosen.as_ref())
        });
        let coming = self.coming(|work| match work {
            Work::Train(Train { config, .. }) => {
                config.kind == kind
                    && config.split == self.split.0
                    && fakes.is_none_or(|fakes| config.fakes == fakes)
                    && self.may_use(&config.name, chosen.as_ref())
            }
            _ => false,
        });
        let found = match (done, coming) {
            (Some(run), _) => {
                let facts = run.facts.as_ref();
                let base = facts.map_or("", |facts| facts.base.as_str());
                let what = format!("run {} of base {base}, {} steps", run.name, count(run.step));
                Found::Done(run.name.clone(), what)
            }
            (None, Some(at)) => Found::Coming(at),
            (None, None) => Found::Nothing,
        };
        let base_step = match kind {
            ModelKind::Generator => "generator-base",
            ModelKind::Realism | ModelKind::Upvotes => "classifier-base",
        };
        let small = self.is_small_base(base_step);
        self.add(step, found, |planner| {
            let stem = planner.stem(step);
            let config = RunConfig {
                name: planner.new_name(ItemKind::Run, step, chosen.clone(), &stem)?,
                base: base.to_owned(),
                split: planner.split.0.clone(),
                fakes: fakes.unwrap_or_default().to_owned(),
                device: planner.options.device.clone(),
                ..usual(planner.options.preset, kind, small)
            };
            Train::new(&config).map(Work::Train)
        })?;
        Ok(self.last_name())
    }

    fn last_name(&self) -> String {
        let last = self.steps.last();
        last.map(|step| step.info.name.clone()).unwrap_or_default()
    }

    /// The fakes of the generator; returns the name of the set.
    fn fakes(&mut self, generator: &str, costs: &mut Costs) -> Result<String> {
        let step = "fakes";
        let chosen = self.chosen(step);
        let coming = self.coming(|work| match work {
            Work::Fakes(fakes) => {
                fakes.generator == generator && self.may_use(&fakes.name, chosen.as_ref())
            }
            _ => false,
        });
        let done = self.fakes.iter().rfind(|set| {
            set.split == self.split.0
                && set.config.generator == generator
                && set.fakes.iter().all(|fakes| *fakes > 0)
                && self.may_use(&set.name, chosen.as_ref())
        });
        let mut made = None;
        let found = match (coming, done) {
            // its set exists already when it is paused
            (Some(at), _) => Found::Coming(at),
            (None, Some(set)) => {
                made = Some(set.fakes.map(|fakes| fakes as usize));
                let [train, val, test] = set.fakes.map(count);
                let what = format!(
                    "set {}: {train} fakes for training, {val} for validation, {test} for the test",
                    set.name
                );
                Found::Done(set.name.clone(), what)
            }
            (None, None) => Found::Nothing,
        };
        self.add(step, found, |planner| {
            let stem = planner.stem(step);
            let (comments, batch) = match planner.options.preset {
                PipelinePreset::Quick => ([400, 80, 80], 32),
                PipelinePreset::Standard => ([4000, 500, 500], 64),
                PipelinePreset::Full => ([0; 3], 64),
            };
            Ok(Work::Fakes(MakeFakes {
                name: planner.new_name(ItemKind::Fakes, step, chosen.clone(), &stem)?,
                generator: generator.to_owned(),
                comments,
                batch,
                device: planner.options.device.clone(),
                ..MakeFakes::default()
            }))
        })?;
        let planned = self.steps.last().and_then(|step| step.work.as_ref());
        costs.fakes = match (made, planned) {
            (Some(made), _) => made,
            (None, Some(Work::Fakes(fakes))) => costs.made(fakes),
            _ => [0; 3],
        };
        Ok(self.last_name())
    }

    /// Whether an upvotes model can be trained: some reply has a score. Warns of rare bins.
    fn has_scores(&mut self) -> Result<bool> {
        let bins: Vec<u64> = match &self.split.1 {
            Some(split) => {
                let info = self.engine.split(&split.name)?;
                self.warnings.extend(info.warnings);
                let mut sets = info.partitions.into_iter();
                let train = sets.find(|set| set.partition == Partition::Train);
                train.map(|set| set.bins).unwrap_or_default()
            }
            None if self.steps.first().is_some_and(|pairs| pairs.work.is_none()) => {
                let labels = self.engine.labels(None)?;
                labels
                    .edges
                    .map(|_| labels.bins.to_vec())
                    .unwrap_or_default()
            }
            // nothing is known yet
            None => return Ok(true),
        };
        let all: u64 = bins.iter().sum();
        if all == 0 {
            self.warnings.push(
                "No reply has a score, so no upvotes model is trained; import data with scores for one"
                    .to_owned(),
            );
            return Ok(false);
        }
        let rarest = bins.iter().min().map_or(0, |rarest| *rarest) as f64 / all as f64;
        if rarest < RARE {
            self.warnings.push(format!(
                "The upvote bins are unbalanced: the smallest has {:.1}% of the replies. upvotes.class_weights=balanced \
                 makes them count equally",
                100.0 * rarest
            ));
        }
        Ok(true)
    }

    /// The evaluation of a run on the test set.
    fn evaluate(&mut self, kind: ModelKind, run: &str) -> Result<()> {
        let step = format!("evaluate-{kind}");
        let is_test = |partition: Partition| partition == Partition::Test;
        let there = self.engine.store.evaluations()?;
        let done = there
            .iter()
            .any(|one| one.run == run && is_test(one.partition));
        let coming = self.coming(
            |work| matches!(work, Work::Evaluate(one) if one.run == run && is_test(one.partition)),
        );
        let found = match (done, coming) {
            (true, _) => Found::Done(String::new(), format!("run {run} on the test set")),
            (false, Some(at)) => Found::Coming(at),
            (false, None) => Found::Nothing,
        };
        self.add(&step, found, |planner| {
            Ok(Work::Evaluate(Evaluate {
                run: run.to_owned(),
                limit: match planner.options.preset {
                    PipelinePreset::Quick => 200,
                    PipelinePreset::Standard => 5_000,
                    PipelinePreset::Full => 0,
                },
                device: planner.options.device.clone(),
                ..Evaluate::default()
            }))
        })
    }

    /// The trainings that will be queued, each with the settings that the user has set.
    fn new_trainings(&mut self) -> impl Iterator<Item = (&mut RunConfig, &[String])> {
        let planned = self
            .steps
            .iter_mut()
            .filter(|step| step.info.state == PipelineStepState::Planned);
        planned.filter_map(|step| match &mut step.work {
            Some(Work::Train(train)) => Some((&mut train.config, &*step.changed)),
            _ => None,
        })
    }

    /// Takes smaller batches where a training would need more memory than is free, with as many examples to a step.
    fn fit_memory(&mut self, costs: &Costs) {
        let Some((_, free)) = doctor::memory() else {
            return;
        };
        let mut too_large = Vec::new();
        for (config, own) in self.new_trainings() {
            let is_own = own
                .iter()
                .any(|name| matches!(name.as_str(), "batch_size" | "accumulate"));
            while !is_own && costs.train(config).bytes as u64 > free && config.batch_size > 1 {
                config.batch_size = config.batch_size.div_ceil(2);
                config.accumulate *= 2;
            }
            let needs = costs.train(config).bytes as u64;
            if needs > free {
                too_large.push(format!(
                    "The training of {} needs about {}, and {} are free now",
                    config.name,
                    bytes(needs),
                    bytes(free)
                ));
            }
        }
        self.warnings.extend(too_large);
    }

    /// Shortens the trainings to the time limit, each by the same factor, unless the user has set their length.
    fn fit_time(&mut self, costs: &Costs) {
        let Some(hours) = self.options.hours.or(self.options.preset.hours()) else {
            return;
        };
        let is_free = |own: &[String]| {
            let mut own = own.iter();
            !own.any(|name| matches!(name.as_str(), "steps" | "epochs"))
        };
        let all = self.seconds(costs);
        let shorten: f64 = self
            .new_trainings()
            .filter(|(_, own)| is_free(own))
            .map(|(config, _)| costs.train(config).seconds)
            .sum();
        let factor = (hours * 3600.0 - (all - shorten)) / shorten;
        if factor >= 1.0 || shorten <= 0.0 {
            return;
        }
        for (config, own) in self.new_trainings() {
            if is_free(own) {
                let steps = costs.train(config).steps;
                let shorter = (steps as f64 * factor) as usize;
                config.steps = shorter.max(LEAST_STEPS.min(steps));
            }
        }
        let all = self.seconds(costs);
        if all > hours * 3600.0 {
            self.warnings.push(format!(
                "All of it takes about {}, more than {hours} h: a smaller base, fewer fakes or preset quick take less",
                repartee_core::format::seconds(all)
            ));
        }
    }

    /// Estimated time of what remains.
    fn seconds(&self, costs: &Costs) -> f64 {
        let open = self.steps.iter().filter_map(|step| {
            let work = step.work.as_ref()?;
            Some(costs.of(work, kind_of_step(&step.info.step)).0)
        });
        open.sum()
    }

    /// Describes what remains, with its time, memory and settings.
    fn finish(&mut self, costs: &Costs) -> Result<()> {
        if let Some(change) = self.changes.first() {
            return Err(Error::usage(format!(
                "{}.{} changes nothing: the step is left out",
                change.step, change.setting
            )));
        }
        for step in &mut self.steps {
            let Some(work) = &step.work else { continue };
            (step.info.seconds, step.info.memory) = costs.of(work, kind_of_step(&step.info.step));
            step.info.what = describe(work, costs);
            step.info.settings = work.settings()?;
        }
        Ok(())
    }
}

/// Whether a base was made from scratch.
fn is_small(base: &Base) -> bool {
    base.origin.starts_with("from scratch")
}

/// The kind of run that a step evaluates.
fn kind_of_step(step: &str) -> ModelKind {
    let kind = step.strip_prefix("evaluate-").unwrap_or(step);
    kind.parse().unwrap_or_default()
}

/// The settings of a training by this preset.
fn usual(preset: PipelinePreset, kind: ModelKind, small: bool) -> RunConfig {
    let usual = match small {
        true => from_scratch(kind),
        false => RunConfig::of(kind),
    };
    match preset {
        PipelinePreset::Quick => RunConfig {
            steps: 100,
            max_tokens: usual.max_tokens.min(64),
            validate_limit: 200,
            patience: 0,
            ..usual
        },
        PipelinePreset::Standard | PipelinePreset::Full => usual,
    }
}

/// What a step does, with names and sizes.
fn describe(work: &Work, costs: &Costs) -> String {
    match work {
        Work::Pairs(_) => "joins comments to their replies".to_owned(),
        Work::Split(split) => {
            let [train, val, test] = [split.shares.train, split.shares.val, split.shares.test]
                .map(|share| 100.0 * share);
            format!(
                "split {} by thread: {train:.0}% training, {val:.0}% validation, {test:.0}% test",
                split.name
            )
        }
        Work::Audit(audit) => format!("looks for texts in two sets of split {}", audit.name),
        Work::Base(base) => {
            let model = match base.kind {
                BaseKind::Gpt2 => &costs.generator,
                BaseKind::Bert => &costs.classifier,
            };
            format!(
                "base {} from scratch: {}, hidden size {}, {} parameters",
                base.name,
                counted(base.layers as u64, "layer", "layers"),
                base.width,
                count(model.parameters as u64)
            )
        }
        Work::Train(Train { config, .. }) => {
            let takes = costs.train(config);
            let on = match config.fakes.as_str() {
                "" => format!("split {}", config.split),
                fakes => format!("split {} and fakes {fakes}", config.split),
            };
            format!(
                "run {} of base {} on {on}: {} of {}",
                config.name,
                config.base,
                counted(takes.steps as u64, "step", "steps"),
                counted(
                    (config.batch_size * config.accumulate) as u64,
                    "example",
                    "examples"
                )
            )
        }
        Work::Fakes(fakes) => {
            let [train, val, test] = costs.made(fakes).map(count);
            format!(
                "set {} by run {}: at most {train} replies for training, {val} for validation, {test} for the test",
                fakes.name, fakes.generator
            )
        }
        Work::Evaluate(evaluate) => match evaluate.limit {
            0 => format!("run {} on the test set", evaluate.run),
            limit => format!(
                "run {} on the test set, at most {}",
                evaluate.run,
                counted(limit as u64, "example", "examples")
            ),
        },
    }
}
