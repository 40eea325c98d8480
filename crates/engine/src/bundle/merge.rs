//! Merging a result into the project that made the bundle.
//!
//! A job is taken by its id, and only if the result is further than the project: it has more steps or fakes, or it has
//! ended. So merging again, or merging an older result later, changes nothing. What a purge has removed since stays
//! removed: samples and fakes are added by the functions that check this, and a new run is marked if a text that it has
//! seen is gone. Nothing of a result is believed that the project can tell by itself: names, base, split and set of
//! fakes come from the project, and all JSON is read and written again.

use std::path::Path;

use repartee_core::bundles::Used;
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Job, Progress, from_json, is_stale, now_ms, to_json};
use repartee_core::left_out::without_quotes;
use repartee_models::train::State;
use repartee_models::weights::Tensors;
use repartee_store::Store;
use repartee_store::fakes::NewFakeSet;
use repartee_store::jobs::{JobRow, JobState, Want};
use repartee_store::runs::{Checkpoint, NewCheckpoint, NewRun, Role, Run};
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};

use super::{BundledJob, WeightsHash, weights_of};
use crate::Engine;
use crate::bases::bundle as tensors;
use crate::generation::fakes::{FakesConfig, FakesInfo, MakeFakes, of_job};
use crate::training::run_config::RunConfig;
use crate::training::{RunFacts, Train, Trained};

/// Longest line of a log that is taken over, in bytes.
const LONGEST_LINE: usize = 10_000;

/// What merging a result did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    pub bundle: String,
    pub jobs: Vec<MergedJob>,
}

/// A job of a merged result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedJob {
    pub job: String,
    /// What it works on: "generator writer".
    pub subject: String,
    /// Whether anything was taken over.
    pub merged: bool,
    /// Why nothing was; empty if something was.
    pub why: String,
    /// As it is in the project now.
    pub state: JobStatus,
    /// The last weights of a training, as they are in the project now.
    pub weights: Option<WeightsHash>,
    /// Number of fakes in the project now.
    pub fakes: Option<u64>,
}

/// The last saved step of a run; 0: none.
fn last_step(store: &Store, run: Option<&Run>) -> Result<u64> {
    let last = match run {
        Some(run) => store.checkpoint(run.id, Role::Last)?,
        None => None,
    };
    Ok(last.map_or(0, |last| last.step))
}

/// Whether an item of the project is the one that the bundle was made with.
fn is_same(what: &str, found: Option<i64>, used: Option<Used>) -> Result<Used> {
    match used {
        Some(used) if found == Some(used.created_ms) => Ok(used),
        _ => Err(Error::new(
            Code::NotFound,
            format!(
                "the {what} that the bundle was made with has been deleted here, so its result is of no use"
            ),
        )),
    }
}

impl Engine {
    /// Takes the result of a bundle's jobs into this project, from the bundle itself or from its result file. `stays`:
    /// work on the bundle continues elsewhere, and its jobs are not resumed here yet.
    ///
    /// # Errors
    /// [`Code::Usage`] if another project made the bundle, or it was deleted here; [`Code::Busy`] if one of its jobs runs
    /// here; [`Code::Damaged`] for bytes that differ from their hash; and those of [`Engine::open_bundle`].
    pub fn bundle_merge(&self, file: &Path, stays: bool) -> Result<Merged> {
        let (result, said) = Self::open_bundle(file)?;
        if let Some(copy) = result.store.migrated_from() {
            // of a file that can be made again, with all its texts
            let _ = std::fs::remove_file(copy);
        }
        let is_ours = self
            .project_id_if_any()?
            .is_some_and(|id| id == said.project);
        if !is_ours {
            return Err(Error::usage(format!(
                "{} was made by another project, and only that one can merge it",
                file.display()
            )));
        }
        let mut known = self.made_bundles()?.into_iter();
        let Some(mut made) = known.find(|made| made.bundle.id == said.id) else {
            return Err(Error::usage(format!(
                "{} is of a bundle that was deleted in this project, or was made by a copy of it",
                file.display()
            )));
        };
        let mut jobs = Vec::new();
        for job in &made.bundle.jobs {
            if let Some(theirs) = result.store.job(&job.id)? {
                jobs.push(self.merge_job(&result, job, &theirs)?);
            }
        }
        made.merged_ms = Some(now_ms());
        if !stays {
            made.away
                .retain(|id| jobs.iter().all(|merged: &MergedJob| merged.job != *id));
        }
        self.keep_bundle(&made)?;
        Ok(Merged {
            bundle: made.bundle.id,
            jobs,
        })
    }

