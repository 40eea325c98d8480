//! How sources, pairs and splits are printed.

use anyhow::Result;
use repartee_engine::data::curation::Excluded;
use repartee_engine::data::import::SourceInfo;
use repartee_engine::data::pairs::{PairInfo, PairsBuilt, UNREADABLE_RULE};
use repartee_engine::data::splits::{Audit, LeftOutPairs, SplitInfo};
use repartee_engine::{Error, Origin, Partition, Permission};

use crate::columns;
use crate::items;
use crate::out::{Out, Table, count, counted, set_name, short, text_width, time};

/// A set of a split, as it is typed: `val` is short for `validation`.
pub fn set_of(word: &str) -> Result<Partition> {
    Partition::ALL
        .into_iter()
        .find(|set| word == set_name(*set) || word == set.name())
        .ok_or_else(|| {
            Error::usage(format!("{word:?} is not one of train, validation, test")).into()
        })
}

/// The outcome of an import.
pub fn imported(out: Out, all: &[SourceInfo]) -> Result<()> {
    sources(out, all)?;
    for source in all {
        let (name, c) = (&source.name, &source.counts);
        if !c.dropped.is_empty() {
            out.line(format!("{name}: filtered out: {}", c.dropped_in_words()))?;
        }
        if c.nul > 0 {
            out.line(format!(
                "{name}: NUL characters were removed from {}",
                counted(c.nul, "row", "rows")
            ))?;
        }
        if !c.replaced.is_empty() {
            let replaced = c.replaced_in_words();
            out.line(format!("{name}: replaced by placeholders: {replaced}"))?;
        }
        if c.other_text > 0 {
            out.line(format!(
                "{name}: {} with another text under the same id in the project. No time says which is newer; one of \
                 the two was kept",
                counted(c.other_text, "comment", "comments")
            ))?;
        }
        if c.purged > 0 {
            out.line(format!(
                "{name}: {} left out: purged, or deleted on Reddit",
                counted(c.purged, "text", "texts")
            ))?;
        }
        if c.stray_quotes > 0 {
            out.line(format!(
                "{name}: an unclosed quote was read as an ordinary character in {}",
                counted(c.stray_quotes, "row", "rows")
            ))?;
        }
    }
    // a file that was imported before is listed with its counts of then
    let now = all.iter().filter(|source| !source.already);
    let rejected: u64 = now.map(|source| source.counts.rejected).sum();
    if rejected > 0 {
        let were = if rejected == 1 { "was" } else { "were" };
        out.line(format!(
            "{} {were} rejected; `repartee source rejected SOURCE` lists why",
            counted(rejected, "row", "rows")
        ))?;
    }
    if all.iter().any(|source| source.origin == Origin::Unknown) {
        out.line("Origin unknown, so the rules for Reddit content apply. To change it, run for example `repartee source origin SOURCE forum`")?;
    }
    if all.iter().any(|s| s.permission == Permission::Unknown) {
        out.line(
            "The permission of a source is a note on it, which blocks nothing; `repartee source permit SOURCE PERMISSION --note ...` sets it. What --permission KIND=DECISION recorded is in `repartee study`",
        )?;
    }
    out.line(
        "Next: `repartee run`, which queues everything up to three evaluated models, or `repartee pairs build`",
    )
}

pub fn sources(out: Out, sources: &[SourceInfo]) -> Result<()> {
    if sources.is_empty() {
        return out.line("No sources. Import some with `repartee import FILE ...`");
    }
    let mut table = Table::new(columns::SOURCES);
    for source in sources {
        let c = &source.counts;
        let state = match (source.already, source.complete, source.rest) {
            (true, ..) => "already imported".to_owned(),
            (false, true, _) => String::new(),
            (false, false, Some(rest)) => format!("incomplete; source {rest} has the rest"),
            (false, false, None) => "incomplete; import the file again to go on".to_owned(),
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
            state,
        ]);
    }
    table.print(out)
}

/// Rejected rows of a source: line, reason and excerpt.
pub fn rejected<'a>(
    out: Out,
    source: &SourceInfo,
    rows: impl ExactSizeIterator<Item = (u64, &'a str, &'a str)>,
) -> Result<()> {
    if rows.len() == 0 {
        return out.line(format!("{}: no rejected rows", source.path));
    }
    out.line(format!(
        "{}: {} of {} rejected rows",
        source.path,
        rows.len(),
        count(source.counts.rejected)
    ))?;
    let mut table = Table::new(columns::REJECTED);
    for (line, reason, excerpt) in rows {
        table.row([
            line.to_string(),
            reason.to_owned(),
            short(excerpt, text_width()),
        ]);
    }
    table.print(out)
}

