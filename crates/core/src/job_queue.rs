//! The job queue: several trainings, sets of fakes and evaluations overnight.
//!
//! The queue is in the project file, so any process may add, reorder and take jobs. It is run by `repartee job run`, an
//! open window (through a worker), and a worker whose job has ended. One job of the queue runs at a time, which
//! [`repartee_store::Store::job_next`] ensures in a transaction, and none starts while another heavy job runs. An
//! interrupted job is resumed before the next one starts, but at most [`TRIES`] times. A paused job blocks the queue
//! until it is resumed; a failed one does if it was queued so.
//!
//! `repartee job run` also takes interrupted jobs that were never queued into the queue, at its head
//! ([`HowToRun::go_on`]). A job that was paused outside of it stays paused, and the result names it.

use std::collections::HashSet;
use std::time::Duration;

use repartee_store::items::ItemKind;
use repartee_store::jobs::{JobRow, JobState, Next, Place, Want};
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::job::{Ended, Job, JobInfo, Signals, is_stale, now_ms, status_of};
use crate::kind::{Begins, Kind};

/// A job that was interrupted this often fails: it may be what kills its process.
const TRIES: u32 = 3;
/// Polling interval while waiting for another job.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A job that was queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Queued {
    pub job: JobInfo,
    /// What it needs but is missing, unless a job before it makes it. Checked again when it starts.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct JobQueue {
    /// The job that runs or blocks the queue, then those that wait, in order.
    pub jobs: Vec<JobInfo>,
    /// The job that blocks it: it is paused, or failed and was queued so.
    pub held_up_by: Option<String>,
}

/// New position of a queued job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum MoveTo {
    First,
    Last,
    /// Before this queued job.
    Before(String),
}

/// Why running the queue did not resume an unfinished job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum WhyNotRun {
    /// It was paused, and is not in the queue: that was on purpose.
    Paused,
    /// It was interrupted, and its kind is only resumed on request: it may ask the user, serve them, or post.
    OnRequest,
    /// It was interrupted so often that it may be what kills its process.
    TooOften,
}

/// An unfinished job that running the queue did not resume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NotRun {
    pub job: JobInfo,
    pub why: WhyNotRun,
}

/// The result of running the queue.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct QueueRun {
    pub done: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub left: u64,
    /// The job that blocks the queue, if any.
    pub held_up_by: Option<String>,
    /// Whether it was interrupted before the queue was empty.
    pub interrupted: bool,
    /// Unfinished jobs outside of the queue that stay as they are; only with [`HowToRun::go_on`].
    pub not_run: Vec<NotRun>,
}

/// How to run the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HowToRun {
    /// Wait for jobs that run elsewhere, instead of ending.
    pub wait: bool,
    /// Unblock the queue: a paused job is resumed, a failed one is skipped. Interrupted jobs outside of it are resumed
    /// first.
    pub go_on: bool,
}

/// Whose turn it is.
enum Turn {
    /// This job's; this process owns it now. Whether it resumes an earlier attempt.
    Of(Box<JobRow>, bool),
    /// Another process runs one of the queue.
    Busy,
    /// This one blocks the queue.
    HeldUp(Box<JobRow>),
    Nobody,
}

impl Project {
    /// Adds a job to the end of the queue, under an id chosen by the caller; using an id a second time changes nothing.
    /// Its parameters are validated as far as they can be now.
    ///
    /// # Errors
    /// [`Code::Usage`] if there is no such kind of job, it cannot be queued, or its parameters are invalid;
    /// [`Code::Exists`] if the name it makes is taken; [`Code::NotFound`] for a file that does not exist.
    pub fn enqueue(
        &self,
        id: &str,
        kind: &str,
        params: &Value,
        stops_queue: bool,
    ) -> Result<Queued> {
        let Some(known) = self.kind_if_known(kind).filter(|kind| kind.queued) else {
            let queued = self.kinds().iter().filter(|kind| kind.queued);
            let queued: Vec<&str> = queued.map(|kind| kind.name).collect();
            return Err(Error::usage(format!(
                "a job of kind {kind} cannot be queued; those that can are {}",
                queued.join(", ")
            )));
        };
        let json = (known.checked)(self, &(known.absolute)(params)?, Begins::InItsTurn)?;
        let notes = match self.store.job(id)? {
            Some(_) => Vec::new(),
            None => self.check_names(known, &json)?,
        };
        if self
            .store
            .job_queue(id, kind, &json, stops_queue, now_ms())?
        {
            for note in &notes {
                self.store.job_log(id, now_ms(), note)?;
            }
        }
        Ok(Queued {
            job: self.job(id)?,
            notes,
        })
    }

