//! Each command: its flags into parameters, its result into a table.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use repartee_engine::base::{BaseAdd, BaseInfo, BaseNew};
use repartee_engine::bench::{Bench, What};
use repartee_engine::bench_import::{BenchImport, bench_import};
use repartee_engine::curation::{ExcludePairs, Excluded, IncludePairs};
use repartee_engine::fakes::{FakesInfo, MakeFakes};
use repartee_engine::generate::{Generate, Incoming};
use repartee_engine::import::{Import, SourceInfo, seconds_of};
use repartee_engine::incoming;
use repartee_engine::items::ItemKind;
use repartee_engine::job::JobInfo;
use repartee_engine::pairs::{BuildPairs, ShowPairs};
use repartee_engine::pick::Criteria;
use repartee_engine::queue::ReplyInfo;
use repartee_engine::run_config::{RunConfig, RunKind};
use repartee_engine::splits::{AuditSplit, LeftOutPairs, MakeSplit, SplitInfo};
use repartee_engine::train::{RunFacts, Train};
use repartee_engine::{
    Code, Ended, Engine, Error, Filter, Format, Interrupt, Job, Mapping, Origin, Outcome,
    Permission, Recipe, SamplingParams, Shares, shell,
};
use serde::Serialize;

use crate::args::*;
use crate::columns;
use crate::out::{Out, Table, bytes, count, figure, seconds, short, text_width, time};
use crate::terminal;
use crate::watch::Watch;

mod again;
mod demo;
mod items;
mod jobs;
mod maintenance;
mod measure;
mod reddit;
mod seen;
mod study;

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
        opened: OnceCell::new(),
        queue: cli.common.queue,
        stops_queue: cli.common.stop_queue_on_failure,
    };
    if app.queue && !jobs::starts_a_job(&cli.command) {
        return Err(Error::usage(
            "--queue is for commands that start a job, such as train, fakes make and evaluate",
        )
        .into());
    }
    match cli.command {
        Command::New { file } => app.new_project(&file),
        Command::Import(args) => app.import(args),
        Command::Source { command } => app.source(command),
        Command::Study { command } => app.study(command),
        Command::Pairs { command } => app.pairs(command),
        Command::Split { command } => app.split(command),
        Command::Base { command } => app.base(command),
        Command::Train { command } => app.train(command),
        Command::Run { command } => app.run_command(command),
        Command::Fakes { command } => app.fakes(command),
        Command::Evaluate(args) => app.evaluate(args),
        Command::Evaluation { command } => app.evaluation_command(command),
        Command::Chart(args) => app.chart(args),
        Command::Generate(args) => app.generate(args),
        Command::Generation { command } => app.generation_command(command),
        Command::Queue { command } => app.queue(command),
        Command::Reddit { command } => app.reddit(*command),
        Command::Export { command } => app.export(command),
        Command::Job { command } => app.job(command),
        Command::Check { repair } => app.check(repair),
        Command::Compact => app.compact(),
        Command::Size => app.size(),
        Command::Doctor => app.doctor(),
        Command::Demo(args) => app.demo(args),
        Command::Bench { command } => app.bench(command),
        Command::Work { project, job } => {
            repartee_engine::work::work(&project, &job)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            // into memory first: clap_complete panics where standard output is a closed pipe
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut crate::command(), "repartee", &mut script);
            terminal::out_script(&script)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// A mapping from a TOML file: a line for each field, such as `comment = "Comment, text"`.
fn mapping_file(path: &Path) -> Result<Mapping> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    let wrong = |why: String| Error::usage(format!("{}: {why}", path.display()));
    let fields: std::collections::BTreeMap<String, String> =
        toml::from_str(&text).map_err(|e| {
            wrong(format!(
                "lines like comment = \"Column\" were expected: {}",
                e.message()
            ))
        })?;
    Ok(Mapping::of(fields).map_err(wrong)?)
}

struct App {
    out: Out,
    project: Option<PathBuf>,
    /// The project, once it was opened.
    opened: OnceCell<Arc<Engine>>,
    /// Jobs are queued instead of run.
    queue: bool,
    /// Whether the failure of a queued job holds the queue up.
    stops_queue: bool,
}

