//! How to repeat a run: the commands with all settings that were not defaults, and with every seed.

use std::path::Path;

use repartee_core::shell::{command, quoted};
use repartee_datasets::{Partition, Recipe};
use repartee_terms::Role;

use super::About;
use super::document::{Block, Section};
use super::model::without_folder;
use super::training::values;
use crate::data::splits::MakeSplit;
use crate::evaluation::evaluate::{Evaluate, EvaluationInfo};
use crate::generation::fakes::{FakesConfig, FakesInfo};

pub(super) fn card(about: &About) -> Section {
    let mut section = Section::new("How to repeat it");
    section.text(
        "In a new project, with the same files, the same base, the same version and the same device. The same seed gives \
         the same bits on the same kind of machine with the same number of threads. Sources may have been imported with \
         filters and column mappings, which only the project has, and Reddit content needs its permissions (--permission).",
    );
    let mut lines = Vec::new();
    for source in &about.sources {
        // the folder is nobody's business
        let file = Path::new(&source.path).file_name();
        let file = file.map_or_else(|| source.name.clone(), |file| file.to_string_lossy().into());
        let origin = source.origin.to_string();
        lines.push(command([
            "import",
            &file,
            "--name",
            &source.name,
            "--origin",
            &origin,
        ]));
    }
    lines.push(command(match &about.pairs {
        Some((build, _)) => pairs(&build.recipe),
        None => pairs(&Recipe::default()),
    }));
    lines.push(command(split(about)));
    if let Some(base) = &about.base {
        lines.push(format!(
            "# the base {}: {}",
            quoted(&base.name),
            quoted(without_folder(&base.origin))
        ));
    }
    if let Some(fakes) = &about.fakes {
        lines.push(format!(
            "# the generator {} is trained first; its own report has the command",
            quoted(&fakes.config.generator)
        ));
        lines.push(command(fakes_make(fakes)));
    }
    lines.extend(train(about));
    lines.extend(about.evaluations.iter().map(|one| command(evaluate(one))));
    section.blocks.push(Block::Commands(lines));
    let seed = Evaluate::default().seed;
    let others = about.evaluations.iter();
    let others: Vec<String> = others
        .filter(|one| one.config.seed != seed)
        .map(|one| format!("{} (seed {})", one.id, one.config.seed))
        .collect();
    if !others.is_empty() {
        section.text(format!(
            "These evaluations sampled their examples with another seed than the command line's, {seed}: {}.",
            others.join(", ")
        ));
    }
    section
}

