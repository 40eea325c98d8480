//! Readings of posted replies: score and removal after an hour, a day and a week.

use std::time::Duration;

use repartee_core::error::{Code, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop};
use repartee_core::left_out::{LeftOut, Tally, caught, is_of_the_whole};
use repartee_reddit::Gone;
use repartee_store::accounts::OptOutKind;
use repartee_store::audit::Entry;
use repartee_store::outcomes::Outcome;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ToPosting;
use crate::connect::Session;
use crate::ledger::Ledger;
use crate::permissions::asks_to_stop;
use crate::reconcile::passes;

/// When a posted reply is read: seconds after it was posted.
pub const AFTER_S: [i64; 3] = [3_600, 86_400, 604_800];
/// Removals within this time that disable a subreddit.
const REMOVALS: u64 = 2;
const REMOVALS_MS: i64 = 90 * 86_400_000;

/// Reads due scores of posted replies. A job: `outcomes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOutcomes {
    /// Empty: the one that posts.
    pub account: String,
}

/// The result of reading scores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OutcomesRead {
    pub read: u32,
    /// How many of these found a reply removed.
    pub removed: u32,
    /// People who opted out, to be decided by the user.
    pub asked: u32,
    /// Failed readings, which the next run repeats.
    pub failed: u32,
    /// Which replies these concern, and why.
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
        let (posting, store) = (ctx.project.posting(), &ctx.project.store);
        let account = posting.account_meant(&self.account)?;
        let session = Session::open(posting, &account.name)?;
        session.hurry(Duration::from_secs(AFTER_S[2].unsigned_abs()));
        let mut done = OutcomesRead::default();
        // scores can be read without a ledger
        session.mend_times(ctx, Ledger::open(posting, &session.account).ok().as_ref())?;
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
            // several overdue readings of one reply take one call
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
            && !ctx.project.store.is_opted_out(OptOutKind::User, author)?
        {
            ctx.project.posting().opt_out_asked(author, &answer.name)?;
            ctx.say(format!(
                "{} asks to opt out; confirm or decline it",
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
    /// Disables a subreddit whose moderators removed several of our replies.
    fn leave(&self, ctx: &Ctx, session: &Session, subreddit: &str) -> Result<()> {
        let (store, now_ms) = (&ctx.project.store, session.now_ms());
        let removed = store.removals(subreddit, now_ms - REMOVALS_MS)?;
        let open = store
            .posting_permission(subreddit)?
            .is_some_and(|permission| permission.off.is_empty());
        if removed >= REMOVALS && open {
            let why = format!("{removed} of our replies were removed there");
            let entry = Entry::new("repartee", "no longer allowed", now_ms);
            store.posting_permission_off(
                subreddit,
                &why,
                &entry.about(format!("r/{subreddit}")).detail(&why),
            )?;
            ctx.say(format!("r/{subreddit}: posting is disabled: {why}"));
        }
        Ok(())
    }
}
