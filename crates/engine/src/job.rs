//! Long work: one `run` for start and for resume, progress out, pause and cancel in.
//!
//! The database is the control plane. A job's row says who runs it (`owner`), when that process last
//! gave a sign of life (`beat_ms`) and what anybody wants of it (`want`); a thread beside the work
//! writes the sign of life once a second and reads the wish. A job whose owner died is resumable.
//!
//! A new job is a struct of parameters with [`Job`] implemented, and one line in the list of kinds in
//! [`crate::kinds`]. What it has finished it writes to tables of its own as it goes; a resumed job
//! ([`Ctx::resumed`]) looks there for where to go on.

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

/// Signals are sent at most this often; the last one always is.
const SIGNAL_EVERY: Duration = Duration::from_millis(100);
/// The owner's sign of life is written this often.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// A job that nobody has taken over for this long after it was stored waits in vain.
const WAITING_MS: i64 = 15_000;
/// The machine is kept awake for jobs that take longer than this.
const AWAKE_AFTER: Duration = Duration::from_secs(5);

/// Work that takes long: parameters that can be stored, and the work itself.
pub trait Job: Serialize + DeserializeOwned {
    /// The name under which the job is stored and listed.
    const KIND: &'static str;
    /// What Ctrl-C asks of it: training pauses, the rest is cancelled.
    const ON_INTERRUPT: Want = Want::Cancel;
    /// What it gives when it is done.
    type Outcome: Serialize + DeserializeOwned;

    /// Refuses what is wrong with the job itself before anything is written: a criterion without its model, a run of
    /// the wrong kind. What isn't there (yet) is no error here: a queued job may wait for it.
    ///
    /// # Errors
    /// [`crate::Code::Usage`], naming what is wrong and what to do.
    fn check(&self, _engine: &Engine) -> Result<()> {
        Ok(())
    }

    /// Puts what a person typed into tables of its own before the job is stored, so that its parameters refer
    /// to it and hold no text: a purge has one place to wipe.
    ///
    /// # Errors
    /// When the project cannot be written.
    fn settle(&mut self, _engine: &Engine) -> Result<()> {
        Ok(())
    }

    /// The outcome as it is stored with the job: without any text, by ids.
    ///
    /// # Errors
    /// When it does not fit into JSON.
    fn kept(outcome: &Self::Outcome) -> Result<String> {
        to_json(outcome)
    }

    /// A stored outcome with the texts it refers to.
    ///
    /// # Errors
    /// When the project cannot be read.
    fn found(_engine: &Engine, kept: Self::Outcome) -> Result<Self::Outcome> {
        Ok(kept)
    }

    /// How many items of a batch succeeded. A job in which none did has failed, with [`Code::Negative`];
    /// what it has stored is kept.
    fn tally(_outcome: &Self::Outcome) -> Option<Tally> {
        None
    }

    /// Does the work, from the start or from where an earlier try stopped.
    ///
    /// # Errors
    /// [`Stop::Pause`] and [`Stop::Cancel`] when [`Ctx::go_on`] said so, [`Stop::Failed`] otherwise.
    fn run(&self, ctx: &Ctx) -> Result<Self::Outcome, Stop>;
}

/// Why work ended before it was done.
#[derive(Debug)]
pub enum Stop {
    /// Somebody wants it to rest: what is done is kept, and `resume` goes on.
    Pause,
    /// Somebody wants it to end now, with what it has as its result. Only training can; see [`Ctx::go_on`].
    Finish,
    /// Somebody wants it to end.
    Cancel,
    /// It went wrong.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// How a job ended when it did not fail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ended", content = "outcome", rename_all = "kebab-case")]
pub enum Ended<T> {
    /// It is done.
    Done(T),
    /// It rests; `repartee job resume` goes on.
    Paused,
    /// It was cancelled.
    Cancelled,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// What is being done: "reading RC_2019-04.zst", "training".
    pub phase: String,
    /// How much of it is done, in `unit`.
    pub done: u64,
    /// How much there is, where that is known.
    pub total: Option<u64>,
    /// What is counted: "bytes", "rows", "steps", "comments".
    pub unit: String,
    /// The figures of the moment in a few words: "loss 3.21, 1,240 tokens/s".
    pub note: String,
    /// Seconds left in this phase, from its pace so far. Filled in by [`Ctx::tick`].
    pub eta_s: Option<f64>,
    /// What the job waits for; none: it does not wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub next: Option<Next>,
}

/// What a job waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Next {
    /// The reply that is posted then, by its number.
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

