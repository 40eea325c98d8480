//! What a person does with replies that go to Reddit: approve, edit, withdraw, settle.

use repartee_reddit::{Link, prepare_text};
use repartee_store::accounts::Account;
use repartee_store::outbox::{Approval, Became};
use repartee_store::queue::{Reply, ReplyState};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::connect::Session;
use super::duplicates;
use super::ledger::{ELSEWHERE, Elsewhere, Ledger};
use super::policy::{discloses, hash};
use super::reconcile::LATE_MS;
use super::rules::PostingRules;
use super::similar::word_in;
use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::Stop;

/// What a person decides about a reply of which nobody knows whether it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "settle", rename_all = "kebab-case")]
pub enum Settle {
    /// It is not there, and is to be sent again; only once it was looked for often enough (absent).
    Again,
    /// It is not to be sent again.
    GiveUp,
    /// It stands at this link.
    Posted {
        /// The link to the comment.
        link: String,
    },
}

/// The posting side of a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutboxInfo {
    /// The reply, by its number.
    pub reply: i64,
    /// draft, approved, sending, uncertain, absent, posted, rejected, cancelled or withdrawn.
    pub state: String,
    /// The account it is posted with; empty: there is none yet.
    pub account: String,
    /// Name of the subreddit.
    pub subreddit: String,
    /// Who wrote what it answers; none: forgotten.
    pub author: Option<String>,
    /// Reddit's name of the post.
    pub post_name: Option<String>,
    /// Reddit's name of what it answers; none: not on Reddit, it is posted by hand.
    pub parent_name: Option<String>,
    /// Where that stands, as an address.
    pub parent_link: String,
    /// The text as it is sent, with its footer; of a draft, as it would be.
    pub full_text: String,
    /// Who approved it; empty: nobody.
    pub approved_by: String,
    /// When, milliseconds since 1970.
    pub approved_ms: Option<i64>,
    /// How often it was tried.
    pub attempt: u32,
    /// The next try not before this; 0: at any time.
    pub not_before_ms: i64,
    /// Reddit's name of it, once it is posted.
    pub posted_name: Option<String>,
    /// When it was posted.
    pub posted_ms: Option<i64>,
    /// Where it stands; empty: nowhere.
    pub link: String,
    /// What stands in the way, or stood: Reddit's code or ours.
    pub code: String,
    /// The same in words.
    pub detail: String,
    /// Whether only a person can go on with it.
    pub needs_person: bool,
}

/// A try to post a reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AttemptInfo {
    /// Its number, from 1.
    pub number: u32,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; none: nobody came back to tell.
    pub ended_ms: Option<i64>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// 1 not sent, 2 refused for now, 3 rejected, 4 posted, 5 uncertain.
    pub class: Option<u8>,
    /// The beginning of the answer.
    pub excerpt: String,
    /// Looks for it that came back with an answer: when, where (own comments, or what answers the parent),
    /// and what was found.
    pub looks: Vec<(i64, String, String)>,
}

/// The posting side of a reply with all its tries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct OutboxStory {
    /// Where it stands.
    pub outbox: OutboxInfo,
    /// The tries, in order.
    pub attempts: Vec<AttemptInfo>,
    /// What speaks against posting it now, in words; of an approved reply.
    pub objections: Vec<String>,
}

/// The address of something on Reddit, or on a fake.
pub(crate) fn address(host: &str, permalink: &str) -> String {
    match (host, permalink) {
        (_, "") => String::new(),
        ("", link) => format!("https://www.reddit.com{link}"),
        (host, link) => format!("{host}{link}"),
    }
}

impl Engine {
    /// A reply's text as it is sent: with its footer, as Reddit takes it.
    fn full_text(
        &self,
        rules: &PostingRules,
        account: Option<&Account>,
        reply: &Reply,
        text: &str,
    ) -> Result<String> {
        let footer = match account {
            Some(account) if rules.footer => {
                let generations = self.store.generations()?;
                let of = generations.iter().find(|g| g.id == reply.generation_id);
                let model = of
                    .and_then(|g| serde_json::from_str::<serde_json::Value>(&g.config).ok())
                    .and_then(|config| config["generator"].as_str().map(str::to_owned))
                    .unwrap_or_else(|| "GPT-2".to_owned());
                let filled = rules
                    .footer_text
                    .replace("{model}", &model)
                    .replace("{account}", &account.name)
                    .replace("{operator}", &account.operator);
                format!("\n\n{filled}")
            }
            _ => String::new(),
        };
        Ok(prepare_text(&format!("{}{footer}", text.trim()))
            .map_err(repartee_reddit::Error::Text)?)
    }

