//! User actions on replies to Reddit: approve, edit, withdraw, settle.

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::Stop;
use repartee_reddit::Link;
use repartee_store::accounts::Account;
use repartee_store::outbox::{Approval, Became, Rewritten};
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Posting;
use crate::approval::ShownReply;
use crate::connect::Session;
use crate::duplicates;
use crate::ledger::{ELSEWHERE, Elsewhere, Ledger, again_key, given_up_key};
use crate::policy::{Objection, Then, reason};
use crate::reconcile::LATE_MS;

/// Code of a posted reply whose edit was sent without an answer.
const UNKNOWN: &str = "rewrite-unknown";

/// A decision on a reply with unconfirmed delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "settle", rename_all = "kebab-case")]
pub enum Settle {
    /// It does not exist, and is to be sent again; only after enough checks (absent).
    Again {
        /// The hash of the reply as it was shown.
        seen: String,
    },
    /// It is not to be sent again.
    GiveUp,
    /// It exists at this link.
    Posted {
        /// Of the comment.
        link: String,
    },
}

/// The posting state of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutboxInfo {
    /// Number of the reply.
    pub reply: i64,
    /// draft, approved, sending, uncertain, absent, posted, rejected, `cancelled` or withdrawn.
    pub state: ReplyState,
    /// Empty: none yet.
    pub account: String,
    pub subreddit: String,
    /// Author of what it answers; none: purged.
    pub author: Option<String>,
    /// Reddit's name of the post.
    pub post_name: Option<String>,
    /// Reddit's name of what it answers; none: not on Reddit, it is posted manually.
    pub parent_name: Option<String>,
    /// Its URL.
    pub parent_link: String,
    /// The text as it is sent, with its footer; of a draft, as it would be.
    pub full_text: String,
    /// Empty: nobody.
    pub approved_by: String,
    /// Milliseconds since 1970.
    pub approved_ms: Option<i64>,
    pub attempt: u32,
    /// Earliest next attempt; 0: at any time.
    pub not_before_ms: i64,
    /// Reddit's name of it, once it is posted.
    pub posted_name: Option<String>,
    /// Milliseconds since 1970.
    pub posted_ms: Option<i64>,
    /// Its URL; empty: not posted.
    pub link: String,
    /// What blocks or blocked it: Reddit's code or ours.
    pub code: String,
    /// Its message.
    pub detail: String,
    /// Whether it waits for the user.
    pub needs_person: bool,
    /// The hash over everything shown, for decisions; empty: it cannot be approved.
    pub seen: String,
    /// Where the account posts: `reddit`, `sandbox`, or empty without an account.
    pub server: String,
    /// Why an approved reply must be approved again; empty: no need.
    pub again: String,
}

/// Something that blocks a reply now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ObjectionInfo {
    /// A code for programs; only `pace` may be skipped, by posting this reply now.
    pub code: String,
    /// The message for the user.
    pub words: String,
    /// When it passes by itself, milliseconds since 1970; none: action is needed.
    pub until_ms: Option<i64>,
}

/// An attempt to post a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AttemptInfo {
    /// From 1.
    pub number: u32,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// None: unknown.
    pub ended_ms: Option<i64>,
    pub status: Option<u16>,
    /// 1 not sent, 2 refused for now, 3 rejected, 4 posted, 5 uncertain.
    pub class: Option<u8>,
    /// The beginning of the answer.
    pub excerpt: String,
    /// Completed checks: when, where (own comments, or answers to the parent), and the result.
    pub looks: Vec<(i64, String, String)>,
}

/// The posting state of a reply with all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutboxStory {
    pub outbox: OutboxInfo,
    /// In order.
    pub attempts: Vec<AttemptInfo>,
    /// What blocks it now, if it is approved.
    pub objections: Vec<ObjectionInfo>,
}

/// The URL of something on Reddit, or in a sandbox.
pub(crate) fn address(host: &str, permalink: &str) -> String {
    match (host, permalink) {
        // without a leading slash it would become part of the host name: `https://www.reddit.com@elsewhere`
        (_, link) if !link.starts_with('/') => String::new(),
        ("", link) => format!("https://www.reddit.com{link}"),
        (host, link) => format!("{host}{link}"),
    }
}

