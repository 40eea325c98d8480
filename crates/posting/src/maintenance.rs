//! Due Reddit maintenance, done automatically: checking uncertain replies, purging what Reddit no longer has and what
//! is past retention, finishing a purge that was interrupted, reading scores.

use repartee_core::error::{Code, Result};
use repartee_core::job::{Ctx, Job, Stop, is_stale, now_ms};
use repartee_store::jobs::JobRow;
use repartee_store::queue::ReplyState;
use repartee_store::threads::Thread;
use repartee_store::times::is_due;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::accounts::AccountInfo;
use crate::{AFTER_S, OutcomesRead, ReadOutcomes, Reconcile, Reconciled, Sync, Synced};
use crate::{Posting, ToPosting};
use crate::{duplicates, sandbox};

/// Threads are checked again after this long: a day, minus what a job may take.
const CHECK_EVERY_MS: i64 = 23 * 3_600_000;
/// What failed is tried again after this long.
const AGAIN_MS: i64 = 3_600_000;
/// Jobs that do the same, or would be disturbed.
const BUSY: [&str; 8] = [
    "maintenance",
    "delete",
    "login",
    "fetch",
    "post",
    "reconcile",
    "sync",
    "outcomes",
];

/// Does due maintenance. A job: `maintenance`. A window starts it automatically; on the command line, cron may.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Maintenance {}

/// The result of maintenance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Maintained {
    /// The results for uncertain replies, per account that had some.
    pub reconciled: Vec<Reconciled>,
    /// What was purged, per account that checked.
    pub synced: Vec<Synced>,
    /// The readings, per account that had some due.
    pub read: Vec<OutcomesRead>,
    /// What failed: it is tried again after an hour.
    pub failed: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Due {
    /// Texts past retention, or texts whose last traces a purge left in the file.
    purge: bool,
    /// Accounts with replies whose delivery, or uniqueness, is unconfirmed.
    uncertain: Vec<String>,
    /// The account that checks what still exists.
    check: Option<String>,
    /// Accounts with scores to read.
    scores: Vec<String>,
}

impl Due {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Job for Maintenance {
    const KIND: &'static str = "maintenance";
    type Outcome = Maintained;

    fn run(&self, ctx: &Ctx) -> Result<Maintained, Stop> {
        let due = ctx.project.posting().due()?;
        let mut kept = Maintained::default();
        if due.purge {
            kept.synced.push(ctx.project.posting().forget_expired()?);
        }
        for account in due.uncertain {
            let job = Reconcile {
                account,
                wait: false,
            };
            let done = ctx.step(&format!("checking replies of {}", job.account), &job);
            note(done, &mut kept.reconciled, &mut kept.failed)?;
        }
        if let Some(account) = due.check {
            let job = Sync {
                account,
                ..Sync::default()
            };
            let done = ctx.step(
                &format!("checking what still exists as {}", job.account),
                &job,
            );
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

/// Records the result of a step. A failure does not stop the others.
fn note<T>(done: Result<T, Stop>, good: &mut Vec<T>, failed: &mut Vec<String>) -> Result<(), Stop> {
    match done {
        Ok(outcome) => good.push(outcome),
        Err(Stop::Failed(error)) if error.code != Code::DiskFull => failed.push(error.message),
        Err(stop) => return Err(stop),
    }
    Ok(())
}

impl Posting<'_> {
    /// Whether the job `maintenance` has something to do: something is due, no job is doing it, and the last one is an hour
    /// ago. Makes no call.
    pub fn wants_maintenance(self) -> Result<bool> {
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

    fn due(self) -> Result<Due> {
        let (store, now_ms) = (&self.store, self.reddit_now_ms()?);
        let mut threads = store.threads()?;
        // a purged one has no title any more
        threads.retain(|t| !t.title.is_empty() || !t.body.is_empty());
        let old = |t: &Thread| {
            let seen_ms = t.checked_ms.unwrap_or(0).max(t.fetched_ms);
            t.name.is_some() && is_due(seen_ms, CHECK_EVERY_MS, now_ms)
        };
        let mut due = Due {
            purge: store.has_expired(now_ms)? || store.wants_scrub()?,
            ..Due::default()
        };
        let mut unknown = store.replies(Some(ReplyState::Uncertain))?;
        unknown.extend(store.replies(Some(ReplyState::Sending))?);
        let mut posted = store.replies(Some(ReplyState::Posted))?;
        posted.retain(duplicates::is_due);
        unknown.append(&mut posted);
        for account in store.accounts()? {
            // a sandbox is usually not running
            if sandbox::is_sandbox(&account) {
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
