//! Duplicates: several comments of ours under one parent. The ledger of the machine keeps them from being
//! posted here; one from another machine, or one that came late, is found by looking once more after every
//! success. The oldest stays, the newer ones are deleted.
//!
//! Until the look has come back the reply says that it is unchecked, so whoever goes on after a crash, and every
//! later run of posting, reconciling and maintenance, looks again.

use std::collections::BTreeSet;

use repartee_reddit::{Comment, ours_under};
use repartee_store::outbox::Became;
use repartee_store::queue::{Reply, ReplyState};

use super::connect::Session;
use super::ledger::Ledger;
use crate::Engine;
use crate::error::{Code, Error, Result};
use crate::job::{Ctx, Stop};

/// Code of a posted reply that was not yet looked for once more.
pub(crate) const UNCHECKED: &str = "unchecked";
/// The same in words.
pub(crate) const UNCHECKED_WORDS: &str =
    "posted; whether another comment of ours is there, too, is looked at next";
/// Code of a reply with duplicates that could not be deleted.
pub(crate) const DUPLICATES: &str = "duplicates";
/// Code of a reply that was deleted, for an older comment of ours was there already.
const DUPLICATE: &str = "duplicate";
/// Pauses before a look that failed is made again.
const PAUSES_MS: [i64; 4] = [30_000, 120_000, 300_000, 600_000];
/// Comments of ours are looked at so far back before the try: a day.
const BACK_S: i64 = 86_400;

/// Whether a reply still has to be looked for once more.
pub(crate) fn is_due(reply: &Reply) -> bool {
    reply.state == ReplyState::Posted
        && [UNCHECKED, DUPLICATES].contains(&reply.outbox.code.as_str())
}

/// Reddit numbers its comments upwards: a shorter name, or of two as long the lesser one, is the older.
fn age(name: &str) -> (usize, &str) {
    (name.len(), name)
}

/// Names by age, the oldest first, each once.
pub(crate) fn by_age(names: &mut Vec<String>) {
    names.sort_by(|one, other| age(one).cmp(&age(other)));
    names.dedup();
}

/// What a reply with duplicates says.
pub(crate) fn words(names: &[String]) -> String {
    format!(
        "it is there {} times: {}; the newer ones could not be deleted yet",
        names.len(),
        names.join(", ")
    )
}

/// Looks for duplicates of the account's replies that were posted and not looked at since. What cannot be seen
/// now is looked at next time: a success stays one.
///
/// # Errors
/// When somebody wants the job to end, or the project cannot be read.
pub(crate) fn check_due(ctx: &Ctx, session: &Session, ledger: &Ledger) -> Result<(), Stop> {
    let account = &session.account.name;
    for reply in ctx.engine.store.outgoing(account, &[ReplyState::Posted])? {
        if is_due(&reply) {
            check(ctx, session, ledger, reply.id)?;
        }
    }
    Ok(())
}

/// At the end of a job that has time: what could not be seen is looked at again, after pauses that get longer.
///
/// # Errors
/// As [`check_due`].
pub(crate) fn check_patiently(ctx: &Ctx, session: &Session, ledger: &Ledger) -> Result<(), Stop> {
    for pause_ms in PAUSES_MS {
        let account = &session.account.name;
        let posted = ctx.engine.store.outgoing(account, &[ReplyState::Posted])?;
        if !posted.iter().any(is_due) {
            break;
        }
        session.sleep_until(ctx, session.now_ms() + pause_ms)?;
        check_due(ctx, session, ledger)?;
    }
    Ok(())
}

/// The same for one reply.
///
/// # Errors
/// As [`check_due`].
pub(crate) fn check(ctx: &Ctx, session: &Session, ledger: &Ledger, reply: i64) -> Result<(), Stop> {
    match delete_newer(ctx.engine, Some(ctx), session, ledger, reply, "repartee") {
        Ok(names) => {
            if !names.is_empty() {
                ctx.say(format!(
                    "reply {reply}: deleted {}, a duplicate of an older comment of ours",
                    names.join(", ")
                ));
            }
            Ok(())
        }
        Err(Stop::Failed(error)) if error.code != Code::Internal => {
            ctx.say(format!(
                "reply {reply} is posted; looking for duplicates: {}",
                error.message
            ));
            Ok(())
        }
        Err(stop) => Err(stop),
    }
}

