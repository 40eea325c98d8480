//! Import: files into comments and posts of the project, each row under its source.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use repartee_core::error::{Code, Error, Result};
use repartee_core::format;
use repartee_core::job::{Ctx, Job, Progress, Stop, from_json, now_ms, to_json};
use repartee_core::kind::absolute_path;
use repartee_core::unreadable::{Listed, good};
use repartee_datasets::filter::{Dropped, Filter};
use repartee_datasets::id::{encode, in_namespace};
use repartee_datasets::placeholders;
use repartee_datasets::read::{self, Counts, Options, Preview};
use repartee_datasets::record::{Record, Rejected};
use repartee_datasets::source::{Format, Mapping, Permission};
use repartee_datasets::{Origin, StudyRecord};
use repartee_store::purge::Gone;
use repartee_store::records::Upserted;
use repartee_store::sources::{NewSource, READING, Source};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use repartee_core::source_counts::SourceCounts;

use crate::Engine;
use crate::ToEngine;
use crate::items::{ItemKind, Label, finish_deletions};

/// The files to read, and filters. A job: `import`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default, deny_unknown_fields)]
pub struct Import {
    /// One source each.
    pub files: Vec<PathBuf>,
    /// `None`: detected from their content.
    pub format: Option<Format>,
    /// Column mapping of a table.
    pub mapping: Option<Mapping>,
    /// Name of the source; `None`: the file's name.
    pub name: Option<String>,
    /// Permission under which the text may be used.
    pub permission: Permission,
    /// Note on the permission: license, link, or who granted it.
    pub note: String,
    /// Where the text comes from; `None`: detected from the files. Required for a table that doesn't show it.
    pub origin: Option<Origin>,
    /// The user confirms that files with Reddit's names and links are not Reddit content.
    #[ts(skip)]
    pub not_reddit: bool,
    /// A file that was imported with another mapping or format is imported beside that source, not refused.
    #[ts(skip)]
    pub again: bool,
    /// Permissions of the study, recorded before the files are read. Reddit content requires them if the project has
    /// none on record; that there is no permission is a valid answer.
    pub study: Vec<StudyRecord>,
    pub who: String,
    /// Which rows to keep.
    pub filter: Filter,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Imported {
    /// One per file, in the given order.
    pub sources: Vec<SourceInfo>,
}

/// A source as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct SourceInfo {
    pub id: i64,
    pub name: String,
    pub path: String,
    pub format: String,
    /// Permission under which it may be used.
    pub permission: Permission,
    /// Note on the permission.
    pub note: String,
    pub origin: Origin,
    pub counts: SourceCounts,
    /// Whether it was read completely. Otherwise its counts are of what is stored: of an import that was interrupted,
    /// or is still running.
    pub complete: bool,
    /// The later source in which the rest of an incomplete one is: the same file was read completely with the same
    /// settings.
    pub rest: Option<i64>,
    /// This file was already imported with the same settings; skipped.
    pub already: bool,
    #[serde(default)]
    pub label: Label,
    /// Start of the import, milliseconds since 1970.
    pub created_ms: i64,
}

impl Job for Import {
    const KIND: &'static str = "import";
    const QUEUED: bool = true;
    const ALL_SOURCES: bool = true;
    type Outcome = Imported;

    fn subject(&self) -> String {
        let file = || self.files.first().map(|file| file.display().to_string());
        let name = self.name.clone().filter(|name| !name.is_empty());
        name.or_else(file).unwrap_or_default()
    }

    fn make_absolute(&mut self) -> Result<()> {
        for file in &mut self.files {
            *file = absolute_path(file)?;
            std::fs::metadata(&*file).map_err(|e| Error::io("read", file, &e))?;
        }
        Ok(())
    }

