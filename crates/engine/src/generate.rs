//! Live generation: several replies to each comment, both classifiers' scores of each, the pick by
//! criteria, and drafts in the queue. Nothing is posted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use repartee_datasets::Side;
use repartee_models::generate::{self, Completion, Decode, Task};
use repartee_models::text::{GeneratorText, PairIds};
use repartee_models::{Device, device_name, evaluate};
use repartee_store::runs::Checkpoint;
use repartee_store::threads::{
    Candidate, Generation, NewCandidate, NewGeneration, NewThread, NewThreadComment, Pick, Scores,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::fakes::{different_comments, finish, until_stopped};
use crate::items::{ItemKind, Label};
use crate::job::{Ctx, Draft, DraftScore, Job, Progress, Signal, Stop, from_json, now_ms, to_json};
use crate::model::{Generator, open_device};
use crate::pick::{Criteria, Scored, pick};
use crate::queue::ReplyInfo;
use crate::reddit::context;
use crate::run_config::RunKind;

/// Candidates scored between two looks at whether to go on.
const SCORED_AT_ONCE: usize = 64;
/// Pairs in a classifier's batch.
const SCORE_BATCH: usize = 16;
/// Replies that are being written are shown this often.
const SEND_EVERY: Duration = Duration::from_millis(100);

/// A comment to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Incoming {
    /// The comment.
    pub comment: String,
    /// The thread it stands in; comments that name the same one share a thread. Empty: one of its own.
    pub thread: String,
    /// Name of the subreddit; empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
}

/// Writes, scores, picks and queues. A job: `generate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Generate {
    /// Comments to answer.
    pub comments: Vec<Incoming>,
    /// Comments of stored threads beside them, by their numbers; those that were forgotten are left out.
    pub stored: Vec<i64>,
    /// Whether the generator sees the title and what stands above a stored comment.
    pub context: bool,
    /// So many comments of the generator's test side beside them, drawn by the seed.
    pub unseen: usize,
    /// Where the comments come from: pasted or file.
    pub origin: String,
    /// The generator's run.
    pub generator: String,
    /// The realism run that scores; none: not scored.
    pub realism: Option<String>,
    /// The upvotes run that scores; none: not scored.
    pub upvotes: Option<String>,
    /// best or last, of all three; none: best.
    pub checkpoint: Option<String>,
    /// Candidates a comment.
    pub candidates: usize,
    /// Candidates written at once.
    pub batch: usize,
    /// How tokens are drawn.
    pub decode: Decode,
    /// What is picked.
    pub criteria: Criteria,
    /// Whether picks go into the queue.
    pub queue: bool,
    /// auto, cpu, cuda or metal.
    pub device: String,
}

impl Default for Generate {
    fn default() -> Self {
        Self {
            comments: Vec::new(),
            stored: Vec::new(),
            context: false,
            unseen: 0,
            origin: "pasted".to_owned(),
            generator: String::new(),
            realism: None,
            upvotes: None,
            checkpoint: None,
            candidates: 10,
            batch: 32,
            decode: Decode::default(),
            criteria: Criteria::default(),
            queue: true,
            device: "auto".to_owned(),
        }
    }
}

/// A candidate with its scores and the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CandidateInfo {
    /// Its number in the project.
    pub id: i64,
    /// Its number among those of its comment.
    pub n: u32,
    /// The reply.
    pub text: String,
    /// end, or length when it was cut.
    pub finish: String,
    /// The probability that a person wrote it.
    pub p_real: Option<f64>,
    /// The probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
    /// `p1 + 2 p2 + 3 p3`.
    pub expected_bin: Option<f64>,
    /// Whether it was picked.
    pub picked: bool,
    /// Why, or why not.
    pub reason: String,
    /// The reply of the queue that was made of it.
    pub reply: Option<i64>,
}

/// A comment with its candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Answered {
    /// The thread's number in the project.
    pub thread: i64,
    /// The comment.
    pub comment: String,
    /// What was written to it.
    pub candidates: Vec<CandidateInfo>,
}

/// What live generation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Generated {
    /// Its number in the project.
    pub generation: i64,
    /// The comments with their candidates, in the order given.
    pub comments: Vec<Answered>,
    /// Replies that are in the queue now.
    pub queued: Vec<i64>,
    /// How it was done.
    pub config: GenerationConfig,
}