/// Looks what is there of ours beside a posted reply, and deletes all but the oldest, as `who`. Gives what was
/// deleted.
///
/// # Errors
/// Those of a call; [`Code::Refused`] when Reddit still shows one that was deleted. The reply then says what is
/// there.
pub(crate) fn delete_newer(
    engine: &Engine,
    ctx: Option<&Ctx>,
    session: &Session,
    ledger: &Ledger,
    id: i64,
    who: &str,
) -> Result<Vec<String>, Stop> {
    let store = &engine.store;
    let reply = store.reply(id)?;
    let (Some(post), Some(parent), Some(posted)) = (
        &reply.post_name,
        &reply.parent_name,
        &reply.outbox.posted_name,
    ) else {
        return Ok(Vec::new());
    };
    if reply.state != ReplyState::Posted {
        return Ok(Vec::new());
    }
    let me = &session.account.name;
    let tried_ms = reply.outbox.intent_ms.or(reply.outbox.posted_ms);
    let tried_ms = tried_ms.unwrap_or(reply.updated_ms) + reply.outbox.skew_ms;
    let since_utc = tried_ms.div_euclid(1000) - BACK_S;
    let mut found = BTreeSet::from([posted.clone()]);
    let mut add = |comments: &[Comment]| {
        let ours = ours_under(comments, me, parent, since_utc);
        found.extend(
            ours.into_iter()
                .filter(|c| c.gone().is_none())
                .map(|c| c.name.clone()),
        );
    };
    add(&session.ask(ctx, session.client.own_comments(me, since_utc))?);
    match session.ask(ctx, session.client.replies_to(post, parent)) {
        Ok(view) => add(&view.replies),
        // the post is gone, or closed to us: our own list has shown what there is
        Err(Stop::Failed(error)) if matches!(error.code, Code::NotFound | Code::Refused) => {}
        Err(stop) => return Err(stop),
    }
    // seen earlier, while it was looked for
    for look in store.probes(id, reply.outbox.attempt)? {
        found.extend(look.found.split_whitespace().map(str::to_owned));
    }
    let mut names: Vec<String> = found.into_iter().collect();
    if names.len() > 1 {
        // the last that is still there is never deleted
        let asked: Vec<&str> = names.iter().map(String::as_str).collect();
        let now = session.ask(ctx, session.client.info(&asked))?.comments;
        names.retain(|name| !now.iter().any(|c| c.name == *name && c.gone().is_some()));
    }
    by_age(&mut names);
    let newer = names.split_off(names.len().min(1));
    if newer.is_empty() && names.first().is_none_or(|name| name == posted) {
        for code in [UNCHECKED, DUPLICATES] {
            store.reply_remark_off(id, code)?;
        }
        return Ok(newer);
    }
    let all: Vec<String> = names.iter().chain(&newer).cloned().collect();
    if reply.outbox.code != DUPLICATES && !newer.is_empty() {
        let to = Became::new(ReplyState::Posted, DUPLICATES, words(&all));
        become_(engine, session, id, &to, (who, "duplicates found"))?;
    }
    for name in &newer {
        if !session.ask(ctx, session.client.delete(name))? {
            let words = format!("{name} is still there after Reddit said yes");
            return Err(Error::new(Code::Refused, words).into());
        }
    }
    let to = match names.first().filter(|oldest| *oldest != posted) {
        None => Became::new(ReplyState::Posted, "", ""),
        Some(oldest) => Became::new(
            ReplyState::Withdrawn,
            DUPLICATE,
            format!(
                "we had answered the comment from elsewhere already, as {oldest}; this newer duplicate is deleted"
            ),
        ),
    };
    become_(engine, session, id, &to, (who, "duplicate deleted"))?;
    ledger.note(engine, id, session.now_ms())?;
    Ok(newer)
}

fn become_(
    engine: &Engine,
    session: &Session,
    id: i64,
    to: &Became,
    who: (&str, &'static str),
) -> Result<()> {
    let from = [ReplyState::Posted];
    Ok(engine
        .store
        .reply_becomes(id, &from, None, to, who, session.now_ms())?)
}
