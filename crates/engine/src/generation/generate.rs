//! Live generation: several replies to each comment, both classifiers' scores of each, selection by criteria, and
//! drafts in the queue. Nothing is posted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use repartee_core::Project;
use repartee_core::error::{Error, Result};
use repartee_core::format::counted;
use repartee_core::job::{
    Ctx, Draft, DraftScore, Job, Progress, Signal, Stop, from_json, now_ms, to_json,
};
use repartee_core::kind::{EachName, Named};
use repartee_core::left_out::{Batches, LeftOut, Tally, caught, is_of_the_whole};
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::Partition;
use repartee_datasets::clean::{bare_name, repair};
use repartee_datasets::memorized::Index;
use repartee_models::generate::{self, Completion, SamplingParams, Task};
use repartee_models::text::{GeneratorText, PairIds};
use repartee_models::{Device, device_name, evaluate};
use repartee_store::marks::Marked;
use repartee_store::runs::Checkpoint;
use repartee_store::threads::{
    Added, Candidate, Generation, NewCandidate, NewGeneration, NewThread, NewThreadComment, Pick,
    Scores,
};
use repartee_terms::{FinishReason, Precision, PrecisionChoice};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::ToEngine;
use crate::data::examples::pair_label;
use crate::generation::context;
use crate::generation::fakes::{different_comments, fakes_config, until_stopped};
use crate::generation::flags::{self, Flag, FlagInfo, TrainingReplies};
use crate::generation::pick::{Criteria, Scored, pick};
use crate::items::{ItemKind, Label};
use crate::queue::ReplyInfo;
use crate::training::lent::{self, Lent};
use crate::training::model::{
    Classifier, Writer, check_checkpoint, check_device, check_kind, device_of_job, of_pass,
};
use crate::training::precision::resolved;
use crate::training::run_config::ModelKind;

/// Candidates scored between checks for pause and cancel.
const SCORED_AT_ONCE: usize = 64;
/// Batch size of the classifiers.
pub(crate) const SCORE_BATCH: usize = 16;
/// How often a request to stop is looked for while the training replies are read.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How often replies being generated are sent to the front end.
const SEND_EVERY: Duration = Duration::from_millis(100);

/// A comment to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Incoming {
    pub comment: String,
    /// The thread it is in; comments with the same one share a thread. Empty: one of its own.
    pub thread: String,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
}

/// Generates, scores, selects and queues. A job: `generate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Generate {
    pub comments: Vec<Incoming>,
    /// Further comments, from stored threads, by number; purged ones are left out.
    pub stored: Vec<i64>,
    /// Whether the generator sees the title and the ancestors of a stored comment.
    pub context: bool,
    /// Number of further comments from the generator's test set, sampled by the seed.
    pub unseen: usize,
    /// Origin of the comments: pasted or file.
    pub origin: String,
    /// How many of `stored` were given as texts: those are stored first, and referred to by number afterwards.
    #[ts(skip)]
    pub given: usize,
    pub generator: String,
    /// The realism run for scoring; none: not scored.
    pub realism: Option<String>,
    /// The upvotes run for scoring; none: not scored.
    pub upvotes: Option<String>,
    /// best or last, for all three; none: best.
    pub checkpoint: Option<String>,
    pub candidates: usize,
    /// Batch size: candidates generated at once.
    pub batch: usize,
    /// Decoding settings.
    #[serde(alias = "decode")]
    pub sampling: SamplingParams,
    pub criteria: Criteria,
    /// Whether selected candidates are added to the queue.
    pub queue: bool,
    /// auto, cpu, cuda or metal.
    pub device: String,
    /// Of all three models, on the CPU; each resolves `auto` for itself.
    pub precision: PrecisionChoice,
}

impl Default for Generate {
    fn default() -> Self {
        Self {
            comments: Vec::new(),
            stored: Vec::new(),
            context: false,
            unseen: 0,
            origin: "pasted".to_owned(),
            given: 0,
            generator: String::new(),
            realism: None,
            upvotes: None,
            checkpoint: None,
            candidates: 10,
            batch: 32,
            sampling: SamplingParams::default(),
            criteria: Criteria::default(),
            queue: true,
            device: "auto".to_owned(),
            precision: PrecisionChoice::Auto,
        }
    }
}

/// A candidate with its scores and verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CandidateInfo {
    /// Number in the project.
    pub id: i64,
    /// Index among the candidates of its comment.
    pub n: u32,
    pub text: String,
    /// end, or length if it was cut.
    #[serde(alias = "finish")]
    pub finish_reason: FinishReason,
    pub p_real: Option<f64>,
    /// Probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
    /// `p1 + 2 p2 + 3 p3`.
    pub expected_bin: Option<f64>,
    pub picked: bool,
    /// Why it was selected or not.
    pub reason: String,
    /// The reply in the queue that was made from it.
    pub reply: Option<i64>,
    /// What is wrong with it: an echo, a copy, a repetition.
    #[serde(default)]
    pub flags: Vec<FlagInfo>,
}

/// A comment with its candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Answered {
    /// Number of the thread in the project.
    pub thread: i64,
    pub comment: String,
    pub candidates: Vec<CandidateInfo>,
}

/// The result of live generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Generated {
    /// Number in the project.
    pub generation: i64,
    /// In the given order.
    pub comments: Vec<Answered>,
    /// Replies added to the queue.
    pub queued: Vec<i64>,
    /// Comments and candidates that were left out.
    #[serde(default)]
    pub left_out: LeftOut,
    /// What to know about the scores, as [`GenerationConfig::notes`].
    #[serde(default)]
    pub notes: Vec<String>,
    pub config: GenerationConfig,
}

