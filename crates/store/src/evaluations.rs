//! Evaluations: the metrics of a checkpoint on a partition of a split, and every prediction.

use repartee_datasets::Partition;
use rusqlite::{OptionalExtension, Row, params};

use crate::items::{ItemKind, run_of, still_there};
use crate::marks;
use crate::readable::readable;
use crate::watch::Family;
use crate::{Error, Result, Store};

/// An evaluation to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvaluation {
    pub checkpoint_id: i64,
    pub split_id: i64,
    /// Realism only.
    pub fake_set_id: Option<i64>,
    pub partition: Partition,
    /// JSON: device, threads, sizes, seed.
    pub config: String,
    /// JSON: the metrics.
    pub metrics: String,
}

/// A stored evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    pub id: i64,
    /// Empty: it is called by its number.
    pub name: String,
    pub checkpoint_id: i64,
    pub run: String,
    pub split_id: i64,
    /// Realism only.
    pub fake_set_id: Option<i64>,
    pub partition: Partition,
    /// JSON: device, threads, sizes, seed.
    pub config: String,
    /// JSON: the metrics.
    pub metrics: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// What was predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    Pair(i64),
    Fake(i64),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub subject: Subject,
    /// The true class; classifiers.
    pub label: Option<u8>,
    /// Probability of each class; classifiers. Two or four of them are set.
    pub p: [Option<f64>; 4],
    /// Negative log-likelihood in nats, summed over the reply's tokens; generator.
    pub nll: Option<f64>,
    /// Number of these tokens; generator.
    pub tokens: Option<u32>,
}

/// A prediction with its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// Index within the evaluation, from 0.
    pub n: u64,
    pub prediction: Prediction,
    pub comment: String,
    /// Real or fake.
    pub reply: String,
    /// The thread (post) that comment and reply belong to.
    pub thread_id: i64,
    /// The pair; of a fake, the one whose comment it answers.
    pub pair_id: i64,
}

/// A prediction with what its example can be grouped by.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedExample {
    pub prediction: Prediction,
    /// The thread (post) that comment and reply belong to; `None`: it is gone.
    pub thread_id: Option<i64>,
    /// Empty: unknown.
    pub subreddit: String,
    /// Real or fake; `None`: it is gone.
    pub reply: Option<String>,
    /// Of the comment that is answered; `None`: unknown.
    pub comment_score: Option<i64>,
    /// When that comment was written, seconds since 1970; `None`: unknown.
    pub comment_utc: Option<i64>,
}

const EVALUATION: &str = "SELECT e.id, e.checkpoint_id, r.name, e.split_id, e.fake_set_id, e.side,
    e.config, e.metrics, e.created_ms, e.name
    FROM evaluation e JOIN checkpoint k ON k.id = e.checkpoint_id JOIN run r ON r.id = k.run_id";

fn evaluation_row(row: &Row<'_>) -> rusqlite::Result<Evaluation> {
    Ok(Evaluation {
        id: row.get(0)?,
        checkpoint_id: row.get(1)?,
        run: row.get(2)?,
        split_id: row.get(3)?,
        fake_set_id: row.get(4)?,
        partition: crate::words::partition(row, 5, "evaluation.side")?,
        config: row.get(6)?,
        metrics: row.get(7)?,
        created_ms: row.get(8)?,
        name: row.get(9)?,
    })
}

/// Reads pair_id, fake_id, label, p0..p3, nll, tokens from the columns starting at `at`.
fn prediction_row(row: &Row<'_>, at: usize) -> rusqlite::Result<Prediction> {
    let subject = match row.get::<_, Option<i64>>(at)? {
        Some(pair) => Subject::Pair(pair),
        None => Subject::Fake(row.get(at + 1)?),
    };
    Ok(Prediction {
        subject,
        label: row.get(at + 2)?,
        p: [
            row.get(at + 3)?,
            row.get(at + 4)?,
            row.get(at + 5)?,
            row.get(at + 6)?,
        ],
        nll: row.get(at + 7)?,
        tokens: row.get(at + 8)?,
    })
}

fn missing(id: i64) -> Error {
    Error::Missing {
        what: "evaluation",
        name: id.to_string(),
        there: Vec::new(),
    }
}

