//! The outbox: from a reply that a person approved to a comment that stands on Reddit, at most once.
//!
//! Reddit's comment endpoint takes no key that makes a repetition harmless. So the intent to send is
//! committed before the socket is opened, a row that was found in the middle is looked for and never sent
//! again by itself, and an index allows one reply of an account to a comment, ever. Every step is one
//! transaction; whoever is killed between two of them leaves a state from which the next one can go on.

use rusqlite::{OptionalExtension, params};

use crate::audit::{self, Entry};
use crate::error::is_unique;
use crate::queue::{REPLY, Reply, ReplyState, note, now, reply_row};
use crate::watch::{Family, touch};
use crate::{Error, Result, Store};

/// What a person approves: this very text, to be posted under this very comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The account that posts it; empty: there is none yet.
    pub account: String,
    /// Name of the subreddit, without `r/`.
    pub subreddit: String,
    /// Reddit's name of the post.
    pub post_name: String,
    /// Reddit's name of what it answers.
    pub parent_name: String,
    /// The text as it will be sent, with its footer.
    pub full_text: String,
    /// blake3 of it.
    pub hash: String,
    /// blake3 of what it answers.
    pub parent_hash: String,
}

/// How a try to post ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The reply.
    pub reply_id: i64,
    /// Number of the try, as [`Store::intend`] gave it.
    pub attempt: u32,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// The class, 1 to 5.
    pub class: u8,
    /// The beginning of the answer.
    pub excerpt: String,
    /// What becomes of the reply.
    pub to: Became,
}

/// What becomes of a reply after a try or a look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Became {
    /// Where it stands now.
    pub state: Option<ReplyState>,
    /// Reddit's name of it, when it is posted.
    pub posted_name: Option<String>,
    /// Its address, when it is posted.
    pub link: String,
    /// What happened: Reddit's code or ours.
    pub code: String,
    /// The same in words.
    pub detail: String,
    /// The next try not before this.
    pub not_before_ms: i64,
}

impl Became {
    /// Stands in a state, for a reason.
    pub fn new(state: ReplyState, code: &str, detail: impl Into<String>) -> Self {
        Self {
            state: Some(state),
            code: code.to_owned(),
            detail: detail.into(),
            ..Self::default()
        }
    }
}

/// A try to post, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// Its number among those of the reply, from 1.
    pub number: u32,
    /// When it began, milliseconds since 1970.
    pub started_ms: i64,
    /// When it ended; `None`: nobody came back to tell.
    pub ended_ms: Option<i64>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The class, 1 to 5.
    pub class: Option<u8>,
    /// The beginning of the answer.
    pub excerpt: String,
}

/// A look for an uncertain reply that came back with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Where: `own` comments, or what answers the `parent`.
    pub route: String,
    /// Names of ours that were there, separated by blanks; empty: none.
    pub found: String,
}

/// A comment that was or may have been posted, as caps count it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The reply.
    pub reply_id: i64,
    /// Name of the subreddit.
    pub subreddit: String,
    /// Reddit's name of the post.
    pub post_name: String,
    /// Who wrote what it answers; `None`: forgotten.
    pub author: Option<String>,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
}

/// The states in which a comment of ours stands on Reddit, or may.
const OUT: &str = "('sending', 'uncertain', 'absent', 'posted', 'withdrawn')";

fn refused(id: i64, from: ReplyState, wanted: &'static str) -> Error {
    Error::Transition {
        id,
        state: from.as_str(),
        wanted,
    }
}

/// Moves a reply within a transaction, and notes the event.
fn become_(
    db: &rusqlite::Connection,
    id: i64,
    to: &Became,
    who: &str,
    what: &str,
    now_ms: i64,
) -> Result<()> {
    let posted = to.state == Some(ReplyState::Posted);
    db.prepare_cached(
        "UPDATE reply SET state = coalesce(?2, state), code = ?3, detail = ?4, not_before_ms = ?5,
                posted_name = coalesce(?6, posted_name), link = CASE ?7 WHEN '' THEN link ELSE ?7 END,
                posted_ms = CASE WHEN ?8 THEN coalesce(posted_ms, ?9) ELSE posted_ms END, updated_ms = ?9
         WHERE id = ?1",
    )?
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
    note(db, id, who, what, detail, now_ms)
}

