//! `repartee bench`. With `--json`, a measurement is one line without an envelope, which makes measurements easy to
//! compare.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::bench::{Bench, What};
use repartee_engine::bench_import::{BenchImport, bench_import};
use repartee_engine::bench_limits;
use repartee_engine::bench_pipeline::BenchPipeline;

use super::args::{BenchArgs, BenchCommand, PipelineArgs};
use super::view;
use crate::app::App;
use crate::out::Out;
use crate::watch::Watch;

pub fn bench(app: &App, command: BenchCommand) -> Result<ExitCode> {
    match command {
        BenchCommand::Train(args) => model(app, settings(What::Train, args)),
        BenchCommand::Generate {
            args,
            candidates,
            rows,
        } => {
            let bench = settings(What::Generate, args);
            model(
                app,
                Bench {
                    candidates,
                    rows,
                    ..bench
                },
            )
        }
        BenchCommand::Score {
            args,
            pairs,
            tokenizer,
        } => {
            let bench = settings(What::Score, args);
            model(
                app,
                Bench {
                    pairs,
                    tokenizer,
                    ..bench
                },
            )
        }
        BenchCommand::Pipeline(args) => pipeline(app, args),
        BenchCommand::Limits => limits(app),
        BenchCommand::Import {
            file,
            write,
            subreddit,
        } => import(
            app,
            &BenchImport {
                file,
                write_mb: write,
                subreddits: subreddit,
            },
        ),
    }
}

/// The settings that training, generating and scoring share.
fn settings(what: What, args: BenchArgs) -> Bench {
    Bench {
        what,
        model: args.model.unwrap_or_else(|| what.usual_model().to_owned()),
        batch: args.batch,
        length: args.length,
        prompt: args.prompt,
        candidates: 1,
        rows: None,
        pairs: None,
        tokenizer: None,
        steps: args.steps,
        dtype: args.dtype,
        device: args.device,
    }
}

fn model(app: &App, bench: Bench) -> Result<ExitCode> {
    let measured = bench.run()?;
    match app.out.json {
        true => app.out.json(&measured)?,
        false => view::model(app.out, &measured)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn pipeline(app: &App, args: PipelineArgs) -> Result<ExitCode> {
    let bench = BenchPipeline {
        model: args.model,
        classifier: args.classifier,
        candidates: args.candidates,
        prompt: args.prompt,
        length: args.length,
        steps: args.steps,
        dtype: args.dtype,
        device: args.device,
    };
    let measured = bench.run()?;
    match app.out.json {
        true => app.out.json(&measured)?,
        false => view::pipeline(app.out, &measured)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn limits(app: &App) -> Result<ExitCode> {
    let measured = bench_limits::limits();
    match app.out.json {
        true => app.out.json(&measured)?,
        false => view::limits(app.out, &measured)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn import(app: &App, bench: &BenchImport) -> Result<ExitCode> {
    let watch = Watch::new(Out {
        quiet: true,
        json: false,
    });
    let measured = bench_import(bench, &|signal| watch.signal(signal));
    drop(watch);
    let measured = measured?;
    match app.out.json {
        true => app.out.json(&measured)?,
        false => view::import(app.out, &measured)?,
    }
    Ok(ExitCode::SUCCESS)
}
