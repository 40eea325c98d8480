//! The desktop application. A thin layer: the page calls one command, [`shell`] passes it on to the
//! engine's app state, and events of the app are emitted to the page.
//!
//! The same program is the worker process of jobs: `repartee-app work PROJECT JOB`.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod shell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use repartee_engine::kinds::work;
use repartee_engine::work::WORK;

/// Without a graphics card, WebKitGTK would composite with OpenGL in software: the window starts half as
/// fast, takes 85 MiB more memory and draws a third of the frames. Turning compositing off is better,
/// although a scrolling page is then drawn as a whole: on a busy machine single blocks took up to twice as long.
#[cfg(target_os = "linux")]
fn disable_compositing_without_gpu() {
    const SWITCH: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";
    let is_card =
        |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("renderD");
    let card = std::fs::read_dir("/dev/dri").is_ok_and(|devices| devices.flatten().any(is_card))
        || Path::new("/dev/nvidia0").exists();
    if !card && std::env::var_os(SWITCH).is_none() {
        // SAFETY: no other thread runs yet that could read the environment.
        unsafe { std::env::set_var(SWITCH, "1") };
    }
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let [word, project, job] = args.as_slice()
        && word == WORK
    {
        // the result is stored in the job's row; the exit status is only informative
        return match work(Path::new(project), &job.to_string_lossy()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    #[cfg(target_os = "linux")]
    disable_compositing_without_gpu();
    match shell::run(args.into_iter().next().map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("repartee-app: {error}");
            ExitCode::FAILURE
        }
    }
}
