//! How accounts, permissions, threads, posting and outcomes are printed.

use std::cmp::Ordering;

use anyhow::Result;
use repartee_engine::evaluation::outcomes::{OutcomeRow, Outcomes};
use repartee_engine::posting::{
    AccountInfo, AttemptInfo, AuditLine, Maintained, NOT_APPROVED, OptOutInfo, OutboxInfo,
    OutboxStory, OutcomesRead, PostReport, PostingPermissionInfo, ShownReply, SubredditPreview,
    Synced, ThreadInfo, ThreadStory,
};
use repartee_engine::shell;
use repartee_engine::terms::OptOutKind;

use crate::confirm::short_hash;
use crate::out::{Out, Table, count, counted, figure, short, state, text_width, time};
use crate::queue::{APPROVE_AGAIN, bin};
use crate::{columns, items, training};

pub fn accounts(out: Out, accounts: &[AccountInfo]) -> Result<()> {
    if accounts.is_empty() {
        return out.line("No accounts. Add one with `repartee reddit accounts add`");
    }
    accounts.iter().try_for_each(|one| account(out, one))
}

pub fn account(out: Out, account: &AccountInfo) -> Result<()> {
    let status = match (account.stopped.as_str(), account.missing.as_slice()) {
        ("", []) => "may post".to_owned(),
        ("", missing) => format!("can't post yet; missing: {}", missing.join("; ")),
        (why, _) => format!("stopped: {why}"),
    };
    out.line(format!(
        "u/{} ({} app, run by u/{}): {status}",
        account.name, account.app, account.operator
    ))?;
    if !account.unconfirmed.is_empty() {
        out.line(format!(
            "  app {}, approval {:?}, label seen by {:?}: {}",
            account.client_id, account.approval, account.labelled_by, account.unconfirmed
        ))?;
        out.line(format!("  Hash: {}", short_hash(&account.seen)))?;
    }
    if account.facts.strangers > 0 {
        out.line(format!(
            "  {} of its recent comments were not posted from here; Reddit expects a bot account to be used for nothing else",
            account.facts.strangers
        ))?;
    }
    Ok(())
}

pub fn permits(out: Out, permits: &[PostingPermissionInfo]) -> Result<()> {
    if permits.is_empty() {
        return out.line("No permissions. Add one with `repartee reddit permit NAME --link ...`");
    }
    let mut table = Table::new(columns::PERMISSIONS);
    for permit in permits {
        let off = match permit.unconfirmed.as_str() {
            "" => &permit.off,
            _ => &permit.unconfirmed,
        };
        table.row([
            &permit.subreddit,
            &time(permit.given_ms),
            &permit.who,
            &permit.link,
            off,
        ]);
    }
    table.print(out)
}

pub fn permit(out: Out, permit: &PostingPermissionInfo) -> Result<()> {
    out.line(match permit.off.as_str() {
        "" => format!("Posting is permitted in r/{}", permit.subreddit),
        why => format!("Posting in r/{} is off: {why}", permit.subreddit),
    })
}

/// A permission as it was recorded, with its hash.
pub fn permit_record(out: Out, permit: &PostingPermissionInfo) -> Result<()> {
    let ends = match permit.expires_ms {
        Some(at) => format!("until {} UTC", time(at)),
        None => "no expiration".to_owned(),
    };
    out.line(format!(
        "r/{}: given at {}, recorded by {} on {} UTC, {ends}",
        permit.subreddit,
        permit.link,
        permit.who,
        time(permit.given_ms)
    ))?;
    if !permit.note.is_empty() {
        out.lines("  ", &permit.note)?;
    }
    out.line(format!("Hash: {}", short_hash(&permit.seen)))
}

pub fn subreddit(out: Out, found: &SubredditPreview) -> Result<()> {
    out.line(format!("r/{}: {}", found.subreddit, found.title))?;
    if !found.closed.is_empty() {
        out.line(format!("Posting is not possible: {}", found.closed))?;
    }
    found
        .rules
        .iter()
        .try_for_each(|(name, text)| out.line(format!("- {name}: {text}")))
}

pub fn opt_outs(out: Out, list: &[OptOutInfo]) -> Result<()> {
    if list.is_empty() {
        return out.line("No opt-outs");
    }
    let mut table = Table::new(columns::OPT_OUTS);
    for one in list {
        let prefix = match one.kind {
            OptOutKind::User => "u",
            OptOutKind::Subreddit => "r",
        };
        table.row([
            &format!("{prefix}/{}", one.name),
            one.state.as_str(),
            &time(one.at_ms),
            &one.why,
        ]);
    }
    table.print(out)
}

