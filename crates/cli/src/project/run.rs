//! `repartee new`, `check`, `compact`, `size`, `doctor`, `demo` and `completions`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::check::repair;
use repartee_engine::demo::{Demo, demo_project};
use repartee_engine::{Code, Engine, Signal};

use super::args::DemoArgs;
use super::view;
use crate::app::{App, NEGATIVE, listen, say_migrated};
use crate::terminal;
use crate::watch::Watch;

pub fn new(app: &App, file: &Path) -> Result<ExitCode> {
    let engine = Engine::create(with_ending(file))?;
    let path = engine.path().display().to_string();
    app.done(&serde_json::json!({ "project": path }), |_| {
        app.out.line(format!("Created {path}"))?;
        app.out.line(
            "Next: `repartee import FILE ...`, or `repartee demo` to try the full pipeline on synthetic data",
        )
    })
}

/// The file with the ending by which later commands find it.
fn with_ending(file: &Path) -> PathBuf {
    match file.extension() {
        Some(ending) if ending == "repartee" => file.to_owned(),
        _ => {
            let mut name = file.as_os_str().to_owned();
            name.push(".repartee");
            PathBuf::from(name)
        }
    }
}

pub fn check(app: &App, repairs: bool) -> Result<ExitCode> {
    let path = app.path()?;
    if repairs {
        let done = repair(&path)?;
        app.out
            .json(&serde_json::json!({ "event": "repaired", "repaired": done }))?;
        view::repaired(app.out, &done)?;
    }
    let engine = match Engine::open(&path) {
        Err(error) if error.code == Code::ForeignProject => Engine::open_to_check(&path)?,
        opened => opened?,
    };
    say_migrated(&engine);
    listen(&engine.interrupt)?;
    let watch = Watch::new(app.out);
    let found = engine.check(&|progress| watch.signal(Signal::Progress(progress)));
    drop(watch);
    let found = found?;
    app.print(&found, |found| view::check(app.out, found))?;
    Ok(status(found.whole))
}

pub fn compact(app: &App) -> Result<ExitCode> {
    app.done(&app.engine()?.compact()?, |done| {
        view::compact(app.out, done)
    })
}

pub fn size(app: &App) -> Result<ExitCode> {
    app.done(&app.engine()?.size()?, |size| view::size(app.out, size))
}

pub fn doctor(app: &App) -> Result<ExitCode> {
    let doctor = repartee_engine::doctor::doctor(app.path_if_any().as_deref());
    app.print(&doctor, |doctor| view::doctor(app.out, doctor))?;
    Ok(status(doctor.is_well()))
}

fn status(good: bool) -> ExitCode {
    match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NEGATIVE),
    }
}

pub fn demo(app: &App, args: &DemoArgs) -> Result<ExitCode> {
    let usual = Demo::default();
    let sizes = Demo {
        threads: args.sample_threads.map_or(usual.threads, |n| n as u64),
        scale: args.scale.unwrap_or(usual.scale),
        device: args.device.clone(),
        ..usual
    };
    let engine = demo_project(&args.folder, &sizes)?;
    listen(&engine.interrupt)?;
    app.start(&engine, &sizes, |report| view::demo(app.out, report))
}

pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    // Into memory first: clap_complete panics if standard output is a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "repartee", &mut script);
    terminal::out_script(&script)?;
    Ok(ExitCode::SUCCESS)
}
