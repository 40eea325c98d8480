//! What blocks a reply: rules over what the project knows and what Reddit has just answered. Each is one question with
//! one code; nothing in here writes.

use std::collections::HashMap;

use repartee_core::error::Result;
use repartee_core::machine::Machine;
use repartee_core::sealed::Origin;
use repartee_datasets::{Flaw, Recipe};
use repartee_reddit::{Blocker, Comment, Preflight};
use repartee_store::accounts::{Account, OptOutKind};
use repartee_store::outbox::Spent;
use repartee_store::queue::Reply;
use repartee_store::times::pause_end;

use crate::Posting;
use crate::accounts::account_origin;
use crate::approval::{invalid, server};
use crate::ledger::Elsewhere;
use crate::permissions::{is_denied, posting_permission_origin};
use crate::rules::PostingRules;
use crate::similar::{contained, overlap, word_in};

const DAY_MS: i64 = 86_400_000;
/// An account whose first post is more recent than this posts half as much.
const FIRST_WEEK_MS: i64 = 7 * DAY_MS;
/// Number of our last texts that a reply is compared with.
const COMPARED: usize = 500;

/// The consequence of an objection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The reply stays approved until the obstacle is removed.
    Hold,
    /// It is tried again from this time on.
    Wait(i64),
    /// It must be reviewed again: it returns to draft.
    Redraft,
    /// It will never be posted.
    Cancel,
}

/// Code of the pause between two replies, which the user may skip.
pub(crate) const PACE: &str = "pace";

/// Something that blocks a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    /// A code for programs.
    pub code: &'static str,
    /// The message for the user: what is wrong, and what to do.
    pub words: String,
    pub then: Then,
}

fn hold(code: &'static str, words: impl Into<String>) -> Objection {
    Objection {
        code,
        words: words.into(),
        then: Then::Hold,
    }
}

fn wait(code: &'static str, words: impl Into<String>, until_ms: i64) -> Objection {
    Objection {
        code,
        words: words.into(),
        then: Then::Wait(until_ms),
    }
}

fn cancel(code: &'static str, words: impl Into<String>) -> Objection {
    Objection {
        code,
        words: words.into(),
        then: Then::Cancel,
    }
}

fn redraft(code: &'static str, words: impl Into<String>) -> Objection {
    Objection {
        code,
        words: words.into(),
        then: Then::Redraft,
    }
}

/// The hash of a text in approvals.
pub(crate) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// Whether an author is a known bot, or is named like one.
pub(crate) fn is_bot(author: &str) -> bool {
    Recipe::default().flaw(
        Some(author),
        "some text of some length, for the author alone counts",
    ) == Some(Flaw::Bot)
}

/// Whether a title asks for serious answers only.
pub(crate) fn is_serious(title: &str) -> bool {
    title.to_ascii_lowercase().contains("[serious]")
}

