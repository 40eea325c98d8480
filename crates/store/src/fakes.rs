//! Fakes: replies generated to the comments of a split, and their settings.

use repartee_datasets::Partition;
pub use repartee_terms::FinishReason;
use rusqlite::{Row, params};

use crate::error::is_unique;
use crate::fingerprints::is_copy_of_purged;
use crate::items::{ItemKind, run_of, still_there};
use crate::marks;
use crate::readable::readable;
use crate::watch::Family;
use crate::words::word;
use crate::{BATCH_ROWS, Error, Result, Store};

/// A set of fakes to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFakeSet {
    pub name: String,
    pub checkpoint_id: i64,
    /// Whose comments it answers.
    pub split_id: i64,
    /// JSON: template, decoding settings, replies per comment, seed.
    pub config: String,
}

/// A stored set of fakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeSet {
    pub id: i64,
    pub name: String,
    pub checkpoint_id: i64,
    /// Whose comments it answers.
    pub split_id: i64,
    /// JSON: template, decoding settings, replies per comment, seed.
    pub config: String,
    pub fakes: u64,
    /// Current name of its generator's run.
    pub generator: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A fake to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFake {
    /// The pair whose comment it answers.
    pub pair_id: i64,
    /// Index among the replies to that comment, from 0.
    pub n: u32,
    pub text: String,
    pub finish_reason: FinishReason,
}

/// A stored fake, with the comment that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fake {
    pub id: i64,
    /// The pair whose comment it answers.
    pub pair_id: i64,
    /// Index among the replies to that comment, from 0.
    pub n: u32,
    pub comment: String,
    pub text: String,
    pub finish_reason: FinishReason,
}

const SET: &str = "SELECT id, name, checkpoint_id, split_id, config, created_ms,
    (SELECT count(*) FROM fake WHERE fake_set_id = fake_set.id),
    (SELECT r.name FROM checkpoint k JOIN run r ON r.id = k.run_id WHERE k.id = checkpoint_id)
    FROM fake_set";

fn set_row(row: &Row<'_>) -> rusqlite::Result<FakeSet> {
    Ok(FakeSet {
        id: row.get(0)?,
        name: row.get(1)?,
        checkpoint_id: row.get(2)?,
        split_id: row.get(3)?,
        config: row.get(4)?,
        created_ms: row.get(5)?,
        fakes: row.get::<_, i64>(6)?.unsigned_abs(),
        generator: row.get(7)?,
    })
}