/// How a generation was done; stored with it as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GenerationConfig {
    /// The generator's run.
    pub generator: String,
    /// The realism run.
    pub realism: Option<String>,
    /// The upvotes run.
    pub upvotes: Option<String>,
    /// Candidates a comment.
    pub candidates: usize,
    /// How tokens were drawn.
    pub decode: Decode,
    /// What was picked.
    pub criteria: Criteria,
    /// cpu, cuda or metal.
    pub device: String,
}

/// A comment that will be answered.
struct Asked {
    comment: Incoming,
    origin: String,
    /// Its thread and row, where it is stored already.
    place: Option<(i64, i64)>,
    /// What the generator may see beside it: the title, then what stands above it, the nearest first.
    above: Vec<String>,
}

/// A reply that was written, before it is stored.
struct Written {
    comment: usize,
    n: u32,
    text: String,
    finish: generate::Finish,
    scores: Scores,
}

/// A generation as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct GenerationInfo {
    /// Its number.
    pub id: i64,
    /// What a person calls it; empty: it goes by its number.
    #[serde(default)]
    pub name: String,
    /// A person's note and tags.
    #[serde(default)]
    pub label: Label,
    /// How it was done.
    pub config: GenerationConfig,
    /// How many candidates it has.
    pub candidates: u64,
    /// When, milliseconds since 1970.
    pub created_ms: i64,
}

/// Replies of a batch while they are being written.
struct Drafts {
    /// The comment of each task.
    comments: Vec<usize>,
    /// The tokens so far, by task and number; those that grew since they were sent.
    tokens: BTreeMap<(usize, usize), Vec<u32>>,
    grown: BTreeSet<(usize, usize)>,
    sent: Instant,
}

impl Drafts {
    fn new(comments: Vec<usize>) -> Self {
        Self {
            comments,
            tokens: BTreeMap::new(),
            grown: BTreeSet::new(),
            sent: Instant::now(),
        }
    }

    fn hear(&mut self, task: usize, n: usize, token: u32) {
        self.tokens.entry((task, n)).or_default().push(token);
        self.grown.insert((task, n));
    }

    /// Sends what has grown, if it is time.
    fn send(&mut self, ctx: &Ctx, text: &GeneratorText) -> Result<()> {
        if self.sent.elapsed() < SEND_EVERY {
            return Ok(());
        }
        self.sent = Instant::now();
        let mut drafts = Vec::with_capacity(self.grown.len());
        for (task, n) in std::mem::take(&mut self.grown) {
            drafts.push(Draft {
                comment: self.comments[task],
                n,
                text: text.decode(&self.tokens[&(task, n)])?,
                finish: None,
            });
        }
        ctx.send(Signal::Drafts { drafts });
        Ok(())
    }
}

impl Job for Generate {
    const KIND: &'static str = "generate";
    type Outcome = Generated;

    fn run(&self, ctx: &Ctx) -> Result<Generated, Stop> {
        self.decode.check().map_err(Error::from)?;
        self.criteria.check()?;
        if self.candidates == 0 || self.batch == 0 {
            return Err(Error::usage("candidates and batch must be at least 1").into());
        }
        let engine = ctx.engine;
        let device = open_device(&self.device)?;
        ctx.tick(Progress::new("reading the models", 0, None, "bytes"));
        let generator = engine.generator(&self.generator, self.checkpoint.as_deref(), &device)?;
        // found before anything is written: their names may change meanwhile
        let judge = |run: &Option<String>, kind| {
            let checkpoint = self.checkpoint.as_deref();
            let found = run
                .as_deref()
                .map(|run| engine.classifier(run, kind, checkpoint));
            found.transpose()
        };
        let realism = judge(&self.realism, RunKind::Realism)?;
        let upvotes = judge(&self.upvotes, RunKind::Upvotes)?;
        let comments = self.gather(ctx, &generator)?;
        ctx.send(Signal::Comments {
            texts: comments.iter().map(|c| c.comment.comment.clone()).collect(),
        });
        let mut written = self.write(ctx, &generator, &comments)?;
        let writer = generator.checkpoint;
        drop((generator.model, generator.text));

        let realism = self.score(
            ctx,
            RunKind::Realism,
            realism,
            &comments,
            &mut written,
            &device,
        )?;
        let upvotes = self.score(
            ctx,
            RunKind::Upvotes,
            upvotes,
            &comments,
            &mut written,
            &device,
        )?;
        ctx.go_on()?;
        Ok(self.store(
            engine,
            &comments,
            written,
            &writer,
            realism,
            upvotes,
            device_name(&device),
        )?)
    }
}