impl Store {
    /// Approves a draft, or an approved reply anew, as the person `who`. With `approval` it goes to the
    /// outbox; without, it answers a comment that Reddit gave no name, and can be posted by hand only.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`]; [`Error::Refused`] when another reply of the account answers
    /// the same comment.
    pub fn reply_approve(
        &self,
        id: i64,
        approval: Option<&Approval>,
        who: &str,
        now_ms: i64,
    ) -> Result<()> {
        self.write(Family::Queue, |db| {
            let (from, text) = now(db, id)?;
            if !matches!(from, ReplyState::Draft | ReplyState::Approved) {
                return Err(refused(id, from, "approved"));
            }
            let hash = match approval {
                None => blake3::hash(text.as_bytes()).to_hex().to_string(),
                Some(approval) => approval.hash.clone(),
            };
            let known: (String, String) = db
                .prepare_cached("SELECT hash, account FROM reply WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let account = approval.map_or("", |a| a.account.as_str());
            if from == ReplyState::Approved && known.0 == hash && known.1 == account {
                return Ok(());
            }
            let done = db.execute(
                "UPDATE reply SET state = 'approved', hash = ?2, account = ?3, subreddit = ?4,
                        post_name = ?5, parent_name = ?6, full_text = ?7, parent_hash = ?8,
                        approved_by = ?9, approved_ms = ?10, updated_ms = ?10, code = '', detail = '',
                        not_before_ms = 0
                 WHERE id = ?1",
                params![
                    id,
                    hash,
                    account,
                    approval.map_or("", |a| a.subreddit.as_str()),
                    approval.map(|a| a.post_name.as_str()),
                    approval.map(|a| a.parent_name.as_str()),
                    approval.map_or("", |a| a.full_text.as_str()),
                    approval.map_or("", |a| a.parent_hash.as_str()),
                    who,
                    now_ms
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
            let entry = Entry::new(who, "approved", now_ms).reply(id, &hash);
            let parent = approval.map_or("", |a| a.parent_name.as_str());
            audit::note(db, &entry.about(parent))
        })
    }

    /// Replies in the outbox of an account in these states, those that were approved first in front.
    ///
    /// # Errors
    /// When the file cannot be read.
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

    /// Notes the intent to send an approved reply, and gives the number of the try. It is on the disk when
    /// this returns; only then may the socket be opened.
    ///
    /// # Errors
    /// [`Error::Transition`] when it is no longer approved; [`Error::Refused`] when `owner` has not the lease
    /// of the account, when another reply of it is on its way or uncertain, or when the text is not the one
    /// that was approved.
    pub fn intend(
        &self,
        id: i64,
        hash: &str,
        owner: &str,
        skew_ms: i64,
        now_ms: i64,
    ) -> Result<u32> {
        self.write_durably(Family::Queue, |db| {
            let (from, _) = now(db, id)?;
            if from != ReplyState::Approved {
                return Err(refused(id, from, "sent"));
            }
            let not = |why: &str| Error::Refused {
                what: format!("reply {id}"),
                done: "sent",
                why: why.to_owned(),
            };
            let (account, parent, full_text, approved): (String, Option<String>, String, String) = db
                .query_row(
                    "SELECT account, parent_name, full_text, hash FROM reply WHERE id = ?1",
                    [id],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )?;
            if approved != hash || blake3::hash(full_text.as_bytes()).to_hex().as_str() != hash {
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
                [&account],
                |row| row.get(0),
            )?;
            if open > 0 {
                return Err(not("another reply of the account is on its way or uncertain"));
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
            audit::note(db, &entry.about(parent.unwrap_or_default()))?;
            Ok(attempt)
        })
    }

    /// Notes how a try ended, and what becomes of the reply. False when somebody settled the reply
    /// meanwhile: then only the try is ended.
    ///
    /// # Errors
    /// [`Error::Missing`], or when the file cannot be written.
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
            // back among those that wait is no approval
            let what = if what == "approved" { "not sent" } else { what };
            become_(db, ended.reply_id, &ended.to, "repartee", what, ended.at_ms)?;
            let entry = Entry::new("repartee", what, ended.at_ms).reply(ended.reply_id, &hash);
            let about = ended.to.posted_name.clone().or(parent).unwrap_or_default();
            audit::note(db, &entry.about(about).detail(&ended.to.code))?;
            Ok(true)
        })
    }

    /// At the start of a sender: what an earlier one left in `sending` is uncertain. Gives how many.
    ///
    /// # Errors
    /// When the file cannot be written.
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
                    "the program ended while it was being sent",
                );
                become_(db, *id, &to, "repartee", "uncertain", now_ms)?;
            }
            Ok(ids.len())
        })
    }

    /// Notes a look for an uncertain reply that came back with an answer.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn probe_add(&self, reply_id: i64, attempt: u32, probe: &Probe) -> Result<()> {
        self.write(Family::Queue, |db| {
            db.execute(
                "INSERT INTO probe (reply_id, number, at_ms, route, found) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![reply_id, attempt, probe.at_ms, probe.route, probe.found],
            )?;
            Ok(())
        })
    }

    /// The looks for a try, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
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

    /// The tries to post a reply, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
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

    /// Moves a reply from one of the states `from`, as the person or program `who`, and notes it as `what`
    /// in its story and in the audit log. With `attempt` it moves only while that try is its last.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`] when it is in none of those states.
    pub fn reply_becomes(
        &self,
        id: i64,
        from: &[ReplyState],
        attempt: Option<u32>,
        to: &Became,
        (who, what): (&str, &'static str),
        now_ms: i64,
    ) -> Result<()> {
        self.write(Family::Queue, |db| {
            let (state, _) = now(db, id)?;
            let (last, hash, parent): (u32, String, Option<String>) = db.query_row(
                "SELECT attempt, hash, coalesce(posted_name, parent_name) FROM reply WHERE id = ?1",
                [id],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?;
            if !from.contains(&state) || attempt.is_some_and(|attempt| attempt != last) {
                return Err(refused(id, state, what));
            }
            become_(db, id, to, who, what, now_ms)?;
            let about = to.posted_name.clone().or(parent).unwrap_or_default();
            let entry = Entry::new(who, what, now_ms).reply(id, &hash).about(about);
            audit::note(db, &entry.detail(&to.code))
        })
    }

    /// Says why an approved reply does not go out yet; it stays approved.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Changes the text of a posted reply, which a person approved by changing it.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`] when it is not posted.
    pub fn reply_rewritten(
        &self,
        id: i64,
        text: &str,
        full_text: &str,
        who: &str,
        now_ms: i64,
    ) -> Result<()> {
        self.write(Family::Queue, |db| {
            let (state, before) = now(db, id)?;
            if state != ReplyState::Posted {
                return Err(refused(id, state, "edited"));
            }
            let hash = blake3::hash(full_text.as_bytes()).to_hex().to_string();
            db.execute(
                "UPDATE reply SET text = ?2, full_text = ?3, hash = ?4, updated_ms = ?5 WHERE id = ?1",
                params![id, text, full_text, hash, now_ms],
            )?;
            note(db, id, who, "edited", &before, now_ms)?;
            audit::note(db, &Entry::new(who, "edited", now_ms).reply(id, &hash))
        })
    }

    /// Cancels what is approved or drafted for a subreddit. Gives how many.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// Comments of an account that stand on Reddit or may, those since `since_ms`: what caps count.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn spent(&self, account: &str, since_ms: i64) -> Result<Vec<Spent>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!(
                "SELECT q.id, q.subreddit, coalesce(q.post_name, ''), c.author,
                        coalesce(q.intent_ms, q.posted_ms)
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
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The last texts of ours that stand on Reddit or may, without their footers, the newest first, but for
    /// that of one reply.
    ///
    /// # Errors
    /// When the file cannot be read.
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
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn posted_names(&self, account: &str) -> Result<Vec<String>> {
        self.read(|db| {
            let sql =
                "SELECT posted_name FROM reply WHERE account = ?1 AND posted_name IS NOT NULL";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map([account], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The last moment that the outbox and the fetched threads know of, milliseconds since 1970; 0: none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn outbox_latest_ms(&self) -> Result<i64> {
        self.read(|db| {
            let sql =
                "SELECT max(coalesce((SELECT max(coalesce(ended_ms, started_ms)) FROM attempt), 0),
                                  coalesce((SELECT max(at_ms) FROM probe), 0),
                            coalesce((SELECT max(fetched_ms) FROM thread WHERE expires_ms IS NOT NULL), 0))";
            Ok(db.query_row(sql, [], |row| row.get(0))?)
        })
    }

    /// Who has the lease of an account, with the last sign of life (milliseconds since 1970).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn lease(&self, account: &str) -> Result<Option<(String, i64)>> {
        self.read(|db| {
            let sql = "SELECT owner, beat_ms FROM lease WHERE account = ?1";
            Ok(db
                .prepare_cached(sql)?
                .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?)
        })
    }

    /// Takes the lease of an account from `old` (`None`: from nobody). False, and nothing changes, when it
    /// is not `old`'s any more.
    ///
    /// # Errors
    /// When the file cannot be written.
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

    /// A sign of life of the one who has the lease; false: it has it no longer.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn lease_beat(&self, account: &str, owner: &str, now_ms: i64) -> Result<bool> {
        self.write(Family::Throttle, |db| {
            let sql = "UPDATE lease SET beat_ms = ?3 WHERE account = ?1 AND owner = ?2";
            Ok(db.execute(sql, params![account, owner, now_ms])? == 1)
        })
    }

    /// Gives the lease back, if `owner` has it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn lease_drop(&self, account: &str, owner: &str) -> Result<()> {
        self.write(Family::Throttle, |db| {
            let sql = "DELETE FROM lease WHERE account = ?1 AND owner = ?2";
            db.execute(sql, params![account, owner])?;
            touch(db, Family::Queue)
        })
    }
}
