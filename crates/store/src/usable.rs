//! Which runs have a usable checkpoint, with all its weights; and removing the checkpoints of a run that nobody wants.

use std::collections::BTreeMap;

use rusqlite::params;

use crate::blobs::{self, Hash};
use crate::watch::Family;
use crate::{Result, Store};

/// A checkpoint `k` that can be loaded: best or last, with every byte of its weights. The length of a chunk is read
/// from its row's header, not by reading the chunk.
const USABLE: &str = "k.role IN ('best', 'last')
    AND EXISTS (SELECT 1 FROM bundle_part p WHERE p.bundle_id = k.bundle_id AND p.dtype IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM bundle_part p LEFT JOIN blob b ON b.hash = p.hash
                    WHERE p.bundle_id = k.bundle_id
                      AND b.bytes IS NOT (SELECT coalesce(sum(length(c.data)), 0) FROM chunk c WHERE c.hash = p.hash))";

/// The result of discarding a run's checkpoints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Discarded {
    pub removed: u64,
    /// Checkpoints kept because something was made or evaluated with them.
    pub kept: u64,
}

impl Store {
    /// The runs with a usable checkpoint, by row id, with the optimizer steps of the default checkpoint: the best, else
    /// the last.
    pub fn usable_runs(&self) -> Result<BTreeMap<i64, u64>> {
        self.read(|db| {
            // of a run's two the later counts, which is 'best'
            let sql = format!(
                "SELECT k.run_id, k.step FROM checkpoint k WHERE {USABLE} ORDER BY k.role DESC"
            );
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map([], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Removes the checkpoints of a run and their optimizer. One that something was made or evaluated with is kept,
    /// unavailable to commands, so that its origin is still known.
    pub fn run_discard(&self, run_id: i64) -> Result<Discarded> {
        let (done, gone) = self.write(Family::Runs, |db| {
            let sql = "SELECT k.id, k.bundle_id, k.optimizer_id,
                           EXISTS (SELECT 1 FROM fake_set WHERE checkpoint_id = k.id)
                        OR EXISTS (SELECT 1 FROM evaluation WHERE checkpoint_id = k.id)
                        OR EXISTS (SELECT 1 FROM generation WHERE k.id IN (generator, realism, upvotes))
                       FROM checkpoint k WHERE k.run_id = ?1";
            let mut query = db.prepare_cached(sql)?;
            let rows = query.query_map([run_id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            let rows: Vec<(i64, i64, Option<i64>, bool)> = rows.collect::<Result<_, _>>()?;
            let mut done = Discarded::default();
            let mut gone: Vec<Hash> = Vec::new();
            for (id, weights, optimizer, used) in rows {
                let mut loose = Vec::from_iter(optimizer);
                if used {
                    done.kept += 1;
                    let sql = "UPDATE checkpoint SET role = 'kept', optimizer_id = NULL WHERE id = ?1";
                    db.execute(sql, params![id])?;
                } else {
                    done.removed += 1;
                    db.execute("DELETE FROM checkpoint WHERE id = ?1", params![id])?;
                    loose.push(weights);
                }
                for bundle in loose {
                    gone.extend(blobs::hashes(db, bundle)?);
                    blobs::unbind(db, bundle)?;
                }
            }
            Ok((done, gone))
        })?;
        self.collect(&gone)?;
        Ok(done)
    }
}