    /// Imports the files one after the other. If a file cannot be read completely, the others are still imported; the
    /// job then fails with all errors, and good rows are kept.
    fn run(&self, ctx: &Ctx) -> Result<Imported, Stop> {
        if let Some(name) = &self.name {
            repartee_core::names::check(ItemKind::Source, name)?;
        }
        finish_deletions(ctx)?;
        let question = ctx.engine().import_question(self)?;
        if !question.is_settled() {
            return Err(question.error().into());
        }
        repartee_core::study::study_add(ctx.project, &self.study, self.who())?;
        let mut imported = Imported::default();
        let mut purged = false;
        let mut failed: Vec<Error> = Vec::new();
        for file in &self.files {
            let path = match file.as_os_str() == read::STANDARD_INPUT {
                true => file.clone(),
                false => std::path::absolute(file).unwrap_or_else(|_| file.clone()),
            };
            let one = self.one(ctx, &path, &mut purged);
            if purged && (one.is_err() || Some(file) == self.files.last()) {
                ctx.tick(Progress::new("wiping the last traces", 0, None, "bytes"));
                ctx.project.store.scrub()?;
                purged = false;
            }
            match one {
                Ok(source) => {
                    ctx.say(said(&source, &path));
                    imported.sources.push(source);
                }
                // the job's error names them all
                Err(Stop::Failed(error)) => failed.push(error),
                Err(stop) => return Err(stop),
            }
        }
        if failed.is_empty() {
            return Ok(imported);
        }
        let mut error = failed.remove(0);
        for other in failed {
            error = error.with(other.message);
        }
        for source in imported.sources {
            error = error.with(said(&source, Path::new(&source.path)));
        }
        Err(error.into())
    }
}

/// A source's counts as a sentence, after the import of `file`.
fn said(source: &SourceInfo, file: &Path) -> String {
    let c = &source.counts;
    if source.already {
        let same = match Path::new(&source.path) == file {
            true => "imported before",
            false => "has the content of a file that was imported before",
        };
        return format!(
            "{}: {same}, as source {} ({}); nothing to add",
            file.display(),
            source.id,
            source.name
        );
    }
    let dropped: u64 = c.dropped.values().sum();
    let mut text = format!(
        "{}: {} {} and {}, each time it occurs ({} new to the project), {dropped} filtered out, {} rejected",
        source.path,
        format::counted(c.rows, "row, which names", "rows, which name"),
        format::counted(c.comments, "comment", "comments"),
        format::counted(c.posts, "post", "posts"),
        c.new,
        c.rejected
    );
    if dropped > 0 {
        text.push_str(&format!("; filtered out: {}", c.dropped_in_words()));
    }
    if c.nul > 0 {
        text.push_str(&format!(", NUL characters removed from {}", c.nul));
    }
    if c.other_text > 0 {
        text.push_str(&format!(
            ", {} with another text under the same id in the project, one of which is kept",
            c.other_text
        ));
    }
    if c.purged > 0 {
        text.push_str(&format!(", {} left out as deleted or purged", c.purged));
    }
    if c.stray_quotes > 0 {
        text.push_str(&format!(
            ", {} with a quote that is never closed",
            c.stray_quotes
        ));
    }
    if !c.replaced.is_empty() {
        text.push_str(&format!(
            ", replaced by placeholders: {}",
            c.replaced_in_words()
        ));
    }
    text
}

impl Import {
    /// Who imports it; unknown in a job of an earlier version.
    fn who(&self) -> &str {
        match self.who.trim() {
            "" => "unknown",
            who => who,
        }
    }