/// Settings of a generation; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GenerationConfig {
    pub generator: String,
    pub realism: Option<String>,
    pub upvotes: Option<String>,
    pub candidates: usize,
    /// Decoding settings.
    #[serde(alias = "decode")]
    pub sampling: SamplingParams,
    pub criteria: Criteria,
    /// cpu, cuda or metal.
    pub device: String,
    /// Generations of earlier versions: f32.
    #[serde(default)]
    pub precisions: Precisions,
    /// None: not scored for realism, or by an earlier version.
    #[serde(default)]
    pub trained_on: Option<TrainedOn>,
    /// The job that made it, which knows what was left out.
    #[serde(default)]
    #[ts(skip)]
    pub job: String,
    /// The comments that the generator saw as context, by the comment that is answered: a purge of one of them reaches
    /// the candidates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[ts(skip)]
    pub context: BTreeMap<i64, Vec<i64>>,
}

/// The precision of each model; f32 for one that was not used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Precisions {
    pub generator: Precision,
    pub realism: Precision,
    pub upvotes: Precision,
}

/// The fakes that a realism model was trained on, compared with what it scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct TrainedOn {
    /// At which they were generated.
    pub precision: Precision,
    /// Their decoding settings; none: the generation is of an earlier version.
    #[serde(default)]
    pub sampling: Option<SamplingParams>,
    /// Whether the same checkpoint of the same generator generated both.
    pub same_checkpoint: bool,
}

impl GenerationConfig {
    /// What to know about the scores: where the realism model was trained on other text than it scores here.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(fakes) = &self.trained_on else {
            return notes;
        };
        let (seen, used) = (fakes.precision, self.precisions.generator);
        let precision = (seen != used).then(|| (format!("at {seen}"), format!("at {used}")));
        let sampling = (fakes.sampling.as_ref()).and_then(|seen| decoded(seen, &self.sampling));
        for (seen, used) in [precision, sampling].into_iter().flatten() {
            notes.push(format!(
                "the realism model was trained on fakes generated {seen}, and these replies are generated {used}: \
                 generate replies {seen}, or generate fakes {used} and train the realism model on them"
            ));
        }
        if !fakes.same_checkpoint {
            notes.push(
                "the realism model was trained on fakes of another generator or checkpoint than the one that generates \
                 these replies: generate fakes with this one, and train the realism model on them"
                    .to_owned(),
            );
        }
        notes
    }
}

/// The decoding settings in which fakes and replies differ, of each: "with temperature 1"; `None`: in none.
fn decoded(fakes: &SamplingParams, replies: &SamplingParams) -> Option<(String, String)> {
    let differ = fakes.differences(replies);
    let of_fakes: Vec<String> = (differ.iter())
        .map(|(name, value, _)| format!("{name} {value}"))
        .collect();
    let of_replies: Vec<String> = (differ.iter())
        .map(|(name, _, value)| format!("{name} {value}"))
        .collect();
    let with = |values: Vec<String>| format!("with {}", values.join(", "));
    (!differ.is_empty()).then(|| (with(of_fakes), with(of_replies)))
}

/// What to know about a generator that saw a text deleted since.
fn trained_on_deleted(run: &str) -> String {
    format!(
        "the generator was trained on content deleted since, and may repeat it: {} trains it without",
        repartee_core::shell::command(["train", "again", run, "--without-deleted"])
    )
}

/// A comment to answer.
struct Asked {
    /// Its name in messages.
    label: String,
    comment: String,
    /// Its thread and row, if it is already stored.
    place: Option<(i64, i64)>,
    /// The pair that the comment is from.
    pair_id: Option<i64>,
    /// Context for the generator: the title, then the ancestors, the nearest first.
    above: Vec<String>,
    /// The rows of these ancestors.
    context: Vec<i64>,
}

/// A generated reply before it is stored.
struct Written {
    comment: usize,
    n: u32,
    text: String,
    finish_reason: FinishReason,
    scores: Scores,
    flags: Vec<Flag>,
}

/// A generation in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GenerationInfo {
    pub id: i64,
    /// Empty: it is called by its number.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub label: Label,
    pub config: GenerationConfig,
    pub candidates: u64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// Maximum number of replies to a comment, and of replies that are generated at once: each has a cache of the model's
/// keys and values, some megabytes of a small model.
const MOST_REPLIES: usize = 1_000;
const LARGEST_BATCH: usize = 4_096;

const NO_COMMENT: &str =
    "there is no comment to answer: give one, a file, or a number of unseen ones";

/// Refuses numbers of replies that no machine can hold.
///
/// # Errors
/// [`crate::Code::Usage`] with the limit.
pub(crate) fn check_counts(what: &str, replies: usize, batch: usize) -> Result<()> {
    for (what, count, most) in [
        (what, replies, MOST_REPLIES),
        ("batch", batch, LARGEST_BATCH),
    ] {
        if count == 0 || count > most {
            return Err(Error::usage(format!(
                "{what} is {count}; it is a number from 1 to {most}"
            )));
        }
    }
    Ok(())
}

/// Replies of a batch while they are being generated.
struct Drafts {
    /// The comment of each task.
    comments: Vec<usize>,
    /// The tokens so far, by task and number, of those that grew since they were last sent.
    tokens: BTreeMap<(usize, usize), Vec<u32>>,
    grown: BTreeSet<(usize, usize)>,
    /// None: nothing was sent yet, so the first token is sent at once.
    sent: Option<Instant>,
}

impl Drafts {
    fn new(comments: Vec<usize>) -> Self {
        Self {
            comments,
            tokens: BTreeMap::new(),
            grown: BTreeSet::new(),
            sent: None,
        }
    }

