//! Jobs: one `run` for start and for resume, progress out, pause and cancel in.
//!
//! The database is the control plane. A job's row says which process runs it (`owner`), its last heartbeat (`beat_ms`)
//! and what is requested of it (`want`); a thread next to the work writes the heartbeat once a second and reads
//! requests. A job whose owner died can be resumed.
//!
//! A new job is a struct of parameters that implements [`Job`], and one line in the list of kinds in [`crate::kinds`].
//! It writes what it has finished to tables of its own as it goes; a resumed job ([`Ctx::resumed`]) finds there where
//! to continue.

use std::collections::{BTreeMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use repartee_datasets::guard::panic_text;
use repartee_store::jobs::{JobRow, JobState, Want};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::Engine;
use crate::awake::Awake;
use crate::error::{Code, Error, Result};
use crate::left_out::{LeftOut, Tally, without_quotes};
pub use crate::owner::is_stale;
use crate::owner::{self, Watched};
use crate::train::Train;

/// Minimum time between signals; the last one is always sent.
const SIGNAL_EVERY: Duration = Duration::from_millis(100);
/// Heartbeat interval of the owner.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A stored job that no process has taken over after this long is waiting in vain.
const WAITING_MS: i64 = 15_000;
/// The machine is kept awake for jobs that take longer than this.
const AWAKE_AFTER: Duration = Duration::from_secs(5);

/// A long-running task: parameters that can be stored, and the work itself.
pub trait Job: Serialize + DeserializeOwned {
    /// The name under which the job is stored and listed.
    const KIND: &'static str;
    /// What Ctrl-C requests: training pauses, everything else is canceled.
    const ON_INTERRUPT: Want = Want::Cancel;
    /// Its result.
    type Outcome: Serialize + DeserializeOwned;

    /// Validates the job itself before anything is written: a criterion without its model, a run of the wrong kind.
    /// Missing items are no error here: a queued job may wait for them.
    ///
    /// # Errors
    /// [`crate::Code::Usage`], naming what is wrong and what to do.
    fn check(&self, _engine: &Engine) -> Result<()> {
        Ok(())
    }

    /// Moves typed texts into tables of their own before the job is stored, so that its parameters refer to them and
    /// contain no text: a purge has one place to wipe.
    fn settle(&mut self, _engine: &Engine) -> Result<()> {
        Ok(())
    }

    /// The outcome as it is stored with the job: by ids, without any text.
    ///
    /// # Errors
    /// If it does not fit into JSON.
    fn kept(outcome: &Self::Outcome) -> Result<String> {
        to_json(outcome)
    }

    /// A stored outcome with the texts it refers to.
    fn found(_engine: &Engine, kept: Self::Outcome) -> Result<Self::Outcome> {
        Ok(kept)
    }

    /// How many items of a batch succeeded. A job in which none did has failed, with [`Code::Negative`]; what it has
    /// stored is kept.
    fn tally(_outcome: &Self::Outcome) -> Option<Tally> {
        None
    }

    /// Does the work, from the start or from where an earlier attempt stopped.
    ///
    /// # Errors
    /// [`Stop::Pause`] and [`Stop::Cancel`] if [`Ctx::go_on`] returned them, [`Stop::Failed`] otherwise.
    fn run(&self, ctx: &Ctx) -> Result<Self::Outcome, Stop>;
}

/// Why work ended before it was done.
#[derive(Debug)]
pub enum Stop {
    /// Paused: what is done is kept, and `resume` continues.
    Pause,
    /// Finish now, with what it has as its result. Only training can; see [`Ctx::go_on`].
    Finish,
    /// Canceled.
    Cancel,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// How a job ended unless it failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ended", content = "outcome", rename_all = "kebab-case")]
pub enum Ended<T> {
    Done(T),
    /// `repartee job resume` continues it.
    Paused,
    Cancelled,
}

/// Progress of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// What it is doing: "reading RC_2019-04.zst", "training".
    pub phase: String,
    /// Amount done, in `unit`.
    pub done: u64,
    /// Total amount, if known.
    pub total: Option<u64>,
    /// "bytes", "rows", "steps", "comments".
    pub unit: String,
    /// Current figures: "loss 3.21, 1,240 tokens/s".
    pub note: String,
    /// Estimated seconds left in this phase. Filled in by [`Ctx::tick`].
    pub eta_s: Option<f64>,
    /// Whether its units take very different times, so that the time left can't be told from those done.
    #[serde(skip)]
    #[ts(skip)]
    pub uneven: bool,
    /// What the job waits for; none: it is not waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<Next>,
}

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Next {
    /// Number of the reply that is posted next.
    pub reply: i64,
    /// When, milliseconds since 1970 by this machine's clock.
    pub at_ms: i64,
}

impl Progress {
    /// `done` of `total` units of a phase.
    pub fn new(phase: impl Into<String>, done: u64, total: Option<u64>, unit: &str) -> Self {
        Self {
            phase: phase.into(),
            done,
            total,
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Without an estimate of the time left: its units take very different times.
    #[must_use]
    pub fn uneven(mut self) -> Self {
        self.uneven = true;
        self
    }

    /// Waiting for a reply's turn.
    #[must_use]
    pub fn next(mut self, reply: i64, at_ms: i64) -> Self {
        self.next = Some(Next { reply, at_ms });
        self
    }

    /// Adds the current figures.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// What a running job reports to its front end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Signal {
    /// The job has its row and is running.
    Started {
        job: String,
        kind: String,
        /// Whether it resumes an earlier attempt.
        resumed: bool,
    },
    /// At most ten per second, the last always.
    Progress(Progress),
    /// A line for the log: what was decided, found or sampled.
    Log { text: String },
    /// A URL that the user must open in a browser to log in.
    Visit {
        /// Valid once, and stored nowhere.
        address: String,
    },
    /// The comments to be answered, before generation starts.
    Comments {
        /// In the order of their numbers.
        texts: Vec<String>,
    },
    /// Replies being generated, as far as they are; about ten times a second.
    Drafts {
        /// Those that have grown since the last time.
        drafts: Vec<Draft>,
    },
    /// Scores of generated replies.
    Scores { scores: Vec<DraftScore> },
}

/// A reply being generated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Draft {
    /// Index of the comment it answers, from 0.
    pub comment: usize,
    /// Index among the replies to that comment, from 0.
    pub n: usize,
    pub text: String,
    /// end, or length if it was cut; none while it is being generated.
    #[serde(alias = "finish")]
    pub finish_reason: Option<String>,
}

/// A classifier's scores of a generated reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DraftScore {
    /// Index of the comment it answers, from 0.
    pub comment: usize,
    /// Index among the replies to that comment, from 0.
    pub n: usize,
    /// p(real); none: not scored by this classifier.
    pub p_real: Option<f64>,
    /// Probability of each upvote bin; none: not scored by this classifier.
    pub bins: Option<[f64; 4]>,
}

/// Receives signals. Called from the working thread and from the heartbeat thread.
pub type Signals<'a> = &'a (dyn Fn(Signal) + Sync);

/// Ctrl-C and the like, from any thread or signal handler: a request by the user of this process.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Counts a press and returns the count. The first requests what the job's kind does on interruption (pause or
    /// cancel), the second cancels.
    pub fn press(&self) -> u8 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    pub fn presses(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The context of running work: the engine, requests to it, and its progress output.
pub struct Ctx<'a> {
    pub engine: &'a Engine,
    job: &'a str,
    resumed: bool,
    on_interrupt: Want,
    signals: Signals<'a>,
    shared: Arc<Shared>,
}

/// A request as the threads of a job share it.
fn wish_number(want: Want) -> u8 {
    match want {
        Want::Run => 0,
        Want::Pause => 1,
        Want::Stop => 2,
        Want::Cancel => 3,
        Want::Discard => 4,
    }
}

/// Another process owns the job now.
const TAKEN_OVER: u8 = 5;

/// Shared by the working thread and the heartbeat thread.
#[derive(Default)]
struct Shared {
    /// The request in the row, as a number of [`wish_number`]; [`TAKEN_OVER`]: another process owns it.
    want: AtomicU8,
    over: AtomicBool,
    pace: Mutex<Pace>,
    /// The job that runs as a step of this one.
    step: Mutex<Option<String>>,
    /// Items left out in this attempt.
    left_out: AtomicUsize,
}

#[derive(Default)]
struct Pace {
    /// When the current phase began, and with how much done.
    phase: Option<(String, Instant, u64)>,
    sent: Option<Instant>,
    waiting: Option<Progress>,
    latest: Option<Progress>,
}

impl Shared {
    fn step(&self) -> MutexGuard<'_, Option<String>> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self, signals: Signals, force: bool) {
        let waiting = {
            let mut pace = self.pace();
            let due = force || pace.sent.is_none_or(|at| at.elapsed() >= SIGNAL_EVERY);
            let waiting = if due { pace.waiting.take() } else { None };
            if waiting.is_some() {
                pace.sent = Some(Instant::now());
            }
            waiting
        };
        if let Some(progress) = waiting {
            signals(Signal::Progress(progress));
        }
    }
}