impl Generate {
    /// The comments given, those of stored threads, and those drawn from the test side.
    fn gather(&self, ctx: &Ctx, generator: &Generator) -> Result<Vec<Asked>> {
        let store = &ctx.engine.store;
        let asked = |comment: Incoming, origin: &str| Asked {
            comment,
            origin: origin.to_owned(),
            place: None,
            above: Vec::new(),
        };
        let mut comments: Vec<Asked> = self
            .comments
            .iter()
            .map(|c| asked(c.clone(), &self.origin))
            .collect();
        if self.unseen > 0 {
            let (split, seed) = (generator.checkpoint.split_id, self.decode.seed);
            for example in
                different_comments(store, split, Side::Test, self.unseen, seed, "unseen")?
            {
                let comment = Incoming {
                    comment: example.comment,
                    ..Incoming::default()
                };
                comments.push(asked(comment, "test pairs"));
            }
        }
        let positions = generator.model.config().n_positions;
        let fits = |comment: &str| -> Result<()> {
            // training cuts what is long, live it is better said: the reply would answer half of it
            let tokens = generator
                .text
                .encode(&format!("{comment}{}", generator.text.template.separator))?;
            Ok(generate::check_prompt(&tokens, positions)?)
        };
        for asked in &comments {
            if asked.comment.comment.trim().is_empty() {
                return Err(Error::usage("a comment is empty"));
            }
            fits(&asked.comment.comment)?;
        }
        for id in &self.stored {
            let stored = context::stored(ctx.engine, *id, self.context)?;
            match fits(&stored.comment) {
                _ if stored.comment.trim().is_empty() => {
                    ctx.say(format!(
                        "comment {id} was forgotten meanwhile, and is left out"
                    ));
                }
                Err(error) => ctx.say(format!("comment {id} is left out: {}", error.message)),
                Ok(()) => comments.push(Asked {
                    comment: Incoming {
                        comment: stored.comment,
                        ..Incoming::default()
                    },
                    origin: String::new(),
                    place: Some((stored.thread, *id)),
                    above: stored.above,
                }),
            }
        }
        if comments.is_empty() {
            return Err(Error::usage(
                "there is no comment to answer: give one, a file, or a number of unseen ones",
            ));
        }
        Ok(comments)
    }

