//! What all commands share: the project, running a job, printing a result.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use repartee_engine::{Code, Ended, Engine, Error, Interrupt, Job};
use serde::Serialize;

use crate::flags::Common;
use crate::out::{Out, count, short_id};
use crate::watch::Watch;
use crate::{preempt, terminal};

/// Exit status of a negative result: a damaged project, an unsuitable machine, a refused reply.
pub const NEGATIVE: u8 = 1;

/// Exit status after a cancel, or a pause from the keyboard.
pub const INTERRUPTED: u8 = 130;

pub struct App {
    pub out: Out,
    /// The project file named on the command line.
    project: Option<PathBuf>,
    /// The project, once it has been opened.
    opened: OnceCell<Arc<Engine>>,
    /// Whether jobs are queued instead of run.
    queues: bool,
    /// Whether the queue stops if a queued job fails.
    stops_queue: bool,
}

/// Says where the copy is of a project that opening migrated to a newer version.
pub fn say_migrated(engine: &Engine) {
    if let Some(copy) = engine.store.migrated_from() {
        terminal::err_line(&format!(
            "{} was created by an older version and has been upgraded; the original was copied to {}",
            engine.path().display(),
            copy.display()
        ));
    }
}

impl App {
    pub fn new(common: &Common) -> Self {
        Self {
            out: Out {
                json: common.json,
                quiet: common.quiet,
            },
            project: common.project.clone(),
            opened: OnceCell::new(),
            queues: common.queue,
            stops_queue: common.stop_queue_on_failure,
        }
    }

