//! Resolves replies with unconfirmed delivery, before anything is repeated.
//!
//! Two ways: our own comments, which Reddit lists at once, and answers to the parent, which appear later and hide what
//! a filter removed. Found by either: posted. Found by neither, three times each, the last a quarter of an hour after
//! the intent: absent, and the user decides. Nothing is sent from here.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, to_json};
use repartee_reddit::{Comment, ours_under};
use repartee_store::audit::Entry;
use repartee_store::outbox::{Became, Probe};
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::accounts::AccountFacts;
use crate::connect::Session;
use crate::duplicates::{self, DUPLICATES, UNCHECKED, UNCHECKED_WORDS};
use crate::lease::Lease;
use crate::ledger::Ledger;
use crate::outbox::address;
use crate::{Posting, ToPosting};

/// Checks after the intent, in milliseconds.
const LOOKS_MS: [i64; 5] = [5_000, 20_000, 60_000, 300_000, LATE_MS];
/// A comment can still appear this long after the intent.
pub(crate) const LATE_MS: i64 = 900_000;
/// Minimum time between two checks.
const APART_MS: i64 = 15_000;
/// Number of checks of each kind that must find nothing.
const ENOUGH: usize = 3;
/// How far Reddit's clock and ours may differ beyond the known difference, in seconds.
const MARGIN_S: i64 = 300;
/// Maximum number of checks in one job; after them the user decides.
const TRIES: u32 = 8;
/// Why an account is disabled: Reddit did it.
pub(crate) const SUSPENDED: &str = "Reddit has suspended the account";
/// Why an account is disabled: a new login fixes it.
pub(crate) const CANNOT_WRITE: &str = "the login cannot write; log in again";
/// Code of a reply that checks could not resolve.
pub(crate) const UNSETTLED: &str = "unsettled";

/// Resolves uncertain replies, as far as possible. A job: `reconcile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Reconcile {
    /// Empty: the one that posts.
    pub account: String,
    /// Wait for checks that are not due yet (a quarter of an hour), instead of ending.
    pub wait: bool,
}

/// The results for uncertain replies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Reconciled {
    /// Found: they are posted.
    pub posted: Vec<i64>,
    /// Not found: the user decides.
    pub absent: Vec<i64>,
    /// As uncertain as before.
    pub open: Vec<i64>,
    /// Next check, milliseconds since 1970.
    pub next_ms: Option<i64>,
}

/// What the checks so far say.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Found(Vec<String>),
    /// Enough checks found nothing.
    Absent,
    /// When the next check is due.
    Look(i64),
}

/// Evaluates the checks of one attempt.
fn judge(looks: &[Probe], intent_ms: i64) -> Verdict {
    let mut names: Vec<String> = looks
        .iter()
        .flat_map(|look| look.found.split_whitespace())
        .map(str::to_owned)
        .collect();
    if !names.is_empty() {
        names.sort();
        names.dedup();
        return Verdict::Found(names);
    }
    let of = |route: &str| looks.iter().filter(|look| look.route == route).count();
    let done = of("own").min(of("parent"));
    let last = looks
        .iter()
        .map(|look| look.at_ms)
        .max()
        .unwrap_or(i64::MIN);
    let late_of = |route: &str| {
        looks.iter().any(|look| {
            look.route == route && look.at_ms >= intent_ms + LOOKS_MS[LOOKS_MS.len() - 1]
        })
    };
    if done >= ENOUGH && late_of("own") && late_of("parent") {
        return Verdict::Absent;
    }
    let due = intent_ms.saturating_add(LOOKS_MS[done.min(LOOKS_MS.len() - 1)]);
    Verdict::Look(due.max(last.saturating_add(APART_MS)))
}

impl Job for Reconcile {
    const KIND: &'static str = "reconcile";
    type Outcome = Reconciled;