    /// Imports one file into a source of its own.
    ///
    /// Sets `purged` if it purged anything.
    fn one(&self, ctx: &Ctx, path: &Path, purged: &mut bool) -> Result<SourceInfo, Stop> {
        let store = &ctx.project.store;
        if let Some(mapping) = &self.mapping {
            mapping.check().map_err(Error::usage)?;
        }
        let origin = crate::data::import_question::origin_of(self, path);
        let mut options = Options {
            format: self.format,
            mapping: self.mapping.clone(),
            filter: self.filter.clone(),
            ids: None,
        };
        if !self.again {
            self.refuse_other_reading(ctx, path, &options)?;
        }
        options.ids = namespace(ctx, path, &options, origin)?;
        let options_json = to_json(&options)?;
        if let Some(source) = self.known(ctx, path, &options_json)? {
            return Ok(source);
        }
        let file_name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into());
        let source_id = store.source_insert(
            &NewSource {
                name: self
                    .name
                    .clone()
                    .unwrap_or_else(|| match is_number(&file_name) {
                        true => format!("file {file_name}"),
                        false => file_name.clone(),
                    }),
                path: path.display().to_string(),
                format: self.format.map_or(READING, Format::name).to_owned(),
                options: options_json,
                permission: self.permission,
                note: self.note.clone(),
                origin,
            },
            now_ms(),
        )?;
        if let Some(origin) = self.origin.filter(|origin| *origin != Origin::Unknown) {
            // for the audit log
            let not_reddit = self.not_reddit && !origin.needs_permission();
            store.source_origin(source_id, origin, not_reddit, self.who(), now_ms())?;
        }
        let phase = format!("reading {file_name}");
        let mut counts = Counts::default();
        let mut upserted = Upserted::default();
        let mut stopped: Option<Stop> = None;
        let mut gone: Vec<Gone> = Vec::new();
        let mut known_format = self.format;
        let summary = read::read(path, &options, |batch| {
            let mut rows = counts;
            rows.add(&batch.counts);
            let stored = ctx.go_on().and_then(|()| {
                // whether an id is Reddit's depends on it
                if let Some(format) = batch.format.filter(|format| known_format != Some(*format)) {
                    store.source_format(source_id, format.name())?;
                    known_format = Some(format);
                    // what a stream is shows only now
                    let is_reddits = matches!(format, Format::Pushshift | Format::Listing);
                    if is_reddits && origin == Origin::Unknown {
                        store.source_origin(
                            source_id,
                            Origin::Reddit,
                            false,
                            self.who(),
                            now_ms(),
                        )?;
                    }
                }
                let before = upserted;
                let so_far = move |done| {
                    let mut all = before;
                    all += done;
                    to_json(&source_counts(&rows, all)).ok()
                };
                upserted +=
                    store.records_counted(source_id, &batch.records, &batch.named, so_far)?;
                gone.extend(store.records_gone(source_id, &batch.gone)?);
                if gone.len() >= PURGED_AT_ONCE {
                    *purged |= purge(ctx, &mut gone)?;
                }
                store.rejected_insert(source_id, &batch.rejected)?;
                Ok(())
            });
            if let Err(stop) = stored {
                stopped = Some(stop);
                return ControlFlow::Break(());
            }
            counts = rows;
            let p = batch.progress;
            ctx.tick(
                Progress::new(
                    phase.as_str(),
                    p.bytes,
                    (p.total > 0).then_some(p.total),
                    "bytes",
                )
                .note(format::counted(p.rows, "row", "rows")),
            );
            ControlFlow::Continue(())
        });
        // also if it was stopped: what is known to be gone does not wait for the rest of the file
        *purged |= purge(ctx, &mut gone)?;
        let counted = source_counts(&counts, upserted);
        let nothing = counts.comments + counts.posts == 0;
        // a source from which nothing was imported is not complete: another filter or mapping may be right
        let hash = summary.as_ref().ok().and_then(|s| s.hash.clone());
        let hash = hash.filter(|_| !nothing);
        if let Ok(summary) = &summary {
            store.source_format(source_id, summary.format.name())?;
        }
        if stopped.is_none() && summary.is_ok() && nothing {
            return Err(self.nothing(store, source_id, path, &counts)?.into());
        }
        if stopped.is_none() && summary.is_err() && counts == Counts::default() {
            store.source_remove(source_id)?; // nothing of it was read
        } else {
            store.source_counted(source_id, &to_json(&counted)?, hash.as_deref())?;
        }
        if let Some(stop) = stopped {
            return Err(stop);
        }
        if let (Ok(summary), Some(hash), true) = (&summary, &hash, read::is_stream(path)) {
            self.refuse_read_stream(store, source_id, hash, summary.format, &options)?;
        }
        summary.map_err(|error| {
            let error = Error::from(error);
            match counts.rows {
                0 => error,
                _ => error.with(format!(
                    "kept from it: {} and {}, as source {source_id}",
                    format::counted(counts.comments, "comment", "comments"),
                    format::counted(counts.posts, "post", "posts")
                )),
            }
        })?;
        ctx.engine()
            .source(&source_id.to_string())
            .map_err(Stop::from)
    }

    /// The error for a file from which nothing was imported. Its source is kept only if it has rejected rows to show.
    fn nothing(
        &self,
        store: &repartee_store::Store,
        source_id: i64,
        path: &Path,
        counts: &Counts,
    ) -> Result<Error> {
        let counted = source_counts(counts, Upserted::default());
        let first = store.rejected(source_id, 0, 1)?.into_iter().next();
        if counts.rejected == 0 {
            store.source_remove(source_id)?;
        } else {
            store.source_counted(source_id, &to_json(&counted)?, None)?;
        }
        let rows = counts.rows;
        let rules: Vec<String> = counted
            .dropped
            .iter()
            .map(|(rule, n)| format!("{rule} {n}"))
            .collect();
        let mut message = format!("{}: none of its {rows} rows was imported", path.display());
        if !rules.is_empty() {
            message.push_str(&format!("; filtered out by {}", rules.join(", ")));
        }
        let code = match first {
            None => Code::Negative,
            Some(row) => {
                message.push_str(&format!(
                    "; {} rejected, the first in line {}: {}; `repartee source rejected {source_id}` lists them",
                    counts.rejected, row.line, row.reason
                ));
                Code::BadInput
            }
        };
        Ok(Error::new(code, message))
    }

    /// The source that this file was completely imported into before, with the same settings.
    fn known(&self, ctx: &Ctx, path: &Path, options: &str) -> Result<Option<SourceInfo>, Stop> {
        if read::is_stream(path) {
            return Ok(None); // it can be read only once
        }
        let store = &ctx.project.store;
        let sources = store.sources()?;
        if !sources
            .iter()
            .any(|s| s.hash.is_some() && s.options == options)
        {
            return Ok(None);
        }
        // Hashing takes about a second per gigabyte; importing again would take minutes.
        let Some(hash) = hash_of(ctx, path)? else {
            return Ok(None);
        };
        let Some(source) = store.source_by_hash(&hash, options)? else {
            return Ok(None);
        };
        Ok(Some(SourceInfo {
            already: true,
            ..ctx.engine().source_info(source)?
        }))
    }
}

