//! `repartee reddit fetch`, `threads`, `draft` and `export`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::Engine;
use repartee_engine::generation::draft::DraftReplies;
use repartee_engine::generation::generate::Generate;
use repartee_engine::posting::Fetch;

use super::args::{DraftArgs, FetchArgs};
use super::view;
use crate::app::App;
use crate::generation;
use crate::out::counted;

pub fn fetch(app: &App, engine: &Engine, args: FetchArgs) -> Result<ExitCode> {
    app.start(engine, &fetch_of(args), |fetched| {
        view::threads(app.out, &fetched.threads)?;
        fetched
            .passed_over
            .iter()
            .try_for_each(|(name, why)| app.out.line(format!("Skipped {name}: {why}")))
    })
}

fn fetch_of(args: FetchArgs) -> Fetch {
    let usual = Fetch::default();
    let (posts, subreddits) = args
        .from
        .into_iter()
        .partition(|from| from.contains("://") || from.starts_with("t3_"));
    Fetch {
        account: args.which.account,
        subreddits,
        posts,
        limit: args.limit.unwrap_or(usual.limit),
        min_score: args.min_score.unwrap_or(usual.min_score),
        min_comment_score: args.min_comment_score,
        max_age_h: args.max_age.unwrap_or(usual.max_age_h),
        calls: usual.calls,
    }
}

pub fn threads(app: &App, engine: &Engine, thread: Option<i64>) -> Result<ExitCode> {
    match thread {
        None => app.done(&engine.posting().threads()?, |threads| {
            view::threads(app.out, threads)
        }),
        Some(id) => app.done(&engine.posting().thread(id)?, |story| {
            view::thread(app.out, story)
        }),
    }
}

pub fn draft(app: &App, engine: &Engine, args: DraftArgs) -> Result<ExitCode> {
    app.start(engine, &draft_of(args), |drafted| {
        match &drafted.generated {
            None => app.out.line("No comments to answer"),
            Some(generated) => {
                app.out.line(format!(
                    "Generated candidates for {}",
                    counted(generated.comments.len(), "comment", "comments")
                ))?;
                generation::precisions(app.out, generated)?;
                generation::queued(app.out, generated)
            }
        }
    })
}

fn draft_of(args: DraftArgs) -> DraftReplies {
    let mut generate = Generate {
        generator: args.generator,
        realism: args.realism,
        upvotes: args.upvotes,
        ..Generate::default()
    };
    generate.candidates = args.candidates.unwrap_or(generate.candidates);
    generate.criteria.min_p_real = args.min_p_real;
    generate.criteria.keep_flagged = args.keep_flagged;
    generate.sampling.max_new_tokens = args
        .max_new_tokens
        .unwrap_or(generate.sampling.max_new_tokens);
    generate.sampling.seed = args.seed.unwrap_or(generate.sampling.seed);
    generate.device = args.device.unwrap_or(generate.device);
    generate.precision = args.precision.unwrap_or(generate.precision);
    let usual = DraftReplies::default();
    DraftReplies {
        fetch: args.fetch.then(|| Fetch {
            account: args.which.account,
            ..Fetch::default()
        }),
        threads: args.thread,
        comments: args.comments.unwrap_or(usual.comments),
        context: args.context.then_some(true),
        generate,
    }
}

pub fn export(app: &App, engine: &Engine, file: &Path, threads: &[i64]) -> Result<ExitCode> {
    let n = engine.posting().threads_export(file, threads)?;
    app.done(&serde_json::json!({ "wrote": file, "threads": n }), |_| {
        app.out.line(format!(
            "Wrote {} ({})",
            file.display(),
            counted(n, "thread", "threads")
        ))
    })
}