impl Posting<'_> {
    /// The caps that a reply would have reached if these had been posted before it.
    pub(crate) fn caps_after(
        self,
        rules: &PostingRules,
        account: &Account,
        reply: &Reply,
        elsewhere: &Elsewhere,
        before: &[Spent],
        now_ms: i64,
    ) -> Result<Vec<Objection>> {
        let mut spent = elsewhere.with_ours(self.store.spent(&account.name, 0)?, reply, now_ms);
        spent.iter_mut().for_each(|s| s.at_ms = s.at_ms.min(now_ms));
        spent.extend_from_slice(before);
        spent.sort_by_key(|spent| spent.at_ms);
        Ok(of_caps(rules, reply, &spent, now_ms))
    }

    /// What blocks a reply, as far as the project and this machine's ledger (`elsewhere`) know; the most serious first.
    pub(crate) fn objections(
        self,
        rules: &PostingRules,
        account: &Account,
        reply: &Reply,
        elsewhere: &Elsewhere,
        now_ms: i64,
    ) -> Result<Vec<Objection>> {
        let machine = self.machine()?;
        let mut found = Vec::from_iter(elsewhere.of(reply));
        of_approval(&machine, account, reply, &mut found);
        found.extend(of_account(&machine, account, now_ms));
        let live = account.host.is_empty();
        if let Some(why) = self.study_refuses_posting(live, now_ms)? {
            found.push(hold(
                "study-permission",
                format!("{why}, and this project is strict; `repartee study record` records a permission"),
            ));
        }
        self.of_place(&machine, reply, now_ms, &mut found)?;
        self.of_people(account, reply, &mut found)?;
        found.extend(of_text(rules, account, reply));
        self.of_likeness(rules, reply, &mut found)?;
        let mut spent = elsewhere.with_ours(self.store.spent(&account.name, 0)?, reply, now_ms);
        // one from the future counts as one of now
        spent.iter_mut().for_each(|s| s.at_ms = s.at_ms.min(now_ms));
        spent.sort_by_key(|spent| spent.at_ms);
        found.extend(of_caps(rules, reply, &spent, now_ms));
        found.extend(of_pace(rules, reply, &spent, now_ms));
        elsewhere.pauses(reply, now_ms, &mut found);
        if reply.outbox.not_before_ms > now_ms {
            let words = if reply.outbox.detail.is_empty() {
                "retry later"
            } else {
                &reply.outbox.detail
            };
            let until_ms = pause_end(reply.outbox.not_before_ms, now_ms);
            found.push(wait("later", words, until_ms));
        }
        Ok(found)
    }

    /// What blocks a text that is already posted: the rules of posting, except those about the approval, the people and
    /// the time.
    pub(crate) fn text_objections(
        self,
        rules: &PostingRules,
        account: &Account,
        reply: &Reply,
    ) -> Result<Vec<Objection>> {
        let (machine, now_ms) = (self.machine()?, self.environment.clock.now_ms());
        let mut found = of_account(&machine, account, now_ms);
        self.of_place(&machine, reply, now_ms, &mut found)?;
        found.extend(of_text(rules, account, reply));
        self.of_likeness(rules, reply, &mut found)?;
        found.retain(|objection| !matches!(objection.then, Then::Wait(_)));
        Ok(found)
    }

    /// Whether we may post in the subreddit.
    fn of_place(
        self,
        machine: &Machine,
        reply: &Reply,
        now_ms: i64,
        found: &mut Vec<Objection>,
    ) -> Result<()> {
        let name = &reply.subreddit;
        if is_denied(name) {
            found.push(cancel(
                "denied-subreddit",
                format!("r/{name} is for people in need"),
            ));
        }
        if self.is_left_alone(OptOutKind::Subreddit, name)? {
            found.push(cancel("opted-out", format!("r/{name} has opted out")));
        }
        let Some(permission) = self.store.posting_permission(name)? else {
            found.push(hold(
                "no-permission",
                format!("no permission is recorded for r/{name}; `repartee reddit permit {name} --link ...` records one"),
            ));
            return Ok(());
        };
        if !permission.off.is_empty() {
            found.push(hold(
                "subreddit-off",
                format!("posting in r/{name} is disabled: {}", permission.off),
            ));
        } else if permission.expires_ms.is_some_and(|at| at <= now_ms) {
            found.push(hold(
                "permission-over",
                format!("the permission for r/{name} has ended; record a new one"),
            ));
        } else if permission.pause_ms > now_ms {
            found.push(wait(
                "subreddit-pause",
                format!("r/{name} is paused"),
                pause_end(permission.pause_ms, now_ms),
            ));
        }
        let origin = posting_permission_origin(machine, &permission);
        if permission.off.is_empty() && origin != Origin::Here {
            found.push(hold(
                "unconfirmed",
                format!(
                    "the permission for r/{name} was {}; read it, and confirm it; `repartee reddit permit {name} --confirm` does it",
                    origin.words()
                ),
            ));
        }
        Ok(())
    }

    /// Whether its readers want it.
    pub(crate) fn of_people(
        self,
        account: &Account,
        reply: &Reply,
        found: &mut Vec<Objection>,
    ) -> Result<()> {
        if let Some(author) = &reply.author {
            if self.is_left_alone(OptOutKind::User, author)? {
                found.push(cancel("opted-out", format!("u/{author} has opted out")));
            }
            if author.eq_ignore_ascii_case(&account.name) {
                found.push(cancel("own-comment", "it answers a comment of our own"));
            } else if is_bot(author) {
                found.push(cancel("bot", format!("u/{author} is a bot")));
            }
        }
        // no chains: nothing of ours may be above it
        let comments = self.store.thread_comments(reply.thread_id)?;
        let by_id: HashMap<i64, _> = comments
            .iter()
            .map(|comment| (comment.id, comment))
            .collect();
        let mut above = by_id
            .get(&reply.comment_id)
            .and_then(|comment| comment.parent_id);
        while let Some(comment) = above.and_then(|id| by_id.get(&id)) {
            if comment
                .author
                .as_deref()
                .is_some_and(|author| author.eq_ignore_ascii_case(&account.name))
            {
                found.push(cancel(
                    "chain",
                    "it is below one of our comments; reply chains are not allowed",
                ));
                break;
            }
            above = comment.parent_id;
        }
        Ok(())
    }

    /// Whether we have posted something similar.
    fn of_likeness(
        self,
        rules: &PostingRules,
        reply: &Reply,
        found: &mut Vec<Objection>,
    ) -> Result<()> {
        let own = self.store.own_texts(reply.id, COMPARED)?;
        // texts are compared as sent, but without the footer that all of them share
        let most = own
            .iter()
            .map(|text| overlap(&reply.text, text))
            .fold(0.0, f64::max);
        if most >= rules.max_similar {
            found.push(hold(
                "similar",
                format!(
                    "{:.0}% overlap with an earlier reply of ours; change it",
                    most * 100.0
                ),
            ));
        }
        Ok(())
    }
}

