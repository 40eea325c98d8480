//! Each command: its flags into parameters, its result into a table.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use repartee_engine::job::JobInfo;
use repartee_engine::{Code, Ended, Engine, Error, Job};
use serde::Serialize;

use crate::args::*;
use crate::out::{Out, Table, count, figure, seconds, short, text_width, time};
use crate::watch::Watch;

/// Cancelled, or paused from the keyboard.
const INTERRUPTED: u8 = 130;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let app = App {
        out: Out {
            json: cli.common.json,
            quiet: cli.common.quiet,
        },
        project: cli.common.project,
    };
    match cli.command {
        Command::New { file } => app.new_project(&file),
        Command::Job { command } => app.job(command),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "repartee",
                &mut std::io::stdout().lock(),
            );
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Error::internal("not wired").into()),
    }
}

struct App {
    out: Out,
    project: Option<PathBuf>,
}

impl App {
    /// Opens the project that was named, or the only one in this folder, and listens for Ctrl-C.
    fn engine(&self) -> Result<Engine> {
        let path = match &self.project {
            Some(path) => path.clone(),
            None => only_project(Path::new("."))?,
        };
        let engine = Engine::open(path)?;
        listen(&engine)?;
        Ok(engine)
    }

    /// Runs a job with its progress shown; prints its outcome when it is done.
    fn start<J: Job>(
        &self,
        engine: &Engine,
        job: &J,
        show: impl FnOnce(&J::Outcome) -> Result<()>,
    ) -> Result<ExitCode> {
        let watch = Watch::new(self.out);
        let ended = engine.start(job, &|signal| watch.signal(signal));
        drop(watch);
        self.ended(ended?, show)
    }

    fn ended<T: Serialize>(
        &self,
        ended: Ended<T>,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        match ended {
            Ended::Done(outcome) => {
                self.out.result(&outcome, show)?;
                Ok(ExitCode::SUCCESS)
            }
            Ended::Paused => {
                self.out.json(&serde_json::json!({ "event": "paused" }))?;
                self.out.line(
                    "paused; `repartee job list` shows it, `repartee job resume ID` goes on",
                )?;
                Ok(ExitCode::from(INTERRUPTED))
            }
            Ended::Cancelled => {
                self.out
                    .json(&serde_json::json!({ "event": "cancelled" }))?;
                self.out
                    .line("cancelled; what was stored until then is kept")?;
                Ok(ExitCode::from(INTERRUPTED))
            }
        }
    }

    /// Prints a result.
    fn done<T: Serialize>(
        &self,
        value: &T,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        self.out.result(value, show)?;
        Ok(ExitCode::SUCCESS)
    }

    fn new_project(&self, file: &Path) -> Result<ExitCode> {
        let engine = Engine::create(file)?;
        let path = engine.path().display().to_string();
        self.done(&serde_json::json!({ "project": path }), |_| {
            self.out.line(format!("made {path}"))?;
            self.out.line("next: `repartee import FILE ...`, or `repartee demo` to see the whole loop on synthetic data")
        })
    }

    fn job(&self, command: JobCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            JobCommand::List => self.done(&engine.jobs()?, |jobs| {
                if jobs.is_empty() {
                    return self.out.line("no jobs yet");
                }
                let mut table = Table::new(["job", "kind", "state", "begun (UTC)", "progress"]);
                for job in jobs {
                    table.row([
                        short_id(&job.id),
                        job.kind.clone(),
                        state(job),
                        time(job.created_ms),
                        progress(job),
                    ]);
                }
                table.print(self.out)
            }),
            JobCommand::Show { job } => {
                let (info, lines) = (engine.job(&job)?, engine.job_lines(&job)?);
                self.done(&serde_json::json!({ "job": info, "log": lines }), |_| {
                    let mut table = Table::new(["", ""]);
                    table.row(["job", &info.id]);
                    table.row(["kind", &info.kind]);
                    table.row(["state", &state(&info)]);
                    table.row(["begun", &time(info.created_ms)]);
                    if let Some(ended) = info.ended_ms {
                        table.row(["ended", &time(ended)]);
                    }
                    table.row(["progress", &progress(&info)]);
                    table.row(["parameters", &info.params.to_string()]);
                    if let Some(outcome) = &info.outcome {
                        table.row(["outcome", &outcome.to_string()]);
                    }
                    table.print(self.out)?;
                    for (at, text) in &lines {
                        self.out.line(format!("{}  {text}", time(*at)))?;
                    }
                    Ok(())
                })
            }
            JobCommand::Pause { job } => self.done(&engine.pause(&job)?, |job| {
                self.out
                    .line(format!("job {} was asked to pause", short_id(&job.id)))
            }),
            JobCommand::Cancel { job } => {
                self.done(&engine.cancel(&job)?, |job| match job.state.as_str() {
                    "cancelled" => self
                        .out
                        .line(format!("job {} is cancelled", short_id(&job.id))),
                    _ => self
                        .out
                        .line(format!("job {} was asked to end", short_id(&job.id))),
                })
            }
            JobCommand::Resume { job } => {
                let watch = Watch::new(self.out);
                let ended = engine.resume(&job, &|signal| watch.signal(signal));
                drop(watch);
                self.ended(ended?, |outcome| {
                    self.out.line("done")?;
                    self.out.line(serde_json::to_string_pretty(outcome)?)
                })
            }
        }
    }
}

/// The one project file of a folder.
fn only_project(folder: &Path) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| Error::io("list", folder, &e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "repartee") && path.is_file())
        .map(|path| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
        .collect();
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(
            Code::NotFound,
            "no project file in this folder; name one with --project FILE, or make one with `repartee new my.repartee`",
        )
        .into()),
        n => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            Err(Error::usage(format!("{n} project files in this folder ({}); name one with --project", names.join(", "))).into())
        }
    }
}

/// The first Ctrl-C asks the running job to rest or end, the second to end, the third ends the program.
fn listen(engine: &Engine) -> Result<()> {
    let interrupt = engine.interrupt.clone();
    ctrlc::set_handler(move || match interrupt.press() {
        1 => {
            let _ = writeln!(
                std::io::stderr(),
                "\nstopping at the next safe point; once more cancels, a third time ends at once"
            );
        }
        2 => {}
        _ => std::process::exit(i32::from(INTERRUPTED)),
    })
    .map_err(|e| Error::internal(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(())
}

/// The end of a job's id: what differs between jobs of one moment.
fn short_id(id: &str) -> String {
    id.get(id.len().saturating_sub(8)..)
        .unwrap_or(id)
        .to_owned()
}

fn state(job: &JobInfo) -> String {
    match &job.want {
        Some(want) => format!("{}, asked to {want}", job.state),
        None => job.state.clone(),
    }
}

fn progress(job: &JobInfo) -> String {
    let Some(progress) = &job.progress else {
        return String::new();
    };
    let mut text = progress.phase.clone();
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        text.push_str(&format!(
            " {:.0}%",
            progress.done as f64 * 100.0 / total as f64
        ));
    }
    if job.state == "running"
        && let Some(eta) = progress.eta_s
    {
        text.push_str(&format!(", {} left", seconds(eta)));
    }
    text
}