    /// Writes the candidates, prompts of similar length together.
    fn write(
        &self,
        ctx: &Ctx,
        generator: &Generator,
        comments: &[Asked],
    ) -> Result<Vec<Written>, Stop> {
        let text = &generator.text;
        let mut tasks: Vec<(usize, Task)> = Vec::with_capacity(comments.len());
        for (i, asked) in comments.iter().enumerate() {
            let (seen, reply) = (&asked.comment.comment, self.decode.max_new_tokens);
            let seen = context::seen(text, seen, &asked.above, reply)?;
            let prompt = text.prompt(&seen, reply).map_err(Error::from)?;
            if prompt.cut > 0 {
                ctx.say(format!(
                    "comment {}: {} tokens at its end are left out, the generator was trained with {} in all",
                    i + 1,
                    prompt.cut,
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
        for batch in tasks.chunks((self.batch / self.candidates).max(1)) {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                "writing replies",
                done,
                Some(total),
                "comments",
            ));
            let only: Vec<Task> = batch.iter().map(|(_, task)| task.clone()).collect();
            let (model, decode) = (&generator.model, &self.decode);
            let mut drafts = Drafts::new(batch.iter().map(|(comment, _)| *comment).collect());
            let mut heard = |task: usize, n: usize, token: u32| {
                drafts.hear(task, n, token);
                drafts.send(ctx, text)
            };
            let replies: Vec<Vec<Completion>> = until_stopped(ctx, &mut heard, |on_token| {
                generate::generate(model, &only, self.candidates, text.end, decode, on_token)
            })?;
            let first = written.len();
            for ((comment, _), completions) in batch.iter().zip(replies) {
                for (n, completion) in (0..).zip(completions) {
                    written.push(Written {
                        comment: *comment,
                        n,
                        text: text.decode(&completion.ids).map_err(Error::from)?,
                        finish: completion.finish,
                        scores: Scores::default(),
                    });
                }
            }
            let finished = |w: &Written| Draft {
                comment: w.comment,
                n: w.n as usize,
                text: w.text.clone(),
                finish: Some(w.finish.as_str().to_owned()),
            };
            ctx.send(Signal::Drafts {
                drafts: written[first..].iter().map(finished).collect(),
            });
            done += batch.len() as u64;
        }
        ctx.tick(Progress::new(
            "writing replies",
            done,
            Some(total),
            "comments",
        ));
        written.sort_by_key(|w| (w.comment, w.n));
        Ok(written)
    }

    /// Scores every candidate with one classifier, if a run is named.
    fn score(
        &self,
        ctx: &Ctx,
        kind: RunKind,
        checkpoint: Option<Checkpoint>,
        comments: &[Asked],
        written: &mut [Written],
        device: &Device,
    ) -> Result<Option<Checkpoint>, Stop> {
        let Some(checkpoint) = checkpoint else {
            return Ok(None);
        };
        let judge = ctx.engine.classifier_of(checkpoint, device)?;
        let (phase, total) = (format!("scoring {}", kind.as_str()), written.len() as u64);
        let mut done = 0;
        for some in written.chunks_mut(SCORED_AT_ONCE) {
            ctx.go_on()?;
            ctx.tick(Progress::new(phase.clone(), done, Some(total), "replies"));
            let texts: Vec<(&str, &str)> = some
                .iter()
                .map(|w| {
                    (
                        comments[w.comment].comment.comment.as_str(),
                        w.text.as_str(),
                    )
                })
                .collect();
            let pairs = judge.text.pairs(&texts).map_err(Error::from)?;
            let pairs: Vec<&PairIds> = pairs.iter().collect();
            let scores =
                evaluate::probabilities(&judge.model, &pairs, SCORE_BATCH).map_err(Error::from)?;
            for (w, p) in some.iter_mut().zip(scores) {
                match p[..] {
                    [_, real] => w.scores.p_real = Some(f64::from(real)),
                    [a, b, c, d] => w.scores.bins = Some([a, b, c, d].map(f64::from)),
                    _ => {
                        return Err(Error::internal(format!(
                            "a classifier of {} classes",
                            p.len()
                        ))
                        .into());
                    }
                }
            }
            let scored = |w: &Written| DraftScore {
                comment: w.comment,
                n: w.n as usize,
                p_real: w.scores.p_real.filter(|_| kind == RunKind::Realism),
                bins: w.scores.bins.filter(|_| kind == RunKind::Upvotes),
            };
            ctx.send(Signal::Scores {
                scores: some.iter().map(scored).collect(),
            });
            done += some.len() as u64;
        }
        ctx.tick(Progress::new(phase, done, Some(total), "replies"));
        Ok(Some(judge.checkpoint))
    }

    /// Picks, and stores threads, candidates, verdicts and drafts.
    #[allow(clippy::too_many_arguments)] // all that one generation is
    fn store(
        &self,
        engine: &Engine,
        comments: &[Asked],
        written: Vec<Written>,
        writer: &Checkpoint,
        realism: Option<Checkpoint>,
        upvotes: Option<Checkpoint>,
        device: &str,
    ) -> Result<Generated> {
        let store = &engine.store;
        let places = self.insert_threads(engine, comments)?;
        let name = |checkpoint: &Option<Checkpoint>| checkpoint.as_ref().map(|c| c.run.clone());
        let config = GenerationConfig {
            generator: writer.run.clone(),
            realism: name(&realism),
            upvotes: name(&upvotes),
            candidates: self.candidates,
            decode: self.decode.clone(),
            criteria: self.criteria.clone(),
            device: device.to_owned(),
        };
        let new = NewGeneration {
            generator: writer.id,
            realism: realism.map(|c| c.id),
            upvotes: upvotes.map(|c| c.id),
            config: to_json(&config)?,
        };
        let generation = store.generation_insert(&new, now_ms())?;
        let candidates: Vec<NewCandidate> = written
            .iter()
            .map(|w| NewCandidate {
                comment_id: places[w.comment].1,
                n: w.n,
                text: w.text.clone(),
                finish: finish(w.finish),
                scores: w.scores,
            })
            .collect();
        let ids = store.candidates_add(generation, &candidates)?;
        let scored: Vec<Scored> = written
            .iter()
            .map(|w| Scored {
                thread: places[w.comment].0,
                text: &w.text,
                p_real: w.scores.p_real,
                expected_bin: w.scores.expected_bin(),
            })
            .collect();
        let verdicts = pick(&scored, &self.criteria);
        let picks: Vec<Pick> = ids
            .iter()
            .zip(&verdicts)
            .map(|(id, v)| Pick {
                candidate_id: *id,
                picked: v.picked,
                reason: v.reason.clone(),
            })
            .collect();
        store.candidates_decide(&picks)?;
        let picked: Vec<i64> = picks
            .iter()
            .filter(|p| p.picked)
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
                comment: asked.comment.comment.clone(),
                candidates: Vec::new(),
            })
            .collect();
        for ((w, id), verdict) in written.into_iter().zip(ids).zip(verdicts) {
            answered[w.comment].candidates.push(CandidateInfo {
                id,
                n: w.n,
                text: w.text,
                finish: w.finish.as_str().to_owned(),
                p_real: w.scores.p_real,
                bins: w.scores.bins,
                expected_bin: w.scores.expected_bin(),
                picked: verdict.picked,
                reason: verdict.reason,
                reply: reply_of.get(&id).copied(),
            });
        }
        Ok(Generated {
            generation,
            comments: answered,
            queued,
            config,
        })
    }

