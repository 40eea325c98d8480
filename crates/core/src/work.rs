//! A job in a process of its own: the window stays responsive while models train, survives crashes, and may be closed
//! while the job runs. The database is the control plane; in addition, the worker prints its signals as JSON lines, so
//! that its starter gets more than one heartbeat a second.
//!
//! A warm worker runs one job after the other and keeps its models in memory in between ([`Warm`]). It gets the ids of
//! its jobs on standard input and ends when that ends: on request, or with the process that started it. Between jobs it
//! has no project open.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Project;
use crate::awake::KEEP_AWAKE;
use crate::error::{Error, Result};
use crate::job::{Ended, Signal};
use crate::job_queue::HowToRun;
use crate::kind::Kind;
use crate::memory;
use crate::warm::Warm;

/// How a process that runs a stored job is started.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The job id of a warm worker.
pub const WARM: &str = "warm";

/// A line that a worker prints between signals.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Note {
    /// The signals that follow are of this job.
    Turn(String),
    /// It waits for its next job with this many bytes in memory; none: unknown.
    Idle(Option<u64>),
    /// It takes no further job.
    Leaving,
}

/// What a worker reports.
#[derive(Debug)]
pub enum Report<'a> {
    /// It took this job.
    Turn(&'a str),
    /// A signal of this job.
    Signal(&'a str, Signal),
    /// A warm worker waits for its next job, with this many bytes in memory; none: unknown.
    Idle(Option<u64>),
    /// It takes no further job, or has ended.
    Leaving,
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
        let child = self.spawn(project, job, Stdio::null())?;
        listen(child, job, move |report| {
            if let Report::Signal(job, signal) = report {
                signals(job, signal);
            }
        })
    }

    /// Starts a warm worker, and passes what it reports to `reports`, in a thread of its own.
    ///
    /// # Errors
    /// As [`Worker::start`].
    pub fn start_warm(
        &self,
        project: &Path,
        reports: impl Fn(Report<'_>) + Send + 'static,
    ) -> Result<WarmWorker> {
        let mut child = self.spawn(project, WARM, Stdio::piped())?;
        let jobs = child.stdin.take();
        listen(child, "", reports)?;
        match jobs {
            Some(jobs) => Ok(WarmWorker { jobs }),
            None => Err(Error::internal("a warm worker has no standard input")),
        }
    }

    fn spawn(&self, project: &Path, job: &str, input: Stdio) -> Result<Child> {
        let mut command = Command::new(&self.program);
        command.arg(WORK).arg(project).arg(job);
        command
            .stdin(input)
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
        command
            .spawn()
            .map_err(|e| Error::io("start", &self.program, &e))
    }
}

/// A warm worker. When this is dropped, the worker ends, after the job that it runs.
#[derive(Debug)]
pub struct WarmWorker {
    jobs: ChildStdin,
}

impl WarmWorker {
    /// Gives it a stored job. It has taken it when it says so ([`Report::Turn`]).
    ///
    /// # Errors
    /// If it has ended.
    pub fn give(&mut self, job: &str) -> std::io::Result<()> {
        writeln!(self.jobs, "{job}").and_then(|()| self.jobs.flush())
    }
}

/// Passes on what a worker prints, in a thread of its own, until it ends.
fn listen(
    mut child: Child,
    job: &str,
    reports: impl Fn(Report<'_>) + Send + 'static,
) -> Result<()> {
    let (out, mut job) = (child.stdout.take(), job.to_owned());
    let listen = move || {
        if let Some(out) = out {
            for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
                match (
                    serde_json::from_str(&line),
                    serde_json::from_str::<Note>(&line),
                ) {
                    (Ok(signal), _) => reports(Report::Signal(&job, signal)),
                    (_, Ok(Note::Turn(next))) => {
                        job = next;
                        reports(Report::Turn(&job));
                    }
                    (_, Ok(Note::Idle(bytes))) => reports(Report::Idle(bytes)),
                    (_, Ok(Note::Leaving)) => reports(Report::Leaving),
                    (Err(error), _) => {
                        tracing::warn!("unreadable line from a worker: {line:?}: {error}")
                    }
                }
            }
        }
        reports(Report::Leaving);
        let _ = child.wait(); // how it ended is in the job's row
    };
    std::thread::Builder::new()
        .name("worker's signals".to_owned())
        .spawn(listen)
        .map_err(|e| Error::internal(format!("no thread for a worker's signals: {e}")))?;
    Ok(())
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
/// free then. For [`WARM`], it runs the jobs that it reads from standard input.
///
/// # Errors
/// As [`Project::resume`].
pub fn work(project: &Path, kinds: &'static [Kind], job: &str) -> Result<()> {
    step_back();
    if job == WARM {
        return work_warm(project, kinds, std::io::stdin().lock());
    }
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
        run_queue(&project)?;
    }
    ended.transpose()?;
    Ok(())
}

/// Runs the queue, printing its signals.
fn run_queue(project: &Project) -> Result<()> {
    let signals = |signal: Signal| print(&signal);
    project.run_queue(HowToRun::default(), &signals, &mut |job, ended| {
        if ended.is_none() {
            print(&Note::Turn(job.id.clone()));
        }
    })?;
    Ok(())
}

/// Runs the jobs whose ids it reads, a line each, and keeps their models in memory until there are no more. It leaves
/// earlier if something else should have the memory: the user paused a job, or a heavy one runs or is queued.
fn work_warm(path: &Path, kinds: &'static [Kind], jobs: impl BufRead) -> Result<()> {
    let warm = Warm::default();
    let signals = |signal: Signal| print(&signal);
    for job in jobs.lines().map_while(std::io::Result::ok) {
        let mut project = Project::open(path, kinds)?;
        project.warm = Some(warm.clone());
        print(&Note::Turn(job.clone()));
        let ended = project.resume(&job, &signals);
        if ended.is_err() {
            // a model may be at fault
            warm.clear();
        }
        let paused = matches!(ended, Ok(Ended::Paused));
        if paused || project.needs_memory()? {
            print(&Note::Leaving);
            project.warm = None;
            warm.clear();
            return match paused {
                true => Ok(()),
                false => run_queue(&project),
            };
        }
        // an open project has pages with texts in memory
        drop(project);
        print(&Note::Idle(memory::resident_bytes()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_no_signals_and_read_as_they_were_written() {
        for (note, line) in [
            (Note::Turn("a".to_owned()), r#"{"turn":"a"}"#),
            (Note::Idle(Some(7)), r#"{"idle":7}"#),
            (Note::Idle(None), r#"{"idle":null}"#),
            (Note::Leaving, r#""leaving""#),
        ] {
            let written = serde_json::to_string(&note).expect("plain data");
            assert_eq!(written, line);
            assert_eq!(serde_json::from_str::<Note>(line).expect("a note"), note);
            assert!(serde_json::from_str::<Signal>(line).is_err(), "{line}");
        }
    }
}
