//! Running job bundles on a cluster with Slurm: on its login node over ssh, or on this machine.
//!
//! `profile` is what is known of a cluster, `remote` runs the programs there, `slurm` is what is said to them. A bundle
//! is copied to a folder of its own there, an array of tasks works on it, and their results are fetched and merged. What
//! a project file says of a cluster is never run: profiles are kept on this machine, and the folder of a bundle follows
//! from its profile and its id.

mod profile;
mod remote;
mod slurm;

use std::path::{Path, PathBuf};

use repartee_core::bundles::{MadeBundle, Place};
use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{new_id, now_ms};
use repartee_store::Store;
use repartee_store::job_bundles::BUNDLE;
use repartee_store::jobs::JobState;
use serde::{Deserialize, Serialize};

pub use profile::{CPUS, FOLDER, Profile, REPARTEE, TIME};

use crate::Engine;
use crate::bundle::{Bundle, MergedJob, NewBundle};
use remote::Remote;

/// The bundle in its folder on a cluster.
const FILE: &str = "job.bundle";
/// The script that Slurm runs.
const SCRIPT: &str = "job.sh";

/// A task of a submitted bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterJob {
    pub bundle: String,
    pub cluster: String,
    /// As Slurm knows it: "123", or "123_4" in an array.
    pub slurm: String,
    pub job: String,
    /// What it works on: "generator writer".
    pub subject: String,
    /// Slurm's word, such as PENDING or RUNNING; empty: Slurm no longer knows it.
    pub state: String,
    /// Time that it has run: "1:02:03".
    pub elapsed: String,
    /// Why it waits, as Slurm says it; or its exit status.
    pub detail: String,
}

impl ClusterJob {
    /// Whether it waits, runs, or is about to run again.
    pub fn is_active(&self) -> bool {
        slurm::is_active(&self.state)
    }
}

/// What was fetched of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetched {
    pub bundle: String,
    pub cluster: String,
    /// Whether any of its tasks waits or runs: its jobs are not resumed here then.
    pub active: bool,
    pub jobs: Vec<MergedJob>,
}

/// The result of a dry job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestedCluster {
    pub cluster: String,
    /// The id that Slurm gave the job.
    pub slurm: String,
    /// What the program there answered to `--version`.
    pub version: String,
}

/// A uuid of ours. A project file may be another person's, and this becomes part of a path.
fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

impl Profile {
    fn remote(&self) -> Remote<'_> {
        Remote::new(self.ssh.as_deref())
    }

    /// The folder of a bundle.
    fn folder_of(&self, bundle: &str) -> Result<String> {
        match is_id(bundle) {
            true => Ok(format!("{}/{bundle}", self.folder)),
            false => Err(Error::new(
                Code::Damaged,
                format!("a bundle of this project has the id {bundle:?}, which is none"),
            )),
        }
    }
}

impl Engine {
    /// The clusters known on this machine, by name.
    pub fn clusters(&self) -> Result<Vec<Profile>> {
        profile::all(self.machine()?.folder())
    }

    /// A cluster by its name.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist.
    pub fn cluster(&self, name: &str) -> Result<Profile> {
        let all = self.clusters()?;
        let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
        let found = all.into_iter().find(|one| one.name == name);
        found.ok_or_else(|| Error::not_found("cluster", name, &names))
    }

    /// Adds a cluster, or replaces the one of that name.
    ///
    /// # Errors
    /// [`Code::Usage`], with what is wrong with a value.
    pub fn cluster_add(&self, profile: Profile) -> Result<Profile> {
        profile::put(self.machine()?.folder(), profile)
    }

