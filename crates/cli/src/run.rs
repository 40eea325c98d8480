//! Each command: its flags into parameters, its result into a table.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use repartee_engine::base::{BaseAdd, BaseInfo, BaseNew};
use repartee_engine::bench::{Bench, What};
use repartee_engine::job::JobInfo;
use repartee_engine::queue::ReplyInfo;
use repartee_engine::{Code, Ended, Engine, Error, Job};
use serde::Serialize;

use crate::args::*;
use crate::out::{Out, Table, bytes, count, figure, seconds, short, text_width, time};
use crate::watch::Watch;

/// Cancelled, or paused from the keyboard.
const INTERRUPTED: u8 = 130;

/// Does what the command line says.
pub fn run(cli: Cli) -> Result<ExitCode> {
    let app = App {
        out: Out {
            json: cli.common.json,
            quiet: cli.common.quiet,
        },
        project: cli.common.project,
    };
    match cli.command {
        Command::New { file } => app.new_project(&file),
        Command::Base { command } => app.base(command),
        Command::Queue { command } => app.queue(command),
        Command::Export { command } => app.export(command),
        Command::Job { command } => app.job(command),
        Command::Bench { command } => app.bench(command),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "repartee",
                &mut std::io::stdout().lock(),
            );
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(Error::internal("not wired").into()),
    }
}

struct App {
    out: Out,
    project: Option<PathBuf>,
}

impl App {
    /// Opens the project that was named, or the only one in this folder, and listens for Ctrl-C.
    fn engine(&self) -> Result<Engine> {
        let path = match &self.project {
            Some(path) => path.clone(),
            None => only_project(Path::new("."))?,
        };
        let engine = Engine::open(path)?;
        listen(&engine)?;
        Ok(engine)
    }

    /// Runs a job with its progress shown; prints its outcome when it is done.
    fn start<J: Job>(
        &self,
        engine: &Engine,
        job: &J,
        show: impl FnOnce(&J::Outcome) -> Result<()>,
    ) -> Result<ExitCode> {
        let watch = Watch::new(self.out);
        let ended = engine.start(job, &|signal| watch.signal(signal));
        drop(watch);
        self.ended(ended?, show)
    }

    fn ended<T: Serialize>(
        &self,
        ended: Ended<T>,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        match ended {
            Ended::Done(outcome) => {
                self.out.result(&outcome, show)?;
                Ok(ExitCode::SUCCESS)
            }
            Ended::Paused => {
                self.out.json(&serde_json::json!({ "event": "paused" }))?;
                self.out.line(
                    "paused; `repartee job list` shows it, `repartee job resume ID` goes on",
                )?;
                Ok(ExitCode::from(INTERRUPTED))
            }
            Ended::Cancelled => {
                self.out
                    .json(&serde_json::json!({ "event": "cancelled" }))?;
                self.out
                    .line("cancelled; what was stored until then is kept")?;
                Ok(ExitCode::from(INTERRUPTED))
            }
        }
    }

    /// Prints a result.
    fn done<T: Serialize>(
        &self,
        value: &T,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        self.out.result(value, show)?;
        Ok(ExitCode::SUCCESS)
    }

    fn new_project(&self, file: &Path) -> Result<ExitCode> {
        let engine = Engine::create(file)?;
        let path = engine.path().display().to_string();
        self.done(&serde_json::json!({ "project": path }), |_| {
            self.out.line(format!("made {path}"))?;
            self.out.line("next: `repartee import FILE ...`, or `repartee demo` to see the whole loop on synthetic data")
        })
    }

