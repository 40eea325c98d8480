//! Maintenance of the file: integrity, space used, compaction.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;

use crate::blobs::{self, Hash};
use crate::contents::{Judge, RowFault};
use crate::watch::Family;
use crate::{Error, Result, Store, beside};

/// The result of a check. Empty lists mean that everything is fine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Check {
    /// Foreign or changed objects in the schema: triggers, views, tables, indexes.
    pub schema: Vec<String>,
    /// Errors that SQLite finds in pages, indexes and constraints.
    pub integrity: Vec<String>,
    /// Rows that refer to missing rows: "table row N refers to table".
    pub foreign_keys: Vec<String>,
    /// Stored parts whose bytes are missing or changed, with where they belong.
    pub blobs: Vec<String>,
    /// Errors in the full-text index.
    pub search: Vec<String>,
    /// Values that cannot be read or are impossible: invalid UTF-8 or JSON, unknown words, a probability of 7.5.
    pub rows: Vec<RowFault>,
    /// Number of blobs compared with their hash.
    pub blobs_checked: u64,
    /// Their size in bytes.
    pub bytes_checked: u64,
}

impl Check {
    /// Whether nothing was found.
    pub fn is_whole(&self) -> bool {
        self.schema.is_empty()
            && self.integrity.is_empty()
            && self.foreign_keys.is_empty()
            && self.blobs.is_empty()
            && self.search.is_empty()
            && self.rows.is_empty()
    }
}

/// The result of compacting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of the file and its write-ahead log before.
    pub before: u64,
    pub after: u64,
    /// Bytes of tensors that were no longer used.
    pub collected: u64,
}

/// Space used by a family of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// comments, pairs, splits, weights, ...
    pub family: &'static str,
    /// Bytes of its tables and indexes.
    pub bytes: u64,
    /// Rows of its main table.
    pub rows: u64,
}

/// Space used by the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of its write-ahead log.
    pub wal: u64,
    /// Free bytes within the file, which [`Store::compact`] releases.
    pub free: u64,
    /// The largest first; families with nothing but an empty page are omitted.
    pub families: Vec<Space>,
}

/// Families of tables; the rows of a family's first table are counted.
pub(crate) const FAMILIES: [(&str, &[&str]); 16] = [
    ("sources", &["source", "rejected", "study_record"]),
    ("comments", &["comment"]),
    ("posts", &["post"]),
    ("pairs", &["pair", "excluded_pair", "excluded_author"]),
    (
        "search",
        &[
            "pair_words_docsize",
            "pair_words_data",
            "pair_words_idx",
            "pair_words_config",
            "pair_words",
        ],
    ),
    ("splits", &["split_pair", "split"]),
    ("weights", &["chunk", "blob", "bundle", "bundle_part"]),
    (
        "models",
        &[
            "checkpoint",
            "quality",
            "sweep",
            "trial",
            "base",
            "run",
            "metric",
            "run_sample",
            "seen",
            "deleted_content",
        ],
    ),
    ("fakes", &["fake", "fake_set"]),
    ("evaluations", &["prediction", "evaluation"]),
    (
        "candidates",
        &["candidate", "generation", "thread", "thread_comment"],
    ),
    ("queue", &["reply", "reply_event", "attempt", "probe"]),
    ("outcomes", &["outcome"]),
    (
        "reddit",
        &[
            "account",
            "subreddit",
            "opt_out",
            "purged",
            "purged_text",
            "audit",
            "throttle",
            "lease",
        ],
    ),
    (
        "jobs",
        &["job", "job_log", "left_out", "setting", "touched"],
    ),
    ("labels", &["label", "tag", "deleting", "deleting_blob"]),
];

impl Store {
    /// Checks the whole file: SQLite's integrity check, every reference, every blob against its hash, and the schema
    /// against that of our migrations. Reads all of it; others may read and write at the same time. `on_blob` gets the
    /// bytes checked so far and in total, and stops the check by returning false.
    ///
    /// # Errors
    /// If the file cannot be read at all; damage is no error but part of the result.
    pub fn check(&self, on_blob: impl FnMut(u64, u64) -> bool) -> Result<Check> {
        self.check_judged(&|_, _, _, _| None, on_blob)
    }

