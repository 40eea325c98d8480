//! What there is of each step, and the job that makes the rest.

use repartee_core::error::{Code, Error, Result};
use repartee_core::format::{count, counted};
use repartee_core::job::{Job, JobInfo, from_json};
use repartee_core::study::Purpose;
use repartee_datasets::Partition;
use repartee_store::bases::Base;
use repartee_store::items::ItemKind;
use repartee_store::pairs::PairQuery;
use repartee_store::splits::Split;
use repartee_terms::{BaseKind, JobStatus};

use super::super::PipelinePreset;
use super::super::cost::{Costs, Data, Model, PAIRS_PER_COMMENT};
use super::super::work::Work;
use super::{Found, Planner, is_small};
use crate::bases::base::{BaseNew, ModelConfig};
use crate::bases::permission::{may_train, may_train_tokenizer};
use crate::data::import::Import;
use crate::data::pairs::BuildPairs;
use crate::data::splits::{Audit, AuditSplit, MakeSplit};
use crate::evaluation::evaluate::Evaluate;
use crate::generation::fakes::MakeFakes;
use crate::training::run_config::{ModelKind, RunConfig, from_scratch};
use crate::training::{RunInfo, Train};

const MAIN: &str = "main";
/// With fewer, the plan warns.
const FEW_PAIRS: u64 = 1_000;
/// A smaller share of the training set in one class is warned of.
const RARE: f64 = 0.1;
/// Part of the time limit in which a base from scratch has to be trained.
const OF_A_BASE: f64 = 0.25;
/// Layers, hidden size, attention heads and vocabulary of bases from scratch, the largest first.
const SIZES: [[usize; 4]; 3] = [[8, 512, 8, 8000], [6, 256, 4, 4000], [4, 128, 4, 4000]];

impl Planner<'_> {
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
    pub(super) fn data(&mut self) -> Result<Data> {
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
                "Text was imported after the pairs were built. It is not in split {}, which is locked; another name \
                 for the split (split.name) makes one with it",
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
                        "The audit of split {name} found texts in two sets, so its metrics are too good; \
                         `repartee split show {name}` lists them"
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
    pub(super) fn base(&mut self, kind: BaseKind, data: &Data) -> Result<(String, Model)> {
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

    pub(super) fn warn_of_small_bases(&mut self) {
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
    pub(super) fn refusal(&self, base: &str) -> Result<Option<Error>> {
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
    pub(super) fn train(
        &mut self,
        kind: ModelKind,
        base: &str,
        fakes: Option<&str>,
    ) -> Result<String> {
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
        // as in the demo and in the window's form
        let usual_name = match kind {
            ModelKind::Generator => "writer",
            ModelKind::Realism => "judge",
            ModelKind::Upvotes => "votes",
        };
        self.add(step, found, |planner| {
            let stem = planner.stem(usual_name);
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
    pub(super) fn fakes(&mut self, generator: &str, costs: &mut Costs) -> Result<String> {
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
    pub(super) fn has_scores(&mut self) -> Result<bool> {
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
                "The upvote bins are unbalanced: the smallest has {:.1}% of the replies; with balanced class weights \
                 (upvotes.class_weights) they count equally",
                100.0 * rarest
            ));
        }
        Ok(true)
    }

    /// The evaluation of a run on the test set.
    pub(super) fn evaluate(&mut self, kind: ModelKind, run: &str) -> Result<()> {
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