    /// The same, waiting for a reply's turn.
    #[must_use]
    pub fn next(mut self, reply: i64, at_ms: i64) -> Self {
        self.next = Some(Next { reply, at_ms });
        self
    }

    /// The same with the figures of the moment.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// What a running job tells its front end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Signal {
    /// The job has its row and runs.
    Started {
        /// Its id.
        job: String,
        /// Its kind.
        kind: String,
        /// Whether it goes on from an earlier try.
        resumed: bool,
    },
    /// How far it is; at most ten a second, the last always.
    Progress(Progress),
    /// A line for the log: what was decided, found, drawn.
    Log {
        /// The line.
        text: String,
    },
    /// An address that the person has to visit in a browser, to log in.
    Visit {
        /// The address. It is good once, and is stored nowhere.
        address: String,
    },
    /// The comments that will be answered, before the first word is written.
    Comments {
        /// Their texts, in the order of their numbers.
        texts: Vec<String>,
    },
    /// Replies that are being written, as far as they are; about ten times a second.
    Drafts {
        /// Those that have grown since the last time.
        drafts: Vec<Draft>,
    },
    /// Scores of replies that are written.
    Scores {
        /// Those that were scored.
        scores: Vec<DraftScore>,
    },
}

/// A reply that is being written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Draft {
    /// Number of the comment it answers, from 0.
    pub comment: usize,
    /// Its number among the replies to that comment, from 0.
    pub n: usize,
    /// Its text so far.
    pub text: String,
    /// end, or length when it was cut; none while it is being written.
    #[serde(alias = "finish")]
    pub finish_reason: Option<String>,
}

/// What a classifier says of a reply that is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DraftScore {
    /// Number of the comment it answers, from 0.
    pub comment: usize,
    /// Its number among the replies to that comment, from 0.
    pub n: usize,
    /// The probability that a person wrote it; none: not scored by this classifier.
    pub p_real: Option<f64>,
    /// The probability of each upvote bin; none: not scored by this classifier.
    pub bins: Option<[f64; 4]>,
}

/// Where signals go. Called from the working thread and from the one beside it.
pub type Signals<'a> = &'a (dyn Fn(Signal) + Sync);

/// Ctrl-C and the like, from any thread or signal handler: the wish of the person at this process.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Notes one press and says how many there were. The first asks the running job for what its kind
    /// does on interruption (pause or cancel), the second for cancelling.
    pub fn press(&self) -> u8 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// How often it was pressed.
    pub fn presses(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What running work sees of the world: the engine, its wishes, and the way out for progress.
pub struct Ctx<'a> {
    /// The engine it runs in, with the project's store.
    pub engine: &'a Engine,
    job: &'a str,
    resumed: bool,
    on_interrupt: Want,
    signals: Signals<'a>,
    shared: Arc<Shared>,
}

/// A wish as the threads of a job share it.
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

/// What the working thread and the one beside it share.
#[derive(Default)]
struct Shared {
    /// The wish read from the row, as a number of [`wish_number`]; [`TAKEN_OVER`]: another process owns it.
    want: AtomicU8,
    over: AtomicBool,
    pace: Mutex<Pace>,
    /// The job that is being done as a step of this one.
    step: Mutex<Option<String>>,
    /// Items that were left out in this try.
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
    /// The job's id, for rows that name it.
    pub fn job(&self) -> &str {
        self.job
    }

