//! Seals of valid decisions, and those that a write withdrew.
//!
//! A seal shows that a decision was made on a machine, but not that it was not withdrawn since. So every write that
//! ends a decision (an edit, a rejection, another approval, a disabled permission, a purge) leaves the old seal here,
//! for the machine's ledger to revoke: an old row that is put back into the file no longer counts.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::watch::Family;
use crate::{Result, Store};

/// Seals that were withdrawn and are not revoked yet.
#[derive(Default)]
pub(crate) struct TakenBack(Mutex<Vec<String>>);

impl TakenBack {
    /// A seal that was only replaced by another: the decision still holds.
    pub fn keep(&self, seal: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one != seal);
    }

    pub fn add(&self, seals: Vec<String>) {
        if !seals.is_empty() {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(seals);
        }
    }
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
    /// The seals of decisions withdrawn since the last call.
    pub fn seals_taken_back(&self) -> Vec<String> {
        let mut all = self
            .taken_back
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut all)
    }

    /// Returns seals that could not be revoked now.
    pub fn seals_to_revoke_later(&self, seals: Vec<String>) {
        self.taken_back.add(seals);
    }
}
