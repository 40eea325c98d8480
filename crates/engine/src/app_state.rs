//! State of a process with windows: settings and recent projects in a file of the user, the project of each window, a
//! watcher for each open file, and the workers it started.
//!
//! One of the workers is warm: it keeps the models of the last generation in memory for the next one of its project. It
//! is released after some minutes without a generation, when no window shows its project any more, when another heavy
//! job starts, and on request.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Job, JobInfo, Signal, new_id, now_ms};
use repartee_core::job_queue::{JobQueue, Queued};
use repartee_core::work::{QUEUE, Report, WarmWorker, Worker};
use repartee_posting::Maintenance;
use repartee_store::watch::Family;
use repartee_terms::JobStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::api::app::QueueJob;
use crate::generation::generate::Generate;
use crate::items::{Delete, DeleteItem};
use crate::{Engine, api};

/// How often the watcher polls for changes.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often it checks for dead job processes.
const LOOK_FOR_DEAD_EVERY: Duration = Duration::from_secs(2);
/// How often it checks for a queued job that could start.
const LOOK_AT_QUEUE_EVERY: Duration = Duration::from_secs(1);
/// How often it checks for due Reddit maintenance of a project.
const CHECK_MAINTENANCE_EVERY: Duration = Duration::from_secs(60);
/// A worker for the queue that has not taken a job after this long has failed to start.
const START_QUEUE_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Maximum number of recent projects.
const RECENT: usize = 12;
/// Maximum of [`Settings::keep_models_min`]: a day.
const MOST_MINUTES: u32 = 24 * 60;

/// The user's settings for all projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Settings {
    /// system, light or dark.
    pub theme: String,
    /// Text size in percent: 100 to 200.
    pub text: u32,
    /// auto, cpu, cuda or metal: the default in forms.
    pub device: String,
    /// Compute threads of jobs; 0: all cores.
    pub threads: usize,
    /// Folder for new projects; empty: the home folder.
    pub folder: String,
    /// The name under which replies are approved and rejected.
    pub person: String,
    /// Desktop notifications when a job ends.
    pub notify: bool,
    /// Whether an open project does its due Reddit maintenance automatically: purging what was deleted there, reading
    /// scores.
    #[serde(alias = "upkeep")]
    pub maintenance: bool,
    /// Prevent sleep while a job runs.
    pub keep_awake: bool,
    /// Minutes for which the models of a generation stay in memory for the next one; 0: they do not.
    pub keep_models_min: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: "system".to_owned(),
            text: 100,
            device: "auto".to_owned(),
            threads: 0,
            folder: String::new(),
            person: repartee_core::machine::user_name(),
            notify: true,
            maintenance: true,
            keep_awake: true,
            keep_models_min: 10,
        }
    }
}

/// Models that stay in memory for the next generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LoadedModels {
    /// The memory of their process; none: unknown.
    pub bytes: Option<u64>,
}

/// A project that was open before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecentProject {
    pub path: String,
    /// Milliseconds since 1970.
    pub opened_ms: i64,
}

/// A recent project for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RecentShown {
    pub path: String,
    /// The file's name without its extension.
    pub name: String,
    /// Bytes of the file; none if it is gone.
    pub bytes: Option<u64>,
    /// Milliseconds since 1970.
    pub opened_ms: i64,
}

/// What every window shows before a project is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AppInfo {
    pub version: String,
    /// linux, macos or windows.
    pub platform: String,
    pub cores: usize,
    /// Devices of this build: auto, cpu, and cuda or metal if compiled in.
    pub devices: Vec<String>,
    /// Default folder for new projects.
    pub folder: String,
    pub settings: Settings,
    /// The latest first.
    pub recent: Vec<RecentShown>,
    /// The project of the calling window.
    pub project: Option<ProjectInfo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProjectInfo {
    pub path: String,
    /// The file's name without its extension.
    pub name: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The copy of the file as it was, if it was of an older version when this process opened it.
    pub migrated_from: Option<String>,
}