    fn merge_job(&self, result: &Self, job: &BundledJob, theirs: &JobRow) -> Result<MergedJob> {
        let why = match self.store.job(&job.id)? {
            None => "it was deleted in this project".to_owned(),
            Some(ours) => match ours.state {
                JobState::Done => "it is complete in this project".to_owned(),
                JobState::Cancelled => "it was canceled in this project".to_owned(),
                JobState::Running if !is_stale(ours.owner.as_deref(), ours.beat_ms, now_ms()) => {
                    return Err(Error::new(
                        Code::Busy,
                        format!("job {} is running in this project; pause it first", job.id),
                    ));
                }
                _ if theirs.kind != ours.kind => {
                    return Err(Error::bad_input(format!(
                        "job {} is of kind {} here, and of kind {:?} in the bundle",
                        job.id, ours.kind, theirs.kind
                    )));
                }
                _ => self.merge_open_job(result, job, &ours, theirs)?,
            },
        };
        let run = self.store.run_of_job(&job.id)?;
        let weights = match run {
            Some(run) => weights_of(&self.store, run.id, Role::Last)?,
            None => None,
        };
        Ok(MergedJob {
            job: job.id.clone(),
            subject: job.subject.clone(),
            merged: why.is_empty(),
            why,
            state: match self.store.job(&job.id)? {
                Some(row) => row.state.into(),
                None => JobStatus::Cancelled,
            },
            weights,
            fakes: of_job(&self.store, &job.id)?.map(|set| set.fakes),
        })
    }

    /// Merges a job that has not ended here. Returns why nothing was merged; empty: something was.
    fn merge_open_job(
        &self,
        result: &Self,
        job: &BundledJob,
        ours: &JobRow,
        theirs: &JobRow,
    ) -> Result<String> {
        let further = match ours.kind.as_str() {
            Train::KIND => {
                let there = result.store.run_of_job(&job.id)?;
                let here = self.store.run_of_job(&job.id)?;
                let there = last_step(&result.store, there.as_ref())?;
                there.checked_sub(last_step(&self.store, here.as_ref())?)
            }
            _ => {
                let count = |store: &Store| -> Result<u64> {
                    Ok(of_job(store, &job.id)?.map_or(0, |set| set.fakes))
                };
                count(&result.store)?.checked_sub(count(&self.store)?)
            }
        };
        let ends = match theirs.state {
            JobState::Done => true,
            JobState::Failed => ours.state != JobState::Failed,
            _ => false,
        };
        match further {
            None => return Ok("this project is further than the result".to_owned()),
            Some(0) if !ends => return Ok("the result has nothing new".to_owned()),
            Some(_) => {}
        }
        // nobody resumes it while it is merged, and what a killed merge leaves is merged again
        if !self
            .store
            .job_claim(ours, &self.owner, Want::Run, now_ms())?
        {
            return Err(Error::new(
                Code::Busy,
                format!("job {} has just changed in this project; try again", job.id),
            ));
        }
        let taken = match ours.kind.as_str() {
            Train::KIND => self.take_run(result, job, ours),
            _ => self.take_fakes(result, job, ours),
        };
        let ended = taken.and_then(|()| self.take_end(result, theirs));
        if ended.is_err() {
            let paused = JobState::Paused;
            self.store
                .job_end(&job.id, &self.owner, paused, None, None, now_ms())?;
        }
        ended.map(|()| String::new())
    }

