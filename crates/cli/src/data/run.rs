//! `repartee import`, `source`, `pairs` and `split`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use repartee_engine::data::curation::{ExcludePairs, IncludePairs, pair_of};
use repartee_engine::data::import::{Import, seconds_of};
use repartee_engine::data::pairs::{BuildPairs, ShowPairs};
use repartee_engine::data::splits::{AuditSplit, MakeSplit};
use repartee_engine::items::ItemKind;
use repartee_engine::{Error, Filter, Format, Mapping, Origin, Recipe, Shares};

use super::args::{
    FileFormat, FilterArgs, ImportArgs, PairsCommand, RecipeArgs, ShowArgs, SourceCommand,
    SplitArgs, SplitCommand,
};
use super::view;
use crate::app::{App, person};
use crate::{items, study};

pub fn import(app: &App, args: ImportArgs) -> Result<ExitCode> {
    let engine = app.engine()?;
    let job = Import {
        files: args.files,
        format: args.format.map(format_of),
        mapping: match (args.map, args.map_file) {
            (Some(map), _) => Some(map.parse::<Mapping>().map_err(Error::usage)?),
            (None, Some(file)) => Some(mapping_file(&file)?),
            (None, None) => None,
        },
        name: args.name,
        note: args.note,
        again: args.again,
        who: person(args.who),
        filter: filter_of(args.filter)?,
        ..Import::default()
    };
    let job = study::permitted(app, &engine, job, &args.permission, args.origin.as_deref())?;
    app.start(&engine, &job, |imported| {
        view::imported(app.out, &imported.sources)
    })
}

fn format_of(format: FileFormat) -> Format {
    match format {
        FileFormat::Comments => Format::Comments,
        FileFormat::Pushshift => Format::Pushshift,
        FileFormat::Bigquery => Format::Bigquery,
        FileFormat::Mapped => Format::Mapped,
        FileFormat::Listing => Format::Listing,
    }
}

fn filter_of(args: FilterArgs) -> Result<Filter> {
    let day = |day: Option<String>| day.map(|day| seconds_of(&day)).transpose();
    Ok(Filter {
        subreddits: args.subreddit,
        authors: args.author,
        not_authors: args.not_author,
        min_score: args.min_score,
        max_score: args.max_score,
        min_chars: args.min_length,
        max_chars: args.max_length,
        after_utc: day(args.after)?,
        before_utc: day(args.before)?,
        placeholders: args.placeholders,
    })
}

/// A mapping from a TOML file with a line per field, such as `comment = "Comment, text"`.
fn mapping_file(path: &Path) -> Result<Mapping> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, &e))?;
    let wrong = |why: String| Error::usage(format!("{}: {why}", path.display()));
    let fields: std::collections::BTreeMap<String, String> =
        toml::from_str(&text).map_err(|e| {
            wrong(format!(
                "expected lines like comment = \"Column\": {}",
                e.message()
            ))
        })?;
    Ok(Mapping::of(fields).map_err(wrong)?)
}

pub fn source(app: &App, command: SourceCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        SourceCommand::Item(command) => items::item(app, &engine, ItemKind::Source, command),
        SourceCommand::List(args) => {
            let all = engine.sources()?;
            let sources = items::listed(app, &engine, ItemKind::Source, all, &args, |s| &s.label)?;
            app.done(&sources, |sources| view::sources(app.out, sources))
        }
        SourceCommand::Permit {
            source,
            permission,
            note,
        } => {
            let permission = permission.parse().map_err(Error::usage)?;
            app.done(&engine.permit(&source, permission, &note)?, |source| {
                app.out.line(format!(
                    "Permission of source {}: {} {}",
                    source.name, source.permission, source.note
                ))
            })
        }
        SourceCommand::Origin {
            source,
            origin,
            not_reddit,
            who,
        } => {
            let origin: Origin = origin.parse().map_err(Error::usage)?;
            let who = person(who);
            let source = engine.source_origin(&source, origin, not_reddit, &who)?;
            app.done(&source, |source| {
                app.out.line(format!(
                    "Origin of source {}: {}",
                    source.name, source.origin
                ))
            })
        }
        SourceCommand::Rejected {
            source,
            after,
            limit,
        } => {
            let info = engine.source(&source)?;
            let rows = engine.rejected(&source, after, limit)?;
            app.done(
                &serde_json::json!({ "source": info, "rejected": rows }),
                |_| {
                    let rows = rows
                        .iter()
                        .map(|row| (row.line, row.reason.as_str(), row.excerpt.as_str()));
                    view::rejected(app.out, &info, rows)
                },
            )
        }
    }
}

