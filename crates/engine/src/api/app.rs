//! Commands that need no project: settings, opening and creating projects, previewing files.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_core::error::{Error, Result};
use repartee_core::job::JobInfo;
use repartee_core::job_queue::{JobQueue, Queued};
use repartee_datasets::read::Preview;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::commands;
use crate::app_state::{AppInfo, AppState, LoadedModels, ProjectInfo, Settings, sample_folder};
use crate::data::import::preview;
use crate::doctor::{Doctor, doctor};
use crate::items::DeleteItem;
use crate::training::run_config::{self, Field, ModelKind, Preset, RunConfig};

/// The app state, and the window that calls.
type Asked = (Arc<AppState>, String);

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
    pub kind: ModelKind,
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
    pub bytes: u64,
    #[serde(flatten)]
    pub preview: Preview,
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
    let (app, window) = asked;
    let folder = match &sample.path {
        Some(path) => typed(path)?,
        None => sample_folder(&app.folder())?,
    };
    app.create(window, &folder.join("sample.repartee"))
}

fn file_preview(path: &str) -> Result<FilePreview> {
    let path = typed(path)?;
    let about = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, &e))?;
    Ok(FilePreview {
        path: path.display().to_string(),
        bytes: about.len(),
        preview: preview(&path, PREVIEW_ROWS)?,
    })
}

commands!(Asked {
    /// App info: version, machine, settings, recent projects, and this window's project.
    "app.get" => |(app, window), _| Ok(app.info(window)), Nothing => AppInfo;
    /// Replaces all settings.
    "app.settings" => |(app, _), settings| app.set(settings), Settings => Settings;
    /// Removes a project from the list of recent ones; the file stays.
    "app.forget" => |(app, _), at| app.forget(&at.path), At => ();
    /// What this machine can do, and what may be missing.
    "app.doctor" => |(app, window), _| Ok(doctor(app.engine(window).ok().as_ref().map(|e| e.path()))), Nothing => Doctor;
    /// Previews a file before it is imported.
    "file.preview" => |_, at| file_preview(&at.path), At => FilePreview;
    /// Creates a project and opens it in this window.
    "project.create" => |(app, window), at| app.create(window, &new_project(&at.path)?), At => ProjectInfo;
    /// Opens a project in this window.
    "project.open" => |(app, window), at| app.open(window, &typed(&at.path)?), At => ProjectInfo;
    /// Creates a project for the sample in a folder of its own; the job "demo" fills it.
    "project.sample" => sample, Sample => ProjectInfo;
    /// Closes this window's project; its jobs continue.
    "project.close" => |(app, window), _| { app.closed(window); Ok(()) }, Nothing => ();
    /// How many windows of this program show this window's project, including this one.
    "project.windows" => |(app, window), _| app.windows_on_project_of(window), Nothing => usize;
    /// The settings of a run with their descriptions, to build a form from.
    "run.fields" reads [] => |_, _| Ok(run_config::fields()), Nothing => Vec<Field>;
    /// The default settings of a kind of run.
    "run.defaults" reads [] => |_, of| Ok(RunConfig::of(of.kind)), OfKind => RunConfig;
    /// Presets for a kind of run, each with its purpose.
    "run.presets" reads [] => |_, of| Ok(run_config::presets(of.kind)), OfKind => Vec<Preset>;
    /// Starts a job in a process of its own.
    "job.start" => |(app, window), job| app.start(window, &job.id, &job.kind, &job.params), StartJob => JobInfo;
    /// Deletes an item: it is gone at once, and the returned job removes its rows.
    "item.delete" => |(app, window), p| app.delete(window, &p), DeleteItem => JobInfo;
    /// Queues a job: it starts when it is first in the queue and no heavy job runs.
    "job.queue" => |(app, window), job| app.enqueue(window, &job), QueueJob => Queued;
    /// Unblocks the queue: a paused job is resumed, a failed one is skipped.
    "queue.go-on" => |(app, window), _| app.queue_go_on(window), Nothing => JobQueue;
    /// The models that stay in memory for the next generation of this window's project; none: none do.
    "models.loaded" => |(app, window), _| app.loaded_models(window), Nothing => Option<LoadedModels>;
    /// Releases these models; a generation that uses them finishes first.
    "models.release" => |(app, window), _| app.release_models_of(window), Nothing => ();
    /// Resumes a job that is paused, failed or interrupted.
    "job.resume" => |(app, window), of| app.resume(window, &of.job), OfJob => JobInfo;
});