/// A flag with its value, unless the value is the default.
fn flag(args: &mut Vec<String>, name: &str, value: impl ToString, usual: impl ToString) {
    let value = value.to_string();
    if value != usual.to_string() {
        args.extend([format!("--{name}"), value]);
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

fn pairs(recipe: &Recipe) -> Vec<String> {
    let usual = Recipe::default();
    let mut args = words(["pairs", "build"]);
    for (is_set, switch) in [
        (!recipe.drop_deleted, "--keep-deleted"),
        (!recipe.drop_bots, "--keep-bots"),
        (!recipe.drop_links, "--keep-links"),
        (recipe.drop_unknown_authors, "--drop-unknown-authors"),
        (recipe.keep_same_author, "--keep-same-author"),
    ] {
        if is_set {
            args.push(switch.to_owned());
        }
    }
    flag(&mut args, "bot", recipe.bots.join(","), "");
    flag(&mut args, "min-length", recipe.min_chars, usual.min_chars);
    flag(&mut args, "max-length", recipe.max_chars, usual.max_chars);
    args
}

fn split(about: &About) -> Vec<String> {
    let (split, usual) = (&about.split, MakeSplit::default());
    let config = &split.config;
    let mut args = words(["split", "make", &split.name]);
    args.extend(["--seed".to_owned(), split.seed.to_string()]);
    let shares = &config.shares;
    args.extend([
        "--shares".to_owned(),
        format!("{},{},{}", shares.train, shares.val, shares.test),
    ]);
    if let (true, Some(edges)) = (about.edges_given, config.edges) {
        let [a, b, c] = edges.edges();
        args.extend(["--edges".to_owned(), format!("{a},{b},{c}")]);
    }
    let near = config.near.threshold;
    flag(&mut args, "near", near, usual.near.threshold);
    args
}

fn train(about: &About) -> Option<String> {
    let config = about.info.config.as_ref()?;
    let mut args = words(["train", about.info.kind.as_str()]);
    let facts = about.info.facts.as_ref();
    for (name, value, usual) in values(config).ok()? {
        // what was unset is known by now, and the default of `auto` is not that of another machine
        let value = match (name, facts) {
            ("name", _) => about.run.name.clone(),
            ("base", _) => about.run.base.clone(),
            ("split", _) => about.run.split.clone(),
            ("fakes", _) => about.run.fakes.clone().unwrap_or(value),
            ("device", Some(facts)) => facts.device.clone(),
            _ => value,
        };
        let name_of_flag = name.replace('_', "-");
        let always = matches!(
            name,
            "name" | "base" | "split" | "fakes" | "seed" | "device"
        );
        if (always || value != usual) && !value.is_empty() {
            args.extend([format!("--{name_of_flag}"), value]);
        }
    }
    if let Some(facts) = facts {
        args.extend(["--threads".to_owned(), facts.threads.to_string()]);
    }
    Some(command(args))
}

fn fakes_make(fakes: &FakesInfo) -> Vec<String> {
    let config: &FakesConfig = &fakes.config;
    let sampling = &config.sampling;
    let [train, val, test] = config.comments;
    let mut args = words([
        "fakes",
        "make",
        &fakes.name,
        "--generator",
        &config.generator,
    ]);
    for (name, value) in [
        ("replies", config.replies.to_string()),
        ("comments", format!("{train},{val},{test}")),
        ("temperature", sampling.temperature.to_string()),
        ("top-k", sampling.top_k.to_string()),
        ("top-p", sampling.top_p.to_string()),
        ("min-p", sampling.min_p.to_string()),
        (
            "repetition-penalty",
            sampling.repetition_penalty.to_string(),
        ),
        ("no-repeat-ngram", sampling.no_repeat_ngram.to_string()),
        ("max-new-tokens", sampling.max_new_tokens.to_string()),
        ("seed", sampling.seed.to_string()),
        ("device", config.device.clone()),
        ("precision", config.precision.to_string()),
    ] {
        args.extend([format!("--{name}"), value]);
    }
    args
}

fn evaluate(evaluation: &EvaluationInfo) -> Vec<String> {
    let config = &evaluation.config;
    let usual = Evaluate::default();
    let mut args = words(["evaluate", &evaluation.run]);
    args.extend([
        "--partition".to_owned(),
        set_of(evaluation.partition).to_owned(),
    ]);
    if let Some(fakes) = &evaluation.fakes {
        args.extend(["--fakes".to_owned(), fakes.clone()]);
    }
    if config.checkpoint == Role::Last {
        args.extend(words(["--checkpoint", "last"]));
    }
    flag(&mut args, "limit", config.limit, usual.limit);
    args.extend(["--batch".to_owned(), config.batch.to_string()]);
    if let Some(threshold) = config.threshold {
        flag(&mut args, "threshold", threshold, usual.threshold);
    }
    args.extend(["--device".to_owned(), config.device.clone()]);
    args.extend(["--precision".to_owned(), config.precision.to_string()]);
    args.extend(["--threads".to_owned(), config.threads.to_string()]);
    args
}

/// The word of `--partition`.
fn set_of(partition: Partition) -> &'static str {
    match partition {
        Partition::Train => "train",
        Partition::Val => "validation",
        Partition::Test => "test",
    }
}
