//! Jobs one after the other, and their ends: `repartee job queue|run|move|on-failure|stop`, and `--queue`.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::job::JobInfo;
use repartee_engine::job_queue::{HowToRun, JobQueue, MoveTo, Queued};
use repartee_engine::{Ended, Engine, Error, Job};

use super::{App, INTERRUPTED, short_id, state};
use crate::args::{BaseCommand, FakesCommand, SplitCommand, TrainCommand};
use crate::args::{Command, OnFailure, PairsCommand};
use crate::columns;
use crate::out::{Table, count};
use crate::terminal;
use crate::watch::Watch;

/// Whether a command starts a job, so that it can be queued.
pub(super) fn starts_a_job(command: &Command) -> bool {
    match command {
        Command::Import(_)
        | Command::Evaluate(_)
        | Command::Generate(_)
        | Command::Reddit { .. } => true,
        Command::Pairs { command } => matches!(command, PairsCommand::Build(_)),
        Command::Split { command } => {
            matches!(
                command,
                SplitCommand::Make { .. } | SplitCommand::Audit { .. }
            )
        }
        Command::Base { command } => {
            matches!(command, BaseCommand::Add { .. } | BaseCommand::New { .. })
        }
        Command::Train { command } => !matches!(
            command,
            TrainCommand::List(_) | TrainCommand::Marked | TrainCommand::Show { .. }
        ),
        Command::Fakes { command } => matches!(command, FakesCommand::Make { .. }),
        _ => false,
    }
}

impl App {
    /// Puts a job into the queue instead of running it.
    pub(super) fn enqueue<J: Job>(&self, engine: &Engine, job: &J) -> Result<ExitCode> {
        let queued = engine.enqueue_job(job, self.stops_queue)?;
        self.done(&queued, |Queued { job, notes }| {
            for note in notes {
                self.out.line(format!("note: {note}"))?;
            }
            let before = engine.job_queue()?.jobs.iter().take_while(|one| one.id != job.id).count();
            self.out.line(format!(
                "queued as job {}, with {} before it; `repartee job run` works the queue off, and so does an open window",
                short_id(&job.id),
                count(before as u64)
            ))
        })
    }

    pub(super) fn job_queue(&self, engine: &Engine) -> Result<ExitCode> {
        self.done(&engine.job_queue()?, |queue| self.show_queue(queue))
    }

    fn show_queue(&self, queue: &JobQueue) -> Result<()> {
        if queue.jobs.is_empty() {
            return self
                .out
                .line("no jobs are queued; `--queue` with train, fakes make, evaluate, import and the like adds one");
        }
        let mut table = Table::new(columns::JOB_QUEUE);
        for (n, job) in queue.jobs.iter().enumerate() {
            table.row([
                (n + 1).to_string(),
                short_id(&job.id),
                job.kind.clone(),
                state(job),
                job.subject(),
                if job.stops_queue {
                    "the queue stops"
                } else {
                    "the next one starts"
                }
                .to_owned(),
            ]);
        }
        table.print(self.out)?;
        match &queue.held_up_by {
            Some(job) => self.out.line(format!(
                "job {} holds the queue up; `repartee job run` goes on",
                short_id(job)
            )),
            None => Ok(()),
        }
    }

    pub(super) fn job_move(
        &self,
        engine: &Engine,
        job: &str,
        before: Option<String>,
        last: bool,
    ) -> Result<ExitCode> {
        let to = match (before, last) {
            (Some(other), _) => MoveTo::Before(other),
            (None, true) => MoveTo::Last,
            (None, false) => MoveTo::First,
        };
        self.done(&engine.job_move(job, &to)?, |queue| self.show_queue(queue))
    }

    pub(super) fn job_on_failure(
        &self,
        engine: &Engine,
        job: &str,
        what: OnFailure,
    ) -> Result<ExitCode> {
        let stops = matches!(what, OnFailure::Stop);
        self.done(&engine.job_stops_queue(job, stops)?, |job| {
            let what = if stops { "stops" } else { "goes on" };
            self.out.line(format!(
                "if job {} fails, the queue {what}",
                short_id(&job.id)
            ))
        })
    }

    pub(super) fn job_stop(
        &self,
        engine: &Engine,
        job: &str,
        discard: bool,
        yes: bool,
    ) -> Result<ExitCode> {
        if !discard {
            return self.done(&engine.stop(job)?, |job| self.stopped(job, "its result"));
        }
        if !yes {
            if self.out.json || !std::io::stdin().is_terminal() {
                return Err(Error::usage(format!(
                    "nothing is discarded without a yes; `repartee job stop {job} --discard --yes` removes what it has learned"
                ))
                .into());
            }
            if !self.may_discard(&engine.job(job)?)? {
                return Err(Error::usage("nothing was discarded").into());
            }
        }
        self.done(&engine.discard(job)?, |job| self.stopped(job, "nothing"))
    }

    fn may_discard(&self, job: &JobInfo) -> Result<bool> {
        Ok(terminal::yes(&format!(
            "Discard the training {} ({})? What it has learned is removed and cannot be brought back.",
            job.subject(),
            short_id(&job.id)
        ))?)
    }

    fn stopped(&self, job: &JobInfo, keeps: &str) -> Result<()> {
        let id = short_id(&job.id);
        self.out
            .line(match (job.state.as_str(), job.kind.as_str()) {
                ("done", _) => format!("job {id} is stopped; what it saved last is its result"),
                ("cancelled", _) => format!("job {id} has ended"),
                (_, "train") => format!("job {id} was asked to end and keep {keeps}"),
                _ => format!("job {id} was asked to end; what it has stored is kept"),
            })
    }

    /// Works the queue off in this process, until it is empty.
    pub(super) fn job_run(&self, engine: &Engine) -> Result<ExitCode> {
        let out = self.out;
        let watch = Watch::new(out);
        let mut trouble = None;
        let how = HowToRun {
            wait: true,
            go_on: true,
        };
        let run = engine.run_queue(how, &|signal| watch.signal(signal), &mut |job, ended| {
            let word = match ended {
                None => "started",
                Some(Ok(Ended::Done(_))) => "done",
                Some(Ok(Ended::Paused)) => "paused",
                Some(Ok(Ended::Cancelled)) => "cancelled",
                Some(Err(_)) => "failed",
            };
            let line = serde_json::json!({ "event": "queue", "job": job.id, "kind": job.kind, "state": word });
            let mut text = format!("job {}, {} {}: {word}", short_id(&job.id), job.kind, job.subject());
            if let Some(Err(error)) = ended {
                text.push_str(&format!(": {error}"));
            }
            if let Err(error) = out.json(&line).and_then(|()| out.line(text)) {
                trouble = Some(error);
            }
        })?;
        drop(watch);
        if let Some(error) = trouble {
            return Err(error);
        }
        self.marked(&run, |run| {
            let mut text = format!("{} done, {} failed", run.done, run.failed);
            if run.cancelled > 0 {
                text.push_str(&format!(", {} canceled", run.cancelled));
            }
            if run.left > 0 {
                text.push_str(&format!("; {} still queued", run.left));
            }
            if let Some(job) = &run.held_up_by {
                text.push_str(&format!(
                    "; job {} holds the queue up, `repartee job run` goes on",
                    short_id(job)
                ));
            }
            out.line(text)
        })?;
        Ok(match run {
            run if run.interrupted => ExitCode::from(INTERRUPTED),
            run if run.failed > 0 || run.held_up_by.is_some() => ExitCode::from(1),
            _ => ExitCode::SUCCESS,
        })
    }
}
