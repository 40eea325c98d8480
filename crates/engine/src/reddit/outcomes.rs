//! What became of posted replies: score and removal after an hour, a day and a week, beside what the upvotes
//! model foretold.

use std::path::PathBuf;
use std::time::Duration;

use repartee_charts::Picture;
use repartee_datasets::BinEdges;
use repartee_reddit::Gone;
use repartee_store::audit::Entry;
use repartee_store::outcomes::Outcome;
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::connect::Session;
use super::ledger::Ledger;
use super::permissions::asks_to_stop;
use super::reconcile::passes;
use crate::Engine;
use crate::chart::save;
use crate::error::{Code, Result};
use crate::examples;
use crate::job::{Ctx, Job, Progress, Stop};
use crate::left_out::{LeftOut, Tally, caught, is_of_the_whole};

/// When a posted reply is looked at: seconds after it was posted.
pub const AFTER_S: [i64; 3] = [3_600, 86_400, 604_800];
/// Removals that switch a subreddit off, among the replies of this time.
const REMOVALS: u64 = 2;
const REMOVALS_MS: i64 = 90 * 86_400_000;

/// Reads the scores of posted replies that are due. A job: `outcomes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOutcomes {
    /// The account; empty: the one that posts.
    pub account: String,
}

/// A reading of a posted reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Reading {
    /// So many seconds after it was posted, or later: 3600, 86400, 604800.
    pub after_s: i64,
    /// When it was read, milliseconds since 1970.
    pub at_ms: i64,
    /// Its score; none: hidden, or gone.
    pub score: Option<i64>,
    /// deleted, removed, or empty: it is there.
    pub gone: String,
}

/// A posted reply with what was foretold and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutcomeRow {
    /// The reply.
    pub reply: i64,
    /// posted or withdrawn.
    pub state: String,
    /// Name of the subreddit.
    pub subreddit: String,
    /// Its text, without the footer.
    pub text: String,
    /// Where it stands.
    pub link: String,
    /// When it was posted, milliseconds since 1970.
    pub posted_ms: Option<i64>,
    /// The probability that a person wrote it, as the realism model saw it.
    pub p_real: Option<f64>,
    /// The probability of each upvote bin.
    pub bins: Option<[f64; 4]>,
    /// The most probable bin, 0 to 3: the same as in the queue.
    pub predicted: Option<u32>,
    /// `p1 + 2 p2 + 3 p3`: the same as in the queue.
    pub expected_bin: Option<f64>,
    /// The bin of the last score that was read, by the edges of the model's split.
    pub actual: Option<u32>,
    /// The readings, in order.
    pub readings: Vec<Reading>,
}

/// All posted replies with what became of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Outcomes {
    /// The replies, the latest first.
    pub rows: Vec<OutcomeRow>,
    /// `counts[actual][predicted]` over the four bins.
    pub counts: [[u32; 4]; 4],
    /// How many fell into the bin that was foretold.
    pub right: u32,
    /// How many have both.
    pub judged: u32,
    /// How many of these are of the most common actual bin: what always predicting it would get right.
    pub majority: u32,
    /// How many are removed.
    pub removed: u32,
}

/// What reading came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OutcomesRead {
    /// Readings that were made.
    pub read: u32,
    /// Of these, those that found a reply removed.
    pub removed: u32,
    /// People who asked not to be answered any more; a person decides.
    pub asked: u32,
    /// Readings that did not come through; the next run makes them.
    pub failed: u32,
    /// Which replies those are of, and why.
    #[serde(default)]
    pub left_out: LeftOut,
}

impl Job for ReadOutcomes {
    const KIND: &'static str = "outcomes";
    type Outcome = OutcomesRead;

    fn tally(outcome: &OutcomesRead) -> Option<Tally> {
        Some(Tally {
            nothing: "no score could be read",
            succeeded: outcome.read.into(),
            left_out: outcome.left_out.clone(),
        })
    }

