//! The outbox: from an approved reply to a comment on Reddit, at most once.
//!
//! Reddit's comment endpoint has no idempotency key. So the intent to send is committed before the socket is opened, a
//! row found in `sending` is checked on Reddit and never sent again automatically, and an index allows one reply of an
//! account to a comment, ever. Every step is one transaction; a process killed between two of them leaves a state from
//! which the next one can continue.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::audit::{self, Entry, somebody};
use crate::error::is_unique;
use crate::purge::forget_if_purged;
use crate::queue::{ACCOUNT_IF_TRIED, REPLY, Reply, ReplyState, UNAPPROVED, note, one, reply_row};
use crate::watch::{Family, touch};
use crate::{Error, Result, Store};

/// What is approved: exactly this text, to be posted under this comment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    /// Empty: none yet.
    pub account: String,
    /// Without `r/`.
    pub subreddit: String,
    /// Reddit's name of the post; `None`: it can only be posted manually.
    pub post_name: Option<String>,
    /// Reddit's name of what it answers.
    pub parent_name: Option<String>,
    /// The text as it will be sent, with its footer.
    pub full_text: String,
    /// blake3 of it.
    pub hash: String,
    /// blake3 of what it answers.
    pub parent_hash: String,
    /// The hash over everything that the user saw.
    pub seen: String,
    /// The machine where it was approved, and its seal.
    pub seal: String,
}

/// The end of an attempt to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub reply_id: i64,
    /// Number of the attempt, from [`Store::intend`].
    pub attempt: u32,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The class, 1 to 5.
    pub class: u8,
    /// The beginning of the answer.
    pub excerpt: String,
    pub to: Became,
}

/// A reply's new state after an attempt or a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Became {
    pub state: Option<ReplyState>,
    /// Reddit's name of it, if it is posted.
    pub posted_name: Option<String>,
    /// Its URL, if it is posted.
    pub link: String,
    /// Reddit's code or ours.
    pub code: String,
    /// Its message.
    pub detail: String,
    /// Earliest next attempt.
    pub not_before_ms: i64,
}

impl Became {
    /// A state with a reason.
    pub fn new(state: ReplyState, code: &str, detail: impl Into<String>) -> Self {
        Self {
            state: Some(state),
            code: code.to_owned(),
            detail: detail.into(),
            ..Self::default()
        }
    }
}

/// A stored attempt to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Number among the reply's attempts, from 1.
    pub number: u32,
    /// Milliseconds since 1970.
    pub started_ms: i64,
    /// `None`: unknown.
    pub ended_ms: Option<i64>,
    pub status: Option<u16>,
    /// The class, 1 to 5.
    pub class: Option<u8>,
    /// The beginning of the answer.
    pub excerpt: String,
}

/// A completed check for an uncertain reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// `own` comments, or answers to the `parent`.
    pub route: String,
    /// Names of ours that were found, separated by blanks; empty: none.
    pub found: String,
}

/// A comment that was or may have been posted, as caps count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    pub reply_id: i64,
    /// Reddit's name of what it answers.
    pub parent: String,
    pub subreddit: String,
    /// Reddit's name of the post.
    pub post_name: String,
    /// Author of what it answers; `None`: purged.
    pub author: Option<String>,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// The result of editing a posted reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Rewritten {
    /// Reddit has it, or may have it: code and message for the reply.
    Sent { code: String, detail: String },
    /// Reddit refused it: the unchanged reply.
    Refused(Box<Reply>),
}

/// Code of a posted reply that is being edited on Reddit.
const REWRITING: &str = "rewriting";
/// An edit without a result for this long was abandoned by its process.
const REWRITE_MS: i64 = 120_000;

/// The states in which a comment of ours is or may be on Reddit.
const OUT: &str = "('sending', 'uncertain', 'absent', 'posted', 'withdrawn')";

fn refused(id: i64, from: ReplyState, wanted: &'static str) -> Error {
    Error::Transition {
        id,
        state: from.as_str(),
        wanted,
    }
}

