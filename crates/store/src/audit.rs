//! The audit log: who did what, when, and for an approval the hash of the very text. It is added to within
//! the transaction that it tells of, and never changed; no text of Reddit's stands in it.

use rusqlite::{Connection, params};

use crate::watch::{Family, touch};
use crate::{Result, Store};

/// Something that a person or the program did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who: a person, or `repartee` by itself.
    pub who: String,
    /// What: approved, sending, posted, allowed, purged, ...
    pub what: String,
    /// Whom or what it concerns: `u/...`, `r/...`, `t1_...`; may be empty.
    pub subject: String,
    /// The reply it concerns.
    pub reply_id: Option<i64>,
    /// blake3 of the text that was approved or sent; empty where there is none.
    pub hash: String,
    pub detail: String,
}

impl Entry {
    pub fn new(who: &str, what: &str, at_ms: i64) -> Self {
        Self {
            at_ms,
            who: who.to_owned(),
            what: what.to_owned(),
            ..Self::default()
        }
    }

    /// The same about something.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The same about a reply and the text it has.
    #[must_use]
    pub fn reply(mut self, id: i64, hash: &str) -> Self {
        self.reply_id = Some(id);
        self.hash = hash.to_owned();
        self
    }

    /// The same with more words.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Adds an entry within a transaction.
pub(crate) fn note(db: &Connection, entry: &Entry) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO audit (at_ms, who, what, subject, reply_id, hash, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        entry.at_ms,
        entry.who,
        entry.what,
        entry.subject,
        entry.reply_id,
        entry.hash,
        entry.detail
    ])?;
    touch(db, Family::Reddit)
}

impl Store {
    /// Adds an entry of its own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn audit_add(&self, entry: &Entry) -> Result<()> {
        self.write(Family::Reddit, |db| note(db, entry))
    }

    /// The last entries, the newest first, at most `limit`; those of one reply where it is given.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn audit(&self, reply_id: Option<i64>, limit: usize) -> Result<Vec<Entry>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT at_ms, who, what, subject, reply_id, hash, detail FROM audit
                 WHERE ?1 IS NULL OR reply_id = ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.query_map(params![reply_id, limit], |row| {
                Ok(Entry {
                    at_ms: row.get(0)?,
                    who: row.get(1)?,
                    what: row.get(2)?,
                    subject: row.get(3)?,
                    reply_id: row.get(4)?,
                    hash: row.get(5)?,
                    detail: row.get(6)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