    /// As [`Project::enqueue`], for a job value.
    ///
    /// # Errors
    /// As [`Project::enqueue`].
    pub fn enqueue_job<J: Job>(&self, job: &J, stops_queue: bool) -> Result<Queued> {
        let params = serde_json::to_value(job)
            .map_err(|e| Error::internal(format!("parameters do not fit into JSON: {e}")))?;
        self.enqueue(&crate::job::new_id(), J::KIND, &params, stops_queue)
    }

    /// Changes the parameters of a job that waits in the queue, which are validated as for a new one. The names of what
    /// it makes and uses must stay: jobs after it may refer to them.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if the parameters are invalid, or it does not wait (any more);
    /// [`Code::Busy`] if it was changed at the same time.
    pub fn job_change(&self, id: &str, params: &Value) -> Result<JobInfo> {
        let row = self.job_row(id)?;
        let known = self.kind(&row.kind)?;
        let json = (known.checked)(self, &(known.absolute)(params)?, Begins::InItsTurn)?;
        if self.store.job_params(&row, &json)? {
            return self.job(&row.id);
        }
        let now = self.job_row(&row.id)?.state;
        match now {
            JobState::Queued => Err(Error::new(
                Code::Busy,
                format!("job {} was changed at the same time; try again", row.id),
            )),
            now => Err(Error::usage(format!(
                "job {} is {}, so its parameters cannot be changed any more",
                row.id,
                now.as_str()
            ))),
        }
    }

    /// The queue, in order.
    pub fn job_queue(&self) -> Result<JobQueue> {
        let mut rows = self.store.jobs()?;
        rows.retain(|row| row.place.is_some());
        rows.sort_by_key(|row| (row.state == JobState::Queued, row.place));
        let holds = |row: &&JobRow| matches!(row.state, JobState::Paused | JobState::Failed);
        Ok(JobQueue {
            held_up_by: rows.iter().find(holds).map(|row| row.id.clone()),
            jobs: rows
                .into_iter()
                .map(JobInfo::from_row)
                .collect::<Result<_>>()?,
        })
    }

    /// Moves a queued job, and returns the queue.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it is not waiting in the queue (any more).
    pub fn job_move(&self, id: &str, to: &MoveTo) -> Result<JobQueue> {
        let id = self.job_row(id)?.id;
        let before = match to {
            MoveTo::Before(other) => Some(self.job_row(other)?.id),
            MoveTo::First | MoveTo::Last => None,
        };
        let place = match (to, &before) {
            (MoveTo::Last, _) => Place::Last,
            (MoveTo::Before(_), Some(other)) => Place::Before(other),
            _ => Place::First,
        };
        if self.store.job_move(&id, place)? {
            return self.job_queue();
        }
        for one in std::iter::once(&id).chain(&before) {
            let row = self.job_row(one)?;
            if row.state != JobState::Queued {
                let state = row.state.as_str();
                return Err(Error::usage(format!(
                    "job {one} is not queued: it is {state}"
                )));
            }
        }
        Err(Error::new(
            Code::Busy,
            "the queue changed at the same time; try again",
        ))
    }

    /// Sets whether the failure of a job blocks the queue.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if it is not in the queue.
    pub fn job_stops_queue(&self, id: &str, stops: bool) -> Result<JobInfo> {
        let row = self.job_row(id)?;
        if row.place.is_none() {
            return Err(Error::usage(format!("job {} is not in the queue", row.id)));
        }
        self.store.job_stops_queue(&row.id, stops)?;
        self.job(&row.id)
    }

    /// Whether a job waits in the queue and could start now.
    pub fn queue_wants_to_run(&self) -> Result<bool> {
        let jobs = self.store.jobs()?;
        let queue = || jobs.iter().filter(|row| row.place.is_some());
        if queue().any(|row| matches!(row.state, JobState::Paused | JobState::Failed)) {
            return Ok(false);
        }
        let lost = |row: &JobRow| is_stale(row.owner.as_deref(), row.beat_ms, now_ms());
        let mine = match queue().find(|row| row.state == JobState::Running) {
            Some(row) => lost(row),
            None => queue().any(|row| row.state == JobState::Queued),
        };
        Ok(mine && self.busy_beside(&jobs).is_none())
    }

    /// Whether a heavy job runs or could start now, so that nothing should stay in memory for later.
    ///
    /// # Errors
    /// If the project cannot be read.
    pub fn needs_memory(&self) -> Result<bool> {
        let now = now_ms();
        let runs = |row: &JobRow| {
            row.state == JobState::Running && !is_stale(row.owner.as_deref(), row.beat_ms, now)
        };
        let heavy = |row: &JobRow| {
            self.kind_if_known(&row.kind)
                .is_some_and(|kind| kind.queued)
        };
        let jobs = self.store.jobs()?;
        Ok(jobs.iter().any(|row| runs(row) && heavy(row)) || self.queue_wants_to_run()?)
    }