    /// Removes a cluster from the list. What was submitted there is not affected.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Usage`] if a bundle of this project is still there.
    pub fn cluster_remove(&self, name: &str) -> Result<Profile> {
        let profile = self.cluster(name)?;
        let is_there =
            |made: &MadeBundle| made.place.as_ref().is_some_and(|one| one.cluster == name);
        if let Some(made) = self.made_bundles()?.into_iter().find(is_there) {
            return Err(Error::usage(format!(
                "bundle {} is on the cluster {name:?}; `repartee bundle delete` removes it there",
                made.bundle.id
            )));
        }
        profile::remove(self.machine()?.folder(), name)?;
        Ok(profile)
    }

    /// Tests a cluster with a job that only asks the program there for its version.
    ///
    /// # Errors
    /// [`Code::Io`] if a program cannot be run there; [`Code::Negative`] if the job fails, or the program is of another
    /// version.
    pub fn cluster_test(&self, name: &str) -> Result<TestedCluster> {
        let profile = self.cluster(name)?;
        let remote = profile.remote();
        let folder = format!("{}/test-{}", profile.folder, new_id());
        remote.make_folder(&folder)?;
        let tested = self.dry_job(&profile, &remote, &folder);
        // also if it failed
        let removed = remote.ok(&["rm", "-rf", "--", &folder]);
        let tested = tested?;
        removed?;
        Ok(tested)
    }

    fn dry_job(
        &self,
        profile: &Profile,
        remote: &Remote<'_>,
        folder: &str,
    ) -> Result<TestedCluster> {
        let script = format!("{folder}/{SCRIPT}");
        remote.write(slurm::dry_script(profile).as_bytes(), &script)?;
        let mut args = slurm::sbatch(profile, folder, "repartee-test", profile.cpus, 1);
        args.extend(["--wait".to_owned(), script]);
        let ran = remote.run(&args)?;
        let log = remote.run(&["cat", "--", &format!("{folder}/log-1.txt")]);
        let said = log.map(|log| log.out).unwrap_or_default();
        let failed = |what: String| {
            let error = Error::new(Code::Negative, what);
            let lines = ran.err.lines().chain(said.lines());
            lines.take(20).fold(error, |error, line| error.with(line))
        };
        if ran.status != Some(0) {
            return Err(failed(format!(
                "the dry job on the cluster {:?} failed; check its settings with `repartee cluster list`",
                profile.name
            )));
        }
        let version = said.lines().next().unwrap_or_default().trim().to_owned();
        let ours = format!("repartee {}", env!("CARGO_PKG_VERSION"));
        if version != ours {
            return Err(failed(format!(
                "{} on the cluster {:?} is {version:?}, and this is {ours:?}; install the same version there",
                profile.repartee, profile.name
            )));
        }
        Ok(TestedCluster {
            cluster: profile.name.clone(),
            slurm: slurm::job_id(&ran.out)?,
            version,
        })
    }

    /// Bundles jobs and submits them: one job of Slurm, or an array with a task for each.
    ///
    /// # Errors
    /// Those of [`Engine::bundle_make`]; [`Code::Io`] if the bundle cannot be copied or is not accepted. The jobs can be
    /// resumed here then.
    pub fn cluster_submit(&self, cluster: &str, jobs: &[String], days: u32) -> Result<MadeBundle> {
        let profile = self.cluster(cluster)?;
        let file = self
            .machine()?
            .folder()
            .join(format!("bundle-{}", new_id()));
        let mut made = self.bundle_make(&NewBundle {
            jobs,
            file: &file,
            days,
            threads: profile.cpus,
        })?;
        let sent = self.send(&profile, &mut made, &file);
        let removed = std::fs::remove_file(&file).map_err(|e| Error::io("remove", &file, &e));
        made.path = None;
        match sent.and(removed) {
            Ok(()) => {
                self.keep_bundle(&made)?;
                Ok(made)
            }
            Err(error) => {
                // it may be there in part
                let folder = profile.folder_of(&made.bundle.id)?;
                match profile.remote().ok(&["rm", "-rf", "--", &folder]) {
                    Ok(_) => self.forget_bundle(&made.bundle.id)?,
                    Err(_) => {
                        made.away.clear();
                        self.keep_bundle(&made)?;
                    }
                }
                Err(error)
            }
        }
    }