    /// Opens the named project, or the only one in this folder, and listens for Ctrl-C.
    pub fn engine(&self) -> Result<Arc<Engine>> {
        if let Some(engine) = self.opened.get() {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(Engine::open(self.path()?)?);
        say_migrated(&engine);
        listen(&engine.interrupt)?;
        let _ = self.opened.set(Arc::clone(&engine));
        Ok(engine)
    }

    /// Whether jobs are queued instead of run.
    pub fn queues(&self) -> bool {
        self.queues
    }

    /// The project file: the named one, or the only one in this folder.
    pub fn path(&self) -> Result<PathBuf> {
        match &self.project {
            Some(path) => Ok(path.clone()),
            None => only_project(Path::new(".")),
        }
    }

    /// The project file if there is one; `doctor` also works without.
    pub fn path_if_any(&self) -> Option<PathBuf> {
        self.path().ok()
    }

    /// Prints a result, and the study's missing permission, whatever the command was: no result of a project goes
    /// without that mark.
    pub fn print<T: Serialize>(
        &self,
        value: &T,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<()> {
        let mark = match self.opened.get() {
            Some(engine) => engine.study_mark()?,
            None => None,
        };
        self.out.result(value, mark.as_deref(), show)
    }

    /// Prints a result; the command succeeded.
    pub fn done<T: Serialize>(
        &self,
        value: &T,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        self.print(value, show)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Reports a path that was written.
    pub fn wrote(&self, path: &Path) -> Result<ExitCode> {
        self.done(&serde_json::json!({ "wrote": path }), |_| {
            self.out.line(format!("Wrote {}", path.display()))
        })
    }

    /// Runs a job, shows its progress and prints its outcome; with `--queue`, queues it.
    pub fn start<J: Job>(
        &self,
        engine: &Engine,
        job: &J,
        show: impl FnOnce(&J::Outcome) -> Result<()>,
    ) -> Result<ExitCode> {
        if self.queues {
            return self.enqueue(engine, job);
        }
        let (id, ended) = self.watched(engine, job)?;
        self.ended(&id, ended, show)
    }

    /// Runs a job whose outcome decides the exit status; with `--queue`, queues it.
    pub fn start_checked<J: Job>(
        &self,
        engine: &Engine,
        job: &J,
        is_negative: impl Fn(&J::Outcome) -> bool,
        show: impl FnOnce(&J::Outcome) -> Result<()>,
    ) -> Result<ExitCode> {
        if self.queues {
            return self.enqueue(engine, job);
        }
        let (id, ended) = self.watched(engine, job)?;
        let negative = matches!(&ended, Ended::Done(outcome) if is_negative(outcome));
        let code = self.ended(&id, ended, show)?;
        Ok(match negative {
            true => ExitCode::from(NEGATIVE),
            false => code,
        })
    }

    /// Queues a job instead of running it.
    fn enqueue<J: Job>(&self, engine: &Engine, job: &J) -> Result<ExitCode> {
        let queued = engine.enqueue_job(job, self.stops_queue)?;
        self.done(&queued, |queued| {
            for note in &queued.notes {
                self.out.line(format!("Note: {note}"))?;
            }
            let queue = engine.job_queue()?.jobs;
            let before = queue.iter().take_while(|one| one.id != queued.job.id);
            self.out.line(format!(
                "Queued as job {}, with {} ahead of it. `repartee job run` or an open window runs the queue",
                short_id(&queued.job.id),
                count(before.count() as u64)
            ))
        })
    }

    /// Runs a job and shows its progress; returns the job's id and how it ended. An unfinished job with the same
    /// parameters is resumed.
    fn watched<J: Job>(&self, engine: &Engine, job: &J) -> Result<(String, Ended<J::Outcome>)> {
        pauses_on_signals(engine, J::KIND)?;
        let before = engine.unfinished(job)?;
        let watch = Watch::new(self.out);
        let signals = |signal| watch.signal(signal);
        let ended = match &before {
            Some(id) => engine.resume_as(id, job, &signals),
            None => engine.start(job, &signals),
        };
        let id = before.unwrap_or_else(|| watch.job());
        Ok((id, ended?))
    }

    /// Prints how a job ended.
    pub fn ended<T: Serialize>(
        &self,
        job: &str,
        ended: Ended<T>,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        match ended {
            Ended::Done(outcome) => {
                self.print(&outcome, show)?;
                Ok(ExitCode::SUCCESS)
            }
            Ended::Paused => {
                self.out
                    .json(&serde_json::json!({ "event": "paused", "job": job }))?;
                self.out.line(format!(
                    "Paused. Resume with `repartee job resume {}`",
                    short_id(job)
                ))?;
                Ok(status_of_a_pause())
            }
            Ended::Cancelled => {
                self.out
                    .json(&serde_json::json!({ "event": "cancelled", "job": job }))?;
                let engine = self.opened.get();
                let discarded = engine.is_some_and(|e| e.was_discarded(job).unwrap_or(false));
                self.out.line(match discarded {
                    true => "The job was discarded, and its saved weights were deleted",
                    false => "Canceled. Everything stored so far is kept",
                })?;
                Ok(ExitCode::from(INTERRUPTED))
            }
        }
    }
}

/// The only project file of a folder.
fn only_project(folder: &Path) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| Error::io("list", folder, &e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "repartee") && path.is_file())
        .map(|path| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
        .collect();
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(
            Code::NotFound,
            "no project file in this folder; pass --project FILE, or create one with `repartee new my.repartee`",
        )
        .into()),
        n => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            Err(Error::usage(format!(
                "{n} project files in this folder ({}); choose one with --project",
                names.join(", ")
            ))
            .into())
        }
    }
}

/// The exit status of a job that was paused: as after Ctrl-C, unless a scheduler requested it.
pub fn status_of_a_pause() -> ExitCode {
    ExitCode::from(match preempt::requested() {
        true => preempt::TRY_AGAIN,
        false => INTERRUPTED,
    })
}

/// From now on, SIGTERM and SIGUSR1 pause the job that runs, if its kind can be resumed.
pub fn pauses_on_signals(engine: &Engine, kind: &str) -> Result<()> {
    match engine.kind(kind)?.pauses {
        true => preempt::listen(&engine.interrupt)?,
        false => preempt::let_go(),
    }
    Ok(())
}

/// The first Ctrl-C asks the running job to pause or end, the second cancels it, the third ends the program.
pub fn listen(interrupt: &Interrupt) -> Result<()> {
    let interrupt = interrupt.clone();
    let pressed = move || match interrupt.press() {
        1 => {
            terminal::err_line("");
            terminal::err_line(
                "Stopping at the next safe point. Press Ctrl-C again to cancel, a third time to quit immediately",
            );
        }
        2 => {}
        _ => std::process::exit(i32::from(INTERRUPTED)),
    };
    preempt::beneath(|| ctrlc::set_handler(pressed))
        .map_err(|e| Error::internal(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(())
}

/// Who acts at this terminal: as given, else the user's name. A decision without a name is refused.
pub fn person(who: Option<String>) -> String {
    who.filter(|who| !who.trim().is_empty())
        .unwrap_or_else(repartee_engine::machine::user_name)
}