impl App {
    /// Opens the project that was named, or the only one in this folder, and listens for Ctrl-C.
    fn engine(&self) -> Result<Arc<Engine>> {
        if let Some(engine) = self.opened.get() {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(Engine::open(self.path()?)?);
        listen(&engine)?;
        let _ = self.opened.set(Arc::clone(&engine));
        Ok(engine)
    }

    fn path(&self) -> Result<PathBuf> {
        match &self.project {
            Some(path) => Ok(path.clone()),
            None => only_project(Path::new(".")),
        }
    }

    /// Prints a result, and what permission of the study is missing, whatever was asked: no result of a
    /// project goes without the mark.
    fn marked<T: Serialize>(&self, value: &T, show: impl FnOnce(&T) -> Result<()>) -> Result<()> {
        let mark = match self.opened.get() {
            Some(engine) => engine.study_mark()?,
            None => None,
        };
        self.out.result(value, mark.as_deref(), show)
    }

    /// Runs a job with its progress shown; prints its outcome when it is done.
    fn start<J: Job>(
        &self,
        engine: &Engine,
        job: &J,
        show: impl FnOnce(&J::Outcome) -> Result<()>,
    ) -> Result<ExitCode> {
        if self.queue {
            return self.enqueue(engine, job);
        }
        let (id, ended) = self.watched(engine, job)?;
        self.ended(&id, ended, show)
    }

    /// Runs a job and shows its progress; the job's id, and how it ended.
    fn watched<J: Job>(&self, engine: &Engine, job: &J) -> Result<(String, Ended<J::Outcome>)> {
        let watch = Watch::new(self.out);
        let ended = engine.start(job, &|signal| watch.signal(signal));
        Ok((watch.job(), ended?))
    }

    fn ended<T: Serialize>(
        &self,
        job: &str,
        ended: Ended<T>,
        show: impl FnOnce(&T) -> Result<()>,
    ) -> Result<ExitCode> {
        match ended {
            Ended::Done(outcome) => {
                self.marked(&outcome, show)?;
                Ok(ExitCode::SUCCESS)
            }
            Ended::Paused => {
                self.out
                    .json(&serde_json::json!({ "event": "paused", "job": job }))?;
                self.out.line(format!(
                    "paused; `repartee job resume {}` goes on",
                    short_id(job)
                ))?;
                Ok(ExitCode::from(INTERRUPTED))
            }
            Ended::Cancelled => {
                self.out
                    .json(&serde_json::json!({ "event": "cancelled", "job": job }))?;
                let engine = self.opened.get();
                let discarded = engine.is_some_and(|e| e.was_discarded(job).unwrap_or(false));
                self.out.line(match discarded {
                    true => "discarded; the weights that it had saved are removed",
                    false => "canceled; what was stored until then is kept",
                })?;
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
        self.marked(value, show)?;
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

    fn import(&self, args: ImportArgs) -> Result<ExitCode> {
        let engine = self.engine()?;
        let f = args.filter;
        let day = |day: Option<String>| day.map(|day| seconds_of(&day)).transpose();
        let job = Import {
            files: args.files,
            format: args.format.map(|format| match format {
                FileFormat::Comments => Format::Comments,
                FileFormat::Pushshift => Format::Pushshift,
                FileFormat::Bigquery => Format::Bigquery,
                FileFormat::Mapped => Format::Mapped,
                FileFormat::Listing => Format::Listing,
            }),
            mapping: match (args.map, args.map_file) {
                (Some(map), _) => Some(map.parse::<Mapping>().map_err(Error::usage)?),
                (None, Some(file)) => Some(mapping_file(&file)?),
                (None, None) => None,
            },
            name: args.name,
            note: args.note,
            who: person(args.who),
            filter: Filter {
                subreddits: f.subreddit,
                authors: f.author,
                not_authors: f.not_author,
                min_score: f.min_score,
                max_score: f.max_score,
                min_chars: f.min_length,
                max_chars: f.max_length,
                after_utc: day(f.after)?,
                before_utc: day(f.before)?,
                placeholders: f.placeholders,
            },
            ..Import::default()
        };
        let job = self.permitted(&engine, job, &args.permission, args.origin.as_deref())?;
        self.start(&engine, &job, |imported| {
            self.sources(&imported.sources)?;
            let rejected: u64 = imported.sources.iter().map(|s| s.counts.rejected).sum();
            for source in &imported.sources {
                let c = &source.counts;
                if c.nul > 0 {
                    self.out.line(format!("{}: NUL characters were removed from {} rows", source.name, count(c.nul)))?;
                }
                if !c.replaced.is_empty() {
                    self.out.line(format!("{}: replaced by placeholders: {}", source.name, c.replaced_in_words()))?;
                }
                if c.stray_quotes > 0 {
                    self.out.line(format!("{}: {} rows have a quote that is never closed; it was read as an ordinary character", source.name, count(c.stray_quotes)))?;
                }
            }
            if rejected > 0 {
                self.out.line(format!("{} rows were rejected; `repartee source rejected SOURCE` lists them", count(rejected)))?;
            }
            if imported.sources.iter().any(|s| s.origin == Origin::Unknown) {
                self.out.line("origin unknown, so the rules for Reddit content apply: `repartee source origin SOURCE forum` says what it is")?;
            }
            if imported.sources.iter().any(|s| s.permission == Permission::Unknown) {
                self.out.line("permission unknown: `repartee source permit SOURCE CHOICE --note ...` says under what it may be used")?;
            }
            self.out.line("next: `repartee pairs build`")
        })
    }

    fn sources(&self, sources: &[SourceInfo]) -> Result<()> {
        let mut table = Table::new(columns::SOURCES);
        for source in sources {
            let c = &source.counts;
            let state = match (source.already, source.complete) {
                (true, _) => "imported before",
                (false, true) => "",
                (false, false) => "not read to its end",
            };
            table.row([
                source.id.to_string(),
                source.name.clone(),
                source.format.clone(),
                source.origin.to_string(),
                source.permission.to_string(),
                count(c.rows),
                count(c.comments),
                count(c.posts),
                count(c.new),
                count(c.dropped.values().sum::<u64>()),
                count(c.rejected),
                items::tags(&source.label),
                items::note(&source.label),
                state.to_owned(),
            ]);
        }
        table.print(self.out)
    }

    fn source(&self, command: SourceCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            SourceCommand::Item(command) => self.item(&engine, ItemKind::Source, command),
            SourceCommand::List(list) => {
                let sources = items::tagged(
                    self.whole(&engine, ItemKind::Source, engine.sources()?)?,
                    &list,
                    |s| &s.label,
                );
                self.done(&sources, |sources| match sources.is_empty() {
                    true => self
                        .out
                        .line("no sources yet; `repartee import FILE ...` reads some"),
                    false => self.sources(sources),
                })
            }
            SourceCommand::Permit {
                source,
                permission,
                note,
            } => {
                let permission = permission.parse().map_err(Error::usage)?;
                self.done(&engine.permit(&source, permission, &note)?, |source| {
                    self.out.line(format!(
                        "source {} may be used under: {} {}",
                        source.name, source.permission, source.note
                    ))
                })
            }
            SourceCommand::Origin {
                source,
                origin,
                who,
            } => {
                let origin: Origin = origin.parse().map_err(Error::usage)?;
                let who = person(who);
                self.done(&engine.source_origin(&source, origin, &who)?, |source| {
                    self.out.line(format!(
                        "source {} comes from: {}",
                        source.name, source.origin
                    ))
                })
            }
            SourceCommand::Rejected {
                source,
                after,
                limit,
            } => {
                let (info, rows) = (
                    engine.source(&source)?,
                    engine.rejected(&source, after, limit)?,
                );
                self.done(
                    &serde_json::json!({ "source": info, "rejected": rows }),
                    |_| {
                        if rows.is_empty() {
                            return self.out.line(format!("{}: no rejected rows", info.path));
                        }
                        let mut table = Table::new(columns::REJECTED);
                        for row in &rows {
                            table.row([
                                row.line.to_string(),
                                row.reason.clone(),
                                short(&row.excerpt, text_width()),
                            ]);
                        }
                        self.out.line(format!(
                            "{}: {} of {} rejected rows",
                            info.path,
                            rows.len(),
                            count(info.counts.rejected)
                        ))?;
                        table.print(self.out)
                    },
                )
            }
        }
    }

    fn pairs(&self, command: PairsCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            PairsCommand::Build(args) => {
                let (usual, no_search) = (Recipe::default(), args.no_search);
                let recipe = Recipe {
                    drop_deleted: !args.keep_deleted,
                    drop_bots: !args.keep_bots,
                    bots: args.bot,
                    drop_links: !args.keep_links,
                    drop_unknown_authors: args.drop_unknown_authors,
                    keep_same_author: args.keep_same_author,
                    min_chars: args.min_length.unwrap_or(usual.min_chars),
                    max_chars: args.max_length.unwrap_or(usual.max_chars),
                };
                self.start(&engine, &BuildPairs { recipe, no_search }, |built| {
                    let mut table = Table::new(["", ""]);
                    table.row(["comments".to_owned(), count(built.comments)]);
                    table.row(["replies to comments".to_owned(), count(built.replies)]);
                    table.row(["pairs before cleaning".to_owned(), count(built.joined)]);
                    for (rule, n) in &built.dropped {
                        table.row([format!("  dropped: {rule}"), count(*n)]);
                    }
                    table.row(["pairs".to_owned(), count(built.kept)]);
                    if built.unknown_authors > 0 {
                        table.row([
                            "  with a [deleted] author".to_owned(),
                            count(built.unknown_authors),
                        ]);
                    }
                    table.row(["  new".to_owned(), count(built.new)]);
                    table.row(["  removed".to_owned(), count(built.removed)]);
                    table.print(self.out)?;
                    match built.kept {
                        0 => self.out.line("no pairs: import the comments that these replies answer, or another sample"),
                        _ => self.out.line("next: `repartee split make`"),
                    }
                })
            }
            PairsCommand::Show {
                subreddit,
                contains,
                after,
                limit,
                excluded,
            } => {
                let show = ShowPairs {
                    subreddits: subreddit,
                    contains,
                    after,
                    limit,
                    excluded: excluded.then_some(true),
                };
                self.done(&engine.pairs(&show)?, |pairs| {
                    if pairs.is_empty() {
                        return self.out.line("no such pairs; `repartee pairs build` makes them from what was imported");
                    }
                    let mut table = Table::new(columns::PAIRS);
                    for pair in pairs {
                        table.row([
                            pair.id.to_string(),
                            pair.subreddit.clone(),
                            pair.score.map_or_else(|| "-".to_owned(), |s| s.to_string()),
                            short(&pair.comment, text_width()),
                            short(&pair.reply, text_width()),
                            pair.excluded.clone().unwrap_or_default(),
                        ]);
                    }
                    table.print(self.out)
                })
            }
            PairsCommand::Exclude {
                pairs,
                author,
                reason,
            } => {
                let what = ExcludePairs {
                    pairs,
                    authors: author,
                    reason,
                };
                self.done(&engine.exclude(&what)?, |all| self.excluded(all))
            }
            PairsCommand::Include { pairs, author } => {
                let what = IncludePairs {
                    pairs,
                    authors: author,
                };
                self.done(&engine.include(&what)?, |all| self.excluded(all))
            }
            PairsCommand::Excluded => self.done(&engine.excluded()?, |all| self.excluded(all)),
            PairsCommand::Count => self.done(&engine.pair_subreddits()?, |subreddits| {
                if subreddits.is_empty() {
                    return self.out.line(
                        "no pairs yet; `repartee pairs build` makes them from what was imported",
                    );
                }
                let mut table = Table::new(columns::SUBREDDITS);
                for (name, n) in subreddits {
                    table.row([
                        if name.is_empty() {
                            "(unknown)".to_owned()
                        } else {
                            name.clone()
                        },
                        count(*n),
                    ]);
                }
                table.print(self.out)
            }),
        }
    }

    fn split(&self, command: SplitCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            SplitCommand::Make { name, seed, shares, edges, near } => {
                let mut job = MakeSplit { name, edges, ..MakeSplit::default() };
                job.seed = seed.unwrap_or(job.seed);
                if let Some([train, val, test]) = shares {
                    job.shares = Shares { train, val, test };
                }
                job.near.threshold = near.unwrap_or(job.near.threshold);
                self.start(&engine, &job, |split| {
                    self.one_split(split)?;
                    self.out.line("next: `repartee split audit`, then `repartee base add` or `repartee base new`")
                })
            }
            SplitCommand::Item(command) => self.item(&engine, ItemKind::Split, command),
            SplitCommand::List(list) => self.done(&items::tagged(self.whole(&engine, ItemKind::Split, engine.splits()?)?, &list, |s| &s.label), |splits| {
                if splits.is_empty() {
                    return self.out.line("no splits yet; `repartee split make` divides the pairs");
                }
                splits.iter().try_for_each(|split| self.one_split(split))
            }),
            SplitCommand::Show { name } => self.done(&engine.split(&name)?, |split| self.one_split(split)),
            SplitCommand::Audit { name } => self.start(&engine, &AuditSplit { name }, |audit| {
                self.out.line(format!(
                    "split {} is clean: {} pairs, {} texts ({} different); no thread, post, pair or text of any length is on two sides, \
                     and no near-duplicate of {} words or more from {:.0} % up",
                    audit.name,
                    count(audit.pairs),
                    count(audit.texts),
                    count(audit.different_texts),
                    audit.near.min_words,
                    audit.near.threshold * 100.0
                ))?;
                self.out.line(match audit.deleted_texts {
                    0 => "exempt: nothing".to_owned(),
                    n => format!("exempt: {} deleted texts, which no model sees", count(n)),
                })?;
                audit.left_out.iter().try_for_each(|rule| self.out.line(left_out(rule)))
            }),
        }
    }

    fn excluded(&self, all: &Excluded) -> Result<()> {
        if all.pairs.is_empty() && all.authors.is_empty() {
            return self.out.line("nothing is excluded");
        }
        let mut table = Table::new(columns::EXCLUDED);
        for author in &all.authors {
            table.row([
                format!("u/{}", author.name),
                count(author.pairs),
                time(author.at_ms),
                author.reason.clone(),
            ]);
        }
        for pair in &all.pairs {
            table.row([
                format!("pair {}", pair.id),
                "1".to_owned(),
                time(pair.at_ms),
                pair.reason.clone(),
            ]);
        }
        table.print(self.out)?;
        self.out
            .line("splits made from now on leave these out; frozen ones stay as they are")
    }

    fn one_split(&self, split: &SplitInfo) -> Result<()> {
        let audit = match &split.audit {
            None => "not audited",
            Some(audit) if audit.clean => "audited: clean",
            Some(_) => "audited: leaks",
        };
        self.out.line(format!(
            "split {}, seed {}, {audit}{}",
            split.name,
            split.seed,
            items::label_line(&split.label)
        ))?;
        let labels: Vec<String> = match split.config.edges {
            Some(edges) => (0..4).map(|bin| edges.range(bin)).collect(),
            None => Vec::new(),
        };
        let mut head = vec![
            "partition".to_owned(),
            "pairs".to_owned(),
            "threads".to_owned(),
            "scored".to_owned(),
        ];
        head.extend(labels.iter().map(|label| format!("score {label}")));
        let mut table = Table::new(head);
        for partition in &split.partitions {
            let mut row = vec![
                partition.partition.to_string(),
                count(partition.pairs),
                count(partition.threads),
                count(partition.scored),
            ];
            row.extend(partition.bins.iter().map(|n| count(*n)));
            table.row(row);
        }
        table.print(self.out)?;
        if split.config.excluded > 0 {
            self.out.line(format!(
                "excluded by hand: {} pairs",
                count(split.config.excluded)
            ))?;
        }
        for rule in &split.config.left_out {
            self.out.line(left_out(rule))?;
        }
        for warning in &split.warnings {
            self.out.line(format!("warning: {warning}"))?;
        }
        Ok(())
    }

    fn base(&self, command: BaseCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        let added = |base: &BaseInfo| {
            self.out.line(format!(
                "base {}: {}, {} parameters ({} layers, width {}), up to {} tokens, vocabulary {}, {}",
                again::marked(&base.name, base.deleted_content),
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
            BaseCommand::New { name, kind, layers, width, heads, context, vocab, tokenizer, split, seed, estimate } => {
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
                if estimate {
                    return self.done(&engine.base_estimate(&job)?, |found| {
                        self.out.line(format!(
                            "{}{} parameters, {}, vocabulary {}",
                            if found.at_most { "no pairs to train a tokenizer on yet; at most " } else { "" },
                            count(found.parameters as u64),
                            bytes(found.bytes),
                            count(found.vocabulary as u64)
                        ))
                    });
                }
                self.start(&engine, &job, added)
            }
            BaseCommand::Item(command) => self.item(&engine, ItemKind::Base, command),
            BaseCommand::List(list) => self.done(&items::tagged(self.whole(&engine, ItemKind::Base, engine.bases()?)?, &list, |b| &b.label), |bases| {
                if bases.is_empty() {
                    return self.out.line(
                        "no bases yet; `repartee base add NAME --from FOLDER|HUB_ID` or `repartee base new NAME --kind gpt2|bert`",
                    );
                }
                let mut table = Table::new(columns::BASES);
                for base in bases {
                    table.row([
                        again::marked(&base.name, base.deleted_content),
                        base.kind.clone(),
                        count(base.parameters as u64),
                        base.layers.to_string(),
                        base.width.to_string(),
                        base.context.to_string(),
                        count(base.vocabulary as u64),
                        bytes(base.bytes),
                        items::tags(&base.label),
                        items::note(&base.label),
                        short(&base.origin, text_width()),
                    ]);
                }
                table.print(self.out)
            }),
            BaseCommand::Remove { name } => {
                let args = DeleteArgs {
                    item: name,
                    with_dependents: false,
                    yes: true,
                    seen: None,
                    dry_run: false,
                    who: None,
                };
                self.item(&engine, ItemKind::Base, ItemCommand::Delete(args))
            }
        }
    }

    fn train(&self, command: TrainCommand) -> Result<ExitCode> {
        let (kind, args) = match command {
            TrainCommand::Generator(args) => (RunKind::Generator, args),
            TrainCommand::Realism(args) => (RunKind::Realism, args),
            TrainCommand::Upvotes(args) => (RunKind::Upvotes, args),
            TrainCommand::List(list) => return self.runs(&list),
            TrainCommand::Again { run, plan, .. } => return self.train_again(&run, plan),
            TrainCommand::Marked => return self.list_marked(),
            TrainCommand::Show { run } => return self.show_run(&run),
        };
        let config = run_config(kind, &args)?;
        if let Some(file) = &args.write_config {
            let toml = config.to_toml()?;
            if file == Path::new("-") {
                terminal::out_lines("", toml.trim_end())?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut new = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(file)
                .map_err(|e| Error::io("make", file, &e))?;
            new.write_all(toml.as_bytes())
                .map_err(|e| Error::io("write", file, &e))?;
            return self.done(&serde_json::json!({ "wrote": file }), |_| {
                self.out.line(format!(
                    "wrote {}; edit it, then `{}`",
                    file.display(),
                    shell::command([
                        OsStr::new("train"),
                        kind.as_str().as_ref(),
                        "--config".as_ref(),
                        file.as_os_str()
                    ])
                ))
            });
        }
        let engine = self.engine()?;
        if args.estimate {
            return self.done(&engine.train_estimate(&config)?, |facts| self.facts(facts));
        }
        self.start(&engine, &Train::new(&config)?, |trained| {
            let best = match trained.best_loss {
                Some(loss) => format!(
                    "; lowest validation loss {loss:.4} at step {}",
                    trained.best_step
                ),
                None => String::new(),
            };
            let how = match trained.outcome {
                Outcome::EarlyStop => "stopped early: validation got no better",
                Outcome::Stopped => "stopped, and its checkpoint kept,",
                _ => "done",
            };
            self.out.line(format!(
                "run {}: {how} after {} steps and {} tokens{best}",
                trained.run,
                count(trained.steps as u64),
                count(trained.tokens)
            ))?;
            self.out.line(match kind {
                RunKind::Generator => format!(
                    "next: `{}`, `{}`",
                    shell::command(["fakes", "make", "--generator", &trained.run]),
                    shell::command(["evaluate", &trained.run])
                ),
                _ => format!("next: `{}`", shell::command(["evaluate", &trained.run])),
            })
        })
    }

    fn facts(&self, facts: &RunFacts) -> Result<()> {
        let mut table = Table::new(["", ""]);
        table.row(["base".to_owned(), facts.base.clone()]);
        table.row(["split".to_owned(), facts.split.clone()]);
        if let Some(fakes) = &facts.fakes {
            table.row(["fakes".to_owned(), fakes.clone()]);
        }
        table.row([
            "device".to_owned(),
            format!("{}, {} threads", facts.device, facts.threads),
        ]);
        table.row(["parameters".to_owned(), count(facts.parameters as u64)]);
        table.row([
            "examples".to_owned(),
            format!(
                "{} train, {} val",
                count(facts.train_examples as u64),
                count(facts.val_examples as u64)
            ),
        ]);
        if !facts.classes.is_empty() {
            let classes: Vec<String> = facts.classes.iter().map(|n| count(*n as u64)).collect();
            table.row(["examples of each class".to_owned(), classes.join(", ")]);
        }
        if !facts.class_weights.is_empty() {
            let weights: Vec<String> = facts
                .class_weights
                .iter()
                .map(|w| format!("{w:.2}"))
                .collect();
            table.row(["class weights".to_owned(), weights.join(", ")]);
        }
        table.row(["steps".to_owned(), count(facts.steps as u64)]);
        table.row([
            "padding".to_owned(),
            format!("{:.1} % of positions", facts.padding * 100.0),
        ]);
        table.row([
            "memory, estimated".to_owned(),
            bytes(facts.estimated_bytes as u64),
        ]);
        table.row([
            "time, estimated".to_owned(),
            seconds(facts.estimated_seconds),
        ]);
        table.print(self.out)
    }

    fn runs(&self, list: &ListArgs) -> Result<ExitCode> {
        let engine = self.engine()?;
        let runs = self.whole(&engine, ItemKind::Run, engine.runs()?)?;
        let runs = items::tagged(runs, list, |run| &run.label);
        self.done(&runs, |runs| {
            if runs.is_empty() {
                return self
                    .out
                    .line("no runs yet; `repartee train generator` starts one");
            }
            let mut table = Table::new(columns::RUNS);
            for run in runs {
                table.row([
                    again::marked(&run.name, run.deleted_content),
                    run.kind.as_str().to_owned(),
                    run.state.clone(),
                    count(run.step),
                    run.facts
                        .as_ref()
                        .map_or_else(|| "-".to_owned(), |f| count(f.steps as u64)),
                    figure(run.loss, 4),
                    figure(run.best_loss, 4),
                    time(run.created_ms),
                    run.job.as_deref().map(short_id).unwrap_or_default(),
                    items::tags(&run.label),
                    items::note(&run.label),
                ]);
            }
            table.print(self.out)
        })
    }

    fn show_run(&self, name: &str) -> Result<ExitCode> {
        self.done(&self.engine()?.run_show(name)?, |run| {
            self.out.line(format!(
                "run {}: {}, {}, step {}, loss {}, lowest validation loss {}",
                again::marked(&run.name, run.deleted_content),
                run.kind.as_str(),
                if run.state.is_empty() {
                    "no job"
                } else {
                    &run.state
                },
                count(run.step),
                figure(run.loss, 4),
                figure(run.best_loss, 4)
            ))?;
            self.label(&run.label)?;
            if let Some(facts) = &run.facts {
                self.facts(facts)?;
            }
            for (step, comment, reply) in &run.samples {
                self.out.line("")?;
                self.out.line(format!("step {step}"))?;
                self.out.line(format!("> {}", short(comment, 200)))?;
                self.out.line(short(reply, 400))?;
            }
            self.out.line("")?;
            self.out.lines("  ", run.config.trim_end())
        })
    }

    fn fakes(&self, command: FakesCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            FakesCommand::Make {
                name,
                generator,
                checkpoint,
                replies,
                comments,
                batch,
                seed,
                device,
                sampling,
            } => {
                let usual = MakeFakes::default();
                let job = MakeFakes {
                    name,
                    generator,
                    checkpoint,
                    replies: replies.unwrap_or(usual.replies),
                    comments: comments.unwrap_or(usual.comments),
                    batch: batch.unwrap_or(usual.batch),
                    sampling: sampling_of(usual.sampling, &sampling, seed),
                    device: device.unwrap_or(usual.device),
                };
                self.start(&engine, &job, |set| {
                    self.fake_sets(std::slice::from_ref(set))?;
                    self.left_out(&set.left_out)?;
                    self.out.line(format!(
                        "next: `{}`, `{}`",
                        shell::command(["fakes", "show", &set.name]),
                        shell::command(["train", "realism", "--fakes", &set.name])
                    ))
                })
            }
            FakesCommand::Item(command) => self.item(&engine, ItemKind::Fakes, command),
            FakesCommand::List(list) => self.done(
                &items::tagged(
                    self.whole(&engine, ItemKind::Fakes, engine.fake_sets()?)?,
                    &list,
                    |s| &s.label,
                ),
                |sets| match sets.is_empty() {
                    true => self
                        .out
                        .line("no fakes yet; `repartee fakes make --generator RUN` writes some"),
                    false => self.fake_sets(sets),
                },
            ),
            FakesCommand::Show { name, limit } => {
                self.done(&engine.fakes_show(&name, limit)?, |fakes| {
                    for fake in fakes {
                        self.out.line(format!(
                            "[{}] > {}",
                            fake.partition,
                            short(&fake.comment, 300)
                        ))?;
                        self.out
                            .line(format!("  real: {}", short(&fake.real, 300)))?;
                        let cut = if fake.finish_reason == "length" {
                            " (cut at the longest length)"
                        } else {
                            ""
                        };
                        self.out
                            .line(format!("  fake: {}{cut}", short(&fake.fake, 300)))?;
                        self.out.line("")?;
                    }
                    Ok(())
                })
            }
        }
    }

    fn fake_sets(&self, sets: &[FakesInfo]) -> Result<()> {
        let mut table = Table::new(columns::FAKES);
        for set in sets {
            let [train, val, test] = set.fakes.map(count);
            table.row([
                again::marked(&set.name, set.deleted_content),
                set.config.generator.clone(),
                count(set.config.step),
                set.split.clone(),
                train,
                val,
                test,
                sampled_with(&set.config.sampling),
                items::tags(&set.label),
                items::note(&set.label),
            ]);
        }
        table.print(self.out)
    }

    fn generate(&self, args: GenerateArgs) -> Result<ExitCode> {
        let engine = self.engine()?;
        let mut comments = Vec::new();
        for text in args.comment {
            let text = match text.as_str() {
                "-" => std::io::read_to_string(std::io::stdin())?,
                _ => text,
            };
            comments.push(Incoming {
                comment: text,
                ..Incoming::default()
            });
        }
        let mut origin = "pasted";
        if let Some(file) = &args.file {
            let read = incoming::read(file)?;
            for line in &read.left_out {
                terminal::err_line(&format!("left out: {line}"));
            }
            comments.extend(read.comments);
            origin = "file";
        }
        let usual = Generate::default();
        let job = Generate {
            comments,
            stored: usual.stored,
            context: usual.context,
            given: 0,
            unseen: args.unseen.unwrap_or(0),
            origin: origin.to_owned(),
            generator: args.generator,
            realism: args.realism,
            upvotes: args.upvotes,
            checkpoint: args.checkpoint,
            candidates: args.candidates.unwrap_or(usual.candidates),
            sampling: sampling_of(usual.sampling, &args.sampling, args.seed),
            criteria: Criteria {
                min_p_real: args.min_p_real,
                max_chars: args.max_chars.unwrap_or(usual.criteria.max_chars),
                per_thread: args.per_thread.unwrap_or(usual.criteria.per_thread),
            },
            queue: !args.no_queue,
            device: args.device.unwrap_or(usual.device),
            batch: usual.batch,
        };
        self.start(&engine, &job, |generated| {
            for answered in &generated.comments {
                self.out.lines("> ", answered.comment.trim())?;
                let mut table = Table::new(["", "p(real)", "expected bin", "reply", "why"]);
                for candidate in &answered.candidates {
                    table.row([
                        if candidate.picked { "*" } else { "" }.to_owned(),
                        figure(candidate.p_real, 3),
                        figure(candidate.expected_bin, 2),
                        short(&candidate.text, text_width()),
                        candidate.reason.clone(),
                    ]);
                }
                table.print(self.out)?;
                self.out.line("")?;
            }
            self.left_out(&generated.left_out)?;
            self.out.line(sampled_with(&generated.config.sampling))?;
            match (generated.queued.len(), job.queue) {
                (0, true) => self.out.line("no candidate was picked; more candidates (-n), or a lower --min-p-real, may give some"),
                (n, true) => self.out.line(format!(
                    "{n} {} in the queue as drafts; next: `repartee queue list`",
                    if n == 1 { "reply is" } else { "replies are" }
                )),
                (_, false) => self.out.line("nothing was put into the queue"),
            }
        })
    }

    fn queue(&self, command: QueueCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        let changed = |reply: &ReplyInfo| {
            self.out
                .line(format!("reply {} is {}", reply.id, reply.state))
        };
        match command {
            QueueCommand::List { state } => {
                let replies = newest_first(engine.queue(state.as_deref())?);
                self.unreadable(&engine.unreadable_replies()?)?;
                self.done(&replies, |replies| {
                if replies.is_empty() {
                    return self.out.line("no replies; `repartee generate` puts the best candidates here as drafts");
                }
                let mut table = Table::new(columns::QUEUE);
                for reply in replies {
                    table.row([
                        reply.id.to_string(),
                        reply.state.clone(),
                        reply.subreddit.clone(),
                        figure(reply.p_real, 3),
                        bin(reply.predicted),
                        figure(reply.expected_bin, 2),
                        short(&reply.comment, text_width() / 2),
                        short(&reply.text, text_width()),
                    ]);
                }
                table.print(self.out)
            })
            }
            QueueCommand::Show { reply } => self.done(&engine.reply(reply)?, |story| {
                let reply = &story.reply;
                let mut table = Table::new(["", ""]);
                table.row(["reply", &reply.id.to_string()]);
                table.row(["state", &reply.state]);
                if !reply.subreddit.is_empty() {
                    table.row(["subreddit", &reply.subreddit]);
                }
                table.row(["p(real)", &figure(reply.p_real, 3)]);
                let bins = reply
                    .bins
                    .map(|bins| bins.map(|p| format!("{p:.2}")).join(" "));
                table.row(["upvote bins", bins.as_deref().unwrap_or("-")]);
                table.row(["predicted bin", &bin(reply.predicted)]);
                table.row(["expected bin", &figure(reply.expected_bin, 2)]);
                table.row(["picked", &reply.reason]);
                table.print(self.out)?;
                self.out.line("")?;
                seen::show_reply(self.out, reply)?;
                self.out.line("")?;
                if reply.written != reply.text {
                    self.out.line("as it was written:")?;
                    self.out.lines("  ", &reply.written)?;
                    self.out.line("")?;
                }
                for event in &story.events {
                    let detail = if event.detail.is_empty() {
                        String::new()
                    } else {
                        format!(": {}", short(&event.detail, 100))
                    };
                    self.out.line(format!(
                        "{}  {} by {}{detail}",
                        time(event.at_ms),
                        event.what,
                        event.who
                    ))?;
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
            QueueCommand::Approve { reply, seen, who } => {
                self.approve(&engine, &reply, seen.as_deref(), who)
            }
            QueueCommand::Reject { reply, why, who } => {
                self.done(&engine.reply_reject(reply, &person(who), &why)?, changed)
            }
        }
    }

    fn export(&self, command: ExportCommand) -> Result<ExitCode> {
        let engine = self.engine()?;
        match command {
            ExportCommand::Predictions { of, file } => {
                let n = engine.predictions_export(&of, &file)?;
                self.done(
                    &serde_json::json!({ "wrote": file, "predictions": n }),
                    |_| {
                        self.out.line(format!(
                            "wrote {} ({} predictions)",
                            file.display(),
                            count(n)
                        ))
                    },
                )
            }
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
            ExportCommand::Pairs {
                file,
                split,
                partition,
            } => {
                let partition = partition
                    .map(|word| {
                        word.parse::<repartee_engine::Partition>()
                            .map_err(Error::usage)
                    })
                    .transpose()?;
                let n = engine.pairs_export(&file, split.as_deref(), partition)?;
                self.done(&serde_json::json!({ "wrote": file, "pairs": n }), |_| {
                    self.out
                        .line(format!("wrote {} ({} pairs)", file.display(), count(n)))
                })
            }
            ExportCommand::Run {
                run,
                folder,
                checkpoint,
            } => {
                let folder = engine.run_export(&run, &folder, checkpoint.as_deref())?;
                self.wrote(&folder)
            }
        }
    }

    fn wrote(&self, path: &Path) -> Result<ExitCode> {
        self.done(&serde_json::json!({ "wrote": path }), |_| {
            self.out.line(format!("wrote {}", path.display()))
        })
    }

    fn bench_import(&self, bench: &BenchImport) -> Result<ExitCode> {
        let watch = Watch::new(Out {
            quiet: true,
            json: false,
        });
        let measured = bench_import(bench, &|signal| watch.signal(signal));
        drop(watch);
        let measured = measured?;
        if self.out.json {
            // one line, as the other measurements
            self.out.json(&measured)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(["what", "took", "speed"]);
        let of = |share: Option<f64>| {
            share.map_or(String::new(), |x| {
                format!("{x:.2} of the speed of zstd -dc")
            })
        };
        if let Some(alone) = measured.zstd_s {
            table.row([
                "zstd -dc alone".to_owned(),
                format!("{alone:.2} s"),
                String::new(),
            ]);
        }
        let names = measured.bench.subreddits.join(", ");
        table.row([
            format!("filtering {names}"),
            format!("{:.2} s", measured.filter_s),
            of(measured.filter_of_zstd),
        ]);
        let speed = format!("{} rows/s", count(measured.load_rows_per_s as u64));
        table.row([
            "loading every row".to_owned(),
            format!("{:.2} s", measured.load_s),
            speed,
        ]);
        let speed = format!("{:.2} s a million comments", measured.join_s_per_million);
        table.row([
            format!("joining into {} pairs", count(measured.pairs)),
            format!("{:.2} s", measured.join_s),
            speed,
        ]);
        table.row([
            "noting their words for the search".to_owned(),
            format!("{:.2} s", measured.words_s),
            String::new(),
        ]);
        table.print(self.out)?;
        self.out.line(format!(
            "most memory: {} GB",
            figure(measured.peak_rss_gb, 2)
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    fn bench(&self, command: BenchCommand) -> Result<ExitCode> {
        let (what, args) = match command {
            BenchCommand::Train(args) => (What::Train, args),
            BenchCommand::Generate(args) => (What::Generate, args),
            BenchCommand::Score(args) => (What::Score, args),
            BenchCommand::Import {
                file,
                write,
                subreddit,
            } => {
                let bench = BenchImport {
                    file,
                    write_mb: write,
                    subreddits: subreddit,
                };
                return self.bench_import(&bench);
            }
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
                let mut table = Table::new(columns::JOBS);
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
                let (info, lines) = (engine.job(&job)?, engine.job_log(&job)?);
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
                    for line in &lines {
                        self.out
                            .line(format!("{}  {}", time(line.at_ms), line.text))?;
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
            JobCommand::Stop { job, discard, yes } => self.job_stop(&engine, &job, discard, yes),
            JobCommand::Queue => self.job_queue(&engine),
            JobCommand::Run => self.job_run(&engine),
            JobCommand::Move {
                job,
                before,
                first: _,
                last,
            } => self.job_move(&engine, &job, before, last),
            JobCommand::OnFailure { job, what } => self.job_on_failure(&engine, &job, what),
            JobCommand::Resume { job } => {
                // what it reads and does was stored by whoever made the project
                let stored = engine.job(&job)?;
                if !self.out.json && !self.out.quiet {
                    terminal::err_line(&format!("{} {}", stored.kind, stored.params));
                }
                let watch = Watch::new(self.out);
                let ended = engine.resume(&job, &|signal| watch.signal(signal));
                drop(watch);
                // it has its id also when it was interrupted before it began
                self.ended(&stored.id, ended?, |outcome| {
                    self.out.line("done")?;
                    self.out.lines("", serde_json::to_string_pretty(outcome)?)
                })
            }
        }
    }
}

/// A list, the newest first.
fn newest_first<T>(mut all: Vec<T>) -> Vec<T> {
    all.reverse();
    all
}

/// A predicted or actual bin, or a dash where there is none.
fn bin(bin: Option<u32>) -> String {
    bin.map_or_else(|| "-".to_owned(), |bin| bin.to_string())
}

/// Decode settings: the usual ones, and over them the flags.
fn sampling_of(usual: SamplingParams, flags: &SamplingArgs, seed: Option<u64>) -> SamplingParams {
    SamplingParams {
        max_new_tokens: flags.max_new_tokens.unwrap_or(usual.max_new_tokens),
        temperature: flags.temperature.unwrap_or(usual.temperature),
        top_k: flags.top_k.unwrap_or(usual.top_k),
        top_p: flags.top_p.unwrap_or(usual.top_p),
        repetition_penalty: flags.repetition_penalty.unwrap_or(usual.repetition_penalty),
        seed: seed.unwrap_or(usual.seed),
    }
}

/// Decode settings in a few words.
fn sampled_with(sampling: &SamplingParams) -> String {
    let mut text = format!("temperature {}", sampling.temperature);
    if sampling.top_k > 0 {
        text.push_str(&format!(", top-k {}", sampling.top_k));
    }
    if sampling.top_p < 1.0 {
        text.push_str(&format!(", top-p {}", sampling.top_p));
    }
    if sampling.repetition_penalty != 1.0 {
        text.push_str(&format!(
            ", repetition penalty {}",
            sampling.repetition_penalty
        ));
    }
    format!(
        "{text}, at most {} tokens, seed {}",
        sampling.max_new_tokens, sampling.seed
    )
}

/// The settings of a run: the file's or the defaults, and over them the flags.
fn run_config(kind: RunKind, args: &TrainArgs) -> Result<RunConfig> {
    let mut config = match &args.config {
        None => RunConfig::of(kind),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(|e| Error::io("read", file, &e))?;
            RunConfig::from_toml(&text).map_err(|e| e.with(format!("in {}", file.display())))?
        }
    };
    if config.kind != kind {
        return Err(Error::usage(format!(
            "the run config is one of {}; use `repartee train {0}`",
            config.kind.as_str()
        ))
        .into());
    }
    let number = |value: &Option<u64>| value.map(|v| v.to_string());
    let size = |value: &Option<usize>| value.map(|v| v.to_string());
    let real = |value: &Option<f64>| value.map(|v| v.to_string());
    let flags = [
        ("name", args.name.clone()),
        ("base", args.base.clone()),
        ("split", args.split.clone()),
        ("fakes", args.fakes.clone()),
        ("epochs", real(&args.epochs)),
        ("steps", number(&args.steps)),
        ("batch_size", size(&args.batch)),
        ("learning_rate", real(&args.lr)),
        ("loss", args.loss.clone()),
        ("max_tokens", size(&args.max_tokens)),
        ("seed", number(&args.seed)),
        ("device", args.device.clone()),
    ];
    for (key, value) in flags {
        if let Some(value) = value {
            config = config.set(key, &value)?;
        }
    }
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("--set takes KEY=VALUE, not {pair:?}")))?;
        config = config.set(key.trim(), value.trim())?;
    }
    Ok(config)
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
    listen_to(&engine.interrupt)
}

fn listen_to(interrupt: &Interrupt) -> Result<()> {
    let interrupt = interrupt.clone();
    ctrlc::set_handler(move || match interrupt.press() {
        1 => {
            terminal::err_line("");
            terminal::err_line(
                "stopping at the next safe point; once more cancels, a third time ends at once",
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
    if *text != terminal::visible(text) {
        terminal::err_line(
            "the text has characters that do not show, or act on what shows it; with them written out it is:",
        );
        terminal::err_line(text);
    }
    // a folder of our own: what the editor leaves beside the file is for nobody else either
    let folder = private_folder().map_err(|e| Error::io("make", &std::env::temp_dir(), &e))?;
    let path = folder.path().join("reply.txt");
    repartee_engine::private::create_new(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Error::io("write", &path, &e))?;
    // an editor may come with arguments: EDITOR="code --wait"
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or_default();
    let status = std::process::Command::new(program)
        .args(words)
        .arg(&path)
        .status();
    let edited = std::fs::read_to_string(&path);
    // the text is in the project; what is left here is a copy
    let _ = folder.close();
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

/// A new folder for temporary files, with a name that nobody can know before, for its owner alone.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("repartee-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

/// Pairs that a split leaves out by a rule.
fn left_out(rule: &LeftOutPairs) -> String {
    let [train, val, test] = rule.pairs;
    format!(
        "left out by the rule {}: {} pairs of train, {} of val, {} of test, of which a text is also on a side that comes first \
         (train, then test)",
        rule.rule,
        count(train),
        count(val),
        count(test)
    )
}