/// Events that windows receive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum AppEvent {
    /// Some process wrote to these families of tables: queries on them are stale.
    Changed { families: Vec<Family> },
    /// A signal of a job that this process started.
    Job { job: String, signal: Signal },
    /// A job of any process has ended or was paused.
    Ended {
        job: String,
        kind: String,
        state: JobStatus,
        error: Option<Error>,
    },
    /// The settings were changed, in this window or another.
    Settings { settings: Settings },
    /// Models stay in memory for the next generation of the window's project; none: not any more.
    Models { loaded: Option<LoadedModels> },
}

/// Sends events to windows, by label.
pub type OnAppEvent = Arc<dyn Fn(&[String], &AppEvent) + Send + Sync>;

/// What is stored between sessions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    settings: Settings,
    recent: Vec<RecentProject>,
}

/// A worker that keeps the models of its last job in memory.
struct Warm {
    /// Tells its reports from those of earlier ones.
    number: u64,
    project: PathBuf,
    started_as: Worker,
    worker: WarmWorker,
    /// The job that it was given and has not taken yet: if it ends before, another process runs the job.
    given: Arc<Mutex<Option<String>>>,
    /// Whether it was given a job and is not done with it.
    busy: bool,
    /// Since when it is not busy.
    idle: Instant,
    /// None: its first job is not done yet.
    loaded: Option<LoadedModels>,
}

/// The app state. One per process.
pub struct AppState {
    file: PathBuf,
    worker: PathBuf,
    on_event: OnAppEvent,
    kept: Mutex<Kept>,
    windows: Mutex<HashMap<String, Arc<Engine>>>,
    /// When a worker was last started for a queue.
    queue_started: Mutex<Option<Instant>>,
    /// At most one process keeps models in memory. Locked before `windows` and `given`, never after them.
    warm: Mutex<Option<Warm>>,
    warm_started: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AppState {
    /// Creates the state: settings are in `folder`, `worker` is started for jobs, and windows receive events by
    /// `on_event`.
    pub fn new(folder: &Path, worker: PathBuf, on_event: OnAppEvent) -> Arc<Self> {
        let file = folder.join("settings.json");
        // earlier versions called it desk.json. An unreadable file loses some convenience, but is no reason to refuse
        // to start
        let kept = std::fs::read(&file)
            .or_else(|_| std::fs::read(folder.join("desk.json")))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        Arc::new(Self {
            file,
            worker,
            on_event,
            kept: Mutex::new(kept.unwrap_or_default()),
            windows: Mutex::default(),
            queue_started: Mutex::default(),
            warm: Mutex::default(),
            warm_started: AtomicU64::new(0),
        })
    }

    /// Answers a command of a window.
    ///
    /// # Errors
    /// [`Code::Usage`] if there is no such command, its parameters are invalid, or it needs a project and the window
    /// has none; otherwise the command's own.
    pub fn call(self: &Arc<Self>, window: &str, name: &str, params: Value) -> Result<Value> {
        if let Some(answer) = api::app::call(&(Arc::clone(self), window.to_owned()), name, &params)
        {
            return answer;
        }
        let engine = self.engine(window)?;
        api::call(&engine, name, &params)
            .unwrap_or_else(|| Err(Error::usage(format!("there is no command {name:?}"))))
    }

    /// A window was closed.
    pub fn closed(&self, window: &str) {
        lock(&self.windows).remove(window);
        self.release_unseen_models();
    }

    /// The project of a window.
    pub(crate) fn engine(&self, window: &str) -> Result<Arc<Engine>> {
        lock(&self.windows)
            .get(window)
            .cloned()
            .ok_or_else(|| Error::usage("no project is open in this window; open one first"))
    }

    pub(crate) fn info(&self, window: &str) -> AppInfo {
        let kept = lock(&self.kept).clone();
        let recent = kept
            .recent
            .iter()
            .map(|recent| RecentShown {
                path: recent.path.clone(),
                name: stem(Path::new(&recent.path)),
                bytes: std::fs::metadata(&recent.path)
                    .ok()
                    .map(|about| about.len()),
                opened_ms: recent.opened_ms,
            })
            .collect();
        let mut devices = vec!["auto".to_owned(), "cpu".to_owned()];
        for (name, built) in [
            ("cuda", cfg!(feature = "cuda")),
            ("metal", cfg!(feature = "metal")),
        ] {
            if built {
                devices.push(name.to_owned());
            }
        }
        AppInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: std::env::consts::OS.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            devices,
            folder: self.folder().display().to_string(),
            settings: kept.settings,
            recent,
            project: self.engine(window).ok().map(|engine| project_info(&engine)),
        }
    }