    fn run(&self, ctx: &Ctx) -> Result<Reconciled, Stop> {
        let posting = ctx.project.posting();
        let account = posting.account_meant(&self.account)?;
        let session = Session::open(posting, &account.name)?;
        let ledger = Ledger::open(posting, &session.account)?;
        let lease = Lease::take(posting, ctx, &account.name)?;
        let done = (|| {
            session.mend_times(ctx, Some(&ledger))?;
            posting
                .store
                .sending_is_uncertain(&account.name, session.now_ms())?;
            ledger.begin(ctx, &session)?;
            let patience_ms = if self.wait { i64::MAX } else { 0 };
            let settled = settle(ctx, &session, &ledger, patience_ms)?;
            if self.wait {
                duplicates::check_patiently(ctx, &session, &ledger)?;
            }
            Ok(settled)
        })();
        lease.give_back()?;
        done
    }
}

/// Resolves the uncertain replies of an account one after the other. Waits for later checks if they are due within
/// `patience_ms`.
pub(crate) fn settle(
    ctx: &Ctx,
    session: &Session,
    ledger: &Ledger,
    patience_ms: i64,
) -> Result<Reconciled, Stop> {
    let (posting, account) = (ctx.project.posting(), &session.account.name);
    let mut reconciled = Reconciled::default();
    for reply in posting.store.outgoing(account, &[ReplyState::Uncertain])? {
        match settle_one(ctx, session, ledger, &reply, patience_ms)? {
            Settled::Posted => reconciled.posted.push(reply.id),
            Settled::Absent => reconciled.absent.push(reply.id),
            Settled::Open(next_ms) => {
                reconciled.open.push(reply.id);
                reconciled.next_ms = reconciled.next_ms.into_iter().chain([next_ms]).min();
            }
        }
    }
    Ok(reconciled)
}

enum Settled {
    Posted,
    Absent,
    Open(i64),
}

fn settle_one(
    ctx: &Ctx,
    session: &Session,
    ledger: &Ledger,
    reply: &Reply,
    patience_ms: i64,
) -> Result<Settled, Stop> {
    let store = &ctx.project.store;
    let (id, attempt) = (reply.id, reply.outbox.attempt);
    let intent_ms = reply.outbox.intent_ms.unwrap_or(reply.updated_ms);
    let give_up_ms = session.now_ms().saturating_add(patience_ms);
    let mut tries = 0;
    let mut not_before_ms = i64::MIN;
    loop {
        ctx.go_on()?;
        let due_ms = match judge(&store.probes(id, attempt)?, intent_ms) {
            Verdict::Found(names) => {
                found(ctx, session, reply, &names)?;
                ledger.note(ctx.project.posting(), id, session.now_ms())?;
                duplicates::check(ctx, session, ledger, id)?;
                return Ok(Settled::Posted);
            }
            Verdict::Absent => {
                let words =
                    "it was checked several times and not found; send it again, or abandon it";
                let to = Became::new(ReplyState::Absent, "absent", words);
                let from = [ReplyState::Uncertain];
                let as_whom = ("repartee", "absent");
                store.reply_becomes(id, &from, Some(attempt), &to, as_whom, session.now_ms())?;
                ledger.note(ctx.project.posting(), id, session.now_ms())?;
                ctx.say(format!(
                    "reply {id} was not found; send it again, or abandon it"
                ));
                return Ok(Settled::Absent);
            }
            Verdict::Look(due_ms) => due_ms.max(not_before_ms),
        };
        if tries == TRIES {
            hand_over(ctx, session, reply)?;
            return Ok(Settled::Open(due_ms));
        }
        if due_ms > session.now_ms() {
            if due_ms > give_up_ms {
                return Ok(Settled::Open(due_ms));
            }
            let s = (due_ms - session.now_ms()).max(0) / 1000;
            ctx.tick(
                Progress::new(
                    "checking whether a reply arrived",
                    u64::from(tries),
                    None,
                    "looks",
                )
                .note(format!("reply {id}: next check in {s} s")),
            );
            session.sleep_until(ctx, due_ms)?;
        }
        ctx.project.environment.step("before a look");
        tries += 1;
        if let Err(stop) = look(ctx, session, reply, intent_ms) {
            match stop {
                Stop::Failed(error) if passes(&error) => {
                    ctx.say(format!("checking reply {id}: {}", error.message));
                }
                stop => return Err(stop),
            }
        }
        // a check without a result is not repeated at once
        not_before_ms = session.now_ms().saturating_add(APART_MS << tries.min(6));
        if judge(&store.probes(id, attempt)?, intent_ms) == Verdict::Absent || tries < ENOUGH as u32
        {
            not_before_ms = session.now_ms().saturating_add(APART_MS);
        }
        ctx.project.environment.step("after a look");
    }
}

