//! Posting: approved replies, one by one, each at most once.
//!
//! For every reply: the project is checked for what blocks it; then Reddit is read, freshly; then the client prepares
//! the request; then the intent is written to disk; then it is sent, once; then the result is stored. If the process
//! ends between two of these, the state that it leaves lets the next one continue without sending twice: see
//! [`crate::reconcile`].

use std::collections::{HashMap, HashSet};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Job, Progress, Stop, now_ms};
use repartee_reddit::{Action, Attempt, Comment, Pause, Refusal, Rejection, Sent};
use repartee_store::accounts::{Account, OptOut, OptOutKind, OptOutState};
use repartee_store::audit::Entry;
use repartee_store::outbox::{Became, Ended, Spent};
use repartee_store::purge::Gone;
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::connect::Session;
use crate::duplicates;
use crate::lease::Lease;
use crate::ledger::{Elsewhere, Ledger, PauseOf};
use crate::outbox::address;
use crate::policy::{Objection, PACE, Then, fresh_objections, hash, reason};
use crate::reconcile::{CANNOT_WRITE, SUSPENDED, found, passes, settle, stop_account, who_we_are};
use crate::rules::PostingRules;
use crate::{Posting, ToPosting};

/// Our own comments are read this far back before a reply: a month.
const OWN_BACK_S: i64 = 30 * 86_400;
/// Backoff after network failures: the first, and the longest pause.
const BACKOFF_MS: i64 = 30_000;
const BACKOFF_MAX_MS: i64 = 900_000;
/// Without `wait`, how long to check for an uncertain reply.
const SETTLE_MS: i64 = 60_000;

/// The code of a named reply whose state does not allow posting.
pub const NOT_APPROVED: &str = "not-approved";
/// The code of an approved reply that answers nothing on Reddit.
pub const BY_HAND: &str = "by-hand";
const NO_ACCOUNT: &str =
    "there is no account to post with; `repartee reddit accounts add` adds one";

/// Posts approved replies. A job: `post`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Post {
    /// Empty: the one that posts.
    pub account: String,
    /// Numbers of replies; empty: all approved ones.
    pub replies: Vec<i64>,
    /// Whether anything is sent. None: if an account with an approval and a permission are recorded; otherwise it is a
    /// dry run, which only reads.
    pub live: Option<bool>,
    /// Wait for pauses, caps and uncertain replies until all are posted, instead of ending.
    pub wait: bool,
    /// Skip the pause between two replies, for one named reply. Caps, hours and Reddit's own limits still apply.
    pub skip_pause: bool,
}

/// The result for a reply, or its expected result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PostedInfo {
    pub reply: i64,
    pub state: ReplyState,
    /// In a dry run: nothing blocks it.
    pub ready: bool,
    /// What blocks it: Reddit's code or ours; empty: nothing.
    pub code: String,
    /// Its message.
    pub detail: String,
    pub link: String,
    /// Earliest next attempt; 0: at any time.
    pub not_before_ms: i64,
}

/// The result of posting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PostReport {
    /// Empty in a dry run without one.
    pub account: String,
    /// Whether anything could be sent.
    pub live: bool,
    /// The replies that were checked.
    pub replies: Vec<PostedInfo>,
    /// When the next of them may be posted, milliseconds since 1970.
    pub next_ms: Option<i64>,
}

impl PostReport {
    /// Whether the state of a named reply does not allow posting.
    pub fn is_refused(&self) -> bool {
        self.replies.iter().any(|reply| reply.code == NOT_APPROVED)
    }

    /// Whether one of these replies was not posted; in a dry run, whether one could not be posted now.
    pub fn misses(&self, named: &[i64]) -> bool {
        let done = |one: &PostedInfo| one.ready || one.state == ReplyState::Posted;
        self.replies
            .iter()
            .any(|one| named.contains(&one.reply) && !done(one))
    }
}

impl Job for Post {
    const KIND: &'static str = "post";
    type Outcome = PostReport;