    /// Records how the job ended, with its log.
    fn take_end(&self, result: &Self, theirs: &JobRow) -> Result<()> {
        let lines: Vec<(i64, String)> = result
            .store
            .job_lines(&theirs.id)?
            .into_iter()
            .filter(|(_, text)| text.len() <= LONGEST_LINE)
            .map(|(at_ms, text)| (at_ms, without_quotes(&text)))
            .collect();
        self.store.job_log_add(&theirs.id, &lines)?;
        let progress: Option<Progress> = theirs
            .progress
            .as_deref()
            .and_then(|json| serde_json::from_str(json).ok());
        let progress = progress.as_ref().map(to_json).transpose()?;
        let said = theirs.outcome.as_deref().unwrap_or("null");
        let (state, outcome) = match (theirs.state, theirs.kind.as_str()) {
            (JobState::Done, Train::KIND) => {
                (JobState::Done, Some(to_json(&from_json::<Trained>(said)?)?))
            }
            (JobState::Done, _) => (
                JobState::Done,
                Some(to_json(&from_json::<FakesInfo>(said)?)?),
            ),
            (JobState::Failed, _) => {
                let error: Error = from_json(said)?;
                let error = Error {
                    message: without_quotes(&error.message),
                    detail: Vec::new(),
                    ..error
                };
                (JobState::Failed, Some(to_json(&error)?))
            }
            // interrupted there, or canceled there: it can be resumed here
            _ => (JobState::Paused, None),
        };
        self.store.job_end(
            &theirs.id,
            &self.owner,
            state,
            progress.as_deref(),
            outcome.as_deref(),
            now_ms(),
        )?;
        Ok(())
    }

    /// Takes a run: metrics and samples after the step that the project has, then its checkpoints. The last checkpoint
    /// comes last: it says how far the project is.
    fn take_run(&self, result: &Self, job: &BundledJob, ours: &JobRow) -> Result<()> {
        let Some(theirs) = result.store.run_of_job(&job.id)? else {
            return Ok(()); // it failed before its run began
        };
        let train: Train = from_json(&ours.params)?;
        if theirs.kind != train.config.kind {
            return Err(Error::bad_input(format!(
                "the run of job {} is of kind {} in the bundle, and of kind {} here",
                job.id,
                theirs.kind.as_str(),
                train.config.kind.as_str()
            )));
        }
        let here = self.store.run_of_job(&job.id)?;
        let from_step = last_step(&self.store, here.as_ref())?;
        let run_id = match here {
            Some(run) => run.id,
            None => self.insert_their_run(result, job, &train.config, &theirs)?,
        };
        self.store.metrics_cut(run_id, from_step)?;
        let mut metrics = result.store.metrics(theirs.id)?;
        metrics.retain(|metric| metric.step > from_step);
        self.store.metrics_add(run_id, &metrics)?;
        for sample in result.store.run_samples(theirs.id)? {
            // without a pair, a purge could not find it
            if sample.step > from_step && sample.pair_id.is_some() {
                self.store.run_sample_add(run_id, &sample)?;
            }
        }
        for role in [Role::Best, Role::Last] {
            let ours = self.store.checkpoint(run_id, role)?;
            if let Some(theirs) = result.store.checkpoint(theirs.id, role)?
                && ours.is_none_or(|ours| (ours.step, &ours.state) != (theirs.step, &theirs.state))
            {
                self.take_checkpoint(result, run_id, &theirs)?;
            }
        }
        Ok(())
    }

