//! How the evaluations of one chart are named: what holds for all of them is in its caption, and what does not is in the
//! name of each curve.

use std::collections::BTreeSet;

use repartee_core::format::counted;
use repartee_datasets::Partition;

use crate::evaluation::evaluate::EvaluationInfo;

/// The words of a chart of several evaluations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// What holds for all of them, and how every set of fakes was generated.
    pub shared: String,
    /// A name for each, no two of them the same: its run, and what does not hold for all.
    pub names: Vec<String>,
}

/// The name of a set in a sentence or a table.
pub(crate) fn set_name(partition: Partition) -> &'static str {
    match partition {
        Partition::Train => "training set",
        Partition::Val => "validation set",
        Partition::Test => "test set",
    }
}

/// What an evaluation was measured on and with, each with what is before it in a caption. The same number for each
/// evaluation.
fn facts_of(evaluation: &EvaluationInfo) -> Vec<(&'static str, String)> {
    let config = &evaluation.config;
    vec![
        (", ", format!("split {}", evaluation.split)),
        (", ", set_name(evaluation.partition).to_owned()),
        (
            ", ",
            counted(evaluation.figures.examples(), "example", "examples"),
        ),
        (
            ", ",
            format!("{} at step {}", config.checkpoint, config.step),
        ),
        (", ", format!("seed {}", config.seed)),
        (", ", config.precision.to_string()),
        (" ", format!("on {}", config.device)),
        (
            " ",
            format!("with {}", counted(config.threads, "thread", "threads")),
        ),
    ]
}

/// The fakes of an evaluation, and how they were generated; empty if it has none.
fn fakes_of(evaluation: &EvaluationInfo) -> String {
    let Some(name) = &evaluation.fakes else {
        return String::new();
    };
    match &evaluation.config.fakes {
        None => format!("fakes {name}"),
        Some(fakes) => {
            let sampling = &fakes.sampling;
            format!(
                "fakes {name} by {} (temperature {}, top-k {}, top-p {}{})",
                fakes.generator,
                sampling.temperature,
                sampling.top_k,
                sampling.top_p,
                sampling.further()
            )
        }
    }
}

/// "evaluation 7", with its name if it has one.
pub(crate) fn called(evaluation: &EvaluationInfo) -> String {
    match evaluation.name.as_str() {
        "" => format!("evaluation {}", evaluation.id),
        name => format!("evaluation {} ({name})", evaluation.id),
    }
}

fn append(to: &mut String, between: &str, text: &str) {
    if !to.is_empty() && !text.is_empty() {
        to.push_str(between);
    }
    to.push_str(text);
}

