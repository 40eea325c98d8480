//! Making a bundle: which jobs can go into one, and what they need.

use std::path::Path;

use repartee_core::bundles::{FORMAT, Used};
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Job, from_json, is_stale, new_id, now_ms};
use repartee_datasets::Partition;
use repartee_store::Store;
use repartee_store::fakes::FakeSet;
use repartee_store::job_bundles::{BUNDLE, Slice};
use repartee_store::jobs::{JobRow, JobState};
use repartee_store::runs::Role;
use repartee_store::splits::Split;

use super::{Bundle, BundledJob, MadeBundle};
use crate::Engine;
use crate::bases::permission::may_train;
use crate::generation::fakes::{MakeFakes, of_job};
use crate::training::run_config::{ModelKind, RunConfig};
use crate::training::{RunFacts, Train, base_of, fakes_of, free_run_name, threads as threads_here};

const DAY_MS: i64 = 86_400_000;

/// A bundle to make.
#[derive(Debug, Clone, Copy)]
pub struct NewBundle<'a> {
    /// Ids of its jobs.
    pub jobs: &'a [String],
    pub file: &'a Path,
    /// After this many days, no work begins in it.
    pub days: u32,
    /// Threads to compute with; 0: as many as here. A run that has begun keeps its number, for the sake of its bits.
    pub threads: usize,
}

/// A job, with the items that it needs and the number of threads that its run began with.
struct Needs {
    job: BundledJob,
    slice: Slice,
    threads: Option<usize>,
}

fn split_of(split: &Split) -> Used {
    Used {
        id: split.id,
        created_ms: split.created_ms,
    }
}

fn set_of(set: &FakeSet) -> Used {
    Used {
        id: set.id,
        created_ms: set.created_ms,
    }
}

fn split_by_id(store: &Store, id: i64) -> Result<Split> {
    store.split_by_id(id)?.ok_or_else(|| {
        Error::new(
            Code::NotFound,
            "the split of this run is being deleted, and the run with it",
        )
    })
}