impl Import {
    /// Refuses a file whose rows are in the project already, read in another way only. Ids of rows are made from their
    /// columns, or depend on which text is under an id, so all of them would be new.
    ///
    /// # Errors
    /// [`Code::Exists`], with the earlier source and what to do.
    fn refuse_other_reading(&self, ctx: &Ctx, path: &Path, options: &Options) -> Result<(), Stop> {
        if read::is_stream(path) {
            return Ok(()); // its content is known only after it was read
        }
        // what is wrong with the file is reported by the import itself
        let Some(format) = format_of(path, options) else {
            return Ok(());
        };
        let sources = ctx.project.store.sources()?;
        let mut others = (sources.iter().rev())
            .filter(|source| is_other_reading(source, format, options))
            .peekable();
        if others.peek().is_none() {
            return Ok(());
        }
        let Some(hash) = hash_of(ctx, path)? else {
            return Ok(());
        };
        if (sources.iter()).any(|source| is_this_reading(source, &hash, format, options)) {
            return Ok(()); // no row is new, or with other filters only those that they select
        }
        // of a source that was not read completely, only the path is known
        let name = path.display().to_string();
        let earlier = others.find(|source| match &source.hash {
            Some(known) => *known == hash,
            None => source.path == name && has_rows(source),
        });
        match earlier {
            Some(source) => Err(Error::new(
                Code::Exists,
                format!(
                    "{name} is in the project already, as source {} ({}), {}; importing it {} would add its rows a \
                     second time. Delete that source first; `repartee source delete {}` does it, and --again imports \
                     the file beside it",
                    source.id,
                    source.name,
                    reading_of(source),
                    reading(options),
                    source.id
                ),
            )
            .into()),
            None => Ok(()),
        }
    }

    /// Like [`Self::refuse_other_reading`], for a stream, which had to be read and stored first.
    ///
    /// # Errors
    /// [`Code::Exists`], with both sources.
    fn refuse_read_stream(
        &self,
        store: &repartee_store::Store,
        id: i64,
        hash: &str,
        format: Format,
        options: &Options,
    ) -> Result<()> {
        if self.again {
            return Ok(());
        }
        let mut sources = store.sources()?;
        sources.retain(|source| source.id != id);
        if (sources.iter()).any(|source| is_this_reading(source, hash, format, options)) {
            return Ok(());
        }
        let earlier = (sources.iter().rev()).find(|source| {
            source.hash.as_deref() == Some(hash) && is_other_reading(source, format, options)
        });
        match earlier {
            Some(source) => Err(Error::new(
                Code::Exists,
                format!(
                    "this input was in the project already, as source {} ({}), {}; its rows are now there a second \
                     time, as source {id}, {}. Delete one of the two; `repartee source delete {id}` deletes the new \
                     one",
                    source.id,
                    source.name,
                    reading_of(source),
                    reading(options)
                ),
            )),
            None => Ok(()),
        }
    }
}

