//! Splits: named and locked; each pair of a split is in one partition.

use repartee_datasets::Partition;
use repartee_datasets::duplicates::PostKey;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::is_unique;
use crate::items::ItemKind;
use crate::readable::{of_row, readable};
use crate::watch::Family;
use crate::{BATCH_ROWS, Error, Result, Store};

/// A split to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSplit {
    pub name: String,
    /// Seed of the assignment.
    pub seed: i64,
    /// JSON: shares of the partitions, bin edges, near-duplicate threshold.
    pub config: String,
}

/// A stored split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub id: i64,
    pub name: String,
    /// Seed of the assignment.
    pub seed: i64,
    /// JSON: shares of the partitions, bin edges, near-duplicate threshold.
    pub config: String,
    /// JSON: the last audit.
    pub audit: Option<String>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// Contents of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionCount {
    pub pairs: u64,
    pub threads: u64,
    /// Pairs whose reply has a score.
    pub scored: u64,
}

/// What a model sees of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub pair_id: i64,
    pub comment: String,
    pub reply: String,
    /// Of the reply; `None`: unknown.
    pub score: Option<i64>,
}

/// A pair's place in a split, for audits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub pair_id: i64,
    pub thread_id: i64,
    pub partition: Partition,
    pub comment: String,
    pub reply: String,
}

/// Suffix of a split's name while it is being written.
pub(crate) const UNFINISHED: &str = " (unfinished)";

const COLUMNS: &str = "id, name, seed, config, audit, created_ms";

fn split_row(row: &Row<'_>) -> rusqlite::Result<Split> {
    Ok(Split {
        id: row.get(0)?,
        name: row.get(1)?,
        seed: row.get(2)?,
        config: row.get(3)?,
        audit: row.get(4)?,
        created_ms: row.get(5)?,
    })
}

impl Store {
    /// Makes a split of these pairs and returns its id. It is written in batches under a temporary name and renamed
    /// with the last one, so that nobody ever sees a part of it.
    ///
    /// # Errors
    /// [`Error::NameTaken`].
    pub fn split_insert(
        &self,
        new: &NewSplit,
        members: &[(i64, Partition)],
        now_ms: i64,
    ) -> Result<i64> {
        let taken = || Error::NameTaken {
            what: "split",
            name: new.name.clone(),
        };
        let unfinished = format!("{}{UNFINISHED}", new.name);
        let id = self.write(Family::Splits, |db| {
            if id_of(db, &new.name)?.is_some() {
                return Err(taken());
            }
            // left by a process that was killed while writing it
            db.execute("DELETE FROM split WHERE name = ?1", [&unfinished])?;
            db.execute(
                "INSERT INTO split (name, seed, config, created_ms) VALUES (?1, ?2, ?3, ?4)",
                params![unfinished, new.seed, new.config, now_ms],
            )?;
            Ok(db.last_insert_rowid())
        })?;
        let mut members = members.to_vec();
        members.sort_unstable_by_key(|(pair, partition)| (*partition, *pair)); // the order of the table
        for batch in members.chunks(BATCH_ROWS) {
            self.write(Family::Splits, |db| {
                let sql = "INSERT INTO split_pair (split_id, side, pair_id) VALUES (?1, ?2, ?3)";
                let mut insert = db.prepare_cached(sql)?;
                for (pair, partition) in batch {
                    insert.execute(params![id, *partition as i64, pair])?;
                }
                Ok(())
            })?;
        }
        self.write(Family::Splits, |db| {
            let named = db.execute(
                "UPDATE split SET name = ?2 WHERE id = ?1",
                params![id, new.name],
            );
            match named {
                Ok(_) => Ok(id),
                Err(error) if is_unique(&error) => Err(taken()),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// A split by its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn split(&self, name: &str) -> Result<Split> {
        let all = self.splits()?;
        match all.iter().position(|split| split.name == name) {
            Some(at) => Ok(all[at].clone()),
            None => Err(Error::Missing {
                what: "split",
                name: name.to_owned(),
                there: all.into_iter().map(|split| split.name).collect(),
            }),
        }
    }

    /// A split by its id.
    pub fn split_by_id(&self, id: i64) -> Result<Option<Split>> {
        self.read(|db| {
            let is_there = ItemKind::Split.is_there("");
            let sql = format!("SELECT {COLUMNS} FROM split WHERE id = ?1 AND {is_there}");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id], split_row)
                .optional()?)
        })
    }