/// Checks once, both ways, and records those that were answered.
fn look(ctx: &Ctx, session: &Session, reply: &Reply, intent_ms: i64) -> Result<(), Stop> {
    let store = &ctx.project.store;
    let (Some(post), Some(parent)) = (&reply.post_name, &reply.parent_name) else {
        return Err(Error::internal(format!("reply {} has no parent", reply.id)).into());
    };
    let me = who_we_are(ctx, session)?;
    let since_utc = (intent_ms + reply.outbox.skew_ms).div_euclid(1000) - MARGIN_S;
    let add = |route: &str, comments: &[Comment]| -> Result<()> {
        let ours = ours_under(comments, &me, parent, since_utc);
        let names: Vec<&str> = ours.iter().map(|comment| comment.name.as_str()).collect();
        let probe = Probe {
            at_ms: session.now_ms(),
            route: route.to_owned(),
            found: names.join(" "),
        };
        Ok(store.probe_add(reply.id, reply.outbox.attempt, &probe)?)
    };
    let own = session.ask(Some(ctx), session.client.own_comments(&me, since_utc))?;
    add("own", &own)?;
    ctx.project.environment.step("between two looks");
    match session.ask(Some(ctx), session.client.replies_to(post, parent)) {
        Ok(view) => {
            let there = !parent.starts_with("t1_") || view.comment.is_some();
            let seen = !ours_under(&view.replies, &me, parent, since_utc).is_empty();
            // an incomplete list proves nothing unless ours is in it
            if seen || (view.complete && there) {
                add("parent", &view.replies)?;
            }
            Ok(())
        }
        Err(Stop::Failed(error)) if error.code == Code::NotFound || error.code == Code::Refused => {
            Ok(())
        }
        Err(stop) => Err(stop),
    }
}

/// Asks Reddit for the login's account, and returns its name: a login of another account, or of a suspended one,
/// disables the account.
pub(crate) fn who_we_are(ctx: &Ctx, session: &Session) -> Result<String, Stop> {
    let me = session.ask(Some(ctx), session.client.me())?;
    let why = if me.suspended {
        SUSPENDED.to_owned()
    } else if !me.name.eq_ignore_ascii_case(&session.account.name) {
        format!("the login is that of u/{}", me.name)
    } else {
        return Ok(me.name);
    };
    stop_account(ctx.project.posting(), session, &why)?;
    Err(Error::new(Code::Login, format!("u/{}: {why}", session.account.name)).into())
}

/// The URL of a comment of ours, by its name: that of what it answers, with its own id instead of the parent's.
pub(crate) fn link_of(host: &str, reply: &Reply, name: &str) -> String {
    // .../comments/POST/_/PARENT/
    let above = reply.permalink.trim_end_matches('/').rsplit_once('/');
    let permalink = match above {
        Some((above, _)) => format!("{above}/{}/", name.trim_start_matches("t1_")),
        None => String::new(),
    };
    address(host, &permalink)
}

/// A reply was found: it is posted. Of several, it is the oldest; see [`duplicates`] for the others.
pub(crate) fn found(ctx: &Ctx, session: &Session, reply: &Reply, names: &[String]) -> Result<()> {
    let mut names = names.to_vec();
    duplicates::by_age(&mut names);
    let Some(first) = names.first() else {
        return Err(Error::internal("a reply was found without a name"));
    };
    let (code, detail) = match names.as_slice() {
        [_] => (UNCHECKED, UNCHECKED_WORDS.to_owned()),
        several => (DUPLICATES, duplicates::words(several)),
    };
    let to = Became {
        posted_name: Some(first.clone()),
        link: link_of(&session.account.host, reply, first),
        ..Became::new(ReplyState::Posted, code, detail)
    };
    let from = [ReplyState::Uncertain, ReplyState::Approved];
    let who = ("repartee", "found");
    ctx.project.store.reply_becomes(
        reply.id,
        &from,
        Some(reply.outbox.attempt),
        &to,
        who,
        session.now_ms(),
    )?;
    ctx.say(format!("reply {} is live as {first}", reply.id));
    Ok(())
}

