//! How jobs and their queue are printed.

use anyhow::Result;
use repartee_engine::job::JobInfo;
use repartee_engine::job_queue::{JobQueue, NotRun, QueueRun, WhyNotRun};
use repartee_engine::terms::{JobStatus, Want};

use crate::columns;
use crate::out::{Out, Table, count, seconds, short_id, state as state_word, time};

pub fn jobs(out: Out, jobs: &[JobInfo]) -> Result<()> {
    if jobs.is_empty() {
        return out.line("No jobs");
    }
    let mut table = Table::new(columns::JOBS);
    for job in jobs {
        table.row([
            short_id(&job.id),
            job.kind.clone(),
            state(job),
            time(job.created_ms),
            progress(job),
        ]);
    }
    table.print(out)
}

pub fn job(out: Out, job: &JobInfo) -> Result<()> {
    let mut table = Table::new(["", ""]);
    table.row(["job", &job.id]);
    table.row(["kind", &job.kind]);
    table.row(["state", &state(job)]);
    table.row(["started", &time(job.created_ms)]);
    if let Some(ended) = job.ended_ms {
        table.row(["ended", &time(ended)]);
    }
    table.row(["progress", &progress(job)]);
    table.row(["parameters", &job.params.to_string()]);
    if let Some(outcome) = &job.outcome {
        table.row(["outcome", &outcome.to_string()]);
    }
    table.print(out)
}

pub fn log_line(out: Out, at_ms: i64, text: &str) -> Result<()> {
    out.line(format!("{}  {text}", time(at_ms)))
}

pub fn pausing(out: Out, job: &JobInfo) -> Result<()> {
    let id = short_id(&job.id);
    out.line(match job.want {
        Some(want) if want != Want::Pause => {
            format!("Job {id} doesn't pause: it was already asked to {want}")
        }
        _ => format!("Asked job {id} to pause"),
    })
}

pub fn canceled(out: Out, job: &JobInfo) -> Result<()> {
    let id = short_id(&job.id);
    out.line(match job.state {
        JobStatus::Cancelled => format!("Canceled job {id}"),
        _ => format!("Asked job {id} to end"),
    })
}

pub fn stopped(out: Out, job: &JobInfo, keeps: &str) -> Result<()> {
    let id = short_id(&job.id);
    out.line(match (job.state, job.kind.as_str()) {
        (JobStatus::Done, _) => {
            let outcome = job.outcome.as_ref();
            let step = outcome.and_then(|outcome| outcome["steps"].as_u64());
            let step = step.map_or_else(String::new, |step| format!(" of step {}", count(step)));
            format!("Job {id} is stopped; the checkpoint{step} is its result")
        }
        (JobStatus::Cancelled, _) => format!("Job {id} has ended"),
        (_, "train") => format!("Asked job {id} to end and keep {keeps}"),
        _ => format!("Asked job {id} to end; everything it has stored is kept"),
    })
}

pub fn discard_question(job: &JobInfo) -> String {
    format!(
        "Discard the training {} ({})? Its weights are deleted and can't be restored.",
        repartee_engine::kinds::subject(job),
        short_id(&job.id)
    )
}

pub fn on_failure(out: Out, job: &JobInfo, stops: bool) -> Result<()> {
    let what = if stops { "stops" } else { "continues" };
    out.line(format!(
        "If job {} fails, the queue {what}",
        short_id(&job.id)
    ))
}

pub fn queue(out: Out, queue: &JobQueue) -> Result<()> {
    if queue.jobs.is_empty() {
        return out.line(
            "No queued jobs. To queue one, add --queue to train, fakes make, evaluate, import and the like",
        );
    }
    let mut table = Table::new(columns::JOB_QUEUE);
    for (n, job) in queue.jobs.iter().enumerate() {
        let on_failure = match job.stops_queue {
            true => "queue stops",
            false => "next job starts",
        };
        table.row([
            (n + 1).to_string(),
            short_id(&job.id),
            job.kind.clone(),
            state(job),
            repartee_engine::kinds::subject(job),
            on_failure.to_owned(),
        ]);
    }
    table.print(out)?;
    match &queue.held_up_by {
        Some(job) => out.line(format!(
            "The queue is stopped because of job {}. Continue with `repartee job run`",
            short_id(job)
        )),
        None => Ok(()),
    }
}

/// A job of the queue started or ended.
pub fn queue_step(out: Out, job: &JobInfo, state: &str, error: Option<&str>) -> Result<()> {
    let state = state_word(state);
    let error = error.map_or_else(String::new, |error| format!(": {error}"));
    out.line(format!(
        "Job {}, {} {}: {state}{error}",
        short_id(&job.id),
        job.kind,
        repartee_engine::kinds::subject(job)
    ))
}

pub fn queue_run(out: Out, run: &QueueRun) -> Result<()> {
    let mut text = format!("{} done, {} failed", count(run.done), count(run.failed));
    if run.cancelled > 0 {
        text.push_str(&format!(", {} canceled", count(run.cancelled)));
    }
    if run.left > 0 {
        text.push_str(&format!(", {} still queued", count(run.left)));
    }
    if let Some(job) = &run.held_up_by {
        text.push_str(&format!(
            ". The queue is stopped because of job {}; continue with `repartee job run`",
            short_id(job)
        ));
    }
    if run.interrupted {
        text.push_str(". Interrupted; continue with `repartee job run`");
    }
    out.line(text)?;
    run.not_run.iter().try_for_each(|one| not_run(out, one))
}

/// A job that running the queue left as it is, with the command that resumes it.
fn not_run(out: Out, one: &NotRun) -> Result<()> {
    let id = short_id(&one.job.id);
    let subject = repartee_engine::kinds::subject(&one.job);
    let what = format!("{} {subject}", one.job.kind);
    let (job, resume) = (
        format!("Job {id}, {}", what.trim_end()),
        format!("`repartee job resume {id}`"),
    );
    let or_cancel = format!("`repartee job cancel {id}` ends it");
    out.line(match one.why {
        WhyNotRun::Paused => format!("{job}: paused, not resumed; {resume} resumes it"),
        WhyNotRun::OnRequest => format!(
            "{job}: interrupted, not resumed, because jobs of this kind are resumed only on request; \
             {resume} resumes it, {or_cancel}"
        ),
        WhyNotRun::TooOften => format!(
            "{job}: not resumed, because it was interrupted repeatedly (killed, perhaps out of memory); \
             {resume} tries again, {or_cancel}"
        ),
    })
}

/// A job's state, with what it was asked to do.
fn state(job: &JobInfo) -> String {
    match &job.want {
        Some(want) => format!("{}, asked to {want}", state_word(job.state.as_str())),
        None => state_word(job.state.as_str()).to_owned(),
    }
}

fn progress(job: &JobInfo) -> String {
    let Some(progress) = &job.progress else {
        return String::new();
    };
    let mut text = progress.phase.clone();
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        text.push_str(&format!(
            " {:.0}%",
            progress.done as f64 * 100.0 / total as f64
        ));
    }
    if job.state == JobStatus::Running
        && let Some(eta) = progress.eta_s
    {
        text.push_str(&format!(", {} left", seconds(eta)));
    }
    text
}
