//! `repartee bench`. With `--json`, a measurement is one line without an envelope, which makes measurements easy to
//! compare.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::bench::{Bench, What};
use repartee_engine::bench_import::{BenchImport, bench_import};

use super::args::{BenchArgs, BenchCommand};
use super::view;
use crate::app::App;
use crate::out::Out;
use crate::watch::Watch;

pub fn bench(app: &App, command: BenchCommand) -> Result<ExitCode> {
    match command {
        BenchCommand::Train(args) => model(app, What::Train, args),
        BenchCommand::Generate(args) => model(app, What::Generate, args),
        BenchCommand::Score(args) => model(app, What::Score, args),
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

fn model(app: &App, what: What, args: BenchArgs) -> Result<ExitCode> {
    let bench = Bench {
        what,
        model: args.model.unwrap_or_else(|| what.usual_model().to_owned()),
        batch: args.batch,
        length: args.length,
        prompt: args.prompt,
        steps: args.steps,
        dtype: args.dtype,
        device: args.device,
    };
    let measured = bench.run()?;
    match app.out.json {
        true => app.out.json(&measured)?,
        false => view::model(app.out, &measured)?,
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