/// The format as which a file is going to be read; `None` if that cannot be detected.
fn format_of(path: &Path, options: &Options) -> Option<Format> {
    match (options.format, &options.mapping) {
        (Some(format), _) => Some(format),
        (None, Some(mapping)) if mapping.is_flat() => Some(Format::Comments),
        (None, Some(_)) => Some(Format::Mapped),
        (None, None) => preview(path, 0).ok().map(|preview| preview.format),
    }
}

/// Whether a source has rows that were read in another way, so that the same bytes would give other ids. Filters only
/// select rows. Placeholders change texts, by which ids that are not Reddit's are compared.
fn is_other_reading(source: &Source, format: Format, options: &Options) -> bool {
    // options of a later version say nothing
    let Ok(used) = from_json::<Options>(&source.options) else {
        return false;
    };
    if source.format == READING {
        return false; // it has no rows yet
    }
    // the rows of these have ids of their own, and no mapping is used
    let with_ids = [Format::Pushshift, Format::Listing, Format::Sample].map(Format::name);
    match (
        with_ids.contains(&source.format.as_str()),
        with_ids.contains(&format.name()),
    ) {
        (true, true) => false,
        (false, false) => {
            used.mapping != options.mapping
                || used.filter.placeholders != options.filter.placeholders
                || options.mapping.is_none() && source.format != format.name()
        }
        _ => true,
    }
}

/// Whether a source has all of these bytes, read in this way.
fn is_this_reading(source: &Source, hash: &str, format: Format, options: &Options) -> bool {
    source.hash.as_deref() == Some(hash) && !is_other_reading(source, format, options)
}

/// Whether any text of a source was stored.
fn has_rows(source: &Source) -> bool {
    let counts: SourceCounts = from_json(&source.counts).unwrap_or_default();
    counts.comments + counts.posts > 0
}

/// How a source was read, for an error.
fn reading_of(source: &Source) -> String {
    let used: Options = from_json(&source.options).unwrap_or_default();
    match used.mapping {
        None => format!("read as {}{}", source.format, placeholders_of(&used)),
        Some(_) => reading(&used),
    }
}

/// How a file is to be read, for an error.
fn reading(options: &Options) -> String {
    let words = match (&options.mapping, options.format) {
        (Some(mapping), _) => format!("with the column mapping {}", mapping.typed()),
        (None, Some(format)) => format!("as {}", format.name()),
        (None, None) => "without a column mapping".to_owned(),
    };
    format!("{words}{}", placeholders_of(options))
}

fn placeholders_of(options: &Options) -> &'static str {
    match options.filter.placeholders {
        true => " and placeholders",
        false => "",
    }
}

/// Names that are purged in one transaction: each such transaction searches the project for quotes.
const PURGED_AT_ONCE: usize = 5_000;

/// Purges what a file says is gone from Reddit, and says which models were trained on it. True: there was something.
fn purge(ctx: &Ctx, gone: &mut Vec<Gone>) -> Result<bool> {
    if gone.is_empty() {
        return Ok(false);
    }
    let gone = std::mem::take(gone);
    ctx.engine().posting().forget_in_ledger(&gone);
    let done = ctx.engine().posting().purge_learned(&gone, now_ms())?;
    let deleted = "since been deleted from Reddit, according to this archive";
    let mut words = match done.imported {
        1 => format!("1 imported text has {deleted}; it was purged"),
        n => format!("{n} imported texts have {deleted}; they were purged"),
    };
    if !done.marked.is_empty() {
        words.push_str("; `repartee train marked` lists what was trained on them");
    }
    ctx.say(words);
    Ok(done.any())
}

/// How many ids of a file are in the project, under the ids of a namespace.
#[derive(Default)]
struct Shared {
    namespace: Option<String>,
    /// Rows whose id is in the project.
    ids: u64,
    /// Those with the same text.
    texts: u64,
}

