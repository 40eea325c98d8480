//! Curation: pairs and authors that the user excludes from splits created afterwards.

use rusqlite::params;

use crate::watch::Family;
use crate::{Error, Result, Store};

/// SQL: whether a pair `p` with its reply `r` and its comment `c` is excluded.
pub(crate) const IS_EXCLUDED: &str =
    "(EXISTS (SELECT 1 FROM excluded_pair x WHERE x.pair_id = p.id)
    OR EXISTS (SELECT 1 FROM excluded_author a WHERE a.name IN (r.author, c.author)))";

/// A pair that was itself excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedPair {
    /// The pair; it may no longer be in the project.
    pub id: i64,
    pub reason: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
}

/// An author whose pairs are excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcludedAuthor {
    /// Without u/.
    pub name: String,
    pub reason: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Pairs whose comment or reply is theirs.
    pub pairs: u64,
}

impl Store {
    /// Excludes pairs and authors, all or none; excluding something again replaces the reason.
    ///
    /// # Errors
    /// [`Error::Missing`] for a pair that does not exist, or an author without texts.
    pub fn exclude(
        &self,
        pairs: &[i64],
        authors: &[String],
        reason: &str,
        now_ms: i64,
    ) -> Result<()> {
        let missing = |what: &'static str, name: String| Error::Missing {
            what,
            name,
            there: Vec::new(),
        };
        // finding an author's texts reads all comments: outside of the transaction
        let mut known = Vec::with_capacity(authors.len());
        for author in authors {
            let name: Option<String> = self.read(|db| {
                let sql = "SELECT min(author) FROM comment WHERE author = ?1 COLLATE NOCASE";
                Ok(db
                    .prepare_cached(sql)?
                    .query_row([author], |row| row.get(0))?)
            })?;
            known.push(name.ok_or_else(|| missing("author", author.clone()))?);
        }
        self.write(Family::Pairs, |db| {
            let mut is_there = db.prepare_cached("SELECT 1 FROM pair WHERE id = ?1")?;
            let mut add = db.prepare_cached(
                "INSERT INTO excluded_pair (pair_id, reason, at_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (pair_id) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms",
            )?;
            for pair in pairs {
                if !is_there.exists([pair])? {
                    return Err(missing("pair", pair.to_string()));
                }
                add.execute(params![pair, reason, now_ms])?;
            }
            let mut add = db.prepare_cached(
                "INSERT INTO excluded_author (name, reason, at_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, at_ms = excluded.at_ms",
            )?;
            for name in &known {
                add.execute(params![name, reason, now_ms])?;
            }
            Ok(())
        })
    }

    /// Undoes exclusions, all or none.
    ///
    /// # Errors
    /// [`Error::Missing`] for what is not excluded.
    pub fn include(&self, pairs: &[i64], authors: &[String]) -> Result<()> {
        let missing = |what: &'static str, name: String| Error::Missing {
            what,
            name,
            there: Vec::new(),
        };
        self.write(Family::Pairs, |db| {
            let mut remove = db.prepare_cached("DELETE FROM excluded_pair WHERE pair_id = ?1")?;
            for pair in pairs {
                if remove.execute([pair])? == 0 {
                    return Err(missing("excluded pair", pair.to_string()));
                }
            }
            let mut remove = db.prepare_cached("DELETE FROM excluded_author WHERE name = ?1")?;
            for author in authors {
                if remove.execute([author])? == 0 {
                    return Err(missing("excluded author", author.clone()));
                }
            }
            Ok(())
        })
    }

    /// Pairs that were themselves excluded, the latest first.
    pub fn excluded_pairs(&self) -> Result<Vec<ExcludedPair>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT pair_id, reason, at_ms FROM excluded_pair ORDER BY at_ms DESC, pair_id",
            )?;
            let rows = query.query_map([], |row| {
                Ok(ExcludedPair {
                    id: row.get(0)?,
                    reason: row.get(1)?,
                    at_ms: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Excluded authors, by name.
    pub fn excluded_authors(&self) -> Result<Vec<ExcludedAuthor>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT a.name, a.reason, a.at_ms, count(p.id) FROM excluded_author a
                 LEFT JOIN (SELECT p.id, r.author AS reply_author, c.author AS comment_author
                            FROM pair p JOIN comment r ON r.id = p.id JOIN comment c ON c.id = p.comment_id) p
                   ON a.name IN (p.reply_author, p.comment_author)
                 GROUP BY a.name ORDER BY a.name",
            )?;
            let rows = query.query_map([], |row| {
                Ok(ExcludedAuthor {
                    name: row.get(0)?,
                    reason: row.get(1)?,
                    at_ms: row.get(2)?,
                    pairs: row.get::<_, i64>(3)?.unsigned_abs(),
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
