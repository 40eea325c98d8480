//! A methods paragraph, ready to paste.

use repartee_core::format::count;

use super::About;
use super::document::Section;
use super::evaluations::{decoding, headline_of};
use super::model::without_folder;
use crate::evaluation::evaluate::EvaluationInfo;
use crate::evaluation::labels::{called, set_name};
use crate::training::run_config::{ModelKind, RunConfig};

pub(super) fn card(about: &About) -> Section {
    let mut section = Section::new("Methods");
    let mut sentences = vec![data(about), split(about)];
    sentences.extend(model(about));
    sentences.extend(about.info.config.as_ref().map(optimization));
    sentences.extend(result(about));
    sentences.extend(about.evaluations.iter().map(evaluation));
    section.text(sentences.join(" "));
    if about.evaluations.iter().any(has_intervals) {
        section.text(
            "95% intervals take threads as the independent units: DeLong's method in Obuchowski's form for clusters for \
             AUCs, and a percentile bootstrap of threads for the other figures.",
        );
    }
    section
}

fn data(about: &About) -> String {
    let sources = about.sources.iter();
    let names: Vec<String> = sources
        .map(|source| format!("{} (origin: {})", source.name, source.origin))
        .collect();
    let from = match names.len() {
        0 => String::new(),
        _ => format!(" from {}", names.join(", ")),
    };
    match &about.pairs {
        Some((_, built)) => format!(
            "The data are {} comment-reply pairs{from}, which are left of {} after cleaning.",
            count(built.kept),
            count(built.joined)
        ),
        None => format!("The data are comment-reply pairs{from}."),
    }
}

fn split(about: &About) -> String {
    let split = &about.split;
    let sizes: Vec<String> = split
        .partitions
        .iter()
        .map(|set| {
            format!(
                "a {} of {} pairs in {} threads",
                set_name(set.partition),
                count(set.pairs),
                count(set.threads)
            )
        })
        .collect();
    let near = &split.config.near;
    let sizes = listed(&sizes);
    match split.config.stratified {
        true => format!(
            "They were divided by thread, stratified by upvote bin, with seed {} into {sizes}; threads that are the same \
             post or share long texts stayed together (Jaccard similarity of word {}-grams of at least {}), and a text \
             that would have been in two sets was left out of the validation or test set.",
            split.seed, near.shingle, near.threshold
        ),
        // by an earlier version, which had other rules for duplicates
        false => format!(
            "They were divided by thread with seed {} into {sizes}.",
            split.seed
        ),
    }
}

/// "a, b and c".
fn listed(all: &[String]) -> String {
    match all {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn model(about: &About) -> Option<String> {
    let facts = about.info.facts.as_ref()?;
    let origin = about.base.as_ref();
    let origin = origin.map(|base| format!(", {}", without_folder(&base.origin)));
    let fakes = match &about.fakes {
        Some(fakes) => format!(
            " The generated replies are the set {} ({}).",
            fakes.name,
            decoding(&fakes.config)
        ),
        None => String::new(),
    };
    Some(format!(
        "{} was trained from the base {}{} ({} parameters) on {} training examples with Repartee {}.{fakes}",
        capital_model(about),
        facts.base,
        origin.unwrap_or_default(),
        count(facts.parameters),
        count(facts.train_examples),
        facts.version
    ))
}

fn capital_model(about: &About) -> &'static str {
    match about.info.kind {
        ModelKind::Generator => "A generator",
        ModelKind::Realism => "A realism classifier",
        ModelKind::Upvotes => "An upvotes classifier",
    }
}

fn optimization(config: &RunConfig) -> String {
    let length = match config.steps {
        0 => format!("{} epochs", config.epochs),
        steps => format!("at most {} steps", count(steps)),
    };
    let clipping = match config.clip_norm > 0.0 {
        true => format!("gradients clipped at norm {}", config.clip_norm),
        false => "no gradient clipping".to_owned(),
    };
    format!(
        "Training took {length} of AdamW with a batch size of {} (gradient accumulation: {}), a peak learning rate of \
         {}, a warmup ratio of {}, the schedule \"{}\", a weight decay of {}, {clipping}, and at most {} tokens per \
         example; the seed was {}.",
        config.batch_size,
        config.accumulate,
        config.learning_rate,
        config.warmup,
        schedule(config),
        config.weight_decay,
        config.max_tokens,
        config.seed
    )
}

fn schedule(config: &RunConfig) -> String {
    let word = serde_json::to_value(config.decay).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

fn result(about: &About) -> Option<String> {
    let facts = about.info.facts.as_ref()?;
    let best = match (about.info.best_loss, about.info.best_step) {
        (Some(loss), Some(step)) => format!(
            "; the lowest validation loss was {loss:.4}, at step {}, on {} examples",
            count(step),
            count(facts.val_examples)
        ),
        _ => String::new(),
    };
    Some(format!(
        "It did {} of {} optimizer steps on {} with {} threads{best}.",
        count(about.info.step),
        count(facts.steps),
        facts.device,
        facts.threads
    ))
}

fn evaluation(evaluation: &EvaluationInfo) -> String {
    let config = &evaluation.config;
    let figure = match headline_of(evaluation) {
        Some(figure) => format!(": {figure}"),
        None => String::new(),
    };
    format!(
        "The checkpoint \"{}\" of step {} was measured on {} examples of the {} of split {} ({}; seed {}, {} on {}){figure}.",
        config.checkpoint,
        count(config.step),
        count(evaluation.figures.examples()),
        set_name(evaluation.partition),
        evaluation.split,
        called(evaluation),
        config.seed,
        config.precision,
        config.device
    )
}

fn has_intervals(evaluation: &EvaluationInfo) -> bool {
    evaluation.compared.iter().any(|one| one.interval.is_some())
}