/// Whether this text was approved for this account, here, and nothing of it has changed since.
fn of_approval(machine: &Machine, account: &Account, reply: &Reply, found: &mut Vec<Objection>) {
    let outbox = &reply.outbox;
    let name = &outbox.account;
    let known = name.eq_ignore_ascii_case(&account.name);
    let posts = if known { Some(account) } else { None };
    if !known && !name.is_empty() {
        found.push(hold(
            "other-account",
            format!("it was approved for u/{name}"),
        ));
    } else if let Some((code, words)) = invalid(machine, server(posts), reply) {
        found.push(redraft(code, words));
    } else if name.is_empty() {
        found.push(hold(
            "not-for-account",
            "it was approved before there was an account to post with; approve it again",
        ));
    }
}

/// Whether the account may post at all.
fn of_account(machine: &Machine, account: &Account, now_ms: i64) -> Vec<Objection> {
    let mut found = Vec::new();
    let name = &account.name;
    if let Some(origin) = account_origin(machine, account) {
        found.push(hold(
            "unconfirmed",
            format!(
                "what is recorded of u/{name} was {}; read it, and confirm it; `repartee reddit accounts confirm {name}` does it",
                origin.words()
            ),
        ));
    }
    if account.approval.is_empty() {
        found.push(hold(
            "no-approval",
            format!(
                "no API approval recorded for u/{name}; `repartee reddit accounts add` records it"
            ),
        ));
    }
    if account.labelled_by.is_empty() {
        found.push(hold(
            "no-label",
            format!("the app label for u/{name} is not confirmed; `repartee reddit accounts label` confirms \
                     it"),
        ));
    }
    if !account.stopped.is_empty() {
        found.push(hold(
            "stopped",
            format!("u/{name} is disabled: {}", account.stopped),
        ));
    }
    if account.pause_ms > now_ms {
        found.push(wait(
            "account-pause",
            format!("u/{name} is paused"),
            pause_end(account.pause_ms, now_ms),
        ));
    }
    found
}

/// Whether a text discloses that a program writes, for whom, and how to opt out.
pub(crate) fn discloses(text: &str, operator: &str) -> bool {
    let text = text.to_lowercase();
    let says_bot = text
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "bot");
    says_bot && text.contains(&format!("u/{}", operator.to_lowercase())) && text.contains("stop")
}

/// What blocks the text itself.
fn of_text(rules: &PostingRules, account: &Account, reply: &Reply) -> Vec<Objection> {
    let mut found = Vec::new();
    if !discloses(&reply.outbox.full_text, &account.operator) {
        found.push(hold(
            "no-disclosure",
            "it does not say that a bot wrote it, for whom, and how to opt out; enable the footer, and \
             approve it again",
        ));
    }
    if is_serious(&reply.title) {
        found.push(cancel("serious", "the post asks for serious answers only"));
    }
    let sent = [reply.outbox.full_text.as_str(), &reply.text];
    if let Some(word) = sent.iter().find_map(|text| word_in(&rules.words, text)) {
        found.push(redraft(
            "keyword",
            format!("it contains the blocked word {word:?}"),
        ));
    }
    for (what, text) in [
        ("title of the post", &reply.title),
        ("comment", &reply.comment),
    ] {
        if let Some(word) = word_in(&rules.words, text) {
            found.push(cancel(
                "keyword",
                format!("the {what} contains the blocked word {word:?}"),
            ));
        }
    }
    // the footer is in no comment and would make the share small; the approval ensures that the text is the one that is
    // sent
    let echo = contained(&reply.text, &reply.comment);
    if echo >= rules.max_echo {
        found.push(redraft(
            "echo",
            format!("{:.0}% overlap with the parent comment", echo * 100.0),
        ));
    }
    found
}

