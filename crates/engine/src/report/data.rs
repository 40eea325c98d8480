//! The data card: sources, pairs, and the split.

use std::collections::BTreeMap;

use repartee_core::format::count;
use repartee_core::source_counts::SourceCounts;
use repartee_datasets::study::day_of_ms;

use super::About;
use super::document::{Cell, Section, Table};
use crate::data::pairs::{BuildPairs, PairsBuilt};
use crate::data::splits::{Audit, SplitInfo};
use crate::evaluation::labels::set_name;
use crate::training::run_config::ModelKind;

pub(super) fn card(about: &About) -> Section {
    let mut section = Section::new("Data card");
    sources(&mut section, about);
    match &about.pairs {
        Some((build, built)) => pairs(&mut section, build, built),
        None => {
            section.heading("Pairs");
            section.text("The counts of the build of pairs are not on record.");
        }
    }
    split(&mut section, &about.split);
    examples(&mut section, about);
    section
}

fn sources(section: &mut Section, about: &About) {
    section.heading("Sources of the project");
    let mut table = Table::new(&[
        "Source",
        "Origin",
        "Permission",
        "Note on the permission",
        "Format",
        "Imported",
        "Rows",
        "Comments",
        "Posts",
        "Rejected",
        "Dropped by filters",
        "Replaced",
    ]);
    for source in &about.sources {
        let counts: &SourceCounts = &source.counts;
        table.row([
            Cell::from(source.name.clone()),
            Cell::from(source.origin.to_string()),
            Cell::from(source.permission.to_string()),
            Cell::from(source.note.clone()),
            Cell::from(source.format.clone()),
            Cell::from(day_of_ms(source.created_ms)),
            Cell::count(counts.rows),
            Cell::count(counts.comments),
            Cell::count(counts.posts),
            Cell::count(counts.rejected),
            Cell::from(by_rule(&counts.dropped)),
            Cell::from(counts.replaced_in_words()),
        ]);
    }
    section.table(table);
    if about.sources.is_empty() {
        section.text("The project has no sources.");
    }
}

/// "12 score, 3 author".
fn by_rule(dropped: &BTreeMap<String, u64>) -> String {
    let parts = dropped
        .iter()
        .map(|(rule, n)| format!("{} {}", count(*n), words(rule)));
    parts.collect::<Vec<_>>().join(", ")
}

/// The words of a key: `duplicate_text` as "duplicate text".
fn words(key: &str) -> String {
    key.replace('_', " ")
}

fn pairs(section: &mut Section, build: &BuildPairs, built: &PairsBuilt) {
    section.heading("Pairs and cleaning recipe");
    let recipe = &build.recipe;
    section.facts([
        ("Comments of the project", count(built.comments)),
        ("Replies to comments", count(built.replies)),
        ("Joined to their comment", count(built.joined)),
        ("Kept as pairs", count(built.kept)),
        ("With an unknown author", count(built.unknown_authors)),
        (
            "Length of a text",
            format!(
                "{} to {} characters",
                count(recipe.min_chars),
                count(recipe.max_chars)
            ),
        ),
        ("Deleted texts dropped", yes_or_no(recipe.drop_deleted)),
        ("Bots dropped", yes_or_no(recipe.drop_bots)),
        ("Texts of links dropped", yes_or_no(recipe.drop_links)),
        (
            "Unknown authors dropped",
            yes_or_no(recipe.drop_unknown_authors),
        ),
        (
            "Replies to the author's own comment kept",
            yes_or_no(recipe.keep_same_author),
        ),
    ]);
    let mut table = Table::new(&["Dropped by rule", "Pairs"]);
    for (rule, n) in &built.dropped {
        table.row([Cell::from(words(rule)), Cell::count(*n)]);
    }
    section.table(table);
}

