//! `repartee`, the command line: translates between a person (or a script) and the engine.
//!
//! Exit status: 0 done, 1 a negative result (a check that found something), 2 usage or failure, 130
//! cancelled or paused from the keyboard.

mod args;
mod columns;
mod defaults;
#[cfg(test)]
mod old_names;
mod out;
mod reddit_args;
mod run;
mod study_args;
mod terminal;
mod watch;

use std::io;
use std::process::ExitCode;

use args::{Cli, Common};
use clap::{Command, CommandFactory, FromArgMatches};
use repartee_engine::{Code, Error};

/// Does what this process's arguments say, and gives its exit status. The whole of the binary `repartee`;
/// a function, so that the tests' own copy of it is built together with them.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |at| format!(" at {at}"));
        let what = panic.payload_as_str().unwrap_or("no word of what");
        terminal::err_line(&format!(
            "a fault of repartee's own: it panicked{place}: {what}"
        ));
    }));
    let parsed = command()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // help and version come this way too; where nobody reads them any more, there is no one to tell
            print_usage(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    if let Err(error) = set_threads(cli.common.threads) {
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
        // its own colors would be escaped with the rest
        .with_ansi(false)
        .init();
    let common = cli.common.clone();
    match run::run(cli) {
        Ok(code) => code,
        Err(error) => fail(&common, &error),
    }
}

/// The command line as it is shown: with every default, and the columns of every list.
pub(crate) fn command() -> Command {
    columns::shown(defaults::shown(Cli::command()))
}

/// Help, the version, or what is wrong with the arguments. An argument can be the name of a file that somebody
/// else made.
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
        // SAFETY: the program has one thread yet; nothing reads the environment meanwhile.
        unsafe { std::env::set_var(name, threads.to_string()) };
    }
    Ok(())
}

/// Tells what went wrong and gives the exit status for it.
fn fail(common: &Common, error: &anyhow::Error) -> ExitCode {
    // a reader that has seen enough (`| head`) is not an error
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