    fn run(&self, ctx: &Ctx) -> Result<OutcomesRead, Stop> {
        let (engine, store) = (ctx.engine, &ctx.engine.store);
        let account = engine.account_meant(&self.account)?;
        let session = Session::open(engine, &account.name)?;
        session.hurry(Duration::from_secs(AFTER_S[2].unsigned_abs()));
        let mut done = OutcomesRead::default();
        // scores can be read without a ledger
        session.mend_times(ctx, Ledger::open(engine, &session.account).ok().as_ref())?;
        let due = store.outcomes_due(&account.name, &AFTER_S, session.now_ms())?;
        let total = due.len() as u64;
        let mut last: Option<(String, Outcome)> = None;
        for (at, due) in due.into_iter().enumerate() {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                "reading scores",
                at as u64,
                Some(total),
                "readings",
            ));
            // several readings of one reply that are overdue are one look
            let seen = match &last {
                Some((name, outcome)) if *name == due.posted_name => outcome.clone(),
                _ => match caught(|| {
                    read(ctx, &session, &due.post_name, &due.posted_name, &mut done)
                }) {
                    Ok(outcome) => outcome,
                    Err(Stop::Failed(error)) if passes(&error) || !is_of_the_whole(&error) => {
                        ctx.leave_out(due.posted_name, error.message)?;
                        done.failed += 1;
                        continue;
                    }
                    Err(stop) => return Err(stop),
                },
            };
            let outcome = Outcome {
                reply_id: due.reply_id,
                after_s: due.after_s,
                ..seen
            };
            store.outcome_put(&outcome)?;
            done.read += 1;
            if outcome.gone == "removed" {
                done.removed += 1;
                self.leave(ctx, &session, &due.subreddit)?;
            }
            last = Some((due.posted_name, outcome));
        }
        ctx.tick(Progress::new(
            "reading scores",
            total,
            Some(total),
            "readings",
        ));
        done.left_out = ctx.left_out()?;
        Ok(done)
    }
}

/// Reads one posted reply: by name, for its score, and in its tree, which shows what moderators removed.
fn read(
    ctx: &Ctx,
    session: &Session,
    post: &str,
    name: &str,
    done: &mut OutcomesRead,
) -> Result<Outcome, Stop> {
    let found = session.ask(Some(ctx), session.client.info(&[name]))?;
    let by_name = found.comments.first();
    let word = |gone: Gone| match gone {
        Gone::Deleted => "deleted",
        Gone::Removed => "removed",
    };
    let (shown, answers) = match session.ask(Some(ctx), session.client.replies_to(post, name)) {
        Ok(view) => (view.comment, view.replies),
        Err(Stop::Failed(error)) if error.code == Code::NotFound => (None, Vec::new()),
        Err(stop) => return Err(stop),
    };
    let gone = match (by_name, &shown) {
        (None, _) => "deleted",
        (Some(comment), _) if comment.gone().is_some() => comment.gone().map_or("", word),
        (Some(_), None) => "removed",
        (Some(_), Some(shown)) => shown.gone().map_or("", word),
    };
    for answer in answers {
        if let Some(author) = &answer.author
            && asks_to_stop(&answer.body)
            && !author.eq_ignore_ascii_case(&session.account.name)
            && !ctx.engine.store.is_opted_out("user", author)?
        {
            ctx.engine.opt_out_asked(author, &answer.name)?;
            ctx.say(format!(
                "{} asks not to be answered any more; a person decides",
                answer.name
            ));
            done.asked += 1;
        }
    }
    Ok(Outcome {
        at_ms: session.now_ms(),
        score: by_name
            .and_then(|comment| comment.score)
            .filter(|_| gone.is_empty()),
        gone: gone.to_owned(),
        ..Outcome::default()
    })
}

impl ReadOutcomes {
    /// Switches a subreddit off whose moderators have removed several of our replies.
    fn leave(&self, ctx: &Ctx, session: &Session, subreddit: &str) -> Result<()> {
        let (store, now_ms) = (&ctx.engine.store, session.now_ms());
        let removed = store.removals(subreddit, now_ms - REMOVALS_MS)?;
        let open = store
            .posting_permission(subreddit)?
            .is_some_and(|permission| permission.off.is_empty());
        if removed >= REMOVALS && open {
            let why = format!("{removed} of our replies were removed there");
            let entry = Entry::new("repartee", "not allowed any more", now_ms);
            store.posting_permission_off(
                subreddit,
                &why,
                &entry.about(format!("r/{subreddit}")).detail(&why),
            )?;
            ctx.say(format!(
                "r/{subreddit}: nothing is posted there any more: {why}"
            ));
        }
        Ok(())
    }
}

