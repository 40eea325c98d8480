//! `repartee job`, and queuing.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::job_queue::{HowToRun, MoveTo, QueueRun};
use repartee_engine::{Ended, Engine, Error};

use super::args::{JobCommand, OnFailure};
use super::view;
use crate::app::{App, NEGATIVE, pauses_on_signals, status_of_a_pause};
use crate::watch::Watch;
use crate::{confirm, preempt, terminal};

pub fn job(app: &App, command: JobCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        JobCommand::List => app.done(&engine.jobs()?, |jobs| view::jobs(app.out, jobs)),
        JobCommand::Show { job } => {
            let (info, log) = (engine.job(&job)?, engine.job_log(&job)?);
            app.done(&serde_json::json!({ "job": info, "log": log }), |_| {
                view::job(app.out, &info)?;
                log.iter()
                    .try_for_each(|line| view::log_line(app.out, line.at_ms, &line.text))
            })
        }
        JobCommand::Pause { job } => {
            app.done(&engine.pause(&job)?, |job| view::pausing(app.out, job))
        }
        JobCommand::Cancel { job } => {
            app.done(&engine.cancel(&job)?, |job| view::canceled(app.out, job))
        }
        JobCommand::Stop { job, discard, yes } => stop(app, &engine, &job, discard, yes),
        JobCommand::Queue => app.done(&engine.job_queue()?, |queue| view::queue(app.out, queue)),
        JobCommand::Run => run_queue(app, &engine),
        JobCommand::Move {
            job,
            before,
            first: _,
            last,
        } => {
            let to = match (before, last) {
                (Some(other), _) => MoveTo::Before(other),
                (None, true) => MoveTo::Last,
                (None, false) => MoveTo::First,
            };
            app.done(&engine.job_move(&job, &to)?, |queue| {
                view::queue(app.out, queue)
            })
        }
        JobCommand::OnFailure { job, what } => {
            let stops = what == OnFailure::Stop;
            app.done(&engine.job_stops_queue(&job, stops)?, |job| {
                view::on_failure(app.out, job, stops)
            })
        }
        JobCommand::Resume { job } => resume(app, &engine, &job),
    }
}

fn stop(app: &App, engine: &Engine, job: &str, discard: bool, yes: bool) -> Result<ExitCode> {
    if !discard {
        return app.done(&engine.stop(job)?, |job| {
            view::stopped(app.out, job, "its result")
        });
    }
    if !yes {
        if !confirm::can_ask(app) {
            return Err(Error::usage(format!(
                "nothing was discarded; to delete the weights of this training, run `repartee job stop {job} --discard --yes`"
            ))
            .into());
        }
        if !terminal::yes(&view::discard_question(&engine.job(job)?))? {
            return Err(Error::usage("nothing was discarded").into());
        }
    }
    app.done(&engine.discard(job)?, |job| {
        view::stopped(app.out, job, "nothing")
    })
}

fn resume(app: &App, engine: &Engine, job: &str) -> Result<ExitCode> {
    // The project file may be another person's, so the parameters are shown before the job runs.
    let stored = engine.job(job)?;
    if !app.out.json && !app.out.quiet {
        terminal::err_line(&format!("{} {}", stored.kind, stored.params));
    }
    pauses_on_signals(engine, &stored.kind)?;
    let watch = Watch::new(app.out);
    let ended = engine.resume(job, &|signal| watch.signal(signal));
    drop(watch);
    // The stored id is known even if the job was interrupted before it started.
    app.ended(&stored.id, ended?, |outcome| {
        app.out.line("Done")?;
        app.out.lines("", serde_json::to_string_pretty(outcome)?)
    })
}

/// Runs the queue in this process until it is empty.
pub fn run_queue(app: &App, engine: &Engine) -> Result<ExitCode> {
    let out = app.out;
    // every job of the queue can be resumed
    preempt::listen(&engine.interrupt)?;
    let watch = Watch::new(out);
    let mut failed_output = None;
    let how = HowToRun {
        wait: true,
        go_on: true,
    };
    let run = engine.run_queue(how, &|signal| watch.signal(signal), &mut |job, ended| {
        let state = match ended {
            None => "started",
            Some(Ok(Ended::Done(_))) => "done",
            Some(Ok(Ended::Paused)) => "paused",
            Some(Ok(Ended::Cancelled)) => "cancelled",
            Some(Err(_)) => "failed",
        };
        let line = serde_json::json!({ "event": "queue", "job": job.id, "kind": job.kind, "state": state });
        let error = match &ended {
            Some(Err(error)) => Some(error.to_string()),
            _ => None,
        };
        let printed = out
            .json(&line)
            .and_then(|()| view::queue_step(out, job, state, error.as_deref()));
        if let Err(error) = printed {
            failed_output = Some(error);
        }
    })?;
    drop(watch);
    if let Some(error) = failed_output {
        return Err(error);
    }
    app.print(&run, |run| view::queue_run(out, run))?;
    Ok(status_of(&run))
}

fn status_of(run: &QueueRun) -> ExitCode {
    match run {
        run if run.interrupted => status_of_a_pause(),
        run if run.failed > 0 || run.held_up_by.is_some() => ExitCode::from(NEGATIVE),
        _ => ExitCode::SUCCESS,
    }
}
