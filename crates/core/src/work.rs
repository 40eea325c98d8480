//! A job in a process of its own: the window stays responsive while models train, survives crashes, and may be closed
//! while the job runs. The database is the control plane; in addition, the worker prints its signals as JSON lines, so
//! that its starter gets more than one heartbeat a second.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Project;
use crate::awake::KEEP_AWAKE;
use crate::error::{Error, Result};
use crate::job::{Ended, Signal};
use crate::job_queue::HowToRun;
use crate::kind::Kind;

/// How a process that runs a stored job is started.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The program; it must call [`work`] for the arguments `work PROJECT JOB`.
    pub program: PathBuf,
    /// Compute threads; 0: all cores.
    pub threads: usize,
    /// Prevent sleep while it runs.
    pub keep_awake: bool,
}

/// The job id of a worker that runs the queue.
pub const QUEUE: &str = "queue";

/// A line that a worker prints between signals: those that follow are of this job.
#[derive(Debug, Serialize, Deserialize)]
struct Turn {
    turn: String,
}

/// The argument that starts a worker.
pub const WORK: &str = "work";

impl Worker {
    /// Starts the process and passes its signals to `signals`, each with its job, in a thread of their own, until it
    /// ends. It continues if this process ends.
    ///
    /// # Errors
    /// [`crate::Code::Io`] if the program cannot be started.
    pub fn start(
        &self,
        project: &Path,
        job: &str,
        signals: impl Fn(&str, Signal) + Send + 'static,
    ) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg(WORK).arg(project).arg(job);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if self.threads > 0 {
            for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
                command.env(name, self.threads.to_string());
            }
        }
        if !self.keep_awake {
            command.env(KEEP_AWAKE, "off");
        }
        apart(&mut command);
        let mut job = job.to_owned();
        let mut child = command
            .spawn()
            .map_err(|e| Error::io("start", &self.program, &e))?;
        let out = child.stdout.take();
        let listen = move || {
            if let Some(out) = out {
                for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
                    match (
                        serde_json::from_str(&line),
                        serde_json::from_str::<Turn>(&line),
                    ) {
                        (Ok(signal), _) => signals(&job, signal),
                        (_, Ok(next)) => job = next.turn,
                        (Err(error), _) => {
                            tracing::warn!("unreadable line from a worker: {line:?}: {error}")
                        }
                    }
                }
            }
            let _ = child.wait(); // how it ended is in the job's row
        };
        std::thread::Builder::new()
            .name("worker's signals".to_owned())
            .spawn(listen)
            .map_err(|e| Error::internal(format!("no thread for a worker's signals: {e}")))?;
        Ok(())
    }
}

/// A process group of its own: what ends the window (a closed terminal, Ctrl-C) does not end the job.
#[cfg(unix)]
fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn apart(_command: &mut Command) {}

/// Lowers this process's priority.
#[cfg(unix)]
fn step_back() {
    // a refusal does no harm
    let _ = rustix::process::setpriority_process(None, 10);
}

#[cfg(not(unix))]
fn step_back() {}

/// One line of JSON; the reader may be gone, and the job continues.
fn print(line: &impl Serialize) {
    if let Ok(mut line) = serde_json::to_string(line) {
        line.push('\n');
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

/// Runs a stored job in this process until it ends, printing its signals on standard output as JSON lines. Its result
/// is in its row. Then, or at once for [`QUEUE`], it runs the queue, unless the job was paused: the machine should be
/// free then.
///
/// # Errors
/// As [`Project::resume`].
pub fn work(project: &Path, kinds: &'static [Kind], job: &str) -> Result<()> {
    step_back();
    let project = Project::open(project, kinds)?;
    let signals = |signal: Signal| print(&signal);
    let ended = match job {
        QUEUE => None,
        job => Some(project.resume(job, &signals)),
    };
    let heavy = |job: &str| {
        let kind = project
            .job(job)
            .ok()
            .and_then(|job| project.kind_if_known(&job.kind));
        kind.is_some_and(|kind| kind.queued)
    };
    let goes_on = match &ended {
        None => true,
        Some(Ok(Ended::Paused)) => false,
        Some(_) => heavy(job),
    };
    if goes_on {
        project.run_queue(HowToRun::default(), &signals, &mut |job, ended| {
            if ended.is_none() {
                print(&Turn {
                    turn: job.id.clone(),
                });
            }
        })?;
    }
    ended.transpose()?;
    Ok(())
}