    /// Adds a run that began elsewhere, with the settings of its job here.
    fn insert_their_run(
        &self,
        result: &Self,
        job: &BundledJob,
        config: &RunConfig,
        theirs: &Run,
    ) -> Result<i64> {
        let store = &self.store;
        let bases = store.bases()?;
        let made_at = |used: Option<Used>| {
            let base = bases
                .iter()
                .find(|base| Some(base.id) == used.map(|used| used.id));
            base.map(|base| base.created_ms)
        };
        let base = is_same("base", made_at(job.base), job.base)?;
        let split = store.split_by_id(job.split.id)?;
        let split = is_same(
            "split",
            split.map(|split| split.created_ms),
            Some(job.split),
        )?;
        let fakes = match job.fakes {
            Some(used) => {
                let set = store.fake_set_by_id(used.id).ok();
                let found = set.map(|set| set.created_ms);
                Some(is_same("set of fakes", found, Some(used))?)
            }
            None => None,
        };
        let their_config: RunConfig = from_json(&theirs.config)?;
        their_config.check()?;
        let config = RunConfig {
            // at most the context of the base
            max_tokens: their_config.max_tokens.min(config.max_tokens),
            ..config.clone()
        };
        let facts: RunFacts = from_json(&theirs.facts)?;
        let new = NewRun {
            name: config.name.clone(),
            kind: config.kind,
            base_id: base.id,
            split_id: split.id,
            fake_set_id: fakes.map(|set| set.id),
            config: to_json(&config)?,
            job_id: Some(job.id.clone()),
            facts: to_json(&facts)?,
        };
        repartee_core::names::check(repartee_store::items::ItemKind::Run, &new.name)?;
        let id = store.run_insert(&new, now_ms())?;
        for (partition, pairs) in result.store.run_seen(theirs.id)? {
            store.run_saw(id, partition, &pairs, new.fake_set_id)?;
        }
        Ok(id)
    }

    fn take_checkpoint(&self, result: &Self, run_id: i64, theirs: &Checkpoint) -> Result<()> {
        let state: State = from_json(&theirs.state)?;
        if state.step as u64 != theirs.step {
            return Err(Error::new(
                Code::Damaged,
                format!(
                    "the checkpoint of step {} says that it is of step {}",
                    theirs.step, state.step
                ),
            ));
        }
        // read as tensors, so that no shape is stored that does not fit its bytes
        let copy = |bundle_id: i64| -> Result<Vec<_>> {
            let (found, files): (Tensors, _) = tensors::get(&result.store, bundle_id)?;
            tensors::put(&self.store, &found, &files, |_| Ok::<(), Error>(()))
        };
        let weights = copy(theirs.bundle_id)?;
        let optimizer = theirs.optimizer_id.map(copy).transpose()?;
        let new = NewCheckpoint {
            run_id,
            role: theirs.role,
            step: theirs.step,
            weights: &weights,
            optimizer: optimizer.as_deref(),
            state: &to_json(&state)?,
        };
        self.store.checkpoint_save(&new, now_ms())?;
        Ok(())
    }

    /// Takes a set of fakes. One that the project has stays as it is.
    fn take_fakes(&self, result: &Self, job: &BundledJob, ours: &JobRow) -> Result<()> {
        let Some(theirs) = of_job(&result.store, &job.id)? else {
            return Ok(()); // it failed before its set began
        };
        let set_id = match of_job(&self.store, &job.id)? {
            Some(set) => set.id,
            None => {
                let fakes: MakeFakes = from_json(&ours.params)?;
                let checkpoint = self
                    .store
                    .checkpoint_by_id(job.generator.unwrap_or_default())?;
                let config: FakesConfig = from_json(&theirs.config)?;
                let config = FakesConfig {
                    generator: checkpoint.run.clone(),
                    step: checkpoint.step,
                    job: job.id.clone(),
                    ..config
                };
                repartee_core::names::check(repartee_store::items::ItemKind::Fakes, &fakes.name)?;
                let new = NewFakeSet {
                    name: fakes.name,
                    checkpoint_id: checkpoint.id,
                    split_id: checkpoint.split_id,
                    config: to_json(&config)?,
                };
                self.store.fake_set_insert(&new, now_ms())?
            }
        };
        self.store
            .fakes_add(set_id, &result.store.stored_fakes(theirs.id)?)?;
        let (_, left_out) = result.store.left_out(&job.id, usize::MAX)?;
        for (item, why) in left_out {
            self.store
                .leave_out(&job.id, &item, &without_quotes(&why))?;
        }
        Ok(())
    }
}