impl Store {
    /// Adds an empty set and returns its id.
    ///
    /// # Errors
    /// [`Error::NameTaken`].
    pub fn fake_set_insert(&self, new: &NewFakeSet, now_ms: i64) -> Result<i64> {
        self.write(Family::Fakes, |db| {
            let run = run_of(db, new.checkpoint_id)?;
            still_there(db, &[run, (ItemKind::Split, new.split_id)])?;
            let made = db.execute(
                "INSERT INTO fake_set (name, checkpoint_id, split_id, config, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    new.name,
                    new.checkpoint_id,
                    new.split_id,
                    new.config,
                    now_ms
                ],
            );
            match made {
                Ok(_) => {
                    let id = db.last_insert_rowid();
                    marks::inherit(db)?;
                    Ok(id)
                }
                Err(error) if is_unique(&error) => Err(Error::NameTaken {
                    what: "set of fakes",
                    name: new.name.clone(),
                }),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All sets, oldest first.
    pub fn fake_sets(&self) -> Result<Vec<FakeSet>> {
        self.read(|db| {
            let is_there = ItemKind::Fakes.is_there("");
            let mut query = db.prepare_cached(&format!("{SET} WHERE {is_there} ORDER BY id"))?;
            readable(query.query_map([], set_row)?)
        })
    }

    /// A set by its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn fake_set(&self, name: &str) -> Result<FakeSet> {
        let all = self.fake_sets()?;
        match all.iter().position(|set| set.name == name) {
            Some(at) => Ok(all[at].clone()),
            None => Err(Error::Missing {
                what: "set of fakes",
                name: name.to_owned(),
                there: all.into_iter().map(|set| set.name).collect(),
            }),
        }
    }

    /// A set by its id.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn fake_set_by_id(&self, id: i64) -> Result<FakeSet> {
        let found = self.fake_sets()?.into_iter().find(|set| set.id == id);
        found.ok_or_else(|| Error::Missing {
            what: "set of fakes",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// Adds fakes; an existing one (same pair and number) is unchanged, so that a resumed job may repeat its last
    /// batch. A copy of a purged text is stored without its text. Returns the pairs whose fakes were not stored because
    /// the comment was deleted during generation.
    pub fn fakes_add(&self, fake_set_id: i64, fakes: &[NewFake]) -> Result<Vec<i64>> {
        let mut gone = Vec::new();
        for batch in fakes.chunks(BATCH_ROWS) {
            self.write(Family::Fakes, |db| {
                let mut there = db.prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM pair p JOIN comment c ON c.id = p.comment_id
                                    WHERE p.id = ?1 AND c.body <> '[deleted]')",
                )?;
                let mut insert = db.prepare_cached(
                    "INSERT INTO fake (fake_set_id, pair_id, n, text, finish)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (fake_set_id, pair_id, n) DO NOTHING",
                )?;
                for f in batch {
                    if !there.query_row([f.pair_id], |row| row.get(0))? {
                        gone.push(f.pair_id);
                        continue;
                    }
                    let text = match is_copy_of_purged(db, &f.text)? {
                        true => "",
                        false => f.text.as_str(),
                    };
                    insert.execute(params![
                        fake_set_id,
                        f.pair_id,
                        f.n,
                        text,
                        f.finish_reason.as_str()
                    ])?;
                }
                Ok(())
            })?;
        }
        gone.dedup();
        Ok(gone)
    }

    /// The pairs whose comments these fakes answer.
    pub fn pairs_of_fakes(&self, fakes: &[i64]) -> Result<Vec<i64>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT pair_id FROM fake WHERE id = ?1")?;
            let mut pairs = Vec::with_capacity(fakes.len());
            for id in fakes {
                let mut rows = query.query([id])?;
                while let Some(row) = rows.next()? {
                    pairs.push(row.get(0)?);
                }
            }
            Ok(pairs)
        })
    }

    /// The pairs whose comments have fakes in a set, with their number, by id.
    pub fn fake_pairs(&self, fake_set_id: i64) -> Result<Vec<(i64, u32)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT pair_id, count(*) FROM fake WHERE fake_set_id = ?1 GROUP BY pair_id ORDER BY pair_id",
            )?;
            let rows = query.query_map([fake_set_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Number of fakes of a set in each partition, in the order of [`Partition::ALL`]. A fake is in the partition of the
    /// pair whose comment it answers.
    pub fn fake_counts(&self, fake_set_id: i64) -> Result<[u64; 3]> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT s.side, count(*) FROM fake f
                   JOIN fake_set t ON t.id = f.fake_set_id
                   JOIN split_pair s ON s.split_id = t.split_id AND s.pair_id = f.pair_id
                 WHERE f.fake_set_id = ?1 GROUP BY s.side",
            )?;
            let mut counts = [0; 3];
            let mut rows = query.query([fake_set_id])?;
            while let Some(row) = rows.next()? {
                if let Some(partition) = Partition::from_number(row.get(0)?) {
                    counts[partition as usize] = row.get::<_, i64>(1)?.unsigned_abs();
                }
            }
            Ok(counts)
        })
    }

    /// The fakes of a set in one partition of its split, by pair and number.
    pub fn for_each_fake(
        &self,
        fake_set_id: i64,
        partition: Partition,
        mut each: impl FnMut(Fake) -> bool,
    ) -> Result<()> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT f.id, f.pair_id, f.n, c.body, f.text, f.finish FROM fake f
                   JOIN fake_set t ON t.id = f.fake_set_id
                   JOIN split_pair s ON s.split_id = t.split_id AND s.pair_id = f.pair_id
                   JOIN pair p ON p.id = f.pair_id JOIN comment c ON c.id = p.comment_id
                 WHERE f.fake_set_id = ?1 AND s.side = ?2 ORDER BY f.pair_id, f.n",
            )?;
            let mut rows = query.query(params![fake_set_id, partition as i64])?;
            while let Some(row) = rows.next()? {
                let fake = Fake {
                    id: row.get(0)?,
                    pair_id: row.get(1)?,
                    n: row.get(2)?,
                    comment: row.get(3)?,
                    text: row.get(4)?,
                    finish_reason: word(row, 5, "fake.finish")?,
                };
                if !each(fake) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The fakes of a set in one partition of its split, by pair and number, all at once.
    pub fn fakes(&self, fake_set_id: i64, partition: Partition) -> Result<Vec<Fake>> {
        let mut fakes = Vec::new();
        self.for_each_fake(fake_set_id, partition, |fake| {
            fakes.push(fake);
            true
        })?;
        Ok(fakes)
    }
}