/// Caps. `spent` is everything the account ever posted.
fn of_caps(rules: &PostingRules, reply: &Reply, spent: &[Spent], now_ms: i64) -> Vec<Objection> {
    let mut found = Vec::new();
    let young = spent
        .iter()
        .map(|s| s.at_ms)
        .min()
        .is_none_or(|first| now_ms.saturating_sub(first) < FIRST_WEEK_MS);
    let halved = |cap: u32| if young { cap.div_ceil(2) } else { cap } as usize;
    let of = |cap: usize, full: u32| match cap < full as usize {
        true => format!("{cap}: half of {full} in the first week after the account's first post"),
        false => cap.to_string(),
    };
    let others = || spent.iter().filter(|s| s.reply_id != reply.id);
    let today = |s: &&Spent| now_ms.saturating_sub(s.at_ms) < DAY_MS;
    // the cap allows another when the oldest of the last `cap` is a day old
    let mut full = |code, words: String, times: Vec<i64>, cap: usize| {
        if times.len() < cap {
            return;
        }
        match times.len().checked_sub(cap).and_then(|at| times.get(at)) {
            Some(oldest) => found.push(wait(code, words, oldest + DAY_MS)),
            None => found.push(hold(code, words)),
        }
    };
    let cap = halved(rules.per_day);
    full(
        "cap-day",
        format!("daily limit reached ({})", of(cap, rules.per_day)),
        others().filter(today).map(|s| s.at_ms).collect(),
        cap,
    );
    let cap = halved(rules.per_subreddit);
    let here = |s: &&Spent| s.subreddit.eq_ignore_ascii_case(&reply.subreddit);
    full(
        "cap-subreddit",
        format!(
            "daily limit per subreddit reached ({})",
            of(cap, rules.per_subreddit)
        ),
        others()
            .filter(today)
            .filter(here)
            .map(|s| s.at_ms)
            .collect(),
        cap,
    );
    if let Some(author) = reply.author.as_deref() {
        let cap = rules.per_author as usize;
        let to = |s: &&Spent| {
            s.author
                .as_deref()
                .is_some_and(|a| a.eq_ignore_ascii_case(author))
        };
        full(
            "cap-author",
            format!("daily limit per author reached ({cap})"),
            others().filter(today).filter(to).map(|s| s.at_ms).collect(),
            cap,
        );
    }
    let under = others()
        .filter(|s| Some(s.post_name.as_str()) == reply.post_name.as_deref())
        .count();
    if under >= rules.per_thread as usize {
        found.push(cancel(
            "cap-thread",
            format!("{under} of our replies are already under this post"),
        ));
    }
    found
}

/// Pauses and posting hours.
fn of_pace(rules: &PostingRules, reply: &Reply, spent: &[Spent], now_ms: i64) -> Vec<Objection> {
    let mut found = Vec::new();
    let last = spent
        .iter()
        .filter(|s| s.reply_id != reply.id)
        .map(|s| s.at_ms)
        .max();
    if let Some(last) = last {
        // from the reply's hash, so that checking twice gives the same time
        let seed = blake3::hash(format!("jitter {} {last}", reply.id).as_bytes());
        let chance =
            f64::from(u16::from_le_bytes([seed.as_bytes()[0], seed.as_bytes()[1]])) / 65_536.0;
        let pause_ms = (rules.pause_min * 60_000.0 * (1.0 + rules.jitter * chance)) as i64;
        if last + pause_ms > now_ms {
            found.push(wait(
                PACE,
                format!(
                    "pause between replies: at least {} minutes",
                    rules.pause_min
                ),
                last + pause_ms,
            ));
        }
    }
    if let Some(until) = opens_ms(rules, now_ms) {
        found.push(wait("schedule", "outside of posting hours and days", until));
    }
    found
}