    fn base(&self, command: BaseCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        let added = |base: &BaseInfo| {
            self.out.line(format!(
                "base {}: {}, {} parameters ({} layers, width {}), up to {} tokens, vocabulary {}, {}",
                base.name,
                base.kind,
                count(base.parameters as u64),
                base.layers,
                base.width,
                base.context,
                count(base.vocabulary as u64),
                bytes(base.bytes)
            ))
        };
        match command {
            BaseCommand::Add { name, from } => self.start(&engine, &BaseAdd { name, from }, added),
            BaseCommand::New { name, kind, layers, width, heads, context, vocab, tokenizer, split, seed } => {
                let kind = match kind {
                    BaseKind::Gpt2 => "gpt2",
                    BaseKind::Bert => "bert",
                };
                let usual = BaseNew::default();
                let job = BaseNew {
                    name,
                    kind: kind.to_owned(),
                    layers: layers.unwrap_or(usual.layers),
                    width: width.unwrap_or(usual.width),
                    heads: heads.unwrap_or(usual.heads),
                    context: context.unwrap_or(usual.context),
                    vocab: vocab.unwrap_or(usual.vocab),
                    tokenizer,
                    split,
                    seed: seed.unwrap_or(usual.seed),
                };
                self.start(&engine, &job, added)
            }
            BaseCommand::List => self.done(&engine.bases()?, |bases| {
                if bases.is_empty() {
                    return self.out.line(
                        "no bases yet; `repartee base add NAME --from FOLDER|HUB_ID` or `repartee base new NAME --kind gpt2|bert`",
                    );
                }
                let mut table = Table::new(["base", "kind", "parameters", "layers", "width", "context", "vocabulary", "size", "from"]);
                for base in bases {
                    table.row([
                        base.name.clone(),
                        base.kind.clone(),
                        count(base.parameters as u64),
                        base.layers.to_string(),
                        base.width.to_string(),
                        base.context.to_string(),
                        count(base.vocabulary as u64),
                        bytes(base.bytes),
                        short(&base.origin, text_width()),
                    ]);
                }
                table.print(self.out)
            }),
            BaseCommand::Remove { name } => {
                engine.base_remove(&name)?;
                self.done(&serde_json::json!({ "removed": name }), |_| self.out.line(format!("removed base {name}")))
            }
        }
    }

    fn queue(&self, command: QueueCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        let changed = |reply: &ReplyInfo| {
            self.out
                .line(format!("reply {} is {}", reply.id, reply.state))
        };
        match command {
            QueueCommand::List { state } => self.done(&engine.queue(state.as_deref())?, |replies| {
                if replies.is_empty() {
                    return self.out.line("no replies; `repartee generate` puts the best candidates here as drafts");
                }
                let mut table = Table::new(["reply", "state", "p(real)", "bin", "comment", "text"]);
                for reply in replies {
                    table.row([
                        reply.id.to_string(),
                        reply.state.clone(),
                        figure(reply.p_real, 3),
                        figure(reply.expected_bin, 2),
                        short(&reply.comment, text_width() / 2),
                        short(&reply.text, text_width()),
                    ]);
                }
                table.print(self.out)
            }),
            QueueCommand::Show { reply } => self.done(&engine.reply(reply)?, |story| {
                let reply = &story.reply;
                let mut table = Table::new(["", ""]);
                table.row(["reply", &reply.id.to_string()]);
                table.row(["state", &reply.state]);
                if !reply.subreddit.is_empty() {
                    table.row(["subreddit", &reply.subreddit]);
                }
                table.row(["p(real)", &figure(reply.p_real, 3)]);
                let bins = reply.bins.map(|bins| bins.map(|p| format!("{p:.2}")).join(" "));
                table.row(["upvote bins", bins.as_deref().unwrap_or("-")]);
                table.row(["expected bin", &figure(reply.expected_bin, 2)]);
                table.row(["picked", &reply.reason]);
                table.print(self.out)?;
                if !reply.title.is_empty() {
                    self.out.line(format!("\n# {}", reply.title))?;
                }
                self.out.line(format!("\n> {}", reply.comment.replace('\n', "\n> ")))?;
                self.out.line(format!("\n{}\n", reply.text))?;
                if reply.written != reply.text {
                    self.out.line(format!("as it was written:\n{}\n", reply.written))?;
                }
                for event in &story.events {
                    let detail = if event.detail.is_empty() { String::new() } else { format!(": {}", short(&event.detail, 100)) };
                    self.out.line(format!("{}  {} by {}{detail}", time(event.at_ms), event.what, event.who))?;
                }
                Ok(())
            }),
            QueueCommand::Edit { reply, text, who } => {
                let text = match text {
                    Some(text) => text,
                    None => edit(&engine.reply(reply)?.reply.text)?,
                };
                self.done(&engine.reply_edit(reply, &text, &person(who))?, changed)
            }
            QueueCommand::Approve { reply, who } => self.done(&engine.reply_approve(reply, &person(who))?, changed),
            QueueCommand::Reject { reply, why, who } => {
                self.done(&engine.reply_reject(reply, &person(who), &why)?, changed)
            }
        }
    }

