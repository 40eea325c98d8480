//! What a study registers before training is frozen, and everything that differs later is in the report, with its date.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::OnceLock;

use repartee_engine::registered::Registered;
use repartee_tests::sample::project;
use repartee_tests::stranger::database;
use repartee_tests::{Place, Ran, Saved};
use serde_json::json;

/// Runs words, and more arguments after them.
fn run(place: &Place, words: &str, more: &[&str]) -> Ran {
    let words: Vec<&str> = words.split_whitespace().collect();
    place.run([&words[..], more].concat())
}

fn ok(place: &Place, words: &str) {
    let ran = run(place, words, &[]);
    assert_eq!(ran.status, Some(0), "{words}: {ran}");
}

const SMALL: &str = "--steps 2 --batch 2 --max-tokens 64 --set validate_limit=8 --device cpu";

/// A copy of a project whose split was registered before anything was trained.
fn registered() -> Place {
    static MADE: OnceLock<Saved> = OnceLock::new();
    let saved = MADE.get_or_init(|| {
        let (place, engine) = project(60);
        drop(engine);
        let hypotheses = [
            "--hypothesis",
            "The judge is better than chance.",
            "--hypothesis",
            "Length says little.",
            "--who",
            "ann",
        ];
        let frozen = run(
            &place,
            "study freeze --metric accuracy --threshold 0.5",
            &hypotheses,
        );
        assert_eq!(frozen.status, Some(0), "{frozen}");
        place.save()
    });
    saved.copy()
}

fn only(place: &Place) -> Registered {
    let mut all = place.engine().study_registered().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn changed<'a>(of: &'a Registered, name: &str) -> &'a [String] {
    let item = of.items.iter().find(|item| item.name == name);
    &item.unwrap_or_else(|| panic!("{name}: {of:?}")).changed
}

#[test]
fn registration_is_frozen_and_unchanged_until_something_differs() {
    let place = registered();
    let of = only(&place);
    assert_eq!((of.split.as_str(), of.who.as_str()), ("main", "ann"));
    assert_eq!(of.faults, [""; 0]);
    let names: Vec<&str> = of.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "Split",
            "Metric",
            "Decision threshold",
            "Test set",
            "Hypothesis 1",
            "Hypothesis 2"
        ]
    );
    for item in &of.items {
        assert_eq!(item.since(), "unchanged", "{}", item.name);
    }
    assert!(
        of.items[0]
            .value
            .contains("before any run was trained on it")
    );
    assert_eq!(of.items[4].value, "The judge is better than chance.");

    let more = ["--hypothesis", "Another."];
    let again = run(&place, "study freeze --metric auc", &more);
    assert_eq!(again.status, Some(2), "{again}");
    assert!(again.err.contains("is frozen"), "{again}");
    for (words, said) in [
        ("study freeze --metric speed", "calibration_error"),
        ("study freeze --metric auc --threshold 2", "between 0 and 1"),
        ("study freeze --metric auc --split nowhere", "nowhere"),
    ] {
        let refused = run(&place, words, &more);
        assert_eq!(refused.status, Some(2), "{words}: {refused}");
        assert!(refused.err.contains(said), "{words}: {refused}");
    }
    assert_eq!(only(&place), of, "nothing was registered");
    let audit = place.ok(["reddit", "audit", "--json"]).result();
    assert_eq!(audit[0]["what"], json!("study frozen"), "{audit}");
    assert_eq!(audit[0]["who"], json!("ann"));
    place.ok(["check"]);
}

