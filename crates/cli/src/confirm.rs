//! Confirming a decision: at a terminal by a question about what is shown, elsewhere by the hash of what was shown.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::queue::ReplyInfo;
use repartee_engine::{Engine, Error};

use crate::app::App;
use crate::out::Out;
use crate::terminal;

/// Digits of a hash that are printed: as many as the engine requires.
const DIGITS: usize = 16;

/// The beginning of a hash, as it is printed and copied.
pub fn short_hash(seen: &str) -> &str {
    seen.get(..DIGITS).unwrap_or(seen)
}

pub struct Decision<'a> {
    /// The hash of what is shown now.
    pub now: &'a str,
    /// The hash given on the command line.
    pub seen: Option<&'a str>,
    /// "Approve reply 6?"
    pub question: String,
    /// The commands that show it and confirm it where nobody can be asked.
    pub elsewhere: String,
}

/// Whether a question can be asked: a terminal is there to ask it and to answer it.
pub fn can_ask(app: &App) -> bool {
    !app.out.json && std::io::stdin().is_terminal() && terminal::err_is_terminal()
}

/// The hash to decide by: the command line's, else the hash of what `show` prints once the user says yes to it.
/// `None`: the user said no.
pub fn confirmed(
    app: &App,
    decision: &Decision,
    show: impl FnOnce(Out) -> Result<()>,
) -> Result<Option<String>> {
    if let Some(seen) = decision.seen {
        return Ok(Some(seen.to_owned()));
    }
    // what is decided about is printed on standard output, so that has to be seen, too
    let asks = !app.out.json && std::io::stdin().is_terminal() && terminal::out_is_terminal();
    if !asks {
        return Err(Error::usage(format!(
            "this needs a confirmation, and there is no terminal to ask at; pass the hash of what you reviewed: {}",
            decision.elsewhere
        ))
        .into());
    }
    show(app.out)?;
    let said = terminal::yes(&decision.question)?;
    Ok(said.then(|| decision.now.to_owned()))
}

/// Asks about a reply as it is shown. `command` confirms it without a terminal.
pub fn confirmed_reply(
    app: &App,
    engine: &Engine,
    id: i64,
    seen: Option<&str>,
    question: &str,
    command: &str,
) -> Result<Option<String>> {
    let reply = engine.reply(id)?.reply;
    let decision = Decision {
        now: &reply.shown.seen,
        seen,
        question: format!("{question} reply {id}?"),
        elsewhere: format!(
            "`repartee queue show {id}` prints it, `repartee {command} {id} --seen HASH` confirms it"
        ),
    };
    confirmed(app, &decision, |out| show_reply(out, &reply))
}

/// Reports that nothing was done.
pub fn unchanged(app: &App, what: &str) -> Result<ExitCode> {
    app.out.line(format!("{what} was not changed"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a reply with everything its hash covers.
pub fn show_reply(out: Out, reply: &ReplyInfo) -> Result<()> {
    let shown = &reply.shown;
    let mut place = format!("Reply {}", reply.id);
    if !reply.subreddit.is_empty() {
        place.push_str(&format!(" in r/{}", reply.subreddit));
    }
    if !shown.account.is_empty() {
        place.push_str(&format!(" as u/{}", shown.account));
    }
    if shown.server == "sandbox" {
        place.push_str(", in a Reddit sandbox on this machine");
    }
    out.line(place)?;
    if !reply.title.is_empty() {
        out.line("")?;
        out.line(format!("# {}", reply.title))?;
    }
    out.line("")?;
    out.lines("> ", &reply.comment)?;
    out.line("")?;
    out.lines("  ", &shown.full_text)?;
    out.line("")?;
    if !shown.again.is_empty() {
        out.line(format!("Not valid as it is: {}", shown.again))?;
    }
    if !shown.seen.is_empty() {
        out.line(format!("Hash: {}", short_hash(&shown.seen)))?;
    }
    Ok(())
}