    /// Runs the queue in this process. `told` is called for each job before it starts, and with its result afterwards.
    ///
    /// # Errors
    /// If the project cannot be read or written; a job that fails is no error.
    pub fn run_queue(
        &self,
        how: HowToRun,
        signals: Signals,
        told: &mut dyn FnMut(&JobInfo, Option<&Result<Ended<Value>>>),
    ) -> Result<QueueRun> {
        let mut run = QueueRun::default();
        // only what blocks it now: pausing a job later means that the machine should be free
        let mut resumes = match how.go_on {
            true => self.let_go_on()?,
            false => None,
        };
        loop {
            if self.interrupt.is_requested() {
                run.interrupted = true;
                break;
            }
            let jobs = self.store.jobs()?;
            let turn = match self.busy_beside(&jobs) {
                Some(_) => Turn::Busy,
                None => {
                    if how.go_on {
                        self.requeue_interrupted(&jobs)?;
                    }
                    self.take_turn(resumes.as_deref())?
                }
            };
            let (row, resumed) = match turn {
                Turn::Of(row, resumed) => (row, resumed),
                Turn::Busy if how.wait => {
                    std::thread::sleep(LOOK_EVERY);
                    continue;
                }
                Turn::HeldUp(row) => {
                    run.held_up_by = Some(row.id);
                    break;
                }
                Turn::Busy | Turn::Nobody => break,
            };
            if resumes.as_deref() == Some(row.id.as_str()) {
                resumes = None;
            }
            told(&self.job(&row.id)?, None);
            let ended = self.run_claimed(&row, resumed, Some(Want::Pause), signals);
            match &ended {
                Ok(Ended::Done(_)) => run.done += 1,
                // pausing it means that the machine should be free
                Ok(Ended::Paused) => run.interrupted = true,
                Ok(Ended::Cancelled) => run.cancelled += 1,
                Err(_) => run.failed += 1,
            }
            told(&self.job(&row.id)?, Some(&ended));
            if run.interrupted {
                break;
            }
        }
        let jobs = self.store.jobs()?;
        let waits = |row: &&JobRow| row.state == JobState::Queued;
        run.left = jobs.iter().filter(waits).count() as u64;
        if how.go_on {
            let unfinished = self.unfinished_beside(&jobs)?.into_iter();
            let not_run = unfinished.filter_map(|(row, why)| {
                why.map(|why| NotRun {
                    job: JobInfo::listed(row.clone()),
                    why,
                })
            });
            run.not_run = not_run.collect();
        }
        Ok(run)
    }

    /// Takes the oldest interrupted job outside of the queue into it, at its head, unless one of the queue runs.
    fn requeue_interrupted(&self, jobs: &[JobRow]) -> Result<()> {
        let unfinished = self.unfinished_beside(jobs)?;
        if let Some((row, _)) = unfinished.into_iter().find(|(_, why)| why.is_none()) {
            // if it has changed since, the next look sees how
            self.store.job_requeue(row)?;
        }
        Ok(())
    }

