//! `repartee reddit ...`

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::generate::Generate;
use repartee_engine::reddit::{
    AccountInfo, DraftReplies, Fetch, LogIn, Maintenance, NOT_APPROVED, NewAccount,
    NewPostingPermission, OutboxStory, Post, PostReport, PostingRules, ReadOutcomes, Reconcile,
    Sandbox, Settle, Sync, Synced, ThreadInfo,
};
use repartee_engine::sealed::RecordKind;
use repartee_engine::{Ended, Engine, Error, shell};

use super::seen::{Decision, short_hash};
use super::{App, bin, edit, person};
use crate::columns;
use crate::out::{Table, count, figure, short, text_width, time};
use crate::reddit_args::{AccountCommand, DraftArgs, FetchArgs, RedditCommand};
use crate::terminal;

impl App {
    pub(super) fn reddit(&self, command: RedditCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            RedditCommand::Login { which, paste: true, .. } => {
                let begun = engine.login_by_hand(&which.account)?;
                terminal::err_line("open this in a browser, and paste the address at which it ends:");
                terminal::err_line(&begun.address);
                let mut pasted = String::new();
                std::io::stdin().read_line(&mut pasted)?;
                self.done(&engine.login_pasted(begun, &pasted)?, |account| self.account(account))
            }
            RedditCommand::Login { which, anew, .. } => {
                let job = LogIn { account: which.account, anew };
                self.start(&engine, &job, |account| self.account(account))
            }
            RedditCommand::Sandbox { port } => {
                let job = Sandbox { port, ..Sandbox::default() };
                self.start(&engine, &job, |done| {
                    self.out.line(format!("posted meanwhile: {}", done.posted))
                })
            }
            RedditCommand::Maintenance => self.start(&engine, &Maintenance::default(), |kept| {
                kept.synced.iter().try_for_each(|synced| self.synced(synced))?;
                let read: u32 = kept.read.iter().map(|read| read.read).sum();
                let found: usize = kept.reconciled.iter().map(|done| done.posted.len()).sum();
                self.out.line(format!("{read} scores read, {found} uncertain replies found"))
            }),
            RedditCommand::Logout { which, who } => {
                self.done(&engine.log_out(&which.account, &person(who.who))?, |account| self.account(account))
            }
            RedditCommand::Secret { secret, which } => {
                let value = hidden_line(&secret)?;
                engine.secret_keep(&which.account, &secret, value.trim_end_matches(['\r', '\n']).into())?;
                self.done(&serde_json::json!({ "kept": secret }), |_| {
                    self.out.line("it is in the keychain")
                })
            }
            RedditCommand::Accounts { command } => self.accounts(&engine, command),
            RedditCommand::Rules { set, confirm, who } => {
                let rules = match set {
                    None => engine.posting_rules()?,
                    Some(file) => {
                        let text = std::fs::read_to_string(&file).map_err(|e| Error::io("read", &file, &e))?;
                        let rules: PostingRules = serde_json::from_str(&text)
                            .map_err(|e| Error::bad_input(format!("{}: {e}", file.display())))?;
                        engine.posting_rules_set(&rules, &confirm, &person(who.who))?
                    }
                };
                self.done(&rules, |rules| {
                    self.out.lines("", serde_json::to_string_pretty(rules)?)
                })
            }
            RedditCommand::Permit { subreddit: None, .. } => self.done(&engine.posting_permissions()?, |permissions| {
                if permissions.is_empty() {
                    return self.out.line("posting is permitted nowhere; `repartee reddit permit NAME --link ...` records a permission");
                }
                let mut table = Table::new(columns::PERMISSIONS);
                for permission in permissions {
                    let off = match permission.unconfirmed.as_str() {
                        "" => permission.off.clone(),
                        why => why.to_owned(),
                    };
                    table.row([&permission.subreddit, &time(permission.given_ms), &permission.who, &permission.link, &off]);
                }
                table.print(self.out)
            }),
            RedditCommand::Permit { subreddit: Some(name), confirm: true, seen, who, .. } => {
                self.confirm_permission(&engine, &name, seen.as_deref(), &person(who.who))
            }
            RedditCommand::Permit { subreddit: Some(name), preview: true, .. } => {
                self.done(&engine.subreddit_preview(&name, "")?, |preview| {
                    self.out.line(format!("r/{}: {}", preview.subreddit, preview.title))?;
                    if !preview.closed.is_empty() {
                        self.out.line(format!("closed to us: {}", preview.closed))?;
                    }
                    for (name, text) in &preview.rules {
                        self.out.line(format!("- {name}: {text}"))?;
                    }
                    Ok(())
                })
            }
            RedditCommand::Permit { subreddit: Some(name), link, note, off, who, .. } => {
                let who = person(who.who);
                let permission = if off {
                    engine.posting_permission_off(&name, &note, &who)?
                } else {
                    let link = link.unwrap_or_default();
                    engine.permit_subreddit(&NewPostingPermission { subreddit: name, link, note, ..NewPostingPermission::default() }, &who)?
                };
                self.done(&permission, |permission| match permission.off.as_str() {
                    "" => self.out.line(format!("posting is permitted in r/{}", permission.subreddit)),
                    why => self.out.line(format!("r/{} is off: {why}", permission.subreddit)),
                })
            }
            RedditCommand::OptOut { whom, confirm, decline, why, who } => {
                let who = person(who.who);
                let list = match whom {
                    None => engine.opt_outs()?,
                    Some(whom) if confirm || decline => engine.opt_out_decide(&whom, confirm, &who)?,
                    Some(whom) => engine.opt_out_add(&whom, &why, &who)?,
                };
                self.done(&list, |list| {
                    if list.is_empty() {
                        return self.out.line("nobody is on the list");
                    }
                    let mut table = Table::new(columns::OPT_OUTS);
                    for one in list {
                        let letter = if one.kind == "user" { "u" } else { "r" };
                        table.row([&format!("{letter}/{}", one.name), &one.state, &time(one.at_ms), &one.why]);
                    }
                    table.print(self.out)
                })
            }
            RedditCommand::Watch { subreddit, who } => {
                let rules = PostingRules {
                    watched: subreddit,
                    ..engine.posting_rules()?
                };
                let rules = engine.posting_rules_set(&rules, "", &person(who.who))?;
                self.done(&rules.watched, |watched| match watched.as_slice() {
                    [] => self.out.line("nothing is watched"),
                    names => self.out.line(format!("watched: r/{}", names.join(", r/"))),
                })
            }
            RedditCommand::Fetch(args) => self.start(&engine, &fetch_of(args), |fetched| {
                self.threads(&fetched.threads)?;
                for (name, why) in &fetched.passed_over {
                    self.out.line(format!("passed over {name}: {why}"))?;
                }
                Ok(())
            }),
            RedditCommand::Threads { thread: None } => self.done(&engine.threads()?, |threads| self.threads(threads)),
            RedditCommand::Threads { thread: Some(id) } => self.done(&engine.thread(id)?, |story| {
                self.out.line(format!("# {}", story.thread.title))?;
                self.out.line(&story.thread.link)?;
                self.out.line("")?;
                for comment in &story.comments {
                    let indent = "  ".repeat(comment.level as usize);
                    let skip = if comment.skip.is_empty() { String::new() } else { format!(" ({})", comment.skip) };
                    let author = comment.author.as_deref().unwrap_or("somebody");
                    self.out.line(format!("{indent}{} u/{author}{skip}: {}", comment.id, short(&comment.body, text_width())))?;
                }
                Ok(())
            }),
            RedditCommand::Draft(args) => self.draft(&engine, args),
            RedditCommand::Outbox { reply: Some(id), .. } => {
                self.done(&engine.outbox_story(id)?, |story| self.outbox_story(story))
            }
            RedditCommand::Outbox { reply: None, state } => self.done(&engine.outbox(state.as_deref())?, |outbox| {
                if outbox.is_empty() {
                    return self.out.line("no reply of the queue answers something on Reddit");
                }
                let mut table = Table::new(columns::OUTBOX);
                for one in outbox {
                    let what = if one.detail.is_empty() { &one.code } else { &one.detail };
                    table.row([
                        one.reply.to_string(),
                        one.state.clone(),
                        one.subreddit.clone(),
                        one.attempt.to_string(),
                        short(what, text_width()),
                        one.link.clone(),
                    ]);
                }
                table.print(self.out)
            }),
            RedditCommand::Post { reply, live, dry_run, wait, skip_pause, which } => {
                let live = match (live, dry_run) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => None,
                };
                let job = Post { account: which.account, replies: reply, live, wait, skip_pause };
                self.post(&engine, &job)
            }
            RedditCommand::Reconcile { wait, which } => {
                self.start(&engine, &Reconcile { account: which.account, wait }, |done| {
                    self.out.line(format!(
                        "{} found, {} not there, {} as uncertain as before",
                        done.posted.len(),
                        done.absent.len(),
                        done.open.len()
                    ))
                })
            }
            RedditCommand::Settle { reply, again, give_up, posted, seen, who } => {
                let settle = match (again, give_up, posted) {
                    (true, ..) => {
                        let command = "reddit settle --again";
                        match self.agreed_on(&engine, reply, seen.as_deref(), "Send again", command)? {
                            Some(seen) => Settle::Again { seen },
                            None => return self.left(&format!("reply {reply}")),
                        }
                    }
                    (_, true, _) => Settle::GiveUp,
                    (_, _, Some(link)) => Settle::Posted { link },
                    _ => return Err(Error::usage("say --again, --give-up or --posted LINK").into()),
                };
                self.done(&engine.reply_settle(reply, &settle, &person(who.who))?, |story| self.outbox_story(story))
            }
            RedditCommand::Posted { reply, link, seen, who } => {
                let question = "Did you post, as it is shown,";
                let Some(seen) = self.agreed_on(&engine, reply, seen.as_deref(), question, "reddit posted")? else {
                    return self.left(&format!("reply {reply}"));
                };
                self.done(&engine.reply_posted_by_hand(reply, &link, &seen, &person(who.who))?, |reply| {
                    self.out.line(format!("reply {} is {}", reply.id, reply.state))
                })
            }
            RedditCommand::Withdraw { reply, seen, who } => {
                let question = "Delete on Reddit";
                let Some(seen) = self.agreed_on(&engine, reply, seen.as_deref(), question, "reddit withdraw")? else {
                    return self.left(&format!("reply {reply}"));
                };
                self.done(&engine.reply_withdraw(reply, &seen, &person(who.who))?, |story| self.outbox_story(story))
            }
            RedditCommand::Adopt { yes, who } => self.adopt(&engine, yes, &person(who.who)),
            RedditCommand::DeleteDuplicates { reply, seen, who } => {
                self.out.line(&engine.outbox_story(reply)?.outbox.detail)?;
                let question = "Delete all but the first of";
                let Some(seen) = self.agreed_on(&engine, reply, seen.as_deref(), question, "reddit delete-duplicates")? else {
                    return self.left(&format!("reply {reply}"));
                };
                self.done(&engine.reply_delete_duplicates(reply, &seen, &person(who.who))?, |story| self.outbox_story(story))
            }
            RedditCommand::Edit { reply, text, preview, seen, who } => {
                let text = match text {
                    Some(text) => text,
                    None => edit(&engine.reply(reply)?.reply.text)?,
                };
                let shown = engine.rewrite_preview(reply, &text)?;
                if preview {
                    return self.done(&shown, |shown| {
                        self.out.line(format!("{}\n\nseen {}", shown.full_text, short_hash(&shown.seen)))
                    });
                }
                let decision = Decision {
                    now: &shown.seen,
                    seen: seen.as_deref(),
                    question: format!("Change reply {reply} on Reddit to this, as u/{}?", shown.account),
                    elsewhere: format!(
                        "`repartee reddit edit {reply} --text TEXT --preview` prints it, --seen HASH takes it"
                    ),
                };
                let Some(seen) = self.agreed(&decision, |out| out.line(&shown.full_text))? else {
                    return self.left(&format!("reply {reply}"));
                };
                self.done(&engine.reply_rewrite(reply, &text, &seen, &person(who.who))?, |story| self.outbox_story(story))
            }
            RedditCommand::Outcomes { read, chart, which } => self.outcomes(&engine, read, &chart, which.account),
            RedditCommand::Audit { reply, limit } => self.done(&engine.audit(reply, limit)?, |lines| {
                let mut table = Table::new(columns::AUDIT);
                for line in lines {
                    let reply = line.reply.map(|id| id.to_string()).unwrap_or_default();
                    table.row([&time(line.at_ms), &line.who, &line.what, &line.subject, &reply, &line.detail]);
                }
                table.print(self.out)
            }),
            RedditCommand::Sync { imported, which } => {
                let job = Sync { account: which.account, imported };
                self.start(&engine, &job, |synced| self.synced(synced))
            }
            RedditCommand::Purge { name, who } => {
                let synced = match name.is_empty() {
                    true => engine.forget_expired()?,
                    false => engine.forget_names(&name, &person(who.who))?,
                };
                self.done(&synced, |synced| self.synced(synced))
            }
            RedditCommand::Export { file, thread } => {
                let n = engine.threads_export(&file, &thread)?;
                self.done(&serde_json::json!({ "wrote": file, "threads": n }), |_| {
                    self.out.line(format!("wrote {} ({} threads)", file.display(), count(n as u64)))
                })
            }
            RedditCommand::Import { file } => {
                self.done(&engine.threads_import(&file)?, |threads| self.threads(threads))
            }
        }
    }

    fn accounts(&self, engine: &Engine, command: Option<AccountCommand>) -> Result<ExitCode> {
        let account = match command {
            None => {
                return self.done(&engine.accounts()?, |accounts| {
                    if accounts.is_empty() {
                        return self
                            .out
                            .line("no account; `repartee reddit accounts add` takes one in");
                    }
                    accounts
                        .iter()
                        .try_for_each(|account| self.account(account))
                });
            }
            Some(AccountCommand::Add {
                name,
                client_id,
                app,
                operator,
                approval,
                port,
                host,
                who,
            }) => {
                let usual = NewAccount::default();
                let port = port.unwrap_or(usual.port);
                let new = NewAccount {
                    name,
                    client_id,
                    app,
                    operator,
                    approval,
                    port,
                    host,
                };
                engine.account_put(&new, &person(who.who))?
            }
            Some(AccountCommand::Remove { name, who }) => {
                engine.account_remove(&name, &person(who.who))?;
                return self.done(&serde_json::json!({ "removed": name }), |_| {
                    self.out.line(format!("u/{name} is out"))
                });
            }
            Some(AccountCommand::Label { name, gone, who }) => {
                engine.account_label(&name, !gone, &person(who.who))?
            }
            Some(AccountCommand::Confirm { name, seen, who }) => {
                let account = engine.account(&name)?;
                let decision = Decision {
                    now: &account.seen,
                    seen: seen.as_deref(),
                    question: format!("Confirm what is recorded of u/{}?", account.name),
                    elsewhere: format!(
                        "`repartee reddit accounts` prints it, `{}` takes it",
                        shell::command(["reddit", "accounts", "confirm", &name, "--seen", "HASH"])
                    ),
                };
                let Some(seen) = self.agreed(&decision, |_| self.account(&account))? else {
                    return self.left(&format!("u/{}", account.name));
                };
                engine.record_confirm(RecordKind::Account, &name, &seen, &person(who.who))?;
                engine.account(&name)?
            }
            Some(AccountCommand::Stop { name, why, who }) => {
                engine.account_stop(&name, &why, &person(who.who))?
            }
            Some(AccountCommand::Go { name, who }) => {
                engine.account_stop(&name, "", &person(who.who))?
            }
        };
        self.done(&account, |account| self.account(account))
    }

    fn adopt(&self, engine: &Engine, yes: bool, who: &str) -> Result<ExitCode> {
        let mut found = engine.project_file()?;
        if found.asks && !yes {
            let what = found.words.split("; `repartee").next().unwrap_or_default();
            if !std::io::stdin().is_terminal() {
                return Err(Error::usage(format!(
                    "{what}; without a terminal to ask at, --yes confirms it"
                ))
                .into());
            }
            if !terminal::yes(&format!("{what}.\nUse this file for posting?"))? {
                return self.done(&found, |_| {
                    self.out.line("not confirmed; nothing was changed")
                });
            }
        }
        found = engine.project_adopt(who)?;
        self.done(&found, |found| {
            self.out.line(format!(
                "{} is the file that is used for posting",
                found.path
            ))
        })
    }

    fn account(&self, account: &AccountInfo) -> Result<()> {
        let state = match (account.stopped.as_str(), account.missing.as_slice()) {
            ("", []) => "may post".to_owned(),
            ("", missing) => format!("cannot post yet; missing: {}", missing.join("; ")),
            (why, _) => format!("stopped: {why}"),
        };
        self.out.line(format!(
            "u/{} ({} app, run by u/{}): {state}",
            account.name, account.app, account.operator
        ))?;
        if !account.unconfirmed.is_empty() {
            self.out.line(format!(
                "  app {}, approval {:?}, label seen by {:?}: {}\n  seen {}",
                account.client_id,
                account.approval,
                account.labelled_by,
                account.unconfirmed,
                short_hash(&account.seen)
            ))?;
        }
        if account.facts.strangers > 0 {
            self.out.line(format!(
                "  {} of its last comments were not posted from here; Reddit wants an account of a bot to do nothing else",
                account.facts.strangers
            ))?;
        }
        Ok(())
    }

    fn confirm_permission(
        &self,
        engine: &Engine,
        name: &str,
        seen: Option<&str>,
        who: &str,
    ) -> Result<ExitCode> {
        let known = engine.posting_permissions()?;
        let plain = name.trim_start_matches("/").trim_start_matches("r/");
        let Some(permission) = known
            .iter()
            .find(|permission| permission.subreddit.eq_ignore_ascii_case(plain))
        else {
            let names: Vec<String> = known.iter().map(|p| p.subreddit.clone()).collect();
            return Err(Error::not_found("permission", name, &names).into());
        };
        let ends = permission
            .expires_ms
            .map_or("without an end".to_owned(), |at| {
                format!("until {} UTC", time(at))
            });
        let words = format!(
            "r/{}: given at {}, recorded by {} on {} UTC, {ends}\n{}\nseen {}",
            permission.subreddit,
            permission.link,
            permission.who,
            time(permission.given_ms),
            permission.note,
            short_hash(&permission.seen)
        );
        if seen.is_none() {
            // where nobody can be asked this is what tells the hash
            self.out.line(&words)?;
        }
        let decision = Decision {
            now: &permission.seen,
            seen,
            question: format!("Confirm this permission for r/{}?", permission.subreddit),
            elsewhere: format!(
                "`{}` takes it",
                shell::command(["reddit", "permit", name, "--confirm", "--seen", "HASH"])
            ),
        };
        let Some(seen) = self.agreed(&decision, |_| Ok(()))? else {
            return self.left(&format!("r/{}", permission.subreddit));
        };
        engine.record_confirm(RecordKind::Subreddit, name, &seen, who)?;
        let done = serde_json::json!({ "confirmed": permission.subreddit });
        self.done(&done, |_| {
            self.out.line(format!(
                "posting is permitted in r/{}",
                permission.subreddit
            ))
        })
    }

    fn threads(&self, threads: &[ThreadInfo]) -> Result<()> {
        if threads.is_empty() {
            return self
                .out
                .line("no threads; `repartee reddit fetch` reads some");
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
        table.print(self.out)
    }

    fn draft(&self, engine: &Engine, args: DraftArgs) -> Result<ExitCode> {
        let mut generate = Generate {
            generator: args.generator,
            realism: args.realism,
            upvotes: args.upvotes,
            ..Generate::default()
        };
        generate.candidates = args.candidates.unwrap_or(generate.candidates);
        generate.criteria.min_p_real = args.min_p_real;
        generate.sampling.max_new_tokens = args
            .max_new_tokens
            .unwrap_or(generate.sampling.max_new_tokens);
        generate.sampling.seed = args.seed.unwrap_or(generate.sampling.seed);
        generate.device = args.device.unwrap_or(generate.device);
        let usual = DraftReplies::default();
        let job = DraftReplies {
            fetch: args.fetch.then(|| Fetch {
                account: args.which.account,
                ..Fetch::default()
            }),
            threads: args.thread,
            comments: args.comments.unwrap_or(usual.comments),
            context: args.context.then_some(true),
            generate,
        };
        self.start(engine, &job, |drafted| match &drafted.generated {
            None => self.out.line("there is no comment to answer"),
            Some(generated) => self.out.line(format!(
                "{} comments answered; {} replies are in the queue as drafts; next: `repartee queue list`",
                generated.comments.len(),
                generated.queued.len()
            )),
        })
    }

    /// Posts; a named reply that is in no state to be posted is a negative result.
    fn post(&self, engine: &Engine, job: &Post) -> Result<ExitCode> {
        if self.queue {
            return self.enqueue(engine, job);
        }
        let (id, ended) = self.watched(engine, job)?;
        let refused = matches!(&ended, Ended::Done(report) if report.is_refused());
        let code = self.ended(&id, ended, |report| self.posted(report))?;
        Ok(if refused { ExitCode::from(1) } else { code })
    }

    fn posted(&self, report: &PostReport) -> Result<()> {
        if report.is_refused() {
            for reply in report
                .replies
                .iter()
                .filter(|reply| reply.code == NOT_APPROVED)
            {
                self.out.line(format!(
                    "reply {} was not posted: {}",
                    reply.reply, reply.detail
                ))?;
            }
            if report
                .replies
                .iter()
                .all(|reply| reply.code == NOT_APPROVED)
            {
                return Ok(());
            }
        }
        if !report.live {
            self.out.line("a dry run: nothing was sent")?;
        }
        if report.replies.is_empty() {
            return self
                .out
                .line("no reply is approved; `repartee queue approve` approves one");
        }
        let mut table = Table::new(columns::POSTED);
        for reply in &report.replies {
            let what = if reply.detail.is_empty() {
                &reply.code
            } else {
                &reply.detail
            };
            table.row([
                &reply.reply.to_string(),
                &reply.state,
                &short(what, text_width()),
                &reply.link,
            ]);
        }
        table.print(self.out)?;
        match report.next_ms {
            Some(at) => self.out.line(format!(
                "the next one not before {} UTC; --wait waits for it",
                time(at)
            )),
            None => Ok(()),
        }
    }

    fn outbox_story(&self, story: &OutboxStory) -> Result<()> {
        let one = &story.outbox;
        self.out
            .line(format!("reply {} is {} {}", one.reply, one.state, one.link))?;
        if !one.detail.is_empty() {
            self.out.line(format!("{}: {}", one.code, one.detail))?;
        }
        self.out.line("")?;
        self.out.lines("  ", &one.full_text)?;
        self.out.line("")?;
        if !one.again.is_empty() {
            self.out
                .line(format!("not valid as it is: {}", one.again))?;
        }
        for objection in &story.objections {
            self.out.line(format!("not now: {}", objection.words))?;
        }
        for attempt in &story.attempts {
            let class = attempt
                .class
                .map_or("nobody came back to tell".to_owned(), |class| {
                    format!("class {class}")
                });
            self.out.line(format!(
                "try {} at {} UTC: {class} {}",
                attempt.number,
                time(attempt.started_ms),
                short(&attempt.excerpt, text_width())
            ))?;
            for (at_ms, route, found) in &attempt.looks {
                let found = if found.is_empty() { "not there" } else { found };
                self.out.line(format!(
                    "  looked at {} UTC among {route}: {found}",
                    time(*at_ms)
                ))?;
            }
        }
        Ok(())
    }

    fn outcomes(
        &self,
        engine: &Engine,
        read: bool,
        chart: &[std::path::PathBuf],
        account: String,
    ) -> Result<ExitCode> {
        if read {
            let code = self.start(engine, &ReadOutcomes { account }, |done| {
                self.out.line(format!(
                    "{} readings, {} removed, {} did not come through",
                    done.read, done.removed, done.failed
                ))?;
                self.left_out(&done.left_out)
            })?;
            if self.out.json {
                return Ok(code);
            }
        }
        if !chart.is_empty() {
            let files = engine.outcomes_chart_files(chart)?;
            return self.done(&serde_json::json!({ "wrote": files }), |_| {
                files
                    .iter()
                    .try_for_each(|file| self.out.line(format!("wrote {}", file.display())))
            });
        }
        self.done(&engine.outcomes()?, |outcomes| {
            let mut table = Table::new(columns::OUTCOMES);
            for row in &outcomes.rows {
                let at = |after_s: i64| {
                    row.readings
                        .iter()
                        .find(|r| r.after_s == after_s)
                        .map_or("-".to_owned(), |r| match r.score {
                            Some(score) => score.to_string(),
                            None if r.gone.is_empty() => "hidden".to_owned(),
                            None => r.gone.clone(),
                        })
                };
                table.row([
                    row.reply.to_string(),
                    row.subreddit.clone(),
                    figure(row.p_real, 3),
                    bin(row.predicted),
                    figure(row.expected_bin, 2),
                    bin(row.actual),
                    at(3_600),
                    at(86_400),
                    at(604_800),
                    short(&row.text, text_width()),
                ]);
            }
            table.print(self.out)?;
            self.out.line(format!(
                "{} of {} in the predicted bin; always predicting the most common bin gets {} right{}",
                outcomes.right,
                outcomes.judged,
                outcomes.majority,
                match outcomes.right.cmp(&outcomes.majority) {
                    std::cmp::Ordering::Less => ": the predictions are worse than that",
                    std::cmp::Ordering::Equal if outcomes.judged > 0 => ": the predictions are no better than that",
                    _ => "",
                }
            ))
        })
    }

    fn synced(&self, synced: &Synced) -> Result<()> {
        self.out.line(format!(
            "asked about {}; {} are gone; forgotten: {} comments, {} posts, {} candidates, {} imported; {} replies cancelled",
            count(synced.looked_at),
            count(synced.gone),
            count(synced.comments),
            count(synced.posts),
            count(synced.candidates),
            count(synced.imported),
            count(synced.cancelled)
        ))?;
        if synced.pairs > 0 {
            self.out.line(format!(
                "{} pairs of splits lost their text: what was trained on them is stale",
                count(synced.pairs)
            ))?;
        }
        if !synced.affected.is_empty() {
            self.deleted_content(&synced.affected)?;
        }
        self.left_out(&synced.left_out)?;
        if synced.doubted > 0 {
            self.out.line(format!(
                "{} imported texts are kept: of a hundred that it was asked about, Reddit showed not one; are their ids Reddit's?",
                count(synced.doubted)
            ))?;
        }
        if synced.redacted > 0 {
            self.out.line(format!(
                "quotes of them were removed from {} texts of others",
                count(synced.redacted)
            ))?;
        }
        if !synced.scrubbed {
            self.out
                .line("another process reads the file: its last traces go with the next run")?;
        }
        if !synced.copies.is_empty() {
            self.out
                .line("these files beside the project may still hold the texts; delete those that you don't need:")?;
            for copy in &synced.copies {
                let command = if cfg!(unix) { "rm -- " } else { "" };
                self.out
                    .line(format!("  {command}{}", shell::quoted(copy)))?;
            }
            self.out.line(
                "exported files and copies in other folders are not known here; delete them, too",
            )?;
        }
        Ok(())
    }
}

fn fetch_of(args: FetchArgs) -> Fetch {
    let usual = Fetch::default();
    let (posts, subreddits) = args
        .from
        .into_iter()
        .partition(|from| from.contains("://") || from.starts_with("t3_"));
    Fetch {
        account: args.which.account,
        subreddits,
        posts,
        limit: args.limit.unwrap_or(usual.limit),
        min_score: args.min_score.unwrap_or(usual.min_score),
        min_comment_score: args.min_comment_score,
        max_age_h: args.max_age.unwrap_or(usual.max_age_h),
        calls: usual.calls,
    }
}

/// Reads a line without showing it where a person types it.
fn hidden_line(what: &str) -> Result<String> {
    let typed = std::io::stdin().is_terminal();
    let echo = |how: &str| {
        // where there is no stty the line is seen by whoever looks on, and nobody else
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