    /// Folder for new projects.
    pub(crate) fn folder(&self) -> PathBuf {
        let chosen = lock(&self.kept).settings.folder.clone();
        if !chosen.is_empty() {
            return PathBuf::from(chosen);
        }
        let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
        home.map_or_else(|| PathBuf::from("."), PathBuf::from)
    }

    pub(crate) fn set(&self, settings: Settings) -> Result<Settings> {
        if !["system", "light", "dark"].contains(&settings.theme.as_str()) {
            return Err(Error::usage(format!(
                "theme is {:?}; it is system, light or dark",
                settings.theme
            )));
        }
        if settings.keep_models_min > MOST_MINUTES {
            return Err(Error::usage(format!(
                "models stay in memory for {} minutes; it must be at most {MOST_MINUTES}",
                settings.keep_models_min
            )));
        }
        if !(50..=300).contains(&settings.text) {
            return Err(Error::usage(format!(
                "text size is {}%; it must be between 50% and 300%",
                settings.text
            )));
        }
        lock(&self.kept).settings = settings.clone();
        self.keep()?;
        let windows: Vec<String> = lock(&self.windows).keys().cloned().collect();
        (self.on_event)(
            &windows,
            &AppEvent::Settings {
                settings: settings.clone(),
            },
        );
        Ok(settings)
    }

    /// Opens a project in a window, replacing its current one. Windows on the same file share it.
    pub(crate) fn open(self: &Arc<Self>, window: &str, path: &Path) -> Result<ProjectInfo> {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let shared = lock(&self.windows)
            .values()
            .find(|engine| engine.path() == path)
            .cloned();
        let engine = match shared {
            Some(engine) => engine,
            None => {
                let engine = Arc::new(Engine::open(&path)?);
                self.look_out(&engine)?;
                engine
            }
        };
        self.seat(window, engine)
    }

