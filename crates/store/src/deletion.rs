//! Deletes an item with what depends on it.
//!
//! Deleting takes two steps. [`Store::item_delete`] decides in one transaction: it determines the dependents again, and
//! marks everything in the table `deleting`; from then on nobody sees it, and no draft made with it can be posted.
//! [`Store::sweep`] then removes the rows in small batches, children before parents, and the mark with the last row. If
//! a process is killed in between, the marks remain, and the next sweep continues.
//!
//! Some rows are never deleted: a reply that was or may have been sent, with its attempts, its candidate and what that
//! answers. Their generation stays too, without its models.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::audit::{self, Entry};
use crate::blobs::{self, Hash};
use crate::error::is_foreign_key;
use crate::items::{self, Item, ItemKind};
use crate::jobs::JobRow;
use crate::purge::{UNSCRUBBED, scrub_is_due};
use crate::watch::{Family, touch};
use crate::{BATCH_ROWS, Error, Result, Store};

/// Rows per batch if removing one takes several statements.
const SMALL_BATCH: usize = 500;

/// How long to wait for readers before emptying the write-ahead log.
const WAIT_FOR_READERS: Duration = Duration::from_secs(2);

/// Free pages are released if they have at least this many bytes, and a fiftieth of the file.
const WORTH_A_VACUUM: u64 = 256 << 10;

/// How often dependents are determined again because others wrote in the meantime.
const TRIES: usize = 8;

/// SQL: whether a reply `q` must be kept. Attempts are never removed; a reply that was or may have been sent keeps its
/// comment from being answered again.
const KEPT: &str = "(q.state IN ('sending', 'uncertain', 'absent', 'posted', 'withdrawn')
    OR EXISTS (SELECT 1 FROM attempt WHERE reply_id = q.id)
    OR EXISTS (SELECT 1 FROM probe WHERE reply_id = q.id)
    OR EXISTS (SELECT 1 FROM outcome WHERE reply_id = q.id))";

/// An item that is deleted because it depends on another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    pub item: Item,
    /// What it depends on: an item of this list, or the requested one.
    pub of: (ItemKind, i64),
    /// "trained on", "measures", ...
    pub why: &'static str,
}

/// What deleting an item also deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependents {
    pub item: Item,
    /// Its dependents, each after what it depends on.
    pub items: Vec<Dependent>,
    /// Replies of the queue that are deleted: drafts, approved, rejected, canceled.
    pub replies: u64,
    /// How many of these are approved.
    pub approved: u64,
    /// Replies that were or may have been sent: they stay, with their candidates.
    pub kept: u64,
    /// A hash over all of this, to detect changes.
    pub seen: String,
}

/// What an item itself contains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holds {
    /// Comments and posts of a source, pairs of a split, checkpoints of a run, fakes, predictions, candidates.
    pub rows: u64,
    /// Bytes of weights that nothing else uses.
    pub bytes: u64,
}

/// How a job that has not ended affects a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobUse {
    None,
    /// It is using some of it now: nothing may be deleted.
    Busy,
    /// It is not running, and could not continue: it is canceled.
    Cancel,
}

/// The result of a sweep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Items that are gone now.
    pub items: u64,
    /// Rows removed, including checkpoints and the like.
    pub rows: u64,
    /// Bytes of weights that were no longer used.
    pub bytes: u64,
    /// Whether it is complete; false: it was stopped, and the next sweep continues.
    pub done: bool,
}

/// The number of splits, and the last one. A split is locked: the sources of its pairs never change.
type Splits = (i64, Option<i64>);