pub fn threads(out: Out, threads: &[ThreadInfo]) -> Result<()> {
    if threads.is_empty() {
        return out.line("No threads. Fetch some with `repartee reddit fetch`");
    }
    let mut table = Table::new(columns::THREADS);
    for thread in threads {
        table.row([
            thread.id.to_string(),
            thread.subreddit.clone(),
            count(thread.comments),
            count(thread.open),
            short(&thread.title, text_width()),
            thread.skip.clone(),
        ]);
    }
    table.print(out)
}

/// A thread with its comments.
pub fn thread(out: Out, story: &ThreadStory) -> Result<()> {
    out.line(format!("# {}", story.thread.title))?;
    out.line(&story.thread.link)?;
    out.line("")?;
    for comment in &story.comments {
        let indent = "  ".repeat(comment.level as usize);
        let skip = match comment.skip.as_str() {
            "" => String::new(),
            skip => format!(" ({skip})"),
        };
        let author = comment.author.as_deref().unwrap_or("[deleted]");
        out.line(format!(
            "{indent}{} u/{author}{skip}: {}",
            comment.id,
            short(&comment.body, text_width())
        ))?;
    }
    Ok(())
}

pub fn outbox(out: Out, outbox: &[OutboxInfo]) -> Result<()> {
    if outbox.is_empty() {
        return out.line("The queue has no replies to Reddit comments");
    }
    let mut table = Table::new(columns::OUTBOX);
    for one in outbox {
        let (now, detail) = match (one.again.as_str(), one.detail.as_str()) {
            ("", "") => (state(one.state.as_str()), &one.code),
            ("", _) => (state(one.state.as_str()), &one.detail),
            _ => (APPROVE_AGAIN, &one.again),
        };
        table.row([
            one.reply.to_string(),
            now.to_owned(),
            one.subreddit.clone(),
            one.attempt.to_string(),
            one.link.clone(),
            // never cut: it may end with the command to run
            detail.clone(),
        ]);
    }
    table.print(out)
}

/// A reply on Reddit with its text, what blocks it, and its posting attempts.
pub fn outbox_story(out: Out, story: &OutboxStory) -> Result<()> {
    let one = &story.outbox;
    out.line(format!(
        "Reply {} is {} {}",
        one.reply,
        state(one.state.as_str()),
        one.link
    ))?;
    if !one.detail.is_empty() {
        out.line(format!("{}: {}", one.code, one.detail))?;
    }
    out.line("")?;
    out.lines("  ", &one.full_text)?;
    out.line("")?;
    if !one.again.is_empty() {
        out.line(format!("Not valid as it is: {}", one.again))?;
    }
    for objection in &story.objections {
        out.line(format!("Can't post now: {}", objection.words))?;
    }
    story.attempts.iter().try_for_each(|one| attempt(out, one))
}

fn attempt(out: Out, attempt: &AttemptInfo) -> Result<()> {
    let outcome = match attempt.class {
        Some(1) => "not sent",
        Some(2) => "refused for now",
        Some(3) => "rejected",
        Some(4) => "accepted",
        Some(_) => "uncertain",
        None => "no answer recorded",
    };
    out.line(format!(
        "Attempt {} at {} UTC: {outcome} {}",
        attempt.number,
        time(attempt.started_ms),
        short(&attempt.excerpt, text_width())
    ))?;
    for (at_ms, route, found) in &attempt.looks {
        let found = match found.as_str() {
            "" => "not found",
            found => found,
        };
        out.line(format!(
            "  checked {route} at {} UTC: {found}",
            time(*at_ms)
        ))?;
    }
    Ok(())
}

/// An edited reply as it would be posted.
pub fn preview(out: Out, edited: &ShownReply) -> Result<()> {
    out.lines("  ", &edited.full_text)?;
    out.line("")?;
    out.line(format!("Hash: {}", short_hash(&edited.seen)))
}

pub fn post_report(out: Out, report: &PostReport) -> Result<()> {
    if report.is_refused() {
        let is_unapproved = |code: &str| code == NOT_APPROVED;
        for reply in report.replies.iter().filter(|r| is_unapproved(&r.code)) {
            out.line(format!(
                "Reply {} was not posted: {}",
                reply.reply, reply.detail
            ))?;
        }
        if report.replies.iter().all(|r| is_unapproved(&r.code)) {
            return Ok(());
        }
    }
    if !report.live {
        out.line("Dry run: nothing was sent")?;
    }
    if report.replies.is_empty() {
        return out.line("No approved replies. Approve some with `repartee queue approve`");
    }
    let mut table = Table::new(columns::POSTED);
    for reply in &report.replies {
        let detail = match reply.detail.as_str() {
            "" => &reply.code,
            detail => detail,
        };
        table.row([
            reply.reply.to_string(),
            match reply.ready {
                true => "ready",
                false => state(reply.state.as_str()),
            }
            .to_owned(),
            reply.link.clone(),
            // never cut: it may end with the command to run
            detail.to_owned(),
        ]);
    }
    table.print(out)?;
    match report.next_ms {
        Some(at) => out.line(format!(
            "Next reply not before {} UTC. To wait for it, pass --wait",
            time(at)
        )),
        None => Ok(()),
    }
}

