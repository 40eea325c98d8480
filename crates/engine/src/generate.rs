//! Live generation: several replies to each comment, both classifiers' scores of each, the pick by
//! criteria, and drafts in the queue. Nothing is posted.

use std::collections::HashMap;

use repartee_datasets::Side;
use repartee_models::generate::{self, Completion, Decode, Task};
use repartee_models::text::PairIds;
use repartee_models::{Device, device_name, evaluate};
use repartee_store::runs::Checkpoint;
use repartee_store::threads::{
    NewCandidate, NewGeneration, NewThread, NewThreadComment, Pick, Scores,
};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::fakes::{different_comments, finish};
use crate::job::{Ctx, Job, Progress, Stop, now_ms, to_json};
use crate::model::{Generator, open_device};
use crate::pick::{Criteria, Scored, pick};
use crate::run_config::RunKind;

/// Candidates scored between two looks at whether to go on.
const SCORED_AT_ONCE: usize = 64;
/// Pairs in a classifier's batch.
const SCORE_BATCH: usize = 16;

/// A comment to answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Generate {
    /// Comments to answer.
    pub comments: Vec<Incoming>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

/// A comment with its candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The thread's number in the project.
    pub thread: i64,
    /// The comment.
    pub comment: String,
    /// What was written to it.
    pub candidates: Vec<CandidateInfo>,
}

/// What live generation came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// A reply that was written, before it is stored.
struct Written {
    comment: usize,
    n: u32,
    text: String,
    finish: generate::Finish,
    scores: Scores,
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
        let comments = self.gather(engine, &generator)?;
        let mut written = self.write(ctx, &generator, &comments)?;
        let writer = generator.checkpoint;
        drop((generator.model, generator.text));

        let realism = self.score(
            ctx,
            RunKind::Realism,
            self.realism.as_deref(),
            &comments,
            &mut written,
            &device,
        )?;
        let upvotes = self.score(
            ctx,
            RunKind::Upvotes,
            self.upvotes.as_deref(),
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
    /// The comments given and those drawn from the test side.
    fn gather(&self, engine: &Engine, generator: &Generator) -> Result<Vec<(Incoming, String)>> {
        let given = self
            .comments
            .iter()
            .map(|comment| (comment.clone(), self.origin.clone()));
        let mut comments: Vec<(Incoming, String)> = given.collect();
        if self.unseen > 0 {
            let split = generator.checkpoint.split_id;
            let (store, seed) = (&engine.store, self.decode.seed);
            for example in
                different_comments(store, split, Side::Test, self.unseen, seed, "unseen")?
            {
                let comment = Incoming {
                    comment: example.comment,
                    ..Incoming::default()
                };
                comments.push((comment, "test pairs".to_owned()));
            }
        }
        if comments.is_empty() {
            return Err(Error::usage(
                "there is no comment to answer: give one, a file, or a number of unseen ones",
            ));
        }
        let positions = generator.model.config().n_positions;
        for (comment, _) in &comments {
            if comment.comment.trim().is_empty() {
                return Err(Error::usage("a comment is empty"));
            }
            // training cuts what is long, live it is better said: the reply would answer half of it
            let tokens = generator.text.encode(&format!(
                "{}{}",
                comment.comment, generator.text.template.separator
            ))?;
            generate::check_prompt(&tokens, positions)?;
        }
        Ok(comments)
    }

    /// Writes the candidates, prompts of similar length together.
    fn write(
        &self,
        ctx: &Ctx,
        generator: &Generator,
        comments: &[(Incoming, String)],
    ) -> Result<Vec<Written>, Stop> {
        let text = &generator.text;
        let mut tasks: Vec<(usize, Task)> = Vec::with_capacity(comments.len());
        for (i, (comment, _)) in comments.iter().enumerate() {
            let prompt = text
                .prompt(&comment.comment, self.decode.max_new_tokens)
                .map_err(Error::from)?;
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
            let replies: Vec<Vec<Completion>> = generate::generate(
                &generator.model,
                &only,
                self.candidates,
                text.end,
                &self.decode,
                &mut |_, _, _| {},
            )
            .map_err(Error::from)?;
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
        run: Option<&str>,
        comments: &[(Incoming, String)],
        written: &mut [Written],
        device: &Device,
    ) -> Result<Option<Checkpoint>, Stop> {
        let Some(run) = run else { return Ok(None) };
        let judge = ctx
            .engine
            .classifier(run, kind, self.checkpoint.as_deref(), device)?;
        let (phase, total) = (format!("scoring {}", kind.as_str()), written.len() as u64);
        let mut done = 0;
        for some in written.chunks_mut(SCORED_AT_ONCE) {
            ctx.go_on()?;
            ctx.tick(Progress::new(phase.clone(), done, Some(total), "replies"));
            let texts: Vec<(&str, &str)> = some
                .iter()
                .map(|w| (comments[w.comment].0.comment.as_str(), w.text.as_str()))
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
        comments: &[(Incoming, String)],
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

        let mut answered: Vec<Answered> = comments
            .iter()
            .zip(&places)
            .map(|((c, _), (thread, _))| Answered {
                thread: *thread,
                comment: c.comment.clone(),
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
    fn insert_threads(
        &self,
        engine: &Engine,
        comments: &[(Incoming, String)],
    ) -> Result<Vec<(i64, i64)>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut by_name: HashMap<&str, usize> = HashMap::new();
        for (i, (comment, _)) in comments.iter().enumerate() {
            let group = match comment.thread.as_str() {
                "" => groups.len(),
                name => *by_name.entry(name).or_insert(groups.len()),
            };
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(i);
        }
        let mut places = vec![(0, 0); comments.len()];
        for group in groups {
            let Some((first, origin)) = group.first().map(|&i| &comments[i]) else {
                continue;
            };
            let thread = NewThread {
                origin: origin.clone(),
                subreddit: first.subreddit.clone(),
                title: first.title.clone(),
                comments: group
                    .iter()
                    .map(|&i| NewThreadComment {
                        body: comments[i].0.comment.clone(),
                        ..Default::default()
                    })
                    .collect(),
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