/// The namespace for the ids of a table with one comment per row: `None` unless its ids are taken by other texts.
///
/// Reddit's ids are the same everywhere, so that sources complete each other. Those of a forum are not: two forums may
/// both have a comment 1. A file belongs to what is in the project if most of the ids that they share have the same
/// text there, or if they share none (two parts of one table). Otherwise its ids get a namespace of their own, named
/// after its content so that the same import always gives the same ids.
fn namespace(
    ctx: &Ctx,
    path: &Path,
    options: &Options,
    origin: Origin,
) -> Result<Option<String>, Stop> {
    let store = &ctx.project.store;
    let sources = store.sources()?;
    // a stream can be read only once
    if sources.is_empty() || origin == Origin::Reddit || read::is_stream(path) {
        return Ok(None);
    }
    let has_ids = |format: Format| match format {
        Format::Comments => true,
        // of unknown origin, these are Reddit's
        Format::Pushshift | Format::Listing => origin != Origin::Unknown,
        // ids of pairs are made from their content
        Format::Bigquery | Format::Mapped | Format::Sample => false,
    };
    let format = match (&options.mapping, options.format) {
        (Some(mapping), _) if mapping.is_flat() => Some(Format::Comments),
        (Some(_), _) => Some(Format::Mapped),
        (None, Some(format)) => Some(format),
        (None, None) => preview(path, 0).ok().map(|preview| preview.format),
    };
    if !format.is_some_and(has_ids) {
        return Ok(None);
    }
    let mut all = vec![Shared::default()];
    for source in &sources {
        let used: Options = from_json(&source.options).unwrap_or_default();
        if used.ids.is_some() && all.iter().all(|shared| shared.namespace != used.ids) {
            all.push(Shared {
                namespace: used.ids,
                ..Shared::default()
            });
        }
    }
    let mut stopped: Option<Stop> = None;
    let mut reddits = false;
    let summary = read::read(path, options, |batch| {
        let compared = ctx.go_on().and_then(|()| {
            let comments: Vec<(i64, &str)> = (batch.records.iter())
                .filter_map(|record| match record {
                    Record::Comment(comment) => Some((comment.id, comment.body.as_str())),
                    Record::Post(_) => None,
                })
                .collect();
            let letter = |id: i64| id >= 0 && encode(id).bytes().any(|b| b.is_ascii_lowercase());
            reddits |= origin == Origin::Unknown && comments.iter().any(|(id, _)| letter(*id));
            for shared in &mut all {
                let of = |id: i64| match &shared.namespace {
                    Some(namespace) => in_namespace(namespace, id),
                    None => id,
                };
                let texts: Vec<(i64, &str)> =
                    comments.iter().map(|(id, t)| (of(*id), *t)).collect();
                let (ids, equal) = store.comments_shared(&texts)?;
                shared.ids += ids;
                shared.texts += equal;
            }
            Ok(())
        });
        let p = batch.progress;
        let total = (p.total > 0).then_some(p.total);
        ctx.tick(Progress::new("comparing ids", p.bytes, total, "bytes"));
        stopped = compared.err();
        match stopped.is_some() || reddits {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    if let Some(stop) = stopped {
        return Err(stop);
    }
    // what is wrong with the file is reported by the import itself
    let Some(hash) = summary.ok().and_then(|summary| summary.hash) else {
        return Ok(None);
    };
    let same = (all.iter().rev())
        .filter(|shared| shared.ids > 0 && shared.texts * 2 >= shared.ids)
        .max_by_key(|shared| shared.texts);
    Ok(match same {
        Some(shared) => shared.namespace.clone(),
        None if all[0].ids == 0 => None,
        None => Some(hash.chars().take(16).collect()),
    })
}

/// Whether a name could be mistaken for the number of a source.
fn is_number(name: &str) -> bool {
    name.trim().parse::<i64>().is_ok()
}

/// blake3 of a file's bytes; `None` if it cannot be read (the import itself reports why).
fn hash_of(ctx: &Ctx, path: &Path) -> Result<Option<String>, Stop> {
    let (Ok(mut file), Ok(about)) = (std::fs::File::open(path), std::fs::metadata(path)) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let Ok(n) = file.read(&mut buffer) else {
            return Ok(None);
        };
        if n == 0 {
            return Ok(Some(hasher.finalize().to_hex().to_string()));
        }
        hasher.update(&buffer[..n]);
        done += n as u64;
        ctx.go_on()?;
        ctx.tick(Progress::new(
            "checking for an earlier import",
            done,
            Some(about.len()),
            "bytes",
        ));
    }
}

fn source_counts(counts: &Counts, upserted: Upserted) -> SourceCounts {
    let dropped = Dropped::ALL.iter().zip(counts.dropped);
    SourceCounts {
        rows: counts.rows,
        comments: counts.comments,
        posts: counts.posts,
        new: upserted.new,
        newer: upserted.newer,
        known: upserted.known,
        other_text: upserted.other_text,
        purged: upserted.purged,
        rejected: counts.rejected,
        nul: counts.nul,
        stray_quotes: counts.stray_quotes,
        replaced: (placeholders::KINDS.iter().zip(counts.replaced))
            .filter(|(_, n)| *n > 0)
            .map(|((kind, _), n)| ((*kind).to_owned(), n))
            .collect(),
        dropped: dropped
            .filter(|(_, n)| *n > 0)
            .map(|(rule, n)| (rule.name().into(), n))
            .collect(),
    }
}

impl Engine {
    /// All sources, in import order.
    pub fn sources(&self) -> Result<Vec<SourceInfo>> {
        good(self.sources_read()?)
    }

    pub(crate) fn sources_read(&self) -> Result<Listed<SourceInfo>> {
        let sources = self.store.sources()?.into_iter();
        Ok(sources
            .map(|source| (source.id, self.source_info(source)))
            .collect())
    }

    fn source_info(&self, source: Source) -> Result<SourceInfo> {
        let rest = match source.hash {
            Some(_) => None,
            None => self.store.source_rest(&source)?,
        };
        Ok(SourceInfo {
            label: self.store.label(ItemKind::Source, source.id)?,
            id: source.id,
            name: source.name,
            path: source.path,
            format: source.format,
            permission: source.permission,
            note: source.note,
            origin: source.origin,
            counts: from_json(&source.counts)?,
            complete: source.hash.is_some(),
            rest,
            already: false,
            created_ms: source.created_ms,
        })
    }

    /// A source by its number or name.
    ///
    /// # Errors
    /// [`Code::NotFound`], with the names that exist; [`Code::Usage`] if several have this name, with their numbers.
    pub fn source(&self, name: &str) -> Result<SourceInfo> {
        let mut sources = self.sources()?;
        let number = name.parse::<i64>().ok();
        let found = match sources.iter().position(|s| Some(s.id) == number) {
            Some(at) => Some(at),
            None => {
                // files of the same name may be imported more than once
                let named: Vec<&SourceInfo> = sources.iter().filter(|s| s.name == name).collect();
                if named.len() > 1 {
                    let mut error = Error::usage(format!(
                        "{} sources are called {name:?}; give the number of the one you mean",
                        named.len()
                    ));
                    for source in named {
                        error = error.with(format!(
                            "{}: {}, {}",
                            source.id,
                            source.path,
                            format::counted(source.counts.comments, "comment", "comments")
                        ));
                    }
                    return Err(error);
                }
                sources.iter().position(|s| s.name == name)
            }
        };
        match found {
            Some(at) => Ok(sources.swap_remove(at)),
            None => {
                let names: Vec<_> = sources.into_iter().map(|s| s.name).collect();
                Err(Error::not_found("source", name, &names))
            }
        }
    }

    /// The rows of a source that could not be read, with line and reason, after a line.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such source.
    pub fn rejected(&self, source: &str, after_line: u64, limit: usize) -> Result<Vec<Rejected>> {
        let source = self.source(source)?;
        Ok(self.store.rejected(source.id, after_line, limit)?)
    }

    /// Sets the permission under which a source may be used.
    ///
    /// # Errors
    /// [`Code::NotFound`] if there is no such source.
    pub fn permit(&self, source: &str, permission: Permission, note: &str) -> Result<SourceInfo> {
        let id = self.source(source)?.id;
        self.store.source_permit(id, permission, note)?;
        self.source(&id.to_string())
    }
}

/// Previews a file before it is imported: its format, columns and first rows, and for a table a mapping by the names of
/// its columns.
///
/// # Errors
/// [`Code::NotFound`], [`Code::BadInput`], [`Code::Io`].
pub fn preview(file: &Path, rows: usize) -> Result<Preview> {
    Ok(read::preview(file, rows)?)
}

/// Seconds since 1970 at the beginning of a year (2019), a month (2019-04) or a day (2019-04-01), or of an instant
/// (2019-04-01T12:00:00Z), in UTC.
///
/// # Errors
/// [`Code::Usage`] if it is none of these.
pub fn seconds_of(day: &str) -> Result<i64> {
    repartee_datasets::table::beginning(day).map_err(|why| Error::new(Code::Usage, why))
}