    /// All splits, oldest first.
    pub fn splits(&self) -> Result<Vec<Split>> {
        self.read(|db| {
            let is_there = ItemKind::Split.is_there("");
            let sql = format!("SELECT {COLUMNS} FROM split WHERE {is_there} ORDER BY id");
            readable(db.prepare_cached(&sql)?.query_map([], split_row)?)
        })
    }

    /// Contents of each partition, in the order of [`Partition::ALL`].
    pub fn split_counts(&self, split_id: i64) -> Result<[PartitionCount; 3]> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT count(*), count(DISTINCT p.thread_id), count(r.score)
                 FROM split_pair s JOIN pair p ON p.id = s.pair_id JOIN comment r ON r.id = p.id
                 WHERE s.split_id = ?1 AND s.side = ?2",
            )?;
            let mut counts = [PartitionCount::default(); 3];
            for (partition, count) in Partition::ALL.into_iter().zip(&mut counts) {
                *count = query.query_row(params![split_id, partition as i64], |row| {
                    Ok(PartitionCount {
                        pairs: row.get::<_, i64>(0)?.unsigned_abs(),
                        threads: row.get::<_, i64>(1)?.unsigned_abs(),
                        scored: row.get::<_, i64>(2)?.unsigned_abs(),
                    })
                })?;
            }
            Ok(counts)
        })
    }

    /// Stores the result of an audit (JSON).
    pub fn split_audited(&self, split_id: i64, audit: &str) -> Result<()> {
        self.write(Family::Splits, |db| {
            db.execute(
                "UPDATE split SET audit = ?2 WHERE id = ?1",
                params![split_id, audit],
            )?;
            Ok(())
        })
    }

    /// Examples of a partition after a pair's id (`None`: from the first), by id, at most `limit`. Pairs that lost a
    /// text to deletion are omitted.
    pub fn examples(
        &self,
        split_id: i64,
        partition: Partition,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Example>> {
        let compare = if after.is_some() { ">" } else { ">=" };
        let sql = format!(
            "SELECT p.id, c.body, r.body, r.score
             FROM split_pair s CROSS JOIN pair p ON p.id = s.pair_id
                  CROSS JOIN comment r ON r.id = p.id CROSS JOIN comment c ON c.id = p.comment_id
             WHERE s.split_id = ?1 AND s.side = ?2 AND s.pair_id {compare} ?3
               AND NOT is_notice(c.body) AND NOT is_notice(r.body)
             ORDER BY s.pair_id LIMIT ?4"
        );
        self.read(|db| {
            let mut query = db.prepare_cached(&sql)?;
            let after = after.unwrap_or(i64::MIN);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.query_map(
                params![split_id, partition as i64, after, limit],
                of_row("pair", example_row),
            )?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Calls `each` with every example of a partition, by id, until it returns false. Reads in pages, so that a slow
    /// caller keeps no transaction open.
    pub fn for_each_example(
        &self,
        split_id: i64,
        partition: Partition,
        mut each: impl FnMut(Example) -> bool,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.examples(split_id, partition, after, BATCH_ROWS)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.pair_id);
            for example in page {
                if !each(example) {
                    return Ok(());
                }
            }
        }
    }

    /// The ids of a partition's pairs, sorted: 8 bytes each, for sampling without their texts.
    pub fn split_pair_ids(&self, split_id: i64, partition: Partition) -> Result<Vec<i64>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT pair_id FROM split_pair WHERE split_id = ?1 AND side = ?2 ORDER BY pair_id",
            )?;
            let rows = query.query_map(params![split_id, partition as i64], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The examples of these pairs, in the requested order; missing ones, and those that lost a text to deletion, are
    /// omitted.
    pub fn examples_of(&self, pair_ids: &[i64]) -> Result<Vec<Example>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT p.id, c.body, r.body, r.score
                 FROM pair p JOIN comment r ON r.id = p.id JOIN comment c ON c.id = p.comment_id
                 WHERE p.id = ?1 AND NOT is_notice(c.body) AND NOT is_notice(r.body)",
            )?;
            let mut examples = Vec::with_capacity(pair_ids.len());
            for id in pair_ids {
                examples.extend(
                    query
                        .query_row([id], of_row("pair", example_row))
                        .optional()?,
                );
            }
            Ok(examples)
        })
    }

    /// The known scores of a partition's replies, by id: for bin edges.
    pub fn split_scores(&self, split_id: i64, partition: Partition) -> Result<Vec<i64>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT r.score FROM split_pair s JOIN comment r ON r.id = s.pair_id
                 WHERE s.split_id = ?1 AND s.side = ?2 AND r.score IS NOT NULL ORDER BY s.pair_id",
            )?;
            let rows = query.query_map(params![split_id, partition as i64], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Calls `each` with every pair of a split and its partition, one partition after the other.
    pub fn for_each_placed(&self, split_id: i64, mut each: impl FnMut(Placed)) -> Result<()> {
        for partition in Partition::ALL {
            self.read(|db| {
                let mut query = db.prepare_cached(
                    "SELECT p.id, p.thread_id, c.body, r.body
                     FROM split_pair s CROSS JOIN pair p ON p.id = s.pair_id
                          CROSS JOIN comment r ON r.id = p.id
                          CROSS JOIN comment c ON c.id = p.comment_id
                     WHERE s.split_id = ?1 AND s.side = ?2 ORDER BY s.pair_id",
                )?;
                let placed = of_row("pair", |row| {
                    Ok(Placed {
                        pair_id: row.get(0)?,
                        thread_id: row.get(1)?,
                        partition,
                        comment: row.get(2)?,
                        reply: row.get(3)?,
                    })
                });
                for one in query.query_map(params![split_id, partition as i64], placed)? {
                    each(one?);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Calls `each` with every post in the project that has pairs, by its id.
    pub fn for_each_thread_post(&self, mut each: impl FnMut(PostKey)) -> Result<()> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT t.id, t.subreddit, t.author, t.title, t.selftext, t.score FROM post t
                 WHERE EXISTS (SELECT 1 FROM pair p WHERE p.thread_id = t.id) ORDER BY t.id",
            )?;
            let key = of_row("post", |row| {
                Ok(PostKey {
                    id: row.get(0)?,
                    subreddit: row.get(1)?,
                    author: row.get(2)?,
                    title: row.get(3)?,
                    selftext: row.get(4)?,
                    score: row.get(5)?,
                })
            });
            for one in query.query_map([], key)? {
                each(one?);
            }
            Ok(())
        })
    }

    /// Pairs of a split whose stored partition is none of the three, with the stored number, by id. Another program
    /// wrote it: such a pair is in no partition, and no audit can compare it.
    pub fn split_pairs_unplaced(&self, split_id: i64) -> Result<Vec<(i64, i64)>> {
        self.read(|db| {
            // two ranges of the primary key
            let mut query = db.prepare_cached(
                "SELECT pair_id, side FROM split_pair WHERE split_id = ?1 AND side < 0
                 UNION ALL SELECT pair_id, side FROM split_pair WHERE split_id = ?1 AND side > 2
                 ORDER BY 1",
            )?;
            let rows = query.query_map([split_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Threads with pairs in more than one partition of a split: (thread, partitions). Empty unless the split leaks.
    pub fn split_torn_threads(&self, split_id: i64) -> Result<Vec<(i64, u32)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT p.thread_id, count(DISTINCT s.side)
                 FROM split_pair s JOIN pair p ON p.id = s.pair_id
                 WHERE s.split_id = ?1 GROUP BY 1 HAVING count(DISTINCT s.side) > 1 ORDER BY 1",
            )?;
            let rows = query.query_map([split_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn example_row(row: &Row<'_>) -> rusqlite::Result<Example> {
    Ok(Example {
        pair_id: row.get(0)?,
        comment: row.get(1)?,
        reply: row.get(2)?,
        score: row.get(3)?,
    })
}

fn id_of(db: &Connection, name: &str) -> Result<Option<i64>> {
    let sql = "SELECT id FROM split WHERE name = ?1";
    Ok(db
        .prepare_cached(sql)?
        .query_row([name], |row| row.get(0))
        .optional()?)
}