impl Ctx<'_> {
    /// The job's id, for rows that refer to it.
    pub fn job(&self) -> &str {
        self.job
    }

    /// Whether an earlier attempt of this job got somewhere: look for what it left.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Checks for requests; call it between pieces of work of at most about a second. It costs an atomic load.
    ///
    /// # Errors
    /// [`Stop::Pause`], [`Stop::Finish`] or [`Stop::Cancel`] if requested (here or from another process), and
    /// [`Stop::Failed`] if another process has taken the job over because this one slept too long.
    pub fn go_on(&self) -> Result<(), Stop> {
        match self.engine.interrupt.presses() {
            0 => {}
            1 if self.on_interrupt == Want::Pause => return Err(Stop::Pause),
            _ => return Err(Stop::Cancel),
        }
        match self.shared.want.load(Ordering::Relaxed) {
            0 => Ok(()),
            1 => Err(Stop::Pause),
            2 => Err(Stop::Finish),
            3 | 4 => Err(Stop::Cancel),
            _ => Err(Stop::Failed(Error::new(
                Code::Busy,
                format!(
                    "another process took over job {}, because this one sent no heartbeat",
                    self.job
                ),
            ))),
        }
    }

    /// As [`Ctx::go_on`], after reading the job's row, for work that waits: a request of another thread or process
    /// takes effect now, not at the next heartbeat.
    ///
    /// # Errors
    /// As [`Ctx::go_on`].
    pub fn go_on_now(&self) -> Result<(), Stop> {
        self.go_on()?;
        // a row that cannot be read now is read at the next heartbeat
        if let Ok(Some(row)) = self.engine.store.job(self.job)
            && row.want != Want::Run
        {
            self.shared
                .want
                .store(wish_number(row.want), Ordering::Relaxed);
        }
        self.go_on()
    }

    /// Whether what was saved is to be removed, too.
    pub fn is_discarded(&self) -> bool {
        self.shared.want.load(Ordering::Relaxed) == wish_number(Want::Discard)
    }

    /// Runs another job as a step of this one, under its own row, and remembers it by `name`: if this job is resumed
    /// later, a finished step returns its outcome at once, and a paused one is resumed. Pausing or canceling this job
    /// pauses or cancels its step.
    ///
    /// # Errors
    /// As the step itself; [`Stop::Pause`] and [`Stop::Cancel`] if it ended so.
    pub fn step<J: Job>(&self, name: &str, job: &J) -> Result<J::Outcome, Stop> {
        let (engine, store) = (self.engine, &self.engine.store);
        let key = format!("steps of {}", self.job);
        let mut steps: BTreeMap<String, String> = store.setting(&key)?.unwrap_or_default();
        let before = match steps.get(name) {
            Some(id) => store.job(id)?,
            None => None,
        };
        if let Some(row) = &before
            && row.state == JobState::Done
        {
            let kept = from_json(row.outcome.as_deref().unwrap_or("null"))?;
            return Ok(J::found(engine, kept)?);
        }
        let on_interrupt = self.on_interrupt;
        // a resumed step has its parameters in the project
        let stored: J;
        let goes_on = before.filter(|row| row.state != JobState::Cancelled);
        let id = goes_on.as_ref().map_or_else(new_id, |row| row.id.clone());
        *self.shared.step() = Some(id.clone());
        let ended = match goes_on {
            Some(row) => {
                stored = from_json(&row.params)?;
                let row = engine.claim(&row.id, on_interrupt)?;
                engine.run_owned(&row.id, &stored, true, on_interrupt, self.signals)
            }
            None => {
                steps.insert(name.to_owned(), id.clone());
                store.set_setting(&key, &steps)?;
                stored = engine.settled(job)?;
                let params = to_json(&stored)?;
                let owner = Some(&*engine.owner);
                store.job_insert(&id, J::KIND, &params, owner, now_ms())?;
                engine.run_owned(&id, &stored, false, on_interrupt, self.signals)
            }
        };
        *self.shared.step() = None;
        match ended? {
            Ended::Done(outcome) => Ok(outcome),
            Ended::Paused => Err(Stop::Pause),
            Ended::Cancelled => Err(Stop::Cancel),
        }
    }

    /// Reports progress. Cheap; signals are sent at most ten times a second, the last always.
    pub fn tick(&self, mut progress: Progress) {
        let mut pace = self.shared.pace();
        match &pace.phase {
            Some((phase, began, at_start)) if *phase == progress.phase => {
                let (done, seconds) = (
                    progress.done.saturating_sub(*at_start),
                    began.elapsed().as_secs_f64(),
                );
                let can_tell = done > 0 && seconds > 0.5 && !progress.uneven;
                if let (Some(total), true) = (progress.total, can_tell) {
                    progress.eta_s =
                        Some(total.saturating_sub(progress.done) as f64 * seconds / done as f64);
                }
            }
            _ => {
                pace.phase = Some((progress.phase.clone(), Instant::now(), progress.done));
                // the end of the previous phase must not be lost
                if let Some(last) = pace.waiting.take() {
                    (self.signals)(Signal::Progress(last));
                }
                pace.sent = None;
            }
        }
        pace.latest = Some(progress.clone());
        pace.waiting = Some(progress);
        drop(pace);
        self.shared.flush(self.signals, false);
    }

    /// Sends a signal without storing it.
    pub fn send(&self, signal: Signal) {
        (self.signals)(signal);
    }

    /// Writes a line to the job's log and sends it.
    pub fn say(&self, text: impl Into<String>) {
        // a second safety net: messages refer to ids, but a library's error may quote text
        let text = without_quotes(&text.into());
        tracing::info!(job = self.job, "{text}");
        if let Err(error) = self.engine.store.job_log(self.job, now_ms(), &text) {
            tracing::warn!("the job's log could not be written: {error}");
        }
        (self.signals)(Signal::Log { text });
    }
}

