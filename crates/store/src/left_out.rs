//! Items that jobs left out: by id, with the reason.

use rusqlite::params;

use crate::watch::Family;
use crate::{Result, Store};

impl Store {
    /// Records that a job left an item out, by its id and without its text. A recorded one keeps its first reason.
    pub fn leave_out(&self, job_id: &str, item: &str, why: &str) -> Result<()> {
        self.write(Family::Jobs, |db| {
            db.prepare_cached(
                "INSERT INTO left_out (job_id, item, why) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            )?
            .execute(params![job_id, item, why])?;
            Ok(())
        })
    }

    /// How many items a job left out, and the first of them with their reasons.
    pub fn left_out(&self, job_id: &str, limit: usize) -> Result<(u64, Vec<(String, String)>)> {
        self.read(|db| {
            let n: i64 = db
                .prepare_cached("SELECT count(*) FROM left_out WHERE job_id = ?1")?
                .query_row([job_id], |row| row.get(0))?;
            let mut query = db.prepare_cached(
                "SELECT item, why FROM left_out WHERE job_id = ?1 ORDER BY item LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows =
                query.query_map(params![job_id, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((n.unsigned_abs(), rows.collect::<Result<_, _>>()?))
        })
    }
}
