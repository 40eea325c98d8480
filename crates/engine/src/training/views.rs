//! What lists and pages show of runs and checkpoints.

use std::collections::BTreeMap;

use repartee_core::error::{Error, Result};
use repartee_core::job::{JobInfo, from_json};
use repartee_core::unreadable::{Listed, good};
use repartee_models::train::{Outcome, State};
use repartee_store::jobs::JobRow;
use repartee_store::marks::Marked;
use repartee_store::runs::{Role, Run};
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::run::{best_state, trained};
use super::{RunFacts, Trained};
use crate::Engine;
use crate::items::{ItemKind, Label};
use crate::training::model::checkpoint_of;
use crate::training::run_config::{ModelKind, RunConfig};
use crate::training::run_now::{config_now, facts_now};

/// A run in a list or by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunInfo {
    pub name: String,
    /// generator, realism or upvotes.
    pub kind: ModelKind,
    /// None: its job is gone.
    pub state: Option<JobStatus>,
    /// Whether it has a complete checkpoint.
    pub usable: bool,
    pub job: Option<String>,
    /// None: it cannot be read.
    pub config: Option<RunConfig>,
    pub facts: Option<RunFacts>,
    /// Optimizer steps done, according to the stored metrics.
    pub step: u64,
    pub loss: Option<f64>,
    /// Lowest validation loss: of the best checkpoint, if there is one.
    pub best_loss: Option<f64>,
    /// The step with the lowest validation loss.
    pub best_step: Option<u64>,
    /// Samples generated during training: step, comment, reply.
    pub samples: Vec<(u64, String, String)>,
    #[serde(default)]
    pub label: Label,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Trained on a text deleted since, or with something that was.
    #[serde(default)]
    pub deleted_content: bool,
}

/// A checkpoint in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CheckpointInfo {
    pub run: String,
    /// generator, realism or upvotes.
    pub kind: ModelKind,
    pub base: String,
    /// The split it was trained on.
    pub split: String,
    pub role: Role,
    /// Optimizer steps done.
    pub step: u64,
    /// Size of its weights; some may be shared with other checkpoints.
    pub bytes: u64,
    /// Milliseconds since 1970.
    pub created_ms: i64,
}

/// A setting in which runs differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Difference {
    pub setting: String,
    /// Its value in each run, in the requested order.
    pub values: Vec<String>,
}

/// The state of a run, by its job.
fn run_state(job: JobInfo) -> JobStatus {
    let outcome = |job: &JobInfo| job.outcome.as_ref().and_then(|o| o.get("outcome")).cloned();
    let is = |early: Outcome| outcome(&job) == serde_json::to_value(early).ok();
    match job.state == JobStatus::Done && (is(Outcome::Stopped) || is(Outcome::Pruned)) {
        true => JobStatus::Stopped,
        false => job.state,
    }
}

impl Engine {
    /// All runs, oldest first, without their samples.
    pub fn runs(&self) -> Result<Vec<RunInfo>> {
        good(self.runs_read()?)
    }

    pub(crate) fn runs_read(&self) -> Result<Listed<RunInfo>> {
        let usable = self.store.usable_runs()?;
        let runs = self.store.runs()?.into_iter();
        Ok(runs
            .map(|run| (run.id, self.run_info(run, &usable, false)))
            .collect())
    }

    /// The result so far of a training that is not running: the furthest step of which it has saved the weights, be it
    /// as the best or as the last.
    ///
    /// # Errors
    /// [`Code::Usage`] if it has not saved anything yet.
    pub(crate) fn trained_so_far(&self, job: &JobRow) -> Result<Trained> {
        let nothing = || {
            Error::usage(format!(
                "job {} has not saved a checkpoint yet, so there is no result to keep; `repartee job resume {}` \
                 resumes it, `repartee job cancel {}` ends it",
                job.id, job.id, job.id
            ))
        };
        let run = self.store.run_of_job(&job.id)?.ok_or_else(nothing)?;
        let last = self.store.checkpoint(run.id, Role::Last)?;
        let best = self.store.checkpoint(run.id, Role::Best)?;
        let saved = (last.into_iter().chain(best))
            .max_by_key(|saved| saved.step)
            .ok_or_else(nothing)?;
        // metrics of steps after the save belong to lost weights
        self.store.metrics_cut(run.id, saved.step)?;
        let best = best_state(&self.store, run.id)?;
        let state = from_json(&saved.state)?;
        Ok(trained(&run, Outcome::Stopped, &state, best.as_ref()))
    }