    /// Whether an earlier try of this very job got somewhere: look for what it left.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Whether to go on; call it between pieces of work of at most a second or so. It costs a load.
    ///
    /// # Errors
    /// [`Stop::Pause`], [`Stop::Finish`] or [`Stop::Cancel`] when a person (here or in another process) wants
    /// that, and [`Stop::Failed`] when another process has taken the job over because this one slept too long.
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
                    "another process took job {} over, because this one gave no sign of life",
                    self.job
                ),
            ))),
        }
    }

    /// The same after reading the job's row, for work that waits: a pause or stop that another thread or
    /// process asked for takes effect now, not at the next heartbeat.
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

    /// Does another job as a step of this one, under its own row, and remembers it by `name`: when this job
    /// goes on later, a step that is done gives its outcome at once, and one that rested goes on. Who
    /// pauses or cancels this job pauses or cancels its step.
    ///
    /// # Errors
    /// As the step itself; [`Stop::Pause`] and [`Stop::Cancel`] when it ended so.
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
        // a step that goes on has its parameters in the project
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

    /// Tells how far the work is. Cheap; signals go out at most ten times a second, the last always.
    pub fn tick(&self, mut progress: Progress) {
        let mut pace = self.shared.pace();
        match &pace.phase {
            Some((phase, began, at_start)) if *phase == progress.phase => {
                let (done, seconds) = (
                    progress.done.saturating_sub(*at_start),
                    began.elapsed().as_secs_f64(),
                );
                if let (Some(total), true) = (progress.total, done > 0 && seconds > 0.5) {
                    progress.eta_s =
                        Some(total.saturating_sub(progress.done) as f64 * seconds / done as f64);
                }
            }
            _ => {
                pace.phase = Some((progress.phase.clone(), Instant::now(), progress.done));
                // the end of the phase before must not be lost
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

    /// Sends a signal out as it is: for what nobody needs to find in the project later.
    pub fn send(&self, signal: Signal) {
        (self.signals)(signal);
    }

    /// Writes a line to the job's log and sends it out.
    pub fn say(&self, text: impl Into<String>) {
        // a second net: what is said refers to ids, and an error of a library may quote
        let text = without_quotes(&text.into());
        tracing::info!(job = self.job, "{text}");
        if let Err(error) = self.engine.store.job_log(self.job, now_ms(), &text) {
            tracing::warn!("the job's log could not be written: {error}");
        }
        (self.signals)(Signal::Log { text });
    }
}

impl Ctx<'_> {
    /// Leaves an item out, by its id: it is counted and named in the outcome, and the work goes on.
    ///
    /// # Errors
    /// When the project cannot be written.
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

    /// What was left out so far, in this try and in earlier ones.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn left_out(&self) -> Result<LeftOut> {
        self.engine.left_out_of(self.job)
    }

    /// All items that were left out: they are not tried again.
    ///
    /// # Errors
    /// When the project cannot be read.
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

/// A fresh job id: a uuid of version 7, which sorts by time.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Engine {
    /// Runs a job to its end in this thread, under a fresh id.
    ///
    /// # Errors
    /// Whatever the work fails with; the job's row has it too.
    pub fn start<J: Job>(&self, job: &J, signals: Signals) -> Result<Ended<J::Outcome>> {
        self.start_as(&new_id(), job, signals)
    }

    /// Runs a job under an id that the caller made. Starting an id a second time is an error of code
    /// [`Code::Exists`] and starts nothing.
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

    /// Stores a job that another process is to run ([`Engine::resume`]), under an id that the caller made.
    /// False, and nothing is stored, when there is a job of this id already.
    ///
    /// # Errors
    /// [`Code::Usage`] when there is no such kind of job, or its parameters do not fit.
    pub fn submit(&self, id: &str, kind: &str, params: &serde_json::Value) -> Result<bool> {
        if self.store.job(id)?.is_some() {
            return Ok(false);
        }
        let params = crate::kinds::checked(self, kind, params)?;
        Ok(self.store.job_insert(id, kind, &params, None, now_ms())?)
    }

    /// Notes that nobody could be found to run a job that was submitted.
    ///
    /// # Errors
    /// When the project cannot be written.
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

    /// Goes on with a job that was paused, failed, or lost its process.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Busy`] while a living process runs it, [`Code::Usage`] when it is done
    /// or cancelled, or what the work fails with.
    pub fn resume(&self, id: &str, signals: Signals) -> Result<Ended<serde_json::Value>> {
        let before = self.job_row(id)?;
        let row = match self.claim(id, Want::Pause) {
            Ok(row) => row,
            Err(Stop::Failed(error)) => return Err(error),
            // nothing was taken over: it is as it was, and can be resumed later
            Err(_) => return Ok(Ended::Paused),
        };
        // a job that was only handed in is running and has no owner; its progress tells nothing, for who was
        // killed in the first second has written none
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
        // what could not even be begun has ended, too
        if let Err(error) = &ended
            && let Some(now) = self.store.job(&row.id)?
            && now.state == JobState::Running
            && now.owner.as_deref() == Some(&*self.owner)
        {
            self.end_failed(&row.id, error)?;
        }
        ended
    }

    /// Notes that a job of this owner failed.
    pub(crate) fn end_failed(&self, id: &str, error: &Error) -> Result<()> {
        let (failed, outcome) = (JobState::Failed, to_json(error)?);
        self.store
            .job_end(id, &self.owner, failed, None, Some(&outcome), now_ms())?;
        Ok(())
    }

    /// Takes a job over. Where it is not sure that the process before is gone, its sign of life is watched
    /// for some seconds; whoever wants this process to end is heard.
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
                    "job {} waits in the queue; `repartee job run` starts it when it is its turn, and `repartee job move {} --first` makes it the next",
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

    /// Runs a job whose row this process owns, and writes how it ended.
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
                "the work stopped on a fault of the program's own: {}",
                panic_text(&*panic)
            )))),
        };
        let nothing = |outcome: &J::Outcome| J::tally(outcome).and_then(|tally| tally.failure());
        let ended = ended.and_then(|outcome| match nothing(&outcome) {
            Some(error) => Err(Stop::Failed(error)),
            None => Ok(outcome),
        });
        // also one that was discarded before it came to learn goes with what it had saved earlier
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
            // work that has no half result to give just ends
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
        // a failure to note the end must not hide how it ended
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

    /// The thread beside the work: signs of life to the row, wishes from it, signals that wait.
    fn beat(&self, id: &str, kind: &str, shared: &Shared, signals: Signals) {
        let began = Instant::now();
        let mut beaten: Option<Instant> = None;
        let mut awake: Option<Arc<Awake>> = None;
        while !shared.over.load(Ordering::Acquire) {
            // short work needs no help
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
                    // a busy or full file: the work itself will find out, and the next beat tries again
                    Err(error) => tracing::warn!("no sign of life written: {error}"),
                }
            }
            shared.flush(signals, false);
            std::thread::park_timeout(SIGNAL_EVERY);
        }
    }

    /// What is wanted of a job is wanted of its step.
    fn pass_on(&self, want: Want, shared: &Shared) {
        if let Some(step) = &*shared.step()
            && let Err(error) = self.store.job_want(step, want)
        {
            tracing::warn!("a step did not hear of {}: {error}", want.as_str());
        }
    }

    /// The row of a job; a unique beginning or end of its id is enough.
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
                "{n} jobs have an id like {id}; give more of it"
            ))),
        }
    }

    /// All jobs, the newest first.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn jobs(&self) -> Result<Vec<JobInfo>> {
        let mut rows = self.store.jobs()?;
        rows.sort_by(|a, b| {
            b.created_ms
                .cmp(&a.created_ms)
                .then_with(|| b.id.cmp(&a.id))
        });
        // a value that cannot be read costs the job that value, and not the list the job
        Ok(rows.into_iter().map(JobInfo::listed).collect())
    }

    /// Whether a job was canceled with the request to discard what it had learned.
    ///
    /// # Errors
    /// When the project cannot be read.
    pub fn was_discarded(&self, id: &str) -> Result<bool> {
        let row = self.store.job(id)?;
        Ok(row.is_some_and(|row| row.state == JobState::Cancelled && row.want == Want::Discard))
    }

    /// One job by its id, or by a unique beginning or end of it.
    ///
    /// # Errors
    /// [`Code::NotFound`], or [`Code::Usage`] when several match.
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

    /// Asks a job to pause; the process that runs it does so within a second or so of work.
    ///
    /// # Errors
    /// [`Code::Usage`] when it does not run.
    pub fn pause(&self, id: &str) -> Result<JobInfo> {
        self.wish(id, Want::Pause)
    }

    /// Asks a job to end. One that rests, or that nobody runs any more, is cancelled at once.
    ///
    /// # Errors
    /// [`Code::Usage`] when it has ended already.
    pub fn cancel(&self, id: &str) -> Result<JobInfo> {
        self.wish(id, Want::Cancel)
    }

    /// Asks a training to end now, with the weights of this step as its result. Every other job that is
    /// stopped is canceled: what it has stored until then is kept. A training that does not run ends with
    /// what it saved last.
    ///
    /// # Errors
    /// [`Code::Usage`] when it has ended already, or has not saved anything yet.
    pub fn stop(&self, id: &str) -> Result<JobInfo> {
        match self.job_row(id)?.kind == Train::KIND {
            true => self.wish(id, Want::Stop),
            false => self.wish(id, Want::Cancel),
        }
    }

    /// Asks a training to end, and removes the weights that it saved. What something was made or measured
    /// with stays.
    ///
    /// # Errors
    /// [`Code::Usage`] when it has ended already, or is no training.
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
        // the job may change hands in between: then it is looked at again
        for _ in 0..10 {
            let row = self.job_row(id)?;
            if self.wish_once(&row, want)? {
                return self.job(&row.id);
            }
        }
        Err(Error::new(
            Code::Busy,
            format!("job {id} changes hands all the time; try again"),
        ))
    }

    /// False: it is not as `row` says any more.
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
                    "job {} waits in the queue and has not started; cancel it, or move it to the end",
                    row.id
                )));
            }
            (JobState::Queued, _) => return Ok(self.store.job_unqueue(&row.id, now_ms())?),
            (JobState::Running, _) if !stale => self.store.job_want(&row.id, want)?,
            (_, Want::Stop | Want::Cancel | Want::Discard) => return self.end_resting(row, want),
            (JobState::Running, _) => {
                return Err(Error::usage(format!(
                    "nobody runs job {} any more; `repartee job resume {}` goes on with it",
                    row.id, row.id
                )));
            }
            (state, _) => {
                return Err(Error::usage(format!(
                    "job {} is {} already",
                    row.id,
                    state.as_str()
                )));
            }
        }
        Ok(true)
    }

    /// Removes the weights that the training of a job has saved.
    fn discard_run_of(&self, job: &str) -> Result<()> {
        if let Some(run) = self.store.run_of_job(job)? {
            self.store.run_discard(run.id)?;
        }
        Ok(())
    }

    /// Ends a job that nobody runs. False: somebody does by now.
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
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// What was said.
    pub text: String,
}

