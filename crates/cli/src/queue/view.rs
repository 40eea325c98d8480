//! How replies of the queue are printed.

use anyhow::Result;
use repartee_engine::queue::{ReplyInfo, ReplyStory};

use crate::out::{Out, Table, figure, short, state as state_word, text_width, time};
use crate::{columns, confirm};

/// A predicted or actual bin, or a dash.
pub fn bin(bin: Option<u32>) -> String {
    bin.map_or_else(|| "-".to_owned(), |bin| bin.to_string())
}

/// A reply's state. An approval that no longer covers what is shown is none.
fn state(reply: &ReplyInfo) -> &str {
    match reply.shown.again.is_empty() {
        true => state_word(reply.state.as_str()),
        false => APPROVE_AGAIN,
    }
}

/// The state of a reply whose approval no longer holds.
pub const APPROVE_AGAIN: &str = "approve again";

/// A reply's state after a change.
pub fn changed(out: Out, reply: &ReplyInfo) -> Result<()> {
    out.line(format!(
        "Reply {} is {}",
        reply.id,
        state_word(reply.state.as_str())
    ))
}

pub fn replies(out: Out, replies: &[ReplyInfo]) -> Result<()> {
    if replies.is_empty() {
        return out.line("No replies. `repartee generate` queues the best candidates as drafts");
    }
    let mut table = Table::new(columns::QUEUE);
    for reply in replies {
        table.row([
            reply.id.to_string(),
            match reply.is_edited() {
                true => format!("{}, edited", state(reply)),
                false => state(reply).to_owned(),
            },
            reply.subreddit.clone(),
            figure(reply.p_real, 3),
            bin(reply.predicted),
            figure(reply.expected_bin, 2),
            short(&reply.comment, text_width() / 2),
            short(&reply.text, text_width()),
        ]);
    }
    table.print(out)?;
    for reply in replies.iter().filter(|reply| !reply.shown.again.is_empty()) {
        out.line(format!(
            "Reply {} must be approved again: {}. `repartee queue approve {}` shows it and asks",
            reply.id, reply.shown.again, reply.id
        ))?;
    }
    Ok(())
}

/// A reply with its scores, as it would be posted, and its history.
pub fn story(out: Out, story: &ReplyStory) -> Result<()> {
    let reply = &story.reply;
    scores(out, reply)?;
    out.line("")?;
    confirm::show_reply(out, reply)?;
    out.line("")?;
    if reply.is_edited() {
        out.line("Originally generated:")?;
        out.lines("  ", &reply.written)?;
        out.line("")?;
    }
    for event in &story.events {
        let detail = match event.detail.as_str() {
            "" => String::new(),
            // the text before the edit
            detail if event.what == "edited" => format!(", from: {}", short(detail, 100)),
            detail => format!(": {}", short(detail, 100)),
        };
        out.line(format!(
            "{}  {} by {}{detail}",
            time(event.at_ms),
            event.what,
            event.who
        ))?;
    }
    Ok(())
}

fn scores(out: Out, reply: &ReplyInfo) -> Result<()> {
    let mut table = Table::new(["", ""]);
    table.row(["reply", reply.id.to_string().as_str()]);
    table.row(["state", state(reply)]);
    if !reply.subreddit.is_empty() {
        table.row(["subreddit", reply.subreddit.as_str()]);
    }
    if reply.is_edited() {
        table.row(["scores of", "the generated text, before it was edited"]);
    }
    table.row(["p(real)", figure(reply.p_real, 3).as_str()]);
    let bins = reply
        .bins
        .map(|bins| bins.map(|p| format!("{p:.2}")).join(" "));
    table.row(["upvote bins", bins.as_deref().unwrap_or("-")]);
    table.row(["predicted bin", bin(reply.predicted).as_str()]);
    table.row(["expected bin", figure(reply.expected_bin, 2).as_str()]);
    table.row(["reason", reply.reason.as_str()]);
    table.print(out)
}
