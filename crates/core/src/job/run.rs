//! Starting, resuming and running jobs, with a heartbeat next to the work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use repartee_datasets::guard::panic_text;
use repartee_store::jobs::{JobRow, JobState, Want};
use repartee_store::watch::{Family, Watch};
use repartee_terms::JobStatus;

use super::ctx::{Ctx, Shared, TAKEN_OVER, wish_number};
use super::info::status_of;
use super::signals::{Signal, Signals};
use super::{Ended, Job, Stop, from_json, new_id, now_ms, to_json};
use crate::Project;
use crate::awake::Awake;
use crate::error::{Code, Error, Result};
use crate::kind::Begins;
use crate::left_out::without_quotes;
use crate::owner::{self, Watched};

/// Heartbeat interval of the owner.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Interval at which the owner looks for requests: who cancels a job must not have to wait for a heartbeat.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The machine is kept awake for jobs that take longer than this.
const AWAKE_AFTER: Duration = Duration::from_secs(5);

impl Project {
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
    /// As [`Project::start`].
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
    pub(super) fn settled<J: Job>(&self, job: &J) -> Result<J> {
        // before JSON, which turns a number that is not one into null
        job.check(self)?;
        let mut job: J = from_json(&to_json(job)?).map_err(|error| {
            Error::usage("a setting is not a finite number").with(error.message)
        })?;
        self.check_ready(&mut job)?;
        job.settle(self)?;
        Ok(job)
    }

    /// Stores a job that another process will run ([`Project::resume`]), under an id chosen by the caller. Returns
    /// false, and stores nothing, if this id exists.
    ///
    /// # Errors
    /// [`Code::Usage`] if there is no such kind of job, or its parameters are invalid; [`Code::NotFound`] if an item that
    /// it uses does not exist.
    pub fn submit(&self, id: &str, kind: &str, params: &serde_json::Value) -> Result<bool> {
        if self.store.job(id)?.is_some() {
            return Ok(false);
        }
        let params = (self.kind(kind)?.checked)(self, params, Begins::Now)?;
        Ok(self.store.job_insert(id, kind, &params, None, now_ms())?)
    }

    /// Records that no process could be started for a submitted job.
    pub fn give_up(&self, id: &str, error: &Error) -> Result<()> {
        let row = self.job_row(id)?;
        if self
            .store
            .job_claim(&row, &self.owner, row.want, now_ms())?
        {
            self.end_failed(id, error)?;
        }
        Ok(())
    }

    /// Resumes a job that is paused, failed or interrupted. This overrules a pause that was requested before it was
    /// interrupted; a request to end it, or one made while its process is being watched, still counts.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Busy`] while a living process runs it, [`Code::Usage`] if it is done or canceled, or
    /// what the work fails with.
    pub fn resume(&self, id: &str, signals: Signals) -> Result<Ended<serde_json::Value>> {
        match self.claim_again(id)? {
            Some((row, resumed)) => self.run_claimed(&row, resumed, None, signals),
            None => Ok(Ended::Paused),
        }
    }

    /// As [`Project::resume`], for a job value with the parameters of the stored one ([`Project::unfinished`]).
    ///
    /// # Errors
    /// As [`Project::resume`].
    pub fn resume_as<J: Job>(
        &self,
        id: &str,
        job: &J,
        signals: Signals,
    ) -> Result<Ended<J::Outcome>> {
        match self.claim_again(id)? {
            Some((row, resumed)) => self.run_owned(&row.id, job, resumed, J::ON_INTERRUPT, signals),
            None => Ok(Ended::Paused),
        }
    }

    /// Takes over a job to resume it; says whether an earlier attempt got somewhere. `None`: this process was asked to
    /// pause before.
    fn claim_again(&self, id: &str) -> Result<Option<(JobRow, bool)>> {
        let before = self.job_row(id)?;
        let row = match self.claim(id, Want::Pause, before.want) {
            Ok(row) => row,
            Err(Stop::Failed(error)) => return Err(error),
            // nothing was taken over: it is unchanged, and can be resumed later
            Err(_) => return Ok(None),
        };
        // a submitted job is "running" without an owner; its progress proves nothing, for a process killed in the first
        // second has written none
        let resumed = before.state != JobState::Running || before.owner.is_some();
        Ok(Some((row, resumed)))
    }

    /// The job that this one repeats, if it is paused or interrupted: of the same kind, with the same parameters, which
    /// make an item of the same name. A scheduler starts the same command again, and means that job.
    pub fn unfinished<J: Job>(&self, job: &J) -> Result<Option<String>> {
        // what cannot be stored is refused when it starts
        let Ok(mut stored) = from_json::<J>(&to_json(job)?) else {
            return Ok(None);
        };
        if !stored.is_named() {
            return Ok(None);
        }
        let params = to_json(&stored)?;
        let is_unfinished =
            |row: &JobRow| matches!(status_of(row), JobStatus::Paused | JobStatus::Lost);
        let mut rows = self.store.jobs()?.into_iter();
        let found =
            rows.find(|row| row.kind == J::KIND && row.params == params && is_unfinished(row));
        Ok(found.map(|row| row.id))
    }

