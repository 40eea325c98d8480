//! Fakes: replies generated to the comments of a split, the other class of the realism classifier. They use exactly the
//! template, end token and decoding settings of live generation; every fake is in the partition of its comment's pair.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use repartee_core::Project;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::{EachName, Named};
use repartee_core::left_out::{Batches, LeftOut, Tally, caught, is_of_the_whole};
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::Partition;
use repartee_models::device_name;
use repartee_models::generate::{self, SamplingParams, Task};
use repartee_models::rng::Stream;
use repartee_models::text::Template;
use repartee_store::Store;
use repartee_store::fakes::{FakeSet, NewFake, NewFakeSet};
use repartee_store::jobs::Want;
use repartee_store::marks::Marked;
use repartee_store::splits::Example;
use repartee_terms::{FinishReason, Precision, PrecisionChoice};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::data::examples::{DELETED, pair_label};
use crate::items::{ItemKind, Label};
use crate::training::lent;
use crate::training::model::{
    Writer, check_checkpoint, check_device, check_kind, device_of_job, of_pass,
};
use crate::training::precision::resolved;
use crate::training::run_config::ModelKind;

/// Pairs read at a time while comments are sampled.
const PAGE: usize = 2_000;

/// Generates fakes. A job: `fakes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct MakeFakes {
    pub name: String,
    pub generator: String,
    /// best or last; none: best.
    pub checkpoint: Option<String>,
    pub replies: usize,
    /// Maximum numbers of different comments of train, val and test; 0: all.
    pub comments: [usize; 3],
    /// Batch size: replies generated at once.
    pub batch: usize,
    /// Decoding settings; their seed also samples the comments.
    #[serde(alias = "decode")]
    pub sampling: SamplingParams,
    /// auto, cpu, cuda or metal.
    pub device: String,
    /// Of the generator, on the CPU.
    pub precision: PrecisionChoice,
}

impl Default for MakeFakes {
    fn default() -> Self {
        Self {
            name: "fakes".to_owned(),
            generator: String::new(),
            checkpoint: None,
            replies: 1,
            comments: [1000, 200, 200],
            batch: 32,
            sampling: SamplingParams::default(),
            device: "auto".to_owned(),
            precision: PrecisionChoice::Auto,
        }
    }
}

/// Settings of a set; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FakesConfig {
    pub generator: String,
    /// The step of the checkpoint.
    pub step: u64,
    /// How comment and reply become one text.
    pub template: Template,
    /// Decoding settings.
    #[serde(alias = "decode")]
    pub sampling: SamplingParams,
    pub replies: usize,
    /// Maximum numbers of comments of train, val and test; 0: all.
    pub comments: [usize; 3],
    /// cpu, cuda or metal.
    pub device: String,
    /// At which they were generated; sets of earlier versions at f32.
    #[serde(default)]
    pub precision: Precision,
    /// The job that made it, which knows what was left out.
    #[serde(default)]
    #[ts(skip)]
    pub job: String,
}

/// A set of fakes in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FakesInfo {
    pub name: String,
    pub split: String,
    pub config: FakesConfig,
    /// Number of fakes in train, val and test.
    pub fakes: [u64; 3],
    #[serde(default)]
    pub label: Label,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// By a generator that was trained on a text deleted since, or to such a text.
    #[serde(default)]
    pub deleted_content: bool,
    /// Comments that the job left out.
    #[serde(default)]
    pub left_out: LeftOut,
}

/// A fake next to the real reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FakeShown {
    /// The partition of both.
    #[serde(alias = "side")]
    pub partition: Partition,
    pub comment: String,
    pub real: String,
    pub fake: String,
    /// end, or length if it was cut.
    #[serde(alias = "finish")]
    pub finish_reason: FinishReason,
}

/// The callback of [`generate::generate`] for each token.
pub(crate) type OnToken<'a> = &'a mut dyn FnMut(usize, usize, u32) -> ControlFlow<()>;