/// When posting hours begin; `None`: they are now.
fn opens_ms(rules: &PostingRules, now_ms: i64) -> Option<i64> {
    const HOUR_MS: i64 = 3_600_000;
    let open = |at_ms: i64| {
        let local_ms = at_ms + i64::from(rules.utc_offset_min) * 60_000;
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        // January 1, 1970 was a Thursday
        let day = (local_ms.div_euclid(DAY_MS) + 3).rem_euclid(7) + 1;
        let in_hours = rules.hours.is_none_or(|[from, to]| {
            let (from, to) = (i64::from(from), i64::from(to));
            if from < to {
                (from..to).contains(&hour)
            } else {
                hour >= from || hour < to
            }
        });
        in_hours && (rules.days.is_empty() || rules.days.iter().any(|d| i64::from(*d) == day))
    };
    if open(now_ms) {
        return None;
    }
    let offset_ms = i64::from(rules.utc_offset_min) * 60_000;
    let first = (now_ms + offset_ms).div_euclid(HOUR_MS) * HOUR_MS - offset_ms;
    // hours of a week and a day: with any settings, one of them is open, or none ever is
    (1..=192)
        .map(|n| first + n * HOUR_MS)
        .find(|at| open(*at))
        .or(Some(now_ms + DAY_MS))
}

/// What blocks a reply by Reddit's latest answers: the parent and its post, other answers to it, and our own comments.
pub(crate) fn fresh_objections(
    reply: &Reply,
    me: &str,
    looked: &Preflight,
    own: &[Comment],
) -> Vec<Objection> {
    let mut found: Vec<Objection> = looked
        .blockers(me)
        .into_iter()
        .map(|blocker| match blocker {
            Blocker::ParentGone => cancel("parent-gone", "the comment is gone"),
            Blocker::PostGone => cancel("post-gone", "the post is gone"),
            Blocker::Locked => cancel("locked", "the thread is locked"),
            Blocker::Archived => cancel("archived", "the thread is too old"),
            Blocker::Unrepliable(why) => cancel(
                "unrepliable",
                format!("Reddit allows no answers to it: {why}"),
            ),
            Blocker::Answered(name) => cancel("answered", name),
        })
        .collect();
    let parent = reply.parent_name.as_deref().unwrap_or_default();
    for ours in own.iter().filter(|comment| comment.parent == parent) {
        found.push(cancel("answered", ours.name.clone()));
    }
    if let Some(comment) = looked.comment()
        && comment.gone().is_none()
        && hash(&comment.body) != reply.outbox.parent_hash
    {
        found.push(redraft(
            "changed-parent",
            "the comment was changed after the reply was approved; read it again",
        ));
    } else if let Some(comment) = looked.comment()
        && comment.gone().is_none()
        && comment.author != reply.author
    {
        found.push(redraft(
            "changed-parent",
            "the comment has another author than when the reply was approved; read it again",
        ));
    }
    if looked.view.post.gone().is_none() && is_serious(&looked.view.post.title) {
        found.push(cancel("serious", "the post asks for serious answers only"));
    }
    found
}