    fn export(&self, command: ExportCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            ExportCommand::Base { name, folder } => {
                let folder = engine.base_export(&name, &folder)?;
                self.wrote(&folder)
            }
            ExportCommand::Queue { file, state } => {
                let n = engine.queue_export(&file, state.as_deref())?;
                self.done(&serde_json::json!({ "wrote": file, "replies": n }), |_| {
                    self.out.line(format!(
                        "wrote {} ({} replies)",
                        file.display(),
                        count(n as u64)
                    ))
                })
            }
            _ => Err(Error::internal("not wired").into()),
        }
    }

    fn wrote(&self, path: &Path) -> Result<ExitCode> {
        self.done(&serde_json::json!({ "wrote": path }), |_| {
            self.out.line(format!("wrote {}", path.display()))
        })
    }

    fn bench(&self, command: BenchCommand) -> Result<ExitCode> {
        let (what, args) = match command {
            BenchCommand::Train(args) => (What::Train, args),
            BenchCommand::Generate(args) => (What::Generate, args),
            BenchCommand::Score(args) => (What::Score, args),
            BenchCommand::Import { .. } => return Err(Error::internal("not wired").into()),
        };
        let bench = Bench {
            what,
            model: args.model,
            batch: args.batch,
            length: args.length,
            prompt: args.prompt,
            steps: args.steps,
            dtype: args.dtype,
            device: args.device,
        };
        let measured = bench.run()?;
        // the line is the result, with no wrapping: it is made to be compared
        if self.out.json {
            self.out.json(&measured)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(["", ""]);
        match (measured.tokens_per_s, measured.pairs_per_s) {
            (Some(rate), _) => table.row(["tokens/s".to_owned(), figure(Some(rate), 1)]),
            (_, Some(rate)) => table.row(["pairs/s".to_owned(), figure(Some(rate), 1)]),
            _ => {}
        }
        let mean = measured.seconds.iter().sum::<f64>() / measured.seconds.len() as f64;
        table.row(["seconds each".to_owned(), figure(Some(mean), 3)]);
        table.row([
            "peak memory".to_owned(),
            format!("{} GB", figure(measured.peak_rss_gb, 2)),
        ]);
        table.row(["parameters".to_owned(), count(measured.parameters as u64)]);
        table.row(["threads".to_owned(), measured.threads.to_string()]);
        table.row(["device".to_owned(), measured.ran_on.clone()]);
        table.print(self.out)?;
        Ok(ExitCode::SUCCESS)
    }

    fn job(&self, command: JobCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            JobCommand::List => self.done(&engine.jobs()?, |jobs| {
                if jobs.is_empty() {
                    return self.out.line("no jobs yet");
                }
                let mut table = Table::new(["job", "kind", "state", "begun (UTC)", "progress"]);
                for job in jobs {
                    table.row([
                        short_id(&job.id),
                        job.kind.clone(),
                        state(job),
                        time(job.created_ms),
                        progress(job),
                    ]);
                }
                table.print(self.out)
            }),
            JobCommand::Show { job } => {
                let (info, lines) = (engine.job(&job)?, engine.job_lines(&job)?);
                self.done(&serde_json::json!({ "job": info, "log": lines }), |_| {
                    let mut table = Table::new(["", ""]);
                    table.row(["job", &info.id]);
                    table.row(["kind", &info.kind]);
                    table.row(["state", &state(&info)]);
                    table.row(["begun", &time(info.created_ms)]);
                    if let Some(ended) = info.ended_ms {
                        table.row(["ended", &time(ended)]);
                    }
                    table.row(["progress", &progress(&info)]);
                    table.row(["parameters", &info.params.to_string()]);
                    if let Some(outcome) = &info.outcome {
                        table.row(["outcome", &outcome.to_string()]);
                    }
                    table.print(self.out)?;
                    for (at, text) in &lines {
                        self.out.line(format!("{}  {text}", time(*at)))?;
                    }
                    Ok(())
                })
            }
            JobCommand::Pause { job } => self.done(&engine.pause(&job)?, |job| {
                self.out
                    .line(format!("job {} was asked to pause", short_id(&job.id)))
            }),
            JobCommand::Cancel { job } => {
                self.done(&engine.cancel(&job)?, |job| match job.state.as_str() {
                    "cancelled" => self
                        .out
                        .line(format!("job {} is cancelled", short_id(&job.id))),
                    _ => self
                        .out
                        .line(format!("job {} was asked to end", short_id(&job.id))),
                })
            }
            JobCommand::Resume { job } => {
                let watch = Watch::new(self.out);
                let ended = engine.resume(&job, &|signal| watch.signal(signal));
                drop(watch);
                self.ended(ended?, |outcome| {
                    self.out.line("done")?;
                    self.out.line(serde_json::to_string_pretty(outcome)?)
                })
            }
        }
    }
}