    fn run(&self, ctx: &Ctx) -> Result<PostReport, Stop> {
        let posting = ctx.project.posting();
        if self.skip_pause && (self.replies.len() != 1 || self.wait) {
            return Err(Error::usage(
                "the pause between two replies can only be skipped for one named reply, which is posted now",
            )
            .into());
        }
        let unready = self.unready(posting)?;
        if !unready.is_empty() && unready.len() == self.replies.len() {
            // no named reply can be posted: what each lacks is the whole result
            return Ok(PostReport {
                account: posting
                    .account_meant(&self.account)
                    .map(|account| account.name)
                    .unwrap_or_default(),
                replies: unready,
                ..PostReport::default()
            });
        }
        if !self.is_live(posting)? {
            let mut report = self.rehearse(ctx)?;
            report.replies.extend(unready);
            return Ok(report);
        }
        let account = posting.account_meant(&self.account)?;
        let session = Session::open(posting, &account.name)?;
        let ledger = Ledger::open(posting, &session.account)?;
        let lease = Lease::take(posting, ctx, &account.name)?;
        posting.environment.step("leased");
        session.mend_times(ctx, Some(&ledger))?;
        let sent = ledger
            .begin(ctx, &session)
            .and_then(|()| self.send_all(ctx, &session, &lease, &ledger));
        let sent = sent.and_then(|next_ms| {
            if self.wait {
                duplicates::check_patiently(ctx, &session, &ledger)?;
            }
            Ok(next_ms)
        });
        // a panic skips this: the lease is then stale, and the next holder checks first
        lease.give_back()?;
        let next_ms = sent?;
        let mut replies = self.report(posting, &account.name)?;
        replies.retain(|one| unready.iter().all(|not| not.reply != one.reply));
        let by_hand = self.by_hand(posting)?;
        replies.retain(|one| by_hand.iter().all(|hand| hand.reply != one.reply));
        replies.extend(by_hand);
        replies.extend(unready);
        Ok(PostReport {
            account: account.name,
            live: true,
            replies,
            next_ms,
        })
    }
}

impl Post {
    /// Whether this is more than a dry run.
    fn is_live(&self, posting: Posting<'_>) -> Result<bool> {
        if let Some(live) = self.live {
            return Ok(live);
        }
        let set_up = posting
            .account_meant(&self.account)
            .is_ok_and(|account| !account.approval.is_empty());
        Ok(set_up && !posting.store.posting_permissions()?.is_empty())
    }

    /// The named replies whose state does not allow posting, each with everything it lacks.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a reply that does not exist.
    fn unready(&self, posting: Posting<'_>) -> Result<Vec<PostedInfo>> {
        let mut unready = Vec::new();
        for id in &self.replies {
            let reply = posting.store.reply(*id)?;
            let first = match reply.state {
                ReplyState::Draft => format!(
                    "it is a draft, and nobody has approved it; `repartee queue approve {id}` shows it and asks"
                ),
                ReplyState::Rejected => "it was rejected".to_owned(),
                ReplyState::Cancelled => {
                    match reason(&reply.outbox.code, &reply.outbox.detail).as_str() {
                        "" => "it was canceled".to_owned(),
                        why => format!("it was canceled: {why}"),
                    }
                }
                ReplyState::Withdrawn => "it was posted, and withdrawn".to_owned(),
                _ => continue,
            };
            let mut missing = vec![first];
            if reply.state == ReplyState::Draft {
                missing.extend(self.missing(posting, &reply)?);
            }
            unready.push(PostedInfo {
                reply: reply.id,
                state: reply.state,
                ready: false,
                code: NOT_APPROVED.to_owned(),
                detail: missing.join("; "),
                link: reply.link,
                not_before_ms: 0,
            });
        }
        Ok(unready)
    }

    /// What a draft lacks besides approval.
    fn missing(&self, posting: Posting<'_>, reply: &Reply) -> Result<Vec<String>> {
        if reply.parent_name.is_none() {
            return Ok(vec![
                "it answers nothing on Reddit, so it can only be posted by hand".to_owned(),
            ]);
        }
        let Ok(account) = posting.account_meant(&self.account) else {
            return Ok(vec![NO_ACCOUNT.to_owned()]);
        };
        let sent = match posting.as_sent(reply, &account) {
            Ok(sent) => sent,
            Err(error) if error.code == Code::Usage => return Ok(vec![error.message]),
            Err(error) => return Err(error),
        };
        let found = posting.text_objections(&posting.posting_rules()?, &account, &sent)?;
        Ok(found.into_iter().map(|objection| objection.words).collect())
    }

    /// What blocks a reply in this job.
    fn against(
        &self,
        posting: Posting<'_>,
        rules: &PostingRules,
        account: &Account,
        reply: &Reply,
        elsewhere: &Elsewhere,
        now_ms: i64,
    ) -> Result<Vec<Objection>> {
        let mut found = posting.objections(rules, account, reply, elsewhere, now_ms)?;
        found.retain(|objection| !(self.skip_pause && objection.code == PACE));
        Ok(found)
    }

