//! Seals of valid decisions, and those that a write withdrew.
//!
//! A seal shows that a decision was made on a machine, but not that it was not withdrawn since. So every write that
//! ends a decision (an edit, a rejection, another approval, a disabled permission, a purge) leaves the old seal here,
//! for the machine's ledger to revoke: an old row that is put back into the file no longer counts. It is stored in the
//! project with the write itself, until the ledger has it: a process may end before, and the ledger's disk may be full.

use std::collections::HashSet;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};

use crate::watch::Family;
use crate::{Result, Store};

/// The setting with the seals that were withdrawn and are not revoked yet.
const PENDING: &str = "seals to revoke";
/// No machine has this many at once: a file that says so is not believed.
const MAX_PENDING: usize = 10_000;
/// Maximum length of a seal in bytes.
const MAX_LENGTH: usize = 200;

/// A sealed record with a note.
#[derive(Debug, Clone, Copy)]
pub enum Sealed<'a> {
    Account(&'a str),
    Subreddit(&'a str),
    /// A record of the study, by its id.
    Study(i64),
}

/// Withdrawn seals that the ledger does not have yet; what is no list of seals is none.
fn pending(db: &Connection) -> Result<Vec<String>> {
    let stored: Option<String> = db
        .prepare_cached("SELECT value FROM setting WHERE key = ?1")?
        .query_row([PENDING], |row| row.get(0))
        .optional()?;
    let all: Vec<String> = stored
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default();
    let is_seal = |seal: &String| !seal.is_empty() && seal.len() <= MAX_LENGTH;
    Ok(all.into_iter().filter(is_seal).take(MAX_PENDING).collect())
}

fn set_pending(db: &Connection, seals: &[String]) -> Result<()> {
    if seals.is_empty() {
        db.prepare_cached("DELETE FROM setting WHERE key = ?1")?
            .execute([PENDING])?;
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO setting (key, value) VALUES (?1, ?2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?
    .execute(params![PENDING, serde_json::Value::from(seals).to_string()])?;
    Ok(())
}

/// Stores withdrawn seals in the transaction of the write that withdrew them.
pub(crate) fn remember(db: &Connection, gone: Vec<String>) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut all = pending(db)?;
    all.extend(gone);
    set_pending(db, &all)
}

/// Decisions that are valid now. A reply that is sent keeps its seal: nothing was withdrawn.
const COUNT: &str = "SELECT seal FROM reply WHERE state = 'approved' AND seal <> ''
     UNION ALL SELECT seal FROM account WHERE seal <> ''
     UNION ALL SELECT label_seal FROM account WHERE label_seal <> ''
     UNION ALL SELECT seal FROM subreddit WHERE seal <> ''
     UNION ALL SELECT trim(value, char(34)) FROM setting WHERE key = 'reddit.seal'
     UNION ALL SELECT seal FROM study_record s WHERE seal <> ''
         AND id = (SELECT max(id) FROM study_record WHERE kind = s.kind)";
/// Decisions that still exist afterwards.
const STAY: &str = "SELECT count(*) FROM reply WHERE seal = ?1 AND state NOT IN ('draft', 'rejected', 'cancelled')";

fn all(db: &Connection) -> Result<HashSet<String>> {
    let mut query = db.prepare_cached(COUNT)?;
    // anything but text is no seal of ours
    let rows = query.query_map([], |row| {
        Ok(row
            .get_ref(0)?
            .as_str()
            .map(str::to_owned)
            .unwrap_or_default())
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The valid seals before a write; `None` for a family whose writes withdraw no decision.
pub(crate) fn that_count(db: &Connection, family: Family) -> Result<Option<HashSet<String>>> {
    use Family as F;
    match family {
        F::Threads | F::Queue | F::Outcomes | F::Reddit | F::Settings => all(db).map(Some),
        F::Sources
        | F::Pairs
        | F::Splits
        | F::Bases
        | F::Runs
        | F::Fakes
        | F::Evaluations
        | F::Throttle
        | F::Jobs => Ok(None),
    }
}

/// Those that are no longer valid.
pub(crate) fn gone(db: &Connection, before: Option<HashSet<String>>) -> Result<Vec<String>> {
    let Some(before) = before.filter(|before| !before.is_empty()) else {
        return Ok(Vec::new());
    };
    let now = all(db)?;
    let mut gone = Vec::new();
    for seal in before.difference(&now) {
        let stays: i64 = db
            .prepare_cached(STAY)?
            .query_row([seal], |row| row.get(0))?;
        if stays == 0 {
            gone.push(seal.clone());
        }
    }
    Ok(gone)
}

impl Store {
    /// The seals of withdrawn decisions that are not revoked yet.
    pub fn seals_taken_back(&self) -> Result<Vec<String>> {
        self.read(pending)
    }

    /// Seals a record again after a purge took a quote out of its note: the decision is the same.
    pub fn seal_again(&self, record: Sealed<'_>, old: &str, new: &str) -> Result<()> {
        self.write(Family::Reddit, |db| {
            // a record of the study is never changed otherwise
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
            let sealed = match record {
                Sealed::Account(name) => db.execute(
                    "UPDATE account SET seal = ?3 WHERE name = ?1 AND seal = ?2",
                    params![name, old, new],
                ),
                Sealed::Subreddit(name) => db.execute(
                    "UPDATE subreddit SET seal = ?3 WHERE name = ?1 AND seal = ?2",
                    params![name, old, new],
                ),
                Sealed::Study(id) => db.execute(
                    "UPDATE study_record SET seal = ?3 WHERE id = ?1 AND seal = ?2",
                    params![id, old, new],
                ),
            };
            db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
            sealed?;
            Ok(())
        })?;
        // it was replaced, not withdrawn; another copy of the project has the record with the old one
        self.seals_revoked(&[old.to_owned()])
    }

    /// Removes seals from those that are still to be revoked: the ledger has them, or they were only replaced by others.
    pub fn seals_revoked(&self, seals: &[String]) -> Result<()> {
        let all = self.seals_taken_back()?;
        if !all.iter().any(|seal| seals.contains(seal)) {
            return Ok(());
        }
        self.write(Family::Throttle, |db| {
            let mut left = pending(db)?;
            left.retain(|seal| !seals.contains(seal));
            set_pending(db, &left)
        })
    }
}
