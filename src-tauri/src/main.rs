//! The window of Repartee. It only translates: a page asks by one command, [`shell`] passes it on to the
//! engine's app state, and what the app has to tell goes to the page as one event.
//!
//! The same program is the worker that runs jobs: `repartee-app work PROJECT JOB`.
#![cfg_attr(all(windows, not(debug_assertions)), windows_subsystem = "windows")]

mod shell;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use repartee_engine::work::{WORK, work};

/// Where there is no graphics card, WebKitGTK would compose its layers with OpenGL in software: the window
/// starts half as fast, holds 85 MiB more, and draws a third of the frames. Composing none is better
/// then, though a page that scrolls is drawn whole: on a busy machine single blocks got up to twice as long.
#[cfg(target_os = "linux")]
fn draw_without_card() {
    const SWITCH: &str = "WEBKIT_DISABLE_COMPOSITING_MODE";
    let is_card =
        |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("renderD");
    let card = std::fs::read_dir("/dev/dri").is_ok_and(|devices| devices.flatten().any(is_card))
        || Path::new("/dev/nvidia0").exists();
    if !card && std::env::var_os(SWITCH).is_none() {
        // SAFETY: no other thread is there yet that could read the environment.
        unsafe { std::env::set_var(SWITCH, "1") };
    }
}

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
    #[cfg(target_os = "linux")]
    draw_without_card();
    match shell::run(args.into_iter().next().map(PathBuf::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("repartee-app: {error}");
            ExitCode::FAILURE
        }
    }
}
