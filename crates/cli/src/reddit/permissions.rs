//! `repartee reddit permit`, `opt-out`, `rules` and `watch`.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::posting::RecordKind;
use repartee_engine::posting::{NewPostingPermission, PostingRules};
use repartee_engine::{Engine, Error, shell};

use super::args::{OptOutArgs, PermitArgs, RulesArgs};
use super::view;
use crate::app::{App, person};
use crate::confirm::{self, Decision};
use crate::terminal;

pub fn permit(app: &App, engine: &Engine, args: PermitArgs) -> Result<ExitCode> {
    let Some(name) = args.subreddit else {
        return app.done(&engine.posting().posting_permissions()?, |permits| {
            view::permits(app.out, permits)
        });
    };
    let who = person(args.who.who);
    if args.confirm {
        return confirm(app, engine, &name, args.seen.as_deref(), &who);
    }
    if args.preview {
        return app.done(&engine.posting().subreddit_preview(&name, "")?, |found| {
            view::subreddit(app.out, found)
        });
    }
    let permit = match args.off {
        true => engine
            .posting()
            .posting_permission_off(&name, &args.note, &who)?,
        false => {
            let new = NewPostingPermission {
                subreddit: name,
                link: args.link.unwrap_or_default(),
                note: args.note,
                ..NewPostingPermission::default()
            };
            engine.posting().permit_subreddit(&new, &who)?
        }
    };
    app.done(&permit, |permit| view::permit(app.out, permit))
}

/// Confirms on this machine a permission that was recorded on another one.
fn confirm(
    app: &App,
    engine: &Engine,
    name: &str,
    seen: Option<&str>,
    who: &str,
) -> Result<ExitCode> {
    let known = engine.posting().posting_permissions()?;
    let plain = name.trim_start_matches('/').trim_start_matches("r/");
    let Some(permit) = known
        .iter()
        .find(|permit| permit.subreddit.eq_ignore_ascii_case(plain))
    else {
        let names: Vec<String> = known.iter().map(|p| p.subreddit.clone()).collect();
        return Err(Error::not_found("permission", name, &names).into());
    };
    if seen.is_none() {
        // Where nobody can be asked, this prints the hash.
        view::permit_record(app.out, permit)?;
    }
    let decision = Decision {
        now: &permit.seen,
        seen,
        question: format!("Confirm this permission for r/{}?", permit.subreddit),
        elsewhere: format!(
            "`{}` confirms it",
            shell::command(["reddit", "permit", name, "--confirm", "--seen", "HASH"])
        ),
    };
    let Some(seen) = confirm::confirmed(app, &decision, |_| Ok(()))? else {
        return confirm::unchanged(app, &format!("r/{}", permit.subreddit));
    };
    engine
        .posting()
        .record_confirm(RecordKind::Subreddit, name, &seen, who)?;
    let done = serde_json::json!({ "confirmed": permit.subreddit });
    app.done(&done, |_| {
        app.out
            .line(format!("Posting is permitted in r/{}", permit.subreddit))
    })
}

pub fn opt_out(app: &App, engine: &Engine, args: OptOutArgs) -> Result<ExitCode> {
    let who = person(args.who.who);
    let list = match args.whom {
        None => engine.posting().opt_outs()?,
        Some(whom) if args.confirm || args.decline => {
            engine.posting().opt_out_decide(&whom, args.confirm, &who)?
        }
        Some(whom) => engine.posting().opt_out_add(&whom, &args.reason, &who)?,
    };
    app.done(&list, |list| view::opt_outs(app.out, list))
}

pub fn rules(app: &App, engine: &Engine, args: RulesArgs) -> Result<ExitCode> {
    let rules = match args.set {
        None => engine.posting().posting_rules()?,
        Some(file) => {
            let text = std::fs::read_to_string(&file).map_err(|e| Error::io("read", &file, &e))?;
            let rules: PostingRules = serde_json::from_str(&text)
                .map_err(|e| Error::bad_input(format!("{}: {e}", file.display())))?;
            engine
                .posting()
                .posting_rules_set(&rules, &args.confirm, &person(args.who.who))?
        }
    };
    if !app.out.json && !app.out.quiet {
        // not on standard output, which can be edited and set again
        terminal::err_line(
            "In the week after an account's first post, per_day and per_subreddit are halved",
        );
    }
    app.done(&rules, |rules| {
        app.out.lines("", serde_json::to_string_pretty(rules)?)
    })
}

pub fn watch(
    app: &App,
    engine: &Engine,
    subreddits: Vec<String>,
    clear: bool,
    who: &str,
) -> Result<ExitCode> {
    let mut rules = engine.posting().posting_rules()?;
    if clear || !subreddits.is_empty() {
        rules.watched = subreddits;
        rules = engine.posting().posting_rules_set(&rules, "", who)?;
    }
    app.done(&rules.watched, |watched| match watched.as_slice() {
        [] => app
            .out
            .line("No watched subreddits. Watch some with `repartee reddit watch NAME ...`"),
        names => app.out.line(format!("Watched: r/{}", names.join(", r/"))),
    })
}