    /// Runs a job that this process has claimed.
    pub fn run_claimed(
        &self,
        row: &JobRow,
        resumed: bool,
        on_interrupt: Option<Want>,
        signals: Signals,
    ) -> Result<Ended<serde_json::Value>> {
        let ended = self
            .kind(&row.kind)
            .and_then(|kind| (kind.run)(self, row, resumed, on_interrupt, signals));
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
    pub fn end_failed(&self, id: &str, error: &Error) -> Result<()> {
        let (failed, outcome) = (JobState::Failed, to_json(error)?);
        self.store
            .job_end(id, &self.owner, failed, None, Some(&outcome), now_ms())?;
        Ok(())
    }

    /// Takes a job over. If it is not certain that the previous process is gone, its heartbeat is watched for some
    /// seconds; requests to end this process are obeyed in the meantime. What was requested of the job and not obeyed
    /// yet stays requested, except for the pause that this resumption `overrules` ([`Want::Run`]: none).
    pub fn claim(&self, id: &str, on_interrupt: Want, overrules: Want) -> Result<JobRow, Stop> {
        // a request, or the end of the job, may come between reading its row and taking it over
        for _ in 0..10 {
            let row = self.claimable(id, on_interrupt)?;
            let want = match (row.state, row.want) {
                // the attempt that it was requested of has ended
                (JobState::Failed, _) | (JobState::Paused, Want::Pause) => Want::Run,
                (_, Want::Pause) if overrules == Want::Pause => Want::Run,
                (_, want) => want,
            };
            if self.store.job_claim(&row, &self.owner, want, now_ms())? {
                return Ok(self.job_row(&row.id)?);
            }
            if self.job_row(&row.id)?.owner != row.owner {
                return Err(Stop::Failed(Error::new(
                    Code::Busy,
                    format!("another process just took job {} over", row.id),
                )));
            }
        }
        Err(Stop::Failed(Error::new(
            Code::Busy,
            format!("job {id} keeps changing; try again"),
        )))
    }

    /// The row of a job that no process runs.
    fn claimable(&self, id: &str, on_interrupt: Want) -> Result<JobRow, Stop> {
        let mut row = self.job_row(id)?;
        self.check_is_here(&row.id)?;
        match row.state {
            JobState::Paused | JobState::Failed => {}
            JobState::Running => {
                let look = || -> Result<_, Stop> {
                    row = self.job_row(&row.id)?;
                    Ok(row.owner.clone().map(|owner| (owner, row.beat_ms)))
                };
                let go_on = || self.interrupt.check(on_interrupt);
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
        Ok(row)
    }

    /// Runs a job whose row this process owns, and records how it ended.
    pub fn run_owned<J: Job>(
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
            project: self,
            job: id,
            resumed,
            on_interrupt,
            signals,
            shared: Arc::clone(&shared),
        };
        // what was requested before it began, or before it was taken over, is obeyed before any work
        let want = self.job_row(id)?.want;
        shared.want.store(wish_number(want), Ordering::Relaxed);
        if want != Want::Run {
            ctx.say(format!("this job was asked to {want} before it began"));
        }
        let ended = std::thread::scope(|scope| {
            let beside = scope.spawn(|| self.beat(id, J::KEEPS_AWAKE, &shared, signals));
            let ended = catch_unwind(AssertUnwindSafe(|| {
                ctx.go_on()?;
                job.run(&ctx)
            }));
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
        let ended = match ended {
            // a request to end it that arrived while it paused for another reason
            Err(Stop::Pause) => match self.job_row(id)?.want {
                Want::Run | Want::Pause => Err(Stop::Pause),
                want => {
                    shared.want.store(wish_number(want), Ordering::Relaxed);
                    match want {
                        Want::Stop => Err(Stop::Finish),
                        _ => Err(Stop::Cancel),
                    }
                }
            },
            ended => ended,
        };
        let ended = match ended {
            // before it could do any work: what earlier attempts saved is its result
            Err(Stop::Finish) if J::FINISHES => self
                .job_row(id)
                .and_then(|row| J::so_far(self, &row))
                .map_err(|_| Stop::Cancel),
            ended => ended,
        };
        let nothing = |outcome: &J::Outcome| J::tally(outcome).and_then(|tally| tally.failure());
        let ended = ended.and_then(|outcome| match nothing(&outcome) {
            Some(error) => Err(Stop::Failed(error)),
            None => Ok(outcome),
        });
        // a run discarded before it trained any further also loses what it had saved earlier
        if matches!(ended, Err(Stop::Cancel)) && ctx.is_discarded() {
            J::discard(self, id)?;
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
    fn beat(&self, id: &str, keeps_awake: bool, shared: &Shared, signals: Signals) {
        let began = Instant::now();
        let mut beaten: Option<Instant> = None;
        let mut awake: Option<Arc<Awake>> = None;
        // without it, requests are read with the heartbeats
        let mut watch = match self.store.watch() {
            Ok(watch) => Some(watch),
            Err(error) => {
                tracing::warn!("could not watch the project: {error}");
                None
            }
        };
        while !shared.over.load(Ordering::Acquire) {
            // short work does not need it
            if awake.is_none() && began.elapsed() >= AWAKE_AFTER && keeps_awake {
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
            } else if let Some(watch) = &mut watch {
                self.look(id, watch, shared);
            }
            shared.flush(signals, false);
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Reads the request to a job, if any process has written to a job since the last look. It takes microseconds
    /// otherwise.
    pub(super) fn look(&self, id: &str, watch: &mut Watch, shared: &Shared) {
        // what cannot be read now is read with the next heartbeat
        let Ok(families) = watch.changed() else {
            return;
        };
        if !families.contains(&Family::Jobs) {
            return;
        }
        let Ok(Some(row)) = self.store.job(id) else {
            return;
        };
        let (seen, now) = (shared.want.load(Ordering::Relaxed), wish_number(row.want));
        // passing it on writes, so what was passed on already must not be passed on again
        if row.want != Want::Run && seen != now && seen != TAKEN_OVER {
            shared.want.store(now, Ordering::Relaxed);
            self.pass_on(row.want, shared);
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
}