/// Moves a reply within a transaction, and records the event. Where it no longer is or may be on Reddit, its text is
/// wiped if what it answers was purged in the meantime.
fn become_(
    db: &Transaction<'_>,
    id: i64,
    to: &Became,
    who: &str,
    what: &str,
    now_ms: i64,
) -> Result<()> {
    use ReplyState as S;
    let posted = to.state == Some(S::Posted);
    let approval = match to.state {
        Some(S::Draft | S::Rejected | S::Cancelled) => {
            format!(", {ACCOUNT_IF_TRIED}, {UNAPPROVED}")
        }
        _ => String::new(),
    };
    db.prepare_cached(&format!(
        "UPDATE reply SET state = coalesce(?2, state), code = ?3, detail = ?4, not_before_ms = ?5,
                posted_name = coalesce(?6, posted_name), link = CASE ?7 WHEN '' THEN link ELSE ?7 END,
                posted_ms = CASE WHEN ?8 THEN coalesce(posted_ms, ?9) ELSE posted_ms END, updated_ms = ?9
                {approval}
         WHERE id = ?1"
    ))?
    .execute(params![
        id,
        to.state.map(ReplyState::as_str),
        to.code,
        to.detail,
        to.not_before_ms,
        to.posted_name,
        to.link,
        posted,
        now_ms
    ])?;
    let detail = if to.detail.is_empty() {
        &to.link
    } else {
        &to.detail
    };
    note(db, id, who, what, detail, now_ms)?;
    match to.state {
        // our own words, which are or may be on Reddit
        None | Some(S::Sending | S::Uncertain | S::Absent | S::Posted) => Ok(()),
        Some(S::Draft | S::Approved | S::Rejected | S::Cancelled | S::Withdrawn) => {
            forget_if_purged(db, id, now_ms)
        }
    }
}