    /// A run with all details.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn run_show(&self, name: &str) -> Result<RunInfo> {
        self.run_info(self.store.run(name)?, &self.store.usable_runs()?, true)
    }

    /// One of a run's metrics (loss, val_loss, lr, grad_norm, tokens_per_s) by step.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names of the existing runs.
    pub fn run_figure(&self, run: &str, figure: &str) -> Result<Vec<(u64, Option<f64>)>> {
        Ok(self.store.metric(self.store.run(run)?.id, figure)?)
    }

    /// Settings in which runs differ, chosen ones and derived ones (base, split, examples).
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn run_differences(&self, runs: &[String]) -> Result<Vec<Difference>> {
        let mut tables = Vec::with_capacity(runs.len());
        for name in runs {
            let run = self.store.run(name)?;
            let config = serde_json::to_value(config_now(&run)?);
            let facts = serde_json::to_value(facts_now(&run));
            let (Ok(serde_json::Value::Object(mut table)), Ok(serde_json::Value::Object(facts))) =
                (config, facts)
            else {
                return Err(Error::internal("a run's settings are not a table"));
            };
            table.extend(facts); // names that were unset are known by now
            tables.push(table);
        }
        let mut settings: Vec<&String> = tables.iter().flat_map(|table| table.keys()).collect();
        settings.sort();
        settings.dedup();
        let word = |value: Option<&serde_json::Value>| match value {
            None | Some(serde_json::Value::Null) => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let row = |setting: &String| Difference {
            setting: setting.clone(),
            values: tables
                .iter()
                .map(|table| word(table.get(setting)))
                .collect(),
        };
        let differs = |row: &Difference| row.values.windows(2).any(|pair| pair[0] != pair[1]);
        let always = [
            "name",
            "estimated_seconds",
            "estimated_bytes",
            "version",
            "processor",
        ];
        let rows = settings
            .into_iter()
            .filter(|s| !always.contains(&s.as_str()));
        Ok(rows.map(row).filter(differs).collect())
    }

    /// All checkpoints, by run and age.
    pub fn checkpoints(&self) -> Result<Vec<CheckpointInfo>> {
        let (bases, splits) = (self.store.bases()?, self.store.splits()?);
        let mut infos = Vec::new();
        for checkpoint in self.store.checkpoints()? {
            let base = bases.iter().find(|base| base.id == checkpoint.base_id);
            let split = splits.iter().find(|split| split.id == checkpoint.split_id);
            infos.push(CheckpointInfo {
                kind: checkpoint.kind,
                base: base.map(|base| base.name.clone()).unwrap_or_default(),
                split: split.map(|split| split.name.clone()).unwrap_or_default(),
                role: checkpoint.role,
                step: checkpoint.step,
                bytes: self
                    .store
                    .bundle(checkpoint.bundle_id)?
                    .iter()
                    .map(|part| part.bytes)
                    .sum(),
                created_ms: checkpoint.created_ms,
                run: checkpoint.run,
            });
        }
        Ok(infos)
    }

    /// The hash of every tensor of a run's checkpoint, by name: equal hashes are equal bits.
    ///
    /// # Errors
    /// [`Code::NotFound`] if the run or the checkpoint does not exist.
    pub fn checkpoint_hashes(
        &self,
        run: &str,
        checkpoint: Option<&str>,
    ) -> Result<Vec<(String, String)>> {
        let checkpoint = checkpoint_of(&self.store, &self.store.run(run)?, checkpoint)?;
        let parts = self.store.bundle(checkpoint.bundle_id)?;
        let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(parts
            .into_iter()
            .map(|part| (part.name, hex(part.hash)))
            .collect())
    }

    /// Step and loss of a run's best validation: that of its best checkpoint, which is what is evaluated and used; else
    /// by its metrics.
    fn best_of(&self, run_id: i64) -> Result<Option<(u64, f64)>> {
        // an unreadable state must not hide the run
        let best = self.store.checkpoint(run_id, Role::Best)?;
        let best = best.and_then(|best| from_json::<State>(&best.state).ok());
        if let Some(best) = best
            && let Some(loss) = best.best
        {
            return Ok(Some((best.best_step as u64, loss)));
        }
        let losses = self.store.metric(run_id, "val_loss")?.into_iter();
        Ok(losses
            .filter_map(|(step, loss)| Some((step, loss?)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b)))
    }

    fn run_info(&self, run: Run, usable: &BTreeMap<i64, u64>, samples: bool) -> Result<RunInfo> {
        let losses = self.store.metric(run.id, "loss")?;
        let best = self.best_of(run.id)?;
        let samples = if samples {
            self.store.run_samples(run.id)?
        } else {
            Vec::new()
        };
        let state = match &run.job_id {
            Some(job) => self.job(job).map(run_state).ok(),
            None => None,
        };
        Ok(RunInfo {
            kind: run.kind,
            state,
            facts: facts_now(&run),
            usable: usable.contains_key(&run.id),
            step: losses.last().map_or(0, |(step, _)| *step),
            loss: losses.last().and_then(|(_, loss)| *loss),
            best_loss: best.map(|(_, loss)| loss),
            best_step: best.map(|(step, _)| step),
            samples: samples
                .into_iter()
                .filter(|s| !s.text.is_empty()) // its comment was deleted
                .map(|s| (s.step, s.comment, s.text))
                .collect(),
            config: config_now(&run).ok(),
            label: self.store.label(ItemKind::Run, run.id)?,
            name: run.name,
            job: run.job_id,
            created_ms: run.created_ms,
            deleted_content: self.store.is_marked(Marked::Run, run.id)?,
        })
    }
}
