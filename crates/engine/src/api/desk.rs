//! Commands that need no project: settings, opening and creating projects, previewing files.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_datasets::read::Look;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::commands;
use crate::desk::{Desk, DeskInfo, ProjectInfo, Settings, sample_folder};
use crate::doctor::{Doctor, doctor};
use crate::error::{Error, Result};
use crate::import::look;
use crate::items::DeleteItem;
use crate::job::JobInfo;
use crate::job_queue::{JobQueue, Queued};
use crate::run_config::{self, Field, Preset, RunConfig, RunKind};

/// The app state, and the window that calls.
type Asked = (Arc<Desk>, String);

/// No parameters.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A file or folder.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// `~` is the home folder.
    pub path: String,
}

/// Where to create the sample project.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// A folder; none: a new one in the folder for projects.
    pub path: Option<String>,
}

/// A kind of model.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfKind {
    pub kind: RunKind,
}

/// A job to start.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StartJob {
    /// A uuid chosen by the caller: repeating a call starts the job once.
    pub id: String,
    /// A key of Jobs.
    pub kind: String,
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
}

/// A job to queue.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct QueueJob {
    /// A uuid chosen by the caller: repeating a call queues the job once.
    pub id: String,
    /// A key of Jobs.
    pub kind: String,
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
    /// Whether its failure blocks the queue.
    pub stops_queue: bool,
}

/// A job by its id.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfJob {
    pub job: String,
}

/// A file before it is imported.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct FilePreview {
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    #[serde(flatten)]
    pub look: Look,
}

/// Rows shown in a file preview.
const PREVIEW_ROWS: usize = 8;

/// A path as the user typed it: `~` is the home folder.
pub(crate) fn typed(path: &str) -> Result<PathBuf> {
    let path = path.trim();
    if path.is_empty() {
        return Err(Error::usage("a path is needed"));
    }
    let home = || std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    match path
        .strip_prefix('~')
        .and_then(|rest| Some((rest, home()?)))
    {
        Some((rest, home)) if rest.is_empty() || rest.starts_with(['/', '\\']) => {
            Ok(PathBuf::from(home).join(rest.trim_start_matches(['/', '\\'])))
        }
        _ => Ok(PathBuf::from(path)),
    }
}

/// A project's path as typed, with the extension of new projects.
fn new_project(path: &str) -> Result<PathBuf> {
    let path = typed(path)?;
    Ok(if path.extension().is_none() {
        path.with_extension("repartee")
    } else {
        path
    })
}

fn sample(asked: &Asked, sample: Sample) -> Result<ProjectInfo> {
    let (desk, window) = asked;
    let folder = match &sample.path {
        Some(path) => typed(path)?,
        None => sample_folder(&desk.folder())?,
    };
    desk.create(window, &folder.join("sample.repartee"))
}

fn preview(path: &str) -> Result<FilePreview> {
    let path = typed(path)?;
    let about = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, &e))?;
    Ok(FilePreview {
        path: path.display().to_string(),
        bytes: about.len(),
        look: look(&path, PREVIEW_ROWS)?,
    })
}

commands!(Asked {
    /// App info: version, machine, settings, recent projects, and this window's project.
    "desk.get" => |(desk, window), _| Ok(desk.info(window)), Nothing => DeskInfo;
    /// Replaces all settings.
    "desk.settings" => |(desk, _), settings| desk.set(settings), Settings => Settings;
    /// Removes a project from the list of recent ones; the file stays.
    "desk.forget" => |(desk, _), at| desk.forget(&at.path), At => ();
    /// What this machine can do, and what may be missing.
    "desk.doctor" => |(desk, window), _| Ok(doctor(desk.engine(window).ok().as_ref().map(|e| e.path()))), Nothing => Doctor;
    /// Previews a file before it is imported.
    "file.preview" => |_, at| preview(&at.path), At => FilePreview;
    /// Creates a project and opens it in this window.
    "project.create" => |(desk, window), at| desk.create(window, &new_project(&at.path)?), At => ProjectInfo;
    /// Opens a project in this window.
    "project.open" => |(desk, window), at| desk.open(window, &typed(&at.path)?), At => ProjectInfo;
    /// Creates a project for the sample in a folder of its own; the job "demo" fills it.
    "project.sample" => sample, Sample => ProjectInfo;
    /// Closes this window's project; its jobs continue.
    "project.close" => |(desk, window), _| { desk.closed(window); Ok(()) }, Nothing => ();
    /// How many windows of this program show this window's project, including this one.
    "project.windows" => |(desk, window), _| desk.windows_on_project_of(window), Nothing => usize;
    /// The settings of a run with their descriptions, to build a form from.
    "run.fields" => |_, _| Ok(run_config::fields()), Nothing => Vec<Field>;
    /// The default settings of a kind of run.
    "run.defaults" => |_, of| Ok(RunConfig::of(of.kind)), OfKind => RunConfig;
    /// Presets for a kind of run, each with its purpose.
    "run.presets" => |_, of| Ok(run_config::presets(of.kind)), OfKind => Vec<Preset>;
    /// Starts a job in a process of its own.
    "job.start" => |(desk, window), job| desk.start(window, &job.id, &job.kind, &job.params), StartJob => JobInfo;
    /// Deletes an item: it is gone at once, and the returned job removes its rows.
    "item.delete" => |(desk, window), p| desk.delete(window, &p), DeleteItem => JobInfo;
    /// Queues a job: it starts when it is first in the queue and no heavy job runs.
    "job.queue" => |(desk, window), job| desk.enqueue(window, &job), QueueJob => Queued;
    /// Unblocks the queue: a paused job is resumed, a failed one is skipped.
    "queue.go-on" => |(desk, window), _| desk.queue_go_on(window), Nothing => JobQueue;
    /// Resumes a job that is paused, failed or interrupted.
    "job.resume" => |(desk, window), of| desk.resume(window, &of.job), OfJob => JobInfo;
});