/// Caption and names of different evaluations.
pub(crate) fn labels(evaluations: &[&EvaluationInfo]) -> Labels {
    let mut shared = String::new();
    let mut names: Vec<String> = evaluations.iter().map(|one| one.run.clone()).collect();
    let facts: Vec<_> = evaluations.iter().map(|one| facts_of(one)).collect();
    for (n, (between, text)) in facts.iter().take(1).flatten().enumerate() {
        match facts.iter().all(|of| of[n].1 == *text) {
            true => append(&mut shared, between, text),
            false => {
                for (name, of) in names.iter_mut().zip(&facts) {
                    append(name, ", ", &of[n].1);
                }
            }
        }
    }
    // decoding settings are too long for a legend: the caption has those of every set
    let fakes: Vec<String> = evaluations.iter().map(|one| fakes_of(one)).collect();
    let mut listed: Vec<&str> = Vec::new();
    for one in &fakes {
        if !listed.contains(&one.as_str()) {
            listed.push(one);
            append(&mut shared, ", ", one);
        }
    }
    if listed.len() > 1 {
        let sets: BTreeSet<_> = evaluations.iter().map(|one| &one.fakes).collect();
        let is_clear = sets.len() == listed.len();
        for ((name, evaluation), full) in names.iter_mut().zip(evaluations).zip(&fakes) {
            match &evaluation.fakes {
                Some(set) if is_clear => append(name, ", ", &format!("fakes {set}")),
                _ => append(name, ", ", full),
            }
        }
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        for (name, evaluation) in names.iter_mut().zip(evaluations) {
            append(name, ", ", &called(evaluation));
        }
    }
    Labels { shared, names }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An evaluation of 1,200 examples of the test set, as it would be sent to the window, with changes.
    fn evaluation(id: i64, change: impl FnOnce(&mut EvaluationInfo)) -> EvaluationInfo {
        let mut one: EvaluationInfo = serde_json::from_value(serde_json::json!({
            "id": id,
            "run": "judge",
            "split": "main",
            "partition": "test",
            "fakes": null,
            "config": {
                "kind": "realism", "checkpoint": "best", "step": 150, "classes": ["fake", "real"],
                "threshold": 0.5, "fakes": null, "limit": 0, "batch": 16, "seed": 1, "device": "cpu",
                "precision": "f32", "threads": 2, "version": "0.1.0",
            },
            "figures": {
                "of": "generator", "examples": 1200, "tokens": 1, "loss": null, "perplexity": null,
                "unigram_perplexity": null, "chance_perplexity": 1, "confidence": null,
            },
            "created_ms": 0,
        }))
        .unwrap();
        change(&mut one);
        one
    }

    fn of(all: &[EvaluationInfo]) -> Labels {
        labels(&all.iter().collect::<Vec<_>>())
    }

    #[test]
    fn everything_about_a_single_evaluation_is_in_its_caption() {
        let one = of(&[evaluation(2, |_| {})]);
        let caption = "split main, test set, 1,200 examples, best at step 150, seed 1, f32 on cpu with 2 threads";
        assert_eq!(one.shared, caption);
        assert_eq!(one.names, ["judge"]);
    }

    #[test]
    fn what_differs_is_in_the_names_and_not_in_the_caption() {
        let two = of(&[
            evaluation(2, |_| {}),
            evaluation(7, |one| one.partition = Partition::Val),
        ]);
        let caption =
            "split main, 1,200 examples, best at step 150, seed 1, f32 on cpu with 2 threads";
        assert_eq!(two.shared, caption);
        assert_eq!(two.names, ["judge, test set", "judge, validation set"]);
        let other = |one: &mut EvaluationInfo| {
            one.split = "other".to_owned();
            one.config.step = 300;
            one.config.device = "cuda".to_owned();
        };
        let two = of(&[evaluation(2, |_| {}), evaluation(7, other)]);
        assert_eq!(
            two.shared,
            "test set, 1,200 examples, seed 1, f32 with 2 threads"
        );
        assert_eq!(
            two.names,
            [
                "judge, split main, best at step 150, on cpu",
                "judge, split other, best at step 300, on cuda"
            ]
        );
    }

    #[test]
    fn fakes_are_named_and_described_if_they_differ() {
        let with =
            |name: &'static str| move |one: &mut EvaluationInfo| one.fakes = Some(name.to_owned());
        let same = of(&[
            evaluation(2, with("cold")),
            evaluation(7, |one| {
                one.fakes = Some("cold".to_owned());
                one.run = "critic".to_owned();
            }),
        ]);
        assert!(same.shared.ends_with(", fakes cold"), "{same:?}");
        assert_eq!(same.names, ["judge", "critic"]);
        let two = of(&[evaluation(2, with("cold")), evaluation(7, with("hot"))]);
        assert!(two.shared.ends_with(", fakes cold, fakes hot"), "{two:?}");
        assert_eq!(two.names, ["judge, fakes cold", "judge, fakes hot"]);
    }

    #[test]
    fn evaluations_that_nothing_tells_apart_have_their_numbers() {
        let all = of(&[
            evaluation(2, |_| {}),
            evaluation(5, |one| one.name = "final".to_owned()),
            evaluation(7, |one| one.partition = Partition::Val),
        ]);
        assert_eq!(
            all.names,
            [
                "judge, test set, evaluation 2",
                "judge, test set, evaluation 5 (final)",
                "judge, validation set, evaluation 7"
            ]
        );
    }
}