impl Store {
    /// Approves a draft, or an approved reply again, on behalf of `who`. `make` gets the current reply, within the
    /// transaction, and returns what is approved, `None` if all of it is already approved, or why it must not be. It
    /// may read from the project: nobody else writes to it until this returns.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`]; [`Error::Refused`] if another reply of the account answers the same
    /// comment. Within: what `make` returned.
    pub fn reply_approve<E>(
        &self,
        id: i64,
        who: &str,
        now_ms: i64,
        make: impl FnOnce(&Reply) -> Result<Option<Approval>, E>,
    ) -> Result<Result<(), E>> {
        somebody(who)?;
        self.write(Family::Queue, |db| {
            let reply = one(db, id)?;
            if !matches!(reply.state, ReplyState::Draft | ReplyState::Approved) {
                return Err(refused(id, reply.state, "approved"));
            }
            let approval = match make(&reply) {
                Ok(Some(approval)) => approval,
                Ok(None) => return Ok(Ok(())),
                Err(why) => return Ok(Err(why)),
            };
            let done = db.execute(
                "UPDATE reply SET state = 'approved', hash = ?2, account = ?3, subreddit = ?4,
                        post_name = ?5, parent_name = ?6, full_text = ?7, parent_hash = ?8,
                        approved_by = ?9, approved_ms = ?10, updated_ms = ?10, code = '', detail = '',
                        not_before_ms = 0, seen = ?11, seal = ?12
                 WHERE id = ?1",
                params![
                    id,
                    approval.hash,
                    approval.account,
                    approval.subreddit,
                    approval.post_name,
                    approval.parent_name,
                    approval.full_text,
                    approval.parent_hash,
                    who,
                    now_ms,
                    approval.seen,
                    approval.seal
                ],
            );
            match done {
                Ok(_) => {}
                Err(error) if is_unique(&error) => {
                    return Err(Error::Refused {
                        what: format!("reply {id}"),
                        done: "approved",
                        why: "another reply of the account answers the same comment, and one comment is answered once"
                            .into(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
            note(db, id, who, "approved", "", now_ms)?;
            let entry = Entry::new(who, "approved", now_ms).reply(id, &approval.hash);
            audit::note(db, &entry.about(approval.parent_name.unwrap_or_default()))?;
            Ok(Ok(()))
        })
    }

    /// Replies in the outbox of an account in these states, in the order of their approval.
    pub fn outgoing(&self, account: &str, states: &[ReplyState]) -> Result<Vec<Reply>> {
        let words: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
        let words = serde_json::Value::from(words).to_string();
        self.read(|db| {
            let sql = format!(
                "{REPLY} WHERE q.account = ?1 AND q.parent_name IS NOT NULL
                   AND q.state IN (SELECT value FROM json_each(?2)) ORDER BY q.approved_ms, q.id"
            );
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map(params![account, words], reply_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Records the intent to send an approved reply, and returns the number of the attempt. It is on disk when this
    /// returns; only then may the socket be opened. `may` gets the current reply, within the transaction, and decides
    /// for the last time whether it may be sent; `None` if it refused.
    ///
    /// # Errors
    /// [`Error::Transition`] if it is no longer approved; [`Error::Refused`] if `owner` does not hold the account's
    /// lease, if another reply of it is being sent or uncertain, or if the text is not the approved one. Within: what
    /// `may` returned.
    pub fn intend<E>(
        &self,
        id: i64,
        hash: &str,
        owner: &str,
        (skew_ms, now_ms): (i64, i64),
        may: impl FnOnce(&Reply) -> Result<bool, E>,
    ) -> Result<Result<Option<u32>, E>> {
        self.write_durably(Family::Queue, |db| {
            let reply = one(db, id)?;
            if reply.state != ReplyState::Approved {
                return Err(refused(id, reply.state, "sent"));
            }
            let not = |why: &str| Error::Refused {
                what: format!("reply {id}"),
                done: "sent",
                why: why.to_owned(),
            };
            match may(&reply) {
                Ok(true) => {}
                Ok(false) => return Ok(Ok(None)),
                Err(why) => return Ok(Err(why)),
            }
            let (account, full_text) = (&reply.outbox.account, &reply.outbox.full_text);
            if reply.outbox.hash != hash
                || blake3::hash(full_text.as_bytes()).to_hex().as_str() != hash
            {
                return Err(not("its text is not the one that was approved"));
            }
            let holds = db.execute(
                "UPDATE lease SET beat_ms = ?3 WHERE account = ?1 AND owner = ?2",
                params![account, owner, crate::now_ms()],
            )?;
            if holds == 0 {
                return Err(not("another process posts for the account"));
            }
            let open: i64 = db.query_row(
                "SELECT count(*) FROM reply WHERE account = ?1 AND state IN ('sending', 'uncertain')",
                [account],
                |row| row.get(0),
            )?;
            if open > 0 {
                return Err(not("another reply of the account is being sent or uncertain"));
            }
            let attempt: u32 = db.query_row(
                "UPDATE reply SET state = 'sending', attempt = attempt + 1, intent_ms = ?2, skew_ms = ?3,
                        code = '', detail = '', updated_ms = ?2
                 WHERE id = ?1 RETURNING attempt",
                params![id, now_ms, skew_ms],
                |row| row.get(0),
            )?;
            db.execute(
                "INSERT INTO attempt (reply_id, number, started_ms) VALUES (?1, ?2, ?3)",
                params![id, attempt, now_ms],
            )?;
            note(db, id, "repartee", "sending", "", now_ms)?;
            let entry = Entry::new("repartee", "sending", now_ms).reply(id, hash);
            audit::note(db, &entry.about(reply.parent_name.unwrap_or_default()))?;
            Ok(Ok(Some(attempt)))
        })
    }

    /// Records how an attempt ended, and the reply's new state. Returns false if the reply was settled in the meantime:
    /// only the attempt is ended then.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn attempt_end(&self, ended: &Ended) -> Result<bool> {
        self.write(Family::Queue, |db| {
            db.execute(
                "UPDATE attempt SET ended_ms = ?3, status = ?4, class = ?5, excerpt = ?6
                 WHERE reply_id = ?1 AND number = ?2 AND ended_ms IS NULL",
                params![
                    ended.reply_id,
                    ended.attempt,
                    ended.at_ms,
                    ended.status,
                    ended.class,
                    ended.excerpt
                ],
            )?;
            let open = db.query_row(
                "SELECT hash, parent_name FROM reply
                 WHERE id = ?1 AND attempt = ?2 AND state IN ('sending', 'uncertain')",
                params![ended.reply_id, ended.attempt],
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)),
            );
            let Some((hash, parent)) = open.optional()? else {
                return Ok(false);
            };
            let what = ended.to.state.map_or("noted", ReplyState::as_str);
            // returning to `approved` is not an approval
            let what = if what == "approved" { "not sent" } else { what };
            become_(db, ended.reply_id, &ended.to, "repartee", what, ended.at_ms)?;
            let entry = Entry::new("repartee", what, ended.at_ms).reply(ended.reply_id, &hash);
            let about = ended.to.posted_name.clone().or(parent).unwrap_or_default();
            audit::note(db, &entry.about(about).detail(&ended.to.code))?;
            Ok(true)
        })
    }

    /// At the start of a sender: what an earlier one left in `sending` becomes uncertain. Returns their number.
    pub fn sending_is_uncertain(&self, account: &str, now_ms: i64) -> Result<usize> {
        self.write(Family::Queue, |db| {
            let mut query = db.prepare_cached(
                "SELECT id FROM reply WHERE account = ?1 AND state = 'sending' ORDER BY id",
            )?;
            let ids: Vec<i64> = query
                .query_map([account], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in &ids {
                let to = Became::new(
                    ReplyState::Uncertain,
                    "interrupted",
                    "the process ended while it was being sent",
                );
                become_(db, *id, &to, "repartee", "uncertain", now_ms)?;
            }
            Ok(ids.len())
        })
    }

    /// Records a completed check for an uncertain reply.
    pub fn probe_add(&self, reply_id: i64, attempt: u32, probe: &Probe) -> Result<()> {
        self.write(Family::Queue, |db| {
            db.execute(
                "INSERT INTO probe (reply_id, number, at_ms, route, found) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![reply_id, attempt, probe.at_ms, probe.route, probe.found],
            )?;
            Ok(())
        })
    }

    /// The checks of an attempt, in order.
    pub fn probes(&self, reply_id: i64, attempt: u32) -> Result<Vec<Probe>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT at_ms, route, found FROM probe WHERE reply_id = ?1 AND number = ?2 ORDER BY id",
            )?;
            let rows = query.query_map(params![reply_id, attempt], |row| {
                Ok(Probe {
                    at_ms: row.get(0)?,
                    route: row.get(1)?,
                    found: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The attempts to post a reply, in order.
    pub fn attempts(&self, reply_id: i64) -> Result<Vec<AttemptRow>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT number, started_ms, ended_ms, status, class, excerpt FROM attempt
                 WHERE reply_id = ?1 ORDER BY number",
            )?;
            let rows = query.query_map([reply_id], |row| {
                Ok(AttemptRow {
                    number: row.get(0)?,
                    started_ms: row.get(1)?,
                    ended_ms: row.get(2)?,
                    status: row.get(3)?,
                    class: row.get(4)?,
                    excerpt: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Moves a reply from one of the states `from`, on behalf of `who`, and records it as `what` in its history and in
    /// the audit log. With `attempt`, only if that attempt is its last.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`] if it is in none of those states.
    pub fn reply_becomes(
        &self,
        id: i64,
        from: &[ReplyState],
        attempt: Option<u32>,
        to: &Became,
        as_whom: (&str, &'static str),
        now_ms: i64,
    ) -> Result<()> {
        let any = |_: &Reply| Ok::<_, std::convert::Infallible>(());
        match self.reply_becomes_if(id, from, attempt, to, as_whom, now_ms, any)? {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    }

    /// The reply that is posted at this link, or under this name.
    pub fn reply_at(&self, link: &str, name: Option<&str>) -> Result<Option<i64>> {
        self.read(|db| {
            let sql = "SELECT id FROM reply WHERE link <> '' AND link = ?1 OR posted_name = ?2 ORDER BY id LIMIT 1";
            Ok(db
                .prepare_cached(sql)?
                .query_row(params![link, name], |row| row.get(0))
                .optional()?)
        })
    }

    /// As [`Store::reply_becomes`], if `check` finds nothing wrong with the current reply, within the transaction.
    ///
    /// # Errors
    /// As [`Store::reply_becomes`]. Within: what `check` returned.
    #[expect(clippy::too_many_arguments, reason = "as reply_becomes, and the check")]
    pub fn reply_becomes_if<E>(
        &self,
        id: i64,
        from: &[ReplyState],
        attempt: Option<u32>,
        to: &Became,
        (who, what): (&str, &'static str),
        now_ms: i64,
        check: impl FnOnce(&Reply) -> Result<(), E>,
    ) -> Result<Result<(), E>> {
        self.write(Family::Queue, |db| {
            let reply = one(db, id)?;
            let outbox = &reply.outbox;
            if !from.contains(&reply.state) || attempt.is_some_and(|n| n != outbox.attempt) {
                return Err(refused(id, reply.state, what));
            }
            if let Err(why) = check(&reply) {
                return Ok(Err(why));
            }
            become_(db, id, to, who, what, now_ms)?;
            let about = to.posted_name.as_ref().or(outbox.posted_name.as_ref());
            let about = about.or(reply.parent_name.as_ref()).cloned();
            let entry = Entry::new(who, what, now_ms).reply(id, &outbox.hash);
            audit::note(db, &entry.about(about.unwrap_or_default()).detail(&to.code))?;
            Ok(Ok(()))
        })
    }

    /// Records why an approved reply is not sent yet; it stays approved.
    pub fn reply_held(&self, id: i64, code: &str, detail: &str, not_before_ms: i64) -> Result<()> {
        self.write(Family::Queue, |db| {
            db.execute(
                "UPDATE reply SET code = ?2, detail = ?3, not_before_ms = max(not_before_ms, ?4)
                 WHERE id = ?1 AND state = 'approved'",
                params![id, code, detail, not_before_ms],
            )?;
            Ok(())
        })
    }

    /// Records that the text of a posted reply is about to be edited on Reddit, before the edit is sent: from now on
    /// the project has the new text, as approved by `who`. `make` gets the current reply, within the transaction, and
    /// returns the text without its footer and what is approved. Until [`Store::reply_rewritten`] records the result,
    /// it cannot be edited again. Returns the reply before the edit, and what was approved.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`] if it is not posted; [`Error::Refused`] while another edit of it is
    /// being sent. Within: what `make` returned.
    pub fn reply_rewrite<E>(
        &self,
        id: i64,
        who: &str,
        now_ms: i64,
        make: impl FnOnce(&Reply) -> Result<(String, Approval), E>,
    ) -> Result<Result<(Reply, Approval), E>> {
        self.write_durably(Family::Queue, |db| {
            let reply = one(db, id)?;
            if reply.state != ReplyState::Posted {
                return Err(refused(id, reply.state, "edited"));
            }
            // a process that died meanwhile does not block it forever
            if reply.outbox.code == REWRITING && now_ms - reply.updated_ms < REWRITE_MS {
                return Err(Error::Refused {
                    what: format!("reply {id}"),
                    done: "edited",
                    why: "another edit of it is being sent; wait a minute, and check it".into(),
                });
            }
            let (text, approval) = match make(&reply) {
                Ok(made) => made,
                Err(why) => return Ok(Err(why)),
            };
            db.execute(
                "UPDATE reply SET text = ?2, full_text = ?3, hash = ?4, parent_hash = ?5, seen = ?6,
                        seal = ?7, approved_by = ?8, approved_ms = ?9, updated_ms = ?9, code = ?10,
                        detail = 'a change of it was sent, and no answer is known; see whether Reddit shows it'
                 WHERE id = ?1",
                params![
                    id,
                    text,
                    approval.full_text,
                    approval.hash,
                    approval.parent_hash,
                    approval.seen,
                    approval.seal,
                    who,
                    now_ms,
                    REWRITING
                ],
            )?;
            note(db, id, who, "edited", &reply.text, now_ms)?;
            audit::note(
                db,
                &Entry::new(who, "edited", now_ms).reply(id, &approval.hash),
            )?;
            Ok(Ok((reply, approval)))
        })
    }

    /// Records the result of editing a posted reply. Changes nothing if the reply was edited again since.
    pub fn reply_rewritten(
        &self,
        id: i64,
        hash: &str,
        became: &Rewritten,
        (who, now_ms): (&str, i64),
    ) -> Result<()> {
        self.write(Family::Queue, |db| {
            let still = "id = ?1 AND hash = ?2 AND state = 'posted' AND code = 'rewriting'";
            match became {
                Rewritten::Sent { code, detail } => {
                    let sql = format!(
                        "UPDATE reply SET code = ?3, detail = ?4, updated_ms = ?5 WHERE {still}"
                    );
                    db.execute(&sql, params![id, hash, code, detail, now_ms])?;
                }
                Rewritten::Refused(was) => {
                    let sql = format!(
                        "UPDATE reply SET text = ?3, full_text = ?4, hash = ?5, parent_hash = ?6, seen = ?7,
                                seal = ?8, approved_by = ?9, approved_ms = ?10, code = ?11, detail = ?12,
                                updated_ms = ?13
                         WHERE {still}"
                    );
                    let outbox = &was.outbox;
                    let rows = db.execute(
                        &sql,
                        params![
                            id,
                            hash,
                            was.text,
                            outbox.full_text,
                            outbox.hash,
                            outbox.parent_hash,
                            outbox.seen,
                            outbox.seal,
                            outbox.approved_by,
                            outbox.approved_ms,
                            outbox.code,
                            outbox.detail,
                            now_ms
                        ],
                    )?;
                    if rows == 1 {
                        note(db, id, who, "not edited", "", now_ms)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Cancels what is approved or drafted for a subreddit. Returns their number.
    pub fn cancel_subreddit(
        &self,
        subreddit: &str,
        code: &str,
        detail: &str,
        now_ms: i64,
    ) -> Result<usize> {
        self.write(Family::Queue, |db| {
            let mut query = db.prepare_cached(
                "SELECT q.id FROM reply q JOIN candidate d ON d.id = q.candidate_id
                      JOIN thread_comment c ON c.id = d.comment_id JOIN thread t ON t.id = c.thread_id
                 WHERE q.state IN ('draft', 'approved') AND t.name IS NOT NULL
                   AND t.subreddit = ?1 COLLATE NOCASE ORDER BY q.id",
            )?;
            let ids: Vec<i64> = query
                .query_map([subreddit], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in &ids {
                let to = Became::new(ReplyState::Cancelled, code, detail);
                become_(db, *id, &to, "repartee", "cancelled", now_ms)?;
            }
            Ok(ids.len())
        })
    }

    /// An account's comments that are or may be on Reddit, since `since_ms`: what caps count.
    pub fn spent(&self, account: &str, since_ms: i64) -> Result<Vec<Spent>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT q.id, q.subreddit, coalesce(q.post_name, ''), c.author,
                        coalesce(q.intent_ms, q.posted_ms), q.parent_name
                 FROM reply q JOIN candidate d ON d.id = q.candidate_id
                      JOIN thread_comment c ON c.id = d.comment_id
                 WHERE q.account = ?1 AND q.parent_name IS NOT NULL AND q.state IN {OUT}
                   AND coalesce(q.intent_ms, q.posted_ms) >= ?2
                 ORDER BY 5"
            ))?;
            let rows = query.query_map(params![account, since_ms], |row| {
                Ok(Spent {
                    reply_id: row.get(0)?,
                    subreddit: row.get(1)?,
                    post_name: row.get(2)?,
                    author: row.get(3)?,
                    at_ms: row.get(4)?,
                    parent: row.get(5)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Our latest texts that are or may be on Reddit, without their footers, the newest first, except that of one
    /// reply.
    pub fn own_texts(&self, but: i64, limit: usize) -> Result<Vec<String>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT text FROM reply WHERE state IN {OUT} AND id <> ?1 AND text <> ''
                 ORDER BY coalesce(intent_ms, posted_ms, updated_ms) DESC LIMIT ?2"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.query_map(params![but, limit], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Reddit's names of everything that an account posted through this project.
    pub fn posted_names(&self, account: &str) -> Result<Vec<String>> {
        self.read(|db| {
            let sql =
                "SELECT posted_name FROM reply WHERE account = ?1 AND posted_name IS NOT NULL";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map([account], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The latest time in the outbox and the fetched threads, milliseconds since 1970; 0: none.
    pub fn outbox_latest_ms(&self) -> Result<i64> {
        self.read(|db| {
            let sql =
                "SELECT max(coalesce((SELECT max(coalesce(ended_ms, started_ms)) FROM attempt), 0),
                                  coalesce((SELECT max(at_ms) FROM probe), 0),
                            coalesce((SELECT max(fetched_ms) FROM thread WHERE expires_ms IS NOT NULL), 0))";
            Ok(db.query_row(sql, [], |row| row.get(0))?)
        })
    }

    /// The holder of an account's lease, with its last heartbeat (milliseconds since 1970).
    pub fn lease(&self, account: &str) -> Result<Option<(String, i64)>> {
        self.read(|db| {
            let sql = "SELECT owner, beat_ms FROM lease WHERE account = ?1";
            Ok(db
                .prepare_cached(sql)?
                .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// Takes the lease of an account from `old` (`None`: from nobody). Returns false, and changes nothing, if it is no
    /// longer `old`'s.
    pub fn lease_claim(
        &self,
        account: &str,
        old: Option<&str>,
        new: &str,
        now_ms: i64,
    ) -> Result<bool> {
        self.write(Family::Throttle, |db| {
            let rows = match old {
                None => db.execute(
                    "INSERT INTO lease (account, owner, beat_ms) VALUES (?1, ?2, ?3)
                     ON CONFLICT (account) DO NOTHING",
                    params![account, new, now_ms],
                )?,
                Some(old) => db.execute(
                    "UPDATE lease SET owner = ?3, beat_ms = ?4 WHERE account = ?1 AND owner = ?2",
                    params![account, old, new, now_ms],
                )?,
            };
            Ok(rows == 1)
        })
    }

    /// A heartbeat of the lease's holder; false: it no longer holds it.
    pub fn lease_beat(&self, account: &str, owner: &str, now_ms: i64) -> Result<bool> {
        self.write(Family::Throttle, |db| {
            let sql = "UPDATE lease SET beat_ms = ?3 WHERE account = ?1 AND owner = ?2";
            Ok(db.execute(sql, params![account, owner, now_ms])? == 1)
        })
    }

    /// Releases the lease, if `owner` holds it.
    pub fn lease_drop(&self, account: &str, owner: &str) -> Result<()> {
        self.write(Family::Throttle, |db| {
            let sql = "DELETE FROM lease WHERE account = ?1 AND owner = ?2";
            db.execute(sql, params![account, owner])?;
            touch(db, Family::Queue)
        })
    }
}
