//! The context of running work: requests to it, its progress, its steps, and what it leaves out.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use repartee_store::jobs::{JobRow, JobState, Want};

use super::signals::{Progress, Signal, Signals};
use super::{Ended, Job, Stop, from_json, new_id, now_ms, to_json};
use crate::Project;
use crate::error::{Code, Error, Result};
use crate::left_out::{LeftOut, without_quotes};

/// Minimum time between signals; the last one is always sent.
const SIGNAL_EVERY: Duration = Duration::from_millis(100);

/// Requests to this process, from any thread or signal handler: Ctrl-C by its user, and a pause by what runs it, such as
/// a cluster's scheduler.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    presses: AtomicU8,
    pause: AtomicBool,
}

impl Interrupt {
    /// Counts a press and returns the count. The first requests what the job's kind does on interruption (pause or
    /// cancel), the second cancels.
    pub fn press(&self) -> u8 {
        let before = self.0.presses.fetch_add(1, Ordering::Relaxed);
        before.saturating_add(1)
    }

    pub fn presses(&self) -> u8 {
        self.0.presses.load(Ordering::Relaxed)
    }

    /// Requests that the job pause, whatever its kind does on Ctrl-C. Requesting it again changes nothing.
    pub fn pause(&self) {
        self.0.pause.store(true, Ordering::Relaxed);
    }

    /// Whether a pause was requested.
    pub fn pauses(&self) -> bool {
        self.0.pause.load(Ordering::Relaxed)
    }

    /// Whether anything was requested.
    pub fn is_requested(&self) -> bool {
        self.presses() > 0 || self.pauses()
    }

    /// What is requested of a job that Ctrl-C pauses or cancels.
    pub(super) fn check(&self, on_interrupt: Want) -> Result<(), Stop> {
        match self.presses() {
            0 if self.pauses() => Err(Stop::Pause),
            0 => Ok(()),
            1 if on_interrupt == Want::Pause => Err(Stop::Pause),
            _ => Err(Stop::Cancel),
        }
    }
}

/// The context of running work: the project, requests to it, and its progress output.
pub struct Ctx<'a> {
    pub project: &'a Project,
    pub(super) job: &'a str,
    pub(super) resumed: bool,
    pub(super) on_interrupt: Want,
    pub(super) signals: Signals<'a>,
    pub(super) shared: Arc<Shared>,
}

/// A request as the threads of a job share it.
pub(super) fn wish_number(want: Want) -> u8 {
    match want {
        Want::Run => 0,
        Want::Pause => 1,
        Want::Stop => 2,
        Want::Cancel => 3,
        Want::Discard => 4,
    }
}

/// The setting with the ids of a job's steps by their names.
fn steps_of(job: &str) -> String {
    format!("steps of {job}")
}

impl Project {
    /// The job that runs, or ran, as the step of this name of another ([`Ctx::step`]).
    pub fn step_of(&self, job: &str, name: &str) -> Result<Option<String>> {
        let steps: Option<BTreeMap<String, String>> = self.store.setting(&steps_of(job))?;
        Ok(steps.and_then(|mut steps| steps.remove(name)))
    }

    /// Records a stored job as the step of this name of another.
    pub fn set_step(&self, job: &str, name: &str, step: &str) -> Result<()> {
        let key = steps_of(job);
        let mut steps: BTreeMap<String, String> = self.store.setting(&key)?.unwrap_or_default();
        steps.insert(name.to_owned(), step.to_owned());
        Ok(self.store.set_setting(&key, &steps)?)
    }

    /// The ids of all steps of these jobs.
    pub(crate) fn step_ids(&self, jobs: &[JobRow]) -> Result<HashSet<String>> {
        let mut ids = HashSet::new();
        for job in jobs {
            let steps: Option<BTreeMap<String, String>> = self.store.setting(&steps_of(&job.id))?;
            ids.extend(steps.unwrap_or_default().into_values());
        }
        Ok(ids)
    }
}

/// Another process owns the job now.
pub(super) const TAKEN_OVER: u8 = 5;

