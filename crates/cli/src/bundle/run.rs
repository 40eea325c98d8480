//! `repartee bundle` and `repartee work`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::bundle::{
    DAYS, MadeBundle, NewBundle, check_expiry, note_on_threads, result_file, scratch, working_copy,
};
use repartee_engine::terms::JobStatus;
use repartee_engine::{Ended, Engine, Error};

use super::args::{BundleCommand, ElsewhereArgs, WorkArgs};
use super::view;
use crate::app::{App, INTERRUPTED, listen, status_of_a_pause};
use crate::watch::Watch;
use crate::{confirm, preempt, terminal};

/// Bundles jobs that are not run here: to a file, or on a cluster. `store` stores them and returns their ids.
pub fn elsewhere(
    app: &App,
    engine: &Engine,
    args: &ElsewhereArgs,
    store: impl FnOnce() -> repartee_engine::Result<Vec<String>>,
) -> Result<ExitCode> {
    if app.queues() {
        return Err(Error::usage("--queue is for jobs that run on this machine").into());
    }
    let jobs = store()?;
    let made = match (&args.on, &args.bundle) {
        (Some(cluster), _) => engine.cluster_submit(cluster, &jobs, DAYS),
        (None, Some(file)) => engine.bundle_make(&NewBundle {
            jobs: &jobs,
            file,
            days: DAYS,
            threads: 0,
        }),
        (None, None) => Err(Error::internal("no other machine was named")),
    };
    match made {
        Ok(made) => app.done(&made, |made| view::made(app.out, made)),
        Err(error) => {
            engine.cancel_unbegun(&jobs)?;
            Err(error.into())
        }
    }
}

pub fn bundle(app: &App, command: BundleCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        BundleCommand::Make { jobs, output, days } => {
            let jobs: Vec<String> = jobs
                .iter()
                .map(|word| engine.job_to_bundle(word))
                .collect::<Result<_, _>>()?;
            let made = engine.bundle_make(&NewBundle {
                jobs: &jobs,
                file: &output,
                days,
                threads: 0,
            })?;
            app.done(&made, |made| view::made(app.out, made))
        }
        BundleCommand::Merge { file } => app.done(&engine.bundle_merge(&file, false)?, |merged| {
            merged
                .jobs
                .iter()
                .try_for_each(|job| view::merged_job(app.out, job))
        }),
        BundleCommand::List => {
            let made = engine.made_bundles()?;
            let purged = engine.bundles_with_deleted_texts()?;
            app.done(&made, |made| view::bundles(app.out, made, &purged))
        }
        BundleCommand::Delete {
            bundles,
            expired,
            purged,
            yes,
        } => {
            let mut chosen: Vec<MadeBundle> = bundles
                .iter()
                .map(|id| engine.made_bundle(id))
                .collect::<Result<_, _>>()?;
            if expired {
                chosen.extend(engine.bundles_expired()?);
            }
            if purged {
                chosen.extend(engine.bundles_with_deleted_texts()?);
            }
            chosen.sort_by(|a, b| a.bundle.id.cmp(&b.bundle.id));
            chosen.dedup_by(|a, b| a.bundle.id == b.bundle.id);
            delete(app, &engine, &chosen, yes)
        }
    }
}

fn delete(app: &App, engine: &Engine, chosen: &[MadeBundle], yes: bool) -> Result<ExitCode> {
    if chosen.is_empty() {
        return app.done(&serde_json::json!({ "deleted": [] }), |_| {
            app.out.line("No bundle to delete")
        });
    }
    if !yes {
        if !confirm::can_ask(app) {
            return Err(Error::usage(
                "nothing was deleted; to delete bundles and what was not merged of them, add --yes",
            )
            .into());
        }
        view::bundles(app.out, chosen, &[])?;
        if !terminal::yes("Delete them, with everything that was not merged?")? {
            return confirm::unchanged(app, "No bundle");
        }
    }
    let mut deleted = Vec::new();
    for made in chosen {
        deleted.push(engine.bundle_delete(&made.bundle.id)?.bundle.id);
    }
    app.done(&serde_json::json!({ "deleted": deleted }), |_| {
        deleted.iter().try_for_each(|id| view::deleted(app.out, id))
    })
}

pub fn work(app: &App, args: &WorkArgs) -> Result<ExitCode> {
    if let Some(job) = &args.job {
        repartee_engine::kinds::work(&args.file, job)?;
        return Ok(ExitCode::SUCCESS);
    }
    let kept = match args.task {
        Some(task) => working_copy(&args.file, task)?,
        None => args.file.clone(),
    };
    let result = result_file(&kept);
    match &args.scratch {
        None => work_in(app, args.task, &kept, &result),
        // the file is closed when it is copied
        Some(folder) => scratch(&kept, folder, |file| work_in(app, args.task, file, &result))?,
    }
}

/// Runs the jobs of a bundle, or the one of a task, and writes the result, however they end.
fn work_in(app: &App, task: Option<usize>, file: &Path, result: &Path) -> Result<ExitCode> {
    let (engine, bundle) = Engine::open_bundle(file)?;
    let mut jobs: Vec<String> = bundle.jobs.iter().map(|job| job.id.clone()).collect();
    if let Some(task) = task {
        let own = task.checked_sub(1).and_then(|at| jobs.get(at)).cloned();
        jobs = vec![own.ok_or_else(|| {
            Error::usage(format!(
                "the bundle has jobs 1 to {}, and no {task}",
                jobs.len()
            ))
        })?];
    }
    if let Some(note) = note_on_threads(&bundle) {
        terminal::err_line(&note);
    }
    listen(&engine.interrupt)?;
    preempt::listen(&engine.interrupt)?;
    let (mut code, mut failed) = (ExitCode::SUCCESS, None);
    for job in &jobs {
        if engine.job(job)?.state == JobStatus::Done {
            continue;
        }
        check_expiry(&bundle)?;
        let watch = Watch::new(app.out);
        match engine.resume(job, &|signal| watch.signal(signal)) {
            Ok(Ended::Done(_)) => {}
            Ok(Ended::Paused) => {
                code = status_of_a_pause();
                break;
            }
            Ok(Ended::Cancelled) => {
                code = ExitCode::from(INTERRUPTED);
                break;
            }
            // one that fails does not keep the others from running
            Err(error) => failed = Some(error),
        }
    }
    engine.write_result(&bundle, &jobs, result)?;
    let worked = engine.worked(&bundle, &jobs)?;
    let value = serde_json::json!({ "bundle": bundle.id, "jobs": worked, "wrote": result });
    app.out
        .result(&value, engine.study_mark()?.as_deref(), |_| {
            worked
                .iter()
                .try_for_each(|job| view::worked(app.out, job))?;
            app.out.line(format!("Wrote {}", result.display()))
        })?;
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(code),
    }
}
