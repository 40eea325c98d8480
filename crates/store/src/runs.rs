//! Runs: one training each, with its settings, metrics, samples, and checkpoints.

use rusqlite::{OptionalExtension, Row, params};

use crate::blobs::{self, Hash, Stored};
use crate::error::is_unique;
use crate::fingerprints::is_copy_of_purged;
use crate::items::{ItemKind, still_there};
use crate::marks;
use crate::readable::readable;
use crate::watch::Family;
use crate::words::word;
use crate::{BATCH_ROWS, Error, Result, Store};

pub use repartee_terms::{ModelKind, Role};

/// A run to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    pub name: String,
    pub kind: ModelKind,
    pub base_id: i64,
    /// The split it is trained on.
    pub split_id: i64,
    /// The fakes it is trained on; realism only.
    pub fake_set_id: Option<i64>,
    /// JSON.
    pub config: String,
    /// The job that runs it.
    pub job_id: Option<String>,
    /// JSON: device, threads, parameters, examples, estimate.
    pub facts: String,
}

/// A stored run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    pub name: String,
    pub kind: ModelKind,
    pub base_id: i64,
    /// The split it is trained on.
    pub split_id: i64,
    /// The fakes it is trained on; realism only, and none if a project of version 3 did not record them.
    pub fake_set_id: Option<i64>,
    /// Current name of the base.
    pub base: String,
    /// Current name of the split.
    pub split: String,
    /// Current name of the set of fakes.
    pub fakes: Option<String>,
    /// JSON as it was started; the names in it may have changed since.
    pub config: String,
    /// The job that runs it.
    pub job_id: Option<String>,
    /// JSON: device, threads, parameters, examples, estimate.
    pub facts: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// One metric of a run at one step. `None`: it was not a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// loss, val_loss, lr, grad_norm, tokens_per_s, ...
    pub name: String,
    /// Optimizer steps at that time.
    pub step: u64,
    pub value: Option<f64>,
}

/// A text generated during training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSample {
    /// Optimizer steps done.
    pub step: u64,
    /// Index among those of the step.
    pub n: u32,
    /// The pair whose comment it answers; `None` in projects of earlier versions, which copied the comment.
    pub pair_id: Option<i64>,
    /// What it answers; read from the pair, and only stored without one.
    pub comment: String,
    /// The reply; empty if what it answers was deleted.
    pub text: String,
}

/// A checkpoint to store; all its parts have been [`Store::put`].
#[derive(Debug, Clone, Copy)]
pub struct NewCheckpoint<'a> {
    pub run_id: i64,
    /// Best or last.
    pub role: Role,
    /// Optimizer steps done.
    pub step: u64,
    /// Tensors under their Hugging Face names; and the tokenizer's files, if it is to be self-contained.
    pub weights: &'a [Stored],
    /// The optimizer's moments; `None` if nothing resumes from it.
    pub optimizer: Option<&'a [Stored]>,
    /// JSON: cursor, seeds, best metric.
    pub state: &'a str,
}

/// A stored checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Row id; never reused.
    pub id: i64,
    pub run_id: i64,
    pub run: String,
    pub kind: ModelKind,
    pub base_id: i64,
    /// The split that the run is trained on.
    pub split_id: i64,
    /// Best, last, or kept.
    pub role: Role,
    /// Optimizer steps done.
    pub step: u64,
    pub bundle_id: i64,
    pub optimizer_id: Option<i64>,
    /// JSON: cursor, seeds, best metric.
    pub state: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

const RUN: &str =
    "SELECT id, name, kind, base_id, split_id, config, job_id, facts, created_ms, fake_set_id,
    (SELECT name FROM base WHERE id = base_id), (SELECT name FROM split WHERE id = split_id),
    (SELECT name FROM fake_set WHERE id = fake_set_id) FROM run";