    /// What a person approves when they approve this reply now; `None`: it answers nothing on Reddit.
    pub(crate) fn approval_of(&self, reply: &Reply) -> Result<Option<Approval>> {
        let (Some(parent), Some(post)) = (&reply.parent_name, &reply.post_name) else {
            return Ok(None);
        };
        if reply.comment.is_empty() {
            return Err(Error::new(
                Code::Refused,
                format!(
                    "reply {}: the text it answers was forgotten; it cannot be posted any more",
                    reply.id
                ),
            ));
        }
        let rules = self.posting_rules()?;
        let account = self.account_meant("").ok();
        let full_text = self.full_text(&rules, account.as_ref(), reply, &reply.text)?;
        Ok(Some(Approval {
            account: account.map(|account| account.name).unwrap_or_default(),
            subreddit: reply.subreddit.clone(),
            post_name: post.clone(),
            parent_name: parent.clone(),
            hash: hash(&full_text),
            parent_hash: hash(&reply.comment),
            full_text,
        }))
    }

    /// The posting side of all replies that answer something on Reddit, in the order in which they were
    /// queued; of one state where that is given.
    ///
    /// # Errors
    /// [`Code::Usage`] when there is no such state.
    pub fn outbox(&self, state: Option<&str>) -> Result<Vec<OutboxInfo>> {
        let state = match state {
            None => None,
            Some(word) => Some(ReplyState::from_word(word).ok_or_else(|| {
                let words: Vec<&str> = ReplyState::ALL.iter().map(|s| s.as_str()).collect();
                Error::usage(format!("state is {word:?}; there are {}", words.join(", ")))
            })?),
        };
        let rules = self.posting_rules()?;
        let meant = self.account_meant("").ok();
        let accounts = self.store.accounts()?;
        let replies = self.store.replies(state)?;
        replies
            .into_iter()
            .filter(|reply| reply.parent_name.is_some())
            .map(|reply| self.outbox_info(&rules, meant.as_ref(), &accounts, reply))
            .collect()
    }

    fn outbox_info(
        &self,
        rules: &PostingRules,
        meant: Option<&Account>,
        accounts: &[Account],
        reply: Reply,
    ) -> Result<OutboxInfo> {
        let of = accounts
            .iter()
            .find(|a| a.name.eq_ignore_ascii_case(&reply.outbox.account));
        let host = of.or(meant).map(|a| a.host.as_str()).unwrap_or_default();
        let full_text = match reply.state {
            // a draft that is too long for its footer is shown all the same
            ReplyState::Draft => self
                .full_text(rules, meant, &reply, &reply.text)
                .unwrap_or_else(|_| reply.text.clone()),
            _ => reply.outbox.full_text.clone(),
        };
        let needs_person = match reply.state {
            ReplyState::Draft | ReplyState::Absent => true,
            ReplyState::Uncertain => reply.outbox.code == super::reconcile::UNSETTLED,
            ReplyState::Posted => reply.outbox.code == duplicates::TWINS,
            _ => false,
        };
        Ok(OutboxInfo {
            reply: reply.id,
            state: reply.state.as_str().to_owned(),
            parent_link: address(host, &reply.permalink),
            account: reply.outbox.account,
            subreddit: reply.subreddit,
            author: reply.author,
            post_name: reply.post_name,
            parent_name: reply.parent_name,
            full_text,
            approved_by: reply.outbox.approved_by,
            approved_ms: reply.outbox.approved_ms,
            attempt: reply.outbox.attempt,
            not_before_ms: reply.outbox.not_before_ms,
            posted_name: reply.outbox.posted_name,
            posted_ms: reply.outbox.posted_ms,
            link: reply.link,
            code: reply.outbox.code,
            detail: reply.outbox.detail,
            needs_person,
        })
    }

