//! `repartee train`, `repartee run` and `repartee rerun`.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::again::TrainAgain;
use repartee_engine::items::ItemKind;
use repartee_engine::rerun::{Rerun, default_name};
use repartee_engine::sweep::{PRUNE_AFTER, Sweep, TRIALS};
use repartee_engine::training::Train;
use repartee_engine::training::run_config::{ModelKind, RunConfig};
use repartee_engine::{Error, shell};

use super::args::{RerunArgs, RunCommand, SweepArgs, SweepCommand, TrainArgs, TrainCommand};
use super::view;
use crate::app::App;
use crate::items::args::ListArgs;
use crate::{bundle, items, terminal};

pub fn train(app: &App, command: TrainCommand) -> Result<ExitCode> {
    match command {
        TrainCommand::Generator(args) => train_kind(app, ModelKind::Generator, &args),
        TrainCommand::Realism(args) => train_kind(app, ModelKind::Realism, &args),
        TrainCommand::Upvotes(args) => train_kind(app, ModelKind::Upvotes, &args),
        TrainCommand::Sweep { command } => sweep(app, command),
        TrainCommand::List(args) => list(app, &args),
        TrainCommand::Again { run, plan, .. } => again(app, run, plan),
        TrainCommand::Marked => app.done(&app.engine()?.posting().deleted_content()?, |all| {
            view::marked(app.out, all)
        }),
        TrainCommand::Show { run } => show(app, &run),
    }
}

pub fn run(app: &App, command: RunCommand) -> Result<ExitCode> {
    match command {
        RunCommand::List(args) => list(app, &args),
        RunCommand::Show { run } => show(app, &run),
        RunCommand::Hash { run } => app.done(&app.engine()?.weights_hashes(&run)?, |hashes| {
            view::hashes(app.out, hashes)
        }),
        RunCommand::Item(command) => items::item(app, &*app.engine()?, ItemKind::Run, command),
    }
}

fn list(app: &App, args: &ListArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let runs = items::listed(app, &engine, ItemKind::Run, engine.runs()?, args, |run| {
        &run.label
    })?;
    app.done(&runs, |runs| view::runs(app.out, runs))
}

fn show(app: &App, run: &str) -> Result<ExitCode> {
    app.done(&app.engine()?.run_show(run)?, |run| view::run(app.out, run))
}

fn train_kind(app: &App, kind: ModelKind, args: &TrainArgs) -> Result<ExitCode> {
    let config = config_of(kind, args)?;
    if let Some(file) = &args.write_config {
        return write_config(app, &config, file);
    }
    let engine = app.engine()?;
    if args.estimate {
        return app.done(&engine.train_estimate(&config)?, |facts| {
            view::facts(app.out, facts)
        });
    }
    if args.elsewhere.is_given() {
        return bundle::elsewhere(app, &engine, &args.elsewhere, || {
            Ok(vec![engine.train_elsewhere(&config)?])
        });
    }
    app.start(&engine, &Train::new(&config)?, |trained| {
        view::trained(app.out, kind, trained)
    })
}

fn sweep(app: &App, command: SweepCommand) -> Result<ExitCode> {
    let (kind, args) = match command {
        SweepCommand::Generator(args) => (ModelKind::Generator, args),
        SweepCommand::Realism(args) => (ModelKind::Realism, args),
        SweepCommand::Upvotes(args) => (ModelKind::Upvotes, args),
        SweepCommand::List => {
            return app.done(&app.engine()?.sweeps()?, |all| view::sweeps(app.out, all));
        }
        SweepCommand::Show { sweep } => {
            return app.done(&app.engine()?.sweep_show(&sweep)?, |sweep| {
                view::sweep(app.out, sweep)
            });
        }
    };
    let SweepArgs {
        config,
        settings,
        set,
        grid,
        random,
        trials,
        seeds,
        prune,
        prune_after,
        elsewhere,
    } = *args;
    let shared = TrainArgs {
        config,
        settings,
        set,
        ..TrainArgs::default()
    };
    let config = config_of(kind, &shared)?;
    let job = Sweep {
        trials: match random.is_empty() {
            true => 0,
            false => trials.unwrap_or(TRIALS),
        },
        seeds: match seeds.is_empty() {
            true => vec![config.seed],
            false => seeds,
        },
        config,
        grid,
        random,
        prune,
        prune_after: prune_after.unwrap_or(PRUNE_AFTER),
    };
    let engine = app.engine()?;
    if elsewhere.is_given() {
        return bundle::elsewhere(app, &engine, &elsewhere, || {
            Ok(engine.sweep_elsewhere(&job)?.1)
        });
    }
    app.start(&engine, &job, |sweep| view::sweep(app.out, sweep))
}

fn again(app: &App, run: String, plan: bool) -> Result<ExitCode> {
    let engine = app.engine()?;
    if plan {
        return app.done(&engine.train_again_plan(&run)?, |steps| {
            steps.iter().try_for_each(|step| {
                app.out
                    .line(format!("{} {} as {}", step.kind, step.old, step.new))
            })
        });
    }
    let job = TrainAgain { run };
    app.start(&engine, &job, |again| {
        view::trained_again(app.out, &job.run, &again.trained.run)
    })
}

/// Repeats a run. It is negative if the two differ under the same conditions.
pub fn rerun(app: &App, args: RerunArgs) -> Result<ExitCode> {
    let RerunArgs { run, name } = args;
    let name = name.unwrap_or_else(|| default_name(&run));
    let engine = app.engine()?;
    app.start_checked(
        &engine,
        &Rerun { run, name },
        |reran| reran.same_conditions && !reran.identical,
        |reran| view::reran(app.out, reran),
    )
}

/// The settings of a run: the file's or the defaults, overridden by the flags.
fn config_of(kind: ModelKind, args: &TrainArgs) -> Result<RunConfig> {
    let mut config = match &args.config {
        None => RunConfig::of(kind),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|e| Error::io("read", file, &e))?;
            RunConfig::from_toml(&text).map_err(|e| e.with(format!("in {}", file.display())))?
        }
    };
    if config.kind != kind {
        return Err(Error::usage(format!(
            "this is the config of {}; use `repartee train {}`",
            config.kind.model(),
            config.kind.as_str()
        ))
        .into());
    }
    for (name, typed) in &args.settings.0 {
        config.set(name, typed)?;
    }
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("--set takes KEY=VALUE, not {pair:?}")))?;
        config.set(key.trim(), value.trim())?;
    }
    config.check()?;
    Ok(config)
}

/// Writes a run config to a new file, or to standard output.
fn write_config(app: &App, config: &RunConfig, file: &Path) -> Result<ExitCode> {
    let toml = config.to_toml()?;
    if file == Path::new("-") {
        terminal::out_lines("", toml.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut new = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .map_err(|e| Error::io("make", file, &e))?;
    new.write_all(toml.as_bytes())
        .map_err(|e| Error::io("write", file, &e))?;
    app.done(&serde_json::json!({ "wrote": file }), |_| {
        let train = shell::command([
            OsStr::new("train"),
            config.kind.as_str().as_ref(),
            "--config".as_ref(),
            file.as_os_str(),
        ]);
        app.out.line(format!(
            "Wrote {}. Edit it, then run `{train}`",
            file.display()
        ))
    })
}