    fn hear(&mut self, task: usize, n: usize, token: u32) {
        self.tokens.entry((task, n)).or_default().push(token);
        self.grown.insert((task, n));
    }

    /// Sends what has grown, if it is time.
    fn send(&mut self, ctx: &Ctx, text: &GeneratorText) -> Result<()> {
        if self.sent.is_some_and(|at| at.elapsed() < SEND_EVERY) {
            return Ok(());
        }
        self.sent = Some(Instant::now());
        let mut drafts = Vec::with_capacity(self.grown.len());
        for (task, n) in std::mem::take(&mut self.grown) {
            drafts.push(Draft {
                comment: self.comments[task],
                n,
                text: text.decode(&self.tokens[&(task, n)])?,
                finish_reason: None,
            });
        }
        ctx.send(Signal::Drafts { drafts });
        Ok(())
    }
}

impl Job for Generate {
    const KIND: &'static str = "generate";
    const QUEUED: bool = true;
    type Outcome = Generated;

    fn names(&mut self, each: EachName) {
        each(Named::used(ItemKind::Run, &mut self.generator));
        for run in [&mut self.realism, &mut self.upvotes].into_iter().flatten() {
            each(Named::used(ItemKind::Run, run));
        }
    }

    fn subject(&self) -> String {
        self.generator.clone()
    }

    fn check(&self, project: &Project) -> Result<()> {
        self.check_settings(project)?;
        // before the models are loaded, which takes seconds
        if self.stored.is_empty() && self.unseen == 0 {
            if self.comments.is_empty() {
                return Err(Error::usage(NO_COMMENT));
            }
            let has_text = |asked: &Incoming| repartee_core::names::has_text(&asked.comment);
            if !self.comments.iter().any(has_text) {
                return Err(Error::usage(format!(
                    "the comment has no text; {NO_COMMENT}"
                )));
            }
        }
        Ok(())
    }

    fn check_ready(&self, project: &Project) -> Result<()> {
        self.models(&project.engine()).map(drop)
    }

    fn settle(&mut self, project: &Project) -> Result<()> {
        let given = store_given(&project.engine(), &self.comments, &self.origin)?;
        self.given += given.len();
        self.stored.splice(0..0, given);
        self.comments.clear();
        Ok(())
    }

    fn kept(outcome: &Generated) -> Result<String> {
        let mut kept = outcome.clone();
        for answered in &mut kept.comments {
            answered.comment.clear();
            for candidate in &mut answered.candidates {
                candidate.text.clear();
                candidate.flags.iter_mut().for_each(|f| f.source = None);
            }
        }
        to_json(&kept)
    }

    fn found(project: &Project, kept: Generated) -> Result<Generated> {
        project.engine().generation(kept.generation)
    }

    fn tally(outcome: &Generated) -> Option<Tally> {
        Some(Tally {
            nothing: "no comment could be answered",
            succeeded: outcome.comments.len() as u64,
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<Generated, Stop> {
        self.sampling.check().map_err(Error::from)?;
        self.criteria.check()?;
        check_counts("candidates", self.candidates, self.batch)?;
        let device = device_of_job(ctx, &self.device)?;
        ctx.tick(Progress::new("loading the models", 0, None, "bytes"));
        // looked up before anything is generated: their names may change in the meantime
        let models = self.models(&ctx.engine())?;
        let config = self.config(ctx, &models, &device)?;
        for note in config.notes() {
            ctx.say(note);
        }
        if (ctx.project.store).is_marked(Marked::Run, models.generator.run_id)? {
            ctx.say(trained_on_deleted(&models.generator.run));
        }
        let Models {
            generator,
            realism,
            upvotes,
        } = models;
        let judges = [
            realism.map(|c| (c, config.precisions.realism)),
            upvotes.map(|c| (c, config.precisions.upvotes)),
        ];
        let precision = config.precisions.generator;
        let used = judges.iter().flatten().map(|(c, p)| (c, *p));
        lent::keep_only(ctx, &device, used.chain([(&generator, precision)]));
        let generator = lent::writer(ctx, generator, &device, precision)?;
        let comments = match self.gather(ctx, &generator.model) {
            Ok(comments) => comments,
            Err(stop) => {
                generator.give_back();
                return Err(stop);
            }
        };
        ctx.send(Signal::Comments {
            texts: comments.iter().map(|c| c.comment.clone()).collect(),
        });
        let writer = generator.model.checkpoint.clone();
        // what it was trained on is read next to the work of the models
        let (store, split_id) = (&ctx.project.store, writer.split_id);
        let config_of_run = &generator.model.config;
        let (limit, seed) = (config_of_run.limit, config_of_run.seed);
        let stop = &AtomicBool::new(false);
        let (written, realism, upvotes) = std::thread::scope(|scope| {
            let (begin, begins) = sync_channel(1);
            let thread = scope.spawn(move || {
                // an error: there is no first token
                let _ = begins.recv();
                flags::training_replies(store, split_id, limit, seed, stop)
            });
            let reading = Reading { thread, begin };
            let done = self.scored(ctx, generator, judges, &comments, &device, reading);
            // on an error, the thread is still reading
            stop.store(true, Ordering::Relaxed);
            done
        })?;
        ctx.go_on()?;
        if written.is_empty() {
            return Err(ctx
                .left_out()?
                .nothing_left("nothing could be generated")
                .into());
        }
        let used = Models {
            generator: writer,
            realism,
            upvotes,
        };
        Ok(self.store(ctx, &comments, written, &used, config)?)
    }
}

/// The thread that reads the training replies next to the work of the models.
struct Reading<'scope> {
    thread: ScopedJoinHandle<'scope, Result<TrainingReplies>>,
    /// It begins at the first token, which is not to share the processor with it; or when this is dropped.
    begin: SyncSender<()>,
}

/// Waits for the training replies, and names those that could not be read.
fn read_to_end(
    ctx: &Ctx,
    reading: ScopedJoinHandle<'_, Result<TrainingReplies>>,
) -> Result<Index, Stop> {
    while !reading.is_finished() {
        ctx.go_on()?;
        ctx.tick(Progress::new("reading training replies", 0, None, "pairs"));
        std::thread::sleep(LOOK_EVERY);
    }
    let read = match reading.join() {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic),
    };
    for (pair, error) in read.unreadable {
        ctx.leave_out(
            pair_label(pair),
            format!("candidates were not compared with it: {}", error.message),
        )?;
    }
    Ok(read.index)
}

/// Flags all candidates; those for one comment are next to each other, in their order.
fn flag(comments: &[Asked], written: &mut [Written], index: &Index) {
    for group in written.chunk_by_mut(|a, b| a.comment == b.comment) {
        let Some(first) = group.first() else { continue };
        let comment = &comments[first.comment].comment;
        let texts: Vec<(u32, &str)> = group.iter().map(|w| (w.n, w.text.as_str())).collect();
        let flags = flags::flags_of(comment, &texts, index);
        for (w, flags) in group.iter_mut().zip(flags) {
            w.flags = flags;
        }
    }
}

/// The checkpoints of a generation; none: not scored.
struct Models {
    generator: Checkpoint,
    realism: Option<Checkpoint>,
    upvotes: Option<Checkpoint>,
}

impl Generate {
    /// [`Job::check`] without the comments, which may come from elsewhere.
    pub(super) fn check_settings(&self, project: &Project) -> Result<()> {
        check_counts("candidates", self.candidates, self.batch)?;
        self.sampling.check().map_err(Error::from)?;
        self.criteria.check()?;
        self.criteria.check_models(self.realism.is_some())?;
        check_device(&self.device, self.precision)?;
        check_checkpoint(self.checkpoint.as_deref())?;
        let runs = [
            (Some(&self.generator), ModelKind::Generator),
            (self.realism.as_ref(), ModelKind::Realism),
            (self.upvotes.as_ref(), ModelKind::Upvotes),
        ];
        for (run, kind) in runs {
            if let Some(run) = run {
                check_kind(&project.store, run, kind)?;
            }
        }
        Ok(())
    }