    /// Creates a project and opens it in a window.
    pub(crate) fn create(self: &Arc<Self>, window: &str, path: &Path) -> Result<ProjectInfo> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, &e))?;
        }
        drop(Engine::create(path)?);
        self.open(window, path)
    }

    fn seat(&self, window: &str, engine: Arc<Engine>) -> Result<ProjectInfo> {
        let info = project_info(&engine);
        lock(&self.windows).insert(window.to_owned(), engine);
        self.release_unseen_models();
        {
            let mut kept = lock(&self.kept);
            kept.recent.retain(|recent| recent.path != info.path);
            kept.recent.insert(
                0,
                RecentProject {
                    path: info.path.clone(),
                    opened_ms: now_ms(),
                },
            );
            kept.recent.truncate(RECENT);
        }
        self.keep()?;
        Ok(info)
    }

    pub(crate) fn forget(&self, path: &str) -> Result<()> {
        lock(&self.kept).recent.retain(|recent| recent.path != path);
        self.keep()
    }

    /// Writes settings and recent projects: a new file, then renamed, so that it is never half written.
    fn keep(&self) -> Result<()> {
        let kept = lock(&self.kept).clone();
        let json = serde_json::to_vec_pretty(&kept)
            .map_err(|e| Error::internal(format!("settings do not fit into JSON: {e}")))?;
        let fresh = self.file.with_extension("new");
        let written = std::fs::create_dir_all(self.file.parent().unwrap_or(Path::new(".")))
            .and_then(|()| crate::private::create(&fresh))
            .and_then(|mut file| file.write_all(&json))
            .and_then(|()| std::fs::rename(&fresh, &self.file));
        written.map_err(|e| Error::io("write", &self.file, &e))
    }

    /// How many windows show a window's project, including itself.
    pub(crate) fn windows_on_project_of(&self, window: &str) -> Result<usize> {
        let engine = self.engine(window)?;
        Ok(self.windows_of(&engine).len())
    }

    /// The windows that show a project.
    fn windows_of(&self, engine: &Engine) -> Vec<String> {
        let windows = lock(&self.windows);
        let shows = windows
            .iter()
            .filter(|(_, shown)| std::ptr::eq(Arc::as_ptr(shown), engine));
        shows.map(|(label, _)| label.clone()).collect()
    }

    fn tell(&self, engine: &Engine, event: &AppEvent) {
        let windows = self.windows_of(engine);
        if !windows.is_empty() {
            (self.on_event)(&windows, event);
        }
    }

    /// Watches for writes of any process to a project, as long as a window shows it.
    fn look_out(self: &Arc<Self>, engine: &Arc<Engine>) -> Result<()> {
        let mut watch = engine.store.watch()?;
        let mut known = states(&engine.jobs()?);
        let (app, engine): (Weak<Self>, Weak<Engine>) =
            (Arc::downgrade(self), Arc::downgrade(engine));
        let look = move || {
            let (mut looked, mut asked) = (Instant::now(), Instant::now());
            let mut queue_looked: Option<Instant> = None;
            loop {
                std::thread::sleep(LOOK_EVERY);
                let (Some(app), Some(engine)) = (app.upgrade(), engine.upgrade()) else {
                    return;
                };
                let families = match watch.changed() {
                    Ok(families) => families,
                    Err(error) => {
                        tracing::warn!("could not watch the project: {error}");
                        continue;
                    }
                };
                app.release_idle_models();
                let jobs_changed = families.contains(&Family::Jobs);
                if !families.is_empty() {
                    app.tell(&engine, &AppEvent::Changed { families });
                }
                if asked.elapsed() >= CHECK_MAINTENANCE_EVERY {
                    asked = Instant::now();
                    app.maintain(&engine);
                }
                if queue_looked.is_none_or(|at| at.elapsed() >= LOOK_AT_QUEUE_EVERY) {
                    queue_looked = Some(Instant::now());
                    app.work_queue_off(&engine);
                }
                // a process that died writes nothing that would tell
                let may_have_died = looked.elapsed() >= LOOK_FOR_DEAD_EVERY
                    && known.values().any(|state| *state == JobStatus::Running);
                if !jobs_changed && !may_have_died {
                    continue;
                }
                looked = Instant::now();
                let Ok(jobs) = engine.jobs() else { continue };
                if jobs.iter().any(|job| needs_memory(&engine, job)) {
                    app.release_models(|warm| warm.project == engine.path());
                }
                if !jobs_changed && states(&jobs) != known {
                    let families = vec![Family::Jobs];
                    app.tell(&engine, &AppEvent::Changed { families });
                }
                for job in &jobs {
                    // a job is waiting until its process has started
                    let goes_on = |state| matches!(state, JobStatus::Waiting | JobStatus::Running);
                    let ran = known.get(&job.id).is_none_or(|state| goes_on(*state));
                    if ran && !goes_on(job.state) && job.state != JobStatus::Queued {
                        app.tell(&engine, &ended(job));
                    }
                }
                known = states(&jobs);
            }
        };
        std::thread::Builder::new()
            .name("look-out".to_owned())
            .spawn(look)
            .map_err(|e| Error::internal(format!("no thread for the watcher: {e}")))?;
        Ok(())
    }

    /// Starts due Reddit maintenance of a project, unless disabled, and the removal of deleted rows that a killed
    /// process left behind.
    fn maintain(self: &Arc<Self>, engine: &Arc<Engine>) {
        let swept = engine.wants_delete().and_then(|wanted| match wanted {
            true => {
                let id = new_id();
                engine.submit(&id, Delete::KIND, &Value::Object(Default::default()))?;
                self.set_to_work(engine, &id)
            }
            false => Ok(()),
        });
        if let Err(error) = swept {
            tracing::warn!("could not remove deleted rows: {error}");
        }
        if !lock(&self.kept).settings.maintenance {
            return;
        }
        let begun = engine
            .posting()
            .wants_maintenance()
            .and_then(|wanted| match wanted {
                true => {
                    let id = new_id();
                    engine.submit(&id, Maintenance::KIND, &Value::Object(Default::default()))?;
                    self.set_to_work(engine, &id)
                }
                false => Ok(()),
            });
        if let Err(error) = begun {
            tracing::warn!("could not start due maintenance: {error}");
        }
    }

    /// Starts a worker for the queue if a job waits in it and no worker is running.
    fn work_queue_off(self: &Arc<Self>, engine: &Arc<Engine>) {
        let begun = engine.queue_wants_to_run().and_then(|wanted| match wanted {
            // one that was started just now may not have taken its job yet
            true if self.started_queue_lately() => Ok(()),
            true => self.set_to_work(engine, QUEUE),
            false => Ok(()),
        });
        if let Err(error) = begun {
            tracing::warn!("could not run the queue: {error}");
        }
    }

    fn started_queue_lately(&self) -> bool {
        let mut started = lock(&self.queue_started);
        let lately = started.is_some_and(|at| at.elapsed() < START_QUEUE_AGAIN_AFTER);
        if !lately {
            *started = Some(Instant::now());
        }
        lately
    }

    /// Queues a job; the watcher starts it when it is its turn.
    pub(crate) fn enqueue(&self, window: &str, job: &QueueJob) -> Result<Queued> {
        self.engine(window)?
            .enqueue(&job.id, &job.kind, &job.params, job.stops_queue)
    }

    /// Unblocks the queue: a paused job is resumed, a failed one is skipped.
    pub(crate) fn queue_go_on(self: &Arc<Self>, window: &str) -> Result<JobQueue> {
        let engine = self.engine(window)?;
        let queue = engine.job_queue()?;
        if let Some(job) = &queue.held_up_by {
            match engine.job(job)?.state {
                JobStatus::Paused => self.set_to_work(&engine, job)?,
                _ => drop(engine.job_stops_queue(job, false)?),
            }
        }
        engine.job_queue()
    }

    /// Stores a job and starts a worker for it. Starting the same id again does nothing: a page that is reloaded
    /// repeats its calls.
    pub(crate) fn start(
        self: &Arc<Self>,
        window: &str,
        id: &str,
        kind: &str,
        params: &Value,
    ) -> Result<JobInfo> {
        let engine = self.engine(window)?;
        if engine.submit(id, kind, params)? {
            match kind == Generate::KIND {
                true => self.set_to_generate(&engine, id)?,
                false => self.set_to_work(&engine, id)?,
            }
        }
        engine.job(id)
    }

    /// Deletes an item, and starts the job that removes its rows.
    pub(crate) fn delete(self: &Arc<Self>, window: &str, item: &DeleteItem) -> Result<JobInfo> {
        self.engine(window)?.item_delete(item)?;
        let id = new_id();
        self.start(
            window,
            &id,
            Delete::KIND,
            &Value::Object(Default::default()),
        )
    }

    /// Starts a worker for a job that is paused, failed or interrupted.
    pub(crate) fn resume(self: &Arc<Self>, window: &str, id: &str) -> Result<JobInfo> {
        let engine = self.engine(window)?;
        let job = engine.job(id)?;
        if ![JobStatus::Paused, JobStatus::Failed, JobStatus::Lost].contains(&job.state) {
            return Err(Error::usage(format!(
                "job {} is {}; there is nothing to resume",
                job.id, job.state
            )));
        }
        self.set_to_work(&engine, &job.id)?;
        Ok(job)
    }

    /// How workers are started with the current settings.
    fn worker(&self) -> Worker {
        let kept = lock(&self.kept);
        Worker {
            program: self.worker.clone(),
            threads: kept.settings.threads,
            keep_awake: kept.settings.keep_awake,
        }
    }

    /// Gives a generation to the warm worker, which is started if there is none. If that one is busy, or if models are
    /// not to stay in memory now, the job gets a process of its own.
    fn set_to_generate(self: &Arc<Self>, engine: &Arc<Engine>, id: &str) -> Result<()> {
        let minutes = lock(&self.kept).settings.keep_models_min;
        if minutes == 0 || engine.needs_memory().unwrap_or(true) || !self.give_to_warm(engine, id) {
            return self.set_to_work(engine, id);
        }
        Ok(())
    }

    /// Whether the warm worker has the job; or another process, if it ended at that moment.
    fn give_to_warm(self: &Arc<Self>, engine: &Arc<Engine>, id: &str) -> bool {
        let started_as = self.worker();
        let mut warm = lock(&self.warm);
        let fits = |warm: &Warm| warm.project == engine.path() && warm.started_as == started_as;
        let released = match &*warm {
            Some(warm) if fits(warm) && warm.busy => return false,
            Some(warm) if fits(warm) => None,
            // it ends, after its job
            _ => warm.take(),
        };
        if warm.is_none() {
            match self.start_warm(engine, started_as) {
                Ok(started) => *warm = Some(started),
                Err(error) => tracing::warn!("could not start a warm worker: {error}"),
            }
        }
        let given = warm.as_ref().map(|warm| Arc::clone(&warm.given));
        let took = warm.as_mut().is_some_and(|warm| {
            *lock(&warm.given) = Some(id.to_owned());
            warm.busy = true;
            warm.worker.give(id).is_ok()
        });
        if !took {
            *warm = None;
        }
        drop(warm);
        if let Some(released) = released {
            self.tell_of_release(&released.project);
        }
        // if its end was reported before, the job has another process already
        took || given.is_some_and(|given| lock(&given).take().is_none())
    }

    fn start_warm(self: &Arc<Self>, engine: &Arc<Engine>, started_as: Worker) -> Result<Warm> {
        let number = self.warm_started.fetch_add(1, Ordering::Relaxed);
        let given: Arc<Mutex<Option<String>>> = Arc::default();
        let (app, heard) = (Arc::downgrade(self), Arc::downgrade(engine));
        let waits = Arc::clone(&given);
        let worker = started_as.start_warm(engine.path(), move |report| {
            if let Report::Turn(_) = report {
                lock(&waits).take();
                return;
            }
            let (Some(app), Some(engine)) = (app.upgrade(), heard.upgrade()) else {
                return;
            };
            match report {
                Report::Turn(_) => {}
                Report::Signal(job, signal) => {
                    let job = job.to_owned();
                    app.tell(&engine, &AppEvent::Job { job, signal });
                }
                Report::Idle(bytes) => app.warm_is_idle(&engine, number, LoadedModels { bytes }),
                Report::Leaving => {
                    app.release_models(|warm| warm.number == number);
                    let job = lock(&waits).take();
                    if let Some(job) = job
                        && let Err(error) = app.set_to_work(&engine, &job)
                    {
                        tracing::warn!("could not start job {job}: {error}");
                    }
                }
            }
        })?;
        Ok(Warm {
            number,
            project: engine.path().to_owned(),
            worker,
            started_as,
            given,
            busy: false,
            idle: Instant::now(),
            loaded: None,
        })
    }

    /// It is done with its job, and its models stay in memory.
    fn warm_is_idle(&self, engine: &Engine, number: u64, loaded: LoadedModels) {
        {
            let mut warm = lock(&self.warm);
            // it may have been released in the meantime
            let Some(warm) = warm.as_mut().filter(|warm| warm.number == number) else {
                return;
            };
            (warm.busy, warm.idle, warm.loaded) = (false, Instant::now(), Some(loaded));
        }
        let loaded = Some(loaded);
        self.tell(engine, &AppEvent::Models { loaded });
    }

    /// The models in memory for the next generation of a window's project.
    pub(crate) fn loaded_models(&self, window: &str) -> Result<Option<LoadedModels>> {
        let engine = self.engine(window)?;
        let warm = lock(&self.warm);
        let ours = warm.as_ref().filter(|warm| warm.project == engine.path());
        Ok(ours.and_then(|warm| warm.loaded))
    }

    /// Releases the models of a window's project.
    pub(crate) fn release_models_of(&self, window: &str) -> Result<()> {
        let engine = self.engine(window)?;
        self.release_models(|warm| warm.project == engine.path());
        Ok(())
    }

    /// Ends the warm worker, after its job if it has one, if it is as `which` says.
    fn release_models(&self, which: impl FnOnce(&Warm) -> bool) {
        let released = {
            let mut warm = lock(&self.warm);
            match warm.as_ref().is_some_and(which) {
                true => warm.take(),
                false => None,
            }
        };
        if let Some(released) = released {
            self.tell_of_release(&released.project);
        }
    }

    fn tell_of_release(&self, project: &Path) {
        let engine = lock(&self.windows)
            .values()
            .find(|engine| engine.path() == project)
            .cloned();
        if let Some(engine) = engine {
            self.tell(&engine, &AppEvent::Models { loaded: None });
        }
    }

    fn release_idle_models(&self) {
        let minutes = u64::from(lock(&self.kept).settings.keep_models_min);
        let long = Duration::from_secs(60 * minutes);
        self.release_models(|warm| !warm.busy && warm.idle.elapsed() >= long);
    }

    fn release_unseen_models(&self) {
        self.release_models(|warm| {
            let windows = lock(&self.windows);
            !windows.values().any(|shown| shown.path() == warm.project)
        });
    }

    fn set_to_work(self: &Arc<Self>, engine: &Arc<Engine>, id: &str) -> Result<()> {
        let worker = self.worker();
        let (app, heard) = (Arc::downgrade(self), Arc::downgrade(engine));
        let signals = move |job: &str, signal: Signal| {
            if let (Some(app), Some(engine)) = (app.upgrade(), heard.upgrade()) {
                app.tell(
                    &engine,
                    &AppEvent::Job {
                        job: job.to_owned(),
                        signal,
                    },
                );
            }
        };
        worker
            .start(engine.path(), id, signals)
            .inspect_err(|error| {
                // nobody will run it: record that now, instead of letting it show as interrupted later
                if id != QUEUE {
                    let _ = engine.give_up(id, error);
                }
            })
    }
}