/// Shared by the working thread and the heartbeat thread.
#[derive(Default)]
pub(super) struct Shared {
    /// The request in the row, as a number of [`wish_number`]; [`TAKEN_OVER`]: another process owns it.
    pub(super) want: AtomicU8,
    pub(super) over: AtomicBool,
    pub(super) pace: Mutex<Pace>,
    /// The job that runs as a step of this one.
    pub(super) step: Mutex<Option<String>>,
    /// Items left out in this attempt.
    pub(super) left_out: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Pace {
    /// When the current phase began, and with how much done.
    phase: Option<(String, Instant, u64)>,
    sent: Option<Instant>,
    waiting: Option<Progress>,
    pub(super) latest: Option<Progress>,
}

impl Shared {
    pub(super) fn step(&self) -> MutexGuard<'_, Option<String>> {
        self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn flush(&self, signals: Signals, force: bool) {
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

    /// Checks for requests; call it between pieces of work that take some milliseconds, or at most about a second where
    /// they cannot be divided. It costs an atomic load; a request is there 20 ms after it was made.
    ///
    /// # Errors
    /// [`Stop::Pause`], [`Stop::Finish`] or [`Stop::Cancel`] if requested (here or from another process), and
    /// [`Stop::Failed`] if another process has taken the job over because this one slept too long.
    pub fn go_on(&self) -> Result<(), Stop> {
        self.project.interrupt.check(self.on_interrupt)?;
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

    /// Whether a request that [`Ctx::go_on`] returns is there, for work that cannot borrow this context: a model asks
    /// within its forward passes.
    pub fn stop_check(&self) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let (interrupt, shared) = (self.project.interrupt.clone(), Arc::clone(&self.shared));
        Arc::new(move || interrupt.is_requested() || shared.want.load(Ordering::Relaxed) != 0)
    }

    /// As [`Ctx::go_on`], after reading the job's row, for work that waits: a request of another thread or process
    /// takes effect now.
    ///
    /// # Errors
    /// As [`Ctx::go_on`].
    pub fn go_on_now(&self) -> Result<(), Stop> {
        self.go_on()?;
        // a row that cannot be read now is read at the next heartbeat
        if let Ok(Some(row)) = self.project.store.job(self.job)
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
        let (project, store) = (self.project, &self.project.store);
        let key = steps_of(self.job);
        let mut steps: BTreeMap<String, String> = store.setting(&key)?.unwrap_or_default();
        let before = match steps.get(name) {
            Some(id) => store.job(id)?,
            None => None,
        };
        if let Some(row) = &before
            && row.state == JobState::Done
        {
            let kept = from_json(row.outcome.as_deref().unwrap_or("null"))?;
            return Ok(J::found(project, kept)?);
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
                let row = project.claim(&row.id, on_interrupt, row.want)?;
                project.run_owned(&row.id, &stored, true, on_interrupt, self.signals)
            }
            None => {
                steps.insert(name.to_owned(), id.clone());
                store.set_setting(&key, &steps)?;
                stored = project.settled(job)?;
                let params = to_json(&stored)?;
                let owner = Some(&**project.owner);
                store.job_insert(&id, J::KIND, &params, owner, now_ms())?;
                project.run_owned(&id, &stored, false, on_interrupt, self.signals)
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
        if let Err(error) = self.project.store.job_log(self.job, now_ms(), &text) {
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
        self.project.store.leave_out(self.job, &item, &why)?;
        match self.shared.left_out.fetch_add(1, Ordering::Relaxed) {
            n if n < SAID => self.say(format!("{item} is left out: {why}")),
            SAID => self.say("more are left out; the result names them"),
            _ => {}
        }
        Ok(())
    }

    /// What was left out so far, in this and earlier attempts.
    pub fn left_out(&self) -> Result<LeftOut> {
        self.project.left_out_of(self.job)
    }

    /// All items that were left out: they are not tried again.
    pub fn left_out_ids(&self) -> Result<HashSet<String>> {
        let (_, items) = self.project.store.left_out(self.job, usize::MAX)?;
        Ok(items.into_iter().map(|(id, _)| id).collect())
    }
}