pub fn pairs(app: &App, command: PairsCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        PairsCommand::Build(args) => app.start(&engine, &build_of(args), |built| {
            view::built(app.out, built)
        }),
        PairsCommand::Show(args) => app.done(&engine.pairs(&show_of(args)?)?, |pairs| {
            view::pairs(app.out, pairs)
        }),
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
            app.done(&engine.exclude(&what)?, |all| view::excluded(app.out, all))
        }
        PairsCommand::Include { pairs, author } => {
            let what = IncludePairs {
                pairs,
                authors: author,
            };
            app.done(&engine.include(&what)?, |all| view::excluded(app.out, all))
        }
        PairsCommand::Excluded => app.done(&engine.excluded()?, |all| view::excluded(app.out, all)),
        PairsCommand::Count => app.done(&engine.pair_subreddits()?, |subreddits| {
            view::subreddits(app.out, subreddits)
        }),
    }
}

fn build_of(args: RecipeArgs) -> BuildPairs {
    let usual = Recipe::default();
    BuildPairs {
        no_search: args.no_search,
        recipe: Recipe {
            drop_deleted: !args.keep_deleted,
            drop_bots: !args.keep_bots,
            bots: args.bot,
            drop_links: !args.keep_links,
            drop_unknown_authors: args.drop_unknown_authors,
            keep_same_author: args.keep_same_author,
            min_chars: args.min_length.unwrap_or(usual.min_chars),
            max_chars: args.max_length.unwrap_or(usual.max_chars),
        },
    }
}

fn show_of(args: ShowArgs) -> Result<ShowPairs> {
    Ok(ShowPairs {
        subreddits: args.subreddit,
        contains: args.contains,
        after: args.after.as_deref().map(pair_of).transpose()?,
        limit: args.limit,
        excluded: args.excluded.then_some(true),
    })
}

pub fn split(app: &App, command: SplitCommand) -> Result<ExitCode> {
    let engine = app.engine()?;
    match command {
        SplitCommand::Make(args) => app.start(&engine, &split_of(args), |split| {
            view::split(app.out, split)?;
            app.out.line(
                "Next: `repartee split audit`, then `repartee base add` or `repartee base new`",
            )
        }),
        SplitCommand::Item(command) => items::item(app, &engine, ItemKind::Split, command),
        SplitCommand::List(args) => {
            let all = engine.splits()?;
            let splits = items::listed(app, &engine, ItemKind::Split, all, &args, |s| &s.label)?;
            app.done(&splits, |splits| view::splits(app.out, splits))
        }
        SplitCommand::Show { name } => {
            app.done(&engine.split(&name)?, |split| view::split(app.out, split))
        }
        SplitCommand::Audit { name } => app.start(&engine, &AuditSplit { name }, |audit| {
            view::audit(app.out, audit)
        }),
    }
}

fn split_of(args: SplitArgs) -> MakeSplit {
    let mut job = MakeSplit {
        name: args.name,
        edges: args.edges,
        ..MakeSplit::default()
    };
    job.seed = args.seed.unwrap_or(job.seed);
    if let Some([train, val, test]) = args.shares {
        job.shares = Shares { train, val, test };
    }
    job.near.threshold = args.near.unwrap_or(job.near.threshold);
    job
}