    fn models(&self, engine: &Engine) -> Result<Models> {
        let find = |run: &str, kind| engine.trained(run, kind, self.checkpoint.as_deref());
        let judge = |run: &Option<String>, kind| run.as_deref().map(|run| find(run, kind));
        Ok(Models {
            generator: find(&self.generator, ModelKind::Generator)?,
            realism: judge(&self.realism, ModelKind::Realism).transpose()?,
            upvotes: judge(&self.upvotes, ModelKind::Upvotes).transpose()?,
        })
    }

    /// The settings as they are stored, with the precision of each model.
    fn config(&self, ctx: &Ctx, models: &Models, device: &Device) -> Result<GenerationConfig> {
        let name = |checkpoint: &Option<Checkpoint>| checkpoint.as_ref().map(|c| c.run.clone());
        let precision = |checkpoint: &Option<Checkpoint>| {
            let checkpoint = checkpoint.as_ref();
            let found = checkpoint.map(|c| resolved(ctx, self.precision, c, device, None));
            Ok::<_, Error>(found.transpose()?.unwrap_or_default())
        };
        let trained_on = match &models.realism {
            Some(realism) => trained_on(ctx, realism, &models.generator)?,
            None => None,
        };
        let fakes = trained_on.as_ref().map(|fakes| fakes.precision);
        let generator = resolved(ctx, self.precision, &models.generator, device, fakes)?;
        Ok(GenerationConfig {
            generator: models.generator.run.clone(),
            realism: name(&models.realism),
            upvotes: name(&models.upvotes),
            candidates: self.candidates,
            sampling: self.sampling.clone(),
            criteria: self.criteria.clone(),
            device: device_name(device).to_owned(),
            precisions: Precisions {
                generator,
                realism: precision(&models.realism)?,
                upvotes: precision(&models.upvotes)?,
            },
            trained_on,
            job: ctx.job().to_owned(),
            // once the comments are stored
            context: BTreeMap::new(),
        })
    }