impl Ctx<'_> {
    /// Leaves an item out, by its id: it is counted and named in the outcome, and the work continues.
    pub fn leave_out(&self, item: impl Into<String>, why: impl Into<String>) -> Result<()> {
        const SAID: usize = 20;
        let (item, why) = (item.into(), without_quotes(&why.into()));
        self.engine.store.leave_out(self.job, &item, &why)?;
        match self.shared.left_out.fetch_add(1, Ordering::Relaxed) {
            n if n < SAID => self.say(format!("{item} is left out: {why}")),
            SAID => self.say("more are left out; the result names them"),
            _ => {}
        }
        Ok(())
    }

    /// What was left out so far, in this and earlier attempts.
    pub fn left_out(&self) -> Result<LeftOut> {
        self.engine.left_out_of(self.job)
    }

    /// All items that were left out: they are not tried again.
    pub fn left_out_ids(&self) -> Result<HashSet<String>> {
        let (_, items) = self.engine.store.left_out(self.job, usize::MAX)?;
        Ok(items.into_iter().map(|(id, _)| id).collect())
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// A new job id: a version 7 uuid, which sorts by time.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Engine {
    /// Runs a job in this thread until it ends, under a new id.
    ///
    /// # Errors
    /// Those of the work; the job's row has them too.
    pub fn start<J: Job>(&self, job: &J, signals: Signals) -> Result<Ended<J::Outcome>> {
        self.start_as(&new_id(), job, signals)
    }

    /// Runs a job under an id chosen by the caller. Using an id a second time is a [`Code::Exists`] error and starts
    /// nothing.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn start_as<J: Job>(
        &self,
        id: &str,
        job: &J,
        signals: Signals,
    ) -> Result<Ended<J::Outcome>> {
        let before = || Error::new(Code::Exists, format!("job {id} was started before"));
        if self.store.job(id)?.is_some() {
            return Err(before());
        }
        let job = self.settled(job)?;
        let params = to_json(&job)?;
        if !self
            .store
            .job_insert(id, J::KIND, &params, Some(&*self.owner), now_ms())?
        {
            return Err(before());
        }
        self.run_owned(id, &job, false, J::ON_INTERRUPT, signals)
    }

    /// The parameters of a job as they are stored: without any text.
    fn settled<J: Job>(&self, job: &J) -> Result<J> {
        let mut job: J = from_json(&to_json(job)?)?;
        job.check(self)?;
        job.settle(self)?;
        Ok(job)
    }

    /// Stores a job that another process will run ([`Engine::resume`]), under an id chosen by the caller. Returns
    /// false, and stores nothing, if this id exists.
    ///
    /// # Errors
    /// [`Code::Usage`] if there is no such kind of job, or its parameters are invalid.
    pub fn submit(&self, id: &str, kind: &str, params: &serde_json::Value) -> Result<bool> {
        if self.store.job(id)?.is_some() {
            return Ok(false);
        }
        let params = crate::kinds::checked(self, kind, params)?;
        Ok(self.store.job_insert(id, kind, &params, None, now_ms())?)
    }

    /// Records that no process could be started for a submitted job.
    pub fn give_up(&self, id: &str, error: &Error) -> Result<()> {
        let row = self.job_row(id)?;
        if self
            .store
            .job_claim(id, row.owner.as_deref(), &self.owner, now_ms())?
        {
            self.end_failed(id, error)?;
        }
        Ok(())
    }

    /// Resumes a job that is paused, failed or interrupted.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Busy`] while a living process runs it, [`Code::Usage`] if it is done or canceled, or
    /// what the work fails with.
    pub fn resume(&self, id: &str, signals: Signals) -> Result<Ended<serde_json::Value>> {
        let before = self.job_row(id)?;
        let row = match self.claim(id, Want::Pause) {
            Ok(row) => row,
            Err(Stop::Failed(error)) => return Err(error),
            // nothing was taken over: it is unchanged, and can be resumed later
            Err(_) => return Ok(Ended::Paused),
        };
        // a submitted job is "running" without an owner; its progress proves nothing, for a process killed in the first
        // second has written none
        let resumed = before.state != JobState::Running || before.owner.is_some();
        self.run_claimed(&row, resumed, None, signals)
    }

    /// Runs a job that this process has claimed.
    pub(crate) fn run_claimed(
        &self,
        row: &JobRow,
        resumed: bool,
        on_interrupt: Option<Want>,
        signals: Signals,
    ) -> Result<Ended<serde_json::Value>> {
        let ended = crate::kinds::run_stored(self, row, resumed, on_interrupt, signals);
        // what could not even be started has ended, too
        if let Err(error) = &ended
            && let Some(now) = self.store.job(&row.id)?
            && now.state == JobState::Running
            && now.owner.as_deref() == Some(&*self.owner)
        {
            self.end_failed(&row.id, error)?;
        }
        ended
    }

    /// Records that a job of this owner failed.
    pub(crate) fn end_failed(&self, id: &str, error: &Error) -> Result<()> {
        let (failed, outcome) = (JobState::Failed, to_json(error)?);
        self.store
            .job_end(id, &self.owner, failed, None, Some(&outcome), now_ms())?;
        Ok(())
    }

    /// Takes a job over. If it is not certain that the previous process is gone, its heartbeat is watched for some
    /// seconds; requests to end this process are obeyed in the meantime.
    pub(crate) fn claim(&self, id: &str, on_interrupt: Want) -> Result<JobRow, Stop> {
        let mut row = self.job_row(id)?;
        match row.state {
            JobState::Paused | JobState::Failed => {}
            JobState::Running => {
                let look = || -> Result<_, Stop> {
                    row = self.job_row(&row.id)?;
                    Ok(row.owner.clone().map(|owner| (owner, row.beat_ms)))
                };
                let go_on = || match self.interrupt.presses() {
                    0 => Ok(()),
                    1 if on_interrupt == Want::Pause => Err(Stop::Pause),
                    _ => Err(Stop::Cancel),
                };
                if owner::watch(now_ms, look, go_on)? == Watched::Lives {
                    return Err(Stop::Failed(Error::new(
                        Code::Busy,
                        format!(
                            "job {} is running in another process; pause or cancel it first",
                            row.id
                        ),
                    )));
                }
            }
            JobState::Queued => {
                return Err(Stop::Failed(Error::usage(format!(
                    "job {} is queued; `repartee job run` starts it in its turn, and `repartee job move {} \
                     --first` makes it the next",
                    row.id, row.id
                ))));
            }
            JobState::Done | JobState::Cancelled => {
                return Err(Stop::Failed(Error::usage(format!(
                    "job {} has ended ({}); start a new one",
                    row.id,
                    row.state.as_str()
                ))));
            }
        }
        if !self
            .store
            .job_claim(&row.id, row.owner.as_deref(), &self.owner, now_ms())?
        {
            return Err(Stop::Failed(Error::new(
                Code::Busy,
                format!("another process just took job {} over", row.id),
            )));
        }
        Ok(self.job_row(&row.id)?)
    }

    /// Runs a job whose row this process owns, and records how it ended.
    pub(crate) fn run_owned<J: Job>(
        &self,
        id: &str,
        job: &J,
        resumed: bool,
        on_interrupt: Want,
        signals: Signals,
    ) -> Result<Ended<J::Outcome>> {
        signals(Signal::Started {
            job: id.to_owned(),
            kind: J::KIND.to_owned(),
            resumed,
        });
        let shared = Arc::new(Shared::default());
        let ctx = Ctx {
            engine: self,
            job: id,
            resumed,
            on_interrupt,
            signals,
            shared: Arc::clone(&shared),
        };
        let ended = std::thread::scope(|scope| {
            let beside = scope.spawn(|| self.beat(id, J::KIND, &shared, signals));
            let ended = catch_unwind(AssertUnwindSafe(|| job.run(&ctx)));
            shared.over.store(true, Ordering::Release);
            beside.thread().unpark();
            ended
        });
        shared.flush(signals, true);
        let latest = shared.pace().latest.take();
        let progress = latest.as_ref().map(to_json).transpose()?;
        let ended = match ended {
            Ok(ended) => ended,
            Err(panic) => Err(Stop::Failed(Error::internal(format!(
                "the job stopped because of a bug in Repartee: {}",
                panic_text(&*panic)
            )))),
        };
        let nothing = |outcome: &J::Outcome| J::tally(outcome).and_then(|tally| tally.failure());
        let ended = ended.and_then(|outcome| match nothing(&outcome) {
            Some(error) => Err(Stop::Failed(error)),
            None => Ok(outcome),
        });
        // a run discarded before it trained any further also loses what it had saved earlier
        if matches!(ended, Err(Stop::Cancel)) && ctx.is_discarded() {
            self.discard_run_of(id)?;
        }
        let (state, outcome, answer) = match ended {
            Ok(outcome) => (
                JobState::Done,
                Some(J::kept(&outcome)?),
                Ok(Ended::Done(outcome)),
            ),
            Err(Stop::Pause) => (JobState::Paused, None, Ok(Ended::Paused)),
            // work without partial results just ends
            Err(Stop::Cancel | Stop::Finish) => (JobState::Cancelled, None, Ok(Ended::Cancelled)),
            Err(Stop::Failed(error)) => {
                let kept = Error {
                    message: without_quotes(&error.message),
                    detail: error
                        .detail
                        .iter()
                        .map(|line| without_quotes(line))
                        .collect(),
                    ..error.clone()
                };
                (JobState::Failed, Some(to_json(&kept)?), Err(error))
            }
        };
        // a failure to record the end must not hide how it ended
        let noted = self.store.job_end(
            id,
            &self.owner,
            state,
            progress.as_deref(),
            outcome.as_deref(),
            now_ms(),
        );
        match (answer, noted) {
            (Ok(answer), Ok(_)) => Ok(answer),
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(error), _) => Err(error),
        }
    }

    /// The heartbeat thread: heartbeats to the row, requests from it, delayed signals.
    fn beat(&self, id: &str, kind: &str, shared: &Shared, signals: Signals) {
        let began = Instant::now();
        let mut beaten: Option<Instant> = None;
        let mut awake: Option<Arc<Awake>> = None;
        while !shared.over.load(Ordering::Acquire) {
            // short work does not need it
            if awake.is_none() && began.elapsed() >= AWAKE_AFTER && crate::kinds::keeps_awake(kind)
            {
                awake = Some(Awake::hold());
            }
            if beaten.is_none_or(|at| at.elapsed() >= BEAT_EVERY) {
                beaten = Some(Instant::now());
                let progress = shared
                    .pace()
                    .latest
                    .clone()
                    .and_then(|p| serde_json::to_string(&p).ok());
                match self
                    .store
                    .job_beat(id, &self.owner, progress.as_deref(), now_ms())
                {
                    Ok(Some(want)) => {
                        shared.want.store(wish_number(want), Ordering::Relaxed);
                        if want != Want::Run {
                            self.pass_on(want, shared);
                        }
                    }
                    Ok(None) => shared.want.store(TAKEN_OVER, Ordering::Relaxed),
                    // a busy or full file: the work itself will notice, and the next heartbeat tries again
                    Err(error) => tracing::warn!("no heartbeat written: {error}"),
                }
            }
            shared.flush(signals, false);
            std::thread::park_timeout(SIGNAL_EVERY);
        }
    }

    /// Passes requests on to the job's step.
    fn pass_on(&self, want: Want, shared: &Shared) {
        if let Some(step) = &*shared.step()
            && let Err(error) = self.store.job_want(step, want)
        {
            tracing::warn!("a step was not notified of {}: {error}", want.as_str());
        }
    }

    /// The row of a job; a unique prefix or suffix of its id is enough.
    pub(crate) fn job_row(&self, id: &str) -> Result<JobRow> {
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
    /// As [`Engine::job`].
    pub fn job_log(&self, id: &str) -> Result<Vec<JobLine>> {
        let row = self.job_row(id)?;
        let lines = self.store.job_lines(&row.id)?.into_iter();
        Ok(lines.map(|(at_ms, text)| JobLine { at_ms, text }).collect())
    }

    /// Requests a pause; the process that runs the job pauses it within about a second of work.
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
        match self.job_row(id)?.kind == Train::KIND {
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
        if row.kind != Train::KIND {
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
            (JobState::Done | JobState::Cancelled, _) => {
                return Err(Error::usage(format!(
                    "job {} has ended ({})",
                    row.id,
                    row.state.as_str()
                )));
            }
            (JobState::Queued, Want::Pause) => {
                return Err(Error::usage(format!(
                    "job {} is queued and has not started; cancel it, or move it to the end",
                    row.id
                )));
            }
            (JobState::Queued, _) => return Ok(self.store.job_unqueue(&row.id, now_ms())?),
            (JobState::Running, _) if !stale => self.store.job_want(&row.id, want)?,
            (_, Want::Stop | Want::Cancel | Want::Discard) => return self.end_resting(row, want),
            (JobState::Running, _) => {
                return Err(Error::usage(format!(
                    "job {} was interrupted; `repartee job resume {}` resumes it",
                    row.id, row.id
                )));
            }
            (state, _) => {
                return Err(Error::usage(format!(
                    "job {} is already {}",
                    row.id,
                    state.as_str()
                )));
            }
        }
        Ok(true)
    }

    /// Removes the checkpoints that a job's training has saved.
    fn discard_run_of(&self, job: &str) -> Result<()> {
        if let Some(run) = self.store.run_of_job(job)? {
            self.store.run_discard(run.id)?;
        }
        Ok(())
    }

    /// Ends a job that no process runs. False: a process runs it by now.
    pub(crate) fn end_resting(&self, row: &JobRow, want: Want) -> Result<bool> {
        let stopped = match want {
            Want::Stop => Some(to_json(&self.trained_so_far(row)?)?),
            _ => None,
        };
        let (store, old) = (&self.store, row.owner.as_deref());
        if !store.job_claim(&row.id, old, &self.owner, now_ms())? {
            return Ok(false);
        }
        if want == Want::Discard {
            self.discard_run_of(&row.id)?;
        }
        let (state, outcome) = match &stopped {
            Some(outcome) => (JobState::Done, Some(outcome.as_str())),
            None => (JobState::Cancelled, None),
        };
        store.job_end(&row.id, &self.owner, state, None, outcome, now_ms())?;
        Ok(true)
    }
}

