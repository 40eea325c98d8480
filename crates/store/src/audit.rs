//! The audit log: who did what, when, and for an approval the hash of the exact text. Entries are added within the
//! transaction that they describe, and never changed; they contain no Reddit content.

use rusqlite::{Connection, params};

use crate::items::has_text;
use crate::watch::{Family, touch};
use crate::{Error, Result, Store};

/// An action of the user or the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// The user, or `repartee` by itself.
    pub who: String,
    /// approved, sending, posted, allowed, purged, ...
    pub what: String,
    /// What it concerns: `u/...`, `r/...`, `t1_...`; may be empty.
    pub subject: String,
    pub reply_id: Option<i64>,
    /// blake3 of the text that was approved or sent; empty if there is none.
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

    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Sets the reply and the hash of its text.
    #[must_use]
    pub fn reply(mut self, id: i64, hash: &str) -> Self {
        self.reply_id = Some(id);
        self.hash = hash.to_owned();
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Refuses a decision of nobody: nothing counts as approved, allowed or recorded without a name.
///
/// # Errors
/// [`Error::Refused`].
pub fn somebody(who: &str) -> Result<()> {
    match has_text(who) {
        true => Ok(()),
        false => Err(Error::Refused {
            what: "the change".to_owned(),
            done: "stored",
            why: "it does not say who makes it; give a name".to_owned(),
        }),
    }
}

pub(crate) fn note(db: &Connection, entry: &Entry) -> Result<()> {
    somebody(&entry.who)?;
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
    /// Adds an entry in a transaction of its own.
    pub fn audit_add(&self, entry: &Entry) -> Result<()> {
        self.write(Family::Reddit, |db| note(db, entry))
    }

    /// The latest entries, the newest first, at most `limit`; those of one reply if given.
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