fn split(section: &mut Section, split: &SplitInfo) {
    section.heading(format!("Split {}", split.name));
    let config = &split.config;
    let shares = &config.shares;
    section.facts([
        ("Seed", split.seed.to_string()),
        ("Made", day_of_ms(split.created_ms)),
        (
            "Shares of training, validation and test set",
            format!("{}, {}, {}", shares.train, shares.val, shares.test),
        ),
        ("Divided by", divided_by(config.stratified).to_owned()),
        (
            "Near-duplicates",
            format!(
                "Jaccard similarity of word {}-grams of at least {}, from {} words on",
                config.near.shingle, config.near.threshold, config.near.min_words
            ),
        ),
        (
            "Threads merged",
            format!(
                "{} as the same post, {} by shared texts",
                count(config.joined_posts),
                count(config.joined_texts)
            ),
        ),
        ("Pairs excluded by the user", count(config.excluded)),
    ]);
    sets(section, split);
    let mut table = Table::new(&[
        "Pairs left out by rule",
        "Training set",
        "Validation set",
        "Test set",
    ]);
    for left_out in &config.left_out {
        let mut row = vec![Cell::from(words(&left_out.rule))];
        row.extend(left_out.pairs.map(Cell::count));
        table.row(row);
    }
    section.table(table);
    for warning in &split.warnings {
        section.warning(format!("{warning}."));
    }
    match &split.audit {
        Some(found) => audit(section, found),
        None => section.text("The split has not been audited."),
    }
}

fn yes_or_no(yes: bool) -> String {
    match yes {
        true => "yes".to_owned(),
        false => "no".to_owned(),
    }
}

fn divided_by(stratified: bool) -> &'static str {
    match stratified {
        true => "thread, stratified by upvote bin",
        false => "thread",
    }
}

/// Pairs and upvote bins of each set.
fn sets(section: &mut Section, split: &SplitInfo) {
    let mut columns = vec![
        "Set".to_owned(),
        "Pairs".to_owned(),
        "Threads".to_owned(),
        "With a score".to_owned(),
    ];
    if let Some(edges) = split.config.edges {
        columns.extend((0..4).map(|bin| format!("Bin {bin}: score {}", edges.range(bin))));
    }
    let mut table = Table {
        columns,
        ..Table::default()
    };
    for set in &split.partitions {
        let mut row = vec![
            Cell::from(set_name(set.partition)),
            Cell::count(set.pairs),
            Cell::count(set.threads),
            Cell::count(set.scored),
        ];
        row.extend(set.bins.iter().map(|n| Cell::count(*n)));
        table.row(row);
    }
    section.table(table);
}

fn audit(section: &mut Section, audit: &Audit) {
    let verdict = match audit.clean {
        true => "clean: no thread, post, pair, text or near-duplicate is in two sets",
        false => "leaks between the sets",
    };
    section.facts([
        (
            "Audit",
            format!("{verdict} (audited on {})", day_of_ms(audit.at_ms)),
        ),
        (
            "Audited",
            format!(
                "{} pairs, {} texts, {} of them different",
                count(audit.pairs),
                count(audit.texts),
                count(audit.different_texts)
            ),
        ),
    ]);
    if !audit.clean {
        section.warning(format!(
            "Leaks: {} threads, {} posts, {} pairs, {} equal texts and {} near-duplicates in two sets; {} pairs in no \
             known set.",
            count(audit.torn_threads),
            count(audit.torn_posts),
            count(audit.equal_pairs),
            count(audit.equal_texts),
            count(audit.near_duplicates),
            count(audit.unknown_partitions)
        ));
    }
}

/// What the run saw of the split: its examples by class, and its fakes.
fn examples(section: &mut Section, about: &About) {
    let Some(facts) = &about.info.facts else {
        return;
    };
    section.heading("Examples of the run");
    section.facts([
        ("Training examples", count(facts.train_examples)),
        ("Validation examples", count(facts.val_examples)),
    ]);
    let names: Vec<String> = match (about.info.kind, about.split.config.edges) {
        (ModelKind::Realism, _) => vec!["fake".to_owned(), "real".to_owned()],
        (ModelKind::Upvotes, Some(edges)) => (0..4)
            .map(|bin| format!("bin {bin}: score {}", edges.range(bin)))
            .collect(),
        _ => Vec::new(),
    };
    let mut table = Table::new(&["Class", "Training examples", "Weight in the loss"]);
    for (i, n) in facts.classes.iter().enumerate() {
        let name = names.get(i).cloned();
        let weight = facts.class_weights.get(i).copied().unwrap_or(1.0);
        table.row([
            Cell::from(name.unwrap_or_else(|| i.to_string())),
            Cell::count(*n),
            Cell::figure(Some(weight)),
        ]);
    }
    section.table(table);
    if let Some(fakes) = &about.fakes {
        let [train, val, test] = fakes.fakes.map(count);
        section.facts([
            ("Fakes", fakes.name.clone()),
            (
                "Fakes of training, validation and test set",
                format!("{train}, {val}, {test}"),
            ),
            (
                "Decoding settings",
                super::evaluations::decoding(&fakes.config),
            ),
        ]);
    }
}
