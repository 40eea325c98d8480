//! What a person decides: on a terminal it is printed and asked about, elsewhere it is named by the hash of
//! what was shown.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::queue::ReplyInfo;
use repartee_engine::{Engine, Error};

use super::{App, person};
use crate::out::Out;
use crate::terminal;

/// Digits of a hash that are printed: as many as the engine asks for.
const DIGITS: usize = 16;

/// The beginning of a hash, as a person copies it.
pub(super) fn short_hash(seen: &str) -> &str {
    seen.get(..DIGITS).unwrap_or(seen)
}

/// What a decision is about.
pub(super) struct Decision<'a> {
    /// The hash that came with what is shown.
    pub now: &'a str,
    /// The hash that was given on the command line.
    pub seen: Option<&'a str>,
    /// "Approve reply 6?"
    pub question: String,
    /// The commands that show it and do it, for where nobody can be asked.
    pub elsewhere: String,
}

impl App {
    /// The hash by which to decide: that of the command line, else that of what `show` prints when the person
    /// says yes to it. `None`: the person said no.
    pub(super) fn agreed(
        &self,
        decision: &Decision,
        show: impl FnOnce(Out) -> Result<()>,
    ) -> Result<Option<String>> {
        if let Some(seen) = decision.seen {
            return Ok(Some(seen.to_owned()));
        }
        let asks = !self.out.json && std::io::stdin().is_terminal() && terminal::out_is_terminal();
        if !asks {
            let words = format!(
                "nobody can be asked here, so say by its hash what was shown: {}",
                decision.elsewhere
            );
            return Err(Error::usage(words).into());
        }
        show(self.out)?;
        let said = terminal::yes(&decision.question)?;
        Ok(said.then(|| decision.now.to_owned()))
    }

    /// Asks about a reply as it is shown. `command` does it without a terminal.
    pub(super) fn agreed_on(
        &self,
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
                "`repartee queue show {id}` prints it, `repartee {command} {id} --seen HASH` takes it"
            ),
        };
        self.agreed(&decision, |out| show_reply(out, &reply))
    }

    /// Says that nothing was done.
    pub(super) fn left(&self, what: &str) -> Result<ExitCode> {
        self.out.line(format!("{what} is left as it is"))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Approves replies, each by itself.
    pub(super) fn approve(
        &self,
        engine: &Engine,
        replies: &[i64],
        seen: Option<&str>,
        who: Option<String>,
    ) -> Result<ExitCode> {
        if seen.is_some() && replies.len() != 1 {
            return Err(
                Error::usage("a hash is of one reply; approve one at a time with --seen").into(),
            );
        }
        let who = person(who);
        for id in replies {
            let agreed = self.agreed_on(engine, *id, seen, "Approve", "queue approve")?;
            match agreed {
                None => self.left(&format!("reply {id}"))?,
                Some(seen) => self.done(&engine.reply_approve(*id, &seen, &who)?, |reply| {
                    self.out
                        .line(format!("reply {} is {}", reply.id, reply.state))
                })?,
            };
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a reply with all that its hash is over.
pub(super) fn show_reply(out: Out, reply: &ReplyInfo) -> Result<()> {
    let shown = &reply.shown;
    let mut place = format!("reply {}", reply.id);
    if !reply.subreddit.is_empty() {
        place.push_str(&format!(" in r/{}", reply.subreddit));
    }
    if !shown.account.is_empty() {
        place.push_str(&format!(" as u/{}", shown.account));
    }
    if shown.server == "sandbox" {
        place.push_str(", in a sandbox on this machine");
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
        out.line(format!("not valid as it is: {}", shown.again))?;
    }
    if !shown.seen.is_empty() {
        out.line(format!("seen {}", short_hash(&shown.seen)))?;
    }
    Ok(())
}