/// Adds what another job needs.
fn add(all: &mut Slice, one: Slice) {
    fn extend<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>) {
        for one in more {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    extend(&mut all.jobs, one.jobs);
    extend(&mut all.splits, one.splits);
    extend(&mut all.partitions, one.partitions);
    extend(&mut all.bases, one.bases);
    extend(&mut all.weights_of, one.weights_of);
    extend(&mut all.runs, one.runs);
    extend(&mut all.checkpoints, one.checkpoints);
    extend(&mut all.fake_sets, one.fake_sets);
}

impl Engine {
    /// The job of a run by the run's name, or a job by its id.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if the run has no job.
    pub fn job_to_bundle(&self, word: &str) -> Result<String> {
        let run = self.store.runs()?.into_iter().find(|run| run.name == word);
        match run {
            Some(run) => run.job_id.ok_or_else(|| {
                Error::usage(format!(
                    "run {word:?} has no job that could be resumed; start a new training"
                ))
            }),
            None => Ok(self.job_row(word)?.id),
        }
    }

    /// Stores a training that another machine will run, without running it, and returns its job. An unfinished one with
    /// the same settings is taken instead.
    ///
    /// # Errors
    /// Those of starting it.
    pub fn train_elsewhere(&self, config: &RunConfig) -> Result<String> {
        let mut train = Train::new(config)?;
        if train.config.name.is_empty() {
            train.config.name = self.free_name(config.kind)?;
        }
        let name = &train.config.name;
        let is_taken = self.store.runs()?.iter().any(|run| run.name == *name);
        if is_taken && self.unfinished(&train)?.is_none() {
            return Err(Error::new(
                Code::Exists,
                format!("there is already a run {name:?}; choose another name"),
            ));
        }
        self.job_elsewhere(&train)
    }

    /// A name for a run that neither a run nor a job that has not begun has.
    fn free_name(&self, kind: ModelKind) -> Result<String> {
        let mut taken: Vec<String> = Vec::new();
        for row in self.store.jobs()? {
            let is_open = !matches!(row.state, JobState::Done | JobState::Cancelled);
            if is_open && row.kind == Train::KIND {
                let train: Option<Train> = serde_json::from_str(&row.params).ok();
                taken.extend(train.map(|train| train.config.name));
            }
        }
        free_run_name(&self.store, kind, taken)
    }

    /// Stores a job that another machine will run: here it is paused. An unfinished one with the same parameters is
    /// taken instead.
    ///
    /// # Errors
    /// Those of starting it.
    pub fn job_elsewhere<J: Job>(&self, job: &J) -> Result<String> {
        if let Some(id) = self.unfinished(job)? {
            return Ok(id);
        }
        let id = new_id();
        let params = serde_json::to_value(job)
            .map_err(|e| Error::internal(format!("parameters do not fit into JSON: {e}")))?;
        self.submit(&id, J::KIND, &params)?;
        self.end_unrun(&id, JobState::Paused)?;
        Ok(id)
    }

    /// Ends a job that no process runs.
    fn end_unrun(&self, id: &str, state: JobState) -> Result<()> {
        let row = self.job_row(id)?;
        if self
            .store
            .job_claim(&row, &self.owner, row.want, now_ms())?
        {
            self.store
                .job_end(id, &self.owner, state, None, None, now_ms())?;
        }
        Ok(())
    }

    /// Cancels those of these jobs that have not begun: they could not be bundled.
    pub fn cancel_unbegun(&self, jobs: &[String]) -> Result<()> {
        for id in jobs {
            let row = self.job_row(id)?;
            let has_begun = row.progress.is_some()
                || self.store.run_of_job(id)?.is_some()
                || of_job(&self.store, id)?.is_some();
            if !has_begun && row.state == JobState::Paused && self.check_is_here(id).is_ok() {
                self.end_unrun(id, JobState::Cancelled)?;
            }
        }
        Ok(())
    }

    /// Writes a bundle of jobs that no process runs. Until its result is merged, or it is deleted, they are not resumed
    /// here.
    ///
    /// # Errors
    /// [`Code::Usage`] for a job that has ended or is of another kind; [`Code::Busy`] if one runs, or is in another
    /// bundle; [`Code::Permission`] if strict mode refuses the training; [`Code::Exists`] if the file exists.
    pub fn bundle_make(&self, new: &NewBundle<'_>) -> Result<MadeBundle> {
        if !(1..=3650).contains(&new.days) {
            return Err(Error::usage(format!(
                "a bundle can be kept for 1 to 3650 days, not {}",
                new.days
            )));
        }
        let (mut jobs, mut slice, mut threads) = (Vec::new(), Slice::default(), None);
        for id in new.jobs {
            let needs = self.needs(id)?;
            if jobs.contains(&needs.job) {
                continue; // named twice
            }
            jobs.push(needs.job);
            add(&mut slice, needs.slice);
            threads = threads.or(needs.threads);
        }
        if jobs.is_empty() {
            return Err(Error::usage("a bundle needs at least one job"));
        }
        slice.study = self.study_that_counts()?;
        let now = now_ms();
        let bundle = Bundle {
            format: FORMAT,
            id: new_id(),
            project: self.project_id()?,
            jobs,
            threads: match (threads, new.threads) {
                (Some(begun), _) => begun,
                (None, 0) => threads_here(),
                (None, wanted) => wanted,
            },
            created_ms: now,
            expires_ms: now.saturating_add(i64::from(new.days) * DAY_MS),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let file = Store::create(new.file)?;
        // links resolved, so that a purge recognizes it
        let path = std::fs::canonicalize(new.file).map_err(|e| Error::io("find", new.file, &e))?;
        let made = MadeBundle {
            path: Some(path.clone()),
            place: None,
            lost: self.store.lost_pairs(&slice.splits)?,
            splits: slice.splits.clone(),
            away: slice.jobs.clone(),
            merged_ms: None,
            bundle,
        };
        let write = || -> Result<()> {
            if path.to_str().is_none() {
                return Err(Error::usage(format!(
                    "the path of the bundle is not UTF-8, so the project cannot remember it: {}",
                    path.display()
                )));
            }
            // before any text is in it: a purge must find it
            self.keep_bundle(&made)?;
            for job in &slice.jobs {
                // interrupted, the queue would take it up
                if self.job_row(job)?.state == JobState::Running {
                    self.end_unrun(job, JobState::Paused)?;
                }
            }
            self.store.slice_into(&file, &slice)?;
            // last: without it, the file is no bundle
            Ok(file.set_setting(BUNDLE, &made.bundle)?)
        };
        let written = write();
        drop(file);
        if let Err(error) = written {
            let _ = std::fs::remove_file(&path);
            self.forget_bundle(&made.bundle.id)?;
            return Err(error);
        }
        Ok(made)
    }

    /// The permissions of the study that hold here: the newest of each kind, unless it has to be confirmed first.
    fn study_that_counts(&self) -> Result<Vec<i64>> {
        let unconfirmed: Vec<_> = self
            .study_standing()?
            .kinds
            .into_iter()
            .filter(|kind| kind.unconfirmed)
            .map(|kind| kind.kind)
            .collect();
        let records = self.store.study_records()?.into_iter();
        Ok(records
            .filter(|entry| !unconfirmed.contains(&entry.record.kind))
            .map(|entry| entry.id)
            .collect())
    }

    /// What a job needs to run elsewhere.
    fn needs(&self, id: &str) -> Result<Needs> {
        let row = self.job_row(id)?;
        self.check_is_here(&row.id)?;
        let refused = match row.state {
            JobState::Paused | JobState::Failed => None,
            JobState::Running if is_stale(row.owner.as_deref(), row.beat_ms, now_ms()) => None,
            JobState::Running => {
                return Err(Error::new(
                    Code::Busy,
                    format!("job {} is running; pause it first", row.id),
                ));
            }
            JobState::Queued => {
                Some("it waits in the queue; cancel it there, and start it with --bundle")
            }
            JobState::Done | JobState::Cancelled => Some("it has ended; start a new one"),
        };
        if let Some(why) = refused {
            return Err(Error::usage(format!(
                "job {} cannot be bundled: {why}",
                row.id
            )));
        }
        match row.kind.as_str() {
            Train::KIND => self.needs_of_training(&row),
            MakeFakes::KIND => self.needs_of_fakes(&row),
            kind => Err(Error::usage(format!(
                "a job of kind {kind} cannot be bundled; those that can are {} and {}. The trials of a sweep are \
                 trainings: `repartee train sweep KIND ... --bundle FILE` bundles them",
                Train::KIND,
                MakeFakes::KIND
            ))),
        }
    }

    fn needs_of_training(&self, row: &JobRow) -> Result<Needs> {
        let store = &self.store;
        let train: Train = from_json(&row.params)?;
        if !train.prune_against.is_empty() {
            return Err(Error::usage(format!(
                "job {} is a trial that is compared with trials of its project, and cannot be bundled",
                row.id
            )));
        }
        let run = store.run_of_job(&row.id)?;
        let (base, split, fakes) = match &run {
            Some(run) => {
                let set = run.fake_set_id.map(|id| store.fake_set_by_id(id));
                let split = split_by_id(store, run.split_id)?;
                (store.base_by_id(run.base_id)?, split, set.transpose()?)
            }
            None => {
                let split = store.split(&train.config.split)?;
                let set = match train.config.kind {
                    ModelKind::Realism => Some(fakes_of(store, &train.config, &split)?),
                    ModelKind::Generator | ModelKind::Upvotes => None,
                };
                (base_of(store, &train.config)?, split, set)
            }
        };
        may_train(self, &base, &split, fakes.as_ref())?;
        let last = match &run {
            Some(run) => store.checkpoint(run.id, Role::Last)?,
            None => None,
        };
        let facts = run
            .as_ref()
            .and_then(|run| serde_json::from_str::<RunFacts>(&run.facts).ok());
        let base_used = Used {
            id: base.id,
            created_ms: base.created_ms,
        };
        Ok(Needs {
            job: BundledJob {
                id: row.id.clone(),
                kind: row.kind.clone(),
                subject: train.subject(),
                split: split_of(&split),
                base: Some(base_used),
                fakes: fakes.as_ref().map(set_of),
                generator: None,
            },
            slice: Slice {
                jobs: vec![row.id.clone()],
                splits: vec![split.id],
                // the test set is not trained on
                partitions: vec![Partition::Train, Partition::Val],
                bases: vec![base.id],
                // a run that has a checkpoint has its own weights
                weights_of: last.is_none().then_some(base.id).into_iter().collect(),
                runs: run.map(|run| run.id).into_iter().collect(),
                fake_sets: fakes.map(|set| set.id).into_iter().collect(),
                ..Slice::default()
            },
            threads: facts.map(|facts| facts.threads),
        })
    }

    fn needs_of_fakes(&self, row: &JobRow) -> Result<Needs> {
        let fakes: MakeFakes = from_json(&row.params)?;
        let begun = of_job(&self.store, &row.id)?;
        let writer = match &begun {
            Some(set) => self.store.checkpoint_by_id(set.checkpoint_id)?,
            None => self.trained(
                &fakes.generator,
                ModelKind::Generator,
                fakes.checkpoint.as_deref(),
            )?,
        };
        let split = split_by_id(&self.store, writer.split_id)?;
        Ok(Needs {
            job: BundledJob {
                id: row.id.clone(),
                kind: row.kind.clone(),
                subject: fakes.subject(),
                split: split_of(&split),
                base: None,
                fakes: begun.as_ref().map(set_of),
                generator: Some(writer.id),
            },
            slice: Slice {
                jobs: vec![row.id.clone()],
                splits: vec![split.id],
                partitions: Partition::ALL.to_vec(),
                bases: vec![writer.base_id],
                checkpoints: vec![writer.id],
                fake_sets: begun.map(|set| set.id).into_iter().collect(),
                ..Slice::default()
            },
            threads: None,
        })
    }
}
