//! `repartee fakes`, `generate` and `generation`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::generation::fakes::MakeFakes;
use repartee_engine::generation::generate::{Generate, Incoming};
use repartee_engine::generation::pick::Criteria;
use repartee_engine::items::ItemKind;
use repartee_engine::{SamplingParams, generation::incoming};

use super::args::{FakesArgs, FakesCommand, GenerateArgs, GenerationCommand, SamplingArgs};
use super::view;
use crate::app::App;
use crate::{bundle, items, terminal};

pub fn fakes(app: &App, command: FakesCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        FakesCommand::Make(args) if args.elsewhere.is_given() => {
            let elsewhere = args.elsewhere.clone();
            let job = fakes_of(args);
            bundle::elsewhere(app, &engine, &elsewhere, || {
                Ok(vec![engine.job_elsewhere(&job)?])
            })
        }
        FakesCommand::Make(args) => app.start(&engine, &fakes_of(args), |set| {
            view::made_fakes(app.out, set)
        }),
        FakesCommand::Item(command) => items::item(app, &engine, ItemKind::Fakes, command),
        FakesCommand::List(args) => {
            let all = engine.fake_sets()?;
            let sets = items::listed(app, &engine, ItemKind::Fakes, all, &args, |s| &s.label)?;
            app.done(&sets, |sets| view::fake_sets(app.out, sets))
        }
        FakesCommand::Show { name, limit } => app
            .done(&engine.fakes_show(&name, limit)?, |fakes| {
                view::fakes(app.out, fakes)
            }),
    }
}

fn fakes_of(args: FakesArgs) -> MakeFakes {
    let usual = MakeFakes::default();
    MakeFakes {
        name: args.name,
        generator: args.generator,
        checkpoint: args.checkpoint,
        replies: args.replies.unwrap_or(usual.replies),
        comments: args.comments.unwrap_or(usual.comments),
        batch: args.batch.unwrap_or(usual.batch),
        sampling: sampling_of(usual.sampling, &args.sampling, args.seed),
        device: args.device.unwrap_or(usual.device),
        precision: args.precision.unwrap_or(usual.precision),
    }
}

pub fn generate(app: &App, args: GenerateArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let job = generate_of(args)?;
    app.start(&engine, &job, |generated| {
        view::generated(app.out, generated, job.queue)
    })
}

fn generate_of(args: GenerateArgs) -> Result<Generate> {
    let (comments, origin) = comments_of(args.comment, args.file.as_deref())?;
    let usual = Generate::default();
    Ok(Generate {
        comments,
        stored: usual.stored,
        context: usual.context,
        given: 0,
        unseen: args.unseen.unwrap_or(0),
        origin: origin.to_owned(),
        generator: args.generator,
        realism: args.realism,
        upvotes: args.upvotes,
        checkpoint: args.checkpoint,
        candidates: args.candidates.unwrap_or(usual.candidates),
        sampling: sampling_of(usual.sampling, &args.sampling, args.seed),
        criteria: Criteria {
            min_p_real: args.min_p_real,
            max_chars: args.max_chars.unwrap_or(usual.criteria.max_chars),
            per_thread: args.per_thread.unwrap_or(usual.criteria.per_thread),
            keep_flagged: args.keep_flagged,
        },
        queue: !args.no_queue,
        device: args.device.unwrap_or(usual.device),
        precision: args.precision.unwrap_or(usual.precision),
        batch: usual.batch,
    })
}

/// The comments to answer, and where they come from.
fn comments_of(texts: Vec<String>, file: Option<&Path>) -> Result<(Vec<Incoming>, &'static str)> {
    let mut comments = Vec::new();
    for text in texts {
        let comment = match text.as_str() {
            "-" => std::io::read_to_string(std::io::stdin())?,
            _ => text,
        };
        comments.push(Incoming {
            comment,
            ..Incoming::default()
        });
    }
    let Some(file) = file else {
        return Ok((comments, "pasted"));
    };
    let read = incoming::read(file)?;
    for line in &read.left_out {
        terminal::err_line(&format!("Left out: {line}"));
    }
    comments.extend(read.comments);
    Ok((comments, "file"))
}

/// The usual decoding settings, overridden by the flags.
fn sampling_of(usual: SamplingParams, flags: &SamplingArgs, seed: Option<u64>) -> SamplingParams {
    SamplingParams {
        max_new_tokens: flags.max_new_tokens.unwrap_or(usual.max_new_tokens),
        temperature: flags.temperature.unwrap_or(usual.temperature),
        top_k: flags.top_k.unwrap_or(usual.top_k),
        top_p: flags.top_p.unwrap_or(usual.top_p),
        min_p: flags.min_p.unwrap_or(usual.min_p),
        repetition_penalty: flags.repetition_penalty.unwrap_or(usual.repetition_penalty),
        no_repeat_ngram: flags.no_repeat_ngram.unwrap_or(usual.no_repeat_ngram),
        seed: seed.unwrap_or(usual.seed),
    }
}

pub fn generation(app: &App, command: GenerationCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        GenerationCommand::List(args) => {
            let all = engine.generations()?;
            let kind = ItemKind::Generation;
            let all = items::listed(app, &engine, kind, all, &args, |one| &one.label)?;
            app.done(&all, |all| view::generations(app.out, all))
        }
        GenerationCommand::Item(command) => {
            items::item(app, &engine, ItemKind::Generation, command)
        }
    }
}