/// Checks cannot resolve a reply: the user decides.
fn hand_over(ctx: &Ctx, session: &Session, reply: &Reply) -> Result<()> {
    if ctx.project.store.reply(reply.id)?.outbox.code == UNSETTLED {
        return Ok(());
    }
    let words = "the answers to the comment cannot be read; check on Reddit yourself, and enter its link, \
                 or abandon it";
    let to = Became::new(ReplyState::Uncertain, UNSETTLED, words);
    let from = [ReplyState::Uncertain];
    let who = ("repartee", "handed over");
    ctx.project.store.reply_becomes(
        reply.id,
        &from,
        Some(reply.outbox.attempt),
        &to,
        who,
        session.now_ms(),
    )?;
    ctx.say(format!("reply {}: {words}", reply.id));
    Ok(())
}

/// Whether the same call may succeed later without any action.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(error.code, Code::Io | Code::Busy)
}

/// Disables an account until the user checks, and records that its login is not as it should be.
pub(crate) fn stop_account(posting: Posting<'_>, session: &Session, why: &str) -> Result<()> {
    let account = posting.store.account(&session.account.name)?;
    if account.stopped != why {
        let entry = Entry::new("repartee", "stopped", session.now_ms());
        let entry = entry.about(format!("u/{}", account.name)).detail(why);
        posting.stop_or_resume(&account.name, why, &entry)?;
    }
    let mut facts: AccountFacts = serde_json::from_str(&account.facts).unwrap_or_default();
    facts.checked_ms = Some(session.now_ms());
    facts.suspended = why == SUSPENDED;
    Ok(posting
        .store
        .account_facts(&account.name, &to_json(&facts)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at_ms: i64, route: &str, found: &str) -> Probe {
        Probe {
            at_ms,
            route: route.to_owned(),
            found: found.to_owned(),
        }
    }

    #[test]
    fn absent_needs_three_checks_of_each_kind_and_a_quarter_of_an_hour() {
        let mut looks = Vec::new();
        assert_eq!(judge(&looks, 0), Verdict::Look(5_000));
        for at_ms in [5_000, 20_000, 60_000, 300_000] {
            looks.push(look(at_ms, "own", ""));
            looks.push(look(at_ms, "parent", ""));
        }
        assert_eq!(judge(&looks, 0), Verdict::Look(900_000));
        looks.push(look(900_000, "own", ""));
        assert!(
            matches!(judge(&looks, 0), Verdict::Look(_)),
            "only one of the two is late enough"
        );
        looks.push(look(900_001, "parent", ""));
        assert_eq!(judge(&looks, 0), Verdict::Absent);
    }

    #[test]
    fn one_sighting_is_enough() {
        let looks = [
            look(5_000, "own", ""),
            look(5_001, "parent", "t1_b t1_a"),
            look(6_000, "own", "t1_a"),
        ];
        assert_eq!(
            judge(&looks, 0),
            Verdict::Found(vec!["t1_a".into(), "t1_b".into()])
        );
    }

    #[test]
    fn late_start_checks_three_times_with_pauses() {
        let hour = 3_600_000;
        assert_eq!(judge(&[], 0), Verdict::Look(5_000));
        let mut looks = vec![look(hour, "own", ""), look(hour, "parent", "")];
        assert_eq!(judge(&looks, 0), Verdict::Look(hour + APART_MS));
        for n in 1..3 {
            looks.push(look(hour + n * APART_MS, "own", ""));
            looks.push(look(hour + n * APART_MS, "parent", ""));
        }
        assert_eq!(judge(&looks, 0), Verdict::Absent);
    }
}