    fn wants(&self, reply: &Reply) -> bool {
        self.replies.is_empty() || self.replies.contains(&reply.id)
    }

    /// Approved replies to pasted comments, which no program can post.
    fn by_hand(&self, posting: Posting<'_>) -> Result<Vec<PostedInfo>> {
        let approved = posting
            .store
            .replies(Some(ReplyState::Approved))?
            .into_iter();
        let replies = approved.filter(|reply| reply.parent_name.is_none() && self.wants(reply));
        Ok(replies
            .map(|reply| PostedInfo {
                reply: reply.id,
                state: reply.state,
                ready: false,
                code: BY_HAND.to_owned(),
                detail: format!(
                    "it answers nothing on Reddit: post it by hand, then run `repartee reddit posted {}`",
                    reply.id
                ),
                link: reply.link,
                not_before_ms: 0,
            })
            .collect())
    }

    fn report(&self, posting: Posting<'_>, account: &str) -> Result<Vec<PostedInfo>> {
        let mut replies = Vec::new();
        for reply in posting.store.replies(None)? {
            let named = self.replies.contains(&reply.id);
            let ours = reply.outbox.account.is_empty()
                || reply.outbox.account.eq_ignore_ascii_case(account);
            let open = !matches!(reply.state, ReplyState::Draft | ReplyState::Withdrawn);
            if named || (self.replies.is_empty() && ours && open && reply.parent_name.is_some()) {
                replies.push(PostedInfo {
                    reply: reply.id,
                    state: reply.state,
                    ready: false,
                    detail: reason(&reply.outbox.code, &reply.outbox.detail),
                    code: reply.outbox.code,
                    link: reply.link,
                    not_before_ms: reply.outbox.not_before_ms,
                });
            }
        }
        Ok(replies)
    }