    /// Stores the comments in their threads: (thread, comment) of each, in order.
    fn insert_threads(&self, engine: &Engine, comments: &[Asked]) -> Result<Vec<(i64, i64)>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (i, asked) in comments.iter().enumerate() {
            if asked.place.is_some() {
                continue;
            }
            let group = match asked.comment.thread.as_str() {
                "" => groups.len(),
                name => *by_name.entry(name).or_insert(groups.len()),
            };
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(i);
        }
        let mut places: Vec<(i64, i64)> = comments
            .iter()
            .map(|c| c.place.unwrap_or_default())
            .collect();
        for group in groups {
            let Some(Asked {
                comment: first,
                origin,
                ..
            }) = group.first().map(|&i| &comments[i])
            else {
                continue;
            };
            let thread = NewThread {
                origin: origin.clone(),
                subreddit: first.subreddit.clone(),
                title: first.title.clone(),
                comments: group
                    .iter()
                    .map(|&i| NewThreadComment {
                        body: comments[i].comment.comment.clone(),
                        ..Default::default()
                    })
                    .collect(),
                ..NewThread::default()
            };
            let (id, ids) = engine.store.thread_insert(&thread, now_ms())?;
            for (&i, comment) in group.iter().zip(ids) {
                places[i] = (id, comment);
            }
        }
        if places.contains(&(0, 0)) {
            return Err(Error::new(
                Code::Internal,
                "a comment was stored in no thread",
            ));
        }
        Ok(places)
    }
}

impl Engine {
    /// All generations, the latest first.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn generations(&self) -> Result<Vec<GenerationInfo>> {
        let mut generations = self.store.generations()?;
        generations.reverse();
        generations
            .into_iter()
            .map(|g| {
                Ok(GenerationInfo {
                    config: generation_config(&g)?,
                    label: self.store.label(ItemKind::Generation, g.id)?,
                    id: g.id,
                    name: g.name,
                    candidates: g.candidates,
                    created_ms: g.created_ms,
                })
            })
            .collect()
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
        for candidate in self.store.candidates(id)? {
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
                answered.candidates.push(shown(candidate, reply));
            }
        }
        Ok(Generated {
            generation: id,
            comments: comments.into_iter().map(|(_, answered)| answered).collect(),
            queued: queued.into_iter().map(|(_, reply)| reply).collect(),
            config: generation_config(&generation)?,
        })
    }

    /// A generation's candidates judged by other criteria; nothing is stored.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] when the criteria mean nothing.
    pub fn generation_pick(&self, id: i64, criteria: &Criteria) -> Result<Generated> {
        criteria.check()?;
        let mut generated = self.generation(id)?;
        let mut scored = Vec::new();
        for answered in &generated.comments {
            scored.extend(answered.candidates.iter().map(|c| Scored {
                thread: answered.thread,
                text: &c.text,
                p_real: c.p_real,
                expected_bin: c.expected_bin,
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

    /// Puts a candidate into the queue as a draft, whatever the criteria said, as the person `who`.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] when it has no text.
    pub fn candidate_queue(&self, id: i64, who: &str) -> Result<ReplyInfo> {
        let queued = self.store.queue_add(&[id], who, now_ms())?;
        let reply = queued.first().copied().unwrap_or_default();
        Ok(self.store.reply(reply)?.into())
    }
}

/// How a generation was done, by the names that its runs have now.
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

fn shown(candidate: Candidate, reply: Option<i64>) -> CandidateInfo {
    CandidateInfo {
        id: candidate.id,
        n: candidate.n,
        text: candidate.text,
        finish: candidate.finish.as_str().to_owned(),
        p_real: candidate.scores.p_real,
        bins: candidate.scores.bins,
        expected_bin: candidate.scores.expected_bin(),
        picked: candidate.picked,
        reason: candidate.reason,
        reply,
    }
}