/// A line of a job's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JobLine {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    pub text: String,
}

/// A job in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JobInfo {
    pub id: String,
    /// import, train, ...
    pub kind: String,
    /// queued, waiting (for a process to run it), running, lost (interrupted: its process is gone, resume it), paused,
    /// done, failed or `cancelled`.
    pub state: String,
    /// pause, stop, cancel or discard, if requested.
    pub want: Option<String>,
    pub progress: Option<Progress>,
    /// Result or error.
    #[ts(type = "unknown")]
    pub outcome: Option<serde_json::Value>,
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// Milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Position in the queue, also while it runs or blocks the queue; none: it is not queued.
    pub place: Option<i64>,
    /// Whether its failure blocks the queue.
    pub stops_queue: bool,
}

impl JobInfo {
    /// What it works on, briefly: the name of the run, the set, the first file.
    pub fn subject(&self) -> String {
        let text = |key: &str| self.params.get(key).and_then(serde_json::Value::as_str);
        let of_run =
            text("config").and_then(|toml| crate::run_config::RunConfig::from_toml(toml).ok());
        if let Some(config) = of_run {
            return format!("{} {}", config.kind.as_str(), config.name)
                .trim_end()
                .to_owned();
        }
        let file = self
            .params
            .get("files")
            .and_then(|files| files.get(0)?.as_str());
        let names = [text("name"), text("run"), text("generator"), file];
        names
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    /// A job in a list: unreadable parameters or outcomes are omitted.
    fn listed(row: JobRow) -> Self {
        let plain = |json: &str| serde_json::from_str(json).ok();
        let (outcome, params) = (row.outcome.as_deref().and_then(plain), plain(&row.params));
        Self::with(row, outcome, params.unwrap_or_default())
    }

    pub(crate) fn from_row(row: JobRow) -> Result<Self> {
        let outcome = row.outcome.as_deref().map(from_json).transpose()?;
        let params = from_json(&row.params)?;
        Ok(Self::with(row, outcome, params))
    }

    fn with(row: JobRow, outcome: Option<serde_json::Value>, params: serde_json::Value) -> Self {
        let now = now_ms();
        let running = row.state == JobState::Running;
        let waiting =
            running && row.owner.is_none() && (0..WAITING_MS).contains(&(now - row.beat_ms));
        let lost = running && is_stale(row.owner.as_deref(), row.beat_ms, now);
        let state = match (waiting, lost) {
            (true, _) => "waiting",
            (_, true) => "lost",
            _ => row.state.as_str(),
        };
        Self {
            state: state.to_owned(),
            want: (row.state == JobState::Running && row.want != Want::Run)
                .then(|| row.want.as_str().to_owned()),
            progress: row
                .progress
                .as_deref()
                .and_then(|json| serde_json::from_str(json).ok()),
            outcome,
            params,
            id: row.id,
            kind: row.kind,
            created_ms: row.created_ms,
            ended_ms: row.ended_ms,
            place: row.place,
            stops_queue: row.stops_queue,
        }
    }
}

/// JSON of plain data.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::internal(format!("a value does not fit into JSON: {e}")))
}