fn run_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: word(row, 2, "run.kind")?,
        base_id: row.get(3)?,
        split_id: row.get(4)?,
        config: row.get(5)?,
        job_id: row.get(6)?,
        facts: row.get(7)?,
        created_ms: row.get(8)?,
        fake_set_id: row.get(9)?,
        base: row.get(10)?,
        split: row.get(11)?,
        fakes: row.get(12)?,
    })
}

const CHECKPOINT: &str =
    "SELECT k.id, k.run_id, r.name, r.kind, r.base_id, r.split_id, k.role, k.step,
    k.bundle_id, k.optimizer_id, k.state, k.created_ms
    FROM checkpoint k JOIN run r ON r.id = k.run_id";

fn checkpoint_row(row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    Ok(Checkpoint {
        id: row.get(0)?,
        run_id: row.get(1)?,
        run: row.get(2)?,
        kind: word(row, 3, "run.kind")?,
        base_id: row.get(4)?,
        split_id: row.get(5)?,
        role: word(row, 6, "checkpoint.role")?,
        step: row.get::<_, i64>(7)?.unsigned_abs(),
        bundle_id: row.get(8)?,
        optimizer_id: row.get(9)?,
        state: row.get(10)?,
        created_ms: row.get(11)?,
    })
}

impl Store {
    /// Adds a run and returns its id.
    ///
    /// # Errors
    /// [`Error::NameTaken`].
    pub fn run_insert(&self, new: &NewRun, now_ms: i64) -> Result<i64> {
        self.write(Family::Runs, |db| {
            let mut on = vec![
                (ItemKind::Base, new.base_id),
                (ItemKind::Split, new.split_id),
            ];
            on.extend(new.fake_set_id.map(|set| (ItemKind::Fakes, set)));
            still_there(db, &on)?;
            let made = db.execute(
                "INSERT INTO run (name, kind, base_id, split_id, config, job_id, facts, created_ms,
                                  fake_set_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    new.name,
                    new.kind.as_str(),
                    new.base_id,
                    new.split_id,
                    new.config,
                    new.job_id,
                    new.facts,
                    now_ms,
                    new.fake_set_id
                ],
            );
            match made {
                Ok(_) => {
                    let id = db.last_insert_rowid();
                    marks::inherit(db)?;
                    Ok(id)
                }
                Err(error) if is_unique(&error) => Err(Error::NameTaken {
                    what: "run",
                    name: new.name.clone(),
                }),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> Result<Vec<Run>> {
        self.read(|db| {
            let is_there = ItemKind::Run.is_there("");
            let mut query = db.prepare_cached(&format!("{RUN} WHERE {is_there} ORDER BY id"))?;
            readable(query.query_map([], run_row)?)
        })
    }

    /// A run by its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn run(&self, name: &str) -> Result<Run> {
        let all = self.runs()?;
        match all.iter().position(|run| run.name == name) {
            Some(at) => Ok(all[at].clone()),
            None => Err(Error::Missing {
                what: "run",
                name: name.to_owned(),
                there: all.into_iter().map(|run| run.name).collect(),
            }),
        }
    }

    /// A run by its id.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn run_by_id(&self, id: i64) -> Result<Run> {
        let found = self.read(|db| {
            let is_there = ItemKind::Run.is_there("");
            let mut query = db.prepare_cached(&format!("{RUN} WHERE id = ?1 AND {is_there}"))?;
            Ok(query.query_row([id], run_row).optional()?)
        })?;
        found.ok_or_else(|| Error::Missing {
            what: "run",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// The run that a job runs.
    pub fn run_of_job(&self, job_id: &str) -> Result<Option<Run>> {
        self.read(|db| {
            let is_there = ItemKind::Run.is_there("");
            let sql = format!("{RUN} WHERE job_id = ?1 AND {is_there} ORDER BY id DESC");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query.query_row([job_id], run_row).optional()?)
        })
    }

    /// Changes the facts of a run (JSON).
    pub fn run_facts(&self, run_id: i64, facts: &str) -> Result<()> {
        self.write(Family::Runs, |db| {
            db.execute(
                "UPDATE run SET facts = ?2 WHERE id = ?1",
                params![run_id, facts],
            )?;
            Ok(())
        })
    }

    /// Adds metrics; an earlier one of the same step is replaced (a resumed run repeats the steps after its
    /// checkpoint).
    pub fn metrics_add(&self, run_id: i64, metrics: &[Metric]) -> Result<()> {
        for batch in metrics.chunks(BATCH_ROWS) {
            self.write(Family::Runs, |db| {
                let mut insert = db.prepare_cached(
                    "INSERT INTO metric (run_id, name, step, value) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value",
                )?;
                for m in batch {
                    let value = m.value.filter(|v| v.is_finite());
                    insert.execute(params![run_id, m.name, m.step as i64, value])?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Removes metrics and samples after a step: a run resumed from there writes them again.
    pub fn metrics_cut(&self, run_id: i64, after_step: u64) -> Result<()> {
        self.write(Family::Runs, |db| {
            for table in ["metric", "run_sample"] {
                let sql = format!("DELETE FROM {table} WHERE run_id = ?1 AND step > ?2");
                db.execute(&sql, params![run_id, after_step as i64])?;
            }
            Ok(())
        })
    }

    /// One metric: (step, value), in order of steps.
    pub fn metric(&self, run_id: i64, name: &str) -> Result<Vec<(u64, Option<f64>)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT step, value FROM metric WHERE run_id = ?1 AND name = ?2 ORDER BY step",
            )?;
            let rows = query.query_map(params![run_id, name], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The names of a run's metrics.
    pub fn metric_names(&self, run_id: i64) -> Result<Vec<String>> {
        self.read(|db| {
            let sql = "SELECT DISTINCT name FROM metric WHERE run_id = ?1 ORDER BY name";
            let mut query = db.prepare_cached(sql)?;
            Ok(query
                .query_map([run_id], |row| row.get(0))?
                .collect::<Result<_, _>>()?)
        })
    }

    /// All metrics of a run, by name and step.
    pub fn metrics(&self, run_id: i64) -> Result<Vec<Metric>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT name, step, value FROM metric WHERE run_id = ?1 ORDER BY name, step",
            )?;
            let rows = query.query_map([run_id], |row| {
                Ok(Metric {
                    name: row.get(0)?,
                    step: row.get::<_, i64>(1)?.unsigned_abs(),
                    value: row.get(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Adds a text generated during training; one of the same step and number is replaced. The comment of a pair is not
    /// copied, and nothing is stored if it was deleted in the meantime: returns false then. A copy of a purged text is
    /// stored without its text.
    pub fn run_sample_add(&self, run_id: i64, sample: &RunSample) -> Result<bool> {
        self.write(Family::Runs, |db| {
            let text = match is_copy_of_purged(db, &sample.text)? {
                true => "",
                false => sample.text.as_str(),
            };
            let copied = match sample.pair_id {
                Some(_) => "",
                None => sample.comment.as_str(),
            };
            let n = db.execute(
                "INSERT OR REPLACE INTO run_sample (run_id, step, n, pair_id, comment, text)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?4 IS NULL OR EXISTS (
                   SELECT 1 FROM pair p JOIN comment c ON c.id = p.comment_id
                   WHERE p.id = ?4 AND c.body <> '[deleted]')",
                params![
                    run_id,
                    sample.step as i64,
                    sample.n,
                    sample.pair_id,
                    copied,
                    text
                ],
            )?;
            Ok(n > 0)
        })
    }

    /// The texts generated during training, in order.
    pub fn run_samples(&self, run_id: i64) -> Result<Vec<RunSample>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT s.step, s.n, s.pair_id, coalesce(c.body, s.comment), s.text FROM run_sample s
                        LEFT JOIN pair p ON p.id = s.pair_id LEFT JOIN comment c ON c.id = p.comment_id
                 WHERE s.run_id = ?1 ORDER BY s.step, s.n",
            )?;
            let rows = query.query_map([run_id], |row| {
                Ok(RunSample {
                    step: row.get::<_, i64>(0)?.unsigned_abs(),
                    n: row.get(1)?,
                    pair_id: row.get(2)?,
                    comment: row.get(3)?,
                    text: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Stores a checkpoint in one transaction and returns its id. It replaces that of the same run and role, whose
    /// bytes are then removed, unless something was made or evaluated with it: then that one stays, as [`Role::Kept`],
    /// without its optimizer.
    ///
    /// # Errors
    /// [`Error::Collected`], [`Error::Full`]; the earlier checkpoint then still exists.
    pub fn checkpoint_save(&self, new: &NewCheckpoint<'_>, now_ms: i64) -> Result<i64> {
        let (id, gone) = self.write(Family::Runs, |db| {
            let before: Option<(i64, i64, Option<i64>)> = db
                .prepare_cached(
                    "SELECT id, bundle_id, optimizer_id FROM checkpoint
                     WHERE run_id = ?1 AND role = ?2 AND role <> 'kept'",
                )?
                .query_row(params![new.run_id, new.role.as_str()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .optional()?;
            let mut gone: Vec<Hash> = Vec::new();
            if let Some((old, bundle, optimizer)) = before {
                let used: bool = db
                    .prepare_cached(
                        "SELECT EXISTS (SELECT 1 FROM fake_set WHERE checkpoint_id = ?1)
                             OR EXISTS (SELECT 1 FROM evaluation WHERE checkpoint_id = ?1)
                             OR EXISTS (SELECT 1 FROM generation
                                        WHERE ?1 IN (generator, realism, upvotes))",
                    )?
                    .query_row([old], |row| row.get(0))?;
                let mut loose = Vec::from_iter(optimizer);
                if used {
                    let sql = "UPDATE checkpoint SET role = 'kept', optimizer_id = NULL WHERE id = ?1";
                    db.execute(sql, [old])?;
                } else {
                    db.execute("DELETE FROM checkpoint WHERE id = ?1", [old])?;
                    loose.push(bundle);
                }
                for bundle in loose {
                    gone.extend(blobs::hashes(db, bundle)?);
                    blobs::unbind(db, bundle)?;
                }
            }
            let weights = blobs::bind(db, new.weights)?;
            let optimizer = new.optimizer.map(|parts| blobs::bind(db, parts)).transpose()?;
            db.execute(
                "INSERT INTO checkpoint (run_id, role, step, bundle_id, optimizer_id, state, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.run_id,
                    new.role.as_str(),
                    new.step as i64,
                    weights,
                    optimizer,
                    new.state,
                    now_ms
                ],
            )?;
            Ok((db.last_insert_rowid(), gone))
        })?;
        self.collect(&gone)?;
        Ok(id)
    }

    /// The checkpoint of a run in a role; for [`Role::Kept`] the newest.
    pub fn checkpoint(&self, run_id: i64, role: Role) -> Result<Option<Checkpoint>> {
        self.read(|db| {
            let sql = format!(
                "{CHECKPOINT} WHERE k.run_id = ?1 AND k.role = ?2 ORDER BY k.id DESC LIMIT 1"
            );
            let mut query = db.prepare_cached(&sql)?;
            Ok(query
                .query_row(params![run_id, role.as_str()], checkpoint_row)
                .optional()?)
        })
    }

    /// A checkpoint by its id.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn checkpoint_by_id(&self, id: i64) -> Result<Checkpoint> {
        let found = self.read(|db| {
            let mut query = db.prepare_cached(&format!("{CHECKPOINT} WHERE k.id = ?1"))?;
            Ok(query.query_row([id], checkpoint_row).optional()?)
        })?;
        found.ok_or_else(|| Error::Missing {
            what: "checkpoint",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// All checkpoints, by run and age.
    pub fn checkpoints(&self) -> Result<Vec<Checkpoint>> {
        self.read(|db| {
            let is_there = ItemKind::Run.is_there("r.");
            let sql = format!("{CHECKPOINT} WHERE {is_there} ORDER BY k.run_id, k.id");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query
                .query_map([], checkpoint_row)?
                .collect::<Result<_, _>>()?)
        })
    }
}
