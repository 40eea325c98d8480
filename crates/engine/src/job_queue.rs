//! The job queue: several trainings, sets of fakes and evaluations overnight.
//!
//! The queue is in the project file, so any process may add, reorder and take jobs. It is run by `repartee job run`, an
//! open window (through a worker), and a worker whose job has ended. One job of the queue runs at a time, which
//! [`repartee_store::Store::job_next`] ensures in a transaction, and none starts while another heavy job runs. An
//! interrupted job is resumed before the next one starts, but at most [`TRIES`] times. A paused job blocks the queue
//! until it is resumed; a failed one does if it was queued so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use repartee_store::jobs::{JobRow, JobState, Next, Place, Want};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::{Ended, Job, JobInfo, Signals, is_stale, now_ms};
use crate::kinds;
use crate::train::Train;

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

/// The result of running the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QueueRun {
    pub done: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub left: u64,
    /// The job that blocks the queue, if any.
    pub held_up_by: Option<String>,
    /// Whether it was interrupted before the queue was empty.
    pub interrupted: bool,
}

/// How to run the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HowToRun {
    /// Wait for jobs that run elsewhere, instead of ending.
    pub wait: bool,
    /// Unblock the queue: a paused job is resumed, a failed one is skipped.
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

impl Engine {
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
        if !kinds::QUEUED.contains(&kind) {
            return Err(Error::usage(format!(
                "a job of kind {kind} cannot be queued; those that can are {}",
                kinds::QUEUED.join(", ")
            )));
        }
        let params = absolute(kind, params)?;
        let json = kinds::checked(self, kind, &params)?;
        let notes = match self.store.job(id)? {
            Some(_) => Vec::new(),
            None => self.check_names(kind, &params)?,
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

    /// As [`Engine::enqueue`], for a job value.
    ///
    /// # Errors
    /// As [`Engine::enqueue`].
    pub fn enqueue_job<J: Job>(&self, job: &J, stops_queue: bool) -> Result<Queued> {
        let params = serde_json::to_value(job)
            .map_err(|e| Error::internal(format!("parameters do not fit into JSON: {e}")))?;
        self.enqueue(&crate::job::new_id(), J::KIND, &params, stops_queue)
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
        Ok(mine && busy_beside(&jobs).is_none())
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
            if self.interrupt.presses() > 0 {
                run.interrupted = true;
                break;
            }
            let turn = match busy_beside(&self.store.jobs()?) {
                Some(_) => Turn::Busy,
                None => self.take_turn(resumes.take().as_deref())?,
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
        let waits = |row: &JobRow| row.state == JobState::Queued;
        run.left = self.store.jobs()?.into_iter().filter(waits).count() as u64;
        Ok(run)
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
            let row = match self.store.job_next(&self.owner, now_ms())? {
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
            let row = match self.claim(&row.id, Want::Pause) {
                Ok(claimed) => JobRow {
                    want: row.want,
                    ..claimed
                },
                // another process was quicker, or the owner is alive after all; or this process is to end
                Err(_) => return Ok(Turn::Busy),
            };
            if !lost {
                return Ok(Turn::Of(Box::new(row), true));
            }
            match row.want {
                // what was requested before it was interrupted still counts
                Want::Stop | Want::Cancel | Want::Discard => {
                    if self.end_resting(&row, row.want).is_err() {
                        self.end_resting(&row, Want::Cancel)?;
                    }
                }
                Want::Pause => {
                    let (id, paused) = (&row.id, JobState::Paused);
                    self.store
                        .job_end(id, &self.owner, paused, None, None, now_ms())?;
                }
                Want::Run if row.tries >= TRIES => {
                    let words = format!(
                        "this job was interrupted {} times (killed, perhaps out of memory, or the machine \
                         was switched off); `repartee job resume {}` tries again",
                        row.tries, row.id
                    );
                    self.end_failed(&row.id, &Error::new(Code::Internal, words))?;
                }
                Want::Run => return Ok(Turn::Of(Box::new(row), true)),
            }
        }
    }

    /// Checks the names that a job uses and makes. Returns those that do not exist, and are not made by a job before
    /// it.
    fn check_names(&self, kind: &str, params: &Value) -> Result<Vec<String>> {
        let mut there = Names::default();
        there
            .runs
            .extend(self.store.runs()?.into_iter().map(|run| run.name));
        there
            .fakes
            .extend(self.store.fake_sets()?.into_iter().map(|set| set.name));
        there
            .splits
            .extend(self.store.splits()?.into_iter().map(|split| split.name));
        there
            .bases
            .extend(self.store.bases()?.into_iter().map(|base| base.name));
        for row in self.store.jobs()? {
            let to_come = matches!(
                row.state,
                JobState::Queued | JobState::Running | JobState::Paused
            );
            if to_come && let Ok(params) = serde_json::from_str(&row.params) {
                there.add(&row.kind, &params);
            }
        }
        let text = |key: &str| {
            params
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut needed: Vec<(&str, String)> = Vec::new();
        let mut made: Option<(&str, String)> = None;
        match kind {
            "train" => {
                let Train { config } = Train::deserialize(params)
                    .map_err(|e| Error::usage(format!("job {kind}: {e}")))?;
                needed.push(("base", config.base));
                needed.push(("split", config.split));
                needed.push(("set of fakes", config.fakes));
                made = Some(("run", config.name));
            }
            "fakes" => {
                needed.push(("run", text("generator")));
                made = Some(("set of fakes", text("name")));
            }
            "evaluate" => {
                needed.push(("run", text("run")));
                needed.push(("set of fakes", text("fakes")));
            }
            "generate" => {
                let keys = ["generator", "realism", "upvotes"];
                needed.extend(keys.map(|key| ("run", text(key))));
            }
            "base-add" | "base-new" => made = Some(("base", text("name"))),
            "split" => made = Some(("split", text("name"))),
            "audit" => needed.push(("split", text("name"))),
            _ => {}
        }
        if let Some((what, name)) = made
            && !name.is_empty()
            && there.of(what).contains(&name)
        {
            let taken = format!(
                "there is already a {what} {name:?}, or a job that makes it; choose another name"
            );
            return Err(Error::new(Code::Exists, taken));
        }
        needed.retain(|(what, name)| !name.is_empty() && !there.of(what).contains(name));
        let note = |(what, name): (&str, String)| {
            format!("there is no {what} {name:?} yet, and no job before this one makes it")
        };
        Ok(needed.into_iter().map(note).collect())
    }
}

/// Names that exist or will exist.
#[derive(Default)]
struct Names {
    runs: BTreeSet<String>,
    fakes: BTreeSet<String>,
    splits: BTreeSet<String>,
    bases: BTreeSet<String>,
}

impl Names {
    fn of(&self, what: &str) -> &BTreeSet<String> {
        match what {
            "run" => &self.runs,
            "set of fakes" => &self.fakes,
            "split" => &self.splits,
            _ => &self.bases,
        }
    }

    /// Adds what a job will make.
    fn add(&mut self, kind: &str, params: &Value) {
        let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
        match kind {
            "train" => self
                .runs
                .extend(Train::deserialize(params).map(|train| train.config.name)),
            "fakes" => self.fakes.extend(text("name")),
            "split" => self.splits.extend(text("name")),
            "base-add" | "base-new" => self.bases.extend(text("name")),
            _ => {}
        }
    }
}

/// A heavy job outside of the queue that some process runs.
fn busy_beside(jobs: &[JobRow]) -> Option<&JobRow> {
    let now = now_ms();
    jobs.iter().find(|row| {
        row.state == JobState::Running
            && row.place.is_none()
            && kinds::QUEUED.contains(&row.kind.as_str())
            && !is_stale(row.owner.as_deref(), row.beat_ms, now)
    })
}

/// Parameters with absolute paths: the job may run in another folder.
fn absolute(kind: &str, params: &Value) -> Result<Value> {
    let mut params = params.clone();
    let whole = |path: &Path| -> Result<PathBuf> {
        std::path::absolute(path).map_err(|e| Error::io("find", path, &e))
    };
    match kind {
        "import" => {
            for file in params
                .get_mut("files")
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten()
            {
                let path = whole(Path::new(file.as_str().unwrap_or_default()))?;
                std::fs::metadata(&path).map_err(|e| Error::io("read", &path, &e))?;
                *file = Value::from(path.display().to_string());
            }
        }
        "base-add" => {
            if let Some(from) = params.get_mut("from")
                && let path = Path::new(from.as_str().unwrap_or_default())
                && path.exists()
            {
                *from = Value::from(whole(path)?.display().to_string());
            }
        }
        _ => {}
    }
    Ok(params)
}
