//! `repartee reddit outbox`, `post`, `resolve`, `edit` and what else is done with a reply on Reddit.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::posting::{OutboxStory, Post, ReadOutcomes, Reconcile, Settle};
use repartee_engine::terms::ReplyState;
use repartee_engine::{Engine, Error};

use super::args::{EditArgs, PostArgs, ResolveArgs};
use super::view;
use crate::app::{App, person};
use crate::confirm::{self, Decision};
use crate::{editor, queue, terminal};

pub fn outbox(
    app: &App,
    engine: &Engine,
    reply: Option<i64>,
    state: Option<ReplyState>,
) -> Result<ExitCode> {
    match reply {
        Some(id) => shown(app, &engine.posting().outbox_story(id)?),
        None => app.done(&engine.posting().outbox(state)?, |outbox| {
            view::outbox(app.out, outbox)
        }),
    }
}

/// Prints a reply with its attempts; most commands about one reply end with it.
fn shown(app: &App, story: &OutboxStory) -> Result<ExitCode> {
    app.done(story, |story| view::outbox_story(app.out, story))
}

/// Posts; it is a negative result if a named reply was not posted, or, in a dry run, could not be posted now.
pub fn post(app: &App, engine: &Engine, args: PostArgs) -> Result<ExitCode> {
    let live = match (args.live, args.dry_run) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    };
    let named = args.reply.clone();
    let job = Post {
        account: args.which.account,
        replies: args.reply,
        live,
        wait: args.wait,
        skip_pause: args.skip_pause,
    };
    app.start_checked(
        engine,
        &job,
        |report| report.is_refused() || report.misses(&named),
        |report| view::post_report(app.out, report),
    )
}

pub fn reconcile(app: &App, engine: &Engine, account: String, wait: bool) -> Result<ExitCode> {
    app.start(engine, &Reconcile { account, wait }, |done| {
        app.out.line(format!(
            "{} found, {} not on Reddit, {} still uncertain",
            done.posted.len(),
            done.absent.len(),
            done.open.len()
        ))
    })
}

pub fn resolve(app: &App, engine: &Engine, args: ResolveArgs) -> Result<ExitCode> {
    let (reply, who) = (args.reply, person(args.who.who));
    let settle = match (args.resend, args.give_up, args.posted) {
        (true, ..) => {
            let (seen, command) = (args.seen.as_deref(), "reddit resolve --resend");
            match confirm::confirmed_reply(app, engine, reply, seen, "Send again", command)? {
                Some(seen) => Settle::Again { seen },
                None => return confirm::unchanged(app, &format!("Reply {reply}")),
            }
        }
        (_, true, _) => Settle::GiveUp,
        (_, _, Some(link)) => Settle::Posted { link },
        _ => return Err(Error::usage("pass --resend, --give-up or --posted LINK").into()),
    };
    shown(app, &engine.posting().reply_settle(reply, &settle, &who)?)
}

pub fn posted(
    app: &App,
    engine: &Engine,
    reply: i64,
    link: &str,
    seen: Option<&str>,
    who: &str,
) -> Result<ExitCode> {
    let question = "Did you post, exactly as shown,";
    let seen = confirm::confirmed_reply(app, engine, reply, seen, question, "reddit posted")?;
    let Some(seen) = seen else {
        return confirm::unchanged(app, &format!("Reply {reply}"));
    };
    let reply = engine.reply_posted_by_hand(reply, link, &seen, who)?;
    app.done(&reply, |reply| queue::changed(app.out, reply))
}

pub fn withdraw(
    app: &App,
    engine: &Engine,
    reply: i64,
    seen: Option<&str>,
    who: &str,
) -> Result<ExitCode> {
    let (question, command) = ("Delete on Reddit", "reddit withdraw");
    match confirm::confirmed_reply(app, engine, reply, seen, question, command)? {
        Some(seen) => shown(app, &engine.posting().reply_withdraw(reply, &seen, who)?),
        None => confirm::unchanged(app, &format!("Reply {reply}")),
    }
}

pub fn delete_duplicates(
    app: &App,
    engine: &Engine,
    reply: i64,
    seen: Option<&str>,
    who: &str,
) -> Result<ExitCode> {
    app.out
        .line(&engine.posting().outbox_story(reply)?.outbox.detail)?;
    let (question, command) = (
        "Delete all but the oldest copy of",
        "reddit delete-duplicates",
    );
    match confirm::confirmed_reply(app, engine, reply, seen, question, command)? {
        Some(seen) => shown(
            app,
            &engine
                .posting()
                .reply_delete_duplicates(reply, &seen, who)?,
        ),
        None => confirm::unchanged(app, &format!("Reply {reply}")),
    }
}

pub fn edit(app: &App, engine: &Engine, args: EditArgs) -> Result<ExitCode> {
    let reply = args.reply;
    let text = match args.text {
        Some(text) => text,
        None => editor::edit(&engine.reply(reply)?.reply.text)?,
    };
    let edited = engine.posting().rewrite_preview(reply, &text)?;
    if args.preview {
        return app.done(&edited, |edited| view::preview(app.out, edited));
    }
    let decision = Decision {
        now: &edited.seen,
        seen: args.seen.as_deref(),
        question: format!(
            "Change reply {reply} on Reddit to this, as u/{}?",
            edited.account
        ),
        elsewhere: format!(
            "`repartee reddit edit {reply} --text TEXT --preview` prints it, --seen HASH in place of --preview confirms it"
        ),
    };
    match confirm::confirmed(app, &decision, |out| out.lines("  ", &edited.full_text))? {
        Some(seen) => {
            let who = person(args.who.who);
            shown(
                app,
                &engine.posting().reply_rewrite(reply, &text, &seen, &who)?,
            )
        }
        None => confirm::unchanged(app, &format!("Reply {reply}")),
    }
}

/// Confirms that a copied or moved project file is the one to post from.
pub fn adopt(app: &App, engine: &Engine, yes: bool, who: &str) -> Result<ExitCode> {
    let found = engine.posting().project_file()?;
    if found.asks && !yes {
        let what = found.words.split("; `repartee").next().unwrap_or_default();
        if !std::io::stdin().is_terminal() {
            return Err(Error::usage(format!(
                "{what}; there is no terminal to ask at, so pass --yes to confirm"
            ))
            .into());
        }
        if !terminal::yes(&format!("{what}.\nUse this file for posting?"))? {
            return app.done(&found, |_| {
                app.out.line("Not confirmed. Nothing was changed")
            });
        }
    }
    app.done(&engine.posting().project_adopt(who)?, |found| {
        app.out
            .line(format!("Replies are posted from {}", found.path))
    })
}

/// Reads due scores if asked to, then shows or draws the outcomes.
pub fn outcomes(
    app: &App,
    engine: &Engine,
    read: bool,
    chart: &[PathBuf],
    account: String,
) -> Result<ExitCode> {
    if read {
        let code = app.start(engine, &ReadOutcomes { account }, |done| {
            view::outcomes_read(app.out, done)
        })?;
        if app.out.json {
            return Ok(code);
        }
    }
    if !chart.is_empty() {
        let files = engine.outcomes_chart_files(chart)?;
        return app.done(&serde_json::json!({ "wrote": files }), |_| {
            files
                .iter()
                .try_for_each(|file| app.out.line(format!("Wrote {}", file.display())))
        });
    }
    app.done(&engine.outcomes()?, |outcomes| {
        view::outcomes(app.out, outcomes)
    })
}
