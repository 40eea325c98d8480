//! The queue: replies for review. Every change leaves an event: who did what, when.
//!
//! ```text
//! draft ──approve──> approved ──> sending ──> posted ──withdraw──> withdrawn
//!   │ └──reject──────┴─> rejected    │  ^        ^
//!   ^──edit (draft, approved)  │     v  │        │ found
//!   └────────redraft───────────┘  uncertain ─────┤
//!                                     │ not there │
//!                                     └──> absent ─┴─ send again ──> approved, give up ──> cancelled
//! ```
//! Editing an approved reply returns it to draft: the approval is for the text. A reply that is posted manually goes
//! from approved to posted at once. A reply is canceled if what it answers is gone, locked or opted out. Posting is in
//! [`crate::outbox`].

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::audit::{self, Entry};
use crate::readable::{of_row, readable};
use crate::threads::Scores;
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

pub use repartee_terms::ReplyState;

/// A reply in the queue, with what it answers and why it was selected.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub id: i64,
    /// The candidate it was made from.
    pub candidate_id: i64,
    pub text: String,
    /// As generated.
    pub written: String,
    pub state: ReplyState,
    /// Where it was posted; empty: it was not, or the link is unknown.
    pub link: String,
    /// Milliseconds since 1970.
    pub updated_ms: i64,
    /// The comment it answers.
    pub comment: String,
    pub thread_id: i64,
    /// Empty: unknown.
    pub subreddit: String,
    /// Title of the post; empty: there is none.
    pub title: String,
    /// The classifiers' scores of the generated text.
    pub scores: Scores,
    /// Why the criteria selected it or not.
    pub reason: String,
    /// Whether the criteria selected it; otherwise the user queued it.
    pub picked: bool,
    pub queued_by: String,
    /// Row of the comment it answers.
    pub comment_id: i64,
    /// Author of that comment; `None`: unknown, or purged.
    pub author: Option<String>,
    /// URL of that comment from the first slash; empty: not on Reddit.
    pub permalink: String,
    pub generation_id: i64,
    /// Reddit's name of what it answers; `None`: it has none.
    pub parent_name: Option<String>,
    /// Reddit's name of the post.
    pub post_name: Option<String>,
    /// Approval and posting state.
    pub outbox: Outbox,
}

/// The posting state of a reply; empty until it is approved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbox {
    /// Empty: none yet.
    pub account: String,
    /// The text as it is sent, with its footer.
    pub full_text: String,
    /// blake3 of it.
    pub hash: String,
    /// blake3 of what it answers, as the user saw it.
    pub parent_hash: String,
    /// The hash over everything that the user saw.
    pub seen: String,
    /// The machine where it was approved, and its seal.
    pub seal: String,
    pub approved_by: String,
    /// Milliseconds since 1970.
    pub approved_ms: Option<i64>,
    pub attempt: u32,
    /// Start of the last attempt.
    pub intent_ms: Option<i64>,
    /// Reddit's clock minus ours at that time, in milliseconds.
    pub skew_ms: i64,
    /// Earliest next attempt.
    pub not_before_ms: i64,
    pub posted_name: Option<String>,
    pub posted_ms: Option<i64>,
    /// What blocks or blocked it: Reddit's code or ours.
    pub code: String,
    /// Its message.
    pub detail: String,
}

/// An entry of a reply's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyEvent {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub who: String,
    /// drafted, edited, approved, rejected, sending, posted, ...
    pub what: String,
    /// The text before an edit, or the user's reason.
    pub detail: String,
}