#[test]
fn everything_that_differs_later_is_listed_in_the_report() {
    let place = registered();
    ok(
        &place,
        &format!("train generator --name writer --base small-gpt2 {SMALL}"),
    );
    ok(
        &place,
        "fakes make --generator writer --comments 8,4,8 --max-new-tokens 6 --device cpu",
    );
    for judge in ["judge", "other"] {
        ok(
            &place,
            &format!("train realism --name {judge} --base small-bert {SMALL}"),
        );
    }
    ok(&place, "evaluate judge --device cpu");
    let of = only(&place);
    assert_eq!(changed(&of, "Decision threshold"), [""; 0]);
    assert_eq!(changed(&of, "Test set"), [""; 0]);
    // the evaluation shows another metric first
    assert!(
        changed(&of, "Metric")[0].contains("is headed by AUC"),
        "{of:?}"
    );
    assert!(
        of.items[1].value.contains("of judge (evaluation "),
        "{of:?}"
    );

    ok(&place, "evaluate other --threshold 0.7 --device cpu");
    ok(&place, "split make second --seed 9");
    ok(
        &place,
        &format!("train generator --name late --base small-gpt2 --split second {SMALL}"),
    );
    let add = ["A later thought.", "--who", "bob"];
    let added = run(&place, "study hypothesis --split main", &add);
    assert_eq!(added.status, Some(0), "{added}");
    let of = only(&place);
    assert_eq!(of.faults, [""; 0]);
    for (item, said) in [
        ("Split", "run \"late\" was trained on split \"second\", 20"),
        ("Decision threshold", "of other used 0.7, 20"),
        ("Test set", "another checkpoint: other at step "),
        ("Hypothesis 3", "added by bob, 20"),
    ] {
        let list = changed(&of, item);
        assert!(
            list.iter().any(|one| one.contains(said)),
            "{item}: {list:?}"
        );
    }
    assert_eq!(changed(&of, "Hypothesis 1"), [""; 0]);

    // an evaluation that is deleted was made all the same
    let engine = place.engine();
    let id = engine.evaluation_of("judge").unwrap().id.to_string();
    drop(engine);
    place.ok(["evaluation", "delete", &id, "--yes"]);
    let of = only(&place);
    let list = changed(&of, "Test set");
    assert!(
        list.iter().any(|one| one.contains("was deleted later")),
        "{list:?}"
    );

    place.ok(["report", "other", "-o", "other.html"]);
    for file in ["other.html", "other.md"] {
        let text = std::fs::read_to_string(place.path(file)).unwrap();
        for part in [
            "Registered before training",
            "The judge is better than chance",
            "A later thought",
            "changed later: ",
            "unchanged",
        ] {
            assert!(text.contains(part), "{file}: {part}");
        }
    }
    // what was used cannot be registered any more, also if its evaluation is gone
    ok(&place, "evaluate late --limit 4 --device cpu");
    let freeze = "study freeze --split second --metric perplexity --hypothesis Late.";
    let refused = run(&place, freeze, &[]);
    assert_eq!(refused.status, Some(2), "{refused}");
    assert!(
        refused
            .err
            .contains("run \"late\" was evaluated on its test set"),
        "{refused}"
    );
    let engine = place.engine();
    let id = engine.evaluation_of("late").unwrap().id.to_string();
    drop(engine);
    place.ok(["evaluation", "delete", &id, "--yes"]);
    let refused = run(&place, freeze, &[]);
    assert!(
        refused.err.contains("was evaluated on its test set"),
        "{refused}"
    );
}

#[test]
fn split_is_registered_after_training_and_its_end_is_dated() {
    let place = registered();
    ok(&place, "split make second --seed 9");
    ok(
        &place,
        &format!("train generator --name writer --base small-gpt2 --split second {SMALL}"),
    );
    ok(
        &place,
        "study freeze --split second --metric perplexity --hypothesis Fine.",
    );
    let all = place.engine().study_registered().unwrap();
    assert_eq!(all.len(), 2);
    let value = &all[1].items[0].value;
    assert!(
        value.contains("after these runs had been trained on it: writer"),
        "{value}"
    );
    // a run on another registered split is no change of this one
    assert_eq!(changed(&all[0], "Split"), [""; 0]);
    place.ok(["split", "delete", "main", "--yes"]);
    let all = place.engine().study_registered().unwrap();
    let list = changed(&all[0], "Split");
    assert!(list[0].starts_with("it was deleted, 20"), "{list:?}");
}

#[test]
fn registration_that_was_changed_outside_is_named() {
    let place = registered();
    let mut elsewhere = place.engine();
    elsewhere.environment.state = Some(place.path("another machine"));
    let faults = elsewhere.study_registered().unwrap().remove(0).faults;
    assert_eq!(faults, ["it was registered on another machine"]);
    drop(elsewhere);
    let edit = |sql: &str| {
        assert_eq!(
            database(&place.project()).execute(sql, []).unwrap(),
            1,
            "{sql}"
        );
    };
    edit(
        "UPDATE setting SET value = replace(value, 'Length says little', 'Length says all')
         WHERE key = 'study.registered'",
    );
    let of = only(&place);
    assert!(
        changed(&of, "Hypothesis 2")[0].contains("not the registered one"),
        "{of:?}"
    );
    edit(
        "UPDATE setting SET value = json_set(value, '$[0].metric', 'auc') WHERE key = 'study.registered'",
    );
    let faults = only(&place).faults;
    assert!(
        faults[0].contains("changed outside of Repartee"),
        "{faults:?}"
    );
    assert!(
        faults[1].contains("the audit log has no entry"),
        "{faults:?}"
    );
    edit("DELETE FROM setting WHERE key = 'study.registered'");
    let of = only(&place);
    assert_eq!(of.split, "main");
    assert!(of.faults[0].contains("does not hold it any more"), "{of:?}");
    let shown = place.ok(["study"]).out;
    assert!(shown.contains("does not hold it any more"), "{shown}");
}
