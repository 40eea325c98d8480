//! What is due of the dealings with Reddit without anybody asking for it: looking for what is uncertain,
//! forgetting what Reddit no longer has and what was kept long enough, reading scores.

use repartee_store::jobs::JobRow;
use repartee_store::queue::ReplyState;
use repartee_store::threads::Thread;
use repartee_store::times::is_due;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::accounts::AccountInfo;
use super::{AFTER_S, OutcomesRead, ReadOutcomes, Reconcile, Reconciled, Sync, Synced};
use super::{duplicates, sandbox};
use crate::Engine;
use crate::error::{Code, Result};
use crate::job::{Ctx, Job, Stop, is_stale, now_ms};

/// Threads are looked through again after so long: a day, less what a job may take.
const CHECK_EVERY_MS: i64 = 23 * 3_600_000;
/// What did not come through is tried again after so long.
const AGAIN_MS: i64 = 3_600_000;
/// Jobs that do the same, or would be disturbed.
const BUSY: [&str; 7] = [
    "maintenance",
    "login",
    "fetch",
    "post",
    "reconcile",
    "sync",
    "outcomes",
];

/// Does what is due. A job: `maintenance`. A window starts it by itself; on the command line cron may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {}

/// What maintenance did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Maintained {
    /// What became of uncertain replies, for each account that had some.
    pub reconciled: Vec<Reconciled>,
    /// What was forgotten, for each account that looked.
    pub synced: Vec<Synced>,
    /// The readings, for each account that had some due.
    pub read: Vec<OutcomesRead>,
    /// What did not come through: it is tried again after an hour.
    pub failed: Vec<String>,
}

/// What is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Due {
    /// Texts that were kept long enough.
    expired: bool,
    /// Accounts with replies of which nobody knows whether they arrived, or arrived once.
    uncertain: Vec<String>,
    /// The account that looks what is still there.
    check: Option<String>,
    /// Accounts with scores to be read.
    scores: Vec<String>,
}

impl Due {
    /// Whether nothing is.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Job for Maintenance {
    const KIND: &'static str = "maintenance";
    type Outcome = Maintained;

    fn run(&self, ctx: &Ctx) -> Result<Maintained, Stop> {
        let due = ctx.engine.due()?;
        let mut kept = Maintained::default();
        if due.expired {
            kept.synced.push(ctx.engine.forget_expired()?);
        }
        for account in due.uncertain {
            let job = Reconcile {
                account,
                wait: false,
            };
            let done = ctx.step(&format!("looking for replies of {}", job.account), &job);
            note(done, &mut kept.reconciled, &mut kept.failed)?;
        }
        if let Some(account) = due.check {
            let job = Sync {
                account,
                ..Sync::default()
            };
            let done = ctx.step(&format!("looking what is there as {}", job.account), &job);
            note(done, &mut kept.synced, &mut kept.failed)?;
        }
        for account in due.scores {
            let job = ReadOutcomes { account };
            let done = ctx.step(&format!("reading scores of {}", job.account), &job);
            note(done, &mut kept.read, &mut kept.failed)?;
        }
        for failure in &kept.failed {
            ctx.say(failure.clone());
        }
        Ok(kept)
    }
}

/// Keeps what a step came to. One that fails keeps the others from nothing.
fn note<T>(done: Result<T, Stop>, good: &mut Vec<T>, failed: &mut Vec<String>) -> Result<(), Stop> {
    match done {
        Ok(outcome) => good.push(outcome),
        Err(Stop::Failed(error)) if error.code != Code::DiskFull => failed.push(error.message),
        Err(stop) => return Err(stop),
    }
    Ok(())
}

impl Engine {
    /// Whether a job `maintenance` has something to do: something is due, nobody is at it, and the last one is an
    /// hour ago. Asks nobody.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn wants_maintenance(&self) -> Result<bool> {
        if self.due()?.is_empty() {
            return Ok(false);
        }
        // jobs go by the machine's clock
        let now_ms = now_ms();
        let busy = |job: &JobRow| {
            job.ended_ms.is_none()
                && BUSY.contains(&job.kind.as_str())
                && !is_stale(job.owner.as_deref(), job.beat_ms, now_ms)
        };
        let tried = |job: &JobRow| {
            job.kind == Maintenance::KIND && !is_due(job.created_ms, AGAIN_MS, now_ms)
        };
        Ok(!self.store.jobs()?.iter().any(|job| busy(job) || tried(job)))
    }

    /// What is due.
    fn due(&self) -> Result<Due> {
        let (store, now_ms) = (&self.store, self.reddit_now_ms()?);
        let mut threads = store.threads()?;
        // one that is forgotten has no title any more
        threads.retain(|t| !t.title.is_empty() || !t.body.is_empty());
        let old = |t: &Thread| {
            let seen_ms = t.checked_ms.unwrap_or(0).max(t.fetched_ms);
            t.name.is_some() && is_due(seen_ms, CHECK_EVERY_MS, now_ms)
        };
        let mut due = Due {
            expired: store.has_expired(now_ms)?,
            ..Due::default()
        };
        let mut unknown = store.replies(Some(ReplyState::Uncertain))?;
        unknown.extend(store.replies(Some(ReplyState::Sending))?);
        let mut posted = store.replies(Some(ReplyState::Posted))?;
        posted.retain(duplicates::is_due);
        unknown.append(&mut posted);
        for account in store.accounts()? {
            // a made-up Reddit is mostly not there
            if sandbox::is_made_up(&account) {
                continue;
            }
            let account = AccountInfo::from(account);
            if account.facts.login_ms.is_none() || !account.stopped.is_empty() {
                continue;
            }
            let name = account.name;
            if unknown
                .iter()
                .any(|reply| reply.outbox.account.eq_ignore_ascii_case(&name))
            {
                due.uncertain.push(name.clone());
            }
            if due.check.is_none() && threads.iter().any(old) {
                due.check = Some(name.clone());
            }
            if !store.outcomes_due(&name, &AFTER_S, now_ms)?.is_empty() {
                due.scores.push(name);
            }
        }
        Ok(due)
    }
}
