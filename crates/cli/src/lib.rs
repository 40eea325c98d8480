//! `repartee`, the command line. This file parses the arguments and dispatches to the areas; each area has its flags
//! in `args`, its commands in `run` and its output in `view`.
//!
//! Exit status: 0 success, 1 a negative result (such as a failed check), 2 usage error or failure, 75 paused by SIGTERM
//! or SIGUSR1, 130 canceled or paused from the keyboard or by another process.

mod app;
mod bench;
mod bundle;
mod cli;
mod cluster;
mod columns;
mod confirm;
mod data;
mod defaults;
mod editor;
mod evaluation;
mod flags;
mod generation;
mod items;
mod jobs;
mod models;
#[cfg(test)]
mod old_names;
mod out;
mod pipeline;
mod preempt;
mod project;
mod queue;
mod reddit;
mod study;
mod terminal;
mod training;
mod watch;

#[cfg(test)]
mod help;

use std::io;
use std::process::ExitCode;

use anyhow::Result;
use app::App;
use clap::{CommandFactory, FromArgMatches};
use cli::{Cli, Command};
use flags::Common;
use pipeline::args::PipelineArgs;
use repartee_engine::{Code, Error};

/// Runs the command of this process's arguments and returns its exit status. A function, so that the tests' copy of
/// the binary is built together with them.
pub fn main() -> ExitCode {
    // before anything is read: a scheduler can change its mind at any moment
    preempt::hold();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {at}"));
        let what = panic.payload_as_str().unwrap_or("no message");
        terminal::err_line(&format!(
            "repartee panicked{place}: {what}. This is a bug in repartee"
        ));
    }));
    let parsed = command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too. A closed pipe is not an error.
            print_usage(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if !cli.command.may_pause() {
        preempt::let_go();
    }
    let threads = cli.common.threads.or_else(|| cli.command.threads());
    if let Err(error) = set_threads(threads) {
        return fail(&cli.common, &error.into());
    }
    let level = match cli.common.verbose {
        0 => "error",
        1 => {
            "warn,repartee_engine=info,repartee_models=info,repartee_store=info,repartee_datasets=info,repartee_reddit=info"
        }
        _ => {
            "info,repartee_engine=debug,repartee_models=debug,repartee_store=debug,repartee_datasets=debug,repartee_reddit=debug"
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("REPARTEE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| terminal::Log)
        // Colors would be escaped like other control characters.
        .with_ansi(false)
        .init();
    let common = cli.common.clone();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => fail(&common, &error),
    }
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    let common = Common {
        project: cli.command.project().or(cli.common.project.clone()),
        ..cli.common.clone()
    };
    let app = &App::new(&common);
    if cli.common.queue && !cli.command.starts_a_job() {
        return Err(Error::usage(
            "--queue is for commands that start a job, such as train, fakes make and evaluate",
        )
        .into());
    }
    match cli.command {
        Command::New { file } => project::new(app, &file),
        Command::Import(args) => data::import(app, args),
        Command::Source { command } => data::source(app, command),
        Command::Study { command } => study::study(app, command),
        Command::Pairs { command } => data::pairs(app, command),
        Command::Split { command } => data::split(app, command),
        Command::Base { command } => models::base(app, command),
        Command::Train { command } => training::train(app, command),
        Command::Run {
            pipeline,
            command: None,
        } => pipeline::pipeline(app, pipeline),
        Command::Run {
            pipeline,
            command: Some(command),
        } => {
            if pipeline != PipelineArgs::default() {
                return Err(Error::usage(
                    "the flags of `repartee run` are for the pipeline; omit them before a subcommand such as list",
                )
                .into());
            }
            training::run(app, command)
        }
        Command::Rerun(args) => training::rerun(app, args),
        Command::Fakes { command } => generation::fakes(app, command),
        Command::Evaluate(args) => evaluation::evaluate(app, args),
        Command::Evaluation { command } => evaluation::evaluation(app, command),
        Command::Quality(args) => evaluation::quality(app, args),
        Command::Chart(args) => evaluation::chart(app, args),
        Command::Report(args) => evaluation::report(app, args),
        Command::Generate(args) => generation::generate(app, args),
        Command::Generation { command } => generation::generation(app, command),
        Command::Queue { command } => queue::queue(app, command),
        Command::Reddit { command } => reddit::reddit(app, *command),
        Command::Export { command } => project::export(app, command),
        Command::Job { command } => jobs::job(app, command),
        Command::Check { repair } => project::check(app, repair),
        Command::Compact => project::compact(app),
        Command::Size => project::size(app),
        Command::Doctor => project::doctor(app),
        Command::Demo(args) => project::demo(app, &args),
        Command::Bench { command } => bench::bench(app, command),
        Command::Bundle { command } => bundle::bundle(app, command),
        Command::Work(args) => bundle::work(app, &args),
        Command::Cluster { command } => cluster::cluster(app, command),
        Command::Completions { shell } => project::completions(shell),
    }
}

/// The command line with every default and the columns of every list in its help.
pub(crate) fn command() -> clap::Command {
    columns::shown(defaults::shown(Cli::command()))
}

/// Prints help, the version, or a usage error. Arguments are escaped: one may be the name of a file that somebody else
/// made.
fn print_usage(error: &clap::Error) {
    let text = error.to_string();
    let breaks = std::env::args_os().any(|arg| arg.to_string_lossy().contains('\n'));
    if text == terminal::visible(&text) && !breaks {
        let _ = error.print();
        return;
    }
    terminal::err_line(text.trim_end());
}

/// rayon and candle read the number of threads from the environment when they are first used.
fn set_threads(threads: Option<usize>) -> Result<(), Error> {
    let Some(threads) = threads else {
        return Ok(());
    };
    if !(1..=1024).contains(&threads) {
        return Err(Error::usage(format!(
            "--threads is {threads}; it must be between 1 and 1024"
        )));
    }
    for name in ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS"] {
        // SAFETY: no other thread has started yet that could read the environment.
        unsafe { std::env::set_var(name, threads.to_string()) };
    }
    Ok(())
}

/// Prints an error and returns its exit status.
fn fail(common: &Common, error: &anyhow::Error) -> ExitCode {
    // A closed pipe (`| head`) is not an error.
    let gone = |e: &io::Error| e.kind() == io::ErrorKind::BrokenPipe;
    if error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(gone))
    {
        return ExitCode::SUCCESS;
    }
    let error = match error.downcast_ref::<Error>() {
        Some(error) => error.clone(),
        None => error
            .chain()
            .skip(1)
            .fold(Error::new(Code::Io, error.to_string()), |e, cause| {
                e.with(cause.to_string())
            }),
    };
    if common.json {
        let line = serde_json::json!({ "event": "error", "error": error });
        let _ = terminal::out_json(&line.to_string());
    }
    let mut text = format!("repartee: {}", error.message);
    for line in &error.detail {
        text.push('\n');
        text.push_str(line);
    }
    terminal::err_line(&text);
    ExitCode::from(if error.code == Code::Negative { 1 } else { 2 })
}