/// The one project file of a folder.
fn only_project(folder: &Path) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|e| Error::io("list", folder, &e))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "repartee") && path.is_file())
        .map(|path| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path))
        .collect();
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::new(
            Code::NotFound,
            "no project file in this folder; name one with --project FILE, or make one with `repartee new my.repartee`",
        )
        .into()),
        n => {
            let names: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            Err(Error::usage(format!("{n} project files in this folder ({}); name one with --project", names.join(", "))).into())
        }
    }
}

/// The first Ctrl-C asks the running job to rest or end, the second to end, the third ends the program.
fn listen(engine: &Engine) -> Result<()> {
    let interrupt = engine.interrupt.clone();
    ctrlc::set_handler(move || match interrupt.press() {
        1 => {
            let _ = writeln!(
                std::io::stderr(),
                "\nstopping at the next safe point; once more cancels, a third time ends at once"
            );
        }
        2 => {}
        _ => std::process::exit(i32::from(INTERRUPTED)),
    })
    .map_err(|e| Error::internal(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(())
}

/// The end of a job's id: what differs between jobs of one moment.
fn short_id(id: &str) -> String {
    id.get(id.len().saturating_sub(8)..)
        .unwrap_or(id)
        .to_owned()
}

fn state(job: &JobInfo) -> String {
    match &job.want {
        Some(want) => format!("{}, asked to {want}", job.state),
        None => job.state.clone(),
    }
}

fn progress(job: &JobInfo) -> String {
    let Some(progress) = &job.progress else {
        return String::new();
    };
    let mut text = progress.phase.clone();
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        text.push_str(&format!(
            " {:.0}%",
            progress.done as f64 * 100.0 / total as f64
        ));
    }
    if job.state == "running"
        && let Some(eta) = progress.eta_s
    {
        text.push_str(&format!(", {} left", seconds(eta)));
    }
    text
}

/// Who acts at this terminal: as given, else the user's name.
fn person(who: Option<String>) -> String {
    let name = |variable| {
        std::env::var(variable)
            .ok()
            .filter(|name: &String| !name.is_empty())
    };
    who.or_else(|| name("USER"))
        .or_else(|| name("USERNAME"))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// Opens a text in the person's editor and gives it back as they left it.
fn edit(text: &str) -> Result<String> {
    let editor = std::env::var("VISUAL")
        .or_else(|_| std::env::var("EDITOR"))
        .map_err(|_| {
            Error::usage(
                "neither VISUAL nor EDITOR names an editor; give the new text with --text TEXT",
            )
        })?;
    let path = std::env::temp_dir().join(format!("repartee-reply-{}.txt", std::process::id()));
    std::fs::write(&path, text).map_err(|e| Error::io("write", &path, &e))?;
    // an editor may come with arguments: EDITOR="code --wait"
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status = std::process::Command::new(program)
        .args(words)
        .arg(&path)
        .status();
    let edited = std::fs::read_to_string(&path);
    // the text is in the project; what is left here is a copy
    let _ = std::fs::remove_file(&path);
    match status {
        Ok(status) if status.success() => Ok(edited.map_err(|e| Error::io("read", &path, &e))?),
        Ok(status) => {
            Err(Error::usage(format!("{editor} ended with {status}; nothing is changed")).into())
        }
        Err(e) => Err(Error::usage(format!(
            "cannot start {editor}: {e}; give the new text with --text TEXT"
        ))
        .into()),
    }
}