/// Why a reply is where it is, in words. A purge empties the stored sentence, which may quote the purged text, and leaves
/// the code.
pub(crate) fn reason(code: &str, detail: &str) -> String {
    let words = match code {
        _ if !detail.is_empty() => detail,
        "parent-gone" => "the comment is gone",
        "post-gone" => "the post is gone",
        "deleted" => "the comment or its post was deleted on Reddit",
        "removed" => "the comment or its post was removed on Reddit",
        "absent" => "the comment or its post is no longer on Reddit",
        "asked" => "the comment was purged on request",
        "locked" => "the thread is locked",
        "archived" => "the thread is too old",
        "unrepliable" => "Reddit allows no answers to the comment",
        "answered" => "we have answered the comment already",
        "opted-out" => "its author or subreddit has opted out",
        "denied-subreddit" => "the subreddit is for people in need",
        "own-comment" => "it answers a comment of our own",
        "chain" => "one of our comments is above it: no chains of replies",
        "bot" => "the author of the comment is a bot",
        "serious" => "the post asks for serious answers only",
        "keyword" => "a text contains a word that blocks replies",
        "cap-thread" => "too many of our replies are under this post",
        "changed-parent" => "the comment was changed after the reply was approved; read it again",
        "forbidden" => "Reddit does not let us in there",
        code => code,
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(reply_id: i64, subreddit: &str, at_ms: i64) -> Spent {
        Spent {
            reply_id,
            parent: format!("t1_{reply_id}"),
            subreddit: subreddit.to_owned(),
            post_name: format!("t3_{reply_id}"),
            author: Some(format!("author{reply_id}")),
            at_ms,
        }
    }

    #[test]
    fn a_reason_without_its_sentence_is_no_bare_code() {
        assert_eq!(reason("parent-gone", ""), "the comment is gone");
        assert_eq!(reason("parent-gone", "it is gone"), "it is gone");
        assert_eq!(reason("", ""), "");
        // every code that this file cancels a reply with
        let source = include_str!("policy.rs");
        let rules = source.split("#[cfg(test)]").next().unwrap_or_default();
        let codes = rules.split("cancel(").skip(1).filter_map(|rest| {
            let rest = rest.trim_start().strip_prefix('"')?;
            rest.split_once('"').map(|(code, _)| code)
        });
        let bare: Vec<&str> = codes.filter(|code| reason(code, "") == *code).collect();
        assert!(bare.is_empty(), "{bare:?}");
    }

    #[test]
    fn posting_hours_open_at_their_time() {
        let rules = PostingRules {
            hours: Some([8, 20]),
            ..PostingRules::default()
        };
        let at = |hour: i64| 20_000 * DAY_MS + hour * 3_600_000 + 60_000;
        assert_eq!(opens_ms(&rules, at(9)), None);
        assert_eq!(
            opens_ms(&rules, at(7)),
            Some(20_000 * DAY_MS + 8 * 3_600_000)
        );
        assert_eq!(
            opens_ms(&rules, at(21)),
            Some(20_001 * DAY_MS + 8 * 3_600_000)
        );
        let night = PostingRules {
            hours: Some([22, 6]),
            utc_offset_min: 60,
            ..PostingRules::default()
        };
        assert_eq!(opens_ms(&night, at(21)), None);
        assert_eq!(opens_ms(&night, at(4)), None);
        assert!(opens_ms(&night, at(6)).is_some());
        // 1970-01-05 was a Monday
        let mondays = PostingRules {
            days: vec![1],
            ..PostingRules::default()
        };
        assert_eq!(opens_ms(&mondays, 4 * DAY_MS + 5), None);
        assert_eq!(opens_ms(&mondays, 5 * DAY_MS + 5), Some(11 * DAY_MS));
    }

    #[test]
    fn disclosure_names_bot_operator_and_opt_out() {
        assert!(discloses(
            "Hi.\n\n^(I'm a bot, run by u/Some_Body. Reply STOP.)",
            "some_body"
        ));
        assert!(!discloses("Hi. u/some_body says STOP", "some_body"));
        assert!(!discloses("I'm a bot. Reply STOP.", "some_body"));
        assert!(!discloses("both of u/some_body stop", "some_body"));
    }

    #[test]
    fn bots_are_recognized_by_their_names() {
        assert!(is_bot("AutoModerator") && is_bot("helpful_bot"));
        assert!(!is_bot("talbot") && !is_bot("somebody"));
    }

    #[test]
    fn caps_are_halved_in_the_first_week() {
        let reply = reply();
        let rules = PostingRules::default();
        let now = 1_800_000_000_000;
        let five: Vec<Spent> = (1..=5)
            .map(|n| spent(n, "other", now - n * 3_600_000))
            .collect();
        let codes = |spent: &[Spent]| -> Vec<&str> {
            of_caps(&rules, &reply, spent, now)
                .iter()
                .map(|o| o.code)
                .collect()
        };
        assert_eq!(codes(&five), ["cap-day"]);
        let mut older = five.clone();
        older.insert(0, spent(9, "other", now - 8 * DAY_MS));
        assert!(codes(&older).is_empty());
        let waits = of_caps(&rules, &reply, &five, now);
        assert_eq!(waits[0].then, Then::Wait(now - 3_600_000 + DAY_MS));
    }

    fn reply() -> Reply {
        Reply {
            id: 100,
            candidate_id: 1,
            text: "A text".into(),
            written: String::new(),
            state: repartee_store::queue::ReplyState::Approved,
            link: String::new(),
            updated_ms: 0,
            comment: String::new(),
            thread_id: 1,
            subreddit: "Place".into(),
            title: String::new(),
            scores: repartee_store::threads::Scores::default(),
            reason: String::new(),
            picked: true,
            queued_by: "repartee".into(),
            comment_id: 1,
            author: Some("somebody".into()),
            permalink: String::new(),
            generation_id: 1,
            parent_name: Some("t1_a".into()),
            post_name: Some("t3_b".into()),
            outbox: repartee_store::queue::Outbox::default(),
        }
    }
}