    /// The posting side of one reply, with all its tries and what speaks against it now.
    ///
    /// # Errors
    /// [`Code::NotFound`].
    pub fn outbox_story(&self, id: i64) -> Result<OutboxStory> {
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
                let now_ms = self.outside.clock.now_ms();
                let elsewhere = Elsewhere::shown(self, account);
                self.objections(&rules, account, &reply, &elsewhere, now_ms)?
                    .into_iter()
                    .map(|o| o.words)
                    .collect()
            }
            (None, ReplyState::Approved) => vec!["there is no account to post with".to_owned()],
            _ => Vec::new(),
        };
        let accounts = self.store.accounts()?;
        Ok(OutboxStory {
            outbox: self.outbox_info(&rules, account.as_ref(), &accounts, reply)?,
            attempts,
            objections,
        })
    }

    /// What a person, `who`, decides about a reply that is uncertain or absent.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] when it is neither, or the link leads to another post.
    pub fn reply_settle(&self, id: i64, settle: &Settle, who: &str) -> Result<OutboxStory> {
        let reply = self.store.reply(id)?;
        let now_ms = self.outside.clock.now_ms();
        if (settle, reply.state) == (&Settle::Again, ReplyState::Approved)
            && reply.outbox.code == ELSEWHERE
        {
            return self.free_elsewhere(&reply, who);
        }
        let (from, to, what): (&[ReplyState], Became, &'static str) = match settle {
            Settle::Again => (
                &[ReplyState::Absent],
                Became::new(
                    ReplyState::Approved,
                    "again",
                    "a person wants it to be sent again",
                ),
                "sent again",
            ),
            // as if it had arrived: then nothing else is ever posted under its parent
            Settle::GiveUp if reply.state == ReplyState::Uncertain => (
                &[ReplyState::Uncertain],
                Became::new(
                    ReplyState::Withdrawn,
                    "given-up",
                    "given up; nobody knows whether it arrived",
                ),
                "given up",
            ),
            Settle::GiveUp => (
                &[ReplyState::Absent],
                Became::new(
                    ReplyState::Cancelled,
                    "given-up",
                    "it did not arrive, and is not sent again",
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
                    "found by a person",
                )
            }
        };
        self.store.reply_becomes(
            id,
            from,
            Some(reply.outbox.attempt),
            &to,
            (who, what),
            now_ms,
        )?;
        self.note_in_ledger(&reply);
        self.outbox_story(id)
    }

    /// A person, `who`, says that an answer from another project or copy, of which nobody knows whether it
    /// arrived, is not there, and that this reply is to be sent.
    fn free_elsewhere(&self, reply: &Reply, who: &str) -> Result<OutboxStory> {
        let account = self.account_meant(&reply.outbox.account)?;
        let ledger = Ledger::open(self, &account)?;
        let now_ms = self.outside.clock.now_ms();
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

    /// Takes a posted reply back: deletes it on Reddit, as the person `who`, and looks whether it is gone.
    ///
    /// # Errors
    /// [`Code::Usage`] when it is not posted, or its name is not known; [`Code::Login`]; [`Code::Refused`]
    /// when Reddit still shows it.
    pub fn reply_withdraw(&self, id: i64, who: &str) -> Result<OutboxStory> {
        let (reply, name, session, ledger) = self.posted(id)?;
        if !session.call(session.client.delete(&name))? {
            return Err(Error::new(
                Code::Refused,
                format!(
                    "{name} is still there after Reddit said yes; it may belong to another account than u/{}",
                    session.account.name
                ),
            ));
        }
        let to = Became::new(ReplyState::Withdrawn, "", "");
        let now_ms = self.outside.clock.now_ms();
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

    /// Deletes the duplicates of a posted reply, all but the oldest, as the person `who`.
    ///
    /// # Errors
    /// As [`Engine::reply_withdraw`]; [`Code::Usage`] when it stands there once.
    pub fn reply_untwin(&self, id: i64, who: &str) -> Result<OutboxStory> {
        let (reply, _, session, ledger) = self.posted(id)?;
        if !duplicates::is_due(&reply) {
            return Err(Error::usage(format!(
                "reply {id} is there once, as far as is known"
            )));
        }
        duplicates::delete_newer(self, None, &session, &ledger, id, who).map_err(
            |stop| match stop {
                Stop::Failed(error) => error,
                other => Error::internal(format!("{other:?}")),
            },
        )?;
        self.outbox_story(id)
    }

    /// Changes the text of a posted reply on Reddit, as the person `who`, who approves it by doing so. The
    /// footer is put under it again.
    ///
    /// # Errors
    /// As [`Engine::reply_withdraw`]; [`Code::Refused`] when the text does not say what it has to, or says
    /// what it must not.
    pub fn reply_rewrite(&self, id: i64, text: &str, who: &str) -> Result<OutboxStory> {
        let (reply, name, session, _) = self.posted(id)?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::usage(
                "a reply cannot be empty; `repartee reddit withdraw` takes it back",
            ));
        }
        let rules = self.posting_rules()?;
        let full_text = self.full_text(&rules, Some(&session.account), &reply, text)?;
        if !discloses(&full_text, &session.account.operator) {
            return Err(Error::new(
                Code::Refused,
                "it does not say that a bot wrote it, for whom, and how to opt out; switch the footer on",
            ));
        }
        if let Some(word) = word_in(&rules.words, text) {
            return Err(Error::new(Code::Refused, format!("it says {word:?}")));
        }
        session.call(session.client.edit(&name, &full_text))?;
        self.store
            .reply_rewritten(id, text, &full_text, who, self.outside.clock.now_ms())?;
        self.outbox_story(id)
    }

    /// A posted reply with its name, its account connected, and the ledger.
    fn posted(&self, id: i64) -> Result<(Reply, String, Session, Ledger)> {
        let reply = self.store.reply(id)?;
        if reply.state != ReplyState::Posted {
            return Err(Error::usage(format!(
                "reply {id} is {}, not posted",
                reply.state.as_str()
            )));
        }
        let Some(name) = reply.outbox.posted_name.clone() else {
            return Err(Error::usage(format!(
                "reply {id} was posted by hand, and nobody said where; change it on Reddit"
            )));
        };
        let account = self.account_meant(&reply.outbox.account)?;
        let session = Session::open(self, &account.name)?;
        let ledger = Ledger::open(self, &session.account)?;
        Ok((reply, name, session, ledger))
    }
}