    /// The given comments, those of stored threads, and those sampled from the test set. What cannot be answered is
    /// left out.
    fn gather(&self, ctx: &Ctx, generator: &Writer) -> Result<Vec<Asked>, Stop> {
        let store = &ctx.project.store;
        let mut comments: Vec<Asked> = Vec::new();
        for (at, id) in self.stored.iter().enumerate() {
            let label = match at < self.given {
                true => format!("comment {} of those given", at + 1),
                false => format!("comment {id}"),
            };
            match caught(|| Ok(context::stored(&ctx.engine(), *id, self.context)?)) {
                Ok(stored) => comments.push(Asked {
                    label,
                    comment: stored.comment,
                    place: Some((stored.thread, *id)),
                    pair_id: None,
                    above: stored.above,
                    context: stored.context,
                }),
                Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                    ctx.leave_out(label, error.message)?;
                }
                Err(stop) => return Err(stop),
            }
        }
        if self.unseen > 0 {
            let (split, seed) = (generator.checkpoint.split_id, self.sampling.seed);
            for example in
                different_comments(store, split, Partition::Test, self.unseen, seed, "unseen")?
            {
                comments.push(Asked {
                    label: pair_label(example.pair_id),
                    comment: example.comment,
                    place: None,
                    pair_id: Some(example.pair_id),
                    above: Vec::new(),
                    context: Vec::new(),
                });
            }
        }
        let asked = self.stored.len() + self.unseen;
        let positions = generator.model.config().n_positions;
        let fits = |comment: &str| -> Result<()> {
            if !repartee_core::names::has_text(comment) {
                return Err(Error::usage("it has no text: it was empty, or was deleted"));
            }
            // training truncates what is too long; live it is an error, since the reply would answer half of it
            let prompt = generator.text.whole_prompt(comment)?;
            Ok(generate::check_prompt(&prompt, positions)?)
        };
        let mut kept = Vec::with_capacity(comments.len());
        for asked in comments {
            match caught(|| Ok(fits(&asked.comment)?)) {
                Ok(()) => kept.push(asked),
                Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                    ctx.leave_out(asked.label, error.message)?;
                }
                Err(stop) => return Err(stop),
            }
        }
        match (kept.is_empty(), asked) {
            (true, 0) => Err(Error::usage(NO_COMMENT).into()),
            (true, _) => Err(ctx
                .left_out()?
                .nothing_left("no comment can be answered")
                .into()),
            _ => Ok(kept),
        }
    }

    /// Generates, scores and flags the candidates; returns them with the checkpoints that scored them.
    fn scored(
        &self,
        ctx: &Ctx,
        generator: Lent<Writer>,
        [realism, upvotes]: [Option<(Checkpoint, Precision)>; 2],
        comments: &[Asked],
        device: &Device,
        reading: Reading<'_>,
    ) -> Result<(Vec<Written>, Option<Checkpoint>, Option<Checkpoint>), Stop> {
        let Reading { thread, begin } = reading;
        let written = self.write(ctx, &generator.model, comments, &begin);
        drop(begin);
        generator.give_back();
        let mut written = written?;
        let mut score = |kind, judge| self.score(ctx, kind, judge, comments, &mut written, device);
        let realism = score(ModelKind::Realism, realism)?;
        let upvotes = score(ModelKind::Upvotes, upvotes)?;
        let index = read_to_end(ctx, thread)?;
        flag(comments, &mut written, &index);
        Ok((written, realism, upvotes))
    }

    /// Generates the candidates, batching prompts of similar length. Tells `begun` of the first token.
    fn write(
        &self,
        ctx: &Ctx,
        generator: &Writer,
        comments: &[Asked],
        begun: &SyncSender<()>,
    ) -> Result<Vec<Written>, Stop> {
        let text = &generator.text;
        let mut tasks: Vec<(usize, Task)> = Vec::with_capacity(comments.len());
        for (i, asked) in comments.iter().enumerate() {
            let reply = self.sampling.max_new_tokens;
            let prompt = caught(|| {
                let seen = context::seen(text, &asked.comment, &asked.above, reply)?;
                Ok(text.prompt(&seen, reply).map_err(Error::from)?)
            });
            let prompt = match prompt {
                Ok(prompt) => prompt,
                Err(Stop::Failed(error)) if !is_of_the_whole(&error) => {
                    ctx.leave_out(asked.label.as_str(), error.message)?;
                    continue;
                }
                Err(stop) => return Err(stop),
            };
            if prompt.cut > 0 {
                ctx.say(format!(
                    "comment {}: {} cut at its end; the generator was trained with at most {}",
                    i + 1,
                    counted(prompt.cut, "token", "tokens"),
                    text.template.max_tokens
                ));
            }
            tasks.push((
                i,
                Task {
                    key: i as i64,
                    prompt: prompt.ids,
                },
            ));
        }
        tasks.sort_by_key(|(i, task)| (task.prompt.len(), *i));
        let total = comments.len() as u64;
        let mut written = Vec::with_capacity(comments.len() * self.candidates);
        let mut done = 0;
        let mut batches = Batches::default();
        for batch in tasks.chunks((self.batch / self.candidates).max(1)) {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                "generating replies",
                done,
                Some(total),
                "comments",
            ));
            let (model, sampling) = (&*generator.model, &self.sampling);
            let replies = batches.each(batch, &mut |some| {
                let only: Vec<Task> = some.iter().map(|(_, task)| task.clone()).collect();
                let mut drafts = Drafts::new(some.iter().map(|(comment, _)| *comment).collect());
                let mut heard = |task: usize, n: usize, token: u32| {
                    // an error: it was told of an earlier one
                    let _ = begun.try_send(());
                    drafts.hear(task, n, token);
                    drafts.send(ctx, text)
                };
                let replies: Vec<Vec<Completion>> = until_stopped(ctx, &mut heard, |on_token| {
                    generate::generate(model, &only, self.candidates, text.end, sampling, on_token)
                })?;
                let texts = |completions: Vec<Completion>| {
                    completions
                        .into_iter()
                        .map(|c| Ok((text.decode(&c.ids)?, c.finish_reason)))
                        .collect::<Result<Vec<_>>>()
                };
                Ok(replies.into_iter().map(texts).collect::<Result<Vec<_>>>()?)
            })?;
            let first = written.len();
            for ((comment, _), replies) in batch.iter().zip(replies) {
                match replies {
                    Ok(replies) => {
                        for (n, (text, finish_reason)) in (0..).zip(replies) {
                            written.push(Written {
                                comment: *comment,
                                n,
                                text,
                                finish_reason,
                                scores: Scores::default(),
                                flags: Vec::new(),
                            });
                        }
                    }
                    Err(error) => {
                        ctx.leave_out(comments[*comment].label.as_str(), error.message)?;
                    }
                }
            }
            let finished = |w: &Written| Draft {
                comment: w.comment,
                n: w.n as usize,
                text: w.text.clone(),
                finish_reason: Some(w.finish_reason),
            };
            ctx.send(Signal::Drafts {
                drafts: written[first..].iter().map(finished).collect(),
            });
            done += batch.len() as u64;
        }
        ctx.tick(Progress::new(
            "generating replies",
            done,
            Some(total),
            "comments",
        ));
        written.sort_by_key(|w| (w.comment, w.n));
        Ok(written)
    }

    /// Scores every candidate with one classifier, if a run is given. One that cannot be scored is left out: without a
    /// score it could be selected.
    fn score(
        &self,
        ctx: &Ctx,
        kind: ModelKind,
        judge: Option<(Checkpoint, Precision)>,
        comments: &[Asked],
        written: &mut Vec<Written>,
        device: &Device,
    ) -> Result<Option<Checkpoint>, Stop> {
        let Some((checkpoint, precision)) = judge else {
            return Ok(None);
        };
        ctx.go_on()?;
        let judge = lent::classifier(ctx, checkpoint, device, precision)?;
        let scored = self.score_by(ctx, kind, &judge.model, comments, written);
        let checkpoint = judge.model.checkpoint.clone();
        judge.give_back();
        scored?;
        Ok(Some(checkpoint))
    }

    /// Scores every candidate with a loaded classifier.
    fn score_by(
        &self,
        ctx: &Ctx,
        kind: ModelKind,
        judge: &Classifier,
        comments: &[Asked],
        written: &mut Vec<Written>,
    ) -> Result<(), Stop> {
        let (phase, total) = (format!("scoring {}", kind.as_str()), written.len() as u64);
        let mut done = 0;
        let mut batches = Batches::default();
        let mut unscored: Vec<bool> = vec![false; written.len()];
        for (some, unscored) in written
            .chunks_mut(SCORED_AT_ONCE)
            .zip(unscored.chunks_mut(SCORED_AT_ONCE))
        {
            ctx.go_on()?;
            ctx.tick(Progress::new(phase.clone(), done, Some(total), "replies"));
            let texts: Vec<(&str, &str)> = some
                .iter()
                .map(|w| (comments[w.comment].comment.as_str(), w.text.as_str()))
                .collect();
            let scores = batches.each(&texts, &mut |texts| {
                let pairs = judge.text.pairs(texts).map_err(Error::from)?;
                let pairs: Vec<&PairIds> = pairs.iter().collect();
                let p = evaluate::probabilities(&*judge.model, &pairs, SCORE_BATCH);
                of_pass(ctx, p)
            })?;
            for ((w, p), unscored) in some.iter_mut().zip(scores).zip(unscored) {
                match p.as_deref() {
                    Ok([_, real]) => w.scores.p_real = Some(f64::from(*real)),
                    Ok([a, b, c, d]) => w.scores.bins = Some([*a, *b, *c, *d].map(f64::from)),
                    Ok(p) => {
                        let classes = format!("a classifier of {} classes", p.len());
                        return Err(Error::internal(classes).into());
                    }
                    Err(error) => {
                        *unscored = true;
                        let label = &comments[w.comment].label;
                        ctx.leave_out(
                            format!("candidate {} of {label}", w.n + 1),
                            format!("{} could not score it: {}", kind.as_str(), error.message),
                        )?;
                    }
                }
            }
            let scored = |w: &Written| DraftScore {
                comment: w.comment,
                n: w.n as usize,
                p_real: w.scores.p_real.filter(|_| kind == ModelKind::Realism),
                bins: w.scores.bins.filter(|_| kind == ModelKind::Upvotes),
            };
            ctx.send(Signal::Scores {
                scores: some.iter().map(scored).collect(),
            });
            done += some.len() as u64;
        }
        let mut unscored = unscored.into_iter();
        written.retain(|_| !unscored.next().unwrap_or(false));
        ctx.tick(Progress::new(phase, done, Some(total), "replies"));
        Ok(())
    }

    /// Selects, and stores threads, candidates, verdicts and drafts.
    fn store(
        &self,
        ctx: &Ctx,
        comments: &[Asked],
        written: Vec<Written>,
        models: &Models,
        mut config: GenerationConfig,
    ) -> Result<Generated> {
        let (engine, store) = (ctx.engine(), &ctx.project.store);
        let places = self.insert_threads(&engine, comments)?;
        for (asked, (_, id)) in comments.iter().zip(&places) {
            if !asked.context.is_empty() {
                config.context.insert(*id, asked.context.clone());
            }
        }
        let new = NewGeneration {
            generator: models.generator.id,
            realism: models.realism.as_ref().map(|c| c.id),
            upvotes: models.upvotes.as_ref().map(|c| c.id),
            config: to_json(&config)?,
        };
        let generation = store.generation_insert(&new, now_ms())?;
        let candidates: Vec<NewCandidate> = written
            .iter()
            .map(|w| NewCandidate {
                comment_id: places[w.comment].1,
                n: w.n,
                text: w.text.clone(),
                finish_reason: w.finish_reason,
                scores: w.scores,
            })
            .collect();
        let stored = store.candidates_add_each(generation, &candidates)?;
        // a comment may have been deleted during generation: its candidates are not stored either
        let mut gone: Vec<usize> = written
            .iter()
            .zip(&stored)
            .filter(|(_, added)| **added == Added::CommentDeleted)
            .map(|(w, _)| w.comment)
            .collect();
        gone.dedup();
        for comment in &gone {
            let label = comments[*comment].label.as_str();
            ctx.leave_out(
                label,
                "it, or a comment above it, was deleted while replies to it were generated",
            )?;
        }
        let copies = stored.iter().filter(|added| **added == Added::CopyOfPurged);
        match copies.count() {
            0 => {}
            n => ctx.say(format!(
                "candidates not stored, because they repeat a text that was purged: {n}"
            )),
        }
        let kept = |(w, added): (Written, Added)| Some((w, added.id()?));
        let (written, ids): (Vec<Written>, Vec<i64>) =
            written.into_iter().zip(stored).filter_map(kept).unzip();
        let all: Vec<Vec<Flag>> = written.iter().map(|w| w.flags.clone()).collect();
        let infos = flags::shown(store, &all)?;
        let scored: Vec<Scored> = written
            .iter()
            .zip(&infos)
            .map(|(w, flags)| Scored {
                thread: places[w.comment].0,
                text: &w.text,
                p_real: w.scores.p_real,
                expected_bin: w.scores.expected_bin(),
                flag: flags::refusing(flags),
            })
            .collect();
        let mut verdicts = pick(&scored, &self.criteria);
        // the same seed gives the same replies to the same comment
        let mut queued_before: HashMap<i64, i64> = HashMap::new();
        if self.queue {
            let picked = ids.iter().zip(&verdicts).filter(|(_, v)| v.picked);
            let picked: Vec<i64> = picked.map(|(id, _)| *id).collect();
            queued_before.extend(store.queued_like(&picked)?);
        }
        for ((id, w), verdict) in ids.iter().zip(&written).zip(&mut verdicts) {
            if let Some(reply) = queued_before.get(id) {
                let there = format!("in the queue already, as reply {reply}");
                ctx.say(format!(
                    "candidate {} of {} is {there}: it is not added again",
                    w.n + 1,
                    comments[w.comment].label
                ));
                verdict.reason.push_str(&format!("; {there}"));
            }
        }
        let picks = (ids.iter().zip(&verdicts).zip(&all))
            .map(|((id, v), flags)| {
                Ok(Pick {
                    candidate_id: *id,
                    picked: v.picked,
                    reason: v.reason.clone(),
                    flags: Some(to_json(flags)?),
                })
            })
            .collect::<Result<Vec<Pick>>>()?;
        store.candidates_decide(&picks)?;
        let picked: Vec<i64> = picks
            .iter()
            .filter(|p| p.picked && !queued_before.contains_key(&p.candidate_id))
            .map(|p| p.candidate_id)
            .collect();
        let queued = if self.queue {
            store.queue_add(&picked, "repartee", now_ms())?
        } else {
            Vec::new()
        };
        let reply_of: HashMap<i64, i64> = picked.into_iter().zip(queued.iter().copied()).collect();

        let mut answered: Vec<Answered> = comments
            .iter()
            .zip(&places)
            .map(|(asked, (thread, _))| Answered {
                thread: *thread,
                comment: asked.comment.clone(),
                candidates: Vec::new(),
            })
            .collect();
        let rows = written.into_iter().zip(ids).zip(infos);
        for (((w, id), flags), verdict) in rows.zip(verdicts) {
            answered[w.comment].candidates.push(CandidateInfo {
                id,
                n: w.n,
                text: w.text,
                finish_reason: w.finish_reason,
                p_real: w.scores.p_real,
                bins: w.scores.bins,
                expected_bin: w.scores.expected_bin(),
                picked: verdict.picked,
                reason: verdict.reason,
                reply: reply_of.get(&id).copied(),
                flags,
            });
        }
        for comment in gone {
            answered[comment].comment.clear();
        }
        Ok(Generated {
            generation,
            comments: answered,
            queued,
            left_out: ctx.left_out()?,
            notes: engine.notes_of(generation, &config)?,
            config,
        })
    }

    /// Stores comments that are in no thread yet: (thread, comment) of each, in order.
    fn insert_threads(&self, engine: &Engine, comments: &[Asked]) -> Result<Vec<(i64, i64)>> {
        let mut places = Vec::with_capacity(comments.len());
        for asked in comments {
            if let Some(place) = asked.place {
                places.push(place);
                continue;
            }
            let thread = NewThread {
                origin: "test pairs".to_owned(),
                comments: vec![NewThreadComment {
                    body: asked.comment.clone(),
                    pair_id: asked.pair_id,
                    ..Default::default()
                }],
                ..NewThread::default()
            };
            let (id, ids) = engine.store.thread_insert(&thread, now_ms())?;
            let comment = ids
                .first()
                .ok_or_else(|| Error::internal("a comment was stored in no thread"))?;
            places.push((id, *comment));
        }
        Ok(places)
    }
}