fn outbox_info(
    meant: Option<&Account>,
    accounts: &[Account],
    reply: Reply,
    shown: ShownReply,
) -> OutboxInfo {
    let of = accounts
        .iter()
        .find(|a| a.name.eq_ignore_ascii_case(&reply.outbox.account));
    let host = of.or(meant).map(|a| a.host.as_str()).unwrap_or_default();
    let code = reply.outbox.code.as_str();
    let needs_person = match reply.state {
        ReplyState::Draft | ReplyState::Absent => true,
        ReplyState::Approved => !shown.again.is_empty(),
        ReplyState::Uncertain => code == crate::reconcile::UNSETTLED,
        ReplyState::Posted => code == duplicates::DUPLICATES || code == UNKNOWN,
        _ => false,
    };
    OutboxInfo {
        reply: reply.id,
        state: reply.state,
        parent_link: address(host, &reply.permalink),
        account: reply.outbox.account,
        subreddit: reply.subreddit,
        author: reply.author,
        post_name: reply.post_name,
        parent_name: reply.parent_name,
        full_text: shown.full_text,
        approved_by: reply.outbox.approved_by,
        approved_ms: reply.outbox.approved_ms,
        attempt: reply.outbox.attempt,
        not_before_ms: reply.outbox.not_before_ms,
        posted_name: reply.outbox.posted_name,
        posted_ms: reply.outbox.posted_ms,
        link: reply.link,
        detail: reason(&reply.outbox.code, &reply.outbox.detail),
        code: reply.outbox.code,
        needs_person,
        seen: shown.seen,
        server: shown.server,
        again: shown.again,
    }
}

/// An objection for display.
pub(crate) fn objection_info(objection: &Objection) -> ObjectionInfo {
    ObjectionInfo {
        code: objection.code.to_owned(),
        words: objection.words.clone(),
        until_ms: match objection.then {
            Then::Wait(until_ms) => Some(until_ms),
            _ => None,
        },
    }
}

