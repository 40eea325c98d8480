//! Working on a bundle: the file that is worked on, and the result of its jobs.

use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{new_id, now_ms};
use repartee_datasets::private;
use repartee_datasets::study::day_of_ms;
use repartee_models::fast;
use repartee_store::Store;
use repartee_store::job_bundles::{BUNDLE, Slice};
use repartee_store::runs::Role;
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};

use super::{Bundle, WeightsHash, weights_of};
use crate::Engine;
use crate::generation::fakes::of_job;
use crate::training::threads;

/// A job of a bundle after work on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkedJob {
    pub job: String,
    /// What it works on: "generator writer".
    pub subject: String,
    pub state: JobStatus,
    /// The last weights of a training: with those of the uncut run, they prove that the bits are the same.
    pub weights: Option<WeightsHash>,
    /// Number of fakes.
    pub fakes: Option<u64>,
    /// Threads and instructions that it was computed with: others may give other bits.
    pub computed_on: String,
}

/// A name next to a file: `x.bundle` and `.result` give `x.bundle.result`.
fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// The result of the file that is worked on.
pub fn result_file(file: &Path) -> PathBuf {
    beside(file, ".result")
}

/// The file that a task of a job array works on: a copy of the bundle, for each task its own. An existing one is continued.
///
/// # Errors
/// If it cannot be written.
pub fn working_copy(file: &Path, task: usize) -> Result<PathBuf> {
    let own = beside(file, &format!(".task-{task}"));
    if !own.exists() {
        replace(file, &own)?;
    }
    Ok(own)
}

/// Copies a file, for its owner alone; the copy is complete as soon as it is there.
fn replace(from: &Path, to: &Path) -> Result<()> {
    let part = beside(to, ".part");
    let copy = || -> std::io::Result<()> {
        let mut source = std::fs::File::open(from)?;
        let mut target = private::create(&part)?;
        std::io::copy(&mut source, &mut target)?;
        target.sync_all()?;
        std::fs::rename(&part, to)
    };
    copy().map_err(|error| {
        let _ = std::fs::remove_file(&part);
        Error::io("copy to", to, &error)
    })
}

/// Works on a copy of a bundle in a folder on a disk of this machine, and copies it back, however the work ends.
///
/// # Errors
/// If it cannot be copied; there, the work can then be continued in the copy, which the error names.
pub fn scratch<T>(kept: &Path, folder: &Path, work: impl FnOnce(&Path) -> T) -> Result<T> {
    let name = kept.file_name().unwrap_or_default();
    let mut own = name.to_owned();
    own.push(format!("-{}", new_id()));
    let copy = folder.join(own);
    replace(kept, &copy)?;
    let done = work(&copy);
    replace(&copy, kept)
        .map_err(|error| error.with(format!("the work is kept in {}", copy.display())))?;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(beside(&copy, end));
    }
    Ok(done)
}

/// What to know if this process computes with another number of threads than a bundle asks for.
pub fn note_on_threads(bundle: &Bundle) -> Option<String> {
    let here = threads();
    (here != bundle.threads).then(|| {
        format!(
            "This process has {here} threads, and the bundle was made for {}: the bits differ from those of a run with \
             that number",
            bundle.threads
        )
    })
}

/// Refuses work in a bundle that has expired.
///
/// # Errors
/// [`Code::Refused`].
pub fn check_expiry(bundle: &Bundle) -> Result<()> {
    if now_ms() < bundle.expires_ms {
        return Ok(());
    }
    Err(Error::new(
        Code::Refused,
        format!(
            "this bundle expired on {}; its texts may have been deleted since. Merge what it has done, delete it, and \
             make a new one",
            day_of_ms(bundle.expires_ms)
        ),
    ))
}

impl Engine {
    /// The jobs of a bundle as they are now; this project is the bundle. `only`: their ids.
    pub fn worked(&self, bundle: &Bundle, only: &[String]) -> Result<Vec<WorkedJob>> {
        let computed_on = format!("{} threads, {}", threads(), fast::instructions());
        let jobs = bundle.jobs.iter().filter(|job| only.contains(&job.id));
        jobs.map(|job| {
            let run = self.store.run_of_job(&job.id)?;
            let weights = match &run {
                Some(run) => weights_of(&self.store, run.id, Role::Last)?,
                None => None,
            };
            Ok(WorkedJob {
                state: self.job(&job.id)?.state,
                subject: job.subject.clone(),
                weights,
                fakes: of_job(&self.store, &job.id)?.map(|set| set.fakes),
                computed_on: computed_on.clone(),
                job: job.id.clone(),
            })
        })
        .collect()
    }

    /// Writes the result of these jobs of a bundle; this project is the bundle. It has no text of a pair. An earlier
    /// result is replaced at once.
    ///
    /// # Errors
    /// If it cannot be written; the earlier result is kept then.
    pub fn write_result(&self, bundle: &Bundle, only: &[String], file: &Path) -> Result<()> {
        let part = beside(file, ".part");
        // of a process that was killed
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(beside(&part, end));
        }
        let mut slice = Slice {
            is_result: true,
            ..Slice::default()
        };
        for job in bundle.jobs.iter().filter(|job| only.contains(&job.id)) {
            slice.jobs.push(job.id.clone());
            let run = self.store.run_of_job(&job.id)?;
            slice.runs.extend(run.map(|run| run.id));
            let set = of_job(&self.store, &job.id)?;
            slice.fake_sets.extend(set.map(|set| set.id));
        }
        let result = Store::create(&part)?;
        let written = self
            .store
            .slice_into(&result, &slice)
            .and_then(|()| result.set_setting(BUNDLE, bundle));
        drop(result);
        let moved = match written {
            Ok(()) => std::fs::rename(&part, file).map_err(|e| Error::io("write", file, &e)),
            Err(error) => Err(error.into()),
        };
        if moved.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        moved
    }
}
