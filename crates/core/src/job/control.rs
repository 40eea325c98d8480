//! Jobs in lists, and requests to them from any process: pause, cancel, stop, discard.

use repartee_store::jobs::{JobRow, JobState, Want};

use super::info::{JobInfo, JobLine};
use super::now_ms;
use crate::Project;
use crate::error::{Code, Error, Result};
use crate::owner::is_stale;

impl Project {
    /// The row of a job; a unique prefix or suffix of its id is enough.
    pub fn job_row(&self, id: &str) -> Result<JobRow> {
        if let Some(row) = self.store.job(id)? {
            return Ok(row);
        }
        let mut rows = self.store.jobs()?;
        rows.retain(|row| !id.is_empty() && (row.id.starts_with(id) || row.id.ends_with(id)));
        match rows.len() {
            1 => Ok(rows.remove(0)),
            0 => Err(Error::new(
                Code::NotFound,
                format!("there is no job {id}; `repartee job list` shows them"),
            )),
            n => Err(Error::usage(format!(
                "{n} jobs have an id like {id}; give more digits"
            ))),
        }
    }

    /// All jobs, the newest first.
    pub fn jobs(&self) -> Result<Vec<JobInfo>> {
        let mut rows = self.store.jobs()?;
        rows.sort_by(|a, b| {
            b.created_ms
                .cmp(&a.created_ms)
                .then_with(|| b.id.cmp(&a.id))
        });
        // a value that cannot be read is missing from its job, but the job stays in the list
        Ok(rows.into_iter().map(JobInfo::listed).collect())
    }

    /// Whether a job was canceled with the request to discard its checkpoints.
    pub fn was_discarded(&self, id: &str) -> Result<bool> {
        let row = self.store.job(id)?;
        Ok(row.is_some_and(|row| row.state == JobState::Cancelled && row.want == Want::Discard))
    }

    /// One job by its id, or by a unique prefix or suffix of it.
    ///
    /// # Errors
    /// [`Code::NotFound`], or [`Code::Usage`] if several match.
    pub fn job(&self, id: &str) -> Result<JobInfo> {
        JobInfo::from_row(self.job_row(id)?)
    }

    /// The lines a job has logged.
    ///
    /// # Errors
    /// As [`Project::job`].
    pub fn job_log(&self, id: &str) -> Result<Vec<JobLine>> {
        let row = self.job_row(id)?;
        let lines = self.store.job_lines(&row.id)?.into_iter();
        Ok(lines.map(|(at_ms, text)| JobLine { at_ms, text }).collect())
    }

    /// Requests a pause; the process that runs the job sees it within 20 ms, and pauses at its next safe point.
    ///
    /// # Errors
    /// [`Code::Usage`] if it is not running.
    pub fn pause(&self, id: &str) -> Result<JobInfo> {
        self.wish(id, Want::Pause)
    }

    /// Cancels a job. One that is paused or interrupted is canceled at once.
    ///
    /// # Errors
    /// [`Code::Usage`] if it has already ended.
    pub fn cancel(&self, id: &str) -> Result<JobInfo> {
        self.wish(id, Want::Cancel)
    }

    /// Requests that a training finish now, with the weights of this step as its result. Every other job is canceled:
    /// what it has stored until then is kept. A training that is not running finishes with its last checkpoint.
    ///
    /// # Errors
    /// [`Code::Usage`] if it has already ended, or has not saved anything yet.
    pub fn stop(&self, id: &str) -> Result<JobInfo> {
        let kind = self.kind_if_known(&self.job_row(id)?.kind);
        match kind.is_some_and(|kind| kind.finishes) {
            true => self.wish(id, Want::Stop),
            false => self.wish(id, Want::Cancel),
        }
    }

    /// Cancels a training and removes its checkpoints. A checkpoint that something was made or evaluated with stays.
    ///
    /// # Errors
    /// [`Code::Usage`] if it has already ended, or is no training.
    pub fn discard(&self, id: &str) -> Result<JobInfo> {
        let row = self.job_row(id)?;
        let kind = self.kind_if_known(&row.kind);
        if !kind.is_some_and(|kind| kind.finishes) {
            return Err(Error::usage(format!(
                "job {} is of kind {}, and only a training has weights to discard; `repartee job stop {}` ends it and keeps what it has stored",
                row.id, row.kind, row.id
            )));
        }
        self.wish(id, Want::Discard)
    }

    fn wish(&self, id: &str, want: Want) -> Result<JobInfo> {
        // the job may change hands in between: then its row is read again
        for _ in 0..10 {
            let row = self.job_row(id)?;
            if self.wish_once(&row, want)? {
                return self.job(&row.id);
            }
        }
        Err(Error::new(
            Code::Busy,
            format!("job {id} keeps changing owners; try again"),
        ))
    }

    /// False: it is no longer as `row` says.
    fn wish_once(&self, row: &JobRow, want: Want) -> Result<bool> {
        let stale = is_stale(row.owner.as_deref(), row.beat_ms, now_ms());
        match (row.state, want) {
            (JobState::Done | JobState::Cancelled, _) => Err(Error::usage(format!(
                "job {} has ended ({})",
                row.id,
                row.state.as_str()
            ))),
            (JobState::Queued, Want::Pause) => Err(Error::usage(format!(
                "job {} is queued and has not started; cancel it, or move it to the end",
                row.id
            ))),
            (JobState::Queued, _) => Ok(self.store.job_unqueue(&row.id, now_ms())?),
            (JobState::Running, _) if !stale => Ok(self.store.job_want(&row.id, want)?),
            (_, Want::Stop | Want::Cancel | Want::Discard) => self.end_resting(row, want),
            (JobState::Running, _) => Err(Error::usage(format!(
                "job {} was interrupted; `repartee job resume {}` resumes it",
                row.id, row.id
            ))),
            (state, _) => Err(Error::usage(format!(
                "job {} is already {}",
                row.id,
                state.as_str()
            ))),
        }
    }

    /// Ends a job that no process runs. False: a process runs it by now.
    fn end_resting(&self, row: &JobRow, want: Want) -> Result<bool> {
        let stopped = match want {
            Want::Stop => Some((self.kind(&row.kind)?.so_far)(self, row)?),
            _ => None,
        };
        let store = &self.store;
        if !store.job_claim(row, &self.owner, want, now_ms())? {
            return Ok(false);
        }
        if want == Want::Discard {
            (self.kind(&row.kind)?.discard)(self, &row.id)?;
        }
        let (state, outcome) = match &stopped {
            Some(outcome) => (JobState::Done, Some(outcome.as_str())),
            None => (JobState::Cancelled, None),
        };
        store.job_end(&row.id, &self.owner, state, None, outcome, now_ms())?;
        Ok(true)
    }
}