fn splits_now(db: &Connection) -> Result<Splits> {
    Ok(db
        .prepare_cached("SELECT count(*), max(id) FROM split")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// The splits that contain a pair of a source.
fn splits_of_source(db: &Connection, source: i64) -> Result<Vec<i64>> {
    let sql = "SELECT s.id FROM split s WHERE EXISTS (
                 SELECT 1 FROM split_pair sp CROSS JOIN pair p ON p.id = sp.pair_id
                        CROSS JOIN comment r ON r.id = p.id CROSS JOIN comment c ON c.id = p.comment_id
                 WHERE sp.split_id = s.id AND (r.source_id = ?1 OR c.source_id = ?1)) ORDER BY s.id";
    let mut query = db.prepare_cached(sql)?;
    let rows = query.query_map([source], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The direct dependents of an item: kind, reason, and the query of id and name by `?1`.
fn edges(kind: ItemKind) -> Vec<(ItemKind, &'static str, &'static str)> {
    use ItemKind as K;
    const RUN_OF_SPLIT: &str = "SELECT id, name FROM run WHERE split_id = ?1";
    const FAKES_OF_SPLIT: &str = "SELECT id, name FROM fake_set WHERE split_id = ?1";
    const EVALUATION_OF_SPLIT: &str = "SELECT id, name FROM evaluation WHERE split_id = ?1";
    const RUN_OF_BASE: &str = "SELECT id, name FROM run WHERE base_id = ?1";
    const RUN_OF_FAKES: &str = "SELECT id, name FROM run WHERE fake_set_id = ?1";
    const EVALUATION_OF_FAKES: &str = "SELECT id, name FROM evaluation WHERE fake_set_id = ?1";
    const FAKES_OF_RUN: &str = "SELECT id, name FROM fake_set
        WHERE checkpoint_id IN (SELECT id FROM checkpoint WHERE run_id = ?1)";
    const EVALUATION_OF_RUN: &str = "SELECT id, name FROM evaluation
        WHERE checkpoint_id IN (SELECT id FROM checkpoint WHERE run_id = ?1)";
    const GENERATION_BY_RUN: &str = "SELECT id, name FROM generation
        WHERE generator IN (SELECT id FROM checkpoint WHERE run_id = ?1)";
    const GENERATION_SCORED_BY_RUN: &str = "SELECT id, name FROM generation
        WHERE realism IN (SELECT id FROM checkpoint WHERE run_id = ?1)
           OR upvotes IN (SELECT id FROM checkpoint WHERE run_id = ?1)";
    match kind {
        K::Source | K::Evaluation | K::Generation => Vec::new(),
        K::Split => vec![
            (K::Run, "trained on", RUN_OF_SPLIT),
            (K::Fakes, "made on", FAKES_OF_SPLIT),
            (K::Evaluation, "measured on", EVALUATION_OF_SPLIT),
        ],
        K::Base => vec![(K::Run, "trained from", RUN_OF_BASE)],
        K::Run => vec![
            (K::Fakes, "written by", FAKES_OF_RUN),
            (K::Evaluation, "measures", EVALUATION_OF_RUN),
            (K::Generation, "written by", GENERATION_BY_RUN),
            (K::Generation, "scored by", GENERATION_SCORED_BY_RUN),
        ],
        K::Fakes => vec![
            (K::Run, "trained on", RUN_OF_FAKES),
            (K::Evaluation, "measured on", EVALUATION_OF_FAKES),
        ],
    }
}

/// All dependents of an item, each after what it depends on; what is already being deleted is omitted. `splits` are
/// those of a source.
fn closure(db: &Connection, of: &Item, splits: &[i64]) -> Result<Vec<Dependent>> {
    let mut all: Vec<Dependent> = Vec::new();
    let is_known = |all: &[Dependent], kind: ItemKind, id: i64| {
        (kind, id) == (of.kind, of.id)
            || all
                .iter()
                .any(|dependent| (dependent.item.kind, dependent.item.id) == (kind, id))
    };
    let is_going = |kind: ItemKind, id: i64| -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deleting WHERE kind = ?1 AND id = ?2)";
        Ok(db
            .prepare_cached(sql)?
            .query_row(params![kind.as_str(), id], |row| row.get(0))?)
    };
    for id in splits {
        let name: Option<String> = db
            .prepare_cached("SELECT name FROM split WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        let Some(name) = name else { continue };
        if !is_going(ItemKind::Split, *id)? {
            all.push(Dependent {
                item: Item {
                    kind: ItemKind::Split,
                    id: *id,
                    name,
                },
                of: (of.kind, of.id),
                why: "holds pairs of",
            });
        }
    }
    let mut next = 0;
    let mut now = (of.kind, of.id);
    loop {
        for (kind, why, sql) in edges(now.0) {
            let mut query = db.prepare_cached(&format!("{sql} ORDER BY id"))?;
            let found: Vec<(i64, String)> = query
                .query_map([now.1], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (id, name) in found {
                if !is_known(&all, kind, id) && !is_going(kind, id)? {
                    all.push(Dependent {
                        item: Item { kind, id, name },
                        of: now,
                        why,
                    });
                }
            }
        }
        let Some(dependent) = all.get(next) else {
            return Ok(all);
        };
        now = (dependent.item.kind, dependent.item.id);
        next += 1;
    }
}

/// The dependents, within one transaction.
fn dependents(db: &Connection, item: Item, splits: &[i64]) -> Result<Dependents> {
    let items = closure(db, &item, splits)?;
    let mut hasher = blake3::Hasher::new();
    let table = item.kind.table();
    // an id may be reused after its row was deleted: the time distinguishes them
    let made: i64 = db.query_row(
        &format!("SELECT created_ms FROM {table} WHERE id = ?1"),
        [item.id],
        |row| row.get(0),
    )?;
    let mut line = |text: String| {
        hasher.update(text.as_bytes());
        hasher.update(b"\n");
    };
    line(format!(
        "{} {} {made} {}",
        item.kind.as_str(),
        item.id,
        item.name
    ));
    let (mut replies, mut approved, mut kept) = (0, 0, 0);
    let all = std::iter::once(&item).chain(items.iter().map(|dependent| &dependent.item));
    for one in all {
        line(format!("{} {} {}", one.kind.as_str(), one.id, one.name));
        if one.kind != ItemKind::Generation {
            continue;
        }
        let sql = format!(
            "SELECT q.id, q.state, {KEPT} FROM reply q JOIN candidate d ON d.id = q.candidate_id
             WHERE d.generation_id = ?1 ORDER BY q.id"
        );
        let mut query = db.prepare_cached(&sql)?;
        let mut rows = query.query([one.id])?;
        while let Some(row) = rows.next()? {
            let (id, state, stays): (i64, String, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            line(format!("reply {id} {state} {stays}"));
            match stays {
                true => kept += 1,
                false => replies += 1,
            }
            approved += u64::from(state == "approved");
        }
    }
    let seen = hasher.finalize().to_hex().chars().take(12).collect();
    Ok(Dependents {
        item,
        items,
        replies,
        approved,
        kept,
        seen,
    })
}

/// A row that several sources have is stored under one of them, and is deleted with it. So the others are no longer
/// complete, and their files can be imported again. Which sources share rows is known from their counts: rows that were
/// there before (`known`), and rows that replaced an older copy (`newer`).
fn unfinish_overlapping(db: &Connection, source: i64) -> Result<()> {
    let count = |of: &str, key: &str| {
        format!(
            "coalesce(CASE WHEN json_valid({of}.counts) THEN json_extract({of}.counts, '$.{key}') END, 0)"
        )
    };
    let sql = format!(
        "UPDATE source AS o SET hash = NULL FROM source AS d
         WHERE d.id = ?1 AND o.id <> d.id AND o.hash IS NOT NULL
           AND ((o.id > d.id AND {} > 0) OR (o.id < d.id AND {} > 0))",
        count("o", "known"),
        count("d", "newer")
    );
    db.execute(&sql, [source])?;
    Ok(())
}

impl Store {
    /// What deleting an item also deletes.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn dependents(&self, kind: ItemKind, word: &str) -> Result<Dependents> {
        self.read(|db| {
            // one transaction: a consistent snapshot
            let db = db.unchecked_transaction()?;
            let item = items::find(&db, kind, word)?;
            let splits = match kind {
                ItemKind::Source => splits_of_source(&db, item.id)?,
                _ => Vec::new(),
            };
            dependents(&db, item, &splits)
        })
    }

    /// What an item itself contains. For a source, this reads all comments.
    pub fn item_holds(&self, kind: ItemKind, id: i64) -> Result<Holds> {
        let rows = match kind {
            ItemKind::Source => {
                "SELECT (SELECT count(*) FROM comment WHERE source_id = ?1)
                      + (SELECT count(*) FROM post WHERE source_id = ?1)"
            }
            ItemKind::Split => "SELECT count(*) FROM split_pair WHERE split_id = ?1",
            ItemKind::Base => "SELECT count(*) FROM run WHERE base_id = ?1 AND false",
            ItemKind::Run => "SELECT count(*) FROM checkpoint WHERE run_id = ?1",
            ItemKind::Fakes => "SELECT count(*) FROM fake WHERE fake_set_id = ?1",
            ItemKind::Evaluation => "SELECT count(*) FROM prediction WHERE evaluation_id = ?1",
            ItemKind::Generation => "SELECT count(*) FROM candidate WHERE generation_id = ?1",
        };
        const OWN: &str = "SELECT bundle_id FROM base WHERE id = ?1 AND ?2 = 'base'
            UNION SELECT bundle_id FROM checkpoint WHERE run_id = ?1 AND ?2 = 'run'
            UNION SELECT optimizer_id FROM checkpoint WHERE run_id = ?1 AND ?2 = 'run'";
        self.read(|db| {
            let count: i64 = db.prepare_cached(rows)?.query_row([id], |row| row.get(0))?;
            let sql = format!(
                "SELECT coalesce(sum(bytes), 0) FROM blob b
                 WHERE hash IN (SELECT hash FROM bundle_part WHERE bundle_id IN ({OWN}))
                   AND NOT EXISTS (SELECT 1 FROM bundle_part o WHERE o.hash = b.hash
                                   AND o.bundle_id NOT IN ({OWN} EXCEPT SELECT NULL))"
            );
            let bytes: i64 = match kind {
                ItemKind::Base | ItemKind::Run => db
                    .prepare_cached(&sql)?
                    .query_row(params![id, kind.as_str()], |row| row.get(0))?,
                _ => 0,
            };
            Ok(Holds {
                rows: count.unsigned_abs(),
                bytes: bytes.unsigned_abs(),
            })
        })
    }

    /// Marks an item as deleted, with its dependents: nobody sees any of it from now on, and [`Store::sweep`] removes
    /// its rows. `seen` is [`Dependents::seen`] as the user saw it; `job_use` returns how a job is affected, given what
    /// would be deleted and whether one of these is the run that it trains.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] if it has dependents and `with_dependents` is false; [`Error::Changed`]
    /// if `seen` is out of date; [`Error::InUse`]. Nothing is deleted then.
    #[allow(clippy::too_many_arguments)] // all that one decision is
    pub fn item_delete(
        &self,
        kind: ItemKind,
        word: &str,
        with_dependents: bool,
        seen: Option<&str>,
        job_use: &dyn Fn(&JobRow, &[&Item], bool) -> JobUse,
        who: &str,
        now_ms: i64,
    ) -> Result<Dependents> {
        for _ in 0..TRIES {
            // finding the splits with pairs of a source takes long: it is done outside of the transaction, which then
            // checks that it still holds
            let (before, splits) = self.read(|db| {
                let db = db.unchecked_transaction()?;
                let item = items::find(&db, kind, word)?;
                let splits = match kind {
                    ItemKind::Source => splits_of_source(&db, item.id)?,
                    _ => Vec::new(),
                };
                Ok((splits_now(&db)?, splits))
            })?;
            let marked = self.write(kind.family(), |db| {
                if kind == ItemKind::Source && splits_now(db)? != before {
                    return Ok(None);
                }
                let item = items::find(db, kind, word)?;
                let found = dependents(db, item, &splits)?;
                let what = found.item.sentence();
                if seen.is_some_and(|seen| seen != found.seen) {
                    return Err(Error::Changed { what });
                }
                if !with_dependents && !found.items.is_empty() {
                    return Err(Error::Refused {
                        what,
                        done: "deleted alone",
                        why: depends(&found.items),
                    });
                }
                let all: Vec<&Item> = std::iter::once(&found.item)
                    .chain(found.items.iter().map(|dependent| &dependent.item))
                    .collect();
                settle_jobs(db, &what, &all, job_use, now_ms)?;
                mark(db, &all, now_ms)?;
                if kind == ItemKind::Source {
                    unfinish_overlapping(db, found.item.id)?;
                }
                let mut detail = match found.items.len() {
                    0 => String::new(),
                    n => format!("with {n} that depended on it"),
                };
                if found.replies > 0 {
                    detail.push_str(&format!("; replies deleted: {}", found.replies));
                }
                if found.kept > 0 {
                    detail.push_str(&format!("; replies kept: {}", found.kept));
                }
                let entry = Entry::new(who, "deleted", now_ms).about(what);
                audit::note(db, &entry.detail(detail.trim_start_matches("; ")))?;
                Ok(Some(found))
            })?;
            if let Some(marked) = marked {
                return Ok(marked);
            }
        }
        Err(Error::Busy)
    }

    /// Whether something was deleted whose rows still exist.
    pub fn has_deletions(&self) -> Result<bool> {
        self.read(|db| {
            let sql =
                "SELECT EXISTS (SELECT 1 FROM deleting) OR EXISTS (SELECT 1 FROM deleting_blob)";
            Ok(db.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
        })
    }

    /// As [`Store::has_deletions`], or its disk space was not freed yet.
    pub fn wants_sweep(&self) -> Result<bool> {
        Ok(self.has_deletions()? || self.read(unscrubbed)?)
    }

    /// Removes the rows of deleted items, in batches between which other processes can write. `on_batch` gets the rows
    /// removed so far, and stops by returning false.
    ///
    /// # Errors
    /// If the file cannot be written; what was removed until then stays removed, and the next sweep continues.
    pub fn sweep(&self, on_batch: &mut dyn FnMut(u64) -> bool) -> Result<Swept> {
        let mut sweep = Sweep {
            store: self,
            swept: Swept::default(),
            on_batch,
            stopped: false,
        };
        sweep.all()?;
        let mut swept = sweep.swept;
        swept.done = !sweep.stopped;
        Ok(swept)
    }

    /// Frees the disk space of deleted rows, if rewriting the file is worth it. After texts were deleted it always is,
    /// since copies of them can remain in used pages. False: others were reading, and the log could not be emptied.
    ///
    /// # Errors
    /// [`Error::Busy`], [`Error::Full`]; nothing is lost.
    pub fn return_space(&self) -> Result<bool> {
        if self.read(unscrubbed)? {
            return self.scrub();
        }
        self.write_bare(|db| {
            let pragma = |name: &str| -> Result<u64> {
                let n: i64 = db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
                Ok(n.unsigned_abs())
            };
            let (free, pages) = (pragma("freelist_count")?, pragma("page_count")?);
            if free * pragma("page_size")? >= WORTH_A_VACUUM && free * 50 >= pages {
                db.execute_batch("VACUUM")?;
            }
            let begun = Instant::now();
            loop {
                let busy: i64 =
                    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
                if busy == 0 || begun.elapsed() > WAIT_FOR_READERS {
                    return Ok(busy == 0);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    }
}

/// Whether texts were wiped or deleted since the file was last rewritten.
fn unscrubbed(db: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM setting WHERE key = ?1)";
    Ok(db
        .prepare_cached(sql)?
        .query_row([UNSCRUBBED], |row| row.get(0))?)
}

/// An item's dependents, briefly.
fn depends(items: &[Dependent]) -> String {
    const NAMED: usize = 5;
    let mut names: Vec<String> = items
        .iter()
        .take(NAMED)
        .map(|dependent| dependent.item.sentence())
        .collect();
    if items.len() > NAMED {
        names.push(format!("{} more", items.len() - NAMED));
    }
    let verb = if items.len() == 1 {
        "depends"
    } else {
        "depend"
    };
    format!("{} {verb} on it", names.join(", "))
}

/// Refuses while a job uses what is deleted, and cancels those that could not continue.
fn settle_jobs(
    db: &Transaction<'_>,
    what: &str,
    all: &[&Item],
    job_use: &dyn Fn(&JobRow, &[&Item], bool) -> JobUse,
    now_ms: i64,
) -> Result<()> {
    let mut trains: Vec<String> = Vec::new();
    for item in all.iter().filter(|item| item.kind == ItemKind::Run) {
        let job: Option<String> =
            db.query_row("SELECT job_id FROM run WHERE id = ?1", [item.id], |row| {
                row.get(0)
            })?;
        trains.extend(job);
    }
    let mut canceled = Vec::new();
    for job in crate::jobs::all(db)? {
        match job_use(&job, all, trains.contains(&job.id)) {
            JobUse::None => {}
            JobUse::Busy => {
                return Err(Error::InUse {
                    what: what.to_owned(),
                    job: job.id,
                    kind: job.kind,
                });
            }
            JobUse::Cancel => canceled.push(job.id),
        }
    }
    for job in canceled {
        db.execute(
            "UPDATE job SET state = 'cancelled', owner = NULL, outcome = NULL, ended_ms = ?2 WHERE id = ?1",
            params![job, now_ms],
        )?;
        touch(db, Family::Jobs)?;
    }
    Ok(())
}

/// Marks items: they are in no list, their names are free again, and drafts made with them are not posted.
fn mark(db: &Transaction<'_>, all: &[&Item], now_ms: i64) -> Result<()> {
    // while the runs still have their names: a generation whose replies stay records its generator and its score bins
    for item in all.iter().filter(|item| item.kind == ItemKind::Generation) {
        const NAME: &str =
            "(SELECT r.name FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = ";
        const EDGES: &str = "(SELECT json_extract(s.config, '$.edges') FROM checkpoint k
            JOIN run r ON r.id = k.run_id JOIN split s ON s.id = r.split_id WHERE k.id = ";
        let sql = format!(
            "UPDATE generation SET config = json_set(config, '$.generator', {NAME}generator),
                '$.realism', {NAME}realism), '$.upvotes', {NAME}upvotes), '$.edges', json({EDGES}upvotes)))
             WHERE id = ?1 AND json_valid(config)"
        );
        db.execute(&sql, [item.id])?;
        let sql = "UPDATE reply SET state = 'cancelled', code = 'deleted', updated_ms = ?2,
                          detail = 'the generation it belonged to was deleted'
                   WHERE state IN ('draft', 'approved')
                     AND candidate_id IN (SELECT id FROM candidate WHERE generation_id = ?1)";
        if db.execute(sql, params![item.id, now_ms])? > 0 {
            touch(db, Family::Queue)?;
        }
    }
    for item in all {
        let (kind, table) = (item.kind.as_str(), item.kind.table());
        db.prepare_cached(
            "INSERT INTO deleting (kind, id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![kind, item.id])?;
        if !item.kind.may_be_nameless() {
            // no name that a user gives contains this character
            let sql =
                format!("UPDATE {table} SET name = char(1) || 'deleted ' || id WHERE id = ?1");
            db.execute(&sql, [item.id])?;
        }
        touch(db, item.kind.family())?;
        if matches!(
            item.kind,
            ItemKind::Source | ItemKind::Run | ItemKind::Fakes | ItemKind::Generation
        ) {
            // texts: the file is rewritten afterwards, by this process or another
            scrub_is_due(db, UNSCRUBBED)?;
        }
    }
    Ok(())
}

/// A sweep in progress.
struct Sweep<'a> {
    store: &'a Store,
    swept: Swept,
    on_batch: &'a mut dyn FnMut(u64) -> bool,
    stopped: bool,
}

impl Sweep<'_> {
    /// Children before parents: a realism run depends on fakes, and these on the run of a generator.
    fn all(&mut self) -> Result<()> {
        use ItemKind as K;
        for kind in [K::Evaluation, K::Generation] {
            for id in self.marked(kind, "true")? {
                self.item(kind, id)?;
            }
        }
        for (kind, which) in [
            (
                K::Run,
                "id IN (SELECT id FROM run WHERE fake_set_id IS NOT NULL)",
            ),
            (K::Fakes, "true"),
            (K::Run, "true"),
            (K::Split, "true"),
            (K::Base, "true"),
            (K::Source, "true"),
        ] {
            for id in self.marked(kind, which)? {
                self.item(kind, id)?;
            }
        }
        self.blobs()
    }

    fn marked(&self, kind: ItemKind, which: &str) -> Result<Vec<i64>> {
        self.store.read(|db| {
            let sql = format!("SELECT id FROM deleting WHERE kind = ?1 AND {which} ORDER BY id");
            let mut query = db.prepare_cached(&sql)?;
            let rows = query.query_map([kind.as_str()], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Counts removed rows; false: the sweep is to stop.
    fn go_on(&mut self, rows: usize) -> bool {
        self.swept.rows += rows as u64;
        if !self.stopped && !(self.on_batch)(self.swept.rows) {
            self.stopped = true;
        }
        !self.stopped
    }

    fn item(&mut self, kind: ItemKind, id: i64) -> Result<()> {
        if !self.go_on(0) {
            return Ok(());
        }
        let emptied = match kind {
            ItemKind::Evaluation => self.rows(
                kind,
                id,
                "DELETE FROM prediction WHERE evaluation_id = ?1 AND n IN
                   (SELECT n FROM prediction WHERE evaluation_id = ?1 LIMIT ?2)",
            )?,
            ItemKind::Fakes => self.rows(
                kind,
                id,
                "DELETE FROM fake WHERE id IN (SELECT id FROM fake WHERE fake_set_id = ?1 LIMIT ?2)",
            )?,
            ItemKind::Split => self.rows(
                kind,
                id,
                "DELETE FROM split_pair WHERE split_id = ?1 AND (side, pair_id) IN
                   (SELECT side, pair_id FROM split_pair WHERE split_id = ?1 LIMIT ?2)",
            )?,
            ItemKind::Run => {
                self.rows(
                    kind,
                    id,
                    "DELETE FROM metric WHERE run_id = ?1 AND (name, step) IN
                       (SELECT name, step FROM metric WHERE run_id = ?1 LIMIT ?2)",
                )? && self.rows(
                    kind,
                    id,
                    "DELETE FROM run_sample WHERE run_id = ?1 AND (step, n) IN
                       (SELECT step, n FROM run_sample WHERE run_id = ?1 LIMIT ?2)",
                )?
            }
            ItemKind::Base => true,
            ItemKind::Generation => self.candidates(id)?,
            ItemKind::Source => self.source(id)?,
        };
        if !emptied {
            return Ok(());
        }
        let store = self.store;
        let gone = match kind {
            // its comments are gone: no need to search all the others for one
            ItemKind::Source => store.write_joined(kind.family(), |db| last_row(db, kind, id)),
            _ => store.write(kind.family(), |db| last_row(db, kind, id)),
        };
        let rows = gone.map_err(|error| match error {
            Error::Sql(sql) if is_foreign_key(&sql) => Error::Refused {
                what: format!("{kind} {id}"),
                done: "removed",
                why: "something still refers to it".to_owned(),
            },
            other => other,
        })?;
        self.swept.items += 1;
        self.go_on(rows);
        Ok(())
    }

    /// Removes rows of an item in batches; false: it was stopped. References are not checked: whatever refers to these
    /// rows was removed before.
    fn rows(&mut self, kind: ItemKind, id: i64, sql: &str) -> Result<bool> {
        loop {
            let rows = self.store.write_joined(kind.family(), |db| {
                Ok(db
                    .prepare_cached(sql)?
                    .execute(params![id, BATCH_ROWS as i64])?)
            })?;
            if !self.go_on(rows) {
                return Ok(false);
            }
            if rows == 0 {
                return Ok(true);
            }
        }
    }

    /// The candidates of a generation, with the replies made from them and the comments that only these answered.
    fn candidates(&mut self, id: i64) -> Result<bool> {
        let mut after = i64::MIN;
        loop {
            let batch = self.store.write(Family::Threads, |db| {
                let sql =
                    "SELECT id, comment_id FROM candidate WHERE generation_id = ?1 AND id > ?2
                           ORDER BY id LIMIT ?3";
                let found: Vec<(i64, i64)> = db
                    .prepare_cached(sql)?
                    .query_map(params![id, after, SMALL_BATCH as i64], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })?
                    .collect::<Result<_, _>>()?;
                let Some((last, _)) = found.last().copied() else {
                    return Ok(None);
                };
                let mut rows = 0;
                for (candidate, comment) in found {
                    rows += remove_candidate(db, candidate, comment)?;
                }
                touch(db, Family::Queue)?;
                Ok(Some((last, rows)))
            })?;
            let Some((last, rows)) = batch else {
                return Ok(true);
            };
            after = last;
            if !self.go_on(rows) {
                return Ok(false);
            }
        }
    }

    /// The pairs, comments and posts of a source.
    fn source(&mut self, id: i64) -> Result<bool> {
        for table in ["comment", "post"] {
            let mut after = i64::MIN;
            loop {
                // a window of the table, whatever source its rows belong to, so that it never takes long
                let batch = self.store.write_joined(Family::Sources, |db| {
                    let sql = format!(
                        "SELECT max(id) FROM (SELECT id FROM {table} WHERE id > ?1 ORDER BY id LIMIT ?2)"
                    );
                    let last: Option<i64> = db
                        .prepare_cached(&sql)?
                        .query_row(params![after, BATCH_ROWS as i64], |row| row.get(0))?;
                    let Some(last) = last else { return Ok(None) };
                    let rows = match table {
                        "comment" => remove_comments(db, id, after, last)?,
                        _ => db
                            .prepare_cached(
                                "DELETE FROM post WHERE id > ?2 AND id <= ?3 AND source_id = ?1",
                            )?
                            .execute([id, after, last])?,
                    };
                    Ok(Some((last, rows)))
                })?;
                let Some((last, rows)) = batch else { break };
                after = last;
                if !self.go_on(rows) {
                    return Ok(false);
                }
            }
        }
        let left: bool = self.store.read(|db| {
            let sql = "SELECT EXISTS (SELECT 1 FROM comment WHERE source_id = ?1)
                           OR EXISTS (SELECT 1 FROM post WHERE source_id = ?1)";
            Ok(db.query_row(sql, [id], |row| row.get(0))?)
        })?;
        if left {
            return Err(Error::Refused {
                what: format!("source {id}"),
                done: "removed",
                why: "a split created in the meantime has pairs of it".to_owned(),
            });
        }
        Ok(true)
    }

    /// The weights that no bundle uses any more.
    fn blobs(&mut self) -> Result<()> {
        loop {
            if !self.go_on(0) {
                return Ok(());
            }
            let hash: Option<Hash> = self.store.read(|db| {
                let sql = "SELECT hash FROM deleting_blob LIMIT 1";
                Ok(db.query_row(sql, [], |row| row.get(0)).optional()?)
            })?;
            let Some(hash) = hash else { return Ok(()) };
            self.swept.bytes += self.store.collect(&[hash])?;
            self.store.write(Family::Bases, |db| {
                db.prepare_cached("DELETE FROM deleting_blob WHERE hash = ?1")?
                    .execute([&hash[..]])?;
                Ok(())
            })?;
        }
    }
}

/// Removes a candidate and its reply, unless the reply must be kept.
fn remove_candidate(db: &Transaction<'_>, candidate: i64, comment: i64) -> Result<usize> {
    let sql = format!("SELECT q.id, {KEPT} FROM reply q WHERE q.candidate_id = ?1");
    let reply: Option<(i64, bool)> = db
        .prepare_cached(&sql)?
        .query_row([candidate], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match reply {
        Some((_, true)) => return Ok(0),
        Some((reply, false)) => {
            for sql in [
                "DELETE FROM reply_event WHERE reply_id = ?1",
                "DELETE FROM reply WHERE id = ?1",
            ] {
                db.prepare_cached(sql)?.execute([reply])?;
            }
        }
        None => {}
    }
    db.prepare_cached("DELETE FROM candidate WHERE id = ?1")?
        .execute([candidate])?;
    // what was pasted, read from a file or taken from the test set was only stored to be answered; Reddit's threads
    // have their own retention
    let thread: Option<i64> = db
        .prepare_cached(
            "SELECT c.thread_id FROM thread_comment c JOIN thread t ON t.id = c.thread_id
             WHERE c.id = ?1 AND t.origin <> 'reddit'
               AND NOT EXISTS (SELECT 1 FROM candidate WHERE comment_id = c.id)
               AND NOT EXISTS (SELECT 1 FROM thread_comment WHERE parent_id = c.id)",
        )?
        .query_row([comment], |row| row.get(0))
        .optional()?;
    if let Some(thread) = thread {
        db.prepare_cached("DELETE FROM thread_comment WHERE id = ?1")?
            .execute([comment])?;
        db.prepare_cached(
            "DELETE FROM thread WHERE id = ?1
               AND NOT EXISTS (SELECT 1 FROM thread_comment WHERE thread_id = ?1)",
        )?
        .execute([thread])?;
    }
    Ok(1 + usize::from(reply.is_some()) + usize::from(thread.is_some()))
}

/// Removes the comments of a source between two ids, with their pairs.
fn remove_comments(db: &Transaction<'_>, source: i64, after: i64, last: i64) -> Result<usize> {
    const OF_WINDOW: &str = "id > ?2 AND id <= ?3 AND source_id = ?1";
    let sql = format!(
        "SELECT id FROM pair WHERE id IN (SELECT id FROM comment WHERE {OF_WINDOW})
         UNION SELECT id FROM pair WHERE comment_id IN (SELECT id FROM comment WHERE {OF_WINDOW})"
    );
    let pairs: Vec<i64> = db
        .prepare_cached(&sql)?
        .query_map([source, after, last], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut rows = 0;
    for pair in pairs {
        let removed = db
            .prepare_cached(
                "DELETE FROM pair WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM split_pair WHERE pair_id = ?1)",
            )?
            .execute([pair])?;
        if removed > 0 {
            db.prepare_cached("DELETE FROM pair_words WHERE rowid = ?1")?
                .execute([pair])?;
        }
        rows += removed;
    }
    let sql = format!(
        "DELETE FROM comment WHERE {OF_WINDOW}
           AND NOT EXISTS (SELECT 1 FROM pair WHERE pair.id = comment.id)
           AND NOT EXISTS (SELECT 1 FROM pair WHERE pair.comment_id = comment.id)"
    );
    let comments = db.prepare_cached(&sql)?.execute([source, after, last])?;
    if rows > 0 {
        touch(db, Family::Pairs)?;
    }
    Ok(rows + comments)
}

/// Removes an item's own row, its other dependents, and its mark. Returns the number of rows.
fn last_row(db: &Transaction<'_>, kind: ItemKind, id: i64) -> Result<usize> {
    let mut rows = 0;
    match kind {
        ItemKind::Run => {
            let mut query = db.prepare_cached(
                "SELECT bundle_id, optimizer_id FROM checkpoint WHERE run_id = ?1",
            )?;
            let checkpoints: Vec<(i64, Option<i64>)> = query
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            rows += db.execute(
                "DELETE FROM quality WHERE checkpoint_id IN (SELECT id FROM checkpoint WHERE run_id = ?1)",
                [id],
            )?;
            rows += db.execute("DELETE FROM checkpoint WHERE run_id = ?1", [id])?;
            for (weights, moments) in checkpoints {
                release(db, weights)?;
                if let Some(moments) = moments {
                    release(db, moments)?;
                }
            }
            let job: Option<String> = db
                .query_row("SELECT job_id FROM run WHERE id = ?1", [id], |row| {
                    row.get(0)
                })
                .optional()?
                .flatten();
            // its result stays in the table of the sweep
            db.execute("UPDATE trial SET run_id = NULL WHERE run_id = ?1", [id])?;
            rows += db.execute("DELETE FROM run WHERE id = ?1", [id])?;
            // the job that made it is removed too, since its log is about the run
            if let Some(job) = job {
                remove_job(db, &job)?;
            }
        }
        ItemKind::Base => {
            let bundle: Option<i64> = db
                .query_row("SELECT bundle_id FROM base WHERE id = ?1", [id], |row| {
                    row.get(0)
                })
                .optional()?;
            rows += db.execute("DELETE FROM base WHERE id = ?1", [id])?;
            if let Some(bundle) = bundle {
                release(db, bundle)?;
            }
        }
        ItemKind::Generation => {
            let left: bool = db.query_row(
                "SELECT EXISTS (SELECT 1 FROM candidate WHERE generation_id = ?1)",
                [id],
                |row| row.get(0),
            )?;
            let sql = match left {
                true => {
                    "UPDATE generation SET generator = NULL, realism = NULL, upvotes = NULL, name = ''
                     WHERE id = ?1"
                }
                false => "DELETE FROM generation WHERE id = ?1",
            };
            rows += db.execute(sql, [id])?;
            // the outcome of the job that generated it contains all its texts
            let mut query = db.prepare_cached(
                "SELECT id FROM job WHERE kind IN ('generate', 'draft') AND json_valid(outcome)
                   AND ?1 IN (json_extract(outcome, '$.generation'),
                              json_extract(outcome, '$.generated.generation'))",
            )?;
            let jobs: Vec<String> = query
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for job in jobs {
                remove_job(db, &job)?;
            }
        }
        ItemKind::Source => {
            // references are not checked here: whatever belongs to a source is removed by name
            let mut query = db.prepare_cached(
                "SELECT m.name, f.\"from\" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
                 WHERE m.type = 'table' AND f.\"table\" = 'source' AND m.name NOT IN ('comment', 'post')",
            )?;
            let children: HashMap<String, String> = query
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            for (table, column) in children {
                rows += db.execute(&format!("DELETE FROM {table} WHERE {column} = ?1"), [id])?;
            }
            rows += db.execute("DELETE FROM source WHERE id = ?1", [id])?;
        }
        ItemKind::Split | ItemKind::Fakes | ItemKind::Evaluation => {
            let sql = format!("DELETE FROM {} WHERE id = ?1", kind.table());
            rows += db.execute(&sql, [id])?;
        }
    }
    items::unlabel(db, kind, id)?;
    db.prepare_cached("DELETE FROM deleting WHERE kind = ?1 AND id = ?2")?
        .execute(params![kind.as_str(), id])?;
    Ok(rows)
}

/// Removes a bundle, and schedules its blobs for removal.
fn release(db: &Transaction<'_>, bundle: i64) -> Result<()> {
    for hash in blobs::hashes(db, bundle)? {
        db.prepare_cached("INSERT INTO deleting_blob (hash) VALUES (?1) ON CONFLICT DO NOTHING")?
            .execute([&hash[..]])?;
    }
    blobs::unbind(db, bundle)
}

/// Removes a job that made something that is gone, with its log; one that others refer to stays.
fn remove_job(db: &Transaction<'_>, job: &str) -> Result<()> {
    match db.execute("DELETE FROM job WHERE id = ?1", [job]) {
        Ok(_) => {}
        Err(error) if is_foreign_key(&error) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    db.execute(
        "DELETE FROM setting WHERE key IN ('steps of ' || ?1, 'quality of ' || ?1, 'decoding of ' || ?1)",
        [job],
    )?;
    touch(db, Family::Jobs)
}
