//! `repartee reddit accounts`, `login` and `secret`.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::posting::RecordKind;
use repartee_engine::posting::{AccountInfo, LogIn, NewAccount};
use repartee_engine::{Engine, shell};

use super::args::{AccountCommand, AddArgs};
use super::view;
use crate::app::{App, person};
use crate::confirm::{self, Decision};
use crate::terminal;

pub fn log_in(
    app: &App,
    engine: &Engine,
    account: String,
    force: bool,
    paste: bool,
) -> Result<ExitCode> {
    if !paste {
        let job = LogIn { account, force };
        return app.start(engine, &job, |account| view::account(app.out, account));
    }
    let begun = engine.posting().login_by_hand(&account)?;
    terminal::err_line("Open this link in a browser, then paste the address it ends up at:");
    terminal::err_line(&begun.address);
    let mut pasted = String::new();
    std::io::stdin().read_line(&mut pasted)?;
    app.done(&engine.posting().login_pasted(begun, &pasted)?, |account| {
        view::account(app.out, account)
    })
}

pub fn secret(app: &App, engine: &Engine, secret: &str, account: &str) -> Result<ExitCode> {
    let value = hidden_line(secret)?;
    engine
        .posting()
        .secret_keep(account, secret, value.trim_end_matches(['\r', '\n']).into())?;
    app.done(&serde_json::json!({ "kept": secret }), |_| {
        app.out.line("Stored in the keychain")
    })
}

/// Reads a line without echoing it.
fn hidden_line(what: &str) -> Result<String> {
    let typed = std::io::stdin().is_terminal();
    let echo = |how: &str| {
        // Without stty the line shows on the screen, but is stored nowhere else.
        let _ = std::process::Command::new("stty").arg(how).status();
    };
    if typed {
        terminal::ask(&format!("{what}: "));
        echo("-echo");
    }
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    if typed {
        echo("echo");
        terminal::err_line("");
    }
    read?;
    Ok(line)
}

pub fn accounts(app: &App, engine: &Engine, command: Option<AccountCommand>) -> Result<ExitCode> {
    let account = match command {
        None => {
            return app.done(&engine.posting().accounts()?, |accounts| {
                view::accounts(app.out, accounts)
            });
        }
        Some(AccountCommand::Add(args)) => add(engine, args)?,
        Some(AccountCommand::Remove { name, who }) => {
            engine.posting().account_remove(&name, &person(who.who))?;
            return app.done(&serde_json::json!({ "removed": name }), |_| {
                app.out.line(format!("Removed u/{name}"))
            });
        }
        Some(AccountCommand::Label { name, gone, who }) => {
            engine
                .posting()
                .account_label(&name, !gone, &person(who.who))?
        }
        Some(AccountCommand::Confirm { name, seen, who }) => {
            return confirm(app, engine, &name, seen.as_deref(), &person(who.who));
        }
        Some(AccountCommand::Stop { name, reason, who }) => {
            engine
                .posting()
                .account_stop(&name, &reason, &person(who.who))?
        }
        Some(AccountCommand::Resume { name, who }) => {
            engine.posting().account_stop(&name, "", &person(who.who))?
        }
    };
    app.done(&account, |account| view::account(app.out, account))
}

fn add(engine: &Engine, args: AddArgs) -> Result<AccountInfo> {
    let usual = NewAccount::default();
    let new = NewAccount {
        name: args.name,
        client_id: args.client_id,
        app: args.app,
        operator: args.operator,
        approval: args.approval,
        port: args.port.unwrap_or(usual.port),
        host: args.host,
    };
    Ok(engine.posting().account_put(&new, &person(args.who.who))?)
}

/// Confirms on this machine what was recorded about an account on another one.
fn confirm(
    app: &App,
    engine: &Engine,
    name: &str,
    seen: Option<&str>,
    who: &str,
) -> Result<ExitCode> {
    let account = engine.posting().account(name)?;
    let decision = Decision {
        now: &account.seen,
        seen,
        question: format!("Confirm the record of u/{}?", account.name),
        elsewhere: format!(
            "`repartee reddit accounts` prints it, `{}` confirms it",
            shell::command(["reddit", "accounts", "confirm", name, "--seen", "HASH"])
        ),
    };
    let Some(seen) = confirm::confirmed(app, &decision, |out| view::account(out, &account))? else {
        return confirm::unchanged(app, &format!("u/{}", account.name));
    };
    engine
        .posting()
        .record_confirm(RecordKind::Account, name, &seen, who)?;
    app.done(&engine.posting().account(name)?, |account| {
        view::account(app.out, account)
    })
}