    /// As [`Store::check`]; `judge` knows what values mean to the layer above, and returns what is wrong with one.
    ///
    /// # Errors
    /// As [`Store::check`].
    pub fn check_judged(
        &self,
        judge: &Judge<'_>,
        mut on_blob: impl FnMut(u64, u64) -> bool,
    ) -> Result<Check> {
        let mut check = Check::default();
        let schema = self.read(|db| {
            let (_, faults) = crate::schema::compare(db)?;
            Ok(faults.iter().map(ToString::to_string).collect())
        });
        check.schema = noted(schema)?;
        // a damaged page can end each part of the check; that too is part of the result
        let integrity = match check.schema.is_empty() {
            true => self.read_with_checks(integrity),
            // no expression of a foreign schema is evaluated
            false => self.read(integrity),
        };
        check.integrity = noted(integrity)?;
        check.integrity.retain(|line| line != "ok");
        let foreign_keys = self.read(|db| {
            let mut query = db.prepare("PRAGMA foreign_key_check")?;
            let lines = query.query_map([], |row| {
                let (table, id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
                let parent: String = row.get(2)?;
                Ok(match id {
                    Some(id) => format!("{table} row {id} refers to a missing {parent}"),
                    None => format!("a row of {table} refers to a missing {parent}"),
                })
            })?;
            Ok(lines.take(100).collect::<Result<Vec<_>, _>>()?)
        });
        check.foreign_keys = noted(foreign_keys)?;
        check.search = noted(self.search_fault().map(|fault| fault.into_iter().collect()))?;
        check.rows = self.row_faults(judge)?;
        let blobs = self.read(|db| {
            let mut query = db.prepare("SELECT hash, bytes FROM blob ORDER BY hash")?;
            let rows = query.query_map([], |row| {
                Ok((row.get::<_, Hash>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
            })?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        let blobs = match blobs {
            Err(error) => {
                check.blobs.extend(noted(Err(error))?);
                Vec::new()
            }
            Ok(blobs) => blobs,
        };
        let total = blobs.iter().map(|(_, bytes)| bytes).sum();
        for (hash, bytes) in blobs {
            match self.read(|db| blob_fault(db, &hash, bytes)) {
                Ok(fault) => check.blobs.extend(fault),
                Err(error) => check.blobs.extend(noted(Err(error))?),
            }
            check.blobs_checked += 1;
            check.bytes_checked += bytes;
            if !on_blob(check.bytes_checked, total) {
                break;
            }
        }
        Ok(check)
    }

    /// Compacts the file: removes unused tensors, rebuilds the file without its free pages, and empties the write-ahead
    /// log. Needs as much free disk space as the file's size, and no other writer; deleted texts are gone from the file
    /// afterwards.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] while another process is writing, [`crate::Error::Full`]; the file is then unchanged.
    pub fn compact(&self) -> Result<Compacted> {
        let before = self.file_bytes();
        let unused: Vec<Hash> = self.write(Family::Bases, |db| {
            db.execute(
                "DELETE FROM bundle WHERE id NOT IN (SELECT bundle_id FROM base)
                    AND id NOT IN (SELECT bundle_id FROM checkpoint)
                    AND id NOT IN (SELECT optimizer_id FROM checkpoint WHERE optimizer_id IS NOT NULL)",
                [],
            )?;
            let mut query =
                db.prepare("SELECT hash FROM blob WHERE hash NOT IN (SELECT hash FROM bundle_part)")?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let collected = self.collect(&unused)?;
        self.write_bare(|db| {
            // VACUUM writes the new file through the log; PRAGMA optimize refreshes the planner's statistics
            db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA optimize;")?;
            Ok(())
        })?;
        Ok(Compacted {
            before,
            after: self.file_bytes(),
            collected,
        })
    }

    /// Space used by the project.
    pub fn size(&self) -> Result<Size> {
        let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |m| m.len());
        self.read(|db| {
            let pragma = |name: &str| -> Result<u64> {
                let n: i64 = db.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?;
                Ok(n.unsigned_abs())
            };
            // each table and index with the bytes of its pages, and the table an index belongs to
            let mut query = db.prepare(
                "SELECT coalesce(m.tbl_name, s.name), sum(s.pgsize)
                 FROM dbstat s LEFT JOIN sqlite_schema m ON m.name = s.name
                 WHERE s.aggregate = TRUE GROUP BY 1",
            )?;
            let tables: BTreeMap<String, u64> = query
                .query_map([], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
                })?
                .collect::<Result<_, _>>()?;
            let mut families = Vec::new();
            for (family, members) in FAMILIES {
                let bytes = members.iter().filter_map(|table| tables.get(*table)).sum();
                let sql = format!("SELECT count(*) FROM {}", members[0]);
                let rows: i64 = db.query_row(&sql, [], |row| row.get(0))?;
                families.push(Space {
                    family,
                    bytes,
                    rows: rows.unsigned_abs(),
                });
            }
            families.sort_by_key(|space| std::cmp::Reverse(space.bytes));
            Ok(Size {
                file: bytes(self.path()),
                wal: bytes(&beside(self.path(), "-wal")),
                free: pragma("freelist_count")? * pragma("page_size")?,
                families,
            })
        })
    }

    /// Bytes of the file and its write-ahead log.
    pub fn file_bytes(&self) -> u64 {
        let bytes = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |m| m.len());
        bytes(self.path()) + bytes(&beside(self.path(), "-wal"))
    }
}

/// The output of SQLite's integrity check. It compares rows with the CHECKs of the schema only on a connection that
/// could write ([`Store::read_with_checks`]).
fn integrity(db: &rusqlite::Connection) -> Result<Vec<String>> {
    let mut query = db.prepare("PRAGMA integrity_check(100)")?;
    let lines = query.query_map([], |row| row.get::<_, String>(0))?;
    Ok(lines.collect::<Result<Vec<_>, _>>()?)
}

/// Reports damage as a line of the result instead of an error.
fn noted(lines: Result<Vec<String>>) -> Result<Vec<String>> {
    match lines {
        Err(Error::Damaged(what) | Error::Unreadable(what)) => Ok(vec![what]),
        // in an untrusted file a table may be a view, and a number a text
        Err(Error::Sql(error)) => Ok(vec![error.to_string()]),
        other => other,
    }
}

/// What is wrong with a blob, and where it belongs; `None`: nothing. A blob without a bundle is being stored right now,
/// or was when its process was killed: no error.
fn blob_fault(db: &rusqlite::Connection, hash: &Hash, bytes: u64) -> Result<Option<String>> {
    let sql = "SELECT name, (SELECT 'base ' || name FROM base WHERE bundle_id = p.bundle_id),
                  (SELECT r.name || ' (' || k.role || ')' FROM checkpoint k JOIN run r ON r.id = k.run_id
                   WHERE p.bundle_id IN (k.bundle_id, k.optimizer_id))
               FROM bundle_part p WHERE hash = ?1 LIMIT 1";
    let mut query = db.prepare_cached(sql)?;
    let mut rows = query.query([&hash[..]])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    // a name that is not UTF-8 is reported with its row, once
    let name = |column| -> Result<Option<String>> {
        Ok(match row.get_ref(column)? {
            ValueRef::Text(name) => Some(String::from_utf8_lossy(name).into_owned()),
            _ => None,
        })
    };
    let (part, base, run) = (name(0)?.unwrap_or_default(), name(1)?, name(2)?);
    let data = blobs::blob(db, hash, bytes)?;
    if *blake3::hash(&data).as_bytes() == *hash {
        return Ok(None);
    }
    let owner = base.or(run).unwrap_or_else(|| "nothing".into());
    let what = if data.len() as u64 == bytes {
        "its bytes differ from those stored".to_owned()
    } else {
        format!("only {} of its {bytes} bytes exist", data.len())
    };
    Ok(Some(format!("{part} of {owner}: {what}")))
}
