//! Jobs: one `run` for start and for resume, progress out, pause and cancel in.
//!
//! The database is the control plane. A job's row says which process runs it (`owner`), its last heartbeat (`beat_ms`)
//! and what is requested of it (`want`); a thread next to the work writes the heartbeat once a second and looks for
//! requests every 20 ms. A job whose owner died can be resumed.
//!
//! A new job is a struct of parameters that implements [`Job`], and one line in the list of kinds that projects are
//! opened with. It writes what it has finished to tables of its own as it goes; a resumed job ([`Ctx::resumed`]) finds there where
//! to continue.

mod control;
mod ctx;
mod info;
mod run;
mod signals;

use std::time::{SystemTime, UNIX_EPOCH};

use repartee_store::jobs::{JobRow, Want};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use crate::owner::is_stale;
pub use ctx::{Ctx, Interrupt};
pub(crate) use info::status_of;
pub use info::{JobInfo, JobLine};
pub use signals::{Draft, DraftScore, Next, Progress, Signal, Signals};

use crate::Project;
use crate::error::{Code, Error, Result};
use crate::kind::{EachName, LaterSteps};
use crate::left_out::Tally;

/// A long-running task: parameters that can be stored, and the work itself.
pub trait Job: Serialize + DeserializeOwned {
    /// The name under which the job is stored and listed.
    const KIND: &'static str;
    /// What Ctrl-C requests: training pauses, everything else is canceled.
    const ON_INTERRUPT: Want = Want::Cancel;
    /// Whether it is heavy: it can be queued, and the queue waits while it runs.
    const QUEUED: bool = false;
    /// Whether the machine is kept awake while it runs: not for work that waits for the user.
    const KEEPS_AWAKE: bool = true;
    /// Whether it can finish early with what it has as its result ([`Stop::Finish`]), and its weights be discarded.
    const FINISHES: bool = false;
    /// Whether it reads or writes all comments or pairs, and so those of every source.
    const ALL_SOURCES: bool = false;
    /// What its later steps refer to by name while it is unfinished.
    const LATER_STEPS: LaterSteps = LaterSteps::Nothing;
    type Outcome: Serialize + DeserializeOwned;

    /// Validates the job itself before anything is written: a criterion without its model, a run of the wrong kind.
    /// Missing items are no error here, since a queued job may wait for them; [`Job::check_ready`] is for those.
    ///
    /// # Errors
    /// [`crate::Code::Usage`], naming what is wrong and what to do.
    fn check(&self, _project: &Project) -> Result<()> {
        Ok(())
    }

    /// Validates what must be there when the job starts, before anything is written: a checkpoint of the run. That the
    /// items it names exist was checked before. Not called for a job that is queued, which may wait for them.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`], naming what is missing.
    fn check_ready(&self, _project: &Project) -> Result<()> {
        Ok(())
    }

