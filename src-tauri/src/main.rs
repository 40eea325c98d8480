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
    let project = match args.as_slice() {
        [] => None,
        [word] if word == "--help" || word == "-h" => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        [word] if word == "--version" || word == "-V" => {
            println!("repartee-app {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        [file] if !file.to_string_lossy().starts_with('-') => Some(PathBuf::from(file)),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    #[cfg(target_os = "linux")]
    {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY") {
            return no_window("there is no display: DISPLAY and WAYLAND_DISPLAY are not set");
        }
        disable_compositing_without_gpu();
    }
    std::panic::set_hook(Box::new(report_panic));
    match std::panic::catch_unwind(|| shell::run(project)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => no_window(&error.to_string()),
        Err(_) => ExitCode::FAILURE,
    }
}

const HELP: &str = "Repartee's window\n\nUsage: repartee-app [PROJECT]\n\n  PROJECT  A project file to open\n\nThe command line is `repartee`.";

fn no_window(why: &str) -> ExitCode {
    eprintln!(
        "repartee-app: cannot open a window: {why}. Without one, use the command line: repartee --help"
    );
    ExitCode::FAILURE
}

/// Prints a panic as a sentence. The toolkit panics if the display can't be reached.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("no message");
    if what.contains("initialize gtk") {
        no_window("the display can't be reached");
        return;
    }
    let place = panic
        .location()
        .map_or_else(String::new, |at| format!(" at {at}"));
    eprintln!("repartee-app panicked{place}: {what}. This is a bug in repartee");
}