impl Store {
    /// Stores an evaluation with all its predictions in one transaction, and returns its id.
    pub fn evaluation_insert(
        &self,
        new: &NewEvaluation,
        predictions: &[Prediction],
        now_ms: i64,
    ) -> Result<i64> {
        self.write(Family::Evaluations, |db| {
            let mut on = vec![run_of(db, new.checkpoint_id)?, (ItemKind::Split, new.split_id)];
            on.extend(new.fake_set_id.map(|set| (ItemKind::Fakes, set)));
            still_there(db, &on)?;
            db.execute(
                "INSERT INTO evaluation (checkpoint_id, split_id, fake_set_id, side, config, metrics,
                                         created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    new.checkpoint_id,
                    new.split_id,
                    new.fake_set_id,
                    new.partition as i64,
                    new.config,
                    new.metrics,
                    now_ms
                ],
            )?;
            let id = db.last_insert_rowid();
            marks::inherit(db)?;
            let mut insert = db.prepare_cached(
                "INSERT INTO prediction (evaluation_id, n, pair_id, fake_id, label, p0, p1, p2, p3, nll,
                                         tokens) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?;
            for (n, p) in predictions.iter().enumerate() {
                let (pair, fake) = match p.subject {
                    Subject::Pair(pair) => (Some(pair), None),
                    Subject::Fake(fake) => (None, Some(fake)),
                };
                let [p0, p1, p2, p3] = p.p;
                insert.execute(params![
                    id, n as i64, pair, fake, p.label, p0, p1, p2, p3, p.nll, p.tokens
                ])?;
            }
            Ok(id)
        })
    }

    /// Replaces the metrics (JSON) of an evaluation, to which something was added that was measured later.
    ///
    /// # Errors
    /// [`Error::Missing`]; [`Error::Refused`] if it was deleted in the meantime.
    pub fn evaluation_metrics_set(&self, id: i64, metrics: &str) -> Result<()> {
        self.write(Family::Evaluations, |db| {
            still_there(db, &[(ItemKind::Evaluation, id)])?;
            let changed = db.execute(
                "UPDATE evaluation SET metrics = ?2 WHERE id = ?1",
                params![id, metrics],
            )?;
            match changed {
                0 => Err(missing(id)),
                _ => Ok(()),
            }
        })
    }

    /// All evaluations, oldest first.
    pub fn evaluations(&self) -> Result<Vec<Evaluation>> {
        self.read(|db| {
            let is_there = ItemKind::Evaluation.is_there("e.");
            let sql = format!("{EVALUATION} WHERE {is_there} ORDER BY e.id");
            let mut query = db.prepare_cached(&sql)?;
            readable(query.query_map([], evaluation_row)?)
        })
    }

    /// One evaluation.
    ///
    /// # Errors
    /// [`Error::Missing`].
    pub fn evaluation(&self, id: i64) -> Result<Evaluation> {
        let found = self.read(|db| {
            let is_there = ItemKind::Evaluation.is_there("e.");
            let sql = format!("{EVALUATION} WHERE e.id = ?1 AND {is_there}");
            let mut query = db.prepare_cached(&sql)?;
            Ok(query.query_row([id], evaluation_row).optional()?)
        })?;
        found.ok_or_else(|| missing(id))
    }

    /// The predictions of an evaluation, in stored order.
    pub fn predictions(&self, evaluation_id: i64) -> Result<Vec<Prediction>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT pair_id, fake_id, label, p0, p1, p2, p3, nll, tokens FROM prediction
                 WHERE evaluation_id = ?1 ORDER BY n",
            )?;
            let rows = query.query_map([evaluation_id], |row| prediction_row(row, 0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The predictions of an evaluation, in stored order, each with what its example can be grouped by. A fake has the
    /// thread, the subreddit and the comment of the pair that it belongs to.
    pub fn predicted_examples(&self, evaluation_id: i64) -> Result<Vec<PredictedExample>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT d.pair_id, d.fake_id, d.label, d.p0, d.p1, d.p2, d.p3, d.nll, d.tokens,
                        p.thread_id, coalesce(r.subreddit, ''), coalesce(f.text, r.body), c.score, c.created_utc
                 FROM prediction d LEFT JOIN fake f ON f.id = d.fake_id
                      LEFT JOIN pair p ON p.id = coalesce(d.pair_id, f.pair_id)
                      LEFT JOIN comment c ON c.id = p.comment_id LEFT JOIN comment r ON r.id = p.id
                 WHERE d.evaluation_id = ?1 ORDER BY d.n",
            )?;
            let rows = query.query_map([evaluation_id], |row| {
                Ok(PredictedExample {
                    prediction: prediction_row(row, 0)?,
                    thread_id: row.get(9)?,
                    subreddit: row.get(10)?,
                    reply: row.get(11)?,
                    comment_score: row.get(12)?,
                    comment_utc: row.get(13)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The thread (post) of each subject, in the same order; `None` for one that is gone.
    pub fn threads_of(
        &self,
        subjects: impl IntoIterator<Item = Subject>,
    ) -> Result<Vec<Option<i64>>> {
        self.read(|db| {
            let mut of_pair = db.prepare_cached("SELECT thread_id FROM pair WHERE id = ?1")?;
            let mut of_fake = db.prepare_cached(
                "SELECT p.thread_id FROM fake f JOIN pair p ON p.id = f.pair_id WHERE f.id = ?1",
            )?;
            let mut threads = Vec::new();
            for subject in subjects {
                let found = match subject {
                    Subject::Pair(id) => of_pair.query_row([id], |row| row.get(0)),
                    Subject::Fake(id) => of_fake.query_row([id], |row| row.get(0)),
                };
                threads.push(found.optional()?);
            }
            Ok(threads)
        })
    }

    /// Predictions of an evaluation with their texts, from number `from`, at most `limit`.
    pub fn predicted(&self, evaluation_id: i64, from: u64, limit: usize) -> Result<Vec<Predicted>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT d.n, d.pair_id, d.fake_id, d.label, d.p0, d.p1, d.p2, d.p3, d.nll, d.tokens,
                        c.body, coalesce(f.text, r.body), p.thread_id, p.id
                 FROM prediction d LEFT JOIN fake f ON f.id = d.fake_id
                      JOIN pair p ON p.id = coalesce(d.pair_id, f.pair_id)
                      JOIN comment c ON c.id = p.comment_id JOIN comment r ON r.id = p.id
                 WHERE d.evaluation_id = ?1 AND d.n >= ?2 ORDER BY d.n LIMIT ?3",
            )?;
            let values = params![evaluation_id, from as i64, limit as i64];
            let rows = query.query_map(values, |row| {
                Ok(Predicted {
                    n: row.get::<_, i64>(0)?.unsigned_abs(),
                    prediction: prediction_row(row, 1)?,
                    comment: row.get(10)?,
                    reply: row.get(11)?,
                    thread_id: row.get(12)?,
                    pair_id: row.get(13)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