    /// Moves typed texts into tables of their own before the job is stored, so that its parameters refer to them and
    /// contain no text: a purge has one place to wipe.
    fn settle(&mut self, _project: &Project) -> Result<()> {
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
    fn found(_project: &Project, kept: Self::Outcome) -> Result<Self::Outcome> {
        Ok(kept)
    }

    /// How many items of a batch succeeded. A job in which none did has failed, with [`Code::Negative`]; what it has
    /// stored is kept.
    fn tally(_outcome: &Self::Outcome) -> Option<Tally> {
        None
    }

    /// Calls back with each name in the parameters: renaming an item rewrites it, and deleting it asks whether a job
    /// uses it.
    fn names(&mut self, _each: EachName) {}

    /// Whether starting it again with the same parameters means the same job while that is unfinished
    /// ([`Project::unfinished`]): it makes an item with a name that was chosen.
    fn is_named(&mut self) -> bool {
        let mut named = false;
        self.names(&mut |one| named |= one.makes && !one.name.is_empty());
        named
    }

    /// Makes paths in the parameters absolute: a queued job may run in another folder.
    ///
    /// # Errors
    /// [`crate::Code::NotFound`] and [`crate::Code::Io`] for a file that cannot be read.
    fn make_absolute(&mut self) -> Result<()> {
        Ok(())
    }

    /// What it works on, briefly: the name of the run, the set, the first file.
    fn subject(&self) -> String {
        String::new()
    }

    /// The result of a job that is asked to finish while no process runs it. Only for kinds with [`Job::FINISHES`].
    ///
    /// # Errors
    /// [`crate::Code::Usage`] if it has not saved anything yet.
    fn so_far(_project: &Project, row: &JobRow) -> Result<Self::Outcome> {
        Err(Error::internal(format!(
            "job {} cannot finish early",
            row.id
        )))
    }

    /// Removes what the job with this id has saved. Only for kinds with [`Job::FINISHES`].
    fn discard(_project: &Project, _job: &str) -> Result<()> {
        Ok(())
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

/// JSON of plain data.
pub fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::internal(format!("a value does not fit into JSON: {e}")))
}

/// Plain data from JSON that this program wrote.
pub fn from_json<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| {
        Error::new(
            Code::Damaged,
            format!("the project contains unreadable JSON: {e}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::Ordering;
    use std::time::{Duration, Instant};

    use repartee_terms::JobStatus;

    use super::ctx::{Shared, TAKEN_OVER, wish_number};
    use super::*;
    use crate::Kind;
    use crate::owner::{self, Watched};

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

    /// Asks as a model does within a pass, until it is requested to stop.
    #[derive(Serialize, Deserialize)]
    struct Pass {}

    impl Job for Pass {
        const KIND: &'static str = "pass";
        type Outcome = ();

        fn run(&self, ctx: &Ctx) -> Result<(), Stop> {
            let stops = ctx.stop_check();
            ctx.tick(Progress::new("passing", 0, None, "products"));
            while !stops() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ctx.go_on()?;
            Ok(())
        }
    }

    static KINDS: &[Kind] = &[Kind::of::<Count>(), Kind::of::<Pass>()];

    fn project() -> (tempfile::TempDir, Project) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.repartee");
        let project = Project::create(&path, KINDS).expect("a project");
        (folder, project)
    }

    #[test]
    fn signals_are_throttled_and_the_last_is_always_sent() {
        let (_folder, project) = project();
        let seen = Mutex::new(Vec::new());
        let ended = project
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
        let job = &project.jobs().expect("listed")[0];
        assert_eq!(
            (job.state, job.outcome.as_ref()),
            (JobStatus::Done, Some(&serde_json::json!(300)))
        );
        assert_eq!(job.progress.as_ref().map(|p| p.done), Some(300));
    }

    #[test]
    fn another_process_can_pause_and_cancel() {
        for (want, ended) in [
            (Want::Pause, Ended::Paused),
            (Want::Cancel, Ended::Cancelled),
        ] {
            let (_folder, project) = project();
            let id = new_id();
            let got = std::thread::scope(|scope| {
                let running = scope.spawn(|| project.start_as(&id, &count(60_000), &|_| {}));
                let other = project.reopened().expect("opens twice");
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
    fn request_is_seen_at_the_next_look_without_a_heartbeat() {
        let (_folder, project) = project();
        let beat_ms = now_ms();
        let id = owned(&project, &project.owner, beat_ms);
        let step = owned(&project, &project.owner, beat_ms);
        let other = project.reopened().expect("opens twice");
        let (shared, mut watch) = (Shared::default(), project.store.watch().expect("watched"));
        *shared.step() = Some(step.clone());
        let mut looked = || {
            project.look(&id, &mut watch, &shared);
            let row = project.job_row(&step).expect("there");
            (shared.want.load(Ordering::Relaxed), row.want)
        };
        assert_eq!(looked(), (wish_number(Want::Run), Want::Run));
        other.pause(&id).expect("requested");
        assert_eq!(looked(), (wish_number(Want::Pause), Want::Pause));
        other.cancel(&id).expect("requested");
        assert_eq!(looked(), (wish_number(Want::Cancel), Want::Cancel));
        assert_eq!(project.job_row(&id).expect("there").beat_ms, beat_ms);
        // a job that was taken over stays so
        let taken = Shared::default();
        taken.want.store(TAKEN_OVER, Ordering::Relaxed);
        let mut watch = project.store.watch().expect("watched");
        other.store.job_want(&id, Want::Discard).expect("requested");
        project.look(&id, &mut watch, &taken);
        assert_eq!(taken.want.load(Ordering::Relaxed), TAKEN_OVER);
    }

    #[test]
    fn work_that_only_asks_whether_to_stop_is_told_which_request_it_was() {
        let (_folder, project) = project();
        let id = new_id();
        let ended = std::thread::scope(|scope| {
            let running = scope.spawn(|| project.start_as(&id, &Pass {}, &|_| {}));
            let other = project.reopened().expect("opens twice");
            while other.jobs().expect("listed").is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            other.cancel(&id).expect("asked");
            running.join().expect("no panic").expect("no error")
        });
        assert_eq!(ended, Ended::Cancelled);
        // by Ctrl-C, once it runs
        let pressed = project.interrupt.clone();
        let press = |signal| {
            if let Signal::Progress(_) = signal {
                pressed.press();
            }
        };
        let interrupted = project.start(&Pass {}, &press).expect("no error");
        assert_eq!(interrupted, Ended::Cancelled);
    }

    #[test]
    fn request_to_pause_pauses_what_ctrl_c_cancels() {
        let (_folder, project) = project();
        project.interrupt.pause();
        let ended = project.start(&Pass {}, &|_| {}).expect("no error");
        assert_eq!(ended, Ended::Paused);
        // asking again does not cancel; the user's Ctrl-C does
        project.interrupt.pause();
        let ended = project.start(&Pass {}, &|_| {}).expect("no error");
        assert_eq!(ended, Ended::Paused);
        project.interrupt.press();
        let ended = project.start(&Pass {}, &|_| {}).expect("no error");
        assert_eq!(ended, Ended::Cancelled);
    }

    #[test]
    fn starting_an_id_twice_starts_once() {
        let (_folder, project) = project();
        let id = new_id();
        project.start_as(&id, &count(1), &|_| {}).expect("done");
        let again = project.start_as(&id, &count(1), &|_| {});
        assert!(again.is_err_and(|e| e.code == Code::Exists));
    }

    #[test]
    fn a_panic_and_an_error_are_kept_with_the_job() {
        let (_folder, project) = project();
        let error = project
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
        let error = project
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
        let jobs = project.jobs().expect("listed");
        assert!(
            jobs.iter()
                .all(|job| job.state == JobStatus::Failed && job.outcome.is_some())
        );
    }

    #[test]
    fn the_first_interrupt_pauses_and_the_second_cancels() {
        for (presses, ended) in [(1, Ended::Paused), (2, Ended::Cancelled)] {
            let (_folder, project) = project();
            for _ in 0..presses {
                project.interrupt.press();
            }
            assert_eq!(
                project.start(&count(60_000), &|_| {}).expect("stops"),
                ended
            );
        }
    }

    /// A job of a process, alive or not: with the given owner and heartbeat.
    fn owned(project: &Project, owner: &str, beat_ms: i64) -> String {
        let id = new_id();
        let params = to_json(&count(3)).expect("plain data");
        project
            .store
            .job_insert(&id, "count", &params, Some(owner), beat_ms)
            .expect("stored");
        id
    }

    const HOURS_2: i64 = 7_200_000;

    #[test]
    fn job_is_interrupted_when_its_process_is_gone_or_silent() {
        let (_folder, project) = project();
        let state = |id: &str| project.job(id).expect("there").state;
        let me = format!("{}:x", std::process::id());
        assert_eq!(state(&owned(&project, &me, now_ms())), JobStatus::Running);
        assert_eq!(
            state(&owned(&project, &me, now_ms() - 31_000)),
            JobStatus::Lost
        );
        let gone = format!("{}:x", i32::MAX);
        assert_eq!(state(&owned(&project, &gone, now_ms())), JobStatus::Running);
        let lost = state(&owned(&project, &gone, now_ms() - 3_500));
        let expected = match cfg!(unix) {
            true => JobStatus::Lost,
            false => JobStatus::Running,
        };
        assert_eq!(lost, expected);
        // an owner in this process is alive, whatever the clock says of its heartbeat
        for ahead_ms in [-HOURS_2, HOURS_2] {
            let id = owned(&project, &project.owner, now_ms() + ahead_ms);
            assert_eq!(state(&id), JobStatus::Running, "{ahead_ms}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn job_with_heartbeat_in_the_future_is_taken_over_once_its_process_is_gone() {
        let (_folder, project) = project();
        let gone = format!("{}:x", i32::MAX);
        for owner in ["another-boot.1:1:1:x", &gone] {
            let id = owned(&project, owner, now_ms() + HOURS_2);
            assert_eq!(project.job(&id).expect("there").state, JobStatus::Lost);
            let began = Instant::now();
            let look = || -> Result<_> {
                let row = project.job_row(&id)?;
                Ok(row.owner.map(|owner| (owner, row.beat_ms)))
            };
            let seen = owner::watch(now_ms, look, || Ok(())).expect("read");
            assert_eq!(seen, Watched::Gone);
            assert!(began.elapsed() < Duration::from_secs(6), "{owner}");
            project
                .claim(&id, Want::Pause, Want::Run)
                .expect("taken over");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn request_made_during_a_takeover_is_obeyed() {
        let gone = format!("{}:x", i32::MAX);
        for (want, expected) in [
            (Want::Cancel, Ended::Cancelled),
            (Want::Pause, Ended::Paused),
        ] {
            let (_folder, project) = project();
            // its last heartbeat is so recent that it is watched for some seconds
            let id = owned(&project, &gone, now_ms());
            let other = project.reopened().expect("opens twice");
            let ended = std::thread::scope(|scope| {
                let resuming = scope.spawn(|| project.resume(&id, &|_| {}));
                std::thread::sleep(Duration::from_secs(1));
                match want {
                    Want::Pause => other.pause(&id).expect("asked"),
                    _ => other.cancel(&id).expect("asked"),
                };
                resuming.join().expect("no panic").expect("no error")
            });
            assert_eq!(ended, expected, "{want}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn resuming_overrules_an_earlier_pause_but_no_earlier_cancel() {
        let (_folder, project) = project();
        for (want, expected) in [
            (Want::Pause, Ended::Done(serde_json::json!(3))),
            (Want::Cancel, Ended::Cancelled),
        ] {
            let id = owned(&project, "another-boot.1:1:1:x", now_ms() - 60_000);
            assert!(project.store.job_want(&id, want).expect("requested"));
            let ended = project.resume(&id, &|_| {}).expect("taken over");
            assert_eq!(ended, expected, "{want}");
        }
    }

    #[test]
    fn job_submitted_in_the_future_does_not_wait_until_then() {
        let (_folder, project) = project();
        let id = new_id();
        project
            .store
            .job_insert(&id, "count", "{}", None, now_ms() + HOURS_2)
            .expect("stored");
        assert_eq!(project.job(&id).expect("there").state, JobStatus::Lost);
    }

    #[test]
    fn waiting_to_take_over_a_job_can_be_interrupted() {
        let (_folder, project) = project();
        // it may be alive: all that is known is a heartbeat from the future
        let id = owned(
            &project,
            &format!("{}:x", std::process::id()),
            now_ms() + HOURS_2,
        );
        let interrupt = project.interrupt.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            interrupt.press();
        });
        let began = Instant::now();
        let ended = project.resume(&id, &|_| {}).expect("not taken over");
        assert_eq!(ended, Ended::Paused);
        assert!(began.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn paused_job_can_be_canceled_and_then_not_resumed() {
        let (_folder, project) = project();
        project.interrupt.press();
        let id = new_id();
        project
            .start_as(&id, &count(60_000), &|_| {})
            .expect("paused");
        assert_eq!(
            project.job(&id[20..]).expect("by its end").state,
            JobStatus::Paused
        );
        assert_eq!(
            project.cancel(&id).expect("canceled").state,
            JobStatus::Cancelled
        );
        assert!(
            project
                .resume(&id, &|_| {})
                .is_err_and(|e| e.code == Code::Usage)
        );
    }
}
