//! Evaluations: the figures of a checkpoint on a side of a split, and every prediction behind them.

use repartee_datasets::Partition;
use rusqlite::{OptionalExtension, Row, params};

use crate::items::{ItemKind, run_of, still_there};
use crate::marks;
use crate::readable::readable;
use crate::watch::Family;
use crate::{Error, Result, Store};

/// An evaluation that is about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvaluation {
    /// What was measured.
    pub checkpoint_id: i64,
    /// On which split.
    pub split_id: i64,
    /// Against which fakes; realism only.
    pub fake_set_id: Option<i64>,
    /// On which side.
    pub partition: Partition,
    /// JSON: device, threads, sizes, seed.
    pub config: String,
    /// JSON: the figures.
    pub metrics: String,
}

/// An evaluation as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// Row id.
    pub id: i64,
    /// What a person calls it; empty: it goes by its number.
    pub name: String,
    /// What was measured.
    pub checkpoint_id: i64,
    /// The name of its run.
    pub run: String,
    /// On which split.
    pub split_id: i64,
    /// Against which fakes; realism only.
    pub fake_set_id: Option<i64>,
    /// On which side.
    pub partition: Partition,
    /// JSON: device, threads, sizes, seed.
    pub config: String,
    /// JSON: the figures.
    pub metrics: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// What a prediction was made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A pair's reply.
    Pair(i64),
    /// A fake.
    Fake(i64),
}

/// One prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// What it was made on.
    pub subject: Subject,
    /// The true class; classifiers.
    pub label: Option<u8>,
    /// The probability of each class; classifiers. Two or four of them are set.
    pub p: [Option<f64>; 4],
    /// Negative log-likelihood, summed over the reply's tokens, in nats; generator.
    pub nll: Option<f64>,
    /// Tokens it is summed over; generator.
    pub tokens: Option<u32>,
}

/// A prediction with the texts it was made on.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    /// Its number within the evaluation, from 0.
    pub n: u64,
    /// The prediction.
    pub prediction: Prediction,
    /// Text of the comment.
    pub comment: String,
    /// Text of the reply, real or fake.
    pub reply: String,
    /// The thread (post) that comment and reply belong to.
    pub thread_id: i64,
    /// The pair; of a fake, the one whose comment it answers.
    pub pair_id: i64,
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
        partition: Partition::from_number(row.get(5)?).unwrap_or(Partition::Test), // the table allows 0, 1, 2 only
        config: row.get(6)?,
        metrics: row.get(7)?,
        created_ms: row.get(8)?,
        name: row.get(9)?,
    })
}

/// Reads pair_id, fake_id, label, p0..p3, nll, tokens from the columns after `at`.
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

impl Store {
    /// Stores an evaluation with all its predictions in one transaction, and gives its id.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of it is stored.
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

    /// All evaluations, in the order in which they were made.
    ///
    /// # Errors
    /// When the file cannot be read.
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
        found.ok_or_else(|| Error::Missing {
            what: "evaluation",
            name: id.to_string(),
            there: Vec::new(),
        })
    }

    /// The predictions of an evaluation, in the order in which they were stored.
    ///
    /// # Errors
    /// When the file cannot be read.
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

    /// Predictions of an evaluation with their texts, from number `from`, at most `limit`.
    ///
    /// # Errors
    /// When the file cannot be read.
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