/// A job as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JobInfo {
    /// Its id.
    pub id: String,
    /// What it does: import, train, ...
    pub kind: String,
    /// queued, waiting (for a process to run it), running, lost (running, but its process is gone: resume it),
    /// paused, done, failed or cancelled.
    pub state: String,
    /// pause, stop, cancel or discard: what was asked of it, when that is not to run on.
    pub want: Option<String>,
    /// How far it got.
    pub progress: Option<Progress>,
    /// Its result, or its error.
    #[ts(type = "unknown")]
    pub outcome: Option<serde_json::Value>,
    /// Its parameters.
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
    /// When it was made, milliseconds since 1970.
    pub created_ms: i64,
    /// When it ended, milliseconds since 1970.
    pub ended_ms: Option<i64>,
    /// Its place in the queue, also while it runs or holds the queue up; none: it is not in it.
    pub place: Option<i64>,
    /// Whether its failure holds the queue up.
    pub stops_queue: bool,
}

impl JobInfo {
    /// What it works on, in a word or two: the name of the run, the set, the first file.
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

    /// A job in a list: parameters or an outcome that cannot be read are left out.
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

/// Plain data from JSON that we wrote ourselves.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| {
        Error::new(
            Code::Damaged,
            format!("the project holds JSON that cannot be read: {e}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts, a step a millisecond; panics or fails at a number where one is given.
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
    fn signals_are_few_and_the_last_is_always_sent() {
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
    fn another_engine_pauses_and_cancels() {
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

    /// A job that somebody runs, or ran: with an owner and a sign of life as given.
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
    fn a_job_is_lost_when_its_process_is_gone_or_silent() {
        let (_folder, engine) = project();
        let state = |id: &str| engine.job(id).expect("there").state;
        let me = format!("{}:x", std::process::id());
        assert_eq!(state(&owned(&engine, &me, now_ms())), "running");
        assert_eq!(state(&owned(&engine, &me, now_ms() - 31_000)), "lost");
        let gone = format!("{}:x", i32::MAX);
        assert_eq!(state(&owned(&engine, &gone, now_ms())), "running");
        let lost = state(&owned(&engine, &gone, now_ms() - 3_500));
        assert_eq!(lost, if cfg!(unix) { "lost" } else { "running" });
        // whoever has this engine's word lives, whatever the clock says of it
        for ahead_ms in [-HOURS_2, HOURS_2] {
            let id = owned(&engine, &engine.owner, now_ms() + ahead_ms);
            assert_eq!(state(&id), "running", "{ahead_ms}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_job_of_a_clock_that_was_ahead_is_taken_over_once_its_process_is_gone() {
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
    fn a_job_that_was_handed_in_in_the_future_does_not_wait_until_then() {
        let (_folder, engine) = project();
        let id = new_id();
        engine
            .store
            .job_insert(&id, "count", "{}", None, now_ms() + HOURS_2)
            .expect("stored");
        assert_eq!(engine.job(&id).expect("there").state, "lost");
    }

    #[test]
    fn who_waits_to_take_a_job_over_hears_that_it_is_to_end() {
        let (_folder, engine) = project();
        // it may live: nothing is known of it but a sign of life from the future
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
    fn a_paused_job_can_be_cancelled_and_then_not_resumed() {
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
