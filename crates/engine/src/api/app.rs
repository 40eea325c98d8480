//! The commands that need no project: the app itself, opening and making projects, looking into files.

use std::path::PathBuf;
use std::sync::Arc;

use repartee_datasets::read::Preview;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::commands;
use crate::app_state::{AppInfo, AppState, ProjectInfo, Settings, sample_folder};
use crate::doctor::{Doctor, doctor};
use crate::error::{Error, Result};
use crate::import::preview;
use crate::items::DeleteItem;
use crate::job::JobInfo;
use crate::job_queue::{JobQueue, Queued};
use crate::run_config::{self, Field, Preset, RunConfig, RunKind};

/// The app, and the window that asks.
type Asked = (Arc<AppState>, String);

/// Nothing is asked for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A file or folder.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// Where it lies; `~` is the home folder.
    pub path: String,
}

/// Where the sample is to be made.
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
    /// Which.
    pub kind: RunKind,
}

/// A job to start.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct StartJob {
    /// A uuid that the caller made: starting it twice starts it once.
    pub id: String,
    /// Which kind of job: a key of Jobs.
    pub kind: String,
    /// Its parameters.
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
}

/// A job to put into the queue.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct QueueJob {
    /// A uuid that the caller made: queueing it twice queues it once.
    pub id: String,
    /// Which kind of job: a key of Jobs.
    pub kind: String,
    /// Its parameters.
    #[ts(type = "unknown")]
    pub params: serde_json::Value,
    /// Whether its failure holds the queue up.
    pub stops_queue: bool,
}

/// A job by its id.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
#[serde(deny_unknown_fields)]
pub struct OfJob {
    /// Its id.
    pub job: String,
}

/// A file before it is imported.
#[derive(Debug, Clone, Serialize, Deserialize, TS)]
pub struct FilePreview {
    /// Where it lies.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// What it looks like.
    #[serde(flatten)]
    pub preview: Preview,
}

/// Rows of a file that are shown before it is imported.
const PREVIEW_ROWS: usize = 8;

/// A path as a person types it: `~` is the home folder.
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

/// A project's path as typed, with the ending that a new project has.
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
    /// The app: version, machine, settings, recent projects, and this window's project.
    "app.get" => |(app, window), _| Ok(app.info(window)), Nothing => AppInfo;
    /// Changes the settings, all of them together.
    "app.settings" => |(app, _), settings| app.set(settings), Settings => Settings;
    /// Takes a project off the list of recent ones; the file stays.
    "app.forget" => |(app, _), at| app.forget(&at.path), At => ();
    /// What this machine has, and what may be missing.
    "app.doctor" => |(app, window), _| Ok(doctor(app.engine(window).ok().as_ref().map(|e| e.path()))), Nothing => Doctor;
    /// What a file looks like before it is imported.
    "file.preview" => |_, at| file_preview(&at.path), At => FilePreview;
    /// Makes a new project and opens it in this window.
    "project.create" => |(app, window), at| app.create(window, &new_project(&at.path)?), At => ProjectInfo;
    /// Opens a project in this window.
    "project.open" => |(app, window), at| app.open(window, &typed(&at.path)?), At => ProjectInfo;
    /// Makes a project for the sample in a folder of its own; the job "demo" fills it.
    "project.sample" => sample, Sample => ProjectInfo;
    /// Closes this window's project; its jobs go on.
    "project.close" => |(app, window), _| { app.closed(window); Ok(()) }, Nothing => ();
    /// How many windows of this program show this window's project, itself among them.
    "project.windows" => |(app, window), _| app.windows_on_project_of(window), Nothing => usize;
    /// The settings of a run, each with its words, to build a form from.
    "run.fields" => |_, _| Ok(run_config::fields()), Nothing => Vec<Field>;
    /// The settings that a kind of run begins with.
    "run.defaults" => |_, of| Ok(RunConfig::of(of.kind)), OfKind => RunConfig;
    /// Good choices for a kind of run, each with what it is for.
    "run.presets" => |_, of| Ok(run_config::presets(of.kind)), OfKind => Vec<Preset>;
    /// Starts a job in a process of its own.
    "job.start" => |(app, window), job| app.start(window, &job.id, &job.kind, &job.params), StartJob => JobInfo;
    /// Deletes an item: it is gone at once, and the job that is given removes its rows.
    "item.delete" => |(app, window), p| app.delete(window, &p), DeleteItem => JobInfo;
    /// Puts a job into the queue: it starts when none before it is left and nothing heavy runs.
    "job.queue" => |(app, window), job| app.enqueue(window, &job), QueueJob => Queued;
    /// What holds the queue up does so no longer: a paused job is resumed, a failed one is left behind.
    "queue.go-on" => |(app, window), _| app.queue_go_on(window), Nothing => JobQueue;
    /// Goes on with a job that rests, failed, or lost its process.
    "job.resume" => |(app, window), of| app.resume(window, &of.job), OfJob => JobInfo;
});