    /// The unfinished jobs outside of the queue that no process runs, oldest first, each with why it is not resumed;
    /// `None`: it is. A step of another job is resumed by that job.
    fn unfinished_beside<'a>(
        &self,
        jobs: &'a [JobRow],
    ) -> Result<Vec<(&'a JobRow, Option<WhyNotRun>)>> {
        let is_unfinished = |row: &&JobRow| {
            row.place.is_none() && matches!(status_of(row), JobStatus::Paused | JobStatus::Lost)
        };
        let mut found: Vec<&JobRow> = jobs.iter().filter(is_unfinished).collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let steps = self.step_ids(jobs)?;
        found.retain(|row| !steps.contains(&row.id));
        let unfinished = found.into_iter().filter_map(|row| {
            let kind = self.kind_if_known(&row.kind)?;
            let tries = row.tries + u32::from(row.owner.is_some());
            let why = match (row.state, row.want) {
                (JobState::Paused, _) | (_, Want::Pause) => Some(WhyNotRun::Paused),
                _ if !kind.pauses => Some(WhyNotRun::OnRequest),
                (_, Want::Run) if tries >= TRIES => Some(WhyNotRun::TooOften),
                // a request to end it is obeyed, as it is for a job of the queue
                _ => None,
            };
            Some((row, why))
        });
        Ok(unfinished.collect())
    }

    /// Skips a failed job that blocks the queue. Returns the paused job, if there is one.
    fn let_go_on(&self) -> Result<Option<String>> {
        let mut paused = None;
        for row in self
            .store
            .jobs()?
            .into_iter()
            .filter(|row| row.place.is_some())
        {
            match row.state {
                JobState::Failed => self.store.job_stops_queue(&row.id, false)?,
                JobState::Paused => paused = Some(row.id),
                _ => {}
            }
        }
        Ok(paused)
    }

    /// Takes the job whose turn it is; `resumes` even if it is paused.
    fn take_turn(&self, resumes: Option<&str>) -> Result<Turn> {
        // each iteration that continues ends a job
        loop {
            let row = match self.store.job_next(&self.owner, now_ms)? {
                Next::Taken(row) => return Ok(Turn::Of(Box::new(row), false)),
                Next::Empty => return Ok(Turn::Nobody),
                Next::HeldUp(row) if resumes == Some(row.id.as_str()) => row,
                Next::HeldUp(row) => return Ok(Turn::HeldUp(Box::new(row))),
                Next::Running(row) => {
                    if !is_stale(row.owner.as_deref(), row.beat_ms, now_ms()) {
                        return Ok(Turn::Busy);
                    }
                    row
                }
            };
            let lost = row.state == JobState::Running;
            let row = match self.claim(&row.id, Want::Pause, Want::Run) {
                Ok(claimed) => claimed,
                // another process was quicker, or the owner is alive after all; or this process is to end
                Err(_) => return Ok(Turn::Busy),
            };
            // what was requested before it was interrupted still counts: it is obeyed before any work
            if !lost || row.want != Want::Run || row.tries < TRIES {
                return Ok(Turn::Of(Box::new(row), true));
            }
            let words = format!(
                "this job was interrupted {} times (killed, perhaps out of memory, or the machine was \
                 switched off); `repartee job resume {}` tries again",
                row.tries, row.id
            );
            self.end_failed(&row.id, &Error::new(Code::Internal, words))?;
        }
    }

    /// Checks the names that a job uses and makes. Returns those that do not exist, and are not made by a job before
    /// it.
    fn check_names(&self, kind: &Kind, params: &str) -> Result<Vec<String>> {
        let mut there: HashSet<(ItemKind, String)> = HashSet::new();
        there.extend(named(ItemKind::Run, self.store.runs()?, |run| run.name));
        there.extend(named(ItemKind::Fakes, self.store.fake_sets()?, |set| {
            set.name
        }));
        there.extend(named(ItemKind::Split, self.store.splits()?, |split| {
            split.name
        }));
        there.extend(named(ItemKind::Base, self.store.bases()?, |base| base.name));
        for row in self.store.jobs()? {
            let to_come = matches!(
                row.state,
                JobState::Queued | JobState::Running | JobState::Paused
            );
            if to_come && let Some(kind) = self.kind_if_known(&row.kind) {
                kind.each_name(&row.params, &mut |one| {
                    if one.makes {
                        there.insert((one.kind, one.name.clone()));
                    }
                });
            }
        }
        let mut taken = None;
        let mut notes = Vec::new();
        kind.each_name(params, &mut |one| {
            let (what, name) = (one.kind.noun(), &*one.name);
            match (one.makes, there.contains(&(one.kind, name.clone()))) {
                _ if name.is_empty() => {}
                (true, true) => {
                    taken = Some(format!(
                        "there is already a {what} {name:?}, or a job that makes it; choose another name"
                    ));
                }
                (false, false) => notes.push(format!(
                    "there is no {what} {name:?} yet, and no job before this one makes it"
                )),
                _ => {}
            }
        });
        match taken {
            Some(taken) => Err(Error::new(Code::Exists, taken)),
            None => Ok(notes),
        }
    }

    /// A heavy job outside of the queue that some process runs.
    fn busy_beside<'a>(&self, jobs: &'a [JobRow]) -> Option<&'a JobRow> {
        let now = now_ms();
        jobs.iter().find(|row| {
            row.state == JobState::Running
                && row.place.is_none()
                && self
                    .kind_if_known(&row.kind)
                    .is_some_and(|kind| kind.queued)
                && !is_stale(row.owner.as_deref(), row.beat_ms, now)
        })
    }
}

/// The names of all items of a kind.
fn named<T>(
    kind: ItemKind,
    items: Vec<T>,
    name: fn(T) -> String,
) -> impl Iterator<Item = (ItemKind, String)> {
    items.into_iter().map(move |item| (kind, name(item)))
}
