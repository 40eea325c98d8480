//! Sources: what was imported, from where, under which permission, and which rows were bad.

use repartee_datasets::{Origin, Permission, Rejected};
use rusqlite::{OptionalExtension, Row, params};

use crate::error::is_foreign_key;
use crate::items::{self, ItemKind};
use crate::readable::readable;
use crate::watch::Family;
use crate::{BATCH_ROWS, Error, Result, Store};

/// The format of a source whose format is not detected yet: it is being read, or its import was interrupted.
pub const READING: &str = "reading";

/// A source to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewSource {
    /// Display name: usually the file's.
    pub name: String,
    pub path: String,
    /// `Format::name` of the datasets crate.
    pub format: String,
    /// JSON: filters and column mapping.
    pub options: String,
    /// Permission under which it may be used.
    pub permission: Permission,
    /// Note on the permission.
    pub note: String,
    pub origin: Origin,
}

/// A stored source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub id: i64,
    /// Display name.
    pub name: String,
    pub path: String,
    pub format: String,
    /// blake3 of the file's bytes, in hex; `None` until it was read completely.
    pub hash: Option<String>,
    /// JSON: filters and column mapping.
    pub options: String,
    /// Permission under which it may be used.
    pub permission: Permission,
    /// Note on the permission.
    pub note: String,
    pub origin: Origin,
    /// JSON: rows read, kept, new, dropped by each filter, rejected.
    pub counts: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

const COLUMNS: &str =
    "id, name, path, format, hash, options, permission, note, counts, created_ms, origin";

fn source_row(row: &Row<'_>) -> rusqlite::Result<Source> {
    Ok(Source {
        id: row.get(0)?,
        name: row.get(1)?,
        path: row.get(2)?,
        format: row.get(3)?,
        hash: row.get(4)?,
        options: row.get(5)?,
        // a choice of a later version reads as unknown, which claims nothing
        permission: row.get_ref(6)?.as_str()?.parse().unwrap_or_default(),
        note: row.get(7)?,
        counts: row.get(8)?,
        created_ms: row.get(9)?,
        // a choice of a later version reads as unknown, which requires permission
        origin: row.get_ref(10)?.as_str()?.parse().unwrap_or_default(),
    })
}

