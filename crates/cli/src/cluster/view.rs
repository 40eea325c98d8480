//! How clusters and their tasks are printed.

use anyhow::Result;
use repartee_engine::cluster::{ClusterJob, Fetched, Profile, TestedCluster};
use repartee_engine::shell;

use crate::bundle::merged_job;
use crate::columns;
use crate::out::{Out, Table, short_id};

pub fn added(out: Out, profile: &Profile) -> Result<()> {
    let test = shell::command(["cluster", "test", &profile.name]);
    out.line(format!(
        "Added the cluster {:?}; `{test}` tests it with a dry job",
        profile.name
    ))
}

pub fn clusters(out: Out, all: &[Profile]) -> Result<()> {
    if all.is_empty() {
        return out.line("No clusters; `repartee cluster add NAME` adds one");
    }
    let mut table = Table::new(columns::CLUSTERS);
    for one in all {
        table.row([
            one.name.clone(),
            one.ssh.clone().unwrap_or_else(|| "this machine".to_owned()),
            one.folder.clone(),
            one.queue.clone().unwrap_or_else(|| "-".to_owned()),
            one.time.clone(),
            one.cpus.to_string(),
            one.repartee.clone(),
            one.scratch.clone().unwrap_or_else(|| "-".to_owned()),
            one.sbatch.join(" "),
        ]);
    }
    table.print(out)
}

pub fn tested(out: Out, tested: &TestedCluster) -> Result<()> {
    out.line(format!(
        "The cluster {:?} works: job {} of Slurm ran {}",
        tested.cluster, tested.slurm, tested.version
    ))
}

pub fn jobs(out: Out, jobs: &[ClusterJob]) -> Result<()> {
    if jobs.is_empty() {
        return out.line("No submitted bundles");
    }
    let mut table = Table::new(columns::CLUSTER_JOBS);
    for job in jobs {
        let state = match job.state.as_str() {
            "" => "no longer known to Slurm",
            state => state,
        };
        table.row([
            short_id(&job.bundle),
            job.cluster.clone(),
            job.slurm.clone(),
            job.subject.clone(),
            state.to_owned(),
            job.elapsed.clone(),
            job.detail.clone(),
        ]);
    }
    table.print(out)
}

pub fn fetched(out: Out, all: &[Fetched]) -> Result<()> {
    if all.is_empty() {
        return out.line("No submitted bundles");
    }
    for one in all {
        let id = short_id(&one.bundle);
        match (one.jobs.is_empty(), one.active) {
            (true, true) => out.line(format!("Bundle {id}: no new results yet"))?,
            (true, false) => out.line(format!("Bundle {id}: no new results"))?,
            (false, _) => out.line(format!("Bundle {id}:"))?,
        }
        one.jobs.iter().try_for_each(|job| merged_job(out, job))?;
        if !one.active {
            out.line(format!(
                "Nothing of it runs on {} any more; `repartee bundle delete {id}` deletes it there",
                one.cluster
            ))?;
        }
    }
    Ok(())
}