    fn send(&self, profile: &Profile, made: &mut MadeBundle, file: &Path) -> Result<()> {
        let remote = profile.remote();
        let folder = profile.folder_of(&made.bundle.id)?;
        let place = |slurm: String| {
            Some(Place {
                cluster: profile.name.clone(),
                folder: folder.clone(),
                slurm,
            })
        };
        made.place = place(String::new());
        // before any text is there: a purge must find it
        self.keep_bundle(made)?;
        remote.make_folder(&folder)?;
        let (bundle, script) = (format!("{folder}/{FILE}"), format!("{folder}/{SCRIPT}"));
        remote.upload(file, &bundle)?;
        remote.write(slurm::script(profile, &bundle).as_bytes(), &script)?;
        let name = format!("repartee-{}", &made.bundle.id[made.bundle.id.len() - 8..]);
        let tasks = made.bundle.jobs.len();
        let mut args = slurm::sbatch(profile, &folder, &name, made.bundle.threads, tasks);
        args.push(script);
        made.place = place(slurm::job_id(&remote.ok(&args)?)?);
        Ok(())
    }

    /// The submitted bundles, or the one of this id, each with its cluster.
    fn submitted(&self, bundle: Option<&str>) -> Result<Vec<(MadeBundle, Place, Profile)>> {
        let made = match bundle {
            Some(id) => vec![self.made_bundle(id)?],
            None => self.made_bundles()?,
        };
        let mut found = Vec::new();
        for one in made {
            match one.place.clone() {
                Some(place) => {
                    let profile = self.cluster(&place.cluster)?;
                    found.push((one, place, profile));
                }
                None if bundle.is_some() => {
                    return Err(Error::usage(format!(
                        "bundle {} was not submitted to a cluster",
                        one.bundle.id
                    )));
                }
                None => {}
            }
        }
        Ok(found)
    }

    /// The tasks of the submitted bundles (none: all), as Slurm knows them now.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Io`] if a cluster cannot be reached.
    pub fn cluster_jobs(&self, bundle: Option<&str>) -> Result<Vec<ClusterJob>> {
        let mut jobs = Vec::new();
        for (made, place, profile) in self.submitted(bundle)? {
            jobs.extend(tasks(&made, &place, &profile)?);
        }
        Ok(jobs)
    }

    /// Fetches the results of the submitted bundles (none: of all), and merges them. Tasks whose job is complete here
    /// are not fetched again.
    ///
    /// # Errors
    /// As [`Engine::cluster_jobs`] and [`Engine::bundle_merge`].
    pub fn cluster_fetch(&self, bundle: Option<&str>) -> Result<Vec<Fetched>> {
        let mut all = Vec::new();
        for (made, place, profile) in self.submitted(bundle)? {
            // before the results are read: a task that ends in between is fetched next time
            let active = tasks(&made, &place, &profile)?
                .iter()
                .any(ClusterJob::is_active);
            let (remote, folder) = (profile.remote(), profile.folder_of(&made.bundle.id)?);
            let there = remote.names(&folder)?;
            let mut jobs = Vec::new();
            for (n, job) in (1..).zip(&made.bundle.jobs) {
                let name = format!("{FILE}.task-{n}.result");
                let row = self.store.job(&job.id)?;
                let is_open = row
                    .is_some_and(|row| !matches!(row.state, JobState::Done | JobState::Cancelled));
                if !is_open || !there.contains(&name) {
                    continue;
                }
                let file = self
                    .machine()?
                    .folder()
                    .join(format!("result-{}-{n}", made.bundle.id));
                let merged = remote
                    .download(&format!("{folder}/{name}"), &file)
                    .and_then(|()| self.bundle_merge(&file, active));
                let _ = std::fs::remove_file(&file);
                jobs.extend(merged?.jobs);
            }
            if !active {
                let mut made = self.made_bundle(&made.bundle.id)?;
                made.away.clear();
                self.keep_bundle(&made)?;
            }
            all.push(Fetched {
                bundle: made.bundle.id,
                cluster: profile.name.clone(),
                active,
                jobs,
            });
        }
        Ok(all)
    }