    /// Posts one after the other, as long as allowed. Returns when to continue.
    fn send_all(
        &self,
        ctx: &Ctx,
        session: &Session,
        lease: &Lease,
        ledger: &Ledger,
    ) -> Result<Option<i64>, Stop> {
        let (posting, store) = (ctx.project.posting(), &ctx.project.store);
        let name = &session.account.name;
        let patience_ms = if self.wait { i64::MAX } else { SETTLE_MS };
        let mut count = 0;
        let mut login_is_ours = false;
        let mut checked: HashSet<String> = HashSet::new();
        let mut failures: HashMap<i64, u32> = HashMap::new();
        loop {
            ctx.go_on()?;
            posting.environment.step("before settling");
            // this process holds the lease, so nothing of ours is being sent: its sender is gone
            if store.sending_is_uncertain(name, session.now_ms())? > 0 {
                ctx.say("a reply was being sent when the last job ended; it is checked first");
                ledger.align(posting, session.now_ms())?;
            }
            let settled = settle(ctx, session, ledger, patience_ms)?;
            if !settled.open.is_empty() {
                return Ok(settled.next_ms);
            }
            let elsewhere = ledger.elsewhere()?;
            let ready = match self.choose(posting, name, &elsewhere, session.now_ms())? {
                Choice::Ready(reply) => *reply,
                Choice::Later { until_ms, reply } if self.wait => {
                    let ms = (until_ms - session.now_ms()).max(0);
                    let note = format!("reply {reply} in {} s", ms / 1000);
                    ctx.tick(
                        Progress::new("posting", count, None, "replies")
                            .note(note)
                            // a sandbox's clock is ahead of this machine's
                            .next(reply, now_ms().saturating_add(ms)),
                    );
                    session.sleep_until(ctx, until_ms)?;
                    continue;
                }
                Choice::Later { until_ms, .. } => return Ok(Some(until_ms)),
                Choice::None => return Ok(None),
            };
            ctx.tick(
                Progress::new("posting", count, None, "replies")
                    .note(format!("reply {}", ready.id)),
            );
            // secrets in environment variables apply to every account: their owner is checked before anything is sent
            if !login_is_ours {
                who_we_are(ctx, session)?;
                login_is_ours = true;
            }
            if checked.insert(ready.subreddit.to_lowercase()) {
                posting.subreddit_check(session, ctx, &ready.subreddit, false)?;
                // the account may be disabled now
                continue;
            }
            posting.environment.step("chosen");
            match send_one(self, ctx, session, lease, ledger, &ready) {
                Ok(()) => {
                    failures.remove(&ready.id);
                    count += 1;
                }
                Err(Stop::Failed(error)) if passes(&error) => {
                    let failures = failures.entry(ready.id).or_insert(0);
                    *failures += 1;
                    ctx.say(format!("reply {}: {}", ready.id, error.message));
                    backoff(posting, session, ledger, &ready, *failures, &error)?;
                    if !holds(posting, lease, name)? {
                        return Err(error.into());
                    }
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    /// The first approved reply that nothing blocks; what others need is recorded with them.
    fn choose(
        &self,
        posting: Posting<'_>,
        account: &str,
        elsewhere: &Elsewhere,
        now_ms: i64,
    ) -> Result<Choice> {
        let store = &posting.store;
        let rules = posting.posting_rules()?;
        let account = store.account(account)?;
        let mut later: Option<(i64, i64)> = None;
        let mut approved = store.outgoing(&account.name, &[ReplyState::Approved])?;
        // those approved before there was an account are told what they need
        approved.extend(store.outgoing("", &[ReplyState::Approved])?);
        for reply in approved {
            if !self.wants(&reply) {
                continue;
            }
            let objections = self.against(posting, &rules, &account, &reply, elsewhere, now_ms)?;
            match heaviest(&objections) {
                None => return Ok(Choice::Ready(Box::new(reply))),
                Some(objection) => {
                    apply(posting, &reply, objection, now_ms)?;
                    if let Then::Wait(_) = objection.then {
                        // everything that must be waited for
                        let until = objections.iter().filter_map(|o| match o.then {
                            Then::Wait(until_ms) => Some(until_ms),
                            _ => None,
                        });
                        let until = until.max().map(|until_ms| (until_ms, reply.id));
                        later = later.into_iter().chain(until).min();
                    }
                }
            }
        }
        Ok(
            later.map_or(Choice::None, |(until_ms, reply)| Choice::Later {
                until_ms,
                reply,
            }),
        )
    }

    /// Checks everything as if it were to be posted, and sends and changes nothing.
    fn rehearse(&self, ctx: &Ctx) -> Result<PostReport, Stop> {
        let (posting, store) = (ctx.project.posting(), &ctx.project.store);
        let rules = posting.posting_rules()?;
        let account = posting.account_meant(&self.account).ok();
        let session = account
            .as_ref()
            .and_then(|account| Session::open(posting, &account.name).ok());
        let now_ms = posting.environment.clock.now_ms();
        let elsewhere = account
            .as_ref()
            .map(|account| Elsewhere::shown(posting, account))
            .unwrap_or_default();
        let mut report = PostReport {
            account: account.as_ref().map(|a| a.name.clone()).unwrap_or_default(),
            ..PostReport::default()
        };
        let mut approved: Vec<Reply> = store
            .replies(Some(ReplyState::Approved))?
            .into_iter()
            .filter(|reply| reply.parent_name.is_some() && self.wants(reply))
            .collect();
        // in the order of posting: what is posted first counts toward the caps of the next
        approved.sort_by_key(|reply| (reply.outbox.approved_ms, reply.id));
        let mut before: Vec<Spent> = Vec::new();
        for (at, reply) in approved.iter().enumerate() {
            ctx.go_on()?;
            ctx.tick(Progress::new(
                "looking",
                at as u64,
                Some(approved.len() as u64),
                "replies",
            ));
            let mut objections = match &account {
                Some(account) => {
                    self.against(posting, &rules, account, reply, &elsewhere, now_ms)?
                }
                None => vec![Objection {
                    code: "no-account",
                    words: NO_ACCOUNT.to_owned(),
                    then: Then::Hold,
                }],
            };
            if let (Some(session), Some(post), Some(parent)) =
                (&session, &reply.post_name, &reply.parent_name)
            {
                match session.ask(Some(ctx), session.client.preflight(post, parent)) {
                    Ok(looked) => objections.extend(fresh_objections(
                        reply,
                        &session.account.name,
                        &looked,
                        &[],
                    )),
                    Err(Stop::Failed(error)) => {
                        ctx.say(format!("reply {}: {}", reply.id, error.message))
                    }
                    Err(stop) => return Err(stop),
                }
            }
            if let Some(account) = &account {
                let caps = posting
                    .caps_after(&rules, account, reply, &elsewhere, &before, now_ms)?
                    .into_iter();
                let new: Vec<Objection> = caps
                    .filter(|cap| objections.iter().all(|known| known.code != cap.code))
                    .collect();
                objections.extend(new);
            }
            let in_the_way = heaviest(&objections);
            if in_the_way.is_none() {
                before.push(Spent {
                    reply_id: reply.id,
                    parent: reply.parent_name.clone().unwrap_or_default(),
                    subreddit: reply.subreddit.clone(),
                    post_name: reply.post_name.clone().unwrap_or_default(),
                    author: reply.author.clone(),
                    at_ms: now_ms,
                });
            }
            // the project and Reddit may say the same
            let mut words: Vec<&str> = Vec::with_capacity(objections.len());
            for objection in &objections {
                if !words.contains(&objection.words.as_str()) {
                    words.push(&objection.words);
                }
            }
            report.replies.push(PostedInfo {
                reply: reply.id,
                state: ReplyState::Approved,
                ready: in_the_way.is_none(),
                code: in_the_way.map_or("", |o| o.code).to_owned(),
                detail: words.join("; "),
                link: String::new(),
                not_before_ms: match in_the_way.map(|o| o.then) {
                    Some(Then::Wait(until_ms)) => until_ms,
                    _ => 0,
                },
            });
        }
        report.replies.extend(self.by_hand(posting)?);
        report.replies.sort_by_key(|reply| reply.reply);
        Ok(report)
    }
}

enum Choice {
    Ready(Box<Reply>),
    /// Nothing is ready before this; then it is this reply's turn, as far as known.
    Later {
        until_ms: i64,
        reply: i64,
    },
    /// Nothing approved is only waiting.
    None,
}

/// The deciding objection: one that cancels comes before one that holds, and that before one that passes.
fn heaviest(objections: &[Objection]) -> Option<&Objection> {
    let weight = |objection: &&Objection| match objection.then {
        Then::Wait(_) => 0,
        Then::Hold => 1,
        Then::Redraft => 2,
        Then::Cancel => 3,
    };
    // the first on a tie
    objections.iter().rev().max_by_key(weight)
}

/// Applies the consequence of an objection to an approved reply.
fn apply(posting: Posting<'_>, reply: &Reply, objection: &Objection, now_ms: i64) -> Result<()> {
    let store = &posting.store;
    let (code, words) = (objection.code, objection.words.as_str());
    let known = reply.outbox.code == code && reply.outbox.detail == words;
    let becomes = |state: ReplyState, what: &'static str| {
        let to = Became::new(state, code, words);
        store.reply_becomes(
            reply.id,
            &[ReplyState::Approved],
            None,
            &to,
            ("repartee", what),
            now_ms,
        )
    };
    match objection.then {
        Then::Hold if known => {}
        Then::Hold => store.reply_held(reply.id, code, words, 0)?,
        // if Reddit asked for the wait, the row already has the reason
        Then::Wait(_) if code == "later" || known => {}
        Then::Wait(_) => store.reply_held(reply.id, code, words, 0)?,
        Then::Redraft => becomes(ReplyState::Draft, "back to draft")?,
        Then::Cancel => becomes(ReplyState::Cancelled, "cancelled")?,
    }
    Ok(())
}

/// Whether this process still has the lease.
fn holds(posting: Posting<'_>, lease: &Lease, account: &str) -> Result<bool> {
    Ok(posting
        .store
        .lease(account)?
        .is_some_and(|(owner, _)| owner == lease.owner()))
}

/// The network failed before anything was sent, several times in a row: the pauses increase.
fn backoff(
    posting: Posting<'_>,
    session: &Session,
    ledger: &Ledger,
    reply: &Reply,
    failures: u32,
    error: &Error,
) -> Result<()> {
    let ms = (BACKOFF_MS << failures.saturating_sub(1).min(8)).min(BACKOFF_MAX_MS);
    let until_ms = session.now_ms().saturating_add(ms);
    posting
        .store
        .reply_held(reply.id, "not-reached", &error.message, until_ms)?;
    ledger.pause(reply, PauseOf::Reply, until_ms)
}

/// Posts one reply, if Reddit's latest answers allow it.
fn send_one(
    job: &Post,
    ctx: &Ctx,
    session: &Session,
    lease: &Lease,
    ledger: &Ledger,
    reply: &Reply,
) -> Result<(), Stop> {
    let (posting, store, client) = (ctx.project.posting(), &ctx.project.store, &session.client);
    let (Some(post), Some(parent)) = (&reply.post_name, &reply.parent_name) else {
        return Err(Error::internal(format!("reply {} has no parent", reply.id)).into());
    };
    let me = session.account.name.clone();

    // 0. alone on this machine, from here to the stored result
    let _alone = ledger.lock(ctx)?;
    posting.environment.step("locked");
    if ledger.elsewhere()?.of(reply).is_some() {
        // answered while waiting for the lock; choosing reports it
        return Ok(());
    }

    // 1. read: the parent and its post, other answers to it, and our own comments, which show what the tree hides
    let looked = match session.ask(Some(ctx), client.preflight(post, parent)) {
        Ok(looked) => looked,
        Err(Stop::Failed(error)) if matches!(error.code, Code::Refused | Code::NotFound) => {
            return Ok(unreachable_now(ctx, session, reply, &error)?);
        }
        Err(stop) => return Err(stop),
    };
    let now_utc = (session.now_ms() + client.skew_ms().unwrap_or(0)).div_euclid(1000);
    let back_utc = now_utc - OWN_BACK_S;
    let since_utc = looked
        .comment()
        .map_or(back_utc, |comment| comment.created_utc.max(back_utc));
    let own = session.ask(Some(ctx), client.own_comments(&me, since_utc))?;
    posting.environment.step("looked");
    let fresh = fresh_objections(reply, &me, &looked, &own);
    if reply.outbox.attempt > 0 {
        // one that was not visible earlier: it arrived after all, whatever else is wrong now
        let answers = fresh.iter().filter(|o| o.code == "answered");
        let mut names: Vec<String> = answers.map(|o| o.words.clone()).collect();
        names.sort();
        names.dedup();
        if !names.is_empty() {
            found(ctx, session, reply, &names)?;
            ledger.note(posting, reply.id, session.now_ms())?;
            return duplicates::check(ctx, session, ledger, reply.id);
        }
    }
    // by the name that Reddit returns now: the project's may have been changed
    let author = looked.comment().and_then(|comment| comment.author.clone());
    let mut fresh = fresh;
    if let Some(author) = author.filter(|author| Some(author) != reply.author.as_ref()) {
        let live = Reply {
            author: Some(author),
            ..reply.clone()
        };
        posting.of_people(&session.account, &live, &mut fresh)?;
    }
    if let Some(objection) = heaviest(&fresh) {
        return Ok(refuse(ctx, session, reply, objection, looked.comment())?);
    }

    // 2. prepare: the text as it is sent must be the one that was approved
    let prepared = session.ask(Some(ctx), client.prepare(parent, &reply.outbox.full_text))?;
    if hash(prepared.text()) != reply.outbox.hash {
        let words = "its text is not the one that was approved; approve it again";
        let to = Became::new(ReplyState::Draft, "not-approved", words);
        store.reply_becomes(
            reply.id,
            &[ReplyState::Approved],
            None,
            &to,
            ("repartee", "back to draft"),
            session.now_ms(),
        )?;
        return Ok(());
    }
    // the user or another window may have changed something since it was chosen
    if store.reply(reply.id)?.state != ReplyState::Approved {
        return Ok(());
    }
    ctx.go_on()?;
    posting.environment.step("ready");

    // 3. the intent, on disk: the project's, then the ledger's, for all projects of this machine. The transaction of
    //    the first checks all blocking rules for the last time
    let elsewhere = ledger.elsewhere()?;
    let times = (client.skew_ms().unwrap_or(0), session.now_ms());
    let may = |now: &Reply| -> Result<bool> {
        let same = now.outbox.seen == reply.outbox.seen
            && now.outbox.seal == reply.outbox.seal
            && (&now.parent_name, &now.post_name) == (&reply.parent_name, &reply.post_name);
        if !same {
            return Ok(false);
        }
        let account = store.account(&me)?;
        let rules = posting.posting_rules()?;
        let against = job.against(posting, &rules, &account, now, &elsewhere, times.1)?;
        Ok(against.is_empty())
    };
    let hash = &reply.outbox.hash;
    let attempt = match store.intend(reply.id, hash, lease.owner(), times, may) {
        Ok(attempt) => attempt?,
        // it was un-approved just now
        Err(repartee_store::Error::Transition { .. }) => None,
        Err(error) => return Err(Error::from(error).into()),
    };
    let Some(attempt) = attempt else {
        // the consequence is applied when the next one is chosen
        return Ok(());
    };
    posting.environment.step("noted in the project");
    if let Err(error) = ledger.intend(&store.reply(reply.id)?) {
        store.attempt_end(&Ended {
            reply_id: reply.id,
            attempt,
            at_ms: session.now_ms(),
            status: None,
            class: 1,
            excerpt: String::new(),
            to: Became::new(ReplyState::Approved, "not-sent", error.message.as_str()),
        })?;
        // taken by another: choosing reports by which
        return match error.code {
            Code::Refused => Ok(()),
            _ => Err(error.into()),
        };
    }
    posting.environment.step("intended");

    // 4. send, once; this is not dropped, whatever is requested
    let sent = session.finish(prepared.send());
    posting.environment.step("sent");

    // 5. apply the consequences, then store the result: a process killed in between leaves an uncertain reply
    let to = consequences(ctx, session, ledger, reply, &sent)?;
    posting.environment.step("concluded");
    let words = sent.sent.words();
    let settled = store.attempt_end(&Ended {
        reply_id: reply.id,
        attempt,
        at_ms: session.now_ms(),
        status: sent.status,
        class: sent.sent.class(),
        excerpt: sent.excerpt,
        to,
    })?;
    posting.environment.step("noted");
    // from here on nothing undoes the result: the next process does what is left
    if let Err(error) = ledger.note(posting, reply.id, session.now_ms()) {
        ctx.say(format!("reply {}: {}", reply.id, error.message));
    }
    posting.environment.step("noted in the ledger");
    ctx.say(format!("reply {}: {words}", reply.id));
    if !settled {
        ctx.say(format!("reply {} was settled in the meantime", reply.id));
    }
    if matches!(sent.sent, Sent::Posted { .. }) {
        duplicates::check(ctx, session, ledger, reply.id)?;
        posting.environment.step("looked again");
    }
    Ok(())
}

/// Reddit does not show the post: it is gone, or we have no access.
fn unreachable_now(ctx: &Ctx, session: &Session, reply: &Reply, error: &Error) -> Result<()> {
    let now_ms = session.now_ms();
    let (code, words) = match error.code {
        Code::NotFound => ("post-gone", "the post is gone"),
        _ => ("forbidden", "Reddit denies access"),
    };
    if error.code == Code::Refused {
        leave_subreddit(ctx, session, &reply.subreddit, &error.message)?;
    }
    let to = Became::new(ReplyState::Cancelled, code, words);
    // disabling the subreddit already canceled it
    if ctx.project.store.reply(reply.id)?.state == ReplyState::Approved {
        ctx.project.store.reply_becomes(
            reply.id,
            &[ReplyState::Approved],
            None,
            &to,
            ("repartee", "cancelled"),
            now_ms,
        )?;
    }
    ctx.say(format!("reply {}: {words}", reply.id));
    Ok(())
}

/// Applies the consequences of Reddit's latest answer to a reply; nothing was sent.
fn refuse(
    ctx: &Ctx,
    session: &Session,
    reply: &Reply,
    objection: &Objection,
    comment: Option<&Comment>,
) -> Result<()> {
    let (posting, store) = (ctx.project.posting(), &ctx.project.store);
    ctx.say(format!("reply {}: {}", reply.id, objection.words));
    if objection.code == "answered" {
        let words = format!("we have answered the comment already: {}", objection.words);
        let objection = Objection {
            words,
            ..objection.clone()
        };
        return apply(posting, reply, &objection, session.now_ms());
    }
    apply(posting, reply, objection, session.now_ms())?;
    let gone = match (objection.code, &reply.parent_name, &reply.post_name) {
        ("changed-parent", Some(parent), _) => {
            if let Some(comment) = comment {
                store.comment_renew(parent, &comment.body, comment.author.as_deref())?;
            }
            return Ok(());
        }
        ("parent-gone", Some(parent), _) => parent,
        ("post-gone", _, Some(post)) => post,
        _ => return Ok(()),
    };
    forget(posting, gone, "deleted", session.now_ms())
}

/// Purges what Reddit no longer has, to the last byte.
pub(crate) fn forget(posting: Posting<'_>, name: &str, why: &str, now_ms: i64) -> Result<()> {
    let gone = Gone {
        name: name.to_owned(),
        why: why.to_owned(),
    };
    posting.forget_in_ledger(std::slice::from_ref(&gone));
    let forgotten = posting.purge(&[gone], "repartee", now_ms)?;
    if forgotten.any() {
        posting.store.scrub()?;
    }
    Ok(())
}

/// We are not welcome in a subreddit: nothing is posted there any more.
fn leave_subreddit(ctx: &Ctx, session: &Session, subreddit: &str, why: &str) -> Result<()> {
    let store = &ctx.project.store;
    let now_ms = session.now_ms();
    if store
        .posting_permission(subreddit)?
        .is_some_and(|permission| permission.off.is_empty())
    {
        let entry = Entry::new("repartee", "no longer allowed", now_ms)
            .about(format!("r/{subreddit}"))
            .detail(why);
        store.posting_permission_off(subreddit, why, &entry)?;
    }
    let canceled = store.cancel_subreddit(subreddit, "subreddit-closed", why, now_ms)?;
    ctx.say(format!(
        "r/{subreddit}: {why}; {canceled} more replies are canceled"
    ));
    Ok(())
}

/// Applies the consequences of an answer to the account, the subreddit and the author, and returns the reply's new
/// state.
fn consequences(
    ctx: &Ctx,
    session: &Session,
    ledger: &Ledger,
    reply: &Reply,
    sent: &Attempt,
) -> Result<Became> {
    let now_ms = session.now_ms();
    let became = match &sent.sent {
        Sent::NotSent { why } => Became {
            not_before_ms: now_ms + (BACKOFF_MS << reply.outbox.attempt.min(5)).min(BACKOFF_MAX_MS),
            ..Became::new(ReplyState::Approved, "not-sent", why.as_str())
        },
        Sent::Refused(refusal) => refused(ctx.project.posting(), session, ledger, reply, refusal)?,
        Sent::Rejected(rejection) => rejected(ctx, session, reply, rejection)?,
        Sent::Posted { comment } => Became {
            posted_name: Some(comment.name.clone()),
            link: address(&session.account.host, &comment.permalink),
            ..Became::new(
                ReplyState::Posted,
                duplicates::UNCHECKED,
                duplicates::UNCHECKED_WORDS,
            )
        },
        Sent::Uncertain { why } => Became::new(ReplyState::Uncertain, "uncertain", why.as_str()),
    };
    if became.not_before_ms > now_ms {
        ledger.pause(reply, PauseOf::Reply, became.not_before_ms)?;
    }
    Ok(became)
}

/// Refused temporarily: pauses what must pause.
fn refused(
    posting: Posting<'_>,
    session: &Session,
    ledger: &Ledger,
    reply: &Reply,
    refusal: &Refusal,
) -> Result<Became> {
    let wait_ms = i64::try_from(refusal.wait_ms).unwrap_or(i64::MAX / 2);
    let until_ms = session.now_ms().saturating_add(wait_ms);
    match refusal.pause {
        Pause::Account => {
            posting
                .store
                .account_pause(&session.account.name, until_ms)?;
            ledger.pause(reply, PauseOf::Account, until_ms)?;
        }
        Pause::Subreddit => {
            posting
                .store
                .posting_permission_pause(&reply.subreddit, until_ms)?;
            ledger.pause(reply, PauseOf::Subreddit, until_ms)?;
        }
        // the client and its throttle handle these
        Pause::Token | Pause::Client => {}
    }
    Ok(Became {
        not_before_ms: until_ms,
        ..Became::new(ReplyState::Approved, &refusal.code, refusal.text.as_str())
    })
}

/// Refused permanently.
fn rejected(ctx: &Ctx, session: &Session, reply: &Reply, rejection: &Rejection) -> Result<Became> {
    let (posting, now_ms) = (ctx.project.posting(), session.now_ms());
    let to = |state| Became::new(state, &rejection.code, rejection.text.as_str());
    Ok(match rejection.action {
        Action::Redraft => to(ReplyState::Draft),
        Action::Cancel => to(ReplyState::Cancelled),
        Action::CancelAndPurge => {
            let gone = reply.parent_name.as_deref().unwrap_or_default();
            forget(posting, gone, "deleted", now_ms)?;
            to(ReplyState::Cancelled)
        }
        Action::CancelAndOptOut => {
            if let Some(author) = &reply.author {
                repartee_core::kept::warned(posting.opt_out_put(&OptOut {
                    kind: OptOutKind::User,
                    name: author.clone(),
                    state: OptOutState::Confirmed,
                    why: format!(
                        "Reddit returned {}: one of the two accounts has blocked the other",
                        rejection.code
                    ),
                    source: String::new(),
                    who: "repartee".to_owned(),
                    at_ms: now_ms,
                })?);
            }
            to(ReplyState::Cancelled)
        }
        Action::Login => {
            stop_account(posting, session, CANNOT_WRITE)?;
            to(ReplyState::Approved)
        }
        Action::CancelSubreddit => {
            let why = format!("Reddit says {} ({})", rejection.code, rejection.text);
            leave_subreddit(ctx, session, &reply.subreddit, &why)?;
            to(ReplyState::Cancelled)
        }
        Action::StopAccount => {
            stop_account(posting, session, SUSPENDED)?;
            to(ReplyState::Approved)
        }
        Action::Ask => to(ReplyState::Rejected),
    })
}
