//! Sweeps: the trainings of one model with several values of its settings, and their results.

use rusqlite::{OptionalExtension, Row, params};

use crate::error::is_unique;
use crate::readable::readable;
use crate::runs::ModelKind;
use crate::watch::Family;
use crate::words::word;
use crate::{Error, Result, Store};

pub use repartee_terms::TrialOutcome;

/// A sweep to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSweep {
    pub name: String,
    pub kind: ModelKind,
    /// The job that runs it.
    pub job_id: String,
    /// In the order in which they are trained.
    pub trials: Vec<NewTrial>,
}

/// A trial to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTrial {
    /// JSON: the swept settings with their values.
    pub settings: String,
    pub seed: u64,
}

/// A stored sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    pub id: i64,
    pub name: String,
    pub kind: ModelKind,
    /// The job that runs it.
    pub job_id: String,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A stored trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// From 1, in the order in which they are trained.
    pub n: u64,
    /// JSON: the swept settings with their values.
    pub settings: String,
    pub seed: u64,
    /// `None`: it has not ended.
    pub result: Option<TrialResult>,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialResult {
    pub outcome: TrialOutcome,
    /// `None`: it failed before its run began, or the run was deleted since.
    pub run_id: Option<i64>,
    /// Lowest validation loss, with its step; `None` without a validation.
    pub best: Option<(f64, u64)>,
    /// A metric of the best checkpoint on the validation set, with its value; `None`: not evaluated, or undefined.
    pub metric: Option<(String, f64)>,
}

const SWEEP: &str = "SELECT id, name, kind, job_id, created_ms FROM sweep";

fn sweep_row(row: &Row<'_>) -> rusqlite::Result<Sweep> {
    Ok(Sweep {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: word(row, 2, "sweep.kind")?,
        job_id: row.get(3)?,
        created_ms: row.get(4)?,
    })
}

fn trial_row(row: &Row<'_>) -> rusqlite::Result<Trial> {
    let outcome: Option<String> = row.get(3)?;
    let result = match outcome {
        None => None,
        Some(_) => {
            let (loss, step): (Option<f64>, Option<i64>) = (row.get(5)?, row.get(6)?);
            let (metric, value): (Option<String>, Option<f64>) = (row.get(7)?, row.get(8)?);
            Some(TrialResult {
                outcome: word(row, 3, "trial.outcome")?,
                run_id: row.get(4)?,
                best: loss.zip(step.map(i64::unsigned_abs)),
                metric: metric.zip(value),
            })
        }
    };
    Ok(Trial {
        n: row.get::<_, i64>(0)?.unsigned_abs(),
        settings: row.get(1)?,
        seed: row.get::<_, i64>(2)?.unsigned_abs(),
        result,
    })
}

impl Store {
    /// Adds a sweep with its trials, and returns its id.
    ///
    /// # Errors
    /// [`Error::NameTaken`].
    pub fn sweep_insert(&self, new: &NewSweep, now_ms: i64) -> Result<i64> {
        self.write(Family::Runs, |db| {
            let made = db.execute(
                "INSERT INTO sweep (name, kind, job_id, created_ms) VALUES (?1, ?2, ?3, ?4)",
                params![new.name, new.kind.as_str(), new.job_id, now_ms],
            );
            match made {
                Ok(_) => {}
                Err(error) if is_unique(&error) => {
                    return Err(Error::NameTaken {
                        what: "sweep",
                        name: new.name.clone(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
            let id = db.last_insert_rowid();
            let mut insert = db.prepare_cached(
                "INSERT INTO trial (sweep_id, n, settings, seed) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (n, trial) in (1_i64..).zip(&new.trials) {
                insert.execute(params![id, n, trial.settings, trial.seed as i64])?;
            }
            Ok(id)
        })
    }

    /// All sweeps, oldest first.
    pub fn sweeps(&self) -> Result<Vec<Sweep>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{SWEEP} ORDER BY id"))?;
            readable(query.query_map([], sweep_row)?)
        })
    }

    /// A sweep by its name.
    ///
    /// # Errors
    /// [`Error::Missing`], with the names that exist.
    pub fn sweep_named(&self, name: &str) -> Result<Sweep> {
        let all = self.sweeps()?;
        match all.iter().position(|sweep| sweep.name == name) {
            Some(at) => Ok(all[at].clone()),
            None => Err(Error::Missing {
                what: "sweep",
                name: name.to_owned(),
                there: all.into_iter().map(|sweep| sweep.name).collect(),
            }),
        }
    }

    /// The sweep that a job runs.
    pub fn sweep_of_job(&self, job_id: &str) -> Result<Option<Sweep>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("{SWEEP} WHERE job_id = ?1"))?;
            Ok(query.query_row([job_id], sweep_row).optional()?)
        })
    }

    /// The trials of a sweep, in their order.
    pub fn trials(&self, sweep_id: i64) -> Result<Vec<Trial>> {
        self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT n, settings, seed, outcome, run_id, loss, step, metric, value
                 FROM trial WHERE sweep_id = ?1 ORDER BY n",
            )?;
            readable(query.query_map([sweep_id], trial_row)?)
        })
    }

    /// Stores how a trial ended. A loss or value that is not finite is stored as undefined.
    pub fn trial_end(&self, sweep_id: i64, n: u64, result: &TrialResult) -> Result<()> {
        let best = result.best.filter(|(loss, _)| loss.is_finite());
        let metric = result.metric.as_ref().filter(|(_, x)| x.is_finite());
        self.write(Family::Runs, |db| {
            db.execute(
                "UPDATE trial SET outcome = ?3, run_id = ?4, loss = ?5, step = ?6, metric = ?7, value = ?8
                 WHERE sweep_id = ?1 AND n = ?2",
                params![
                    sweep_id,
                    n as i64,
                    result.outcome.as_str(),
                    result.run_id,
                    best.map(|(loss, _)| loss),
                    best.map(|(_, step)| step as i64),
                    metric.map(|(name, _)| name),
                    metric.map(|(_, value)| value)
                ],
            )?;
            Ok(())
        })
    }
}