pub(crate) const REPLY: &str = "SELECT q.id, q.candidate_id, q.text, d.text, q.state, q.updated_ms, c.body,
    t.id, CASE t.subreddit WHEN '' THEN q.subreddit ELSE t.subreddit END, t.title, d.p_real, d.b0, d.b1,
    d.b2, d.b3, d.reason, q.link, c.id, c.author, c.permalink, d.generation_id,
    coalesce(q.parent_name, c.name), coalesce(q.post_name, t.name), q.account, q.full_text, q.hash,
    q.parent_hash, q.approved_by, q.approved_ms, q.attempt, q.intent_ms, q.skew_ms, q.not_before_ms,
    q.posted_name, q.posted_ms, q.code, q.detail, q.seen, q.seal, d.picked,
    coalesce((SELECT e.who FROM reply_event e WHERE e.reply_id = q.id ORDER BY e.id LIMIT 1), '')
    FROM reply q JOIN candidate d ON d.id = q.candidate_id
         JOIN thread_comment c ON c.id = d.comment_id JOIN thread t ON t.id = c.thread_id";

pub(crate) fn reply_row(row: &Row<'_>) -> rusqlite::Result<Reply> {
    let bins: [Option<f64>; 4] = [row.get(11)?, row.get(12)?, row.get(13)?, row.get(14)?];
    Ok(Reply {
        id: row.get(0)?,
        candidate_id: row.get(1)?,
        text: row.get(2)?,
        written: row.get(3)?,
        state: word(row, 4, "reply.state")?,
        updated_ms: row.get(5)?,
        comment: row.get(6)?,
        thread_id: row.get(7)?,
        subreddit: row.get(8)?,
        title: row.get(9)?,
        scores: Scores {
            p_real: row.get(10)?,
            bins: match bins {
                [Some(a), Some(b), Some(c), Some(d)] => Some([a, b, c, d]),
                _ => None,
            },
        },
        reason: row.get(15)?,
        picked: row.get(39)?,
        queued_by: row.get(40)?,
        link: row.get(16)?,
        comment_id: row.get(17)?,
        author: row.get(18)?,
        permalink: row.get(19)?,
        generation_id: row.get(20)?,
        parent_name: row.get(21)?,
        post_name: row.get(22)?,
        outbox: Outbox {
            account: row.get(23)?,
            full_text: row.get(24)?,
            hash: row.get(25)?,
            parent_hash: row.get(26)?,
            approved_by: row.get(27)?,
            approved_ms: row.get(28)?,
            attempt: row.get(29)?,
            intent_ms: row.get(30)?,
            skew_ms: row.get(31)?,
            not_before_ms: row.get(32)?,
            posted_name: row.get(33)?,
            posted_ms: row.get(34)?,
            code: row.get(35)?,
            detail: row.get(36)?,
            seen: row.get(37)?,
            seal: row.get(38)?,
        },
    })
}

/// The account of a reply that is no longer approved: the one that tried to post it, by which the machine's ledger
/// knows it; none if there was no attempt.
pub(crate) const ACCOUNT_IF_TRIED: &str =
    "account = CASE WHEN attempt > 0 THEN account ELSE '' END";

/// Ends an approval: clears the text to be sent, its hashes and who approved it.
pub(crate) const UNAPPROVED: &str =
    "full_text = '', hash = '', parent_hash = '', seen = '', seal = '',
    approved_by = '', approved_ms = NULL";

/// A whole reply, within a transaction.
pub(crate) fn one(db: &Connection, id: i64) -> Result<Reply> {
    db.prepare_cached(&format!("{REPLY} WHERE q.id = ?1"))?
        .query_row([id], of_row("reply", reply_row))
        .optional()?
        .ok_or_else(|| Error::Missing {
            what: "reply",
            name: id.to_string(),
            there: Vec::new(),
        })
}

/// The state and text of a reply, within a transaction.
pub(crate) fn now(db: &Connection, id: i64) -> Result<(ReplyState, String)> {
    let found = db
        .prepare_cached("SELECT id, state, text FROM reply WHERE id = ?1")?
        .query_row([id], |row| Ok((word(row, 1, "reply.state")?, row.get(2)?)))
        .optional()?;
    found.ok_or_else(|| Error::Missing {
        what: "reply",
        name: id.to_string(),
        there: Vec::new(),
    })
}