/// The outcome of joining comments to replies.
pub fn built(out: Out, built: &PairsBuilt) -> Result<()> {
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
    table.print(out)?;
    if built
        .dropped
        .iter()
        .any(|(rule, _)| rule == UNREADABLE_RULE)
    {
        out.line(
            "Texts with bytes that are not UTF-8 are in no pair. `repartee check` names them, `repartee check --repair` makes a copy and repairs them",
        )?;
    }
    out.line(match built.kept {
        0 => "No pairs. Import the comments that these replies answer, or another sample",
        _ => "Next: `repartee split make`",
    })
}

pub fn pairs(out: Out, pairs: &[PairInfo]) -> Result<()> {
    if pairs.is_empty() {
        return out.line(
            "No matching pairs. `repartee pairs build` builds pairs from the imported comments",
        );
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
    table.print(out)
}

pub fn subreddits(out: Out, subreddits: &[(String, u64)]) -> Result<()> {
    if subreddits.is_empty() {
        return out
            .line("No pairs. Build them from the imported comments with `repartee pairs build`");
    }
    let mut table = Table::new(columns::SUBREDDITS);
    for (name, n) in subreddits {
        let name = match name.as_str() {
            "" => "(unknown)",
            name => name,
        };
        table.row([name.to_owned(), count(*n)]);
    }
    table.print(out)
}

pub fn excluded(out: Out, all: &Excluded) -> Result<()> {
    if all.pairs.is_empty() && all.authors.is_empty() {
        return out.line("Nothing is excluded");
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
    table.print(out)?;
    out.line("New splits leave these out. Existing splits don't change")
}

pub fn splits(out: Out, splits: &[SplitInfo]) -> Result<()> {
    if splits.is_empty() {
        return out.line("No splits. Create one with `repartee split make`");
    }
    splits.iter().try_for_each(|one| split(out, one))
}

pub fn split(out: Out, split: &SplitInfo) -> Result<()> {
    let audit = match &split.audit {
        None => "not audited",
        Some(audit) if audit.clean => "audited: no leakage",
        Some(audit) if audit.unknown_partitions > 0 => "audited: pairs in no known set",
        Some(_) => "audited: leakage found",
    };
    out.line(format!(
        "Split {}, seed {}, {audit}{}",
        split.name,
        split.seed,
        items::label_line(&split.label)
    ))?;
    let bins: Vec<String> = match split.config.edges {
        Some(edges) => (0..4).map(|bin| edges.range(bin)).collect(),
        None => Vec::new(),
    };
    let mut head: Vec<String> = columns::SETS.iter().map(ToString::to_string).collect();
    head.extend(bins.iter().map(|range| format!("score {range}")));
    let mut table = Table::new(head);
    for set in &split.partitions {
        let mut row = vec![
            set_name(set.partition).to_owned(),
            count(set.pairs),
            count(set.threads),
            count(set.scored),
        ];
        row.extend(set.bins.iter().map(|n| count(*n)));
        table.row(row);
    }
    table.print(out)?;
    if split.config.excluded > 0 {
        out.line(format!(
            "Excluded by hand: {}",
            counted(split.config.excluded, "pair", "pairs")
        ))?;
    }
    for rule in &split.config.left_out {
        out.line(left_out(rule))?;
    }
    for warning in &split.warnings {
        out.line(format!("Warning: {warning}"))?;
    }
    Ok(())
}

pub fn audit(out: Out, audit: &Audit) -> Result<()> {
    out.line(format!(
        "Split {} has no leakage: no thread, post, pair or text of any length is in two sets, and no near-duplicate of \
         {} words or more with a similarity of at least {}. Checked {} and {} ({} distinct)",
        audit.name,
        audit.near.min_words,
        audit.near.threshold,
        counted(audit.pairs, "pair", "pairs"),
        counted(audit.texts, "text", "texts"),
        count(audit.different_texts),
    ))?;
    out.line(match audit.deleted_texts {
        0 => "Exempt: none".to_owned(),
        n => format!(
            "Exempt: {}, which no model sees",
            counted(n, "deleted text", "deleted texts")
        ),
    })?;
    audit
        .left_out
        .iter()
        .try_for_each(|rule| out.line(left_out(rule)))?;
    out.line("Next: `repartee base add` or `repartee base new`")
}

/// Pairs that a split leaves out by a rule.
fn left_out(rule: &LeftOutPairs) -> String {
    let [train, val, test] = rule.pairs;
    format!(
        "Left out by the rule {}: {} training, {} validation and {} test pairs that share a text with a set that takes \
         precedence (train, then test)",
        rule.rule,
        count(train),
        count(val),
        count(test)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_typed_as_they_are_printed_or_stored() {
        for set in Partition::ALL {
            assert_eq!(set_of(set_name(set)).ok(), Some(set));
            assert_eq!(set_of(set.name()).ok(), Some(set));
        }
        assert!(set_of("dev").is_err());
    }
}