    /// Cancels a submitted bundle, or one of its tasks (from 1). What it has saved can still be fetched.
    ///
    /// # Errors
    /// As [`Engine::cluster_jobs`]; [`Code::Usage`] if it has no such task.
    pub fn cluster_cancel(&self, bundle: &str, task: Option<usize>) -> Result<Vec<ClusterJob>> {
        for (made, place, profile) in self.submitted(Some(bundle))? {
            let id = slurm_id(&made, &place, task)?;
            profile.remote().ok(&["scancel", &id])?;
        }
        self.cluster_jobs(Some(bundle))
    }

    /// The log of a task (from 1) of a submitted bundle.
    ///
    /// # Errors
    /// As [`Engine::cluster_cancel`]; [`Code::NotFound`] if it has none yet.
    pub fn cluster_log(&self, bundle: &str, task: usize) -> Result<String> {
        let Some((made, place, profile)) = self.submitted(Some(bundle))?.pop() else {
            return Ok(String::new());
        };
        slurm_id(&made, &place, Some(task))?;
        let file = format!("{}/log-{task}.txt", profile.folder_of(&made.bundle.id)?);
        let ran = profile.remote().run(&["cat", "--", &file])?;
        match ran.status {
            Some(0) => Ok(ran.out),
            _ => Err(Error::new(
                Code::NotFound,
                format!(
                    "task {task} of bundle {} has no log yet: {}",
                    made.bundle.id,
                    ran.err.trim()
                ),
            )),
        }
    }

    /// Deletes a bundle: its file on this machine with everything that was made from it there, and its folder on a
    /// cluster, where its tasks are canceled first. Its jobs can be resumed here again. What was merged stays.
    ///
    /// # Errors
    /// [`Code::NotFound`]; [`Code::Io`] if something cannot be deleted: the project remembers the bundle then.
    pub fn bundle_delete(&self, bundle: &str) -> Result<MadeBundle> {
        let made = self.made_bundle(bundle)?;
        if let Some(place) = &made.place {
            let profile = self.cluster(&place.cluster)?;
            let (remote, folder) = (profile.remote(), profile.folder_of(&made.bundle.id)?);
            if tasks(&made, place, &profile)?
                .iter()
                .any(ClusterJob::is_active)
            {
                remote.ok(&["scancel", &slurm_id(&made, place, None)?])?;
            }
            remote.ok(&["rm", "-rf", "--", &folder])?;
        }
        if let Some(path) = made.path.as_ref().filter(|path| path.exists()) {
            delete_files(path, &made.bundle.id)?;
        }
        self.forget_bundle(&made.bundle.id)?;
        Ok(made)
    }

    /// The bundles that were made with a text that was deleted since.
    pub fn bundles_with_deleted_texts(&self) -> Result<Vec<MadeBundle>> {
        let mut found = Vec::new();
        for made in self.made_bundles()? {
            if self.store.lost_pairs(&made.splits)? > made.lost {
                found.push(made);
            }
        }
        Ok(found)
    }

    /// The bundles in which no work begins any more.
    pub fn bundles_expired(&self) -> Result<Vec<MadeBundle>> {
        let mut made = self.made_bundles()?;
        made.retain(|one| one.bundle.expires_ms <= now_ms());
        Ok(made)
    }
}