pub fn outcomes_read(out: Out, done: &OutcomesRead) -> Result<()> {
    out.line(format!(
        "{} read, {} removed, {} failed",
        counted(done.read, "score", "scores"),
        counted(done.removed, "reply", "replies"),
        done.failed
    ))?;
    items::left_out(out, &done.left_out)
}

pub fn outcomes(out: Out, outcomes: &Outcomes) -> Result<()> {
    let mut table = Table::new(columns::OUTCOMES);
    for row in &outcomes.rows {
        table.row([
            row.reply.to_string(),
            row.subreddit.clone(),
            figure(row.p_real, 3),
            bin(row.predicted),
            figure(row.expected_bin, 2),
            bin(row.actual),
            score_after(row, 3_600),
            score_after(row, 86_400),
            score_after(row, 604_800),
            short(&row.text, text_width()),
        ]);
    }
    table.print(out)?;
    let verdict = match outcomes.right.cmp(&outcomes.majority) {
        Ordering::Less => ": the predictions are worse",
        Ordering::Equal if outcomes.judged > 0 => ": the predictions are no better",
        _ => "",
    };
    out.line(format!(
        "{} of {} in the predicted bin. Baseline (the most common bin): {}{verdict}",
        outcomes.right, outcomes.judged, outcomes.majority
    ))
}

/// A reply's score so many seconds after it was posted.
fn score_after(row: &OutcomeRow, after_s: i64) -> String {
    let reading = row.readings.iter().find(|r| r.after_s == after_s);
    reading.map_or("-".to_owned(), |r| match r.score {
        Some(score) => score.to_string(),
        None if r.gone.is_empty() => "hidden".to_owned(),
        None => r.gone.clone(),
    })
}

pub fn maintenance(out: Out, done: &Maintained) -> Result<()> {
    done.synced.iter().try_for_each(|one| synced(out, one))?;
    let read: u32 = done.read.iter().map(|read| read.read).sum();
    let found: usize = done.reconciled.iter().map(|done| done.posted.len()).sum();
    out.line(format!(
        "{} read, {} found",
        counted(read, "score", "scores"),
        counted(found, "uncertain reply", "uncertain replies")
    ))
}

/// What a sync or a purge removed, and what it could not remove.
pub fn synced(out: Out, synced: &Synced) -> Result<()> {
    // by request, or past retention: nobody asked Reddit
    let checked = match synced.looked_at {
        0 => String::new(),
        n => format!(
            "Checked {}; {} deleted on Reddit. ",
            count(n),
            count(synced.gone)
        ),
    };
    out.line(format!(
        "{checked}Purged: {}, {}, {}, {}; {} canceled",
        counted(synced.comments, "comment", "comments"),
        counted(synced.posts, "post", "posts"),
        counted(synced.candidates, "candidate", "candidates"),
        counted(synced.imported, "imported text", "imported texts"),
        counted(synced.cancelled, "reply", "replies")
    ))?;
    if synced.pairs > 0 {
        out.line(format!(
            "Pairs of splits that lost their text: {}. Models trained on them are outdated",
            count(synced.pairs)
        ))?;
    }
    if !synced.affected.is_empty() {
        training::deleted_content(out, &synced.affected)?;
    }
    items::left_out(out, &synced.left_out)?;
    if synced.doubted > 0 {
        out.line(format!(
            "Imported texts that were kept: {}. Reddit knows none of their ids, so they may not be Reddit ids",
            count(synced.doubted)
        ))?;
    }
    if synced.redacted > 0 {
        out.line(format!(
            "Quotes of deleted texts were removed from {}",
            counted(synced.redacted, "other text", "other texts")
        ))?;
    }
    if !synced.scrubbed {
        out.line("Another process is reading the file; the next sync or purge removes the remaining traces")?;
    }
    if synced.copies.is_empty() {
        return Ok(());
    }
    out.line(
        "These files next to the project may still contain the texts. Delete those you don't need:",
    )?;
    for copy in &synced.copies {
        let command = if cfg!(unix) { "rm -- " } else { "" };
        out.line(format!("  {command}{}", shell::quoted(copy)))?;
    }
    out.line(
        "Exported files, reports and copies in other folders are not tracked; delete those, too",
    )
}

pub fn audit(out: Out, log: &[AuditLine]) -> Result<()> {
    let mut table = Table::new(columns::AUDIT);
    for line in log {
        let reply = line.reply.map(|id| id.to_string()).unwrap_or_default();
        table.row([
            &time(line.at_ms),
            &line.who,
            &line.what,
            &line.subject,
            &reply,
            &line.detail,
        ]);
    }
    table.print(out)
}
