//! Jobs: the control plane. A row says what runs, which process runs it, and what is requested of it.
//!
//! Any process may set [`Want`]; the owner reads it with each heartbeat ([`Store::job_beat`]) and obeys. Ownership
//! changes only by [`Store::job_claim`], which compares and sets in one transaction, so two processes cannot both
//! resume one job, and a request is not lost when the job changes hands.
//!
//! Jobs that have a `place` are in the queue: at most one of them runs, and [`Store::job_next`] takes the next one in a
//! transaction. A job keeps its place while it runs and while it blocks the queue (paused, or failed with
//! `stops_queue`); every other end removes it.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::readable::readable;
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

pub use repartee_terms::{JobState, Want};

/// A stored job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRow {
    /// UUID v7, chosen by the caller.
    pub id: String,
    /// import, train, ...
    pub kind: String,
    pub params: String,
    pub state: JobState,
    pub want: Want,
    /// The process that runs it; `None`: none.
    pub owner: Option<String>,
    /// Last heartbeat of the owner, milliseconds since 1970.
    pub beat_ms: i64,
    pub progress: Option<String>,
    /// JSON: the result, or `{code, message, detail[]}`.
    pub outcome: Option<String>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970; `None` while it can continue.
    pub ended_ms: Option<i64>,
    /// Position in the queue, from 1, also while it runs or blocks the queue; `None`: it is not queued.
    pub place: Option<i64>,
    /// Whether its failure blocks the queue.
    pub stops_queue: bool,
    /// How often it was interrupted.
    pub tries: u32,
}

/// New position of a queued job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    First,
    Last,
    /// Before this queued job.
    Before(&'a str),
}

/// Result of [`Store::job_next`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This job was taken: it runs, owned by the caller.
    Taken(JobRow),
    /// This job of the queue is running.
    Running(JobRow),
    /// This job blocks the queue: it is paused, or failed and was queued so.
    HeldUp(JobRow),
    Empty,
}

const COLUMNS: &str =
    "id, kind, params, state, want, owner, beat_ms, progress, outcome, created_ms, ended_ms,
    place, stops_queue, tries";

fn job_row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: row.get(0)?,
        kind: row.get(1)?,
        params: row.get(2)?,
        state: word(row, 3, "job.state")?,
        want: word(row, 4, "job.want")?,
        owner: row.get(5)?,
        beat_ms: row.get(6)?,
        progress: row.get(7)?,
        outcome: row.get(8)?,
        created_ms: row.get(9)?,
        ended_ms: row.get(10)?,
        place: row.get(11)?,
        stops_queue: row.get(12)?,
        tries: row.get(13)?,
    })
}

/// All jobs, oldest first.
pub(crate) fn all(db: &Connection) -> Result<Vec<JobRow>> {
    let sql = format!("SELECT {COLUMNS} FROM job ORDER BY created_ms, id");
    readable(db.prepare_cached(&sql)?.query_map([], job_row)?)
}

fn missing(id: &str) -> Error {
    Error::Missing {
        what: "job",
        name: id.to_owned(),
        there: Vec::new(),
    }
}