/// What a realism model was trained on, compared with the generator that it scores; none if that cannot be read any more.
fn trained_on(
    ctx: &Ctx,
    realism: &Checkpoint,
    generator: &Checkpoint,
) -> Result<Option<TrainedOn>> {
    let store = &ctx.project.store;
    let fakes = store.run_by_id(realism.run_id)?.fake_set_id;
    let mut sets = store.fake_sets()?.into_iter();
    Ok(sets.find(|set| Some(set.id) == fakes).and_then(|set| {
        let config = fakes_config(&set).ok()?;
        Some(TrainedOn {
            precision: config.precision,
            sampling: Some(config.sampling),
            same_checkpoint: set.checkpoint_id == generator.id,
        })
    }))
}

/// Stores comments that the user typed in threads of their own; returns their rows, in order. They are cleaned like an
/// import: the models know no text with entities or zero-width characters.
pub(crate) fn store_given(
    engine: &Engine,
    comments: &[Incoming],
    origin: &str,
) -> Result<Vec<i64>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (i, comment) in comments.iter().enumerate() {
        let group = match comment.thread.as_str() {
            "" => groups.len(),
            name => *by_name.entry(name).or_insert(groups.len()),
        };
        if group == groups.len() {
            groups.push(Vec::new());
        }
        groups[group].push(i);
    }
    let mut rows = vec![0; comments.len()];
    for group in groups {
        let Some(first) = group.first().map(|&i| &comments[i]) else {
            continue;
        };
        let thread = NewThread {
            origin: origin.to_owned(),
            subreddit: bare_name(&first.subreddit).to_owned(),
            title: repair(&first.title, true).into_owned(),
            comments: group
                .iter()
                .map(|&i| NewThreadComment {
                    body: repair(&comments[i].comment, true).into_owned(),
                    ..Default::default()
                })
                .collect(),
            ..NewThread::default()
        };
        let (_, ids) = engine.store.thread_insert(&thread, now_ms())?;
        for (&i, row) in group.iter().zip(ids) {
            rows[i] = row;
        }
    }
    Ok(rows)
}

