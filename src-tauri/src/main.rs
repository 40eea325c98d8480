//! The window of Repartee. It only translates: a page asks by one command, [`shell`] passes it on to the
//! engine's desk, and what the desk has to tell goes to the page as one event.
//!
//! The same program is the worker that runs jobs: `repartee-app work PROJECT JOB`.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod shell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use repartee_engine::work::{WORK, work};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let [word, project, job] = args.as_slice()
        && word == WORK
    {
        // how the job ended stands in its row; the status is for whoever looks at processes
        return match work(Path::new(project), &job.to_string_lossy()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    match shell::run(args.into_iter().next().map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("repartee-app: {error}");
            ExitCode::FAILURE
        }
    }
}