impl Posting<'_> {
    /// The posting state of all replies to something on Reddit, in queue order; of one state if given.
    pub fn outbox(self, state: Option<ReplyState>) -> Result<Vec<OutboxInfo>> {
        let meant = self.account_meant("").ok();
        let accounts = self.store.accounts()?;
        let composer = self.composer()?;
        let replies = self.store.replies(state)?;
        replies
            .into_iter()
            .filter(|reply| reply.parent_name.is_some())
            .map(|reply| {
                let shown = composer.shown(&reply)?;
                Ok(outbox_info(meant.as_ref(), &accounts, reply, shown))
            })
            .collect()
    }

    /// The posting state of one reply, with all its attempts and what blocks it now.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn outbox_story(self, id: i64) -> Result<OutboxStory> {
        let reply = self.store.reply(id)?;
        let rules = self.posting_rules()?;
        let mut attempts = Vec::new();
        for attempt in self.store.attempts(id)? {
            let looks = self.store.probes(id, attempt.number)?;
            attempts.push(AttemptInfo {
                number: attempt.number,
                started_ms: attempt.started_ms,
                ended_ms: attempt.ended_ms,
                status: attempt.status,
                class: attempt.class,
                excerpt: attempt.excerpt,
                looks: looks
                    .into_iter()
                    .map(|look| (look.at_ms, look.route, look.found))
                    .collect(),
            });
        }
        let account = self.account_meant(&reply.outbox.account).ok();
        let objections = match (&account, reply.state) {
            (Some(account), ReplyState::Approved) if reply.parent_name.is_some() => {
                let now_ms = self.environment.clock.now_ms();
                let elsewhere = Elsewhere::shown(self, account);
                self.objections(&rules, account, &reply, &elsewhere, now_ms)?
                    .iter()
                    .map(objection_info)
                    .collect()
            }
            (None, ReplyState::Approved) => vec![ObjectionInfo {
                code: "no-account".to_owned(),
                words: "there is no account to post with".to_owned(),
                until_ms: None,
            }],
            _ => Vec::new(),
        };
        let accounts = self.store.accounts()?;
        Ok(OutboxStory {
            outbox: {
                let shown = self.composer()?.shown(&reply)?;
                outbox_info(account.as_ref(), &accounts, reply, shown)
            },
            attempts,
            objections,
        })
    }

    /// Decides an uncertain or absent reply, on behalf of `who`.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it is neither, or the link leads to another post; [`Code::Changed`] if it
    /// is to be sent again and is not what was shown.
    pub fn reply_settle(self, id: i64, settle: &Settle, who: &str) -> Result<OutboxStory> {
        let reply = self.store.reply(id)?;
        let now_ms = self.environment.clock.now_ms();
        if let Settle::Again { seen } = settle
            && reply.state == ReplyState::Approved
            && reply.outbox.code == ELSEWHERE
        {
            self.seen_as_it_stands(&reply, seen)?;
            return self.free_elsewhere(&reply, who);
        }
        let (from, to, what): (&[ReplyState], Became, &'static str) = match settle {
            Settle::Again { .. } => (
                &[ReplyState::Absent],
                Became::new(ReplyState::Approved, "again", "resend approved manually"),
                "sent again",
            ),
            // as if it had arrived: nothing else is ever posted under its parent
            Settle::GiveUp if reply.state == ReplyState::Uncertain => (
                &[ReplyState::Uncertain],
                Became::new(
                    ReplyState::Withdrawn,
                    "given-up",
                    "abandoned; delivery unconfirmed",
                ),
                "given up",
            ),
            Settle::GiveUp => (
                &[ReplyState::Absent],
                Became::new(
                    ReplyState::Cancelled,
                    "given-up",
                    "not found on Reddit; it will not be resent",
                ),
                "given up",
            ),
            Settle::Posted { link } => {
                let read =
                    Link::parse(link).filter(|read| Some(&read.post) == reply.post_name.as_ref());
                let Some(name) = read.and_then(|read| read.comment) else {
                    return Err(Error::usage(format!(
                        "{link:?} is not the link of a comment under the post that reply {id} belongs to"
                    )));
                };
                let to = Became {
                    posted_name: Some(name),
                    link: link.trim().to_owned(),
                    ..Became::new(ReplyState::Posted, "", "")
                };
                (
                    &[ReplyState::Uncertain, ReplyState::Absent],
                    to,
                    "link entered manually",
                )
            }
        };
        let as_shown = |reply: &Reply| match settle {
            Settle::Again { seen } => self.seen_as_it_stands(reply, seen),
            // these send nothing
            Settle::GiveUp => Ok(()),
            Settle::Posted { link } => self.may_be_at(reply, link.trim()),
        };
        self.store.reply_becomes_if(
            id,
            from,
            Some(reply.outbox.attempt),
            &to,
            (who, what),
            now_ms,
            as_shown,
        )??;
        match settle {
            Settle::Again { .. } => {
                self.keep_setting_or_warn(&again_key(id), &reply.outbox.attempt)
            }
            Settle::GiveUp => {
                self.keep_setting_or_warn(&again_key(id), &reply.outbox.attempt);
                if let Some(file) = self.this_file()? {
                    self.keep_setting_or_warn(&given_up_key(&file.copy, &reply), &true);
                }
            }
            Settle::Posted { .. } => {}
        }
        self.note_in_ledger(&reply);
        self.outbox_story(id)
    }

    /// Records on behalf of `who` that an answer from another project or copy, with unconfirmed delivery, does not
    /// exist, and that this reply is to be sent.
    fn free_elsewhere(self, reply: &Reply, who: &str) -> Result<OutboxStory> {
        let account = self.account_meant(&reply.outbox.account)?;
        let ledger = Ledger::open(self, &account)?;
        let now_ms = self.environment.clock.now_ms();
        if let Some(entry) = ledger.open_entry(reply)? {
            if now_ms < entry.intent_ms + LATE_MS {
                return Err(Error::new(
                    Code::Refused,
                    format!(
                        "{} tried to answer it less than a quarter of an hour ago; a comment can arrive that late",
                        entry.path
                    ),
                ));
            }
            ledger.release(reply)?;
        }
        let to = Became::new(ReplyState::Approved, "", "");
        let from = [ReplyState::Approved];
        let as_whom = (who, "freed");
        self.store
            .reply_becomes(reply.id, &from, None, &to, as_whom, now_ms)?;
        self.outbox_story(reply.id)
    }

    /// Withdraws a posted reply: deletes it on Reddit, on behalf of `who`, who saw it (`seen`), and checks that it is
    /// gone.
    ///
    /// # Errors
    /// [`Code::Usage`] if it is not posted, or its name is unknown; [`Code::Changed`] if it is not what was shown;
    /// [`Code::Login`]; [`Code::Refused`] if Reddit still shows it.
    pub fn reply_withdraw(self, id: i64, seen: &str, who: &str) -> Result<OutboxStory> {
        let (reply, name, session, ledger) = self.posted(id)?;
        // what is deleted is read from this same row
        self.seen_as_it_stands(&reply, seen)?;
        if !session.call(session.client.delete(&name))? {
            return Err(Error::new(
                Code::Refused,
                format!(
                    "{name} still exists although Reddit reported success; it may belong to another account \
                     than u/{}",
                    session.account.name
                ),
            ));
        }
        let to = Became::new(ReplyState::Withdrawn, "", "");
        let now_ms = self.environment.clock.now_ms();
        self.store.reply_becomes(
            reply.id,
            &[ReplyState::Posted],
            None,
            &to,
            (who, "withdrawn"),
            now_ms,
        )?;
        ledger.note(self, id, now_ms)?;
        self.outbox_story(id)
    }

    /// Deletes the duplicates of a posted reply, all but the oldest, on behalf of `who`, who saw them (`seen`).
    ///
    /// # Errors
    /// As [`Posting::reply_withdraw`]; [`Code::Usage`] if it has no duplicate.
    pub fn reply_delete_duplicates(self, id: i64, seen: &str, who: &str) -> Result<OutboxStory> {
        let (reply, _, session, ledger) = self.posted(id)?;
        self.seen_as_it_stands(&reply, seen)?;
        if !duplicates::is_due(&reply) {
            return Err(Error::usage(format!("reply {id} has no known duplicates")));
        }
        duplicates::delete_newer(self, None, &session, &ledger, id, who).map_err(
            |stop| match stop {
                Stop::Failed(error) => error,
                other => Error::internal(format!("{other:?}")),
            },
        )?;
        self.outbox_story(id)
    }

    /// Edits the text of a posted reply on Reddit, on behalf of `who`, who approves it by doing so. The footer is added
    /// again: `seen` is the hash of everything that [`Posting::rewrite_preview`] returned.
    ///
    /// # Errors
    /// As [`Posting::reply_withdraw`]; [`Code::Changed`] if it would not be what was shown; [`Code::Refused`] if the
    /// text lacks what it must say, or says what it must not, or the account or the subreddit is no longer open.
    pub fn reply_rewrite(self, id: i64, text: &str, seen: &str, who: &str) -> Result<OutboxStory> {
        let (_, name, session, _) = self.posted(id)?;
        let now_ms = self.environment.clock.now_ms();
        let make = |reply: &Reply| -> Result<(String, Approval)> {
            if reply.outbox.posted_name.as_ref() != Some(&name) {
                return Err(Error::internal(format!("reply {id} has changed")));
            }
            if reply.outbox.code == duplicates::DUPLICATES {
                return Err(Error::usage(format!(
                    "reply {id} is there more than once; `repartee reddit delete-duplicates {id}` deletes the others first"
                )));
            }
            let (text, approval) = self.rewrite_of(reply, text, seen, who, now_ms)?;
            self.may_rewrite(&session.account, reply, &text, &approval.full_text)?;
            Ok((text, approval))
        };
        let (before, approved) = self.store.reply_rewrite(id, who, now_ms, make)??;
        let edited = session.call(session.client.edit(&name, &approved.full_text));
        let became = match &edited {
            Ok(_) => Rewritten::Sent {
                code: String::new(),
                detail: String::new(),
            },
            // delivery unconfirmed
            Err(error) if matches!(error.code, Code::Io | Code::Busy | Code::Internal) => {
                Rewritten::Sent {
                    code: UNKNOWN.to_owned(),
                    detail: format!(
                        "an edit of it was sent, and no answer came ({}); check whether Reddit shows it, \
                         and edit it again if not",
                        error.message
                    ),
                }
            }
            Err(_) => Rewritten::Refused(Box::new(before)),
        };
        let at_ms = self.environment.clock.now_ms();
        self.store
            .reply_rewritten(id, &approved.hash, &became, (who, at_ms))?;
        edited?;
        self.outbox_story(id)
    }

    /// Whether a posted reply may get this text: the rules of posting, except those about time.
    fn may_rewrite(
        self,
        account: &Account,
        reply: &Reply,
        text: &str,
        full_text: &str,
    ) -> Result<()> {
        let mut changed = reply.clone();
        text.clone_into(&mut changed.text);
        full_text.clone_into(&mut changed.outbox.full_text);
        let found = self.text_objections(&self.posting_rules()?, account, &changed)?;
        match found.first() {
            None => Ok(()),
            Some(objection) => Err(Error::new(Code::Refused, objection.words.as_str())),
        }
    }

    /// A posted reply with its name, its account connected, and the ledger.
    fn posted(self, id: i64) -> Result<(Reply, String, Session, Ledger)> {
        let reply = self.store.reply(id)?;
        if reply.state != ReplyState::Posted {
            return Err(Error::usage(format!(
                "reply {id} is {}, not posted",
                reply.state.as_str()
            )));
        }
        let Some(name) = reply.outbox.posted_name.clone() else {
            return Err(Error::usage(format!(
                "reply {id} was posted manually, without a link; edit it on Reddit"
            )));
        };
        let account = self.account_meant(&reply.outbox.account)?;
        let session = Session::open(self, &account.name)?;
        let ledger = Ledger::open(self, &session.account)?;
        Ok((reply, name, session, ledger))
    }
}
