//! Duplicates: several comments of ours under one parent. The ledger prevents them on this machine; one from another
//! machine, or one that arrived late, is found by a check after every success. The oldest is kept, newer ones are
//! deleted.
//!
//! Until the check is done, the reply is marked as unchecked, so that after a crash, and in every later run of posting,
//! reconciling and maintenance, the check is repeated.

use std::collections::BTreeSet;

use repartee_core::error::{Code, Error, Result};
use repartee_core::job::{Ctx, Stop};
use repartee_reddit::{Comment, ours_under};
use repartee_store::outbox::Became;
use repartee_store::queue::{Reply, ReplyState};

use crate::connect::Session;
use crate::ledger::Ledger;
use crate::{Posting, ToPosting};

/// Code of a posted reply not yet checked for duplicates.
pub(crate) const UNCHECKED: &str = "unchecked";
/// The message for [`UNCHECKED`].
pub(crate) const UNCHECKED_WORDS: &str = "posted; a check for duplicates is pending";
/// Code of a reply whose duplicates could not be deleted.
pub(crate) const DUPLICATES: &str = "duplicates";
/// Code of a reply that was deleted because an older comment of ours existed.
const DUPLICATE: &str = "duplicate";
/// Pauses before a failed check is repeated.
const PAUSES_MS: [i64; 4] = [30_000, 120_000, 300_000, 600_000];
/// Our comments are checked this far back before the attempt: a day.
const BACK_S: i64 = 86_400;

/// Whether a reply must still be checked for duplicates.
pub(crate) fn is_due(reply: &Reply) -> bool {
    reply.state == ReplyState::Posted
        && [UNCHECKED, DUPLICATES].contains(&reply.outbox.code.as_str())
}

/// Reddit numbers comments upwards: a shorter name, or the smaller of equally long ones, is older.
fn age(name: &str) -> (usize, &str) {
    (name.len(), name)
}

/// Names by age, the oldest first, each once.
pub(crate) fn by_age(names: &mut Vec<String>) {
    names.sort_by(|one, other| age(one).cmp(&age(other)));
    names.dedup();
}

/// The message of a reply with duplicates.
pub(crate) fn words(names: &[String]) -> String {
    format!(
        "it was posted {} times: {}; the newer ones could not be deleted yet",
        names.len(),
        names.join(", ")
    )
}

/// Checks the account's posted replies that were not checked yet for duplicates. What cannot be checked now is checked
/// next time; the reply stays posted.
///
/// # Errors
/// If the job is to end, or the project cannot be read.
pub(crate) fn check_due(ctx: &Ctx, session: &Session, ledger: &Ledger) -> Result<(), Stop> {
    let account = &session.account.name;
    for reply in ctx.project.store.outgoing(account, &[ReplyState::Posted])? {
        if is_due(&reply) {
            check(ctx, session, ledger, reply.id)?;
        }
    }
    Ok(())
}

/// At the end of a job with time left: repeats failed checks, after increasing pauses.
///
/// # Errors
/// As [`check_due`].
pub(crate) fn check_patiently(ctx: &Ctx, session: &Session, ledger: &Ledger) -> Result<(), Stop> {
    for pause_ms in PAUSES_MS {
        let account = &session.account.name;
        let posted = ctx.project.store.outgoing(account, &[ReplyState::Posted])?;
        if !posted.iter().any(is_due) {
            break;
        }
        session.sleep_until(ctx, session.now_ms() + pause_ms)?;
        check_due(ctx, session, ledger)?;
    }
    Ok(())
}

/// As [`check_due`], for one reply.
///
/// # Errors
/// As [`check_due`].
pub(crate) fn check(ctx: &Ctx, session: &Session, ledger: &Ledger, reply: i64) -> Result<(), Stop> {
    match delete_newer(
        ctx.project.posting(),
        Some(ctx),
        session,
        ledger,
        reply,
        "repartee",
    ) {
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

/// Finds comments of ours next to a posted reply, and deletes all but the oldest, on behalf of `who`. Returns those
/// deleted.
///
/// # Errors
/// Those of a call; [`Code::Refused`] if Reddit still shows a deleted one. The reply then records what exists.
pub(crate) fn delete_newer(
    posting: Posting<'_>,
    ctx: Option<&Ctx>,
    session: &Session,
    ledger: &Ledger,
    id: i64,
    who: &str,
) -> Result<Vec<String>, Stop> {
    let store = &posting.store;
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
        // the post is gone, or closed to us: our own list has shown what exists
        Err(Stop::Failed(error)) if matches!(error.code, Code::NotFound | Code::Refused) => {}
        Err(stop) => return Err(stop),
    }
    // those seen by earlier checks
    for look in store.probes(id, reply.outbox.attempt)? {
        found.extend(look.found.split_whitespace().map(str::to_owned));
    }
    let mut names: Vec<String> = found.into_iter().collect();
    if names.len() > 1 {
        // the last existing one is never deleted
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
        become_(posting, session, id, &to, (who, "duplicates found"))?;
    }
    for name in &newer {
        if !session.ask(ctx, session.client.delete(name))? {
            let words = format!("{name} still exists although Reddit reported success");
            return Err(Error::new(Code::Refused, words).into());
        }
    }
    let to = match names.first().filter(|oldest| *oldest != posted) {
        None => Became::new(ReplyState::Posted, "", ""),
        Some(oldest) => Became::new(
            ReplyState::Withdrawn,
            DUPLICATE,
            format!(
                "we had already answered the comment from elsewhere, as {oldest}; this newer duplicate was \
                 deleted"
            ),
        ),
    };
    become_(posting, session, id, &to, (who, "duplicate deleted"))?;
    ledger.note(posting, id, session.now_ms())?;
    Ok(newer)
}

fn become_(
    posting: Posting<'_>,
    session: &Session,
    id: i64,
    to: &Became,
    who: (&str, &'static str),
) -> Result<()> {
    let from = [ReplyState::Posted];
    Ok(posting
        .store
        .reply_becomes(id, &from, None, to, who, session.now_ms())?)
}