impl Engine {
    /// All generations, the latest first.
    pub fn generations(&self) -> Result<Vec<GenerationInfo>> {
        good(self.generations_read()?)
    }

    pub(crate) fn generations_read(&self) -> Result<Listed<GenerationInfo>> {
        let info = |g: Generation| {
            Ok(GenerationInfo {
                config: generation_config(&g)?,
                label: self.store.label(ItemKind::Generation, g.id)?,
                id: g.id,
                name: g.name,
                candidates: g.candidates,
                created_ms: g.created_ms,
            })
        };
        let generations = self.store.generations()?.into_iter().rev();
        Ok(generations.map(|g| (g.id, info(g))).collect())
    }

    /// A generation with its candidates.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn generation(&self, id: i64) -> Result<Generated> {
        let generation = self.store.generation(id)?;
        let queued = self.store.queued_of(id)?;
        let reply_of: HashMap<i64, i64> = queued.iter().copied().collect();
        let mut comments: Vec<(i64, Answered)> = Vec::new();
        let candidates = self.store.candidates(id)?;
        let all: Vec<Vec<Flag>> = candidates
            .iter()
            .map(flags::stored)
            .collect::<Result<_>>()?;
        let infos = flags::shown(&self.store, &all)?;
        for (candidate, flags) in candidates.into_iter().zip(infos) {
            if comments
                .last()
                .is_none_or(|(comment, _)| *comment != candidate.comment_id)
            {
                let answered = Answered {
                    thread: candidate.thread_id,
                    comment: candidate.comment.clone(),
                    candidates: Vec::new(),
                };
                comments.push((candidate.comment_id, answered));
            }
            if let Some((_, answered)) = comments.last_mut() {
                let reply = reply_of.get(&candidate.id).copied();
                answered.candidates.push(shown(candidate, reply, flags));
            }
        }
        let config: GenerationConfig = from_json(&generation.config)?;
        Ok(Generated {
            generation: id,
            left_out: self.left_out_of(&config.job)?,
            comments: comments.into_iter().map(|(_, answered)| answered).collect(),
            queued: queued.into_iter().map(|(_, reply)| reply).collect(),
            notes: self.notes_of(id, &config)?,
            config: generation_config(&generation)?,
        })
    }

    /// What to know about a generation.
    fn notes_of(&self, id: i64, config: &GenerationConfig) -> Result<Vec<String>> {
        let mut notes = config.notes();
        if self.store.is_marked(Marked::Generation, id)? {
            notes.push(trained_on_deleted(&config.generator));
        }
        Ok(notes)
    }

    /// Applies other criteria to a generation's candidates; nothing is stored.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if the criteria are invalid.
    pub fn generation_pick(&self, id: i64, criteria: &Criteria) -> Result<Generated> {
        criteria.check()?;
        let mut generated = self.generation(id)?;
        criteria.check_models(generated.config.realism.is_some())?;
        let mut scored = Vec::new();
        for answered in &generated.comments {
            scored.extend(answered.candidates.iter().map(|c| Scored {
                thread: answered.thread,
                text: &c.text,
                p_real: c.p_real,
                expected_bin: c.expected_bin,
                flag: flags::refusing(&c.flags),
            }));
        }
        let verdicts = pick(&scored, criteria);
        let candidates = generated
            .comments
            .iter_mut()
            .flat_map(|a| &mut a.candidates);
        for (candidate, verdict) in candidates.zip(verdicts) {
            (candidate.picked, candidate.reason) = (verdict.picked, verdict.reason);
        }
        generated.config.criteria = criteria.clone();
        Ok(generated)
    }

    /// Adds a candidate to the queue as a draft, whatever the criteria said, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it has no text.
    pub fn candidate_queue(&self, id: i64, who: &str) -> Result<ReplyInfo> {
        let queued = self.store.queue_add(&[id], who, now_ms())?;
        let reply = queued.first().copied().unwrap_or_default();
        self.reply_info(reply)
    }
}

/// The settings of a generation, with its runs' current names.
pub(crate) fn generation_config(generation: &Generation) -> Result<GenerationConfig> {
    let mut config: GenerationConfig = from_json(&generation.config)?;
    let [generator, realism, upvotes] = &generation.runs;
    if let Some(generator) = generator {
        config.generator.clone_from(generator);
    }
    for (name, now) in [
        (&mut config.realism, realism),
        (&mut config.upvotes, upvotes),
    ] {
        if now.is_some() {
            name.clone_from(now);
        }
    }
    Ok(config)
}

fn shown(candidate: Candidate, reply: Option<i64>, flags: Vec<FlagInfo>) -> CandidateInfo {
    CandidateInfo {
        id: candidate.id,
        n: candidate.n,
        text: candidate.text,
        finish_reason: candidate.finish_reason,
        p_real: candidate.scores.p_real,
        bins: candidate.scores.bins,
        expected_bin: candidate.scores.expected_bin(),
        picked: candidate.picked,
        reason: candidate.reason,
        reply,
        flags,
    }
}