/// Whether a job should have the memory that models for a later generation take.
fn needs_memory(engine: &Engine, job: &JobInfo) -> bool {
    matches!(job.state, JobStatus::Waiting | JobStatus::Running)
        && job.kind != Generate::KIND
        && engine
            .kind_if_known(&job.kind)
            .is_some_and(|kind| kind.queued)
}

fn states(jobs: &[JobInfo]) -> HashMap<String, JobStatus> {
    jobs.iter().map(|job| (job.id.clone(), job.state)).collect()
}

fn ended(job: &JobInfo) -> AppEvent {
    let failed = job.state == JobStatus::Failed;
    AppEvent::Ended {
        job: job.id.clone(),
        kind: job.kind.clone(),
        state: job.state,
        error: job
            .outcome
            .clone()
            .filter(|_| failed)
            .and_then(|outcome| serde_json::from_value(outcome).ok()),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn project_info(engine: &Engine) -> ProjectInfo {
    let path = engine.path();
    ProjectInfo {
        path: path.display().to_string(),
        name: stem(path),
        bytes: std::fs::metadata(path).map_or(0, |about| about.len()),
        migrated_from: engine
            .store
            .migrated_from()
            .map(|copy| copy.display().to_string()),
    }
}

/// A folder of its own for the sample, in the folder for new projects: `repartee-sample`, with a number if that exists.
pub(crate) fn sample_folder(folder: &Path) -> Result<PathBuf> {
    let names = std::iter::once("repartee-sample".to_owned())
        .chain((2..).map(|n| format!("repartee-sample-{n}")));
    for name in names.take(1000) {
        let path = folder.join(name);
        match std::fs::create_dir_all(folder).and_then(|()| std::fs::create_dir(&path)) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("make", &path, &e)),
        }
    }
    Err(Error::new(
        Code::Exists,
        format!(
            "{} contains too many samples; remove some",
            folder.display()
        ),
    ))
}