/// Generates until a pause or cancel is requested: checks between any two tokens, after `heard` was called with (task,
/// candidate, token). A model from [`lent::writer`] also checks within a token.
pub(crate) fn until_stopped<T>(
    ctx: &Ctx,
    heard: &mut dyn FnMut(usize, usize, u32) -> Result<()>,
    write: impl FnOnce(OnToken<'_>) -> repartee_models::Result<T>,
) -> Result<T, Stop> {
    let mut stopped = None;
    let written = write(&mut |task, candidate, token| {
        let heard = heard(task, candidate, token).map_err(Stop::from);
        match heard.and_then(|()| ctx.go_on()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(stop) => {
                stopped = Some(stop);
                ControlFlow::Break(())
            }
        }
    });
    match stopped {
        Some(stop) => Err(stop),
        None => of_pass(ctx, written),
    }
}

/// Fakes are stored after this many batches: within them, a reply that has ended makes way for the next one.
const BATCHES: usize = 4;

/// `wanted` pairs (0: all) of a partition with different comments, sampled by the seed.
pub(crate) fn different_comments(
    store: &Store,
    split_id: i64,
    partition: Partition,
    wanted: usize,
    seed: u64,
    purpose: &str,
) -> Result<Vec<Example>> {
    let mut ids = store.split_pair_ids(split_id, partition)?;
    Stream::at(seed, purpose, partition as u64).shuffle(&mut ids);
    let (mut seen, mut sampled) = (HashSet::new(), Vec::new());
    for page in ids.chunks(PAGE) {
        for example in store.examples_of(page)? {
            if wanted > 0 && sampled.len() == wanted {
                return Ok(sampled);
            }
            if seen.insert(*blake3::hash(example.comment.as_bytes()).as_bytes()) {
                sampled.push(example);
            }
        }
    }
    Ok(sampled)
}

impl Job for MakeFakes {
    const KIND: &'static str = "fakes";
    // hours of generation are not thrown away: what is stored stays, and resuming continues after it
    const ON_INTERRUPT: Want = Want::Pause;
    const QUEUED: bool = true;
    type Outcome = FakesInfo;

    fn names(&mut self, each: EachName) {
        each(Named::made(ItemKind::Fakes, &mut self.name));
        each(Named::used(ItemKind::Run, &mut self.generator));
    }

    fn subject(&self) -> String {
        match self.name.as_str() {
            "" => self.generator.clone(),
            name => name.to_owned(),
        }
    }

    fn check(&self, project: &Project) -> Result<()> {
        crate::generation::generate::check_counts("replies", self.replies, self.batch)?;
        self.sampling.check().map_err(Error::from)?;
        check_device(&self.device, self.precision)?;
        check_checkpoint(self.checkpoint.as_deref())?;
        check_kind(&project.store, &self.generator, ModelKind::Generator)
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        let (engine, word) = (project.engine(), self.checkpoint.as_deref());
        let found = engine.trained(&self.generator, ModelKind::Generator, word);
        found.map(drop)
    }

    fn tally(outcome: &FakesInfo) -> Option<Tally> {
        Some(Tally {
            nothing: "no fake could be generated",
            succeeded: outcome.fakes.iter().sum(),
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<FakesInfo, Stop> {
        let store = &ctx.project.store;
        self.sampling.check().map_err(Error::from)?;
        if self.replies == 0 || self.batch == 0 {
            return Err(Error::usage("replies and batch must be at least 1").into());
        }
        let begun = store
            .fake_sets()?
            .into_iter()
            .find(|set| set.name == self.name);
        if begun.is_some() && !ctx.resumed() {
            let taken = format!(
                "there is already a set of fakes {:?}; choose another name",
                self.name
            );
            return Err(Error::new(Code::Exists, taken).into());
        }
        let device = device_of_job(ctx, &self.device)?;
        ctx.tick(Progress::new("loading the generator", 0, None, "bytes"));
        let engine = ctx.engine();
        let (checkpoint, choice) = match &begun {
            // a set that was begun continues with the same checkpoint and precision
            Some(set) => (
                store.checkpoint_by_id(set.checkpoint_id)?,
                PrecisionChoice::from(fakes_config(set)?.precision),
            ),
            None => {
                let role = self.checkpoint.as_deref();
                let found = engine.trained(&self.generator, ModelKind::Generator, role)?;
                (found, self.precision)
            }
        };
        let precision = resolved(ctx, choice, &checkpoint, &device, None)?;
        let generator = lent::writer(ctx, checkpoint, &device, precision)?.model;
        let set = match begun {
            Some(set) => set,
            None => {
                let device = device_name(&device);
                self.begin(store, &generator, device, precision, ctx.job())?
            }
        };

        let mut work: Vec<(i64, Vec<u32>)> = Vec::new();
        let mut cut = 0;
        // those that an earlier attempt left out are not tried again
        let mut out = ctx.left_out_ids()?;
        let positions = generator.model.config().n_positions;
        for partition in Partition::ALL {
            for pair in store.split_lost(set.split_id, partition)? {
                if out.insert(pair_label(pair)) {
                    ctx.leave_out(pair_label(pair), DELETED)?;
                }
            }
            let wanted = self.comments[partition as usize];
            for example in different_comments(
                store,
                set.split_id,
                partition,
                wanted,
                self.sampling.seed,
                "fakes",
            )? {
                let label = pair_label(example.pair_id);
                if out.contains(&label) {
                    continue;
                }
                let prompt = caught(|| {
                    if !repartee_core::names::has_text(&example.comment) {
                        return Err(Error::usage("its comment is empty").into());
                    }
                    let prompt = generator
                        .text
                        .prompt(&example.comment, self.sampling.max_new_tokens)
                        .map_err(Error::from)?;
                    generate::check_prompt(&prompt.ids, positions).map_err(Error::from)?;
                    Ok(prompt)
                });
                match prompt {
                    Ok(prompt) => {
                        cut += usize::from(prompt.cut > 0);
                        work.push((example.pair_id, prompt.ids));
                    }
                    Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                        ctx.leave_out(label, error.message)?;
                    }
                    Err(stop) => return Err(stop),
                }
            }
        }
        if work.is_empty() && ctx.left_out()?.count > 0 {
            return Err(ctx
                .left_out()?
                .nothing_left("no fake can be generated")
                .into());
        }
        if work.is_empty() {
            return Err(Error::new(Code::NotFound, "the generator's split has no pairs").into());
        }
        if cut > 0 {
            ctx.say(format!(
                "comments that are too long for the generator and were truncated: {cut} of {}",
                work.len()
            ));
        }
        let total = work.len() as u64;
        let written: HashMap<i64, u32> = store.fake_pairs(set.id)?.into_iter().collect();
        work.retain(|(pair, _)| {
            written
                .get(pair)
                .is_none_or(|n| (*n as usize) < self.replies)
        });
        // prompts of similar length in one batch waste no computation
        work.sort_by_key(|(pair, prompt)| (prompt.len(), *pair));
        let mut done = total - work.len() as u64;
        let mut batches = Batches::default();
        for batch in work.chunks((BATCHES * self.batch / self.replies).max(1)) {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                format!("generating {}", self.name),
                done,
                Some(total),
                "comments",
            ));
            let (text, sampling) = (&generator.text, &self.sampling);
            let (model, replies) = (&*generator.model, self.replies);
            let written = batches.each(batch, &mut |some| {
                let tasks: Vec<Task> = some
                    .iter()
                    .map(|(pair, prompt)| Task {
                        key: *pair,
                        prompt: prompt.clone(),
                    })
                    .collect();
                let written = until_stopped(ctx, &mut |_, _, _| Ok(()), |on_token| {
                    let rows = self.batch;
                    model.replies(&tasks, replies, text.end, sampling, rows, on_token)
                })?;
                let texts = |completions: Vec<generate::Completion>| {
                    completions
                        .into_iter()
                        .map(|c| Ok((text.decode(&c.ids)?, c.finish_reason)))
                        .collect::<Result<Vec<_>>>()
                };
                Ok(written.into_iter().map(texts).collect::<Result<Vec<_>>>()?)
            })?;
            let mut fakes = Vec::with_capacity(batch.len() * self.replies);
            for ((pair_id, _), written) in batch.iter().zip(written) {
                match written {
                    Ok(written) => {
                        for (n, (text, finish_reason)) in (0..).zip(written) {
                            fakes.push(NewFake {
                                pair_id: *pair_id,
                                n,
                                text,
                                finish_reason,
                            });
                        }
                    }
                    Err(error) => ctx.leave_out(pair_label(*pair_id), error.message)?,
                }
            }
            for pair in store.fakes_add(set.id, &fakes)? {
                ctx.leave_out(pair_label(pair), DELETED)?;
            }
            done += batch.len() as u64;
        }
        ctx.tick(Progress::new(
            format!("generating {}", self.name),
            done,
            Some(total),
            "comments",
        ));
        let mut empty = 0;
        for partition in Partition::ALL {
            let fakes = store.fakes(set.id, partition)?.into_iter();
            empty += fakes.filter(|fake| fake.text.trim().is_empty()).count();
        }
        if empty > 0 {
            ctx.say(format!(
                "{empty} of the fakes have no text; training and evaluation leave them out"
            ));
        }
        let info = FakesInfo {
            left_out: ctx.left_out()?,
            ..ctx.engine().fakes_info(store.fake_set_by_id(set.id)?)?
        };
        Ok(info)
    }
}

impl MakeFakes {
    fn begin(
        &self,
        store: &Store,
        generator: &Writer,
        device: &str,
        precision: Precision,
        job: &str,
    ) -> Result<FakeSet> {
        repartee_core::names::check(ItemKind::Fakes, &self.name)?;
        let config = FakesConfig {
            generator: generator.checkpoint.run.clone(),
            step: generator.checkpoint.step,
            template: generator.text.template.clone(),
            sampling: self.sampling.clone(),
            replies: self.replies,
            comments: self.comments,
            device: device.to_owned(),
            precision,
            job: job.to_owned(),
        };
        let new = NewFakeSet {
            name: self.name.clone(),
            checkpoint_id: generator.checkpoint.id,
            split_id: generator.checkpoint.split_id,
            config: to_json(&config)?,
        };
        store.fake_set_insert(&new, now_ms())?;
        Ok(store.fake_set(&self.name)?)
    }
}

/// The settings of a set, with its generator's current name.
pub(crate) fn fakes_config(set: &FakeSet) -> Result<FakesConfig> {
    let mut config: FakesConfig = from_json(&set.config)?;
    config.generator.clone_from(&set.generator);
    Ok(config)
}

/// The set that a job makes.
pub(crate) fn of_job(store: &Store, job: &str) -> Result<Option<FakeSet>> {
    let is_its = |set: &FakeSet| fakes_config(set).is_ok_and(|config| config.job == job);
    Ok(store.fake_sets()?.into_iter().find(is_its))
}

impl Engine {
    fn fakes_info(&self, set: FakeSet) -> Result<FakesInfo> {
        let split = self.store.split_by_id(set.split_id)?;
        let config: FakesConfig = from_json(&set.config)?;
        Ok(FakesInfo {
            split: split.map(|split| split.name).unwrap_or_default(),
            left_out: self.left_out_of(&config.job)?,
            config: fakes_config(&set)?,
            label: self.store.label(ItemKind::Fakes, set.id)?,
            fakes: self.store.fake_counts(set.id)?,
            deleted_content: self.store.is_marked(Marked::Fakes, set.id)?,
            name: set.name,
            created_ms: set.created_ms,
        })
    }

    /// All sets of fakes, oldest first.
    pub fn fake_sets(&self) -> Result<Vec<FakesInfo>> {
        good(self.fake_sets_read()?)
    }

    pub(crate) fn fake_sets_read(&self) -> Result<Listed<FakesInfo>> {
        let sets = self.store.fake_sets()?.into_iter();
        Ok(sets.map(|set| (set.id, self.fakes_info(set))).collect())
    }

    /// The first fakes of each partition, each next to the real reply: at most `limit` in all.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn fakes_show(&self, name: &str, limit: usize) -> Result<Vec<FakeShown>> {
        let set = self.store.fake_set(name)?;
        let mut shown = Vec::new();
        for (partitions_left, partition) in [
            (3, Partition::Train),
            (2, Partition::Val),
            (1, Partition::Test),
        ] {
            let share = (limit - shown.len()).div_ceil(partitions_left);
            let mut fakes = Vec::new();
            self.store.for_each_fake(set.id, partition, |fake| {
                if fakes.len() < share {
                    fakes.push(fake);
                }
                fakes.len() < share
            })?;
            for fake in fakes.into_iter().take(share) {
                let real = self
                    .store
                    .examples_of(&[fake.pair_id])?
                    .pop()
                    .map(|e| e.reply)
                    .unwrap_or_default();
                shown.push(FakeShown {
                    partition,
                    comment: fake.comment,
                    real,
                    fake: fake.text,
                    finish_reason: fake.finish_reason,
                });
            }
        }
        Ok(shown)
    }
}