/// The jobs waiting in the queue, in order.
fn waiting(db: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT id FROM job WHERE state = 'queued' ORDER BY place, id";
    let mut query = db.prepare_cached(sql)?;
    let ids = query.query_map([], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

impl Store {
    /// Adds a running job (without an owner: one that waits to be taken over); returns false, and changes nothing, if
    /// this id exists.
    pub fn job_insert(
        &self,
        id: &str,
        kind: &str,
        params: &str,
        owner: Option<&str>,
        now_ms: i64,
    ) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql = "INSERT INTO job (id, kind, params, state, owner, beat_ms, created_ms)
                       VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?5) ON CONFLICT (id) DO NOTHING";
            Ok(db.execute(sql, params![id, kind, params, owner, now_ms])? == 1)
        })
    }

    pub fn job(&self, id: &str) -> Result<Option<JobRow>> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM job WHERE id = ?1");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id], job_row)
                .optional()?)
        })
    }

    /// All jobs, oldest first.
    pub fn jobs(&self) -> Result<Vec<JobRow>> {
        self.read(all)
    }

    /// Takes a job over as `seen` shows it: it runs again, owned by `new`, and is requested to `want`. Returns false,
    /// and changes nothing, if its owner, its state or the request to it has changed since: a request made in the
    /// meantime is never overwritten unread.
    pub fn job_claim(&self, seen: &JobRow, new: &str, want: Want, now_ms: i64) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET owner = ?5, state = 'running', want = ?6, beat_ms = ?7,
                              outcome = NULL, ended_ms = NULL, tries = tries + (owner IS NOT NULL)
                       WHERE id = ?1 AND owner IS ?2 AND state = ?3 AND want = ?4 AND state <> 'queued'";
            let values = params![
                seen.id,
                seen.owner,
                seen.state.as_str(),
                seen.want.as_str(),
                new,
                want.as_str(),
                now_ms
            ];
            Ok(db.execute(sql, values)? == 1)
        })
    }

    /// A heartbeat of the owner. Returns the request to the job, or `None` if the job is no longer this owner's: it
    /// must then stop without writing anything more.
    pub fn job_beat(
        &self,
        id: &str,
        owner: &str,
        progress: Option<&str>,
        now_ms: i64,
    ) -> Result<Option<Want>> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET beat_ms = ?3, progress = coalesce(?4, progress)
                       WHERE id = ?1 AND owner = ?2 AND state = 'running' RETURNING id, want";
            let want = db
                .prepare_cached(sql)?
                .query_row(params![id, owner, now_ms, progress], |row| {
                    word(row, 1, "job.want")
                })
                .optional()?;
            Ok(want)
        })
    }

    /// Requests something of a running job; any process may. A request to pause does not replace one to end the job.
    /// Returns false, and changes nothing, if the job is not running (any more): nobody would read the request.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn job_want(&self, id: &str, want: Want) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET want = iif(?2 = 'pause' AND want <> 'run', want, ?2)
                       WHERE id = ?1 AND state = 'running'";
            if db.execute(sql, params![id, want.as_str()])? == 1 {
                return Ok(true);
            }
            match db
                .prepare_cached("SELECT 1 FROM job WHERE id = ?1")?
                .exists([id])?
            {
                true => Ok(false),
                false => Err(missing(id)),
            }
        })
    }

    /// Records how a job ended or that it is paused, and releases it. Returns false, and changes nothing, if it is no
    /// longer this owner's.
    pub fn job_end(
        &self,
        id: &str,
        owner: &str,
        state: JobState,
        progress: Option<&str>,
        outcome: Option<&str>,
        now_ms: i64,
    ) -> Result<bool> {
        let ended = (state != JobState::Paused && state != JobState::Running).then_some(now_ms);
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET state = ?3, progress = coalesce(?4, progress), outcome = ?5,
                              beat_ms = ?6, ended_ms = ?7, owner = NULL,
                              place = iif(?3 = 'paused' OR (?3 = 'failed' AND stops_queue), place, NULL)
                       WHERE id = ?1 AND owner = ?2";
            let values = params![id, owner, state.as_str(), progress, outcome, now_ms, ended];
            let is_recorded = db.execute(sql, values)? == 1;
            // it is not resumed, and needs no list of what it has measured
            if is_recorded && matches!(state, JobState::Done | JobState::Cancelled) {
                let sql = "DELETE FROM setting WHERE key IN ('quality of ' || ?1, 'decoding of ' || ?1)";
                db.execute(sql, [id])?;
            }
            Ok(is_recorded)
        })
    }

    /// Adds a job to the end of the queue; returns false, and changes nothing, if this id exists.
    pub fn job_queue(
        &self,
        id: &str,
        kind: &str,
        params: &str,
        stops_queue: bool,
        now_ms: i64,
    ) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql =
                "INSERT INTO job (id, kind, params, state, beat_ms, created_ms, place, stops_queue)
                       VALUES (?1, ?2, ?3, 'queued', ?5, ?5,
                               (SELECT coalesce(max(place), 0) + 1 FROM job), ?4)
                       ON CONFLICT (id) DO NOTHING";
            Ok(db.execute(sql, params![id, kind, params, stops_queue, now_ms])? == 1)
        })
    }

    /// Changes the parameters of a job that waits in the queue as `seen` shows it. Returns false, and changes nothing, if
    /// it no longer waits, or its parameters are others.
    pub fn job_params(&self, seen: &JobRow, params: &str) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql =
                "UPDATE job SET params = ?3 WHERE id = ?1 AND params = ?2 AND state = 'queued'";
            Ok(db.execute(sql, params![seen.id, seen.params, params])? == 1)
        })
    }

    /// Moves a queued job. Returns false, and changes nothing, if it (or the one it should precede) is no longer
    /// waiting.
    pub fn job_move(&self, id: &str, to: Place<'_>) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let mut ids = waiting(db)?;
            let Some(from) = ids.iter().position(|one| one == id) else {
                return Ok(false);
            };
            let moved = ids.remove(from);
            let at = match to {
                Place::First => Some(0),
                Place::Last => Some(ids.len()),
                Place::Before(other) if other == id => Some(from),
                Place::Before(other) => ids.iter().position(|one| one == other),
            };
            let Some(at) = at else {
                return Ok(false);
            };
            ids.insert(at, moved);
            // after those that run or block the queue
            let sql = "SELECT coalesce(max(place), 0) FROM job WHERE state <> 'queued'";
            let before: i64 = db.query_row(sql, [], |row| row.get(0))?;
            let mut place = db.prepare_cached("UPDATE job SET place = ?2 WHERE id = ?1")?;
            for (id, n) in ids.iter().zip(before + 1..) {
                place.execute(params![id, n])?;
            }
            Ok(true)
        })
    }

    /// Cancels a waiting job. Returns false, and changes nothing, if it is no longer waiting.
    pub fn job_unqueue(&self, id: &str, now_ms: i64) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET state = 'cancelled', place = NULL, ended_ms = ?2
                       WHERE id = ?1 AND state = 'queued'";
            Ok(db.execute(sql, params![id, now_ms])? == 1)
        })
    }

    /// Sets whether the failure of a job blocks the queue. False unblocks the queue if this job already blocks it.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn job_stops_queue(&self, id: &str, stops: bool) -> Result<()> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET stops_queue = ?2, place = iif(state = 'failed' AND NOT ?2, NULL, place)
                       WHERE id = ?1";
            match db.execute(sql, params![id, stops])? {
                0 => Err(missing(id)),
                _ => Ok(()),
            }
        })
    }

    /// Takes the next job of the queue for `owner`, if none of the queue runs and none blocks it: of two concurrent
    /// callers, only one gets it. `now_ms` is asked when no other process writes any more, so that a job is never said to
    /// have begun before the one ahead of it ended.
    pub fn job_next(&self, owner: &str, now_ms: impl Fn() -> i64) -> Result<Next> {
        let found = |db: &Connection, state: &str| -> Result<Option<JobRow>> {
            let sql = format!(
                "SELECT {COLUMNS} FROM job WHERE place IS NOT NULL AND state = ?1 ORDER BY place, id LIMIT 1"
            );
            Ok(db
                .prepare_cached(&sql)?
                .query_row([state], job_row)
                .optional()?)
        };
        // most calls find nothing, and write nothing
        let looked = self.read(|db| {
            if let Some(row) = found(db, "running")? {
                return Ok(Some(Next::Running(row)));
            }
            for state in ["paused", "failed"] {
                if let Some(row) = found(db, state)? {
                    return Ok(Some(Next::HeldUp(row)));
                }
            }
            Ok(found(db, "queued")?.is_none().then_some(Next::Empty))
        })?;
        if let Some(next) = looked {
            return Ok(next);
        }
        self.write(Family::Jobs, |db| {
            if let Some(row) = found(db, "running")? {
                return Ok(Next::Running(row));
            }
            for state in ["paused", "failed"] {
                if let Some(row) = found(db, state)? {
                    return Ok(Next::HeldUp(row));
                }
            }
            let Some(row) = found(db, "queued")? else {
                return Ok(Next::Empty);
            };
            let sql = "UPDATE job SET state = 'running', owner = ?2, beat_ms = ?3, created_ms = ?3
                       WHERE id = ?1";
            db.execute(sql, params![row.id, owner, now_ms()])?;
            Ok(found(db, "running")?.map_or(Next::Empty, Next::Taken))
        })
    }

    /// Puts an interrupted job, as `seen` shows it, at the head of the queue, unless one of the queue runs: the queue
    /// then resumes it first. Returns false, and changes nothing, if the job has changed since.
    pub fn job_requeue(&self, seen: &JobRow) -> Result<bool> {
        self.write(Family::Jobs, |db| {
            let sql = "UPDATE job SET place = (SELECT coalesce(min(place), 1) FROM job)
                       WHERE id = ?1 AND owner IS ?2 AND beat_ms = ?3 AND want = ?4
                         AND state = 'running' AND place IS NULL
                         AND NOT EXISTS (SELECT 1 FROM job WHERE place IS NOT NULL AND state = 'running')";
            let values = params![seen.id, seen.owner, seen.beat_ms, seen.want.as_str()];
            Ok(db.execute(sql, values)? == 1)
        })
    }

    /// Adds a line to a job's log.
    pub fn job_log(&self, id: &str, now_ms: i64, text: &str) -> Result<()> {
        self.write(Family::Jobs, |db| {
            let sql = "INSERT INTO job_log (job_id, at_ms, text) VALUES (?1, ?2, ?3)";
            db.execute(sql, params![id, now_ms, text])?;
            Ok(())
        })
    }

    /// The lines of a job's log, in order: time (milliseconds since 1970) and text.
    pub fn job_lines(&self, id: &str) -> Result<Vec<(i64, String)>> {
        self.read(|db| {
            let sql = "SELECT at_ms, text FROM job_log WHERE job_id = ?1 ORDER BY id";
            let mut query = db.prepare_cached(sql)?;
            let lines = query.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(lines.collect::<Result<_, _>>()?)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("x.repartee")).unwrap();
        (folder, store)
    }

    fn waiting_in(store: &Store) -> Vec<String> {
        store.read(waiting).unwrap()
    }

    #[test]
    fn jobs_of_an_older_file_are_kept_with_their_logs_and_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.repartee");
        {
            let mut db = Connection::open(&path).unwrap();
            db.execute_batch(&format!(
                "PRAGMA application_id = {}",
                crate::APPLICATION_ID
            ))
            .unwrap();
            rusqlite_migration::Migrations::from_slice(&crate::MIGRATIONS[..3])
                .to_latest(&mut db)
                .unwrap();
            db.execute_batch(
                "INSERT INTO job (id, kind, params, state, want, owner, beat_ms, created_ms)
                   VALUES ('a', 'train', '{}', 'paused', 'run', NULL, 5, 4);
                 INSERT INTO job_log (job_id, at_ms, text) VALUES ('a', 6, 'a line');",
            )
            .unwrap();
        }
        let store = Store::open(&path).unwrap();
        let job = store.job("a").unwrap().unwrap();
        assert_eq!(
            (job.state, job.place, job.beat_ms, job.created_ms),
            (JobState::Paused, None, 5, 4)
        );
        assert_eq!(store.job_lines("a").unwrap(), [(6, "a line".to_owned())]);
        assert!(store.check(|_, _| true).unwrap().is_whole());
    }

    #[test]
    fn queue_keeps_its_order_and_runs_one_job_at_a_time() {
        let (_folder, store) = store();
        for id in ["a", "b", "c"] {
            assert!(store.job_queue(id, "train", "{}", false, 1).unwrap());
            assert!(
                !store.job_queue(id, "train", "{}", false, 1).unwrap(),
                "an id a second time"
            );
        }
        assert!(store.job_move("c", Place::First).unwrap());
        assert!(store.job_move("a", Place::Last).unwrap());
        assert_eq!(waiting_in(&store), ["c", "b", "a"]);
        assert!(store.job_move("a", Place::Before("b")).unwrap());
        assert_eq!(waiting_in(&store), ["c", "a", "b"]);
        assert!(!store.job_move("x", Place::First).unwrap());

        let Next::Taken(taken) = store.job_next("me", || 9).unwrap() else {
            panic!("none taken")
        };
        assert_eq!(
            (taken.id.as_str(), taken.state, taken.created_ms),
            ("c", JobState::Running, 9)
        );
        assert!(
            matches!(store.job_next("you", || 9).unwrap(), Next::Running(row) if row.id == "c")
        );
        // a running job is neither moved nor removed, and no other gets before it
        assert!(!store.job_move("c", Place::Last).unwrap() && !store.job_unqueue("c", 9).unwrap());
        assert!(store.job_move("b", Place::First).unwrap());
        assert!(store.job_unqueue("a", 9).unwrap());
        assert!(
            store
                .job_end("c", "me", JobState::Paused, None, None, 10)
                .unwrap()
        );
        assert!(
            matches!(store.job_next("you", || 11).unwrap(), Next::HeldUp(row) if row.id == "c")
        );
        let paused = store.job("c").unwrap().unwrap();
        assert!(store.job_claim(&paused, "me", Want::Run, 12).unwrap());
        assert!(
            store
                .job_end("c", "me", JobState::Done, None, None, 13)
                .unwrap()
        );
        assert!(matches!(store.job_next("you", || 14).unwrap(), Next::Taken(row) if row.id == "b"));
        // a queued job has no owner, and is not claimed like a submitted one
        store.job_queue("d", "train", "{}", false, 15).unwrap();
        let waits = store.job("d").unwrap().unwrap();
        assert!(!store.job_claim(&waits, "me", Want::Run, 16).unwrap());
    }

    #[test]
    fn an_interrupted_job_is_requeued_only_if_nothing_else_runs() {
        let (_folder, store) = store();
        store.job_queue("a", "train", "{}", false, 1).unwrap();
        for id in ["x", "y"] {
            assert!(
                store
                    .job_insert(id, "train", "{}", Some("gone"), 2)
                    .unwrap()
            );
        }
        let seen = |id: &str| store.job(id).unwrap().unwrap();
        let before = seen("x");
        store
            .job_beat("x", "gone", None, 3)
            .unwrap()
            .expect("it is its owner's");
        assert!(
            !store.job_requeue(&before).unwrap(),
            "it is alive after all"
        );
        assert!(store.job_requeue(&seen("x")).unwrap());
        assert!(matches!(store.job_next("me", || 4).unwrap(), Next::Running(row) if row.id == "x"));
        assert!(!store.job_requeue(&seen("y")).unwrap(), "one runs already");
        assert!(store.job_claim(&seen("x"), "me", Want::Run, 5).unwrap());
        assert!(
            store
                .job_end("x", "me", JobState::Done, None, None, 6)
                .unwrap()
        );
        assert!(!store.job_requeue(&seen("x")).unwrap(), "it has ended");
        assert!(store.job_requeue(&seen("y")).unwrap());
    }

    #[test]
    fn only_a_job_that_can_be_resumed_keeps_the_list_of_what_it_measured() {
        let (_folder, store) = store();
        for (state, is_kept) in [
            (JobState::Paused, true),
            (JobState::Failed, true),
            (JobState::Done, false),
            (JobState::Cancelled, false),
        ] {
            let id = state.as_str();
            assert!(
                store
                    .job_insert(id, "quality", "{}", Some("me"), 1)
                    .unwrap()
            );
            let keys = ["quality of", "decoding of"].map(|what| format!("{what} {id}"));
            for key in &keys {
                store.set_setting(key, &1).unwrap();
            }
            assert!(store.job_end(id, "me", state, None, None, 2).unwrap());
            for key in &keys {
                let left: Option<u32> = store.setting(key).unwrap();
                assert_eq!(left.is_some(), is_kept, "{key}");
            }
        }
    }

    #[test]
    fn failed_job_blocks_the_queue_if_set_to() {
        let (_folder, store) = store();
        for (id, stops) in [("a", false), ("b", true), ("c", false)] {
            store.job_queue(id, "train", "{}", stops, 1).unwrap();
        }
        for id in ["a", "b"] {
            assert!(
                matches!(store.job_next("me", || 2).unwrap(), Next::Taken(row) if row.id == id)
            );
            assert!(
                store
                    .job_end(id, "me", JobState::Failed, None, Some("{}"), 3)
                    .unwrap()
            );
        }
        assert!(matches!(store.job_next("me", || 4).unwrap(), Next::HeldUp(row) if row.id == "b"));
        store.job_stops_queue("b", false).unwrap();
        assert!(matches!(store.job_next("me", || 5).unwrap(), Next::Taken(row) if row.id == "c"));
    }
}
