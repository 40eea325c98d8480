//! How bundles are printed.

use std::ffi::OsStr;

use anyhow::Result;
use repartee_engine::bundle::{MadeBundle, MergedJob, WeightsHash, WorkedJob};
use repartee_engine::{job, shell};

use crate::columns;
use crate::out::{Out, Table, count, counted, short_id, state, time};

/// Where a bundle is.
fn place(made: &MadeBundle) -> String {
    match (&made.place, &made.path) {
        (Some(place), _) => format!("{}:{}", place.cluster, place.folder),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "-".to_owned(),
    }
}

/// What its jobs work on, with the first by name.
fn subjects(made: &MadeBundle) -> String {
    let first = made.bundle.jobs.first().map(|job| job.subject.clone());
    match made.bundle.jobs.len() {
        0 | 1 => first.unwrap_or_default(),
        n => format!("{} and {} more", first.unwrap_or_default(), n - 1),
    }
}

pub fn made(out: Out, made: &MadeBundle) -> Result<()> {
    let id = short_id(&made.bundle.id);
    let jobs = counted(made.bundle.jobs.len() as u64, "job", "jobs");
    let until = time(made.bundle.expires_ms);
    match (&made.place, &made.path) {
        (Some(place), _) => {
            out.line(format!(
                "Submitted bundle {id} to the cluster {} as job {} of Slurm ({jobs}, expires {until})",
                place.cluster, place.slurm
            ))?;
            out.line(format!(
                "`repartee cluster jobs` shows its state, `repartee cluster fetch {id}` fetches and merges its results"
            ))
        }
        (None, path) => {
            let file = path.clone().unwrap_or_default();
            out.line(format!(
                "Wrote {} (bundle {id}, {jobs}, expires {until})",
                file.display()
            ))?;
            let (work, merge) = (
                shell::command([OsStr::new("work"), file.as_os_str()]),
                shell::command([OsStr::new("bundle"), OsStr::new("merge"), file.as_os_str()]),
            );
            out.line(format!(
                "`{work}` runs it on any machine, `{merge}` takes its results into this project"
            ))
        }
    }
}

pub fn bundles(out: Out, all: &[MadeBundle], purged: &[MadeBundle]) -> Result<()> {
    if all.is_empty() {
        return out.line("No bundles");
    }
    let mut table = Table::new(columns::BUNDLES);
    for made in all {
        let expired = made.bundle.expires_ms <= job::now_ms();
        let state = match (!made.away.is_empty(), made.merged_ms) {
            (true, None) => "away",
            (true, Some(_)) => "away, merged in part",
            (false, Some(_)) => "merged",
            (false, None) => "here",
        };
        let mut notes = Vec::new();
        if expired {
            notes.push("expired");
        }
        if purged.iter().any(|one| one.bundle.id == made.bundle.id) {
            notes.push("has deleted texts");
        }
        table.row([
            short_id(&made.bundle.id),
            subjects(made),
            state.to_owned(),
            time(made.bundle.created_ms),
            time(made.bundle.expires_ms),
            place(made),
            notes.join(", "),
        ]);
    }
    table.print(out)?;
    if !purged.is_empty() {
        out.line(
            "`repartee bundle delete --purged` deletes those with texts that were deleted since",
        )?;
    }
    Ok(())
}

pub fn deleted(out: Out, id: &str) -> Result<()> {
    out.line(format!("Deleted bundle {}", short_id(id)))
}

/// The weights as a proof: the same hash is the same bits.
fn weights(found: Option<&WeightsHash>) -> String {
    found.map_or_else(String::new, |found| {
        format!(", weights of step {}: {}", count(found.step), found.weights)
    })
}

fn fakes(found: Option<u64>) -> String {
    found.map_or_else(String::new, |n| {
        format!(", {}", counted(n, "fake", "fakes"))
    })
}

pub fn worked(out: Out, job: &WorkedJob) -> Result<()> {
    out.line(format!(
        "{}: {}{}{} ({})",
        job.subject,
        state(job.state.as_str()),
        weights(job.weights.as_ref()),
        fakes(job.fakes),
        job.computed_on
    ))
}

pub fn merged_job(out: Out, job: &MergedJob) -> Result<()> {
    let what = match job.merged {
        true => "merged".to_owned(),
        false => format!("not merged, because {}", job.why),
    };
    out.line(format!(
        "{}: {what}; {} here{}{}",
        job.subject,
        state(job.state.as_str()),
        weights(job.weights.as_ref()),
        fakes(job.fakes)
    ))
}