impl Store {
    /// Adds a source and returns its id.
    pub fn source_insert(&self, new: &NewSource, now_ms: i64) -> Result<i64> {
        self.write(Family::Sources, |db| {
            db.execute(
                "INSERT INTO source (name, path, format, options, permission, note, created_ms, origin)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    new.name,
                    new.path,
                    new.format,
                    new.options,
                    new.permission.name(),
                    new.note,
                    now_ms,
                    new.origin.name()
                ],
            )?;
            Ok(db.last_insert_rowid())
        })
    }

    pub fn source(&self, id: i64) -> Result<Option<Source>> {
        self.read(|db| {
            let is_there = ItemKind::Source.is_there("");
            let sql = format!("SELECT {COLUMNS} FROM source WHERE id = ?1 AND {is_there}");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id], source_row)
                .optional()?)
        })
    }

    /// The source with these bytes that was read completely with the same settings; the newest if there are several.
    /// Such a file need not be read again.
    pub fn source_by_hash(&self, hash: &str, options: &str) -> Result<Option<Source>> {
        self.read(|db| {
            let is_there = ItemKind::Source.is_there("");
            let sql = format!(
                "SELECT {COLUMNS} FROM source WHERE hash = ?1 AND options = ?2 AND {is_there}
                 ORDER BY id DESC LIMIT 1"
            );
            Ok(db
                .prepare_cached(&sql)?
                .query_row([hash, options], source_row)
                .optional()?)
        })
    }

    /// The newest later source into which the same file was read completely with the same settings.
    pub fn source_rest(&self, of: &Source) -> Result<Option<i64>> {
        self.read(|db| {
            let is_there = ItemKind::Source.is_there("");
            let sql = format!(
                "SELECT max(id) FROM source WHERE path = ?1 AND options = ?2 AND id > ?3
                 AND hash IS NOT NULL AND {is_there}"
            );
            Ok(db
                .prepare_cached(&sql)?
                .query_row(params![of.path, of.options, of.id], |row| row.get(0))?)
        })
    }

    /// All sources, in import order.
    pub fn sources(&self) -> Result<Vec<Source>> {
        self.read(|db| {
            let is_there = ItemKind::Source.is_there("");
            let sql = format!("SELECT {COLUMNS} FROM source WHERE {is_there} ORDER BY id");
            readable(db.prepare_cached(&sql)?.query_map([], source_row)?)
        })
    }

    /// Stores the counts so far, and, with the hash of its bytes, that it was read completely.
    pub fn source_counted(&self, id: i64, counts: &str, hash: Option<&str>) -> Result<()> {
        self.write(Family::Sources, |db| {
            let sql = "UPDATE source SET counts = ?2, hash = coalesce(?3, hash) WHERE id = ?1";
            found(db.execute(sql, params![id, counts, hash])?, id)
        })
    }

    /// Stores the format of a source, once it is detected.
    pub fn source_format(&self, id: i64, format: &str) -> Result<()> {
        let sql = "UPDATE source SET format = ?2 WHERE id = ?1";
        self.write(Family::Sources, |db| {
            found(db.execute(sql, params![id, format])?, id)
        })
    }

    /// Changes the permission and its note.
    pub fn source_permit(&self, id: i64, permission: Permission, note: &str) -> Result<()> {
        self.write(Family::Sources, |db| {
            let sql = "UPDATE source SET permission = ?2, note = ?3 WHERE id = ?1";
            found(db.execute(sql, params![id, permission.name(), note])?, id)
        })
    }

    /// Removes a source from which nothing was kept (an import that failed at its first row).
    ///
    /// # Errors
    /// [`Error::Refused`] if comments or posts of it are stored.
    pub fn source_remove(&self, id: i64) -> Result<()> {
        self.write(Family::Sources, |db| {
            items::unlabel(db, ItemKind::Source, id)?;
            match db.execute("DELETE FROM source WHERE id = ?1", [id]) {
                Ok(n) => found(n, id),
                Err(error) if is_foreign_key(&error) => Err(Error::Refused {
                    what: format!("source {id}"),
                    done: "removed",
                    why: "comments or posts of it are in the project".into(),
                }),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// Adds rows that could not be read. A listed line keeps its first reason.
    pub fn rejected_insert(&self, source_id: i64, rows: &[Rejected]) -> Result<()> {
        for batch in rows.chunks(BATCH_ROWS) {
            self.write(Family::Sources, |db| {
                let mut insert = db.prepare_cached(
                    "INSERT INTO rejected (source_id, line, reason, excerpt) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT DO NOTHING",
                )?;
                for row in batch {
                    let line = i64::try_from(row.line).unwrap_or(i64::MAX);
                    insert.execute(params![source_id, line, row.reason, row.excerpt])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Rejected rows of a source after a line, in order of lines, at most `limit`.
    pub fn rejected(&self, source_id: i64, after_line: u64, limit: usize) -> Result<Vec<Rejected>> {
        let after = i64::try_from(after_line).unwrap_or(i64::MAX);
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT line, reason, excerpt FROM rejected WHERE source_id = ?1 AND line > ?2
                 ORDER BY line LIMIT ?3",
            )?;
            let rows = query.query_map(params![source_id, after, limit as i64], |row| {
                Ok(Rejected {
                    line: row.get::<_, i64>(0)?.unsigned_abs(),
                    reason: row.get(1)?,
                    excerpt: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn found(rows: usize, id: i64) -> Result<()> {
    match rows {
        0 => Err(Error::Missing {
            what: "source",
            name: id.to_string(),
            there: Vec::new(),
        }),
        _ => Ok(()),
    }
}
