//! `repartee reddit`: each command goes to the file of its topic.

use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::posting::{Maintenance, Sandbox, Sync};

use super::args::RedditCommand;
use super::{accounts, permissions, posting, threads, view};
use crate::app::{App, person};

// Longer than 80 lines because it only dispatches, with one arm per command.
pub fn reddit(app: &App, command: RedditCommand) -> Result<ExitCode> {
    let engine = &*app.engine()?;
    match command {
        RedditCommand::Login {
            which,
            force,
            paste,
        } => accounts::log_in(app, engine, which.account, force, paste),
        RedditCommand::Logout { which, who } => {
            let account = engine.posting().log_out(&which.account, &person(who.who))?;
            app.done(&account, |account| view::account(app.out, account))
        }
        RedditCommand::Secret { secret, which } => {
            accounts::secret(app, engine, &secret, &which.account)
        }
        RedditCommand::Accounts { command } => accounts::accounts(app, engine, command),
        RedditCommand::Sandbox { port } => {
            let job = Sandbox {
                port,
                ..Sandbox::default()
            };
            app.start(engine, &job, |done| {
                app.out
                    .line(format!("Replies posted to the sandbox: {}", done.posted))
            })
        }
        RedditCommand::Rules(args) => permissions::rules(app, engine, args),
        RedditCommand::Permit(args) => permissions::permit(app, engine, args),
        RedditCommand::OptOut(args) => permissions::opt_out(app, engine, args),
        RedditCommand::Watch {
            subreddit,
            clear,
            who,
        } => permissions::watch(app, engine, subreddit, clear, &person(who.who)),
        RedditCommand::Fetch(args) => threads::fetch(app, engine, args),
        RedditCommand::Threads { thread } => threads::threads(app, engine, thread),
        RedditCommand::Draft(args) => threads::draft(app, engine, args),
        RedditCommand::Export { file, thread } => threads::export(app, engine, &file, &thread),
        RedditCommand::Import { file } => app
            .done(&engine.posting().threads_import(&file)?, |threads| {
                view::threads(app.out, threads)
            }),
        RedditCommand::Outbox { reply, state } => posting::outbox(app, engine, reply, state),
        RedditCommand::Post(args) => posting::post(app, engine, args),
        RedditCommand::Reconcile { wait, which } => {
            posting::reconcile(app, engine, which.account, wait)
        }
        RedditCommand::Resolve(args) => posting::resolve(app, engine, args),
        RedditCommand::Posted {
            reply,
            link,
            seen,
            who,
        } => posting::posted(app, engine, reply, &link, seen.as_deref(), &person(who.who)),
        RedditCommand::Withdraw { reply, seen, who } => {
            posting::withdraw(app, engine, reply, seen.as_deref(), &person(who.who))
        }
        RedditCommand::DeleteDuplicates { reply, seen, who } => {
            posting::delete_duplicates(app, engine, reply, seen.as_deref(), &person(who.who))
        }
        RedditCommand::Edit(args) => posting::edit(app, engine, args),
        RedditCommand::Adopt { yes, who } => posting::adopt(app, engine, yes, &person(who.who)),
        RedditCommand::Outcomes { read, chart, which } => {
            posting::outcomes(app, engine, read, &chart, which.account)
        }
        RedditCommand::Audit { reply, limit } => app
            .done(&engine.posting().audit(reply, limit)?, |log| {
                view::audit(app.out, log)
            }),
        RedditCommand::Sync { imported, which } => {
            let job = Sync {
                account: which.account,
                imported,
            };
            app.start(engine, &job, |synced| view::synced(app.out, synced))
        }
        RedditCommand::Purge { name, who } => {
            let purged = match name.is_empty() {
                true => engine.posting().forget_expired()?,
                false => engine.posting().forget_names(&name, &person(who.who))?,
            };
            app.done(&purged, |purged| view::synced(app.out, purged))
        }
        RedditCommand::Maintenance => app.start(engine, &Maintenance::default(), |done| {
            view::maintenance(app.out, done)
        }),
    }
}