/// Plain data from JSON that this program wrote.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| {
        Error::new(
            Code::Damaged,
            format!("the project contains unreadable JSON: {e}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts, one step per millisecond; panics or fails at a given number.
    #[derive(Serialize, Deserialize)]
    struct Count {
        to: u64,
        panic_at: Option<u64>,
        fail_at: Option<u64>,
    }

    impl Job for Count {
        const KIND: &'static str = "count";
        const ON_INTERRUPT: Want = Want::Pause;
        type Outcome = u64;

        fn run(&self, ctx: &Ctx) -> Result<u64, Stop> {
            for n in 0..self.to {
                ctx.go_on()?;
                assert!(self.panic_at != Some(n), "panic at {n}");
                if self.fail_at == Some(n) {
                    return Err(Error::bad_input(format!("no {n}")).into());
                }
                ctx.tick(Progress::new("counting", n + 1, Some(self.to), "numbers"));
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(self.to)
        }
    }

    fn count(to: u64) -> Count {
        Count {
            to,
            panic_at: None,
            fail_at: None,
        }
    }

    fn project() -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::create(folder.path().join("x.repartee")).expect("a project");
        (folder, engine)
    }

    #[test]
    fn signals_are_throttled_and_the_last_is_always_sent() {
        let (_folder, engine) = project();
        let seen = Mutex::new(Vec::new());
        let ended = engine
            .start(&count(300), &|signal| {
                seen.lock().expect("sane").push(signal)
            })
            .expect("done");
        assert_eq!(ended, Ended::Done(300));
        let seen = seen.into_inner().expect("sane");
        assert!(
            matches!(&seen[0], Signal::Started { kind, resumed: false, .. } if kind == "count")
        );
        let progress: Vec<&Progress> = seen
            .iter()
            .filter_map(|s| {
                if let Signal::Progress(p) = s {
                    Some(p)
                } else {
                    None
                }
            })
            .collect();
        assert!(progress.len() < 30, "{} signals", progress.len());
        assert_eq!(progress.last().map(|p| p.done), Some(300));
        let job = &engine.jobs().expect("listed")[0];
        assert_eq!(
            (job.state.as_str(), job.outcome.as_ref()),
            ("done", Some(&serde_json::json!(300)))
        );
        assert_eq!(job.progress.as_ref().map(|p| p.done), Some(300));
    }

    #[test]
    fn another_engine_can_pause_and_cancel() {
        for (want, ended) in [
            (Want::Pause, Ended::Paused),
            (Want::Cancel, Ended::Cancelled),
        ] {
            let (_folder, engine) = project();
            let id = new_id();
            let got = std::thread::scope(|scope| {
                let running = scope.spawn(|| engine.start_as(&id, &count(60_000), &|_| {}));
                let other = Engine::open(engine.path()).expect("opens twice");
                while other.jobs().expect("listed").is_empty() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                match want {
                    Want::Pause => other.pause(&id).expect("asked"),
                    _ => other.cancel(&id).expect("asked"),
                };
                running.join().expect("no panic").expect("no error")
            });
            assert_eq!(got, ended);
        }
    }

    #[test]
    fn starting_an_id_twice_starts_once() {
        let (_folder, engine) = project();
        let id = new_id();
        engine.start_as(&id, &count(1), &|_| {}).expect("done");
        let again = engine.start_as(&id, &count(1), &|_| {});
        assert!(again.is_err_and(|e| e.code == Code::Exists));
    }

    #[test]
    fn a_panic_and_an_error_are_kept_with_the_job() {
        let (_folder, engine) = project();
        let error = engine
            .start(
                &Count {
                    to: 9,
                    panic_at: Some(3),
                    fail_at: None,
                },
                &|_| {},
            )
            .expect_err("panics");
        assert_eq!(error.code, Code::Internal);
        assert!(error.message.contains("panic at 3"), "{error}");
        let error = engine
            .start(
                &Count {
                    to: 9,
                    panic_at: None,
                    fail_at: Some(4),
                },
                &|_| {},
            )
            .expect_err("fails");
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::BadInput, "no 4")
        );
        let jobs = engine.jobs().expect("listed");
        assert!(
            jobs.iter()
                .all(|job| job.state == "failed" && job.outcome.is_some())
        );
    }

    #[test]
    fn the_first_interrupt_pauses_and_the_second_cancels() {
        for (presses, ended) in [(1, Ended::Paused), (2, Ended::Cancelled)] {
            let (_folder, engine) = project();
            for _ in 0..presses {
                engine.interrupt.press();
            }
            assert_eq!(engine.start(&count(60_000), &|_| {}).expect("stops"), ended);
        }
    }

    /// A job of a process, alive or not: with the given owner and heartbeat.
    fn owned(engine: &Engine, owner: &str, beat_ms: i64) -> String {
        let id = new_id();
        let params = to_json(&count(3)).expect("plain data");
        engine
            .store
            .job_insert(&id, "count", &params, Some(owner), beat_ms)
            .expect("stored");
        id
    }

    const HOURS_2: i64 = 7_200_000;

    #[test]
    fn job_is_interrupted_when_its_process_is_gone_or_silent() {
        let (_folder, engine) = project();
        let state = |id: &str| engine.job(id).expect("there").state;
        let me = format!("{}:x", std::process::id());
        assert_eq!(state(&owned(&engine, &me, now_ms())), "running");
        assert_eq!(state(&owned(&engine, &me, now_ms() - 31_000)), "lost");
        let gone = format!("{}:x", i32::MAX);
        assert_eq!(state(&owned(&engine, &gone, now_ms())), "running");
        let lost = state(&owned(&engine, &gone, now_ms() - 3_500));
        assert_eq!(lost, if cfg!(unix) { "lost" } else { "running" });
        // an owner in this process is alive, whatever the clock says of its heartbeat
        for ahead_ms in [-HOURS_2, HOURS_2] {
            let id = owned(&engine, &engine.owner, now_ms() + ahead_ms);
            assert_eq!(state(&id), "running", "{ahead_ms}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn job_with_heartbeat_in_the_future_is_taken_over_once_its_process_is_gone() {
        let (_folder, engine) = project();
        let gone = format!("{}:x", i32::MAX);
        for owner in ["another-boot.1:1:1:x", &gone] {
            let id = owned(&engine, owner, now_ms() + HOURS_2);
            assert_eq!(engine.job(&id).expect("there").state, "lost");
            let began = Instant::now();
            let look = || -> Result<_> {
                let row = engine.job_row(&id)?;
                Ok(row.owner.map(|owner| (owner, row.beat_ms)))
            };
            let seen = owner::watch(now_ms, look, || Ok(())).expect("read");
            assert_eq!(seen, Watched::Gone);
            assert!(began.elapsed() < Duration::from_secs(6), "{owner}");
            engine.claim(&id, Want::Pause).expect("taken over");
        }
    }

    #[test]
    fn job_submitted_in_the_future_does_not_wait_until_then() {
        let (_folder, engine) = project();
        let id = new_id();
        engine
            .store
            .job_insert(&id, "count", "{}", None, now_ms() + HOURS_2)
            .expect("stored");
        assert_eq!(engine.job(&id).expect("there").state, "lost");
    }

    #[test]
    fn waiting_to_take_over_a_job_can_be_interrupted() {
        let (_folder, engine) = project();
        // it may be alive: all that is known is a heartbeat from the future
        let id = owned(
            &engine,
            &format!("{}:x", std::process::id()),
            now_ms() + HOURS_2,
        );
        let interrupt = engine.interrupt.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            interrupt.press();
        });
        let began = Instant::now();
        let ended = engine.resume(&id, &|_| {}).expect("not taken over");
        assert_eq!(ended, Ended::Paused);
        assert!(began.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn paused_job_can_be_canceled_and_then_not_resumed() {
        let (_folder, engine) = project();
        engine.interrupt.press();
        let id = new_id();
        engine
            .start_as(&id, &count(60_000), &|_| {})
            .expect("paused");
        assert_eq!(engine.job(&id[20..]).expect("by its end").state, "paused");
        assert_eq!(engine.cancel(&id).expect("cancelled").state, "cancelled");
        assert!(
            engine
                .resume(&id, &|_| {})
                .is_err_and(|e| e.code == Code::Usage)
        );
    }
}