/// The id of a bundle, or of one of its tasks, as Slurm takes it.
fn slurm_id(made: &MadeBundle, place: &Place, task: Option<usize>) -> Result<String> {
    let (id, tasks) = (slurm::job_id(&place.slurm)?, made.bundle.jobs.len());
    match task {
        None => Ok(id),
        Some(task) if !(1..=tasks).contains(&task) => Err(Error::usage(format!(
            "bundle {} has tasks 1 to {tasks}, and no task {task}",
            made.bundle.id
        ))),
        Some(_) if tasks == 1 => Ok(id),
        Some(task) => Ok(format!("{id}_{task}")),
    }
}

/// The tasks of a submitted bundle, as Slurm knows them now.
fn tasks(made: &MadeBundle, place: &Place, profile: &Profile) -> Result<Vec<ClusterJob>> {
    if place.slurm.is_empty() {
        return Ok(Vec::new()); // it was not accepted
    }
    let id = slurm::job_id(&place.slurm)?;
    let known = slurm::states(&profile.remote(), &id)?;
    (1..)
        .zip(&made.bundle.jobs)
        .map(|(n, job)| {
            let slurm = slurm_id(made, place, Some(n))?;
            let state = known.iter().find(|one| one.id == slurm);
            let of = |field: fn(&slurm::Known) -> &String| state.map(field).cloned();
            Ok(ClusterJob {
                bundle: made.bundle.id.clone(),
                cluster: profile.name.clone(),
                job: job.id.clone(),
                subject: job.subject.clone(),
                state: of(|one| &one.state).unwrap_or_default(),
                elapsed: of(|one| &one.elapsed).unwrap_or_default(),
                detail: of(|one| &one.detail).unwrap_or_default(),
                slurm,
            })
        })
        .collect()
}

/// Whether a file next to a bundle belongs to it: copies of tasks, results, and SQLite's own. `end` follows its name.
fn is_part(end: &str) -> bool {
    let mut rest = end;
    if let Some(task) = rest.strip_prefix(".task-") {
        rest = task.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == task.len() {
            return false;
        }
    }
    rest = rest.strip_prefix(".result").unwrap_or(rest);
    rest = rest.strip_prefix(".part").unwrap_or(rest);
    matches!(rest, "" | "-wal" | "-shm")
}

/// Deletes a bundle's file, and what was made from it next to it.
fn delete_files(path: &Path, id: &str) -> Result<()> {
    let said: Option<Bundle> = Store::open_to_check(path)?.setting(BUNDLE)?;
    if said.is_none_or(|said| said.id != id) {
        return Err(Error::usage(format!(
            "{} is another file than the bundle that was made there; move it away, then delete the bundle again",
            path.display()
        )));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Err(Error::internal("the path of a bundle names no file"));
    };
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io("list", folder, &e))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            let of = file.file_name().and_then(|n| n.to_str());
            of.and_then(|of| of.strip_prefix(name)).is_some_and(is_part)
        })
        .collect();
    // the bundle itself last: what is left is found again
    files.sort_by_key(|file| file == path);
    for file in files {
        std::fs::remove_file(&file).map_err(|e| Error::io("delete", &file, &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_made_from_a_bundle_are_its_parts() {
        for part in [
            "",
            "-wal",
            "-shm",
            ".result",
            ".part",
            ".task-3",
            ".task-12-wal",
            ".task-1.result",
            ".task-1.result.part-shm",
        ] {
            assert!(is_part(part), "{part}");
        }
        for other in [
            ".txt",
            "-notes",
            ".task-",
            ".task-a",
            ".results",
            ".result.old",
            "2",
        ] {
            assert!(!is_part(other), "{other}");
        }
    }

    #[test]
    fn only_a_uuid_becomes_part_of_a_path() {
        let profile = Profile::named("hpc");
        let id = new_id();
        assert_eq!(
            profile.folder_of(&id).expect("a folder"),
            format!("{FOLDER}/{id}")
        );
        for id in ["", "..", "/", "0197a1b2-0000-7000-8000-00000000000/"] {
            assert_eq!(
                profile.folder_of(id).expect_err("refused").code,
                Code::Damaged,
                "{id}"
            );
        }
    }
}