pub(crate) fn note(
    db: &Connection,
    id: i64,
    who: &str,
    what: &str,
    detail: &str,
    now_ms: i64,
) -> Result<()> {
    audit::somebody(who)?;
    db.prepare_cached(
        "INSERT INTO reply_event (reply_id, at_ms, who, what, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![id, now_ms, who, what, detail])?;
    Ok(())
}

impl Store {
    /// Adds candidates to the queue as drafts; existing ones are unchanged. Returns the ids of the replies, in the
    /// candidates' order.
    ///
    /// # Errors
    /// If there is no such candidate, or one has no text (any more); none is queued then.
    pub fn queue_add(&self, candidate_ids: &[i64], who: &str, now_ms: i64) -> Result<Vec<i64>> {
        self.write(Family::Queue, |db| {
            let mut ids = Vec::with_capacity(candidate_ids.len());
            for candidate in candidate_ids {
                let made = db
                    .prepare_cached(
                        "INSERT INTO reply (candidate_id, text, state, updated_ms)
                         SELECT id, text, 'draft', ?2 FROM candidate WHERE id = ?1 AND trim(text) <> ''
                         ON CONFLICT (candidate_id) DO NOTHING",
                    )?
                    .execute(params![candidate, now_ms])?;
                let id: Option<i64> = db
                    .prepare_cached("SELECT id FROM reply WHERE candidate_id = ?1")?
                    .query_row([candidate], |row| row.get(0))
                    .optional()?;
                let Some(id) = id else {
                    let is_there = db
                        .prepare_cached("SELECT 1 FROM candidate WHERE id = ?1")?
                        .exists([candidate])?;
                    return Err(match is_there {
                        true => Error::Refused {
                            what: format!("candidate {candidate}"),
                            done: "queued",
                            why: "it has no text".to_owned(),
                        },
                        false => Error::Missing {
                            what: "candidate",
                            name: candidate.to_string(),
                            there: Vec::new(),
                        },
                    });
                };
                if made == 1 {
                    note(db, id, who, "drafted", "", now_ms)?;
                }
                ids.push(id);
            }
            Ok(ids)
        })
    }

    /// Which of these candidates have the text of another candidate in the queue, as it was generated or is now, for the
    /// same comment: (candidate, reply). Comments without Reddit's names are the same if their text, subreddit and title
    /// are.
    pub fn queued_like(&self, candidate_ids: &[i64]) -> Result<Vec<(i64, i64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT min(q.id) FROM reply q JOIN candidate d ON d.id = q.candidate_id
                   JOIN thread_comment c ON c.id = d.comment_id JOIN thread t ON t.id = c.thread_id,
                   candidate e JOIN thread_comment f ON f.id = e.comment_id JOIN thread u ON u.id = f.thread_id
                 WHERE e.id = ?1 AND d.id <> e.id AND e.text IN (d.text, q.text)
                   AND (c.id = f.id OR c.name IS NULL AND f.name IS NULL AND c.body = f.body
                        AND t.subreddit = u.subreddit AND t.title = u.title)",
            )?;
            let mut found = Vec::new();
            for candidate in candidate_ids {
                let reply: Option<i64> = query.query_row([candidate], |row| row.get(0))?;
                found.extend(reply.map(|reply| (*candidate, reply)));
            }
            Ok(found)
        })
    }

    /// The replies in a state (`None`: in any), in queue order.
    pub fn replies(&self, state: Option<ReplyState>) -> Result<Vec<Reply>> {
        self.read(|db| {
            let sql = format!("{REPLY} WHERE ?1 IS NULL OR q.state = ?1 ORDER BY q.id");
            let mut query = db.prepare_cached(&sql)?;
            readable(query.query_map([state.map(ReplyState::as_str)], reply_row)?)
        })
    }

    /// One reply.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn reply(&self, id: i64) -> Result<Reply> {
        self.read(|db| one(db, id))
    }

    /// The history of a reply, in order.
    pub fn reply_events(&self, id: i64) -> Result<Vec<ReplyEvent>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT at_ms, who, what, detail FROM reply_event WHERE reply_id = ?1 ORDER BY id",
            )?;
            let rows = query.query_map([id], |row| {
                Ok(ReplyEvent {
                    at_ms: row.get(0)?,
                    who: row.get(1)?,
                    what: row.get(2)?,
                    detail: row.get(3)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Edits the text of a draft or an approved reply; it is a draft afterwards. The event keeps the old text.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`] if it is neither.
    pub fn reply_edit(&self, id: i64, text: &str, who: &str, now_ms: i64) -> Result<()> {
        self.write(Family::Queue, |db| {
            let (state, before) = now(db, id)?;
            if !matches!(state, ReplyState::Draft | ReplyState::Approved) {
                return Err(Error::Transition {
                    id,
                    state: state.as_str(),
                    wanted: "edited",
                });
            }
            let sql = format!(
                "UPDATE reply SET text = ?2, state = 'draft', code = '', detail = '', updated_ms = ?3,
                        {ACCOUNT_IF_TRIED}, {UNAPPROVED}
                 WHERE id = ?1"
            );
            db.execute(&sql, params![id, text, now_ms])?;
            note(db, id, who, "edited", &before, now_ms)
        })
    }

    /// Returns a rejected, canceled or approved reply to draft, or rejects a draft or approved one, with an optional
    /// reason. Moving it to its current state changes nothing; no other moves are possible, and a canceled reply whose
    /// text was purged stays canceled. The audit log records it.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Transition`].
    pub fn reply_move(
        &self,
        id: i64,
        to: ReplyState,
        who: &str,
        why: &str,
        now_ms: i64,
    ) -> Result<()> {
        use ReplyState as S;
        self.write(Family::Queue, |db| {
            let (from, text) = now(db, id)?;
            let wanted = match to {
                S::Draft => "drafted",
                to => to.as_str(),
            };
            match (from, to) {
                _ if from == to => return Ok(()),
                (S::Rejected | S::Approved, S::Draft) | (S::Draft | S::Approved, S::Rejected) => {}
                (S::Cancelled, S::Draft) if !text.is_empty() => {}
                _ => {
                    return Err(Error::Transition {
                        id,
                        state: from.as_str(),
                        wanted,
                    });
                }
            }
            // the hash of the approval that this ends, if it was approved
            let (hash, parent): (String, Option<String>) = db
                .prepare_cached("SELECT hash, parent_name FROM reply WHERE id = ?1")?
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let sql = format!(
                "UPDATE reply SET state = ?2, code = '', detail = '', updated_ms = ?3,
                        {ACCOUNT_IF_TRIED}, {UNAPPROVED}
                 WHERE id = ?1"
            );
            db.execute(&sql, params![id, to.as_str(), now_ms])?;
            note(db, id, who, wanted, why, now_ms)?;
            // without the reason, which may quote the comment: the audit log is never purged
            let entry = Entry::new(who, wanted, now_ms).reply(id, &hash);
            audit::note(db, &entry.about(parent.unwrap_or_default()))
        })
    }

    /// Which of a generation's candidates are in the queue: (candidate, reply).
    pub fn queued_of(&self, generation_id: i64) -> Result<Vec<(i64, i64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT d.id, q.id FROM reply q JOIN candidate d ON d.id = q.candidate_id
                 WHERE d.generation_id = ?1 ORDER BY q.id",
            )?;
            let rows = query.query_map([generation_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Number of replies in each state, in the order of [`ReplyState::ALL`].
    pub fn reply_counts(&self) -> Result<[u64; ReplyState::ALL.len()]> {
        self.read(|db| {
            let mut counts = [0; ReplyState::ALL.len()];
            for (count, state) in counts.iter_mut().zip(ReplyState::ALL) {
                let sql = "SELECT count(*) FROM reply WHERE state = ?1";
                let n: i64 = db
                    .prepare_cached(sql)?
                    .query_row([state.as_str()], |row| row.get(0))?;
                *count = n.unsigned_abs();
            }
            Ok(counts)
        })
    }
}