impl Engine {
    /// All posted replies with what was foretold and what became of them.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn outcomes(&self) -> Result<Outcomes> {
        let readings = self.store.outcomes()?;
        let mut all = Outcomes::default();
        let mut replies = self.store.replies(Some(ReplyState::Posted))?;
        replies.extend(self.store.replies(Some(ReplyState::Withdrawn))?);
        // one that was given up may never have stood there
        replies.retain(|reply| reply.outbox.posted_ms.is_some());
        replies.sort_by_key(|reply| std::cmp::Reverse((reply.outbox.posted_ms, reply.id)));
        for reply in replies {
            let generation = self.store.generation(reply.generation_id)?;
            let edges = match generation.upvotes {
                Some(checkpoint) => self.edges_of(checkpoint)?,
                // noted when its models were deleted
                None => serde_json::from_str::<serde_json::Value>(&generation.config)
                    .ok()
                    .and_then(|config| serde_json::from_value(config["edges"].clone()).ok()),
            };
            let of: Vec<Reading> = readings
                .iter()
                .filter(|o| o.reply_id == reply.id)
                .map(|o| Reading {
                    after_s: o.after_s,
                    at_ms: o.at_ms,
                    score: o.score,
                    gone: o.gone.clone(),
                })
                .collect();
            let row = row(reply, edges, of);
            all.removed += u32::from(row.readings.iter().any(|r| r.gone == "removed"));
            if let (Some(predicted), Some(actual)) = (row.predicted, row.actual) {
                all.counts[actual as usize][predicted as usize] += 1;
                all.judged += 1;
                all.right += u32::from(predicted == actual);
            }
            all.rows.push(row);
        }
        let of_bin = |row: &[u32; 4]| row.iter().sum::<u32>();
        all.majority = all.counts.iter().map(of_bin).max().unwrap_or(0);
        Ok(all)
    }

    /// The bin edges by which an upvotes checkpoint was trained.
    fn edges_of(&self, checkpoint: i64) -> Result<Option<BinEdges>> {
        let split = self.store.checkpoint_by_id(checkpoint)?.split_id;
        Ok(self
            .store
            .split_by_id(split)?
            .and_then(|split| examples::edges(&split).ok()))
    }

    /// Draws how often each upvote bin was foretold for each that came.
    ///
    /// # Errors
    /// [`Code::NotFound`] when no reply has both.
    pub fn outcomes_chart(&self) -> Result<Picture> {
        let outcomes = self.outcomes()?;
        let counts: Vec<Vec<u64>> = outcomes
            .counts
            .iter()
            .map(|row| row.iter().map(|n| u64::from(*n)).collect())
            .collect();
        let heading = self.heading(
            "Upvotes: predicted and actual bin".to_owned(),
            format!(
                "{} of {} posted replies of this project in the predicted bin, by the last score that was read; always predicting the most common bin gets {} right; {} are removed",
                outcomes.right, outcomes.judged, outcomes.majority, outcomes.removed
            ),
        )?;
        let names: Vec<String> = (0..4).map(|bin| format!("bin {bin}")).collect();
        Ok(repartee_charts::confusion(&heading, &names, &counts)?)
    }
}

impl Engine {
    /// Draws it into files; the ending says what each is: .svg, .png or .csv. A name without one gives all
    /// three. Gives what was written.
    ///
    /// # Errors
    /// As [`Engine::outcomes_chart`]; when a file cannot be written.
    pub fn outcomes_chart_files(&self, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
        save(files, || self.outcomes_chart())
    }
}

fn row(reply: Reply, edges: Option<BinEdges>, readings: Vec<Reading>) -> OutcomeRow {
    let score = readings.iter().rev().find_map(|reading| reading.score);
    OutcomeRow {
        reply: reply.id,
        state: reply.state.as_str().to_owned(),
        subreddit: reply.subreddit,
        text: reply.text,
        link: reply.link,
        posted_ms: reply.outbox.posted_ms,
        p_real: reply.scores.p_real,
        predicted: reply.scores.predicted_bin(),
        expected_bin: reply.scores.expected_bin(),
        bins: reply.scores.bins,
        actual: edges
            .zip(score)
            .map(|(edges, score)| edges.bin(score) as u32),
        readings,
    }
}
