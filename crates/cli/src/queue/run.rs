//! `repartee queue`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::{Engine, Error};

use super::args::QueueCommand;
use super::view;
use crate::app::{App, person};
use crate::editor::edit;
use crate::{confirm, items};

pub fn queue(app: &App, command: QueueCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        QueueCommand::List { state } => {
            let mut replies = engine.queue(state)?;
            replies.reverse();
            items::unreadable(app.out, &engine.unreadable_replies()?)?;
            app.done(&replies, |replies| view::replies(app.out, replies))
        }
        QueueCommand::Show { reply } => {
            app.done(&engine.reply(reply)?, |story| view::story(app.out, story))
        }
        QueueCommand::Edit { reply, text, who } => {
            let text = match text {
                Some(text) => text,
                None => edit(&engine.reply(reply)?.reply.text)?,
            };
            app.done(&engine.reply_edit(reply, &text, &person(who))?, |reply| {
                view::changed(app.out, reply)
            })
        }
        QueueCommand::Approve { reply, seen, who } => {
            approve(app, &engine, &reply, seen.as_deref(), who)
        }
        QueueCommand::Reject { reply, reason, who } => app.done(
            &engine.reply_reject(reply, &person(who), &reason)?,
            |reply| view::changed(app.out, reply),
        ),
    }
}

/// Approves replies, each after its own question.
fn approve(
    app: &App,
    engine: &Engine,
    replies: &[i64],
    seen: Option<&str>,
    who: Option<String>,
) -> Result<ExitCode> {
    if seen.is_some() && replies.len() != 1 {
        return Err(Error::usage(
            "a hash covers one reply; with --seen, approve one reply at a time",
        )
        .into());
    }
    let who = person(who);
    for id in replies {
        match confirm::confirmed_reply(app, engine, *id, seen, "Approve", "queue approve")? {
            None => confirm::unchanged(app, &format!("Reply {id}"))?,
            Some(seen) => app.done(&engine.reply_approve(*id, &seen, &who)?, |reply| {
                view::changed(app.out, reply)
            })?,
        };
    }
    Ok(ExitCode::SUCCESS)
}
